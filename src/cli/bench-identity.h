/* SPDX-License-Identifier: MIT */
/*
 * The certificates of a bench: made, kept in a directory for several sources,
 * and removed with it.
 */
#ifndef GCN_CLI_BENCH_IDENTITY_H
#define GCN_CLI_BENCH_IDENTITY_H

#include <stdbool.h>

#include "sim/pki-rsa.h"

enum { GCN__BENCH_PATH_SIZE = 256 };

struct gcn__bench_identity {
  char chain[2 * GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char ca_path[GCN__BENCH_PATH_SIZE];
  char dir[GCN__BENCH_PATH_SIZE]; /* to be removed; "": none */
};

/* New ones in a new directory; P-256, or RSA.  0, GCN_ETLS, or a negated errno;
 * then nothing is left. */
int gcn__bench_identity_make(struct gcn__bench_identity* identity, bool rsa);
/* Those in the directory of another one. */
int gcn__bench_identity_load(struct gcn__bench_identity* identity,
                             const char* dir);
/* Removes what was made. */
void gcn__bench_identity_drop(struct gcn__bench_identity* identity);

#endif
