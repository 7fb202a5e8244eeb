/* SPDX-License-Identifier: MIT */
/*
 * Allocation through the caller's allocator: exact old sizes, NULL in and out,
 * wiping of secrets.
 */
#include "base/mem.h"

#include "check.h"
#include "mem-spy.h"

static void old_sizes_are_exact(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  void* block = gcn__alloc(&mem, 10);
  assert_non_null(block);
  block = gcn__resize(&mem, block, 10, 100);
  assert_int_equal(probe.live_size, 100);
  char* text = gcn__str_copy(&mem, "abc");
  assert_int_equal(probe.live_size, 104);
  gcn__free(&mem, block, 100);
  gcn__str_free(&mem, text);
  assert_int_equal(probe.live_size, 0);
}

static void zeroed_memory_is_zero(void** state) {
  (void)state;
  unsigned char* block = gcn__alloc_zero(&gcn__mem_libc, 512);
  for (size_t i = 0; i < 512; i++)
    assert_int_equal(block[i], 0);
  gcn__free(&gcn__mem_libc, block, 512);
}

static void copies_are_terminated(void** state) {
  (void)state;
  char* all = gcn__str_copy(&gcn__mem_libc, "topic");
  char* part = gcn__str_copy_n(&gcn__mem_libc, "topic", 3);
  char* none = gcn__str_copy_n(&gcn__mem_libc, "topic", 0);
  assert_string_equal(all, "topic");
  assert_string_equal(part, "top");
  assert_string_equal(none, "");
  gcn__str_free(&gcn__mem_libc, all);
  gcn__str_free(&gcn__mem_libc, part);
  gcn__str_free(&gcn__mem_libc, none);
}

static void null_is_taken_and_given(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  assert_null(gcn__str_copy(&mem, NULL));
  assert_null(gcn__str_copy_n(&mem, NULL, 0));
  gcn__free(&mem, NULL, 10);
  gcn__str_free(&mem, NULL);
  gcn__secret_free(&mem, NULL);
  assert_int_equal(probe.count, 0);
  assert_int_equal(probe.live_size, 0);
}

static void failure_is_null_and_keeps_the_old_block(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 1, .fail_on = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  assert_null(gcn__alloc(&mem, 8));
  assert_null(gcn__alloc_zero(&mem, 8));
  assert_null(gcn__str_copy(&mem, "x"));
  probe.fail_at = 0;
  char* text = gcn__str_copy(&mem, "kept");
  probe.fail_at = probe.count + 1;
  assert_null(gcn__resize(&mem, text, 5, 50));
  assert_string_equal(text, "kept");
  gcn__str_free(&mem, text);
  assert_int_equal(probe.live_size, 0);
}

static void secrets_are_wiped_before_they_go(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = "hunter2"};
  struct gcn__mem mem = mem_spy_mem(&spy);
  gcn__secret_free(&mem, gcn__str_copy(&mem, "my hunter2 secret"));
  assert_int_equal(spy.sighting_count, 0);
  gcn__str_free(&mem, gcn__str_copy(&mem, "my hunter2 secret"));
  assert_int_equal(spy.sighting_count, 1);
}

static void wipe_writes_zeros(void** state) {
  (void)state;
  char text[] = "secret";
  gcn__wipe(text, 3);
  assert_memory_equal(text, "\0\0\0ret", 6);
  gcn__wipe(NULL, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(old_sizes_are_exact),
      cmocka_unit_test(zeroed_memory_is_zero),
      cmocka_unit_test(copies_are_terminated),
      cmocka_unit_test(null_is_taken_and_given),
      cmocka_unit_test(failure_is_null_and_keeps_the_old_block),
      cmocka_unit_test(secrets_are_wiped_before_they_go),
      cmocka_unit_test(wipe_writes_zeros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
