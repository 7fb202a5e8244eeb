/* SPDX-License-Identifier: MIT */
/*
 * The windows: from the kinds of bytes to strings, and a look at what is rare:
 * escapes, control characters, and characters that are not ASCII.
 *
 * Here the text is looked at itself, not the copy of its last block: an escape
 * or a character may go on in the next block.
 */
#include "codec/scan.h"

#include "base/assert.h"
#include "codec/utf8.h"

/* The bits from `index` on; index may be 64 or more. */
static uint64_t from_bit(size_t index) {
  return index < 64 ? ~UINT64_C(0) << index : 0;
}

static unsigned lowest(uint64_t bits) {
  return (unsigned)__builtin_ctzll(bits);
}

/* What stands behind an odd number of backslashes. */
static uint64_t find_escaped(struct gcn__scan* scan, uint64_t slashes) {
  uint64_t escaped = scan->in_escape;
  slashes &= ~escaped;
  scan->in_escape = 0;
  while (slashes != 0) {
    unsigned index = lowest(slashes);
    if (index == 63) scan->in_escape = 1;
    uint64_t next = index == 63 ? 0 : UINT64_C(2) << index;
    escaped |= next;
    slashes &= ~next & (slashes - 1);
  }
  return escaped;
}

static bool is_hex(char c) {
  char lower = gcn__ascii_lower(c);
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* `at` is behind the backslash. */
static bool is_escape(const char* at, const char* end) {
  if (at >= end) return false;
  switch (*at) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return true;
  case 'u': break;
  default: return false;
  }
  if (end - at < 5) return false;
  return is_hex(at[1]) && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]);
}

static void judge_utf8(struct gcn__scan* scan, const char* at, uint64_t high) {
  if (scan->utf8_from > at) high &= from_bit((size_t)(scan->utf8_from - at));
  while (high != 0 && scan->utf8) {
    unsigned index = lowest(high);
    size_t size = gcn__utf8_character(at + index, scan->text_end);
    scan->utf8 = size > 0;
    scan->utf8_from = at + index + size;
    high &= from_bit(index + size);
  }
}

/* Bit n: whether an odd number of bits up to n is set. */
static inline uint64_t prefix_xor(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  return bits ^ bits << 32;
}

/* The bytes within strings, the opening quotes included. */
static inline uint64_t find_inside(struct gcn__scan* scan, uint64_t quotes) {
  uint64_t inside = prefix_xor(quotes) ^ scan->in_string;
  scan->in_string = (uint64_t)0 - (inside >> 63);
  return inside;
}

/* The block at `at`; `bytes` are a copy if it is the last.  There, less than a
 * block may be left. */
static __attribute__((noinline)) void
settle_rare(struct gcn__scan* scan, const char* at, const char* bytes,
            struct gcn__scan_block* block) {
  struct gcn__scan_rare rare = scan->way->find_rare(bytes);
  if (rare.high != 0) judge_utf8(scan, at, rare.high);
  uint64_t escaped = find_escaped(scan, rare.slashes);
  block->quotes &= ~escaped;
  uint64_t inside = find_inside(scan, block->quotes);
  block->brackets &= ~inside;
  bool good = (rare.controls & inside) == 0 && (rare.slashes & ~inside) == 0;
  scan->slashed |= (rare.slashes | escaped) != 0;
  for (; escaped != 0; escaped &= escaped - 1)
    good &= is_escape(at + lowest(escaped), scan->text_end);
  scan->sound &= good;
}

/* `count` whole blocks, of which the first goes to scan->blocks[index]; they
 * may have been copied from the text. */
static void take_blocks(struct gcn__scan* scan, const char* bytes, size_t index,
                        size_t count) {
  struct gcn__scan_block* first = &scan->blocks[index];
  scan->way->find(bytes, count, first);
  for (struct gcn__scan_block* block = first; block < first + count; block++) {
    if ((block->rare | scan->in_escape) == 0) {
      block->brackets &= ~find_inside(scan, block->quotes);
      continue;
    }
    size_t offset = (size_t)(block - first) * GCN__SCAN_BLOCK_SIZE;
    const char* at = scan->begin + index * GCN__SCAN_BLOCK_SIZE + offset;
    settle_rare(scan, at, bytes + offset, block);
  }
}

void gcn__scan_begin(struct gcn__scan* scan, struct gcn__span text) {
  scan->begin = text.data;
  scan->size = 0;
  scan->next = text.data;
  scan->text_end = text.data + text.size;
  scan->way = gcn__scan_choice();
  scan->block_count = 0;
  scan->in_string = 0;
  scan->in_escape = 0;
  scan->utf8_from = text.data;
  scan->utf8 = true;
  scan->sound = scan->way != NULL;
  scan->slashed = false;
}

bool gcn__scan_advance(struct gcn__scan* scan) {
  enum { WINDOW_SIZE = GCN__SCAN_BLOCKS_MAX * GCN__SCAN_BLOCK_SIZE };
  size_t left = (size_t)(scan->text_end - scan->next);
  if (left == 0 || !scan->sound) return false;
  size_t size = left < WINDOW_SIZE ? left : WINDOW_SIZE;
  size_t whole = size / GCN__SCAN_BLOCK_SIZE;
  size_t rest = size % GCN__SCAN_BLOCK_SIZE;
  scan->begin = scan->next;
  scan->next += size;
  scan->block_count = whole + (rest > 0);
  if (whole > 0) take_blocks(scan, scan->begin, 0, whole);
  if (rest > 0) {
    char copy[GCN__SCAN_BLOCK_SIZE];
    memset(copy, ' ', sizeof copy);
    memcpy(copy, scan->next - rest, rest);
    take_blocks(scan, copy, whole, 1);
  }
  scan->size = scan->sound ? size : 0;
  return scan->sound;
}

bool gcn__scan_reach(struct gcn__scan* scan, const char* at) {
  GCN__ASSERT(at < scan->text_end);
  while (at >= scan->next) {
    if (!gcn__scan_advance(scan)) return false;
  }
  return at >= scan->begin && scan->sound;
}

bool gcn__scan_utf8(const struct gcn__scan* scan) {
  if (!scan->utf8) return false;
  const char* from = scan->next;
  if (scan->utf8_from > from) from = scan->utf8_from;
  return gcn__utf8_valid(gcn__span(from, (size_t)(scan->text_end - from)));
}
