/* SPDX-License-Identifier: MIT */
/*
 * Streams: their life, their pace, and what clients say on them (PROTOCOL
 * §6.1).
 *
 * A stream reads the history by its own cursor and only as fast as its bytes
 * leave, so that a slow consumer costs a position, not memory.
 */
#include "sim/service-stream.h"

#include "base/err.h"
#include "sim/service-fault.h"

enum {
  PONG_MS = 10000,
  MISSES_MAX = 3,
  SUBSCRIBE_MS = 10000, /* for the first message */
};

int gcn__sim_streams_new(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams =
      gcn__alloc_zero(sim->mem, sizeof(*streams));
  if (streams == NULL) return GCN__ENOMEM;
  sim->streams = streams;
  gcn__sim_history_init(&streams->history, sim->mem,
                        sim->options.stream_history_max,
                        sim->options.stream_retention_ms);
  gcn__sim_text_init(&streams->text, sim->mem, GCN__SIM_SCRATCH_SIZE_MAX);
  gcn__list_init(&streams->posted);
  gcn__list_init(&streams->tickets);
  gcn__list_init(&streams->lacks);
  streams->ping_gap_ms = sim->options.stream_ping_gap_ms;
  streams->drain_ms = GCN__NEVER;
  return 0;
}

void gcn__sim_streams_free(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams == NULL) return;
  gcn__sim_history_deinit(&streams->history);
  gcn__sim_sources_free(sim);
  gcn__sim_stream_rest_free(sim);
  gcn__sim_lack_drop(sim, GCN__SIM_LACK_ANY, NULL);
  gcn__sim_text_deinit(&streams->text);
  gcn__free(sim->mem, streams->entries,
            streams->entry_capacity * sizeof(*streams->entries));
  gcn__free(sim->mem, streams, sizeof(*streams));
  sim->streams = NULL;
}

struct gcn__sim_stream* gcn__sim_stream_new(struct gcn__sim* sim,
                                            uint64_t now_ms) {
  struct gcn__sim_stream* stream = gcn__alloc_zero(sim->mem, sizeof(*stream));
  if (stream == NULL) return NULL;
  gcn__sim_interests_init(&stream->interests, sim->mem);
  stream->subscribe_by_ms = gcn__time_add(now_ms, SUBSCRIBE_MS);
  stream->ping_ms = gcn__time_add(now_ms, sim->options.stream_ping_ms);
  stream->pong_ms = GCN__NEVER;
  stream->pinged_ms = GCN__NEVER;
  stream->batch_ms = now_ms;
  return stream;
}

void gcn__sim_stream_free(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                          uint64_t now_ms) {
  if (stream == NULL) return;
  gcn__sim_posted_leave(stream->posted, now_ms);
  gcn__sim_interests_deinit(&stream->interests);
  gcn__free(sim->mem, stream, sizeof(*stream));
}

void gcn__sim_stream_end(struct gcn__sim_conn* conn, uint64_t now_ms) {
  gcn__sim_stream_free(conn->sim, conn->stream, now_ms);
  conn->stream = NULL;
}

void gcn__sim_stream_close(struct gcn__sim_conn* conn, unsigned code,
                           const char* reason, uint64_t now_ms) {
  gcn__sim_log(conn->sim, now_ms, "#%llu stream closed by us: %u %s",
               (unsigned long long)conn->serial, code, reason);
  gcn__sim_ws_close(conn, code, reason, now_ms);
  gcn__sim_ws_gone(conn, now_ms);
}

static size_t unsent_of(const struct gcn__sim_conn* conn) {
  return gcn__buf_size(&conn->out.bytes);
}

static bool has_room(const struct gcn__sim_conn* conn) {
  return unsent_of(conn) < GCN__SIM_UNSENT_MAX;
}

void gcn__sim_stream_queued(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  uint64_t* unsent_max = &conn->sim->counters.unsent_max;
  size_t unsent = unsent_of(conn);
  if (unsent > *unsent_max) *unsent_max = unsent;
  if (stream->mark != 0 || unsent == 0) return;
  stream->mark = stream->sent + unsent;
  stream->mark_ms = now_ms;
}

void gcn__sim_stream_sent(struct gcn__sim_conn* conn, size_t size,
                          uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  stream->sent += size;
  if (stream->mark != 0 && stream->sent >= stream->mark) stream->mark = 0;
  gcn__sim_stream_queued(conn, now_ms);
  gcn__sim_stream_pump(conn, now_ms);
}

/* Looks at what is new, up to a full batch. */
static void scan(struct gcn__sim* sim, struct gcn__sim_stream* stream) {
  const struct gcn__sim_history* history = &sim->streams->history;
  while (stream->seen < history->next &&
         stream->pending < stream->batch_count_max) {
    const struct gcn__sim_record* record =
        gcn__sim_history_at(history, stream->seen);
    bool wanted = gcn__sim_stream_wants(sim, stream, record);
    stream->seen++;
    if (wanted && stream->pending++ == 0) stream->since_ms = record->at_ms;
    if (stream->pending > 0) continue;
    stream->cursor = stream->seen;
    stream->covered = record->sequence;
    stream->covered_ms = record->at_ms;
  }
}

static bool is_overtaken(const struct gcn__sim* sim,
                         const struct gcn__sim_stream* stream) {
  return stream->cursor < sim->streams->history.first;
}

static uint64_t flush_ms(const struct gcn__sim_stream* stream) {
  uint64_t at_ms = GCN__NEVER;
  if (stream->pending >= stream->batch_count_max || stream->copies > 0) {
    return 0;
  }
  if (stream->pending > 0) {
    at_ms = gcn__time_add(stream->since_ms, stream->latency_ms);
  }
  if (!stream->beats) return at_ms;
  return gcn__time_min(at_ms,
                       gcn__time_add(stream->batch_ms, stream->latency_ms));
}

static void close_slow(struct gcn__sim_conn* conn, uint64_t now_ms) {
  conn->sim->counters.streams_slow++;
  gcn__sim_stream_close(conn, GCN__SIM_CLOSE_LATER, "slow consumer", now_ms);
}

/* A batch may make a rule end the stream. */
void gcn__sim_stream_pump(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  while (conn->stream != NULL && conn->stream->ready &&
         gcn__sim_ws_can_send(conn)) {
    struct gcn__sim_stream* stream = conn->stream;
    if (is_overtaken(sim, stream)) {
      close_slow(conn, now_ms);
      return;
    }
    scan(sim, stream);
    if (!has_room(conn) || flush_ms(stream) > now_ms) return;
    gcn__sim_stream_batch(conn, now_ms);
  }
}

static struct gcn__sim_conn* conn_of(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_conn, link);
}

void gcn__sim_streams_pump(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    if (conn_of(at)->stream != NULL) gcn__sim_stream_pump(conn_of(at), now_ms);
  }
}

static void ping(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  if (conn->sim->streams->pings_stopped || stream->ping_ms > now_ms) return;
  stream->ping_ms = gcn__time_add(now_ms, conn->sim->options.stream_ping_ms);
  stream->pong_ms =
      gcn__time_min(stream->pong_ms, gcn__time_add(now_ms, PONG_MS));
  gcn__sim_ws_send(conn, GCN__WS_PING, GCN__SPAN("stream"), now_ms);
  gcn__sim_judge_ping(conn->sim, conn, now_ms);
}

/* True if the stream has been closed for it. */
static bool miss_pong(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  if (stream->pong_ms > now_ms) return false;
  stream->pong_ms = GCN__NEVER;
  if (++stream->misses < MISSES_MAX) return false;
  gcn__sim_stream_close(conn, GCN__WS_CLOSE_GOING_AWAY, "Pong timeout exceeded",
                        now_ms);
  return true;
}

/* When the consumer is too far behind, as far as that is its doing. */
static uint64_t slow_ms(const struct gcn__sim_conn* conn) {
  const struct gcn__sim_stream* stream = conn->stream;
  uint64_t patience_ms = conn->sim->options.stream_slow_ms;
  uint64_t at_ms = GCN__NEVER;
  if (patience_ms == 0) return at_ms;
  if (stream->mark != 0) at_ms = gcn__time_add(stream->mark_ms, patience_ms);
  if (has_room(conn) || stream->pending == 0) return at_ms;
  /* What happened before it came is not held against it. */
  uint64_t since_ms = gcn__time_max(stream->since_ms, stream->ready_ms);
  return gcn__time_min(at_ms, gcn__time_add(since_ms, patience_ms));
}

static bool give_up(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (conn->stream->subscribe_by_ms <= now_ms) {
    gcn__sim_stream_close(conn, GCN__WS_CLOSE_POLICY, "no subscriptions came",
                          now_ms);
    return true;
  }
  if (slow_ms(conn) > now_ms) return false;
  close_slow(conn, now_ms);
  return true;
}

void gcn__sim_stream_tick(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (conn->stream == NULL) return;
  if (miss_pong(conn, now_ms) || give_up(conn, now_ms)) return;
  ping(conn, now_ms);
  gcn__sim_stream_pump(conn, now_ms);
}

uint64_t gcn__sim_stream_deadline(const struct gcn__sim_conn* conn) {
  const struct gcn__sim_stream* stream = conn->stream;
  if (stream == NULL || conn->failed) return GCN__NEVER;
  uint64_t at_ms = gcn__time_min(stream->pong_ms, stream->subscribe_by_ms);
  at_ms = gcn__time_min(at_ms, slow_ms(conn));
  if (!conn->sim->streams->pings_stopped) {
    at_ms = gcn__time_min(at_ms, stream->ping_ms);
  }
  if (!stream->ready || !has_room(conn)) return at_ms;
  return gcn__time_min(at_ms, flush_ms(stream));
}

static void answer_ill(struct gcn__sim_conn* conn, unsigned code,
                       const char* why, uint64_t now_ms) {
  struct gcn__sim_text* text = &conn->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"errors\":[");
  gcn__sim_text_json(text, gcn__span_str(why));
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) {
    conn->failed = true;
    return;
  }
  gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__buf_span(&text->buf), now_ms);
  gcn__sim_stream_close(conn, code, why, now_ms);
}

/* The first message of thread C. */
static void subscribe(struct gcn__sim_conn* conn,
                      const struct gcn__json* message, uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  const char* why = "no subscriptions";
  int error = gcn__sim_interests_read(
      &stream->interests, gcn__json_get(message, "subscriptions"), &why);
  if (error == GCN__ENOMEM) conn->failed = true;
  if (error == GCN__ENOMEM) return;
  if (error != 0 || stream->interests.count == 0) {
    answer_ill(conn, GCN__SIM_CLOSE_INVALID, why, now_ms);
    return;
  }
  struct gcn__sim_verdict_on verdict;
  gcn__sim_check_all(conn->sim, &stream->interests, &verdict);
  if (verdict.finding == GCN__SIM_GONE) {
    gcn__sim_stream_close(conn, verdict.lack->code, GCN__SIM_BAD_SUBSCRIPTION,
                          now_ms);
  } else if (verdict.finding != GCN__SIM_FINE) {
    answer_ill(conn, GCN__WS_CLOSE_POLICY, verdict.why, now_ms);
  } else {
    struct gcn__span resume = gcn__json_member(message, "lastEventId");
    if (resume.data != NULL)
      gcn__sim_stream_ask(conn->sim, stream, resume, false);
    conn->sim->counters.subscribes++;
    gcn__sim_fault_count(conn->sim, GCN__COUNT_SUBSCRIBE, conn, now_ms);
    if (conn->stream != NULL) gcn__sim_stream_begin(conn, now_ms);
  }
}

/* Nothing may be subscribed to on a stream that has its subscriptions; what
 * else a client says does no harm. */
void gcn__sim_stream_said(struct gcn__sim_conn* conn, struct gcn__span text,
                          uint64_t now_ms) {
  struct gcn__json* message = gcn__json_parse(text, NULL);
  if (gcn__json_get(message, "subscriptions") == NULL) {
    gcn__json_free(message, false);
    return;
  }
  if (conn->stream->ready) {
    gcn__sim_stream_close(conn, GCN__SIM_CLOSE_BAD_REQUEST, "protocol error",
                          now_ms);
  } else {
    subscribe(conn, message, now_ms);
  }
  gcn__json_free(message, false);
}

bool gcn__sim_stream_pinged(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_stream* stream = conn->stream;
  if (stream == NULL) return true;
  uint64_t gap_ms = conn->sim->streams->ping_gap_ms;
  uint64_t former_ms = stream->pinged_ms;
  stream->pinged_ms = now_ms;
  bool fast = former_ms != GCN__NEVER && now_ms - former_ms < gap_ms;
  if (!fast) return true;
  conn->sim->counters.pings_too_fast++;
  gcn__sim_fault_count(conn->sim, GCN__COUNT_FAST_PING, conn, now_ms);
  if (conn->stream == NULL) return false;
  gcn__sim_stream_close(conn, GCN__WS_CLOSE_PROTOCOL, "ping too fast", now_ms);
  return false;
}

void gcn__sim_stream_ponged(struct gcn__sim_conn* conn) {
  if (conn->stream == NULL) return;
  conn->stream->pong_ms = GCN__NEVER;
  conn->stream->misses = 0;
}

void gcn__sim_streams_expire(struct gcn__sim* sim,
                             const struct gcn__sim_token* token,
                             uint64_t now_ms) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_of(at);
    if (conn->stream == NULL || conn->stream->token != token->serial) continue;
    sim->counters.streams_expired++;
    gcn__sim_stream_close(conn, sim->options.stream_expiry_code,
                          token->revoked ? "token_revoked" : "token_expired",
                          now_ms);
  }
}

/* A rolling update takes one socket after the other. */
static void drain(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams->drain_ms > now_ms) return;
  streams->drain_ms = GCN__NEVER;
  bool closed = false;
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_of(at);
    if (conn->stream == NULL || !conn->stream->draining) continue;
    if (closed)
      streams->drain_ms = gcn__time_add(now_ms, streams->drain_gap_ms);
    if (closed) return;
    closed = true;
    gcn__sim_stream_close(conn, GCN__WS_CLOSE_GOING_AWAY, "rolling update",
                          now_ms);
  }
}

void gcn__sim_streams_tick(struct gcn__sim* sim, uint64_t now_ms) {
  gcn__sim_tickets_end(sim, false, now_ms);
  gcn__sim_history_trim(&sim->streams->history, now_ms);
  drain(sim, now_ms);
}

uint64_t gcn__sim_streams_deadline(const struct gcn__sim* sim) {
  return gcn__time_min(sim->streams->drain_ms, gcn__sim_tickets_deadline(sim));
}
