/* SPDX-License-Identifier: MIT */
/*
 * Mbed TLS between two memory buffers, with nothing on top.
 */
#include "sim/tls.h"

#include "base/err.h"

#include <limits.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <psa/crypto.h>

enum { TICKET_LIFE_S = 86400 };

struct gcn__simtls_config {
  bool server;
  bool resume;
  bool has_session;
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_ssl_config ssl;
  mbedtls_x509_crt certificates; /* a client's anchors, a server's chain */
  mbedtls_pk_context key;
  mbedtls_ssl_ticket_context tickets;
  mbedtls_ssl_session session; /* a client's newest */
};

struct gcn__simtls {
  struct gcn__simtls_config* config;
  mbedtls_ssl_context ssl;
  struct gcn__span in;
  struct gcn__buf* out;
  bool open;
};

static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    0,
};
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

static void set_up_parts(struct gcn__simtls_config* config) {
  mbedtls_entropy_init(&config->entropy);
  mbedtls_ctr_drbg_init(&config->random);
  mbedtls_ssl_config_init(&config->ssl);
  mbedtls_x509_crt_init(&config->certificates);
  mbedtls_pk_init(&config->key);
  mbedtls_ssl_ticket_init(&config->tickets);
  mbedtls_ssl_session_init(&config->session);
}

static int parse(mbedtls_x509_crt* certificates, const char* pem) {
  return mbedtls_x509_crt_parse(certificates, (const unsigned char*)pem,
                                strlen(pem) + 1);
}

static int set_server(struct gcn__simtls_config* config,
                      const struct gcn__simtls_options* options) {
  mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_NONE);
  int rc = parse(&config->certificates, options->certificate_pem);
  if (rc != 0) return rc;
  const unsigned char* key = (const unsigned char*)options->key_pem;
  rc = mbedtls_pk_parse_key(&config->key, key, strlen(options->key_pem) + 1,
                            NULL, 0, mbedtls_ctr_drbg_random, &config->random);
  if (rc != 0) return rc;
  rc = mbedtls_ssl_conf_own_cert(&config->ssl, &config->certificates,
                                 &config->key);
  if (rc != 0 || !options->resume) return rc;
  rc = mbedtls_ssl_ticket_setup(&config->tickets, mbedtls_ctr_drbg_random,
                                &config->random, MBEDTLS_CIPHER_AES_256_GCM,
                                TICKET_LIFE_S);
  mbedtls_ssl_conf_session_tickets_cb(&config->ssl, mbedtls_ssl_ticket_write,
                                      mbedtls_ssl_ticket_parse,
                                      &config->tickets);
  return rc;
}

static int set_client(struct gcn__simtls_config* config,
                      const struct gcn__simtls_options* options) {
  int rc = parse(&config->certificates, options->ca_pem);
  if (rc != 0) return rc;
  mbedtls_ssl_conf_ca_chain(&config->ssl, &config->certificates, NULL);
  mbedtls_ssl_conf_session_tickets(
      &config->ssl, options->resume ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                    : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      &config->ssl, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
  return 0;
}

static int build(struct gcn__simtls_config* config,
                 const struct gcn__simtls_options* options) {
  if (psa_crypto_init() != PSA_SUCCESS) return GCN_EENTROPY;
  int rc = mbedtls_ctr_drbg_seed(&config->random, mbedtls_entropy_func,
                                 &config->entropy, NULL, 0);
  if (rc != 0) return rc;
  rc = mbedtls_ssl_config_defaults(
      &config->ssl,
      config->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
      MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  if (rc != 0) return rc;
  mbedtls_ssl_protocol_version version =
      options->tls12 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
  mbedtls_ssl_conf_min_tls_version(&config->ssl, version);
  mbedtls_ssl_conf_max_tls_version(&config->ssl, version);
  mbedtls_ssl_conf_rng(&config->ssl, mbedtls_ctr_drbg_random, &config->random);
  mbedtls_ssl_conf_ciphersuites(&config->ssl, suites);
  mbedtls_ssl_conf_groups(&config->ssl, groups);
  return config->server ? set_server(config, options)
                        : set_client(config, options);
}

struct gcn__simtls_config*
gcn__simtls_config_new(const struct gcn__simtls_options* options) {
  struct gcn__simtls_config* config =
      gcn__alloc_zero(&gcn__mem_libc, sizeof *config);
  if (config == NULL) return NULL;
  config->server = options->certificate_pem != NULL;
  config->resume = options->resume;
  set_up_parts(config);
  if (build(config, options) == 0) return config;
  gcn__simtls_config_free(config);
  return NULL;
}

void gcn__simtls_config_free(struct gcn__simtls_config* config) {
  if (config == NULL) return;
  mbedtls_ssl_session_free(&config->session);
  mbedtls_ssl_ticket_free(&config->tickets);
  mbedtls_pk_free(&config->key);
  mbedtls_x509_crt_free(&config->certificates);
  mbedtls_ssl_config_free(&config->ssl);
  mbedtls_ctr_drbg_free(&config->random);
  mbedtls_entropy_free(&config->entropy);
  gcn__free(&gcn__mem_libc, config, sizeof *config);
}

static int receive(void* ctx, unsigned char* data, size_t size) {
  struct gcn__simtls* tls = ctx;
  if (tls->in.size == 0) return MBEDTLS_ERR_SSL_WANT_READ;
  if (size > tls->in.size) size = tls->in.size;
  memcpy(data, tls->in.data, size);
  tls->in = gcn__span_skip(tls->in, size);
  return (int)size;
}

static int deliver(void* ctx, const unsigned char* data, size_t size) {
  struct gcn__simtls* tls = ctx;
  if (gcn__buf_append(tls->out, data, size) != 0) {
    return MBEDTLS_ERR_SSL_ALLOC_FAILED;
  }
  return (int)size;
}

/* Takes the newest session away, so that a ticket is used once. */
static int offer(struct gcn__simtls* tls) {
  struct gcn__simtls_config* config = tls->config;
  if (!config->has_session) return 0;
  int rc = mbedtls_ssl_set_session(&tls->ssl, &config->session);
  mbedtls_ssl_session_free(&config->session);
  mbedtls_ssl_session_init(&config->session);
  config->has_session = false;
  return rc;
}

struct gcn__simtls* gcn__simtls_new(struct gcn__simtls_config* config,
                                    const char* host, struct gcn__buf* out) {
  struct gcn__simtls* tls = gcn__alloc_zero(&gcn__mem_libc, sizeof *tls);
  if (tls == NULL) return NULL;
  tls->config = config;
  tls->out = out;
  mbedtls_ssl_init(&tls->ssl);
  int rc = mbedtls_ssl_setup(&tls->ssl, &config->ssl);
  if (rc == 0) rc = mbedtls_ssl_set_hostname(&tls->ssl, host);
  if (rc == 0) rc = offer(tls);
  if (rc != 0) {
    gcn__simtls_free(tls);
    return NULL;
  }
  mbedtls_ssl_set_bio(&tls->ssl, tls, deliver, receive, NULL);
  return tls;
}

void gcn__simtls_free(struct gcn__simtls* tls) {
  if (tls == NULL) return;
  mbedtls_ssl_free(&tls->ssl);
  gcn__free(&gcn__mem_libc, tls, sizeof *tls);
}

static void keep_session(struct gcn__simtls* tls) {
  struct gcn__simtls_config* config = tls->config;
  if (config->server || !config->resume) return;
  mbedtls_ssl_session_free(&config->session);
  mbedtls_ssl_session_init(&config->session);
  config->has_session =
      mbedtls_ssl_get_session(&tls->ssl, &config->session) == 0;
}

static int shake(struct gcn__simtls* tls) {
  int rc = mbedtls_ssl_handshake(&tls->ssl);
  if (rc == MBEDTLS_ERR_SSL_WANT_READ) return 0;
  if (rc != 0) return GCN_ETLS;
  tls->open = true;
  /* Of TLS 1.3 a session is of use only once a ticket has come. */
  bool complete =
      mbedtls_ssl_get_version_number(&tls->ssl) == MBEDTLS_SSL_VERSION_TLS1_2;
  if (complete) keep_session(tls);
  return 0;
}

static bool is_idle(int rc) {
  return rc == MBEDTLS_ERR_SSL_WANT_READ ||
         rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

int gcn__simtls_read(struct gcn__simtls* tls, struct gcn__span* in, char* plain,
                     size_t size) {
  tls->in = *in;
  int rc = tls->open ? 0 : shake(tls);
  while (rc == 0 && tls->open) {
    rc = mbedtls_ssl_read(&tls->ssl, (unsigned char*)plain,
                          size < INT_MAX ? size : INT_MAX);
    if (rc > 0 || !is_idle(rc)) break;
    if (rc != MBEDTLS_ERR_SSL_WANT_READ) keep_session(tls);
    rc = 0;
    if (tls->in.size == 0) break;
  }
  *in = tls->in;
  if (rc >= 0 || rc == GCN_ETLS) return rc;
  return rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? GCN__EOF : GCN_ETLS;
}

int gcn__simtls_write(struct gcn__simtls* tls, struct gcn__span plain) {
  if (!tls->open) return GCN_ETLS;
  while (plain.size > 0) {
    int rc = mbedtls_ssl_write(&tls->ssl, (const unsigned char*)plain.data,
                               plain.size);
    if (rc <= 0) return GCN_ETLS;
    plain = gcn__span_skip(plain, (size_t)rc);
  }
  return 0;
}

void gcn__simtls_close(struct gcn__simtls* tls) {
  if (tls->open) (void)mbedtls_ssl_close_notify(&tls->ssl);
}

bool gcn__simtls_open(const struct gcn__simtls* tls) {
  return tls->open;
}
