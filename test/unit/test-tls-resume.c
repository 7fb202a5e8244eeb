/* SPDX-License-Identifier: MIT */
/*
 * Sessions are resumed where both ends agree, never under another name, and
 * never in a way that could fail twice for the same reason.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <mbedtls/ssl_cache.h>

enum {
  HOUR_MS = 3600 * 1000,
  OLD_AND_NEW = 2, /* TLS 1.3 and 1.2 */
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

static struct gcn__tls_config* new_client(int old) {
  return client_config(gcn__pki_ca(pki), old == 1);
}

/* Another server of the same name, which knows nothing of the other's tickets.
 */
static struct gcn__tls_config* new_server(void) {
  return server_config(site.certificate, site.key);
}

static void exchange(struct pair* pair) {
  assert_string_equal(gcn__tls_error(pair->client.tls), "");
  assert_int_equal(gcn__tls_state(pair->client.tls), GCN__TLS_OPEN);
  assert_int_equal(gcn__tls_write(pair->client.tls, GCN__SPAN("ping")), 0);
  assert_int_equal(gcn__tls_write(pair->server.tls, GCN__SPAN("pong")), 0);
  pair_pump(pair);
  assert_int_equal(gcn__buf_size(&pair->client.plain), 4);
  assert_int_equal(gcn__buf_size(&pair->server.plain), 4);
}

/* A handshake with `host` and a word each way; whether it was resumed. */
static bool visit(struct gcn__tls_config* client,
                  struct gcn__tls_config* server, const char* host,
                  enum cut cut) {
  struct pair pair;
  pair_init(&pair, client, server, host);
  pair.cut = cut;
  assert_false(gcn__tls_resumed(pair.client.tls));
  pair_pump(&pair);
  exchange(&pair);
  const bool resumed = gcn__tls_resumed(pair.client.tls);
  pair_deinit(&pair);
  return resumed;
}

static void assert_counts(const struct gcn__tls_config* config, uint64_t full,
                          uint64_t resumed) {
  const struct gcn__tls_counts counts = gcn__tls_config_counts(config);
  assert_int_equal(counts.full, full);
  assert_int_equal(counts.resumed, resumed);
}

static void sessions_are_resumed(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
      struct gcn__tls_config* client = new_client(old);
      assert_false(visit(client, site.server, HOST, (enum cut)cut));
      assert_true(visit(client, site.server, HOST, (enum cut)cut));
      assert_true(visit(client, site.server, HOST, (enum cut)cut));
      assert_counts(client, 1, 2);
      gcn__tls_config_release(client);
    }
  }
}

/* What the accessors say is the same as after a full handshake. */
static void a_resumed_connection_is_like_any(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    const char* cipher = gcn__tls_aes_is_fast() ? "AES-128-GCM" : "CHACHA20";
    visit(client, site.server, HOST, WHOLE);
    struct pair pair;
    pair_init(&pair, client, site.server, HOST);
    pair_pump(&pair);
    assert_true(gcn__tls_resumed(pair.client.tls));
    assert_string_equal(gcn__tls_version(pair.client.tls),
                        old == 1 ? "TLSv1.2" : "TLSv1.3");
    assert_non_null(strstr(gcn__tls_suite(pair.client.tls), cipher));
    gcn__tls_close(pair.server.tls);
    carry(&pair, &pair.server, &pair.client);
    assert_int_equal(pair.client.rc, GCN__EOF);
    pair_deinit(&pair);
    gcn__tls_config_release(client);
  }
}

static void a_switch_turns_it_off(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    const struct gcn__tls_client_options options = {
        .ca_pem = gcn__span_str(gcn__pki_ca(pki)),
        .no_resume = true,
        .tls12_only = old == 1};
    char text[GCN__TLS_TEXT_SIZE];
    struct gcn__tls_config* client = NULL;
    assert_int_equal(
        gcn__tls_config_client(&gcn__mem_libc, &options, &client, text), 0);
    for (int i = 0; i < 3; i++) {
      assert_false(visit(client, site.server, HOST, WHOLE));
      assert_int_equal(client->base->sessions.count, 0);
    }
    assert_counts(client, 3, 0);
    gcn__tls_config_release(client);
  }
}

/* Two at a time: there is one ticket, so one of them is a full handshake. */
static void a_session_is_offered_once(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    visit(client, site.server, HOST, WHOLE);
    assert_int_equal(client->base->sessions.count, 1);
    struct pair pairs[2];
    pair_init(&pairs[0], client, site.server, HOST);
    assert_int_equal(client->base->sessions.count, 0);
    pair_init(&pairs[1], client, site.server, HOST);
    for (int i = 0; i < 2; i++) {
      pair_pump(&pairs[i]);
      exchange(&pairs[i]);
      assert_int_equal(gcn__tls_resumed(pairs[i].client.tls), i == 0);
    }
    assert_int_equal(client->base->sessions.count, 1);
    pair_deinit(&pairs[0]);
    pair_deinit(&pairs[1]);
    gcn__tls_config_release(client);
  }
}

/* A restarted server: a full handshake, and no word about it. */
static void a_refused_session_costs_nothing_else(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* other = new_server();
    struct gcn__tls_config* client = new_client(old);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_false(visit(client, other, HOST, WHOLE));
    assert_true(visit(client, other, HOST, WHOLE));
    assert_counts(client, 2, 1);
    gcn__tls_config_release(client);
    gcn__tls_config_release(other);
  }
}

/* Mbed TLS then still has the ticket it offered, beside the new keys. */
static void a_refused_ticket_is_not_kept(void** state) {
  (void)state;
  struct gcn__tls_config* stubborn = new_server();
  mbedtls_ssl_conf_session_tickets_cb(&stubborn->base->material->ssl, NULL,
                                      NULL, NULL);
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_false(visit(client, stubborn, HOST, WHOLE));
    assert_int_equal(client->base->sessions.count, 0);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    assert_counts(client, 3, 1);
    gcn__tls_config_release(client);
  }
  gcn__tls_config_release(stubborn);
}

/* TLS 1.2 without tickets: the server remembers. */
static void identifiers_are_resumed_too(void** state) {
  (void)state;
  struct gcn__tls_config* server = new_server();
  mbedtls_ssl_config* ssl = &server->base->material->ssl;
  mbedtls_ssl_cache_context cache;
  mbedtls_ssl_cache_init(&cache);
  mbedtls_ssl_conf_session_tickets_cb(ssl, NULL, NULL, NULL);
  mbedtls_ssl_conf_session_cache(ssl, &cache, mbedtls_ssl_cache_get,
                                 mbedtls_ssl_cache_set);
  struct gcn__tls_config* client = new_client(1);
  assert_false(visit(client, server, HOST, WHOLE));
  assert_true(visit(client, server, HOST, WHOLE));
  assert_true(visit(client, server, HOST, WHOLE));
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
  mbedtls_ssl_cache_free(&cache);
}

/* The session that is offered next; it stays. */
static struct gcn__tls_session next_session(struct gcn__tls_config* client) {
  struct gcn__tls_sessions* sessions = &client->base->sessions;
  struct gcn__tls_session taken;
  gcn__tls_sessions_take(sessions, HOST, 0, &taken);
  struct gcn__tls_session seen = taken;
  assert_non_null(seen.bytes);
  gcn__tls_sessions_put(sessions, HOST, &taken);
  return seen;
}

/* The ticket stays good, its key does not. */
static void poison(struct gcn__tls_config* client) {
  const struct gcn__tls_session kept = next_session(client);
  mbedtls_ssl_session session;
  mbedtls_ssl_session_init(&session);
  assert_int_equal(mbedtls_ssl_session_load(&session, kept.bytes, kept.size),
                   0);
  session.MBEDTLS_PRIVATE(master)[0] ^= 1;
  session.MBEDTLS_PRIVATE(resumption_key)[0] ^= 1;
  size_t size = 0;
  assert_int_equal(
      mbedtls_ssl_session_save(&session, kept.bytes, kept.size, &size), 0);
  assert_int_equal(size, kept.size);
  mbedtls_ssl_session_free(&session);
}

static void a_poisoned_session_fails_once(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    visit(client, site.server, HOST, WHOLE);
    poison(client);
    struct pair pair;
    pair_init(&pair, client, site.server, HOST);
    pair_pump(&pair);
    assert_failed(&pair.client, GCN_ETLS, "");
    assert_false(gcn__tls_resumed(pair.client.tls));
    pair_deinit(&pair);
    assert_int_equal(client->base->sessions.count, 0);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    assert_counts(client, 2, 1);
    gcn__tls_config_release(client);
  }
}

/* Not even what Mbed TLS can read. */
static void junk_in_the_cache_is_passed_over(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    visit(client, site.server, HOST, WHOLE);
    memset(next_session(client).bytes, 0xff, next_session(client).size);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_release(client);
  }
}

/* The handshake is over and then the server says nothing, or no good. */
static void silence_after_resumption_ends_it(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    for (int alert = 0; alert < 2; alert++) {
      struct gcn__tls_config* client = new_client(old);
      visit(client, site.server, HOST, WHOLE);
      struct pair pair;
      pair_init(&pair, client, site.server, HOST);
      end_feed(&pair.client, GCN__SPAN(""));
      carry(&pair, &pair.client, &pair.server);
      carry(&pair, &pair.server, &pair.client);
      assert_true(gcn__tls_resumed(pair.client.tls));
      if (alert == 1) {
        assert_true(end_feed(&pair.client, GCN__SPAN("\x17\x03\x03\x00\x03"
                                                     "bad")) < 0);
      }
      pair_deinit(&pair);
      assert_int_equal(client->base->sessions.count, 0);
      assert_false(visit(client, site.server, HOST, WHOLE));
      gcn__tls_config_release(client);
    }
  }
}

/* By bytes: a name in capitals is another one, and an address is no name. */
static void another_host_is_never_offered_it(void** state) {
  (void)state;
  static const char* const others[] = {"a.example.test", "127.0.0.1", "::1",
                                       "LOCALHOST"};
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    visit(client, site.server, HOST, WHOLE);
    for (size_t i = 0; i < 4; i++) {
      assert_false(visit(client, site.server, others[i], WHOLE));
      assert_int_equal(client->base->sessions.count, 2 + i);
    }
    for (size_t i = 0; i < 4; i++) {
      assert_true(visit(client, site.server, others[i], WHOLE));
    }
    assert_true(visit(client, site.server, "[::1]", WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_release(client);
  }
}

/* Who was not trusted leaves nothing to resume. */
static void only_verified_sessions_are_kept(void** state) {
  (void)state;
  struct site expired;
  site_init(&expired, pki, NULL, GCN__PKI_EXPIRED);
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    struct pair pair;
    pair_init(&pair, client, expired.server, HOST);
    pair_pump(&pair);
    assert_failed(&pair.client, GCN_ETLSVERIFY, "expired");
    pair_deinit(&pair);
    pair_init(&pair, client, site.server, "other.test");
    pair_pump(&pair);
    assert_failed(&pair.client, GCN_ETLSVERIFY, "not for host");
    pair_deinit(&pair);
    assert_int_equal(client->base->sessions.count, 0);
    assert_counts(client, 0, 0);
    gcn__tls_config_release(client);
  }
  site_deinit(&expired);
}

/* The server's TLS 1.3 ticket leaves with its first word: all of the word has
 * to come out, however small the buffer is, and the ticket has to be kept. */
static void a_ticket_may_come_with_data(void** state) {
  (void)state;
  static const size_t steps[] = {1, 3, 16384};
  for (size_t i = 0; i < 3; i++) {
    for (int cut = WHOLE; cut < CUT_COUNT; cut++) {
      struct gcn__tls_config* client = new_client(0);
      struct pair pair;
      pair_init(&pair, client, site.server, HOST);
      end_feed(&pair.client, GCN__SPAN(""));
      carry(&pair, &pair.client, &pair.server);
      carry(&pair, &pair.server, &pair.client);
      const struct gcn__span finished = gcn__buf_span(&pair.client.out);
      pair.client.step = steps[i];
      pair.cut = (enum cut)cut;
      assert_int_equal(end_feed(&pair.server, finished), 0);
      gcn__buf_clear(&pair.client.out);
      assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("data")), 0);
      assert_true(gcn__buf_size(&pair.server.out) > 100);
      carry(&pair, &pair.server, &pair.client);
      assert_int_equal(gcn__buf_size(&pair.client.plain), 4);
      assert_int_equal(client->base->sessions.count, 1);
      pair_deinit(&pair);
      assert_true(visit(client, site.server, HOST, WHOLE));
      gcn__tls_config_release(client);
    }
  }
}

/* Tickets behind each other: the last one counts. */
static void the_newest_ticket_is_kept(void** state) {
  (void)state;
  struct gcn__tls_config* server = new_server();
  mbedtls_ssl_conf_new_session_tickets(&server->base->material->ssl, 5);
  struct gcn__tls_config* client = new_client(0);
  assert_false(visit(client, server, HOST, WHOLE));
  assert_int_equal(client->base->sessions.count, 1);
  assert_true(visit(client, server, HOST, WHOLE));
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
}

static void the_oldest_host_has_to_go(void** state) {
  (void)state;
  struct gcn__tls_config* client = new_client(1);
  char host[32];
  for (int i = 0; i <= GCN__TLS_SESSION_COUNT_MAX; i++) {
    snprintf(host, sizeof(host), "h%d.example.test", i);
    assert_false(visit(client, site.server, host, WHOLE));
  }
  assert_int_equal(client->base->sessions.count, GCN__TLS_SESSION_COUNT_MAX);
  for (int i = 1; i <= GCN__TLS_SESSION_COUNT_MAX; i++) {
    snprintf(host, sizeof(host), "h%d.example.test", i);
    assert_true(visit(client, site.server, host, WHOLE));
  }
  assert_false(visit(client, site.server, "h0.example.test", WHOLE));
  gcn__tls_config_release(client);
}

/* Once a day the certificate is looked at again, however often the session was
 * renewed in between. */
static void sessions_age(void** state) {
  (void)state;
  char why[GCN__TLS_TEXT_SIZE];
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct gcn__tls_config* client = new_client(old);
    assert_int_equal(gcn__tls_config_refresh(client, HOUR_MS, why), 0);
    assert_false(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_refresh(client, (uint64_t)20 * HOUR_MS, why);
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_refresh(client, (uint64_t)25 * HOUR_MS - 1, why);
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_refresh(client, (uint64_t)25 * HOUR_MS, why);
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_release(client);
  }
}

/* An allocator that may be told to fail, and looks at what it gets back. */
struct watcher {
  bool refuse;
  const void* secret; /* must be zeros when it is freed */
  int wiped;
  int live;
};

static void* watching_resize(void* ctx, void* ptr, size_t old_size,
                             size_t new_size) {
  struct watcher* watcher = ctx;
  if (new_size > 0 && watcher->refuse) {
    return NULL;
  }
  if (new_size == 0 && ptr != NULL && ptr == watcher->secret) {
    const unsigned char* bytes = ptr;
    for (size_t i = 0; i < old_size; i++) {
      assert_int_equal(bytes[i], 0);
    }
    watcher->wiped++;
    watcher->secret = NULL;
  }
  watcher->live += (ptr == NULL) - (new_size == 0);
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static struct gcn__tls_config* watched_client(const struct gcn__mem* mem,
                                              int old) {
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__pki_ca(pki)), .tls12_only = old == 1};
  char text[GCN__TLS_TEXT_SIZE];
  struct gcn__tls_config* client = NULL;
  assert_int_equal(gcn__tls_config_client(mem, &options, &client, text), 0);
  return client;
}

/* What was offered is of no use once the handshake has settled it. */
static void what_was_offered_is_wiped(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct watcher watcher = {.refuse = false};
    const struct gcn__mem mem = {watching_resize, &watcher};
    struct gcn__tls_config* client = watched_client(&mem, old);
    visit(client, site.server, HOST, WHOLE);
    watcher.secret = next_session(client).bytes;
    struct pair pair;
    pair_init(&pair, client, site.server, HOST);
    pair_pump(&pair);
    exchange(&pair);
    assert_int_equal(watcher.wiped, 1);
    pair_deinit(&pair);
    watcher.secret = next_session(client).bytes;
    pair_init(&pair, client, site.server, HOST);
    assert_int_equal(watcher.wiped, 1);
    pair_deinit(&pair); /* and so is that of a handshake never begun */
    assert_int_equal(watcher.wiped, 2);
    gcn__tls_config_release(client);
  }
}

static void sessions_are_wiped(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct watcher watcher = {.refuse = false};
    const struct gcn__mem mem = {watching_resize, &watcher};
    struct gcn__tls_config* client = watched_client(&mem, old);
    visit(client, site.server, HOST, WHOLE);
    watcher.secret = next_session(client).bytes;
    assert_non_null(watcher.secret);
    visit(client, site.server, HOST, WHOLE); /* used up */
    assert_int_equal(watcher.wiped, 1);
    watcher.secret = next_session(client).bytes;
    gcn__tls_config_release(client);
    assert_int_equal(watcher.wiped, 2);
    assert_int_equal(watcher.live, 0);
  }
}

static void without_memory_nothing_is_kept(void** state) {
  (void)state;
  for (int old = 0; old < OLD_AND_NEW; old++) {
    struct watcher watcher = {.refuse = false};
    const struct gcn__mem mem = {watching_resize, &watcher};
    struct gcn__tls_config* client = watched_client(&mem, old);
    watcher.refuse = true; /* the pairs have memory of their own */
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_int_equal(client->base->sessions.count, 0);
    assert_false(visit(client, site.server, HOST, WHOLE));
    watcher.refuse = false;
    assert_false(visit(client, site.server, HOST, WHOLE));
    assert_true(visit(client, site.server, HOST, WHOLE));
    gcn__tls_config_release(client);
    assert_int_equal(watcher.live, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sessions_are_resumed),
      cmocka_unit_test(a_resumed_connection_is_like_any),
      cmocka_unit_test(a_switch_turns_it_off),
      cmocka_unit_test(a_session_is_offered_once),
      cmocka_unit_test(a_refused_session_costs_nothing_else),
      cmocka_unit_test(a_refused_ticket_is_not_kept),
      cmocka_unit_test(identifiers_are_resumed_too),
      cmocka_unit_test(a_poisoned_session_fails_once),
      cmocka_unit_test(junk_in_the_cache_is_passed_over),
      cmocka_unit_test(silence_after_resumption_ends_it),
      cmocka_unit_test(another_host_is_never_offered_it),
      cmocka_unit_test(only_verified_sessions_are_kept),
      cmocka_unit_test(a_ticket_may_come_with_data),
      cmocka_unit_test(the_newest_ticket_is_kept),
      cmocka_unit_test(the_oldest_host_has_to_go),
      cmocka_unit_test(sessions_age),
      cmocka_unit_test(what_was_offered_is_wiped),
      cmocka_unit_test(sessions_are_wiped),
      cmocka_unit_test(without_memory_nothing_is_kept),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
