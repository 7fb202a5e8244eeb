/* SPDX-License-Identifier: MIT */
/*
 * A counting allocator that also looks into every block on its way back to the
 * C library, for a text that should have been wiped by then.
 */
#ifndef GCN_TEST_MEM_SPY_H
#define GCN_TEST_MEM_SPY_H

#include "mem-probe.h"

#include <stdbool.h>
#include <string.h>

struct mem_spy {
  struct mem_probe probe;
  const char* secret; /* looked for in each block that is given back */
  size_t sighting_count;
};

/* A block may hold bytes that nobody ever wrote, and looking at those is the
   point: the one place where the memory sanitizer must look away. */
#if defined(__clang__)
__attribute__((no_sanitize("memory")))
#endif
static inline bool
mem_spy_sees(const char* bytes, const char* secret) {
  while (*secret != '\0' && *bytes == *secret)
    bytes++, secret++;
  return *secret == '\0';
}

static inline void mem_spy_look(struct mem_spy* spy, const char* block,
                                size_t size) {
  size_t secret_size = spy->secret == NULL ? 0 : strlen(spy->secret);
  if (block == NULL || secret_size == 0) return;
  for (size_t i = 0; i + secret_size <= size; i++) {
    if (mem_spy_sees(block + i, spy->secret)) spy->sighting_count++;
  }
}

static inline void* mem_spy_resize(void* ctx, void* ptr, size_t old_size,
                                   size_t new_size) {
  struct mem_spy* spy = ctx;
  mem_spy_look(spy, ptr, old_size);
  return mem_probe_resize(&spy->probe, ptr, old_size, new_size);
}

static inline struct gcn__mem mem_spy_mem(struct mem_spy* spy) {
  return (struct gcn__mem){mem_spy_resize, spy};
}

#endif
