/* SPDX-License-Identifier: MIT */
/*
 * Every callback goes through enter() and leave(), which hold the promises that
 * are the same for all of them.
 */
#include "user.h"

#include <stdio.h>
#include <string.h>

static struct user* enter(gcn_client_t* client, enum user_moment moment) {
  struct user* user = gcn_client_data(client);
  assert_ptr_equal(user->client, client);
  assert_false(user->calling);
  assert_false(user->closed);
  user->calling = true;
  user->counts[moment]++;
  user->told++;
  if (user->closing && moment != USER_POST) user->late++;
  return user;
}

static void leave(struct user* user, enum user_moment moment) {
  if (user->act != NULL) user->act(user, moment);
  user->calling = false;
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  struct user* user = enter(client, USER_STATE);
  unsigned index = transition->connection_index;
  assert_in_range(index, 0, GCN_CONNECTION_COUNT_MAX - 1);
  assert_int_equal(transition->from, user->states[index]);
  user->several = user->several || index != 0;
  if (!user->several) {
    assert_int_equal(gcn_client_state(client), transition->to);
  }
  assert_int_not_equal(transition->to, GCN_CLOSED);
  assert_non_null(transition->reason);
  if (transition->from == GCN_STREAMING) user->connections--;
  if (transition->to == GCN_STREAMING) user->connections++;
  user->states[index] = transition->to;
  user->state = transition->to;
  user->seen |= 1u << transition->to;
  user->streaming = transition->to == GCN_STREAMING;
  user->idle = transition->to == GCN_IDLE;
  if (user->streaming || user->idle) user->backing_off = false;
  if (transition->to == GCN_BACKING_OFF) {
    user->backing_off = true;
    user->retry_in = transition->retry_in;
  }
  if (transition->failure != NULL) {
    const gcn_failure_t* failure = transition->failure;
    assert_non_null(failure->text);
    assert_non_null(failure->correlation_id);
    user->failure = failure->error;
    user->failure_layer = failure->layer;
    user->failure_op = failure->op;
    user->retry_after = failure->retry_after;
    strncpy(user->failure_text, failure->text, sizeof user->failure_text - 1);
  }
  leave(user, USER_STATE);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct user* user = enter(client, USER_EVENT);
  assert_int_equal(event->sequence, user->last_sequence + 1);
  assert_true(event->topic.size > 0);
  assert_true(event->received_unix_ms > 1500000000000);
  assert_true(event->received_ms <= uv_now(user->loop));
  /* Of this moment, not of another stream's last sign of life. */
  assert_true(event->received_ms + 5000 * harness_slowness() >
              uv_now(user->loop));
  assert_true(event->correlation_id.size < sizeof user->last_id);
  memset(user->last_id, 0, sizeof user->last_id);
  if (event->correlation_id.size > 0) {
    memcpy(user->last_id, event->correlation_id.data,
           event->correlation_id.size);
  }
  user->last_generation = event->generation;
  user->last_sequence = event->sequence;
  user->any_event = true;
  leave(user, USER_EVENT);
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  struct user* user = enter(client, USER_TOPIC);
  assert_true(result->topic.size > 0);
  user->last_verdict = result->verdict;
  user->any_topic = true;
  leave(user, USER_TOPIC);
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct user* user = enter(client, USER_GAP);
  assert_true(gap->from_ms <= gap->to_ms);
  /* By the wall clock it is as long, or longer: two clocks were read. */
  uint64_t wall_ms = (uint64_t)(gap->to_unix_ms - gap->from_unix_ms);
  uint64_t loop_ms = gap->to_ms - gap->from_ms;
  assert_in_range(wall_ms, loop_ms, loop_ms + 1000);
  assert_non_null(gap->cause);
  assert_true(gap->topics != NULL || gap->topic_count == 0);
  for (size_t i = 0; i < gap->topic_count; i++) {
    assert_memory_equal(gap->topics[i].data, "v2.", 3);
  }
  user->last_gap = *gap;
  user->last_gap.topics = NULL; /* no longer valid */
  user->gap_topics = gap->topic_count;
  user->any_gap = true;
  leave(user, USER_GAP);
}

static void on_heartbeat(gcn_client_t* client) {
  leave(enter(client, USER_HEARTBEAT), USER_HEARTBEAT);
}

static void on_notice(gcn_client_t* client, const gcn_event_t* notice) {
  struct user* user = enter(client, USER_NOTICE);
  assert_true(notice->topic.size > 0);
  leave(user, USER_NOTICE);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  struct user* user = data;
  (void)level;
  user->log_lines++;
  assert_null(strstr(line, "s3cr3t"));
  const char* wanted = user->log_wanted;
  if (wanted != NULL && strstr(line, wanted) != NULL) user->log_seen = true;
  strncpy(user->log_line, line, sizeof user->log_line - 1);
}

static void on_post(gcn_client_t* client, int status, void* arg) {
  struct user* user = enter(client, USER_POST);
  assert_ptr_equal(arg, user);
  assert_int_equal(status, user->closing ? UV_ECANCELED : 0);
  user->post_status = status;
  user->posted = true;
  leave(user, USER_POST);
}

static void on_rotation(gcn_client_t* client, const gcn_rotation_t* rotation) {
  struct user* user = enter(client, USER_ROTATION);
  assert_non_null(rotation->cause);
  user->last_rotation = *rotation;
  if (!rotation->proven) user->unproven++;
  user->rotated = true;
  leave(user, USER_ROTATION);
}

static void on_refresh(gcn_client_t* client, const char* refresh_token) {
  struct user* user = enter(client, USER_REFRESH);
  snprintf(user->refresh_token, sizeof user->refresh_token, "%s",
           refresh_token);
  user->refreshed = true;
  leave(user, USER_REFRESH);
}

void user_on_ask(gcn_client_t* client, uint64_t ticket, int refused) {
  struct user* user = enter(client, USER_ASK);
  assert_int_not_equal(ticket, user->ticket);
  user->ticket = ticket;
  user->refused = refused;
  user->asked = true;
  leave(user, USER_ASK);
}

static void on_close(gcn_client_t* client) {
  struct user* user = gcn_client_data(client);
  assert_false(user->calling);
  assert_false(user->closed);
  assert_true(user->closing);
  assert_int_equal(gcn_client_state(client), GCN_CLOSED);
  assert_int_equal(gcn_client_start(client), GCN_ECLOSING);
  user->closed = true;
}

gcn_options_t user_options(struct user* user, const char* url) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.login_url = url;
  options.api_url = url;
  options.allow_plaintext = 1;
  options.client_id = "id";
  options.client_secret = "s3cr3t";
  options.event_cb = on_event;
  options.state_cb = on_state;
  options.topic_cb = on_topic;
  options.gap_cb = on_gap;
  options.heartbeat_cb = on_heartbeat;
  options.notice_cb = on_notice;
  options.rotation_cb = on_rotation;
  options.refresh_cb = on_refresh;
  options.proxy = "";
  options.log_cb = on_log;
  options.log_level = GCN_LOG_DEBUG;
  options.data = user;
  options.close_ms = 200;
  options.retry_base_ms = 20;
  options.retry_floor_ms = 5;
  options.retry_first_ms = 20;
  options.retry_cap_ms = 50;
  options.sync_ms = 1;
  options.seed = 1;
  return options;
}

void user_new(struct user* user, uv_loop_t* loop,
              const gcn_options_t* options) {
  user->loop = loop;
  user->state = GCN_IDLE;
  memset(user->states, 0, sizeof user->states);
  assert_int_equal(gcn_client_new(&user->client, loop, options), 0);
}

void user_new_at(struct user* user, uv_loop_t* loop, uint16_t port) {
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
  gcn_options_t options = user_options(user, url);
  user_new(user, loop, &options);
}

int user_close(struct user* user) {
  int error = gcn_client_close(user->client, on_close);
  if (error == 0) {
    assert_false(user->closing);
    user->closing = true;
  } else {
    assert_int_equal(error, GCN_ECLOSING);
    assert_true(user->closing);
  }
  return error;
}

void user_finish(struct user* user) {
  if (!user->closing) assert_int_equal(user_close(user), 0);
  harness_until(user->loop, &user->closed);
  assert_int_equal(user->late, 0);
}

void user_post(struct user* user) {
  int error = gcn_client_post(user->client, on_post, user);
  assert_int_equal(error, user->closing ? GCN_ECLOSING : 0);
}
