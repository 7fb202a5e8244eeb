/* SPDX-License-Identifier: MIT */
/*
 * Addresses in binary: the same as inet_pton's for every text that is an
 * address to us.
 */
#include "base/rng.h"
#include "check.h"
#include "codec/address.h"
#include "codec/url.h"

#include <arpa/inet.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TEXT_SIZE = 64 };

/* `text` is an address; what is behind it must not be read. */
static void check_address(const char* text) {
  char padded[TEXT_SIZE + 1];
  unsigned char got[GCN__IPV6_SIZE];
  unsigned char want[GCN__IPV6_SIZE];
  int family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
  size_t size = family == AF_INET ? GCN__IPV4_SIZE : GCN__IPV6_SIZE;
  snprintf(padded, sizeof padded, "%s1", text);
  memset(got, 0xa5, sizeof got);
  assert_int_equal(inet_pton(family, text, want), 1);
  if (gcn__address_parse(gcn__span(padded, strlen(text)), got) != size) {
    fail_msg("%s: not an address of %zu bytes", text, size);
  }
  if (memcmp(got, want, size) != 0) fail_msg("%s: wrong bytes", text);
}

static void test_addresses(void** state) {
  (void)state;
  static const char* const rows[] = {
      "0.0.0.0",
      "127.0.0.1",
      "255.255.255.255",
      "1.20.203.4",
      "::",
      "::1",
      "1::",
      "1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7::",
      "::2:3:4:5:6:7:8",
      "1::8",
      "fe80::ab47:4396:55c9:8474",
      "2001:DB8::a",
      "::ffff:127.0.0.1",
      "::1.2.3.4",
      "1:2:3:4:5:6:1.2.3.4",
      "1:2::6:1.2.3.4",
      "0:0:0:0:0:0:0:0",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    check_address(rows[i]);
}

static void test_others(void** state) {
  (void)state;
  static const char* const rows[] = {
      "",         "localhost",     "a.b",
      "1.2.3",    "1.2.3.4.5",     "1.2.3.256",
      "01.2.3.4", "1.2.3.4.",      "a1",
      "1a",       "0x7f.0.0.1",    "[::1]",
      ":",        ":::",           "1::2::3",
      "::1%lo",   "::12345",       "1.2.3.4/8",
      "::1/64",   "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
      " 1.2.3.4",
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    unsigned char out[GCN__IPV6_SIZE];
    size_t size = gcn__address_parse(gcn__span_str(rows[i]), out);
    if (size != 0) fail_msg("\"%s\": %zu bytes, not 0", rows[i], size);
  }
}

/* Random binary addresses in the system's own spelling. */
static void test_random(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 4);
  for (int i = 0; i < 2000; i++) {
    unsigned char bytes[GCN__IPV6_SIZE];
    char text[TEXT_SIZE];
    for (size_t j = 0; j < sizeof bytes; j++) {
      bool zero = gcn__rng_below(&rng, 2) == 0;
      bytes[j] = zero ? 0 : (unsigned char)gcn__rng_below(&rng, 256);
    }
    int family = i % 4 == 0 ? AF_INET : AF_INET6;
    assert_non_null(inet_ntop(family, bytes, text, sizeof text));
    check_address(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_addresses),
      cmocka_unit_test(test_others),
      cmocka_unit_test(test_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
