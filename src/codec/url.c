/* SPDX-License-Identifier: MIT */
/*
 * The URL parser, host checks and percent-encoding.
 *
 * It knows no policy and resolves nothing.  Every part of a text is either
 * refused or understood in the one way in which all other parsers understand
 * it; there is no repairing, and no decoding of a host.
 */
#include "codec/url.h"

#include "base/err.h"
#include "codec/reserve.h"

#include <stdio.h>

enum {
  LABEL_SIZE_MAX = 63,      /* RFC 1035 §2.3.4 */
  PORT_DIGIT_COUNT_MAX = 5, /* 65535 */
  IPV4_PART_COUNT = 4,
  IPV6_GROUP_COUNT = 8,
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  char lower = gcn__ascii_lower(c);
  return is_digit(c) || (lower >= 'a' && lower <= 'z');
}

/* The value of a hex digit, or -1. */
static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char lower = gcn__ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The index of the first `c`, or text.size. */
static size_t find(struct gcn__span text, char c) {
  const char* at = text.size == 0 ? NULL : memchr(text.data, c, text.size);
  return at == NULL ? text.size : (size_t)(at - text.data);
}

static struct gcn__span front(struct gcn__span text, size_t size) {
  return gcn__span(text.data, size);
}

/* A number from 0 to 255 without leading zeros, as RFC 3986 §3.2.2 has it. */
static bool is_ipv4_part(struct gcn__span part) {
  if (part.size == 0 || part.size > 3) return false;
  if (part.size > 1 && part.data[0] == '0') return false;
  unsigned value = 0;
  for (size_t i = 0; i < part.size; i++) {
    if (!is_digit(part.data[i])) return false;
    value = value * 10 + (unsigned)(part.data[i] - '0');
  }
  return value <= 255;
}

static bool is_ipv4(struct gcn__span host) {
  for (int i = 0; i < IPV4_PART_COUNT - 1; i++) {
    size_t dot = find(host, '.');
    if (dot == host.size || !is_ipv4_part(front(host, dot))) return false;
    host = gcn__span_skip(host, dot + 1);
  }
  return is_ipv4_part(host);
}

/* True if some parser takes a host that ends in this label for an IPv4
 * address: all digits, or "0x" and hex digits. */
static bool is_number(struct gcn__span label) {
  size_t begin = 0;
  bool hex = label.size >= 2 && label.data[0] == '0' &&
             gcn__ascii_lower(label.data[1]) == 'x';
  if (hex) begin = 2;
  for (size_t i = begin; i < label.size; i++) {
    if (hex ? hex_value(label.data[i]) < 0 : !is_digit(label.data[i])) {
      return false;
    }
  }
  return true;
}

static bool is_ipv6_group(struct gcn__span group) {
  if (group.size == 0 || group.size > 4) return false;
  for (size_t i = 0; i < group.size; i++) {
    if (hex_value(group.data[i]) < 0) return false;
  }
  return true;
}

/* RFC 4291 §2.2: eight groups, or fewer and one "::"; a dotted quad may stand
 * for the last two. */
static bool is_ipv6(struct gcn__span rest) {
  size_t group_count = 0;
  bool squeezed = gcn__span_starts(rest, "::");
  if (squeezed) rest = gcn__span_skip(rest, 2);
  while (rest.size > 0) {
    size_t size = find(rest, ':');
    bool last = size == rest.size;
    bool quad = last && is_ipv4(rest);
    if (!quad && !is_ipv6_group(front(rest, size))) return false;
    group_count += quad ? 2 : 1;
    if (last) break;
    rest = gcn__span_skip(rest, size + 1);
    if (rest.size == 0) return false;
    if (rest.data[0] != ':') continue;
    if (squeezed) return false;
    squeezed = true;
    rest = gcn__span_skip(rest, 1);
  }
  return squeezed ? group_count < IPV6_GROUP_COUNT
                  : group_count == IPV6_GROUP_COUNT;
}

static const char* check_ipv6(struct gcn__span host) {
  if (find(host, '%') < host.size) return "has an IPv6 zone";
  return is_ipv6(host) ? NULL : "has a malformed IPv6 address";
}

/* A label that begins with "xn--" and ends in a hyphen is Punycode for plain
 * ASCII, which some parsers decode; the rule on hyphens covers it. */
static const char* check_label(struct gcn__span label) {
  if (label.size == 0) return "has an empty label in its host";
  if (label.size > LABEL_SIZE_MAX) return "has a label over 63 bytes";
  for (size_t i = 0; i < label.size; i++) {
    char c = label.data[i];
    if (!is_alnum(c) && c != '-' && c != '_') {
      return "has a byte that no host name may hold";
    }
  }
  if (label.data[0] == '-' || label.data[label.size - 1] == '-') {
    return "has a label that begins or ends with a hyphen";
  }
  return NULL;
}

static const char* check_name(struct gcn__span host) {
  if (host.data[host.size - 1] == '.') return "has a trailing dot in its host";
  struct gcn__span rest = host;
  struct gcn__span label;
  for (;;) {
    size_t size = find(rest, '.');
    label = front(rest, size);
    const char* problem = check_label(label);
    if (problem != NULL) return problem;
    if (size == rest.size) break;
    rest = gcn__span_skip(rest, size + 1);
  }
  if (is_number(label) && !is_ipv4(host)) {
    return "has an IPv4 address that is not a dotted quad";
  }
  return NULL;
}

const char* gcn__host_check(struct gcn__span host) {
  if (host.size == 0) return "has an empty host";
  if (host.size > GCN__HOST_SIZE_MAX) return "has a host over 253 bytes";
  return find(host, ':') < host.size ? check_ipv6(host) : check_name(host);
}

static const char* check_bytes(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (byte <= ' ' || byte == 0x7f) {
      return "has white space or control bytes";
    }
    if (byte > 0x7f) return "has non-ASCII bytes";
    if (byte == '\\') return "has a backslash";
    if (byte == '#') return "has a fragment";
  }
  return NULL;
}

struct scheme {
  const char* prefix;
  enum gcn__scheme scheme;
};

static const struct scheme schemes[] = {
    {"http://", GCN__SCHEME_HTTP},
    {"https://", GCN__SCHEME_HTTPS},
    {"ws://", GCN__SCHEME_WS},
    {"wss://", GCN__SCHEME_WSS},
};

static uint16_t default_port(enum gcn__scheme scheme) {
  return scheme == GCN__SCHEME_HTTPS || scheme == GCN__SCHEME_WSS ? 443 : 80;
}

/* Takes the scheme and "://" off the front of `text`. */
static bool take_scheme(struct gcn__url* url, struct gcn__span* text) {
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    struct gcn__span prefix = gcn__span_str(schemes[i].prefix);
    if (text->size < prefix.size) continue;
    if (!gcn__span_iequal(front(*text, prefix.size), prefix)) continue;
    url->scheme = schemes[i].scheme;
    url->port = default_port(url->scheme);
    *text = gcn__span_skip(*text, prefix.size);
    return true;
  }
  return false;
}

/* `text` is what follows the host: nothing, or a colon and the port. */
static const char* parse_port(struct gcn__url* url, struct gcn__span text) {
  if (text.size == 0) return NULL;
  if (text.data[0] != ':') return "has text after its IPv6 address";
  text = gcn__span_skip(text, 1);
  if (text.size == 0) return "has an empty port";
  uint32_t port = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (!is_digit(text.data[i])) return "has a port that is not a number";
    if (i < PORT_DIGIT_COUNT_MAX) {
      port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
  }
  if (text.data[0] == '0' && text.size > 1) {
    return "has a port with leading zeros";
  }
  if (text.size > PORT_DIGIT_COUNT_MAX || port == 0 || port > UINT16_MAX) {
    return "has a port that is out of range";
  }
  url->port = (uint16_t)port;
  return NULL;
}

static void set_host(struct gcn__url* url, struct gcn__span host) {
  for (size_t i = 0; i < host.size; i++) {
    url->host[i] = gcn__ascii_lower(host.data[i]);
  }
  url->host[host.size] = '\0';
  url->ip_literal = find(host, ':') < host.size || is_ipv4(host);
}

static const char* parse_bracketed(struct gcn__url* url,
                                   struct gcn__span authority) {
  size_t end = find(authority, ']');
  if (end == authority.size) return "has an unclosed bracket";
  struct gcn__span host = gcn__span(authority.data + 1, end - 1);
  if (find(host, ':') == host.size) return "has a malformed IPv6 address";
  const char* problem = gcn__host_check(host);
  if (problem != NULL) return problem;
  set_host(url, host);
  return parse_port(url, gcn__span_skip(authority, end + 1));
}

static const char* parse_authority(struct gcn__url* url,
                                   struct gcn__span authority) {
  if (find(authority, '@') < authority.size) return "has user info";
  if (authority.size > 0 && authority.data[0] == '[') {
    return parse_bracketed(url, authority);
  }
  size_t colon = find(authority, ':');
  struct gcn__span host = front(authority, colon);
  const char* problem = gcn__host_check(host);
  if (problem != NULL) return problem;
  set_host(url, host);
  return parse_port(url, gcn__span_skip(authority, colon));
}

static size_t authority_size(struct gcn__span text) {
  size_t slash = find(text, '/');
  size_t question = find(text, '?');
  return slash < question ? slash : question;
}

const char* gcn__url_parse(struct gcn__url* url, struct gcn__span text) {
  if (text.size == 0) return "is empty";
  if (text.size > GCN__URL_SIZE_MAX) return "is over 8192 bytes";
  const char* problem = check_bytes(text);
  if (problem != NULL) return problem;
  if (!take_scheme(url, &text)) return "has no scheme that we know";
  size_t size = authority_size(text);
  problem = parse_authority(url, front(text, size));
  if (problem != NULL) return problem;
  url->target = gcn__span_skip(text, size);
  if (url->target.size == 0) url->target = GCN__SPAN("/");
  return NULL;
}

bool gcn__url_secure(const struct gcn__url* url) {
  return url->scheme == GCN__SCHEME_HTTPS || url->scheme == GCN__SCHEME_WSS;
}

void gcn__url_authority(const struct gcn__url* url,
                        char out[GCN__AUTHORITY_SIZE_MAX]) {
  bool bracketed = strchr(url->host, ':') != NULL;
  const char* open = bracketed ? "[" : "";
  const char* shut = bracketed ? "]" : "";
  char port[sizeof ":65535"] = "";
  if (url->port != default_port(url->scheme)) {
    snprintf(port, sizeof port, ":%u", (unsigned)url->port);
  }
  snprintf(out, GCN__AUTHORITY_SIZE_MAX, "%s%s%s%s", open, url->host, shut,
           port);
}

bool gcn__host_within(const char* host, const char* domain) {
  size_t host_size = strlen(host);
  size_t domain_size = strlen(domain);
  if (domain_size == 0 || host_size < domain_size) return false;
  const char* tail = host + (host_size - domain_size);
  if (memcmp(tail, domain, domain_size) != 0) return false;
  return tail == host || tail[-1] == '.';
}

static bool is_unreserved(char c) {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int gcn__percent_encode(struct gcn__buf* out, struct gcn__span text) {
  static const char digits[] = "0123456789ABCDEF";
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++) {
    size += is_unreserved(text.data[i]) ? 1 : 3;
  }
  if (size == 0) return 0;
  char* to;
  int error = gcn__codec_reserve(out, size, &to);
  if (error != 0) return error;
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (is_unreserved(text.data[i])) {
      *to++ = text.data[i];
      continue;
    }
    *to++ = '%';
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
  }
  gcn__buf_commit(out, size);
  return 0;
}

/* The size of the decoded text, or SIZE_MAX if an escape is broken. */
static size_t decoded_size(struct gcn__span text) {
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++, size++) {
    if (text.data[i] != '%') continue;
    if (text.size - i < 3) return SIZE_MAX;
    if (hex_value(text.data[i + 1]) < 0) return SIZE_MAX;
    if (hex_value(text.data[i + 2]) < 0) return SIZE_MAX;
    i += 2;
  }
  return size;
}

int gcn__percent_decode(struct gcn__buf* out, struct gcn__span text,
                        bool form) {
  size_t size = decoded_size(text);
  if (size == SIZE_MAX) return GCN__EINVAL;
  if (size == 0) return 0;
  char* to;
  int error = gcn__codec_reserve(out, size, &to);
  if (error != 0) return error;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '%') {
      int high = hex_value(text.data[i + 1]);
      c = (char)(high << 4 | hex_value(text.data[i + 2]));
      i += 2;
    } else if (c == '+' && form) {
      c = ' ';
    }
    *to++ = c;
  }
  gcn__buf_commit(out, size);
  return 0;
}
