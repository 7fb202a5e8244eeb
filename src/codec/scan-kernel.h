/* SPDX-License-Identifier: MIT */
/*
 * What is done with the bits, by every way alike: included once by each, which
 * before that defines TARGET, the attribute its functions have, and
 *
 *   struct constants load_constants()     for those below, out of loops
 *   struct kinds find_kinds(bytes, constants)
 *                                         quotes, brackets, anything rare
 *   uint64_t take_block(depth, bytes, brackets, inside, constants)
 *                                         as pass_brackets, of what is not
 *                                         inside of strings
 *   bool is_plain(scan, at)               whether it has whole characters of
 *                                         UTF-8, no backslash and no control
 *                                         character; it need not see that.
 *                                         Three bytes before it are looked at
 *   void judge_wide(scan, at, bytes)      UTF-8; `at` is of the text, `bytes`
 *                                         may be a copy
 *   struct gcn__scan_rare find_rare(bytes)
 *   struct marks find_marks(bytes, bits)  commas, colons
 *   uint64_t find_spaces(bytes, bits)     of `bits`, JSON's white space
 *   uint64_t prefix_xor(bits)             see gcn__scan_prefix_xor
 *
 * of the 64 bytes there.  `bits` are where to look; elsewhere all may be found.
 * The way's file defines its table from `find`, `skip` and `check`.
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
TARGET static __attribute__((noinline)) uint64_t settle(struct gcn__scan* scan,
                                                        const char* at,
                                                        const char* bytes,
                                                        uint64_t quotes) {
  judge_wide(scan, at, bytes);
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
  const struct constants constants = load_constants();
  for (; block < end; block++, bytes += GCN__SCAN_BLOCK_SIZE) {
    struct kinds kinds = find_kinds(bytes, &constants);
    if ((kinds.rare | scan->in_escape) != 0) {
      scan->in_string = in_string;
      size_t offset = (size_t)(block - scan->blocks) * GCN__SCAN_BLOCK_SIZE;
      const char* at = scan->begin + offset;
      bool whole = at == bytes && at - scan->text >= 3;
      if (!whole || !is_plain(scan, at))
        kinds.quotes = settle(scan, at, bytes, kinds.quotes);
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
  return part ? scan->rest : walk->at;
}

/* Through whole blocks that are in no window, up to the one in which the
 * container ends, which is all the window is made of then.  Returns the bit of
 * what closes it, or none: it is not there, or there is no verdict.  A text
 * that is not sound is not looked at further, because what is looked at again
 * for each event of a batch must be little. */
TARGET static __attribute__((noinline)) uint64_t hurry(struct gcn__scan* scan,
                                                       struct depth* out) {
  struct depth depth = *out;
  struct gcn__scan_block block = {0};
  uint64_t in_string = scan->in_string;
  uint64_t last = 0;
  const char* at = scan->next;
  const char* end =
      at + ((scan->text_end - at) & -(ptrdiff_t)GCN__SCAN_BLOCK_SIZE);
  const struct constants constants = load_constants();
  for (; at < end; at += GCN__SCAN_BLOCK_SIZE) {
    struct kinds kinds = find_kinds(at, &constants);
    if ((kinds.rare | scan->in_escape) != 0 && !is_plain(scan, at)) {
      scan->in_string = in_string;
      kinds.quotes = settle(scan, at, at, kinds.quotes);
      if (!scan->sound) end = at;
    }
    block.quotes = kinds.quotes;
    block.inside = prefix_xor(kinds.quotes) ^ in_string;
    in_string = spread_top(block.inside);
    last = take_block(&depth, at, kinds.brackets, block.inside, &constants);
    if (last != 0) break;
  }
  if (last != 0) at += GCN__SCAN_BLOCK_SIZE;
  *out = depth;
  scan->in_string = in_string;
  scan->next = at;
  scan->begin = at;
  scan->size = 0;
  if (last == 0 || depth.open >= 0 || !scan->sound) return 0;
  scan->begin = at - GCN__SCAN_BLOCK_SIZE;
  scan->size = GCN__SCAN_BLOCK_SIZE;
  block.brackets = find_kinds(scan->begin, &constants).brackets & ~block.inside;
  scan->blocks[0] = block;
  return last;
}

/* The bracket that closes the container in which `walk` is; none: there is no
 * verdict. */
TARGET INLINE uint64_t find_last(struct walk* walk, struct depth* depth) {
  struct gcn__scan* scan = walk->scan;
  for (;;) {
    uint64_t bits = walk->block->brackets & walk->live;
    uint64_t last = pass_brackets(depth, walk->at, bits);
    if (last != 0) return last;
    walk->block++;
    walk->at += GCN__SCAN_BLOCK_SIZE;
    walk->live = ~UINT64_C(0);
    if (walk->at < scan->next) continue;
    last = hurry(scan, depth);
    if (depth->open > depth->most) return 0;
    if (last == 0 && !gcn__scan_advance(scan)) return 0;
    walk->block = scan->blocks;
    walk->at = scan->begin;
    if (last != 0) return last;
  }
}

TARGET static const char* skip(struct gcn__scan* scan, const char* at,
                               unsigned depth_max) {
  struct walk walk = begin_walk(scan, at);
  struct depth depth = {.most = (long)depth_max - 1};
  if (depth_max == 0) return NULL;
  walk.live &= walk.live - 1;
  uint64_t last = find_last(&walk, &depth);
  if (last == 0 || depth.open >= 0 || !scan->sound) return NULL;
  const char* end = walk.at + lowest(last);
  return closes(*at, *end) ? end + 1 : NULL;
}

/* False if it cannot be said whether the block is good. */
TARGET INLINE bool see_block(const struct walk* walk, struct grammar* grammar,
                             uint64_t* end) {
  const struct gcn__scan_block* block = walk->block;
  struct levels levels = {.objects = grammar->objects};
  uint64_t brackets = block->brackets & walk->live;
  if (!take_brackets(grammar, walk->at, brackets, &levels)) return false;
  grammar->objects = spread_top(levels.objects);
  *end = levels.end;
  uint64_t shown = walk->live;
  if (levels.end != 0) shown &= levels.end ^ (levels.end - 1);
  uint64_t outside = shown & ~(block->inside | block->quotes | block->brackets);
  const char* bytes = block_bytes(walk);
  struct marks marks = find_marks(bytes, outside);
  struct tokens tokens = {
      .inside = block->inside,
      .strings = block->quotes & block->inside & shown,
      .opens = levels.opens,
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
  if (spaces == 0)
    judge(grammar, &tokens, 0);
  else
    judge(grammar, &tokens, spaces);
  return true;
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

TARGET static const char* check(struct gcn__scan* scan, const char* at,
                                unsigned depth_max) {
  struct walk walk = begin_walk(scan, at);
  struct grammar grammar;
  uint64_t end = 0;
  if (!ends_scalar(scan->text_end[-1])) return NULL;
  if (!enter(&walk, &grammar, depth_max)) return NULL;
  do {
    const struct gcn__scan_block* block = walk.block;
    if (block->quotes == 0 && block->inside == ~UINT64_C(0)) continue;
    if (!see_block(&walk, &grammar, &end)) return NULL;
    if (end != 0) return grammar.faults == 0 ? walk.at + lowest(end) + 1 : NULL;
  } while (follow(&walk));
  return NULL;
}

#endif
