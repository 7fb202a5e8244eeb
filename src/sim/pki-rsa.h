/* SPDX-License-Identifier: MIT */
/*
 * A throw-away chain of three RSA certificates (root, intermediate, leaf), as
 * the service's hosts have them; for benches, where its price is of interest.
 *
 * One 2048-bit key serves all three, because making one takes long.
 */
#ifndef GCN_SIM_PKI_RSA_H
#define GCN_SIM_PKI_RSA_H

#include "sim/pki.h"

struct gcn__pki_rsa {
  char ca[GCN__PKI_PEM_SIZE_MAX];
  char chain[2 * GCN__PKI_PEM_SIZE_MAX]; /* the leaf, then its issuer */
  char key[GCN__PKI_PEM_SIZE_MAX];
};

/* For 127.0.0.1 and "localhost".  0, or GCN_ETLS: entropy or memory. */
int gcn__pki_rsa_make(struct gcn__pki_rsa* out);

#endif
