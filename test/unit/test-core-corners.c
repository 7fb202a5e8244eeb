/* SPDX-License-Identifier: MIT */
/*
 * Decisions of core with several conditions, where each has to matter by
 * itself: what the flight recorder may tell as one, what a replay takes for a
 * beginning, which topics a name covers.
 */
#include "base/err.h"
#include "check.h"
#include "core/backoff.h"
#include "core/combine.h"
#include "core/record-reader.h"
#include "core/recorder.h"
#include "core/replay.h"

#include <string.h>

enum { RING_SIZE = 4096, DUMP_SIZE_MAX = 1 << 16, NOW_MS = 9000 };

static const struct gcn__settings settings = {
    GCN__SETTINGS_MAP(GCN__SETTINGS_DEFAULT_FIELD)};

static struct gcn__record quiet(void) {
  return (struct gcn__record){
      .at_ms = 1000,
      .count = 1,
      .since_ms = 1000,
      .input = GCN__INPUT_EVENT,
      .from = GCN__STATE_STREAMING,
      .to = GCN__STATE_STREAMING,
      .verbs = GCN__VERB_DELIVER,
      .attempt = 3,
  };
}

/* --- the recorder --------------------------------------------------------- */

/* How many entries the two make. */
static unsigned entries_of(struct gcn__record first,
                           struct gcn__record second) {
  struct gcn__recorder recorder;
  struct gcn__record_reader reader;
  struct gcn__record record;
  struct gcn__buf dump;
  unsigned count = 0;
  gcn__recorder_init(&recorder, &gcn__mem_libc, RING_SIZE, &settings);
  gcn__recorder_note(&recorder, &first);
  gcn__recorder_note(&recorder, &second);
  gcn__buf_init(&dump, &gcn__mem_libc, DUMP_SIZE_MAX);
  assert_int_equal(gcn__recorder_dump(&recorder, NOW_MS, 0, &dump), 0);
  assert_null(gcn__record_reader_init(&reader, gcn__buf_span(&dump)));
  while (gcn__record_reader_next(&reader, &record))
    count++;
  gcn__recorder_deinit(&recorder);
  gcn__buf_deinit(&dump);
  return count;
}

#define DIFFERS(member, value)                                                 \
  do {                                                                         \
    struct gcn__record other = quiet();                                        \
    other.member = value;                                                      \
    assert_int_equal(entries_of(quiet(), other), 2);                           \
  } while (0)

static void only_what_is_alike_is_told_as_one(void** state) {
  (void)state;
  assert_int_equal(entries_of(quiet(), quiet()), 1);
  DIFFERS(input, GCN__INPUT_HEARTBEAT);
  DIFFERS(verbs, GCN__VERB_PROBE);
  DIFFERS(delay_ms, 7);
  DIFFERS(failures, 1);
  DIFFERS(attempt, 4);
  DIFFERS(slot, 1);
  struct gcn__record elsewhere = quiet();
  elsewhere.from = elsewhere.to = GCN__STATE_SUBSCRIBING;
  assert_int_equal(entries_of(quiet(), elsewhere), 2);
}

#define LOUD(member, value)                                                    \
  do {                                                                         \
    struct gcn__record loud = quiet();                                         \
    loud.member = value;                                                       \
    assert_int_equal(entries_of(loud, loud), 2);                               \
  } while (0)

static void what_says_something_is_told_each_time(void** state) {
  (void)state;
  LOUD(entered, true);
  LOUD(to, GCN__STATE_BACKING_OFF);
  LOUD(error, -104);
  LOUD(http_status, 503);
  LOUD(close_code, 1006);
}

/* A status alone makes a failure of it, and comes back. */
static void each_number_of_a_failure_is_kept(void** state) {
  static const struct {
    int error;
    int http_status;
    int close_code;
  } cases[] = {{-104, 0, 0}, {0, 503, 0}, {0, 0, 1006}, {0, 0, 0}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    unsigned char bytes[GCN__RECORD_SIZE_MAX];
    struct gcn__record record = quiet();
    struct gcn__record back;
    uint64_t clock_ms = 1000;
    size_t read = 0;
    record.error = cases[i].error;
    record.http_status = cases[i].http_status;
    record.close_code = cases[i].close_code;
    size_t size = gcn__record_encode(&record, &clock_ms, bytes);
    clock_ms = 1000;
    assert_true(gcn__record_decode(gcn__span((const char*)bytes, size),
                                   &clock_ms, &back, &read));
    assert_int_equal(read, size);
    assert_int_equal(back.error, record.error);
    assert_int_equal(back.http_status, record.http_status);
    assert_int_equal(back.close_code, record.close_code);
  }
}

/* --- the replay ----------------------------------------------------------- */

static unsigned step(struct gcn__replay* replay, enum gcn__state from,
                     enum gcn__input input) {
  struct gcn__record now;
  struct gcn__record record = {.at_ms = 1000, .count = 1, .since_ms = 1000};
  struct gcn__cell cell = gcn__fsm_cell(from, input);
  record.input = input;
  record.from = from;
  record.to = cell.kind == GCN__CELL_ENTER ? cell.next : from;
  record.entered = cell.kind == GCN__CELL_ENTER;
  return gcn__replay_step(replay, &record, &now) & GCN__REPLAY_FROM;
}

/* A slot is used again when its connection is closed: only from IDLE on. */
static void behind_an_end_there_is_a_beginning(void** state) {
  (void)state;
  struct gcn__replay replay;
  gcn__replay_init(&replay, &settings);
  assert_int_equal(step(&replay, GCN__STATE_IDLE, GCN__INPUT_CLOSE), 0);
  assert_int_equal(step(&replay, GCN__STATE_IDLE, GCN__INPUT_CLOSE), 0);
  assert_int_equal(step(&replay, GCN__STATE_STREAMING, GCN__INPUT_HEARTBEAT),
                   GCN__REPLAY_FROM);
}

/* --- topics --------------------------------------------------------------- */

static void a_name_covers_its_own_and_no_others(void** state) {
  static const char* const names[] = {"v2.a.A.one", "v2.b.B.one", "v2.b.B.two",
                                      "v2.c.C.one"};
  (void)state;
  struct gcn__topics topics;
  struct gcn__combine walk;
  gcn__topics_init(&topics, &gcn__mem_libc, 10);
  for (size_t i = 0; i < 4; i++) {
    struct gcn__span name = gcn__span_str(names[i]);
    assert_int_equal(gcn__topics_add(&topics, name), 0);
    gcn__topics_find(&topics, name)->shard = 0;
  }
  gcn__topics_ask(&topics, 0, 0);
  gcn__combine_init(&walk, &topics, 0, true);
  for (size_t covered = 0; gcn__combine_next(&walk);) {
    size_t count = 0;
    for (size_t i = 0; i < topics.count; i++) {
      bool own = i >= covered && i < covered + walk.end - walk.begin;
      assert_int_equal(gcn__combine_covers(&walk, i), own);
      count += own;
    }
    covered += count;
  }
  gcn__topics_deinit(&topics);
}

/* Only segments of letters are combined: what ends otherwise is an id. */
static void a_prefix_ends_before_a_word(void** state) {
  static const struct {
    const char* name;
    size_t size; /* that of the name: no prefix */
  } cases[] = {
      {"v2.users.U.presence", 10},
      {"v2.users.U.pre{ence", 19},
      {"v2.users.U.pre1ence", 19},
      {"v2.users.U.Presence", 10},
      {"presence", 8},
      {"v2.users.U.", 11},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(gcn__topic_prefix_size(gcn__span_str(cases[i].name)),
                     cases[i].size);
  }
}

static void without_a_base_there_is_but_the_floor(void** state) {
  (void)state;
  struct gcn__settings own = settings;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  own.retry_base_ms = 0;
  for (uint64_t failures = 1; failures < 70; failures++) {
    assert_int_equal(gcn__backoff_delay(&own, failures, 0, &rng),
                     own.retry_floor_ms);
  }
  /* Nor does a large one overflow. */
  own.retry_base_ms = UINT64_MAX / 2;
  own.retry_cap_ms = 90000;
  for (uint64_t failures = 1; failures < 70; failures++) {
    assert_in_range(gcn__backoff_delay(&own, failures, 0, &rng),
                    own.retry_floor_ms, own.retry_floor_ms + 90000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_is_alike_is_told_as_one),
      cmocka_unit_test(what_says_something_is_told_each_time),
      cmocka_unit_test(each_number_of_a_failure_is_kept),
      cmocka_unit_test(behind_an_end_there_is_a_beginning),
      cmocka_unit_test(a_name_covers_its_own_and_no_others),
      cmocka_unit_test(a_prefix_ends_before_a_word),
      cmocka_unit_test(without_a_base_there_is_but_the_floor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
