/* SPDX-License-Identifier: MIT */
/*
 * Saves while events come: what is durable and when, failures, the user's own
 * store, the last save, a fork, and short memory.
 */
#include "run.h"

#include "unit/mem-probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- saves ---------------------------------------------------------------- */

static void ack_backwards(struct user* user, enum user_moment moment) {
  if (moment != USER_EVENT || user->last_sequence != 5) return;
  for (uint64_t i = 5; i > 1; i--)
    assert_int_equal(gcn_client_ack(user->client, i), 0);
  assert_int_equal(gcn_client_ack(user->client, 5), UV_ENOENT);
}

static void test_durable_waits_for_all_before(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.ack = GCN_ACK_MANUAL;
  run.user.act = ack_backwards;
  run_stream(&run, &service);
  service_emit_many(&service, 5);
  service_await_events(&run.user, 5);
  service_live(&service, 30);
  assert_false(run.any_durable);
  gcn_stats_t stats = service_stats(&run.user);
  for (int i = 0; i < 500 && stats.acked < 4; i++) { /* a slow disk */
    service_live(&service, 20);
    stats = service_stats(&run.user);
  }
  assert_int_equal(stats.in_flight, 1);
  assert_int_equal(stats.acked, 4);
  assert_true(stats.saves > 0);
  assert_int_equal(stats.saves_failed, 0);
  assert_int_equal(gcn_client_ack(run.user.client, 1), 0);
  assert_false(run.any_durable); /* not before it is on disk */
  run_await_durable(&run, 5);
  struct gcn__checkpoint_read* read = run_read();
  assert_int_equal(read->checkpoint.lanes[0].handled_count, 5);
  gcn__checkpoint_free(read);
  user_finish(&run.user);
  service_close(&service);
}

/* The directory goes and comes back; the stream does not mind. */
static void test_saves_that_fail(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  char folders[2][96];
  char name[112];
  snprintf(folders[0], sizeof folders[0], "%s/deep", run_folder);
  snprintf(folders[1], sizeof folders[1], "%s/away", run_folder);
  snprintf(name, sizeof name, "%s/position", folders[0]);
  assert_int_equal(mkdir(folders[0], 0700), 0);
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.checkpoint_path = name;
  run_stream(&run, &service);
  service_emit_many(&service, 1);
  run_await_durable(&run, 1);
  assert_int_equal(rename(folders[0], folders[1]), 0);
  service_emit_many(&service, 2);
  while (service_stats(&run.user).saves_failed < 2)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(run.told, 1);
  assert_int_equal(run.error, UV_ENOENT);
  assert_int_equal(run.user.state, GCN_STREAMING);
  assert_int_equal(run.user.counts[USER_EVENT], 3);
  assert_int_equal(run.durable, 1);
  assert_int_equal(service_stats(&run.user).acked, 1);
  assert_int_equal(rename(folders[1], folders[0]), 0);
  run_await_durable(&run, 3);
  assert_int_equal(service_stats(&run.user).acked, 3);
  user_finish(&run.user);
  assert_int_equal(run.told, 1);
  unlink(name);
  strcat(name, ".1");
  unlink(name);
  assert_int_equal(rmdir(folders[0]), 0);
  service_close(&service);
}

/* --- the user's own store ------------------------------------------------- */

/* Answers loads at once, and saves when told. */
struct shelf {
  gcn_save_t* save;
  unsigned saves;
  unsigned closes;
  bool lazy;
};

static int shelf_load(void* data, unsigned generation, gcn_load_t* request) {
  (void)data;
  (void)generation;
  gcn_load_done(request, UV_ENOENT, NULL, 0);
  return 0;
}

static int shelf_save(void* data, const void* bytes, size_t size,
                      const uint64_t* sequences, size_t count,
                      gcn_save_t* request) {
  struct shelf* shelf = data;
  assert_null(shelf->save);
  assert_non_null(bytes);
  assert_true(size > 0);
  assert_true(sequences != NULL || count == 0);
  shelf->saves++;
  shelf->save = request;
  if (!shelf->lazy) {
    shelf->save = NULL;
    gcn_save_done(request, 0);
  }
  return 0;
}

static void shelf_close(void* data) {
  struct shelf* shelf = data;
  shelf->closes++;
}

static gcn_store_t store_of(struct shelf* shelf) {
  return (gcn_store_t){.size = sizeof(gcn_store_t),
                       .data = shelf,
                       .load = shelf_load,
                       .save = shelf_save,
                       .close = shelf_close};
}

static void answer(struct shelf* shelf) {
  gcn_save_t* save = shelf->save;
  shelf->save = NULL;
  gcn_save_done(save, 0);
}

static void test_close_waits_for_the_last_save(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct shelf shelf = {.lazy = true};
  const gcn_store_t store = store_of(&shelf);
  struct run run;
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.checkpoint_path = NULL;
  run.options.store = &store;
  run_stream(&run, &service);
  while (shelf.save == NULL)
    uv_run(loop, UV_RUN_ONCE);
  user_close(&run.user);
  service_live(&service, 50);
  assert_false(run.user.closed); /* one is under way, ... */
  assert_int_equal(shelf.saves, 1);
  answer(&shelf);
  while (shelf.save == NULL)
    uv_run(loop, UV_RUN_ONCE);
  service_live(&service, 20);
  assert_false(run.user.closed); /* ... and then comes the last one */
  assert_int_equal(shelf.closes, 0);
  answer(&shelf);
  user_finish(&run.user);
  assert_int_equal(shelf.saves, 2);
  assert_int_equal(shelf.closes, 1);
  service_close(&service);
}

/* In each life one allocation fails: an error of gcn_client_new, or a failed
 * attempt, and then a stream and a clean end. */
static bool live(struct service* service, bool in_file, size_t fail_at) {
  struct mem_probe probe = {.fail_at = fail_at};
  struct shelf shelf = {.lazy = false};
  const gcn_store_t store = store_of(&shelf);
  struct run run;
  unlink(run_path);
  unlink(run_before_path);
  run_prepare(&run, service);
  run.options.alloc_cb = mem_probe_resize;
  run.options.alloc_data = &probe;
  run.options.checkpoint_path = in_file ? run_path : NULL;
  run.options.store = in_file ? NULL : &store;
  int error = gcn_client_new(&run.user.client, service->loop, &run.options);
  run.user.loop = service->loop;
  if (error == 0) {
    const char* const topics[] = {topic_text};
    error = gcn_client_subscribe(run.user.client, topics, 1);
    if (error != 0) {
      error = gcn_client_subscribe(run.user.client, topics, 1);
    }
    assert_int_equal(error, 0);
    assert_int_equal(gcn_client_start(run.user.client), 0);
    harness_until(service->loop, &run.user.streaming);
    /* The stream may break once more, and what is on its way is lost. */
    while (run.durable < 2) {
      service_emit_many(service, 1);
      service_live(service, 2);
    }
    user_finish(&run.user);
    assert_true(in_file || shelf.saves > 0);
  } else {
    assert_int_equal(error, UV_ENOMEM);
    assert_int_equal(shelf.closes, 0);
  }
  uv_run(service->loop, UV_RUN_NOWAIT);
  assert_int_equal(probe.live_size, 0);
  return probe.count >= fail_at;
}

static void test_failing_memory(void** state) {
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  options.sim.rest_per_min_max = GCN__NEVER; /* there are many lives */
  service_open(&service, *state, &options);
  for (int in_file = 0; in_file < 2; in_file++) {
    size_t n = 1;
    while (live(&service, in_file, n))
      n++;
    assert_true(n > 50);
  }
  service_close(&service);
}

/* While a save is under way, which only the parent will see the end of. */
static void test_fork(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct mem_probe probe = {.fail_at = 0};
  struct shelf shelf = {.lazy = true};
  const gcn_store_t store = store_of(&shelf);
  struct run run;
  service_open_plain(&service, loop);
  run_prepare(&run, &service);
  run.options.alloc_cb = mem_probe_resize;
  run.options.alloc_data = &probe;
  run.options.checkpoint_path = NULL;
  run.options.store = &store;
  run_stream(&run, &service);
  while (shelf.save == NULL)
    uv_run(loop, UV_RUN_ONCE);
  pid_t child = fork();
  if (child == 0) {
    bool well = gcn_client_abandon(run.user.client) == 0 &&
                probe.live_size == 0 && shelf.closes == 0;
    _exit(well ? 0 : 1);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  service_emit_many(&service, 1);
  service_await_events(&run.user, 1);
  shelf.lazy = false;
  answer(&shelf);
  run_await_durable(&run, 1);
  user_finish(&run.user);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RUN_TEST(test_durable_waits_for_all_before),
      RUN_TEST(test_saves_that_fail),
      LOOP_TEST(test_close_waits_for_the_last_save),
      RUN_TEST(test_failing_memory),
      LOOP_TEST(test_fork),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
