/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 against Kuhn's list and against a decoder that has no table: it
 * computes the code point and judges that.
 */
#include "base/rng.h"
#include "codec/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The reference: the number of bytes of a well-formed character, or 0. */
static size_t reference_size(const unsigned char* at, size_t size) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (at[0] < 0x80) return 1;
  size_t count = 0;
  while (count < 8 && (at[0] & (0x80 >> count)) != 0)
    count++;
  if (count < 2 || count > 4 || count > size) return 0;
  uint32_t c = at[0] & (0x7fu >> count);
  for (size_t i = 1; i < count; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (at[i] & 0x3f);
  }
  bool surrogate = c >= 0xd800 && c < 0xe000;
  return c < least[count] || c > 0x10ffff || surrogate ? 0 : count;
}

static bool reference_valid(struct gcn__span text) {
  const unsigned char* at = (const unsigned char*)text.data;
  size_t rest = text.size;
  while (rest > 0) {
    size_t size = reference_size(at, rest);
    if (size == 0) return false;
    at += size;
    rest -= size;
  }
  return true;
}

/* All three ways of feeding agree. */
static bool checked_valid(struct gcn__span text) {
  bool whole = gcn__utf8_valid(text);
  struct gcn__utf8 bytewise = {0};
  bool good = true;
  for (size_t i = 0; i < text.size && good; i++)
    good = gcn__utf8_feed(&bytewise, gcn__span(text.data + i, 1));
  assert_int_equal(good && gcn__utf8_complete(&bytewise), whole);
  for (size_t cut = 0; cut <= text.size; cut++) {
    struct gcn__utf8 halves = {0};
    good = gcn__utf8_feed(&halves, gcn__span(text.data, cut)) &&
           gcn__utf8_feed(&halves, gcn__span_skip(text, cut)) &&
           gcn__utf8_complete(&halves);
    assert_int_equal(good, whole);
  }
  return whole;
}

struct row {
  struct gcn__span text;
  bool valid;
};

#define GOOD(text)                                                             \
  { {text, sizeof(text) - 1}, true }
#define BAD(text)                                                              \
  { {text, sizeof(text) - 1}, false }

/* After Markus Kuhn's UTF-8 decoder stress test; the numbers are his. */
static const struct row kuhn[] = {
    GOOD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), /* 1 */
    GOOD("\0"),                                           /* 2.1 */
    GOOD("\xc2\x80"),
    GOOD("\xe0\xa0\x80"),
    GOOD("\xf0\x90\x80\x80"),
    BAD("\xf8\x88\x80\x80\x80"),
    BAD("\xfc\x84\x80\x80\x80\x80"),
    GOOD("\x7f"), /* 2.2 */
    GOOD("\xdf\xbf"),
    GOOD("\xef\xbf\xbf"),
    BAD("\xf7\xbf\xbf\xbf"),
    BAD("\xfb\xbf\xbf\xbf\xbf"),
    BAD("\xfd\xbf\xbf\xbf\xbf\xbf"),
    GOOD("\xed\x9f\xbf"), /* 2.3 */
    GOOD("\xee\x80\x80"),
    GOOD("\xef\xbf\xbd"),
    GOOD("\xf4\x8f\xbf\xbf"),
    BAD("\xf4\x90\x80\x80"),
    BAD("\x80"), /* 3.1 */
    BAD("\xbf"),
    BAD("\x80\xbf"),
    BAD("\x80\xbf\x80\xbf\x80\xbf\x80"),
    BAD("\xc0 \xc1 "), /* 3.2 */
    BAD("\xc2 "),
    BAD("\xe0 "),
    BAD("\xf0 "),
    BAD("\xf8 "),
    BAD("\xfc "),
    BAD("\xc0"), /* 3.3 */
    BAD("\xe0\x80"),
    BAD("\xf0\x80\x80"),
    BAD("\xdf"),
    BAD("\xef\xbf"),
    BAD("\xf7\xbf\xbf"),
    BAD("\xe2\x82\xe2\x82\xac"), /* 3.4 */
    BAD("\xfe"),                 /* 3.5 */
    BAD("\xff"),
    BAD("\xfe\xfe\xff\xff"),
    BAD("\xc0\xaf"), /* 4.1 */
    BAD("\xe0\x80\xaf"),
    BAD("\xf0\x80\x80\xaf"),
    BAD("\xf8\x80\x80\x80\xaf"),
    BAD("\xfc\x80\x80\x80\x80\xaf"),
    BAD("\xc1\xbf"), /* 4.2 */
    BAD("\xe0\x9f\xbf"),
    BAD("\xf0\x8f\xbf\xbf"),
    BAD("\xc0\x80"), /* 4.3 */
    BAD("\xe0\x80\x80"),
    BAD("\xf0\x80\x80\x80"),
    BAD("\xed\xa0\x80"), /* 5.1 */
    BAD("\xed\xad\xbf"),
    BAD("\xed\xae\x80"),
    BAD("\xed\xaf\xbf"),
    BAD("\xed\xb0\x80"),
    BAD("\xed\xbe\x80"),
    BAD("\xed\xbf\xbf"),
    BAD("\xed\xa0\x80\xed\xb0\x80"), /* 5.2 */
    BAD("\xed\xaf\xbf\xed\xbf\xbf"),
    GOOD("\xef\xbf\xbe"), /* 5.3 */
    GOOD("\xef\xb7\x90"),
    GOOD("\xf0\x9f\xbf\xbf"),
    GOOD(""),
};

static void test_kuhn(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(kuhn); i++) {
    if (checked_valid(kuhn[i].text) != kuhn[i].valid) fail_msg("row %zu", i);
    assert_int_equal(reference_valid(kuhn[i].text), kuhn[i].valid);
  }
}

/* Every sequence of up to three bytes; of four, every first and second byte
 * with the edges of the others. */
static void test_against_reference(void** state) {
  (void)state;
  static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                        0x9f, 0xa0, 0xbf, 0xc0, 0xff};
  size_t valid_count = 0;
  for (uint32_t i = 0; i < 1u << 24; i++) {
    const unsigned char bytes[3] = {(unsigned char)(i >> 16),
                                    (unsigned char)(i >> 8), (unsigned char)i};
    struct gcn__span text = gcn__span(bytes, 3);
    bool valid = gcn__utf8_valid(text);
    valid_count += valid;
    if (valid != reference_valid(text)) fail_msg("%06x", (unsigned)i);
  }
  /* 128^3, 128 * 1920 twice, and 63488 - 2048 of three bytes. */
  assert_int_equal(valid_count, 2097152 + 2 * 245760 + 61440);
  for (uint32_t i = 0; i < 65536 * 100; i++) {
    const unsigned char bytes[4] = {(unsigned char)(i / 100 >> 8),
                                    (unsigned char)(i / 100),
                                    edges[i / 10 % 10], edges[i % 10]};
    struct gcn__span text = gcn__span(bytes, 4);
    if (gcn__utf8_valid(text) != reference_valid(text))
      fail_msg("%u", (unsigned)i);
  }
}

static size_t put_character(char* out, uint32_t c) {
  size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = size - 1; i > 0; i--, c >>= 6)
    out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(leads[size] | c);
  return size;
}

/* Long texts around the eight-byte stride, sound and with one byte changed. */
static void test_random_texts(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 8);
  for (int i = 0; i < 20000; i++) {
    static const uint32_t tops[] = {0x7f, 0x7f, 0x7ff, 0xd7ff, 0x10ffff};
    char bytes[80];
    size_t size = 0;
    size_t count = (size_t)gcn__rng_below(&rng, 19);
    while (count-- > 0) {
      uint32_t top = tops[gcn__rng_below(&rng, COUNT(tops))];
      uint32_t c = (uint32_t)gcn__rng_below(&rng, top + 1);
      if (c >= 0xd800 && c < 0xe000) c = 'x';
      size += put_character(bytes + size, c);
    }
    char* text = malloc(size + 1);
    assert_non_null(text);
    memcpy(text, bytes, size);
    assert_true(checked_valid(gcn__span(text, size)));
    if (size > 0) {
      size_t at = (size_t)gcn__rng_below(&rng, size);
      text[at] = (char)gcn__rng_next(&rng);
      bool wanted = reference_valid(gcn__span(text, size));
      assert_int_equal(checked_valid(gcn__span(text, size)), wanted);
    }
    free(text);
  }
}

/* False at the very byte that no continuation can save. */
static void test_fails_fast(void** state) {
  (void)state;
  for (unsigned first = 0; first < 256; first++) {
    const char byte = (char)first;
    struct gcn__utf8 utf8 = {0};
    bool possible = first < 0x80 || (first >= 0xc2 && first <= 0xf4);
    assert_int_equal(gcn__utf8_feed(&utf8, gcn__span(&byte, 1)), possible);
    assert_int_equal(gcn__utf8_complete(&utf8), first < 0x80 || !possible);
  }
  static const char* const doomed[] = {"\xe0\x9f", "\xed\xa0", "\xf0\x8f",
                                       "\xf4\x90", "\xc2\x7f"};
  for (size_t i = 0; i < COUNT(doomed); i++) {
    struct gcn__utf8 utf8 = {0};
    assert_true(gcn__utf8_feed(&utf8, gcn__span(doomed[i], 1)));
    assert_false(gcn__utf8_feed(&utf8, gcn__span(doomed[i] + 1, 1)));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kuhn),
      cmocka_unit_test(test_against_reference),
      cmocka_unit_test(test_random_texts),
      cmocka_unit_test(test_fails_fast),
  };
  return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
