/* SPDX-License-Identifier: MIT */
/*
 * What a user's store may answer, and what it must not get away with: answers
 * that are none, that come twice, or together with an error.
 */
#include "checkpoint-case.h"

#include "client/store-adapter.h"

static void put_good(struct stage* stage, unsigned generation,
                     const char* position) {
  struct gcn__checkpoint_lane lane = {.position = gcn__span_str(position)};
  memset(lane.topics, 1, sizeof lane.topics);
  struct gcn__checkpoint checkpoint = case_checkpoint(stage, &lane, 1);
  shelf_write(&stage->shelf, generation, &checkpoint);
}

static struct {
  unsigned count;
  int status;
  struct gcn__span bytes;
} answer;

static void on_answer(struct gcn__store_request* request, int status,
                      struct gcn__span bytes) {
  assert_ptr_equal(request->ctx, &answer);
  answer.count++;
  answer.status = status;
  answer.bytes = bytes;
}

static void expect_load(struct gcn__store* store, struct shelf* shelf,
                        int status, const char* bytes, size_t size,
                        int expected) {
  struct gcn__store_request request = {on_answer, &answer};
  assert_int_equal(store->load(store->self, 0, &request), 0);
  gcn_load_t* load = shelf->load;
  shelf->load = NULL;
  answer.count = 0;
  gcn_load_done(load, status, bytes, size);
  assert_int_equal(answer.count, 1);
  assert_int_equal(answer.status, expected);
  if (expected == 0) assert_int_equal(answer.bytes.size, size);
  if (expected == 0) assert_non_null(answer.bytes.data);
  gcn_load_done(load, status, bytes, size); /* a second one means nothing */
  assert_int_equal(answer.count, 1);
}

static void test_a_late_second_answer_of_a_load(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  case_open_well(&stage);
  put_good(&stage, 0, "p7");
  put_good(&stage, 1, "p6");
  stage.shelf.sizes[0] -= 10;
  stage.shelf.lazy = true;
  case_command(&stage, GCN__COMMAND_START);
  gcn_load_t* answered = stage.shelf.load;
  shelf_answer(&stage);
  assert_int_equal(stage.shelf.load_generation, 1);
  gcn_load_done(answered, UV_ENOENT, NULL, 0);
  case_turn(&stage);
  assert_int_equal(stage.engine.unreadable, 0);
  shelf_answer(&stage);
  assert_string_equal(stage.engine.restored[0].position.data, "p6");
  case_quit(&stage);
  case_end(&stage);
}

/* An error means that there is no answer, whatever came before it. */
static void test_an_answer_and_an_error(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  case_open_well(&stage);
  put_good(&stage, 0, "p7");
  put_good(&stage, 1, "p6");
  stage.shelf.afterthought = UV_ENOENT;
  case_start(&stage);
  assert_int_equal(stage.shelf.loads, 2);
  assert_int_equal(stage.engine.restores, 0);
  case_quit(&stage);
  case_end(&stage); /* where nothing may be left */
}

static void test_answers(void** state) {
  (void)state;
  struct stage stage;
  struct gcn__store store;
  case_begin(&stage);
  stage.shelf.lazy = true;
  const struct gcn__mem* mem = &stage.client.mem;
  stage.spy.probe.fail_at = 1;
  assert_int_equal(gcn__store_adapter_new(mem, &stage.config.store, &store),
                   UV_ENOMEM);
  assert_int_equal(gcn__store_adapter_new(mem, &stage.config.store, &store), 0);
  struct shelf* shelf = &stage.shelf;
  expect_load(&store, shelf, 0, "abc", 3, 0);
  expect_load(&store, shelf, 0, "", 0, 0);
  expect_load(&store, shelf, 0, NULL, 0, 0);
  expect_load(&store, shelf, 0, NULL, 1, UV_EINVAL);
  expect_load(&store, shelf, 3, "abc", 3, UV_EINVAL);
  expect_load(&store, shelf, UV_EIO, "abc", 3, UV_EIO);
  expect_load(&store, shelf, 0, "abc", (size_t)GCN__CHECKPOINT_SIZE_MAX + 1,
              UV_EFBIG);
  gcn_load_done(NULL, 0, NULL, 0);
  gcn_save_done(NULL, 0);
  struct gcn__store_request request = {on_answer, &answer};
  shelf->refusal = 5; /* no error number */
  assert_int_equal(store.load(store.self, 0, &request), UV_EINVAL);
  shelf->refusal = UV_EIO;
  assert_int_equal(store.load(store.self, 0, &request), UV_EIO);
  store.close(store.self, free, NULL);
  assert_int_equal(shelf->closes, 1);
  case_end(&stage);
}

/* A user's store that answers a save again when the next one is under way. */
static void test_a_late_second_answer(void** state) {
  (void)state;
  struct stage stage;
  case_begin(&stage);
  case_open_well(&stage);
  case_start(&stage);
  stage.shelf.lazy = true;
  uint64_t first = case_give(&stage, 0, 1);
  case_ack(&stage, first);
  case_pass(&stage, 20);
  gcn_save_t* answered = stage.shelf.save;
  shelf_answer(&stage);
  assert_int_equal(stage.durable, first);
  uint64_t second = case_give(&stage, 0, 2);
  case_ack(&stage, second);
  case_pass(&stage, 20);
  assert_int_equal(stage.shelf.saves, 2);
  gcn_save_done(answered, 0);
  case_turn(&stage);
  assert_int_equal(stage.durable, first); /* the second is not on any disk */
  assert_int_equal(stage.delivery.ack_count, 1);
  gcn_save_done(answered, UV_EIO);
  case_turn(&stage);
  assert_int_equal(stage.told, 0);
  shelf_answer(&stage);
  assert_int_equal(stage.durable, second);
  case_quit(&stage);
  case_end(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers),
      cmocka_unit_test(test_a_late_second_answer_of_a_load),
      cmocka_unit_test(test_a_late_second_answer),
      cmocka_unit_test(test_an_answer_and_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
