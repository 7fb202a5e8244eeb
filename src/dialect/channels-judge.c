/* SPDX-License-Identifier: MIT */
/*
 * What answers and close codes mean: data, first match wins.
 *
 * Sources: PROTOCOL §1.5, §2.1, §3.1, §4.1, §4.5, §5; FAULTS H, O and W rows.
 * Texts are constant sentences with the remedy; nothing a server said gets into
 * them.
 */
#include "dialect/channels.h"

#include "base/err.h"

#define ANY_OP   GCN__OP_NONE
/* Some code, whichever: the answer is the service's own. */
#define ANY_CODE ""

struct rule {
  enum gcn__op op; /* ANY_OP: all */
  unsigned low;
  unsigned high;
  const char* code; /* the body's "error" or "code"; NULL: whatever it is */
  struct gcn__judgement judgement;
};

#define SAY(meaning, error, text)                                              \
  { GCN__MEANING_##meaning, error, text }

#define REFUSAL                                                                \
  SAY(REFUSED, GCN_EAUTH,                                                      \
      "the login service refused the client id or its secret; check "          \
      "both, and that the region is the organisation's own")

#define GONE                                                                   \
  SAY(STALE_CHANNEL, GCN_ECHANNEL,                                             \
      "the channel is gone (expired or evicted); making a new one")

static const struct rule rules[] = {
    {GCN__OP_UPGRADE, 101, 101, NULL, SAY(OK, 0, "")},
    {GCN__OP_TOKEN, 200, 200, NULL, SAY(OK, 0, "")},
    {GCN__OP_CHANNEL, 200, 201, NULL, SAY(OK, 0, "")},
    {GCN__OP_TOPICS, 200, 200, NULL, SAY(OK, 0, "")},
    {GCN__OP_AUDIT, 200, 200, NULL, SAY(OK, 0, "")},
    {GCN__OP_ADD, 200, 200, NULL, SAY(OK, 0, "")},
    {GCN__OP_UNSUBSCRIBE, 200, 200, NULL, SAY(OK, 0, "")},
    {GCN__OP_UNSUBSCRIBE, 204, 204, NULL, SAY(OK, 0, "")},

    {GCN__OP_TOKEN, 400, 401, "invalid_client", REFUSAL},
    {GCN__OP_TOKEN, 400, 401, "invalid_grant",
     SAY(REFUSED, GCN_EAUTH,
         "the login service refused what it was offered for a token: the "
         "secret, refresh token or assertion is wrong, used up or expired")},
    {GCN__OP_TOKEN, 400, 401, "unauthorized_client",
     SAY(REFUSED, GCN_EAUTH,
         "this OAuth client may not get tokens by this grant; change its grant "
         "type")},
    {GCN__OP_TOKEN, 400, 401, "unsupported_grant_type",
     SAY(REFUSED, GCN_EAUTH,
         "the login service does not offer this grant; check the login URL")},
    {GCN__OP_TOKEN, 400, 401, "invalid_request",
     SAY(REFUSED, GCN_EAUTH,
         "the login service did not understand the request; check the client "
         "id and its secret")},
    {GCN__OP_TOKEN, 401, 401, ANY_CODE, REFUSAL},
    {GCN__OP_TOKEN, 403, 403, ANY_CODE,
     SAY(REFUSED, GCN_EAUTH,
         "the login service forbids this client; check that the OAuth client "
         "is active")},
    /* Without an OAuth error it may be something in between that refuses. */
    {GCN__OP_TOKEN, 401, 403, NULL,
     SAY(STUBBORN, GCN_EAUTH,
         "the login service's address answered with a refusal that is not the "
         "login service's; is a proxy or login page in between?")},
    {GCN__OP_TOKEN, 404, 404, NULL,
     SAY(STUBBORN, GCN_ESTATUS,
         "there is no login service at this address; check the region or the "
         "login URL")},

    {ANY_OP, 429, 429, NULL,
     SAY(LIMITED, GCN_ERATELIMITED,
         "the service limits this client's requests; waiting as asked")},
    {ANY_OP, 503, 503, NULL,
     SAY(LIMITED, GCN_ERATELIMITED,
         "the service is unavailable; waiting as asked")},
    {ANY_OP, 300, 399, NULL,
     SAY(STUBBORN, GCN_EREDIRECT,
         "the service answered with a redirect, which is never followed; check "
         "the URLs")},

    {GCN__OP_UPGRADE, 404, 404, NULL, GONE},
    {GCN__OP_UPGRADE, 410, 410, NULL, GONE},
    /* The upgrade carries no token: what is stale is the channel, and making a
     * new one will tell whether the token is, too. */
    {GCN__OP_UPGRADE, 401, 401, NULL,
     SAY(STALE_CHANNEL, GCN_ECHANNEL,
         "the streaming host no longer accepts the channel; making a new one")},
    {GCN__OP_UPGRADE, 403, 403, NULL,
     SAY(STALE_CHANNEL, GCN_ECHANNEL,
         "the streaming host no longer accepts the channel; making a new one")},
    {GCN__OP_UPGRADE, 200, 299, NULL,
     SAY(STUBBORN, GCN_ESTATUS,
         "the upgrade was answered like a web page; is a proxy in between?")},
    {GCN__OP_UPGRADE, 426, 426, NULL,
     SAY(STUBBORN, GCN_ESTATUS,
         "the upgrade was not understood; is a proxy in between?")},

    {ANY_OP, 401, 401, NULL,
     SAY(STALE_TOKEN, GCN_EAUTH,
         "the API rejected the access token; getting a new one")},
    {GCN__OP_TOPICS, 404, 404, NULL, GONE},
    {GCN__OP_TOPICS, 410, 410, NULL, GONE},
    {GCN__OP_AUDIT, 404, 404, NULL, GONE},
    {GCN__OP_AUDIT, 410, 410, NULL, GONE},
    {GCN__OP_ADD, 404, 404, NULL, GONE},
    {GCN__OP_ADD, 410, 410, NULL, GONE},
    {GCN__OP_UNSUBSCRIBE, 404, 404, NULL, GONE},
    {GCN__OP_UNSUBSCRIBE, 410, 410, NULL, GONE},
    {ANY_OP, 403, 403, NULL,
     SAY(STUBBORN, GCN_EFORBIDDEN,
         "the service forbids the request; check the OAuth client's roles")},
    {ANY_OP, 404, 404, NULL,
     SAY(STUBBORN, GCN_ESTATUS,
         "there is no such API at this address; check the region or the API "
         "URL")},
    {ANY_OP, 408, 409, NULL,
     SAY(WEATHER, GCN_ESTATUS, "the service asked to try again")},
    {ANY_OP, 400, 499, NULL,
     SAY(STUBBORN, GCN_ESTATUS,
         "the service refused the request as malformed")},
    {ANY_OP, 500, 599, NULL,
     SAY(WEATHER, GCN_ESTATUS, "the service had an internal problem")},
    {ANY_OP, 0, 999, NULL,
     SAY(WEATHER, GCN_ESTATUS, "the service's answer was not expected")},
};

static bool rule_matches(const struct rule* rule, enum gcn__op op,
                         unsigned status, const struct gcn__json* body) {
  if (rule->op != ANY_OP && rule->op != op) return false;
  if (status < rule->low || status > rule->high) return false;
  if (rule->code == NULL) return true;
  if (rule->code[0] == '\0') {
    return gcn__json_member(body, "error").data != NULL ||
           gcn__json_member(body, "code").data != NULL;
  }
  return gcn__span_is(gcn__json_member(body, "error"), rule->code) ||
         gcn__span_is(gcn__json_member(body, "code"), rule->code);
}

struct gcn__judgement gcn__channels_judge(enum gcn__op op, unsigned status,
                                          const struct gcn__json* body) {
  size_t count = sizeof rules / sizeof rules[0];
  for (size_t i = 0; i + 1 < count; i++) {
    if (rule_matches(&rules[i], op, status, body)) return rules[i].judgement;
  }
  return rules[count - 1].judgement;
}

/* Staff says that close codes are not meant to be significant (PROTOCOL §4.5),
 * so what is not listed is weather. */
static const struct {
  unsigned low;
  unsigned high;
  struct gcn__judgement judgement;
} closes[] = {
    {1001, 1001,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream: going away")},
    {1012, 1012,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream: restarting")},
    {1006, 1006,
     SAY(WEATHER, GCN_EPEERCLOSE,
         "the connection ended without a close frame")},
    {1002, 1003, SAY(BROKEN, GCN_EWS, "the server closed: protocol error")},
    {1007, 1007, SAY(BROKEN, GCN_EWS, "the server closed: invalid data")},
    {1009, 1009, SAY(BROKEN, GCN_EWS, "the server closed: message too big")},
    {1010, 1010,
     SAY(BROKEN, GCN_EWS, "the server closed: it needs an extension")},
    {1008, 1008,
     SAY(STALE_TOKEN, GCN_EPEERCLOSE,
         "the server closed the stream: policy; getting a new token")},
    {4001, 4001,
     SAY(STALE_TOKEN, GCN_EPEERCLOSE,
         "the server closed the stream: token expired; getting a new one")},
    {1013, 1013,
     SAY(LIMITED, GCN_ERATELIMITED, "the server closed: try again later")},
    {429, 429,
     SAY(LIMITED, GCN_ERATELIMITED, "the server closed: too many requests")},
    {4429, 4429,
     SAY(LIMITED, GCN_ERATELIMITED, "the server closed: too many requests")},
    {0, 65535, SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream")},
};

enum {
  WAIT_DIGITS_MAX = 5,
  MS_PER_S = 1000,
  /* A rate-limit close without a number: FAULTS W13. */
  WAIT_UNSAID_S = 30,
};

static uint64_t seconds_in(struct gcn__span reason) {
  uint64_t seconds = 0;
  if (reason.size == 0 || reason.size > WAIT_DIGITS_MAX) return 0;
  for (size_t i = 0; i < reason.size; i++) {
    if (reason.data[i] < '0' || reason.data[i] > '9') return 0;
    seconds = seconds * 10 + (uint64_t)(reason.data[i] - '0');
  }
  return seconds;
}

struct gcn__judgement gcn__channels_judge_close(unsigned code,
                                                struct gcn__span reason,
                                                uint64_t* wait_ms) {
  *wait_ms = 0;
  size_t count = sizeof closes / sizeof closes[0];
  size_t at = 0;
  while (at + 1 < count && (code < closes[at].low || code > closes[at].high)) {
    at++;
  }
  if (closes[at].judgement.meaning == GCN__MEANING_LIMITED) {
    uint64_t seconds = seconds_in(reason);
    *wait_ms = (seconds > 0 ? seconds : WAIT_UNSAID_S) * MS_PER_S;
  }
  return closes[at].judgement;
}
