/* SPDX-License-Identifier: MIT */
/*
 * TLS that fails, seen by the user of a client: which error, which sentence,
 * how long until the next attempt, and that nobody was told a word.
 */
#include "behind.h"

#include <stdio.h>
#include <string.h>

enum {
  CAP_MS = 60000, /* of the back-off; what does not heal waits near it */
  SOON_MS = 1000,
};

struct stage {
  struct service service;
  struct secure secure;
  struct user user;
};

/* With a certificate that has this flaw. */
static void secure_open_with(struct secure* secure, enum gcn__pki_flaw flaw,
                             const struct gcn__pki_names* names) {
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  secure->pki = gcn__pki_new();
  assert_non_null(secure->pki);
  assert_int_equal(gcn__pki_issue(secure->pki, names, flaw, certificate, key),
                   0);
  assert_int_equal(
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &secure->tls, text),
      0);
}

static gcn_options_t tls_options(struct user* user, const char* url,
                                 const char* ca_pem) {
  gcn_options_t options = user_options(user, url);
  options.allow_plaintext = 0;
  options.ca_pem = ca_pem;
  options.retry_cap_ms = CAP_MS;
  return options;
}

static void assert_refused(struct stage* stage, const char* text) {
  const struct user* user = &stage->user;
  assert_int_equal(user->failure, GCN_ETLSVERIFY);
  assert_int_equal(user->failure_layer, GCN_LAYER_TLS);
  if (strstr(user->failure_text, text) == NULL) {
    print_error("\"%s\" is not in \"%s\"\n", text, user->failure_text);
    fail();
  }
  assert_null(strstr(user->failure_text, "s3cr3t"));
  assert_true(user->retry_in >= CAP_MS / 2);
  struct gcn__sim_counters counters = service_counters(&stage->service);
  assert_true(counters.accepts > 0);
  assert_int_equal(counters.requests, 0);
  assert_false(user->log_seen);
}

static void refuse(uv_loop_t* loop, enum gcn__pki_flaw flaw,
                   const struct gcn__pki_names* names, const char* text) {
  struct stage stage = {.user = {.client = NULL}};
  struct gcn__sim_listen_options sim = service_options();
  secure_open_with(&stage.secure, flaw, names);
  sim.tls = stage.secure.tls;
  service_open(&stage.service, loop, &sim);
  gcn_options_t options = tls_options(&stage.user, stage.service.url,
                                      gcn__pki_ca(stage.secure.pki));
  stage.user.log_wanted = "s3cr3t";
  service_begin_with(&stage.user, &stage.service, &options);
  harness_until(loop, &stage.user.backing_off);
  service_live(&stage.service, 30); /* nothing comes late, either */
  assert_refused(&stage, text);
  user_finish(&stage.user);
  service_close(&stage.service);
  secure_close(&stage.secure);
}

static const char* const local[] = {"127.0.0.1"};
static const struct gcn__pki_names here = {.ip = local, .ip_count = 1};

static void test_self_signed(void** state) {
  refuse(*state, GCN__PKI_SELF_SIGNED, &here, "is self-signed by");
}

static void test_another_host(void** state) {
  static const char* const other[] = {"other.test"};
  static const struct gcn__pki_names names = {.dns = other, .dns_count = 1};
  refuse(*state, GCN__PKI_SOUND, &names, "is not for host '127.0.0.1'");
}

static void test_not_for_servers(void** state) {
  refuse(*state, GCN__PKI_CLIENT_ONLY, &here, "not meant for a TLS server");
}

/* As with a clock that is years ahead, or behind. */
static void test_clock_ahead(void** state) {
  refuse(*state, GCN__PKI_EXPIRED, &here,
         "expired on 2021-01-01; check the local clock (local time 2");
}

static void test_clock_behind(void** state) {
  refuse(*state, GCN__PKI_FUTURE, &here,
         "is not valid before 2090-01-01; check the local clock (local time 2");
}

/* HTTP on the port where TLS should be: weather, and a hint. */
static void test_plain_http(void** state) {
  struct stage stage = {.user = {.client = NULL}};
  char url[96];
  secure_open_with(&stage.secure, GCN__PKI_SOUND, &here);
  service_open_plain(&stage.service, *state);
  snprintf(url, sizeof url, "https%s", strchr(stage.service.url, ':'));
  gcn_options_t options =
      tls_options(&stage.user, url, gcn__pki_ca(stage.secure.pki));
  service_begin_with(&stage.user, &stage.service, &options);
  harness_until(*state, &stage.user.backing_off);
  assert_int_equal(stage.user.failure, GCN_ETLS);
  assert_int_equal(stage.user.failure_layer, GCN_LAYER_TLS);
  assert_non_null(
      strstr(stage.user.failure_text, "the server answered in plain HTTP"));
  assert_true(stage.user.retry_in < SOON_MS);
  user_finish(&stage.user);
  service_close(&stage.service);
  secure_close(&stage.secure);
}

/* Another protocol altogether: a mail server's greeting, a record of a kind
 * that does not exist, an oversize one. */
static void test_garbage(void** state) {
  static const struct {
    struct gcn__span bytes;
    const char* text;
  } cases[] = {
      {{"220 mail ESMTP\r\n", 16}, "the peer answered in plain text, not TLS"},
      {{"\x63\x03\x03\x00\x02xx", 7}, "malformed TLS record"},
      {{"\x16\x03\x03\xff\xff", 5}, "an oversize TLS record"},
      {{"\x15\x03\x03\x00\x02\x02\x28", 7}, "alert 40, handshake_failure"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct secure secure;
    struct peer peer;
    struct user user = {.client = NULL};
    char url[64];
    secure_open_with(&secure, GCN__PKI_SOUND, &here);
    peer_listen(&peer, *state, "127.0.0.1", 0, PEER_LISTENS);
    snprintf(url, sizeof url, "https://127.0.0.1:%u", (unsigned)peer.port);
    gcn_options_t options = tls_options(&user, url, gcn__pki_ca(secure.pki));
    user_new(&user, *state, &options);
    gcn_client_start(user.client);
    while (peer.received == 0)
      uv_run(*state, UV_RUN_ONCE);
    peer_send(&peer, cases[i].bytes.data, cases[i].bytes.size);
    harness_until(*state, &user.backing_off);
    assert_int_equal(user.failure, GCN_ETLS);
    if (strstr(user.failure_text, cases[i].text) == NULL) {
      fail_msg("case %zu: %s", i, user.failure_text);
    }
    assert_true(user.retry_in < SOON_MS);
    user_finish(&user);
    peer_close(&peer);
    secure_close(&secure);
  }
}

/* A stream whose TLS is cut short is a broken stream, with a gap. */
static void test_stream_cut_short(void** state) {
  struct stage stage = {.user = {.client = NULL}};
  struct gcn__sim_listen_options sim = service_options();
  secure_open_with(&stage.secure, GCN__PKI_SOUND, &here);
  sim.tls = stage.secure.tls;
  service_open(&stage.service, *state, &sim);
  gcn_options_t options = tls_options(&stage.user, stage.service.url,
                                      gcn__pki_ca(stage.secure.pki));
  service_stream_with(&stage.user, &stage.service, &options);
  service_do(&stage.service, "tcp.reset");
  harness_until(*state, &stage.user.backing_off);
  assert_int_not_equal(stage.user.failure, 0);
  assert_true(stage.user.retry_in < SOON_MS);
  harness_until(*state, &stage.user.streaming);
  assert_true(stage.user.any_gap);
  user_finish(&stage.user);
  service_close(&stage.service);
  secure_close(&stage.secure);
}

enum {
  DAMAGED_AT = 20000, /* only the stream's connection gets as far as that */
  EVENT_COUNT = 100,
};

/* One bit, somewhere between many events: those before it are told, none behind
 * it is, and the time until the next stream is a gap. */
static void test_stream_damaged(void** state) {
  struct behind behind;
  char rule[64];
  behind_open(&behind, *state, true);
  behind.options.retry_cap_ms = CAP_MS;
  snprintf(rule, sizeof rule, "down corrupt at=%d", DAMAGED_AT);
  fault_rule(&behind.fault, rule);
  behind_stream(&behind);
  behind_emit(&behind, EVENT_COUNT);
  assert_int_equal(behind_await_failure(&behind), GCN_ETLS);
  assert_int_equal(behind.user.failure_layer, GCN_LAYER_TLS);
  assert_non_null(
      strstr(behind.user.failure_text, "a TLS record was damaged on its way"));
  assert_true(behind.user.retry_in < SOON_MS);
  assert_in_range(behind.user.counts[USER_EVENT], 1, EVENT_COUNT - 1);
  assert_int_equal(fault_fired(&behind.fault, 0), 1);
  behind_await_stream(&behind);
  assert_true(behind.user.any_gap);
  behind_close(&behind);
}

/* What is in use of the hub's memory. */
static void* metered_resize(void* data, void* ptr, size_t old_size,
                            size_t new_size) {
  size_t* size = data;
  *size += new_size;
  *size -= ptr == NULL ? 0 : old_size;
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

enum { CLIENTS = 3, BASE_SIZE_MIN = 2048 };

/* Of clients of one hub the first one pays for the certificates; the hub may be
 * released before them. */
static void test_hub_has_the_certificates_once(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__pki* pki = gcn__pki_new();
  assert_non_null(pki);
  size_t size = 0;
  gcn_options_t hub_options;
  gcn_options_init(&hub_options);
  hub_options.alloc_cb = metered_resize;
  hub_options.alloc_data = &size;
  gcn_hub_t* hub;
  assert_int_equal(gcn_hub_new(&hub, loop, &hub_options), 0);
  struct user users[CLIENTS];
  for (int i = 0; i < CLIENTS; i++) {
    users[i] = (struct user){.client = NULL};
    gcn_options_t options =
        tls_options(&users[i], "https://127.0.0.1:1", gcn__pki_ca(pki));
    options.hub = hub;
    size_t before = size;
    user_new(&users[i], loop, &options);
    assert_int_equal(size - before > BASE_SIZE_MIN, i == 0);
  }
  gcn_hub_release(hub);
  for (int i = 0; i < CLIENTS; i++) {
    assert_true(size > 0);
    user_finish(&users[i]);
  }
  assert_int_equal(size, 0);
  gcn__pki_free(pki);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_self_signed),
      LOOP_TEST(test_another_host),
      LOOP_TEST(test_not_for_servers),
      LOOP_TEST(test_clock_ahead),
      LOOP_TEST(test_clock_behind),
      LOOP_TEST(test_plain_http),
      LOOP_TEST(test_garbage),
      LOOP_TEST(test_stream_cut_short),
      LOOP_TEST(test_stream_damaged),
      LOOP_TEST(test_hub_has_the_certificates_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
