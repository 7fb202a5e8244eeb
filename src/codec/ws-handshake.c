/* SPDX-License-Identifier: MIT */
/*
 * The two values of the opening handshake, RFC 6455 §4.1 and §4.2.2.
 *
 * It knows no HTTP.  Both values have a fixed size, so nothing is allocated:
 * the base64 buffer lives in memory lent from the stack.
 */
#include "base/err.h"
#include "codec/digest.h"
#include "codec/ws.h"

enum {
  NONCE_SIZE = 16,
  LENT_SIZE = 256, /* gcn__buf's smallest block */
};

static void* lend(void* ctx, void* ptr, size_t old_size, size_t new_size) {
  (void)old_size;
  bool available = ptr == NULL && new_size <= LENT_SIZE;
  return available ? ctx : NULL;
}

/* `out` has room for `size` characters and a NUL. */
static bool encode(char* out, size_t size, struct gcn__span data) {
  char lent[LENT_SIZE];
  const struct gcn__mem mem = {lend, lent};
  struct gcn__buf text;
  gcn__buf_init(&text, &mem, LENT_SIZE);
  bool done = gcn__base64_encode(&text, data) == 0;
  if (done && gcn__buf_size(&text) == size) {
    memcpy(out, gcn__buf_span(&text).data, size);
    out[size] = '\0';
  } else {
    out[0] = '\0';
  }
  gcn__buf_deinit(&text);
  return out[0] != '\0';
}

int gcn__ws_make_key(const struct gcn__entropy* entropy,
                     char key[GCN__WS_KEY_SIZE + 1]) {
  unsigned char nonce[NONCE_SIZE];
  key[0] = '\0';
  if (entropy->fill(entropy->ctx, nonce, sizeof nonce) != 0) {
    return GCN_EENTROPY;
  }
  bool done = encode(key, GCN__WS_KEY_SIZE, gcn__span(nonce, sizeof nonce));
  return done ? 0 : GCN__ENOMEM;
}

void gcn__ws_make_accept(struct gcn__span key,
                         char accept[GCN__WS_ACCEPT_SIZE + 1]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[GCN__WS_KEY_SIZE + sizeof guid - 1];
  unsigned char digest[GCN__SHA1_SIZE];
  accept[0] = '\0';
  if (key.size != GCN__WS_KEY_SIZE) return;
  memcpy(text, key.data, key.size);
  memcpy(text + key.size, guid, sizeof guid - 1);
  if (!gcn__sha1(gcn__span(text, sizeof text), digest)) return;
  encode(accept, GCN__WS_ACCEPT_SIZE, gcn__span(digest, sizeof digest));
}
