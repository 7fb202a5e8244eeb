/* SPDX-License-Identifier: MIT */
/*
 * Certificates that sim/pki does not issue: other keys, weak digests, chains,
 * odd extensions.  For the tests of the TLS codec.
 */
#ifndef GCN_TEST_TLS_FORGE_H
#define GCN_TEST_TLS_FORGE_H

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

enum { FORGE_PEM_SIZE = 128 << 10 };

struct forged {
  char name[64];
  mbedtls_pk_context key;
  char pem[FORGE_PEM_SIZE];
  char key_pem[8192];
};

struct forgery {
  const char* name;      /* the common name */
  struct forged* issuer; /* NULL: itself */
  mbedtls_ecp_group_id curve;
  unsigned rsa_bits;        /* not 0: RSA instead */
  const char* key_pem;      /* not NULL: this key instead */
  mbedtls_md_type_t digest; /* 0: SHA-256 */
  const char* from;         /* NULL: 2020 */
  const char* until;        /* NULL: 2099 */
  int is_ca;
  int path_length;    /* of a CA; -1: any */
  unsigned key_usage; /* 0: no such extension */
  const mbedtls_x509_san_list* sans;
  int client_only;          /* an extended key usage: clientAuth */
  const char* critical_oid; /* not NULL: a critical extension ... */
  size_t critical_oid_size;
  const char* extension; /* ... that holds this; NULL: an ASN.1 NULL */
  size_t extension_size;
  int optional; /* it is not critical after all */
};

/* Every certificate here has this serial number, which serves those who revoke
 * one by its issuer and number. */
enum { FORGED_SERIAL = 0x42 };

/* Fails the test if Mbed TLS refuses. */
void forge(struct forged* forged, const struct forgery* forgery);
/* The same key in another certificate. */
void forge_again(struct forged* forged, const struct forgery* forgery);
/* A list of revoked certificates by this issuer, PEM; `until` as above. */
void forge_list(const struct forged* issuer, unsigned char serial,
                const char* until, char* pem, size_t size);
void forged_free(struct forged* forged);

#endif
