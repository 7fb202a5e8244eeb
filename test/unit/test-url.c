/* SPDX-License-Identifier: MIT */
/*
 * URLs: what is accepted is one host to every parser, the rest is refused.
 */
#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "codec/url.h"
#include "mem-probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
  const char* text;
  /* "scheme host port target", host in <> if it is an address; or what is
   * wrong. */
  const char* want;
};

static const char* scheme_name(enum gcn__scheme scheme) {
  switch (scheme) {
  case GCN__SCHEME_HTTP: return "http";
  case GCN__SCHEME_HTTPS: return "https";
  case GCN__SCHEME_WS: return "ws";
  case GCN__SCHEME_WSS: return "wss";
  }
  return "none";
}

/* From a block of the text's own size, so that a sanitizer sees a read beyond
 * it. */
static void describe(struct gcn__span text, char* out, size_t size) {
  struct gcn__url url;
  char* block = malloc(text.size + 1);
  assert_non_null(block);
  char* copy = block + 1; /* not aligned, too */
  memcpy(copy, text.data, text.size);
  const char* problem = gcn__url_parse(&url, gcn__span(copy, text.size));
  if (problem != NULL) {
    snprintf(out, size, "%s", problem);
  } else {
    bool secure =
        url.scheme == GCN__SCHEME_HTTPS || url.scheme == GCN__SCHEME_WSS;
    assert_int_equal(gcn__url_secure(&url), secure);
    snprintf(out, size, url.ip_literal ? "%s <%s> %u %.*s" : "%s %s %u %.*s",
             scheme_name(url.scheme), url.host, (unsigned)url.port,
             (int)url.target.size, url.target.data);
  }
  free(block);
}

static void check_rows(const struct row* rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char got[512];
    describe(gcn__span_str(rows[i].text), got, sizeof got);
    if (strcmp(got, rows[i].want) != 0) {
      fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i].text, got, rows[i].want);
    }
  }
}

static const struct row accepted[] = {
    {.text = "wss://h", .want = "wss h 443 /"},
    {.text = "WSS://H", .want = "wss h 443 /"},
    {.text = "ws://h", .want = "ws h 80 /"},
    {.text = "http://h", .want = "http h 80 /"},
    {.text = "https://h", .want = "https h 443 /"},
    {.text = "HtTpS://Api.MyPureCloud.COM/V2",
     .want = "https api.mypurecloud.com 443 /V2"},
    {.text = "wss://h/", .want = "wss h 443 /"},
    {.text = "wss://h:443", .want = "wss h 443 /"},
    {.text = "wss://h:1", .want = "wss h 1 /"},
    {.text = "wss://h:65535/a", .want = "wss h 65535 /a"},
    {.text = "wss://h/a/b?c=d&e", .want = "wss h 443 /a/b?c=d&e"},
    {.text = "wss://evil?.good", .want = "wss evil 443 ?.good"},
    {.text = "wss://evil:1?.good/x", .want = "wss evil 1 ?.good/x"},
    {.text = "wss://good.evil.com", .want = "wss good.evil.com 443 /"},
    {.text = "wss://h/@good", .want = "wss h 443 /@good"},
    {.text = "wss://h/a:b", .want = "wss h 443 /a:b"},
    {.text = "wss://h/%2e%2e/%00/%0d%0a",
     .want = "wss h 443 /%2e%2e/%00/%0d%0a"},
    {.text = "wss://h//evil", .want = "wss h 443 //evil"},
    {.text = "wss://xn--nxasmq6b", .want = "wss xn--nxasmq6b 443 /"},
    {.text = "wss://a-b.c_d.e1", .want = "wss a-b.c_d.e1 443 /"},
    {.text = "wss://1.example", .want = "wss 1.example 443 /"},
    {.text = "wss://0x1.example", .want = "wss 0x1.example 443 /"},
    {.text = "wss://0xg", .want = "wss 0xg 443 /"},
    {.text = "wss://1a", .want = "wss 1a 443 /"},
    {.text = "wss://127.0.0.1", .want = "wss <127.0.0.1> 443 /"},
    {.text = "wss://0.0.0.0:1", .want = "wss <0.0.0.0> 1 /"},
    {.text = "wss://255.255.255.255", .want = "wss <255.255.255.255> 443 /"},
    {.text = "wss://[::1]", .want = "wss <::1> 443 /"},
    {.text = "wss://[2001:DB8::A]:8443/x", .want = "wss <2001:db8::a> 8443 /x"},
    {.text = "wss://[::ffff:127.0.0.1]",
     .want = "wss <::ffff:127.0.0.1> 443 /"},
    {.text = "wss://[::]", .want = "wss <::> 443 /"},
    {.text = "wss://[1:2:3:4:5:6:7:8]", .want = "wss <1:2:3:4:5:6:7:8> 443 /"},
    {.text = "wss://[1:2:3:4:5:6:7::]", .want = "wss <1:2:3:4:5:6:7::> 443 /"},
    {.text = "wss://[1:2:3:4:5:6:1.2.3.4]",
     .want = "wss <1:2:3:4:5:6:1.2.3.4> 443 /"},
};

#define NO_SCHEME "has no scheme that we know"
#define BLANKS    "has white space or control bytes"
#define QUAD      "has an IPv4 address that is not a dotted quad"
#define BYTE      "has a byte that no host name may hold"
#define IPV6      "has a malformed IPv6 address"
#define RANGE     "has a port that is out of range"
#define NUMBER    "has a port that is not a number"
#define ZEROS     "has a port with leading zeros"

static const struct row refused[] = {
    {.text = "", .want = "is empty"},
    {.text = "wss:/h", .want = NO_SCHEME},
    {.text = "wss:h", .want = NO_SCHEME},
    {.text = "//h", .want = NO_SCHEME},
    {.text = "h", .want = NO_SCHEME},
    {.text = "/a", .want = NO_SCHEME},
    {.text = "wss", .want = NO_SCHEME},
    {.text = "wsss://h", .want = NO_SCHEME},
    {.text = "file:///etc/passwd", .want = NO_SCHEME},
    {.text = "javascript://h", .want = NO_SCHEME},
    {.text = "wss:///h", .want = "has an empty host"},
    {.text = "wss://", .want = "has an empty host"},
    {.text = "wss://:443", .want = "has an empty host"},
    {.text = "wss://?a", .want = "has an empty host"},
    {.text = "wss://user@h", .want = "has user info"},
    {.text = "wss://user:pw@h", .want = "has user info"},
    {.text = "wss://good@evil", .want = "has user info"},
    {.text = "wss://@h", .want = "has user info"},
    {.text = "wss://good:443@evil", .want = "has user info"},
    {.text = "wss://[::1]@evil", .want = "has user info"},
    {.text = "wss://evil#good", .want = "has a fragment"},
    {.text = "wss://h/a#", .want = "has a fragment"},
    {.text = "wss://h:0", .want = RANGE},
    {.text = "wss://h:65536", .want = RANGE},
    {.text = "wss://h:99999", .want = RANGE},
    {.text = "wss://h:100000", .want = RANGE},
    {.text = "wss://h:4294967739", .want = RANGE},
    {.text = "wss://h:18446744073709552059", .want = RANGE},
    {.text = "wss://h:-1", .want = NUMBER},
    {.text = "wss://h:+443", .want = NUMBER},
    {.text = "wss://h:443x", .want = NUMBER},
    {.text = "wss://h:x443", .want = NUMBER},
    {.text = "wss://h:0x1bb", .want = NUMBER},
    {.text = "wss://h:1:2", .want = NUMBER},
    {.text = "wss://h:0443", .want = ZEROS},
    {.text = "wss://h:00", .want = ZEROS},
    {.text = "wss://h:", .want = "has an empty port"},
    {.text = "wss://h:/a", .want = "has an empty port"},
    {.text = "wss://[::1]:", .want = "has an empty port"},
    {.text = "wss://[::1%25eth0]", .want = "has an IPv6 zone"},
    {.text = "wss://[fe80::1%eth0]", .want = "has an IPv6 zone"},
    {.text = "wss://[::1", .want = "has an unclosed bracket"},
    {.text = "wss://[::1]x", .want = "has text after its IPv6 address"},
    {.text = "wss://[]", .want = IPV6},
    {.text = "wss://[h]", .want = IPV6},
    {.text = "wss://[1:2:3:4:5:6:7]", .want = IPV6},
    {.text = "wss://[1:2:3:4:5:6:7:8:9]", .want = IPV6},
    {.text = "wss://[1:2:3:4::5:6:7:8]", .want = IPV6},
    {.text = "wss://[1:2:3:4:5:6:7:8::]", .want = IPV6},
    {.text = "wss://[1::2::3]", .want = IPV6},
    {.text = "wss://[:1::]", .want = IPV6},
    {.text = "wss://[1:]", .want = IPV6},
    {.text = "wss://[:::]", .want = IPV6},
    {.text = "wss://[12345::]", .want = IPV6},
    {.text = "wss://[::1.2.3]", .want = IPV6},
    {.text = "wss://[1.2.3.4::]", .want = IPV6},
    {.text = "wss://[1:2:3:4:5:6:7:1.2.3.4]", .want = IPV6},
    {.text = "wss://[127.0.0.1]", .want = IPV6},
    {.text = "wss://[v1.a:b]", .want = IPV6},
    {.text = "wss://::1", .want = "has an empty host"},
    {.text = "wss://h]", .want = BYTE},
    {.text = "wss://0x7f.1", .want = QUAD},
    {.text = "wss://2130706433", .want = QUAD},
    {.text = "wss://127.1", .want = QUAD},
    {.text = "wss://0177.0.0.1", .want = QUAD},
    {.text = "wss://127.0.0.01", .want = QUAD},
    {.text = "wss://127.0.0.256", .want = QUAD},
    {.text = "wss://127.0.0.0x1", .want = QUAD},
    {.text = "wss://1.2.3.4.5", .want = QUAD},
    {.text = "wss://a.1", .want = QUAD},
    {.text = "wss://0x", .want = QUAD},
    {.text = "wss://a.0X", .want = QUAD},
    {.text = "wss://%2e%2e", .want = BYTE},
    {.text = "wss://%00", .want = BYTE},
    {.text = "wss://h%0d%0aevil", .want = BYTE},
    {.text = "wss://a,b", .want = BYTE},
    {.text = "wss://a*b", .want = BYTE},
    {.text = "wss://good\\.evil", .want = "has a backslash"},
    {.text = "wss:\\\\h", .want = "has a backslash"},
    {.text = "wss://h/\\", .want = "has a backslash"},
    {.text = "wss://h/a\tb", .want = BLANKS},
    {.text = "wss://h\n", .want = BLANKS},
    {.text = "wss://h/a\r\nb", .want = BLANKS},
    {.text = " wss://h", .want = BLANKS},
    {.text = "wss://h ", .want = BLANKS},
    {.text = "wss://h/a b", .want = BLANKS},
    {.text = "wss://h/\x7f", .want = BLANKS},
    {.text = "wss://b\xc3\xbc\x63her", .want = "has non-ASCII bytes"},
    {.text = "wss://h/\xff", .want = "has non-ASCII bytes"},
    {.text = "wss://h.", .want = "has a trailing dot in its host"},
    {.text = "wss://127.0.0.1.", .want = "has a trailing dot in its host"},
    {.text = "wss://.", .want = "has a trailing dot in its host"},
    {.text = "wss://.h", .want = "has an empty label in its host"},
    {.text = "wss://a..b", .want = "has an empty label in its host"},
    {.text = "wss://-a",
     .want = "has a label that begins or ends with a hyphen"},
    {.text = "wss://xn--abc-",
     .want = "has a label that begins or ends with a hyphen"},
};

static void test_accepted(void** state) {
  (void)state;
  check_rows(accepted, COUNT(accepted));
}

static void test_refused(void** state) {
  (void)state;
  check_rows(refused, COUNT(refused));
}

static void test_nul(void** state) {
  (void)state;
  char got[128];
  describe(GCN__SPAN("wss://good\0.evil"), got, sizeof got);
  assert_string_equal(got, BLANKS);
  describe(GCN__SPAN("wss://h/\0"), got, sizeof got);
  assert_string_equal(got, BLANKS);
  assert_non_null(gcn__host_check(GCN__SPAN("good\0")));
  assert_non_null(gcn__host_check(GCN__SPAN("::1\0")));
}

/* A cut text is refused or names a prefix of the same host: no read goes
 * beyond its end. */
static void test_prefixes(void** state) {
  (void)state;
  const char* text = "wss://[2001:db8::1:2.3.4.5]:8443/a?b";
  for (size_t size = 0; size <= strlen(text); size++) {
    char got[256];
    describe(gcn__span(text, size), got, sizeof got);
    bool whole = size >= strlen("wss://[2001:db8::1:2.3.4.5]") &&
                 size != strlen("wss://[2001:db8::1:2.3.4.5]:");
    assert_int_equal(
        gcn__span_starts(gcn__span_str(got), "wss <2001:db8::1:2.3.4.5>"),
        whole);
  }
}

static void test_url_size(void** state) {
  (void)state;
  char text[GCN__URL_SIZE_MAX + 1];
  struct gcn__url url;
  memset(text, 'a', sizeof text);
  memcpy(text, "wss://h/", 8);
  assert_null(gcn__url_parse(&url, gcn__span(text, GCN__URL_SIZE_MAX)));
  assert_int_equal(url.target.size, GCN__URL_SIZE_MAX - 7);
  assert_string_equal(gcn__url_parse(&url, gcn__span(text, sizeof text)),
                      "is over 8192 bytes");
}

/* A host of `size` bytes in labels of at most `label_size`. */
static struct gcn__span host_of(char* out, size_t size, size_t label_size) {
  for (size_t i = 0; i < size; i++)
    out[i] = i % (label_size + 1) == label_size ? '.' : 'a';
  return gcn__span(out, size);
}

static void test_host_sizes(void** state) {
  (void)state;
  char text[300];
  assert_null(gcn__host_check(host_of(text, 253, 63)));
  assert_string_equal(gcn__host_check(host_of(text, 254, 63)),
                      "has a host over 253 bytes");
  assert_null(gcn__host_check(host_of(text, 63, 63)));
  assert_string_equal(gcn__host_check(host_of(text, 64, 64)),
                      "has a label over 63 bytes");
  assert_string_equal(gcn__host_check(gcn__span(NULL, 0)), "has an empty host");
}

static void test_host_check(void** state) {
  (void)state;
  assert_null(gcn__host_check(GCN__SPAN("Example.COM")));
  assert_null(gcn__host_check(GCN__SPAN("10.0.0.1")));
  assert_null(gcn__host_check(GCN__SPAN("fe80::1")));
  assert_non_null(gcn__host_check(GCN__SPAN("[::1]")));
  assert_non_null(gcn__host_check(GCN__SPAN("h:443")));
  assert_non_null(gcn__host_check(GCN__SPAN("h/")));
  assert_non_null(gcn__host_check(GCN__SPAN("u@h")));
  assert_non_null(gcn__host_check(GCN__SPAN("h ")));
  assert_non_null(gcn__host_check(GCN__SPAN("fe80::1%eth0")));
}

/* Texts of groups, colons and dots, mostly nearly right. */
static size_t random_ipv6(struct gcn__rng* rng, char* out) {
  static const char* const pieces[] = {
      ":", ":", ":", "::", "0", "1", "ab", "FFFF", "12345", "1.2.3.4", "g",
  };
  size_t size = 0;
  uint64_t count = gcn__rng_between(rng, 1, 16);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t which = gcn__rng_below(rng, 100);
    const char* piece = i % 2 == 0 || which < 5
                            ? pieces[gcn__rng_below(rng, COUNT(pieces))]
                            : ":";
    if (which == 99) piece = "255.1.1.1";
    memcpy(out + size, piece, strlen(piece));
    size += strlen(piece);
  }
  out[size] = '\0';
  return size;
}

static void test_ipv6_against_libc(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 11);
  size_t good_count = 0;
  for (int i = 0; i < 300000; i++) {
    char text[256];
    struct in6_addr address;
    size_t size = random_ipv6(&rng, text);
    if (strchr(text, ':') == NULL) continue;
    bool want = inet_pton(AF_INET6, text, &address) == 1;
    bool got = gcn__host_check(gcn__span(text, size)) == NULL;
    if (got != want) fail_msg("\"%s\": %d", text, got);
    good_count += want;
  }
  assert_true(good_count > 1000);
}

static void test_ipv4_against_libc(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 12);
  for (int i = 0; i < 100000; i++) {
    char text[64];
    struct in_addr address;
    int size = snprintf(text, sizeof text, "%u.%u.%u.%u",
                        (unsigned)gcn__rng_below(&rng, 300),
                        (unsigned)gcn__rng_below(&rng, 300),
                        (unsigned)gcn__rng_below(&rng, 300),
                        (unsigned)gcn__rng_below(&rng, 300));
    bool want = inet_pton(AF_INET, text, &address) == 1;
    assert_int_equal(gcn__host_check(gcn__span(text, (size_t)size)) == NULL,
                     want);
  }
}

static void check_authority(const char* text, const char* want) {
  struct gcn__url url;
  char out[GCN__AUTHORITY_SIZE_MAX];
  assert_null(gcn__url_parse(&url, gcn__span_str(text)));
  gcn__url_authority(&url, out);
  assert_string_equal(out, want);
}

static void test_authority(void** state) {
  (void)state;
  check_authority("wss://H:443/a", "h");
  check_authority("wss://h:80/a", "h:80");
  check_authority("http://h:80", "h");
  check_authority("ws://h:443", "h:443");
  check_authority("https://[::1]", "[::1]");
  check_authority("https://[::1]:8443", "[::1]:8443");
  check_authority("https://127.0.0.1:1", "127.0.0.1:1");
  char text[300] = "wss://";
  char want[300];
  host_of(text + 6, 253, 63);
  memcpy(text + 6 + 253, ":65535", 7);
  memcpy(want, text + 6, 253 + 7);
  check_authority(text, want);
}

static void test_within(void** state) {
  (void)state;
  assert_true(gcn__host_within("mypurecloud.com", "mypurecloud.com"));
  assert_true(gcn__host_within("api.mypurecloud.com", "mypurecloud.com"));
  assert_true(gcn__host_within("a.b.mypurecloud.com", "mypurecloud.com"));
  assert_false(gcn__host_within("notmypurecloud.com", "mypurecloud.com"));
  assert_false(gcn__host_within("mypurecloud.com.evil", "mypurecloud.com"));
  assert_false(gcn__host_within("purecloud.com", "mypurecloud.com"));
  assert_false(gcn__host_within("com", "mypurecloud.com"));
  assert_false(gcn__host_within("h", ""));
  assert_false(gcn__host_within("", "h"));
}

static void assert_text(const struct gcn__buf* buf, const char* text) {
  struct gcn__span span = gcn__buf_span(buf);
  assert_int_equal(span.size, strlen(text));
  assert_memory_equal(span.data, text, span.size);
}

static void test_percent_encode(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 100);
  assert_int_equal(gcn__percent_encode(&out, GCN__SPAN("aZ09-._~")), 0);
  assert_int_equal(gcn__percent_encode(&out, GCN__SPAN(" /?%+\xff")), 0);
  assert_int_equal(gcn__percent_encode(&out, gcn__span(NULL, 0)), 0);
  assert_text(&out, "aZ09-._~%20%2F%3F%25%2B%FF");
  gcn__buf_deinit(&out);
}

static void test_percent_decode(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 100);
  assert_int_equal(gcn__percent_decode(&out, GCN__SPAN("a%20+%2b"), false), 0);
  assert_text(&out, "a ++");
  assert_int_equal(gcn__percent_decode(&out, GCN__SPAN("+%2B"), true), 0);
  assert_text(&out, "a ++ +");
  assert_int_equal(gcn__percent_decode(&out, gcn__span(NULL, 0), true), 0);
  static const char* const bad[] = {"%",    "a%",   "%2",  "%2g", "%g2",
                                    "%%20", "%20%", "%-1", "% 1"};
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(gcn__percent_decode(&out, gcn__span_str(bad[i]), false),
                     GCN__EINVAL);
  }
  /* What follows the text is not read. */
  for (size_t size = 1; size < 3; size++) {
    assert_int_equal(gcn__percent_decode(&out, gcn__span("%41", size), false),
                     GCN__EINVAL);
  }
  assert_text(&out, "a ++ +");
  gcn__buf_deinit(&out);
}

static void test_percent_round_trip(void** state) {
  (void)state;
  char all[256];
  for (int i = 0; i < 256; i++)
    all[i] = (char)i;
  struct gcn__buf text;
  struct gcn__buf back;
  gcn__buf_init(&text, &gcn__mem_libc, 1000);
  gcn__buf_init(&back, &gcn__mem_libc, 256);
  assert_int_equal(gcn__percent_encode(&text, gcn__span(all, 256)), 0);
  assert_int_equal(gcn__percent_decode(&back, gcn__buf_span(&text), true), 0);
  assert_int_equal(gcn__buf_size(&back), 256);
  assert_memory_equal(gcn__buf_span(&back).data, all, 256);
  gcn__buf_deinit(&text);
  gcn__buf_deinit(&back);
}

static void test_percent_limits(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 1, .fail_on = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__buf out;
  gcn__buf_init(&out, &mem, 4);
  assert_int_equal(gcn__percent_encode(&out, GCN__SPAN("aa/")), GCN_ELIMIT);
  assert_int_equal(gcn__percent_encode(&out, GCN__SPAN("a/")), GCN__ENOMEM);
  assert_int_equal(gcn__percent_decode(&out, GCN__SPAN("abcde"), false),
                   GCN_ELIMIT);
  assert_int_equal(gcn__percent_decode(&out, GCN__SPAN("%41"), false),
                   GCN__ENOMEM);
  assert_int_equal(gcn__buf_size(&out), 0);
  gcn__buf_deinit(&out);
  gcn__buf_init(&out, &gcn__mem_libc, 4);
  assert_int_equal(gcn__percent_encode(&out, GCN__SPAN("a/")), 0);
  assert_text(&out, "a%2F");
  gcn__buf_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_nul),
      cmocka_unit_test(test_prefixes),
      cmocka_unit_test(test_url_size),
      cmocka_unit_test(test_host_sizes),
      cmocka_unit_test(test_host_check),
      cmocka_unit_test(test_ipv6_against_libc),
      cmocka_unit_test(test_ipv4_against_libc),
      cmocka_unit_test(test_authority),
      cmocka_unit_test(test_within),
      cmocka_unit_test(test_percent_encode),
      cmocka_unit_test(test_percent_decode),
      cmocka_unit_test(test_percent_round_trip),
      cmocka_unit_test(test_percent_limits),
  };
  return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
