/* SPDX-License-Identifier: MIT */
/*
 * What the throw-away authority issues, read back by Mbed TLS's parser.
 */
#include "sim/pki.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>

struct parsed {
  mbedtls_x509_crt ca;
  mbedtls_x509_crt leaf;
};

static struct gcn__pki* pki;
static char certificate[GCN__PKI_PEM_SIZE_MAX];
static char key[GCN__PKI_PEM_SIZE_MAX];

static const char* const dns[] = {"localhost", "*.example.test"};
static const char* const ip[] = {"127.0.0.1", "2001:db8::1"};
static const struct gcn__pki_names names = {dns, 2, ip, 2};

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  return pki == NULL ? -1 : 0;
}

static int tear_down(void** state) {
  (void)state;
  gcn__pki_free(pki);
  gcn__pki_free(NULL);
  return 0;
}

static void parse(mbedtls_x509_crt* crt, const char* pem) {
  mbedtls_x509_crt_init(crt);
  assert_int_equal(
      mbedtls_x509_crt_parse(crt, (const unsigned char*)pem, strlen(pem) + 1),
      0);
}

static void issue(struct parsed* parsed, enum gcn__pki_flaw flaw) {
  assert_int_equal(gcn__pki_issue(pki, &names, flaw, certificate, key), 0);
  parse(&parsed->ca, gcn__pki_ca(pki));
  parse(&parsed->leaf, certificate);
}

static void release(struct parsed* parsed) {
  mbedtls_x509_crt_free(&parsed->leaf);
  mbedtls_x509_crt_free(&parsed->ca);
}

static uint32_t verify(struct parsed* parsed) {
  uint32_t flags = 0;
  mbedtls_x509_crt_verify(&parsed->leaf, &parsed->ca, NULL, NULL, &flags, NULL,
                          NULL);
  return flags;
}

static void the_authority_is_one(void** state) {
  (void)state;
  mbedtls_x509_crt ca;
  parse(&ca, gcn__pki_ca(pki));
  assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&ca), 1);
  assert_int_equal(
      mbedtls_x509_crt_check_key_usage(&ca, MBEDTLS_X509_KU_KEY_CERT_SIGN), 0);
  assert_int_equal(mbedtls_pk_get_bitlen(&ca.pk), 256);
  mbedtls_x509_crt_free(&ca);
  assert_null(strstr(gcn__pki_ca(pki), "PRIVATE"));
}

static void a_sound_leaf_names_all_in_order(void** state) {
  (void)state;
  struct parsed parsed;
  issue(&parsed, GCN__PKI_SOUND);
  assert_int_equal(verify(&parsed), 0);
  assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&parsed.leaf) == 1, 0);
  const unsigned char v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
  const struct {
    int type;
    const void* data;
    size_t size;
  } want[] = {
      {MBEDTLS_X509_SAN_DNS_NAME, "localhost", 9},
      {MBEDTLS_X509_SAN_DNS_NAME, "*.example.test", 14},
      {MBEDTLS_X509_SAN_IP_ADDRESS, "\x7f\x00\x00\x01", 4},
      {MBEDTLS_X509_SAN_IP_ADDRESS, v6, 16},
  };
  const mbedtls_x509_sequence* at = &parsed.leaf.subject_alt_names;
  for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
    assert_non_null(at);
    assert_int_equal(at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK, want[i].type);
    assert_int_equal(at->buf.len, want[i].size);
    assert_memory_equal(at->buf.p, want[i].data, want[i].size);
    at = at->next;
  }
  assert_null(at);
  release(&parsed);
}

static void the_key_fits_and_is_new_each_time(void** state) {
  (void)state;
  struct parsed parsed;
  issue(&parsed, GCN__PKI_SOUND);
  assert_non_null(strstr(key, "-----BEGIN EC PRIVATE KEY-----"));
  char first[GCN__PKI_PEM_SIZE_MAX];
  memcpy(first, key, sizeof(first));
  release(&parsed);
  issue(&parsed, GCN__PKI_SOUND);
  assert_string_not_equal(first, key);
  release(&parsed);
}

static void each_flaw_is_that_flaw_only(void** state) {
  (void)state;
  const struct {
    enum gcn__pki_flaw flaw;
    uint32_t flags;
    int has_san;
    int server_auth;
  } cases[] = {
      {GCN__PKI_SOUND, 0, 1, 1},
      {GCN__PKI_EXPIRED, MBEDTLS_X509_BADCERT_EXPIRED, 1, 1},
      {GCN__PKI_FUTURE, MBEDTLS_X509_BADCERT_FUTURE, 1, 1},
      {GCN__PKI_NO_SAN, 0, 0, 1},
      {GCN__PKI_SELF_SIGNED, MBEDTLS_X509_BADCERT_NOT_TRUSTED, 1, 1},
      {GCN__PKI_CLIENT_ONLY, 0, 1, 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    struct parsed parsed;
    issue(&parsed, cases[i].flaw);
    assert_int_equal(verify(&parsed), cases[i].flags);
    assert_int_equal(mbedtls_x509_crt_has_ext_type(
                         &parsed.leaf, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) != 0,
                     cases[i].has_san);
    const int refused = mbedtls_x509_crt_check_extended_key_usage(
        &parsed.leaf, MBEDTLS_OID_SERVER_AUTH,
        MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
    assert_int_equal(refused == 0, cases[i].server_auth);
    char subject[128];
    assert_true(mbedtls_x509_dn_gets(subject, sizeof(subject),
                                     &parsed.leaf.subject) > 0);
    assert_int_equal(strcmp(subject, "CN=localhost") == 0,
                     cases[i].flaw == GCN__PKI_NO_SAN);
    release(&parsed);
  }
}

static void bad_orders_are_refused(void** state) {
  (void)state;
  const char* const bad_ip[] = {"127.0.0.256"};
  const struct gcn__pki_names bad = {.ip = bad_ip, .ip_count = 1};
  assert_int_equal(gcn__pki_issue(pki, &bad, GCN__PKI_SOUND, certificate, key),
                   GCN__EINVAL);

  enum { MANY = 300 };
  const char* many[MANY];
  for (size_t i = 0; i < MANY; i++) {
    many[i] = "a-rather-long-name-that-fills-the-certificate.example.test";
  }
  /* Too many for the list, then for the PEM text. */
  struct gcn__pki_names full = {.dns = many, .dns_count = MANY};
  assert_int_equal(gcn__pki_issue(pki, &full, GCN__PKI_SOUND, certificate, key),
                   GCN_ETLS);
  full.dns_count = 200;
  assert_int_equal(gcn__pki_issue(pki, &full, GCN__PKI_SOUND, certificate, key),
                   GCN_ETLS);
  full.dns_count = 50;
  assert_int_equal(gcn__pki_issue(pki, &full, GCN__PKI_SOUND, certificate, key),
                   0);
}

static void a_leaf_may_go_without_names(void** state) {
  (void)state;
  const struct gcn__pki_names none = {.dns_count = 0};
  assert_int_equal(
      gcn__pki_issue(pki, &none, GCN__PKI_NO_SAN, certificate, key), 0);
  assert_int_equal(gcn__pki_issue(pki, &none, GCN__PKI_SOUND, certificate, key),
                   0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_authority_is_one),
      cmocka_unit_test(a_sound_leaf_names_all_in_order),
      cmocka_unit_test(the_key_fits_and_is_new_each_time),
      cmocka_unit_test(each_flaw_is_that_flaw_only),
      cmocka_unit_test(bad_orders_are_refused),
      cmocka_unit_test(a_leaf_may_go_without_names),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
