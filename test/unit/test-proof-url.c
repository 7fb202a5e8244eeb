/* SPDX-License-Identifier: MIT */
/*
 * FAULTS §9.4, row by row: what a service may name as its streaming host.
 *
 * Each text goes the way of a connectUri: through the parser, then through the
 * policy.  Accepted is only what is one host to every parser, and that host
 * ours; so each row says either where we would connect, or who refuses it and
 * why.  The document packs several texts into one cell; each text is a row
 * here, in its order.
 */
#include "codec/url.h"
#include "dialect/channels.h"
#include "proof-case.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NO_SCHEME "has no scheme that we know"
#define USER      "has user info"
#define RANGE     "has a port that is out of range"
#define QUAD      "has an IPv4 address that is not a dotted quad"
#define BYTE      "has a byte that no host name may hold"
#define BLANKS    "has white space or control bytes"
#define OUTSIDE   "connectUri names a host outside the region's domain"
#define ADDRESS   "connectUri names an address, not a host"

struct row {
  const char* name;
  const char* text;
  /* "HOST PORT TARGET" or the reason of the refusal. */
  const char* want;
  const char* api; /* NULL: https://api.good.com */
};

/* A host that ends in .good.com is ours. */
static const struct row rows[] = {
    {.name = "S4-01 wss to a host is accepted",
     .text = "wss://h.good.com",
     .want = "h.good.com 443 /"},
    {.name = "S4-02 capitals are made small",
     .text = "WSS://H.GOOD.COM",
     .want = "h.good.com 443 /"},
    {.name = "S4-03 ws:// is refused",
     .text = "ws://h.good.com",
     .want = "connectUri is not encrypted (ws://)"},
    {.name = "S4-04 http:// is refused",
     .text = "http://h.good.com",
     .want = "connectUri is no WebSocket URL"},
    {.name = "S4-05 one slash is refused",
     .text = "wss:/h.good.com",
     .want = NO_SCHEME},
    {.name = "S4-06 three slashes are refused",
     .text = "wss:///h.good.com",
     .want = "has an empty host"},
    {.name = "S4-07 a missing scheme is refused",
     .text = "//h.good.com",
     .want = NO_SCHEME},
    {.name = "S4-08 a user is refused",
     .text = "wss://user@h.good.com",
     .want = USER},
    {.name = "S4-09 a user with a password is refused",
     .text = "wss://user:pw@h.good.com",
     .want = USER},
    {.name = "S4-10 our host as somebody else's user is refused",
     .text = "wss://h.good.com@evil.com",
     .want = USER},
    {.name = "S4-11 our host as a fragment is refused",
     .text = "wss://evil.com#h.good.com",
     .want = "has a fragment"},
    {.name = "S4-12 our host as a query is somebody else's host",
     .text = "wss://evil.com?.good.com",
     .want = OUTSIDE},
    {.name = "S4-13 our domain as somebody else's label is refused",
     .text = "wss://good.com.evil.com",
     .want = OUTSIDE},
    {.name = "S4-14 a suffix that begins inside a label is refused",
     .text = "wss://notgood.com",
     .want = OUTSIDE},
    {.name = "S4-15 the usual port may be named",
     .text = "wss://h.good.com:443",
     .want = "h.good.com 443 /"},
    {.name = "S4-16 port 0 is refused",
     .text = "wss://h.good.com:0",
     .want = RANGE},
    {.name = "S4-17 port 65536 is refused",
     .text = "wss://h.good.com:65536",
     .want = RANGE},
    {.name = "S4-18 a negative port is refused",
     .text = "wss://h.good.com:-1",
     .want = "has a port that is not a number"},
    {.name = "S4-19 a port with a leading zero is refused",
     .text = "wss://h.good.com:0443",
     .want = "has a port with leading zeros"},
    {.name = "S4-20 text behind the port is refused",
     .text = "wss://h.good.com:443x",
     .want = "has a port that is not a number"},
    {.name = "S4-21 an empty port is refused",
     .text = "wss://h.good.com:",
     .want = "has an empty port"},
    {.name = "S4-22 an IPv6 address is accepted if it is the API's",
     .text = "wss://[::1]/c",
     .want = "::1 443 /c",
     .api = "https://[::1]"},
    {.name = "S4-23 an IPv6 zone is refused",
     .text = "wss://[::1%25eth0]",
     .want = "has an IPv6 zone",
     .api = "https://[::1]"},
    {.name = "S4-24 a mapped IPv4 address is not our host",
     .text = "wss://[::ffff:127.0.0.1]",
     .want = ADDRESS},
    {.name = "S4-25 hexadecimal IPv4 is refused",
     .text = "wss://0x7f.1",
     .want = QUAD},
    {.name = "S4-26 IPv4 as one number is refused",
     .text = "wss://2130706433",
     .want = QUAD},
    {.name = "S4-27 short IPv4 is refused",
     .text = "wss://127.1",
     .want = QUAD},
    {.name = "S4-28 octal IPv4 is refused",
     .text = "wss://0177.0.0.1",
     .want = QUAD},
    {.name = "S4-29 encoded dots in a host are refused",
     .text = "wss://h%2e%2egood.com",
     .want = BYTE},
    {.name = "S4-30 an encoded NUL in a host is refused",
     .text = "wss://h.good.com%00.evil.com",
     .want = BYTE},
    {.name = "S4-31 an encoded line end in a host is refused",
     .text = "wss://h.good.com%0d%0aevil.com",
     .want = BYTE},
    {.name = "S4-32 escapes in a path stay encoded",
     .text = "wss://h.good.com/%2e%2e/%00/%0d%0a",
     .want = "h.good.com 443 /%2e%2e/%00/%0d%0a"},
    {.name = "S4-33 raw control bytes in a path are refused",
     .text = "wss://h.good.com/a\r\nX: y",
     .want = BLANKS},
    {.name = "S4-34 a backslash is refused",
     .text = "wss://evil.com\\.good.com",
     .want = "has a backslash"},
    {.name = "S4-35 a tab inside is refused",
     .text = "wss://h.go\tod.com",
     .want = BLANKS},
    /* S4-36 is made below. */
    {.name = "S4-37 a host in Unicode is refused",
     .text = "wss://h\xc3\xa9.good.com",
     .want = "has non-ASCII bytes"},
    {.name = "S4-38 a trailing dot is refused",
     .text = "wss://h.good.com.",
     .want = "has a trailing dot in its host"},
    {.name = "S4-39 an empty path is the root",
     .text = "wss://h.good.com",
     .want = "h.good.com 443 /"},
    {.name = "S4-40 a fragment is refused",
     .text = "wss://h.good.com/c#f",
     .want = "has a fragment"},
    {.name = "S4-41 white space around is refused",
     .text = " wss://h.good.com ",
     .want = BLANKS},
};

/* From a block of the text's own size, so that a sanitizer sees a read beyond
 * it; `size` bytes of `text`. */
static void judge(const char* text, size_t size, const char* api_text,
                  char out[512]) {
  struct gcn__url uri;
  struct gcn__url api;
  char* block = malloc(size + 1);
  assert_non_null(block);
  memcpy(block, text, size);
  assert_null(gcn__url_parse(&api, gcn__span_str(api_text)));
  const struct gcn__host_policy policy = {"good.com", &api, false};
  const char* wrong = gcn__url_parse(&uri, gcn__span(block, size));
  if (wrong == NULL) wrong = gcn__channels_uri_check(&uri, &policy);
  if (wrong != NULL) {
    snprintf(out, 512, "%s", wrong);
  } else {
    snprintf(out, 512, "%s %u %.*s", uri.host, (unsigned)uri.port,
             (int)uri.target.size, uri.target.data);
  }
  free(block);
}

static void judges_the_row(void** state) {
  const struct row* row = *state;
  const char* api = row->api == NULL ? "https://api.good.com" : row->api;
  char got[512];
  judge(row->text, strlen(row->text), api, got);
  assert_string_equal(got, row->want);
}

static void longest(void** state) {
  (void)state;
  static char text[GCN__URL_SIZE_MAX + 1];
  char got[512];
  memset(text, 'x', sizeof text);
  memcpy(text, "wss://h.good.com/", 17);
  judge(text, GCN__URL_SIZE_MAX, "https://api.good.com", got);
  assert_memory_equal(got, "h.good.com 443 /xxx", 19);
  judge(text, GCN__URL_SIZE_MAX + 1, "https://api.good.com", got);
  assert_string_equal(got, "is over 8192 bytes");
}

/* Rows 22, 33, 35 and 41 name one of several: these are the others. */
static void others(void** state) {
  (void)state;
  static const struct row more[] = {
      {.text = "wss://[::1]/c", .want = ADDRESS},
      {.text = "wss://h.good.com/\x01", .want = BLANKS},
      {.text = "wss://h.good.com/\x7f", .want = BLANKS},
      {.text = "wss://h.good.com/a b", .want = BLANKS},
      {.text = "wss://h.go\nod.com", .want = BLANKS},
      {.text = "wss:\t//h.good.com", .want = BLANKS},
      {.text = "\twss://h.good.com", .want = BLANKS},
      {.text = "wss://h.good.com\r\n", .want = BLANKS},
      {.text = "wss:\\\\h.good.com", .want = "has a backslash"},
      {.text = "wss://127.0.0.1", .want = ADDRESS},
      {.text = "wss://good.com:22",
       .want = "connectUri names an unexpected port"},
  };
  for (size_t i = 0; i < COUNT(more); i++) {
    char got[512];
    judge(more[i].text, strlen(more[i].text), "https://api.good.com", got);
    assert_string_equal(got, more[i].want);
  }
}

int main(void) {
  static struct proof_cases cases;
  for (size_t i = 0; i < COUNT(rows); i++)
    proof_add(&cases, rows[i].name, judges_the_row, &rows[i]);
  proof_add(&cases, "S4-36 a text over 8 KiB is refused", longest, NULL);
  proof_add(&cases, "the other texts of a row", others, NULL);
  return proof_run("proof-url", &cases);
}
