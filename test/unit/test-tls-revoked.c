/* SPDX-License-Identifier: MIT */
/*
 * Lists of revoked certificates beside the CA certificates.
 */
#include "base/err.h"
#include "mem-probe.h"
#include "s1-case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIST_SIZE = 2048 };

static char anchors[2 * FORGE_PEM_SIZE];
static char folder[] = "/tmp/gcn-revoked-XXXXXX";
static char path[sizeof(folder) + 8];
static char list_path[sizeof(folder) + 8];

#define REVOKED "was revoked by its issuer"
#define DAMAGED "hold a list of revoked certificates (CRL) that cannot be read"
#define NO_LIST "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"

/* A leaf by the root itself. */
static int set_up(void** state) {
  const int rc = s1_set_up(state);
  struct s1_plan plan = s1_good();
  plan.leaf.issuer = &s1_chain.root;
  s1_forge(&plan);
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof(path), "%s/ca.pem", folder);
  snprintf(list_path, sizeof(list_path), "%s/ca.r0", folder);
  return rc;
}

static int tear_down(void** state) {
  unlink(path);
  unlink(list_path);
  rmdir(folder);
  s1_free();
  return s1_tear_down(state);
}

static const char* with_list(const struct forged* issuer, unsigned char serial,
                             const char* until) {
  char list[LIST_SIZE];
  forge_list(issuer, serial, until, list, sizeof(list));
  snprintf(anchors, sizeof(anchors), "%s%s", s1_chain.root.pem, list);
  return anchors;
}

static void write_at(const char* where, const char* text) {
  FILE* file = fopen(where, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void write_file(const char* text) {
  write_at(path, text);
}

static int load_path(const char* where, struct gcn__tls_config** config,
                     char text[GCN__TLS_TEXT_SIZE]) {
  const struct gcn__tls_client_options options = {.ca_path = where};
  return gcn__tls_config_client(&gcn__mem_libc, &options, config, text);
}

static int load_file(struct gcn__tls_config** config,
                     char text[GCN__TLS_TEXT_SIZE]) {
  return load_path(path, config, text);
}

static void visit(struct gcn__tls_config* client, const char* refusal) {
  struct gcn__tls_config* server =
      server_config(s1_chain.leaf.pem, s1_chain.leaf.key_pem);
  struct pair pair;
  pair_init(&pair, client, server, HOST);
  s1_talk(&pair);
  if (refusal == NULL) {
    s1_assert_accepted(&pair);
  } else {
    assert_failed(&pair.client, GCN_ETLSVERIFY, refusal);
    assert_int_equal(gcn__buf_size(&pair.server.plain), 0);
  }
  pair_deinit(&pair);
  gcn__tls_config_release(server);
}

static void visit_with(const char* ca, const char* refusal) {
  struct gcn__tls_config* client = client_config(ca, false);
  visit(client, refusal);
  gcn__tls_config_release(client);
}

static void lists_are_heeded(void** state) {
  (void)state;
  visit_with(with_list(&s1_chain.root, FORGED_SERIAL, NULL), REVOKED);
  visit_with(with_list(&s1_chain.root, FORGED_SERIAL + 1, NULL), NULL);
  visit_with(with_list(&s1_chain.root, FORGED_SERIAL + 1, "20210101000000"),
             "is out of date");
}

/* By another issuer: it says nothing about ours. */
static void a_strangers_list_does_not_count(void** state) {
  (void)state;
  visit_with(with_list(&s1_chain.middle, FORGED_SERIAL, NULL), NULL);
}

/* By another key under our issuer's name: somebody has been at the file. */
static void a_forged_list_is_refused(void** state) {
  (void)state;
  struct forged* twin = calloc(1, sizeof(*twin));
  assert_non_null(twin);
  const struct forgery root = {.name = "Root", .is_ca = 1, .path_length = -1};
  forge(twin, &root);
  visit_with(with_list(twin, FORGED_SERIAL + 1, NULL), "not properly signed");
  forged_free(twin);
  free(twin);
}

/* The list is part of the file, and a new one counts at once. */
static void files_have_lists_too(void** state) {
  (void)state;
  struct gcn__tls_config* client = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  write_file(s1_chain.root.pem);
  assert_int_equal(load_file(&client, text), 0);
  visit(client, NULL);
  write_file(with_list(&s1_chain.root, FORGED_SERIAL, NULL));
  assert_int_equal(gcn__tls_config_refresh(client, 5000, text), 1);
  visit(client, REVOKED);
  /* One that cannot be read changes nothing. */
  snprintf(anchors, sizeof(anchors), "%s%s", s1_chain.root.pem, NO_LIST);
  write_file(anchors);
  assert_int_equal(gcn__tls_config_refresh(client, 10000, text), GCN_ECONFIG);
  assert_non_null(strstr(text, DAMAGED));
  visit(client, REVOKED);
  gcn__tls_config_release(client);
}

static void a_damaged_list_is_refused(void** state) {
  (void)state;
  struct gcn__tls_config* client = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  snprintf(anchors, sizeof(anchors), "%s%s", s1_chain.root.pem, NO_LIST);
  const struct gcn__tls_client_options options = {.ca_pem =
                                                      gcn__span_str(anchors)};
  assert_int_equal(
      gcn__tls_config_client(&gcn__mem_libc, &options, &client, text),
      GCN_ECONFIG);
  assert_string_equal(text, "the CA certificates " DAMAGED);
  write_file(anchors);
  assert_int_equal(load_file(&client, text), GCN_ECONFIG);
  assert_non_null(strstr(text, path));
  assert_non_null(strstr(text, DAMAGED));
}

static void visit_by_path(const char* where, const char* refusal) {
  struct gcn__tls_config* client = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  const int error = load_path(where, &client, text);
  if (error != 0) fail_msg("%s", text);
  visit(client, refusal);
  gcn__tls_config_release(client);
}

/* The pieces of a text: 'r'oot certificate, 'l'ist of the root (which revokes
 * the leaf), list of a 's'tranger; all else as it stands. */
static void compose(const char* plan, char* text, size_t size) {
  char list[LIST_SIZE];
  char strange[LIST_SIZE];
  forge_list(&s1_chain.root, FORGED_SERIAL, NULL, list, sizeof(list));
  forge_list(&s1_chain.middle, FORGED_SERIAL, NULL, strange, sizeof(strange));
  size_t used = 0;
  text[0] = '\0';
  for (; *plan != '\0'; plan++) {
    const char one[] = {*plan, '\0'};
    const char* piece = one;
    if (*plan == 'r') piece = s1_chain.root.pem;
    if (*plan == 'l') piece = list;
    if (*plan == 's') piece = strange;
    used += (size_t)snprintf(text + used, size - used, "%s", piece);
    assert_true(used < size);
  }
}

static void a_list_counts_wherever_it_stands(void** state) {
  (void)state;
  static const char* const plans[] = {
      "lr",   "rl\n", "rl# END",        "rlr",        "rls",  "rsl", "srlr\n",
      "\tlr", "r  l", "\xef\xbb\xbflr", "r\r\nl\r\n", "rl- ",
  };
  for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
    static char text[4 * FORGE_PEM_SIZE];
    compose(plans[i], text, sizeof(text));
    visit_with(text, REVOKED);
    write_file(text);
    visit_by_path(path, REVOKED);
  }
}

/* Every one of them is read, and one that is cut is not passed over because
 * the end of another one follows. */
static void a_damaged_list_is_refused_wherever_it_stands(void** state) {
  (void)state;
  const char* root = s1_chain.root.pem;
  char list[LIST_SIZE];
  forge_list(&s1_chain.root, FORGED_SERIAL, NULL, list, sizeof(list));
  char cut[LIST_SIZE];
  snprintf(cut, sizeof(cut), "%.*s\n", (int)strlen(list) / 2, list);
  const char* const pieces[][3] = {
      {NO_LIST, root, ""}, {root, NO_LIST, list}, {root, list, NO_LIST},
      {root, list, cut},   {root, cut, list},     {cut, root, ""},
  };
  for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
    static char all[4 * FORGE_PEM_SIZE];
    snprintf(all, sizeof(all), "%s%s%s", pieces[i][0], pieces[i][1],
             pieces[i][2]);
    struct gcn__tls_config* client = NULL;
    char text[GCN__TLS_TEXT_SIZE];
    const struct gcn__tls_client_options options = {.ca_pem =
                                                        gcn__span_str(all)};
    assert_int_equal(
        gcn__tls_config_client(&gcn__mem_libc, &options, &client, text),
        GCN_ECONFIG);
    assert_non_null(strstr(text, DAMAGED));
    write_file(all);
    assert_int_equal(load_file(&client, text), GCN_ECONFIG);
    assert_non_null(strstr(text, DAMAGED));
  }
}

/* As `openssl rehash` lays them out: a list in a file of its own. */
static void directories_have_lists_too(void** state) {
  (void)state;
  struct gcn__tls_config* client = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  char list[LIST_SIZE];
  write_file(s1_chain.root.pem);
  visit_by_path(folder, NULL);
  forge_list(&s1_chain.root, FORGED_SERIAL, NULL, list, sizeof(list));
  write_at(list_path, list);
  visit_by_path(folder, REVOKED);
  write_at(list_path, "no certificate, which is fine");
  visit_by_path(folder, NULL);
  write_at(list_path, NO_LIST);
  assert_int_equal(load_path(folder, &client, text), GCN_ECONFIG);
  assert_non_null(strstr(text, DAMAGED));
  assert_non_null(strstr(text, list_path));
  assert_int_equal(unlink(list_path), 0);
}

/* What does not fit is refused by its size, not read for minutes. */
static void a_huge_file_is_refused(void** state) {
  (void)state;
  struct gcn__tls_config* client = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  write_file(s1_chain.root.pem);
  assert_int_equal(truncate(path, (64 << 20) + 1), 0);
  assert_int_equal(load_file(&client, text), GCN_ECONFIG);
  assert_non_null(strstr(text, "is larger than 64 MiB"));
  assert_int_equal(load_path(folder, &client, text), GCN_ECONFIG);
  assert_non_null(strstr(text, "is larger than 64 MiB"));
}

/* Whichever of our allocations fails: no list is lost on the way. */
static void no_list_is_lost_for_lack_of_memory(void** state) {
  (void)state;
  const char* const places[] = {path, folder};
  write_file(with_list(&s1_chain.root, FORGED_SERIAL, NULL));
  for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
    int rc = GCN__ENOMEM;
    for (size_t n = 1; rc != 0; n++) {
      struct mem_probe probe = {.fail_at = n};
      const struct gcn__mem mem = mem_probe_mem(&probe);
      const struct gcn__tls_client_options options = {.ca_path = places[i]};
      struct gcn__tls_config* client = NULL;
      char text[GCN__TLS_TEXT_SIZE];
      rc = gcn__tls_config_client(&mem, &options, &client, text);
      assert_true(rc == 0 || rc == GCN__ENOMEM);
      if (rc == 0) visit(client, REVOKED);
      gcn__tls_config_release(client);
      assert_int_equal(probe.live_size, 0);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_are_heeded),
      cmocka_unit_test(a_strangers_list_does_not_count),
      cmocka_unit_test(a_forged_list_is_refused),
      cmocka_unit_test(files_have_lists_too),
      cmocka_unit_test(a_damaged_list_is_refused),
      cmocka_unit_test(a_list_counts_wherever_it_stands),
      cmocka_unit_test(a_damaged_list_is_refused_wherever_it_stands),
      cmocka_unit_test(directories_have_lists_too),
      cmocka_unit_test(a_huge_file_is_refused),
      cmocka_unit_test(no_list_is_lost_for_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
