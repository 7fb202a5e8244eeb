/* SPDX-License-Identifier: MIT */
/*
 * A stop in the callback that tells CONNECTING.
 *
 * The client's clock stands still (--wrap): a turn has a budget of time, and a
 * machine under load may spend it between the dialling and the telling, after
 * which the request may be on its way before the user can say no.
 */
#include "user.h"

uint64_t __wrap_uv_hrtime(void);

uint64_t __wrap_uv_hrtime(void) {
  return UINT64_C(1000) * 1000 * 1000 * 1000;
}

/* After stop was called nothing is dialled, not even what was on its way. */
static void stop_in_callback(struct user* user, enum user_moment moment) {
  (void)moment;
  if (user->state == GCN_CONNECTING) gcn_client_stop(user->client);
}

static void test_stop_in_the_callback_that_tells_connecting(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct user user = {.act = stop_in_callback};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  user_new_at(&user, loop, peer.port);
  gcn_client_start(user.client);
  harness_until(loop, &user.idle);
  harness_settle(loop);
  assert_true(user.seen & (1u << GCN_CONNECTING));
  assert_int_equal(peer.received, 0);
  user_finish(&user);
  peer_close(&peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_stop_in_the_callback_that_tells_connecting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
