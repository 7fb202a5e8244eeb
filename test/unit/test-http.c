/* SPDX-License-Identifier: MIT */
/*
 * The HTTP reader on well-formed and on malformed messages.
 *
 * The response table holds what an audit of llhttp found to differ between its
 * versions, and its published vulnerabilities.  Only our own codes are
 * asserted: the versions of llhttp disagree on theirs.
 */
#include "base/err.h"
#include "check.h"
#include "http-case.h"

#define OK           "HTTP/1.1 200 OK\r\n"
#define CL2          "Content-Length: 2\r\n"
#define TE           "Transfer-Encoding: chunked\r\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROW(label, bytes, outcome)                                             \
  { .name = label, .input = {bytes, sizeof(bytes) - 1}, .want = outcome }
#define ROW_EOF(label, bytes, outcome)                                         \
  {                                                                            \
    .name = label, .input = {bytes, sizeof(bytes) - 1}, .want = outcome,       \
    .eof = true                                                                \
  }
#define ROW_HEAD(label, bytes, outcome)                                        \
  {                                                                            \
    .name = label, .input = {bytes, sizeof(bytes) - 1}, .want = outcome,       \
    .head = true                                                               \
  }
#define ROW_UPGRADE(label, bytes, outcome)                                     \
  {                                                                            \
    .name = label, .input = {bytes, sizeof(bytes) - 1}, .want = outcome,       \
    .upgrade = true                                                            \
  }
#define ROW_REQUEST(label, bytes, outcome)                                     \
  {                                                                            \
    .name = label, .input = {bytes, sizeof(bytes) - 1}, .want = outcome,       \
    .role = GCN__HTTP_REQUESTS                                                 \
  }

static void check_rows(const struct http_case* rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    http_case_check(&rows[i]);
}

static const struct http_case framings[] = {
    ROW("length", OK CL2 "\r\nhi", "200 keep hi"),
    ROW("length 0", OK "Content-Length: 0\r\n\r\n", "200 keep "),
    ROW("length, blanks around", OK "Content-Length:   2  \r\n\r\nhi",
        "200 keep hi"),
    ROW("length with leading zeros", OK "Content-Length: 0002\r\n\r\nhi",
        "200 keep hi"),
    ROW("chunks", OK TE "\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n",
        "200 keep hi ho"),
    ROW("chunked in capitals",
        OK "Transfer-Encoding: CHUNKED\r\n\r\n"
           "A\r\n0123456789\r\n0\r\n\r\n",
        "200 keep 0123456789"),
    ROW("chunk extension", OK TE "\r\n2;a=\"d\"\r\nhi\r\n0;last\r\n\r\n",
        "200 keep hi"),
    ROW("chunk size with leading zeros", OK TE "\r\n0002\r\nhi\r\n000\r\n\r\n",
        "200 keep hi"),
    ROW("trailers", OK TE "\r\n2\r\nhi\r\n0\r\nA: b\r\nC:\r\n\r\n",
        "200 keep hi"),
    ROW_EOF("until the end", OK "\r\nhi", "200 close hi"),
    ROW_EOF("until the end, empty", OK "\r\n", "200 close "),
    ROW_EOF("until the end, close", OK "Connection: close\r\n\r\nhi",
            "200 close hi"),
    ROW("until the end that does not come", OK "\r\nhi", "more"),
    ROW("204", "HTTP/1.1 204 No Content\r\n\r\n", "204 keep "),
    ROW("204 with length 0", "HTTP/1.1 204 .\r\nContent-Length: 0\r\n\r\n",
        "204 keep "),
    ROW("204 that announces a body", "HTTP/1.1 204 .\r\n" CL2 "\r\nhi",
        "204 close  +2"),
    ROW("204 that announces chunks", "HTTP/1.1 204 .\r\n" TE "\r\n0\r\n\r\n",
        "204 close  +5"),
    ROW("304 with a length", "HTTP/1.1 304 .\r\n" CL2 "\r\n", "304 keep "),
    ROW_HEAD("HEAD with a length", OK CL2 "\r\n", "200 keep "),
    ROW_HEAD("HEAD with chunks", OK TE "\r\n", "200 keep "),
    ROW_HEAD("HEAD, CONNECT without a length", OK "\r\nTLS", "200 keep  +3"),
    ROW("no reason", "HTTP/1.1 200\r\n" CL2 "\r\nhi", "200 keep hi"),
    ROW("empty reason", "HTTP/1.1 200 \r\n" CL2 "\r\nhi", "200 keep hi"),
    ROW("reason in Latin-1", "HTTP/1.1 200 \xe9\r\n" CL2 "\r\nhi",
        "200 keep hi"),
    ROW("HTTP/1.0", "HTTP/1.0 200 OK\r\n" CL2 "\r\nhi", "200 close hi"),
    ROW("HTTP/1.0 kept",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" CL2 "\r\nhi",
        "200 keep hi"),
    ROW("HTTP/1.0 kept and closed",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n" CL2 "\r\nhi",
        "200 close hi"),
    ROW("close", OK "Connection: close\r\n" CL2 "\r\nhi", "200 close hi"),
    ROW("close among others", OK "Connection: x , CLOSE\r\n" CL2 "\r\nhi",
        "200 close hi"),
    ROW("close in a second header",
        OK "Connection: x\r\nConnection: close\r\n" CL2 "\r\nhi",
        "200 close hi"),
    ROW("identity coding", OK "Content-Encoding: identity\r\n" CL2 "\r\nhi",
        "200 keep hi"),
    ROW("redirect", "HTTP/1.1 302 .\r\nLocation: /\r\n" CL2 "\r\nhi",
        "302 keep hi"),
    ROW("status 599", "HTTP/1.1 599 .\r\n" CL2 "\r\nhi", "599 keep hi"),
    ROW("high bytes in a value", OK "A: \x80\xff\r\n" CL2 "\r\nhi",
        "200 keep hi"),
    ROW("upgrade header without an upgrade",
        OK "Upgrade: h2c\r\nConnection: upgrade\r\n" CL2 "\r\nhi",
        "200 keep hi"),
};

static void test_framings(void** state) {
  (void)state;
  check_rows(framings, COUNT(framings));
}

static const struct http_case rests[] = {
    ROW("pipelined", OK CL2 "\r\nhi" OK, "200 keep hi +17"),
    ROW("pipelined after chunks", OK TE "\r\n0\r\n\r\n" OK, "200 keep  +17"),
    ROW("after close", OK "Connection: close\r\n" CL2 "\r\nhi!",
        "200 close hi +1"),
    ROW("after 304", "HTTP/1.1 304 .\r\n\r\nxyz", "304 keep  +3"),
};

static void test_rests(void** state) {
  (void)state;
  check_rows(rests, COUNT(rests));
}

#define INTERIM "HTTP/1.1 100 Continue\r\n\r\n"
#define HINTS   "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define SWITCH                                                                 \
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"                 \
  "Connection: Upgrade\r\n"

static const struct http_case interims[] = {
    ROW("100", INTERIM OK CL2 "\r\nhi", "200 keep hi"),
    ROW("103 and 100", HINTS INTERIM OK CL2 "\r\nhi", "200 keep hi"),
    ROW("103 alone", HINTS, "more"),
    ROW("eight",
        INTERIM HINTS INTERIM HINTS INTERIM HINTS INTERIM HINTS OK CL2 "\r\nhi",
        "200 keep hi"),
    ROW("nine",
        INTERIM HINTS INTERIM HINTS INTERIM HINTS INTERIM HINTS INTERIM OK CL2
        "\r\nhi",
        "limit"),
    ROW("100 with length 0",
        "HTTP/1.1 100 .\r\nContent-Length: 0\r\n\r\n" OK CL2 "\r\nhi",
        "200 keep hi"),
    ROW("100 with a body", "HTTP/1.1 100 .\r\n" CL2 "\r\nhi" OK "\r\n",
        "refused"),
    ROW("100 with chunks", "HTTP/1.1 100 .\r\n" TE "\r\n0\r\n\r\n" OK "\r\n",
        "refused"),
    ROW_EOF("closed after 100", INTERIM, "refused"),
    ROW("101 unasked", SWITCH "\r\n", "refused"),
    ROW("101 unasked and bare", "HTTP/1.1 101 .\r\n\r\n", "refused"),
    ROW_UPGRADE("101 in HTTP/1.0",
                "HTTP/1.0 101 .\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\n\r\nab",
                "refused"),
    ROW_UPGRADE("101", SWITCH "\r\n", "101 close "),
    ROW_UPGRADE("101 and frames", SWITCH "\r\n\x81\x02hi\r\n\r\n",
                "101 close  +8"),
    ROW_UPGRADE("101 and something like HTTP", SWITCH "\r\n" OK,
                "101 close  +17"),
    ROW_UPGRADE("101 after 100", INTERIM SWITCH "\r\n\x81", "101 close  +1"),
    ROW_UPGRADE("101 without upgrade headers", "HTTP/1.1 101 .\r\n\r\nab",
                "101 close  +2"),
    ROW_UPGRADE("101 with length 0", SWITCH "Content-Length: 0\r\n\r\nab",
                "101 close  +2"),
    ROW_UPGRADE("101 with a body", SWITCH CL2 "\r\nab", "refused"),
    ROW_UPGRADE("101 with chunks", SWITCH TE "\r\n0\r\n\r\n", "refused"),
    ROW_UPGRADE("a failed upgrade keeps its body",
                "HTTP/1.1 429 .\r\nRetry-After: 7\r\n" CL2 "\r\nhi",
                "429 keep hi"),
    ROW_UPGRADE("200 for an upgrade", OK CL2 "\r\nhi", "200 keep hi"),
};

static void test_interims(void** state) {
  (void)state;
  check_rows(interims, COUNT(interims));
}

/* Codings, lengths and versions. */
static const struct http_case bad_framings[] = {
    ROW("identity", OK "Transfer-Encoding: identity\r\n\r\nhi", "refused"),
    ROW("gzip, chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "refused"),
    ROW("chunked, gzip", OK "Transfer-Encoding: chunked, gzip\r\n\r\nhi",
        "refused"),
    ROW("xchunked", OK "Transfer-Encoding: xchunked\r\n\r\nhi", "refused"),
    ROW("chunkedx", OK "Transfer-Encoding: chunkedx\r\n\r\nhi", "refused"),
    ROW("chunked, chunked",
        OK "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "refused"),
    ROW("chunked twice", OK TE TE "\r\n0\r\n\r\n", "refused"),
    ROW("empty coding", OK "Transfer-Encoding:\r\n\r\nhi", "refused"),
    ROW("identity and chunked",
        OK "Transfer-Encoding: identity\r\n" TE "\r\n0\r\n\r\n", "refused"),
    ROW("coding on two lines (CVE-2022-32215)",
        OK "Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n",
        "refused"),
    ROW("chunkedchunked (CVE-2022-32213)",
        OK "Transfer-Encoding: chunkedchunked\r\n\r\nhi", "refused"),
    ROW("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\n" TE "\r\n0\r\n\r\n",
        "refused"),
    ROW("a tab behind the coding",
        OK "Transfer-Encoding: chunked\t\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("a space behind the coding is none of it",
        OK "Transfer-Encoding: chunked \r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "200 keep hi"),
    ROW("length and coding", OK CL2 TE "\r\n0\r\n\r\n", "refused"),
    ROW("coding and length", OK TE CL2 "\r\n0\r\n\r\n", "refused"),
    ROW("equal lengths", OK CL2 CL2 "\r\nhi", "refused"),
    ROW("different lengths", OK CL2 "Content-Length: 3\r\n\r\nhi", "refused"),
    ROW("+2", OK "Content-Length: +2\r\n\r\nhi", "refused"),
    ROW("-2", OK "Content-Length: -2\r\n\r\nhi", "refused"),
    ROW("2, 2", OK "Content-Length: 2, 2\r\n\r\nhi", "refused"),
    ROW("2 2", OK "Content-Length: 2 2\r\n\r\nhi", "refused"),
    ROW("0x2", OK "Content-Length: 0x2\r\n\r\nhi", "refused"),
    ROW("2^64 + 2", OK "Content-Length: 18446744073709551618\r\n\r\nhi",
        "refused"),
    ROW("empty length", OK "Content-Length:\r\n\r\nhi", "refused"),
    ROW("gzip content", OK "Content-Encoding: gzip\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("identity, then gzip content",
        OK "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" CL2
           "\r\nhi",
        "refused"),
    ROW("HTTP/2.0", "HTTP/2.0 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("HTTP/0.9", "HTTP/0.9 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("HTTP/1.2", "HTTP/1.2 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("HTTP/1", "HTTP/1 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("http/1.1", "http/1.1 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("ICY", "ICY 200 OK\r\n\r\n", "refused"),
    ROW("RTSP", "RTSP/1.0 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("SSH", "SSH-2.0-x\r\n", "refused"),
    ROW("a TLS alert", "\x15\x03\x03\x00\x02\x02\x28", "refused"),
    ROW("status 99", "HTTP/1.1 99 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("status 099", "HTTP/1.1 099 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("status 600", "HTTP/1.1 600 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("status 2000", "HTTP/1.1 2000 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("status 2x0", "HTTP/1.1 2x0 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("no status", "HTTP/1.1\r\n" CL2 "\r\nhi", "refused"),
    ROW("two spaces", "HTTP/1.1  200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("a request", "GET / HTTP/1.1\r\n\r\n", "refused"),
};

static void test_bad_framings(void** state) {
  (void)state;
  check_rows(bad_framings, COUNT(bad_framings));
}

/* Line ends and bytes. */
static const struct http_case bad_bytes[] = {
    ROW("empty line first", "\r\n" OK CL2 "\r\nhi", "refused"),
    ROW("LF first", "\n" OK CL2 "\r\nhi", "refused"),
    ROW("space first", " " OK CL2 "\r\nhi", "refused"),
    ROW("bare LF after the status", "HTTP/1.1 200 OK\n" CL2 "\r\nhi",
        "refused"),
    ROW("bare LF after a header (CVE-2022-32214)", OK "A: b\n" CL2 "\r\nhi",
        "refused"),
    ROW("bare LF at the end", OK CL2 "\nhi", "refused"),
    ROW("bare CR in a value", OK "A: b\rc\r\n" CL2 "\r\nhi", "refused"),
    ROW("CR for CR LF (CVE-2023-30589)", OK "A: b\r" CL2 "\r\nhi", "refused"),
    ROW("CR LF CR X (CVE-2025-23167)", OK CL2 "\r\rhi", "refused"),
    ROW("CR LF CR X, again", OK CL2 "\rXhi", "refused"),
    ROW("CR CR LF", OK "A: b\r\r\n" CL2 "\r\nhi", "refused"),
    ROW("folded with a space", OK "A: b\r\n c\r\n" CL2 "\r\nhi", "refused"),
    ROW("folded with a tab", OK "A: b\r\n\tc\r\n" CL2 "\r\nhi", "refused"),
    ROW("folded and empty (CVE-2022-35256)", OK "A:\r\n \r\n" CL2 "\r\nhi",
        "refused"),
    ROW("space before a name (CVE-2024-27982)",
        OK " Content-Length: 2\r\n\r\nhi", "refused"),
    ROW("space before the colon (CVE-2021-22959)",
        OK "Content-Length : 2\r\n\r\nhi", "refused"),
    ROW("tab before the colon", OK "A\t: b\r\n" CL2 "\r\nhi", "refused"),
    ROW("no name", OK ": b\r\n" CL2 "\r\nhi", "refused"),
    ROW("no colon", OK "Ab\r\n" CL2 "\r\nhi", "refused"),
    ROW("NUL in a value (CVE-2026-34520)", OK "A: b\0c\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("0x01 in a value", OK "A: b\x01\r\n" CL2 "\r\nhi", "refused"),
    ROW("0x7f in a value", OK "A: b\x7f\r\n" CL2 "\r\nhi", "refused"),
    ROW("NUL in a name", OK "A\0B: c\r\n" CL2 "\r\nhi", "refused"),
    ROW("high byte in a name", OK "A\xe9: c\r\n" CL2 "\r\nhi", "refused"),
    ROW("bracket in a name", OK "A[: c\r\n" CL2 "\r\nhi", "refused"),
    ROW("NUL in the reason", "HTTP/1.1 200 O\0K\r\n" CL2 "\r\nhi", "refused"),
    ROW("tab after the status", "HTTP/1.1 200\tOK\r\n" CL2 "\r\nhi", "refused"),
};

static void test_bad_bytes(void** state) {
  (void)state;
  check_rows(bad_bytes, COUNT(bad_bytes));
}

#define CHUNKS OK TE "\r\n"

static const struct http_case bad_chunks[] = {
    ROW("0x", CHUNKS "0x2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("negative", CHUNKS "-2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("plus", CHUNKS "+2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("2^64 + 2", CHUNKS "10000000000000002\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("no digits", CHUNKS "\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("extension without a size", CHUNKS ";a\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("space first", CHUNKS " 2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("bare LF", CHUNKS "2\nhi\r\n0\r\n\r\n", "refused"),
    ROW("CR in an extension (CVE-2021-22960)",
        CHUNKS "2;a\rb\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("LF in an extension", CHUNKS "2;a\nb\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("NUL in an extension", CHUNKS "2;a\0b\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("data too long", CHUNKS "2\r\nhi!\r\n0\r\n\r\n", "refused"),
    ROW("data without an end", CHUNKS "2\r\nhi0\r\n\r\n", "refused"),
    ROW("LF after data", CHUNKS "2\r\nhi\n0\r\n\r\n", "refused"),
    ROW("CR X after data", CHUNKS "2\r\nhi\rX0\r\n\r\n", "refused"),
    ROW("folded trailer", CHUNKS "0\r\nA: b\r\n c\r\n\r\n", "refused"),
    ROW("nameless trailer", CHUNKS "0\r\n: b\r\n\r\n", "refused"),
    ROW("CR LF CR X after trailers", CHUNKS "0\r\nA: b\r\n\rX", "refused"),
    ROW("CR X for trailers", CHUNKS "0\r\n\rX", "refused"),
    ROW("LF for trailers", CHUNKS "0\r\n\n", "refused"),
    ROW("NUL in a trailer", CHUNKS "0\r\nA: \0\r\n\r\n", "refused"),
};

static void test_bad_chunks(void** state) {
  (void)state;
  check_rows(bad_chunks, COUNT(bad_chunks));
}

static const struct http_case truncations[] = {
    ROW_EOF("nothing", "", "refused"),
    ROW_EOF("in the status", "HTTP/1.", "refused"),
    ROW_EOF("after the status", OK, "refused"),
    ROW_EOF("in a header", OK "A: b", "refused"),
    ROW_EOF("before the last LF", OK CL2 "\r", "refused"),
    ROW_EOF("before the body", OK CL2 "\r\n", "refused"),
    ROW_EOF("in the body", OK CL2 "\r\nh", "refused"),
    ROW_EOF("in a chunk header", CHUNKS "2", "refused"),
    ROW_EOF("in a chunk", CHUNKS "2\r\nh", "refused"),
    ROW_EOF("after a chunk", CHUNKS "2\r\nhi\r\n", "refused"),
    ROW_EOF("before the trailers' end", CHUNKS "2\r\nhi\r\n0\r\n", "refused"),
    ROW("only begun", OK CL2 "\r\nh", "more"),
};

static void test_truncations(void** state) {
  (void)state;
  check_rows(truncations, COUNT(truncations));
}

static const struct http_case requests[] = {
    ROW_REQUEST("GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / keep "),
    ROW_REQUEST("target with a query", "GET /a/b?c=d&e=%20 HTTP/1.1\r\n\r\n",
                "GET /a/b?c=d&e=%20 keep "),
    ROW_REQUEST("POST", "POST /t HTTP/1.1\r\n" CL2 "\r\nhi", "POST /t keep hi"),
    ROW_REQUEST("POST without a length", "POST /t HTTP/1.1\r\n\r\nhi",
                "POST /t keep  +2"),
    ROW_REQUEST("PUT in chunks",
                "PUT /t HTTP/1.1\r\n" TE "\r\n2\r\nhi\r\n0\r\n\r\n",
                "PUT /t keep hi"),
    ROW_REQUEST("DELETE, close",
                "DELETE /t HTTP/1.1\r\nConnection: close\r\n\r\n",
                "DELETE /t close "),
    ROW_REQUEST("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / close "),
    ROW_REQUEST("upgrade and frames",
                "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\n\r\n\x81\x80",
                "GET /ws keep  +2"),
    ROW_REQUEST("CONNECT", "CONNECT h:443 HTTP/1.1\r\n\r\n\x16\x03",
                "CONNECT h:443 keep  +2"),
    ROW_REQUEST("pipelined", "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
                "GET /a keep  +19"),
    ROW_REQUEST("unknown method", "FETCH / HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("small letters", "get / HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "refused"),
    ROW_REQUEST("HTTP/0.9", "GET /\r\n\r\n", "refused"),
    ROW_REQUEST("other protocol", "OPTIONS / RTSP/1.0\r\n\r\n", "refused"),
    ROW_REQUEST("two spaces", "GET  / HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("space in the target", "GET /a b HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("high byte in the target", "GET /\xe9 HTTP/1.1\r\n\r\n",
                "refused"),
    ROW_REQUEST("NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("gzip, chunked",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                "refused"),
    ROW_REQUEST("identity",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
                "refused"),
    ROW_REQUEST("length and coding", "PUT / HTTP/1.1\r\n" CL2 TE "\r\n",
                "refused"),
    ROW_REQUEST("empty line first", "\r\nGET / HTTP/1.1\r\n\r\n", "refused"),
    ROW_REQUEST("a response", OK CL2 "\r\nhi", "refused"),
};

static void test_requests(void** state) {
  (void)state;
  check_rows(requests, COUNT(requests));
}

static struct gcn__http* read_whole(enum gcn__http_role role,
                                    const char* text) {
  struct gcn__http* http =
      gcn__http_new(&gcn__mem_libc, role, &gcn__http_limits_default);
  assert_non_null(http);
  struct gcn__span in = gcn__span_str(text);
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  return http;
}

static void assert_span(struct gcn__span span, const char* text) {
  assert_non_null(span.data);
  assert_int_equal(span.size, strlen(text));
  assert_memory_equal(span.data, text, span.size);
}

static void test_headers(void** state) {
  (void)state;
  struct gcn__http* http = read_whole(
      GCN__HTTP_RESPONSES, OK
      "Set: one\r\nEMPTY:\r\nset:\ttwo words \t\r\nBlank:  \r\n" CL2 "\r\nhi");
  assert_int_equal(gcn__http_header_count(http), 5);
  assert_span(gcn__http_header_name(http, 0), "Set");
  assert_span(gcn__http_header_value(http, 2), "two words");
  assert_span(gcn__http_header_name(http, 4), "Content-Length");
  size_t count;
  assert_span(gcn__http_header(http, "sEt", &count), "one");
  assert_int_equal(count, 2);
  assert_span(gcn__http_header(http, "empty", &count), "");
  assert_int_equal(count, 1);
  assert_span(gcn__http_header(http, "blank", NULL), "");
  assert_null(gcn__http_header(http, "se", &count).data);
  assert_int_equal(count, 0);
  gcn__http_free(http);
}

static void test_trailers_are_not_headers(void** state) {
  (void)state;
  struct gcn__http* http =
      read_whole(GCN__HTTP_RESPONSES,
                 OK TE "\r\n0\r\nSet-Cookie: a\r\nConnection: close\r\n\r\n");
  assert_int_equal(gcn__http_header_count(http), 1);
  assert_null(gcn__http_header(http, "set-cookie", NULL).data);
  assert_false(gcn__http_has_token(http, "connection", "close"));
  gcn__http_free(http);
}

static void test_tokens(void** state) {
  (void)state;
  struct gcn__http* http =
      read_whole(GCN__HTTP_REQUESTS,
                 "GET / HTTP/1.1\r\nConnection: keep-alive,,\t Upgrade \r\n"
                 "Connection: x\r\nUpgrade: websocket/13\r\nNone:\r\n\r\n");
  assert_true(gcn__http_has_token(http, "connection", "upgrade"));
  assert_true(gcn__http_has_token(http, "Connection", "KEEP-ALIVE"));
  assert_true(gcn__http_has_token(http, "connection", "X"));
  assert_false(gcn__http_has_token(http, "connection", "keep"));
  assert_false(gcn__http_has_token(http, "upgrade", "websocket"));
  assert_false(gcn__http_has_token(http, "none", "x"));
  assert_false(gcn__http_has_token(http, "absent", "x"));
  gcn__http_free(http);
}

/* A kept connection: nothing of one message is seen in the next. */
static void test_next(void** state) {
  (void)state;
  struct gcn__http* http =
      read_whole(GCN__HTTP_RESPONSES, INTERIM OK "A: b\r\n" CL2 "\r\nhi");
  struct gcn__span rest = GCN__SPAN("x");
  assert_int_equal(gcn__http_read(http, &rest), GCN__HTTP_DONE);
  assert_int_equal(rest.size, 1);
  assert_int_equal(gcn__http_eof(http), GCN__HTTP_DONE);
  gcn__http_next(http, true, false);
  assert_false(gcn__http_begun(http));
  assert_int_equal(gcn__http_status(http), 0);
  struct gcn__span in = GCN__SPAN("HTTP/1.1 404 .\r\n" CL2 "\r\n");
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  assert_int_equal(gcn__http_status(http), 404);
  assert_int_equal(gcn__http_header_count(http), 1);
  assert_int_equal(gcn__http_body(http).size, 0);
  gcn__http_next(http, false, false);
  struct gcn__span upgrade = GCN__SPAN(SWITCH "\r\n");
  assert_int_equal(gcn__http_read(http, &upgrade), GCN_EHTTP);
  gcn__http_free(http);
}

/* The count of interim answers is that of one message. */
static void test_next_counts_anew(void** state) {
  (void)state;
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  assert_non_null(http);
  for (int i = 0; i < 9; i++) {
    struct gcn__span in = GCN__SPAN(INTERIM OK CL2 "\r\nhi");
    gcn__http_next(http, false, false);
    assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  }
  gcn__http_free(http);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_framings),
      cmocka_unit_test(test_rests),
      cmocka_unit_test(test_interims),
      cmocka_unit_test(test_bad_framings),
      cmocka_unit_test(test_bad_bytes),
      cmocka_unit_test(test_bad_chunks),
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_requests),
      cmocka_unit_test(test_headers),
      cmocka_unit_test(test_trailers_are_not_headers),
      cmocka_unit_test(test_tokens),
      cmocka_unit_test(test_next),
      cmocka_unit_test(test_next_counts_anew),
  };
  return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
