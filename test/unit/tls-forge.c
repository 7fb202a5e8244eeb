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
#include <mbedtls/asn1write.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
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
    const char* value = forgery->extension;
    size_t size = forgery->extension_size;
    if (value == NULL) {
      value = "\x05\x00";
      size = 2;
    }
    rc = mbedtls_x509write_crt_set_extension(
        writer, forgery->critical_oid, forgery->critical_oid_size,
        !forgery->optional, (const unsigned char*)value, size);
  }
  assert_int_equal(rc, 0);
}

static void set_client_only(mbedtls_x509write_cert* writer) {
  unsigned char oid[] = MBEDTLS_OID_CLIENT_AUTH;
  mbedtls_asn1_sequence purpose = {
      .buf = {.tag = MBEDTLS_ASN1_OID, .len = sizeof(oid) - 1, .p = oid}};
  assert_int_equal(mbedtls_x509write_crt_set_ext_key_usage(writer, &purpose),
                   0);
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
  unsigned char serial[] = {FORGED_SERIAL};
  int rc = mbedtls_x509write_crt_set_serial_raw(&writer, serial, 1);
  assert_int_equal(rc, 0);
  rc = mbedtls_x509write_crt_set_validity(
      &writer, forgery->from == NULL ? "20200101000000" : forgery->from,
      forgery->until == NULL ? "20991231235959" : forgery->until);
  assert_int_equal(rc, 0);
  set_extensions(&writer, forgery);
  if (forgery->client_only) set_client_only(&writer);
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

/* Mbed TLS writes from the back to the front, and cannot write lists. */
struct writer {
  unsigned char bytes[2048];
  unsigned char* at;
};

static void put(int size) {
  assert_true(size >= 0);
}

static void put_raw(struct writer* writer, const void* data, size_t size) {
  put(mbedtls_asn1_write_raw_buffer(&writer->at, writer->bytes, data, size));
}

static void wrap(struct writer* writer, const unsigned char* end, int tag) {
  size_t size = (size_t)(end - writer->at);
  put(mbedtls_asn1_write_len(&writer->at, writer->bytes, size));
  put(mbedtls_asn1_write_tag(&writer->at, writer->bytes, (unsigned char)tag));
}

enum { SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE };

static void put_time(struct writer* writer, const char* time) {
  const unsigned char* end = writer->at;
  put_raw(writer, "Z", 1);
  put_raw(writer, time, strlen(time));
  wrap(writer, end, MBEDTLS_ASN1_GENERALIZED_TIME);
}

static void put_algorithm(struct writer* writer) {
  put(mbedtls_asn1_write_algorithm_identifier(
      &writer->at, writer->bytes, MBEDTLS_OID_ECDSA_SHA256,
      MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256), 0));
}

static void put_issuer(struct writer* writer, const struct forged* issuer) {
  mbedtls_x509_crt certificate;
  mbedtls_x509_crt_init(&certificate);
  assert_int_equal(mbedtls_x509_crt_parse(&certificate,
                                          (const unsigned char*)issuer->pem,
                                          strlen(issuer->pem) + 1),
                   0);
  put_raw(writer, certificate.subject_raw.p, certificate.subject_raw.len);
  mbedtls_x509_crt_free(&certificate);
}

static void put_entry(struct writer* writer, unsigned char serial) {
  const unsigned char* end = writer->at;
  put_time(writer, "20200202000000");
  put_raw(writer, &serial, 1);
  put_raw(writer, "\x02\x01", 2);
  wrap(writer, end, SEQUENCE);
  wrap(writer, end, SEQUENCE);
}

/* RFC 5280 §5.1.2, what is signed. */
static void put_list(struct writer* writer, const struct forged* issuer,
                     unsigned char serial, const char* until) {
  const unsigned char* end = writer->at;
  put_entry(writer, serial);
  put_time(writer, until == NULL ? "20991231235959" : until);
  put_time(writer, "20200101000000");
  put_issuer(writer, issuer);
  put_algorithm(writer);
  put_raw(writer, "\x02\x01\x01", 3); /* version 2 */
  wrap(writer, end, SEQUENCE);
}

static size_t sign(struct source* source, const struct forged* issuer,
                   const unsigned char* data, size_t size,
                   unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE]) {
  unsigned char hash[32];
  size_t signature_size = 0;
  assert_int_equal(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
                              data, size, hash),
                   0);
  mbedtls_pk_context key = issuer->key;
  assert_int_equal(mbedtls_pk_sign(&key, MBEDTLS_MD_SHA256, hash, sizeof(hash),
                                   signature, MBEDTLS_PK_SIGNATURE_MAX_SIZE,
                                   &signature_size, mbedtls_ctr_drbg_random,
                                   &source->random),
                   0);
  return signature_size;
}

void forge_list(const struct forged* issuer, unsigned char serial,
                const char* until, char* pem, size_t size) {
  struct source source;
  source_init(&source);
  struct writer list;
  list.at = list.bytes + sizeof(list.bytes);
  put_list(&list, issuer, serial, until);
  const size_t list_size = (size_t)(list.bytes + sizeof(list.bytes) - list.at);
  unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
  const size_t signature_size =
      sign(&source, issuer, list.at, list_size, signature);

  struct writer whole;
  const unsigned char* end = whole.bytes + sizeof(whole.bytes);
  whole.at = whole.bytes + sizeof(whole.bytes);
  put(mbedtls_asn1_write_bitstring(&whole.at, whole.bytes, signature,
                                   8 * signature_size));
  put_algorithm(&whole);
  put_raw(&whole, list.at, list_size);
  wrap(&whole, end, SEQUENCE);
  size_t used = 0;
  assert_int_equal(mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n",
                                            "-----END X509 CRL-----\n",
                                            whole.at, (size_t)(end - whole.at),
                                            (unsigned char*)pem, size, &used),
                   0);
  source_deinit(&source);
}
