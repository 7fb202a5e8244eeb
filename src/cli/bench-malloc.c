/* SPDX-License-Identifier: MIT */
/*
 * A malloc that counts: loaded in front of a reader of "gcn bench", it sees the
 * library's allocations and those of what the library uses.
 *
 * It is glibc's own malloc otherwise.  One thread counts; another one's calls
 * may get lost, which is why the count is no more than a number.
 */
#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("default"))) uint64_t gcn_bench_allocations;

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* ptr, size_t size);
extern void __libc_free(void* ptr);

void* malloc(size_t size);
void* calloc(size_t count, size_t size);
void* realloc(void* ptr, size_t size);
void free(void* ptr);

__attribute__((visibility("default"))) void* malloc(size_t size) {
  gcn_bench_allocations++;
  return __libc_malloc(size);
}

__attribute__((visibility("default"))) void* calloc(size_t count, size_t size) {
  gcn_bench_allocations++;
  return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void* realloc(void* ptr, size_t size) {
  gcn_bench_allocations++;
  return __libc_realloc(ptr, size);
}

__attribute__((visibility("default"))) void free(void* ptr) {
  __libc_free(ptr);
}
