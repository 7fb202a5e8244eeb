/* SPDX-License-Identifier: MIT */
/*
 * What is found in blocks of a text: the part of scanning that depends on the
 * processor.
 *
 * There are several ways, which all find the same, and one choice.  A way is
 * codec/scan-kernel.h, compiled around its own look at one block.
 */
#ifndef GCN_CODEC_SCAN_WAY_H
#define GCN_CODEC_SCAN_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GCN__SCAN_BLOCK_SIZE = 64 }; /* bytes: a bit for each */

struct gcn__scan;

/* The lowest bit is the first byte. */
struct gcn__scan_block {
  uint64_t quotes;   /* that begin or end a string */
  uint64_t inside;   /* of strings: from the opening quote to the last byte
                        before the closing one */
  uint64_t brackets; /* square and curly ones outside of strings, and four that
                        look alike, which JSON does not have there: "Y", "_",
                        "y" and DEL */
};

/* Characters that are not ASCII. */
struct gcn__scan_wide {
  uint64_t high;    /* above 0x7f */
  uint64_t leads;   /* of them: first bytes, 0xc0 on */
  uint64_t longer;  /* of leads: of more than two bytes */
  uint64_t special; /* of leads: those behind which not all continuation bytes
                       will do, and those that there are none of */
};

struct gcn__scan_rare {
  uint64_t slashes;  /* backslashes */
  uint64_t controls; /* below 0x20 */
};

struct gcn__scan_way {
  const char* name;
  /* Fills scan->blocks from `index` on with `count` whole blocks; `bytes` may
   * be a copy of them. */
  void (*find)(struct gcn__scan* scan, const char* bytes, size_t index,
               size_t count);
  /* Both want an opening bracket that the window has, and return what is behind
   * the container, which may have up to `depth_max` in each other, itself
   * included.  NULL is no verdict.  To skip one is to look at its strings and
   * to count its brackets. */
  const char* (*skip)(struct gcn__scan* scan, const char* at,
                      unsigned depth_max);
  const char* (*check)(struct gcn__scan* scan, const char* at,
                       unsigned depth_max);
};

/* Portable C; it is built, and tested, everywhere. */
extern const struct gcn__scan_way gcn__scan_portable;
#if defined(__SSE2__)
extern const struct gcn__scan_way gcn__scan_sse2;
/* Only for processors that have AVX2 and what came with it. */
extern const struct gcn__scan_way gcn__scan_avx2;

static inline bool gcn__scan_can_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul") &&
         __builtin_cpu_supports("popcnt");
}
#endif

/* The best way on this processor; NULL would be none, then all is read byte by
 * byte.  It stands in a file of its own, so that a program may bring its own
 * choice: tests and benches, which want each. */
const struct gcn__scan_way* gcn__scan_choice(void);

#endif
