/* SPDX-License-Identifier: MIT */
/*
 * sim/tls and sim/pki-rsa: both ends of the bench's own TLS, against each other
 * in memory.
 */
#include "check.h"

#include "sim/tls.h"

#include "base/err.h"
#include "sim/pki-rsa.h"

enum { OUT_SIZE_MAX = 1 << 22, PLAIN_SIZE = 16384 };

struct end {
  struct gcn__simtls* tls;
  struct gcn__buf out;
  uint64_t received;
};

struct pair {
  struct end client;
  struct end server;
};

struct setup {
  struct gcn__simtls_config* client;
  struct gcn__simtls_config* server;
};

static struct setup set_up(bool tls12, bool resume, const char* ca,
                           const char* chain, const char* key) {
  const struct gcn__simtls_options client = {
      .tls12 = tls12, .resume = resume, .ca_pem = ca};
  const struct gcn__simtls_options server = {
      .tls12 = tls12, .resume = true, .certificate_pem = chain, .key_pem = key};
  struct setup setup = {.client = gcn__simtls_config_new(&client),
                        .server = gcn__simtls_config_new(&server)};
  assert_non_null(setup.client);
  assert_non_null(setup.server);
  return setup;
}

static void tear_down(const struct setup* setup) {
  gcn__simtls_config_free(setup->client);
  gcn__simtls_config_free(setup->server);
}

/* What `from` has sent, to `to`; 0 or what reading came to. */
static int carry(struct end* from, struct end* to) {
  char plain[PLAIN_SIZE];
  struct gcn__span bytes = gcn__buf_span(&from->out);
  int got = 1;
  while (got > 0) {
    got = gcn__simtls_read(to->tls, &bytes, plain, sizeof plain);
    if (got > 0) to->received += (uint64_t)got;
  }
  gcn__buf_clear(&from->out);
  return got;
}

/* Bytes of the server's answer to the first flight: few, if it resumes. */
static size_t open_pair(struct pair* pair, const struct setup* setup,
                        const char* host) {
  *pair = (struct pair){.client.received = 0};
  gcn__buf_init(&pair->client.out, &gcn__mem_libc, OUT_SIZE_MAX);
  gcn__buf_init(&pair->server.out, &gcn__mem_libc, OUT_SIZE_MAX);
  pair->client.tls = gcn__simtls_new(setup->client, host, &pair->client.out);
  pair->server.tls = gcn__simtls_new(setup->server, NULL, &pair->server.out);
  assert_non_null(pair->client.tls);
  assert_non_null(pair->server.tls);
  char plain[16];
  struct gcn__span none = GCN__SPAN("");
  assert_int_equal(
      gcn__simtls_read(pair->client.tls, &none, plain, sizeof plain), 0);
  assert_int_equal(carry(&pair->client, &pair->server), 0);
  return gcn__buf_size(&pair->server.out);
}

static void shake(struct pair* pair) {
  for (int i = 0; i < 4; i++) {
    assert_int_equal(carry(&pair->server, &pair->client), 0);
    assert_int_equal(carry(&pair->client, &pair->server), 0);
  }
  assert_true(gcn__simtls_open(pair->client.tls));
  assert_true(gcn__simtls_open(pair->server.tls));
}

static void talk(struct pair* pair) {
  char text[40000];
  memset(text, 'x', sizeof text);
  struct gcn__span span = gcn__span(text, sizeof text);
  assert_int_equal(gcn__simtls_write(pair->server.tls, span), 0);
  assert_int_equal(carry(&pair->server, &pair->client), 0);
  assert_int_equal(pair->client.received, sizeof text);
  gcn__simtls_close(pair->server.tls);
  assert_int_equal(carry(&pair->server, &pair->client), GCN__EOF);
}

static void close_pair(struct pair* pair) {
  gcn__simtls_free(pair->client.tls);
  gcn__simtls_free(pair->server.tls);
  gcn__buf_deinit(&pair->client.out);
  gcn__buf_deinit(&pair->server.out);
}

static void check(bool tls12, bool resume, const struct gcn__pki_rsa* pem) {
  struct setup setup = set_up(tls12, resume, pem->ca, pem->chain, pem->key);
  struct pair pair;
  size_t full = open_pair(&pair, &setup, "127.0.0.1");
  shake(&pair);
  talk(&pair);
  close_pair(&pair);
  /* The certificates are most of it. */
  size_t again = open_pair(&pair, &setup, "127.0.0.1");
  if (resume)
    assert_true(again < full / 2);
  else
    assert_true(again > full / 2);
  shake(&pair);
  talk(&pair);
  close_pair(&pair);
  tear_down(&setup);
}

static void test_both_versions_open_and_resume(void** state) {
  const struct gcn__pki_rsa* pem = *state;
  check(false, true, pem);
  check(false, false, pem);
  check(true, true, pem);
  check(true, false, pem);
}

static void test_a_foreign_authority_is_refused(void** state) {
  const struct gcn__pki_rsa* pem = *state;
  struct gcn__pki* other = gcn__pki_new();
  assert_non_null(other);
  struct setup setup =
      set_up(false, true, gcn__pki_ca(other), pem->chain, pem->key);
  struct pair pair;
  (void)open_pair(&pair, &setup, "127.0.0.1");
  assert_int_equal(carry(&pair.server, &pair.client), GCN_ETLS);
  assert_false(gcn__simtls_open(pair.client.tls));
  close_pair(&pair);
  tear_down(&setup);
  gcn__pki_free(other);
}

static void test_another_host_is_refused(void** state) {
  const struct gcn__pki_rsa* pem = *state;
  struct setup setup = set_up(false, true, pem->ca, pem->chain, pem->key);
  struct pair pair;
  (void)open_pair(&pair, &setup, "example.com");
  assert_int_equal(carry(&pair.server, &pair.client), GCN_ETLS);
  close_pair(&pair);
  tear_down(&setup);
}

static void test_nothing_is_written_before_it_is_open(void** state) {
  const struct gcn__pki_rsa* pem = *state;
  struct setup setup = set_up(false, true, pem->ca, pem->chain, pem->key);
  struct pair pair;
  (void)open_pair(&pair, &setup, "localhost");
  assert_int_equal(gcn__simtls_write(pair.client.tls, GCN__SPAN("x")),
                   GCN_ETLS);
  shake(&pair);
  assert_int_equal(gcn__simtls_write(pair.client.tls, GCN__SPAN("x")), 0);
  close_pair(&pair);
  tear_down(&setup);
}

static void test_what_is_no_pem_is_refused(void** state) {
  (void)state;
  const struct gcn__simtls_options options = {.ca_pem = "nonsense"};
  assert_null(gcn__simtls_config_new(&options));
}

static int make_chain(void** state) {
  static struct gcn__pki_rsa pem;
  *state = &pem;
  return gcn__pki_rsa_make(&pem);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_versions_open_and_resume),
      cmocka_unit_test(test_a_foreign_authority_is_refused),
      cmocka_unit_test(test_another_host_is_refused),
      cmocka_unit_test(test_nothing_is_written_before_it_is_open),
      cmocka_unit_test(test_what_is_no_pem_is_refused),
  };
  return cmocka_run_group_tests(tests, make_chain, NULL);
}
