/* SPDX-License-Identifier: MIT */
/*
 * Measures rows: time and allocations here; instructions are counted from
 * outside, by instructions.py, in gcn__bench_measured.
 *
 *   bench-micro [ROW...]             a Markdown table: CPU time of the thread,
 *                                    median of some rounds; allocations
 *   bench-micro --ratio A B...       row A against each row B, in turn
 *   bench-micro --check              no row named here allocates per operation
 *   bench-micro --once [ROW...]      one small run each; says how many
 *                                    operations it was.  What the processor
 *                                    can is not used, unless a row asks for it
 *   bench-micro --list | --toolchain
 *
 * A ROW is a pattern as for file names, whose "*" also stands for slashes.
 * This file knows no row: those are in micro-*.c.
 */
#include "bench.h"

#include "base/buf.h"
#include "codec/scan-way.h"
#include "sim/source.h"

#include <fnmatch.h>
#include <gnu/libc-version.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
  ROUNDS = 11,
  ROUND_BYTES = 1024 * 1024, /* stays in a cache of the second level */
  ONCE_BYTES = 128 * 1024,
  MIX_SIZE = 3072, /* nearly the mean of gcn__source_size */
  ROWS_MAX = 200,
};

static bool counting;
static uint64_t allocations;

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* ptr, size_t size);
extern void __libc_free(void* ptr);

void* malloc(size_t size) {
  allocations += counting;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  allocations += counting;
  return __libc_calloc(count, size);
}

void* realloc(void* ptr, size_t size) {
  allocations += counting;
  return __libc_realloc(ptr, size);
}

void free(void* ptr) {
  __libc_free(ptr);
}

/* Which way the row that runs has its texts scanned. */
static const struct gcn__scan_way* scan_way;
/* Rows that do not say how do it as every processor of the kind can. */
static bool scan_alike;

const struct gcn__scan_way* gcn__scan_choice(void) {
  return scan_way;
}

static bool has_avx2(void) {
#if defined(__SSE2__)
  return gcn__scan_can_avx2();
#else
  return false;
#endif
}

static void choose_scan(const struct gcn__bench_row* row) {
  scan_way = &gcn__scan_portable;
#if defined(__SSE2__)
  bool avx2 = (row->flags & GCN__BENCH_SCAN_AVX2) != 0 || !scan_alike;
  if ((row->flags & GCN__BENCH_SCAN_PORTABLE) != 0) return;
  scan_way = avx2 && has_avx2() ? &gcn__scan_avx2 : &gcn__scan_sse2;
#else
  (void)row;
#endif
}

void gcn__bench_die(const char* what) {
  fprintf(stderr, "bench-micro: %s\n", what);
  exit(1);
}

void* gcn__bench_alloc(size_t size) {
  void* block = calloc(1, size);
  if (block == NULL) gcn__bench_die("out of memory");
  return block;
}

/* Everything that counts, and nothing else, happens below this function. */
__attribute__((noinline)) void
gcn__bench_measured(const struct gcn__bench_row* row, void* state,
                    size_t count);

void gcn__bench_measured(const struct gcn__bench_row* row, void* state,
                         size_t count) {
  row->kind->run(state, count);
  __asm__ __volatile__(""); /* no jump in place of the call */
}

static uint64_t cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* One row while it is measured. */
struct trial {
  const struct gcn__bench_row* row;
  void* state;
  size_t count;
  double ns[ROUNDS]; /* per operation */
  double allocations;
};

static void refill(struct trial* trial) {
  const struct gcn__bench_kind* kind = trial->row->kind;
  if (kind->refill != NULL) kind->refill(trial->state, trial->count);
}

/* CPU time of one run, with the stack `shift` bytes further down. */
static uint64_t run_at(struct trial* trial, size_t shift) {
  volatile char* pad = __builtin_alloca(shift + 1);
  pad[0] = 0;
  choose_scan(trial->row);
  refill(trial);
  allocations = 0;
  uint64_t begin_ns = cpu_ns();
  counting = true;
  gcn__bench_measured(trial->row, trial->state, trial->count);
  counting = false;
  return cpu_ns() - begin_ns;
}

/* Two runs, because Mbed TLS's AES-GCM takes a third longer on every other
 * place of the stack, and where a process has its stack is chance. */
static void measure(struct trial* trial, size_t round) {
  uint64_t used_ns = run_at(trial, 0) + run_at(trial, 16);
  trial->ns[round] = (double)used_ns / 2 / (double)trial->count;
  trial->allocations = (double)allocations / (double)trial->count;
}

/* With a state that has seen some operations: buffers have grown. */
static void begin(struct trial* trial, const struct gcn__bench_row* row,
                  size_t bytes) {
  size_t size = row->size == GCN__BENCH_MIX ? MIX_SIZE : row->size;
  size_t count = bytes / size;
  if (row->kind->refill == NULL) count /= 4; /* nothing is spread over many */
  *trial = (struct trial){.row = row, .count = count < 8 ? 8 : count};
  choose_scan(row);
  trial->state = row->kind->make(row);
  refill(trial);
  row->kind->run(trial->state, trial->count);
}

static void end(struct trial* trial) {
  trial->row->kind->free(trial->state);
}

static int compare(const void* a, const void* b) {
  double x = *(const double*)a;
  double y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(double* values, size_t count) {
  qsort(values, count, sizeof values[0], compare);
  return values[count / 2];
}

/* In the order of the patterns; all rows if there is none. */
struct choice {
  const struct gcn__bench_row* rows[ROWS_MAX];
  size_t count;
};

static void add_matches(struct choice* choice, struct gcn__bench_rows rows,
                        const char* pattern) {
  for (size_t i = 0; i < rows.count; i++) {
    if (fnmatch(pattern, rows.rows[i].name, 0) != 0) continue;
    if ((rows.rows[i].flags & GCN__BENCH_SCAN_AVX2) != 0 && !has_avx2())
      continue;
    if (choice->count == ROWS_MAX) gcn__bench_die("too many rows");
    choice->rows[choice->count++] = &rows.rows[i];
  }
}

static void choose(struct choice* choice, const char* pattern) {
  size_t before = choice->count;
  add_matches(choice, gcn__bench_base_rows(), pattern);
  add_matches(choice, gcn__bench_codec_rows(), pattern);
  add_matches(choice, gcn__bench_tls_rows(), pattern);
  add_matches(choice, gcn__bench_core_rows(), pattern);
  add_matches(choice, gcn__bench_engine_rows(), pattern);
  if (choice->count == before) gcn__bench_die("no row has this name");
}

static void print_table(const struct choice* choice) {
  puts("| row | ns/op | MB/s | allocations/op |");
  puts("|---|---:|---:|---:|");
  for (size_t i = 0; i < choice->count; i++) {
    struct trial trial;
    begin(&trial, choice->rows[i], ROUND_BYTES);
    for (size_t round = 0; round < ROUNDS; round++)
      measure(&trial, round);
    double ns = median(trial.ns, ROUNDS);
    size_t bytes = 0;
    for (size_t event = 0; event < trial.count; event++)
      bytes += gcn__source_size(trial.row->size, event);
    double rate = (double)bytes / (double)trial.count / ns * 1e3;
    printf("| %s | %.0f | %.0f | %.6f |\n", trial.row->name, ns, rate,
           trial.allocations);
    fflush(stdout);
    end(&trial);
  }
}

/* In turn, so that a change of the machine's speed meets both. */
static void print_ratio(const struct gcn__bench_row* a,
                        const struct gcn__bench_row* b) {
  struct trial trials[2];
  double ratios[ROUNDS];
  begin(&trials[0], a, ROUND_BYTES);
  begin(&trials[1], b, ROUND_BYTES);
  for (size_t round = 0; round < ROUNDS; round++) {
    measure(&trials[0], round);
    measure(&trials[1], round);
    ratios[round] = trials[0].ns[round] / trials[1].ns[round];
  }
  double middle = median(ratios, ROUNDS);
  printf("| %s | %s | %.0f | %.0f | %.2f | %.2f | %.2f |\n", a->name, b->name,
         median(trials[0].ns, ROUNDS), median(trials[1].ns, ROUNDS), middle,
         ratios[0], ratios[ROUNDS - 1]);
  end(&trials[0]);
  end(&trials[1]);
}

static void print_ratios(const struct choice* choice) {
  puts("| A | B | A, ns/op | B, ns/op | A/B, median | least | most |");
  puts("|---|---|---:|---:|---:|---:|---:|");
  for (size_t i = 1; i < choice->count; i++)
    print_ratio(choice->rows[0], choice->rows[i]);
}

static void run_once(const struct choice* choice) {
  scan_alike = true;
  for (size_t i = 0; i < choice->count; i++) {
    struct trial trial;
    begin(&trial, choice->rows[i], ONCE_BYTES);
    (void)run_at(&trial, 0);
    printf("%s %zu\n", trial.row->name, trial.count);
    end(&trial);
  }
}

static int check(const struct choice* choice) {
  int failures = 0;
  for (size_t i = 0; i < choice->count; i++) {
    struct trial trial;
    begin(&trial, choice->rows[i], ROUND_BYTES);
    (void)run_at(&trial, 0);
    if (allocations > 0) {
      fprintf(stderr, "%s allocates: %llu times in %zu operations\n",
              trial.row->name, (unsigned long long)allocations, trial.count);
      failures++;
    }
    end(&trial);
  }
  return failures > 0;
}

/* Whatever changes the figures without a change of ours. */
static void print_toolchain(void) {
  char version[32];
  mbedtls_version_get_string_full(version);
#if defined(__clang__)
  printf("compiler: clang %s\n", __clang_version__);
#else
  printf("compiler: gcc %s\n", __VERSION__);
#endif
  printf("build: %s\n", GCN_BENCH_BUILD);
  printf("libc: glibc %s\n", gnu_get_libc_version());
  printf("tls: %s (%s)\n", version, GCN_BENCH_TLS);
  printf("libraries: %s\n", GCN_BENCH_LIBRARIES);
}

int main(int argc, char** argv) {
  struct choice choice = {.count = 0};
  const char* mode = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
  int first = mode[0] == '\0' ? 1 : 2;
  for (int i = first; i < argc; i++)
    choose(&choice, argv[i]);
  if (choice.count == 0) choose(&choice, "*");
  if (strcmp(mode, "--check") == 0) return check(&choice);
  if (strcmp(mode, "--ratio") == 0) {
    print_ratios(&choice);
  } else if (strcmp(mode, "--once") == 0) {
    run_once(&choice);
  } else if (strcmp(mode, "--toolchain") == 0) {
    print_toolchain();
  } else if (strcmp(mode, "--list") == 0) {
    for (size_t i = 0; i < choice.count; i++)
      puts(choice.rows[i]->name);
  } else if (mode[0] == '\0') {
    print_table(&choice);
  } else {
    gcn__bench_die("unknown option");
  }
  return 0;
}
