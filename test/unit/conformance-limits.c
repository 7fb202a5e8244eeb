/* SPDX-License-Identifier: MIT */
/*
 * Families 9 and 10: the sizes and numbers that the client must bear, the ones
 * that it must refuse on the header, and fragments of odd sizes.
 */
#include "conformance.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MIB = 1 << 20 };

static char* make_text(void) {
  char* text = malloc(MIB + 2);
  assert_non_null(text);
  for (size_t i = 0; i < MIB + 2; i++)
    text[i] = (char)('!' + i % 90);
  return text;
}

static void add_sizes(struct conf_table* table, const char* text) {
  static const size_t sizes[] = {1 << 17, 1 << 18, 1 << 19, MIB - 1, MIB};
  static const enum gcn__ws_opcode opcodes[] = {GCN__WS_TEXT, GCN__WS_BINARY};
  conf_group(table, "9.1");
  for (size_t i = 0; i < COUNT(sizes); i++) {
    for (size_t j = 0; j < COUNT(opcodes); j++) {
      conf_row(table, "%s of %zu bytes", j == 0 ? "text" : "binary", sizes[i]);
      conf_message(table, opcodes[j], text, sizes[i]);
    }
  }
}

static void put_fragments(struct conf_table* table, const char* text,
                          size_t size, size_t step) {
  for (size_t at = 0; at < size; at += step) {
    size_t here = size - at < step ? size - at : step;
    bool last = at + here == size;
    conf_frame(table, (at == 0 ? 1u : 0u) | (last ? 0x80u : 0u), text + at,
               here);
  }
}

static void add_fragments(struct conf_table* table, const char* text) {
  static const size_t steps[] = {1024, 4096, 65535, 65536, MIB / 2};
  conf_group(table, "9.2");
  for (size_t i = 0; i < COUNT(steps); i++) {
    conf_row(table, "1 MiB in fragments of %zu bytes", steps[i]);
    put_fragments(table, text, MIB, steps[i]);
    conf_tell(table, GCN__WS_TEXT, text, MIB);
  }
  conf_row(table, "1 MiB and a byte in two fragments");
  put_fragments(table, text, MIB + 1, MIB);
  conf_fails(table, 1009);
  conf_row(table, "1 MiB, then an empty last fragment");
  conf_frame(table, 0x01, text, MIB);
  conf_frame(table, 0x80, "", 0);
  conf_tell(table, GCN__WS_TEXT, text, MIB);
  conf_row(table, "a fragment that leaves no room for the next");
  conf_frame(table, 0x01, text, 10);
  conf_bytes(table, "\x80\x7f\x00\x00\x00\x00\x00\x0f\xff\xf7", 10);
  conf_fails(table, 1009);
}

/* Refused when the header is there: none of the bytes that it declares is
 * ever sent. */
static void add_declared(struct conf_table* table) {
  static const uint64_t sizes[] = {
      MIB + 1,           UINT64_C(1) << 24,       (UINT64_C(1) << 31) - 1,
      UINT64_C(1) << 31, (UINT64_C(1) << 32) - 1, UINT64_C(1) << 32,
      UINT64_C(1) << 62, (UINT64_C(1) << 63) - 1,
  };
  conf_group(table, "9.3");
  for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
    uint64_t size = sizes[i / 2];
    conf_row(table, "%s that declares %llx bytes", i % 2 ? "binary" : "text",
             (unsigned long long)size);
    unsigned char head[10] = {i % 2 ? 0x82 : 0x81, 127};
    for (size_t j = 0; j < 8; j++)
      head[2 + j] = (unsigned char)(size >> 8 * (7 - j));
    conf_message(table, GCN__WS_TEXT, "good", 4);
    conf_bytes(table, head, sizeof head);
    conf_fails(table, 1009);
  }
}

/* No two are alike, so that it can be told which one was answered. */
static void add_ping(struct conf_table* table, const char* text, size_t number,
                     size_t size) {
  char payload[GCN__WS_CONTROL_SIZE_MAX];
  memcpy(payload, text, sizeof payload);
  payload[0] = (char)(number >> 8);
  payload[1] = (char)number;
  conf_message(table, GCN__WS_PING, payload, size);
}

static void add_many(struct conf_table* table, const char* text) {
  static const size_t sizes[] = {0, 1, 16, 125, 126};
  conf_group(table, "9.4");
  for (size_t i = 0; i < COUNT(sizes); i++) {
    conf_row(table, "500 texts of %zu bytes", sizes[i]);
    for (size_t j = 0; j < 500; j++)
      conf_message(table, GCN__WS_TEXT, text + j, sizes[i]);
  }
  conf_row(table, "500 pings of 125 bytes");
  for (size_t j = 0; j < 500; j++)
    add_ping(table, text, j, 125);
  conf_row(table, "500 texts, each behind a ping");
  for (size_t j = 0; j < 500; j++) {
    add_ping(table, text, j, 4);
    conf_message(table, GCN__WS_TEXT, text + j, 4);
  }
}

static void add_odd(struct conf_table* table, const char* text) {
  static const size_t steps[] = {1300, 97, 126, 127, 65535};
  conf_group(table, "10.1");
  for (size_t i = 0; i < COUNT(steps); i++) {
    conf_row(table, "65536 bytes in fragments of %zu", steps[i]);
    put_fragments(table, text, 65536, steps[i]);
    conf_tell(table, GCN__WS_TEXT, text, 65536);
  }
}

void conf_add_limits(struct conf_table* table) {
  char* text = make_text();
  add_sizes(table, text);
  add_fragments(table, text);
  add_declared(table);
  add_many(table, text);
  add_odd(table, text);
  free(text);
}
