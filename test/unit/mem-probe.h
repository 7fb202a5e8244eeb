/* SPDX-License-Identifier: MIT */
/*
 * An allocator that counts, and that fails on request.
 *
 * It hands every block to the C library, so that the sanitizers see it, and
 * checks the old sizes it is told.  A test ends with `live_size` 0.
 */
#ifndef GCN_TEST_MEM_PROBE_H
#define GCN_TEST_MEM_PROBE_H

#include "base/mem.h"

#include <stdlib.h>

struct mem_probe {
  size_t live_size;
  size_t peak_size;
  size_t count;   /* allocations asked for so far, resizes included */
  size_t fail_at; /* this one fails (1 is the first), and so do all behind it
                     if `fail_on`; 0: none */
  int fail_on;
};

static void* mem_probe_resize(void* ctx, void* ptr, size_t old_size,
                              size_t new_size) {
  struct mem_probe* probe = ctx;
  if (new_size == 0) {
    probe->live_size -= old_size;
    free(ptr);
    return NULL;
  }
  probe->count++;
  if (probe->fail_at != 0) {
    if (probe->count == probe->fail_at) return NULL;
    if (probe->fail_on && probe->count > probe->fail_at) return NULL;
  }
  void* block = realloc(ptr, new_size);
  if (block == NULL) abort();
  probe->live_size += new_size - old_size;
  if (probe->live_size > probe->peak_size) probe->peak_size = probe->live_size;
  return block;
}

static inline struct gcn__mem mem_probe_mem(struct mem_probe* probe) {
  return (struct gcn__mem){mem_probe_resize, probe};
}

#endif
