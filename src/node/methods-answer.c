/* SPDX-License-Identifier: MIT */
/*
 * Methods by which JavaScript hands over what the client asked for.
 *
 * Secrets are copied once, into scrap that is wiped.
 */
#include "node/methods.h"

#include <uv.h>

struct answer {
  uint64_t ticket;
  int status;
  size_t count;
  gcn_credentials_t credentials[GCN_CREDENTIALS_COUNT_MAX];
  const char* token;
  uint64_t expires_in;
  gcn_span_t bytes;
};

static bool read_secret(struct gcn__method_call* call, napi_value object,
                        const char* name, bool needed, const char** text) {
  napi_value value = NULL;
  if (napi_get_named_property(call->env, object, name, &value) != napi_ok) {
    return false;
  }
  return needed
             ? gcn__js_read_text(call->env, value, name, &call->scrap, text)
             : gcn__js_read_text_if(call->env, value, name, &call->scrap, text);
}

static bool read_credentials(struct gcn__method_call* call, napi_value object,
                             gcn_credentials_t* to) {
  if (!gcn__js_is(call->env, object, napi_object)) {
    gcn__js_throw_type(call->env, "credentials are not an object");
    return false;
  }
  return read_secret(call, object, "clientId", true, &to->client_id) &&
         read_secret(call, object, "clientSecret", true, &to->client_secret) &&
         read_secret(call, object, "refreshToken", false, &to->refresh_token) &&
         read_secret(call, object, "assertion", false, &to->assertion);
}

static int do_set_grant(struct gcn__jsclient* client, void* arg) {
  return gcn_client_set_grant(client->client, arg);
}

napi_value gcn__method_set_grant(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  gcn_credentials_t credentials;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  if (!read_credentials(&call, call.argv[0], &credentials)) {
    return gcn__method_end(&call, 0);
  }
  return gcn__method_end(
      &call, gcn__jsclient_call(call.client, do_set_grant, &credentials));
}

static bool begin_answer(struct gcn__method_call* call, struct answer* answer,
                         napi_env env, napi_callback_info info) {
  *answer = (struct answer){0};
  return gcn__method_begin(call, env, info) &&
         gcn__js_read_count(env, call->argv[0], "ticket", &answer->ticket) &&
         gcn__js_read_int(env, call->argv[1], "status", &answer->status);
}

static napi_value end_answer(struct gcn__method_call* call, gcn__work_fn work,
                             struct answer* answer) {
  return gcn__method_end(call, gcn__jsclient_call(call->client, work, answer));
}

static int do_credentials(struct gcn__jsclient* client, void* arg) {
  const struct answer* answer = arg;
  return gcn_credentials_done(client->client, answer->ticket, answer->status,
                              answer->credentials, answer->count);
}

/* More than the library takes are more than it would look at. */
static bool read_list(struct gcn__method_call* call, struct answer* answer) {
  napi_env env = call->env;
  napi_value list = call->argv[2];
  uint32_t length = 0;
  if (gcn__js_is(env, list, napi_undefined)) return true;
  if (!gcn__js_read_length(env, list, "list", GCN_CREDENTIALS_COUNT_MAX,
                           &length)) {
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = NULL;
    if (napi_get_element(env, list, i, &element) != napi_ok) return false;
    if (!read_credentials(call, element, &answer->credentials[i])) return false;
  }
  answer->count = length;
  return true;
}

napi_value gcn__method_credentials_done(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  struct answer answer;
  if (!begin_answer(&call, &answer, env, info)) return NULL;
  if (!read_list(&call, &answer)) return gcn__method_end(&call, 0);
  return end_answer(&call, do_credentials, &answer);
}

static int do_token(struct gcn__jsclient* client, void* arg) {
  const struct answer* answer = arg;
  return gcn_token_done(client->client, answer->ticket, answer->status,
                        answer->token, answer->expires_in);
}

napi_value gcn__method_token_done(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  struct answer answer;
  if (!begin_answer(&call, &answer, env, info)) return NULL;
  bool good =
      gcn__js_read_text_if(env, call.argv[2], "token", &call.scrap,
                           &answer.token) &&
      (gcn__js_is(env, call.argv[3], napi_undefined) ||
       gcn__js_read_count(env, call.argv[3], "expiresIn", &answer.expires_in));
  if (!good) return gcn__method_end(&call, 0);
  return end_answer(&call, do_token, &answer);
}

static int do_load(struct gcn__jsclient* client, void* arg) {
  const struct answer* answer = arg;
  gcn_load_t* load = client->load;
  if (load == NULL || answer->ticket != client->load_ticket) return UV_ENOENT;
  client->load = NULL;
  client->load_ticket = 0;
  gcn_load_done(load, answer->status, answer->bytes.data, answer->bytes.size);
  return 0;
}

napi_value gcn__method_load_done(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  struct answer answer;
  if (!begin_answer(&call, &answer, env, info)) return NULL;
  if (!gcn__js_read_bytes(env, call.argv[2], "bytes", &call.scrap,
                          &answer.bytes)) {
    return gcn__method_end(&call, 0);
  }
  return end_answer(&call, do_load, &answer);
}

static int do_save(struct gcn__jsclient* client, void* arg) {
  const struct answer* answer = arg;
  gcn_save_t* save = client->save;
  if (save == NULL || answer->ticket != client->save_ticket) return UV_ENOENT;
  client->save = NULL;
  client->save_ticket = 0;
  gcn_save_done(save, answer->status);
  return 0;
}

napi_value gcn__method_save_done(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  struct answer answer;
  if (!begin_answer(&call, &answer, env, info)) return NULL;
  return end_answer(&call, do_save, &answer);
}
