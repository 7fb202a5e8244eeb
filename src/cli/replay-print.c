/* SPDX-License-Identifier: MIT */
/*
 * See replay-print.h.  Every word comes from a list of ours; a dump holds none.
 */
#include "cli/replay-print.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/text.h"
#include "core/replay.h"
#include "gcnotify.h"

enum { WORDS_SIZE = 512 };

/* The verbs with `separator` between them. */
static const char* verbs_text(char out[WORDS_SIZE], uint32_t verbs,
                              const char* separator, const char* quote) {
  size_t size = 0;
  out[0] = '\0';
  for (unsigned v = 0; v < GCN__VERB_COUNT; v++) {
    if ((verbs >> v & 1) == 0) continue;
    int more = snprintf(out + size, WORDS_SIZE - size, "%s%s%s%s",
                        size == 0 ? "" : separator, quote,
                        gcn__verb_name((enum gcn__verb_index)v), quote);
    if (more < 0 || (size_t)more >= WORDS_SIZE - size) break;
    size += (size_t)more;
  }
  return out;
}

static bool has_wall_clock(const struct gcn__record_reader* dump) {
  return dump->unix_ms > 0;
}

/* On the wall clock if the dump knows it, else on the recorder's own. */
static void time_text(char out[GCN__TEXT_TIME_SIZE],
                      const struct gcn__record_reader* dump, uint64_t at_ms) {
  if (has_wall_clock(dump)) {
    uint64_t unix_ms = (uint64_t)dump->unix_ms - dump->now_ms + at_ms;
    gcn__text_time_utc(out, (int64_t)unix_ms);
  } else {
    snprintf(out, GCN__TEXT_TIME_SIZE, "%" PRIu64 ".%03u s", at_ms / 1000,
             (unsigned)(at_ms % 1000));
  }
}

static int print_failure(struct gcn__buf* out,
                         const struct gcn__record* record) {
  int error = 0;
  if (record->error != 0) {
    error = gcn__buf_printf(out, ", %s (%d)", gcn_err_name(record->error),
                            record->error);
  }
  if (error == 0 && record->http_status != 0) {
    error = gcn__buf_printf(out, ", HTTP %d", record->http_status);
  }
  if (error == 0 && record->close_code != 0) {
    error = gcn__buf_printf(out, ", close code %d", record->close_code);
  }
  return error;
}

static int print_numbers(struct gcn__buf* out,
                         const struct gcn__record* record) {
  char words[WORDS_SIZE];
  int error = 0;
  if (record->verbs != 0) {
    error =
        gcn__buf_printf(out, "  %s", verbs_text(words, record->verbs, " ", ""));
  }
  if (error == 0) {
    error = gcn__buf_printf(out, "  attempt %" PRIu64 ", failures %" PRIu64,
                            record->attempt, record->failures);
  }
  if (error == 0 && record->delay_ms > 0) {
    error = gcn__buf_printf(out, ", waits %" PRIu64 " ms", record->delay_ms);
  }
  if (error == 0 && record->count > 1) {
    error = gcn__buf_printf(out, ", %" PRIu64 " times in %" PRIu64 " ms",
                            record->count, record->at_ms - record->since_ms);
  }
  return error;
}

/* "DIFFERS: TO: recorded STREAMING, this version CLOSING" */
static int print_difference(struct gcn__buf* out,
                            const struct gcn__replay_line* line,
                            enum gcn__replay_index index) {
  const struct gcn__record* record = line->record;
  const struct gcn__record* now = line->now;
  char recorded[WORDS_SIZE] = "";
  char this_version[WORDS_SIZE] = "";
  switch (index) {
  case GCN__REPLAY_INDEX_TO:
    snprintf(recorded, WORDS_SIZE, "%s", gcn__state_name(record->to));
    snprintf(this_version, WORDS_SIZE, "%s", gcn__state_name(now->to));
    break;
  case GCN__REPLAY_INDEX_VERBS:
    verbs_text(recorded, record->verbs, " ", "");
    verbs_text(this_version, now->verbs, " ", "");
    break;
  case GCN__REPLAY_INDEX_FAILURES:
    snprintf(recorded, WORDS_SIZE, "%" PRIu64, record->failures);
    snprintf(this_version, WORDS_SIZE, "%" PRIu64, now->failures);
    break;
  case GCN__REPLAY_INDEX_ATTEMPT:
    snprintf(recorded, WORDS_SIZE, "%" PRIu64, record->attempt);
    snprintf(this_version, WORDS_SIZE, "%" PRIu64, now->attempt);
    break;
  case GCN__REPLAY_INDEX_ENTERED:
    snprintf(recorded, WORDS_SIZE, "%s", record->entered ? "entered" : "kept");
    snprintf(this_version, WORDS_SIZE, "%s", now->entered ? "entered" : "kept");
    break;
  case GCN__REPLAY_INDEX_FROM:
  case GCN__REPLAY_INDEX_NEVER:
  case GCN__REPLAY_COUNT:
    return gcn__buf_printf(out, "  DIFFERS: %s\n", gcn__replay_meaning(index));
  }
  return gcn__buf_printf(out, "  DIFFERS: %s: recorded %s, this version %s\n",
                         gcn__replay_meaning(index),
                         recorded[0] == '\0' ? "none" : recorded,
                         this_version[0] == '\0' ? "none" : this_version);
}

int gcn__replay_print_text(struct gcn__buf* out,
                           const struct gcn__replay_line* line) {
  const struct gcn__record* record = line->record;
  char time[GCN__TEXT_TIME_SIZE];
  time_text(time, line->dump, record->at_ms);
  int error = gcn__buf_printf(
      out, "%s  #%u  %s: %s %s %s", time, record->slot,
      gcn__input_name(record->input), gcn__state_name(record->from),
      record->entered ? "->" : "=", gcn__state_name(record->to));
  if (error == 0) error = print_numbers(out, record);
  if (error == 0) error = print_failure(out, record);
  if (error == 0) error = gcn__buf_append(out, "\n", 1);
  for (int i = 0; i < GCN__REPLAY_COUNT && error == 0; i++) {
    if ((line->differences >> i & 1) == 0) continue;
    error = print_difference(out, line, (enum gcn__replay_index)i);
  }
  return error;
}

/* What the table decides, recorded or now. */
static int print_decided(struct gcn__buf* out,
                         const struct gcn__record* record) {
  char words[WORDS_SIZE];
  return gcn__buf_printf(
      out,
      "\"to\":\"%s\",\"entered\":%s,\"verbs\":[%s],\"attempt\":%" PRIu64
      ",\"failures\":%" PRIu64,
      gcn__state_name(record->to), record->entered ? "true" : "false",
      verbs_text(words, record->verbs, ",", "\""), record->attempt,
      record->failures);
}

static int print_head(struct gcn__buf* out,
                      const struct gcn__replay_line* line) {
  const struct gcn__record* record = line->record;
  char time[GCN__TEXT_TIME_SIZE + 2] = "null";
  if (has_wall_clock(line->dump)) {
    char text[GCN__TEXT_TIME_SIZE];
    time_text(text, line->dump, record->at_ms);
    snprintf(time, sizeof time, "\"%s\"", text);
  }
  return gcn__buf_printf(
      out,
      "{\"v\":1,\"type\":\"record\",\"time\":%s,\"at_ms\":%" PRIu64
      ",\"since_ms\":%" PRIu64 ",\"count\":%" PRIu64
      ",\"slot\":%u,\"input\":\"%s\",\"from\":\"%s\",",
      time, record->at_ms, record->since_ms, record->count, record->slot,
      gcn__input_name(record->input), gcn__state_name(record->from));
}

static int print_tail(struct gcn__buf* out, const struct gcn__record* record) {
  char name[40] = "null";
  if (record->error != 0) {
    snprintf(name, sizeof name, "\"%s\"", gcn_err_name(record->error));
  }
  return gcn__buf_printf(out,
                         ",\"delay_ms\":%" PRIu64
                         ",\"error\":%d,\"error_name\":%s,\"http_status\":%d"
                         ",\"close_code\":%d,\"differences\":[",
                         record->delay_ms, record->error, name,
                         record->http_status, record->close_code);
}

static int print_names(struct gcn__buf* out, unsigned differences) {
  static const char* const names[] = {
#define REPLAY_NAME(name, meaning) #name,
      GCN__REPLAY_MAP(REPLAY_NAME)
#undef REPLAY_NAME
  };
  const char* before = "";
  for (int i = 0; i < GCN__REPLAY_COUNT; i++) {
    if ((differences >> i & 1) == 0) continue;
    int error = gcn__buf_printf(out, "%s\"%s\"", before, names[i]);
    if (error != 0) return error;
    before = ",";
  }
  return 0;
}

int gcn__replay_print_json(struct gcn__buf* out,
                           const struct gcn__replay_line* line) {
  int error = print_head(out, line);
  if (error == 0) error = print_decided(out, line->record);
  if (error == 0) error = print_tail(out, line->record);
  if (error == 0) error = print_names(out, line->differences);
  if (error == 0) error = gcn__buf_append_str(out, "],\"now\":{");
  if (error == 0) error = print_decided(out, line->now);
  if (error == 0) error = gcn__buf_append_str(out, "}}\n");
  return error;
}
