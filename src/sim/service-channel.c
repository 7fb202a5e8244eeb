/* SPDX-License-Identifier: MIT */
/*
 * Channels: their making, their 24 hours, and the rule of 20 (PROTOCOL §2).
 *
 * No client ever has more than channels_max of them.
 */
#include "sim/service-fault.h"
#include "sim/service-state.h"

#include <stdio.h>

enum { CHANNEL_RANDOM_SIZE = 26, CLOSE_GOING_AWAY = 1001 };

static struct gcn__sim_channel* channel_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_channel, link);
}

struct gcn__sim_channel* gcn__sim_channel_find(struct gcn__sim* sim,
                                               struct gcn__span id) {
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    if (gcn__span_is(id, channel_at(at)->id)) return channel_at(at);
  }
  return NULL;
}

void gcn__sim_channel_use(struct gcn__sim* sim,
                          struct gcn__sim_channel* channel) {
  channel->used = ++sim->uses;
}

void gcn__sim_channel_extend(struct gcn__sim* sim,
                             struct gcn__sim_channel* channel,
                             uint64_t now_ms) {
  channel->expires_ms = gcn__time_add(now_ms, sim->options.channel_ttl_ms);
  channel->subscribe_by_ms = GCN__NEVER;
  gcn__sim_channel_use(sim, channel);
}

void gcn__sim_channel_end(struct gcn__sim* sim,
                          struct gcn__sim_channel* channel, const char* reason,
                          uint64_t now_ms) {
  struct gcn__sim_conn* conn = channel->conn;
  if (conn != NULL) {
    gcn__sim_ws_close(conn, CLOSE_GOING_AWAY, reason, now_ms);
    gcn__sim_ws_gone(conn, now_ms);
  }
  gcn__sim_topics_unlink(channel, sim->mem);
  gcn__sim_entries_free(sim, channel);
  gcn__list_remove(&channel->link);
  gcn__free(sim->mem, channel, sizeof(*channel));
  sim->counters.channels_live--;
}

/* Unconnected ones go first, then the one used longest ago. */
static bool goes_before(const struct gcn__sim_channel* a,
                        const struct gcn__sim_channel* b) {
  bool a_open = a->conn != NULL;
  bool b_open = b->conn != NULL;
  if (a_open != b_open) return b_open;
  return a->used < b->used;
}

/* Counted after it is done: a rule that counts evictions may end channels. */
static void count_eviction(struct gcn__sim* sim, size_t client, bool foreign,
                           uint64_t now_ms) {
  sim->counters.channels_evicted++;
  gcn__sim_log(sim, now_ms, "a channel of %s was evicted%s",
               gcn__sim_client_id(sim, client),
               foreign ? " for another instance" : "");
  gcn__sim_fault_count(sim, GCN__COUNT_EVICTION, NULL, now_ms);
  if (!foreign) return;
  sim->counters.channels_evicted_foreign++;
  gcn__sim_fault_count(sim, GCN__COUNT_FOREIGN, NULL, now_ms);
}

bool gcn__sim_channel_evict(struct gcn__sim* sim, size_t client,
                            const struct gcn__sim_conn* taker,
                            uint64_t now_ms) {
  struct gcn__sim_channel* first = NULL;
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    struct gcn__sim_channel* channel = channel_at(at);
    if (channel->client != client) continue;
    if (first == NULL || goes_before(channel, first)) first = channel;
  }
  if (first == NULL) return false;
  bool foreign = taker != NULL && taker->instance != first->instance;
  if (foreign) gcn__sim_ledger_evicted(sim, first->instance, taker->instance);
  if (first->conn != NULL) sim->counters.channels_evicted_open++;
  gcn__sim_channel_end(sim, first, "idle timeout", now_ms);
  count_eviction(sim, client, foreign, now_ms);
  return true;
}

static size_t count_of(const struct gcn__sim* sim, size_t client) {
  size_t count = 0;
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    if (channel_at(at)->client == client) count++;
  }
  return count;
}

static void make_id(struct gcn__rng* rng, char id[GCN__SIM_CHANNEL_ID_SIZE]) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  char random[CHANNEL_RANDOM_SIZE + 1];
  for (size_t i = 0; i < CHANNEL_RANDOM_SIZE; i++) {
    random[i] = letters[gcn__rng_below(rng, sizeof(letters) - 1)];
  }
  random[CHANNEL_RANDOM_SIZE] = '\0';
  snprintf(id, GCN__SIM_CHANNEL_ID_SIZE, "streaming-%u-%s",
           (unsigned)gcn__rng_below(rng, 9), random);
}

static struct gcn__sim_channel* make_channel(struct gcn__sim* sim,
                                             const struct gcn__sim_call* call) {
  const struct gcn__sim_token* token = call->token;
  uint64_t now_ms = call->now_ms;
  struct gcn__sim_channel* channel =
      gcn__alloc_zero(sim->mem, sizeof(*channel));
  if (channel == NULL) return NULL;
  gcn__list_init(&channel->subscriptions);
  make_id(&sim->ids, channel->id);
  channel->client = token->client;
  channel->token = token->serial;
  channel->created_ms = now_ms;
  channel->doomed_ms = GCN__NEVER;
  channel->instance = call->conn->instance;
  gcn__sim_channel_extend(sim, channel, now_ms);
  gcn__list_append(&sim->channels, &channel->link);
  struct gcn__sim_counters* counters = &sim->counters;
  counters->channels++;
  counters->channels_live++;
  if (counters->channels_live > counters->channels_live_max) {
    counters->channels_live_max = counters->channels_live;
  }
  return channel;
}

static void write_channel(struct gcn__sim* sim, struct gcn__sim_text* text,
                          const struct gcn__sim_channel* channel) {
  char expires[GCN__SIM_ISO_SIZE];
  gcn__sim_iso(gcn__sim_wall(sim, channel->expires_ms), expires);
  gcn__sim_text_put(text,
                    "{\"connectUri\":\"%s://%s/channels/%s\",\"id\":\"%s\","
                    "\"expires\":\"%s\"}",
                    sim->options.insecure ? "ws" : "wss", sim->authority,
                    channel->id, channel->id, expires);
}

static bool is_json_type(struct gcn__span type) {
  static const char json[] = "application/json";
  size_t size = sizeof(json) - 1;
  if (type.size < size) return false;
  return gcn__span_iis(gcn__span(type.data, size), json) &&
         (type.size == size || type.data[size] == ';');
}

void gcn__sim_channels_create(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  struct gcn__span body = gcn__http_body(call->conn->http);
  struct gcn__span type =
      gcn__http_header(call->conn->http, "Content-Type", NULL);
  if (body.size > 0 && !is_json_type(type)) {
    gcn__sim_reply_error(call, 415, "unsupported.media.type",
                         "The media type is not supported.");
    return;
  }
  while (count_of(sim, call->token->client) >= sim->options.channels_max) {
    gcn__sim_channel_evict(sim, call->token->client, call->conn, call->now_ms);
  }
  struct gcn__sim_channel* channel = make_channel(sim, call);
  if (channel == NULL) {
    call->conn->failed = true;
    return;
  }
  gcn__sim_ledger_channel(sim, channel->instance);
  gcn__sim_judge_channel(sim, channel, call->now_ms);
  gcn__sim_text_clear(&sim->scratch);
  write_channel(sim, &sim->scratch, channel);
  if (sim->scratch.error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&sim->scratch.buf));
}

static bool wants_all(struct gcn__span query) {
  static const char all[] = "includechannels=oauthclient";
  while (query.size > 0) {
    const char* end = memchr(query.data, '&', query.size);
    size_t size = end == NULL ? query.size : (size_t)(end - query.data);
    if (gcn__span_is(gcn__span(query.data, size), all)) return true;
    query = gcn__span_skip(query, end == NULL ? size : size + 1);
  }
  return false;
}

/* Channels of the client's other tokens show that they exist, not their ids:
 * the id is all that is needed to listen. */
void gcn__sim_channels_list(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_text* text = &sim->scratch;
  bool all = wants_all(call->query);
  const char* comma = "";
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"entities\":[");
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    const struct gcn__sim_channel* channel = channel_at(at);
    if (channel->client != call->token->client) continue;
    bool own = channel->token == call->token->serial;
    if (!own && !all) continue;
    gcn__sim_text_put(text, "%s", comma);
    comma = ",";
    if (own) {
      write_channel(sim, text, channel);
    } else {
      char expires[GCN__SIM_ISO_SIZE];
      gcn__sim_iso(gcn__sim_wall(sim, channel->expires_ms), expires);
      gcn__sim_text_put(text, "{\"expires\":\"%s\"}", expires);
    }
  }
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

void gcn__sim_channels_tick(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__list* at = sim->channels.next;
  while (at != &sim->channels) {
    struct gcn__sim_channel* channel = channel_at(at);
    at = at->next;
    bool doomed = channel->doomed_ms <= now_ms;
    if (!doomed && channel->expires_ms > now_ms) continue;
    if (!doomed) sim->counters.channels_expired++;
    gcn__sim_log(sim, now_ms, "a channel of %s %s",
                 gcn__sim_client_id(sim, channel->client),
                 doomed ? "ended as announced" : "expired");
    gcn__sim_channel_end(sim, channel, doomed ? "going away" : "idle timeout",
                         now_ms);
  }
}

uint64_t gcn__sim_channels_deadline(const struct gcn__sim* sim) {
  uint64_t deadline = GCN__NEVER;
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    deadline = gcn__time_min(deadline, channel_at(at)->expires_ms);
    deadline = gcn__time_min(deadline, channel_at(at)->doomed_ms);
  }
  return deadline;
}
