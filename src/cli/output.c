/* SPDX-License-Identifier: MIT */
/*
 * See output.h.  The forms themselves are in output-json.c and output-pretty.c.
 */
#include "cli/output.h"

#include "cli/output-forms.h"
#include "cli/text.h"
#include "codec/json.h"

bool gcn__output_form_of(const char* word, enum gcn__output_form* form) {
  static const char* const words[] = {
      [GCN__OUTPUT_JSON] = "json",
      [GCN__OUTPUT_BODY] = "body",
      [GCN__OUTPUT_RAW] = "raw",
      [GCN__OUTPUT_PRETTY] = "pretty",
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(word, words[i]) != 0) continue;
    *form = (enum gcn__output_form)i;
    return true;
  }
  return false;
}

const char* gcn__output_layer_name(gcn_layer_t layer) {
  switch (layer) {
  case GCN_LAYER_DNS: return "DNS";
  case GCN_LAYER_TCP: return "TCP";
  case GCN_LAYER_TLS: return "TLS";
  case GCN_LAYER_HTTP: return "HTTP";
  case GCN_LAYER_WS: return "WebSocket";
  case GCN_LAYER_SERVICE: return "service";
  case GCN_LAYER_CLIENT: return "client";
  case GCN_LAYER_PROXY: return "proxy";
  case GCN_LAYER_NONE: break;
  }
  return "unknown";
}

const char* gcn__output_op_name(gcn_op_t op) {
  switch (op) {
  case GCN_OP_TOKEN: return "token request";
  case GCN_OP_CHANNEL: return "channel request";
  case GCN_OP_TOPICS: return "topics request";
  case GCN_OP_UPGRADE: return "WebSocket handshake";
  case GCN_OP_STREAM: return "stream";
  case GCN_OP_AUDIT: return "topics audit";
  case GCN_OP_ADD: return "topics request";
  case GCN_OP_UNSUBSCRIBE: return "unsubscribe request";
  case GCN_OP_CHECKPOINT: return "checkpoint";
  case GCN_OP_NONE: break;
  }
  return "unknown";
}

const char* gcn__output_certainty_name(gcn_certainty_t certainty) {
  switch (certainty) {
  case GCN_CERTAINTY_BLIND: return "blind";
  case GCN_CERTAINTY_DROPPED: return "dropped";
  case GCN_CERTAINTY_POSSIBLE: break;
  }
  return "possible";
}

uint64_t gcn__output_gap_ms(const gcn_gap_t* gap) {
  bool before = gap->from_ms == 0 && gap->from_unix_ms != 0;
  if (!before) return gap->to_ms - gap->from_ms;
  int64_t ms = gap->to_unix_ms - gap->from_unix_ms;
  return ms < 0 ? 0 : (uint64_t)ms;
}

static int write_line(struct gcn__buf* out, gcn_span_t text) {
  int error = gcn__text_one_line(out, gcn__span(text.data, text.size));
  return error != 0 ? error : gcn__buf_append(out, "\n", 1);
}

static bool is_inside(gcn_span_t part, gcn_span_t whole) {
  if (part.data == NULL) return false;
  return part.data >= whole.data && part.data < whole.data + whole.size;
}

/* A string that had escapes was decoded in place and is now shorter than its
 * room in the message: the quote does not follow it directly. */
static bool was_decoded(gcn_span_t part, gcn_span_t message) {
  return is_inside(part, message) && part.data[part.size] != '"';
}

static int append_member(struct gcn__buf* out, const char* before,
                         gcn_span_t text) {
  if (text.data == NULL) return 0;
  int error = gcn__buf_append_str(out, before);
  if (error != 0) return error;
  return gcn__json_write_string(out, gcn__span(text.data, text.size));
}

/* The same message put together again, for the rare one that was changed. */
static int rebuild(struct gcn__buf* out, const gcn_event_t* event) {
  int error = append_member(out, "{\"topicName\":", event->topic);
  if (error == 0) error = append_member(out, ",\"version\":", event->version);
  if (error == 0) error = gcn__buf_append_str(out, ",\"eventBody\":");
  if (error == 0) {
    error =
        gcn__text_one_line(out, gcn__span(event->body.data, event->body.size));
  }
  if (error == 0) {
    error = append_member(
        out, ",\"metadata\":{\"CorrelationId\":", event->correlation_id);
  }
  if (error != 0) return error;
  bool nested = event->correlation_id.data != NULL;
  return gcn__buf_append_str(out, nested ? "}}\n" : "}\n");
}

static int write_stream_line(const struct gcn__output* output,
                             struct gcn__buf* out, const gcn_event_t* event) {
  bool raw = output->form == GCN__OUTPUT_RAW;
  int error = raw ? gcn__output_stream_raw(out, event)
                  : gcn__output_stream_body(out, event);
  return error != 0 ? error : gcn__buf_append(out, "\n", 1);
}

static int write_raw(struct gcn__buf* out, const gcn_event_t* event) {
  bool changed = was_decoded(event->topic, event->message) ||
                 was_decoded(event->correlation_id, event->message);
  return changed ? rebuild(out, event) : write_line(out, event->message);
}

int gcn__output_event(const struct gcn__output* output, struct gcn__buf* out,
                      const gcn_event_t* event) {
  bool bare =
      output->form == GCN__OUTPUT_BODY || output->form == GCN__OUTPUT_RAW;
  if (output->stream && bare) return write_stream_line(output, out, event);
  switch (output->form) {
  case GCN__OUTPUT_JSON:
    return gcn__output_json_event(output, out, event, "event");
  case GCN__OUTPUT_BODY: return write_line(out, event->body);
  case GCN__OUTPUT_RAW: return write_raw(out, event);
  case GCN__OUTPUT_PRETTY: break;
  }
  return gcn__output_pretty_event(output, out, event, "event");
}

int gcn__output_notice(const struct gcn__output* output, struct gcn__buf* out,
                       const gcn_event_t* notice) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_event(output, out, notice, "notice");
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_event(output, out, notice, "notice");
}

int gcn__output_heartbeat(const struct gcn__output* output,
                          struct gcn__buf* out, int64_t unix_ms) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_heartbeat(out, unix_ms);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_heartbeat(output, out, unix_ms);
}

int gcn__output_state(const struct gcn__output* output, struct gcn__buf* out,
                      int64_t unix_ms, const gcn_transition_t* transition,
                      uint64_t outage_ms) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_state(out, unix_ms, transition, outage_ms);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_state(output, out, unix_ms, transition, outage_ms);
}

int gcn__output_topic(const struct gcn__output* output, struct gcn__buf* out,
                      int64_t unix_ms, const gcn_topic_result_t* result) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_topic(out, unix_ms, result);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_topic(output, out, unix_ms, result);
}

int gcn__output_gap(const struct gcn__output* output, struct gcn__buf* out,
                    int64_t unix_ms, const gcn_gap_t* gap) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_gap(out, unix_ms, gap);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_gap(output, out, unix_ms, gap);
}

int gcn__output_rotation(const struct gcn__output* output, struct gcn__buf* out,
                         int64_t unix_ms, const gcn_rotation_t* rotation) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_rotation(out, unix_ms, rotation);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_rotation(output, out, unix_ms, rotation);
}

int gcn__output_checkpoint(const struct gcn__output* output,
                           struct gcn__buf* out, int64_t unix_ms,
                           const gcn_failure_t* failure) {
  if (output->form == GCN__OUTPUT_JSON) {
    return gcn__output_json_checkpoint(out, unix_ms, failure);
  }
  if (output->form != GCN__OUTPUT_PRETTY) return 0;
  return gcn__output_pretty_checkpoint(output, out, unix_ms, failure);
}
