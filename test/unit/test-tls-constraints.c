/* SPDX-License-Identifier: MIT */
/*
 * What nameConstraints allow (RFC 5280 §4.2.1.10), on extensions made by hand.
 */
#include "codec/tls-constraints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { BYTES_MAX = 512 };

/* Content, wrapped from the inside to the outside. */
struct der {
  unsigned char bytes[BYTES_MAX];
  size_t size;
};

static void wrap(struct der* der, unsigned char tag) {
  assert_true(der->size + 4 < BYTES_MAX);
  const size_t head = der->size < 128 ? 2 : 4;
  memmove(der->bytes + head, der->bytes, der->size);
  der->bytes[0] = tag;
  der->bytes[1] = head == 2 ? (unsigned char)der->size : 0x82;
  if (head == 4) {
    der->bytes[2] = (unsigned char)(der->size >> 8);
    der->bytes[3] = (unsigned char)der->size;
  }
  der->size += head;
}

static void append(struct der* to, const void* data, size_t size) {
  assert_true(to->size + size <= BYTES_MAX);
  memcpy(to->bytes + to->size, data, size);
  to->size += size;
}

/* One subtree: 'p'ermitted or 'e'xcluded, of 'd'ns names or 'i'p addresses, or
 * of another kind. */
struct subtree {
  char list;
  char kind;
  struct gcn__span base;
};

enum { SUBTREE_COUNT_MAX = 4 };

static void append_list(struct der* to, const struct subtree* subtrees,
                        char list) {
  struct der all = {.size = 0};
  for (size_t i = 0; i < SUBTREE_COUNT_MAX; i++) {
    if (subtrees[i].list != list) continue;
    struct der one = {.size = 0};
    append(&one, subtrees[i].base.data, subtrees[i].base.size);
    const char kind = subtrees[i].kind;
    wrap(&one, kind == 'd' ? 0x82 : kind == 'i' ? 0x87 : 0x81);
    wrap(&one, 0x30);
    append(&all, one.bytes, one.size);
  }
  if (all.size == 0) return;
  wrap(&all, list == 'p' ? 0xa0 : 0xa1);
  append(to, all.bytes, all.size);
}

/* The extensions of an issuer: another one, and this one behind it. */
static void make_extensions(struct der* der, const struct subtree* subtrees,
                            bool critical) {
  static const unsigned char other[] = {0x30, 0x09, 0x06, 0x03, 0x55, 0x1d,
                                        0x0f, 0x04, 0x02, 0x03, 0x00};
  struct der value = {.size = 0};
  append_list(&value, subtrees, 'p');
  append_list(&value, subtrees, 'e');
  wrap(&value, 0x30);
  wrap(&value, 0x04);
  struct der extension = {.size = 0};
  append(&extension, "\x06\x03\x55\x1d\x1e", 5);
  if (critical) append(&extension, "\x01\x01\xff", 3);
  append(&extension, value.bytes, value.size);
  wrap(&extension, 0x30);
  der->size = 0;
  append(der, other, sizeof(other));
  append(der, extension.bytes, extension.size);
  wrap(der, 0x30);
}

static void set_extensions(mbedtls_x509_crt* issuer, struct der* der) {
  mbedtls_x509_crt_init(issuer);
  issuer->v3_ext.p = der->bytes;
  issuer->v3_ext.len = der->size;
}

static bool allow(struct der* der, const char* host, int type,
                  struct gcn__span entry) {
  unsigned char copy[64];
  mbedtls_x509_crt issuer;
  mbedtls_x509_crt leaf;
  struct gcn__tls_verify verify;
  assert_null(gcn__tls_verify_init(&verify, host));
  set_extensions(&issuer, der);
  mbedtls_x509_crt_init(&leaf);
  assert_true(entry.size <= sizeof(copy));
  memcpy(copy, entry.data, entry.size);
  leaf.subject_alt_names.buf.tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | type;
  leaf.subject_alt_names.buf.p = copy;
  leaf.subject_alt_names.buf.len = entry.size;
  gcn__tls_constraints_note(&verify, &issuer);
  return gcn__tls_constraints_allow(&verify, &leaf);
}

static bool allow_name(const struct subtree* subtrees, const char* host,
                       const char* entry) {
  struct der der;
  make_extensions(&der, subtrees, false);
  const bool allowed =
      allow(&der, host, MBEDTLS_X509_SAN_DNS_NAME, gcn__span_str(entry));
  make_extensions(&der, subtrees, true);
  assert_int_equal(
      allow(&der, host, MBEDTLS_X509_SAN_DNS_NAME, gcn__span_str(entry)),
      allowed);
  return allowed;
}

#define SUBTREE(list, kind, base)                                              \
  {                                                                            \
    list, kind, {                                                              \
      "" base, sizeof(base) - 1                                                \
    }                                                                          \
  }

static void names_are_allowed_or_not(void** state) {
  (void)state;
  const struct {
    struct subtree subtrees[SUBTREE_COUNT_MAX];
    const char* host;
    const char* entry;
    bool allowed;
  } cases[] = {
      {{SUBTREE('p', 'd', "a.test")}, "a.test", "a.test", true},
      {{SUBTREE('p', 'd', "A.TEST")}, "x.a.test", "x.a.test", true},
      {{SUBTREE('p', 'd', "a.test")}, "ba.test", "ba.test", false},
      {{SUBTREE('p', 'd', "a.test")}, "test", "test", false},
      {{SUBTREE('p', 'd', ".a.test")}, "x.a.test", "x.a.test", true},
      {{SUBTREE('p', 'd', ".a.test")}, "a.test", "a.test", false},
      {{SUBTREE('p', 'd', "")}, "b.test", "b.test", true},
      {{SUBTREE('e', 'd', "")}, "b.test", "b.test", false},
      {{SUBTREE('e', 'd', "a.test")}, "b.test", "b.test", true},
      {{SUBTREE('e', 'd', "a.test")}, "x.a.test", "x.a.test", false},
      {{SUBTREE('p', 'd', "a.test"), SUBTREE('p', 'd', "b.test")},
       "x.a.test",
       "x.a.test",
       true},
      {{SUBTREE('e', 'd', "a.test"), SUBTREE('e', 'd', "b.test")},
       "x.a.test",
       "x.a.test",
       false},
      /* One of several is enough, and an exclusion beats it. */
      {{SUBTREE('p', 'd', "b.test"), SUBTREE('p', 'd', "a.test")},
       "x.a.test",
       "x.a.test",
       true},
      {{SUBTREE('p', 'd', "a.test"), SUBTREE('e', 'd', "x.a.test")},
       "x.a.test",
       "x.a.test",
       false},
      {{SUBTREE('p', 'd', "a.test"), SUBTREE('e', 'd', "x.a.test")},
       "y.a.test",
       "y.a.test",
       true},
      /* A wildcard, and what it stands for. */
      {{SUBTREE('p', 'd', "a.test")}, "x.a.test", "*.a.test", true},
      {{SUBTREE('e', 'd', "x.a.test")}, "x.a.test", "*.a.test", false},
      /* Every name in the leaf counts, not only the one we came for. */
      {{SUBTREE('p', 'd', "a.test")}, "a.test", "b.test", false},
      /* Other kinds of names say nothing about these. */
      {{SUBTREE('p', 'o', "x@b.test")}, "a.test", "a.test", true},
      {{SUBTREE('p', 'i', "\x7f\0\0\0\xff\0\0\0")}, "a.test", "a.test", true},
      {{SUBTREE('e', 'o', "")}, "a.test", "a.test", true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    if (allow_name(cases[i].subtrees, cases[i].host, cases[i].entry) !=
        cases[i].allowed) {
      fail_msg("case %zu: %s", i, cases[i].host);
    }
  }
}

static void addresses_are_allowed_or_not(void** state) {
  (void)state;
#define V6_MASK_64 "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0"
  const struct {
    struct subtree subtree;
    const char* host;
    bool allowed;
  } cases[] = {
      {SUBTREE('p', 'i', "\x7f\0\0\0\xff\0\0\0"), "127.0.0.1", true},
      {SUBTREE('p', 'i', "\x7e\0\0\0\xff\0\0\0"), "127.0.0.1", false},
      {SUBTREE('e', 'i', "\x7f\0\0\0\xff\0\0\0"), "127.0.0.1", false},
      {SUBTREE('p', 'i', "\x7f\0\0\x02\xff\xff\xff\xff"), "127.0.0.1", false},
      {SUBTREE('p', 'i', "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" V6_MASK_64), "::1",
       true},
      {SUBTREE('p', 'i', "\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" V6_MASK_64),
       "::1", false},
      /* The other family is not within it. */
      {SUBTREE('p', 'i', "\x7f\0\0\0\xff\0\0\0"), "::1", false},
      {SUBTREE('e', 'i', "\x7f\0\0\0\xff\0\0\0"), "::1", true},
      /* No address and mask. */
      {SUBTREE('p', 'i', "\x7f\0\0\0"), "127.0.0.1", false},
      {SUBTREE('e', 'i', "\x7f\0\0\0\xff\0\0"), "127.0.0.1", false},
      {SUBTREE('p', 'd', "a.test"), "127.0.0.1", true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    const struct subtree subtrees[SUBTREE_COUNT_MAX] = {cases[i].subtree};
    struct gcn__tls_verify verify;
    struct der der;
    make_extensions(&der, subtrees, false);
    assert_null(gcn__tls_verify_init(&verify, cases[i].host));
    const bool allowed = allow(&der, cases[i].host, MBEDTLS_X509_SAN_IP_ADDRESS,
                               gcn__span(verify.ip, verify.ip_size));
    if (allowed != cases[i].allowed) fail_msg("case %zu", i);
  }
}

static void no_constraints_allow_all(void** state) {
  (void)state;
  struct der none = {.size = 0};
  assert_true(
      allow(&none, "a.test", MBEDTLS_X509_SAN_DNS_NAME, GCN__SPAN("a.test")));
}

/* Cut, or with any byte changed: whatever it then says, it is read without
 * harm; and what is cut allows nothing. */
static void damage_allows_nothing(void** state) {
  (void)state;
  const struct subtree subtrees[SUBTREE_COUNT_MAX] = {
      SUBTREE('p', 'd', "a.test"), SUBTREE('e', 'i', "\x7f\0\0\0\xff\0\0\0")};
  struct der whole;
  make_extensions(&whole, subtrees, true);
  for (size_t size = 1; size < whole.size; size++) {
    struct der cut = whole;
    cut.size = size;
    assert_false(
        allow(&cut, "a.test", MBEDTLS_X509_SAN_DNS_NAME, GCN__SPAN("a.test")));
  }
  for (size_t at = 0; at < whole.size; at++) {
    for (int bit = 0; bit < 8; bit++) {
      struct der bent = whole;
      bent.bytes[at] = (unsigned char)(bent.bytes[at] ^ (1 << bit));
      (void)allow(&bent, "a.test", MBEDTLS_X509_SAN_DNS_NAME,
                  GCN__SPAN("a.test"));
    }
  }
}

/* A subtree, a list of one, and the extensions that hold the list alone. */
static void make_raw(struct der* der, unsigned char list, unsigned char subtree,
                     unsigned char base, struct gcn__span name) {
  struct der extension = {.size = 0};
  struct der value = {.size = 0};
  append(&value, name.data, name.size);
  wrap(&value, base);
  wrap(&value, subtree);
  wrap(&value, list);
  wrap(&value, 0x30);
  wrap(&value, 0x04);
  append(&extension, "\x06\x03\x55\x1d\x1e", 5);
  append(&extension, value.bytes, value.size);
  wrap(&extension, 0x30);
  *der = extension;
}

static bool allow_dns(struct der* der) {
  return allow(der, "a.test", MBEDTLS_X509_SAN_DNS_NAME, GCN__SPAN("a.test"));
}

static bool allow_raw(unsigned char list, unsigned char subtree,
                      unsigned char base) {
  struct der der;
  make_raw(&der, list, subtree, base, GCN__SPAN("b.test"));
  wrap(&der, 0x30);
  return allow_dns(&der);
}

/* Every tag that may stand before the base of an exclusion of another name. */
static void only_names_are_bases(void** state) {
  (void)state;
  for (unsigned tag = 0; tag < 256; tag++) {
    const bool is_structure =
        tag == 0xa0 || tag == 0xa3 || tag == 0xa4 || tag == 0xa5;
    const bool is_text =
        tag == 0x81 || tag == 0x82 || tag == 0x86 || tag == 0x88;
    if (allow_raw(0xa1, 0x30, (unsigned char)tag) !=
        (is_structure || is_text)) {
      fail_msg("tag 0x%02x", tag);
    }
  }
}

static void only_two_lists_are_known(void** state) {
  (void)state;
  for (unsigned tag = 0; tag < 256; tag++) {
    /* An e-mail address: neither list says anything about ours. */
    if (allow_raw((unsigned char)tag, 0x30, 0x81) !=
        (tag == 0xa0 || tag == 0xa1)) {
      fail_msg("list 0x%02x", tag);
    }
    if (allow_raw(0xa0, (unsigned char)tag, 0x81) != (tag == 0x30)) {
      fail_msg("subtree 0x%02x", tag);
    }
  }
}

/* RFC 5280 §4.2: of each extension one.  The second counts for nothing, and
 * neither does the first then. */
static void a_second_extension_allows_nothing(void** state) {
  (void)state;
  struct der one;
  make_raw(&one, 0xa0, 0x30, 0x82, GCN__SPAN("a.test"));
  struct der all = one;
  wrap(&all, 0x30);
  assert_true(allow_dns(&all));
  all = one;
  append(&all, one.bytes, one.size);
  wrap(&all, 0x30);
  assert_false(allow_dns(&all));
  /* Damage behind it is seen, too. */
  all = one;
  append(&all, "\x30\x02\x05\x00", 4);
  wrap(&all, 0x30);
  assert_false(allow_dns(&all));
}

/* What follows a hit is read as well. */
static void damage_behind_a_hit_allows_nothing(void** state) {
  (void)state;
  const struct subtree good[SUBTREE_COUNT_MAX] = {
      SUBTREE('p', 'd', "a.test"), SUBTREE('p', 'i', "\x7f\0\0\0\xff\0\0\0")};
  const struct subtree bad[SUBTREE_COUNT_MAX] = {
      SUBTREE('p', 'd', "a.test"), SUBTREE('p', 'i', "\x7f\0\0\0")};
  assert_true(allow_name(good, "a.test", "a.test"));
  assert_false(allow_name(bad, "a.test", "a.test"));
}

/* Bytes behind a value, at each of the three places. */
static void surplus_allows_nothing(void** state) {
  (void)state;
  for (int place = 0; place < 4; place++) {
    struct der der = {.size = 0};
    struct der tail = {.size = 0};
    append(&tail, "\x05\x00", 2);
    wrap(&der, 0x30);
    if (place == 1) append(&der, tail.bytes, tail.size);
    wrap(&der, 0x04);
    struct der extension = {.size = 0};
    append(&extension, "\x06\x03\x55\x1d\x1e", 5);
    append(&extension, der.bytes, der.size);
    if (place == 2) append(&extension, tail.bytes, tail.size);
    wrap(&extension, 0x30);
    wrap(&extension, 0x30);
    if (place == 3) append(&extension, tail.bytes, tail.size);
    assert_int_equal(allow_dns(&extension), place == 0);
  }
}

static void too_many_issuers_allow_nothing(void** state) {
  (void)state;
  const struct subtree subtrees[SUBTREE_COUNT_MAX] = {
      SUBTREE('p', 'd', "a.test")};
  struct der der;
  make_extensions(&der, subtrees, false);
  mbedtls_x509_crt issuer;
  mbedtls_x509_crt leaf;
  mbedtls_x509_crt_init(&leaf);
  set_extensions(&issuer, &der);
  struct gcn__tls_verify verify;
  assert_null(gcn__tls_verify_init(&verify, "a.test"));
  for (int i = 0; i < GCN__TLS_CONSTRAINT_COUNT_MAX; i++) {
    gcn__tls_constraints_note(&verify, &issuer);
    assert_true(gcn__tls_constraints_allow(&verify, &leaf));
  }
  gcn__tls_constraints_note(&verify, &issuer);
  assert_false(gcn__tls_constraints_allow(&verify, &leaf));
}

static void critical_ones_are_recognised(void** state) {
  (void)state;
  const struct subtree subtrees[SUBTREE_COUNT_MAX] = {
      SUBTREE('p', 'd', "a.test")};
  struct der der;
  make_extensions(&der, subtrees, true);
  assert_true(gcn__tls_constraints_critical(gcn__span(der.bytes, der.size)));
  make_extensions(&der, subtrees, false);
  assert_false(gcn__tls_constraints_critical(gcn__span(der.bytes, der.size)));
  assert_false(gcn__tls_constraints_critical(GCN__SPAN("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_allowed_or_not),
      cmocka_unit_test(addresses_are_allowed_or_not),
      cmocka_unit_test(no_constraints_allow_all),
      cmocka_unit_test(damage_allows_nothing),
      cmocka_unit_test(only_names_are_bases),
      cmocka_unit_test(only_two_lists_are_known),
      cmocka_unit_test(a_second_extension_allows_nothing),
      cmocka_unit_test(damage_behind_a_hit_allows_nothing),
      cmocka_unit_test(surplus_allows_nothing),
      cmocka_unit_test(too_many_issuers_allow_nothing),
      cmocka_unit_test(critical_ones_are_recognised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
