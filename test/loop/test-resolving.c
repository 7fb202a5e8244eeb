/* SPDX-License-Identifier: MIT */
/*
 * Names that lead to places one would rather not go, and a host program that
 * keeps all of libuv's threads busy: FAULTS D08 and D09.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

enum { DNS_MS = 200 };

/* --- addresses ------------------------------------------------------------ */

/* The data of a client with a resolver: the user first, since call-backs cast.
 */
struct resolved {
  struct user user;
  const char* answer;
  bool deny_private; /* the hook judges what it found */
  unsigned asked;
};

/* Loopback, link-local, RFC 1918, and "this machine". */
static bool is_private(const struct sockaddr_in* name) {
  uint32_t ip = ntohl(name->sin_addr.s_addr);
  return ip >> 24 == 127 || ip >> 24 == 0 || ip >> 24 == 10 ||
         ip >> 16 == 0xa9fe || ip >> 16 == 0xc0a8 || ip >> 20 == 0xac1;
}

static int on_resolve(void* data, const char* host, gcn_resolve_t* request) {
  struct resolved* resolved = data;
  struct sockaddr_in name;
  assert_string_equal(host, "localhost");
  assert_int_equal(uv_ip4_addr(resolved->answer, 0, &name), 0);
  resolved->asked++;
  if (resolved->deny_private && is_private(&name)) return UV_EACCES;
  const struct sockaddr* const list[] = {(const struct sockaddr*)&name};
  gcn_resolve_done(request, 0, list, 1);
  return 0;
}

struct house {
  struct service service;
  struct gcn__pki* pki;
  struct gcn__tls_config* tls;
  char url[64];
};

/* A service with a certificate for this name. */
static void house_open(struct house* house, uv_loop_t* loop, const char* name) {
  const struct gcn__pki_names leaf = {&name, 1, NULL, 0};
  struct gcn__sim_listen_options sim = service_options();
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  house->pki = gcn__pki_new();
  assert_non_null(house->pki);
  assert_int_equal(
      gcn__pki_issue(house->pki, &leaf, GCN__PKI_SOUND, certificate, key), 0);
  assert_int_equal(
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &house->tls, text),
      0);
  sim.tls = house->tls;
  service_open(&house->service, loop, &sim);
  snprintf(house->url, sizeof house->url, "https://localhost:%u",
           (unsigned)gcn__sim_listen_port(house->service.listen));
  gcn__sim_set_authority(gcn__sim_listen_service(house->service.listen),
                         house->url + strlen("https://"));
}

static void house_close(struct house* house) {
  service_close(&house->service);
  gcn__tls_config_release(house->tls);
  gcn__pki_free(house->pki);
}

static void begin_resolved(struct resolved* resolved, struct house* house) {
  gcn_options_t options = user_options(&resolved->user, house->url);
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(house->pki);
  options.resolve_cb = on_resolve;
  options.phase_ms = 500 * harness_slowness();
  service_begin_with(&resolved->user, &house->service, &options);
}

/* Where an answer leads is no secret and no danger: who answers there has to
 * show a certificate for the name. */
static void test_any_address_is_allowed(void** state) {
  uv_loop_t* loop = *state;
  static const char* const answers[] = {"127.0.0.1", "0.0.0.0"};
  for (size_t i = 0; i < 2; i++) {
    for (int sound = 0; sound < 2; sound++) {
      struct house house;
      struct resolved resolved = {.answer = answers[i]};
      house_open(&house, loop, sound ? "localhost" : "somebody.else");
      begin_resolved(&resolved, &house);
      const struct user* user = &resolved.user;
      harness_until(loop, sound ? &user->streaming : &user->backing_off);
      if (!sound) assert_int_equal(user->failure, GCN_ETLSVERIFY);
      if (!sound) assert_false(user->seen & 1u << GCN_STREAMING);
      user_finish(&resolved.user);
      house_close(&house);
    }
  }
}

/* Nobody is there: that is no reason to stop asking. */
static void test_an_address_without_a_service(void** state) {
  uv_loop_t* loop = *state;
  struct house house;
  struct resolved resolved = {.answer = "127.0.0.9"};
  house_open(&house, loop, "localhost");
  begin_resolved(&resolved, &house);
  harness_until(loop, &resolved.user.backing_off);
  assert_int_equal(resolved.user.failure, UV_ECONNREFUSED);
  assert_int_equal(resolved.user.failure_layer, GCN_LAYER_TCP);
  resolved.answer = "127.0.0.1";
  harness_until(loop, &resolved.user.streaming);
  user_finish(&resolved.user);
  house_close(&house);
}

/* There is no option for it: who wants no private addresses says so in his own
 * resolver, and knows better than we which are his. */
static void test_a_hook_denies_private_addresses(void** state) {
  uv_loop_t* loop = *state;
  static const char* const answers[] = {"127.0.0.1",       "0.0.0.0",
                                        "169.254.169.254", "10.0.0.1",
                                        "192.168.1.1",     "172.16.0.1"};
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    struct house house;
    struct resolved resolved = {.answer = answers[i], .deny_private = true};
    house_open(&house, loop, "localhost");
    begin_resolved(&resolved, &house);
    harness_until(loop, &resolved.user.backing_off);
    assert_int_equal(resolved.user.failure, UV_EACCES);
    assert_int_equal(resolved.user.failure_layer, GCN_LAYER_DNS);
    assert_int_equal(gcn__sim_listen_connections(house.service.listen), 0);
    resolved.user.backing_off = false;
    harness_until(loop, &resolved.user.backing_off); /* it tries again */
    resolved.deny_private = false;
    resolved.answer = "127.0.0.1";
    harness_until(loop, &resolved.user.streaming);
    assert_true(resolved.asked > 1);
    user_finish(&resolved.user);
    house_close(&house);
  }
}

/* Answers when the test wants it. */
struct patient {
  struct user user; /* first, since call-backs cast */
  gcn_resolve_t* request;
  bool asked;
};

static int on_resolve_later(void* data, const char* host,
                            gcn_resolve_t* request) {
  struct patient* patient = data;
  (void)host;
  patient->request = request;
  patient->asked = true;
  return 0;
}

static void answer(struct patient* patient, const char* const* texts) {
  struct sockaddr_in names[2];
  const struct sockaddr* list[2];
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(uv_ip4_addr(texts[i], 0, &names[i]), 0);
    list[i] = (const struct sockaddr*)&names[i];
  }
  gcn_resolve_done(patient->request, 0, list, 2);
}

/* The first address is a hole.  The second one is tried a moment later, not
 * when the look-up, which is over, would have been given up. */
static void test_the_race_after_a_late_answer(void** state) {
  static const char* const addresses[] = {"127.0.0.9", "127.0.0.1"};
  uv_loop_t* loop = *state;
  struct service service;
  struct black_hole hole;
  struct patient patient = {.asked = false};
  char url[64];
  service_open_plain(&service, loop);
  uint16_t port = gcn__sim_listen_port(service.listen);
  black_hole_open(&hole, addresses[0], port);
  snprintf(url, sizeof url, "http://localhost:%u", (unsigned)port);
  gcn_options_t options = user_options(&patient.user, url);
  options.resolve_cb = on_resolve_later;
  options.dns_ms = 10000;
  service_begin_with(&patient.user, &service, &options);
  harness_until(loop, &patient.asked);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  answer(&patient, addresses);
  while (gcn__sim_listen_connections(service.listen) == 0)
    uv_run(loop, UV_RUN_ONCE);
  assert_in_range(gcn__loop_now_ms(loop) - begun_ms, 200,
                  2000 * harness_slowness());
  user_finish(&patient.user);
  black_hole_close(&hole);
  service_close(&service);
}

/* --- the host's threads --------------------------------------------------- */

enum { THREADS_MAX = 16 };

struct crowd {
  uv_work_t work[THREADS_MAX];
  uv_sem_t sem;
};

static void block(uv_work_t* work) {
  struct crowd* crowd = work->data;
  uv_sem_wait(&crowd->sem);
}

static void unblocked(uv_work_t* work, int status) {
  (void)work;
  (void)status;
}

static void crowd_begin(struct crowd* crowd, uv_loop_t* loop) {
  uv_sem_init(&crowd->sem, 0);
  for (int i = 0; i < THREADS_MAX; i++) {
    crowd->work[i].data = crowd;
    uv_queue_work(loop, &crowd->work[i], block, unblocked);
  }
}

static void crowd_end(struct crowd* crowd) {
  for (int i = 0; i < THREADS_MAX; i++)
    uv_sem_post(&crowd->sem);
}

/* Look-ups have their deadline though they never begin, and whoever needs none
 * does not notice. */
static void test_full_thread_pool(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct crowd crowd;
  struct user named = {.client = NULL};
  struct user literal = {.client = NULL};
  char url[64];
  service_open_plain(&service, loop);
  service_stream(&literal, &service);
  crowd_begin(&crowd, loop);
  snprintf(url, sizeof url, "http://localhost:%u",
           (unsigned)gcn__sim_listen_port(service.listen));
  gcn_options_t options = user_options(&named, url);
  options.dns_ms = DNS_MS;
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_begin_with(&named, &service, &options);
  service_emit_many(&service, 20);
  service_await_events(&literal, 20);
  literal.streaming = false;
  service_do(&service, "tcp.reset");
  harness_until(loop, &literal.streaming);
  assert_true(gcn__loop_now_ms(loop) - begun_ms <
              10 * DNS_MS * harness_slowness());
  harness_until(loop, &named.backing_off);
  assert_int_equal(named.failure, UV_ETIMEDOUT);
  assert_int_equal(named.failure_layer, GCN_LAYER_DNS);
  assert_in_range(gcn__loop_now_ms(loop) - begun_ms, DNS_MS,
                  DNS_MS + 1000 * harness_slowness());
  named.backing_off = false;
  harness_until(loop, &named.backing_off); /* and again */
  crowd_end(&crowd);
  harness_until(loop, &named.streaming);
  user_finish(&named);
  user_finish(&literal);
  service_close(&service);
  harness_settle(loop);
  uv_sem_destroy(&crowd.sem);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_any_address_is_allowed),
      LOOP_TEST(test_an_address_without_a_service),
      LOOP_TEST(test_a_hook_denies_private_addresses),
      LOOP_TEST(test_the_race_after_a_late_answer),
      LOOP_TEST(test_full_thread_pool),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
