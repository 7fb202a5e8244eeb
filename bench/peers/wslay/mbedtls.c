/* SPDX-License-Identifier: MIT */
/*
 * TLS by Mbed TLS, which reads the socket by itself: the naive peer.  A record
 * is two reads, its header and the rest.
 */
#include "common/tally.h"
#include "wslay/secure.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct secure {
  int fd;
  mbedtls_ssl_context ssl;
};

const char secure_peer[] = "naive";

static struct {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt ca;
  mbedtls_ssl_config config;
} shared;

static void check(int error, const char* what) {
  if (error != 0) tally_die(1, what);
}

void secure_trust(const char* ca) {
  mbedtls_entropy_init(&shared.entropy);
  mbedtls_ctr_drbg_init(&shared.random);
  mbedtls_x509_crt_init(&shared.ca);
  mbedtls_ssl_config_init(&shared.config);
  check(psa_crypto_init(), "no PSA");
  check(mbedtls_ctr_drbg_seed(&shared.random, mbedtls_entropy_func,
                              &shared.entropy, NULL, 0),
        "no entropy");
  check(mbedtls_x509_crt_parse_file(&shared.ca, ca), "no CA");
  check(mbedtls_ssl_config_defaults(&shared.config, MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT),
        "no TLS");
  mbedtls_ssl_conf_ca_chain(&shared.config, &shared.ca, NULL);
  mbedtls_ssl_conf_rng(&shared.config, mbedtls_ctr_drbg_random, &shared.random);
}

/* As mbedtls_net_send and mbedtls_net_recv, which not every build has. */
static int on_send(void* ctx, const unsigned char* data, size_t size) {
  const struct secure* secure = ctx;
  ssize_t sent = write(secure->fd, data, size);
  if (sent >= 0) return (int)sent;
  return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE
                         : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int on_receive(void* ctx, unsigned char* data, size_t size) {
  const struct secure* secure = ctx;
  ssize_t got = read(secure->fd, data, size);
  if (got >= 0) return (int)got;
  return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ
                         : MBEDTLS_ERR_NET_RECV_FAILED;
}

struct secure* secure_new(int fd, const char* host) {
  struct secure* secure = calloc(1, sizeof *secure);
  secure->fd = fd;
  mbedtls_ssl_init(&secure->ssl);
  check(mbedtls_ssl_setup(&secure->ssl, &shared.config), "no TLS");
  check(mbedtls_ssl_set_hostname(&secure->ssl, host), "no TLS");
  mbedtls_ssl_set_bio(&secure->ssl, secure, on_send, on_receive, NULL);
  return secure;
}

bool secure_open(struct secure* secure) {
  if (mbedtls_ssl_is_handshake_over(&secure->ssl)) return true;
  int error = mbedtls_ssl_handshake(&secure->ssl);
  if (error == MBEDTLS_ERR_SSL_WANT_READ) return false;
  check(error, "no TLS");
  return true;
}

ssize_t secure_read(struct secure* secure, void* data, size_t size) {
  int got;
  do {
    got = mbedtls_ssl_read(&secure->ssl, data, size);
  } while (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
  if (got > 0) return got;
  return got == MBEDTLS_ERR_SSL_WANT_READ ? 0 : -1;
}

ssize_t secure_write(struct secure* secure, const void* data, size_t size) {
  return mbedtls_ssl_write(&secure->ssl, data, size);
}
