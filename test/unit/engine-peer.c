/* SPDX-License-Identifier: MIT */
/*
 * The friendly service.
 */
#include "engine-peer.h"

#include "base/err.h"
#include "base/time.h"
#include "check.h"

#include <stdio.h>

enum { BEGIN_MS = 1000000, TURN_COUNT_MAX = 100000 };

static int fill_zeros(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0, size);
  return 0;
}

static int make(struct peer* peer, const struct gcn__mem* mem, bool asks,
                uint64_t spare_ms) {
  *peer = (struct peer){.now_ms = BEGIN_MS};
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.shard_names_target = 1;
  settings.shard_count_max = 2;
  settings.channel_burst = 20;
  settings.spare_ms = spare_ms;
  const struct gcn__engine_options options = {
      .mem = *mem,
      .settings = settings,
      .entropy = {fill_zeros, NULL},
      .seed = 1,
      .login_url = "http://gc.test:81",
      .api_url = "http://gc.test:82",
      .domain = "gc.test",
      .client_id = asks ? NULL : "id",
      .client_secret = asks ? NULL : PEER_SECRET,
      .asks_credentials = asks,
      .user_agent = "test",
      .plaintext = true,
  };
  return gcn__engine_new(&options, &peer->engine);
}

int peer_init(struct peer* peer, const struct gcn__mem* mem) {
  return make(peer, mem, false, 0);
}

int peer_init_asking(struct peer* peer, const struct gcn__mem* mem) {
  return make(peer, mem, true, 0);
}

int peer_init_sparing(struct peer* peer, const struct gcn__mem* mem,
                      uint64_t spare_ms) {
  return make(peer, mem, false, spare_ms);
}

void peer_deinit(struct peer* peer) {
  gcn__engine_free(peer->engine);
  peer->engine = NULL;
}

/* Behind what has not been sent yet. */
static void say(struct peer_link* link, const void* bytes, size_t size) {
  assert_in_range(size, 1, sizeof link->answer - link->answer_size);
  memcpy(link->answer + link->answer_size, bytes, size);
  link->answer_size += size;
}

static void answer(struct peer_link* link, const char* body) {
  char text[PEER_ANSWER_SIZE];
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                      strlen(body), body);
  assert_in_range(size, 1, sizeof text - 1);
  say(link, text, (size_t)size);
}

static void answer_upgrade(struct peer_link* link) {
  /* The answer to the key that zeros make. */
  static const char text[] =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";
  say(link, text, sizeof text - 1);
  link->upgraded = true;
}

static void answer_frame(struct peer_link* link, unsigned opcode) {
  static const char pong[] = "{\"topicName\":\"channel.metadata\","
                             "\"eventBody\":{\"message\":\"pong\"}}";
  static const char head[] = {(char)0x81, (char)(sizeof pong - 1)};
  if (opcode == 0x1) {
    say(link, head, sizeof head);
    say(link, pong, sizeof pong - 1);
  }
  if (opcode != 0x8) return;
  say(link, "\x88\x02\x03\xe8", 4); /* 1000 */
  link->closing = true;
}

/* Short masked frames, one or more. */
static void answer_frames(struct peer_link* link, struct gcn__span frames) {
  while (frames.size > 0) {
    const unsigned char* at = (const unsigned char*)frames.data;
    answer_frame(link, at[0] & 0x0fu);
    frames = gcn__span_skip(frames, 6 + (at[1] & 0x7fu));
  }
}

static void serve(struct peer_link* link, struct gcn__span asked) {
  if (link->upgraded) {
    answer_frames(link, asked);
  } else if (gcn__span_starts(asked, "POST /oauth/token")) {
    answer(link, "{\"access_token\":\"" PEER_TOKEN "\",\"token_type\":"
                 "\"bearer\",\"expires_in\":86399}");
  } else if (gcn__span_starts(asked, "POST /api")) {
    answer(link, "{\"connectUri\":\"ws://gc.test:82/channels/" PEER_CHANNEL
                 "\",\"id\":\"" PEER_CHANNEL "\"}");
  } else if (gcn__span_starts(asked, "PUT /api") ||
             gcn__span_starts(asked, "GET /api")) {
    answer(link, "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"},"
                 "{\"id\":\"v2.b\",\"state\":\"Rejected\","
                 "\"missingPermissions\":[\"a:b\",\"c:d\"]}]}");
  } else {
    assert_true(gcn__span_starts(asked, "GET /channels/" PEER_CHANNEL));
    answer_upgrade(link);
  }
}

static bool asks_for(struct gcn__span asked, const char* what) {
  return what != NULL && gcn__span_starts(asked, what);
}

static void serve_or_not(const struct peer* peer, struct peer_link* link,
                         struct gcn__span asked) {
  char text[PEER_ANSWER_SIZE];
  if (link->upgraded || !asks_for(asked, peer->denied)) {
    bool held = !link->upgraded && asks_for(asked, peer->held);
    if (!held) serve(link, asked);
    return;
  }
  static const char body[] = "{\"error\":\"invalid_client\"}";
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 %u No\r\nContent-Length: %zu\r\n\r\n%s",
                      peer->status, sizeof body - 1, body);
  say(link, text, (size_t)size);
}

static void take_output(struct peer* peer, enum gcn__wire_index wire) {
  struct gcn__span bytes = gcn__engine_output(peer->engine, wire);
  if (bytes.size == 0) return;
  /* The last words of a link that was dropped reach nobody. */
  if (peer->links[wire].open) serve_or_not(peer, &peer->links[wire], bytes);
  gcn__engine_sent(peer->engine, wire, bytes.size);
}

static void obey(struct peer* peer, const struct gcn__effect* effect) {
  struct peer_link* link = &peer->links[effect->wire];
  if (effect->kind == GCN__EFFECT_OPEN) {
    assert_false(link->open); /* P6 */
    *link = (struct peer_link){.open = true};
  }
  if (effect->kind == GCN__EFFECT_MOVE) {
    struct peer_link* spare = &peer->links[GCN__WIRE_SPARE];
    assert_true(spare->up && !link->open);
    *link = *spare;
    *spare = (struct peer_link){.open = false};
  }
  if (effect->kind == GCN__EFFECT_DROP) {
    assert_true(link->open);
    *link = (struct peer_link){.open = false};
  }
  if (effect->kind == GCN__EFFECT_EVENT) peer->event_count++;
  if (effect->kind == GCN__EFFECT_ROTATION) peer->rotation_count++;
  if (effect->kind != GCN__EFFECT_STATE) return;
  if (effect->transition.to == GCN__STATE_STREAMING) peer->stream_count++;
}

static void perform(struct peer* peer, const struct gcn__effect* effect) {
  obey(peer, effect);
  if (peer->act != NULL) peer->act(peer, effect);
}

static void run(struct peer* peer) {
  int count = 0;
  do {
    struct gcn__effect effect;
    while (gcn__engine_next(peer->engine, &effect))
      perform(peer, &effect);
    gcn__engine_settle(peer->engine);
    for (int i = 0; i < GCN__WIRE_COUNT; i++) {
      take_output(peer, (enum gcn__wire_index)i);
    }
    assert_true(++count < TURN_COUNT_MAX);
  } while (gcn__engine_busy(peer->engine));
}

void peer_command(struct peer* peer, unsigned commands) {
  gcn__engine_command(peer->engine, commands, peer->now_ms);
  run(peer);
}

/* One fact that is due; false if only time is left. */
static bool tell_one(struct peer* peer) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    struct peer_link* link = &peer->links[i];
    if (link->open && !link->up) {
      link->up = true;
      gcn__engine_linked(peer->engine, wire, peer->now_ms);
      run(peer);
      return true;
    }
    if (link->answer_size > 0) {
      char bytes[PEER_ANSWER_SIZE];
      size_t size = link->answer_size;
      memcpy(bytes, link->answer, size);
      link->answer_size = 0;
      gcn__engine_received(peer->engine, wire, gcn__span(bytes, size),
                           peer->now_ms);
      run(peer);
      return true;
    }
  }
  return false;
}

static void wake_at(struct peer* peer, uint64_t at_ms) {
  peer->now_ms = at_ms;
  gcn__engine_woken(peer->engine, at_ms);
  run(peer);
}

bool peer_reach(struct peer* peer, enum gcn__state state, uint64_t limit_ms) {
  uint64_t until_ms = peer->now_ms + limit_ms;
  while (gcn__engine_state(peer->engine) != state) {
    if (tell_one(peer)) continue;
    uint64_t due_ms = gcn__engine_deadline(peer->engine);
    if (due_ms > until_ms) return false;
    wake_at(peer, due_ms);
  }
  return true;
}

/* A stream that nobody is about to close. */
static enum gcn__wire_index open_stream(const struct peer* peer) {
  int wire = GCN__WIRE_STREAM;
  while (wire < GCN__WIRE_COUNT) {
    const struct peer_link* link = &peer->links[wire];
    if (link->upgraded && !link->closing && link->answer_size == 0) break;
    wire += 2;
  }
  return (enum gcn__wire_index)wire;
}

static void send_event(struct peer* peer, enum gcn__wire_index wire) {
  static const char text[] = "{\"topicName\":\"v2.a\",\"eventBody\":{\"x\":1}}";
  char frame[64] = {(char)0x81, (char)(sizeof text - 1)};
  memcpy(frame + 2, text, sizeof text - 1);
  gcn__engine_received(peer->engine, wire, gcn__span(frame, 1 + sizeof text),
                       peer->now_ms);
  run(peer);
}

/* The engine may change what it is given. */
void peer_send_frames(struct peer* peer, struct gcn__span frames) {
  enum gcn__wire_index wire = open_stream(peer);
  char bytes[256];
  if (wire >= GCN__WIRE_COUNT) return;
  assert_in_range(frames.size, 1, sizeof bytes);
  memcpy(bytes, frames.data, frames.size);
  gcn__engine_received(peer->engine, wire, gcn__span(bytes, frames.size),
                       peer->now_ms);
  run(peer);
}

void peer_send_events(struct peer* peer, unsigned count) {
  enum gcn__wire_index wire = open_stream(peer);
  if (wire >= GCN__WIRE_COUNT) return;
  for (unsigned i = 0; i < count && peer->links[wire].upgraded; i++)
    send_event(peer, wire);
}

void peer_send_everywhere(struct peer* peer) {
  for (int i = GCN__WIRE_STREAM; i < GCN__WIRE_COUNT; i += 2) {
    const struct peer_link* link = &peer->links[i];
    if (link->upgraded && !link->closing) {
      send_event(peer, (enum gcn__wire_index)i);
    }
  }
}

void peer_say(struct peer* peer, const char* text) {
  enum gcn__wire_index wire = open_stream(peer);
  char frame[2 + 125];
  size_t size = strlen(text);
  if (wire >= GCN__WIRE_COUNT) return;
  assert_in_range(size, 1, sizeof frame - 2);
  frame[0] = (char)0x81;
  frame[1] = (char)size;
  memcpy(frame + 2, text, size);
  gcn__engine_received(peer->engine, wire, gcn__span(frame, 2 + size),
                       peer->now_ms);
  run(peer);
}

void peer_lose(struct peer* peer, enum gcn__wire_index role) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    if (gcn__wire_role(wire) != role || !peer->links[i].open) continue;
    peer->links[i] = (struct peer_link){.open = false};
    gcn__engine_ended(peer->engine, wire, GCN__ECONNRESET, GCN__LAYER_TCP,
                      "reset", peer->now_ms);
    run(peer);
    return;
  }
}

void peer_wait(struct peer* peer, uint64_t delay_ms) {
  uint64_t until_ms = peer->now_ms + delay_ms;
  while (peer->now_ms < until_ms) {
    if (tell_one(peer)) continue;
    uint64_t due_ms = gcn__engine_deadline(peer->engine);
    wake_at(peer, gcn__time_min(due_ms, until_ms));
  }
}
