/* SPDX-License-Identifier: MIT */
/*
 * A life is over when its process has ended and its pipe as well: then all that
 * it said has been taken.
 */
#include "kill-stage.h"

#include "codec/checkpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  LIFE_MS_MAX = 100, /* of those that die by the clock, ... */
  EARLY_MS_MAX = 12, /* ... and of those that are to have no time to stream */
  LONGER = 5,        /* so many times, where nothing is repeated */
  REPORTS_MAX = 400, /* of those that die by what they have said */
  LEAVE_EVENTS_MAX = 200,
  LEAVE_MS_MAX = 4,
  PATIENCE_MS = 30000,
  HISTORY_MAX = JUDGE_NUMBER_MAX,
};

static const char* const mode_names[] = {[KILL_FILE] = "file",
                                         [KILL_CHANNELS] = "channels",
                                         [KILL_SQLITE] = "sqlite"};

/* --- the service ---------------------------------------------------------- */

static struct gcn__sim* sim_of(struct kill_stage* stage) {
  return gcn__sim_listen_service(stage->service.listen);
}

/* Where nothing is repeated, moments decide about what is missing. */
static void on_made(void* ctx, const struct gcn__sim_event* event) {
  struct kill_stage* stage = ctx;
  if (event->sequence >= JUDGE_NUMBER_MAX) return;
  stage->judge->made_unix_ms[event->sequence] =
      stage->wall_base_ms + (int64_t)event->at_ms;
}

static int64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void serve(struct kill_stage* stage, uint64_t rate) {
  struct gcn__sim_listen_options options = service_options();
  options.sim.seed = stage->seed;
  options.sim.events_per_ks = rate * 1000;
  options.sim.rest_per_min_max = GCN__NEVER;
  options.sim.stream_history_max = HISTORY_MAX;
  options.sim.stream_tells_resumed = true;
  stage->wall_base_ms = wall_ms() - (int64_t)gcn__loop_now_ms(&stage->loop);
  if (stage->mode == KILL_CHANNELS) {
    options.sim.hooks.event = on_made;
    options.sim.hooks.ctx = stage;
  }
  service_open(&stage->service, &stage->loop, &options);
}

/* One event beyond what comes by itself. */
static void emit(struct kill_stage* stage) {
  if (stage->mode == KILL_CHANNELS) {
    service_emit_many(&stage->service, 1);
    return;
  }
  uint64_t now_ms = gcn__sim_listen_now(stage->service.listen);
  gcn__sim_stream_emit(sim_of(stage), "routing.queueEvents", "q-1", NULL,
                       (struct gcn__span){NULL, 0}, now_ms);
  gcn__sim_listen_flush(stage->service.listen);
}

static uint64_t last_made(struct kill_stage* stage) {
  return service_counters(&stage->service).events;
}

/* --- a life --------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t* handle) {
  struct kill_stage* stage = handle->data;
  stage->open--;
}

static void give_signal(struct kill_stage* stage, int number) {
  uv_process_kill(&stage->process, number);
}

/* A timer of the loop would choose whole milliseconds only. */
static void wait_a_fraction(struct kill_stage* stage) {
  long ns = (long)gcn__rng_below(&stage->rng, 1000000);
  const struct timespec fraction = {.tv_nsec = ns};
  nanosleep(&fraction, NULL);
}

static void on_moment(uv_timer_t* timer) {
  struct kill_stage* stage = timer->data;
  wait_a_fraction(stage);
  give_signal(stage, SIGKILL);
}

static void on_patience(uv_timer_t* timer) {
  struct kill_stage* stage = timer->data;
  judge_blame(stage->judge, "it takes too long");
  give_signal(stage, SIGKILL);
}

static void on_process_exit(uv_process_t* process, int64_t status, int number) {
  struct kill_stage* stage = process->data;
  stage->status = status;
  stage->signal = number;
  uv_close((uv_handle_t*)process, on_handle_closed);
}

static void drain_further(struct kill_stage* stage,
                          const struct kill_report* report) {
  if (report->word == KILL_STREAMS && !stage->extra) {
    stage->extra = true;
    emit(stage);
  }
  bool all = stage->extra && judge_is_durable(stage->judge, last_made(stage));
  if (!all || stage->asked) return;
  stage->asked = true;
  give_signal(stage, SIGTERM);
}

static void take(struct kill_stage* stage, const struct kill_report* report) {
  judge_take(stage->judge, report);
  stage->reports++;
  if (stage->drains) drain_further(stage, report);
  if (stage->reports == stage->kill_after) give_signal(stage, SIGKILL);
  if (report->word == KILL_LEAVES && stage->kill_leaving) {
    uint64_t delay_ms = gcn__rng_below(&stage->rng, LEAVE_MS_MAX);
    uv_timer_start(&stage->timer, on_moment, delay_ms, 0);
  }
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct kill_stage* stage = handle->data;
  (void)size;
  *buf = uv_buf_init(stage->bytes + stage->pending,
                     (unsigned)(sizeof stage->bytes - stage->pending));
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct kill_stage* stage = stream->data;
  struct kill_report report;
  (void)buf;
  if (size < 0) {
    if (stage->pending > 0) judge_blame(stage->judge, "a record is torn");
    uv_close((uv_handle_t*)stream, on_handle_closed);
    return;
  }
  size_t end = stage->pending + (size_t)size;
  size_t at = 0;
  for (; end - at >= sizeof report; at += sizeof report) {
    memcpy(&report, stage->bytes + at, sizeof report);
    take(stage, &report);
  }
  stage->pending = end - at;
  memmove(stage->bytes, stage->bytes + at, stage->pending);
}

static void spawn(struct kill_stage* stage, uint64_t leave_after) {
  char mode[24];
  char seed[24];
  char leave[24];
  int fds[2];
  snprintf(mode, sizeof mode, "%d", (int)stage->mode);
  snprintf(seed, sizeof seed, "%llu",
           (unsigned long long)gcn__rng_next(&stage->rng));
  snprintf(leave, sizeof leave, "%llu", (unsigned long long)leave_after);
  char program[4096];
  size_t program_size = sizeof program;
  assert_int_equal(uv_exepath(program, &program_size), 0);
  char word[] = "consume";
  char* arguments[] = {
      program, word, stage->service.url, mode, stage->path, seed, leave, NULL};
  assert_int_equal(uv_pipe(fds, UV_NONBLOCK_PIPE, 0), 0);
  uv_stdio_container_t stdio[] = {
      {.flags = UV_IGNORE},
      {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
      {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
      {.flags = UV_INHERIT_FD, .data.fd = fds[1]},
  };
  const uv_process_options_t options = {.exit_cb = on_process_exit,
                                        .file = program,
                                        .args = arguments,
                                        .stdio = stdio,
                                        .stdio_count = KILL_REPORTS_FD + 1};
  assert_int_equal(uv_spawn(&stage->loop, &stage->process, &options), 0);
  close(fds[1]);
  uv_pipe_init(&stage->loop, &stage->pipe, 0);
  stage->process.data = stage->pipe.data = stage;
  assert_int_equal(uv_pipe_open(&stage->pipe, fds[0]), 0);
  uv_read_start((uv_stream_t*)&stage->pipe, on_alloc, on_read);
  stage->open = 2;
}

/* What the kill left must be whole; true if it names a position. */
static bool check_file(struct kill_stage* stage, const char* ending) {
  static char bytes[1 << 20];
  struct gcn__checkpoint_read* read = NULL;
  char name[128];
  snprintf(name, sizeof name, "%s%s", stage->path, ending);
  FILE* file = fopen(name, "rb");
  if (file == NULL) return false;
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  enum gcn__checkpoint_fault fault =
      gcn__checkpoint_read(gcn__span(bytes, size), &gcn__mem_libc, &read);
  if (fault != GCN__CHECKPOINT_GOOD) {
    judge_blame(stage->judge, "checkpoint%s: %s", ending,
                gcn__checkpoint_fault_text(fault));
    return false;
  }
  bool any = read->checkpoint.lane_count > 0 &&
             read->checkpoint.lanes[0].position.data != NULL;
  gcn__checkpoint_free(read);
  return any;
}

static bool check_files(struct kill_stage* stage) {
  char draft[128];
  if (stage->mode == KILL_SQLITE) return false;
  snprintf(draft, sizeof draft, "%s.tmp", stage->path);
  if (access(draft, F_OK) == 0) stage->drafts++;
  (void)check_file(stage, ".1");
  return check_file(stage, "");
}

static void count_end(struct kill_stage* stage) {
  const struct judge_life* life = &stage->judge->life;
  if (stage->signal == SIGKILL) {
    stage->kills++;
    if (life->leaves) stage->kills_leaving++;
    return;
  }
  bool orderly = stage->signal == 0 && stage->status == 0 && life->left;
  if (orderly) {
    stage->left++;
  } else {
    judge_blame(stage->judge, "it ended by signal %d, status %lld",
                stage->signal, (long long)stage->status);
  }
}

static void begin_life(struct kill_stage* stage) {
  stage->pending = 0;
  stage->reports = stage->kill_after = 0;
  stage->kill_leaving = stage->drains = stage->asked = stage->extra = false;
  judge_begin_life(stage->judge);
}

static void live(struct kill_stage* stage, uint64_t leave_after) {
  uv_update_time(&stage->loop);
  uv_timer_start(&stage->patience, on_patience, PATIENCE_MS, 0);
  spawn(stage, leave_after);
  while (stage->open > 0)
    uv_run(&stage->loop, UV_RUN_ONCE);
  uv_timer_stop(&stage->timer);
  uv_timer_stop(&stage->patience);
  count_end(stage);
  bool positioned = check_files(stage) && stage->mode == KILL_FILE;
  judge_end_life(stage->judge, positioned);
}

/* By the clock, by what it has said, or when it is about to end. */
static void live_and_die(struct kill_stage* stage) {
  uint64_t manner = gcn__rng_below(&stage->rng, 20);
  uint64_t leave_after = 0;
  uint64_t longer = stage->mode == KILL_CHANNELS ? LONGER : 1;
  begin_life(stage);
  if (manner < 11) {
    uint64_t most_ms = manner < 4 ? EARLY_MS_MAX : longer * LIFE_MS_MAX;
    uint64_t delay_ms = gcn__rng_below(&stage->rng, most_ms);
    uv_update_time(&stage->loop);
    uv_timer_start(&stage->timer, on_moment, delay_ms, 0);
  } else if (manner < 18) {
    stage->kill_after = gcn__rng_between(&stage->rng, 1, longer * REPORTS_MAX);
  } else {
    leave_after = gcn__rng_between(&stage->rng, 1, LEAVE_EVENTS_MAX);
    stage->kill_leaving = true;
  }
  live(stage, leave_after);
}

static void assert_sound(const struct kill_stage* stage) {
  if (stage->judge->fault[0] == '\0') return;
  fail_msg("GCN_KILL_SEED=%llu: %s", (unsigned long long)stage->seed,
           stage->judge->fault);
}

void kill_stage_kill(struct kill_stage* stage, unsigned kills) {
  while (stage->kills < kills) {
    live_and_die(stage);
    assert_sound(stage);
  }
}

static void live_and_drain(struct kill_stage* stage) {
  begin_life(stage);
  stage->drains = true;
  live(stage, 0);
  assert_sound(stage);
  assert_true(stage->asked);
  assert_int_equal(stage->signal, 0);
}

void kill_stage_end(struct kill_stage* stage) {
  service_do(&stage->service, "event.stop");
  live_and_drain(stage);
  live_and_drain(stage);
  assert_int_equal(stage->judge->life.told, 1);
  judge_end(stage->judge, last_made(stage));
  assert_sound(stage);
}

/* --- the stage ------------------------------------------------------------ */

struct kill_stage* kill_stage_open(enum kill_mode mode, uint64_t rate) {
  struct kill_stage* stage = calloc(1, sizeof *stage);
  assert_non_null(stage);
  const char* seed = getenv("GCN_KILL_SEED");
  stage->mode = mode;
  stage->seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)wall_ms();
  gcn__rng_seed(&stage->rng, stage->seed);
  assert_int_equal(uv_loop_init(&stage->loop), 0);
  uv_timer_init(&stage->loop, &stage->timer);
  uv_timer_init(&stage->loop, &stage->patience);
  stage->timer.data = stage->patience.data = stage;
  snprintf(stage->folder, sizeof stage->folder, "/tmp/gcn-kill-XXXXXX");
  assert_non_null(mkdtemp(stage->folder));
  snprintf(stage->path, sizeof stage->path, "%s/position", stage->folder);
  stage->judge = judge_new(mode != KILL_CHANNELS);
  stage->begun_ms = gcn__loop_now_ms(&stage->loop);
  serve(stage, rate);
  return stage;
}

static double seconds_of(const struct rusage* usage) {
  return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
         (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void print_numbers(struct kill_stage* stage) {
  const struct judge* judge = stage->judge;
  struct rusage own;
  struct rusage consumers;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &consumers);
  printf("# %s: %u kills (%u of them while leaving, %u in a save), %u ends, "
         "%u lives streamed; seed %llu\n",
         mode_names[stage->mode], stage->kills, stage->kills_leaving,
         stage->drafts, stage->left, judge->streamed,
         (unsigned long long)stage->seed);
  printf("# %s: %llu events, %llu told, %llu handled again, %llu durable, "
         "%llu inside %zu gaps\n",
         mode_names[stage->mode], (unsigned long long)last_made(stage),
         (unsigned long long)judge->told, (unsigned long long)judge->again,
         (unsigned long long)judge->durable, (unsigned long long)judge->missed,
         judge->gap_count);
  printf("# %s: %.1f s; CPU so far: %.1f s, of consumers %.1f s\n",
         mode_names[stage->mode],
         (double)(gcn__loop_now_ms(&stage->loop) - stage->begun_ms) / 1e3,
         seconds_of(&own), seconds_of(&consumers));
}

static void remove_files(const struct kill_stage* stage) {
  static const char* const endings[] = {"",     ".1",   ".tmp",
                                        "-wal", "-shm", "-journal"};
  char name[128];
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    snprintf(name, sizeof name, "%s%s", stage->path, endings[i]);
    unlink(name);
  }
  assert_int_equal(rmdir(stage->folder), 0);
}

void kill_stage_close(struct kill_stage* stage) {
  print_numbers(stage);
  uv_close((uv_handle_t*)&stage->timer, NULL);
  uv_close((uv_handle_t*)&stage->patience, NULL);
  service_close(&stage->service);
  assert_int_equal(uv_loop_close(&stage->loop), 0);
  remove_files(stage);
  judge_free(stage->judge);
  free(stage);
}
