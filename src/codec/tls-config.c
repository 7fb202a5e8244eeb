/* SPDX-License-Identifier: MIT */
/*
 * Builds what connections share.
 *
 * Everything that decides how strict we are stands here in constant tables,
 * except the names in a certificate, which are tls-verify.c's.  A configuration
 * that was returned is complete; a failed one leaves nothing behind.
 */
#include "codec/tls-config.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/tls-text.h"

#include <mbedtls/oid.h>
#include <psa/crypto.h>
#include <stdio.h>

enum {
  TICKET_LIFE_S = 86400,
  RSA_BITS_MIN = 2048,
};

/* AEAD with ephemeral key exchange only.  Mbed TLS's own order of preference:
 * without AES instructions, and with its AES code, ChaCha20 is the fastest. */
static const int suites[] = {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    0,
};

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

static void destroy(struct gcn__tls_config* config) {
  mbedtls_ssl_config_free(&config->ssl);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_free(&config->tickets);
#endif
  mbedtls_pk_free(&config->key);
  mbedtls_x509_crt_free(&config->certificates);
  mbedtls_ctr_drbg_free(&config->random);
  mbedtls_entropy_free(&config->entropy);
  gcn__free(config->mem, config, sizeof(*config));
}

static struct gcn__tls_config* create(const struct gcn__mem* mem, bool server) {
  struct gcn__tls_config* config = gcn__alloc_zero(mem, sizeof(*config));
  if (config == NULL) return NULL;
  config->mem = mem;
  config->ref_count = 1;
  config->server = server;
  config->alpn[0] = "http/1.1";
  mbedtls_entropy_init(&config->entropy);
  mbedtls_ctr_drbg_init(&config->random);
  mbedtls_x509_crt_init(&config->certificates);
  mbedtls_pk_init(&config->key);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_init(&config->tickets);
#endif
  mbedtls_ssl_config_init(&config->ssl);
  return config;
}

static int entropy_failed(char* text) {
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the system's source of random numbers failed");
  return GCN_EENTROPY;
}

/* PSA's state belongs to the process and is never torn down by us, as the host
 * may use it too; initialising it again does nothing. */
static int seed(struct gcn__tls_config* config, char* text) {
  psa_status_t status = psa_crypto_init();
  if (status == PSA_ERROR_INSUFFICIENT_MEMORY) return GCN__ENOMEM;
  if (status != PSA_SUCCESS) return entropy_failed(text);
  int rc = mbedtls_ctr_drbg_seed(&config->random, mbedtls_entropy_func,
                                 &config->entropy, NULL, 0);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  return rc == 0 ? 0 : entropy_failed(text);
}

/* What both ends have in common. */
static int set_up(struct gcn__tls_config* config) {
  mbedtls_ssl_config* ssl = &config->ssl;
  int endpoint = config->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
  int rc = mbedtls_ssl_config_defaults(
      ssl, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  if (rc != 0) return GCN__ENOMEM;
  mbedtls_ssl_conf_rng(ssl, mbedtls_ctr_drbg_random, &config->random);
  mbedtls_ssl_conf_min_tls_version(ssl, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_ciphersuites(ssl, suites);
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
  rc = mbedtls_ssl_conf_alpn_protocols(ssl, config->alpn);
  return rc == 0 ? 0 : GCN__ENOMEM;
}

static void set_up_client(struct gcn__tls_config* config) {
  mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config->ssl, &config->certificates, NULL);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_conf_session_tickets(&config->ssl,
                                   MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#  if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  /* Else Mbed TLS drops TLS 1.3 tickets unread. */
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      &config->ssl, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#  endif
#endif
}

static int build_client(struct gcn__tls_config* config,
                        const struct gcn__tls_client_options* options,
                        char* text) {
  int rc = seed(config, text);
  if (rc != 0) return rc;
  rc = gcn__tls_anchors_load(config->mem, options, &config->certificates, text);
  if (rc != 0) return rc;
  rc = set_up(config);
  if (rc != 0) return rc;
  set_up_client(config);
  if (options->tls12_only) {
    mbedtls_ssl_conf_max_tls_version(&config->ssl, MBEDTLS_SSL_VERSION_TLS1_2);
  }
  return 0;
}

static int refuse_pem(int rc, const char* what, char* text) {
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  snprintf(text, GCN__TLS_TEXT_SIZE, "the server's %s (Mbed TLS -0x%04x)", what,
           (unsigned)-rc);
  return GCN_ECONFIG;
}

static int parse_certificate(struct gcn__tls_config* config,
                             struct gcn__span pem, char* text) {
  char* copy = gcn__str_copy_n(config->mem, pem.data, pem.size);
  if (copy == NULL) return GCN__ENOMEM;
  int rc = mbedtls_x509_crt_parse(&config->certificates,
                                  (const unsigned char*)copy, pem.size + 1);
  gcn__free(config->mem, copy, pem.size + 1);
  if (rc == 0) return 0;
  /* A positive number counts the certificates that did not parse. */
  return refuse_pem(rc > 0 ? MBEDTLS_ERR_X509_INVALID_FORMAT : rc,
                    "certificate is not PEM", text);
}

static int parse_key(struct gcn__tls_config* config, struct gcn__span pem,
                     char* text) {
  char* copy = gcn__str_copy_n(config->mem, pem.data, pem.size);
  if (copy == NULL) return GCN__ENOMEM;
  int rc = mbedtls_pk_parse_key(&config->key, (const unsigned char*)copy,
                                pem.size + 1, NULL, 0, mbedtls_ctr_drbg_random,
                                &config->random);
  gcn__wipe(copy, pem.size);
  gcn__free(config->mem, copy, pem.size + 1);
  if (rc != 0) return refuse_pem(rc, "key is not PEM", text);
  rc = mbedtls_pk_check_pair(&config->certificates.pk, &config->key,
                             mbedtls_ctr_drbg_random, &config->random);
  if (rc == 0) return 0;
  return refuse_pem(rc, "key does not belong to its certificate", text);
}

/* A server of ours is an instrument for tests: it has to show also the
 * certificates that a client must refuse, which Mbed TLS's server would keep to
 * itself if their key usage is wrong. */
static void forget_usage(mbedtls_x509_crt* certificate) {
  const int usage =
      MBEDTLS_X509_EXT_KEY_USAGE | MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE;
  certificate->MBEDTLS_PRIVATE(ext_types) &= ~usage;
}

static int set_up_server(struct gcn__tls_config* config) {
  mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_NONE);
  forget_usage(&config->certificates);
  int rc = mbedtls_ssl_conf_own_cert(&config->ssl, &config->certificates,
                                     &config->key);
  if (rc != 0) return GCN__ENOMEM;
#if defined(GCN__TLS_TICKETS)
  rc = mbedtls_ssl_ticket_setup(&config->tickets, mbedtls_ctr_drbg_random,
                                &config->random, MBEDTLS_CIPHER_AES_256_GCM,
                                TICKET_LIFE_S);
  if (rc != 0) return GCN__ENOMEM;
  mbedtls_ssl_conf_session_tickets_cb(&config->ssl, mbedtls_ssl_ticket_write,
                                      mbedtls_ssl_ticket_parse,
                                      &config->tickets);
#endif
  return 0;
}

static int build_server(struct gcn__tls_config* config,
                        struct gcn__span certificate_pem,
                        struct gcn__span key_pem, char* text) {
  int rc = seed(config, text);
  if (rc != 0) return rc;
  rc = parse_certificate(config, certificate_pem, text);
  if (rc != 0) return rc;
  rc = parse_key(config, key_pem, text);
  if (rc != 0) return rc;
  rc = set_up(config);
  return rc == 0 ? set_up_server(config) : rc;
}

/* Hands out a built configuration or takes back a failed one. */
static int conclude(struct gcn__tls_config* built, int rc,
                    struct gcn__tls_config** config, char* text) {
  if (rc == 0) {
    *config = built;
    return 0;
  }
  if (rc == GCN__ENOMEM) snprintf(text, GCN__TLS_TEXT_SIZE, "out of memory");
  if (built != NULL) destroy(built);
  return rc;
}

int gcn__tls_config_client(const struct gcn__mem* mem,
                           const struct gcn__tls_client_options* options,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]) {
  *config = NULL;
  text[0] = '\0';
  struct gcn__tls_config* built = create(mem, false);
  int rc = built == NULL ? GCN__ENOMEM : build_client(built, options, text);
  return conclude(built, rc, config, text);
}

int gcn__tls_config_server(const struct gcn__mem* mem,
                           struct gcn__span certificate_pem,
                           struct gcn__span key_pem,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]) {
  *config = NULL;
  text[0] = '\0';
  struct gcn__tls_config* built = create(mem, true);
  int rc = built == NULL ? GCN__ENOMEM
                         : build_server(built, certificate_pem, key_pem, text);
  return conclude(built, rc, config, text);
}

struct gcn__tls_config* gcn__tls_config_hold(struct gcn__tls_config* config) {
  config->ref_count++;
  return config;
}

void gcn__tls_config_release(struct gcn__tls_config* config) {
  if (config == NULL) return;
  GCN__ASSERT(config->ref_count > 0);
  if (--config->ref_count == 0) destroy(config);
}

static int fill(void* ctx, void* data, size_t size) {
  struct gcn__tls_config* config = ctx;
  unsigned char* to = data;
  while (size > 0) {
    size_t step = size;
    if (step > MBEDTLS_CTR_DRBG_MAX_REQUEST)
      step = MBEDTLS_CTR_DRBG_MAX_REQUEST;
    if (mbedtls_ctr_drbg_random(&config->random, to, step) != 0) {
      return GCN_EENTROPY;
    }
    to += step;
    size -= step;
  }
  return 0;
}

struct gcn__entropy gcn__tls_config_entropy(struct gcn__tls_config* config) {
  return (struct gcn__entropy){.fill = fill, .ctx = config};
}
