/* SPDX-License-Identifier: MIT */
/*
 * cli/dialect: what the options of the dialect come to.
 */
#include "check.h"

#include "cli/dialect.h"

#include <string.h>
#include <uv.h>

static void expect(struct gcn__dialect_flags flags,
                   struct gcn__dialect* dialect) {
  char problem[GCN__DIALECT_TEXT_SIZE];
  if (!gcn__dialect_choose(dialect, &flags, problem)) {
    fail_msg("refused: %s", problem);
  }
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = "id";
  options.client_secret = "secret";
  gcn__dialect_apply(dialect, &options);
  char why[256] = "";
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fail_msg("the client refuses it: %s", why);
  }
}

static void expect_refusal(struct gcn__dialect_flags flags, const char* words) {
  struct gcn__dialect dialect;
  char problem[GCN__DIALECT_TEXT_SIZE];
  assert_false(gcn__dialect_choose(&dialect, &flags, problem));
  if (strstr(problem, words) == NULL) {
    fail_msg("\"%s\" lacks \"%s\"", problem, words);
  }
}

#define FLAGS(...) ((struct gcn__dialect_flags){__VA_ARGS__})

static void test_dialects(void** state) {
  (void)state;
  struct gcn__dialect dialect;
  expect(FLAGS(.dialect = NULL), &dialect);
  assert_int_equal(dialect.dialect, GCN_DIALECT_CHANNELS);
  expect(FLAGS(.dialect = "channels"), &dialect);
  assert_int_equal(dialect.dialect, GCN_DIALECT_CHANNELS);
  expect(FLAGS(.dialect = "stream"), &dialect);
  assert_int_equal(dialect.dialect, GCN_DIALECT_STREAM);
  assert_string_equal(dialect.stream.path, "/api/v2/notifications/stream");
  expect(FLAGS(.preset = "message"), &dialect);
  assert_int_equal(dialect.dialect, GCN_DIALECT_STREAM);
  assert_int_equal(dialect.stream.token_in, GCN_TOKEN_IN_HEADER);
  expect(FLAGS(.preset = "thread-d"), &dialect);
  assert_string_equal(dialect.stream.token_param, "token");
}

/* Any place goes with any preset. */
static void test_places(void** state) {
  (void)state;
  static const char* const tokens[] = {"query", "header"};
  static const char* const places[] = {"query", "message", "post"};
  for (int i = 0; i < GCN_PRESET_COUNT; i++) {
    for (int t = 0; t < 2; t++) {
      for (int p = 0; p < 3; p++) {
        struct gcn__dialect dialect;
        expect(FLAGS(.preset = gcn_preset_name((gcn_preset_t)i),
                     .token_in = tokens[t], .subscriptions_in = places[p],
                     .batch_size = "7", .max_latency = "250ms"),
               &dialect);
        assert_int_equal(dialect.stream.token_in, t);
        assert_int_equal(dialect.stream.subscriptions_in, p);
        assert_int_equal(dialect.stream.batch_count_max, 7);
        assert_int_equal(dialect.stream.latency_ms, 250);
      }
    }
  }
}

static void test_path(void** state) {
  (void)state;
  struct gcn__dialect dialect;
  expect(FLAGS(.dialect = "stream", .stream_path = "/x/stream"), &dialect);
  assert_string_equal(dialect.stream.path, "/x/stream");
  expect_refusal(FLAGS(.dialect = "stream", .stream_path = "x"),
                 "--stream-path 'x' has to begin with a slash");
}

static void test_refused(void** state) {
  (void)state;
  expect_refusal(FLAGS(.dialect = "streams"),
                 "--dialect 'streams' has to be channels|stream");
  expect_refusal(FLAGS(.preset = "guides"), "--preset 'guides' has to be");
  expect_refusal(FLAGS(.token_in = "query"),
                 "--token-in is of the stream dialect: add --dialect stream");
  expect_refusal(FLAGS(.dialect = "channels", .preset = "rest"),
                 "--preset is of the stream dialect: add --dialect stream in "
                 "place of channels");
  expect_refusal(FLAGS(.batch_size = "1"), "--batch-size is of the stream");
  expect_refusal(FLAGS(.preset = "sdk", .token_in = "body"),
                 "--token-in 'body' has to be query|header");
  expect_refusal(FLAGS(.preset = "sdk", .subscriptions_in = "header"),
                 "has to be query|message|post");
  expect_refusal(FLAGS(.preset = "sdk", .batch_size = "0"),
                 "--batch-size '0' has to be a number above 0");
  expect_refusal(FLAGS(.preset = "sdk", .batch_size = "many"),
                 "--batch-size 'many'");
  expect_refusal(FLAGS(.preset = "sdk", .max_latency = "0"),
                 "--max-latency '0' has to be a duration");
}

/* They are found wherever they stand, and other mistakes are not ours. */
static void test_scan(void** state) {
  (void)state;
  static const struct gcn__arg table[] = {{'n', true, 'n', "count"},
                                          GCN__DIALECT_ARGS};
  char words[][24] = {"tail",         "v2.a",         "-n", "5",
                      "--preset=sdk", "--batch-size", "9",  "--nonsense",
                      "--token-in",   "query"};
  char* argv[10];
  for (int i = 0; i < 10; i++)
    argv[i] = words[i];
  struct gcn__dialect_flags flags;
  gcn__dialect_scan(&flags, 10, argv, table, sizeof table / sizeof table[0]);
  assert_string_equal(flags.preset, "sdk");
  assert_string_equal(flags.batch_size, "9");
  assert_null(flags.dialect);
  assert_null(flags.token_in); /* behind the mistake */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dialects), cmocka_unit_test(test_places),
      cmocka_unit_test(test_path),     cmocka_unit_test(test_refused),
      cmocka_unit_test(test_scan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
