/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions as text: checked, taken apart, made from JSON.
 *
 * It knows no request.  What the check lets pass decodes to UTF-8 without NUL,
 * part by part, so JSON can carry it unchanged; and what is made from JSON
 * passes the check.
 */
#include "dialect/subscription.h"

#include "base/err.h"
#include "codec/url.h"
#include "codec/utf8.h"

/* What ends a part, besides "%", which begins an escape. */
#define EVENT_ENDS    "@?"
#define RESOURCE_ENDS "?"
#define NAME_ENDS     "=&"
#define VALUE_ENDS    ",&"

static const struct gcn__span absent;

static int hex_value(char c) {
  char lower = gcn__ascii_lower(c);
  if (lower >= '0' && lower <= '9') return lower - '0';
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char gcn__subscription_take(struct gcn__span* part) {
  char c = part->data[0];
  if (c != '%') {
    *part = gcn__span_skip(*part, 1);
    return c;
  }
  int byte = hex_value(part->data[1]) << 4 | hex_value(part->data[2]);
  *part = gcn__span_skip(*part, 3);
  return (char)byte;
}

/* What stands before the first `end`, and in `rest` what stands behind it;
 * absent if there is none. */
static struct gcn__span cut(struct gcn__span text, char end,
                            struct gcn__span* rest) {
  const char* at = text.size == 0 ? NULL : memchr(text.data, end, text.size);
  *rest = absent;
  if (at == NULL) return text;
  size_t size = (size_t)(at - text.data);
  *rest = gcn__span_skip(text, size + 1);
  return gcn__span(text.data, size);
}

struct gcn__subscription gcn__subscription_parse(struct gcn__span text) {
  struct gcn__subscription parts;
  struct gcn__span head = cut(text, '?', &parts.filters);
  parts.event = cut(head, '@', &parts.resource);
  return parts;
}

bool gcn__subscription_filter(struct gcn__span* filters, struct gcn__span* name,
                              struct gcn__span* values) {
  if (filters->data == NULL) return false;
  struct gcn__span filter = cut(*filters, '&', filters);
  *name = cut(filter, '=', values);
  return true;
}

bool gcn__subscription_value(struct gcn__span* values,
                             struct gcn__span* value) {
  if (values->data == NULL) return false;
  *value = cut(*values, ',', values);
  return true;
}

int gcn__subscription_decode(struct gcn__buf* out, struct gcn__span part) {
  return gcn__percent_decode(out, part, false);
}

bool gcn__subscription_part_is(struct gcn__span part, struct gcn__span plain) {
  while (part.size > 0) {
    if (plain.size == 0 || gcn__subscription_take(&part) != plain.data[0])
      return false;
    plain = gcn__span_skip(plain, 1);
  }
  return plain.size == 0;
}

static bool begins_escape(struct gcn__span text) {
  return text.size >= 3 && hex_value(text.data[1]) >= 0 &&
         hex_value(text.data[2]) >= 0;
}

static const char* check_bytes(struct gcn__span text) {
  for (; text.size > 0; text = gcn__span_skip(text, 1)) {
    char c = text.data[0];
    if (c < '!' || c > '~') {
      return "a byte is not printable ASCII; write it as %XX";
    }
    if (c == '%' && !begins_escape(text)) {
      return "a % is not followed by two hex digits; write it as %25";
    }
  }
  return NULL;
}

/* The bytes between parts are ASCII, so the whole is UTF-8 if each part is. */
static const char* check_characters(struct gcn__span text) {
  struct gcn__utf8 utf8 = {0};
  while (text.size > 0) {
    char c = gcn__subscription_take(&text);
    if (c == '\0') return "it holds an encoded NUL";
    if (!gcn__utf8_feed(&utf8, gcn__span(&c, 1))) {
      return "its escapes are not UTF-8";
    }
  }
  return gcn__utf8_complete(&utf8) ? NULL : "its escapes are not UTF-8";
}

static bool decode_alike(struct gcn__span a, struct gcn__span b) {
  while (a.size > 0 && b.size > 0) {
    if (gcn__subscription_take(&a) != gcn__subscription_take(&b)) return false;
  }
  return a.size == 0 && b.size == 0;
}

/* JSON objects with a key twice are read in many ways. */
static bool occurs(struct gcn__span name, struct gcn__span filters) {
  struct gcn__span other;
  struct gcn__span values;
  while (gcn__subscription_filter(&filters, &other, &values)) {
    if (decode_alike(name, other)) return true;
  }
  return false;
}

static const char* check_filters(struct gcn__span filters) {
  struct gcn__span name;
  struct gcn__span values;
  struct gcn__span value;
  while (gcn__subscription_filter(&filters, &name, &values)) {
    if (name.size == 0) return "a filter has no name";
    if (values.data == NULL) return "a filter has no \"=\"";
    if (occurs(name, filters)) {
      return "a filter occurs twice; join its values by commas";
    }
    while (gcn__subscription_value(&values, &value)) {
      if (value.size == 0) return "a filter has an empty value";
    }
  }
  return NULL;
}

const char* gcn__subscription_check(struct gcn__span text) {
  if (text.size == 0) return "it is empty";
  if (text.size > GCN__SUBSCRIPTION_SIZE_MAX) {
    return "it is longer than 1000 bytes";
  }
  const char* wrong = check_bytes(text);
  if (wrong == NULL) wrong = check_characters(text);
  if (wrong != NULL) return wrong;
  struct gcn__subscription parts = gcn__subscription_parse(text);
  if (parts.event.size == 0) return "it names no event";
  if (parts.resource.data != NULL && parts.resource.size == 0) {
    return "it names no resource behind the \"@\"";
  }
  return check_filters(parts.filters);
}

static int append_byte(struct gcn__buf* out, char c, const char* ends) {
  static const char digits[] = "0123456789ABCDEF";
  bool plain = c >= '!' && c <= '~' && c != '%';
  if (plain && strchr(ends, c) == NULL) return gcn__buf_append(out, &c, 1);
  unsigned char byte = (unsigned char)c;
  const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
  return gcn__buf_append(out, escape, sizeof escape);
}

static int append_part(struct gcn__buf* out, struct gcn__span text,
                       const char* ends) {
  int error = 0;
  for (size_t i = 0; i < text.size && error == 0; i++)
    error = append_byte(out, text.data[i], ends);
  return error;
}

static int append_values(struct gcn__buf* out, const struct gcn__json* values,
                         const char** why) {
  struct gcn__span only = gcn__json_string(values);
  if (only.data != NULL) return append_part(out, only, VALUE_ENDS);
  if (gcn__json_count(values) == 0) {
    *why = "a filter is neither a string nor an array of them";
    return GCN__EINVAL;
  }
  int error = 0;
  for (size_t i = 0; i < gcn__json_count(values) && error == 0; i++) {
    struct gcn__span value = gcn__json_string(gcn__json_at(values, i));
    if (value.data == NULL) {
      *why = "a filter's value is not a string";
      return GCN__EINVAL;
    }
    if (i > 0) error = gcn__buf_append_str(out, ",");
    if (error == 0) error = append_part(out, value, VALUE_ENDS);
  }
  return error;
}

static int append_filters(struct gcn__buf* out, const struct gcn__json* filters,
                          const char** why) {
  int error = 0;
  for (size_t i = 0; error == 0; i++) {
    const char* name = gcn__json_key(filters, i);
    if (name == NULL) return 0;
    error = gcn__buf_append_str(out, i == 0 ? "?" : "&");
    if (error == 0) error = append_part(out, gcn__span_str(name), NAME_ENDS);
    if (error == 0) error = gcn__buf_append_str(out, "=");
    if (error == 0)
      error = append_values(out, gcn__json_get(filters, name), why);
  }
  return error;
}

static bool is_known(const char* key) {
  static const char* const keys[] = {"event", "topic", "resourceId", "filters",
                                     "filter"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    if (strcmp(keys[i], key) == 0) return true;
  }
  return false;
}

/* Strict: a filter under a wrong name would mean to get everything. */
static const char* check_members(const struct gcn__json* object) {
  if (!gcn__json_is_object(object)) return "it is not an object";
  for (size_t i = 0;; i++) {
    const char* key = gcn__json_key(object, i);
    if (key == NULL) break;
    if (!is_known(key)) {
      return "it has a member other than \"event\", \"resourceId\" and "
             "\"filters\", or \"topic\" and \"filter\"";
    }
  }
  if (gcn__json_get(object, "event") != NULL &&
      gcn__json_get(object, "topic") != NULL) {
    return "it has both an \"event\" and a \"topic\"";
  }
  if (gcn__json_get(object, "filters") != NULL &&
      gcn__json_get(object, "filter") != NULL) {
    return "it has both \"filters\" and a \"filter\"";
  }
  return NULL;
}

/* null, which many libraries write for what is not there; false passes for it,
 * because no accessor tells them apart. */
static bool is_nothing(const struct gcn__json* value) {
  double number;
  return !gcn__json_is_object(value) && !gcn__json_is_array(value) &&
         !gcn__json_true(value) && !gcn__json_number(value, &number) &&
         gcn__json_string(value).data == NULL;
}

/* The value of one of two members; NULL if there is neither, or it is null. */
static const struct gcn__json* either(const struct gcn__json* object,
                                      const char* name, const char* other) {
  const struct gcn__json* value = gcn__json_get(object, name);
  if (value == NULL) value = gcn__json_get(object, other);
  return is_nothing(value) ? NULL : value;
}

static int append_text(struct gcn__buf* out, const struct gcn__json* object,
                       const char** why) {
  const struct gcn__json* resource = either(object, "resourceId", "");
  const struct gcn__json* filters = either(object, "filters", "filter");
  struct gcn__span event = gcn__json_string(either(object, "event", "topic"));
  if (event.data == NULL) {
    *why = "its \"event\" or \"topic\" is missing or not a string";
    return GCN__EINVAL;
  }
  if (resource != NULL && gcn__json_string(resource).data == NULL) {
    *why = "its \"resourceId\" is not a string";
    return GCN__EINVAL;
  }
  if (filters != NULL && !gcn__json_is_object(filters)) {
    *why = "its \"filters\" are not an object";
    return GCN__EINVAL;
  }
  int error = append_part(out, event, EVENT_ENDS);
  if (error == 0 && resource != NULL) {
    error = gcn__buf_append_str(out, "@");
    if (error == 0) {
      error = append_part(out, gcn__json_string(resource), RESOURCE_ENDS);
    }
  }
  return error == 0 ? append_filters(out, filters, why) : error;
}

int gcn__subscription_from_json(const struct gcn__json* object,
                                struct gcn__buf* out, const char** why) {
  *why = check_members(object);
  if (*why != NULL) return GCN__EINVAL;
  *why = "";
  struct gcn__buf text;
  gcn__buf_init(&text, out->mem, GCN__SUBSCRIPTION_SIZE_MAX);
  int error = append_text(&text, object, why);
  if (error == 0) {
    const char* wrong = gcn__subscription_check(gcn__buf_span(&text));
    if (wrong != NULL) *why = wrong;
    if (wrong != NULL) error = GCN__EINVAL;
  }
  if (error == 0) {
    struct gcn__span span = gcn__buf_span(&text);
    error = gcn__buf_append(out, span.data, span.size);
  }
  gcn__buf_deinit(&text);
  return error;
}
