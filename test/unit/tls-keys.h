/* SPDX-License-Identifier: MIT */
/*
 * Keys that Mbed TLS cannot make, or not in the time of a test, and
 * certificates that it cannot write.  They were made for these tests with
 * openssl and protect nothing.
 */
#ifndef GCN_TEST_TLS_KEYS_H
#define GCN_TEST_TLS_KEYS_H

enum test_key {
  KEY_EC,           /* P-256 */
  KEY_EC_ENCRYPTED, /* the same, by PBES2 with AES-256-CBC and "sesame" */
  KEY_EC_OLD,       /* the same, by MD5 and Triple DES in PEM */
  KEY_RSA_4096,
  KEY_RSA_8192,
  KEY_ED25519,
  KEY_ED25519_SELF,  /* a certificate, self-signed */
  KEY_ED25519_BY_EC, /* a certificate, signed with another key by ECDSA */
  KEY_RSA_512,
  KEY_RSA_1024,
  KEY_RSA_2048,
  KEY_P192_BY_EC,      /* a certificate, by ECDSA with P-256 */
  KEY_SECP256K1_BY_EC, /* another one */
};

enum { TEST_KEY_SIZE = 8192 };

/* Writes the PEM text. */
void test_key_get(enum test_key key, char pem[TEST_KEY_SIZE]);

#endif
