/* SPDX-License-Identifier: MIT */
/*
 * Allocation through the client's allocator.
 *
 * One function serves malloc, realloc and free, and is told the old size, so
 * that pools work.  Every object therefore knows the size of what it owns.
 */
#ifndef GCN_BASE_MEM_H
#define GCN_BASE_MEM_H

#include <stddef.h>

/* new_size 0 frees and returns NULL; otherwise like realloc: NULL on failure
 * leaves the old block alone. */
typedef void* (*gcn__resize_fn)(void* ctx, void* ptr, size_t old_size,
                                size_t new_size);

struct gcn__mem {
  gcn__resize_fn resize;
  void* ctx;
};

/* The C library's allocator. */
extern const struct gcn__mem gcn__mem_libc;

void* gcn__alloc(const struct gcn__mem* mem, size_t size);
/* Zero-filled. */
void* gcn__alloc_zero(const struct gcn__mem* mem, size_t size);
void* gcn__resize(const struct gcn__mem* mem, void* ptr, size_t old_size,
                  size_t new_size);
/* `ptr` may be NULL. */
void gcn__free(const struct gcn__mem* mem, void* ptr, size_t size);

/* NUL-terminated copies; NULL on failure or if `text` is NULL.  Free with
 * gcn__str_free, which needs no size because it measures the string, or with
 * gcn__secret_free, which wipes it first. */
char* gcn__str_copy(const struct gcn__mem* mem, const char* text);
char* gcn__str_copy_n(const struct gcn__mem* mem, const char* text,
                      size_t size);
void gcn__str_free(const struct gcn__mem* mem, char* text);
void gcn__secret_free(const struct gcn__mem* mem, char* text);

/* Overwrites `size` bytes in a way the compiler may not remove. */
void gcn__wipe(void* ptr, size_t size);

#endif
