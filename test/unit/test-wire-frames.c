/* SPDX-License-Identifier: MIT */
/*
 * Frames on an open wire, with and without TLS, in records and reads of any
 * size: each message comes once, whole and in order; it is left where it is if
 * that is possible; and the wire holds no more than one block for it.
 *
 * What is lent to the wire is freed when it settles, so that a sanitizer sees a
 * view that lives on.
 */
#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "engine/wire.h"
#include "mem-probe.h"
#include "tls-pair.h"
#include "ws-case.h"

enum {
  STREAM_SIZE_MAX = 1 << 22,
  ROUND_COUNT = 60,
  FRAME_COUNT = 30,
  READ_SIZE = 64 * 1024,
};

static struct gcn__pki* pki;
static struct site site;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  assert_non_null(pki);
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  return 0;
}

struct scene {
  bool secure;
  struct mem_probe probe;
  struct gcn__mem mem;
  struct gcn__spares spares;
  struct gcn__wire wire;
  struct end server;
  struct gcn__rng rng;
  uint64_t sent;   /* messages in the stream so far */
  uint64_t told;   /* ... that came */
  uint64_t copies; /* ... not in place */
  int result;      /* of the last read, and ... */
  int end;         /* ... what it said of the end */
};

static void exchange(struct scene* scene) {
  struct gcn__wire* wire = &scene->wire;
  end_feed(&scene->server, gcn__buf_span(&wire->out));
  gcn__buf_clear(&wire->out);
  wire->borrowed = gcn__buf_span(&scene->server.out);
  (void)gcn__wire_shake(wire);
  assert_int_equal(gcn__wire_settle(wire), 0);
  gcn__buf_clear(&scene->server.out);
}

/* An open wire, whose readers take their memory from the probe. */
static void begin(struct scene* scene, bool secure, unsigned seed) {
  struct gcn__url url;
  struct gcn__wire* wire = &scene->wire;
  const char* text = secure ? "https://localhost/" : "http://127.0.0.1/";
  *scene = (struct scene){.secure = secure};
  scene->mem = mem_probe_mem(&scene->probe);
  gcn__rng_seed(&scene->rng, seed);
  gcn__spares_init(&scene->spares, &scene->mem);
  gcn__wire_init(wire, &scene->mem, &scene->spares);
  assert_null(gcn__url_parse(&url, gcn__span_str(text)));
  gcn__wire_aim(wire, &url);
  wire->phase = GCN__WIRE_DIALLING;
  end_init(&scene->server, site.server, NULL);
  assert_int_equal(gcn__wire_linked(wire, &gcn__mem_libc, site.client), 0);
  for (int i = 0; i < 8 && wire->phase == GCN__WIRE_SHAKING; i++)
    exchange(scene);
  assert_int_equal(wire->phase, GCN__WIRE_READY);
  if (secure)
    assert_int_equal(end_feed(&scene->server, gcn__buf_span(&wire->out)), 0);
  gcn__buf_clear(&wire->out);
  wire->ws = gcn__ws_new(&scene->mem, GCN__WS_CLIENT, NULL, NULL);
  assert_non_null(wire->ws);
  wire->phase = GCN__WIRE_OPEN;
  wire->plain.secret = false;
}

static void finish(struct scene* scene) {
  end_deinit(&scene->server);
  gcn__wire_deinit(&scene->wire);
  gcn__spares_deinit(&scene->spares);
  assert_int_equal(scene->probe.live_size, 0);
}

/* The number of the message, and letters. */
static size_t write_payload(char* to, uint64_t number, size_t size) {
  for (size_t i = 0; i < size; i++)
    to[i] = (char)('a' + (number + i) % 26);
  return size;
}

static size_t random_size(struct gcn__rng* rng) {
  static const uint64_t most[] = {125, 1500, 5000, GCN__WIRE_PLAIN_SIZE - 4};
  return (size_t)gcn__rng_between(rng, 2, most[gcn__rng_below(rng, 4)]);
}

/* Its first two letters and its size say which one it is. */
static void put_frame(struct scene* scene, struct gcn__buf* stream,
                      size_t size) {
  static char payload[STREAM_SIZE_MAX];
  write_payload(payload, scene->sent++, size);
  ws_put_frame(stream, 0x81, gcn__span(payload, size), NULL);
}

static void take(struct scene* scene, const struct gcn__ws_message* message) {
  assert_int_equal(message->opcode, GCN__WS_TEXT);
  for (size_t i = 0; i < message->size; i++) {
    char wanted = (char)('a' + (scene->told + i) % 26);
    if (message->data[i] != wanted) assert_int_equal(message->data[i], wanted);
  }
  /* It may be changed where it is. */
  memset(message->data, '#', message->size);
  scene->told++;
  if (!message->in_place) scene->copies++;
}

/* One turn, which may be cut short by whoever has had enough messages. */
static void turn(struct scene* scene, struct gcn__span bytes, uint64_t most) {
  struct gcn__ws_message message;
  struct gcn__wire* wire = &scene->wire;
  char* lent = malloc(bytes.size > 0 ? bytes.size : 1);
  assert_non_null(lent);
  memcpy(lent, bytes.data, bytes.size);
  wire->borrowed = gcn__span(lent, bytes.size);
  scene->result = GCN__WS_MESSAGE;
  for (; most > 0 && scene->result == GCN__WS_MESSAGE; most--) {
    scene->result = gcn__wire_read(wire, &message, &scene->end);
    if (scene->result == GCN__WS_MESSAGE) take(scene, &message);
  }
  assert_int_equal(gcn__wire_settle(wire), 0);
  free(lent);
}

/* What the network carries, in records of random sizes if there are any. */
static struct gcn__span carry_stream(struct scene* scene,
                                     struct gcn__span stream,
                                     size_t record_size_max) {
  if (!scene->secure) return stream;
  while (stream.size > 0) {
    size_t size = (size_t)gcn__rng_between(&scene->rng, 1, record_size_max);
    if (size > stream.size) size = stream.size;
    struct gcn__span record = gcn__span(stream.data, size);
    assert_int_equal(gcn__tls_write(scene->server.tls, record), 0);
    stream = gcn__span_skip(stream, size);
  }
  return gcn__buf_span(&scene->server.out);
}

/* Feeds it in reads of up to `read_size_max`. */
static void feed(struct scene* scene, struct gcn__span raw,
                 size_t read_size_max, bool patient) {
  while (raw.size > 0) {
    size_t size = (size_t)gcn__rng_between(&scene->rng, 1, read_size_max);
    if (size > raw.size) size = raw.size;
    uint64_t most = patient ? UINT64_MAX : gcn__rng_below(&scene->rng, 4);
    turn(scene, gcn__span(raw.data, size), most);
    raw = gcn__span_skip(raw, size);
    /* Like a driver that stops to read while bytes are unread. */
    while (gcn__buf_size(&scene->wire.kept) > 0) {
      turn(scene, GCN__SPAN(""), 1 + gcn__rng_below(&scene->rng, 3));
      assert_true(scene->result >= 0 && scene->end >= 0);
    }
  }
  turn(scene, GCN__SPAN(""), UINT64_MAX);
  gcn__buf_clear(&scene->server.out);
  assert_int_equal(scene->result, GCN__WS_MORE);
  assert_int_equal(scene->end, 0);
}

static void assert_empty(const struct scene* scene) {
  assert_int_equal(scene->told, scene->sent);
  assert_null(scene->wire.plain.data);
  assert_false(gcn__ws_partial(scene->wire.ws));
}

static void in_records_and_reads_of_any_size(void** state) {
  (void)state;
  static const size_t read_sizes[] = {1, 30, 3000, READ_SIZE};
  for (unsigned round = 0; round < ROUND_COUNT; round++) {
    struct scene scene;
    struct gcn__buf stream;
    bool secure = round % 2 == 0;
    size_t read_size = read_sizes[round / 2 % 4];
    size_t record_size = round % 3 == 0 ? 40 : 16384;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    begin(&scene, secure, round + 1);
    for (int i = 0; i < (read_size == 1 ? 4 : FRAME_COUNT); i++)
      put_frame(&scene, &stream, random_size(&scene.rng));
    struct gcn__span raw =
        carry_stream(&scene, gcn__buf_span(&stream), record_size);
    feed(&scene, raw, read_size, round % 5 != 0);
    assert_empty(&scene);
    assert_int_equal(scene.copies, 0);
    gcn__buf_deinit(&stream);
    finish(&scene);
  }
}

/* A frame that does not fit is read by copies, and what is behind it in its
 * place again. */
static void large_frames_between(void** state) {
  (void)state;
  static const size_t sizes[] = {GCN__WIRE_PLAIN_SIZE - 4,
                                 GCN__WIRE_PLAIN_SIZE - 3, 65535, 65536, 100};
  for (int secure = 0; secure < 2; secure++) {
    struct scene scene;
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    begin(&scene, secure == 1, 3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
      put_frame(&scene, &stream, sizes[i]);
    struct gcn__span raw = carry_stream(&scene, gcn__buf_span(&stream), 5000);
    feed(&scene, raw, 1000, true);
    assert_empty(&scene);
    assert_int_equal(scene.copies, 3);
    gcn__buf_deinit(&stream);
    finish(&scene);
  }
}

/* Once a block has gone round, there is nothing to allocate. */
static void a_steady_stream_allocates_nothing(void** state) {
  (void)state;
  for (int secure = 0; secure < 2; secure++) {
    struct scene scene;
    begin(&scene, secure == 1, 4);
    size_t count = 0;
    for (int round = 0; round < 10; round++) {
      struct gcn__buf stream;
      gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
      for (int i = 0; i < 200; i++)
        put_frame(&scene, &stream, 1000);
      struct gcn__span raw =
          carry_stream(&scene, gcn__buf_span(&stream), 16384);
      feed(&scene, raw, READ_SIZE, true);
      gcn__buf_deinit(&stream);
      if (round == 0) count = scene.probe.count;
    }
    assert_empty(&scene);
    assert_int_equal(scene.copies, 0);
    assert_int_equal(scene.probe.count, count);
    /* The reader, the wire's block and two of TLS. */
    assert_in_range(scene.spares.count, 1, 3);
    assert_null(scene.wire.kept.data);
    finish(&scene);
  }
}

/* Half a frame and the end of the link: that is an end, and nothing else. */
static void the_link_ends_in_a_frame(void** state) {
  (void)state;
  for (int secure = 0; secure < 2; secure++) {
    struct scene scene;
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    begin(&scene, secure == 1, 5);
    put_frame(&scene, &stream, 300);
    struct gcn__span half =
        gcn__span(gcn__buf_span(&stream).data, gcn__buf_size(&stream) - 1);
    struct gcn__span raw = carry_stream(&scene, half, 100);
    feed(&scene, raw, 50, true);
    assert_true(gcn__ws_partial(scene.wire.ws));
    scene.wire.ended = true;
    scene.wire.end_error = GCN__EOF;
    turn(&scene, GCN__SPAN(""), 1);
    assert_int_equal(scene.result, GCN__WS_MORE);
    assert_int_equal(scene.end, secure == 1 ? GCN__ECONNRESET : GCN__EOF);
    assert_int_equal(scene.told, 0);
    gcn__wire_reset(&scene.wire);
    assert_null(scene.wire.plain.data);
    gcn__buf_deinit(&stream);
    finish(&scene);
  }
}

/* Without TLS a reader that finds no block takes copies, and if there is no
 * memory for those either, it says so; messages are never wrong. */
static void no_memory(void** state) {
  (void)state;
  bool whole = false;
  unsigned refused = 0;
  for (size_t n = 1; !whole; n++) {
    struct scene scene;
    struct gcn__buf stream;
    gcn__buf_init(&stream, &gcn__mem_libc, STREAM_SIZE_MAX);
    begin(&scene, false, 6);
    for (int i = 0; i < 6; i++)
      put_frame(&scene, &stream, 5000);
    scene.probe.fail_at = scene.probe.count + n;
    scene.probe.fail_on = true;
    struct gcn__span raw = gcn__buf_span(&stream);
    for (scene.result = 0; raw.size > 0 && scene.result >= 0;) {
      size_t size = raw.size < 700 ? raw.size : 700;
      turn(&scene, gcn__span(raw.data, size), UINT64_MAX);
      raw = gcn__span_skip(raw, size);
    }
    if (scene.result < 0) {
      assert_int_equal(scene.result, GCN__ENOMEM);
      assert_int_equal(gcn__ws_error_code(scene.wire.ws),
                       GCN__WS_CLOSE_INTERNAL);
      refused++;
    } else {
      assert_int_equal(scene.told, scene.sent);
      whole = scene.probe.count < scene.probe.fail_at;
    }
    gcn__buf_deinit(&stream);
    finish(&scene);
  }
  assert_true(refused > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_records_and_reads_of_any_size),
      cmocka_unit_test(large_frames_between),
      cmocka_unit_test(a_steady_stream_allocates_nothing),
      cmocka_unit_test(the_link_ends_in_a_frame),
      cmocka_unit_test(no_memory),
  };
  return cmocka_run_group_tests_name("wire-frames", tests, set_up, tear_down);
}
