/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: what it sends.
 *
 * It knows no preset, only what a shape says.  Every value in a query is
 * percent-encoded, the token too; whatever holds the token is wiped.  Where the
 * descriptions have no place for a part of a subscription (a resource in
 * FORM_TOPIC, filters in FORM_NAMED), it is sent as the guide has it: a service
 * that drops a filter unseen would send everything.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "codec/url.h"
#include "dialect/request.h"
#include "dialect/stream-parts.h"
#include "dialect/subscription.h"

enum { TARGET_SIZE_MAX = 1 << 20 };

/* What JSON text goes into: a buffer, or with none only its size is counted. */
struct sink {
  struct gcn__buf* out;
  bool encoded; /* what is counted will be percent-encoded */
  size_t size;
  int error;
};

static bool is_unreserved(char c) {
  char lower = gcn__ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

static void count(struct sink* sink, char c) {
  sink->size += sink->encoded && !is_unreserved(c) ? 3 : 1;
}

/* As gcn__json_write_string writes it. */
static void count_in_string(struct sink* sink, char c) {
  unsigned char byte = (unsigned char)c;
  bool brief = c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t';
  if (brief || byte < 0x20) count(sink, '\\');
  if (!brief && byte < 0x20) sink->size += sizeof "u000" - 1;
  bool letter = c == '\n' || c == '\r' || c == '\t' || byte < 0x20;
  count(sink, letter ? 'n' : c);
}

static void put(struct sink* sink, const char* text) {
  if (sink->out == NULL) {
    for (; *text != '\0'; text++)
      count(sink, *text);
  } else if (sink->error == 0) {
    sink->error = gcn__buf_append_str(sink->out, text);
  }
}

static int write_decoded(struct gcn__buf* out, struct gcn__span part) {
  struct gcn__buf plain;
  gcn__buf_init(&plain, out->mem, GCN__SUBSCRIPTION_SIZE_MAX);
  int error = gcn__subscription_decode(&plain, part);
  if (error == 0) error = gcn__json_write_string(out, gcn__buf_span(&plain));
  gcn__buf_deinit(&plain);
  return error;
}

static void put_string(struct sink* sink, struct gcn__span part) {
  if (sink->out != NULL) {
    if (sink->error == 0) sink->error = write_decoded(sink->out, part);
    return;
  }
  count(sink, '"');
  while (part.size > 0)
    count_in_string(sink, gcn__subscription_take(&part));
  count(sink, '"');
}

static void put_values(struct sink* sink, struct gcn__span values, bool bare) {
  struct gcn__span value;
  bool first = true;
  if (!bare) put(sink, "[");
  while (gcn__subscription_value(&values, &value)) {
    if (!first) put(sink, ",");
    put_string(sink, value);
    first = false;
  }
  if (!bare) put(sink, "]");
}

/* Thread B's query is a string; every other filter is a list, as in the
 * guide. */
static bool is_query(struct gcn__span name, struct gcn__span values) {
  return gcn__subscription_part_is(name, GCN__SPAN("query")) &&
         memchr(values.data, ',', values.size) == NULL;
}

static void put_filters(struct sink* sink, struct gcn__span filters,
                        bool topic) {
  struct gcn__span name;
  struct gcn__span values;
  bool first = true;
  put(sink, topic ? ",\"filter\":{" : ",\"filters\":{");
  while (gcn__subscription_filter(&filters, &name, &values)) {
    if (!first) put(sink, ",");
    put_string(sink, name);
    put(sink, ":");
    put_values(sink, values, topic && is_query(name, values));
    first = false;
  }
  put(sink, "}");
}

static void put_subscription(struct sink* sink, const struct gcn__shape* shape,
                             struct gcn__span text) {
  bool topic = shape->form == GCN__FORM_TOPIC;
  struct gcn__subscription parts = gcn__subscription_parse(text);
  put(sink, topic ? "{\"topic\":" : "{\"event\":");
  put_string(sink, parts.event);
  if (parts.resource.data != NULL) {
    put(sink, ",\"resourceId\":");
    put_string(sink, parts.resource);
  }
  if (parts.filters.data != NULL) put_filters(sink, parts.filters, topic);
  put(sink, "}");
}

int gcn__stream_append(const struct gcn__shape* shape, struct gcn__span text,
                       bool first, struct gcn__buf* array) {
  struct sink sink = {.out = array};
  put(&sink, first ? "[" : ",");
  put_subscription(&sink, shape, text);
  return sink.error;
}

size_t gcn__stream_cost(const struct gcn__shape* shape, struct gcn__span text) {
  struct sink sink = {.encoded = shape->subs_in == GCN__SUBS_IN_QUERY};
  put(&sink, ",");
  put_subscription(&sink, shape, text);
  return sink.size;
}

static struct gcn__span array_of(const struct gcn__stream_ask* ask) {
  return ask->subscriptions.size > 0 ? ask->subscriptions : GCN__SPAN("[]");
}

static int write_quoted(struct gcn__buf* out, const char* text) {
  return gcn__json_write_string(out, gcn__span_str(text));
}

static int write_name(const struct gcn__stream_ask* ask, struct gcn__buf* out) {
  const char* session = ask->session;
  if (session == NULL || strlen(session) > GCN__SESSION_SIZE_MAX ||
      !gcn__stream_is_plain(session)) {
    return GCN__EINVAL;
  }
  int error = gcn__buf_append_str(out, GCN__NAMED_NAME);
  if (error == 0) error = write_quoted(out, session);
  return error == 0 ? gcn__buf_append_str(out, ",") : error;
}

static int write_address(const struct gcn__stream_ask* ask,
                         struct gcn__buf* out) {
  int error = gcn__buf_append_str(out, GCN__NAMED_ENDPOINT);
  if (error == 0) error = write_quoted(out, ask->shape->path);
  return error == 0 ? gcn__buf_append_str(out, GCN__NAMED_SCOPE) : error;
}

/* The object around them. */
static int write_object(const struct gcn__stream_ask* ask,
                        struct gcn__buf* out) {
  bool named = ask->shape->form == GCN__FORM_NAMED;
  struct gcn__span array = array_of(ask);
  int error = gcn__buf_append_str(out, "{");
  if (error == 0 && named) error = write_name(ask, out);
  if (error == 0) error = write_quoted(out, ask->shape->subs_param);
  if (error == 0) error = gcn__buf_append_str(out, ":");
  if (error == 0) error = gcn__buf_append(out, array.data, array.size);
  if (error == 0 && named) error = write_address(ask, out);
  return error == 0 ? gcn__buf_append_str(out, "}") : error;
}

int gcn__stream_message(const struct gcn__stream_ask* ask,
                        struct gcn__buf* out) {
  return write_object(ask, out);
}

/* A target in the making. */
struct target {
  struct gcn__buf text;
  bool asked; /* there is a "?" */
};

static void begin_target(struct target* target, const struct gcn__mem* mem,
                         size_t size_max) {
  gcn__buf_init(&target->text, mem, size_max);
  target->text.secret = true;
  target->asked = false;
}

static int append_path(struct target* target, const struct gcn__stream_ask* ask,
                       const char* path) {
  int error = gcn__buf_append_str(&target->text, ask->base_path);
  return error == 0 ? gcn__buf_append_str(&target->text, path) : error;
}

/* Nothing if the shape has no such parameter, or there is nothing to say. */
static int append_param(struct target* target, const char* name,
                        struct gcn__span value) {
  if (name[0] == '\0' || value.size == 0) return 0;
  int error = gcn__buf_append_str(&target->text, target->asked ? "&" : "?");
  target->asked = true;
  if (error == 0) {
    error = gcn__percent_encode(&target->text, gcn__span_str(name));
  }
  if (error == 0) error = gcn__buf_append_str(&target->text, "=");
  return error == 0 ? gcn__percent_encode(&target->text, value) : error;
}

static int append_number(struct target* target, const char* name,
                         uint64_t number) {
  char text[24];
  if (number == 0) return 0;
  size_t at = sizeof text;
  for (; number > 0; number /= 10)
    text[--at] = (char)('0' + number % 10);
  return append_param(target, name, gcn__span(text + at, sizeof text - at));
}

/* "access token", or what takes its place in the upgrade. */
static const char* credential(const struct gcn__stream_ask* ask) {
  return ask->ticket != NULL ? ask->ticket : ask->token;
}

static int append_token(struct target* target,
                        const struct gcn__stream_ask* ask) {
  if (ask->shape->token_in != GCN__TOKEN_IN_QUERY) return 0;
  struct gcn__span token = gcn__span_str(credential(ask));
  if (token.size == 0) return GCN__EINVAL;
  return append_param(target, ask->shape->token_param, token);
}

static int append_subscriptions(struct target* target,
                                const struct gcn__stream_ask* ask) {
  const struct gcn__shape* shape = ask->shape;
  if (shape->subs_in == GCN__SUBS_IN_POST) {
    return append_param(target, GCN__ID_PARAM, ask->subscription_id);
  }
  if (shape->subs_in != GCN__SUBS_IN_QUERY) return 0;
  if (shape->form != GCN__FORM_NAMED) {
    return append_param(target, shape->subs_param, ask->subscriptions);
  }
  struct gcn__buf object;
  gcn__buf_init(&object, target->text.mem, TARGET_SIZE_MAX);
  int error = write_object(ask, &object);
  if (error == 0) {
    error = append_param(target, shape->subs_param, gcn__buf_span(&object));
  }
  gcn__buf_deinit(&object);
  return error;
}

static int append_position(struct target* target,
                           const struct gcn__stream_ask* ask) {
  const struct gcn__shape* shape = ask->shape;
  const char* name =
      ask->resume_is_time ? shape->since_param : shape->resume_param;
  return append_param(target, name, ask->resume);
}

static int make_target(struct target* target,
                       const struct gcn__stream_ask* ask) {
  const struct gcn__shape* shape = ask->shape;
  int error = append_path(target, ask, shape->path);
  if (error == 0) error = append_token(target, ask);
  if (error == 0) error = append_subscriptions(target, ask);
  if (error == 0) {
    error = append_number(target, shape->batch_param, shape->batch_count_max);
  }
  if (error == 0) {
    error = append_number(target, shape->latency_param, shape->latency_ms);
  }
  return error == 0 ? append_position(target, ask) : error;
}

int gcn__stream_target(const struct gcn__stream_ask* ask,
                       struct gcn__buf* out) {
  struct target target;
  begin_target(&target, out->mem, (size_t)ask->shape->url_size_max);
  int error = make_target(&target, ask);
  if (error == 0) {
    struct gcn__span text = gcn__buf_span(&target.text);
    error = gcn__buf_append(out, text.data, text.size);
  }
  gcn__buf_deinit(&target.text);
  return error;
}

static int write_upgrade(const struct gcn__stream_ask* ask,
                         struct gcn__buf* out) {
  struct target target;
  begin_target(&target, out->mem, (size_t)ask->shape->url_size_max);
  int error = make_target(&target, ask);
  if (error == 0) {
    error = gcn__http_write_request(out, "GET", gcn__buf_span(&target.text));
  }
  gcn__buf_deinit(&target.text);
  if (error == 0) {
    error = gcn__request_common(out, ask->authority, ask->user_agent);
  }
  if (error == 0 && ask->shape->token_in == GCN__TOKEN_IN_HEADER) {
    error = gcn__request_bearer(out, credential(ask));
  }
  return error == 0 ? gcn__request_upgrade_end(out, ask->ws_key) : error;
}

/* The API takes the access token in a header only, whatever the upgrade
 * does. */
static int write_call(const char* method, const struct target* target,
                      const struct gcn__stream_ask* ask, struct gcn__buf* out) {
  int error =
      gcn__http_write_request(out, method, gcn__buf_span(&target->text));
  if (error == 0) {
    error = gcn__request_common(out, ask->authority, ask->user_agent);
  }
  if (error == 0) error = gcn__request_bearer(out, ask->token);
  return error == 0 ? gcn__request_accept_json(out) : error;
}

/* With the candidates: nothing is active before the first stream (PROTOCOL
 * §6.1).  They are an array in every form but the SDK's own objects. */
static int write_preflight(const struct gcn__stream_ask* ask,
                           struct gcn__buf* out) {
  const struct gcn__shape* shape = ask->shape;
  if (shape->preflight_path[0] == '\0') return GCN__EINVAL;
  struct target target;
  begin_target(&target, out->mem, TARGET_SIZE_MAX);
  int error = append_path(&target, ask, shape->preflight_path);
  if (error == 0) {
    error = append_param(&target, shape->subs_param, ask->subscriptions);
  }
  if (error == 0) error = write_call("GET", &target, ask, out);
  gcn__buf_deinit(&target.text);
  return error == 0 ? gcn__http_write_end(out, GCN__SPAN(""), true) : error;
}

static int write_post(const char* path, const struct gcn__stream_ask* ask,
                      struct gcn__span body, struct gcn__buf* out) {
  if (path[0] == '\0') return GCN__EINVAL;
  struct target target;
  begin_target(&target, out->mem, TARGET_SIZE_MAX);
  int error = append_path(&target, ask, path);
  if (error == 0) error = write_call("POST", &target, ask, out);
  gcn__buf_deinit(&target.text);
  return error == 0 ? gcn__request_json_end(out, body) : error;
}

static int write_subscriptions(const struct gcn__stream_ask* ask,
                               struct gcn__buf* out) {
  if (ask->shape->subs_in != GCN__SUBS_IN_POST) return GCN__EINVAL;
  struct gcn__buf body;
  gcn__buf_init(&body, out->mem, TARGET_SIZE_MAX);
  int error = write_object(ask, &body);
  if (error == 0) {
    error = write_post(ask->shape->subs_path, ask, gcn__buf_span(&body), out);
  }
  gcn__buf_deinit(&body);
  return error;
}

static int write_unsubscribe(const struct gcn__stream_ask* ask,
                             struct gcn__buf* out) {
  const char* path = ask->shape->subs_path;
  if (path[0] == '\0' || ask->subscription_id.size == 0) return GCN__EINVAL;
  struct target target;
  begin_target(&target, out->mem, TARGET_SIZE_MAX);
  int error = append_path(&target, ask, path);
  if (error == 0) error = gcn__buf_append_str(&target.text, "/");
  if (error == 0) {
    error = gcn__percent_encode(&target.text, ask->subscription_id);
  }
  if (error == 0) error = write_call("DELETE", &target, ask, out);
  gcn__buf_deinit(&target.text);
  return error == 0 ? gcn__http_write_end(out, GCN__SPAN(""), true) : error;
}

int gcn__stream_write(enum gcn__op op, const struct gcn__stream_ask* ask,
                      struct gcn__buf* out) {
  switch (op) {
  case GCN__OP_UPGRADE: return write_upgrade(ask, out);
  case GCN__OP_AUDIT: return write_preflight(ask, out);
  case GCN__OP_TOPICS: return write_subscriptions(ask, out);
  case GCN__OP_CHANNEL:
    return write_post(ask->shape->ticket_path, ask, GCN__SPAN(""), out);
  case GCN__OP_UNSUBSCRIBE: return write_unsubscribe(ask, out);
  case GCN__OP_NONE:
  case GCN__OP_TOKEN:
  case GCN__OP_STREAM:
  case GCN__OP_ADD:
  case GCN__OP_CHECKPOINT: break;
  }
  return GCN__EINVAL;
}
