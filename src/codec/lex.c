/* SPDX-License-Identifier: MIT */
/*
 * JSON tokens and values.  Every read is guarded by `end`, so the text needs
 * no NUL and no slack behind it; nesting costs a bit, not a call.
 */
#include "codec/lex.h"

#include "base/assert.h"
#include "codec/lex-find.h"

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* 0-15, or 16 for what is no hexadecimal digit. */
static uint32_t hex_value(char c) {
  if (is_digit(c)) return (uint32_t)(c - '0');
  char lower = gcn__ascii_lower(c);
  if (lower >= 'a' && lower <= 'f') return (uint32_t)(lower - 'a') + 10;
  return 16;
}

void gcn__lex_skip_spaces(struct gcn__lex* lex) {
  for (; lex->at < lex->end; lex->at++) {
    char c = *lex->at;
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
  }
}

bool gcn__lex_take_literal(struct gcn__lex* lex, const char* literal) {
  while (*literal != '\0') {
    if (!gcn__lex_take(lex, *literal++)) return false;
  }
  return true;
}

static bool take_digits(struct gcn__lex* lex) {
  const char* begin = lex->at;
  while (lex->at < lex->end && is_digit(*lex->at))
    lex->at++;
  return lex->at > begin;
}

bool gcn__lex_take_number(struct gcn__lex* lex) {
  gcn__lex_take(lex, '-');
  /* A zero stands alone: the digit of "01" is left for the caller to trip
   * over. */
  if (!gcn__lex_take(lex, '0') && !take_digits(lex)) return false;
  if (gcn__lex_take(lex, '.') && !take_digits(lex)) return false;
  if (!gcn__lex_take(lex, 'e') && !gcn__lex_take(lex, 'E')) return true;
  if (!gcn__lex_take(lex, '+')) gcn__lex_take(lex, '-');
  return take_digits(lex);
}

/* Eight bytes as a number whose lowest byte comes first. */
static uint64_t load8(const char* at) {
  uint64_t word;
  memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* The top bit of the first byte that is a quote, a backslash or a control
 * character is set, and none below it.  Each subtraction borrows at such a
 * byte; what the borrow flags wrongly lies above. */
static uint64_t special_bits(uint64_t word) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t tops = UINT64_C(0x8080808080808080);
  uint64_t quote = word ^ ones * '"';
  uint64_t slash = word ^ ones * '\\';
  uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                   ((word - ones * 0x20) & ~word);
  return found & tops;
}

static const char* skip_plain(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    uint64_t found = special_bits(load8(at));
    if (found != 0) return at + __builtin_ctzll(found) / 8;
  }
  while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) {
    at++;
  }
  return at;
}

/* Behind the backslash. */
static bool take_escape(struct gcn__lex* lex) {
  if (lex->at == lex->end) return false;
  if (!gcn__lex_take(lex, 'u')) {
    if (*lex->at == '\0' || strchr("\"\\/bfnrt", *lex->at) == NULL)
      return false;
    lex->at++;
    return true;
  }
  for (int i = 0; i < 4; i++) {
    if (lex->at == lex->end || hex_value(*lex->at) == 16) return false;
    lex->at++;
  }
  return true;
}

/* Byte by byte. */
static bool read_string(struct gcn__lex* lex, struct gcn__lex_string* string) {
  if (!gcn__lex_take(lex, '"')) return false;
  const char* begin = lex->at;
  string->escaped = false;
  for (;;) {
    lex->at = skip_plain(lex->at, lex->end);
    if (gcn__lex_take(lex, '"')) break;
    if (!gcn__lex_take(lex, '\\')) return false; /* the end, or a control */
    string->escaped = true;
    if (!take_escape(lex)) return false;
  }
  string->raw = gcn__span(begin, (size_t)(lex->at - 1 - begin));
  return true;
}

bool gcn__lex_take_any_string(struct gcn__lex* lex,
                              struct gcn__lex_string* string) {
  if (lex->scan != NULL && gcn__lex_find_string(lex, string)) return true;
  return read_string(lex, string);
}

static bool take_scalar(struct gcn__lex* lex) {
  if (lex->at == lex->end) return false;
  struct gcn__lex_string string;
  switch (*lex->at) {
  case '"': return gcn__lex_take_string(lex, &string);
  case 't': return gcn__lex_take_literal(lex, "true");
  case 'f': return gcn__lex_take_literal(lex, "false");
  case 'n': return gcn__lex_take_literal(lex, "null");
  default: return gcn__lex_take_number(lex);
  }
}

/* The containers that are open. */
struct nest {
  unsigned depth;
  uint32_t objects; /* bit d - 1: the one at depth d is an object */
};

_Static_assert(GCN__LEX_DEPTH_MAX <= 32, "one bit per level");

static void push(struct nest* nest, char open) {
  uint32_t bit = UINT32_C(1) << nest->depth++;
  nest->objects = open == '{' ? nest->objects | bit : nest->objects & ~bit;
}

static bool in_object(const struct nest* nest) {
  return nest->depth > 0 && (nest->objects >> (nest->depth - 1) & 1) != 0;
}

/* What closes the innermost one. */
static char closer(const struct nest* nest) {
  return in_object(nest) ? '}' : ']';
}

static bool is_opener(const struct gcn__lex* lex) {
  return gcn__lex_is(lex, '{') || gcn__lex_is(lex, '[');
}

/* Behind a value: out of all containers that end here, to where the next value
 * or key begins. */
static bool climb(struct gcn__lex* lex, struct nest* nest) {
  bool more = false;
  while (nest->depth > 0 && !more) {
    if (!gcn__lex_go_on(lex, closer(nest), &more)) return false;
    if (!more) nest->depth--;
  }
  return true;
}

static bool take_strictly(struct gcn__lex* lex, unsigned depth_max) {
  struct nest nest = {0};
  struct gcn__lex_string key;
  do {
    if (in_object(&nest) && !gcn__lex_take_key(lex, &key)) return false;
    if (is_opener(lex)) {
      if (nest.depth == depth_max) return false;
      bool more;
      push(&nest, *lex->at);
      (void)gcn__lex_open(lex, *lex->at, closer(&nest), &more);
      if (more) continue;
      nest.depth--;
    } else if (!take_scalar(lex)) {
      return false;
    }
    if (!climb(lex, &nest)) return false;
  } while (nest.depth > 0);
  return true;
}

static bool skip_container(struct gcn__lex* lex, unsigned depth_max) {
  const char first = *lex->at;
  unsigned depth = 0;
  struct gcn__lex_string string;
  while (lex->at < lex->end) {
    switch (*lex->at) {
    case '"':
      if (!gcn__lex_take_string(lex, &string)) return false;
      continue;
    case '{':
    case '[':
      if (depth == depth_max) return false;
      depth++;
      break;
    case '}':
    case ']':
      if (depth == 1 && *lex->at != (first == '{' ? '}' : ']')) return false;
      depth--;
      break;
    default: break;
    }
    lex->at++;
    if (depth == 0) return true;
  }
  return false;
}

bool gcn__lex_take_value(struct gcn__lex* lex, unsigned depth_max,
                         enum gcn__scrutiny scrutiny) {
  GCN__ASSERT(depth_max <= GCN__LEX_DEPTH_MAX);
  if (lex->scan != NULL && is_opener(lex) &&
      gcn__lex_find_container(lex, depth_max, scrutiny)) {
    return true;
  }
  bool shallow = scrutiny == GCN__SCRUTINY_SHALLOW && is_opener(lex);
  return shallow ? skip_container(lex, depth_max)
                 : take_strictly(lex, depth_max);
}

static uint32_t hex4(const char* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++)
    value = value << 4 | hex_value(at[i]);
  return value;
}

/* A plain byte or a whole escape, decoded. */
struct unit {
  char bytes[4];
  size_t size;     /* 0: nothing that can be carried */
  size_t raw_size; /* how much of the raw text it took */
};

static struct unit plain_unit(char c, size_t raw_size) {
  return (struct unit){.bytes = {c}, .size = 1, .raw_size = raw_size};
}

static struct unit character_unit(uint32_t c, size_t raw_size) {
  struct unit unit = {.raw_size = raw_size};
  if (c == 0 || (c >= 0xd800 && c <= 0xdfff)) return unit;
  if (c < 0x80) return plain_unit((char)c, raw_size);
  unit.size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = unit.size - 1; i > 0; i--) {
    unit.bytes[i] = (char)(0x80 | (c & 0x3f));
    c >>= 6;
  }
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  unit.bytes[0] = (char)(lead[unit.size] | c);
  return unit;
}

/* `raw` begins with "\u" and four digits. */
static struct unit hex_unit(struct gcn__span raw) {
  uint32_t c = hex4(raw.data + 2);
  bool high = c >= 0xd800 && c <= 0xdbff;
  if (!high || raw.size < 12) return character_unit(c, 6);
  if (raw.data[6] != '\\' || raw.data[7] != 'u') return character_unit(c, 6);
  uint32_t low = hex4(raw.data + 8);
  if (low < 0xdc00 || low > 0xdfff) return character_unit(c, 6);
  return character_unit(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00), 12);
}

static struct unit next_unit(struct gcn__span raw) {
  if (raw.data[0] != '\\') return plain_unit(raw.data[0], 1);
  GCN__ASSERT(raw.size >= 2);
  switch (raw.data[1]) {
  case 'u': return hex_unit(raw);
  case 'b': return plain_unit('\b', 2);
  case 'f': return plain_unit('\f', 2);
  case 'n': return plain_unit('\n', 2);
  case 'r': return plain_unit('\r', 2);
  case 't': return plain_unit('\t', 2);
  default: return plain_unit(raw.data[1], 2); /* stands for itself */
  }
}

bool gcn__lex_decodable(const struct gcn__lex_string* string) {
  if (!string->escaped) return true;
  struct gcn__span raw = string->raw;
  while (raw.size > 0) {
    struct unit unit = next_unit(raw);
    if (unit.size == 0) return false;
    raw = gcn__span_skip(raw, unit.raw_size);
  }
  return true;
}

size_t gcn__lex_decode(const struct gcn__lex_string* string, char* out) {
  struct gcn__span raw = string->raw;
  size_t size = 0;
  while (raw.size > 0) {
    /* A unit is read before its place is written, and never grows. */
    struct unit unit = next_unit(raw);
    memcpy(out + size, unit.bytes, unit.size);
    size += unit.size;
    raw = gcn__span_skip(raw, unit.raw_size);
  }
  return size;
}

bool gcn__lex_string_is(const struct gcn__lex_string* string,
                        const char* text) {
  if (!string->escaped) return gcn__span_is(string->raw, text);
  struct gcn__span raw = string->raw;
  struct gcn__span rest = gcn__span_str(text);
  while (raw.size > 0) {
    struct unit unit = next_unit(raw);
    if (unit.size == 0 || unit.size > rest.size) return false;
    if (memcmp(unit.bytes, rest.data, unit.size) != 0) return false;
    raw = gcn__span_skip(raw, unit.raw_size);
    rest = gcn__span_skip(rest, unit.size);
  }
  return rest.size == 0;
}
