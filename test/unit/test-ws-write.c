/* SPDX-License-Identifier: MIT */
/*
 * The writer: exact bytes, fresh masks, and nothing at all on an error.
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Entropy from a seed, which fails once `left` fills are used up. */
struct source {
  struct gcn__rng rng;
  size_t left;
  size_t filled_size;
};

static int fill(void* ctx, void* data, size_t size) {
  struct source* source = ctx;
  if (source->left == 0) return GCN_EENTROPY;
  source->left--;
  source->filled_size += size;
  for (size_t i = 0; i < size; i++)
    ((unsigned char*)data)[i] = (unsigned char)gcn__rng_next(&source->rng);
  return 0;
}

static struct gcn__entropy entropy_of(struct source* source) {
  gcn__rng_seed(&source->rng, 7);
  source->left = SIZE_MAX;
  source->filled_size = 0;
  return (struct gcn__entropy){fill, source};
}

static struct gcn__ws* new_ws(enum gcn__ws_role role,
                              const struct gcn__entropy* entropy) {
  static const struct gcn__ws_limits limits = {1 << 20, 1 << 20};
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, role, &limits, entropy);
  assert_non_null(ws);
  return ws;
}

static void assert_bytes(struct gcn__buf* out, struct gcn__span wanted) {
  struct gcn__span got = gcn__buf_span(out);
  assert_int_equal(got.size, wanted.size);
  assert_memory_equal(got.data, wanted.data, wanted.size);
  gcn__buf_clear(out);
}

static void test_server_bytes(void** state) {
  (void)state;
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  const bool more = false;
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, GCN__SPAN("hi")), 0);
  assert_bytes(&out, GCN__SPAN("\x81\x02hi"));
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_PONG, GCN__SPAN("")), 0);
  assert_bytes(&out, GCN__SPAN("\x8a\x00"));
  assert_int_equal(
      gcn__ws_write(ws, &out, GCN__WS_BINARY, (struct gcn__span){NULL, 0}), 0);
  assert_bytes(&out, GCN__SPAN("\x82\x00"));
  assert_int_equal(
      gcn__ws_write_fragment(ws, &out, GCN__WS_TEXT, more, GCN__SPAN("a")), 0);
  assert_int_equal(gcn__ws_write_fragment(ws, &out, GCN__WS_CONTINUATION, more,
                                          GCN__SPAN("")),
                   0);
  assert_int_equal(
      gcn__ws_write(ws, &out, GCN__WS_CONTINUATION, GCN__SPAN("b")), 0);
  assert_bytes(&out, GCN__SPAN("\x01\x01"
                               "a\x00\x00\x80\x01"
                               "b"));
  gcn__buf_deinit(&out);
  gcn__ws_free(ws);
}

static void test_lengths(void** state) {
  (void)state;
  static const struct {
    size_t size;
    struct gcn__span header;
  } rows[] = {
      {125, {"\x82\x7d", 2}},
      {126, {"\x82\x7e\x00\x7e", 4}},
      {65535, {"\x82\x7e\xff\xff", 4}},
      {65536, {"\x82\x7f\0\0\0\0\0\x01\0\0", 10}},
  };
  static const char zeros[65536];
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  for (size_t i = 0; i < COUNT(rows); i++) {
    size_t size = rows[i].header.size + rows[i].size;
    struct gcn__span payload = gcn__span(zeros, rows[i].size);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, size - 1);
    assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_BINARY, payload),
                     GCN_ELIMIT);
    assert_int_equal(gcn__buf_size(&out), 0);
    out.size_max = size;
    assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_BINARY, payload), 0);
    assert_int_equal(gcn__buf_size(&out), size);
    assert_memory_equal(out.data, rows[i].header.data, rows[i].header.size);
    gcn__buf_deinit(&out);
  }
  gcn__ws_free(ws);
}

static void test_control_limits(void** state) {
  (void)state;
  static const char zeros[126];
  static const enum gcn__ws_opcode opcodes[] = {GCN__WS_CLOSE, GCN__WS_PING,
                                                GCN__WS_PONG};
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  const bool more = false;
  for (size_t i = 0; i < COUNT(opcodes); i++) {
    struct gcn__span most = gcn__span(zeros, 125);
    struct gcn__span over = gcn__span(zeros, 126);
    assert_int_equal(gcn__ws_write(ws, &out, opcodes[i], over), GCN_ELIMIT);
    assert_int_equal(gcn__ws_write_fragment(ws, &out, opcodes[i], more, most),
                     GCN__EINVAL);
    assert_int_equal(gcn__buf_size(&out), 0);
    assert_int_equal(gcn__ws_write(ws, &out, opcodes[i], most), 0);
    assert_int_equal(gcn__buf_size(&out), 127);
    gcn__buf_clear(&out);
  }
  gcn__buf_deinit(&out);
  gcn__ws_free(ws);
}

static void test_close(void** state) {
  (void)state;
  char long_reason[130];
  memset(long_reason, 'r', sizeof long_reason);
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  struct gcn__span none = GCN__SPAN("");
  assert_int_equal(gcn__ws_write_close(ws, &out, 1000, GCN__SPAN("bye")), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x05\x03\xe8"
                               "bye"));
  assert_int_equal(gcn__ws_write_close(ws, &out, 1001, none), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x02\x03\xe9"));
  assert_int_equal(gcn__ws_write_close(ws, &out, 0, GCN__SPAN("bye")), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x00"));
  assert_int_equal(gcn__ws_write_close(ws, &out, 1005, GCN__SPAN("bye")), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x00"));
  assert_int_equal(gcn__ws_write_close(ws, &out, 429, none), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x02\x01\xad"));
  assert_int_equal(gcn__ws_write_close(ws, &out, 65535, none), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x02\xff\xff"));
  for (size_t size = 120; size <= sizeof long_reason; size++) {
    struct gcn__span reason = gcn__span(long_reason, size);
    assert_int_equal(gcn__ws_write_close(ws, &out, 4000, reason), 0);
    size_t wanted = size < 123 ? size : 123;
    assert_int_equal(gcn__buf_size(&out), 4 + wanted);
    gcn__buf_clear(&out);
  }
  gcn__buf_deinit(&out);
  gcn__ws_free(ws);
}

/* A reason that is too long is cut, but never inside a character. */
static void test_close_cuts_at_a_character(void** state) {
  (void)state;
  static const char* const characters[] = {"\xc3\xa9", "\xe2\x82\xac",
                                           "\xf0\x9f\x98\x80"};
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  for (size_t i = 0; i < COUNT(characters); i++) {
    for (size_t lead = 110; lead <= 124; lead++) {
      char reason[160];
      memset(reason, 'r', lead);
      size_t size = lead;
      while (size + 4 < sizeof reason) {
        memcpy(reason + size, characters[i], strlen(characters[i]));
        size += strlen(characters[i]);
      }
      struct gcn__buf out;
      gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
      struct gcn__span text = gcn__span(reason, size);
      assert_int_equal(gcn__ws_write_close(ws, &out, 1000, text), 0);
      struct gcn__ws* reader = new_ws(GCN__WS_CLIENT, NULL);
      struct gcn__ws_message message;
      struct gcn__span in = gcn__buf_span(&out);
      assert_int_equal(gcn__ws_read(reader, &in, &message), GCN__WS_MESSAGE);
      assert_true(message.size <= 123 && message.size >= 120);
      assert_memory_equal(message.data, reason, message.size);
      gcn__ws_free(reader);
      gcn__buf_deinit(&out);
    }
  }
  gcn__ws_free(ws);
}

/* Every frame of a client has a mask of its own, straight from the source, and
 * unmasks to its payload. */
static void test_client_masks(void** state) {
  (void)state;
  struct source source;
  struct gcn__entropy entropy = entropy_of(&source);
  struct gcn__ws* ws = new_ws(GCN__WS_CLIENT, &entropy);
  struct gcn__rng same;
  gcn__rng_seed(&same, 7);
  static const char zeros[9000];
  static const size_t sizes[] = {0, 1, 5, 125, 126, 4096, 4097, 9000};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
    struct gcn__span payload = gcn__span(zeros, sizes[i]);
    assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_BINARY, payload), 0);
    size_t header_size = sizes[i] > 125 ? 4 : 2;
    assert_int_equal(gcn__buf_size(&out), header_size + 4 + sizes[i]);
    assert_int_equal(out.data[1] & 0x80, 0x80);
    unsigned char key[4];
    for (size_t j = 0; j < 4; j++) {
      key[j] = (unsigned char)gcn__rng_next(&same);
      assert_int_equal((unsigned char)out.data[header_size + j], key[j]);
    }
    for (size_t j = 0; j < sizes[i]; j++) {
      unsigned char byte = (unsigned char)out.data[header_size + 4 + j];
      assert_int_equal(byte, key[j % 4]);
    }
    gcn__buf_deinit(&out);
  }
  assert_int_equal(source.filled_size, 4 * COUNT(sizes));
  gcn__ws_free(ws);
}

/* No entropy, no frame; and the next frame is whole again. */
static void test_entropy_fails_closed(void** state) {
  (void)state;
  struct source source;
  struct gcn__entropy entropy = entropy_of(&source);
  struct gcn__ws* ws = new_ws(GCN__WS_CLIENT, &entropy);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  struct gcn__span text = GCN__SPAN("hello");
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, text), 0);
  size_t size = gcn__buf_size(&out);
  source.left = 0;
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, text), GCN_EENTROPY);
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_PING, text), GCN_EENTROPY);
  assert_int_equal(gcn__ws_write_close(ws, &out, 1000, text), GCN_EENTROPY);
  assert_int_equal(gcn__buf_size(&out), size);
  source.left = 1;
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, text), 0);
  struct ws_case row = {"both", gcn__buf_span(&out),
                        "TEXT 5 hello\nTEXT 5 hello\nEND"};
  ws_check(GCN__WS_SERVER, NULL, &row);
  gcn__ws_free(ws);
  ws = new_ws(GCN__WS_CLIENT, NULL);
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, text), GCN_EENTROPY);
  gcn__ws_free(ws);
  gcn__buf_deinit(&out);
}

/* The n-th allocation fails, and a nearly full buffer: nothing is appended,
 * and the writer goes on afterwards. */
static void test_no_room(void** state) {
  (void)state;
  struct source source;
  struct gcn__entropy entropy = entropy_of(&source);
  struct gcn__ws* ws = new_ws(GCN__WS_CLIENT, &entropy);
  struct mem_probe probe = {.fail_at = 2};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__buf out;
  gcn__buf_init(&out, &mem, 10000);
  static const char zeros[9000];
  struct gcn__span large = gcn__span(zeros, sizeof zeros);
  struct gcn__span small = GCN__SPAN("hi");
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, small), 0);
  size_t size = gcn__buf_size(&out);
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, large), GCN__ENOMEM);
  assert_int_equal(gcn__buf_size(&out), size);
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_BINARY, large), 0);
  size = gcn__buf_size(&out);
  assert_int_equal(gcn__ws_write(ws, &out, GCN__WS_TEXT, large), GCN_ELIMIT);
  assert_int_equal(gcn__buf_size(&out), size);
  assert_int_equal(gcn__ws_write_close(ws, &out, 1000, small), 0);
  struct ws_case row = {"rest", gcn__buf_span(&out),
                        "TEXT 2 hi\nBINARY 9000 #e4ada3e5\n"
                        "CLOSE 1000 legal hi\nEND"};
  ws_check(GCN__WS_SERVER, NULL, &row);
  /* A mask is only asked for once there is room. */
  assert_int_equal(source.filled_size, 4 * 3);
  gcn__buf_deinit(&out);
  assert_int_equal(probe.live_size, 0);
  gcn__ws_free(ws);
}

/* Writes a message of random bytes in random fragments. */
static void write_random(struct gcn__ws* ws, struct gcn__rng* rng,
                         struct gcn__span payload, struct gcn__buf* out) {
  enum gcn__ws_opcode opcode = GCN__WS_BINARY;
  bool fin = false;
  while (!fin) {
    size_t size = (size_t)gcn__rng_between(rng, 0, payload.size);
    if (gcn__rng_below(rng, 3) == 0) size = payload.size;
    fin = size == payload.size;
    struct gcn__span part = gcn__span(payload.data, size);
    assert_int_equal(gcn__ws_write_fragment(ws, out, opcode, fin, part), 0);
    payload = gcn__span_skip(payload, size);
    opcode = GCN__WS_CONTINUATION;
  }
}

/* What one role writes the other reads, whatever the fragments and cuts. */
static void test_round_trip(void** state) {
  (void)state;
  struct source source;
  struct gcn__entropy entropy = entropy_of(&source);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 99);
  static char payload[70000];
  for (size_t i = 0; i < sizeof payload; i++)
    payload[i] = (char)gcn__rng_next(&rng);
  for (int i = 0; i < 300; i++) {
    bool from_client = i % 2 == 0;
    struct gcn__ws* writer =
        new_ws(from_client ? GCN__WS_CLIENT : GCN__WS_SERVER, &entropy);
    struct gcn__ws* reader =
        new_ws(from_client ? GCN__WS_SERVER : GCN__WS_CLIENT, &entropy);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
    size_t size = (size_t)gcn__rng_below(&rng, i % 10 == 0 ? 70000 : 300);
    write_random(writer, &rng, gcn__span(payload, size), &out);
    struct gcn__span in = gcn__buf_span(&out);
    struct gcn__ws_message message;
    int progress = GCN__WS_MORE;
    while (in.size > 0 && progress == GCN__WS_MORE) {
      size_t most = in.size < 5000 ? in.size : 5000;
      struct gcn__span piece =
          gcn__span(in.data, (size_t)gcn__rng_between(&rng, 1, most));
      in = gcn__span_skip(in, piece.size);
      progress = gcn__ws_read(reader, &piece, &message);
    }
    assert_int_equal(progress, GCN__WS_MESSAGE);
    assert_int_equal(in.size, 0);
    assert_int_equal(message.size, size);
    assert_memory_equal(message.data, payload, size);
    gcn__buf_deinit(&out);
    gcn__ws_free(reader);
    gcn__ws_free(writer);
  }
}

/* A reader that has failed still says good-bye. */
static void test_close_after_an_error(void** state) {
  (void)state;
  struct gcn__ws* ws = new_ws(GCN__WS_SERVER, NULL);
  struct gcn__span in = GCN__SPAN("\x81\x01x");
  struct gcn__ws_message message;
  assert_int_equal(gcn__ws_read(ws, &in, &message), GCN_EWS);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(
      gcn__ws_write_close(ws, &out, gcn__ws_error_code(ws), GCN__SPAN("")), 0);
  assert_bytes(&out, GCN__SPAN("\x88\x02\x03\xea"));
  gcn__buf_deinit(&out);
  gcn__ws_free(ws);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_server_bytes),
      cmocka_unit_test(test_lengths),
      cmocka_unit_test(test_control_limits),
      cmocka_unit_test(test_close),
      cmocka_unit_test(test_close_cuts_at_a_character),
      cmocka_unit_test(test_client_masks),
      cmocka_unit_test(test_entropy_fails_closed),
      cmocka_unit_test(test_no_room),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_close_after_an_error),
  };
  return cmocka_run_group_tests_name("ws-write", tests, NULL, NULL);
}
