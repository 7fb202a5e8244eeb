/* SPDX-License-Identifier: MIT */
/*
 * Token generations: lives a server may invent, bytes that must not reach a
 * header, strikes, margins, wiping.
 */
#include "core/token.h"

#include "base/err.h"
#include "base/time.h"
#include "check.h"
#include "mem-spy.h"

#include <math.h>

#define SECRET "s3cr3t-t0ken"

static uint64_t life_of(double life_s) {
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("t"), life_s, 1000), 0);
  uint64_t life_ms = token.life_ms;
  assert_true(token.expires_ms == 1000 + life_ms);
  gcn__token_deinit(&token);
  return life_ms;
}

static void lives_are_made_sane(void** state) {
  (void)state;
  const uint64_t unknown_ms = 300000;
  const uint64_t longest_ms = UINT64_C(7) * 24 * 3600 * 1000;
  assert_true(life_of(0) == unknown_ms);
  assert_true(life_of(-1) == unknown_ms);
  assert_true(life_of(-1e300) == unknown_ms);
  assert_true(life_of((double)NAN) == unknown_ms);
  assert_true(life_of(-(double)INFINITY) == unknown_ms);
  assert_true(life_of(1) == 1000);
  assert_true(life_of(3600) == 3600000);
  assert_true(life_of(86399) == 86399000);
  assert_true(life_of(604800) == longest_ms);
  assert_true(life_of(604801) == longest_ms);
  assert_true(life_of(1e12) == longest_ms);
  assert_true(life_of(1e300) == longest_ms);
  assert_true(life_of((double)INFINITY) == longest_ms);
}

static void header_unsafe_tokens_are_refused(void** state) {
  (void)state;
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("good"), 60, 0), 0);
  for (int c = 0; c < 256; c++) {
    char text[3] = {'a', (char)c, 'b'};
    bool safe = c > 0x20 && c < 0x7f;
    int error = gcn__token_set(&token, gcn__span(text, 3), 60, 0);
    assert_int_equal(error, safe ? 0 : GCN_EPROTO);
    assert_non_null(token.text);
  }
  assert_int_equal(gcn__token_set(&token, GCN__SPAN(""), 60, 0), GCN_EPROTO);
  gcn__token_deinit(&token);
}

static void size_limit_is_exact(void** state) {
  (void)state;
  static char text[GCN__TOKEN_SIZE_MAX + 1];
  memset(text, 'x', sizeof text);
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  struct gcn__span most = gcn__span(text, GCN__TOKEN_SIZE_MAX);
  struct gcn__span more = gcn__span(text, GCN__TOKEN_SIZE_MAX + 1);
  assert_int_equal(gcn__token_set(&token, more, 60, 0), GCN_EPROTO);
  assert_int_equal(gcn__token_set(&token, most, 60, 0), 0);
  assert_int_equal(strlen(token.text), GCN__TOKEN_SIZE_MAX);
  gcn__token_deinit(&token);
}

static void errors_change_nothing(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__token token;
  gcn__token_init(&token, &mem);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("first"), 60, 0), 0);
  struct gcn__token before = token;
  probe.fail_at = 2;
  int error = gcn__token_set(&token, GCN__SPAN("second"), 90, 5);
  assert_int_equal(error, GCN__ENOMEM);
  assert_memory_equal(&token, &before, sizeof token);
  error = gcn__token_set(&token, GCN__SPAN("a b"), 90, 5);
  assert_int_equal(error, GCN_EPROTO);
  assert_memory_equal(&token, &before, sizeof token);
  assert_string_equal(token.text, "first");
  gcn__token_deinit(&token);
  gcn__token_deinit(&token);
  assert_int_equal(probe.live_size, 0);
}

/* P9: what was rejected is gone, at once and for good. */
static void rejected_generations_are_gone(void** state) {
  (void)state;
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  assert_int_equal(token.generation, 0);
  assert_false(gcn__token_usable(&token, 0, 0));
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("a"), 600, 0), 0);
  assert_int_equal(token.generation, 1);
  assert_true(gcn__token_usable(&token, 60000, 0));
  gcn__token_reject(&token);
  assert_null(token.text);
  assert_false(gcn__token_usable(&token, 0, 0));
  assert_int_equal(token.generation, 1);
  gcn__token_deinit(&token);
}

static void strikes_count_until_a_call_is_accepted(void** state) {
  (void)state;
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  gcn__token_reject(&token); /* nothing held: no strike */
  assert_int_equal(token.strikes, 0);
  for (unsigned i = 1; i <= 3; i++) {
    assert_int_equal(gcn__token_set(&token, GCN__SPAN("a"), 600, 0), 0);
    gcn__token_reject(&token);
    gcn__token_reject(&token);
    assert_int_equal(token.strikes, i);
    assert_int_equal(token.generation, i);
  }
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("a"), 600, 0), 0);
  assert_int_equal(token.strikes, 3);
  gcn__token_accept(&token);
  assert_int_equal(token.strikes, 0);
  gcn__token_forget(&token); /* the credentials changed: no strike */
  assert_int_equal(token.strikes, 0);
  assert_null(token.text);
  gcn__token_deinit(&token);
}

static bool usable_at(double life_s, uint64_t margin_ms, uint64_t now_ms) {
  struct gcn__token token;
  gcn__token_init(&token, &gcn__mem_libc);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN("a"), life_s, 0), 0);
  bool usable = gcn__token_usable(&token, margin_ms, now_ms);
  gcn__token_deinit(&token);
  return usable;
}

static void margin_is_kept_and_shrinks_for_short_lives(void** state) {
  (void)state;
  /* 3600 s: 60 s before the end. */
  assert_true(usable_at(3600, 60000, 3539999));
  assert_false(usable_at(3600, 60000, 3540000));
  /* 300 s: the fifth that is left is those 60 s. */
  assert_true(usable_at(300, 60000, 239999));
  assert_false(usable_at(300, 60000, 240000));
  /* 100 s: 20 s. */
  assert_true(usable_at(100, 60000, 79999));
  assert_false(usable_at(100, 60000, 80000));
  /* Without a margin, not at its very end. */
  assert_true(usable_at(100, 0, 99999));
  assert_false(usable_at(100, 0, 100000));
  assert_false(usable_at(100, 0, UINT64_MAX));
  assert_false(usable_at(100, UINT64_MAX, 90000));
}

static void text_is_wiped_before_its_memory_goes(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = SECRET};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__token token;
  gcn__token_init(&token, &mem);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN(SECRET), 60, 0), 0);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN(SECRET "2"), 60, 0), 0);
  gcn__token_reject(&token);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN(SECRET "3"), 60, 0), 0);
  gcn__token_forget(&token);
  assert_int_equal(gcn__token_set(&token, GCN__SPAN(SECRET "4"), 60, 0), 0);
  gcn__token_deinit(&token);
  assert_int_equal(spy.probe.live_size, 0);
  assert_int_equal(spy.probe.count, 4);
  assert_int_equal(spy.sighting_count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lives_are_made_sane),
      cmocka_unit_test(header_unsafe_tokens_are_refused),
      cmocka_unit_test(size_limit_is_exact),
      cmocka_unit_test(errors_change_nothing),
      cmocka_unit_test(rejected_generations_are_gone),
      cmocka_unit_test(strikes_count_until_a_call_is_accepted),
      cmocka_unit_test(margin_is_kept_and_shrinks_for_short_lives),
      cmocka_unit_test(text_is_wiped_before_its_memory_goes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
