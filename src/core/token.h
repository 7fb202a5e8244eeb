/* SPDX-License-Identifier: MIT */
/*
 * The access token and its generations.
 *
 * A generation is one token the login service issued.  A rejected generation is
 * wiped at once, so no request can use it again.  Times are of the monotonic
 * clock, counted from receipt: the host's wall clock does not matter.
 */
#ifndef GCN_CORE_TOKEN_H
#define GCN_CORE_TOKEN_H

#include "base/mem.h"
#include "base/span.h"

enum {
  GCN__TOKEN_SIZE_MAX = 8192,
  GCN__TOKEN_LIFE_UNKNOWN_S = 300,       /* the shortest the service issues */
  GCN__TOKEN_LIFE_MAX_S = 7 * 24 * 3600, /* FAULTS O03 */
};

struct gcn__token {
  const struct gcn__mem* mem;
  char* text;          /* secret; NULL if none is held */
  uint64_t generation; /* 0 before the first */
  uint64_t expires_ms;
  uint64_t life_ms;
  unsigned strikes; /* rejections since an accepted call */
};

void gcn__token_init(struct gcn__token* token, const struct gcn__mem* mem);
void gcn__token_deinit(struct gcn__token* token);

/* Takes a new token.  `life_s` may be anything a server says: zero, negative
 * and not-a-number count as unknown, large ones are capped.
 * 0, GCN_EPROTO (empty, too long, or bytes that do not belong into a header),
 * GCN__ENOMEM; an error has changed nothing. */
int gcn__token_set(struct gcn__token* token, struct gcn__span text,
                   double life_s, uint64_t now_ms);
/* The held generation was rejected: wipes it and counts a strike. */
void gcn__token_reject(struct gcn__token* token);
/* Wipes it without a strike: the credentials changed. */
void gcn__token_forget(struct gcn__token* token);
/* A call with it was accepted. */
void gcn__token_accept(struct gcn__token* token);
/* Held, and with more than the margin left.  The margin shrinks for tokens
 * whose whole life is short. */
bool gcn__token_usable(const struct gcn__token* token, uint64_t margin_ms,
                       uint64_t now_ms);

#endif
