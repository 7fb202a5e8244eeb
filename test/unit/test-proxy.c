/* SPDX-License-Identifier: MIT */
/*
 * Proxy URLs: what is understood, what is refused, and that nothing of the
 * credentials stays behind.
 */
#include "base/err.h"
#include "check.h"
#include "codec/proxy.h"
#include "mem-spy.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OUTCOME_SIZE = 1024 };

struct row {
  const char* text;
  /* "kind host port", then " user|password" if there is a login; or what is
   * wrong. */
  const char* want;
};

static void describe(const struct gcn__proxy* proxy, char out[OUTCOME_SIZE]) {
  static const char* const kinds[] = {"none", "http", "socks5"};
  struct gcn__span user = gcn__buf_span(&proxy->user);
  struct gcn__span password = gcn__buf_span(&proxy->password);
  char login[OUTCOME_SIZE / 2] = "";
  if (proxy->login) {
    snprintf(login, sizeof login, " %.*s|%.*s", (int)user.size, user.data,
             (int)password.size, password.data);
  }
  snprintf(out, OUTCOME_SIZE, "%s %s %u%s", kinds[proxy->kind], proxy->host,
           (unsigned)proxy->port, login);
}

/* From a block of the text's own size, so that a sanitizer sees a read beyond
 * it. */
static int parse(struct gcn__proxy* proxy, const char* text,
                 const char** problem) {
  size_t size = strlen(text);
  char* block = malloc(size + 1);
  assert_non_null(block);
  char* copy = block + 1;
  memcpy(copy, text, size);
  int error = gcn__proxy_parse(proxy, gcn__span(copy, size), problem);
  free(block);
  return error;
}

static void check_rows(const struct row* rows, size_t count, int want_error) {
  for (size_t i = 0; i < count; i++) {
    char got[OUTCOME_SIZE];
    const char* problem = NULL;
    struct gcn__proxy proxy;
    gcn__proxy_init(&proxy, &gcn__mem_libc);
    int error = parse(&proxy, rows[i].text, &problem);
    if (error == 0) describe(&proxy, got);
    if (error == GCN_ECONFIG) snprintf(got, sizeof got, "%s", problem);
    if (error != want_error || strcmp(got, rows[i].want) != 0) {
      fail_msg("\"%s\": %d \"%s\", not \"%s\"", rows[i].text, error, got,
               rows[i].want);
    }
    if (error != 0) {
      assert_int_equal(proxy.kind, GCN__PROXY_NONE);
      assert_false(proxy.login);
      assert_int_equal(gcn__buf_size(&proxy.user), 0);
      assert_int_equal(gcn__buf_size(&proxy.password), 0);
    }
    gcn__proxy_deinit(&proxy);
  }
}

static const struct row accepted[] = {
    {"http://proxy", "http proxy 1080"},
    {"http://proxy/", "http proxy 1080"},
    {"proxy", "http proxy 1080"},
    {"proxy:3128", "http proxy 3128"},
    {"proxy:3128/", "http proxy 3128"},
    {"HTTP://Proxy.Example:80", "http proxy.example 80"},
    {"http://127.0.0.1:8080", "http 127.0.0.1 8080"},
    {"http://127.0.0.1", "http 127.0.0.1 1080"},
    {"http://[::1]", "http ::1 1080"},
    {"http://[::1]:65535/", "http ::1 65535"},
    {"[2001:DB8::1]:3128", "http 2001:db8::1 3128"},
    {"socks5://proxy", "socks5 proxy 1080"},
    {"socks5h://proxy:9050", "socks5 proxy 9050"},
    {"Socks5H://proxy", "socks5 proxy 1080"},
    {"http://u:p@proxy", "http proxy 1080 u|p"},
    {"u:p@proxy:1", "http proxy 1 u|p"},
    {"http://u@proxy", "http proxy 1080 u|"},
    {"http://u:@proxy", "http proxy 1080 u|"},
    {"http://:token@proxy", "http proxy 1080 |token"},
    {"http://u:a:b:c@proxy", "http proxy 1080 u|a:b:c"},
    {"http://u%40d:p%3A%2f%25@proxy", "http proxy 1080 u@d|p:/%"},
    {"http://u:p+q@proxy", "http proxy 1080 u|p+q"},
    {"http://u:%C3%A9@proxy", "http proxy 1080 u|\xc3\xa9"},
    {"http://u%20v:%20@proxy", "http proxy 1080 u v| "},
    {"socks5://u%3Av:p@[::1]:1", "socks5 ::1 1 u:v|p"},
    {"socks5://u@proxy", "socks5 proxy 1080 u|"},
};

static void test_accepted(void** state) {
  (void)state;
  check_rows(accepted, COUNT(accepted), 0);
}

#define SCHEME "has a scheme other than http and socks5"
#define SOCKS4                                                                 \
  "speaks SOCKS 4, which is not supported; use one that is written socks5://"
#define ENCODE  "has a byte in its user info that has to be percent-encoded"
#define CONTROL "has a control character in its user or password"
#define ESCAPE  "has a broken percent escape in its user info"

static const struct row refused[] = {
    {"", "is empty"},
    {"https://proxy",
     "is to be reached over TLS, which is not supported; use one that is "
     "written http://"},
    {"socks://proxy", SOCKS4},
    {"socks4://proxy", SOCKS4},
    {"socks4A://proxy", SOCKS4},
    {"ftp://proxy", SCHEME},
    {"ws://proxy", SCHEME},
    {"://proxy", SCHEME},
    {"http:/proxy", "has a path"},
    {"http:proxy", "has a port that is not a number"},
    {"http://", "has an empty host"},
    {"http:///", "has an empty host"},
    {"http://:3128", "has an empty host"},
    {"http://u:p@", "has an empty host"},
    {"http://proxy:", "has an empty port"},
    {"http://proxy:0", "has a port that is out of range"},
    {"http://proxy:65536", "has a port that is out of range"},
    {"http://proxy:x", "has a port that is not a number"},
    {"http://pro xy", "has white space or control bytes"},
    {"http://proxy\r\nHost: a", "has white space or control bytes"},
    {"http://proxy#a", "has a fragment"},
    {"http://proxy.", "has a trailing dot in its host"},
    {"http://1.2.3:80", "has an IPv4 address that is not a dotted quad"},
    {"http://[::1%25lo]", "has an IPv6 zone"},
    {"http://proxy/pac", "has a path"},
    {"http://proxy?a", "has a path"},
    {"http://proxy//", "has a path"},
    {"http://@proxy", "has an empty user info"},
    {"http://a@b@proxy", ENCODE},
    {"http://u:p@ss@proxy", ENCODE},
    {"http://u:p/s@proxy", ENCODE},
    {"http://u:p?s@proxy", ENCODE},
    {"http://u:p#s@proxy", ENCODE},
    {"http://u:p\\s@proxy", ENCODE},
    {"http://u:p s@proxy", ENCODE},
    {"http://u:p\x01s@proxy", ENCODE},
    {"http://u:\xc3\xa9@proxy", ENCODE},
    {"http://u:p%@proxy", ESCAPE},
    {"http://u:p%4@proxy", ESCAPE},
    {"http://u%gg:p@proxy", ESCAPE},
    {"http://u:p%00@proxy", CONTROL},
    {"http://u:p%0d%0aHost:a@proxy", CONTROL},
    {"http://u%7f:p@proxy", CONTROL},
    {"socks5://u:p%0a@proxy", CONTROL},
    {"http://u%3av:p@proxy", "has a colon in its user"},
    {"socks5://:p@proxy", "has a password without a user"},
};

static void test_refused(void** state) {
  (void)state;
  check_rows(refused, COUNT(refused), GCN_ECONFIG);
}

static int parse_lengths(const char* scheme, size_t user, size_t password,
                         const char** problem) {
  static char text[2 * GCN__URL_SIZE_MAX];
  int size = snprintf(text, sizeof text, "%s://", scheme);
  char* to = text + size;
  memset(to, 'u', user);
  to[user] = ':';
  memset(to + user + 1, 'p', password);
  snprintf(to + user + 1 + password, 16, "@proxy");
  struct gcn__proxy proxy;
  gcn__proxy_init(&proxy, &gcn__mem_libc);
  int error = parse(&proxy, text, problem);
  assert_int_equal(gcn__buf_size(&proxy.user), error == 0 ? user : 0);
  gcn__proxy_deinit(&proxy);
  return error;
}

static void test_lengths(void** state) {
  (void)state;
  const char* problem = NULL;
  assert_int_equal(parse_lengths("socks5", 255, 255, &problem), 0);
  assert_int_equal(parse_lengths("socks5", 256, 1, &problem), GCN_ECONFIG);
  assert_string_equal(problem, "has a user or password over 255 bytes");
  assert_int_equal(parse_lengths("socks5", 1, 256, &problem), GCN_ECONFIG);
  assert_string_equal(problem, "has a user or password over 255 bytes");
  assert_int_equal(parse_lengths("http", 256, 4096, &problem), 0);
  /* "http://" ":" "@proxy" is 14 bytes. */
  size_t rest = GCN__URL_SIZE_MAX - 14;
  assert_int_equal(parse_lengths("http", 100, rest - 100, &problem), 0);
  assert_int_equal(parse_lengths("http", 100, rest - 99, &problem),
                   GCN_ECONFIG);
  assert_string_equal(problem, "is over 8192 bytes");
}

static void test_long_host(void** state) {
  (void)state;
  char text[1024];
  memset(text, 'a', sizeof text);
  memcpy(text, "http://", 7);
  text[sizeof text - 1] = '\0';
  struct gcn__proxy proxy;
  const char* problem;
  gcn__proxy_init(&proxy, &gcn__mem_libc);
  assert_int_equal(parse(&proxy, text, &problem), GCN_ECONFIG);
  assert_string_equal(problem, "has too long a host");
  text[7 + 254] = '\0';
  assert_int_equal(parse(&proxy, text, &problem), GCN_ECONFIG);
  assert_string_equal(problem, "has a host over 253 bytes");
  for (size_t i = 7 + 63; i < 7 + 253; i += 64)
    text[i] = '.';
  text[7 + 253] = '\0';
  assert_int_equal(parse(&proxy, text, &problem), 0);
  assert_string_equal(proxy.host, text + 7);
  gcn__proxy_deinit(&proxy);
}

/* A second text replaces the first; both are wiped. */
static void test_reuse_and_wipe(void** state) {
  (void)state;
  struct mem_spy spy = {.secret = "hunter2"};
  struct gcn__mem mem = mem_spy_mem(&spy);
  struct gcn__proxy proxy;
  const char* problem;
  char got[OUTCOME_SIZE];
  gcn__proxy_init(&proxy, &mem);
  assert_int_equal(parse(&proxy, "http://hunter2:hunter2@a", &problem), 0);
  assert_int_equal(parse(&proxy, "socks5://u:hunter2@b:2", &problem), 0);
  describe(&proxy, got);
  assert_string_equal(got, "socks5 b 2 u|hunter2");
  assert_int_equal(parse(&proxy, "http://c:3", &problem), 0);
  describe(&proxy, got);
  assert_string_equal(got, "http c 3");
  assert_int_equal(parse(&proxy, "http://hunter2:%0a@a", &problem),
                   GCN_ECONFIG);
  assert_int_equal(parse(&proxy, "http://hunter2:hunter2@a", &problem), 0);
  gcn__proxy_deinit(&proxy);
  assert_int_equal(proxy.kind, GCN__PROXY_NONE);
  assert_int_equal(spy.probe.live_size, 0);
  assert_int_equal(spy.sighting_count, 0);
  struct gcn__proxy zero = {.kind = GCN__PROXY_NONE};
  gcn__proxy_deinit(&zero);
}

static void test_no_memory(void** state) {
  (void)state;
  size_t count = 1;
  for (size_t n = 1; n <= count; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__proxy proxy;
    const char* problem;
    gcn__proxy_init(&proxy, &mem);
    int error = parse(&proxy, "http://user:password@proxy:1", &problem);
    bool failed = probe.count >= n;
    assert_int_equal(error, failed ? GCN__ENOMEM : 0);
    assert_int_equal(proxy.kind, failed ? GCN__PROXY_NONE : GCN__PROXY_HTTP);
    gcn__proxy_deinit(&proxy);
    assert_int_equal(probe.live_size, 0);
    if (failed) count++;
  }
  assert_int_equal(count, 3); /* user and password; the third did not fail */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted),       cmocka_unit_test(test_refused),
      cmocka_unit_test(test_lengths),        cmocka_unit_test(test_long_host),
      cmocka_unit_test(test_reuse_and_wipe), cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
