/* SPDX-License-Identifier: MIT */
/*
 * What stands in for the SQLite store says so.
 */
#include "check.h"

#include "loop/sqlitestore.h"

static void test_it_says_so(void** state) {
  struct gcn__store store;
  uv_loop_t loop;
  (void)state;
  assert_int_equal(
      gcn__sqlitestore_new(&loop, &gcn__mem_libc, "a", NULL, &store),
      UV_ENOSYS);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_says_so)};
  return cmocka_run_group_tests_name("sqlitestore-none", tests, NULL, NULL);
}
