/* SPDX-License-Identifier: MIT */
/*
 * cli/secret and cli/file: secrets out of files and variables, and files that
 * are there whole or as they were.
 */
#include "cli/secret.h"

#include <errno.h>
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

#include "base/err.h"
#include "cli/file.h"

enum { PATH_SIZE = 128 };

static char folder[64];

static const char* path_of(const char* name) {
  static char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char* name, const char* text, size_t size) {
  FILE* file = fopen(path_of(name), "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, size, file), size);
  fclose(file);
  assert_int_equal(chmod(path_of(name), 0600), 0);
}

static int set_up(void** state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/gcn-secret-XXXXXX");
  return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void** state) {
  (void)state;
  static const char* const names[] = {"secret", "link", "pipe", "inner/x",
                                      "inner"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    (void)remove(path_of(names[i]));
  return rmdir(folder); /* fails if a temporary file was left behind */
}

static void expect_secret(enum gcn__secret_form form, const char* text,
                          size_t size, const char* expected) {
  char* secret = NULL;
  bool exposed = true;
  write_file("secret", text, size);
  int error = gcn__secret_read(path_of("secret"), form, &secret, &exposed);
  assert_int_equal(error, expected == NULL ? GCN__EINVAL : 0);
  assert_false(exposed);
  if (expected == NULL) {
    assert_null(secret);
  } else {
    assert_string_equal(secret, expected);
  }
  gcn__secret_free(&gcn__mem_libc, secret);
}

#define SECRET(form, text, expected)                                           \
  expect_secret(form, text, sizeof(text) - 1, expected)

static void test_read(void** state) {
  (void)state;
  SECRET(GCN__SECRET_LINE, "hunter 2\r\nmore\n", "hunter 2");
  SECRET(GCN__SECRET_LINE, "hunter2", "hunter2");
  SECRET(GCN__SECRET_LINE, "\nhunter2\n", NULL);
  SECRET(GCN__SECRET_LINE, "", NULL);
  SECRET(GCN__SECRET_DOCUMENT, " PHNh\r\n\tbWw+\n \n", "PHNhbWw+");
  SECRET(GCN__SECRET_DOCUMENT, " \n\t", NULL);
  char* secret = NULL;
  bool exposed = false;
  assert_int_equal(
      gcn__secret_read(path_of("none"), GCN__SECRET_LINE, &secret, &exposed),
      GCN__ENOENT);
  chmod(path_of("secret"), 0640);
  write_file("secret", "x", 1);
  chmod(path_of("secret"), 0640);
  assert_int_equal(
      gcn__secret_read(path_of("secret"), GCN__SECRET_LINE, &secret, &exposed),
      0);
  assert_true(exposed);
  gcn__secret_free(&gcn__mem_libc, secret);
}

static void test_url(void** state) {
  (void)state;
  assert_true(gcn__secret_in_url("http://user:pass@host:1"));
  assert_true(gcn__secret_in_url("user:pass@host"));
  assert_true(gcn__secret_in_url("http://u:p@q@host"));
  assert_false(gcn__secret_in_url("http://host:8080"));
  assert_false(gcn__secret_in_url("http://user@host:8080"));
  assert_false(gcn__secret_in_url(""));
}

static void expect_url(const struct gcn__secret_proxy* proxy,
                       const char* expected) {
  char* url = gcn__secret_proxy_url(proxy);
  assert_string_equal(url, expected);
  gcn__secret_free(&gcn__mem_libc, url);
}

static void test_proxy(void** state) {
  (void)state;
  struct gcn__secret_proxy proxy = {.host = "proxy.example"};
  expect_url(&proxy, "http://proxy.example");
  proxy.port = "3128";
  proxy.protocol = "socks5";
  expect_url(&proxy, "socks5://proxy.example:3128");
  proxy.user = "a b";
  expect_url(&proxy, "socks5://a%20b:@proxy.example:3128");
  proxy.password = "p@:/%\xc3\xa9-._~";
  expect_url(&proxy,
             "socks5://a%20b:p%40%3A%2F%25%C3%A9-._~@proxy.example:3128");
}

static void expect_content(const char* name, const char* expected,
                           mode_t mode) {
  struct gcn__buf text;
  struct stat status;
  gcn__buf_init(&text, &gcn__mem_libc, 4096);
  assert_int_equal(gcn__file_read(path_of(name), &text, NULL), 0);
  assert_true(gcn__span_is(gcn__buf_span(&text), expected));
  gcn__buf_deinit(&text);
  assert_int_equal(stat(path_of(name), &status), 0);
  assert_int_equal(status.st_mode & 0777, mode);
}

static void test_replace(void** state) {
  (void)state;
  struct gcn__span one = GCN__SPAN("one");
  struct gcn__span two = GCN__SPAN("two");
  const char* path = path_of("secret");
  assert_int_equal(gcn__file_replace(path, one, GCN__FILE_PUBLIC), 0);
  expect_content("secret", "one", 0644);
  assert_int_equal(gcn__file_replace(path_of("secret"), two, GCN__FILE_SECRET),
                   0);
  expect_content("secret", "two", 0600);
}

/* The link stays one, and what it names is replaced. */
static void test_replace_behind_a_link(void** state) {
  (void)state;
  char target[PATH_SIZE];
  struct stat status;
  write_file("secret", "old", 3);
  snprintf(target, sizeof target, "%s", path_of("secret"));
  assert_int_equal(symlink(target, path_of("link")), 0);
  assert_true(gcn__file_lasts(path_of("link")));
  assert_int_equal(
      gcn__file_replace(path_of("link"), GCN__SPAN("new"), GCN__FILE_SECRET),
      0);
  assert_int_equal(lstat(path_of("link"), &status), 0);
  assert_true(S_ISLNK(status.st_mode));
  expect_content("secret", "new", 0600);
}

static void test_replace_fails(void** state) {
  (void)state;
  assert_int_equal(
      gcn__file_replace(path_of("inner/x"), GCN__SPAN("x"), GCN__FILE_SECRET),
      GCN__ENOENT);
  assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
  assert_false(gcn__file_lasts(path_of("pipe")));
  assert_false(gcn__file_lasts(path_of("none")));
  /* A directory has no text to replace, and stays. */
  assert_int_equal(mkdir(path_of("inner"), 0700), 0);
  assert_int_not_equal(
      gcn__file_replace(path_of("inner"), GCN__SPAN("x"), GCN__FILE_PUBLIC), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_read),
      cmocka_unit_test(test_url),
      cmocka_unit_test(test_proxy),
      CASE(test_replace),
      CASE(test_replace_behind_a_link),
      CASE(test_replace_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
