/* SPDX-License-Identifier: MIT */
/*
 * The cache of sessions, and the way of one from Mbed TLS and back.
 *
 * Hosts are few, and looked through one by one; their sessions may be many and
 * are not: the newest of a host stands last, and is the one that is taken.
 */
#include "codec/tls-session.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/tls-text.h"

#include <mbedtls/platform.h>

/* Lives while it has a session. */
struct host {
  struct gcn__list link;
  struct gcn__list kept;
  size_t count;
  char* name;
};

struct kept {
  struct gcn__list of_host;
  struct gcn__list of_age;
  struct host* host;
  struct gcn__tls_session session;
};

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
  sessions->user_count = 1;
  sessions->count = 0;
  gcn__list_init(&sessions->hosts);
  gcn__list_init(&sessions->ages);
}

/* Mbed TLS compares the names of TLS 1.3 sessions byte by byte; so do we. */
static struct host* find(const struct gcn__tls_sessions* sessions,
                         const char* name) {
  struct gcn__list* at = sessions->hosts.next;
  for (; at != &sessions->hosts; at = at->next) {
    struct host* host = GCN__CONTAINER_OF(at, struct host, link);
    if (strcmp(host->name, name) == 0) return host;
  }
  return NULL;
}

static void free_host(const struct gcn__mem* mem, struct host* host) {
  gcn__list_remove(&host->link);
  gcn__str_free(mem, host->name);
  gcn__free(mem, host, sizeof(*host));
}

/* The host of that name, without a session if it is new; NULL: no memory. */
static struct host* fetch(struct gcn__tls_sessions* sessions,
                          const char* name) {
  struct host* host = find(sessions, name);
  if (host != NULL) return host;
  host = gcn__alloc_zero(sessions->mem, sizeof(*host));
  if (host == NULL) return NULL;
  gcn__list_init(&host->link);
  gcn__list_init(&host->kept);
  host->name = gcn__str_copy(sessions->mem, name);
  if (host->name == NULL) {
    free_host(sessions->mem, host);
    return NULL;
  }
  gcn__list_append(&sessions->hosts, &host->link);
  return host;
}

/* Takes one out; its host goes with its last one. */
static struct gcn__tls_session take_out(struct gcn__tls_sessions* sessions,
                                        struct kept* kept) {
  struct gcn__tls_session session = kept->session;
  struct host* host = kept->host;
  gcn__list_remove(&kept->of_host);
  gcn__list_remove(&kept->of_age);
  gcn__free(sessions->mem, kept, sizeof(*kept));
  sessions->count--;
  if (--host->count == 0) free_host(sessions->mem, host);
  return session;
}

static void drop_oldest(struct gcn__tls_sessions* sessions) {
  struct kept* oldest =
      GCN__CONTAINER_OF(sessions->ages.next, struct kept, of_age);
  struct gcn__tls_session session = take_out(sessions, oldest);
  gcn__tls_session_drop(sessions->mem, &session);
}

static void drop_oldest_of(struct gcn__tls_sessions* sessions,
                           struct host* host) {
  struct kept* oldest =
      GCN__CONTAINER_OF(host->kept.next, struct kept, of_host);
  struct gcn__tls_session session = take_out(sessions, oldest);
  gcn__tls_session_drop(sessions->mem, &session);
}

void gcn__tls_sessions_clear(struct gcn__tls_sessions* sessions) {
  while (sessions->count > 0)
    drop_oldest(sessions);
}

static size_t room_of(const struct gcn__tls_sessions* sessions) {
  return GCN__TLS_SESSION_COUNT_MAX * sessions->user_count;
}

void gcn__tls_sessions_serve(struct gcn__tls_sessions* sessions,
                             size_t user_count) {
  GCN__ASSERT(user_count > 0);
  sessions->user_count = user_count;
  while (sessions->count > room_of(sessions))
    drop_oldest(sessions);
}

/* False: no memory. */
static bool keep(struct gcn__tls_sessions* sessions, struct host* host,
                 const struct gcn__tls_session* session) {
  struct kept* kept = gcn__alloc_zero(sessions->mem, sizeof(*kept));
  if (kept == NULL) return false;
  kept->session = *session;
  kept->host = host;
  gcn__list_append(&host->kept, &kept->of_host);
  gcn__list_append(&sessions->ages, &kept->of_age);
  host->count++;
  sessions->count++;
  return true;
}

void gcn__tls_sessions_put(struct gcn__tls_sessions* sessions, const char* name,
                           struct gcn__tls_session* session) {
  struct host* host = fetch(sessions, name);
  bool kept = host != NULL && keep(sessions, host, session);
  if (kept) {
    *session = (struct gcn__tls_session){.bytes = NULL};
    if (host->count > sessions->user_count) drop_oldest_of(sessions, host);
    if (sessions->count > room_of(sessions)) drop_oldest(sessions);
    return;
  }
  gcn__tls_session_drop(sessions->mem, session);
  if (host != NULL && host->count == 0) free_host(sessions->mem, host);
}

void gcn__tls_sessions_take(struct gcn__tls_sessions* sessions,
                            const char* name, uint64_t now_ms,
                            struct gcn__tls_session* session) {
  *session = (struct gcn__tls_session){.bytes = NULL};
  struct host* host = find(sessions, name);
  if (host == NULL) return;
  struct kept* newest =
      GCN__CONTAINER_OF(host->kept.prev, struct kept, of_host);
  *session = take_out(sessions, newest);
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

void gcn__tls_session_forget_peer(mbedtls_ssl_context* ssl) {
#if defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
  mbedtls_ssl_session* session = ssl->MBEDTLS_PRIVATE(session);
  mbedtls_x509_crt* peer = session->MBEDTLS_PRIVATE(peer_cert);
  if (peer == NULL) return;
  session->MBEDTLS_PRIVATE(peer_cert) = NULL;
  mbedtls_x509_crt_free(peer);
  mbedtls_free(peer);
#else
  (void)ssl;
#endif
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
