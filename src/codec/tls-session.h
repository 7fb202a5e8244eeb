/* SPDX-License-Identifier: MIT */
/*
 * The sessions that later connections may resume, by host.
 *
 * Private to the TLS codec.  It knows no connection and no clock.  A session is
 * kept as Mbed TLS's serial form, which holds a key to resume with but no key
 * of the traffic that was.  Whoever puts one in vouches that its certificate
 * was verified under that very host; a session that is taken out is gone, so no
 * ticket is ever used twice.
 */
#ifndef GCN_CODEC_TLS_SESSION_H
#define GCN_CODEC_TLS_SESSION_H

#include "base/list.h"
#include "base/mem.h"
#include "codec/tls-verify.h"

#include <mbedtls/ssl.h>

enum {
  GCN__TLS_SESSION_COUNT_MAX = 16,   /* for each user */
  GCN__TLS_SESSION_SIZE_MAX = 32768, /* larger ones are not kept */
  /* A certificate is looked at again once a day, however often the session
   * that it began is renewed; RFC 5246 §F.1.4 recommends no more. */
  GCN__TLS_SESSION_LIFE_MS = 24 * 3600 * 1000,
};

struct gcn__tls_session {
  uint64_t born_ms; /* when the certificate was verified */
  size_t size;
  unsigned char* bytes; /* NULL: no session */
};

/* Of so many users (clients, say) that all may come back at the same time: each
 * has room for one session with a host, and for 16 in all. */
struct gcn__tls_sessions {
  const struct gcn__mem* mem;
  size_t user_count;
  size_t count;
  struct gcn__list hosts;
  struct gcn__list ages; /* of all sessions; oldest first */
};

/* Wipes it; one that is none is fine. */
void gcn__tls_session_drop(const struct gcn__mem* mem,
                           struct gcn__tls_session* session);

/* One user. */
void gcn__tls_sessions_init(struct gcn__tls_sessions* sessions,
                            const struct gcn__mem* mem);
/* Wipes all of them. */
void gcn__tls_sessions_clear(struct gcn__tls_sessions* sessions);
/* What there is no room for any more goes, the oldest first. */
void gcn__tls_sessions_serve(struct gcn__tls_sessions* sessions,
                             size_t user_count);
/* Takes over `session`, in place of the oldest one if there are too many.  It
 * is dropped where memory is short. */
void gcn__tls_sessions_put(struct gcn__tls_sessions* sessions, const char* host,
                           struct gcn__tls_session* session);
/* Moves the newest session of `host` to `session`, which the caller drops or
 * puts back; none if there is none or it is too old. */
void gcn__tls_sessions_take(struct gcn__tls_sessions* sessions,
                            const char* host, uint64_t now_ms,
                            struct gcn__tls_session* session);

/* After the handshake: frees the certificates that the peer has shown, which
 * Mbed TLS keeps as long as `ssl` lives and in each session copied from it.
 * They were verified, and nobody looks at them again. */
void gcn__tls_session_forget_peer(mbedtls_ssl_context* ssl);
/* Copies what `ssl` can resume next time.  `refused`, unless NULL, is what was
 * offered in vain: Mbed TLS 3.6 keeps the ticket of a TLS 1.2 session that was
 * refused beside the keys of the new one, which would not fit.
 * 0; GCN__ENOMEM; GCN_ETLS: there is nothing to keep. */
int gcn__tls_session_export(const mbedtls_ssl_context* ssl,
                            const struct gcn__tls_session* refused,
                            const struct gcn__mem* mem,
                            struct gcn__tls_session* session);
/* Has `ssl` offer it in its hello.  0; GCN__ENOMEM, which leaves `ssl` of no
 * use; GCN_ETLS: it cannot be offered, and nothing has changed. */
int gcn__tls_session_offer(const struct gcn__tls_session* session,
                           mbedtls_ssl_context* ssl);

#endif
