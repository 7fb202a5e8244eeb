/* SPDX-License-Identifier: MIT */
/*
 * Family 7: codes and reasons of close frames, and what comes around them.
 * RFC 6455 §5.5.1, §7.1 and §7.4.
 */
#include "conformance.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const unsigned legal[] = {1000, 1001, 1002, 1003, 1007, 1008,
                                 1009, 1010, 1011, 1012, 1013, 1014,
                                 3000, 3999, 4000, 4001, 4429, 4999};
static const unsigned illegal[] = {0,    1,    400,  429,  999,
                                   1004, 1005, 1006, 1015, 1016,
                                   1100, 2000, 2999, 5000, 65535};

static void add_codes(struct conf_table* table) {
  static const char* const reasons[] = {"", "a reason \xc3\xa9"};
  for (size_t i = 0; i < COUNT(reasons); i++) {
    struct gcn__span reason = gcn__span_str(reasons[i]);
    const char* with = i == 0 ? "" : " with a reason";
    conf_group(table, i == 0 ? "7.1" : "7.2");
    for (size_t j = 0; j < COUNT(legal); j++) {
      conf_row(table, "close %u%s", legal[j], with);
      conf_closes(table, legal[j], true, reason, legal[j]);
    }
    conf_group(table, i == 0 ? "7.3" : "7.4");
    for (size_t j = 0; j < COUNT(illegal); j++) {
      conf_row(table, "close %u, not for the wire%s", illegal[j], with);
      conf_closes(table, illegal[j], false, reason, 1002);
    }
  }
}

/* An empty payload: the client's own answer is an ordinary one. */
static void close_empty(struct conf_table* table) {
  struct conf_row* row = conf_last(table);
  conf_frame(table, 0x88, "", 0);
  conf_record(&row->told, GCN__WS_CLOSE, 1005, true, GCN__SPAN(""));
  conf_record(&row->handed, GCN__WS_CLOSE, 1005, true, GCN__SPAN(""));
  row->end = CONF_CLOSES;
  row->code = 1000;
}

static void add_forms(struct conf_table* table) {
  char reason[123];
  memset(reason, '*', sizeof reason);
  conf_group(table, "7.5");
  conf_row(table, "close without a code");
  close_empty(table);
  conf_row(table, "close with half a code");
  conf_frame(table, 0x88, "\x03", 1);
  conf_fails(table, 1002);
  for (size_t size = 121; size <= 123; size++) {
    conf_row(table, "close with a reason of %zu bytes", size);
    conf_closes(table, 1000, true, gcn__span(reason, size), 1000);
  }
  conf_row(table, "close with a reason of 124 bytes");
  conf_bytes(table, "\x88\x7e\x00\x7e\x03\xe8", 6);
  conf_fails(table, 1002);
  conf_row(table, "close with a reason of 4-byte characters");
  conf_closes(table, 1000, true, GCN__SPAN("\xf0\x9f\x98\x80\xf0\x9f\x98\x80"),
              1000);
  conf_row(table, "close with a reason that has a NUL");
  conf_closes(table, 1000, true, GCN__SPAN("a\0b"), 1000);
}

static void add_bad_reasons(struct conf_table* table) {
  static const char* const reasons[] = {
      "\xff",     "\xff\xff\xff\xff", "\x80",         "\xc3",
      "abc\xc3",  "\xed\xa0\x80",     "\xc0\xaf",     "\xf4\x90\x80\x80",
      "\xf0\x9f", "good \xfe bad",    "\xe0\x80\xaf", "\xce\xba\xe1\xbd"};
  conf_group(table, "7.6");
  for (size_t i = 0; i < COUNT(reasons); i++) {
    char payload[32] = "\x03\xe8";
    size_t size = strlen(reasons[i]);
    memcpy(payload + 2, reasons[i], size);
    conf_row(table, "close with a reason that is no text, %zu", i + 1);
    conf_message(table, GCN__WS_TEXT, "good", 4);
    conf_frame(table, 0x88, payload, 2 + size);
    conf_fails(table, 1007);
  }
}

static void close_1000(struct conf_table* table) {
  conf_closes(table, 1000, true, GCN__SPAN("bye"), 1000);
}

/* Nothing counts behind a close, whatever it is. */
static void add_behind(struct conf_table* table) {
  static const struct {
    const char* name;
    const char* bytes;
    size_t size;
  } rows[] = {
      {"a text", "\x81\x02hi", 4},
      {"a ping", "\x89\x02hi", 4},
      {"a pong", "\x8a\x02hi", 4},
      {"a second close", "\x88\x02\x03\xe9", 4},
      {"a reserved opcode", "\x83\x00", 2},
      {"a reserved bit", "\xf1\x00", 2},
      {"a masked frame", "\x81\x81\x01\x02\x03\x04x", 7},
      {"text that is no UTF-8", "\x81\x01\xff", 3},
      {"a frame of 2^62 bytes", "\x82\x7f\x40\0\0\0\0\0\0\0", 10},
      {"half a header", "\x81", 1},
      {"no frame at all", "HTTP/1.1 200 OK\r\n\r\n", 19},
  };
  conf_group(table, "7.7");
  for (size_t i = 0; i < COUNT(rows); i++) {
    conf_row(table, "close, then %s", rows[i].name);
    close_1000(table);
    conf_bytes(table, rows[i].bytes, rows[i].size);
  }
}

static void add_before(struct conf_table* table) {
  conf_group(table, "7.8");
  conf_row(table, "text, then close");
  conf_message(table, GCN__WS_TEXT, "last", 4);
  close_1000(table);
  conf_row(table, "ping, then close");
  conf_message(table, GCN__WS_PING, "last", 4);
  close_1000(table);
  conf_row(table, "three texts, then close");
  for (char c = 'a'; c < 'd'; c++)
    conf_message(table, GCN__WS_TEXT, &c, 1);
  close_1000(table);
  conf_row(table, "a first fragment, then close");
  conf_frame(table, 0x01, "half", 4);
  close_1000(table);
  conf_row(table, "half a character, then close");
  conf_frame(table, 0x01, "\xe2\x82", 2);
  close_1000(table);
  conf_row(table, "a first fragment, close, then the rest");
  conf_frame(table, 0x01, "half", 4);
  close_1000(table);
  conf_frame(table, 0x80, "rest", 4);
  conf_row(table, "a text of 65536 bytes, then close");
  static char text[65536];
  memset(text, 't', sizeof text);
  conf_message(table, GCN__WS_TEXT, text, sizeof text);
  close_1000(table);
  conf_row(table, "a text, then an empty close");
  conf_message(table, GCN__WS_TEXT, "last", 4);
  close_empty(table);
}

void conf_add_closes(struct conf_table* table) {
  add_codes(table);
  add_forms(table);
  add_bad_reasons(table);
  add_behind(table);
  add_before(table);
}
