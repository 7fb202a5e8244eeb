/* SPDX-License-Identifier: MIT */
/*
 * The clients' secrets, and their rotation.
 *
 * A secret is in force until the next one; then it is accepted until its
 * overlap ends.  At most two are good at a time: a second rotation within the
 * overlap ends the oldest.
 */
#include "base/err.h"
#include "codec/digest.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

enum { BASIC_SIZE_MAX = 8192, SCHEME_SIZE = 6 };

static size_t logins_size(const struct gcn__sim* sim) {
  return sim->options.client_count * sizeof(*sim->logins);
}

int gcn__sim_logins_new(struct gcn__sim* sim) {
  if (sim->options.client_count == 0) return 0;
  sim->logins = gcn__alloc_zero(sim->mem, logins_size(sim));
  return sim->logins == NULL ? GCN__ENOMEM : 0;
}

void gcn__sim_logins_free(struct gcn__sim* sim) {
  if (sim->logins == NULL) return;
  for (size_t i = 0; i < sim->options.client_count; i++) {
    gcn__secret_free(sim->mem, sim->logins[i].secret);
    gcn__secret_free(sim->mem, sim->logins[i].former);
  }
  gcn__free(sim->mem, sim->logins, logins_size(sim));
  sim->logins = NULL;
}

static bool is_secret(const struct gcn__sim* sim, size_t client,
                      const char* kept, struct gcn__span given) {
  const char* first = sim->options.clients[client].secret;
  return gcn__span_is(given, kept != NULL ? kept : first);
}

/* True if the secret is good now; `serial` is then which one it is. */
static bool accepts(const struct gcn__sim* sim, size_t client,
                    struct gcn__span given, uint64_t now_ms, uint64_t* serial) {
  const struct gcn__sim_login* login = &sim->logins[client];
  *serial = login->serial;
  if (is_secret(sim, client, login->secret, given)) return true;
  if (!login->rotated || login->until_ms <= now_ms) return false;
  *serial = login->serial - 1;
  return is_secret(sim, client, login->former, given);
}

static int find_client(const struct gcn__sim* sim, struct gcn__span id) {
  for (size_t i = 0; i < sim->options.client_count; i++) {
    if (gcn__span_is(id, sim->options.clients[i].id)) return (int)i;
  }
  return GCN__SIM_NO_CLIENT;
}

static int client_of(const struct gcn__sim_call* call, struct gcn__span basic,
                     uint64_t* serial) {
  const struct gcn__sim* sim = call->sim;
  const char* colon = memchr(basic.data, ':', basic.size);
  if (colon == NULL) return GCN__SIM_NO_CLIENT;
  size_t size = (size_t)(colon - basic.data);
  int client = find_client(sim, gcn__span(basic.data, size));
  if (client < 0) return client;
  struct gcn__span secret = gcn__span_skip(basic, size + 1);
  return accepts(sim, (size_t)client, secret, call->now_ms, serial)
             ? client
             : GCN__SIM_WRONG_SECRET;
}

int gcn__sim_identify(struct gcn__sim_call* call, uint64_t* serial) {
  size_t count = 0;
  struct gcn__span value =
      gcn__http_header(call->conn->http, "Authorization", &count);
  if (count != 1 || value.size < SCHEME_SIZE) return GCN__SIM_NO_CLIENT;
  if (!gcn__span_iis(gcn__span(value.data, SCHEME_SIZE), "Basic ")) {
    return GCN__SIM_NO_CLIENT;
  }
  struct gcn__buf basic;
  gcn__buf_init(&basic, call->sim->mem, BASIC_SIZE_MAX);
  basic.secret = true;
  int client = GCN__SIM_NO_CLIENT;
  if (gcn__base64_decode(&basic, gcn__span_skip(value, SCHEME_SIZE)) == 0) {
    client = client_of(call, gcn__buf_span(&basic), serial);
  }
  gcn__buf_deinit(&basic);
  return client;
}

int gcn__sim_rotate_secret(struct gcn__sim* sim, const char* client_id,
                           const char* secret, uint64_t overlap_ms,
                           uint64_t now_ms) {
  int client = find_client(sim, gcn__span_str(client_id));
  if (client < 0) return GCN__EINVAL;
  char* copy = gcn__str_copy(sim->mem, secret);
  if (copy == NULL) return GCN__ENOMEM;
  struct gcn__sim_login* login = &sim->logins[client];
  gcn__secret_free(sim->mem, login->former);
  login->former = login->secret;
  login->secret = copy;
  login->rotated = true;
  login->until_ms = gcn__time_add(now_ms, overlap_ms);
  login->serial++;
  gcn__sim_log(sim, now_ms, "%s has a new secret", client_id);
  return 0;
}

void gcn__sim_logins_revoke_old(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    struct gcn__sim_token* token =
        GCN__CONTAINER_OF(at, struct gcn__sim_token, link);
    if (!gcn__sim_token_alive(token, now_ms)) continue;
    if (token->secret == sim->logins[token->client].serial) continue;
    gcn__sim_token_revoke(sim, token, now_ms);
  }
}
