/* SPDX-License-Identifier: MIT */
/*
 * What answers, closes and messages of the stream dialect mean: data, first
 * match wins.
 *
 * Its service answers 400 where it means 401 or 403, and closes with the number
 * of an HTTP status (PROTOCOL §6.1, §6.2), so what a text is about counts as
 * much as its number.  Texts of judgements are constant sentences with the
 * remedy; nothing a server said gets into them.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "dialect/channels.h"
#include "dialect/stream-parts.h"

/* What a server's text is about, as bits. */
enum topic {
  ANY = 0,
  TOKEN = 1 << 0,
  PERMISSION = 1 << 1,
  LICENCE = 1 << 2,
  REGION = 1 << 3,
  POSITION = 1 << 4,
  RATE = 1 << 5,
  SLOW = 1 << 6,
  SIZE = 1 << 7,
  PAYLOAD = 1 << 8, /* "Invalid subscription payload." */
  SUBSCRIPTION = 1 << 9,
  BAD_REQUEST = 1 << 10, /* just the number */
};

#define SAY(meaning, error, text)                                              \
  { GCN__MEANING_##meaning, error, text }

#define TOKEN_REJECTED                                                         \
  SAY(STALE_TOKEN, GCN_EAUTH,                                                  \
      "the service no longer accepts the access token; getting a new one")
#define MASKED_TOKEN                                                           \
  SAY(STALE_TOKEN, GCN_EAUTH,                                                  \
      "the service calls the request malformed, but means the access token; "  \
      "getting a new one")
#define FORBIDDEN                                                              \
  SAY(STUBBORN, GCN_EFORBIDDEN,                                                \
      "the service forbids the stream; check the OAuth client's scopes "       \
      "(notifications:read, notification:subscribe, and the resources' own) "  \
      "and the permissions of its roles (Notification > Stream > Read, and "   \
      "the resources' own)")
#define UNLICENSED                                                             \
  SAY(STUBBORN, GCN_EFORBIDDEN,                                                \
      "the organisation's licence does not cover a subscription; telephony "   \
      "events need CX 2")
#define ELSEWHERE                                                              \
  SAY(STUBBORN, GCN_ESTATUS,                                                   \
      "there is no such stream at this address; check that the region or API " \
      "URL is the organisation's own, and the preset or path")
#define POSITION_GONE                                                          \
  SAY(WEATHER, GCN_EPOSITION,                                                  \
      "the service no longer has the events behind the position; going on "    \
      "from now")
#define LIMITED_RATE                                                           \
  SAY(LIMITED, GCN_ERATELIMITED,                                               \
      "the service limits this client's connections or messages; waiting as "  \
      "asked")
#define TOO_LONG                                                               \
  SAY(STUBBORN, GCN_ELIMIT,                                                    \
      "URL too long for the service or a proxy; lower url_size_max, so that "  \
      "the subscriptions go over more connections")
#define BAD_PAYLOAD                                                            \
  SAY(STALE_CHANNEL, GCN_ESUBSCRIPTION,                                        \
      "the service refused the subscriptions: one is malformed, or those of "  \
      "the last connection are still active there")
#define BAD_SUBSCRIPTION                                                       \
  SAY(STALE_CHANNEL, GCN_ESUBSCRIPTION,                                        \
      "the service refused a subscription: its resource is gone, or the "      \
      "OAuth client may not see it")
#define TOO_SLOW                                                               \
  SAY(WEATHER, GCN_EPEERCLOSE,                                                 \
      "the server closed the stream: events were not read fast enough; going " \
      "on at the position")

/* How a text is told.  The order matters: "Invalid subscription: resource not
 * found or insufficient permissions" is about a subscription, "token lacks
 * scope" about a permission. */
static const struct word {
  const char* text;
  enum topic topic;
  bool whole; /* no letter or digit may stand beside it */
} words[] = {
    {"resource not found", SUBSCRIPTION, false},
    {"subscription payload", PAYLOAD, false},
    {"scope", PERMISSION, false},
    {"licens", LICENCE, false},
    {"licenc", LICENCE, false},
    {"unexpected token", PAYLOAD, false},
    {"token", TOKEN, false},
    {"expired", TOKEN, false},
    {"unauthorized", TOKEN, false},
    {"unauthorised", TOKEN, false},
    {"unauthenticated", TOKEN, false},
    {"credential", TOKEN, false},
    {"401", TOKEN, true},
    {"invalid subscription", SUBSCRIPTION, false},
    {"invalid_subscription", SUBSCRIPTION, false},
    {"permission", PERMISSION, false},
    {"forbidden", PERMISSION, false},
    {"not authorized", PERMISSION, false},
    {"not.authorized", PERMISSION, false},
    {"role", PERMISSION, true},
    {"403", PERMISSION, true},
    {"region", REGION, true},
    {"slow consumer", SLOW, false},
    {"slow_consumer", SLOW, false},
    {"backpressure", SLOW, false},
    {"back-pressure", SLOW, false},
    {"back pressure", SLOW, false},
    {"too many", RATE, false},
    {"rate", RATE, true},
    {"rate_limit", RATE, false},
    {"ratelimit", RATE, false},
    {"throttl", RATE, false},
    {"quota", RATE, true},
    {"429", RATE, true},
    {"lasteventid", POSITION, false},
    {"last event id", POSITION, false},
    {"resume", POSITION, true},
    /* Not "position" alone: parsers say "... at position 3". */
    {"position is", POSITION, false},
    {"position no", POSITION, false},
    {"position too", POSITION, false},
    {"unknown position", POSITION, false},
    {"retention", POSITION, true},
    {"replay", POSITION, true},
    {"slow", SLOW, true},
    {"too long", SIZE, false},
    {"too large", SIZE, false},
    {"400", BAD_REQUEST, true},
};

enum {
  TEXT_SIZE_MAX = 1024, /* what is looked at of a text, */
  ERROR_COUNT_MAX = 64, /* and how many of them */
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  char lower = gcn__ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static bool stands_at(struct gcn__span text, size_t at,
                      const struct word* word) {
  size_t size = strlen(word->text);
  if (size > text.size - at) return false;
  if (!gcn__span_iis(gcn__span(text.data + at, size), word->text)) return false;
  if (!word->whole) return true;
  bool joined = at > 0 && is_alnum(text.data[at - 1]);
  size_t end = at + size;
  return !joined && (end == text.size || !is_alnum(text.data[end]));
}

static bool mentions(struct gcn__span text, const struct word* word) {
  for (size_t at = 0; at < text.size; at++) {
    if (stands_at(text, at, word)) return true;
  }
  return false;
}

/* One bit, or ANY. */
static unsigned topic_of(struct gcn__span text) {
  if (text.size > TEXT_SIZE_MAX) text.size = TEXT_SIZE_MAX;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (mentions(text, &words[i])) return words[i].topic;
  }
  return ANY;
}

static unsigned topics_of_errors(const struct gcn__json* errors) {
  unsigned topics = ANY;
  size_t count = gcn__json_count(errors);
  if (count > ERROR_COUNT_MAX) count = ERROR_COUNT_MAX;
  for (size_t i = 0; i < count; i++)
    topics |= topic_of(gcn__stream_error_at(errors, i));
  return topics;
}

static unsigned topics_of_body(const struct gcn__json* body) {
  static const char* const members[] = {
      "message", "code", "error", "status", "reason", "error_description"};
  double code = 0;
  unsigned topics = topics_of_errors(gcn__json_get(body, "errors"));
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    topics |= topic_of(gcn__json_member(body, members[i]));
  if (!gcn__json_number(gcn__json_get(body, "code"), &code)) return topics;
  if (code > 400.5 && code < 401.5) topics |= TOKEN;
  if (code > 402.5 && code < 403.5) topics |= PERMISSION;
  if (code > 428.5 && code < 429.5) topics |= RATE;
  return topics;
}

struct rule {
  enum gcn__op op; /* NONE: all */
  unsigned low;
  unsigned high;
  enum topic topic; /* ANY: whatever it is about */
  struct gcn__judgement judgement;
};

static const struct rule rules[] = {
    {GCN__OP_UPGRADE, 101, 101, ANY, SAY(OK, 0, "")},
    {GCN__OP_CHANNEL, 200, 201, ANY, SAY(OK, 0, "")},
    {GCN__OP_TOPICS, 200, 202, ANY, SAY(OK, 0, "")},
    {GCN__OP_AUDIT, 200, 200, ANY, SAY(OK, 0, "")},
    {GCN__OP_UNSUBSCRIBE, 200, 204, ANY, SAY(OK, 0, "")},
    /* What is not there any more need not be taken off. */
    {GCN__OP_UNSUBSCRIBE, 404, 404, ANY, SAY(OK, 0, "")},
    {GCN__OP_UNSUBSCRIBE, 410, 410, ANY, SAY(OK, 0, "")},

    {GCN__OP_NONE, 429, 429, ANY, LIMITED_RATE},
    {GCN__OP_NONE, 503, 503, ANY,
     SAY(LIMITED, GCN_ERATELIMITED,
         "the service is unavailable; waiting as asked")},
    {GCN__OP_NONE, 300, 399, ANY,
     SAY(STUBBORN, GCN_EREDIRECT,
         "the service answered with a redirect, which is never followed; check "
         "that the region or API URL is the organisation's own")},
    {GCN__OP_NONE, 401, 401, ANY, TOKEN_REJECTED},
    {GCN__OP_NONE, 403, 403, LICENCE, UNLICENSED},
    {GCN__OP_NONE, 403, 403, REGION, ELSEWHERE},
    {GCN__OP_NONE, 403, 403, ANY, FORBIDDEN},

    {GCN__OP_AUDIT, 404, 405, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "there is no pre-flight at this address, so nothing can tell which "
         "subscription is refused; check the region, or unset "
         "preflight_path")},
    {GCN__OP_AUDIT, 501, 501, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "the service has no pre-flight, so nothing can tell which "
         "subscription is refused; unset preflight_path")},
    {GCN__OP_NONE, 404, 404, ANY, ELSEWHERE},
    {GCN__OP_NONE, 421, 421, ANY, ELSEWHERE},
    {GCN__OP_UPGRADE, 410, 410, ANY, POSITION_GONE},
    {GCN__OP_NONE, 410, 410, POSITION, POSITION_GONE},
    {GCN__OP_NONE, 410, 410, ANY, ELSEWHERE},
    {GCN__OP_TOPICS, 413, 413, ANY,
     SAY(STUBBORN, GCN_ELIMIT,
         "too many subscriptions for one request; lower url_size_max, so that "
         "they go over more connections")},
    {GCN__OP_NONE, 414, 414, ANY, TOO_LONG},
    {GCN__OP_NONE, 431, 431, ANY, TOO_LONG},
    {GCN__OP_TOPICS, 409, 409, ANY,
     SAY(WEATHER, GCN_ESTATUS,
         "the service says that the subscriptions are in use: those of the "
         "last connection may still be active there")},
    {GCN__OP_NONE, 408, 409, ANY,
     SAY(WEATHER, GCN_ESTATUS, "the service asked to try again")},

    {GCN__OP_NONE, 400, 400, TOKEN, MASKED_TOKEN},
    {GCN__OP_NONE, 400, 400, LICENCE, UNLICENSED},
    {GCN__OP_NONE, 400, 400, PERMISSION, FORBIDDEN},
    {GCN__OP_NONE, 400, 400, REGION, ELSEWHERE},
    {GCN__OP_NONE, 400, 400, POSITION, POSITION_GONE},
    {GCN__OP_NONE, 400, 400, RATE, LIMITED_RATE},
    {GCN__OP_NONE, 400, 400, SIZE, TOO_LONG},
    {GCN__OP_UPGRADE, 400, 400, PAYLOAD, BAD_PAYLOAD},
    {GCN__OP_UPGRADE, 400, 400, SUBSCRIPTION, BAD_SUBSCRIPTION},
    {GCN__OP_TOPICS, 400, 400, PAYLOAD, BAD_PAYLOAD},
    {GCN__OP_TOPICS, 400, 400, SUBSCRIPTION, BAD_SUBSCRIPTION},
    {GCN__OP_AUDIT, 400, 400, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "the pre-flight did not understand the subscriptions; check their "
         "names and filters, or unset preflight_path")},

    {GCN__OP_UPGRADE, 200, 299, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "the upgrade was answered like a web page; is a proxy in between?")},
    {GCN__OP_UPGRADE, 426, 426, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "the upgrade was not understood; is a proxy in between?")},
    {GCN__OP_NONE, 400, 499, ANY,
     SAY(STUBBORN, GCN_ESTATUS,
         "the service refused the request as malformed; check the "
         "subscriptions, and that the preset is the service's")},
    {GCN__OP_NONE, 500, 599, ANY,
     SAY(WEATHER, GCN_ESTATUS, "the service had an internal problem")},
    {GCN__OP_NONE, 0, 999, ANY,
     SAY(WEATHER, GCN_ESTATUS, "the service's answer was not expected")},
};

static bool rule_matches(const struct rule* rule, enum gcn__op op,
                         unsigned status, unsigned topics) {
  if (rule->op != GCN__OP_NONE && rule->op != op) return false;
  if (status < rule->low || status > rule->high) return false;
  return rule->topic == ANY || (topics & rule->topic) != 0;
}

struct gcn__judgement gcn__stream_judge(enum gcn__op op, unsigned status,
                                        const struct gcn__json* body) {
  if (op == GCN__OP_TOKEN) return gcn__channels_judge(op, status, body);
  unsigned topics = topics_of_body(body);
  size_t count = sizeof rules / sizeof rules[0];
  for (size_t i = 0; i + 1 < count; i++) {
    if (rule_matches(&rules[i], op, status, topics)) return rules[i].judgement;
  }
  return rules[count - 1].judgement;
}

/* What a refusal on the stream is about, in a close or in a message. */
static const struct {
  enum topic topic;
  struct gcn__judgement judgement;
} refusals[] = {
    {TOKEN, TOKEN_REJECTED},
    {LICENCE, UNLICENSED},
    {PERMISSION, FORBIDDEN},
    {REGION, ELSEWHERE},
    {POSITION, POSITION_GONE},
    {RATE, LIMITED_RATE},
    {SLOW, TOO_SLOW},
    {PAYLOAD, BAD_PAYLOAD},
    {SUBSCRIPTION, BAD_SUBSCRIPTION},
    {BAD_REQUEST, BAD_SUBSCRIPTION},
};

/* NULL if it is about none of them. */
static const struct gcn__judgement* find_refusal(unsigned topics) {
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    if ((topics & refusals[i].topic) != 0) return &refusals[i].judgement;
  }
  return NULL;
}

/* Numbers of HTTP statuses come as they are, with 4000 added, or as words in
 * the reason of another close. */
static const struct {
  unsigned low;
  unsigned high;
  bool by_reason; /* if the reason tells, it counts more */
  struct gcn__judgement judgement;
} closes[] = {
    {1000, 1000, false,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream")},
    {1001, 1001, false,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream: going away")},
    {1012, 1012, false,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed the stream: restarting")},
    {1005, 1005, false,
     SAY(WEATHER, GCN_EPEERCLOSE,
         "the server closed the stream without saying why")},
    {1006, 1006, false,
     SAY(WEATHER, GCN_EPEERCLOSE,
         "the connection ended without a close frame")},
    {1002, 1002, false,
     SAY(BROKEN, GCN_EWS,
         "the server closed: protocol error; is ping_ms below 30 s?")},
    {1003, 1003, false, SAY(BROKEN, GCN_EWS, "the server closed: bad data")},
    {1007, 1007, false,
     SAY(BROKEN, GCN_EWS, "the server closed: invalid data")},
    {1009, 1009, false,
     SAY(BROKEN, GCN_EWS, "the server closed: message too big")},
    {1010, 1010, false,
     SAY(BROKEN, GCN_EWS, "the server closed: it needs an extension")},
    {1011, 1011, false,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed: internal problem")},
    {1013, 1013, false,
     SAY(LIMITED, GCN_ERATELIMITED, "the server closed: try again later")},
    {1014, 1014, false,
     SAY(WEATHER, GCN_EPEERCLOSE, "the server closed: bad gateway")},
    {1008, 1008, true,
     SAY(STALE_TOKEN, GCN_EPEERCLOSE,
         "the server closed the stream: policy; getting a new token")},
    {4001, 4001, false,
     SAY(STALE_TOKEN, GCN_EPEERCLOSE,
         "the server closed the stream: token expired; getting a new one")},

    {400, 400, true, BAD_SUBSCRIPTION},
    {4400, 4400, true, BAD_SUBSCRIPTION},
    {401, 401, false, TOKEN_REJECTED},
    {4401, 4401, false, TOKEN_REJECTED},
    {403, 403, false, FORBIDDEN},
    {4403, 4403, false, FORBIDDEN},
    {410, 410, false, POSITION_GONE},
    {4410, 4410, false, POSITION_GONE},
    {429, 429, false, LIMITED_RATE},
    {4429, 4429, false, LIMITED_RATE},

    {3000, 4999, true,
     SAY(WEATHER, GCN_EPEERCLOSE,
         "the server closed the stream with a number of its own")},
    {0, UINT32_MAX, false,
     SAY(WEATHER, GCN_EPEERCLOSE,
         "the server closed the stream with a number that RFC 6455 does not "
         "allow")},
};

enum {
  CLOSE_TOKEN_EXPIRED = 4001,
  CLOSE_POLICY = 1008,
  CLOSE_LIMITED = 4429,
  WAIT_DIGITS_MAX = 5,
  MS_PER_S = 1000,
  WAIT_UNSAID_MS = 30000, /* FAULTS W13 */
};

/* The next word of a text: letters and digits, and what joins digits to a
 * longer number, a time or a date; empty at the end. */
static struct gcn__span take_word(struct gcn__span* text) {
  while (text->size > 0 && !is_alnum(text->data[0]))
    *text = gcn__span_skip(*text, 1);
  size_t size = 0;
  while (size < text->size) {
    bool joins = size > 0 && size + 1 < text->size &&
                 is_digit(text->data[size - 1]) &&
                 is_digit(text->data[size + 1]) &&
                 memchr(".,:-", text->data[size], 4) != NULL;
    if (!is_alnum(text->data[size]) && !joins) break;
    size++;
  }
  struct gcn__span word = {text->data, size};
  if (size > 0) *text = gcn__span_skip(*text, size);
  return word;
}

/* 0: it is no unit of time. */
static uint64_t unit_ms(struct gcn__span word) {
  static const struct {
    const char* name;
    uint64_t ms;
  } units[] = {
      {"s", 1000},        {"sec", 1000},      {"secs", 1000},
      {"second", 1000},   {"seconds", 1000},  {"ms", 1},
      {"millis", 1},      {"millisecond", 1}, {"milliseconds", 1},
      {"min", 60000},     {"mins", 60000},    {"minute", 60000},
      {"minutes", 60000}, {"h", 3600000},     {"hour", 3600000},
      {"hours", 3600000},
  };
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (gcn__span_iis(word, units[i].name)) return units[i].ms;
  }
  return 0;
}

/* Takes the digits that a word begins with; 0 if they are no wait, as those of
 * a status are not. */
static uint64_t take_number(struct gcn__span* word) {
  uint64_t number = 0;
  size_t digits = 0;
  for (; word->size > 0 && is_digit(word->data[0]); digits++) {
    uint64_t digit = (uint64_t)(word->data[0] - '0');
    if (digits < WAIT_DIGITS_MAX) number = number * 10 + digit;
    *word = gcn__span_skip(*word, 1);
  }
  bool status = number == 429 || number == CLOSE_LIMITED;
  return digits > WAIT_DIGITS_MAX || status ? 0 : number;
}

/* "after", "retryAfter", "in", "wait". */
static bool asks_to_wait(struct gcn__span word) {
  const size_t size = sizeof "after" - 1;
  if (gcn__span_iis(word, "in") || gcn__span_iis(word, "wait")) return true;
  if (word.size < size) return false;
  return gcn__span_iis(gcn__span_skip(word, word.size - size), "after");
}

/* The wait that a word means with the text behind it, 0: none.  A number alone
 * is of seconds where it was `asked` for and nothing else is counted. */
static uint64_t wait_of(struct gcn__span word, struct gcn__span behind,
                        bool asked) {
  uint64_t number = take_number(&word);
  if (number == 0) return 0;
  if (word.size > 0) return number * unit_ms(word);
  bool counts =
      behind.size > 1 && behind.data[0] == ' ' && is_alnum(behind.data[1]);
  if (counts) return number * unit_ms(take_word(&behind));
  return asked ? number * MS_PER_S : 0;
}

uint64_t gcn__stream_wait_ms(struct gcn__span text) {
  /* A number may be all there is. */
  struct gcn__span rest = text;
  (void)take_word(&rest);
  bool asked = take_word(&rest).size == 0;
  struct gcn__span word;
  while ((word = take_word(&text)).size > 0) {
    uint64_t ms = wait_of(word, text, asked);
    if (ms > 0) return ms;
    asked = asks_to_wait(word);
  }
  return WAIT_UNSAID_MS;
}

static struct gcn__judgement judge_number(unsigned code, unsigned topics) {
  size_t at = 0;
  while (code < closes[at].low || code > closes[at].high)
    at++;
  const struct gcn__judgement* refusal = NULL;
  if (closes[at].by_reason) refusal = find_refusal(topics);
  return refusal != NULL ? *refusal : closes[at].judgement;
}

struct gcn__judgement gcn__stream_judge_close(const struct gcn__shape* shape,
                                              unsigned code,
                                              struct gcn__span reason,
                                              uint64_t* wait_ms, bool* lost) {
  static const struct gcn__judgement too_slow = TOO_SLOW;
  static const struct gcn__judgement unlicensed = UNLICENSED;
  unsigned topics = topic_of(reason);
  bool about_token = (topics & TOKEN) != 0;
  if (code == CLOSE_TOKEN_EXPIRED && shape->limit_is_4001 && !about_token) {
    code = CLOSE_LIMITED;
  }
  struct gcn__judgement judgement = judge_number(code, topics);
  bool graceful = code == 1000 || code == 1001 || code == 1013;
  if (graceful && (topics & SLOW) != 0) judgement = too_slow;
  bool forbidden = judgement.error == GCN_EFORBIDDEN;
  if (forbidden && (topics & LICENCE) != 0) judgement = unlicensed;
  bool limited = judgement.meaning == GCN__MEANING_LIMITED;
  *wait_ms = limited ? gcn__stream_wait_ms(reason) : 0;
  *lost = judgement.error == GCN_EPOSITION;
  return judgement;
}

struct gcn__judgement
gcn__stream_judge_message(const struct gcn__batch* batch) {
  static const struct gcn__judgement fine = SAY(OK, 0, "");
  static const struct gcn__judgement unknown =
      SAY(WEATHER, GCN_EPROTO,
          "the service sent an error on the stream that is not known");
  if (batch->kind != GCN__BATCH_ERROR) return fine;
  struct gcn__json* errors = gcn__json_parse(batch->errors, NULL);
  unsigned topics = topics_of_errors(errors);
  gcn__json_free(errors, false);
  topics |= topic_of(batch->error_message) | topic_of(batch->error_code);
  const struct gcn__judgement* refusal = find_refusal(topics);
  return refusal != NULL ? *refusal : unknown;
}
