/* SPDX-License-Identifier: MIT */
/*
 * What one event costs inside the library, and how often it allocates.
 *
 * The engine is brought to STREAMING against the simulator's service, in
 * memory; then prepared bytes of many events are fed to it in pieces of 64 KiB,
 * as a socket would, plain and over TLS.  Every call of malloc, calloc, realloc
 * and free of the whole process is counted while the engine works, so that
 * third-party allocations show too.  There is no socket and no other process:
 * kernel and loop come on top.
 *
 *   bench-events [--check]     --check: fail if the steady state allocates
 */
#include "codec/ws.h"
#include "engine/engine.h"
#include "sim/pki.h"
#include "sim/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SLICE = 64 * 1024, WARM_UP = 2000, TARGET_BYTES = 64 * 1024 * 1024 };

static bool counting;
static uint64_t allocations;

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* ptr, size_t size);
extern void __libc_free(void* ptr);

void* malloc(size_t size) {
  allocations += counting;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  allocations += counting;
  return __libc_calloc(count, size);
}

void* realloc(void* ptr, size_t size) {
  allocations += counting;
  return __libc_realloc(ptr, size);
}

void free(void* ptr) {
  __libc_free(ptr);
}

static double cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

struct peer {
  struct gcn__sim_conn* conn;
  struct gcn__tls* tls; /* the server's half */
  struct gcn__buf wire; /* bytes for the engine */
};

_Static_assert(GCN__WIRE_COUNT <= 64, "a set of wires fits 64 bits");

struct bench {
  struct gcn__engine* engine;
  struct gcn__sim* sim;
  struct gcn__tls_config* server; /* NULL: plain */
  struct gcn__tls_config* client;
  struct peer peers[GCN__WIRE_COUNT];
  uint64_t events;
  bool streaming;
};

static void die(const char* what) {
  fprintf(stderr, "bench-events: %s\n", what);
  exit(1);
}

static void put(struct bench* bench, struct peer* peer,
                struct gcn__span plain) {
  int error = bench->server != NULL
                  ? gcn__tls_write(peer->tls, plain)
                  : gcn__buf_append(&peer->wire, plain.data, plain.size);
  if (error != 0) die("the peer could not write");
}

static void to_service(struct bench* bench, struct peer* peer,
                       struct gcn__span bytes) {
  if (bench->server == NULL) {
    gcn__sim_receive(peer->conn, bytes, 1000);
    return;
  }
  char plain[16384];
  for (;;) {
    size_t used = 0;
    int error = gcn__tls_read(peer->tls, &bytes, plain, sizeof plain, &used);
    if (error != 0) die("the peer's TLS failed");
    if (used == 0) return;
    gcn__sim_receive(peer->conn, gcn__span(plain, used), 1000);
  }
}

static void from_service(struct bench* bench) {
  struct gcn__sim_conn* conn = NULL;
  while ((conn = gcn__sim_next_ready(bench->sim)) != NULL) {
    struct peer* peer = gcn__sim_user(conn);
    for (;;) {
      struct gcn__span piece = gcn__sim_output(conn, 1000);
      if (piece.size == 0) break;
      put(bench, peer, piece);
      gcn__sim_sent(conn, piece.size, 1000);
    }
  }
}

static void open_peer(struct bench* bench, enum gcn__wire_index wire) {
  struct peer* peer = &bench->peers[wire];
  gcn__buf_init(&peer->wire, &gcn__mem_libc, 1u << 30);
  peer->conn = gcn__sim_accept(bench->sim, peer, 1000);
  if (bench->server == NULL) return;
  if (gcn__tls_new(bench->server, &gcn__mem_libc, NULL, &peer->wire,
                   &peer->tls) != 0) {
    die("no TLS for the peer");
  }
}

static void drop_peer(struct bench* bench, enum gcn__wire_index wire) {
  struct peer* peer = &bench->peers[wire];
  if (peer->conn != NULL) gcn__sim_drop(peer->conn, 1000);
  gcn__tls_free(peer->tls);
  gcn__buf_deinit(&peer->wire);
  memset(peer, 0, sizeof *peer);
}

static void drain(struct bench* bench, uint64_t* opened) {
  struct gcn__effect effect;
  while (gcn__engine_next(bench->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_EVENT) bench->events++;
    if (effect.kind == GCN__EFFECT_OPEN) *opened |= UINT64_C(1) << effect.wire;
    if (effect.kind == GCN__EFFECT_DROP) drop_peer(bench, effect.wire);
    if (effect.kind == GCN__EFFECT_STATE) {
      bench->streaming = effect.transition.to == GCN__STATE_STREAMING;
      if (effect.transition.to == GCN__STATE_BACKING_OFF) {
        die(effect.transition.failure != NULL ? effect.transition.failure->text
                                              : "the attempt failed");
      }
    }
  }
  gcn__engine_settle(bench->engine);
}

static void exchange(struct bench* bench) {
  for (int turn = 0; turn < 1000; turn++) {
    uint64_t opened = 0;
    bool moved = false;
    drain(bench, &opened);
    for (int i = 0; i < GCN__WIRE_COUNT; i++) {
      enum gcn__wire_index wire = (enum gcn__wire_index)i;
      struct peer* peer = &bench->peers[i];
      if (opened & (UINT64_C(1) << i)) {
        open_peer(bench, wire);
        gcn__engine_linked(bench->engine, wire, 1000);
        drain(bench, &opened);
        moved = true;
      }
      struct gcn__span out = gcn__engine_output(bench->engine, wire);
      if (out.size > 0 && peer->conn != NULL) {
        to_service(bench, peer, out);
        gcn__engine_sent(bench->engine, wire, out.size);
        moved = true;
      }
      from_service(bench);
      if (gcn__buf_size(&peer->wire) == 0) continue;
      gcn__engine_received(bench->engine, wire, gcn__buf_span(&peer->wire),
                           1000);
      drain(bench, &opened);
      gcn__buf_clear(&peer->wire);
      moved = true;
    }
    if (!moved) return;
  }
}

static void make_certificates(struct bench* bench) {
  static char certificate[GCN__PKI_PEM_SIZE_MAX];
  static char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  const char* names[] = {"127.0.0.1"};
  struct gcn__pki_names wanted = {.ip = names, .ip_count = 1};
  struct gcn__pki* pki = gcn__pki_new();
  if (pki == NULL ||
      gcn__pki_issue(pki, &wanted, GCN__PKI_SOUND, certificate, key) != 0) {
    die("no certificate");
  }
  struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__pki_ca(pki))};
  if (gcn__tls_config_client(&gcn__mem_libc, &options, &bench->client, text) ||
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &bench->server, text)) {
    die(text);
  }
  gcn__pki_free(pki);
}

static int fill(void* ctx, void* data, size_t size) {
  struct gcn__rng* rng = ctx;
  for (size_t i = 0; i < size; i++) {
    ((unsigned char*)data)[i] = (unsigned char)gcn__rng_next(rng);
  }
  return 0;
}

static const char topic[] = "v2.users.5b1e9c1e-0000-4000-8000-000000000001."
                            "presence";

static void set_up(struct bench* bench, bool tls) {
  static struct gcn__rng rng = {1};
  static const struct gcn__sim_client clients[] = {{"bench", "bench"}};
  memset(bench, 0, sizeof *bench);
  if (tls) make_certificates(bench);
  struct gcn__sim_options service = {
      .clients = clients,
      .client_count = 1,
      .authority = "127.0.0.1:8443",
      .insecure = !tls,
      .any_topic = true,
  };
  bench->sim = gcn__sim_new(&service);
  const char* url = tls ? "https://127.0.0.1:8443" : "http://127.0.0.1:8443";
  struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .tls = bench->client,
      .entropy = {fill, &rng},
      .login_url = url,
      .api_url = url,
      .client_id = "bench",
      .client_secret = "bench",
      .user_agent = "bench",
      .plaintext = !tls,
  };
  if (bench->sim == NULL || gcn__engine_new(&options, &bench->engine) != 0) {
    die("no engine");
  }
  const char* name = topic;
  if (gcn__engine_topics_add(bench->engine, &name, 1) != 0) die("no topic");
  gcn__engine_command(bench->engine, GCN__COMMAND_START, 1000);
  exchange(bench);
  if (!bench->streaming) die("the stream did not open");
}

static void tear_down(struct bench* bench) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    drop_peer(bench, (enum gcn__wire_index)i);
  }
  gcn__engine_free(bench->engine);
  gcn__sim_free(bench->sim);
  gcn__tls_config_release(bench->server);
  gcn__tls_config_release(bench->client);
}

static void make_event(struct gcn__buf* out, size_t size) {
  gcn__buf_clear(out);
  gcn__buf_printf(out,
                  "{\"topicName\":\"%s\",\"version\":\"2\",\"eventBody\":"
                  "{\"source\":\"PURECLOUD\",\"message\":\"",
                  topic);
  while (gcn__buf_size(out) + 90 < size) {
    gcn__buf_append_str(out, "Asia\xc3\xa4kas \\u00e4 available, again. ");
  }
  gcn__buf_append_str(out,
                      "\",\"primary\":true},\"metadata\":{\"CorrelationId\":"
                      "\"00000000-0000-4000-8000-000000000000\"}}");
}

/* `count` events as the stream's bytes; TLS records of at most 16 KiB hold
 * whatever fits, as a busy server sends. */
static void prepare(struct bench* bench, size_t size, size_t count) {
  struct peer* peer = &bench->peers[GCN__WIRE_STREAM];
  struct gcn__buf event;
  struct gcn__buf frames;
  gcn__buf_init(&event, &gcn__mem_libc, 1 << 20);
  gcn__buf_init(&frames, &gcn__mem_libc, 1u << 30);
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_SERVER,
                                   &gcn__ws_limits_default, NULL);
  make_event(&event, size);
  for (size_t i = 0; i < count; i++) {
    if (gcn__ws_write(ws, &frames, GCN__WS_TEXT, gcn__buf_span(&event)) != 0) {
      die("no frame");
    }
  }
  while (gcn__buf_size(&frames) > 0) {
    size_t part = gcn__buf_size(&frames);
    if (part > 16384) part = 16384;
    put(bench, peer, gcn__span(gcn__buf_span(&frames).data, part));
    gcn__buf_consume(&frames, part);
  }
  gcn__ws_free(ws);
  gcn__buf_deinit(&frames);
  gcn__buf_deinit(&event);
}

static void feed(struct bench* bench) {
  struct gcn__buf* wire = &bench->peers[GCN__WIRE_STREAM].wire;
  struct gcn__span rest = gcn__buf_span(wire);
  uint64_t opened = 0;
  while (rest.size > 0) {
    size_t part = rest.size < SLICE ? rest.size : SLICE;
    gcn__engine_received(bench->engine, GCN__WIRE_STREAM,
                         gcn__span(rest.data, part), 1000);
    drain(bench, &opened);
    rest = gcn__span_skip(rest, part);
  }
  gcn__buf_clear(wire);
}

/* Allocations per event. */
static double measure(struct bench* bench, const char* name, size_t size) {
  size_t count = TARGET_BYTES / size;
  prepare(bench, size, WARM_UP);
  feed(bench);
  prepare(bench, size, count);
  uint64_t before = bench->events;
  allocations = 0;
  counting = true;
  double start_s = cpu_s();
  feed(bench);
  double used_s = cpu_s() - start_s;
  counting = false;
  uint64_t events = bench->events - before;
  if (events != count) die("events are missing");
  double each = (double)allocations / (double)events;
  printf("| %-5s | %6zu B | %8llu | %8.0f ns | %8.0f MB/s | %.6f |\n", name,
         size, (unsigned long long)events, used_s * 1e9 / (double)events,
         (double)(size * count) / used_s / 1e6, each);
  return each;
}

int main(int argc, char** argv) {
  static const size_t sizes[] = {256, 1024, 4096, 16384};
  bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
  double worst = 0;
  puts("| path  |     size |   events | CPU/event |  throughput | allocations "
       "per event |");
  puts("|---|---|---|---|---|---|");
  for (int tls = 0; tls < 2; tls++) {
    struct bench bench;
    set_up(&bench, tls == 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      double each = measure(&bench, tls ? "TLS" : "plain", sizes[i]);
      if (each > worst) worst = each;
    }
    tear_down(&bench);
  }
  if (check && worst > 0) {
    fprintf(stderr, "the steady state allocates: %.6f per event\n", worst);
    return 1;
  }
  return 0;
}
