/* SPDX-License-Identifier: MIT */
/*
 * The two dialogues with a proxy: what is sent, what opens the tunnel, what is
 * an error and what that says; the same for every cut of the proxy's bytes.
 */
#include "base/err.h"
#include "check.h"
#include "mem-spy.h"
#include "tunnel-case.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text)                                                            \
  { text, sizeof(text) - 1 }

static void check_rows(const struct tunnel_case* rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    tunnel_case_check(&rows[i]);
}

#define HTTP       "http://proxy:3128"
#define HTTP_LOGIN "http://Aladdin:open%20sesame@proxy:3128"
#define ASK                                                                    \
  "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
/* RFC 7617 §2. */
#define BASIC "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"

static const struct tunnel_case http_opens[] = {
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 Connection established\r\n\r\n"),
     .want = "open +0",
     .sent = BYTES(ASK "\r\n")},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES("HTTP/1.1 200 OK\r\n\r\n"),
     .want = "open +0",
     .sent = BYTES(ASK BASIC "\r\n")},
    {.proxy = HTTP,
     .host = "::1",
     .port = 8443,
     .answer = BYTES("HTTP/1.1 200 OK\r\n\r\n"),
     .want = "open +0",
     .sent = BYTES("CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n")},
    {.proxy = HTTP,
     .host = "127.0.0.1",
     .port = 80,
     .answer = BYTES("HTTP/1.1 200 OK\r\n\r\n"),
     .want = "open +0",
     .sent =
         BYTES("CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n")},
    {.proxy = "http://:t@proxy",
     .answer = BYTES("HTTP/1.1 200 OK\r\n\r\n"),
     .want = "open +0",
     .sent = BYTES(ASK "Proxy-Authorization: Basic OnQ=\r\n\r\n")},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.0 200 Connection established\r\n"
                     "Proxy-agent: tinyproxy/1.11.1\r\n\r\n"),
     .want = "open +0"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200\r\n\r\n\x16\x03\x03"),
     .want = "open +3"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
     .want = "open +19"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
     .want = "open +3"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0"),
     .want = "open +1"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
     .want = "open +0"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 204 .\r\n\r\n"),
     .want = "open +0"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 299 .\r\n\r\n"),
     .want = "open +0"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 .\r\n\r\n"),
     .want = "open +0"},
};

static void test_http_opens(void** state) {
  (void)state;
  check_rows(http_opens, COUNT(http_opens));
}

#define BAD    "proxy 0: its answer to the CONNECT is not acceptable: "
#define CLOSED "proxy 0: it closed the connection before the tunnel was open"

static const struct tunnel_case http_refusals[] = {
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nforbidden"),
     .want = "proxy 403: it answered the CONNECT with 403 Forbidden"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 502 .\r\nTransfer-Encoding: chunked\r\n\r\n3"),
     .want = "proxy 502: it answered the CONNECT with 502 Bad Gateway"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.0 503 .\r\n\r\n<html>"),
     .want = "proxy 503: it answered the CONNECT with 503 Service Unavailable"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 301 .\r\nLocation: http://login/\r\n\r\n"),
     .want = "proxy 301: it answered the CONNECT with 301 Moved Permanently"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 401 .\r\nWWW-Authenticate: Basic\r\n\r\n"),
     .want = "proxy 401: it answered the CONNECT with 401 Unauthorized"},
    {.proxy = HTTP, .answer = BYTES("HTTP/1.1 200 OK\r\n"), .want = "more"},
    {.proxy = HTTP, .answer = BYTES(""), .eof = true, .want = CLOSED},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\r\n"),
     .eof = true,
     .want = CLOSED},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 101 .\r\n\r\n"),
     .want = BAD "an upgrade that was not asked for"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/2.0 200 OK\r\n\r\n"),
     .want = BAD "malformed status line"},
    {.proxy = HTTP,
     .answer = BYTES("\x05\x00"),
     .want = BAD "malformed status line"},
    {.proxy = HTTP,
     .answer = BYTES("HTTP/1.1 200 OK\nA: b\n\n"),
     .want = BAD "LF without CR"},
};

static void test_http_refusals(void** state) {
  (void)state;
  check_rows(http_refusals, COUNT(http_refusals));
}

#define WANTED "login 407: it wants a user and a password (status 407)"
#define REJECTED                                                               \
  "login 407: it did not accept the user and password (status 407)"
#define NOT_BASIC                                                              \
  "login 407: it wants a login other than Basic, which is not supported "      \
  "(status 407)"
#define CHALLENGE "HTTP/1.1 407 .\r\nProxy-Authenticate: "

static const struct tunnel_case http_logins[] = {
    {.proxy = HTTP,
     .answer = BYTES(CHALLENGE "Basic realm=\"a\"\r\n\r\n"),
     .want = WANTED},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES("HTTP/1.1 401 .\r\n\r\n"),
     .want = "login 401: it did not accept the user and password (status 401)"},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES(CHALLENGE "Basic realm=\"a\"\r\n\r\n"),
     .want = REJECTED},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES(CHALLENGE "basic\r\nContent-Length: 1000000\r\n\r\n"),
     .want = REJECTED},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES("HTTP/1.0 407 .\r\n\r\n"),
     .want = REJECTED},
    {.proxy = HTTP_LOGIN,
     .answer = BYTES(CHALLENGE "Negotiate\r\n\r\n"),
     .want = NOT_BASIC},
    {.proxy = HTTP,
     .answer = BYTES(CHALLENGE "NTLM, Basically\r\n\r\n"),
     .want = NOT_BASIC},
    {.proxy = HTTP,
     .answer = BYTES(CHALLENGE "Digest realm=\"not basic at all\"\r\n\r\n"),
     .want = NOT_BASIC},
    {.proxy = HTTP,
     .answer = BYTES(CHALLENGE "Negotiate,\t Basic realm=a\r\n\r\n"),
     .want = WANTED},
    {.proxy = HTTP,
     .answer = BYTES(CHALLENGE "NTLM\r\nProxy-Authenticate: Basic\r\n\r\n"),
     .want = WANTED},
};

static void test_http_logins(void** state) {
  (void)state;
  check_rows(http_logins, COUNT(http_logins));
}

#define SOCKS       "socks5://proxy"
#define SOCKS_LOGIN "socks5h://user:p%40ss@proxy"
#define NO_LOGIN    "\x05\x00"
#define DO_LOGIN    "\x05\x02"
#define OFFER       "\x05\x01\x00"
#define OFFER_BOTH  "\x05\x02\x00\x02"
#define LOGIN       "\x01\x04user\x04p@ss"
#define TO_NAME                                                                \
  "\x05\x01\x00\x03\x0f"                                                       \
  "api.example.com"                                                            \
  "\x01\xbb"
#define DONE_IPV4 "\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"
#define DONE_IPV6                                                              \
  "\x05\x00\x00\x04"                                                           \
  "0123456789abcdef"                                                           \
  "\x12\x34"

static const struct tunnel_case socks_opens[] = {
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN DONE_IPV4),
     .want = "open +0",
     .sent = BYTES(OFFER TO_NAME)},
    {.proxy = SOCKS_LOGIN,
     .answer = BYTES(NO_LOGIN DONE_IPV4),
     .want = "open +0",
     .sent = BYTES(OFFER_BOTH TO_NAME)},
    {.proxy = SOCKS_LOGIN,
     .answer = BYTES(DO_LOGIN "\x01\x00" DONE_IPV4),
     .want = "open +0",
     .sent = BYTES(OFFER_BOTH LOGIN TO_NAME)},
    {.proxy = "socks5://u@proxy",
     .answer = BYTES(DO_LOGIN "\x01\x00" DONE_IPV4),
     .want = "open +0",
     .sent = BYTES(OFFER_BOTH "\x01\x01u\x00" TO_NAME)},
    {.proxy = SOCKS,
     .host = "127.0.0.1",
     .port = 80,
     .answer = BYTES(NO_LOGIN DONE_IPV4),
     .want = "open +0",
     .sent = BYTES(OFFER "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50")},
    {.proxy = SOCKS,
     .host = "2001:db8::1",
     .port = 65535,
     .answer = BYTES(NO_LOGIN DONE_IPV6),
     .want = "open +0",
     .sent = BYTES(OFFER "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00"
                         "\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff")},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN DONE_IPV4 "\x16\x03"),
     .want = "open +2"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN DONE_IPV6 "x"),
     .want = "open +1"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x00\x00\x03\x03"
                              "abc"
                              "\x12\x34x"),
     .want = "open +1"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x00\x00\x03\x00\x12\x34x"),
     .want = "open +1"},
};

static void test_socks_opens(void** state) {
  (void)state;
  check_rows(socks_opens, COUNT(socks_opens));
}

#define FOREIGN "proxy 0: it does not speak SOCKS 5"
#define REPLY   "proxy 0: it did not connect: "

static const struct tunnel_case socks_refusals[] = {
    {.proxy = SOCKS,
     .answer = BYTES("\x05\xff"),
     .want = "login 0: it wants a user and a password, or another login"},
    {.proxy = SOCKS_LOGIN,
     .answer = BYTES("\x05\xff"),
     .want = "login 0: it wants a login other than user and password"},
    {.proxy = SOCKS,
     .answer = BYTES(DO_LOGIN),
     .want = "proxy 0: it chose a login that was not offered",
     .sent = BYTES(OFFER)},
    {.proxy = SOCKS_LOGIN,
     .answer = BYTES("\x05\x01"),
     .want = "proxy 0: it chose a login that was not offered"},
    {.proxy = SOCKS_LOGIN,
     .answer = BYTES(DO_LOGIN "\x01\x01"),
     .want = "login 0: it did not accept the user and password",
     .sent = BYTES(OFFER_BOTH LOGIN)},
    {.proxy = SOCKS_LOGIN, .answer = BYTES(DO_LOGIN "\x05"), .want = FOREIGN},
    {.proxy = SOCKS, .answer = BYTES("\x04"), .want = FOREIGN},
    {.proxy = SOCKS, .answer = BYTES("HTTP/1.1 400"), .want = FOREIGN},
    {.proxy = SOCKS, .answer = BYTES(NO_LOGIN "\x04"), .want = FOREIGN},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x00\x00\x02"),
     .want = FOREIGN},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x01"),
     .want = REPLY "general failure (SOCKS reply 1)"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x02"),
     .want = REPLY "not allowed by its rules (SOCKS reply 2)"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"),
     .want = REPLY "host unreachable (SOCKS reply 4)"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x05"),
     .want = REPLY "connection refused (SOCKS reply 5)"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x08"),
     .want = REPLY "kind of address not supported (SOCKS reply 8)"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x5b"),
     .want = REPLY "unknown reason (SOCKS reply 91)"},
    {.proxy = SOCKS, .answer = BYTES(""), .want = "more"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x00\x00\x03\x05"
                              "abc"),
     .want = "more"},
    {.proxy = SOCKS,
     .answer = BYTES(NO_LOGIN "\x05\x00\x00\x01"),
     .eof = true,
     .want = CLOSED},
    {.proxy = SOCKS, .answer = BYTES(""), .eof = true, .want = CLOSED},
};

static void test_socks_refusals(void** state) {
  (void)state;
  check_rows(socks_refusals, COUNT(socks_refusals));
}

/* A head of exactly `size` bytes in lines below their own limit. */
static struct gcn__span head_of(size_t size, char* out) {
  static const char start[] = "HTTP/1.1 200 OK\r\n";
  size_t used = sizeof start - 1;
  memcpy(out, start, used);
  while (used < size - 2) {
    size_t left = size - 2 - used;
    size_t line = left > 8000 ? 4000 : left;
    memset(out + used, 'a', line);
    out[used + 1] = ':';
    memcpy(out + used + line - 2, "\r\n", 2);
    used += line;
  }
  memcpy(out + used, "\r\n", 2);
  return gcn__span(out, size);
}

static void test_header_limit(void** state) {
  (void)state;
  static char text[GCN__TUNNEL_HEADER_SIZE_MAX + 1];
  struct tunnel_case row = {.proxy = HTTP, .want = "open +0"};
  row.answer = head_of(GCN__TUNNEL_HEADER_SIZE_MAX, text);
  tunnel_case_check(&row);
  row.answer = head_of(GCN__TUNNEL_HEADER_SIZE_MAX + 1, text);
  row.want = BAD "headers over the limit";
  tunnel_case_check(&row);
}

static int64_t retry_after_ms(struct gcn__span answer) {
  const struct tunnel_case row = {.proxy = HTTP, .answer = answer};
  struct tunnel_run run;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  assert_int_equal(tunnel_run_init(&run, &row, &gcn__mem_libc), 0);
  assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
  assert_int_equal(gcn__tunnel_retry_after_ms(run.tunnel), -1);
  tunnel_run_feed(&run, answer, SIZE_MAX, &rng);
  assert_int_equal(run.result, GCN_EPROXY);
  int64_t wait_ms = gcn__tunnel_retry_after_ms(run.tunnel);
  tunnel_run_deinit(&run);
  return wait_ms;
}

#define BUSY "HTTP/1.1 503 .\r\n"
#define NOON "Thu, 01 Jan 2026 12:00:"

static void test_retry_after(void** state) {
  (void)state;
  static const struct {
    struct gcn__span answer;
    int64_t want_ms;
  } rows[] = {
      {BYTES(BUSY "\r\n"), -1},
      {BYTES(BUSY "Retry-After: 7\r\n\r\n"), 7000},
      {BYTES(BUSY "Retry-After: 0\r\n\r\n"), 0},
      {BYTES(BUSY "Retry-After:\r\n\r\n"), -1},
      {BYTES(BUSY "Retry-After: soon\r\n\r\n"), -1},
      {BYTES(BUSY "Retry-After: " NOON "09 GMT\r\n\r\n"), -1},
      {BYTES(BUSY "Date: " NOON "00 GMT\r\nRetry-After: " NOON
                  "09 GMT\r\n\r\n"),
       9000},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_int_equal(retry_after_ms(rows[i].answer), rows[i].want_ms);
}

/* Bytes that run ahead of what we say are read in their turn. */
static void test_turns(void** state) {
  (void)state;
  const struct tunnel_case row = {.proxy = SOCKS};
  struct tunnel_run run;
  assert_int_equal(tunnel_run_init(&run, &row, &gcn__mem_libc), 0);
  struct gcn__span in = GCN__SPAN(NO_LOGIN DONE_IPV4);
  assert_int_equal(gcn__tunnel_read(run.tunnel, &in), GCN__TUNNEL_MORE);
  assert_int_equal(in.size, 12);
  assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
  assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
  assert_int_equal(gcn__buf_size(&run.sent), 3);
  assert_int_equal(gcn__tunnel_read(run.tunnel, &in), GCN__TUNNEL_MORE);
  assert_int_equal(in.size, 10);
  assert_int_equal(gcn__tunnel_read(run.tunnel, &in), GCN__TUNNEL_MORE);
  assert_int_equal(in.size, 10);
  assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
  assert_int_equal(gcn__tunnel_read(run.tunnel, &in), GCN__TUNNEL_OPEN);
  assert_int_equal(gcn__tunnel_refuse_rest(run.tunnel), GCN_EPROXY);
  assert_string_equal(
      gcn__tunnel_error(run.tunnel),
      "bytes came behind its answer before the host was spoken to");
  tunnel_run_deinit(&run);
}

/* An answer to a request that was never sent is none. */
static void test_unasked_answer(void** state) {
  (void)state;
  const struct tunnel_case row = {.proxy = HTTP};
  struct tunnel_run run;
  assert_int_equal(tunnel_run_init(&run, &row, &gcn__mem_libc), 0);
  struct gcn__span in = GCN__SPAN("HTTP/1.1 200 OK\r\n\r\n");
  assert_int_equal(gcn__tunnel_read(run.tunnel, &in), GCN__TUNNEL_MORE);
  assert_int_equal(in.size, 19);
  tunnel_run_deinit(&run);
}

/* A full `out` gets nothing, and the step is still to be written. */
static void test_full_out(void** state) {
  (void)state;
  static const char* const proxies[] = {HTTP_LOGIN, SOCKS_LOGIN};
  for (size_t i = 0; i < COUNT(proxies); i++) {
    const struct tunnel_case row = {.proxy = proxies[i]};
    struct tunnel_run run;
    struct gcn__buf small;
    gcn__buf_init(&small, &gcn__mem_libc, 3);
    assert_int_equal(tunnel_run_init(&run, &row, &gcn__mem_libc), 0);
    assert_int_equal(gcn__tunnel_write(run.tunnel, &small), GCN_ELIMIT);
    assert_int_equal(gcn__buf_size(&small), 0);
    assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
    assert_true(gcn__buf_size(&run.sent) > 3);
    gcn__buf_deinit(&small);
    tunnel_run_deinit(&run);
  }
}

/* The longest credentials that a proxy URL can hold still fit a request. */
static void test_long_login(void** state) {
  (void)state;
  static char text[GCN__URL_SIZE_MAX + 1];
  int size = snprintf(text, sizeof text, "http://u:");
  memset(text + size, 'p', sizeof text - 1 - (size_t)size);
  memcpy(text + sizeof text - 1 - 6, "@proxy", 7);
  const struct tunnel_case row = {.proxy = text,
                                  .answer = BYTES("HTTP/1.1 200 OK\r\n\r\n"),
                                  .want = "open +0"};
  tunnel_case_check(&row);
}

/* One life with an allocator that may fail; the result. */
static int live(const struct tunnel_case* row, const struct gcn__mem* mem) {
  struct tunnel_run run;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  int result = tunnel_run_init(&run, row, mem);
  if (result == 0) result = gcn__tunnel_write(run.tunnel, &run.sent);
  if (result == 0) {
    tunnel_run_feed(&run, row->answer, 1, &rng);
    result = run.result;
  }
  tunnel_run_deinit(&run);
  return result;
}

static const struct tunnel_case lives[] = {
    {.proxy = HTTP_LOGIN, .answer = BYTES("HTTP/1.1 200 OK\r\nA: b\r\n\r\n")},
    {.proxy = SOCKS_LOGIN, .answer = BYTES(DO_LOGIN "\x01\x00" DONE_IPV4)},
};

static void test_no_memory(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(lives); i++) {
    size_t n = 0;
    bool failed = true;
    while (failed) {
      struct mem_probe probe = {.fail_at = ++n};
      struct gcn__mem mem = mem_probe_mem(&probe);
      int result = live(&lives[i], &mem);
      failed = probe.count >= n;
      assert_int_equal(result, failed ? GCN__ENOMEM : GCN__TUNNEL_OPEN);
      assert_int_equal(probe.live_size, 0);
    }
    assert_true(n > 5);
  }
}

/* No block that goes back holds the credentials, in any of their forms. */
static void test_wiped(void** state) {
  (void)state;
  static const char* const secrets[] = {"open sesame", "QWxhZGRpbjpvcGVu",
                                        "p@ss"};
  for (size_t i = 0; i < COUNT(secrets); i++) {
    struct mem_spy spy = {.secret = secrets[i]};
    struct gcn__mem mem = mem_spy_mem(&spy);
    for (size_t j = 0; j < COUNT(lives); j++)
      assert_int_equal(live(&lives[j], &mem), GCN__TUNNEL_OPEN);
    assert_int_equal(spy.sighting_count, 0);
    assert_int_equal(spy.probe.live_size, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_opens),
      cmocka_unit_test(test_http_refusals),
      cmocka_unit_test(test_http_logins),
      cmocka_unit_test(test_socks_opens),
      cmocka_unit_test(test_socks_refusals),
      cmocka_unit_test(test_header_limit),
      cmocka_unit_test(test_retry_after),
      cmocka_unit_test(test_turns),
      cmocka_unit_test(test_unasked_answer),
      cmocka_unit_test(test_full_out),
      cmocka_unit_test(test_long_login),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_wiped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
