/* SPDX-License-Identifier: MIT */
/*
 * Our reader and wslay's event layer on the same streams: those of the
 * conformance table as they are, two in a row, and with bytes changed, put in
 * and taken out.  fuzz-ws-diff goes on where this ends.
 */
#include "conformance.h"

#include "base/rng.h"
#include "ws-oracle.h"

#include <stdio.h>

enum { STREAM_SIZE_MAX = 3000, ROUNDS = 500 };

static void assert_agreed(const char* name, struct gcn__span in) {
  const char* difference = ws_oracle_compare(in);
  if (difference == NULL) return;
  print_error("%s:", name);
  for (size_t i = 0; i < in.size && i < 200; i++)
    print_error(" %02x", (unsigned)(unsigned char)in.data[i]);
  print_error("\n");
  fail_msg("%s: %s", name, difference);
}

static bool is_of_use(const struct conf_row* row) {
  return row->head == NULL && gcn__buf_size(&row->in) <= STREAM_SIZE_MAX;
}

static void as_they_are(void** state) {
  const struct conf_table* table = *state;
  for (size_t i = 0; i < table->count; i++) {
    const struct conf_row* row = &table->rows[i];
    if (row->head == NULL) assert_agreed(row->name, gcn__buf_span(&row->in));
  }
}

static void append(struct gcn__buf* to, struct gcn__span bytes) {
  assert_int_equal(gcn__buf_append(to, bytes.data, bytes.size), 0);
}

static void one_behind_the_other(void** state) {
  const struct conf_table* table = *state;
  const struct conf_row* before = &table->rows[0];
  for (size_t i = 0; i < table->count; i++) {
    const struct conf_row* row = &table->rows[i];
    struct gcn__buf in;
    if (!is_of_use(row)) continue;
    gcn__buf_init(&in, &gcn__mem_libc, CONF_SIZE_MAX);
    append(&in, gcn__buf_span(&before->in));
    append(&in, gcn__buf_span(&row->in));
    assert_agreed(row->name, gcn__buf_span(&in));
    gcn__buf_deinit(&in);
    if (row->end == CONF_STAYS) before = row;
  }
}

/* One to three changes, mostly near the front, where the headers are. */
static size_t change(struct gcn__rng* rng, char* data, size_t size) {
  for (uint64_t n = gcn__rng_between(rng, 1, 3); n > 0 && size > 0; n--) {
    uint64_t span = gcn__rng_below(rng, 2) == 0 ? 12 : size;
    size_t at = (size_t)gcn__rng_below(rng, span < size ? span : size);
    switch (gcn__rng_below(rng, 4)) {
    case 0: data[at] = (char)gcn__rng_below(rng, 256); break;
    case 1: data[at] = (char)(data[at] ^ 1 << gcn__rng_below(rng, 8)); break;
    case 2:
      memmove(data + at, data + at + 1, size - at - 1);
      size--;
      break;
    default:
      memmove(data + at + 1, data + at, size - at);
      data[at] = (char)gcn__rng_below(rng, 256);
      size++;
    }
  }
  return size;
}

static void with_changes(void** state) {
  const struct conf_table* table = *state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 20);
  for (size_t i = 0; i < table->count; i++) {
    const struct conf_row* row = &table->rows[i];
    struct gcn__span in = gcn__buf_span(&row->in);
    if (!is_of_use(row)) continue;
    for (int round = 0; round < ROUNDS; round++) {
      char data[STREAM_SIZE_MAX + 8];
      memcpy(data, in.data, in.size);
      size_t size = change(&rng, data, in.size);
      assert_agreed(row->name, gcn__span(data, size));
    }
  }
}

int main(void) {
  struct conf_table table;
  conf_init(&table);
  struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(as_they_are, &table),
      cmocka_unit_test_prestate(one_behind_the_other, &table),
      cmocka_unit_test_prestate(with_changes, &table),
  };
  int failed = cmocka_run_group_tests_name("ws-random", tests, NULL, NULL);
  conf_deinit(&table);
  return failed;
}
