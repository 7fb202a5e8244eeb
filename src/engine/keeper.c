/* SPDX-License-Identifier: MIT */
/*
 * The keeper of the token that all connections of a client share.
 *
 * One request at a time, whoever waits for it.  A token is renewed in the
 * background before it ends; if that fails, nothing that streams is touched.
 * What the credentials are may be asked of the user for every request, and so
 * may the token itself.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

enum {
  RENEW_PERCENT = 80,       /* of a token's life */
  RENEW_SPREAD_PERCENT = 5, /* earlier by up to this */
};

void gcn__keeper_init(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  *keeper = (struct gcn__keeper){.renew_ms = GCN__NEVER,
                                 .give_up_ms = GCN__NEVER,
                                 .identity = 1,
                                 .epoch = 1};
  gcn__token_init(&keeper->token, &engine->mem);
  gcn__line_init(&keeper->line, engine, NULL, GCN__WIRE_LOGIN);
  gcn__failure_clear(&keeper->failure);
  engine->login_line = &keeper->line;
}

static void forget(const struct gcn__mem* mem,
                   struct gcn__credentials* credentials) {
  gcn__str_free(mem, credentials->id);
  gcn__secret_free(mem, credentials->secret);
  gcn__secret_free(mem, credentials->refresh_token);
  gcn__secret_free(mem, credentials->assertion);
  *credentials = (struct gcn__credentials){.id = NULL};
}

static void forget_offers(struct gcn__keeper* keeper) {
  for (size_t i = 0; i < keeper->offer_count; i++) {
    forget(keeper->token.mem, &keeper->offers[i]);
  }
  keeper->offer_count = 0;
  keeper->offer = 0;
}

void gcn__keeper_deinit(struct gcn__keeper* keeper) {
  gcn__str_free(keeper->token.mem, keeper->org_name);
  forget_offers(keeper);
  gcn__token_deinit(&keeper->token);
  gcn__wire_deinit(&keeper->line.wire);
}

bool gcn__keeper_usable(const struct gcn__engine* engine) {
  const struct gcn__keeper* keeper = &engine->keeper;
  if (keeper->superseded) return false;
  return gcn__token_usable(&keeper->token, engine->settings.token_margin_ms,
                           engine->now_ms);
}

static bool copy_text(const struct gcn__mem* mem, char** to, const char* from) {
  *to = gcn__str_copy(mem, from);
  return from == NULL || *to != NULL;
}

/* What an offer does not say stays as it was. */
static int copy_offer(const struct gcn__mem* mem,
                      const struct gcn__credentials* last,
                      const struct gcn__offer* offer,
                      struct gcn__credentials* copy) {
  const char* refresh = offer->refresh_token;
  const char* assertion = offer->assertion;
  if (refresh == NULL) refresh = last->refresh_token;
  if (assertion == NULL) assertion = last->assertion;
  bool copied = copy_text(mem, &copy->id, offer->client_id) &&
                copy_text(mem, &copy->secret, offer->client_secret) &&
                copy_text(mem, &copy->refresh_token, refresh) &&
                copy_text(mem, &copy->assertion, assertion);
  if (copied) return 0;
  forget(mem, copy);
  return GCN__ENOMEM;
}

/* Channels belong to the client id that made them. */
static void move_on(struct gcn__engine* engine) {
  engine->keeper.epoch++;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__shard_rotate(conn, GCN__INPUT_CREDENTIALS);
  }
}

/* Copies before it frees: an offer may be made of what is held. */
static int take_offers(struct gcn__engine* engine,
                       const struct gcn__offer* offers, size_t count) {
  struct gcn__keeper* keeper = &engine->keeper;
  const struct gcn__mem* mem = &engine->mem;
  struct gcn__credentials copies[GCN__OFFER_COUNT_MAX] = {{.id = NULL}};
  int error = 0;
  size_t done = 0;
  GCN__ASSERT(count > 0 && count <= GCN__OFFER_COUNT_MAX);
  while (error == 0 && done < count) {
    error = copy_offer(mem, &keeper->offers[0], &offers[done], &copies[done]);
    if (error == 0) done++;
  }
  for (size_t i = 0; error != 0 && i < done; i++) {
    forget(mem, &copies[i]);
  }
  if (error != 0) return error;
  bool same = keeper->offer_count > 0 &&
              strcmp(keeper->offers[0].id, copies[0].id) == 0;
  bool known = keeper->offer_count > 0;
  if (!same) keeper->identity++;
  /* The vault knows of another client before the user says so. */
  if (!same && keeper->state == GCN__KEEPER_ASKING) keeper->epoch++;
  forget_offers(keeper);
  memcpy(keeper->offers, copies, sizeof copies);
  keeper->offer_count = count;
  if (!same) gcn__engine_repace(engine);
  if (!same && known) move_on(engine);
  return 0;
}

static bool equal(const char* a, const char* b) {
  if (b == NULL) return true; /* as before */
  return a != NULL && strcmp(a, b) == 0;
}

int gcn__keeper_credentials(struct gcn__engine* engine,
                            const struct gcn__offer* offer) {
  struct gcn__keeper* keeper = &engine->keeper;
  const struct gcn__credentials* held = &keeper->offers[0];
  bool same = keeper->offer_count == 1 && equal(held->id, offer->client_id) &&
              equal(held->secret, offer->client_secret) &&
              equal(held->refresh_token, offer->refresh_token) &&
              equal(held->assertion, offer->assertion);
  if (same) return 0;
  int error = take_offers(engine, offer, 1);
  if (error == 0) keeper->epoch++;
  return error;
}

static bool awaited(const struct gcn__engine* engine) {
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (conn->waits_token) return true;
  }
  return false;
}

static void stand_down(struct gcn__keeper* keeper) {
  keeper->state = GCN__KEEPER_RESTING;
  keeper->give_up_ms = GCN__NEVER;
  keeper->ticket++; /* what is answered now comes too late */
  gcn__line_drop(&keeper->line, false);
}

static void ask(struct gcn__engine* engine, enum gcn__ask_kind kind) {
  struct gcn__keeper* keeper = &engine->keeper;
  keeper->state = GCN__KEEPER_ASKING;
  keeper->ticket++;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_ASK);
  effect->ask.kind = kind;
  effect->ask.ticket = keeper->ticket;
  effect->ask.refused = keeper->failure.error == GCN_EAUTH &&
                        keeper->failure.layer == GCN__LAYER_SERVICE;
}

static void fetch(struct gcn__engine* engine) {
  engine->keeper.state = GCN__KEEPER_FETCHING;
  engine->keeper.asked_epoch = engine->keeper.epoch;
  gcn__call_begin(&engine->keeper.line, GCN__OP_TOKEN);
}

static void begin(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  GCN__ASSERT(keeper->state == GCN__KEEPER_RESTING);
  keeper->renew_ms = GCN__NEVER;
  keeper->asked_epoch = keeper->epoch;
  keeper->give_up_ms = gcn__time_add(engine->now_ms, engine->settings.phase_ms);
  if (engine->asks_token) {
    ask(engine, GCN__ASK_TOKEN);
  } else if (engine->asks_credentials) {
    ask(engine, GCN__ASK_CREDENTIALS);
  } else {
    fetch(engine);
  }
}

/* The final no came while nobody needed a token. */
static void tell_refusal(struct gcn__conn* conn) {
  gcn__failure_set(&conn->failure, GCN_EAUTH, GCN__LAYER_SERVICE, GCN__OP_TOKEN,
                   "the login service has refused the credentials; give new "
                   "ones or start again");
  gcn__conn_no_token(conn, GCN__INPUT_REFUSED);
}

/* The login host asked to be left alone longer than this attempt may last. */
static void tell_floor(struct gcn__conn* conn, uint64_t wait_ms) {
  conn->failure = conn->engine->keeper.failure;
  conn->failure.retry_after_ms = (int64_t)wait_ms; /* what is left of it */
  gcn__session_ask(&conn->session, wait_ms, conn->engine->now_ms);
  gcn__conn_no_token(conn, GCN__INPUT_LIMITED);
}

void gcn__keeper_want(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__keeper* keeper = &engine->keeper;
  uint64_t wait_ms = gcn__time_until(keeper->floor_ms, engine->now_ms);
  if (keeper->refused) {
    tell_refusal(conn);
    return;
  }
  if (wait_ms > 0 && keeper->state == GCN__KEEPER_RESTING) {
    tell_floor(conn, wait_ms);
    return;
  }
  conn->waits_token = true;
  keeper->background = false;
  if (keeper->state == GCN__KEEPER_RESTING) begin(engine);
}

void gcn__keeper_renew(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  bool waited = awaited(engine);
  keeper->floor_ms = 0; /* the user knows more */
  if (keeper->token_epoch == keeper->epoch) return;
  /* Told the same again and again, a slow login service would never answer. */
  bool busy = keeper->state != GCN__KEEPER_RESTING;
  if (busy && keeper->asked_epoch == keeper->epoch) return;
  keeper->superseded = true;
  keeper->renew_tries = 0;
  gcn__failure_clear(&keeper->failure);
  if (busy) stand_down(keeper);
  bool idle = engine->desire != GCN__DESIRE_STREAMING;
  keeper->renew_ms = idle ? GCN__NEVER : engine->now_ms;
  if (!waited || idle) return;
  keeper->background = false;
  begin(engine);
}

void gcn__keeper_rest(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  stand_down(keeper);
  keeper->renew_ms = GCN__NEVER;
}

static uint64_t renewal_of(struct gcn__engine* engine) {
  const struct gcn__token* token = &engine->keeper.token;
  uint64_t spread_ms = token->life_ms / 100 * RENEW_SPREAD_PERCENT;
  uint64_t after_ms = token->life_ms / 100 * RENEW_PERCENT;
  after_ms -= gcn__rng_between(&engine->rng, 0, spread_ms);
  return gcn__time_add(engine->now_ms, after_ms);
}

static void tell_waiters(struct gcn__engine* engine) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (conn->waits_token) gcn__conn_token(conn);
    if (!gcn__conn_streams(conn)) continue;
    /* With this token the service would not know the channel. */
    bool foreign = conn->channel.identity != engine->keeper.identity;
    if (foreign) gcn__shard_rotate(conn, GCN__INPUT_CREDENTIALS);
  }
}

static int take_token(struct gcn__engine* engine, struct gcn__span text,
                      double life_s, const char** why) {
  struct gcn__keeper* keeper = &engine->keeper;
  int error = gcn__token_set(&keeper->token, text, life_s, engine->now_ms);
  if (error == GCN__ENOMEM) *why = "out of memory";
  if (error != 0) return error;
  if (keeper->background) engine->counters.renewals++;
  GCN__LOG_EVENT(
      &engine->log, GCN__LOG_INFO, "token",
      gcn__log_number("generation", (int64_t)keeper->token.generation),
      gcn__log_number("life_ms", (int64_t)keeper->token.life_ms),
      gcn__log_number("renewed", keeper->background));
  stand_down(keeper);
  keeper->superseded = false;
  keeper->token_epoch = keeper->epoch;
  keeper->renew_tries = 0;
  keeper->renew_ms = renewal_of(engine);
  gcn__failure_clear(&keeper->failure);
  tell_waiters(engine);
  return 0;
}

/* The login service replaced it: the old one is of no use any more. */
static void take_refresh_token(struct gcn__engine* engine,
                               struct gcn__span text) {
  struct gcn__keeper* keeper = &engine->keeper;
  struct gcn__credentials* held = &keeper->offers[keeper->offer];
  if (keeper->grant != GCN__GRANT_REFRESH_TOKEN || text.size == 0) return;
  char* copy = gcn__str_copy_n(&engine->mem, text.data, text.size);
  if (copy == NULL) return;
  gcn__secret_free(&engine->mem, held->refresh_token);
  held->refresh_token = copy;
  gcn__engine_emit(engine, GCN__EFFECT_REFRESHED)->refresh_token =
      gcn__span_str(copy);
}

void gcn__keeper_slept(struct gcn__engine* engine, uint64_t slept_ms) {
  struct gcn__keeper* keeper = &engine->keeper;
  uint64_t* moments_ms[] = {&keeper->token.expires_ms, &keeper->renew_ms,
                            &keeper->floor_ms};
  for (size_t i = 0; i < sizeof moments_ms / sizeof moments_ms[0]; i++) {
    if (*moments_ms[i] == GCN__NEVER) continue;
    *moments_ms[i] -= gcn__time_min(*moments_ms[i], slept_ms);
  }
}

void gcn__keeper_answered(struct gcn__engine* engine, struct gcn__json* body) {
  struct gcn__keeper* keeper = &engine->keeper;
  struct gcn__token_answer answer;
  const char* why = "the access token has bytes that do not fit a header";
  int error = gcn__channels_read_token(body, &answer, &why);
  if (error == 0) take_refresh_token(engine, answer.refresh_token);
  if (error == 0) error = take_token(engine, answer.token, answer.life_s, &why);
  gcn__json_free(body, true);
  if (error == 0) return;
  gcn__failure_set(&keeper->failure, error, GCN__LAYER_SERVICE, GCN__OP_TOKEN,
                   "%s", why);
  gcn__keeper_failed(engine, GCN__INPUT_BROKEN);
}

/* 10 s, 20 s, 40 s, 60 s, and not before the login host permits. */
static uint64_t next_try(const struct gcn__engine* engine) {
  const struct gcn__keeper* keeper = &engine->keeper;
  uint64_t shift = keeper->renew_tries < 16 ? keeper->renew_tries : 16;
  uint64_t wait_ms = engine->settings.renew_retry_ms << shift;
  wait_ms = gcn__time_min(wait_ms, engine->settings.renew_retry_max_ms);
  uint64_t at_ms = gcn__time_add(engine->now_ms, wait_ms);
  return at_ms < keeper->floor_ms ? keeper->floor_ms : at_ms;
}

static void tell_failure(struct gcn__engine* engine, enum gcn__input input) {
  const struct gcn__keeper* keeper = &engine->keeper;
  uint64_t floor_ms = gcn__time_until(keeper->floor_ms, engine->now_ms);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (!conn->waits_token) continue;
    conn->failure = keeper->failure;
    if (floor_ms > 0) {
      gcn__session_ask(&conn->session, floor_ms, engine->now_ms);
    }
    if (conn->session.state == GCN__STATE_STREAMING) {
      gcn__failure_log(&engine->log, "background-failed", &keeper->failure);
    }
    gcn__conn_no_token(conn, input);
  }
}

void gcn__keeper_failed(struct gcn__engine* engine, enum gcn__input input) {
  struct gcn__keeper* keeper = &engine->keeper;
  bool refused = input == GCN__INPUT_REFUSED;
  gcn__line_drop(&keeper->line, false);
  if (refused && keeper->offer + 1 < keeper->offer_count) {
    keeper->offer++; /* the secret rotates: the other one may be right */
    fetch(engine);
    return;
  }
  stand_down(keeper);
  keeper->offer = 0;
  if (keeper->background) {
    gcn__failure_log(&engine->log, "renewal-failed", &keeper->failure);
  }
  if (refused && (engine->asks_credentials || engine->asks_token)) {
    /* The vault may know better soon. */
    refused = false;
    input = GCN__INPUT_STUBBORN;
  }
  keeper->refused = refused;
  keeper->renew_ms = refused ? GCN__NEVER : next_try(engine);
  keeper->renew_tries++;
  tell_failure(engine, input);
}

static void answer_failed(struct gcn__engine* engine, int status,
                          const char* what) {
  gcn__failure_set(&engine->keeper.failure, GCN_EAUTH, GCN__LAYER_CLIENT,
                   GCN__OP_TOKEN, "%s (error %d)", what, status);
  gcn__keeper_failed(engine, GCN__INPUT_WEATHER);
}

static bool is_asking(const struct gcn__engine* engine, uint64_t ticket) {
  const struct gcn__keeper* keeper = &engine->keeper;
  if (engine->desire != GCN__DESIRE_STREAMING) return false;
  return keeper->state == GCN__KEEPER_ASKING && keeper->ticket == ticket;
}

bool gcn__engine_offer(struct gcn__engine* engine, uint64_t ticket, int status,
                       const struct gcn__offer* offers, size_t count,
                       uint64_t now_ms) {
  gcn__engine_woken(engine, now_ms);
  if (!is_asking(engine, ticket)) return false;
  if (status == 0 && count == 0) status = GCN__EINVAL;
  if (status == 0) status = take_offers(engine, offers, count);
  if (status == 0) {
    fetch(engine);
  } else {
    answer_failed(engine, status, "the source of credentials has none");
  }
  return true;
}

bool gcn__engine_grant(struct gcn__engine* engine, uint64_t ticket, int status,
                       struct gcn__span token, double life_s, uint64_t now_ms) {
  const char* why = "it has bytes that do not fit a header";
  gcn__engine_woken(engine, now_ms);
  if (!is_asking(engine, ticket)) return false;
  if (status == 0) status = take_token(engine, token, life_s, &why);
  if (status != 0) {
    answer_failed(engine, status, "the source of tokens gave none");
  }
  return true;
}

static bool streaming(const struct gcn__engine* engine) {
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (gcn__conn_streams(shard->primary)) return true;
  }
  return false;
}

/* Renewal serves what streams; whoever is on his way asks for himself. */
static bool renews(const struct gcn__engine* engine) {
  const struct gcn__keeper* keeper = &engine->keeper;
  return keeper->state == GCN__KEEPER_RESTING && !keeper->refused &&
         engine->desire == GCN__DESIRE_STREAMING && streaming(engine);
}

static void give_up(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  if (keeper->state == GCN__KEEPER_FETCHING) {
    gcn__failure_of_timeout(&keeper->failure, &keeper->line,
                            engine->settings.phase_ms);
  } else {
    gcn__failure_set(&keeper->failure, GCN_EPHASE, GCN__LAYER_CLIENT,
                     GCN__OP_TOKEN,
                     "the source of credentials did not answer within %.3g s",
                     (double)engine->settings.phase_ms / 1000);
  }
  gcn__keeper_failed(engine, GCN__INPUT_WEATHER);
}

bool gcn__keeper_work(struct gcn__engine* engine) {
  struct gcn__keeper* keeper = &engine->keeper;
  bool busy = keeper->state != GCN__KEEPER_RESTING;
  if (busy && !keeper->background && !awaited(engine)) {
    stand_down(keeper); /* whoever waited has gone */
    return true;
  }
  if (busy && engine->desire != GCN__DESIRE_STREAMING) {
    gcn__keeper_rest(engine);
    return true;
  }
  if (keeper->give_up_ms <= engine->now_ms) {
    give_up(engine);
    return true;
  }
  if (keeper->renew_ms > engine->now_ms || !renews(engine)) return false;
  keeper->background = true;
  begin(engine);
  return true;
}

uint64_t gcn__keeper_deadline(const struct gcn__engine* engine) {
  const struct gcn__keeper* keeper = &engine->keeper;
  if (!renews(engine)) return keeper->give_up_ms;
  return gcn__time_min(keeper->give_up_ms, keeper->renew_ms);
}
