/* SPDX-License-Identifier: MIT */
/*
 * What the login host gives tokens for (PROTOCOL §1.2, §1.3): client
 * credentials, a refresh token, a SAML2 or a JWT assertion.
 *
 * A refresh token is good once and replaced by the answer that it bought,
 * unless they are kept; using it again is refused for good.
 */
#include "base/err.h"
#include "codec/digest.h"
#include "codec/url.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

#define URN "urn:ietf:params:oauth:grant-type:"

enum { FIELD_SIZE_MAX = 64 << 10, JWT_PARTS = 3 };

/* Where a grant's token comes from: the client, and with what it asked. */
struct request {
  struct gcn__sim_call* call;
  size_t client;
  uint64_t secret;
};

struct grant {
  const char* type;
  void (*serve)(const struct request* request);
};

/* The value of a form field, decoded; false if it is absent, empty or broken.
 * Deinit in either case. */
static bool form_field(struct gcn__sim_call* call, const char* name,
                       struct gcn__buf* value) {
  struct gcn__span form = gcn__http_body(call->conn->http);
  size_t size = strlen(name);
  gcn__buf_init(value, call->sim->mem, FIELD_SIZE_MAX);
  value->secret = true;
  while (form.size > 0) {
    const char* end = memchr(form.data, '&', form.size);
    size_t length = end == NULL ? form.size : (size_t)(end - form.data);
    struct gcn__span pair = gcn__span(form.data, length);
    form = gcn__span_skip(form, end == NULL ? length : length + 1);
    if (!gcn__span_starts(pair, name) || pair.size <= size) continue;
    if (pair.data[size] != '=') continue;
    struct gcn__span text = gcn__span_skip(pair, size + 1);
    return gcn__percent_decode(value, text, true) == 0 &&
           gcn__buf_size(value) > 0;
  }
  return false;
}

static struct gcn__sim_refresh* refresh_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_refresh, link);
}

static void forget_oldest(struct gcn__sim* sim) {
  struct gcn__sim_refresh* oldest = refresh_at(sim->refreshes.next);
  gcn__list_remove(&oldest->link);
  gcn__wipe(oldest->value, sizeof(oldest->value));
  gcn__free(sim->mem, oldest, sizeof(*oldest));
  sim->refresh_count--;
}

void gcn__sim_grants_free(struct gcn__sim* sim) {
  while (!gcn__list_empty(&sim->refreshes))
    forget_oldest(sim);
}

void gcn__sim_grants_revoke(struct gcn__sim* sim) {
  struct gcn__list* at = sim->refreshes.next;
  for (; at != &sim->refreshes; at = at->next)
    refresh_at(at)->revoked = true;
}

static struct gcn__sim_refresh* find_refresh(struct gcn__sim* sim,
                                             struct gcn__span value) {
  struct gcn__list* at = sim->refreshes.next;
  for (; at != &sim->refreshes; at = at->next) {
    if (gcn__span_is(value, refresh_at(at)->value)) return refresh_at(at);
  }
  return NULL;
}

static struct gcn__sim_refresh* add_refresh(struct gcn__sim* sim) {
  struct gcn__sim_refresh* made = gcn__alloc_zero(sim->mem, sizeof(*made));
  if (made == NULL) return NULL;
  if (sim->refresh_count == GCN__SIM_TOKENS_MAX) forget_oldest(sim);
  gcn__list_append(&sim->refreshes, &made->link);
  sim->refresh_count++;
  return made;
}

int gcn__sim_grants_new(struct gcn__sim* sim) {
  const char* first = sim->options.refresh_token;
  if (first == NULL) return 0;
  if (strlen(first) > GCN__SIM_TOKEN_SIZE) return GCN__EINVAL;
  struct gcn__sim_refresh* refresh = add_refresh(sim);
  if (refresh == NULL) return GCN__ENOMEM;
  memcpy(refresh->value, first, strlen(first));
  refresh->client = SIZE_MAX; /* anybody's */
  return 0;
}

/* Answers with a fresh token, and `refresh` if that is not NULL. */
static void give(const struct request* request, const char* refresh) {
  struct gcn__sim_call* call = request->call;
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_text* text = &sim->scratch;
  struct gcn__sim_token* token =
      gcn__sim_token_issue(sim, request->client, call->now_ms);
  if (token == NULL) {
    call->conn->failed = true;
    return;
  }
  token->secret = request->secret;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text,
                    "{\"access_token\":\"%s\",\"token_type\":\"bearer\","
                    "\"expires_in\":%llu",
                    token->value,
                    (unsigned long long)sim->options.token_life_s - 1);
  if (refresh != NULL) {
    gcn__sim_text_put(text, ",\"refresh_token\":\"%s\"", refresh);
  }
  gcn__sim_text_put(text, "}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

static void serve_credentials(const struct request* request) {
  give(request, NULL);
}

static void renew(const struct request* request,
                  struct gcn__sim_refresh* refresh) {
  struct gcn__sim* sim = request->call->sim;
  sim->counters.refreshes++;
  if (sim->options.refresh_kept) {
    give(request, NULL);
    return;
  }
  refresh->spent = true;
  struct gcn__sim_refresh* next = add_refresh(sim);
  if (next == NULL) {
    request->call->conn->failed = true;
    return;
  }
  gcn__sim_token_value(&sim->ids, next->value);
  next->client = request->client;
  give(request, next->value);
}

static void serve_refresh(const struct request* request) {
  struct gcn__sim* sim = request->call->sim;
  struct gcn__buf value;
  bool given = form_field(request->call, "refresh_token", &value);
  struct gcn__sim_refresh* refresh =
      given ? find_refresh(sim, gcn__buf_span(&value)) : NULL;
  gcn__buf_deinit(&value);
  bool own = refresh != NULL && (refresh->client == request->client ||
                                 refresh->client == SIZE_MAX);
  if (!given) {
    gcn__sim_refuse_login(request->call, 400, "invalid_request",
                          "refresh_token is missing");
  } else if (!own || refresh->spent || refresh->revoked) {
    if (own && refresh->spent) sim->counters.refresh_reused++;
    gcn__sim_refuse_login(request->call, 400, "invalid_grant",
                          "refresh token not accepted");
  } else {
    renew(request, refresh);
  }
}

static bool is_base64(struct gcn__sim_call* call, struct gcn__span text) {
  struct gcn__buf bytes;
  gcn__buf_init(&bytes, call->sim->mem, FIELD_SIZE_MAX);
  bool good = gcn__base64_decode(&bytes, text) == 0;
  gcn__buf_deinit(&bytes);
  return good;
}

static bool is_base64url(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = gcn__ascii_lower(text.data[i]);
    bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                c == '_';
    if (!good) return false;
  }
  return text.size > 0;
}

static bool is_jwt(struct gcn__span text) {
  for (int i = 0; i < JWT_PARTS; i++) {
    const char* dot = memchr(text.data, '.', text.size);
    bool last = i == JWT_PARTS - 1;
    if ((dot == NULL) != last) return false;
    size_t size = last ? text.size : (size_t)(dot - text.data);
    if (!is_base64url(gcn__span(text.data, size))) return false;
    text = gcn__span_skip(text, last ? size : size + 1);
  }
  return true;
}

/* What a field must be: `wanted`, or anything well formed if that is NULL. */
static bool is_accepted(struct gcn__span given, const char* wanted,
                        bool well_formed) {
  return wanted == NULL ? well_formed : gcn__span_is(given, wanted);
}

static void answer_assertion(const struct request* request, bool given,
                             bool good) {
  if (!given) {
    gcn__sim_refuse_login(request->call, 400, "invalid_request",
                          "a field is missing");
  } else if (!good) {
    gcn__sim_refuse_login(request->call, 400, "invalid_grant",
                          "assertion not accepted");
  } else {
    give(request, NULL);
  }
}

static void serve_saml(const struct request* request) {
  struct gcn__sim_call* call = request->call;
  const struct gcn__sim_options* options = &call->sim->options;
  struct gcn__buf org;
  struct gcn__buf assertion;
  bool given = form_field(call, "orgName", &org);
  given = form_field(call, "assertion", &assertion) && given;
  struct gcn__span text = gcn__buf_span(&assertion);
  bool good = given &&
              is_accepted(gcn__buf_span(&org), options->org_name, true) &&
              is_accepted(text, options->assertion, is_base64(call, text));
  gcn__buf_deinit(&org);
  gcn__buf_deinit(&assertion);
  answer_assertion(request, given, good);
}

static void serve_jwt(const struct request* request) {
  struct gcn__sim_call* call = request->call;
  struct gcn__buf assertion;
  bool given = form_field(call, "assertion", &assertion);
  struct gcn__span text = gcn__buf_span(&assertion);
  bool good =
      given && is_accepted(text, call->sim->options.assertion, is_jwt(text));
  gcn__buf_deinit(&assertion);
  answer_assertion(request, given, good);
}

static const struct grant grants[] = {
    {"client_credentials", serve_credentials},
    {"refresh_token", serve_refresh},
    {URN "saml2-bearer", serve_saml},
    {URN "jwt-bearer", serve_jwt},
};

static const struct grant* find_grant(struct gcn__span type) {
  for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
    if (gcn__span_is(type, grants[i].type)) return &grants[i];
  }
  return NULL;
}

void gcn__sim_grant(struct gcn__sim_call* call, size_t client,
                    uint64_t secret) {
  const struct request request = {call, client, secret};
  struct gcn__buf type;
  bool given = form_field(call, "grant_type", &type);
  const struct grant* grant = find_grant(gcn__buf_span(&type));
  gcn__buf_deinit(&type);
  if (!given) {
    gcn__sim_refuse_login(call, 400, "invalid_request",
                          "grant_type is missing");
  } else if (grant == NULL) {
    gcn__sim_refuse_login(call, 400, "unsupported_grant_type",
                          "grant type not supported");
  } else {
    grant->serve(&request);
  }
}
