/* SPDX-License-Identifier: MIT */
/*
 * The handshakes of the matrix in FAULTS §9.1; its certificates are
 * test-s1-certificates.c's, where the numbers are explained.
 *
 * Mbed TLS's server cannot be talked into SSL 3.0, TLS 1.0, NULL, anonymous or
 * static RSA suites, so a hand-made ServerHello wants them here.
 */
#include "base/err.h"
#include "codec/tls-config.h"
#include "s1-case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
  const char* name;
  void (*play)(const struct row* row);
  unsigned version;
  unsigned suite;
  const char* refusal; /* NULL: accepted */
};

static struct gcn__pki* pki;
static struct site site;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  if (pki == NULL) return -1;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  return 0;
}

/* A server that speaks one version only. */
static void judge(mbedtls_ssl_protocol_version version, int authmode) {
  struct gcn__tls_config* server = server_config(site.certificate, site.key);
  struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), false);
  mbedtls_ssl_config* ssl = &server->base->material->ssl;
  mbedtls_ssl_conf_min_tls_version(ssl, version);
  mbedtls_ssl_conf_max_tls_version(ssl, version);
  mbedtls_ssl_conf_authmode(ssl, authmode);
  mbedtls_ssl_conf_ca_chain(ssl, &site.client->base->material->anchors, NULL);
  struct pair pair;
  pair_init(&pair, client, server, HOST);
  s1_talk(&pair);
  s1_assert_accepted(&pair);
  assert_string_equal(gcn__tls_version(pair.client.tls),
                      version == MBEDTLS_SSL_VERSION_TLS1_3 ? "TLSv1.3"
                                                            : "TLSv1.2");
  pair_deinit(&pair);
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
}

static void play_asked(const struct row* row) {
  (void)row;
  judge(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERIFY_OPTIONAL);
  judge(MBEDTLS_SSL_VERSION_TLS1_3, MBEDTLS_SSL_VERIFY_OPTIONAL);
}

static void play_version(const struct row* row) {
  judge((mbedtls_ssl_protocol_version)row->version, MBEDTLS_SSL_VERIFY_NONE);
}

/* Of TLS 1.2.  Mbed TLS's server then hangs up without a word; OpenSSL's says
 * alert 40. */
static void require(bool polite, const char* refusal) {
  struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
  struct gcn__tls_config* server = server_config(site.certificate, site.key);
  mbedtls_ssl_config* ssl = &server->base->material->ssl;
  mbedtls_ssl_conf_authmode(ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(ssl, &site.client->base->material->anchors, NULL);
  struct pair pair;
  pair_init(&pair, old, server, HOST);
  s1_talk(&pair);
  assert_int_equal(gcn__tls_state(pair.server.tls), GCN__TLS_FAILED);
  if (polite) {
    end_feed(&pair.client, GCN__SPAN("\x15\x03\x03\x00\x02\x02\x28"));
  } else {
    pair.client.rc = gcn__tls_end(pair.client.tls);
  }
  s1_assert_refused(&pair, GCN_ETLS, refusal);
  assert_int_equal(gcn__tls_stubborn(pair.client.tls), polite);
  pair_deinit(&pair);
  gcn__tls_config_release(server);
  gcn__tls_config_release(old);
}

static void play_required(const struct row* row) {
  require(true, row->refusal);
  require(false,
          "the connection ended during the TLS handshake, after the server's "
          "certificate; it may want a client certificate");
}

/* A ServerHello of TLS 1.2 or before, with nothing but the choice in it. */
static void append_hello(struct gcn__buf* out, const struct row* row) {
  char hello[9 + 34 + 1 + 3] = {0x16, 0x03, 0x03, 0, 42, 0x02, 0, 0, 38};
  hello[9] = (char)(row->version >> 8);
  hello[10] = (char)row->version;
  for (size_t i = 11; i < 43; i++) {
    hello[i] = (char)(i * 37); /* its random bytes */
  }
  hello[44] = (char)(row->suite >> 8);
  hello[45] = (char)row->suite;
  assert_int_equal(gcn__buf_append(out, hello, sizeof(hello)), 0);
}

static void play_forced(const struct row* row) {
  for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
    struct pair pair;
    pair_init(&pair, site.client, site.server, HOST);
    pair.cut = (enum cut)cut;
    assert_int_equal(end_feed(&pair.client, GCN__SPAN("")), 0);
    gcn__buf_clear(&pair.client.out);
    append_hello(&pair.server.out, row);
    carry(&pair, &pair.server, &pair.client);
    s1_assert_refused(&pair, GCN_ETLS, row->refusal);
    assert_false(gcn__tls_stubborn(pair.client.tls));
    /* A fatal alert and nothing else. */
    const struct gcn__span said = gcn__buf_span(&pair.client.out);
    assert_int_equal(said.size, 7);
    assert_memory_equal(said.data, "\x15\x03", 2);
    assert_memory_equal(said.data + 3, "\x00\x02\x02", 3);
    pair_deinit(&pair);
  }
}

static void play_suite(const struct row* row) {
  struct gcn__tls_config* server = server_config(site.certificate, site.key);
  const int suites[] = {(int)row->suite, 0};
  mbedtls_ssl_conf_ciphersuites(&server->base->material->ssl, suites);
  struct pair pair;
  pair_init(&pair, site.client, server, HOST);
  s1_talk(&pair);
  s1_assert_accepted(&pair);
  assert_string_equal(gcn__tls_suite(pair.client.tls),
                      mbedtls_ssl_get_ciphersuite_name((int)row->suite));
  pair_deinit(&pair);
  gcn__tls_config_release(server);
}

#define NOT_OFFERED(suite)                                                     \
  "the server wants the cipher suite " suite                                   \
  ", which was not offered: it is not secure, or unknown"
#define OLD(version) "the server wants " version "; TLS 1.2 or 1.3 is needed"

static const struct row rows[] = {
    {"S1-30 a client certificate that is only asked for is accepted",
     play_asked, 0, 0, NULL},
    {"S1-31 a client certificate that is required is refused", play_required, 0,
     0,
     "the peer ended the TLS handshake with alert 40, handshake_failure: it "
     "may "
     "want a client certificate"},
    {"S1-58 TLS 1.0 only is refused", play_forced, 0x0301, 0xc013,
     OLD("TLS 1.0")},
    {"S1-59 TLS 1.1 only is refused", play_forced, 0x0302, 0xc013,
     OLD("TLS 1.1")},
    {"S1-60 TLS 1.2 only is accepted", play_version, MBEDTLS_SSL_VERSION_TLS1_2,
     0, NULL},
    {"S1-61 TLS 1.3 only is accepted", play_version, MBEDTLS_SSL_VERSION_TLS1_3,
     0, NULL},
    {"S1-62 a NULL cipher is refused", play_forced, 0x0303, 0xc010,
     NOT_OFFERED("0xc010")},
    {"S1-63 anonymous Diffie-Hellman is refused", play_forced, 0x0303, 0xc018,
     NOT_OFFERED("0xc018")},
    {"S1-64 a static RSA key exchange is refused", play_forced, 0x0303, 0x009c,
     NOT_OFFERED("0x009c")},
    {"S1-65 a CBC-SHA1 suite is refused", play_forced, 0x0303, 0xc009,
     NOT_OFFERED("0xc009")},
    {"S1-66 ChaCha20 is accepted", play_suite, 0,
     MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, NULL},
    {"SSL 3.0 is refused", play_forced, 0x0300, 0x000a, OLD("SSL 3.0")},
    {"an export suite is refused", play_forced, 0x0303, 0x0003,
     NOT_OFFERED("0x0003")},
    {"a suite of TLS 1.3 in TLS 1.2 is refused", play_forced, 0x0303, 0x1301,
     "the TLS handshake failed: nothing that both sides accept (cipher suite, "
     "group, signature or ALPN protocol)"},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

static void play(void** state) {
  const struct row* row = *state;
  row->play(row);
}

int main(void) {
  static struct CMUnitTest tests[ROW_COUNT];
  for (size_t i = 0; i < ROW_COUNT; i++) {
    union {
      const struct row* from;
      void* to;
    } pointer = {.from = &rows[i]};
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = play, .initial_state = pointer.to};
  }
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
