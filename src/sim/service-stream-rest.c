/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect's requests besides upgrades: the pre-flight of the guide,
 * the subscriptions that thread A POSTs, the subscription tokens of thread D.
 *
 * A POSTed subscription is good for one WebSocket, and its name for one POST:
 * only a DELETE gives the name back.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum {
  LEAVE_MS = 5000, /* a subscription stays active after its socket went */
  POSTED_MAX = 10000,
  TICKETS_MAX = 10000,
};

#define PREFLIGHT "/api/v2/notifications/stream/subscriptions"
#define POSTS     "/api/v2/notifications/subscriptions"
#define TICKETS   "/api/v2/notifications/subscription"

void gcn__sim_reply_payload(struct gcn__sim_call* call, const char* why) {
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"code\":400,\"message\":\"Bad Request\","
                          "\"status\":\"Bad Request\",\"errors\":[");
  gcn__sim_text_json(text, gcn__span_str(why));
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 400, gcn__buf_span(&text->buf));
}

static bool allow(struct gcn__sim_call* call, const char* method) {
  if (gcn__span_is(call->method, method)) return true;
  call->allow = method;
  gcn__sim_reply_error(call, 405, "method.not.allowed",
                       "The method is not allowed here.");
  return false;
}

static bool check_base_scope(struct gcn__sim_call* call) {
  struct gcn__sim_verdict_on verdict;
  if (gcn__sim_check_scope(call->sim, "notification:read", &verdict)) {
    return true;
  }
  gcn__sim_refuse_stream(call, &verdict);
  return false;
}

static size_t last_size(const struct gcn__sim* sim) {
  return sim->options.client_count * sizeof(struct gcn__sim_interests);
}

static bool make_last(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams->last != NULL) return true;
  streams->last = gcn__alloc(sim->mem, last_size(sim));
  if (streams->last == NULL) return false;
  for (size_t i = 0; i < sim->options.client_count; i++) {
    gcn__sim_interests_init(&streams->last[i], sim->mem);
  }
  return true;
}

bool gcn__sim_stream_remember(struct gcn__sim* sim,
                              const struct gcn__sim_stream* stream) {
  if (!make_last(sim)) return false;
  struct gcn__sim_interests* last = &sim->streams->last[stream->client];
  gcn__sim_interests_deinit(last);
  return gcn__sim_interests_names(last, &stream->interests) == 0;
}

static void put_checked(struct gcn__sim_call* call,
                        const struct gcn__sim_interest* interest, bool first) {
  struct gcn__sim_text* text = &call->sim->streams->text;
  struct gcn__sim_verdict_on verdict;
  gcn__sim_check_interest(call->sim, interest, &verdict);
  gcn__sim_text_put(text, "%s{\"event\":", first ? "" : ",");
  gcn__sim_text_json(text, gcn__span_str(interest->event));
  if (interest->resource != NULL) {
    gcn__sim_text_put(text, ",\"resourceId\":");
    gcn__sim_text_json(text, gcn__span_str(interest->resource));
  }
  if (verdict.finding == GCN__SIM_FINE) {
    gcn__sim_text_put(text, ",\"status\":\"active\"}");
    return;
  }
  gcn__sim_text_put(text, ",\"status\":\"invalid\",\"reason\":");
  gcn__sim_text_json(text, gcn__span_str(verdict.why));
  gcn__sim_text_put(text, "}");
}

static void list_checked(struct gcn__sim_call* call,
                         const struct gcn__sim_interests* interests) {
  struct gcn__sim_text* text = &call->sim->streams->text;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"subscriptions\":[");
  for (size_t i = 0; i < interests->count; i++) {
    put_checked(call, &interests->all[i], i == 0);
  }
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) call->conn->failed = true;
  call->sim->counters.preflights++;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

/* Candidates of the query; `given` becomes true if there is a parameter. */
static int read_candidates(struct gcn__sim_call* call,
                           struct gcn__sim_interests* interests, bool* given,
                           const char** why) {
  struct gcn__span query = call->query;
  struct gcn__span name;
  struct gcn__span value;
  *given = false;
  while (gcn__sim_query_next(&query, &name, &value)) {
    if (!gcn__span_is(name, "subscriptions")) continue;
    *given = true;
    int error = gcn__sim_query_interests(interests, value, why);
    if (error != 0) return error;
  }
  return 0;
}

static void serve_preflight(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_interests interests;
  bool given;
  const char* why = "";
  gcn__sim_interests_init(&interests, sim->mem);
  int error = read_candidates(call, &interests, &given, &why);
  if (error == GCN__ENOMEM || !make_last(sim)) {
    call->conn->failed = true;
  } else if (error != 0) {
    gcn__sim_reply_listed(call, 400, "bad.request", "Bad Request", why);
  } else {
    gcn__sim_fault_count(sim, GCN__COUNT_PREFLIGHT, NULL, call->now_ms);
    list_checked(call,
                 given ? &interests : &sim->streams->last[call->token->client]);
  }
  gcn__sim_interests_deinit(&interests);
}

static struct gcn__sim_posted* posted_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_posted, link);
}

static void free_posted(struct gcn__sim* sim, struct gcn__sim_posted* posted) {
  if (posted->conn != NULL) posted->conn->stream->posted = NULL;
  gcn__list_remove(&posted->link);
  gcn__sim_interests_deinit(&posted->interests);
  gcn__str_free(sim->mem, posted->name);
  gcn__free(sim->mem, posted, sizeof(*posted));
  sim->streams->posted_count--;
}

static bool is_name_used(struct gcn__sim* sim, size_t client,
                         struct gcn__span name) {
  struct gcn__list* at = sim->streams->posted.next;
  for (; at != &sim->streams->posted; at = at->next) {
    const struct gcn__sim_posted* posted = posted_at(at);
    if (posted->client != client || posted->name == NULL) continue;
    if (gcn__span_is(name, posted->name)) return true;
  }
  return false;
}

/* 0, GCN__EINVAL or GCN__ENOMEM. */
static int read_posted(struct gcn__sim_call* call, const struct gcn__json* body,
                       struct gcn__sim_posted* posted) {
  static const char* const members[] = {"eventTypes", "topics",
                                        "subscriptions"};
  const char* why = "";
  struct gcn__span name = gcn__json_member(body, "name");
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    const struct gcn__json* list = gcn__json_get(body, members[i]);
    if (list == NULL) continue;
    if (!gcn__json_is_array(list)) return GCN__EINVAL;
    int error = gcn__sim_interests_read(&posted->interests, list, &why);
    if (error != 0) return error;
  }
  if (posted->interests.count == 0) return GCN__EINVAL;
  if (gcn__json_get(body, "name") == NULL) return 0;
  if (name.size == 0 || name.size >= GCN__SIM_NAME_SIZE) return GCN__EINVAL;
  if (is_name_used(call->sim, posted->client, name)) return GCN__EINVAL;
  posted->name = gcn__str_copy_n(call->sim->mem, name.data, name.size);
  return posted->name == NULL ? GCN__ENOMEM : 0;
}

static void answer_posted(struct gcn__sim_call* call,
                          struct gcn__sim_posted* posted) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_verdict_on verdict;
  gcn__sim_check_all(sim, &posted->interests, &verdict);
  if (verdict.finding == GCN__SIM_GONE) {
    gcn__sim_reply_payload(call, GCN__SIM_BAD_PAYLOAD);
  } else if (verdict.finding != GCN__SIM_FINE) {
    gcn__sim_refuse_stream(call, &verdict);
  }
  if (verdict.finding != GCN__SIM_FINE) {
    free_posted(sim, posted);
    return;
  }
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text),
           "{\"subscriptionId\":\"%s\",\"status\":\"active\"}", posted->id);
  sim->counters.subscribes++;
  gcn__sim_reply(call, 200, gcn__span_str(text));
  gcn__sim_fault_count(sim, GCN__COUNT_SUBSCRIBE, NULL, call->now_ms);
}

static void serve_post(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_streams* streams = sim->streams;
  struct gcn__sim_posted* posted = gcn__alloc_zero(sim->mem, sizeof(*posted));
  if (posted == NULL) {
    call->conn->failed = true;
    return;
  }
  if (streams->posted_count == POSTED_MAX) {
    free_posted(sim, posted_at(streams->posted.next));
  }
  gcn__sim_uuid(&sim->ids, posted->id);
  gcn__sim_interests_init(&posted->interests, sim->mem);
  posted->client = call->token->client;
  posted->until_ms = GCN__NEVER;
  gcn__list_append(&streams->posted, &posted->link);
  streams->posted_count++;
  struct gcn__json* body =
      gcn__json_parse(gcn__http_body(call->conn->http), NULL);
  int error = read_posted(call, body, posted);
  gcn__json_free(body, false);
  if (error == 0) {
    answer_posted(call, posted);
    return;
  }
  free_posted(sim, posted);
  if (error == GCN__ENOMEM) {
    call->conn->failed = true;
    return;
  }
  gcn__sim_reply_payload(call, GCN__SIM_BAD_PAYLOAD);
}

struct gcn__sim_posted*
gcn__sim_posted_take(struct gcn__sim* sim, size_t client, struct gcn__span id) {
  struct gcn__list* at = sim->streams->posted.prev;
  for (; at != &sim->streams->posted; at = at->prev) {
    struct gcn__sim_posted* posted = posted_at(at);
    if (posted->client != client || posted->used) continue;
    if (id.data != NULL && !gcn__span_is(id, posted->id)) continue;
    posted->used = true;
    return posted;
  }
  return NULL;
}

void gcn__sim_posted_leave(struct gcn__sim_posted* posted, uint64_t now_ms) {
  if (posted == NULL) return;
  posted->conn = NULL;
  posted->until_ms = gcn__time_add(now_ms, LEAVE_MS);
}

/* What has left some seconds ago is unknown, though its name stays used. */
static void serve_delete(struct gcn__sim_call* call, struct gcn__span id) {
  struct gcn__sim* sim = call->sim;
  struct gcn__list* at = sim->streams->posted.next;
  for (; at != &sim->streams->posted; at = at->next) {
    struct gcn__sim_posted* posted = posted_at(at);
    if (posted->client != call->token->client) continue;
    if (!gcn__span_is(id, posted->id) || posted->until_ms <= call->now_ms) {
      continue;
    }
    struct gcn__sim_conn* conn = posted->conn;
    free_posted(sim, posted);
    gcn__sim_reply(call, 204, (struct gcn__span){NULL, 0});
    if (conn == NULL) return;
    gcn__sim_stream_close(conn, GCN__WS_CLOSE_NORMAL, "unsubscribed",
                          call->now_ms);
    return;
  }
  gcn__sim_reply_error(call, 404, "not.found", "No such subscription.");
}

static struct gcn__sim_ticket* ticket_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_ticket, link);
}

static void free_ticket(struct gcn__sim* sim, struct gcn__sim_ticket* ticket) {
  gcn__list_remove(&ticket->link);
  gcn__wipe(ticket->value, sizeof(ticket->value));
  gcn__free(sim->mem, ticket, sizeof(*ticket));
  sim->streams->ticket_count--;
}

static void serve_ticket(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_streams* streams = sim->streams;
  struct gcn__sim_ticket* ticket = gcn__alloc_zero(sim->mem, sizeof(*ticket));
  if (ticket == NULL) {
    call->conn->failed = true;
    return;
  }
  uint64_t life_s = sim->options.stream_ticket_life_s;
  if (streams->ticket_count == TICKETS_MAX) {
    free_ticket(sim, ticket_at(streams->tickets.next));
  }
  gcn__sim_token_value(&sim->ids, ticket->value);
  ticket->serial = ++streams->ticket_serial;
  ticket->client = call->token->client;
  ticket->expires_ms = gcn__time_add(call->now_ms, life_s * 1000);
  gcn__list_append(&streams->tickets, &ticket->link);
  streams->ticket_count++;
  sim->counters.tickets++;
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text), "{\"accessToken\":\"%s\",\"expiresIn\":%llu}",
           ticket->value, (unsigned long long)life_s);
  gcn__sim_reply(call, 200, gcn__span_str(text));
  gcn__wipe(text, sizeof(text));
  gcn__sim_fault_count(sim, GCN__COUNT_TICKET, NULL, call->now_ms);
}

struct gcn__sim_ticket* gcn__sim_ticket_find(struct gcn__sim* sim,
                                             struct gcn__span value,
                                             uint64_t now_ms) {
  struct gcn__list* at = sim->streams->tickets.next;
  for (; at != &sim->streams->tickets; at = at->next) {
    struct gcn__sim_ticket* ticket = ticket_at(at);
    if (ticket->expires_ms <= now_ms) continue;
    if (gcn__span_is(value, ticket->value)) return ticket;
  }
  return NULL;
}

static void close_streams(struct gcn__sim* sim, uint64_t serial,
                          uint64_t now_ms) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn =
        GCN__CONTAINER_OF(at, struct gcn__sim_conn, link);
    if (conn->stream == NULL || conn->stream->ticket != serial) continue;
    sim->counters.streams_expired++;
    gcn__sim_stream_close(conn, sim->options.stream_expiry_code,
                          "token_expired", now_ms);
  }
}

void gcn__sim_tickets_end(struct gcn__sim* sim, bool all, uint64_t now_ms) {
  struct gcn__list* at = sim->streams->tickets.next;
  while (at != &sim->streams->tickets) {
    struct gcn__sim_ticket* ticket = ticket_at(at);
    at = at->next;
    if (!all && ticket->expires_ms > now_ms) continue;
    uint64_t serial = ticket->serial;
    free_ticket(sim, ticket);
    close_streams(sim, serial, now_ms);
  }
}

uint64_t gcn__sim_tickets_deadline(const struct gcn__sim* sim) {
  uint64_t at_ms = GCN__NEVER;
  struct gcn__list* at = sim->streams->tickets.next;
  for (; at != &sim->streams->tickets; at = at->next) {
    at_ms = gcn__time_min(at_ms, ticket_at(at)->expires_ms);
  }
  return at_ms;
}

void gcn__sim_stream_rest_free(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  while (!gcn__list_empty(&streams->posted))
    free_posted(sim, posted_at(streams->posted.next));
  while (!gcn__list_empty(&streams->tickets))
    free_ticket(sim, ticket_at(streams->tickets.next));
  if (streams->last == NULL) return;
  for (size_t i = 0; i < sim->options.client_count; i++) {
    gcn__sim_interests_deinit(&streams->last[i]);
  }
  gcn__free(sim->mem, streams->last, last_size(sim));
}

static bool enter(struct gcn__sim_call* call, const char* route,
                  enum gcn__sim_resource resource, const char* method) {
  call->route = route;
  call->resource = resource;
  call->sim->counters.rest_calls++;
  gcn__sim_fault_count(call->sim, GCN__COUNT_REST, NULL, call->now_ms);
  return !gcn__sim_spoil(call) && gcn__sim_authenticate(call) &&
         allow(call, method) && check_base_scope(call);
}

bool gcn__sim_stream_rest(struct gcn__sim_call* call) {
  bool entered;
  if (gcn__span_is(call->path, PREFLIGHT)) {
    entered = enter(call, PREFLIGHT, GCN__SIM_RESOURCE_SUBSCRIPTIONS, "GET");
    if (entered) serve_preflight(call);
  } else if (gcn__span_is(call->path, POSTS)) {
    entered = enter(call, POSTS, GCN__SIM_RESOURCE_SUBSCRIPTIONS, "POST");
    if (entered) serve_post(call);
  } else if (gcn__span_starts(call->path, POSTS "/")) {
    entered =
        enter(call, POSTS "/{id}", GCN__SIM_RESOURCE_SUBSCRIPTIONS, "DELETE");
    if (entered) {
      serve_delete(call, gcn__span_skip(call->path, sizeof(POSTS)));
    }
  } else if (gcn__span_is(call->path, TICKETS)) {
    entered = enter(call, TICKETS, GCN__SIM_RESOURCE_OTHER, "POST");
    if (entered) serve_ticket(call);
  } else {
    return false;
  }
  return true;
}
