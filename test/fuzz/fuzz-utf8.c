/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 from any bytes, in any pieces (FAULTS F3).
 *
 * The oracle has no table: it puts each character together and looks at the
 * number.  The verdict must not depend on the cuts, and a text is refused at
 * the very byte that spoils it.  The first byte seeds the cuts.
 */
#include "base/rng.h"
#include "codec/utf8.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-utf8: %s\n", what);
  abort();
}

/* Bytes that the first one announces; 0 if none may begin with it. */
static size_t length_of(unsigned first) {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf8 ? 4 : 0;
}

static bool is_character(uint32_t number, size_t length) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = number >= 0xd800 && number <= 0xdfff;
  return number >= least[length] && number <= 0x10ffff && !surrogate;
}

/* Size of the character at the front; 0 if it is spoilt or incomplete. */
static size_t character_size(struct gcn__span text) {
  unsigned first = (unsigned char)text.data[0];
  size_t length = length_of(first);
  if (length == 0 || length > text.size) return 0;
  if (length == 1) return 1;
  uint32_t number = first & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    unsigned next = (unsigned char)text.data[i];
    if ((next & 0xc0) != 0x80) return 0;
    number = number << 6 | (next & 0x3f);
  }
  return is_character(number, length) ? length : 0;
}

static bool model_valid(struct gcn__span text) {
  while (text.size > 0) {
    size_t size = character_size(text);
    if (size == 0) return false;
    text = gcn__span_skip(text, size);
  }
  return true;
}

/* Whether some ending makes `text` valid; one of these does, if any. */
static bool can_go_on(struct gcn__span text) {
  static const char* const endings[] = {
      "", "\x80", "\xa0\x80", "\x90\x80\x80", "\x80\x80", "\x80\x80\x80"};
  char whole[8];
  size_t done = 0;
  while (done < text.size) {
    size_t size = character_size(gcn__span_skip(text, done));
    if (size == 0) break;
    done += size;
  }
  struct gcn__span rest = gcn__span_skip(text, done);
  if (rest.size == 0) return true;
  if (rest.size > 3) return false;
  for (size_t i = 1; i < sizeof endings / sizeof endings[0]; i++) {
    size_t size = strlen(endings[i]);
    memcpy(whole, rest.data, rest.size);
    memcpy(whole + rest.size, endings[i], size);
    if (character_size(gcn__span(whole, rest.size + size)) == rest.size + size)
      return true;
  }
  return false;
}

static void check_pieces(struct gcn__span text, uint64_t seed) {
  struct gcn__rng rng;
  struct gcn__utf8 utf8 = {0};
  bool going = true;
  gcn__rng_seed(&rng, seed);
  size_t done = 0;
  while (going && done < text.size) {
    size_t left = text.size - done;
    size_t piece =
        seed == 0 ? 1 : (size_t)gcn__rng_between(&rng, 1, left < 7 ? left : 7);
    going = gcn__utf8_feed(&utf8, gcn__span(text.data + done, piece));
    done += piece;
    bool good = can_go_on(gcn__span(text.data, done));
    check(going == good, "not refused where it is spoilt");
  }
  check((going && gcn__utf8_complete(&utf8)) == model_valid(text),
        "pieces say something else");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  enum { QUADRATIC_MAX = 512 };
  if (size == 0) return 0;
  struct gcn__span text = gcn__span(data + 1, size - 1);
  check(gcn__utf8_valid(text) == model_valid(text), "another verdict");
  if (text.size > QUADRATIC_MAX) text.size = QUADRATIC_MAX;
  check_pieces(text, 0);
  check_pieces(text, data[0]);
  return 0;
}
