/* SPDX-License-Identifier: MIT */
/*
 * The rules of a fault proxy, from text.
 *
 * Each kind has its own set of names; a name that would do nothing is a
 * mistake, because a test that believes in it would prove nothing.
 */
#include "sim/toxic.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX_DIGITS = 18, RATE_MAX = 1000000000, QUOTE_SIZE_MAX = 40 };

enum name {
  NAME_CONN = 1 << 0,
  NAME_AT = 1 << 1,
  NAME_AFTER = 1 << 2,
  NAME_DELAY = 1 << 3,
  NAME_JITTER = 1 << 4,
  NAME_SIZE = 1 << 5,
  NAME_VARY = 1 << 6,
  NAME_RATE = 1 << 7,
  NAME_MASK = 1 << 8,
  NAME_HEX = 1 << 9,
  NAME_TEXT = 1 << 10,
};

static const struct {
  const char* word;
  unsigned may;      /* names it understands, besides conn */
  unsigned must;     /* names of which there has to be one */
  const char* wants; /* what to say if there is none */
} kinds[GCN__TOXIC_KINDS] = {
    {"latency", NAME_DELAY | NAME_JITTER, NAME_DELAY, "delay=TIME"},
    {"bandwidth", NAME_RATE, NAME_RATE, "rate=BYTES (a second)"},
    {"slice", NAME_SIZE | NAME_VARY | NAME_DELAY | NAME_AT, NAME_SIZE,
     "size=BYTES"},
    {"trickle", NAME_DELAY | NAME_AT, NAME_DELAY, "delay=TIME"},
    {"slow-close", NAME_DELAY, NAME_DELAY, "delay=TIME"},
    {"corrupt", NAME_AT | NAME_MASK, 0, ""},
    {"duplicate", NAME_AT | NAME_SIZE, NAME_SIZE, "size=BYTES"},
    {"inject", NAME_AT | NAME_HEX | NAME_TEXT, NAME_HEX | NAME_TEXT,
     "hex=DIGITS or text=\"...\""},
    {"limit", NAME_AT | NAME_AFTER, 0, ""},
    {"blackhole", NAME_AT | NAME_AFTER, 0, ""},
    {"half-close", NAME_AT | NAME_AFTER, 0, ""},
    {"cut", NAME_AT | NAME_AFTER, 0, ""},
    {"reset", NAME_AT | NAME_AFTER, 0, ""},
};

static const struct {
  const char* word;
  unsigned name;
} names[] = {
    {"conn", NAME_CONN},   {"at", NAME_AT},         {"after", NAME_AFTER},
    {"delay", NAME_DELAY}, {"jitter", NAME_JITTER}, {"size", NAME_SIZE},
    {"vary", NAME_VARY},   {"rate", NAME_RATE},     {"mask", NAME_MASK},
    {"hex", NAME_HEX},     {"text", NAME_TEXT},
};
enum { NAMES = sizeof names / sizeof names[0] };

struct reader {
  struct gcn__span rule;
  size_t position;
  unsigned seen; /* names */
  struct gcn__toxic* out;
  struct gcn__toxic_mistake* mistake;
};

static bool fail(struct reader* reader, size_t position, const char* format,
                 ...) __attribute__((format(printf, 3, 4)));

static bool fail(struct reader* reader, size_t position, const char* format,
                 ...) {
  char text[GCN__TOXIC_MISTAKE_SIZE - 32];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  reader->mistake->column = position + 1;
  snprintf(reader->mistake->text, sizeof reader->mistake->text,
           "column %zu: %s", position + 1, text);
  return false;
}

static void skip_spaces(struct reader* reader) {
  while (reader->position < reader->rule.size &&
         reader->rule.data[reader->position] == ' ')
    reader->position++;
}

/* Up to a space, or to `stop`, which stays. */
static struct gcn__span next_word(struct reader* reader, char stop) {
  skip_spaces(reader);
  size_t begin = reader->position;
  const char* data = reader->rule.data;
  while (reader->position < reader->rule.size &&
         data[reader->position] != ' ' && data[reader->position] != stop)
    reader->position++;
  return gcn__span(data + begin, reader->position - begin);
}

static int quotable(struct gcn__span span) {
  return span.size > QUOTE_SIZE_MAX ? QUOTE_SIZE_MAX : (int)span.size;
}

static bool read_number(struct gcn__span text, uint64_t* out) {
  uint64_t number = 0;
  if (text.size == 0 || text.size > NUMBER_MAX_DIGITS) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    number = number * 10 + (uint64_t)(text.data[i] - '0');
  }
  *out = number;
  return true;
}

/* "250ms", "2s", "1m"; a number without a unit could be read as either. */
static bool read_time(struct gcn__span text, uint64_t* out_ms) {
  static const struct {
    const char* unit;
    uint64_t factor_ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};
  size_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' &&
         text.data[digits] <= '9')
    digits++;
  uint64_t number;
  if (digits > 9 || !read_number(gcn__span(text.data, digits), &number)) {
    return false;
  }
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (!gcn__span_is(gcn__span_skip(text, digits), units[i].unit)) continue;
    *out_ms = number * units[i].factor_ms;
    return true;
  }
  return false;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(struct gcn__span text, unsigned char* out, size_t size_max,
                     size_t* size) {
  if (text.size == 0 || text.size % 2 != 0 || text.size / 2 > size_max) {
    return false;
  }
  for (size_t i = 0; i < text.size; i += 2) {
    int high = digit_of(text.data[i]);
    int low = digit_of(text.data[i + 1]);
    if (high < 0 || low < 0) return false;
    out[i / 2] = (unsigned char)(high * 16 + low);
  }
  *size = text.size / 2;
  return true;
}

/* What stands for itself behind a backslash, or for a byte; 0: nothing. */
static unsigned char escaped(char c) {
  switch (c) {
  case 'r': return '\r';
  case 'n': return '\n';
  case '"':
  case '\\': return (unsigned char)c;
  default: return 0;
  }
}

/* From the quote on. */
static bool take_text(struct reader* reader) {
  static const char want[] = "text has to be in double quotes, up to 1024 "
                             "bytes; \\r \\n \\\" \\\\ are known";
  const char* data = reader->rule.data;
  size_t begin = reader->position;
  size_t at = begin;
  size_t count = 0;
  if (at >= reader->rule.size || data[at] != '"') {
    return fail(reader, begin, "%s", want);
  }
  for (at++; at < reader->rule.size && data[at] != '"'; at++) {
    unsigned char byte = (unsigned char)data[at];
    if (byte == '\\') {
      at++;
      byte = at < reader->rule.size ? escaped(data[at]) : 0;
      if (byte == 0) return fail(reader, at - 1, "%s", want);
    }
    if (count == GCN__TOXIC_BYTES_MAX) return fail(reader, at, "%s", want);
    reader->out->bytes[count++] = byte;
  }
  if (at >= reader->rule.size || count == 0) {
    return fail(reader, begin, "%s", want);
  }
  reader->out->byte_count = count;
  reader->position = at + 1;
  bool ends =
      reader->position == reader->rule.size || data[reader->position] == ' ';
  return ends || fail(reader, reader->position, "a space has to follow");
}

static bool take_mask(struct gcn__span value, struct gcn__toxic* out) {
  size_t size;
  return read_hex(value, &out->mask, 1, &size) && out->mask != 0;
}

static bool take_between(struct gcn__span value, uint64_t low, uint64_t high,
                         uint64_t* out) {
  return read_number(value, out) && *out >= low && *out <= high;
}

static bool is_copied(const struct gcn__toxic* toxic) {
  return toxic->kind == GCN__TOXIC_DUPLICATE;
}

static bool take_positive_time(struct gcn__span value, uint64_t* out_ms) {
  return read_time(value, out_ms) && *out_ms > 0;
}

/* NULL, or what the value has to be. */
static const char* take_value(struct gcn__toxic* out, unsigned name,
                              struct gcn__span value) {
  static const char time[] = "a time from 1ms on, like 250ms, 2s or 1m";
  bool good = false;
  switch (name) {
  case NAME_CONN:
    good = take_between(value, 1, UINT64_MAX, &out->number);
    return good ? NULL : "a connection's number, from 1 on";
  case NAME_AT:
    return read_number(value, &out->at) ? NULL : "a position, from 0 on";
  case NAME_AFTER: return read_time(value, &out->after_ms) ? NULL : time;
  case NAME_JITTER: return read_time(value, &out->jitter_ms) ? NULL : time;
  case NAME_DELAY:
    return take_positive_time(value, &out->delay_ms) ? NULL : time;
  case NAME_VARY:
    good = take_between(value, 0, RATE_MAX, &out->vary);
    return good ? NULL : "a number of bytes";
  case NAME_RATE:
    good = take_between(value, 1, RATE_MAX, &out->rate);
    return good ? NULL : "bytes a second, from 1 to 1000000000";
  case NAME_MASK:
    return take_mask(value, out) ? NULL : "two hex digits other than 00";
  case NAME_HEX:
    good = read_hex(value, out->bytes, sizeof out->bytes, &out->byte_count);
    return good ? NULL : "pairs of hex digits, up to 1024 of them";
  default: break;
  }
  uint64_t most = is_copied(out) ? GCN__TOXIC_COPY_SIZE_MAX : RATE_MAX;
  good = take_between(value, 1, most, &out->size);
  if (good) return NULL;
  return is_copied(out) ? "from 1 to 65536 bytes" : "a number of bytes";
}

static bool take_direction(struct reader* reader) {
  struct gcn__span word = next_word(reader, ' ');
  bool both = gcn__span_is(word, "both");
  reader->out->up = both || gcn__span_is(word, "up");
  reader->out->down = both || gcn__span_is(word, "down");
  if (reader->out->up || reader->out->down) return true;
  return fail(reader, reader->position - word.size,
              "'%.*s' is not a direction: up, down or both", quotable(word),
              word.data);
}

static bool take_kind(struct reader* reader) {
  struct gcn__span word = next_word(reader, ' ');
  for (size_t i = 0; i < GCN__TOXIC_KINDS; i++) {
    if (!gcn__span_is(word, kinds[i].word)) continue;
    reader->out->kind = (enum gcn__toxic_kind)i;
    return true;
  }
  return fail(reader, reader->position - word.size,
              "'%.*s' is not one of latency, bandwidth, slice, trickle, "
              "slow-close, corrupt, duplicate, inject, limit, blackhole, "
              "half-close, cut, reset",
              quotable(word), word.data);
}

static void list_names(enum gcn__toxic_kind kind, char* out, size_t size) {
  size_t used = 0;
  unsigned may = kinds[kind].may | NAME_CONN;
  out[0] = '\0';
  for (size_t i = 0; i < NAMES && used < size; i++) {
    if ((names[i].name & may) == 0) continue;
    int added = snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ",
                         names[i].word);
    used += added > 0 ? (size_t)added : 0;
  }
}

static unsigned find_name(struct gcn__span word) {
  for (size_t i = 0; i < NAMES; i++) {
    if (gcn__span_is(word, names[i].word)) return names[i].name;
  }
  return 0;
}

/* "NAME=", and what kind of toxic may have it. */
static bool take_name(struct reader* reader, unsigned* name) {
  struct gcn__span word = next_word(reader, '=');
  size_t begin = reader->position - word.size;
  enum gcn__toxic_kind kind = reader->out->kind;
  *name = find_name(word);
  if ((*name & (kinds[kind].may | NAME_CONN)) == 0) {
    char known[64];
    list_names(kind, known, sizeof known);
    return fail(reader, begin, "%s knows no '%.*s'; it may have: %s",
                kinds[kind].word, quotable(word), word.data, known);
  }
  if ((reader->seen & *name) != 0) {
    return fail(reader, begin, "'%.*s' is there twice", quotable(word),
                word.data);
  }
  reader->seen |= *name;
  bool equals = reader->position < reader->rule.size &&
                reader->rule.data[reader->position] == '=';
  if (!equals) {
    return fail(reader, reader->position, "'=' and a value have to follow");
  }
  reader->position++;
  return true;
}

static bool take_pair(struct reader* reader) {
  unsigned name;
  if (!take_name(reader, &name)) return false;
  if (name == NAME_TEXT) return take_text(reader);
  size_t begin = reader->position;
  /* Not next_word: a space before the value would not be part of it. */
  const char* data = reader->rule.data;
  while (reader->position < reader->rule.size && data[reader->position] != ' ')
    reader->position++;
  struct gcn__span value = gcn__span(data + begin, reader->position - begin);
  const char* want = take_value(reader->out, name, value);
  if (want == NULL) return true;
  return fail(reader, begin, "'%.*s' has to be %s", quotable(value), value.data,
              want);
}

static bool check(struct reader* reader) {
  const struct gcn__toxic* out = reader->out;
  unsigned must = kinds[out->kind].must;
  if (must != 0 && (reader->seen & must) == 0) {
    return fail(reader, reader->rule.size, "%s needs %s", kinds[out->kind].word,
                kinds[out->kind].wants);
  }
  if ((reader->seen & NAME_HEX) != 0 && (reader->seen & NAME_TEXT) != 0) {
    return fail(reader, reader->rule.size, "one of hex and text is enough");
  }
  if (out->jitter_ms > out->delay_ms) {
    return fail(reader, reader->rule.size, "jitter has to be up to delay");
  }
  if (out->vary >= out->size && out->vary > 0) {
    return fail(reader, reader->rule.size, "vary has to be less than size");
  }
  return true;
}

bool gcn__toxic_parse(struct gcn__span rule, struct gcn__toxic* out,
                      struct gcn__toxic_mistake* mistake) {
  struct reader reader = {.rule = rule, .out = out, .mistake = mistake};
  memset(out, 0, sizeof *out);
  memset(mistake, 0, sizeof *mistake);
  out->mask = 0xff;
  if (!take_direction(&reader) || !take_kind(&reader)) return false;
  for (;;) {
    skip_spaces(&reader);
    if (reader.position == rule.size) break;
    if (!take_pair(&reader)) return false;
  }
  if (!check(&reader)) return false;
  if (out->kind == GCN__TOXIC_TRICKLE) out->size = 1;
  snprintf(out->rule, sizeof out->rule, "%.*s",
           rule.size >= sizeof out->rule ? (int)sizeof out->rule - 1
                                         : (int)rule.size,
           rule.data);
  return true;
}

bool gcn__toxics_add(struct gcn__toxics* toxics, struct gcn__span rule,
                     struct gcn__toxic_mistake* mistake) {
  struct reader reader = {.rule = rule, .mistake = mistake};
  if (toxics->count == GCN__TOXICS_MAX) {
    return fail(&reader, 0, "there may be up to 32 rules");
  }
  if (!gcn__toxic_parse(rule, &toxics->items[toxics->count], mistake)) {
    return false;
  }
  toxics->count++;
  return true;
}

const char* gcn__toxic_kind_name(enum gcn__toxic_kind kind) {
  return kinds[kind].word;
}
