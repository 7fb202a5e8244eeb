/* SPDX-License-Identifier: MIT */
/*
 * The struct goes with the last of those who know it, because runtimes differ
 * in what they finalise first: the instance data or the objects.
 */
#include "node/env.h"

#include "base/mem.h"
#include "node/client.h"

#include <uv.h>

static void on_finalize(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  gcn__jsenv_release(data);
}

struct gcn__jsenv* gcn__jsenv_new(napi_env env) {
  struct gcn__jsenv* jsenv = gcn__alloc_zero(&gcn__mem_libc, sizeof *jsenv);
  if (jsenv == NULL) {
    gcn__js_throw(env, UV_ENOMEM, NULL);
    return NULL;
  }
  jsenv->env = env;
  jsenv->ref_count = 1;
  gcn__list_init(&jsenv->clients);
  if (napi_set_instance_data(env, jsenv, on_finalize, NULL) == napi_ok) {
    return jsenv;
  }
  gcn__jsenv_release(jsenv);
  gcn__js_throw(env, UV_ENOMEM, NULL);
  return NULL;
}

struct gcn__jsenv* gcn__jsenv_of(napi_env env) {
  void* data = NULL;
  return napi_get_instance_data(env, &data) == napi_ok ? data : NULL;
}

void gcn__jsenv_release(struct gcn__jsenv* jsenv) {
  if (--jsenv->ref_count > 0) return;
  gcn__free(&gcn__mem_libc, jsenv, sizeof *jsenv);
}

void gcn__jsenv_close_all(struct gcn__jsenv* jsenv) {
  struct gcn__list* link = jsenv->clients.next;
  jsenv->ending = true;
  for (; link != &jsenv->clients; link = link->next) {
    struct gcn__jsclient* client =
        GCN__CONTAINER_OF(link, struct gcn__jsclient, link);
    if (client->client == NULL) continue;
    gcn__jsclient_cancel_store(client);
    gcn__jsclient_close(client); /* it may be closing already */
    gcn_client_set_close_ms(client->client, 0);
  }
}

int gcn__jsenv_join_hub(struct gcn__jsenv* jsenv, uv_loop_t* loop,
                        const gcn_options_t* options) {
  if (jsenv->hub == NULL) {
    int error = gcn_hub_new(&jsenv->hub, loop, options);
    if (error != 0) return error;
  }
  jsenv->hub_user_count++;
  return 0;
}

void gcn__jsenv_leave_hub(struct gcn__jsenv* jsenv) {
  if (--jsenv->hub_user_count > 0) return;
  gcn_hub_release(jsenv->hub);
  jsenv->hub = NULL;
}
