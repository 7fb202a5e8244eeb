/* SPDX-License-Identifier: MIT */
/*
 * What the guide warns of (PROTOCOL §6.1), one test each: the simulator plays
 * the service's part or that of what lies in between.
 */
#include "middlebox.h"
#include "stream-stage.h"

#include "sim/service-stream.h"

#include <stdio.h>
#include <string.h>

enum { RATE = 300, NAME_SIZE = 64 };

static struct stage* open_guide(uv_loop_t* loop, uint64_t rate) {
  return stage_open(loop, variant_of(GCN_PRESET_GUIDE, false), rate);
}

static void assert_told(const struct stage* stage, const char* words) {
  if (strstr(stage->failures, words) != NULL) return;
  fail_msg("'%s' is not in: %s", words, stage->failures);
}

/* Nothing is lost or told twice, and no gap is invented. */
static void finish(struct stage* stage) {
  stage_emit_many(stage, stage->variant->topic, 10);
  stage_assert_whole(stage);
  assert_int_equal(stage->gaps, 0);
  stage_close(stage);
}

/* --- proxies -------------------------------------------------------------- */

static struct stage* open_behind(struct middlebox* box, uv_loop_t* loop,
                                 uint64_t rate, uint64_t idle_ms) {
  struct stage* stage = open_guide(loop, rate);
  middlebox_open(box, loop, gcn__sim_listen_port(stage->service.listen),
                 idle_ms);
  stage->options.api_url = box->url;
  return stage;
}

/* A reset, and no close frame. */
static void guide_proxy_idle_reset(void** state) {
  struct middlebox box;
  struct stage* stage = open_behind(&box, *state, 0, 200 * harness_slowness());
  const char* topic = stage->variant->topic;
  stage->stream.latency_ms = 0;
  stage_stream(stage);
  stage_emit_many(stage, topic, 100);
  stage_await_told(stage, 100);
  unsigned idled = 0; /* on a slow machine a second connection may idle, too */
  for (unsigned i = 1; i <= 3; i++) {
    harness_until(*state, &stage->user.backing_off);
    assert_true(box.idled > idled);
    idled = box.idled;
    assert_int_equal(stage->user.failure_layer, GCN_LAYER_TCP);
    stage_emit_many(stage, topic, 100); /* nobody is there */
    stage_await_streaming(stage);
    stage_await_told(stage, 100 + 100 * i);
    assert_int_equal(stage_counters(stage).streams_resumed, i);
  }
  stage_assert_whole(stage);
  assert_int_equal(stage->gaps, 0);
  stage_leave(stage);
  middlebox_close(&box);
  stage_close(stage);
}

/* Worse: the service has sent it, and it is gone. */
static void guide_proxy_idle_swallows_the_last_batch(void** state) {
  struct middlebox box;
  struct stage* stage = open_behind(&box, *state, RATE, 60000);
  stage->options.probe_ms = 200 * harness_slowness();
  stage->options.silence_ms = 400 * harness_slowness();
  stage_stream(stage);
  stage_await_told(stage, 20);
  middlebox_swallow(&box);
  uint64_t sent = stage_counters(stage).events_sent;
  harness_until(*state, &stage->user.backing_off);
  assert_int_equal(stage->user.failure, GCN_ESILENT);
  assert_true(stage_counters(stage).events_sent > sent);
  stage_await_streaming(stage);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  stage_await_told(stage, stage->told_count + 20);
  stage_assert_whole(stage);
  assert_int_equal(stage->gaps, 0);
  stage_leave(stage);
  middlebox_close(&box);
  stage_close(stage);
}

/* --- subscriptions -------------------------------------------------------- */

enum { MANY = 50, GONE = 17 };

static const char many_event[] = "routing.queueEvents@queue-";

static void begin_many(struct stage* stage) {
  char names[MANY][NAME_SIZE];
  const char* topics[MANY];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(names[i], NAME_SIZE, "%s%02u", many_event, i);
    topics[i] = names[i];
  }
  stage->stream.url_size_max = 16000; /* by estimate; it is below 8 KB */
  stage_begin(stage, topics, MANY);
  stage_await_streaming(stage);
  assert_int_equal(stage_stats(stage).connections, 1);
  assert_int_equal(stage->topic_count, MANY);
}

static void emit_to_all(struct stage* stage, unsigned but) {
  char name[NAME_SIZE];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "%s%02u", many_event, i);
    if (i != but) (void)stage_emit(stage, name, NULL);
  }
}

static void assert_verdicts(const struct stage* stage, unsigned rejected) {
  unsigned count = 0;
  for (size_t i = 0; i < stage->topic_count; i++) {
    bool permitted = stage->topics[i].verdict == GCN_TOPIC_PERMITTED;
    if (permitted) continue;
    count++;
    assert_int_equal(stage->topics[i].verdict, GCN_TOPIC_REJECTED);
    assert_string_equal(stage->topics[i].name, "routing.queueEvents@queue-17");
  }
  assert_int_equal(count, rejected);
}

/* One of 50 is deleted during an outage.  The service accepts the upgrade and
 * closes with 400 at once, the whole of it, and does not say which.  One
 * pre-flight, then a URL without it. */
static void guide_stale_subscription_400_after_101(void** state) {
  struct stage* stage = open_guide(*state, 0);
  begin_many(stage);
  emit_to_all(stage, MANY);
  stage_await_told(stage, MANY);
  service_do(&stage->service, "at 0ms for 200ms accept.close");
  service_do(&stage->service, "tcp.reset");
  harness_until(*state, &stage->user.backing_off);
  service_do(&stage->service, "subscription.delete queue-17");
  emit_to_all(stage, GONE); /* it is an outage */
  stage_await_streaming(stage);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(counters.preflights, 1);
  assert_int_equal(counters.upgrades, 3); /* good, refused, good */
  assert_int_equal(counters.streams, 3);
  assert_int_equal(counters.invalid_loops, 0);
  assert_int_equal(counters.token_calls, 1);
  assert_verdicts(stage, 1);
  const struct stage_topic* topic =
      stage_topic_of(stage, "routing.queueEvents@queue-17");
  assert_int_equal(topic->count, 2); /* permitted, rejected */
  assert_non_null(strstr(topic->reason, "resource not found"));
  assert_told(stage, "the service refused a subscription");
  stage_await_told(stage, 2 * MANY - 1);
  stage_assert_whole(stage);
  /* And so it stays. */
  service_live(&stage->service, 500);
  counters = stage_counters(stage);
  assert_int_equal(counters.preflights, 1);
  assert_int_equal(counters.upgrades, 3);
  assert_int_equal(stage_stats(stage).topics_rejected, 1);
  assert_int_equal(stage->gaps, 0);
  stage_close(stage);
}

/* It is asked about again, seldom, and taken up when it is back. */
static void guide_stale_subscription_comes_back(void** state) {
  struct stage* stage = open_guide(*state, 0);
  stage->options.topic_retry_ms = 100;
  stage->options.topic_retry_ms_max = 200;
  begin_many(stage);
  service_do(&stage->service, "subscription.delete queue-17 as=close");
  harness_until(*state, &stage->user.backing_off);
  stage_await_streaming(stage);
  assert_verdicts(stage, 1);
  while (stage_counters(stage).preflights < 4)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  service_do(&stage->service, "subscription.restore queue-17");
  stage_await_rotation(stage);
  assert_verdicts(stage, 0);
  assert_int_equal(stage_counters(stage).upgrades, 3);
  assert_int_equal(stage_counters(stage).invalid_loops, 0);
  emit_to_all(stage, MANY);
  stage_assert_whole(stage);
  stage_close(stage);
}

/* --- tokens --------------------------------------------------------------- */

/* A token with all that means something in a query. */
static const char trap[] = "a+b/c==&d?e#f%2Bg_h:i@j$k,l;m'n!o*p~q+r%/s="
                           "A+B/C==&D?E#F%2bG_H:I@J$K,L;M'N!O*P~Q+R%/S=";

static void give_token(struct stage* stage) {
  harness_until(stage->service.loop, &stage->user.asked);
  struct gcn__sim_token* token = gcn__sim_token_issue(
      stage_sim(stage), 0, gcn__sim_listen_now(stage->service.listen));
  assert_non_null(token);
  assert_int_equal(sizeof trap, sizeof token->value);
  memcpy(token->value, trap, sizeof trap);
  gcn_client_t* client = stage->user.client;
  assert_int_equal(gcn_token_done(client, stage->user.ticket, 0, trap, 86400),
                   0);
}

static void guide_unencoded_token_trap(void** state) {
  struct stage* stage = open_guide(*state, RATE);
  const char* const topics[] = {stage->variant->topic};
  stage->options.client_id = stage->options.client_secret = NULL;
  stage->options.token_cb = user_on_ask;
  stage_begin(stage, topics, 1);
  give_token(stage);
  stage_await_streaming(stage);
  stage_await_told(stage, 20);
  /* The position has such bytes, too. */
  stage->user.backing_off = false;
  service_do(&stage->service, "tcp.reset");
  harness_until(*state, &stage->user.backing_off);
  stage_await_streaming(stage);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  assert_int_equal(stage_counters(stage).streams_resumed, 1);
  assert_int_equal(stage->user.counts[USER_ASK], 1);
  finish(stage);
}

/* --- the wire ------------------------------------------------------------- */

/* Each message in seven frames, and these in writes of ten bytes. */
static void guide_fragmented_batch(void** state) {
  struct stage* stage = open_guide(*state, 0);
  stage->options.log_level = GCN_LOG_DEBUG;
  stage->text_wanted = "fragments=7";
  stage_stream(stage);
  service_do(&stage->service, "at 0ms for 60s ws.fragment 7");
  stage_emit_many(stage, stage->variant->topic, 1000);
  stage_await_told(stage, 1000);
  assert_true(stage->text_seen);
  service_do(&stage->service, "at 0ms for 60s ws.split 10");
  stage_emit_many(stage, stage->variant->topic, 10);
  stage_await_told(stage, 1010);
  assert_int_equal(stage_stats(stage).garbage, 0);
  assert_int_equal(stage_counters(stage).upgrades, 1);
  finish(stage);
}

/* --- closes --------------------------------------------------------------- */

/* Nodes drain one socket after the other; each comes back by itself. */
static void guide_rolling_update_drain(void** state) {
  struct stage* stage = open_guide(*state, 0);
  char names[MANY][NAME_SIZE];
  const char* topics[MANY];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(names[i], NAME_SIZE, "%s%02u", many_event, i);
    topics[i] = names[i];
  }
  stage->stream.url_size_max = 5000;
  stage->user.several = true;
  stage_begin(stage, topics, MANY);
  while (stage->topic_count < MANY ||
         stage_stats(stage).state != GCN_STREAMING) {
    uv_run(*state, UV_RUN_ONCE);
  }
  uint64_t connections = stage_stats(stage).connections;
  assert_in_range(connections, 2, MANY / 2);
  emit_to_all(stage, MANY);
  stage_await_told(stage, MANY);
  service_do(&stage->service, "drain 50ms");
  while (stage_counters(stage).streams < 2 * connections) {
    emit_to_all(stage, MANY);
    service_live(&stage->service, 10);
  }
  stage_assert_whole(stage);
  assert_told(stage, "going away");
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(counters.upgrades, 2 * connections);
  assert_int_equal(counters.streams_resumed, connections);
  assert_int_equal(counters.token_calls, 1);
  assert_int_equal(stage_stats(stage).failures, connections);
  assert_int_equal(stage->gaps, 0);
  stage_close(stage);
}

/* Who reads too slowly is closed with 1013, and goes on where he was. */
static void guide_backpressure_close(void** state) {
  struct stage* stage = stage_new(*state, variant_of(GCN_PRESET_GUIDE, false));
  stage->serving.sim.stream_slow_ms = 300;
  stage->serving.sim.payload_size = 4096;
  stage_serve(stage);
  stage_stream(stage);
  stage_emit_many(stage, stage->variant->topic, 10);
  stage_await_told(stage, 10);
  assert_int_equal(gcn_client_pause(stage->user.client), 0);
  stage_emit_many(stage, stage->variant->topic, 10000);
  while (stage_counters(stage).streams_slow == 0)
    service_live(&stage->service, 10);
  assert_true(stage->told_count < 200);
  assert_true(stage->user.streaming);
  assert_int_equal(gcn_client_resume(stage->user.client), 0);
  harness_until(*state, &stage->user.backing_off);
  assert_told(stage, "events were not read fast enough");
  stage_await_streaming(stage);
  stage_await_told(stage, 10010);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(counters.streams_resumed, counters.streams_slow);
  assert_int_equal(counters.upgrades, 1 + counters.streams_slow);
  assert_int_equal(counters.token_calls, 1);
  finish(stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(guide_proxy_idle_reset),
      LOOP_TEST(guide_proxy_idle_swallows_the_last_batch),
      LOOP_TEST(guide_stale_subscription_400_after_101),
      LOOP_TEST(guide_stale_subscription_comes_back),
      LOOP_TEST(guide_unencoded_token_trap),
      LOOP_TEST(guide_fragmented_batch),
      LOOP_TEST(guide_rolling_update_drain),
      LOOP_TEST(guide_backpressure_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
