/* SPDX-License-Identifier: MIT */
/*
 * Feeding and comparing.  It never feeds a NEVER cell: that would be an
 * assertion, and here it is a finding.
 */
#include "core/replay.h"

#include "base/assert.h"

void gcn__replay_init(struct gcn__replay* replay,
                      const struct gcn__settings* settings) {
  *replay = (struct gcn__replay){.settings = *settings};
  gcn__rng_seed(&replay->rng, 1); /* what it chooses is not compared */
}

/* IDLE may be the end of one connection and the beginning of the next one in
 * the same slot; CLOSED is an end in any case. */
static bool may_begin(const struct gcn__record* record) {
  return record->from == GCN__STATE_IDLE;
}

static bool continues(const struct gcn__session* session,
                      const struct gcn__record* record) {
  if (session->state == record->from) return true;
  return session->state == GCN__STATE_CLOSED && may_begin(record);
}

static unsigned compare(const struct gcn__record* record,
                        const struct gcn__record* now) {
  unsigned differences = 0;
  if (record->to != now->to) differences |= GCN__REPLAY_TO;
  if (record->entered != now->entered) differences |= GCN__REPLAY_ENTERED;
  if (record->verbs != now->verbs) differences |= GCN__REPLAY_VERBS;
  if (record->failures != now->failures) differences |= GCN__REPLAY_FAILURES;
  if (record->attempt != now->attempt) differences |= GCN__REPLAY_ATTEMPT;
  return differences;
}

/* Goes on from what was recorded. */
static void adopt(struct gcn__session* session,
                  const struct gcn__record* record) {
  session->state = record->to;
  session->failures = record->failures;
  session->attempt_count = record->attempt;
  if (record->delay_ms > 0) session->delay_ms = record->delay_ms;
}

unsigned gcn__replay_step(struct gcn__replay* replay,
                          const struct gcn__record* record,
                          struct gcn__record* now) {
  struct gcn__session* session = &replay->sessions[record->slot];
  bool known = replay->known[record->slot];
  unsigned differences = 0;
  if (!known) gcn__session_init(session, &replay->settings, &replay->rng);
  if (known && !continues(session, record)) differences |= GCN__REPLAY_FROM;
  replay->known[record->slot] = true;
  session->state = record->from;
  *now = *record; /* counts too, where this may be a beginning */
  struct gcn__cell cell = gcn__fsm_cell(record->from, record->input);
  if (cell.kind == GCN__CELL_NEVER) {
    adopt(session, record);
    return differences | GCN__REPLAY_NEVER;
  }
  struct gcn__step step =
      gcn__session_input(session, record->input, record->at_ms);
  struct gcn__record taken =
      gcn__record_of_step(session, record->input, &step, record->at_ms);
  now->to = taken.to;
  now->entered = taken.entered;
  now->verbs = taken.verbs;
  if (known && !may_begin(record)) {
    now->failures = taken.failures;
    now->attempt = taken.attempt;
  }
  differences |= compare(record, now);
  adopt(session, record);
  return differences;
}

const char* gcn__replay_meaning(enum gcn__replay_index index) {
  static const char* const meanings[] = {
#define REPLAY_MEANING(name, meaning) meaning,
      GCN__REPLAY_MAP(REPLAY_MEANING)
#undef REPLAY_MEANING
  };
  GCN__ASSERT(index < GCN__REPLAY_COUNT);
  return meanings[index];
}
