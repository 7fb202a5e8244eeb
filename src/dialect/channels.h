/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: the public Notification API (PROTOCOL §1-§5).
 *
 * REST calls for token, channel and topics; then the WebSocket at the channel's
 * connectUri, which needs neither header nor sub-protocol.
 */
#ifndef GCN_DIALECT_CHANNELS_H
#define GCN_DIALECT_CHANNELS_H

#include "codec/envelope.h"
#include "codec/http.h"
#include "codec/json.h"
#include "codec/url.h"
#include "dialect/dialect.h"

/* The id is a capability; "opaque, up to 255 bytes" (PROTOCOL §2.1). */
enum { GCN__CHANNEL_ID_SIZE_MAX = 255 };

/* Appends one whole request: any operation but NONE and STREAM.
 * 0, GCN__EINVAL (a byte that must not be in a header, or a grant without what
 * it needs), GCN_ELIMIT, GCN__ENOMEM; an error may have appended a part. */
int gcn__channels_write(enum gcn__op op, const struct gcn__ask* ask,
                        struct gcn__buf* out);
/* Builds the body of TOPICS and ADD: "[", items, "]". */
int gcn__channels_topic(struct gcn__buf* body, struct gcn__span name,
                        bool first);

/* What an HTTP answer means.  `body` may be NULL: not JSON. */
struct gcn__judgement gcn__channels_judge(enum gcn__op op, unsigned status,
                                          const struct gcn__json* body);
/* What a close code means; NO_STATUS and ABNORMAL too.  `wait_ms` is what the
 * reason asks for (a rate-limit close with a number of seconds), what is usual
 * if it says none, and 0 for other closes. */
struct gcn__judgement gcn__channels_judge_close(unsigned code,
                                                struct gcn__span reason,
                                                uint64_t* wait_ms);

struct gcn__token_answer {
  struct gcn__span token;
  /* Absent with most grants.  A new one takes the old one's place, which may
   * be used up by now. */
  struct gcn__span refresh_token;
  double life_s; /* 0 if absent or not a number */
};
/* 0, or GCN_EPROTO with `why` set to a constant text. */
int gcn__channels_read_token(const struct gcn__json* body,
                             struct gcn__token_answer* answer,
                             const char** why);

struct gcn__channel_answer {
  struct gcn__span id;
  struct gcn__span connect_uri;
};
int gcn__channels_read_channel(const struct gcn__json* body,
                               struct gcn__channel_answer* answer,
                               const char** why);

struct gcn__topic_answer {
  struct gcn__span id;
  bool permitted;
  struct gcn__span reason;         /* absent if none was given */
  const struct gcn__json* missing; /* array of strings, or NULL */
};
/* Number of entries; GCN_EPROTO as a negative number if there is no list. */
int gcn__channels_topic_count(const struct gcn__json* body);
/* False if the index-th entry has no id. */
bool gcn__channels_read_topic(const struct gcn__json* body, size_t index,
                              struct gcn__topic_answer* answer);

/* The pace that an answer of the API allows: PROTOCOL §5. */
struct gcn__ratelimit {
  uint32_t count;   /* requests in this window so far */
  uint32_t allowed; /* above 0 */
  uint32_t reset_s; /* until the next window begins */
};
/* False if the answer does not say, or says anything but three whole numbers of
 * up to nine digits: `limit` is then unchanged. */
bool gcn__channels_read_ratelimit(const struct gcn__http* http,
                                  struct gcn__ratelimit* limit);

/* Which hosts a connectUri may name. */
struct gcn__host_policy {
  const char* domain;         /* "mypurecloud.de"; NULL if not known */
  const struct gcn__url* api; /* its very host and port are allowed; if it is a
                                 loopback one, under any loopback name */
  bool plaintext;             /* ws:// is allowed to that very host */
};
/* NULL if allowed, or why not. */
const char* gcn__channels_uri_check(const struct gcn__url* uri,
                                    const struct gcn__host_policy* policy);

enum gcn__message_kind gcn__channels_name(const struct gcn__envelope* message);
/* What the body of a REVOKED or UNSUBSCRIBED message says; absent members were
 * not said.  The sources do not show where UNSUBSCRIBED names the topic: if
 * it is absent, an audit tells which one is missing. */
struct gcn__system_message {
  struct gcn__span channel_id; /* a capability, like every channel's id */
  struct gcn__span topic;
  struct gcn__span reason;
};
/* Spans point into `name`, the topic it came under, and into `body`, which may
 * be NULL: not an object. */
void gcn__channels_read_system(struct gcn__span name,
                               const struct gcn__json* body,
                               struct gcn__system_message* message);
/* The text ping of PROTOCOL §4.3. */
struct gcn__span gcn__channels_ping(void);

#endif
