/* SPDX-License-Identifier: MIT */
/*
 * The class, and those of its methods that ask for something to happen.
 */
#include "node/methods.h"

#include "node/carrier.h"

bool gcn__method_begin(struct gcn__method_call* call, napi_env env,
                       napi_callback_info info) {
  napi_value object = NULL;
  size_t count = GCN__ARGUMENTS_MAX;
  *call = (struct gcn__method_call){.env = env};
  if (napi_get_cb_info(env, info, &count, call->argv, &object, NULL) !=
      napi_ok) {
    return false;
  }
  call->client = gcn__jsclient_of(env, object);
  return call->client != NULL;
}

napi_value gcn__method_end(struct gcn__method_call* call, int error) {
  gcn__scrap_free(&call->scrap);
  if (error != 0) gcn__js_throw(call->env, error, NULL);
  return NULL;
}

/* A method that has arguments but could not read them has thrown already. */
static napi_value give_up(struct gcn__method_call* call) {
  return gcn__method_end(call, 0);
}

static napi_value act(napi_env env, napi_callback_info info,
                      gcn__work_fn work) {
  struct gcn__method_call call;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  return gcn__method_end(&call, gcn__jsclient_call(call.client, work, NULL));
}

#define ACTION(name, function)                                                 \
  static int do_##name(struct gcn__jsclient* client, void* arg) {              \
    (void)arg;                                                                 \
    return function;                                                           \
  }                                                                            \
  static napi_value js_##name(napi_env env, napi_callback_info info) {         \
    return act(env, info, do_##name);                                          \
  }

ACTION(start, gcn_client_start(client->client))
ACTION(stop, gcn_client_stop(client->client))
ACTION(rotate, gcn_client_rotate(client->client))
ACTION(reconnect_now, gcn_client_reconnect_now(client->client))
ACTION(pause, gcn__jsclient_pause(client, GCN__PAUSE_USER))
ACTION(resume, gcn__jsclient_resume(client, GCN__PAUSE_USER))
#undef ACTION

struct topics {
  const char* const* names;
  size_t count;
};

static int do_subscribe(struct gcn__jsclient* client, void* arg) {
  const struct topics* topics = arg;
  return gcn_client_subscribe(client->client, topics->names, topics->count);
}

static int do_unsubscribe(struct gcn__jsclient* client, void* arg) {
  const struct topics* topics = arg;
  return gcn_client_unsubscribe(client->client, topics->names, topics->count);
}

static napi_value act_on_topics(napi_env env, napi_callback_info info,
                                gcn__work_fn work) {
  struct gcn__method_call call;
  struct topics topics = {NULL, 0};
  if (!gcn__method_begin(&call, env, info)) return NULL;
  if (!gcn__js_read_texts(env, call.argv[0], "topics", &call.scrap,
                          &topics.names, &topics.count)) {
    return give_up(&call);
  }
  return gcn__method_end(&call, gcn__jsclient_call(call.client, work, &topics));
}

static napi_value js_subscribe(napi_env env, napi_callback_info info) {
  return act_on_topics(env, info, do_subscribe);
}

static napi_value js_unsubscribe(napi_env env, napi_callback_info info) {
  return act_on_topics(env, info, do_unsubscribe);
}

static napi_value js_ack(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  uint64_t sequence = 0;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  if (!gcn__js_read_count(env, call.argv[0], "sequence", &sequence)) {
    return give_up(&call);
  }
  bool ended = call.client->closing || !call.client->open;
  return gcn__method_end(
      &call, ended ? GCN_ECLOSING : gcn__carrier_ack(call.client, sequence));
}

static int do_ref(struct gcn__jsclient* client, void* arg) {
  (void)arg;
  gcn_client_ref(client->client);
  return 0;
}

static int do_unref(struct gcn__jsclient* client, void* arg) {
  (void)arg;
  gcn_client_unref(client->client);
  return 0;
}

static napi_value keep(napi_env env, napi_callback_info info, bool kept) {
  struct gcn__method_call call;
  int error = GCN_ECLOSING;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  if (!call.client->closing) {
    error = gcn__jsclient_call(call.client, kept ? do_ref : do_unref, NULL);
  }
  if (error == 0) gcn__jsclient_set_kept(call.client, kept);
  return gcn__method_end(&call, error);
}

static napi_value js_ref(napi_env env, napi_callback_info info) {
  return keep(env, info, true);
}

static napi_value js_unref(napi_env env, napi_callback_info info) {
  return keep(env, info, false);
}

static int do_set_close_ms(struct gcn__jsclient* client, void* arg) {
  const uint64_t* close_ms = arg;
  return gcn_client_set_close_ms(client->client, *close_ms);
}

/* Where nothing is left to be cut short that is no error. */
static napi_value js_set_close_ms(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  uint64_t close_ms = 0;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  if (!gcn__js_read_count(env, call.argv[0], "ms", &close_ms)) {
    return give_up(&call);
  }
  int error = gcn__jsclient_call(call.client, do_set_close_ms, &close_ms);
  return gcn__method_end(&call, error == GCN_ECLOSING ? 0 : error);
}

static int do_close(struct gcn__jsclient* client, void* arg) {
  (void)arg;
  return gcn__jsclient_close(client);
}

/* A client that closes holds the runtime for the little that is left. */
static napi_value js_close(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  int error = gcn__jsclient_call(call.client, do_close, NULL);
  if (error == 0) {
    call.client->closing = true;
    gcn__jsclient_set_kept(call.client, true);
  }
  return gcn__method_end(&call, error);
}

napi_value gcn__jsclient_class(napi_env env) {
#define METHOD(name, function)                                                 \
  { name, NULL, function, NULL, NULL, NULL, napi_default_method, NULL }
  static const napi_property_descriptor methods[] = {
      METHOD("start", js_start),
      METHOD("stop", js_stop),
      METHOD("subscribe", js_subscribe),
      METHOD("unsubscribe", js_unsubscribe),
      METHOD("rotate", js_rotate),
      METHOD("reconnectNow", js_reconnect_now),
      METHOD("pause", js_pause),
      METHOD("resume", js_resume),
      METHOD("ack", js_ack),
      METHOD("ref", js_ref),
      METHOD("unref", js_unref),
      METHOD("setCloseMs", js_set_close_ms),
      METHOD("close", js_close),
      METHOD("setGrant", gcn__method_set_grant),
      METHOD("credentialsDone", gcn__method_credentials_done),
      METHOD("tokenDone", gcn__method_token_done),
      METHOD("loadDone", gcn__method_load_done),
      METHOD("saveDone", gcn__method_save_done),
      METHOD("stats", gcn__method_stats),
      METHOD("statsJson", gcn__method_stats_json),
      METHOD("metrics", gcn__method_metrics),
      METHOD("record", gcn__method_record),
      METHOD("acksUnknown", gcn__method_acks_unknown),
      METHOD("state", gcn__method_state),
  };
#undef METHOD
  napi_value class = NULL;
  napi_status status = napi_define_class(
      env, "Client", NAPI_AUTO_LENGTH, gcn__jsclient_construct, NULL,
      sizeof methods / sizeof methods[0], methods, &class);
  return status == napi_ok ? class : NULL;
}
