/* SPDX-License-Identifier: MIT */
/*
 * A view of bytes somebody else owns.  Never NUL-terminated by contract.
 *
 * A span with data == NULL is "absent"; one with size 0 and data is "empty".
 */
#ifndef GCN_BASE_SPAN_H
#define GCN_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gcn__span {
  const char* data;
  size_t size;
};

#define GCN__SPAN(literal) ((struct gcn__span){"" literal, sizeof(literal) - 1})

static inline struct gcn__span gcn__span(const void* data, size_t size) {
  return (struct gcn__span){(const char*)data, size};
}

static inline struct gcn__span gcn__span_str(const char* text) {
  return (struct gcn__span){text, text == NULL ? 0 : strlen(text)};
}

static inline bool gcn__span_equal(struct gcn__span a, struct gcn__span b) {
  return a.size == b.size &&
         (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool gcn__span_is(struct gcn__span a, const char* text) {
  return gcn__span_equal(a, gcn__span_str(text));
}

static inline bool gcn__span_starts(struct gcn__span a, const char* prefix) {
  size_t size = strlen(prefix);
  if (size == 0) return true; /* an absent span must not meet memcmp */
  return a.size >= size && memcmp(a.data, prefix, size) == 0;
}

static inline struct gcn__span gcn__span_skip(struct gcn__span a, size_t size) {
  return (struct gcn__span){a.data + size, a.size - size};
}

/* ASCII only: the result does not depend on the locale. */
static inline char gcn__ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool gcn__span_iequal(struct gcn__span a, struct gcn__span b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; i++) {
    if (gcn__ascii_lower(a.data[i]) != gcn__ascii_lower(b.data[i]))
      return false;
  }
  return true;
}

static inline bool gcn__span_iis(struct gcn__span a, const char* text) {
  return gcn__span_iequal(a, gcn__span_str(text));
}

#endif
