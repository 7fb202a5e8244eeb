/* SPDX-License-Identifier: MIT */
/*
 * Options about tokens, proxies and client certificates: what is refused, and
 * in which words.
 */
#include "check.h"

#include "client/options.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static gcn_options_t good_options(void) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.region = "eu-central-1";
  options.client_id = "id";
  options.client_secret = "s3cr3t-value";
  return options;
}

static void make(const gcn_options_t* options) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  int error = gcn__config_make(options, &config, why);
  if (error != 0) fail_msg("refused: %s", why);
}

static void expect_refusal(const gcn_options_t* options, const char* words) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  assert_int_equal(gcn__config_make(options, &config, why), GCN_ECONFIG);
  if (strstr(why, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", why, words);
  assert_null(strstr(why, "s3cr3t"));
}

/* --- tokens --------------------------------------------------------------- */

static void on_ask(gcn_client_t* client, uint64_t ticket, int refused) {
  (void)client;
  (void)ticket;
  (void)refused;
}

static void test_grants(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.grant = (gcn_grant_t)4;
  expect_refusal(&options, "grant is not one of");
  options.grant = (gcn_grant_t)-1;
  expect_refusal(&options, "grant is not one of");
  options.grant = GCN_GRANT_REFRESH_TOKEN;
  expect_refusal(&options, "refresh_token is missing; the grant needs one");
  options.refresh_token = "s3cr3t\n";
  expect_refusal(&options, "refresh_token has a control character");
  options.refresh_token = "s3cr3t";
  make(&options);
  options.grant = GCN_GRANT_JWT_BEARER;
  expect_refusal(&options, "assertion is missing; the grant needs one");
  options.assertion = "";
  expect_refusal(&options, "assertion is missing");
  options.assertion = "s3cr3t";
  make(&options);
  options.grant = GCN_GRANT_SAML2_BEARER;
  expect_refusal(&options, "org_name is missing; the grant needs one");
  options.org_name = "acme";
  make(&options);
  options.assertion = NULL;
  expect_refusal(&options, "assertion is missing");
  static char text[65538];
  memset(text, 'x', sizeof text - 1);
  options.assertion = text;
  expect_refusal(&options, "assertion is longer than 65536 bytes");
  text[65536] = '\0';
  make(&options);
}

static void test_credentials_may_be_asked_for(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.client_id = options.client_secret = NULL;
  expect_refusal(&options, "client_id is missing");
  options.credentials_cb = on_ask;
  make(&options);
  options.grant = GCN_GRANT_JWT_BEARER; /* the assertion comes with them */
  make(&options);
  options.assertion = "s3cr3t\n"; /* but one that is there has to be good */
  expect_refusal(&options, "assertion has a control character; give a good");
  options.assertion = NULL;
  options.grant = GCN_GRANT_CLIENT_CREDENTIALS;
  options.refresh_token = "";
  expect_refusal(&options, "refresh_token is missing; give a good one or NULL");
  options.refresh_token = NULL;
  options.client_id = "id"; /* half of it is a slip */
  expect_refusal(&options, "client_secret is missing");
  options.credentials_cb = NULL;
  options.token_cb = on_ask;
  make(&options);
}

/* --- proxies and client certificates -------------------------------------- */

static void expect_bad(const gcn_options_t* options, const char* words) {
  char why[GCN__WHY_SIZE];
  assert_int_equal(gcn_options_check(options, why, sizeof why), GCN_ECONFIG);
  if (strstr(why, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", why, words);
  assert_null(strstr(why, "s3cr3t"));
}

static gcn_options_t plain_options(void) {
  gcn_options_t options = good_options();
  options.login_url = options.api_url = "http://127.0.0.1:1";
  options.allow_plaintext = 1;
  return options;
}

static void forget_environment(void) {
  static const char* const names[] = {
      "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
      "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
}

static void test_proxies(void** state) {
  (void)state;
  static const char* const good[] = {"", "http://proxy.example:3128",
                                     "http://u:s3cr3t@proxy.example:3128",
                                     "socks5://127.0.0.1:1080", "proxy:8080"};
  static const char* const bad[] = {
      "https://proxy.example", "socks4://proxy.example", "http://u:s3cr3t@",
      "http://u:s3cr3t@h:99999", "ftp://proxy.example"};
  gcn_options_t options = plain_options();
  forget_environment();
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    options.proxy = good[i];
    assert_int_equal(gcn_options_check(&options, NULL, 0), 0);
    options.proxy = bad[i];
    expect_bad(&options, "proxy: the proxy ");
    expect_bad(&options, "it looks like http://HOST:PORT");
  }
  options.no_proxy = "127.0.0.1"; /* it is never used */
  assert_int_equal(gcn_options_check(&options, NULL, 0), 0);
}

static void test_proxies_of_the_environment(void** state) {
  (void)state;
  gcn_options_t options = plain_options();
  forget_environment();
  setenv("all_proxy", "socks4://u:s3cr3t@proxy.example", 1);
  expect_bad(&options, "all_proxy: the proxy ");
  setenv("no_proxy", "127.0.0.1", 1);
  assert_int_equal(gcn_options_check(&options, NULL, 0), 0);
  options.no_proxy = "other.example"; /* comes before the environment */
  expect_bad(&options, "all_proxy: the proxy ");
  options.proxy = "";
  assert_int_equal(gcn_options_check(&options, NULL, 0), 0);
  forget_environment();
}

static void test_client_certificates(void** state) {
  (void)state;
  gcn_options_t options = plain_options();
  options.client_cert_pem = "no s3cr3t PEM";
  expect_bad(&options, "client_");
  options.client_key_pem = "no s3cr3t PEM";
  expect_bad(&options, "client_cert_pem");
  options = plain_options();
  options.client_cert_path = "/nonexistent/cert.pem";
  options.client_key_path = "/nonexistent/key.pem";
  expect_bad(&options, "client_cert_path");
  expect_bad(&options, "/nonexistent/cert.pem");
  options = plain_options();
  options.client_key_pem = "no s3cr3t PEM";
  expect_bad(&options, "client_");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grants),
      cmocka_unit_test(test_credentials_may_be_asked_for),
      cmocka_unit_test(test_proxies),
      cmocka_unit_test(test_proxies_of_the_environment),
      cmocka_unit_test(test_client_certificates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
