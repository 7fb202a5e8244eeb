/* SPDX-License-Identifier: MIT */
/*
 * Mbed TLS 3.6 keeps pointers into its buffers; all of them move along.  The
 * one for the number of the incoming record points to the buffer's first bytes,
 * which are the ones that count between records.  The number of the outgoing
 * one is kept elsewhere and only copied there.
 */
#include "codec/tls-buffers.h"

#include "base/assert.h"

#include <mbedtls/platform.h>

#if defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH) &&                             \
    !defined(MBEDTLS_SSL_PROTO_DTLS)
#  define CAN_LEND

#  include <mbedtls/platform_util.h>
#  include <string.h>
#endif

#if !defined(CAN_LEND)
void gcn__tls_buffers_strip(mbedtls_ssl_context* ssl) {
  (void)ssl;
}

void gcn__tls_buffers_begin(struct gcn__tls_buffers* buffers,
                            mbedtls_ssl_context* ssl,
                            struct gcn__spares* spares) {
  (void)buffers;
  (void)ssl;
  (void)spares;
}

bool gcn__tls_buffers_wake(struct gcn__tls_buffers* buffers) {
  (void)buffers;
  return true;
}

void gcn__tls_buffers_rest(struct gcn__tls_buffers* buffers) {
  (void)buffers;
}

void gcn__tls_buffers_end(struct gcn__tls_buffers* buffers) {
  (void)buffers;
}
#else
/* Mbed TLS's own, not in its public headers.  It leaves the structure itself,
 * all-zero as after a set-up that failed half-way: a ticket that comes later
 * writes into it, and mbedtls_ssl_free frees it. */
void mbedtls_ssl_handshake_free(mbedtls_ssl_context* ssl);

/* After a TLS 1.2 handshake Mbed TLS does all of this itself.  A client that
 * might have spoken 1.2 keeps the place for the keys of that, all-zero. */
void gcn__tls_buffers_strip(mbedtls_ssl_context* ssl) {
  if (ssl->MBEDTLS_PRIVATE(handshake) == NULL) return;
  mbedtls_ssl_handshake_free(ssl);
  mbedtls_free(ssl->MBEDTLS_PRIVATE(transform_negotiate));
  ssl->MBEDTLS_PRIVATE(transform_negotiate) = NULL;
}

void gcn__tls_buffers_begin(struct gcn__tls_buffers* buffers,
                            mbedtls_ssl_context* ssl,
                            struct gcn__spares* spares) {
  bool fits = ssl->MBEDTLS_PRIVATE(in_buf_len) <= GCN__SPARE_SIZE &&
              ssl->MBEDTLS_PRIVATE(out_buf_len) <= GCN__SPARE_SIZE;
  if (!fits) return;
  *buffers = (struct gcn__tls_buffers){.spares = spares, .ssl = ssl};
}

static uint16_t place(const unsigned char* at, const unsigned char* block) {
  GCN__ASSERT(at >= block && at - block <= GCN__SPARE_SIZE);
  return (uint16_t)(at - block);
}

static bool fill_in(struct gcn__tls_buffers* buffers) {
  mbedtls_ssl_context* ssl = buffers->ssl;
  const struct gcn__tls_places* at = &buffers->in;
  if (ssl->MBEDTLS_PRIVATE(in_buf) != NULL) return true;
  unsigned char* block = gcn__spares_take(buffers->spares);
  if (block == NULL) return false;
  memcpy(block, buffers->in_counter, GCN__TLS_COUNTER_SIZE);
  ssl->MBEDTLS_PRIVATE(in_buf) = block;
  ssl->MBEDTLS_PRIVATE(in_ctr) = block; /* the first thing in it */
  ssl->MBEDTLS_PRIVATE(in_hdr) = block + at->header;
  ssl->MBEDTLS_PRIVATE(in_len) = block + at->length;
  ssl->MBEDTLS_PRIVATE(in_iv) = block + at->iv;
  ssl->MBEDTLS_PRIVATE(in_msg) = block + at->message;
  return true;
}

static bool fill_out(struct gcn__tls_buffers* buffers) {
  mbedtls_ssl_context* ssl = buffers->ssl;
  const struct gcn__tls_places* at = &buffers->out;
  if (ssl->MBEDTLS_PRIVATE(out_buf) != NULL) return true;
  unsigned char* block = gcn__spares_take(buffers->spares);
  if (block == NULL) return false;
  ssl->MBEDTLS_PRIVATE(out_buf) = block;
  ssl->MBEDTLS_PRIVATE(out_ctr) = block;
  ssl->MBEDTLS_PRIVATE(out_hdr) = block + at->header;
  ssl->MBEDTLS_PRIVATE(out_len) = block + at->length;
  ssl->MBEDTLS_PRIVATE(out_iv) = block + at->iv;
  ssl->MBEDTLS_PRIVATE(out_msg) = block + at->message;
  return true;
}

/* Returns the block, which Mbed TLS does not know any more. */
static unsigned char* take_in(struct gcn__tls_buffers* buffers) {
  mbedtls_ssl_context* ssl = buffers->ssl;
  unsigned char* block = ssl->MBEDTLS_PRIVATE(in_buf);
  memcpy(buffers->in_counter, block, GCN__TLS_COUNTER_SIZE);
  buffers->in = (struct gcn__tls_places){
      .header = place(ssl->MBEDTLS_PRIVATE(in_hdr), block),
      .length = place(ssl->MBEDTLS_PRIVATE(in_len), block),
      .iv = place(ssl->MBEDTLS_PRIVATE(in_iv), block),
      .message = place(ssl->MBEDTLS_PRIVATE(in_msg), block),
  };
  ssl->MBEDTLS_PRIVATE(in_buf) = NULL;
  ssl->MBEDTLS_PRIVATE(in_hdr) = NULL;
  ssl->MBEDTLS_PRIVATE(in_len) = NULL;
  ssl->MBEDTLS_PRIVATE(in_iv) = NULL;
  ssl->MBEDTLS_PRIVATE(in_msg) = NULL;
  return block;
}

static unsigned char* take_out(struct gcn__tls_buffers* buffers) {
  mbedtls_ssl_context* ssl = buffers->ssl;
  unsigned char* block = ssl->MBEDTLS_PRIVATE(out_buf);
  buffers->out = (struct gcn__tls_places){
      .header = place(ssl->MBEDTLS_PRIVATE(out_hdr), block),
      .length = place(ssl->MBEDTLS_PRIVATE(out_len), block),
      .iv = place(ssl->MBEDTLS_PRIVATE(out_iv), block),
      .message = place(ssl->MBEDTLS_PRIVATE(out_msg), block),
  };
  ssl->MBEDTLS_PRIVATE(out_buf) = NULL;
  ssl->MBEDTLS_PRIVATE(out_hdr) = NULL;
  ssl->MBEDTLS_PRIVATE(out_len) = NULL;
  ssl->MBEDTLS_PRIVATE(out_iv) = NULL;
  ssl->MBEDTLS_PRIVATE(out_msg) = NULL;
  return block;
}

bool gcn__tls_buffers_wake(struct gcn__tls_buffers* buffers) {
  if (!buffers->lent) return true;
  return fill_in(buffers) && fill_out(buffers);
}

/* No byte of a record, and no message of one, is waiting in it. */
static bool is_in_empty(const mbedtls_ssl_context* ssl) {
  return ssl->MBEDTLS_PRIVATE(in_left) == 0 &&
         ssl->MBEDTLS_PRIVATE(in_offt) == NULL &&
         ssl->MBEDTLS_PRIVATE(in_msglen) == 0 &&
         ssl->MBEDTLS_PRIVATE(in_hslen) == 0 &&
         ssl->MBEDTLS_PRIVATE(keep_current_message) == 0 &&
         ssl->MBEDTLS_PRIVATE(in_hdr) ==
             ssl->MBEDTLS_PRIVATE(in_buf) + GCN__TLS_COUNTER_SIZE;
}

static void discard(unsigned char* block, size_t size) {
  mbedtls_platform_zeroize(block, size);
  mbedtls_free(block);
}

/* Mbed TLS's own: both at once, so that one flag says whose they are. */
static void discard_own(struct gcn__tls_buffers* buffers) {
  const mbedtls_ssl_context* ssl = buffers->ssl;
  discard(take_in(buffers), ssl->MBEDTLS_PRIVATE(in_buf_len));
  discard(take_out(buffers), ssl->MBEDTLS_PRIVATE(out_buf_len));
  buffers->lent = true;
}

void gcn__tls_buffers_rest(struct gcn__tls_buffers* buffers) {
  const mbedtls_ssl_context* ssl = buffers->ssl;
  if (buffers->spares == NULL) return;
  if (!mbedtls_ssl_is_handshake_over(buffers->ssl)) return;
  bool in_empty = ssl->MBEDTLS_PRIVATE(in_buf) != NULL && is_in_empty(ssl);
  bool out_empty = ssl->MBEDTLS_PRIVATE(out_buf) != NULL &&
                   ssl->MBEDTLS_PRIVATE(out_left) == 0;
  if (!buffers->lent) {
    if (!in_empty || !out_empty) return;
    discard_own(buffers);
    /* Now rather than with the first event; if it fails, that one tries. */
    (void)gcn__tls_buffers_wake(buffers);
    in_empty = ssl->MBEDTLS_PRIVATE(in_buf) != NULL;
    out_empty = ssl->MBEDTLS_PRIVATE(out_buf) != NULL;
  }
  if (out_empty) gcn__spares_give(buffers->spares, take_out(buffers));
  if (in_empty) gcn__spares_give(buffers->spares, take_in(buffers));
}

void gcn__tls_buffers_end(struct gcn__tls_buffers* buffers) {
  if (!buffers->lent) return;
  const mbedtls_ssl_context* ssl = buffers->ssl;
  GCN__ASSERT(buffers->spares != NULL);
  if (ssl->MBEDTLS_PRIVATE(in_buf) != NULL)
    gcn__spares_give(buffers->spares, take_in(buffers));
  if (ssl->MBEDTLS_PRIVATE(out_buf) != NULL)
    gcn__spares_give(buffers->spares, take_out(buffers));
  buffers->lent = false;
}
#endif
