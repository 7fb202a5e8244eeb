/* SPDX-License-Identifier: MIT */
/*
 * What the host's kernel says to a client at the worst moment: that it was
 * interrupted, that the peer is gone, that ten minutes have passed.  Cases are
 * named by their rows of test/proof/faults.
 *
 * The calls below take the place of libc's for this program and for libuv.
 */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- the kernel ----------------------------------------------------------- */

enum call { CALL_SEND, CALL_CONNECT, CALL_READ, CALL_POLL, CALLS };

static struct {
  bool interrupting;
  unsigned counts[CALLS];
  unsigned interrupted[CALLS];
  unsigned broken; /* sends that got EPIPE: each was worth a SIGPIPE */
  int accepted;    /* the last descriptor that came in */
  time_t ahead_s;  /* of the true clocks */
} kernel;

/* Every other one, before it has had any effect. */
static bool interrupts(enum call call) {
  if (!kernel.interrupting) return false;
  if (kernel.counts[call]++ % 2 != 0) return false;
  kernel.interrupted[call]++;
  errno = EINTR;
  return true;
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (interrupts(CALL_SEND)) return -1;
  long sent = syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
  if (sent < 0 && errno == EPIPE) kernel.broken++;
  return sent;
}

/* The types of addresses are those of glibc's declarations. */
int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size) {
  if (interrupts(CALL_CONNECT)) return -1;
  return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

ssize_t read(int fd, void* data, size_t size) {
  if (interrupts(CALL_READ)) return -1;
  return syscall(SYS_read, fd, data, size);
}

int epoll_pwait(int fd, struct epoll_event* events, int count, int timeout_ms,
                const sigset_t* mask) {
  if (interrupts(CALL_POLL)) return -1;
  return (int)syscall(SYS_epoll_pwait, fd, events, count, timeout_ms, mask,
                      (size_t)_NSIG / 8);
}

int epoll_wait(int fd, struct epoll_event* events, int count, int timeout_ms) {
  return epoll_pwait(fd, events, count, timeout_ms, NULL);
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t* size, int flags) {
  int accepted =
      (int)syscall(SYS_accept4, fd, address.__sockaddr__, size, flags);
  if (accepted >= 0) kernel.accepted = accepted;
  return accepted;
}

int clock_gettime(clockid_t id, struct timespec* now) {
  int result = (int)syscall(SYS_clock_gettime, id, now);
  if (result == 0) now->tv_sec += kernel.ahead_s;
  return result;
}

/* --- interruptions -------------------------------------------------------- */

static void test_every_other_call_is_interrupted(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  kernel.interrupting = true;
  service_stream(&user, &service);
  service_emit_many(&service, 100);
  service_await_events(&user, 100);
  service_do(&service, "tcp.reset");
  user.streaming = false;
  harness_until(loop, &user.streaming);
  service_emit_many(&service, 100);
  service_await_events(&user, 200);
  user_finish(&user);
  kernel.interrupting = false;
  for (int i = 0; i < CALLS; i++)
    assert_true(kernel.interrupted[i] > 1);
  /* The reset alone cost a connection. */
  assert_int_equal(service_counters(&service).upgrades, 2);
  assert_int_equal(user.counts[USER_GAP], 1);
  service_close(&service);
}

/* --- a peer that is gone -------------------------------------------------- */

/* A half-closed connection that is reset then: the next who writes is sent a
 * SIGPIPE, unless he asked not to be.  Nobody has read the news yet when the
 * client says its goodbye. */
static void test_sent_to_nobody(void** state) {
  uv_loop_t* loop = *state;
  struct sigaction action;
  struct service service;
  struct user user = {.client = NULL};
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  kernel.broken = 0;
  assert_int_equal(gcn_client_stop(user.client), 0);
  assert_int_equal(shutdown(kernel.accepted, SHUT_WR), 0);
  service_do(&service, "tcp.reset");
  harness_until(loop, &user.idle);
  assert_int_equal(kernel.broken, 1);
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  user.streaming = false;
  gcn_client_start(user.client);
  harness_until(loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
}

/* --- ten minutes ---------------------------------------------------------- */

enum { TEN_MINUTES_S = 600 };

/* What the service does meanwhile. */
enum meanwhile { TALKS, IS_QUIET, IS_FROZEN };

/* How a host that comes back after ten minutes fares; exit codes tell. */
static int come_back(const char* url, enum meanwhile meanwhile) {
  uv_loop_t loop;
  struct user user = {.client = NULL};
  if (uv_loop_init(&loop) != 0) return 2;
  gcn_options_t options = user_options(&user, url);
  options.probe_ms = 2000;
  options.silence_ms = 2500;
  user_new(&user, &loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  while (!user.streaming || (meanwhile == TALKS && !user.any_event))
    uv_run(&loop, UV_RUN_ONCE);
  usleep(200000); /* what comes now stays in the kernel */
  kernel.ahead_s = TEN_MINUTES_S;
  unsigned heartbeats = user.counts[USER_HEARTBEAT];
  uint64_t until_ms = gcn__loop_now_ms(&loop) + 4000;
  if (meanwhile == TALKS) until_ms -= 3000;
  while (gcn__loop_now_ms(&loop) < until_ms)
    uv_run(&loop, UV_RUN_ONCE);
  gcn_stats_t stats = service_stats(&user);
  heartbeats = user.counts[USER_HEARTBEAT] - heartbeats;
  bool alone = meanwhile != IS_FROZEN;
  bool well = user.streaming && stats.attempts == (alone ? 1 : 2) &&
              user.any_gap == !alone && heartbeats <= 3;
  user_finish(&user);
  return well ? 0 : 1;
}

static void talk_on(uv_timer_t* timer) {
  service_emit_many(timer->data, 1);
}

static void come_back_to(uv_loop_t* loop, enum meanwhile meanwhile) {
  struct service service;
  uv_timer_t timer;
  service_open_plain(&service, loop);
  pid_t child = child_start();
  if (child == 0) _exit(come_back(service.url, meanwhile));
  while (service_counters(&service).subscribes == 0)
    uv_run(loop, UV_RUN_ONCE);
  service_live(&service, 100);
  uv_timer_init(loop, &timer);
  timer.data = &service;
  if (meanwhile == TALKS) uv_timer_start(&timer, talk_on, 20, 20);
  if (meanwhile == IS_FROZEN) service_do(&service, "tcp.freeze");
  child_await(child, &service);
  unsigned most = meanwhile == IS_FROZEN ? 2 : 1;
  assert_int_equal(service_counters(&service).upgrades, most);
  harness_close((uv_handle_t*)&timer);
  service_close(&service);
}

static void test_back_to_unread_bytes(void** state) {
  come_back_to(*state, TALKS);
}

static void test_back_to_silence(void** state) {
  come_back_to(*state, IS_QUIET);
}

static void test_back_to_a_dead_peer(void** state) {
  come_back_to(*state, IS_FROZEN);
}

int main(void) {
#define CALL_TEST(text, function)                                              \
  { text, function, harness_setup, harness_teardown, NULL }
  const struct CMUnitTest tests[] = {
      CALL_TEST("C06 ten minutes later, unread bytes: nothing is judged",
                test_back_to_unread_bytes),
      CALL_TEST("C06 ten minutes later, silence: the peer is asked",
                test_back_to_silence),
      CALL_TEST("C06 ten minutes later, a dead peer: one reconnect",
                test_back_to_a_dead_peer),
      CALL_TEST("X04 a send to nobody raises no signal", test_sent_to_nobody),
      CALL_TEST("X05 every other call is interrupted",
                test_every_other_call_is_interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
