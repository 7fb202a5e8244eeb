/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by the well-formed byte sequences of RFC 3629 §4 (Unicode table 3-7).
 *
 * It knows nothing of messages.  Between two bytes the whole state is how many
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

/* Nearly all text is ASCII; eight bytes at a time keep it off the slow path. */
static const unsigned char* skip_ascii(const unsigned char* at,
                                       const unsigned char* end) {
  while (end - at >= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    if ((word & UINT64_C(0x8080808080808080)) != 0) break;
    at += 8;
  }
  while (at < end && *at < 0x80)
    at++;
  return at;
}

bool gcn__utf8_feed(struct gcn__utf8* utf8, struct gcn__span bytes) {
  if (bytes.size == 0) return true;
  const unsigned char* at = (const unsigned char*)bytes.data;
  const unsigned char* end = at + bytes.size;
  uint32_t state = utf8->state;
  while (at < end) {
    if (state == 0) {
      at = skip_ascii(at, end);
      if (at == end) break;
      if (!begin_character(&state, *at++)) return false;
    } else if (!continue_character(&state, *at++)) {
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
