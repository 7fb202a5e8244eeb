/* SPDX-License-Identifier: MIT */
/*
 * A flight record replayed: random lives of sessions are recorded, dumped, read
 * and taken through the table again.  The same table does the same; a table
 * with one other cell is found out wherever the record has been there.
 */
#define GCN_FSM_MUTABLE

#include "core/replay.h"

#include "base/time.h"
#include "check.h"
#include "core/record-reader.h"
#include "core/recorder.h"

#include <string.h>

enum { SLOT_COUNT = 3, STEP_COUNT = 4000, DUMP_SIZE_MAX = 4 << 20 };

struct world {
  struct gcn__settings settings;
  struct gcn__rng rng;
  struct gcn__session sessions[SLOT_COUNT];
  uint64_t now_ms;
  struct gcn__recorder recorder;
  struct gcn__buf dump;
  struct gcn__record_reader reader;
  struct gcn__replay replay;
  bool visited[GCN__STATE_COUNT][GCN__INPUT_COUNT];
  unsigned entered_count;
};

enum { RING_SIZE_MAX = 1 << 20 };

static void begin(struct world* world, uint64_t seed, size_t ring_size) {
  gcn__recorder_deinit(&world->recorder);
  memset(world, 0, sizeof *world);
  world->settings = GCN__SETTINGS_DEFAULT;
  world->settings.phase_ms = 7000; /* the record, not the default, counts */
  world->now_ms = 1000000;
  gcn__rng_seed(&world->rng, seed);
  for (int s = 0; s < SLOT_COUNT; s++) {
    gcn__session_init(&world->sessions[s], &world->settings, &world->rng);
  }
  gcn__recorder_init(&world->recorder, &gcn__mem_libc, ring_size,
                     &world->settings);
  gcn__buf_init(&world->dump, &gcn__mem_libc, DUMP_SIZE_MAX);
}

static int set_up(void** state) {
  static struct world world;
  *state = &world;
  return 0;
}

static int tear_down(void** state) {
  struct world* world = *state;
  gcn__recorder_deinit(&world->recorder);
  gcn__buf_deinit(&world->dump);
  return 0;
}

/* What the world may say to a session in this state; timers come by time, and
 * progress comes more often than trouble. */
static bool may_feed(enum gcn__state state, enum gcn__input input) {
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) return false;
  return gcn__fsm_cell(state, input).kind != GCN__CELL_NEVER;
}

static enum gcn__input choose(struct world* world,
                              const struct gcn__session* session) {
  for (;;) {
    uint64_t at = gcn__rng_below(&world->rng, GCN__INPUT_COUNT);
    enum gcn__input input = (enum gcn__input)at;
    bool rare = gcn__input_origin(input) != GCN__ORIGIN_PROGRESS;
    if (rare && gcn__rng_below(&world->rng, 30) != 0) continue;
    if (may_feed(session->state, input)) return input;
  }
}

static void feed(struct world* world, unsigned slot, enum gcn__input input) {
  struct gcn__session* session = &world->sessions[slot];
  world->visited[session->state][input] = true;
  struct gcn__step step = gcn__session_input(session, input, world->now_ms);
  struct gcn__record record =
      gcn__record_of_step(session, input, &step, world->now_ms);
  record.slot = (uint8_t)slot;
  if (step.to == GCN__STATE_BACKING_OFF && step.entered) record.error = -110;
  world->entered_count += step.entered;
  gcn__recorder_note(&world->recorder, &record);
}

/* One thing that happens to one connection: a timer that is due, a wish that
 * IDLE acts on, or something out of the world. */
static void happen(struct world* world) {
  unsigned slot = (unsigned)gcn__rng_below(&world->rng, SLOT_COUNT);
  struct gcn__session* session = &world->sessions[slot];
  if (session->state == GCN__STATE_CLOSED) {
    gcn__session_init(session, &world->settings, &world->rng);
  }
  enum gcn__input input;
  bool waits = gcn__rng_below(&world->rng, 3) == 0;
  uint64_t due_ms = gcn__session_deadline(session);
  if (waits && due_ms != GCN__NEVER) {
    if (due_ms > world->now_ms) world->now_ms = due_ms;
    if (gcn__session_expire(session, world->now_ms, &input)) {
      feed(world, slot, input);
      return;
    }
  }
  world->now_ms += gcn__rng_below(&world->rng, 400);
  if (!gcn__session_wish(session, &input)) input = choose(world, session);
  feed(world, slot, input);
}

static void live(struct world* world, uint64_t seed, size_t ring_size) {
  begin(world, seed, ring_size);
  for (int i = 0; i < STEP_COUNT; i++)
    happen(world);
  int error =
      gcn__recorder_dump(&world->recorder, world->now_ms, 0, &world->dump);
  assert_int_equal(error, 0);
}

struct outcome {
  uint64_t count; /* of inputs in the record */
  unsigned different_count;
  unsigned differences; /* all of them together */
  struct gcn__record first;
};

static struct outcome replay(struct world* world) {
  struct outcome outcome = {.count = 0};
  struct gcn__record record;
  struct gcn__record now;
  assert_null(
      gcn__record_reader_init(&world->reader, gcn__buf_span(&world->dump)));
  gcn__replay_init(&world->replay, &world->reader.settings);
  while (gcn__record_reader_next(&world->reader, &record)) {
    unsigned found = gcn__replay_step(&world->replay, &record, &now);
    outcome.count += record.count;
    outcome.differences |= found;
    if (found == 0) continue;
    if (outcome.different_count++ == 0) outcome.first = record;
  }
  return outcome;
}

static void the_same_table_does_the_same(void** state) {
  struct world* world = *state;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    live(world, seed, RING_SIZE_MAX);
    struct outcome outcome = replay(world);
    assert_int_equal(outcome.differences, 0);
    assert_int_equal(outcome.count, STEP_COUNT);
    assert_true(world->entered_count > STEP_COUNT / 10);
    assert_true(world->reader.settings.phase_ms == 7000);
    gcn__buf_deinit(&world->dump);
  }
}

/* The middle of a life: the first record of a slot says where it was. */
static void a_record_without_its_beginning_replays(void** state) {
  struct world* world = *state;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    live(world, seed, 2000 + 37 * (size_t)seed);
    struct outcome outcome = replay(world);
    assert_int_equal(outcome.differences, 0);
    assert_true(outcome.count < STEP_COUNT);
    assert_true(world->reader.overwritten + outcome.count == STEP_COUNT);
    gcn__buf_deinit(&world->dump);
  }
}

/* A cell like this one, but different. */
static struct gcn__cell altered(struct gcn__cell cell) {
  if (cell.kind == GCN__CELL_ENTER) {
    cell.next = cell.next == GCN__STATE_REFUSED ? GCN__STATE_CLOSING
                                                : GCN__STATE_REFUSED;
  } else if (cell.kind == GCN__CELL_STAY) {
    cell.verbs ^= GCN__VERB_GOODBYE;
  } else {
    cell.kind = GCN__CELL_STAY;
    cell.verbs = GCN__VERB_PROBE;
  }
  return cell;
}

static void try_cell(struct world* world, enum gcn__state from,
                     enum gcn__input input) {
  struct gcn__cell cell = gcn__fsm_cell(from, input);
  gcn__fsm_mutate(from, input, altered(cell));
  struct outcome outcome = replay(world);
  gcn__fsm_mutate(from, input, cell);
  assert_int_equal(outcome.first.from, from);
  assert_int_equal(outcome.first.input, input);
  unsigned want = cell.kind == GCN__CELL_ENTER ? (unsigned)GCN__REPLAY_TO
                                               : (unsigned)GCN__REPLAY_VERBS;
  assert_int_equal(outcome.differences, want);
  gcn__fsm_mutate(from, input, (struct gcn__cell){.kind = GCN__CELL_NEVER});
  outcome = replay(world);
  gcn__fsm_mutate(from, input, cell);
  assert_int_equal(outcome.differences, GCN__REPLAY_NEVER);
  assert_int_equal(outcome.first.from, from);
  assert_int_equal(outcome.first.input, input);
}

static void every_other_cell_is_found_out(void** state) {
  struct world* world = *state;
  live(world, 5, RING_SIZE_MAX);
  unsigned tried = 0;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int i = 0; i < GCN__INPUT_COUNT; i++) {
      if (!world->visited[s][i]) continue;
      try_cell(world, (enum gcn__state)s, (enum gcn__input)i);
      tried++;
    }
  }
  assert_true(tried > 100);
  assert_int_equal(replay(world).differences, 0);
}

/* STREAMING, WEATHER: counts a failure. */
static void counts_are_compared(void** state) {
  struct world* world = *state;
  live(world, 5, RING_SIZE_MAX);
  struct gcn__cell cell =
      gcn__fsm_cell(GCN__STATE_BACKING_OFF, GCN__INPUT_RETRY_DUE);
  struct gcn__cell other = cell;
  other.verbs |= GCN__VERB_FAIL;
  gcn__fsm_mutate(GCN__STATE_BACKING_OFF, GCN__INPUT_RETRY_DUE, other);
  assert_int_equal(replay(world).differences, GCN__REPLAY_FAILURES);
  other.verbs = cell.verbs & ~(uint32_t)GCN__VERB_DIAL;
  gcn__fsm_mutate(GCN__STATE_BACKING_OFF, GCN__INPUT_RETRY_DUE, other);
  unsigned differences = replay(world).differences;
  gcn__fsm_mutate(GCN__STATE_BACKING_OFF, GCN__INPUT_RETRY_DUE, cell);
  assert_int_equal(differences, GCN__REPLAY_ATTEMPT | GCN__REPLAY_VERBS);
}

static struct gcn__record moved(enum gcn__state from, enum gcn__input input,
                                enum gcn__state to) {
  return (struct gcn__record){
      .at_ms = 1,
      .count = 1,
      .since_ms = 1,
      .entered = true,
      .from = from,
      .input = input,
      .to = to,
      .verbs = gcn__fsm_cell(from, input).verbs,
  };
}

static void a_hole_in_a_life_is_told(void** state) {
  struct world* world = *state;
  struct gcn__record now;
  begin(world, 1, RING_SIZE_MAX);
  gcn__replay_init(&world->replay, &world->settings);
  struct gcn__record record = moved(GCN__STATE_CONNECTING, GCN__INPUT_LINKED,
                                    GCN__STATE_AUTHENTICATING);
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now), 0);
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now),
                   GCN__REPLAY_FROM);
  /* ... once; and another slot knows nothing of it. */
  record = moved(GCN__STATE_AUTHENTICATING, GCN__INPUT_TOKEN,
                 GCN__STATE_SUBSCRIBING);
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now), 0);
  record.slot = 1;
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now), 0);
}

/* What CLOSED leaves behind may be used for another connection. */
static void a_slot_may_have_a_second_life(void** state) {
  struct world* world = *state;
  struct gcn__record now;
  begin(world, 1, RING_SIZE_MAX);
  gcn__replay_init(&world->replay, &world->settings);
  struct gcn__record record =
      moved(GCN__STATE_IDLE, GCN__INPUT_CLOSE, GCN__STATE_CLOSED);
  record.attempt = 9;
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now), 0);
  record = moved(GCN__STATE_IDLE, GCN__INPUT_START, GCN__STATE_CONNECTING);
  record.attempt = 1;
  assert_int_equal(gcn__replay_step(&world->replay, &record, &now), 0);
  record = moved(GCN__STATE_CLOSED, GCN__INPUT_START, GCN__STATE_CONNECTING);
  assert_true(gcn__replay_step(&world->replay, &record, &now) &
              GCN__REPLAY_NEVER);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(the_same_table_does_the_same),
      CASE(a_record_without_its_beginning_replays),
      CASE(every_other_cell_is_found_out),
      CASE(counts_are_compared),
      CASE(a_hole_in_a_life_is_told),
      CASE(a_slot_may_have_a_second_life),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
