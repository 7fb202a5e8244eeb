/* SPDX-License-Identifier: MIT */
/*
 * Scanning with nothing but 64-bit words, eight bytes in each.
 *
 * The top bit of a byte stands for the byte, until eight of them are gathered.
 * Comparisons are of the lower seven bits: no sum of such carries into the next
 * byte, so they are exact.
 */
#include "codec/scan-grammar.h"
#include "codec/scan-simple.h"
#include "codec/scan.h"

#define TARGET

static const uint64_t ones = UINT64_C(0x0101010101010101);
static const uint64_t tops = UINT64_C(0x8080808080808080);

/* The first byte comes lowest. */
static inline uint64_t load(const char* at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* The top bits of the bytes that are not `c`; `low` has no top bits. */
static inline uint64_t differ(uint64_t low, char c) {
  return (low ^ (ones * (unsigned char)c)) + ~tops;
}

/* The top bits of the bytes that are no control characters; as above. */
static inline uint64_t above_controls(uint64_t low) {
  return low + ones * (0x80 - 0x20);
}

/* The top bits, side by side. */
static inline uint64_t gather(uint64_t found) {
  return (found & tops) * UINT64_C(0x0002040810204081) >> 56;
}

static inline void add_kinds(struct kinds* kinds, uint64_t word,
                             unsigned shift) {
  uint64_t low = word & ~tops;
  /* "[", "]", "{", "}" and what looks alike are the bytes that have all bits of
   * 0x59 and not the top one. */
  uint64_t brackets = differ(low | ones * 0x26, 0x7f);
  kinds->quotes |= gather(~(differ(low, '"') | word)) << shift;
  kinds->brackets |= gather(~(brackets | word)) << shift;
  kinds->rare |= ~(differ(low, '\\') & above_controls(low)) | word;
}

INLINE struct kinds find_kinds(const char* bytes,
                               const struct constants* constants) {
  (void)constants;
  struct kinds kinds = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 8)
    add_kinds(&kinds, load(bytes + i), i);
  kinds.rare &= tops;
  return kinds;
}

/* 0xc0 and 0xc1, 0xe0, 0xed, and from 0xf0 on, if the top bit is set: in the
 * top bits. */
static inline uint64_t find_special(uint64_t low) {
  uint64_t differs =
      differ(low & ones * 0x7e, 0x40) & differ(low, 0x60) & differ(low, 0x6d);
  return ~differs | (low + ones * (0x80 - 0x70));
}

static inline struct gcn__scan_wide find_wide(const char* bytes) {
  struct gcn__scan_wide wide = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 8) {
    uint64_t word = load(bytes + i);
    if ((word & tops) == 0) continue;
    uint64_t low = word & ~tops;
    wide.high |= gather(word) << i;
    wide.leads |= gather(word & low << 1) << i;
    wide.longer |= gather(word & low << 1 & low << 2) << i;
    wide.special |= gather(word & find_special(low)) << i;
  }
  return wide;
}

static inline struct gcn__scan_rare find_rare(const char* bytes) {
  struct gcn__scan_rare rare = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 8) {
    uint64_t word = load(bytes + i);
    uint64_t low = word & ~tops;
    uint64_t slashes = ~(differ(low, '\\') | word) & tops;
    uint64_t controls = ~(above_controls(low) | word) & tops;
    if ((slashes | controls) == 0) continue;
    rare.slashes |= gather(slashes) << i;
    rare.controls |= gather(controls) << i;
  }
  return rare;
}

/* One by one: outside of strings, nearly every byte is a mark. */
static inline struct marks find_marks(const char* bytes, uint64_t bits) {
  struct marks marks = {0};
  for (; bits != 0; bits &= bits - 1) {
    char c = bytes[lowest(bits)];
    uint64_t bit = bits & (UINT64_C(0) - bits);
    if (c == ',') marks.commas |= bit;
    if (c == ':') marks.colons |= bit;
  }
  return marks;
}

static inline uint64_t find_spaces(const char* bytes, uint64_t bits) {
  uint64_t spaces = 0;
  for (; bits != 0; bits &= bits - 1) {
    char c = bytes[lowest(bits)];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      spaces |= bits & (UINT64_C(0) - bits);
  }
  return spaces;
}

#define prefix_xor gcn__scan_prefix_xor
#include "codec/scan-kernel.h"

const struct gcn__scan_way gcn__scan_portable = {"portable", find, skip, check};
