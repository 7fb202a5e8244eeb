/* SPDX-License-Identifier: MIT */
/*
 * Options of delivery and of the checkpoint: what they come to, and what is
 * refused in which words.
 */
#include "check.h"

#include "client/options.h"

#include <string.h>
#include <uv.h>

static gcn_options_t good_options(void) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = "id";
  options.client_secret = "s3cr3t-value";
  return options;
}

static struct gcn__config make(const gcn_options_t* options) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  int error = gcn__config_make(options, &config, why);
  if (error != 0) fail_msg("refused: %s", why);
  return config;
}

static void expect_refusal(const gcn_options_t* options, const char* words) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  assert_int_equal(gcn__config_make(options, &config, why), GCN_ECONFIG);
  if (strstr(why, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", why, words);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  (void)client;
  (void)event;
}

static void on_batch(gcn_client_t* client, const gcn_event_t* events,
                     size_t count) {
  (void)client;
  (void)events;
  (void)count;
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  (void)client;
  (void)sequence;
}

static int on_effect(void* data, struct sqlite3* db, const uint64_t* sequences,
                     size_t count) {
  (void)data;
  (void)db;
  (void)sequences;
  return count > 0;
}

static int load(void* data, unsigned generation, gcn_load_t* request) {
  (void)data;
  (void)request;
  return generation == 0 ? UV_ENOENT : UV_EINVAL;
}

static int save(void* data, const void* bytes, size_t bytes_size,
                const uint64_t* sequences, size_t sequence_count,
                gcn_save_t* request) {
  (void)data;
  (void)bytes;
  (void)sequences;
  (void)sequence_count;
  (void)request;
  return bytes_size > 0 ? UV_EIO : UV_EINVAL;
}

static gcn_store_t good_store(void) {
  return (gcn_store_t){.size = sizeof(gcn_store_t), .load = load, .save = save};
}

/* --- delivery ------------------------------------------------------------- */

static void test_defaults(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  struct gcn__config config = make(&options);
  assert_false(config.windowed);
  assert_false(config.checkpoints);
  assert_int_equal(config.batch_count_max, 64);
  assert_int_equal(config.batch_size_max, 1048576);
  assert_int_equal(config.window.count_max, 8192);
  assert_int_equal(config.window.size_max, 16777216);
  assert_int_equal(config.full, GCN_FULL_WAIT);
  assert_int_equal(config.full_ms, 10000);
  assert_int_equal(config.checkpoint_ms, 20);
}

static void test_numbers(void** state) {
  (void)state;
  static const struct {
    const char* name;
    size_t offset;
    uint64_t value_min;
    uint64_t value_max;
  } rows[] = {
      {"batch_count_max", offsetof(gcn_options_t, batch_count_max), 1, 10000},
      {"batch_size_max", offsetof(gcn_options_t, batch_size_max), 1024,
       16777216},
      {"window_count", offsetof(gcn_options_t, window_count), 1, 1000000},
      {"window_size", offsetof(gcn_options_t, window_size), 65536, 1073741824},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    gcn_options_t options = good_options();
    char* at = (char*)&options + rows[i].offset;
    uint64_t values[] = {rows[i].value_min, rows[i].value_max,
                         rows[i].value_min - 1, rows[i].value_max + 1};
    for (size_t v = 0; v < 4; v++) {
      if (values[v] == 0) continue; /* the default */
      memcpy(at, &values[v], sizeof values[v]);
      if (v < 2) {
        make(&options);
      } else {
        expect_refusal(&options, rows[i].name);
      }
    }
  }
  gcn_options_t options = good_options();
  options.batch_count_max = 7;
  options.batch_size_max = 4096;
  options.window_count = 9;
  options.window_size = 65536;
  options.full_ms = 11;
  options.checkpoint_ms = 13;
  struct gcn__config config = make(&options);
  assert_int_equal(config.batch_count_max, 7);
  assert_int_equal(config.batch_size_max, 4096);
  assert_int_equal(config.window.count_max, 9);
  assert_int_equal(config.window.size_max, 65536);
  assert_int_equal(config.full_ms, 11);
  assert_int_equal(config.checkpoint_ms, 13);
}

static void test_waits_beyond_a_year(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.full_ms = UINT64_C(1) << 40;
  expect_refusal(&options, "full_ms is over a year");
  options = good_options();
  options.checkpoint_ms = UINT64_MAX;
  expect_refusal(&options, "checkpoint_ms is over a year");
}

static void test_choices(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.ack = (gcn_ack_t)2;
  expect_refusal(&options, "ack is not GCN_ACK_AUTO or");
  options = good_options();
  options.full = (gcn_full_t)3;
  expect_refusal(&options, "full is not one of");
  options = good_options();
  options.event_cb = on_event;
  options.batch_cb = on_batch;
  expect_refusal(&options, "batch_cb is set beside event_cb");
  options.event_cb = NULL;
  make(&options);
}

static void test_what_needs_a_window(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.durable_cb = on_durable;
  expect_refusal(&options, "durable_cb is set, but no event is ever in flight");
  options.ack = GCN_ACK_MANUAL;
  assert_true(make(&options).windowed);
  options = good_options();
  options.full = GCN_FULL_DROP_OLDEST;
  expect_refusal(&options, "full is set, but no event is ever in flight");
  options.checkpoint_path = "c";
  struct gcn__config config = make(&options);
  assert_true(config.windowed);
  assert_int_equal(config.full, GCN_FULL_DROP_OLDEST);
}

/* --- checkpoint ----------------------------------------------------------- */

static void test_one_store(void** state) {
  (void)state;
  gcn_store_t store = good_store();
  gcn_options_t options = good_options();
  options.checkpoint_path = "/var/lib/x/checkpoint";
  assert_true(make(&options).checkpoints);
  options.store = &store;
  expect_refusal(&options, "store is set beside checkpoint_path");
  options.checkpoint_path = NULL;
  options.checkpoint_sqlite = "x.db";
  expect_refusal(&options, "store is set beside checkpoint_sqlite");
  options.store = NULL;
  assert_true(make(&options).checkpoints);
  options.checkpoint_path = "c";
  expect_refusal(&options, "checkpoint_sqlite is set beside checkpoint_path");
  options = good_options();
  options.checkpoint_path = "";
  expect_refusal(&options, "checkpoint_path is empty");
  options.checkpoint_path = NULL;
  options.checkpoint_sqlite = "";
  expect_refusal(&options, "checkpoint_sqlite is empty");
}

static void test_effect(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.effect_cb = on_effect;
  options.checkpoint_path = "c";
  expect_refusal(&options, "effect_cb is set without checkpoint_sqlite");
  options.checkpoint_path = NULL;
  options.checkpoint_sqlite = "x.db";
  make(&options);
}

static void test_own_store(void** state) {
  (void)state;
  gcn_store_t store = good_store();
  gcn_options_t options = good_options();
  options.store = &store;
  struct gcn__config config = make(&options);
  assert_true(config.checkpoints && config.windowed);
  assert_ptr_equal(config.store.load, load);
  store.size = 0;
  expect_refusal(&options, "store: size is not set");
  store.size = offsetof(gcn_store_t, save); /* of an older program */
  expect_refusal(&options, "store: save is missing");
  store = good_store();
  store.load = NULL;
  expect_refusal(&options, "store: load is missing");
}

static void test_store_of_a_newer_program(void** state) {
  (void)state;
  struct {
    gcn_store_t known;
    void* later;
  } newer = {good_store(), NULL};
  gcn_options_t options = good_options();
  newer.known.size = sizeof newer;
  options.store = &newer.known;
  make(&options);
  newer.later = &newer;
  expect_refusal(&options, "store: a field is set that this library");
}

/* What a checkpoint can name bounds what may be in flight. */
static void test_window_of_a_checkpoint(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.window_count = 65537;
  options.ack = GCN_ACK_MANUAL;
  make(&options);
  options.checkpoint_path = "c";
  expect_refusal(&options, "window_count is above 65536");
  options.window_count = 65536;
  make(&options);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_waits_beyond_a_year),
      cmocka_unit_test(test_choices),
      cmocka_unit_test(test_what_needs_a_window),
      cmocka_unit_test(test_one_store),
      cmocka_unit_test(test_effect),
      cmocka_unit_test(test_own_store),
      cmocka_unit_test(test_store_of_a_newer_program),
      cmocka_unit_test(test_window_of_a_checkpoint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
