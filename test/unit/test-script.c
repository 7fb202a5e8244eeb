/* SPDX-License-Identifier: MIT */
/*
 * Fault scripts: every word of the language, and for each mistake a message
 * with the line and the word.
 */
#include "sim/script.h"

#include "mem-probe.h"

#include "base/err.h"
#include "sim/script-words.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static struct gcn__script* parse(const char* text) {
  char error[GCN__SCRIPT_TEXT_SIZE];
  struct gcn__script* script = NULL;
  int result = gcn__script_parse(&gcn__mem_libc, gcn__span_str(text), "s",
                                 &script, error);
  if (result != 0) print_error("%s\n", error);
  assert_int_equal(result, 0);
  return script;
}

static void reads_the_example(void** state) {
  (void)state;
  struct gcn__script* script =
      parse("# a comment\n"
            "\n"
            "at 10s  ws.close 1001 \"going \\\"away\\\"\" # why\n"
            "at 20s for 5s http.status POST /api/v2/notifications/channels 429 "
            "retry-after=7\r\n"
            "after event 1000 tcp.reset\n"
            "after subscribe ws.fragment 3 then ws.coalesce 5 then ws.split 1\n"
            "on topic v2.bad.* reject 403 \"missing permission a:b\"\n"
            "every 50 events dup 1\n"
            "random 0.1% byte.delay 200ms\n"
            "every 2m heartbeat.stop\n"
            "expect reconnect within 5s\n"
            "expect no more-than 3 token calls per 60s");
  assert_int_equal(gcn__script_count(script), 10);
  const struct gcn__script_rule* rule = gcn__script_rule(script, 0);
  assert_int_equal(rule->line, 3);
  assert_int_equal(rule->when, GCN__WHEN_AT);
  assert_int_equal(rule->at_ms, 10000);
  assert_int_equal(rule->actions[0].verb, GCN__DO_WS_CLOSE);
  assert_int_equal(rule->actions[0].number, 1001);
  assert_string_equal(rule->actions[0].text, "going \"away\"");
  rule = gcn__script_rule(script, 1);
  assert_int_equal(rule->for_ms, 5000);
  assert_string_equal(rule->actions[0].method, "POST");
  assert_int_equal(rule->actions[0].retry_after_s, 7);
  rule = gcn__script_rule(script, 2);
  assert_int_equal(rule->when, GCN__WHEN_AFTER);
  assert_int_equal(rule->count, 1000);
  rule = gcn__script_rule(script, 3);
  assert_int_equal(rule->counter, GCN__COUNT_SUBSCRIBE);
  assert_int_equal(rule->count, 1);
  assert_int_equal(rule->action_count, 3);
  assert_int_equal(rule->actions[1].verb, GCN__DO_WS_COALESCE);
  rule = gcn__script_rule(script, 4);
  assert_int_equal(rule->when, GCN__WHEN_ON_TOPIC);
  assert_string_equal(rule->pattern, "v2.bad.*");
  rule = gcn__script_rule(script, 5);
  assert_int_equal(rule->when, GCN__WHEN_EVERY);
  rule = gcn__script_rule(script, 6);
  assert_int_equal(rule->ppm, 1000);
  assert_int_equal(rule->actions[0].delay_ms, 200);
  assert_int_equal(gcn__script_rule(script, 7)->when, GCN__WHEN_PERIOD);
  rule = gcn__script_rule(script, 8);
  assert_int_equal(rule->expect, GCN__EXPECT_RECONNECT);
  rule = gcn__script_rule(script, 9);
  assert_int_equal(rule->expect, GCN__EXPECT_NO_MORE);
  assert_int_equal(rule->counter, GCN__COUNT_TOKEN);
  assert_int_equal(rule->count, 3);
  assert_int_equal(rule->within_ms, 60000);
  gcn__script_free(script);
}

static void reads_options_of_actions(void** state) {
  (void)state;
  struct gcn__script* script =
      parse("http.status * /x 503 times=3 header=\"X-A: b c\" "
            "body=\"{\\\"a\\\":1}\\n\" then wait 5s then ws.close");
  const struct gcn__script_rule* rule = gcn__script_rule(script, 0);
  assert_int_equal(rule->when, GCN__WHEN_AT);
  assert_int_equal(rule->at_ms, 0);
  assert_int_equal(rule->actions[0].times, 3);
  assert_string_equal(rule->actions[0].header, "X-A: b c");
  assert_string_equal(rule->actions[0].body, "{\"a\":1}\n");
  assert_int_equal(rule->actions[1].delay_ms, 5000);
  assert_false(rule->actions[2].numbered);
  gcn__script_free(script);
}

static void counts_on_what_happens(void** state) {
  (void)state;
  struct gcn__script* script =
      parse("on connect batch.form bare\non resume-lost drain\n"
            "on topic connect dup 1");
  const struct gcn__script_rule* rule = gcn__script_rule(script, 0);
  assert_int_equal(rule->when, GCN__WHEN_EVERY);
  assert_int_equal(rule->count, 1);
  assert_int_equal(rule->counter, GCN__COUNT_CONNECT);
  rule = gcn__script_rule(script, 1);
  assert_int_equal(rule->counter, GCN__COUNT_RESUME_LOST);
  assert_int_equal(gcn__script_rule(script, 2)->when, GCN__WHEN_ON_TOPIC);
  gcn__script_free(script);
}

/* The least that each verb needs. */
static const char* const args[GCN__VERBS] = {
    [GCN__DO_HTTP_STATUS] = "* * 500",
    [GCN__DO_HTTP_HANG] = "* *",
    [GCN__DO_HTTP_SLOW] = "* * 1s",
    [GCN__DO_HTTP_TRICKLE] = "* * 1s",
    [GCN__DO_HTTP_HUGE_HEADER] = "* *",
    [GCN__DO_HTTP_HUGE_BODY] = "* * 100",
    [GCN__DO_HTTP_GARBAGE] = "* *",
    [GCN__DO_HTTP_TRUNCATE] = "* *",
    [GCN__DO_HTTP_LOST] = "* *",
    [GCN__DO_HTTP_CLOSE] = "* *",
    [GCN__DO_HTTP_RESET] = "* *",
    [GCN__DO_WS_HANDSHAKE] = "bad-accept",
    [GCN__DO_WS_SPLIT] = "1",
    [GCN__DO_WS_FRAGMENT] = "1",
    [GCN__DO_WS_COALESCE] = "1",
    [GCN__DO_WS_SEND] = "\"a b\"",
    [GCN__DO_WS_RAW] = "8100",
    [GCN__DO_WS_OVERSIZE] = "9",
    [GCN__DO_EVENT_BURST] = "1",
    [GCN__DO_TOPIC_REJECT] = "403 \"x\"",
    [GCN__DO_TOPIC_LOSE] = "v2.*",
    [GCN__DO_DUP] = "1",
    [GCN__DO_BYTE_DELAY] = "1s",
    [GCN__DO_WAIT] = "1s",
    [GCN__DO_WS_TRICKLE] = "1s",
    [GCN__DO_TLS_TRICKLE] = "1s",
    [GCN__DO_TOKEN_LIFE] = "300s",
    [GCN__DO_SECRET_ROTATE] = "s 1h",
    [GCN__DO_CHANNEL_LIFE] = "1h",
    [GCN__DO_LIMIT_REST] = "0",
    [GCN__DO_LIMIT_BODY] = "0",
    [GCN__DO_LIMIT_CHANNELS] = "1",
    [GCN__DO_LIMIT_TOPICS] = "1",
    [GCN__DO_TOPIC_DRIFT] = "1",
    [GCN__DO_STREAM_CLOSE] = "4001 \"token_expired\"",
    [GCN__DO_SUBSCRIPTION_DELETE] = "\"*@q\" as=close,http,4400",
    [GCN__DO_SUBSCRIPTION_RESTORE] = "\"*@q\"",
    [GCN__DO_IP_BLOCK] = "30s as=reset",
    [GCN__DO_RATE_LIMIT] = "30 as=4429",
    [GCN__DO_SCOPE_MISSING] = "user:read as=400",
    [GCN__DO_LICENCE_MISSING] = "telephony.*",
    [GCN__DO_BATCH_FORM] = "bare times=3",
    [GCN__DO_BATCH_REPEAT] = "5",
    [GCN__DO_PING_TOO_FAST] = "10s",
    [GCN__DO_DRAIN] = "500ms",
    [GCN__DO_ERROR_MESSAGE] = "\"bad\"",
};

/* Every verb by its word. */
static void knows_every_verb(void** state) {
  (void)state;
  for (unsigned i = 0; i < GCN__VERBS; i++) {
    char line[128];
    bool reject = i == GCN__DO_TOPIC_REJECT;
    snprintf(line, sizeof line, "%s %s %s", reject ? "on topic *" : "at 1s",
             gcn__script_verb_word((enum gcn__script_verb)i),
             args[i] == NULL ? "" : args[i]);
    struct gcn__script* script = parse(line);
    assert_int_equal(gcn__script_rule(script, 0)->actions[0].verb, i);
    gcn__script_free(script);
  }
}

static void knows_every_expectation(void** state) {
  (void)state;
  static const char* const lines[] = {
      [GCN__EXPECT_RECONNECT] = "expect reconnect within 1s",
      [GCN__EXPECT_CONNECT] = "expect connect within 1s",
      [GCN__EXPECT_SUBSCRIBE] = "expect subscribe within 1s",
      [GCN__EXPECT_PONG] = "expect pong within 1s",
      [GCN__EXPECT_NO_MORE] = "expect no more-than 0 rest per 1s",
      [GCN__EXPECT_RETRY_AFTER] = "expect retry-after honoured",
      [GCN__EXPECT_SINGLE] = "expect retry-after single",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    struct gcn__script* script = parse(lines[i]);
    assert_int_equal(gcn__script_rule(script, 0)->expect, i);
    gcn__script_free(script);
  }
}

struct mistake {
  const char* text;
  const char* error;
};

static const struct mistake mistakes[] = {
    {"\n\nat x ws.close",
     "s:3: 'x': expected a duration such as 200ms, 5s or 24h"},
    {"at 5 ws.close", "s:1: '5': expected a duration such as 200ms, 5s"},
    {"at 1s", "s:1: expected an action such as ws.close before the end"},
    {"at 1s ws.clsoe", "s:1: 'ws.clsoe': expected an action such as"},
    {"ws.close 1001 \"a", "s:1: '\"a': expected a closing quote"},
    {"ws.close 70000", "s:1: '70000': expected a close code up to 65535"},
    {"ws.close 1000 then", "s:1: expected an action"},
    {"ws.close 1000 tcp.reset",
     "s:1: 'tcp.reset': expected then, or the end of the line"},
    {"after events 5 tcp.reset", "s:1: 'events': expected event, subscribe"},
    {"after event 0 tcp.reset", "s:1: '0': expected a number from 1"},
    {"every 0 events tcp.reset", "s:1: '0': expected a number from 1"},
    {"every x events tcp.reset", "s:1: 'x': expected a number and events"},
    {"every 0s tcp.reset", "s:1: '0s': expected a number and events"},
    {"every 5 tcp.reset", "s:1: 'tcp.reset': expected event, subscribe"},
    {"random 101% tcp.reset", "s:1: '101%': expected a percentage"},
    {"random 1 tcp.reset", "s:1: '1': expected a percentage"},
    {"on v2.x reject 403 \"x\"", "s:1: 'v2.x': expected topic"},
    {"on connects tcp.reset", "s:1: 'connects': expected topic, or what"},
    {"stream.close \"x\"", "s:1: '\"x\"': expected a number"},
    {"stream.close 65536", "s:1: '65536': expected a close code"},
    {"batch.form odd", "s:1: 'odd': expected events, batch, data, bare or"},
    {"batch.repeat 0", "s:1: '0': expected a number from 1 to 10000"},
    {"scope.missing \"\"", "s:1: '\"\"': expected a pattern"},
    {"ip.block 1s as=hang", "s:1: 'as=hang': expected as=reset"},
    {"tcp.reset as=x", "s:1: 'as=x': expected no as= here"},
    {"subscription.delete x as=close,", "expected as= with stay, close, http"},
    {"token.expire as=65536", "s:1: 'as=65536': expected as=CODE"},
    {"reject 403 \"x\"", "s:1: '\"x\"': expected `on topic PATTERN`"},
    {"on topic * reject 404 \"x\"", "s:1: '\"x\"': expected 400 or 403"},
    {"at 1s for 0s tcp.reset", "s:1: '0s': expected more than 0"},
    {"http.status POST", "s:1: expected a path such as /oauth/token before"},
    {"http.status * * 99", "s:1: '99': expected a status from 200 to 599"},
    {"http.status * * 500 times=0", "s:1: 'times=0': expected a number"},
    {"http.status * * 500 retry-after=x", "'retry-after=x': expected sec"},
    {"http.status * * 500 header=x", "s:1: 'header=x': expected header="},
    {"http.status * * 500 body=x body=y", "'body=y': expected it only once"},
    {"http.status * * 500 size=9", "s:1: 'size=9': expected then"},
    {"ws.split 0", "s:1: '0': expected a number from 1"},
    {"ws.raw 8", "s:1: '8': expected pairs of hexadecimal digits"},
    {"ws.raw zz", "s:1: 'zz': expected pairs of hexadecimal digits"},
    {"ws.handshake odd", "s:1: 'odd': expected bad-accept"},
    {"ws.binary 99999999", "s:1: '99999999': expected at most 4194304"},
    {"dup 1001", "s:1: '1001': expected a number up to 1000"},
    {"expect", "s:1: expected reconnect, connect, subscribe, pong"},
    {"expect reconnect 5s", "s:1: '5s': expected within"},
    {"expect no more-than x", "s:1: 'x': expected a number"},
    {"expect no less", "s:1: 'less': expected more-than"},
    {"expect no more-than 1 cups per 1s", "s:1: 'cups': expected event"},
    {"expect no more-than 1 token calls", "s:1: expected per before"},
    {"expect retry-after", "s:1: expected honoured or single before the end"},
    {"expect no more-than 0 accepts per 0x", "s:1: '0x': expected a duration"},
    {"token.life 999ms", "s:1: '999ms': expected at least 1s"},
    {"secret.rotate", "s:1: expected a text before the end"},
    {"secret.rotate \"\"", "s:1: '\"\"': expected a secret"},
    {"secret.rotate x client=a client=b", "'client=b': expected it only once"},
    {"limit.channels 0", "s:1: '0': expected a number from 1"},
    {"topic.drift 0", "s:1: '0': expected a number from 1"},
    {"http.status * * 429 retry-after-date=x", "expected seconds"},
    {"wait 1s then wait 1s then wait 1s then wait 1s then wait 1s then wait "
     "1s then wait 1s then wait 1s then wait 1s then wait 1s then wait 1s "
     "then wait 1s then wait 1s then wait 1s then wait 1s then wait 1s then "
     "wait 1s",
     "s:1: 'wait': expected at most 16 actions"},
};

static void names_line_and_word(void** state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    char error[GCN__SCRIPT_TEXT_SIZE];
    struct gcn__script* script = NULL;
    assert_int_equal(gcn__script_parse(&gcn__mem_libc,
                                       gcn__span_str(mistakes[i].text), "s",
                                       &script, error),
                     GCN__EINVAL);
    assert_null(script);
    if (strstr(error, mistakes[i].error) == NULL) {
      fail_msg("\"%s\" for \"%s\"", error, mistakes[i].text);
    }
  }
}

static void refuses_hostile_texts(void** state) {
  (void)state;
  static char large[GCN__SCRIPT_SIZE_MAX + 1];
  char error[GCN__SCRIPT_TEXT_SIZE];
  struct gcn__script* script;
  memset(large, '\n', sizeof large);
  assert_int_equal(gcn__script_parse(&gcn__mem_libc,
                                     gcn__span(large, sizeof large), "s",
                                     &script, error),
                   GCN__EINVAL);
  assert_string_equal(error, "s: larger than 1 MiB");
  assert_int_equal(gcn__script_parse(&gcn__mem_libc,
                                     GCN__SPAN("ws.send \"a\0b\""), "s",
                                     &script, error),
                   GCN__EINVAL);
  for (size_t i = 0; i + 2 <= 400; i += 2)
    memcpy(large + i, "x ", 2);
  assert_int_equal(gcn__script_parse(&gcn__mem_libc, gcn__span(large, 400), "s",
                                     &script, error),
                   GCN__EINVAL);
  assert_non_null(strstr(error, "expected fewer words"));
  for (size_t i = 0; i < 1001; i++)
    memcpy(large + i * 10, "tcp.reset\n", 10);
  assert_int_equal(gcn__script_parse(&gcn__mem_libc, gcn__span(large, 10010),
                                     "s", &script, error),
                   GCN__EINVAL);
  assert_non_null(strstr(error, "s:1001: 'tcp.reset': expected at most 1000"));
}

static void reads_durations(void** state) {
  (void)state;
  static const struct {
    const char* text;
    uint64_t ms;
  } good[] = {{"0s", 0},
              {"250ms", 250},
              {"5s", 5000},
              {"10m", 600000},
              {"24h", 86400000},
              {"2d", 172800000},
              {"1000000000000000ms", UINT64_C(1000000000000000)}};
  static const char* const bad[] = {"",
                                    "s",
                                    "5",
                                    "5 s",
                                    "-5s",
                                    "5.5s",
                                    "5S",
                                    "5sec",
                                    "1000000000000001ms",
                                    "1000000000000000s",
                                    "99999999999999999999s"};
  uint64_t ms = 0;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(gcn__script_duration(gcn__span_str(good[i].text), &ms));
    assert_true(ms == good[i].ms);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(gcn__script_duration(gcn__span_str(bad[i]), &ms));
  }
}

static void reads_percentages(void** state) {
  (void)state;
  uint64_t ppm = 1;
  assert_true(gcn__script_percent(GCN__SPAN("0%"), &ppm) && ppm == 0);
  assert_true(gcn__script_percent(GCN__SPAN("100%"), &ppm) && ppm == 1000000);
  assert_true(gcn__script_percent(GCN__SPAN("12.3456789%"), &ppm) &&
              ppm == 123456);
  assert_false(gcn__script_percent(GCN__SPAN("100.1%"), &ppm));
  assert_false(gcn__script_percent(GCN__SPAN("%"), &ppm));
  assert_false(gcn__script_percent(GCN__SPAN(".5%"), &ppm));
  assert_false(gcn__script_percent(GCN__SPAN("1.x%"), &ppm));
  assert_false(gcn__script_percent(GCN__SPAN("1"), &ppm));
}

static void matches_patterns(void** state) {
  (void)state;
  static const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "abc", true},
      {"a*", "abc", true},
      {"*c", "abc", true},
      {"a*c", "abc", true},
      {"a*b", "abc", false},
      {"a*b*c", "aXbYc", true},
      {"a**c", "ac", true},
      {"abc", "ABC", true},
      {"abc", "abcd", false},
      {"abcd", "abc", false},
      {"*ab", "aab", true},
      {"*a*a*a*b", "aaaaaaaaaaaaaaaa", false},
      {"v2.users.*.tokens", "v2.users.u.tokens", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_true(
        gcn__script_match(cases[i].pattern, gcn__span_str(cases[i].text)) ==
        cases[i].matches);
  }
}

static void survives_lack_of_memory(void** state) {
  (void)state;
  static const char text[] =
      "on topic v2.a http.status POST /x 500 header=\"a: b\" body=\"c\" then "
      "ws.send \"d\"\nat 1s tcp.reset\nexpect reconnect within 5s";
  int result = GCN__ENOMEM;
  for (size_t n = 1; result != 0; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__script* script = NULL;
    char error[GCN__SCRIPT_TEXT_SIZE];
    result = gcn__script_parse(&mem, gcn__span_str(text), "s", &script, error);
    assert_true(result == 0 || result == GCN__ENOMEM);
    assert_true((script != NULL) == (result == 0));
    gcn__script_free(script);
    assert_int_equal(probe.live_size, 0);
    assert_true(n < 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_example),
      cmocka_unit_test(reads_options_of_actions),
      cmocka_unit_test(counts_on_what_happens),
      cmocka_unit_test(knows_every_verb),
      cmocka_unit_test(knows_every_expectation),
      cmocka_unit_test(names_line_and_word),
      cmocka_unit_test(refuses_hostile_texts),
      cmocka_unit_test(reads_durations),
      cmocka_unit_test(reads_percentages),
      cmocka_unit_test(matches_patterns),
      cmocka_unit_test(survives_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
