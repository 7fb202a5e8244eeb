/* SPDX-License-Identifier: MIT */
/*
 * FAULTS Z: close in each of 13 states, in four ways each; every cell is a case
 * of its own, Z01 to Z52, row by row.
 *
 * A cell brings a client to its state by somebody who stalls there (a mute
 * peer, a port that takes no connection, a look-up that does not return, the
 * simulator that hangs on one request), closes it, and holds what is promised
 * of all of them: the close callback once and last, nothing left on the loop
 * (the fixture closes it), no byte of the counting allocator, and no wait.
 *
 * Where no callback announces a state, the closing callback is that of a
 * gcn_client_post made in it.
 */
#include "service.h"

#include "client/client.h"
#include "unit/mem-probe.h"

#include <mbedtls/platform.h>
#include <netdb.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

enum {
  /* FAULTS Z.  A look-up that runs is waited for, and counts from its end. */
  CLOSE_MS_MAX = 100,
  LONG_MS = 100000, /* longer than a test: the state stays */
};

enum way { ONCE, TWICE, IN_CALLBACK, WITHOUT_MEMORY, WAYS };

static const char* const way_names[WAYS] = {
    "close", "close twice", "close from the callback", "close without memory"};

struct scene;

/* One state: how to get there, and how to know. */
struct place {
  const char* name;
  void (*set)(struct scene* scene); /* fills scene->options */
  bool (*reached)(struct scene* scene);
  void (*push)(struct scene* scene); /* once it streams; may be NULL */
  bool announced;                    /* by the callback that tells ... */
  gcn_state_t state;                 /* ... this state */
};

struct cell {
  const struct place* place;
  enum way way;
  char name[80];
};

struct scene {
  uv_loop_t* loop;
  const struct cell* cell;
  struct user user;
  gcn_options_t options;
  char url[80];
  char proxy[80];
  struct mem_probe memory;
  struct service service;
  struct peer peer;
  struct black_hole hole;
  bool serves, listens, swallows, resolves;
  bool pushed, posted;
  uint64_t closed_at_ms;
};

static struct secure secure;

/* --- look-ups that do not return ----------------------------------------- */

static struct {
  uv_sem_t gate;
  uv_mutex_t mutex;
  unsigned count;
} held;

int getaddrinfo(const char* node, const char* service,
                const struct addrinfo* hints, struct addrinfo** list) {
  (void)service;
  (void)hints;
  *list = NULL;
  if (strcmp(node, "held.test") != 0) return EAI_NONAME;
  uv_mutex_lock(&held.mutex);
  held.count++;
  uv_mutex_unlock(&held.mutex);
  uv_sem_wait(&held.gate);
  return EAI_AGAIN;
}

static unsigned count_held(void) {
  uv_mutex_lock(&held.mutex);
  unsigned count = held.count;
  uv_mutex_unlock(&held.mutex);
  return count;
}

/* --- memory that is gone -------------------------------------------------- */

/* Mbed TLS's hook has no context.  The service's TLS lives in this process,
 * too: only what is asked for while the client works is refused. */
static const struct user* poor;

static void* calloc_for_rich(size_t count, size_t size) {
  bool refused = poor != NULL && poor->client->pumping;
  return refused ? NULL : calloc(count, size);
}

static void take_memory_away(struct scene* scene) {
  poor = &scene->user;
  scene->memory.fail_at = scene->memory.count + 1;
  scene->memory.fail_on = 1;
}

/* --- the ways to close ---------------------------------------------------- */

static void on_wrong_close(gcn_client_t* client) {
  (void)client;
  fail_msg("the callback of a refused close was called");
}

static void close_now(struct scene* scene) {
  struct user* user = &scene->user;
  if (scene->cell->way == WITHOUT_MEMORY) take_memory_away(scene);
  assert_int_equal(user_close(user), 0);
  assert_false(user->closed);
  if (scene->cell->way != TWICE) return;
  int again = gcn_client_close(user->client, on_wrong_close);
  assert_int_equal(again, GCN_ECLOSING);
}

static struct scene* scene_of(struct user* user) {
  return (struct scene*)(void*)((char*)user - offsetof(struct scene, user));
}

static void close_in_callback(struct user* user, enum user_moment moment) {
  struct scene* scene = scene_of(user);
  const struct place* place = scene->cell->place;
  if (user->closing) return;
  bool pushed = place->push == NULL || scene->pushed;
  bool told = place->announced && pushed && moment == USER_STATE &&
              user->state == place->state;
  if (told || moment == USER_POST) close_now(scene);
}

/* --- stages --------------------------------------------------------------- */

static void serve(struct scene* scene, const char* rule) {
  struct gcn__sim_listen_options options = service_options();
  options.tls = secure.tls;
  service_open(&scene->service, scene->loop, &options);
  scene->serves = true;
  if (rule != NULL) service_do(&scene->service, rule);
  snprintf(scene->url, sizeof scene->url, "%s", scene->service.url);
}

static void listen_mutely(struct scene* scene) {
  peer_listen(&scene->peer, scene->loop, "127.0.0.1", 0, PEER_LISTENS);
  scene->listens = true;
}

static void set_friendly(struct scene* scene) {
  serve(scene, NULL);
}

static void set_resolving(struct scene* scene) {
  held.count = 0;
  uv_sem_init(&held.gate, 0);
  scene->resolves = true;
  snprintf(scene->url, sizeof scene->url, "https://held.test:1");
}

static void set_connecting(struct scene* scene) {
  listen_mutely(scene); /* for a port that is free */
  black_hole_open(&scene->hole, "127.0.0.2", scene->peer.port);
  scene->swallows = true;
  snprintf(scene->url, sizeof scene->url, "https://127.0.0.2:%u",
           (unsigned)scene->peer.port);
}

static void set_proxy(struct scene* scene) {
  listen_mutely(scene);
  snprintf(scene->proxy, sizeof scene->proxy, "http://127.0.0.1:%u",
           (unsigned)scene->peer.port);
  snprintf(scene->url, sizeof scene->url, "https://gc.test");
  scene->options.proxy = scene->proxy;
}

static void set_handshake(struct scene* scene) {
  listen_mutely(scene);
  snprintf(scene->url, sizeof scene->url, "https://127.0.0.1:%u",
           (unsigned)scene->peer.port);
}

static void set_token(struct scene* scene) {
  serve(scene, "http.hang POST /oauth/token times=9");
}

static void set_channel(struct scene* scene) {
  serve(scene, "http.hang POST /api/v2/notifications/channels times=9");
}

static void set_topics(struct scene* scene) {
  serve(scene, "http.hang PUT *subscriptions times=9");
}

static void set_upgrade(struct scene* scene) {
  serve(scene, "http.hang GET /channels/* times=9");
}

/* --- pushes --------------------------------------------------------------- */

static void push_stop(struct scene* scene) {
  assert_int_equal(gcn_client_stop(scene->user.client), 0);
}

static void push_rotate(struct scene* scene) {
  assert_int_equal(gcn_client_rotate(scene->user.client), 0);
}

static void push_reset(struct scene* scene) {
  service_do(&scene->service, "tcp.reset");
}

/* --- arrivals ------------------------------------------------------------- */

static bool in_state(struct scene* scene) {
  return scene->user.state == scene->cell->place->state;
}

static bool pushed_to_state(struct scene* scene) {
  return scene->pushed && in_state(scene);
}

static bool is_resolving(struct scene* scene) {
  return count_held() == 1 && in_state(scene);
}

/* A link is there that has no connection yet, and never will. */
static bool is_connecting(struct scene* scene) {
  const struct gcn__link* link = scene->user.client->wires[GCN__WIRE_API];
  return in_state(scene) && link != NULL && !gcn__link_connected(link);
}

static bool is_heard(struct scene* scene) {
  return scene->peer.received > 0 && in_state(scene);
}

static bool is_asked(struct scene* scene, enum gcn__sim_endpoint endpoint) {
  return service_visits(&scene->service, endpoint).count == 1 &&
         in_state(scene);
}

static bool asks_token(struct scene* scene) {
  return is_asked(scene, GCN__SIM_AT_TOKEN);
}

static bool asks_channel(struct scene* scene) {
  return is_asked(scene, GCN__SIM_AT_CHANNEL);
}

static bool asks_topics(struct scene* scene) {
  return is_asked(scene, GCN__SIM_AT_TOPICS);
}

static bool asks_upgrade(struct scene* scene) {
  return is_asked(scene, GCN__SIM_AT_UPGRADE);
}

static bool has_two_sockets(struct scene* scene) {
  return scene->pushed && service_counters(&scene->service).sockets_open == 2;
}

/* In the document's order. */
static const struct place places[] = {
    {"idle", set_friendly, pushed_to_state, push_stop, true, GCN_IDLE},
    {"resolving", set_resolving, is_resolving, NULL, true, GCN_CONNECTING},
    {"tcp-connecting", set_connecting, is_connecting, NULL, true,
     GCN_CONNECTING},
    {"proxy-connect", set_proxy, is_heard, NULL, false, GCN_CONNECTING},
    {"tls-handshake", set_handshake, is_heard, NULL, false, GCN_CONNECTING},
    {"token request", set_token, asks_token, NULL, true, GCN_AUTHENTICATING},
    {"channel create", set_channel, asks_channel, NULL, true, GCN_SUBSCRIBING},
    {"subscribing", set_topics, asks_topics, NULL, false, GCN_SUBSCRIBING},
    {"ws-upgrade", set_upgrade, asks_upgrade, NULL, false, GCN_SUBSCRIBING},
    {"open", set_friendly, in_state, NULL, true, GCN_STREAMING},
    {"migrating", set_friendly, has_two_sockets, push_rotate, false,
     GCN_STREAMING},
    {"closing", set_friendly, pushed_to_state, push_stop, true, GCN_CLOSING},
    {"back-off wait", set_friendly, pushed_to_state, push_reset, true,
     GCN_BACKING_OFF},
};

enum { PLACES = sizeof places / sizeof places[0], CELLS = PLACES * WAYS };

_Static_assert(CELLS == 52, "FAULTS Z");

/* --- one cell ------------------------------------------------------------- */

static void begin(struct scene* scene) {
  struct user* user = &scene->user;
  bool inside = scene->cell->way == IN_CALLBACK;
  scene->options = user_options(user, scene->url);
  scene->options.allow_plaintext = 0;
  scene->options.ca_pem = gcn__pki_ca(secure.pki);
  scene->options.retry_base_ms = LONG_MS;
  scene->options.retry_floor_ms = LONG_MS;
  scene->options.retry_cap_ms = LONG_MS;
  scene->options.retry_first_ms = LONG_MS;
  scene->options.alloc_cb = mem_probe_resize;
  scene->options.alloc_data = &scene->memory;
  scene->cell->place->set(scene);
  if (inside) user->act = close_in_callback;
  user_new(user, scene->loop, &scene->options);
  service_subscribe(user, topic_text);
  assert_int_equal(gcn_client_start(user->client), 0);
}

/* From a callback: the one that tells the state, or one that is asked for. */
static bool wants_post(const struct scene* scene) {
  bool inside = scene->cell->way == IN_CALLBACK && !scene->posted;
  return inside && !scene->cell->place->announced;
}

static void arrive(struct scene* scene) {
  const struct place* place = scene->cell->place;
  struct user* user = &scene->user;
  while (!user->closing) {
    if (place->push != NULL && !scene->pushed && user->streaming) {
      scene->pushed = true;
      place->push(scene);
    }
    if (place->reached(scene)) {
      if (scene->cell->way != IN_CALLBACK) return;
      if (wants_post(scene)) user_post(user);
      scene->posted = true;
    }
    /* A look-up begins on a thread, and wakes nobody by it. */
    uv_run(scene->loop, scene->resolves ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  }
}

/* The thread that looks up can't be stopped; so far nothing is said. */
static void let_look_ups_go(struct scene* scene) {
  harness_settle(scene->loop);
  if (count_held() > 0) assert_false(scene->user.closed);
  uv_sem_post(&held.gate);
}

/* For how long this thread could have run and had no processor, since it began;
 * 0 where the system does not say. */
static uint64_t starved_ms(void) {
  unsigned long long ran_ns = 0;
  unsigned long long starved_ns = 0;
  FILE* file = fopen("/proc/thread-self/schedstat", "r");
  if (file == NULL) return 0;
  int count = fscanf(file, "%llu %llu", &ran_ns, &starved_ns);
  fclose(file);
  return count == 2 ? starved_ns / 1000000 : 0;
}

/* How long the close took, without what the machine took from it: every cell is
 * judged by its only try, and a machine at work is no excuse but for that. */
static uint64_t leave(struct scene* scene) {
  struct user* user = &scene->user;
  if (!user->closing) close_now(scene);
  if (scene->resolves) let_look_ups_go(scene);
  uint64_t begun_ms = uv_hrtime() / 1000000;
  uint64_t starved_before_ms = starved_ms();
  harness_until(scene->loop, &user->closed);
  uint64_t took_ms = uv_hrtime() / 1000000 - begun_ms;
  uint64_t stood_ms = starved_ms() - starved_before_ms;
  took_ms -= stood_ms < took_ms ? stood_ms : took_ms;
  unsigned told = user->told;
  poor = NULL;
  harness_settle(scene->loop);
  assert_int_equal(user->told, told);
  assert_int_equal(user->late, 0);
  return took_ms;
}

static void clear(struct scene* scene) {
  if (scene->resolves) harness_drain(scene->loop);
  if (scene->resolves) uv_sem_destroy(&held.gate);
  if (scene->serves) service_close(&scene->service);
  if (scene->listens) peer_close(&scene->peer);
  if (scene->swallows) black_hole_close(&scene->hole);
  assert_int_equal(scene->memory.live_size, 0);
  assert_int_equal(harness_handles(scene->loop), 0);
}

static uint64_t play(uv_loop_t* loop, const struct cell* cell) {
  static struct scene scene;
  memset(&scene, 0, sizeof scene);
  scene.loop = loop;
  scene.cell = cell;
  begin(&scene);
  arrive(&scene);
  uint64_t took_ms = leave(&scene);
  clear(&scene);
  return took_ms;
}

/* --- all cells ------------------------------------------------------------ */

struct fixture {
  const struct cell* cell;
  uv_loop_t* loop;
};

static int set_up(void** state) {
  static struct fixture fixture;
  void* loop = NULL;
  fixture.cell = *state;
  int error = harness_setup(&loop);
  fixture.loop = loop;
  *state = &fixture;
  return error;
}

/* uv_loop_close must be 0, else the case fails. */
static int tear_down(void** state) {
  struct fixture* fixture = *state;
  void* loop = fixture->loop;
  return harness_teardown(&loop);
}

static void cell_holds(void** state) {
  const struct fixture* fixture = *state;
  uint64_t took_ms = play(fixture->loop, fixture->cell);
  assert_in_range(took_ms, 0, CLOSE_MS_MAX * harness_slowness());
}

static void name_cell(struct cell* cell, int index) {
  cell->place = &places[index / WAYS];
  cell->way = (enum way)(index % WAYS);
  snprintf(cell->name, sizeof cell->name, "Z%02d %s: %s", index + 1,
           cell->place->name, way_names[cell->way]);
}

static int open_all(void** state) {
  (void)state;
  uv_mutex_init(&held.mutex);
  mbedtls_platform_set_calloc_free(calloc_for_rich, free);
  if (psa_crypto_init() != PSA_SUCCESS) return -1;
  secure_open(&secure);
  return 0;
}

static int close_all(void** state) {
  (void)state;
  secure_close(&secure);
  uv_mutex_destroy(&held.mutex);
  return 0;
}

int main(void) {
  static struct cell cells[CELLS];
  static struct CMUnitTest tests[CELLS];
  for (int i = 0; i < CELLS; i++) {
    name_cell(&cells[i], i);
    tests[i] = (struct CMUnitTest){cells[i].name, cell_holds, set_up, tear_down,
                                   &cells[i]};
  }
  return cmocka_run_group_tests_name("shutdown", tests, open_all, close_all);
}
