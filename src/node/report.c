/* SPDX-License-Identifier: MIT */
/*
 * Reports as objects of JavaScript; events have a file of their own, because
 * they come by the thousand.
 */
#include "node/report.h"

static const char* const names[] = {
    [GCN__REPORT_EVENTS] = "events",
    [GCN__REPORT_STATE] = "state",
    [GCN__REPORT_TOPIC] = "topic",
    [GCN__REPORT_GAP] = "gap",
    [GCN__REPORT_ROTATION] = "rotation",
    [GCN__REPORT_HEARTBEAT] = "heartbeat",
    [GCN__REPORT_NOTICE] = "notice",
    [GCN__REPORT_LOG] = "log",
    [GCN__REPORT_CREDENTIALS] = "credentials",
    [GCN__REPORT_TOKEN] = "token",
    [GCN__REPORT_REFRESH] = "refresh",
    [GCN__REPORT_DURABLE] = "durable",
    [GCN__REPORT_CHECKPOINT] = "checkpoint",
    [GCN__REPORT_LOAD] = "load",
    [GCN__REPORT_SAVE] = "save",
    [GCN__REPORT_STORE_CLOSE] = "storeClose",
    [GCN__REPORT_CLOSE] = "close",
};

static const char* const layers[] = {
    "none", "dns", "tcp", "tls", "http", "ws", "service", "client", "proxy"};
static const char* const ops[] = {
    "none",   "token", "channel", "topics",      "upgrade",
    "stream", "audit", "add",     "unsubscribe", "checkpoint"};
static const char* const certainties[] = {"blind", "possible", "dropped"};
static const char* const levels[] = {"error", "warn", "info", "debug"};

/* Enums of the library may grow. */
#define NAME_OF(list, value)                                                   \
  ((size_t)(value) < sizeof(list) / sizeof((list)[0]) ? (list)[value]          \
                                                      : "unknown")

const char* gcn__report_name(enum gcn__report_kind kind) {
  return names[kind];
}

static napi_value new_object(napi_env env) {
  napi_value object = NULL;
  return napi_create_object(env, &object) == napi_ok ? object : NULL;
}

static napi_value failure_of(napi_env env, const gcn_failure_t* failure) {
  if (failure == NULL) return gcn__js_undefined(env);
  napi_value object = new_object(env);
  gcn__js_put_number(env, object, "errno", failure->error);
  gcn__js_put_str(env, object, "code", gcn_err_name(failure->error));
  gcn__js_put_str(env, object, "message", failure->text);
  gcn__js_put_str(env, object, "layer", NAME_OF(layers, failure->layer));
  gcn__js_put_str(env, object, "op", NAME_OF(ops, failure->op));
  gcn__js_put_number(env, object, "detail", failure->detail);
  gcn__js_put_number(env, object, "httpStatus", failure->http_status);
  gcn__js_put_number(env, object, "closeCode", failure->close_code);
  gcn__js_put_number(env, object, "retryAfter", (double)failure->retry_after);
  gcn__js_put_str(env, object, "correlationId", failure->correlation_id);
  return object;
}

static napi_value state_of(napi_env env, const gcn_transition_t* state) {
  napi_value object = new_object(env);
  gcn__js_put_str(env, object, "from", gcn_state_name(state->from));
  gcn__js_put_str(env, object, "to", gcn_state_name(state->to));
  gcn__js_put_str(env, object, "reason", state->reason);
  gcn__js_put_count(env, object, "attempt", state->attempt);
  gcn__js_put_count(env, object, "failures", state->failures);
  gcn__js_put_flag(env, object, "willRetry", state->will_retry != 0);
  gcn__js_put_count(env, object, "retryIn", state->retry_in);
  gcn__js_put_number(env, object, "connectionIndex", state->connection_index);
  gcn__js_put(env, object, "failure", failure_of(env, state->failure));
  return object;
}

static napi_value topic_of(napi_env env, const gcn_topic_result_t* topic) {
  napi_value object = new_object(env);
  gcn__js_put(env, object, "topic", gcn__js_string(env, topic->topic));
  gcn__js_put_str(env, object, "verdict", gcn_verdict_name(topic->verdict));
  gcn__js_put(env, object, "reason", gcn__js_string(env, topic->reason));
  gcn__js_put(env, object, "missingPermissions",
              gcn__js_string(env, topic->missing_permissions));
  return object;
}

static napi_value names_of(napi_env env, const gcn_gap_t* gap) {
  napi_value list = NULL;
  if (gap->topics == NULL && gap->topic_count > 0) {
    return napi_get_null(env, &list) == napi_ok ? list : NULL;
  }
  if (napi_create_array_with_length(env, gap->topic_count, &list) != napi_ok) {
    return NULL;
  }
  for (size_t i = 0; i < gap->topic_count; i++) {
    napi_handle_scope scope = NULL;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return NULL;
    napi_value name = gcn__js_string(env, gap->topics[i]);
    if (name != NULL) napi_set_element(env, list, (uint32_t)i, name);
    napi_close_handle_scope(env, scope);
  }
  return list;
}

static napi_value gap_of(napi_env env, const gcn_gap_t* gap) {
  napi_value object = new_object(env);
  gcn__js_put_number(env, object, "fromUnixMs", (double)gap->from_unix_ms);
  gcn__js_put_number(env, object, "toUnixMs", (double)gap->to_unix_ms);
  gcn__js_put_str(env, object, "cause", gap->cause);
  gcn__js_put_str(env, object, "certainty",
                  NAME_OF(certainties, gap->certainty));
  gcn__js_put_number(env, object, "connectionIndex", gap->connection_index);
  gcn__js_put(env, object, "topics", names_of(env, gap));
  return object;
}

static napi_value rotation_of(napi_env env, const gcn_rotation_t* rotation) {
  napi_value object = new_object(env);
  gcn__js_put_str(env, object, "cause", rotation->cause);
  gcn__js_put_flag(env, object, "proven", rotation->proven != 0);
  gcn__js_put_count(env, object, "overlap", rotation->overlap);
  gcn__js_put_count(env, object, "duplicates", rotation->duplicates);
  gcn__js_put_number(env, object, "connectionIndex",
                     rotation->connection_index);
  return object;
}

static napi_value notice_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  gcn__js_put(env, object, "topic",
              gcn__js_string(env, report->as.notice.topic));
  gcn__js_put(env, object, "body", gcn__js_string(env, report->as.notice.body));
  return object;
}

static napi_value log_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  gcn__js_put_str(env, object, "level", NAME_OF(levels, report->as.log.level));
  gcn__js_put_str(env, object, "line", report->as.log.line);
  return object;
}

static napi_value ask_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  gcn__js_put_count(env, object, "ticket", report->as.ask.ticket);
  gcn__js_put_flag(env, object, "refused", report->as.ask.refused != 0);
  return object;
}

static napi_value refresh_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  gcn__js_put_str(env, object, "refreshToken", report->as.refresh_token);
  return object;
}

static napi_value number_of(napi_env env, uint64_t number) {
  napi_value value = NULL;
  napi_status status = napi_create_double(env, (double)number, &value);
  return status == napi_ok ? value : NULL;
}

static napi_value load_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  gcn__js_put_count(env, object, "ticket", report->as.load.ticket);
  gcn__js_put_number(env, object, "generation", report->as.load.generation);
  return object;
}

static napi_value save_of(napi_env env, const struct gcn__report* report) {
  napi_value object = new_object(env);
  napi_value bytes = NULL;
  napi_value list = NULL;
  gcn_span_t from = report->as.save.bytes;
  size_t count = report->as.save.sequence_count;
  if (napi_create_buffer_copy(env, from.size, from.data, NULL, &bytes) !=
          napi_ok ||
      napi_create_array_with_length(env, count, &list) != napi_ok) {
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    napi_handle_scope scope = NULL;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return NULL;
    napi_value number = number_of(env, report->as.save.sequences[i]);
    if (number != NULL) napi_set_element(env, list, (uint32_t)i, number);
    napi_close_handle_scope(env, scope);
  }
  gcn__js_put_count(env, object, "ticket", report->as.save.ticket);
  gcn__js_put(env, object, "bytes", bytes);
  gcn__js_put(env, object, "sequences", list);
  return object;
}

napi_value gcn__report_payload(napi_env env, const struct gcn__report* report) {
  switch (report->kind) {
  case GCN__REPORT_STATE: return state_of(env, &report->as.state);
  case GCN__REPORT_TOPIC: return topic_of(env, &report->as.topic);
  case GCN__REPORT_GAP: return gap_of(env, &report->as.gap);
  case GCN__REPORT_ROTATION: return rotation_of(env, &report->as.rotation);
  case GCN__REPORT_NOTICE: return notice_of(env, report);
  case GCN__REPORT_LOG: return log_of(env, report);
  case GCN__REPORT_CREDENTIALS:
  case GCN__REPORT_TOKEN: return ask_of(env, report);
  case GCN__REPORT_REFRESH: return refresh_of(env, report);
  case GCN__REPORT_DURABLE: return number_of(env, report->as.durable);
  case GCN__REPORT_CHECKPOINT: return failure_of(env, report->as.checkpoint);
  case GCN__REPORT_LOAD: return load_of(env, report);
  case GCN__REPORT_SAVE: return save_of(env, report);
  case GCN__REPORT_EVENTS:
  case GCN__REPORT_HEARTBEAT:
  case GCN__REPORT_STORE_CLOSE:
  case GCN__REPORT_CLOSE: break;
  }
  return gcn__js_undefined(env);
}
