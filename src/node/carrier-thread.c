/* SPDX-License-Identifier: MIT */
/*
 * The carrier for runtimes that have no loop to give: a thread with a loop of
 * ours, one for all clients of the environment.
 *
 * JavaScript waits for the thread, in every call but ack; the thread never
 * waits for JavaScript, so that there is no circle.  Reports lie in a queue.
 * While it is not empty one call of the gate, a threadsafe function, is under
 * way, and each takes one report: so promises are served between reports as
 * they are on the host's loop.  A client whose reports pile up is paused until
 * JavaScript has caught up.
 *
 * A client's struct is JavaScript's to free, after it was given the close
 * report.  The thread keeps no pointer beyond that: acknowledgements and
 * returned parcels stand in line before the call that closes the client.
 */
#include "node/carrier.h"

#include "base/mem.h"

#include <signal.h>
#include <uv.h>

enum {
  BACKLOG_EVENTS_MAX = 1024,
  BACKLOG_SIZE_MAX = 4 * 1024 * 1024,
  ACKS_FIRST = 64,
};

const char gcn__carrier_kind[] = "thread";
const bool gcn__carrier_is_apart = true;

struct call {
  void (*work)(void* arg);
  void* arg;
  bool done;
};

struct ack {
  struct gcn__jsclient* client;
  uint64_t sequence;
};

struct acks {
  struct ack* list;
  size_t count;
  size_t capacity;
};

struct gcn__carrier {
  struct gcn__jsenv* jsenv;
  /* JavaScript side. */
  napi_threadsafe_function gate;
  uv_thread_t thread;
  bool ended; /* the thread is gone */
  /* Loop side. */
  uv_loop_t loop;
  uv_async_t wake;
  struct gcn__list clogged; /* clients paused because of their backlog */
  /* Both. */
  uv_mutex_t mutex; /* guards what follows, and the backlogs */
  uv_cond_t done;
  struct call* call; /* that JavaScript waits for */
  struct acks acks;
  struct gcn__parcels returned; /* heard: their events are acknowledged */
  struct gcn__parcels reports;
  bool gate_called; /* a call of the gate is under way */
  bool ending;
};

static void free_parcels(struct gcn__parcels* parcels) {
  struct gcn__parcel* parcel = gcn__parcels_take(parcels);
  for (; parcel != NULL; parcel = gcn__parcels_take(parcels)) {
    gcn__parcel_free(parcel);
  }
}

static void free_acks(struct acks* acks) {
  gcn__free(&gcn__mem_libc, acks->list, acks->capacity * sizeof *acks->list);
  *acks = (struct acks){NULL, 0, 0};
}

static bool is_over(const struct gcn__jsclient* client, size_t divisor) {
  return client->backlog.events > BACKLOG_EVENTS_MAX / divisor ||
         client->backlog.bytes > BACKLOG_SIZE_MAX / divisor;
}

static void acknowledge(struct gcn__parcels* returned, struct acks* acks) {
  struct gcn__parcel* parcel = gcn__parcels_take(returned);
  for (; parcel != NULL; parcel = gcn__parcels_take(returned)) {
    const gcn_event_t* list = parcel->report.as.events.list;
    for (size_t i = 0; i < parcel->report.as.events.count; i++) {
      gcn_client_ack(parcel->client->client, list[i].sequence);
    }
    gcn__parcel_free(parcel);
  }
  for (size_t i = 0; i < acks->count; i++) {
    struct gcn__jsclient* client = acks->list[i].client;
    int error = gcn_client_ack(client->client, acks->list[i].sequence);
    if (error != 0) client->acks_unknown++;
  }
}

static void unclog(struct gcn__carrier* carrier) {
  struct gcn__list* link = carrier->clogged.next;
  while (link != &carrier->clogged) {
    struct gcn__jsclient* client =
        GCN__CONTAINER_OF(link, struct gcn__jsclient, clogged);
    link = link->next;
    uv_mutex_lock(&carrier->mutex);
    bool still = is_over(client, 4);
    uv_mutex_unlock(&carrier->mutex);
    if (still) continue;
    gcn__list_remove(&client->clogged);
    gcn__jsclient_resume(client, GCN__PAUSE_BACKLOG);
  }
}

static bool is_deserted(const struct gcn__jsenv* jsenv) {
  struct gcn__list* link = jsenv->clients.next;
  for (; link != &jsenv->clients; link = link->next) {
    const struct gcn__jsclient* client =
        GCN__CONTAINER_OF(link, struct gcn__jsclient, link);
    if (client->client != NULL) return false;
  }
  return true;
}

/* JavaScript waits for the thread's end and touches nothing meanwhile. */
static void leave_if_deserted(struct gcn__carrier* carrier) {
  uv_handle_t* wake = (uv_handle_t*)&carrier->wake;
  if (!carrier->jsenv->ending || !is_deserted(carrier->jsenv)) return;
  if (!uv_is_closing(wake)) uv_close(wake, NULL);
}

static void finish_call(struct gcn__carrier* carrier, struct call* call) {
  call->work(call->arg);
  uv_mutex_lock(&carrier->mutex);
  call->done = true;
  uv_cond_signal(&carrier->done);
  uv_mutex_unlock(&carrier->mutex);
}

static void on_wake(uv_async_t* wake) {
  struct gcn__carrier* carrier = wake->data;
  uv_mutex_lock(&carrier->mutex);
  struct gcn__parcels returned = carrier->returned;
  struct acks acks = carrier->acks;
  struct call* call = carrier->call;
  bool ending = carrier->ending;
  carrier->returned = (struct gcn__parcels){NULL, NULL};
  carrier->acks = (struct acks){NULL, 0, 0};
  carrier->call = NULL;
  uv_mutex_unlock(&carrier->mutex);
  acknowledge(&returned, &acks);
  free_acks(&acks);
  unclog(carrier);
  if (call != NULL) finish_call(carrier, call);
  if (!ending) return;
  if (!carrier->jsenv->ending) gcn__jsenv_close_all(carrier->jsenv);
  leave_if_deserted(carrier);
}

static void run_loop(void* arg) {
  uv_run(arg, UV_RUN_DEFAULT);
}

uv_loop_t* gcn__carrier_loop(struct gcn__jsenv* jsenv) {
  return &jsenv->carrier->loop;
}

static void call_gate(struct gcn__carrier* carrier) {
  napi_status status =
      napi_call_threadsafe_function(carrier->gate, NULL, napi_tsfn_nonblocking);
  if (status == napi_ok) return;
  /* The runtime ends, or is short of memory: the next report calls again. */
  uv_mutex_lock(&carrier->mutex);
  carrier->gate_called = false;
  uv_mutex_unlock(&carrier->mutex);
}

static void queue(struct gcn__carrier* carrier, struct gcn__parcel* parcel) {
  struct gcn__weight* backlog = &parcel->client->backlog;
  uv_mutex_lock(&carrier->mutex);
  gcn__parcels_append(&carrier->reports, parcel);
  backlog->events += parcel->weight.events;
  backlog->bytes += parcel->weight.bytes;
  bool first = !carrier->gate_called;
  carrier->gate_called = true;
  uv_mutex_unlock(&carrier->mutex);
  if (first) call_gate(carrier);
}

/* Events that could not be put in a parcel are gone, and that is told, by a
 * parcel that needs no memory.  Nobody else could acknowledge them. */
static void send_loss(struct gcn__carrier* carrier,
                      struct gcn__jsclient* client,
                      const struct gcn__report* events) {
  const gcn_event_t* list = events->as.events.list;
  const gcn_event_t* last = &list[events->as.events.count - 1];
  gcn_gap_t* gap = &client->loss.report.as.gap;
  for (size_t i = 0; i < events->as.events.count; i++) {
    gcn_client_ack(client->client, list[i].sequence);
  }
  uv_mutex_lock(&carrier->mutex);
  bool waits = client->loss.client != NULL;
  if (waits) gap->to_unix_ms = last->received_unix_ms;
  uv_mutex_unlock(&carrier->mutex);
  if (waits) return;
  client->loss = (struct gcn__parcel){
      .client = client,
      .report = {.kind = GCN__REPORT_GAP,
                 .as.gap = {.from_unix_ms = list->received_unix_ms,
                            .to_unix_ms = last->received_unix_ms,
                            .cause = "memory was short on the way",
                            .certainty = GCN_CERTAINTY_DROPPED,
                            .topic_count = 1}}};
  queue(carrier, &client->loss);
}

int gcn__carrier_tell_later(struct gcn__jsclient* client,
                            const struct gcn__report* report) {
  struct gcn__parcel* parcel = gcn__parcel_new(client, report);
  if (parcel == NULL) return UV_ENOMEM;
  queue(client->jsenv->carrier, parcel);
  return 0;
}

void gcn__carrier_tell(struct gcn__jsclient* client,
                       const struct gcn__report* report) {
  struct gcn__carrier* carrier = client->jsenv->carrier;
  int error = gcn__carrier_tell_later(client, report);
  if (error != 0 && report->kind == GCN__REPORT_EVENTS) {
    send_loss(carrier, client, report);
  }
  if (client->pauses & GCN__PAUSE_BACKLOG) return;
  uv_mutex_lock(&carrier->mutex);
  bool over = is_over(client, 1);
  uv_mutex_unlock(&carrier->mutex);
  if (!over || gcn__jsclient_pause(client, GCN__PAUSE_BACKLOG) != 0) return;
  gcn__list_append(&carrier->clogged, &client->clogged);
}

void gcn__carrier_tell_closed(struct gcn__jsclient* client) {
  struct gcn__carrier* carrier = client->jsenv->carrier;
  if (client->pauses & GCN__PAUSE_BACKLOG) gcn__list_remove(&client->clogged);
  client->pauses = 0;
  client->last = (struct gcn__parcel){.client = client,
                                      .report = {.kind = GCN__REPORT_CLOSE}};
  queue(carrier, &client->last);
  leave_if_deserted(carrier);
}

void gcn__carrier_call(struct gcn__jsenv* jsenv, void (*work)(void* arg),
                       void* arg) {
  struct gcn__carrier* carrier = jsenv->carrier;
  struct call call = {work, arg, false};
  uv_mutex_lock(&carrier->mutex);
  carrier->call = &call;
  uv_async_send(&carrier->wake);
  while (!call.done)
    uv_cond_wait(&carrier->done, &carrier->mutex);
  uv_mutex_unlock(&carrier->mutex);
}

static bool make_room(struct acks* acks) {
  if (acks->count < acks->capacity) return true;
  size_t capacity = acks->capacity == 0 ? ACKS_FIRST : 2 * acks->capacity;
  struct ack* list =
      gcn__resize(&gcn__mem_libc, acks->list, acks->capacity * sizeof *list,
                  capacity * sizeof *list);
  if (list == NULL) return false;
  acks->list = list;
  acks->capacity = capacity;
  return true;
}

/* What can be known on this side is said as the library would say it. */
int gcn__carrier_ack(struct gcn__jsclient* client, uint64_t sequence) {
  struct gcn__carrier* carrier = client->jsenv->carrier;
  bool heard = sequence > 0 && sequence <= client->last_heard;
  if (!heard || !client->acks_by_hand) return UV_ENOENT;
  struct acks* acks = &carrier->acks;
  uv_mutex_lock(&carrier->mutex);
  bool first = acks->count == 0;
  bool fits = make_room(acks);
  if (fits) acks->list[acks->count++] = (struct ack){client, sequence};
  uv_mutex_unlock(&carrier->mutex);
  if (fits && first) uv_async_send(&carrier->wake);
  return fits ? 0 : UV_ENOMEM;
}

void gcn__carrier_keep(struct gcn__jsenv* jsenv) {
  struct gcn__carrier* carrier = jsenv->carrier;
  if (jsenv->closing) return;
  if (jsenv->kept_count > 0) {
    napi_ref_threadsafe_function(jsenv->env, carrier->gate);
  } else {
    napi_unref_threadsafe_function(jsenv->env, carrier->gate);
  }
}

static void note_heard(struct gcn__carrier* carrier,
                       struct gcn__parcel* parcel) {
  struct gcn__jsclient* client = parcel->client;
  bool returns = parcel->report.kind == GCN__REPORT_EVENTS &&
                 client->acks_late && !client->closing;
  struct gcn__weight weight = parcel->weight;
  uv_mutex_lock(&carrier->mutex);
  bool was_over = is_over(client, 4);
  client->backlog.events -= weight.events;
  client->backlog.bytes -= weight.bytes;
  bool wakes = returns || (was_over && !is_over(client, 4));
  if (returns) gcn__parcels_append(&carrier->returned, parcel);
  uv_mutex_unlock(&carrier->mutex);
  if (wakes) uv_async_send(&carrier->wake);
  if (!returns) gcn__parcel_free(parcel);
}

/* From here on a further loss is told anew. */
static void tell_loss(struct gcn__carrier* carrier,
                      struct gcn__jsclient* client) {
  uv_mutex_lock(&carrier->mutex);
  const struct gcn__report report = client->loss.report;
  client->loss.client = NULL;
  uv_mutex_unlock(&carrier->mutex);
  gcn__jsclient_tell(client, &report);
}

static void hear(struct gcn__carrier* carrier, struct gcn__parcel* parcel) {
  struct gcn__jsclient* client = parcel->client;
  if (parcel == &client->loss) {
    tell_loss(carrier, client);
    return;
  }
  bool last = parcel == &client->last;
  gcn__jsclient_tell(client, &parcel->report);
  if (last) {
    gcn__jsclient_end(client);
  } else {
    note_heard(carrier, parcel);
  }
}

static void on_gate(napi_env env, napi_value unused, void* context,
                    void* data) {
  struct gcn__carrier* carrier = context;
  (void)unused;
  (void)data;
  if (env == NULL || carrier->ended) return;
  uv_mutex_lock(&carrier->mutex);
  struct gcn__parcel* parcel = gcn__parcels_take(&carrier->reports);
  uv_mutex_unlock(&carrier->mutex);
  if (parcel != NULL) hear(carrier, parcel);
  uv_mutex_lock(&carrier->mutex);
  bool more = carrier->reports.first != NULL;
  carrier->gate_called = more;
  uv_mutex_unlock(&carrier->mutex);
  if (more) call_gate(carrier);
}

static void end_clients(struct gcn__jsenv* jsenv) {
  struct gcn__list* link = jsenv->clients.next;
  while (link != &jsenv->clients) {
    struct gcn__jsclient* client =
        GCN__CONTAINER_OF(link, struct gcn__jsclient, link);
    link = link->next;
    gcn__jsclient_end(client);
  }
}

/* Waits until the thread has closed everything. */
static void stop_thread(struct gcn__carrier* carrier) {
  uv_mutex_lock(&carrier->mutex);
  carrier->ending = true;
  uv_mutex_unlock(&carrier->mutex);
  uv_async_send(&carrier->wake);
  uv_thread_join(&carrier->thread);
  uv_loop_close(&carrier->loop);
  uv_cond_destroy(&carrier->done);
  uv_mutex_destroy(&carrier->mutex);
  free_parcels(&carrier->reports);
  free_parcels(&carrier->returned);
  free_acks(&carrier->acks);
}

/* The environment ends. */
static void end_thread(struct gcn__carrier* carrier) {
  if (carrier->ended) return;
  carrier->ended = true;
  carrier->jsenv->closing = true;
  stop_thread(carrier);
  end_clients(carrier->jsenv);
}

static void on_cleanup(void* arg) {
  struct gcn__carrier* carrier = arg;
  end_thread(carrier);
  napi_release_threadsafe_function(carrier->gate, napi_tsfn_abort);
}

/* The last that is heard of the gate, normally after on_cleanup. */
static void on_gate_gone(napi_env env, void* data, void* hint) {
  struct gcn__carrier* carrier = data;
  (void)hint;
  if (!carrier->ended) napi_remove_env_cleanup_hook(env, on_cleanup, carrier);
  end_thread(carrier);
  carrier->jsenv->carrier = NULL;
  gcn__jsenv_release(carrier->jsenv);
  gcn__free(&gcn__mem_libc, carrier, sizeof *carrier);
}

/* Signals are the runtime's: none is delivered to this thread, nor to those
 * that it makes. */
static int start_thread(struct gcn__carrier* carrier) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = uv_thread_create(&carrier->thread, run_loop, &carrier->loop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

static int make_wake(struct gcn__carrier* carrier) {
  int error = uv_loop_init(&carrier->loop);
  if (error != 0) return error;
  error = uv_async_init(&carrier->loop, &carrier->wake, on_wake);
  carrier->wake.data = carrier;
  if (error == 0) {
    error = start_thread(carrier);
    if (error == 0) return 0;
    uv_close((uv_handle_t*)&carrier->wake, NULL);
    uv_run(&carrier->loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&carrier->loop);
  return error;
}

static int make_loop(struct gcn__carrier* carrier) {
  gcn__list_init(&carrier->clogged);
  int error = uv_mutex_init(&carrier->mutex);
  if (error != 0) return error;
  error = uv_cond_init(&carrier->done);
  if (error == 0) {
    error = make_wake(carrier);
    if (error == 0) return 0;
    uv_cond_destroy(&carrier->done);
  }
  uv_mutex_destroy(&carrier->mutex);
  return error;
}

static bool make_gate(struct gcn__carrier* carrier) {
  napi_env env = carrier->jsenv->env;
  napi_value name = gcn__js_str(env, "GCNOTIFY");
  return name != NULL && napi_create_threadsafe_function(
                             env, NULL, NULL, name, 0, 1, carrier, on_gate_gone,
                             carrier, on_gate, &carrier->gate) == napi_ok;
}

/* As if it had never been: the next client tries again. */
static void undo_loop(struct gcn__carrier* carrier) {
  stop_thread(carrier);
  carrier->jsenv->ending = false;
}

/* The hook comes after the gate: the runtime calls hooks last one first, and
 * the gate must not go while the thread may knock.  Without the hook it would
 * be on_gate_gone that ends the thread. */
int gcn__carrier_open(struct gcn__jsenv* jsenv) {
  if (jsenv->carrier != NULL) return 0;
  struct gcn__carrier* carrier =
      gcn__alloc_zero(&gcn__mem_libc, sizeof *carrier);
  if (carrier == NULL) return UV_ENOMEM;
  carrier->jsenv = jsenv;
  jsenv->carrier = carrier;
  int error = make_loop(carrier);
  if (error == 0 && !make_gate(carrier)) {
    undo_loop(carrier);
    error = UV_ENOMEM;
  }
  if (error != 0) {
    jsenv->carrier = NULL;
    gcn__free(&gcn__mem_libc, carrier, sizeof *carrier);
    return error;
  }
  jsenv->ref_count++;
  napi_add_env_cleanup_hook(jsenv->env, on_cleanup, carrier);
  gcn__carrier_keep(jsenv);
  return 0;
}
