/* SPDX-License-Identifier: MIT */
/*
 * Arguments, the clocks of the kernel, and the line of JSON.  One tally for
 * each process: a peer does nothing else.
 */
#include "common/tally.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct tally {
  struct tally_plan plan;
  unsigned open;
  uint64_t events;
  uint64_t events_open; /* those that came before all connections were open */
  uint64_t bytes;
  int64_t cpu_start_us;
  int64_t cpu_open_us;
  int64_t cpu_last_us;
  long rss_base_kib;
  int64_t sent_ns;
  uint32_t* round_trips_ns;
};

static struct tally tally;

void tally_die(int status, const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(status);
}

static int64_t cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  int64_t seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec;
  return seconds * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A line of /proc/self/status.  VmHWM and not ru_maxrss, which remembers the
 * process that called exec. */
static long memory_kib(const char* name) {
  FILE* file = fopen("/proc/self/status", "r");
  char line[256];
  long size = 0;
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    size = strtol(line + strlen(name), NULL, 10);
    break;
  }
  fclose(file);
  return size;
}

static enum tally_mode mode_of(const char* name) {
  static const char* const names[] = {"count", "json", "pingpong", "idle",
                                      "cut"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) == 0) return (enum tally_mode)i;
  }
  tally_die(2, "the mode is count, json, pingpong, idle or cut");
  return TALLY_COUNT;
}

static void split_url(struct tally_plan* plan, const char* url) {
  plan->url = url;
  plan->tls = strncmp(url, "wss:", 4) == 0;
  int end = 0;
  if (sscanf(url,
             plan->tls ? "wss://%63[^:/]:%7[0-9]%n" : "ws://%63[^:/]:%7[0-9]%n",
             plan->host, plan->port, &end) != 2) {
    tally_die(2, "the URL is ws[s]://HOST:PORT/PATH");
  }
  plan->path = url[end] == '\0' ? "/" : url + end;
}

const struct tally_plan* tally_begin(int argc, char** argv) {
  if (argc != 6) tally_die(2, "usage: PEER URL CA COUNT CONNECTIONS MODE");
  struct tally_plan* plan = &tally.plan;
  split_url(plan, argv[1]);
  plan->ca = argv[2];
  plan->count = strtoull(argv[3], NULL, 10);
  plan->connections = (unsigned)strtoul(argv[4], NULL, 10);
  plan->mode = mode_of(argv[5]);
  if (plan->connections == 0) tally_die(2, "no connections");
  if (plan->mode == TALLY_PINGPONG) {
    size_t samples = plan->count * plan->connections;
    tally.round_trips_ns = calloc(samples, sizeof *tally.round_trips_ns);
    if (tally.round_trips_ns == NULL) tally_die(1, "no memory");
  }
  return plan;
}

void tally_start(void) {
  tally.rss_base_kib = memory_kib("VmRSS:");
  tally.cpu_start_us = cpu_us();
}

bool tally_open(void) {
  if (tally.open == tally.plan.connections) return true;
  tally.open++;
  if (tally.open < tally.plan.connections) return false;
  tally.events_open = tally.events;
  tally.cpu_open_us = cpu_us();
  return true;
}

void tally_sent(void) {
  tally.sent_ns = now_ns();
}

static uint64_t wanted(void) {
  const struct tally_plan* plan = &tally.plan;
  uint64_t once = plan->count * plan->connections;
  return plan->mode == TALLY_CUT ? 2 * once : once;
}

bool tally_done(void) {
  return tally.plan.mode != TALLY_IDLE && tally.events >= wanted();
}

uint64_t tally_events(void) {
  return tally.events;
}

static void parse(const void* data, size_t size) {
  cJSON* root = cJSON_ParseWithLength(data, size);
  if (root == NULL) tally_die(1, "an event is not JSON");
  cJSON_Delete(root);
}

void tally_event(const void* data, size_t size) {
  if (tally.plan.mode == TALLY_JSON) parse(data, size);
  if (tally.plan.mode == TALLY_PINGPONG && !tally_done()) {
    tally.round_trips_ns[tally.events] = (uint32_t)(now_ns() - tally.sent_ns);
  }
  tally.events++;
  tally.bytes += size;
  if (tally_done()) tally.cpu_last_us = cpu_us();
}

static int compare(const void* a, const void* b) {
  uint32_t left = *(const uint32_t*)a;
  uint32_t right = *(const uint32_t*)b;
  return (left > right) - (left < right);
}

static double percentile_us(double share) {
  double rank = share * (double)(tally.events - 1);
  return tally.round_trips_ns[(size_t)rank] / 1000.0;
}

static void print_round_trips(void) {
  if (tally.round_trips_ns == NULL || tally.events == 0) return;
  qsort(tally.round_trips_ns, tally.events, sizeof *tally.round_trips_ns,
        compare);
  printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f",
         percentile_us(0.5), percentile_us(0.99), percentile_us(0.999));
}

static bool complete(void) {
  const struct tally_plan* plan = &tally.plan;
  if (tally.open != plan->connections) return false;
  return plan->mode == TALLY_IDLE || tally.events == wanted();
}

/* No event came after all connections were open: there is nothing to say. */
static int64_t stream_cpu_us(void) {
  if (tally.cpu_last_us < tally.cpu_open_us) return 0;
  return tally.cpu_last_us - tally.cpu_open_us;
}

int tally_leave(const char* peer, const char* version) {
  printf("{\"peer\":\"%s\",\"version\":\"%s\",\"events\":%" PRIu64
         ",\"events_open\":%" PRIu64 ",\"bytes\":%" PRIu64,
         peer, version, tally.events, tally.events_open, tally.bytes);
  printf(",\"cpu_us\":%" PRId64 ",\"startup_cpu_us\":%" PRId64
         ",\"connect_cpu_us\":%" PRId64 ",\"maxrss_kib\":%ld",
         stream_cpu_us(), tally.cpu_open_us,
         tally.cpu_open_us - tally.cpu_start_us, memory_kib("VmHWM:"));
  if (tally.plan.mode == TALLY_IDLE) {
    printf(",\"rss_base_kib\":%ld,\"rss_kib\":%ld", tally.rss_base_kib,
           memory_kib("VmRSS:"));
  }
  print_round_trips();
  printf("}\n");
  return complete() ? 0 : 1;
}
