/* SPDX-License-Identifier: MIT */
/*
 * Scanning with nothing but 64-bit words, eight bytes in each.
 *
 * The top bit of a byte stands for the byte, until eight of them are gathered.
 * Comparisons are of the lower seven bits: no sum of such carries into the next
 * byte, so they are exact.
 */
#include "codec/scan-way.h"

#include <string.h>

static const uint64_t ones = UINT64_C(0x0101010101010101);
static const uint64_t tops = UINT64_C(0x8080808080808080);

/* The first byte comes lowest. */
static uint64_t load(const char* at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* The top bits of the bytes that are not `c`; `low` has no top bits. */
static uint64_t differ(uint64_t low, char c) {
  return (low ^ (ones * (unsigned char)c)) + ~tops;
}

/* The top bits of the bytes that are no control characters; as above. */
static uint64_t above_controls(uint64_t low) {
  return low + ones * (0x80 - 0x20);
}

/* The top bits that are not set, side by side. */
static uint64_t gather(uint64_t missing) {
  return ((~missing & tops) >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static void add(struct gcn__scan_block* block, uint64_t word, unsigned shift) {
  uint64_t low = word & ~tops;
  uint64_t folded = low | ones * 0x20; /* "[" to "{", "]" to "}" */
  uint64_t brackets = differ(folded, '{') & differ(folded, '}');
  block->quotes |= gather(differ(low, '"') | word) << shift;
  block->brackets |= gather(brackets | word) << shift;
  block->rare |= ~(differ(low, '\\') & above_controls(low)) | word;
}

static struct gcn__scan_block find_block(const char* bytes) {
  struct gcn__scan_block block = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 8)
    add(&block, load(bytes + i), i);
  block.rare &= tops;
  return block;
}

static struct gcn__scan_rare find_rare(const char* bytes) {
  struct gcn__scan_rare rare = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 8) {
    uint64_t word = load(bytes + i);
    uint64_t low = word & ~tops;
    rare.slashes |= gather(differ(low, '\\') | word) << i;
    rare.controls |= gather(above_controls(low) | word) << i;
    rare.high |= gather(~word) << i;
  }
  return rare;
}

static void find(const char* bytes, size_t count,
                 struct gcn__scan_block* blocks) {
  for (size_t i = 0; i < count; i++)
    blocks[i] = find_block(bytes + i * GCN__SCAN_BLOCK_SIZE);
}

const struct gcn__scan_way gcn__scan_portable = {"portable", find, find_rare};
