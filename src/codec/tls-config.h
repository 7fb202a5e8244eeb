/* SPDX-License-Identifier: MIT */
/*
 * What all connections of one loop share: the seeded generator, the sessions to
 * resume, and the material in use.
 *
 * Private to the TLS codec.  It knows no connection.  Material (trust anchors,
 * an own certificate, and the offer made with them) never changes once it is
 * made: new files make new material, and a connection keeps what it began with.
 *
 * A configuration is one client's view of a base: what it counted, and what of
 * the base's news it was told.  Clients of one pool whose options are the same
 * have one base.
 */
#ifndef GCN_CODEC_TLS_CONFIG_H
#define GCN_CODEC_TLS_CONFIG_H

#include "codec/tls-session.h"
#include "codec/tls.h"

#include <mbedtls/build_info.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>

#if MBEDTLS_VERSION_NUMBER < 0x03060000 || MBEDTLS_VERSION_NUMBER >= 0x04000000
#  error "gcnotify needs Mbed TLS 3.6"
#endif

/* A server hands out session tickets where the library can. */
#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)
#  define GCN__TLS_TICKETS
#  include <mbedtls/ssl_ticket.h>
#endif

enum {
  GCN__TLS_STAMP_WORDS = 7,
  GCN__TLS_FILE_COUNT_MAX = 3, /* trust anchors, certificate, key */
};

/* By what one sees that a file is another one; all zeros if there is none. */
struct gcn__tls_stamp {
  uint64_t words[GCN__TLS_STAMP_WORDS];
};

struct gcn__tls_file {
  const char* path; /* of the sources, or constant */
  struct gcn__tls_stamp stamp;
};

/* Where material comes from.  A certificate and its key: texts, else files. */
struct gcn__tls_sources {
  char* ca_pem;
  size_t ca_pem_size; /* its NUL not counted */
  char* ca_path;
  char* cert_pem;
  char* cert_path;
  char* key_pem;
  char* key_path;
  char* key_password;
};

struct gcn__tls_material {
  const struct gcn__mem* mem;
  size_t ref_count;
  mbedtls_x509_crt anchors;
#if defined(MBEDTLS_X509_CRL_PARSE_C)
  mbedtls_x509_crl revoked; /* empty: nothing is known to be */
#endif
  mbedtls_x509_crt certificates; /* the own chain; a client's is optional */
  mbedtls_pk_context key;
  /* As they were just before they were read. */
  struct gcn__tls_file files[GCN__TLS_FILE_COUNT_MAX];
  size_t file_count;
  /* It was made of a directory, of whose files a change may go unseen. */
  bool unwatched;
  mbedtls_ssl_config ssl;
};

struct gcn__tls_base {
  struct gcn__list link; /* in its pool */
  struct gcn__mem mem;
  size_t ref_count;
  bool server;
  bool tls12_only;
  bool resume;
  const char* alpn[2]; /* NULL-terminated; Mbed TLS keeps the pointer */
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_context tickets;
#endif
  struct gcn__tls_sources sources;
  struct gcn__tls_material* material;
  struct gcn__tls_sessions sessions;
  uint64_t now_ms;                  /* as last told */
  uint64_t look_ms;                 /* when to look at the files again */
  uint64_t change_count;            /* how often the files were read again */
  uint64_t problem_count;           /* of different ones in a row */
  int problem_error;                /* if there is one */
  char problem[GCN__TLS_TEXT_SIZE]; /* with new files; "" if none */
};

struct gcn__tls_config {
  const struct gcn__mem* mem;
  size_t ref_count;
  struct gcn__tls_base* base;
  struct gcn__tls_counts counts;
  /* The base's counts, as far as they were told. */
  uint64_t change_count;
  uint64_t problem_count;
};

/* Of options, with one user.  0, GCN__ENOMEM, GCN_EENTROPY or GCN_ECONFIG with
 * a text. */
int gcn__tls_base_make(const struct gcn__mem* mem, bool server,
                       const struct gcn__tls_client_options* options,
                       struct gcn__tls_base** base,
                       char text[GCN__TLS_TEXT_SIZE]);
/* Whether these options would make the same. */
bool gcn__tls_base_fits(const struct gcn__tls_base* base,
                        const struct gcn__tls_client_options* options);
/* One user more, for whom the files are looked at now: 0, or the error that
 * they would give him who has no other, with a text. */
int gcn__tls_base_join(struct gcn__tls_base* base,
                       char text[GCN__TLS_TEXT_SIZE]);
void gcn__tls_base_release(struct gcn__tls_base* base);
/* Looks at the files if it is time to. */
void gcn__tls_base_look(struct gcn__tls_base* base, uint64_t now_ms);
struct gcn__entropy gcn__tls_base_entropy(struct gcn__tls_base* base);

/* Copies what the options hold.  0 or GCN__ENOMEM; free it in any case. */
int gcn__tls_sources_copy(const struct gcn__mem* mem,
                          const struct gcn__tls_client_options* options,
                          struct gcn__tls_sources* sources);
/* Wipes what is secret. */
void gcn__tls_sources_free(const struct gcn__mem* mem,
                           struct gcn__tls_sources* sources);
/* Whether copies of the options would be equal to them. */
bool gcn__tls_sources_equal(const struct gcn__tls_sources* sources,
                            const struct gcn__tls_client_options* options);

/* Reads all sources of `base` and makes material of them, held once.
 * 0, GCN__ENOMEM or GCN_ECONFIG with a text. */
int gcn__tls_material_make(struct gcn__tls_base* base,
                           struct gcn__tls_material** material,
                           char text[GCN__TLS_TEXT_SIZE]);
/* What we offer, ends with 0, and whether a suite is one of them. */
const int* gcn__tls_suites(void);
bool gcn__tls_suite_offered(unsigned suite);
/* So that it is offered before the others. */
bool gcn__tls_aes_is_fast(void);
struct gcn__tls_material*
gcn__tls_material_hold(struct gcn__tls_material* material);
void gcn__tls_material_release(struct gcn__tls_material* material);

/* Fills the anchors as the sources say and notes the file they came from, and
 * with them the lists of revoked certificates that stand in the same text, file
 * or directory.  0, GCN__ENOMEM or GCN_ECONFIG with a text. */
int gcn__tls_anchors_load(const struct gcn__tls_sources* sources,
                          struct gcn__tls_material* material,
                          char text[GCN__TLS_TEXT_SIZE]);

/* Fills the own certificate and key, if the sources name them; a server's may
 * have expired, to be shown to clients that must refuse it.
 * 0, GCN__ENOMEM or GCN_ECONFIG with a text that begins with the option's
 * name. */
int gcn__tls_identity_load(struct gcn__tls_base* base,
                           struct gcn__tls_material* material,
                           char text[GCN__TLS_TEXT_SIZE]);

/* Adds a file to those that `material` was made of. */
void gcn__tls_file_note(struct gcn__tls_material* material, const char* path);
/* Whether one of them is another file by now. */
bool gcn__tls_files_changed(const struct gcn__tls_material* material);
/* NULL, or why it is not a file that can be read without waiting. */
const char* gcn__tls_file_problem(const char* path);

#endif
