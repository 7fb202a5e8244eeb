/* SPDX-License-Identifier: MIT */
/*
 * TLS 1.2 and 1.3 as a byte filter, by Mbed TLS.
 *
 * Feed ciphertext, take plaintext; put plaintext, take ciphertext.  The codec
 * has no socket and no clock (certificate dates are checked by Mbed TLS against
 * the wall clock, which a refusal for a date shows).  Verification is always
 * on.  One context serves one connection and is never reset for another.  After
 * an error it refuses everything and keeps the first cause.
 *
 * Our verification policy on top of Mbed TLS (FAULTS §9.1): a subjectAltName is
 * required, an IP literal matches iPAddress entries only, a wildcard needs two
 * labels to its right, and an issuer's name constraints hold for DNS names and
 * addresses (other kinds of names are not looked at) also where they are not
 * critical (critical ones, Mbed TLS refuses); AEAD suites with (EC)DHE only;
 * P-256, P-384, P-521, X25519; RSA of 2048 bits or more; SHA-256 or better.
 */
#ifndef GCN_CODEC_TLS_H
#define GCN_CODEC_TLS_H

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/span.h"
#include "base/spares.h"

enum {
  GCN__TLS_TEXT_SIZE = 256,
  /* Non-application records in a row (tickets, alerts, empty ones) after which
   * a peer is considered hostile; FAULTS L05. */
  GCN__TLS_IDLE_RECORDS_MAX = 32,
};

/* Shared by any number of connections of one loop, which resume each other's
 * sessions.  Reference counted; not thread-safe. */
struct gcn__tls_config;
struct gcn__tls_base;

/* The configurations of one loop.  Those that were made of equal options have
 * the same trust anchors, certificate, generator and sessions, which are read
 * and parsed for the first and freed with the last. */
struct gcn__tls_pool {
  struct gcn__mem mem;
  struct gcn__list bases;
};

struct gcn__tls_client_options {
  /* Trust anchors: a PEM text, else a file or directory, else the system's
   * store (the usual locations of the common distributions, or SSL_CERT_FILE
   * as passed by the caller in ca_path).  Lists of revoked certificates (PEM,
   * "X509 CRL") anywhere in the same text, file or directory are heeded: what
   * their issuers issued is refused if it is listed, or if the list is out of
   * date.  One that cannot be read is refused, and so is a file of more than
   * 64 MiB. */
  struct gcn__span ca_pem; /* absent: not used */
  const char* ca_path;     /* NULL: not used */
  /* A certificate for servers that ask for one, the chain behind it, and its
   * key, RSA or ECDSA: each a PEM text, else a file; NULL: not used.  The
   * password is for an encrypted key.  All are copied. */
  const char* client_cert_pem;
  const char* client_cert_path;
  const char* client_key_pem;
  const char* client_key_path;
  const char* client_key_password;
  bool no_resume;  /* every handshake is a full one */
  bool tls12_only; /* for tests; 1.3 is offered by default */
};

/* Reads files, so it blocks for some milliseconds: call it once per client.  A
 * store that parses in part is fine as long as it holds one certificate.
 * 0, GCN__ENOMEM, GCN_EENTROPY, GCN_ECONFIG (a file that is missing or does not
 * parse, a key that does not fit its certificate, a client certificate that has
 * expired); `text` then says which and why.  If it is about the client's
 * certificate, it begins with the name of the field above. */
int gcn__tls_config_client(const struct gcn__mem* mem,
                           const struct gcn__tls_client_options* options,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]);
/* What is in `pool` needs its allocator longer than the pool; `mem` is for what
 * this configuration has for itself.  A directory of trust anchors is not
 * shared: changes of its files could go unseen.  Else the files are looked at
 * each time, and new ones hold for all.  Returns as above. */
void gcn__tls_pool_init(struct gcn__tls_pool* pool, const struct gcn__mem* mem);
/* Its configurations may outlive it. */
void gcn__tls_pool_deinit(struct gcn__tls_pool* pool);
int gcn__tls_config_pooled(struct gcn__tls_pool* pool,
                           const struct gcn__mem* mem,
                           const struct gcn__tls_client_options* options,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]);
/* For the simulator and the tests: both PEM, the certificate's chain behind it.
 * Returns as above. */
int gcn__tls_config_server(const struct gcn__mem* mem,
                           struct gcn__span certificate_pem,
                           struct gcn__span key_pem,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]);
struct gcn__tls_config* gcn__tls_config_hold(struct gcn__tls_config* config);
void gcn__tls_config_release(struct gcn__tls_config* config); /* NULL is fine */

/* Looks at most once a second, by `now_ms` on the caller's clock, whether the
 * files that the configuration was made of (the system's store is one, too)
 * have changed, and reads them again.  Handshakes from then on use the new
 * ones, connections keep those they began with, and no session is resumed
 * across the change.  To be called before each handshake; without it nothing
 * is ever read again, and sessions do not age.
 * 0: nothing new; 1: read again.  GCN__ENOMEM, GCN_ECONFIG: the new files are
 * of no use, the old ones stay in use, and `why` says what is wrong; told once,
 * though it is tried again at each look.  Of a pool, whoever looks first looks
 * for all, and each is told. */
int gcn__tls_config_refresh(struct gcn__tls_config* config, uint64_t now_ms,
                            char why[GCN__TLS_TEXT_SIZE]);

/* A client's handshakes that came to their end. */
struct gcn__tls_counts {
  uint64_t full;
  uint64_t resumed;
};
struct gcn__tls_counts
gcn__tls_config_counts(const struct gcn__tls_config* config);

/* The configuration's seeded generator; valid as long as it is held. */
struct gcn__entropy gcn__tls_config_entropy(struct gcn__tls_config* config);

enum gcn__tls_state {
  GCN__TLS_HANDSHAKING,
  GCN__TLS_OPEN,
  GCN__TLS_CLOSED, /* close_notify came */
  GCN__TLS_FAILED,
};

struct gcn__tls;

/* `host` is the name or address literal to verify, required for a client and
 * NULL for a server; it is copied.  One that no certificate can prove (empty, a
 * trailing dot, over 253 bytes) is refused by the first read, which sends
 * nothing, with GCN_ETLSVERIFY and a text.  A name is sent as SNI, an address
 * is not (RFC 6066 §3).  `out` receives ciphertext, must outlive the context,
 * and belongs to the caller; if it cannot take a record, the context fails with
 * the buffer's error.  A client offers ALPN "http/1.1".  Some 40 KB per context
 * come from Mbed TLS's own allocator, not from `mem`.
 *
 * A client offers the newest session that the configuration holds for `host`,
 * which is thereby used up: whatever becomes of this handshake, the same ticket
 * is not offered twice.  A server that does not want it makes a full handshake
 * of it.  Where memory is short, sessions are not kept.
 * 0, GCN__ENOMEM, GCN_ETLS. */
int gcn__tls_new(struct gcn__tls_config* config, const struct gcn__mem* mem,
                 const char* host, struct gcn__buf* out, struct gcn__tls** tls);
/* Right after that: from the end of the handshake on, what Mbed TLS needs to
 * hold records in is taken from `spares`, which outlives the context, and given
 * back by each call that leaves none unread.  Without it, or if Mbed TLS was
 * built otherwise than ours, every context keeps some 33 KB. */
void gcn__tls_share(struct gcn__tls* tls, struct gcn__spares* spares);
/* All that came has been handed out: without more bytes a read would give
 * nothing, and change nothing. */
bool gcn__tls_dry(const struct gcn__tls* tls);
/* What is written goes there from now on, behind what is there. */
void gcn__tls_redirect(struct gcn__tls* tls, struct gcn__buf* out);
void gcn__tls_free(struct gcn__tls* tls); /* NULL is fine */

/* Drives the handshake or decrypts, reading from the front of `in`, which it
 * advances; a client's first call may have an empty `in`.  Stops when
 * `plain_size` bytes are out or all of `in` is used and nothing is pending.
 *
 * `used` is the number of plaintext bytes written to `plain`; there may be some
 * beside GCN__EOF or an error, and they are good.
 * Returns 0; GCN__EOF after close_notify (once all plaintext is out; whatever
 * follows in `in` is dropped); GCN_ETLS, GCN_ETLSVERIFY, GCN_EENTROPY,
 * GCN__ENOMEM, and GCN_ELIMIT from `out`.  Also after an error `out` may hold
 * an alert worth sending. */
int gcn__tls_read(struct gcn__tls* tls, struct gcn__span* in, char* plain,
                  size_t plain_size, size_t* used);
/* Tells that the transport has ended.  GCN__EOF if close_notify came before;
 * else the context fails with GCN_ETLS and a text (bytes may be missing, FAULTS
 * L08), or returns the error it already has. */
int gcn__tls_end(struct gcn__tls* tls);
/* Encrypts all of `plain` into the out buffer.  Only when OPEN and before
 * gcn__tls_close: else GCN__EINVAL, or GCN__EOF if the peer has closed.
 * 0, or the error as for reading. */
int gcn__tls_write(struct gcn__tls* tls, struct gcn__span plain);
/* Appends close_notify, once; best effort.  Reading goes on. */
void gcn__tls_close(struct gcn__tls* tls);

enum gcn__tls_state gcn__tls_state(const struct gcn__tls* tls);
/* Decrypted bytes are waiting inside: read again without new input. */
bool gcn__tls_pending(const struct gcn__tls* tls);
/* The front of a record is there, and its end is not. */
bool gcn__tls_partial(const struct gcn__tls* tls);
/* The first error: Mbed TLS's number (0 if none) and a sentence with the
 * remedy, e.g. "certificate expired; check the local clock". */
int gcn__tls_detail(const struct gcn__tls* tls);
const char* gcn__tls_error(const struct gcn__tls* tls);
/* It failed for a reason that does not heal by itself: the server's
 * certificate, or ours, or that we have none. */
bool gcn__tls_stubborn(const struct gcn__tls* tls);
/* Whether the handshake resumed a session; false before it is over. */
bool gcn__tls_resumed(const struct gcn__tls* tls);
/* "TLSv1.3", "TLS1-3-AES-128-GCM-SHA256"; "" before the handshake is over. */
const char* gcn__tls_version(const struct gcn__tls* tls);
const char* gcn__tls_suite(const struct gcn__tls* tls);

#endif
