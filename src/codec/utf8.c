/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by the well-formed byte sequences of RFC 3629 §4 (Unicode table 3-7).
 *
 * It knows nothing of messages.  What is whole in one piece is looked at as a
 * character; where it is not, between two bytes the whole state is how many
 * continuation bytes are due and which range the next one must lie in; the
 * first range excludes overlong forms, surrogates and everything above
 * U+10FFFF, so nothing has to be checked at the end of a character.
 */
#include "codec/utf8.h"

/* The state's layout: due in bits 0-7, low in 8-15, high in 16-23; 0 between
 * characters. */
static uint32_t expect(uint32_t due, uint32_t low, uint32_t high) {
  return due | low << 8 | high << 16;
}

static bool begin_character(uint32_t* state, unsigned char byte) {
  if (byte < 0xc2 || byte > 0xf4) return false;
  if (byte < 0xe0) {
    *state = expect(1, 0x80, 0xbf);
  } else if (byte < 0xf0) {
    uint32_t low = byte == 0xe0 ? 0xa0 : 0x80;  /* no overlong form */
    uint32_t high = byte == 0xed ? 0x9f : 0xbf; /* no surrogate */
    *state = expect(2, low, high);
  } else {
    uint32_t low = byte == 0xf0 ? 0x90 : 0x80;  /* no overlong form */
    uint32_t high = byte == 0xf4 ? 0x8f : 0xbf; /* up to U+10FFFF */
    *state = expect(3, low, high);
  }
  return true;
}

static bool continue_character(uint32_t* state, unsigned char byte) {
  uint32_t due = *state & 0xff;
  uint32_t low = *state >> 8 & 0xff;
  uint32_t high = *state >> 16;
  if (byte < low || byte > high) return false;
  *state = due == 1 ? 0 : expect(due - 1, 0x80, 0xbf);
  return true;
}

/* Eight bytes, in any order. */
static uint64_t load(const char* at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Whether what was read by load() is ASCII. */
static bool is_ascii(uint64_t words) {
  return (words & UINT64_C(0x8080808080808080)) == 0;
}

/* Nearly all text is ASCII; many bytes at a time keep it off the slow path. */
static const char* skip_ascii(const char* at, const char* end) {
  for (; end - at >= 64; at += 64) {
    uint64_t front = load(at) | load(at + 8) | load(at + 16) | load(at + 24);
    uint64_t back =
        load(at + 32) | load(at + 40) | load(at + 48) | load(at + 56);
    if (!is_ascii(front | back)) break;
  }
  while (end - at >= 8 && is_ascii(load(at)))
    at += 8;
  while (at < end && (unsigned char)*at < 0x80)
    at++;
  return at;
}

static bool is_next(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

static inline size_t character_size(const char* at, size_t left) {
  unsigned first = (unsigned char)at[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || left < 2 || !is_next(at[1])) return 0;
  if (first < 0xe0) return 2;
  /* What follows the first two bytes has no say in whether the number is one
   * of a character. */
  unsigned front = (first & 0xf) << 6 | ((unsigned char)at[1] & 0x3f);
  if (left < 3 || !is_next(at[2])) return 0;
  bool surrogate = front >> 5 == 0xd800 >> 11;
  if (first < 0xf0) return front < 0x800 >> 6 || surrogate ? 0 : 3;
  if (first > 0xf4 || left < 4 || !is_next(at[3])) return 0;
  return front < 0x10000 >> 12 || front > 0x10ffff >> 12 ? 0 : 4;
}

size_t gcn__utf8_character(const char* at, const char* end) {
  return character_size(at, (size_t)(end - at));
}

/* To the first byte that is not of a whole, sound character. */
static const char* skip_whole(const char* at, const char* end) {
  size_t size = 1;
  while (at < end && size > 0) {
    if ((unsigned char)*at < 0x80) at = skip_ascii(at, end);
    if (at == end) break;
    size = character_size(at, (size_t)(end - at));
    at += size;
  }
  return at;
}

bool gcn__utf8_feed(struct gcn__utf8* utf8, struct gcn__span bytes) {
  if (bytes.size == 0) return true;
  const char* at = bytes.data;
  const char* end = at + bytes.size;
  uint32_t state = utf8->state;
  while (at < end) {
    if (state == 0) {
      at = skip_whole(at, end);
      if (at == end) break;
      if (!begin_character(&state, (unsigned char)*at++)) return false;
    } else if (!continue_character(&state, (unsigned char)*at++)) {
      return false;
    }
  }
  utf8->state = state;
  return true;
}

bool gcn__utf8_complete(const struct gcn__utf8* utf8) {
  return utf8->state == 0;
}

bool gcn__utf8_valid(struct gcn__span text) {
  struct gcn__utf8 utf8 = {0};
  return gcn__utf8_feed(&utf8, text) && gcn__utf8_complete(&utf8);
}
