/* SPDX-License-Identifier: MIT */
/*
 * Token generations.  Only one copy of the text exists here; it is wiped before
 * its memory goes back.
 */
#include "core/token.h"

#include "base/err.h"
#include "base/time.h"

enum { MS_PER_S = 1000, MARGIN_SHARE = 5 };

void gcn__token_init(struct gcn__token* token, const struct gcn__mem* mem) {
  *token = (struct gcn__token){.mem = mem};
}

void gcn__token_forget(struct gcn__token* token) {
  if (token->text == NULL) return;
  gcn__secret_free(token->mem, token->text);
  token->text = NULL;
}

void gcn__token_deinit(struct gcn__token* token) {
  gcn__token_forget(token);
}

/* RFC 6750 §2.1 allows less; what matters is that nothing can end the header
 * line or start another. */
static bool header_safe(struct gcn__span text) {
  if (text.size == 0 || text.size > GCN__TOKEN_SIZE_MAX) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) return false;
  }
  return true;
}

static uint64_t life_ms(double life_s) {
  const double max_s = (double)GCN__TOKEN_LIFE_MAX_S;
  if (!(life_s >= 1)) life_s = (double)GCN__TOKEN_LIFE_UNKNOWN_S; /* NaN too */
  if (life_s > max_s) life_s = max_s;
  return (uint64_t)life_s * MS_PER_S;
}

int gcn__token_set(struct gcn__token* token, struct gcn__span text,
                   double life_s, uint64_t now_ms) {
  if (!header_safe(text)) return GCN_EPROTO;
  char* copy = gcn__str_copy_n(token->mem, text.data, text.size);
  if (copy == NULL) return GCN__ENOMEM;
  gcn__token_forget(token);
  token->text = copy;
  token->generation++;
  token->life_ms = life_ms(life_s);
  token->expires_ms = gcn__time_add(now_ms, token->life_ms);
  return 0;
}

void gcn__token_reject(struct gcn__token* token) {
  if (token->text == NULL) return;
  gcn__token_forget(token);
  token->strikes++;
}

void gcn__token_accept(struct gcn__token* token) {
  token->strikes = 0;
}

bool gcn__token_usable(const struct gcn__token* token, uint64_t margin_ms,
                       uint64_t now_ms) {
  if (token->text == NULL) return false;
  margin_ms = gcn__time_min(margin_ms, token->life_ms / MARGIN_SHARE);
  return gcn__time_add(now_ms, margin_ms) < token->expires_ms;
}
