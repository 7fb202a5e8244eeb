/* SPDX-License-Identifier: MIT */
/*
 * At most one gap is open per shard; it never spans a confirmed stream.
 */
#include "core/gaps.h"

#include "base/assert.h"
#include "base/time.h"

bool gcn__gaps_lose(struct gcn__gaps* gaps, uint64_t proof_ms,
                    uint64_t latency_ms, uint64_t covered_ms,
                    enum gcn__input cause, struct gcn__gap* gap) {
  if (gaps->open) return false;
  struct gcn__gap lost = {
      .from_ms = proof_ms > latency_ms ? proof_ms - latency_ms : 0,
      .to_ms = covered_ms,
      .cause = cause,
      .certainty = GCN__CERTAINTY_BLIND,
  };
  if (covered_ms == GCN__NEVER) {
    gaps->open = true;
    gaps->current = lost;
    return false;
  }
  if (lost.from_ms >= covered_ms) return false;
  *gap = lost;
  return true;
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
