/* SPDX-License-Identifier: MIT */
/*
 * The link of an owner is forgotten before it is dropped, as the client does
 * it.
 */
#include "owner.h"

#include <stdlib.h>
#include <string.h>

void owner_rearm(struct owner* owner) {
  if (owner->link == NULL) return;
  gcn__alarm_arm(&owner->alarm, gcn__link_deadline(owner->link));
}

void owner_write(struct owner* owner) {
  while (owner->link != NULL && owner->backlog.size > 0) {
    size_t size = gcn__link_write(owner->link, owner->backlog);
    if (size == 0) break;
    owner->backlog = gcn__span_skip(owner->backlog, size);
  }
  owner_rearm(owner);
}

static void on_linked(void* ctx, struct gcn__link* link) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  owner->told_count++;
  owner->linked_count++;
  owner->linked = true;
}

static void on_lend(void* ctx, uv_buf_t* buf) {
  struct owner* owner = ctx;
  if (owner->declines) return;
  *buf = uv_buf_init(owner->buffer, sizeof owner->buffer);
}

static void on_unread(void* ctx, struct gcn__link* link) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  assert_true(owner->declines);
  owner->unread_count++;
}

static void on_received(void* ctx, struct gcn__link* link,
                        struct gcn__span bytes) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  assert_true(bytes.size > 0);
  owner->told_count++;
  if (owner->received_size == 0) owner->first_byte = bytes.data[0];
  owner->received_size += bytes.size;
  owner->received = true;
}

static void on_writable(void* ctx, struct gcn__link* link) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  owner->told_count++;
  owner->writable = true;
  owner_write(owner);
}

static void on_ended(void* ctx, struct gcn__link* link, int error,
                     enum gcn__layer layer, const char* text) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  assert_false(owner->ended);
  owner->told_count++;
  owner->link = NULL;
  owner->ended = true;
  owner->error = error;
  owner->layer = layer;
  strncpy(owner->text, text, sizeof owner->text - 1);
}

static void on_hurried(void* ctx, struct gcn__link* link) {
  struct owner* owner = ctx;
  assert_ptr_equal(link, owner->link);
  owner_rearm(owner);
}

static const struct gcn__link_listener listener = {
    .linked = on_linked,
    .lend = on_lend,
    .received = on_received,
    .unread = on_unread,
    .writable = on_writable,
    .ended = on_ended,
    .hurried = on_hurried,
};

static void on_gone(void* ctx) {
  struct owner* owner = ctx;
  assert_false(owner->gone);
  owner->gone = true;
}

static void on_alarm(void* ctx, uint64_t late_ms) {
  struct owner* owner = ctx;
  (void)late_ms;
  if (owner->link == NULL) return;
  gcn__link_woken(owner->link, gcn__loop_now_ms(owner->loop));
  owner_rearm(owner);
}

static void on_alarm_closed(uv_handle_t* handle) {
  struct gcn__alarm* alarm = handle->data;
  struct owner* owner = alarm->ctx;
  owner->closed = true;
}

struct owner* owner_new(uv_loop_t* loop) {
  struct owner* owner = calloc(1, sizeof *owner);
  assert_non_null(owner);
  owner->loop = loop;
  owner->mem = gcn__mem_libc;
  gcn__list_init(&owner->links);
  gcn__alarm_init(&owner->alarm, loop, on_alarm, owner);
  return owner;
}

struct gcn__link_options owner_options(struct owner* owner, const char* host,
                                       uint16_t port) {
  return (struct gcn__link_options){
      .loop = owner->loop,
      .mem = &owner->mem,
      .resolver = &gcn__resolver_system,
      .listener = &listener,
      .owner = owner,
      .gone = on_gone,
      .keeper = owner,
      .list = &owner->links,
      .wire = GCN__WIRE_STREAM,
      .referenced = true,
      .host = host,
      .port = port,
  };
}

void owner_open_with(struct owner* owner,
                     const struct gcn__link_options* options) {
  uint64_t now_ms = gcn__loop_now_ms(owner->loop);
  assert_int_equal(gcn__link_open(options, now_ms, &owner->link), 0);
  assert_int_equal(owner->told_count, 0);
  assert_int_equal(gcn__link_wire(owner->link), GCN__WIRE_STREAM);
  owner_rearm(owner);
}

void owner_open(struct owner* owner, const char* host, uint16_t port) {
  struct gcn__link_options options = owner_options(owner, host, port);
  owner_open_with(owner, &options);
}

void owner_drop(struct owner* owner, bool abort) {
  struct gcn__link* link = owner->link;
  owner->link = NULL;
  gcn__link_drop(link, abort);
}

void owner_free(struct owner* owner) {
  uv_loop_t* loop = owner->loop;
  if (owner->link != NULL) owner_drop(owner, false);
  harness_until(loop, &owner->gone);
  assert_true(gcn__list_empty(&owner->links));
  uv_close((uv_handle_t*)&owner->alarm.handle, on_alarm_closed);
  harness_until(loop, &owner->closed);
  free(owner);
}

struct owner* owner_connect(uv_loop_t* loop, struct peer* peer,
                            enum peer_mood mood) {
  peer_listen(peer, loop, "127.0.0.1", 0, mood);
  struct owner* owner = owner_new(loop);
  owner_open(owner, "127.0.0.1", peer->port);
  harness_until(loop, &owner->linked);
  harness_until(loop, &peer->connected);
  assert_true(gcn__link_connected(owner->link));
  return owner;
}
