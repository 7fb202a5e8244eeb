/* SPDX-License-Identifier: MIT */
/*
 * The choice of a proxy, and who is exempt from it.  Where we differ from curl
 * the header says so.
 */
#include "check.h"
#include "codec/noproxy.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
  const char* host;
  const char* list;
  bool exempt;
};

static const struct row names[] = {
    {"www.example.com", "localhost,.example.com,.example.de", true},
    {"example.com", "localhost,.example.com,.example.de", true},
    {"www.example.com", "localhost,.example.com.,.example.de", true},
    {"www.example.com", "localhost,www.example.com.,.example.de", true},
    {"www.example.com", "example.com", true},
    {"a.b.example.com", "example.com", true},
    {"nonexample.com", "example.com", false},
    {"nonexample.com", ".example.com", false},
    {"example.com", "www.example.com", false},
    {"example.com.org", "example.com", false},
    {"www.example.com", "EXAMPLE.Com", true},
    {"localhost", "localhost,127.0.0.1", true},
    {"localhost", "127.0.0.1,localhost", true},
    {"localhost", "127.0.0.1", false},
    {"foobar", "barfoo", false},
    {"bar", "foo, bar, ::1/64", true},
    {"bar", "foo,,,,,              bar, ::1/64", true},
    {"bar", "\tfoo ,\tbar", true},
    {"bar", ",bar", true},
    {"bar", "bar,", true},
    {"bar", "", false},
    {"bar", ",", false},
    {"bar", " ", false},
    {"bar", ".", false},
    {"bar", "..", false},
    {"a.bar", "..bar", false},
    {"bar", "bar:443", false},
    {"bar", "bar/", false},
    {"bar", "https://bar", false},
    {"www.example.com", "*.example.com", false},
};

static const struct row blanks[] = {
    {"bar", "foo bar", true},
    {"127.0.0.1", "localhost 127.0.0.1", true},
    {"baz", "foo bar", false},
};

static const struct row stars[] = {
    {"bar", "*", true},      {"127.0.0.1", "*", true}, {"::1", "*", true},
    {"bar", "foo,*", false}, {"bar", "*,foo", false},  {"bar", "**", false},
};

static const struct row addresses[] = {
    {"127.0.0.1", "127.0.0.1", true},
    {"127.0.0.1", "127.0.0.1,localhost", true},
    {"127.0.0.1", "127.0.0.1,localhost,", true},
    {"127.0.0.1", "localhost,127.0.0.1", true},
    {"127.0.0.1", "127.0.0.1/8,localhost,", true},
    {"127.0.0.1", "127.0.0.1/28,localhost,", true},
    {"127.0.0.1", "127.0.0.1/31,localhost,", true},
    {"127.0.0.1", "127.0.0.0/31", true},
    {"127.0.0.2", "127.0.0.0/31", false},
    {"192.168.0.1", "foobar", false},
    {"192.168.0.1", "192.168.0.0/16", true},
    {"192.168.0.1", "192.168.0.0/24", true},
    {"192.168.0.1", "192.168.0.0/32", false},
    {"192.168.0.1", "192.168.0.0", false},
    {"192.168.1.1", "192.168.0.0/24", false},
    {"192.168.1.1", "192.168.0.0/23", true},
    {"192.168.1.1", "foo, bar, 192.168.0.0/16", true},
    {"10.1.2.3", "11.0.0.0/7", true},
    {"10.1.2.3", "11.0.0.0/8", false},
    {"192.160.0.1", "192.160.0.1/33", false},
    {"192.160.0.1", "192.160.0.1/032", true},
    {"192.160.0.1", "192.160.0.1/0032", false},
    {"192.160.0.1", "192.160.0.1/", false},
    {"192.160.0.1", "192.160.0.1/8x", false},
    {"192.160.0.1", "192.160.0.1/-1", false},
    {"192.160.0.1", "192.160.0.1/8/8", false},
    {"192.160.0.1", "/8", false},
    {"192.160.0.1", "192.160.0.1:80", false},
    {"192.160.0.1", "192.160.0.01", false},
    {"192.160.0.1", ".192.160.0.1", false},
    {"192.160.0.1", "0.1", false},
    {"1.192.160.0.1.example", "192.160.0.1", false},
    {"8.8.8.8", "0.0.0.0/0", true},
    {"::1", "0.0.0.0/0", false},
    {"::1", "foo, bar, 192.168.0.0/16", false},
    {"::1", "foo, bar, ::1/64", true},
    {"::1", "::1", true},
    {"::1", "[::1]", true},
    {"::1", "[::1", false},
    {"::1", "[::1]:443", false},
    {"::1", "[::]/64", true},
    {"::1", "0:0::1", true},
    {"::1", "0:0:0:0:0:0:0.0.0.1", true},
    {"::1", "::1/128", true},
    {"::1", "::1/129", false},
    {"::1", "::2", false},
    {"fe80::ab47:4396:55c9:8474", "fe80::/64", true},
    {"fe80::ab47:4396:55c9:8474", "FE80::1/10", true},
    {"fe80::ab47:4396:55c9:8474", "fec0::/10", false},
    {"fe80::ab47:4396:55c9:8474", "fec0::/9", true},
    {"2001:db8::1", "::/0", true},
    {"127.0.0.1", "::/0", false},
    {"127.0.0.1", "::ffff:127.0.0.1", false},
};

/* From a block of the list's own size, so that a sanitizer sees a read beyond
 * it. */
static void check_rows(const struct row* rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(rows[i].list);
    char* block = malloc(size + 1);
    assert_non_null(block);
    char* list = block + 1;
    memcpy(list, rows[i].list, size);
    bool exempt = gcn__no_proxy_has(gcn__span(list, size), rows[i].host);
    free(block);
    if (exempt != rows[i].exempt) {
      fail_msg("%s is %sin \"%s\"", rows[i].host, exempt ? "" : "not ",
               rows[i].list);
    }
  }
}

static void test_names(void** state) {
  (void)state;
  check_rows(names, COUNT(names));
}

static void test_blanks(void** state) {
  (void)state;
  check_rows(blanks, COUNT(blanks));
}

static void test_stars(void** state) {
  (void)state;
  check_rows(stars, COUNT(stars));
}

static void test_addresses(void** state) {
  (void)state;
  check_rows(addresses, COUNT(addresses));
}

struct choice {
  const char* url;
  struct gcn__proxy_env env;
  const char* want;
};

#define S "https://api.example.com/"
#define P "http://api.example.com/"

static const struct choice choices[] = {
    {S, {.own_proxy = NULL}, NULL},
    {S, {.https_proxy = "a"}, "a"},
    {"wss://api.example.com", {.https_proxy = "a"}, "a"},
    {S, {.https_proxy_upper = "A"}, "A"},
    {S, {.https_proxy = "a", .https_proxy_upper = "A"}, "a"},
    {S, {.https_proxy = "", .https_proxy_upper = "A"}, "A"},
    {S, {.https_proxy = "a", .all_proxy = "c"}, "a"},
    {S, {.https_proxy_upper = "A", .all_proxy = "c"}, "A"},
    {S, {.http_proxy = "b"}, NULL},
    {S, {.http_proxy = "b", .all_proxy = "c"}, "c"},
    {S, {.all_proxy = "c", .all_proxy_upper = "C"}, "c"},
    {S, {.all_proxy = "", .all_proxy_upper = "C"}, "C"},
    {S, {.all_proxy = "", .all_proxy_upper = ""}, NULL},
    {P, {.https_proxy = "a", .https_proxy_upper = "A"}, NULL},
    {P, {.http_proxy = "b"}, "b"},
    {"ws://api.example.com", {.http_proxy = "b"}, "b"},
    {P, {.http_proxy = "", .all_proxy_upper = "C"}, "C"},
    {P, {.http_proxy = "b", .all_proxy = "c"}, "b"},
};

static const struct choice exemptions[] = {
    {S, {.https_proxy = "a", .no_proxy = "example.com"}, NULL},
    {S, {.https_proxy = "a", .no_proxy_upper = "example.com"}, NULL},
    {S, {.https_proxy = "a", .no_proxy = "x", .no_proxy_upper = "*"}, "a"},
    {S, {.https_proxy = "a", .no_proxy = "", .no_proxy_upper = "*"}, NULL},
    {S, {.all_proxy = "c", .no_proxy = "*"}, NULL},
    {S, {.https_proxy = "a", .no_proxy = "*", .own_no_proxy = ""}, "a"},
    {S, {.https_proxy = "a", .own_no_proxy = "example.com"}, NULL},
    {"https://[::1]/", {.https_proxy = "a", .no_proxy = "[::1]"}, NULL},
    {"https://[::1]:8443/", {.https_proxy = "a", .no_proxy = "::1"}, NULL},
    {"http://127.0.0.1:80/",
     {.http_proxy = "b", .no_proxy = "127.0.0.0/8"},
     NULL},
};

static const struct choice own[] = {
    {S, {.own_proxy = "o"}, "o"},
    {P, {.own_proxy = "o", .http_proxy = "b", .all_proxy = "c"}, "o"},
    {S, {.own_proxy = "", .https_proxy = "a", .all_proxy = "c"}, NULL},
    {S, {.own_proxy = "o", .no_proxy = "example.com"}, NULL},
    {S, {.own_proxy = "o", .no_proxy = "*", .own_no_proxy = "x"}, "o"},
    {S, {.own_proxy = "o", .own_no_proxy = "*"}, NULL},
};

static void check_choices(const struct choice* rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__url url;
    assert_null(gcn__url_parse(&url, gcn__span_str(rows[i].url)));
    const char* got = gcn__proxy_choose(&rows[i].env, &url);
    const char* want = rows[i].want;
    bool same =
        got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
    if (!same) {
      fail_msg("row %zu: %s, not %s", i, got == NULL ? "none" : got,
               want == NULL ? "none" : want);
    }
  }
}

static void test_choices(void** state) {
  (void)state;
  check_choices(choices, COUNT(choices));
}

static void test_exemptions(void** state) {
  (void)state;
  check_choices(exemptions, COUNT(exemptions));
}

static void test_own(void** state) {
  (void)state;
  check_choices(own, COUNT(own));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),   cmocka_unit_test(test_blanks),
      cmocka_unit_test(test_stars),   cmocka_unit_test(test_addresses),
      cmocka_unit_test(test_choices), cmocka_unit_test(test_exemptions),
      cmocka_unit_test(test_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
