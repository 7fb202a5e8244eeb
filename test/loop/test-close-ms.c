/* SPDX-License-Identifier: MIT */
/*
 * gcn_client_set_close_ms: goodbyes that are cut short.
 *
 * The service is frozen and close_ms is longer than a test may take, so a
 * goodbye ends only because it was said to.  Each way to say so is tried from
 * each place from which a goodbye is waited for.
 */
#include "service.h"

#include "client/client.h"
#include "unit/mem-probe.h"

enum {
  LONG_MS = 100000,
  CUT_MS_MAX = 5000, /* far below, and far above a turn of the loop */
};

/* --- places --------------------------------------------------------------- */

struct scene {
  uv_loop_t* loop;
  struct service service;
  struct user user;
  struct mem_probe memory;
};

static bool streams(struct scene* scene) {
  return scene->user.streaming;
}

static bool puts_topics(struct scene* scene) {
  return service_visits(&scene->service, GCN__SIM_AT_TOPICS).count == 1 &&
         service_counters(&scene->service).sockets_open == 1;
}

static bool has_successor(struct scene* scene) {
  return service_counters(&scene->service).sockets_open == 2;
}

static void do_nothing(struct scene* scene) {
  (void)scene;
}

/* The answer to the upgrade is read. */
static void settle(struct scene* scene) {
  harness_settle(scene->loop);
}

static void rotate(struct scene* scene) {
  assert_int_equal(gcn_client_rotate(scene->user.client), 0);
}

static void rest(struct scene* scene) {
  assert_int_equal(gcn_client_pause(scene->user.client), 0);
  service_emit_many(&scene->service, 20);
  harness_settle(scene->loop);
}

static void push(struct scene* scene) {
  gcn_client_unref(scene->user.client);
}

/* Where a stream is open, so that there is somebody to take leave of. */
static const struct place {
  const char* name;
  const char* rule; /* for the service; or NULL */
  bool (*begun)(struct scene* scene);
  void (*push)(struct scene* scene);
  bool (*reached)(struct scene* scene);
} places[] = {
    {"streaming", NULL, streams, do_nothing, streams},
    {"subscribing", "http.hang PUT *subscriptions times=9", puts_topics, settle,
     puts_topics},
    {"migrating", NULL, streams, rotate, has_successor},
    {"paused", NULL, streams, rest, streams},
    {"unreferenced", NULL, streams, push, streams},
};

enum { PLACES = sizeof places / sizeof places[0] };

static void run_until(struct scene* scene,
                      bool (*reached)(struct scene* scene)) {
  while (!reached(scene))
    uv_run(scene->loop, UV_RUN_ONCE);
}

static void open_scene(struct scene* scene, uv_loop_t* loop,
                       const struct place* place, uint64_t close_ms) {
  *scene = (struct scene){.loop = loop};
  service_open_plain(&scene->service, loop);
  if (place->rule != NULL) service_do(&scene->service, place->rule);
  gcn_options_t options = user_options(&scene->user, scene->service.url);
  options.close_ms = close_ms;
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &scene->memory;
  service_begin_with(&scene->user, &scene->service, &options);
  run_until(scene, place->begun);
  place->push(scene);
  run_until(scene, place->reached);
  service_do(&scene->service, "tcp.freeze");
}

static void close_scene(struct scene* scene) {
  assert_true(scene->user.closed);
  assert_int_equal(scene->user.late, 0);
  service_close(&scene->service);
  assert_int_equal(scene->memory.live_size, 0);
  assert_int_equal(harness_handles(scene->loop), 0);
}

/* --- ways ----------------------------------------------------------------- */

static void cut(struct scene* scene) {
  assert_int_equal(gcn_client_set_close_ms(scene->user.client, 0), 0);
}

/* What is waited for stays as long as nothing is said. */
static void await_goodbye(struct scene* scene) {
  const struct gcn__engine* engine = scene->user.client->engine;
  while (gcn__engine_state(engine) != GCN__STATE_CLOSING)
    uv_run(scene->loop, UV_RUN_ONCE);
  service_live(&scene->service, 20);
  assert_false(scene->user.closed);
  assert_int_equal(gcn__engine_state(engine), GCN__STATE_CLOSING);
}

static void stop(struct scene* scene) {
  assert_int_equal(gcn_client_stop(scene->user.client), 0);
}

static void during_stop(struct scene* scene) {
  stop(scene);
  await_goodbye(scene);
  assert_int_equal(scene->user.state, GCN_CLOSING);
  cut(scene);
  assert_int_equal(scene->user.state, GCN_CLOSING); /* not from inside */
  harness_until(scene->loop, &scene->user.idle);
}

static void during_close(struct scene* scene) {
  assert_int_equal(user_close(&scene->user), 0);
  await_goodbye(scene);
  cut(scene);
  assert_false(scene->user.closed);
}

static void during_both(struct scene* scene) {
  stop(scene);
  await_goodbye(scene);
  assert_int_equal(user_close(&scene->user), 0);
  await_goodbye(scene);
  cut(scene);
}

static void twice(struct scene* scene) {
  during_close(scene);
  cut(scene);
  uv_run(scene->loop, UV_RUN_NOWAIT);
  if (!scene->user.closed) cut(scene);
}

static void before_close(struct scene* scene) {
  cut(scene);
  harness_settle(scene->loop);
}

static void with_close(struct scene* scene) {
  assert_int_equal(user_close(&scene->user), 0);
  cut(scene);
  assert_false(scene->user.closed);
}

static void cut_in_callback(struct user* user, enum user_moment moment) {
  bool told = moment == USER_STATE && user->state == GCN_CLOSING;
  if (!told && moment != USER_POST) return;
  assert_int_equal(gcn_client_set_close_ms(user->client, 0), 0);
}

static void in_state_callback(struct scene* scene) {
  scene->user.act = cut_in_callback;
  stop(scene);
  harness_until(scene->loop, &scene->user.idle);
}

/* The only callback between close and its own. */
static void in_cancelled_post(struct scene* scene) {
  scene->user.act = cut_in_callback;
  user_post(&scene->user);
  assert_int_equal(user_close(&scene->user), 0);
}

static const struct way {
  const char* name;
  void (*leave)(struct scene* scene);
} ways[] = {
    {"during stop", during_stop},
    {"during close", during_close},
    {"during stop and close", during_both},
    {"twice", twice},
    {"before close", before_close},
    {"with close", with_close},
    {"in the state callback", in_state_callback},
    {"in a post that is cancelled", in_cancelled_post},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

static void test_cut_short(void** state) {
  uv_loop_t* loop = *state;
  for (int i = 0; i < PLACES * WAYS; i++) {
    static struct scene scene;
    open_scene(&scene, loop, &places[i / WAYS], LONG_MS);
    uint64_t begun_ms = gcn__loop_now_ms(loop);
    ways[i % WAYS].leave(&scene);
    user_finish(&scene.user);
    uint64_t took_ms = gcn__loop_now_ms(loop) - begun_ms;
    if (took_ms >= CUT_MS_MAX * harness_slowness()) {
      fail_msg("%s, %s: %u ms", places[i / WAYS].name, ways[i % WAYS].name,
               (unsigned)took_ms);
    }
    close_scene(&scene);
  }
}

/* --- times ---------------------------------------------------------------- */

/* From the beginning of the goodbye, not from the call. */
static void test_time_counts_from_the_beginning(void** state) {
  enum { CLOSE_MS = 1200, WAIT_MS = 900 };
  uv_loop_t* loop = *state;
  static struct scene scene;
  open_scene(&scene, loop, &places[0], LONG_MS);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  assert_int_equal(user_close(&scene.user), 0);
  await_goodbye(&scene);
  service_live(&scene.service, WAIT_MS);
  uint64_t said_ms = gcn__loop_now_ms(loop);
  gcn_client_t* client = scene.user.client;
  assert_int_equal(gcn_client_set_close_ms(client, CLOSE_MS), 0);
  user_finish(&scene.user);
  uint64_t over_ms = gcn__loop_now_ms(loop);
  assert_true(over_ms - begun_ms >= CLOSE_MS);
  assert_true(over_ms - said_ms < 1000 * harness_slowness());
  close_scene(&scene);
}

/* It holds for every goodbye to come, and for nothing else. */
static void test_before_the_first_start(void** state) {
  uv_loop_t* loop = *state;
  static struct scene scene;
  scene = (struct scene){.loop = loop};
  service_open_plain(&scene.service, loop);
  gcn_options_t options = user_options(&scene.user, scene.service.url);
  options.close_ms = LONG_MS;
  user_new(&scene.user, loop, &options);
  cut(&scene);
  assert_int_equal(scene.user.told, 0);
  service_subscribe(&scene.user, topic_text);
  for (int round = 0; round < 2; round++) {
    scene.user.streaming = false;
    scene.user.idle = false;
    assert_int_equal(gcn_client_start(scene.user.client), 0);
    harness_until(loop, &scene.user.streaming);
    service_emit_many(&scene.service, 3);
    service_await_events(&scene.user, 3 + 3 * (unsigned)round);
    service_do(&scene.service, "tcp.freeze");
    stop(&scene);
    harness_until(loop, &scene.user.idle);
  }
  user_finish(&scene.user);
  close_scene(&scene);
}

/* A service that answers is left politely all the same. */
static void test_a_goodbye_that_is_answered(void** state) {
  uv_loop_t* loop = *state;
  static struct scene scene;
  scene = (struct scene){.loop = loop};
  service_open_plain(&scene.service, loop);
  service_stream(&scene.user, &scene.service);
  gcn_client_t* client = scene.user.client;
  assert_int_equal(gcn_client_set_close_ms(client, LONG_MS), 0);
  user_finish(&scene.user);
  close_scene(&scene);
}

/* --- words ---------------------------------------------------------------- */

static void on_close_look(gcn_client_t* client) {
  bool* closed = gcn_client_data(client);
  assert_int_equal(gcn_client_state(client), GCN_CLOSED);
  assert_int_equal(gcn_client_set_close_ms(client, 0), 0);
  *closed = true;
}

static void test_what_is_refused(void** state) {
  static const uint64_t most_ms = UINT64_C(366) * 24 * 3600 * 1000;
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  bool closed = false;
  assert_int_equal(gcn_client_set_close_ms(NULL, 0), UV_EINVAL);
  user_new_at(&user, loop, 1);
  gcn_client_t* client = user.client;
  assert_int_equal(gcn_client_set_close_ms(client, most_ms), 0);
  assert_int_equal(gcn_client_set_close_ms(client, most_ms + 1), UV_EINVAL);
  assert_int_equal(gcn_client_set_close_ms(client, UINT64_MAX), UV_EINVAL);
  gcn_client_set_data(client, &closed);
  assert_int_equal(gcn_client_close(client, on_close_look), 0);
  assert_int_equal(gcn_client_set_close_ms(client, most_ms + 1), UV_EINVAL);
  assert_int_equal(gcn_client_set_close_ms(client, 1), 0);
  harness_until(loop, &closed);
  harness_drain(loop);
  assert_int_equal(harness_handles(loop), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_cut_short),
      LOOP_TEST(test_time_counts_from_the_beginning),
      LOOP_TEST(test_before_the_first_start),
      LOOP_TEST(test_a_goodbye_that_is_answered),
      LOOP_TEST(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
