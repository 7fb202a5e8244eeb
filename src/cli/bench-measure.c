/* SPDX-License-Identifier: MIT */
/*
 * Times, memory and counts of this process.
 */
#include "cli/bench-measure.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(__GLIBC__)
#  if __GLIBC_PREREQ(2, 33)
#    define HAS_MALLINFO2 1
#  endif
#endif

enum { FILES_MORE = 64, SECOND_US = 1000000, KIB = 1024 };

static double micros(struct timeval time) {
  return (double)time.tv_sec * SECOND_US + (double)time.tv_usec;
}

double gcn__bench_cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t gcn__bench_thread_ns(void) {
  return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t gcn__bench_now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

bool gcn__bench_files(uint64_t connections, struct gcn__console* console) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)connections + FILES_MORE;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max < wanted) limit.rlim_cur = limit.rlim_max = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
  if (limit.rlim_cur > wanted) return true; /* it is no more than a wish */
  gcn__console_say(console, GCN__CONSOLE_ERROR,
                   "%" PRIu64 " connections need %" PRIu64
                   " open files, and this system's limit is lower: raise it "
                   "(ulimit -Hn)",
                   connections, (uint64_t)wanted);
  return false;
}

/* Without the C library's streams, whose buffers come from malloc. */
static bool read_proc(const char* path, char* text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
  if (fd >= 0) close(fd);
  text[got > 0 ? got : 0] = '\0';
  return got > 0;
}

/* What this process has read, in system calls. */
static double reads(void) {
  static const char name[] = "syscr: ";
  char text[512];
  if (!read_proc("/proc/self/io", text, sizeof text)) return NAN;
  const char* found = strstr(text, name);
  if (found == NULL) return NAN;
  return (double)strtoull(found + sizeof name - 1, NULL, 10);
}

static double rss_kib(void) {
  char text[64];
  if (!read_proc("/proc/self/statm", text, sizeof text)) return NAN;
  const char* second = strchr(text, ' ');
  if (second == NULL) return NAN;
  return (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) /
         KIB;
}

/* Not ru_maxrss, which remembers the process that called exec. */
static double maxrss_kib(void) {
  static const char name[] = "VmHWM:";
  char text[4096];
  if (!read_proc("/proc/self/status", text, sizeof text)) return NAN;
  const char* found = strstr(text, name);
  if (found == NULL) return NAN;
  return (double)strtoull(found + sizeof name - 1, NULL, 10);
}

static double heap_bytes(void) {
#if defined(HAS_MALLINFO2)
  struct mallinfo2 info = mallinfo2();
  double used = (double)info.uordblks + (double)info.hblkhd;
  return used > 0 ? used : NAN; /* a sanitizer's malloc tells nothing */
#else
  return NAN;
#endif
}

/* If the counting malloc has been loaded before all else, it has this. */
static double allocations(void) {
  const uint64_t* count = dlsym(RTLD_DEFAULT, "gcn_bench_allocations");
  return count == NULL ? NAN : (double)*count;
}

static struct gcn__bench_mark mark(const struct gcn__bench_meter* meter) {
  return (struct gcn__bench_mark){
      .cpu_us = gcn__bench_cpu_us(),
      .reads = reads(),
      .allocations = allocations(),
      .turns = meter->turns,
      .now_ns = gcn__bench_now_ns(),
  };
}

bool gcn__bench_meter_init(struct gcn__bench_meter* meter,
                           const struct gcn__bench_plan* plan) {
  *meter = (struct gcn__bench_meter){0};
  if (plan->mode != GCN__BENCH_PINGPONG) return true;
  meter->times_ns = calloc(plan->count, sizeof *meter->times_ns);
  return meter->times_ns != NULL;
}

void gcn__bench_meter_deinit(struct gcn__bench_meter* meter) {
  free(meter->times_ns);
}

void gcn__bench_meter_start(struct gcn__bench_meter* meter,
                            struct gcn__bench_result* result) {
  result->values[GCN__BENCH_RSS_BASE] = rss_kib();
  result->values[GCN__BENCH_HEAP_BASE] = heap_bytes();
  meter->connect_cpu_us = gcn__bench_cpu_us();
}

void gcn__bench_meter_open(struct gcn__bench_meter* meter,
                           struct gcn__bench_result* result) {
  meter->events_open = meter->events;
  meter->open = mark(meter);
  double cpu_us = meter->open.cpu_us;
  result->values[GCN__BENCH_EVENTS_OPEN] = (double)meter->events_open;
  result->values[GCN__BENCH_STARTUP] = cpu_us;
  result->values[GCN__BENCH_CONNECT] = cpu_us - meter->connect_cpu_us;
}

void gcn__bench_meter_memory(struct gcn__bench_result* result) {
  result->values[GCN__BENCH_RSS] = rss_kib();
  result->values[GCN__BENCH_HEAP] = heap_bytes();
}

void gcn__bench_meter_sent(struct gcn__bench_meter* meter) {
  meter->sent_ns = gcn__bench_now_ns();
}

void gcn__bench_meter_back(struct gcn__bench_meter* meter,
                           const struct gcn__bench_plan* plan) {
  if (meter->time_count >= plan->count) return;
  meter->times_ns[meter->time_count++] = gcn__bench_now_ns() - meter->sent_ns;
}

static int compare(const void* a, const void* b) {
  const uint64_t* left = a;
  const uint64_t* right = b;
  return (*left > *right) - (*left < *right);
}

static double quantile_us(const struct gcn__bench_meter* meter, double part) {
  size_t last = (size_t)meter->time_count - 1;
  return (double)meter->times_ns[(size_t)(part * (double)last)] / 1000;
}

static void add_times(struct gcn__bench_meter* meter,
                      struct gcn__bench_result* result) {
  if (meter->time_count == 0) return;
  qsort(meter->times_ns, meter->time_count, sizeof *meter->times_ns, compare);
  result->values[GCN__BENCH_P50] = quantile_us(meter, 0.5);
  result->values[GCN__BENCH_P99] = quantile_us(meter, 0.99);
  result->values[GCN__BENCH_P999] = quantile_us(meter, 0.999);
}

void gcn__bench_meter_end(struct gcn__bench_meter* meter,
                          struct gcn__bench_result* result) {
  struct gcn__bench_mark end = mark(meter);
  const struct gcn__bench_mark* open = &meter->open;
  double* values = result->values;
  values[GCN__BENCH_EVENTS] = (double)meter->events;
  values[GCN__BENCH_BYTES] = (double)meter->bytes;
  values[GCN__BENCH_CPU] = end.cpu_us - open->cpu_us;
  values[GCN__BENCH_WALL] = (double)(end.now_ns - open->now_ns) / 1000;
  values[GCN__BENCH_READS] = end.reads - open->reads;
  values[GCN__BENCH_TURNS] = (double)(end.turns - open->turns);
  values[GCN__BENCH_ALLOCATIONS] = end.allocations - open->allocations;
  values[GCN__BENCH_MAXRSS] = maxrss_kib();
  add_times(meter, result);
}
