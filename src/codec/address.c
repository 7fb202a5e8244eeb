/* SPDX-License-Identifier: MIT */
/*
 * The address reader.  gcn__host_check has refused everything malformed before
 * a digit is read, so what is left is one well-formed literal or a name.
 */
#include "codec/address.h"

#include "base/assert.h"
#include "codec/url.h"

enum { GROUP_SIZE = 2 };

static size_t find(struct gcn__span text, char c) {
  const char* at = memchr(text.data, c, text.size);
  return at == NULL ? text.size : (size_t)(at - text.data);
}

static unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  return (unsigned)(gcn__ascii_lower(c) - 'a') + 10;
}

static unsigned number(struct gcn__span digits, unsigned base) {
  unsigned value = 0;
  for (size_t i = 0; i < digits.size; i++)
    value = value * base + digit_value(digits.data[i]);
  return value;
}

/* A checked host whose bytes are all digits and dots is a dotted quad. */
static bool is_quad(struct gcn__span host) {
  for (size_t i = 0; i < host.size; i++) {
    char c = host.data[i];
    if (c != '.' && (c < '0' || c > '9')) return false;
  }
  return true;
}

static void read_quad(struct gcn__span quad, unsigned char* out) {
  for (size_t i = 0; i < GCN__IPV4_SIZE; i++) {
    size_t size = find(quad, '.');
    out[i] = (unsigned char)number(gcn__span(quad.data, size), 10);
    if (size < quad.size) quad = gcn__span_skip(quad, size + 1);
  }
}

/* One group or the dotted quad at the end.  How many bytes it stands for. */
static size_t read_group(struct gcn__span group, unsigned char* out) {
  if (find(group, '.') < group.size) {
    read_quad(group, out);
    return GCN__IPV4_SIZE;
  }
  unsigned value = number(group, 16);
  out[0] = (unsigned char)(value >> 8);
  out[1] = (unsigned char)(value & 0xff);
  return GROUP_SIZE;
}

/* What stands behind "::" moves to the end. */
static void read_ipv6(struct gcn__span rest,
                      unsigned char out[GCN__IPV6_SIZE]) {
  unsigned char bytes[GCN__IPV6_SIZE] = {0};
  size_t count = 0;
  size_t head = GCN__IPV6_SIZE;
  while (rest.size > 0) {
    if (gcn__span_starts(rest, "::")) {
      head = count;
      rest = gcn__span_skip(rest, 2);
      continue;
    }
    if (rest.data[0] == ':') rest = gcn__span_skip(rest, 1);
    size_t size = find(rest, ':');
    count += read_group(gcn__span(rest.data, size), bytes + count);
    rest = gcn__span_skip(rest, size);
  }
  GCN__ASSERT(head <= count && count <= GCN__IPV6_SIZE);
  size_t tail = count - head;
  memset(out, 0, GCN__IPV6_SIZE);
  memcpy(out, bytes, head);
  memcpy(out + GCN__IPV6_SIZE - tail, bytes + head, tail);
}

size_t gcn__address_parse(struct gcn__span text,
                          unsigned char out[GCN__IPV6_SIZE]) {
  if (gcn__host_check(text) != NULL) return 0;
  if (find(text, ':') < text.size) {
    read_ipv6(text, out);
    return GCN__IPV6_SIZE;
  }
  if (!is_quad(text)) return 0;
  read_quad(text, out);
  return GCN__IPV4_SIZE;
}
