/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: subscriptions, batching and resume in the upgrade's URL
 * (PROTOCOL §6).
 *
 * Its five descriptions do not agree.  Where they differ is data, a shape, and
 * each description is a preset of it.
 */
#ifndef GCN_DIALECT_STREAM_H
#define GCN_DIALECT_STREAM_H

#include "codec/batch.h"
#include "codec/http.h"
#include "codec/json.h"
#include "dialect/dialect.h"

enum { GCN__SESSION_SIZE_MAX = 64 };

/* In the order of gcn_preset_t. */
enum gcn__preset {
  GCN__PRESET_GUIDE,   /* §6.1: everything in the query */
  GCN__PRESET_REST,    /* thread A: POSTed, with a subscription id */
  GCN__PRESET_SDK,     /* thread B: topic and filter query */
  GCN__PRESET_MESSAGE, /* thread C: Bearer header, first message after open */
  GCN__PRESET_TICKET,  /* thread D: a subscription token in ?token= */
  GCN__PRESET_COUNT,
};

/* Where the token goes; in the order of gcn_token_in_t. */
enum gcn__token_in {
  GCN__TOKEN_IN_QUERY,
  GCN__TOKEN_IN_HEADER,
};

/* Where the subscriptions go; in the order of gcn_subscriptions_in_t. */
enum gcn__subs_in {
  GCN__SUBS_IN_QUERY,   /* of the upgrade */
  GCN__SUBS_IN_MESSAGE, /* the first one after the upgrade */
  GCN__SUBS_IN_POST,    /* a request before the upgrade */
};

/* What one subscription looks like in JSON; in the order of gcn_form_t.
 *
 * Thread A's object has "eventTypes" or "topics", which have no place for
 * filters, and thread B's none for a resource.  The concretisation is ours:
 * nothing is left out, because a service that does not see a filter sends
 * everything. */
enum gcn__subs_form {
  GCN__FORM_EVENT, /* {"event","resourceId","filters":{NAME:[VALUE]}} */
  GCN__FORM_TOPIC, /* {"topic","resourceId","filter":{"query":VALUE,
                       NAME:[VALUE]}} */
  GCN__FORM_NAMED, /* one object for all: {"name":SESSION,"subscriptions":
                      [as in FORM_EVENT],"endpoint":path,
                      "scope":"notification:write"} */
};

/* Texts are never NULL; "" means: not used by this shape. */
struct gcn__shape {
  const char* path; /* of the upgrade, behind the API URL's own path */
  enum gcn__token_in token_in;
  const char* token_param;
  enum gcn__subs_in subs_in;
  enum gcn__subs_form form;
  const char* subs_param;     /* also the member's name in a message or body */
  const char* subs_path;      /* of POST and DELETE; "/ID" is added to DELETE */
  const char* ticket_path;    /* POST for a subscription token; "": none */
  const char* preflight_path; /* "": there is none */
  const char* resume_param;
  const char* since_param;
  const char* batch_param;
  const char* latency_param;
  uint64_t batch_count_max; /* asked for; 0: not asked */
  uint64_t latency_ms;      /* asked for; 0: not asked, no idle batches */
  uint64_t url_size_max;    /* of path and query of the upgrade, and of what
                               else the subscriptions go into */
  bool limit_is_4001;       /* close 4001 means a rate limit, as in thread C */
};

/* The preset's shape; its texts are constants. */
struct gcn__shape gcn__shape_of(enum gcn__preset preset);
/* "guide", "rest", "sdk", "message", "ticket"; NULL behind the last. */
const char* gcn__preset_name(enum gcn__preset preset);
/* By that name, or by "thread-a" to "thread-d"; COUNT if there is none. */
enum gcn__preset gcn__preset_find(struct gcn__span name);
/* NULL, or what is wrong with a shape that a user changed, a constant. */
const char* gcn__shape_check(const struct gcn__shape* shape);

/* What a request is made of. */
struct gcn__stream_ask {
  const struct gcn__shape* shape;
  const char* authority; /* Host header */
  const char* base_path; /* of the API URL, "" or "/prefix" */
  const char* user_agent;
  const char* token;  /* access token */
  const char* ticket; /* used in its place by the upgrade; NULL: none */
  const char* ws_key;
  /* A JSON array of subscriptions, made by gcn__stream_append. */
  struct gcn__span subscriptions;
  /* A name for this attempt, never used before: up to GCN__SESSION_SIZE_MAX
   * letters, digits, "-" and the like.  Of FORM_NAMED. */
  const char* session;
  struct gcn__span subscription_id; /* of UNSUBSCRIBE and, with subs_in POST, of
                                       the upgrade; may be absent */
  struct gcn__span resume;          /* position; absent: from now on */
  bool resume_is_time;
};

/* Appends one whole request:
 *   UPGRADE      the WebSocket handshake
 *   AUDIT        GET of the pre-flight, with the subscriptions as candidates
 *   TOPICS       POST of the subscriptions (subs_in POST)
 *   CHANNEL      POST for a ticket
 *   UNSUBSCRIBE  DELETE of the subscription
 * 0; GCN__EINVAL (another operation, or a byte that must not be in a header);
 * GCN_ELIMIT (the upgrade's target is longer than url_size_max, or `out` is
 * full); GCN__ENOMEM; an error may have appended a part. */
int gcn__stream_write(enum gcn__op op, const struct gcn__stream_ask* ask,
                      struct gcn__buf* out);
/* Appends the upgrade's target, as the request has it.  For sizes and tests:
 * it holds the token. */
int gcn__stream_target(const struct gcn__stream_ask* ask, struct gcn__buf* out);
/* Appends one subscription, given in text form, to an array that is being
 * made: "[" before the first and "," before each other; the caller adds the
 * "]".  0, GCN_ELIMIT, GCN__ENOMEM; an error may have appended a part. */
int gcn__stream_append(const struct gcn__shape* shape, struct gcn__span text,
                       bool first, struct gcn__buf* array);
/* The message of subs_in MESSAGE, without its frame.  Errors as above. */
int gcn__stream_message(const struct gcn__stream_ask* ask,
                        struct gcn__buf* out);
/* How many bytes one subscription adds to the upgrade's target at most, or to
 * the message or body if it does not go there. */
size_t gcn__stream_cost(const struct gcn__shape* shape, struct gcn__span text);
/* ... and how many there are for all subscriptions together, when all else is
 * as long as it may be: once encoded, the token a quarter of url_size_max, the
 * position an eighth and the base path a sixteenth.  What is longer takes its
 * room from the subscriptions, and gcn__stream_write may find the target too
 * long. */
size_t gcn__stream_room(const struct gcn__shape* shape);

/* What an HTTP answer means.  `body` may be NULL: not JSON.  STALE_CHANNEL:
 * one of the subscriptions is not valid, the pre-flight may tell which.
 * GCN_EPOSITION (with WEATHER): the service no longer has the position.  An
 * answer to TOKEN is judged as in the channels dialect. */
struct gcn__judgement gcn__stream_judge(enum gcn__op op, unsigned status,
                                        const struct gcn__json* body);
/* What a close means; NO_STATUS, ABNORMAL and numbers that RFC 6455 forbids
 * too.  RESUME_LOST is told by `*lost`: the position is not there any more.
 * `wait_ms` as gcn__channels_judge_close. */
struct gcn__judgement gcn__stream_judge_close(const struct gcn__shape* shape,
                                              unsigned code,
                                              struct gcn__span reason,
                                              uint64_t* wait_ms, bool* lost);
/* The wait that a limit's text asks for: "30", "30s", "429: retry after 30
 * seconds"; 30 s if it names none.  It may be prose: a number is a wait if it
 * is all there is, or a unit of time stands behind it, or "after", "in" or
 * "wait" in front of it and no word behind.  The status is no wait. */
uint64_t gcn__stream_wait_ms(struct gcn__span text);
/* What a BATCH_ERROR message means: WEATHER for those we do not know, which
 * end nothing by themselves, and OK for other messages. */
struct gcn__judgement gcn__stream_judge_message(const struct gcn__batch* batch);

/* The errors of an answer, joined by "; ": what a user is shown.  Printable
 * ASCII, cut at `size`, NUL-terminated; "" if there are none.  Anything that
 * looks like a token or a URL with a query is left out. */
void gcn__stream_errors(const struct gcn__json* body, char* text, size_t size);
/* The same out of a message on the stream. */
void gcn__stream_message_errors(const struct gcn__batch* batch, char* text,
                                size_t size);

/* The answer of the pre-flight. */
struct gcn__preflight_entry {
  struct gcn__span event;
  struct gcn__span resource; /* absent: none */
  bool active;
  struct gcn__span reason; /* may be absent */
};
/* Number of entries; GCN_EPROTO as a negative number if there is no list. */
int gcn__preflight_count(const struct gcn__json* body);
/* False if the entry names no event. */
bool gcn__preflight_read(const struct gcn__json* body, size_t index,
                         struct gcn__preflight_entry* entry);
/* True if the entry is about the subscription. */
bool gcn__preflight_covers(const struct gcn__preflight_entry* entry,
                           struct gcn__span text);

/* A ticket: "accessToken" or "access_token" or "token", and "expiresIn" or
 * "expires_in" in seconds (0: not said).  0, or GCN_EPROTO with `why`. */
int gcn__stream_read_ticket(const struct gcn__json* body,
                            struct gcn__span* ticket, double* life_s,
                            const char** why);
/* "subscriptionId" or "id" of the answer to TOPICS; absent if there is none. */
struct gcn__span gcn__stream_read_subscription(const struct gcn__json* body);

#endif
