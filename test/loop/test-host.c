/* SPDX-License-Identifier: MIT */
/*
 * What the host does to a client that lives in it: takes its descriptors,
 * interrupts its system calls, gives it a small stack, blocks its loop, shares
 * it with others, starts programs beside it.  Cases are named by their rows of
 * test/proof/faults.
 */
#include "child.h"

#include "client/client.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- descriptors ---------------------------------------------------------- */

static void test_descriptors_run_out(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_do(&service, "tcp.reset");
  harness_until(loop, &user.backing_off);
  struct no_descriptors none;
  harness_take_descriptors(&none);
  while (service_stats(&user).attempts < 4)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure, UV_EMFILE);
  assert_int_equal(user.failure_layer, GCN_LAYER_TCP);
  /* It waits between its attempts, as for any other weather. */
  uint64_t attempts = service_stats(&user).attempts;
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_live(&service, 300);
  uint64_t lived_ms = gcn__loop_now_ms(loop) - begun_ms;
  assert_true(service_stats(&user).attempts - attempts <= 2 + lived_ms / 5);
  harness_return_descriptors(&none);
  user.streaming = false;
  harness_until(loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
}

struct descriptors {
  bool open[1024];
};

static struct descriptors list_descriptors(void) {
  struct descriptors list;
  memset(&list, 0, sizeof list);
  DIR* directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  const struct dirent* entry;
  while ((entry = readdir(directory)) != NULL) {
    long fd = strtol(entry->d_name, NULL, 10);
    if (entry->d_name[0] == '.' || fd == dirfd(directory)) continue;
    assert_in_range(fd, 0, 1023);
    list.open[fd] = true;
  }
  closedir(directory);
  return list;
}

/* A program that the host starts must not inherit our connections. */
static void test_descriptors_end_with_exec(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  struct descriptors before = list_descriptors();
  secure_open(&secure);
  options.tls = secure.tls;
  service_open(&service, loop, &options);
  service_stream_over_tls(&user, &service, &secure);
  struct descriptors now = list_descriptors();
  unsigned made = 0;
  for (int fd = 0; fd < 1024; fd++) {
    if (!now.open[fd] || before.open[fd]) continue;
    made++;
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  assert_true(made >= 3); /* the listener and both ends */
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

/* --- signals -------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
  (void)number;
  alarms = alarms + 1;
}

static void beat(long interval_us) {
  struct itimerval timer = {.it_interval = {.tv_usec = interval_us},
                            .it_value = {.tv_usec = interval_us}};
  assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* Every system call that can be interrupted is, a thousand times a second. */
static void test_interrupted_all_the_time(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
  struct sigaction before;
  secure_open(&secure);
  options.tls = secure.tls;
  service_open(&service, loop, &options);
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  beat(1000 * (long)harness_slowness());
  service_stream_over_tls(&user, &service, &secure);
  for (unsigned round = 1; round <= 20; round++) {
    service_emit_many(&service, 100);
    service_await_events(&user, 100 * round);
    service_live(&service, 10);
  }
  beat(0);
  signal(SIGALRM, SIG_IGN); /* one that is still under way is lost */
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
  assert_true(alarms > 100 / (int)harness_slowness());
  assert_int_equal(user.last_sequence, 2000);
  gcn_stats_t stats = service_stats(&user);
  assert_int_equal(stats.attempts, 1);
  assert_int_equal(user.counts[USER_GAP], 0);
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

/* --- a small stack -------------------------------------------------------- */

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#    define FRAMES_ARE_LARGE 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define FRAMES_ARE_LARGE 1
#endif

/* Both ends of a TLS handshake and cmocka's own frames included.  Sanitizers
 * make every frame several times as large. */
#ifdef FRAMES_ARE_LARGE
enum { STACK_SIZE = 512 * 1024 };
#else
enum { STACK_SIZE = 64 * 1024 };
#endif

struct small_host {
  const struct secure* secure;
  uint64_t received;
  bool clean;
};

static void* live_on_a_small_stack(void* data) {
  struct small_host* host = data;
  uv_loop_t loop;
  struct service service;
  struct user user = {.client = NULL};
  struct gcn__sim_listen_options options = service_options();
  options.tls = host->secure->tls;
  assert_int_equal(uv_loop_init(&loop), 0);
  service_open(&service, &loop, &options);
  service_stream_over_tls(&user, &service, host->secure);
  service_emit_many(&service, 50);
  service_await_events(&user, 50);
  service_do(&service, "tcp.reset");
  user.streaming = false;
  harness_until(&loop, &user.streaming);
  service_emit_many(&service, 50);
  service_await_events(&user, 100);
  host->received = user.last_sequence;
  user_finish(&user);
  service_close(&service);
  uv_run(&loop, UV_RUN_DEFAULT);
  host->clean = uv_loop_close(&loop) == 0;
  return NULL;
}

static void run_on_a_small_stack(void) {
  struct secure secure;
  struct small_host host = {.secure = &secure};
  pthread_attr_t attributes;
  pthread_t thread;
  secure_open(&secure);
  assert_int_equal(pthread_attr_init(&attributes), 0);
  assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_SIZE), 0);
  assert_int_equal(
      pthread_create(&thread, &attributes, live_on_a_small_stack, &host), 0);
  pthread_attr_destroy(&attributes);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(host.received, 100);
  assert_true(host.clean);
  secure_close(&secure);
}

static void test_a_small_stack(void** state) {
  (void)state;
  run_on_a_small_stack();
}

/* So much address space is left; the half of what glibc would like to reserve
 * for the second thread alone. */
enum { SPACE_LEFT = 32 * 1024 * 1024 };

static void leave_little_space(void) {
#ifndef FRAMES_ARE_LARGE /* sanitizers reserve terabytes */
  char text[32] = "";
  FILE* file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_non_null(fgets(text, sizeof text, file));
  fclose(file);
  rlim_t pages = strtoul(text, NULL, 10);
  rlim_t size = pages * (rlim_t)sysconf(_SC_PAGESIZE) + SPACE_LEFT;
  const struct rlimit limit = {.rlim_cur = size, .rlim_max = size};
  assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
  assert_null(malloc(2 * (size_t)SPACE_LEFT)); /* it holds */
#endif
}

static void test_little_space(void** state) {
  (void)state;
  pid_t child = child_start();
  if (child == 0) {
    leave_little_space();
    run_on_a_small_stack();
    _exit(0);
  }
  child_await(child, NULL);
}

/* --- a loop that others use ----------------------------------------------- */

static void on_tick(uv_timer_t* timer) {
  (*(unsigned*)timer->data)++;
}

static void test_a_shared_loop(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user users[2] = {{.client = NULL}, {.client = NULL}};
  unsigned ticks = 0;
  uv_timer_t timer;
  service_open_plain(&service, loop);
  uv_timer_init(loop, &timer);
  timer.data = &ticks;
  uv_timer_start(&timer, on_tick, 1, 1);
  service_stream(&users[0], &service);
  service_stream(&users[1], &service);
  assert_true(ticks > 0);
  service_emit_many(&service, 10);
  service_await_events(&users[0], 10);
  service_await_events(&users[1], 10);
  user_finish(&users[0]);
  /* The other one does not notice. */
  service_emit_many(&service, 10);
  service_await_events(&users[1], 20);
  assert_int_equal(service_stats(&users[1]).attempts, 1);
  user_finish(&users[1]);
  unsigned then = ticks;
  service_live(&service, 20);
  assert_true(ticks > then);
  assert_ptr_equal(timer.data, &ticks);
  harness_close((uv_handle_t*)&timer);
  service_close(&service);
  /* The end of the test closes the loop, which has nothing on it now. */
  assert_int_equal(harness_handles(loop), 0);
}

/* Nothing but clients is on this loop: they alone keep it open. */
static int close_a_loop_below(const char* url) {
  uv_loop_t loop;
  struct user users[2] = {{.client = NULL}, {.client = NULL}};
  if (uv_loop_init(&loop) != 0) return 2;
  for (int i = 0; i < 2; i++) {
    gcn_options_t options = user_options(&users[i], url);
    user_new(&users[i], &loop, &options);
    if (uv_loop_close(&loop) != UV_EBUSY) return 3;
    service_subscribe(&users[i], topic_text);
    gcn_client_start(users[i].client);
  }
  harness_until(&loop, &users[0].streaming);
  harness_until(&loop, &users[1].streaming);
  if (uv_loop_close(&loop) != UV_EBUSY) return 4;
  user_finish(&users[0]);
  if (uv_loop_close(&loop) != UV_EBUSY) return 5;
  user_close(&users[1]);
  if (uv_loop_close(&loop) != UV_EBUSY) return 6; /* not yet */
  user_finish(&users[1]);
  return uv_loop_close(&loop) == 0 ? 0 : 7;
}

static void test_only_clients_on_the_loop(void** state) {
  struct service service;
  service_open_plain(&service, *state);
  pid_t child = child_start();
  if (child == 0) _exit(close_a_loop_below(service.url));
  child_await(child, &service);
  assert_int_equal(service_counters(&service).upgrades, 2);
  service_close(&service);
}

/* --- a blocked loop ------------------------------------------------------- */

static void block(uint64_t duration_ms) {
  uint64_t until_ns = uv_hrtime() + duration_ms * 1000000u;
  while (uv_hrtime() < until_ns) {
  }
}

static void on_block(uv_async_t* async) {
  (void)async;
  block(500);
}

static void note_moment(struct user* user, enum user_moment moment) {
  if (moment != USER_STATE || user->state != GCN_BACKING_OFF) return;
  *(uint64_t*)user->loop->data = uv_hrtime();
}

/* The wait that was announced is kept, although the loop's idea of "now" was
 * old when the timer was armed: what ran before the client in the same pass of
 * the loop took long. */
static void test_a_wait_after_a_block(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL, .act = note_moment};
  uv_async_t blocker;
  uint64_t told_ns = 0;
  void* harness = loop->data;
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.retry_base_ms = 400;
  options.retry_floor_ms = 300;
  options.retry_first_ms = 400;
  options.retry_cap_ms = 400;
  service_stream_with(&user, &service, &options);
  assert_int_equal(uv_async_init(loop, &blocker, on_block), 0);
  harness_settle(loop); /* nothing is left in the kernel's queue */
  loop->data = &told_ns;
  uint64_t before_ms = uv_now(loop);
  uv_async_send(&blocker); /* first in the kernel's queue */
  service_do(&service, "tcp.reset");
  /* The failure is judged in the pass that blocks, or in the one behind it. */
  while (told_ns == 0)
    uv_run(loop, UV_RUN_NOWAIT);
  loop->data = harness;
  user.act = NULL;
  assert_true(told_ns / 1000000u >= before_ms + 500);
  uint64_t wait_ms = user.retry_in;
  assert_in_range(wait_ms, 300, 400);
  while (user.state == GCN_BACKING_OFF)
    uv_run(loop, UV_RUN_ONCE);
  assert_true((uv_hrtime() - told_ns) / 1000000u + 1 >= wait_ms);
  user.streaming = false;
  harness_until(loop, &user.streaming);
  harness_close((uv_handle_t*)&blocker);
  user_finish(&user);
  service_close(&service);
}

/* --- a machine that sleeps ------------------------------------------------ */

enum { EIGHT_HOURS_MS = 8 * 3600 * 1000 };

/* What the clocks look like after that: one stood still, one did not. */
static void sleep_through(struct user* user) {
  gcn_client_t* client = user->client;
  client->hub->suspend.ahead_ms -= EIGHT_HOURS_MS;
  client->hub->suspend_seen_ms -= 1000; /* looked at a second ago */
  client->hub->suspend_awake_ms -= 1000;
  user_post(user);
}

static void test_sleep_and_all_is_well(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct user user = {.client = NULL};
  options.sim.token_life_s = 6 * 3600;
  service_open(&service, loop, &options);
  gcn_options_t patient = user_options(&user, service.url);
  patient.probe_ms = 5000;
  patient.silence_ms = 6000;
  service_stream_with(&user, &service, &patient);
  unsigned answers = user.counts[USER_HEARTBEAT];
  sleep_through(&user);
  harness_until(loop, &user.posted);
  /* The stream is asked now, not in five seconds; the token is over. */
  while (user.counts[USER_HEARTBEAT] == answers ||
         service_counters(&service).token_calls < 2)
    uv_run(loop, UV_RUN_ONCE);
  gcn_stats_t stats = service_stats(&user);
  assert_int_equal(stats.sleeps, 1);
  assert_int_equal(stats.streams, 1);
  user_finish(&user);
  service_close(&service);
}

static void test_sleep_and_the_peer_is_gone(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t patient = user_options(&user, service.url);
  patient.probe_ms = 25000;
  patient.silence_ms = 25200; /* an answer has 200 ms */
  service_stream_with(&user, &service, &patient);
  service_do(&service, "tcp.freeze");
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  sleep_through(&user);
  user.streaming = false;
  harness_until(loop, &user.streaming);
  assert_true(gcn__loop_now_ms(loop) - begun_ms < 10000);
  assert_int_equal(service_stats(&user).streams, 2);
  assert_int_equal(user.counts[USER_GAP], 1);
  user_finish(&user);
  service_close(&service);
}

/* --- a process that is stopped -------------------------------------------- */

enum { STOPPED_MS = 800, STOPPED_EVENTS = 40 };

/* Streams until it has all events; 0: over one connection, without gaps. */
static int stream_elsewhere(const char* url) {
  uv_loop_t loop;
  struct user user = {.client = NULL};
  if (uv_loop_init(&loop) != 0) return 2;
  gcn_options_t options = user_options(&user, url);
  options.probe_ms = 200;
  options.silence_ms = 500;
  user_new(&user, &loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  while (user.last_sequence < STOPPED_EVENTS)
    uv_run(&loop, UV_RUN_ONCE);
  bool clean = service_stats(&user).attempts == 1 && !user.any_gap;
  user_finish(&user);
  return clean ? 0 : 1;
}

static void test_a_stopped_process(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  service_open_plain(&service, loop);
  pid_t child = child_start();
  if (child == 0) _exit(stream_elsewhere(service.url));
  while (service_counters(&service).subscribes == 0 ||
         service_counters(&service).sockets_open == 0)
    uv_run(loop, UV_RUN_ONCE);
  service_emit_many(&service, STOPPED_EVENTS / 4);
  service_live(&service, 50);
  assert_int_equal(kill(child, SIGSTOP), 0);
  service_emit_many(&service, STOPPED_EVENTS / 4);
  service_live(&service, STOPPED_MS);
  assert_int_equal(kill(child, SIGCONT), 0);
  service_live(&service, 100);
  service_emit_many(&service, STOPPED_EVENTS / 2);
  child_await(child, &service);
  assert_int_equal(service_counters(&service).upgrades, 1);
  service_close(&service);
}

int main(void) {
#define HOST_TEST(text, function)                                              \
  { text, function, harness_setup, harness_teardown, NULL }
  const struct CMUnitTest tests[] = {
      HOST_TEST("X03 without descriptors it waits, and comes back",
                test_descriptors_run_out),
      HOST_TEST("X05 a thousand interruptions a second",
                test_interrupted_all_the_time),
      HOST_TEST("X07 after a sleep the stream is asked and the token renewed",
                test_sleep_and_all_is_well),
      HOST_TEST("X07 after a sleep a dead peer is found at once",
                test_sleep_and_the_peer_is_gone),
      HOST_TEST("X08 a process that is stopped goes on",
                test_a_stopped_process),
      HOST_TEST("X09 a blocked loop does not shorten a wait",
                test_a_wait_after_a_block),
      HOST_TEST("X10 no descriptor survives exec",
                test_descriptors_end_with_exec),
      HOST_TEST("X12 a loop shared with others", test_a_shared_loop),
      HOST_TEST("X12 clients alone keep a loop open",
                test_only_clients_on_the_loop),
      HOST_TEST("X15 64 KiB of stack", test_a_small_stack),
      HOST_TEST("X15 32 MiB of address space", test_little_space),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
