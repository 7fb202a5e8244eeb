/* SPDX-License-Identifier: MIT */
/*
 * The public calls: topics, credentials, statistics, posts, and what a host may
 * do to a client with threads, fork and references.
 */
#include "user.h"

#include "client/client.h"
#include "unit/mem-probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- topics --------------------------------------------------------------- */

static uint64_t topic_count(const gcn_client_t* client) {
  gcn_stats_t stats = {.size = sizeof stats};
  assert_int_equal(gcn_client_stats(client, &stats), 0);
  return stats.topics;
}

static void test_topics(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  gcn_options_t options = user_options(&user, "http://127.0.0.1:1");
  options.topic_count_max = 3;
  user_new(&user, loop, &options);
  gcn_client_t* client = user.client;
  const char* const two[] = {"v2.users.1.presence", "V2.Users.1.Presence",
                             "v2.users.2.presence"};
  assert_int_equal(gcn_client_subscribe(client, two, 3), 0);
  assert_int_equal(topic_count(client), 2);
  const char* const more[] = {"v2.users.1.presence", "v2.users.3.presence",
                              "v2.users.4.presence"};
  assert_int_equal(gcn_client_subscribe(client, more, 3), GCN_ELIMIT);
  assert_int_equal(topic_count(client), 2);
  const char* const bad[] = {"v2.users.3.presence", "a b"};
  assert_int_equal(gcn_client_subscribe(client, bad, 2), UV_EINVAL);
  assert_int_equal(gcn_client_unsubscribe(client, bad, 2), UV_EINVAL);
  const char* const null[] = {NULL};
  assert_int_equal(gcn_client_subscribe(client, null, 1), UV_EINVAL);
  assert_int_equal(gcn_client_subscribe(client, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_client_subscribe(client, NULL, 0), 0);
  assert_int_equal(topic_count(client), 2);
  const char* const gone[] = {"v2.users.9.presence", "v2.users.2.PRESENCE"};
  assert_int_equal(gcn_client_unsubscribe(client, gone, 2), 0);
  assert_int_equal(topic_count(client), 1);
  char long_name[GCN_TOPIC_SIZE_MAX + 2];
  memset(long_name, 'x', sizeof long_name);
  long_name[GCN_TOPIC_SIZE_MAX + 1] = '\0';
  const char* const longs[] = {long_name};
  assert_int_equal(gcn_client_subscribe(client, longs, 1), UV_EINVAL);
  long_name[GCN_TOPIC_SIZE_MAX] = '\0';
  assert_int_equal(gcn_client_subscribe(client, longs, 1), 0);
  user_finish(&user);
}

static void test_topics_without_memory(void** state) {
  uv_loop_t* loop = *state;
  struct mem_probe probe = {.fail_at = 0};
  struct user user = {.client = NULL};
  gcn_options_t options = user_options(&user, "http://127.0.0.1:1");
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  user_new(&user, loop, &options);
  const char* const topics[] = {"v2.a.1", "v2.a.2", "v2.a.3"};
  int error = UV_ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    probe.fail_at = probe.count + n;
    error = gcn_client_subscribe(user.client, topics, 3);
    assert_true(error == 0 || error == UV_ENOMEM);
    assert_int_equal(topic_count(user.client), error == 0 ? 3 : 0);
  }
  probe.fail_at = 0;
  user_finish(&user);
  assert_int_equal(probe.live_size, 0);
}

static void test_credentials(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  gcn_client_t* client = user.client;
  assert_int_equal(gcn_client_set_credentials(client, NULL, "x"), UV_EINVAL);
  assert_int_equal(gcn_client_set_credentials(client, "x", ""), UV_EINVAL);
  assert_int_equal(gcn_client_set_credentials(client, "x", "a\r\nb"),
                   UV_EINVAL);
  assert_int_equal(gcn_client_set_credentials(client, "x", "y"), 0);
  user_finish(&user);
}

/* Every way in has the same rule: `good` tells whether they are taken. */
static void expect_rule(const struct user* user,
                        const gcn_credentials_t* credentials, bool good) {
  gcn_options_t options = user_options(NULL, "http://127.0.0.1:1");
  options.client_id = credentials->client_id;
  options.client_secret = credentials->client_secret;
  options.refresh_token = credentials->refresh_token;
  options.assertion = credentials->assertion;
  assert_int_equal(gcn_options_check(&options, NULL, 0),
                   good ? 0 : GCN_ECONFIG);
  gcn_client_t* client = user->client;
  const int refused = good ? 0 : UV_EINVAL;
  assert_int_equal(gcn_client_set_grant(client, credentials), refused);
  /* Nobody has asked, which is found only behind the check. */
  assert_int_equal(gcn_credentials_done(client, 1, 0, credentials, 1),
                   good ? UV_ENOENT : UV_EINVAL);
  if (credentials->refresh_token != NULL) return;
  if (credentials->assertion != NULL) return;
  assert_int_equal(gcn_client_set_credentials(client, credentials->client_id,
                                              credentials->client_secret),
                   refused);
}

static void test_one_rule_for_credentials(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  char most[1025];
  char more[1026];
  memset(most, 'x', sizeof most);
  memset(more, 'x', sizeof more);
  most[sizeof most - 1] = more[sizeof more - 1] = '\0';
  const struct {
    gcn_credentials_t credentials;
    bool good;
  } rows[] = {
      {{"a b~!", "y", NULL, NULL}, true},
      {{most, most, NULL, NULL}, true},
      {{NULL, "y", NULL, NULL}, false},
      {{"", "y", NULL, NULL}, false},
      {{" x", "y", NULL, NULL}, false},
      {{"x ", "y", NULL, NULL}, false},
      {{"x:y", "y", NULL, NULL}, false},
      {{"\xc3\xbc", "y", NULL, NULL}, false},
      {{"x\x7f", "y", NULL, NULL}, false},
      {{"x\ty", "y", NULL, NULL}, false},
      {{more, "y", NULL, NULL}, false},
      {{"x", " a:\xc3\xbc ", NULL, NULL}, true},
      {{"x", NULL, NULL, NULL}, false},
      {{"x", "", NULL, NULL}, false},
      {{"x", "y\n", NULL, NULL}, false},
      {{"x", more, NULL, NULL}, false},
      {{"x", "y", "token", "text"}, true},
      {{"x", "y", "", NULL}, false},
      {{"x", "y", "a\nb", NULL}, false},
      {{"x", "y", NULL, ""}, false},
      {{"x", "y", NULL, "a\x7f"}, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    expect_rule(&user, &rows[i].credentials, rows[i].good);
  }
  user_finish(&user);
}

static void test_stats_of_any_size(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  struct {
    gcn_stats_t stats;
    uint64_t guard;
  } room;
  memset(&room, 0xff, sizeof room);
  room.stats.size = 0;
  assert_int_equal(gcn_client_stats(user.client, &room.stats), UV_EINVAL);
  assert_int_equal(gcn_client_stats(user.client, NULL), UV_EINVAL);
  room.stats.size = offsetof(gcn_stats_t, heartbeats);
  assert_int_equal(gcn_client_stats(user.client, &room.stats), 0);
  assert_int_equal(room.stats.events, 0);
  assert_true(room.stats.heartbeats == UINT64_MAX);
  room.stats.size = sizeof room;
  assert_int_equal(gcn_client_stats(user.client, &room.stats), 0);
  assert_int_equal(room.stats.heartbeats, 0);
  assert_int_equal(room.stats.size, sizeof room);
  assert_true(room.guard == UINT64_MAX);
  user_finish(&user);
}

/* --- posts, threads, fork ------------------------------------------------- */

static void test_post(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  assert_int_equal(gcn_client_post(user.client, NULL, NULL), UV_EINVAL);
  user_post(&user);
  assert_false(user.posted);
  harness_until(loop, &user.posted);
  user_post(&user);
  user_post(&user);
  user_close(&user);
  user_finish(&user);
  assert_int_equal(user.counts[USER_POST], 3);
  assert_int_equal(user.post_status, UV_ECANCELED);
}

static void close_on_post(struct user* user, enum user_moment moment) {
  if (moment == USER_POST) user_close(user);
}

static void test_close_in_a_post(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.act = close_on_post};
  user_new_at(&user, loop, 1);
  user_post(&user);
  user_post(&user);
  while (!user.closing)
    uv_run(loop, UV_RUN_ONCE);
  user_finish(&user);
  assert_int_equal(user.counts[USER_POST], 2);
  assert_int_equal(user.post_status, UV_ECANCELED);
}

enum { THREAD_COUNT = 4, POSTS_PER_THREAD = 5000 };

struct poster {
  uv_thread_t thread;
  gcn_client_t* client;
  unsigned sent;
  unsigned seen;
  uv_thread_t loop_thread;
};

static void on_thread_post(gcn_client_t* client, int status, void* arg) {
  struct poster* poster = arg;
  uv_thread_t self = uv_thread_self();
  assert_int_equal(status, 0);
  assert_ptr_equal(client, poster->client);
  assert_true(uv_thread_equal(&self, &poster->loop_thread));
  poster->seen++;
}

static void post_many(void* arg) {
  struct poster* poster = arg;
  for (int i = 0; i < POSTS_PER_THREAD; i++) {
    if (gcn_client_post(poster->client, on_thread_post, poster) == 0) {
      poster->sent++;
    }
  }
}

static bool all_seen(const struct poster* posters) {
  for (int i = 0; i < THREAD_COUNT; i++) {
    if (posters[i].seen < POSTS_PER_THREAD) return false;
  }
  return true;
}

static void test_posts_from_threads(void** state) {
  uv_loop_t* loop = *state;
  struct poster posters[THREAD_COUNT];
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  memset(posters, 0, sizeof posters);
  for (int i = 0; i < THREAD_COUNT; i++) {
    posters[i].client = user.client;
    posters[i].loop_thread = uv_thread_self();
    uv_thread_create(&posters[i].thread, post_many, &posters[i]);
  }
  while (!all_seen(posters))
    uv_run(loop, UV_RUN_ONCE);
  for (int i = 0; i < THREAD_COUNT; i++) {
    uv_thread_join(&posters[i].thread);
    assert_int_equal(posters[i].sent, posters[i].seen);
  }
  user_finish(&user);
}

static void on_ordered_post(gcn_client_t* client, int status, void* arg) {
  const unsigned* mark = arg;
  struct user* user = gcn_client_data(client);
  assert_int_equal(status, 0);
  assert_int_equal(*mark, user->act_seed);
  user->act_seed++;
}

static void test_posts_keep_their_order(void** state) {
  uv_loop_t* loop = *state;
  unsigned marks[100];
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  for (unsigned i = 0; i < 100; i++) {
    marks[i] = i;
    assert_int_equal(gcn_client_post(user.client, on_ordered_post, &marks[i]),
                     0);
  }
  harness_settle(loop);
  assert_int_equal(user.act_seed, 100);
  user_finish(&user);
}

struct trespass {
  gcn_client_t* client;
  int results[5];
};

static void trespass(void* arg) {
  struct trespass* it = arg;
  it->results[0] = gcn_client_start(it->client);
  it->results[1] = gcn_client_close(it->client, NULL);
  it->results[2] = gcn_client_subscribe(it->client, NULL, 0);
  it->results[3] = gcn_client_set_credentials(it->client, "a", "b");
  it->results[4] = gcn_client_set_close_ms(it->client, 0);
}

static void test_wrong_thread(void** state) {
  uv_loop_t* loop = *state;
  uv_thread_t thread;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  struct trespass it = {.client = user.client};
  uv_thread_create(&thread, trespass, &it);
  uv_thread_join(&thread);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(it.results[i], GCN_EWRONGTHREAD);
  }
  harness_settle(loop);
  assert_int_equal(user.told, 0);
  user_finish(&user);
}

/* What a child may do; its exit code says what went wrong. */
static int be_a_child(gcn_client_t* client, size_t* live_size) {
  gcn_stats_t stats = {.size = sizeof stats};
  if (gcn_client_start(client) != GCN_EFORKED) return 1;
  if (gcn_client_close(client, NULL) != GCN_EFORKED) return 2;
  if (gcn_client_post(client, on_ordered_post, NULL) != GCN_EFORKED) return 3;
  if (gcn_client_stats(client, &stats) != GCN_EFORKED) return 4;
  if (gcn_client_stats_json(client, NULL, 0) != GCN_EFORKED) return 7;
  if (gcn_client_metrics(client, NULL, 0) != GCN_EFORKED) return 8;
  if (gcn_client_record(client, NULL, 0) != GCN_EFORKED) return 9;
  if (gcn_client_rotate(client) != GCN_EFORKED) return 10;
  if (gcn_client_set_grant(client, NULL) != GCN_EFORKED) return 11;
  if (gcn_token_done(client, 1, 0, "t", 1) != GCN_EFORKED) return 12;
  if (gcn_client_set_close_ms(client, 0) != GCN_EFORKED) return 13;
  gcn_client_unref(client);
  if (gcn_client_abandon(client) != 0) return 5;
  return *live_size == 0 ? 0 : 6;
}

static void test_fork(void** state) {
  uv_loop_t* loop = *state;
  struct mem_probe probe = {.fail_at = 0};
  struct peer peer;
  struct user user = {.client = NULL};
  char url[64];
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)peer.port);
  gcn_options_t options = user_options(&user, url);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  user_new(&user, loop, &options);
  gcn_client_start(user.client);
  while (peer.received == 0)
    uv_run(loop, UV_RUN_ONCE);
  user_post(&user);
  assert_int_equal(gcn_client_abandon(user.client), UV_EINVAL);
  pid_t child = fork();
  if (child == 0) _exit(be_a_child(user.client, &probe.live_size));
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  /* The parent's connection did not notice. */
  harness_until(loop, &user.posted);
  harness_settle(loop);
  assert_false(peer.ended);
  assert_int_equal(user.state, GCN_AUTHENTICATING);
  user_finish(&user);
  peer_close(&peer);
  assert_int_equal(probe.live_size, 0);
}

enum { SHARERS = 3 };

/* Abandons the clients of a hub from either end; the hub goes in between. */
static int abandon_all(struct user* users, gcn_hub_t* hub, bool backwards) {
  for (int i = 0; i < SHARERS; i++) {
    struct user* user = &users[backwards ? SHARERS - 1 - i : i];
    if (gcn_client_abandon(user->client) != 0) return 1;
    if (i == 0) gcn_hub_release(hub);
  }
  return 0;
}

/* All of them wait for their turn, and were posted to. */
static void test_fork_with_a_hub(void** state) {
  uv_loop_t* loop = *state;
  struct mem_probe probe = {.fail_at = 0};
  struct user users[SHARERS] = {{.client = NULL}};
  gcn_hub_t* hub = NULL;
  gcn_options_t options = user_options(&users[0], "http://127.0.0.1:1");
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  assert_int_equal(gcn_hub_new(&hub, loop, &options), 0);
  options.hub = hub;
  for (int i = 0; i < SHARERS; i++) {
    options.data = &users[i];
    user_new(&users[i], loop, &options);
    gcn_client_start(users[i].client);
    user_post(&users[i]);
  }
  for (int backwards = 0; backwards < 2; backwards++) {
    pid_t child = fork();
    if (child == 0) {
      int error = abandon_all(users, hub, backwards);
      _exit(error == 0 && probe.live_size == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  gcn_hub_release(hub);
  for (int i = 0; i < SHARERS; i++)
    user_finish(&users[i]);
  assert_int_equal(probe.live_size, 0);
}

static void test_unref(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct user user = {.client = NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  user_new_at(&user, loop, peer.port);
  gcn_client_start(user.client);
  gcn_client_unref(user.client);
  while (peer.received == 0)
    uv_run(loop, UV_RUN_ONCE);
  uv_unref((uv_handle_t*)&peer.listener);
  for (unsigned i = 0; i < peer.accepted; i++) {
    uv_unref((uv_handle_t*)&peer.connections[i].tcp);
  }
  assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn_client_ref(user.client);
  assert_int_not_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn_client_unref(user.client);
  assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
  /* A closing client holds the loop until it is closed. */
  user_close(&user);
  uv_run(loop, UV_RUN_DEFAULT);
  assert_true(user.closed);
  peer_close(&peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_topics),
      LOOP_TEST(test_topics_without_memory),
      LOOP_TEST(test_credentials),
      LOOP_TEST(test_one_rule_for_credentials),
      LOOP_TEST(test_stats_of_any_size),
      LOOP_TEST(test_post),
      LOOP_TEST(test_close_in_a_post),
      LOOP_TEST(test_posts_from_threads),
      LOOP_TEST(test_posts_keep_their_order),
      LOOP_TEST(test_wrong_thread),
      LOOP_TEST(test_fork),
      LOOP_TEST(test_fork_with_a_hub),
      LOOP_TEST(test_unref),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
