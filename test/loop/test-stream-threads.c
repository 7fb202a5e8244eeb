/* SPDX-License-Identifier: MIT */
/*
 * What people report of the stream dialect (PROTOCOL §6.2), one test each,
 * named after where it was told: the simulator does what the service is said to
 * do, and the client has to live with it.
 */
#include "middlebox.h"
#include "stream-stage.h"

#include <stdio.h>
#include <string.h>

enum { RATE = 300 };

#define BODY_OF(errors)                                                        \
  "body=\"{\\\"code\\\":400,\\\"message\\\":\\\"Bad Request\\\","              \
  "\\\"status\\\":\\\"Bad Request\\\",\\\"errors\\\":[" errors "]}\""
#define POSTED "POST /api/v2/notifications/subscriptions"

static struct stage* open_stage(uv_loop_t* loop, gcn_preset_t preset) {
  return stage_open(loop, variant_of(preset, false), RATE);
}

/* The connection goes without a word while events come, and the follower is
 * told. */
static void reset(struct stage* stage) {
  stage_await_told(stage, stage->told_count + 5);
  stage->user.backing_off = false;
  service_do(&stage->service, "tcp.reset");
  harness_until(stage->service.loop, &stage->user.backing_off);
}

static void reset_and_return(struct stage* stage) {
  reset(stage);
  stage_await_streaming(stage);
}

static uint64_t visits(struct stage* stage, enum gcn__sim_endpoint endpoint) {
  return service_visits(&stage->service, endpoint).count;
}

static void assert_told(const struct stage* stage, const char* words) {
  if (strstr(stage->failures, words) != NULL) return;
  fail_msg("'%s' is not in: %s", words, stage->failures);
}

/* It streams as ever: nothing is lost or told twice in spite of it all. */
static void finish(struct stage* stage) {
  stage_emit_many(stage, stage->variant->topic, 10);
  stage_assert_whole(stage);
  assert_int_equal(stage_counters(stage).sockets_open, 1);
  stage_close(stage);
}

static void finish_without_gap(struct stage* stage) {
  assert_int_equal(stage->gaps, 0);
  finish(stage);
}

/* --- thread A ------------------------------------------------------------- */

/* What was POSTed stays active for 5 s after its socket went: it is taken off,
 * and what is POSTed next has another name. */
static void thread_a_stale_subscription_after_reconnect(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_REST);
  stage_stream(stage);
  for (unsigned i = 1; i <= 3; i++) {
    reset_and_return(stage);
    assert_int_equal(stage_counters(stage).subscribes, 1 + i);
    assert_int_equal(visits(stage, GCN__SIM_AT_TOPICS), 1 + 2 * i);
    assert_int_equal(stage_stats(stage).failures, i);
  }
  /* A service that can't do that is not asked again before the POST. */
  service_do(&stage->service, "http.status DELETE * 405");
  reset_and_return(stage);
  assert_int_equal(stage_counters(stage).subscribes, 5);
  assert_int_equal(stage_stats(stage).failures, 4);
  /* Where it does not help to take it off, there is a wait between attempts,
   * and no loop. */
  service_do(&stage->service, "http.status " POSTED " 400 times=2 " BODY_OF(
                                  "\\\"Invalid subscription payload.\\\""));
  reset_and_return(stage);
  assert_told(stage, "are still active there");
  assert_int_equal(stage_stats(stage).failures, 4 + 3);
  assert_int_equal(stage_counters(stage).subscribes, 6);
  assert_int_equal(stage_counters(stage).upgrades, 6);
  assert_int_equal(stage_counters(stage).token_calls, 1);
  finish_without_gap(stage);
}

/* A 401 in the clothes of a 400 costs a token and no wait. */
static void thread_a_masked_token_error(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_REST);
  stage_stream(stage);
  service_do(&stage->service,
             "http.status " POSTED " 400 " BODY_OF(
                 "\\\"401 Unauthorized: the token is not valid\\\""));
  reset_and_return(stage);
  assert_int_equal(stage_counters(stage).token_calls, 2);
  assert_int_equal(stage_stats(stage).attempts, 2);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  finish_without_gap(stage);
}

static void thread_a_wrong_region_or_scope_says_so(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_REST);
  const char* const topics[] = {stage->variant->topic};
  service_do(&stage->service, "scope.missing notification:read as=400");
  stage_begin(stage, topics, 1);
  harness_until(*state, &stage->user.backing_off);
  assert_int_equal(stage->user.failure, GCN_EFORBIDDEN);
  assert_int_equal(stage->user.failure_op, GCN_OP_TOPICS);
  assert_told(stage, "check the OAuth client's scopes");
  gcn__sim_calm(stage_sim(stage));
  stage_await_streaming(stage);
  service_do(&stage->service, "http.status " POSTED " 404");
  reset_and_return(stage);
  assert_told(stage, "check that the region or API URL is the organisation's "
                     "own, and the preset or path");
  assert_int_equal(stage_counters(stage).token_calls, 1);
  finish_without_gap(stage);
}

/* errors[], of an answer and on the stream. */
static void thread_a_errors_are_handed_on(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_REST);
  stage->options.log_level = GCN_LOG_WARN; /* lines are counted, if many */
  stage_stream(stage);
  service_do(&stage->service, "http.status " POSTED " 400 " BODY_OF(
                                  "\\\"eventTypes must not be empty\\\","
                                  "\\\"endpoint is unknown\\\""));
  reset_and_return(stage);
  assert_told(stage, "eventTypes must not be empty; endpoint is unknown");
  stage->text_wanted = "The queue was renamed.";
  service_do(&stage->service, "error.message \"The queue was renamed.\"");
  while (stage->notices == 0)
    uv_run(*state, UV_RUN_ONCE);
  assert_string_equal(stage->notice, "[\"The queue was renamed.\"]");
  assert_true(stage->text_seen);
  assert_true(stage->user.streaming);
  finish_without_gap(stage);
}

/* --- thread B ------------------------------------------------------------- */

static const char vault_old[] = "s3cr3t";
static const char vault_new[] = "s3cr3t-next";

/* The vault answers a while after it was asked, with what it holds. */
static void open_vault(struct stage* stage, bool rotated) {
  harness_until(stage->service.loop, &stage->user.asked);
  stage->user.asked = false;
  service_live(&stage->service, 30);
  const gcn_credentials_t both[] = {
      {.client_id = "id", .client_secret = vault_old},
      {.client_id = "id", .client_secret = vault_new},
  };
  assert_int_equal(gcn_credentials_done(stage->user.client, stage->user.ticket,
                                        0, both, rotated ? 2 : 1),
                   0);
}

static void thread_b_secret_rotated_in_the_vault(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_SDK);
  stage->options.client_id = stage->options.client_secret = NULL;
  stage->options.credentials_cb = user_on_ask;
  const char* const topics[] = {stage->variant->topic};
  stage_begin(stage, topics, 1);
  open_vault(stage, false);
  stage_await_streaming(stage);
  stage_await_told(stage, 20);
  /* The old secret's tokens end, and so do their streams. */
  stage->user.backing_off = false;
  service_do(&stage->service, "secret.rotate \"s3cr3t-next\"");
  service_do(&stage->service, "token.revoke-old");
  harness_until(*state, &stage->user.backing_off); /* it is not silent */
  assert_told(stage, "token expired");
  open_vault(stage, true);
  stage_await_streaming(stage);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(stage->user.counts[USER_ASK], 2);
  assert_int_equal(counters.secrets_refused, 1);
  assert_int_equal(counters.token_calls, 3);
  assert_int_equal(counters.tokens, 2);
  assert_int_equal(counters.upgrades, 2);
  finish_without_gap(stage);
}

static void thread_b_handshake_429_retry_after(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_SDK);
  stage_stream(stage);
  service_do(&stage->service, "http.status GET /api/v2/notifications/stream "
                              "429 retry-after=1 times=2");
  uint64_t begun_ms = gcn__loop_now_ms(*state);
  reset(stage);
  while (stage->user.failure != GCN_ERATELIMITED)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(stage->user.retry_after, 1000);
  assert_true(stage->user.retry_in >= 1000);
  stage_await_streaming(stage);
  assert_true(gcn__loop_now_ms(*state) - begun_ms >= 2000);
  struct gcn__sim_visits upgrades =
      service_visits(&stage->service, GCN__SIM_AT_UPGRADE);
  assert_int_equal(upgrades.count, 4);
  assert_int_equal(upgrades.limited, 2);
  assert_int_equal(upgrades.early, 0);
  finish_without_gap(stage);
}

/* --- thread C ------------------------------------------------------------- */

/* Something in between gives up what is idle for 90 s (here 300 ms).  Without a
 * latency nothing comes in quiet times; with one shorter than that, batches do,
 * if only empty ones. */
static void thread_c_drops_after_90_s(void** state) {
  struct middlebox box;
  struct stage* stage =
      stage_open(*state, variant_of(GCN_PRESET_MESSAGE, false), 0);
  middlebox_open(&box, *state, gcn__sim_listen_port(stage->service.listen),
                 300);
  stage->options.api_url = box.url;
  stage->stream.latency_ms = 0;
  stage_stream(stage);
  harness_until(*state, &stage->user.backing_off);
  assert_int_equal(box.idled, 1);
  stage_await_streaming(stage);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  stage_leave(stage);
  stage->stream.latency_ms = 100;
  box.idled = 0;
  stage_stream(stage);
  service_live(&stage->service, 1500);
  assert_int_equal(box.idled, 0);
  assert_int_equal(stage_counters(stage).upgrades, 3);
  assert_true(stage_counters(stage).batches_empty >= 10);
  assert_int_equal(stage_stats(stage).failures, 0);
  stage_leave(stage);
  middlebox_close(&box);
  stage_close(stage);
}

/* The first message goes with each connection. */
static void thread_c_subscription_lost_on_reconnect(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_MESSAGE);
  stage_stream(stage);
  for (unsigned i = 1; i <= 4; i++) {
    stage_await_told(stage, stage->told_count + 10);
    reset_and_return(stage);
    assert_int_equal(stage_counters(stage).subscribes, 1 + i);
  }
  assert_int_equal(stage_topic_of(stage, stage->variant->topic)->count, 1);
  finish_without_gap(stage);
}

/* What comes again after a resume is known by its id; a position that the
 * service has lost is a gap that is told. */
static void thread_c_resume_by_last_event_id(void** state) {
  struct stage* stage =
      stage_new(*state, variant_of(GCN_PRESET_MESSAGE, false));
  stage->serving.sim.events_per_ks = RATE * 1000;
  stage->serving.sim.stream_repeat = 5;
  stage_serve(stage);
  stage_stream(stage);
  for (unsigned i = 1; i <= 5; i++) {
    stage_await_told(stage, stage->told_count + 20);
    reset_and_return(stage);
    stage_await_told(stage, stage->told_count + 1);
    assert_int_equal(stage_counters(stage).streams_resumed, i);
    assert_int_equal(stage_stats(stage).repeated, 5 * i);
  }
  stage_assert_whole(stage);
  assert_int_equal(stage->gaps, 0);
  service_do(&stage->service, "event.start");
  service_do(&stage->service, "resume.lost");
  reset_and_return(stage);
  while (stage->gaps == 0)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(stage->gaps, 1);
  assert_int_equal(stage_stats(stage).resumes_lost, 1);
  stage_forgive(stage);
  finish(stage);
}

/* No word of the token, and no loop. */
static void thread_c_403_without_scope(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_MESSAGE);
  service_do(&stage->service, "scope.missing notification:subscribe");
  const char* const topics[] = {stage->variant->topic};
  stage_begin(stage, topics, 1);
  harness_until(*state, &stage->user.backing_off);
  assert_int_equal(stage->user.failure, GCN_EFORBIDDEN);
  assert_int_equal(stage->user.failure_layer, GCN_LAYER_SERVICE);
  assert_int_equal(stage->user.failure_op, GCN_OP_UPGRADE);
  assert_told(stage, "notification:subscribe");
  assert_true(stage->user.retry_in > 0);
  assert_int_equal(stage_counters(stage).upgrades, 1);
  assert_int_equal(stage_counters(stage).token_calls, 1);
  service_do(&stage->service, "event.stop");
  gcn__sim_calm(stage_sim(stage));
  stage_await_streaming(stage);
  stage_emit_many(stage, stage->variant->topic, 20);
  assert_int_equal(stage_counters(stage).token_calls, 1);
  finish_without_gap(stage);
}

/* The number is not one of RFC 6455, and the reason is not a sentence. */
static void thread_c_close_429_with_seconds(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_MESSAGE);
  stage_stream(stage);
  stage_await_told(stage, 10);
  uint64_t begun_ms = gcn__loop_now_ms(*state);
  service_do(&stage->service, "rate.limit 1");
  harness_until(*state, &stage->user.backing_off);
  assert_int_equal(stage->user.failure, GCN_ERATELIMITED);
  assert_int_equal(stage->user.retry_after, 1000);
  assert_true(stage->user.retry_in >= 1000);
  stage_await_streaming(stage);
  assert_true(gcn__loop_now_ms(*state) - begun_ms >= 1000);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  assert_int_equal(stage_counters(stage).token_calls, 1);
  finish_without_gap(stage);
}

/* A bulk change of queues: 30,000 events at once. */
static void thread_c_burst(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_MESSAGE);
  stage_stream(stage);
  stage_emit_many(stage, stage->variant->topic, 30000);
  stage_await_told(stage, 30000);
  assert_int_equal(stage_counters(stage).upgrades, 1);
  assert_int_equal(stage_stats(stage).failures, 0);
  finish_without_gap(stage);
}

/* --- thread D ------------------------------------------------------------- */

/* What is said of a subscription token is not about the access token. */
static void thread_d_expired_ticket_401(void** state) {
  struct stage* stage = open_stage(*state, GCN_PRESET_TICKET);
  stage_stream(stage);
  assert_int_equal(stage_counters(stage).tickets, 1);
  service_do(&stage->service, "http.status GET /api/v2/notifications 401");
  reset_and_return(stage);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(counters.tickets, 2);
  assert_int_equal(counters.token_calls, 1);
  assert_int_equal(counters.upgrades, 3);
  assert_int_equal(stage_stats(stage).attempts, 2);
  stage_await_told(stage, stage->told_count + 10);
  /* It is good for more than one upgrade. */
  reset_and_return(stage);
  assert_int_equal(stage_counters(stage).tickets, 2);
  finish_without_gap(stage);
}

enum { RACERS = 60 };

static void emit_to_all(struct stage* stage, const char* const* topics,
                        size_t count) {
  for (size_t i = 0; i < count; i++)
    (void)stage_emit(stage, topics[i], NULL);
}

/* All streams lose their token in one moment, and getting a new one takes a
 * while: it is asked for once. */
static void thread_d_refresh_races_reconnect(void** state) {
  struct stage* stage =
      stage_open(*state, variant_of(GCN_PRESET_TICKET, false), 0);
  const char* topics[RACERS];
  char names[RACERS][40];
  for (unsigned i = 0; i < RACERS; i++) {
    snprintf(names[i], sizeof names[i], "telephony.callEvents@trunk-%u", i);
    topics[i] = names[i];
  }
  stage->stream.url_size_max = 4000;
  stage->user.several = true;
  stage_begin(stage, topics, RACERS);
  while (stage->topic_count < RACERS ||
         stage_stats(stage).state != GCN_STREAMING) {
    uv_run(*state, UV_RUN_ONCE);
  }
  uint64_t connections = stage_stats(stage).connections;
  assert_in_range(connections, 3, RACERS / 2);
  emit_to_all(stage, topics, RACERS);
  stage_await_told(stage, RACERS);
  service_do(&stage->service, "http.slow POST /oauth/token 200ms");
  service_do(&stage->service, "token.expire");
  assert_int_equal(stage_counters(stage).streams_expired, connections);
  emit_to_all(stage, topics, RACERS);
  while (stage_counters(stage).streams < 2 * connections) {
    assert_int_equal(gcn_client_reconnect_now(stage->user.client), 0);
    service_live(&stage->service, 5);
  }
  stage_assert_whole(stage);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(stage->told_count, 2 * RACERS);
  assert_int_equal(counters.token_calls, 2);
  assert_int_equal(counters.upgrades, 2 * connections);
  assert_int_equal(counters.sockets_open, connections);
  assert_int_equal(stage->gaps, 0);
  stage_close(stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(thread_a_stale_subscription_after_reconnect),
      LOOP_TEST(thread_a_masked_token_error),
      LOOP_TEST(thread_a_wrong_region_or_scope_says_so),
      LOOP_TEST(thread_a_errors_are_handed_on),
      LOOP_TEST(thread_b_secret_rotated_in_the_vault),
      LOOP_TEST(thread_b_handshake_429_retry_after),
      LOOP_TEST(thread_c_drops_after_90_s),
      LOOP_TEST(thread_c_subscription_lost_on_reconnect),
      LOOP_TEST(thread_c_resume_by_last_event_id),
      LOOP_TEST(thread_c_403_without_scope),
      LOOP_TEST(thread_c_close_429_with_seconds),
      LOOP_TEST(thread_c_burst),
      LOOP_TEST(thread_d_expired_ticket_401),
      LOOP_TEST(thread_d_refresh_races_reconnect),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
