/* SPDX-License-Identifier: MIT */
/*
 * Many clients of one hub: what they put on the loop, how long they keep it in
 * one turn, and that no one waits for another longer than his share.
 *
 * The users dawdle for a millisecond in each callback, so a turn of the loop
 * has room for two of them and one more; that is counted, not timed.
 */
#include "service.h"

#include "client/client.h"

#include <stdlib.h>
#include <string.h>

enum {
  CROWD = 24,
  DAWDLE_NS = 1000000,
  /* A budget is two of them, and one is begun before it is spent; the run of
   * uv_run ends in the middle of a turn. */
  TURN_CALLS_MAX = 6,
};

struct crowd {
  struct service service;
  struct user users[CROWD];
  gcn_hub_t* hub;
};

static void dawdle(struct user* user, enum user_moment moment) {
  (void)user;
  (void)moment;
  uint64_t until_ns = uv_hrtime() + DAWDLE_NS;
  while (uv_hrtime() < until_ns) {
  }
}

static gcn_options_t options_of(struct crowd* crowd, unsigned i) {
  gcn_options_t options = user_options(&crowd->users[i], crowd->service.url);
  options.hub = crowd->hub;
  options.seed = i + 1;
  return options;
}

/* The service has room for all, and so have the budgets of the hub: else they
 * would get three channels, and one more a minute. */
static gcn_hub_t* generous_hub(uv_loop_t* loop) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  gcn_options_t options;
  gcn_hub_t* hub = NULL;
  gcn_options_init(&options);
  settings.channel_burst = settings.rest_burst = UINT32_MAX;
  settings.retry_burst = UINT32_MAX;
  assert_int_equal(
      gcn__hub_new(&hub, loop, &gcn__mem_libc, &options, &settings), 0);
  return hub;
}

static void open_crowd(struct crowd* crowd, uv_loop_t* loop) {
  struct gcn__sim_listen_options options = service_options();
  options.sim.channels_max = CROWD;
  options.sim.rest_per_min_max = GCN__NEVER;
  service_open(&crowd->service, loop, &options);
  crowd->hub = generous_hub(loop);
}

static void close_crowd(struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++) {
    crowd->users[i].act = NULL;
    user_close(&crowd->users[i]);
  }
  gcn_hub_release(crowd->hub);
  for (unsigned i = 0; i < CROWD; i++)
    user_finish(&crowd->users[i]);
  service_close(&crowd->service);
  assert_int_equal(harness_handles(crowd->service.loop), 0);
}

static void new_crowd(struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++) {
    gcn_options_t options = options_of(crowd, i);
    user_new(&crowd->users[i], crowd->service.loop, &options);
    service_subscribe(&crowd->users[i], topic_text);
  }
}

static unsigned count_told(const struct crowd* crowd) {
  unsigned count = 0;
  for (unsigned i = 0; i < CROWD; i++)
    count += crowd->users[i].told;
  return count;
}

/* --- what is on the loop -------------------------------------------------- */

struct handles {
  unsigned by_type[UV_HANDLE_TYPE_MAX];
};

static void count_one(uv_handle_t* handle, void* arg) {
  struct handles* handles = arg;
  handles->by_type[handle->type]++;
}

static struct handles count_handles(uv_loop_t* loop) {
  struct handles handles = {{0}};
  uv_walk(loop, count_one, &handles);
  return handles;
}

/* libuv looks at all asynchronous handles at each wake-up. */
static void test_a_timer_each(void** state) {
  uv_loop_t* loop = *state;
  struct crowd* crowd = calloc(1, sizeof *crowd);
  assert_non_null(crowd);
  open_crowd(crowd, loop);
  struct handles before = count_handles(loop);
  new_crowd(crowd);
  struct handles with = count_handles(loop);
  assert_int_equal(with.by_type[UV_ASYNC], before.by_type[UV_ASYNC] + 1);
  assert_int_equal(with.by_type[UV_IDLE], before.by_type[UV_IDLE] + 1);
  assert_int_equal(with.by_type[UV_PREPARE], before.by_type[UV_PREPARE] + 1);
  assert_int_equal(with.by_type[UV_TIMER], before.by_type[UV_TIMER] + CROWD);
  close_crowd(crowd);
  free(crowd);
}

static void end_wait(uv_timer_t* watchdog) {
  *(bool*)watchdog->data = false;
}

static void note_spin(uv_handle_t* handle, void* arg) {
  bool* spins = arg;
  if (handle->type == UV_IDLE && uv_is_active(handle)) *spins = true;
}

/* Returns when the loop may sleep: nobody waits for his turn any more. */
static void await_rest(uv_loop_t* loop) {
  bool spins = true;
  bool awake = true;
  uv_timer_t watchdog;
  uv_timer_init(loop, &watchdog);
  watchdog.data = &awake;
  uv_timer_start(&watchdog, end_wait, 10000, 0);
  while (spins) {
    uv_run(loop, UV_RUN_ONCE);
    assert_true(awake);
    spins = false;
    uv_walk(loop, note_spin, &spins);
  }
  harness_close((uv_handle_t*)&watchdog);
}

/* The hub is on the loop from the first client to the last, over and over. */
static void test_a_hub_without_clients(void** state) {
  uv_loop_t* loop = *state;
  struct user users[2] = {{.client = NULL}};
  gcn_hub_t* hub = NULL;
  assert_int_equal(gcn_hub_new(&hub, loop, NULL), 0);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(harness_handles(loop), 0);
    gcn_options_t options = user_options(&users[0], "http://127.0.0.1:1");
    options.hub = hub;
    user_new(&users[0], loop, &options);
    assert_int_equal(user_close(&users[0]), 0);
    uv_run(loop, UV_RUN_NOWAIT);
    /* Whether the first one has left by now or not. */
    options = user_options(&users[1], "http://127.0.0.1:1");
    options.hub = hub;
    user_new(&users[1], loop, &options);
    user_finish(&users[0]);
    assert_int_equal(harness_handles(loop), 4);
    user_finish(&users[1]);
    users[0] = users[1] = (struct user){.client = NULL};
  }
  gcn_hub_release(hub);
  assert_int_equal(harness_handles(loop), 0);
}

/* --- turns ---------------------------------------------------------------- */

/* Runs until `done` says so; no turn may call the users more often than its
 * budget allows. */
static void run_in_turns(struct crowd* crowd,
                         bool (*done)(const struct crowd* crowd)) {
  while (!done(crowd)) {
    unsigned before = count_told(crowd);
    uv_run(crowd->service.loop, UV_RUN_ONCE);
    assert_true(count_told(crowd) - before <= TURN_CALLS_MAX);
  }
}

static bool all_told(const struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++)
    if (crowd->users[i].told == 0) return false;
  return true;
}

static void test_many_starts(void** state) {
  struct crowd* crowd = calloc(1, sizeof *crowd);
  assert_non_null(crowd);
  open_crowd(crowd, *state);
  new_crowd(crowd);
  for (unsigned i = 0; i < CROWD; i++) {
    crowd->users[i].act = dawdle;
    assert_int_equal(gcn_client_start(crowd->users[i].client), 0);
  }
  run_in_turns(crowd, all_told);
  close_crowd(crowd);
  free(crowd);
}

static void stream_all(struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++) {
    gcn_options_t options = options_of(crowd, i);
    service_stream_with(&crowd->users[i], &crowd->service, &options);
  }
}

static bool all_lost(const struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++)
    if (crowd->users[i].streaming) return false;
  return true;
}

static bool all_stream(const struct crowd* crowd) {
  for (unsigned i = 0; i < CROWD; i++)
    if (!crowd->users[i].streaming) return false;
  return true;
}

/* All are cut at the same moment: their losses come in turns. */
static void test_many_losses(void** state) {
  struct crowd* crowd = calloc(1, sizeof *crowd);
  assert_non_null(crowd);
  open_crowd(crowd, *state);
  stream_all(crowd);
  for (unsigned i = 0; i < CROWD; i++) {
    crowd->users[i].act = dawdle;
    crowd->users[i].streaming = true;
  }
  service_do(&crowd->service, "tcp.reset");
  for (unsigned i = 0; i < CROWD; i++)
    assert_true(crowd->users[i].streaming);
  run_in_turns(crowd, all_lost);
  run_in_turns(crowd, all_stream);
  for (unsigned i = 0; i < CROWD; i++)
    crowd->users[i].act = NULL;
  await_rest(crowd->service.loop);
  close_crowd(crowd);
  free(crowd);
}

/* --- fairness ------------------------------------------------------------- */

static unsigned events_of(const struct user* user) {
  return user->counts[USER_EVENT];
}

/* One has more to do than a turn allows, always; an event of each of the others
 * waits for two turns of his at most. */
static void test_one_is_busy(void** state) {
  enum { EVENTS = 200 };
  uv_loop_t* loop = *state;
  struct crowd* crowd = calloc(1, sizeof *crowd);
  struct service other;
  struct user busy = {.client = NULL};
  assert_non_null(crowd);
  open_crowd(crowd, loop);
  service_open_plain(&other, loop);
  gcn_options_t options = user_options(&busy, other.url);
  options.hub = crowd->hub;
  service_stream_with(&busy, &other, &options);
  stream_all(crowd);
  busy.act = dawdle;
  service_emit_many(&other, EVENTS);
  while (events_of(&busy) < 20)
    uv_run(loop, UV_RUN_ONCE);
  service_emit_many(&crowd->service, 1);
  unsigned begun = events_of(&busy);
  for (unsigned i = 0; i < CROWD; i++)
    service_await_events(&crowd->users[i], 1);
  unsigned passed = events_of(&busy) - begun;
  assert_true(passed <= 4 * TURN_CALLS_MAX);
  assert_true(events_of(&busy) < EVENTS);
  busy.act = NULL;
  service_await_events(&busy, EVENTS);
  user_finish(&busy);
  service_close(&other);
  close_crowd(crowd);
  free(crowd);
}

/* A client of two connections, one of which always has more in the kernel than
 * may be told in a turn. */
struct wide {
  struct user user; /* first, since call-backs cast */
  uint32_t flooded; /* the connection */
  unsigned flood;   /* its events */
  bool other_came;
};

static void sort_events(struct user* user, enum user_moment moment) {
  struct wide* wide = (struct wide*)user;
  if (moment != USER_EVENT) return;
  dawdle(user, moment);
  if (user->last_generation == wide->flooded) {
    wide->flood++;
  } else {
    wide->other_came = true;
  }
}

static void emit(struct service* service, const char* topic,
                 struct gcn__span body, unsigned count) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  for (unsigned i = 0; i < count; i++)
    gcn__sim_emit(sim, topic, body, now_ms);
  gcn__sim_listen_flush(service->listen);
}

/* A socket that takes several reads at once. */
static int connect_roomy(void* data, const char* host, uint16_t port,
                         gcn_connect_t* request) {
  int size = 1024 * 1024; /* or as much as the system allows */
  struct sockaddr_in name;
  (void)data;
  assert_int_equal(uv_ip4_addr(host, port, &name), 0);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size),
                   0);
  assert_int_equal(connect(fd, (const struct sockaddr*)&name, sizeof name), 0);
  gcn_connect_done(request, 0, fd);
  return 0;
}

static void open_wide(struct wide* wide, struct service* service,
                      gcn_hub_t* hub) {
  const char* const topics[] = {topic_text, other_text};
  gcn_options_t options = user_options(&wide->user, service->url);
  options.hub = hub;
  options.connect_cb = connect_roomy;
  options.connection_names_max = 1;
  options.stagger_ms = 10;
  wide->user.several = true;
  user_new(&wide->user, service->loop, &options);
  assert_int_equal(gcn_client_subscribe(wide->user.client, topics, 2), 0);
  assert_int_equal(gcn_client_start(wide->user.client), 0);
  while (wide->user.connections != 2)
    service_live(service, 2);
  emit(service, topic_text, (struct gcn__span){NULL, 0}, 1);
  service_await_events(&wide->user, 1);
  wide->flooded = wide->user.last_generation;
}

/* While others wait, a client is read from when its turn has come only. */
static void test_one_connection_is_busy(void** state) {
  enum { BODY_SIZE = 8000, FLOOD = 300, PER_READ = 64 * 1024 / BODY_SIZE + 1 };
  static char body[BODY_SIZE];
  uv_loop_t* loop = *state;
  struct service service;
  struct service other;
  struct user busy = {.client = NULL};
  struct wide wide = {.flood = 0};
  gcn_hub_t* hub = generous_hub(loop);
  service_open_plain(&service, loop);
  service_open_plain(&other, loop);
  gcn_options_t options = user_options(&busy, other.url);
  options.hub = hub;
  service_stream_with(&busy, &other, &options);
  open_wide(&wide, &service, hub);
  busy.act = dawdle;
  wide.user.act = sort_events;
  service_emit_many(&other, 3 * FLOOD);
  memset(body, 'x', sizeof body);
  memcpy(body, "{\"a\":\"", 6);
  memcpy(body + sizeof body - 2, "\"}", 2);
  emit(&service, topic_text, gcn__span(body, sizeof body), FLOOD);
  while (wide.flood < 2 * PER_READ)
    uv_run(loop, UV_RUN_ONCE);
  unsigned begun = wide.flood;
  emit(&service, other_text, (struct gcn__span){NULL, 0}, 1);
  harness_until(loop, &wide.other_came);
  assert_true(wide.flood - begun <= 4 * PER_READ);
  assert_true(wide.flood < FLOOD);
  busy.act = wide.user.act = NULL;
  await_rest(loop);
  gcn_hub_release(hub);
  user_finish(&wide.user);
  user_finish(&busy);
  service_close(&other);
  service_close(&service);
}

/* Reading was stopped because so many wait, and there is nothing when the turn
 * comes: it goes on. */
static void test_nothing_to_read_after_all(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_live(&service, 200); /* all that follows from streaming */
  struct gcn_client_s* client = user.client;
  gcn__link_read(client->wires[GCN__WIRE_STREAM], false);
  client->facts[GCN__WIRE_STREAM] |= GCN__FACT_UNREAD;
  gcn__turns_wait(client->turns, &client->turn);
  await_rest(loop);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_emit_many(&service, 1);
  service_await_events(&user, 1);
  assert_true(gcn__loop_now_ms(loop) - begun_ms < 1000 * harness_slowness());
  user_finish(&user);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_a_timer_each),
      LOOP_TEST(test_a_hub_without_clients),
      LOOP_TEST(test_many_starts),
      LOOP_TEST(test_many_losses),
      LOOP_TEST(test_one_is_busy),
      LOOP_TEST(test_one_connection_is_busy),
      LOOP_TEST(test_nothing_to_read_after_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
