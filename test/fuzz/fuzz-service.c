/* SPDX-License-Identifier: MIT */
/*
 * The simulated service against arbitrary bytes from a client.
 *
 * The first byte says how: bit 0, on an open WebSocket rather than as HTTP;
 * bit 1, byte by byte; bit 2, the WebSocket is of the stream dialect; bit 3,
 * the same without its subscriptions.  In the rest "%T" stands for a valid
 * token and "%C" for a channel, so that mutations get past the door.  The
 * service never crashes, never leaks, keeps its counts, and always knows when
 * it wants to be woken.
 */
#include "sim/service.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum {
  INPUT_MAX = 16384,
  TICKS_MAX = 64,
  UNSENT_MAX = 600 << 10,
  ON_SOCKET = 1,
  BYTEWISE = 2,
  ON_STREAM = 4,
  BY_MESSAGE = 8,
};

static const struct gcn__sim_client clients[] = {{"id", "secret"}};
static const struct gcn__sim_forbidden forbidden[] = {{"*.tokens", "a:b"}};

static void require(bool holds) {
  if (!holds) abort();
}

struct client {
  struct gcn__sim* sim;
  struct gcn__sim_conn* conn;
  struct gcn__buf in;
  uint64_t now_ms;
};

static void drain(struct client* client) {
  struct gcn__sim_conn* conn = gcn__sim_next_ready(client->sim);
  for (; conn != NULL; conn = gcn__sim_next_ready(client->sim)) {
    for (;;) {
      struct gcn__span piece = gcn__sim_output(conn, client->now_ms);
      if (piece.size == 0) break;
      (void)gcn__buf_append(&client->in, piece.data, piece.size);
      gcn__sim_sent(conn, piece.size, client->now_ms);
    }
  }
}

static void say(struct client* client, struct gcn__span bytes) {
  gcn__sim_receive(client->conn, bytes, client->now_ms);
  drain(client);
}

/* The string that follows `key` in what the service said last. */
static struct gcn__span find(struct client* client, const char* key, char* out,
                             size_t out_size) {
  struct gcn__span in = gcn__buf_span(&client->in);
  const char* at = memmem(in.data, in.size, key, strlen(key));
  require(at != NULL);
  at += strlen(key);
  const char* end = memchr(at, '"', (size_t)(in.data + in.size - at));
  require(end != NULL && (size_t)(end - at) < out_size);
  memcpy(out, at, (size_t)(end - at));
  gcn__buf_clear(&client->in);
  return gcn__span(out, (size_t)(end - at));
}

/* `form` with "%T" and "%C" filled in. */
static void say_form(struct client* client, struct gcn__span form,
                     struct gcn__span token, struct gcn__span channel,
                     bool bytewise) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, (size_t)INPUT_MAX * 64);
  for (size_t i = 0; i < form.size; i++) {
    bool marked = form.data[i] == '%' && i + 1 < form.size;
    struct gcn__span piece = gcn__span(form.data + i, 1);
    if (marked && form.data[i + 1] == 'T') piece = token;
    if (marked && form.data[i + 1] == 'C') piece = channel;
    if (piece.size != 1) i++;
    require(gcn__buf_append(&text, piece.data, piece.size) == 0);
  }
  struct gcn__span bytes = gcn__buf_span(&text);
  size_t step = bytewise || bytes.size == 0 ? 1 : bytes.size;
  for (; bytes.size > 0; bytes = gcn__span_skip(bytes, step)) {
    say(client, gcn__span(bytes.data, step));
  }
  gcn__buf_deinit(&text);
}

/* The upgrade that the first byte asks for. */
static struct gcn__span upgrade_of(unsigned how) {
#define UPGRADE(target)                                                        \
  "GET " target " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"               \
  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                       \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                            \
  "Authorization: Bearer %T\r\n\r\n"
  if (how & BY_MESSAGE)
    return GCN__SPAN(UPGRADE("/api/v2/notification/events"));
  if (!(how & ON_STREAM)) return GCN__SPAN(UPGRADE("/channels/%C"));
  return GCN__SPAN(
      UPGRADE("/api/v2/notifications/stream?maxLatency=9000&subscriptions="
              "%7B%22event%22:%22routing.queueEvents%22%7D"));
#undef UPGRADE
}

static void set_up(struct client* client, char* token, char* channel,
                   size_t size, unsigned how) {
  static const char login[] =
      "POST /oauth/token HTTP/1.1\r\nHost: a\r\nAuthorization: Basic "
      "aWQ6c2VjcmV0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: 29\r\n\r\ngrant_type=client_credentials";
  static const char create[] =
      "POST /api/v2/notifications/channels HTTP/1.1\r\nHost: a\r\n"
      "Authorization: Bearer %T\r\nContent-Length: 0\r\n\r\n";
  memset(token, 0, size);
  memset(channel, 0, size);
  say(client, gcn__span_str(login));
  find(client, "\"access_token\":\"", token, size);
  say_form(client, gcn__span_str(create), gcn__span_str(token), GCN__SPAN("x"),
           false);
  find(client, "\"id\":\"", channel, size);
  if (!(how & ON_SOCKET)) return;
  say_form(client, upgrade_of(how), gcn__span_str(token),
           gcn__span_str(channel), false);
  require(gcn__span_starts(gcn__buf_span(&client->in), "HTTP/1.1 101 "));
  gcn__buf_clear(&client->in);
}

/* An hour, in at most so many steps. */
static void wait(struct client* client) {
  for (int i = 0; i < TICKS_MAX; i++) {
    uint64_t due_ms = gcn__sim_deadline(client->sim);
    if (due_ms == GCN__NEVER || due_ms > client->now_ms + 3600000) return;
    require(due_ms > client->now_ms);
    client->now_ms = due_ms;
    gcn__sim_tick(client->sim, client->now_ms);
    drain(client);
    gcn__buf_clear(&client->in);
  }
}

static void tear_down(struct client* client) {
  struct gcn__sim_counters counters;
  gcn__sim_drop(client->conn, client->now_ms);
  gcn__sim_counters(client->sim, &counters);
  require(counters.sockets_open == 0);
  require(counters.channels_live <= counters.channels);
  require(counters.channels_live_max <= 20);
  require(counters.rest_calls + counters.token_calls <= counters.requests);
  require(counters.streams <= counters.sockets);
  require(counters.batches_empty <= counters.batches);
  require(counters.unsent_max <= UNSENT_MAX);
  gcn__sim_free(client->sim);
  gcn__buf_deinit(&client->in);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  char token[128];
  char channel[128];
  struct gcn__sim_options options = {
      .clients = clients,
      .client_count = 1,
      .events_per_ks = 100,
      .forbidden = forbidden,
      .forbidden_count = 1,
  };
  struct client client = {.sim = gcn__sim_new(&options), .now_ms = 1};
  if (size == 0 || size > INPUT_MAX) {
    gcn__sim_free(client.sim);
    return 0;
  }
  gcn__buf_init(&client.in, &gcn__mem_libc, 64 << 20);
  client.conn = gcn__sim_accept(client.sim, NULL, client.now_ms);
  set_up(&client, token, channel, sizeof token, data[0]);
  say_form(&client, gcn__span(data + 1, size - 1), gcn__span_str(token),
           gcn__span_str(channel), data[0] & BYTEWISE);
  wait(&client);
  gcn__sim_eof(client.conn, client.now_ms);
  drain(&client);
  tear_down(&client);
  return 0;
}
