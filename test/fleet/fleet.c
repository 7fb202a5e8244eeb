/* SPDX-License-Identifier: MIT */
/*
 * The fleet: sessions, the stand-in for their engines, and the service.
 */
#include "fleet.h"

#include "agenda.h"
#include "base/time.h"
#include "core/backoff.h"
#include "core/pace.h"
#include "core/session.h"
#include "meter.h"

#include <stdlib.h>

enum {
  START_WINDOW_MS = 30 * 1000, /* the fleet comes up within */
  DROP_MS = 180 * 1000,        /* then everything has proven itself */
  BACK_MS = DROP_MS + FLEET_OUTAGE_MS,
  END_MS = BACK_MS + FLEET_PATIENCE_MS,
  BEAT_MS = 30 * 1000,
  RTT_MIN_MS = 5,
  RTT_MAX_MS = 50,
  DAY_MS = 24 * 3600 * 1000,
  ENTRIES_PER_CLIENT = 16,
};

enum kind {
  KIND_START,
  KIND_TIMER,  /* a deadline of the session */
  KIND_HURRY,  /* the time of somebody else's policy */
  KIND_DIALED, /* the host answered, or refused */
  KIND_TOKEN,
  KIND_UPGRADED,
  KIND_TOPICS,
  KIND_SYNCED,
  KIND_BEAT,
  KIND_RESET, /* the stream is gone */
};

struct client {
  struct gcn__session session;
  struct gcn__rng rng;
  uint64_t rtt_ms;
  uint64_t wake_ms;    /* the KIND_TIMER that counts */
  uint64_t generation; /* answers to an earlier attempt are mute */
  uint64_t failures;   /* as somebody else's policy counts them */
  bool upgraded;
};

struct fleet {
  const struct fleet_policy* policy;
  uint64_t now_ms;
  struct agenda agenda;
  struct client* clients;
  struct gcn__pace* paces; /* one per process; NULL: one stream each */
  struct gcn__settings settings;
  uint64_t second; /* of the service's rate */
  uint64_t accepted_count;
  uint64_t streaming_count;
  struct meter during;
  struct meter after;
  struct fleet_report report;
};

static void post(struct fleet* fleet, const struct client* client,
                 enum kind kind, uint64_t delay_ms) {
  struct entry entry = {
      .at_ms = gcn__time_add(fleet->now_ms, delay_ms),
      .client = (uint32_t)(client - fleet->clients),
      .kind = (uint32_t)kind,
      .generation = client->generation,
  };
  if (entry.at_ms <= END_MS) agenda_put(&fleet->agenda, entry);
}

static bool down(const struct fleet* fleet) {
  return fleet->now_ms >= DROP_MS && fleet->now_ms < BACK_MS;
}

/* The limit is that of the recovery; what was before is not looked at. */
static bool accept_upgrade(struct fleet* fleet) {
  if (fleet->now_ms < DROP_MS) return true;
  uint64_t second = fleet->now_ms / 1000;
  if (second != fleet->second) {
    fleet->second = second;
    fleet->accepted_count = 0;
  }
  if (fleet->accepted_count == FLEET_ACCEPTS_PER_S) {
    fleet->report.refused_count++;
    return false;
  }
  fleet->accepted_count++;
  return true;
}

static void dial(struct fleet* fleet, struct client* client) {
  if (fleet->now_ms >= DROP_MS) meter_count(&fleet->during, fleet->now_ms);
  if (fleet->now_ms >= BACK_MS) meter_count(&fleet->after, fleet->now_ms);
  post(fleet, client, KIND_DIALED, client->rtt_ms);
}

static void note_streaming(struct fleet* fleet) {
  struct fleet_report* report = &fleet->report;
  uint64_t count = ++fleet->streaming_count;
  if (fleet->now_ms < BACK_MS) return;
  uint64_t since_ms = fleet->now_ms - BACK_MS;
  if (count == FLEET_CLIENT_COUNT / 2) report->half_ms = since_ms;
  if (count == FLEET_CLIENT_COUNT / 100 * 99) report->most_ms = since_ms;
  if (count == FLEET_CLIENT_COUNT) report->all_ms = since_ms;
}

/* Somebody else's policy forgives at once and knows no shared pace. */
static void note_transition(struct fleet* fleet, struct client* client,
                            const struct gcn__step* step) {
  if (!step->entered) return;
  if (step->to == GCN__STATE_STREAMING) {
    client->failures = 0;
    note_streaming(fleet);
    post(fleet, client, KIND_BEAT, gcn__rng_below(&client->rng, BEAT_MS));
  }
  if (step->from == GCN__STATE_STREAMING) fleet->streaming_count--;
  if (step->to == GCN__STATE_BACKING_OFF && fleet->policy->wait != NULL) {
    client->failures++;
    post(fleet, client, KIND_HURRY, fleet->policy->wait(client->failures));
  }
}

/* The engine's part of a step.  The token is held all the time, the channel is
 * known: an attempt is an upgrade and the topics. */
static void perform(struct fleet* fleet, struct client* client,
                    const struct gcn__step* step) {
  if (step->verbs & (GCN__VERB_DROP | GCN__VERB_DIAL)) {
    client->generation++;
    client->upgraded = false;
  }
  note_transition(fleet, client, step);
  if (step->verbs & GCN__VERB_DIAL) dial(fleet, client);
  if (step->verbs & GCN__VERB_AUTH) post(fleet, client, KIND_TOKEN, 0);
  if (step->verbs & GCN__VERB_SUBSCRIBE) {
    enum kind next = client->upgraded ? KIND_TOPICS : KIND_UPGRADED;
    post(fleet, client, next, client->rtt_ms);
  }
  if (step->verbs & (GCN__VERB_SYNC | GCN__VERB_AUDIT)) {
    post(fleet, client, KIND_SYNCED, client->rtt_ms);
  }
}

/* One entry of the agenda wakes the client at its earliest deadline; later
 * deadlines need none, earlier ones get another. */
static void arm(struct fleet* fleet, struct client* client) {
  uint64_t deadline_ms = gcn__session_deadline(&client->session);
  if (deadline_ms >= client->wake_ms) return;
  client->wake_ms = deadline_ms;
  post(fleet, client, KIND_TIMER, gcn__time_until(deadline_ms, fleet->now_ms));
}

static void feed(struct fleet* fleet, struct client* client,
                 enum gcn__input input) {
  struct gcn__step step =
      gcn__session_input(&client->session, input, fleet->now_ms);
  perform(fleet, client, &step);
  arm(fleet, client);
}

static void expire(struct fleet* fleet, struct client* client) {
  enum gcn__input input;
  client->wake_ms = GCN__NEVER;
  while (gcn__session_expire(&client->session, fleet->now_ms, &input)) {
    feed(fleet, client, input);
  }
  arm(fleet, client);
}

static void answer_upgrade(struct fleet* fleet, struct client* client) {
  if (accept_upgrade(fleet)) {
    client->upgraded = true;
    feed(fleet, client, GCN__INPUT_STEP);
    return;
  }
  if (fleet->policy->wait == NULL) {
    gcn__session_ask(&client->session, FLEET_RETRY_AFTER_MS, fleet->now_ms);
  }
  feed(fleet, client, GCN__INPUT_LIMITED);
}

static void beat(struct fleet* fleet, struct client* client) {
  feed(fleet, client, GCN__INPUT_HEARTBEAT);
  post(fleet, client, KIND_BEAT, BEAT_MS);
}

static void happen(struct fleet* fleet, const struct entry* entry) {
  struct client* client = &fleet->clients[entry->client];
  if (entry->kind == KIND_TIMER) {
    if (entry->at_ms == client->wake_ms) expire(fleet, client);
    return;
  }
  if (entry->kind == KIND_RESET) {
    feed(fleet, client, GCN__INPUT_WEATHER);
    return;
  }
  if (entry->generation != client->generation) return;
  switch ((enum kind)entry->kind) {
  case KIND_START: feed(fleet, client, GCN__INPUT_START); break;
  case KIND_HURRY: feed(fleet, client, GCN__INPUT_HURRY); break;
  case KIND_DIALED:
    feed(fleet, client, down(fleet) ? GCN__INPUT_WEATHER : GCN__INPUT_LINKED);
    break;
  case KIND_TOKEN: feed(fleet, client, GCN__INPUT_TOKEN); break;
  case KIND_UPGRADED: answer_upgrade(fleet, client); break;
  case KIND_TOPICS: feed(fleet, client, GCN__INPUT_CONFIRMED); break;
  case KIND_SYNCED: feed(fleet, client, GCN__INPUT_SYNCED); break;
  case KIND_BEAT: beat(fleet, client); break;
  case KIND_TIMER:
  case KIND_RESET: break;
  }
}

/* A session whose own waits never end in time is led by reconnect_now alone. */
static struct gcn__settings settings_of(const struct fleet_policy* policy) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  if (policy->first_ms != 0) settings.retry_first_ms = policy->first_ms;
  if (policy->base_ms != 0) settings.retry_base_ms = policy->base_ms;
  if (policy->cap_ms != 0) settings.retry_cap_ms = policy->cap_ms;
  if (policy->equal_jitter) settings.retry_jitter = GCN__JITTER_EQUAL;
  if (policy->wait == NULL) return settings;
  settings.retry_floor_ms = DAY_MS;
  settings.retry_cap_ms = DAY_MS;
  settings.retry_first_ms = DAY_MS;
  settings.retry_jitter = GCN__JITTER_NONE;
  return settings;
}

static void begin_client(struct fleet* fleet, uint64_t index, uint64_t seed) {
  struct client* client = &fleet->clients[index];
  client->wake_ms = GCN__NEVER;
  gcn__rng_seed(&client->rng, (seed << 32) + index);
  client->rtt_ms = gcn__rng_between(&client->rng, RTT_MIN_MS, RTT_MAX_MS);
  gcn__session_init(&client->session, &fleet->settings, &client->rng);
  if (fleet->paces != NULL) {
    uint64_t process = index / fleet->policy->streams_per_process;
    client->session.pace = &fleet->paces[process];
    client->session.pace_key = index / FLEET_STREAMS_PER_ID;
  }
  post(fleet, client, KIND_START,
       gcn__rng_below(&client->rng, START_WINDOW_MS));
  post(fleet, client, KIND_RESET, DROP_MS + client->rtt_ms / 2);
}

static void* zeroed(size_t count, size_t size) {
  void* block = calloc(count, size);
  if (block == NULL) abort();
  return block;
}

static void begin_paces(struct fleet* fleet) {
  uint64_t per_process = fleet->policy->streams_per_process;
  if (per_process == 1) return;
  uint64_t process_count = FLEET_CLIENT_COUNT / per_process;
  fleet->paces = zeroed(process_count, sizeof *fleet->paces);
  for (uint64_t i = 0; i < process_count; i++) {
    gcn__pace_init(&fleet->paces[i], &fleet->settings);
  }
}

static void begin(struct fleet* fleet, uint64_t seed) {
  fleet->settings = settings_of(fleet->policy);
  fleet->report.half_ms = GCN__NEVER;
  fleet->report.most_ms = GCN__NEVER;
  fleet->report.all_ms = GCN__NEVER;
  agenda_init(&fleet->agenda, FLEET_CLIENT_COUNT * ENTRIES_PER_CLIENT);
  fleet->clients = zeroed(FLEET_CLIENT_COUNT, sizeof *fleet->clients);
  begin_paces(fleet);
  for (uint64_t i = 0; i < FLEET_CLIENT_COUNT; i++) {
    begin_client(fleet, i, seed);
  }
}

static uint64_t count_stable(const struct fleet* fleet) {
  uint64_t count = 0;
  for (uint64_t i = 0; i < FLEET_CLIENT_COUNT; i++) {
    const struct gcn__session* session = &fleet->clients[i].session;
    if (session->state == GCN__STATE_STREAMING && session->stable) count++;
  }
  return count;
}

static void live(struct fleet* fleet) {
  struct entry entry;
  while (agenda_next(&fleet->agenda, &entry)) {
    if (fleet->now_ms < DROP_MS && entry.at_ms >= DROP_MS) {
      fleet->report.stable_count = count_stable(fleet);
    }
    fleet->now_ms = entry.at_ms;
    happen(fleet, &entry);
    if (fleet->report.all_ms != GCN__NEVER) return;
  }
}

struct fleet_report fleet_run(const struct fleet_policy* policy,
                              uint64_t seed) {
  struct fleet fleet = {.policy = policy};
  begin(&fleet, seed);
  live(&fleet);
  fleet.report.attempt_count = fleet.during.total;
  fleet.report.peak = fleet.during.peak;
  fleet.report.peak_after = fleet.after.peak;
  agenda_deinit(&fleet.agenda);
  free(fleet.clients);
  free(fleet.paces);
  return fleet.report;
}
