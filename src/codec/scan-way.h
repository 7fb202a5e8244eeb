/* SPDX-License-Identifier: MIT */
/*
 * Which bytes of a block are of which kind: the part of scanning that depends
 * on the processor.
 *
 * There are several ways, which all find the same, and one choice.  A way looks
 * at whole blocks only, and keeps nothing from one to the next.
 */
#ifndef GCN_CODEC_SCAN_WAY_H
#define GCN_CODEC_SCAN_WAY_H

#include <stddef.h>
#include <stdint.h>

enum { GCN__SCAN_BLOCK_SIZE = 64 }; /* bytes: a bit for each */

/* What nearly every block has.  The lowest bit is the first byte. */
struct gcn__scan_block {
  uint64_t quotes;
  uint64_t brackets; /* square and curly ones */
  uint64_t rare;     /* not zero if there is anything of the below */
};

struct gcn__scan_rare {
  uint64_t slashes;  /* backslashes */
  uint64_t controls; /* below 0x20 */
  uint64_t high;     /* above 0x7f */
};

struct gcn__scan_way {
  const char* name;
  /* Of `count` blocks. */
  void (*find)(const char* bytes, size_t count, struct gcn__scan_block* blocks);
  /* Of one block. */
  struct gcn__scan_rare (*find_rare)(const char* bytes);
};

/* Portable C; it is built, and tested, everywhere. */
extern const struct gcn__scan_way gcn__scan_portable;
#if defined(__SSE2__)
extern const struct gcn__scan_way gcn__scan_sse2;
/* Only for processors that have AVX2. */
extern const struct gcn__scan_way gcn__scan_avx2;
#endif

/* The best way on this processor; NULL would be none, then all is read byte by
 * byte.  It stands in a file of its own, so that a program may bring its own
 * choice: tests and benches, which want each. */
const struct gcn__scan_way* gcn__scan_choice(void);

#endif
