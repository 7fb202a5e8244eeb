/* SPDX-License-Identifier: MIT */
/*
 * Regions: the table of PROTOCOL §1.1, typed a second time.
 */
#include "dialect/regions.h"

#include "base/span.h"
#include "check.h"

#include <ctype.h>
#include <stdio.h>

/* As the official SDKs spell them. */
static const char* const table[][2] = {
    {"us_east_1", "mypurecloud.com"},
    {"us_west_2", "usw2.pure.cloud"},
    {"us_east_2", "use2.us-gov-pure.cloud"},
    {"ca_central_1", "cac1.pure.cloud"},
    {"sa_east_1", "sae1.pure.cloud"},
    {"mx_central_1", "mxc1.pure.cloud"},
    {"eu_west_1", "mypurecloud.ie"},
    {"eu_west_2", "euw2.pure.cloud"},
    {"eu_central_1", "mypurecloud.de"},
    {"eu_central_2", "euc2.pure.cloud"},
    {"eusc_de_east_1", "edee1.eusc-pure.cloud"},
    {"me_central_1", "mec1.pure.cloud"},
    {"ap_northeast_1", "mypurecloud.jp"},
    {"ap_northeast_2", "apne2.pure.cloud"},
    {"ap_northeast_3", "apne3.pure.cloud"},
    {"ap_southeast_1", "apse1.pure.cloud"},
    {"ap_southeast_2", "mypurecloud.com.au"},
    {"ap_south_1", "aps1.pure.cloud"},
};

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

static void assert_finds(const char* key, const char* domain) {
  const char* found = gcn__region_domain(key);
  if (found == NULL) fail_msg("%s is not found", key);
  assert_string_equal(found, domain);
}

static void change(const char* from, char* to, char from_char, char to_char,
                   int upper) {
  do {
    char c = *from == from_char ? to_char : *from;
    *to++ = upper ? (char)toupper((unsigned char)c) : c;
  } while (*from++ != '\0');
}

static void every_spelling_is_found(void** state) {
  (void)state;
  for (size_t i = 0; i < TABLE_COUNT; i++) {
    char text[64];
    assert_finds(table[i][0], table[i][1]);
    assert_finds(table[i][1], table[i][1]);
    change(table[i][0], text, '_', '-', 0);
    assert_finds(text, table[i][1]);
    change(table[i][0], text, '_', '-', 1);
    assert_finds(text, table[i][1]);
    change(table[i][1], text, '.', '.', 1);
    assert_finds(text, table[i][1]);
  }
}

static void others_are_not(void** state) {
  (void)state;
  static const char* const unknown[] = {"",
                                        "us-east",
                                        "us-east-11",
                                        "us-east-1 ",
                                        "eu",
                                        "pure.cloud",
                                        "mypurecloud",
                                        "mypurecloud-de",
                                        "us.east.1",
                                        "api.mypurecloud.de",
                                        "mypurecloud.de.",
                                        "mypurecloud_de"};
  assert_null(gcn__region_domain(NULL));
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    if (gcn__region_domain(unknown[i]) != NULL) fail_msg("%s", unknown[i]);
  }
}

static void keys_walk_the_table(void** state) {
  (void)state;
  assert_string_equal(gcn__region_key(0), "us-east-1");
  size_t count = 0;
  while (gcn__region_key(count) != NULL) {
    assert_non_null(gcn__region_domain(gcn__region_key(count)));
    count++;
  }
  assert_int_equal(count, TABLE_COUNT);
  assert_null(gcn__region_key((size_t)-1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_spelling_is_found),
      cmocka_unit_test(others_are_not),
      cmocka_unit_test(keys_walk_the_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
