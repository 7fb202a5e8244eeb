/* SPDX-License-Identifier: MIT */
/*
 * What each action of a fault script does to the service or to a connection.
 *
 * An action for a connection that cannot take it (no WebSocket, closing) does
 * nothing.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum {
  BINARY_SIZE = 16,
  LEAVE_MS = 60000, /* socket_closing comes about a minute early */
  WHOLE_MAX = 4 << 20,
  RAW_SIZE_MAX = 4096,
};

static struct gcn__sim_conn* conn_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_conn, link);
}

static void send_filler(struct gcn__sim_conn* conn, enum gcn__ws_opcode opcode,
                        size_t size, uint64_t now_ms) {
  struct gcn__sim_text text;
  gcn__sim_text_init(&text, conn->sim->mem, WHOLE_MAX);
  gcn__sim_text_fill(&text, 'x', size);
  if (text.error == 0) {
    gcn__sim_ws_send(conn, opcode, gcn__buf_span(&text.buf), now_ms);
  } else {
    conn->failed = true;
  }
  gcn__sim_text_deinit(&text);
}

/* A message of that size; beyond what is reasonable to send, only its header
 * and first byte (RFC 6455 §5.2: 127, then 64 bits of length). */
static void send_oversize(struct gcn__sim_conn* conn, uint64_t size,
                          uint64_t now_ms) {
  if (size <= WHOLE_MAX) {
    send_filler(conn, GCN__WS_TEXT, (size_t)size, now_ms);
    return;
  }
  unsigned char frame[11] = {0x81, 127};
  for (size_t i = 0; i < 8; i++) {
    frame[2 + i] = (unsigned char)(size >> (56 - 8 * i));
  }
  frame[10] = 'x';
  gcn__sim_ws_send_raw(conn, gcn__span(frame, sizeof(frame)), now_ms);
}

static unsigned nibble(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  return (unsigned)(gcn__ascii_lower(c) - 'a') + 10;
}

static void send_hex(struct gcn__sim_conn* conn, const char* hex,
                     uint64_t now_ms) {
  unsigned char bytes[RAW_SIZE_MAX];
  size_t size = 0;
  for (; hex[0] != '\0' && size < sizeof(bytes); hex += 2) {
    bytes[size++] = (unsigned char)(nibble(hex[0]) << 4 | nibble(hex[1]));
  }
  gcn__sim_ws_send_raw(conn, gcn__span(bytes, size), now_ms);
}

static void send_pings(struct gcn__sim_conn* conn, uint64_t count,
                       uint64_t now_ms) {
  for (uint64_t i = 0; i < count; i++) {
    gcn__sim_ws_send(conn, GCN__WS_PING, GCN__SPAN("are you there"), now_ms);
  }
  gcn__sim_judge_ping(conn->sim, conn, now_ms);
}

static void leave_soon(struct gcn__sim_conn* conn,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  uint64_t delay_ms = action->delayed ? action->delay_ms : LEAVE_MS;
  gcn__sim_ws_system(conn, "socket_closing", NULL, now_ms);
  conn->leave_ms = gcn__time_add(now_ms, delay_ms);
  if (action->verb == GCN__DO_WS_CLOSING || conn->channel == NULL) return;
  conn->channel->doomed_ms = conn->leave_ms;
}

static void close_socket(struct gcn__sim_conn* conn,
                         const struct gcn__script_action* action,
                         uint64_t now_ms) {
  unsigned code = action->numbered ? (unsigned)action->number
                                   : (unsigned)GCN__WS_CLOSE_NO_STATUS;
  const char* reason = action->text == NULL ? "" : action->text;
  gcn__sim_ws_close(conn, code, reason, now_ms);
  gcn__sim_ws_gone(conn, now_ms);
}

static struct gcn__sim_mode* mode_of(struct gcn__sim_conn* conn,
                                     enum gcn__script_verb verb) {
  switch (verb) {
  case GCN__DO_WS_SPLIT: return &conn->split;
  case GCN__DO_WS_FRAGMENT: return &conn->fragment;
  case GCN__DO_WS_COALESCE: return &conn->coalesce;
  case GCN__DO_BYTE_DELAY: return &conn->dawdle;
  case GCN__DO_WS_TRICKLE: return &conn->trickle;
  default: return NULL;
  }
}

uint64_t gcn__sim_act_left(const struct gcn__sim_conn* conn,
                           enum gcn__script_verb verb) {
  switch (verb) {
  case GCN__DO_WS_SPLIT: return conn->split.left;
  case GCN__DO_WS_FRAGMENT: return conn->fragment.left;
  case GCN__DO_WS_COALESCE: return conn->coalesce.left;
  case GCN__DO_BYTE_DELAY: return conn->dawdle.left;
  case GCN__DO_WS_TRICKLE: return conn->trickle.left;
  default: return 0;
  }
}

static void set_mode(struct gcn__sim_conn* conn,
                     const struct gcn__script_action* action, uint64_t times) {
  struct gcn__sim_mode* mode = mode_of(conn, action->verb);
  if (mode == NULL) return;
  bool timed =
      action->verb == GCN__DO_BYTE_DELAY || action->verb == GCN__DO_WS_TRICKLE;
  mode->n = timed ? action->delay_ms : action->number;
  mode->left = times;
  /* The number of a coalesce says how many messages share one write. */
  if (action->verb == GCN__DO_WS_COALESCE) mode->left = action->number;
}

/* Messages of the connection's own. */
static void speak(struct gcn__sim_conn* conn,
                  const struct gcn__script_action* action, uint64_t now_ms) {
  static const unsigned char masked[] = {0x81, 0x82, 1,       2,
                                         3,    4,    '{' ^ 1, '}' ^ 2};
  static const unsigned char bad_text[] = {0x81, 0x02, 0xc3, 0x28};
  size_t size = action->numbered ? (size_t)action->number : BINARY_SIZE;
  switch (action->verb) {
  case GCN__DO_WS_SEND:
    gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__span_str(action->text), now_ms);
    return;
  case GCN__DO_WS_RAW: send_hex(conn, action->text, now_ms); return;
  case GCN__DO_WS_BINARY:
    send_filler(conn, GCN__WS_BINARY, size, now_ms);
    return;
  case GCN__DO_WS_MASKED:
    gcn__sim_ws_send_raw(conn, gcn__span(masked, sizeof(masked)), now_ms);
    return;
  case GCN__DO_WS_OVERSIZE: send_oversize(conn, action->number, now_ms); return;
  case GCN__DO_WS_INVALID_UTF8:
    gcn__sim_ws_send_raw(conn, gcn__span(bad_text, sizeof(bad_text)), now_ms);
    return;
  case GCN__DO_WS_PING:
    send_pings(conn, action->numbered ? action->number : 1, now_ms);
    return;
  default: return;
  }
}

/* From now on nothing, or not everything, gets through. */
static void act_on_flow(struct gcn__sim_conn* conn,
                        const struct gcn__script_action* action) {
  switch (action->verb) {
  case GCN__DO_ACCEPT_HANG:
    conn->hung = true;
    conn->frozen = true;
    break;
  case GCN__DO_TCP_FREEZE: conn->frozen = true; break;
  case GCN__DO_TCP_STALL: conn->stalled = true; break;
  case GCN__DO_TCP_MUTE:
    gcn__sim_out_shut(&conn->out, gcn__buf_size(&conn->out.bytes));
    break;
  case GCN__DO_WS_STUCK: conn->stuck = true; break;
  case GCN__DO_TLS_HANG:
    conn->tls_hung = true;
    conn->hung = true;
    break;
  case GCN__DO_TLS_TRICKLE: conn->tls_gap_ms = action->delay_ms; break;
  default: return;
  }
  gcn__sim_ready(conn);
}

/* What happens to the connection as a whole. */
static void act_on_conn(struct gcn__sim_conn* conn,
                        const struct gcn__script_action* action, uint64_t times,
                        uint64_t now_ms) {
  switch (action->verb) {
  case GCN__DO_WS_SPLIT:
  case GCN__DO_WS_FRAGMENT:
  case GCN__DO_WS_COALESCE:
  case GCN__DO_WS_TRICKLE:
  case GCN__DO_BYTE_DELAY: set_mode(conn, action, times); return;
  case GCN__DO_WS_CLOSE: close_socket(conn, action, now_ms); return;
  case GCN__DO_CHANNEL_CLOSING:
  case GCN__DO_WS_CLOSING: leave_soon(conn, action, now_ms); return;
  case GCN__DO_ACCEPT_RESET:
  case GCN__DO_TCP_RESET:
    gcn__sim_ws_gone(conn, now_ms);
    gcn__sim_reset(conn);
    return;
  case GCN__DO_ACCEPT_CLOSE:
  case GCN__DO_TCP_CLOSE:
    gcn__sim_ws_gone(conn, now_ms);
    gcn__sim_end(conn);
    return;
  case GCN__DO_ACCEPT_HANG:
  case GCN__DO_TLS_HANG:
  case GCN__DO_TLS_TRICKLE:
  case GCN__DO_WS_STUCK:
  case GCN__DO_TCP_MUTE:
  case GCN__DO_TCP_FREEZE:
  case GCN__DO_TCP_STALL: act_on_flow(conn, action); return;
  default: speak(conn, action, now_ms); return;
  }
}

static void end_tokens(struct gcn__sim* sim,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  bool revoke = action->verb == GCN__DO_TOKEN_REVOKE;
  unsigned kept = sim->options.stream_expiry_code;
  uint64_t code;
  if (action->as != NULL &&
      gcn__script_number(gcn__span_str(action->as), &code)) {
    sim->options.stream_expiry_code = (unsigned)code;
  }
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    struct gcn__sim_token* token =
        GCN__CONTAINER_OF(at, struct gcn__sim_token, link);
    if (!gcn__sim_token_alive(token, now_ms)) continue;
    if (revoke) {
      gcn__sim_token_revoke(sim, token, now_ms);
    } else {
      token->expires_ms = now_ms;
    }
  }
  gcn__sim_tokens_tick(sim, now_ms);
  gcn__sim_tickets_end(sim, true, now_ms);
  sim->options.stream_expiry_code = kept;
}

static void expire_channels(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                            uint64_t now_ms) {
  struct gcn__list* at = sim->channels.next;
  while (at != &sim->channels) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link);
    at = at->next;
    if (conn != NULL && channel->conn != conn) continue;
    gcn__sim_channel_end(sim, channel, "idle timeout", now_ms);
  }
}

/* Takes the first subscription that matches off the channel. */
static bool lose_one(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                     const char* pattern, uint64_t now_ms) {
  for (size_t i = 0; i < channel->entry_count; i++) {
    struct gcn__span entry = gcn__span_str(channel->entries[i]);
    if (!gcn__script_match(pattern, entry)) continue;
    char id[GCN__SIM_TOPIC_SIZE_MAX];
    snprintf(id, sizeof(id), "%s", channel->entries[i]);
    struct gcn__span lost = gcn__span_str(id);
    return gcn__sim_subs_remove(sim, channel, &lost, 1, now_ms) == 200;
  }
  return false;
}

static void lose_topics(struct gcn__sim* sim, const char* pattern,
                        uint64_t now_ms) {
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link);
    bool lost = false;
    while (lose_one(sim, channel, pattern, now_ms))
      lost = true;
    if (!lost || channel->conn == NULL) continue;
    gcn__sim_ws_system(channel->conn, "no_longer_subscribed",
                       "another_channel_subscribed", now_ms);
  }
}

/* Takes subscriptions away without a word. */
static void drift(struct gcn__sim* sim, const struct gcn__script_action* action,
                  const struct gcn__sim_conn* conn) {
  const char* pattern = action->text == NULL ? "*" : action->text;
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link);
    if (conn != NULL && channel->conn != conn) continue;
    gcn__sim_subs_drift(sim, channel, action->number, pattern);
  }
}

static void rotate_secrets(struct gcn__sim* sim,
                           const struct gcn__script_action* action,
                           uint64_t now_ms) {
  for (size_t i = 0; i < sim->options.client_count; i++) {
    const char* id = gcn__sim_client_id(sim, i);
    if (action->client != NULL && strcmp(action->client, id) != 0) continue;
    /* Without memory the old secret stays, as if nobody had asked. */
    (void)gcn__sim_rotate_secret(sim, id, action->text, action->delay_ms,
                                 now_ms);
  }
}

/* For limits 0 is none. */
static void set_limit(struct gcn__sim_options* options,
                      const struct gcn__script_action* action) {
  uint64_t n = action->number;
  switch (action->verb) {
  case GCN__DO_TOKEN_LIFE:
    options->token_life_s = action->delay_ms / 1000;
    return;
  case GCN__DO_CHANNEL_LIFE: options->channel_ttl_ms = action->delay_ms; return;
  case GCN__DO_LIMIT_REST:
    options->rest_per_min_max = n == 0 ? GCN__NEVER : n;
    return;
  case GCN__DO_LIMIT_BODY: options->body_size_max = n; return;
  case GCN__DO_LIMIT_CHANNELS: options->channels_max = (size_t)n; return;
  case GCN__DO_LIMIT_TOPICS: options->topics_max = (size_t)n; return;
  default: return;
  }
}

static void undo_limit(struct gcn__sim* sim, enum gcn__script_verb verb) {
  struct gcn__sim_options* options = &sim->options;
  const struct gcn__sim_options* given = &sim->given;
  switch (verb) {
  case GCN__DO_TOKEN_LIFE: options->token_life_s = given->token_life_s; return;
  case GCN__DO_CHANNEL_LIFE:
    options->channel_ttl_ms = given->channel_ttl_ms;
    return;
  case GCN__DO_LIMIT_REST:
    options->rest_per_min_max = given->rest_per_min_max;
    return;
  case GCN__DO_LIMIT_BODY:
    options->body_size_max = given->body_size_max;
    return;
  case GCN__DO_LIMIT_CHANNELS:
    options->channels_max = given->channels_max;
    return;
  case GCN__DO_LIMIT_TOPICS: options->topics_max = given->topics_max; return;
  default: return;
  }
}

static void set_events(struct gcn__sim* sim, bool stopped, uint64_t now_ms) {
  sim->events_stopped = stopped;
  gcn__sim_events_start(sim, now_ms);
}

/* True if the action changes what the service accepts. */
static bool act_on_rules(struct gcn__sim* sim,
                         const struct gcn__script_action* action,
                         uint64_t now_ms) {
  switch (action->verb) {
  case GCN__DO_TOKEN_REVOKE_OLD:
    gcn__sim_logins_revoke_old(sim, now_ms);
    return true;
  case GCN__DO_SECRET_ROTATE: rotate_secrets(sim, action, now_ms); return true;
  case GCN__DO_REFRESH_REVOKE: gcn__sim_grants_revoke(sim); return true;
  case GCN__DO_TOKEN_LIFE:
  case GCN__DO_CHANNEL_LIFE:
  case GCN__DO_LIMIT_REST:
  case GCN__DO_LIMIT_BODY:
  case GCN__DO_LIMIT_CHANNELS:
  case GCN__DO_LIMIT_TOPICS: set_limit(&sim->options, action); return true;
  default: return false;
  }
}

/* True if the action concerns the service and no connection in particular. */
static bool act_on_service(struct gcn__sim* sim,
                           const struct gcn__script_action* action,
                           struct gcn__sim_conn* conn, uint64_t now_ms) {
  switch (action->verb) {
  case GCN__DO_HEARTBEAT_STOP:
  case GCN__DO_HEARTBEAT_START:
    sim->heartbeat_stopped = action->verb == GCN__DO_HEARTBEAT_STOP;
    return true;
  case GCN__DO_PONG_STOP:
  case GCN__DO_PONG_START:
    sim->pong_stopped = action->verb == GCN__DO_PONG_STOP;
    return true;
  case GCN__DO_EVENT_STOP:
  case GCN__DO_EVENT_START:
    set_events(sim, action->verb == GCN__DO_EVENT_STOP, now_ms);
    return true;
  case GCN__DO_EVENT_BURST:
    gcn__sim_fault_owe_events(sim, action->number);
    return true;
  case GCN__DO_EVENT_DROP:
    gcn__sim_fault_owe_drops(sim, action->numbered ? action->number : 1);
    return true;
  case GCN__DO_DUP: gcn__sim_fault_owe_copies(sim, action->number); return true;
  case GCN__DO_TOKEN_EXPIRE:
  case GCN__DO_TOKEN_REVOKE: end_tokens(sim, action, now_ms); return true;
  case GCN__DO_CHANNEL_EXPIRE: expire_channels(sim, conn, now_ms); return true;
  case GCN__DO_CHANNEL_EVICT:
    for (size_t i = 0; i < sim->options.client_count; i++) {
      gcn__sim_channel_evict(sim, i, NULL, now_ms);
    }
    return true;
  case GCN__DO_CHANNEL_KEEP: sim->channels_kept = true; return true;
  case GCN__DO_TOPIC_LOSE: lose_topics(sim, action->text, now_ms); return true;
  case GCN__DO_TOPIC_DRIFT: drift(sim, action, conn); return true;
  default: return act_on_rules(sim, action, now_ms);
  }
}

void gcn__sim_act(struct gcn__sim* sim, const struct gcn__script_action* action,
                  struct gcn__sim_conn* conn, uint64_t times, uint64_t now_ms) {
  if (act_on_service(sim, action, conn, now_ms)) return;
  if (gcn__sim_stream_act(sim, action, conn, times, now_ms)) return;
  if (conn != NULL) {
    act_on_conn(conn, action, times, now_ms);
    return;
  }
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    if (!gcn__sim_ws_is_open(conn_at(at))) continue;
    act_on_conn(conn_at(at), action, times, now_ms);
  }
}

static void release_conns(struct gcn__sim* sim, enum gcn__script_verb verb) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_at(at);
    struct gcn__sim_mode* mode = mode_of(conn, verb);
    if (mode != NULL) mode->left = 0;
    if (verb == GCN__DO_TCP_FREEZE) conn->frozen = false;
    if (verb == GCN__DO_TCP_STALL) conn->stalled = false;
    if (verb == GCN__DO_WS_STUCK) conn->stuck = false;
    if (verb == GCN__DO_TCP_MUTE) conn->out.gate = SIZE_MAX;
    gcn__sim_ready(conn);
  }
}

void gcn__sim_act_undo(struct gcn__sim* sim,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  if (gcn__sim_stream_undo(sim, action, now_ms)) return;
  switch (action->verb) {
  case GCN__DO_WS_SPLIT:
  case GCN__DO_WS_FRAGMENT:
  case GCN__DO_BYTE_DELAY:
  case GCN__DO_WS_TRICKLE:
  case GCN__DO_WS_STUCK:
  case GCN__DO_TCP_MUTE:
  case GCN__DO_TCP_FREEZE:
  case GCN__DO_TCP_STALL: release_conns(sim, action->verb); return;
  case GCN__DO_HEARTBEAT_STOP: sim->heartbeat_stopped = false; return;
  case GCN__DO_PONG_STOP: sim->pong_stopped = false; return;
  case GCN__DO_EVENT_STOP: set_events(sim, false, now_ms); return;
  case GCN__DO_CHANNEL_KEEP:
    sim->channels_kept = sim->options.channel_outlives_token;
    return;
  default: undo_limit(sim, action->verb); return;
  }
}

void gcn__sim_act_calm(struct gcn__sim* sim) {
  struct gcn__list* at = sim->conns.next;
  gcn__sim_stream_calm(sim);
  sim->heartbeat_stopped = false;
  sim->pong_stopped = false;
  sim->events_stopped = false;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn = conn_at(at);
    conn->fragment.left = 0;
    conn->split.left = 0;
    conn->coalesce.left = 0;
    conn->dawdle.left = 0;
    conn->trickle.left = 0;
    conn->frozen = false;
    conn->stalled = false;
    conn->stuck = false;
    conn->tls_gap_ms = 0;
    gcn__sim_out_hurry(&conn->out);
    gcn__sim_ready(conn);
  }
}
