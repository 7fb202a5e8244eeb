/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: what answers, closes and messages mean.
 *
 * The rows are those of PROTOCOL §6; beyond them every number there is means
 * something, and nothing a server says is final.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "check.h"

#include <limits.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define UPGRADE     GCN__OP_UPGRADE
#define TOPICS      GCN__OP_TOPICS
#define TICKET      GCN__OP_CHANNEL
#define AUDIT       GCN__OP_AUDIT
#define UNSUBSCRIBE GCN__OP_UNSUBSCRIBE

#define ERRORS(text)                                                           \
  "{\"code\":400,\"message\":\"Bad Request\",\"status\":\"Bad Request\","      \
  "\"errors\":[\"" text "\"]}"
#define MESSAGE(text) "{\"message\":\"" text "\"}"

static const char gone[] =
    "Invalid subscription: resource not found or insufficient permissions";

struct row {
  enum gcn__op op;
  unsigned status;
  const char* body; /* NULL: none */
  enum gcn__meaning meaning;
  int error;
  const char* word; /* of the sentence */
};

static const struct row rows[] = {
    {UPGRADE, 101, NULL, GCN__MEANING_OK, 0, ""},
    {TICKET, 200, NULL, GCN__MEANING_OK, 0, ""},
    {TICKET, 201, NULL, GCN__MEANING_OK, 0, ""},
    {TOPICS, 200, NULL, GCN__MEANING_OK, 0, ""},
    {TOPICS, 202, NULL, GCN__MEANING_OK, 0, ""},
    {AUDIT, 200, NULL, GCN__MEANING_OK, 0, ""},
    {UNSUBSCRIBE, 204, NULL, GCN__MEANING_OK, 0, ""},
    {UNSUBSCRIBE, 404, NULL, GCN__MEANING_OK, 0, ""},
    {UNSUBSCRIBE, 410, NULL, GCN__MEANING_OK, 0, ""},

    {UPGRADE, 401, NULL, GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {AUDIT, 401, NULL, GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {UPGRADE, 403, NULL, GCN__MEANING_STUBBORN, GCN_EFORBIDDEN,
     "notification:subscribe"},
    {UPGRADE, 403, MESSAGE("token lacks scope notifications:read"),
     GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "notifications:read"},
    {UPGRADE, 403, MESSAGE("License CX 2 required"), GCN__MEANING_STUBBORN,
     GCN_EFORBIDDEN, "CX 2"},
    {UPGRADE, 403, MESSAGE("organization is in another region"),
     GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},
    {TOPICS, 403, NULL, GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "permissions"},

    /* A 400 that means something else. */
    {UPGRADE, 400, ERRORS("Token expired"), GCN__MEANING_STALE_TOKEN, GCN_EAUTH,
     "token"},
    {UPGRADE, 400, ERRORS("401 Unauthorized"), GCN__MEANING_STALE_TOKEN,
     GCN_EAUTH, "token"},
    {UPGRADE, 400, "{\"code\":401,\"message\":\"Bad Request\"}",
     GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {UPGRADE, 400, "{\"code\":\"bad.credentials\"}", GCN__MEANING_STALE_TOKEN,
     GCN_EAUTH, "token"},
    {TOPICS, 400,
     "{\"errors\":[{\"message\":\"x\"},{\"code\":\"token_"
     "expired\"}]}",
     GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {UPGRADE, 400, ERRORS("403 Forbidden"), GCN__MEANING_STUBBORN,
     GCN_EFORBIDDEN, "scopes"},
    {UPGRADE, 400, "{\"code\":403}", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN,
     "scopes"},
    {UPGRADE, 400, ERRORS("token lacks scope x"), GCN__MEANING_STUBBORN,
     GCN_EFORBIDDEN, "scopes"},
    {UPGRADE, 400, ERRORS("missing permissions"), GCN__MEANING_STUBBORN,
     GCN_EFORBIDDEN, "roles"},
    {UPGRADE, 400, ERRORS("licence"), GCN__MEANING_STUBBORN, GCN_EFORBIDDEN,
     "CX 2"},
    {UPGRADE, 400, "{\"code\":429}", GCN__MEANING_LIMITED, GCN_ERATELIMITED,
     "limits"},
    {UPGRADE, 400, MESSAGE("wrong region"), GCN__MEANING_STUBBORN, GCN_ESTATUS,
     "region"},
    {UPGRADE, 400, MESSAGE("URL too long"), GCN__MEANING_STUBBORN, GCN_ELIMIT,
     "URL too long"},
    {UPGRADE, 400, MESSAGE("lastEventId is outside of the retention window"),
     GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},

    {UPGRADE, 400, ERRORS("Invalid subscription payload."),
     GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "still active"},
    {UPGRADE, 400, MESSAGE("Unexpected token } in JSON at position 3"),
     GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "malformed"},
    {TOPICS, 400, ERRORS("Invalid subscription payload."),
     GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "still active"},
    {UPGRADE, 400,
     ERRORS("Invalid subscription: resource not found or "
            "insufficient permissions"),
     GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {UPGRADE, 400,
     ERRORS("Invalid subscription: resource not found: "
            "token-queue-401"),
     GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {UPGRADE, 400, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "preset"},
    {UPGRADE, 400, MESSAGE("id 14013"), GCN__MEANING_STUBBORN, GCN_ESTATUS,
     "preset"},
    {AUDIT, 400, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "preflight_path"},
    {AUDIT, 400, ERRORS("Invalid subscription payload."), GCN__MEANING_STUBBORN,
     GCN_ESTATUS, "preflight_path"},

    {UPGRADE, 404, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},
    {UPGRADE, 421, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},
    {UPGRADE, 302, NULL, GCN__MEANING_STUBBORN, GCN_EREDIRECT, "region"},
    {TOPICS, 307, NULL, GCN__MEANING_STUBBORN, GCN_EREDIRECT, "redirect"},
    {UPGRADE, 414, NULL, GCN__MEANING_STUBBORN, GCN_ELIMIT, "URL too long"},
    {UPGRADE, 431, NULL, GCN__MEANING_STUBBORN, GCN_ELIMIT, "URL too long"},
    {TOPICS, 413, NULL, GCN__MEANING_STUBBORN, GCN_ELIMIT, "url_size_max"},
    {UPGRADE, 408, NULL, GCN__MEANING_WEATHER, GCN_ESTATUS, "again"},
    {UPGRADE, 409, NULL, GCN__MEANING_WEATHER, GCN_ESTATUS, "again"},
    {TOPICS, 409, NULL, GCN__MEANING_WEATHER, GCN_ESTATUS, "still be active"},
    {UPGRADE, 410, NULL, GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},
    {TOPICS, 410, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},
    {UPGRADE, 429, NULL, GCN__MEANING_LIMITED, GCN_ERATELIMITED, "limits"},
    {UPGRADE, 503, NULL, GCN__MEANING_LIMITED, GCN_ERATELIMITED, "waiting"},
    {UPGRADE, 200, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "web page"},
    {UPGRADE, 426, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "proxy"},
    {UPGRADE, 502, NULL, GCN__MEANING_WEATHER, GCN_ESTATUS, "internal"},
    {UPGRADE, 600, NULL, GCN__MEANING_WEATHER, GCN_ESTATUS, "not expected"},
    {AUDIT, 404, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "no pre-flight"},
    {AUDIT, 405, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "no pre-flight"},
    {AUDIT, 501, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "no pre-flight"},
    {TICKET, 404, NULL, GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},

    /* The login service is the same in both dialects. */
    {GCN__OP_TOKEN, 401, "{\"error\":\"invalid_client\"}", GCN__MEANING_REFUSED,
     GCN_EAUTH, "secret"},
};

static struct gcn__judgement judge(enum gcn__op op, unsigned status,
                                   const char* body) {
  struct gcn__json* json = NULL;
  if (body != NULL) {
    json = gcn__json_parse(gcn__span_str(body), NULL);
    assert_non_null(json);
  }
  struct gcn__judgement judgement = gcn__stream_judge(op, status, json);
  gcn__json_free(json, false);
  return judgement;
}

static void every_row_of_the_sources_is_kept(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct row* row = &rows[i];
    struct gcn__judgement j = judge(row->op, row->status, row->body);
    if (j.meaning == row->meaning && j.error == row->error &&
        strstr(j.text, row->word) != NULL) {
      continue;
    }
    fail_msg("op %d, status %u, %s: %d, %d, %s", (int)row->op, row->status,
             row->body == NULL ? "-" : row->body, (int)j.meaning, j.error,
             j.text);
  }
}

static void assert_sane(enum gcn__op op, unsigned status,
                        struct gcn__judgement j) {
  bool ok = j.meaning == GCN__MEANING_OK;
  assert_int_equal(ok, j.error == 0);
  assert_true(j.error <= 0);
  assert_non_null(j.text);
  assert_int_equal(ok, j.text[0] == '\0');
  bool off = op == UNSUBSCRIBE && (status == 404 || status == 410);
  if (ok) assert_true(off || status == 101 || (status >= 200 && status < 205));
  assert_int_not_equal(j.meaning, GCN__MEANING_REFUSED);
  bool channel = j.meaning == GCN__MEANING_STALE_CHANNEL;
  if (channel) assert_true(op == UPGRADE || op == TOPICS);
  if (channel) assert_int_equal(j.error, GCN_ESUBSCRIPTION);
  if (j.meaning == GCN__MEANING_STALE_TOKEN) {
    assert_true(status == 401 || status == 400);
  }
  if (j.meaning == GCN__MEANING_LIMITED) {
    assert_int_equal(j.error, GCN_ERATELIMITED);
  }
  bool redirect = status >= 300 && status <= 399;
  assert_int_equal(redirect, j.error == GCN_EREDIRECT);
  if (j.error == GCN_EPOSITION) {
    assert_int_equal(j.meaning, GCN__MEANING_WEATHER);
  }
}

static void every_status_of_every_call_means_something(void** state) {
  (void)state;
  static const char* const bodies[] = {
      NULL,
      "{}",
      "[]",
      MESSAGE("token"),
      ERRORS("Invalid subscription"),
      "{\"errors\":[[],{},7,null],\"code\":{},\"message\":[]}"};
  for (size_t b = 0; b < COUNT(bodies); b++) {
    struct gcn__json* json = NULL;
    if (bodies[b] != NULL)
      json = gcn__json_parse(gcn__span_str(bodies[b]), NULL);
    for (int op = GCN__OP_NONE; op <= GCN__OP_CHECKPOINT; op++) {
      enum gcn__op asked = (enum gcn__op)op;
      if (asked == GCN__OP_TOKEN) continue;
      for (unsigned status = 0; status <= 1100; status++)
        assert_sane(asked, status, gcn__stream_judge(asked, status, json));
    }
    gcn__json_free(json, false);
  }
  assert_int_equal(judge(UPGRADE, UINT_MAX, NULL).meaning,
                   GCN__MEANING_WEATHER);
}

/* --- closes --------------------------------------------------------------- */

struct close_row {
  unsigned code;
  const char* reason;
  enum gcn__meaning meaning;
  int error;
  const char* word;
};

static const struct close_row closes[] = {
    {1000, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "closed"},
    {1000, "slow consumer", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "not read"},
    {1001, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "going away"},
    {1001, "draining, resume with lastEventId", GCN__MEANING_WEATHER,
     GCN_EPEERCLOSE, "going away"},
    {1012, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "restarting"},
    {1002, "ping too fast", GCN__MEANING_BROKEN, GCN_EWS, "ping_ms"},
    {1003, "", GCN__MEANING_BROKEN, GCN_EWS, "data"},
    {1005, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "without saying"},
    {1006, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "without a close frame"},
    {1007, "", GCN__MEANING_BROKEN, GCN_EWS, "invalid data"},
    {1009, "", GCN__MEANING_BROKEN, GCN_EWS, "too big"},
    {1010, "", GCN__MEANING_BROKEN, GCN_EWS, "extension"},
    {1011, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "internal"},
    {1014, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "gateway"},
    {1013, "", GCN__MEANING_LIMITED, GCN_ERATELIMITED, "later"},
    {1013, "Slow Consumer", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "not read"},
    {1013, "backpressure", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "position"},

    {1008, "", GCN__MEANING_STALE_TOKEN, GCN_EPEERCLOSE, "policy"},
    {1008, "token expired", GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {1008, "missing permission", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN,
     "scopes"},
    {1008, "license", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "CX 2"},
    {1008, "429", GCN__MEANING_LIMITED, GCN_ERATELIMITED, "limits"},
    {1008, "message rate exceeded", GCN__MEANING_LIMITED, GCN_ERATELIMITED,
     "limits"},
    {1008, "too many connections", GCN__MEANING_LIMITED, GCN_ERATELIMITED,
     "limits"},
    {1008, "400", GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "refused"},
    {1008, gone, GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {1008, "slow consumer", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "not read"},
    {1008, "resume too old", GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},

    {4001, "token_expired", GCN__MEANING_STALE_TOKEN, GCN_EPEERCLOSE, "token"},
    {4001, "", GCN__MEANING_STALE_TOKEN, GCN_EPEERCLOSE, "token"},
    {401, "", GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {4401, "", GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {403, "", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "scopes"},
    {4403, "licence", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "CX 2"},
    {400, gone, GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {4400, gone, GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {4400, "", GCN__MEANING_STALE_CHANNEL, GCN_ESUBSCRIPTION, "resource"},
    {400, "Invalid subscription payload.", GCN__MEANING_STALE_CHANNEL,
     GCN_ESUBSCRIPTION, "still active"},
    {400, "Unauthorized", GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},
    {4400, "403 Forbidden", GCN__MEANING_STUBBORN, GCN_EFORBIDDEN, "scopes"},
    {4400, "wrong region", GCN__MEANING_STUBBORN, GCN_ESTATUS, "region"},
    {4400, "lastEventId unknown", GCN__MEANING_WEATHER, GCN_EPOSITION,
     "position"},
    {410, "", GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},
    {4410, "", GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},
    {4410, "retention", GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},
    {4999, "position is gone", GCN__MEANING_WEATHER, GCN_EPOSITION, "position"},
    {429, "", GCN__MEANING_LIMITED, GCN_ERATELIMITED, "limits"},
    {4429, "", GCN__MEANING_LIMITED, GCN_ERATELIMITED, "limits"},
    {4100, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "its own"},
    {4100, "token revoked", GCN__MEANING_STALE_TOKEN, GCN_EAUTH, "token"},

    {0, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {999, "token", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {1004, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {1015, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {2999, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {5000, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
    {UINT_MAX, "", GCN__MEANING_WEATHER, GCN_EPEERCLOSE, "RFC 6455"},
};

static void closes_mean_what_the_sources_say(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  for (size_t i = 0; i < COUNT(closes); i++) {
    const struct close_row* row = &closes[i];
    uint64_t wait_ms = 1;
    bool lost = false;
    struct gcn__judgement j = gcn__stream_judge_close(
        &shape, row->code, gcn__span_str(row->reason), &wait_ms, &lost);
    if (j.meaning != row->meaning || j.error != row->error ||
        strstr(j.text, row->word) == NULL) {
      fail_msg("%u %s: %d, %d, %s", row->code, row->reason, (int)j.meaning,
               j.error, j.text);
    }
    assert_int_equal(lost, row->error == GCN_EPOSITION);
    assert_int_equal(wait_ms > 0, row->meaning == GCN__MEANING_LIMITED);
  }
}

/* PROTOCOL §6.2, thread C */
static void in_one_description_4001_is_a_rate_limit(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_MESSAGE);
  uint64_t wait_ms = 0;
  bool lost = true;
  struct gcn__judgement j =
      gcn__stream_judge_close(&shape, 4001, GCN__SPAN("7"), &wait_ms, &lost);
  assert_int_equal(j.meaning, GCN__MEANING_LIMITED);
  assert_true(wait_ms == 7000 && !lost);
  j = gcn__stream_judge_close(&shape, 4001, GCN__SPAN("token_expired"),
                              &wait_ms, &lost);
  assert_int_equal(j.meaning, GCN__MEANING_STALE_TOKEN);
  assert_true(wait_ms == 0);
}

static void every_close_means_something(void** state) {
  (void)state;
  static const char* const reasons[] = {"", "7", "token", "permission", gone};
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  for (size_t r = 0; r < COUNT(reasons); r++) {
    struct gcn__span reason = gcn__span_str(reasons[r]);
    for (unsigned code = 0; code <= 65535; code++) {
      uint64_t wait_ms = 1;
      bool lost = false;
      struct gcn__judgement j =
          gcn__stream_judge_close(&shape, code, reason, &wait_ms, &lost);
      assert_true(j.error < 0);
      assert_true(j.text != NULL && j.text[0] != '\0');
      assert_int_not_equal(j.meaning, GCN__MEANING_OK);
      assert_int_not_equal(j.meaning, GCN__MEANING_REFUSED);
      bool limited = j.meaning == GCN__MEANING_LIMITED;
      assert_int_equal(wait_ms > 0, limited);
      assert_int_equal(lost, j.error == GCN_EPOSITION);
    }
  }
}

static void seconds_in_a_reason_are_a_wish(void** state) {
  (void)state;
  static const struct {
    const char* reason;
    uint64_t wait_ms;
  } cases[] = {
      {"42", 42000},
      {"007", 7000},
      {"99999", 99999000},
      {"0", 30000},
      {"100000", 30000},
      {"", 30000},
      {"42s", 42000},
      {"retry after 30 seconds", 30000},
      {"retry-after: 31", 31000},
      {"429: retry after 32 seconds", 32000},
      {"429", 30000},
      {"too many requests", 30000},
      {"wait 1500 ms", 1500},
      {"wait 250ms", 250},
      {"wait 2 minutes", 120000},
      {"wait 2 m", 30000},
      {"1234567 then 8", 30000},
      {" 5 ", 5000},
      {"4429", 30000},
      {"Retry in 12.", 12000},
      {"RETRY AFTER 13 SECONDS", 13000},
      {"retryAfter: 14", 14000},
      {"retry_after=15", 15000},
      {"wait 1 hour", 3600000},
      {"wait 123456 s, or 16 s", 16000},
  };
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint64_t wait_ms = 1;
    bool lost = false;
    gcn__stream_judge_close(&shape, 4429, gcn__span_str(cases[i].reason),
                            &wait_ms, &lost);
    if (wait_ms != cases[i].wait_ms)
      fail_msg("%s: %u", cases[i].reason, (unsigned)wait_ms);
  }
}

/* Most numbers of a sentence are of something else. */
static void numbers_in_prose_are_no_wait(void** state) {
  (void)state;
  static const struct {
    const char* text;
    uint64_t wait_ms;
  } cases[] = {
      {"Rate limit of 1000 requests per minute exceeded", 30000},
      {"error 4429", 30000},
      {"request 7f00021 throttled; retry after 5 s", 5000},
      {"request f7 was throttled after 3000 messages", 30000},
      {"too many requests since 10:15:30, in all 77", 30000},
      {"in 2026-01-02T03:04:05Z", 30000},
      {"host 10.0.0.7 is busy; wait 1,500 ms", 30000},
      {"after 7f21", 30000},
      {"within 40", 30000},
      {"3 strikes; try again in 2 minutes", 120000},
      {"limit 10, used 11: 750ms", 750},
      {"wait", 30000},
      {"after x 5", 30000},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint64_t wait_ms = gcn__stream_wait_ms(gcn__span_str(cases[i].text));
    if (wait_ms != cases[i].wait_ms)
      fail_msg("%s: %u", cases[i].text, (unsigned)wait_ms);
  }
}

/* --- messages ------------------------------------------------------------- */

static void messages_mean_what_they_are_about(void** state) {
  (void)state;
  static const struct {
    struct gcn__batch batch;
    enum gcn__meaning meaning;
    int error;
  } cases[] = {
      {{.kind = GCN__BATCH_EVENTS}, GCN__MEANING_OK, 0},
      {{.kind = GCN__BATCH_OTHER}, GCN__MEANING_OK, 0},
      {{.kind = GCN__BATCH_ERROR}, GCN__MEANING_WEATHER, GCN_EPROTO},
      {{.kind = GCN__BATCH_ERROR, .errors = {"[\"x\"]", 5}},
       GCN__MEANING_WEATHER,
       GCN_EPROTO},
      {{.kind = GCN__BATCH_ERROR, .errors = {"[\"token\"]", 9}},
       GCN__MEANING_STALE_TOKEN,
       GCN_EAUTH},
      {{.kind = GCN__BATCH_ERROR, .error_code = {"401", 3}},
       GCN__MEANING_STALE_TOKEN,
       GCN_EAUTH},
      {{.kind = GCN__BATCH_ERROR, .error_code = {"403", 3}},
       GCN__MEANING_STUBBORN,
       GCN_EFORBIDDEN},
      {{.kind = GCN__BATCH_ERROR, .error_code = {"429", 3}},
       GCN__MEANING_LIMITED,
       GCN_ERATELIMITED},
      {{.kind = GCN__BATCH_ERROR, .error_code = {"400", 3}},
       GCN__MEANING_STALE_CHANNEL,
       GCN_ESUBSCRIPTION},
      {{.kind = GCN__BATCH_ERROR, .error_message = {gone, sizeof gone - 1}},
       GCN__MEANING_STALE_CHANNEL,
       GCN_ESUBSCRIPTION},
      {{.kind = GCN__BATCH_ERROR, .error_message = {"resume too old", 14}},
       GCN__MEANING_WEATHER,
       GCN_EPOSITION},
      {{.kind = GCN__BATCH_ERROR,
        .error_code = {"400", 3},
        .errors = {"[{\"code\":\"401\"}]", 16}},
       GCN__MEANING_STALE_TOKEN,
       GCN_EAUTH},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__judgement j = gcn__stream_judge_message(&cases[i].batch);
    if (j.meaning != cases[i].meaning || j.error != cases[i].error)
      fail_msg("%u: %d, %d", (unsigned)i, (int)j.meaning, j.error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_of_the_sources_is_kept),
      cmocka_unit_test(every_status_of_every_call_means_something),
      cmocka_unit_test(closes_mean_what_the_sources_say),
      cmocka_unit_test(in_one_description_4001_is_a_rate_limit),
      cmocka_unit_test(every_close_means_something),
      cmocka_unit_test(seconds_in_a_reason_are_a_wish),
      cmocka_unit_test(numbers_in_prose_are_no_wait),
      cmocka_unit_test(messages_mean_what_they_are_about),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
