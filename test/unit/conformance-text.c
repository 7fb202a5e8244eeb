/* SPDX-License-Identifier: MIT */
/*
 * Family 6: what is UTF-8 and what is not.  RFC 6455 §8.1, RFC 3629 §3.
 *
 * A text that can't become UTF-8 any more is refused at the byte that spoils
 * it: in those rows the frame declares more than is ever sent.
 */
#include "conformance.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct sequence {
  const char* name;
  const char* bytes;
  size_t size;
  size_t spoilt_at; /* the byte that spoils it; `size`: only its end does */
};

#define GOOD(name, bytes)                                                      \
  { name, bytes, sizeof(bytes) - 1, 0 }
#define BAD(name, bytes, at)                                                   \
  { name, bytes, sizeof(bytes) - 1, at }

static const struct sequence good[] = {
    GOOD("U+0000", "\x00"),
    GOOD("U+007F", "\x7f"),
    GOOD("U+0080, the first of 2 bytes", "\xc2\x80"),
    GOOD("U+00E9", "\xc3\xa9"),
    GOOD("U+07FF, the last of 2 bytes", "\xdf\xbf"),
    GOOD("U+0800, the first of 3 bytes", "\xe0\xa0\x80"),
    GOOD("U+0FFF", "\xe0\xbf\xbf"),
    GOOD("U+1000", "\xe1\x80\x80"),
    GOOD("U+20AC", "\xe2\x82\xac"),
    GOOD("U+CFFF", "\xec\xbf\xbf"),
    GOOD("U+D000", "\xed\x80\x80"),
    GOOD("U+D7FF, the last before the surrogates", "\xed\x9f\xbf"),
    GOOD("U+E000, the first behind them", "\xee\x80\x80"),
    GOOD("U+FFFD", "\xef\xbf\xbd"),
    GOOD("U+FFFE, a non-character", "\xef\xbf\xbe"),
    GOOD("U+FFFF, the last of 3 bytes", "\xef\xbf\xbf"),
    GOOD("U+FDD0, a non-character", "\xef\xb7\x90"),
    GOOD("U+10000, the first of 4 bytes", "\xf0\x90\x80\x80"),
    GOOD("U+1F600", "\xf0\x9f\x98\x80"),
    GOOD("U+3FFFF", "\xf0\xbf\xbf\xbf"),
    GOOD("U+40000", "\xf1\x80\x80\x80"),
    GOOD("U+FFFFF", "\xf3\xbf\xbf\xbf"),
    GOOD("U+100000", "\xf4\x80\x80\x80"),
    GOOD("U+10FFFF, the last of all", "\xf4\x8f\xbf\xbf"),
    GOOD("U+FEFF, a mark in front", "\xef\xbb\xbf"
                                    "abc"),
    GOOD("all sizes in a row", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"),
    GOOD("a word of 2-byte letters",
         "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5"),
};

static const struct sequence bad[] = {
    BAD("a lone 80", "\x80", 0),
    BAD("a lone BF", "\xbf", 0),
    BAD("two continuations", "\x80\xbf", 0),
    BAD("C0 AF, an overlong slash", "\xc0\xaf", 0),
    BAD("C0 80, an overlong NUL", "\xc0\x80", 0),
    BAD("C1 BF, overlong", "\xc1\xbf", 0),
    BAD("E0 80 AF, overlong", "\xe0\x80\xaf", 1),
    BAD("E0 9F BF, overlong", "\xe0\x9f\xbf", 1),
    BAD("F0 80 80 AF, overlong", "\xf0\x80\x80\xaf", 1),
    BAD("F0 8F BF BF, overlong", "\xf0\x8f\xbf\xbf", 1),
    BAD("F8, of five bytes", "\xf8\x88\x80\x80\x80", 0),
    BAD("FC, of six bytes", "\xfc\x84\x80\x80\x80\x80", 0),
    BAD("FE", "\xfe", 0),
    BAD("FF", "\xff", 0),
    BAD("U+D800, the first surrogate", "\xed\xa0\x80", 1),
    BAD("U+DBFF", "\xed\xaf\xbf", 1),
    BAD("U+DC00", "\xed\xb0\x80", 1),
    BAD("U+DFFF, the last surrogate", "\xed\xbf\xbf", 1),
    BAD("a pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", 1),
    BAD("U+110000", "\xf4\x90\x80\x80", 1),
    BAD("F5", "\xf5\x80\x80\x80", 0),
    BAD("F7", "\xf7\xbf\xbf\xbf", 0),
    BAD("C3 without the second byte", "\xc3(", 1),
    BAD("E2 82 without the third", "\xe2\x82(", 2),
    BAD("E2 without the second", "\xe2(\xa1", 1),
    BAD("F0 9F 98 without the fourth", "\xf0\x9f\x98(", 3),
    BAD("F0 9F without the third", "\xf0\x9f(\xbc", 2),
    BAD("F0 without the second", "\xf0(\x8c\xbc", 1),
    BAD("a start inside a character", "\xe2\xe2\x82\xac", 1),
    BAD("a third byte to a pair", "\xc3\xa9\xa9", 2),
    BAD("good letters, then FF", "caf\xc3\xa9 \xff", 6),
};

/* Whose last character lacks bytes: nothing is wrong with them but their
 * end. */
static const struct sequence cut[] = {
    BAD("C3", "\xc3", 1),
    BAD("E2", "\xe2", 1),
    BAD("E2 82", "\xe2\x82", 2),
    BAD("F0", "\xf0", 1),
    BAD("F0 9F", "\xf0\x9f", 2),
    BAD("F0 9F 98", "\xf0\x9f\x98", 3),
    BAD("F4 8F BF", "\xf4\x8f\xbf", 3),
    BAD("a word and E2 82", "word \xe2\x82", 7),
};

static void add_good(struct conf_table* table) {
  conf_group(table, "6.1");
  for (size_t i = 0; i < COUNT(good); i++) {
    conf_row(table, "%s", good[i].name);
    conf_message(table, GCN__WS_TEXT, good[i].bytes, good[i].size);
  }
  conf_group(table, "6.2");
  for (size_t i = 0; i < COUNT(good); i++) {
    if (good[i].size < 2) continue;
    conf_row(table, "%s, a frame per byte, pings between", good[i].name);
    for (size_t j = 0; j < good[i].size; j++) {
      bool last = j + 1 == good[i].size;
      unsigned first = (j == 0 ? 1u : 0u) | (last ? 0x80u : 0u);
      conf_frame(table, first, good[i].bytes + j, 1);
      const char ping[] = {(char)0xc3, (char)('0' + j)};
      if (!last) conf_message(table, GCN__WS_PING, ping, sizeof ping);
    }
    conf_tell(table, GCN__WS_TEXT, good[i].bytes, good[i].size);
  }
}

static void add_bad(struct conf_table* table) {
  conf_group(table, "6.3");
  for (size_t i = 0; i < COUNT(bad); i++) {
    conf_row(table, "%s", bad[i].name);
    conf_message(table, GCN__WS_TEXT, "good", 4);
    conf_frame(table, 0x81, bad[i].bytes, bad[i].size);
    conf_fails(table, 1007);
  }
  conf_group(table, "6.4");
  for (size_t i = 0; i < COUNT(bad); i++) {
    conf_row(table, "%s, told at once", bad[i].name);
    const unsigned char head[] = {0x81, 125};
    conf_bytes(table, head, sizeof head);
    conf_bytes(table, "good ", 5);
    conf_bytes(table, bad[i].bytes, bad[i].spoilt_at + 1);
    conf_fails(table, 1007);
  }
}

/* In the second of three fragments, of which the third never comes. */
static void add_bad_fragments(struct conf_table* table) {
  conf_group(table, "6.5");
  for (size_t i = 0; i < COUNT(bad); i++) {
    conf_row(table, "%s, in fragments", bad[i].name);
    size_t at = bad[i].spoilt_at;
    conf_frame(table, 0x01, bad[i].bytes, at);
    conf_message(table, GCN__WS_PING, "between", 7);
    const unsigned char head[] = {0x00, 125};
    conf_bytes(table, head, sizeof head);
    conf_bytes(table, bad[i].bytes + at, 1);
    conf_fails(table, 1007);
  }
}

static void add_cut(struct conf_table* table) {
  conf_group(table, "6.6");
  for (size_t i = 0; i < COUNT(cut); i++) {
    conf_row(table, "the end inside a character: %s", cut[i].name);
    conf_frame(table, 0x81, cut[i].bytes, cut[i].size);
    conf_fails(table, 1007);
  }
  conf_group(table, "6.7");
  for (size_t i = 0; i < COUNT(cut); i++) {
    conf_row(table, "the end of the last fragment: %s", cut[i].name);
    conf_frame(table, 0x01, cut[i].bytes, cut[i].size);
    conf_frame(table, 0x80, "", 0);
    conf_fails(table, 1007);
  }
  conf_group(table, "6.8");
  for (size_t i = 0; i < COUNT(cut); i++) {
    conf_row(table, "not finished yet: %s", cut[i].name);
    conf_frame(table, 0x01, cut[i].bytes, cut[i].size);
    conf_partial(table);
  }
  conf_group(table, "6.9");
  for (size_t i = 0; i < COUNT(bad); i++) {
    conf_row(table, "%s, but binary", bad[i].name);
    conf_message(table, GCN__WS_BINARY, bad[i].bytes, bad[i].size);
  }
}

void conf_add_text(struct conf_table* table) {
  add_good(table);
  add_bad(table);
  add_bad_fragments(table);
  add_cut(table);
}
