/* SPDX-License-Identifier: MIT */
/*
 * Which certificates are accepted for which hosts, and what the refusals say:
 * our policy, FAULTS §9.1.
 */
#include "codec/tls-verify.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "codec/tls-text.h"
#include "tls-forge.h"
#include "tls-keys.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <mbedtls/pem.h>

static struct gcn__pki* pki;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  return pki == NULL ? -1 : 0;
}

static int tear_down(void** state) {
  (void)state;
  gcn__pki_free(pki);
  return 0;
}

/* Runs one handshake; `refusal` NULL: it has to succeed. */
static void judge(struct gcn__tls_config* client,
                  struct gcn__tls_config* server, const char* host,
                  const char* refusal) {
  struct pair pair;
  pair_init(&pair, client, server, host);
  pair_pump(&pair);
  if (refusal == NULL) {
    assert_string_equal(gcn__tls_error(pair.client.tls), "");
    assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
  } else {
    assert_failed(&pair.client, GCN_ETLSVERIFY, refusal);
    assert_string_equal(gcn__tls_version(pair.client.tls), "");
    assert_int_not_equal(gcn__tls_state(pair.server.tls), GCN__TLS_OPEN);
  }
  assert_int_equal(gcn__buf_size(&pair.client.plain), 0);
  pair_deinit(&pair);
}

static void each_flaw_has_its_own_text(void** state) {
  (void)state;
  const struct {
    enum gcn__pki_flaw flaw;
    const char* refusal;
  } flaws[] = {
      {GCN__PKI_SOUND, NULL},
      {GCN__PKI_EXPIRED, "expired on 2021-01-01; check the local clock"},
      {GCN__PKI_FUTURE, "not valid before 2090-01-01; check the local clock"},
      {GCN__PKI_NO_SAN, "no subjectAltName"},
      {GCN__PKI_SELF_SIGNED, "self-signed by 'O=gcnotify, CN=gcnotify sim"},
      {GCN__PKI_CLIENT_ONLY, "not meant for a TLS server"},
  };
  for (size_t i = 0; i < sizeof(flaws) / sizeof(*flaws); i++) {
    struct site site;
    site_init(&site, pki, NULL, flaws[i].flaw);
    judge(site.client, site.server, HOST, flaws[i].refusal);
    struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
    judge(old, site.server, HOST, flaws[i].refusal);
    gcn__tls_config_release(old);
    site_deinit(&site);
  }
}

static void an_unknown_issuer_is_named(void** state) {
  (void)state;
  struct gcn__pki* other = gcn__pki_new();
  assert_non_null(other);
  struct site site;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  struct gcn__tls_config* stranger = client_config(gcn__pki_ca(other), false);
  judge(stranger, site.server, HOST,
        "issued by 'O=gcnotify, CN=gcnotify simulator CA', which is not "
        "trusted; name a CA file");
  gcn__tls_config_release(stranger);
  site_deinit(&site);
  gcn__pki_free(other);
}

struct host_case {
  const char* host;
  const char* refusal;
};

static void judge_hosts(const struct gcn__pki_names* names,
                        const struct host_case* cases, size_t count) {
  struct site site;
  site_init(&site, pki, names, GCN__PKI_SOUND);
  for (size_t i = 0; i < count; i++) {
    judge(site.client, site.server, cases[i].host, cases[i].refusal);
  }
  site_deinit(&site);
}

#define JUDGE_HOSTS(names, cases)                                              \
  judge_hosts(names, cases, sizeof(cases) / sizeof(*(cases)))

static void names_match_dns_entries(void** state) {
  (void)state;
  const struct host_case cases[] = {
      {"localhost", NULL},
      {"LocalHost", NULL},
      {"a.example.test", NULL},
      {"A.EXAMPLE.test", NULL},
      {"xn--bcher-kva.example.test", NULL},
      {"example.test", "not for host 'example.test' but for 'localhost'"},
      {"a.b.example.test", "not for host 'a.b.example.test'"},
      {"localhost.evil.test", "not for host"},
      {"evil-localhost", "not for host"},
      {"example.test.evil.test", "not for host"},
  };
  JUDGE_HOSTS(NULL, cases);
}

static void addresses_match_address_entries(void** state) {
  (void)state;
  const struct host_case cases[] = {
      {"127.0.0.1", NULL},
      {"::1", NULL},
      {"[::1]", NULL},
      {"0:0:0:0:0:0:0:1", NULL},
      {"127.0.0.2", "not for host '127.0.0.2'"},
      {"::2", "not for host '::2'"},
      {"::ffff:127.0.0.1", "not for host"},
  };
  JUDGE_HOSTS(NULL, cases);
}

static void an_address_in_a_dns_entry_does_not_count(void** state) {
  (void)state;
  const char* const dns[] = {"127.0.0.1", "::1", "*.0.0.1"};
  const struct gcn__pki_names names = {.dns = dns, .dns_count = 3};
  const struct host_case cases[] = {
      {"127.0.0.1", "no iPAddress entry"},
      {"::1", "no iPAddress entry"},
  };
  JUDGE_HOSTS(&names, cases);
}

static void wildcards_are_whole_leftmost_labels(void** state) {
  (void)state;
  const char* const dns[] = {"*.test", "b*.example.test", "c.*.example.test",
                             "*", "*.*.example.test"};
  const struct gcn__pki_names names = {.dns = dns, .dns_count = 5};
  const struct host_case cases[] = {
      {"localhost.test", "not for host"},
      {"bar.example.test", "not for host"},
      {"c.d.example.test", "not for host"},
      {"localhost", "not for host"},
      {"x.y.example.test", "not for host"},
  };
  JUDGE_HOSTS(&names, cases);
}

static void some_hosts_no_certificate_can_prove(void** state) {
  (void)state;
  char large[300];
  memset(large, 'a', sizeof(large));
  large[sizeof(large) - 1] = '\0';
  const struct host_case cases[] = {
      {"", "the name is empty"},
      {"localhost.", "ends in a dot"},
      {".localhost", "has an empty label"},
      {"a..example.test", "has an empty label"},
      {"*.example.test", "no host name has"},
      {"local host", "no host name has"},
      {"local\nhost", "host 'local?host'"},
      {"127.1", "looks like an address"},
      {"1.2.3.0x7f", "looks like an address"},
      {"127.0.0.1.", "ends in a dot"},
      {large, "over 253 bytes"},
  };
  JUDGE_HOSTS(NULL, cases);
}

static void the_matcher_knows_its_edges(void** state) {
  (void)state;
  const struct {
    struct gcn__span pattern;
    const char* host;
    bool match;
  } cases[] = {
      {GCN__SPAN("a.test"), "a.test", true},
      {GCN__SPAN("a.test."), "a.test", false},
      {GCN__SPAN("a.test\0.b.test"), "a.test", false},
      {GCN__SPAN(""), "", false},
      {GCN__SPAN("*.a.test"), "b.a.test", true},
      {GCN__SPAN("*.a.test"), ".a.test", false},
      {GCN__SPAN("*.a.test"), "a.test", false},
      {GCN__SPAN("*.a.test."), "b.a.test", false},
      {GCN__SPAN("*.a..test"), "b.a..test", false},
      {GCN__SPAN("*.a."), "b.a.", false},
      {GCN__SPAN("*."), "b.", false},
      {GCN__SPAN("*.test"), "a.test", false},
      {GCN__SPAN("*..test"), "a..test", false},
      {GCN__SPAN("*a.b.test"), "aa.b.test", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    assert_int_equal(
        gcn__tls_name_matches(cases[i].pattern, gcn__span_str(cases[i].host)),
        cases[i].match);
  }
}

/* Two issuers and a leaf, the pieces of a chain. */
struct chain {
  struct forged root;
  struct forged middle;
  struct forged leaf;
};

static struct chain chain; /* too large for a stack */
static char joined[3 * FORGE_PEM_SIZE];
static mbedtls_x509_san_list one_san;

static const mbedtls_x509_san_list* san_of(int type, const char* data,
                                           size_t size) {
  static unsigned char copy[64];
  assert_true(size <= sizeof(copy));
  memcpy(copy, data, size);
  one_san.node.type = type;
  one_san.node.san.unstructured_name.p = copy;
  one_san.node.san.unstructured_name.len = size;
  return &one_san;
}

static const mbedtls_x509_san_list* localhost_san(void) {
  return san_of(MBEDTLS_X509_SAN_DNS_NAME, HOST, strlen(HOST));
}

/* What to change in an otherwise good chain. */
struct forgeries {
  struct forgery root;
  struct forgery middle;
  struct forgery leaf;
};

static struct forgeries good_chain(void) {
  return (struct forgeries){
      .root = {.name = "Root", .is_ca = 1, .path_length = -1},
      .middle = {.name = "Middle",
                 .issuer = &chain.root,
                 .is_ca = 1,
                 .path_length = 0},
      .leaf = {.name = "Leaf",
               .issuer = &chain.middle,
               .sans = localhost_san()},
  };
}

static void forge_chain(const struct forgeries* forgeries) {
  forge(&chain.root, &forgeries->root);
  forge(&chain.middle, &forgeries->middle);
  forge(&chain.leaf, &forgeries->leaf);
}

static void free_chain(void) {
  forged_free(&chain.leaf);
  forged_free(&chain.middle);
  forged_free(&chain.root);
}

/* `sent` is what the server shows. */
static void judge_sent(const char* sent, const char* refusal) {
  struct gcn__tls_config* server = server_config(sent, chain.leaf.key_pem);
  for (int old = 0; old < 2; old++) {
    struct gcn__tls_config* client = client_config(chain.root.pem, old == 1);
    judge(client, server, HOST, refusal);
    gcn__tls_config_release(client);
  }
  gcn__tls_config_release(server);
}

static void judge_chain(const struct forgeries* forgeries,
                        const char* refusal) {
  forge_chain(forgeries);
  snprintf(joined, sizeof(joined), "%s%s", chain.leaf.pem, chain.middle.pem);
  judge_sent(joined, refusal);
  free_chain();
}

static void chains_are_followed(void** state) {
  (void)state;
  struct forgeries good = good_chain();
  judge_chain(&good, NULL);
  forge_chain(&good);
  judge_sent(chain.leaf.pem, "issued by 'CN=Middle'");
  /* In the wrong order and with the root, which nobody asked for. */
  snprintf(joined, sizeof(joined), "%s%s%s", chain.leaf.pem, chain.root.pem,
           chain.middle.pem);
  judge_sent(joined, NULL);
  free_chain();
}

static void bad_issuers_are_refused(void** state) {
  (void)state;
  struct forgeries no_ca = good_chain();
  no_ca.middle.is_ca = 0;
  judge_chain(&no_ca, "not trusted");
  struct forgeries expired = good_chain();
  expired.middle.until = "20210101000000";
  judge_chain(&expired, "expired on 2021-01-01");
  struct forgeries weak = good_chain();
  weak.middle.rsa_bits = 1024;
  judge_chain(&weak, "RSA of 2048");
  struct forgeries no_signing = good_chain();
  no_signing.middle.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
  judge_chain(&no_signing, "not trusted");
}

static void a_path_length_is_kept(void** state) {
  (void)state;
  struct forgeries forgeries = good_chain();
  forgeries.root.path_length = 0; /* leaves no room for the middle one */
  judge_chain(&forgeries, "not trusted");
}

static void keys_and_digests_have_a_minimum(void** state) {
  (void)state;
  struct forgeries sha1 = good_chain();
  sha1.leaf.digest = MBEDTLS_MD_SHA1;
  judge_chain(&sha1, "SHA-256 or better");
  struct forgeries weak = good_chain();
  weak.leaf.rsa_bits = 1024;
  judge_chain(&weak, "RSA of 2048");
  struct forgeries rsa = good_chain();
  rsa.leaf.rsa_bits = 2048;
  judge_chain(&rsa, NULL);
}

static void the_nist_curves_are_accepted(void** state) {
  (void)state;
  const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP384R1,
                                         MBEDTLS_ECP_DP_SECP521R1};
  for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
    struct forgeries forgeries = good_chain();
    forgeries.leaf.curve = curves[i];
    forgeries.leaf.digest = MBEDTLS_MD_SHA384;
    judge_chain(&forgeries, NULL);
  }
}

static void key_usage_is_heeded(void** state) {
  (void)state;
  struct forgeries usage = good_chain();
  usage.leaf.key_usage = MBEDTLS_X509_KU_KEY_AGREEMENT;
  judge_chain(&usage, "not meant for a TLS server");
}

static int accept_extension(void* ctx, const mbedtls_x509_crt* certificate,
                            const mbedtls_x509_buf* oid, int critical,
                            const unsigned char* begin,
                            const unsigned char* end) {
  (void)ctx;
  (void)certificate;
  (void)oid;
  (void)critical;
  (void)begin;
  (void)end;
  return 0;
}

static void append_der(mbedtls_x509_crt* to, const char* text) {
  mbedtls_pem_context pem;
  mbedtls_pem_init(&pem);
  size_t used = 0;
  int rc = mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----",
                                   "-----END CERTIFICATE-----",
                                   (const unsigned char*)text, NULL, 0, &used);
  assert_int_equal(rc, 0);
  size_t size = 0;
  const unsigned char* der = mbedtls_pem_get_buffer(&pem, &size);
  rc = mbedtls_x509_crt_parse_der_with_ext_cb(to, der, size, 1,
                                              accept_extension, NULL);
  assert_int_equal(rc, 0);
  mbedtls_pem_free(&pem);
}

/* A server that shows what Mbed TLS itself does not parse. */
static void judge_unreadable(const struct forgeries* bad, const char* refusal) {
  const struct forgeries good = good_chain();
  forge_chain(&good);
  struct gcn__tls_config* server =
      server_config(chain.leaf.pem, chain.leaf.key_pem);
  forge_again(&chain.middle, &bad->middle);
  forge_again(&chain.leaf, &bad->leaf);
  mbedtls_x509_crt_free(&server->base->material->certificates);
  mbedtls_x509_crt_init(&server->base->material->certificates);
  append_der(&server->base->material->certificates, chain.leaf.pem);
  append_der(&server->base->material->certificates, chain.middle.pem);
  struct gcn__tls_config* client = client_config(chain.root.pem, false);
  judge(client, server, HOST, refusal);
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
  free_chain();
}

static void unknown_critical_extensions_are_refused(void** state) {
  (void)state;
  /* 1.2.3.4 is nobody's; 2.5.29.30 is nameConstraints. */
  struct forgeries unknown = good_chain();
  unknown.leaf.critical_oid = "\x2a\x03\x04";
  unknown.leaf.critical_oid_size = 3;
  judge_unreadable(&unknown, "unsupported critical extension");
  struct forgeries constrained = good_chain();
  constrained.middle.critical_oid = "\x55\x1d\x1e";
  constrained.middle.critical_oid_size = 3;
  judge_unreadable(&constrained, "critical name constraints");
}

static void odd_names_prove_nothing(void** state) {
  (void)state;
  struct forgeries forgeries = good_chain();
  forgeries.leaf.name = HOST;
  forgeries.leaf.sans = san_of(MBEDTLS_X509_SAN_DNS_NAME, "other.test", 10);
  judge_chain(&forgeries, "not for host 'localhost' but for 'other.test'");
  forgeries.leaf.sans =
      san_of(MBEDTLS_X509_SAN_DNS_NAME, "localhost\0.evil.test", 20);
  judge_chain(&forgeries, "but for 'localhost?.evil.test'");
  /* Mbed TLS alone would take this one. */
  forgeries.leaf.sans =
      san_of(MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER, HOST, 9);
  judge_chain(&forgeries, "not for host 'localhost'");
  forgeries.leaf.sans = NULL;
  judge_chain(&forgeries, "no subjectAltName");
}

/* Larger keys are slow and fine. */
static void large_rsa_keys_are_accepted(void** state) {
  (void)state;
  const enum test_key keys[] = {KEY_RSA_4096, KEY_RSA_8192};
  for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
    char pem[TEST_KEY_SIZE];
    test_key_get(keys[i], pem);
    struct forgeries forgeries = good_chain();
    forgeries.leaf.key_pem = pem;
    judge_chain(&forgeries, NULL);
    forgeries.leaf.sans = san_of(MBEDTLS_X509_SAN_DNS_NAME, "other.test", 10);
    judge_chain(&forgeries, "not for host 'localhost' but for 'other.test'");
  }
}

/* A server that shows a certificate which Mbed TLS 3.6 cannot read.  (One of
 * OpenSSL's gives up when it sees what we can verify.) */
static void judge_ed25519(enum test_key kind, bool old) {
  struct site site;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  char text[TEST_KEY_SIZE];
  test_key_get(kind, text);
  mbedtls_pem_context pem;
  mbedtls_pem_init(&pem);
  size_t size = 0;
  const char* const begin = "-----BEGIN CERTIFICATE-----";
  const char* const end = "-----END CERTIFICATE-----";
  const unsigned char* from = (const unsigned char*)text;
  assert_int_equal(
      mbedtls_pem_read_buffer(&pem, begin, end, from, NULL, 0, &size), 0);
  const unsigned char* der = mbedtls_pem_get_buffer(&pem, &size);
  mbedtls_x509_buf* raw = &site.server->base->material->certificates.raw;
  assert_true(size <= raw->len);
  memcpy(raw->p, der, size);
  raw->len = size;
  mbedtls_pem_free(&pem);
  struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), old);
  judge(client, site.server, HOST, "not supported (Ed25519 is one)");
  gcn__tls_config_release(client);
  site_deinit(&site);
}

static void ed25519_certificates_are_named(void** state) {
  (void)state;
  judge_ed25519(KEY_ED25519_BY_EC, false);
  judge_ed25519(KEY_ED25519_BY_EC, true);
}

/* Mbed TLS 3.6 passes over a certificate with an unknown signature, a self-made
 * one for example, and then verifies an empty one.  That is done by hand here,
 * because its memcmp() of nothing makes sanitizers speak up. */
static void an_empty_certificate_proves_nothing(void** state) {
  (void)state;
  struct gcn__tls_verify verify;
  assert_null(gcn__tls_verify_init(&verify, HOST));
  mbedtls_x509_crt empty;
  mbedtls_x509_crt_init(&empty);
  uint32_t flags = MBEDTLS_X509_BADCERT_NOT_TRUSTED;
  assert_int_equal(gcn__tls_verify_certificate(&verify, &empty, 0, &flags), 0);
  assert_false(verify.matched);
  assert_true((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0);
  const struct gcn__tls_fault fault = {.detail =
                                           MBEDTLS_ERR_X509_CERT_VERIFY_FAILED,
                                       .verify = &verify,
                                       .flags = flags};
  char text[GCN__TLS_TEXT_SIZE];
  assert_int_equal(gcn__tls_judge(&fault, text), GCN_ETLSVERIFY);
  assert_non_null(strstr(text, "not supported (Ed25519 is one)"));
}

static void no_common_kind_of_key_is_named(void** state) {
  (void)state;
  struct site site;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  struct pair pair;
  pair_init(&pair, site.client, site.server, HOST);
  end_feed(&pair.client, GCN__SPAN(""));
  /* What OpenSSL's server answers if all it has is an Ed25519 key. */
  end_feed(&pair.client, GCN__SPAN("\x15\x03\x03\x00\x02\x02\x28"));
  assert_failed(&pair.client, GCN_ETLS, "(Ed25519 is not supported)");
  pair_deinit(&pair);
  site_deinit(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_flaw_has_its_own_text),
      cmocka_unit_test(an_unknown_issuer_is_named),
      cmocka_unit_test(names_match_dns_entries),
      cmocka_unit_test(addresses_match_address_entries),
      cmocka_unit_test(an_address_in_a_dns_entry_does_not_count),
      cmocka_unit_test(wildcards_are_whole_leftmost_labels),
      cmocka_unit_test(some_hosts_no_certificate_can_prove),
      cmocka_unit_test(the_matcher_knows_its_edges),
      cmocka_unit_test(chains_are_followed),
      cmocka_unit_test(bad_issuers_are_refused),
      cmocka_unit_test(a_path_length_is_kept),
      cmocka_unit_test(keys_and_digests_have_a_minimum),
      cmocka_unit_test(the_nist_curves_are_accepted),
      cmocka_unit_test(key_usage_is_heeded),
      cmocka_unit_test(unknown_critical_extensions_are_refused),
      cmocka_unit_test(odd_names_prove_nothing),
      cmocka_unit_test(large_rsa_keys_are_accepted),
      cmocka_unit_test(ed25519_certificates_are_named),
      cmocka_unit_test(an_empty_certificate_proves_nothing),
      cmocka_unit_test(no_common_kind_of_key_is_named),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
