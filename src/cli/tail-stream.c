/* SPDX-License-Identifier: MIT */
/*
 * What the client tells becomes lines: data to the sink, news to the console,
 * and, where the options say so, the end.
 */
#include "cli/tail.h"

#include "cli/cli.h"
#include "cli/failure.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
  /* Reading stops while more than this waits for standard output... */
  WAITING_HIGH = 256 << 10,
  /* ... and goes on below this. */
  WAITING_LOW = 64 << 10,
  NOTICE_SIZE_MAX = 4 << 20, /* of all its parts */
};

static struct gcn__tail* tail_of(gcn_client_t* client) {
  return gcn_client_data(client);
}

/* An unfinished line is taken back. */
static void undo(struct gcn__buf* out, size_t size) {
  out->end = out->begin + size;
}

void gcn__tail_sent(struct gcn__tail* tail, size_t size_before, int error) {
  if (error != 0) {
    undo(&tail->sink.waiting, size_before);
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR,
                     "a line cannot be printed: %s", gcn_strerror(error));
    gcn__tail_finish(tail, GCN__EXIT_FAILURE);
    return;
  }
  tail->appended += gcn__buf_size(&tail->sink.waiting) - size_before;
  if (tail->shares) gcn__console_hide(&tail->console);
  gcn__sink_flush(&tail->sink);
  /* A window that may be shortened is what bounds the output then. */
  if (tail->options->full != GCN_FULL_WAIT) return;
  if (tail->paused || gcn__sink_waiting(&tail->sink) < WAITING_HIGH) return;
  tail->paused = true;
  gcn_client_pause(tail->client);
}

void gcn__tail_progress(void* ctx) {
  struct gcn__tail* tail = ctx;
  int error = tail->sink.error;
  if (error == UV_EPIPE) {
    if (tail->exit_code == GCN__EXIT_OK) tail->exit_code = 128 + SIGPIPE;
    gcn__tail_finish(tail, 128 + SIGPIPE);
  } else if (error != 0) {
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "standard output: %s",
                     uv_strerror(error));
    if (tail->exit_code == GCN__EXIT_OK) tail->exit_code = GCN__EXIT_FAILURE;
    gcn__tail_finish(tail, GCN__EXIT_FAILURE);
  }
  gcn__tail_pay(tail);
  size_t waiting = gcn__sink_waiting(&tail->sink);
  if (waiting == 0 && tail->finishing) gcn__tail_close(tail);
  if (waiting == 0 && tail->shares) gcn__console_show(&tail->console);
  if (tail->paused && waiting < WAITING_LOW && !tail->finishing) {
    tail->paused = false;
    gcn_client_resume(tail->client);
  }
  gcn__tail_end(tail);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  if (!gcn__match_test(tail->options->match, event)) {
    gcn__tail_owe(tail, event);
    return;
  }
  struct gcn__buf* out = &tail->sink.waiting;
  size_t before = gcn__buf_size(out);
  gcn__tail_sent(tail, before, gcn__output_event(&tail->output, out, event));
  if (tail->finishing) return;
  gcn__tail_owe(tail, event);
  tail->printed++;
  gcn__tail_touch(tail);
  if (tail->printed == tail->options->count) {
    gcn__tail_finish(tail, GCN__EXIT_OK);
  }
}

static void on_heartbeat(gcn_client_t* client) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing || !tail->options->heartbeat) return;
  struct gcn__buf* out = &tail->sink.waiting;
  size_t before = gcn__buf_size(out);
  gcn__tail_sent(
      tail, before,
      gcn__output_heartbeat(&tail->output, out, gcn__tail_unix_ms()));
}

static void print_notice(struct gcn__tail* tail, const gcn_event_t* notice) {
  gcn__console_say(&tail->console, GCN__CONSOLE_INFO, "the service says: %.*s",
                   (int)(notice->topic.size > 100 ? 100 : notice->topic.size),
                   notice->topic.size == 0 ? "" : notice->topic.data);
  if (!tail->options->meta) return;
  struct gcn__buf* out = &tail->sink.waiting;
  size_t before = gcn__buf_size(out);
  gcn__tail_sent(tail, before, gcn__output_notice(&tail->output, out, notice));
}

static gcn_span_t part_of(const struct gcn__buf* text, size_t from, size_t to) {
  struct gcn__span whole = gcn__buf_span(text);
  return (gcn_span_t){.data = whole.data + from, .size = to - from};
}

/* System messages name the channel, in the topic and in the body. */
static void on_notice(gcn_client_t* client, const gcn_event_t* notice) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  const gcn_span_t parts[] = {notice->topic, notice->body, notice->message};
  size_t ends[4] = {0};
  struct gcn__buf text;
  int error = 0;
  gcn__buf_init(&text, &gcn__mem_libc, NOTICE_SIZE_MAX);
  for (size_t i = 0; error == 0 && i < 3; i++) {
    error =
        gcn__text_mask_channels(&text, gcn__span(parts[i].data, parts[i].size));
    ends[i + 1] = gcn__buf_size(&text);
  }
  gcn_event_t masked = *notice;
  masked.topic = part_of(&text, ends[0], ends[1]);
  masked.body = part_of(&text, ends[1], ends[2]);
  masked.message = part_of(&text, ends[2], ends[3]);
  if (error == 0) print_notice(tail, &masked);
  gcn__buf_deinit(&text);
}

/* Lines say which connection they are about once there are several. */
static void count_connections(struct gcn__tail* tail, unsigned index) {
  if (index > 0) tail->output.many = true;
}

enum { INDEX_SIZE = 32 };

/* "" or " [connection 3]" */
static const char* index_text(const struct gcn__tail* tail, unsigned index,
                              char out[INDEX_SIZE]) {
  if (!tail->output.many) return "";
  snprintf(out, INDEX_SIZE, " [connection %u]", index);
  return out;
}

/* News that pretty lines carry need not be told twice. */
static bool is_printed(const struct gcn__tail* tail) {
  return tail->options->meta && tail->output.form == GCN__OUTPUT_PRETTY;
}

static void tell_open(struct gcn__tail* tail, uint64_t outage_ms,
                      unsigned connection) {
  char which[INDEX_SIZE];
  const char* index = index_text(tail, connection, which);
  enum gcn__console_level level =
      tail->told_lost ? GCN__CONSOLE_NOTE : GCN__CONSOLE_INFO;
  tail->told_lost = false;
  if (is_printed(tail)) return;
  if (outage_ms == UINT64_MAX) {
    gcn__console_say(&tail->console, level,
                     "streaming: the topics are confirmed%s", index);
    return;
  }
  char age[GCN__TEXT_AGE_SIZE];
  gcn__text_age(age, outage_ms);
  gcn__console_say(&tail->console, level,
                   "streaming again after %s without a stream%s", age, index);
}

/* True if no further attempt is wanted. */
static bool gives_up(const struct gcn__tail* tail,
                     const gcn_transition_t* transition) {
  uint64_t failures = transition->failures == 0 ? 1 : transition->failures;
  return failures > tail->options->retries_max;
}

static void handle_loss(struct gcn__tail* tail,
                        const gcn_transition_t* transition) {
  char line[GCN__FAILURE_LINE_SIZE];
  gcn__failure_describe(line, transition);
  if (gives_up(tail, transition)) {
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s", line);
    gcn__tail_finish(tail, GCN__EXIT_RECONNECT);
    return;
  }
  tail->told_lost = true;
  if (is_printed(tail)) return;
  char age[GCN__TEXT_AGE_SIZE];
  char which[INDEX_SIZE];
  gcn__text_age(age, transition->retry_in);
  gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                   "%s; next attempt in %s%s", line, age,
                   index_text(tail, transition->connection_index, which));
}

static void handle_refusal(struct gcn__tail* tail,
                           const gcn_transition_t* transition) {
  const gcn_failure_t* failure = transition->failure;
  if (failure != NULL && failure->op == GCN_OP_CHECKPOINT) {
    gcn__tail_unreadable(tail, failure);
    return;
  }
  bool rejected = failure != NULL && failure->error == GCN_ESUBSCRIPTION;
  char line[GCN__FAILURE_LINE_SIZE];
  gcn__failure_describe(line, transition);
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s", line);
  gcn__tail_finish(tail, rejected ? GCN__EXIT_TOPIC : GCN__EXIT_AUTH);
}

/* A refusal is not final for a client that may be given other credentials; if
 * there are none, it is for us. */
static bool is_refusal(struct gcn__tail* tail,
                       const gcn_transition_t* transition) {
  if (transition->to == GCN_REFUSED) return true;
  const gcn_failure_t* failure = transition->failure;
  if (transition->to != GCN_BACKING_OFF || failure == NULL) return false;
  if (failure->error == GCN_ESUBSCRIPTION) return tail->options->strict_topics;
  if (failure->error != GCN_EAUTH || !tail->rereads) return false;
  return !gcn__tail_has_new_secret(tail);
}

/* How long there was no stream; UINT64_MAX for the first one. */
static uint64_t outage_of(struct gcn__tail* tail,
                          const gcn_transition_t* transition) {
  unsigned index = transition->connection_index;
  if (transition->to != GCN_STREAMING || index >= GCN_CONNECTION_COUNT_MAX ||
      tail->streams[index]++ == 0) {
    return UINT64_MAX;
  }
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(tail->client, &stats);
  return stats.last_outage;
}

static const char* reason_of(const gcn_transition_t* transition) {
  return transition->reason == NULL ? "" : transition->reason;
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  if (transition->to == GCN_CONNECTING) gcn__tail_moved(tail);
  count_connections(tail, transition->connection_index);
  uint64_t outage_ms = outage_of(tail, transition);
  if (tail->options->meta) {
    struct gcn__buf* out = &tail->sink.waiting;
    size_t before = gcn__buf_size(out);
    gcn__tail_sent(tail, before,
                   gcn__output_state(&tail->output, out, gcn__tail_unix_ms(),
                                     transition, outage_ms));
  }
  if (tail->finishing) return;
  gcn__console_say(&tail->console, GCN__CONSOLE_DEBUG, "%s -> %s: %s",
                   gcn_state_name(transition->from),
                   gcn_state_name(transition->to), reason_of(transition));
  if (transition->to == GCN_STREAMING) {
    gcn__tail_touch(tail);
    tell_open(tail, outage_ms, transition->connection_index);
  }
  if (is_refusal(tail, transition)) {
    handle_refusal(tail, transition);
  } else if (transition->to == GCN_BACKING_OFF) {
    handle_loss(tail, transition);
  }
}

static int shown(gcn_span_t text) {
  return (int)(text.size > 400 ? 400 : text.size);
}

static const char* data_of(gcn_span_t text) {
  return text.data == NULL ? "" : text.data;
}

static void tell_rejected(struct gcn__tail* tail, enum gcn__console_level level,
                          const gcn_topic_result_t* result) {
  bool needs = result->missing_permissions.size > 0;
  gcn_span_t reason = result->reason;
  if (reason.size == 0) reason = (gcn_span_t){"no reason given", 15};
  gcn__console_say(
      &tail->console, level, "topic %.*s was rejected: %.*s%s%.*s",
      shown(result->topic), data_of(result->topic), shown(reason), reason.data,
      needs ? "; give the OAuth client a role with " : "",
      shown(result->missing_permissions), data_of(result->missing_permissions));
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  if (tail->options->meta) {
    struct gcn__buf* out = &tail->sink.waiting;
    size_t before = gcn__buf_size(out);
    gcn__tail_sent(
        tail, before,
        gcn__output_topic(&tail->output, out, gcn__tail_unix_ms(), result));
  }
  if (tail->finishing) return;
  bool strict = tail->options->strict_topics;
  if (result->verdict == GCN_TOPIC_REJECTED && strict) {
    tell_rejected(tail, GCN__CONSOLE_ERROR, result);
    gcn__tail_finish(tail, GCN__EXIT_TOPIC);
  } else if (is_printed(tail)) {
    return;
  } else if (result->verdict == GCN_TOPIC_REJECTED) {
    tell_rejected(tail, GCN__CONSOLE_WARN, result);
  } else if (result->verdict == GCN_TOPIC_UNKNOWN) {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                     "the service did not say what became of topic %.*s",
                     shown(result->topic), data_of(result->topic));
  }
}

static const char* certainty_words(gcn_certainty_t certainty) {
  switch (certainty) {
  case GCN_CERTAINTY_BLIND: return "may be missing";
  case GCN_CERTAINTY_DROPPED: return "were dropped";
  case GCN_CERTAINTY_POSSIBLE: break;
  }
  return "are possibly missing";
}

static void tell_gap(struct gcn__tail* tail, enum gcn__console_level level,
                     const gcn_gap_t* gap) {
  char from[GCN__TEXT_TIME_SIZE];
  char to[GCN__TEXT_TIME_SIZE];
  char age[GCN__TEXT_AGE_SIZE];
  gcn__text_time_utc(from, gap->from_unix_ms);
  gcn__text_time_utc(to, gap->to_unix_ms);
  gcn__text_age(age, gcn__output_gap_ms(gap));
  char which[INDEX_SIZE];
  gcn__console_say(&tail->console, level,
                   "events between %s and %s (%s, %zu topic%s) %s: "
                   "%s%s; %sread the state you need by REST",
                   from, to, age, gap->topic_count,
                   gap->topic_count == 1 ? "" : "s",
                   certainty_words(gap->certainty), gap->cause,
                   index_text(tail, gap->connection_index, which),
                   tail->output.stream ? "" : "the service replays nothing, ");
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  if (tail->options->meta) {
    struct gcn__buf* out = &tail->sink.waiting;
    size_t before = gcn__buf_size(out);
    gcn__tail_sent(
        tail, before,
        gcn__output_gap(&tail->output, out, gcn__tail_unix_ms(), gap));
  }
  if (tail->finishing) return;
  if (tail->options->on_gap == GCN__ON_GAP_FAIL) {
    tell_gap(tail, GCN__CONSOLE_ERROR, gap);
    gcn__tail_finish(tail, GCN__EXIT_GAP);
  } else if (tail->options->on_gap == GCN__ON_GAP_WARN && !is_printed(tail)) {
    tell_gap(tail, GCN__CONSOLE_WARN, gap);
  }
}

static void tell_rotation(struct gcn__tail* tail,
                          const gcn_rotation_t* rotation) {
  char age[GCN__TEXT_AGE_SIZE];
  char which[INDEX_SIZE];
  const char* index = index_text(tail, rotation->connection_index, which);
  gcn__text_age(age, rotation->overlap);
  if (rotation->proven == 0) {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                     "rotated: %s; that nothing was missed is not proven, see "
                     "the gap%s",
                     rotation->cause, index);
    return;
  }
  gcn__console_say(&tail->console, GCN__CONSOLE_NOTE,
                   "rotated: %s, nothing missed, %" PRIu64
                   " duplicate%s dropped, overlap %s%s",
                   rotation->cause, rotation->duplicates,
                   rotation->duplicates == 1 ? "" : "s", age, index);
}

static void on_rotation(gcn_client_t* client, const gcn_rotation_t* rotation) {
  struct gcn__tail* tail = tail_of(client);
  if (tail->finishing) return;
  count_connections(tail, rotation->connection_index);
  if (tail->options->meta) {
    struct gcn__buf* out = &tail->sink.waiting;
    size_t before = gcn__buf_size(out);
    gcn__tail_sent(tail, before,
                   gcn__output_rotation(&tail->output, out, gcn__tail_unix_ms(),
                                        rotation));
  }
  if (!tail->finishing && !is_printed(tail)) tell_rotation(tail, rotation);
}

void gcn__tail_tell_stats(struct gcn__tail* tail) {
  if (tail->finishing) return;
  bool data = tail->options->meta && tail->output.form == GCN__OUTPUT_JSON;
  if (!data) {
    gcn__tail_print_stats(tail);
    return;
  }
  struct gcn__buf* out = &tail->sink.waiting;
  size_t before = gcn__buf_size(out);
  gcn__tail_sent(tail, before, gcn__tail_put_stats(tail, out));
}

void gcn__tail_tell_renewals(struct gcn__tail* tail) {
  if (tail->client == NULL) return;
  if (!gcn__console_wants(&tail->console, GCN__CONSOLE_INFO)) return;
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(tail->client, &stats);
  if (stats.renewals == tail->renewals) return;
  tail->renewals = stats.renewals;
  char age[GCN__TEXT_AGE_SIZE];
  gcn__text_age(age, stats.token_life);
  gcn__console_say(&tail->console, GCN__CONSOLE_INFO,
                   "the token was renewed in the background, it is good for %s",
                   age);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  struct gcn__tail* tail = data;
  enum gcn__console_level wanted =
      level == GCN_LOG_DEBUG ? GCN__CONSOLE_DEBUG : GCN__CONSOLE_INFO;
  gcn__console_say(&tail->console, wanted, "%s", line);
}

void gcn__tail_callbacks(gcn_options_t* options) {
  options->event_cb = on_event;
  options->state_cb = on_state;
  options->topic_cb = on_topic;
  options->gap_cb = on_gap;
  options->heartbeat_cb = on_heartbeat;
  options->notice_cb = on_notice;
  options->rotation_cb = on_rotation;
  options->log_cb = on_log;
}
