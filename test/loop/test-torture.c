/* SPDX-License-Identifier: MIT */
/*
 * FAULTS C5, X01 and X02 of the whole client on real sockets with TLS: the n-th
 * allocation of ours, of Mbed TLS's, or the n-th call of libuv or the system is
 * refused, once or from then on, at every n of a life in either dialect.
 *
 * Whatever is refused, gcn_client_new either says so and leaves nothing, or the
 * client lives on: when all is there again it streams and events come, or it
 * closes while nothing is to be had.  Nothing crashes, leaks, hangs, or passes
 * for a success.  The service lives in another process, which wants for
 * nothing.
 *
 * GCN_TORTURE=full tries every n; by default a spread of them.  The figures go
 * to $GCN_PROOF_DIR/oom.txt if that is set.
 */
#include "scarcity.h"
#include "service.h"

#include <psa/crypto.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  CA_SIZE = 4096,
  EVENTS_PER_KS = 400 * 1000,
  EVENTS = 3,         /* are enough of them */
  TROUBLE_MS = 5000,  /* something comes of every refusal within it */
  RECOVER_MS = 15000, /* and with all at hand it streams */
  CLOSE_MS_MAX = 2000,
  PHASE_MS = 1000,
};

#if defined(__SANITIZE_ADDRESS__)
enum { SAMPLES = 14 };
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
enum { SAMPLES = 14 };
#  else
enum { SAMPLES = 40 };
#  endif
#else
enum { SAMPLES = 40 };
#endif

/* --- the service, in a process of its own --------------------------------- */

/* What the parent has to know of it. */
struct address {
  char ca[CA_SIZE];
  char url[80];
};

static struct address* address; /* shared */
static pid_t service_pid;

static void serve(int ready) {
  static const char* const names[] = {"localhost"};
  static const char* const addresses[] = {"127.0.0.1"}; /* in connectUri */
  const struct gcn__pki_names leaf = {
      .dns = names, .dns_count = 1, .ip = addresses, .ip_count = 1};
  static char certificate[GCN__PKI_PEM_SIZE_MAX];
  static char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  uv_loop_t loop;
  struct gcn__sim_listen_options options = service_options();
  struct gcn__sim_listen* listen = NULL;
  struct gcn__pki* pki = gcn__pki_new();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  options.sim.events_per_ks = EVENTS_PER_KS;
  options.sim.rest_per_min_max = GCN__NEVER;
  options.sim.channels_max = 1000000;
  options.sim.heartbeat_ms = 100;
  bool good =
      pki != NULL &&
      gcn__pki_issue(pki, &leaf, GCN__PKI_SOUND, certificate, key) == 0 &&
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &options.tls, text) == 0 &&
      uv_loop_init(&loop) == 0 &&
      gcn__sim_listen_new(&loop, &options, &listen) == 0;
  if (!good) _exit(1);
  snprintf(address->ca, sizeof address->ca, "%s", gcn__pki_ca(pki));
  snprintf(address->url, sizeof address->url, "https://localhost:%u",
           (unsigned)gcn__sim_listen_port(listen));
  if (write(ready, "!", 1) != 1) _exit(1);
  uv_run(&loop, UV_RUN_DEFAULT);
  _exit(1);
}

static int open_service(void** state) {
  (void)state;
  int ready[2];
  char word = 0;
  address = mmap(NULL, sizeof *address, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED || pipe(ready) != 0) return -1;
  service_pid = fork();
  if (service_pid == 0) serve(ready[1]);
  close(ready[1]);
  bool good = service_pid > 0 && read(ready[0], &word, 1) == 1;
  close(ready[0]);
  scarcity_init();
  return good && psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

static int close_service(void** state) {
  (void)state;
  kill(service_pid, SIGKILL);
  waitpid(service_pid, NULL, 0);
  return munmap(address, sizeof *address);
}

/* --- one life ------------------------------------------------------------- */

struct torment {
  const char* name;
  bool stream; /* the dialect */
  enum scarcity_kind kind;
  bool on;
};

struct life {
  struct user user;
  const struct torment* torment;
  gcn_options_t options;
  gcn_stream_t shape;
  unsigned troubles; /* waits told, and final refusals */
  bool over;
  bool timed_out;
};

static struct life* life_of(gcn_client_t* client) {
  return (struct life*)gcn_client_data(client);
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  (void)life_of(client);
  assert_true(gap->from_ms <= gap->to_ms);
}

/* Whatever was refused here, nobody out there has said a final no. */
static void act(struct user* user, enum user_moment moment) {
  struct life* life = (struct life*)user;
  if (moment != USER_STATE) return;
  assert_int_not_equal(user->state, GCN_REFUSED);
  life->troubles += user->state == GCN_BACKING_OFF;
}

static void fill_options(struct life* life) {
  gcn_options_t* options = &life->options;
  *options = user_options(&life->user, address->url);
  options->allow_plaintext = 0;
  options->ca_pem = address->ca;
  options->alloc_cb = scarcity_resize;
  options->gap_cb = on_gap;
  options->phase_ms = PHASE_MS;
  options->no_tls_resume = 1; /* every life is the same */
  if (!life->torment->stream) return;
  options->dialect = GCN_DIALECT_STREAM;
  options->stream = &life->shape;
  gcn_stream_init(&life->shape, GCN_PRESET_GUIDE);
  life->shape.latency_ms = 30;
}

static void on_timeout(uv_timer_t* timer) {
  ((struct life*)timer->data)->timed_out = true;
}

/* Runs the loop until `done`, or until the time is up. */
static bool run_until(struct life* life, uint64_t limit_ms,
                      bool (*done)(const struct life* life)) {
  uv_timer_t timer;
  uv_loop_t* loop = life->user.loop;
  life->timed_out = false;
  uv_update_time(loop);
  uv_timer_init(loop, &timer);
  timer.data = life;
  uv_timer_start(&timer, on_timeout, limit_ms, 0);
  while (!done(life) && !life->timed_out)
    uv_run(loop, UV_RUN_ONCE);
  harness_close((uv_handle_t*)&timer);
  return !life->timed_out;
}

/* It streams for all to see, or it was told that it does not. */
static bool has_come_to_something(const struct life* life) {
  const struct user* user = &life->user;
  bool streams = user->streaming && user->counts[USER_EVENT] >= EVENTS;
  return streams || life->troubles > 0;
}

static bool has_streamed(const struct life* life) {
  const struct user* user = &life->user;
  return user->streaming && user->counts[USER_EVENT] >= EVENTS;
}

static bool has_closed(const struct life* life) {
  return life->user.closed;
}

static void end_life(struct life* life) {
  user_close(&life->user);
  assert_true(run_until(life, CLOSE_MS_MAX, has_closed));
  assert_int_equal(life->user.late, 0);
}

/* True if the client could be made. */
static bool begin_life(struct life* life) {
  const char* topic =
      life->torment->stream ? "routing.queueEvents@q-1" : topic_text;
  const char* const topics[] = {topic};
  struct user* user = &life->user;
  int error = gcn_client_new(&user->client, user->loop, &life->options);
  if (error != 0) {
    assert_null(user->client);
    /* A generator that can't be seeded for want of memory says only that. */
    bool unseeded =
        error == GCN_EENTROPY && life->torment->kind == SCARCITY_TLS;
    if (error != UV_ENOMEM && error != UV_EMFILE && !unseeded) {
      fail_msg("%s for want of %s", gcn_err_name(error), scarcity_refused());
    }
    return false;
  }
  user->act = act;
  error = gcn_client_subscribe(user->client, topics, 1);
  assert_true(error == 0 || error == UV_ENOMEM);
  if (error != 0) scarcity_end();
  if (error != 0) error = gcn_client_subscribe(user->client, topics, 1);
  assert_int_equal(error, 0);
  assert_int_equal(gcn_client_start(user->client), 0);
  bool certain = run_until(life, TROUBLE_MS, has_come_to_something);
  if (!certain) fail_msg("nothing came of it: %s", scarcity_refused());
  return true;
}

/* Everything is there again: it streams, and events come. */
static void recover(struct life* life) {
  scarcity_end();
  life->user.counts[USER_EVENT] = 0;
  if (!run_until(life, RECOVER_MS, has_streamed)) {
    fail_msg("it does not recover from %s", scarcity_refused());
  }
  assert_int_equal(service_stats(&life->user).state, GCN_STREAMING);
}

static unsigned count_descriptors(void) {
  unsigned count = 0;
  DIR* directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  while (readdir(directory) != NULL)
    count++;
  closedir(directory);
  return count;
}

static void note_handle(uv_handle_t* handle, void* arg) {
  (void)handle;
  *(bool*)arg = false;
}

static bool is_bare(uv_loop_t* loop) {
  bool bare = true;
  uv_walk(loop, note_handle, &bare);
  return bare;
}

struct holdings {
  long blocks;
  unsigned descriptors;
};

static struct holdings holdings_now(void) {
  return (struct holdings){scarcity_blocks(), count_descriptors()};
}

/* True if something was refused. */
static bool live(uv_loop_t* loop, const struct torment* torment, size_t n,
                 bool poor_end) {
  static struct life life;
  memset(&life, 0, sizeof life);
  life.torment = torment;
  life.user.loop = loop;
  fill_options(&life);
  scarcity_begin(torment->kind, n, torment->on);
  if (begin_life(&life)) {
    if (!poor_end) recover(&life);
    end_life(&life);
  }
  scarcity_end();
  harness_settle(loop);
  return scarcity_struck();
}

static bool live_and_leave_nothing(uv_loop_t* loop,
                                   const struct torment* torment, size_t n,
                                   bool poor_end) {
  struct holdings before = holdings_now();
  bool struck = live(loop, torment, n, poor_end);
  scarcity_forgive(before.blocks);
  struct holdings after = holdings_now();
  bool bare = is_bare(loop) && scarcity_ours() == 0;
  bool same =
      after.blocks == before.blocks && after.descriptors == before.descriptors;
  if (!bare || !same) {
    fail_msg("%s, number %zu: %ld blocks, %zu bytes, %d descriptors left",
             scarcity_refused(), n, after.blocks - before.blocks,
             scarcity_ours(), (int)(after.descriptors - before.descriptors));
  }
  return struck;
}

/* --- all of them ---------------------------------------------------------- */

static const struct torment torments[] = {
    {"X01 channels over TLS: one allocation of ours", false, SCARCITY_OURS,
     false},
    {"X02 channels over TLS: allocations of ours from then on", false,
     SCARCITY_OURS, true},
    {"X01 channels over TLS: one allocation of Mbed TLS", false, SCARCITY_TLS,
     false},
    {"X02 channels over TLS: allocations of Mbed TLS from then on", false,
     SCARCITY_TLS, true},
    {"X03 channels over TLS: one call of libuv or the system", false,
     SCARCITY_CALLS, false},
    {"X03 channels over TLS: calls of libuv and the system from then on", false,
     SCARCITY_CALLS, true},
    {"X01 stream over TLS: one allocation of ours", true, SCARCITY_OURS, false},
    {"X02 stream over TLS: allocations of ours from then on", true,
     SCARCITY_OURS, true},
    {"X01 stream over TLS: one allocation of Mbed TLS", true, SCARCITY_TLS,
     false},
    {"X02 stream over TLS: allocations of Mbed TLS from then on", true,
     SCARCITY_TLS, true},
    {"X03 stream over TLS: one call of libuv or the system", true,
     SCARCITY_CALLS, false},
    {"X03 stream over TLS: calls of libuv and the system from then on", true,
     SCARCITY_CALLS, true},
};

enum { TORMENTS = sizeof torments / sizeof torments[0] };

struct fixture {
  const struct torment* torment;
  uv_loop_t loop;
};

static struct {
  size_t lives;
  size_t requests[SCARCITY_KINDS];
} figures;

/* Without the harness and its watchdog: a full run takes long, and nothing here
 * waits without a limit. */
static int set_up(void** state) {
  struct fixture* fixture = *state;
  return uv_loop_init(&fixture->loop);
}

static int tear_down(void** state) {
  struct fixture* fixture = *state;
  uv_run(&fixture->loop, UV_RUN_NOWAIT);
  return uv_loop_close(&fixture->loop);
}

/* How many requests a life without want makes, up to its first events. */
static size_t measure(uv_loop_t* loop, const struct torment* torment) {
  /* The first life leaves what is kept for the life of the process. */
  assert_false(live(loop, torment, SIZE_MAX, false));
  assert_false(live_and_leave_nothing(loop, torment, SIZE_MAX, false));
  return scarcity_count(torment->kind);
}

/* The first ones all, then a spread; with `full` every one. */
static size_t next_of(size_t n, size_t total, bool full) {
  size_t stride = total / SAMPLES;
  if (full) return n + 1;
  if (stride < 2) return n + 2; /* a refused send takes a second */
  return n < SAMPLES / 4 ? n + 1 : n + stride;
}

static void survives(void** state) {
  struct fixture* fixture = *state;
  const struct torment* torment = fixture->torment;
  const char* wish = getenv("GCN_TORTURE");
  bool full = wish != NULL && strcmp(wish, "full") == 0;
  size_t total = measure(&fixture->loop, torment);
  assert_true(total > 10);
  size_t reached = 0;
  bool poor_end = false;
  for (size_t n = 1; n <= total; n = next_of(n, total, full)) {
    reached += live_and_leave_nothing(&fixture->loop, torment, n, poor_end);
    figures.lives++;
    poor_end = !poor_end;
  }
  figures.requests[torment->kind] += reached;
  print_message("# %zu of %zu requests refused\n", reached, total);
  assert_true(reached > 10);
}

static void write_figures(void) {
  char path[4096];
  const char* directory = getenv("GCN_PROOF_DIR");
  if (directory == NULL) return;
  snprintf(path, sizeof path, "%s/oom.txt", directory);
  FILE* out = fopen(path, "w");
  if (out == NULL) return;
  fprintf(out, "lives %zu\nallocations %zu\ntls_allocations %zu\ncalls %zu\n",
          figures.lives, figures.requests[SCARCITY_OURS],
          figures.requests[SCARCITY_TLS], figures.requests[SCARCITY_CALLS]);
  fclose(out);
}

int main(void) {
  static struct CMUnitTest tests[TORMENTS];
  static struct fixture fixtures[TORMENTS];
  for (int i = 0; i < TORMENTS; i++) {
    fixtures[i].torment = &torments[i];
    tests[i] = (struct CMUnitTest){torments[i].name, survives, set_up,
                                   tear_down, &fixtures[i]};
  }
  int failed = cmocka_run_group_tests_name("torture", tests, open_service,
                                           close_service);
  if (failed == 0) write_figures();
  return failed;
}
