/* SPDX-License-Identifier: MIT */
/*
 * Family 5: messages in fragments, and control frames between them.  RFC 6455
 * §5.4.
 */
#include "conformance.h"

#include <stdio.h>

/* A stream in a small notation: "T" text, "B" binary, "C" continuation, "9"
 * ping, "A" pong, "8" close; "+" after it: more fragments follow; then the
 * payload up to a space. */
static void put_words(struct conf_table* table, const char* words) {
  while (*words != '\0') {
    char kind = *words++;
    unsigned opcode = kind == 'T'   ? 1
                      : kind == 'B' ? 2
                      : kind == 'C' ? 0
                      : kind == 'A' ? 10
                                    : (unsigned)(kind - '0');
    bool more = *words == '+';
    if (more) words++;
    size_t size = strcspn(words, " ");
    conf_frame(table, opcode | (more ? 0 : 0x80u), words, size);
    words += size;
    if (*words == ' ') words++;
  }
}

/* The same for what is told. */
static void tell_words(struct conf_table* table, const char* words) {
  while (*words != '\0') {
    char kind = *words++;
    size_t size = strcspn(words, " ");
    enum gcn__ws_opcode opcode = kind == 'T'   ? GCN__WS_TEXT
                                 : kind == 'B' ? GCN__WS_BINARY
                                 : kind == '9' ? GCN__WS_PING
                                               : GCN__WS_PONG;
    conf_tell(table, opcode, words, size);
    words += size;
    if (*words == ' ') words++;
  }
}

struct fragments {
  const char* name;
  const char* in;
  const char* told;
  unsigned code; /* 0: the stream stays */
};

static const struct fragments good[] = {
    {"two of a text", "T+hel Clo", "Thello", 0},
    {"three of a text", "T+he C+ll Co", "Thello", 0},
    {"two of a binary", "B+hel Clo", "Bhello", 0},
    {"the first is empty", "T+ Chello", "Thello", 0},
    {"the last is empty", "T+hello C", "Thello", 0},
    {"one in the middle is empty", "T+he C+ Cllo", "Thello", 0},
    {"all are empty", "T+ C+ C+ C", "T", 0},
    {"empty binary", "B+ C", "B", 0},
    {"one byte each", "T+h C+e C+l C+l Co", "Thello", 0},
    {"a ping between", "T+hel 9ping Clo", "9ping Thello", 0},
    {"a pong between", "T+hel Apong Clo", "Apong Thello", 0},
    {"an empty ping between", "T+hel 9 Clo", "9 Thello", 0},
    {"ping and pong between", "B+hel 9p Aq Clo", "9p Aq Bhello", 0},
    {"a ping between each", "T+a 9x C+b 9y C+c 9z Cd", "9x 9y 9z Tabcd", 0},
    {"a ping behind each", "T+a 9x Cb 9y", "9x Tab 9y", 0},
    {"pings around empty ones", "T+ 9x C+ 9y C", "9x 9y T", 0},
    {"two messages", "T+a Cb T+c Cd", "Tab Tcd", 0},
    {"a whole one between two", "T+a Cb Tc B+d Ce", "Tab Tc Bde", 0},
    {"a binary, then a text", "B+a Cb T+c Cd", "Bab Tcd", 0},
};

static const struct fragments bad[] = {
    {"a continuation first, final", "Cx", "", 1002},
    {"a continuation first, not final", "C+x", "", 1002},
    {"an empty continuation first", "C", "", 1002},
    {"a continuation behind a text", "Ta Cb", "Ta", 1002},
    {"a continuation behind a binary", "Ba C+b", "Ba", 1002},
    {"a continuation behind the last", "T+a Cb Cc", "Tab", 1002},
    {"a continuation behind a ping", "9p Cx", "9p", 1002},
    {"a text inside a text", "T+a Tb", "", 1002},
    {"a text begins inside a text", "T+a T+b", "", 1002},
    {"a binary inside a text", "T+a Bb", "", 1002},
    {"a text inside a binary", "B+a Tb", "", 1002},
    {"a binary begins inside a binary", "B+a C+b B+c", "", 1002},
    {"an empty text inside a text", "T+a T", "", 1002},
    {"a text inside, behind a ping", "T+a 9p Tb", "9p", 1002},
    {"a good message, then a text inside", "T+a Cb T+c Td", "Tab", 1002},
    {"a ping in fragments", "9+p Cq", "", 1002},
    {"a pong in fragments", "A+p Cq", "", 1002},
    {"an empty ping in fragments", "9+ C", "", 1002},
    {"a close in fragments", "8+ C", "", 1002},
    {"a ping in fragments inside a text", "T+a 9+p Cb", "", 1002},
    {"a pong in fragments inside a binary", "B+a A+p Cb", "", 1002},
};

static void add_rows(struct conf_table* table, const struct fragments* rows,
                     size_t count) {
  for (size_t i = 0; i < count; i++) {
    conf_row(table, "%s", rows[i].name);
    put_words(table, rows[i].in);
    tell_words(table, rows[i].told);
    if (rows[i].code != 0) conf_fails(table, rows[i].code);
  }
}

static void add_many(struct conf_table* table, unsigned count, bool empty) {
  conf_row(table, "%u fragments%s", count, empty ? " without a byte" : "");
  char text[2048];
  assert_true(count <= sizeof text);
  for (unsigned i = 0; i < count; i++) {
    text[i] = (char)('a' + i % 26);
    unsigned first = (i == 0 ? 1u : 0u) | (i + 1 == count ? 0x80u : 0u);
    conf_frame(table, first, text + i, empty ? 0 : 1);
  }
  if (count <= gcn__ws_limits_default.fragment_count_max) {
    conf_tell(table, GCN__WS_TEXT, text, empty ? 0 : count);
  } else {
    conf_fails(table, 1008);
  }
}

void conf_add_fragments(struct conf_table* table) {
  static const unsigned counts[] = {10, 100, 1000, 1024, 1025};
  conf_group(table, "5.1");
  add_rows(table, good, sizeof good / sizeof good[0]);
  conf_group(table, "5.2");
  add_rows(table, bad, sizeof bad / sizeof bad[0]);
  conf_group(table, "5.3");
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    add_many(table, counts[i], false);
    add_many(table, counts[i], true);
  }
}
