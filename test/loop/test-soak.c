/* SPDX-License-Identifier: MIT */
/*
 * The same again and again: attempts that fail at one stage, lives in threads
 * of their own, events through breaks.  What is held afterwards is what was
 * held before: descriptors, heap, resident memory.
 *
 * Short by default; GCN_SOAK_ATTEMPTS (per stage), GCN_SOAK_LIVES and
 * GCN_SOAK_SECONDS make it as long as one likes, and what was done goes to
 * $GCN_PROOF_DIR/soak.txt.
 */
#include "service.h"

#include "client/client.h"
#include "client/hub.h"
#include "unit/mem-probe.h"

#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sanitizers keep freed memory for a while, and need more of everything. */
#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#    define MEMORY_IS_KEPT 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#  define MEMORY_IS_KEPT 1
#endif
#ifdef MEMORY_IS_KEPT
enum { ATTEMPTS = 60, LIVES = 20, RSS_IS_JUDGED = 0 };
#else
enum { ATTEMPTS = 250, LIVES = 60, RSS_IS_JUDGED = 1 };
#endif
enum {
  SECONDS = 5,
  PER_TICK = 50, /* events each 10 ms: 5,000 a second */
  TICK_MS = 10,
  WEIGHINGS = 100,
  /* What the C library's own tables may grow by, whatever the count. */
  RSS_SLACK = 1 << 20,
};

static unsigned long count_from(const char* name, unsigned long otherwise) {
  const char* text = getenv(name);
  return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

/* What has been done, for the scoreboard. */
static void note_figure(const char* key, uint64_t value) {
  const char* directory = getenv("GCN_PROOF_DIR");
  char path[4096];
  if (directory == NULL) return;
  snprintf(path, sizeof path, "%s/soak.txt", directory);
  FILE* file = fopen(path, "a");
  assert_non_null(file);
  fprintf(file, "%s %llu\n", key, (unsigned long long)value);
  fclose(file);
}

static unsigned count_descriptors(void) {
  DIR* directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  unsigned count = 0;
  while (readdir(directory) != NULL)
    count++;
  closedir(directory);
  return count;
}

static size_t resident_size(void) {
  FILE* file = fopen("/proc/self/statm", "r");
  unsigned long total;
  unsigned long resident;
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%lu %lu", &total, &resident), 2);
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* What one holds. */
struct holding {
  unsigned descriptors;
  size_t heap;
  size_t resident;
};

static struct holding weigh(const struct mem_probe* probe) {
  return (struct holding){count_descriptors(), probe->live_size,
                          resident_size()};
}

static bool is_no_more(const struct holding* now,
                       const struct holding* before) {
  if (now->descriptors > before->descriptors) return false;
  if (now->heap > before->heap) return false;
  return !RSS_IS_JUDGED || now->resident <= before->resident + RSS_SLACK;
}

/* --- attempts that fail --------------------------------------------------- */

struct stage {
  const char* name;
  const char* rule; /* of the simulator; NULL: nobody listens */
  bool stranger;    /* its certificate is not trusted */
};

static const struct stage stages[] = {
    {"soak: attempts end in a refused connection", NULL, false},
    {"soak: attempts end in a reset", "accept.reset times=4000000", false},
    {"soak: attempts end in a certificate that is not trusted", "", true},
    {"soak: attempts end in a 500 for the token",
     "http.status POST /oauth/token 500 times=4000000", false},
    {"soak: attempts end in a 500 for the channel",
     "http.status POST /api/v2/notifications/channels 500 times=4000000",
     false},
    {"soak: attempts end in a 500 for the topics",
     "http.status PUT * 500 times=4000000", false},
    {"soak: attempts end in a 500 for the upgrade",
     "http.status GET /channels/* 500 times=4000000", false},
    {"soak: attempts end in a broken stream", "on connect tcp.reset", false},
};

/* A port that is taken and refuses. */
static int refuse_port(char* url, size_t size) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t name_size = sizeof name;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr*)&name, sizeof name), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr*)&name, &name_size), 0);
  snprintf(url, size, "http://127.0.0.1:%u", (unsigned)ntohs(name.sin_port));
  return fd;
}

/* Manners would make 100,000 attempts last for months. */
static void forget_manners(struct user* user) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_burst = UINT32_MAX;
  settings.channel_burst = UINT32_MAX;
  settings.rest_burst = UINT32_MAX;
  gcn__pace_init(&user->client->hub->pace, &settings);
}

static void run_attempts(struct user* user, uint64_t count) {
  uint64_t until = service_stats(user).attempts + count;
  while (service_stats(user).attempts < until)
    uv_run(user->loop, UV_RUN_ONCE);
  /* At rest: between two attempts. */
  while (user->state != GCN_BACKING_OFF)
    uv_run(user->loop, UV_RUN_ONCE);
}

static gcn_options_t impatient_options(struct user* user, const char* url,
                                       struct mem_probe* probe) {
  gcn_options_t options = user_options(user, url);
  options.log_cb = NULL;
  options.retry_base_ms = 2;
  options.retry_floor_ms = 1;
  options.retry_first_ms = 2;
  options.retry_cap_ms = 2;
  options.degraded_ms = 30u * 86400000u;
  /* The least, which it has from the first note: it grows with use. */
  options.record_size = 1024;
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = probe;
  return options;
}

static void test_failing_attempts(void** state) {
  const struct stage* stage = *state;
  uv_loop_t loop;
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  struct mem_probe probe = {.fail_at = 0};
  struct gcn__sim_listen_options sim = service_options();
  char refused[64];
  int refusing = refuse_port(refused, sizeof refused);
  sim.sim.channels_max = SIZE_MAX;
  sim.sim.rest_per_min_max = GCN__NEVER;
  secure_open(&secure);
  if (stage->stranger) sim.tls = secure.tls;
  assert_int_equal(uv_loop_init(&loop), 0);
  service_open(&service, &loop, &sim);
  if (stage->rule != NULL && !stage->stranger) {
    service_do(&service, stage->rule);
  }
  gcn_options_t options = impatient_options(
      &user, stage->rule == NULL ? refused : service.url, &probe);
  user_new(&user, &loop, &options);
  forget_manners(&user);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  uint64_t count = count_from("GCN_SOAK_ATTEMPTS", ATTEMPTS);
  run_attempts(&user, 50 + count / 10);
  struct holding before = weigh(&probe);
  run_attempts(&user, count);
  struct holding now = weigh(&probe);
  /* The service's ends of the last attempt may still be open; what leaks is
   * there at every weighing. */
  for (int i = 0; i < WEIGHINGS && !is_no_more(&now, &before); i++) {
    run_attempts(&user, 1);
    now = weigh(&probe);
  }
  assert_true(is_no_more(&now, &before));
  note_figure("attempts", count);
  user_finish(&user);
  assert_int_equal(probe.live_size, 0);
  service_close(&service);
  secure_close(&secure);
  close(refusing);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

/* --- lives in threads of their own ---------------------------------------- */

struct life {
  unsigned number;
  bool good;
};

/* A worker: its own loop, a client that streams or is closed before. */
static void* live(void* data) {
  struct life* life = data;
  uv_loop_t loop;
  struct service service;
  struct user user = {.client = NULL};
  assert_int_equal(uv_loop_init(&loop), 0);
  service_open_plain(&service, &loop);
  service_begin(&user, &service);
  for (unsigned turn = 0; turn < life->number % 16; turn++)
    uv_run(&loop, UV_RUN_NOWAIT);
  if (life->number % 4 != 0) harness_until(&loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
  uv_run(&loop, UV_RUN_DEFAULT);
  life->good = user.late == 0 && uv_loop_close(&loop) == 0;
  return NULL;
}

static void live_in_threads(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    pthread_t thread;
    struct life life = {.number = i, .good = false};
    assert_int_equal(pthread_create(&thread, NULL, live, &life), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(life.good);
  }
}

static void test_lives_in_threads(void** state) {
  struct mem_probe none = {.fail_at = 0};
  unsigned count = (unsigned)count_from("GCN_SOAK_LIVES", LIVES);
  (void)state;
  live_in_threads(20 + count / 10);
  struct holding before = weigh(&none);
  live_in_threads(count);
  struct holding now = weigh(&none);
  assert_true(is_no_more(&now, &before));
  note_figure("lives", count);
}

/* --- events through breaks ------------------------------------------------ */

struct flood {
  struct user user;
  struct service service;
  uv_timer_t timer;
  uint64_t sent;
  uint64_t last; /* the number of the event that came last */
  uint64_t came;
  uint64_t missing; /* numbers that did not come */
  uint64_t gaps;
  unsigned ticks;
  bool stream;
};

static void on_numbered(gcn_client_t* client, const gcn_event_t* event) {
  struct flood* flood = gcn_client_data(client);
  const char* number = strstr(event->body.data, "\"n\":");
  assert_non_null(number);
  uint64_t n = strtoull(number + 4, NULL, 10);
  assert_true(n > flood->last); /* in order, and never twice */
  flood->missing += n - flood->last - 1;
  flood->last = n;
  flood->came++;
}

static void on_flood_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct flood* flood = gcn_client_data(client);
  assert_true(gap->from_ms <= gap->to_ms);
  flood->gaps++;
}

/* A break every second: a reset, an announced closing, a close, a revoked
 * token. */
static void break_something(struct flood* flood) {
  static const char* const rules[] = {"tcp.reset", "ws.closing 200ms",
                                      "ws.close 1001 \"away\"", "token.revoke"};
  size_t count = sizeof rules / sizeof rules[0];
  size_t index = flood->ticks / 100 % count;
  if (flood->ticks % 100 != 99) return;
  if (flood->stream && index == 1) index = 0; /* channels know that only */
  service_do(&flood->service, rules[index]);
}

static void on_flood_tick(uv_timer_t* timer) {
  struct flood* flood = timer->data;
  struct gcn__sim* sim = gcn__sim_listen_service(flood->service.listen);
  uint64_t now_ms = gcn__sim_listen_now(flood->service.listen);
  for (unsigned i = 0; i < PER_TICK; i++) {
    char body[32];
    int size = snprintf(body, sizeof body, "{\"n\":%llu}",
                        (unsigned long long)++flood->sent);
    struct gcn__span data = gcn__span(body, (size_t)size);
    if (flood->stream) {
      gcn__sim_stream_emit(sim, "routing.queueEvents", "queue-1", "X", data,
                           now_ms);
    } else {
      gcn__sim_emit(sim, topic_text, data, now_ms);
    }
  }
  gcn__sim_listen_flush(flood->service.listen);
  flood->ticks++;
  break_something(flood);
}

static void begin_flood(struct flood* flood, uv_loop_t* loop,
                        struct mem_probe* probe, bool stream) {
  memset(flood, 0, sizeof *flood);
  flood->stream = stream;
  struct gcn__sim_listen_options sim = service_options();
  sim.sim.rest_per_min_max = GCN__NEVER;
  sim.sim.channels_max = SIZE_MAX;
  service_open(&flood->service, loop, &sim);
  gcn_options_t options =
      impatient_options(&flood->user, flood->service.url, probe);
  options.event_cb = on_numbered;
  options.gap_cb = on_flood_gap;
  options.rotate_spread_ms = 50;
  options.overlap_ms = 500;
  options.latency_ms_max = 50;
  if (stream) options.dialect = GCN_DIALECT_STREAM;
  options.data = flood;
  user_new(&flood->user, loop, &options);
  forget_manners(&flood->user);
  service_subscribe(&flood->user,
                    stream ? "routing.queueEvents@queue-1" : topic_text);
  gcn_client_start(flood->user.client);
  harness_until(loop, &flood->user.streaming);
  uv_timer_init(loop, &flood->timer);
  flood->timer.data = flood;
  uv_timer_start(&flood->timer, on_flood_tick, TICK_MS, TICK_MS);
}

static void flood_for(struct flood* flood, unsigned ticks) {
  unsigned until = flood->ticks + ticks;
  while (flood->ticks < until)
    uv_run(flood->user.loop, UV_RUN_ONCE);
}

/* Until what was sent last has come. */
static bool drain_flood(struct flood* flood) {
  uv_timer_stop(&flood->timer);
  uint64_t patience_ms = gcn__loop_now_ms(flood->user.loop) + 20000;
  while (flood->last < flood->sent) {
    if (gcn__loop_now_ms(flood->user.loop) > patience_ms) return false;
    uv_run(flood->user.loop, UV_RUN_ONCE);
  }
  return true;
}

static void run_flood(bool stream) {
  uv_loop_t loop;
  struct flood flood;
  struct mem_probe probe = {.fail_at = 0};
  unsigned seconds = (unsigned)count_from("GCN_SOAK_SECONDS", SECONDS);
  assert_int_equal(uv_loop_init(&loop), 0);
  begin_flood(&flood, &loop, &probe, stream);
  flood_for(&flood, 200);
  struct holding before = weigh(&probe);
  flood_for(&flood, seconds * 1000 / TICK_MS);
  struct holding now = weigh(&probe);
  assert_true(drain_flood(&flood));
  assert_true(flood.came >= flood.sent / 2);
  assert_int_equal(flood.came + flood.missing, flood.last);
  if (stream) {
    assert_int_equal(flood.missing, 0);
  } else {
    assert_true(flood.missing == 0 || flood.gaps > 0);
  }
  /* A successor may be alive at either moment. */
  assert_in_range(now.descriptors, 1, before.descriptors + 4);
  assert_true(probe.peak_size < (4 << 20));
  note_figure("seconds", seconds);
  user_finish(&flood.user);
  assert_int_equal(probe.live_size, 0);
  harness_close((uv_handle_t*)&flood.timer);
  service_close(&flood.service);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_channels_flood(void** state) {
  (void)state;
  run_flood(false);
}

static void test_stream_flood(void** state) {
  (void)state;
  run_flood(true);
}

enum { STAGES = sizeof stages / sizeof stages[0], OTHERS = 3 };

int main(void) {
  struct CMUnitTest tests[STAGES + OTHERS] = {
      {"soak: lives in threads", test_lives_in_threads, NULL, NULL, NULL},
      {"soak: 5,000 events a second through breaks, channels",
       test_channels_flood, NULL, NULL, NULL},
      {"soak: 5,000 events a second through breaks, stream dialect",
       test_stream_flood, NULL, NULL, NULL},
  };
  struct stage rows[STAGES]; /* cmocka wants them writable */
  memcpy(rows, stages, sizeof rows);
  for (size_t i = 0; i < STAGES; i++) {
    tests[OTHERS + i] = (struct CMUnitTest){
        stages[i].name, test_failing_attempts, NULL, NULL, &rows[i]};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
