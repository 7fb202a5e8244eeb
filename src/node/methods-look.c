/* SPDX-License-Identifier: MIT */
/*
 * Methods that look at a client: they return something.
 */
#include "node/methods.h"

#include "base/mem.h"

#include <uv.h>

static int do_stats(struct gcn__jsclient* client, void* arg) {
  return gcn_client_stats(client->client, arg);
}

#define COUNTERS(X)                                                            \
  X("events", events)                                                          \
  X("eventBytes", event_bytes)                                                 \
  X("heartbeats", heartbeats)                                                  \
  X("notices", notices)                                                        \
  X("garbage", garbage)                                                        \
  X("receivedBytes", received_bytes)                                           \
  X("sentBytes", sent_bytes)                                                   \
  X("attempts", attempts)                                                      \
  X("streams", streams)                                                        \
  X("failures", failures)                                                      \
  X("gaps", gaps)                                                              \
  X("gapMs", gap_ms)                                                           \
  X("tokenRequests", token_requests)                                           \
  X("channelRequests", channel_requests)                                       \
  X("topicRequests", topic_requests)                                           \
  X("upgrades", upgrades)                                                      \
  X("limited", limited)                                                        \
  X("nevers", nevers)                                                          \
  X("topics", topics)                                                          \
  X("topicsRejected", topics_rejected)                                         \
  X("stateAge", state_age)                                                     \
  X("lastEventAge", last_event_age)                                            \
  X("lastFrameAge", last_frame_age)                                            \
  X("lastOutage", last_outage)                                                 \
  X("connections", connections)                                                \
  X("reused", reused)                                                          \
  X("rotations", rotations)                                                    \
  X("rotationsUnproven", rotations_unproven)                                   \
  X("duplicates", duplicates)                                                  \
  X("audits", audits)                                                          \
  X("drifts", drifts)                                                          \
  X("renewals", renewals)                                                      \
  X("tokenLife", token_life)                                                   \
  X("tlsFull", tls_full)                                                       \
  X("tlsResumed", tls_resumed)                                                 \
  X("sleeps", sleeps)                                                          \
  X("batches", batches)                                                        \
  X("resumed", resumed)                                                        \
  X("resumesLost", resumes_lost)                                               \
  X("preflights", preflights)                                                  \
  X("repeated", repeated)                                                      \
  X("inFlight", in_flight)                                                     \
  X("inFlightSize", in_flight_size)                                            \
  X("acked", acked)                                                            \
  X("dropped", dropped)                                                        \
  X("fullAge", full_age)                                                       \
  X("saves", saves)                                                            \
  X("savesFailed", saves_failed)                                               \
  X("saveAge", save_age)                                                       \
  X("spares", spares)                                                          \
  X("sparesUsed", spares_used)                                                 \
  X("sparesLost", spares_lost)

napi_value gcn__method_stats(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  gcn_stats_t stats = {.size = sizeof stats};
  napi_value object = NULL;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  int error = gcn__jsclient_call(call.client, do_stats, &stats);
  if (error != 0) return gcn__method_end(&call, error);
  if (napi_create_object(env, &object) != napi_ok) return NULL;
#define PUT(name, member) gcn__js_put_count(env, object, name, stats.member);
  COUNTERS(PUT)
#undef PUT
  gcn__js_put_str(env, object, "state", gcn_state_name(stats.state));
  return object;
}

/* A text whose size is not known before it was asked for. */
struct text {
  int (*write)(const gcn_client_t* client, char* text, size_t size);
  char* data;
  size_t size;
};

static int do_write(struct gcn__jsclient* client, void* arg) {
  struct text* text = arg;
  int size = text->write(client->client, NULL, 0);
  if (size < 0) return size;
  text->size = (size_t)size;
  text->data = gcn__alloc(&gcn__mem_libc, text->size + 1);
  if (text->data == NULL) return UV_ENOMEM;
  text->write(client->client, text->data, text->size + 1);
  return 0;
}

static napi_value write_text(napi_env env, napi_callback_info info,
                             int (*write)(const gcn_client_t* client,
                                          char* text, size_t size)) {
  struct gcn__method_call call;
  struct text text = {write, NULL, 0};
  if (!gcn__method_begin(&call, env, info)) return NULL;
  int error = gcn__jsclient_call(call.client, do_write, &text);
  if (error != 0) return gcn__method_end(&call, error);
  napi_value value = gcn__js_str(env, text.data);
  gcn__free(&gcn__mem_libc, text.data, text.size + 1);
  return value;
}

napi_value gcn__method_stats_json(napi_env env, napi_callback_info info) {
  return write_text(env, info, gcn_client_stats_json);
}

napi_value gcn__method_metrics(napi_env env, napi_callback_info info) {
  return write_text(env, info, gcn_client_metrics);
}

static int do_record(struct gcn__jsclient* client, void* arg) {
  struct text* text = arg;
  int64_t size = gcn_client_record(client->client, NULL, 0);
  if (size <= 0) return (int)size;
  text->size = (size_t)size;
  text->data = gcn__alloc_zero(&gcn__mem_libc, text->size);
  if (text->data == NULL) return UV_ENOMEM;
  int64_t again = gcn_client_record(client->client, text->data, text->size);
  return again < 0 ? (int)again : 0;
}

napi_value gcn__method_record(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  struct text text = {NULL, NULL, 0};
  napi_value buffer = NULL;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  int error = gcn__jsclient_call(call.client, do_record, &text);
  if (error == 0) {
    napi_create_buffer_copy(env, text.size, text.data == NULL ? "" : text.data,
                            NULL, &buffer);
  }
  if (text.data != NULL) gcn__wipe(text.data, text.size); /* channel ids */
  gcn__free(&gcn__mem_libc, text.data, text.size);
  return error == 0 ? buffer : gcn__method_end(&call, error);
}

static int do_acks_unknown(struct gcn__jsclient* client, void* arg) {
  uint64_t* count = arg;
  *count = client->acks_unknown;
  return 0;
}

/* Acknowledgements that no event was in flight for, and that could not be
 * refused when they were given. */
napi_value gcn__method_acks_unknown(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  uint64_t count = 0;
  napi_value number = NULL;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  int error = gcn__jsclient_call(call.client, do_acks_unknown, &count);
  if (error != 0) return gcn__method_end(&call, error);
  napi_create_double(env, (double)count, &number);
  return number;
}

static int do_state(struct gcn__jsclient* client, void* arg) {
  gcn_state_t* state = arg;
  *state = gcn_client_state(client->client);
  return 0;
}

/* The one look that needs no client: without one it is closed. */
napi_value gcn__method_state(napi_env env, napi_callback_info info) {
  struct gcn__method_call call;
  gcn_state_t state = GCN_CLOSED;
  if (!gcn__method_begin(&call, env, info)) return NULL;
  gcn__jsclient_call(call.client, do_state, &state);
  return gcn__js_str(env, gcn_state_name(state));
}
