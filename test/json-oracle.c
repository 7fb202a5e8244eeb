/* SPDX-License-Identifier: MIT */
/*
 * Texts read by jansson and compared; see json-oracle.h.
 */
#include "json-oracle.h"

#include <stdlib.h>
#include <string.h>

size_t oracle_depth(json_t* value) {
  size_t deepest = 0;
  size_t index;
  const char* key;
  json_t* member;
  json_array_foreach(value, index, member) {
    size_t depth = oracle_depth(member);
    if (depth > deepest) deepest = depth;
  }
  json_object_foreach(value, key, member) {
    size_t depth = oracle_depth(member);
    if (depth > deepest) deepest = depth;
  }
  bool nested = json_is_array(value) || json_is_object(value);
  return deepest + (nested ? 1 : 0);
}

bool oracle_is_lenient(const json_error_t* error) {
  switch (json_error_code(error)) {
  case json_error_duplicate_key:
  case json_error_numeric_overflow:
  case json_error_null_character:
  case json_error_null_byte_in_key: return true;
  default: return strstr(error->text, "invalid Unicode") != NULL;
  }
}

bool oracle_reads_as(struct gcn__span span, const char* before,
                     const char* after, const json_t* value) {
  size_t lead = strlen(before);
  size_t tail = strlen(after);
  char* text = malloc(lead + span.size + tail);
  if (text == NULL) abort();
  memcpy(text, before, lead);
  memcpy(text + lead, span.data, span.size);
  memcpy(text + lead + span.size, after, tail);
  json_t* array = json_loadb(text, lead + span.size + tail, 0, NULL);
  bool same = json_array_size(array) == 1 &&
              json_equal(json_array_get(array, 0), value) == 1;
  json_decref(array);
  free(text);
  return same;
}

bool oracle_is_string(struct gcn__span span, const json_t* value) {
  if (!json_is_string(value)) return span.data == NULL;
  if (span.data == NULL || span.size != json_string_length(value)) return false;
  return memcmp(span.data, json_string_value(value), span.size) == 0;
}

bool oracle_is_string_or_number(struct gcn__span span, const json_t* value) {
  if (!json_is_number(value)) return oracle_is_string(span, value);
  return span.data != NULL && oracle_reads_as(span, "[", "]", value);
}
