/* SPDX-License-Identifier: MIT */
/*
 * From Mbed TLS's numbers to our codes and to sentences a user can act on.
 *
 * Private to the TLS codec.  The sentences hold host names and names out of
 * certificates, never key material or traffic.
 */
#ifndef GCN_CODEC_TLS_TEXT_H
#define GCN_CODEC_TLS_TEXT_H

#include "codec/tls-verify.h"
#include "codec/tls.h"

enum { GCN__TLS_FIRST_SIZE = 5 }; /* a record header, or "HTTP/" */

/* What is known about a failure. */
struct gcn__tls_fault {
  int detail; /* Mbed TLS's number, negative */
  int alert;  /* the peer's last alert, if `detail` says there was one */
  bool open;  /* the handshake was over */
  struct gcn__span first;   /* the first bytes the peer ever sent */
  struct gcn__span message; /* what was being read, for a TLS handshake */
  size_t record_size;       /* what the last record header announced */
  const struct gcn__tls_verify* verify;
  uint32_t flags; /* Mbed TLS's final verdict on the certificate */
};

/* Whether a number, or the pair of numbers added up in it, means that memory
 * ran out. */
bool gcn__tls_out_of_memory(int detail);

/* Whether the peer refuses us for our certificate, or for want of one. */
bool gcn__tls_unwelcome(const struct gcn__tls_fault* fault);

/* Copies what is printable ASCII and cuts it; the rest becomes '?'. */
void gcn__tls_text_clean(char* to, size_t size, struct gcn__span from);

/* Writes the sentence; returns GCN_ETLS, GCN_ETLSVERIFY, GCN_EENTROPY or
 * GCN__ENOMEM. */
int gcn__tls_judge(const struct gcn__tls_fault* fault,
                   char text[GCN__TLS_TEXT_SIZE]);

#endif
