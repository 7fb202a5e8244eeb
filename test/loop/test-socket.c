/* SPDX-License-Identifier: MIT */
/*
 * What the kernel was told about a link's socket, as the kernel tells it.
 */
#include "owner.h"

#include "loop/suspend.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

/* The descriptor of the link: the handle that is connected to the peer's port.
 */
struct search {
  uint16_t port;
  int fd;
};

static void look_at(uv_handle_t* handle, void* arg) {
  struct search* search = arg;
  struct sockaddr_in name;
  int size = sizeof name;
  uv_os_fd_t fd;
  if (handle->type != UV_TCP) return;
  int error = uv_tcp_getpeername((const uv_tcp_t*)handle,
                                 (struct sockaddr*)&name, &size);
  if (error != 0 || ntohs(name.sin_port) != search->port) return;
  assert_int_equal(uv_fileno(handle, &fd), 0);
  search->fd = fd;
}

static int descriptor_to(uv_loop_t* loop, const struct peer* peer) {
  struct search search = {peer->port, -1};
  uv_walk(loop, look_at, &search);
  assert_true(search.fd >= 0);
  return search.fd;
}

static int get(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

static struct owner* connect_with(uv_loop_t* loop, struct peer* peer,
                                  const struct gcn__socket_options* socket) {
  peer_listen(peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  struct gcn__link_options options =
      owner_options(owner, "127.0.0.1", peer->port);
  options.socket = socket;
  owner_open_with(owner, &options);
  harness_until(loop, &owner->linked);
  return owner;
}

static void test_defaults(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = connect_with(loop, &peer, NULL);
  int fd = descriptor_to(loop, &peer);
  assert_int_equal(gcn__link_refused_options(owner->link), 0);
  assert_int_not_equal(get(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  assert_int_not_equal(get(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
#ifdef __linux__
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
#endif
  owner_free(owner);
  peer_close(&peer);
}

static void test_values_of_the_options(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  const struct gcn__socket_options options = {
      .keepalive_idle_s = 77,
      .keepalive_step_s = 11,
      .keepalive_count = 5,
      .user_timeout_ms = 12345,
  };
  struct owner* owner = connect_with(loop, &peer, &options);
#ifdef __linux__
  int fd = descriptor_to(loop, &peer);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPINTVL), 11);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
#endif
  assert_int_equal(gcn__link_refused_options(owner->link), 0);
  owner_free(owner);
  peer_close(&peer);
}

static void test_all_off(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  const struct gcn__socket_options off = {.keepalive_idle_s = 0};
  struct owner* owner = connect_with(loop, &peer, &off);
  int fd = descriptor_to(loop, &peer);
  assert_int_not_equal(get(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  assert_int_equal(get(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
#ifdef __linux__
  assert_int_equal(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
#endif
  owner_free(owner);
  peer_close(&peer);
}

/* The connection is as good without them. */
static void test_refusals_are_counted_and_ignored(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  const struct gcn__socket_options absurd = {
      .keepalive_idle_s = 30,
      .keepalive_step_s = 1000000, /* Linux: at most 32767 */
      .keepalive_count = 1000,     /* Linux: at most 127 */
  };
  struct owner* owner = connect_with(loop, &peer, &absurd);
#ifdef __linux__
  assert_int_equal(gcn__link_refused_options(owner->link), 2);
#endif
  assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("hello")), 5);
  owner_free(owner);
  peer_close(&peer);
}

/* The pair of clocks is real and agrees with itself. */
static void test_clocks(void** state) {
  struct gcn__suspend suspend = {.known = false};
  (void)state;
  uint64_t awake_ms = gcn__loop_awake_ms();
  assert_true(awake_ms > 0);
  assert_true(gcn__loop_boot_ms() >= awake_ms);
  assert_int_equal(gcn__suspend_note(&suspend, awake_ms, gcn__loop_boot_ms()),
                   0);
  assert_true(gcn__loop_awake_ms() >= awake_ms);
  awake_ms = gcn__loop_awake_ms();
  assert_int_equal(gcn__suspend_note(&suspend, awake_ms, gcn__loop_boot_ms()),
                   0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_defaults),
      LOOP_TEST(test_values_of_the_options),
      LOOP_TEST(test_all_off),
      LOOP_TEST(test_refusals_are_counted_and_ignored),
      cmocka_unit_test(test_clocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
