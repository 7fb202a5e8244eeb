/* SPDX-License-Identifier: MIT */
/*
 * An explicit-state model of one connection, generated from the table and
 * explored exhaustively.  The ledger of gaps is its shard's; here a stream that
 * is lost has no other one beside it.
 *
 * A node is (state, desire, armed timers, links held, gap open, ever streamed).
 * From each reachable node every input is fed that the world could give: users
 * always, peers only over a link, progress where it is written, timers only
 * while armed.  Each step is taken twice: by the small interpreter here, which
 * knows nothing but the table, and by core/session; both must agree.
 */
#include "core/session.h"

#include "base/time.h"
#include "check.h"
#include "core/gaps.h"
#include "fsm-grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESIRE_COUNT = 3, TIMER_SETS = 1 << GCN__TIMER_COUNT };

struct node {
  enum gcn__state state;
  enum gcn__desire desire;
  unsigned timers;
  bool linked;
  bool gap;
  bool streamed;
};

enum { NODE_COUNT = GCN__STATE_COUNT * DESIRE_COUNT * TIMER_SETS * 2 * 2 * 2 };

static unsigned number_of(struct node n) {
  unsigned number = (unsigned)n.state;
  number = number * DESIRE_COUNT + (unsigned)n.desire;
  number = number * TIMER_SETS + n.timers;
  return number * 8 + n.linked * 4u + n.gap * 2u + n.streamed;
}

/* Two timers that are armed on entering only if there is reason to. */
enum {
  OPTIONAL_TIMERS = 1 << GCN__TIMER_ROTATE | 1 << GCN__TIMER_PING,
  NOW_MS = 5000,
};

static struct {
  unsigned mute; /* those of them that there is no reason for */
  bool seen[NODE_COUNT];
  struct node queue[NODE_COUNT];
  unsigned count;
  unsigned step_count;
} model;

static bool armed(struct node n, enum gcn__timer timer) {
  return (n.timers & (1u << timer)) != 0;
}

static enum gcn__timer timer_of(enum gcn__input input) {
  int t = 0;
  while (gcn__fsm_timer_input((enum gcn__timer)t) != input)
    t++;
  return (enum gcn__timer)t;
}

/* IDLE acts on its wish before anything else happens to it. */
static bool wishes(struct node n) {
  return n.state == GCN__STATE_IDLE && n.desire != GCN__DESIRE_STOPPED;
}

static bool possible(struct node n, enum gcn__input input) {
  struct gcn__cell cell = gcn__fsm_cell(n.state, input);
  if (n.state == GCN__STATE_CLOSED) return false;
  if (wishes(n)) {
    bool closes = n.desire == GCN__DESIRE_CLOSED;
    return input == (closes ? GCN__INPUT_CLOSE : GCN__INPUT_START);
  }
  switch (gcn__input_origin(input)) {
  case GCN__ORIGIN_USER: return true;
  case GCN__ORIGIN_PEER: return n.linked;
  case GCN__ORIGIN_PROGRESS: return cell.kind != GCN__CELL_NEVER;
  case GCN__ORIGIN_TIMER: return armed(n, timer_of(input));
  }
  return false;
}

static void wish_for(struct node* n, enum gcn__input input) {
  if (n->desire == GCN__DESIRE_CLOSED) return;
  bool starts = input == GCN__INPUT_START || input == GCN__INPUT_UNREADABLE;
  if (starts) n->desire = GCN__DESIRE_STREAMING;
  if (input == GCN__INPUT_STOP) n->desire = GCN__DESIRE_STOPPED;
  if (input == GCN__INPUT_CLOSE) n->desire = GCN__DESIRE_CLOSED;
}

static unsigned timers_after(struct node n, struct gcn__cell cell) {
  unsigned by_verbs = fsm_grid_armed_by(cell.verbs);
  if (cell.kind != GCN__CELL_ENTER) return n.timers | by_verbs;
  struct gcn__timer_row row = gcn__fsm_timers((enum gcn__state)cell.next);
  unsigned fresh = row.fresh & ~model.mute;
  return fresh | (row.kept & (n.timers | by_verbs));
}

static struct node step(struct node n, enum gcn__input input) {
  struct gcn__cell cell = gcn__fsm_cell(n.state, input);
  assert_int_not_equal(cell.kind, GCN__CELL_NEVER);
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) {
    n.timers &= ~(1u << timer_of(input));
  }
  wish_for(&n, input);
  n.timers = timers_after(n, cell);
  if (input == GCN__INPUT_AUDIT_DUE) n.timers |= 1u << GCN__TIMER_AUDIT;
  if (input == GCN__INPUT_PROOF_DUE) n.timers |= 1u << GCN__TIMER_PROOF;
  if (cell.verbs & GCN__VERB_DROP) n.linked = false;
  if (cell.verbs & GCN__VERB_DIAL) n.linked = true;
  if (cell.verbs & GCN__VERB_LOSE) n.gap = true;
  if (cell.verbs & GCN__VERB_CONFIRM) n.gap = false;
  if (cell.verbs & GCN__VERB_CONFIRM) n.streamed = true;
  if (cell.kind == GCN__CELL_ENTER) n.state = (enum gcn__state)cell.next;
  return n;
}

static struct gcn__settings settings;

static bool is_mute(enum gcn__timer timer) {
  return (model.mute & (1u << timer)) != 0;
}

static struct gcn__session session_at(struct node n, struct gcn__rng* rng) {
  struct gcn__session session;
  gcn__session_init(&session, &settings, rng);
  session.state = n.state;
  session.desire = n.desire;
  session.alive = armed(n, GCN__TIMER_STABLE);
  session.failures = 1;
  session.rotate_ms = is_mute(GCN__TIMER_ROTATE) ? GCN__NEVER : NOW_MS + 1;
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    if (n.timers & (1u << t)) session.deadlines_ms[t] = NOW_MS;
  }
  return session;
}

static unsigned timers_of(const struct gcn__session* session) {
  unsigned timers = 0;
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    if (session->deadlines_ms[t] != GCN__NEVER) timers |= 1u << t;
  }
  return timers;
}

static struct node session_step(struct node n, enum gcn__input input) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  struct gcn__session session = session_at(n, &rng);
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) {
    session.deadlines_ms[timer_of(input)] = GCN__NEVER;
  }
  struct gcn__step result = gcn__session_input(&session, input, NOW_MS);
  assert_int_equal(result.from, n.state);
  assert_int_equal(result.to, session.state);
  bool dials = (result.verbs & GCN__VERB_DIAL) != 0;
  assert_int_equal(session.attempt_count, dials ? 1 : 0);
  n.state = session.state;
  n.desire = session.desire;
  n.timers = timers_of(&session);
  if (result.verbs & GCN__VERB_DROP) n.linked = false;
  if (dials) n.linked = true;
  /* The rest is the engine's, as in engine/verbs.c and engine/shard.c. */
  if (result.verbs & GCN__VERB_PING) n.timers |= 1u << GCN__TIMER_PING;
  struct gcn__gap gap;
  struct gcn__gaps gaps = {.open = n.gap};
  bool confirms = (result.verbs & GCN__VERB_CONFIRM) != 0;
  if (confirms) gcn__gaps_end(&gaps, NOW_MS, &gap);
  if (result.verbs & GCN__VERB_LOSE) {
    bool known = gcn__gaps_lose(&gaps, NOW_MS, 2000, GCN__NEVER, input, &gap);
    assert_false(known);
  }
  n.gap = gaps.open;
  n.streamed = n.streamed || confirms;
  return n;
}

static bool may_hold_links(enum gcn__state state) {
  return state >= GCN__STATE_CONNECTING &&
         (state <= GCN__STATE_STREAMING || state == GCN__STATE_CLOSING);
}

static void check_node(struct node n) {
  bool rests = n.state == GCN__STATE_IDLE || n.state == GCN__STATE_REFUSED ||
               n.state == GCN__STATE_CLOSED;
  /* P3: a wanted client has a deadline, unless only the user can help. */
  if (!rests) assert_true(n.timers != 0);
  if (rests) assert_int_equal(n.timers, 0);
  /* P5: leaving has its own. */
  if (n.state == GCN__STATE_CLOSING) assert_true(armed(n, GCN__TIMER_PHASE));
  /* P6: links are held where they may be, and nowhere else. */
  assert_int_equal(n.linked, may_hold_links(n.state));
  /* P2, P4 */
  if (n.state == GCN__STATE_CLOSED) {
    assert_int_equal(n.desire, GCN__DESIRE_CLOSED);
  }
  bool tries = n.state != GCN__STATE_CLOSING && !rests;
  if (tries) assert_int_equal(n.desire, GCN__DESIRE_STREAMING);
  /* P11: once it has streamed, not streaming is a gap. */
  assert_int_equal(n.gap, n.streamed && n.state != GCN__STATE_STREAMING);
}

static void check_step(struct node from, enum gcn__input input,
                       struct node to) {
  uint32_t verbs = gcn__fsm_cell(from.state, input).verbs;
  if (verbs & GCN__VERB_DIAL) {
    assert_false(from.linked); /* P6: one end before the next beginning */
    assert_int_equal(to.desire, GCN__DESIRE_STREAMING); /* P4 */
  }
  /* Desire never comes back from CLOSED. */
  if (from.desire == GCN__DESIRE_CLOSED) {
    assert_int_equal(to.desire, GCN__DESIRE_CLOSED);
  }
}

static void visit(struct node n) {
  unsigned number = number_of(n);
  if (model.seen[number]) return;
  model.seen[number] = true;
  model.queue[model.count++] = n;
  check_node(n);
}

static void explore_from(struct node n) {
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    enum gcn__input input = (enum gcn__input)i;
    if (!possible(n, input)) continue;
    struct node next = session_step(n, input);
    struct node told = step(n, input);
    assert_int_equal(number_of(next), number_of(told));
    check_step(n, input, next);
    model.step_count++;
    visit(next);
  }
}

static void explore(unsigned mute) {
  memset(&model, 0, sizeof model);
  model.mute = mute;
  settings = GCN__SETTINGS_DEFAULT;
  settings.ping_ms = is_mute(GCN__TIMER_PING) ? 0 : 15000;
  visit((struct node){.state = GCN__STATE_IDLE});
  for (unsigned i = 0; i < model.count; i++)
    explore_from(model.queue[i]);
}

static void explore_all(void) {
  explore(0);
}

/* Where a scoreboard asks for the figures they are left. */
static void write_figures(unsigned states, unsigned transitions) {
  char path[4096];
  const char* directory = getenv("GCN_PROOF_DIR");
  if (directory == NULL) return;
  snprintf(path, sizeof path, "%s/model.txt", directory);
  FILE* out = fopen(path, "w");
  if (out == NULL) return;
  fprintf(out, "states %u\ntransitions %u\n", states, transitions);
  fclose(out);
}

/* With each of the optional timers, and without. */
static void every_reachable_node_is_sound(void** state) {
  (void)state;
  unsigned states = 0;
  unsigned transitions = 0;
  for (unsigned mute = 0; mute <= OPTIONAL_TIMERS; mute++) {
    if ((mute & ~(unsigned)OPTIONAL_TIMERS) != 0) continue;
    explore(mute);
    print_message("# %u nodes, %u steps\n", model.count, model.step_count);
    assert_true(model.count >= 2 * GCN__STATE_COUNT);
    assert_true(model.step_count > 10 * model.count);
    states += model.count;
    transitions += model.step_count;
  }
  write_figures(states, transitions);
}

/* Of each input one step at least has been taken. */
static void every_input_is_fed(void** state) {
  (void)state;
  explore_all();
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    bool fed = false;
    for (unsigned k = 0; k < model.count && !fed; k++) {
      fed = possible(model.queue[k], (enum gcn__input)i);
    }
    if (!fed) fail_msg("%s", gcn__input_name((enum gcn__input)i));
  }
}

static void every_state_is_reached_with_every_desire_it_allows(void** state) {
  (void)state;
  explore_all();
  bool seen[GCN__STATE_COUNT][DESIRE_COUNT] = {{false}};
  for (unsigned i = 0; i < model.count; i++) {
    seen[model.queue[i].state][model.queue[i].desire] = true;
  }
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    bool any = s == GCN__STATE_IDLE || s == GCN__STATE_CLOSING;
    bool end = s == GCN__STATE_CLOSED;
    assert_int_equal(seen[s][GCN__DESIRE_STOPPED], any);
    assert_int_equal(seen[s][GCN__DESIRE_STREAMING], !end);
    assert_int_equal(seen[s][GCN__DESIRE_CLOSED], any || end);
  }
}

/* However the world plays on, after close only timers that are armed already
 * are waited for. */
static unsigned longest_way_out(struct node n) {
  unsigned count = 0;
  while (n.state != GCN__STATE_CLOSED) {
    bool waits = n.state == GCN__STATE_CLOSING;
    enum gcn__input input = waits ? GCN__INPUT_PHASE_DUE : GCN__INPUT_CLOSE;
    assert_true(possible(n, input));
    for (int i = 0; waits && i < GCN__INPUT_COUNT; i++) {
      if (!possible(n, (enum gcn__input)i)) continue;
      enum gcn__state next = step(n, (enum gcn__input)i).state;
      assert_true(next == GCN__STATE_CLOSING || next == GCN__STATE_IDLE);
    }
    n = step(n, input);
    count++;
  }
  return count;
}

static void close_is_reached_from_everywhere(void** state) {
  (void)state;
  explore_all();
  for (unsigned i = 0; i < model.count; i++) {
    struct node n = model.queue[i];
    if (n.state == GCN__STATE_CLOSED) continue;
    if (n.state == GCN__STATE_CLOSING) wish_for(&n, GCN__INPUT_CLOSE);
    if (wishes(n) && n.desire != GCN__DESIRE_CLOSED) continue;
    assert_in_range(longest_way_out(n), 1, 3);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_reachable_node_is_sound),
      cmocka_unit_test(every_input_is_fed),
      cmocka_unit_test(every_state_is_reached_with_every_desire_it_allows),
      cmocka_unit_test(close_is_reached_from_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
