/* SPDX-License-Identifier: MIT */
/*
 * URLs and percent-encoding against arbitrary text.
 *
 * A URL that is accepted survives being written and parsed again, and its host
 * is an address to us exactly if it is one to the most permissive parser there
 * is, inet_aton, which takes "0x7f.1" for 127.0.0.1.  Decoding undoes
 * encoding.
 */
#include "codec/url.h"

#include "base/buf.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static const char* const schemes[] = {"http", "https", "ws", "wss"};

static void require(bool holds) {
  if (!holds) abort();
}

static bool is_plain(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c < '!' || c > '~' || c == '\\' || c == '#') return false;
  }
  return true;
}

static void check_host(const struct gcn__url* url) {
  struct in_addr legacy;
  struct in_addr v4;
  struct in6_addr v6;
  size_t size = strlen(url->host);
  require(size > 0 && size <= GCN__HOST_SIZE_MAX);
  require(gcn__host_check(gcn__span(url->host, size)) == NULL);
  require(strpbrk(url->host, "@/?#%[]\\ ") == NULL);
  for (size_t i = 0; i < size; i++)
    require(gcn__ascii_lower(url->host[i]) == url->host[i]);
  if (strchr(url->host, ':') != NULL) {
    require(url->ip_literal);
    require(inet_pton(AF_INET6, url->host, &v6) == 1);
    return;
  }
  bool address = inet_aton(url->host, &legacy) != 0;
  require(address == url->ip_literal);
  if (!address) return;
  require(inet_pton(AF_INET, url->host, &v4) == 1);
  require(v4.s_addr == legacy.s_addr);
}

static void check_round_trip(const struct gcn__url* url) {
  char text[2 * GCN__URL_SIZE_MAX];
  char authority[GCN__AUTHORITY_SIZE_MAX];
  struct gcn__url again;
  gcn__url_authority(url, authority);
  int size = snprintf(text, sizeof text, "%s://%s%.*s", schemes[url->scheme],
                      authority, (int)url->target.size, url->target.data);
  require(size > 0 && (size_t)size < sizeof text);
  if (size > GCN__URL_SIZE_MAX) return; /* the "/" that an empty path became */
  require(gcn__url_parse(&again, gcn__span(text, (size_t)size)) == NULL);
  require(again.scheme == url->scheme && again.port == url->port);
  require(again.ip_literal == url->ip_literal);
  require(strcmp(again.host, url->host) == 0);
  require(gcn__span_equal(again.target, url->target));
}

static void check_url(struct gcn__span text) {
  struct gcn__url url;
  if (gcn__url_parse(&url, text) != NULL) return;
  require(is_plain(text) && text.size <= GCN__URL_SIZE_MAX);
  require(url.port != 0 && url.target.size > 0);
  require(url.target.data[0] == '/' || url.target.data[0] == '?');
  check_host(&url);
  check_round_trip(&url);
  require(gcn__host_within(url.host, url.host));
}

static void check_percent(struct gcn__span text, bool form) {
  struct gcn__buf encoded;
  struct gcn__buf decoded;
  gcn__buf_init(&encoded, &gcn__mem_libc, SIZE_MAX / 4);
  gcn__buf_init(&decoded, &gcn__mem_libc, SIZE_MAX / 4);
  require(gcn__percent_encode(&encoded, text) == 0);
  require(is_plain(gcn__buf_span(&encoded)));
  int error = gcn__percent_decode(&decoded, gcn__buf_span(&encoded), form);
  require(error == 0 && gcn__span_equal(gcn__buf_span(&decoded), text));
  gcn__buf_clear(&decoded);
  error = gcn__percent_decode(&decoded, text, form);
  require(error == 0 || error == GCN__EINVAL);
  require(error == 0 || gcn__buf_size(&decoded) == 0);
  require(gcn__buf_size(&decoded) <= text.size);
  gcn__buf_deinit(&encoded);
  gcn__buf_deinit(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct gcn__span text = gcn__span(data, size);
  check_url(text);
  check_percent(text, false);
  check_percent(text, true);
  return 0;
}
