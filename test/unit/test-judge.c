/* SPDX-License-Identifier: MIT */
/*
 * What answers and close codes mean.
 *
 * The rows below are typed from PROTOCOL §1.5, §2, §3, §4.1, §5 and the H, O, P
 * and W rows of the fault catalogue, not from the code's own table.
 */
#include "dialect/channels.h"

#include "base/err.h"
#include "check.h"

#include <limits.h>
#include <stdio.h>

struct row {
  const char* source;
  enum gcn__op op;
  unsigned status;
  const char* body; /* NULL: none, or no JSON */
  enum gcn__meaning meaning;
};

#define TOKEN       GCN__OP_TOKEN
#define CHANNEL     GCN__OP_CHANNEL
#define TOPICS      GCN__OP_TOPICS
#define UPGRADE     GCN__OP_UPGRADE
#define AUDIT       GCN__OP_AUDIT
#define ADD         GCN__OP_ADD
#define UNSUBSCRIBE GCN__OP_UNSUBSCRIBE
#define ERROR(name) "{\"error\":\"" name "\",\"description\":\"x\"}"
#define CODE(name)  "{\"message\":\"x\",\"code\":\"" name "\",\"status\":1}"

static const struct row rows[] = {
    {"§1.2", TOKEN, 200, "{}", GCN__MEANING_OK},
    {"§2.1", CHANNEL, 200, "{}", GCN__MEANING_OK},
    {"§3.1", TOPICS, 200, "{}", GCN__MEANING_OK},
    {"§4.1", UPGRADE, 101, NULL, GCN__MEANING_OK},

    {"§3.1", AUDIT, 200, "{}", GCN__MEANING_OK},
    {"§3.1", ADD, 200, "{}", GCN__MEANING_OK},
    {"§3.1", UNSUBSCRIBE, 200, NULL, GCN__MEANING_OK},
    {"§3.1", UNSUBSCRIBE, 204, NULL, GCN__MEANING_OK},
    {"§3.1", AUDIT, 204, NULL, GCN__MEANING_WEATHER},

    /* Refusals of the login service are final until something changes. */
    {"§1.5", TOKEN, 400, ERROR("invalid_client"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 401, ERROR("invalid_client"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 400, ERROR("invalid_grant"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 401, ERROR("invalid_grant"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 400, ERROR("unauthorized_client"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 401, ERROR("unauthorized_client"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 400, ERROR("unsupported_grant_type"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 400, ERROR("invalid_request"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 400, CODE("invalid_client"), GCN__MEANING_REFUSED},
    {"§1.5", TOKEN, 401, "{\"error\":\"x\"}", GCN__MEANING_REFUSED},
    {"P09", TOKEN, 401, NULL, GCN__MEANING_STUBBORN},
    {"§1.5", TOKEN, 401, "{}", GCN__MEANING_STUBBORN},
    /* A 400 that names no such cause may be a proxy's. */
    {"H18", TOKEN, 400, NULL, GCN__MEANING_STUBBORN},
    {"H18", TOKEN, 400, ERROR("Invalid_Client "), GCN__MEANING_STUBBORN},
    {"§1.5", TOKEN, 500, ERROR("invalid_client"), GCN__MEANING_WEATHER},
    {"O02", TOKEN, 500, NULL, GCN__MEANING_WEATHER},
    {"O02", TOKEN, 502, NULL, GCN__MEANING_WEATHER},
    {"O02", TOKEN, 504, NULL, GCN__MEANING_WEATHER},
    {"O02", TOKEN, 429, NULL, GCN__MEANING_LIMITED},
    {"O02", TOKEN, 503, NULL, GCN__MEANING_LIMITED},
    {"O02", TOKEN, 408, NULL, GCN__MEANING_WEATHER},
    {"H07", TOKEN, 302, NULL, GCN__MEANING_STUBBORN},
    {"§1.1", TOKEN, 404, NULL, GCN__MEANING_STUBBORN},

    /* The REST API. */
    {"H02", CHANNEL, 401, CODE("bad.credentials"), GCN__MEANING_STALE_TOKEN},
    {"H02", TOPICS, 401, CODE("credentials.expired"), GCN__MEANING_STALE_TOKEN},
    {"H02", TOPICS, 401, CODE("authentication.required"),
     GCN__MEANING_STALE_TOKEN},
    {"H02", TOPICS, 401, NULL, GCN__MEANING_STALE_TOKEN},
    /* Words of the login service mean nothing here. */
    {"§1.5", TOPICS, 401, ERROR("invalid_client"), GCN__MEANING_STALE_TOKEN},
    {"H03", CHANNEL, 403, CODE("not.authorized"), GCN__MEANING_STUBBORN},
    {"H03", TOPICS, 403, CODE("missing.permissions"), GCN__MEANING_STUBBORN},
    {"H04", TOPICS, 404, CODE("not.found"), GCN__MEANING_STALE_CHANNEL},
    {"H04", TOPICS, 404, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H04", TOPICS, 410, NULL, GCN__MEANING_STALE_CHANNEL},
    {"§1.1", CHANNEL, 404, NULL, GCN__MEANING_STUBBORN},
    {"H05", CHANNEL, 408, CODE("request.timeout"), GCN__MEANING_WEATHER},
    {"H05", CHANNEL, 500, CODE("internal.server.error"), GCN__MEANING_WEATHER},
    {"H05", TOPICS, 502, NULL, GCN__MEANING_WEATHER},
    {"H05", TOPICS, 503, CODE("service.unavailable"), GCN__MEANING_LIMITED},
    {"H05", TOPICS, 504, CODE("request.timeout"), GCN__MEANING_WEATHER},
    {"§1.5", TOPICS, 409, CODE("conflict"), GCN__MEANING_WEATHER},
    {"§1.5", TOPICS, 400, CODE("bad.request"), GCN__MEANING_STUBBORN},
    {"§1.5", CHANNEL, 400, CODE("general.bad.request"), GCN__MEANING_STUBBORN},
    {"§1.5", TOPICS, 413, NULL, GCN__MEANING_STUBBORN},
    {"§1.5", TOPICS, 415, NULL, GCN__MEANING_STUBBORN},
    {"H06", CHANNEL, 429, CODE("too.many.requests.retry.after"),
     GCN__MEANING_LIMITED},
    {"H06", TOPICS, 429, CODE("too.many.requests"), GCN__MEANING_LIMITED},
    {"H06", TOPICS, 429, NULL, GCN__MEANING_LIMITED},
    {"H07", CHANNEL, 301, NULL, GCN__MEANING_STUBBORN},
    {"H07", TOPICS, 307, NULL, GCN__MEANING_STUBBORN},

    {"H04", AUDIT, 404, CODE("not.found"), GCN__MEANING_STALE_CHANNEL},
    {"H04", AUDIT, 410, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H04", ADD, 404, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H04", ADD, 410, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H04", UNSUBSCRIBE, 404, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H04", UNSUBSCRIBE, 410, NULL, GCN__MEANING_STALE_CHANNEL},
    {"H02", AUDIT, 401, NULL, GCN__MEANING_STALE_TOKEN},
    {"H02", ADD, 401, CODE("bad.credentials"), GCN__MEANING_STALE_TOKEN},
    {"H02", UNSUBSCRIBE, 401, NULL, GCN__MEANING_STALE_TOKEN},
    {"H03", ADD, 403, CODE("missing.permissions"), GCN__MEANING_STUBBORN},
    {"§2.2", ADD, 400, CODE("bad.request"), GCN__MEANING_STUBBORN},
    {"H06", AUDIT, 429, NULL, GCN__MEANING_LIMITED},
    {"H06", ADD, 429, NULL, GCN__MEANING_LIMITED},
    {"H05", UNSUBSCRIBE, 503, NULL, GCN__MEANING_LIMITED},
    {"H05", AUDIT, 502, NULL, GCN__MEANING_WEATHER},

    /* The upgrade. */
    {"W03", UPGRADE, 404, NULL, GCN__MEANING_STALE_CHANNEL},
    {"W03", UPGRADE, 410, NULL, GCN__MEANING_STALE_CHANNEL},
    {"W03", UPGRADE, 401, NULL, GCN__MEANING_STALE_CHANNEL},
    {"W03", UPGRADE, 403, NULL, GCN__MEANING_STALE_CHANNEL},
    {"W03", UPGRADE, 429, NULL, GCN__MEANING_LIMITED},
    {"W03", UPGRADE, 503, NULL, GCN__MEANING_LIMITED},
    {"W03", UPGRADE, 400, NULL, GCN__MEANING_STUBBORN},
    {"W03", UPGRADE, 500, NULL, GCN__MEANING_WEATHER},
    {"W03", UPGRADE, 502, NULL, GCN__MEANING_WEATHER},
    {"P10", UPGRADE, 200, NULL, GCN__MEANING_STUBBORN},
    {"P10", UPGRADE, 426, NULL, GCN__MEANING_STUBBORN},
    {"P01", UPGRADE, 407, NULL, GCN__MEANING_STUBBORN},
    {"H07", UPGRADE, 302, NULL, GCN__MEANING_STUBBORN},

    /* Out of place. */
    {"H08", CHANNEL, 101, NULL, GCN__MEANING_WEATHER},
    {"H18", TOPICS, 204, NULL, GCN__MEANING_WEATHER},
    {"H18", TOKEN, 201, NULL, GCN__MEANING_WEATHER},
    {"§2.2.2", TOKEN, 600, NULL, GCN__MEANING_WEATHER},
    {"§2.2.2", TOPICS, 999, NULL, GCN__MEANING_WEATHER},
};

static struct gcn__judgement judge(enum gcn__op op, unsigned status,
                                   const char* body) {
  struct gcn__json* json = NULL;
  if (body != NULL) {
    json = gcn__json_parse(gcn__span_str(body), NULL);
    assert_non_null(json);
  }
  struct gcn__judgement judgement = gcn__channels_judge(op, status, json);
  gcn__json_free(json, false);
  return judgement;
}

static void every_row_of_the_sources_is_kept(void** state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct row* row = &rows[i];
    struct gcn__judgement judgement = judge(row->op, row->status, row->body);
    if (judgement.meaning == row->meaning) continue;
    fail_msg("%s: op %d, status %u, %s: meaning %d, not %d", row->source,
             (int)row->op, row->status, row->body == NULL ? "-" : row->body,
             (int)judgement.meaning, (int)row->meaning);
  }
}

static void assert_sane(enum gcn__op op, unsigned status,
                        struct gcn__judgement j) {
  bool ok = j.meaning == GCN__MEANING_OK;
  assert_int_equal(ok, j.error == 0);
  assert_true(j.error <= 0);
  assert_non_null(j.text);
  assert_int_equal(ok, j.text[0] == '\0');
  bool good = status == 101 || status == 200 || status == 201 || status == 204;
  if (ok) assert_true(good);
  if (j.meaning == GCN__MEANING_REFUSED) assert_int_equal(op, GCN__OP_TOKEN);
  bool channel = j.meaning == GCN__MEANING_STALE_CHANNEL;
  if (channel) assert_true(op != GCN__OP_TOKEN && op != GCN__OP_CHANNEL);
  if (channel) assert_true(op != GCN__OP_NONE && op != GCN__OP_STREAM);
  if (j.meaning == GCN__MEANING_STALE_TOKEN) assert_int_equal(status, 401);
  if (j.meaning == GCN__MEANING_LIMITED)
    assert_int_equal(j.error, GCN_ERATELIMITED);
  bool redirect = status >= 300 && status <= 399;
  assert_int_equal(redirect, j.error == GCN_EREDIRECT);
  bool server = status >= 500 && status <= 599;
  if (server) {
    bool passes =
        j.meaning == GCN__MEANING_WEATHER || j.meaning == GCN__MEANING_LIMITED;
    assert_true(passes); /* nothing a broken server says is final */
  }
}

static void every_status_of_every_call_means_something(void** state) {
  (void)state;
  static const char* const bodies[] = {NULL,
                                       "{}",
                                       "[]",
                                       ERROR("invalid_client"),
                                       CODE("not.found"),
                                       "{\"error\":{},\"code\":400}"};
  for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
    struct gcn__json* json =
        bodies[b] == NULL ? NULL
                          : gcn__json_parse(gcn__span_str(bodies[b]), NULL);
    for (int op = GCN__OP_NONE; op <= GCN__OP_UNSUBSCRIBE; op++) {
      for (unsigned status = 0; status <= 1100; status++) {
        enum gcn__op asked = (enum gcn__op)op;
        assert_sane(asked, status, gcn__channels_judge(asked, status, json));
      }
    }
    gcn__json_free(json, false);
  }
  assert_int_equal(judge(TOKEN, UINT_MAX, NULL).meaning, GCN__MEANING_WEATHER);
}

/* --- close codes ---------------------------------------------------------- */

static const struct {
  unsigned code;
  enum gcn__meaning meaning;
} closes[] = {
    {1000, GCN__MEANING_WEATHER},     {1001, GCN__MEANING_WEATHER},
    {1002, GCN__MEANING_BROKEN},      {1003, GCN__MEANING_BROKEN},
    {1004, GCN__MEANING_WEATHER},     {1005, GCN__MEANING_WEATHER},
    {1006, GCN__MEANING_WEATHER},     {1007, GCN__MEANING_BROKEN},
    {1008, GCN__MEANING_STALE_TOKEN}, {1009, GCN__MEANING_BROKEN},
    {1011, GCN__MEANING_WEATHER},     {1012, GCN__MEANING_WEATHER},
    {1013, GCN__MEANING_LIMITED},     {1014, GCN__MEANING_WEATHER},
    {4001, GCN__MEANING_STALE_TOKEN}, {4429, GCN__MEANING_LIMITED},
    {429, GCN__MEANING_LIMITED},      {400, GCN__MEANING_WEATHER},
    {0, GCN__MEANING_WEATHER},        {999, GCN__MEANING_WEATHER},
    {5000, GCN__MEANING_WEATHER},     {4100, GCN__MEANING_WEATHER},
};

static void close_codes_mean_what_the_catalogue_says(void** state) {
  (void)state;
  for (size_t i = 0; i < sizeof closes / sizeof closes[0]; i++) {
    uint64_t wait_ms = 1;
    struct gcn__judgement judgement =
        gcn__channels_judge_close(closes[i].code, GCN__SPAN(""), &wait_ms);
    if (judgement.meaning != closes[i].meaning) {
      fail_msg("close %u means %d", closes[i].code, (int)judgement.meaning);
    }
    /* FAULTS W13: at least 30 s where a limit does not say how long. */
    bool limited = closes[i].meaning == GCN__MEANING_LIMITED;
    assert_true(wait_ms == (limited ? 30000 : 0));
  }
}

/* Codes are not meant to be significant (§4.5): none stops us, and only those
 * of the catalogue do more than make us reconnect. */
static void every_close_code_means_something(void** state) {
  (void)state;
  unsigned special_count = 0;
  for (unsigned code = 0; code <= 65535; code++) {
    uint64_t wait_ms = 1;
    struct gcn__judgement j =
        gcn__channels_judge_close(code, GCN__SPAN("7"), &wait_ms);
    assert_true(j.error < 0);
    assert_true(j.text != NULL && j.text[0] != '\0');
    assert_int_not_equal(j.meaning, GCN__MEANING_OK);
    assert_int_not_equal(j.meaning, GCN__MEANING_REFUSED);
    bool limited = j.meaning == GCN__MEANING_LIMITED;
    assert_true(wait_ms == (limited ? 7000 : 0));
    if (j.meaning != GCN__MEANING_WEATHER) special_count++;
  }
  assert_int_equal(special_count, 10);
}

static void seconds_in_a_reason_are_a_wish(void** state) {
  (void)state;
  static const struct {
    const char* reason;
    uint64_t wait_ms;
  } cases[] = {
      {"42", 42000},       {"007", 7000},  {"99999", 99999000}, {"0", 30000},
      {"100000", 30000},   {"", 30000},    {"-1", 30000},       {"4 2", 30000},
      {"42s", 30000},      {"1e3", 30000}, {"+5", 30000},       {" 7", 30000},
      {"too many", 30000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t wait_ms = 1;
    gcn__channels_judge_close(429, gcn__span_str(cases[i].reason), &wait_ms);
    assert_true(wait_ms == cases[i].wait_ms);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_of_the_sources_is_kept),
      cmocka_unit_test(every_status_of_every_call_means_something),
      cmocka_unit_test(close_codes_mean_what_the_catalogue_says),
      cmocka_unit_test(every_close_code_means_something),
      cmocka_unit_test(seconds_in_a_reason_are_a_wish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
