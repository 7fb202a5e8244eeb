/* SPDX-License-Identifier: MIT */
/*
 * What a consumer does to the client that serves him: takes his time, lets go
 * of events and of the client, listens to a log while there is no memory.
 * Cases are named by their rows of test/proof/faults.
 */
#include "child.h"
#include "consumer.h"

#include "client/client.h"
#include "client/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- a blocked loop ------------------------------------------------------- */

static void block(uint64_t duration_ms) {
  uint64_t until_ns = uv_hrtime() + duration_ms * 1000000u;
  while (uv_hrtime() < until_ns) {
  }
}

/* Events came while a callback slept past the end of all patience: they are
 * read before silence is judged. */
static void block_in_a_callback(struct user* user, enum user_moment moment) {
  if (moment != USER_EVENT || user->act_seed == 0) return;
  user->act_seed = 0;
  block(1000);
}

static void test_a_slow_callback(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = block_in_a_callback, .act_seed = 1};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.probe_ms = 200;
  options.silence_ms = 600;
  service_stream_with(&user, &service, &options);
  service_emit_many(&service, 100);
  service_await_events(&user, 100);
  service_live(&service, 300);
  assert_int_equal(user.act_seed, 0);
  gcn_stats_t stats = service_stats(&user);
  assert_int_equal(stats.attempts, 1);
  assert_int_equal(user.counts[USER_GAP], 0);
  assert_true(user.streaming);
  user_finish(&user);
  service_close(&service);
}

static void block_once(uv_timer_t* timer) {
  service_emit_many(timer->data, 10);
  block(1000);
}

/* The same by somebody else on the loop, whose timer comes before ours: the
 * bytes are in the kernel when our timer runs. */
static void test_a_blocked_loop(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  uv_timer_t timer;
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.probe_ms = 200;
  options.silence_ms = 600;
  service_stream_with(&user, &service, &options);
  uv_timer_init(loop, &timer);
  for (unsigned round = 1; round <= 3; round++) {
    timer.data = &service;
    uv_timer_start(&timer, block_once, 20, 0);
    service_await_events(&user, 10 * round);
  }
  assert_int_equal(service_stats(&user).attempts, 1);
  assert_int_equal(user.counts[USER_GAP], 0);
  harness_close((uv_handle_t*)&timer);
  user_finish(&user);
  service_close(&service);
}

struct pause {
  unsigned steps;
  const char* log;  /* NULL, or what is logged before the loop is blocked */
  const char* rule; /* which answer comes last */
};

struct slow {
  struct user user;
  uv_check_t check;
  unsigned steps;      /* at which its loop will be blocked */
  uint64_t sent_bytes; /* when the step began */
};

/* All that the step has to ask is with the kernel. */
static bool has_asked(const struct slow* slow) {
  const gcn_client_t* client = slow->user.client;
  const struct user* user = &slow->user;
  bool whole = !client->woken && client->unopened == 0;
  if (user->log_wanted != NULL && !user->log_seen) return false;
  for (unsigned i = 0; i < GCN__WIRE_COUNT && whole; i++) {
    bool settled = (client->settled & gcn__client_bit(i)) != 0;
    whole = client->wires[i] == NULL || settled;
  }
  return whole && service_stats(&slow->user).sent_bytes > slow->sent_bytes;
}

/* Blocks between a poll and the timers: what was asked is answered meanwhile,
 * and the deadline of the step passes. */
static void block_then(uv_check_t* check) {
  if (!has_asked(GCN__CONTAINER_OF(check, struct slow, check))) return;
  uv_check_stop(check);
  usleep(1600000);
}

static void block_at_step(struct user* user, enum user_moment moment) {
  struct slow* slow = GCN__CONTAINER_OF(user, struct slow, user);
  unsigned step = 1u << user->state;
  if (moment != USER_STATE || (slow->steps & step) == 0) return;
  slow->steps &= ~step; /* once */
  slow->sent_bytes = service_stats(user).sent_bytes;
  uv_check_start(&slow->check, block_then);
}

/* Streams, although its loop is blocked at these steps. */
static int connect_slowly(const char* url, const struct pause* pause) {
  uv_loop_t loop;
  struct slow slow = {.user = {.act = block_at_step}, .steps = pause->steps};
  struct user* user = &slow.user;
  if (uv_loop_init(&loop) != 0) return 2;
  uv_check_init(&loop, &slow.check);
  gcn_options_t options = user_options(user, url);
  options.phase_ms = 800;
  user->log_wanted = pause->log;
  user_new(user, &loop, &options);
  service_subscribe(user, topic_text);
  gcn_client_start(user->client);
  harness_until(&loop, &user->streaming);
  bool clean = service_stats(user).attempts == 1 && slow.steps == 0;
  if (!clean) fprintf(stderr, "# an attempt ended: %s\n", user->failure_text);
  user_finish(user);
  harness_close((uv_handle_t*)&slow.check);
  return clean ? 0 : 1;
}

/* No rule of silence comes to the rescue here: the time for one step is over,
 * and its answers lie unread.  The first of them is not taken for all. */
static void test_an_answer_unread(void** state) {
  const unsigned both = 1u << GCN_AUTHENTICATING | 1u << GCN_SUBSCRIBING;
  const struct pause rows[] = {
      {1u << GCN_AUTHENTICATING, NULL, NULL},
      {1u << GCN_SUBSCRIBING, NULL, NULL},
      {both, NULL, NULL},
      /* The channel is there; its topics and its upgrade are asked for. */
      {1u << GCN_SUBSCRIBING, "event=early", "http.slow GET /channels/* 200ms"},
      {1u << GCN_SUBSCRIBING, "event=early",
       "http.slow PUT *subscriptions 200ms"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct service service;
    service_open_plain(&service, *state);
    if (rows[i].rule != NULL) service_do(&service, rows[i].rule);
    pid_t child = child_start();
    if (child == 0) _exit(connect_slowly(service.url, &rows[i]));
    child_await(child, &service);
    assert_int_equal(service_counters(&service).token_calls, 1);
    service_close(&service);
  }
}

/* --- a consumer that lets go ---------------------------------------------- */

struct memory {
  size_t live_size;
  unsigned refused;
  bool none; /* left */
};

static void* on_alloc(void* data, void* ptr, size_t old_size, size_t new_size) {
  struct memory* memory = data;
  if (new_size == 0) {
    memory->live_size -= old_size;
    free(ptr);
    return NULL;
  }
  if (memory->none) {
    memory->refused++;
    return NULL;
  }
  void* block = realloc(ptr, new_size);
  if (block != NULL) memory->live_size += new_size - old_size;
  return block;
}

/* The third event: the last reference to the first one goes, and one to this
 * one comes and goes, and then the client. */
static void let_go(struct consumer* consumer, const gcn_event_t* event) {
  if (event->sequence == 1) {
    consumer->kept = gcn_event_retain(event);
    assert_ptr_equal(gcn_event_retain(consumer->kept), consumer->kept);
  }
  if (event->sequence == 2) gcn_event_release(consumer->kept);
  if (event->sequence != 3) return;
  assert_int_equal(consumer->kept->sequence, 1); /* one reference is left */
  const gcn_event_t* copy = gcn_event_retain(event);
  assert_non_null(copy);
  user_close(&consumer->user);
  assert_ptr_equal(copy->client, consumer->user.client);
  gcn_event_release(consumer->kept);
  gcn_event_release(copy);
  assert_memory_equal(event->topic.data, topic_text, strlen(topic_text));
}

static void test_released_inside(void** state) {
  struct service service;
  struct memory memory = {.live_size = 0};
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.alloc_cb = on_alloc;
  options.alloc_data = &memory;
  consumer->act = let_go;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 10);
  harness_until(*state, &consumer->user.closing);
  assert_int_equal(consumer->told, 3);
  consumer_free(consumer);
  assert_int_equal(memory.live_size, 0);
  service_close(&service);
}

/* --- a log ---------------------------------------------------------------- */

struct listener {
  struct user user;
  struct memory memory;
  bool inside;
  unsigned lines;
  unsigned hungry; /* lines that came while there was no memory */
  bool told_of_more;
};

static void on_line(void* data, gcn_log_level_t level, const char* line) {
  struct listener* listener = data;
  (void)level;
  assert_false(listener->inside);
  listener->inside = true;
  listener->lines++;
  if (listener->memory.none) listener->hungry++;
  if (strstr(line, "were left out") != NULL) listener->told_of_more = true;
  listener->inside = false;
}

/* Attempts that fail all the time: ten lines a second, and how many were left
 * out. */
static void test_a_flood_of_lines(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct listener listener = {.lines = 0};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&listener.user, service.url);
  options.retry_base_ms = options.retry_floor_ms = 1;
  options.retry_first_ms = options.retry_cap_ms = 2;
  options.log_cb = on_line;
  options.data = &listener;
  service_close(&service); /* nobody is there */
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_begin_with(&listener.user, &service, &options);
  while (!listener.told_of_more)
    uv_run(loop, UV_RUN_ONCE);
  uint64_t lived_ms = gcn__loop_now_ms(loop) - begun_ms;
  assert_true(listener.lines >= 10);
  assert_true(listener.lines <= 10 * (lived_ms / 1000 + 1));
  user_finish(&listener.user);
}

/* Ten thousand a second, for five seconds. */
static void test_a_deluge_of_lines(void** state) {
  struct listener listener = {.lines = 0};
  struct gcn__logger logger = {.call = on_line, .level = GCN_LOG_DEBUG};
  (void)state;
  for (uint64_t i = 0; i < 50000; i++)
    gcn__logger_write(&logger, &listener, GCN_LOG_INFO, "water", 5000 + i / 10);
  assert_int_equal(listener.lines, 5 * 10);
  assert_true(listener.told_of_more);
}

/* Lines are told while there is no memory at all, which makes no more of
 * them. */
static void test_a_log_without_memory(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct listener listener = {.lines = 0};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&listener.user, service.url);
  options.alloc_cb = on_alloc;
  options.alloc_data = &listener.memory;
  options.log_cb = on_line;
  options.data = &listener;
  service_stream_with(&listener.user, &service, &options);
  service_live(&service, 1100); /* a new window */
  listener.memory.none = true;
  service_do(&service, "tcp.reset");
  uint64_t attempts = service_stats(&listener.user).attempts;
  while (service_stats(&listener.user).attempts < attempts + 3)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(listener.memory.refused > 0);
  assert_in_range(listener.hungry, 1, 10);
  listener.memory.none = false;
  listener.user.streaming = false;
  harness_until(loop, &listener.user.streaming);
  user_finish(&listener.user);
  assert_int_equal(listener.memory.live_size, 0);
  service_close(&service);
}

int main(void) {
#define CONSUMER_TEST(text, function)                                          \
  { text, function, harness_setup, harness_teardown, NULL }
  const struct CMUnitTest tests[] = {
      CONSUMER_TEST("C01 a callback that blocks the loop is no silence",
                    test_a_slow_callback),
      CONSUMER_TEST("C01 a loop that others block is no silence",
                    test_a_blocked_loop),
      CONSUMER_TEST("C01 an answer that lies unread is not late",
                    test_an_answer_unread),
      CONSUMER_TEST("C05 released inside a callback that closes",
                    test_released_inside),
      CONSUMER_TEST("C08 a flood of log lines is bounded",
                    test_a_flood_of_lines),
      CONSUMER_TEST("C08 a deluge of log lines is bounded",
                    test_a_deluge_of_lines),
      CONSUMER_TEST("C08 a log without memory", test_a_log_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
