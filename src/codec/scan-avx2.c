/* SPDX-License-Identifier: MIT */
/*
 * Scanning with AVX2: 32 bytes at a time.  Only functions that are marked so
 * use it, because the file is compiled for any x86-64 processor.
 */
#include "codec/scan-way.h"

#if defined(__SSE2__)
#  include <immintrin.h>

#  define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const char* at) {
  return _mm256_loadu_si256((const __m256i*)(const void*)at);
}

AVX2 static inline __m256i equal(__m256i bytes, char c) {
  return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c));
}

AVX2 static inline uint64_t gather(__m256i low, __m256i high) {
  uint64_t bits = (unsigned)_mm256_movemask_epi8(high);
  return bits << 32 | (unsigned)_mm256_movemask_epi8(low);
}

AVX2 static inline __m256i is_control(__m256i bytes) {
  return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)),
                           bytes);
}

AVX2 static inline __m256i is_bracket(__m256i bytes) {
  /* "[" to "{", "]" to "}" */
  __m256i folded = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
  return _mm256_or_si256(equal(folded, '{'), equal(folded, '}'));
}

/* By the top bits. */
AVX2 static inline __m256i is_rare(__m256i bytes) {
  __m256i rare = _mm256_or_si256(equal(bytes, '\\'), is_control(bytes));
  return _mm256_or_si256(rare, bytes);
}

AVX2 static inline struct gcn__scan_block find_block(const char* bytes) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  __m256i rare = _mm256_or_si256(is_rare(low), is_rare(high));
  return (struct gcn__scan_block){
      .quotes = gather(equal(low, '"'), equal(high, '"')),
      .brackets = gather(is_bracket(low), is_bracket(high)),
      .rare = (unsigned)_mm256_movemask_epi8(rare),
  };
}

AVX2 static struct gcn__scan_rare find_rare(const char* bytes) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  return (struct gcn__scan_rare){
      .slashes = gather(equal(low, '\\'), equal(high, '\\')),
      .controls = gather(is_control(low), is_control(high)),
      .high = gather(low, high),
  };
}

AVX2 static void find(const char* bytes, size_t count,
                      struct gcn__scan_block* blocks) {
  for (size_t i = 0; i < count; i++)
    blocks[i] = find_block(bytes + i * GCN__SCAN_BLOCK_SIZE);
}

const struct gcn__scan_way gcn__scan_avx2 = {"avx2", find, find_rare};
#endif
