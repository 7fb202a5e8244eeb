/* SPDX-License-Identifier: MIT */
/*
 * Where a stream begins: at the position that it asks for, or now.
 *
 * A position is lost if an event behind it has been forgotten, or if it never
 * was one of ours.
 */
#include "sim/service-fault.h"
#include "sim/service-stream.h"

enum { DAYS_PER_ERA = 146097, ISO_SIZE = 24, MS_PER_DAY = 86400000 };

static bool read_digits(struct gcn__span text, size_t at, size_t count,
                        uint64_t* out) {
  *out = 0;
  for (size_t i = at; i < at + count; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *out = *out * 10 + (uint64_t)(text.data[i] - '0');
  }
  return true;
}

/* Days since 1970: the inverse of what sim/text.c does. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day) {
  uint64_t march_year = month <= 2 ? year - 1 : year;
  uint64_t march = month <= 2 ? month + 9 : month - 3;
  uint64_t in_era = march_year % 400;
  uint64_t in_year = (153 * march + 2) / 5 + day - 1;
  return march_year / 400 * DAYS_PER_ERA + in_era * 365 + in_era / 4 -
         in_era / 100 + in_year - 719468;
}

/* "2031-04-02T08:15:30.123Z", as we write it. */
static bool read_moment(struct gcn__span text, uint64_t* wall_ms) {
  static const char form[] = "....-..-..T..:..:......Z";
  static const struct {
    size_t at;
    size_t count;
    uint64_t min;
    uint64_t max;
  } parts[] = {{0, 4, 1970, 9999}, {5, 2, 1, 12},  {8, 2, 1, 31},
               {11, 2, 0, 23},     {14, 2, 0, 59}, {17, 2, 0, 59},
               {20, 3, 0, 999}};
  uint64_t values[7];
  if (text.size != ISO_SIZE || text.data[19] != '.') return false;
  for (size_t i = 0; i < ISO_SIZE; i++) {
    if (form[i] != '.' && form[i] != text.data[i]) return false;
  }
  for (size_t i = 0; i < 7; i++) {
    if (!read_digits(text, parts[i].at, parts[i].count, &values[i])) {
      return false;
    }
    if (values[i] < parts[i].min || values[i] > parts[i].max) return false;
  }
  *wall_ms = days_of(values[0], values[1], values[2]) * MS_PER_DAY +
             values[3] * 3600000 + values[4] * 60000 + values[5] * 1000 +
             values[6];
  return true;
}

void gcn__sim_stream_ask(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                         struct gcn__span position, bool is_time) {
  uint64_t base_ms = sim->options.wall_base_ms;
  stream->asks = true;
  stream->asks_time = is_time;
  stream->asked = GCN__NEVER;
  if (!is_time) {
    uint64_t sequence;
    if (!gcn__sim_stream_sequence(position, &sequence)) return;
    if (sequence <= sim->sequence) stream->asked = sequence;
    return;
  }
  uint64_t wall_ms;
  if (!read_moment(position, &wall_ms)) return;
  stream->asked = wall_ms > base_ms ? wall_ms - base_ms : 0;
}

static bool find_position(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                          uint64_t* position) {
  struct gcn__sim_streams* streams = sim->streams;
  const struct gcn__sim_history* history = &streams->history;
  if (streams->lost > 0) {
    if (streams->lost != UINT64_MAX) streams->lost--;
    return false;
  }
  if (stream->asked == GCN__NEVER) return false;
  return stream->asks_time
             ? gcn__sim_history_since(history, stream->asked, position)
             : gcn__sim_history_after(history, stream->asked, position);
}

static void go_on_from(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                       uint64_t position) {
  const struct gcn__sim_history* history = &sim->streams->history;
  stream->fresh = position;
  stream->covered = history->lost_sequence;
  stream->covered_ms = history->lost_ms;
  if (position > history->first) {
    const struct gcn__sim_record* record =
        gcn__sim_history_at(history, position - 1);
    stream->covered = record->sequence;
    stream->covered_ms = record->at_ms;
  }
  stream->cursor =
      gcn__sim_stream_back(sim, stream, position, sim->options.stream_repeat);
  stream->seen = stream->cursor;
}

/* False if the stream has been closed for it. */
static bool resume(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_stream* stream = conn->stream;
  uint64_t position = 0;
  if (find_position(sim, stream, &position)) {
    if (sim->options.stream_tells_resumed) stream->told = GCN__SIM_RESUMED;
    go_on_from(sim, stream, position);
    sim->counters.streams_resumed++;
    gcn__sim_fault_count(sim, GCN__COUNT_RESUME, conn, now_ms);
    return conn->stream != NULL;
  }
  stream->told = GCN__SIM_NOT_RESUMED;
  sim->counters.resumes_lost++;
  gcn__sim_fault_count(sim, GCN__COUNT_RESUME_LOST, conn, now_ms);
  if (conn->stream == NULL) return false;
  if (sim->options.stream_lost_goes_on) return true;
  gcn__sim_stream_close(conn, GCN__SIM_CLOSE_LOST,
                        "resume position not available", now_ms);
  return false;
}

void gcn__sim_stream_begin(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_stream* stream = conn->stream;
  struct gcn__sim_history* history = &sim->streams->history;
  bool woken = gcn__sim_sources_wake(sim, &stream->interests, now_ms);
  if (!woken || !gcn__sim_stream_remember(sim, stream)) {
    conn->failed = true;
    return;
  }
  gcn__sim_history_trim(history, now_ms);
  stream->subscribe_by_ms = GCN__NEVER;
  stream->batch_ms = now_ms;
  stream->cursor = history->next;
  stream->seen = history->next;
  stream->fresh = history->next;
  stream->covered = sim->sequence;
  stream->covered_ms = now_ms;
  if (stream->asks && !resume(conn, now_ms)) return;
  conn->stream->ready = true;
  conn->stream->ready_ms = now_ms;
  gcn__sim_stream_pump(conn, now_ms);
}
