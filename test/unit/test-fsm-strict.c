/* SPDX-License-Identifier: MIT */
/*
 * The state table, held to what it must not say: no cell does more than the
 * rules ask for, and no set of timers names one that can't be there.
 *
 * These are the rules that mutants of the table asked for (mutation.py): each
 * kills some that no other test could tell from the table.
 */
#include "core/fsm.h"

#include "check.h"
#include "fsm-grid.h"

enum { CELL_COUNT = (int)GCN__STATE_COUNT * (int)GCN__INPUT_COUNT };

struct place {
  enum gcn__state state;
  enum gcn__input input;
  struct gcn__cell cell;
};

static struct place place_at(int index) {
  struct place place = {
      .state = (enum gcn__state)(index / GCN__INPUT_COUNT),
      .input = (enum gcn__input)(index % GCN__INPUT_COUNT),
  };
  place.cell = gcn__fsm_cell(place.state, place.input);
  return place;
}

static void hold(struct place p, bool condition, const char* rule) {
  if (condition) return;
  fail_msg("%s x %s: %s", gcn__state_name(p.state), gcn__input_name(p.input),
           rule);
}

#define IN(state) (1u << GCN__STATE_##state)

/* Where a call of the user's means something; anywhere else it is noted only,
 * and neither ends nor begins anything. */
static unsigned where_it_counts(enum gcn__input input) {
  const unsigned linked =
      IN(CONNECTING) | IN(AUTHENTICATING) | IN(SUBSCRIBING) | IN(STREAMING);
  switch (input) {
  case GCN__INPUT_START: return IN(IDLE) | IN(REFUSED);
  case GCN__INPUT_STOP: return linked | IN(BACKING_OFF) | IN(REFUSED);
  case GCN__INPUT_CLOSE:
    return linked | IN(BACKING_OFF) | IN(REFUSED) | IN(IDLE);
  case GCN__INPUT_TOPICS: return IN(STREAMING);
  case GCN__INPUT_CREDENTIALS:
    return IN(AUTHENTICATING) | IN(STREAMING) | IN(REFUSED);
  case GCN__INPUT_HURRY: return IN(BACKING_OFF) | IN(REFUSED);
  case GCN__INPUT_ROTATE: return IN(STREAMING);
  case GCN__INPUT_UNREADABLE: return IN(IDLE);
  default: return 0;
  }
}

static void calls_count_where_they_can(void** state) {
  (void)state;
  for (int i = 0; i < CELL_COUNT; i++) {
    struct place p = place_at(i);
    if (gcn__input_origin(p.input) != GCN__ORIGIN_USER) continue;
    if (p.state == GCN__STATE_CLOSED) continue;
    bool counts = (where_it_counts(p.input) & (1u << p.state)) != 0;
    hold(p, counts == (p.cell.kind != GCN__CELL_SKIP), "skipped, or not");
  }
}

/* What ends a working link ends the wait for a goodbye, too. */
static void trouble_ends_the_goodbye(void** state) {
  (void)state;
  for (int i = GCN__INPUT_WEATHER; i <= GCN__INPUT_REFUSED; i++) {
    struct place p = place_at(GCN__STATE_CLOSING * (int)GCN__INPUT_COUNT + i);
    hold(p, p.cell.kind == GCN__CELL_ENTER, "ends");
    hold(p, p.cell.next == GCN__STATE_IDLE, "in IDLE");
  }
}

/* A channel is given up where it is known to be gone, or made with a token that
 * is revoked before it ever served; else it is worth keeping. */
static void channels_are_forgotten_for_a_reason(void** state) {
  (void)state;
  for (int i = 0; i < CELL_COUNT; i++) {
    struct place p = place_at(i);
    bool working =
        p.state >= GCN__STATE_CONNECTING && p.state <= GCN__STATE_STREAMING;
    bool gone = working && p.input == GCN__INPUT_STALE_CHANNEL;
    bool unserved =
        p.state == GCN__STATE_SUBSCRIBING && p.input == GCN__INPUT_REVOKED;
    bool forgets = (p.cell.verbs & GCN__VERB_FORGET) != 0;
    hold(p, forgets == (gone || unserved), "FORGET");
  }
}

/* Timers that may be armed while in a state: by entering it, by what is done in
 * it, or kept from before. */
static unsigned armable(enum gcn__state state) {
  struct gcn__timer_row row = gcn__fsm_timers(state);
  unsigned timers = row.fresh | row.kept;
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    struct gcn__cell cell = gcn__fsm_cell(state, (enum gcn__input)i);
    if (cell.kind == GCN__CELL_STAY) timers |= fsm_grid_armed_by(cell.verbs);
  }
  return timers;
}

/* A set that keeps what nobody can have armed says something that is not so. */
static void only_what_can_be_armed_is_kept(void** state) {
  (void)state;
  unsigned arrives[GCN__STATE_COUNT] = {0};
  for (int i = 0; i < CELL_COUNT; i++) {
    struct place p = place_at(i);
    if (p.cell.kind != GCN__CELL_ENTER || p.cell.next == p.state) continue;
    arrives[p.cell.next] |= armable(p.state);
    arrives[p.cell.next] |= fsm_grid_armed_by(p.cell.verbs);
  }
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    unsigned kept = gcn__fsm_timers((enum gcn__state)s).kept;
    assert_int_equal(kept & ~arrives[s], 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_count_where_they_can),
      cmocka_unit_test(trouble_ends_the_goodbye),
      cmocka_unit_test(channels_are_forgotten_for_a_reason),
      cmocka_unit_test(only_what_can_be_armed_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
