/* SPDX-License-Identifier: MIT */
/*
 * What a ClientHello offers, and in which order: suites by what is fast here,
 * groups and the first key share always the same.
 *
 * The choice is the test's own (see codec/tls-choice.c).
 */
#include "codec/tls.h"

#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  SUITES_MAX = 16,
  VERSIONS = 2,
  ID_AT = 5 + 4 + 2 + 32, /* headers, version, random */
  EXTENSION_GROUPS = 10,
  EXTENSION_KEY_SHARE = 51,
  EMPTY_RENEGOTIATION_INFO = 0xff, /* RFC 5746 says it with a suite */
};

static bool fast;
static struct gcn__pki* pki;
static struct site site;

bool gcn__tls_aes_is_fast(void) {
  return fast;
}

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

static unsigned number(struct gcn__span bytes, size_t at) {
  assert_true(at + 2 <= bytes.size);
  return (unsigned)((unsigned char)bytes.data[at] << 8) |
         (unsigned char)bytes.data[at + 1];
}

/* A configuration and its first words. */
struct speaker {
  struct gcn__tls_config* config;
  struct end end;
};

static struct gcn__span speak(struct speaker* speaker, bool old) {
  speaker->config = client_config(gcn__pki_ca(pki), old);
  end_init(&speaker->end, speaker->config, HOST);
  assert_int_equal(end_feed(&speaker->end, GCN__SPAN("")), 0);
  return gcn__buf_span(&speaker->end.out);
}

static void fall_silent(struct speaker* speaker) {
  end_deinit(&speaker->end);
  gcn__tls_config_release(speaker->config);
}

static size_t suites_at(struct gcn__span hello) {
  return ID_AT + 1 + (unsigned char)hello.data[ID_AT];
}

static size_t read_suites(struct gcn__span hello, int suites[SUITES_MAX]) {
  size_t at = suites_at(hello);
  size_t size = number(hello, at);
  size_t count = 0;
  for (size_t i = 0; i < size; i += 2) {
    int suite = (int)number(hello, at + 2 + i);
    if (suite == EMPTY_RENEGOTIATION_INFO) continue;
    assert_true(count < SUITES_MAX);
    suites[count++] = suite;
  }
  return count;
}

/* What that extension holds. */
static struct gcn__span read_extension(struct gcn__span hello, unsigned which) {
  size_t at = suites_at(hello);
  at += 2 + number(hello, at);
  at += 1 + (unsigned char)hello.data[at]; /* compression */
  size_t end = at + 2 + number(hello, at);
  at += 2;
  while (at < end) {
    size_t size = number(hello, at + 2);
    if (number(hello, at) == which) {
      return gcn__span(hello.data + at + 4, size);
    }
    at += 4 + size;
  }
  fail_msg("there is no extension %u", which);
  return GCN__SPAN("");
}

static const int in_order[2][3] = {
    {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
     MBEDTLS_TLS1_3_AES_128_GCM_SHA256},
    {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
     MBEDTLS_TLS1_3_AES_256_GCM_SHA384},
};

/* The suite of TLS 1.3 with the same cipher. */
static int cipher_of(int suite) {
  switch (suite) {
  case MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
  case MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
    return MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;
  case MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
  case MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
    return MBEDTLS_TLS1_3_AES_256_GCM_SHA384;
  case MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
  case MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
    return MBEDTLS_TLS1_3_AES_128_GCM_SHA256;
  default: return suite;
  }
}

static void what_is_fast_comes_first(void** state) {
  (void)state;
  for (int choice = 0; choice < 2; choice++) {
    for (int old = 0; old < VERSIONS; old++) {
      fast = choice == 1;
      struct speaker speaker;
      int suites[SUITES_MAX];
      size_t count = read_suites(speak(&speaker, old == 1), suites);
      assert_int_equal(count, old == 1 ? 6 : 9);
      /* One suite for each cipher of TLS 1.3, and two of 1.2. */
      size_t at = 0;
      for (size_t i = 0; i < 3 && old == 0; i++)
        assert_int_equal(suites[at++], in_order[choice][i]);
      for (size_t i = 0; i < 6; i++)
        assert_int_equal(cipher_of(suites[at++]), in_order[choice][i / 2]);
      fall_silent(&speaker);
    }
  }
}

static void all_of_them_count_as_offered(void** state) {
  (void)state;
  for (int choice = 0; choice < 2; choice++) {
    fast = choice == 1;
    const int* suites = gcn__tls_suites();
    for (; *suites != 0; suites++)
      assert_true(gcn__tls_suite_offered((unsigned)*suites));
    assert_false(
        gcn__tls_suite_offered(MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256));
  }
}

static void a_server_that_follows_gets_the_first(void** state) {
  (void)state;
  static const char* const names[2] = {"TLS1-3-CHACHA20-POLY1305-SHA256",
                                       "TLS1-3-AES-128-GCM-SHA256"};
  for (int choice = 0; choice < 2; choice++) {
    fast = choice == 1;
    struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), false);
    struct pair pair;
    pair_init(&pair, client, site.server, HOST);
    pair_pump(&pair);
    assert_string_equal(gcn__tls_suite(pair.client.tls), names[choice]);
    pair_deinit(&pair);
    gcn__tls_config_release(client);
  }
}

/* P-256 has the share that comes along; X25519 is the second that we know. */
static void groups_are_in_order(void** state) {
  (void)state;
  for (int old = 0; old < VERSIONS; old++) {
    struct speaker speaker;
    struct gcn__span hello = speak(&speaker, old == 1);
    struct gcn__span groups = read_extension(hello, EXTENSION_GROUPS);
    assert_int_equal(number(groups, 2), MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1);
    assert_int_equal(number(groups, 4), MBEDTLS_SSL_IANA_TLS_GROUP_X25519);
    if (old == 0) {
      struct gcn__span shares = read_extension(hello, EXTENSION_KEY_SHARE);
      assert_int_equal(number(shares, 2), MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1);
      size_t first_size = 2 + 2 + number(shares, 4);
      assert_int_equal(number(shares, 0), first_size); /* the only one */
    }
    fall_silent(&speaker);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_fast_comes_first),
      cmocka_unit_test(all_of_them_count_as_offered),
      cmocka_unit_test(a_server_that_follows_gets_the_first),
      cmocka_unit_test(groups_are_in_order),
  };
  return cmocka_run_group_tests_name("tls-suites", tests, set_up, tear_down);
}
