/* SPDX-License-Identifier: MIT */
/*
 * Secrets are looked up in the service's own lists, so that none is missed that
 * the client was given.
 */
#include "stream-stage.h"

#include "sim/service-stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000, STEP_MS = 2 };

static const struct variant variants[GCN_PRESET_COUNT] = {
    [GCN_PRESET_GUIDE] = {.topic = "routing.queueEvents@q-1",
                          .other = "routing.interactionEvents@i-1",
                          .filtered =
                              "routing.queueEvents@q-1?eventType=QUEUE_ADD",
                          .type = "QUEUE_ADD"},
    [GCN_PRESET_REST] = {.topic = "routing.conversations@c-1",
                         .other = "routing.users.u1.events@u1",
                         .filtered =
                             "routing.conversations@c-1?eventType=CONV_ENDED",
                         .type = "CONV_ENDED"},
    [GCN_PRESET_SDK] = {.topic = "/api/v2/analytics/events@a-1",
                        .other = "/api/v2/analytics/events@a-2",
                        .filtered = "/api/v2/analytics/events@a-1"
                                    "?query=event.type%3D%3D\"queueEvent\"",
                        .type = "queueEvent"},
    [GCN_PRESET_MESSAGE] = {.topic = "routing:queue:stats:updated@q-1",
                            .other = "routing:queue:stats:updated@q-2",
                            .filtered = "routing:queue:stats:updated@q-1"
                                        "?eventType=QUEUE_STATS",
                            .type = "QUEUE_STATS"},
    [GCN_PRESET_TICKET] = {.topic = "telephony.callEvents@t-1",
                           .other = "routing.queueEvents@q-2",
                           .filtered =
                               "telephony.callEvents@t-1?eventType=CALL_ENDED",
                           .type = "CALL_ENDED"},
};

const struct variant* variant_of(gcn_preset_t preset, bool tls) {
  static struct variant filled[GCN_PRESET_COUNT][2];
  struct variant* variant = &filled[preset][tls];
  *variant = variants[preset];
  variant->preset = preset;
  variant->tls = tls;
  return variant;
}

/* --- what the service does ------------------------------------------------ */

struct gcn__sim* stage_sim(struct stage* stage) {
  return gcn__sim_listen_service(stage->service.listen);
}

static struct stage_source* source_of(struct stage* stage, const char* name) {
  for (size_t i = 0; i < stage->source_count; i++) {
    if (strcmp(stage->sources[i].name, name) == 0) return &stage->sources[i];
  }
  assert_true(stage->source_count < STAGE_SOURCES_MAX);
  struct stage_source* source = &stage->sources[stage->source_count++];
  snprintf(source->name, sizeof source->name, "%s", name);
  source->from = UINT64_MAX;
  source->until = UINT64_MAX;
  return source;
}

static void on_made(void* ctx, const struct gcn__sim_event* event) {
  struct stage* stage = ctx;
  char name[STAGE_TEXT_SIZE];
  assert_true(event->stream);
  if (event->sent) return;
  assert_in_range(event->sequence, 1, STAGE_EVENTS_MAX - 1);
  snprintf(name, sizeof name, "%.*s", (int)event->topic.size,
           event->topic.data);
  const struct stage_source* source = source_of(stage, name);
  stage->made[event->sequence] = (unsigned char)(source - stage->sources + 1);
  stage->made_ms[event->sequence] = event->at_ms;
  stage->last_made = event->sequence;
}

/* --- secrets -------------------------------------------------------------- */

static void assert_lacks(const char* text, const char* secret) {
  if (strstr(text, secret) == NULL) return;
  fail_msg("a secret is in the text: %s", text);
}

static void assert_no_secret(struct stage* stage, const char* text) {
  struct gcn__sim* sim = stage_sim(stage);
  static const char* const marks[] = {
      "s3cr3t",       "access_token=", "?token=",
      "lastEventId=", "Bearer ",       "e+0000"};
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
    assert_lacks(text, marks[i]);
  }
  struct gcn__list* at = sim->tokens.next;
  for (; at != &sim->tokens; at = at->next) {
    assert_lacks(text,
                 GCN__CONTAINER_OF(at, struct gcn__sim_token, link)->value);
  }
  at = sim->streams->tickets.next;
  for (; at != &sim->streams->tickets; at = at->next) {
    assert_lacks(text,
                 GCN__CONTAINER_OF(at, struct gcn__sim_ticket, link)->value);
  }
  at = sim->streams->posted.next;
  for (; at != &sim->streams->posted; at = at->next) {
    assert_lacks(text, GCN__CONTAINER_OF(at, struct gcn__sim_posted, link)->id);
  }
}

static struct stage* stage_of(void* data) {
  return GCN__CONTAINER_OF(data, struct stage, user);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  struct stage* stage = stage_of(data);
  stage->plain.log_cb(data, level, line);
  assert_no_secret(stage, line);
  const char* wanted = stage->text_wanted;
  if (wanted != NULL && strstr(line, wanted) != NULL) stage->text_seen = true;
}

static void assert_no_secret_in_stats(struct stage* stage) {
  static char text[65536];
  int size = gcn_client_stats_json(stage->user.client, text, sizeof text);
  assert_in_range(size, 1, sizeof text - 1);
  assert_no_secret(stage, text);
  size = gcn_client_metrics(stage->user.client, text, sizeof text);
  assert_in_range(size, 1, sizeof text - 1);
  assert_no_secret(stage, text);
}

/* --- what the follower is told -------------------------------------------- */

static void check_event(const gcn_event_t* event, const char* name) {
  char shown[STAGE_TEXT_SIZE];
  bool whole = event->resource_id.size > 0;
  snprintf(shown, sizeof shown, "%.*s%s%.*s", (int)event->topic.size,
           event->topic.data, whole ? "@" : "", (int)event->resource_id.size,
           whole ? event->resource_id.data : "");
  assert_string_equal(shown, name);
  assert_int_equal(event->timestamp.size, 24);
  assert_true(event->type.size > 0);
  assert_true(event->body.size >= 2 && event->body.data[0] == '{');
}

static void take(struct stage* stage, const gcn_event_t* event) {
  uint64_t number = 0;
  struct gcn__span id = gcn__span(event->id.data, event->id.size);
  assert_true(gcn__sim_stream_sequence(id, &number));
  assert_in_range(number, 1, STAGE_EVENTS_MAX - 1);
  assert_int_not_equal(stage->made[number], 0);
  struct stage_source* source = &stage->sources[stage->made[number] - 1];
  check_event(event, source->name);
  assert_int_equal(stage->told[number], 0);
  assert_true(number > source->last_told);
  source->last_told = number;
  stage->told[number]++;
  stage->told_count++;
  stage->last = *event;
  if (stage->on_event != NULL) stage->on_event(stage, event);
}

static void note_call(struct stage* stage, size_t count) {
  stage->calls++;
  if (count > stage->call_most) stage->call_most = count;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct stage* stage = stage_of(gcn_client_data(client));
  stage->plain.event_cb(client, event);
  note_call(stage, 1);
  take(stage, event);
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  struct stage* stage = stage_of(gcn_client_data(client));
  char name[STAGE_TEXT_SIZE];
  stage->plain.topic_cb(client, result);
  snprintf(name, sizeof name, "%.*s", (int)result->topic.size,
           result->topic.data);
  struct stage_topic* topic = stage->topics;
  while (topic < stage->topics + stage->topic_count &&
         strcmp(topic->name, name) != 0) {
    topic++;
  }
  assert_true(topic < stage->topics + STAGE_SOURCES_MAX);
  if (topic == stage->topics + stage->topic_count) stage->topic_count++;
  memcpy(topic->name, name, sizeof name);
  topic->verdict = result->verdict;
  topic->count++;
  int reason_size = (int)result->reason.size;
  snprintf(topic->reason, sizeof topic->reason, "%.*s", reason_size,
           reason_size == 0 ? "" : result->reason.data);
  assert_no_secret(stage, topic->reason);
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct stage* stage = stage_of(gcn_client_data(client));
  assert_true(gap->from_ms <= gap->to_ms);
  stage->gaps++;
  stage->gap = *gap;
  stage->gap.topics = NULL; /* no longer valid */
}

static void on_notice(gcn_client_t* client, const gcn_event_t* notice) {
  struct stage* stage = stage_of(gcn_client_data(client));
  stage->plain.notice_cb(client, notice);
  stage->notices++;
  int size = (int)notice->body.size;
  snprintf(stage->notice, sizeof stage->notice, "%.*s", size,
           size == 0 ? "" : notice->body.data);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  struct stage* stage = stage_of(gcn_client_data(client));
  stage->plain.state_cb(client, transition);
  if (transition->failure == NULL) return;
  const char* text = transition->failure->text;
  size_t used = strlen(stage->failures);
  assert_no_secret(stage, text);
  assert_no_secret(stage, transition->reason);
  snprintf(stage->failures + used, sizeof stage->failures - used, "%s\n", text);
}

/* --- life ----------------------------------------------------------------- */

/* Waits of seconds become tenths. */
static void fill_options(struct stage* stage) {
  gcn_options_t* options = &stage->options;
  stage->plain = user_options(&stage->user, stage->service.url);
  *options = stage->plain;
  options->event_cb = on_event;
  options->topic_cb = on_topic;
  options->gap_cb = on_gap;
  options->notice_cb = on_notice;
  options->state_cb = on_state;
  options->log_cb = on_log;
  options->latency_ms_max = 50;
  options->overlap_ms = 5000;
  options->rotate_spread_ms = 20;
  options->stagger_ms = 1;
  options->dialect = GCN_DIALECT_STREAM;
  options->stream = &stage->stream;
  gcn_stream_init(&stage->stream, stage->variant->preset);
  stage->stream.latency_ms = 30;
  if (!stage->variant->tls) return;
  options->allow_plaintext = 0;
  options->ca_pem = gcn__pki_ca(stage->secure.pki);
}

struct stage* stage_new(uv_loop_t* loop, const struct variant* variant) {
  struct stage* stage = calloc(1, sizeof *stage);
  assert_non_null(stage);
  stage->variant = variant;
  stage->user.loop = loop;
  stage->serving = service_options();
  stage->serving.sim.hooks.event = on_made;
  stage->serving.sim.hooks.ctx = stage;
  if (!variant->tls) return stage;
  secure_open(&stage->secure);
  stage->serving.tls = stage->secure.tls;
  return stage;
}

void stage_serve(struct stage* stage) {
  service_open(&stage->service, stage->user.loop, &stage->serving);
  fill_options(stage);
}

struct stage* stage_open(uv_loop_t* loop, const struct variant* variant,
                         uint64_t rate) {
  struct stage* stage = stage_new(loop, variant);
  stage->serving.sim.events_per_ks = rate * 1000;
  stage_serve(stage);
  return stage;
}

void stage_begin(struct stage* stage, const char* const* topics, size_t count) {
  user_new(&stage->user, stage->service.loop, &stage->options);
  gcn_client_t* client = stage->user.client;
  assert_int_equal(gcn_client_subscribe(client, topics, count), 0);
  for (size_t i = 0; i < count; i++) {
    stage_expect(stage, topics[i]);
  }
  assert_int_equal(gcn_client_start(client), 0);
}

void stage_await_streaming(struct stage* stage) {
  harness_until(stage->service.loop, &stage->user.streaming);
}

void stage_stream(struct stage* stage) {
  const char* const topics[] = {stage->variant->topic};
  stage_begin(stage, topics, 1);
  stage_await_streaming(stage);
}

void stage_leave(struct stage* stage) {
  assert_no_secret_in_stats(stage);
  (void)stage_stats(stage);
  user_finish(&stage->user);
  stage->user = (struct user){.loop = stage->service.loop};
}

void stage_close(struct stage* stage) {
  if (stage->user.client != NULL) stage_leave(stage);
  service_close(&stage->service);
  if (stage->variant->tls) secure_close(&stage->secure);
  free(stage);
}

/* --- events --------------------------------------------------------------- */

/* EVENT@RESOURCE, without the filters. */
static void cut_filters(const char* topic, char name[STAGE_TEXT_SIZE]) {
  snprintf(name, STAGE_TEXT_SIZE, "%.*s", (int)strcspn(topic, "?"), topic);
}

static uint64_t emit(struct stage* stage, const char* topic, const char* type) {
  char event[STAGE_TEXT_SIZE];
  struct gcn__span data = {NULL, 0};
  cut_filters(topic, event);
  char* at = strchr(event, '@');
  if (at != NULL) *at = '\0';
  if (type != NULL) data = GCN__SPAN("{\"n\":1}");
  uint64_t number = gcn__sim_stream_emit(
      stage_sim(stage), event, at == NULL ? NULL : at + 1, type, data,
      gcn__sim_listen_now(stage->service.listen));
  assert_int_not_equal(number, 0);
  return number;
}

uint64_t stage_emit(struct stage* stage, const char* topic, const char* type) {
  uint64_t number = emit(stage, topic, type);
  gcn__sim_listen_flush(stage->service.listen);
  return number;
}

void stage_emit_many(struct stage* stage, const char* topic, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    (void)emit(stage, topic, NULL);
  }
  gcn__sim_listen_flush(stage->service.listen);
}

void stage_await_told(struct stage* stage, uint64_t count) {
  while (stage->told_count < count)
    uv_run(stage->service.loop, UV_RUN_ONCE);
}

void stage_await_visits(struct stage* stage, enum gcn__sim_endpoint endpoint,
                        uint64_t count) {
  while (service_visits(&stage->service, endpoint).count < count)
    service_live(&stage->service, STEP_MS);
}

void stage_expect(struct stage* stage, const char* topic) {
  char name[STAGE_TEXT_SIZE];
  cut_filters(topic, name);
  struct stage_source* source = source_of(stage, name);
  source->from = stage->last_made;
  source->until = UINT64_MAX;
}

void stage_expect_no_more(struct stage* stage, const char* topic) {
  char name[STAGE_TEXT_SIZE];
  cut_filters(topic, name);
  source_of(stage, name)->until = stage->last_made;
}

static bool lacks(const struct stage* stage, uint64_t number) {
  if (stage->made[number] == 0 || stage->told[number] > 0) return false;
  const struct stage_source* source = &stage->sources[stage->made[number] - 1];
  return number > source->from && number <= source->until;
}

uint64_t stage_lacking(const struct stage* stage) {
  uint64_t count = 0;
  for (uint64_t i = 1; i <= stage->last_made; i++) {
    if (lacks(stage, i)) count++;
  }
  return count;
}

/* What is still on its way was made behind the gap. */
void stage_forgive(struct stage* stage) {
  assert_int_not_equal(stage->gaps, 0);
  for (uint64_t i = 1; i <= stage->last_made; i++) {
    if (!lacks(stage, i) || stage->made_ms[i] > stage->gap.to_ms) continue;
    assert_true(stage->made_ms[i] >= stage->gap.from_ms);
    stage->made[i] = 0;
  }
}

void stage_assert_whole(struct stage* stage) {
  service_do(&stage->service, "event.stop");
  uint64_t begun_ms = gcn__loop_now_ms(stage->service.loop);
  while (stage_lacking(stage) > 0 &&
         gcn__loop_now_ms(stage->service.loop) - begun_ms < PATIENCE_MS) {
    service_live(&stage->service, STEP_MS);
  }
  assert_int_equal(stage_lacking(stage), 0);
  assert_true(stage->told_count > 0);
}

/* --- what is known of it -------------------------------------------------- */

const struct stage_topic* stage_topic_of(const struct stage* stage,
                                         const char* name) {
  for (size_t i = 0; i < stage->topic_count; i++) {
    if (strcmp(stage->topics[i].name, name) == 0) return &stage->topics[i];
  }
  return NULL;
}

gcn_stats_t stage_stats(struct stage* stage) {
  return service_stats(&stage->user);
}

struct gcn__sim_counters stage_counters(struct stage* stage) {
  return service_counters(&stage->service);
}

void stage_await_rotation(struct stage* stage) {
  struct user* user = &stage->user;
  user->rotated = false;
  harness_until(stage->service.loop, &user->rotated);
  assert_int_equal(user->last_rotation.proven, 1);
}
