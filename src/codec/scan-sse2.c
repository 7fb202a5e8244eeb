/* SPDX-License-Identifier: MIT */
/*
 * Scanning with SSE2, which every x86-64 processor has: 16 bytes at a time.
 */
#include "codec/scan.h"

#if defined(__SSE2__)
#  include "codec/scan-grammar.h"
#  include "codec/scan-simple.h"

#  include <emmintrin.h>

#  define TARGET

static inline __m128i load(const char* at) {
  return _mm_loadu_si128((const __m128i*)(const void*)at);
}

static inline __m128i equal(__m128i bytes, int c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)c));
}

/* By the top bits. */
static inline uint64_t gather(__m128i found, unsigned shift) {
  return (uint64_t)(unsigned)_mm_movemask_epi8(found) << shift;
}

/* Returns what is rare, by the top bits of bytes. */
INLINE __m128i add_kinds(struct kinds* kinds, __m128i bytes, unsigned shift) {
  /* "[", "]", "{", "}" and what looks alike are the bytes that have all bits of
   * 0x59 and not the top one. */
  __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x26));
  kinds->quotes |= gather(equal(bytes, '"'), shift);
  kinds->brackets |= gather(equal(folded, 0x7f), shift);
  /* With a sign, what is not ASCII is less than a control character. */
  return _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                      equal(bytes, '\\'));
}

INLINE struct kinds find_kinds(const char* bytes,
                               const struct constants* constants) {
  (void)constants;
  struct kinds kinds = {0};
  __m128i rare = add_kinds(&kinds, load(bytes), 0);
  rare = _mm_or_si128(rare, add_kinds(&kinds, load(bytes + 16), 16));
  rare = _mm_or_si128(rare, add_kinds(&kinds, load(bytes + 32), 32));
  rare = _mm_or_si128(rare, add_kinds(&kinds, load(bytes + 48), 48));
  kinds.rare = gather(rare, 0);
  return kinds;
}

static inline __m128i is_control(__m128i bytes) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
}

/* 0xc0 and 0xc1, 0xe0, 0xed, and from 0xf0 on. */
static inline __m128i is_special(__m128i bytes) {
  __m128i even = _mm_and_si128(bytes, _mm_set1_epi8((char)0xfe));
  __m128i last = _mm_max_epu8(bytes, _mm_set1_epi8((char)0xf0));
  __m128i three = _mm_or_si128(equal(bytes, 0xe0), equal(bytes, 0xed));
  __m128i ends = _mm_or_si128(equal(even, 0xc0), _mm_cmpeq_epi8(last, bytes));
  return _mm_or_si128(three, ends);
}

static inline void add_wide(struct gcn__scan_wide* wide, __m128i bytes,
                            unsigned shift) {
  wide->high |= gather(bytes, shift);
  wide->leads |= gather(_mm_slli_epi16(bytes, 1), shift);
  wide->longer |= gather(_mm_slli_epi16(bytes, 2), shift);
  wide->special |= gather(is_special(bytes), shift);
}

static inline struct gcn__scan_wide find_wide(const char* bytes) {
  struct gcn__scan_wide wide = {0};
  add_wide(&wide, load(bytes), 0);
  add_wide(&wide, load(bytes + 16), 16);
  add_wide(&wide, load(bytes + 32), 32);
  add_wide(&wide, load(bytes + 48), 48);
  wide.leads &= wide.high;
  wide.longer &= wide.leads;
  return wide;
}

static inline void add_rare(struct gcn__scan_rare* rare, __m128i bytes,
                            unsigned shift) {
  rare->slashes |= gather(equal(bytes, '\\'), shift);
  rare->controls |= gather(is_control(bytes), shift);
}

static inline struct gcn__scan_rare find_rare(const char* bytes) {
  struct gcn__scan_rare rare = {0};
  add_rare(&rare, load(bytes), 0);
  add_rare(&rare, load(bytes + 16), 16);
  add_rare(&rare, load(bytes + 32), 32);
  add_rare(&rare, load(bytes + 48), 48);
  return rare;
}

static inline void add_marks(struct marks* marks, __m128i bytes,
                             unsigned shift) {
  marks->commas |= gather(equal(bytes, ','), shift);
  marks->colons |= gather(equal(bytes, ':'), shift);
}

static inline struct marks find_marks(const char* bytes, uint64_t bits) {
  (void)bits;
  struct marks marks = {0};
  add_marks(&marks, load(bytes), 0);
  add_marks(&marks, load(bytes + 16), 16);
  add_marks(&marks, load(bytes + 32), 32);
  add_marks(&marks, load(bytes + 48), 48);
  return marks;
}

static inline __m128i is_space(__m128i bytes) {
  __m128i first = _mm_or_si128(equal(bytes, ' '), equal(bytes, '\t'));
  __m128i second = _mm_or_si128(equal(bytes, '\n'), equal(bytes, '\r'));
  return _mm_or_si128(first, second);
}

/* Not above a space, which is little to ask first. */
static inline __m128i is_low(__m128i bytes) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(' ')), bytes);
}

static inline uint64_t find_spaces(const char* bytes, uint64_t bits) {
  __m128i a = load(bytes);
  __m128i b = load(bytes + 16);
  __m128i c = load(bytes + 32);
  __m128i d = load(bytes + 48);
  bits &= gather(is_low(a), 0) | gather(is_low(b), 16) | gather(is_low(c), 32) |
          gather(is_low(d), 48);
  if (bits == 0) return 0;
  return bits & (gather(is_space(a), 0) | gather(is_space(b), 16) |
                 gather(is_space(c), 32) | gather(is_space(d), 48));
}

#  define prefix_xor gcn__scan_prefix_xor
#  include "codec/scan-kernel.h"

const struct gcn__scan_way gcn__scan_sse2 = {"sse2", find, skip, check};
#endif
