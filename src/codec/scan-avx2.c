/* SPDX-License-Identifier: MIT */
/*
 * Scanning with AVX2: 32 bytes at a time.  Only functions that are marked so
 * use it, because the file is compiled for any x86-64 processor.
 */
#include "codec/scan.h"

#if defined(__SSE2__)
#  include "codec/scan-grammar.h"

#  include <immintrin.h>

#  define TARGET __attribute__((target("avx2,bmi,bmi2,pclmul,popcnt")))

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

/* Kept in registers: compilers would make them anew for each block, if they
 * knew what is in them. */
struct constants {
  __m256i quote;
  __m256i slash;
  __m256i space;
  __m256i opening;
  __m256i closing;
};

_Static_assert(OBJECT_BIT == ' ', "a space will do for both");

TARGET static inline __m256i keep(char c) {
  __m256i bytes = _mm256_set1_epi8(c);
  __asm__("" : "+x"(bytes));
  return bytes;
}

TARGET static inline struct constants load_constants(void) {
  return (struct constants){
      .quote = keep('"'),
      .slash = keep('\\'),
      .space = keep(' '),
      .opening = keep('{'),
      .closing = keep('}'),
  };
}

TARGET static inline uint64_t gather_equal(__m256i low, __m256i high,
                                           __m256i constant) {
  return gather(_mm256_cmpeq_epi8(low, constant),
                _mm256_cmpeq_epi8(high, constant));
}

TARGET INLINE struct kinds find_kinds(const char* bytes,
                                      const struct constants* is) {
  __m256i low = load(bytes);
  __m256i high = load(bytes + 32);
  /* With a sign, what is not ASCII is less than a control character. */
  __m256i rare = _mm256_cmpgt_epi8(is->space, _mm256_min_epi8(low, high));
  __m256i slashes = _mm256_or_si256(_mm256_cmpeq_epi8(low, is->slash),
                                    _mm256_cmpeq_epi8(high, is->slash));
  rare = _mm256_or_si256(rare, slashes);
  return (struct kinds){
      .quotes = gather_equal(low, high, is->quote),
      .brackets = gather(is_bracket(low), is_bracket(high)),
      .rare = (unsigned)_mm256_movemask_epi8(rare),
  };
}

TARGET static inline long count(uint64_t bits) {
  return __builtin_popcountll(bits);
}

/* The closing bracket before which as many have closed as have opened, `open`
 * more included.  None can be before that many have closed; nor, where that
 * many have, before as many more as have opened meanwhile. */
TARGET static inline uint64_t find_last_side(uint64_t opens, uint64_t closes,
                                             long open) {
  long closed = 0;
  long due = open;
  for (; closes != 0; closes &= closes - 1, closed++) {
    if (closed < due) continue;
    due = open + count(opens & (closes ^ (closes - 1)));
    if (due == closed) return closes & (UINT64_C(0) - closes);
  }
  return 0;
}

/* One by one; out of the way of what is counted. */
TARGET static __attribute__((noinline)) uint64_t
take_deep_block(struct depth* depth, const char* bytes, uint64_t inside) {
  uint64_t brackets =
      gather(is_bracket(load(bytes)), is_bracket(load(bytes + 32)));
  return pass_brackets(depth, bytes, brackets & ~inside);
}

/* Mostly it takes no more than to count: whatever their order, they are too few
 * to close the container, or to be too deep. */
TARGET static inline uint64_t take_block(struct depth* depth, const char* bytes,
                                         uint64_t brackets, uint64_t inside,
                                         const struct constants* is) {
  (void)brackets;
  __m256i low = _mm256_or_si256(load(bytes), is->space);
  __m256i high = _mm256_or_si256(load(bytes + 32), is->space);
  uint64_t opens = gather_equal(low, high, is->opening) & ~inside;
  uint64_t closes = gather_equal(low, high, is->closing) & ~inside;
  long more = count(opens);
  long less = count(closes);
  if (depth->open + more > depth->most) {
    struct depth copy = *depth;
    uint64_t last = take_deep_block(&copy, bytes, inside);
    *depth = copy;
    return last;
  }
  if (less > depth->open) {
    uint64_t last = find_last_side(opens, closes, depth->open);
    if (last != 0) {
      depth->open = -1;
      return last;
    }
  }
  depth->open += more - less;
  return 0;
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

/* Why one byte cannot be behind another one in UTF-8.  Each table leaves of
 * these what may be; what all three leave is so. */
enum {
  TOO_SHORT = 1 << 0, /* a lead, and then no continuation byte */
  TOO_LONG = 1 << 1,  /* one byte, and then a continuation byte */
  OVERLONG_3 = 1 << 2,
  TOO_LARGE = 1 << 3,
  SURROGATE = 1 << 4,
  OVERLONG_2 = 1 << 5,
  TOO_LARGE_BY_FAR = 1 << 6,
  OVERLONG_4 = 1 << 6, /* the same bit: their second bytes tell them apart */
  IN_A_ROW = 1 << 7,
  ANY = TOO_SHORT | TOO_LONG | IN_A_ROW, /* whatever the lower half is */
  LARGE = ANY | TOO_LARGE | TOO_LARGE_BY_FAR,
  NEXT = TOO_LONG | OVERLONG_2 | IN_A_ROW, /* any continuation byte */
};

#  define TWICE(...)                                                           \
    { __VA_ARGS__, __VA_ARGS__ }

/* By the upper half of the first byte. */
static const unsigned char by_first[] =
    TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
          TOO_LONG, IN_A_ROW, IN_A_ROW, IN_A_ROW, IN_A_ROW,
          TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
          TOO_SHORT | TOO_LARGE | TOO_LARGE_BY_FAR | OVERLONG_4);

/* By its lower half. */
static const unsigned char by_rest[] =
    TWICE(ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY | OVERLONG_2, ANY,
          ANY, ANY | TOO_LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE, LARGE,
          LARGE, LARGE | SURROGATE, LARGE, LARGE);

/* By the upper half of the second byte. */
static const unsigned char by_second[] = TWICE(
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TOO_SHORT, NEXT | OVERLONG_3 | TOO_LARGE_BY_FAR | OVERLONG_4,
    NEXT | OVERLONG_3 | TOO_LARGE, NEXT | SURROGATE | TOO_LARGE,
    NEXT | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);

/* What more than these begins at the end of a block, goes on behind it. */
static const unsigned char last_leads[] = {
    255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
    255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
    255, 255, 255, 255, 255, 255, 255, 0xef, 0xdf, 0xbf};

TARGET static inline __m256i look_up(const unsigned char* table,
                                     __m256i nibbles) {
  return _mm256_shuffle_epi8(load((const char*)table), nibbles);
}

/* Not zero where a byte is not what the three before it let follow; those are
 * read, too. */
TARGET static inline __m256i find_faults(const char* at) {
  const __m256i half = _mm256_set1_epi8(0x0f);
  __m256i bytes = load(at);
  __m256i before = load(at - 1);
  __m256i upper = _mm256_and_si256(_mm256_srli_epi16(before, 4), half);
  __m256i second = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
  __m256i found =
      _mm256_and_si256(look_up(by_first, upper), look_up(by_second, second));
  found =
      _mm256_and_si256(found, look_up(by_rest, _mm256_and_si256(before, half)));
  /* Only behind such leads two continuation bytes are in a row. */
  __m256i third = _mm256_subs_epu8(load(at - 2), _mm256_set1_epi8(0xe0 - 0x80));
  __m256i fourth =
      _mm256_subs_epu8(load(at - 3), _mm256_set1_epi8(0xf0 - 0x80));
  __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth),
                                 _mm256_set1_epi8((char)IN_A_ROW));
  return _mm256_xor_si256(found, due);
}

TARGET static inline __m256i find_edge(__m256i bytes) {
  return _mm256_subs_epu8(bytes, load((const char*)last_leads));
}

/* Only if there is a character that is not ASCII: else there is nothing to be
 * found in its favour. */
TARGET static __attribute__((noinline)) bool
is_plain(const struct gcn__scan* scan, const char* at) {
  __m256i low = load(at);
  __m256i high = load(at + 32);
  bool wide = _mm256_movemask_epi8(_mm256_or_si256(low, high)) != 0;
  if (!wide || scan->in_escape != 0) return false;
  __m256i slashes = _mm256_or_si256(equal(low, '\\'), equal(high, '\\'));
  __m256i controls = is_control(_mm256_min_epu8(low, high));
  __m256i faults = _mm256_or_si256(find_faults(at), find_faults(at + 32));
  __m256i found = _mm256_or_si256(_mm256_or_si256(slashes, controls),
                                  _mm256_or_si256(faults, find_edge(high)));
  return _mm256_testz_si256(found, found);
}

/* Without the bytes before it, there is another way. */
TARGET static inline void judge_wide(struct gcn__scan* scan, const char* at,
                                     const char* bytes) {
  __m256i high = load(bytes + 32);
  if (_mm256_movemask_epi8(_mm256_or_si256(load(bytes), high)) == 0) return;
  if (bytes != at || at - scan->text < 3) {
    struct gcn__scan_wide wide = find_wide(bytes);
    gcn__scan_judge_wide(scan, at, &wide);
    return;
  }
  __m256i faults = _mm256_or_si256(find_faults(at), find_faults(at + 32));
  if (!_mm256_testz_si256(faults, faults)) scan->utf8 = false;
  __m256i edge = find_edge(high);
  if (!_mm256_testz_si256(edge, edge)) gcn__scan_judge_edge(scan, at);
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
