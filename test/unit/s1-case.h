/* SPDX-License-Identifier: MIT */
/*
 * One case of the certificate and handshake matrix (FAULTS §9.1): a client that
 * has a secret to say, a server that shows what it is told to show.
 *
 * The client tries to say its secret at every step.  Whoever is refused must
 * not get a byte of it, and the reason must not hold one.
 */
#ifndef GCN_TEST_S1_CASE_H
#define GCN_TEST_S1_CASE_H

#include "tls-forge.h"
#include "tls-keys.h"
#include "tls-pair.h"

#define S1_SECRET                                                              \
  "GET /api HTTP/1.1\r\nAuthorization: Bearer s1-canary-token\r\n\r\n"
#define S1_CANARY "s1-canary-token"

enum { S1_SENT_COUNT_MAX = 4 };

/* Two issuers and a leaf; what to change in an otherwise good chain. */
struct s1_plan {
  struct forgery root;
  struct forgery middle;
  struct forgery leaf;
};

struct s1_chain {
  struct forged root;
  struct forged middle;
  struct forged leaf;
};
extern struct s1_chain s1_chain;

struct s1_trial {
  const char* host;                    /* NULL: localhost */
  const char* anchors;                 /* NULL: the chain's root */
  const char* sent[S1_SENT_COUNT_MAX]; /* NULL: leaf and middle */
  const char* refusal; /* NULL: accepted; a '*' stands for anything */
  bool once;           /* its keys are slow: TLS 1.3 only */
};

int s1_set_up(void** state);
int s1_tear_down(void** state);

struct s1_plan s1_good(void);
void s1_forge(const struct s1_plan* plan);
void s1_free(void);
/* Under TLS 1.2 and 1.3.  What is refused is shown by a server that need not
 * have its key: nobody asks for it. */
void s1_judge(const struct s1_trial* trial);
/* All three. */
void s1_play(const struct s1_plan* plan, const struct s1_trial* trial);

/* Up to the end, saying the secret as soon as it may be said. */
void s1_talk(struct pair* pair);
void s1_assert_accepted(const struct pair* pair);
void s1_assert_refused(struct pair* pair, int error, const char* pattern);

#endif
