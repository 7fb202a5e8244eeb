/* SPDX-License-Identifier: MIT */
/*
 * The hub's life.
 */
#include "client/hub.h"

#include "base/err.h"
#include "base/time.h"
#include "loop/system.h"

enum { SUSPEND_STEP_MS = 1000 }; /* the clocks are compared at most so often */

static int ask_user(void* ctx, const char* host,
                    struct gcn__resolver* request) {
  const gcn_hub_t* hub = ctx;
  return hub->resolve_cb(hub->data, host, (gcn_resolve_t*)(void*)request);
}

static struct gcn__hosts* make_hosts(gcn_hub_t* hub, uv_loop_t* loop,
                                     const gcn_options_t* options) {
  bool off = options->dns_cache_ms == UINT64_MAX;
  uint64_t fresh_ms = options->dns_cache_ms;
  if (fresh_ms == 0) fresh_ms = GCN__HOSTS_FRESH_MS;
  struct gcn__hosts_options hosts = {
      .loop = loop,
      .mem = hub->mem,
      .api = &gcn__resolver_system,
      .fresh_ms = off ? 0 : fresh_ms,
      .stale_ms = off ? 0 : GCN__HOSTS_STALE_MS,
  };
  if (hub->resolve_cb != NULL) {
    hosts.hook = (struct gcn__resolver_hook){ask_user, hub};
  }
  return gcn__hosts_new(&hosts);
}

static void free_hub(void* ctx) {
  gcn_hub_t* hub = ctx;
  struct gcn__mem mem = hub->mem;
  if (hub->permits != NULL) gcn__permits_release(hub->permits);
  gcn__tls_pool_deinit(&hub->tls_pool);
  gcn__spares_deinit(&hub->spares);
  gcn__free(&mem, hub->read_buffer, hub->read_size);
  gcn__free(&mem, hub, sizeof *hub);
}

int gcn__hub_new(gcn_hub_t** out, uv_loop_t* loop, const struct gcn__mem* mem,
                 const gcn_options_t* options,
                 const struct gcn__settings* settings) {
  gcn_hub_t* hub = gcn__alloc_zero(mem, sizeof *hub);
  if (hub == NULL) return UV_ENOMEM;
  size_t permit_count = (size_t)options->handshakes_max;
  if (permit_count == 0) permit_count = GCN__PERMIT_COUNT_DEFAULT;
  hub->mem = *mem;
  hub->pid = getpid();
  hub->loop = loop;
  hub->ref_count = 1;
  hub->resolve_cb = options->resolve_cb;
  hub->data = options->data;
  gcn__pace_init(&hub->pace, settings);
  gcn__spares_init(&hub->spares, mem);
  gcn__tls_pool_init(&hub->tls_pool, mem);
  hub->read_buffer = gcn__alloc(mem, GCN__READ_BUFFER_SIZE);
  hub->read_size = GCN__READ_BUFFER_SIZE;
  hub->permits = gcn__permits_new(mem, permit_count);
  bool good = hub->read_buffer != NULL && hub->permits != NULL;
  if (good) hub->hosts = make_hosts(hub, loop, options);
  if (hub->hosts == NULL) {
    free_hub(hub);
    return UV_ENOMEM;
  }
  *out = hub;
  return 0;
}

gcn_hub_t* gcn__hub_acquire(gcn_hub_t* hub) {
  hub->ref_count++;
  return hub;
}

/* The loop's clock may stand still while the machine sleeps, or not: what it
 * has not counted is what the engines have to be told. */
void gcn__hub_look(gcn_hub_t* hub, uint64_t now_ms) {
  uint64_t passed_ms = now_ms - hub->suspend_seen_ms;
  if (hub->suspend_seen_ms != 0 && passed_ms < SUSPEND_STEP_MS) return;
  uint64_t awake_ms = gcn__loop_awake_ms();
  uint64_t stayed_ms = awake_ms - hub->suspend_awake_ms;
  uint64_t slept_ms =
      gcn__suspend_note(&hub->suspend, awake_ms, gcn__loop_boot_ms());
  hub->suspend_seen_ms = now_ms;
  hub->suspend_awake_ms = awake_ms;
  if (slept_ms == 0) return;
  bool counted = passed_ms > gcn__time_add(stayed_ms, slept_ms / 2);
  hub->sleeps.count++;
  if (!counted) hub->sleeps.uncounted_ms += slept_ms;
  if (hub->hosts != NULL) gcn__hosts_flush(hub->hosts);
}

/* Without memory it stays as it is. */
static void change_buffer(gcn_hub_t* hub, size_t size) {
  char* buffer = gcn__alloc(&hub->mem, size);
  if (buffer == NULL) return;
  gcn__wipe(hub->read_buffer, hub->read_size);
  gcn__free(&hub->mem, hub->read_buffer, hub->read_size);
  hub->read_buffer = buffer;
  hub->read_size = size;
}

uv_buf_t gcn__hub_lend(gcn_hub_t* hub) {
  bool large = hub->read_size > GCN__READ_BUFFER_SIZE;
  if (hub->read_filled && !large) {
    change_buffer(hub, GCN__READ_BUFFER_SIZE_MAX);
  } else if (large && !hub->read_filled) {
    uint64_t passed_ms = uv_now(hub->loop) - hub->read_filled_ms;
    if (passed_ms >= GCN__READ_CALM_MS)
      change_buffer(hub, GCN__READ_BUFFER_SIZE);
  }
  hub->read_filled = false;
  return uv_buf_init(hub->read_buffer, (unsigned)hub->read_size);
}

void gcn__hub_note_read(gcn_hub_t* hub, size_t size) {
  if (size < hub->read_size) return;
  hub->read_filled = true;
  hub->read_filled_ms = uv_now(hub->loop);
}

int gcn__hub_join(gcn_hub_t* hub, struct gcn__turn* turn) {
  if (hub->turns == NULL) {
    int error = gcn__turns_new(&hub->turns, hub->loop, &hub->mem, uv_hrtime);
    if (error != 0) return error;
  }
  gcn__turns_join(hub->turns, turn);
  gcn__hub_look(hub, gcn__loop_now_ms(hub->loop)); /* for whoever is new */
  return 0;
}

bool gcn__hub_part(gcn_hub_t* hub, struct gcn__turn* turn,
                   void (*gone)(void* keeper), void* keeper) {
  struct gcn__turns* turns = hub->turns;
  if (!gcn__turns_leave(turns, turn)) return true;
  hub->turns = NULL; /* whoever joins next has new ones */
  gcn__turns_close(turns, gone, keeper);
  return false;
}

bool gcn__hub_quit(gcn_hub_t* hub, void (*gone)(void* keeper), void* keeper) {
  struct gcn__hosts* hosts = hub->hosts;
  if (hub->ref_count > 1 || hosts == NULL) return true;
  hub->hosts = NULL;
  return gcn__hosts_release(hosts, gone, keeper);
}

void gcn__hub_release(gcn_hub_t* hub) {
  if (hub == NULL || --hub->ref_count > 0) return;
  struct gcn__hosts* hosts = hub->hosts;
  hub->hosts = NULL;
  if (hosts != NULL && !gcn__hosts_release(hosts, free_hub, hub)) return;
  free_hub(hub);
}

void gcn__hub_abandon(gcn_hub_t* hub) {
  if (hub == NULL || --hub->ref_count > 0) return;
  if (hub->hosts != NULL) gcn__hosts_abandon(hub->hosts);
  free_hub(hub);
}

int gcn_hub_new(gcn_hub_t** hub, uv_loop_t* loop,
                const gcn_options_t* options) {
  const struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  gcn_options_t own;
  struct gcn__mem mem = gcn__mem_libc;
  if (hub == NULL || loop == NULL) return UV_EINVAL;
  gcn_options_init(&own);
  if (options != NULL) {
    if (options->size < sizeof options->size) return UV_EINVAL;
    size_t size = options->size < sizeof own ? options->size : sizeof own;
    memcpy(&own, options, size);
  }
  if (own.alloc_cb != NULL) {
    mem = (struct gcn__mem){.resize = own.alloc_cb, .ctx = own.alloc_data};
  }
  return gcn__hub_new(hub, loop, &mem, &own, &settings);
}

void gcn_hub_release(gcn_hub_t* hub) {
  if (hub == NULL) return;
  if (hub->pid != getpid()) {
    gcn__hub_abandon(hub);
  } else {
    gcn__hub_release(hub);
  }
}

void gcn_resolve_done(gcn_resolve_t* request, int status,
                      const struct sockaddr* const* addresses, size_t count) {
  struct gcn__resolver* resolver = (struct gcn__resolver*)(void*)request;
  gcn__resolver_answer(resolver, status, addresses, count);
}
