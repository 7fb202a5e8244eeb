/* SPDX-License-Identifier: MIT */
/*
 * The channel of a connection: made, dated, forgotten.
 *
 * Its id and its connectUri open the stream to whoever holds them; they are
 * wiped and never told.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum { TOKEN_PERCENT = 90, TOKEN_SPREAD_PERCENT = 5 };

static void wipe(struct gcn__conn* conn) {
  struct gcn__channel* channel = &conn->channel;
  gcn__secret_free(&conn->engine->mem, channel->uri_text);
  gcn__proxy_deinit(&channel->proxy);
  uint32_t generation = channel->generation;
  gcn__wipe(channel, sizeof *channel);
  channel->generation = generation;
  channel->rotate_ms = GCN__NEVER;
  conn->confirmed = false;
  conn->fresh = false;
  /* What was announced was about this one. */
  if (conn->move_cause == GCN__INPUT_MOVING) conn->moves = false;
}

void gcn__channel_forget(struct gcn__conn* conn) {
  gcn__line_drop(&conn->stream, false);
  wipe(conn);
}

/* Its host fails while the API is well: the channel is the trouble, and the API
 * would name another host, which is not to be guessed. */
void gcn__channel_missed(struct gcn__conn* conn) {
  bool api_well = conn->api.wire.phase == GCN__WIRE_READY;
  conn->guessed = true;
  conn->channel.misses++;
  if (api_well) conn->channel.failures++;
}

/* A channel ends 24 hours after its topics were put, or with the token it was
 * made with (PROTOCOL §2.2): it is replaced before. */
uint64_t gcn__channel_due(struct gcn__engine* engine,
                          const struct gcn__backing* backing) {
  const struct gcn__settings* settings = &engine->settings;
  uint64_t most_ms =
      gcn__time_min(settings->rotate_jitter_ms, settings->rotate_ms / 2);
  uint64_t age_ms =
      settings->rotate_ms - gcn__rng_between(&engine->rng, 0, most_ms);
  uint64_t at_ms = gcn__time_add(engine->now_ms, age_ms);
  if (settings->channel_keeps != 0) return at_ms;
  uint64_t spread_ms = backing->token_life_ms / 100 * TOKEN_SPREAD_PERCENT;
  uint64_t left_ms = backing->token_life_ms / 100 * (100 - TOKEN_PERCENT);
  left_ms -= gcn__rng_between(&engine->rng, 0, spread_ms);
  uint64_t end_ms = gcn__time_until(backing->token_ends_ms, left_ms);
  return gcn__time_min(at_ms, gcn__time_max(end_ms, engine->now_ms));
}

/* NULL or why the channel can't be used. */
static const char* take_channel(struct gcn__conn* conn,
                                const struct gcn__channel_answer* answer,
                                int* error) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__channel* channel = &conn->channel;
  *error = GCN__ENOMEM;
  channel->uri_text = gcn__str_copy_n(&engine->mem, answer->connect_uri.data,
                                      answer->connect_uri.size);
  if (channel->uri_text == NULL) return "out of memory";
  *error = GCN_EPOLICY;
  const char* wrong =
      gcn__url_parse(&channel->uri, gcn__span_str(channel->uri_text));
  if (wrong != NULL) return "connectUri is no acceptable URL";
  const struct gcn__host_policy policy = {
      .domain = engine->domain,
      .api = &engine->api,
      .plaintext = engine->plaintext,
  };
  wrong = gcn__channels_uri_check(&channel->uri, &policy);
  if (wrong != NULL) return wrong;
  if (gcn__url_secure(&channel->uri) && engine->tls == NULL) {
    return "connectUri needs TLS, which is not configured";
  }
  *error = gcn__engine_choose_proxy(engine, &channel->uri, &channel->proxy);
  if (*error != 0) return "no proxy can be used on the way to connectUri";
  gcn__early_learn(engine, &channel->uri);
  memcpy(channel->id, answer->id.data, answer->id.size);
  channel->id[answer->id.size] = '\0';
  return NULL;
}

void gcn__channel_asked(struct gcn__conn* conn) {
  const struct gcn__keeper* keeper = &conn->engine->keeper;
  conn->backing = (struct gcn__backing){
      .token = keeper->token.generation,
      .token_ends_ms = keeper->token.expires_ms,
      .token_life_ms = keeper->token.life_ms,
      .identity = keeper->identity,
      .epoch = keeper->token_epoch,
  };
}

void gcn__channel_date(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__backing* backing = &conn->backing;
  struct gcn__channel* channel = &conn->channel;
  channel->known = true;
  channel->generation = ++engine->channel_count;
  channel->identity = backing->identity;
  channel->epoch = backing->epoch;
  channel->token = backing->token;
  channel->rotate_ms = gcn__channel_due(engine, backing);
  conn->session.rotate_ms = channel->rotate_ms;
}

void gcn__channel_take(struct gcn__conn* conn, const struct gcn__json* body) {
  struct gcn__channel_answer answer;
  const char* why = "";
  int error = gcn__channels_read_channel(body, &answer, &why);
  if (error != 0) {
    gcn__answer_malformed(conn, error, GCN__OP_CHANNEL, why, GCN__INPUT_BROKEN);
    return;
  }
  if (!conn->stream.early) gcn__line_drop(&conn->stream, false);
  wipe(conn);
  why = take_channel(conn, &answer, &error);
  if (why == NULL) {
    gcn__early_settle(conn);
    gcn__channel_date(conn);
    conn->fresh = true;
    gcn__conn_post(conn, GCN__INPUT_STEP);
    return;
  }
  gcn__channel_forget(conn);
  gcn__answer_malformed(conn, error, GCN__OP_CHANNEL, why,
                        error == GCN__ENOMEM ? GCN__INPUT_WEATHER
                                             : GCN__INPUT_STUBBORN);
}

int gcn__channel_restore(struct gcn__conn* conn,
                         const struct gcn__restored* restored) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__channel* channel = &conn->channel;
  const struct gcn__channel_answer answer = {
      .id = restored->channel_id, .connect_uri = restored->connect_uri};
  int error = 0;
  if (channel->known || answer.id.size > GCN__CHANNEL_ID_SIZE_MAX) return 0;
  if (take_channel(conn, &answer, &error) != NULL) {
    gcn__channel_forget(conn);
    /* One that must not be used, e.g. of another host, is not there. */
    return error == GCN__ENOMEM ? error : 0;
  }
  channel->known = true;
  channel->untold = true;
  channel->complete = true;
  channel->revision = gcn__shard_of(conn)->revision;
  channel->generation = ++engine->channel_count;
  channel->identity = engine->keeper.identity;
  channel->epoch = engine->keeper.epoch;
  channel->rotate_ms = gcn__time_add(engine->now_ms, restored->channel_left_ms);
  conn->session.rotate_ms = channel->rotate_ms;
  gcn__shard_of(conn)->began = true;
  return 0;
}
