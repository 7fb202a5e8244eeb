/* SPDX-License-Identifier: MIT */
/*
 * One end of a TLS connection, by Mbed TLS alone, in memory.
 *
 * It shares nothing with the library's own TLS codec: as a server it makes the
 * records that every reader of a bench gets, as a client it is what the codec
 * is measured against.  It knows neither sockets nor a clock.  Its only policy:
 * AES-128-GCM, P-256 before X25519, one version, given.
 */
#ifndef GCN_SIM_TLS_H
#define GCN_SIM_TLS_H

#include "base/buf.h"

struct gcn__simtls_config;
struct gcn__simtls;

struct gcn__simtls_options {
  bool tls12;                  /* 1.2, else 1.3 */
  bool resume;                 /* tickets are given, or kept and offered */
  const char* ca_pem;          /* client: who is trusted */
  const char* certificate_pem; /* server: with its chain; NULL: a client */
  const char* key_pem;
};

/* NULL: memory, entropy, or a PEM that is none. */
struct gcn__simtls_config*
gcn__simtls_config_new(const struct gcn__simtls_options* options);
void gcn__simtls_config_free(struct gcn__simtls_config* config);

/* `out` takes ciphertext and must outlive the context; so must `config`, whose
 * newest session a client offers.  `host` is what a client verifies. */
struct gcn__simtls* gcn__simtls_new(struct gcn__simtls_config* config,
                                    const char* host, struct gcn__buf* out);
void gcn__simtls_free(struct gcn__simtls* tls);

/* Shakes hands and decrypts from the front of `in`, which it advances, until
 * `size` plain bytes are out, a record's are, or all of `in` is used.
 * The number of plain bytes (0: more input is needed), GCN__EOF after a
 * close_notify, or GCN_ETLS. */
int gcn__simtls_read(struct gcn__simtls* tls, struct gcn__span* in, char* plain,
                     size_t size);
/* 0, GCN_ETLS: the handshake is not over, or memory is short. */
int gcn__simtls_write(struct gcn__simtls* tls, struct gcn__span plain);
void gcn__simtls_close(struct gcn__simtls* tls);
bool gcn__simtls_open(const struct gcn__simtls* tls);

#endif
