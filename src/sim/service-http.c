/* SPDX-License-Identifier: MIT */
/*
 * HTTP of the simulated service: routing of requests, shape of answers, and
 * the faults that spoil answers.
 *
 * Every answer carries an ININ-Correlation-Id, the same one as the contextId
 * of its body.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum {
  TRICKLE_STEP = 1,
  HUGE_HEADER_SIZE = 65536, /* twice what clients accept */
  HUGE_BODY_SIZE = 2 << 20,
  GARBAGE_SIZE = 64,
  NUMBER_SIZE = 24,
  HEADER_SIZE_MAX = 1024,
};

struct answer {
  unsigned status;
  struct gcn__span body;
  const char* correlation_id;
};

static int put_number(struct gcn__buf* out, const char* name, uint64_t number) {
  char text[NUMBER_SIZE];
  snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
  return gcn__http_write_header(out, name, gcn__span_str(text));
}

static int put_limits(const struct gcn__sim_call* call, struct gcn__buf* out) {
  const struct gcn__sim_token* token = call->token;
  uint64_t allowed = call->sim->options.rest_per_min_max;
  if (token == NULL || allowed == GCN__NEVER) return 0;
  uint64_t ends_ms = gcn__time_add(token->window_ms, 60000);
  uint64_t left_s = gcn__time_until(ends_ms, call->now_ms) / 1000 + 1;
  int error = put_number(out, "inin-ratelimit-count", token->window_count);
  if (error == 0) error = put_number(out, "inin-ratelimit-allowed", allowed);
  if (error == 0) error = put_number(out, "inin-ratelimit-reset", left_s);
  return error;
}

/* A rule's header="Name: value". */
static int put_rule_header(const struct gcn__sim_call* call,
                           struct gcn__buf* out) {
  if (call->action == NULL || call->action->header == NULL) return 0;
  const char* text = call->action->header;
  const char* colon = strchr(text, ':');
  char name[HEADER_SIZE_MAX];
  size_t size = colon == NULL ? 0 : (size_t)(colon - text);
  if (size == 0 || size >= sizeof(name)) return 0;
  memcpy(name, text, size);
  name[size] = '\0';
  const char* value = colon + 1;
  while (*value == ' ')
    value++;
  return gcn__http_write_header(out, name, gcn__span_str(value));
}

static int put_huge_header(const struct gcn__sim_call* call,
                           struct gcn__buf* out) {
  const struct gcn__script_action* action = call->action;
  if (action == NULL || action->verb != GCN__DO_HTTP_HUGE_HEADER) return 0;
  size_t size = action->numbered ? (size_t)action->number : HUGE_HEADER_SIZE;
  struct gcn__sim_text* text = &call->sim->scratch2;
  gcn__sim_text_clear(text);
  gcn__sim_text_fill(text, 'x', size);
  if (text->error != 0) return text->error;
  return gcn__http_write_header(out, "X-Filler", gcn__buf_span(&text->buf));
}

static bool tells_date(const struct gcn__sim_call* call) {
  return call->action != NULL && call->action->retry_after_date;
}

/* The moment is a whole second, so the wait may be up to a second longer. */
void gcn__sim_retry_after(struct gcn__sim_call* call, uint64_t delay_s) {
  uint64_t wall_ms = gcn__sim_wall(call->sim, call->now_ms);
  uint64_t lacking_ms = tells_date(call) ? (1000 - wall_ms % 1000) % 1000 : 0;
  call->retry_after_s = delay_s;
  call->wait_ms = delay_s == 0 ? 0 : delay_s * 1000 + lacking_ms;
}

static int put_retry_after(const struct gcn__sim_call* call,
                           struct gcn__buf* out) {
  if (call->wait_ms == 0) return 0;
  if (!tells_date(call)) {
    return put_number(out, "Retry-After", call->retry_after_s);
  }
  char date[GCN__SIM_DATE_SIZE];
  uint64_t wall_ms = gcn__sim_wall(call->sim, call->now_ms);
  gcn__sim_http_date(wall_ms, date);
  int error = gcn__http_write_header(out, "Date", gcn__span_str(date));
  if (error != 0) return error;
  gcn__sim_http_date(gcn__time_add(wall_ms, call->wait_ms), date);
  return gcn__http_write_header(out, "Retry-After", gcn__span_str(date));
}

static int put_headers(const struct gcn__sim_call* call,
                       const struct answer* answer, struct gcn__buf* out) {
  int error = 0;
  if (answer->body.data != NULL) {
    error = gcn__http_write_header(out, "Content-Type",
                                   GCN__SPAN("application/json"));
  }
  if (error == 0) {
    error = gcn__http_write_header(out, "ININ-Correlation-Id",
                                   gcn__span_str(answer->correlation_id));
  }
  if (error == 0) error = put_limits(call, out);
  if (error == 0) error = put_retry_after(call, out);
  if (error == 0 && call->allow != NULL) {
    error = gcn__http_write_header(out, "Allow", gcn__span_str(call->allow));
  }
  if (error == 0) error = put_rule_header(call, out);
  if (error == 0) error = put_huge_header(call, out);
  if (error == 0 && call->conn->ending) {
    error = gcn__http_write_header(out, "Connection", GCN__SPAN("close"));
  }
  return error;
}

static int put_answer(const struct gcn__sim_call* call,
                      const struct answer* answer, struct gcn__buf* out) {
  int error = gcn__http_write_status(out, answer->status);
  if (error == 0) error = put_headers(call, answer, out);
  if (error != 0) return error;
  bool head = gcn__span_is(call->method, "HEAD");
  struct gcn__span none = GCN__SPAN("");
  bool bodiless = head || answer->status == 204;
  struct gcn__span body =
      bodiless || answer->body.data == NULL ? none : answer->body;
  return gcn__http_write_end(out, body, answer->status == 204);
}

/* How the answer leaves, by the fault that it ran into. */
struct gcn__sim_piece gcn__sim_form(const struct gcn__sim_call* call) {
  const struct gcn__script_action* action = call->action;
  struct gcn__sim_piece form = {.due_ms = call->now_ms};
  if (action == NULL) return form;
  if (action->verb == GCN__DO_HTTP_SLOW) {
    form.due_ms = gcn__time_add(call->now_ms, action->delay_ms);
  }
  if (action->verb == GCN__DO_HTTP_TRICKLE) {
    form.step = TRICKLE_STEP;
    form.gap_ms = action->delay_ms;
  }
  return form;
}

static bool has_verb(const struct gcn__sim_call* call,
                     enum gcn__script_verb verb) {
  return call->action != NULL && call->action->verb == verb;
}

static void send_answer(struct gcn__sim_call* call,
                        const struct answer* answer) {
  struct gcn__sim_conn* conn = call->conn;
  struct gcn__sim_piece form = gcn__sim_form(call);
  if (has_verb(call, GCN__DO_HTTP_LOST)) {
    gcn__sim_end(conn);
    return;
  }
  int error = put_answer(call, answer, &conn->out.bytes);
  if (error == 0 && has_verb(call, GCN__DO_HTTP_TRUNCATE)) {
    size_t cut = answer->body.size / 2 + 1;
    size_t fresh = gcn__buf_size(&conn->out.bytes) - conn->out.planned;
    conn->out.bytes.end -= cut < fresh ? cut : fresh;
    gcn__sim_end(conn);
  }
  if (error == 0) error = gcn__sim_out_plan(&conn->out, &form);
  if (error != 0) conn->failed = true;
  gcn__sim_ready(conn);
}

static void put_huge_body(struct gcn__sim_call* call, struct answer* answer) {
  const struct gcn__script_action* action = call->action;
  size_t size = action->numbered ? (size_t)action->number : HUGE_BODY_SIZE;
  struct gcn__sim_text* text = &call->sim->scratch2;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"filler\":\"");
  gcn__sim_text_fill(text, 'x', size);
  gcn__sim_text_put(text, "\"}");
  if (text->error != 0) {
    call->conn->failed = true;
    return;
  }
  answer->body = gcn__buf_span(&text->buf);
}

void gcn__sim_reply(struct gcn__sim_call* call, unsigned status,
                    struct gcn__span body) {
  char id[GCN__SIM_ID_SIZE];
  gcn__sim_uuid(&call->sim->ids, id);
  struct answer answer = {status, body, id};
  if (has_verb(call, GCN__DO_HTTP_HUGE_BODY)) put_huge_body(call, &answer);
  call->status = status;
  send_answer(call, &answer);
}

void gcn__sim_reply_listed(struct gcn__sim_call* call, unsigned status,
                           const char* code, const char* message,
                           const char* error) {
  char id[GCN__SIM_ID_SIZE];
  gcn__sim_uuid(&call->sim->ids, id);
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"message\":");
  gcn__sim_text_json(text, gcn__span_str(message));
  gcn__sim_text_put(text,
                    ",\"code\":\"%s\",\"status\":%u,\"contextId\":\"%s\","
                    "\"details\":[],\"errors\":[",
                    code, status, id);
  if (error != NULL) gcn__sim_text_json(text, gcn__span_str(error));
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) {
    call->conn->failed = true;
    return;
  }
  call->status = status;
  struct answer answer = {status, gcn__buf_span(&text->buf), id};
  send_answer(call, &answer);
}

void gcn__sim_reply_error(struct gcn__sim_call* call, unsigned status,
                          const char* code, const char* message) {
  gcn__sim_reply_listed(call, status, code, message, NULL);
}

/* A rule's answer instead of the service's own. */
static void reply_rule(struct gcn__sim_call* call) {
  const struct gcn__script_action* action = call->action;
  unsigned status = (unsigned)action->number;
  gcn__sim_retry_after(call, action->retry_after_s);
  if (action->body != NULL) {
    gcn__sim_reply(call, status, gcn__span_str(action->body));
    return;
  }
  if (status < 400) {
    gcn__sim_reply(call, status, GCN__SPAN("{}"));
    return;
  }
  char text[GCN__SIM_LINE_SIZE];
  snprintf(
      text, sizeof(text),
      status == 429 ? "Rate limit exceeded the maximum. Retry the request "
                      "in [%llu] seconds"
                    : "The request failed (%llu).",
      (unsigned long long)(status == 429 ? action->retry_after_s : status));
  const char* code = status == 429   ? "too.many.requests.retry.after"
                     : status == 401 ? "bad.credentials"
                     : status == 403 ? "not.authorized"
                     : status == 404 ? "not.found"
                     : status == 503 ? "service.unavailable"
                     : status < 500  ? "bad.request"
                                     : "internal.server.error";
  gcn__sim_reply_error(call, status, code, text);
}

static void send_garbage(struct gcn__sim_call* call) {
  struct gcn__sim_conn* conn = call->conn;
  unsigned char noise[GARBAGE_SIZE];
  for (size_t i = 0; i < sizeof(noise); i++) {
    noise[i] = (unsigned char)gcn__rng_next(&call->sim->chance);
  }
  struct gcn__sim_piece form = {.due_ms = call->now_ms};
  int error = gcn__buf_append(&conn->out.bytes, noise, sizeof(noise));
  if (error == 0) error = gcn__sim_out_plan(&conn->out, &form);
  if (error != 0) conn->failed = true;
  gcn__sim_end(conn);
}

bool gcn__sim_spoil(struct gcn__sim_call* call) {
  call->action = gcn__sim_fault_request(call);
  if (call->action == NULL) return false;
  switch (call->action->verb) {
  case GCN__DO_HTTP_STATUS: reply_rule(call); return true;
  case GCN__DO_HTTP_HANG: call->conn->hung = true; return true;
  case GCN__DO_HTTP_RESET: gcn__sim_reset(call->conn); return true;
  case GCN__DO_HTTP_CLOSE: gcn__sim_end(call->conn); return true;
  case GCN__DO_HTTP_GARBAGE: send_garbage(call); return true;
  default: return false;
  }
}

static void route(struct gcn__sim_call* call) {
  if (gcn__span_is(call->path, "/oauth/token")) {
    call->login = true;
    call->route = "/oauth/token";
    call->resource = GCN__SIM_RESOURCE_TOKEN;
    gcn__sim_fault_count(call->sim, GCN__COUNT_TOKEN, NULL, call->now_ms);
    call->sim->counters.token_calls++;
    if (!gcn__sim_spoil(call)) gcn__sim_oauth(call);
    return;
  }
  if (gcn__span_starts(call->path, "/channels/")) {
    call->route = "/channels/{id}";
    call->resource = GCN__SIM_RESOURCE_SOCKET;
    call->sim->counters.upgrades++;
    if (gcn__sim_spoil(call)) return;
    gcn__sim_ws_upgrade(call,
                        gcn__span_skip(call->path, sizeof("/channels/") - 1));
    return;
  }
  if (gcn__sim_stream_call(call)) return;
  if (gcn__span_starts(call->path, "/api/v2/")) {
    gcn__sim_rest(call);
    return;
  }
  call->route = "(unknown)";
  if (!gcn__sim_spoil(call)) {
    gcn__sim_reply_error(call, 404, "not.found", "No such resource.");
  }
}

static void report(struct gcn__sim_call* call) {
  struct gcn__sim* sim = call->sim;
  const char* client = call->client_id;
  gcn__sim_log(sim, call->now_ms, "#%llu %.*s %s: %u%s%s",
               (unsigned long long)call->conn->serial,
               (int)(call->method.size < 16 ? call->method.size : 16),
               call->method.data, call->route, call->status,
               client == NULL ? "" : " for ", client == NULL ? "" : client);
  if (call->wait_ms > 0) gcn__sim_ledger_retry_after(call);
  if (sim->options.hooks.request == NULL) return;
  struct gcn__sim_request request = {
      .at_ms = call->now_ms,
      .connection = call->conn->serial,
      .method = call->method,
      .route = call->route,
      .status = call->status,
      .client_id = client,
      .retry_after_s = call->retry_after_s,
  };
  sim->options.hooks.request(sim->options.hooks.ctx, &request);
}

static void split_target(struct gcn__span target, struct gcn__span* path,
                         struct gcn__span* query) {
  const char* mark = memchr(target.data, '?', target.size);
  *path = target;
  *query = (struct gcn__span){NULL, 0};
  if (mark == NULL) return;
  path->size = (size_t)(mark - target.data);
  *query = gcn__span_skip(target, path->size + 1);
}

static void answer_request(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_call call = {
      .sim = sim,
      .conn = conn,
      .now_ms = now_ms,
      .method = gcn__http_method(conn->http),
      .route = "",
  };
  split_target(gcn__http_target(conn->http), &call.path, &call.query);
  if (!conn->labelled) {
    conn->instance = gcn__sim_ledger_instance(
        sim, gcn__http_header(conn->http, "User-Agent", NULL));
  }
  bool keep = gcn__http_keep_alive(conn->http);
  if (!keep) conn->ending = true;
  sim->counters.requests++;
  gcn__sim_fault_count(sim, GCN__COUNT_REQUEST, NULL, now_ms);
  route(&call);
  report(&call);
}

static void refuse_malformed(struct gcn__sim_conn* conn, int error,
                             uint64_t now_ms) {
  struct gcn__sim_call call = {
      .sim = conn->sim,
      .conn = conn,
      .now_ms = now_ms,
      .method = GCN__SPAN("?"),
      .route = "(malformed)",
  };
  gcn__sim_end(conn);
  if (error == GCN_EMSGSIZE) {
    gcn__sim_reply_error(&call, 413, "request.entity.too.large",
                         "The request is too large.");
  } else if (error == GCN_EHTTP) {
    gcn__sim_reply_error(&call, 400, "bad.request",
                         gcn__http_error(conn->http));
  } else {
    conn->failed = true;
  }
  report(&call);
}

void gcn__sim_http_receive(struct gcn__sim_conn* conn, struct gcn__span* in,
                           uint64_t now_ms) {
  int progress = gcn__http_read(conn->http, in);
  if (progress == GCN__HTTP_MORE) return;
  if (progress < 0) {
    refuse_malformed(conn, progress, now_ms);
    return;
  }
  answer_request(conn, now_ms);
  if (conn->ws == NULL) gcn__http_next(conn->http, false, false);
}
