/* SPDX-License-Identifier: MIT */
/*
 * At most one gap is open per connection; it never spans a confirmed stream.
 */
#include "core/gaps.h"

#include "base/assert.h"

void gcn__gaps_open(struct gcn__gaps* gaps, uint64_t proof_ms,
                    uint64_t latency_ms, enum gcn__input cause) {
  if (gaps->open) return;
  gaps->open = true;
  gaps->current.from_ms = proof_ms > latency_ms ? proof_ms - latency_ms : 0;
  gaps->current.cause = cause;
}

bool gcn__gaps_end(struct gcn__gaps* gaps, uint64_t now_ms,
                   struct gcn__gap* gap) {
  if (!gaps->open) return false;
  GCN__ASSERT(now_ms >= gaps->current.from_ms);
  gaps->open = false;
  gaps->current.to_ms = now_ms;
  *gap = gaps->current;
  return true;
}
