/* SPDX-License-Identifier: MIT */
/*
 * The choice of a proxy.  An entry of no_proxy that is not understood exempts
 * nothing: in doubt the proxy is used, because that is what was asked for.
 */
#include "codec/noproxy.h"

#include "codec/address.h"

enum { BITS_DIGIT_COUNT_MAX = 3 };

static bool is_separator(char c) {
  return c == ',' || c == ' ' || c == '\t';
}

/* Takes the next entry off the front of `list`; an empty one is the end. */
static struct gcn__span take_entry(struct gcn__span* list) {
  while (list->size > 0 && is_separator(list->data[0]))
    *list = gcn__span_skip(*list, 1);
  size_t size = 0;
  while (size < list->size && !is_separator(list->data[size]))
    size++;
  struct gcn__span entry = gcn__span(list->data, size);
  *list = gcn__span_skip(*list, size);
  return entry;
}

static struct gcn__span without_dots(struct gcn__span entry) {
  if (entry.size > 0 && entry.data[entry.size - 1] == '.') entry.size--;
  bool dot = entry.size > 0 && entry.data[0] == '.';
  return dot ? gcn__span_skip(entry, 1) : entry;
}

static bool name_matches(struct gcn__span entry, struct gcn__span host) {
  entry = without_dots(entry);
  if (entry.size == 0 || entry.size > host.size) return false;
  size_t begin = host.size - entry.size;
  if (!gcn__span_iequal(gcn__span_skip(host, begin), entry)) return false;
  return begin == 0 || host.data[begin - 1] == '.';
}

/* The bits of "/24", which `text` begins with; false if they are none. */
static bool parse_bits(struct gcn__span text, size_t bits_max, size_t* bits) {
  text = gcn__span_skip(text, 1);
  if (text.size == 0 || text.size > BITS_DIGIT_COUNT_MAX) return false;
  *bits = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c < '0' || c > '9') return false;
    *bits = *bits * 10 + (size_t)(c - '0');
  }
  return *bits <= bits_max;
}

static struct gcn__span without_brackets(struct gcn__span text) {
  bool bracketed =
      text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']';
  return bracketed ? gcn__span(text.data + 1, text.size - 2) : text;
}

static bool same_network(const unsigned char* a, const unsigned char* b,
                         size_t bits) {
  size_t whole = bits / 8;
  unsigned mask = 0xff00u >> (bits % 8) & 0xff;
  if (memcmp(a, b, whole) != 0) return false;
  return mask == 0 || ((a[whole] ^ b[whole]) & mask) == 0;
}

/* `address` is the host's, of `size` bytes. */
static bool address_matches(struct gcn__span entry,
                            const unsigned char* address, size_t size) {
  const char* slash = memchr(entry.data, '/', entry.size);
  struct gcn__span text = entry;
  size_t bits = size * 8;
  if (slash != NULL) {
    text.size = (size_t)(slash - entry.data);
    if (!parse_bits(gcn__span_skip(entry, text.size), size * 8, &bits)) {
      return false;
    }
  }
  unsigned char network[GCN__IPV6_SIZE];
  if (gcn__address_parse(without_brackets(text), network) != size) {
    return false;
  }
  return same_network(address, network, bits);
}

bool gcn__no_proxy_has(struct gcn__span list, const char* host) {
  if (gcn__span_is(list, "*")) return true;
  struct gcn__span name = gcn__span_str(host);
  unsigned char address[GCN__IPV6_SIZE];
  size_t size = gcn__address_parse(name, address);
  for (;;) {
    struct gcn__span entry = take_entry(&list);
    if (entry.size == 0) return false;
    bool matches = size > 0 ? address_matches(entry, address, size)
                            : name_matches(entry, name);
    if (matches) return true;
  }
}

static const char* first_of(const char* lower, const char* upper) {
  if (lower != NULL && lower[0] != '\0') return lower;
  return upper != NULL && upper[0] != '\0' ? upper : NULL;
}

static bool is_exempt(const struct gcn__proxy_env* env, const char* host) {
  const char* list = env->own_no_proxy;
  if (list == NULL) list = first_of(env->no_proxy, env->no_proxy_upper);
  return list != NULL && gcn__no_proxy_has(gcn__span_str(list), host);
}

const char* gcn__proxy_choose(const struct gcn__proxy_env* env,
                              const struct gcn__url* url) {
  if (is_exempt(env, url->host)) return NULL;
  if (env->own_proxy != NULL) return first_of(env->own_proxy, NULL);
  const char* proxy = gcn__url_secure(url)
                          ? first_of(env->https_proxy, env->https_proxy_upper)
                          : first_of(env->http_proxy, NULL);
  if (proxy != NULL) return proxy;
  return first_of(env->all_proxy, env->all_proxy_upper);
}
