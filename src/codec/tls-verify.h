/* SPDX-License-Identifier: MIT */
/*
 * Our certificate policy on top of Mbed TLS's (FAULTS §9.1).
 *
 * Private to the TLS codec.  It only ever adds objections: what Mbed TLS
 * refused stays refused.
 */
#ifndef GCN_CODEC_TLS_VERIFY_H
#define GCN_CODEC_TLS_VERIFY_H

#include "base/span.h"

#include <mbedtls/x509_crt.h>

enum {
  GCN__TLS_NAME_SIZE = 72,  /* of a name out of a certificate, cut */
  GCN__TLS_HOST_SIZE = 254, /* 253 bytes and a NUL */
};

/* What one connection wants to see, and what it saw. */
struct gcn__tls_verify {
  char host[GCN__TLS_HOST_SIZE]; /* without brackets */
  unsigned char ip[16];
  size_t ip_size; /* 0: `host` is a name; else 4 or 16 */

  bool seen;              /* there was a leaf ... */
  bool unreadable;        /* ... but Mbed TLS does not know its signature */
  bool matched;           /* it names the host */
  bool has_san;           /* the leaf has a subjectAltName */
  bool self_issued;       /* the certificate that is not trusted names itself */
  uint32_t flags;         /* MBEDTLS_X509_BADCERT_*, of the whole chain */
  mbedtls_x509_time date; /* the one that EXPIRED or FUTURE is about */
  char issuer[GCN__TLS_NAME_SIZE];   /* of the one that is not trusted */
  char san_name[GCN__TLS_NAME_SIZE]; /* the leaf's first dNSName */
};

/* NULL, or a constant text that says why `host` cannot be verified. */
const char* gcn__tls_verify_init(struct gcn__tls_verify* verify,
                                 const char* host);

/* Mbed TLS calls it for every certificate of the chain, the leaf last; `ctx` is
 * the struct above. */
int gcn__tls_verify_certificate(void* ctx, mbedtls_x509_crt* certificate,
                                int depth, uint32_t* flags);

/* Whether a dNSName entry names `host`; visible for tests. */
bool gcn__tls_name_matches(struct gcn__span pattern, struct gcn__span host);

#endif
