/* SPDX-License-Identifier: MIT */
/*
 * Does this certificate name that host?
 *
 * 1. A subjectAltName is required; the common name is never looked at.
 * 2. An address literal matches iPAddress entries only.
 * 3. A name matches dNSName entries only: equal but for case, or by a wildcard
 *    that is the whole leftmost label and has two labels to its right.
 * 4. No issuer's nameConstraints speak against it.
 *
 * And if not: what is there to tell the user?
 */
#include "codec/tls-verify.h"

#include "codec/tls-constraints.h"
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

static void print_name(const mbedtls_x509_name* name,
                       char to[GCN__TLS_NAME_SIZE]) {
  char text[256];
  /* A name that does not fit is an error to Mbed TLS and no name to us. */
  int size = mbedtls_x509_dn_gets(text, sizeof(text), name);
  if (size < 0) size = 0;
  gcn__tls_text_clean(to, GCN__TLS_NAME_SIZE, gcn__span(text, (size_t)size));
}

static bool is_issuer(const mbedtls_x509_crt* candidate,
                      const mbedtls_x509_crt* certificate) {
  return gcn__span_equal(
      gcn__span(candidate->subject_raw.p, candidate->subject_raw.len),
      gcn__span(certificate->issuer_raw.p, certificate->issuer_raw.len));
}

/* In the order in which Mbed TLS passes over an issuer of the right name. */
static enum gcn__tls_distrust distrust_of(const mbedtls_x509_crt* issuer,
                                          int depth) {
  if (mbedtls_x509_crt_get_ca_istrue(issuer) != 1) {
    return GCN__TLS_ISSUER_NO_CA;
  }
  if (mbedtls_x509_crt_check_key_usage(issuer, MBEDTLS_X509_KU_KEY_CERT_SIGN) !=
      0) {
    return GCN__TLS_ISSUER_NO_SIGNER;
  }
  /* Mbed TLS's number is one more than the certificate's; 0: any. */
  int path_length = issuer->MBEDTLS_PRIVATE(max_pathlen);
  return path_length > 0 && path_length < 1 + depth ? GCN__TLS_ISSUER_TOO_HIGH
                                                    : GCN__TLS_ISSUER_OTHER_KEY;
}

/* For one that has the right name and was passed over. */
static void look_among(struct gcn__tls_verify* verify,
                       const mbedtls_x509_crt* candidates) {
  const mbedtls_x509_crt* at = candidates;
  for (; at != NULL; at = at->next) {
    bool usable = at != verify->distrusted && at->raw.p != NULL;
    if (!usable || !is_issuer(at, verify->distrusted)) continue;
    verify->distrust = distrust_of(at, verify->distrusted_depth);
    return;
  }
}

static void explain_distrust(struct gcn__tls_verify* verify,
                             const mbedtls_x509_crt* leaf) {
  const mbedtls_x509_crt* certificate = verify->distrusted;
  if (certificate == NULL || certificate->raw.p == NULL) return;
  print_name(&certificate->issuer, verify->issuer);
  verify->distrust = GCN__TLS_ISSUER_UNKNOWN;
  look_among(verify, verify->anchors);
  if (verify->distrust != GCN__TLS_ISSUER_UNKNOWN) return;
  look_among(verify, leaf->next);
  if (verify->distrust != GCN__TLS_ISSUER_UNKNOWN) return;
  if (is_issuer(certificate, certificate)) {
    verify->distrust = GCN__TLS_ISSUER_ITSELF;
  }
}

static void note_date(struct gcn__tls_verify* verify,
                      const mbedtls_x509_crt* certificate, int depth,
                      const mbedtls_x509_time* date) {
  verify->date = *date;
  verify->dated[0] = '\0';
  if (depth > 0) print_name(&certificate->subject, verify->dated);
}

static void note_key(struct gcn__tls_verify* verify,
                     const mbedtls_x509_crt* certificate) {
  if (!mbedtls_pk_can_do(&certificate->pk, MBEDTLS_PK_RSA)) return;
  size_t bits = mbedtls_pk_get_bitlen(&certificate->pk);
  if (verify->rsa_bits == 0 || bits < verify->rsa_bits) verify->rsa_bits = bits;
}

/* What the text of a refusal says about one certificate of the chain. */
static void note_facts(struct gcn__tls_verify* verify,
                       const mbedtls_x509_crt* certificate, int depth,
                       uint32_t flags) {
  note_key(verify, certificate);
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
    verify->distrusted = certificate;
    verify->distrusted_depth = depth;
  }
  if ((flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
    note_date(verify, certificate, depth, &certificate->valid_from);
  }
  if ((flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) {
    note_date(verify, certificate, depth, &certificate->valid_to);
  }
}

static void check_leaf(struct gcn__tls_verify* verify,
                       const mbedtls_x509_crt* leaf, uint32_t* flags) {
  verify->seen = true;
  verify->unreadable = leaf->raw.p == NULL;
  check_names(verify, leaf);
  if (!verify->matched) *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  verify->constrained = !gcn__tls_constraints_allow(verify, leaf);
  if (verify->constrained) *flags |= MBEDTLS_X509_BADCERT_OTHER;
}

int gcn__tls_verify_certificate(void* ctx, mbedtls_x509_crt* certificate,
                                int depth, uint32_t* flags) {
  struct gcn__tls_verify* verify = ctx;
  if (depth > 0) gcn__tls_constraints_note(verify, certificate);
  if (depth == 0) check_leaf(verify, certificate, flags);
  note_facts(verify, certificate, depth, *flags);
  if (depth == 0) explain_distrust(verify, certificate);
  verify->flags |= *flags;
  return 0;
}
