/* SPDX-License-Identifier: MIT */
/*
 * Upgrades of the stream dialect: who may open one, with which parameters, and
 * from where it goes on (PROTOCOL §6.1, §6.2).
 *
 * What is wrong with the token is told before what is wrong with the request,
 * and that before what is wrong with a subscription.
 */
#include "base/err.h"
#include "codec/url.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

enum {
  TARGET_SIZE_MAX = 8192,
  VALUE_SIZE_MAX = 64 << 10,
  BATCH_COUNT = 100, /* if a client asks for none */
  LATENCY_MS_MAX = 300000,
  DATE_SIZE = 24, /* "2031-04-02T08:15:30.123Z" */
};

/* The descriptions of PROTOCOL §6.2; that of thread B differs from the guide's
 * in its subscriptions only. */
enum variant { GUIDE, REST, MESSAGE, TICKET };

struct form {
  const char* route;
  const char* scope;
};

static const struct form forms[] = {
    [GUIDE] = {"/api/v2/notifications/stream", "notification:read"},
    [REST] = {"/api/v2/notifications", "notification:read"},
    [MESSAGE] = {"/api/v2/notification/events", "notification:subscribe"},
    [TICKET] = {"/api/v2/notifications", "notification:read"},
};

/* An upgrade that is being looked at. */
struct request {
  struct gcn__sim_call* call;
  enum variant variant;
  struct gcn__sim_stream* stream;
  size_t client;
  const char* why; /* what is wrong with a parameter */
};

bool gcn__sim_query_next(struct gcn__span* query, struct gcn__span* name,
                         struct gcn__span* value) {
  if (query->data == NULL || query->size == 0) return false;
  const char* end = memchr(query->data, '&', query->size);
  size_t size = end == NULL ? query->size : (size_t)(end - query->data);
  *name = gcn__span(query->data, size);
  *query = gcn__span_skip(*query, end == NULL ? size : size + 1);
  *value = gcn__span_skip(*name, name->size);
  const char* equals = memchr(name->data, '=', name->size);
  if (equals == NULL) return true;
  size_t name_size = (size_t)(equals - name->data);
  *value = gcn__span_skip(*name, name_size + 1);
  name->size = name_size;
  return true;
}

/* The first parameter of that name, decoded; false if there is none or it is
 * broken.  Deinit in either case. */
static bool find_param(const struct gcn__sim_call* call, const char* wanted,
                       struct gcn__buf* out) {
  struct gcn__span query = call->query;
  struct gcn__span name;
  struct gcn__span value;
  gcn__buf_init(out, call->sim->mem, VALUE_SIZE_MAX);
  out->secret = true;
  while (gcn__sim_query_next(&query, &name, &value)) {
    if (!gcn__span_is(name, wanted)) continue;
    return gcn__percent_decode(out, value, true) == 0;
  }
  return false;
}

int gcn__sim_query_interests(struct gcn__sim_interests* interests,
                             struct gcn__span value, const char** why) {
  struct gcn__buf text;
  gcn__buf_init(&text, interests->mem, VALUE_SIZE_MAX);
  *why = "subscriptions: a broken escape";
  int error = gcn__percent_decode(&text, value, true);
  struct gcn__json* json = NULL;
  if (error == 0) {
    *why = "subscriptions: not JSON";
    json = gcn__json_parse(gcn__buf_span(&text), NULL);
    error = json == NULL ? GCN__EINVAL
                         : gcn__sim_interests_read(interests, json, why);
  }
  gcn__json_free(json, false);
  gcn__buf_deinit(&text);
  return error == GCN_ELIMIT ? GCN__EINVAL : error;
}

static int read_number(struct gcn__span value, uint64_t max, uint64_t* out) {
  uint64_t number;
  bool good = gcn__script_number(value, &number);
  if (!good || number == 0 || number > max) return GCN__EINVAL;
  *out = number;
  return 0;
}

static int read_position(struct request* request, struct gcn__span value,
                         bool is_time) {
  struct gcn__buf text;
  gcn__buf_init(&text, request->call->sim->mem, VALUE_SIZE_MAX);
  int error = gcn__percent_decode(&text, value, true);
  if (error == 0) {
    gcn__sim_stream_ask(request->call->sim, request->stream,
                        gcn__buf_span(&text), is_time);
  }
  gcn__buf_deinit(&text);
  return error == GCN_ELIMIT ? GCN__EINVAL : error;
}

/* Parameters that are not known are left alone. */
static int read_param(struct request* request, struct gcn__span name,
                      struct gcn__span value) {
  struct gcn__sim_stream* stream = request->stream;
  uint64_t number = 0;
  int error = 0;
  if (gcn__span_is(name, "subscriptions")) {
    return gcn__sim_query_interests(&stream->interests, value, &request->why);
  }
  if (gcn__span_is(name, "maxBatchSize")) {
    request->why = "maxBatchSize must be a number from 1 to 1000";
    error = read_number(value, GCN__SIM_BATCH_COUNT_MAX, &number);
    if (error == 0) stream->batch_count_max = (size_t)number;
  } else if (gcn__span_is(name, "maxLatency")) {
    request->why = "maxLatency must be a number from 1 to 300000";
    error = read_number(value, LATENCY_MS_MAX, &number);
    if (error == 0) stream->latency_ms = number;
    stream->beats = true;
  } else if (gcn__span_is(name, "lastEventId")) {
    request->why = "lastEventId: a broken escape";
    error = read_position(request, value, false);
  } else if (gcn__span_is(name, "since")) {
    request->why = "since: a broken escape";
    if (!stream->asks) error = read_position(request, value, true);
  }
  return error;
}

static int read_params(struct request* request) {
  struct gcn__span query = request->call->query;
  struct gcn__span name;
  struct gcn__span value;
  while (gcn__sim_query_next(&query, &name, &value)) {
    int error = read_param(request, name, value);
    if (error != 0) return error;
  }
  bool lacks = request->stream->interests.count == 0;
  request->why = "no subscriptions";
  if (request->variant == GUIDE || request->variant == TICKET) {
    return lacks ? GCN__EINVAL : 0;
  }
  return 0;
}

static bool admit_ticket(struct request* request) {
  struct gcn__sim_call* call = request->call;
  struct gcn__buf value;
  const struct gcn__sim_ticket* ticket = NULL;
  if (find_param(call, "token", &value)) {
    ticket =
        gcn__sim_ticket_find(call->sim, gcn__buf_span(&value), call->now_ms);
  }
  gcn__buf_deinit(&value);
  if (ticket == NULL) {
    gcn__sim_reply_error(call, 401, "bad.credentials",
                         "The subscription token is invalid or has expired.");
    return false;
  }
  request->client = ticket->client;
  request->stream->ticket = ticket->serial;
  call->client_id = gcn__sim_client_id(call->sim, ticket->client);
  return true;
}

static bool admit_token(struct request* request) {
  struct gcn__sim_call* call = request->call;
  struct gcn__buf value;
  bool admitted;
  struct gcn__span bearer = gcn__sim_bearer(call);
  if (request->variant == GUIDE && find_param(call, "access_token", &value)) {
    admitted = gcn__sim_admit(call, gcn__buf_span(&value));
  } else if (bearer.data != NULL) {
    admitted = gcn__sim_admit(call, bearer);
  } else {
    gcn__sim_reply_error(call, 401, "authentication.required",
                         "No authentication bearer token specified.");
    admitted = false;
  }
  if (request->variant == GUIDE) gcn__buf_deinit(&value);
  if (!admitted) return false;
  request->client = call->token->client;
  request->stream->token = call->token->serial;
  /* What follows does not count against the REST API's limits. */
  call->token = NULL;
  return true;
}

/* Takes what was POSTed over. */
static bool take_posted(struct request* request) {
  struct gcn__sim_call* call = request->call;
  struct gcn__sim_stream* stream = request->stream;
  struct gcn__buf id;
  bool named = find_param(call, "subscriptionId", &id);
  struct gcn__span wanted =
      named ? gcn__buf_span(&id) : (struct gcn__span){NULL, 0};
  struct gcn__sim_posted* posted =
      gcn__sim_posted_take(call->sim, request->client, wanted);
  gcn__buf_deinit(&id);
  if (posted == NULL) {
    gcn__sim_reply_payload(call, GCN__SIM_BAD_PAYLOAD);
    return false;
  }
  gcn__sim_interests_deinit(&stream->interests);
  stream->interests = posted->interests;
  gcn__sim_interests_init(&posted->interests, call->sim->mem);
  stream->posted = posted;
  return true;
}

/* True if the client may have what it asks for, or will be told after the
 * 101; else it has been answered. */
static bool check(struct request* request, struct gcn__sim_verdict_on* gone) {
  struct gcn__sim_call* call = request->call;
  struct gcn__sim_verdict_on verdict;
  gone->finding = GCN__SIM_FINE;
  if (!gcn__sim_check_scope(call->sim, forms[request->variant].scope,
                            &verdict)) {
    gcn__sim_refuse_stream(call, &verdict);
    return false;
  }
  gcn__sim_check_all(call->sim, &request->stream->interests, &verdict);
  if (verdict.finding == GCN__SIM_FINE) return true;
  gcn__sim_count_refusal(call, verdict.interest);
  if (verdict.finding != GCN__SIM_GONE) {
    gcn__sim_refuse_stream(call, &verdict);
    return false;
  }
  if (verdict.lack->by_http) {
    gcn__sim_reply_payload(call, GCN__SIM_BAD_SUBSCRIPTION);
    return false;
  }
  *gone = verdict;
  return true;
}

static void attach(struct request* request) {
  struct gcn__sim* sim = request->call->sim;
  struct gcn__sim_conn* conn = request->call->conn;
  struct gcn__sim_stream* stream = request->stream;
  stream->client = request->client;
  conn->stream = stream;
  request->stream = NULL;
  if (stream->posted != NULL) stream->posted->conn = conn;
  sim->counters.sockets++;
  sim->counters.sockets_open++;
  sim->counters.streams++;
}

/* A rule may close the stream as soon as it is there. */
static void open_stream(struct request* request,
                        const struct gcn__sim_verdict_on* gone) {
  struct gcn__sim_call* call = request->call;
  struct gcn__sim_conn* conn = call->conn;
  struct gcn__sim* sim = call->sim;
  unsigned code = gone->finding == GCN__SIM_GONE ? gone->lack->code : 0;
  if (!gcn__sim_ws_accept(call)) return;
  attach(request);
  gcn__sim_fault_count(sim, GCN__COUNT_CONNECT, conn, call->now_ms);
  if (conn->stream == NULL) return;
  if (code != 0) {
    gcn__sim_stream_close(conn, code, GCN__SIM_BAD_SUBSCRIPTION, call->now_ms);
    return;
  }
  gcn__sim_count_refusal(call, NULL);
  if (request->variant == MESSAGE && conn->stream->interests.count == 0) return;
  if (request->variant != REST) {
    sim->counters.subscribes++;
    gcn__sim_fault_count(sim, GCN__COUNT_SUBSCRIBE, conn, call->now_ms);
  }
  if (conn->stream != NULL) gcn__sim_stream_begin(conn, call->now_ms);
}

static void look_at(struct request* request) {
  struct gcn__sim_call* call = request->call;
  bool admitted =
      request->variant == TICKET ? admit_ticket(request) : admit_token(request);
  if (!admitted) return;
  int error = read_params(request);
  if (error == GCN__ENOMEM) {
    call->conn->failed = true;
  } else if (error != 0) {
    gcn__sim_reply_listed(call, 400, "bad.request", "Bad Request",
                          request->why);
  }
  if (error != 0) return;
  if (request->variant == REST && !take_posted(request)) return;
  struct gcn__sim_verdict_on gone;
  if (check(request, &gone)) open_stream(request, &gone);
}

/* True if it is answered already. */
static bool refuse_early(struct gcn__sim_call* call) {
  struct gcn__sim_streams* streams = call->sim->streams;
  if (gcn__http_target(call->conn->http).size > TARGET_SIZE_MAX) {
    gcn__sim_reply_error(call, 414, "uri.too.long", "The URI is too long.");
    return true;
  }
  if (streams->block_ms > call->now_ms) {
    uint64_t left_ms = streams->block_ms - call->now_ms;
    call->sim->counters.upgrades_blocked++;
    gcn__sim_retry_after(call, (left_ms + 999) / 1000);
    gcn__sim_reply_error(call, 429, "too.many.requests.retry.after",
                         "The address is blocked.");
    return true;
  }
  const char* wrong = gcn__sim_ws_check(call);
  if (wrong == NULL) return false;
  gcn__sim_reply_error(call, 400, "bad.request", wrong);
  return true;
}

static void upgrade(struct gcn__sim_call* call, enum variant variant) {
  struct request request = {.call = call, .variant = variant};
  call->route = forms[variant].route;
  call->resource = GCN__SIM_RESOURCE_SOCKET;
  call->sim->counters.upgrades++;
  if (gcn__sim_spoil(call) || refuse_early(call)) return;
  request.stream = gcn__sim_stream_new(call->sim, call->now_ms);
  if (request.stream == NULL) {
    call->conn->failed = true;
    return;
  }
  request.stream->batch_count_max = BATCH_COUNT;
  request.stream->latency_ms = GCN__SIM_STREAM_LATENCY_MS;
  look_at(&request);
  gcn__sim_stream_free(call->sim, request.stream, call->now_ms);
}

static bool has_ticket(const struct gcn__sim_call* call) {
  struct gcn__span query = call->query;
  struct gcn__span name;
  struct gcn__span value;
  while (gcn__sim_query_next(&query, &name, &value)) {
    if (gcn__span_is(name, "token")) return true;
  }
  return false;
}

bool gcn__sim_stream_call(struct gcn__sim_call* call) {
  if (gcn__span_is(call->path, forms[GUIDE].route)) {
    upgrade(call, GUIDE);
  } else if (gcn__span_is(call->path, forms[MESSAGE].route)) {
    upgrade(call, MESSAGE);
  } else if (gcn__span_is(call->path, forms[REST].route)) {
    upgrade(call, has_ticket(call) ? TICKET : REST);
  } else {
    return gcn__sim_stream_rest(call);
  }
  return true;
}
