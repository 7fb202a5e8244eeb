/* SPDX-License-Identifier: MIT */
/*
 * The whole engine against a peer that says anything at any time.
 *
 * The input is a list of operations: good answers, raw bytes, time, user calls,
 * broken links.  Whatever comes, the engine must come to rest after each of
 * them, stay within its memory, keep a deadline armed while it is wanted, and
 * close when asked.
 */
#include "base/time.h"
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { HEAP_MAX = 8 * 1024 * 1024, TURNS_MAX = 100000 };

enum operation {
  GOOD_ANSWER, /* wire */
  RAW_BYTES,   /* wire, count, bytes */
  TEXT_FRAME,  /* count, bytes */
  PASS_TIME,   /* tens of milliseconds, squared */
  USER_CALL,   /* bits */
  END_LINK,    /* wire */
  OPERATION_COUNT,
};

struct peer {
  struct gcn__engine* engine;
  bool linked[GCN__WIRE_COUNT];
  bool opened[GCN__WIRE_COUNT];
  uint64_t now_ms;
  uint64_t heap;
  bool close_asked;
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

static void drain(struct peer* peer) {
  struct gcn__effect effect;
  unsigned turns = 0;
  while (gcn__engine_next(peer->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_OPEN) peer->opened[effect.wire] = true;
    if (effect.kind == GCN__EFFECT_DROP) {
      if (!peer->opened[effect.wire]) abort();
      peer->opened[effect.wire] = false;
      peer->linked[effect.wire] = false;
    }
    if (++turns > TURNS_MAX) abort();
  }
  gcn__engine_settle(peer->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    struct gcn__span out = gcn__engine_output(peer->engine, wire);
    if (out.size > 0) gcn__engine_sent(peer->engine, wire, out.size);
  }
  const struct gcn__session* session = gcn__engine_session(peer->engine);
  bool rests = session->state == GCN__STATE_REFUSED ||
               session->desire != GCN__DESIRE_STREAMING;
  if (!rests && gcn__engine_deadline(peer->engine) == GCN__NEVER) abort();
}

static void link_all(struct peer* peer) {
  for (int pass = 0; pass < 4; pass++) {
    for (int i = 0; i < GCN__WIRE_COUNT; i++) {
      if (!peer->opened[i] || peer->linked[i]) continue;
      peer->linked[i] = true;
      gcn__engine_linked(peer->engine, (enum gcn__wire_index)i, peer->now_ms);
      drain(peer);
    }
  }
}

static void feed(struct peer* peer, enum gcn__wire_index wire,
                 struct gcn__span bytes) {
  if (!peer->linked[wire] || bytes.size == 0) return;
  gcn__engine_received(peer->engine, wire, bytes, peer->now_ms);
  drain(peer);
}

static void answer(struct peer* peer, enum gcn__wire_index wire) {
  static const char* const bodies[] = {
      [GCN__OP_NONE] = "{}",
      [GCN__OP_TOKEN] = "{\"access_token\":\"t\",\"expires_in\":300}",
      [GCN__OP_CHANNEL] =
          "{\"id\":\"c\",\"connectUri\":\"ws://127.0.0.1:1/c\"}",
      [GCN__OP_TOPICS] = "{\"entities\":[{\"id\":\"v2.a\",\"state\":"
                         "\"Permitted\"},{\"id\":\"v2.b\",\"state\":"
                         "\"Rejected\",\"missingPermissions\":[\"x\"]}]}",
  };
  char text[1024];
  enum gcn__op op = peer->engine->calls[wire].op;
  if (op == GCN__OP_UPGRADE) {
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             peer->engine->ws_accept);
  } else {
    const char* body = op <= GCN__OP_TOPICS ? bodies[op] : "{}";
    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
  }
  feed(peer, wire, gcn__span_str(text));
}

static void send_text(struct peer* peer, struct gcn__span payload) {
  char frame[2 + 125];
  if (payload.size > 125) payload.size = 125;
  frame[0] = (char)0x81;
  frame[1] = (char)payload.size;
  memcpy(frame + 2, payload.data, payload.size);
  feed(peer, GCN__WIRE_STREAM, gcn__span(frame, payload.size + 2));
}

static void pass_time(struct peer* peer, uint8_t amount) {
  uint64_t until_ms = peer->now_ms + (uint64_t)amount * amount * 10;
  while (gcn__engine_deadline(peer->engine) <= until_ms) {
    uint64_t due_ms = gcn__engine_deadline(peer->engine);
    if (due_ms > peer->now_ms) peer->now_ms = due_ms;
    gcn__engine_woken(peer->engine, peer->now_ms);
    drain(peer);
    link_all(peer);
  }
  peer->now_ms = until_ms;
}

static void user_call(struct peer* peer, uint8_t bits) {
  if (bits & 0x40) {
    gcn__engine_pause(peer->engine, (bits & 1) != 0, peer->now_ms);
  } else if (bits & 0x80) {
    struct gcn__span name = gcn__span_str(bits & 1 ? "v2.b" : "v2.c");
    if (gcn__engine_topic_add(peer->engine, name) != 0) {
      gcn__engine_topic_remove(peer->engine, name);
    }
    bits = GCN__COMMAND_TOPICS;
  }
  peer->close_asked = peer->close_asked || (bits & GCN__COMMAND_CLOSE);
  gcn__engine_command(peer->engine, bits & 0x3f, peer->now_ms);
  drain(peer);
}

static void end_link(struct peer* peer, enum gcn__wire_index wire) {
  if (!peer->opened[wire]) return;
  peer->opened[wire] = false;
  peer->linked[wire] = false;
  gcn__engine_ended(peer->engine, wire, -104, GCN__LAYER_TCP, "reset",
                    peer->now_ms);
  drain(peer);
}

static void operate(struct peer* peer, struct gcn__span* input) {
  uint8_t code = (uint8_t)input->data[0];
  uint8_t value = (uint8_t)input->data[1];
  *input = gcn__span_skip(*input, 2);
  enum gcn__wire_index wire = (enum gcn__wire_index)(value % GCN__WIRE_COUNT);
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
  case END_LINK: end_link(peer, wire); break;
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

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct peer peer = {.now_ms = 1000};
  const struct gcn__engine_options options = {
      .mem = {counted, &peer},
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill, NULL},
      .seed = 1,
      .login_url = "http://127.0.0.1:1",
      .api_url = "http://127.0.0.1:1",
      .client_id = "id",
      .client_secret = "secret",
      .user_agent = "fuzz",
      .plaintext = true,
  };
  if (gcn__engine_new(&options, &peer.engine) != 0) return 0;
  if (gcn__engine_topic_add(peer.engine, GCN__SPAN("v2.a")) != 0) abort();
  gcn__engine_command(peer.engine, GCN__COMMAND_START, peer.now_ms);
  drain(&peer);
  link_all(&peer);
  struct gcn__span input = gcn__span(data, size);
  while (input.size >= 2)
    operate(&peer, &input);
  finish(&peer);
  gcn__engine_free(peer.engine);
  if (peer.heap != 0) abort();
  return 0;
}
