/* SPDX-License-Identifier: MIT */
/*
 * What an event is known by: 128 bits of a digest.
 *
 * Whoever digests chooses what goes in (an id the service gave, or the event
 * itself) and a salt, so that keys of one client mean nothing elsewhere.
 */
#ifndef GCN_BASE_KEY_H
#define GCN_BASE_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct gcn__key {
  uint64_t words[2]; /* both 0: no key */
};

static inline bool gcn__key_is(const struct gcn__key* key) {
  return key->words[0] != 0 || key->words[1] != 0;
}

static inline bool gcn__key_same(const struct gcn__key* a,
                                 const struct gcn__key* b) {
  return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

#endif
