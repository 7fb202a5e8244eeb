/* SPDX-License-Identifier: MIT */
/*
 * What the library's readers make of bytes, for comparison with the readers of
 * others.
 *
 * One question a line, in hex: "http BYTES" is an answer behind which the peer
 * closes, "url BYTES" a URL.  One answer a line: "no", or "STATUS BODY" and
 * "SCHEME HOST PORT TARGET", body and target in hex.
 */
#include "codec/http.h"
#include "codec/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 65536 };

/* -1: not hex. */
static int digit(char c) {
  static const char digits[] = "0123456789abcdef";
  const char* at = c == '\0' ? NULL : strchr(digits, c);
  return at == NULL ? -1 : (int)(at - digits);
}

/* In place. */
static struct gcn__span unhex(char* text) {
  size_t size = 0;
  for (; digit(text[2 * size]) >= 0; size++) {
    text[size] = (char)(digit(text[2 * size]) << 4 | digit(text[2 * size + 1]));
  }
  return gcn__span(text, size);
}

static void say_hex(struct gcn__span bytes) {
  if (bytes.size == 0) printf(" -");
  for (size_t i = 0; i < bytes.size; i++) {
    printf("%s%02x", i == 0 ? " " : "", (unsigned char)bytes.data[i]);
  }
  printf("\n");
}

static void read_http(struct gcn__span bytes) {
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  if (http == NULL) exit(EXIT_FAILURE);
  gcn__http_next(http, false, false);
  int result = gcn__http_read(http, &bytes);
  if (result == GCN__HTTP_MORE) result = gcn__http_eof(http);
  if (result == GCN__HTTP_DONE) {
    printf("%u", gcn__http_status(http));
    say_hex(gcn__http_body(http));
  } else {
    printf("no\n");
  }
  gcn__http_free(http);
}

static void read_url(struct gcn__span bytes) {
  static const char* const schemes[] = {"http", "https", "ws", "wss"};
  struct gcn__url url;
  if (gcn__url_parse(&url, bytes) != NULL) {
    printf("no\n");
    return;
  }
  printf("%s %s %u", schemes[url.scheme], url.host, (unsigned)url.port);
  say_hex(url.target);
}

int main(void) {
  static char line[LINE_SIZE];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (strncmp(line, "http ", 5) == 0) read_http(unhex(line + 5));
    if (strncmp(line, "url ", 4) == 0) read_url(unhex(line + 4));
  }
  return EXIT_SUCCESS;
}
