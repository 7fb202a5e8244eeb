/* SPDX-License-Identifier: MIT */
/*
 * Two readings of one text, compared; see batch-oracle.h.
 *
 * What a text means is found a second time here, from jansson's tree.
 */
#include "batch-oracle.h"

#include "codec/batch.h"
#include "codec/utf8.h"
#include "json-oracle.h"

#include <stdlib.h>
#include <string.h>

struct reading {
  const char* text; /* as it came */
  char* scanned;    /* as the scanner left it */
  size_t size;
  int error;
  struct gcn__batch batch;
  struct gcn__batch_event* events;
  size_t event_count;
};

/* What jansson's tree says. */
struct meaning {
  json_t* events; /* an array, or NULL */
  json_t* single; /* an event, or NULL */
  json_t* root;
};

static bool is_text(const json_t* value, bool numbers) {
  if (numbers && json_is_number(value)) return true;
  return json_is_string(value) && json_string_length(value) > 0;
}

/* The first of up to three members that is a text; NULL if none is. */
static json_t* pick(const json_t* object, bool numbers,
                    const char* const names[3]) {
  for (size_t i = 0; i < 3 && names[i] != NULL; i++) {
    json_t* value = json_object_get(object, names[i]);
    if (is_text(value, numbers)) return value;
  }
  return NULL;
}

#define PICK(object, numbers, ...)                                             \
  pick(object, numbers, (const char* const[3]){__VA_ARGS__})

static json_t* not_null(json_t* value) {
  return json_is_null(value) ? NULL : value;
}

static bool is_event(const json_t* object) {
  if (PICK(object, false, "event", "topicName", "topic") != NULL) return true;
  if (not_null(json_object_get(object, "eventBody")) != NULL) return true;
  json_t* data = not_null(json_object_get(object, "data"));
  return PICK(object, true, "id", "eventId") != NULL && data != NULL &&
         !json_is_array(data);
}

static struct meaning mean(json_t* root) {
  struct meaning meaning = {.root = root};
  json_t* events = json_object_get(root, "events");
  json_t* batch = json_object_get(root, "batch");
  json_t* data = json_object_get(root, "data");
  if (json_is_array(root))
    meaning.events = root;
  else if (json_is_array(events))
    meaning.events = events;
  else if (json_is_array(batch))
    meaning.events = batch;
  else if (is_event(root))
    meaning.single = root;
  else if (json_is_array(data))
    meaning.events = data;
  return meaning;
}

static bool has_shape(const struct meaning* meaning) {
  if (oracle_depth(meaning->root) > GCN__BATCH_DEPTH_MAX) return false;
  size_t index;
  json_t* event;
  json_array_foreach(meaning->events, index, event) {
    if (!json_is_object(event)) return false;
  }
  return true;
}

static enum gcn__batch_kind kind_of(const struct meaning* meaning) {
  const json_t* root = meaning->root;
  if (meaning->single != NULL) return GCN__BATCH_EVENTS;
  if (json_array_size(meaning->events) > 0) return GCN__BATCH_EVENTS;
  if (json_array_size(json_object_get(root, "errors")) > 0)
    return GCN__BATCH_ERROR;
  if (meaning->events != NULL) return GCN__BATCH_EVENTS;
  bool of_event = PICK(root, true, "resourceId") != NULL ||
                  PICK(root, false, "eventType") != NULL ||
                  not_null(json_object_get(root, "data")) != NULL;
  if (!of_event && PICK(root, false, "message") != NULL &&
      PICK(root, true, "code", "status") != NULL)
    return GCN__BATCH_ERROR;
  bool alive = PICK(root, true, "lastEventId") != NULL ||
               PICK(root, true, "timestamp") != NULL ||
               json_is_boolean(json_object_get(root, "resumed"));
  return alive ? GCN__BATCH_EVENTS : GCN__BATCH_OTHER;
}

static int resumed_of(const json_t* root) {
  const json_t* value = json_object_get(root, "resumed");
  return json_is_boolean(value) ? json_is_true(value) : -1;
}

static bool is_errors(struct gcn__span span, const json_t* errors) {
  if (json_array_size(errors) == 0) return span.data == NULL;
  return span.data != NULL && oracle_reads_as(span, "[", "]", errors);
}

static const char* compare_batch(const struct reading* reading,
                                 const struct meaning* meaning) {
  const struct gcn__batch* batch = &reading->batch;
  const json_t* root = meaning->root;
  const json_t* faulty = meaning->single == NULL ? root : NULL;
  if (batch->kind != kind_of(meaning)) return "kind";
  if (!oracle_is_string_or_number(batch->last_event_id,
                                  PICK(root, true, "lastEventId")))
    return "last_event_id";
  if (!oracle_is_string_or_number(batch->timestamp,
                                  PICK(root, true, "timestamp")))
    return "timestamp of the batch";
  if (!is_errors(batch->errors, json_object_get(faulty, "errors")))
    return "errors";
  if (!oracle_is_string(batch->error_message, PICK(faulty, false, "message")))
    return "error_message";
  if (!oracle_is_string_or_number(batch->error_code,
                                  PICK(faulty, true, "code", "status")))
    return "error_code";
  return batch->resumed == resumed_of(root) ? NULL : "resumed";
}

static const char* compare_texts(const struct gcn__batch_event* event,
                                 const json_t* object) {
  if (!oracle_is_string_or_number(event->id,
                                  PICK(object, true, "id", "eventId")))
    return "id";
  if (!oracle_is_string(event->name,
                        PICK(object, false, "event", "topicName", "topic")))
    return "name";
  if (!oracle_is_string_or_number(event->resource_id,
                                  PICK(object, true, "resourceId")))
    return "resource_id";
  if (!oracle_is_string(event->type, PICK(object, false, "eventType")))
    return "type";
  if (!oracle_is_string_or_number(event->timestamp,
                                  PICK(object, true, "timestamp", "eventTime")))
    return "timestamp";
  const json_t* metadata = json_object_get(object, "metadata");
  const json_t* correlation = PICK(metadata, true, "CorrelationId");
  if (correlation == NULL) correlation = PICK(object, true, "correlationId");
  if (!oracle_is_string_or_number(event->correlation_id, correlation))
    return "correlation_id";
  if (!oracle_is_string_or_number(event->version,
                                  PICK(object, true, "version")))
    return "version";
  return NULL;
}

/* The same bytes as they came. */
static struct gcn__span original(const struct reading* reading,
                                 struct gcn__span span) {
  return gcn__span(reading->text + (span.data - reading->scanned), span.size);
}

static bool within(const struct reading* reading, struct gcn__span span) {
  size_t offset = (size_t)(span.data - reading->scanned);
  return span.data != NULL && offset <= reading->size &&
         span.size <= reading->size - offset;
}

static bool needs_escape(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c < 0x20 || c == '"' || c == '\\') return true;
  }
  return false;
}

/* Decoding may have broken the event's own text. */
static bool may_be_broken(const struct reading* reading,
                          const struct gcn__batch_event* event) {
  return needs_escape(event->id) || needs_escape(event->name) ||
         needs_escape(event->resource_id) || needs_escape(event->type) ||
         needs_escape(event->timestamp) ||
         needs_escape(event->correlation_id) || needs_escape(event->version) ||
         needs_escape(reading->batch.last_event_id) ||
         needs_escape(reading->batch.timestamp);
}

static const char* compare_event(const struct reading* reading,
                                 const struct gcn__batch_event* event,
                                 json_t* object) {
  if (!within(reading, event->text) || !within(reading, event->body))
    return "an event that is not in the text";
  if (!oracle_reads_as(original(reading, event->text), "[", "]", object))
    return "text";
  if (!may_be_broken(reading, event) &&
      !oracle_reads_as(event->text, "[", "]", object))
    return "text after decoding";
  json_t* body = not_null(json_object_get(object, "data"));
  if (body == NULL) body = not_null(json_object_get(object, "eventBody"));
  if (body == NULL) {
    if (!gcn__span_equal(event->body, event->text)) return "the whole as body";
  } else if (!oracle_reads_as(event->body, "[", "]", body)) {
    return "body";
  }
  return compare_texts(event, object);
}

static const char* compare(const struct reading* reading,
                           const struct meaning* meaning) {
  const char* found = compare_batch(reading, meaning);
  if (found != NULL) return found;
  size_t wanted =
      meaning->single != NULL ? 1 : json_array_size(meaning->events);
  if (reading->event_count != wanted) return "count";
  for (size_t i = 0; i < wanted; i++) {
    json_t* object = meaning->single != NULL
                         ? meaning->single
                         : json_array_get(meaning->events, i);
    found = compare_event(reading, &reading->events[i], object);
    if (found != NULL) return found;
  }
  return NULL;
}

static const char* judge(const struct reading* reading, bool shallow) {
  bool accepted = reading->error == 0;
  /* jansson 2.14 overlooks a NUL byte behind a number. */
  bool nul =
      reading->size > 0 && memchr(reading->text, '\0', reading->size) != NULL;
  if (nul) return accepted && !shallow ? "the scanner accepts a NUL" : NULL;
  json_error_t error;
  json_t* root =
      json_loadb(reading->text, reading->size, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    bool wrong = accepted && !shallow && !oracle_is_lenient(&error);
    return wrong ? "only the scanner accepts it" : NULL;
  }
  const struct meaning meaning = mean(root);
  const char* found = NULL;
  if (!has_shape(&meaning))
    found = accepted ? "the scanner accepts a wrong shape" : NULL;
  else
    found = accepted ? compare(reading, &meaning) : "only jansson accepts it";
  json_decref(root);
  return found;
}

/* Takes all events; NULL if they are as many as were announced. */
static const char* take_events(struct reading* reading) {
  size_t count = reading->batch.count;
  if (count > reading->size) return "more events than bytes";
  reading->events = calloc(count + 1, sizeof *reading->events);
  if (reading->events == NULL) abort();
  while (gcn__batch_next(&reading->batch,
                         &reading->events[reading->event_count])) {
    if (reading->event_count == count) return "more events than announced";
    reading->event_count++;
  }
  return reading->event_count == count ? NULL : "fewer events than announced";
}

static const char* check(const char* text, size_t size,
                         enum gcn__scrutiny scrutiny) {
  struct reading reading = {.text = text, .size = size};
  reading.scanned = malloc(size > 0 ? size : 1);
  if (reading.scanned == NULL) abort();
  if (size > 0) memcpy(reading.scanned, text, size);
  size_t offset = size + 1;
  reading.error =
      gcn__batch_scan(reading.scanned, size, scrutiny, &reading.batch, &offset);
  const char* found = NULL;
  if (reading.error != 0 && offset > size) found = "no offset";
  if (reading.error != 0 && size > 0 &&
      memcmp(reading.scanned, text, size) != 0)
    found = "the text was changed on an error";
  if (found == NULL) found = take_events(&reading);
  if (found == NULL && gcn__utf8_valid(gcn__span(text, size)))
    found = judge(&reading, scrutiny == GCN__SCRUTINY_SHALLOW);
  free(reading.events);
  free(reading.scanned);
  return found;
}

const char* batch_disagreement(const char* text, size_t size) {
  const char* found = check(text, size, GCN__SCRUTINY_STRICT);
  return found != NULL ? found : check(text, size, GCN__SCRUTINY_SHALLOW);
}
