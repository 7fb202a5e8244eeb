/* SPDX-License-Identifier: MIT */
/*
 * A connection that is kept warm beside the stream: what becomes of it, by the
 * service's own count of connections, and that nobody hears of it but by the
 * statistics.
 */
#include "relay.h"
#include "service.h"
#include "unit/mem-probe.h"

#include <sys/wait.h>

enum { SPARE_MS = 50 };

struct stage {
  struct service service;
  struct secure secure;
  struct user user;
};

static void open_stage(struct stage* stage, uv_loop_t* loop) {
  struct gcn__sim_listen_options options = service_options();
  *stage = (struct stage){.service = {.loop = loop}};
  secure_open(&stage->secure);
  options.tls = stage->secure.tls;
  service_open(&stage->service, loop, &options);
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  secure_close(&stage->secure);
}

static gcn_options_t options_of(struct stage* stage) {
  gcn_options_t options = user_options(&stage->user, stage->service.url);
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(stage->secure.pki);
  options.spare_ms = SPARE_MS;
  return options;
}

static uint64_t accepted(struct stage* stage) {
  return service_visits(&stage->service, GCN__SIM_AT_ACCEPT).count;
}

/* An event, which is a sign of life. */
static void stream(struct stage* stage, const gcn_options_t* options) {
  service_stream_with(&stage->user, &stage->service, options);
  service_emit_many(&stage->service, 1);
  service_await_events(&stage->user, 1);
}

static void await_spares(struct stage* stage, uint64_t count) {
  while (service_stats(&stage->user).spares < count)
    uv_run(stage->service.loop, UV_RUN_ONCE);
}

static void await_lost(struct stage* stage, uint64_t count) {
  while (service_stats(&stage->user).spares_lost < count)
    uv_run(stage->service.loop, UV_RUN_ONCE);
}

static void cut(struct stage* stage) {
  stage->user.streaming = false;
  service_do(&stage->service, "tcp.reset");
  harness_until(stage->service.loop, &stage->user.streaming);
}

/* Nothing of it was told. */
static void assert_untold(struct stage* stage, unsigned failures) {
  gcn_stats_t stats = service_stats(&stage->user);
  assert_int_equal(stats.failures, failures);
  assert_int_equal(stats.attempts, 1 + failures);
  assert_int_equal(stats.streams, 1 + failures);
}

static void test_used(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  stage.user.log_wanted = "event=spare host=127.0.0.1 what=used";
  stream(&stage, &options);
  await_spares(&stage, 1);
  uint64_t before = accepted(&stage);
  assert_int_equal(before, 4); /* login, API, stream, spare */
  cut(&stage);
  assert_int_equal(accepted(&stage), before);
  assert_true(stage.user.log_seen);
  assert_int_equal(service_stats(&stage.user).spares_used, 1);
  assert_untold(&stage, 1);
  /* The stream is a stream, and gets a spare of its own. */
  service_emit_many(&stage.service, 2);
  service_await_events(&stage.user, 3);
  await_spares(&stage, 2);
  cut(&stage);
  assert_int_equal(service_stats(&stage.user).spares_used, 2);
  close_stage(&stage);
}

static void test_none_unless_wanted(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  options.spare_ms = 0;
  stream(&stage, &options);
  service_live(&stage.service, 4 * SPARE_MS);
  assert_int_equal(accepted(&stage), 3);
  cut(&stage);
  assert_int_equal(service_stats(&stage.user).spares, 0);
  assert_int_equal(service_stats(&stage.user).spares_used, 0);
  close_stage(&stage);
}

/* With one permit for all, and nothing but the usual in the way. */
static void test_with_one_permit(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  options.handshakes_max = 1;
  stream(&stage, &options);
  await_spares(&stage, 1);
  cut(&stage);
  assert_int_equal(service_stats(&stage.user).spares_used, 1);
  close_stage(&stage);
}

/* `rule` ends the fourth connection; the stream goes on, and another spare
 * comes. */
static void comes_again(uv_loop_t* loop, const char* rule) {
  struct stage stage;
  open_stage(&stage, loop);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, rule);
  stream(&stage, &options);
  await_lost(&stage, 1);
  assert_untold(&stage, 0);
  assert_int_equal(stage.user.state, GCN_STREAMING);
  await_spares(&stage, 1);
  assert_int_equal(accepted(&stage), 5);
  cut(&stage);
  assert_int_equal(accepted(&stage), 5);
  assert_untold(&stage, 1);
  close_stage(&stage);
}

static void test_refused(void** state) {
  comes_again(*state, "after accept 4 accept.reset");
}

static void test_closed(void** state) {
  comes_again(*state, "after accept 4 accept.close");
}

/* TCP is there, TLS never: the permit is not held for longer than 3 s. */
static void test_black_hole(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, "after accept 4 tls.hang");
  stage.user.log_wanted = "what=late";
  stream(&stage, &options);
  await_lost(&stage, 1);
  assert_true(stage.user.log_seen);
  assert_untold(&stage, 0);
  close_stage(&stage);
}

/* The upgrade over it has no answer: in the same attempt another connection is
 * opened for it. */
static void test_half_open(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  stream(&stage, &options);
  await_spares(&stage, 1);
  service_do(&stage.service, "http.hang GET /channels/* times=1");
  uint64_t before = accepted(&stage);
  cut(&stage);
  assert_int_equal(accepted(&stage), before + 1);
  assert_int_equal(service_stats(&stage.user).spares_used, 1);
  assert_int_equal(service_stats(&stage.user).spares_lost, 1);
  assert_untold(&stage, 1);
  close_stage(&stage);
}

static void test_through_a_proxy(void** state) {
  struct stage stage;
  struct relay relay = {.login = NULL};
  char url[80];
  open_stage(&stage, *state);
  relay_open(&relay, *state);
  gcn_options_t options = options_of(&stage);
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)relay.port);
  options.proxy = url;
  stream(&stage, &options);
  await_spares(&stage, 1);
  assert_int_equal(relay.tunnels, 4);
  cut(&stage);
  assert_int_equal(relay.tunnels, 4);
  assert_int_equal(service_stats(&stage.user).spares_used, 1);
  user_finish(&stage.user);
  relay_close(&relay);
  close_stage(&stage);
}

/* Each end is over when the close callback comes, and leaves the loop empty,
 * which closing the stage asserts. */
static void test_closed_with_a_spare(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  stream(&stage, &options);
  await_spares(&stage, 1);
  close_stage(&stage);
}

static void test_closed_while_it_rises(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, "after accept 4 tls.hang");
  stream(&stage, &options);
  while (accepted(&stage) < 4)
    uv_run(*state, UV_RUN_ONCE);
  close_stage(&stage);
}

static void test_stopped_and_started(void** state) {
  struct stage stage;
  open_stage(&stage, *state);
  gcn_options_t options = options_of(&stage);
  stage.user.log_wanted = "what=\"not wanted\"";
  stream(&stage, &options);
  await_spares(&stage, 1);
  assert_int_equal(gcn_client_stop(stage.user.client), 0);
  while (stage.user.state != GCN_IDLE)
    uv_run(*state, UV_RUN_ONCE);
  assert_true(stage.user.log_seen);
  stage.user.streaming = false;
  assert_int_equal(gcn_client_start(stage.user.client), 0);
  harness_until(*state, &stage.user.streaming);
  assert_int_equal(service_stats(&stage.user).spares_used, 0);
  close_stage(&stage);
}

/* With a spare, in memory that is counted. */
static void open_counted(struct stage* stage, uv_loop_t* loop,
                         struct mem_probe* probe) {
  open_stage(stage, loop);
  gcn_options_t options = options_of(stage);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = probe;
  stream(stage, &options);
  await_spares(stage, 1);
}

/* What a child may do with all of it; its exit code says what went wrong. */
static int be_a_child(gcn_client_t* client, const struct mem_probe* probe) {
  if (gcn_client_abandon(client) != 0) return 1;
  return probe->live_size == 0 ? 0 : 2;
}

static void fork_and_abandon(struct stage* stage,
                             const struct mem_probe* probe) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) _exit(be_a_child(stage->user.client, probe));
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* Idle, and after it became the stream: the child leaves it alone, and nothing
 * is left in either. */
static void test_forked(void** state) {
  struct stage stage;
  struct mem_probe probe = {.fail_at = 0};
  open_counted(&stage, *state, &probe);
  fork_and_abandon(&stage, &probe);
  cut(&stage);
  assert_int_equal(service_stats(&stage.user).spares_used, 1);
  fork_and_abandon(&stage, &probe);
  service_emit_many(&stage.service, 2);
  service_await_events(&stage.user, 3);
  close_stage(&stage);
  assert_int_equal(probe.live_size, 0);
}

/* In the turn that moved it. */
static void close_when_used(struct user* user, enum user_moment moment) {
  (void)moment;
  if (user->closing || service_stats(user).spares_used == 0) return;
  assert_int_equal(user->state, GCN_CONNECTING);
  assert_int_equal(user_close(user), 0);
}

static void test_closed_as_it_is_used(void** state) {
  struct stage stage;
  struct mem_probe probe = {.fail_at = 0};
  open_counted(&stage, *state, &probe);
  stage.user.act = close_when_used;
  service_do(&stage.service, "tcp.reset");
  harness_until(*state, &stage.user.closed);
  close_stage(&stage);
  assert_int_equal(probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_used),
      LOOP_TEST(test_none_unless_wanted),
      LOOP_TEST(test_with_one_permit),
      LOOP_TEST(test_refused),
      LOOP_TEST(test_closed),
      LOOP_TEST(test_black_hole),
      LOOP_TEST(test_half_open),
      LOOP_TEST(test_through_a_proxy),
      LOOP_TEST(test_closed_with_a_spare),
      LOOP_TEST(test_closed_while_it_rises),
      LOOP_TEST(test_stopped_and_started),
      LOOP_TEST(test_forked),
      LOOP_TEST(test_closed_as_it_is_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
