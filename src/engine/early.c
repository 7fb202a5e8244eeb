/* SPDX-License-Identifier: MIT */
/*
 * The streaming host is dialled while token and channel are still asked for.
 *
 * Its name is guessed: that of the last connectUri, or the only one that the
 * region leaves.  Nothing is sent over such a connection but TLS's handshake,
 * because the connectUri alone says where the channel's secret may go.  If it
 * says another host, or the connection is not there by then, all is as if there
 * had been none; whatever becomes of it before is nobody's matter.
 *
 * Not through a proxy, which would judge, log and count what may be needless.
 * And not again before something has streamed: an attempt that fails for any
 * reason, a rejected token above all, is repeated without.
 */
#include "engine/internal.h"

#include "base/time.h"

#include <stdio.h>

enum {
  MISSES_MAX = 2, /* wrong guesses in a row */
  RISE_MS = 3000, /* to be connected, and through the handshake */
};

void gcn__early_learn(struct gcn__engine* engine, const struct gcn__url* uri) {
  engine->guess = *uri;
  engine->guess.target = (struct gcn__span){NULL, 0}; /* it names the channel */
}

/* A service of unknown domain has to name its API's own host.  With a gateway
 * in the API's place nothing is known of the streaming host. */
static bool guess_first(struct gcn__engine* engine) {
  const struct gcn__url* api = &engine->api;
  struct gcn__url* guess = &engine->guess;
  if (engine->domain == NULL) {
    gcn__early_learn(engine, api);
    guess->scheme = gcn__url_secure(api) ? GCN__SCHEME_WSS : GCN__SCHEME_WS;
    return true;
  }
  bool named = strncmp(api->host, "api.", 4) == 0 &&
               strcmp(api->host + 4, engine->domain) == 0;
  if (!named || !gcn__url_secure(api) || api->port != 443) return false;
  int size =
      snprintf(guess->host, sizeof guess->host, "streaming.%s", engine->domain);
  if (size < 0 || (size_t)size >= sizeof guess->host) return false;
  guess->scheme = GCN__SCHEME_WSS;
  guess->port = 443;
  return true;
}

static bool has_guess(struct gcn__engine* engine) {
  bool known = engine->guess.port != 0 || guess_first(engine);
  if (!known || engine->guess_misses >= MISSES_MAX) return false;
  return !gcn__url_secure(&engine->guess) || engine->tls != NULL;
}

static bool is_direct(struct gcn__engine* engine) {
  struct gcn__proxy proxy;
  int error = gcn__engine_choose_proxy(engine, &engine->guess, &proxy);
  bool direct = error == 0 && proxy.kind == GCN__PROXY_NONE;
  gcn__proxy_deinit(&proxy);
  return direct;
}

/* A token is held, or nothing speaks against getting one; and nobody streams in
 * this one's place. */
static bool is_welcome(const struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  bool hopes = gcn__keeper_usable(engine) || engine->keeper.failure.error == 0;
  return hopes && gcn__shard_leads(conn);
}

void gcn__early_dial(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__line* line = &conn->stream;
  bool spent = conn->guessed || line->wire.phase != GCN__WIRE_ABSENT;
  if (spent || !is_welcome(conn)) return;
  if (!has_guess(engine) || !is_direct(engine)) return;
  conn->guessed = true;
  conn->early_due_ms = gcn__time_add(engine->now_ms, RISE_MS);
  line->early = true;
  gcn__line_open(line);
}

static void note(const struct gcn__line* line, const char* end) {
  GCN__LOG_EVENT(&line->engine->log, GCN__LOG_DEBUG, "early",
                 gcn__log_number("slot", (int64_t)line->conn->slot),
                 gcn__log_text("host", line->wire.host),
                 gcn__log_text("end", end));
}

bool gcn__early_failed(struct gcn__line* line) {
  if (gcn__spare_failed(line)) return true;
  if (!line->early) return false;
  note(line, "lost");
  gcn__line_drop(line, true);
  return true;
}

/* What rises holds a permit, for which a login may be waiting, of this client
 * or of another: it must not cost an attempt its phase. */
uint64_t gcn__early_deadline(const struct gcn__conn* conn) {
  const struct gcn__line* line = &conn->stream;
  bool rises = line->early && line->wire.phase != GCN__WIRE_READY;
  return rises ? conn->early_due_ms : GCN__NEVER;
}

bool gcn__early_expire(struct gcn__conn* conn) {
  if (gcn__early_deadline(conn) > conn->engine->now_ms) return false;
  return gcn__early_failed(&conn->stream);
}

void gcn__early_drop(struct gcn__line* line) {
  if (!line->early) return;
  note(line, "dropped");
  gcn__line_drop(line, false);
}

static bool is_right(const struct gcn__channel* channel,
                     const struct gcn__wire* wire) {
  return channel->proxy.kind == GCN__PROXY_NONE &&
         channel->uri.port == wire->port &&
         gcn__url_secure(&channel->uri) == wire->secure &&
         strcmp(channel->uri.host, wire->host) == 0;
}

/* One that is not ready yet has taken too long already: a new one is not behind
 * in the kernel's repetitions, nor is its deadline, nor does it hang. */
void gcn__early_settle(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__line* line = &conn->stream;
  struct gcn__wire* wire = &line->wire;
  if (!line->early) return;
  bool right = is_right(&conn->channel, wire);
  engine->guess_misses = right ? 0 : engine->guess_misses + 1;
  if (!right || wire->ended || wire->phase != GCN__WIRE_READY) {
    gcn__early_drop(line);
    return;
  }
  note(line, "used");
  line->early = false;
  wire->reused = true; /* it may have died while it was idle */
}
