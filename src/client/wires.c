/* SPDX-License-Identifier: MIT */
/*
 * See wires.h.
 */
#include "client/wires.h"

#include "base/assert.h"
#include "client/pump.h"

static void write_wire(struct gcn_client_s* client, enum gcn__wire_index wire) {
  struct gcn__link* link = client->wires[wire];
  while (link != NULL) {
    size_t size =
        gcn__link_write(link, gcn__engine_output(client->engine, wire));
    if (size == 0) return;
    gcn__engine_sent(client->engine, wire, size);
  }
}

void gcn__wires_write(struct gcn_client_s* client) {
  for (unsigned i = gcn__engine_wire_count(client->engine); i > 0; i--) {
    write_wire(client, (enum gcn__wire_index)(i - 1));
  }
}

/* New files of certificates hold from the next handshake on. */
static void refresh_tls(struct gcn_client_s* client, uint64_t now_ms) {
  char why[GCN__TLS_TEXT_SIZE] = "";
  if (client->tls == NULL) return;
  int result = gcn__tls_config_refresh(client->tls, now_ms, why);
  if (result == 0 || client->closing) return;
  gcn_log_level_t level = result < 0 ? GCN_LOG_WARN : GCN_LOG_INFO;
  const char* text = result < 0 ? why : "the certificates were read again";
  gcn__logger_write(&client->logger, client->data, level, text, now_ms);
}

static void set_open_error(struct gcn_client_s* client,
                           enum gcn__wire_index wire, int error) {
  if (client->open_errors[wire] != 0) client->unopened--;
  if (error != 0) client->unopened++;
  client->open_errors[wire] = error;
}

void gcn__wires_open(struct gcn_client_s* client,
                     const struct gcn__effect* effect, uint64_t now_ms) {
  enum gcn__wire_index wire = effect->wire;
  struct gcn__link_options options = {
      .loop = client->loop,
      .mem = &client->mem,
      .hosts = client->hub->hosts,
      .permits = client->hub->permits,
      .patient = wire == GCN__WIRE_SPARE,
      .connector = client->connector,
      .dns_ms = client->dns_ms,
      .connect_ms = GCN__CONNECT_MS,
      .socket = &client->socket,
      .listener = &gcn__pump_listener,
      .owner = client,
      .gone = gcn__client_release,
      .keeper = client,
      .list = &client->links,
      .wire = wire,
      .referenced = client->referenced,
      .host = effect->open.host,
      .port = effect->open.port,
  };
  GCN__ASSERT(client->wires[wire] == NULL);
  refresh_tls(client, now_ms);
  client->settled &= ~gcn__client_bit(wire);
  client->facts[wire] = 0;
  int error = gcn__link_open(&options, now_ms, &client->wires[wire]);
  set_open_error(client, wire, error);
  if (error == 0) client->hold_count++;
}

void gcn__wires_drop(struct gcn_client_s* client, enum gcn__wire_index wire,
                     bool abort) {
  struct gcn__link* link = client->wires[wire];
  set_open_error(client, wire, 0);
  client->facts[wire] = 0;
  if (link == NULL) return;
  if (!abort) write_wire(client, wire); /* the last word, if it fits */
  client->wires[wire] = NULL;
  gcn__link_drop(link, abort);
}

void gcn__wires_move_spare(struct gcn_client_s* client,
                           enum gcn__wire_index to) {
  const enum gcn__wire_index from = GCN__WIRE_SPARE;
  struct gcn__link* link = client->wires[from];
  GCN__ASSERT(link != NULL && client->wires[to] == NULL);
  if (link == NULL) return;
  gcn__link_rename(link, to);
  client->wires[from] = NULL;
  client->wires[to] = link;
  client->settled &= ~gcn__client_bit(to);
  if (client->settled & gcn__client_bit(from)) {
    client->settled |= gcn__client_bit(to);
  }
  client->facts[to] = client->facts[from];
  client->facts[from] = 0;
}

void gcn__wires_read(struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    struct gcn__link* link = client->wires[wire];
    if (link == NULL) continue;
    bool settled = (client->settled & gcn__client_bit(i)) != 0;
    if (!settled && gcn__engine_settled(client->engine, wire)) {
      client->settled |= gcn__client_bit(i);
      gcn__link_settled(link);
    }
    bool full = gcn__engine_full(client->engine, wire);
    gcn__link_read(link, !full);
  }
}

uint64_t gcn__wires_deadline(const struct gcn_client_s* client) {
  uint64_t due_ms = GCN__NEVER;
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    const struct gcn__link* link = client->wires[i];
    if (link == NULL) continue;
    due_ms = gcn__time_min(due_ms, gcn__link_deadline(link));
  }
  return due_ms;
}

void gcn__wires_fail(struct gcn_client_s* client, uint64_t now_ms) {
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    int error = client->open_errors[i];
    if (error == 0) continue;
    set_open_error(client, wire, 0);
    gcn__engine_ended(client->engine, wire, error, GCN__LAYER_TCP,
                      "out of memory", now_ms);
  }
}
