/* SPDX-License-Identifier: MIT */
/*
 * A client against servers that do what ours never would: floods, warnings,
 * tickets without end, another protocol, and silence about the version.
 *
 * The peer is a bare Mbed TLS server on one of our server configurations.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
  WARNING_USER_CANCELED = 90,
  HELLO_REQUEST_SIZE = 4, /* RFC 5246 §7.4.1.1: type 0, length 0 */
};

/* Not in Mbed TLS's headers; the only way to say what its server would not. */
int mbedtls_ssl_write_record(mbedtls_ssl_context* ssl, int force_flush);

struct peer {
  mbedtls_ssl_context ssl;
  struct end client;
  struct gcn__buf out;
  size_t sent;
};

static struct gcn__pki* pki;
static struct site site;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  if (pki == NULL) {
    return -1;
  }
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  return 0;
}

static int peer_send(void* ctx, const unsigned char* data, size_t size) {
  struct peer* peer = ctx;
  peer->sent += size;
  assert_int_equal(gcn__buf_append(&peer->out, data, size), 0);
  return (int)size;
}

static int peer_receive(void* ctx, unsigned char* data, size_t size) {
  struct peer* peer = ctx;
  const struct gcn__span all = gcn__buf_span(&peer->client.out);
  if (all.size == 0) {
    return MBEDTLS_ERR_SSL_WANT_READ;
  }
  const size_t step = size < all.size ? size : all.size;
  memcpy(data, all.data, step);
  gcn__buf_consume(&peer->client.out, step);
  return (int)step;
}

/* Hands the client all that the peer has said, in one piece. */
static int deliver(struct peer* peer) {
  const int rc = end_feed(&peer->client, gcn__buf_span(&peer->out));
  gcn__buf_clear(&peer->out);
  return rc;
}

static void peer_init(struct peer* peer, struct gcn__tls_config* client,
                      const mbedtls_ssl_config* server) {
  peer->sent = 0;
  end_init(&peer->client, client, HOST);
  gcn__buf_init(&peer->out, &gcn__mem_libc, 1 << 24);
  mbedtls_ssl_init(&peer->ssl);
  assert_int_equal(mbedtls_ssl_setup(&peer->ssl, server), 0);
  mbedtls_ssl_set_bio(&peer->ssl, peer, peer_send, peer_receive, NULL);
}

static void peer_deinit(struct peer* peer) {
  mbedtls_ssl_free(&peer->ssl);
  gcn__buf_deinit(&peer->out);
  end_deinit(&peer->client);
}

static void shake_hands(struct peer* peer) {
  end_feed(&peer->client, GCN__SPAN(""));
  int rc = MBEDTLS_ERR_SSL_WANT_READ;
  for (int i = 0; i < 10 && peer->client.rc == 0; i++) {
    if (rc == MBEDTLS_ERR_SSL_WANT_READ) {
      rc = mbedtls_ssl_handshake(&peer->ssl);
    }
    deliver(peer);
  }
}

static void peer_open(struct peer* peer, bool tls12_only) {
  struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), tls12_only);
  peer_init(peer, client, &site.server->base->material->ssl);
  gcn__tls_config_release(client);
  shake_hands(peer);
  assert_int_equal(gcn__tls_state(peer->client.tls), GCN__TLS_OPEN);
}

static void say(struct peer* peer, const char* text) {
  const int size = (int)strlen(text);
  assert_int_equal(
      mbedtls_ssl_write(&peer->ssl, (const unsigned char*)text, (size_t)size),
      size);
}

static void warn(struct peer* peer, int count) {
  for (int i = 0; i < count; i++) {
    assert_int_equal(
        mbedtls_ssl_send_alert_message(
            &peer->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING, WARNING_USER_CANCELED),
        0);
  }
}

static void say_handshake(struct peer* peer, const void* message, size_t size) {
  mbedtls_ssl_context* ssl = &peer->ssl;
  ssl->MBEDTLS_PRIVATE(out_msgtype) = MBEDTLS_SSL_MSG_HANDSHAKE;
  ssl->MBEDTLS_PRIVATE(out_msglen) = size;
  memcpy(ssl->MBEDTLS_PRIVATE(out_msg), message, size);
  assert_int_equal(mbedtls_ssl_write_record(ssl, 1), 0);
}

/* We answer with a warning that we will not, and go on. */
static void renegotiation_is_declined(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, true);
  const char requests[2 * HELLO_REQUEST_SIZE] = {0};
  say_handshake(&peer, requests, sizeof(requests));
  say(&peer, "x");
  assert_int_equal(deliver(&peer), 0);
  assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
  assert_true(gcn__buf_size(&peer.client.out) > 0);
  peer_deinit(&peer);
}

/* One record asks 3,000 times: the answers are bounded as well. */
static void a_flood_of_requests_is_refused(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, true);
  static const char requests[3000 * HELLO_REQUEST_SIZE];
  say_handshake(&peer, requests, sizeof(requests));
  assert_int_equal(deliver(&peer), GCN_ETLS);
  assert_in_range(gcn__buf_size(&peer.client.out), 1, 4000);
  assert_failed(&peer.client, GCN_ETLS, "without any data");
  peer_deinit(&peer);
}

/* RFC 8446 §4.6.3: Mbed TLS 3.6 has no key update. */
static void a_key_update_ends_the_connection(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, false);
  say(&peer, "x");
  say_handshake(&peer, "\x18\x00\x00\x01\x00", 5);
  assert_int_equal(deliver(&peer), GCN_ETLS);
  assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
  assert_failed(&peer.client, GCN_ETLS, "key update");
  peer_deinit(&peer);
}

static void some_warnings_are_read_over(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct peer peer;
    peer_open(&peer, old == 1);
    say(&peer, "a");
    warn(&peer, GCN__TLS_IDLE_RECORDS_MAX);
    say(&peer, "b");
    warn(&peer, GCN__TLS_IDLE_RECORDS_MAX);
    say(&peer, "c");
    assert_int_equal(deliver(&peer), 0);
    assert_int_equal(gcn__buf_size(&peer.client.plain), 3);
    peer_deinit(&peer);
  }
}

static void a_flood_of_warnings_is_refused(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct peer peer;
    peer_open(&peer, old == 1);
    say(&peer, "a");
    warn(&peer, GCN__TLS_IDLE_RECORDS_MAX + 1);
    say(&peer, "b");
    assert_int_equal(deliver(&peer), GCN_ETLS);
    assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
    assert_failed(&peer.client, GCN_ETLS, "without any data");
    peer_deinit(&peer);
  }
}

/* One at a time, so that each read ends before the next record comes. */
static void a_slow_flood_is_refused_too(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, false);
  say(&peer, "a");
  assert_int_equal(deliver(&peer), 0);
  for (int i = 0; i < GCN__TLS_IDLE_RECORDS_MAX; i++) {
    warn(&peer, 1);
    assert_int_equal(deliver(&peer), 0);
  }
  warn(&peer, 1);
  assert_int_equal(deliver(&peer), GCN_ETLS);
  assert_failed(&peer.client, GCN_ETLS, "without any data");
  peer_deinit(&peer);
}

static void a_flood_of_empty_records_is_refused(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct peer peer;
    peer_open(&peer, old == 1);
    for (int i = 0; i < 1000; i++) {
      assert_int_equal(
          mbedtls_ssl_write(&peer.ssl, (const unsigned char*)"", 0), 0);
    }
    assert_int_equal(deliver(&peer), GCN_ETLS);
    assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_FAILED);
    peer_deinit(&peer);
  }
}

static void an_empty_record_is_no_end(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, true);
  assert_int_equal(mbedtls_ssl_write(&peer.ssl, (const unsigned char*)"", 0),
                   0);
  assert_int_equal(deliver(&peer), 0);
  assert_int_equal(mbedtls_ssl_write(&peer.ssl, (const unsigned char*)"", 0),
                   0);
  assert_int_equal(mbedtls_ssl_write(&peer.ssl, (const unsigned char*)"", 0),
                   0);
  say(&peer, "x");
  assert_int_equal(deliver(&peer), 0);
  assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
  peer_deinit(&peer);
}

/* The peer's alert in the middle of a stream is named. */
static void a_fatal_alert_is_named(void** state) {
  (void)state;
  struct peer peer;
  peer_open(&peer, false);
  say(&peer, "a");
  assert_int_equal(
      mbedtls_ssl_send_alert_message(&peer.ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                     MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR),
      0);
  assert_int_equal(deliver(&peer), GCN_ETLS);
  assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
  assert_failed(&peer.client, GCN_ETLS,
                "ended the TLS connection with alert 80, internal_error");
  peer_deinit(&peer);
}

/* The handshake of a server that sends so many TLS 1.3 tickets. */
static size_t take_tickets(struct peer* peer, uint16_t count) {
  mbedtls_ssl_config* ssl = &site.server->base->material->ssl;
  mbedtls_ssl_conf_new_session_tickets(ssl, count);
  /* A client of its own: who resumes gets one ticket at most. */
  struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), false);
  peer_init(peer, client, ssl);
  gcn__tls_config_release(client);
  shake_hands(peer);
  mbedtls_ssl_conf_new_session_tickets(ssl, 1);
  return peer->sent;
}

/* RFC 8446 §4.6.1: tickets may come at any time, and data behind them. */
static void tickets_are_read_over(void** state) {
  (void)state;
  struct peer peer;
  const size_t without = take_tickets(&peer, 0);
  peer_deinit(&peer);
  const size_t with = take_tickets(&peer, 20);
  assert_true(with > without + (size_t)20 * 100);
  say(&peer, "x");
  assert_int_equal(deliver(&peer), 0);
  assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
  assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_OPEN);
  peer_deinit(&peer);
}

static void a_flood_of_tickets_is_refused(void** state) {
  (void)state;
  struct peer peer;
  take_tickets(&peer, GCN__TLS_IDLE_RECORDS_MAX + 1);
  assert_failed(&peer.client, GCN_ETLS, "without any data");
  peer_deinit(&peer);
}

/* RFC 8446 §4.6.1, a message of its own: lifetime, age, nonce, ticket. */
static void say_ticket(struct peer* peer, uint32_t lifetime_s) {
  unsigned char message[] = {0x04, 0, 0, 0x12, 0, 0,   0,   0,   0,   0, 0,
                             1,    1, 7, 0,    4, 't', 'i', 'c', 'k', 0, 0};
  for (int i = 0; i < 4; i++) {
    message[4 + i] = (unsigned char)(lifetime_s >> (24 - 8 * i));
  }
  say_handshake(peer, message, sizeof(message));
}

/* One of no seconds is not kept; one of more than a week is no ticket. */
static void lifetimes_of_tickets_are_heeded(void** state) {
  (void)state;
  const struct {
    uint32_t lifetime_s;
    bool good;
    size_t kept;
  } cases[] = {
      {1, true, 1},       {604800, true, 1},      {0, true, 0},
      {604801, false, 0}, {UINT32_MAX, false, 0},
  };
  mbedtls_ssl_conf_new_session_tickets(&site.server->base->material->ssl, 0);
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), false);
    struct peer peer;
    peer_init(&peer, client, &site.server->base->material->ssl);
    shake_hands(&peer);
    assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_OPEN);
    say_ticket(&peer, cases[i].lifetime_s);
    if (cases[i].good) say(&peer, "x");
    assert_int_equal(deliver(&peer), cases[i].good ? 0 : GCN_ETLS);
    assert_int_equal(client->base->sessions.count, cases[i].kept);
    if (cases[i].good) {
      assert_int_equal(gcn__buf_size(&peer.client.plain), 1);
    } else {
      assert_failed(&peer.client, GCN_ETLS, "");
    }
    peer_deinit(&peer);
    gcn__tls_config_release(client);
  }
  mbedtls_ssl_conf_new_session_tickets(&site.server->base->material->ssl, 1);
}

/* RFC 8446 §4.4.2.4: it may come when we are long through.  Only that about our
 * certificate stays as it is until somebody mends it. */
static void alerts_about_our_certificate_are_stubborn(void** state) {
  (void)state;
  const struct {
    unsigned char alert;
    bool stubborn;
    const char* text;
  } cases[] = {
      {116, true, "alert 116, certificate_required: it wants a client"},
      {42, true, "alert 42, bad_certificate: it does not accept the client"},
      {45, true, "alert 45, certificate_expired: the client certificate"},
      {48, true, "alert 48, unknown_ca: it does not know who issued"},
      {40, false, "alert 40, handshake_failure"},
      {80, false, "alert 80, internal_error"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    struct peer peer;
    peer_open(&peer, false);
    assert_int_equal(
        mbedtls_ssl_send_alert_message(&peer.ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       cases[i].alert),
        0);
    assert_int_equal(deliver(&peer), GCN_ETLS);
    assert_failed(&peer.client, GCN_ETLS, cases[i].text);
    assert_int_equal(gcn__tls_stubborn(peer.client.tls), cases[i].stubborn);
    peer_deinit(&peer);
  }
}

static void another_protocol_is_refused(void** state) {
  (void)state;
  mbedtls_ssl_config* ssl = &site.server->base->material->ssl;
  const char* h2[] = {"h2", NULL};
  assert_int_equal(mbedtls_ssl_conf_alpn_protocols(ssl, h2), 0);
  struct peer peer;
  peer_init(&peer, site.client, ssl);
  shake_hands(&peer);
  assert_failed(&peer.client, GCN_ETLS, "alert 120, no_application_protocol");
  peer_deinit(&peer);
  assert_int_equal(
      mbedtls_ssl_conf_alpn_protocols(ssl, site.server->base->alpn), 0);
}

/* No suite in common: static RSA and CBC are not on our list. */
static void no_common_suite_is_refused(void** state) {
  (void)state;
  static const int odd[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, 0};
  struct gcn__tls_config* server = server_config(site.certificate, site.key);
  mbedtls_ssl_conf_ciphersuites(&server->base->material->ssl, odd);
  mbedtls_ssl_conf_max_tls_version(&server->base->material->ssl,
                                   MBEDTLS_SSL_VERSION_TLS1_2);
  struct peer peer;
  peer_init(&peer, site.client, &server->base->material->ssl);
  shake_hands(&peer);
  assert_failed(&peer.client, GCN_ETLS, "alert 40, handshake_failure");
  peer_deinit(&peer);
  gcn__tls_config_release(server);
}

static void every_suite_and_group_works(void** state) {
  (void)state;
  static const int suites[][2] = {
      {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0},
      {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, 0},
      {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, 0},
      {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0},
      {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0},
      {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0},
  };
  static const uint16_t groups[][2] = {
      {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0},
      {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, 0},
      {MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0},
      {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, 0},
  };
  for (size_t i = 0; i < 6 + 4; i++) {
    struct gcn__tls_config* server = server_config(site.certificate, site.key);
    if (i < 6) {
      mbedtls_ssl_conf_ciphersuites(&server->base->material->ssl, suites[i]);
      mbedtls_ssl_conf_max_tls_version(&server->base->material->ssl,
                                       i < 3 ? MBEDTLS_SSL_VERSION_TLS1_3
                                             : MBEDTLS_SSL_VERSION_TLS1_2);
    } else {
      /* All but the first cost a HelloRetryRequest. */
      mbedtls_ssl_conf_groups(&server->base->material->ssl, groups[i - 6]);
    }
    struct gcn__tls_config* client = client_config(gcn__pki_ca(pki), false);
    struct peer peer;
    peer_init(&peer, client, &server->base->material->ssl);
    gcn__tls_config_release(client);
    shake_hands(&peer);
    assert_string_equal(gcn__tls_error(peer.client.tls), "");
    assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_OPEN);
    if (i < 6) {
      assert_string_equal(gcn__tls_suite(peer.client.tls),
                          mbedtls_ssl_get_ciphersuite_name(suites[i][0]));
    }
    peer_deinit(&peer);
    gcn__tls_config_release(server);
  }
}

static void a_client_certificate_is_asked_for_in_vain(void** state) {
  (void)state;
  struct gcn__tls_config* server = server_config(site.certificate, site.key);
  mbedtls_ssl_conf_authmode(&server->base->material->ssl,
                            MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&server->base->material->ssl,
                            &site.client->base->material->anchors, NULL);
  struct gcn__tls_config* old = client_config(gcn__pki_ca(pki), true);
  struct peer peer;
  peer_init(&peer, old, &server->base->material->ssl);
  gcn__tls_config_release(old);
  shake_hands(&peer);
  /* We send an empty list; Mbed TLS's server then hangs up without a word. */
  assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_HANDSHAKING);
  peer.client.rc = gcn__tls_end(peer.client.tls);
  assert_failed(&peer.client, GCN_ETLS, "ended during the TLS handshake");
  peer_deinit(&peer);

  mbedtls_ssl_conf_authmode(&server->base->material->ssl,
                            MBEDTLS_SSL_VERIFY_OPTIONAL);
  peer_init(&peer, site.client, &server->base->material->ssl);
  shake_hands(&peer);
  assert_int_equal(gcn__tls_state(peer.client.tls), GCN__TLS_OPEN);
  peer_deinit(&peer);
  gcn__tls_config_release(server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renegotiation_is_declined),
      cmocka_unit_test(a_flood_of_requests_is_refused),
      cmocka_unit_test(a_key_update_ends_the_connection),
      cmocka_unit_test(some_warnings_are_read_over),
      cmocka_unit_test(a_flood_of_warnings_is_refused),
      cmocka_unit_test(a_slow_flood_is_refused_too),
      cmocka_unit_test(a_flood_of_empty_records_is_refused),
      cmocka_unit_test(an_empty_record_is_no_end),
      cmocka_unit_test(a_fatal_alert_is_named),
      cmocka_unit_test(tickets_are_read_over),
      cmocka_unit_test(a_flood_of_tickets_is_refused),
      cmocka_unit_test(lifetimes_of_tickets_are_heeded),
      cmocka_unit_test(alerts_about_our_certificate_are_stubborn),
      cmocka_unit_test(another_protocol_is_refused),
      cmocka_unit_test(no_common_suite_is_refused),
      cmocka_unit_test(every_suite_and_group_works),
      cmocka_unit_test(a_client_certificate_is_asked_for_in_vain),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
