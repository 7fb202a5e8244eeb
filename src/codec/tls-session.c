/* SPDX-License-Identifier: MIT */
/*
 * The cache of sessions, and the way of one from Mbed TLS and back.
 *
 * The newest stands last.  Sixteen are searched faster than they are hashed.
 */
#include "codec/tls-session.h"

#include "base/err.h"
#include "codec/tls-text.h"

void gcn__tls_session_drop(const struct gcn__mem* mem,
                           struct gcn__tls_session* session) {
  if (session->bytes != NULL) {
    gcn__wipe(session->bytes, session->size);
    gcn__free(mem, session->bytes, session->size);
  }
  *session = (struct gcn__tls_session){.bytes = NULL};
}

void gcn__tls_sessions_init(struct gcn__tls_sessions* sessions,
                            const struct gcn__mem* mem) {
  sessions->mem = mem;
  sessions->count = 0;
}

void gcn__tls_sessions_clear(struct gcn__tls_sessions* sessions) {
  for (size_t i = 0; i < sessions->count; i++) {
    gcn__tls_session_drop(sessions->mem, &sessions->all[i]);
  }
  sessions->count = 0;
}

/* Mbed TLS compares the names of TLS 1.3 sessions byte by byte; so do we. */
static size_t find(const struct gcn__tls_sessions* sessions, const char* host) {
  size_t at = 0;
  while (at < sessions->count && strcmp(sessions->all[at].host, host) != 0) {
    at++;
  }
  return at;
}

/* Closes the gap; what the session owned is somebody else's by now. */
static void remove_at(struct gcn__tls_sessions* sessions, size_t at) {
  sessions->count--;
  memmove(&sessions->all[at], &sessions->all[at + 1],
          (sessions->count - at) * sizeof(sessions->all[0]));
}

void gcn__tls_sessions_put(struct gcn__tls_sessions* sessions,
                           struct gcn__tls_session* session) {
  size_t at = find(sessions, session->host);
  bool full = sessions->count == GCN__TLS_SESSION_COUNT_MAX;
  if (at == sessions->count && full) at = 0;
  if (at < sessions->count) {
    gcn__tls_session_drop(sessions->mem, &sessions->all[at]);
    remove_at(sessions, at);
  }
  sessions->all[sessions->count++] = *session;
  *session = (struct gcn__tls_session){.bytes = NULL};
}

void gcn__tls_sessions_take(struct gcn__tls_sessions* sessions,
                            const char* host, uint64_t now_ms,
                            struct gcn__tls_session* session) {
  *session = (struct gcn__tls_session){.bytes = NULL};
  size_t at = find(sessions, host);
  if (at == sessions->count) return;
  *session = sessions->all[at];
  remove_at(sessions, at);
  bool old = now_ms > session->born_ms &&
             now_ms - session->born_ms >= GCN__TLS_SESSION_LIFE_MS;
  if (old) gcn__tls_session_drop(sessions->mem, session);
}

static int code_of(int rc) {
  if (rc == 0) return 0;
  return gcn__tls_out_of_memory(rc) ? GCN__ENOMEM : GCN_ETLS;
}

static struct gcn__span ticket_of(const mbedtls_ssl_session* session) {
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
  return gcn__span(session->MBEDTLS_PRIVATE(ticket),
                   session->MBEDTLS_PRIVATE(ticket_len));
#else
  (void)session;
  return GCN__SPAN("");
#endif
}

/* By a ticket, or by the identifier that a TLS 1.2 server remembers. */
static bool is_resumable(const mbedtls_ssl_session* session) {
  if (ticket_of(session).size > 0) return true;
  return session->MBEDTLS_PRIVATE(tls_version) == MBEDTLS_SSL_VERSION_TLS1_2 &&
         session->MBEDTLS_PRIVATE(id_len) > 0;
}

static int load(const struct gcn__tls_session* session,
                mbedtls_ssl_session* loaded) {
  mbedtls_ssl_session_init(loaded);
  return mbedtls_ssl_session_load(loaded, session->bytes, session->size);
}

/* 0: `fresh` has a ticket of its own, or none. */
static int compare_tickets(const mbedtls_ssl_session* fresh,
                           const struct gcn__tls_session* refused) {
  struct gcn__span ticket = ticket_of(fresh);
  if (refused == NULL || ticket.size == 0) return 0;
  mbedtls_ssl_session old;
  int rc = load(refused, &old);
  bool same = rc == 0 && gcn__span_equal(ticket, ticket_of(&old));
  mbedtls_ssl_session_free(&old);
  return same ? GCN_ETLS : code_of(rc);
}

static int save(const mbedtls_ssl_session* fresh, const struct gcn__mem* mem,
                struct gcn__tls_session* session) {
  size_t size = 0;
  int rc = mbedtls_ssl_session_save(fresh, NULL, 0, &size);
  if (rc != MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL) return GCN_ETLS;
  if (size > GCN__TLS_SESSION_SIZE_MAX) return GCN_ETLS;
  session->bytes = gcn__alloc(mem, size);
  if (session->bytes == NULL) return GCN__ENOMEM;
  session->size = size;
  rc = mbedtls_ssl_session_save(fresh, session->bytes, size, &size);
  if (rc != 0) gcn__tls_session_drop(mem, session);
  return code_of(rc);
}

int gcn__tls_session_export(const mbedtls_ssl_context* ssl,
                            const struct gcn__tls_session* refused,
                            const struct gcn__mem* mem,
                            struct gcn__tls_session* session) {
  *session = (struct gcn__tls_session){.bytes = NULL};
  mbedtls_ssl_session fresh;
  mbedtls_ssl_session_init(&fresh);
  int rc = code_of(mbedtls_ssl_get_session(ssl, &fresh));
  if (rc == 0 && !is_resumable(&fresh)) rc = GCN_ETLS;
  if (rc == 0) rc = compare_tickets(&fresh, refused);
  if (rc == 0) rc = save(&fresh, mem, session);
  mbedtls_ssl_session_free(&fresh);
  return rc;
}

int gcn__tls_session_offer(const struct gcn__tls_session* session,
                           mbedtls_ssl_context* ssl) {
  mbedtls_ssl_session loaded;
  int rc = load(session, &loaded);
  if (rc == 0) rc = mbedtls_ssl_set_session(ssl, &loaded);
  mbedtls_ssl_session_free(&loaded);
  return code_of(rc);
}
