/* SPDX-License-Identifier: MIT */
/*
 * Which way to scan, by the processor.  Nothing else may stand here: a program
 * that defines this function itself is not given this file.
 */
#include "codec/scan-way.h"

const struct gcn__scan_way* gcn__scan_choice(void) {
#if defined(__SSE2__)
  return gcn__scan_can_avx2() ? &gcn__scan_avx2 : &gcn__scan_sse2;
#else
  return &gcn__scan_portable;
#endif
}
