/* SPDX-License-Identifier: MIT */
/*
 * One wire: the bytes of one TCP connection and what reads them.
 *
 * It stacks TLS (or nothing) under an HTTP reader or a WebSocket reader, in a
 * fixed order, and puts all of it into a proxy's tunnel if there is a proxy.
 * Names and certificates are the origin's either way.  It knows no states and
 * no dialect.  Everything that belongs to
 * one connection is in here and is made anew for the next one.
 */
#ifndef GCN_ENGINE_WIRE_H
#define GCN_ENGINE_WIRE_H

#include "codec/http.h"
#include "codec/proxy.h"
#include "codec/tls.h"
#include "codec/tunnel.h"
#include "codec/url.h"
#include "codec/ws.h"
#include "base/spares.h"
#include "engine/effect.h"

enum gcn__wire_phase {
  GCN__WIRE_ABSENT,     /* no link */
  GCN__WIRE_DIALLING,   /* a link was asked for */
  GCN__WIRE_TUNNELLING, /* the proxy was asked for a tunnel */
  GCN__WIRE_SHAKING,    /* TLS handshake */
  GCN__WIRE_READY,      /* HTTP requests may be sent */
  GCN__WIRE_OPEN,       /* a WebSocket */
};

enum {
  /* What may be left unread: a read of 128 KiB, given in two pieces, and a TLS
   * record. */
  GCN__WIRE_KEPT_SIZE_MAX = 256 * 1024,
  GCN__WIRE_PLAIN_SIZE = 16 * 1024,
  GCN__WIRE_OUT_SIZE_MAX = 4 * 1024 * 1024,
};

/* What each read looks at comes first. */
struct gcn__wire {
  uint64_t read_ms; /* when the oldest unread bytes were read */
  enum gcn__wire_phase phase;
  bool attached;      /* the driver has, or is opening, a link for it */
  bool cut;           /* bytes of it are lost: it is of no use any more */
  bool ended;         /* the link is gone; what came before is still read */
  bool close_written; /* the last frame of ours */
  bool pong_pending;  /* one is in `out` */
  /* The answer to the newest ping, which is all that RFC 6455 §5.5.3 asks for.
   * It waits in `pong` for its turn, so that no flood of pings can fill
   * `out`. */
  bool pong_due;
  bool reused; /* it was idle: an answer has come over it, or it was early */
  bool secure;
  struct gcn__tls* tls;
  struct gcn__ws* ws;
  struct gcn__spares* spares;
  struct gcn__span borrowed; /* the driver's bytes, this turn only */
  size_t held_size; /* at the front of `plain`: a frame that is not whole */
  /* Decrypted, not read yet, or the front of a frame; in a spare block. */
  struct gcn__buf plain;
  struct gcn__buf kept; /* earlier bytes not read yet */
  struct gcn__buf out;  /* to be sent */
  struct gcn__http* http;
  struct gcn__tunnel* tunnel;     /* while it is being opened */
  const struct gcn__proxy* proxy; /* NULL: none */
  int end_error;
  enum gcn__layer end_layer;
  char* end_text; /* why it is gone; NULL: that is not known */
  char host[GCN__HOST_SIZE_MAX + 1];
  uint16_t port;
  size_t pong_size;
  char pong[GCN__WS_CONTROL_SIZE_MAX];
};

/* Why the link is gone. */
static inline const char* gcn__wire_end_text(const struct gcn__wire* wire) {
  return wire->end_text == NULL ? "cause unknown" : wire->end_text;
}

/* `spares` outlives the wire. */
void gcn__wire_init(struct gcn__wire* wire, const struct gcn__mem* mem,
                    struct gcn__spares* spares);
void gcn__wire_deinit(struct gcn__wire* wire);

/* Forgets the connection and everything of it; `out` stays for one last
 * write. */
void gcn__wire_reset(struct gcn__wire* wire);
/* The connection goes on in `to`, which has none; `from` has none then.  It has
 * no reader yet.  What a proxy is on the way is `to`'s to say. */
void gcn__wire_move(struct gcn__wire* from, struct gcn__wire* to);
/* Names the peer of the next connection. */
void gcn__wire_aim(struct gcn__wire* wire, const struct gcn__url* url);
/* The same through a proxy, which outlives the connection; NULL, or one of
 * kind NONE: directly. */
void gcn__wire_aim_via(struct gcn__wire* wire, const struct gcn__url* url,
                       const struct gcn__proxy* proxy);
/* Where the link goes: to the proxy, or else to the peer itself. */
const char* gcn__wire_link_host(const struct gcn__wire* wire);
uint16_t gcn__wire_link_port(const struct gcn__wire* wire);

/* The link is up: TUNNELLING with the first words to the proxy in `out`, or
 * without a proxy READY, or SHAKING with the first TLS flight in `out`.
 * 0 or an error of codec/tls.h. */
int gcn__wire_linked(struct gcn__wire* wire, const struct gcn__mem* mem,
                     struct gcn__tls_config* config);
/* Goes on with the tunnel.  1: it is open, and the wire as after a link without
 * a proxy; 0: needs more bytes; or an error of codec/tunnel.h, of which
 * gcn__tunnel_error(wire->tunnel) tells more, or with the tunnel open one of
 * codec/tls.h. */
int gcn__wire_tunnel(struct gcn__wire* wire, const struct gcn__mem* mem,
                     struct gcn__tls_config* config);
/* Goes on with the handshake.  1: READY now; 0: needs more bytes; or an
 * error. */
int gcn__wire_shake(struct gcn__wire* wire);

/* Readable plaintext.  1: `bytes` is set, and there is more of it than is held
 * for the rest of a frame; 0: none for now; or an error: GCN__EOF and the
 * link's own when it ended, TLS's. */
int gcn__wire_peek(struct gcn__wire* wire, struct gcn__span* bytes);
/* The first `size` bytes of the last peek have been read. */
void gcn__wire_advance(struct gcn__wire* wire, size_t size);
/* The next message, whose view lives until the next read or settle; results are
 * those of gcn__ws_read.  If there is none, `end` is 0, or why there will be no
 * more, as for peek. */
int gcn__wire_read(struct gcn__wire* wire, struct gcn__ws_message* message,
                   int* end);
/* Copies what is left of the borrowed bytes, and gives the memory of `plain`
 * back if it is empty: nothing may view either any more.  0, GCN_ELIMIT,
 * GCN__ENOMEM. */
int gcn__wire_settle(struct gcn__wire* wire);

/* Sends plaintext, through TLS if there is one. */
int gcn__wire_write(struct gcn__wire* wire, struct gcn__span plain);
/* A WebSocket frame.  `scratch` is used for the unencrypted frame. */
int gcn__wire_write_frame(struct gcn__wire* wire, struct gcn__buf* scratch,
                          enum gcn__ws_opcode opcode, struct gcn__span payload);
/* A ping came: it is answered in place of any that was not answered yet. */
void gcn__wire_owe_pong(struct gcn__wire* wire, struct gcn__span payload);
/* Writes the pong that is due, unless the one before it is still in `out`. */
void gcn__wire_pay_pong(struct gcn__wire* wire, struct gcn__buf* scratch);
/* Behind the pong that is due.  Once: a second one is left out. */
int gcn__wire_write_close(struct gcn__wire* wire, struct gcn__buf* scratch,
                          unsigned code);

#endif
