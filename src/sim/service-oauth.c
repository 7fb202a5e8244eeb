/* SPDX-License-Identifier: MIT */
/*
 * Tokens: the login host's resource (PROTOCOL §1.2), their check on REST calls,
 * the rate limit per token, expiry and revocation.
 *
 * A token ends once; its channels then end with it, unless they are kept.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

#define FORM_TYPE "application/x-www-form-urlencoded"

enum { WINDOW_MS = 60000 };

static struct gcn__sim_token* token_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_token, link);
}

/* The login host's error shape; not the REST API's. */
void gcn__sim_refuse_login(struct gcn__sim_call* call, unsigned status,
                           const char* error, const char* description) {
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text,
                    "{\"error\":\"%s\",\"description\":\"%s: %s\","
                    "\"error_description\":\"%s\"}",
                    error, description, error, description);
  if (text->error != 0) {
    call->conn->failed = true;
    return;
  }
  gcn__sim_reply(call, status, gcn__buf_span(&text->buf));
}

static bool forget_oldest(struct gcn__sim* sim) {
  if (gcn__list_empty(&sim->tokens)) return false;
  struct gcn__sim_token* token = token_at(sim->tokens.next);
  gcn__list_remove(&token->link);
  gcn__free(sim->mem, token, sizeof(*token));
  return true;
}

void gcn__sim_token_value(struct gcn__rng* rng,
                          char value[GCN__SIM_TOKEN_SIZE + 1]) {
  static const char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < GCN__SIM_TOKEN_SIZE; i++) {
    value[i] = letters[gcn__rng_below(rng, sizeof(letters) - 1)];
  }
  value[GCN__SIM_TOKEN_SIZE] = '\0';
}

struct gcn__sim_token* gcn__sim_token_issue(struct gcn__sim* sim, size_t client,
                                            uint64_t now_ms) {
  struct gcn__sim_token* token = gcn__alloc_zero(sim->mem, sizeof(*token));
  if (token == NULL) return NULL;
  gcn__sim_token_value(&sim->ids, token->value);
  token->client = client;
  token->serial = ++sim->token_serial;
  token->expires_ms = gcn__time_add(now_ms, sim->options.token_life_s * 1000);
  token->window_ms = now_ms;
  if (token->serial > GCN__SIM_TOKENS_MAX) forget_oldest(sim);
  gcn__list_append(&sim->tokens, &token->link);
  sim->counters.tokens++;
  return token;
}

static bool is_form(const struct gcn__http* http) {
  struct gcn__span type = gcn__http_header(http, "Content-Type", NULL);
  size_t size = sizeof(FORM_TYPE) - 1;
  if (type.data == NULL || type.size < size) return false;
  if (!gcn__span_iis(gcn__span(type.data, size), FORM_TYPE)) return false;
  return type.size == size || type.data[size] == ';';
}

void gcn__sim_oauth(struct gcn__sim_call* call) {
  if (!gcn__span_is(call->method, "POST")) {
    call->allow = "POST";
    gcn__sim_refuse_login(call, 405, "invalid_request", "method not allowed");
    return;
  }
  if (!is_form(call->conn->http)) {
    gcn__sim_refuse_login(call, 415, "invalid_request",
                          "media type not supported");
    return;
  }
  uint64_t secret = 0;
  int client = gcn__sim_identify(call, &secret);
  if (client == GCN__SIM_NO_CLIENT) {
    gcn__sim_refuse_login(call, 400, "invalid_client", "client not found");
    return;
  }
  if (client == GCN__SIM_WRONG_SECRET) {
    call->sim->counters.secrets_refused++;
    gcn__sim_refuse_login(call, 401, "invalid_client", "authentication failed");
    return;
  }
  call->client_id = gcn__sim_client_id(call->sim, (size_t)client);
  gcn__sim_grant(call, (size_t)client, secret);
}

bool gcn__sim_token_alive(const struct gcn__sim_token* token, uint64_t now_ms) {
  return !token->revoked && token->expires_ms > now_ms;
}

struct gcn__sim_token* gcn__sim_token_of(struct gcn__sim* sim,
                                         uint64_t serial) {
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    if (token_at(at)->serial == serial) return token_at(at);
  }
  return NULL;
}

static struct gcn__sim_token* find_token(struct gcn__sim* sim,
                                         struct gcn__span value) {
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    if (gcn__span_is(value, token_at(at)->value)) return token_at(at);
  }
  return NULL;
}

static bool within_limit(struct gcn__sim_call* call) {
  struct gcn__sim_token* token = call->token;
  uint64_t allowed = call->sim->options.rest_per_min_max;
  if (call->now_ms >= gcn__time_add(token->window_ms, WINDOW_MS)) {
    token->window_ms = call->now_ms;
    token->window_count = 0;
  }
  token->window_count++;
  if (token->window_count <= allowed) return true;
  uint64_t ends_ms = gcn__time_add(token->window_ms, WINDOW_MS);
  gcn__sim_retry_after(call,
                       (gcn__time_until(ends_ms, call->now_ms) + 999) / 1000);
  call->sim->counters.rate_limited++;
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text),
           "Rate limit exceeded the maximum. Retry the request in [%llu] "
           "seconds",
           (unsigned long long)call->retry_after_s);
  gcn__sim_reply_error(call, 429, "too.many.requests.retry.after", text);
  return false;
}

struct gcn__span gcn__sim_bearer(const struct gcn__sim_call* call) {
  size_t count = 0;
  struct gcn__span value =
      gcn__http_header(call->conn->http, "Authorization", &count);
  bool bearer = count == 1 && value.size >= 7 &&
                gcn__span_iis(gcn__span(value.data, 7), "Bearer ");
  return bearer ? gcn__span_skip(value, 7) : (struct gcn__span){NULL, 0};
}

bool gcn__sim_admit(struct gcn__sim_call* call, struct gcn__span value) {
  struct gcn__sim_token* token = find_token(call->sim, value);
  if (token == NULL || token->revoked) {
    gcn__sim_reply_error(call, 401, "bad.credentials",
                         "Invalid login credentials.");
    return false;
  }
  call->client_id = gcn__sim_client_id(call->sim, token->client);
  if (!gcn__sim_token_alive(token, call->now_ms)) {
    gcn__sim_reply_error(call, 401, "credentials.expired",
                         "The authentication token has expired.");
    return false;
  }
  call->token = token;
  return true;
}

bool gcn__sim_authenticate(struct gcn__sim_call* call) {
  struct gcn__span value = gcn__sim_bearer(call);
  if (value.data == NULL) {
    gcn__sim_reply_error(call, 401, "authentication.required",
                         "No authentication bearer token specified in "
                         "authorization header.");
    return false;
  }
  return gcn__sim_admit(call, value) && within_limit(call);
}

/* Channels end with the token that made them; those of a revoked one are told
 * why first. */
static void end_channels(struct gcn__sim* sim, struct gcn__sim_token* token,
                         uint64_t now_ms) {
  token->ended = true;
  gcn__sim_streams_expire(sim, token, now_ms);
  struct gcn__list* at = sim->channels.next;
  while (at != &sim->channels) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link);
    at = at->next;
    if (channel->token != token->serial) continue;
    if (token->revoked && channel->conn != NULL) {
      gcn__sim_ws_system(channel->conn, "token_revoked", "user_tokens_revoked",
                         now_ms);
    }
    if (sim->channels_kept) continue;
    gcn__sim_channel_end(sim, channel, "idle timeout", now_ms);
  }
}

void gcn__sim_token_revoke(struct gcn__sim* sim, struct gcn__sim_token* token,
                           uint64_t now_ms) {
  token->revoked = true;
  if (!token->ended) end_channels(sim, token, now_ms);
}

void gcn__sim_tokens_tick(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    struct gcn__sim_token* token = token_at(at);
    if (token->ended || token->expires_ms > now_ms) continue;
    gcn__sim_log(sim, now_ms, "token %llu of %s expired",
                 (unsigned long long)token->serial,
                 gcn__sim_client_id(sim, token->client));
    end_channels(sim, token, now_ms);
  }
}

uint64_t gcn__sim_tokens_deadline(const struct gcn__sim* sim) {
  uint64_t deadline = GCN__NEVER;
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    const struct gcn__sim_token* token = token_at(at);
    if (token->ended) continue;
    deadline = gcn__time_min(deadline, token->expires_ms);
  }
  return deadline;
}

void gcn__sim_tokens_free(struct gcn__sim* sim) {
  while (forget_oldest(sim))
    continue;
}
