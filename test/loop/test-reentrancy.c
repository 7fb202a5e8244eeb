/* SPDX-License-Identifier: MIT */
/*
 * Every public call from inside every callback, on real sockets: MOMENTS are
 * the callbacks (of the state callback each state that is told is one), CALLS
 * what may be called in them; every pair is one life.
 *
 * In each: the call does not call back before it returns, no callback nests, a
 * getter shows something sound, and afterwards the client can be made to stream
 * again and to close, once, without a byte left.  Both lists are macros, so
 * that a new callback or function meets all the others by one line.
 */
#include "service.h"

#include "unit/mem-probe.h"

#include <stdio.h>
#include <string.h>

/* X(name): when a call is made. */
#define MOMENTS(X)                                                             \
  X(STATE_CONNECTING)                                                          \
  X(STATE_AUTHENTICATING)                                                      \
  X(STATE_SUBSCRIBING)                                                         \
  X(STATE_STREAMING)                                                           \
  X(STATE_BACKING_OFF)                                                         \
  X(STATE_REFUSED)                                                             \
  X(STATE_CLOSING)                                                             \
  X(STATE_IDLE)                                                                \
  X(EVENT)                                                                     \
  X(BATCH)                                                                     \
  X(TOPIC)                                                                     \
  X(GAP)                                                                       \
  X(HEARTBEAT)                                                                 \
  X(NOTICE)                                                                    \
  X(ROTATION)                                                                  \
  X(CREDENTIALS)                                                               \
  X(TOKEN)                                                                     \
  X(REFRESH)                                                                   \
  X(DURABLE)                                                                   \
  X(CHECKPOINT)                                                                \
  X(POST)                                                                      \
  X(CLOSE)

enum moment {
#define MOMENT(name) AT_##name,
  MOMENTS(MOMENT)
#undef MOMENT
      MOMENT_COUNT
};

static const char* const moment_names[] = {
#define MOMENT(name) #name,
    MOMENTS(MOMENT)
#undef MOMENT
};

struct life {
  struct user user;
  enum moment moment;
  gcn_options_t plain; /* the callbacks of user.h */
  gcn_options_t options;
  struct service service;
  struct mem_probe memory;
  const gcn_event_t* event; /* in hand, or NULL */
  const gcn_event_t* kept;
  void (*call)(struct life* life, gcn_client_t* client);
  bool called;
  bool broken; /* the store does not load */
  unsigned closes;
};

static const char* const topics[] = {topic_text};
static const char* const others[] = {other_text};
static const gcn_credentials_t offer = {.client_id = "id",
                                        .client_secret = "s3cr3t"};

/* --- the calls ------------------------------------------------------------ */

static void assert_command(const struct life* life, int error) {
  bool closing = life->user.closing || life->moment == AT_CLOSE;
  assert_int_equal(error, closing ? GCN_ECLOSING : 0);
}

static void call_start(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_start(client));
}

static void call_stop(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_stop(client));
}

static void on_close(gcn_client_t* client) {
  struct life* life = gcn_client_data(client);
  life->closes++;
  life->user.closed = true;
  assert_int_equal(gcn_client_state(client), GCN_CLOSED);
  if (life->moment != AT_CLOSE || life->called) return;
  life->called = true;
  life->call(life, client);
}

static void call_close(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_close(client, on_close));
  life->user.closing = true;
  assert_int_equal(gcn_client_close(client, on_close), GCN_ECLOSING);
}

static void call_subscribe(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_subscribe(client, others, 1));
}

static void call_unsubscribe(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_unsubscribe(client, topics, 1));
}

static void call_set_credentials(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_set_credentials(client, "id", "s3cr3t"));
}

static void call_set_grant(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_set_grant(client, &offer));
}

static void call_reconnect_now(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_reconnect_now(client));
}

static void call_rotate(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_rotate(client));
}

/* Also of one that is closing, or closed. */
static void call_set_close_ms(struct life* life, gcn_client_t* client) {
  (void)life;
  assert_int_equal(gcn_client_set_close_ms(client, 0), 0);
}

static void call_pause(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_pause(client));
}

static void call_resume(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_resume(client));
}

/* Right for the one who asks, too late for all others. */
static void assert_answer(const struct life* life, int error, bool asked) {
  bool closing = life->user.closing || life->moment == AT_CLOSE;
  assert_int_equal(error, closing ? GCN_ECLOSING : asked ? 0 : UV_ENOENT);
}

static void call_credentials_done(struct life* life, gcn_client_t* client) {
  bool asked = life->moment == AT_CREDENTIALS;
  uint64_t ticket = asked ? life->user.ticket : 4711;
  int error = gcn_credentials_done(client, ticket, 0, &offer, 1);
  assert_answer(life, error, asked);
}

static void call_token_done(struct life* life, gcn_client_t* client) {
  bool asked = life->moment == AT_TOKEN;
  uint64_t ticket = asked ? life->user.ticket : 4711;
  assert_answer(life, gcn_token_done(client, ticket, 0, "t0k3n", 60), asked);
}

static void call_ack(struct life* life, gcn_client_t* client) {
  bool closing = life->user.closing || life->moment == AT_CLOSE;
  int error = gcn_client_ack(client, UINT64_MAX);
  assert_int_equal(error, closing ? GCN_ECLOSING : UV_ENOENT);
  if (life->event == NULL) return;
  error = gcn_event_ack(life->event);
  assert_true(error == 0 || error == UV_ENOENT);
  assert_int_equal(gcn_event_ack(life->event), UV_ENOENT);
}

static void call_retain(struct life* life, gcn_client_t* client) {
  (void)client;
  if (life->event == NULL) return;
  life->kept = gcn_event_retain(life->event);
  assert_non_null(life->kept);
  assert_ptr_equal(gcn_event_retain(life->kept), life->kept);
  gcn_event_release(life->kept);
}

static void on_post(gcn_client_t* client, int status, void* arg) {
  struct life* life = gcn_client_data(client);
  assert_ptr_equal(arg, life);
  assert_false(life->user.calling);
  assert_int_equal(status, life->user.closing ? UV_ECANCELED : 0);
}

static void call_post(struct life* life, gcn_client_t* client) {
  assert_command(life, gcn_client_post(client, on_post, life));
}

static void call_ref(struct life* life, gcn_client_t* client) {
  (void)life;
  gcn_client_unref(client);
  gcn_client_ref(client);
}

static void call_stats(struct life* life, gcn_client_t* client) {
  gcn_stats_t stats = {.size = sizeof stats};
  (void)life;
  assert_int_equal(gcn_client_stats(client, &stats), 0);
  assert_int_equal(stats.nevers, 0);
}

static void call_stats_json(struct life* life, gcn_client_t* client) {
  char text[64];
  (void)life;
  assert_true(gcn_client_stats_json(client, text, sizeof text) > 64);
  assert_int_equal(text[0], '{');
}

static void call_metrics(struct life* life, gcn_client_t* client) {
  char text[64];
  (void)life;
  assert_true(gcn_client_metrics(client, text, sizeof text) > 64);
}

static void call_record(struct life* life, gcn_client_t* client) {
  static char data[1 << 17];
  (void)life;
  assert_true(gcn_client_record(client, data, sizeof data) > 0);
}

static void call_state(struct life* life, gcn_client_t* client) {
  (void)life;
  assert_in_range(gcn_client_state(client), GCN_IDLE, GCN_CLOSED);
}

static void call_loop(struct life* life, gcn_client_t* client) {
  assert_ptr_equal(gcn_client_loop(client), life->user.loop);
}

static void call_data(struct life* life, gcn_client_t* client) {
  gcn_client_set_data(client, NULL);
  assert_null(gcn_client_data(client));
  gcn_client_set_data(client, life);
}

static void call_abandon(struct life* life, gcn_client_t* client) {
  (void)life;
  assert_int_equal(gcn_client_abandon(client), UV_EINVAL);
}

static void on_stranger_closed(gcn_client_t* client) {
  *(bool*)gcn_client_data(client) = true;
}

/* Another client of the same loop comes and goes. */
static bool stranger_closed;

static void call_new(struct life* life, gcn_client_t* client) {
  gcn_client_t* other = NULL;
  gcn_options_t options = life->plain;
  (void)client;
  options.data = &stranger_closed;
  stranger_closed = false;
  assert_int_equal(gcn_client_new(&other, life->user.loop, &options), 0);
  assert_int_equal(gcn_client_close(other, on_stranger_closed), 0);
}

/* X(name) */
#define CALLS(X)                                                               \
  X(start)                                                                     \
  X(stop)                                                                      \
  X(close)                                                                     \
  X(subscribe)                                                                 \
  X(unsubscribe)                                                               \
  X(set_credentials)                                                           \
  X(set_grant)                                                                 \
  X(reconnect_now)                                                             \
  X(rotate)                                                                    \
  X(set_close_ms)                                                              \
  X(pause)                                                                     \
  X(resume)                                                                    \
  X(credentials_done)                                                          \
  X(token_done)                                                                \
  X(ack)                                                                       \
  X(retain)                                                                    \
  X(post)                                                                      \
  X(ref)                                                                       \
  X(stats)                                                                     \
  X(stats_json)                                                                \
  X(metrics)                                                                   \
  X(record)                                                                    \
  X(state)                                                                     \
  X(loop)                                                                      \
  X(data)                                                                      \
  X(abandon)                                                                   \
  X(new)

static const struct {
  const char* name;
  void (*call)(struct life* life, gcn_client_t* client);
} calls[] = {
#define CALL(name) {#name, call_##name},
    CALLS(CALL)
#undef CALL
};

enum { CALL_COUNT = sizeof calls / sizeof calls[0] };

/* The number of pairs.  It must not shrink. */
_Static_assert(MOMENT_COUNT* CALL_COUNT >= 22 * 27, "every call everywhere");

/* --- the moments ---------------------------------------------------------- */

/* Makes the call, once, as the last thing of the callback. */
static void act_now(struct life* life) {
  struct user* user = &life->user;
  if (life->called) return;
  life->called = true;
  unsigned told = user->told;
  unsigned closes = life->closes;
  life->call(life, user->client);
  assert_int_equal(user->told, told);
  assert_int_equal(life->closes, closes);
}

static bool is_moment(const struct life* life, enum user_moment moment) {
  static const struct {
    enum moment at;
    gcn_state_t state;
  } states[] = {
      {AT_STATE_CONNECTING, GCN_CONNECTING},
      {AT_STATE_AUTHENTICATING, GCN_AUTHENTICATING},
      {AT_STATE_SUBSCRIBING, GCN_SUBSCRIBING},
      {AT_STATE_STREAMING, GCN_STREAMING},
      {AT_STATE_BACKING_OFF, GCN_BACKING_OFF},
      {AT_STATE_REFUSED, GCN_REFUSED},
      {AT_STATE_CLOSING, GCN_CLOSING},
      {AT_STATE_IDLE, GCN_IDLE},
  };
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    if (life->moment != states[i].at) continue;
    return moment == USER_STATE && life->user.state == states[i].state;
  }
  switch (life->moment) {
  case AT_TOPIC: return moment == USER_TOPIC;
  case AT_GAP: return moment == USER_GAP;
  case AT_HEARTBEAT: return moment == USER_HEARTBEAT;
  case AT_NOTICE: return moment == USER_NOTICE;
  case AT_ROTATION: return moment == USER_ROTATION;
  case AT_REFRESH: return moment == USER_REFRESH;
  case AT_POST: return moment == USER_POST;
  default: return false;
  }
}

static void act(struct user* user, enum user_moment moment) {
  struct life* life = (struct life*)user;
  if (is_moment(life, moment)) act_now(life);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct life* life = gcn_client_data(client);
  life->plain.event_cb(client, event);
  life->user.calling = true;
  life->event = event;
  if (life->moment == AT_EVENT) act_now(life);
  life->event = NULL;
  life->user.calling = false;
}

static void on_batch(gcn_client_t* client, const gcn_event_t* events,
                     size_t count) {
  struct life* life = gcn_client_data(client);
  for (size_t i = 0; i < count; i++)
    life->plain.event_cb(client, &events[i]);
  life->user.calling = true;
  life->event = events;
  if (life->moment == AT_BATCH) act_now(life);
  life->event = NULL;
  life->user.calling = false;
}

/* Whoever asks is answered in the end. */
static void on_credentials(gcn_client_t* client, uint64_t ticket, int refused) {
  struct life* life = gcn_client_data(client);
  user_on_ask(client, ticket, refused);
  life->user.calling = true;
  if (life->moment == AT_CREDENTIALS) act_now(life);
  life->user.calling = false;
  (void)gcn_credentials_done(client, ticket, 0, &offer, 1);
}

static void on_token(gcn_client_t* client, uint64_t ticket, int refused) {
  struct life* life = gcn_client_data(client);
  user_on_ask(client, ticket, refused);
  life->user.calling = true;
  if (life->moment == AT_TOKEN) act_now(life);
  life->user.calling = false;
  (void)gcn_token_done(client, ticket, 0, "t0k3n", 60);
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  struct life* life = gcn_client_data(client);
  assert_true(sequence > 0);
  assert_false(life->user.calling);
  life->user.calling = true;
  if (life->moment == AT_DURABLE) act_now(life);
  life->user.calling = false;
}

static void on_checkpoint(gcn_client_t* client, const gcn_failure_t* failure) {
  struct life* life = gcn_client_data(client);
  assert_int_not_equal(failure->error, 0);
  assert_false(life->user.calling);
  life->broken = false;
  life->user.calling = true;
  if (life->moment == AT_CHECKPOINT) act_now(life);
  life->user.calling = false;
}

/* --- what brings the moments about ---------------------------------------- */

static int shelf_load(void* data, unsigned generation, gcn_load_t* request) {
  struct life* life = data;
  (void)generation;
  gcn_load_done(request, life->broken ? UV_EIO : UV_ENOENT, NULL, 0);
  return 0;
}

static int shelf_save(void* data, const void* bytes, size_t size,
                      const uint64_t* sequences, size_t count,
                      gcn_save_t* request) {
  (void)data;
  (void)sequences;
  assert_true(bytes != NULL && size > 0 && count < 100);
  gcn_save_done(request, 0);
  return 0;
}

static void fill_options(struct life* life, const gcn_store_t* store) {
  gcn_options_t* options = &life->options;
  enum moment at = life->moment;
  life->plain = user_options(&life->user, life->service.url);
  *options = life->plain;
  options->alloc_cb = mem_probe_resize;
  options->alloc_data = &life->memory;
  options->latency_ms_max = 50;
  options->overlap_ms = 1000;
  options->event_cb = on_event;
  options->refresh_token = "s3cr3t-refresh";
  if (at == AT_BATCH) options->event_cb = NULL;
  if (at == AT_BATCH) options->batch_cb = on_batch;
  if (at == AT_CREDENTIALS) options->credentials_cb = on_credentials;
  if (at == AT_TOKEN) options->token_cb = on_token;
  if (at == AT_REFRESH) options->grant = GCN_GRANT_REFRESH_TOKEN;
  if (at == AT_STATE_REFUSED) options->client_secret = "wrong";
  if (at != AT_DURABLE && at != AT_CHECKPOINT) return;
  options->store = store;
  options->checkpoint_ms = 1;
  options->durable_cb = on_durable;
  options->checkpoint_cb = on_checkpoint;
}

/* What has to happen behind the first STREAMING. */
static void provoke(struct life* life) {
  gcn_client_t* client = life->user.client;
  struct service* service = &life->service;
  switch (life->moment) {
  case AT_STATE_BACKING_OFF:
  case AT_GAP: service_do(service, "tcp.reset"); break;
  case AT_STATE_CLOSING:
  case AT_STATE_IDLE: gcn_client_stop(client); break;
  case AT_EVENT:
  case AT_BATCH:
  case AT_DURABLE: service_emit_many(service, 3); break;
  case AT_NOTICE: service_do(service, "ws.closing 1s"); break;
  case AT_ROTATION: gcn_client_rotate(client); break;
  case AT_POST: user_post(&life->user); break;
  case AT_CLOSE:
    gcn_client_close(client, on_close);
    life->user.closing = true;
    break;
  default: break;
  }
}

static void reach_moment(struct life* life) {
  bool provoked = false;
  while (!life->called) {
    if (life->user.streaming && !provoked) provoke(life);
    if (life->user.streaming) provoked = true;
    uv_run(life->user.loop, UV_RUN_ONCE);
  }
}

/* --- what must be possible afterwards ------------------------------------- */

static void recover(struct life* life) {
  gcn_client_t* client = life->user.client;
  life->broken = false;
  assert_int_equal(gcn_client_resume(client), 0);
  assert_int_equal(gcn_client_subscribe(client, topics, 1), 0);
  assert_int_equal(gcn_client_set_credentials(client, "id", "s3cr3t"), 0);
  assert_int_equal(gcn_client_start(client), 0);
  life->user.counts[USER_EVENT] = 0;
  while (life->user.counts[USER_EVENT] == 0) {
    if (life->user.streaming) service_emit_many(&life->service, 1);
    uv_run(life->user.loop, UV_RUN_ONCE);
  }
  call_stats(life, client);
}

static void end(struct life* life) {
  struct user* user = &life->user;
  if (!user->closing) {
    assert_int_equal(gcn_client_close(user->client, on_close), 0);
    user->closing = true;
  }
  harness_until(user->loop, &user->closed);
  harness_settle(user->loop);
  assert_int_equal(life->closes, 1);
  assert_int_equal(user->late, 0);
  if (life->kept != NULL) {
    assert_true(life->kept->topic.size > 0);
    gcn_event_release(life->kept);
  }
  service_close(&life->service);
  assert_int_equal(life->memory.live_size, 0);
  assert_int_equal(harness_handles(user->loop), 0);
}

static void live(uv_loop_t* loop, enum moment moment, size_t call) {
  static struct life life;
  memset(&life, 0, sizeof life);
  life.moment = moment;
  life.call = calls[call].call;
  life.user.act = act;
  life.broken = moment == AT_CHECKPOINT;
  struct gcn__sim_listen_options serving = service_options();
  serving.sim.heartbeat_ms = 20;
  serving.sim.refresh_token = "s3cr3t-refresh";
  service_open(&life.service, loop, &serving);
  const gcn_store_t store = {.size = sizeof store,
                             .data = &life,
                             .load = shelf_load,
                             .save = shelf_save};
  fill_options(&life, &store);
  service_begin_with(&life.user, &life.service, &life.options);
  reach_moment(&life);
  /* A made-up token does for asking, not for streaming. */
  if (!life.user.closing && moment != AT_TOKEN) recover(&life);
  end(&life);
}

/* --- all pairs ------------------------------------------------------------ */

struct row {
  enum moment moment;
  uv_loop_t* loop;
  char name[64];
};

static int set_up(void** state) {
  struct row* row = *state;
  void* loop = NULL;
  int error = harness_setup(&loop);
  row->loop = loop;
  return error;
}

static int tear_down(void** state) {
  struct row* row = *state;
  void* loop = row->loop;
  return harness_teardown(&loop);
}

static void every_call(void** state) {
  const struct row* row = *state;
  for (size_t call = 0; call < CALL_COUNT; call++) {
    live(row->loop, row->moment, call);
  }
}

int main(void) {
  static struct row rows[MOMENT_COUNT];
  static struct CMUnitTest tests[MOMENT_COUNT];
  for (int i = 0; i < MOMENT_COUNT; i++) {
    rows[i].moment = (enum moment)i;
    snprintf(rows[i].name, sizeof rows[i].name, "every call in %s",
             moment_names[i]);
    tests[i] = (struct CMUnitTest){rows[i].name, every_call, set_up, tear_down,
                                   &rows[i]};
  }
  return cmocka_run_group_tests_name("reentrancy", tests, NULL, NULL);
}
