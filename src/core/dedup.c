/* SPDX-License-Identifier: MIT */
/*
 * Open addressing in tables that are never more than half full, so that a probe
 * ends soon and nothing is ever removed from the middle.
 */
#include "core/dedup.h"

#include "base/assert.h"
#include "base/err.h"

#include <string.h>

enum {
  SLOT_COUNT = 16384,
  ENTRY_COUNT_MAX = SLOT_COUNT / 2, /* two generations: 8192 to 16384 events */
};

_Static_assert((SLOT_COUNT & (SLOT_COUNT - 1)) == 0, "slots are masked");

struct entry {
  struct gcn__key key;
  uint32_t counts[GCN__DEDUP_SIDE_COUNT];
};

struct gcn__dedup_generation {
  size_t count;
  struct entry slots[SLOT_COUNT];
};

void gcn__dedup_init(struct gcn__dedup* dedup, const struct gcn__mem* mem) {
  *dedup = (struct gcn__dedup){.mem = mem};
}

void gcn__dedup_deinit(struct gcn__dedup* dedup) {
  gcn__dedup_end(dedup);
}

int gcn__dedup_begin(struct gcn__dedup* dedup) {
  size_t size = sizeof *dedup->young;
  struct gcn__dedup_generation* young = gcn__alloc_zero(dedup->mem, size);
  struct gcn__dedup_generation* old = gcn__alloc_zero(dedup->mem, size);
  if (young == NULL || old == NULL) {
    gcn__free(dedup->mem, young, size);
    gcn__free(dedup->mem, old, size);
    return GCN__ENOMEM;
  }
  gcn__dedup_end(dedup);
  dedup->young = young;
  dedup->old = old;
  return 0;
}

void gcn__dedup_end(struct gcn__dedup* dedup) {
  gcn__free(dedup->mem, dedup->young, sizeof *dedup->young);
  gcn__free(dedup->mem, dedup->old, sizeof *dedup->old);
  dedup->young = NULL;
  dedup->old = NULL;
}

bool gcn__dedup_active(const struct gcn__dedup* dedup) {
  return dedup->young != NULL;
}

static bool is_free(const struct entry* entry) {
  return !gcn__key_is(&entry->key);
}

/* The key's entry, or the free slot it would take. */
static struct entry* locate(struct gcn__dedup_generation* generation,
                            struct gcn__key key) {
  size_t at = (size_t)key.words[0] & (SLOT_COUNT - 1);
  while (!is_free(&generation->slots[at]) &&
         !gcn__key_same(&generation->slots[at].key, &key)) {
    at = (at + 1) & (SLOT_COUNT - 1);
  }
  return &generation->slots[at];
}

static void age(struct gcn__dedup* dedup) {
  struct gcn__dedup_generation* forgotten = dedup->old;
  dedup->old = dedup->young;
  dedup->young = forgotten;
  memset(forgotten, 0, sizeof *forgotten);
}

static struct entry* entry_of(struct gcn__dedup* dedup, struct gcn__key key) {
  struct entry* entry = locate(dedup->young, key);
  if (!is_free(entry)) return entry;
  struct entry* older = locate(dedup->old, key);
  if (!is_free(older)) return older;
  if (dedup->young->count == ENTRY_COUNT_MAX) {
    age(dedup);
    entry = locate(dedup->young, key);
  }
  dedup->young->count++;
  entry->key = key;
  return entry;
}

bool gcn__dedup_first(struct gcn__dedup* dedup, struct gcn__key key,
                      unsigned side) {
  GCN__ASSERT(gcn__dedup_active(dedup));
  GCN__ASSERT(side < GCN__DEDUP_SIDE_COUNT);
  GCN__ASSERT(gcn__key_is(&key));
  struct entry* entry = entry_of(dedup, key);
  entry->counts[side]++;
  return entry->counts[side] > entry->counts[1 - side];
}
