/* SPDX-License-Identifier: MIT */
/*
 * A channel is replaced while 50 events a second come: nothing is lost, nothing
 * is told twice, and there is no gap, by the service's own numbers.
 */
#include "tally.h"

#include <stdlib.h>

struct stage {
  struct service service;
  struct secure secure;
  struct user user;
  struct tally tally;
  bool tls;
};

static struct stage* current; /* of the test that runs */

static void note(struct user* user, enum user_moment moment) {
  tally_note(&current->tally, user, moment);
}

/* Waits of seconds become tenths, so that a handover takes less than one. */
static gcn_options_t quick_options(struct stage* stage) {
  gcn_options_t options = user_options(&stage->user, stage->service.url);
  options.latency_ms_max = 100;
  options.overlap_ms = 5000;
  options.rotate_spread_ms = 100;
  options.token_margin_ms = 200;
  options.probe_ms = 2000;
  options.silence_ms = 4000;
  if (!stage->tls) return options;
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(stage->secure.pki);
  return options;
}

static struct stage* open_stage(uv_loop_t* loop, bool tls) {
  struct gcn__sim_listen_options options = service_options();
  struct stage* stage = calloc(1, sizeof *stage);
  assert_non_null(stage);
  current = stage;
  stage->tls = tls;
  stage->user.act = note;
  if (tls) {
    secure_open(&stage->secure);
    options.tls = stage->secure.tls;
  }
  tally_watch(&stage->tally, &options);
  service_open(&stage->service, loop, &options);
  return stage;
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  if (stage->tls) secure_close(&stage->secure);
  free(stage);
}

/* What must hold after `count` rotations. */
static void judge(struct stage* stage, unsigned count) {
  struct user* user = &stage->user;
  service_live(&stage->service, 300);
  tally_end(&stage->tally, &stage->service, 5000);
  assert_true(stage->tally.made_count > 20);
  assert_int_equal(stage->tally.lost, 0);
  assert_int_equal(stage->tally.duplicated, 0);
  assert_int_equal(stage->tally.invented, 0);
  assert_int_equal(user->counts[USER_GAP], 0);
  assert_int_equal(user->unproven, 0);
  assert_int_equal(user->counts[USER_ROTATION], count);
  assert_int_equal(user->last_rotation.proven, 1);
  assert_int_equal(user->last_rotation.connection_index, 0);
  gcn_stats_t stats = service_stats(user);
  assert_int_equal(stats.rotations, count);
  assert_int_equal(stats.rotations_unproven, 0);
  assert_int_equal(stats.gaps, 0);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.state, GCN_STREAMING);
  assert_int_equal(user->counts[USER_STATE], 4); /* never left STREAMING */
  assert_int_equal(service_counters(&stage->service).channels, count + 1);
}

static void await_rotation(struct stage* stage) {
  stage->user.rotated = false;
  harness_until(stage->service.loop, &stage->user.rotated);
}

static void announce(uv_loop_t* loop, bool tls) {
  struct stage* stage = open_stage(loop, tls);
  gcn_options_t options = quick_options(stage);
  service_stream_with(&stage->user, &stage->service, &options);
  service_live(&stage->service, 300);
  service_do(&stage->service, "channel.closing 5s");
  await_rotation(stage);
  assert_string_equal(stage->user.last_rotation.cause,
                      "the service announced that it will close the socket");
  judge(stage, 1);
  close_stage(stage);
}

static void test_announced(void** state) {
  announce(*state, false);
}

static void test_announced_over_tls(void** state) {
  announce(*state, true);
}

static void grow_old(uv_loop_t* loop, bool tls) {
  struct stage* stage = open_stage(loop, tls);
  gcn_options_t options = quick_options(stage);
  options.rotate_ms = 1200;
  options.rotate_jitter_ms = 200;
  service_stream_with(&stage->user, &stage->service, &options);
  await_rotation(stage);
  assert_string_equal(stage->user.last_rotation.cause,
                      "the channel is due to be replaced");
  await_rotation(stage);
  judge(stage, 2);
  close_stage(stage);
}

static void test_age(void** state) {
  grow_old(*state, false);
}

static void test_age_over_tls(void** state) {
  grow_old(*state, true);
}

static void change_secret(uv_loop_t* loop, bool tls) {
  struct stage* stage = open_stage(loop, tls);
  gcn_options_t options = quick_options(stage);
  service_stream_with(&stage->user, &stage->service, &options);
  service_live(&stage->service, 300);
  service_do(&stage->service, "secret.rotate \"s3cr3t-next\" 30s");
  gcn_client_t* client = stage->user.client;
  assert_int_equal(gcn_client_set_credentials(client, "id", "s3cr3t-next"), 0);
  await_rotation(stage);
  assert_string_equal(stage->user.last_rotation.cause,
                      "new credentials were given");
  /* Tokens of the old secret are worth nothing any more, and not needed. */
  service_do(&stage->service, "token.revoke-old");
  judge(stage, 1);
  assert_int_equal(service_stats(&stage->user).token_requests, 2);
  /* The same again changes nothing. */
  assert_int_equal(gcn_client_set_credentials(client, "id", "s3cr3t-next"), 0);
  service_live(&stage->service, 200);
  assert_int_equal(service_counters(&stage->service).channels, 2);
  close_stage(stage);
}

static void test_secret(void** state) {
  change_secret(*state, false);
}

static void test_secret_over_tls(void** state) {
  change_secret(*state, true);
}

static void outlive_token(uv_loop_t* loop, bool tls) {
  struct stage* stage = open_stage(loop, tls);
  gcn_options_t options = quick_options(stage);
  service_do(&stage->service, "token.life 4s");
  service_stream_with(&stage->user, &stage->service, &options);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_do(&stage->service, "token.life 1h");
  await_rotation(stage);
  while (gcn__loop_now_ms(loop) - begun_ms < 4500)
    service_live(&stage->service, 50);
  judge(stage, 1);
  assert_int_equal(service_stats(&stage->user).renewals, 1);
  assert_true(service_stats(&stage->user).token_life > 3000000);
  close_stage(stage);
}

static void test_token_ends(void** state) {
  outlive_token(*state, false);
}

static void test_token_ends_over_tls(void** state) {
  outlive_token(*state, true);
}

static void test_by_hand(void** state) {
  struct stage* stage = open_stage(*state, false);
  gcn_options_t options = quick_options(stage);
  service_begin_with(&stage->user, &stage->service, &options);
  assert_int_equal(gcn_client_rotate(stage->user.client), 0); /* no effect */
  harness_until(*state, &stage->user.streaming);
  service_live(&stage->service, 300);
  assert_int_equal(gcn_client_rotate(stage->user.client), 0);
  assert_int_equal(gcn_client_rotate(stage->user.client), 0); /* is one */
  await_rotation(stage);
  judge(stage, 1);
  close_stage(stage);
}

/* The old secret is refused at once: what streams goes on all the same. */
static void test_refused_credentials_leave_the_stream_alone(void** state) {
  struct stage* stage = open_stage(*state, false);
  gcn_options_t options = quick_options(stage);
  service_stream_with(&stage->user, &stage->service, &options);
  gcn_client_t* client = stage->user.client;
  assert_int_equal(gcn_client_set_credentials(client, "id", "s3cr3t-bad"), 0);
  while (service_counters(&stage->service).secrets_refused == 0)
    service_live(&stage->service, 5);
  service_live(&stage->service, 300);
  assert_true(stage->user.streaming);
  assert_int_equal(service_counters(&stage->service).secrets_refused, 1);
  assert_int_equal(gcn_client_set_credentials(client, "id", "s3cr3t"), 0);
  await_rotation(stage);
  judge(stage, 1);
  close_stage(stage);
}

/* The successor can't get through: an overlap that is not proven ends in a gap
 * or not at all, never in a loss that nobody is told of. */
static void test_successor_in_trouble(void** state) {
  struct stage* stage = open_stage(*state, false);
  gcn_options_t options = quick_options(stage);
  service_stream_with(&stage->user, &stage->service, &options);
  service_live(&stage->service, 200);
  service_do(&stage->service,
             "http.status GET /channels/* 503 retry-after=1 times=2");
  assert_int_equal(gcn_client_rotate(stage->user.client), 0);
  await_rotation(stage);
  service_live(&stage->service, 300);
  tally_end(&stage->tally, &stage->service, 5000);
  assert_int_equal(stage->tally.lost, 0);
  assert_int_equal(stage->tally.duplicated, 0);
  assert_int_equal(stage->user.counts[USER_GAP], 0);
  assert_int_equal(service_visits(&stage->service, GCN__SIM_AT_UPGRADE).early,
                   0);
  close_stage(stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_announced),
      LOOP_TEST(test_announced_over_tls),
      LOOP_TEST(test_age),
      LOOP_TEST(test_age_over_tls),
      LOOP_TEST(test_secret),
      LOOP_TEST(test_secret_over_tls),
      LOOP_TEST(test_token_ends),
      LOOP_TEST(test_token_ends_over_tls),
      LOOP_TEST(test_by_hand),
      LOOP_TEST(test_refused_credentials_leave_the_stream_alone),
      LOOP_TEST(test_successor_in_trouble),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
