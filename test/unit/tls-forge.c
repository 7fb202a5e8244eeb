/* SPDX-License-Identifier: MIT */
/*
 * Writes certificates through Mbed TLS with no policy at all.
 */
#include "tls-forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/rsa.h>

struct source {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
};

static void source_init(struct source* source) {
  mbedtls_entropy_init(&source->entropy);
  mbedtls_ctr_drbg_init(&source->random);
  assert_int_equal(mbedtls_ctr_drbg_seed(&source->random, mbedtls_entropy_func,
                                         &source->entropy, NULL, 0),
                   0);
}

static void source_deinit(struct source* source) {
  mbedtls_ctr_drbg_free(&source->random);
  mbedtls_entropy_free(&source->entropy);
}

static void make_key(struct source* source, mbedtls_pk_context* key,
                     const struct forgery* forgery) {
  if (forgery->key_pem != NULL) {
    assert_int_equal(
        mbedtls_pk_parse_key(key, (const unsigned char*)forgery->key_pem,
                             strlen(forgery->key_pem) + 1, NULL, 0,
                             mbedtls_ctr_drbg_random, &source->random),
        0);
    return;
  }
  const mbedtls_pk_type_t type =
      forgery->rsa_bits > 0 ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY;
  assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(type)), 0);
  int rc = 0;
  if (forgery->rsa_bits > 0) {
    rc = mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), mbedtls_ctr_drbg_random,
                             &source->random, forgery->rsa_bits, 65537);
  } else {
    const mbedtls_ecp_group_id curve = forgery->curve == MBEDTLS_ECP_DP_NONE
                                           ? MBEDTLS_ECP_DP_SECP256R1
                                           : forgery->curve;
    rc = mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*key),
                             mbedtls_ctr_drbg_random, &source->random);
  }
  assert_int_equal(rc, 0);
}

static void set_extensions(mbedtls_x509write_cert* writer,
                           const struct forgery* forgery) {
  int rc = 0;
  if (forgery->is_ca) {
    rc = mbedtls_x509write_crt_set_basic_constraints(writer, 1,
                                                     forgery->path_length);
  }
  assert_int_equal(rc, 0);
  if (forgery->key_usage != 0) {
    rc = mbedtls_x509write_crt_set_key_usage(writer, forgery->key_usage);
  }
  assert_int_equal(rc, 0);
  if (forgery->sans != NULL) {
    rc = mbedtls_x509write_crt_set_subject_alternative_name(writer,
                                                            forgery->sans);
  }
  assert_int_equal(rc, 0);
  if (forgery->critical_oid != NULL) {
    const unsigned char null[] = {0x05, 0x00};
    rc = mbedtls_x509write_crt_set_extension(writer, forgery->critical_oid,
                                             forgery->critical_oid_size, 1,
                                             null, sizeof(null));
  }
  assert_int_equal(rc, 0);
}

static void set_names(mbedtls_x509write_cert* writer, const char* subject,
                      const char* issuer) {
  char name[80];
  snprintf(name, sizeof(name), "CN=%s", subject);
  assert_int_equal(mbedtls_x509write_crt_set_subject_name(writer, name), 0);
  snprintf(name, sizeof(name), "CN=%s", issuer);
  assert_int_equal(mbedtls_x509write_crt_set_issuer_name(writer, name), 0);
}

static void write_pem(struct source* source, struct forged* forged,
                      const struct forgery* forgery) {
  struct forged* issuer = forgery->issuer == NULL ? forged : forgery->issuer;
  mbedtls_x509write_cert writer;
  mbedtls_x509write_crt_init(&writer);
  mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&writer, forgery->digest == MBEDTLS_MD_NONE
                                                ? MBEDTLS_MD_SHA256
                                                : forgery->digest);
  mbedtls_x509write_crt_set_subject_key(&writer, &forged->key);
  mbedtls_x509write_crt_set_issuer_key(&writer, &issuer->key);
  set_names(&writer, forged->name, issuer->name);
  unsigned char serial[] = {0x42};
  int rc = mbedtls_x509write_crt_set_serial_raw(&writer, serial, 1);
  assert_int_equal(rc, 0);
  rc = mbedtls_x509write_crt_set_validity(
      &writer, "20200101000000",
      forgery->until == NULL ? "20991231235959" : forgery->until);
  assert_int_equal(rc, 0);
  set_extensions(&writer, forgery);
  rc = mbedtls_x509write_crt_pem(&writer, (unsigned char*)forged->pem,
                                 sizeof(forged->pem), mbedtls_ctr_drbg_random,
                                 &source->random);
  assert_int_equal(rc, 0);
  mbedtls_x509write_crt_free(&writer);
}

void forge(struct forged* forged, const struct forgery* forgery) {
  struct source source;
  source_init(&source);
  snprintf(forged->name, sizeof(forged->name), "%s", forgery->name);
  mbedtls_pk_init(&forged->key);
  make_key(&source, &forged->key, forgery);
  write_pem(&source, forged, forgery);
  assert_int_equal(mbedtls_pk_write_key_pem(&forged->key,
                                            (unsigned char*)forged->key_pem,
                                            sizeof(forged->key_pem)),
                   0);
  source_deinit(&source);
}

void forge_again(struct forged* forged, const struct forgery* forgery) {
  struct source source;
  source_init(&source);
  write_pem(&source, forged, forgery);
  source_deinit(&source);
}

void forged_free(struct forged* forged) {
  mbedtls_pk_free(&forged->key);
}
