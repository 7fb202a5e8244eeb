/* SPDX-License-Identifier: MIT */
/*
 * A growing byte queue with a hard limit: append at the end, consume at the
 * front.
 *
 * Capacity grows by doubling up to size_max; an append that would pass
 * size_max fails and changes nothing.  A buffer marked `secret` is wiped when
 * it moves, shrinks or goes away.  An all-zero buffer is legal to deinit.
 */
#ifndef GCN_BASE_BUF_H
#define GCN_BASE_BUF_H

#include "base/mem.h"
#include "base/span.h"

struct gcn__buf {
  const struct gcn__mem* mem;
  char* data;
  size_t capacity;
  size_t begin; /* first unread byte */
  size_t end;   /* one past the last written byte */
  size_t size_max;
  bool secret;
};

void gcn__buf_init(struct gcn__buf* buf, const struct gcn__mem* mem,
                   size_t size_max);
void gcn__buf_deinit(struct gcn__buf* buf);

static inline size_t gcn__buf_size(const struct gcn__buf* buf) {
  return buf->end - buf->begin;
}

static inline struct gcn__span gcn__buf_span(const struct gcn__buf* buf) {
  return gcn__span(buf->data == NULL ? "" : buf->data + buf->begin,
                   gcn__buf_size(buf));
}

/* Makes room for `size` more bytes and returns where to write them; follow
 * with gcn__buf_commit.  NULL: the limit, or out of memory; nothing has
 * changed. */
char* gcn__buf_reserve(struct gcn__buf* buf, size_t size);
void gcn__buf_commit(struct gcn__buf* buf, size_t size);

/* 0, GCN_ELIMIT or GCN__ENOMEM; an error has changed nothing. */
int gcn__buf_append(struct gcn__buf* buf, const void* data, size_t size);
int gcn__buf_append_str(struct gcn__buf* buf, const char* text);
/* printf-style; `format` must not produce a NUL byte. */
int gcn__buf_printf(struct gcn__buf* buf, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes `size` bytes from the front. */
void gcn__buf_consume(struct gcn__buf* buf, size_t size);
/* Empties it and keeps the memory. */
void gcn__buf_clear(struct gcn__buf* buf);
/* Empties it and gives memory above `capacity` back. */
void gcn__buf_shrink(struct gcn__buf* buf, size_t capacity);

#endif
