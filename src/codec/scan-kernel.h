/* SPDX-License-Identifier: MIT */
/*
 * What is done with the bits, by every way alike: included once by each, which
 * before that defines TARGET, the attribute its functions have, and
 *
 *   struct kinds find_kinds(bytes)        quotes, brackets, anything rare
 *   struct gcn__scan_wide find_wide(bytes)
 *   struct gcn__scan_rare find_rare(bytes)
 *   struct marks find_marks(bytes, bits)  commas, colons; `bits` are where to
 *                                         look, elsewhere all may be found
 *   uint64_t find_spaces(bytes, bits)     of `bits`, JSON's white space
 *   uint64_t prefix_xor(bits)             see gcn__scan_prefix_xor
 *
 * of the 64 bytes there.  The way's file defines its table from `find`, `skip`
 * and `check`.
 *
 * The grammar is that of neighbours: of any two tokens side by side, whether
 * the second may follow the first is a matter of their kinds and, behind a
 * comma, of whether the container is an object.  So 64 bytes are judged at
 * once; only brackets, numbers and literals are looked at one by one.
 * Invariant: whatever is accepted here the lexer accepts byte by byte, with the
 * same end.
 */
#ifndef GCN_CODEC_SCAN_KERNEL_H
#define GCN_CODEC_SCAN_KERNEL_H

#include "codec/scan-grammar.h"
#include "codec/scan.h"

/* Returns the quotes that are not escaped. */
TARGET static __attribute__((noinline)) uint64_t
settle(struct gcn__scan* scan, const struct gcn__scan_block* block,
       const char* bytes, uint64_t quotes) {
  size_t index = (size_t)(block - scan->blocks);
  const char* at = scan->begin + index * GCN__SCAN_BLOCK_SIZE;
  struct gcn__scan_wide wide = find_wide(bytes);
  if (wide.high != 0) gcn__scan_judge_wide(scan, at, &wide);
  struct gcn__scan_rare rare = find_rare(bytes);
  if ((rare.slashes | rare.controls | scan->in_escape) == 0) return quotes;
  return gcn__scan_judge_rare(scan, at, &rare, quotes);
}

/* All bits as the top one. */
INLINE uint64_t spread_top(uint64_t bits) {
  return UINT64_C(0) - (bits >> 63);
}

TARGET static void find(struct gcn__scan* scan, const char* bytes, size_t index,
                        size_t count) {
  struct gcn__scan_block* block = &scan->blocks[index];
  const struct gcn__scan_block* end = block + count;
  uint64_t in_string = scan->in_string;
  for (; block < end; block++, bytes += GCN__SCAN_BLOCK_SIZE) {
    struct kinds kinds = find_kinds(bytes);
    if ((kinds.rare | scan->in_escape) != 0) {
      scan->in_string = in_string;
      kinds.quotes = settle(scan, block, bytes, kinds.quotes);
    }
    uint64_t inside = prefix_xor(kinds.quotes) ^ in_string;
    in_string = spread_top(inside);
    block->quotes = kinds.quotes;
    block->inside = inside;
    block->brackets = kinds.brackets & ~inside;
  }
  scan->in_string = in_string;
}

/* The way through the blocks. */
struct walk {
  struct gcn__scan* scan;
  const struct gcn__scan_block* block;
  const char* at; /* where the block begins */
  uint64_t live;  /* what of the block is looked at */
};

/* At the block that has `at`; the window has it. */
TARGET INLINE struct walk begin_walk(struct gcn__scan* scan, const char* at) {
  size_t offset = (size_t)(at - scan->begin);
  return (struct walk){
      .scan = scan,
      .block = &scan->blocks[offset / GCN__SCAN_BLOCK_SIZE],
      .at = at - offset % GCN__SCAN_BLOCK_SIZE,
      .live = ~UINT64_C(0) << offset % GCN__SCAN_BLOCK_SIZE,
  };
}

/* To the next block, maybe of the next window; false if there is none. */
TARGET INLINE bool follow(struct walk* walk) {
  walk->block++;
  walk->at += GCN__SCAN_BLOCK_SIZE;
  walk->live = ~UINT64_C(0);
  if (walk->at < walk->scan->next) return true;
  if (!gcn__scan_advance(walk->scan)) return false;
  walk->block = walk->scan->blocks;
  return true;
}

/* The block's bytes, or the copy of them if there is less than a block left. */
TARGET INLINE const char* block_bytes(const struct walk* walk) {
  const struct gcn__scan* scan = walk->scan;
  bool part = scan->text_end - walk->at < GCN__SCAN_BLOCK_SIZE;
  return part ? scan->last : walk->at;
}

TARGET static const char* skip(struct gcn__scan* scan, const char* at,
                               unsigned depth_max) {
  struct walk walk = begin_walk(scan, at);
  uint64_t limit = UINT64_C(1) << depth_max;
  uint64_t nest = 1;
  do {
    uint64_t bits = walk.block->brackets & walk.live;
    if (!pass_brackets(&nest, walk.at, &bits, limit, 1)) return NULL;
    if (bits != 0) return walk.at + lowest(bits) + 1;
  } while (follow(&walk));
  return NULL;
}

/* Whether one of the keys is the one that is looked for.  False: this cannot be
 * said by a look at the bytes, or it is there twice. */
TARGET INLINE bool look_for_key(const struct walk* walk, uint64_t keys,
                                struct gcn__scan_check* check) {
  const char* end = walk->scan->text_end;
  for (; keys != 0; keys &= keys - 1) {
    const char* key = walk->at + lowest(keys);
    if (walk->scan->slashed && is_slashed(key, end)) return false;
    if (!is_key(key, end, check->key)) continue;
    if (check->found != NULL) return false;
    check->found = key;
  }
  return true;
}

/* From within a container in the first one to behind what closes it, if that is
 * in the block.  False if some bracket does not fit. */
TARGET INLINE bool leave(struct walk* walk, struct grammar* grammar) {
  uint64_t bits = walk->block->brackets;
  if (!pass_brackets(&grammar->nest, walk->at, &bits, grammar->limit, FLOOR))
    return false;
  walk->live = UINT64_C(0) - ((bits & (UINT64_C(0) - bits)) << 1);
  if (bits != 0) grammar->deep = 0;
  return true;
}

/* False if it cannot be said whether the block is good. */
TARGET INLINE bool see_block(struct walk* walk, struct grammar* grammar,
                             struct gcn__scan_check* check, bool outer,
                             uint64_t* end) {
  const struct gcn__scan_block* block = walk->block;
  struct levels levels = {.deep = grammar->deep, .objects = grammar->objects};
  uint64_t brackets = block->brackets & walk->live;
  bool good = outer ? take_outer_brackets(grammar, walk->at, brackets, &levels)
                    : take_all_brackets(grammar, walk->at, brackets, &levels);
  if (!good) return false;
  grammar->deep = spread_top(levels.deep);
  grammar->objects = spread_top(levels.objects);
  *end = levels.end;
  uint64_t shown = walk->live;
  if (outer) shown &= ~levels.deep;
  if (levels.end != 0) shown &= levels.end ^ (levels.end - 1);
  uint64_t outside = shown & ~(block->inside | block->quotes | block->brackets);
  const char* bytes = block_bytes(walk);
  struct marks marks = find_marks(bytes, outside);
  struct tokens tokens = {
      .inside = block->inside,
      .strings = block->quotes & block->inside & shown,
      .opens = levels.opens,
      .starts = levels.opens & shown,
      .closes = block->brackets & ~levels.opens & shown,
      .commas = marks.commas & outside,
      .colons = marks.colons & outside,
      .objects = levels.objects,
  };
  uint64_t others = outside & ~(tokens.commas | tokens.colons);
  uint64_t spaces = 0;
  if (others != 0) spaces = find_spaces(bytes, others);
  tokens.scalars = find_starts(grammar, others & ~spaces);
  if (tokens.scalars != 0 &&
      !are_scalars(walk->at, tokens.scalars, walk->scan->text_end))
    return false;
  uint64_t keys = spaces == 0 ? judge(grammar, &tokens, 0)
                              : judge(grammar, &tokens, spaces);
  keys &= ~levels.deep;
  return check->key.size == 0 || look_for_key(walk, keys, check);
}

/* Behind the opening bracket. */
TARGET INLINE bool enter(struct walk* walk, struct grammar* grammar,
                         unsigned depth_max) {
  uint64_t bit = walk->live & (UINT64_C(0) - walk->live);
  char bracket = walk->at[lowest(bit)];
  *grammar = (struct grammar){.nest = 1, .limit = UINT64_C(1) << depth_max};
  if (!take_opening(&grammar->nest, bracket, grammar->limit)) return false;
  uint64_t due = bit << 1;
  walk->live ^= bit;
  if (walk->live == 0) {
    if (!follow(walk)) return false;
    due = 1;
  }
  bool object = bracket == '{';
  grammar->objects = object ? ~UINT64_C(0) : 0;
  grammar->name_due = object ? due : 0;
  grammar->value_due = object ? 0 : due;
  return true;
}

TARGET INLINE const char* check_as(struct gcn__scan* scan, const char* at,
                                   struct gcn__scan_check* check, bool outer) {
  struct walk walk = begin_walk(scan, at);
  struct grammar grammar;
  uint64_t end = 0;
  if (!ends_scalar(scan->text_end[-1])) return NULL;
  if (!enter(&walk, &grammar, check->depth_max)) return NULL;
  do {
    const struct gcn__scan_block* block = walk.block;
    if (block->quotes == 0 && block->inside == ~UINT64_C(0)) continue;
    if (outer && grammar.deep != 0 && !leave(&walk, &grammar)) return NULL;
    if (outer && walk.live == 0) continue;
    if (!see_block(&walk, &grammar, check, outer, &end)) return NULL;
    if (end != 0) return grammar.faults == 0 ? walk.at + lowest(end) + 1 : NULL;
  } while (follow(&walk));
  return NULL;
}

TARGET static const char* check(struct gcn__scan* scan, const char* at,
                                struct gcn__scan_check* how) {
  how->found = NULL;
  return how->outer ? check_as(scan, at, how, true)
                    : check_as(scan, at, how, false);
}

#endif
