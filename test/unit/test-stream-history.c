/* SPDX-License-Identifier: MIT */
/*
 * The simulator's log of stream events: what it keeps, what it finds, and the
 * ids that stand for positions.
 */
#include "sim/stream-history.h"

#include "mem-probe.h"
#include "sim/service.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static struct gcn__sim_history history;

/* Every third number is somebody else's; one event each 10 ms. */
static void add(const struct gcn__mem* mem, uint64_t index) {
  struct gcn__sim_record record = {.sequence = 1 + index * 3,
                                   .at_ms = index * 10,
                                   .type = "T",
                                   .text_size = 3};
  record.text = gcn__alloc(mem, record.text_size);
  assert_non_null(record.text);
  memcpy(record.text, "T\0x", record.text_size);
  assert_true(gcn__sim_history_add(&history, &record));
}

static void fill(size_t count) {
  for (uint64_t i = 0; i < count; i++)
    add(&gcn__mem_libc, i);
}

static void it_grows_and_keeps_the_order(void** state) {
  (void)state;
  gcn__sim_history_init(&history, &gcn__mem_libc, 1000, GCN__NEVER);
  fill(777);
  assert_int_equal(history.first, 0);
  assert_int_equal(history.next, 777);
  for (uint64_t i = 0; i < 777; i++) {
    assert_int_equal(gcn__sim_history_at(&history, i)->sequence, 1 + i * 3);
  }
  gcn__sim_history_deinit(&history);
}

static void it_keeps_so_many(void** state) {
  (void)state;
  gcn__sim_history_init(&history, &gcn__mem_libc, 100, GCN__NEVER);
  fill(250);
  assert_int_equal(history.first, 150);
  assert_int_equal(history.lost_sequence, 1 + 149 * 3);
  for (uint64_t i = 150; i < 250; i++) {
    assert_int_equal(gcn__sim_history_at(&history, i)->sequence, 1 + i * 3);
  }
  gcn__sim_history_deinit(&history);
}

static void it_keeps_so_long(void** state) {
  (void)state;
  gcn__sim_history_init(&history, &gcn__mem_libc, 1000, 500);
  fill(200);
  assert_int_equal(history.first, 150);
  gcn__sim_history_trim(&history, 1999);
  assert_int_equal(history.first, 150);
  gcn__sim_history_trim(&history, 2000);
  assert_int_equal(history.first, 151);
  gcn__sim_history_trim(&history, 1000000);
  assert_int_equal(history.first, 200);
  assert_int_equal(history.lost_sequence, 1 + 199 * 3);
  gcn__sim_history_deinit(&history);
}

static void it_finds_what_comes_after(void** state) {
  (void)state;
  uint64_t position = 0;
  gcn__sim_history_init(&history, &gcn__mem_libc, 100, GCN__NEVER);
  assert_true(gcn__sim_history_after(&history, 0, &position));
  assert_int_equal(position, 0);
  fill(150);
  /* The youngest that was forgotten has the number 148. */
  assert_false(gcn__sim_history_after(&history, 147, &position));
  assert_true(gcn__sim_history_after(&history, 148, &position));
  assert_int_equal(position, 50);
  assert_true(gcn__sim_history_after(&history, 149, &position));
  assert_int_equal(position, 50);
  assert_true(gcn__sim_history_after(&history, 151, &position));
  assert_int_equal(position, 51);
  assert_true(gcn__sim_history_after(&history, 1000, &position));
  assert_int_equal(position, 150);
  gcn__sim_history_deinit(&history);
}

static void it_finds_what_came_since(void** state) {
  (void)state;
  uint64_t position = 0;
  gcn__sim_history_init(&history, &gcn__mem_libc, 100, GCN__NEVER);
  fill(50);
  assert_true(gcn__sim_history_since(&history, 0, &position));
  assert_int_equal(position, 0);
  assert_true(gcn__sim_history_since(&history, 250, &position));
  assert_int_equal(position, 25);
  assert_true(gcn__sim_history_since(&history, 251, &position));
  assert_int_equal(position, 26);
  gcn__sim_history_deinit(&history);
  gcn__sim_history_init(&history, &gcn__mem_libc, 10, GCN__NEVER);
  fill(50);
  assert_false(gcn__sim_history_since(&history, 390, &position));
  assert_true(gcn__sim_history_since(&history, 391, &position));
  assert_int_equal(position, 40);
  gcn__sim_history_deinit(&history);
}

static void ids_hold_their_numbers(void** state) {
  (void)state;
  static const uint64_t numbers[] = {
      0, 1, 255, 4096, UINT64_C(1) << 40, UINT64_C(0xffffffffffffff)};
  char before[GCN__SIM_EVENT_ID_SIZE] = "";
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    char id[GCN__SIM_EVENT_ID_SIZE];
    uint64_t number = 0;
    gcn__sim_event_id(numbers[i], id);
    assert_true(strcmp(before, id) < 0);
    memcpy(before, id, sizeof before);
    assert_true(gcn__sim_stream_sequence(gcn__span_str(id), &number));
    assert_int_equal(number, numbers[i]);
    /* Each byte counts. */
    for (size_t at = 0; id[at] != '\0'; at++) {
      char held = id[at];
      id[at] = held == '7' ? '6' : '7';
      assert_false(gcn__sim_stream_sequence(gcn__span_str(id), &number));
      id[at] = held;
    }
  }
  uint64_t number;
  assert_false(gcn__sim_stream_sequence(GCN__SPAN(""), &number));
  assert_false(gcn__sim_stream_sequence((struct gcn__span){NULL, 0}, &number));
}

static void lack_of_memory_leaves_the_record(void** state) {
  (void)state;
  for (size_t n = 1; n <= 3; n++) {
    struct mem_probe probe = {.fail_at = n, .fail_on = 1};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__sim_record record = {.type = "T"};
    uint64_t added = 0;
    gcn__sim_history_init(&history, &mem, 1000, GCN__NEVER);
    for (; added < 1000; added++) {
      record.sequence = added + 1;
      if (!gcn__sim_history_add(&history, &record)) break;
    }
    assert_int_equal(added, n == 1 ? 0 : 64 << (n - 2));
    for (uint64_t i = 0; i < added; i++) {
      assert_int_equal(gcn__sim_history_at(&history, i)->sequence, i + 1);
    }
    gcn__sim_history_deinit(&history);
    assert_int_equal(probe.live_size, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_grows_and_keeps_the_order),
      cmocka_unit_test(it_keeps_so_many),
      cmocka_unit_test(it_keeps_so_long),
      cmocka_unit_test(it_finds_what_comes_after),
      cmocka_unit_test(it_finds_what_came_since),
      cmocka_unit_test(ids_hold_their_numbers),
      cmocka_unit_test(lack_of_memory_leaves_the_record),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
