/* SPDX-License-Identifier: MIT */
/*
 * The whole engine against a peer that says anything at any time.
 *
 * The first byte of the input says what kind of client it is and which dialect
 * it speaks; the rest is a list of operations: good and bad answers, raw bytes,
 * frames, time, user calls, answers to what the user is asked, broken links, on
 * any of several connections.
 * Whatever comes, the engine must come to rest after each of them, stay within
 * its memory, keep a deadline armed while it is wanted, and close when asked.
 */
#include "base/err.h"
#include "base/time.h"
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { HEAP_MAX = 16 * 1024 * 1024, TURNS_MAX = 100000, CONN_COUNT = 6 };

/* Of the first byte. */
enum kind {
  ASKS_CREDENTIALS = 1 << 0,
  ASKS_TOKEN = 1 << 1,
  PINGS = 1 << 2,
  PROXY = 1 << 3,
  PARTS = 1 << 4,       /* of topics requests */
  SHORT_LIVED = 1 << 5, /* tokens and channels */
  STREAM = 1 << 6,      /* the stream dialect; its shape by PINGS, PARTS ... */
  SHAPE = 1 << 7,
};

enum operation {
  GOOD_ANSWER, /* wire */
  RAW_BYTES,   /* wire, count, bytes */
  TEXT_FRAME,  /* count, bytes */
  PASS_TIME,   /* tens of milliseconds, squared */
  USER_CALL,   /* bits */
  END_LINK,    /* wire */
  FOCUS,       /* connection: the operations that follow are about it */
  REPLY,       /* kind */
  WISH,        /* kind */
  STATUS,      /* which: an answer that is no good one, to whatever is asked */
  FRAME,       /* which: control frames, a pong to the last ping among them */
  OPERATION_COUNT,
};

enum wish {
  PAUSE,
  RESUME,
  TOPIC_B,
  TOPIC_C,
  TOPIC_D,
  OLD_CREDENTIALS,
  NEW_CREDENTIALS,
  EXCUSE,
  SLEEP,
  UNREADABLE,
  RESTORE,
  WISH_COUNT,
};

struct peer {
  struct gcn__engine* engine;
  bool linked[GCN__WIRE_COUNT];
  bool opened[GCN__WIRE_COUNT];
  unsigned slot; /* in focus */
  enum gcn__ask_kind ask;
  uint64_t ticket;
  uint64_t now_ms;
  uint64_t heap;
  char sent[32]; /* the end of what the stream sent last */
  size_t sent_size;
};

static void* counted(void* ctx, void* ptr, size_t old_size, size_t new_size) {
  struct peer* peer = ctx;
  void* block = gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
  if (block == NULL && new_size > 0) return NULL;
  peer->heap += new_size;
  peer->heap -= old_size;
  if (peer->heap > HEAP_MAX) abort();
  return block;
}

static int fill(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0x5a, size);
  return 0;
}

static void perform(struct peer* peer, const struct gcn__effect* effect) {
  if (effect->kind == GCN__EFFECT_OPEN) {
    if (peer->opened[effect->wire]) abort();
    peer->opened[effect->wire] = true;
  }
  if (effect->kind == GCN__EFFECT_DROP) {
    if (!peer->opened[effect->wire]) abort();
    peer->opened[effect->wire] = false;
    peer->linked[effect->wire] = false;
  }
  if (effect->kind == GCN__EFFECT_ASK) {
    peer->ask = effect->ask.kind;
    peer->ticket = effect->ask.ticket;
  }
}

/* Something has to come that wakes whoever is wanted. */
static void check_deadline(const struct peer* peer) {
  const struct gcn__engine* engine = peer->engine;
  bool rests = true;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct gcn__session* session = gcn__engine_session(engine, i);
    if (session == NULL) continue;
    bool wanted = session->desire == GCN__DESIRE_STREAMING &&
                  session->state != GCN__STATE_REFUSED;
    rests = rests && !wanted;
  }
  if (!rests && gcn__engine_deadline(engine) == GCN__NEVER) abort();
}

static void note_sent(struct peer* peer, struct gcn__span out) {
  size_t most = sizeof peer->sent;
  if (out.size > most) out = gcn__span_skip(out, out.size - most);
  memcpy(peer->sent, out.data, out.size);
  peer->sent_size = out.size;
}

static void drain(struct peer* peer) {
  struct gcn__effect effect;
  unsigned turns = 0;
  while (gcn__engine_next(peer->engine, &effect)) {
    perform(peer, &effect);
    if (++turns > TURNS_MAX) abort();
  }
  gcn__engine_settle(peer->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    struct gcn__span out = gcn__engine_output(peer->engine, wire);
    if (out.size == 0) continue;
    if (wire == GCN__WIRE_STREAM) note_sent(peer, out);
    gcn__engine_sent(peer->engine, wire, out.size);
  }
  check_deadline(peer);
}

static void feed(struct peer* peer, enum gcn__wire_index wire,
                 struct gcn__span bytes) {
  if (!peer->linked[wire] || bytes.size == 0) return;
  /* Lent for this turn only, to be changed. */
  char* lent = malloc(bytes.size);
  if (lent == NULL) abort();
  memcpy(lent, bytes.data, bytes.size);
  gcn__engine_received(peer->engine, wire, gcn__span(lent, bytes.size),
                       peer->now_ms);
  drain(peer);
  free(lent);
}

static void link_all(struct peer* peer) {
  for (int pass = 0; pass < 4; pass++) {
    for (int i = 0; i < GCN__WIRE_COUNT; i++) {
      enum gcn__wire_index wire = (enum gcn__wire_index)i;
      if (!peer->opened[i] || peer->linked[i]) continue;
      peer->linked[i] = true;
      gcn__engine_linked(peer->engine, wire, peer->now_ms);
      drain(peer);
    }
  }
}

/* Plain requests are answered by what they are. */
static const char* body_of(enum gcn__op op) {
  switch (op) {
  case GCN__OP_TOKEN: return "{\"access_token\":\"t\",\"expires_in\":300}";
  case GCN__OP_CHANNEL:
    return "{\"id\":\"c\",\"connectUri\":\"ws://127.0.0.1:1/c\"}";
  case GCN__OP_TOPICS:
  case GCN__OP_ADD:
  case GCN__OP_AUDIT:
    return "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"},"
           "{\"id\":\"v2.b\",\"state\":\"Rejected\",\"missingPermissions\":"
           "[\"x\"]},{\"id\":\"v2.c?d&e\",\"state\":\"Rejected\"}]}";
  case GCN__OP_NONE:
  case GCN__OP_UPGRADE:
  case GCN__OP_STREAM:
  case GCN__OP_UNSUBSCRIBE:
  case GCN__OP_CHECKPOINT: break;
  }
  return "{}";
}

/* ... and those of the stream dialect, which reuses the operations. */
static const char* stream_body_of(enum gcn__op op) {
  switch (op) {
  case GCN__OP_TOKEN: return body_of(op);
  case GCN__OP_CHANNEL:
  case GCN__OP_TOPICS:
    return "{\"accessToken\":\"ticket\",\"expiresIn\":86400,"
           "\"subscriptionId\":\"s-1\",\"id\":\"s-1\"}";
  default: break;
  }
  return "{\"subscriptions\":[{\"event\":\"v2.a\",\"status\":\"ACTIVE\"},"
         "{\"event\":\"v2.b\",\"status\":\"DENIED\",\"reason\":\"r\"}]}";
}

static void answer(struct peer* peer, enum gcn__wire_index wire) {
  char text[1024];
  const struct gcn__line* line = gcn__engine_line(peer->engine, wire);
  if (line == NULL) return;
  if (line->wire.phase == GCN__WIRE_TUNNELLING) {
    feed(peer, wire, GCN__SPAN("HTTP/1.1 200 OK\r\n\r\n"));
    return;
  }
  if (line->call.op == GCN__OP_UPGRADE) {
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             line->conn->ws_accept);
  } else {
    bool flows = gcn__engine_flows(peer->engine);
    enum gcn__op op = line->call.op;
    const char* body = flows ? stream_body_of(op) : body_of(op);
    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
  }
  feed(peer, wire, gcn__span_str(text));
}

static void answer_badly(struct peer* peer, enum gcn__wire_index wire,
                         uint8_t which) {
  static const char* const heads[] = {
      "301 Moved\r\nLocation: http://127.0.0.1/",
      "400 Bad Request\r\nININ-Correlation-Id: aZ-_9 \"",
      "401 Unauthorized",
      "403 Forbidden",
      "404 Not Found",
      "409 Conflict",
      "410 Gone",
      "429 Too Many Requests\r\nRetry-After: 7",
      "503 X\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 0",
      "429 Too Many Requests\r\nRetry-After: Sun, 06 Nov 1994 08:49:47 GMT",
      "500 Oops\r\nConnection: close",
      "200 OK",
      "204 No Content",
      "426 Upgrade Required",
  };
  static const char* const bodies[] = {
      "",
      "{\"error\":\"invalid_client\"}",
      "{\"resumed\":false,\"code\":\"x\"}",
      "{\"errors\":[\"some secret thing\",{\"message\":\"m\"}]}",
      "<html>",
      "{}",
      "{\"entities\":[{\"id\":\"v2.b\"},3]}",
      "{\"id\":\"c\",\"connectUri\":\"wss://elsewhere.test/\"}",
  };
  char text[512];
  const char* body = bodies[which / 16 % 8];
  snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
           heads[which % 14], strlen(body), body);
  if (gcn__engine_line(peer->engine, wire) == NULL) return;
  feed(peer, wire, gcn__span_str(text));
}

/* LOGIN, or one of the connection in focus. */
static enum gcn__wire_index wire_of(const struct peer* peer, uint8_t value) {
  enum gcn__wire_index role = (enum gcn__wire_index)(value % 3);
  if (role == GCN__WIRE_LOGIN) return role;
  return (enum gcn__wire_index)((unsigned)role + 2 * peer->slot);
}

static void send_text(struct peer* peer, struct gcn__span payload) {
  char frame[2 + 125];
  if (payload.size > 125) payload.size = 125;
  frame[0] = (char)0x81;
  frame[1] = (char)payload.size;
  memcpy(frame + 2, payload.data, payload.size);
  feed(peer, wire_of(peer, GCN__WIRE_STREAM),
       gcn__span(frame, payload.size + 2));
}

/* A pong to what was sent last, if that was a ping of four or eight bytes: the
 * mask is the constant that `fill` writes. */
static void send_pong(struct peer* peer, size_t size) {
  char frame[2 + 8] = {(char)0x8a, (char)size};
  if (peer->sent_size < size) return;
  const char* masked = peer->sent + peer->sent_size - size;
  for (size_t i = 0; i < size; i++)
    frame[2 + i] = (char)(masked[i] ^ 0x5a);
  feed(peer, wire_of(peer, GCN__WIRE_STREAM), gcn__span(frame, size + 2));
}

static void send_frame(struct peer* peer, uint8_t which) {
  const struct gcn__span frames[] = {
      GCN__SPAN("\x89\x02hi"),
      GCN__SPAN("\x8a\x02ho"),
      GCN__SPAN("\x88\x00"),
      GCN__SPAN("\x88\x02\x03\xe8"),
      GCN__SPAN("\x88\x04\x11\x4d\x31\x32"), /* 4429 "12" */
      GCN__SPAN("\x88\x02\x11\x3a"),         /* 4410 */
      GCN__SPAN("\x88\x02\x03\xf0"),         /* 1008 */
      GCN__SPAN("\x88\x03\x01\x90x"),        /* 400 */
      GCN__SPAN("\x82\x01x"),
      GCN__SPAN("\x01\x01{"),
      GCN__SPAN("\x80\x01}"),
      GCN__SPAN("\x81\x1c{\"lastEventId\":\"\",\"events\":[]"),
      GCN__SPAN(
          "\x81\x2d{\"lastEventId\":\"e1\",\"events\":[{\"event\":\"v2.a\"}]"
          "}"),
      GCN__SPAN("\x81\x11{\"resumed\":false} "),
      GCN__SPAN("\x81\x14{\"errors\":[\"gone\"]}  "),
  };
  size_t count = sizeof frames / sizeof frames[0];
  size_t at = which % (count + 2);
  if (at >= count) {
    send_pong(peer, at == count ? 4 : 8);
  } else {
    feed(peer, wire_of(peer, GCN__WIRE_STREAM), frames[at]);
  }
}

static void pass_time(struct peer* peer, uint8_t amount) {
  uint64_t until_ms = peer->now_ms + (uint64_t)amount * amount * 10;
  unsigned turns = 0;
  while (gcn__engine_deadline(peer->engine) <= until_ms) {
    uint64_t due_ms = gcn__engine_deadline(peer->engine);
    if (due_ms > peer->now_ms) peer->now_ms = due_ms;
    gcn__engine_woken(peer->engine, peer->now_ms);
    drain(peer);
    link_all(peer);
    if (++turns > TURNS_MAX) abort(); /* the host spins */
  }
  peer->now_ms = until_ms;
}

static void user_call(struct peer* peer, uint8_t bits) {
  gcn__engine_command(peer->engine, bits & 0x7f, peer->now_ms);
  drain(peer);
}

static void toggle_topic(struct peer* peer, const char* name) {
  struct gcn__engine* engine = peer->engine;
  if (gcn__engine_topics_remove(engine, &name, 1) == 0) {
    gcn__engine_topics_add(engine, &name, 1);
  }
  gcn__engine_command(engine, GCN__COMMAND_TOPICS, peer->now_ms);
}

static void give(struct peer* peer, const char* id) {
  const struct gcn__offer offer = {.client_id = id, .client_secret = "secret"};
  if (gcn__engine_credentials(peer->engine, &offer) != 0) abort();
  gcn__engine_command(peer->engine, GCN__COMMAND_CREDENTIALS, peer->now_ms);
}

/* What a checkpoint would say of it, whenever. */
static void look(struct gcn__engine* engine) {
  unsigned char digest[GCN__ENGINE_SALT_SIZE];
  for (unsigned i = 0; i <= GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__standing standing = gcn__engine_standing(engine, i);
    if (standing.channel_id.size > GCN__CHANNEL_ID_SIZE_MAX) abort();
    if (i < GCN__SHARD_COUNT_MAX && standing.used)
      gcn__engine_topics_digest(engine, i, digest);
  }
}

static void wish(struct peer* peer, uint8_t value) {
  struct gcn__engine* engine = peer->engine;
  uint64_t now_ms = peer->now_ms;
  switch ((enum wish)(value % WISH_COUNT)) {
  case PAUSE: gcn__engine_pause(engine, true, now_ms); break;
  case RESUME: gcn__engine_pause(engine, false, now_ms); break;
  case TOPIC_B: toggle_topic(peer, "v2.b"); break;
  case TOPIC_C: toggle_topic(peer, "v2.c.d"); break;
  case TOPIC_D: toggle_topic(peer, "v2.c.e"); break;
  case OLD_CREDENTIALS: give(peer, "id"); break;
  case NEW_CREDENTIALS: give(peer, "other"); break;
  case EXCUSE: gcn__engine_excuse(engine, now_ms); break;
  case SLEEP: gcn__engine_slept(engine, 60000, now_ms); break;
  case UNREADABLE:
    gcn__engine_unreadable(engine, GCN_ECONFIG, "no store", now_ms);
    break;
  case RESTORE: look(engine); break;
  case WISH_COUNT: break;
  }
  drain(peer);
}

/* Also when nothing was asked, and to a question of the other kind. */
static void reply(struct peer* peer, uint8_t value) {
  const struct gcn__offer offers[] = {
      {.client_id = "id", .client_secret = "old"},
      {.client_id = value & 8 ? "other" : "id", .client_secret = "new"},
  };
  uint64_t ticket = peer->ticket - (value & 4 ? 1 : 0);
  int status = value & 2 ? GCN__EINVAL : 0;
  bool token = (peer->ask == GCN__ASK_TOKEN) != ((value & 64) != 0);
  if (token) {
    struct gcn__span text = value & 8 ? GCN__SPAN("") : GCN__SPAN("granted");
    gcn__engine_grant(peer->engine, ticket, status, text, value, peer->now_ms);
  } else {
    gcn__engine_offer(peer->engine, ticket, status, offers,
                      value & 16 ? 0 : 1 + (value & 1), peer->now_ms);
  }
  drain(peer);
}

static void end_link(struct peer* peer, enum gcn__wire_index wire,
                     uint8_t value) {
  if (!peer->opened[wire]) return;
  peer->opened[wire] = false;
  peer->linked[wire] = false;
  bool quietly = (value & 64) != 0;
  gcn__engine_ended(peer->engine, wire, quietly ? GCN__EOF : -104,
                    value & 32 ? GCN__LAYER_DNS : GCN__LAYER_TCP, "reset",
                    peer->now_ms);
  drain(peer);
}

static void operate(struct peer* peer, struct gcn__span* input) {
  uint8_t code = (uint8_t)input->data[0];
  uint8_t value = (uint8_t)input->data[1];
  *input = gcn__span_skip(*input, 2);
  enum gcn__wire_index wire = wire_of(peer, value);
  struct gcn__span part = *input;
  switch ((enum operation)(code % OPERATION_COUNT)) {
  case GOOD_ANSWER: answer(peer, wire); break;
  case RAW_BYTES:
    if (part.size > (size_t)(value / 3)) part.size = value / 3;
    *input = gcn__span_skip(*input, part.size);
    feed(peer, wire, part);
    break;
  case TEXT_FRAME:
    if (part.size > value) part.size = value;
    *input = gcn__span_skip(*input, part.size);
    send_text(peer, part);
    break;
  case PASS_TIME: pass_time(peer, value); break;
  case USER_CALL: user_call(peer, value); break;
  case END_LINK: end_link(peer, wire, value); break;
  case FOCUS: peer->slot = value % CONN_COUNT; break;
  case REPLY: reply(peer, value); break;
  case WISH: wish(peer, value); break;
  case STATUS: answer_badly(peer, wire, value / 3); break;
  case FRAME: send_frame(peer, value); break;
  case OPERATION_COUNT: break;
  }
  link_all(peer);
}

/* Close must end within its deadline, whatever state all this led to. */
static void finish(struct peer* peer) {
  gcn__engine_pause(peer->engine, false, peer->now_ms);
  gcn__engine_command(peer->engine, GCN__COMMAND_CLOSE, peer->now_ms);
  drain(peer);
  peer->now_ms += peer->engine->settings.close_ms;
  gcn__engine_woken(peer->engine, peer->now_ms);
  drain(peer);
  if (gcn__engine_state(peer->engine) != GCN__STATE_CLOSED) abort();
}

static struct gcn__settings settings_of(uint8_t kind) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.shard_names_target = 1; /* so that there are several */
  settings.shard_count_max = 3;
  settings.rotate_spread_ms = 0;
  if (kind & PINGS) settings.ping_ms = 15000;
  if (kind & PARTS) settings.body_size_max = 1;
  settings.channel_keeps = (kind & SHORT_LIVED) == 0;
  return settings;
}

static struct gcn__shape shape_of(uint8_t kind) {
  unsigned preset = (kind & PINGS ? 1u : 0) + (kind & PARTS ? 2u : 0) +
                    (kind & SHAPE ? 4u : 0);
  return gcn__shape_of((enum gcn__preset)(preset % GCN__PRESET_COUNT));
}

/* A run before this one left something behind. */
static void restore(struct peer* peer, uint8_t kind) {
  static const unsigned char salt[GCN__ENGINE_SALT_SIZE] = {1};
  const struct gcn__restored shards[] = {
      {.shard = 0,
       .position = kind & STREAM ? GCN__SPAN("e0") : gcn__span(NULL, 0),
       .good_ago_ms = 500,
       .must_tell = (kind & PINGS) != 0,
       .channel_id = kind & STREAM ? gcn__span(NULL, 0) : GCN__SPAN("c0"),
       .connect_uri = GCN__SPAN("ws://127.0.0.1:1/c0"),
       .channel_left_ms = 3600000},
      {.shard = 2, .good_ago_ms = UINT64_MAX},
  };
  size_t count = sizeof shards / sizeof shards[0];
  if (gcn__engine_restore(peer->engine, salt, shards, count, peer->now_ms) != 0)
    abort();
}

static bool make_engine(struct peer* peer, uint8_t kind,
                        const struct gcn__proxy_env* proxies) {
  const bool asks = (kind & (ASKS_CREDENTIALS | ASKS_TOKEN)) != 0;
  const struct gcn__shape shape = shape_of(kind);
  const struct gcn__engine_options options = {
      .mem = {counted, peer},
      .settings = settings_of(kind),
      .proxies = kind & PROXY ? proxies : NULL,
      .entropy = {fill, NULL},
      .seed = 1,
      .login_url = "http://127.0.0.1:1",
      .api_url = "http://127.0.0.1:1",
      .client_id = asks ? NULL : "id",
      .client_secret = asks ? NULL : "secret",
      .user_agent = "fuzz",
      .plaintext = true,
      .asks_credentials = (kind & ASKS_CREDENTIALS) != 0,
      .asks_token = (kind & ASKS_TOKEN) != 0,
      .shape = kind & STREAM ? &shape : NULL,
      .keys = (kind & SHORT_LIVED) != 0,
  };
  return gcn__engine_new(&options, &peer->engine) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const struct gcn__proxy_env proxies = {
      .own_proxy = "http://u:p@127.0.0.1:2", .own_no_proxy = ""};
  struct peer peer = {.now_ms = 1000};
  const char* name = "v2.a";
  if (size == 0 || !make_engine(&peer, data[0], &proxies)) return 0;
  if (gcn__engine_topics_add(peer.engine, &name, 1) != 0) abort();
  if ((data[0] & (SHORT_LIVED | SHAPE)) == SHAPE) restore(&peer, data[0]);
  gcn__engine_command(peer.engine, GCN__COMMAND_START, peer.now_ms);
  drain(&peer);
  link_all(&peer);
  struct gcn__span input = gcn__span(data + 1, size - 1);
  while (input.size >= 2)
    operate(&peer, &input);
  finish(&peer);
  gcn__engine_free(peer.engine);
  if (peer.heap != 0) abort();
  return 0;
}
