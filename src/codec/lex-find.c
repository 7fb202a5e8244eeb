/* SPDX-License-Identifier: MIT */
/*
 * From quote to quote and from bracket to bracket, by the bits of one block and
 * the next; what is between is read.
 *
 * The scan has seen the insides of strings.  Invariant: whatever is accepted
 * here the lexer accepts byte by byte, with the same end.
 */
#include "codec/lex-find.h"

/* The way through the quotes or through the brackets. */
struct walk {
  struct gcn__scan* scan;
  const struct gcn__scan_block* block;
  const char* at; /* where the block begins */
  uint64_t bits;  /* that are left in it */
};

/* What the containers that are open are; the innermost is the lowest bit. */
struct nest {
  unsigned depth;
  unsigned depth_max;
  uint64_t objects;
};

/* Inlined wherever it is used, a walk stays in registers. */
#define INLINE static inline __attribute__((always_inline))

/* At the block that has `at`; the window has it. */
INLINE struct walk begin_walk(struct gcn__scan* scan, const char* at) {
  size_t index = (size_t)(at - scan->begin) / GCN__SCAN_BLOCK_SIZE;
  return (struct walk){.scan = scan,
                       .block = &scan->blocks[index],
                       .at = scan->begin + index * GCN__SCAN_BLOCK_SIZE};
}

/* Those of the block's bits that are behind `at`. */
INLINE uint64_t behind(const struct walk* walk, const char* at, uint64_t bits) {
  return bits & ~UINT64_C(1) << (at - walk->at);
}

/* To the next block, maybe of the next window; false if there is none. */
INLINE bool follow(struct walk* walk) {
  walk->block++;
  walk->at += GCN__SCAN_BLOCK_SIZE;
  if (walk->at < walk->scan->next) return true;
  if (!gcn__scan_advance(walk->scan)) return false;
  walk->block = walk->scan->blocks;
  return true;
}

/* Where the lowest bit stands, which is taken away. */
INLINE const char* take_bit(struct walk* walk) {
  unsigned index = (unsigned)__builtin_ctzll(walk->bits);
  walk->bits &= walk->bits - 1;
  return walk->at + index;
}

/* NULL if there is none. */
INLINE const char* next_quote(struct walk* walk) {
  while (walk->bits == 0) {
    if (!follow(walk)) return NULL;
    walk->bits = walk->block->quotes;
  }
  return take_bit(walk);
}

/* NULL if there is none. */
INLINE const char* next_bracket(struct walk* walk) {
  while (walk->bits == 0) {
    if (!follow(walk)) return NULL;
    walk->bits = walk->block->brackets;
  }
  return take_bit(walk);
}

bool gcn__lex_find_string(struct gcn__lex* lex,
                          struct gcn__lex_string* string) {
  struct gcn__scan* scan = lex->scan;
  if (lex->at == lex->end || *lex->at != '"') return false;
  if (!gcn__scan_has(scan, lex->at)) return false;
  struct walk walk = begin_walk(scan, lex->at);
  walk.bits = behind(&walk, lex->at, walk.block->quotes);
  const char* quote = next_quote(&walk);
  if (quote == NULL) return false;
  const char* begin = lex->at + 1;
  size_t size = (size_t)(quote - begin);
  string->raw = gcn__span(begin, size);
  string->escaped = scan->slashed && memchr(begin, '\\', size) != NULL;
  lex->at = quote + 1;
  return true;
}

/* "[" and "]" differ from "{" and "}" in this bit, */
INLINE bool is_of_object(char bracket) {
  return (bracket & 0x20) != 0;
}

/* and what opens from what closes in this one. */
INLINE bool opens(char bracket) {
  return (bracket & 0x02) != 0;
}

INLINE bool push(struct nest* nest, char bracket) {
  if (nest->depth == nest->depth_max) return false;
  nest->depth++;
  nest->objects = nest->objects << 1 | is_of_object(bracket);
  return true;
}

INLINE void pop(struct nest* nest) {
  nest->depth--;
  nest->objects >>= 1;
}

INLINE bool in_object(const struct nest* nest) {
  return (nest->objects & 1) != 0;
}

/* Behind the container; NULL if it is none. */
static const char* walk_shallowly(struct walk walk, const char* at,
                                  struct nest nest) {
  while (at != NULL) {
    char bracket = *at;
    if (opens(bracket)) {
      if (!push(&nest, bracket)) return NULL;
    } else {
      if (is_of_object(bracket) != in_object(&nest)) return NULL;
      pop(&nest);
      if (nest.depth == 0) return at + 1;
    }
    at = next_bracket(&walk);
  }
  return NULL;
}

/* Out of line, and not by a struct, so that the quick way needs no stack. */
static __attribute__((noinline)) const char* skip_spaces(const char* at,
                                                         const char* end) {
  struct gcn__lex lex = {at, end, NULL};
  gcn__lex_skip_spaces(&lex);
  return lex.at < end ? lex.at : NULL;
}

/* To what is no space; NULL if there is nothing more. */
INLINE const char* skip_space(const char* at, const char* end) {
  bool none = at < end && (unsigned char)*at > ' ';
  return none ? at : skip_spaces(at, end);
}

INLINE const char* skip_literal(const char* at, const char* end,
                                const char* literal, size_t size) {
  if ((size_t)(end - at) < size || memcmp(at, literal, size) != 0) return NULL;
  return skip_space(at + size, end);
}

static __attribute__((noinline)) const char* skip_number(const char* at,
                                                         const char* end) {
  struct gcn__lex lex = {at, end, NULL};
  return gcn__lex_take_number(&lex) ? skip_space(lex.at, end) : NULL;
}

/* To what is behind a number or a literal; NULL if it is none. */
INLINE const char* skip_scalar(const char* at, const char* end) {
  switch (*at) {
  case 't': return skip_literal(at, end, "true", 4);
  case 'f': return skip_literal(at, end, "false", 5);
  case 'n': return skip_literal(at, end, "null", 4);
  default: return skip_number(at, end);
  }
}

/* To what is behind a string.  It begins at the next quote, because all before
 * that were taken and a backslash between strings is not sound. */
INLINE const char* skip_string(struct walk* walk, const char* end) {
  if (next_quote(walk) == NULL) return NULL;
  const char* quote = next_quote(walk);
  return quote == NULL ? NULL : skip_space(quote + 1, end);
}

/* From a key to its value; NULL if it is none. */
INLINE const char* skip_key(struct walk* walk, const char* at,
                            const char* end) {
  if (*at != '"') return NULL;
  at = skip_string(walk, end);
  return at == NULL || *at != ':' ? NULL : skip_space(at + 1, end);
}

INLINE char closer(const struct nest* nest) {
  return in_object(nest) ? '}' : ']';
}

/* To what is behind a value, or to the first thing in it. */
INLINE const char* enter(struct walk* walk, const char* at, const char* end,
                         struct nest* nest) {
  if (*at == '"') return skip_string(walk, end);
  if (*at != '{' && *at != '[') return skip_scalar(at, end);
  return push(nest, *at) ? skip_space(at + 1, end) : NULL;
}

static const char* walk_strictly(struct walk walk, const char* at,
                                 struct nest nest) {
  const char* end = walk.scan->text_end;
  while (at != NULL) {
    if (in_object(&nest)) at = skip_key(&walk, at, end);
    if (at == NULL) return NULL;
    unsigned depth = nest.depth;
    at = enter(&walk, at, end, &nest);
    if (at == NULL) return NULL;
    if (nest.depth > depth && *at != closer(&nest)) continue;
    /* Behind a value: out of all containers that end here. */
    while (*at != ',') {
      if (*at != closer(&nest)) return NULL;
      pop(&nest);
      if (nest.depth == 0) return at + 1;
      at = skip_space(at + 1, end);
      if (at == NULL) return NULL;
    }
    at = skip_space(at + 1, end);
  }
  return NULL;
}

bool gcn__lex_find_container(struct gcn__lex* lex, unsigned depth_max,
                             enum gcn__scrutiny scrutiny) {
  if (!gcn__scan_has(lex->scan, lex->at)) return false;
  struct nest nest = {.depth_max = depth_max};
  struct walk walk = begin_walk(lex->scan, lex->at);
  bool shallow = scrutiny == GCN__SCRUTINY_SHALLOW;
  walk.bits = behind(&walk, lex->at,
                     shallow ? walk.block->brackets : walk.block->quotes);
  const char* found = shallow ? walk_shallowly(walk, lex->at, nest)
                              : walk_strictly(walk, lex->at, nest);
  if (found == NULL) return false;
  lex->at = found;
  return true;
}
