/* SPDX-License-Identifier: MIT */
/*
 * client/delivery while memory is short: every event is told once and in order,
 * whichever allocation fails.  And client/drops: what gaps say of what was
 * dropped.
 */
#include "delivery-case.h"

enum { EVENTS = 40, FAILURES_MAX = 400 };

/* One life: events until all are told. */
struct life {
  void (*begin)(struct fixture* f);
  void (*live)(struct fixture* f);
};

static void set_up_again(struct fixture* f) {
  f->told_count = 0;
  f->batches = 0;
  f->gaps = 0;
  f->act = NULL;
  f->probe.fail_at = 0;
  f->probe.fail_on = 0;
}

/* Feeds event `id`, however often it takes; memory comes back at the third
 * attempt. */
static void insist(struct fixture* f, int id) {
  for (int tries = 0; !delivery_feed(f, "v2.a", id); tries++) {
    assert_true(tries < 10);
    gcn__delivery_flush(&f->client);
    if (tries == 2) f->probe.fail_at = 0;
    uint64_t due_ms = gcn__delivery_deadline(&f->client);
    if (due_ms != GCN__NEVER && due_ms > f->now_ms) f->now_ms = due_ms;
  }
}

static void finish(struct fixture* f) {
  f->probe.fail_at = 0;
  for (int i = 0; i < 5; i++) {
    uint64_t due_ms = gcn__delivery_deadline(&f->client);
    if (due_ms != GCN__NEVER && due_ms > f->now_ms) f->now_ms = due_ms;
    delivery_turn(f);
    gcn__delivery_flush(&f->client);
  }
  assert_false(gcn__delivery_holds(&f->client));
  assert_false(gcn__delivery_rests(&f->client));
}

static void assert_all_told(const struct fixture* f) {
  assert_int_equal(f->told_count, EVENTS);
  for (int i = 0; i < EVENTS; i++) {
    assert_int_equal(f->told[i].id, i + 1);
    assert_int_equal(f->told[i].sequence, i + 1);
  }
}

static void live_plainly(struct fixture* f) {
  for (int i = 1; i <= EVENTS; i++)
    insist(f, i);
}

/* Half of the events come while the user pauses, in the middle of a read. */
static void live_with_pauses(struct fixture* f) {
  for (int i = 1; i <= EVENTS; i++) {
    insist(f, i);
    if (i % 4 != 0 || i == EVENTS) continue;
    delivery_turn(f);
    gcn__delivery_flush(&f->client);
    if (gcn__delivery_holds(&f->client)) continue;
    f->client.pause_wanted = true;
    gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", ++i, 0));
    delivery_mark(f, "somewhere");
    f->client.pause_wanted = false;
  }
}

/* For all n: the n-th allocation fails, and so do those behind it for a while.
 * Returns when a life needed no more than that. */
static void fail_each(struct fixture* f, const struct life* life) {
  for (size_t n = 1; n < FAILURES_MAX; n++) {
    set_up_again(f);
    life->begin(f);
    size_t before = f->probe.count;
    f->probe.fail_at = before + n;
    f->probe.fail_on = n % 2 == 0;
    life->live(f);
    bool failed = f->probe.count >= before + n;
    finish(f);
    assert_all_told(f);
    gcn__delivery_free(&f->client);
    assert_int_equal(f->probe.live_size, 0);
    if (!failed) return;
  }
  fail_msg("more than %d allocations", FAILURES_MAX);
}

static void making_one_fails(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  size_t count = f->probe.count;
  delivery_end(f);
  for (size_t n = 1; n <= count; n++) {
    f->probe.count = 0;
    f->probe.fail_at = n;
    assert_int_equal(gcn__delivery_new(&f->client, &f->config), UV_ENOMEM);
    gcn__delivery_free(&f->client);
    assert_int_equal(f->probe.live_size, 0);
  }
  assert_true(count > 1);
}

static void short_of_numbers(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.window.count_max = 1000;
  f->config.checkpoints = true;
  fail_each(f, &(struct life){delivery_begin, live_plainly});
}

static void short_of_numbers_for_batches(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.window.count_max = 1000;
  fail_each(f, &(struct life){delivery_begin_batches, live_plainly});
}

static void short_of_copies(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  fail_each(f, &(struct life){delivery_begin, live_with_pauses});
}

static void short_of_copies_for_batches(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.batch_count_max = 3;
  fail_each(f, &(struct life){delivery_begin_batches, live_with_pauses});
}

/* A batch without a window: what can't be copied is told alone. */
static void short_of_batches(void** state) {
  struct fixture* f = *state;
  fail_each(f, &(struct life){delivery_begin_batches, live_plainly});
}

static void a_held_event_waits_ten_ms(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.window.count_max = 1000;
  delivery_begin(f);
  int id = 1;
  f->probe.fail_at = f->probe.count + 1;
  f->probe.fail_on = 1;
  while (!gcn__delivery_holds(&f->client))
    assert_true(delivery_feed(f, "v2.a", id++));
  size_t told = f->told_count;
  assert_true(gcn__delivery_rests(&f->client));
  assert_false(gcn__delivery_busy(&f->client));
  uint64_t due_ms = gcn__delivery_deadline(&f->client);
  assert_int_equal(due_ms, f->now_ms + 10);
  f->probe.fail_at = 0;
  f->now_ms = due_ms - 1;
  delivery_turn(f);
  assert_int_equal(f->told_count, told);
  f->now_ms = due_ms;
  delivery_turn(f);
  assert_int_equal(f->told_count, told + 1);
  assert_false(gcn__delivery_rests(&f->client));
  assert_int_equal(gcn__delivery_deadline(&f->client), GCN__NEVER);
}

/* With no memory for names the gap is about all of the client's topics. */
static void gaps_without_names(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.full = GCN_FULL_DROP_OLDEST;
  f->config.window.count_max = 4;
  delivery_begin(f);
  for (int i = 1; i <= 3; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  delivery_turn(f);
  f->now_ms += 5000;
  assert_true(delivery_feed(f, "v2.b", 4));
  f->probe.fail_at = f->probe.count + 1;
  f->probe.fail_on = 1;
  assert_true(delivery_feed(f, "v2.c", 5)); /* 4 goes, 5 waits for memory */
  f->probe.fail_at = 0;
  assert_int_equal(delivery_counters(f).dropped, 1);
  for (uint64_t i = 1; i <= 3; i++)
    delivery_ack(f, i);
  finish(f);
  assert_told(f, "1 2 3 | 5");
  assert_null(f->gap.topics);
  assert_int_equal(f->gap.topic_count, 1);
}

/* What was read late had been sent before, and was on its way. */
static void gaps_reach_back(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.full = GCN_FULL_DROP_OLDEST;
  f->config.settings.latency_max_ms = 200;
  delivery_begin(f);
  f->client.pause_wanted = true;
  f->now_ms = 1000;
  delivery_turn(f); /* reading rests */
  f->now_ms = 6000;
  for (int i = 601; i <= 609; i++) /* read at 6010 to 6090 */
    assert_true(delivery_feed(f, "v2.a", i));
  f->now_ms = 7000;
  delivery_turn(f);
  assert_int_equal(f->gap.from_ms, 1000 - 200);
  assert_int_equal(f->gap.to_ms, 6010);
  assert_int_equal(f->gap.to_unix_ms, 601000);
  assert_int_equal(f->gap.from_unix_ms, 601000 - (6010 - 800));
  assert_true(delivery_feed(f, "v2.a", 701));
  f->now_ms = 8000;
  delivery_turn(f);
  assert_int_equal(f->gaps, 2);
  /* That one was read late as well, and its topic may be another one. */
  assert_int_equal(f->gap.from_ms, 1000 - 200);
  assert_int_equal(f->gap.to_ms, 6020);
  for (int i = 702; i <= 709; i++) /* 701, read at 7010, goes at the end */
    assert_true(delivery_feed(f, "v2.a", i));
  delivery_turn(f);
  f->now_ms = 9000;
  delivery_turn(f);
  assert_int_equal(f->gap.to_ms, 7010);
  for (int i = 801; i <= 802; i++) /* 702 and 703 go, of which 2 are late */
    assert_true(delivery_feed(f, "v2.a", i));
  f->now_ms = 10000;
  delivery_turn(f);
  assert_int_equal(f->gap.from_ms, 7020 - 200);
  assert_int_equal(f->gap.to_ms, 7030);
}

static void idle_turns(struct fixture* f) {
  for (int i = 0; i < 3; i++) {
    f->now_ms += GCN__DELIVERY_TRIM_MS;
    delivery_turn(f);
  }
}

/* Many in flight, more that wait, and all of it done with. */
static void live_busily(struct fixture* f) {
  for (int i = 1; i <= 100; i++)
    delivery_feed(f, "v2.a", i);
  while (f->told_count < 100) {
    for (size_t i = 0; i < f->told_count; i++)
      delivery_ack(f, f->told[i].sequence);
    delivery_turn(f);
  }
  for (size_t i = 0; i < f->told_count; i++)
    delivery_ack(f, f->told[i].sequence);
}

static void what_waited_is_given_back(void** state) {
  struct fixture* f = *state;
  f->config.full = GCN_FULL_DROP_OLDEST;
  f->config.window.count_max = 100;
  f->config.full_ms = 0;
  delivery_manual(f);
  delivery_begin(f);
  size_t before = f->probe.live_size;
  live_busily(f);
  assert_int_equal(delivery_counters(f).in_flight, 0);
  assert_true(f->probe.live_size > before + 8192);
  size_t busy = f->probe.live_size;
  delivery_turn(f);
  f->now_ms += GCN__DELIVERY_TRIM_MS / 2;
  delivery_turn(f);
  assert_int_equal(f->probe.live_size, busy); /* there may come more */
  idle_turns(f);
  assert_true(f->probe.live_size < before + 4096); /* keys of what is done */
  delivery_feed(f, "v2.a", 101);
  assert_int_equal(f->told_count, 101);
}

static void a_batch_is_given_back(void** state) {
  struct fixture* f = *state;
  delivery_begin_batches(f);
  size_t before = f->probe.live_size;
  delivery_feed(f, "v2.a", 1);
  idle_turns(f);
  assert_true(f->probe.live_size > before); /* it is not told yet */
  gcn__delivery_flush(&f->client);
  assert_told(f, "1");
  idle_turns(f);
  assert_int_equal(f->probe.live_size, before);
  delivery_feed(f, "v2.a", 2);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1 2");
}

/* A name that nobody can have subscribed to takes no memory. */
static void gaps_without_long_names(void** state) {
  static char text[GCN_SUBSCRIPTION_SIZE_MAX + 1];
  struct gcn__drops drops;
  struct fixture* f = *state;
  delivery_begin(f);
  memset(text, 'a', sizeof text);
  assert_int_equal(gcn__drops_init(&drops, &f->client.mem), 0);
  gcn_event_t event = {.topic = {text, sizeof text - 1}};
  gcn__drops_note(&drops, &event, 0, 1);
  assert_int_equal(drops.lanes[0].topic_count, 1);
  assert_false(drops.lanes[0].unnamed);
  event.topic.size = sizeof text;
  gcn__drops_note(&drops, &event, 0, 1);
  assert_int_equal(drops.lanes[0].topic_count, 1);
  assert_true(drops.lanes[0].unnamed);
  gcn__drops_deinit(&drops);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DELIVERY_TEST(making_one_fails),
      DELIVERY_TEST(short_of_numbers),
      DELIVERY_TEST(short_of_numbers_for_batches),
      DELIVERY_TEST(short_of_copies),
      DELIVERY_TEST(short_of_copies_for_batches),
      DELIVERY_TEST(short_of_batches),
      DELIVERY_TEST(a_held_event_waits_ten_ms),
      DELIVERY_TEST(gaps_without_names),
      DELIVERY_TEST(gaps_without_long_names),
      DELIVERY_TEST(gaps_reach_back),
      DELIVERY_TEST(what_waited_is_given_back),
      DELIVERY_TEST(a_batch_is_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
