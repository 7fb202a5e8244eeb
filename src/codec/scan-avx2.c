/* SPDX-License-Identifier: MIT */
/*
 * Scanning with AVX2: 32 bytes at a time.  Only functions that are marked so
 * use it, because the file is compiled for any x86-64 processor.
 */
#include "codec/scan-grammar.h"
#include "codec/scan-way.h"

#if defined(__SSE2__)
#  include <immintrin.h>

#  define TARGET __attribute__((target("avx2,bmi,bmi2,pclmul")))

TARGET static inline __m256i load(const char* at) {
  return _mm256_loadu_si256((const __m256i*)(const void*)at);
}

TARGET static inline __m256i equal(__m256i bytes, int c) {
  return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8((char)c));
}

/* Both by the top bits. */
TARGET static inline uint64_t gather(__m256i low, __m256i high) {
  uint64_t bits = (unsigned)_mm256_movemask_epi8(high);
  return bits << 32 | (unsigned)_mm256_movemask_epi8(low);
}

/* "[", "]", "{", "}" and what looks alike are the bytes that have all bits of
 * 0x59 and not the top one. */
TARGET static inline __m256i is_bracket(__m256i bytes) {
  return equal(_mm256_or_si256(bytes, _mm256_set1_epi8(0x26)), 0x7f);
}

TARGET static inline struct kinds find_kinds(const char* bytes) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  /* With a sign, what is not ASCII is less than a control character. */
  __m256i least = _mm256_min_epi8(low, high);
  __m256i rare = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), least);
  __m256i slashes = _mm256_or_si256(equal(low, '\\'), equal(high, '\\'));
  rare = _mm256_or_si256(rare, slashes);
  return (struct kinds){
      .quotes = gather(equal(low, '"'), equal(high, '"')),
      .brackets = gather(is_bracket(low), is_bracket(high)),
      .rare = (unsigned)_mm256_movemask_epi8(rare),
  };
}

TARGET static inline __m256i is_control(__m256i bytes) {
  return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)),
                           bytes);
}

/* 0xc0 and 0xc1, 0xe0, 0xed, and from 0xf0 on. */
TARGET static inline __m256i is_special(__m256i bytes) {
  __m256i even = _mm256_and_si256(bytes, _mm256_set1_epi8((char)0xfe));
  __m256i last = _mm256_max_epu8(bytes, _mm256_set1_epi8((char)0xf0));
  __m256i three = _mm256_or_si256(equal(bytes, 0xe0), equal(bytes, 0xed));
  __m256i ends =
      _mm256_or_si256(equal(even, 0xc0), _mm256_cmpeq_epi8(last, bytes));
  return _mm256_or_si256(three, ends);
}

/* The bit below the top one in its place; others are moved there, too. */
TARGET static inline uint64_t gather_second(__m256i low, __m256i high) {
  return gather(_mm256_slli_epi16(low, 1), _mm256_slli_epi16(high, 1));
}

TARGET static inline uint64_t gather_third(__m256i low, __m256i high) {
  return gather(_mm256_slli_epi16(low, 2), _mm256_slli_epi16(high, 2));
}

TARGET static inline struct gcn__scan_wide find_wide(const char* bytes) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  uint64_t all = gather(low, high);
  uint64_t leads = all & gather_second(low, high);
  return (struct gcn__scan_wide){
      .high = all,
      .leads = leads,
      .longer = leads & gather_third(low, high),
      .special = gather(is_special(low), is_special(high)),
  };
}

TARGET static inline struct gcn__scan_rare find_rare(const char* bytes) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  return (struct gcn__scan_rare){
      .slashes = gather(equal(low, '\\'), equal(high, '\\')),
      .controls = gather(is_control(low), is_control(high)),
  };
}

TARGET static inline struct marks find_marks(const char* bytes, uint64_t bits) {
  (void)bits;
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  return (struct marks){
      .commas = gather(equal(low, ','), equal(high, ',')),
      .colons = gather(equal(low, ':'), equal(high, ':')),
  };
}

TARGET static inline __m256i is_space(__m256i bytes) {
  __m256i first = _mm256_or_si256(equal(bytes, ' '), equal(bytes, '\t'));
  __m256i second = _mm256_or_si256(equal(bytes, '\n'), equal(bytes, '\r'));
  return _mm256_or_si256(first, second);
}

/* Not above a space, which is little to ask first. */
TARGET static inline __m256i is_low(__m256i bytes) {
  return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(' ')),
                           bytes);
}

TARGET static inline uint64_t find_spaces(const char* bytes, uint64_t bits) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  bits &= gather(is_low(low), is_low(high));
  return bits == 0 ? 0 : bits & gather(is_space(low), is_space(high));
}

/* A product without carries with all ones.  Processors of 32 bits have no
 * instruction to move 64, which compilers hide here. */
TARGET static inline uint64_t prefix_xor(uint64_t bits) {
  __m128i factor = _mm_set1_epi8((char)0xff);
  __m128i product =
      _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), factor, 0);
  return (uint64_t)product[0];
}

#  include "codec/scan-kernel.h"

const struct gcn__scan_way gcn__scan_avx2 = {"avx2", find, skip, check};
#endif
