/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner on any bytes, against jansson: see envelope-oracle.h;
 * and each way to scan them: see scan-oracle.h.
 */
#include "envelope-oracle.h"
#include "scan-oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const char* found = envelope_disagreement((const char*)data, size);
  if (found == NULL)
    found = scan_disagreement((const char*)data, size, SCAN_ORACLE_ALL);
  if (found != NULL) {
    fprintf(stderr, "fuzz-envelope: %s\n", found);
    abort();
  }
  return 0;
}
