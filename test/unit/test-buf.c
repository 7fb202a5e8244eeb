/* SPDX-License-Identifier: MIT */
/*
 * The byte queue: order, limits at n and n + 1, what an error leaves behind,
 * and that a secret buffer never leaves a copy.
 */
#include "base/buf.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "mem-spy.h"

enum { LIMIT = 1000, ROUND_COUNT = 20000, MODEL_SIZE = LIMIT };

static void assert_holds(const struct gcn__buf* buf, const char* text) {
  struct gcn__span span = gcn__buf_span(buf);
  assert_int_equal(span.size, strlen(text));
  assert_memory_equal(span.data, text, span.size);
}

static void zero_buffer_is_legal_to_deinit(void** state) {
  (void)state;
  struct gcn__buf buf = {0};
  gcn__buf_deinit(&buf);
  gcn__buf_deinit(&buf);
  assert_int_equal(gcn__buf_size(&buf), 0);
  assert_non_null(gcn__buf_span(&buf).data);
}

static void appends_behind_and_consumes_in_front(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__buf buf;
  gcn__buf_init(&buf, &mem, LIMIT);
  assert_int_equal(gcn__buf_append_str(&buf, "hello "), 0);
  assert_int_equal(gcn__buf_printf(&buf, "%s %d", "world", 42), 0);
  assert_holds(&buf, "hello world 42");
  gcn__buf_consume(&buf, 6);
  assert_holds(&buf, "world 42");
  gcn__buf_clear(&buf);
  assert_holds(&buf, "");
  assert_true(spy.probe.live_size > 0); /* a clear keeps the memory */
  gcn__buf_deinit(&buf);
  assert_int_equal(spy.probe.live_size, 0);
}

static void limit_is_exact(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  static const char zeros[LIMIT + 1];
  for (size_t held = 0; held <= LIMIT; held += 250) {
    struct gcn__buf buf;
    gcn__buf_init(&buf, &mem, LIMIT);
    assert_int_equal(gcn__buf_append(&buf, zeros, held), 0);
    assert_int_equal(gcn__buf_append(&buf, zeros, LIMIT + 1 - held),
                     GCN_ELIMIT);
    assert_null(gcn__buf_reserve(&buf, LIMIT + 1 - held));
    assert_null(gcn__buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(gcn__buf_size(&buf), held);
    assert_int_equal(gcn__buf_append(&buf, zeros, LIMIT - held), 0);
    assert_int_equal(gcn__buf_size(&buf), LIMIT);
    gcn__buf_deinit(&buf);
  }
  assert_int_equal(spy.probe.live_size, 0);
}

static void printf_reaches_the_limit_too(void** state) {
  (void)state;
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, 10);
  assert_int_equal(gcn__buf_printf(&buf, "%s", "0123456789x"), GCN_ELIMIT);
  assert_holds(&buf, "");
  assert_int_equal(gcn__buf_printf(&buf, "%s", "0123456789"), 0);
  assert_holds(&buf, "0123456789");
  assert_int_equal(gcn__buf_printf(&buf, "%s", ""), 0);
  gcn__buf_deinit(&buf);
}

static void memory_stays_near_the_limit(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__buf buf;
  gcn__buf_init(&buf, &mem, LIMIT);
  for (size_t i = 0; i < LIMIT; i++) {
    assert_int_equal(gcn__buf_append(&buf, "x", 1), 0);
  }
  assert_true(buf.capacity <= LIMIT);
  assert_int_equal(gcn__buf_printf(&buf, "y"), GCN_ELIMIT);
  assert_true(buf.capacity <= LIMIT + 1);
  gcn__buf_deinit(&buf);
  assert_true(spy.probe.count <= 5); /* by doubling, not by steps */
}

static void reserve_and_commit_may_differ(void** state) {
  (void)state;
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, LIMIT);
  char* to = gcn__buf_reserve(&buf, 100);
  assert_non_null(to);
  memcpy(to, "abc", 3);
  gcn__buf_commit(&buf, 3);
  assert_holds(&buf, "abc");
  assert_non_null(gcn__buf_reserve(&buf, 0));
  assert_holds(&buf, "abc");
  gcn__buf_deinit(&buf);
}

static void shrink_gives_back_what_is_above(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__buf buf;
  static const char zeros[LIMIT];
  gcn__buf_init(&buf, &mem, LIMIT);
  assert_int_equal(gcn__buf_append(&buf, zeros, LIMIT), 0);
  gcn__buf_shrink(&buf, buf.capacity);
  assert_true(spy.probe.live_size >= LIMIT);
  assert_holds(&buf, "");
  gcn__buf_shrink(&buf, buf.capacity - 1);
  assert_int_equal(spy.probe.live_size, 0);
  assert_int_equal(gcn__buf_append_str(&buf, "again"), 0);
  assert_holds(&buf, "again");
  gcn__buf_deinit(&buf);
}

static void failed_allocation_changes_nothing(void** state) {
  (void)state;
  struct mem_spy spy = {0};
  struct gcn__mem mem = mem_spy_mem(&spy);
  static const char zeros[LIMIT];
  struct gcn__buf buf;
  gcn__buf_init(&buf, &mem, LIMIT);
  spy.probe.fail_at = 1;
  assert_int_equal(gcn__buf_append_str(&buf, "abc"), GCN__ENOMEM);
  assert_holds(&buf, "");
  assert_int_equal(gcn__buf_append_str(&buf, "abc"), 0);
  spy.probe.fail_at = 3;
  assert_int_equal(gcn__buf_append(&buf, zeros, LIMIT - 3), GCN__ENOMEM);
  assert_holds(&buf, "abc");
  spy.probe.fail_at = 4;
  assert_int_equal(gcn__buf_printf(&buf, "%0300d", 1), GCN__ENOMEM);
  assert_holds(&buf, "abc");
  gcn__buf_deinit(&buf);
  assert_int_equal(spy.probe.live_size, 0);
}

/* --- secrets -------------------------------------------------------------- */

static void fill_secret(struct gcn__buf* buf, size_t count) {
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(gcn__buf_append_str(buf, "hunter2!"), 0);
  }
}

static size_t count_inside(const struct gcn__buf* buf) {
  struct mem_spy eye = {.secret = "hunter2!"};
  mem_spy_look(&eye, buf->data, buf->capacity);
  return eye.sighting_count;
}

static void secret_is_wiped_when_it_grows_or_goes(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = "hunter2!"};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__buf buf;
  gcn__buf_init(&buf, &mem, LIMIT);
  buf.secret = true;
  fill_secret(&buf, 100); /* grows several times */
  assert_int_equal(count_inside(&buf), 100);
  gcn__buf_shrink(&buf, 0);
  fill_secret(&buf, 100);
  gcn__buf_deinit(&buf);
  assert_int_equal(spy.sighting_count, 0);

  /* The spy does see what an ordinary buffer leaves. */
  gcn__buf_init(&buf, &mem, LIMIT);
  fill_secret(&buf, 2);
  gcn__buf_deinit(&buf);
  assert_int_equal(spy.sighting_count, 2);
}

static void secret_is_wiped_when_it_is_consumed(void** state) {
  (void)state;
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, LIMIT);
  buf.secret = true;
  fill_secret(&buf, 10);
  gcn__buf_consume(&buf, 8 * 4);
  assert_int_equal(count_inside(&buf), 6);
  gcn__buf_clear(&buf);
  assert_int_equal(count_inside(&buf), 0);
  gcn__buf_deinit(&buf);
}

static void secret_leaves_nothing_behind_when_it_slides(void** state) {
  (void)state;
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, LIMIT);
  buf.secret = true;
  fill_secret(&buf, 32); /* 256 bytes: a full block */
  gcn__buf_consume(&buf, 8 * 16);
  fill_secret(&buf, 1);
  assert_int_equal(buf.capacity, 256); /* it slid */
  assert_int_equal(count_inside(&buf), 17);
  gcn__buf_clear(&buf);
  assert_int_equal(count_inside(&buf), 0);
  gcn__buf_deinit(&buf);
}

/* --- against a model ------------------------------------------------------ */

struct model {
  char data[MODEL_SIZE];
  size_t size;
};

static void step(struct gcn__buf* buf, struct model* model,
                 struct gcn__rng* rng) {
  size_t size = (size_t)gcn__rng_below(rng, 300);
  char bytes[300];
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)gcn__rng_next(rng);
  if (gcn__rng_below(rng, 2) == 0) {
    bool fits = model->size + size <= MODEL_SIZE;
    int error = gcn__buf_append(buf, bytes, size);
    assert_int_equal(error, fits ? 0 : GCN_ELIMIT);
    if (!fits) return;
    memcpy(model->data + model->size, bytes, size);
    model->size += size;
  } else {
    if (size > model->size) size = model->size;
    gcn__buf_consume(buf, size);
    memmove(model->data, model->data + size, model->size - size);
    model->size -= size;
  }
}

static void agrees_with_a_model(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, LIMIT);
  static struct model model;
  for (int i = 0; i < ROUND_COUNT; i++) {
    step(&buf, &model, &rng);
    struct gcn__span span = gcn__buf_span(&buf);
    assert_int_equal(span.size, model.size);
    assert_memory_equal(span.data, model.data, model.size);
  }
  gcn__buf_deinit(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zero_buffer_is_legal_to_deinit),
      cmocka_unit_test(appends_behind_and_consumes_in_front),
      cmocka_unit_test(limit_is_exact),
      cmocka_unit_test(printf_reaches_the_limit_too),
      cmocka_unit_test(memory_stays_near_the_limit),
      cmocka_unit_test(reserve_and_commit_may_differ),
      cmocka_unit_test(shrink_gives_back_what_is_above),
      cmocka_unit_test(failed_allocation_changes_nothing),
      cmocka_unit_test(secret_is_wiped_when_it_grows_or_goes),
      cmocka_unit_test(secret_is_wiped_when_it_is_consumed),
      cmocka_unit_test(secret_leaves_nothing_behind_when_it_slides),
      cmocka_unit_test(agrees_with_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
