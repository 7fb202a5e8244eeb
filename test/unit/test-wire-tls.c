/* SPDX-License-Identifier: MIT */
/*
 * A wire over TLS: how it ends, that reading and writing do not wait for each
 * other, that it holds no memory for bytes it does not have, and an engine
 * without random numbers.
 */
#include "base/err.h"
#include "check.h"
#include "engine/engine.h"
#include "engine/wire.h"
#include "mem-probe.h"
#include "tls-pair.h"

#define ANSWER "HTTP/1.1 200 OK\r\n\r\n{\"half\":"

enum { LARGE_SIZE = 100 * 1000, ROUND_COUNT = 40 };

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
  struct gcn__spares spares;
  struct gcn__wire wire;
  struct end server;
};

/* One flight each way. */
static void exchange(struct scene* scene) {
  struct gcn__wire* wire = &scene->wire;
  end_feed(&scene->server, gcn__buf_span(&wire->out));
  gcn__buf_clear(&wire->out);
  wire->borrowed = gcn__buf_span(&scene->server.out);
  (void)gcn__wire_shake(wire);
  assert_int_equal(gcn__wire_settle(wire), 0);
  gcn__buf_clear(&scene->server.out);
}

static void begin_with(struct scene* scene, const struct gcn__mem* mem,
                       struct gcn__tls_config* client) {
  struct gcn__url url;
  struct gcn__wire* wire = &scene->wire;
  gcn__spares_init(&scene->spares, mem);
  gcn__wire_init(wire, &gcn__mem_libc, &scene->spares);
  assert_null(gcn__url_parse(&url, gcn__span_str("https://localhost/")));
  gcn__wire_aim(wire, &url);
  wire->phase = GCN__WIRE_DIALLING;
  end_init(&scene->server, site.server, NULL);
  assert_int_equal(gcn__wire_linked(wire, &gcn__mem_libc, client), 0);
  for (int i = 0; i < 8 && wire->phase == GCN__WIRE_SHAKING; i++)
    exchange(scene);
  assert_int_equal(wire->phase, GCN__WIRE_READY);
  assert_int_equal(end_feed(&scene->server, gcn__buf_span(&wire->out)), 0);
  gcn__buf_clear(&wire->out);
}

static void begin(struct scene* scene) {
  begin_with(scene, &gcn__mem_libc, site.client);
}

static void finish(struct scene* scene) {
  end_deinit(&scene->server);
  gcn__wire_deinit(&scene->wire);
  gcn__spares_deinit(&scene->spares);
}

/* What the server has said is all there is, and then the link is gone. */
static void hang_up(struct scene* scene) {
  scene->wire.borrowed = gcn__buf_span(&scene->server.out);
  scene->wire.ended = true;
  scene->wire.end_error = GCN__EOF;
}

/* A body that goes on until the end of the connection is whole only if TLS says
 * that it is the end: GCN__EOF is, anything else is not. */
static void a_bare_end_is_no_end_of_a_body(void** state) {
  (void)state;
  for (int polite = 0; polite < 2; polite++) {
    struct scene scene;
    struct gcn__span bytes;
    begin(&scene);
    assert_int_equal(gcn__tls_write(scene.server.tls, GCN__SPAN(ANSWER)), 0);
    if (polite == 1) gcn__tls_close(scene.server.tls);
    hang_up(&scene);
    assert_int_equal(gcn__wire_peek(&scene.wire, &bytes), 1);
    assert_true(gcn__span_is(bytes, ANSWER)); /* what came is read first */
    gcn__wire_advance(&scene.wire, bytes.size);
    assert_int_equal(gcn__wire_peek(&scene.wire, &bytes),
                     polite == 1 ? GCN__EOF : GCN__ECONNRESET);
    finish(&scene);
  }
}

/* A truncated record at the end is no end, either. */
static void half_a_record_is_no_end(void** state) {
  (void)state;
  struct scene scene;
  struct gcn__span bytes;
  begin(&scene);
  assert_int_equal(gcn__tls_write(scene.server.tls, GCN__SPAN(ANSWER)), 0);
  hang_up(&scene);
  scene.wire.borrowed.size -= 1;
  assert_int_equal(gcn__wire_peek(&scene.wire, &bytes), GCN__ECONNRESET);
  finish(&scene);
}

/* TLS never waits to write: what it has to say stands in a buffer.  Both sides
 * fill it before either is read, and nothing is stuck. */
static void reading_does_not_wait_for_writing(void** state) {
  (void)state;
  static char large[LARGE_SIZE];
  struct scene scene;
  struct gcn__span bytes;
  size_t got = 0;
  begin(&scene);
  struct gcn__span all = gcn__span(large, sizeof large);
  assert_int_equal(gcn__wire_write(&scene.wire, all), 0);
  assert_int_equal(gcn__tls_write(scene.server.tls, all), 0);
  scene.wire.borrowed = gcn__buf_span(&scene.server.out);
  while (gcn__wire_peek(&scene.wire, &bytes) == 1) {
    got += bytes.size;
    gcn__wire_advance(&scene.wire, bytes.size);
    /* And in between it goes on to write. */
    assert_int_equal(gcn__wire_write(&scene.wire, GCN__SPAN("x")), 0);
  }
  assert_int_equal(got, sizeof large);
  assert_int_equal(scene.wire.borrowed.size, 0);
  assert_int_equal(end_feed(&scene.server, gcn__buf_span(&scene.wire.out)), 0);
  assert_true(gcn__buf_size(&scene.server.plain) > sizeof large);
  finish(&scene);
}

/* What is read out of a block must have been written into it since it was
 * taken. */
static void poison(struct gcn__spares* spares) {
  for (unsigned i = 0; i < spares->count; i++)
    memset(spares->blocks[i], 0xa5, GCN__SPARE_SIZE);
}

/* One message each way; the server's comes in two pieces, cut at `cut`. */
static void talk(struct scene* scene, size_t cut) {
  struct gcn__wire* wire = &scene->wire;
  struct gcn__buf* sent = &scene->server.out;
  struct gcn__span bytes;
  assert_int_equal(gcn__wire_write(wire, GCN__SPAN("ping")), 0);
  assert_int_equal(end_feed(&scene->server, gcn__buf_span(&wire->out)), 0);
  gcn__buf_clear(&wire->out);
  assert_true(gcn__span_is(gcn__buf_span(&scene->server.plain), "ping"));
  gcn__buf_clear(&scene->server.plain);
  assert_int_equal(gcn__tls_write(scene->server.tls, GCN__SPAN(ANSWER)), 0);
  struct gcn__span all = gcn__buf_span(sent);
  cut %= all.size;
  wire->borrowed = gcn__span(all.data, cut);
  assert_int_equal(gcn__wire_peek(wire, &bytes), 0);
  assert_int_equal(gcn__wire_settle(wire), 0);
  poison(&scene->spares);
  wire->borrowed = gcn__span_skip(all, cut);
  assert_int_equal(gcn__wire_peek(wire, &bytes), 1);
  assert_true(gcn__span_is(bytes, ANSWER));
  gcn__wire_advance(wire, bytes.size);
  assert_int_equal(gcn__wire_peek(wire, &bytes), 0);
  assert_int_equal(gcn__wire_settle(wire), 0);
  gcn__buf_clear(sent);
}

/* Between messages its spare blocks are all there, and are all it needs. */
static void idle_wires_hold_no_block(void** state) {
  (void)state;
  for (int version = 0; version < 2; version++) {
    struct mem_probe probe = {0};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__tls_config* client =
        client_config(gcn__pki_ca(pki), version == 1);
    struct scene scenes[2];
    begin_with(&scenes[0], &mem, client);
    begin_with(&scenes[1], &mem, client);
    for (size_t round = 0; round < ROUND_COUNT; round++) {
      struct scene* scene = &scenes[round % 2];
      talk(scene, round * 3);
      poison(&scene->spares);
      assert_null(scene->wire.plain.data);
    }
    size_t count = probe.count;
    for (size_t round = 0; round < ROUND_COUNT; round++)
      talk(&scenes[round % 2], round * 3);
    assert_int_equal(probe.count, count); /* the same blocks take turns */
    for (int i = 0; i < 2; i++) {
      size_t held = scenes[i].spares.count;
      gcn__wire_reset(&scenes[i].wire);
      assert_int_equal(scenes[i].spares.count, held);
      finish(&scenes[i]);
    }
    assert_int_equal(probe.live_size, 0);
    gcn__tls_config_release(client);
  }
}

/* Once open, whichever block is refused: the wire fails with that error and
 * with nothing else, and gives back what it has. */
static void short_memory_ends_an_open_wire(void** state) {
  (void)state;
  unsigned failures = 0;
  for (int reads = 0; reads < 2; reads++) {
    for (size_t nth = 1; nth <= 3; nth++) {
      struct mem_probe probe = {0};
      struct gcn__mem mem = mem_probe_mem(&probe);
      struct gcn__span bytes;
      struct scene scene;
      begin_with(&scene, &mem, site.client);
      assert_int_equal(gcn__tls_write(scene.server.tls, GCN__SPAN(ANSWER)), 0);
      gcn__spares_deinit(&scene.spares); /* all of them are new */
      probe.fail_at = probe.count + nth;
      scene.wire.borrowed = gcn__buf_span(&scene.server.out);
      int error = reads == 1 ? gcn__wire_peek(&scene.wire, &bytes)
                             : gcn__wire_write(&scene.wire, GCN__SPAN("x"));
      bool refused = probe.count >= probe.fail_at;
      assert_int_equal(error, refused ? GCN__ENOMEM : reads);
      failures += refused;
      finish(&scene);
      assert_int_equal(probe.live_size, 0);
    }
  }
  assert_true(failures == 0 || failures >= 5);
}

static int dry(void* ctx, void* data, size_t size) {
  (void)ctx;
  (void)data;
  (void)size;
  return GCN_EENTROPY;
}

/* No client, so no connection. */
static void no_engine_without_entropy(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = SIZE_MAX};
  const struct gcn__engine_options options = {
      .mem = mem_probe_mem(&probe),
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {dry, NULL},
      .login_url = "https://localhost:1",
      .api_url = "https://localhost:1",
      .tls = site.client,
      .client_id = "id",
      .client_secret = "secret",
      .user_agent = "test",
  };
  struct gcn__engine* engine = NULL;
  assert_int_equal(gcn__engine_new(&options, &engine), GCN_EENTROPY);
  assert_null(engine);
  assert_int_equal(probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bare_end_is_no_end_of_a_body),
      cmocka_unit_test(half_a_record_is_no_end),
      cmocka_unit_test(reading_does_not_wait_for_writing),
      cmocka_unit_test(idle_wires_hold_no_block),
      cmocka_unit_test(short_memory_ends_an_open_wire),
      cmocka_unit_test(no_engine_without_entropy),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
