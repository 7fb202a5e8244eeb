/* SPDX-License-Identifier: MIT */
/*
 * Links over descriptors that somebody else connected.
 */
#include "owner.h"

#include "unit/mem-probe.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- somebody else -------------------------------------------------------- */

static struct {
  struct gcn__connect* request;
  char host[64];
  uint16_t port;
  int count;
} dialler;

static int on_connect(void* ctx, const char* host, uint16_t port,
                      struct gcn__connect* request) {
  (void)ctx;
  strncpy(dialler.host, host, sizeof dialler.host - 1);
  dialler.port = port;
  dialler.request = request;
  dialler.count++;
  return 0;
}

static const struct gcn__connector_hook hook = {on_connect, NULL};

static struct gcn__connector* connector_new(void) {
  memset(&dialler, 0, sizeof dialler);
  struct gcn__connector* connector = gcn__connector_new(&gcn__mem_libc, &hook);
  assert_non_null(connector);
  return connector;
}

static struct owner* open_link(uv_loop_t* loop,
                               struct gcn__connector* connector,
                               uint64_t connect_ms) {
  struct owner* owner = owner_new(loop);
  struct gcn__link_options options = owner_options(owner, "a.test", 443);
  options.connector = connector;
  options.connect_ms = connect_ms;
  owner_open_with(owner, &options);
  assert_int_equal(dialler.count, 1);
  return owner;
}

/* A link to `fd`; nothing is told from inside of the answer. */
static struct owner* link_over(uv_loop_t* loop,
                               struct gcn__connector* connector, int fd) {
  struct owner* owner = open_link(loop, connector, 0);
  gcn__connect_done(dialler.request, 0, fd);
  assert_int_equal(owner->told_count, 0);
  return owner;
}

static void make_pair(int fds[2]) {
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static int connect_to(const struct peer* peer) {
  struct sockaddr_in name;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  uv_ip4_addr("127.0.0.1", peer->port, &name);
  assert_int_equal(connect(fd, (const struct sockaddr*)&name, sizeof name), 0);
  return fd;
}

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

/* --- what works ----------------------------------------------------------- */

static void test_socketpair(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  int fds[2];
  char buffer[8] = "";
  make_pair(fds);
  struct owner* owner = link_over(loop, connector, fds[0]);
  harness_until(loop, &owner->linked);
  assert_string_equal(dialler.host, "a.test");
  assert_int_equal(dialler.port, 443);
  assert_true(gcn__link_connected(owner->link));
  assert_int_equal(gcn__link_refused_options(owner->link), 0);
  /* It does not matter that it was a blocking one. */
  assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
  assert_true((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
  assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("ping")), 4);
  assert_int_equal(read(fds[1], buffer, sizeof buffer), 4);
  assert_string_equal(buffer, "ping");
  gcn__link_read(owner->link, true);
  assert_int_equal(write(fds[1], "pong!", 5), 5);
  harness_until(loop, &owner->received);
  assert_int_equal(owner->received_size, 5);
  close(fds[1]);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, GCN__EOF);
  owner_free(owner);
  assert_false(is_open(fds[0]));
  gcn__connector_free(connector);
}

static void test_tcp(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_ECHOES);
  struct owner* owner = link_over(loop, connector, connect_to(&peer));
  harness_until(loop, &owner->linked);
  assert_int_equal(gcn__link_refused_options(owner->link), 0);
  gcn__link_read(owner->link, true);
  assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("hello")), 5);
  harness_until(loop, &owner->received);
  assert_int_equal(owner->received_size, 5);
  owner_drop(owner, true);
  harness_until(loop, &peer.ended);
  assert_int_equal(peer.end_error, UV_ECONNRESET);
  owner_free(owner);
  peer_close(&peer);
  gcn__connector_free(connector);
}

/* There is no reset for AF_UNIX: an abort closes it. */
static void test_abort_of_a_socketpair(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  int fds[2];
  char byte;
  make_pair(fds);
  struct owner* owner = link_over(loop, connector, fds[0]);
  harness_until(loop, &owner->linked);
  owner_drop(owner, true);
  owner_free(owner);
  assert_int_equal(read(fds[1], &byte, 1), 0);
  close(fds[1]);
  gcn__connector_free(connector);
}

/* SIGPIPE stays at its default disposition, which ends the process. */
static void test_back_pressure_and_the_dead(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  static char flood[1 << 20];
  int fds[2];
  make_pair(fds);
  struct owner* owner = link_over(loop, connector, fds[0]);
  harness_until(loop, &owner->linked);
  gcn__link_read(owner->link, true);
  owner->backlog = gcn__span(flood, sizeof flood);
  owner_write(owner);
  size_t left = owner->backlog.size;
  assert_true(left > 0);
  assert_true(read(fds[1], flood, sizeof flood) > 0);
  harness_until(loop, &owner->writable);
  assert_true(owner->backlog.size < left);
  close(fds[1]);
  harness_until(loop, &owner->ended);
  owner_free(owner);
  gcn__connector_free(connector);
}

static void test_unreferenced(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  int fds[2];
  make_pair(fds);
  struct owner* owner = link_over(loop, connector, fds[0]);
  harness_until(loop, &owner->linked);
  gcn__link_read(owner->link, true);
  assert_int_not_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn__link_ref(owner->link, false);
  assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  owner_free(owner);
  close(fds[1]);
  gcn__connector_free(connector);
}

/* The name is kept for him while the link waits for its permit. */
static void test_waits_for_a_permit(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  struct gcn__permits* permits = gcn__permits_new(&gcn__mem_libc, 1);
  struct gcn__permit held = {.state = GCN__PERMIT_NONE};
  char host[] = "a.test";
  int fds[2];
  make_pair(fds);
  assert_true(gcn__permit_take(permits, &held));
  struct owner* owner = owner_new(loop);
  struct gcn__link_options options = owner_options(owner, host, 443);
  options.connector = connector;
  options.permits = permits;
  owner_open_with(owner, &options);
  memset(host, 'x', sizeof host - 1);
  assert_int_equal(dialler.count, 0);
  gcn__permit_return(&held);
  while (dialler.count == 0)
    uv_run(loop, UV_RUN_ONCE);
  assert_string_equal(dialler.host, "a.test");
  gcn__connect_done(dialler.request, 0, fds[0]);
  harness_until(loop, &owner->linked);
  owner_free(owner);
  gcn__permits_release(permits);
  close(fds[1]);
  gcn__connector_free(connector);
}

/* --- what does not -------------------------------------------------------- */

static void assert_rejected(uv_loop_t* loop, int fd, int error,
                            const char* text) {
  struct gcn__connector* connector = connector_new();
  struct owner* owner = link_over(loop, connector, fd);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, error);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  assert_string_equal(owner->text, text);
  assert_int_equal(owner->linked_count, 0);
  owner_free(owner);
  gcn__connector_free(connector);
}

static void test_descriptors_that_will_not_do(void** state) {
  uv_loop_t* loop = *state;
  int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  assert_rejected(loop, file, UV_ENOTSOCK,
                  "connector: socket operation on non-socket");
  assert_false(is_open(file));
  int loose = socket(AF_INET, SOCK_STREAM, 0);
  assert_rejected(loop, loose, UV_ENOTCONN,
                  "connector: socket is not connected");
  assert_false(is_open(loose));
  int datagrams[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
  assert_rejected(loop, datagrams[0], UV_EPROTOTYPE,
                  "connector: protocol wrong type for socket");
  assert_false(is_open(datagrams[0]));
  close(datagrams[1]);
}

/* A descriptor that a handle of the loop already has stays that handle's. */
static void test_descriptor_of_somebody_else(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  uv_os_fd_t fd;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_ECHOES);
  int other = connect_to(&peer);
  harness_until(loop, &peer.connected);
  const uv_handle_t* handle = (const uv_handle_t*)&peer.connections[0].tcp;
  assert_int_equal(uv_fileno(handle, &fd), 0);
  assert_rejected(loop, fd, UV_EEXIST, "connector: file already exists");
  assert_true(is_open(fd));
  assert_int_equal(write(other, "x", 1), 1);
  while (peer.received == 0)
    uv_run(loop, UV_RUN_ONCE);
  close(other);
  peer_close(&peer);
}

static void test_connector_fails(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  struct owner* owner = open_link(loop, connector, 0);
  gcn__connect_done(dialler.request, UV_ECONNREFUSED, -1);
  assert_false(owner->ended);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ECONNREFUSED);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  assert_string_equal(owner->text, "connector: connection refused");
  owner_free(owner);
  gcn__connector_free(connector);
}

static void test_connector_is_late(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  int fds[2];
  make_pair(fds);
  struct owner* owner = open_link(loop, connector, 5000);
  gcn__link_woken(owner->link, gcn__link_deadline(owner->link) - 1);
  assert_false(owner->ended);
  gcn__link_woken(owner->link, gcn__link_deadline(owner->link));
  assert_true(owner->ended);
  assert_int_equal(owner->error, UV_ETIMEDOUT);
  assert_string_equal(owner->text, "the connector did not answer within 5 s");
  owner_free(owner);
  gcn__connect_done(dialler.request, 0, fds[0]);
  assert_false(is_open(fds[0]));
  close(fds[1]);
  gcn__connector_free(connector);
}

static void test_drop_before_and_after_the_answer(void** state) {
  uv_loop_t* loop = *state;
  for (int answered = 0; answered < 2; answered++) {
    struct gcn__connector* connector = connector_new();
    int fds[2];
    make_pair(fds);
    struct owner* owner = open_link(loop, connector, 0);
    if (answered == 1) gcn__connect_done(dialler.request, 0, fds[0]);
    owner_drop(owner, false);
    assert_true(owner->gone); /* nothing of it was on the loop */
    if (answered == 0) gcn__connect_done(dialler.request, 0, fds[0]);
    assert_false(is_open(fds[0]));
    assert_int_equal(owner->told_count, 0);
    owner_free(owner);
    close(fds[1]);
    gcn__connector_free(connector);
  }
}

static void test_every_allocation_may_fail(void** state) {
  uv_loop_t* loop = *state;
  for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
    struct gcn__connector* connector = connector_new();
    struct mem_probe probe = {.fail_at = fail_at};
    struct owner* owner = owner_new(loop);
    owner->mem = mem_probe_mem(&probe);
    struct gcn__link_options options = owner_options(owner, "a.test", 443);
    options.connector = connector;
    assert_int_equal(gcn__link_open(&options, 0, &owner->link), GCN__ENOMEM);
    assert_null(owner->link);
    assert_int_equal(dialler.count, 0);
    assert_int_equal(probe.live_size, 0);
    owner->gone = true; /* there never was one */
    owner_free(owner);
    gcn__connector_free(connector);
  }
}

/* After fork: the descriptor of an unused answer is closed. */
static void test_abandon(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__connector* connector = connector_new();
  int fds[2];
  make_pair(fds);
  struct owner* owner = link_over(loop, connector, fds[0]);
  gcn__link_abandon(owner->link);
  owner->link = NULL;
  owner->gone = true;
  assert_false(is_open(fds[0]));
  owner_free(owner);
  close(fds[1]);
  gcn__connector_free(connector);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_socketpair),
      LOOP_TEST(test_tcp),
      LOOP_TEST(test_abort_of_a_socketpair),
      LOOP_TEST(test_back_pressure_and_the_dead),
      LOOP_TEST(test_unreferenced),
      LOOP_TEST(test_waits_for_a_permit),
      LOOP_TEST(test_descriptors_that_will_not_do),
      LOOP_TEST(test_descriptor_of_somebody_else),
      LOOP_TEST(test_connector_fails),
      LOOP_TEST(test_connector_is_late),
      LOOP_TEST(test_drop_before_and_after_the_answer),
      LOOP_TEST(test_every_allocation_may_fail),
      LOOP_TEST(test_abandon),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
