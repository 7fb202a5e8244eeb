/* SPDX-License-Identifier: MIT */
/*
 * The load of a checkpoint: what waits for it, what is refused, what is told;
 * and how a checkpointer comes and goes.
 */
#include "checkpoint-case.h"

#include "base/err.h"
#include "codec/digest.h"

#include <stdio.h>

static const unsigned char lane_topics[GCN__ENGINE_SALT_SIZE] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* A lane of the stage's only shard. */
static struct gcn__checkpoint_lane plain_lane(const char* position) {
  struct gcn__checkpoint_lane lane = {
      .lane = 0,
      .position = gcn__span_str(position),
      .good_unix_ms = CASE_WALL_MS - 5000,
  };
  memcpy(lane.topics, lane_topics, sizeof lane.topics);
  return lane;
}

static void put_good(struct stage* stage, unsigned generation,
                     const char* position) {
  const struct gcn__checkpoint_lane lane = plain_lane(position);
  struct gcn__checkpoint checkpoint = case_checkpoint(stage, &lane, 1);
  checkpoint.serial -= generation;
  shelf_write(&stage->shelf, generation, &checkpoint);
}

static void assert_position(const struct stage* stage, const char* position) {
  assert_true(stage->engine.given[0]);
  assert_string_equal(stage->engine.restored[0].position.data, position);
  struct gcn__position at = gcn__window_position(&stage->delivery.window, 0);
  assert_true(gcn__span_is(at.text, position));
}

/* --- a good one, or none -------------------------------------------------- */

static void test_the_first_run(void** state) {
  (void)state;
  for (int lazy = 0; lazy < 2; lazy++) {
    struct stage stage;
    case_begin(&stage);
    stage.shelf.lazy = lazy;
    case_open_well(&stage);
    case_turn(&stage);
    assert_int_equal(stage.shelf.loads, 0);
    case_command(&stage, GCN__COMMAND_TOPICS | GCN__COMMAND_START);
    assert_true(stage.engine.commands & GCN__COMMAND_TOPICS);
    for (unsigned i = 0; lazy && i < GCN__STORE_GENERATIONS; i++) {
      assert_false(stage.engine.commands & GCN__COMMAND_START);
      assert_int_equal(stage.shelf.load_generation, i);
      shelf_answer(&stage);
    }
    assert_true(stage.engine.commands & GCN__COMMAND_START);
    assert_int_equal(stage.engine.restores, 0);
    assert_int_equal(stage.engine.unreadable, 0);
    assert_int_equal(stage.told, 0);
    assert_string_equal(stage.log, "");
    case_quit(&stage);
    case_end(&stage);
  }
}

static void test_a_good_one(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  stage.shelf.lazy = true;
  case_open_well(&stage);
  put_good(&stage, 0, "p7");
  put_good(&stage, 1, "p6");
  case_command(&stage, GCN__COMMAND_START);
  case_command(&stage, GCN__COMMAND_START); /* it is being loaded already */
  assert_int_equal(stage.shelf.loads, 1);
  shelf_answer(&stage);
  assert_true(stage.engine.commands & GCN__COMMAND_START);
  assert_int_equal(stage.engine.restores, 1);
  assert_int_equal(stage.engine.salt[0], 0x5a);
  assert_position(&stage, "p7");
  assert_int_equal(stage.told, 0);
  case_pass(&stage, 1000);
  assert_int_equal(stage.shelf.saves, 0); /* nothing has changed yet */
  /* It is read once: later starts just pass. */
  stage.engine.commands = 0;
  case_command(&stage, GCN__COMMAND_STOP);
  case_command(&stage, GCN__COMMAND_START | GCN__COMMAND_HURRY);
  assert_int_equal(stage.shelf.loads, 1);
  const unsigned all =
      GCN__COMMAND_STOP | GCN__COMMAND_START | GCN__COMMAND_HURRY;
  assert_int_equal(stage.engine.commands, all);
  case_quit(&stage);
  case_end(&stage);
}

/* A save that was cut short between its two renames. */
static void test_the_last_one_is_missing(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  case_open_well(&stage);
  put_good(&stage, 1, "p6");
  case_start(&stage);
  assert_position(&stage, "p6");
  assert_int_equal(stage.told, 0);
  assert_non_null(strstr(stage.log, "is missing"));
  case_quit(&stage);
  case_end(&stage);
}

static void test_the_last_one_is_damaged(void** state) {
  (void)state;
  for (unsigned kind = 0; kind < 3; kind++) {
    struct stage stage;
    case_begin(&stage);
    case_open_well(&stage);
    put_good(&stage, 0, "p7");
    put_good(&stage, 1, "p6");
    struct shelf* shelf = &stage.shelf;
    if (kind == 0) shelf->sizes[0] = 0;
    if (kind == 1) shelf->sizes[0] -= 10;
    if (kind == 2) shelf->bytes[0][shelf->sizes[0] / 3] ^= 1;
    case_start(&stage);
    assert_position(&stage, "p6");
    assert_int_equal(stage.told, 1);
    assert_int_equal(stage.told_error, GCN_ECHECKPOINT);
    assert_non_null(strstr(stage.told_text, "may come again"));
    assert_non_null(strstr(stage.log, "1 event=checkpoint-older store=own"));
    assert_true(stage.delivery.flushes > 0);
    /* The next save stands for both. */
    case_quit(&stage);
    struct gcn__checkpoint_read* read = shelf_read(shelf, 0);
    assert_int_equal(read->checkpoint.serial, 7);
    gcn__checkpoint_free(read);
    case_end(&stage);
  }
}

/* --- refused -------------------------------------------------------------- */

/* Asserts that the start is refused, says why, and that whatever happens the
 * store stays as it is. */
static void assert_refused(struct stage* stage, int error, const char* why) {
  struct shelf* shelf = &stage->shelf;
  size_t size = shelf->sizes[0];
  char* before = malloc(size + 1);
  assert_non_null(before);
  if (size > 0) memcpy(before, shelf->bytes[0], size);
  stage->engine.commands = 0;
  stage->told = 0;
  stage->engine.unreadable = 0;
  case_command(stage, GCN__COMMAND_START);
  assert_int_equal(stage->engine.commands, 0);
  assert_int_equal(stage->engine.unreadable, 1);
  assert_int_equal(stage->engine.error, error);
  assert_non_null(strstr(stage->engine.text, why));
  assert_int_equal(stage->told, 1);
  assert_int_equal(stage->told_error, error);
  assert_string_equal(stage->told_text, stage->engine.text);
  assert_non_null(strstr(stage->log, "0 event=checkpoint-unreadable"));
  assert_int_equal(stage->engine.restores, 0);
  gcn__checkpointer_note(&stage->client);
  case_command(stage, GCN__COMMAND_TOPICS | GCN__COMMAND_CREDENTIALS);
  assert_int_equal(stage->engine.commands, GCN__COMMAND_TOPICS);
  case_pass(stage, 120000);
  assert_true(gcn__checkpointer_deadline(&stage->client) == GCN__NEVER);
  assert_int_equal(shelf->saves, 0);
  assert_int_equal(shelf->sizes[0], size);
  if (size > 0) assert_memory_equal(shelf->bytes[0], before, size);
  free(before);
}

static void refuse(struct stage* stage, int error, const char* why) {
  assert_refused(stage, error, why);
  case_quit(stage);
  assert_int_equal(stage->shelf.saves, 0);
  assert_int_equal(stage->shelf.closes, 1);
  case_end(stage);
}

static void begin_good(struct stage* stage) {
  case_begin(stage);
  case_open_well(stage);
  put_good(stage, 0, "p7");
  put_good(stage, 1, "p6");
}

static void test_both_are_damaged(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  stage.shelf.sizes[0] /= 2;
  stage.shelf.sizes[1] /= 2;
  refuse(&stage, GCN_ECHECKPOINT, "its end is missing");
  begin_good(&stage);
  stage.shelf.bytes[0][stage.shelf.sizes[0] / 3] ^= 1;
  stage.shelf.load_errors[1] = UV_ENOENT;
  refuse(&stage, GCN_ECHECKPOINT, "it is damaged");
  begin_good(&stage);
  stage.shelf.sizes[0] = 0;
  stage.shelf.load_errors[1] = UV_EIO;
  refuse(&stage, GCN_ECHECKPOINT, "it is empty");
  begin_good(&stage);
  stage.shelf.load_errors[0] = UV_ENOENT;
  stage.shelf.sizes[1] = 0;
  refuse(&stage, GCN_ECHECKPOINT, "the save before the last): it is empty");
}

/* One line of JSON and its proof, as any version writes it. */
static void put_newer(struct shelf* shelf) {
  static const char line[] = "{\"gcnotify-checkpoint\":2,\"x\":1}\n";
  unsigned char digest[GCN__SHA256_SIZE];
  char text[256];
  assert_true(gcn__sha256(gcn__span(line, sizeof line - 1), digest));
  int size = snprintf(text, sizeof text, "%ssha256 ", line);
  for (int i = 0; i < GCN__SHA256_SIZE; i++)
    size += snprintf(text + size, sizeof text - (size_t)size, "%02x",
                     (unsigned)digest[i]);
  text[size++] = '\n';
  shelf_put(shelf, 0, text, (size_t)size);
}

static void test_not_ours_and_newer(void** state) {
  (void)state;
  struct stage stage;
  static const char other[] = "[general]\nname = value\n";
  begin_good(&stage);
  shelf_put(&stage.shelf, 0, other, sizeof other - 1);
  refuse(&stage, GCN_ECHECKPOINT, "it is not a checkpoint of gcnotify");
  begin_good(&stage);
  put_newer(&stage.shelf);
  refuse(&stage, GCN_ECHECKPOINT, "it was written by a later version");
}

static void test_of_somebody_else(void** state) {
  (void)state;
  for (unsigned generation = 0; generation < 2; generation++) {
    struct stage stage;
    begin_good(&stage);
    struct gcn__checkpoint checkpoint = case_checkpoint(&stage, NULL, 0);
    checkpoint.owner[3] ^= 1;
    shelf_write(&stage.shelf, generation, &checkpoint);
    if (generation == 1) stage.shelf.load_errors[0] = UV_ENOENT;
    refuse(&stage, GCN_ECHECKPOINT,
           "it belongs to another client id, API host or dialect");
  }
}

static void test_what_makes_an_owner(void** state) {
  (void)state;
  unsigned char owners[6][GCN__CHECKPOINT_DIGEST_SIZE];
  for (int i = 0; i < 6; i++) {
    struct stage stage;
    case_begin(&stage);
    if (i == 1) stage.config.options.client_id = "other";
    if (i == 2) stage.config.options.client_id = NULL;
    if (i == 3) stage.config.stream = true;
    if (i == 4) stage.config.api_url = "https://api.example.com/v";
    if (i == 5) stage.config.api_url = "https://api.example.test";
    case_open_well(&stage);
    memcpy(owners[i], stage.client.checkpointer->owner, sizeof owners[i]);
    for (int j = 0; j < i; j++)
      assert_memory_not_equal(owners[i], owners[j], sizeof owners[i]);
    case_end(&stage);
  }
  struct stage stage;
  case_begin(&stage);
  stage.config.api_url = "https://API.example.test:443/v/"; /* the same */
  case_open_well(&stage);
  gcn__checkpointer_identify(&stage.client, "another"); /* nor does this */
  assert_memory_equal(owners[0], stage.client.checkpointer->owner,
                      sizeof owners[0]);
  case_end(&stage);
}

static void test_reading_fails(void** state) {
  (void)state;
  static const struct {
    int error;
    const char* text;
  } cases[] = {{UV_EIO, "i/o error"},
               {UV_EPERM, "others may read or write it"},
               {UV_EACCES, "permission denied"},
               {UV_EFBIG, "too large"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct stage stage;
    begin_good(&stage);
    stage.shelf.load_errors[0] = cases[i].error;
    refuse(&stage, cases[i].error, cases[i].text);
    begin_good(&stage);
    stage.shelf.refusal = cases[i].error;
    refuse(&stage, cases[i].error, cases[i].text);
  }
}

static void test_a_long_path_is_shown_by_its_end(void** state) {
  (void)state;
  struct stage stage;
  char path[300];
  memset(path, 'd', sizeof path);
  strcpy(path + sizeof path - 10, "/file.one");
  case_begin(&stage);
  case_open_well(&stage);
  struct gcn__checkpointer* checkpointer = stage.client.checkpointer;
  checkpointer->name = gcn__str_copy(&checkpointer->mem, path);
  for (int kind = GCN__STORE_FILE; kind <= GCN__STORE_SQLITE; kind++) {
    const struct gcn__finding finding = {.fault = GCN__CHECKPOINT_NEWER,
                                         .generation = 1};
    char text[GCN__FAILURE_TEXT_SIZE];
    checkpointer->kind = (enum gcn__store_kind)kind;
    gcn__finding_explain(checkpointer, &finding, text, sizeof text);
    assert_non_null(strstr(text, "d/file.one (the save before the last): it "
                                 "was written by a later version; "));
    assert_non_null(strstr(text, "to start from now"));
  }
  checkpointer->kind = GCN__STORE_USER;
  case_end(&stage);
}

/* --- tried again ---------------------------------------------------------- */

static void test_a_later_start_looks_again(void** state) {
  (void)state;
  const unsigned hows[] = {GCN__COMMAND_START, GCN__COMMAND_HURRY};
  for (size_t i = 0; i < 2; i++) {
    struct stage stage;
    begin_good(&stage);
    stage.shelf.load_errors[0] = UV_EPERM;
    assert_refused(&stage, UV_EPERM, "mode 0600");
    stage.shelf.load_errors[0] = 0;
    stage.engine.commands = 0;
    case_command(&stage, hows[i]);
    assert_position(&stage, "p7");
    /* With what was kept back meanwhile. */
    assert_int_equal(stage.engine.commands, hows[i] | GCN__COMMAND_CREDENTIALS);
    case_quit(&stage);
    case_end(&stage);
  }
}

/* They came with the start that was refused. */
static void test_credentials_wait_for_a_later_start(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  stage.shelf.load_errors[0] = UV_EIO;
  case_command(&stage, GCN__COMMAND_START | GCN__COMMAND_CREDENTIALS);
  assert_int_equal(stage.engine.commands, 0);
  stage.shelf.load_errors[0] = 0;
  case_command(&stage, GCN__COMMAND_START);
  assert_int_equal(stage.engine.commands,
                   GCN__COMMAND_START | GCN__COMMAND_CREDENTIALS);
  case_quit(&stage);
  case_end(&stage);
}

static void test_a_start_that_is_taken_back(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  stage.shelf.lazy = true;
  case_command(&stage, GCN__COMMAND_START | GCN__COMMAND_HURRY);
  case_command(&stage, GCN__COMMAND_STOP);
  stage.shelf.load_errors[0] = UV_EIO;
  shelf_answer(&stage); /* nobody wants to know any more */
  assert_int_equal(stage.engine.commands, GCN__COMMAND_STOP);
  assert_int_equal(stage.engine.unreadable, 0);
  assert_int_equal(stage.told, 0);
  /* Nobody wants a stream, so there is nothing to hurry. */
  case_command(&stage, GCN__COMMAND_HURRY);
  assert_null(stage.shelf.load);
  stage.shelf.load_errors[0] = 0;
  case_command(&stage, GCN__COMMAND_START);
  shelf_answer(&stage);
  assert_true(stage.engine.commands & GCN__COMMAND_START);
  assert_position(&stage, "p7");
  case_quit(&stage);
  case_end(&stage);
}

static void test_a_lack_of_memory_passes(void** state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct stage stage;
    begin_good(&stage);
    if (i == 0) stage.shelf.load_errors[0] = UV_ENOMEM;
    if (i == 1) stage.engine.restore_error = GCN__ENOMEM;
    case_command(&stage, GCN__COMMAND_START);
    assert_int_equal(stage.engine.commands, 0);
    uint64_t due_ms = gcn__checkpointer_deadline(&stage.client);
    assert_true(due_ms > stage.now_ms && due_ms <= stage.now_ms + 1000);
    case_pass(&stage, due_ms - stage.now_ms - 1);
    assert_int_equal(stage.shelf.loads, 1);
    case_pass(&stage, 1);
    assert_int_equal(stage.shelf.loads, 2);
    stage.shelf.load_errors[0] = 0;
    stage.engine.restore_error = 0;
    case_pass(&stage, 1000);
    assert_true(stage.engine.commands & GCN__COMMAND_START);
    assert_position(&stage, "p7");
    assert_int_equal(stage.engine.unreadable + stage.told, 0);
    case_quit(&stage);
    case_end(&stage);
  }
}

/* --- coming and going ----------------------------------------------------- */

static void test_without_a_store(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  stage.config.checkpoints = false;
  case_open_well(&stage);
  assert_null(stage.client.checkpointer);
  case_command(&stage, GCN__COMMAND_START | GCN__COMMAND_CREDENTIALS);
  assert_int_equal(stage.engine.commands,
                   GCN__COMMAND_START | GCN__COMMAND_CREDENTIALS);
  gcn__checkpointer_note(&stage.client);
  gcn__checkpointer_identify(&stage.client, "id");
  assert_true(gcn__checkpointer_deadline(&stage.client) == GCN__NEVER);
  assert_int_equal(gcn__checkpointer_counters(&stage.client).saves, 0);
  assert_true(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  gcn__checkpointer_abandon(&stage.client);
  case_end(&stage);
}

static void test_it_can_not_be_made(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  stage.config.options.checkpoint_sqlite = "x";
  assert_int_equal(case_open(&stage), UV_ENOSYS);
  assert_null(stage.client.checkpointer);
  case_end(&stage);
  case_begin(&stage);
  stage.config.options.checkpoint_path = "x";
  case_open_well(&stage);
  case_end(&stage);
}

static void test_never_started(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  case_quit(&stage);
  assert_int_equal(stage.shelf.loads + stage.shelf.saves, 0);
  assert_int_equal(stage.shelf.closes, 1);
  case_end(&stage);
}

/* gcn_client_new failed further on: nothing came of the store. */
static void test_never_used(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  gcn__checkpointer_free(&stage.client);
  assert_int_equal(stage.shelf.closes, 0);
  case_end(&stage);
}

static void test_closed_while_loading(void** state) {
  (void)state;
  struct stage stage;
  begin_good(&stage);
  stage.shelf.lazy = true;
  case_command(&stage, GCN__COMMAND_START);
  case_command(&stage, GCN__COMMAND_CLOSE);
  stage.client.closing = true;
  assert_false(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_int_equal(stage.shelf.closes, 0);
  shelf_answer(&stage);
  assert_true(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_int_equal(stage.shelf.saves, 0);
  assert_int_equal(stage.shelf.closes, 1);
  assert_int_equal(stage.engine.commands, GCN__COMMAND_CLOSE);
  assert_int_equal(stage.engine.restores, 0);
  case_end(&stage);
}

static void test_abandoned(void** state) {
  (void)state;
  for (int lazy = 0; lazy < 2; lazy++) {
    struct stage stage;
    begin_good(&stage);
    stage.shelf.lazy = lazy;
    case_command(&stage, GCN__COMMAND_START);
    gcn__checkpointer_abandon(&stage.client);
    assert_null(stage.client.checkpointer);
    assert_int_equal(stage.shelf.closes, 0);
    case_end(&stage);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_first_run),
      cmocka_unit_test(test_a_good_one),
      cmocka_unit_test(test_the_last_one_is_missing),
      cmocka_unit_test(test_the_last_one_is_damaged),
      cmocka_unit_test(test_both_are_damaged),
      cmocka_unit_test(test_not_ours_and_newer),
      cmocka_unit_test(test_of_somebody_else),
      cmocka_unit_test(test_what_makes_an_owner),
      cmocka_unit_test(test_reading_fails),
      cmocka_unit_test(test_a_long_path_is_shown_by_its_end),
      cmocka_unit_test(test_a_later_start_looks_again),
      cmocka_unit_test(test_credentials_wait_for_a_later_start),
      cmocka_unit_test(test_a_start_that_is_taken_back),
      cmocka_unit_test(test_a_lack_of_memory_passes),
      cmocka_unit_test(test_without_a_store),
      cmocka_unit_test(test_it_can_not_be_made),
      cmocka_unit_test(test_never_started),
      cmocka_unit_test(test_never_used),
      cmocka_unit_test(test_closed_while_loading),
      cmocka_unit_test(test_abandoned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
