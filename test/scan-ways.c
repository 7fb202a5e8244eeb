/* SPDX-License-Identifier: MIT */
/*
 * All ways to scan; see scan-ways.h.
 */
#include "scan-ways.h"

#include <stdbool.h>

static struct {
  bool made;
  const struct gcn__scan_way* way;
} choice;

size_t scan_ways(const struct gcn__scan_way* ways[SCAN_WAYS_MAX]) {
  size_t count = 0;
  ways[count++] = &gcn__scan_portable;
#if defined(__SSE2__)
  ways[count++] = &gcn__scan_sse2;
  if (gcn__scan_can_avx2()) ways[count++] = &gcn__scan_avx2;
#endif
  return count;
}

void scan_choose(const struct gcn__scan_way* way) {
  choice.made = true;
  choice.way = way;
}

const struct gcn__scan_way* gcn__scan_choice(void) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  return choice.made ? choice.way : ways[count - 1];
}
