/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder and the reader of its dumps: what goes in comes out, the
 * newest whole records survive a full ring, and nothing but a dump is taken
 * for one.
 */
#include "core/recorder.h"

#include "base/err.h"
#include "check.h"
#include "core/record-reader.h"
#include "mem-probe.h"

#include <string.h>

enum { DUMP_SIZE_MAX = 1 << 20, NOW_MS = 5000000 };

static const struct gcn__settings settings = {
    GCN__SETTINGS_MAP(GCN__SETTINGS_DEFAULT_FIELD)};

static struct gcn__record record_at(uint64_t at_ms, uint8_t slot) {
  return (struct gcn__record){
      .at_ms = at_ms,
      .count = 1,
      .since_ms = at_ms,
      .slot = slot,
      .entered = true,
      .input = GCN__INPUT_WEATHER,
      .from = GCN__STATE_STREAMING,
      .to = GCN__STATE_BACKING_OFF,
      .verbs = GCN__VERB_DROP | GCN__VERB_LOSE,
      .delay_ms = 340,
      .failures = 1,
      .attempt = 3,
      .error = -104,
      .http_status = 503,
      .close_code = 1006,
  };
}

static struct gcn__record event_at(uint64_t at_ms, uint8_t slot) {
  return (struct gcn__record){
      .at_ms = at_ms,
      .count = 1,
      .since_ms = at_ms,
      .slot = slot,
      .input = GCN__INPUT_EVENT,
      .from = GCN__STATE_STREAMING,
      .to = GCN__STATE_STREAMING,
      .verbs = GCN__VERB_DELIVER,
      .attempt = 3,
  };
}

static void assert_same(const struct gcn__record* a,
                        const struct gcn__record* b) {
  assert_true(a->at_ms == b->at_ms);
  assert_true(a->count == b->count);
  assert_true(a->since_ms == b->since_ms);
  assert_int_equal(a->slot, b->slot);
  assert_int_equal(a->entered, b->entered);
  assert_int_equal(a->input, b->input);
  assert_int_equal(a->from, b->from);
  assert_int_equal(a->to, b->to);
  assert_int_equal(a->verbs, b->verbs);
  assert_true(a->delay_ms == b->delay_ms);
  assert_true(a->failures == b->failures);
  assert_true(a->attempt == b->attempt);
  assert_int_equal(a->error, b->error);
  assert_int_equal(a->http_status, b->http_status);
  assert_int_equal(a->close_code, b->close_code);
}

struct fixture {
  struct gcn__recorder recorder;
  struct gcn__buf dump;
  struct gcn__record_reader reader;
};

static int set_up(void** state) {
  static struct fixture fixture;
  gcn__recorder_init(&fixture.recorder, &gcn__mem_libc, GCN__RECORDER_SIZE,
                     &settings);
  gcn__buf_init(&fixture.dump, &gcn__mem_libc, DUMP_SIZE_MAX);
  *state = &fixture;
  return 0;
}

static int tear_down(void** state) {
  struct fixture* f = *state;
  gcn__recorder_deinit(&f->recorder);
  gcn__buf_deinit(&f->dump);
  return 0;
}

static void begin_again(struct fixture* f, size_t size_max,
                        const struct gcn__settings* with) {
  gcn__recorder_deinit(&f->recorder);
  gcn__recorder_init(&f->recorder, &gcn__mem_libc, size_max, with);
}

static void note(struct fixture* f, struct gcn__record record) {
  gcn__recorder_note(&f->recorder, &record);
}

static void dump_and_read(struct fixture* f) {
  gcn__buf_clear(&f->dump);
  assert_int_equal(gcn__recorder_dump(&f->recorder, NOW_MS, 77, &f->dump), 0);
  assert_null(gcn__record_reader_init(&f->reader, gcn__buf_span(&f->dump)));
}

static void expect(struct fixture* f, struct gcn__record want) {
  struct gcn__record got;
  assert_true(gcn__record_reader_next(&f->reader, &got));
  assert_same(&got, &want);
}

static void expect_end(struct fixture* f) {
  struct gcn__record got;
  assert_false(gcn__record_reader_next(&f->reader, &got));
}

static void what_goes_in_comes_out(void** state) {
  struct fixture* f = *state;
  struct gcn__record plain = {
      .at_ms = 1001,
      .since_ms = 1001,
      .count = 1,
      .slot = 255,
      .entered = true,
      .from = GCN__STATE_IDLE,
      .to = GCN__STATE_CONNECTING,
  };
  struct gcn__record extreme = record_at(UINT64_MAX / 2, 9);
  extreme.verbs = (UINT32_C(1) << GCN__VERB_COUNT) - 1;
  extreme.delay_ms = UINT64_MAX;
  extreme.failures = UINT32_MAX;
  extreme.attempt = UINT32_MAX;
  extreme.error = INT32_MIN;
  extreme.http_status = INT32_MAX;
  extreme.close_code = -1;
  note(f, record_at(1000, 0));
  note(f, plain);
  note(f, extreme);
  dump_and_read(f);
  expect(f, record_at(1000, 0));
  expect(f, plain);
  expect(f, extreme);
  expect_end(f);
  assert_true(f->reader.now_ms == NOW_MS);
  assert_int_equal(f->reader.unix_ms, 77);
  assert_true(f->reader.overwritten == 0);
  assert_memory_equal(&f->reader.settings, &settings, sizeof settings);
}

static void settings_are_kept_as_they_were(void** state) {
  struct fixture* f = *state;
  struct gcn__settings own = settings;
  own.phase_ms = 4321;
  own.garbage_max = 7;
  begin_again(f, GCN__RECORDER_SIZE, &own);
  dump_and_read(f);
  assert_memory_equal(&f->reader.settings, &own, sizeof own);
  expect_end(f);
}

static void repetitions_share_a_record(void** state) {
  struct fixture* f = *state;
  note(f, record_at(1000, 0));
  for (uint64_t i = 0; i < 500; i++) {
    note(f, event_at(2000 + i, 0));
    note(f, event_at(2000 + i, 1));
  }
  note(f, record_at(3000, 0));
  dump_and_read(f);
  expect(f, record_at(1000, 0));
  struct gcn__record many = event_at(2499, 0);
  many.count = 500;
  many.since_ms = 2000;
  expect(f, many);
  expect(f, record_at(3000, 0));
  many.slot = 1; /* not written yet, but dumped; the clock has gone on */
  expect(f, many);
  expect_end(f);
  assert_true(f->recorder.size < 100);
}

static void what_differs_is_no_repetition(void** state) {
  struct fixture* f = *state;
  enum { COUNT = 6 };
  struct gcn__record others[COUNT];
  for (uint64_t i = 0; i < COUNT; i++)
    others[i] = event_at(2 * i + 1, 0);
  others[0].input = GCN__INPUT_HEARTBEAT;
  others[1].verbs = GCN__VERB_PROBE;
  others[2].failures = 1;
  others[3].attempt = 4;
  others[4].close_code = 1001;
  others[5].entered = true;
  for (uint64_t i = 0; i < COUNT; i++) {
    note(f, event_at(2 * i, 0));
    note(f, others[i]);
  }
  dump_and_read(f);
  for (uint64_t i = 0; i < COUNT; i++) {
    expect(f, event_at(2 * i, 0));
    expect(f, others[i]);
  }
  expect_end(f);
}

static void later_connections_are_written_one_by_one(void** state) {
  struct fixture* f = *state;
  note(f, event_at(1, GCN__RECORDER_SLOT_COUNT));
  note(f, event_at(2, GCN__RECORDER_SLOT_COUNT));
  dump_and_read(f);
  expect(f, event_at(1, GCN__RECORDER_SLOT_COUNT));
  expect(f, event_at(2, GCN__RECORDER_SLOT_COUNT));
  expect_end(f);
}

static struct gcn__record random_record(struct gcn__rng* rng, uint64_t at_ms) {
  struct gcn__record record = record_at(at_ms, 0);
  record.slot = (uint8_t)gcn__rng_below(rng, 256);
  record.verbs = (uint32_t)gcn__rng_below(rng, 1u << GCN__VERB_COUNT);
  record.delay_ms = gcn__rng_next(rng) >> gcn__rng_below(rng, 64);
  record.attempt = gcn__rng_next(rng) >> (32 + gcn__rng_below(rng, 32));
  record.error = -(int)gcn__rng_below(rng, 30000);
  record.http_status = (int)gcn__rng_below(rng, 600);
  return record;
}

/* For every size of the ring near its lower end: the last records, without a
 * hole, as many as fit. */
static void a_full_ring_loses_the_oldest(void** state) {
  struct fixture* f = *state;
  enum { COUNT = 300 };
  static struct gcn__record records[COUNT];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  uint64_t at_ms = 1000;
  for (int i = 0; i < COUNT; i++) {
    at_ms += gcn__rng_next(&rng) >> (30 + gcn__rng_below(&rng, 34));
    records[i] = random_record(&rng, at_ms);
  }
  for (size_t size = GCN__RECORD_SIZE_MAX; size < 400; size += 13) {
    begin_again(f, size, &settings);
    for (int i = 0; i < COUNT; i++) {
      note(f, records[i]);
      assert_true(f->recorder.size <= size);
      dump_and_read(f);
      assert_true(f->reader.overwritten <= (uint64_t)i);
      for (int r = (int)f->reader.overwritten; r <= i; r++)
        expect(f, records[r]);
      expect_end(f);
    }
    assert_true(f->reader.overwritten > COUNT - 60);
    assert_true(f->recorder.size + GCN__RECORD_SIZE_MAX > size);
  }
}

/* The probe counts by the sizes it is told: what goes back is what was taken,
 * and no more than the limit and the repetitions is held. */
static void memory_grows_with_what_is_kept(void** state) {
  (void)state;
  enum { SLOTS_SIZE = 64 * (int)sizeof(struct gcn__record) };
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__recorder recorder;
  gcn__recorder_init(&recorder, &mem, GCN__RECORDER_SIZE, &settings);
  assert_int_equal(probe.count, 0);
  struct gcn__record record = record_at(1, 0);
  gcn__recorder_note(&recorder, &record);
  assert_true(probe.live_size < 2048);
  for (uint64_t i = 2; i < 20000; i++) {
    record = record_at(i, (uint8_t)(i % 64));
    gcn__recorder_note(&recorder, &record);
  }
  assert_true(recorder.overwritten > 0);
  assert_int_equal(recorder.capacity, GCN__RECORDER_SIZE);
  assert_int_equal(probe.live_size, GCN__RECORDER_SIZE + SLOTS_SIZE);
  gcn__recorder_deinit(&recorder);
  assert_int_equal(probe.live_size, 0);
}

static struct gcn__record lively_record(int i) {
  bool quiet = i % 3 == 0;
  uint8_t slot = (uint8_t)(i % 9);
  return quiet ? event_at((uint64_t)i, slot) : record_at((uint64_t)i, slot);
}

/* Whatever allocation fails, once or from then on: what can be read is whole,
 * and what is missing is counted. */
static void short_memory_loses_the_oldest(void** state) {
  struct fixture* f = *state;
  enum { COUNT = 400, FAILURES = 12 };
  for (int run = 0; run < 2 * FAILURES; run++) {
    struct mem_probe probe = {.fail_at = (size_t)(run / 2 + 1),
                              .fail_on = run % 2};
    struct gcn__mem mem = mem_probe_mem(&probe);
    gcn__recorder_deinit(&f->recorder);
    gcn__recorder_init(&f->recorder, &mem, GCN__RECORDER_SIZE, &settings);
    for (int i = 0; i < COUNT; i++)
      note(f, lively_record(i));
    dump_and_read(f);
    struct gcn__record got;
    uint64_t count = f->reader.overwritten;
    while (gcn__record_reader_next(&f->reader, &got))
      count += got.count;
    assert_int_equal(count, COUNT);
    gcn__recorder_deinit(&f->recorder);
    assert_int_equal(probe.live_size, 0);
  }
}

static void no_room_is_off(void** state) {
  struct fixture* f = *state;
  begin_again(f, 0, &settings);
  note(f, record_at(1, 0));
  note(f, event_at(1, 0));
  dump_and_read(f);
  expect_end(f);
  begin_again(f, GCN__RECORD_SIZE_MAX - 1, &settings);
  note(f, record_at(1, 0));
  dump_and_read(f);
  expect_end(f);
}

static void a_clock_that_goes_back_is_survived(void** state) {
  struct fixture* f = *state;
  note(f, record_at(9000, 0));
  note(f, record_at(8000, 1));
  note(f, record_at(9001, 0));
  dump_and_read(f);
  expect(f, record_at(9000, 0));
  expect(f, record_at(8000, 1));
  expect(f, record_at(9001, 0));
}

static void a_dump_changes_nothing_or_is_whole(void** state) {
  struct fixture* f = *state;
  note(f, record_at(1, 0));
  note(f, event_at(2, 0));
  dump_and_read(f);
  size_t size = gcn__buf_size(&f->dump);
  struct gcn__buf small;
  for (size_t max = 3; max < size + 3; max++) {
    gcn__buf_init(&small, &gcn__mem_libc, max);
    assert_int_equal(gcn__buf_append(&small, "abc", 3), 0);
    int error = gcn__recorder_dump(&f->recorder, NOW_MS, 77, &small);
    assert_int_equal(error, GCN_ELIMIT);
    assert_true(gcn__span_is(gcn__buf_span(&small), "abc"));
    gcn__buf_deinit(&small);
  }
  gcn__buf_init(&small, &gcn__mem_libc, size + 3);
  assert_int_equal(gcn__buf_append(&small, "abc", 3), 0);
  assert_int_equal(gcn__recorder_dump(&f->recorder, NOW_MS, 77, &small), 0);
  struct gcn__span behind = gcn__span_skip(gcn__buf_span(&small), 3);
  assert_true(gcn__span_equal(behind, gcn__buf_span(&f->dump)));
  gcn__buf_deinit(&small);
}

static void a_dump_without_memory_says_so(void** state) {
  struct fixture* f = *state;
  note(f, record_at(1, 0));
  int error = GCN__ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, DUMP_SIZE_MAX);
    error = gcn__recorder_dump(&f->recorder, NOW_MS, 0, &out);
    assert_true(error == 0 || error == GCN__ENOMEM);
    if (error != 0) assert_int_equal(gcn__buf_size(&out), 0);
    gcn__buf_deinit(&out);
    assert_int_equal(probe.live_size, 0);
    assert_true(n < 20);
  }
}

/* Puts a right checksum behind what a test has changed. */
static void seal(struct gcn__span dump) {
  char* text = (char*)(uintptr_t)dump.data;
  size_t size = dump.size - GCN__RECORD_CRC_SIZE;
  uint32_t crc = gcn__record_crc(0, gcn__span(text, size));
  for (size_t i = 0; i < GCN__RECORD_CRC_SIZE; i++) {
    text[size + i] = (char)(crc >> 8 * i & 0xff);
  }
}

static const char* read_again(struct fixture* f) {
  return gcn__record_reader_init(&f->reader, gcn__buf_span(&f->dump));
}

static void only_a_whole_dump_is_one(void** state) {
  struct fixture* f = *state;
  note(f, record_at(1, 0));
  note(f, event_at(2, 0));
  dump_and_read(f);
  struct gcn__span dump = gcn__buf_span(&f->dump);
  for (size_t size = 0; size < dump.size; size++) {
    assert_string_equal(
        gcn__record_reader_init(&f->reader, gcn__span(dump.data, size)),
        "is cut off");
  }
  assert_int_equal(gcn__buf_append(&f->dump, "", 1), 0);
  assert_string_equal(read_again(f), "goes on behind its end");
  struct gcn__span foreign = GCN__SPAN("{\"v\":1}\n");
  assert_string_equal(gcn__record_reader_init(&f->reader, foreign),
                      "is no flight record");
}

static void every_flipped_bit_is_found(void** state) {
  struct fixture* f = *state;
  note(f, record_at(1, 0));
  note(f, event_at(2, 0));
  dump_and_read(f);
  char* text = f->dump.data + f->dump.begin;
  for (size_t bit = 0; bit < gcn__buf_size(&f->dump) * 8; bit++) {
    text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    assert_non_null(read_again(f));
    text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
  }
  assert_null(read_again(f));
}

static void a_newer_version_is_refused(void** state) {
  struct fixture* f = *state;
  dump_and_read(f);
  char* text = f->dump.data + f->dump.begin;
  text[8] = GCN__RECORD_VERSION + 1;
  assert_string_equal(read_again(f), "was written by a newer version");
  text[8] = 0;
  assert_non_null(read_again(f));
}

/* Where the word stands in the names of the dump. */
static char* find_name(struct fixture* f, const char* word) {
  struct gcn__span dump = gcn__buf_span(&f->dump);
  size_t size = strlen(word) + 1;
  for (size_t i = 1; i + size <= dump.size; i++) {
    if (dump.data[i - 1] == '\0' && memcmp(dump.data + i, word, size) == 0) {
      return f->dump.data + f->dump.begin + i;
    }
  }
  fail_msg("%s is not in the dump", word);
  return NULL;
}

static void unknown_words_are_refused_where_used(void** state) {
  struct fixture* f = *state;
  static const char* const used[] = {"WEATHER", "BACKING_OFF", "LOSE"};
  for (size_t i = 0; i < 3; i++) {
    begin_again(f, GCN__RECORDER_SIZE, &settings);
    note(f, record_at(1, 0));
    dump_and_read(f);
    *find_name(f, used[i]) = 'X';
    seal(gcn__buf_span(&f->dump));
    assert_non_null(strstr(read_again(f), "does not know"));
  }
  begin_again(f, GCN__RECORDER_SIZE, &settings);
  note(f, record_at(1, 0));
  dump_and_read(f);
  *find_name(f, "HURRY") = 'X'; /* no record says it */
  *find_name(f, "phase_ms") = 'x';
  seal(gcn__buf_span(&f->dump));
  assert_null(read_again(f));
  expect(f, record_at(1, 0));
  assert_true(f->reader.settings.phase_ms == settings.phase_ms);
}

/* A version whose lists have another order wrote it. */
static void numbers_are_translated_by_name(void** state) {
  struct fixture* f = *state;
  struct gcn__record want = record_at(1, 0);
  note(f, want);
  dump_and_read(f);
  char* weather = find_name(f, "WEATHER");
  char* garbage = find_name(f, "GARBAGE");
  memcpy(weather, "GARBAGE", 7);
  memcpy(garbage, "WEATHER", 7);
  memcpy(find_name(f, "DROP"), "AUTH", 4);
  seal(gcn__buf_span(&f->dump));
  assert_null(read_again(f));
  want.input = GCN__INPUT_GARBAGE;
  want.verbs = GCN__VERB_AUTH | GCN__VERB_LOSE;
  expect(f, want);
  expect_end(f);
}

/* Whatever the bytes are, with a checksum that fits: an answer, no crash, and
 * what is accepted can be read to its end. */
static void damaged_dumps_never_surprise(void** state) {
  struct fixture* f = *state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 11);
  note(f, record_at(1, 0));
  for (uint64_t i = 0; i < 5; i++) {
    note(f, event_at(2 + i, 0));
    note(f, random_record(&rng, 100 * i + 10));
  }
  unsigned accepted = 0;
  for (int round = 0; round < 20000; round++) {
    gcn__buf_clear(&f->dump);
    assert_int_equal(gcn__recorder_dump(&f->recorder, 1, 1, &f->dump), 0);
    struct gcn__span dump = gcn__buf_span(&f->dump);
    bool tail = gcn__rng_below(&rng, 2) == 0;
    size_t begin = tail ? dump.size - 120 : 0;
    for (uint64_t n = gcn__rng_between(&rng, 1, 3); n > 0; n--) {
      size_t at = begin + (size_t)gcn__rng_below(&rng, dump.size - begin);
      f->dump.data[f->dump.begin + at] = (char)gcn__rng_below(&rng, 256);
    }
    seal(dump);
    if (read_again(f) != NULL) continue;
    accepted++;
    struct gcn__record record;
    while (gcn__record_reader_next(&f->reader, &record)) {
      assert_true(record.input < GCN__INPUT_COUNT);
      assert_true(record.from < GCN__STATE_COUNT);
      assert_true(record.to < GCN__STATE_COUNT);
      assert_true(record.count >= 1 && record.since_ms <= record.at_ms);
    }
  }
  assert_true(accepted > 100 && accepted < 19900);
}

/* Flags: 2 delay, 4 failed, 8 late, 16 several. */
static void there_is_one_way_to_write_a_record(void** state) {
  (void)state;
  static const struct {
    const char* bytes;
    size_t size;
  } wrong[] = {
      {"\x0b\0\0\0\0\0\x80\0\0\0\0", 11},     /* a long zero */
      {"\x0b\0\0\0\0\0\0\x81\0\0\0", 11},     /* a long one */
      {"\x0a\x20\0\0\0\0\0\0\0\0", 10},       /* an unknown flag */
      {"\x0b\x02\0\0\0\0\0\0\0\0\0", 11},     /* a delay of 0 */
      {"\x0d\x04\0\0\0\0\0\0\0\0\0\0\0", 13}, /* no failure */
      {"\x0b\x08\0\0\0\0\0\0\0\0\0", 11},     /* late by 0 */
      {"\x0b\x08\0\0\0\0\1\0\0\0\1", 11},     /* late, and later */
      {"\x0b\x08\0\0\0\0\0\0\0\0\x65", 11},   /* before all time */
      {"\x0c\x10\0\0\0\0\0\0\0\0\1\0", 12},   /* one is not several */
      {"\x0c\x10\0\0\0\0\0\0\0\0\2\x65", 12}, /* since before time */
      {"\x0b\0\0\0\0\0\0\0\0\0\0", 11},       /* a byte too many */
      {"\x09\0\0\0\0\0\0\0\0", 9},            /* ... too few */
      {"\x0a\0\0\0\0\0\0\0\0", 9},            /* not all there */
      {"\0\0\0\0\0\0\0\0\0\0", 10},
      {"", 0},
  };
  struct gcn__record record;
  size_t size;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct gcn__span bytes = gcn__span(wrong[i].bytes, wrong[i].size);
    uint64_t clock_ms = 100;
    if (gcn__record_decode(bytes, &clock_ms, &record, &size)) {
      fail_msg("number %zu was taken", i);
    }
  }
  uint64_t clock_ms = 100;
  struct gcn__span good = GCN__SPAN("\x0a\0\1\2\3\4\5\6\7\x08 and more");
  assert_true(gcn__record_decode(good, &clock_ms, &record, &size));
  assert_int_equal(size, 10);
  assert_true(clock_ms == 105 && record.at_ms == 105 && record.attempt == 8);
}

static void the_checksum_is_the_usual_one(void** state) {
  (void)state;
  assert_int_equal(gcn__record_crc(0, GCN__SPAN("123456789")), 0xcbf43926);
  uint32_t half = gcn__record_crc(0, GCN__SPAN("1234"));
  assert_int_equal(gcn__record_crc(half, GCN__SPAN("56789")), 0xcbf43926);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(what_goes_in_comes_out),
      CASE(settings_are_kept_as_they_were),
      CASE(repetitions_share_a_record),
      CASE(what_differs_is_no_repetition),
      CASE(later_connections_are_written_one_by_one),
      CASE(a_full_ring_loses_the_oldest),
      CASE(memory_grows_with_what_is_kept),
      CASE(short_memory_loses_the_oldest),
      CASE(no_room_is_off),
      CASE(a_clock_that_goes_back_is_survived),
      CASE(a_dump_changes_nothing_or_is_whole),
      CASE(a_dump_without_memory_says_so),
      CASE(only_a_whole_dump_is_one),
      CASE(every_flipped_bit_is_found),
      CASE(a_newer_version_is_refused),
      CASE(unknown_words_are_refused_where_used),
      CASE(numbers_are_translated_by_name),
      CASE(damaged_dumps_never_surprise),
      CASE(there_is_one_way_to_write_a_record),
      CASE(the_checksum_is_the_usual_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
