/* SPDX-License-Identifier: MIT */
/*
 * The intrusive ring: order, harmless removal, walking while removing.
 */
#include "base/list.h"

#include "check.h"

struct item {
  int value;
  struct gcn__list link;
};

static int value_of(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct item, link)->value;
}

static void assert_values(const struct gcn__list* list, const char* digits) {
  const char* at = digits;
  for (struct gcn__list* l = list->next; l != list; l = l->next) {
    assert_int_equal(value_of(l), *at++ - '0');
  }
  assert_int_equal(*at, '\0');
  for (struct gcn__list* l = list->prev; l != list; l = l->prev) {
    assert_int_equal(value_of(l), *--at - '0');
  }
}

static void keeps_the_order_of_appending(void** state) {
  (void)state;
  struct gcn__list list;
  struct item items[4];
  gcn__list_init(&list);
  assert_true(gcn__list_empty(&list));
  for (int i = 0; i < 4; i++) {
    items[i].value = i;
    gcn__list_init(&items[i].link);
    gcn__list_append(&list, &items[i].link);
  }
  assert_values(&list, "0123");
  gcn__list_remove(&items[1].link);
  assert_values(&list, "023");
  gcn__list_remove(&items[3].link);
  gcn__list_remove(&items[0].link);
  assert_values(&list, "2");
  gcn__list_append(&list, &items[1].link);
  assert_values(&list, "21");
}

static void removing_twice_is_harmless(void** state) {
  (void)state;
  struct gcn__list list;
  struct item items[2] = {{.value = 0}, {.value = 1}};
  gcn__list_init(&list);
  gcn__list_append(&list, &items[0].link);
  gcn__list_append(&list, &items[1].link);
  gcn__list_remove(&items[0].link);
  gcn__list_remove(&items[0].link);
  assert_true(gcn__list_empty(&items[0].link));
  assert_values(&list, "1");
  gcn__list_remove(&items[1].link);
  assert_true(gcn__list_empty(&list));
}

static void may_be_emptied_from_the_front(void** state) {
  (void)state;
  struct gcn__list list;
  struct item items[9];
  gcn__list_init(&list);
  for (int i = 0; i < 9; i++) {
    items[i].value = i;
    gcn__list_append(&list, &items[i].link);
  }
  int count = 0;
  while (!gcn__list_empty(&list)) {
    assert_int_equal(value_of(list.next), count++);
    gcn__list_remove(list.next);
  }
  assert_int_equal(count, 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_order_of_appending),
      cmocka_unit_test(removing_twice_is_harmless),
      cmocka_unit_test(may_be_emptied_from_the_front),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
