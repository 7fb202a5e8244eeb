/* SPDX-License-Identifier: MIT */
/*
 * The byte queue.  It never holds more than size_max bytes, and never moves
 * data in a consume: only a reserve that lacks room slides or grows.
 */
#include "base/buf.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void gcn__buf_init(struct gcn__buf* buf, const struct gcn__mem* mem,
                   size_t size_max) {
  *buf = (struct gcn__buf){.mem = mem, .size_max = size_max};
}

static void release(struct gcn__buf* buf) {
  if (buf->data == NULL) return;
  if (buf->secret) gcn__wipe(buf->data, buf->capacity);
  gcn__free(buf->mem, buf->data, buf->capacity);
  buf->data = NULL;
  buf->capacity = 0;
}

void gcn__buf_deinit(struct gcn__buf* buf) {
  release(buf);
  buf->begin = 0;
  buf->end = 0;
}

/* Doubling, but no further than the limit; `wanted` may pass it by the NUL of a
 * printf. */
static size_t grown_capacity(const struct gcn__buf* buf, size_t wanted) {
  size_t ceiling = wanted > buf->size_max ? wanted : buf->size_max;
  size_t capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity;
  while (capacity < wanted && capacity <= ceiling / 2)
    capacity *= 2;
  return capacity < wanted || capacity > ceiling ? ceiling : capacity;
}

/* A new block rather than realloc, so that a secret never stays behind. */
static bool grow(struct gcn__buf* buf, size_t wanted) {
  size_t capacity = grown_capacity(buf, wanted);
  char* data = gcn__alloc(buf->mem, capacity);
  if (data == NULL) return false;
  size_t size = gcn__buf_size(buf);
  if (size > 0) memcpy(data, buf->data + buf->begin, size);
  release(buf);
  buf->data = data;
  buf->capacity = capacity;
  buf->begin = 0;
  buf->end = size;
  return true;
}

static void slide(struct gcn__buf* buf) {
  size_t size = gcn__buf_size(buf);
  if (size > 0) memmove(buf->data, buf->data + buf->begin, size);
  if (buf->secret) gcn__wipe(buf->data + size, buf->end - size);
  buf->begin = 0;
  buf->end = size;
}

/* Room for `size` bytes that count and `extra` ones that do not. */
static char* make_room(struct gcn__buf* buf, size_t size, size_t extra) {
  size_t used = gcn__buf_size(buf);
  if (size > buf->size_max || used > buf->size_max - size) return NULL;
  size_t room = size + extra;
  if (buf->data == NULL || used + room > buf->capacity) {
    if (!grow(buf, used + room)) return NULL;
  } else if (buf->end + room > buf->capacity) {
    slide(buf);
  }
  return buf->data + buf->end;
}

char* gcn__buf_reserve(struct gcn__buf* buf, size_t size) {
  return make_room(buf, size, 0);
}

void gcn__buf_commit(struct gcn__buf* buf, size_t size) {
  GCN__ASSERT(size <= buf->capacity - buf->end);
  buf->end += size;
}

static int reserve_error(const struct gcn__buf* buf, size_t size) {
  size_t used = gcn__buf_size(buf);
  bool over = size > buf->size_max || used > buf->size_max - size;
  return over ? GCN_ELIMIT : GCN__ENOMEM;
}

int gcn__buf_append(struct gcn__buf* buf, const void* data, size_t size) {
  if (size == 0) return 0;
  char* to = gcn__buf_reserve(buf, size);
  if (to == NULL) return reserve_error(buf, size);
  memcpy(to, data, size);
  gcn__buf_commit(buf, size);
  return 0;
}

int gcn__buf_append_str(struct gcn__buf* buf, const char* text) {
  return gcn__buf_append(buf, text, strlen(text));
}

int gcn__buf_printf(struct gcn__buf* buf, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (size < 0) return GCN__EINVAL;
  char* to = make_room(buf, (size_t)size, 1); /* vsnprintf writes a NUL */
  if (to == NULL) return reserve_error(buf, (size_t)size);
  va_start(args, format);
  vsnprintf(to, (size_t)size + 1, format, args);
  va_end(args);
  gcn__buf_commit(buf, (size_t)size);
  return 0;
}

void gcn__buf_consume(struct gcn__buf* buf, size_t size) {
  GCN__ASSERT(size <= gcn__buf_size(buf));
  if (buf->secret && size > 0) gcn__wipe(buf->data + buf->begin, size);
  buf->begin += size;
  if (buf->begin == buf->end) {
    buf->begin = 0;
    buf->end = 0;
  }
}

void gcn__buf_clear(struct gcn__buf* buf) {
  gcn__buf_consume(buf, gcn__buf_size(buf));
}

void gcn__buf_shrink(struct gcn__buf* buf, size_t capacity) {
  gcn__buf_clear(buf);
  if (buf->capacity > capacity) release(buf);
}
