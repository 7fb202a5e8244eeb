/* SPDX-License-Identifier: MIT */
/*
 * The names that an issuer may certify (RFC 5280 §4.2.1.10).
 *
 * Private to the TLS codec.  Mbed TLS passes over this extension if it is not
 * critical and refuses the chain if it is.  DNS names and addresses are looked
 * at; constraints of other kinds of names say nothing about a TLS server.
 */
#ifndef GCN_CODEC_TLS_CONSTRAINTS_H
#define GCN_CODEC_TLS_CONSTRAINTS_H

#include "codec/tls-verify.h"

/* Keeps the constraints of an issuer, if it has any.  Those that cannot be
 * read allow nothing. */
void gcn__tls_constraints_note(struct gcn__tls_verify* verify,
                               const mbedtls_x509_crt* issuer);
/* Whether all of them allow the host, and every DNS name and address of the
 * leaf. */
bool gcn__tls_constraints_allow(const struct gcn__tls_verify* verify,
                                const mbedtls_x509_crt* leaf);
/* Whether a Certificate message seems to hold critical ones, which Mbed TLS
 * cannot read; for the text of a refusal only. */
bool gcn__tls_constraints_critical(struct gcn__span message);

#endif
