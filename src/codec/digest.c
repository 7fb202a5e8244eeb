/* SPDX-License-Identifier: MIT */
/*
 * SHA-1, SHA-256 and base64 by Mbed TLS.
 *
 * It knows nothing of what is hashed or why.  An append that fails has changed
 * nothing, and no copy of the data stays on the stack.
 */
#include "codec/digest.h"

#include "base/err.h"
#include "base/mem.h"
#include "codec/reserve.h"

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>

enum {
  BLOCK_SIZE = 48, /* a multiple of 3, so that only the last block is padded */
  BLOCK_TEXT_SIZE = BLOCK_SIZE / 3 * 4,
};

static const unsigned char* bytes(struct gcn__span data) {
  return (const unsigned char*)(data.size == 0 ? "" : data.data);
}

bool gcn__sha1(struct gcn__span data, unsigned char digest[GCN__SHA1_SIZE]) {
  return mbedtls_sha1(bytes(data), data.size, digest) == 0;
}

bool gcn__sha256(struct gcn__span data,
                 unsigned char digest[GCN__SHA256_SIZE]) {
  return mbedtls_sha256(bytes(data), data.size, digest, 0) == 0;
}

static int hash_part(mbedtls_sha256_context* hash, struct gcn__span part) {
  unsigned char size[8];
  for (unsigned i = 0; i < sizeof size; i++)
    size[i] = (unsigned char)((uint64_t)part.size >> 8 * i);
  int error = mbedtls_sha256_update(hash, size, sizeof size);
  return error != 0 ? error
                    : mbedtls_sha256_update(hash, bytes(part), part.size);
}

bool gcn__sha256_parts(const struct gcn__span* parts, size_t count,
                       unsigned char digest[GCN__SHA256_SIZE]) {
  mbedtls_sha256_context hash;
  mbedtls_sha256_init(&hash);
  int error = mbedtls_sha256_starts(&hash, 0);
  for (size_t i = 0; i < count && error == 0; i++)
    error = hash_part(&hash, parts[i]);
  if (error == 0) error = mbedtls_sha256_finish(&hash, digest);
  mbedtls_sha256_free(&hash);
  return error == 0;
}

void gcn__short_hash(struct gcn__span data,
                     char out[GCN__SHORT_HASH_SIZE + 1]) {
  static const char digits[] = "0123456789abcdef";
  unsigned char digest[GCN__SHA256_SIZE];
  bool known = gcn__sha256(data, digest);
  for (size_t i = 0; i < GCN__SHORT_HASH_SIZE; i++) {
    unsigned char byte = digest[i / 2];
    int digit = i % 2 == 0 ? byte >> 4 : byte & 15;
    out[i] = known ? digits[digit] : '?';
  }
  out[GCN__SHORT_HASH_SIZE] = '\0';
}

/* Mbed TLS ends its text with a NUL for which the buffer need not have room,
 * hence the blocks. */
int gcn__base64_encode(struct gcn__buf* out, struct gcn__span data) {
  if (data.size == 0) return 0;
  if (data.size > SIZE_MAX / 2) return GCN_ELIMIT;
  size_t size = (data.size / 3 + (data.size % 3 != 0)) * 4;
  char* to;
  int error = gcn__codec_reserve(out, size, &to);
  if (error != 0) return error;
  unsigned char text[BLOCK_TEXT_SIZE + 1];
  for (size_t i = 0; i < data.size; i += BLOCK_SIZE) {
    size_t left = data.size - i;
    size_t block = left < BLOCK_SIZE ? left : BLOCK_SIZE;
    size_t text_size = 0;
    int result = mbedtls_base64_encode(text, sizeof text, &text_size,
                                       bytes(data) + i, block);
    if (result != 0) return GCN__EINVAL;
    memcpy(to, text, text_size);
    to += text_size;
  }
  gcn__wipe(text, sizeof text);
  gcn__buf_commit(out, size);
  return 0;
}

static bool is_base64(char c) {
  char lower = gcn__ascii_lower(c);
  if (lower >= 'a' && lower <= 'z') return true;
  return (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Whole quads of the alphabet, the last one padded.  Mbed TLS would also skip
 * line breaks. */
static bool is_canonical(struct gcn__span text, size_t pad_size) {
  if (text.size % 4 != 0) return false;
  for (size_t i = 0; i < text.size - pad_size; i++) {
    if (!is_base64(text.data[i])) return false;
  }
  return true;
}

int gcn__base64_decode(struct gcn__buf* out, struct gcn__span text) {
  if (text.size == 0) return 0;
  size_t pad_size = 0;
  while (pad_size < 2 && pad_size < text.size &&
         text.data[text.size - 1 - pad_size] == '=') {
    pad_size++;
  }
  if (!is_canonical(text, pad_size)) return GCN__EINVAL;
  size_t size = text.size / 4 * 3 - pad_size;
  char* to;
  int error = gcn__codec_reserve(out, size, &to);
  if (error != 0) return error;
  size_t decoded = 0;
  int result = mbedtls_base64_decode((unsigned char*)to, size, &decoded,
                                     bytes(text), text.size);
  if (result != 0 || decoded != size) return GCN__EINVAL;
  gcn__buf_commit(out, size);
  return 0;
}
