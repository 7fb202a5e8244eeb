/* SPDX-License-Identifier: MIT */
/*
 * Rows of the lowest layer: the byte queue.
 *
 * "secret" is what decrypted bytes go through: it wipes what was consumed.
 */
#include "bench.h"

#include "base/buf.h"

#include <stdlib.h>

struct queue {
  struct gcn__buf buf;
  size_t size;
  char data[16384];
};

static void* make(const struct gcn__bench_row* row, bool secret) {
  struct queue* queue = gcn__bench_alloc(sizeof *queue);
  gcn__buf_init(&queue->buf, &gcn__mem_libc, sizeof queue->data);
  queue->buf.secret = secret;
  queue->size = row->size;
  return queue;
}

static void* make_plain(const struct gcn__bench_row* row) {
  return make(row, false);
}

static void* make_secret(const struct gcn__bench_row* row) {
  return make(row, true);
}

static void run(void* state, size_t count) {
  struct queue* queue = state;
  for (size_t i = 0; i < count; i++) {
    if (gcn__buf_append(&queue->buf, queue->data, queue->size) != 0) {
      gcn__bench_die("the queue is full");
    }
    gcn__bench_use((uint64_t)gcn__buf_span(&queue->buf).size);
    gcn__buf_consume(&queue->buf, queue->size);
  }
}

static void end(void* state) {
  struct queue* queue = state;
  gcn__buf_deinit(&queue->buf);
  free(queue);
}

struct gcn__bench_rows gcn__bench_base_rows(void) {
  static const struct gcn__bench_kind plain = {make_plain, NULL, run, end};
  static const struct gcn__bench_kind secret = {make_secret, NULL, run, end};
  static const struct gcn__bench_row rows[] = {
      {"base/buf/1k", &plain, 1024, 0},
      {"base/buf-secret/1k", &secret, 1024, 0},
  };
  return (struct gcn__bench_rows){rows, sizeof rows / sizeof rows[0]};
}
