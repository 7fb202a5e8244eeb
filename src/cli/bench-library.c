/* SPDX-License-Identifier: MIT */
/*
 * The reader that is to be measured: the library, by its public header alone.
 *
 * Options are the defaults but for what the plan says, and for a client id per
 * client: one id has room for 20 channels.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/bench-kick.h"
#include "cli/bench-measure.h"
#include "cli/cli.h"
#include "gcnotify.h"
#include "sim/source.h"

enum {
  WINDOW = 16, /* clients that are started at a time */
  SETTLE_MS = 200,
  SPARE_MS = 100,
  LOOK_MS = 10,
  LATENCY_MS = 500, /* more than any delay line here has */
  URL_SIZE = 64,
  ID_SIZE = 24,
};

struct fleet;

struct member {
  struct fleet* fleet;
  gcn_client_t* client;
  bool streaming;
  bool greeted; /* an event came over this stream */
  bool settled; /* both, and counted */
  uint64_t lost_ns;
};

struct fleet {
  const struct gcn__bench_plan* plan;
  struct gcn__console* console;
  struct gcn__bench_result* result;
  struct gcn__bench_meter meter;
  uv_loop_t loop;
  uv_timer_t timer;
  uv_timer_t limit;
  uv_prepare_t prepare;
  gcn_hub_t* hub;
  struct member* members;
  uint64_t started;
  uint64_t settled;
  int kick; /* -1: none */
  bool open;
  bool ended;
  int code;
  bool* told; /* of each number; NULL: they have none */
  uint64_t doubled;
  uint64_t outage_ns;
  double tls_full; /* handshakes */
  double tls_resumed;
  uint64_t turn_ns; /* CPU time when the turn began */
  uint64_t stall_ns;
  char api_url[URL_SIZE];
  char failure[GCN_FAILURE_TEXT_SIZE];
};

/* Nothing is waited for any more. */
static void end(struct fleet* fleet, int code) {
  if (fleet->ended) return;
  fleet->ended = true;
  fleet->code = code;
  for (uint64_t i = 0; i < fleet->plan->connections; i++) {
    gcn_client_t* client = fleet->members[i].client;
    if (client == NULL) continue;
    gcn_client_set_close_ms(client, 0);
    gcn_client_close(client, NULL);
  }
  if (fleet->hub != NULL) gcn_hub_release(fleet->hub);
  uv_close((uv_handle_t*)&fleet->timer, NULL);
  uv_close((uv_handle_t*)&fleet->limit, NULL);
  uv_close((uv_handle_t*)&fleet->prepare, NULL);
}

static void fail(struct fleet* fleet, int code, const char* what) {
  if (fleet->ended) return;
  gcn__console_say(fleet->console, GCN__CONSOLE_ERROR,
                   "%s: %" PRIu64 " of %" PRIu64 " open, %" PRIu64
                   " events; last failure: %s",
                   what, fleet->settled, fleet->plan->connections,
                   fleet->meter.events,
                   fleet->failure[0] == '\0' ? "none" : fleet->failure);
  end(fleet, code);
}

/* `sign` -1: those that do not count, because they came before the cut. */
static void add_handshakes(struct fleet* fleet, double sign) {
  for (uint64_t i = 0; i < fleet->plan->connections; i++) {
    gcn_stats_t stats = {.size = sizeof stats};
    gcn_client_stats(fleet->members[i].client, &stats);
    fleet->tls_full += sign * (double)stats.tls_full;
    fleet->tls_resumed += sign * (double)stats.tls_resumed;
  }
}

static void add_takeover(struct fleet* fleet) {
  double* values = fleet->result->values;
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(fleet->members[0].client, &stats);
  uint64_t once = fleet->meter.events - fleet->doubled;
  values[GCN__BENCH_MISSED] = (double)(fleet->plan->count - once);
  values[GCN__BENCH_DOUBLED] = (double)fleet->doubled;
  values[GCN__BENCH_OUTAGE_MS] = (double)fleet->outage_ns / 1e6;
  values[GCN__BENCH_GAPS] = (double)stats.gaps;
  values[GCN__BENCH_TAKEOVERS] = (double)stats.rotations;
}

static uint64_t count_spares_used(const struct fleet* fleet) {
  uint64_t count = 0;
  for (uint64_t i = 0; i < fleet->plan->connections; i++) {
    gcn_stats_t stats = {.size = sizeof stats};
    gcn_client_stats(fleet->members[i].client, &stats);
    count += stats.spares_used;
  }
  return count;
}

static void complete(struct fleet* fleet) {
  if (fleet->ended) return;
  if (fleet->plan->spare && count_spares_used(fleet) == 0) {
    fail(fleet, GCN__EXIT_FAILURE, "no spare connection was used");
    return;
  }
  gcn__bench_meter_end(&fleet->meter, fleet->result);
  add_handshakes(fleet, 1);
  fleet->result->values[GCN__BENCH_TLS_FULL] = fleet->tls_full;
  fleet->result->values[GCN__BENCH_TLS_RESUMED] = fleet->tls_resumed;
  if (fleet->told != NULL) add_takeover(fleet);
  if (fleet->plan->mode == GCN__BENCH_CUT) {
    fleet->result->values[GCN__BENCH_STALL] = (double)fleet->stall_ns / 1000;
  }
  end(fleet, 0);
}

static void on_limit(uv_timer_t* timer) {
  fail(timer->data, GCN__EXIT_TIMEOUT, "out of time");
}

static void on_settled(uv_timer_t* timer) {
  struct fleet* fleet = timer->data;
  gcn__bench_meter_memory(fleet->result);
  complete(fleet);
}

static void on_prepare(uv_prepare_t* prepare) {
  struct fleet* fleet = prepare->data;
  fleet->meter.turns++;
  if (fleet->plan->mode != GCN__BENCH_CUT) return;
  uint64_t now_ns = gcn__bench_thread_ns();
  uint64_t turn_ns = now_ns - fleet->turn_ns;
  fleet->turn_ns = now_ns;
  if (fleet->open && turn_ns > fleet->stall_ns) fleet->stall_ns = turn_ns;
}

static void kick(struct fleet* fleet) {
  gcn__bench_meter_sent(&fleet->meter);
  if (!gcn__bench_kick(fleet->kick)) {
    fail(fleet, GCN__EXIT_FAILURE, "the source has gone");
  }
}

static bool greets(const struct fleet* fleet) {
  return fleet->plan->mode == GCN__BENCH_CUT ||
         fleet->plan->mode == GCN__BENCH_COLD;
}

static bool has_all(const struct fleet* fleet) {
  const struct gcn__bench_plan* plan = fleet->plan;
  if (fleet->told != NULL) return fleet->told[plan->count - 1];
  return !greets(fleet) &&
         fleet->meter.events == plan->count * plan->connections;
}

/* Everybody streams. */
static void begin(struct fleet* fleet) {
  const struct gcn__bench_plan* plan = fleet->plan;
  fleet->open = true;
  fleet->settled = 0;
  for (uint64_t i = 0; i < plan->connections; i++) {
    if (plan->mode == GCN__BENCH_CUT) fleet->members[i].settled = false;
  }
  if (plan->mode == GCN__BENCH_CUT) add_handshakes(fleet, -1);
  bool told = !plan->tell || gcn__bench_print(GCN__BENCH_READY);
  gcn__bench_meter_memory(fleet->result);
  gcn__bench_meter_open(&fleet->meter, fleet->result);
  fleet->turn_ns = gcn__bench_thread_ns(); /* counting took a while */
  if (!told) {
    fail(fleet, GCN__EXIT_FAILURE, "nobody listens");
  } else if (plan->mode == GCN__BENCH_IDLE) {
    uv_timer_start(&fleet->timer, on_settled, SETTLE_MS, 0);
  } else if (plan->mode == GCN__BENCH_PINGPONG) {
    kick(fleet);
  } else if (has_all(fleet)) {
    complete(fleet);
  }
}

/* The streams are there; so have to be the spares. */
static void on_look(uv_timer_t* timer) {
  struct fleet* fleet = timer->data;
  for (uint64_t i = 0; i < fleet->plan->connections; i++) {
    gcn_stats_t stats = {.size = sizeof stats};
    gcn_client_stats(fleet->members[i].client, &stats);
    if (stats.spares == 0) return;
  }
  uv_timer_stop(timer);
  begin(fleet);
}

static bool start_next(struct fleet* fleet) {
  if (fleet->started == fleet->plan->connections) return true;
  struct member* member = &fleet->members[fleet->started++];
  member->lost_ns = gcn__bench_now_ns();
  return gcn_client_start(member->client) == 0;
}

static void settle(struct member* member) {
  struct fleet* fleet = member->fleet;
  bool there = member->streaming && (member->greeted || !greets(fleet));
  if (!there || member->settled || fleet->ended) return;
  member->settled = true;
  fleet->settled++;
  if (!fleet->open && !start_next(fleet)) {
    fail(fleet, GCN__EXIT_FAILURE, "a client did not start");
  }
  if (fleet->settled < fleet->plan->connections) return;
  if (fleet->open || fleet->plan->mode == GCN__BENCH_COLD)
    complete(fleet);
  else if (fleet->plan->spare)
    uv_timer_start(&fleet->timer, on_look, LOOK_MS, LOOK_MS);
  else
    begin(fleet);
}

static double since_ms(const struct member* member) {
  return (double)(gcn__bench_now_ns() - member->lost_ns) / 1e6;
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  struct member* member = gcn_client_data(client);
  struct fleet* fleet = member->fleet;
  if (fleet->ended) return;
  if (change->failure != NULL) {
    snprintf(fleet->failure, sizeof fleet->failure, "%s",
             change->failure->text);
  }
  if (change->to == GCN_REFUSED) {
    fail(fleet, GCN__EXIT_FAILURE, "refused");
    return;
  }
  bool streaming = change->to == GCN_STREAMING;
  if (member->streaming == streaming) return;
  member->streaming = streaming;
  if (streaming) {
    fleet->result->values[GCN__BENCH_STREAM_MS] = since_ms(member);
    if (fleet->open) {
      fleet->outage_ns += gcn__bench_now_ns() - member->lost_ns;
    }
    settle(member);
    return;
  }
  member->lost_ns = gcn__bench_now_ns();
  member->greeted = false;
}

/* {"number":N} */
static void note_number(struct fleet* fleet, const gcn_event_t* event) {
  static const char prefix[] = "{\"number\":";
  enum { DIGITS_AT = sizeof prefix - 1 };
  if (fleet->told == NULL || event->body.size < DIGITS_AT) return;
  uint64_t number = strtoull(event->body.data + DIGITS_AT, NULL, 10);
  if (number == 0 || number > fleet->plan->count) return;
  if (fleet->told[number - 1]) fleet->doubled++;
  fleet->told[number - 1] = true;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct member* member = gcn_client_data(client);
  struct fleet* fleet = member->fleet;
  const struct gcn__bench_plan* plan = fleet->plan;
  if (fleet->ended) return;
  fleet->meter.events++;
  fleet->meter.bytes += event->message.size;
  note_number(fleet, event);
  if (greets(fleet)) {
    if (!member->greeted) {
      fleet->result->values[GCN__BENCH_EVENT_MS] = since_ms(member);
    }
    member->greeted = true;
    settle(member);
    return;
  }
  bool last = has_all(fleet);
  if (plan->mode == GCN__BENCH_PINGPONG) {
    gcn__bench_meter_back(&fleet->meter, plan);
    if (!last) kick(fleet);
  }
  if (!last) return;
  /* A short run is over before the last one's topics were confirmed. */
  if (fleet->open)
    complete(fleet);
  else
    begin(fleet);
}

static void on_token(gcn_client_t* client, uint64_t ticket, int refused) {
  (void)refused;
  gcn_token_done(client, ticket, 0, "bench", 86399);
}

static void fill_options(struct fleet* fleet, gcn_options_t* options) {
  const struct gcn__bench_plan* plan = fleet->plan;
  gcn_options_init(options);
  options->api_url = fleet->api_url;
  options->login_url = fleet->api_url;
  options->client_secret = "bench";
  options->ca_pem = plan->ca_pem;
  options->allow_plaintext = !plan->secure || plan->plain_api;
  options->event_cb = on_event;
  options->state_cb = on_state;
  options->log_level = GCN_LOG_ERROR;
  options->hub = fleet->hub;
  options->proxy = "";
  options->no_tls_resume = plan->full;
  options->attempt_ms = plan->for_ms;
  if (plan->recorderless) options->record_size = UINT64_MAX;
  if (plan->shallow) options->validate = GCN_VALIDATE_SHALLOW;
  if (plan->spare) options->spare_ms = SPARE_MS;
  /* Where it is not the login that is measured, and any token will do. */
  bool logs_in = plan->mode == GCN__BENCH_COLD || plan->mode == GCN__BENCH_MOVE;
  if (!logs_in) options->token_cb = on_token;
  if (!plan->hasty) return;
  options->retry_floor_ms = 1;
  options->retry_base_ms = 1;
  options->retry_first_ms = 1;
  options->rotate_spread_ms = 1;
  options->latency_ms_max = LATENCY_MS;
}

static int make_member(struct fleet* fleet, struct member* member,
                       gcn_options_t* options) {
  static const char* const topics[] = {gcn__source_topic};
  char id[ID_SIZE];
  uint64_t index = (uint64_t)(member - fleet->members);
  snprintf(id, sizeof id, "bench-%" PRIu64, index);
  member->fleet = fleet;
  options->client_id = id;
  options->data = member;
  int error = gcn_client_new(&member->client, &fleet->loop, options);
  if (error != 0) return error;
  return gcn_client_subscribe(member->client, topics, 1);
}

static int make_all(struct fleet* fleet) {
  const struct gcn__bench_plan* plan = fleet->plan;
  gcn_options_t options;
  int error = 0;
  if (plan->connections > 1) {
    error = gcn_hub_new(&fleet->hub, &fleet->loop, NULL);
  }
  fill_options(fleet, &options);
  for (uint64_t i = 0; i < plan->connections && error == 0; i++) {
    error = make_member(fleet, &fleet->members[i], &options);
  }
  for (int i = 0; i < WINDOW && error == 0; i++) {
    if (!start_next(fleet)) error = UV_EINVAL;
  }
  return error;
}

static void start(struct fleet* fleet) {
  const struct gcn__bench_plan* plan = fleet->plan;
  uv_timer_init(&fleet->loop, &fleet->timer);
  uv_timer_init(&fleet->loop, &fleet->limit);
  uv_prepare_init(&fleet->loop, &fleet->prepare);
  fleet->timer.data = fleet;
  fleet->limit.data = fleet;
  fleet->prepare.data = fleet;
  uv_timer_start(&fleet->limit, on_limit, plan->for_ms, 0);
  uv_prepare_start(&fleet->prepare, on_prepare);
  gcn__bench_meter_start(&fleet->meter, fleet->result);
  int error = make_all(fleet);
  if (error == 0 && plan->mode == GCN__BENCH_PINGPONG) {
    fleet->kick = gcn__bench_dial(plan->port);
    if (fleet->kick < 0) error = fleet->kick;
  }
  if (error != 0) fail(fleet, GCN__EXIT_FAILURE, gcn_strerror(error));
}

int gcn__bench_library(const struct gcn__bench_plan* plan,
                       struct gcn__console* console,
                       struct gcn__bench_result* result) {
  struct fleet fleet = {
      .plan = plan, .console = console, .result = result, .kick = -1};
  bool plain = !plan->secure || plan->plain_api;
  snprintf(fleet.api_url, sizeof fleet.api_url, "%s://127.0.0.1:%u",
           plain ? "http" : "https", (unsigned)plan->port);
  fleet.members = calloc(plan->connections, sizeof *fleet.members);
  bool numbered = plan->mode == GCN__BENCH_MOVE;
  if (numbered) fleet.told = calloc(plan->count, sizeof *fleet.told);
  bool good = fleet.members != NULL && (fleet.told != NULL || !numbered) &&
              gcn__bench_meter_init(&fleet.meter, plan) &&
              uv_loop_init(&fleet.loop) == 0;
  if (good) {
    start(&fleet);
    uv_run(&fleet.loop, UV_RUN_DEFAULT);
    uv_loop_close(&fleet.loop);
  } else {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "out of memory");
    fleet.code = GCN__EXIT_FAILURE;
  }
  if (fleet.kick >= 0) close(fleet.kick);
  gcn__bench_meter_deinit(&fleet.meter);
  free(fleet.told);
  free(fleet.members);
  return fleet.code;
}
