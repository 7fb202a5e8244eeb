/* SPDX-License-Identifier: MIT */
/*
 * What the actions of a fault script do to streams.
 *
 * What an action has taken away stays away until its rule's `for` is over, it
 * is given back, or the service is told to behave.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum { DRAIN_GAP_MS = 1000 };

static struct gcn__sim_conn* conn_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_conn, link);
}

/* What as=A,B says; `size` may be 0 at the end of the list. */
static struct gcn__span next_word(struct gcn__span* list) {
  const char* comma = memchr(list->data, ',', list->size);
  size_t size = comma == NULL ? list->size : (size_t)(comma - list->data);
  struct gcn__span word = gcn__span(list->data, size);
  *list = gcn__span_skip(*list, comma == NULL ? size : size + 1);
  return word;
}

static bool says(const struct gcn__script_action* action, const char* word) {
  struct gcn__span list = gcn__span_str(action->as == NULL ? "" : action->as);
  while (list.size > 0) {
    if (gcn__span_is(next_word(&list), word)) return true;
  }
  return false;
}

/* The number among the words. */
static unsigned code_of(const struct gcn__script_action* action,
                        unsigned otherwise) {
  struct gcn__span list = gcn__span_str(action->as == NULL ? "" : action->as);
  uint64_t code;
  while (list.size > 0) {
    if (gcn__script_number(next_word(&list), &code)) return (unsigned)code;
  }
  return otherwise;
}

static bool listens_to(const struct gcn__sim_conn* conn, const char* pattern) {
  const struct gcn__sim_interests* interests = &conn->stream->interests;
  for (size_t i = 0; i < interests->count; i++) {
    const struct gcn__sim_interest* interest = &interests->all[i];
    if (gcn__sim_is_named(pattern, interest->event, interest->resource)) {
      return true;
    }
  }
  return false;
}

static void close_listeners(struct gcn__sim* sim,
                            const struct gcn__script_action* action,
                            unsigned code, uint64_t now_ms) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_at(at);
    if (conn->stream == NULL || !listens_to(conn, action->text)) continue;
    gcn__sim_stream_close(conn, code, GCN__SIM_BAD_SUBSCRIPTION, now_ms);
  }
}

/* Without memory nothing is taken away, as if nobody had asked. */
static void take_away(struct gcn__sim* sim, enum gcn__sim_lack_of of,
                      const struct gcn__script_action* action) {
  struct gcn__sim_lack lack = {
      .of = of,
      .pattern = action->text,
      .code = code_of(action, GCN__SIM_CLOSE_BAD_REQUEST),
      .by_http = says(action, "http"),
      .masked = of == GCN__SIM_LACK_SCOPE && says(action, "400"),
  };
  (void)gcn__sim_lack_add(sim, &lack);
}

static void delete_resource(struct gcn__sim* sim,
                            const struct gcn__script_action* action,
                            uint64_t now_ms) {
  take_away(sim, GCN__SIM_LACK_RESOURCE, action);
  gcn__sim_sources_review(sim, now_ms);
  if (!says(action, "close")) return;
  close_listeners(sim, action, code_of(action, GCN__SIM_CLOSE_BAD_REQUEST),
                  now_ms);
}

static void restore_resource(struct gcn__sim* sim, const char* pattern,
                             uint64_t now_ms) {
  gcn__sim_lack_drop(sim, GCN__SIM_LACK_RESOURCE, pattern);
  gcn__sim_sources_review(sim, now_ms);
}

static void start_draining(struct gcn__sim* sim,
                           const struct gcn__script_action* action,
                           uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_at(at);
    if (conn->stream != NULL) conn->stream->draining = true;
  }
  streams->drain_gap_ms = action->delayed ? action->delay_ms : DRAIN_GAP_MS;
  streams->drain_ms = now_ms;
}

static enum gcn__sim_form form_of(const char* word) {
  for (unsigned i = 0; i <= GCN__SIM_FORM_SINGLE; i++) {
    if (strcmp(gcn__script_form_word(i), word) == 0) {
      return (enum gcn__sim_form)i;
    }
  }
  return GCN__SIM_FORM_EVENTS;
}

/* True if the action changes what the next batches look like. */
static bool act_on_batches(struct gcn__sim_streams* streams,
                           const struct gcn__script_action* action,
                           uint64_t times) {
  switch (action->verb) {
  case GCN__DO_BATCH_FORM:
    streams->form = (struct gcn__sim_mode){form_of(action->text), times};
    return true;
  case GCN__DO_BATCH_NO_ID:
    streams->no_id = (struct gcn__sim_mode){0, times};
    return true;
  case GCN__DO_BATCH_REPEAT:
    streams->repeat = (struct gcn__sim_mode){action->number, times};
    return true;
  case GCN__DO_RESUME_LOST: streams->lost = times; return true;
  default: return false;
  }
}

static void block(struct gcn__sim_streams* streams,
                  const struct gcn__script_action* action, uint64_t now_ms) {
  streams->block_ms = gcn__time_add(now_ms, action->delay_ms);
  streams->block_resets = says(action, "reset");
}

/* True if the action concerns all streams. */
static bool act_on_all(struct gcn__sim* sim,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  switch (action->verb) {
  case GCN__DO_SUBSCRIPTION_DELETE:
    delete_resource(sim, action, now_ms);
    return true;
  case GCN__DO_SUBSCRIPTION_RESTORE:
    restore_resource(sim, action->text, now_ms);
    return true;
  case GCN__DO_SCOPE_MISSING:
    take_away(sim, GCN__SIM_LACK_SCOPE, action);
    return true;
  case GCN__DO_LICENCE_MISSING:
    take_away(sim, GCN__SIM_LACK_LICENCE, action);
    return true;
  case GCN__DO_IP_BLOCK: block(streams, action, now_ms); return true;
  case GCN__DO_PING_STOP:
  case GCN__DO_PING_START:
    streams->pings_stopped = action->verb == GCN__DO_PING_STOP;
    return true;
  case GCN__DO_PING_TOO_FAST:
    streams->ping_gap_ms = action->delay_ms;
    return true;
  case GCN__DO_DRAIN: start_draining(sim, action, now_ms); return true;
  default: return false;
  }
}

/* A text that is no object becomes the only error of one. */
static void send_errors(struct gcn__sim_conn* conn, const char* what,
                        uint64_t now_ms) {
  struct gcn__sim_text* text = &conn->sim->scratch;
  if (what[0] == '{') {
    gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__span_str(what), now_ms);
    return;
  }
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"errors\":[");
  gcn__sim_text_json(text, gcn__span_str(what));
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) {
    conn->failed = true;
    return;
  }
  gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__buf_span(&text->buf), now_ms);
}

static void act_on_one(struct gcn__sim_conn* conn,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  char number[24];
  if (conn->stream == NULL) return;
  switch (action->verb) {
  case GCN__DO_STREAM_CLOSE:
    gcn__sim_stream_close(conn, (unsigned)action->number,
                          action->text == NULL ? "" : action->text, now_ms);
    return;
  case GCN__DO_RATE_LIMIT:
    snprintf(number, sizeof(number), "%llu",
             (unsigned long long)action->number);
    gcn__sim_stream_close(conn, code_of(action, 429), number, now_ms);
    return;
  case GCN__DO_ERROR_MESSAGE: send_errors(conn, action->text, now_ms); return;
  default: return;
  }
}

static bool is_for_one(enum gcn__script_verb verb) {
  return verb == GCN__DO_STREAM_CLOSE || verb == GCN__DO_RATE_LIMIT ||
         verb == GCN__DO_ERROR_MESSAGE;
}

bool gcn__sim_stream_act(struct gcn__sim* sim,
                         const struct gcn__script_action* action,
                         struct gcn__sim_conn* conn, uint64_t times,
                         uint64_t now_ms) {
  if (act_on_batches(sim->streams, action, times)) return true;
  if (act_on_all(sim, action, now_ms)) return true;
  if (!is_for_one(action->verb)) return false;
  if (conn != NULL) {
    act_on_one(conn, action, now_ms);
    return true;
  }
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    act_on_one(conn_at(at), action, now_ms);
  }
  return true;
}

bool gcn__sim_stream_undo(struct gcn__sim* sim,
                          const struct gcn__script_action* action,
                          uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  switch (action->verb) {
  case GCN__DO_SUBSCRIPTION_DELETE:
    restore_resource(sim, action->text, now_ms);
    return true;
  case GCN__DO_SCOPE_MISSING:
    gcn__sim_lack_drop(sim, GCN__SIM_LACK_SCOPE, action->text);
    return true;
  case GCN__DO_LICENCE_MISSING:
    gcn__sim_lack_drop(sim, GCN__SIM_LACK_LICENCE, action->text);
    return true;
  case GCN__DO_PING_STOP: streams->pings_stopped = false; return true;
  case GCN__DO_PING_TOO_FAST:
    streams->ping_gap_ms = sim->options.stream_ping_gap_ms;
    return true;
  case GCN__DO_BATCH_FORM: streams->form.left = 0; return true;
  case GCN__DO_BATCH_NO_ID: streams->no_id.left = 0; return true;
  case GCN__DO_BATCH_REPEAT: streams->repeat.left = 0; return true;
  case GCN__DO_RESUME_LOST: streams->lost = 0; return true;
  case GCN__DO_IP_BLOCK: streams->block_ms = 0; return true;
  default: return false;
  }
}

void gcn__sim_stream_calm(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  gcn__sim_lack_drop(sim, GCN__SIM_LACK_ANY, NULL);
  gcn__sim_sources_review(sim, sim->flow_start_ms);
  streams->form.left = 0;
  streams->no_id.left = 0;
  streams->repeat.left = 0;
  streams->lost = 0;
  streams->pings_stopped = false;
  streams->ping_gap_ms = sim->options.stream_ping_gap_ms;
  streams->block_ms = 0;
  streams->drain_ms = GCN__NEVER;
}

bool gcn__sim_stream_blocks(const struct gcn__sim* sim, uint64_t now_ms) {
  return sim->streams->block_resets && sim->streams->block_ms > now_ms;
}
