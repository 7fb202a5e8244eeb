/* SPDX-License-Identifier: MIT */
/*
 * A client's making, its end, and its word to the listener.
 */
#include "node/client.h"

#include "base/mem.h"
#include "node/carrier.h"
#include "node/report-events.h"

#include <stdio.h>
#include <uv.h>

struct errand {
  struct gcn__jsclient* client;
  gcn__work_fn work;
  void* arg;
  int result;
};

static void run_errand(void* arg) {
  struct errand* errand = arg;
  if (errand->client->client == NULL) return;
  errand->result = errand->work(errand->client, errand->arg);
}

int gcn__jsclient_call(struct gcn__jsclient* client, gcn__work_fn work,
                       void* arg) {
  struct errand errand = {client, work, arg, GCN_ECLOSING};
  if (client->open) gcn__carrier_call(client->jsenv, run_errand, &errand);
  return errand.result;
}

static void on_closed(gcn_client_t* closed) {
  struct gcn__jsclient* client = gcn_client_data(closed);
  client->client = NULL;
  gcn__carrier_tell_closed(client);
}

int gcn__jsclient_close(struct gcn__jsclient* client) {
  int error = gcn_client_close(client->client, on_closed);
  if (error == 0 && client->on_hub) {
    client->on_hub = false;
    gcn__jsenv_leave_hub(client->jsenv);
  }
  return error;
}

int gcn__jsclient_pause(struct gcn__jsclient* client, enum gcn__pause pause) {
  int error = gcn_client_pause(client->client);
  if (error == 0) client->pauses |= pause;
  return error;
}

int gcn__jsclient_resume(struct gcn__jsclient* client, enum gcn__pause pause) {
  unsigned rest = client->pauses & ~(unsigned)pause;
  int error = rest == 0 ? gcn_client_resume(client->client)
                        : gcn_client_pause(client->client);
  if (error == 0) client->pauses = rest;
  return error;
}

void gcn__jsclient_set_kept(struct gcn__jsclient* client, bool kept) {
  struct gcn__jsenv* jsenv = client->jsenv;
  if (client->kept == kept) return;
  client->kept = kept;
  jsenv->kept_count = kept ? jsenv->kept_count + 1 : jsenv->kept_count - 1;
  gcn__carrier_keep(jsenv);
}

static void free_client(struct gcn__jsclient* client) {
  struct gcn__jsenv* jsenv = client->jsenv;
  gcn__list_remove(&client->link);
  gcn__free(&gcn__mem_libc, client, sizeof *client);
  gcn__jsenv_release(jsenv);
}

static void on_finalize(napi_env env, void* data, void* hint) {
  struct gcn__jsclient* client = data;
  (void)env;
  (void)hint;
  client->orphan = true;
  if (!client->open) free_client(client);
}

static void drop_references(struct gcn__jsclient* client) {
  napi_env env = client->jsenv->env;
  /* When an environment ends Deno has no handle scope for that; what is left
   * goes with the environment. */
  if (client->context != NULL && !client->jsenv->closing) {
    napi_async_destroy(env, client->context);
  }
  if (client->listener != NULL) napi_delete_reference(env, client->listener);
  if (client->numbers != NULL) napi_delete_reference(env, client->numbers);
  if (client->object != NULL) napi_delete_reference(env, client->object);
  client->context = NULL;
  client->listener = NULL;
  client->numbers = NULL;
  client->object = NULL;
}

void gcn__jsclient_end(struct gcn__jsclient* client) {
  if (!client->open) return;
  client->open = false;
  client->jsenv->open_count--;
  gcn__jsclient_set_kept(client, false);
  drop_references(client);
  if (client->orphan) free_client(client);
}

/* What is asked for an answer goes on being told while the client closes. */
static bool is_told_late(enum gcn__report_kind kind) {
  return kind == GCN__REPORT_LOAD || kind == GCN__REPORT_SAVE ||
         kind == GCN__REPORT_STORE_CLOSE || kind == GCN__REPORT_CLOSE;
}

static napi_value value_of(napi_env env, napi_ref reference) {
  napi_value value = NULL;
  napi_status status = napi_get_reference_value(env, reference, &value);
  return status == napi_ok ? value : NULL;
}

static void call_listener(struct gcn__jsclient* client, size_t argc,
                          const napi_value* argv) {
  napi_env env = client->jsenv->env;
  napi_value object = value_of(env, client->object);
  napi_value listener = value_of(env, client->listener);
  napi_value error = NULL;
  napi_value ignored = NULL; /* Deno writes there without a look */
  if (object == NULL || listener == NULL) return;
  napi_status status = napi_make_callback(env, client->context, object,
                                          listener, argc, argv, &ignored);
  if (status != napi_pending_exception) return;
  /* Left pending it would be lost: nobody of JavaScript's called us. */
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return;
  napi_fatal_exception(env, error);
}

static bool may_hear(const struct gcn__jsclient* client,
                     enum gcn__report_kind kind) {
  if (client->jsenv->closing || !client->open) return false;
  return !client->closing || is_told_late(kind);
}

static void tell_events(struct gcn__jsclient* client, const gcn_event_t* list,
                        size_t count) {
  napi_env env = client->jsenv->env;
  napi_handle_scope scope = NULL;
  napi_value argv[2 + GCN__EVENTS_MAX * GCN__EVENT_TEXTS];
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  argv[0] = gcn__js_str(env, gcn__report_name(GCN__REPORT_EVENTS));
  argv[1] = value_of(env, client->numbers);
  if (argv[0] != NULL && argv[1] != NULL &&
      gcn__events_put(env, list, count, argv[1], argv + 2)) {
    uint64_t last = list[count - 1].sequence;
    if (last > client->last_heard) client->last_heard = last;
    call_listener(client, 2 + count * GCN__EVENT_TEXTS, argv);
  }
  napi_close_handle_scope(env, scope);
}

static void tell_other(struct gcn__jsclient* client,
                       const struct gcn__report* report) {
  napi_env env = client->jsenv->env;
  napi_handle_scope scope = NULL;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  const napi_value argv[] = {
      gcn__js_str(env, gcn__report_name(report->kind)),
      gcn__report_payload(env, report),
  };
  if (argv[0] != NULL && argv[1] != NULL) call_listener(client, 2, argv);
  napi_close_handle_scope(env, scope);
}

void gcn__jsclient_tell(struct gcn__jsclient* client,
                        const struct gcn__report* report) {
  if (report->kind != GCN__REPORT_EVENTS) {
    if (may_hear(client, report->kind)) tell_other(client, report);
    return;
  }
  const gcn_event_t* list = report->as.events.list;
  size_t rest = report->as.events.count;
  while (rest > 0 && may_hear(client, report->kind)) {
    size_t count = rest < GCN__EVENTS_MAX ? rest : GCN__EVENTS_MAX;
    tell_events(client, list, count);
    list += count;
    rest -= count;
  }
}

struct gcn__jsclient* gcn__jsclient_of(napi_env env, napi_value object) {
  const struct gcn__jsenv* jsenv = gcn__jsenv_of(env);
  void* data = NULL;
  if (napi_unwrap(env, object, &data) != napi_ok) data = NULL;
  /* What another addon wrapped is none of ours. */
  struct gcn__list* link = jsenv->clients.next;
  for (; data != NULL && link != &jsenv->clients; link = link->next) {
    struct gcn__jsclient* client =
        GCN__CONTAINER_OF(link, struct gcn__jsclient, link);
    if (client == data) return client;
  }
  gcn__js_throw_type(env, "this is not a Client");
  return NULL;
}

static struct gcn__jsclient* new_struct(struct gcn__jsenv* jsenv,
                                        napi_value object) {
  napi_env env = jsenv->env;
  struct gcn__jsclient* client =
      gcn__alloc_zero(&gcn__mem_libc, sizeof *client);
  if (client == NULL) {
    gcn__js_throw(env, UV_ENOMEM, NULL);
    return NULL;
  }
  if (napi_wrap(env, object, client, on_finalize, NULL, NULL) != napi_ok) {
    gcn__free(&gcn__mem_libc, client, sizeof *client);
    gcn__js_throw_type(env, "this is not a new Client");
    return NULL;
  }
  client->jsenv = jsenv;
  jsenv->ref_count++;
  gcn__list_append(&jsenv->clients, &client->link);
  return client;
}

static bool take_references(struct gcn__jsclient* client, napi_value object,
                            napi_value listener) {
  napi_env env = client->jsenv->env;
  napi_value name = gcn__js_str(env, "GCNOTIFY");
  napi_value numbers = gcn__events_numbers(env);
  if (name == NULL || numbers == NULL) return false;
  return napi_create_reference(env, numbers, 1, &client->numbers) == napi_ok &&
         napi_create_reference(env, object, 1, &client->object) == napi_ok &&
         napi_create_reference(env, listener, 1, &client->listener) ==
             napi_ok &&
         napi_async_init(env, object, name, &client->context) == napi_ok;
}

struct making {
  struct gcn__jsclient* client;
  struct gcn__jsoptions* asked;
  int error;
};

static void make(void* arg) {
  struct making* making = arg;
  struct gcn__jsclient* client = making->client;
  struct gcn__jsoptions* asked = making->asked;
  gcn_options_t* options = &asked->options;
  uv_loop_t* loop = gcn__carrier_loop(client->jsenv);
  gcn__jsclient_hear(client, asked);
  if (!asked->own_hub) {
    making->error = gcn__jsenv_join_hub(client->jsenv, loop, options);
    if (making->error != 0) return;
    client->on_hub = true;
    options->hub = client->jsenv->hub;
  }
  making->error = gcn_client_new(&client->client, loop, options);
  if (making->error == 0 || !client->on_hub) return;
  client->on_hub = false;
  gcn__jsenv_leave_hub(client->jsenv);
}

static int start_life(struct gcn__jsclient* client,
                      struct gcn__jsoptions* asked) {
  struct making making = {client, asked, 0};
  if (client->jsenv->closing) return GCN_ECLOSING;
  int error = gcn__carrier_open(client->jsenv);
  if (error != 0) return error;
  gcn__carrier_call(client->jsenv, make, &making);
  if (making.error != 0) return making.error;
  client->open = true;
  client->jsenv->open_count++;
  gcn__jsclient_set_kept(client, true);
  return 0;
}

napi_value gcn__jsclient_construct(napi_env env, napi_callback_info info) {
  struct gcn__jsenv* jsenv = gcn__jsenv_of(env);
  struct gcn__jsoptions asked;
  napi_value target = NULL;
  napi_value object = NULL;
  napi_value argv[2] = {NULL, NULL};
  size_t argc = 2;
  napi_get_new_target(env, info, &target);
  napi_get_cb_info(env, info, &argc, argv, &object, NULL);
  if (target == NULL) return gcn__js_throw_type(env, "Client needs new");
  if (!gcn__js_is(env, argv[1], napi_function)) {
    return gcn__js_throw_type(env, "listener is not a function");
  }
  struct gcn__jsclient* client = NULL;
  if (gcn__jsoptions_read(&asked, env, argv[0])) {
    client = new_struct(jsenv, object);
  }
  int error = 0;
  if (client != NULL) {
    error = take_references(client, object, argv[1]) ? 0 : UV_ENOMEM;
    if (error == 0) error = start_life(client, &asked);
  }
  gcn__jsoptions_free(&asked);
  if (error == 0) return client == NULL ? NULL : object;
  drop_references(client); /* the struct goes with the object */
  return gcn__js_throw(env, error, client->sentence);
}
