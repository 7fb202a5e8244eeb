/* SPDX-License-Identifier: MIT */
/*
 * The public calls: check, note the wish, wake the loop.
 *
 * None of them does I/O, calls the user or waits; what they ask for happens in
 * the pump.
 */
#include "client/client.h"

#include "base/assert.h"
#include "base/err.h"
#include "client/options.h"

static int check_process(const gcn_client_t* client) {
  if (client == NULL) return UV_EINVAL;
  return client->pid == getpid() ? 0 : GCN_EFORKED;
}

static int check_call(const gcn_client_t* client) {
  int error = check_process(client);
  if (error != 0) return error;
  uv_thread_t self = uv_thread_self();
  if (!uv_thread_equal(&self, &client->thread)) return GCN_EWRONGTHREAD;
  return client->closing ? GCN_ECLOSING : 0;
}

/* While the pump runs it looks by itself. */
static void wake(gcn_client_t* client) {
  if (!client->pumping) uv_async_send(&client->async);
}

static int note(gcn_client_t* client, enum gcn__command command) {
  int error = check_call(client);
  if (error != 0) return error;
  gcn__mailbox_put(&client->mailbox, command);
  wake(client);
  return 0;
}

int gcn_client_start(gcn_client_t* client) {
  return note(client, GCN__COMMAND_START);
}

int gcn_client_stop(gcn_client_t* client) {
  return note(client, GCN__COMMAND_STOP);
}

int gcn_client_reconnect_now(gcn_client_t* client) {
  return note(client, GCN__COMMAND_HURRY);
}

int gcn_client_close(gcn_client_t* client, gcn_close_cb close_cb) {
  int error = note(client, GCN__COMMAND_CLOSE);
  if (error != 0) return error;
  client->closing = true;
  client->close_cb = close_cb;
  client->pause_wanted = false; /* so that the goodbye is read */
  gcn__mailbox_shut(&client->mailbox);
  /* Even an unreferenced client holds the loop for the little that is left. */
  gcn__client_set_ref(client, true);
  return 0;
}

static int set_pause(gcn_client_t* client, bool wanted) {
  int error = check_call(client);
  if (error != 0) return error;
  client->pause_wanted = wanted;
  wake(client);
  return 0;
}

int gcn_client_pause(gcn_client_t* client) {
  return set_pause(client, true);
}

int gcn_client_resume(gcn_client_t* client) {
  return set_pause(client, false);
}

int gcn_client_set_credentials(gcn_client_t* client, const char* client_id,
                               const char* client_secret) {
  int error = check_call(client);
  if (error != 0) return error;
  if (gcn__credential_check(client_id) != NULL) return UV_EINVAL;
  if (gcn__credential_check(client_secret) != NULL) return UV_EINVAL;
  error = gcn__engine_credentials(client->engine, client_id, client_secret);
  if (error != 0) return error;
  return note(client, GCN__COMMAND_CREDENTIALS);
}

static int check_topics(const char* const* topics, size_t count) {
  if (topics == NULL && count > 0) return UV_EINVAL;
  for (size_t i = 0; i < count; i++) {
    if (topics[i] == NULL) return UV_EINVAL;
    if (gcn__topic_check(gcn__span_str(topics[i])) != NULL) return UV_EINVAL;
  }
  return 0;
}

static void take_back(gcn_client_t* client, const char* const* topics,
                      const bool* added, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!added[i]) continue;
    gcn__engine_topic_remove(client->engine, gcn__span_str(topics[i]));
  }
}

/* All or none; `added` tells which were new. */
static int add_topics(gcn_client_t* client, const char* const* topics,
                      bool* added, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int error = gcn__engine_topic_add(client->engine, gcn__span_str(topics[i]));
    added[i] = error == 0;
    if (error == 0 || error == GCN__EEXIST) continue;
    take_back(client, topics, added, i);
    return error;
  }
  return 0;
}

int gcn_client_subscribe(gcn_client_t* client, const char* const* topics,
                         size_t count) {
  int error = check_call(client);
  if (error == 0) error = check_topics(topics, count);
  if (error != 0 || count == 0) return error;
  bool* added = gcn__alloc(&client->mem, count);
  if (added == NULL) return UV_ENOMEM;
  error = add_topics(client, topics, added, count);
  gcn__free(&client->mem, added, count);
  if (error != 0) return error;
  return note(client, GCN__COMMAND_TOPICS);
}

int gcn_client_unsubscribe(gcn_client_t* client, const char* const* topics,
                           size_t count) {
  int error = check_call(client);
  if (error == 0) error = check_topics(topics, count);
  if (error != 0 || count == 0) return error;
  for (size_t i = 0; i < count; i++) {
    gcn__engine_topic_remove(client->engine, gcn__span_str(topics[i]));
  }
  return note(client, GCN__COMMAND_TOPICS);
}

int gcn_client_post(gcn_client_t* client, gcn_post_cb post_cb, void* arg) {
  if (post_cb == NULL) return UV_EINVAL;
  int error = check_process(client);
  if (error != 0) return error;
  return gcn__mailbox_post(&client->mailbox, &client->async, post_cb, arg);
}

void gcn_client_ref(gcn_client_t* client) {
  if (check_call(client) == 0) gcn__client_set_ref(client, true);
}

void gcn_client_unref(gcn_client_t* client) {
  if (check_call(client) == 0) gcn__client_set_ref(client, false);
}

gcn_state_t gcn_client_state(const gcn_client_t* client) {
  return client->state;
}

uv_loop_t* gcn_client_loop(const gcn_client_t* client) {
  return client->loop;
}

void* gcn_client_data(const gcn_client_t* client) {
  return client->data;
}

void gcn_client_set_data(gcn_client_t* client, void* data) {
  client->data = data;
}
