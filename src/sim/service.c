/* SPDX-License-Identifier: MIT */
/*
 * The simulated service as its driver sees it: connections, ticks, verdicts.
 *
 * What the service means by its bytes is in the service-*.c files; this one
 * only leads bytes and time to them.
 */
#include "sim/service.h"

#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdarg.h>
#include <stdio.h>

#define SEED_IDS    UINT64_C(0x6964730000000001)
#define SEED_EVENTS UINT64_C(0x6576656e74730002)
#define SEED_CHANCE UINT64_C(0x6368616e63650003)

#define AUTHORITY_DEFAULT "localhost"

static uint64_t or_default(uint64_t value, uint64_t otherwise) {
  return value == 0 ? otherwise : value;
}

static void set_defaults(struct gcn__sim_options* options) {
  if (options->mem == NULL) options->mem = &gcn__mem_libc;
  options->token_life_s = or_default(options->token_life_s, 86400);
  options->rest_per_min_max = or_default(options->rest_per_min_max, 300);
  options->heartbeat_ms = or_default(options->heartbeat_ms, 30000);
  options->channel_ttl_ms = or_default(options->channel_ttl_ms, 86400000);
  options->channels_max = or_default(options->channels_max, 20);
  options->topics_max = or_default(options->topics_max, 1000);
  options->backlog_size_max = or_default(options->backlog_size_max, 16 << 20);
  options->attempt_ms = or_default(options->attempt_ms, 250);
  options->crowd_ms = or_default(options->crowd_ms, 50);
  options->stream_retention_ms =
      or_default(options->stream_retention_ms, 600000);
  options->stream_history_max = or_default(options->stream_history_max, 200000);
  options->stream_ping_ms = or_default(options->stream_ping_ms, 30000);
  options->stream_ticket_life_s =
      or_default(options->stream_ticket_life_s, 86400);
  if (options->stream_expiry_code == 0) {
    options->stream_expiry_code = GCN__SIM_CLOSE_EXPIRED;
  }
}

static int build(struct gcn__sim* sim) {
  int error = gcn__sim_fault_new(sim);
  if (error != 0) return error;
  sim->ledger = gcn__sim_ledger_new(sim->mem);
  if (sim->ledger == NULL) return GCN__ENOMEM;
  error = gcn__sim_logins_new(sim);
  if (error == 0) error = gcn__sim_grants_new(sim);
  if (error == 0) error = gcn__sim_streams_new(sim);
  if (error != 0) return error;
  const struct gcn__sim_options* options = &sim->options;
  if (options->script != NULL) {
    error = gcn__sim_fault_add(sim, options->script, options->start_ms);
    if (error != 0) return error;
  }
  return gcn__sim_corpus_load(sim);
}

struct gcn__sim* gcn__sim_new(const struct gcn__sim_options* options) {
  struct gcn__sim_options filled = *options;
  set_defaults(&filled);
  struct gcn__sim* sim = gcn__alloc_zero(filled.mem, sizeof(*sim));
  if (sim == NULL) return NULL;
  sim->options = filled;
  sim->given = filled;
  sim->mem = filled.mem;
  gcn__rng_seed(&sim->ids, filled.seed ^ SEED_IDS);
  gcn__rng_seed(&sim->events, filled.seed ^ SEED_EVENTS);
  gcn__rng_seed(&sim->chance, filled.seed ^ SEED_CHANCE);
  gcn__list_init(&sim->conns);
  gcn__list_init(&sim->ready);
  gcn__list_init(&sim->tokens);
  gcn__list_init(&sim->refreshes);
  gcn__list_init(&sim->channels);
  gcn__sim_text_init(&sim->scratch, sim->mem, GCN__SIM_SCRATCH_SIZE_MAX);
  gcn__sim_text_init(&sim->scratch2, sim->mem, GCN__SIM_SCRATCH_SIZE_MAX);
  const char* authority = filled.authority;
  gcn__sim_set_authority(sim, authority ? authority : AUTHORITY_DEFAULT);
  sim->flow_start_ms = filled.start_ms;
  sim->channels_kept = filled.channel_outlives_token;
  if (build(sim) == 0) return sim;
  gcn__sim_free(sim);
  return NULL;
}

static void free_conn(struct gcn__sim_conn* conn) {
  gcn__sim_stream_end(conn, 0);
  gcn__list_remove(&conn->link);
  gcn__list_remove(&conn->ready);
  gcn__http_free(conn->http);
  gcn__ws_free(conn->ws);
  gcn__sim_out_deinit(&conn->out);
  gcn__free(conn->sim->mem, conn, sizeof(*conn));
}

static struct gcn__sim_conn* conn_of(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_conn, link);
}

void gcn__sim_free(struct gcn__sim* sim) {
  if (sim == NULL) return;
  while (!gcn__list_empty(&sim->conns)) {
    struct gcn__sim_conn* conn = conn_of(sim->conns.next);
    if (conn->channel != NULL) conn->channel->conn = NULL;
    free_conn(conn);
  }
  while (!gcn__list_empty(&sim->channels)) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(sim->channels.next, struct gcn__sim_channel, link);
    gcn__sim_topics_unlink(channel, sim->mem);
    gcn__sim_entries_free(sim, channel);
    gcn__list_remove(&channel->link);
    gcn__free(sim->mem, channel, sizeof(*channel));
  }
  gcn__sim_streams_free(sim);
  gcn__sim_tokens_free(sim);
  gcn__sim_grants_free(sim);
  gcn__sim_logins_free(sim);
  gcn__sim_ledger_free(sim->ledger);
  gcn__sim_topics_free(sim);
  gcn__sim_corpus_free(sim);
  gcn__sim_fault_free(sim);
  gcn__sim_text_deinit(&sim->scratch);
  gcn__sim_text_deinit(&sim->scratch2);
  gcn__free(sim->mem, sim, sizeof(*sim));
}

void gcn__sim_set_authority(struct gcn__sim* sim, const char* authority) {
  snprintf(sim->authority, sizeof(sim->authority), "%s", authority);
}

void gcn__sim_counters(const struct gcn__sim* sim,
                       struct gcn__sim_counters* counters) {
  *counters = sim->counters;
}

void gcn__sim_log(struct gcn__sim* sim, uint64_t now_ms, const char* format,
                  ...) {
  if (sim->options.hooks.log == NULL) return;
  char line[GCN__SIM_LINE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  sim->options.hooks.log(sim->options.hooks.ctx, now_ms, line);
}

uint64_t gcn__sim_wall(const struct gcn__sim* sim, uint64_t now_ms) {
  return gcn__time_add(sim->options.wall_base_ms, now_ms);
}

const char* gcn__sim_client_id(const struct gcn__sim* sim, size_t client) {
  return sim->options.clients[client].id;
}

void gcn__sim_ready(struct gcn__sim_conn* conn) {
  if (!gcn__list_empty(&conn->ready)) return;
  gcn__list_append(&conn->sim->ready, &conn->ready);
}

void gcn__sim_reset(struct gcn__sim_conn* conn) {
  conn->verdict = GCN__SIM_RESET;
  gcn__sim_ready(conn);
}

void gcn__sim_end(struct gcn__sim_conn* conn) {
  conn->ending = true;
  gcn__sim_ready(conn);
}

/* A fault may have been waiting for a connection. */
static void greet(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  bool begins = gcn__sim_ledger_accept(conn, now_ms);
  sim->counters.accepts++;
  gcn__sim_fault_count(sim, GCN__COUNT_ACCEPT, conn, now_ms);
  if (begins) sim->counters.attempts++;
  if (begins) gcn__sim_fault_count(sim, GCN__COUNT_ATTEMPT, conn, now_ms);
  const struct gcn__script_action* action = gcn__sim_fault_accept(sim, now_ms);
  if (action != NULL) gcn__sim_act(sim, action, conn, 1, now_ms);
  if (gcn__sim_stream_blocks(sim, now_ms)) {
    sim->counters.upgrades_blocked++;
    gcn__sim_reset(conn);
  }
  gcn__sim_settle(sim);
}

struct gcn__sim_conn* gcn__sim_accept(struct gcn__sim* sim, void* user,
                                      uint64_t now_ms) {
  struct gcn__sim_conn* conn = gcn__alloc_zero(sim->mem, sizeof(*conn));
  if (conn == NULL) return NULL;
  conn->sim = sim;
  conn->user = user;
  conn->serial = ++sim->conn_serial;
  conn->close_by_ms = GCN__NEVER;
  conn->leave_ms = GCN__NEVER;
  conn->heartbeat_ms = GCN__NEVER;
  conn->pong_by_ms = GCN__NEVER;
  gcn__list_init(&conn->ready);
  gcn__list_init(&conn->link);
  gcn__sim_out_init(&conn->out, sim->mem, sim->options.backlog_size_max);
  conn->http =
      gcn__http_new(sim->mem, GCN__HTTP_REQUESTS, &gcn__http_limits_default);
  if (conn->http == NULL) {
    free_conn(conn);
    return NULL;
  }
  gcn__list_append(&sim->conns, &conn->link);
  greet(conn, now_ms);
  return conn;
}

void gcn__sim_label(struct gcn__sim_conn* conn, const char* name) {
  conn->instance = gcn__sim_ledger_instance(conn->sim, gcn__span_str(name));
  conn->labelled = true;
}

bool gcn__sim_tls_hung(const struct gcn__sim_conn* conn) {
  return conn->tls_hung;
}

uint64_t gcn__sim_tls_gap_ms(const struct gcn__sim_conn* conn) {
  return conn->tls_gap_ms;
}

static bool listens(const struct gcn__sim_conn* conn) {
  return conn->verdict == GCN__SIM_OPEN && !conn->ending && !conn->hung &&
         !conn->failed;
}

void gcn__sim_settle(struct gcn__sim* sim) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_of(at);
    if (conn->failed && conn->verdict == GCN__SIM_OPEN) gcn__sim_reset(conn);
  }
}

void gcn__sim_receive(struct gcn__sim_conn* conn, struct gcn__span bytes,
                      uint64_t now_ms) {
  struct gcn__span in = bytes;
  while (in.size > 0 && listens(conn)) {
    if (conn->ws != NULL) {
      gcn__sim_ws_receive(conn, &in, now_ms);
    } else {
      gcn__sim_http_receive(conn, &in, now_ms);
    }
  }
  gcn__sim_settle(conn->sim);
}

void gcn__sim_eof(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (conn->verdict != GCN__SIM_OPEN) return;
  gcn__sim_ws_gone(conn, now_ms);
  gcn__sim_end(conn);
  /* What a fault keeps from leaving would keep the connection for ever. */
  if (conn->out.gate != SIZE_MAX) gcn__sim_reset(conn);
}

void gcn__sim_drop(struct gcn__sim_conn* conn, uint64_t now_ms) {
  gcn__sim_ws_gone(conn, now_ms);
  gcn__sim_fault_forget(conn->sim, conn);
  free_conn(conn);
}

struct gcn__sim_conn* gcn__sim_next_ready(struct gcn__sim* sim) {
  if (gcn__list_empty(&sim->ready)) return NULL;
  struct gcn__list* first = sim->ready.next;
  gcn__list_remove(first);
  return GCN__CONTAINER_OF(first, struct gcn__sim_conn, ready);
}

struct gcn__span gcn__sim_output(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (conn->frozen || conn->verdict == GCN__SIM_RESET) return GCN__SPAN("");
  conn->told_ms = now_ms;
  return gcn__sim_out_next(&conn->out, now_ms);
}

void gcn__sim_sent(struct gcn__sim_conn* conn, size_t size, uint64_t now_ms) {
  gcn__sim_out_sent(&conn->out, size, now_ms);
  if (conn->stream == NULL) return;
  gcn__sim_stream_sent(conn, size, now_ms);
  if (conn->failed) gcn__sim_settle(conn->sim);
}

enum gcn__sim_verdict gcn__sim_verdict(const struct gcn__sim_conn* conn) {
  if (conn->verdict == GCN__SIM_RESET) return GCN__SIM_RESET;
  if (conn->frozen || !conn->ending) return GCN__SIM_OPEN;
  return gcn__sim_out_empty(&conn->out) ? GCN__SIM_CLOSE : GCN__SIM_OPEN;
}

bool gcn__sim_reading(const struct gcn__sim_conn* conn) {
  return !conn->frozen && !conn->stalled;
}

void* gcn__sim_user(const struct gcn__sim_conn* conn) {
  return conn->user;
}

uint64_t gcn__sim_serial(const struct gcn__sim_conn* conn) {
  return conn->serial;
}

static uint64_t conn_deadline(const struct gcn__sim_conn* conn) {
  if (conn->verdict != GCN__SIM_OPEN) return GCN__NEVER;
  uint64_t at = gcn__sim_ws_deadline(conn);
  uint64_t due = gcn__sim_out_due(&conn->out);
  if (conn->frozen || due <= conn->told_ms) return at;
  return gcn__time_min(at, due);
}

uint64_t gcn__sim_deadline(const struct gcn__sim* sim) {
  uint64_t at = gcn__sim_events_deadline(sim);
  at = gcn__time_min(at, gcn__sim_fault_deadline(sim));
  at = gcn__time_min(at, gcn__sim_tokens_deadline(sim));
  at = gcn__time_min(at, gcn__sim_channels_deadline(sim));
  at = gcn__time_min(at, gcn__sim_streams_deadline(sim));
  struct gcn__list* link = sim->conns.next;
  for (; link != &sim->conns; link = link->next) {
    at = gcn__time_min(at, conn_deadline(conn_of(link)));
  }
  return at;
}

static void tick_conns(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_of(at);
    if (conn->verdict != GCN__SIM_OPEN) continue;
    gcn__sim_ws_tick(conn, now_ms);
    uint64_t due = gcn__sim_out_due(&conn->out);
    if (conn->frozen || due <= conn->told_ms || due > now_ms) continue;
    conn->told_ms = now_ms;
    gcn__sim_ready(conn);
  }
}

void gcn__sim_tick(struct gcn__sim* sim, uint64_t now_ms) {
  gcn__sim_fault_tick(sim, now_ms);
  gcn__sim_tokens_tick(sim, now_ms);
  gcn__sim_channels_tick(sim, now_ms);
  gcn__sim_streams_tick(sim, now_ms);
  gcn__sim_events_tick(sim, now_ms);
  tick_conns(sim, now_ms);
  gcn__sim_settle(sim);
}
