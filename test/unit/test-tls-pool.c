/* SPDX-License-Identifier: MIT */
/*
 * Configurations of one pool: equal options are read and parsed once, what is
 * new is there for all and told to each, and the last one frees it.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
  PATH_SIZE = 64,
  LOOK_MS = 1000,
  CLIENTS = 3,
};

struct meter {
  size_t blocks; /* asked for in all */
  size_t size;   /* in use */
};

/* Two authorities, each with a site and a client's certificate. */
static struct gcn__pki* pkis[2];
static struct site sites[2];
static char certificate[GCN__PKI_PEM_SIZE_MAX];
static char key[GCN__PKI_PEM_SIZE_MAX];
static char folder[PATH_SIZE];
static char ca_path[PATH_SIZE + 8];

static struct gcn__tls_pool pool;
static struct meter shared; /* what the pool has */
static struct meter own;    /* what its configurations have */
static char why[GCN__TLS_TEXT_SIZE];
static uint64_t now_ms;

static void* metered_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct meter* meter = ctx;
  meter->blocks += ptr == NULL;
  meter->size += new_size;
  meter->size -= ptr == NULL ? 0 : old_size;
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static const struct gcn__mem shared_mem = {metered_resize, &shared};
static const struct gcn__mem own_mem = {metered_resize, &own};

static void put(const char* text) {
  char fresh[PATH_SIZE + 16];
  snprintf(fresh, sizeof(fresh), "%s.new", ca_path);
  FILE* out = fopen(fresh, "w");
  assert_non_null(out);
  assert_true(fputs(text, out) >= 0);
  assert_int_equal(fclose(out), 0);
  assert_int_equal(rename(fresh, ca_path), 0);
}

static int set_up(void** state) {
  (void)state;
  snprintf(folder, sizeof(folder), "/tmp/gcn-tls-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(ca_path, sizeof(ca_path), "%s/ca", folder);
  for (int i = 0; i < 2; i++) {
    pkis[i] = gcn__pki_new();
    if (pkis[i] == NULL) return -1;
    site_init(&sites[i], pkis[i], NULL, GCN__PKI_SOUND);
  }
  gcn__pki_issue(pkis[0], &localhost_names, GCN__PKI_CLIENT_ONLY, certificate,
                 key);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    site_deinit(&sites[i]);
    gcn__pki_free(pkis[i]);
  }
  unlink(ca_path);
  return rmdir(folder);
}

static int begin(void** state) {
  (void)state;
  shared = own = (struct meter){.size = 0};
  now_ms = LOOK_MS;
  gcn__tls_pool_init(&pool, &shared_mem);
  put(gcn__pki_ca(pkis[0]));
  return 0;
}

/* Whatever a test did, nothing is left. */
static int end(void** state) {
  (void)state;
  bool empty = gcn__list_empty(&pool.bases);
  gcn__tls_pool_deinit(&pool);
  return empty && shared.size == 0 && own.size == 0 ? 0 : -1;
}

static struct gcn__tls_client_options text_options(void) {
  return (struct gcn__tls_client_options){
      .ca_pem = gcn__span_str(gcn__pki_ca(pkis[0]))};
}

static struct gcn__tls_client_options file_options(void) {
  return (struct gcn__tls_client_options){.ca_path = ca_path};
}

static struct gcn__tls_config*
make(const struct gcn__tls_client_options* options) {
  struct gcn__tls_config* config = NULL;
  int error = gcn__tls_config_pooled(&pool, &own_mem, options, &config, why);
  if (error != 0) fail_msg("%d: %s", error, why);
  assert_string_equal(why, "");
  return config;
}

static void make_all(const struct gcn__tls_client_options* options,
                     struct gcn__tls_config* clients[CLIENTS]) {
  for (int i = 0; i < CLIENTS; i++)
    clients[i] = make(options);
}

static void release_all(struct gcn__tls_config* clients[CLIENTS]) {
  for (int i = 0; i < CLIENTS; i++)
    gcn__tls_config_release(clients[i]);
}

/* A handshake with the site of that authority, and a word each way; whether it
 * was a success. */
static bool visit(struct gcn__tls_config* client, int which, bool* resumed) {
  struct pair pair;
  pair_init(&pair, client, sites[which].server, HOST);
  pair_pump(&pair);
  bool open = gcn__tls_state(pair.client.tls) == GCN__TLS_OPEN;
  if (open) {
    assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("x")), 0);
    pair_pump(&pair);
    assert_int_equal(gcn__buf_size(&pair.client.plain), 1);
  }
  *resumed = gcn__tls_resumed(pair.client.tls);
  pair_deinit(&pair);
  return open;
}

static bool trusts(struct gcn__tls_config* client, int which) {
  bool resumed;
  return visit(client, which, &resumed);
}

static void equal_options_are_parsed_once(void** state) {
  (void)state;
  /* Equal, not the same bytes. */
  char* copy = gcn__str_copy(&gcn__mem_libc, gcn__pki_ca(pkis[0]));
  const struct gcn__tls_client_options options[] = {
      text_options(), {.ca_pem = gcn__span_str(copy)}};
  struct gcn__tls_config* first = make(&options[0]);
  size_t shared_blocks = shared.blocks;
  size_t own_size = own.size;
  assert_true(shared_blocks > 0);
  struct gcn__tls_config* second = make(&options[1]);
  assert_ptr_equal(first->base, second->base);
  assert_int_equal(shared.blocks, shared_blocks);
  assert_int_equal(own.size, 2 * own_size);
  assert_true(own_size <= 64);
  gcn__str_free(&gcn__mem_libc, copy);
  gcn__tls_config_release(first);
  assert_true(shared.size > 0);
  assert_true(trusts(second, 0));
  assert_false(trusts(second, 1));
  gcn__tls_config_release(second);
  assert_int_equal(shared.size, 0);
}

static void other_options_have_their_own(void** state) {
  (void)state;
  const struct gcn__span ca = gcn__span_str(gcn__pki_ca(pkis[0]));
  const struct gcn__tls_client_options cases[] = {
      {.ca_pem = ca},
      {.ca_pem = gcn__span_str(gcn__pki_ca(pkis[1]))},
      {.ca_path = ca_path},
      {.ca_pem = ca, .no_resume = true},
      {.ca_pem = ca, .tls12_only = true},
      {.ca_pem = ca, .client_cert_pem = certificate, .client_key_pem = key},
      {.ca_pem = ca,
       .client_cert_pem = certificate,
       .client_key_pem = key,
       .client_key_password = "of no use"},
      {.ca_path = ca_path, .client_key_password = "of no use"},
  };
  enum { CASES = sizeof(cases) / sizeof(*cases) };
  struct gcn__tls_config* made[CASES];
  for (size_t i = 0; i < CASES; i++) {
    made[i] = make(&cases[i]);
    for (size_t j = 0; j < i; j++)
      assert_ptr_not_equal(made[i]->base, made[j]->base);
  }
  for (size_t i = 0; i < CASES; i++) {
    struct gcn__tls_config* again = make(&cases[i]);
    assert_ptr_equal(again->base, made[i]->base);
    gcn__tls_config_release(again);
    gcn__tls_config_release(made[i]);
  }
}

static void a_changed_file_is_there_for_all(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = file_options();
  struct gcn__tls_config* clients[CLIENTS];
  make_all(&options, clients);
  assert_ptr_equal(clients[0]->base, clients[CLIENTS - 1]->base);
  put(gcn__pki_ca(pkis[1]));
  now_ms += LOOK_MS;
  for (int i = 0; i < CLIENTS; i++) {
    assert_int_equal(gcn__tls_config_refresh(clients[i], now_ms, why), 1);
    assert_string_equal(why, "");
    assert_true(trusts(clients[i], 1));
    assert_false(trusts(clients[i], 0));
    assert_int_equal(gcn__tls_config_refresh(clients[i], now_ms, why), 0);
  }
  release_all(clients);
}

static void a_newcomer_does_not_wait_for_a_look(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = file_options();
  struct gcn__tls_config* first = make(&options);
  assert_int_equal(gcn__tls_config_refresh(first, now_ms, why), 0);
  put(gcn__pki_ca(pkis[1]));
  struct gcn__tls_config* second = make(&options);
  assert_ptr_equal(first->base, second->base);
  assert_true(trusts(second, 1));
  assert_int_equal(gcn__tls_config_refresh(second, now_ms, why), 0);
  assert_int_equal(gcn__tls_config_refresh(first, now_ms, why), 1);
  gcn__tls_config_release(first);
  gcn__tls_config_release(second);
}

static void a_bad_file_is_told_to_each_once(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = file_options();
  struct gcn__tls_config* clients[CLIENTS];
  make_all(&options, clients);
  put("junk");
  for (int look = 0; look < 3; look++) {
    now_ms += LOOK_MS;
    for (int i = 0; i < CLIENTS; i++) {
      int result = gcn__tls_config_refresh(clients[i], now_ms, why);
      assert_int_equal(result, look == 0 ? GCN_ECONFIG : 0);
      assert_int_equal(strstr(why, "holds no certificate") != NULL, look == 0);
      assert_true(trusts(clients[i], 0));
    }
  }
  struct gcn__tls_config* late = clients[0];
  assert_int_equal(
      gcn__tls_config_pooled(&pool, &own_mem, &options, &late, why),
      GCN_ECONFIG);
  assert_null(late);
  assert_non_null(strstr(why, "holds no certificate"));
  put(gcn__pki_ca(pkis[0]));
  now_ms += LOOK_MS;
  for (int i = 0; i < CLIENTS; i++)
    assert_int_equal(gcn__tls_config_refresh(clients[i], now_ms, why), 1);
  release_all(clients);
}

/* What expires while it is in use goes on; who comes with it now is told. */
static void a_worn_certificate_is_read_again(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = {.ca_path = ca_path,
                                                  .client_cert_pem =
                                                      certificate,
                                                  .client_key_pem = key};
  struct gcn__tls_config* first = make(&options);
  first->base->material->certificates.valid_to.year = 2000;
  struct gcn__tls_config* second = make(&options);
  assert_int_not_equal(second->base->material->certificates.valid_to.year,
                       2000);
  assert_int_equal(gcn__tls_config_refresh(first, now_ms, why), 1);
  gcn__tls_config_release(first);
  gcn__tls_config_release(second);
}

/* Of a directory not every change is seen, so nobody relies on another's. */
static void directories_are_not_shared(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = {.ca_path = folder};
  struct gcn__tls_config* first = make(&options);
  struct gcn__tls_config* second = make(&options);
  assert_ptr_not_equal(first->base, second->base);
  gcn__tls_config_release(first);
  gcn__tls_config_release(second);
}

static void the_pool_may_go_first(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = text_options();
  struct gcn__tls_config* clients[CLIENTS];
  make_all(&options, clients);
  gcn__tls_pool_deinit(&pool);
  for (int i = 0; i < CLIENTS; i++)
    assert_true(trusts(clients[i], 0));
  release_all(clients);
  assert_int_equal(shared.size, 0);
}

/* Each has room for a session, whoever began it, and counts its own. */
static void all_of_them_resume(void** state) {
  (void)state;
  for (int old = 0; old < 2; old++) {
    struct gcn__tls_client_options options = text_options();
    options.tls12_only = old == 1;
    struct gcn__tls_config* clients[CLIENTS];
    struct pair pairs[CLIENTS];
    make_all(&options, clients);
    struct gcn__tls_sessions* sessions = &clients[0]->base->sessions;
    for (int turn = 0; turn < 2; turn++) {
      for (int i = 0; i < CLIENTS; i++)
        pair_init(&pairs[i], clients[i], sites[0].server, HOST);
      assert_int_equal(sessions->count, 0);
      for (int i = 0; i < CLIENTS; i++) {
        pair_pump(&pairs[i]);
        assert_int_equal(gcn__tls_write(pairs[i].server.tls, GCN__SPAN("x")),
                         0);
        pair_pump(&pairs[i]);
        assert_int_equal(gcn__tls_resumed(pairs[i].client.tls), turn == 1);
        pair_deinit(&pairs[i]);
      }
      assert_int_equal(sessions->count, CLIENTS);
    }
    for (int i = 0; i < CLIENTS; i++) {
      struct gcn__tls_counts counts = gcn__tls_config_counts(clients[i]);
      assert_int_equal(counts.full, 1);
      assert_int_equal(counts.resumed, 1);
    }
    release_all(clients);
  }
}

static void sessions_go_with_their_users(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = text_options();
  struct gcn__tls_config* clients[CLIENTS];
  make_all(&options, clients);
  struct gcn__tls_sessions* sessions = &clients[0]->base->sessions;
  enum { ROOM = CLIENTS * GCN__TLS_SESSION_COUNT_MAX };
  for (int i = 0; i < 2 * ROOM; i++) {
    char host[32];
    snprintf(host, sizeof(host), "h%d.example.test", i);
    struct gcn__tls_session session = {.size = 1,
                                       .bytes = gcn__alloc(&shared_mem, 1)};
    gcn__tls_sessions_put(sessions, host, &session);
    assert_null(session.bytes);
  }
  assert_int_equal(sessions->count, ROOM);
  gcn__tls_config_release(clients[0]);
  assert_int_equal(sessions->count, ROOM - GCN__TLS_SESSION_COUNT_MAX);
  gcn__tls_config_release(clients[1]);
  assert_int_equal(sessions->count, GCN__TLS_SESSION_COUNT_MAX);
  /* The newest ones are left. */
  struct gcn__tls_session left;
  char host[32];
  snprintf(host, sizeof(host), "h%d.example.test", 2 * ROOM - 1);
  gcn__tls_sessions_take(sessions, host, 0, &left);
  assert_non_null(left.bytes);
  gcn__tls_session_drop(&shared_mem, &left);
  gcn__tls_config_release(clients[2]);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      CASE(equal_options_are_parsed_once),
      CASE(other_options_have_their_own),
      CASE(a_changed_file_is_there_for_all),
      CASE(a_newcomer_does_not_wait_for_a_look),
      CASE(a_bad_file_is_told_to_each_once),
      CASE(a_worn_certificate_is_read_again),
      CASE(directories_are_not_shared),
      CASE(the_pool_may_go_first),
      CASE(all_of_them_resume),
      CASE(sessions_go_with_their_users),
  };
#undef CASE
  return cmocka_run_group_tests_name("tls-pool", tests, set_up, tear_down);
}
