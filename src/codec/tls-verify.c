/* SPDX-License-Identifier: MIT */
/*
 * Does this certificate name that host?
 *
 * 1. A subjectAltName is required; the common name is never looked at.
 * 2. An address literal matches iPAddress entries only.
 * 3. A name matches dNSName entries only: equal but for case, or by a wildcard
 *    that is the whole leftmost label and has two labels to its right.
 */
#include "codec/tls-verify.h"

#include "codec/tls-text.h"

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>

/* "127.1" and "0x7f.1" are addresses to some resolvers, so a name whose last
 * label is a number proves nothing. */
static bool is_number(struct gcn__span label) {
  if (gcn__span_starts(label, "0x")) return true;
  for (size_t i = 0; i < label.size; i++) {
    if (label.data[i] < '0' || label.data[i] > '9') return false;
  }
  return true;
}

static const char* name_problem(struct gcn__span host) {
  size_t label = 0;
  for (size_t i = 0; i < host.size; i++) {
    char c = host.data[i];
    if (c <= ' ' || c > '~' || c == '*') return "has a byte no host name has";
    if (c != '.') continue;
    if (i == label) return "has an empty label";
    label = i + 1;
  }
  if (label == host.size) return "ends in a dot";
  bool number = is_number(gcn__span_skip(host, label));
  return number ? "looks like an address but is none" : NULL;
}

static struct gcn__span without_brackets(const char* host) {
  struct gcn__span name = gcn__span_str(host);
  bool bracketed =
      name.size > 2 && name.data[0] == '[' && name.data[name.size - 1] == ']';
  return bracketed ? gcn__span(name.data + 1, name.size - 2) : name;
}

const char* gcn__tls_verify_init(struct gcn__tls_verify* verify,
                                 const char* host) {
  *verify = (struct gcn__tls_verify){.ip_size = 0};
  struct gcn__span name = without_brackets(host);
  if (name.size == 0) return "is empty";
  if (name.size >= GCN__TLS_HOST_SIZE) return "is over 253 bytes";
  memcpy(verify->host, name.data, name.size);
  uint32_t address[4] = {0};
  verify->ip_size = mbedtls_x509_crt_parse_cn_inet_pton(verify->host, address);
  if (verify->ip_size > 0) {
    memcpy(verify->ip, address, sizeof(address));
    return NULL;
  }
  return name_problem(name);
}

/* `tail` is what a wildcard pattern has behind its star: ".a.b" at least. */
static bool has_two_labels(struct gcn__span tail) {
  size_t labels = 0;
  for (size_t i = 0; i < tail.size; i++) {
    if (tail.data[i] != '.') continue;
    if (i + 1 == tail.size || tail.data[i + 1] == '.') return false;
    labels++;
  }
  return labels >= 2;
}

bool gcn__tls_name_matches(struct gcn__span pattern, struct gcn__span host) {
  if (!gcn__span_starts(pattern, "*.")) {
    return host.size > 0 && gcn__span_iequal(pattern, host);
  }
  struct gcn__span tail = gcn__span_skip(pattern, 1);
  if (!has_two_labels(tail)) return false;
  const char* dot = memchr(host.data, '.', host.size);
  if (dot == NULL || dot == host.data) return false;
  size_t label_size = (size_t)(dot - host.data);
  return gcn__span_iequal(tail, gcn__span_skip(host, label_size));
}

static bool entry_matches(const struct gcn__tls_verify* verify, int type,
                          struct gcn__span entry) {
  if (verify->ip_size > 0) {
    return type == MBEDTLS_X509_SAN_IP_ADDRESS &&
           gcn__span_equal(entry, gcn__span(verify->ip, verify->ip_size));
  }
  return type == MBEDTLS_X509_SAN_DNS_NAME &&
         gcn__tls_name_matches(entry, gcn__span_str(verify->host));
}

static void check_names(struct gcn__tls_verify* verify,
                        const mbedtls_x509_crt* leaf) {
  verify->has_san =
      mbedtls_x509_crt_has_ext_type(leaf, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME);
  if (!verify->has_san) return;
  const mbedtls_x509_sequence* at = &leaf->subject_alt_names;
  for (; at != NULL; at = at->next) {
    int type = at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
    struct gcn__span entry = gcn__span(at->buf.p, at->buf.len);
    if (entry_matches(verify, type, entry)) verify->matched = true;
    if (type == MBEDTLS_X509_SAN_DNS_NAME && verify->san_name[0] == '\0') {
      gcn__tls_text_clean(verify->san_name, sizeof(verify->san_name), entry);
    }
  }
}

static void note_issuer(struct gcn__tls_verify* verify,
                        const mbedtls_x509_crt* certificate) {
  char name[256];
  /* A name that does not fit is an error to Mbed TLS and no name to us. */
  int size = mbedtls_x509_dn_gets(name, sizeof(name), &certificate->issuer);
  if (size < 0) size = 0;
  gcn__tls_text_clean(verify->issuer, sizeof(verify->issuer),
                      gcn__span(name, (size_t)size));
  struct gcn__span subject =
      gcn__span(certificate->subject_raw.p, certificate->subject_raw.len);
  struct gcn__span issuer =
      gcn__span(certificate->issuer_raw.p, certificate->issuer_raw.len);
  verify->self_issued = gcn__span_equal(subject, issuer);
}

int gcn__tls_verify_certificate(void* ctx, mbedtls_x509_crt* certificate,
                                int depth, uint32_t* flags) {
  struct gcn__tls_verify* verify = ctx;
  if (depth == 0) {
    verify->seen = true;
    verify->unreadable = certificate->raw.p == NULL;
    check_names(verify, certificate);
    if (!verify->matched) *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  }
  if ((*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
    note_issuer(verify, certificate);
  }
  if ((*flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
    verify->date = certificate->valid_from;
  }
  if ((*flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) {
    verify->date = certificate->valid_to;
  }
  verify->flags |= *flags;
  return 0;
}
