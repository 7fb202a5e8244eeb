/* SPDX-License-Identifier: MIT */
/*
 * The public calls: check, note the wish, wake the loop.
 *
 * None of them does I/O, calls the user or waits; what they ask for happens in
 * the pump.
 */
#include "client/check.h"

#include "base/assert.h"
#include "base/err.h"
#include "client/options.h"
#include "loop/system.h"

static int check_process(const gcn_client_t* client) {
  if (client == NULL) return UV_EINVAL;
  return client->pid == getpid() ? 0 : GCN_EFORKED;
}

int gcn__client_check(const gcn_client_t* client) {
  int error = check_process(client);
  if (error != 0) return error;
  uv_thread_t self = uv_thread_self();
  if (!uv_thread_equal(&self, &client->thread)) return GCN_EWRONGTHREAD;
  return client->closing ? GCN_ECLOSING : 0;
}

/* While the pump runs it looks by itself. */
static void wake(gcn_client_t* client) {
  if (!client->pumping) gcn__client_wake(client);
}

int gcn__client_note(gcn_client_t* client, unsigned commands) {
  gcn__mailbox_put(&client->mailbox, commands);
  wake(client);
  return 0;
}

static int note(gcn_client_t* client, enum gcn__command command) {
  int error = gcn__client_check(client);
  return error != 0 ? error : gcn__client_note(client, command);
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

int gcn_client_rotate(gcn_client_t* client) {
  return note(client, GCN__COMMAND_ROTATE);
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

/* Also while it closes: that is what it is for. */
int gcn_client_set_close_ms(gcn_client_t* client, uint64_t close_ms) {
  int error = gcn__client_check(client);
  if (error != 0 && error != GCN_ECLOSING) return error;
  if (close_ms > GCN__DURATION_MAX_MS) return UV_EINVAL;
  if (client->leaving) return 0; /* the goodbyes are over */
  gcn__engine_limit_close(client->engine, close_ms, uv_now(client->loop));
  wake(client);
  return 0;
}

static int set_pause(gcn_client_t* client, bool wanted) {
  int error = gcn__client_check(client);
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

static int check_topics(const gcn_client_t* client, const char* const* topics,
                        size_t count) {
  if (topics == NULL && count > 0) return UV_EINVAL;
  for (size_t i = 0; i < count; i++) {
    if (topics[i] == NULL) return UV_EINVAL;
    struct gcn__span name = gcn__span_str(topics[i]);
    if (gcn__client_topic_check(client->stream, name) != NULL) return UV_EINVAL;
  }
  return 0;
}

int gcn_client_subscribe(gcn_client_t* client, const char* const* topics,
                         size_t count) {
  int error = gcn__client_check(client);
  if (error == 0) error = check_topics(client, topics, count);
  if (error != 0 || count == 0) return error;
  error = gcn__engine_topics_add(client->engine, topics, count);
  if (error != 0) return error;
  return gcn__client_note(client, GCN__COMMAND_TOPICS);
}

int gcn_client_unsubscribe(gcn_client_t* client, const char* const* topics,
                           size_t count) {
  int error = gcn__client_check(client);
  if (error == 0) error = check_topics(client, topics, count);
  if (error != 0 || count == 0) return error;
  gcn__engine_topics_remove(client->engine, topics, count);
  return gcn__client_note(client, GCN__COMMAND_TOPICS);
}

int gcn_client_post(gcn_client_t* client, gcn_post_cb post_cb, void* arg) {
  if (post_cb == NULL) return UV_EINVAL;
  int error = check_process(client);
  if (error != 0) return error;
  return gcn__mailbox_post(&client->mailbox, client->turns, &client->turn,
                           post_cb, arg);
}

void gcn_client_ref(gcn_client_t* client) {
  if (gcn__client_check(client) == 0) gcn__client_set_ref(client, true);
}

void gcn_client_unref(gcn_client_t* client) {
  if (gcn__client_check(client) == 0) gcn__client_set_ref(client, false);
}

gcn_state_t gcn_client_state(const gcn_client_t* client) {
  return client->state;
}

int64_t gcn_client_record(const gcn_client_t* client, void* data, size_t size) {
  if (client == NULL || (data == NULL && size > 0)) return UV_EINVAL;
  int error = check_process(client);
  if (error != 0) return error;
  if (client->recorder == NULL) return 0;
  struct gcn__buf dump;
  gcn__buf_init(&dump, &client->mem, GCN__DUMP_SIZE_MAX);
  error = gcn__recorder_dump(client->recorder, uv_now(client->loop),
                             gcn__wall_now_ms(), &dump);
  struct gcn__span text = gcn__buf_span(&dump);
  int64_t total = (int64_t)text.size;
  size_t part = text.size < size ? text.size : size;
  if (error == 0 && part > 0) memcpy(data, text.data, part);
  gcn__buf_deinit(&dump);
  return error != 0 ? UV_ENOMEM : total;
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
