/* SPDX-License-Identifier: MIT */
/*
 * Reads nameConstraints and compares names with them.
 *
 * It knows DER as far as this extension needs it.  What is malformed counts as
 * a name that is not allowed, and so does a constraint that there is no room
 * for: an error here only ever refuses.
 */
#include "codec/tls-constraints.h"

#include <mbedtls/oid.h>

enum {
  TAG_SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
  TAG_PERMITTED = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0,
  TAG_EXCLUDED = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 1,
  NAME_TYPE_MAX = 8, /* of the kinds of a GeneralName */
  /* Those that are structures: otherName, x400Address, directoryName,
   * ediPartyName. */
  NAME_TYPES_CONSTRUCTED = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 5,
  V4_RANGE_SIZE = 8, /* an address and a mask behind it */
  V6_RANGE_SIZE = 32,
};

/* One name, of a kind that can be constrained. */
struct name {
  int type; /* MBEDTLS_X509_SAN_DNS_NAME or ..._IP_ADDRESS */
  struct gcn__span value;
};

enum match {
  MATCH_SILENT, /* the list says nothing about names of this kind */
  MATCH_NONE,
  MATCH_FOUND,
  MATCH_MALFORMED,
};

/* Takes the next value from the front.  1: `item` is it; 0: there is none;
 * -1: malformed. */
static int take(mbedtls_asn1_buf* from, mbedtls_asn1_buf* item) {
  if (from->len == 0) return 0;
  unsigned char* at = from->p;
  const unsigned char* end = from->p + from->len;
  item->tag = *at++;
  if (mbedtls_asn1_get_len(&at, end, &item->len) != 0) return -1;
  item->p = at;
  from->p = at + item->len;
  from->len = (size_t)(end - from->p);
  return 1;
}

static bool take_tagged(mbedtls_asn1_buf* from, int tag,
                        mbedtls_asn1_buf* item) {
  return take(from, item) == 1 && item->tag == tag;
}

static struct gcn__span span_of(const mbedtls_asn1_buf* value) {
  return gcn__span(value->p, value->len);
}

static bool take_last(mbedtls_asn1_buf* from, int tag, mbedtls_asn1_buf* item) {
  return take_tagged(from, tag, item) && from->len == 0;
}

/* 1: `value` is what this extension holds, if it is the wanted one; 0: it is
 * another one; -1: malformed. */
static int open_extension(mbedtls_asn1_buf extension, mbedtls_asn1_buf* value) {
  mbedtls_asn1_buf item;
  if (!take_tagged(&extension, MBEDTLS_ASN1_OID, &item)) return -1;
  struct gcn__span wanted = GCN__SPAN(MBEDTLS_OID_NAME_CONSTRAINTS);
  if (!gcn__span_equal(span_of(&item), wanted)) return 0;
  if (take(&extension, &item) != 1) return -1;
  if (item.tag == MBEDTLS_ASN1_BOOLEAN && take(&extension, &item) != 1) {
    return -1;
  }
  if (item.tag != MBEDTLS_ASN1_OCTET_STRING || extension.len != 0) return -1;
  return take_last(&item, TAG_SEQUENCE, value) ? 1 : -1;
}

/* As open_extension, of all of them: there may be one (RFC 5280 §4.2). */
static int find(const mbedtls_x509_crt* issuer, mbedtls_asn1_buf* value) {
  mbedtls_asn1_buf rest = issuer->v3_ext;
  mbedtls_asn1_buf all;
  if (rest.len == 0) return 0;
  if (!take_last(&rest, TAG_SEQUENCE, &all)) return -1;
  mbedtls_asn1_buf extension;
  int found = 0;
  int taken;
  while ((taken = take(&all, &extension)) != 0) {
    if (taken < 0 || extension.tag != TAG_SEQUENCE) return -1;
    int opened = open_extension(extension, value);
    if (opened < 0 || (opened > 0 && found > 0)) return -1;
    found += opened;
  }
  return found;
}

void gcn__tls_constraints_note(struct gcn__tls_verify* verify,
                               const mbedtls_x509_crt* issuer) {
  mbedtls_asn1_buf value;
  int found = find(issuer, &value);
  if (found == 0) return;
  if (found < 0 || verify->constraint_count == GCN__TLS_CONSTRAINT_COUNT_MAX) {
    verify->constrained = true;
    return;
  }
  verify->constraints[verify->constraint_count++] = value;
}

/* "a.test" is that name and all below it, ".a.test" only those below it, and
 * "" is every name. */
static bool is_below(struct gcn__span name, struct gcn__span base) {
  if (base.size == 0) return true;
  if (name.size < base.size) return false;
  size_t before = name.size - base.size;
  if (!gcn__span_iequal(gcn__span_skip(name, before), base)) return false;
  if (base.data[0] == '.') return before > 0;
  return before == 0 || name.data[before - 1] == '.';
}

static enum match match_address(struct gcn__span address,
                                struct gcn__span base) {
  if (base.size != 2 * address.size) return MATCH_NONE;
  for (size_t i = 0; i < address.size; i++) {
    int differs = (address.data[i] ^ base.data[i]) & 0xff;
    if ((differs & base.data[address.size + i]) != 0) return MATCH_NONE;
  }
  return MATCH_FOUND;
}

static enum match match_one(const struct name* name, struct gcn__span base) {
  if (name->type == MBEDTLS_X509_SAN_IP_ADDRESS) {
    return match_address(name->value, base);
  }
  return is_below(name->value, base) ? MATCH_FOUND : MATCH_NONE;
}

/* Whether it is a GeneralName at all, of whatever kind. */
static bool is_name(const mbedtls_asn1_buf* base) {
  int type = base->tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
  int tag_class = base->tag & MBEDTLS_ASN1_TAG_CLASS_MASK;
  bool constructed = (base->tag & MBEDTLS_ASN1_CONSTRUCTED) != 0;
  if (tag_class != MBEDTLS_ASN1_CONTEXT_SPECIFIC) return false;
  if (type > NAME_TYPE_MAX) return false;
  if (constructed != ((NAME_TYPES_CONSTRUCTED >> type & 1) != 0)) return false;
  if (type != MBEDTLS_X509_SAN_IP_ADDRESS) return true;
  return base->len == V4_RANGE_SIZE || base->len == V6_RANGE_SIZE;
}

/* The base of a GeneralSubtree; its distances are not used in the Internet's
 * profile and not looked at.  Goes on after a hit: what follows may be
 * malformed. */
static enum match match_any(mbedtls_asn1_buf subtrees,
                            const struct name* name) {
  enum match match = MATCH_SILENT;
  mbedtls_asn1_buf subtree;
  int taken;
  while ((taken = take(&subtrees, &subtree)) != 0) {
    mbedtls_asn1_buf base;
    if (taken < 0 || subtree.tag != TAG_SEQUENCE) return MATCH_MALFORMED;
    if (take(&subtree, &base) != 1 || !is_name(&base)) return MATCH_MALFORMED;
    if (base.tag != (MBEDTLS_ASN1_CONTEXT_SPECIFIC | name->type)) continue;
    if (match != MATCH_FOUND) match = match_one(name, span_of(&base));
  }
  return match;
}

static bool allows(mbedtls_asn1_buf constraints, const struct name* name) {
  mbedtls_asn1_buf list;
  int taken;
  while ((taken = take(&constraints, &list)) != 0) {
    if (taken < 0) return false;
    if (list.tag != TAG_PERMITTED && list.tag != TAG_EXCLUDED) return false;
    enum match match = match_any(list, name);
    if (match == MATCH_MALFORMED) return false;
    if (list.tag == TAG_PERMITTED && match == MATCH_NONE) return false;
    if (list.tag == TAG_EXCLUDED && match == MATCH_FOUND) return false;
  }
  return true;
}

static bool all_allow(const struct gcn__tls_verify* verify,
                      const struct name* name) {
  for (size_t i = 0; i < verify->constraint_count; i++) {
    if (!allows(verify->constraints[i], name)) return false;
  }
  return true;
}

/* The host as well: a wildcard may be allowed where what it stands for is
 * not. */
bool gcn__tls_constraints_allow(const struct gcn__tls_verify* verify,
                                const mbedtls_x509_crt* leaf) {
  if (verify->constrained) return false;
  bool named = verify->ip_size == 0;
  const struct name host = {
      .type = named ? MBEDTLS_X509_SAN_DNS_NAME : MBEDTLS_X509_SAN_IP_ADDRESS,
      .value = named ? gcn__span_str(verify->host)
                     : gcn__span(verify->ip, verify->ip_size),
  };
  if (!all_allow(verify, &host)) return false;
  const mbedtls_x509_sequence* at = &leaf->subject_alt_names;
  for (; at != NULL; at = at->next) {
    int type = at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
    bool counts = type == MBEDTLS_X509_SAN_DNS_NAME ||
                  type == MBEDTLS_X509_SAN_IP_ADDRESS;
    const struct name name = {type, gcn__span(at->buf.p, at->buf.len)};
    if (counts && !all_allow(verify, &name)) return false;
  }
  return true;
}

bool gcn__tls_constraints_critical(struct gcn__span message) {
  /* The identifier, and TRUE behind it. */
  struct gcn__span critical =
      GCN__SPAN("\x06\x03" MBEDTLS_OID_NAME_CONSTRAINTS "\x01\x01\xff");
  for (; message.size >= critical.size; message = gcn__span_skip(message, 1)) {
    if (memcmp(message.data, critical.data, critical.size) == 0) return true;
  }
  return false;
}
