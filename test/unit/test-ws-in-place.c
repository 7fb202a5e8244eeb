/* SPDX-License-Identifier: MIT */
/*
 * The reader that leaves frames where they are against the one that hands every
 * byte to wslay: after every piece of a stream, however it is cut, both have
 * told the same messages, and say the same of what is left.
 *
 * Pieces lie in blocks of exactly their size, which are freed when they have
 * been read, so that a sanitizer sees a read beyond them or after their end.
 */
#include "base/err.h"
#include "base/rng.h"
#include "codec/utf8.h"
#include "codec/ws-inside.h"
#include "mem-probe.h"
#include "ws-case.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
  STREAM_SIZE_MAX = 1 << 22,
  ROOM = 16 * 1024,
  SMALL_SIZE = 600, /* up to it a stream is cut at every two places */
  HEADER_ROOM = 14,
  RANDOM_CUTS = 40,
};

static const struct gcn__ws_limits limits = {100000, 5};

/* One reader, the bytes it has left, and all it has said. */
struct reading {
  struct gcn__ws* ws;
  struct gcn__buf told;
  struct gcn__buf left;
  size_t room; /* 0: reads by copies */
  size_t in_place_count;
  int result;
};

static void put(struct gcn__buf* to, const void* data, size_t size) {
  assert_int_equal(gcn__buf_append(to, data, size), 0);
}

static void begin(struct reading* reading, const struct gcn__mem* mem,
                  enum gcn__ws_role role, size_t room) {
  *reading = (struct reading){.room = room};
  reading->ws = gcn__ws_new(mem, role, &limits, NULL);
  assert_non_null(reading->ws);
  gcn__buf_init(&reading->told, &gcn__mem_libc, (size_t)2 * STREAM_SIZE_MAX);
  gcn__buf_init(&reading->left, &gcn__mem_libc, STREAM_SIZE_MAX);
}

static void end(struct reading* reading) {
  gcn__ws_free(reading->ws);
  gcn__buf_deinit(&reading->told);
  gcn__buf_deinit(&reading->left);
}

static void tell(struct reading* reading,
                 const struct gcn__ws_message* message) {
  struct gcn__buf* told = &reading->told;
  assert_int_equal(gcn__buf_printf(told, "\n%x %zu %zu %u %d ",
                                   (unsigned)message->opcode, message->size,
                                   message->fragment_count, message->code,
                                   (int)message->code_legal),
                   0);
  put(told, message->data, message->size);
  reading->in_place_count += message->in_place;
  /* The view is the reader's user's to write to. */
  if (message->size > 0) memset(message->data, 'x', message->size);
}

/* What a user of the reader does: looks at the text before anything else. */
static int take(struct reading* reading,
                const struct gcn__ws_message* message) {
  struct gcn__span text = gcn__span(message->data, message->size);
  bool unchecked = message->opcode == GCN__WS_TEXT && message->in_place;
  if (unchecked && !gcn__utf8_valid(text))
    return gcn__ws_reject_text(reading->ws, message);
  tell(reading, message);
  return GCN__WS_MESSAGE;
}

static int read_one(struct reading* reading, struct gcn__ws_lent* in) {
  struct gcn__ws_message message;
  int result;
  if (reading->room > 0) {
    result = gcn__ws_read_in_place(reading->ws, in, &message);
  } else {
    struct gcn__span rest = gcn__span(in->data, in->size);
    result = gcn__ws_read(reading->ws, &rest, &message);
    in->data += in->size - rest.size;
    in->size = rest.size;
  }
  return result == GCN__WS_MESSAGE ? take(reading, &message) : result;
}

/* The next bytes, behind those that were left. */
static void feed(struct reading* reading, struct gcn__span piece) {
  if (reading->result < 0) return;
  size_t size = gcn__buf_size(&reading->left) + piece.size;
  char* block = malloc(size > 0 ? size : 1);
  assert_non_null(block);
  memcpy(block, gcn__buf_span(&reading->left).data, size - piece.size);
  memcpy(block + size - piece.size, piece.data, piece.size);
  gcn__buf_clear(&reading->left);
  struct gcn__ws_lent in = {block, size, reading->room};
  do
    reading->result = read_one(reading, &in);
  while (reading->result == GCN__WS_MESSAGE);
  size_t wanted = gcn__ws_wanted(reading->ws);
  if (reading->result == GCN__WS_MORE && in.size > 0) {
    /* It would go on with what it says, and that fits. */
    assert_true(wanted > in.size && wanted <= reading->room);
    put(&reading->left, in.data, in.size);
  } else {
    assert_true(reading->result < 0 || wanted == 0);
  }
  free(block);
}

static bool agree(const struct reading* a, const struct reading* b) {
  return a->result == b->result &&
         gcn__ws_error_code(a->ws) == gcn__ws_error_code(b->ws) &&
         strcmp(gcn__ws_error(a->ws), gcn__ws_error(b->ws)) == 0 &&
         gcn__ws_partial(a->ws) == gcn__ws_partial(b->ws) &&
         gcn__span_equal(gcn__buf_span(&a->told), gcn__buf_span(&b->told));
}

struct pair {
  struct reading place;
  struct reading copy;
  struct gcn__span stream;
  size_t at;
};

static void pair_begin(struct pair* pair, struct gcn__span stream,
                       size_t room) {
  *pair = (struct pair){.stream = stream};
  begin(&pair->place, &gcn__mem_libc, GCN__WS_CLIENT, room);
  begin(&pair->copy, &gcn__mem_libc, GCN__WS_CLIENT, 0);
}

/* Both get what comes up to `to`. */
static void pair_advance(struct pair* pair, size_t to) {
  struct gcn__span piece =
      gcn__span(pair->stream.data + pair->at, to - pair->at);
  feed(&pair->place, piece);
  feed(&pair->copy, piece);
  pair->at = to;
  if (agree(&pair->place, &pair->copy)) return;
  print_error("after %zu bytes, room %zu: %d %u %s, instead of %d %u %s\n", to,
              pair->place.room, pair->place.result,
              gcn__ws_error_code(pair->place.ws), gcn__ws_error(pair->place.ws),
              pair->copy.result, gcn__ws_error_code(pair->copy.ws),
              gcn__ws_error(pair->copy.ws));
  fail();
}

static size_t pair_end(struct pair* pair) {
  size_t count = pair->place.in_place_count;
  assert_int_equal(pair->at, pair->stream.size);
  end(&pair->place);
  end(&pair->copy);
  return count;
}

static size_t check_two_cuts(struct gcn__span stream, size_t room, size_t first,
                             size_t second) {
  struct pair pair;
  pair_begin(&pair, stream, room);
  pair_advance(&pair, first);
  pair_advance(&pair, second);
  pair_advance(&pair, stream.size);
  return pair_end(&pair);
}

static void check_steps(struct gcn__span stream, size_t room, size_t step) {
  struct pair pair;
  pair_begin(&pair, stream, room);
  while (pair.at < stream.size) {
    size_t rest = stream.size - pair.at;
    pair_advance(&pair, pair.at + (rest < step ? rest : step));
  }
  pair_end(&pair);
}

static void check_random(struct gcn__span stream, size_t room, unsigned seed) {
  struct gcn__rng rng;
  struct pair pair;
  gcn__rng_seed(&rng, seed);
  pair_begin(&pair, stream, room);
  while (pair.at < stream.size) {
    static const uint64_t most[] = {3, 20, 700, 70000};
    size_t rest = stream.size - pair.at;
    uint64_t size = gcn__rng_between(&rng, 1, most[gcn__rng_below(&rng, 4)]);
    pair_advance(&pair, pair.at + (rest < size ? rest : (size_t)size));
  }
  pair_end(&pair);
}

/* Every cut, and every two of a stream that is short. */
static void check_stream(struct gcn__span stream) {
  static const size_t rooms[] = {ROOM, HEADER_ROOM, 130};
  for (size_t i = 0; i < COUNT(rooms); i++) {
    bool is_small = stream.size <= SMALL_SIZE && rooms[i] == ROOM;
    for (size_t first = 0; first <= stream.size; first++) {
      check_two_cuts(stream, rooms[i], first, stream.size);
      if (!is_small || first % 7 != 0) continue;
      for (size_t second = first; second <= stream.size; second++)
        check_two_cuts(stream, rooms[i], first, second);
    }
    for (size_t step = 1; step <= 11; step += 2)
      check_steps(stream, rooms[i], step);
    for (unsigned seed = 1; seed <= RANDOM_CUTS; seed++)
      check_random(stream, rooms[i], seed);
  }
}

struct bytes {
  const char* name;
  struct gcn__span in;
};

#define BYTES(name, text)                                                      \
  {                                                                            \
    name, {                                                                    \
      text, sizeof(text) - 1                                                   \
    }                                                                          \
  }

/* Each stands between two texts. */
static const struct bytes rows[] = {
    BYTES("nothing", ""),
    BYTES("empty text", "\x81\x00"),
    BYTES("empty ping", "\x89\x00"),
    BYTES("characters of all sizes", "\x81\x0a"
                                     "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
    BYTES("binary", "\x82\x03\x00\xff\x80"),
    BYTES("ping and pong", "\x89\x03one\x8a\x03two"),
    BYTES("fragments", "\x01\x02"
                       "ab\x00\x02"
                       "cd\x80\x02"
                       "ef"),
    BYTES("fragments with controls between", "\x01\x02"
                                             "ab\x89\x01x\x00\x02"
                                             "cd\x8a\x01y\x80\x02"
                                             "ef"),
    BYTES("a character across fragments", "\x01\x02"
                                          "a\xc3\x89\x01x\x80\x01\xa4"),
    BYTES("half a character in fragments, and a text in between",
          "\x01\x02"
          "a\xc3\x81\x01x"),
    BYTES("binary inside fragments", "\x01\x01x\x82\x01y"),
    BYTES("a continuation of nothing", "\x80\x01x"),
    BYTES("a fragment of nothing", "\x00\x01x"),
    BYTES("a fragmented ping", "\x09\x01x"),
    BYTES("a long ping", "\x89\x7e\x00\x7e"),
    BYTES("a long pong of 64 bits", "\x8a\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    BYTES("RSV1", "\xc1\x01x"),
    BYTES("RSV2 in a ping", "\xa9\x00"),
    BYTES("RSV3, not whole", "\x91"),
    BYTES("opcode 3", "\x83\x00"),
    BYTES("opcode 11", "\x8b\x00"),
    BYTES("opcode 15, fragmented", "\x0f\x00"),
    BYTES("masked", "\x81\x81\x01\x02\x03\x04y"),
    BYTES("masked ping", "\x89\x80\x01\x02\x03\x04"),
    BYTES("16 bits for 125", "\x81\x7e\x00\x7d"),
    BYTES("16 bits for 0, binary", "\x82\x7e\x00\x00"),
    BYTES("64 bits for 65535", "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
    BYTES("64 bits with the first one",
          "\x81\x7f\x80\x00\x00\x00\x00\x01\x00\x00"),
    BYTES("over the limit", "\x81\x7f\x00\x00\x00\x00\x00\x01\x86\xa1"),
    BYTES("at the limit, not whole",
          "\x82\x7f\x00\x00\x00\x00\x00\x01\x86\xa0xyz"),
    BYTES("over the limit together",
          "\x01\x01x\x80\x7f\x00\x00\x00\x00\x00\x01\x86\xa0"),
    BYTES("five fragments", "\x01\x00\x00\x00\x00\x00\x00\x00\x80\x00"),
    BYTES("six fragments", "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00"),
    BYTES("a lone continuation byte", "\x81\x03"
                                      "a\x80z"),
    BYTES("bad at the end", "\x81\x03"
                            "ab\xff"),
    BYTES("ends inside a character", "\x81\x03"
                                     "a\xe2\x82"),
    BYTES("a surrogate", "\x81\x05"
                         "a\xed\xa0\x80z"),
    BYTES("bad, not whole", "\x81\x7e\x01\x00"
                            "abc\xc0xyz"),
    BYTES("bad, and the length is no rule", "\x81\x05"
                                            "\xff"),
    BYTES("bad, over the limit",
          "\x81\x7f\x00\x00\x00\x00\x00\x02\x00\x00\xff"),
    BYTES("bad ping is fine", "\x89\x02\xff\xfe"),
    BYTES("close", "\x88\x05\x03\xe8"
                   "bye"),
    BYTES("close without a code", "\x88\x00"),
    BYTES("close with half a code", "\x88\x01\x03"),
    BYTES("close with a bad reason", "\x88\x03\x03\xe8\xff"),
    BYTES("close inside fragments", "\x01\x01x\x88\x02\x03\xe9"),
    BYTES("ends in a header", "\x81"),
    BYTES("ends in a length", "\x81\x7e\x01"),
    BYTES("ends in a message", "\x01\x01x"),
};

static void at_every_cut(void** state) {
  const struct bytes* row = *state;
  struct gcn__buf stream;
  gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
  ws_put_frame(&stream, 0x81, GCN__SPAN("before it"), NULL);
  put(&stream, row->in.data, row->in.size);
  ws_put_frame(&stream, 0x81, GCN__SPAN("behind \xc3\xa4"), NULL);
  ws_put_frame(&stream, 0x89, GCN__SPAN("?"), NULL);
  check_stream(gcn__buf_span(&stream));
  gcn__buf_deinit(&stream);
}

/* Where one length gives way to the next, and both sides of the room. */
static void sizes_at_every_cut(void** state) {
  static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 128, 200};
  static const unsigned char firsts[] = {0x81, 0x82, 0x89, 0x01};
  (void)state;
  char payload[256];
  memset(payload, 'p', sizeof payload);
  for (size_t i = 0; i < COUNT(sizes); i++) {
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    for (size_t j = 0; j < COUNT(firsts); j++) {
      bool too_long = firsts[j] == 0x89 && sizes[i] > 125;
      struct gcn__span whole = gcn__span(payload, sizes[i]);
      if (!too_long) ws_put_frame(&stream, firsts[j], whole, NULL);
    }
    ws_put_frame(&stream, 0x80, GCN__SPAN("end"), NULL);
    check_stream(gcn__buf_span(&stream));
    gcn__buf_deinit(&stream);
  }
}

/* Large ones: cut around their ends, and at random. */
static void large_sizes(void** state) {
  static const size_t sizes[] = {4096,  ROOM - 5, ROOM - 4, ROOM - 3,
                                 65534, 65535,    65536,    65537};
  (void)state;
  static char payload[65537];
  memset(payload, 'p', sizeof payload);
  for (size_t i = 0; i < COUNT(sizes); i++) {
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    for (int n = 0; n < 3; n++)
      ws_put_frame(&stream, 0x81, gcn__span(payload, sizes[i]), NULL);
    struct gcn__span all = gcn__buf_span(&stream);
    size_t frame_size = all.size / 3;
    for (size_t n = 0; n <= 30; n++) {
      size_t first = frame_size - 15 + n;
      check_two_cuts(all, ROOM, first, all.size);
      check_two_cuts(all, ROOM, first, first + frame_size);
    }
    for (unsigned seed = 1; seed <= RANDOM_CUTS; seed++)
      check_random(all, ROOM, seed);
    gcn__buf_deinit(&stream);
  }
}

/* Rows of the table one behind the other, as long as the stream goes on. */
static void in_any_order(void** state) {
  enum { ROUNDS = 400, ROW_COUNT = 30 };
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 5);
  for (int round = 0; round < ROUNDS; round++) {
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    for (int i = 0; i < ROW_COUNT; i++) {
      /* Mostly the first ones, which are good. */
      uint64_t count = gcn__rng_below(&rng, 20) == 0 ? COUNT(rows) : 9;
      const struct bytes* row = &rows[gcn__rng_below(&rng, count)];
      put(&stream, row->in.data, row->in.size);
    }
    check_steps(gcn__buf_span(&stream), ROOM, 1);
    for (unsigned seed = 1; seed <= 5; seed++)
      check_random(gcn__buf_span(&stream), round % 2 == 0 ? ROOM : 20, seed);
    gcn__buf_deinit(&stream);
  }
}

/* A frame that is there is left there, whoever has it in how many pieces; none
 * costs memory, and nothing of wslay's is needed. */
static void nothing_is_copied(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct reading reading;
  struct gcn__buf stream;
  static char payload[ROOM - 4];
  memset(payload, 'p', sizeof payload);
  gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
  for (size_t size = 0; size <= sizeof payload; size += 1260)
    ws_put_frame(&stream, 0x81, gcn__span(payload, size), NULL);
  begin(&reading, &mem, GCN__WS_CLIENT, ROOM);
  size_t count = probe.count;
  struct gcn__span rest = gcn__buf_span(&stream);
  while (rest.size > 0) {
    size_t size = rest.size < 1000 ? rest.size : 1000;
    feed(&reading, gcn__span(rest.data, size));
    rest = gcn__span_skip(rest, size);
  }
  assert_int_equal(reading.result, GCN__WS_MORE);
  assert_int_equal(reading.in_place_count, 14);
  assert_int_equal(probe.count, count);
  end(&reading);
  assert_int_equal(probe.live_size, 0);
  gcn__buf_deinit(&stream);
}

/* The view of a kept message does not end with the caller's bytes. */
static void what_is_kept_stays(void** state) {
  (void)state;
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  assert_non_null(ws);
  static const char* const texts[] = {"kept", ""};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct gcn__ws_message message;
    struct gcn__buf in;
    gcn__buf_init(&in, &gcn__mem_libc, 100);
    ws_put_frame(&in, 0x81, gcn__span_str(texts[i]), NULL);
    struct gcn__ws_lent lent = {in.data, gcn__buf_size(&in), ROOM};
    assert_int_equal(gcn__ws_read_in_place(ws, &lent, &message),
                     GCN__WS_MESSAGE);
    assert_true(message.in_place);
    assert_int_equal(gcn__ws_keep(ws, &message), 0);
    memset(in.data, '#', in.capacity);
    gcn__buf_deinit(&in);
    gcn__ws_rest(ws);
    assert_int_equal(message.size, strlen(texts[i]));
    assert_memory_equal(message.data, texts[i], message.size);
    message.data[0] = 'x'; /* also where it is empty, there is a place */
  }
  gcn__ws_free(ws);
}

/* To keep a message takes memory, and that is all that a reader in place needs
 * it for. */
static void no_memory_to_keep(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__ws_message message;
  char frame[] = "\x81\x04text";
  struct gcn__ws* ws = gcn__ws_new(&mem, GCN__WS_CLIENT, NULL, NULL);
  struct gcn__ws_lent in = {frame, sizeof frame - 1, ROOM};
  probe.fail_at = probe.count + 1;
  assert_int_equal(gcn__ws_read_in_place(ws, &in, &message), GCN__WS_MESSAGE);
  assert_int_equal(gcn__ws_keep(ws, &message), GCN__ENOMEM);
  assert_int_equal(gcn__ws_error_code(ws), GCN__WS_CLOSE_INTERNAL);
  assert_string_equal(gcn__ws_error(ws), "out of memory");
  assert_int_equal(gcn__ws_read_in_place(ws, &in, &message), GCN__ENOMEM);
  gcn__ws_free(ws);
  assert_int_equal(probe.live_size, 0);
}

/* It is there for what can't be read in place and for a write, and goes when
 * two shrinks in a row have found no use of it; but never inside a frame. */
static void wslay_is_given_back(void** state) {
  (void)state;
  struct reading reading;
  struct gcn__buf sent;
  gcn__buf_init(&sent, &gcn__mem_libc, 100);
  begin(&reading, &gcn__mem_libc, GCN__WS_CLIENT, HEADER_ROOM);
  feed(&reading, GCN__SPAN("\x81\x04text"));
  assert_null(reading.ws->frames);
  feed(&reading, GCN__SPAN("\x81\x0e"
                           "01234567"));
  gcn__ws_shrink(reading.ws, 0);
  gcn__ws_shrink(reading.ws, 0);
  assert_non_null(reading.ws->frames);
  feed(&reading, GCN__SPAN("89abcd"));
  gcn__ws_shrink(reading.ws, 0);
  assert_non_null(reading.ws->frames);
  gcn__ws_shrink(reading.ws, 0);
  assert_null(reading.ws->frames);
  int error = gcn__ws_write_close(reading.ws, &sent, 1000, GCN__SPAN(""));
  assert_int_equal(error, GCN_EENTROPY); /* it has none, so no mask */
  gcn__ws_rest(reading.ws);
  assert_null(reading.ws->frames);
  assert_int_equal(reading.in_place_count, 1);
  end(&reading);
  gcn__buf_deinit(&sent);
}

/* A server's frames are masked, so none is left where it is. */
static void a_server_copies(void** state) {
  (void)state;
  struct reading reading;
  struct gcn__buf stream;
  gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
  ws_put_frame(&stream, 0x81, GCN__SPAN("masked"), "\x01\x02\x03\x04");
  ws_put_frame(&stream, 0x81, GCN__SPAN("not"), NULL);
  begin(&reading, &gcn__mem_libc, GCN__WS_SERVER, ROOM);
  feed(&reading, gcn__buf_span(&stream));
  assert_int_equal(reading.in_place_count, 0);
  assert_true(gcn__span_is(gcn__buf_span(&reading.told), "\n1 6 1 0 0 masked"));
  assert_int_equal(reading.result, GCN_EWS);
  assert_int_equal(gcn__ws_error_code(reading.ws), GCN__WS_CLOSE_PROTOCOL);
  end(&reading);
  gcn__buf_deinit(&stream);
}

int main(void) {
  struct CMUnitTest tests[COUNT(rows) + 8];
  size_t count = 0;
  for (size_t i = 0; i < COUNT(rows); i++) {
    tests[count++] =
        (struct CMUnitTest){.name = rows[i].name,
                            .test_func = at_every_cut,
                            .initial_state = (void*)(uintptr_t)&rows[i]};
  }
  const struct CMUnitTest others[] = {
      cmocka_unit_test(sizes_at_every_cut),
      cmocka_unit_test(large_sizes),
      cmocka_unit_test(in_any_order),
      cmocka_unit_test(nothing_is_copied),
      cmocka_unit_test(what_is_kept_stays),
      cmocka_unit_test(no_memory_to_keep),
      cmocka_unit_test(a_server_copies),
      cmocka_unit_test(wslay_is_given_back),
  };
  for (size_t i = 0; i < COUNT(others); i++)
    tests[count++] = others[i];
  return _cmocka_run_group_tests("ws-in-place", tests, count, NULL, NULL);
}
