/* SPDX-License-Identifier: MIT */
/*
 * The second half of `gcn doctor`: a client with a short temper.
 *
 * Its statistics are looked at after every turn of the loop, so that each step
 * has its time; a failure's record says which step it was.
 */
#include "cli/doctor.h"

#include "cli/cli.h"
#include "cli/failure.h"

#include <stdio.h>

enum step { TOKEN, CHANNEL, SOCKET, TOPICS, ANSWER, STEPS };

enum {
  /* A quiet stream is asked this soon, and has this long to answer. */
  PROBE_MS = 200,
  SILENCE_MS = 10000,
  /* ... and shows by itself that it lives, where it can be asked to. */
  LATENCY_MS = 1000,
};

struct course {
  struct gcn__doctor* doctor;
  gcn_client_t* client;
  uv_check_t check;
  enum step step; /* the one in progress */
  uint64_t begin_ns;
  size_t rejected;
  bool over;
};

static const char* const names[STEPS] = {"token", "channel", "socket", "topics",
                                         "answer"};

static bool is_stream(const struct course* course) {
  return course->doctor->dialect.dialect == GCN_DIALECT_STREAM;
}

static void describe(const struct course* course, char* out, size_t size) {
  static const char* const texts[STEPS] = {
      "the login service accepted the credentials",
      "a channel was made",
      "the WebSocket is open",
      "",
      "the service answered over the socket",
  };
  const struct gcn__doctor* doctor = course->doctor;
  if (course->step == CHANNEL && is_stream(course)) {
    snprintf(out, size, "the stream dialect needs none");
  } else if (course->step != TOPICS) {
    snprintf(out, size, "%s", texts[course->step]);
  } else if (doctor->topics.count == 0) {
    snprintf(out, size, "none were named");
  } else {
    snprintf(out, size, "%zu of %zu are permitted",
             doctor->topics.count - course->rejected, doctor->topics.count);
  }
}

/* Everything before `step` has been passed. */
static void advance(struct course* course, enum step step) {
  uint64_t now_ns = uv_hrtime();
  while (course->step < step) {
    char text[128];
    describe(course, text, sizeof text);
    gcn__doctor_passed(names[course->step], text, now_ns - course->begin_ns);
    course->begin_ns = now_ns;
    course->step++;
  }
}

static void on_close(gcn_client_t* client) {
  struct course* course = gcn_client_data(client);
  uv_close((uv_handle_t*)&course->check, NULL);
}

static void finish(struct course* course, int exit_code) {
  if (course->over) return;
  course->over = true;
  if (course->doctor->exit_code == GCN__EXIT_OK) {
    course->doctor->exit_code = exit_code;
  }
  gcn_client_close(course->client, on_close);
}

/* Steps whose end no transition tells. */
static void on_check(uv_check_t* check) {
  struct course* course = check->data;
  if (course->over) return;
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(course->client, &stats);
  if (stats.upgrades > 0) advance(course, SOCKET);
}

static enum step step_of(const struct course* course,
                         const gcn_failure_t* failure) {
  switch (failure->op) {
  case GCN_OP_TOKEN: return TOKEN;
  case GCN_OP_CHANNEL: return CHANNEL;
  case GCN_OP_UPGRADE: return SOCKET;
  case GCN_OP_TOPICS:
  case GCN_OP_AUDIT:
  case GCN_OP_ADD: return TOPICS;
  case GCN_OP_UNSUBSCRIBE:
  case GCN_OP_STREAM:
  case GCN_OP_CHECKPOINT:
  case GCN_OP_NONE: break;
  }
  return course->step;
}

static void handle_failure(struct course* course,
                           const gcn_transition_t* transition) {
  char line[GCN__FAILURE_LINE_SIZE];
  const gcn_failure_t* failure = transition->failure;
  bool refused = transition->to == GCN_REFUSED;
  const char* remedy = "";
  enum step step = course->step;
  gcn__failure_describe(line, transition);
  if (failure != NULL) {
    step = step_of(course, failure);
    remedy = gcn__failure_remedy(failure);
    snprintf(line, sizeof line, "%s", failure->text);
    refused = refused || failure->error == GCN_EAUTH ||
              failure->error == GCN_EFORBIDDEN;
  }
  /* The topics are looked at beside the opening of the socket, or before. */
  if (step != TOPICS) {
    advance(course, step);
  } else if (!is_stream(course)) {
    advance(course, SOCKET);
  }
  gcn__doctor_failed(names[step], line, remedy);
  finish(course, refused ? GCN__EXIT_AUTH : GCN__EXIT_FAILURE);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  struct course* course = gcn_client_data(client);
  if (course->over) return;
  if (transition->to == GCN_SUBSCRIBING) advance(course, CHANNEL);
  if (transition->to == GCN_STREAMING) advance(course, ANSWER);
  bool failed =
      transition->to == GCN_BACKING_OFF || transition->to == GCN_REFUSED;
  if (failed) handle_failure(course, transition);
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  struct course* course = gcn_client_data(client);
  if (course->over || result->verdict != GCN_TOPIC_REJECTED) return;
  course->rejected++;
  course->doctor->exit_code = GCN__EXIT_FAILURE;
  char text[512];
  char remedy[256] = "";
  snprintf(text, sizeof text, "%.*s was rejected: %.*s",
           (int)result->topic.size, result->topic.data,
           (int)(result->reason.size > 200 ? 200 : result->reason.size),
           result->reason.data == NULL ? "" : result->reason.data);
  gcn_span_t missing = result->missing_permissions;
  if (missing.size > 0) {
    snprintf(remedy, sizeof remedy, "give the OAuth client a role with %.*s",
             (int)(missing.size > 200 ? 200 : missing.size), missing.data);
  }
  gcn__doctor_failed("topic", text, remedy);
}

static void on_life(gcn_client_t* client) {
  struct course* course = gcn_client_data(client);
  if (course->over || gcn_client_state(client) != GCN_STREAMING) return;
  advance(course, STEPS);
  finish(course, GCN__EXIT_OK);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  (void)event;
  on_life(client);
}

static void on_refresh(gcn_client_t* client, const char* refresh_token) {
  struct course* course = gcn_client_data(client);
  int error = gcn__target_keep_refresh(&course->doctor->flags, refresh_token);
  if (error == 0) return;
  gcn__doctor_failed("refresh", "the new refresh token cannot be kept",
                     gcn_strerror(error));
  course->doctor->exit_code = GCN__EXIT_FAILURE;
}

static int start(struct course* course) {
  struct gcn__doctor* doctor = course->doctor;
  gcn_stream_t* stream = &doctor->dialect.stream;
  gcn_options_t options;
  if (stream->latency_ms > LATENCY_MS) stream->latency_ms = LATENCY_MS;
  gcn_options_init(&options);
  gcn__target_apply(&doctor->target, &options);
  gcn__dialect_apply(&doctor->dialect, &options);
  options.state_cb = on_state;
  options.topic_cb = on_topic;
  options.heartbeat_cb = on_life;
  options.event_cb = on_event;
  options.refresh_cb = on_refresh;
  options.topic_count_max = GCN_TOPIC_COUNT_MAX;
  options.data = course;
  options.probe_ms = PROBE_MS;
  options.silence_ms = SILENCE_MS;
  int error = gcn_client_new(&course->client, &doctor->loop, &options);
  if (error == 0 && doctor->topics.count > 0) {
    error = gcn_client_subscribe(course->client,
                                 (const char* const*)doctor->topics.names,
                                 doctor->topics.count);
  }
  return error == 0 ? gcn_client_start(course->client) : error;
}

void gcn__doctor_client(struct gcn__doctor* doctor) {
  struct course course = {.doctor = doctor, .begin_ns = uv_hrtime()};
  uv_check_init(&doctor->loop, &course.check);
  course.check.data = &course;
  uv_check_start(&course.check, on_check);
  int error = start(&course);
  if (error != 0) {
    gcn__doctor_failed("client", gcn_strerror(error), "");
    course.over = true;
    doctor->exit_code = GCN__EXIT_FAILURE;
    if (course.client != NULL) gcn_client_close(course.client, on_close);
    if (course.client == NULL) uv_close((uv_handle_t*)&course.check, NULL);
  }
  uv_run(&doctor->loop, UV_RUN_DEFAULT);
}
