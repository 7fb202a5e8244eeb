/* SPDX-License-Identifier: MIT */
/*
 * FAULTS §2.2, row by row: 51 answers that a service, a proxy or an attacker
 * may send.
 *
 * Rows 01 to 08 are those that llhttp lets through and that our layer has to
 * refuse; 09 to 37 are refused by both; 38 to 51 are accepted.  Each is read
 * whole, byte by byte and in random pieces, and a second reading of ours
 * (test/http-oracle.h) has to come to the same result.
 */
#include "../http-oracle.h"
#include "http-case.h"
#include "proof-case.h"

#include <stdio.h>
#include <stdlib.h>

#define OK           "HTTP/1.1 200 OK\r\n"
#define CL2          "Content-Length: 2\r\n"
#define TE           "Transfer-Encoding: chunked\r\n"
#define CHUNKS       OK TE "\r\n"
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

/* Rows 07 and 08: the reader stops at the end of the answer and says how much
 * it left; that bytes are left is what its caller refuses. */
static const struct http_case rows[] = {
    ROW("S8-01 transfer coding identity is refused",
        OK "Transfer-Encoding: identity\r\n\r\nhi", "refused"),
    ROW("S8-02 transfer codings gzip, chunked are refused",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-03 transfer codings chunked, gzip are refused",
        OK "Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-04 transfer coding xchunked is refused",
        OK "Transfer-Encoding: xchunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-05 HTTP/2.0 in a status line is refused",
        "HTTP/2.0 200 OK\r\n" CL2 "\r\nhi", "refused"),
    ROW("S8-06 empty lines before the status line are refused",
        "\r\n\r\n" OK CL2 "\r\nhi", "refused"),
    ROW("S8-07 a second answer in the same read is left over",
        OK CL2 "\r\nhi" OK CL2 "\r\nho", "200 keep hi +40"),
    ROW("S8-08 bytes behind an answer that closes are left over",
        OK "Connection: close\r\n" CL2 "\r\nhi!", "200 close hi +1"),

    ROW("S8-09 a length and a coding are refused",
        OK CL2 TE "\r\n2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("S8-10 a coding and a length are refused",
        OK TE CL2 "\r\n2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("S8-11 two equal lengths are refused", OK CL2 CL2 "\r\nhi", "refused"),
    ROW("S8-12 two different lengths are refused",
        OK CL2 "Content-Length: 3\r\n\r\nhi!", "refused"),
    ROW("S8-13 length +2 is refused", OK "Content-Length: +2\r\n\r\nhi",
        "refused"),
    ROW("S8-14 length 2, 2 is refused", OK "Content-Length: 2, 2\r\n\r\nhi",
        "refused"),
    ROW("S8-15 length 2^64 + 2 is refused",
        OK "Content-Length: 18446744073709551618\r\n\r\nhi", "refused"),
    ROW("S8-16 an empty length is refused", OK "Content-Length:\r\n\r\nhi",
        "refused"),
    ROW("S8-17 a bare CR in a value is refused (CVE-2023-30589)",
        OK "A: b\r" CL2 "\r\nhi", "refused"),
    ROW("S8-18 a bare LF behind a header is refused (CVE-2022-32214)",
        OK "A: b\n" CL2 "\r\nhi", "refused"),
    ROW("S8-19 a folded header is refused", OK "A: b\r\n c\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("S8-20 CR LF CR X is no end of the headers (CVE-2025-23167)",
        OK CL2 "\rXhi", "refused"),
    ROW("S8-21 NUL in a value is refused (CVE-2026-34520)",
        OK "A: b\0c\r\n" CL2 "\r\nhi", "refused"),
    ROW("S8-22 0x01 in a value is refused", OK "A: b\x01\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("S8-23 0x7f in a value is refused", OK "A: b\x7f\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("S8-24 NUL in a name is refused", OK "A\0B: c\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("S8-25 a space before the colon is refused (CVE-2021-22959)",
        OK "Content-Length : 2\r\n\r\nhi", "refused"),
    ROW("S8-26 chunk size 0x2 is refused", CHUNKS "0x2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-27 a negative chunk size is refused",
        CHUNKS "-2\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("S8-28 chunk size 2^64 + 2 is refused",
        CHUNKS "10000000000000002\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW("S8-29 a CR in a chunk extension is refused (CVE-2021-22960)",
        CHUNKS "2;a\rb\r\nhi\r\n0\r\n\r\n", "refused"),
    ROW_EOF("S8-30 a body that ends before its length is refused",
            OK CL2 "\r\nh", "refused"),
    ROW_EOF("S8-31 chunks that end before the last are refused",
            CHUNKS "2\r\nhi\r\n", "refused"),
    ROW("S8-32 an empty name is refused", OK ": b\r\n" CL2 "\r\nhi", "refused"),
    ROW("S8-33 status 99 is refused", "HTTP/1.1 99 OK\r\n" CL2 "\r\nhi",
        "refused"),
    ROW("S8-34 chunkedchunked is refused (CVE-2022-32213)",
        OK "Transfer-Encoding: chunkedchunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-35 a coding on two lines is refused (CVE-2022-32215)",
        OK "Transfer-Encoding: chunked\r\n , identity\r\n\r\n"
           "2\r\nhi\r\n0\r\n\r\n",
        "refused"),
    ROW("S8-36 an empty folded header is refused (CVE-2022-35256)",
        OK "A:\r\n \r\n" CL2 "\r\nhi", "refused"),
    ROW("S8-37 a space before a name is refused (CVE-2024-27982)",
        OK " Content-Length: 2\r\n\r\nhi", "refused"),

    ROW("S8-38 a length", OK CL2 "\r\nhi", "200 keep hi"),
    ROW("S8-39 length 0", OK "Content-Length: 0\r\n\r\n", "200 keep "),
    ROW("S8-40 chunks", CHUNKS "2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n",
        "200 keep hi ho"),
    ROW("S8-41 a chunk extension", CHUNKS "2;a=\"d\"\r\nhi\r\n0\r\n\r\n",
        "200 keep hi"),
    ROW("S8-42 trailers are read over",
        CHUNKS "2\r\nhi\r\n0\r\nA: b\r\nC: d\r\n\r\n", "200 keep hi"),
    ROW_EOF("S8-43 a body until the end", OK "\r\nhi", "200 close hi"),
    ROW("S8-44 Connection: close", OK "Connection: close\r\n" CL2 "\r\nhi",
        "200 close hi"),
    ROW("S8-45 HTTP/1.0", "HTTP/1.0 200 OK\r\n" CL2 "\r\nhi", "200 close hi"),
    ROW("S8-46 no reason", "HTTP/1.1 200\r\n" CL2 "\r\nhi", "200 keep hi"),
    ROW("S8-47 204 has no body", "HTTP/1.1 204 No Content\r\n\r\n",
        "204 keep "),
    ROW("S8-48 304 has no body", "HTTP/1.1 304 Not Modified\r\n" CL2 "\r\n",
        "304 keep "),
    ROW_HEAD("S8-49 the answer to a HEAD has no body", OK CL2 "\r\n",
             "200 keep "),
    ROW("S8-50 100 and 103 before the answer are skipped",
        "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK CL2 "\r\nhi",
        "200 keep hi"),
    ROW_UPGRADE("S8-51 a 101 and the bytes behind it",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\n\r\n\x81\x02hi",
                "101 close  +4"),
};

static void compare_with_the_oracle(const struct http_case* row) {
  struct http_oracle oracle;
  char want[HTTP_OUTCOME_SIZE] = "refused";
  http_oracle_read(row->input, row->head, row->upgrade, &oracle);
  size_t left = row->input.size - oracle.used;
  char rest[32] = "";
  if (left > 0) snprintf(rest, sizeof rest, " +%zu", left);
  if (oracle.accepted) {
    snprintf(want, sizeof want, "%u %s %.*s%s", oracle.status,
             oracle.keep_alive ? "keep" : "close", (int)oracle.body_size,
             oracle.body, rest);
  }
  assert_string_equal(want, row->want);
}

static void reads_the_row(void** state) {
  const struct http_case* row = *state;
  http_case_check(row);
  compare_with_the_oracle(row);
}

int main(void) {
  static struct proof_cases cases;
  for (size_t i = 0; i < COUNT(rows); i++)
    proof_add(&cases, rows[i].name, reads_the_row, &rows[i]);
  return proof_run("proof-http", &cases);
}
