/* SPDX-License-Identifier: MIT */
/*
 * Lives with one kind of trouble each, of which the service judges: an endpoint
 * that asks to wait, or nine minutes in which no connection is let in.
 *
 * What is promised here is checked against the service's own ledger, not
 * against what the engine says of itself.  An attempt may dial several hosts,
 * and again a link that was lost while it was not needed yet; the service
 * counts these as one, since they come within 250 ms.
 */
#include "world.h"

#include "core/backoff.h"

enum {
  SECOND_MS = 1000,
  MINUTE_MS = 60 * SECOND_MS,
  FIRST_MINUTE_MAX = 6,
  LATER_MINUTE_MAX = 2,
  ASKED_MS = 7 * SECOND_MS,
  OUTAGE_MS = 540 * SECOND_MS,
  SLACK_MS = 1 * SECOND_MS, /* the way of a refused connection and the next */
  BACK_MS = 30 * SECOND_MS, /* dialling until streaming */
  PER_S_MAX = 3,     /* two early windows may both be small; hardly three */
  ORDINARY_MAX = 16, /* attempts while the windows grow */
  KINDS = 5,
  DIALS_MAX = 3, /* of one attempt */
  ARRIVALS_MAX = 512,
  RULE_SIZE = 320,
};

/* The rule lacks its moment; `why` makes an engine that streams call. */
struct limit {
  enum gcn__sim_endpoint endpoint;
  const char* target;
  const char* why;
};

static const struct limit limits[KINDS - 1] = {
    {GCN__SIM_AT_TOKEN, "POST /oauth/token",
     " then token.revoke then tcp.reset"},
    {GCN__SIM_AT_CHANNEL, "POST /api/v2/notifications/channels",
     " then channel.expire"},
    {GCN__SIM_AT_TOPICS, "PUT /api/v2/notifications/channels/*",
     " then channel.expire"},
    {GCN__SIM_AT_UPGRADE, "GET /channels/*", " then tcp.reset"},
};

/* NULL: this life has an outage. */
static const struct limit* limit_of(const struct world* world) {
  uint64_t kind = world->seed % KINDS;
  return kind < KINDS - 1 ? &limits[kind] : NULL;
}

/* Half of the outages are met with the policy of FAULTS.md, section 8.2. */
static bool is_proposed(const struct world* world) {
  return world->plan.manners && limit_of(world) == NULL &&
         world->seed / KINDS % 2 == 1;
}

void manners_begin(struct world* world) {
  if (!world->plan.manners) return;
  char rule[RULE_SIZE];
  const struct limit* limit = limit_of(world);
  bool late = limit == NULL || world->seed / KINDS % 2 == 1;
  /* By then the stream has proven itself. */
  uint64_t at_s = late ? world_between(world, 50, 90) : 0;
  world->limit_ms = world->now_ms + at_s * SECOND_MS;
  if (limit == NULL) {
    snprintf(rule, sizeof rule, "at %llus for %ds tcp.reset then accept.close",
             (unsigned long long)at_s, OUTAGE_MS / SECOND_MS);
  } else {
    snprintf(rule, sizeof rule,
             "at %llus http.status %s 429 retry-after=%d times=1%s",
             (unsigned long long)at_s, limit->target, ASKED_MS / SECOND_MS,
             late ? limit->why : "");
  }
  service_inject(world, rule);
}

/* Those in [from, to), the oldest first; how many. */
static size_t arrivals_within(const struct world* world,
                              enum gcn__sim_endpoint endpoint, uint64_t from_ms,
                              uint64_t to_ms,
                              struct gcn__sim_arrival all[ARRIVALS_MAX]) {
  size_t known = gcn__sim_arrivals(world->sim, endpoint, all, ARRIVALS_MAX);
  size_t count = 0;
  for (size_t i = 0; i < known; i++) {
    if (all[i].at_ms < from_ms || all[i].at_ms >= to_ms) continue;
    all[count++] = all[i];
  }
  return count;
}

static void check_back(struct world* world, uint64_t from_ms, uint64_t by_ms) {
  uint64_t back_ms = world->shards[0].stream_since_ms;
  if (back_ms >= from_ms && back_ms <= by_ms) return;
  world_break(world, "I38, P15: streams since %.3f s, not from %.3f to %.3f s",
              (double)back_ms / 1000, (double)from_ms / 1000,
              (double)by_ms / 1000);
}

static void check_polite(struct world* world, bool limited,
                         enum gcn__sim_endpoint endpoint) {
  struct gcn__sim_visits visits;
  gcn__sim_visits(world->sim, endpoint, &visits);
  const char* word = gcn__sim_endpoint_word(endpoint);
  if (visits.early > 0) {
    world_break(world, "I11, P7: the service saw %llu calls of '%s' too early",
                (unsigned long long)visits.early, word);
  }
  if (visits.crowded > 0) {
    world_break(world, "I11, P7: the service saw a crowd of %llu at '%s'",
                (unsigned long long)visits.crowded, word);
  }
  bool met = visits.limited == 1 && visits.resumed == 1;
  if (limited && !met) {
    world_break(world, "'%s' asked %llu times to wait, %llu were met", word,
                (unsigned long long)visits.limited,
                (unsigned long long)visits.resumed);
  }
}

/* The first call from that moment on is told to wait. */
static void check_limit(struct world* world, const struct limit* limit) {
  for (int i = 0; i < GCN__SIM_ENDPOINTS; i++) {
    enum gcn__sim_endpoint endpoint = (enum gcn__sim_endpoint)i;
    check_polite(world, endpoint == limit->endpoint, endpoint);
  }
  struct gcn__sim_arrival calls[ARRIVALS_MAX];
  size_t count = arrivals_within(world, limit->endpoint, world->limit_ms,
                                 GCN__NEVER, calls);
  if (count < 2 || calls[1].at_ms - calls[0].at_ms < ASKED_MS) {
    world_break(world, "I11, P7: of %zu calls the second one came too early",
                count);
    return;
  }
  check_back(world, world->limit_ms, calls[1].at_ms + BACK_MS);
}

/* Windows grow to the cap while the outage is young; then each is at least
 * half of it. */
static size_t attempts_max(const struct gcn__settings* settings) {
  uint64_t young_ms = settings->degraded_ms;
  uint64_t cap_ms = settings->retry_cap_ms;
  return (size_t)(ORDINARY_MAX + young_ms / (cap_ms / 4) +
                  (OUTAGE_MS - young_ms) / (cap_ms / 2) + 1);
}

/* One gap, and all of the outage is in it. */
static void check_one_gap(struct world* world, uint64_t from_ms,
                          uint64_t to_ms) {
  size_t count = 0;
  bool whole = false;
  for (size_t i = 0; i < world->gap_count; i++) {
    const struct gcn__gap* gap = &world->gaps[i];
    if (gap->to_ms < from_ms || gap->from_ms > to_ms) continue;
    count++;
    whole = gap->from_ms <= from_ms && gap->to_ms >= to_ms && !gap->partial;
  }
  if (count == 1 && whole) return;
  world_break(world, "I1, P11: %zu gaps tell of the outage", count);
}

static void check_dials(struct world* world, size_t attempts, uint64_t from_ms,
                        uint64_t to_ms) {
  struct gcn__sim_arrival dials[ARRIVALS_MAX];
  size_t count =
      arrivals_within(world, GCN__SIM_AT_ACCEPT, from_ms, to_ms, dials);
  size_t most = attempts_max(&world->engine->settings);
  rule_count(10);
  if (attempts <= most && count <= attempts * DIALS_MAX) return;
  world_break(world, "I10, P7: %zu attempts in the outage, %zu connections",
              attempts, count);
}

static void check_apart(struct world* world, uint64_t gap_ms) {
  if (gap_ms >= world->engine->settings.retry_floor_ms) return;
  world_break(world, "P7: the service saw attempts %llu ms apart",
              (unsigned long long)gap_ms);
}

void manners_settings(const struct world* world,
                      struct gcn__settings* settings) {
  if (!is_proposed(world)) return;
  settings->retry_first_ms = 5 * SECOND_MS;
  settings->retry_base_ms = 8 * SECOND_MS;
  settings->retry_cap_ms = MINUTE_MS;
  settings->retry_jitter = GCN__JITTER_EQUAL;
}

/* I10, at that policy: six in the first minute, two in each that follows. */
static void check_minutes(struct world* world,
                          const struct gcn__sim_arrival* tries, size_t count,
                          uint64_t from_ms) {
  size_t counts[OUTAGE_MS / MINUTE_MS + 1] = {0};
  if (!is_proposed(world)) return;
  for (size_t i = 0; i < count; i++) {
    size_t minute = (size_t)((tries[i].at_ms - from_ms) / MINUTE_MS);
    size_t most = minute == 0 ? FIRST_MINUTE_MAX : LATER_MINUTE_MAX;
    rule_count(10);
    if (++counts[minute] <= most) continue;
    world_break(world, "I10: %zu attempts in minute %zu of the outage",
                counts[minute], minute);
  }
}

static void check_spacing(struct world* world, uint64_t from_ms,
                          uint64_t to_ms) {
  const struct gcn__settings* settings = &world->engine->settings;
  struct gcn__sim_arrival tries[ARRIVALS_MAX];
  size_t count =
      arrivals_within(world, GCN__SIM_AT_ATTEMPT, from_ms, to_ms, tries);
  check_dials(world, count, from_ms, to_ms);
  check_minutes(world, tries, count, from_ms);
  uint64_t last_ms = from_ms;
  uint64_t most_ms = settings->retry_first_ms; /* the stream was stable */
  bool idle = false;
  for (size_t i = 0; i < count; i++) {
    uint64_t gap_ms = tries[i].at_ms - last_ms;
    if (i > 0) check_apart(world, gap_ms);
    if (gap_ms > most_ms + SLACK_MS) idle = true;
    last_ms = tries[i].at_ms;
    most_ms = settings->retry_cap_ms;
    if (i < PER_S_MAX) continue;
    if (last_ms - tries[i - PER_S_MAX].at_ms >= SECOND_MS) continue;
    world_break(world, "I10, P7: more than %d attempts within a second",
                PER_S_MAX);
  }
  if (to_ms - last_ms > most_ms + SLACK_MS) idle = true;
  if (idle) world_break(world, "P3: an outage without attempts");
}

void manners_end(struct world* world) {
  if (!world->plan.manners) return;
  const struct limit* limit = limit_of(world);
  if (limit != NULL) {
    check_limit(world, limit);
    return;
  }
  uint64_t over_ms = world->limit_ms + OUTAGE_MS;
  uint64_t cap_ms = world->engine->settings.retry_cap_ms;
  check_spacing(world, world->limit_ms, over_ms);
  check_back(world, over_ms, over_ms + cap_ms + BACK_MS);
  check_one_gap(world, world->limit_ms, over_ms);
}
