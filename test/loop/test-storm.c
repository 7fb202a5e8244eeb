/* SPDX-License-Identifier: MIT */
/*
 * Many users who call at random from inside callbacks, against peers that
 * refuse, hang, reset and talk nonsense.
 */
#include "user.h"

#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORM_USERS = 1000, STORM_CALLS = 60 };

static unsigned next_random(struct user* user) {
  user->act_seed = user->act_seed * 1103515245u + 12345u;
  return user->act_seed >> 16;
}

static void act_at_random(struct user* user, enum user_moment moment) {
  static const char* const topics[] = {"v2.users.1.presence",
                                       "v2.users.2.presence"};
  gcn_client_t* client = user->client;
  (void)moment;
  unsigned dice = next_random(user) % 32;
  int expected = user->closing ? GCN_ECLOSING : 0;
  int error = expected;
  if (user->told > STORM_CALLS || dice == 0) {
    user_close(user);
    return;
  }
  switch (dice) {
  case 1:
  case 2:
  case 3: error = gcn_client_start(client); break;
  case 4:
  case 5: error = gcn_client_stop(client); break;
  case 6: error = gcn_client_pause(client); break;
  case 7: error = gcn_client_resume(client); break;
  case 8: error = gcn_client_subscribe(client, topics, 2); break;
  case 9: error = gcn_client_unsubscribe(client, topics, 1); break;
  case 10: error = gcn_client_set_credentials(client, "i", "s3cr3t2"); break;
  case 11: error = gcn_client_reconnect_now(client); break;
  case 12: user_post(user); break;
  case 13: gcn_client_unref(client); break;
  case 14: gcn_client_ref(client); break;
  case 15: error = gcn_client_rotate(client); break;
  case 16: assert_int_equal(gcn_client_set_close_ms(client, dice), 0); break;
  default: break;
  }
  assert_int_equal(error, expected);
}

/* A server that resets, hangs up, talks nonsense or says nothing. */
struct rude_connection {
  uv_tcp_t tcp;
  struct gcn__list entry;
};

struct rude {
  uv_tcp_t listener;
  struct gcn__list connections;
  unsigned accepted;
  uint16_t port;
};

static void on_rude_closed(uv_handle_t* handle) {
  struct rude_connection* connection = handle->data;
  gcn__list_remove(&connection->entry);
  free(connection);
}

static void on_rude_accept(uv_stream_t* listener, int status) {
  struct rude* rude = listener->data;
  struct rude_connection* connection = malloc(sizeof *connection);
  assert_int_equal(status, 0);
  assert_non_null(connection);
  uv_tcp_init(listener->loop, &connection->tcp);
  connection->tcp.data = connection;
  gcn__list_append(&rude->connections, &connection->entry);
  uv_stream_t* stream = (uv_stream_t*)&connection->tcp;
  assert_int_equal(uv_accept(listener, stream), 0);
  uv_buf_t nonsense = uv_buf_init((char[]){"HTTP/1.1 nonsense\r\n\r\n"}, 21);
  switch (rude->accepted++ % 4) {
  case 0: uv_tcp_close_reset(&connection->tcp, on_rude_closed); break;
  case 1: uv_close((uv_handle_t*)stream, on_rude_closed); break;
  case 2: (void)uv_try_write(stream, &nonsense, 1); break;
  default: break;
  }
}

static void rude_open(struct rude* rude, uv_loop_t* loop) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(rude, 0, sizeof *rude);
  gcn__list_init(&rude->connections);
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &rude->listener);
  rude->listener.data = rude;
  uv_tcp_bind(&rude->listener, (const struct sockaddr*)&name, 0);
  assert_int_equal(
      uv_listen((uv_stream_t*)&rude->listener, 512, on_rude_accept), 0);
  uv_tcp_getsockname(&rude->listener, (struct sockaddr*)&name, &size);
  rude->port = ntohs(name.sin_port);
}

static void rude_close(struct rude* rude) {
  struct gcn__list* entry = rude->connections.next;
  for (; entry != &rude->connections; entry = entry->next) {
    struct rude_connection* connection =
        GCN__CONTAINER_OF(entry, struct rude_connection, entry);
    uv_handle_t* handle = (uv_handle_t*)&connection->tcp;
    if (!uv_is_closing(handle)) uv_close(handle, on_rude_closed);
  }
  uv_loop_t* loop = rude->listener.loop;
  harness_close((uv_handle_t*)&rude->listener);
  while (!gcn__list_empty(&rude->connections))
    uv_run(loop, UV_RUN_ONCE);
}

struct storm {
  uv_timer_t timer;
  struct user users[STORM_USERS];
  unsigned round;
};

/* Pokes users that sit still. */
static void on_storm(uv_timer_t* timer) {
  struct storm* storm = timer->data;
  storm->round++;
  for (unsigned i = 0; i < STORM_USERS; i++) {
    struct user* user = &storm->users[i];
    if (user->closing || (i + storm->round) % 4 != 0) continue;
    gcn_client_start(user->client);
    user_post(user);
    if (storm->round > 300) user_close(user);
  }
}

static bool all_closed(const struct storm* storm) {
  for (unsigned i = 0; i < STORM_USERS; i++) {
    if (!storm->users[i].closed) return false;
  }
  return true;
}

/* Rude, refusing and mute services in turn. */
static void storm_begin(struct storm* storm, uv_loop_t* loop, uint16_t port) {
  static const char* const addresses[] = {"127.0.0.1", "127.0.0.3",
                                          "127.0.0.2"};
  for (unsigned i = 0; i < STORM_USERS; i++) {
    char url[64];
    struct user* user = &storm->users[i];
    snprintf(url, sizeof url, "http://%s:%u", addresses[i % 3], (unsigned)port);
    gcn_options_t options = user_options(user, url);
    options.phase_ms = 20;
    options.close_ms = 10;
    user->act = act_at_random;
    user->act_seed = i + 1;
    user_new(user, loop, &options);
  }
  uv_timer_init(loop, &storm->timer);
  storm->timer.data = storm;
  uv_timer_start(&storm->timer, on_storm, 1, 1);
}

static void test_storm(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct rude rude;
  struct storm* storm = calloc(1, sizeof *storm);
  assert_non_null(storm);
  rude_open(&rude, loop);
  black_hole_open(&hole, "127.0.0.2", rude.port);
  storm_begin(storm, loop, rude.port);
  while (!all_closed(storm))
    uv_run(loop, UV_RUN_ONCE);
  unsigned told = 0;
  for (unsigned i = 0; i < STORM_USERS; i++) {
    assert_int_equal(storm->users[i].late, 0);
    told += storm->users[i].told;
  }
  assert_true(told > STORM_USERS * 5);
  assert_true(rude.accepted > 100);
  harness_close((uv_handle_t*)&storm->timer);
  rude_close(&rude);
  black_hole_close(&hole);
  assert_int_equal(harness_handles(loop), 0);
  free(storm);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_storm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
