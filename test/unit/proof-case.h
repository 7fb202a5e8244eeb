/* SPDX-License-Identifier: MIT */
/*
 * Rows of a table as cases of their own, so that each has its name in the
 * report and in the catalogue of test/proof.
 */
#ifndef GCN_TEST_PROOF_CASE_H
#define GCN_TEST_PROOF_CASE_H

#include "check.h"

enum { PROOF_CASE_MAX = 200 };

struct proof_cases {
  struct CMUnitTest items[PROOF_CASE_MAX];
  size_t count;
};

/* `row` is the case's state. */
static inline void proof_add(struct proof_cases* cases, const char* name,
                             CMUnitTestFunction test, const void* row) {
  assert_true(cases->count < PROOF_CASE_MAX);
  union {
    const void* from;
    void* to;
  } state = {.from = row};
  cases->items[cases->count++] = (struct CMUnitTest){
      .name = name, .test_func = test, .initial_state = state.to};
}

/* cmocka's macro wants an array; this is what it expands to. */
static inline int proof_run(const char* group,
                            const struct proof_cases* cases) {
  return _cmocka_run_group_tests(group, cases->items, cases->count, NULL, NULL);
}

#endif
