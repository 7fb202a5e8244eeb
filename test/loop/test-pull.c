/* SPDX-License-Identifier: MIT */
/*
 * Reading later: an owner who has no place for what could be read is told, and
 * pulls it when he has one.
 */
#include "owner.h"

#include "base/err.h"

static struct owner* connect_declining(uv_loop_t* loop, struct peer* peer) {
  struct owner* owner = owner_connect(loop, peer, PEER_LISTENS);
  owner->declines = true;
  gcn__link_read(owner->link, true);
  return owner;
}

static void await_unread(struct owner* owner) {
  while (owner->unread_count == 0)
    uv_run(owner->loop, UV_RUN_ONCE);
}

/* The bytes stay in the kernel, and each poll tells of them again. */
static void test_declined_and_pulled(void** state) {
  struct peer peer;
  struct owner* owner = connect_declining(*state, &peer);
  peer_send(&peer, "abc", 3);
  await_unread(owner);
  harness_settle(owner->loop);
  assert_true(owner->unread_count > 2);
  assert_int_equal(owner->received_size, 0);
  assert_false(gcn__link_pull(owner->link)); /* still no place */
  owner->declines = false;
  assert_false(gcn__link_pull(owner->link)); /* that was all */
  assert_int_equal(owner->received_size, 3);
  assert_int_equal(owner->first_byte, 'a');
  assert_false(gcn__link_pull(owner->link)); /* nothing */
  assert_int_equal(owner->received_size, 3);
  assert_false(owner->ended);
  owner_free(owner);
  peer_close(&peer);
}

/* Whether reading is on or not. */
static void test_pulled_while_reading_rests(void** state) {
  struct peer peer;
  struct owner* owner = connect_declining(*state, &peer);
  peer_send(&peer, "abc", 3);
  await_unread(owner);
  gcn__link_read(owner->link, false);
  unsigned before = owner->unread_count;
  harness_settle(owner->loop);
  assert_int_equal(owner->unread_count, before);
  owner->declines = false;
  gcn__link_pull(owner->link);
  assert_int_equal(owner->received_size, 3);
  gcn__link_read(owner->link, true);
  peer_send(&peer, "def", 3);
  while (owner->received_size < 6)
    uv_run(owner->loop, UV_RUN_ONCE);
  owner_free(owner);
  peer_close(&peer);
}

static void test_a_full_place_may_not_be_all(void** state) {
  static const char bytes[sizeof((struct owner*)0)->buffer + 10] = "x";
  struct peer peer;
  struct owner* owner = connect_declining(*state, &peer);
  peer_send(&peer, bytes, sizeof bytes);
  await_unread(owner);
  harness_settle(owner->loop);
  owner->declines = false;
  assert_true(gcn__link_pull(owner->link));
  while (owner->received_size < sizeof bytes)
    gcn__link_pull(owner->link);
  assert_int_equal(owner->received_size, sizeof bytes);
  owner_free(owner);
  peer_close(&peer);
}

/* Bytes come before the end; the end is told once, from within the pull. */
static void test_the_end_is_pulled(void** state) {
  for (int reset = 0; reset < 2; reset++) {
    struct peer peer;
    struct owner* owner = connect_declining(*state, &peer);
    if (!reset) peer_send(&peer, "abc", 3);
    if (reset) peer_reset(&peer);
    if (!reset) peer_hang_up(&peer);
    await_unread(owner);
    harness_settle(owner->loop);
    assert_false(owner->ended);
    owner->declines = false;
    if (!reset) assert_false(gcn__link_pull(owner->link));
    assert_int_equal(owner->received_size, reset ? 0 : 3);
    assert_false(owner->ended);
    gcn__link_pull(owner->link);
    assert_true(owner->ended);
    assert_int_equal(owner->error, reset ? UV_ECONNRESET : GCN__EOF);
    owner_free(owner);
    peer_close(&peer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_declined_and_pulled),
      LOOP_TEST(test_pulled_while_reading_rests),
      LOOP_TEST(test_a_full_place_may_not_be_all),
      LOOP_TEST(test_the_end_is_pulled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
