/* SPDX-License-Identifier: MIT */
/*
 * What the methods of the class Client have in common.
 *
 * A method looks at `this`, then at its arguments, then at whether the client
 * is closing; it throws and returns NULL at the first that is wrong.
 */
#ifndef GCN_NODE_METHODS_H
#define GCN_NODE_METHODS_H

#include "node/client.h"

enum { GCN__ARGUMENTS_MAX = 4 };

struct gcn__method_call {
  napi_env env;
  struct gcn__jsclient* client;
  napi_value argv[GCN__ARGUMENTS_MAX]; /* undefined if not given */
  struct gcn__scrap scrap;
};

/* false: a TypeError is thrown. */
bool gcn__method_begin(struct gcn__method_call* call, napi_env env,
                       napi_callback_info info);
/* Frees the scrap; throws if there is an error.  Always NULL, which JavaScript
 * sees as undefined. */
napi_value gcn__method_end(struct gcn__method_call* call, int error);

napi_value gcn__method_set_grant(napi_env env, napi_callback_info info);
napi_value gcn__method_credentials_done(napi_env env, napi_callback_info info);
napi_value gcn__method_token_done(napi_env env, napi_callback_info info);
napi_value gcn__method_load_done(napi_env env, napi_callback_info info);
napi_value gcn__method_save_done(napi_env env, napi_callback_info info);

napi_value gcn__method_stats(napi_env env, napi_callback_info info);
napi_value gcn__method_stats_json(napi_env env, napi_callback_info info);
napi_value gcn__method_metrics(napi_env env, napi_callback_info info);
napi_value gcn__method_record(napi_env env, napi_callback_info info);
napi_value gcn__method_acks_unknown(napi_env env, napi_callback_info info);
napi_value gcn__method_state(napi_env env, napi_callback_info info);

#endif
