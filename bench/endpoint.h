/* SPDX-License-Identifier: MIT */
/*
 * One end of a TLS 1.3 connection, by Mbed TLS alone, in memory.
 *
 * As a server it makes the records that both our TLS layer and the reference
 * read; as a client it is the reference: nothing but mbedtls_ssl_read over the
 * caller's bytes.  It verifies nobody, and ends the program on any error.
 */
#ifndef GCN_BENCH_ENDPOINT_H
#define GCN_BENCH_ENDPOINT_H

#include "base/buf.h"

struct gcn__bench_endpoint;

/* PEM of a certificate authority and of a server of 127.0.0.1; made once per
 * process. */
struct gcn__bench_identity {
  char ca[8192];
  char certificate[8192];
  char key[8192];
};
const struct gcn__bench_identity* gcn__bench_identity(void);

/* `flags` with the suite, of gcn__bench_flag. */
struct gcn__bench_endpoint* gcn__bench_endpoint_server(unsigned flags);
struct gcn__bench_endpoint* gcn__bench_endpoint_client(unsigned flags);
void gcn__bench_endpoint_free(struct gcn__bench_endpoint* endpoint);

/* Ciphertext to be sent. */
struct gcn__buf* gcn__bench_endpoint_out(struct gcn__bench_endpoint* endpoint);
void gcn__bench_endpoint_write(struct gcn__bench_endpoint* endpoint,
                               struct gcn__span plain);
/* Shakes hands or decrypts from the front of `in`, which it advances.  The
 * number of plaintext bytes; 0: it needs more input. */
size_t gcn__bench_endpoint_read(struct gcn__bench_endpoint* endpoint,
                                struct gcn__span* in, unsigned char* plain,
                                size_t size);

#endif
