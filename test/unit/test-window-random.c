/* SPDX-License-Identifier: MIT */
/*
 * The in-flight window against a model that remembers everything and looks for
 * what it needs.  Memory fails now and then, but acknowledging asks for none.
 *
 * A mark's text says how many events of its lane came before it, so that what
 * the window calls its position can be checked without the model.
 */
#include "core/window.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "mem-probe.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  ROUND_COUNT = 150,
  STEP_COUNT = 2000, /* per round: 300,000 together */
  LANES = 4,
  RESTORED_MAX = 40,
  TEXT_SIZE = 32,
};

struct event {
  unsigned lane;
  size_t index; /* on its lane */
  size_t size;
  bool keyed;
  bool acked;
};

struct model_mark {
  size_t behind; /* events of the lane */
  char text[TEXT_SIZE];
};

/* Something acknowledged, oldest first. */
struct handled {
  struct gcn__key key;
  bool restored;
  size_t index;   /* on its lane, unless restored */
  bool forgotten; /* there were too many younger ones */
};

struct lane {
  size_t given_count;
  struct model_mark marks[STEP_COUNT];
  size_t mark_count;
  struct model_mark position;
  struct handled handled[STEP_COUNT + RESTORED_MAX];
  size_t handled_count;
};

struct model {
  struct mem_probe probe;
  struct gcn__mem mem;
  struct gcn__rng rng;
  struct gcn__window window;
  size_t count_max;
  uint64_t first;
  struct event events[STEP_COUNT];
  size_t event_count;
  struct lane lanes[LANES];
  uint64_t revision;
  bool changed;       /* by this step, what may be stored */
  unsigned moves;     /* of positions */
  unsigned overtaken; /* ... beyond more than one mark */
  unsigned failures;
};

static uint64_t below(struct model* model, uint64_t count) {
  return gcn__rng_below(&model->rng, count);
}

static struct gcn__key key_of(uint64_t number) {
  return (struct gcn__key){{number, 9}};
}

/* --- the model ------------------------------------------------------------ */

static bool all_acked(const struct model* model, unsigned lane, size_t behind) {
  for (size_t i = 0; i < model->event_count; i++) {
    const struct event* event = &model->events[i];
    if (event->lane != lane || event->index >= behind) continue;
    if (!event->acked) return false;
  }
  return true;
}

/* The newest mark that nothing in flight lies before. */
static void move_position(struct model* model, unsigned number) {
  struct lane* lane = &model->lanes[number];
  size_t count = lane->mark_count;
  while (count > 0 && !all_acked(model, number, lane->marks[count - 1].behind))
    count--;
  if (count == 0) return;
  const struct model_mark* mark = &lane->marks[count - 1];
  if (strcmp(lane->position.text, mark->text) != 0) model->changed = true;
  model->moves++;
  model->overtaken += count > 1;
  lane->position = *mark;
  lane->mark_count -= count;
  memmove(lane->marks, lane->marks + count,
          lane->mark_count * sizeof *lane->marks);
}

static void forget(struct model* model, struct lane* lane) {
  size_t kept = 0;
  size_t behind = lane->position.behind;
  for (size_t i = 0; i < lane->handled_count; i++) {
    const struct handled* handled = &lane->handled[i];
    bool covered =
        handled->restored ? behind > model->count_max : handled->index < behind;
    if (!covered) lane->handled[kept++] = *handled;
  }
  lane->handled_count = kept;
  for (size_t i = 0; i + model->count_max < kept; i++)
    lane->handled[i].forgotten = true;
}

static void settle(struct model* model, unsigned number) {
  move_position(model, number);
  forget(model, &model->lanes[number]);
}

/* --- what is compared ----------------------------------------------------- */

/* The window may remember more than the model does, which forgets at once, but
 * never more than the limit, and always the newest. */
static void check_handled(const struct model* model, unsigned number) {
  const struct lane* lane = &model->lanes[number];
  size_t count = gcn__window_handled_count(&model->window, number);
  size_t least = 0;
  for (size_t i = 0; i < lane->handled_count; i++)
    least += !lane->handled[i].forgotten;
  assert_true(count >= least);
  assert_true(count <= lane->handled_count);
  assert_true(count <= model->count_max);
  for (size_t i = 0; i < count; i++) {
    struct gcn__key got = gcn__window_handled(&model->window, number, i);
    size_t at = lane->handled_count - count + i;
    assert_true(gcn__key_same(&got, &lane->handled[at].key));
  }
}

/* P13, from the text alone. */
static void check_position(const struct model* model, unsigned number) {
  struct gcn__position position = gcn__window_position(&model->window, number);
  const struct lane* lane = &model->lanes[number];
  assert_true(gcn__span_is(position.text, lane->position.text));
  if (position.text.size == 0) return;
  char text[TEXT_SIZE] = {0};
  memcpy(text, position.text.data, position.text.size);
  assert_int_equal(position.is_time, text[position.text.size - 1] % 2);
  assert_true(all_acked(model, number, strtoul(text, NULL, 10)));
}

static void check(struct model* model) {
  size_t count = 0;
  size_t size = 0;
  uint64_t done = model->first - 1;
  for (size_t i = 0; i < model->event_count; i++) {
    const struct event* event = &model->events[i];
    if (event->acked && count == 0) done = model->first + i;
    if (event->acked) continue;
    count++;
    size += event->size;
  }
  assert_int_equal(model->window.count, count);
  assert_int_equal(model->window.size, size);
  assert_true(gcn__window_done(&model->window) == done);
  assert_true(model->window.next == model->first + model->event_count);
  uint64_t revision = gcn__window_revision(&model->window);
  assert_int_equal(revision > model->revision, model->changed);
  model->revision = revision;
  model->changed = false;
  unsigned lane = (unsigned)below(model, LANES);
  check_position(model, lane);
  if (below(model, 4) == 0) check_handled(model, lane);
}

/* --- steps ---------------------------------------------------------------- */

/* True if the step that failed may have. */
static bool may_fail(struct model* model, int error) {
  bool failed =
      model->probe.fail_at != 0 && model->probe.count >= model->probe.fail_at;
  model->probe.fail_at = 0;
  assert_int_equal(error, failed ? GCN__ENOMEM : 0);
  model->failures += failed;
  return error != 0;
}

static void give(struct model* model) {
  if (model->event_count == STEP_COUNT) return;
  unsigned number = (unsigned)below(model, LANES);
  struct event event = {
      .lane = number,
      .index = model->lanes[number].given_count,
      .size = (size_t)below(model, 100),
      .keyed = below(model, 10) > 0,
  };
  struct gcn__key key =
      key_of(event.keyed ? model->first + model->event_count : 0);
  if (!event.keyed) key.words[1] = 0;
  if (may_fail(model,
               gcn__window_give(&model->window, number, event.size, key)))
    return;
  model->lanes[number].given_count++;
  model->events[model->event_count++] = event;
}

static void ack(struct model* model, size_t at) {
  if (at >= model->event_count) return;
  struct event* event = &model->events[at];
  uint64_t sequence = model->first + at;
  assert_int_equal(gcn__window_holds(&model->window, sequence), !event->acked);
  size_t count = model->probe.count;
  int error = gcn__window_ack(&model->window, sequence);
  assert_int_equal(error, event->acked ? GCN__ENOENT : 0);
  assert_int_equal(model->probe.count, count); /* without memory */
  if (event->acked) return;
  event->acked = true;
  struct lane* lane = &model->lanes[event->lane];
  if (event->keyed) {
    model->changed = true;
    lane->handled[lane->handled_count++] =
        (struct handled){.key = key_of(sequence), .index = event->index};
  }
  settle(model, event->lane);
}

/* Few different texts behind one event, so that they repeat. */
static void mark(struct model* model) {
  unsigned number = (unsigned)below(model, LANES - 1); /* the last: never */
  struct lane* lane = &model->lanes[number];
  struct model_mark mark = {.behind = lane->given_count};
  int salt = (int)below(model, 3);
  snprintf(mark.text, sizeof mark.text, "%u/%c", (unsigned)mark.behind,
           "abc"[salt]);
  const struct gcn__position position = {gcn__span_str(mark.text),
                                         "abc"[salt] % 2 != 0};
  if (may_fail(model, gcn__window_mark(&model->window, number, &position)))
    return;
  lane->marks[lane->mark_count++] = mark;
  settle(model, number);
}

static void step(struct model* model, uint64_t greed) {
  uint64_t choice = below(model, 10);
  if (below(model, 20) == 0) model->probe.fail_at = model->probe.count + 1;
  if (choice < 4) {
    give(model);
  } else if (choice < 5) {
    mark(model);
  } else if (model->event_count > 0) {
    model->probe.fail_at = 0;
    /* Anywhere, or among the last. */
    size_t back = (size_t)below(model, greed + 1);
    bool any = choice < 8 || back >= model->event_count;
    size_t at = any ? (size_t)below(model, model->event_count)
                    : model->event_count - 1 - back;
    ack(model, at);
  }
  model->probe.fail_at = 0;
}

static void restore(struct model* model) {
  for (unsigned number = 0; number < LANES; number++) {
    if (below(model, 2) == 0) continue;
    struct lane* lane = &model->lanes[number];
    struct gcn__key keys[RESTORED_MAX];
    size_t count = (size_t)below(model, RESTORED_MAX + 1);
    for (size_t i = 0; i < count; i++) {
      keys[i] = key_of(i + 1 + ((uint64_t)number << 40));
      lane->handled[i] = (struct handled){.key = keys[i], .restored = true};
      lane->handled[i].forgotten = i + model->count_max < count;
    }
    lane->handled_count = count;
    bool known = below(model, 2) == 0;
    if (known) snprintf(lane->position.text, TEXT_SIZE, "0/r");
    const struct gcn__position position = {
        known ? GCN__SPAN("0/r") : gcn__span(NULL, 0), false};
    int error =
        gcn__window_restore(&model->window, number, &position, keys, count);
    assert_int_equal(error, 0);
    model->changed = true;
  }
}

static void play(struct model* model, uint64_t seed) {
  memset(model, 0, sizeof *model);
  model->mem = mem_probe_mem(&model->probe);
  gcn__rng_seed(&model->rng, seed);
  static const size_t counts[] = {1, 3, 16, 50, 4096};
  model->count_max = counts[seed % 5];
  model->first = 1 + below(model, 1000000);
  const struct gcn__window_limits limits = {model->count_max, 100000, 0};
  int error =
      gcn__window_init(&model->window, &model->mem, &limits, model->first);
  assert_int_equal(error, 0);
  if (seed % 2 == 0) restore(model);
  check(model);
  for (int i = 0; i < STEP_COUNT; i++) {
    step(model, 1 + seed % 30);
    check(model);
  }
  while (seed % 3 == 0 && model->window.count > 0) {
    ack(model, (size_t)below(model, model->event_count));
    check(model);
  }
  for (unsigned lane = 0; lane < LANES; lane++) {
    check_position(model, lane);
    check_handled(model, lane);
  }
  gcn__window_deinit(&model->window);
  assert_int_equal(model->probe.live_size, 0);
}

static void agrees_with_a_model(void** state) {
  (void)state;
  struct model* model = malloc(sizeof *model);
  assert_non_null(model);
  unsigned moves = 0;
  unsigned overtaken = 0;
  unsigned failures = 0;
  for (uint64_t seed = 0; seed < ROUND_COUNT; seed++) {
    play(model, seed);
    moves += model->moves;
    overtaken += model->overtaken;
    failures += model->failures;
  }
  /* It has shown something. */
  assert_true(moves > 1000 && overtaken > 1000 && failures > 1000);
  free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
