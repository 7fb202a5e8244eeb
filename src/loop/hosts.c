/* SPDX-License-Identifier: MIT */
/*
 * An entry per name: what is known of it, the look-up under way, and who waits
 * for that.  Entries that nobody asks for are kept in the order of their last
 * use, and the oldest goes when there are too many.
 */
#include "loop/hosts.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "loop/system.h"

#include <string.h>

struct gcn__hosts {
  struct gcn__mem mem;
  uv_loop_t* loop;
  const struct gcn__resolver_api* api;
  struct gcn__resolver_hook hook;
  uint64_t fresh_ms;
  uint64_t stale_ms;
  unsigned reference_count;
  void (*gone)(void* keeper); /* set by the last release */
  void* keeper;
  struct gcn__list entries; /* the last one was asked for last */
  size_t entry_count;
  struct gcn__list lookups;
  size_t lookup_count;
};

struct lookup {
  struct gcn__list link;
  struct gcn__hosts* hosts;
  struct gcn__hosts_entry* entry; /* NULL: orphaned */
  uint64_t begun_ms;
  bool outdated; /* the memory was flushed since: not to be remembered */
  struct gcn__resolver resolver;
};

struct gcn__hosts_entry {
  struct gcn__list link;
  char* name;
  struct lookup* lookup;
  struct gcn__list waiters;
  size_t pin_count; /* who asked and has not left */
  struct gcn__addresses known;
  uint64_t known_ms;
  bool doubted;
  int error; /* of the last look-up */
  uint64_t failed_ms;
  struct gcn__addresses bad; /* did not work lately */
};

static struct gcn__hosts_entry* entry_of(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__hosts_entry, link);
}

static void free_entry(struct gcn__hosts* hosts,
                       struct gcn__hosts_entry* entry) {
  GCN__ASSERT(gcn__list_empty(&entry->waiters));
  gcn__list_remove(&entry->link);
  hosts->entry_count--;
  gcn__str_free(&hosts->mem, entry->name);
  gcn__free(&hosts->mem, entry, sizeof *entry);
}

static bool is_idle(const struct gcn__hosts_entry* entry) {
  return entry->pin_count == 0 && entry->lookup == NULL;
}

static bool is_worthless(const struct gcn__hosts_entry* entry) {
  return entry->known.count == 0 && entry->error == 0;
}

/* Frees idle entries that hold nothing, or are too many. */
static void trim(struct gcn__hosts* hosts) {
  struct gcn__list* at = hosts->entries.next;
  while (at != &hosts->entries) {
    struct gcn__hosts_entry* entry = entry_of(at);
    at = at->next;
    bool surplus = hosts->entry_count > GCN__HOSTS_KEPT_MAX;
    if (!is_idle(entry) || !(surplus || is_worthless(entry))) continue;
    free_entry(hosts, entry);
  }
}

static struct gcn__hosts_entry* find(struct gcn__hosts* hosts,
                                     const char* name) {
  struct gcn__list* at = hosts->entries.next;
  for (; at != &hosts->entries; at = at->next) {
    if (strcmp(entry_of(at)->name, name) == 0) return entry_of(at);
  }
  return NULL;
}

/* The entry of `name`, at the end of the ring; NULL: out of memory. */
static struct gcn__hosts_entry* fetch(struct gcn__hosts* hosts,
                                      const char* name) {
  struct gcn__hosts_entry* entry = find(hosts, name);
  if (entry != NULL) {
    gcn__list_remove(&entry->link);
    gcn__list_append(&hosts->entries, &entry->link);
    return entry;
  }
  entry = gcn__alloc_zero(&hosts->mem, sizeof *entry);
  if (entry == NULL) return NULL;
  entry->name = gcn__str_copy(&hosts->mem, name);
  if (entry->name == NULL) {
    gcn__free(&hosts->mem, entry, sizeof *entry);
    return NULL;
  }
  gcn__list_init(&entry->waiters);
  gcn__list_append(&hosts->entries, &entry->link);
  hosts->entry_count++;
  return entry;
}

static bool is_in(const struct gcn__addresses* set,
                  const union gcn__address* address) {
  for (size_t i = 0; i < set->count; i++) {
    if (gcn__address_same(&set->items[i], address)) return true;
  }
  return false;
}

static void take_out(struct gcn__addresses* set,
                     const union gcn__address* address) {
  size_t kept = 0;
  for (size_t i = 0; i < set->count; i++) {
    if (gcn__address_same(&set->items[i], address)) continue;
    set->items[kept++] = set->items[i];
  }
  set->count = kept;
}

/* The addresses in their order, those that did not work behind the others. */
static void copy_sorted(const struct gcn__hosts_entry* entry,
                        const struct gcn__addresses* from,
                        struct gcn__addresses* to) {
  to->count = 0;
  for (int bad = 0; bad < 2; bad++) {
    for (size_t i = 0; i < from->count; i++) {
      bool is_bad = is_in(&entry->bad, &from->items[i]);
      if (is_bad == (bad == 1)) to->items[to->count++] = from->items[i];
    }
  }
}

static void tell(struct gcn__hosts_waiter* waiter, int error,
                 const struct gcn__addresses* found) {
  gcn__list_remove(&waiter->link);
  waiter->done = true;
  waiter->error = error;
  if (error == 0) copy_sorted(waiter->entry, found, &waiter->found);
  if (!waiter->asking) waiter->ready(waiter->ctx);
}

static bool is_known_for(const struct gcn__hosts_entry* entry, uint64_t age_ms,
                         uint64_t now_ms) {
  return entry->known.count > 0 &&
         now_ms < gcn__time_add(entry->known_ms, age_ms);
}

static void tell_failure(struct gcn__hosts_waiter* waiter, int error,
                         uint64_t now_ms) {
  const struct gcn__hosts_entry* entry = waiter->entry;
  bool stale = is_known_for(entry, waiter->hosts->stale_ms, now_ms);
  tell(waiter, stale ? 0 : error, &entry->known);
}

static void remember(const struct gcn__hosts* hosts,
                     struct gcn__hosts_entry* entry, int error,
                     const struct gcn__addresses* found) {
  uint64_t now_ms = gcn__loop_now_ms(hosts->loop);
  entry->error = error;
  entry->failed_ms = now_ms;
  if (error != 0 || hosts->fresh_ms + hosts->stale_ms == 0) return;
  entry->known = *found;
  entry->known_ms = now_ms;
  entry->doubted = false;
}

static void on_resolved(void* ctx, int error,
                        const struct gcn__addresses* found) {
  struct lookup* lookup = ctx;
  struct gcn__hosts* hosts = lookup->hosts;
  struct gcn__hosts_entry* entry = lookup->entry;
  if (entry == NULL) return;
  entry->lookup = NULL;
  lookup->entry = NULL;
  if (!lookup->outdated) remember(hosts, entry, error, found);
  while (!gcn__list_empty(&entry->waiters)) {
    struct gcn__hosts_waiter* waiter =
        GCN__CONTAINER_OF(entry->waiters.next, struct gcn__hosts_waiter, link);
    if (error == 0) {
      tell(waiter, 0, found);
    } else {
      tell_failure(waiter, error, uv_now(hosts->loop));
    }
  }
  trim(hosts);
}

static void free_lookup(struct lookup* lookup) {
  struct gcn__hosts* hosts = lookup->hosts;
  gcn__list_remove(&lookup->link);
  hosts->lookup_count--;
  gcn__free(&hosts->mem, lookup, sizeof *lookup);
}

static void free_hosts(struct gcn__hosts* hosts) {
  struct gcn__mem mem = hosts->mem;
  gcn__free(&mem, hosts, sizeof *hosts);
}

static void on_released(void* ctx) {
  struct lookup* lookup = ctx;
  struct gcn__hosts* hosts = lookup->hosts;
  free_lookup(lookup);
  if (hosts->reference_count > 0 || hosts->lookup_count > 0) return;
  void (*gone)(void* keeper) = hosts->gone;
  void* keeper = hosts->keeper;
  free_hosts(hosts);
  gone(keeper);
}

static void orphan(struct lookup* lookup) {
  if (lookup->entry == NULL) return;
  lookup->entry->lookup = NULL;
  lookup->entry = NULL;
}

/* An answer may be there when it returns. */
static int look_up(struct gcn__hosts* hosts, struct gcn__hosts_entry* entry,
                   uint64_t now_ms) {
  if (hosts->lookup_count == GCN__HOSTS_LOOKUPS_MAX) return UV_EAI_AGAIN;
  struct lookup* lookup = gcn__alloc_zero(&hosts->mem, sizeof *lookup);
  if (lookup == NULL) return UV_ENOMEM;
  lookup->hosts = hosts;
  lookup->entry = entry;
  lookup->begun_ms = now_ms;
  lookup->resolver.api = hosts->api;
  lookup->resolver.hook = hosts->hook;
  lookup->resolver.resolved = on_resolved;
  lookup->resolver.released = on_released;
  lookup->resolver.ctx = lookup;
  gcn__list_append(&hosts->lookups, &lookup->link);
  hosts->lookup_count++;
  entry->lookup = lookup;
  int error = gcn__resolver_start(&lookup->resolver, hosts->loop, entry->name);
  if (error == 0) return 0;
  entry->lookup = NULL;
  free_lookup(lookup);
  return error;
}

/* Whether what is known answers the question. */
static bool answer_from_memory(struct gcn__hosts_waiter* waiter,
                               uint64_t now_ms) {
  const struct gcn__hosts_entry* entry = waiter->entry;
  if (!entry->doubted && is_known_for(entry, waiter->hosts->fresh_ms, now_ms)) {
    tell(waiter, 0, &entry->known);
    return true;
  }
  bool failed_now =
      entry->error != 0 &&
      now_ms < gcn__time_add(entry->failed_ms, GCN__HOSTS_FAILED_MS);
  if (failed_now) tell_failure(waiter, entry->error, now_ms);
  return failed_now;
}

static bool is_old(const struct lookup* lookup, uint64_t now_ms) {
  return lookup->outdated ||
         now_ms >= gcn__time_add(lookup->begun_ms, GCN__HOSTS_OLD_MS);
}

static void ask(struct gcn__hosts_waiter* waiter, uint64_t now_ms) {
  struct gcn__hosts_entry* entry = waiter->entry;
  if (answer_from_memory(waiter, now_ms)) return;
  /* Those who wait for the old one get the answer of the new one. */
  if (entry->lookup != NULL && is_old(entry->lookup, now_ms)) {
    orphan(entry->lookup);
  }
  gcn__list_append(&entry->waiters, &waiter->link);
  if (entry->lookup != NULL) return;
  int error = look_up(waiter->hosts, entry, now_ms);
  if (error != 0) tell_failure(waiter, error, now_ms);
}

void gcn__hosts_ask(struct gcn__hosts* hosts, struct gcn__hosts_waiter* waiter,
                    const char* name, uint64_t now_ms) {
  GCN__ASSERT(waiter->hosts == NULL);
  gcn__list_init(&waiter->link);
  waiter->hosts = hosts;
  waiter->done = false;
  waiter->entry = fetch(hosts, name);
  if (waiter->entry == NULL) {
    waiter->done = true;
    waiter->error = UV_ENOMEM;
    return;
  }
  waiter->entry->pin_count++;
  trim(hosts);
  waiter->asking = true;
  ask(waiter, now_ms);
  waiter->asking = false;
}

void gcn__hosts_give_up(struct gcn__hosts_waiter* waiter, uint64_t now_ms) {
  if (waiter->done) return;
  waiter->asking = true; /* who gives up need not be told */
  tell_failure(waiter, UV_ETIMEDOUT, now_ms);
  waiter->asking = false;
}

static bool unlink_waiter(struct gcn__hosts_waiter* waiter) {
  struct gcn__hosts_entry* entry = waiter->entry;
  bool asked = waiter->hosts != NULL && entry != NULL;
  if (asked) {
    gcn__list_remove(&waiter->link);
    entry->pin_count--;
  }
  waiter->entry = NULL;
  return asked;
}

void gcn__hosts_leave(struct gcn__hosts_waiter* waiter) {
  struct gcn__hosts* hosts = waiter->hosts;
  struct gcn__hosts_entry* entry = waiter->entry;
  bool asked = unlink_waiter(waiter);
  waiter->hosts = NULL;
  if (!asked) return;
  bool idle = gcn__list_empty(&entry->waiters) && entry->lookup != NULL;
  if (idle && gcn__resolver_drop_queued(&entry->lookup->resolver)) {
    orphan(entry->lookup);
  }
  trim(hosts);
}

void gcn__hosts_leave_abandoned(struct gcn__hosts_waiter* waiter) {
  (void)unlink_waiter(waiter);
  waiter->hosts = NULL;
}

void gcn__hosts_failed(struct gcn__hosts_waiter* waiter,
                       const union gcn__address* address) {
  struct gcn__addresses* bad = &waiter->entry->bad;
  take_out(bad, address);
  if (bad->count == GCN__ADDRESS_COUNT_MAX) {
    union gcn__address oldest = bad->items[0];
    take_out(bad, &oldest);
  }
  bad->items[bad->count++] = *address;
}

void gcn__hosts_worked(struct gcn__hosts_waiter* waiter,
                       const union gcn__address* address) {
  take_out(&waiter->entry->bad, address);
}

void gcn__hosts_doubt(struct gcn__hosts_waiter* waiter) {
  waiter->entry->doubted = true;
}

void gcn__hosts_flush(struct gcn__hosts* hosts) {
  struct gcn__list* at = hosts->entries.next;
  for (; at != &hosts->entries; at = at->next) {
    struct gcn__hosts_entry* entry = entry_of(at);
    entry->known.count = 0;
    entry->bad.count = 0;
    entry->error = 0;
    if (entry->lookup != NULL) entry->lookup->outdated = true;
  }
  trim(hosts);
}

struct gcn__hosts* gcn__hosts_new(const struct gcn__hosts_options* options) {
  struct gcn__hosts* hosts = gcn__alloc_zero(&options->mem, sizeof *hosts);
  if (hosts == NULL) return NULL;
  hosts->mem = options->mem;
  hosts->loop = options->loop;
  hosts->api = options->api;
  hosts->hook = options->hook;
  hosts->fresh_ms = options->fresh_ms;
  hosts->stale_ms = options->stale_ms;
  hosts->reference_count = 1;
  gcn__list_init(&hosts->entries);
  gcn__list_init(&hosts->lookups);
  return hosts;
}

struct gcn__hosts* gcn__hosts_acquire(struct gcn__hosts* hosts) {
  hosts->reference_count++;
  return hosts;
}

static void free_entries(struct gcn__hosts* hosts) {
  while (!gcn__list_empty(&hosts->entries)) {
    free_entry(hosts, entry_of(hosts->entries.next));
  }
}

/* Those of a hook are freed, those in libuv's pool only muted. */
static void end_lookups(struct gcn__hosts* hosts, bool in_child) {
  struct gcn__list* at = hosts->lookups.next;
  while (at != &hosts->lookups) {
    struct lookup* lookup = GCN__CONTAINER_OF(at, struct lookup, link);
    at = at->next;
    orphan(lookup);
    if (in_child || hosts->hook.ask != NULL) {
      free_lookup(lookup);
    } else {
      gcn__resolver_drop(&lookup->resolver);
    }
  }
}

bool gcn__hosts_release(struct gcn__hosts* hosts, void (*gone)(void* keeper),
                        void* keeper) {
  GCN__ASSERT(hosts->reference_count > 0);
  if (--hosts->reference_count > 0) return true;
  end_lookups(hosts, false);
  free_entries(hosts);
  hosts->gone = gone;
  hosts->keeper = keeper;
  if (hosts->lookup_count > 0) return false;
  free_hosts(hosts);
  return true;
}

void gcn__hosts_abandon(struct gcn__hosts* hosts) {
  if (--hosts->reference_count > 0) return;
  end_lookups(hosts, true);
  free_entries(hosts);
  free_hosts(hosts);
}
