/* SPDX-License-Identifier: MIT */
/*
 * Two readings of one text, compared; see envelope-oracle.h.
 *
 * Spans of raw bytes must be those of the text.
 */
#include "envelope-oracle.h"

#include "codec/envelope.h"
#include "codec/utf8.h"
#include "json-oracle.h"

#include <stdlib.h>
#include <string.h>

struct reading {
  const char* text; /* as it came */
  char* scanned;    /* as the scanner left it */
  size_t size;
  struct gcn__envelope envelope;
};

/* The bytes are those of the text, with no space around them. */
static bool is_untouched(const struct reading* reading, struct gcn__span span) {
  size_t offset = (size_t)(span.data - reading->scanned);
  if (offset + span.size > reading->size || span.size == 0) return false;
  if (strchr(" \t\r\n", span.data[0]) != NULL ||
      strchr(" \t\r\n", span.data[span.size - 1]) != NULL)
    return false;
  return memcmp(span.data, reading->text + offset, span.size) == 0;
}

static bool is_body(const struct reading* reading, const json_t* body) {
  struct gcn__span span = reading->envelope.body;
  if (body == NULL) return span.data == NULL;
  return span.data != NULL && is_untouched(reading, span) &&
         oracle_reads_as(span, "[", "]", body);
}

static bool is_message(struct gcn__span span, const json_t* message) {
  if (!json_is_string(message)) return span.data == NULL;
  return span.data != NULL && oracle_reads_as(span, "[\"", "\"]", message);
}

static const char* compare(const struct reading* reading, const json_t* root) {
  const struct gcn__envelope* envelope = &reading->envelope;
  const json_t* body = json_object_get(root, "eventBody");
  const json_t* metadata = json_object_get(root, "metadata");
  if (!oracle_is_string(envelope->topic, json_object_get(root, "topicName")))
    return "topic";
  if (!oracle_is_string_or_number(envelope->version,
                                  json_object_get(root, "version")))
    return "version";
  if (!oracle_is_string_or_number(envelope->result,
                                  json_object_get(root, "result")))
    return "result";
  if (!oracle_is_string(envelope->correlation_id,
                        json_object_get(metadata, "CorrelationId")))
    return "correlation_id";
  if (!is_body(reading, body)) return "body";
  if (!is_message(gcn__envelope_message(envelope->body),
                  json_object_get(body, "message")))
    return "message";
  return NULL;
}

static const char* judge(const struct reading* reading, bool accepted,
                         bool shallow) {
  json_error_t error;
  json_t* root =
      json_loadb(reading->text, reading->size, JSON_REJECT_DUPLICATES, &error);
  const char* found = NULL;
  if (reading->size > 0 && memchr(reading->text, '\0', reading->size) != NULL) {
    /* jansson 2.14 overlooks a NUL byte behind a number. */
    found = accepted && !shallow ? "the scanner accepts a NUL byte" : NULL;
  } else if (root == NULL) {
    if (accepted && !shallow && !oracle_is_lenient(&error))
      found = "only the scanner accepts it";
  } else if (!json_is_object(root) ||
             oracle_depth(root) > GCN__ENVELOPE_DEPTH_MAX) {
    found = accepted ? "the scanner accepts a wrong shape" : NULL;
  } else {
    found = accepted ? compare(reading, root) : "only jansson accepts it";
  }
  json_decref(root);
  return found;
}

static const char* check(const char* text, size_t size,
                         enum gcn__scrutiny scrutiny) {
  struct reading reading = {.text = text, .size = size};
  reading.scanned = malloc(size > 0 ? size : 1);
  if (reading.scanned == NULL) abort();
  if (size > 0) memcpy(reading.scanned, text, size);
  size_t offset = size + 1;
  int error = gcn__envelope_scan(reading.scanned, size, scrutiny,
                                 &reading.envelope, &offset);
  const char* found = NULL;
  if (error != 0 && offset > size) found = "no offset";
  if (error != 0 && size > 0 && memcmp(reading.scanned, text, size) != 0)
    found = "the text was changed on an error";
  if (found == NULL && gcn__utf8_valid(gcn__span(text, size)))
    found = judge(&reading, error == 0, scrutiny == GCN__SCRUTINY_SHALLOW);
  free(reading.scanned);
  return found;
}

const char* envelope_disagreement(const char* text, size_t size) {
  const char* found = check(text, size, GCN__SCRUTINY_STRICT);
  return found != NULL ? found : check(text, size, GCN__SCRUTINY_SHALLOW);
}
