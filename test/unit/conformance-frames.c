/* SPDX-License-Identifier: MIT */
/*
 * Families 1 to 4 and 8: lengths, pings and pongs, reserved bits, opcodes,
 * masks.  RFC 6455 §5.1, §5.2 and §5.5.
 */
#include "conformance.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char payload[66000];

static void fill_payload(void) {
  for (size_t i = 0; i < sizeof payload; i++)
    payload[i] = (char)('a' + i % 26);
}

static void add_sizes(struct conf_table* table, const char* group,
                      enum gcn__ws_opcode opcode) {
  static const size_t sizes[] = {0,    1,     2,     7,    124, 125,
                                 126,  127,   128,   255,  256, 1000,
                                 4096, 65535, 65536, 65537};
  conf_group(table, group);
  for (size_t i = 0; i < COUNT(sizes); i++) {
    conf_row(table, "%s of %zu bytes",
             opcode == GCN__WS_TEXT ? "text" : "binary", sizes[i]);
    conf_message(table, opcode, payload, sizes[i]);
  }
}

static void add_lengths(struct conf_table* table) {
  static const struct {
    unsigned form;
    uint64_t length;
  } rows[] = {
      {126, 0},         {126, 1},   {126, 125},   {127, 0},
      {127, 125},       {127, 126}, {127, 65535}, {127, UINT64_C(1) << 63},
      {127, UINT64_MAX}};
  static const unsigned firsts[] = {0x81, 0x82, 0x01};
  conf_group(table, "1.3");
  for (size_t i = 0; i < COUNT(rows) * COUNT(firsts); i++) {
    unsigned first = firsts[i / COUNT(rows)];
    size_t size = rows[i % COUNT(rows)].form == 126 ? 2 : 8;
    uint64_t length = rows[i % COUNT(rows)].length;
    conf_row(table, "length %llx in %zu bits, first byte %02x",
             (unsigned long long)length, 8 * size, first);
    unsigned char head[10] = {(unsigned char)first,
                              (unsigned char)rows[i % COUNT(rows)].form};
    for (size_t j = 0; j < size; j++)
      head[2 + j] = (unsigned char)(length >> 8 * (size - 1 - j));
    conf_bytes(table, head, 2 + size);
    conf_fails(table, 1002);
  }
}

static void add_halves(struct conf_table* table) {
  static const struct {
    const char* name;
    const char* bytes;
    size_t size;
  } rows[] = {
      {"nothing", "", 0},
      {"half a header", "\x81", 1},
      {"no payload yet", "\x81\x05", 2},
      {"half a payload", "\x81\x05hel", 5},
      {"half of 16 bits", "\x82\x7e\x01", 3},
      {"half of 64 bits", "\x82\x7f\0\0\0\0", 6},
      {"a first fragment", "\x01\x02he", 4},
      {"half a ping", "\x89\x02h", 3},
      {"half a close", "\x88\x02\x03", 3},
  };
  conf_group(table, "1.4");
  for (size_t i = 0; i < COUNT(rows); i++) {
    conf_row(table, "then %s", rows[i].name);
    conf_message(table, GCN__WS_TEXT, "whole", 5);
    conf_bytes(table, rows[i].bytes, rows[i].size);
    if (rows[i].size > 0) conf_partial(table);
  }
}

static void add_pings(struct conf_table* table) {
  static const size_t sizes[] = {0, 1, 2, 7, 124, 125};
  conf_group(table, "2.1");
  for (size_t i = 0; i < COUNT(sizes); i++) {
    conf_row(table, "ping of %zu bytes", sizes[i]);
    conf_message(table, GCN__WS_PING, payload, sizes[i]);
  }
  for (size_t i = 0; i < COUNT(sizes); i++) {
    conf_row(table, "unasked pong of %zu bytes", sizes[i]);
    conf_message(table, GCN__WS_PONG, payload, sizes[i]);
  }
  conf_row(table, "ping that is no text");
  conf_message(table, GCN__WS_PING, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8);
  conf_row(table, "unasked pong, then a ping");
  conf_message(table, GCN__WS_PONG, "unasked", 7);
  conf_message(table, GCN__WS_PING, "asked", 5);
  conf_row(table, "ping between two texts");
  conf_message(table, GCN__WS_TEXT, "one", 3);
  conf_message(table, GCN__WS_PING, "?", 1);
  conf_message(table, GCN__WS_TEXT, "two", 3);
  static const unsigned counts[] = {2, 10, 100};
  for (size_t i = 0; i < COUNT(counts); i++) {
    conf_row(table, "%u pings", counts[i]);
    for (unsigned j = 0; j < counts[i]; j++)
      conf_message(table, GCN__WS_PING, payload + j % 26, 1 + j);
  }
}

static void add_bad_controls(struct conf_table* table) {
  static const unsigned firsts[] = {0x88, 0x89, 0x8a};
  static const size_t sizes[] = {126, 127, 1000, 65536};
  conf_group(table, "2.2");
  for (size_t i = 0; i < COUNT(firsts) * COUNT(sizes); i++) {
    size_t size = sizes[i % COUNT(sizes)];
    conf_row(table, "opcode %x of %zu bytes", firsts[i / COUNT(sizes)] & 15u,
             size);
    conf_frame(table, firsts[i / COUNT(sizes)], payload, size);
    conf_fails(table, 1002);
  }
}

/* In every frame that there is: alone, behind a message, and inside one. */
static void add_reserved_bits(struct conf_table* table) {
  static const unsigned opcodes[] = {0, 1, 2, 8, 9, 10};
  conf_group(table, "3.1");
  for (unsigned bits = 1; bits < 8; bits++) {
    for (size_t i = 0; i < COUNT(opcodes); i++) {
      conf_row(table, "reserved bits %u in opcode %x", bits, opcodes[i]);
      if (opcodes[i] == 0) conf_frame(table, 0x01, "be", 2);
      conf_frame(table, 0x80 | bits << 4 | opcodes[i], "\x03\xe8", 2);
      conf_fails(table, 1002);
    }
  }
  conf_group(table, "3.2");
  for (unsigned bits = 1; bits < 8; bits++) {
    conf_row(table, "text, ping, then reserved bits %u", bits);
    conf_message(table, GCN__WS_TEXT, "good", 4);
    conf_message(table, GCN__WS_PING, "good", 4);
    conf_frame(table, 0x81 | bits << 4, "bad", 3);
    conf_frame(table, 0x81, "too late", 8);
    conf_fails(table, 1002);
  }
}

static void add_opcodes(struct conf_table* table) {
  static const unsigned opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
  static const char* const names[] = {"empty", "of 5 bytes", "behind a text",
                                      "inside a message"};
  for (size_t form = 0; form < COUNT(names); form++) {
    char group[8] = "4.1";
    group[2] = (char)('1' + form);
    conf_group(table, group);
    for (size_t i = 0; i < COUNT(opcodes); i++) {
      conf_row(table, "reserved opcode %x, %s", opcodes[i], names[form]);
      if (form == 2) conf_message(table, GCN__WS_TEXT, "good", 4);
      if (form == 3) conf_frame(table, 0x01, "half", 4);
      conf_frame(table, 0x80 | opcodes[i], "hello", form == 0 ? 0 : 5);
      conf_frame(table, 0x89, "too late", 8);
      conf_fails(table, 1002);
    }
  }
}

static void add_masks(struct conf_table* table) {
  static const unsigned opcodes[] = {0, 1, 2, 8, 9, 10};
  conf_group(table, "8.1");
  for (size_t i = 0; i < 2 * COUNT(opcodes); i++) {
    unsigned opcode = opcodes[i % COUNT(opcodes)];
    bool empty = i < COUNT(opcodes);
    conf_row(table, "masked opcode %x, %s", opcode,
             empty ? "empty" : "of 2 bytes");
    if (opcode == 0) conf_frame(table, 0x01, "be", 2);
    unsigned char bytes[8] = {(unsigned char)(0x80 | opcode),
                              empty ? 0x80 : 0x82,
                              1,
                              2,
                              3,
                              4,
                              'a',
                              'b'};
    conf_bytes(table, bytes, empty ? 6 : 8);
    conf_fails(table, 1002);
  }
}

void conf_add_frames(struct conf_table* table) {
  fill_payload();
  add_sizes(table, "1.1", GCN__WS_TEXT);
  add_sizes(table, "1.2", GCN__WS_BINARY);
  add_lengths(table);
  add_halves(table);
  add_pings(table);
  add_bad_controls(table);
  add_reserved_bits(table);
  add_opcodes(table);
  add_masks(table);
}
