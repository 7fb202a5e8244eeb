/* SPDX-License-Identifier: MIT */
/*
 * The engine with an allocator that fails: once at the n-th call, and from the
 * n-th call on, for all n of a whole life.  It never crashes and never leaks,
 * it recovers when memory comes back, and it closes without any.
 */
#include "engine-peer.h"

#include "base/err.h"
#include "check.h"
#include "mem-spy.h"

enum {
  EVENT_COUNT = 20,
  RECOVER_MS = 300000,
  CLOSE_MS = 2000,
  SPARE_MS = 1000,
};

static void want(struct peer* peer, const char* name) {
  int error = gcn__engine_topics_add(peer->engine, &name, 1);
  assert_true(error == 0 || error == GCN__ENOMEM);
  peer_command(peer, GCN__COMMAND_TOPICS);
}

static void give(struct peer* peer, const char* secret) {
  const struct gcn__offer offer = {.client_id = "id", .client_secret = secret};
  int error = gcn__engine_credentials(peer->engine, &offer);
  assert_true(error == 0 || error == GCN__ENOMEM);
  peer_command(peer, GCN__COMMAND_CREDENTIALS);
}

/* From nothing to a stream with events, a second connection for a second topic,
 * a quiet time, two rotations, a connection given up, and one reconnect. */
static void live(struct peer* peer) {
  want(peer, "v2.a");
  peer_command(peer, GCN__COMMAND_START);
  peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS);
  peer_send_events(peer, EVENT_COUNT);
  want(peer, "v2.b");
  peer_wait(peer, 3000);
  peer_send_events(peer, EVENT_COUNT);
  peer_command(peer, GCN__COMMAND_ROTATE);
  peer_wait(peer, 1000);
  peer_send_events(peer, EVENT_COUNT); /* both streams are there */
  peer_wait(peer, 33000);              /* and a probe */
  give(peer, PEER_OTHER_SECRET);
  peer_wait(peer, 20000);
  const char* name = "v2.b";
  gcn__engine_topics_remove(peer->engine, &name, 1);
  peer_command(peer, GCN__COMMAND_TOPICS);
  peer_wait(peer, 1000);
  want(peer, "v2.b");
  peer_command(peer, GCN__COMMAND_STOP);
  assert_true(peer_reach(peer, GCN__STATE_IDLE, CLOSE_MS));
  peer_command(peer, GCN__COMMAND_START);
}

/* P15: it streams, and events come through. */
static void assert_recovers(struct peer* peer) {
  assert_true(peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS));
  uint64_t before = peer->event_count;
  peer_send_events(peer, EVENT_COUNT);
  assert_true(peer->event_count == before + EVENT_COUNT);
}

static void assert_closes(struct peer* peer) {
  peer_command(peer, GCN__COMMAND_CLOSE);
  assert_true(peer_reach(peer, GCN__STATE_CLOSED, CLOSE_MS)); /* P5 */
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    assert_false(peer->links[i].open);
  }
}

/* True if the n-th allocation was reached. */
static bool live_through(size_t n, bool go_on, const char* secret) {
  struct mem_spy spy = {.probe = {.fail_at = n, .fail_on = go_on},
                        .secret = secret};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct peer peer;
  if (peer_init(&peer, &mem) != 0) {
    assert_int_equal(spy.probe.live_size, 0);
    assert_int_equal(spy.sighting_count, 0);
    return true;
  }
  live(&peer);
  bool reached = spy.probe.count >= n;
  spy.probe.fail_at = 0; /* memory is back */
  assert_recovers(&peer);
  assert_closes(&peer);
  peer_deinit(&peer);
  assert_int_equal(spy.probe.live_size, 0);
  assert_int_equal(spy.sighting_count, 0); /* P16 */
  return reached;
}

/* The life is the one that is meant. */
static void with_memory_nothing_fails(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = PEER_SECRET};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct peer peer;
  assert_int_equal(peer_init(&peer, &mem), 0);
  live(&peer);
  assert_int_equal(peer.rotation_count, 4); /* of two connections, twice */
  const struct gcn__engine_counters* counters =
      gcn__engine_counters(peer.engine);
  assert_int_equal(counters->rotations, 4);
  assert_int_equal(counters->gaps, 0);
  assert_int_equal(counters->nevers, 0);
  assert_recovers(&peer);
  assert_int_equal(gcn__engine_shard_count(peer.engine), 2);
  assert_closes(&peer);
  peer_deinit(&peer);
  assert_int_equal(spy.probe.live_size, 0);
}

static void one_failure_anywhere_is_survived(void** state) {
  (void)state;
  size_t n = 1;
  while (live_through(n, false, PEER_SECRET))
    n++;
  assert_true(n > 30);
  print_message("# %zu allocations\n", n - 1);
}

static void failures_from_anywhere_on_are_survived(void** state) {
  (void)state;
  size_t n = 1;
  while (live_through(n, true, PEER_TOKEN))
    n++;
  assert_true(n > 30);
}

/* A stream with a spare connection, which it takes, and another one. */
static void live_sparing(struct peer* peer) {
  want(peer, "v2.a");
  peer_command(peer, GCN__COMMAND_START);
  peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS);
  peer_wait(peer, 3 * SPARE_MS);
  peer_lose(peer, GCN__WIRE_STREAM);
  peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS);
  peer_send_events(peer, EVENT_COUNT);
  peer_wait(peer, 3 * SPARE_MS);
  peer_lose(peer, GCN__WIRE_SPARE);
  peer_wait(peer, 10 * SPARE_MS);
}

static void a_spare_costs_nothing_that_fails(void** state) {
  (void)state;
  bool reached = true;
  for (size_t n = 0; reached; n++) {
    struct mem_spy spy = {.probe = {.fail_at = n}, .secret = PEER_TOKEN};
    struct gcn__mem mem = mem_spy_mem(&spy);
    struct peer peer;
    if (peer_init_sparing(&peer, &mem, SPARE_MS) != 0) {
      assert_int_equal(spy.probe.live_size, 0);
      continue;
    }
    live_sparing(&peer);
    reached = n == 0 || spy.probe.count >= n;
    const struct gcn__engine_counters* counters =
        gcn__engine_counters(peer.engine);
    if (n == 0) assert_true(counters->spares >= 2);
    if (n == 0) assert_int_equal(counters->spares_used, 1);
    spy.probe.fail_at = 0; /* memory is back */
    assert_recovers(&peer);
    assert_closes(&peer);
    peer_deinit(&peer);
    assert_int_equal(spy.probe.live_size, 0);
    assert_int_equal(spy.sighting_count, 0);
  }
}

/* Close from any moment of a life, and from then on no memory at all. */
static void close_needs_no_memory(void** state) {
  (void)state;
  bool reached = true;
  for (size_t n = 1; reached; n++) {
    struct mem_spy spy = {.probe = {.fail_at = n, .fail_on = 1}};
    struct gcn__mem mem = mem_spy_mem(&spy);
    struct peer peer;
    if (peer_init(&peer, &mem) != 0) continue;
    want(&peer, "v2.a");
    peer_command(&peer, GCN__COMMAND_START);
    for (int i = 0; i < 5; i++)
      peer_wait(&peer, 1);
    reached = spy.probe.count >= n;
    assert_closes(&peer);
    peer_deinit(&peer);
    assert_int_equal(spy.probe.live_size, 0);
  }
}

/* Steady state allocates nothing. */
static void events_cost_no_allocation(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = NULL};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct peer peer;
  assert_int_equal(peer_init(&peer, &mem), 0);
  want(&peer, "v2.a");
  peer_command(&peer, GCN__COMMAND_START);
  assert_recovers(&peer);
  size_t before = spy.probe.count;
  peer_send_events(&peer, 1000);
  assert_int_equal(spy.probe.count, before);
  assert_closes(&peer);
  peer_deinit(&peer);
}

/* While both streams are there each event is looked at, and still. */
static void events_of_an_overlap_cost_none(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = NULL};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct peer peer;
  assert_int_equal(peer_init(&peer, &mem), 0);
  want(&peer, "v2.a");
  peer_command(&peer, GCN__COMMAND_START);
  assert_recovers(&peer);
  peer_command(&peer, GCN__COMMAND_ROTATE);
  peer_wait(&peer, 1000);
  peer_send_events(&peer, 1); /* the scratch buffer has its size */
  assert_int_equal(peer.rotation_count, 0);
  size_t before = spy.probe.count;
  peer_send_events(&peer, 1000);
  assert_int_equal(spy.probe.count, before);
  assert_int_equal(peer.event_count, EVENT_COUNT + 1001);
  assert_closes(&peer);
  peer_deinit(&peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(with_memory_nothing_fails),
      cmocka_unit_test(one_failure_anywhere_is_survived),
      cmocka_unit_test(failures_from_anywhere_on_are_survived),
      cmocka_unit_test(a_spare_costs_nothing_that_fails),
      cmocka_unit_test(close_needs_no_memory),
      cmocka_unit_test(events_cost_no_allocation),
      cmocka_unit_test(events_of_an_overlap_cost_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
