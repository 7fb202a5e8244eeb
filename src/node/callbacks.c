/* SPDX-License-Identifier: MIT */
/*
 * The library's callbacks, each of them a report.
 *
 * Those from which the library must not be called (log lines, stores) are told
 * later, so that a listener may do anything in any report.
 */
#include "node/client.h"

#include "node/carrier.h"

#include <stdio.h>
#include <uv.h>

static void tell(gcn_client_t* from, const struct gcn__report* report) {
  gcn__carrier_tell(gcn_client_data(from), report);
}

static void on_events(gcn_client_t* from, const gcn_event_t* events,
                      size_t count) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_EVENTS,
                                   .as.events = {events, count}});
}

static void on_state(gcn_client_t* from, const gcn_transition_t* transition) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_STATE,
                                   .as.state = *transition});
}

static void on_topic(gcn_client_t* from, const gcn_topic_result_t* result) {
  tell(from,
       &(struct gcn__report){.kind = GCN__REPORT_TOPIC, .as.topic = *result});
}

static void on_gap(gcn_client_t* from, const gcn_gap_t* gap) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_GAP, .as.gap = *gap});
}

static void on_rotation(gcn_client_t* from, const gcn_rotation_t* rotation) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_ROTATION,
                                   .as.rotation = *rotation});
}

static void on_heartbeat(gcn_client_t* from) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_HEARTBEAT});
}

static void on_notice(gcn_client_t* from, const gcn_event_t* notice) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_NOTICE,
                                   .as.notice = {notice->topic, notice->body}});
}

static void on_credentials(gcn_client_t* from, uint64_t ticket, int refused) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_CREDENTIALS,
                                   .as.ask = {ticket, refused}});
}

static void on_token(gcn_client_t* from, uint64_t ticket, int refused) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_TOKEN,
                                   .as.ask = {ticket, refused}});
}

static void on_refresh(gcn_client_t* from, const char* refresh_token) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_REFRESH,
                                   .as.refresh_token = refresh_token});
}

static void on_durable(gcn_client_t* from, uint64_t sequence) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_DURABLE,
                                   .as.durable = sequence});
}

static void on_checkpoint(gcn_client_t* from, const gcn_failure_t* failure) {
  tell(from, &(struct gcn__report){.kind = GCN__REPORT_CHECKPOINT,
                                   .as.checkpoint = failure});
}

/* Before the client is there a line says why it could not be made. */
static void on_log(void* data, gcn_log_level_t level, const char* line) {
  struct gcn__jsclient* client = data;
  if (client->client == NULL && level == GCN_LOG_ERROR) {
    snprintf(client->sentence, sizeof client->sentence, "%s", line);
    return;
  }
  if (!client->hears_log) return;
  const struct gcn__report report = {.kind = GCN__REPORT_LOG,
                                     .as.log = {level, line}};
  gcn__carrier_tell_later(client, &report); /* or a line is lost */
}

static int on_load(void* data, unsigned generation, gcn_load_t* request) {
  struct gcn__jsclient* client = data;
  if (client->jsenv->ending) return UV_ECANCELED;
  uint64_t ticket = ++client->last_ticket;
  const struct gcn__report report = {.kind = GCN__REPORT_LOAD,
                                     .as.load = {ticket, generation}};
  int error = gcn__carrier_tell_later(client, &report);
  if (error != 0) return error;
  client->load = request;
  client->load_ticket = ticket;
  return 0;
}

static int on_save(void* data, const void* bytes, size_t bytes_size,
                   const uint64_t* sequences, size_t sequence_count,
                   gcn_save_t* request) {
  struct gcn__jsclient* client = data;
  if (client->jsenv->ending) return UV_ECANCELED;
  uint64_t ticket = ++client->last_ticket;
  const struct gcn__report report = {
      .kind = GCN__REPORT_SAVE,
      .as.save = {ticket, {bytes, bytes_size}, sequences, sequence_count}};
  int error = gcn__carrier_tell_later(client, &report);
  if (error != 0) return error;
  client->save = request;
  client->save_ticket = ticket;
  return 0;
}

static void on_store_close(void* data) {
  const struct gcn__report report = {.kind = GCN__REPORT_STORE_CLOSE};
  gcn__carrier_tell_later(data, &report); /* or the close report says it */
}

static const gcn_store_t store_of_js = {.size = sizeof(gcn_store_t),
                                        .load = on_load,
                                        .save = on_save,
                                        .close = on_store_close};

/* Where reports are heard later, to acknowledge an event when its callback has
 * returned would be to forget it before anybody saw it. */
static void choose_acks(struct gcn__jsclient* client, gcn_options_t* options) {
  bool kept = options->checkpoint_path != NULL || options->store != NULL;
  /* The library refuses callbacks that would never be called. */
  if (kept || options->ack == GCN_ACK_MANUAL) options->durable_cb = on_durable;
  if (kept) options->checkpoint_cb = on_checkpoint;
  if (!gcn__carrier_is_apart || !kept || options->ack != GCN_ACK_AUTO) return;
  options->ack = GCN_ACK_MANUAL;
  client->acks_late = true;
}

void gcn__jsclient_hear(struct gcn__jsclient* client,
                        struct gcn__jsoptions* asked) {
  gcn_options_t* options = &asked->options;
  client->hears_log = asked->hears_log;
  client->acks_by_hand = options->ack == GCN_ACK_MANUAL;
  options->data = client;
  options->batch_cb = on_events;
  options->state_cb = on_state;
  options->topic_cb = on_topic;
  options->gap_cb = on_gap;
  options->rotation_cb = on_rotation;
  options->notice_cb = on_notice;
  options->refresh_cb = on_refresh;
  options->log_cb = on_log;
  if (!client->hears_log) options->log_level = GCN_LOG_ERROR;
  if (asked->hears_heartbeats) options->heartbeat_cb = on_heartbeat;
  if (asked->asks_credentials) options->credentials_cb = on_credentials;
  if (asked->asks_token) options->token_cb = on_token;
  asked->store = store_of_js;
  asked->store.data = client;
  if (asked->has_store) options->store = &asked->store;
  choose_acks(client, options);
}

void gcn__jsclient_cancel_store(struct gcn__jsclient* client) {
  gcn_load_t* load = client->load;
  gcn_save_t* save = client->save;
  client->load = NULL;
  client->save = NULL;
  client->load_ticket = 0;
  client->save_ticket = 0;
  if (load != NULL) gcn_load_done(load, UV_ECANCELED, NULL, 0);
  if (save != NULL) gcn_save_done(save, UV_ECANCELED);
}
