/* SPDX-License-Identifier: MIT */
/*
 * Client certificates: what servers that want one get to see, and what is said
 * about bad ones before anything is sent.
 */
#include "codec/tls.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "tls-forge.h"
#include "tls-keys.h"
#include "tls-pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 64 };

typedef struct gcn__tls_client_options options_t;

static struct gcn__pki* pki;
static struct site site; /* its server wants a certificate of `pki` */
static char folder[PATH_SIZE];
static char cert_path[PATH_SIZE + 8];
static char key_path[PATH_SIZE + 8];
/* A client's, by the same authority. */
static char cert[GCN__PKI_PEM_SIZE_MAX];
static char key[GCN__PKI_PEM_SIZE_MAX];
static char pems[2][TEST_KEY_SIZE];
static struct forged forged;

static int set_up(void** state) {
  (void)state;
  pki = gcn__pki_new();
  snprintf(folder, sizeof(folder), "/tmp/gcn-tls-XXXXXX");
  if (pki == NULL || mkdtemp(folder) == NULL) {
    return -1;
  }
  snprintf(cert_path, sizeof(cert_path), "%s/cert", folder);
  snprintf(key_path, sizeof(key_path), "%s/key", folder);
  site_init(&site, pki, NULL, GCN__PKI_SOUND);
  mbedtls_ssl_config* ssl = &site.server->base->material->ssl;
  mbedtls_ssl_conf_authmode(ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(ssl, &site.client->base->material->anchors, NULL);
  return gcn__pki_issue(pki, &localhost_names, GCN__PKI_CLIENT_ONLY, cert, key);
}

static int tear_down(void** state) {
  (void)state;
  site_deinit(&site);
  gcn__pki_free(pki);
  unlink(cert_path);
  unlink(key_path);
  return rmdir(folder);
}

static void write_file(const char* path, const char* text) {
  FILE* file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static struct gcn__tls_config* load(options_t options) {
  options.ca_pem = gcn__span_str(gcn__pki_ca(pki));
  struct gcn__tls_config* config = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  const int rc =
      gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  assert_string_equal(text, "");
  assert_int_equal(rc, 0);
  return config;
}

static void refuse(options_t options, const char* complaint) {
  options.ca_pem = gcn__span_str(gcn__pki_ca(pki));
  struct gcn__tls_config* config = NULL;
  char text[GCN__TLS_TEXT_SIZE];
  const int rc =
      gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  assert_int_equal(rc, GCN_ECONFIG);
  assert_null(config);
  if (strncmp(text, complaint, strlen(complaint)) != 0) {
    fail_msg("\"%s\" does not begin with \"%s\"", text, complaint);
  }
  assert_null(strstr(text, "PRIVATE"));
  assert_null(strstr(text, "sesame"));
}

/* Both ends open and a word each way. */
static void visit(struct gcn__tls_config* client, bool resumed) {
  struct pair pair;
  pair_init(&pair, client, site.server, HOST);
  pair_pump(&pair);
  assert_string_equal(gcn__tls_error(pair.client.tls), "");
  assert_string_equal(gcn__tls_error(pair.server.tls), "");
  assert_int_equal(gcn__tls_write(pair.client.tls, GCN__SPAN("ping")), 0);
  assert_int_equal(gcn__tls_write(pair.server.tls, GCN__SPAN("pong")), 0);
  pair_pump(&pair);
  assert_int_equal(gcn__buf_size(&pair.client.plain), 4);
  assert_int_equal(gcn__buf_size(&pair.server.plain), 4);
  assert_int_equal(gcn__tls_resumed(pair.client.tls), resumed);
  pair_deinit(&pair);
}

static void visit_twice(const options_t* options) {
  for (int old = 0; old < 2; old++) {
    options_t changed = *options;
    changed.tls12_only = old == 1;
    struct gcn__tls_config* client = load(changed);
    visit(client, false);
    visit(client, true);
    gcn__tls_config_release(client);
  }
}

static void servers_get_the_certificate(void** state) {
  (void)state;
  const options_t texts = {.client_cert_pem = cert, .client_key_pem = key};
  visit_twice(&texts);
  write_file(cert_path, cert);
  write_file(key_path, key);
  const options_t files = {.client_cert_path = cert_path,
                           .client_key_path = key_path};
  visit_twice(&files);
  const options_t mixed = {.client_cert_path = cert_path,
                           .client_key_pem = key,
                           .client_key_path = "/nonexistent"};
  visit_twice(&mixed);
}

/* One file may hold both. */
static void a_file_may_hold_both(void** state) {
  (void)state;
  char both[2 * GCN__PKI_PEM_SIZE_MAX];
  snprintf(both, sizeof(both), "%s%s", key, cert);
  write_file(cert_path, both);
  const options_t options = {.client_cert_path = cert_path,
                             .client_key_path = cert_path};
  visit_twice(&options);
}

/* `forged` becomes a certificate of the P-256 key in tls-keys. */
static void forge_own(const char* until) {
  test_key_get(KEY_EC, pems[0]);
  forge(&forged,
        &(struct forgery){.name = "Own", .key_pem = pems[0], .until = until});
}

static void an_encrypted_key_needs_its_password(void** state) {
  (void)state;
  forge_own(NULL);
  test_key_get(KEY_EC_ENCRYPTED, pems[1]);
  write_file(key_path, pems[1]);
  const options_t text = {.client_cert_pem = forged.pem,
                          .client_key_pem = pems[1]};
  const options_t file = {.client_cert_pem = forged.pem,
                          .client_key_path = key_path};
  refuse(text, "client_key_pem: the key is encrypted, and there is no "
               "client_key_password");
  char want[2 * PATH_SIZE];
  snprintf(want, sizeof(want), "client_key_path: the key '%s' is encrypted",
           key_path);
  refuse(file, want);
  for (int i = 0; i < 2; i++) {
    options_t options = i == 0 ? text : file;
    options.client_key_password = "guess";
    refuse(options, i == 0 ? "client_key_pem: the key is encrypted with "
                             "another password than client_key_password"
                           : want);
    options.client_key_password = "sesame";
    gcn__tls_config_release(load(options));
  }
  forged_free(&forged);
}

static void an_unknown_encryption_is_named(void** state) {
  (void)state;
  forge_own(NULL);
  test_key_get(KEY_EC_OLD, pems[1]);
  const options_t options = {.client_cert_pem = forged.pem,
                             .client_key_pem = pems[1],
                             .client_key_password = "sesame"};
#if defined(MBEDTLS_DES_C) && defined(MBEDTLS_MD5_C)
  gcn__tls_config_release(load(options));
#else
  refuse(options, "client_key_pem: the key is encrypted in a way that is not "
                  "supported; convert it with openssl pkcs8 -topk8");
#endif
  forged_free(&forged);
}

/* Leaf, issuer and root, all with keys of 4096 bits. */
static void forge_long_chain(struct forged chain[3]) {
  static const char* const names[] = {"Leaf", "Middle", "Root"};
  test_key_get(KEY_RSA_4096, pems[0]);
  for (int i = 2; i >= 0; i--) {
    forge(&chain[i], &(struct forgery){.name = names[i],
                                       .key_pem = pems[0],
                                       .issuer = i == 2 ? NULL : &chain[i + 1],
                                       .is_ca = i > 0,
                                       .path_length = -1});
  }
}

/* Mbed TLS does not cut a handshake message into records: all of the chain has
 * to fit into one, whatever buffers it was built with. */
static void a_long_chain_fits(void** state) {
  (void)state;
  static struct forged chain[3];
  static char all[3 * FORGE_PEM_SIZE];
  mbedtls_x509_crt root;
  mbedtls_ssl_config* ssl = &site.server->base->material->ssl;
  forge_long_chain(chain);
  snprintf(all, sizeof(all), "%s%s%s", chain[0].pem, chain[1].pem,
           chain[2].pem);
  mbedtls_x509_crt_init(&root);
  assert_int_equal(mbedtls_x509_crt_parse(&root,
                                          (const unsigned char*)chain[2].pem,
                                          strlen(chain[2].pem) + 1),
                   0);
  mbedtls_ssl_conf_ca_chain(ssl, &root, NULL);
  const options_t options = {.client_cert_pem = all, .client_key_pem = pems[0]};
  struct gcn__tls_config* config = load(options);
  size_t size = 0;
  const mbedtls_x509_crt* at = &config->base->material->certificates;
  for (; at != NULL; at = at->next)
    size += at->raw.len;
  assert_true(size > 3 * 1024);
  gcn__tls_config_release(config);
  visit_twice(&options);
  mbedtls_ssl_conf_ca_chain(ssl, &site.client->base->material->anchors, NULL);
  mbedtls_x509_crt_free(&root);
  for (int i = 0; i < 3; i++)
    forged_free(&chain[i]);
}

static void bad_texts_are_named(void** state) {
  (void)state;
  char partly[2 * GCN__PKI_PEM_SIZE_MAX];
  snprintf(partly, sizeof(partly),
           "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
           cert);
  const struct {
    options_t options;
    const char* complaint;
  } cases[] = {
      {{.client_cert_pem = "junk", .client_key_pem = key},
       "client_cert_pem: the certificate is not PEM"},
      {{.client_cert_pem = "", .client_key_pem = key},
       "client_cert_pem: the certificate is not PEM"},
      {{.client_cert_pem = key, .client_key_pem = cert},
       "client_cert_pem: the certificate is not PEM"},
      {{.client_cert_pem = partly, .client_key_pem = key},
       "client_cert_pem: the certificate is PEM, but not all of it"},
      {{.client_cert_pem = cert, .client_key_pem = "junk"},
       "client_key_pem: the key is not PEM"},
      {{.client_cert_pem = cert, .client_key_pem = ""},
       "client_key_pem: the key is not PEM"},
      {{.client_cert_pem = cert, .client_key_pem = site.key},
       "client_key_pem: the key does not belong to the certificate"},
      {{.client_cert_pem = cert},
       "client_cert_pem: a client's certificate needs its key, too"},
      {{.client_key_path = "/x"},
       "client_key_path: a client's key needs its certificate, too"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    refuse(cases[i].options, cases[i].complaint);
  }
}

static void bad_files_are_named(void** state) {
  (void)state;
  write_file(cert_path, cert);
  write_file(key_path, "");
  char want[2 * PATH_SIZE];
  snprintf(want, sizeof(want), "client_key_path: the key '%s' is empty",
           key_path);
  const options_t empty = {.client_cert_path = cert_path,
                           .client_key_path = key_path};
  refuse(empty, want);
  const struct {
    const char* path;
    const char* what;
  } cases[] = {
      {"/nonexistent", "does not exist"},
      {"/dev/null", "is not a file"},
      {"/tmp", "is a directory"},
      {cert_path, "is not PEM"},
  };
  for (size_t i = 0; i < 4; i++) {
    snprintf(want, sizeof(want), "client_key_path: the key '%s' %s",
             cases[i].path, cases[i].what);
    const options_t options = {.client_cert_path = cert_path,
                               .client_key_path = cases[i].path};
    refuse(options, want);
    snprintf(want, sizeof(want), "client_cert_path: the certificate '%s' %s",
             i == 3 ? key_path : cases[i].path,
             i == 3 ? "is empty" : cases[i].what);
    const options_t other = {.client_cert_path =
                                 i == 3 ? key_path : cases[i].path,
                             .client_key_path = cert_path};
    refuse(other, want);
  }
}

static bool is_readable(const char* path) {
  FILE* file = fopen(path, "r");
  return file != NULL && fclose(file) == 0;
}

/* Root may read anything, so it is somebody else for a moment, where it can. */
static void an_unreadable_file_is_named(void** state) {
  (void)state;
  enum { NOBODY = 65534 };
  write_file(cert_path, cert);
  write_file(key_path, key);
  assert_int_equal(chmod(folder, 0755), 0);
  assert_int_equal(chmod(key_path, 0), 0);
  const bool changed = geteuid() == 0 && seteuid(NOBODY) == 0;
  const options_t options = {.client_cert_path = cert_path,
                             .client_key_path = key_path};
  char want[3 * PATH_SIZE];
  snprintf(want, sizeof(want),
           "client_key_path: the key '%s' cannot be read; check its "
           "permissions",
           key_path);
  if (is_readable(key_path)) {
    gcn__tls_config_release(load(options));
  } else {
    refuse(options, want);
  }
  assert_true(!changed || seteuid(0) == 0);
  assert_int_equal(chmod(key_path, 0600), 0);
}

static void an_expired_certificate_is_not_shown(void** state) {
  (void)state;
  forge_own("20210203000000");
  const options_t options = {.client_cert_pem = forged.pem,
                             .client_key_pem = pems[0]};
  refuse(options, "client_cert_pem: the certificate expired on 2021-02-03; "
                  "have it renewed");
  forged_free(&forged);
}

static void ed25519_is_named(void** state) {
  (void)state;
  const enum test_key certificates[] = {KEY_ED25519_SELF, KEY_ED25519_BY_EC};
  test_key_get(KEY_ED25519, pems[1]);
  for (size_t i = 0; i < 2; i++) {
    test_key_get(certificates[i], pems[0]);
    const options_t options = {.client_cert_pem = pems[0],
                               .client_key_pem = pems[1]};
    refuse(options, "client_cert_pem: the certificate is of a kind, or signed "
                    "in a way, that is not supported (Ed25519 is one)");
  }
  const options_t options = {.client_cert_pem = cert,
                             .client_key_pem = pems[1]};
  refuse(options, "client_key_pem: the key is of a kind, or signed in a way, "
                  "that is not supported (Ed25519 is one)");
}

/* The server's verdict comes after our end has opened, in TLS 1.3. */
static void a_strangers_certificate_is_refused(void** state) {
  (void)state;
  struct gcn__pki* other = gcn__pki_new();
  assert_non_null(other);
  char strange[2][GCN__PKI_PEM_SIZE_MAX];
  assert_int_equal(gcn__pki_issue(other, &localhost_names, GCN__PKI_CLIENT_ONLY,
                                  strange[0], strange[1]),
                   0);
  for (int old = 0; old < 2; old++) {
    struct gcn__tls_config* client =
        load((options_t){.client_cert_pem = strange[0],
                         .client_key_pem = strange[1],
                         .tls12_only = old == 1});
    struct pair pair;
    pair_init(&pair, client, site.server, HOST);
    pair_pump(&pair);
    /* Mbed TLS's server says so in TLS 1.3 under keys that are out of date. */
    assert_failed(&pair.client, GCN_ETLS,
                  old == 0 ? "damaged"
                           : "alert 48, unknown_ca: it does not know who "
                             "issued the client certificate");
    assert_int_equal(pair.server.rc, GCN_ETLSVERIFY);
    assert_int_equal(client->base->sessions.count, 0);
    pair_deinit(&pair);
    gcn__tls_config_release(client);
  }
  gcn__pki_free(other);
}

/* The n-th allocation fails; nothing freed holds a word of the key. */
struct failing {
  int left;
  int live;
};

static void* failing_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct failing* failing = ctx;
  if (new_size > 0 && failing->left-- == 0) {
    return NULL;
  }
  if (ptr != NULL && new_size == 0) {
    assert_null(memmem(ptr, old_size, "PRIVATE KEY", 11));
    assert_null(memmem(ptr, old_size, "sesame", 6));
  }
  failing->live += (ptr == NULL) - (new_size == 0);
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static void try_all_allocations(const options_t* options) {
  int rc = GCN__ENOMEM;
  for (int n = 0; rc == GCN__ENOMEM; n++) {
    assert_in_range(n, 0, 20);
    struct failing failing = {.left = n};
    const struct gcn__mem mem = {failing_resize, &failing};
    struct gcn__tls_config* config = NULL;
    char text[GCN__TLS_TEXT_SIZE];
    rc = gcn__tls_config_client(&mem, options, &config, text);
    assert_string_equal(text, rc == 0 ? "" : "out of memory");
    assert_true(rc == 0 || (rc == GCN__ENOMEM && n < 12));
    gcn__tls_config_release(config);
    assert_int_equal(failing.live, 0);
  }
}

static void secrets_are_wiped_whatever_fails(void** state) {
  (void)state;
  forge_own(NULL);
  test_key_get(KEY_EC_ENCRYPTED, pems[1]);
  options_t options = {.ca_pem = gcn__span_str(gcn__pki_ca(pki)),
                       .client_cert_pem = forged.pem,
                       .client_key_pem = pems[1],
                       .client_key_password = "sesame"};
  try_all_allocations(&options);
  write_file(cert_path, forged.pem);
  write_file(key_path, pems[1]);
  options.client_cert_path = cert_path;
  options.client_cert_pem = NULL;
  options.client_key_path = key_path;
  try_all_allocations(&options);
  struct gcn__tls_config* config = load(options);
  assert_non_null(config->base->sources.key_pem); /* to read the others again */
  gcn__tls_config_release(config);
  forged_free(&forged);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(servers_get_the_certificate),
      cmocka_unit_test(a_file_may_hold_both),
      cmocka_unit_test(an_encrypted_key_needs_its_password),
      cmocka_unit_test(an_unknown_encryption_is_named),
      cmocka_unit_test(a_long_chain_fits),
      cmocka_unit_test(bad_texts_are_named),
      cmocka_unit_test(bad_files_are_named),
      cmocka_unit_test(an_unreadable_file_is_named),
      cmocka_unit_test(an_expired_certificate_is_not_shown),
      cmocka_unit_test(ed25519_is_named),
      cmocka_unit_test(a_strangers_certificate_is_refused),
      cmocka_unit_test(secrets_are_wiped_whatever_fails),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
