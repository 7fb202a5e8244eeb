/* SPDX-License-Identifier: MIT */
/*
 * Blocks in turn: which one comes next, how many stay, and that nothing is lost
 * or left behind when memory is short.
 */
#include "base/spares.h"

#include "check.h"
#include "mem-spy.h"

#include <string.h>

static void the_same_block_takes_turns(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__spares spares;
  gcn__spares_init(&spares, &mem);
  assert_int_equal(spy.probe.live_size, 0);
  char* first = gcn__spares_take(&spares);
  assert_non_null(first);
  memset(first, 'x', GCN__SPARE_SIZE);
  for (int i = 0; i < 100; i++) {
    gcn__spares_give(&spares, first);
    assert_ptr_equal(gcn__spares_take(&spares), first);
  }
  assert_int_equal(spy.probe.count, 1);
  gcn__spares_give(&spares, first);
  gcn__spares_deinit(&spares);
  assert_int_equal(spy.probe.live_size, 0);
}

static void only_a_few_stay(void** state) {
  (void)state;
  enum { COUNT = GCN__SPARE_COUNT_MAX + 3 };
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__spares spares;
  void* blocks[COUNT];
  gcn__spares_init(&spares, &mem);
  for (int i = 0; i < COUNT; i++) {
    blocks[i] = gcn__spares_take(&spares);
    assert_non_null(blocks[i]);
    for (int k = 0; k < i; k++)
      assert_ptr_not_equal(blocks[i], blocks[k]);
  }
  assert_int_equal(spy.probe.live_size, COUNT * GCN__SPARE_SIZE);
  for (int i = 0; i < COUNT; i++)
    gcn__spares_give(&spares, blocks[i]);
  assert_int_equal(spy.probe.live_size, GCN__SPARE_COUNT_MAX * GCN__SPARE_SIZE);
  assert_ptr_equal(gcn__spares_take(&spares), blocks[GCN__SPARE_COUNT_MAX - 1]);
  gcn__spares_give(&spares, blocks[GCN__SPARE_COUNT_MAX - 1]);
  gcn__spares_deinit(&spares);
  assert_int_equal(spy.probe.live_size, 0);
}

static void none_is_fine(void** state) {
  (void)state;
  struct mem_spy spy = {.probe = {.fail_at = 1}};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__spares spares = {0};
  gcn__spares_deinit(&spares);
  gcn__spares_init(&spares, &mem);
  assert_null(gcn__spares_take(&spares));
  gcn__spares_give(&spares, NULL);
  void* block = gcn__spares_take(&spares);
  assert_non_null(block);
  gcn__spares_give(&spares, block);
  gcn__spares_deinit(&spares);
  gcn__spares_deinit(&spares);
  assert_int_equal(spy.probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_block_takes_turns),
      cmocka_unit_test(only_a_few_stay),
      cmocka_unit_test(none_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
