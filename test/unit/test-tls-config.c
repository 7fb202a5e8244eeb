/* SPDX-License-Identifier: MIT */
/*
 * What the shared TLS configuration reads and what it says about bad files.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128 };

#define JUNK "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

static struct gcn__pki* pki;
static char folder[PATH_SIZE];
static char path[PATH_SIZE + 8];

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  snprintf(folder, sizeof(folder), "/tmp/gcn-tls-XXXXXX");
  if (pki == NULL || mkdtemp(folder) == NULL) {
    return -1;
  }
  snprintf(path, sizeof(path), "%s/ca", folder);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  gcn__pki_free(pki);
  unlink(path);
  return rmdir(folder);
}

static void write_file(const char* text) {
  FILE* file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* Loads `ca_path`; `complaint` NULL: it has to work. */
static void load(const char* ca_path, const char* complaint) {
  const struct gcn__tls_client_options options = {.ca_path = ca_path};
  struct gcn__tls_config* config = NULL;
  char text[GCN__TLS_TEXT_SIZE] = "old";
  const int rc =
      gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  if (complaint == NULL) {
    assert_string_equal(text, "");
    assert_int_equal(rc, 0);
    assert_non_null(config);
  } else {
    assert_int_equal(rc, GCN_ECONFIG);
    assert_null(config);
    if (strstr(text, complaint) == NULL) {
      fail_msg("\"%s\" is not in \"%s\"", complaint, text);
    }
  }
  gcn__tls_config_release(config);
}

static void files_are_read(void** state) {
  (void)state;
  write_file(gcn__pki_ca(pki));
  load(path, NULL);
  load(folder, NULL);
}

static void a_part_is_enough(void** state) {
  (void)state;
  char text[3 * GCN__PKI_PEM_SIZE_MAX];
  snprintf(text, sizeof(text), "# comment\n%s%s%s", JUNK, gcn__pki_ca(pki),
           JUNK);
  write_file(text);
  load(path, NULL);
  struct gcn__tls_config* config = client_config(text, false);
  gcn__tls_config_release(config);
}

static void bad_files_are_named(void** state) {
  (void)state;
  char want[2 * PATH_SIZE];
  snprintf(want, sizeof(want), "CA file '%s' is empty", path);
  write_file("");
  load(path, want);
  write_file("certainly not a certificate\n");
  load(path, "holds no certificate in PEM or DER form");
  write_file(JUNK);
  load(path, "holds no certificate");
  write_file("-----BEGIN CERTIFICATE-----\nno end");
  load(path, "holds no certificate");
  load(folder, "is a directory without a readable certificate");
  load("/nonexistent/ca.pem", "CA file '/nonexistent/ca.pem' does not exist");
  load("/dev/null/ca.pem", "not a directory");
  load("/dev/null", "is not a file");
  char large[400];
  memset(large, 'x', sizeof(large));
  large[sizeof(large) - 1] = '\0';
  load(large, "cannot be read");
}

static void bad_text_is_refused(void** state) {
  (void)state;
  const char* const texts[] = {"", "hello", JUNK};
  for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
    const struct gcn__tls_client_options options = {
        .ca_pem = gcn__span_str(texts[i])};
    struct gcn__tls_config* config = NULL;
    char text[GCN__TLS_TEXT_SIZE];
    assert_int_equal(
        gcn__tls_config_client(&gcn__mem_libc, &options, &config, text),
        GCN_ECONFIG);
    assert_non_null(strstr(text, "given as text"));
    assert_null(config);
  }
}

static void a_server_needs_a_matching_pair(void** state) {
  (void)state;
  struct site a;
  struct site b;
  site_init(&a, pki, NULL, GCN__PKI_SOUND);
  site_init(&b, pki, NULL, GCN__PKI_SOUND);
  const struct {
    const char* certificate;
    const char* key;
    const char* complaint;
  } cases[] = {
      {"junk", a.key, "certificate is not PEM"},
      {a.certificate, "junk", "key is not PEM"},
      {a.certificate, b.key, "key does not belong"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    struct gcn__tls_config* config = NULL;
    char text[GCN__TLS_TEXT_SIZE];
    const int rc = gcn__tls_config_server(
        &gcn__mem_libc, gcn__span_str(cases[i].certificate),
        gcn__span_str(cases[i].key), &config, text);
    assert_int_equal(rc, GCN_ECONFIG);
    assert_non_null(strstr(text, cases[i].complaint));
    /* Never a word of the key. */
    assert_null(strstr(text, "PRIVATE"));
    assert_null(config);
  }
  site_deinit(&a);
  site_deinit(&b);
}

/* A connection keeps its configuration (FAILURES F31). */
static void references_are_counted(void** state) {
  (void)state;
  struct site site;
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  assert_ptr_equal(gcn__tls_config_hold(site.client), site.client);
  gcn__tls_config_release(site.client);
  struct pair pair;
  pair_init(&pair, site.client, site.server, HOST);
  site_deinit(&site);
  gcn__tls_config_release(NULL);
  pair_pump(&pair);
  assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
  pair_deinit(&pair);
}

/* Old and new trust anchors live side by side while the user rotates them. */
static void anchors_rotate(void** state) {
  (void)state;
  struct gcn__pki* next = gcn__pki_new();
  assert_non_null(next);
  struct site sites[2];
  site_init(&sites[0], pki, NULL, GCN__PKI_SOUND);
  site_init(&sites[1], next, NULL, GCN__PKI_SOUND);
  char both[2 * GCN__PKI_PEM_SIZE_MAX];
  snprintf(both, sizeof(both), "%s%s", gcn__pki_ca(pki), gcn__pki_ca(next));
  struct gcn__tls_config* config = client_config(both, false);
  for (int i = 0; i < 2; i++) {
    struct pair pair;
    pair_init(&pair, config, sites[i].server, HOST);
    pair_pump(&pair);
    assert_int_equal(gcn__tls_state(pair.client.tls), GCN__TLS_OPEN);
    pair_deinit(&pair);
    site_deinit(&sites[i]);
  }
  gcn__tls_config_release(config);
  gcn__pki_free(next);
}

static void the_generator_generates(void** state) {
  (void)state;
  struct gcn__tls_config* config = client_config(gcn__pki_ca(pki), false);
  const struct gcn__entropy entropy = gcn__tls_config_entropy(config);
  static unsigned char large[5000];
  unsigned char small[2][16];
  assert_int_equal(entropy.fill(entropy.ctx, large, sizeof(large)), 0);
  assert_int_equal(entropy.fill(entropy.ctx, small[0], 16), 0);
  assert_int_equal(entropy.fill(entropy.ctx, small[1], 16), 0);
  assert_int_equal(entropy.fill(entropy.ctx, NULL, 0), 0);
  assert_memory_not_equal(small[0], small[1], 16);
  size_t zeros = 0;
  for (size_t i = 0; i < sizeof(large); i++) {
    zeros += large[i] == 0;
  }
  assert_true(zeros < 100);
  gcn__tls_config_release(config);
}

/* The n-th allocation through the caller's allocator fails. */
struct failing {
  int left;
  int live;
};

static void* failing_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct failing* failing = ctx;
  if (new_size == 0) {
    failing->live -= ptr != NULL;
    return gcn__mem_libc.resize(NULL, ptr, old_size, 0);
  }
  if (failing->left-- == 0) {
    return NULL;
  }
  failing->live += ptr == NULL;
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static void our_allocations_may_fail(void** state) {
  (void)state;
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__pki_ca(pki))};
  int rc = GCN__ENOMEM;
  for (int n = 0; rc == GCN__ENOMEM; n++) {
    assert_in_range(n, 0, 10);
    struct failing failing = {.left = n};
    const struct gcn__mem mem = {failing_resize, &failing};
    struct gcn__tls_config* config = NULL;
    char text[GCN__TLS_TEXT_SIZE];
    rc = gcn__tls_config_client(&mem, &options, &config, text);
    if (rc == GCN__ENOMEM) {
      assert_string_equal(text, "out of memory");
    } else {
      assert_int_equal(rc, 0);
      struct gcn__buf out;
      gcn__buf_init(&out, &mem, 1 << 16);
      struct gcn__tls* tls = NULL;
      failing.left = 0;
      assert_int_equal(gcn__tls_new(config, &mem, HOST, &out, &tls),
                       GCN__ENOMEM);
      assert_null(tls);
    }
    gcn__tls_config_release(config);
    assert_int_equal(failing.live, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_are_read),
      cmocka_unit_test(a_part_is_enough),
      cmocka_unit_test(bad_files_are_named),
      cmocka_unit_test(bad_text_is_refused),
      cmocka_unit_test(a_server_needs_a_matching_pair),
      cmocka_unit_test(references_are_counted),
      cmocka_unit_test(anchors_rotate),
      cmocka_unit_test(the_generator_generates),
      cmocka_unit_test(our_allocations_may_fail),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
