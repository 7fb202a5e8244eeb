/* SPDX-License-Identifier: MIT */
/*
 * The HTTP reader against a second reading, over changed answers.
 *
 * What either of them accepts the other has to accept, with the same status,
 * body, end and fate of the connection.  Where parsers may differ (the grammar
 * of chunk extensions, framing headers among the trailers) only what both
 * accept is compared.
 */
#include "../http-oracle.h"
#include "base/rng.h"
#include "check.h"
#include "codec/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE_MAX = 2048, ROUND_COUNT = 150000, CHANGE_COUNT_MAX = 4 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OK "HTTP/1.1 200 OK\r\n"
#define TE "Transfer-Encoding: chunked\r\n"

static const char* const seeds[] = {
    OK "Content-Length: 2\r\n\r\nhi",
    OK "Content-Length: 0\r\n\r\n",
    OK "\r\nhi",
    OK TE "\r\n2\r\nhi\r\n3;a=b\r\n ho\r\n0\r\n\r\n",
    OK TE "\r\n2\r\nhi\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    OK "Connection: keep-alive, x\r\nContent-Length:  2 \r\n\r\nhi",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi",
    "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" OK TE "\r\n0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\n\r\n\x81\x02hi",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 .\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 429 .\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",
    OK "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
};

/* What attacks are made of. */
static const char* const words[] = {
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "0",
    "1",
    "-",
    "+",
    "0x",
    "\x01",
    "\x7f",
    "\xe9",
    "Content-Length: 2\r\n",
    "Content-Length: 3\r\n",
    "Content-Length:\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Content-Encoding: gzip\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 ",
    "HTTP/2.0 ",
    "100",
    "204",
    "chunked",
    "close",
    "identity",
    "a: b\r\n",
    " c\r\n",
    "ffffffffffffffff",
    "18446744073709551615",
    "18446744073709551616",
    "00000000000000000002",
    "x",
};

struct text {
  char data[TEXT_SIZE_MAX];
  size_t size;
};

static void insert(struct text* text, size_t at, const char* from,
                   size_t size) {
  if (text->size + size > TEXT_SIZE_MAX) return;
  memmove(text->data + at + size, text->data + at, text->size - at);
  memcpy(text->data + at, from, size);
  text->size += size;
}

static void erase(struct text* text, size_t at, size_t size) {
  if (size > text->size - at) size = text->size - at;
  memmove(text->data + at, text->data + at + size, text->size - at - size);
  text->size -= size;
}

static void change(struct text* text, struct gcn__rng* rng) {
  size_t at = (size_t)gcn__rng_below(rng, text->size + 1);
  size_t size = (size_t)gcn__rng_between(rng, 1, 12);
  const char* word = words[gcn__rng_below(rng, COUNT(words))];
  char copy[12];
  switch (gcn__rng_below(rng, 6)) {
  case 0: erase(text, at, size); return;
  case 1: erase(text, at, 1); return;
  case 2: /* fallthrough */
  case 3: insert(text, at, word, strlen(word)); return;
  case 4:
    if (at < text->size) text->data[at] = (char)gcn__rng_below(rng, 256);
    return;
  default:
    if (size > text->size - at) size = text->size - at;
    memcpy(copy, text->data + at, size);
    insert(text, (size_t)gcn__rng_below(rng, text->size + 1), copy, size);
  }
}

static void make(struct text* text, struct gcn__rng* rng) {
  const char* seed = seeds[gcn__rng_below(rng, COUNT(seeds))];
  text->size = 0;
  insert(text, 0, seed, strlen(seed));
  for (uint64_t n = gcn__rng_below(rng, CHANGE_COUNT_MAX + 1); n > 0; n--)
    change(text, rng);
}

/* In pieces of at most `piece_max` bytes, then the end. */
static int read_text(struct gcn__http* http, struct gcn__span* in,
                     size_t piece_max, struct gcn__rng* rng) {
  int result = GCN__HTTP_MORE;
  while (in->size > 0 && result == GCN__HTTP_MORE) {
    size_t size = (size_t)gcn__rng_between(rng, 1, piece_max);
    if (size > in->size) size = in->size;
    struct gcn__span piece = gcn__span(in->data, size);
    result = gcn__http_read(http, &piece);
    *in = gcn__span_skip(*in, size - piece.size);
  }
  return result == GCN__HTTP_MORE ? gcn__http_eof(http) : result;
}

/* A "close" among the trailers may be heeded. */
static bool fate_agrees(const struct gcn__http* http,
                        const struct http_oracle* oracle) {
  bool kept = gcn__http_keep_alive(http);
  return kept == oracle->keep_alive || (oracle->odd && !kept);
}

static bool agrees(const struct gcn__http* http,
                   const struct http_oracle* oracle, size_t used) {
  struct gcn__span body = gcn__http_body(http);
  return gcn__http_status(http) == oracle->status &&
         fate_agrees(http, oracle) && used == oracle->used &&
         body.size == oracle->body_size &&
         (body.size == 0 || memcmp(body.data, oracle->body, body.size) == 0);
}

static void show(const struct text* text) {
  char line[4 * TEXT_SIZE_MAX + 1];
  size_t at = 0;
  for (size_t i = 0; i < text->size; i++) {
    unsigned char byte = (unsigned char)text->data[i];
    bool plain = byte >= 0x20 && byte < 0x7f;
    at += (size_t)snprintf(line + at, sizeof line - at,
                           plain ? "%c" : "\\x%02x", byte);
  }
  line[at] = '\0';
  print_message("# %s\n", line);
}

/* True if the reader accepts it. */
static bool compare(const struct text* text, struct gcn__rng* rng) {
  bool head = gcn__rng_below(rng, 8) == 0;
  bool upgrade = gcn__rng_below(rng, 4) == 0;
  struct http_oracle oracle;
  http_oracle_read(gcn__span(text->data, text->size), head, upgrade, &oracle);
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  assert_non_null(http);
  gcn__http_next(http, head, upgrade);
  struct gcn__span in = gcn__span(text->data, text->size);
  size_t piece_max = gcn__rng_below(rng, 2) == 0 ? TEXT_SIZE_MAX : 7;
  bool accepted = read_text(http, &in, piece_max, rng) == GCN__HTTP_DONE;
  bool same = accepted == oracle.accepted;
  if (!same && oracle.odd) same = true;
  if (accepted && oracle.accepted)
    same = agrees(http, &oracle, text->size - in.size);
  if (!same) {
    show(text);
    fail_msg("reader: %d (%s), oracle: %d; head %d, upgrade %d", accepted,
             gcn__http_error(http), oracle.accepted, head, upgrade);
  }
  gcn__http_free(http);
  return accepted;
}

static void two_readings_agree(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 2026);
  const char* more = getenv("GCN_HTTP_ROUNDS");
  unsigned long rounds = more == NULL ? ROUND_COUNT : strtoul(more, NULL, 10);
  unsigned long accepted_count = 0;
  for (unsigned long i = 0; i < rounds; i++) {
    struct text text;
    make(&text, &rng);
    accepted_count += compare(&text, &rng);
  }
  /* Neither side may be the whole of it. */
  assert_in_range(accepted_count, rounds / 10, rounds - rounds / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_readings_agree),
  };
  return cmocka_run_group_tests_name("http-random", tests, NULL, NULL);
}
