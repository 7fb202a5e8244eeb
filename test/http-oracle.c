/* SPDX-License-Identifier: MIT */
/*
 * Lines are cut at CR LF first; what they mean is asked of them afterwards.
 */
#include "http-oracle.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 100, INTERIM_MAX = 8, STATUS_LINE_SIZE = 12 };

struct field {
  struct gcn__span name;
  struct gcn__span value;
};

struct reading {
  struct gcn__span rest;
  bool old; /* HTTP/1.0 */
  struct field fields[FIELDS_MAX];
  size_t field_count;
  bool tabbed; /* there was a tab around a value */
};

static struct gcn__span trim(struct gcn__span text) {
  while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
    text = gcn__span_skip(text, 1);
  while (text.size > 0 && (text.data[text.size - 1] == ' ' ||
                           text.data[text.size - 1] == '\t')) {
    text.size--;
  }
  return text;
}

/* A line ends at the first CR or LF, which have to be CR LF. */
static bool take_line(struct gcn__span* rest, struct gcn__span* line) {
  size_t size = 0;
  while (size < rest->size && rest->data[size] != '\r' &&
         rest->data[size] != '\n') {
    size++;
  }
  if (size + 2 > rest->size) return false;
  if (rest->data[size] != '\r' || rest->data[size + 1] != '\n') return false;
  *line = gcn__span(rest->data, size);
  *rest = gcn__span_skip(*rest, size + 2);
  return true;
}

static bool has_control(struct gcn__span text, char but) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if ((byte < 32 || byte == 127) && text.data[i] != but) return true;
  }
  return false;
}

static bool is_name(struct gcn__span text) {
  static const char signs[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    bool plain = byte < 128 && isalnum(byte) != 0;
    if (!plain && (byte == 0 || strchr(signs, byte) == NULL)) return false;
  }
  return text.size > 0;
}

static bool is_number(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
  }
  return text.size > 0;
}

static bool same(struct gcn__span text, const char* word) {
  return text.size == strlen(word) &&
         strncasecmp(text.data, word, text.size) == 0;
}

/* "HTTP/1.1 200" and nothing, or a space and a reason. */
static bool read_status(struct reading* reading, unsigned* status) {
  struct gcn__span line;
  if (!take_line(&reading->rest, &line)) return false;
  if (line.size < STATUS_LINE_SIZE || has_control(line, ' ')) return false;
  bool http1 = memcmp(line.data, "HTTP/1.1 ", 9) == 0;
  reading->old = memcmp(line.data, "HTTP/1.0 ", 9) == 0;
  if (!http1 && !reading->old) return false;
  if (!is_number(gcn__span(line.data + 9, 3))) return false;
  if (line.size > STATUS_LINE_SIZE && line.data[STATUS_LINE_SIZE] != ' ') {
    return false;
  }
  char digits[4] = {line.data[9], line.data[10], line.data[11], 0};
  *status = (unsigned)strtoul(digits, NULL, 10);
  return *status >= 100 && *status < 600;
}

static bool read_fields(struct reading* reading) {
  reading->field_count = 0;
  for (;;) {
    struct gcn__span line;
    if (!take_line(&reading->rest, &line)) return false;
    if (line.size == 0) return true;
    const char* colon = memchr(line.data, ':', line.size);
    if (colon == NULL || reading->field_count == FIELDS_MAX) return false;
    struct field* field = &reading->fields[reading->field_count++];
    size_t name_size = (size_t)(colon - line.data);
    field->name = gcn__span(line.data, name_size);
    field->value = gcn__span_skip(line, name_size + 1);
    if (!is_name(field->name) || has_control(field->value, '\t')) return false;
    struct gcn__span value = trim(field->value);
    if (memchr(line.data, '\t', line.size) != NULL &&
        value.size < field->value.size) {
      reading->tabbed = true;
    }
    field->value = value;
  }
}

/* How many there are; `value` is that of the first. */
static size_t find(const struct reading* reading, const char* name,
                   struct gcn__span* value) {
  size_t count = 0;
  for (size_t i = 0; i < reading->field_count; i++) {
    if (!same(reading->fields[i].name, name)) continue;
    if (count++ == 0) *value = reading->fields[i].value;
  }
  return count;
}

static bool connection_has(const struct reading* reading, const char* word) {
  for (size_t i = 0; i < reading->field_count; i++) {
    if (!same(reading->fields[i].name, "connection")) continue;
    struct gcn__span list = reading->fields[i].value;
    while (list.size > 0) {
      const char* comma = memchr(list.data, ',', list.size);
      size_t size = comma == NULL ? list.size : (size_t)(comma - list.data);
      if (same(trim(gcn__span(list.data, size)), word)) return true;
      list = gcn__span_skip(list, comma == NULL ? size : size + 1);
    }
  }
  return false;
}

struct framing {
  bool chunked;
  bool has_length;
  uint64_t length;
};

static bool read_length(struct gcn__span text, uint64_t* length) {
  if (!is_number(text)) return false;
  *length = 0;
  for (size_t i = 0; i < text.size; i++) {
    uint64_t digit = (uint64_t)(text.data[i] - '0');
    if (*length > (UINT64_MAX - digit) / 10) return false;
    *length = *length * 10 + digit;
  }
  return true;
}

static bool read_framing(const struct reading* reading,
                         struct framing* framing) {
  struct gcn__span text = {NULL, 0};
  *framing = (struct framing){.chunked = false};
  size_t lengths = find(reading, "content-length", &text);
  if (lengths > 1) return false;
  framing->has_length = lengths == 1;
  if (lengths == 1 && !read_length(text, &framing->length)) return false;
  size_t codings = find(reading, "transfer-encoding", &text);
  if (codings > 1 || (codings == 1 && lengths == 1)) return false;
  if (codings == 1 && (reading->old || !same(text, "chunked"))) return false;
  framing->chunked = codings == 1;
  size_t contents = find(reading, "content-encoding", &text);
  return contents == 0 || (contents == 1 && same(text, "identity"));
}

static bool append(struct http_oracle* out, struct gcn__span bytes) {
  if (bytes.size > sizeof out->body - out->body_size) return false;
  if (bytes.size > 0)
    memcpy(out->body + out->body_size, bytes.data, bytes.size);
  out->body_size += bytes.size;
  return true;
}

/* Takes `size` bytes of body from what is left. */
static bool take_body(struct gcn__span* rest, uint64_t size,
                      struct http_oracle* out) {
  if (size > rest->size) return false;
  bool fits = append(out, gcn__span(rest->data, (size_t)size));
  *rest = gcn__span_skip(*rest, (size_t)size);
  return fits;
}

static bool read_chunk_size(struct gcn__span line, uint64_t* size, bool* odd) {
  size_t digits = 0;
  *size = 0;
  while (digits < line.size && isxdigit((unsigned char)line.data[digits])) {
    const char digit[2] = {line.data[digits++], 0};
    if (*size > UINT64_MAX >> 4) return false;
    *size = *size << 4 | strtoul(digit, NULL, 16);
  }
  struct gcn__span extension = gcn__span_skip(line, digits);
  if (digits == 0 || has_control(extension, ' ')) return false;
  if (extension.size == 0) return true;
  *odd = true;
  return trim(extension).size > 0 && trim(extension).data[0] == ';';
}

static bool read_trailers(struct reading* reading, struct http_oracle* out) {
  struct gcn__span value;
  if (!read_fields(reading)) return false;
  static const char* const framing[] = {"content-length", "transfer-encoding",
                                        "connection"};
  for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++)
    if (find(reading, framing[i], &value) > 0) out->odd = true;
  return true;
}

static bool read_chunks(struct reading* reading, struct http_oracle* out) {
  for (;;) {
    struct gcn__span line;
    uint64_t size;
    if (!take_line(&reading->rest, &line)) return false;
    if (!read_chunk_size(line, &size, &out->odd)) return false;
    if (size == 0) return read_trailers(reading, out);
    if (!take_body(&reading->rest, size, out)) return false;
    if (!take_line(&reading->rest, &line) || line.size > 0) return false;
  }
}

static bool read_body(struct reading* reading, const struct framing* framing,
                      struct http_oracle* out) {
  if (framing->chunked) return read_chunks(reading, out);
  uint64_t size = framing->has_length ? framing->length : reading->rest.size;
  if (!framing->has_length) out->keep_alive = false;
  return take_body(&reading->rest, size, out);
}

static bool read_answer(struct reading* reading, bool head, bool upgrade,
                        struct http_oracle* out) {
  struct framing framing;
  for (unsigned interim = 0;; interim++) {
    if (!read_status(reading, &out->status)) return false;
    if (!read_fields(reading)) return false;
    if (!read_framing(reading, &framing)) return false;
    if (out->status >= 200) break;
    if (reading->old) return false; /* 1.0 knows no interim answers */
    if (out->status == 101) break;
    if (framing.chunked || framing.length > 0) return false;
    if (interim == INTERIM_MAX) return false;
  }
  bool announced = framing.chunked || framing.length > 0;
  if (out->status == 101) return upgrade && !announced;
  out->keep_alive = !connection_has(reading, "close") &&
                    (!reading->old || connection_has(reading, "keep-alive"));
  if (out->status == 204 && announced) out->keep_alive = false;
  bool bodyless = head || out->status == 204 || out->status == 304;
  return bodyless || read_body(reading, &framing, out);
}

void http_oracle_read(struct gcn__span text, bool head, bool upgrade,
                      struct http_oracle* out) {
  struct reading reading = {.rest = text};
  *out = (struct http_oracle){.accepted = false};
  out->accepted = read_answer(&reading, head, upgrade, out);
  out->used = text.size - reading.rest.size;
  if (reading.tabbed) out->odd = true;
}
