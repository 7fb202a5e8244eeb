/* SPDX-License-Identifier: MIT */
/*
 * TLS by OpenSSL.  A struct secure is an SSL.
 */
#include "common/tally.h"
#include "wslay/secure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct secure {
  SSL* ssl;
};

const char secure_peer[] = "wslay";

static SSL_CTX* ctx;

void secure_trust(const char* ca) {
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_read_ahead(ctx, 1);
  if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
    tally_die(1, "no CA");
  }
}

struct secure* secure_new(int fd, const char* host) {
  struct secure* secure = calloc(1, sizeof *secure);
  secure->ssl = SSL_new(ctx);
  SSL_set_fd(secure->ssl, fd);
  SSL_set_connect_state(secure->ssl);
  SSL_set1_host(secure->ssl, host);
  return secure;
}

bool secure_open(struct secure* secure) {
  if (SSL_is_init_finished(secure->ssl)) return true;
  int done = SSL_do_handshake(secure->ssl);
  if (done == 1) return true;
  if (SSL_get_error(secure->ssl, done) != SSL_ERROR_WANT_READ) {
    ERR_print_errors_fp(stderr);
    tally_die(1, "no TLS");
  }
  return false;
}

ssize_t secure_read(struct secure* secure, void* data, size_t size) {
  int got = SSL_read(secure->ssl, data, (int)size);
  if (got > 0) return got;
  return SSL_get_error(secure->ssl, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

ssize_t secure_write(struct secure* secure, const void* data, size_t size) {
  return SSL_write(secure->ssl, data, (int)size);
}
