/* SPDX-License-Identifier: MIT */
/*
 * The gap ledger: one gap at a time, its first cause, its bounds; and the
 * handover between two streams, which has a gap only if neither is known to
 * have served some moment.
 */
#include "core/gaps.h"

#include "base/rng.h"
#include "base/time.h"
#include "check.h"

enum { LATENCY_MS = 2000, ROUND_COUNT = 20000 };

/* Without another stream: what is missed is not known yet. */
static void lose(struct gcn__gaps* gaps, uint64_t proof_ms,
                 enum gcn__input cause) {
  struct gcn__gap gap;
  assert_false(
      gcn__gaps_lose(gaps, proof_ms, LATENCY_MS, GCN__NEVER, cause, &gap));
  assert_true(gaps->open);
}

static void reaches_back_by_the_latency(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  lose(&gaps, 10000, GCN__INPUT_SILENCE_DUE);
  assert_true(gcn__gaps_end(&gaps, 50000, &gap));
  assert_true(gap.from_ms == 8000);
  assert_true(gap.to_ms == 50000);
  assert_int_equal(gap.cause, GCN__INPUT_SILENCE_DUE);
  assert_int_equal(gap.certainty, GCN__CERTAINTY_BLIND);
  assert_false(gap.partial);
}

static void never_begins_before_time(void** state) {
  (void)state;
  static const struct {
    uint64_t proof_ms;
    uint64_t from_ms;
  } cases[] = {{0, 0}, {1999, 0}, {2000, 0}, {2001, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct gcn__gaps gaps = {0};
    struct gcn__gap gap;
    lose(&gaps, cases[i].proof_ms, GCN__INPUT_STOP);
    assert_true(gcn__gaps_end(&gaps, cases[i].proof_ms, &gap));
    assert_true(gap.from_ms == cases[i].from_ms);
  }
}

static void first_cause_counts(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  lose(&gaps, 10000, GCN__INPUT_WEATHER);
  lose(&gaps, 20000, GCN__INPUT_REVOKED);
  assert_true(gcn__gaps_end(&gaps, 30000, &gap));
  assert_true(gap.from_ms == 8000);
  assert_true(gap.to_ms == 30000);
  assert_int_equal(gap.cause, GCN__INPUT_WEATHER);
}

static void is_told_once(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  assert_false(gcn__gaps_end(&gaps, 1, &gap));
  lose(&gaps, 1, GCN__INPUT_WEATHER);
  assert_true(gcn__gaps_end(&gaps, 2, &gap));
  assert_false(gcn__gaps_end(&gaps, 3, &gap));
  lose(&gaps, 5000, GCN__INPUT_BROKEN);
  assert_true(gcn__gaps_end(&gaps, 7000, &gap));
  assert_true(gap.from_ms == 3000);
  assert_int_equal(gap.cause, GCN__INPUT_BROKEN);
}

/* The predecessor is proven until the successor had served for as long as an
 * event may take: nothing was missed. */
static void a_handover_has_no_gap(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  assert_false(
      gcn__gaps_lose(&gaps, 12000, LATENCY_MS, 10000, GCN__INPUT_RETIRE, &gap));
  assert_false(gaps.open);
  assert_false(
      gcn__gaps_lose(&gaps, 90000, LATENCY_MS, 10000, GCN__INPUT_RETIRE, &gap));
  assert_false(gcn__gaps_end(&gaps, 90000, &gap));
}

/* One that is not is known in full at once, and leaves nothing open. */
static void an_unproven_handover_has_one(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  assert_true(
      gcn__gaps_lose(&gaps, 11999, LATENCY_MS, 10000, GCN__INPUT_RETIRE, &gap));
  assert_true(gap.from_ms == 9999);
  assert_true(gap.to_ms == 10000);
  assert_int_equal(gap.cause, GCN__INPUT_RETIRE);
  assert_false(gaps.open);
  assert_false(gcn__gaps_end(&gaps, 90000, &gap));
}

/* While one is open another loss is part of it, whoever serves meanwhile. */
static void an_open_gap_swallows_what_follows(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  lose(&gaps, 10000, GCN__INPUT_WEATHER);
  assert_false(
      gcn__gaps_lose(&gaps, 20000, LATENCY_MS, 30000, GCN__INPUT_BROKEN, &gap));
  assert_true(gcn__gaps_end(&gaps, 40000, &gap));
  assert_true(gap.from_ms == 8000);
  assert_true(gap.to_ms == 40000);
}

/* Whatever happens: gaps do not overlap, and each moment that no stream is
 * proven to have served lies in one. */
static void every_blind_moment_lies_in_a_gap(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  uint64_t now_ms = 100000;
  uint64_t told_ms = 0; /* end of the last gap */
  unsigned count = 0;
  for (int i = 0; i < ROUND_COUNT; i++) {
    uint64_t proof_ms = now_ms + gcn__rng_between(&rng, LATENCY_MS, 60000);
    bool covered = gcn__rng_below(&rng, 2) == 0;
    uint64_t covered_ms =
        covered ? gcn__rng_between(&rng, now_ms, proof_ms + 5000) : GCN__NEVER;
    uint64_t lost_ms = proof_ms + gcn__rng_below(&rng, 60000);
    bool told = gcn__gaps_lose(&gaps, proof_ms, LATENCY_MS, covered_ms,
                               GCN__INPUT_WEATHER, &gap);
    bool blind = covered && covered_ms > proof_ms - LATENCY_MS;
    assert_int_equal(told, blind);
    assert_int_equal(gaps.open, !covered);
    uint64_t end_ms = lost_ms + gcn__rng_below(&rng, 60000);
    if (!covered) told = gcn__gaps_end(&gaps, end_ms, &gap);
    now_ms = covered ? covered_ms : end_ms;
    if (!told) continue;
    count++;
    assert_true(gap.from_ms == proof_ms - LATENCY_MS);
    assert_true(gap.to_ms == now_ms);
    assert_true(gap.from_ms < gap.to_ms && gap.from_ms >= told_ms);
    told_ms = gap.to_ms;
  }
  assert_in_range(count, ROUND_COUNT / 2, ROUND_COUNT - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reaches_back_by_the_latency),
      cmocka_unit_test(never_begins_before_time),
      cmocka_unit_test(first_cause_counts),
      cmocka_unit_test(is_told_once),
      cmocka_unit_test(a_handover_has_no_gap),
      cmocka_unit_test(an_unproven_handover_has_one),
      cmocka_unit_test(an_open_gap_swallows_what_follows),
      cmocka_unit_test(every_blind_moment_lies_in_a_gap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
