/* SPDX-License-Identifier: MIT */
/*
 * cli/target and cli/profile: what wins, what warns, what is missing, and what
 * profile files may look like.
 *
 * A made-up environment and files in a directory of its own.
 */
#include "cli/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/profile.h"

/* The made-up environment of the running test; "NAME=value" or NULL. */
static const char* variables[8];
static char home[64];

static const char* ask(const char* name) {
  size_t size = strlen(name);
  if (strcmp(name, "HOME") == 0) return home;
  for (size_t i = 0; i < 8; i++) {
    const char* at = variables[i];
    if (at == NULL || strncmp(at, name, size) != 0) continue;
    if (at[size] == '=') return at + size + 1;
  }
  return NULL;
}

static void write_file(const char* name, const char* text, mode_t mode) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", home, name);
  FILE* file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void** state) {
  (void)state;
  char path[80];
  snprintf(home, sizeof home, "/tmp/gcn-target-XXXXXX");
  if (mkdtemp(home) == NULL) return -1;
  snprintf(path, sizeof path, "%s/.gc", home);
  memset(variables, 0, sizeof variables);
  return mkdir(path, 0700);
}

static int tear_down(void** state) {
  (void)state;
  static const char* const names[] = {".gc/config.toml", "secret", ".gc", ""};
  for (size_t i = 0; i < 4; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", home, names[i]);
    (void)remove(path);
  }
  return 0;
}

static void write_profile(const char* text) {
  write_file(".gc/config.toml", text, 0600);
}

static const char profile[] = "# of the vendor's tool\n"
                              "[default]\n"
                              "environment = \"mypurecloud.ie\" # Dublin\n"
                              "client_credentials = 'id-of-profile'\n"
                              "client_secret = \"secret-of-profile\"\n"
                              "access_token = \"\"\n"
                              "\n"
                              "[other]\r\n"
                              "Environment=usw2.pure.cloud\r\n"
                              "client_credentials = \"id-of-other\"\r\n";

static void test_order(void** state) {
  (void)state;
  write_profile(profile);
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.region, "mypurecloud.ie");
  assert_string_equal(target.client_id, "id-of-profile");
  assert_string_equal(target.client_secret, "secret-of-profile");
  assert_string_equal(target.warning, "");
  assert_null(target.login_url);
  gcn__target_deinit(&target);

  variables[0] = "GENESYSCLOUD_REGION=eu-central-1";
  variables[1] = "GENESYSCLOUD_OAUTHCLIENT_ID=id-of-env";
  variables[2] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=secret-of-env";
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.region, "eu-central-1");
  assert_string_equal(target.client_id, "id-of-env");
  assert_string_equal(target.client_secret, "secret-of-env");
  gcn__target_deinit(&target);

  char path[128];
  snprintf(path, sizeof path, "%s/secret", home);
  write_file("secret", "secret-of-file\r\nsecond line\n", 0600);
  flags = (struct gcn__target_flags){.environment = "mypurecloud.jp",
                                     .client_id = "id-of-flag",
                                     .secret_path = path};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.region, "mypurecloud.jp");
  assert_string_equal(target.client_id, "id-of-flag");
  assert_string_equal(target.client_secret, "secret-of-file");
  assert_string_equal(target.warning, "");
  gcn__target_deinit(&target);
}

static void test_empty_variable_is_unset(void** state) {
  (void)state;
  write_profile(profile);
  variables[0] = "GENESYSCLOUD_REGION=";
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.region, "mypurecloud.ie");
  gcn__target_deinit(&target);
}

static void test_sections(void** state) {
  (void)state;
  write_profile(profile);
  variables[0] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=s";
  struct gcn__target target;
  struct gcn__target_flags flags = {.profile = "OTHER"};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.region, "usw2.pure.cloud");
  assert_string_equal(target.client_id, "id-of-other");
  gcn__target_deinit(&target);

  flags.profile = "missing";
  assert_false(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.warning, "no section [missing]"));
  assert_non_null(strstr(target.problem, "no client id"));
  gcn__target_deinit(&target);
}

static void test_missing(void** state) {
  (void)state;
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_false(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.problem, "GENESYSCLOUD_OAUTHCLIENT_ID"));
  assert_string_equal(target.warning, ""); /* no file is no fault */
  gcn__target_deinit(&target);

  flags.client_id = "id";
  assert_false(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.problem, "GENESYSCLOUD_OAUTHCLIENT_SECRET"));
  gcn__target_deinit(&target);

  flags.secret_path = "/nonexistent/secret";
  assert_false(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.problem, "/nonexistent/secret"));
  gcn__target_deinit(&target);

  char path[128];
  snprintf(path, sizeof path, "%s/secret", home);
  write_file("secret", "\nsecret\n", 0600);
  flags.secret_path = path;
  assert_false(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.problem, "first line is empty"));
  gcn__target_deinit(&target);
}

static void test_exposed(void** state) {
  (void)state;
  write_file(".gc/config.toml", profile, 0644);
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_non_null(strstr(target.warning, "chmod 600"));
  assert_null(strstr(target.warning, "secret-of-profile"));
  gcn__target_deinit(&target);
}

static void test_broken_profile(void** state) {
  (void)state;
  write_profile("[DEFAULT]\nclient_secret = \"hunter2\n");
  variables[0] = "GENESYSCLOUD_OAUTHCLIENT_ID=id";
  variables[1] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=s";
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask)); /* it is not needed */
  assert_non_null(strstr(target.warning, "line 2"));
  assert_null(strstr(target.warning, "hunter2"));
  gcn__target_deinit(&target);
}

static void test_urls(void** state) {
  (void)state;
  variables[0] = "GENESYSCLOUD_OAUTHCLIENT_ID=id";
  variables[1] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=s";
  variables[2] = "GENESYSCLOUD_GATEWAY_HOST=gate.example";
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.login_url, "https://gate.example");
  assert_string_equal(target.api_url, "https://gate.example");
  assert_false(target.plaintext);
  gcn__target_deinit(&target);

  variables[3] = "GENESYSCLOUD_GATEWAY_PORT=8080";
  variables[4] = "GENESYSCLOUD_GATEWAY_PROTOCOL=http";
  flags.login_url = "https://login.example";
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.login_url, "https://login.example");
  assert_string_equal(target.api_url, "http://gate.example:8080");
  assert_true(target.plaintext);
  gcn__target_deinit(&target);
}

static void test_ca(void** state) {
  (void)state;
  variables[0] = "GENESYSCLOUD_OAUTHCLIENT_ID=id";
  variables[1] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=s";
  variables[2] = "SSL_CERT_FILE=/env.pem";
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.ca_path, "/env.pem");
  gcn__target_deinit(&target);
  flags.ca_path = "/flag.pem";
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.ca_path, "/flag.pem");
  gcn__target_deinit(&target);
}

static void test_secret_flag_is_refused(void** state) {
  (void)state;
  struct gcn__target_flags flags = {0};
  const char* why = gcn__target_flag(&flags, GCN__TARGET_ARG_SECRET, "hunter2");
  assert_non_null(why);
  assert_null(strstr(why, "hunter2"));
  assert_null(gcn__target_flag(&flags, GCN__TARGET_ARG_CA, "/ca"));
  assert_string_equal(flags.ca_path, "/ca");
}

static void set_client(void) {
  variables[0] = "GENESYSCLOUD_OAUTHCLIENT_ID=id";
  variables[1] = "GENESYSCLOUD_OAUTHCLIENT_SECRET=s";
}

static void test_way(void** state) {
  (void)state;
  char path[128];
  set_client();
  snprintf(path, sizeof path, "%s/secret", home);
  write_file("secret", "key-password\n", 0600);
  struct gcn__target target;
  struct gcn__target_flags flags = {.cert_path = "/cert.pem",
                                    .key_path = "/key.pem",
                                    .key_password_path = path,
                                    .proxy = "socks5://p:1",
                                    .no_proxy = "a,b"};
  assert_true(gcn__target_load(&target, &flags, ask));
  gcn_options_t options;
  gcn_options_init(&options);
  gcn__target_apply(&target, &options);
  assert_string_equal(options.client_cert_path, "/cert.pem");
  assert_string_equal(options.client_key_path, "/key.pem");
  assert_string_equal(options.client_key_password, "key-password");
  assert_string_equal(options.proxy, "socks5://p:1");
  assert_string_equal(options.no_proxy, "a,b");
  gcn__target_deinit(&target);
}

static void test_proxy(void** state) {
  (void)state;
  struct gcn__target target;
  struct gcn__target_flags flags = {0};
  set_client();
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_null(target.proxy); /* the environment's, by curl's rules */
  gcn__target_deinit(&target);
  variables[2] = "GENESYSCLOUD_PROXY_HOST=p.example";
  variables[3] = "GENESYSCLOUD_PROXY_PORT=3128";
  variables[4] = "GENESYSCLOUD_PROXY_AUTH_USERNAME=u";
  variables[5] = "GENESYSCLOUD_PROXY_AUTH_PASSWORD=p@ss";
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.proxy, "http://u:p%40ss@p.example:3128");
  gcn__target_deinit(&target);
  flags.proxy = "";
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.proxy, ""); /* none */
  gcn__target_deinit(&target);
}

static void test_proxy_password_is_refused(void** state) {
  (void)state;
  struct gcn__target_flags flags = {0};
  const char* why =
      gcn__target_flag(&flags, GCN__TARGET_ARG_PROXY, "http://u:hunter2@p:1");
  assert_non_null(why);
  assert_null(strstr(why, "hunter2"));
  assert_null(flags.proxy);
  why = gcn__target_flag(&flags, GCN__TARGET_ARG_PROXY, "http://p:1");
  assert_null(why);
}

static void test_explain(void** state) {
  (void)state;
  static const char* const rows[][2] = {
      {"region: is not known", "--environment: is not known"},
      {"client_cert_path: a", "--client-cert: a"},
      {"refresh_token is missing", "--refresh-token-file is missing"},
      {"https_proxy: the proxy", "https_proxy: the proxy"},
      {"regional matters", "regional matters"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[GCN__TARGET_TEXT_SIZE];
    gcn__target_explain(rows[i][0], text);
    assert_string_equal(text, rows[i][1]);
  }
}

static void test_grants(void** state) {
  (void)state;
  char path[128];
  set_client();
  snprintf(path, sizeof path, "%s/secret", home);
  write_file("secret", "PHNh\nbWw+\n", 0600);
  struct gcn__target target;
  struct gcn__target_flags flags = {
      .grant = "saml2", .assertion_path = path, .org_name = "org"};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_int_equal(target.grant, GCN_GRANT_SAML2_BEARER);
  assert_string_equal(target.org_name, "org");
  gcn_credentials_t credentials = gcn__target_credentials(&target);
  assert_string_equal(credentials.client_id, "id");
  assert_string_equal(credentials.client_secret, "s");
  assert_string_equal(credentials.assertion, "PHNhbWw+");
  assert_null(credentials.refresh_token);
  gcn__target_deinit(&target);

  flags = (struct gcn__target_flags){.grant = "refresh-token",
                                     .refresh_path = path};
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.refresh_token, "PHNh");
  gcn__target_deinit(&target);
}

static void test_grants_refused(void** state) {
  (void)state;
  static const struct {
    struct gcn__target_flags flags;
    const char* problem;
  } rows[] = {
      {{.grant = "password"}, "--grant 'password' has to be"},
      {{.grant = "refresh-token"}, "need each other"},
      {{.grant = "saml2", .org_name = "o"}, "need each other"},
      {{.grant = "saml2", .assertion_path = "/none"}, "--org-name"},
      {{.grant = "jwt"}, "need each other"},
      {{.grant = "jwt", .assertion_path = "/none", .org_name = "o"},
       "need each other"},
      {{.grant = "jwt", .assertion_path = "/none"}, "--assertion-file /none"},
      {{.refresh_path = "/none"}, "need each other"},
      {{.assertion_path = "/none"}, "need each other"},
      {{.org_name = "o"}, "need each other"},
      {{.key_password_path = "/none"}, "--client-key-password-file /none"},
  };
  set_client();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct gcn__target target;
    if (gcn__target_load(&target, &rows[i].flags, ask)) {
      fail_msg("row %zu is accepted", i);
    }
    if (strstr(target.problem, rows[i].problem) == NULL) {
      fail_msg("row %zu: %s", i, target.problem);
    }
    gcn__target_deinit(&target);
  }
}

static void test_refresh_token_is_kept(void** state) {
  (void)state;
  char path[128];
  set_client();
  snprintf(path, sizeof path, "%s/secret", home);
  write_file("secret", "first\n", 0644);
  struct gcn__target target;
  struct gcn__target_flags flags = {.grant = "refresh-token",
                                    .refresh_path = path};
  assert_int_equal(gcn__target_keep_refresh(&flags, "second"), 0);
  assert_true(gcn__target_load(&target, &flags, ask));
  assert_string_equal(target.refresh_token, "second");
  assert_string_equal(target.warning, ""); /* 0600 by now */
  gcn__target_deinit(&target);
  flags.refresh_path = "/dev/null";
  assert_int_equal(gcn__target_keep_refresh(&flags, "third"), -2);
}

static enum gcn__profile_found find(const char* text, const char* key,
                                    char value[64]) {
  struct gcn__buf out;
  unsigned line;
  gcn__buf_init(&out, &gcn__mem_libc, 63);
  enum gcn__profile_found found =
      gcn__profile_find(gcn__span_str(text), "s", key, &out, &line);
  struct gcn__span span = gcn__buf_span(&out);
  memcpy(value, span.data, span.size);
  value[span.size] = '\0';
  gcn__buf_deinit(&out);
  return found;
}

static void test_profile_values(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* value;
  } rows[] = {
      {"[s]\nk=v", "v"},
      {"[s]\nk = v # c", "v"},
      {"[s]\nk = \"v # w\" # c", "v # w"},
      {"[s]\nk = \"a\\\"b\\\\c\"", "a\"b\\c"},
      {"[s]\nk = 'a\\nb'", "a\\nb"},
      {"[s]\nk = \"\"", ""},
      {"[ 's' ] # c\n\"k\" = v", "v"},
      {"k = outside\n[s]\nk = v", "v"},
      {"[t]\nk = 1\n[s]\nj = 2\nk = 3\nk = 4", "3"},
      {"\t[S]\r\n\tK\t=\tv\t\r\n", "v"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char value[64];
    assert_int_equal(find(rows[i].text, "k", value), GCN__PROFILE_VALUE);
    assert_string_equal(value, rows[i].value);
  }
}

static void test_profile_absent_and_broken(void** state) {
  (void)state;
  char value[64];
  assert_int_equal(find("", "k", value), GCN__PROFILE_NO_SECTION);
  assert_int_equal(find("k=1", "k", value), GCN__PROFILE_NO_SECTION);
  assert_int_equal(find("[s]\n", "k", value), GCN__PROFILE_NO_KEY);
  assert_int_equal(find("[s]\nkk=1", "k", value), GCN__PROFILE_NO_KEY);
  static const char* const broken[] = {
      "[s\nk=1",       "[s] x\nk=1",     "word\n",
      "[s]\nk=\"open", "[s]\nk=\"a\" b", "[s]\nk=a b",
      "[s]\nk=",       "[s]\nk=\"\\x\"", "[s]\nk='",
  };
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    if (find(broken[i], "k", value) != GCN__PROFILE_BROKEN) {
      fail_msg("not broken: %s", broken[i]);
    }
  }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_order),
      CASE(test_empty_variable_is_unset),
      CASE(test_sections),
      CASE(test_missing),
      CASE(test_exposed),
      CASE(test_broken_profile),
      CASE(test_urls),
      CASE(test_ca),
      CASE(test_way),
      CASE(test_proxy),
      cmocka_unit_test(test_proxy_password_is_refused),
      cmocka_unit_test(test_explain),
      CASE(test_grants),
      CASE(test_grants_refused),
      CASE(test_refresh_token_is_kept),
      cmocka_unit_test(test_secret_flag_is_refused),
      cmocka_unit_test(test_profile_values),
      cmocka_unit_test(test_profile_absent_and_broken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
