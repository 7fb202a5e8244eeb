/* SPDX-License-Identifier: MIT */
/*
 * The grammar of JSON over the bits of a block; for codec/scan-kernel.h alone.
 *
 * All of it is inlined into the ways, and so made of the instructions of each.
 * It knows no window: what has to be known of the blocks before stands in
 * struct grammar.
 */
#ifndef GCN_CODEC_SCAN_GRAMMAR_H
#define GCN_CODEC_SCAN_GRAMMAR_H

#include "base/span.h"

#define INLINE static inline __attribute__((always_inline))

struct kinds {
  uint64_t quotes;   /* escaped ones, too */
  uint64_t brackets; /* and what looks alike; within strings, too */
  uint64_t rare; /* not zero if there is a backslash, a control character, or
                    one that is not ASCII */
};

struct marks {
  uint64_t commas;
  uint64_t colons;
};

/* What brackets say of a block. */
struct levels {
  uint64_t opens;
  uint64_t objects; /* bytes in an object, and not in an array in it */
  uint64_t end;     /* the one that closes the first one */
};

/* Where the tokens of a block are that are looked at.  Of strings and scalars,
 * that is where they begin. */
struct tokens {
  uint64_t inside; /* of strings, looked at or not */
  uint64_t strings;
  uint64_t scalars;
  uint64_t opens;
  uint64_t closes;
  uint64_t commas;
  uint64_t colons;
  uint64_t objects; /* bytes in objects */
};

/* What is known of the blocks before.  What is "due" is a token whose place is
 * the first byte from that bit on that is no space. */
struct grammar {
  uint64_t nest;    /* a bit per container, the innermost lowest: 1 for an
                       object; above them a 1 */
  uint64_t limit;   /* that nest must not reach before another one opens */
  uint64_t objects; /* all bits: in an object */
  uint64_t scalar;  /* 1: at its end was one */
  uint64_t key;     /* 1: it ends in a key */
  uint64_t name_due;
  uint64_t value_due;
  uint64_t more_due; /* behind a comma or colon */
  uint64_t colon_due;
  uint64_t faults;
};

INLINE unsigned lowest(uint64_t bits) {
  return (unsigned)__builtin_ctzll(bits);
}

/* "{" and "}" have it, "[" and "]" do not. */
enum { OBJECT_BIT = 0x20 };

INLINE bool is_opening(char bracket) {
  return (bracket | OBJECT_BIT) == '{';
}

/* False if it is too deep. */
INLINE bool take_opening(uint64_t* nest, char bracket, uint64_t limit) {
  if (*nest >= limit) return false;
  *nest = *nest << 1 | (bracket >> 5 & 1);
  return true;
}

/* False for what does not close the innermost one. */
INLINE bool take_closing(uint64_t* nest, char bracket) {
  if (bracket != (char)(']' | (*nest & 1) * OBJECT_BIT)) return false;
  *nest >>= 1;
  return true;
}

/* Until the first container closes. */
INLINE bool take_brackets(struct grammar* grammar, const char* at,
                          uint64_t bits, struct levels* levels) {
  for (; bits != 0; bits &= bits - 1) {
    uint64_t before = grammar->nest;
    uint64_t bit = bits & (UINT64_C(0) - bits);
    char bracket = at[lowest(bits)];
    if (is_opening(bracket)) {
      if (!take_opening(&grammar->nest, bracket, grammar->limit)) return false;
      levels->opens |= bit;
    } else {
      if (!take_closing(&grammar->nest, bracket)) return false;
      if (grammar->nest == 1) {
        levels->end = bit;
        return true;
      }
    }
    uint64_t change = (before ^ grammar->nest) & 1;
    levels->objects ^= (UINT64_C(0) - bit) & (UINT64_C(0) - change);
  }
  return true;
}

/* How many containers are open within the first one, which is less than none
 * behind it, and how many may be; of what kind they are nobody asks. */
struct depth {
  long open;
  long most;
};

/* Returns the bracket that closes the first container, or goes too deep; none:
 * there is none. */
INLINE uint64_t pass_brackets(struct depth* depth, const char* at,
                              uint64_t bits) {
  long open = depth->open;
  for (; bits != 0; bits &= bits - 1) {
    unsigned bracket = (unsigned char)at[lowest(bits)];
    /* Of the two bits that tell what opens from what closes, one is set; what
     * only looks alike has none or both. */
    if (((bracket ^ bracket >> 1) & 2) == 0) continue;
    open += 1 - (long)(bracket >> 1 & 2);
    if ((unsigned long)open > (unsigned long)depth->most) break;
  }
  depth->open = open;
  return bits & (UINT64_C(0) - bits);
}

/* Whether these are the ends of one container. */
INLINE bool closes(char opening, char closing) {
  return closing == opening + 2;
}

/* Where scalars begin. */
INLINE uint64_t find_starts(struct grammar* grammar, uint64_t scalars) {
  uint64_t starts = scalars & ~(scalars << 1 | grammar->scalar);
  grammar->scalar = scalars >> 63;
  return starts;
}

/* The first bytes behind `tokens` that are no space; `due` as in struct
 * grammar. */
INLINE uint64_t behind(uint64_t tokens, uint64_t* due, uint64_t spaces) {
  uint64_t next = tokens + tokens + *due;
  *due = tokens >> 63;
  if (spaces == 0) return next;
  /* Adding one to where a run of ones begins moves it behind the run. */
  uint64_t sum;
  *due |= __builtin_add_overflow(spaces, next & spaces, &sum);
  return (next | sum) & ~spaces;
}

/* Notes what is where it must not be. */
INLINE void judge(struct grammar* grammar, const struct tokens* tokens,
                  uint64_t spaces) {
  uint64_t heads = tokens->opens | tokens->commas;
  uint64_t names = behind(heads & tokens->objects, &grammar->name_due, spaces);
  uint64_t values = behind((heads & ~tokens->objects) | tokens->colons,
                           &grammar->value_due, spaces);
  uint64_t more =
      behind(tokens->commas | tokens->colons, &grammar->more_due, spaces);
  uint64_t due = names | values;
  uint64_t keys = tokens->strings & names;
  /* One more at its beginning carries to the end of a string. */
  uint64_t sum;
  grammar->key =
      __builtin_add_overflow(tokens->inside, keys | grammar->key, &sum);
  uint64_t colons = behind(sum & ~tokens->inside, &grammar->colon_due, spaces);
  uint64_t no_names = tokens->scalars | tokens->opens;
  uint64_t found = no_names | tokens->strings;
  grammar->faults |= ((due ^ found) & ~tokens->closes) | (names & no_names) |
                     (tokens->closes & more) | (tokens->colons ^ colons);
}

/* No number is at the end of the text, because what ends the text ends a
 * scalar; so none of these need look for it. */
INLINE bool is_digit(char c) {
  return (unsigned char)(c - '0') < 10;
}

/* Behind the digits, of which there must be one; NULL: there is none. */
INLINE const char* skip_digits(const char* at) {
  if (!is_digit(*at)) return NULL;
  do
    at++;
  while (is_digit(*at));
  return at;
}

/* Behind the number; NULL if it is none. */
INLINE const char* skip_number(const char* at) {
  if (*at == '-') at++;
  at = *at == '0' ? at + 1 : skip_digits(at);
  if (at != NULL && *at == '.') at = skip_digits(at + 1);
  if (at == NULL || (*at | 0x20) != 'e') return at;
  at++;
  return skip_digits(*at == '+' || *at == '-' ? at + 1 : at);
}

INLINE const char* skip_literal(const char* at, const char* end,
                                const char* literal, size_t size) {
  bool fits = (size_t)(end - at) >= size && memcmp(at, literal, size) == 0;
  return fits ? at + size : NULL;
}

INLINE const char* skip_scalar(const char* at, const char* end) {
  switch (*at) {
  case 't': return skip_literal(at, end, "true", 4);
  case 'f': return skip_literal(at, end, "false", 5);
  case 'n': return skip_literal(at, end, "null", 4);
  default: return skip_number(at);
  }
}

/* Whether nothing of the run of bytes that began before is left. */
INLINE bool ends_scalar(char c) {
  if (c == ',' || (c | OBJECT_BIT) == '}') return true;
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static __attribute__((noinline)) bool
are_scalars(const char* at, uint64_t starts, const char* end) {
  for (; starts != 0; starts &= starts - 1) {
    const char* behind = skip_scalar(at + lowest(starts), end);
    if (behind == NULL || behind == end || !ends_scalar(*behind)) return false;
  }
  return true;
}

#endif
