/* SPDX-License-Identifier: MIT */
/*
 * Mbed TLS between two memory buffers, with nothing on top.
 */
#include "endpoint.h"

#include "bench.h"
#include "sim/pki.h"

#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>
#include <stdlib.h>

struct gcn__bench_endpoint {
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  int suites[2];
  struct gcn__span in;
  struct gcn__buf out;
};

const struct gcn__bench_identity* gcn__bench_identity(void) {
  static struct gcn__bench_identity identity;
  if (identity.key[0] != '\0') return &identity;
  const char* names[] = {"127.0.0.1"};
  const struct gcn__pki_names wanted = {.ip = names, .ip_count = 1};
  struct gcn__pki* pki = gcn__pki_new();
  if (pki == NULL || gcn__pki_issue(pki, &wanted, GCN__PKI_SOUND,
                                    identity.certificate, identity.key) != 0) {
    gcn__bench_die("no certificate");
  }
  size_t size = strlen(gcn__pki_ca(pki));
  if (size >= sizeof identity.ca) gcn__bench_die("a long certificate");
  memcpy(identity.ca, gcn__pki_ca(pki), size + 1);
  gcn__pki_free(pki);
  return &identity;
}

static int receive(void* ctx, unsigned char* data, size_t size) {
  struct gcn__bench_endpoint* endpoint = ctx;
  if (endpoint->in.size == 0) return MBEDTLS_ERR_SSL_WANT_READ;
  if (size > endpoint->in.size) size = endpoint->in.size;
  memcpy(data, endpoint->in.data, size);
  endpoint->in = gcn__span_skip(endpoint->in, size);
  return (int)size;
}

static int deliver(void* ctx, const unsigned char* data, size_t size) {
  struct gcn__bench_endpoint* endpoint = ctx;
  if (gcn__buf_append(&endpoint->out, data, size) != 0) {
    return MBEDTLS_ERR_SSL_ALLOC_FAILED;
  }
  return (int)size;
}

static int suite_of(unsigned flags) {
  if (flags & GCN__BENCH_CHACHA) return MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;
  if (flags & GCN__BENCH_AES256) return MBEDTLS_TLS1_3_AES_256_GCM_SHA384;
  return MBEDTLS_TLS1_3_AES_128_GCM_SHA256;
}

static int configure(struct gcn__bench_endpoint* endpoint, int side) {
  mbedtls_ssl_config* config = &endpoint->config;
  int error = mbedtls_ssl_config_defaults(
      config, side, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(config, mbedtls_psa_get_random,
                       MBEDTLS_PSA_RANDOM_STATE);
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
  mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_ciphersuites(config, endpoint->suites);
  return error;
}

static int identify(struct gcn__bench_endpoint* endpoint) {
  const struct gcn__bench_identity* identity = gcn__bench_identity();
  const unsigned char* certificate =
      (const unsigned char*)identity->certificate;
  const unsigned char* key = (const unsigned char*)identity->key;
  int error = mbedtls_x509_crt_parse(&endpoint->certificate, certificate,
                                     strlen(identity->certificate) + 1);
  if (error != 0) return error;
  error =
      mbedtls_pk_parse_key(&endpoint->key, key, strlen(identity->key) + 1, NULL,
                           0, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
  if (error != 0) return error;
  return mbedtls_ssl_conf_own_cert(&endpoint->config, &endpoint->certificate,
                                   &endpoint->key);
}

static struct gcn__bench_endpoint* make(unsigned flags, int side) {
  struct gcn__bench_endpoint* endpoint = gcn__bench_alloc(sizeof *endpoint);
  bool server = side == MBEDTLS_SSL_IS_SERVER;
  mbedtls_ssl_config_init(&endpoint->config);
  mbedtls_ssl_init(&endpoint->ssl);
  mbedtls_x509_crt_init(&endpoint->certificate);
  mbedtls_pk_init(&endpoint->key);
  endpoint->suites[0] = suite_of(flags);
  gcn__buf_init(&endpoint->out, &gcn__mem_libc, UINT32_C(1) << 30);
  if (psa_crypto_init() != PSA_SUCCESS || configure(endpoint, side) != 0 ||
      (server && identify(endpoint) != 0) ||
      mbedtls_ssl_setup(&endpoint->ssl, &endpoint->config) != 0 ||
      mbedtls_ssl_set_hostname(&endpoint->ssl, NULL) != 0) {
    gcn__bench_die("no TLS endpoint");
  }
  mbedtls_ssl_set_bio(&endpoint->ssl, endpoint, deliver, receive, NULL);
  return endpoint;
}

struct gcn__bench_endpoint* gcn__bench_endpoint_server(unsigned flags) {
  return make(flags, MBEDTLS_SSL_IS_SERVER);
}

struct gcn__bench_endpoint* gcn__bench_endpoint_client(unsigned flags) {
  return make(flags, MBEDTLS_SSL_IS_CLIENT);
}

void gcn__bench_endpoint_free(struct gcn__bench_endpoint* endpoint) {
  if (endpoint == NULL) return;
  mbedtls_ssl_free(&endpoint->ssl);
  mbedtls_ssl_config_free(&endpoint->config);
  mbedtls_x509_crt_free(&endpoint->certificate);
  mbedtls_pk_free(&endpoint->key);
  gcn__buf_deinit(&endpoint->out);
  free(endpoint);
}

struct gcn__buf* gcn__bench_endpoint_out(struct gcn__bench_endpoint* endpoint) {
  return &endpoint->out;
}

void gcn__bench_endpoint_write(struct gcn__bench_endpoint* endpoint,
                               struct gcn__span plain) {
  while (plain.size > 0) {
    int size = mbedtls_ssl_write(&endpoint->ssl,
                                 (const unsigned char*)plain.data, plain.size);
    if (size <= 0) gcn__bench_die("the endpoint could not write");
    plain = gcn__span_skip(plain, (size_t)size);
  }
}

size_t gcn__bench_endpoint_read(struct gcn__bench_endpoint* endpoint,
                                struct gcn__span* in, unsigned char* plain,
                                size_t size) {
  endpoint->in = *in;
  for (;;) {
    int got = mbedtls_ssl_read(&endpoint->ssl, plain, size);
    *in = endpoint->in;
    if (got > 0) return (size_t)got;
    bool idle = got == MBEDTLS_ERR_SSL_WANT_READ || got == 0 ||
                got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
    if (!idle) gcn__bench_die("the endpoint's TLS failed");
    if (in->size == 0) return 0;
  }
}
