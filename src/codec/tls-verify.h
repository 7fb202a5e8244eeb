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
  /* More of them than a chain can have issuers: Mbed TLS's limit is 8 and the
   * anchor. */
  GCN__TLS_CONSTRAINT_COUNT_MAX = 16,
};

/* Why the issuer of a certificate does not count. */
enum gcn__tls_distrust {
  GCN__TLS_ISSUER_UNKNOWN,   /* neither trusted nor sent */
  GCN__TLS_ISSUER_ITSELF,    /* it says that it issued itself */
  GCN__TLS_ISSUER_OTHER_KEY, /* one of that name did not sign it */
  GCN__TLS_ISSUER_NO_CA,     /* it is no authority */
  GCN__TLS_ISSUER_NO_SIGNER, /* its key is not for certificates */
  GCN__TLS_ISSUER_TOO_HIGH,  /* its path length is exceeded */
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
  uint32_t flags;         /* MBEDTLS_X509_BADCERT_*, of the whole chain */
  size_t rsa_bits;        /* of the chain's shortest RSA key; 0: none */
  mbedtls_x509_time date; /* the one that EXPIRED or FUTURE is about */
  char dated[GCN__TLS_NAME_SIZE];    /* whose it is; "": the leaf's */
  char issuer[GCN__TLS_NAME_SIZE];   /* of the one that is not trusted */
  char san_name[GCN__TLS_NAME_SIZE]; /* the leaf's first dNSName */
  enum gcn__tls_distrust distrust;
  /* The lowest certificate that is not trusted, while the chain is verified. */
  const mbedtls_x509_crt* distrusted;
  int distrusted_depth;

  /* May be NULL.  Only looked at to say why an issuer does not count. */
  const mbedtls_x509_crt* anchors;
  /* Of the chain's issuers, the content of their nameConstraints; valid while
   * the chain is verified. */
  mbedtls_asn1_buf constraints[GCN__TLS_CONSTRAINT_COUNT_MAX];
  size_t constraint_count;
  bool constrained; /* they do not allow the host or a name of the leaf */
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
