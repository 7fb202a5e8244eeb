/* SPDX-License-Identifier: MIT */
/*
 * The carrier that is none: clients live on the loop of the runtime, so calls
 * and reports are calls.
 *
 * An async handle of ours does three things: it brings what is told later, it
 * wakes a loop that slept through a call (Electron polls the loop's descriptor
 * from a thread of its own, with the timeout that it saw last), and its closing
 * is the last step of an environment's end.
 */
#include "node/carrier.h"

#include "base/mem.h"

#include <uv.h>

const char gcn__carrier_kind[] = "host";
const bool gcn__carrier_is_apart = false;

struct gcn__carrier {
  struct gcn__jsenv* jsenv;
  uv_loop_t* loop;
  uv_async_t wake;
  struct gcn__parcels later; /* to be told later */
  napi_async_cleanup_hook_handle hook;
};

static void flush(struct gcn__carrier* carrier) {
  struct gcn__parcel* parcel = gcn__parcels_take(&carrier->later);
  for (; parcel != NULL; parcel = gcn__parcels_take(&carrier->later)) {
    gcn__jsclient_tell(parcel->client, &parcel->report);
    gcn__parcel_free(parcel);
  }
}

static void on_wake(uv_async_t* wake) {
  flush(wake->data);
}

static void on_wake_closed(uv_handle_t* handle) {
  struct gcn__carrier* carrier = handle->data;
  napi_async_cleanup_hook_handle hook = carrier->hook;
  carrier->jsenv->carrier = NULL;
  gcn__free(&gcn__mem_libc, carrier, sizeof *carrier);
  if (hook != NULL) napi_remove_async_cleanup_hook(hook);
}

/* The environment ends: from here on nobody hears anything. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void* data) {
  struct gcn__carrier* carrier = data;
  struct gcn__jsenv* jsenv = carrier->jsenv;
  carrier->hook = hook;
  jsenv->closing = true;
  flush(carrier);
  gcn__jsenv_close_all(jsenv);
  if (jsenv->open_count > 0) return;
  uv_close((uv_handle_t*)&carrier->wake, on_wake_closed);
}

static int open_carrier(struct gcn__carrier* carrier) {
  napi_env env = carrier->jsenv->env;
  if (napi_get_uv_event_loop(env, &carrier->loop) != napi_ok) {
    return UV_ENOTSUP;
  }
  if (napi_add_async_cleanup_hook(env, on_cleanup, carrier, &carrier->hook) !=
      napi_ok) {
    return UV_ENOMEM;
  }
  int error = uv_async_init(carrier->loop, &carrier->wake, on_wake);
  if (error != 0) {
    napi_remove_async_cleanup_hook(carrier->hook);
    return error;
  }
  carrier->wake.data = carrier;
  uv_unref((uv_handle_t*)&carrier->wake);
  return 0;
}

int gcn__carrier_open(struct gcn__jsenv* jsenv) {
  if (jsenv->carrier != NULL) return 0;
  struct gcn__carrier* carrier =
      gcn__alloc_zero(&gcn__mem_libc, sizeof *carrier);
  if (carrier == NULL) return UV_ENOMEM;
  carrier->jsenv = jsenv;
  int error = open_carrier(carrier);
  if (error != 0) {
    gcn__free(&gcn__mem_libc, carrier, sizeof *carrier);
    return error;
  }
  jsenv->carrier = carrier;
  return 0;
}

uv_loop_t* gcn__carrier_loop(struct gcn__jsenv* jsenv) {
  return jsenv->carrier->loop;
}

void gcn__carrier_call(struct gcn__jsenv* jsenv, void (*work)(void* arg),
                       void* arg) {
  struct gcn__carrier* carrier = jsenv->carrier;
  /* JavaScript may have run for long since the loop looked at the clock. */
  uv_update_time(carrier->loop);
  work(arg);
  uv_async_send(&carrier->wake);
}

struct acking {
  struct gcn__jsclient* client;
  uint64_t sequence;
  int error;
};

static void ack(void* arg) {
  struct acking* acking = arg;
  acking->error = gcn_client_ack(acking->client->client, acking->sequence);
}

int gcn__carrier_ack(struct gcn__jsclient* client, uint64_t sequence) {
  struct acking acking = {client, sequence, GCN_ECLOSING};
  if (client->client == NULL) return GCN_ECLOSING;
  gcn__carrier_call(client->jsenv, ack, &acking);
  return acking.error;
}

/* Clients hold the loop themselves. */
void gcn__carrier_keep(struct gcn__jsenv* jsenv) {
  (void)jsenv;
}

void gcn__carrier_tell(struct gcn__jsclient* client,
                       const struct gcn__report* report) {
  flush(client->jsenv->carrier);
  gcn__jsclient_tell(client, report);
}

int gcn__carrier_tell_later(struct gcn__jsclient* client,
                            const struct gcn__report* report) {
  struct gcn__carrier* carrier = client->jsenv->carrier;
  struct gcn__parcel* parcel = gcn__parcel_new(client, report);
  if (parcel == NULL) return UV_ENOMEM;
  gcn__parcels_append(&carrier->later, parcel);
  uv_async_send(&carrier->wake);
  return 0;
}

void gcn__carrier_tell_closed(struct gcn__jsclient* client) {
  struct gcn__jsenv* jsenv = client->jsenv;
  struct gcn__carrier* carrier = jsenv->carrier;
  const struct gcn__report report = {.kind = GCN__REPORT_CLOSE};
  gcn__carrier_tell(client, &report);
  gcn__jsclient_end(client);
  if (!jsenv->closing || jsenv->open_count > 0) return;
  uv_close((uv_handle_t*)&carrier->wake, on_wake_closed);
}
