/* SPDX-License-Identifier: MIT */
/*
 * Two TLS codecs back to back over buffers, for the tests of the TLS codec.
 *
 * Every read is held to the contract of gcn__tls_read: what goes in is used up
 * and nothing is pending, or the plaintext buffer is full, or there is an
 * error.
 */
#ifndef GCN_TEST_TLS_PAIR_H
#define GCN_TEST_TLS_PAIR_H

#include "base/buf.h"
#include "base/rng.h"
#include "codec/tls.h"
#include "sim/pki.h"

#define HOST "localhost"

enum cut { WHOLE, BYTEWISE, RANDOM, CUT_COUNT };

struct end {
  struct gcn__tls* tls;
  struct gcn__buf out;   /* ciphertext to the other end */
  struct gcn__buf plain; /* what came */
  size_t step;           /* size of the plaintext buffer, at most 16 KiB */
  int rc;                /* of the last read */
};

struct pair {
  struct gcn__rng rng;
  enum cut cut;
  struct end client;
  struct end server;
};

/* A server's certificate and the configurations to talk to it. */
struct site {
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  struct gcn__tls_config* server;
  struct gcn__tls_config* client;
};

extern const struct gcn__pki_names localhost_names;

/* Fails the test if anything goes wrong; `names` NULL is localhost_names. */
void site_init(struct site* site, struct gcn__pki* pki,
               const struct gcn__pki_names* names, enum gcn__pki_flaw flaw);
void site_deinit(struct site* site);

struct gcn__tls_config* client_config(const char* ca_pem, bool tls12_only);
struct gcn__tls_config* server_config(const char* certificate, const char* key);

void end_init(struct end* end, struct gcn__tls_config* config,
              const char* host);
void end_deinit(struct end* end);
/* Reads until all of it is used up or there is an error; the last result. */
int end_feed(struct end* end, struct gcn__span bytes);

void pair_init(struct pair* pair, struct gcn__tls_config* client,
               struct gcn__tls_config* server, const char* host);
void pair_deinit(struct pair* pair);
/* Carries bytes both ways until both ends are silent. */
void pair_pump(struct pair* pair);
/* A pair of `site` after its handshake, both ends open. */
void pair_open(struct pair* pair, const struct site* site, enum cut cut);

/* Takes all of an end's output, in pieces, to the other one. */
void carry(struct pair* pair, struct end* from, struct end* to);

/* Asserts state FAILED with this code, for good, and a text with `needle`. */
void assert_failed(struct end* end, int error, const char* needle);

#endif
