/* SPDX-License-Identifier: MIT */
/*
 * The user's own resolver and connector, and what clients of one loop share.
 */
#include "service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- a resolver ----------------------------------------------------------- */

enum { REQUESTS_MAX = 8 };

/* The data of clients with hooks: the user first, since callbacks cast. */
struct hooked {
  struct user user;
  uint16_t port; /* of the service */
  bool at_once;
  int refuse; /* the hook's own error */
  unsigned asked;
  gcn_resolve_t* lookups[REQUESTS_MAX];
  gcn_connect_t* requests[REQUESTS_MAX];
  unsigned lookup_count;
  unsigned request_count;
  bool pair; /* connect by socket pairs, which nobody serves */
  int other_ends[REQUESTS_MAX];
};

static void answer_lookup(gcn_resolve_t* request, const char* text) {
  struct sockaddr_in name;
  assert_int_equal(uv_ip4_addr(text, 1, &name), 0);
  const struct sockaddr* const list[] = {(const struct sockaddr*)&name};
  gcn_resolve_done(request, 0, list, 1);
}

static int on_resolve(void* data, const char* host, gcn_resolve_t* request) {
  struct hooked* hooked = data;
  assert_string_equal(host, "service.test");
  hooked->asked++;
  if (hooked->refuse != 0) return hooked->refuse;
  if (hooked->at_once) {
    answer_lookup(request, "127.0.0.1");
    return 0;
  }
  assert_true(hooked->lookup_count < REQUESTS_MAX);
  hooked->lookups[hooked->lookup_count++] = request;
  return 0;
}

/* A service whose streams are named like the API's host. */
static void open_named(struct service* service, uv_loop_t* loop,
                       struct hooked* hooked) {
  struct gcn__sim_listen_options options = service_options();
  service_open(service, loop, &options);
  hooked->port = gcn__sim_listen_port(service->listen);
}

static gcn_options_t named_options(struct hooked* hooked, char url[64]) {
  snprintf(url, 64, "http://localhost:%u", (unsigned)hooked->port);
  gcn_options_t options = user_options(&hooked->user, url);
  options.retry_base_ms = options.retry_floor_ms = options.retry_cap_ms = 50;
  return options;
}

static int on_resolve_localhost(void* data, const char* host,
                                gcn_resolve_t* request) {
  assert_string_equal(host, "localhost");
  return on_resolve(data, "service.test", request);
}

static void test_resolver(void** state) {
  uv_loop_t* loop = *state;
  for (int at_once = 0; at_once < 2; at_once++) {
    struct service service;
    struct hooked hooked = {.at_once = at_once != 0};
    char url[64];
    open_named(&service, loop, &hooked);
    gcn_options_t options = named_options(&hooked, url);
    options.resolve_cb = on_resolve_localhost;
    service_begin_with(&hooked.user, &service, &options);
    while (hooked.asked == 0)
      uv_run(loop, UV_RUN_ONCE);
    if (!at_once) service_live(&service, 30);
    if (!at_once) answer_lookup(hooked.lookups[0], "127.0.0.1");
    harness_until(loop, &hooked.user.streaming);
    assert_int_equal(hooked.asked, 1); /* remembered, and shared */
    user_finish(&hooked.user);
    service_close(&service);
  }
}

static void test_resolver_that_fails(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.refuse = UV_EAI_AGAIN};
  char url[64];
  open_named(&service, loop, &hooked);
  gcn_options_t options = named_options(&hooked, url);
  options.resolve_cb = on_resolve_localhost;
  service_begin_with(&hooked.user, &service, &options);
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure, UV_EAI_AGAIN);
  assert_int_equal(hooked.user.failure_layer, GCN_LAYER_DNS);
  hooked.refuse = 0;
  while (hooked.lookup_count == 0)
    uv_run(loop, UV_RUN_ONCE);
  gcn_resolve_done(hooked.lookups[0], UV_EAI_NONAME, NULL, 0);
  hooked.user.backing_off = false;
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure, UV_EAI_NONAME);
  hooked.at_once = true;
  harness_until(loop, &hooked.user.streaming);
  user_finish(&hooked.user);
  service_close(&service);
}

/* An answer after stop is kept for the next start; one after the deadline and
 * before close does no harm; one that never comes neither. */
static void test_resolver_that_is_late(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.at_once = false};
  char url[64];
  open_named(&service, loop, &hooked);
  gcn_options_t options = named_options(&hooked, url);
  options.resolve_cb = on_resolve_localhost;
  options.dns_ms = 50;
  service_begin_with(&hooked.user, &service, &options);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  harness_until(loop, &hooked.user.backing_off);
  assert_in_range(gcn__loop_now_ms(loop) - begun_ms, 50, 650);
  assert_int_equal(hooked.user.failure, UV_ETIMEDOUT);
  assert_int_equal(hooked.user.failure_layer, GCN_LAYER_DNS);
  gcn_client_stop(hooked.user.client);
  harness_until(loop, &hooked.user.idle);
  answer_lookup(hooked.lookups[0], "127.0.0.1");
  gcn_client_start(hooked.user.client);
  harness_until(loop, &hooked.user.streaming);
  assert_int_equal(hooked.asked, 1);
  user_finish(&hooked.user);
  service_close(&service);
}

static void test_close_while_a_resolver_is_asked(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.at_once = false};
  char url[64];
  open_named(&service, loop, &hooked);
  gcn_options_t options = named_options(&hooked, url);
  options.resolve_cb = on_resolve_localhost;
  service_begin_with(&hooked.user, &service, &options);
  while (hooked.asked == 0)
    uv_run(loop, UV_RUN_ONCE);
  user_close(&hooked.user);
  answer_lookup(hooked.lookups[0], "127.0.0.1"); /* not closed yet */
  user_finish(&hooked.user);
  /* And without an answer. */
  struct hooked mute = {.at_once = false, .port = hooked.port};
  options = named_options(&mute, url);
  options.resolve_cb = on_resolve_localhost;
  service_begin_with(&mute.user, &service, &options);
  while (mute.asked == 0)
    uv_run(loop, UV_RUN_ONCE);
  user_finish(&mute.user);
  service_close(&service);
}

/* The connection has its deadline after a look-up took its time. */
static void test_connecting_has_a_deadline_after_a_look_up(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  struct hooked hooked = {.at_once = false};
  char url[64];
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  hooked.port = peer.port;
  gcn_options_t options = named_options(&hooked, url);
  options.resolve_cb = on_resolve_localhost;
  options.phase_ms = 100;
  options.retry_base_ms = 100000;
  options.retry_floor_ms = options.retry_cap_ms = 100000;
  user_new(&hooked.user, loop, &options);
  gcn_client_start(hooked.user.client);
  while (hooked.asked == 0)
    uv_run(loop, UV_RUN_ONCE);
  answer_lookup(hooked.lookups[0], "127.0.0.2");
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure, GCN_EPHASE);
  assert_true(gcn__loop_now_ms(loop) - begun_ms < 1000);
  user_finish(&hooked.user);
  peer_close(&peer);
  black_hole_close(&hole);
}

/* --- a connector ---------------------------------------------------------- */

static int dial(uint16_t port) {
  struct sockaddr_in name;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  uv_ip4_addr("127.0.0.1", port, &name);
  assert_int_equal(connect(fd, (const struct sockaddr*)&name, sizeof name), 0);
  return fd;
}

static int on_connect(void* data, const char* host, uint16_t port,
                      gcn_connect_t* request) {
  struct hooked* hooked = data;
  assert_string_equal(host, "127.0.0.1");
  assert_int_equal(port, hooked->port);
  hooked->asked++;
  if (hooked->refuse != 0) return hooked->refuse;
  if (hooked->at_once && hooked->pair) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_true(hooked->request_count < REQUESTS_MAX);
    hooked->other_ends[hooked->request_count++] = fds[1];
    gcn_connect_done(request, 0, fds[0]);
    return 0;
  }
  if (hooked->at_once) {
    gcn_connect_done(request, 0, dial(port));
    return 0;
  }
  assert_true(hooked->request_count < REQUESTS_MAX);
  hooked->requests[hooked->request_count++] = request;
  return 0;
}

static gcn_options_t connector_options(struct hooked* hooked,
                                       struct service* service) {
  hooked->port = gcn__sim_listen_port(service->listen);
  gcn_options_t options = user_options(&hooked->user, service->url);
  options.connect_cb = on_connect;
  return options;
}

static void test_connector(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.at_once = true};
  service_open_plain(&service, loop);
  gcn_options_t options = connector_options(&hooked, &service);
  service_stream_with(&hooked.user, &service, &options);
  service_emit_many(&service, 20);
  service_await_events(&hooked.user, 20);
  unsigned asked = hooked.asked;
  assert_in_range(asked, 2, 3); /* login, API, stream; all by the connector */
  hooked.user.streaming = false;
  service_do(&service, "tcp.reset");
  harness_until(loop, &hooked.user.streaming);
  assert_true(hooked.asked > asked);
  user_finish(&hooked.user);
  service_close(&service);
}

static void test_connector_over_tls(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct secure secure;
  struct hooked hooked = {.at_once = true};
  secure_open(&secure);
  sim.tls = secure.tls;
  service_open(&service, loop, &sim);
  gcn_options_t options = connector_options(&hooked, &service);
  options.ca_pem = gcn__pki_ca(secure.pki);
  service_stream_with(&hooked.user, &service, &options);
  user_finish(&hooked.user);
  service_close(&service);
  secure_close(&secure);
}

static void test_connector_with_a_socket_pair(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.at_once = true, .pair = true};
  char bytes[512];
  service_open_plain(&service, loop);
  gcn_options_t options = connector_options(&hooked, &service);
  options.phase_ms = 300;
  service_begin_with(&hooked.user, &service, &options);
  while (hooked.asked == 0)
    uv_run(loop, UV_RUN_ONCE);
  ssize_t size = -1;
  for (int i = 0; i < 200 && size <= 0; i++) {
    service_live(&service, 5);
    size = recv(hooked.other_ends[0], bytes, sizeof bytes, MSG_DONTWAIT);
  }
  /* The login host comes first: a request for a token, in the clear. */
  assert_true(size > 0);
  assert_memory_equal(bytes, "POST /oauth/token", 17);
  close(hooked.other_ends[0]);
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure_op, GCN_OP_TOKEN);
  gcn_client_stop(hooked.user.client);
  user_finish(&hooked.user);
  for (unsigned i = 1; i < hooked.request_count; i++)
    close(hooked.other_ends[i]);
  service_close(&service);
}

static void test_connector_that_fails(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.refuse = UV_ENETUNREACH};
  service_open_plain(&service, loop);
  gcn_options_t options = connector_options(&hooked, &service);
  service_begin_with(&hooked.user, &service, &options);
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure, UV_ENETUNREACH);
  hooked.refuse = 0;
  while (hooked.request_count == 0)
    uv_run(loop, UV_RUN_ONCE);
  hooked.user.backing_off = false;
  gcn_connect_done(hooked.requests[0], UV_ECONNREFUSED, -1);
  harness_until(loop, &hooked.user.backing_off);
  assert_int_equal(hooked.user.failure, UV_ECONNREFUSED);
  /* The other ones are answered late: their sockets are closed. */
  for (unsigned i = 1; i < hooked.request_count; i++)
    gcn_connect_done(hooked.requests[i], 0, dial(hooked.port));
  hooked.at_once = true;
  harness_until(loop, &hooked.user.streaming);
  user_finish(&hooked.user);
  while (gcn__sim_listen_connections(service.listen) > 0)
    uv_run(loop, UV_RUN_ONCE);
  service_close(&service);
}

static void test_connector_that_is_late(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct hooked hooked = {.at_once = false};
  service_open_plain(&service, loop);
  gcn_options_t options = connector_options(&hooked, &service);
  service_begin_with(&hooked.user, &service, &options);
  while (hooked.request_count == 0)
    uv_run(loop, UV_RUN_ONCE);
  harness_settle(loop);
  unsigned count = hooked.request_count;
  gcn_client_stop(hooked.user.client);
  harness_until(loop, &hooked.user.idle);
  gcn_connect_done(hooked.requests[0], 0, dial(hooked.port));
  user_close(&hooked.user);
  if (count > 1) gcn_connect_done(hooked.requests[1], 0, dial(hooked.port));
  user_finish(&hooked.user);
  while (gcn__sim_listen_connections(service.listen) > 0)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(service_counters(&service).requests, 0);
  service_close(&service);
}

/* --- the hub -------------------------------------------------------------- */

static void open_hub_users(struct hooked* all, unsigned count,
                           struct service* service, gcn_hub_t* hub) {
  char url[64];
  for (unsigned i = 0; i < count; i++) {
    all[i].port = gcn__sim_listen_port(service->listen);
    gcn_options_t options = named_options(&all[i], url);
    options.hub = hub;
    service_begin_with(&all[i].user, service, &options);
  }
}

static void test_hub_shares_look_ups(void** state) {
  uv_loop_t* loop = *state;
  for (int early = 0; early < 2; early++) {
    struct service service;
    struct hooked source = {.at_once = false};
    struct hooked all[3] = {{.at_once = false}};
    gcn_options_t options;
    gcn_hub_t* hub;
    service_open_plain(&service, loop);
    gcn_options_init(&options);
    options.resolve_cb = on_resolve_localhost;
    options.data = &source;
    options.handshakes_max = 2;
    assert_int_equal(gcn_hub_new(&hub, loop, &options), 0);
    open_hub_users(all, 3, &service, hub);
    while (source.asked == 0)
      uv_run(loop, UV_RUN_ONCE);
    service_live(&service, 20);
    if (early) gcn_hub_release(hub); /* the clients keep it */
    assert_int_equal(source.lookup_count, 1);
    answer_lookup(source.lookups[0], "127.0.0.1");
    for (unsigned i = 0; i < 3; i++)
      harness_until(loop, &all[i].user.streaming);
    assert_int_equal(source.asked, 1);
    for (unsigned i = 0; i < 3; i++)
      user_finish(&all[i].user);
    if (!early) gcn_hub_release(hub);
    service_close(&service);
  }
}

/* Clients go while the look-up runs; whoever is last takes the hub along. */
static void test_hub_goes_with_its_last_user(void** state) {
  uv_loop_t* loop = *state;
  for (int early = 0; early < 2; early++) {
    struct service service;
    struct hooked source = {.at_once = false};
    struct hooked all[3] = {{.at_once = false}};
    gcn_options_t options;
    gcn_hub_t* hub;
    service_open_plain(&service, loop);
    gcn_options_init(&options);
    options.resolve_cb = on_resolve_localhost;
    options.data = &source;
    assert_int_equal(gcn_hub_new(&hub, loop, &options), 0);
    open_hub_users(all, 3, &service, hub);
    while (source.asked == 0)
      uv_run(loop, UV_RUN_ONCE);
    if (early) gcn_hub_release(hub);
    for (unsigned i = 0; i < 3; i++)
      user_finish(&all[i].user);
    if (!early) answer_lookup(source.lookups[0], "127.0.0.1");
    if (!early) gcn_hub_release(hub);
    service_close(&service);
    assert_int_equal(harness_handles(loop), 0);
  }
}

static void test_hub_arguments(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  gcn_options_t options = user_options(&user, "http://127.0.0.1:1");
  gcn_hub_t* hub = NULL;
  uv_loop_t other;
  assert_int_equal(gcn_hub_new(NULL, loop, NULL), UV_EINVAL);
  assert_int_equal(gcn_hub_new(&hub, NULL, NULL), UV_EINVAL);
  options.size = 1;
  assert_int_equal(gcn_hub_new(&hub, loop, &options), UV_EINVAL);
  assert_null(hub);
  gcn_hub_release(NULL);
  options.size = sizeof options;
  assert_int_equal(uv_loop_init(&other), 0);
  assert_int_equal(gcn_hub_new(&options.hub, &other, NULL), 0);
  assert_int_equal(gcn_client_new(&user.client, loop, &options), GCN_ECONFIG);
  assert_non_null(strstr(user.log_line, "hub is of another loop"));
  gcn_hub_release(options.hub);
  assert_int_equal(uv_loop_close(&other), 0);
}

/* The child gives up clients and hub, in any order; the parent goes on. */
static void test_fork_with_a_hub(void** state) {
  uv_loop_t* loop = *state;
  for (int hub_first = 0; hub_first < 2; hub_first++) {
    struct service service;
    struct hooked all[3] = {{.at_once = false}};
    struct hooked source = {.at_once = true};
    gcn_options_t options;
    gcn_hub_t* hub;
    service_open_plain(&service, loop);
    gcn_options_init(&options);
    options.resolve_cb = on_resolve_localhost;
    options.data = &source;
    assert_int_equal(gcn_hub_new(&hub, loop, &options), 0);
    open_hub_users(all, 3, &service, hub);
    for (unsigned i = 0; i < 2; i++)
      harness_until(loop, &all[i].user.streaming);
    pid_t child = fork();
    if (child == 0) {
      int bad = gcn_client_start(all[0].user.client) != GCN_EFORKED;
      gcn_options_t late = user_options(&all[0].user, service.url);
      gcn_client_t* client;
      late.hub = hub;
      bad |= gcn_client_new(&client, loop, &late) != GCN_EFORKED;
      if (hub_first) gcn_hub_release(hub);
      for (unsigned i = 0; i < 3; i++)
        bad |= gcn_client_abandon(all[i].user.client) != 0;
      if (!hub_first) gcn_hub_release(hub);
      _exit(bad);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    service_emit_many(&service, 5);
    service_await_events(&all[0].user, 5);
    assert_true(all[1].user.streaming);
    for (unsigned i = 0; i < 3; i++)
      user_finish(&all[i].user);
    gcn_hub_release(hub);
    service_close(&service);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_resolver),
      LOOP_TEST(test_resolver_that_fails),
      LOOP_TEST(test_resolver_that_is_late),
      LOOP_TEST(test_close_while_a_resolver_is_asked),
      LOOP_TEST(test_connecting_has_a_deadline_after_a_look_up),
      LOOP_TEST(test_connector),
      LOOP_TEST(test_connector_over_tls),
      LOOP_TEST(test_connector_with_a_socket_pair),
      LOOP_TEST(test_connector_that_fails),
      LOOP_TEST(test_connector_that_is_late),
      LOOP_TEST(test_hub_shares_look_ups),
      LOOP_TEST(test_hub_goes_with_its_last_user),
      LOOP_TEST(test_hub_arguments),
      LOOP_TEST(test_fork_with_a_hub),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
