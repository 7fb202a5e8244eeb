/* SPDX-License-Identifier: MIT */
/*
 * What a checkpoint holds, when it is saved, and what is told of it.
 */
#include "checkpoint-case.h"

#include "base/err.h"

static const char secret_id[] = "channel-0c5ad2e1";
static const char secret_uri[] =
    "wss://streaming.example.test/channels/channel-0c5ad2e1";

static void begin(struct stage* stage, bool lazy) {
  case_begin(stage);
  stage->spy.secret = secret_id;
  case_open_well(stage);
  case_start(stage);
  stage->engine.state = GCN__STATE_STREAMING;
  stage->engine.sessions[0].state = GCN__STATE_STREAMING;
  stage->engine.standings[0].good_ms = stage->now_ms;
  case_pass(stage, 20); /* the first stream is worth a save */
  case_turn(stage);
  assert_int_equal(stage->shelf.saves, 1);
  stage->shelf.saves = 0;
  case_wall_ms = CASE_WALL_MS;
  stage->shelf.lazy = lazy;
}

static void end(struct stage* stage) {
  case_quit(stage);
  case_end(stage);
}

static void have_channel(struct stage* stage, const char* id) {
  struct gcn__standing* standing = &stage->engine.standings[0];
  standing->channel_id = gcn__span_str(id);
  standing->connect_uri = gcn__span_str(id == NULL ? NULL : secret_uri);
  standing->channel_left_ms = id == NULL ? 0 : 3600000;
}

/* The stream is known to be good up to now. */
static void prove(struct stage* stage) {
  stage->engine.standings[0].good_ms = stage->now_ms;
}

static const struct gcn__save* save_of(const struct stage* stage) {
  return &stage->client.checkpointer->save;
}

/* --- what is in it -------------------------------------------------------- */

static void test_what_is_in_it(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  have_channel(&stage, secret_id);
  stage.engine.standings[1].used = true;
  memset(stage.engine.topics[1], 9, GCN__ENGINE_SALT_SIZE);
  uint64_t first = case_give(&stage, 0, 100);
  case_mark(&stage, 0, "p1");
  uint64_t second = case_give(&stage, 0, 200);
  uint64_t third = case_give(&stage, 0, 300);
  case_ack(&stage, third);
  case_ack(&stage, first);
  case_pass(&stage, 20);
  assert_int_equal(stage.shelf.saves, 1);
  assert_int_equal(stage.shelf.sequence_count, 2);
  assert_int_equal(stage.shelf.sequences[0], third);
  assert_int_equal(stage.shelf.sequences[1], first);
  struct gcn__checkpoint_read* read = shelf_read(&stage.shelf, 0);
  const struct gcn__checkpoint* checkpoint = &read->checkpoint;
  assert_int_equal(checkpoint->serial, 2);
  assert_false(checkpoint->clean);
  assert_true(checkpoint->saved_unix_ms == CASE_WALL_MS + 20);
  assert_memory_equal(checkpoint->owner, stage.client.checkpointer->owner,
                      sizeof checkpoint->owner);
  assert_memory_equal(checkpoint->salt, stage.engine.salt,
                      sizeof checkpoint->salt);
  assert_int_equal(checkpoint->lane_count, 2);
  const struct gcn__checkpoint_lane* lane = &checkpoint->lanes[0];
  assert_int_equal(lane->lane, 0);
  assert_int_equal(lane->topics[5], 1);
  assert_true(gcn__span_is(lane->position, "p1"));
  assert_int_equal(lane->handled_count, 1);
  assert_int_equal(lane->handled[0].words[0], 300);
  assert_true(gcn__span_is(lane->channel_id, secret_id));
  assert_true(gcn__span_is(lane->connect_uri, secret_uri));
  assert_true(lane->channel_until_unix_ms == CASE_WALL_MS + 20 + 3600000);
  assert_memory_equal(lane->identity, stage.client.checkpointer->identity,
                      sizeof lane->identity);
  lane = &checkpoint->lanes[1];
  assert_int_equal(lane->lane, 1);
  assert_int_equal(lane->topics[5], 9);
  assert_null(lane->position.data);
  assert_null(lane->channel_id.data);
  gcn__checkpoint_free(read);
  case_ack(&stage, second);
  end(&stage);
}

/* Without positions: good is what is handled. */
static int64_t good_of(struct stage* stage) {
  struct gcn__checkpoint_read* read = shelf_read(&stage->shelf, 0);
  int64_t good_unix_ms = read->checkpoint.lanes[0].good_unix_ms;
  gcn__checkpoint_free(read);
  return good_unix_ms - CASE_WALL_MS;
}

static void save_at(struct stage* stage, int64_t at_ms) {
  unsigned saves = stage->shelf.saves;
  case_pass(stage, (uint64_t)(CASE_WALL_MS + at_ms - case_wall_ms) - 20);
  prove(stage);
  gcn__checkpointer_note(&stage->client);
  case_pass(stage, 20);
  assert_true(stage->shelf.saves > saves);
}

static void test_good_until_all_is_handled(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  save_at(&stage, 1000);
  assert_int_equal(good_of(&stage), 980); /* nothing in hand */
  uint64_t first = case_give(&stage, 0, 1);
  save_at(&stage, 2000);
  assert_int_equal(good_of(&stage), 980);
  uint64_t second = case_give(&stage, 0, 2);
  save_at(&stage, 3000);
  assert_int_equal(good_of(&stage), 980);
  case_ack(&stage, first); /* all that there was at 1000 */
  save_at(&stage, 4000);
  int64_t good_ms = good_of(&stage);
  assert_true(good_ms >= 980 && good_ms < 2000);
  uint64_t third = case_give(&stage, 0, 3);
  save_at(&stage, 5000);
  case_ack(&stage, second);
  save_at(&stage, 6000);
  good_ms = good_of(&stage);
  assert_true(good_ms >= 1980 && good_ms < 5000);
  case_ack(&stage, third);
  stage.delivery.waiting = 1; /* without a number yet */
  save_at(&stage, 7000);
  assert_true(good_of(&stage) < 6980);
  stage.delivery.waiting = 0;
  save_at(&stage, 8000);
  assert_int_equal(good_of(&stage), 7980);
  end(&stage);
}

/* What waits has no number yet, and is not handled either. */
static void test_good_while_events_wait(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  uint64_t first = case_give(&stage, 0, 1);
  save_at(&stage, 1000);
  case_ack(&stage, first);
  stage.delivery.waiting = 1;
  save_at(&stage, 2000);
  assert_int_equal(good_of(&stage), 980);
  stage.delivery.waiting = 0;
  uint64_t second = case_give(&stage, 0, 2);
  save_at(&stage, 3000);
  assert_int_equal(good_of(&stage), 980);
  case_ack(&stage, second);
  save_at(&stage, 4000);
  assert_int_equal(good_of(&stage), 3980);
  end(&stage);
}

/* What the last run left untold stays so until this one streams. */
static void test_good_before_the_first_stream(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  case_open_well(&stage);
  struct gcn__checkpoint_lane lane = {.good_unix_ms = CASE_WALL_MS - 9000};
  memset(lane.topics, 1, sizeof lane.topics);
  struct gcn__checkpoint checkpoint = case_checkpoint(&stage, &lane, 1);
  shelf_write(&stage.shelf, 0, &checkpoint);
  case_start(&stage);
  prove(&stage);
  save_at(&stage, 1000);
  assert_int_equal(good_of(&stage), -9000);
  stage.engine.sessions[0].state = GCN__STATE_STREAMING;
  save_at(&stage, 2000);
  assert_int_equal(good_of(&stage), 1980);
  /* And when it has ended. */
  stage.engine.sessions[0].state = GCN__STATE_BACKING_OFF;
  uint64_t lost_ms = stage.engine.standings[0].good_ms;
  case_pass(&stage, 5000);
  stage.engine.standings[0].good_ms = lost_ms;
  gcn__checkpointer_note(&stage.client);
  case_pass(&stage, 20);
  assert_int_equal(good_of(&stage), 1980);
  end(&stage);
}

/* --- when ----------------------------------------------------------------- */

static void test_no_more_often_than_asked(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  assert_true(gcn__checkpointer_deadline(&stage.client) ==
              stage.now_ms + 60000);
  case_turn(&stage);
  case_ack(&stage, case_give(&stage, 0, 1));
  assert_true(gcn__checkpointer_deadline(&stage.client) == stage.now_ms + 20);
  case_pass(&stage, 19);
  assert_int_equal(stage.shelf.saves, 0);
  case_pass(&stage, 1);
  assert_int_equal(stage.shelf.saves, 1);
  for (int i = 0; i < 100; i++) {
    case_ack(&stage, case_give(&stage, 0, 2));
    case_pass(&stage, 1);
    if (stage.delivery.ack_count >= 60) break;
  }
  assert_in_range(stage.shelf.saves, 3, 6);
  case_pass(&stage, 20);
  case_pass(&stage, 20);
  unsigned saves = stage.shelf.saves;
  case_pass(&stage, 20);
  case_pass(&stage, 1000);
  assert_int_equal(stage.shelf.saves, saves); /* nothing has changed */
  end(&stage);
}

/* A snapshot is taken on the loop's thread. */
static void test_saves_rest_by_what_they_cost(void** state) {
  (void)state;
  static const struct {
    uint64_t cost_ns;
    uint64_t due_ms; /* after a save that was begun 15 ms ago and ends now */
  } cases[] = {{0, 5},      {400000, 5},   {499999, 5},
               {600000, 6}, {5000000, 50}, {UINT64_C(3600000000000), 2000}};
  struct stage stage;
  begin(&stage, true);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    case_cost_ns = cases[i].cost_ns;
    case_ack(&stage, case_give(&stage, 0, i + 1));
    case_pass(&stage, 20);
    assert_int_equal(stage.shelf.saves, i + 1);
    case_ack(&stage, case_give(&stage, 0, i + 100));
    case_pass(&stage, 15);
    shelf_answer(&stage);
    uint64_t due_ms = stage.now_ms + cases[i].due_ms;
    assert_true(gcn__checkpointer_deadline(&stage.client) == due_ms);
    case_pass(&stage, cases[i].due_ms - 1);
    assert_int_equal(stage.shelf.saves, i + 1);
    stage.shelf.saves--;
    case_cost_ns = 0;
    case_pass(&stage, 1);
    shelf_answer(&stage);
    assert_int_equal(stage.shelf.saves, i + 1);
  }
  end(&stage);
}

/* It takes long. */
static void test_topics_are_digested_when_they_change(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  unsigned digests = case_digest_count;
  case_mark(&stage, 0, "p1");
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, 1);
  assert_int_equal(case_digest_count, digests);
  stage.engine.topics[0][0] = 77;
  stage.engine.standings[1].used = true; /* and one more connection */
  stage.engine.topics[1][0] = 78;
  case_command(&stage, GCN__COMMAND_TOPICS);
  case_pass(&stage, 20);
  assert_int_equal(case_digest_count, digests + 2);
  struct gcn__checkpoint_read* read = shelf_read(&stage.shelf, 0);
  assert_int_equal(read->checkpoint.lanes[0].topics[0], 77);
  assert_int_equal(read->checkpoint.lanes[1].topics[0], 78);
  gcn__checkpoint_free(read);
  end(&stage);
}

static void test_a_sign_of_life(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  case_pass(&stage, 59999);
  assert_int_equal(stage.shelf.saves, 0);
  prove(&stage);
  case_pass(&stage, 1);
  assert_int_equal(stage.shelf.saves, 1);
  case_turn(&stage);
  assert_int_equal(good_of(&stage), 59999);
  stage.engine.state = GCN__STATE_BACKING_OFF;
  assert_true(gcn__checkpointer_deadline(&stage.client) == GCN__NEVER);
  case_pass(&stage, 300000);
  assert_int_equal(stage.shelf.saves, 1);
  end(&stage);
}

static void test_changes_that_are_noticed(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  case_pass(&stage, 20);
  case_turn(&stage);
  unsigned saves = stage.shelf.saves;
  have_channel(&stage, secret_id);
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, ++saves);
  have_channel(&stage, NULL);
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, ++saves);
  case_command(&stage, GCN__COMMAND_TOPICS);
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, ++saves);
  case_mark(&stage, 0, "p1");
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, ++saves);
  case_pass(&stage, 20);
  assert_int_equal(stage.shelf.saves, saves);
  end(&stage);
}

/* --- durable -------------------------------------------------------------- */

static void test_durable_is_what_the_snapshot_held(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true);
  uint64_t first = case_give(&stage, 0, 1);
  uint64_t second = case_give(&stage, 0, 2);
  uint64_t third = case_give(&stage, 0, 3);
  case_ack(&stage, first);
  case_ack(&stage, third);
  case_pass(&stage, 20);
  assert_int_equal(stage.shelf.saves, 1);
  case_ack(&stage, second); /* too late for this one */
  case_pass(&stage, 100);
  assert_int_equal(stage.shelf.saves, 1); /* one at a time */
  assert_int_equal(stage.durables, 0);
  shelf_answer(&stage);
  assert_int_equal(stage.durables, 1);
  assert_int_equal(stage.durable, first);
  assert_int_equal(stage.shelf.saves, 2); /* it was due */
  assert_int_equal(stage.shelf.sequence_count, 1);
  assert_int_equal(stage.shelf.sequences[0], second);
  shelf_answer(&stage);
  assert_int_equal(stage.durable, third);
  assert_int_equal(stage.delivery.ack_count, 0);
  assert_true(stage.delivery.flushes > 0);
  const struct gcn__checkpoint_counters counters =
      gcn__checkpointer_counters(&stage.client);
  assert_int_equal(counters.saves, 3);
  assert_int_equal(counters.saves_failed, 0);
  assert_true(counters.saved_ms == stage.now_ms);
  end(&stage);
}

static void test_failing_saves(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  stage.shelf.save_error = UV_ENOSPC;
  uint64_t first = case_give(&stage, 0, 1);
  case_ack(&stage, first);
  case_pass(&stage, 20);
  case_turn(&stage);
  static const unsigned delays_ms[] = {100,  200,  400,  800,
                                       1600, 3200, 5000, 5000};
  for (unsigned i = 0; i < sizeof delays_ms / sizeof delays_ms[0]; i++) {
    assert_int_equal(stage.shelf.saves, i + 1);
    assert_true(gcn__checkpointer_deadline(&stage.client) ==
                stage.now_ms + delays_ms[i]);
    case_ack(&stage, case_give(&stage, 0, 2)); /* it does not hurry */
    case_pass(&stage, delays_ms[i] - 1);
    assert_int_equal(stage.shelf.saves, i + 1);
    if (i == 4) stage.shelf.refusal = UV_EIO; /* at once */
    if (i == 6) stage.shelf.refusal = 0;
    case_pass(&stage, 1);
    case_turn(&stage);
  }
  assert_int_equal(stage.told, 1);
  assert_int_equal(stage.told_error, UV_ENOSPC);
  assert_string_equal(stage.told_text,
                      "saving the checkpoint: no space left on device");
  assert_non_null(strstr(stage.log, "0 event=checkpoint-failed"));
  assert_int_equal(stage.durables, 0);
  assert_int_equal(stage.delivery.ack_count, 9);
  stage.shelf.save_error = 0;
  case_pass(&stage, 5000);
  case_turn(&stage);
  assert_int_equal(stage.shelf.sequence_count, 9); /* all of them */
  assert_int_equal(stage.durable, first + 8);
  assert_int_equal(stage.delivery.ack_count, 0);
  assert_int_equal(gcn__checkpointer_counters(&stage.client).saves_failed, 9);
  assert_non_null(strstr(stage.log, "saving works again"));
  /* The next run of failures is told again, and begins with little. */
  stage.shelf.save_error = UV_EIO;
  case_mark(&stage, 0, "p2");
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.told, 2);
  assert_true(gcn__checkpointer_deadline(&stage.client) == stage.now_ms + 100);
  stage.shelf.save_error = 0;
  end(&stage);
}

/* Nothing but the topics has changed, and that save fails. */
static void test_a_change_is_not_forgotten(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, false);
  stage.shelf.save_error = UV_EIO;
  case_command(&stage, GCN__COMMAND_TOPICS);
  case_pass(&stage, 20);
  case_turn(&stage);
  assert_int_equal(stage.shelf.saves, 1);
  case_pass(&stage, 100);
  assert_int_equal(stage.shelf.saves, 2);
  case_turn(&stage);
  stage.shelf.save_error = 0;
  end(&stage);
}

static void test_closing_in_a_callback(void** state) {
  (void)state;
  for (int fails = 0; fails < 2; fails++) {
    struct stage stage;
    begin(&stage, false);
    stage.closes = true;
    stage.shelf.save_error = fails ? UV_EIO : 0;
    case_ack(&stage, case_give(&stage, 0, 1));
    case_pass(&stage, 20);
    case_turn(&stage);
    assert_true(stage.client.closing);
    assert_int_equal(stage.told, fails);
    assert_int_equal(stage.durables, 1 - fails);
    stage.shelf.save_error = 0;
    end(&stage);
    assert_int_equal(stage.shelf.saves, 2);
  }
}

/* --- the end -------------------------------------------------------------- */

static void test_the_last_save(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true);
  have_channel(&stage, secret_id);
  uint64_t first = case_give(&stage, 0, 1);
  case_ack(&stage, first);
  case_pass(&stage, 20);
  case_ack(&stage, case_give(&stage, 0, 2));
  stage.client.closing = true;
  /* The save under way, ... */
  assert_false(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_int_equal(stage.shelf.saves, 1);
  shelf_answer(&stage);
  assert_int_equal(stage.shelf.saves, 1);
  /* ... the last one, ... */
  assert_false(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_int_equal(stage.shelf.saves, 2);
  assert_int_equal(stage.shelf.closes, 0);
  assert_false(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  shelf_answer(&stage);
  /* ... and the end. */
  assert_true(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_true(gcn__checkpointer_quit(&stage.client, stage.now_ms));
  assert_int_equal(stage.shelf.saves, 2);
  assert_int_equal(stage.shelf.closes, 1);
  assert_int_equal(stage.durables, 0); /* the user has left */
  struct gcn__checkpoint_read* read = shelf_read(&stage.shelf, 0);
  assert_true(read->checkpoint.clean);
  assert_int_equal(read->checkpoint.serial, 3);
  assert_int_equal(read->checkpoint.lanes[0].handled_count, 2);
  assert_true(gcn__span_is(read->checkpoint.lanes[0].channel_id, secret_id));
  gcn__checkpoint_free(read);
  case_end(&stage);
}

static void test_the_last_save_fails(void** state) {
  (void)state;
  for (int at_once = 0; at_once < 2; at_once++) {
    struct stage stage;
    begin(&stage, false);
    *(at_once ? &stage.shelf.refusal : &stage.shelf.save_error) = UV_EIO;
    end(&stage);
    assert_int_equal(stage.shelf.saves, 1);
    assert_int_equal(stage.shelf.closes, 1);
  }
}

/* --- memory --------------------------------------------------------------- */

/* One life: a load, events, saves, a close.  Each allocation may fail; what is
 * durable in the end was stored. */
static bool live(size_t fail_at, int fail_on) {
  struct stage stage;
  case_begin(&stage);
  struct mem_probe* probe = &stage.spy.probe;
  stage.spy.secret = secret_id;
  probe->fail_at = fail_at;
  probe->fail_on = fail_on;
  int error = case_open(&stage);
  if (error != 0) {
    assert_int_equal(error, UV_ENOMEM);
    case_end(&stage);
    return true;
  }
  struct gcn__checkpoint_lane lane = {.position = GCN__SPAN("p0")};
  memset(lane.topics, 1, sizeof lane.topics);
  struct gcn__checkpoint checkpoint = case_checkpoint(&stage, &lane, 1);
  shelf_write(&stage.shelf, 0, &checkpoint);
  have_channel(&stage, secret_id);
  case_command(&stage, GCN__COMMAND_START);
  case_pass(&stage, 1000);
  if (probe->fail_on) probe->fail_at = 0;
  case_pass(&stage, 1000);
  assert_true(stage.engine.commands & GCN__COMMAND_START);
  assert_int_equal(stage.engine.unreadable, 0);
  probe->fail_at = fail_at;
  for (int i = 0; i < 40; i++) {
    case_ack(&stage, case_give(&stage, 0, (uint64_t)i + 1));
    if (i % 10 == 9) case_pass(&stage, 20);
  }
  probe->fail_at = probe->fail_on ? 0 : fail_at;
  case_pass(&stage, 6000);
  case_turn(&stage);
  assert_int_equal(stage.durable, 40);
  bool reached = probe->count >= fail_at;
  case_quit(&stage);
  struct gcn__checkpoint_read* read = shelf_read(&stage.shelf, 0);
  assert_int_equal(read->checkpoint.lanes[0].handled_count, 40);
  gcn__checkpoint_free(read);
  case_end(&stage);
  return reached;
}

static void test_failing_memory(void** state) {
  (void)state;
  for (int fail_on = 0; fail_on < 2; fail_on++) {
    size_t n = 1;
    while (live(n, fail_on))
      n++;
    assert_true(n > 8);
  }
}

static void test_memory_is_kept_and_wiped(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true);
  have_channel(&stage, secret_id);
  case_pass(&stage, 20);
  const struct gcn__save* save = save_of(&stage);
  const char* text = save->text.data;
  size_t size = gcn__buf_size(&save->text);
  assert_true(size > 100);
  shelf_answer(&stage);
  assert_ptr_equal(save->text.data, text);
  for (size_t i = 0; i + sizeof secret_id <= size; i++)
    assert_memory_not_equal(text + i, secret_id, sizeof secret_id - 1);
  size_t count = stage.spy.probe.count;
  case_mark(&stage, 0, "p1");
  case_pass(&stage, 20);
  shelf_answer(&stage);
  assert_int_equal(stage.spy.probe.count, count);
  assert_null(strstr(stage.log, secret_id));
  end(&stage); /* where the freed blocks are searched */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_in_it),
      cmocka_unit_test(test_good_until_all_is_handled),
      cmocka_unit_test(test_good_while_events_wait),
      cmocka_unit_test(test_good_before_the_first_stream),
      cmocka_unit_test(test_no_more_often_than_asked),
      cmocka_unit_test(test_saves_rest_by_what_they_cost),
      cmocka_unit_test(test_topics_are_digested_when_they_change),
      cmocka_unit_test(test_a_sign_of_life),
      cmocka_unit_test(test_changes_that_are_noticed),
      cmocka_unit_test(test_durable_is_what_the_snapshot_held),
      cmocka_unit_test(test_failing_saves),
      cmocka_unit_test(test_a_change_is_not_forgotten),
      cmocka_unit_test(test_closing_in_a_callback),
      cmocka_unit_test(test_the_last_save),
      cmocka_unit_test(test_the_last_save_fails),
      cmocka_unit_test(test_failing_memory),
      cmocka_unit_test(test_memory_is_kept_and_wiped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
