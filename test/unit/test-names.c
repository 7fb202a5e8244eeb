/* SPDX-License-Identifier: MIT */
/*
 * Names and sentences: none is NULL, none is lost, none leaks.
 */
#include "check.h"

#include "client/logger.h"
#include "gcnotify.h"

#include <string.h>
#include <uv.h>

static void test_our_errors(void** state) {
  (void)state;
#define CHECK_ERROR(name, value, text)                                         \
  assert_string_equal(gcn_err_name(GCN_##name), "GCN_" #name);                 \
  assert_string_equal(gcn_strerror(GCN_##name), text);                         \
  assert_int_equal(GCN_##name, value);
  GCN_ERRNO_MAP(CHECK_ERROR)
#undef CHECK_ERROR
}

static void test_libuv_errors(void** state) {
  (void)state;
#define CHECK_ERROR(name, text)                                                \
  assert_string_equal(gcn_err_name(UV_##name), #name);                         \
  assert_string_equal(gcn_strerror(UV_##name), uv_strerror(UV_##name));
  UV_ERRNO_MAP(CHECK_ERROR)
#undef CHECK_ERROR
}

static void test_other_numbers(void** state) {
  (void)state;
  assert_string_equal(gcn_err_name(0), "OK");
  assert_string_equal(gcn_strerror(0), "no error");
  const int strange[] = {1, -1000000, INT32_MIN, INT32_MAX, GCN_ERRNO_LAST};
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    assert_string_equal(gcn_err_name(strange[i]), "unknown");
    assert_string_equal(gcn_strerror(strange[i]), "unknown");
  }
}

static void test_states_and_verdicts(void** state) {
  (void)state;
#define CHECK_STATE(name, value, spoken)                                       \
  assert_string_equal(gcn_state_name(GCN_##name), spoken);
  GCN_STATE_MAP(CHECK_STATE)
#undef CHECK_STATE
  assert_string_equal(gcn_state_name(GCN_STATE_COUNT), "unknown");
  assert_string_equal(gcn_state_name((gcn_state_t)99), "unknown");
  assert_string_equal(gcn_verdict_name(GCN_TOPIC_PENDING), "pending");
  assert_string_equal(gcn_verdict_name(GCN_TOPIC_PERMITTED), "permitted");
  assert_string_equal(gcn_verdict_name(GCN_TOPIC_REJECTED), "rejected");
  assert_string_equal(gcn_verdict_name((gcn_verdict_t)99), "unknown");
}

static void test_regions_and_version(void** state) {
  (void)state;
  size_t count = 0;
  while (gcn_region_key(count) != NULL) {
    assert_non_null(gcn_region_domain(gcn_region_key(count)));
    count++;
  }
  assert_true(count > 10);
  assert_null(gcn_region_domain("atlantis-1"));
  assert_null(gcn_region_domain(NULL));
  assert_int_equal(gcn_version(), GCN_VERSION_HEX);
  assert_string_equal(gcn_version_string(), GCN_VERSION_STRING);
}

/* --- the log's limit ------------------------------------------------------ */

struct book {
  unsigned count;
  char last[128];
  gcn_log_level_t level;
};

static void write_down(void* data, gcn_log_level_t level, const char* line) {
  struct book* book = data;
  book->count++;
  book->level = level;
  strncpy(book->last, line, sizeof book->last - 1);
}

static void test_log_limit(void** state) {
  (void)state;
  struct book book = {.count = 0};
  struct gcn__logger logger = {.call = write_down, .level = GCN_LOG_INFO};
  for (int i = 0; i < 25; i++) {
    gcn__logger_write(&logger, &book, GCN_LOG_INFO, "line", 5000);
  }
  assert_int_equal(book.count, 10);
  gcn__logger_write(&logger, &book, GCN_LOG_INFO, "line", 5999);
  assert_int_equal(book.count, 10);
  gcn__logger_write(&logger, &book, GCN_LOG_ERROR, "after", 6000);
  assert_int_equal(book.count, 12);
  assert_string_equal(book.last, "after");
  assert_int_equal(book.level, GCN_LOG_ERROR);
  assert_int_equal(logger.left_out, 0);
}

static void test_log_counts_what_it_leaves_out(void** state) {
  (void)state;
  struct book book = {.count = 0};
  struct gcn__logger logger = {.call = write_down, .level = GCN_LOG_INFO};
  for (int i = 0; i < 13; i++) {
    gcn__logger_write(&logger, &book, GCN_LOG_INFO, "line", 5000);
  }
  for (int i = 0; i < 10; i++) {
    gcn__logger_write(&logger, &book, GCN_LOG_INFO, "line", 7000);
    if (i == 0) assert_int_equal(book.count, 12);
  }
  /* The notice takes a place of the new window. */
  assert_int_equal(book.count, 20);
  assert_int_equal(logger.left_out, 1);
}

static void test_log_levels(void** state) {
  (void)state;
  struct book book = {.count = 0};
  struct gcn__logger logger = {.call = write_down, .level = GCN_LOG_WARN};
  gcn__logger_write(&logger, &book, GCN_LOG_INFO, "line", 5000);
  assert_int_equal(book.count, 0);
  gcn__logger_write(&logger, &book, GCN_LOG_WARN, "line", 5000);
  assert_int_equal(book.count, 1);
  logger.call = NULL;
  gcn__logger_write(&logger, &book, GCN_LOG_WARN, "line", 5000);
  assert_int_equal(book.count, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_our_errors),
      cmocka_unit_test(test_libuv_errors),
      cmocka_unit_test(test_other_numbers),
      cmocka_unit_test(test_states_and_verdicts),
      cmocka_unit_test(test_regions_and_version),
      cmocka_unit_test(test_log_limit),
      cmocka_unit_test(test_log_counts_what_it_leaves_out),
      cmocka_unit_test(test_log_levels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
