/* SPDX-License-Identifier: MIT */
/*
 * The sessions that later connections may resume: one per host, few hosts.
 *
 * Private to the TLS codec.  It knows no connection and no clock.  A session is
 * kept as Mbed TLS's serial form, which holds a key to resume with but no key
 * of the traffic that was.  Whoever puts one in vouches that its certificate
 * was verified under that very host; a session that is taken out is gone, so no
 * ticket is ever used twice.
 */
#ifndef GCN_CODEC_TLS_SESSION_H
#define GCN_CODEC_TLS_SESSION_H

#include "base/mem.h"
#include "codec/tls-verify.h"

#include <mbedtls/ssl.h>

enum {
  GCN__TLS_SESSION_COUNT_MAX = 16,
  GCN__TLS_SESSION_SIZE_MAX = 32768, /* larger ones are not kept */
  /* A certificate is looked at again once a day, however often the session
   * that it began is renewed; RFC 5246 §F.1.4 recommends no more. */
  GCN__TLS_SESSION_LIFE_MS = 24 * 3600 * 1000,
};

struct gcn__tls_session {
  char host[GCN__TLS_HOST_SIZE];
  uint64_t born_ms; /* when the certificate was verified */
  size_t size;
  unsigned char* bytes; /* NULL: no session */
};

struct gcn__tls_sessions {
  const struct gcn__mem* mem;
  size_t count;
  struct gcn__tls_session all[GCN__TLS_SESSION_COUNT_MAX]; /* oldest first */
};

/* Wipes it; one that is none is fine. */
void gcn__tls_session_drop(const struct gcn__mem* mem,
                           struct gcn__tls_session* session);

void gcn__tls_sessions_init(struct gcn__tls_sessions* sessions,
                            const struct gcn__mem* mem);
/* Wipes all of them. */
void gcn__tls_sessions_clear(struct gcn__tls_sessions* sessions);
/* Takes over `session`, in place of the one that its host has; if there are too
 * many hosts, the one that was put in first has to go. */
void gcn__tls_sessions_put(struct gcn__tls_sessions* sessions,
                           struct gcn__tls_session* session);
/* Moves the session of `host` to `session`, which the caller drops or puts
 * back; none if there is none or it is too old. */
void gcn__tls_sessions_take(struct gcn__tls_sessions* sessions,
                            const char* host, uint64_t now_ms,
                            struct gcn__tls_session* session);

/* Copies what `ssl` can resume next time; the host is for the caller to write.
 * `refused`, unless NULL, is what was offered in vain: Mbed TLS 3.6 keeps the
 * ticket of a TLS 1.2 session that was refused beside the keys of the new one,
 * which would not fit.
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
