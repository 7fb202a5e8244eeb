/* SPDX-License-Identifier: MIT */
/*
 * What all connections of one loop share: trust anchors or an own certificate,
 * the seeded generator, and the offer (versions, suites, groups).
 *
 * Private to the TLS codec.  It knows no connection.  After it is made only its
 * reference count and the generator's state change.
 */
#ifndef GCN_CODEC_TLS_CONFIG_H
#define GCN_CODEC_TLS_CONFIG_H

#include "codec/tls.h"

#include <mbedtls/build_info.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#if MBEDTLS_VERSION_NUMBER < 0x03060000 || MBEDTLS_VERSION_NUMBER >= 0x04000000
#  error "gcnotify needs Mbed TLS 3.6"
#endif

/* A server hands out session tickets where the library can. */
#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)
#  define GCN__TLS_TICKETS
#  include <mbedtls/ssl_ticket.h>
#endif

struct gcn__tls_config {
  const struct gcn__mem* mem;
  size_t ref_count;
  bool server;
  const char* alpn[2]; /* NULL-terminated; Mbed TLS keeps the pointer */
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificates; /* trust anchors, or the server's own */
  mbedtls_pk_context key;        /* a server's */
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_context tickets;
#endif
  mbedtls_ssl_config ssl;
};

/* Fills `anchors` as the options say.  0, GCN__ENOMEM or GCN_ECONFIG with a
 * text. */
int gcn__tls_anchors_load(const struct gcn__mem* mem,
                          const struct gcn__tls_client_options* options,
                          mbedtls_x509_crt* anchors,
                          char text[GCN__TLS_TEXT_SIZE]);

#endif
