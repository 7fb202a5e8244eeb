/* SPDX-License-Identifier: MIT */
/*
 * The only file of the library that calls the C library's allocator.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void* libc_resize(void* ctx, void* ptr, size_t old_size,
                         size_t new_size) {
  (void)ctx;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

const struct gcn__mem gcn__mem_libc = {libc_resize, NULL};

void* gcn__alloc(const struct gcn__mem* mem, size_t size) {
  return mem->resize(mem->ctx, NULL, 0, size);
}

void* gcn__alloc_zero(const struct gcn__mem* mem, size_t size) {
  void* ptr = gcn__alloc(mem, size);
  if (ptr != NULL) memset(ptr, 0, size);
  return ptr;
}

void* gcn__resize(const struct gcn__mem* mem, void* ptr, size_t old_size,
                  size_t new_size) {
  return mem->resize(mem->ctx, ptr, old_size, new_size);
}

void gcn__free(const struct gcn__mem* mem, void* ptr, size_t size) {
  if (ptr != NULL) mem->resize(mem->ctx, ptr, size, 0);
}

char* gcn__str_copy_n(const struct gcn__mem* mem, const char* text,
                      size_t size) {
  if (text == NULL) return NULL;
  char* copy = gcn__alloc(mem, size + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text, size);
  copy[size] = '\0';
  return copy;
}

char* gcn__str_copy(const struct gcn__mem* mem, const char* text) {
  return text == NULL ? NULL : gcn__str_copy_n(mem, text, strlen(text));
}

void gcn__str_free(const struct gcn__mem* mem, char* text) {
  if (text != NULL) gcn__free(mem, text, strlen(text) + 1);
}

void gcn__secret_free(const struct gcn__mem* mem, char* text) {
  if (text == NULL) return;
  size_t size = strlen(text);
  gcn__wipe(text, size);
  gcn__free(mem, text, size + 1);
}

void gcn__wipe(void* ptr, size_t size) {
  if (size == 0) return;
  memset(ptr, 0, size);
  /* The asm says the bytes are read, so the memset above has to happen. */
  __asm__ __volatile__("" : : "r"(ptr) : "memory");
}
