/* SPDX-License-Identifier: MIT */
/*
 * Host names that the constructor refuses, saying in which field: FAULTS D10.
 * A NUL ends a C string; the URL reader is tested with it on its own.
 */
#include "check.h"
#include "gcnotify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct row {
  const char* name;
  const char* host;
  int letters; /* appended to the host, in labels of this size */
  int label_size;
  bool accepted;
};

static const struct row rows[] = {
    {"D10 a host name of 253 bytes is accepted", "", 253, 60, true},
    {"D10 a host name of 254 bytes", "", 254, 60, false},
    {"D10 a label of 63 bytes is accepted", "", 63, 63, true},
    {"D10 a label of 64 bytes", "", 64, 64, false},
    {"D10 an empty label", "api..example", 0, 0, false},
    {"D10 an empty first label", ".example", 0, 0, false},
    {"D10 CR and LF", "api.example\r\nX: y", 0, 0, false},
    {"D10 a space", "api example", 0, 0, false},
    {"D10 a tab", "api\texample", 0, 0, false},
    {"D10 an encoded NUL", "api%00.example", 0, 0, false},
    {"D10 encoded CR and LF", "api%0d%0a.example", 0, 0, false},
    {"D10 a name not in A-label form",
     "b\xc3\xbc"
     "cher.example",
     0, 0, false},
    {"D10 a byte that is no text", "api\xff.example", 0, 0, false},
    {"D10 a backslash", "api\\.example", 0, 0, false},
    {"D10 an A-label is accepted", "xn--bcher-kva.example", 0, 0, true},
};

/* "aaa.aaa.aa" of so many bytes. */
static void append_labels(char* text, const struct row* row) {
  size_t size = strlen(text);
  for (int i = 0; i < row->letters; i++) {
    bool last = i == row->letters - 1;
    bool dot = i % (row->label_size + 1) == row->label_size && !last;
    text[size++] = dot ? '.' : 'a';
  }
  text[size] = '\0';
}

static void expect(const struct row* row, const gcn_options_t* options,
                   const char* field) {
  char why[256] = "";
  int error = gcn_options_check(options, why, sizeof why);
  assert_int_equal(error, row->accepted ? 0 : GCN_ECONFIG);
  if (row->accepted) return;
  if (strstr(why, field) == NULL) fail_msg("\"%s\" lacks %s", why, field);
  assert_null(strpbrk(why, "\r\n")); /* it may go into a log */
}

static void plays_as_listed(void** state) {
  const struct row* row = *state;
  char host[300];
  char url[320];
  gcn_options_t options;
  snprintf(host, sizeof host, "%s", row->host);
  append_labels(host, row);
  snprintf(url, sizeof url, "https://%s", host);
  gcn_options_init(&options);
  options.client_id = "id";
  options.client_secret = "s3cr3t";
  options.api_url = url;
  expect(row, &options, "api_url");
  options.api_url = NULL;
  options.login_url = url;
  expect(row, &options, "login_url");
  options.login_url = NULL;
  if (row->accepted) return;
  options.region = host;
  expect(row, &options, "region");
}

int main(void) {
  static struct CMUnitTest tests[sizeof rows / sizeof rows[0]];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    tests[i].name = rows[i].name;
    tests[i].test_func = plays_as_listed;
    tests[i].initial_state = (void*)(uintptr_t)&rows[i];
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
