/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: what it sends, and how it reads answers and messages.
 * What answers mean is data, in channels-judge.c.
 */
#include "dialect/channels.h"

#include "base/err.h"
#include "codec/digest.h"
#include "dialect/request.h"

#define CHANNELS_PATH      "/api/v2/notifications/channels"
#define SUBSCRIPTIONS_PATH "/subscriptions"
/* Else one missing permission refuses the whole request: PROTOCOL §3.1. */
#define TOLERANT_PATH      SUBSCRIPTIONS_PATH "?ignoreErrors=true"

/* SAML assertions run to some ten kilobytes, and grow when encoded. */
enum { FORM_SIZE_MAX = 262144 };

static int write_basic(struct gcn__buf* out, const struct gcn__ask* ask) {
  struct gcn__buf pair;
  gcn__buf_init(&pair, out->mem, GCN__URL_SIZE_MAX);
  pair.secret = true;
  struct gcn__buf value;
  gcn__buf_init(&value, out->mem, 2 * GCN__URL_SIZE_MAX);
  value.secret = true;
  int error = gcn__buf_append_str(&pair, ask->client_id);
  if (error == 0) error = gcn__buf_append_str(&pair, ":");
  if (error == 0) error = gcn__buf_append_str(&pair, ask->client_secret);
  if (error == 0) error = gcn__buf_append_str(&value, "Basic ");
  if (error == 0) error = gcn__base64_encode(&value, gcn__buf_span(&pair));
  if (error == 0) {
    error = gcn__http_write_header(out, "Authorization", gcn__buf_span(&value));
  }
  gcn__buf_deinit(&value);
  gcn__buf_deinit(&pair);
  return error;
}

static int write_common(struct gcn__buf* out, const struct gcn__ask* ask) {
  return gcn__request_common(out, ask->authority, ask->user_agent);
}

static int write_token_line(const struct gcn__ask* ask, struct gcn__buf* out) {
  struct gcn__buf target;
  gcn__buf_init(&target, out->mem, GCN__URL_SIZE_MAX);
  int error = gcn__buf_append_str(&target, ask->base_path);
  if (error == 0) error = gcn__buf_append_str(&target, "/oauth/token");
  if (error == 0) {
    error = gcn__http_write_request(out, "POST", gcn__buf_span(&target));
  }
  gcn__buf_deinit(&target);
  return error;
}

static int write_field(struct gcn__buf* form, const char* name,
                       const char* value) {
  if (value == NULL) return GCN__EINVAL;
  int error = gcn__buf_append_str(form, name);
  if (error != 0) return error;
  return gcn__percent_encode(form, gcn__span_str(value));
}

/* PROTOCOL §1.2, §1.3; JWT bearer is RFC 7523 §2.1. */
static int write_form(struct gcn__buf* form, const struct gcn__ask* ask) {
  static const char* const types[] = {
      [GCN__GRANT_CLIENT_CREDENTIALS] = "client_credentials",
      [GCN__GRANT_REFRESH_TOKEN] = "refresh_token",
      [GCN__GRANT_SAML2_BEARER] =
          "urn:ietf:params:oauth:grant-type:saml2-bearer",
      [GCN__GRANT_JWT_BEARER] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
  };
  int error = write_field(form, "grant_type=", types[ask->grant]);
  if (error != 0) return error;
  switch (ask->grant) {
  case GCN__GRANT_REFRESH_TOKEN:
    return write_field(form, "&refresh_token=", ask->refresh_token);
  case GCN__GRANT_SAML2_BEARER:
    error = write_field(form, "&orgName=", ask->org_name);
    if (error != 0) return error;
    return write_field(form, "&assertion=", ask->assertion);
  case GCN__GRANT_JWT_BEARER:
    return write_field(form, "&assertion=", ask->assertion);
  case GCN__GRANT_CLIENT_CREDENTIALS: break;
  }
  return 0;
}

static int write_token(const struct gcn__ask* ask, struct gcn__buf* out) {
  struct gcn__buf form;
  gcn__buf_init(&form, out->mem, FORM_SIZE_MAX);
  form.secret = true;
  int error = write_form(&form, ask);
  if (error == 0) error = write_token_line(ask, out);
  if (error == 0) error = write_common(out, ask);
  if (error == 0) error = write_basic(out, ask);
  if (error == 0) error = gcn__request_accept_json(out);
  if (error == 0) {
    error = gcn__http_write_header(
        out, "Content-Type", GCN__SPAN("application/x-www-form-urlencoded"));
  }
  if (error == 0) error = gcn__http_write_end(out, gcn__buf_span(&form), false);
  gcn__buf_deinit(&form);
  return error;
}

/* base_path + the channels' path + what follows, built in a scratch buffer. */
static int write_api_request(struct gcn__buf* out, const char* method,
                             const struct gcn__ask* ask, const char* suffix) {
  struct gcn__buf target;
  gcn__buf_init(&target, out->mem, GCN__URL_SIZE_MAX);
  target.secret = true;
  int error = gcn__buf_append_str(&target, ask->base_path);
  if (error == 0) error = gcn__buf_append_str(&target, CHANNELS_PATH);
  if (error == 0 && ask->channel_id.size > 0) {
    error = gcn__buf_append_str(&target, "/");
    if (error == 0) error = gcn__percent_encode(&target, ask->channel_id);
  }
  if (error == 0) error = gcn__buf_append_str(&target, suffix);
  if (error == 0) {
    error = gcn__http_write_request(out, method, gcn__buf_span(&target));
  }
  gcn__buf_deinit(&target);
  if (error == 0) error = write_common(out, ask);
  if (error == 0) error = gcn__request_bearer(out, ask->token);
  return error == 0 ? gcn__request_accept_json(out) : error;
}

/* PROTOCOL §2.1: no body. */
static int write_channel(const struct gcn__ask* ask, struct gcn__buf* out) {
  int error = write_api_request(out, "POST", ask, "");
  return error == 0 ? gcn__request_json_end(out, GCN__SPAN("")) : error;
}

/* PROTOCOL §3.1: PUT replaces the set, is idempotent and extends the life; POST
 * adds to the set and is idempotent, too. */
static int write_topics(const char* method, const struct gcn__ask* ask,
                        struct gcn__buf* out) {
  int error = write_api_request(out, method, ask, TOLERANT_PATH);
  return error == 0 ? gcn__request_json_end(out, ask->body) : error;
}

/* GET and DELETE of the whole set. */
static int write_bare(const char* method, const struct gcn__ask* ask,
                      struct gcn__buf* out) {
  int error = write_api_request(out, method, ask, SUBSCRIPTIONS_PATH);
  return error == 0 ? gcn__http_write_end(out, GCN__SPAN(""), true) : error;
}

/* RFC 6455 §4.1; no token, no sub-protocol (PROTOCOL §4.1). */
static int write_upgrade(const struct gcn__ask* ask, struct gcn__buf* out) {
  int error = gcn__http_write_request(out, "GET", ask->target);
  if (error == 0) error = write_common(out, ask);
  return error == 0 ? gcn__request_upgrade_end(out, ask->ws_key) : error;
}

int gcn__channels_write(enum gcn__op op, const struct gcn__ask* ask,
                        struct gcn__buf* out) {
  switch (op) {
  case GCN__OP_TOKEN: return write_token(ask, out);
  case GCN__OP_CHANNEL: return write_channel(ask, out);
  case GCN__OP_TOPICS: return write_topics("PUT", ask, out);
  case GCN__OP_UPGRADE: return write_upgrade(ask, out);
  case GCN__OP_AUDIT: return write_bare("GET", ask, out);
  case GCN__OP_ADD: return write_topics("POST", ask, out);
  case GCN__OP_UNSUBSCRIBE: return write_bare("DELETE", ask, out);
  case GCN__OP_STREAM:
  case GCN__OP_CHECKPOINT:
  case GCN__OP_NONE: break;
  }
  return GCN__EINVAL;
}

int gcn__channels_topic(struct gcn__buf* body, struct gcn__span name,
                        bool first) {
  int error = gcn__buf_append_str(body, first ? "{\"id\":" : ",{\"id\":");
  if (error == 0) error = gcn__json_write_string(body, name);
  return error == 0 ? gcn__buf_append_str(body, "}") : error;
}

/* The name of RFC 6749 §5.1, or the one that some gateways answer with
 * (PROTOCOL §6.2, thread D). */
static struct gcn__span member_either(const struct gcn__json* body,
                                      const char* name, const char* other) {
  struct gcn__span value = gcn__json_member(body, name);
  return value.data != NULL ? value : gcn__json_member(body, other);
}

int gcn__channels_read_token(const struct gcn__json* body,
                             struct gcn__token_answer* answer,
                             const char** why) {
  answer->token = member_either(body, "access_token", "accessToken");
  answer->refresh_token = member_either(body, "refresh_token", "refreshToken");
  answer->life_s = 0;
  if (answer->token.data == NULL) {
    *why = "the login service's answer holds no access_token";
    return GCN_EPROTO;
  }
  struct gcn__span type = member_either(body, "token_type", "tokenType");
  if (type.data != NULL && !gcn__span_iis(type, "bearer")) {
    *why = "the login service issued a token that is no bearer token";
    return GCN_EPROTO;
  }
  double life_s = 0;
  if (gcn__json_number(gcn__json_get(body, "expires_in"), &life_s) ||
      gcn__json_number(gcn__json_get(body, "expiresIn"), &life_s)) {
    answer->life_s = life_s;
  }
  return 0;
}

int gcn__channels_read_channel(const struct gcn__json* body,
                               struct gcn__channel_answer* answer,
                               const char** why) {
  answer->id = gcn__json_member(body, "id");
  answer->connect_uri = gcn__json_member(body, "connectUri");
  if (answer->id.size == 0 || answer->id.size > GCN__CHANNEL_ID_SIZE_MAX) {
    *why = "the channel's id is missing or too long";
    return GCN_EPROTO;
  }
  if (answer->connect_uri.size == 0) {
    *why = "the channel's connectUri is missing";
    return GCN_EPROTO;
  }
  return 0;
}

int gcn__channels_topic_count(const struct gcn__json* body) {
  const struct gcn__json* list = gcn__json_get(body, "entities");
  if (!gcn__json_is_array(list)) return GCN_EPROTO;
  return (int)gcn__json_count(list);
}

bool gcn__channels_read_topic(const struct gcn__json* body, size_t index,
                              struct gcn__topic_answer* answer) {
  const struct gcn__json* list = gcn__json_get(body, "entities");
  const struct gcn__json* item = gcn__json_at(list, index);
  answer->id = gcn__json_member(item, "id");
  if (answer->id.size == 0) return false;
  struct gcn__span state = gcn__json_member(item, "state");
  /* A listing without states is one of topics that are subscribed. */
  answer->permitted = state.data == NULL || gcn__span_iis(state, "permitted");
  answer->reason = gcn__json_member(item, "rejectionReason");
  answer->missing = gcn__json_get(item, "missingPermissions");
  if (!gcn__json_is_array(answer->missing)) answer->missing = NULL;
  return true;
}

/* A whole number of up to nine digits, in the only header of that name. */
static bool read_count(const struct gcn__http* http, const char* name,
                       uint32_t* number) {
  enum { DIGITS_MAX = 9 };
  size_t count = 0;
  struct gcn__span text = gcn__http_header(http, name, &count);
  if (count != 1 || text.size == 0 || text.size > DIGITS_MAX) return false;
  *number = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *number = *number * 10 + (uint32_t)(text.data[i] - '0');
  }
  return true;
}

bool gcn__channels_read_ratelimit(const struct gcn__http* http,
                                  struct gcn__ratelimit* limit) {
  struct gcn__ratelimit read;
  if (!read_count(http, "inin-ratelimit-count", &read.count)) return false;
  if (!read_count(http, "inin-ratelimit-allowed", &read.allowed)) return false;
  if (!read_count(http, "inin-ratelimit-reset", &read.reset_s)) return false;
  if (read.allowed == 0) return false;
  *limit = read;
  return true;
}

static bool is_loopback(const struct gcn__url* url) {
  struct gcn__span host = gcn__span_str(url->host);
  if (!url->ip_literal) return gcn__span_is(host, "localhost");
  return gcn__span_is(host, "::1") || gcn__span_starts(host, "127.");
}

/* A service on this machine may call itself by another of its names. */
static bool is_same_host(const struct gcn__url* uri,
                         const struct gcn__url* api) {
  if (uri->port != api->port) return false;
  if (strcmp(uri->host, api->host) == 0) return true;
  return is_loopback(uri) && is_loopback(api);
}

const char* gcn__channels_uri_check(const struct gcn__url* uri,
                                    const struct gcn__host_policy* policy) {
  bool same_host = is_same_host(uri, policy->api);
  if (uri->scheme == GCN__SCHEME_WS) {
    if (policy->plaintext && same_host) return NULL;
    return "connectUri is not encrypted (ws://)";
  }
  if (uri->scheme != GCN__SCHEME_WSS) return "connectUri is no WebSocket URL";
  if (same_host) return NULL;
  if (uri->ip_literal) return "connectUri names an address, not a host";
  if (policy->domain == NULL || !gcn__host_within(uri->host, policy->domain)) {
    return "connectUri names a host outside the region's domain";
  }
  if (uri->port != 443) return "connectUri names an unexpected port";
  return NULL;
}

/* Nearly every topic is that of an event, and its fourth byte tells: none of
 * "channel." or "v2.s". */
static bool is_ordinary(struct gcn__span topic) {
  if (topic.size < 4) return true;
  char fourth = gcn__ascii_lower(topic.data[3]);
  return fourth != 'n' && fourth != 's';
}

static bool topic_starts(struct gcn__span topic, struct gcn__span prefix) {
  if (topic.size < prefix.size) return false;
  return gcn__span_iequal(gcn__span(topic.data, prefix.size), prefix);
}

#define NAME(prefix, kind)                                                     \
  { {prefix, sizeof prefix - 1}, GCN__MESSAGE_##kind }

enum gcn__message_kind gcn__channels_name(const struct gcn__envelope* message) {
  static const struct {
    struct gcn__span prefix; /* in lower case */
    enum gcn__message_kind kind;
  } names[] = {
      /* Ids are appended to system topics: match by prefix, PROTOCOL §4.4. */
      NAME("channel.metadata", HEARTBEAT),
      NAME("v2.system.socket_closing", MOVING),
      NAME("v2.system.token_revoked", REVOKED),
      NAME("v2.system.no_longer_subscribed", UNSUBSCRIBED),
      NAME("v2.system.", NOTICE),
      NAME("v2.subscription.updated", NOTICE),
  };
  if (message->topic.data == NULL) {
    bool answer = message->result.data != NULL; /* PROTOCOL §3.5 */
    return answer ? GCN__MESSAGE_HEARTBEAT : GCN__MESSAGE_GARBAGE;
  }
  if (message->body.data == NULL) return GCN__MESSAGE_GARBAGE;
  if (is_ordinary(message->topic)) return GCN__MESSAGE_EVENT;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (topic_starts(message->topic, names[i].prefix)) return names[i].kind;
  }
  return GCN__MESSAGE_EVENT;
}

/* What follows the third dot: "v2.system.token_revoked.ID". */
static struct gcn__span appended_id(struct gcn__span name) {
  size_t dots = 0;
  size_t at = 0;
  while (at < name.size && dots < 3) {
    if (name.data[at++] == '.') dots++;
  }
  if (dots < 3 || at == name.size) return (struct gcn__span){NULL, 0};
  return gcn__span_skip(name, at);
}

void gcn__channels_read_system(struct gcn__span name,
                               const struct gcn__json* body,
                               struct gcn__system_message* message) {
  const struct gcn__json* data = gcn__json_get(body, "data");
  message->reason = gcn__json_member(body, "reason");
  message->channel_id = gcn__json_member(body, "channelId");
  if (message->channel_id.size == 0) message->channel_id = appended_id(name);
  message->topic = gcn__json_member(data, "topicName");
  if (message->topic.size == 0)
    message->topic = gcn__json_member(data, "topic");
}

struct gcn__span gcn__channels_ping(void) {
  return GCN__SPAN("{\"message\":\"ping\"}");
}
