/* SPDX-License-Identifier: MIT */
/*
 * Our WebSocket reader against wslay's event layer on any bytes.
 *
 * Input: the stream of a server.  Oracle: ../ws-oracle.h, which also says where
 * the event layer is known to differ.
 */
#include "ws-oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const char* difference = ws_oracle_compare(gcn__span(data, size));
  if (difference == NULL) return 0;
  fprintf(stderr, "fuzz-ws-diff: %s\n", difference);
  abort();
}
