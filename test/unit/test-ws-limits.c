/* SPDX-License-Identifier: MIT */
/*
 * What a hostile server may cost the reader: sizes, fragments, memory.
 *
 * Every limit is tried at n and at n + 1, and the heap is measured while the
 * bytes trickle in.
 */
#include "base/err.h"
#include "codec/ws.h"
#include "mem-probe.h"
#include "ws-case.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The reader's own struct, and what gcn__buf rounds up to at least. */
enum { FIXED_SIZE = 1024 };

static void test_message_size(void** state) {
  (void)state;
  static const struct gcn__ws_limits limits = {10, 4};
  static const struct ws_case rows[] = {
      WS_CASE("n",
              "\x81\x0a"
              "0123456789",
              "TEXT 10 0123456789\nEND"),
      WS_CASE("n + 1, header only", "\x81\x0b", "EMSGSIZE 1009"),
      WS_CASE("n + 1, binary", "\x82\x0b", "EMSGSIZE 1009"),
      WS_CASE("n in parts",
              "\x01\x05"
              "01234\x80\x05"
              "56789",
              "TEXT 10 0123456789\nEND"),
      WS_CASE("n + 1 in parts",
              "\x01\x05"
              "01234\x80\x06",
              "EMSGSIZE 1009"),
      WS_CASE("n, then n",
              "\x82\x0a"
              "0123456789\x82\x0a"
              "0123456789",
              "BINARY 10 0123456789\nBINARY 10 0123456789\nEND"),
      WS_CASE("a ping may be larger",
              "\x89\x0b"
              "0123456789a",
              "PING 11 0123456789a\nEND"),
      WS_CASE("16 bits", "\x81\x7e\xff\xff", "EMSGSIZE 1009"),
      WS_CASE("2 GiB - 1", "\x81\x7f\0\0\0\0\x7f\xff\xff\xff", "EMSGSIZE 1009"),
      WS_CASE("2^63 - 1", "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
              "EMSGSIZE 1009"),
      WS_CASE("2^63 - 1 as a second part",
              "\x02\x01x\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
              "EMSGSIZE 1009"),
      WS_CASE("a rule goes before a limit", "\xc1\x0b", "EWS 1002"),
      WS_CASE("so does the role", "\x81\x8b\0\0\0\0", "EWS 1002"),
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ws_check(GCN__WS_CLIENT, &limits, &rows[i]);
}

static void test_default_message_size(void** state) {
  (void)state;
  assert_int_equal(gcn__ws_limits_default.message_size_max, 1 << 20);
  assert_int_equal(gcn__ws_limits_default.fragment_count_max, 1024);
  static const struct ws_case rows[] = {
      WS_CASE("1 MiB", "\x82\x7f\0\0\0\0\0\x10\0\0", "PARTIAL"),
      WS_CASE("1 MiB + 1", "\x82\x7f\0\0\0\0\0\x10\0\x01", "EMSGSIZE 1009"),
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ws_check_both(&rows[i]);
}

/* `count` frames of one message, each with `size` bytes. */
static void check_fragments(size_t count, size_t size, bool finished,
                            const char* out) {
  struct gcn__buf in;
  gcn__buf_init(&in, &gcn__mem_libc, 1 << 20);
  for (size_t i = 0; i < count; i++) {
    bool last = finished && i + 1 == count;
    unsigned char first = (unsigned char)((last ? 0x80 : 0) | (i == 0 ? 2 : 0));
    ws_put_frame(&in, first, gcn__span("zz", size), NULL);
    /* Control frames in between do not count. */
    if (i % 100 == 7) ws_put_frame(&in, 0x8a, GCN__SPAN(""), NULL);
  }
  struct gcn__ws_limits limits = {2048, 1024};
  for (unsigned seed = 0; seed < 4; seed++) {
    struct gcn__buf text;
    gcn__buf_init(&text, &gcn__mem_libc, 1 << 20);
    ws_transcribe(GCN__WS_CLIENT, &limits, gcn__buf_span(&in), seed, &text);
    const char* got = gcn__buf_span(&text).data;
    const char* line = strstr(got, out);
    if (line == NULL || strcmp(line, out) != 0)
      print_error("%zu of %zu: %s\n", count, size, got);
    assert_non_null(line);
    assert_string_equal(line, out);
    gcn__buf_deinit(&text);
  }
  gcn__buf_deinit(&in);
}

static void test_fragment_count(void** state) {
  (void)state;
  check_fragments(1, 1, true, "BINARY 1 z\nEND");
  check_fragments(1024, 0, true, "BINARY 0 \nEND");
  check_fragments(1024, 0, false, "PARTIAL");
  check_fragments(1025, 0, true, "EMSGSIZE 1008");
  check_fragments(1025, 0, false, "EMSGSIZE 1008");
  check_fragments(1025, 1, true, "EMSGSIZE 1008");
  check_fragments(1024, 2, false, "PARTIAL");
  check_fragments(100000, 1, false, "EMSGSIZE 1008");
}

static void test_count_starts_anew(void** state) {
  (void)state;
  static const struct gcn__ws_limits limits = {100, 2};
  static const struct ws_case rows[] = {
      WS_CASE("n each",
              "\x02\x01x\x80\x01x\x02\x01y\x80\x01y\x82\x01z\x82\x01z",
              "BINARY 2 xx\nBINARY 2 yy\nBINARY 1 z\nBINARY 1 z\nEND"),
      WS_CASE("n + 1", "\x02\x01x\x00\x01x\x80\x01x", "EMSGSIZE 1008"),
      WS_CASE("n + 1, both limits", "\x02\x01x\x00\x01x\x80\x7e\xff\xff",
              "EMSGSIZE 1008"),
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ws_check(GCN__WS_CLIENT, &limits, &rows[i]);
}

/* Feeds bytes and returns the last progress that was not a message. */
static int pour(struct gcn__ws* ws, struct gcn__span in, size_t* messages) {
  struct gcn__ws_message message;
  int progress = gcn__ws_read(ws, &in, &message);
  for (; progress == GCN__WS_MESSAGE; ++*messages)
    progress = gcn__ws_read(ws, &in, &message);
  return progress;
}

/* A header that declares the whole limit costs nothing; then the heap follows
 * what has arrived. */
static void test_memory_follows_arrival(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  size_t messages = 0;
  struct gcn__span header = GCN__SPAN("\x82\x7f\0\0\0\0\0\x10\0\0");
  assert_int_equal(pour(ws, header, &messages), GCN__WS_MORE);
  assert_int_equal(probe.count, 1);
  assert_true(probe.live_size <= FIXED_SIZE);
  static const char zeros[1000];
  for (size_t arrived = 0; arrived < 1 << 20;) {
    size_t rest = (1 << 20) - arrived;
    size_t size = rest < sizeof zeros ? rest : sizeof zeros;
    assert_int_equal(pour(ws, gcn__span(zeros, size), &messages), 0);
    arrived += size;
    /* Doubling: at most twice what is there, and half of it more while the
     * block moves. */
    assert_true(probe.live_size <= FIXED_SIZE + 2 * arrived);
    assert_true(probe.peak_size <= FIXED_SIZE + 3 * arrived);
  }
  assert_int_equal(messages, 1);
  gcn__ws_shrink(ws, 4096);
  assert_true(probe.live_size <= FIXED_SIZE);
  gcn__ws_free(ws);
  assert_int_equal(probe.live_size, 0);
}

/* Tiny fragments and a flood of pings: bounded, and freed. */
static void test_memory_of_floods(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  size_t messages = 0;
  assert_int_equal(pour(ws, GCN__SPAN("\x02\x01x"), &messages), 0);
  int progress = 0;
  for (int i = 0; i < 1000000 && progress == 0; i++)
    progress = pour(ws, GCN__SPAN("\x00\x01x"), &messages);
  assert_int_equal(progress, GCN_EMSGSIZE);
  assert_true(probe.peak_size <= FIXED_SIZE + 2048);
  gcn__ws_free(ws);
  assert_int_equal(probe.live_size, 0);

  ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  probe.count = 0;
  messages = 0;
  for (int i = 0; i < 100000; i++)
    assert_int_equal(pour(ws, GCN__SPAN("\x89\x04ping"), &messages), 0);
  assert_int_equal(messages, 100000);
  assert_int_equal(probe.count, 0);
  gcn__ws_free(ws);
}

/* After the first message of a size, messages up to it allocate nothing. */
static void test_steady_state_allocates_nothing(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  static char payload[1024];
  memset(payload, 'e', sizeof payload);
  struct gcn__buf in;
  gcn__buf_init(&in, &gcn__mem_libc, 1 << 16);
  ws_put_frame(&in, 0x81, gcn__span(payload, 1024), NULL);
  ws_put_frame(&in, 0x01, gcn__span(payload, 500), NULL);
  ws_put_frame(&in, 0x89, gcn__span(payload, 100), NULL);
  ws_put_frame(&in, 0x80, gcn__span(payload, 524), NULL);
  ws_put_frame(&in, 0x81, gcn__span(payload, 0), NULL);
  size_t messages = 0;
  assert_int_equal(pour(ws, gcn__buf_span(&in), &messages), 0);
  assert_int_equal(messages, 4);
  size_t count = probe.count;
  for (int i = 0; i < 1000; i++)
    assert_int_equal(pour(ws, gcn__buf_span(&in), &messages), 0);
  assert_int_equal(messages, 4004);
  assert_int_equal(probe.count, count);
  gcn__buf_deinit(&in);
  gcn__ws_free(ws);
  assert_int_equal(probe.live_size, 0);
}

static void test_shrink_keeps_small_memory(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  size_t messages = 0;
  assert_int_equal(pour(ws, GCN__SPAN("\x81\x02hi"), &messages), 0);
  size_t live_size = probe.live_size;
  gcn__ws_shrink(ws, 65536);
  assert_int_equal(probe.live_size, live_size);
  gcn__ws_shrink(ws, 0);
  assert_true(probe.live_size < live_size);
  assert_int_equal(pour(ws, GCN__SPAN("\x81\x02hi"), &messages), 0);
  assert_int_equal(messages, 2);
  gcn__ws_free(ws);
}

/* Fails the n-th allocation, for all n: an error, no leak, no message lost
 * silently. */
static void test_failing_allocator(void** state) {
  (void)state;
  static char payload[3000];
  struct gcn__buf in;
  gcn__buf_init(&in, &gcn__mem_libc, 1 << 16);
  ws_put_frame(&in, 0x02, gcn__span(payload, 10), NULL);
  ws_put_frame(&in, 0x80, gcn__span(payload, 3000), NULL);
  ws_put_frame(&in, 0x82, gcn__span(payload, 3000), NULL);
  size_t fail_at = 0;
  for (bool failed = true; failed;) {
    struct mem_probe probe = {.fail_at = ++fail_at};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
    assert_true(ws != NULL || fail_at == 1);
    size_t messages = 0;
    int progress =
        ws == NULL ? GCN__ENOMEM : pour(ws, gcn__buf_span(&in), &messages);
    failed = probe.count >= fail_at;
    assert_int_equal(progress, failed ? GCN__ENOMEM : 0);
    if (!failed) assert_int_equal(messages, 2);
    if (failed && ws != NULL)
      assert_int_equal(gcn__ws_error_code(ws), GCN__WS_CLOSE_INTERNAL);
    gcn__ws_free(ws);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(fail_at > 3);
  gcn__buf_deinit(&in);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_message_size),
      cmocka_unit_test(test_default_message_size),
      cmocka_unit_test(test_fragment_count),
      cmocka_unit_test(test_count_starts_anew),
      cmocka_unit_test(test_memory_follows_arrival),
      cmocka_unit_test(test_memory_of_floods),
      cmocka_unit_test(test_steady_state_allocates_nothing),
      cmocka_unit_test(test_shrink_keeps_small_memory),
      cmocka_unit_test(test_failing_allocator),
  };
  return cmocka_run_group_tests_name("ws-limits", tests, NULL, NULL);
}
