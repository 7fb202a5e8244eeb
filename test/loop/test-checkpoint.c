/* SPDX-License-Identifier: MIT */
/*
 * A client and its checkpoint across restarts, on real sockets and files: a run
 * ends, the next one begins with what was stored, or is refused.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- restarts ------------------------------------------------------------- */

static void test_a_restart_takes_the_channel_up(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  int64_t begun_ms = gcn__wall_now_ms();
  run_once(&service, 5);
  int64_t ended_ms = gcn__wall_now_ms();
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 1);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_TOPICS).count, 1);
  struct stat status;
  assert_int_equal(stat(run_path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  service_emit_many(&service, 3); /* nobody is there */
  run_prepare(&run, &service);
  run_stream(&run, &service);
  harness_until(loop, &run.user.any_gap);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 1);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_TOPICS).count, 1);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_UPGRADE).count, 2);
  /* From when the last run was good, by the wall clock, until now. */
  const gcn_gap_t* gap = &run.user.last_gap;
  assert_int_equal(run.user.counts[USER_GAP], 1);
  assert_int_equal(run.user.gap_topics, 1);
  assert_int_equal(gap->certainty, GCN_CERTAINTY_BLIND);
  assert_in_range(gap->from_unix_ms, begun_ms - 2100, ended_ms);
  assert_in_range(gap->to_unix_ms, ended_ms - 100, gcn__wall_now_ms());
  service_emit_many(&service, 2);
  service_await_events(&run.user, 2);
  run_await_durable(&run, 2);
  assert_int_equal(run.told, 0);
  user_finish(&run.user);
  service_close(&service);
}

/* Not closed in order: what the file held at some moment is what there is. */
static void test_a_restart_after_a_crash(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run_stream(&run, &service);
  service_emit_many(&service, 3);
  run_await_durable(&run, 3);
  struct run_file file = run_load(run_path);
  service_emit_many(&service, 1);
  run_await_durable(&run, 4);
  user_finish(&run.user);
  run_write(run_path, file.bytes, file.size);
  free(file.bytes);
  run_prepare(&run, &service);
  run_stream(&run, &service);
  harness_until(loop, &run.user.any_gap);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 1);
  assert_int_equal(run.told, 0);
  user_finish(&run.user);
  struct gcn__checkpoint_read* read = run_read();
  assert_true(read->checkpoint.clean);
  assert_int_equal(read->checkpoint.lane_count, 1);
  assert_int_equal(read->checkpoint.lanes[0].handled_count, 3);
  gcn__checkpoint_free(read);
  service_close(&service);
}

/* Another set of topics has another channel, but the same gap. */
static void test_a_restart_with_other_topics(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  run_once(&service, 1);
  run_prepare(&run, &service);
  user_new(&run.user, loop, &run.options);
  service_subscribe(&run.user, topic_text);
  service_subscribe(&run.user, other_text);
  assert_int_equal(gcn_client_start(run.user.client), 0);
  harness_until(loop, &run.user.any_gap);
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 2);
  user_finish(&run.user);
  service_close(&service);
}

/* Every event has one of two ids, by its topic. */
static size_t id_of_topic(void* data, const gcn_event_t* event, char* id,
                          size_t size) {
  (void)data;
  assert_true(size >= 1);
  id[0] = event->topic.data[9]; /* behind "v2.users." */
  return 1;
}

static void test_what_was_handled_is_skipped(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  for (int i = 0; i < 2; i++) {
    run_prepare(&run, &service);
    run.options.id_cb = id_of_topic;
    user_new(&run.user, loop, &run.options);
    service_subscribe(&run.user, topic_text);
    service_subscribe(&run.user, other_text);
    assert_int_equal(gcn_client_start(run.user.client), 0);
    harness_until(loop, &run.user.streaming);
    struct gcn__sim* sim = gcn__sim_listen_service(service.listen);
    uint64_t now_ms = gcn__sim_listen_now(service.listen);
    const struct gcn__span none = {NULL, 0};
    gcn__sim_emit(sim, topic_text, none, now_ms);
    if (i == 1) gcn__sim_emit(sim, other_text, none, now_ms);
    gcn__sim_listen_flush(service.listen);
    harness_until(loop, &run.user.any_event);
    service_live(&service, 20);
    assert_int_equal(run.user.counts[USER_EVENT], 1);
    assert_int_equal(service_stats(&run.user).repeated, i);
    user_finish(&run.user);
  }
  service_close(&service);
}

/* --- the stream dialect --------------------------------------------------- */

static const char event_text[] = "routing.queueEvents";

static void emit_stream(struct service* service, unsigned count) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  const struct gcn__span none = {NULL, 0};
  for (unsigned i = 0; i < count; i++)
    gcn__sim_stream_emit(sim, event_text, "q1", NULL, none, now_ms);
  gcn__sim_listen_flush(service->listen);
}

static void begin_stream(struct run* run, struct service* service,
                         gcn_stream_t* shape,
                         void (*act)(struct user* user, enum user_moment)) {
  static const char* const subscriptions[] = {"routing.queueEvents@q1"};
  run_prepare(run, service);
  gcn_stream_init(shape, GCN_PRESET_GUIDE);
  shape->latency_ms = 20;
  run->options.dialect = GCN_DIALECT_STREAM;
  run->options.stream = shape;
  run->options.ack = act == NULL ? GCN_ACK_AUTO : GCN_ACK_MANUAL;
  run->user.act = act;
  user_new(&run->user, service->loop, &run->options);
  assert_int_equal(gcn_client_subscribe(run->user.client, subscriptions, 1), 0);
  assert_int_equal(gcn_client_start(run->user.client), 0);
  harness_until(service->loop, &run->user.streaming);
}

static void ack_first_three(struct user* user, enum user_moment moment) {
  if (moment != USER_EVENT || user->last_sequence > 3) return;
  assert_int_equal(gcn_client_ack(user->client, user->last_sequence), 0);
}

/* What was not acknowledged comes again, what came meanwhile comes too, and
 * nothing comes twice or is told to be missing. */
static void test_the_stream_dialect_goes_on(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  gcn_stream_t shape;
  service_open_plain(&service, loop);
  begin_stream(&run, &service, &shape, ack_first_three);
  emit_stream(&service, 1);
  run_await_durable(&run, 1);
  emit_stream(&service, 4);
  service_await_events(&run.user, 5);
  run_await_durable(&run, 3);
  struct run_file file = run_load(run_path);
  user_finish(&run.user);
  run_write(run_path, file.bytes, file.size);
  free(file.bytes);
  emit_stream(&service, 2);
  begin_stream(&run, &service, &shape, NULL);
  service_await_events(&run.user, 4);
  service_live(&service, 60);
  assert_int_equal(run.user.counts[USER_EVENT], 4);
  assert_int_equal(run.user.counts[USER_GAP], 0);
  gcn_stats_t stats = service_stats(&run.user);
  assert_int_equal(stats.resumed, 1);
  assert_int_equal(stats.resumes_lost, 0);
  assert_int_equal(run.told, 0);
  user_finish(&run.user);
  service_close(&service);
}

/* --- what can't be read --------------------------------------------------- */

/* Asserts that a run with this file is refused, dials nobody and leaves the
 * file as it is; then that it streams once the file is gone. */
static void expect_refusal(struct service* service, int error,
                           const char* why) {
  struct run run;
  uint64_t accepts = service_counters(service).accepts;
  struct run_file file = run_load(run_path);
  run_prepare(&run, service);
  service_begin_with(&run.user, service, &run.options);
  while (run.user.state != GCN_REFUSED)
    uv_run(service->loop, UV_RUN_ONCE);
  assert_int_equal(run.user.failure, error);
  assert_int_equal(run.user.failure_op, GCN_OP_CHECKPOINT);
  assert_int_equal(run.user.failure_layer, GCN_LAYER_CLIENT);
  assert_non_null(strstr(run.user.failure_text, why));
  assert_non_null(strstr(run.user.failure_text, "/position"));
  while (run.told == 0)
    uv_run(service->loop, UV_RUN_ONCE);
  assert_int_equal(run.error, error);
  assert_string_equal(run.text, run.user.failure_text);
  service_subscribe(&run.user, other_text);
  gcn_client_set_credentials(run.user.client, "id", "s3cr3t");
  service_live(service, 30);
  assert_int_equal(run.user.state, GCN_REFUSED);
  assert_int_equal(gcn_client_reconnect_now(run.user.client), 0);
  while (run.told == 1)
    uv_run(service->loop, UV_RUN_ONCE);
  assert_int_equal(run.user.state, GCN_REFUSED);
  assert_int_equal(service_counters(service).accepts, accepts);
  struct run_file after = run_load(run_path);
  assert_int_equal(after.size, file.size);
  if (file.size > 0) assert_memory_equal(after.bytes, file.bytes, file.size);
  free(after.bytes);
  free(file.bytes);
  unlink(run_path);
  unlink(run_before_path);
  assert_int_equal(gcn_client_start(run.user.client), 0);
  harness_until(service->loop, &run.user.streaming);
  user_finish(&run.user);
}

static void test_damaged(void** state) {
  struct service service;
  service_open_plain(&service, *state);
  for (int kind = 0; kind < 4; kind++) {
    run_once(&service, 1);
    unlink(run_before_path);
    struct run_file file = run_load(run_path);
    assert_true(file.size > 100);
    if (kind == 0) file.size = 0;
    if (kind == 1) file.size /= 2;
    if (kind == 2) file.bytes[file.size / 2] ^= 1;
    if (kind == 3) memset(file.bytes, 'x', file.size);
    run_write(run_path, file.bytes, file.size);
    free(file.bytes);
    static const char* const texts[] = {"it is empty", "its end is missing",
                                        "it is damaged", "not a checkpoint"};
    expect_refusal(&service, GCN_ECHECKPOINT, texts[kind]);
  }
  service_close(&service);
}

static void test_of_another_client_id(void** state) {
  struct service service;
  struct run run;
  service_open_plain(&service, *state);
  run_prepare(&run, &service);
  run.options.client_id = "other";
  run.options.close_ms = 1;
  service_begin_with(&run.user, &service, &run.options);
  while (run.user.state != GCN_REFUSED) /* by the login service */
    uv_run(service.loop, UV_RUN_ONCE);
  user_finish(&run.user);
  expect_refusal(&service, GCN_ECHECKPOINT, "it belongs to another client id");
  service_close(&service);
}

static void test_open_to_others(void** state) {
  struct service service;
  service_open_plain(&service, *state);
  run_once(&service, 1);
  assert_int_equal(chmod(run_path, 0644), 0);
  expect_refusal(&service, UV_EPERM, "mode 0600");
  service_close(&service);
}

/* Better at the start than at the first save. */
static void test_no_such_directory(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  char name[112];
  snprintf(name, sizeof name, "%s/deep/position", run_folder);
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.checkpoint_path = name;
  service_begin_with(&run.user, &service, &run.options);
  while (run.user.state != GCN_REFUSED)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(run.user.failure, UV_ENOTDIR);
  assert_non_null(strstr(run.user.failure_text, "there is no such directory"));
  user_finish(&run.user);
  service_close(&service);
}

static void test_a_path_that_can_not_be(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.checkpoint_path = "/tmp/";
  assert_int_equal(gcn_client_new(&run.user.client, loop, &run.options),
                   GCN_ECONFIG);
  assert_non_null(strstr(run.user.log_line, "slash"));
  assert_null(run.user.client);
  service_close(&service);
}

static void test_the_one_before_is_used(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  run_once(&service, 1);
  assert_int_equal(truncate(run_path, 20), 0);
  run_prepare(&run, &service);
  run_stream(&run, &service);
  assert_int_equal(run.told, 1);
  assert_int_equal(run.error, GCN_ECHECKPOINT);
  assert_non_null(strstr(run.text, "may come again"));
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 1);
  user_finish(&run.user);
  gcn__checkpoint_free(run_read());
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RUN_TEST(test_a_restart_takes_the_channel_up),
      RUN_TEST(test_a_restart_after_a_crash),
      RUN_TEST(test_a_restart_with_other_topics),
      RUN_TEST(test_what_was_handled_is_skipped),
      RUN_TEST(test_the_stream_dialect_goes_on),
      RUN_TEST(test_damaged),
      RUN_TEST(test_of_another_client_id),
      RUN_TEST(test_open_to_others),
      RUN_TEST(test_no_such_directory),
      RUN_TEST(test_a_path_that_can_not_be),
      RUN_TEST(test_the_one_before_is_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
