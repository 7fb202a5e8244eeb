/* SPDX-License-Identifier: MIT */
/*
 * The TLS codec against arbitrary peers, and our certificate policy against
 * arbitrary certificates.
 *
 * The first byte picks the target: a client that has sent its hello (TLS 1.3 or
 * 1.2), a server, or the verify callback on a DER certificate.  The second one
 * seeds the cuts.  Nobody who does not hold the authority's key may ever see an
 * open client, and no certificate may count that does not name the host.
 */
#include "codec/tls-config.h"
#include "codec/tls-verify.h"
#include "codec/tls.h"
#include "sim/pki.h"

#include "base/rng.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum target { CLIENT_13, CLIENT_12, SERVER, CERTIFICATE, TARGET_COUNT };

#define HOST "localhost"

static struct gcn__tls_config* configs[CERTIFICATE];

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static struct gcn__tls_config* make_client(const char* ca, bool tls12_only) {
  const struct gcn__tls_client_options options = {.ca_pem = gcn__span_str(ca),
                                                  .tls12_only = tls12_only};
  char text[GCN__TLS_TEXT_SIZE];
  struct gcn__tls_config* config = NULL;
  gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  require(config != NULL);
  return config;
}

/* Once; the sanitizers reach it through `configs`, so it is no leak. */
static void set_up(void) {
  if (configs[0] != NULL) {
    return;
  }
  static const char* const dns[] = {HOST};
  const struct gcn__pki_names names = {.dns = dns, .dns_count = 1};
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  struct gcn__pki* pki = gcn__pki_new();
  require(pki != NULL);
  require(gcn__pki_issue(pki, &names, GCN__PKI_SOUND, certificate, key) == 0);
  configs[CLIENT_13] = make_client(gcn__pki_ca(pki), false);
  configs[CLIENT_12] = make_client(gcn__pki_ca(pki), true);
  char text[GCN__TLS_TEXT_SIZE];
  gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                         gcn__span_str(key), &configs[SERVER], text);
  require(configs[SERVER] != NULL);
  gcn__pki_free(pki);
}

static void check(const struct gcn__tls* tls, int rc, size_t used) {
  require(used == 0);
  require(gcn__tls_state(tls) != GCN__TLS_OPEN);
  require(!gcn__tls_pending(tls));
  const bool failed = gcn__tls_state(tls) == GCN__TLS_FAILED;
  require(failed == (rc != 0));
  require(failed == (gcn__tls_error(tls)[0] != '\0'));
}

static void feed(enum target target, struct gcn__span in, uint8_t seed) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  struct gcn__tls* tls = NULL;
  const char* host = target == SERVER ? NULL : HOST;
  require(gcn__tls_new(configs[target], &gcn__mem_libc, host, &out, &tls) == 0);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, seed);
  char plain[64];
  size_t used = 0;
  struct gcn__span piece = GCN__SPAN("");
  int rc = gcn__tls_read(tls, &piece, plain, sizeof(plain), &used);
  check(tls, rc, used);
  while (rc == 0 && in.size > 0) {
    const size_t step = (size_t)gcn__rng_between(&rng, 1, in.size);
    piece = gcn__span(in.data, step);
    rc = gcn__tls_read(tls, &piece, plain, sizeof(plain), &used);
    check(tls, rc, used);
    require(rc != 0 || piece.size == 0);
    in = gcn__span_skip(in, step);
  }
  require(gcn__tls_end(tls) < 0);
  gcn__tls_free(tls);
  gcn__buf_deinit(&out);
}

/* The slow and plain reading of the policy for "localhost". */
static bool names_host(const mbedtls_x509_crt* certificate) {
  const mbedtls_x509_sequence* at = &certificate->subject_alt_names;
  for (; at != NULL; at = at->next) {
    const bool dns = (at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) ==
                     MBEDTLS_X509_SAN_DNS_NAME;
    if (dns && gcn__span_iis(gcn__span(at->buf.p, at->buf.len), HOST)) {
      return true;
    }
  }
  return false;
}

static void judge(struct gcn__span der) {
  mbedtls_x509_crt certificate;
  mbedtls_x509_crt_init(&certificate);
  const int rc = mbedtls_x509_crt_parse_der(
      &certificate, (const unsigned char*)der.data, der.size);
  if (rc == 0) {
    struct gcn__tls_verify verify;
    require(gcn__tls_verify_init(&verify, HOST) == NULL);
    uint32_t flags =
        MBEDTLS_X509_BADCERT_NOT_TRUSTED | MBEDTLS_X509_BADCERT_EXPIRED;
    gcn__tls_verify_certificate(&verify, &certificate, 0, &flags);
    const bool refused = (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0;
    require((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0);
    require(verify.matched == !refused);
    require(verify.matched == names_host(&certificate));
  }
  mbedtls_x509_crt_free(&certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  set_up();
  const enum target target = (enum target)(data[0] % TARGET_COUNT);
  const struct gcn__span rest = gcn__span(data + 2, size - 2);
  if (target == CERTIFICATE) {
    judge(rest);
  } else {
    feed(target, rest, data[1]);
  }
  return 0;
}
