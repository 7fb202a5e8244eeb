/* SPDX-License-Identifier: MIT */
/*
 * Rules of the fault proxy, from text: what is accepted, what is a mistake and
 * where, and that no text does harm.
 */
#include "check.h"

#include "sim/toxic.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct gcn__toxic parse(const char* rule) {
  struct gcn__toxic toxic;
  struct gcn__toxic_mistake mistake;
  bool good = gcn__toxic_parse(gcn__span_str(rule), &toxic, &mistake);
  if (!good) fail_msg("%s: %s", rule, mistake.text);
  return toxic;
}

static void test_values(void** state) {
  (void)state;
  struct gcn__toxic toxic =
      parse(" both  latency delay=2s jitter=250ms conn=7");
  assert_int_equal(toxic.kind, GCN__TOXIC_LATENCY);
  assert_true(toxic.up && toxic.down);
  assert_int_equal(toxic.delay_ms, 2000);
  assert_int_equal(toxic.jitter_ms, 250);
  assert_int_equal(toxic.number, 7);
  toxic = parse("up slice size=10 vary=9 delay=1m at=3");
  assert_int_equal(toxic.kind, GCN__TOXIC_SLICE);
  assert_true(toxic.up && !toxic.down);
  assert_int_equal(toxic.size, 10);
  assert_int_equal(toxic.vary, 9);
  assert_int_equal(toxic.delay_ms, 60000);
  assert_int_equal(toxic.at, 3);
  assert_int_equal(toxic.number, 0);
  toxic = parse("down trickle delay=1ms");
  assert_int_equal(toxic.size, 1);
  assert_true(!toxic.up && toxic.down);
  toxic = parse("down bandwidth rate=1000000000");
  assert_int_equal(toxic.rate, 1000000000);
  toxic = parse("down corrupt mask=0F at=999999999999999999");
  assert_int_equal(toxic.mask, 0x0f);
  assert_int_equal(toxic.at, 999999999999999999);
  toxic = parse("down reset after=5s at=1");
  assert_int_equal(toxic.after_ms, 5000);
  assert_string_equal(toxic.rule, "down reset after=5s at=1");
}

static void test_bytes(void** state) {
  (void)state;
  struct gcn__toxic toxic = parse("up inject hex=00fFa1");
  assert_int_equal(toxic.byte_count, 3);
  assert_memory_equal(toxic.bytes, "\x00\xff\xa1", 3);
  toxic = parse("up inject text=\"a b\\r\\n\\\"\\\\\" at=2");
  assert_int_equal(toxic.byte_count, 7);
  assert_memory_equal(toxic.bytes, "a b\r\n\"\\", 7);
  assert_int_equal(toxic.at, 2);
}

/* Each kind has a name, and a shortest rule. */
static void test_kinds(void** state) {
  (void)state;
  static const char* const rest[GCN__TOXIC_KINDS] = {
      "delay=1ms", "rate=1", "size=1", "delay=1ms", "delay=1ms", "", "size=1",
      "hex=00",    "",       "",       "",          "",          ""};
  for (size_t i = 0; i < GCN__TOXIC_KINDS; i++) {
    char rule[64];
    enum gcn__toxic_kind kind = (enum gcn__toxic_kind)i;
    snprintf(rule, sizeof rule, "up %s %s", gcn__toxic_kind_name(kind),
             rest[i]);
    assert_int_equal(parse(rule).kind, kind);
  }
}

static const struct {
  const char* rule;
  size_t column;
  const char* says;
} mistakes[] = {
    {"", 1, "up, down or both"},
    {"sideways reset", 1, "'sideways' is not a direction"},
    {"UP reset", 1, "'UP' is not a direction"},
    {"up", 3, "is not one of latency"},
    {"up rest", 4,
     "'rest' is not one of latency, bandwidth, slice, trickle, "
     "slow-close, corrupt, duplicate, inject, limit, blackhole, "
     "half-close, cut, reset"},
    {"up  reset size=1", 11,
     "reset knows no 'size'; it may have: conn, at, "
     "after"},
    {"up reset at", 12, "'=' and a value have to follow"},
    {"up reset at =1", 12, "'=' and a value have to follow"},
    {"up reset at= 1", 13, "a position, from 0 on"},
    {"up reset at=-1", 13, "'-1' has to be a position, from 0 on"},
    {"up reset at=0x1", 13, "a position"},
    {"up reset at=1000000000000000000", 13, "a position"},
    {"up reset at=1 at=2", 15, "'at' is there twice"},
    {"up reset conn=0", 15, "a connection's number, from 1 on"},
    {"up reset after=5", 16, "'5' has to be a time from 1ms on, like 250ms"},
    {"up reset after=5h", 16, "a time"},
    {"up reset after=ms", 16, "a time"},
    {"up reset after=1234567890ms", 16, "a time"},
    {"up reset =1", 10, "knows no ''"},
    {"up latency", 11, "latency needs delay=TIME"},
    {"up latency delay=0ms", 18, "a time from 1ms on"},
    {"up latency delay=1ms jitter=2ms", 32, "jitter has to be up to delay"},
    {"up bandwidth", 13, "bandwidth needs rate=BYTES (a second)"},
    {"up bandwidth rate=0", 19, "bytes a second, from 1 to 1000000000"},
    {"up bandwidth rate=1000000001", 19, "bytes a second"},
    {"up slice delay=1ms", 19, "slice needs size=BYTES"},
    {"up slice size=0", 15, "a number of bytes"},
    {"up slice size=2 vary=2", 23, "vary has to be less than size"},
    {"up trickle", 11, "trickle needs delay=TIME"},
    {"up trickle delay=1ms size=2", 22, "trickle knows no 'size'"},
    {"up corrupt mask=00", 17, "two hex digits other than 00"},
    {"up corrupt mask=1", 17, "two hex digits"},
    {"up corrupt mask=123", 17, "two hex digits"},
    {"up corrupt mask=g0", 17, "two hex digits"},
    {"up duplicate", 13, "duplicate needs size=BYTES"},
    {"up duplicate size=65537", 19, "from 1 to 65536 bytes"},
    {"up inject", 10, "inject needs hex=DIGITS or text=\"...\""},
    {"up inject hex=", 15, "pairs of hex digits"},
    {"up inject hex=0", 15, "pairs of hex digits"},
    {"up inject text=a", 16, "in double quotes"},
    {"up inject text=", 16, "in double quotes"},
    {"up inject text=\"\"", 16, "in double quotes"},
    {"up inject text=\"a", 16, "in double quotes"},
    {"up inject text=\"a\\x\"", 18, "\\r \\n \\\" \\\\ are known"},
    {"up inject text=\"a\\", 18, "in double quotes"},
    {"up inject text=\"a\"b", 19, "a space has to follow"},
    {"up inject text=\"a\" hex=00", 26, "one of hex and text is enough"},
    {"up\treset", 1, "is not a direction"},
};

static void test_mistakes(void** state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    struct gcn__toxic toxic;
    struct gcn__toxic_mistake mistake;
    char column[32];
    struct gcn__span rule = gcn__span_str(mistakes[i].rule);
    if (gcn__toxic_parse(rule, &toxic, &mistake)) {
      fail_msg("%s: no mistake", mistakes[i].rule);
    }
    if (mistake.column != mistakes[i].column ||
        strstr(mistake.text, mistakes[i].says) == NULL) {
      fail_msg("%s: %s", mistakes[i].rule, mistake.text);
    }
    snprintf(column, sizeof column, "column %u: ", (unsigned)mistake.column);
    assert_int_equal(strncmp(mistake.text, column, strlen(column)), 0);
  }
}

static void test_too_much(void** state) {
  (void)state;
  static struct gcn__toxics toxics;
  struct gcn__toxic_mistake mistake;
  struct gcn__toxic toxic;
  char rule[2 * GCN__TOXIC_BYTES_MAX + 64] = "up inject hex=";
  size_t size = strlen(rule);
  memset(rule + size, '0', 2 * GCN__TOXIC_BYTES_MAX);
  struct gcn__span text = gcn__span(rule, size + 2 * GCN__TOXIC_BYTES_MAX);
  assert_true(gcn__toxic_parse(text, &toxic, &mistake));
  assert_int_equal(toxic.byte_count, GCN__TOXIC_BYTES_MAX);
  assert_int_equal(strlen(toxic.rule), sizeof toxic.rule - 1);
  memset(rule + text.size, '0', 2);
  text.size += 2;
  assert_false(gcn__toxic_parse(text, &toxic, &mistake));
  for (size_t i = 0; i < GCN__TOXICS_MAX; i++)
    assert_true(gcn__toxics_add(&toxics, GCN__SPAN("up reset"), &mistake));
  assert_false(gcn__toxics_add(&toxics, GCN__SPAN("up reset"), &mistake));
  assert_non_null(strstr(mistake.text, "up to 32 rules"));
}

/* Whatever is asked for, something sensible is said, inside the text. */
static void expect_sane(const char* text, size_t size) {
  /* An exact block, so that a sanitizer sees a byte too much. */
  char* copy = malloc(size == 0 ? 1 : size);
  struct gcn__toxic toxic;
  struct gcn__toxic_mistake mistake;
  assert_non_null(copy);
  memcpy(copy, text, size);
  if (gcn__toxic_parse(gcn__span(copy, size), &toxic, &mistake)) {
    assert_true(toxic.up || toxic.down);
    assert_in_range(toxic.kind, 0, GCN__TOXIC_KINDS - 1);
    assert_true(toxic.byte_count <= GCN__TOXIC_BYTES_MAX);
  } else {
    assert_in_range(mistake.column, 1, size + 1);
    assert_true(mistake.text[0] != '\0');
  }
  free(copy);
}

/* All tables cut short, with bytes changed, and words mixed. */
static void test_random(void** state) {
  (void)state;
  static const char* const words[] = {
      "up",         "down",   "both", "reset",     "latency",
      "inject",     "slice",  "at=1", "delay=1ms", "size=2",
      "text=\"a\"", "hex=00", "=",    "\"",        "\\",
      "conn=",      "at",     "  ",   "after=1s",  "mask=01"};
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    const char* rule = mistakes[i].rule;
    for (size_t cut = 0; cut <= strlen(rule); cut++)
      expect_sane(rule, cut);
  }
  for (int round = 0; round < 20000; round++) {
    char text[256] = "";
    size_t count = (size_t)gcn__rng_below(&rng, 7);
    for (size_t i = 0; i < count; i++) {
      strcat(text, words[gcn__rng_below(&rng, sizeof words / sizeof words[0])]);
      if (gcn__rng_below(&rng, 8) != 0) strcat(text, " ");
    }
    size_t size = strlen(text);
    if (size > 0 && gcn__rng_below(&rng, 4) == 0) {
      text[gcn__rng_below(&rng, size)] = (char)gcn__rng_below(&rng, 256);
    }
    expect_sane(text, size);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),   cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_kinds),    cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_too_much), cmocka_unit_test(test_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
