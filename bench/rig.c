/* SPDX-License-Identifier: MIT */
/*
 * The driver of an engine in memory, and the service at its other end.
 */
#include "rig.h"

#include "sim/service.h"
#include "sim/source.h"

#include <stdlib.h>

enum { NOW_MS = 1000, TURNS_MAX = 1000, PLAIN_SIZE = 16384 };

/* The far end of one wire. */
struct far {
  struct gcn__sim_conn* conn;
  struct gcn__bench_endpoint* tls;
  struct gcn__buf plain; /* for the engine, where there is no TLS */
};

_Static_assert(GCN__WIRE_COUNT <= 64, "a set of wires fits 64 bits");

struct gcn__bench_rig {
  unsigned flags;
  struct gcn__engine* engine;
  struct gcn__sim* sim;
  struct gcn__tls_config* config; /* NULL: plain */
  struct gcn__rng rng;
  struct far fars[GCN__WIRE_COUNT];
  uint64_t events;
  bool streaming;
};

static struct gcn__buf* to_engine(struct far* far) {
  return far->tls == NULL ? &far->plain : gcn__bench_endpoint_out(far->tls);
}

static void to_service(struct far* far, struct gcn__span bytes) {
  if (far->tls == NULL) {
    gcn__sim_receive(far->conn, bytes, NOW_MS);
    return;
  }
  unsigned char plain[PLAIN_SIZE];
  size_t size;
  while ((size = gcn__bench_endpoint_read(far->tls, &bytes, plain,
                                          sizeof plain)) > 0) {
    gcn__sim_receive(far->conn, gcn__span(plain, size), NOW_MS);
  }
}

static void from_service(struct gcn__bench_rig* rig) {
  struct gcn__sim_conn* conn = NULL;
  while ((conn = gcn__sim_next_ready(rig->sim)) != NULL) {
    struct far* far = gcn__sim_user(conn);
    struct gcn__span piece;
    while ((piece = gcn__sim_output(conn, NOW_MS)).size > 0) {
      if (far->tls != NULL)
        gcn__bench_endpoint_write(far->tls, piece);
      else if (gcn__buf_append(&far->plain, piece.data, piece.size) != 0)
        gcn__bench_die("out of memory");
      gcn__sim_sent(conn, piece.size, NOW_MS);
    }
  }
}

static void open_far(struct gcn__bench_rig* rig, enum gcn__wire_index wire) {
  struct far* far = &rig->fars[wire];
  gcn__buf_init(&far->plain, &gcn__mem_libc, 1 << 20);
  far->conn = gcn__sim_accept(rig->sim, far, NOW_MS);
  if (rig->config != NULL) far->tls = gcn__bench_endpoint_server(rig->flags);
}

static void drop_far(struct gcn__bench_rig* rig, enum gcn__wire_index wire) {
  struct far* far = &rig->fars[wire];
  if (far->conn != NULL) gcn__sim_drop(far->conn, NOW_MS);
  gcn__bench_endpoint_free(far->tls);
  gcn__buf_deinit(&far->plain);
  *far = (struct far){.conn = NULL};
}

static void note_state(struct gcn__bench_rig* rig,
                       const struct gcn__transition* transition) {
  rig->streaming = transition->to == GCN__STATE_STREAMING;
  if (transition->to != GCN__STATE_BACKING_OFF) return;
  const struct gcn__failure* failure = transition->failure;
  gcn__bench_die(failure != NULL ? failure->text : "the attempt failed");
}

/* The wires that are to be opened, one bit each. */
static uint64_t drain(struct gcn__bench_rig* rig) {
  struct gcn__effect effect;
  uint64_t opened = 0;
  while (gcn__engine_next(rig->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_EVENT) {
      rig->events++;
      gcn__bench_use((uint64_t)effect.event.body.size);
    }
    if (effect.kind == GCN__EFFECT_OPEN) opened |= UINT64_C(1) << effect.wire;
    if (effect.kind == GCN__EFFECT_DROP) drop_far(rig, effect.wire);
    if (effect.kind == GCN__EFFECT_STATE) note_state(rig, &effect.transition);
  }
  gcn__engine_settle(rig->engine);
  return opened;
}

/* One turn of one wire; false: nothing moved.  What is opened meanwhile is
 * added to `opened`. */
static bool turn(struct gcn__bench_rig* rig, enum gcn__wire_index wire,
                 uint64_t* opened) {
  struct far* far = &rig->fars[wire];
  bool moved = false;
  if (*opened & (UINT64_C(1) << wire)) {
    *opened &= ~(UINT64_C(1) << wire);
    open_far(rig, wire);
    gcn__engine_linked(rig->engine, wire, NOW_MS);
    *opened |= drain(rig);
    moved = true;
  }
  if (far->conn == NULL) return moved;
  struct gcn__span out = gcn__engine_output(rig->engine, wire);
  if (out.size > 0) {
    to_service(far, out);
    gcn__engine_sent(rig->engine, wire, out.size);
    moved = true;
  }
  from_service(rig);
  struct gcn__span in = gcn__buf_span(to_engine(far));
  if (in.size == 0) return moved;
  gcn__engine_received(rig->engine, wire, in, NOW_MS);
  *opened |= drain(rig);
  /* A dropped wire has taken its bytes along. */
  if (far->conn != NULL) gcn__buf_clear(to_engine(far));
  return true;
}

static void exchange(struct gcn__bench_rig* rig) {
  uint64_t opened = drain(rig);
  for (int turns = 0; turns < TURNS_MAX; turns++) {
    bool moved = false;
    for (int i = 0; i < GCN__WIRE_COUNT; i++)
      moved |= turn(rig, (enum gcn__wire_index)i, &opened);
    if (!moved) return;
  }
}

static int fill(void* ctx, void* data, size_t size) {
  struct gcn__rng* rng = ctx;
  unsigned char* bytes = data;
  for (size_t i = 0; i < size; i++)
    bytes[i] = (unsigned char)gcn__rng_next(rng);
  return 0;
}

static struct gcn__tls_config* make_config(void) {
  char text[GCN__TLS_TEXT_SIZE];
  struct gcn__tls_config* config;
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__bench_identity()->ca)};
  if (gcn__tls_config_client(&gcn__mem_libc, &options, &config, text) != 0) {
    gcn__bench_die(text);
  }
  return config;
}

static void make_engine(struct gcn__bench_rig* rig) {
  bool tls = rig->config != NULL;
  bool shallow = (rig->flags & GCN__BENCH_SHALLOW) != 0;
  const char* url = tls ? "https://127.0.0.1:8443" : "http://127.0.0.1:8443";
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .tls = rig->config,
      .entropy = {fill, &rig->rng},
      .login_url = url,
      .api_url = url,
      .client_id = "bench",
      .client_secret = "bench",
      .user_agent = "bench",
      .plaintext = !tls,
      .keys = (rig->flags & GCN__BENCH_KEYS) != 0,
      .scrutiny = shallow ? GCN__SCRUTINY_SHALLOW : GCN__SCRUTINY_STRICT,
  };
  const char* name = gcn__source_topic;
  if (gcn__engine_new(&options, &rig->engine) != 0 ||
      gcn__engine_topics_add(rig->engine, &name, 1) != 0) {
    gcn__bench_die("no engine");
  }
}

struct gcn__bench_rig* gcn__bench_rig_new(const struct gcn__bench_row* row) {
  static const struct gcn__sim_client clients[] = {{"bench", "bench"}};
  struct gcn__bench_rig* rig = gcn__bench_alloc(sizeof *rig);
  bool tls = (row->flags & GCN__BENCH_TLS) != 0;
  const struct gcn__sim_options service = {
      .clients = clients,
      .client_count = 1,
      .authority = "127.0.0.1:8443",
      .insecure = !tls,
      .any_topic = true,
  };
  rig->flags = row->flags;
  gcn__rng_seed(&rig->rng, 1);
  if (tls) rig->config = make_config();
  rig->sim = gcn__sim_new(&service);
  if (rig->sim == NULL) gcn__bench_die("no service");
  make_engine(rig);
  gcn__engine_command(rig->engine, GCN__COMMAND_START, NOW_MS);
  exchange(rig);
  if (!rig->streaming) gcn__bench_die("the stream did not open");
  return rig;
}

void gcn__bench_rig_free(struct gcn__bench_rig* rig) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    drop_far(rig, (enum gcn__wire_index)i);
  gcn__engine_free(rig->engine);
  gcn__sim_free(rig->sim);
  if (rig->config != NULL) gcn__tls_config_release(rig->config);
  free(rig);
}

struct gcn__bench_endpoint*
gcn__bench_rig_endpoint(struct gcn__bench_rig* rig) {
  return rig->fars[GCN__WIRE_STREAM].tls;
}

void gcn__bench_rig_read(struct gcn__bench_rig* rig, struct gcn__span bytes) {
  gcn__engine_received(rig->engine, GCN__WIRE_STREAM, bytes, NOW_MS);
  (void)drain(rig);
  gcn__bench_use(gcn__engine_deadline(rig->engine));
}

uint64_t gcn__bench_rig_events(const struct gcn__bench_rig* rig) {
  return rig->events;
}
