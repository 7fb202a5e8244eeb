/* SPDX-License-Identifier: MIT */
/*
 * More topics than one connection holds.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

enum { TOPICS = 6, PER_CONNECTION = 2, CONNECTIONS = 3 };

/* A client with three connections; TOPICS names that do not combine. */
struct crowd {
  struct service service;
  struct user user;
  char names[TOPICS][64];
  const char* topics[TOPICS];
};

static gcn_options_t crowd_options(struct crowd* crowd) {
  gcn_options_t options = user_options(&crowd->user, crowd->service.url);
  options.connection_names_max = PER_CONNECTION;
  options.stagger_ms = 10;
  options.latency_ms_max = 50;
  options.overlap_ms = 2000;
  return options;
}

static void name_topics(struct crowd* crowd) {
  for (unsigned i = 0; i < TOPICS; i++) {
    snprintf(crowd->names[i], sizeof crowd->names[i],
             "v2.users.%08u-1111-4111-8111-111111111111.presence", i);
    crowd->topics[i] = crowd->names[i];
  }
}

static void open_crowd(struct crowd* crowd, uv_loop_t* loop) {
  memset(crowd, 0, sizeof *crowd);
  name_topics(crowd);
  crowd->user.several = true;
  service_open_plain(&crowd->service, loop);
  gcn_options_t options = crowd_options(crowd);
  user_new(&crowd->user, loop, &options);
  gcn_client_t* client = crowd->user.client;
  assert_int_equal(gcn_client_subscribe(client, crowd->topics, TOPICS), 0);
  assert_int_equal(gcn_client_start(client), 0);
}

static void await_connections(struct crowd* crowd, unsigned count) {
  while (crowd->user.connections != count)
    service_live(&crowd->service, 2);
}

static void close_crowd(struct crowd* crowd) {
  user_finish(&crowd->user);
  service_close(&crowd->service);
}

static uint32_t generation_of(struct crowd* crowd, unsigned topic) {
  struct gcn__sim* sim = gcn__sim_listen_service(crowd->service.listen);
  uint64_t now_ms = gcn__sim_listen_now(crowd->service.listen);
  unsigned count = crowd->user.counts[USER_EVENT];
  gcn__sim_emit(sim, crowd->topics[topic], (struct gcn__span){NULL, 0}, now_ms);
  gcn__sim_listen_flush(crowd->service.listen);
  service_await_events(&crowd->user, count + 1);
  harness_settle(crowd->service.loop);
  assert_int_equal(crowd->user.counts[USER_EVENT], count + 1);
  return crowd->user.last_generation;
}

/* --- together ------------------------------------------------------------- */

static void compare_states(struct user* user, enum user_moment moment) {
  if (moment != USER_STATE) return;
  bool all = user->connections == CONNECTIONS;
  assert_int_equal(gcn_client_state(user->client) == GCN_STREAMING, all);
}

static void test_one_client_several_connections(void** state) {
  struct crowd crowd;
  open_crowd(&crowd, *state);
  crowd.user.act = compare_states;
  await_connections(&crowd, CONNECTIONS);
  gcn_stats_t stats = service_stats(&crowd.user);
  assert_int_equal(stats.connections, CONNECTIONS);
  assert_int_equal(stats.topics, TOPICS);
  assert_int_equal(stats.state, GCN_STREAMING);
  assert_int_equal(stats.token_requests, 1); /* shared */
  struct gcn__sim_counters counters = service_counters(&crowd.service);
  assert_int_equal(counters.channels, CONNECTIONS);
  assert_int_equal(counters.sockets_open, CONNECTIONS);
  assert_int_equal(counters.token_calls, 1);
  service_live(&crowd.service, 50);
  assert_int_equal(crowd.user.counts[USER_TOPIC], TOPICS);
  crowd.user.act = NULL;
  close_crowd(&crowd);
}

/* What gcn_plan says is what the service sees: topics of one connection come
 * over one channel. */
static void test_the_plan_comes_true(void** state) {
  struct crowd crowd;
  gcn_plan_entry_t entries[TOPICS];
  gcn_plan_t plan;
  open_crowd(&crowd, *state);
  gcn_options_t options = crowd_options(&crowd);
  assert_int_equal(gcn_plan(&options, crowd.topics, TOPICS, entries, &plan), 0);
  assert_int_equal(plan.connections, CONNECTIONS);
  assert_int_equal(plan.topics, TOPICS);
  assert_int_equal(plan.names, TOPICS);
  await_connections(&crowd, CONNECTIONS);
  uint32_t generations[CONNECTIONS] = {0};
  unsigned counts[CONNECTIONS] = {0};
  for (unsigned i = 0; i < TOPICS; i++) {
    assert_int_equal(entries[i].error, 0);
    assert_string_equal(entries[i].name, crowd.topics[i]);
    unsigned index = entries[i].connection_index;
    assert_in_range(index, 0, CONNECTIONS - 1);
    uint32_t generation = generation_of(&crowd, i);
    if (counts[index]++ == 0) generations[index] = generation;
    assert_int_equal(generation, generations[index]);
  }
  for (unsigned i = 0; i < CONNECTIONS; i++) {
    assert_int_equal(counts[i], PER_CONNECTION);
    assert_int_not_equal(generations[i], generations[(i + 1) % CONNECTIONS]);
  }
  close_crowd(&crowd);
}

static void test_each_connection_has_its_gap(void** state) {
  struct crowd crowd;
  open_crowd(&crowd, *state);
  await_connections(&crowd, CONNECTIONS);
  service_do(&crowd.service, "tcp.reset");
  while (crowd.user.connections == CONNECTIONS)
    service_live(&crowd.service, 1);
  await_connections(&crowd, CONNECTIONS);
  assert_int_equal(crowd.user.counts[USER_GAP], CONNECTIONS);
  assert_int_equal(crowd.user.gap_topics, PER_CONNECTION);
  assert_int_equal(service_counters(&crowd.service).channels, CONNECTIONS);
  for (unsigned i = 0; i < TOPICS; i++)
    (void)generation_of(&crowd, i);
  close_crowd(&crowd);
}

/* --- fewer and more ------------------------------------------------------- */

/* Topics go, and with them connections; their end is told. */
static void test_unsubscribe_shrinks(void** state) {
  struct crowd crowd;
  gcn_plan_entry_t entries[TOPICS];
  gcn_plan_t plan;
  open_crowd(&crowd, *state);
  gcn_options_t options = crowd_options(&crowd);
  gcn_plan(&options, crowd.topics, TOPICS, entries, &plan);
  await_connections(&crowd, CONNECTIONS);
  gcn_client_t* client = crowd.user.client;
  for (unsigned i = 0; i < TOPICS; i++) {
    if (entries[i].connection_index == 0) continue;
    assert_int_equal(gcn_client_unsubscribe(client, &crowd.topics[i], 1), 0);
  }
  await_connections(&crowd, 1);
  while (service_counters(&crowd.service).sockets_open > 1)
    service_live(&crowd.service, 2);
  assert_int_equal(crowd.user.states[0], GCN_STREAMING);
  assert_int_equal(crowd.user.states[1], GCN_IDLE);
  assert_int_equal(crowd.user.states[2], GCN_IDLE);
  assert_int_equal(gcn_client_state(client), GCN_STREAMING);
  assert_int_equal(service_stats(&crowd.user).connections, 1);
  assert_int_equal(crowd.user.counts[USER_GAP], 0);
  close_crowd(&crowd);
}

/* One that is not streaming yet may go, too, and come again. */
static void test_a_connection_goes_before_it_came(void** state) {
  struct crowd crowd;
  open_crowd(&crowd, *state);
  gcn_client_t* client = crowd.user.client;
  service_do(&crowd.service, "http.hang PUT *subscriptions times=9");
  while (crowd.user.states[1] != GCN_SUBSCRIBING)
    service_live(&crowd.service, 1);
  assert_int_equal(gcn_client_unsubscribe(client, crowd.topics, TOPICS), 0);
  service_live(&crowd.service, 20);
  assert_int_equal(crowd.user.states[1], GCN_IDLE);
  assert_int_equal(service_stats(&crowd.user).connections, 1);
  gcn__sim_calm(gcn__sim_listen_service(crowd.service.listen));
  close_crowd(&crowd);
}

static void test_client_state_forgets_what_went(void** state) {
  struct crowd crowd;
  gcn_plan_entry_t entries[TOPICS];
  gcn_plan_t plan;
  open_crowd(&crowd, *state);
  gcn_options_t options = crowd_options(&crowd);
  gcn_plan(&options, crowd.topics, TOPICS, entries, &plan);
  gcn_client_t* client = crowd.user.client;
  while (crowd.user.states[0] != GCN_STREAMING)
    service_live(&crowd.service, 1);
  /* The others hang while they are made. */
  if (crowd.user.connections == 1) {
    assert_int_not_equal(gcn_client_state(client), GCN_STREAMING);
  }
  for (unsigned i = 0; i < TOPICS; i++) {
    if (entries[i].connection_index == 0) continue;
    assert_int_equal(gcn_client_unsubscribe(client, &crowd.topics[i], 1), 0);
  }
  service_live(&crowd.service, 20);
  assert_int_equal(gcn_client_state(client), GCN_STREAMING);
  assert_int_equal(service_stats(&crowd.user).state, GCN_STREAMING);
  close_crowd(&crowd);
}

static void test_limits(void** state) {
  struct crowd crowd;
  memset(&crowd, 0, sizeof crowd);
  name_topics(&crowd);
  crowd.user.several = true;
  service_open_plain(&crowd.service, *state);
  gcn_options_t options = crowd_options(&crowd);
  options.connection_count_max = 2;
  gcn_plan_entry_t entries[TOPICS];
  gcn_plan_t plan;
  assert_int_equal(gcn_plan(&options, crowd.topics, TOPICS, entries, &plan), 0);
  assert_int_equal(plan.topics, 4);
  assert_int_equal(plan.connections, 2);
  for (unsigned i = 0; i < TOPICS; i++)
    assert_int_equal(entries[i].error, i < 4 ? 0 : GCN_ELIMIT);
  user_new(&crowd.user, *state, &options);
  gcn_client_t* client = crowd.user.client;
  assert_int_equal(gcn_client_subscribe(client, crowd.topics, TOPICS),
                   GCN_ELIMIT);
  assert_int_equal(service_stats(&crowd.user).topics, 0); /* as before */
  assert_int_equal(gcn_client_subscribe(client, crowd.topics, 4), 0);
  assert_int_equal(gcn_client_subscribe(client, crowd.topics, 4), 0);
  assert_int_equal(gcn_client_subscribe(client, &crowd.topics[4], 1),
                   GCN_ELIMIT);
  assert_int_equal(service_stats(&crowd.user).topics, 4);
  close_crowd(&crowd);
}

static void test_plan_arguments(void** state) {
  (void)state;
  const char* const topics[] = {"v2.users.1.presence", "v2.USERS.1.presence",
                                "no topic \n", "v2.users.1.routingStatus",
                                NULL};
  gcn_plan_entry_t entries[5];
  gcn_plan_t plan;
  gcn_options_t options;
  assert_int_equal(gcn_plan(NULL, topics, 4, entries, NULL), UV_EINVAL);
  assert_int_equal(gcn_plan(NULL, NULL, 1, NULL, &plan), UV_EINVAL);
  gcn_options_init(&options);
  options.connection_count_max = 19;
  assert_int_equal(gcn_plan(&options, topics, 4, entries, &plan), UV_EINVAL);
  assert_int_equal(gcn_plan(NULL, NULL, 0, NULL, &plan), 0);
  assert_int_equal(plan.connections, 0);
  assert_int_equal(gcn_plan(NULL, topics, 5, entries, &plan), 0);
  assert_int_equal(entries[0].error, 0);
  assert_int_equal(entries[1].error, UV_EEXIST);
  assert_int_equal(entries[2].error, UV_EINVAL);
  assert_int_equal(entries[3].error, 0);
  assert_int_equal(entries[4].error, UV_EINVAL);
  assert_int_equal(plan.topics, 2);
  assert_int_equal(plan.names, 1); /* they share one */
  assert_string_equal(entries[0].name, entries[3].name);
  options.connection_count_max = 0;
  options.no_combining = 1;
  assert_int_equal(gcn_plan(&options, topics, 4, NULL, &plan), 0);
  assert_int_equal(plan.names, 2);
}

/* --- rotation and closing ------------------------------------------------- */

/* gcn_client_rotate replaces them one after another. */
static void test_rotation_of_several(void** state) {
  struct crowd crowd;
  memset(&crowd, 0, sizeof crowd);
  name_topics(&crowd);
  crowd.user.several = true;
  service_open_plain(&crowd.service, *state);
  gcn_options_t options = crowd_options(&crowd);
  options.connection_names_max = 3; /* two connections */
  user_new(&crowd.user, *state, &options);
  gcn_client_subscribe(crowd.user.client, crowd.topics, TOPICS);
  gcn_client_start(crowd.user.client);
  await_connections(&crowd, 2);
  gcn_client_rotate(crowd.user.client);
  harness_until(*state, &crowd.user.rotated);
  service_live(&crowd.service, 50);
  assert_int_equal(crowd.user.counts[USER_ROTATION], 1);
  /* One after another: the second one's successor has just begun, if at all. */
  assert_in_range(service_counters(&crowd.service).channels, 3, 4);
  assert_int_equal(crowd.user.connections, 2);
  assert_int_equal(crowd.user.unproven, 0);
  assert_int_equal(crowd.user.counts[USER_GAP], 0);
  close_crowd(&crowd); /* with a successor on its way */
}

static void close_at_third(struct user* user, enum user_moment moment) {
  if (moment == USER_STATE && user->states[2] == (gcn_state_t)user->act_seed) {
    user_close(user);
  }
}

static void test_close_at_every_state_of_the_third(void** state) {
  const gcn_state_t states[] = {GCN_CONNECTING, GCN_SUBSCRIBING, GCN_STREAMING,
                                GCN_CLOSING};
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    struct crowd crowd;
    open_crowd(&crowd, *state);
    crowd.user.act = close_at_third;
    crowd.user.act_seed = states[i];
    if (states[i] == GCN_CLOSING) {
      await_connections(&crowd, CONNECTIONS);
      gcn_client_stop(crowd.user.client);
    }
    harness_until(*state, &crowd.user.closed);
    assert_int_equal(crowd.user.late, 0);
    service_close(&crowd.service);
    assert_int_equal(harness_handles(*state), 0);
  }
}

static void test_stop_and_start_of_several(void** state) {
  struct crowd crowd;
  open_crowd(&crowd, *state);
  await_connections(&crowd, CONNECTIONS);
  gcn_client_stop(crowd.user.client);
  while (gcn_client_state(crowd.user.client) != GCN_IDLE)
    service_live(&crowd.service, 2);
  for (unsigned i = 0; i < CONNECTIONS; i++)
    assert_int_equal(crowd.user.states[i], GCN_IDLE);
  assert_int_equal(service_counters(&crowd.service).sockets_open, 0);
  gcn_client_start(crowd.user.client);
  await_connections(&crowd, CONNECTIONS);
  close_crowd(&crowd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_one_client_several_connections),
      LOOP_TEST(test_the_plan_comes_true),
      LOOP_TEST(test_each_connection_has_its_gap),
      LOOP_TEST(test_unsubscribe_shrinks),
      LOOP_TEST(test_a_connection_goes_before_it_came),
      LOOP_TEST(test_client_state_forgets_what_went),
      LOOP_TEST(test_limits),
      LOOP_TEST(test_plan_arguments),
      LOOP_TEST(test_rotation_of_several),
      LOOP_TEST(test_close_at_every_state_of_the_third),
      LOOP_TEST(test_stop_and_start_of_several),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
