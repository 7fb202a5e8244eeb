/* SPDX-License-Identifier: MIT */
/*
 * Chains of certificates against our policy (FAULTS F11).
 *
 * The authority's certificates are real ones: good, expired, for another host,
 * without a name. The input picks the host that is wanted, then up to four of
 * them for the chain, each with bytes overwritten, cut off or put in. Whatever
 * is made of them: the chain is accepted only if its leaf is, in all that is
 * signed, one that the authority issued for that host and that is valid. What a
 * key may be used for is judged by the handshake, not here.
 */
#include "codec/tls-verify.h"
#include "sim/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { DER_SIZE_MAX = 2048, CHAIN_MAX = 4, LEAF_COUNT = 7 };

struct leaf {
  const char* dns; /* NULL: none */
  const char* ip;  /* NULL: none */
  enum gcn__pki_flaw flaw;
  unsigned char der[DER_SIZE_MAX];
  size_t size;
};

static struct leaf leaves[LEAF_COUNT] = {
    {.dns = "localhost"},
    {.dns = "other.test"},
    {.dns = "*.gc.test"},
    {.ip = "127.0.0.1", .dns = "127.0.0.1"},
    {.dns = "localhost", .flaw = GCN__PKI_EXPIRED},
    {.dns = "localhost", .flaw = GCN__PKI_NO_SAN},
    {.dns = "localhost", .flaw = GCN__PKI_SELF_SIGNED},
};

/* Which sound leaf counts for which host; -1: none. */
static const struct {
  const char* host;
  int leaf;
} hosts[] = {
    {"localhost", 0}, {"other.test", 1}, {"api.gc.test", 2},
    {"127.0.0.1", 3}, {"gc.test", -1},   {"a.b.gc.test", -1},
};

static mbedtls_x509_crt authority;

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-verify: %s\n", what);
  abort();
}

static void issue(struct gcn__pki* pki, struct leaf* leaf) {
  const struct gcn__pki_names names = {.dns = &leaf->dns,
                                       .dns_count = leaf->dns != NULL,
                                       .ip = &leaf->ip,
                                       .ip_count = leaf->ip != NULL};
  char pem[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  check(gcn__pki_issue(pki, &names, leaf->flaw, pem, key) == 0, "no leaf");
  mbedtls_x509_crt crt;
  mbedtls_x509_crt_init(&crt);
  int rc = mbedtls_x509_crt_parse(&crt, (unsigned char*)pem, strlen(pem) + 1);
  check(rc == 0 && crt.raw.len <= DER_SIZE_MAX, "a leaf that can't be read");
  memcpy(leaf->der, crt.raw.p, crt.raw.len);
  leaf->size = crt.raw.len;
  mbedtls_x509_crt_free(&crt);
}

static void set_up(void) {
  if (leaves[0].size > 0) return;
  struct gcn__pki* pki = gcn__pki_new();
  check(pki != NULL, "no authority");
  const char* pem = gcn__pki_ca(pki);
  mbedtls_x509_crt_init(&authority);
  int rc = mbedtls_x509_crt_parse(&authority, (const unsigned char*)pem,
                                  strlen(pem) + 1);
  check(rc == 0, "an authority that can't be read");
  for (size_t i = 0; i < LEAF_COUNT; i++)
    issue(pki, &leaves[i]);
  gcn__pki_free(pki);
}

static uint8_t take(struct gcn__span* input) {
  if (input->size == 0) return 0;
  uint8_t byte = (uint8_t)input->data[0];
  *input = gcn__span_skip(*input, 1);
  return byte;
}

/* An edit: what, where (two bytes), and a value. */
static size_t edit(unsigned char* der, size_t size, struct gcn__span* input) {
  uint8_t what = take(input);
  size_t at = ((size_t)take(input) << 8 | take(input)) % size;
  uint8_t value = take(input);
  if (what % 4 == 0) return at == 0 ? size : at; /* cut off */
  if (what % 4 == 1) {
    der[at] = value;
  } else if (what % 4 == 2) {
    der[at] ^= (unsigned char)(1u << value % 8);
  } else if (size < DER_SIZE_MAX) {
    memmove(der + at + 1, der + at, size - at);
    der[at] = value;
    return size + 1;
  }
  return size;
}

static void build(mbedtls_x509_crt* chain, struct gcn__span* input) {
  size_t count = 1 + take(input) % CHAIN_MAX;
  for (size_t i = 0; i < count; i++) {
    const struct leaf* leaf = &leaves[take(input) % LEAF_COUNT];
    unsigned char der[DER_SIZE_MAX];
    size_t size = leaf->size;
    memcpy(der, leaf->der, size);
    for (unsigned edits = take(input) % 4; edits > 0; edits--)
      size = edit(der, size, input);
    mbedtls_x509_crt_parse_der(chain, der, size);
  }
}

static bool is_signed_part_of(const mbedtls_x509_crt* crt,
                              const struct leaf* leaf) {
  mbedtls_x509_crt known;
  mbedtls_x509_crt_init(&known);
  int rc = mbedtls_x509_crt_parse_der(&known, leaf->der, leaf->size);
  check(rc == 0, "a leaf that can't be read again");
  bool same = crt->tbs.len == known.tbs.len &&
              memcmp(crt->tbs.p, known.tbs.p, known.tbs.len) == 0;
  mbedtls_x509_crt_free(&known);
  return same;
}

static void judge(mbedtls_x509_crt* chain, size_t host) {
  struct gcn__tls_verify verify;
  uint32_t flags = 0;
  check(gcn__tls_verify_init(&verify, hosts[host].host) == NULL, "bad host");
  int rc = mbedtls_x509_crt_verify(chain, &authority, NULL, NULL, &flags,
                                   gcn__tls_verify_certificate, &verify);
  bool accepted = rc == 0 && flags == 0;
  check(!accepted || verify.matched, "accepted without a match");
  if (!accepted) return;
  check(hosts[host].leaf >= 0, "there is no certificate for this host");
  check(is_signed_part_of(chain, &leaves[hosts[host].leaf]),
        "accepted what was not issued for this host");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct gcn__span input = gcn__span(data, size);
  if (size < 3) return 0;
  set_up();
  size_t host = take(&input) % (sizeof hosts / sizeof hosts[0]);
  mbedtls_x509_crt chain;
  mbedtls_x509_crt_init(&chain);
  build(&chain, &input);
  if (chain.raw.p != NULL) judge(&chain, host);
  /* The seeds prove that the good ones are accepted at all. */
  mbedtls_x509_crt_free(&chain);
  return 0;
}
