/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect against the simulator on real sockets: each of its five
 * presets, plain and over TLS.
 */
#include "stream-stage.h"

#include "base/list.h"

#include <stdio.h>
#include <string.h>

enum { RATE = 300, NAME_SIZE = 80 };

static const struct variant* current; /* of the test that runs */

/* Requests that a session needs besides token and upgrade. */
static uint64_t calls_per_session(gcn_preset_t preset) {
  return preset == GCN_PRESET_REST ? 1 : 0;
}

/* Each event once, in order, with its id; asserted by the stage. */
static void streams(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, RATE);
  stage_stream(stage);
  stage_await_told(stage, 100);
  stage_assert_whole(stage);
  const struct stage_topic* topic = stage_topic_of(stage, current->topic);
  assert_non_null(topic);
  assert_int_equal(topic->verdict, GCN_TOPIC_PERMITTED);
  assert_int_equal(topic->count, 1);
  assert_int_equal(stage->topic_count, 1);
  assert_int_equal(stage->gaps, 0);
  struct gcn__sim_counters counters = stage_counters(stage);
  bool ticket = current->preset == GCN_PRESET_TICKET;
  assert_int_equal(counters.token_calls, 1);
  assert_int_equal(counters.upgrades, 1);
  assert_int_equal(counters.streams, 1);
  assert_int_equal(counters.tickets, ticket);
  assert_int_equal(counters.preflights, 0);
  assert_int_equal(service_visits(&stage->service, GCN__SIM_AT_TOPICS).count,
                   calls_per_session(current->preset));
  gcn_stats_t stats = stage_stats(stage);
  assert_int_equal(stats.events, stage->told_count);
  assert_int_equal(stats.repeated, 0);
  assert_int_equal(stats.garbage, 0);
  assert_true(stats.batches > 0 && stats.batches <= counters.batches);
  stage_close(stage);
}

/* An idle stream has its signs of life. */
static void idles(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, 0);
  stage_stream(stage);
  while (stage_stats(stage).heartbeats < 3)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(stage_counters(stage).batches_empty >= 3);
  assert_true(stage->user.counts[USER_HEARTBEAT] >= 3);
  assert_int_equal(stage_counters(stage).upgrades, 1);
  assert_int_equal(stage->told_count, 0);
  stage_close(stage);
}

static void filters(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, 0);
  const char* const topics[] = {current->filtered};
  stage_begin(stage, topics, 1);
  stage_await_streaming(stage);
  uint64_t sent = stage_counters(stage).events_sent;
  uint64_t wanted[10];
  for (size_t i = 0; i < 10; i++) {
    (void)stage_emit(stage, current->topic, "UNWANTED");
    wanted[i] = stage_emit(stage, current->topic, current->type);
  }
  stage_await_told(stage, 10);
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(stage->told[wanted[i]], 1);
  }
  /* By the service: what is not wanted is not even sent. */
  assert_int_equal(stage_counters(stage).events_sent - sent, 10);
  assert_int_equal(stage_topic_of(stage, current->filtered)->verdict,
                   GCN_TOPIC_PERMITTED);
  stage_close(stage);
}

/* A change is a successor's: the stream goes on meanwhile. */
static void changes(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, RATE);
  gcn_client_t* client;
  const char* const first[] = {current->topic};
  const char* const second[] = {current->other};
  stage_stream(stage);
  client = stage->user.client;
  stage_await_told(stage, 30);
  assert_int_equal(gcn_client_subscribe(client, second, 1), 0);
  stage_await_rotation(stage);
  assert_string_equal(stage->user.last_rotation.cause,
                      "the desired topics changed");
  assert_int_equal(stage_topic_of(stage, current->other)->verdict,
                   GCN_TOPIC_PERMITTED);
  stage_expect(stage, current->other);
  stage_await_told(stage, stage->told_count + 50);
  stage_expect_no_more(stage, current->topic);
  assert_int_equal(gcn_client_unsubscribe(client, first, 1), 0);
  stage_await_rotation(stage);
  uint64_t mark = stage->last_made;
  stage_await_told(stage, stage->told_count + 50);
  stage_assert_whole(stage);
  for (uint64_t i = mark + 1; i <= stage->last_made; i++) {
    if (stage->made[i] == 1) assert_int_equal(stage->told[i], 0);
  }
  assert_string_equal(stage->sources[0].name, current->topic);
  assert_int_equal(stage->gaps, 0);
  assert_int_equal(stage->user.counts[USER_STATE], 4); /* never left it */
  assert_int_equal(stage_counters(stage).upgrades, 3);
  assert_int_equal(stage_counters(stage).token_calls, 1);
  stage_close(stage);
}

static void judge_rotation(struct stage* stage) {
  stage_await_told(stage, stage->told_count + 30);
  stage_assert_whole(stage);
  gcn_stats_t stats = stage_stats(stage);
  assert_int_equal(stage->user.counts[USER_ROTATION], 1);
  assert_int_equal(stats.rotations, 1);
  assert_int_equal(stats.rotations_unproven, 0);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stage->gaps, 0);
  assert_int_equal(stage->user.counts[USER_STATE], 4);
  assert_int_equal(stage_counters(stage).upgrades, 2);
  assert_int_equal(stage_counters(stage).streams_resumed, 1);
}

static void rotates(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, RATE);
  stage_stream(stage);
  stage_await_told(stage, 30);
  assert_int_equal(gcn_client_rotate(stage->user.client), 0);
  stage_await_rotation(stage);
  judge_rotation(stage);
  stage_close(stage);
}

static void takes_new_credentials(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, RATE);
  stage_stream(stage);
  stage_await_told(stage, 30);
  service_do(&stage->service, "secret.rotate \"s3cr3t-next\" 30s");
  assert_int_equal(
      gcn_client_set_credentials(stage->user.client, "id", "s3cr3t-next"), 0);
  stage_await_rotation(stage);
  assert_string_equal(stage->user.last_rotation.cause,
                      "new credentials were given");
  /* Tokens of the old secret are not needed any more. */
  service_do(&stage->service, "token.revoke-old");
  judge_rotation(stage);
  assert_int_equal(stage_counters(stage).token_calls, 2);
  stage_close(stage);
}

static void stop(struct stage* stage) {
  stage->user.idle = false;
  assert_int_equal(gcn_client_stop(stage->user.client), 0);
  harness_until(stage->service.loop, &stage->user.idle);
}

/* What happens meanwhile comes afterwards. */
static void stops_and_starts(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, 0);
  stage_stream(stage);
  stage_emit_many(stage, current->topic, 20);
  stage_await_told(stage, 20);
  for (unsigned i = 1; i <= 3; i++) {
    stop(stage);
    assert_int_equal(stage_counters(stage).sockets_open, 0);
    stage_emit_many(stage, current->topic, 150);
    assert_int_equal(gcn_client_start(stage->user.client), 0);
    stage_await_streaming(stage);
    stage_assert_whole(stage);
    assert_int_equal(stage->told_count, 20 + 150 * i);
    assert_int_equal(stage_stats(stage).resumed, i);
  }
  assert_int_equal(stage->gaps, 0);
  assert_int_equal(stage_counters(stage).streams_resumed, 3);
  assert_int_equal(stage_counters(stage).resumes_lost, 0);
  stage_close(stage);
}

enum { MANY = 24 };

/* Too many for one URL (or message, or body) go over several connections. */
static void spreads(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, 0);
  char names[MANY][NAME_SIZE];
  const char* topics[MANY];
  int event_size = (int)strcspn(current->topic, "@");
  for (size_t i = 0; i < MANY; i++) {
    snprintf(names[i], NAME_SIZE, "%.*s@resource-%02u", event_size,
             current->topic, (unsigned)i);
    topics[i] = names[i];
  }
  bool in_query = stage->stream.subscriptions_in == GCN_SUBSCRIPTIONS_IN_QUERY;
  stage->stream.url_size_max = in_query ? 4000 : 1000;
  stage_begin(stage, topics, MANY);
  stage->user.several = true;
  while (stage->topic_count < MANY || stage_stats(stage).state != GCN_STREAMING)
    uv_run(loop, UV_RUN_ONCE);
  for (unsigned round = 0; round < 5; round++) {
    for (size_t i = 0; i < MANY; i++)
      (void)stage_emit(stage, topics[i], NULL);
  }
  stage_assert_whole(stage);
  assert_int_equal(stage->told_count, 5 * MANY);
  gcn_stats_t stats = stage_stats(stage);
  assert_in_range(stats.connections, 2, MANY / 2);
  assert_int_equal(stage->user.connections, stats.connections);
  struct gcn__sim_counters counters = stage_counters(stage);
  assert_int_equal(counters.upgrades, stats.connections);
  assert_int_equal(counters.sockets_open, stats.connections);
  assert_int_equal(counters.token_calls, 1);
  assert_int_equal(stats.topics_rejected, 0);
  stage_close(stage);
}

static void on_batch(gcn_client_t* client, const gcn_event_t* events,
                     size_t count) {
  struct stage* stage =
      GCN__CONTAINER_OF(gcn_client_data(client), struct stage, user);
  unsigned before = stage->calls;
  for (size_t i = 0; i < count; i++) {
    stage->options.event_cb(client, &events[i]);
  }
  stage->calls = before + 1;
  if (count > stage->call_most) stage->call_most = count;
}

static void tells_batches(uv_loop_t* loop) {
  struct stage* stage = stage_open(loop, current, 0);
  gcn_event_cb each = stage->options.event_cb;
  stage->options.event_cb = NULL;
  stage->options.batch_cb = on_batch;
  stage->options.batch_count_max = 40;
  stage->stream.latency_ms = 5000;
  const char* const topics[] = {current->topic};
  stage_begin(stage, topics, 1);
  stage->options.event_cb = each; /* for on_batch */
  stage_await_streaming(stage);
  uint64_t begun_ns = uv_hrtime();
  stage_emit_many(stage, current->topic, 200); /* two batches of the service */
  stage_await_told(stage, 200);
  uint64_t took_ms = (uv_hrtime() - begun_ns) / 1000000;
  assert_int_equal(stage->told_count, 200);
  /* A call also ends by the clock, once a millisecond at the most. */
  assert_in_range(stage->call_most, 40 / harness_slowness(), 40);
  assert_in_range(stage->calls, 5, 7 + took_ms);
  assert_int_equal(stage_stats(stage).batches, 2);
  stage_close(stage);
}

/* --- all of them, for each variant ---------------------------------------- */

static const struct {
  const char* name;
  void (*run)(uv_loop_t* loop);
} cases[] = {
    {"streams", streams},
    {"idles", idles},
    {"filters", filters},
    {"changes", changes},
    {"rotates", rotates},
    {"takes_new_credentials", takes_new_credentials},
    {"stops_and_starts", stops_and_starts},
    {"spreads", spreads},
    {"tells_batches", tells_batches},
};

enum {
  CASES = sizeof cases / sizeof cases[0],
  ALL = CASES * GCN_PRESET_COUNT * 2
};

struct choice {
  size_t index; /* of the case */
  gcn_preset_t preset;
  bool tls;
  char name[NAME_SIZE];
};

static struct choice choices[ALL];
static const struct choice* chosen;

static int set_up(void** state) {
  chosen = *state;
  current = variant_of(chosen->preset, chosen->tls);
  return harness_setup(state);
}

static void run(void** state) {
  cases[chosen->index].run(*state);
}

int main(void) {
  struct CMUnitTest tests[ALL];
  size_t count = 0;
  for (size_t i = 0; i < ALL; i++) {
    struct choice* choice = &choices[count];
    choice->index = i / (GCN_PRESET_COUNT * 2);
    choice->preset = (gcn_preset_t)(i / 2 % GCN_PRESET_COUNT);
    choice->tls = i % 2 == 1;
    snprintf(choice->name, NAME_SIZE, "%s: %s%s", cases[choice->index].name,
             gcn_preset_name(choice->preset), choice->tls ? " over TLS" : "");
    tests[count++] = (struct CMUnitTest){choice->name, run, set_up,
                                         harness_teardown, choice};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
