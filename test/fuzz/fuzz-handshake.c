/* SPDX-License-Identifier: MIT */
/*
 * Answers to the WebSocket upgrade, from any bytes (FAULTS F9).
 *
 * An engine is brought to its upgrade by a friendly service; then the answer is
 * the input, in which '~' stands for the right Sec-WebSocket-Accept.  The
 * stream opens only for what a slow and plain reading of RFC 6455 §4.1 calls a
 * good answer, whatever the cuts, which the first byte seeds.  The same bytes
 * also go through base64 there and back.
 */
#include "base/rng.h"
#include "codec/digest.h"
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { NOW_MS = 1000, TURNS_MAX = 1000, ANSWER_SIZE_MAX = 16384 };

struct peer {
  struct gcn__engine* engine;
  bool opened[GCN__WIRE_COUNT];
  bool linked[GCN__WIRE_COUNT];
};

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-handshake: %s\n", what);
  abort();
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
      peer->opened[effect.wire] = false;
      peer->linked[effect.wire] = false;
    }
    check(++turns < TURNS_MAX, "never comes to rest");
  }
  gcn__engine_settle(peer->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    struct gcn__span out = gcn__engine_output(peer->engine, wire);
    if (out.size > 0) gcn__engine_sent(peer->engine, wire, out.size);
  }
}

static void feed(struct peer* peer, enum gcn__wire_index wire,
                 struct gcn__span bytes) {
  if (!peer->linked[wire] || bytes.size == 0) return;
  /* Lent for this turn only, to be changed. */
  char* lent = malloc(bytes.size);
  if (lent == NULL) abort();
  memcpy(lent, bytes.data, bytes.size);
  gcn__engine_received(peer->engine, wire, gcn__span(lent, bytes.size), NOW_MS);
  drain(peer);
  free(lent);
}

static void link_all(struct peer* peer) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (!peer->opened[i] || peer->linked[i]) continue;
    peer->linked[i] = true;
    gcn__engine_linked(peer->engine, (enum gcn__wire_index)i, NOW_MS);
    drain(peer);
  }
}

static void answer(struct peer* peer, enum gcn__wire_index wire) {
  const struct gcn__line* line = gcn__engine_line(peer->engine, wire);
  if (line == NULL || line->call.op == GCN__OP_UPGRADE) return;
  const char* body = NULL;
  if (line->call.op == GCN__OP_TOKEN)
    body = "{\"access_token\":\"t\",\"expires_in\":3000}";
  if (line->call.op == GCN__OP_CHANNEL)
    body = "{\"id\":\"c\",\"connectUri\":\"ws://127.0.0.1:1/c\"}";
  if (body == NULL) return;
  char text[256];
  snprintf(text, sizeof text,
           "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
           body);
  feed(peer, wire, gcn__span_str(text));
}

static const struct gcn__line* upgrade_of(struct peer* peer) {
  const struct gcn__line* line =
      gcn__engine_line(peer->engine, GCN__WIRE_STREAM);
  bool there = line != NULL && line->call.op == GCN__OP_UPGRADE;
  return there ? line : NULL;
}

/* Leaves the engine with its upgrade sent. */
static void bring(struct peer* peer) {
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
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
  const char* name = "v2.a";
  check(gcn__engine_new(&options, &peer->engine) == 0, "no engine");
  check(gcn__engine_topics_add(peer->engine, &name, 1) == 0, "no topic");
  gcn__engine_command(peer->engine, GCN__COMMAND_START, NOW_MS);
  drain(peer);
  for (int turn = 0; turn < 8 && upgrade_of(peer) == NULL; turn++) {
    link_all(peer);
    for (int i = 0; i < GCN__WIRE_COUNT; i++)
      answer(peer, (enum gcn__wire_index)i);
  }
  check(upgrade_of(peer) != NULL, "no upgrade");
}

static size_t fill_in(char* out, struct gcn__span text, const char* accept) {
  size_t size = 0;
  for (size_t i = 0; i < text.size && size + 64 < ANSWER_SIZE_MAX; i++) {
    if (text.data[i] != '~') {
      out[size++] = text.data[i];
      continue;
    }
    memcpy(out + size, accept, strlen(accept));
    size += strlen(accept);
  }
  return size;
}

/* The next line without its end; false if there is none. */
static bool take_line(struct gcn__span* text, struct gcn__span* line) {
  for (size_t i = 0; i + 1 < text->size; i++) {
    if (text->data[i] != '\r' || text->data[i + 1] != '\n') continue;
    *line = gcn__span(text->data, i);
    *text = gcn__span_skip(*text, i + 2);
    return true;
  }
  return false;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static struct gcn__span trim(struct gcn__span text) {
  while (text.size > 0 && is_blank(text.data[0]))
    text = gcn__span_skip(text, 1);
  while (text.size > 0 && is_blank(text.data[text.size - 1]))
    text.size--;
  return text;
}

/* The value if the line is that header. */
static bool is_header(struct gcn__span line, const char* name,
                      struct gcn__span* value) {
  size_t size = strlen(name);
  if (line.size <= size || line.data[size] != ':') return false;
  if (!gcn__span_iis(gcn__span(line.data, size), name)) return false;
  *value = trim(gcn__span_skip(line, size + 1));
  return true;
}

static bool lists_upgrade(struct gcn__span value) {
  while (value.size > 0) {
    const char* comma = memchr(value.data, ',', value.size);
    size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
    if (gcn__span_iis(trim(gcn__span(value.data, size)), "upgrade"))
      return true;
    value = gcn__span_skip(value, comma == NULL ? size : size + 1);
  }
  return false;
}

struct reading {
  unsigned accepts, upgrades, connections, extras; /* how many there are */
  bool accept, upgrade, connection;                /* and whether one is good */
};

static void read_header(struct reading* reading, struct gcn__span line,
                        const char* accept) {
  struct gcn__span value;
  if (is_header(line, "sec-websocket-accept", &value)) {
    reading->accepts++;
    reading->accept = gcn__span_is(value, accept);
  } else if (is_header(line, "upgrade", &value)) {
    reading->upgrades++;
    reading->upgrade = gcn__span_iis(value, "websocket");
  } else if (is_header(line, "connection", &value)) {
    reading->connections++;
    reading->connection = lists_upgrade(value);
  } else if (is_header(line, "sec-websocket-extensions", &value) ||
             is_header(line, "sec-websocket-protocol", &value)) {
    reading->extras++;
  }
}

/* Interim answers may come before it. */
static bool is_good(struct gcn__span text, const char* accept) {
  struct gcn__span line;
  while (take_line(&text, &line)) {
    bool switching = gcn__span_starts(line, "HTTP/1.1 101");
    struct reading reading = {0};
    while (take_line(&text, &line) && line.size > 0)
      read_header(&reading, line, accept);
    if (line.size > 0) return false;
    if (!switching) continue;
    return reading.accept && reading.upgrade && reading.connection &&
           reading.accepts == 1 && reading.upgrades == 1 &&
           reading.connections == 1 && reading.extras == 0;
  }
  return false;
}

/* Whether the stream opened, however the answer was cut. */
static bool opens(struct gcn__span text, unsigned cut, bool* good) {
  struct peer peer = {.engine = NULL};
  struct gcn__rng rng;
  char whole[ANSWER_SIZE_MAX];
  gcn__rng_seed(&rng, cut);
  bring(&peer);
  const struct gcn__line* line = upgrade_of(&peer);
  if (line == NULL) return false;
  const char* accept = line->conn->ws_accept;
  struct gcn__span rest = gcn__span(whole, fill_in(whole, text, accept));
  *good = is_good(rest, accept);
  uint64_t before = peer.engine->connection_count;
  while (rest.size > 0) {
    size_t most = rest.size < 9 ? rest.size : 9;
    size_t size = (size_t)gcn__rng_between(&rng, 1, most);
    if (cut == 0) size = rest.size;
    feed(&peer, GCN__WIRE_STREAM, gcn__span(rest.data, size));
    rest = gcn__span_skip(rest, size);
  }
  bool opened = peer.engine->connection_count > before;
  gcn__engine_free(peer.engine);
  return opened;
}

static void check_base64(struct gcn__span bytes) {
  struct gcn__buf text;
  struct gcn__buf back;
  gcn__buf_init(&text, &gcn__mem_libc, SIZE_MAX / 4);
  gcn__buf_init(&back, &gcn__mem_libc, SIZE_MAX / 4);
  check(gcn__base64_encode(&text, bytes) == 0, "does not encode");
  check(gcn__buf_size(&text) == (bytes.size + 2) / 3 * 4, "another size");
  check(gcn__base64_decode(&back, gcn__buf_span(&text)) == 0, "no way back");
  check(gcn__span_equal(gcn__buf_span(&back), bytes), "other bytes come back");
  gcn__buf_clear(&back);
  if (gcn__base64_decode(&back, bytes) != 0)
    check(gcn__buf_size(&back) == 0, "leaves a part behind");
  gcn__buf_deinit(&text);
  gcn__buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  struct gcn__span text = gcn__span(data + 1, size - 1);
  check_base64(text);
  bool good = false;
  bool opened = opens(text, 0, &good);
  check(!opened || good, "opens for a bad answer");
  check(opens(text, 1u + data[0], &good) == opened, "cuts make a difference");
  return 0;
}
