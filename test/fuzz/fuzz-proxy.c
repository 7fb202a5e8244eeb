/* SPDX-License-Identifier: MIT */
/*
 * Proxies against arbitrary texts and arbitrary proxies.
 *
 * The first byte picks what the rest is: a proxy's URL, a host and a no_proxy
 * list, or what a proxy sends, and then which proxy and which target; the
 * second one seeds the cuts.  A URL that is accepted survives being written
 * and parsed again.  A list is as good as its two halves, and one with the
 * host at its end exempts it.  Any cut of what a proxy sends makes us send the
 * same, and ends in the same verdict with the same rest.
 */
#include "base/err.h"
#include "base/rng.h"
#include "codec/noproxy.h"
#include "codec/proxy.h"
#include "codec/tunnel.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum kind { KIND_URL, KIND_LIST, KIND_HTTP, KIND_SOCKS, KIND_COUNT };

enum { CUT_COUNT = 4, SENT_SIZE_MAX = 1024 };

static void require(bool holds) {
  if (!holds) abort();
}

static void append(struct gcn__buf* out, struct gcn__span text) {
  require(gcn__buf_append(out, text.data, text.size) == 0);
}

static void check_proxy(const struct gcn__proxy* proxy) {
  struct gcn__span user = gcn__buf_span(&proxy->user);
  struct gcn__span password = gcn__buf_span(&proxy->password);
  require(gcn__host_check(gcn__span_str(proxy->host)) == NULL);
  require(proxy->port != 0);
  require(proxy->login || user.size + password.size == 0);
  if (proxy->kind == GCN__PROXY_SOCKS5) {
    require(!proxy->login || user.size > 0);
    require(user.size <= 255 && password.size <= 255);
  } else {
    require(user.size == 0 || memchr(user.data, ':', user.size) == NULL);
  }
}

static void write_proxy(struct gcn__buf* out, const struct gcn__proxy* proxy) {
  bool socks = proxy->kind == GCN__PROXY_SOCKS5;
  bool bracketed = strchr(proxy->host, ':') != NULL;
  append(out, gcn__span_str(socks ? "socks5h://" : "http://"));
  if (proxy->login) {
    require(gcn__percent_encode(out, gcn__buf_span(&proxy->user)) == 0);
    append(out, GCN__SPAN(":"));
    require(gcn__percent_encode(out, gcn__buf_span(&proxy->password)) == 0);
    append(out, GCN__SPAN("@"));
  }
  require(gcn__buf_printf(out, bracketed ? "[%s]:%u" : "%s:%u", proxy->host,
                          (unsigned)proxy->port) == 0);
}

static void check_round_trip(const struct gcn__proxy* proxy) {
  struct gcn__buf text;
  struct gcn__proxy again;
  const char* problem;
  gcn__buf_init(&text, &gcn__mem_libc, 8 * (size_t)GCN__URL_SIZE_MAX);
  gcn__proxy_init(&again, &gcn__mem_libc);
  write_proxy(&text, proxy);
  if (gcn__buf_size(&text) <= GCN__URL_SIZE_MAX) {
    require(gcn__proxy_parse(&again, gcn__buf_span(&text), &problem) == 0);
    require(again.kind == proxy->kind && again.port == proxy->port);
    require(strcmp(again.host, proxy->host) == 0);
    require(again.login == proxy->login);
    require(gcn__span_equal(gcn__buf_span(&again.user),
                            gcn__buf_span(&proxy->user)));
    require(gcn__span_equal(gcn__buf_span(&again.password),
                            gcn__buf_span(&proxy->password)));
  }
  gcn__proxy_deinit(&again);
  gcn__buf_deinit(&text);
}

static void check_url(struct gcn__span text) {
  struct gcn__proxy proxy;
  const char* problem = NULL;
  gcn__proxy_init(&proxy, &gcn__mem_libc);
  int error = gcn__proxy_parse(&proxy, text, &problem);
  require(error == 0 || error == GCN_ECONFIG);
  require((error == 0) == (proxy.kind != GCN__PROXY_NONE));
  if (error == 0) {
    check_proxy(&proxy);
    check_round_trip(&proxy);
  } else {
    require(problem != NULL && problem[0] != '\0' && !proxy.login);
  }
  gcn__proxy_deinit(&proxy);
}

/* "*" is special only if it is the whole list. */
static void check_halves(struct gcn__span list, const char* host) {
  const char* comma = list.size == 0 ? NULL : memchr(list.data, ',', list.size);
  if (comma == NULL) return;
  size_t size = (size_t)(comma - list.data);
  struct gcn__span left = gcn__span(list.data, size);
  struct gcn__span right = gcn__span_skip(list, size + 1);
  if (gcn__span_is(left, "*") || gcn__span_is(right, "*")) return;
  bool halves = gcn__no_proxy_has(left, host) || gcn__no_proxy_has(right, host);
  require(gcn__no_proxy_has(list, host) == halves);
}

/* The host, a newline, the list. */
static void check_list(struct gcn__span text) {
  char host[GCN__HOST_SIZE_MAX + 1];
  size_t size = 0;
  for (; size < text.size && text.data[size] != '\n'; size++) {
    if (size == GCN__HOST_SIZE_MAX) return;
    host[size] = gcn__ascii_lower(text.data[size]);
  }
  host[size] = '\0';
  if (gcn__host_check(gcn__span(host, size)) != NULL) return;
  if (strlen(host) < size || size == text.size) return;
  struct gcn__span list = gcn__span_skip(text, size + 1);
  check_halves(list, host);
  struct gcn__buf longer;
  gcn__buf_init(&longer, &gcn__mem_libc, SIZE_MAX / 4);
  append(&longer, list);
  append(&longer, GCN__SPAN(", "));
  append(&longer, gcn__span(host, size));
  require(gcn__no_proxy_has(gcn__buf_span(&longer), host));
  gcn__buf_deinit(&longer);
}

struct dialogue {
  const char* proxy;
  const char* host;
  struct gcn__span in;
};

static size_t piece_size(size_t left, int cut, struct gcn__rng* rng) {
  if (cut == 0) return left;
  return cut == 1 ? 1 : (size_t)gcn__rng_between(rng, 1, left < 9 ? left : 9);
}

/* Until the piece is used up or there is a verdict. */
static int read_piece(struct gcn__tunnel* tunnel, struct gcn__span* piece,
                      struct gcn__buf* sent) {
  for (;;) {
    size_t before = piece->size + gcn__buf_size(sent);
    size_t size = piece->size;
    int result = gcn__tunnel_read(tunnel, piece);
    require(piece->size <= size);
    if (result != GCN__TUNNEL_MORE) return result;
    require(gcn__tunnel_write(tunnel, sent) == 0);
    if (piece->size == 0) return GCN__TUNNEL_MORE;
    require(piece->size + gcn__buf_size(sent) != before);
  }
}

static void run(struct gcn__buf* log, const struct dialogue* dialogue, int cut,
                struct gcn__rng* rng) {
  struct gcn__proxy proxy;
  const char* problem;
  struct gcn__buf sent;
  struct gcn__span in = dialogue->in;
  int result = GCN__TUNNEL_MORE;
  gcn__buf_init(&sent, &gcn__mem_libc, SENT_SIZE_MAX);
  gcn__proxy_init(&proxy, &gcn__mem_libc);
  require(gcn__proxy_parse(&proxy, gcn__span_str(dialogue->proxy), &problem) ==
          0);
  struct gcn__tunnel* tunnel =
      gcn__tunnel_new(&gcn__mem_libc, &proxy, dialogue->host, 443);
  require(tunnel != NULL && gcn__tunnel_write(tunnel, &sent) == 0);
  while (in.size > 0 && result == GCN__TUNNEL_MORE) {
    size_t size = piece_size(in.size, cut, rng);
    struct gcn__span piece = gcn__span(in.data, size);
    result = read_piece(tunnel, &piece, &sent);
    in = gcn__span_skip(in, size - piece.size);
  }
  const char* text = gcn__tunnel_error(tunnel);
  require(result == GCN__TUNNEL_MORE || result == GCN__TUNNEL_OPEN ||
          result == GCN_EPROXY || result == GCN_EPROXYAUTH);
  require((result < 0) == (text[0] != '\0'));
  require(strstr(text, "hunter2") == NULL);
  require(gcn__buf_printf(log, "%d %u %lld %zu %s:", result,
                          gcn__tunnel_status(tunnel),
                          (long long)gcn__tunnel_retry_after_ms(tunnel),
                          result < 0 ? 0 : in.size, text) == 0);
  append(log, gcn__buf_span(&sent));
  gcn__tunnel_free(tunnel);
  gcn__proxy_deinit(&proxy);
  gcn__buf_deinit(&sent);
}

static void check_dialogue(const struct dialogue* dialogue, uint8_t seed) {
  struct gcn__rng rng;
  struct gcn__buf whole;
  gcn__rng_seed(&rng, seed);
  gcn__buf_init(&whole, &gcn__mem_libc, SIZE_MAX / 4);
  run(&whole, dialogue, 0, &rng);
  for (int cut = 1; cut < CUT_COUNT; cut++) {
    struct gcn__buf log;
    gcn__buf_init(&log, &gcn__mem_libc, SIZE_MAX / 4);
    run(&log, dialogue, cut, &rng);
    require(gcn__span_equal(gcn__buf_span(&whole), gcn__buf_span(&log)));
    gcn__buf_deinit(&log);
  }
  gcn__buf_deinit(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const hosts[] = {"api.example.com", "127.0.0.1", "::1"};
  static const char* const proxies[][2] = {
      {"http://proxy", "http://user:hunter2@proxy"},
      {"socks5://proxy", "socks5://user:hunter2@proxy"},
  };
  if (size < 2) return 0;
  unsigned kind = data[0] % KIND_COUNT;
  unsigned variant = data[0] / KIND_COUNT;
  struct gcn__span in = gcn__span(data + 2, size - 2);
  if (kind == KIND_URL) {
    check_url(in);
  } else if (kind == KIND_LIST) {
    check_list(in);
  } else {
    const struct dialogue dialogue = {
        .proxy = proxies[kind == KIND_SOCKS][variant % 2],
        .host = hosts[variant / 2 % 3],
        .in = in,
    };
    check_dialogue(&dialogue, data[1]);
  }
  return 0;
}
