/* SPDX-License-Identifier: MIT */
/*
 * Mbed TLS's two record buffers, which an open connection has only while it has
 * bytes in hand.
 *
 * Mbed TLS allocates both, some 33 KB, for as long as a connection lives.
 * Between records all that is in them is the number of the next one to come, so
 * we take them away then and put spare blocks in their place when they are
 * needed.  Its own go after the handshake.  A build of Mbed TLS that does not
 * say how large its buffers are (MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH) keeps
 * them; ours says so.
 *
 * What a handshake alone needs goes, too, as soon as it is over: Mbed TLS would
 * keep its keys, and for TLS 1.3 its digests.
 *
 * Private to the TLS codec.
 */
#ifndef GCN_CODEC_TLS_BUFFERS_H
#define GCN_CODEC_TLS_BUFFERS_H

#include "base/spares.h"

#include <mbedtls/build_info.h>
#include <mbedtls/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  GCN__TLS_COUNTER_SIZE = 8, /* of a record's number */
};

/* Where in a buffer Mbed TLS was, while it is gone. */
struct gcn__tls_places {
  uint16_t header;
  uint16_t length;
  uint16_t iv;
  uint16_t message;
};

struct gcn__tls_buffers {
  struct gcn__spares* spares; /* NULL: Mbed TLS keeps its own */
  mbedtls_ssl_context* ssl;
  bool lent; /* what is there is a spare block */
  unsigned char in_counter[GCN__TLS_COUNTER_SIZE]; /* while it is gone */
  struct gcn__tls_places in;
  struct gcn__tls_places out;
};

/* `spares` and `ssl`, which has been set up, outlive it or its end. */
void gcn__tls_buffers_begin(struct gcn__tls_buffers* buffers,
                            mbedtls_ssl_context* ssl,
                            struct gcn__spares* spares);
/* Before anything of Mbed TLS is called that reads or writes.  False: out of
 * memory; nothing has changed that a later try would miss. */
bool gcn__tls_buffers_wake(struct gcn__tls_buffers* buffers);
/* After it: gives back what holds nothing. */
void gcn__tls_buffers_rest(struct gcn__tls_buffers* buffers);
/* A client's handshake is over, and its own buffers are still there: frees what
 * was only needed for it. */
void gcn__tls_buffers_strip(mbedtls_ssl_context* ssl);
/* Before mbedtls_ssl_free: what is there goes where it belongs.  All-zero is
 * fine. */
void gcn__tls_buffers_end(struct gcn__tls_buffers* buffers);

#endif
