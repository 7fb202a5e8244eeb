/* SPDX-License-Identifier: MIT */
/*
 * The state table, looked at but never run: all cells hold the rules of
 * core/fsm.c, and src/DESIGN.md shows the table as it is.
 *
 * After a change to the table, `test-unit-fsm --write` from the root of the
 * tree (or with GCN_SOURCE_ROOT set) puts the new grid into the document.
 */
#include "core/fsm.h"

#include "check.h"
#include "fsm-grid.h"
#include "gcnotify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096, INPUTS_TO_CLOSE = 3 };

#define PLANS (GCN__VERB_PLAN | GCN__VERB_PLAN_SLOW)

/* Every cell with its place, for the loops below. */
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

enum { CELL_COUNT = (int)GCN__STATE_COUNT * (int)GCN__INPUT_COUNT };

#define FOR_EACH_CELL(p)                                                       \
  for (int at_ = 0; at_ < CELL_COUNT; at_++)                                   \
    for (struct place p = place_at(at_), *once_ = &p; once_ != NULL;           \
         once_ = NULL)

/* Fails with the cell's name. */
#define HOLD(p, condition)                                                     \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fail_msg("%s x %s: %s", gcn__state_name((p).state),                      \
               gcn__input_name((p).input), #condition);                        \
    }                                                                          \
  } while (0)

static bool linked(enum gcn__state state) {
  switch (state) {
  case GCN__STATE_CONNECTING:
  case GCN__STATE_AUTHENTICATING:
  case GCN__STATE_SUBSCRIBING:
  case GCN__STATE_STREAMING:
  case GCN__STATE_CLOSING: return true;
  case GCN__STATE_IDLE:
  case GCN__STATE_BACKING_OFF:
  case GCN__STATE_REFUSED:
  case GCN__STATE_CLOSED:
  case GCN__STATE_COUNT: break;
  }
  return false;
}

static bool enters(struct place p, enum gcn__state next) {
  return p.cell.kind == GCN__CELL_ENTER && p.cell.next == next;
}

static bool does(struct place p, unsigned verbs) {
  return (p.cell.verbs & verbs) != 0;
}

static bool leaves_links(struct place p) {
  return p.cell.kind == GCN__CELL_ENTER && linked(p.state) &&
         !linked((enum gcn__state)p.cell.next);
}

static unsigned bits(unsigned set) {
  return (unsigned)__builtin_popcount(set);
}

static void cells_are_well_formed(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    HOLD(p, p.cell.kind <= GCN__CELL_ENTER);
    HOLD(p, p.cell.next < GCN__STATE_COUNT);
    HOLD(p, p.cell.verbs < 1u << GCN__VERB_COUNT);
    bool bare = p.cell.kind == GCN__CELL_NEVER || p.cell.kind == GCN__CELL_SKIP;
    if (bare) HOLD(p, p.cell.verbs == 0 && p.cell.next == 0);
    if (p.cell.kind == GCN__CELL_STAY) HOLD(p, p.cell.verbs != 0);
  }
}

static void every_verb_and_every_input_is_used(void** state) {
  (void)state;
  unsigned verbs = 0;
  bool inputs[GCN__INPUT_COUNT] = {false};
  FOR_EACH_CELL(p) {
    verbs |= p.cell.verbs;
    if (p.cell.kind != GCN__CELL_NEVER) inputs[p.input] = true;
  }
  assert_int_equal(verbs, (1u << GCN__VERB_COUNT) - 1);
  for (int i = 0; i < GCN__INPUT_COUNT; i++)
    assert_true(inputs[i]);
}

static void every_state_is_reachable(void** state) {
  (void)state;
  unsigned seen = 1u << GCN__STATE_IDLE;
  for (int round = 0; round < GCN__STATE_COUNT; round++) {
    FOR_EACH_CELL(p) {
      bool here = (seen & (1u << p.state)) != 0;
      if (here && p.cell.kind == GCN__CELL_ENTER) seen |= 1u << p.cell.next;
    }
  }
  assert_int_equal(seen, (1u << GCN__STATE_COUNT) - 1);
}

static void names_agree_with_the_public_header(void** state) {
  (void)state;
#define SAME(name, value, spoken)                                              \
  assert_int_equal(GCN__STATE_##name, value);                                  \
  assert_string_equal(gcn__state_name(GCN__STATE_##name), #name);              \
  assert_string_equal(gcn__state_spoken(GCN__STATE_##name), spoken);
  GCN_STATE_MAP(SAME)
#undef SAME
  assert_int_equal(GCN__STATE_COUNT, GCN_STATE_COUNT);
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    enum gcn__timer timer = (enum gcn__timer)t;
    char want[64];
    snprintf(want, sizeof want, "%s_DUE", gcn__timer_name(timer));
    enum gcn__input input = gcn__fsm_timer_input(timer);
    assert_string_equal(gcn__input_name(input), want);
    assert_int_equal(gcn__input_origin(input), GCN__ORIGIN_TIMER);
    assert_true(strlen(gcn__input_meaning(input)) > 0);
  }
}

static void peers_may_say_anything_to_a_link(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (gcn__input_origin(p.input) != GCN__ORIGIN_PEER) continue;
    HOLD(p, linked(p.state) == (p.cell.kind != GCN__CELL_NEVER));
  }
}

static void users_may_say_anything_before_the_end(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (gcn__input_origin(p.input) != GCN__ORIGIN_USER) continue;
    bool alive = p.state != GCN__STATE_CLOSED;
    HOLD(p, alive == (p.cell.kind != GCN__CELL_NEVER));
  }
}

static void progress_belongs_to_the_state_that_works(void** state) {
  (void)state;
  static const struct {
    enum gcn__input input;
    enum gcn__state state;
  } homes[] = {
      {GCN__INPUT_LINKED, GCN__STATE_CONNECTING},
      {GCN__INPUT_TOKEN, GCN__STATE_AUTHENTICATING},
      {GCN__INPUT_STEP, GCN__STATE_SUBSCRIBING},
      {GCN__INPUT_CONFIRMED, GCN__STATE_SUBSCRIBING},
      {GCN__INPUT_SYNCED, GCN__STATE_STREAMING},
      {GCN__INPUT_UNSYNCED, GCN__STATE_STREAMING},
      {GCN__INPUT_DRIFTED, GCN__STATE_STREAMING},
      {GCN__INPUT_DRAINED, GCN__STATE_CLOSING},
  };
  for (size_t h = 0; h < sizeof homes / sizeof homes[0]; h++) {
    FOR_EACH_CELL(p) {
      if (p.input != homes[h].input) continue;
      bool home = p.state == homes[h].state;
      HOLD(p, home == (p.cell.kind != GCN__CELL_NEVER));
    }
  }
}

/* The successor takes over from a stream, or from one that is being closed. */
static void only_streams_retire(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (p.input != GCN__INPUT_RETIRE) continue;
    bool streams = p.state == GCN__STATE_STREAMING;
    bool leaves = p.state == GCN__STATE_CLOSING;
    HOLD(p, streams == enters(p, GCN__STATE_CLOSING));
    HOLD(p, (streams || leaves) == (p.cell.kind != GCN__CELL_NEVER));
  }
}

/* Timers that can be armed in a state, however they came to be. */
static unsigned armable(enum gcn__state state) {
  struct gcn__timer_row row = gcn__fsm_timers(state);
  unsigned timers = row.fresh;
  FOR_EACH_CELL(p) {
    bool stays = p.state == state && p.cell.kind == GCN__CELL_STAY;
    if (stays) timers |= fsm_grid_armed_by(p.cell.verbs);
    if (!enters(p, state)) continue;
    unsigned armed = fsm_grid_armed_by(p.cell.verbs);
    armed |= gcn__fsm_timers(p.state).fresh | gcn__fsm_timers(p.state).kept;
    timers |= armed & row.kept;
  }
  return timers;
}

static void
timer_inputs_are_written_where_the_timer_can_be_armed(void** state) {
  (void)state;
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    enum gcn__input input = gcn__fsm_timer_input((enum gcn__timer)t);
    FOR_EACH_CELL(p) {
      if (p.input != input) continue;
      bool can = (armable(p.state) & (1u << t)) != 0;
      HOLD(p, can == (p.cell.kind != GCN__CELL_NEVER));
    }
  }
}

/* P3, as far as a table can promise it. */
static void wanted_states_are_entered_with_a_deadline(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (p.cell.kind != GCN__CELL_ENTER) continue;
    enum gcn__state next = (enum gcn__state)p.cell.next;
    bool rests = next == GCN__STATE_IDLE || next == GCN__STATE_REFUSED ||
                 next == GCN__STATE_CLOSED;
    struct gcn__timer_row row = gcn__fsm_timers(next);
    unsigned armed = row.fresh | (row.kept & fsm_grid_armed_by(p.cell.verbs));
    HOLD(p, rests == (armed == 0));
    HOLD(p, (row.fresh & row.kept) == 0);
  }
}

/* A timer that fires is disarmed: the cell leaves the state, or what it does
 * leaves another deadline. */
static void no_timer_is_the_last_one(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (gcn__input_origin(p.input) != GCN__ORIGIN_TIMER) continue;
    if (p.cell.kind == GCN__CELL_NEVER) continue;
    HOLD(p, p.cell.kind != GCN__CELL_SKIP);
    if (p.cell.kind == GCN__CELL_ENTER) continue;
    bool judge = p.input == GCN__INPUT_SILENCE_DUE;
    HOLD(p, !judge && p.state == GCN__STATE_STREAMING);
  }
}

/* The attempt's own deadline starts once, with the attempt. */
static void only_a_new_attempt_restarts_its_deadline(void** state) {
  (void)state;
  const unsigned attempt = 1u << GCN__TIMER_ATTEMPT;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    bool first = s == GCN__STATE_CONNECTING;
    unsigned fresh = gcn__fsm_timers((enum gcn__state)s).fresh;
    assert_int_equal(first, (fresh & attempt) != 0);
  }
  FOR_EACH_CELL(p) {
    bool kept = (gcn__fsm_timers(p.state).kept & attempt) != 0;
    if (kept) HOLD(p, !enters(p, GCN__STATE_CONNECTING));
  }
}

static void dialling_is_how_attempts_begin(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    HOLD(p, enters(p, GCN__STATE_CONNECTING) == does(p, GCN__VERB_DIAL));
    if (!does(p, GCN__VERB_DIAL)) continue;
    HOLD(p, !linked(p.state)); /* P6 */
    bool told = gcn__input_origin(p.input) == GCN__ORIGIN_USER;
    HOLD(p, told || p.input == GCN__INPUT_RETRY_DUE); /* P4 */
    bool calm = p.input == GCN__INPUT_STOP || p.input == GCN__INPUT_CLOSE ||
                p.input == GCN__INPUT_TOPICS;
    HOLD(p, !calm);
  }
}

static void steps_begin_by_entering(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    HOLD(p, enters(p, GCN__STATE_AUTHENTICATING) == does(p, GCN__VERB_AUTH));
    HOLD(p, enters(p, GCN__STATE_SUBSCRIBING) == does(p, GCN__VERB_SUBSCRIBE));
    HOLD(p, enters(p, GCN__STATE_CLOSING) == does(p, GCN__VERB_GOODBYE));
  }
}

static void streaming_is_entered_by_confirmation_only(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool confirms = does(p, GCN__VERB_CONFIRM);
    HOLD(p, enters(p, GCN__STATE_STREAMING) == confirms); /* P1 */
    if (confirms) HOLD(p, p.input == GCN__INPUT_CONFIRMED);
    if (confirms) HOLD(p, p.state == GCN__STATE_SUBSCRIBING);
  }
}

static void a_gap_begins_whenever_a_stream_ends(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool ends = p.state == GCN__STATE_STREAMING &&
                p.cell.kind == GCN__CELL_ENTER &&
                p.cell.next != GCN__STATE_STREAMING;
    HOLD(p, ends == does(p, GCN__VERB_LOSE)); /* P11 */
  }
}

static void backing_off_has_exactly_one_plan(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    unsigned plans = bits(p.cell.verbs & PLANS);
    HOLD(p, plans == (enters(p, GCN__STATE_BACKING_OFF) ? 1 : 0));
  }
}

/* Whatever makes us try again counts, so that no loop of states without a
 * proven stream is faster than its backoff. */
static void every_failed_attempt_is_counted(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool failed = enters(p, GCN__STATE_BACKING_OFF) ||
                  (enters(p, GCN__STATE_REFUSED) && linked(p.state));
    HOLD(p, failed == does(p, GCN__VERB_FAIL));
  }
}

static void only_proof_forgives(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool proof =
        p.state == GCN__STATE_STREAMING && p.input == GCN__INPUT_STABLE_DUE;
    HOLD(p, proof == does(p, GCN__VERB_FORGIVE)); /* P8 */
  }
}

static void leaving_the_linked_states_drops(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    HOLD(p, leaves_links(p) == does(p, GCN__VERB_DROP));
  }
}

static void what_was_rejected_is_not_used_again(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool token = p.input == GCN__INPUT_STALE_TOKEN ||
                 p.input == GCN__INPUT_DENIED || p.input == GCN__INPUT_REVOKED;
    bool channel = p.input == GCN__INPUT_STALE_CHANNEL;
    bool working = linked(p.state) && p.state != GCN__STATE_CLOSING;
    HOLD(p, (token && working) == does(p, GCN__VERB_REJECT)); /* P9 */
    if (channel && working) HOLD(p, does(p, GCN__VERB_FORGET));
    if (does(p, GCN__VERB_FORGET)) {
      HOLD(p, channel || p.input == GCN__INPUT_REVOKED); /* P6 */
    }
  }
}

static bool is_announcement(enum gcn__input input) {
  return input == GCN__INPUT_MOVING || input == GCN__INPUT_REVOKED ||
         input == GCN__INPUT_UNSUBSCRIBED;
}

/* What comes over an open stream and does not end it by itself. */
static bool is_message(enum gcn__input input) {
  return input == GCN__INPUT_EVENT || input == GCN__INPUT_HEARTBEAT ||
         input == GCN__INPUT_GARBAGE || is_announcement(input);
}

static void events_are_delivered_once_asked_for(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool subscribed = p.state == GCN__STATE_AUTHENTICATING ||
                      p.state == GCN__STATE_SUBSCRIBING ||
                      p.state == GCN__STATE_STREAMING;
    bool event = p.input == GCN__INPUT_EVENT;
    HOLD(p, (subscribed && event) == does(p, GCN__VERB_DELIVER)); /* P10 */
    bool life = is_message(p.input);
    bool streaming = p.state == GCN__STATE_STREAMING;
    HOLD(p, (life && streaming) == does(p, GCN__VERB_ALIVE));
  }
}

/* Said over a socket that is open and not confirmed yet: remembered. */
static bool is_early_notice(struct place p) {
  bool open = linked(p.state) && p.state != GCN__STATE_CONNECTING;
  return open && p.state < GCN__STATE_STREAMING && p.input == GCN__INPUT_MOVING;
}

/* The background work of a stream never ends it, nor does what replaces it. */
static void background_work_happens_while_streaming(void** state) {
  (void)state;
  static const struct {
    enum gcn__input input;
    unsigned verbs;
  } work[] = {
      {GCN__INPUT_TOPICS, GCN__VERB_DEBOUNCE},
      {GCN__INPUT_UNSYNCED, GCN__VERB_SYNC_LATER},
      {GCN__INPUT_SYNC_DUE, GCN__VERB_SYNC},
      {GCN__INPUT_DRIFTED, GCN__VERB_SYNC},
      {GCN__INPUT_AUDIT_DUE, GCN__VERB_AUDIT},
      {GCN__INPUT_UNSUBSCRIBED, GCN__VERB_AUDIT},
      {GCN__INPUT_CREDENTIALS, GCN__VERB_ROTATE},
      {GCN__INPUT_ROTATE, GCN__VERB_ROTATE},
      {GCN__INPUT_ROTATE_DUE, GCN__VERB_ROTATE},
      {GCN__INPUT_MOVING, GCN__VERB_ROTATE},
      {GCN__INPUT_REVOKED, GCN__VERB_ROTATE},
      {GCN__INPUT_PROBE_DUE, GCN__VERB_PROBE},
      {GCN__INPUT_PROOF_DUE, GCN__VERB_PROBE},
      {GCN__INPUT_PING_DUE, GCN__VERB_PING},
  };
  const unsigned all = GCN__VERB_DEBOUNCE | GCN__VERB_SYNC_LATER |
                       GCN__VERB_SYNC | GCN__VERB_AUDIT | GCN__VERB_ROTATE |
                       GCN__VERB_PROBE | GCN__VERB_PING;
  FOR_EACH_CELL(p) {
    unsigned want = 0;
    for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
      bool here = p.state == GCN__STATE_STREAMING || is_early_notice(p);
      if (here && p.input == work[i].input) want = work[i].verbs;
    }
    HOLD(p, (p.cell.verbs & all) == want);
    if (want != 0) HOLD(p, p.cell.kind == GCN__CELL_STAY);
  }
}

/* Nothing that went wrong is passed over, and only what will not heal by itself
 * waits long. */
static void trouble_is_acted_upon(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool peer = gcn__input_origin(p.input) == GCN__ORIGIN_PEER;
    bool early = p.state == GCN__STATE_CONNECTING; /* nobody was asked yet */
    bool working = linked(p.state) && p.state != GCN__STATE_CLOSING;
    /* An attempt that is told of its token's end has nothing to lose yet. */
    bool ends = p.input == GCN__INPUT_REVOKED;
    bool harmless =
        is_message(p.input) && (p.state == GCN__STATE_STREAMING || !ends);
    if (peer && working) {
      HOLD(p, (!harmless || early) == (p.cell.kind == GCN__CELL_ENTER));
    }
    bool stubborn = working && p.input == GCN__INPUT_STUBBORN;
    HOLD(p, stubborn == does(p, GCN__VERB_PLAN_SLOW));
    bool refused = working && p.input == GCN__INPUT_REFUSED;
    bool unread =
        p.state == GCN__STATE_IDLE && p.input == GCN__INPUT_UNREADABLE;
    HOLD(p, (refused || unread) == enters(p, GCN__STATE_REFUSED));
  }
}

/* Steps go on and begin again by entering, so that each has its deadline. */
static void progress_leads_on(void** state) {
  (void)state;
  static const struct {
    enum gcn__state state;
    enum gcn__input input;
    enum gcn__state next;
  } steps[] = {
      {GCN__STATE_CONNECTING, GCN__INPUT_LINKED, GCN__STATE_AUTHENTICATING},
      {GCN__STATE_AUTHENTICATING, GCN__INPUT_TOKEN, GCN__STATE_SUBSCRIBING},
      {GCN__STATE_AUTHENTICATING, GCN__INPUT_CREDENTIALS,
       GCN__STATE_AUTHENTICATING},
      {GCN__STATE_SUBSCRIBING, GCN__INPUT_STEP, GCN__STATE_SUBSCRIBING},
      {GCN__STATE_SUBSCRIBING, GCN__INPUT_STALE_CHANNEL,
       GCN__STATE_AUTHENTICATING},
      {GCN__STATE_SUBSCRIBING, GCN__INPUT_STALE_TOKEN,
       GCN__STATE_AUTHENTICATING},
      {GCN__STATE_IDLE, GCN__INPUT_START, GCN__STATE_CONNECTING},
      {GCN__STATE_REFUSED, GCN__INPUT_START, GCN__STATE_CONNECTING},
      {GCN__STATE_REFUSED, GCN__INPUT_CREDENTIALS, GCN__STATE_CONNECTING},
      {GCN__STATE_REFUSED, GCN__INPUT_HURRY, GCN__STATE_CONNECTING},
      {GCN__STATE_BACKING_OFF, GCN__INPUT_HURRY, GCN__STATE_CONNECTING},
      {GCN__STATE_BACKING_OFF, GCN__INPUT_RETRY_DUE, GCN__STATE_CONNECTING},
  };
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    FOR_EACH_CELL(p) {
      if (p.state != steps[i].state || p.input != steps[i].input) continue;
      HOLD(p, enters(p, steps[i].next));
    }
  }
}

static void closed_only_if_asked(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (!enters(p, GCN__STATE_CLOSED)) continue;
    HOLD(p, p.input == GCN__INPUT_CLOSE); /* P2 */
    HOLD(p, !linked(p.state));
    HOLD(p, p.cell.verbs == 0);
  }
}

static void stop_and_close_are_obeyed_everywhere(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    bool stop = p.input == GCN__INPUT_STOP;
    bool close = p.input == GCN__INPUT_CLOSE;
    if (!stop && !close) continue;
    if (p.state == GCN__STATE_CLOSED || p.state == GCN__STATE_CLOSING) continue;
    if (stop && p.state == GCN__STATE_IDLE) continue;
    enum gcn__state rest = stop ? GCN__STATE_IDLE : GCN__STATE_CLOSED;
    HOLD(p, enters(p, linked(p.state) ? GCN__STATE_CLOSING : rest));
  }
}

/* Whatever happens in CLOSING, the only way leads to IDLE, nothing extends its
 * deadline, and the deadline leads there too. */
static void closing_only_ends(void** state) {
  (void)state;
  FOR_EACH_CELL(p) {
    if (p.state != GCN__STATE_CLOSING) continue;
    HOLD(p, p.cell.kind != GCN__CELL_STAY);
    if (p.cell.kind == GCN__CELL_ENTER) HOLD(p, enters(p, GCN__STATE_IDLE));
    bool end = p.input == GCN__INPUT_PHASE_DUE || p.input == GCN__INPUT_DRAINED;
    if (end) HOLD(p, enters(p, GCN__STATE_IDLE));
  }
}

static void close_leads_to_closed_from_everywhere(void** state) {
  (void)state;
  for (int s = 0; s < GCN__STATE_CLOSED; s++) {
    enum gcn__state at = (enum gcn__state)s;
    int count = 0;
    while (at != GCN__STATE_CLOSED) {
      bool waits = at == GCN__STATE_CLOSING;
      enum gcn__input input = waits ? GCN__INPUT_PHASE_DUE : GCN__INPUT_CLOSE;
      struct gcn__cell cell = gcn__fsm_cell(at, input);
      assert_int_equal(cell.kind, GCN__CELL_ENTER);
      at = (enum gcn__state)cell.next;
      assert_true(++count <= INPUTS_TO_CLOSE);
    }
  }
}

static const char* document_path(char path[PATH_SIZE]) {
  const char* root = getenv("GCN_SOURCE_ROOT");
  snprintf(path, PATH_SIZE, "%s/src/DESIGN.md", root == NULL ? "." : root);
  return path;
}

static void document_shows_the_table(void** state) {
  (void)state;
  char path[PATH_SIZE];
  char* found = fsm_grid_read(document_path(path));
  if (found == NULL) fail_msg("no grid between the markers of %s", path);
  char* want = fsm_grid_print();
  bool same = strcmp(want, found) == 0;
  free(want);
  free(found);
  if (!same) fail_msg("%s is stale: run this program with --write", path);
}

static int write_document(void) {
  char path[PATH_SIZE];
  char* grid = fsm_grid_print();
  int error = fsm_grid_write(document_path(path), grid);
  free(grid);
  if (error != 0) fprintf(stderr, "cannot write the grid into %s\n", path);
  return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--write") == 0) return write_document();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_are_well_formed),
      cmocka_unit_test(every_verb_and_every_input_is_used),
      cmocka_unit_test(every_state_is_reachable),
      cmocka_unit_test(names_agree_with_the_public_header),
      cmocka_unit_test(peers_may_say_anything_to_a_link),
      cmocka_unit_test(users_may_say_anything_before_the_end),
      cmocka_unit_test(progress_belongs_to_the_state_that_works),
      cmocka_unit_test(only_streams_retire),
      cmocka_unit_test(timer_inputs_are_written_where_the_timer_can_be_armed),
      cmocka_unit_test(wanted_states_are_entered_with_a_deadline),
      cmocka_unit_test(no_timer_is_the_last_one),
      cmocka_unit_test(only_a_new_attempt_restarts_its_deadline),
      cmocka_unit_test(dialling_is_how_attempts_begin),
      cmocka_unit_test(steps_begin_by_entering),
      cmocka_unit_test(streaming_is_entered_by_confirmation_only),
      cmocka_unit_test(a_gap_begins_whenever_a_stream_ends),
      cmocka_unit_test(backing_off_has_exactly_one_plan),
      cmocka_unit_test(every_failed_attempt_is_counted),
      cmocka_unit_test(only_proof_forgives),
      cmocka_unit_test(leaving_the_linked_states_drops),
      cmocka_unit_test(what_was_rejected_is_not_used_again),
      cmocka_unit_test(events_are_delivered_once_asked_for),
      cmocka_unit_test(background_work_happens_while_streaming),
      cmocka_unit_test(trouble_is_acted_upon),
      cmocka_unit_test(progress_leads_on),
      cmocka_unit_test(closed_only_if_asked),
      cmocka_unit_test(stop_and_close_are_obeyed_everywhere),
      cmocka_unit_test(closing_only_ends),
      cmocka_unit_test(close_leads_to_closed_from_everywhere),
      cmocka_unit_test(document_shows_the_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
