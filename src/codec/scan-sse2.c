/* SPDX-License-Identifier: MIT */
/*
 * Scanning with SSE2, which every x86-64 processor has: 16 bytes at a time.
 */
#include "codec/scan-way.h"

#if defined(__SSE2__)
#  include <emmintrin.h>

static __m128i load(const char* at) {
  return _mm_loadu_si128((const __m128i*)(const void*)at);
}

static __m128i equal(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static uint64_t gather(__m128i found, unsigned shift) {
  return (uint64_t)(unsigned)_mm_movemask_epi8(found) << shift;
}

static __m128i is_control(__m128i bytes) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
}

/* Returns what may be rare, by the top bits. */
static inline __m128i add(struct gcn__scan_block* block, __m128i bytes,
                          unsigned shift) {
  /* "[" to "{", "]" to "}" */
  __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
  __m128i brackets = _mm_or_si128(equal(folded, '{'), equal(folded, '}'));
  block->quotes |= gather(equal(bytes, '"'), shift);
  block->brackets |= gather(brackets, shift);
  __m128i rare = _mm_or_si128(equal(bytes, '\\'), is_control(bytes));
  return _mm_or_si128(rare, bytes);
}

static inline struct gcn__scan_block find_block(const char* bytes) {
  struct gcn__scan_block block = {0};
  __m128i rare = add(&block, load(bytes), 0);
  rare = _mm_or_si128(rare, add(&block, load(bytes + 16), 16));
  rare = _mm_or_si128(rare, add(&block, load(bytes + 32), 32));
  rare = _mm_or_si128(rare, add(&block, load(bytes + 48), 48));
  block.rare = gather(rare, 0);
  return block;
}

static struct gcn__scan_rare find_rare(const char* bytes) {
  struct gcn__scan_rare rare = {0};
  for (unsigned i = 0; i < GCN__SCAN_BLOCK_SIZE; i += 16) {
    __m128i part = load(bytes + i);
    rare.slashes |= gather(equal(part, '\\'), i);
    rare.controls |= gather(is_control(part), i);
    rare.high |= gather(part, i);
  }
  return rare;
}

static void find(const char* bytes, size_t count,
                 struct gcn__scan_block* blocks) {
  for (size_t i = 0; i < count; i++)
    blocks[i] = find_block(bytes + i * GCN__SCAN_BLOCK_SIZE);
}

const struct gcn__scan_way gcn__scan_sse2 = {"sse2", find, find_rare};
#endif
