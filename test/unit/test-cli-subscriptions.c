/* SPDX-License-Identifier: MIT */
/*
 * cli/subscriptions: where the objects of a file begin and end, and on which
 * line.
 */
#include "check.h"

#include "cli/subscriptions.h"

#include <stdio.h>

/* "1:{..} 3:{..} 4!why" */
static void expect(const char* text, const char* expected) {
  struct gcn__subscriptions reader;
  struct gcn__span object;
  char got[512] = "";
  size_t size = 0;
  gcn__subscriptions_init(&reader, gcn__span_str(text));
  while (gcn__subscriptions_next(&reader, &object)) {
    size += (size_t)snprintf(got + size, sizeof got - size, "%u:%.*s ",
                             reader.line, (int)object.size, object.data);
  }
  if (reader.why != NULL) {
    size += (size_t)snprintf(got + size, sizeof got - size, "%u!%.12s ",
                             reader.line, reader.why);
  }
  if (size > 0) got[size - 1] = '\0';
  assert_string_equal(got, expected);
  assert_false(gcn__subscriptions_next(&reader, &object));
}

static void test_nothing(void** state) {
  (void)state;
  expect("", "");
  expect(" \n\t\r\n", "");
  expect("[]", "");
  expect("\n[ \n ]\n", "");
}

static void test_array(void** state) {
  (void)state;
  expect("[{\"a\":1}]", "1:{\"a\":1}");
  expect("[\n {\"a\":[{}]},\n\n {\"b\":\"]}\\\"\"}\n]\n",
         "2:{\"a\":[{}]} 4:{\"b\":\"]}\\\"\"}");
}

static void test_lines(void** state) {
  (void)state;
  expect("{\"a\":1}\n{\"b\":2}\n", "1:{\"a\":1} 2:{\"b\":2}");
  expect("{\"a\":\n1}\n\n{}{}", "1:{\"a\":\n1} 4:{} 4:{}");
}

static void test_wrong(void** state) {
  (void)state;
  expect("x", "1!a subscripti");
  expect("\n\n[1]", "3!a subscripti");
  expect("{}\nnull", "1:{} 2!a subscripti");
  expect("[{}\n {}]", "1:{} 2!a comma or t");
  expect("[{},\n]", "1:{} 2!a subscripti");
  expect("[{}", "1:{} 1!the array ha");
  expect("[", "1!the array ha");
  expect("[,{}]", "1!a subscripti");
  expect("[{}]\n{}", "1:{} 2!something fo");
  expect("\n{\"a\":\"}", "2!the object t");
  expect("{\"a\":\"\\", "1!the object t");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_array),
      cmocka_unit_test(test_lines),
      cmocka_unit_test(test_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
