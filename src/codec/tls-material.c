/* SPDX-License-Identifier: MIT */
/*
 * Makes material: anchors, own certificate, and the offer on top of them.
 *
 * Everything that decides how strict we are stands here in constant tables,
 * except the names in a certificate, which are tls-verify.c's.  Material that
 * was handed out is complete; a failed one leaves nothing behind.
 */
#include "codec/tls-config.h"

#include "base/assert.h"
#include "base/err.h"

#include <mbedtls/oid.h>

enum { RSA_BITS_MIN = 2048 };

/* P-256 first: every server has it, so no HelloRetryRequest, and it is the
 * cheapest one in Mbed TLS. */
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/* PKCS #1 stands before PSS because Mbed TLS 3.6.6 fails with TLS 1.2 servers
 * that sign with PSS (-0x6600) when both versions are offered. */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE,
};

/* What every certificate of a chain has to hold to. */
static const mbedtls_x509_crt_profile profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
                      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1) |
                      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP521R1),
    .rsa_min_bitlen = RSA_BITS_MIN,
};

static void destroy(struct gcn__tls_material* material) {
  mbedtls_ssl_config_free(&material->ssl);
  mbedtls_pk_free(&material->key);
  mbedtls_x509_crt_free(&material->certificates);
  mbedtls_x509_crt_free(&material->anchors);
#if defined(MBEDTLS_X509_CRL_PARSE_C)
  mbedtls_x509_crl_free(&material->revoked);
#endif
  gcn__free(material->mem, material, sizeof(*material));
}

static struct gcn__tls_material* create(const struct gcn__mem* mem) {
  struct gcn__tls_material* material = gcn__alloc_zero(mem, sizeof(*material));
  if (material == NULL) return NULL;
  material->mem = mem;
  material->ref_count = 1;
  mbedtls_x509_crt_init(&material->anchors);
#if defined(MBEDTLS_X509_CRL_PARSE_C)
  mbedtls_x509_crl_init(&material->revoked);
#endif
  mbedtls_x509_crt_init(&material->certificates);
  mbedtls_pk_init(&material->key);
  mbedtls_ssl_config_init(&material->ssl);
  return material;
}

/* What both ends have in common. */
static int set_up(struct gcn__tls_base* base, mbedtls_ssl_config* ssl) {
  int endpoint = base->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
  int rc = mbedtls_ssl_config_defaults(
      ssl, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  if (rc != 0) return GCN__ENOMEM;
  mbedtls_ssl_conf_rng(ssl, mbedtls_ctr_drbg_random, &base->random);
  mbedtls_ssl_conf_min_tls_version(ssl, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_ciphersuites(ssl, gcn__tls_suites());
  mbedtls_ssl_conf_groups(ssl, groups);
  mbedtls_ssl_conf_sig_algs(ssl, signatures);
  mbedtls_ssl_conf_cert_profile(ssl, &profile);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  mbedtls_ssl_conf_tls13_key_exchange_modes(
      ssl, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
#endif
#if defined(MBEDTLS_SSL_RENEGOTIATION)
  mbedtls_ssl_conf_renegotiation(ssl, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
  if (base->tls12_only) {
    mbedtls_ssl_conf_max_tls_version(ssl, MBEDTLS_SSL_VERSION_TLS1_2);
  }
  rc = mbedtls_ssl_conf_alpn_protocols(ssl, base->alpn);
  return rc == 0 ? 0 : GCN__ENOMEM;
}

static int show_certificate(struct gcn__tls_material* material) {
  if (material->certificates.raw.p == NULL) return 0;
  int rc = mbedtls_ssl_conf_own_cert(&material->ssl, &material->certificates,
                                     &material->key);
  return rc == 0 ? 0 : GCN__ENOMEM;
}

static int set_up_client(const struct gcn__tls_base* base,
                         struct gcn__tls_material* material) {
  mbedtls_ssl_config* ssl = &material->ssl;
  mbedtls_ssl_conf_authmode(ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
#if defined(MBEDTLS_X509_CRL_PARSE_C)
  mbedtls_x509_crl* revoked = &material->revoked;
#else
  mbedtls_x509_crl* revoked = NULL;
#endif
  mbedtls_ssl_conf_ca_chain(ssl, &material->anchors, revoked);
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
  mbedtls_ssl_conf_session_tickets(
      ssl, base->resume ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                        : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#  if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  /* Else Mbed TLS drops TLS 1.3 tickets unread. */
  if (base->resume) {
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        ssl, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
  }
#  endif
#else
  (void)base;
#endif
  return show_certificate(material);
}

/* A server of ours is an instrument for tests: it has to show also the
 * certificates that a client must refuse, which Mbed TLS's server would keep to
 * itself if their key usage is wrong. */
static void forget_usage(mbedtls_x509_crt* certificate) {
  const int usage =
      MBEDTLS_X509_EXT_KEY_USAGE | MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE;
  certificate->MBEDTLS_PRIVATE(ext_types) &= ~usage;
}

static int set_up_server(struct gcn__tls_base* base,
                         struct gcn__tls_material* material) {
  mbedtls_ssl_conf_authmode(&material->ssl, MBEDTLS_SSL_VERIFY_NONE);
  forget_usage(&material->certificates);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_conf_session_tickets_cb(&material->ssl, mbedtls_ssl_ticket_write,
                                      mbedtls_ssl_ticket_parse, &base->tickets);
#else
  (void)base;
#endif
  return show_certificate(material);
}

static int build(struct gcn__tls_base* base, struct gcn__tls_material* material,
                 char* text) {
  int rc = 0;
  if (!base->server) {
    rc = gcn__tls_anchors_load(&base->sources, material, text);
  }
  if (rc != 0) return rc;
  rc = gcn__tls_identity_load(base, material, text);
  if (rc != 0) return rc;
  rc = set_up(base, &material->ssl);
  if (rc != 0) return rc;
  return base->server ? set_up_server(base, material)
                      : set_up_client(base, material);
}

int gcn__tls_material_make(struct gcn__tls_base* base,
                           struct gcn__tls_material** material,
                           char text[GCN__TLS_TEXT_SIZE]) {
  *material = NULL;
  struct gcn__tls_material* made = create(&base->mem);
  if (made == NULL) return GCN__ENOMEM;
  int rc = build(base, made, text);
  if (rc != 0) {
    destroy(made);
    return rc;
  }
  *material = made;
  return 0;
}

struct gcn__tls_material*
gcn__tls_material_hold(struct gcn__tls_material* material) {
  material->ref_count++;
  return material;
}

void gcn__tls_material_release(struct gcn__tls_material* material) {
  if (material == NULL) return;
  GCN__ASSERT(material->ref_count > 0);
  if (--material->ref_count == 0) destroy(material);
}
