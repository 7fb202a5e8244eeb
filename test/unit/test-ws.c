/* SPDX-License-Identifier: MIT */
/*
 * The reader's rules, by the groups of RFC 6455: framing, opcodes and reserved
 * bits, control frames, fragmentation, UTF-8, close codes, roles.
 *
 * Every row runs whole, byte by byte and in random cuts; nearly every row in
 * both roles.  Limits and memory are in test-ws-limits.c.
 */
#include "base/err.h"
#include "codec/ws.h"
#include "ws-case.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_all(const struct ws_case* rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    ws_check_both(&rows[i]);
}

static void test_framing(void** state) {
  (void)state;
  static const struct ws_case rows[] = {
      WS_CASE("nothing", "", "END"),
      WS_CASE("empty text", "\x81\x00", "TEXT 0 \nEND"),
      WS_CASE("text", "\x81\x05hello", "TEXT 5 hello\nEND"),
      WS_CASE("binary", "\x82\x03\x01\xff\x00", "BINARY 3 #558c502b\nEND"),
      WS_CASE("two in a row", "\x81\x01x\x81\x01y", "TEXT 1 x\nTEXT 1 y\nEND"),
      WS_CASE("half a header", "\x81", "PARTIAL"),
      WS_CASE("no payload yet", "\x81\x05", "PARTIAL"),
      WS_CASE("half a payload", "\x81\x05hel", "PARTIAL"),
      WS_CASE("half a length", "\x82\x7e\x01", "PARTIAL"),
      WS_CASE("a message, then a part", "\x81\x01x\x81", "TEXT 1 x\nPARTIAL"),
      WS_CASE("text of 7 in 16 bits", "\x81\x7e\x00\x07", "EWS 1002"),
      WS_CASE("text of 125 in 16 bits", "\x81\x7e\x00\x7d", "EWS 1002"),
      WS_CASE("text of 126 in 16 bits", "\x81\x7e\x00\x7e", "PARTIAL"),
      WS_CASE("text of 0 in 64 bits", "\x81\x7f\0\0\0\0\0\0\0\0", "EWS 1002"),
      WS_CASE("text of 65535 in 64 bits", "\x81\x7f\0\0\0\0\0\0\xff\xff",
              "EWS 1002"),
      WS_CASE("text of 65536 in 64 bits", "\x81\x7f\0\0\0\0\0\x01\0\0",
              "PARTIAL"),
      WS_CASE("the 64th bit of a length", "\x82\x7f\x80\0\0\0\0\x01\0\0",
              "EWS 1002"),
  };
  check_all(rows, COUNT(rows));
}

static void test_lengths(void** state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 65535, 65536};
  static const struct {
    unsigned char first;
    const char* name;
  } kinds[] = {{0x81, "TEXT"}, {0x82, "BINARY"}};
  static char payload[65536];
  memset(payload, 'a', sizeof payload);
  for (size_t i = 0; i < COUNT(sizes) * COUNT(kinds); i++) {
    size_t size = sizes[i / COUNT(kinds)];
    struct gcn__buf in;
    gcn__buf_init(&in, &gcn__mem_libc, 1 << 20);
    ws_put_frame(&in, kinds[i % 2].first, gcn__span(payload, size), NULL);
    uint32_t hash = 2166136261u;
    for (size_t j = 0; j < size; j++)
      hash = (hash ^ 'a') * 16777619u;
    char out[64];
    if (size > 40) {
      snprintf(out, sizeof out, "%s %zu #%08x\nEND", kinds[i % 2].name, size,
               (unsigned)hash);
    } else {
      snprintf(out, sizeof out, "%s %zu %.*s\nEND", kinds[i % 2].name, size,
               (int)size, payload);
    }
    struct ws_case row = {"length", gcn__buf_span(&in), out};
    ws_check_both(&row);
    gcn__buf_deinit(&in);
  }
}

static void test_reserved_bits_and_opcodes(void** state) {
  (void)state;
  for (unsigned first = 0; first < 256; first++) {
    unsigned opcode = first & 0x0f;
    bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    if ((first & 0x70) == 0 && known) continue;
    const char text[3] = {(char)first, 1, 'x'};
    struct ws_case row = {"first byte", {text, 3}, "EWS 1002"};
    ws_check_both(&row);
    /* The header is enough. */
    row.in.size = 2;
    ws_check(GCN__WS_CLIENT, NULL, &row);
  }
}

static void test_control_frames(void** state) {
  (void)state;
  static const struct ws_case rows[] = {
      WS_CASE("empty ping", "\x89\x00", "PING 0 \nEND"),
      WS_CASE("ping", "\x89\x02hi", "PING 2 hi\nEND"),
      WS_CASE("pong", "\x8a\x02hi", "PONG 2 hi\nEND"),
      WS_CASE("ping of bytes", "\x89\x02\xff\xfe", "PING 2 \xff\xfe\nEND"),
      WS_CASE("half a ping", "\x89\x02h", "PARTIAL"),
      WS_CASE("ping in parts", "\x09\x01x", "EWS 1002"),
      WS_CASE("pong in parts", "\x0a\x01x", "EWS 1002"),
      WS_CASE("close in parts", "\x08\x02\x03\xe8", "EWS 1002"),
      WS_CASE("ping of 126", "\x89\x7e\x00\x7e", "EWS 1002"),
      WS_CASE("ping of 65536", "\x89\x7f\0\0\0\0\0\x01\0\0", "EWS 1002"),
      WS_CASE("close of 126", "\x88\x7e\x00\x7e", "EWS 1002"),
      WS_CASE("ping inside a message", "\x01\x02he\x89\x01!\x80\x03llo",
              "PING 1 !\nTEXT 5 hello\nEND"),
      WS_CASE("ping inside a character",
              "\x01\x01\xc3\x89\x02\xc3\xc3\x80\x01\xa9",
              "PING 2 \xc3\xc3\nTEXT 2 \xc3\xa9\nEND"),
      WS_CASE("many between many",
              "\x01\x01"
              "a\x89\x01p\x00\x00\x8a\x01q\x8a\x00\x80\x01z",
              "PING 1 p\nPONG 1 q\nPONG 0 \nTEXT 2 az\nEND"),
      WS_CASE("close inside a message", "\x01\x01h\x88\x00",
              "CLOSE 1005 legal \nEND"),
  };
  check_all(rows, COUNT(rows));
}

static void test_longest_control_frames(void** state) {
  (void)state;
  char payload[125];
  memset(payload, 'p', sizeof payload);
  payload[0] = 0x0f;
  payload[1] = (char)0xa0; /* 4000 */
  static const struct {
    unsigned char first;
    const char* out;
  } kinds[] = {
      {0x88, "CLOSE 4000 legal #9a55ef67\nEND"},
      {0x89, "PING 125 #a4a9cf8e\nEND"},
      {0x8a, "PONG 125 #a4a9cf8e\nEND"},
  };
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct gcn__buf in;
    gcn__buf_init(&in, &gcn__mem_libc, 1024);
    ws_put_frame(&in, kinds[i].first, gcn__span(payload, 125), NULL);
    struct ws_case row = {"125 bytes", gcn__buf_span(&in), kinds[i].out};
    ws_check_both(&row);
    gcn__buf_deinit(&in);
  }
}

static void test_fragments(void** state) {
  (void)state;
  static const struct ws_case rows[] = {
      WS_CASE("two", "\x01\x03hel\x80\x02lo", "TEXT 5 hello\nEND"),
      WS_CASE("three, binary", "\x02\x01z\x00\x01y\x80\x01x",
              "BINARY 3 zyx\nEND"),
      WS_CASE("all empty", "\x01\x00\x00\x00\x80\x00", "TEXT 0 \nEND"),
      WS_CASE("empty first", "\x01\x00\x80\x01x", "TEXT 1 x\nEND"),
      WS_CASE("empty last", "\x01\x01x\x80\x00", "TEXT 1 x\nEND"),
      WS_CASE("empty between", "\x01\x01x\x00\x00\x80\x01y", "TEXT 2 xy\nEND"),
      WS_CASE("never finished", "\x01\x01x\x00\x01y", "PARTIAL"),
      WS_CASE("never finished, empty", "\x01\x00", "PARTIAL"),
      WS_CASE("a message between two",
              "\x01\x01"
              "a\x80\x01"
              "b\x82\x01"
              "c\x01\x01"
              "d\x80\x01"
              "e",
              "TEXT 2 ab\nBINARY 1 c\nTEXT 2 de\nEND"),
      WS_CASE("nothing to continue", "\x80\x01x", "EWS 1002"),
      WS_CASE("nothing to continue, no end", "\x00\x01x", "EWS 1002"),
      WS_CASE("nothing left to continue", "\x81\x01x\x80\x01y",
              "TEXT 1 x\nEWS 1002"),
      WS_CASE("text in text", "\x01\x01x\x81\x01y", "EWS 1002"),
      WS_CASE("binary in text", "\x01\x01x\x02\x01y", "EWS 1002"),
      WS_CASE("text in binary after a ping", "\x02\x01x\x89\x00\x81\x01y",
              "PING 0 \nEWS 1002"),
  };
  check_all(rows, COUNT(rows));
}

static void test_utf8(void** state) {
  (void)state;
  static const struct ws_case rows[] = {
      WS_CASE("text", "\x81\x0b\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80\x7f\x7f",
              "TEXT 11 \xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80\x7f\x7f\nEND"),
      WS_CASE("a character over three frames",
              "\x01\x01\xe2\x00\x01\x82\x80\x01\xac",
              "TEXT 3 \xe2\x82\xac\nEND"),
      WS_CASE("bad byte",
              "\x81\x03"
              "a\xff"
              "b",
              "EWS 1007"),
      WS_CASE("overlong", "\x81\x02\xc0\x80", "EWS 1007"),
      WS_CASE("surrogate", "\x81\x03\xed\xa0\x80", "EWS 1007"),
      WS_CASE("too high", "\x81\x04\xf4\x90\x80\x80", "EWS 1007"),
      WS_CASE("cut off", "\x81\x02\xe2\x82", "EWS 1007"),
      WS_CASE("cut off at the last fragment", "\x01\x01\xe2\x80\x01\x82",
              "EWS 1007"),
      WS_CASE("bad in the middle of a long frame", "\x81\x7e\x01\x00oh\xff",
              "EWS 1007"),
      WS_CASE("bad across frames", "\x01\x01\xe2\x00\x01z", "EWS 1007"),
      WS_CASE("the state starts anew", "\x81\x02\xc3\xa9\x81\x02\xc3\xa9",
              "TEXT 2 \xc3\xa9\nTEXT 2 \xc3\xa9\nEND"),
      WS_CASE("binary is not text", "\x82\x03\xff\xc0\xed",
              "BINARY 3 \xff\xc0\xed\nEND"),
      WS_CASE("binary fragments are not text", "\x02\x01\xff\x80\x01\xc0",
              "BINARY 2 \xff\xc0\nEND"),
  };
  check_all(rows, COUNT(rows));
}

/* The error comes with the very byte that makes the text impossible. */
static void test_utf8_fails_fast(void** state) {
  (void)state;
  static const struct {
    struct gcn__span in;
    size_t good_size;
  } rows[] = {
      {{"\x81\x7e\x10\x00Tr\xc3\xa9s\xff", 10}, 9},
      {{"\x81\x7e\x10\x00\xf4\x90", 6}, 5},
      {{"\x81\x7e\x10\x00\xe0\x9f", 6}, 5},
      {{"\x81\x7e\x10\x00\xed\xa0", 6}, 5},
      {{"\x81\x7e\x10\x00\xc1", 5}, 4},
      {{"\x01\x01\xf0\x00\x7e\x10\x00\x8f", 8}, 7},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct gcn__ws* ws =
        gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
    struct gcn__ws_message message;
    for (size_t j = 0; j < rows[i].in.size; j++) {
      struct gcn__span byte = gcn__span(rows[i].in.data + j, 1);
      int wanted = j < rows[i].good_size ? GCN__WS_MORE : GCN_EWS;
      assert_int_equal(gcn__ws_read(ws, &byte, &message), wanted);
    }
    assert_int_equal(gcn__ws_error_code(ws), GCN__WS_CLOSE_INVALID);
    gcn__ws_free(ws);
  }
}

static void test_close_codes(void** state) {
  (void)state;
  static const unsigned codes[] = {
      0,    1,    400,  429,  999,  1000, 1001, 1002, 1003, 1004, 1005, 1006,
      1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1100, 2000,
      2999, 3000, 3999, 4000, 4001, 4100, 4429, 4999, 5000, 5001, 9999, 65535};
  for (size_t i = 0; i < COUNT(codes); i++) {
    unsigned code = codes[i];
    bool legal = (code >= 1000 && code <= 1003) ||
                 (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code <= 4999);
    char in[6] = {(char)0x88, 4, (char)(code >> 8), (char)code, 'o', 'k'};
    char out[64];
    const char* word = legal ? "legal" : "illegal";
    snprintf(out, sizeof out, "CLOSE %u %s ok\nEND", code, word);
    struct ws_case row = {"close code", {in, sizeof in}, out};
    ws_check_both(&row);
    in[1] = 2;
    snprintf(out, sizeof out, "CLOSE %u %s \nEND", code, word);
    row.in.size = 4;
    ws_check_both(&row);
  }
}

static void test_close_payloads(void** state) {
  (void)state;
  static const struct ws_case rows[] = {
      WS_CASE("empty", "\x88\x00", "CLOSE 1005 legal \nEND"),
      WS_CASE("one byte", "\x88\x01\x03", "EWS 1002"),
      WS_CASE("code and reason",
              "\x88\x05\x03\xe9"
              "bye",
              "CLOSE 1001 legal bye\nEND"),
      WS_CASE("e-acute",
              "\x88\x07\x03\xe8\xc3\xa9"
              "abc",
              "CLOSE 1000 legal \xc3\xa9"
              "abc\nEND"),
      WS_CASE("reason of bad bytes", "\x88\x06\x03\xe8\xff\xff\xff\xff",
              "EWS 1007"),
      WS_CASE("reason cut off", "\x88\x04\x03\xe8\xe2\x82", "EWS 1007"),
      WS_CASE("illegal code and bad reason", "\x88\x03\x01\x90\xff",
              "EWS 1007"),
      WS_CASE("half a close", "\x88\x05\x03\xe9", "PARTIAL"),
      WS_CASE("data behind it is swallowed",
              "\x88\x02\x03\xe8\x81\x01x\xff\xff\x80",
              "CLOSE 1000 legal \nEND"),
      WS_CASE("a second close is swallowed", "\x88\x00\x88\x02\x03\xe8",
              "CLOSE 1005 legal \nEND"),
  };
  check_all(rows, COUNT(rows));
}

static void test_roles(void** state) {
  (void)state;
  static const struct ws_case masked[] = {
      WS_CASE("masked text", "\x81\x81\x01\x02\x03\x04y", "EWS 1002"),
      WS_CASE("masked header", "\x81\x81\x01\x02\x03\x04", "EWS 1002"),
      WS_CASE("masked, zero key, empty", "\x81\x80\0\0\0\0", "EWS 1002"),
      WS_CASE("masked ping", "\x89\x80\0\0\0\0", "EWS 1002"),
      WS_CASE("masked after good", "\x81\x01x\x81\x80\0\0\0\0",
              "TEXT 1 x\nEWS 1002"),
  };
  for (size_t i = 0; i < COUNT(masked); i++)
    ws_check(GCN__WS_CLIENT, NULL, &masked[i]);
  static const struct ws_case unmasked[] = {
      WS_CASE("unmasked text", "\x81\x01x", "EWS 1002"),
      WS_CASE("unmasked header", "\x81\x01", "EWS 1002"),
      WS_CASE("unmasked ping", "\x89\x00", "EWS 1002"),
      WS_CASE("unmasked close", "\x88\x02\x03\xe8", "EWS 1002"),
  };
  for (size_t i = 0; i < COUNT(unmasked); i++)
    ws_check(GCN__WS_SERVER, NULL, &unmasked[i]);
  static const struct ws_case rfc[] = {
      /* RFC 6455 §5.7 */
      WS_CASE("masked Hello", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
              "TEXT 5 Hello\nEND"),
      WS_CASE("masked pong", "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
              "PONG 5 Hello\nEND"),
      WS_CASE("key missing", "\x81\x81\x01\x02", "PARTIAL"),
  };
  for (size_t i = 0; i < COUNT(rfc); i++)
    ws_check(GCN__WS_SERVER, NULL, &rfc[i]);
}

/* One message per call, and nothing behind it is touched. */
static void test_one_message_per_read(void** state) {
  (void)state;
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  struct gcn__span in = GCN__SPAN("\x81\x01"
                                  "a\x89\x00\x81\x02"
                                  "bc\x88\x00rest");
  struct gcn__ws_message message;
  static const size_t rests[] = {12, 10, 6, 4};
  for (size_t i = 0; i < COUNT(rests); i++) {
    assert_int_equal(gcn__ws_read(ws, &in, &message), GCN__WS_MESSAGE);
    assert_int_equal(in.size, rests[i]);
    assert_false(gcn__ws_partial(ws));
  }
  assert_int_equal(message.opcode, GCN__WS_CLOSE);
  assert_int_equal(gcn__ws_read(ws, &in, &message), GCN__WS_MORE);
  assert_int_equal(in.size, 0);
  assert_string_equal(gcn__ws_error(ws), "");
  assert_int_equal(gcn__ws_error_code(ws), 0);
  gcn__ws_free(ws);
}

/* A ping inside a message is told, and the message stays partial. */
static void test_partial_between_fragments(void** state) {
  (void)state;
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  struct gcn__ws_message message;
  struct gcn__span in = GCN__SPAN("\x01\x01"
                                  "a\x89\x00");
  assert_int_equal(gcn__ws_read(ws, &in, &message), GCN__WS_MESSAGE);
  assert_int_equal(message.opcode, GCN__WS_PING);
  assert_true(gcn__ws_partial(ws));
  gcn__ws_shrink(ws, 0); /* must not lose the first fragment */
  in = GCN__SPAN("\x80\x01"
                 "b");
  assert_int_equal(gcn__ws_read(ws, &in, &message), GCN__WS_MESSAGE);
  assert_true(gcn__span_is(gcn__span(message.data, message.size), "ab"));
  assert_false(gcn__ws_partial(ws));
  gcn__ws_free(ws);
  gcn__ws_free(NULL);
}

/* Frames of the message itself, empty ones too; not those in between. */
static void test_fragment_counts(void** state) {
  (void)state;
  static const struct {
    enum gcn__ws_opcode opcode;
    size_t fragment_count;
  } wanted[] = {{GCN__WS_TEXT, 1}, {GCN__WS_PING, 0},   {GCN__WS_TEXT, 3},
                {GCN__WS_PONG, 0}, {GCN__WS_BINARY, 2}, {GCN__WS_BINARY, 1},
                {GCN__WS_CLOSE, 0}};
  static const char bytes[] = "\x81\x01x"
                              "\x01\x01x\x89\x00\x00\x01y\x80\x00"
                              "\x02\x00\x8a\x00\x80\x01z"
                              "\x82\x00"
                              "\x88\x00";
  for (size_t step = 1; step < sizeof bytes; step++) {
    struct gcn__ws* ws =
        gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
    size_t found = 0;
    for (size_t at = 0; at < sizeof bytes - 1; at += step) {
      size_t rest = sizeof bytes - 1 - at;
      struct gcn__span in = gcn__span(bytes + at, step < rest ? step : rest);
      struct gcn__ws_message message;
      while (gcn__ws_read(ws, &in, &message) == GCN__WS_MESSAGE) {
        assert_in_range(found, 0, COUNT(wanted) - 1);
        assert_int_equal(message.opcode, wanted[found].opcode);
        assert_int_equal(message.fragment_count, wanted[found].fragment_count);
        found++;
      }
    }
    assert_int_equal(found, COUNT(wanted));
    gcn__ws_free(ws);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_framing),
      cmocka_unit_test(test_lengths),
      cmocka_unit_test(test_reserved_bits_and_opcodes),
      cmocka_unit_test(test_control_frames),
      cmocka_unit_test(test_longest_control_frames),
      cmocka_unit_test(test_fragments),
      cmocka_unit_test(test_utf8),
      cmocka_unit_test(test_utf8_fails_fast),
      cmocka_unit_test(test_close_codes),
      cmocka_unit_test(test_close_payloads),
      cmocka_unit_test(test_roles),
      cmocka_unit_test(test_one_message_per_read),
      cmocka_unit_test(test_partial_between_fragments),
      cmocka_unit_test(test_fragment_counts),
  };
  return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
