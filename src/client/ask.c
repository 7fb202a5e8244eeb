/* SPDX-License-Identifier: MIT */
/*
 * What the engine asks of the user, and the user's answers.
 */
#include "base/err.h"
#include "client/check.h"
#include "client/checkpoint.h"
#include "client/options.h"

static bool good_offer(const gcn_credentials_t* credentials) {
  if (gcn__client_id_check(credentials->client_id) != NULL) return false;
  if (gcn__credential_check(credentials->client_secret) != NULL) return false;
  const char* refresh = credentials->refresh_token;
  const char* assertion = credentials->assertion;
  if (refresh != NULL && gcn__assertion_check(refresh) != NULL) return false;
  return assertion == NULL || gcn__assertion_check(assertion) == NULL;
}

static struct gcn__offer offer_of(const gcn_credentials_t* credentials) {
  return (struct gcn__offer){
      .client_id = credentials->client_id,
      .client_secret = credentials->client_secret,
      .refresh_token = credentials->refresh_token,
      .assertion = credentials->assertion,
  };
}

int gcn_client_set_grant(gcn_client_t* client,
                         const gcn_credentials_t* credentials) {
  int error = gcn__client_check(client);
  if (error != 0) return error;
  if (credentials == NULL || !good_offer(credentials)) return UV_EINVAL;
  const struct gcn__offer offer = offer_of(credentials);
  error = gcn__engine_credentials(client->engine, &offer);
  if (error != 0) return error;
  gcn__checkpointer_identify(client, offer.client_id);
  return gcn__client_note(client, GCN__COMMAND_CREDENTIALS);
}

int gcn_client_set_credentials(gcn_client_t* client, const char* client_id,
                               const char* client_secret) {
  const gcn_credentials_t credentials = {.client_id = client_id,
                                         .client_secret = client_secret};
  return gcn_client_set_grant(client, &credentials);
}

int gcn_credentials_done(gcn_client_t* client, uint64_t ticket, int status,
                         const gcn_credentials_t* credentials, size_t count) {
  struct gcn__offer offers[GCN__OFFER_COUNT_MAX];
  int error = gcn__client_check(client);
  if (error != 0) return error;
  if (status > 0 || count > GCN__OFFER_COUNT_MAX) return UV_EINVAL;
  if (status == 0 && (credentials == NULL || count == 0)) return UV_EINVAL;
  for (size_t i = 0; status == 0 && i < count; i++) {
    if (!good_offer(&credentials[i])) return UV_EINVAL;
    offers[i] = offer_of(&credentials[i]);
  }
  bool taken = gcn__engine_offer(client->engine, ticket, status, offers, count,
                                 uv_now(client->loop));
  if (!taken) return UV_ENOENT;
  return gcn__client_note(client, 0);
}

int gcn_token_done(gcn_client_t* client, uint64_t ticket, int status,
                   const char* token, uint64_t expires_in) {
  int error = gcn__client_check(client);
  if (error != 0) return error;
  if (status > 0 || (status == 0 && token == NULL)) return UV_EINVAL;
  bool taken =
      gcn__engine_grant(client->engine, ticket, status, gcn__span_str(token),
                        (double)expires_in, uv_now(client->loop));
  if (!taken) return UV_ENOENT;
  return gcn__client_note(client, 0);
}

void gcn_connect_done(gcn_connect_t* request, int status, int fd) {
  gcn__connect_done((struct gcn__connect*)(void*)request, status, fd);
}
