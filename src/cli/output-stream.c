/* SPDX-License-Identifier: MIT */
/*
 * An event of the stream dialect as the service wrote it: one object of a
 * batch, byte for byte.
 *
 * Strings that had escapes were decoded in place, which leaves their old ends
 * behind; the rare event that has such a string is put together again.
 */
#include "cli/output-forms.h"

#include "cli/text.h"
#include "codec/json.h"

/* What is between the quotes; false for a number, and for what is not there. */
static bool is_string(gcn_span_t part, gcn_span_t message) {
  return part.data != NULL && part.data > message.data &&
         part.data < message.data + message.size && part.data[-1] == '"';
}

static bool was_decoded(gcn_span_t part, gcn_span_t message) {
  return is_string(part, message) && part.data[part.size] != '"';
}

static bool is_changed(const gcn_event_t* event) {
  const gcn_span_t parts[] = {
      event->id,   event->topic,     event->resource_id,
      event->type, event->timestamp, event->correlation_id,
  };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (was_decoded(parts[i], event->message)) return true;
  }
  return false;
}

/* Without a body of its own the event is its body. */
static bool is_bare(const gcn_event_t* event) {
  return event->body.data == event->message.data;
}

struct writer {
  struct gcn__buf* out;
  gcn_span_t message;
  size_t begin;
  int error;
};

static void add_key(struct writer* writer, const char* key) {
  bool first = gcn__buf_size(writer->out) == writer->begin;
  if (writer->error != 0) return;
  writer->error =
      gcn__buf_printf(writer->out, "%s\"%s\":", first ? "{" : ",", key);
}

static void add(struct writer* writer, const char* key, gcn_span_t text) {
  if (text.data == NULL) return;
  add_key(writer, key);
  if (writer->error != 0) return;
  writer->error =
      is_string(text, writer->message)
          ? gcn__json_write_string(writer->out, gcn__span(text.data, text.size))
          : gcn__buf_append(writer->out, text.data, text.size);
}

static void add_body(struct writer* writer, gcn_span_t body) {
  if (body.data == NULL) return;
  add_key(writer, "data");
  if (writer->error != 0) return;
  writer->error =
      gcn__text_one_line(writer->out, gcn__span(body.data, body.size));
}

static int rebuild(struct gcn__buf* out, const gcn_event_t* event) {
  struct writer writer = {
      .out = out, .message = event->message, .begin = gcn__buf_size(out)};
  add(&writer, "id", event->id);
  add(&writer, "event", event->topic);
  add(&writer, "resourceId", event->resource_id);
  add(&writer, "timestamp", event->timestamp);
  add(&writer, "eventType", event->type);
  add(&writer, "correlationId", event->correlation_id);
  if (!is_bare(event)) add_body(&writer, event->body);
  return writer.error != 0 ? writer.error : gcn__buf_append_str(out, "}");
}

int gcn__output_stream_raw(struct gcn__buf* out, const gcn_event_t* event) {
  if (is_changed(event)) return rebuild(out, event);
  gcn_span_t message = event->message;
  return gcn__text_one_line(out, gcn__span(message.data, message.size));
}

int gcn__output_stream_body(struct gcn__buf* out, const gcn_event_t* event) {
  if (is_bare(event)) return gcn__output_stream_raw(out, event);
  return gcn__text_one_line(out, gcn__span(event->body.data, event->body.size));
}
