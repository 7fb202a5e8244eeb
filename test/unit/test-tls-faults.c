/* SPDX-License-Identifier: MIT */
/*
 * Hand-made answers to a ClientHello that no honest server gives: a retry for a
 * group nobody has, a downgrade, a protocol that was not offered; and a
 * generator that has run dry.
 */
#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
  RECORD_HEADER_SIZE = 5,
  MESSAGE_HEADER_SIZE = 4,
  RANDOM_SIZE = 32,
  ID_AT = RECORD_HEADER_SIZE + MESSAGE_HEADER_SIZE + 2 + RANDOM_SIZE,
  SUITE_TLS13 = 0x1301,
  SUITE_TLS12 = 0xc02b,
  GROUP_P256 = 0x0017,
  GROUP_X25519 = 0x001d,
  GROUP_X448 = 0x001e, /* not offered by us */
  GROUP_NONE = 0x7fff,
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

/* What a ServerHello says. */
struct hello {
  const unsigned char* random; /* 32 bytes */
  unsigned suite;
  bool echo; /* the client's session id, as TLS 1.3 has it */
  struct gcn__span extensions;
};

static void put16(struct gcn__buf* to, size_t value) {
  const char bytes[] = {(char)(value >> 8), (char)value};
  assert_int_equal(gcn__buf_append(to, bytes, 2), 0);
}

static void put(struct gcn__buf* to, const void* data, size_t size) {
  assert_int_equal(gcn__buf_append(to, data, size), 0);
}

static void put_hello(struct gcn__buf* to, struct gcn__span client_hello,
                      const struct hello* hello) {
  const size_t id_size =
      hello->echo ? (unsigned char)client_hello.data[ID_AT] : 0;
  const size_t body_size =
      2 + RANDOM_SIZE + 1 + id_size + 2 + 1 + 2 + hello->extensions.size;
  put(to, "\x16\x03\x03", 3);
  put16(to, MESSAGE_HEADER_SIZE + body_size);
  put(to, "\x02\x00", 2);
  put16(to, body_size);
  put(to, "\x03\x03", 2);
  put(to, hello->random, RANDOM_SIZE);
  const char size = (char)id_size;
  put(to, &size, 1);
  put(to, client_hello.data + ID_AT + 1, id_size);
  put16(to, hello->suite);
  put(to, "", 1); /* no compression */
  put16(to, hello->extensions.size);
  put(to, hello->extensions.data, hello->extensions.size);
}

/* The answer to the client's first words, or to its next ones. */
static int answer(struct end* client, const struct hello* hello) {
  struct gcn__buf bytes;
  gcn__buf_init(&bytes, &gcn__mem_libc, 4096);
  put_hello(&bytes, gcn__buf_span(&client->out), hello);
  gcn__buf_clear(&client->out);
  const int rc = end_feed(client, gcn__buf_span(&bytes));
  gcn__buf_deinit(&bytes);
  return rc;
}

static void begin(struct end* client, struct gcn__tls_config* config) {
  end_init(client, config, HOST);
  assert_int_equal(end_feed(client, GCN__SPAN("")), 0);
}

/* RFC 8446 §4.1.3: the hash of "HelloRetryRequest" in place of the random. */
static const unsigned char retry_random[] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static int ask_again(struct end* client, unsigned group) {
  const char extensions[] = {
      0x00,        0x2b, 0x00, 0x02, 0x03,
      0x04, /* supported_versions: 1.3 */
      0x00,        0x33, 0x00, 0x02, (char)(group >> 8),
      (char)group, /* key_share */
  };
  const struct hello hello = {.random = retry_random,
                              .suite = SUITE_TLS13,
                              .echo = true,
                              .extensions =
                                  gcn__span(extensions, sizeof(extensions))};
  return answer(client, &hello);
}

static void a_retry_with_another_of_our_groups_is_followed(void** state) {
  (void)state;
  struct end client;
  begin(&client, site.client);
  const size_t first = gcn__buf_size(&client.out);
  assert_int_equal(ask_again(&client, GROUP_X25519), 0);
  assert_int_equal(gcn__tls_state(client.tls), GCN__TLS_HANDSHAKING);
  assert_true(gcn__buf_size(&client.out) > first / 2); /* a second hello */
  end_deinit(&client);
}

static void a_retry_for_a_group_we_do_not_have_is_refused(void** state) {
  (void)state;
  const unsigned groups[] = {GROUP_X448, GROUP_NONE, 0};
  for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
    struct end client;
    begin(&client, site.client);
    assert_int_equal(ask_again(&client, groups[i]), GCN_ETLS);
    assert_failed(&client, GCN_ETLS, "an illegal value");
    assert_false(gcn__tls_stubborn(client.tls));
    end_deinit(&client);
  }
}

static void a_retry_that_changes_nothing_is_refused(void** state) {
  (void)state;
  struct end client;
  begin(&client, site.client);
  assert_int_equal(ask_again(&client, GROUP_P256), GCN_ETLS);
  assert_failed(&client, GCN_ETLS, "an illegal value");
  end_deinit(&client);
}

static void a_second_retry_is_refused(void** state) {
  (void)state;
  struct end client;
  begin(&client, site.client);
  assert_int_equal(ask_again(&client, GROUP_X25519), 0);
  /* The id that it echoes stands in the second hello as in the first. */
  const struct gcn__span out = gcn__buf_span(&client.out);
  const size_t skip = out.data[0] == 0x14 ? 6 : 0; /* ChangeCipherSpec */
  gcn__buf_consume(&client.out, skip);
  assert_int_equal(ask_again(&client, GROUP_X25519), GCN_ETLS);
  assert_failed(&client, GCN_ETLS, "does not belong there");
  end_deinit(&client);
}

/* RFC 8446 §4.1.3: a server that could do better says so in its random. */
static void a_downgrade_is_noticed(void** state) {
  (void)state;
  for (int version = 0; version < 2; version++) {
    unsigned char random[RANDOM_SIZE + 1] = "123456789012345678901234DOWNGRD";
    random[RANDOM_SIZE - 1] = (unsigned char)version;
    const struct hello hello = {.random = random, .suite = SUITE_TLS12};
    struct end client;
    begin(&client, site.client);
    assert_int_equal(answer(&client, &hello), GCN_ETLS);
    assert_failed(&client, GCN_ETLS, "an illegal value");
    end_deinit(&client);
  }
}

/* The same without that mark is a server that cannot do better. */
static void an_older_version_is_no_downgrade(void** state) {
  (void)state;
  unsigned char random[RANDOM_SIZE + 1] = "123456789012345678901234downgrd!";
  const struct hello hello = {.random = random, .suite = SUITE_TLS12};
  struct end client;
  begin(&client, site.client);
  assert_int_equal(answer(&client, &hello), 0);
  assert_int_equal(gcn__tls_state(client.tls), GCN__TLS_HANDSHAKING);
  end_deinit(&client);
}

/* RFC 7301 §3.2: it may pick what was offered, or nothing. */
static void a_protocol_that_was_not_offered_is_refused(void** state) {
  (void)state;
  const struct {
    struct gcn__span extension;
    int rc;
  } cases[] = {
      {GCN__SPAN("\x00\x10\x00\x0b\x00\x09\x08http/1.1"), 0},
      {GCN__SPAN(""), 0},
      {GCN__SPAN("\x00\x10\x00\x05\x00\x03\x02h2"), GCN_ETLS},
      {GCN__SPAN("\x00\x10\x00\x0b\x00\x09\x08HTTP/1.1"), GCN_ETLS},
      {GCN__SPAN("\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"), GCN_ETLS},
      {GCN__SPAN("\x00\x10\x00\x02\x00\x00"), GCN_ETLS},
  };
  const unsigned char random[RANDOM_SIZE] = {1};
  struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    const struct hello hello = {.random = random,
                                .suite = SUITE_TLS12,
                                .extensions = cases[i].extension};
    struct end client;
    begin(&client, old);
    assert_int_equal(answer(&client, &hello), cases[i].rc);
    if (cases[i].rc != 0) {
      assert_failed(&client, GCN_ETLS, i == 2 ? "ALPN protocol" : "");
    }
    end_deinit(&client);
  }
  gcn__tls_config_release(old);
}

static int dry(void* ctx, unsigned char* data, size_t size) {
  (void)ctx;
  (void)data;
  (void)size;
  return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
}

/* Where there are no random numbers, nothing is said. */
static void without_entropy_nothing_is_sent(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct gcn__tls_config* config = client_config(gcn__pki_ca(pki), old == 1);
    mbedtls_ctr_drbg_set_prediction_resistance(&config->base->random,
                                               MBEDTLS_CTR_DRBG_PR_ON);
    config->base->random.MBEDTLS_PRIVATE(f_entropy) = dry;
    struct end client;
    end_init(&client, config, HOST);
    assert_int_equal(end_feed(&client, GCN__SPAN("")), GCN_EENTROPY);
    assert_failed(&client, GCN_EENTROPY,
                  "the system's source of random numbers failed");
    assert_int_equal(gcn__buf_size(&client.out), 0);
    assert_false(gcn__tls_stubborn(client.tls));
    end_deinit(&client);
    const struct gcn__entropy entropy = gcn__tls_config_entropy(config);
    char key[16];
    assert_int_equal(entropy.fill(entropy.ctx, key, sizeof(key)), GCN_EENTROPY);
    gcn__tls_config_release(config);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_retry_with_another_of_our_groups_is_followed),
      cmocka_unit_test(a_retry_for_a_group_we_do_not_have_is_refused),
      cmocka_unit_test(a_retry_that_changes_nothing_is_refused),
      cmocka_unit_test(a_second_retry_is_refused),
      cmocka_unit_test(a_downgrade_is_noticed),
      cmocka_unit_test(an_older_version_is_no_downgrade),
      cmocka_unit_test(a_protocol_that_was_not_offered_is_refused),
      cmocka_unit_test(without_entropy_nothing_is_sent),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
