/* SPDX-License-Identifier: MIT */
/*
 * What a way of scanning does that has nothing better: brackets one by one,
 * UTF-8 by what is found of each block, and no constants in registers.
 *
 * Included by such a way before it defines find_wide().
 */
#ifndef GCN_CODEC_SCAN_SIMPLE_H
#define GCN_CODEC_SCAN_SIMPLE_H

#include "codec/scan-grammar.h"
#include "codec/scan.h"

static inline struct gcn__scan_wide find_wide(const char* bytes);

struct constants {
  char none;
};

static inline struct constants load_constants(void) {
  return (struct constants){0};
}

static inline uint64_t take_block(struct depth* depth, const char* bytes,
                                  uint64_t brackets, uint64_t inside,
                                  const struct constants* constants) {
  (void)constants;
  return pass_brackets(depth, bytes, brackets & ~inside);
}

static inline bool is_plain(const struct gcn__scan* scan, const char* at) {
  (void)scan;
  (void)at;
  return false;
}

static inline void judge_wide(struct gcn__scan* scan, const char* at,
                              const char* bytes) {
  struct gcn__scan_wide wide = find_wide(bytes);
  if (wide.high != 0) gcn__scan_judge_wide(scan, at, &wide);
}

#endif
