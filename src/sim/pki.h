/* SPDX-License-Identifier: MIT */
/*
 * A throw-away certificate authority for the simulator and the tests.
 *
 * P-256 keys, SHA-256 signatures, made anew at each start; nothing is written
 * to disk here.  It knows no clock: what is valid is so from 2020 to 2099.
 */
#ifndef GCN_SIM_PKI_H
#define GCN_SIM_PKI_H

#include "base/buf.h"

enum { GCN__PKI_PEM_SIZE_MAX = 8192 };

struct gcn__pki_names {
  const char* const* dns; /* subjectAltName dNSName entries */
  size_t dns_count;
  const char* const* ip; /* iPAddress entries, text form, v4 or v6 */
  size_t ip_count;
};

/* What a leaf may be told to get wrong, for tests. */
enum gcn__pki_flaw {
  GCN__PKI_SOUND,
  GCN__PKI_EXPIRED,
  GCN__PKI_FUTURE,
  GCN__PKI_NO_SAN,      /* the first DNS name as common name only */
  GCN__PKI_SELF_SIGNED, /* not by the CA */
  GCN__PKI_CLIENT_ONLY, /* extended key usage clientAuth */
};

struct gcn__pki;

/* NULL if the entropy source or memory fails. */
struct gcn__pki* gcn__pki_new(void);
void gcn__pki_free(struct gcn__pki* pki);
/* PEM of the CA certificate; NUL-terminated. */
const char* gcn__pki_ca(const struct gcn__pki* pki);
/* Issues a leaf with its key; both PEM, NUL-terminated.
 * 0; GCN__EINVAL: an address that is none; GCN_ETLS: anything else, for example
 * more names than fit into GCN__PKI_PEM_SIZE_MAX. */
int gcn__pki_issue(struct gcn__pki* pki, const struct gcn__pki_names* names,
                   enum gcn__pki_flaw flaw,
                   char certificate[GCN__PKI_PEM_SIZE_MAX],
                   char key[GCN__PKI_PEM_SIZE_MAX]);

#endif
