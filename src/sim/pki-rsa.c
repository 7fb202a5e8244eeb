/* SPDX-License-Identifier: MIT */
/*
 * The RSA chain, by Mbed TLS's certificate writer.
 */
#include "sim/pki-rsa.h"

#include "base/err.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

enum { KEY_BITS = 2048, EXPONENT = 65537 };

#define ROOT   "O=gcnotify,CN=gcnotify bench root"
#define ISSUER "O=gcnotify,CN=gcnotify bench issuer"
#define LEAF   "O=gcnotify,CN=gcnotify bench"

struct maker {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_pk_context key;
};

struct names {
  const char* subject;
  const char* issuer;
  int depth; /* of authorities below; -1: none itself */
};

static int set_names(mbedtls_x509write_cert* writer) {
  unsigned char ip[] = {127, 0, 0, 1};
  char host[] = "localhost";
  mbedtls_x509_san_list second = {
      .node = {.type = MBEDTLS_X509_SAN_DNS_NAME,
               .san.unstructured_name = {.p = (unsigned char*)host,
                                         .len = sizeof host - 1}}};
  const mbedtls_x509_san_list first = {
      .node = {.type = MBEDTLS_X509_SAN_IP_ADDRESS,
               .san.unstructured_name = {.p = ip, .len = sizeof ip}},
      .next = &second};
  return mbedtls_x509write_crt_set_subject_alternative_name(writer, &first);
}

static int describe(struct maker* maker, mbedtls_x509write_cert* writer,
                    const struct names* names) {
  unsigned char serial[] = {0x40, (unsigned char)(names->depth + 2)};
  bool authority = names->depth >= 0;
  mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(writer, &maker->key);
  mbedtls_x509write_crt_set_issuer_key(writer, &maker->key);
  int rc = mbedtls_x509write_crt_set_subject_name(writer, names->subject);
  if (rc == 0)
    rc = mbedtls_x509write_crt_set_issuer_name(writer, names->issuer);
  if (rc == 0) {
    rc = mbedtls_x509write_crt_set_validity(writer, "20200101000000",
                                            "20991231235959");
  }
  if (rc == 0) {
    rc = mbedtls_x509write_crt_set_serial_raw(writer, serial, sizeof serial);
  }
  if (rc == 0) {
    rc = mbedtls_x509write_crt_set_basic_constraints(writer, authority,
                                                     names->depth);
  }
  if (rc == 0) {
    rc = mbedtls_x509write_crt_set_key_usage(
        writer, authority ? MBEDTLS_X509_KU_KEY_CERT_SIGN
                          : MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
  }
  return rc == 0 && !authority ? set_names(writer) : rc;
}

static int write_one(struct maker* maker, const struct names* names, char* pem,
                     size_t size) {
  mbedtls_x509write_cert writer;
  mbedtls_x509write_crt_init(&writer);
  int rc = describe(maker, &writer, names);
  if (rc == 0) {
    rc = mbedtls_x509write_crt_pem(&writer, (unsigned char*)pem, size,
                                   mbedtls_ctr_drbg_random, &maker->random);
  }
  mbedtls_x509write_crt_free(&writer);
  return rc;
}

static int generate(struct maker* maker) {
  if (psa_crypto_init() != PSA_SUCCESS) return GCN_EENTROPY;
  int rc = mbedtls_ctr_drbg_seed(&maker->random, mbedtls_entropy_func,
                                 &maker->entropy, NULL, 0);
  if (rc != 0) return rc;
  rc = mbedtls_pk_setup(&maker->key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA));
  if (rc != 0) return rc;
  return mbedtls_rsa_gen_key(mbedtls_pk_rsa(maker->key),
                             mbedtls_ctr_drbg_random, &maker->random, KEY_BITS,
                             EXPONENT);
}

static int write_all(struct maker* maker, struct gcn__pki_rsa* out) {
  static const struct names root = {ROOT, ROOT, 1};
  static const struct names issuer = {ISSUER, ROOT, 0};
  static const struct names leaf = {LEAF, ISSUER, -1};
  int rc = write_one(maker, &root, out->ca, sizeof out->ca);
  if (rc == 0) rc = write_one(maker, &leaf, out->chain, GCN__PKI_PEM_SIZE_MAX);
  if (rc != 0) return rc;
  char* rest = out->chain + strlen(out->chain);
  rc = write_one(maker, &issuer, rest, GCN__PKI_PEM_SIZE_MAX);
  if (rc != 0) return rc;
  return mbedtls_pk_write_key_pem(&maker->key, (unsigned char*)out->key,
                                  sizeof out->key);
}

int gcn__pki_rsa_make(struct gcn__pki_rsa* out) {
  struct maker maker;
  mbedtls_entropy_init(&maker.entropy);
  mbedtls_ctr_drbg_init(&maker.random);
  mbedtls_pk_init(&maker.key);
  int rc = generate(&maker);
  if (rc == 0) rc = write_all(&maker, out);
  mbedtls_pk_free(&maker.key);
  mbedtls_ctr_drbg_free(&maker.random);
  mbedtls_entropy_free(&maker.entropy);
  return rc == 0 ? 0 : GCN_ETLS;
}
