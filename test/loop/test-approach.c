/* SPDX-License-Identifier: MIT */
/*
 * Links that share look-ups and permits, and their deadlines.
 */
#include "owner.h"
#include "world.h"

#include "loop/dial.h"

#include <string.h>

/* Opens a link to a.test with what the world has. */
static void open_shared(struct world* world, struct owner* owner,
                        uint16_t port) {
  struct gcn__link_options options = owner_options(owner, "a.test", port);
  options.resolver = NULL;
  options.hosts = world->hosts;
  options.dns_ms = 5000;
  owner_open_with(owner, &options);
}

static struct owner* new_shared(struct world* world, uint16_t port) {
  struct owner* owner = owner_new(world->loop);
  open_shared(world, owner, port);
  return owner;
}

/* --- the deadline of a look-up -------------------------------------------- */

static void test_look_up_of_its_own_has_a_deadline(void** state) {
  uv_loop_t* loop = *state;
  struct owner* owner = owner_new(loop);
  memset(&fake, 0, sizeof fake);
  struct gcn__link_options options = owner_options(owner, "a.test", 1);
  options.resolver = &fake_api;
  options.dns_ms = 20;
  owner_open_with(owner, &options);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ETIMEDOUT);
  assert_int_equal(owner->layer, GCN__LAYER_DNS);
  assert_string_equal(owner->text,
                      "the host name was not resolved within 20 ms");
  /* It is abandoned, but its memory is in use. */
  harness_settle(loop);
  assert_false(owner->gone);
  fake_answer(0, "1");
  assert_true(owner->gone);
  owner_free(owner);
}

static void test_without_a_deadline(void** state) {
  uv_loop_t* loop = *state;
  struct owner* owner = owner_new(loop);
  memset(&fake, 0, sizeof fake);
  struct gcn__link_options options = owner_options(owner, "a.test", 1);
  options.resolver = &fake_api;
  owner_open_with(owner, &options);
  assert_true(gcn__link_deadline(owner->link) == GCN__NEVER);
  owner_drop(owner, false);
  fake_fail(0, UV_EAI_AGAIN);
  owner_free(owner);
}

/* A shared look-up does not even keep the link's memory. */
static void test_shared_look_up_has_a_deadline(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  world_begin(&world, loop);
  struct owner* owner = new_shared(&world, 1);
  uint64_t due_ms = gcn__link_deadline(owner->link);
  assert_true(due_ms >= world.now_ms + 5000);
  gcn__link_woken(owner->link, due_ms - 1);
  assert_false(owner->ended);
  gcn__link_woken(owner->link, due_ms);
  assert_true(owner->ended);
  assert_true(owner->gone);
  assert_int_equal(owner->error, UV_ETIMEDOUT);
  assert_int_equal(owner->layer, GCN__LAYER_DNS);
  assert_string_equal(owner->text, "the host name was not resolved within 5 s");
  owner_free(owner);
  fake_answer(0, "1");
  assert_order(&world, "1");
  world_end(&world);
}

static void test_stale_answer_at_the_deadline(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  world_begin(&world, loop);
  learn(&world, "a.test", "1");
  struct asker doubter;
  ask(&world, &doubter, "a.test", 0);
  gcn__hosts_doubt(&doubter.waiter);
  leave(&doubter);
  struct owner* owner = new_shared(&world, peer.port);
  assert_int_equal(fake.count, 2);
  gcn__link_woken(owner->link, gcn__link_deadline(owner->link));
  harness_until(loop, &owner->linked);
  owner_free(owner);
  fake_fail(1, UV_EAI_AGAIN);
  peer_close(&peer);
  world_end(&world);
}

/* --- shared answers ------------------------------------------------------- */

static void test_two_links_one_look_up(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  world_begin(&world, loop);
  struct owner* first = new_shared(&world, peer.port);
  struct owner* second = new_shared(&world, peer.port);
  struct owner* quitter = new_shared(&world, peer.port);
  assert_int_equal(fake.count, 1);
  fake_answer(0, "1");
  /* Nothing happens in there but that timers are armed. */
  assert_int_equal(first->told_count, 0);
  owner_drop(quitter, false);
  harness_until(loop, &first->linked);
  harness_until(loop, &second->linked);
  assert_int_equal(quitter->told_count, 0);
  struct owner* third = new_shared(&world, peer.port);
  assert_int_equal(fake.count, 1);
  harness_until(loop, &third->linked);
  owner_free(first);
  owner_free(second);
  owner_free(third);
  owner_free(quitter);
  peer_close(&peer);
  world_end(&world);
}

/* With the system's own resolver: the second link needs no thread. */
static void test_name_of_this_machine(void** state) {
  uv_loop_t* loop = *state;
  struct world world = {.loop = loop};
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct gcn__hosts_options settings = world_options(&world);
  settings.api = &gcn__resolver_system;
  world_begin_with(&world, loop, &settings);
  for (int i = 0; i < 2; i++) {
    struct owner* owner = owner_new(loop);
    struct gcn__link_options options =
        owner_options(owner, "localhost", peer.port);
    options.resolver = NULL;
    options.hosts = world.hosts;
    options.dns_ms = 20000;
    unsigned before = harness_handles(loop);
    owner_open_with(owner, &options);
    /* A known name is dialled at once: there is a socket. */
    assert_int_equal(harness_handles(loop) > before, i == 1);
    harness_until(loop, &owner->linked);
    owner_free(owner);
  }
  peer_close(&peer);
  world_end(&world);
}

static void test_shared_failure(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  world_begin(&world, loop);
  struct owner* owner = new_shared(&world, 1);
  fake_fail(0, UV_EAI_NONAME);
  assert_false(owner->ended);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_EAI_NONAME);
  assert_int_equal(owner->layer, GCN__LAYER_DNS);
  assert_string_equal(owner->text,
                      "host name look-up: unknown node or service");
  owner_free(owner);
  world_end(&world);
}

static void test_no_memory_for_a_look_up(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  world_begin(&world, loop);
  world.probe.fail_at = world.probe.count + 1;
  struct owner* owner = new_shared(&world, 1);
  assert_false(owner->ended);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ENOMEM);
  owner_free(owner);
  world_end(&world);
}

static void test_refused_address_goes_behind(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  world_begin(&world, loop);
  learn(&world, "a.test", "314");
  struct owner* owner = new_shared(&world, peer.port);
  harness_until(loop, &owner->linked);
  assert_order(&world, "143"); /* the last one was not tried */
  owner_free(owner);
  peer_close(&peer);
  world_end(&world);
}

static void test_overtaken_address_goes_behind(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  struct black_hole hole;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  world_begin(&world, loop);
  learn(&world, "a.test", "21");
  struct owner* owner = new_shared(&world, peer.port);
  harness_until(loop, &owner->linked);
  assert_order(&world, "12");
  owner_free(owner);
  peer_close(&peer);
  black_hole_close(&hole);
  world_end(&world);
}

/* An address may have moved: what led nowhere is not fresh. */
static void test_failed_race_is_looked_up_again(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  world_begin(&world, loop);
  learn(&world, "a.test", "34");
  struct owner* owner = new_shared(&world, peer.port);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ECONNREFUSED);
  assert_int_equal(fake.count, 1);
  owner_free(owner);
  owner = new_shared(&world, peer.port);
  assert_int_equal(fake.count, 2);
  fake_answer(1, "341");
  harness_until(loop, &owner->linked);
  assert_order(&world, "134");
  owner_free(owner);
  peer_close(&peer);
  world_end(&world);
}

static void test_race_has_a_deadline(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct peer peer;
  struct black_hole hole;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  world_begin(&world, loop);
  learn(&world, "a.test", "2");
  struct owner* owner = owner_new(loop);
  struct gcn__link_options options = owner_options(owner, "a.test", peer.port);
  options.hosts = world.hosts;
  options.connect_ms = 20;
  owner_open_with(owner, &options);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ETIMEDOUT);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  assert_string_equal(owner->text, "not connected within 20 ms");
  owner_free(owner);
  struct asker asker;
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(fake.count, 2);
  leave(&asker);
  fake_fail(1, UV_EAI_AGAIN);
  peer_close(&peer);
  black_hole_close(&hole);
  world_end(&world);
}

static void on_passed(uv_timer_t* timer) {
  *(bool*)timer->data = true;
}

static void pass(uv_loop_t* loop, uint64_t time_ms) {
  bool passed = false;
  uv_timer_t timer;
  uv_timer_init(loop, &timer);
  timer.data = &passed;
  uv_timer_start(&timer, on_passed, time_ms, 0);
  harness_until(loop, &passed);
  harness_close((uv_handle_t*)&timer);
}

/* In mid-race: after `time_ms` it is dropped; then the host is asked for. */
static void drop_after(uv_loop_t* loop, uint64_t time_ms, unsigned lookups) {
  struct world world;
  struct peer peer;
  struct black_hole hole;
  struct asker asker;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  world_begin(&world, loop);
  learn(&world, "a.test", "2");
  struct owner* owner = new_shared(&world, peer.port);
  harness_settle(loop);
  if (time_ms > 0) pass(loop, time_ms);
  owner_free(owner);
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(fake.count, lookups);
  leave(&asker);
  if (lookups > 1) fake_fail(1, UV_EAI_AGAIN);
  peer_close(&peer);
  black_hole_close(&hole);
  world_end(&world);
}

static void test_drop_in_mid_race_is_looked_up_again(void** state) {
  drop_after(*state, GCN__DIAL_STEP_MS + 1, 2);
}

/* Sooner than the next address would be tried it says nothing of this one. */
static void test_drop_soon_after_the_start_is_not(void** state) {
  drop_after(*state, 0, 1);
}

/* --- permits -------------------------------------------------------------- */

struct crowd {
  uv_loop_t* loop;
  struct gcn__permits* permits;
  struct peer peer;
  struct owner* owners[3];
};

static void crowd_open(struct crowd* crowd, int who) {
  struct owner* owner = owner_new(crowd->loop);
  struct gcn__link_options options =
      owner_options(owner, "127.0.0.1", crowd->peer.port);
  options.permits = crowd->permits;
  crowd->owners[who] = owner;
  owner_open_with(owner, &options);
}

/* Three links want the one permit, in the order of their numbers. */
static void crowd_begin(struct crowd* crowd, uv_loop_t* loop) {
  crowd->loop = loop;
  crowd->permits = gcn__permits_new(&gcn__mem_libc, 1);
  assert_non_null(crowd->permits);
  peer_listen(&crowd->peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  for (int i = 0; i < 3; i++)
    crowd_open(crowd, i);
  harness_until(loop, &crowd->owners[0]->linked);
  harness_settle(loop);
  assert_false(crowd->owners[1]->linked);
  assert_true(gcn__link_deadline(crowd->owners[1]->link) == GCN__NEVER);
}

static void crowd_end(struct crowd* crowd) {
  for (int i = 0; i < 3; i++)
    owner_free(crowd->owners[i]);
  gcn__permits_release(crowd->permits);
  peer_close(&crowd->peer);
}

static void test_permit_is_returned_when_settled(void** state) {
  struct crowd crowd;
  crowd_begin(&crowd, *state);
  gcn__link_settled(crowd.owners[0]->link);
  gcn__link_settled(crowd.owners[0]->link);
  /* Who is served has not been called from in there. */
  assert_int_equal(crowd.owners[1]->told_count, 0);
  harness_until(crowd.loop, &crowd.owners[1]->linked);
  harness_settle(crowd.loop);
  assert_false(crowd.owners[2]->linked);
  gcn__link_settled(crowd.owners[1]->link);
  harness_until(crowd.loop, &crowd.owners[2]->linked);
  crowd_end(&crowd);
}

static void test_permit_is_returned_by_a_drop(void** state) {
  struct crowd crowd;
  crowd_begin(&crowd, *state);
  owner_drop(crowd.owners[1], false); /* from the line */
  owner_drop(crowd.owners[0], true);
  harness_until(crowd.loop, &crowd.owners[2]->linked);
  assert_int_equal(crowd.owners[1]->told_count, 0);
  crowd_end(&crowd);
}

static void test_permit_is_returned_by_the_end(void** state) {
  struct crowd crowd;
  crowd_begin(&crowd, *state);
  gcn__link_read(crowd.owners[0]->link, true);
  peer_hang_up(&crowd.peer);
  harness_until(crowd.loop, &crowd.owners[1]->linked);
  assert_true(crowd.owners[0]->ended);
  crowd_end(&crowd);
}

/* Who fails to connect makes room, too, and nobody holds a permit while a name
 * server keeps him waiting. */
static void test_no_permit_for_a_look_up(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct gcn__permits* permits = gcn__permits_new(&gcn__mem_libc, 1);
  struct world world;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  world_begin(&world, loop);
  struct owner* slow = owner_new(loop);
  struct gcn__link_options options = owner_options(slow, "a.test", peer.port);
  options.hosts = world.hosts;
  options.permits = permits;
  owner_open_with(slow, &options);
  struct owner* quick = owner_new(loop);
  options = owner_options(quick, "127.0.0.3", peer.port);
  options.permits = permits;
  owner_open_with(quick, &options);
  fake_answer(0, "1");
  harness_until(loop, &quick->ended);
  harness_until(loop, &slow->linked);
  owner_free(slow);
  owner_free(quick);
  gcn__permits_release(permits);
  peer_close(&peer);
  world_end(&world);
}

/* --- after fork ----------------------------------------------------------- */

/* Links with nothing on the loop can be abandoned without a fork. */
static void test_abandon_who_waits(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct gcn__permits* permits = gcn__permits_new(&gcn__mem_libc, 1);
  struct gcn__permit held = {.state = GCN__PERMIT_NONE};
  world_begin(&world, loop);
  assert_true(gcn__permit_take(permits, &held));
  struct owner* asks = new_shared(&world, 1);
  struct owner* waits = owner_new(loop);
  struct gcn__link_options options = owner_options(waits, "127.0.0.1", 1);
  options.permits = permits;
  owner_open_with(waits, &options);
  struct owner* const owners[] = {asks, waits};
  for (int i = 0; i < 2; i++) {
    struct owner* owner = owners[i];
    gcn__link_abandon(owner->link);
    owner->link = NULL;
    owner->gone = true; /* nobody is told in a child */
    assert_int_equal(owner->told_count, 0);
    owner_free(owner);
  }
  gcn__permit_return(&held);
  gcn__permits_release(permits);
  fake_answer(0, "1");
  world_end(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_look_up_of_its_own_has_a_deadline),
      LOOP_TEST(test_without_a_deadline),
      LOOP_TEST(test_shared_look_up_has_a_deadline),
      LOOP_TEST(test_stale_answer_at_the_deadline),
      LOOP_TEST(test_two_links_one_look_up),
      LOOP_TEST(test_name_of_this_machine),
      LOOP_TEST(test_shared_failure),
      LOOP_TEST(test_no_memory_for_a_look_up),
      LOOP_TEST(test_refused_address_goes_behind),
      LOOP_TEST(test_overtaken_address_goes_behind),
      LOOP_TEST(test_failed_race_is_looked_up_again),
      LOOP_TEST(test_race_has_a_deadline),
      LOOP_TEST(test_drop_in_mid_race_is_looked_up_again),
      LOOP_TEST(test_drop_soon_after_the_start_is_not),
      LOOP_TEST(test_permit_is_returned_when_settled),
      LOOP_TEST(test_permit_is_returned_by_a_drop),
      LOOP_TEST(test_permit_is_returned_by_the_end),
      LOOP_TEST(test_no_permit_for_a_look_up),
      LOOP_TEST(test_abandon_who_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
