/* SPDX-License-Identifier: MIT */
/*
 * Loops in threads of their own, at the same time: for the thread sanitizer.
 *
 * Each thread has a loop, a service, a hub, and two clients that share the hub,
 * as clients of one loop may. Names are looked up on libuv's pool, which all
 * loops share, and other threads post to the clients meanwhile. Nothing of one
 * loop may show in another.
 */
#include "service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LOOP_COUNT = 3, CLIENT_COUNT = 2, EVENT_COUNT = 20, POST_COUNT = 50 };

struct party {
  uv_thread_t thread;
  uv_loop_t* loop;
  struct service service;
  struct user users[CLIENT_COUNT];
  gcn_hub_t* hub;
  unsigned posted;  /* to the first user; by the loop's thread only */
  unsigned strange; /* posts in a thread that is not the loop's */
  bool done;
};

static void on_post(gcn_client_t* client, int status, void* arg) {
  struct party* party = arg;
  uv_thread_t self = uv_thread_self();
  (void)client;
  assert_int_equal(status, 0);
  if (!uv_thread_equal(&self, &party->thread)) party->strange++;
  if (++party->posted == POST_COUNT) party->done = true;
}

static void post_all(void* arg) {
  struct party* party = arg;
  for (int i = 0; i < POST_COUNT; i++)
    assert_int_equal(gcn_client_post(party->users[0].client, on_post, party),
                     0);
}

static void begin(struct party* party, struct user* user) {
  char url[96];
  unsigned port = 0;
  assert_int_equal(sscanf(party->service.url, "http://127.0.0.1:%u", &port), 1);
  snprintf(url, sizeof url, "http://localhost:%u", port);
  gcn_options_t options = user_options(user, url);
  options.hub = party->hub;
  service_stream_with(user, &party->service, &options);
}

static void live(void* arg) {
  struct party* party = arg;
  void* loop = NULL;
  uv_thread_t poster;
  party->thread = uv_thread_self();
  assert_int_equal(harness_setup(&loop), 0);
  party->loop = loop;
  service_open_plain(&party->service, loop);
  assert_int_equal(gcn_hub_new(&party->hub, loop, NULL), 0);
  for (int i = 0; i < CLIENT_COUNT; i++)
    begin(party, &party->users[i]);
  assert_int_equal(uv_thread_create(&poster, post_all, party), 0);
  service_emit_many(&party->service, EVENT_COUNT);
  for (int i = 0; i < CLIENT_COUNT; i++)
    service_await_events(&party->users[i], EVENT_COUNT);
  harness_until(loop, &party->done);
  uv_thread_join(&poster);
  for (int i = 0; i < CLIENT_COUNT; i++)
    user_finish(&party->users[i]);
  gcn_hub_release(party->hub);
  service_close(&party->service);
  assert_int_equal(harness_teardown(&loop), 0);
}

static void loops_in_threads(void** state) {
  static struct party parties[LOOP_COUNT];
  uv_thread_t threads[LOOP_COUNT];
  (void)state;
  for (int i = 0; i < LOOP_COUNT; i++)
    assert_int_equal(uv_thread_create(&threads[i], live, &parties[i]), 0);
  for (int i = 0; i < LOOP_COUNT; i++)
    uv_thread_join(&threads[i]);
  for (int i = 0; i < LOOP_COUNT; i++) {
    assert_int_equal(parties[i].posted, POST_COUNT);
    assert_int_equal(parties[i].strange, 0);
    for (int j = 0; j < CLIENT_COUNT; j++)
      assert_int_equal(parties[i].users[j].counts[USER_EVENT], EVENT_COUNT);
  }
}

/* Somebody posts until the very end, which waits for him. */
struct chat {
  gcn_client_t* client;
  uv_thread_t poster;
  atomic_bool over;
  atomic_uint accepted;
  unsigned refused; /* the poster's */
  unsigned called;
  bool closed;
};

static void on_word(gcn_client_t* client, int status, void* arg) {
  struct chat* chat = arg;
  (void)client;
  (void)status; /* 0, or it closes */
  chat->called++;
}

static void talk(void* arg) {
  struct chat* chat = arg;
  while (!atomic_load(&chat->over)) {
    int error = gcn_client_post(chat->client, on_word, chat);
    if (error == 0) {
      atomic_fetch_add(&chat->accepted, 1);
    } else {
      assert_int_equal(error, GCN_ECLOSING);
      chat->refused++;
    }
  }
}

static void on_chat_closed(gcn_client_t* client) {
  struct chat* chat = gcn_client_data(client);
  atomic_store(&chat->over, true);
  uv_thread_join(&chat->poster);
  chat->closed = true;
}

static void open_chat(struct chat* chat, uv_loop_t* loop, gcn_hub_t* hub) {
  struct user unused;
  gcn_options_t options = user_options(&unused, "http://127.0.0.1:1");
  options.hub = hub;
  options.data = chat;
  options.state_cb = NULL;
  options.log_cb = NULL;
  assert_int_equal(gcn_client_new(&chat->client, loop, &options), 0);
  assert_int_equal(uv_thread_create(&chat->poster, talk, chat), 0);
  while (atomic_load(&chat->accepted) == 0)
    uv_run(loop, UV_RUN_NOWAIT);
}

/* The first one leaves the others of its hub, the last one the loop. */
static void posting_until_the_end(void** state) {
  enum { CHATS = 2 };
  static struct chat chats[CHATS];
  gcn_hub_t* hub = NULL;
  assert_int_equal(gcn_hub_new(&hub, *state, NULL), 0);
  for (int i = 0; i < CHATS; i++)
    open_chat(&chats[i], *state, hub);
  gcn_hub_release(hub);
  for (int i = 0; i < CHATS; i++) {
    assert_int_equal(gcn_client_close(chats[i].client, on_chat_closed), 0);
    harness_until(*state, &chats[i].closed);
    assert_int_equal(chats[i].called, atomic_load(&chats[i].accepted));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_in_threads),
      LOOP_TEST(posting_until_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
