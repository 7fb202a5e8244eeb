/* SPDX-License-Identifier: MIT */
/*
 * JSON lines.  Every line has "v", "type" and "time" first; a value that is not
 * there is null, so that keys do not come and go.
 *
 * Each function writes members one by one; the first error is kept in the line
 * and ends it.
 */
#include "cli/output-forms.h"

#include <inttypes.h>

#include "cli/text.h"
#include "codec/json.h"

/* A back-fill reads this many topics from a line; a longer list is cut. */
enum { GAP_TOPICS_MAX = 1000 };

struct line {
  struct gcn__buf* out;
  int error;
};

static struct line begin(struct gcn__buf* out, const char* type,
                         int64_t unix_ms) {
  char time[GCN__TEXT_TIME_SIZE];
  gcn__text_time_utc(time, unix_ms);
  struct line line = {.out = out};
  line.error = gcn__buf_printf(out, "{\"v\":1,\"type\":\"%s\",\"time\":\"%s\"",
                               type, time);
  return line;
}

static void add_key(struct line* line, const char* key) {
  if (line->error != 0) return;
  line->error = gcn__buf_printf(line->out, ",\"%s\":", key);
}

static void add_word(struct line* line, const char* word) {
  if (line->error == 0) line->error = gcn__buf_append_str(line->out, word);
}

static void add_span(struct line* line, const char* key, gcn_span_t text) {
  add_key(line, key);
  if (line->error != 0) return;
  if (text.data == NULL) {
    add_word(line, "null");
    return;
  }
  line->error =
      gcn__json_write_string(line->out, gcn__span(text.data, text.size));
}

/* NULL and "" are null. */
static void add_text(struct line* line, const char* key, const char* text) {
  bool absent = text == NULL || text[0] == '\0';
  gcn_span_t span = {absent ? NULL : text, absent ? 0 : strlen(text)};
  add_span(line, key, span);
}

static void add_number(struct line* line, const char* key, uint64_t number) {
  add_key(line, key);
  if (line->error != 0) return;
  line->error = gcn__buf_printf(line->out, "%" PRIu64, number);
}

/* 0 is null: no such number. */
static void add_code(struct line* line, const char* key, int code) {
  add_key(line, key);
  if (line->error != 0) return;
  line->error = code == 0 ? gcn__buf_append_str(line->out, "null")
                          : gcn__buf_printf(line->out, "%d", code);
}

/* UINT64_MAX is null: never. */
static void add_age(struct line* line, const char* key, uint64_t age_ms) {
  if (age_ms != UINT64_MAX) {
    add_number(line, key, age_ms);
    return;
  }
  add_key(line, key);
  add_word(line, "null");
}

static void add_time(struct line* line, const char* key, int64_t unix_ms) {
  char time[GCN__TEXT_TIME_SIZE];
  gcn__text_time_utc(time, unix_ms);
  add_text(line, key, time);
}

static int end(struct line* line) {
  add_word(line, "}\n");
  return line->error;
}

int gcn__output_json_event(const struct gcn__output* output,
                           struct gcn__buf* out, const gcn_event_t* event,
                           const char* type) {
  struct line line = begin(out, type, event->received_unix_ms);
  add_number(&line, "seq", event->sequence);
  if (output->stream) add_span(&line, "id", event->id);
  add_span(&line, "topic", event->topic);
  if (output->stream) {
    add_span(&line, "resourceId", event->resource_id);
    add_span(&line, "eventType", event->type);
    add_span(&line, "eventTime", event->timestamp);
  }
  add_key(&line, "body");
  gcn_span_t body = event->body;
  if (body.data == NULL) {
    add_word(&line, "null");
  } else if (line.error == 0) {
    line.error = output->stream
                     ? gcn__output_stream_body(out, event)
                     : gcn__text_one_line(out, gcn__span(body.data, body.size));
  }
  add_span(&line, "correlationId", event->correlation_id);
  add_number(&line, "channel", event->generation);
  add_number(&line, "connection", event->connection);
  return end(&line);
}

int gcn__output_json_heartbeat(struct gcn__buf* out, int64_t unix_ms) {
  struct line line = begin(out, "heartbeat", unix_ms);
  return end(&line);
}

static int write_open(struct gcn__buf* out, int64_t unix_ms,
                      const gcn_transition_t* transition, uint64_t outage_ms) {
  struct line line = begin(out, "open", unix_ms);
  add_number(&line, "attempt", transition->attempt);
  add_age(&line, "outageMs", outage_ms);
  add_number(&line, "connectionIndex", transition->connection_index);
  return end(&line);
}

/* NULL: all of it is null. */
static void add_failure(struct line* line, const gcn_failure_t* known) {
  static const gcn_failure_t nothing = {.correlation_id = "", .text = ""};
  const gcn_failure_t* failure = known == NULL ? &nothing : known;
  bool is = known != NULL;
  add_text(line, "error", is ? gcn_err_name(failure->error) : NULL);
  add_text(line, "layer", is ? gcn__output_layer_name(failure->layer) : NULL);
  add_text(line, "operation", is ? gcn__output_op_name(failure->op) : NULL);
  add_code(line, "httpStatus", failure->http_status);
  add_code(line, "closeCode", failure->close_code);
  add_text(line, "correlationId", failure->correlation_id);
}

static int write_reconnecting(struct gcn__buf* out, int64_t unix_ms,
                              const gcn_transition_t* transition) {
  const gcn_failure_t* failure = transition->failure;
  struct line line = begin(out, "reconnecting", unix_ms);
  add_number(&line, "retryInMs", transition->retry_in);
  add_number(&line, "failures", transition->failures);
  add_failure(&line, failure);
  add_text(&line, "text", failure != NULL ? failure->text : transition->reason);
  add_number(&line, "connectionIndex", transition->connection_index);
  return end(&line);
}

int gcn__output_json_state(struct gcn__buf* out, int64_t unix_ms,
                           const gcn_transition_t* transition,
                           uint64_t outage_ms) {
  struct line line = begin(out, "state", unix_ms);
  add_text(&line, "from", gcn_state_name(transition->from));
  add_text(&line, "to", gcn_state_name(transition->to));
  add_text(&line, "reason", transition->reason);
  add_number(&line, "connectionIndex", transition->connection_index);
  int error = end(&line);
  if (error != 0) return error;
  if (transition->to == GCN_STREAMING) {
    return write_open(out, unix_ms, transition, outage_ms);
  }
  if (transition->to != GCN_BACKING_OFF) return 0;
  return write_reconnecting(out, unix_ms, transition);
}

int gcn__output_json_topic(struct gcn__buf* out, int64_t unix_ms,
                           const gcn_topic_result_t* result) {
  struct line line = begin(out, "subscribed", unix_ms);
  add_span(&line, "topic", result->topic);
  add_text(&line, "verdict", gcn_verdict_name(result->verdict));
  add_span(&line, "reason", result->reason);
  add_span(&line, "missingPermissions", result->missing_permissions);
  return end(&line);
}

static void add_topics(struct line* line, const gcn_gap_t* gap) {
  size_t count = gap->topic_count;
  add_number(line, "topicCount", count);
  add_key(line, "topics");
  if (gap->topics == NULL && count > 0) {
    add_word(line, "null");
    return;
  }
  add_word(line, "[");
  for (size_t i = 0; i < count && i < GAP_TOPICS_MAX; i++) {
    if (i > 0) add_word(line, ",");
    if (line->error != 0) return;
    gcn_span_t topic = gap->topics[i];
    line->error =
        gcn__json_write_string(line->out, gcn__span(topic.data, topic.size));
  }
  add_word(line, "]");
}

static void add_truth(struct line* line, const char* key, bool truth) {
  add_key(line, key);
  add_word(line, truth ? "true" : "false");
}

int gcn__output_json_gap(struct gcn__buf* out, int64_t unix_ms,
                         const gcn_gap_t* gap) {
  struct line line = begin(out, "gap", unix_ms);
  add_time(&line, "from", gap->from_unix_ms);
  add_time(&line, "to", gap->to_unix_ms);
  add_number(&line, "ms", gcn__output_gap_ms(gap));
  add_text(&line, "cause", gap->cause);
  add_text(&line, "certainty", gcn__output_certainty_name(gap->certainty));
  add_number(&line, "connectionIndex", gap->connection_index);
  add_topics(&line, gap);
  return end(&line);
}

int gcn__output_json_rotation(struct gcn__buf* out, int64_t unix_ms,
                              const gcn_rotation_t* rotation) {
  struct line line = begin(out, "rotated", unix_ms);
  add_text(&line, "cause", rotation->cause);
  add_truth(&line, "proven", rotation->proven != 0);
  add_number(&line, "overlapMs", rotation->overlap);
  add_number(&line, "duplicates", rotation->duplicates);
  add_number(&line, "connectionIndex", rotation->connection_index);
  return end(&line);
}

int gcn__output_json_checkpoint(struct gcn__buf* out, int64_t unix_ms,
                                const gcn_failure_t* failure) {
  struct line line = begin(out, "checkpoint", unix_ms);
  add_text(&line, "error", gcn_err_name(failure->error));
  add_text(&line, "text", failure->text);
  return end(&line);
}

/* What came with the second dialect, for either. */
static void add_delivery(struct line* line, const gcn_stats_t* stats) {
#define ADD(key, field) add_number(line, key, stats->field)
  ADD("batches", batches);
  ADD("resumed", resumed);
  ADD("resumesLost", resumes_lost);
  ADD("preflights", preflights);
  ADD("repeated", repeated);
  ADD("inFlight", in_flight);
  ADD("inFlightBytes", in_flight_size);
  ADD("acked", acked);
  ADD("dropped", dropped);
  ADD("fullAgeMs", full_age);
  ADD("saves", saves);
  ADD("savesFailed", saves_failed);
#undef ADD
  add_age(line, "saveAgeMs", stats->save_age);
}

int gcn__output_stats(struct gcn__buf* out, int64_t unix_ms,
                      const gcn_stats_t* stats) {
  struct line line = begin(out, "stats", unix_ms);
  add_text(&line, "state", gcn_state_name(stats->state));
  add_number(&line, "stateAgeMs", stats->state_age);
  add_age(&line, "lastEventAgeMs", stats->last_event_age);
  add_age(&line, "lastFrameAgeMs", stats->last_frame_age);
  add_number(&line, "lastOutageMs", stats->last_outage);
#define ADD(key, field) add_number(&line, key, stats->field)
  ADD("events", events);
  ADD("eventBytes", event_bytes);
  ADD("heartbeats", heartbeats);
  ADD("notices", notices);
  ADD("garbage", garbage);
  ADD("receivedBytes", received_bytes);
  ADD("sentBytes", sent_bytes);
  ADD("attempts", attempts);
  ADD("streams", streams);
  ADD("failures", failures);
  ADD("gaps", gaps);
  ADD("gapMs", gap_ms);
  ADD("tokenRequests", token_requests);
  ADD("channelRequests", channel_requests);
  ADD("topicRequests", topic_requests);
  ADD("upgrades", upgrades);
  ADD("limited", limited);
  ADD("nevers", nevers);
  ADD("topics", topics);
  ADD("topicsRejected", topics_rejected);
  ADD("connections", connections);
  ADD("reused", reused);
  ADD("rotations", rotations);
  ADD("rotationsUnproven", rotations_unproven);
  ADD("duplicates", duplicates);
  ADD("audits", audits);
  ADD("drifts", drifts);
  ADD("renewals", renewals);
  ADD("tokenLifeMs", token_life);
  ADD("tlsFull", tls_full);
  ADD("tlsResumed", tls_resumed);
  ADD("sleeps", sleeps);
  ADD("spares", spares);
  ADD("sparesUsed", spares_used);
  ADD("sparesLost", spares_lost);
#undef ADD
  add_delivery(&line, stats);
  return end(&line);
}
