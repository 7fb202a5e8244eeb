/* SPDX-License-Identifier: MIT */
/*
 * The byte path of one connection.
 *
 * Bytes are read in order: `plain` before `kept` before `borrowed`; the end of
 * the link comes after all of them.  A frame that is not whole yet stays at the
 * front of `plain`, where more comes behind it: what is decrypted, or without
 * TLS what the frame still lacks, so that the next one is read in its place
 * again.
 */
#include "engine/wire.h"

#include "base/assert.h"
#include "base/err.h"

_Static_assert((int)GCN__WIRE_PLAIN_SIZE <= (int)GCN__SPARE_SIZE,
               "a spare block takes what is decrypted at once");

void gcn__wire_init(struct gcn__wire* wire, const struct gcn__mem* mem,
                    struct gcn__spares* spares) {
  *wire = (struct gcn__wire){.phase = GCN__WIRE_ABSENT, .spares = spares};
  gcn__buf_init(&wire->kept, mem, GCN__WIRE_KEPT_SIZE_MAX);
  gcn__buf_init(&wire->plain, &spares->mem, GCN__WIRE_PLAIN_SIZE);
  gcn__buf_init(&wire->out, mem, GCN__WIRE_OUT_SIZE_MAX);
  wire->plain.secret = true;
  wire->out.secret = true;
}

static bool lend_plain(struct gcn__wire* wire) {
  struct gcn__buf* plain = &wire->plain;
  if (plain->data != NULL) return true;
  plain->data = gcn__spares_take(wire->spares);
  plain->capacity = plain->data == NULL ? 0 : GCN__SPARE_SIZE;
  return plain->data != NULL;
}

static void return_plain(struct gcn__wire* wire) {
  struct gcn__buf* plain = &wire->plain;
  if (gcn__buf_size(plain) > 0) return;
  gcn__spares_give(wire->spares, plain->data);
  plain->data = NULL;
  plain->capacity = 0;
}

void gcn__wire_reset(struct gcn__wire* wire) {
  gcn__tunnel_free(wire->tunnel);
  gcn__tls_free(wire->tls);
  gcn__http_free(wire->http);
  gcn__ws_free(wire->ws);
  wire->proxy = NULL;
  wire->tunnel = NULL;
  wire->tls = NULL;
  wire->http = NULL;
  wire->ws = NULL;
  wire->phase = GCN__WIRE_ABSENT;
  wire->attached = false;
  wire->reused = false;
  wire->cut = false;
  wire->ended = false;
  gcn__str_free(wire->kept.mem, wire->end_text);
  wire->end_text = NULL;
  wire->close_written = false;
  wire->pong_pending = false;
  wire->pong_due = false;
  wire->borrowed = (struct gcn__span){NULL, 0};
  wire->held_size = 0;
  gcn__buf_deinit(&wire->kept);
  gcn__buf_clear(&wire->plain);
  return_plain(wire);
  wire->plain.secret = true; /* tokens come through it */
}

void gcn__wire_deinit(struct gcn__wire* wire) {
  gcn__wire_reset(wire);
  gcn__buf_deinit(&wire->out);
}

void gcn__wire_move(struct gcn__wire* from, struct gcn__wire* to) {
  GCN__ASSERT(to->phase == GCN__WIRE_ABSENT);
  GCN__ASSERT(from->http == NULL && from->ws == NULL && from->tunnel == NULL);
  gcn__wire_deinit(to);
  *to = *from;
  to->proxy = NULL;
  if (to->tls != NULL) gcn__tls_redirect(to->tls, &to->out);
  gcn__wire_init(from, to->kept.mem, to->spares);
}

void gcn__wire_aim(struct gcn__wire* wire, const struct gcn__url* url) {
  gcn__wire_aim_via(wire, url, NULL);
}

void gcn__wire_aim_via(struct gcn__wire* wire, const struct gcn__url* url,
                       const struct gcn__proxy* proxy) {
  GCN__ASSERT(wire->phase == GCN__WIRE_ABSENT);
  bool direct = proxy == NULL || proxy->kind == GCN__PROXY_NONE;
  memcpy(wire->host, url->host, sizeof wire->host);
  wire->port = url->port;
  wire->secure = gcn__url_secure(url);
  wire->proxy = direct ? NULL : proxy;
  gcn__buf_deinit(&wire->out);
}

const char* gcn__wire_link_host(const struct gcn__wire* wire) {
  return wire->proxy == NULL ? wire->host : wire->proxy->host;
}

uint16_t gcn__wire_link_port(const struct gcn__wire* wire) {
  return wire->proxy == NULL ? wire->port : wire->proxy->port;
}

/* There is a path to the peer itself. */
static int reach_peer(struct gcn__wire* wire, const struct gcn__mem* mem,
                      struct gcn__tls_config* config) {
  if (!wire->secure) {
    wire->phase = GCN__WIRE_READY;
    return 0;
  }
  wire->phase = GCN__WIRE_SHAKING;
  int error = gcn__tls_new(config, mem, wire->host, &wire->out, &wire->tls);
  if (error != 0) return error;
  gcn__tls_share(wire->tls, wire->spares);
  return gcn__wire_shake(wire);
}

int gcn__wire_linked(struct gcn__wire* wire, const struct gcn__mem* mem,
                     struct gcn__tls_config* config) {
  GCN__ASSERT(wire->phase == GCN__WIRE_DIALLING);
  if (wire->proxy == NULL) return reach_peer(wire, mem, config);
  wire->phase = GCN__WIRE_TUNNELLING;
  wire->tunnel = gcn__tunnel_new(mem, wire->proxy, wire->host, wire->port);
  if (wire->tunnel == NULL) return GCN__ENOMEM;
  return gcn__tunnel_write(wire->tunnel, &wire->out);
}

/* The bytes that come next off the network. */
static struct gcn__span raw_bytes(const struct gcn__wire* wire) {
  if (gcn__buf_size(&wire->kept) > 0) return gcn__buf_span(&wire->kept);
  return wire->borrowed;
}

static void raw_advance(struct gcn__wire* wire, size_t size) {
  if (size == 0) return;
  if (gcn__buf_size(&wire->kept) > 0) {
    gcn__buf_consume(&wire->kept, size);
  } else {
    wire->borrowed = gcn__span_skip(wire->borrowed, size);
  }
}

/* Reads what there is for the tunnel, and writes what that leads to. */
static int read_tunnel(struct gcn__wire* wire) {
  for (;;) {
    struct gcn__span in = raw_bytes(wire);
    size_t before = in.size;
    int result = gcn__tunnel_read(wire->tunnel, &in);
    raw_advance(wire, before - in.size);
    if (result != GCN__TUNNEL_MORE) return result;
    int error = gcn__tunnel_write(wire->tunnel, &wire->out);
    if (error != 0) return error;
    if (raw_bytes(wire).size == 0) return 0;
  }
}

int gcn__wire_tunnel(struct gcn__wire* wire, const struct gcn__mem* mem,
                     struct gcn__tls_config* config) {
  GCN__ASSERT(wire->phase == GCN__WIRE_TUNNELLING);
  int result = read_tunnel(wire);
  if (result < 0) return result;
  if (result == GCN__TUNNEL_MORE) {
    bool cut = wire->ended && wire->end_error == GCN__EOF;
    return cut ? gcn__tunnel_end(wire->tunnel) : 0;
  }
  /* Both TLS and HTTP begin with us. */
  if (raw_bytes(wire).size > 0) return gcn__tunnel_refuse_rest(wire->tunnel);
  gcn__tunnel_free(wire->tunnel);
  wire->tunnel = NULL;
  int error = reach_peer(wire, mem, config);
  return error < 0 ? error : 1;
}

/* Runs TLS over the raw bytes into `plain`, behind what is held there.  Loops,
 * because kept and borrowed bytes are two pieces. */
static int decrypt(struct gcn__wire* wire) {
  for (;;) {
    if (raw_bytes(wire).size == 0 && gcn__tls_dry(wire->tls)) return 0;
    if (!lend_plain(wire)) return GCN__ENOMEM;
    size_t room = GCN__WIRE_PLAIN_SIZE - gcn__buf_size(&wire->plain);
    char* to = gcn__buf_reserve(&wire->plain, room);
    struct gcn__span in = raw_bytes(wire);
    size_t before = in.size;
    size_t used = 0;
    int error = gcn__tls_read(wire->tls, &in, to, room, &used);
    raw_advance(wire, before - in.size);
    gcn__buf_commit(&wire->plain, used);
    if (used > 0) return 0;
    if (error != 0) return error;
    if (raw_bytes(wire).size == 0 || before == in.size) return 0;
  }
}

int gcn__wire_shake(struct gcn__wire* wire) {
  int error = decrypt(wire);
  if (error != 0) return error == GCN__EOF ? GCN_ETLS : error;
  if (gcn__tls_state(wire->tls) == GCN__TLS_OPEN) {
    wire->phase = GCN__WIRE_READY;
    return 1;
  }
  bool cut = wire->ended && wire->end_error == GCN__EOF;
  return cut ? gcn__tls_end(wire->tls) : 0;
}

/* Moves raw bytes to what is held, as far as its frame needs them. */
static void top_up(struct gcn__wire* wire) {
  struct gcn__span raw = raw_bytes(wire);
  size_t lacking = gcn__ws_wanted(wire->ws) - gcn__buf_size(&wire->plain);
  size_t size = raw.size < lacking ? raw.size : lacking;
  int error = gcn__buf_append(&wire->plain, raw.data, size);
  GCN__ASSERT(error == 0); /* the whole frame has room there */
  (void)error;
  raw_advance(wire, size);
}

/* Why there is nothing to read: 0: for now. */
static int end_of(const struct gcn__wire* wire) {
  if (!wire->ended) return 0;
  /* Over TLS a bare end of the link is not a proper end of the data. */
  bool cut = wire->tls != NULL && wire->end_error == GCN__EOF;
  return cut ? GCN__ECONNRESET : wire->end_error;
}

int gcn__wire_peek(struct gcn__wire* wire, struct gcn__span* bytes) {
  int error = 0;
  if (wire->tls != NULL) {
    bool stale = gcn__buf_size(&wire->plain) == wire->held_size;
    if (stale) error = decrypt(wire);
    *bytes = gcn__buf_span(&wire->plain);
  } else if (wire->held_size > 0) {
    top_up(wire);
    *bytes = gcn__buf_span(&wire->plain);
  } else {
    *bytes = raw_bytes(wire);
  }
  if (bytes->size > wire->held_size) return 1;
  return error != 0 ? error : end_of(wire);
}

void gcn__wire_advance(struct gcn__wire* wire, size_t size) {
  if (wire->tls != NULL || wire->held_size > 0) {
    gcn__buf_consume(&wire->plain, size);
  } else {
    raw_advance(wire, size);
  }
  wire->held_size = 0;
}

/* Keeps the front of a frame, which the reader has left, in `plain`.  False:
 * out of memory. */
static bool hold(struct gcn__wire* wire, size_t size) {
  if (gcn__buf_size(&wire->plain) == 0) {
    struct gcn__span raw = raw_bytes(wire);
    if (!lend_plain(wire)) return false;
    if (gcn__buf_append(&wire->plain, raw.data, size) != 0) return false;
    raw_advance(wire, size);
  }
  wire->held_size = size;
  return true;
}

/* Reads from bytes of which some are new. */
static int read_bytes(struct gcn__wire* wire, struct gcn__span bytes,
                      struct gcn__ws_message* message) {
  struct gcn__ws_lent lent = {
      /* Ours, or lent by the driver to be changed. */
      .data = (char*)(uintptr_t)bytes.data,
      .size = bytes.size,
      .room = GCN__WIRE_PLAIN_SIZE,
  };
  int result = gcn__ws_read_in_place(wire->ws, &lent, message);
  gcn__wire_advance(wire, bytes.size - lent.size);
  if (result != GCN__WS_MORE || lent.size == 0) return result;
  if (hold(wire, lent.size)) return result;
  struct gcn__span rest = gcn__span(lent.data, lent.size);
  result = gcn__ws_read(wire->ws, &rest, message);
  gcn__wire_advance(wire, lent.size - rest.size);
  return result;
}

int gcn__wire_read(struct gcn__wire* wire, struct gcn__ws_message* message,
                   int* end) {
  struct gcn__span bytes;
  while ((*end = gcn__wire_peek(wire, &bytes)) > 0) {
    int result = read_bytes(wire, bytes, message);
    if (result != GCN__WS_MORE) return result;
  }
  return GCN__WS_MORE;
}

int gcn__wire_settle(struct gcn__wire* wire) {
  return_plain(wire);
  if (wire->borrowed.size == 0) return 0;
  int error =
      gcn__buf_append(&wire->kept, wire->borrowed.data, wire->borrowed.size);
  wire->borrowed = (struct gcn__span){NULL, 0};
  return error;
}

int gcn__wire_write(struct gcn__wire* wire, struct gcn__span plain) {
  if (wire->tls != NULL) return gcn__tls_write(wire->tls, plain);
  return gcn__buf_append(&wire->out, plain.data, plain.size);
}

int gcn__wire_write_frame(struct gcn__wire* wire, struct gcn__buf* scratch,
                          enum gcn__ws_opcode opcode,
                          struct gcn__span payload) {
  GCN__ASSERT(wire->phase == GCN__WIRE_OPEN);
  gcn__buf_clear(scratch);
  int error = gcn__ws_write(wire->ws, scratch, opcode, payload);
  gcn__ws_rest(wire->ws);
  if (error == 0) error = gcn__wire_write(wire, gcn__buf_span(scratch));
  gcn__buf_clear(scratch);
  return error;
}

void gcn__wire_owe_pong(struct gcn__wire* wire, struct gcn__span payload) {
  GCN__ASSERT(payload.size <= sizeof wire->pong);
  if (payload.size > 0) memcpy(wire->pong, payload.data, payload.size);
  wire->pong_size = payload.size;
  wire->pong_due = true;
}

/* A pong that can't be written is judged by the peer, not here. */
void gcn__wire_pay_pong(struct gcn__wire* wire, struct gcn__buf* scratch) {
  bool open = wire->phase == GCN__WIRE_OPEN;
  if (!open || wire->close_written) return;
  if (!wire->pong_due || wire->pong_pending) return;
  wire->pong_due = false;
  int error = gcn__wire_write_frame(wire, scratch, GCN__WS_PONG,
                                    gcn__span(wire->pong, wire->pong_size));
  wire->pong_pending = error == 0;
}

int gcn__wire_write_close(struct gcn__wire* wire, struct gcn__buf* scratch,
                          unsigned code) {
  GCN__ASSERT(wire->phase == GCN__WIRE_OPEN);
  if (wire->close_written) return 0;
  gcn__wire_pay_pong(wire, scratch);
  gcn__buf_clear(scratch);
  int error = gcn__ws_write_close(wire->ws, scratch, code, GCN__SPAN(""));
  if (error == 0) error = gcn__wire_write(wire, gcn__buf_span(scratch));
  wire->close_written = error == 0;
  gcn__buf_clear(scratch);
  return error;
}
