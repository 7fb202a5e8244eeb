/* SPDX-License-Identifier: MIT */
/*
 * Rows of TLS records: the cipher alone, Mbed TLS alone, and our TLS layer.
 *
 * "mbedtls" is the reference of everything over TLS: it reads the records with
 * mbedtls_ssl_read and counts the frames in them, nothing else.
 */
#include "bench.h"

#include "codec/tls.h"
#include "source.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <stdlib.h>

enum { TAG_SIZE = 16, NONCE_SIZE = 12, HEADER_SIZE = 5 };

struct cipher {
  mbedtls_gcm_context gcm;
  mbedtls_chachapoly_context chacha;
  bool is_chacha;
  size_t size;
  unsigned char nonce[NONCE_SIZE];
  unsigned char header[HEADER_SIZE];
  unsigned char tag[TAG_SIZE];
  unsigned char* sealed;
  unsigned char* opened;
};

static int seal(struct cipher* cipher, const unsigned char key[32],
                unsigned key_bits) {
  int error;
  if (cipher->is_chacha) {
    error = mbedtls_chachapoly_setkey(&cipher->chacha, key);
    if (error != 0) return error;
    return mbedtls_chachapoly_encrypt_and_tag(
        &cipher->chacha, cipher->size, cipher->nonce, cipher->header,
        HEADER_SIZE, cipher->opened, cipher->sealed, cipher->tag);
  }
  error =
      mbedtls_gcm_setkey(&cipher->gcm, MBEDTLS_CIPHER_ID_AES, key, key_bits);
  if (error != 0) return error;
  return mbedtls_gcm_crypt_and_tag(&cipher->gcm, MBEDTLS_GCM_ENCRYPT,
                                   cipher->size, cipher->nonce, NONCE_SIZE,
                                   cipher->header, HEADER_SIZE, cipher->opened,
                                   cipher->sealed, TAG_SIZE, cipher->tag);
}

static void* make_cipher(const struct gcn__bench_row* row) {
  static const unsigned char key[32] = {1, 2, 3};
  struct cipher* cipher = gcn__bench_alloc(sizeof *cipher);
  cipher->is_chacha = (row->flags & GCN__BENCH_CHACHA) != 0;
  cipher->size = row->size;
  cipher->sealed = gcn__bench_alloc(row->size);
  cipher->opened = gcn__bench_alloc(row->size);
  mbedtls_gcm_init(&cipher->gcm);
  mbedtls_chachapoly_init(&cipher->chacha);
  if (seal(cipher, key, row->flags & GCN__BENCH_AES256 ? 256 : 128) != 0) {
    gcn__bench_die("the cipher does not work");
  }
  return cipher;
}

static int unseal(struct cipher* cipher) {
  if (cipher->is_chacha) {
    return mbedtls_chachapoly_auth_decrypt(
        &cipher->chacha, cipher->size, cipher->nonce, cipher->header,
        HEADER_SIZE, cipher->tag, cipher->sealed, cipher->opened);
  }
  return mbedtls_gcm_auth_decrypt(
      &cipher->gcm, cipher->size, cipher->nonce, NONCE_SIZE, cipher->header,
      HEADER_SIZE, cipher->tag, TAG_SIZE, cipher->sealed, cipher->opened);
}

static void run_cipher(void* state, size_t count) {
  struct cipher* cipher = state;
  for (size_t i = 0; i < count; i++) {
    if (unseal(cipher) != 0) gcn__bench_die("a record does not verify");
  }
}

static void end_cipher(void* state) {
  struct cipher* cipher = state;
  mbedtls_gcm_free(&cipher->gcm);
  mbedtls_chachapoly_free(&cipher->chacha);
  free(cipher->sealed);
  free(cipher->opened);
  free(cipher);
}

/* A connection in memory whose client is one of the two. */
struct stream {
  struct gcn__bench_source source;
  struct gcn__bench_counter counter;
  struct gcn__bench_endpoint* server;
  struct gcn__bench_endpoint* reference;
  struct gcn__tls_config* config;
  struct gcn__tls* tls;
  struct gcn__buf out; /* of our client */
  unsigned char plain[16384];
};

/* What the client makes of the server's bytes; the number of plain ones. */
static size_t read_client(struct stream* stream, struct gcn__span* in) {
  if (stream->reference != NULL) {
    return gcn__bench_endpoint_read(stream->reference, in, stream->plain,
                                    sizeof stream->plain);
  }
  size_t used = 0;
  if (gcn__tls_read(stream->tls, in, (char*)stream->plain, sizeof stream->plain,
                    &used) != 0) {
    gcn__bench_die(gcn__tls_error(stream->tls));
  }
  return used;
}

static struct gcn__buf* client_out(struct stream* stream) {
  return stream->reference != NULL ? gcn__bench_endpoint_out(stream->reference)
                                   : &stream->out;
}

static void shake_hands(struct stream* stream) {
  struct gcn__buf* to_client = gcn__bench_endpoint_out(stream->server);
  struct gcn__buf* to_server = client_out(stream);
  for (int turn = 0; turn < 10; turn++) {
    struct gcn__span in = gcn__buf_span(to_client);
    (void)read_client(stream, &in);
    gcn__buf_clear(to_client);
    in = gcn__buf_span(to_server);
    (void)gcn__bench_endpoint_read(stream->server, &in, stream->plain,
                                   sizeof stream->plain);
    gcn__buf_clear(to_server);
  }
}

static void make_client(struct stream* stream) {
  char text[GCN__TLS_TEXT_SIZE];
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__bench_identity()->ca)};
  gcn__buf_init(&stream->out, &gcn__mem_libc, 1 << 20);
  if (gcn__tls_config_client(&gcn__mem_libc, &options, &stream->config, text) ||
      gcn__tls_new(stream->config, &gcn__mem_libc, "127.0.0.1", &stream->out,
                   &stream->tls)) {
    gcn__bench_die("no TLS for the client");
  }
}

static struct stream* new_stream(const struct gcn__bench_row* row) {
  struct stream* stream = gcn__bench_alloc(sizeof *stream);
  stream->server = gcn__bench_endpoint_server(row->flags);
  gcn__bench_source_init(&stream->source, row, stream->server);
  return stream;
}

static void* make_reference(const struct gcn__bench_row* row) {
  struct stream* stream = new_stream(row);
  stream->reference = gcn__bench_endpoint_client(row->flags);
  shake_hands(stream);
  return stream;
}

static void* make_ours(const struct gcn__bench_row* row) {
  struct stream* stream = new_stream(row);
  make_client(stream);
  shake_hands(stream);
  return stream;
}

static void refill(void* state, size_t count) {
  struct stream* stream = state;
  gcn__bench_source_fill(&stream->source, count);
  stream->counter = (struct gcn__bench_counter){0};
}

static void run_stream(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  while (gcn__bench_source_next(&stream->source, &bytes)) {
    size_t size;
    while ((size = read_client(stream, &bytes)) > 0)
      gcn__bench_count(&stream->counter, gcn__span(stream->plain, size));
  }
  if (stream->counter.frames != count) gcn__bench_die("frames are missing");
}

static void end_stream(void* state) {
  struct stream* stream = state;
  gcn__bench_source_deinit(&stream->source);
  gcn__bench_endpoint_free(stream->server);
  gcn__bench_endpoint_free(stream->reference);
  gcn__tls_free(stream->tls);
  if (stream->config != NULL) gcn__tls_config_release(stream->config);
  gcn__buf_deinit(&stream->out);
  free(stream);
}

struct gcn__bench_rows gcn__bench_tls_rows(void) {
  static const struct gcn__bench_kind cipher = {make_cipher, NULL, run_cipher,
                                                end_cipher};
  static const struct gcn__bench_kind reference = {make_reference, refill,
                                                   run_stream, end_stream};
  static const struct gcn__bench_kind ours = {make_ours, refill, run_stream,
                                              end_stream};
  static const struct gcn__bench_row rows[] = {
      {"cipher/aes128/1k", &cipher, 1024, GCN__BENCH_AES128},
      {"cipher/aes128/16k", &cipher, 16384, GCN__BENCH_AES128},
      {"cipher/aes256/1k", &cipher, 1024, GCN__BENCH_AES256},
      {"cipher/chacha/1k", &cipher, 1024, GCN__BENCH_CHACHA},
      {"cipher/chacha/16k", &cipher, 16384, GCN__BENCH_CHACHA},
      {"mbedtls/aes128/256", &reference, 256, GCN__BENCH_AES128},
      {"mbedtls/aes128/1k", &reference, 1024, GCN__BENCH_AES128},
      {"mbedtls/aes128/4k", &reference, 4096, GCN__BENCH_AES128},
      {"mbedtls/aes128/64k", &reference, 65536, GCN__BENCH_AES128},
      {"mbedtls/aes128/mix", &reference, GCN__BENCH_MIX, GCN__BENCH_AES128},
      {"mbedtls/aes128/1k-packed", &reference, 1024,
       GCN__BENCH_AES128 | GCN__BENCH_PACKED},
      {"mbedtls/chacha/256", &reference, 256, GCN__BENCH_CHACHA},
      {"mbedtls/chacha/1k", &reference, 1024, GCN__BENCH_CHACHA},
      {"tls/aes128/256", &ours, 256, GCN__BENCH_AES128},
      {"tls/aes128/1k", &ours, 1024, GCN__BENCH_AES128},
      {"tls/aes128/64k", &ours, 65536, GCN__BENCH_AES128},
      {"tls/chacha/1k", &ours, 1024, GCN__BENCH_CHACHA},
  };
  return (struct gcn__bench_rows){rows, sizeof rows / sizeof rows[0]};
}
