/* SPDX-License-Identifier: MIT */
/*
 * The parser of proxy URLs.
 *
 * Host and port are codec/url.h's to judge; this file cuts off what that one
 * refuses (the user info) or does not know (the scheme).  A text with an "@"
 * in the password that is not percent-encoded has two readings, and is refused.
 */
#include "codec/proxy.h"

#include "base/err.h"

enum { SOCKS_FIELD_SIZE_MAX = 255 }; /* RFC 1929 §2 */

void gcn__proxy_init(struct gcn__proxy* proxy, const struct gcn__mem* mem) {
  *proxy = (struct gcn__proxy){.kind = GCN__PROXY_NONE};
  gcn__buf_init(&proxy->user, mem, GCN__URL_SIZE_MAX);
  gcn__buf_init(&proxy->password, mem, GCN__URL_SIZE_MAX);
  proxy->user.secret = true;
  proxy->password.secret = true;
}

void gcn__proxy_deinit(struct gcn__proxy* proxy) {
  gcn__buf_deinit(&proxy->user);
  gcn__buf_deinit(&proxy->password);
  proxy->kind = GCN__PROXY_NONE;
  proxy->login = false;
}

/* The size of what stands before the first of the bytes in `set`. */
static size_t span_until(struct gcn__span text, const char* set) {
  size_t size = 0;
  while (size < text.size) {
    char c = text.data[size];
    if (c != '\0' && strchr(set, c) != NULL) break;
    size++;
  }
  return size;
}

static const char* set_kind(struct gcn__proxy* proxy, struct gcn__span scheme) {
  if (gcn__span_iis(scheme, "http")) {
    proxy->kind = GCN__PROXY_HTTP;
  } else if (gcn__span_iis(scheme, "socks5") ||
             gcn__span_iis(scheme, "socks5h")) {
    proxy->kind = GCN__PROXY_SOCKS5;
  } else if (gcn__span_iis(scheme, "https")) {
    return "is to be reached over TLS, which is not supported; use one that "
           "is written http://";
  } else if (gcn__span_iis(scheme, "socks") ||
             gcn__span_iis(scheme, "socks4") ||
             gcn__span_iis(scheme, "socks4a")) {
    return "speaks SOCKS 4, which is not supported; use one that is written "
           "socks5://";
  } else {
    return "has a scheme other than http and socks5";
  }
  return NULL;
}

/* Takes the scheme and "://" off the front of `text`. */
static const char* take_scheme(struct gcn__proxy* proxy,
                               struct gcn__span* text) {
  size_t size = span_until(*text, ":/?#@");
  struct gcn__span rest = gcn__span_skip(*text, size);
  if (!gcn__span_starts(rest, "://")) {
    return set_kind(proxy, GCN__SPAN("http"));
  }
  struct gcn__span scheme = gcn__span(text->data, size);
  *text = gcn__span_skip(rest, sizeof "://" - 1);
  return set_kind(proxy, scheme);
}

/* True if the authority, which has been accepted, ends in a port. */
static bool names_port(struct gcn__span authority) {
  size_t i = authority.size;
  while (i > 0 && authority.data[i - 1] >= '0' && authority.data[i - 1] <= '9')
    i--;
  return i > 0 && authority.data[i - 1] == ':';
}

static const char* set_peer(struct gcn__proxy* proxy,
                            struct gcn__span authority) {
  static const char scheme[] = "http://";
  char text[sizeof scheme + GCN__AUTHORITY_SIZE_MAX];
  if (authority.size > GCN__AUTHORITY_SIZE_MAX) return "has too long a host";
  memcpy(text, scheme, sizeof scheme - 1);
  memcpy(text + sizeof scheme - 1, authority.data, authority.size);
  struct gcn__url url;
  const char* problem =
      gcn__url_parse(&url, gcn__span(text, sizeof scheme - 1 + authority.size));
  if (problem != NULL) return problem;
  memcpy(proxy->host, url.host, sizeof proxy->host);
  proxy->port = names_port(authority) ? url.port : GCN__PROXY_PORT;
  return NULL;
}

/* Before decoding: bytes that no URL holds there. */
static const char* check_raw(struct gcn__span info) {
  if (info.size == 0) return "has an empty user info";
  for (size_t i = 0; i < info.size; i++) {
    char c = info.data[i];
    if (c <= ' ' || c > '~' || c == '\\' || c == '#') {
      return "has a byte in its user info that has to be percent-encoded";
    }
  }
  return NULL;
}

static bool has_control(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

static const char* check_login(const struct gcn__proxy* proxy) {
  struct gcn__span user = gcn__buf_span(&proxy->user);
  struct gcn__span password = gcn__buf_span(&proxy->password);
  if (has_control(user) || has_control(password)) {
    return "has a control character in its user or password";
  }
  if (proxy->kind == GCN__PROXY_HTTP) {
    bool colon = user.size > 0 && memchr(user.data, ':', user.size) != NULL;
    return colon ? "has a colon in its user" : NULL;
  }
  if (user.size == 0) return "has a password without a user";
  bool fits = user.size <= SOCKS_FIELD_SIZE_MAX &&
              password.size <= SOCKS_FIELD_SIZE_MAX;
  return fits ? NULL : "has a user or password over 255 bytes";
}

static int set_login(struct gcn__proxy* proxy, struct gcn__span info,
                     const char** problem) {
  *problem = check_raw(info);
  if (*problem != NULL) return GCN_ECONFIG;
  size_t size = span_until(info, ":");
  struct gcn__span user = gcn__span(info.data, size);
  struct gcn__span password = GCN__SPAN("");
  if (size < info.size) password = gcn__span_skip(info, size + 1);
  int error = gcn__percent_decode(&proxy->user, user, false);
  if (error == 0) {
    error = gcn__percent_decode(&proxy->password, password, false);
  }
  if (error == GCN__ENOMEM) return error;
  proxy->login = true;
  *problem = error == 0 ? check_login(proxy)
                        : "has a broken percent escape in its user info";
  return *problem == NULL ? 0 : GCN_ECONFIG;
}

struct parts {
  struct gcn__span info; /* absent if there is no "@" */
  struct gcn__span authority;
};

static bool holds_at(struct gcn__span text) {
  return span_until(text, "@") < text.size;
}

static const char* split(struct gcn__span text, struct parts* parts) {
  size_t size = span_until(text, "/?");
  struct gcn__span path = gcn__span_skip(text, size);
  struct gcn__span authority = gcn__span(text.data, size);
  size_t info_size = span_until(authority, "@");
  parts->info = (struct gcn__span){NULL, 0};
  if (info_size < size) {
    parts->info = gcn__span(authority.data, info_size);
    authority = gcn__span_skip(authority, info_size + 1);
  }
  parts->authority = authority;
  if (holds_at(authority) || holds_at(path)) {
    return "has a byte in its user info that has to be percent-encoded";
  }
  return path.size > 0 && !gcn__span_is(path, "/") ? "has a path" : NULL;
}

static int parse(struct gcn__proxy* proxy, struct gcn__span text,
                 const char** problem) {
  struct parts parts = {.info = {NULL, 0}};
  *problem = NULL;
  if (text.size == 0) *problem = "is empty";
  if (text.size > GCN__URL_SIZE_MAX) *problem = "is over 8192 bytes";
  if (*problem == NULL) *problem = take_scheme(proxy, &text);
  if (*problem == NULL) *problem = split(text, &parts);
  if (*problem == NULL) *problem = set_peer(proxy, parts.authority);
  if (*problem != NULL) return GCN_ECONFIG;
  return parts.info.data == NULL ? 0 : set_login(proxy, parts.info, problem);
}

int gcn__proxy_parse(struct gcn__proxy* proxy, struct gcn__span text,
                     const char** problem) {
  gcn__proxy_deinit(proxy);
  int error = parse(proxy, text, problem);
  if (error != 0) gcn__proxy_deinit(proxy);
  return error;
}
