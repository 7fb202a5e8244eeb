/* SPDX-License-Identifier: MIT */
/*
 * The sentences.
 *
 * What a user can act on comes first; Mbed TLS's number is only shown where
 * there is nothing better to say.  Every text fits or is cut.
 */
#include "codec/tls-text.h"

#include "base/err.h"

#include <mbedtls/asn1.h>
#include <mbedtls/pem.h>
#include <mbedtls/ssl.h>
#include <stdio.h>

enum {
  /* Mbed TLS adds a module's error (a multiple of 0x80) to one of a lower
   * layer (below 0x80). */
  LOW_MASK = 0x7f,
  /* RFC 5246 §6.2.3; TLS 1.3 allows less. */
  RECORD_SIZE_MAX = 16384 + 2048,
};

/* Mbed TLS's verdict before it has one. */
#define VERDICT_NONE UINT32_MAX

struct sentence {
  int number;
  const char* text;
};

/* RFC 8446 §6 and the older ones, with what they usually mean for us. */
static const struct sentence alerts[] = {
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {40, "handshake_failure: no common version, cipher suite, group or kind of "
         "certificate (Ed25519 is not supported), or it wants a client "
         "certificate"},
    {41, "no_certificate"},
    {42, "bad_certificate: it does not accept the client certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired: the client certificate has expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca: it does not know who issued the client certificate"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version: it does not speak TLS 1.2 or 1.3"},
    {71, "insufficient_security: no common cipher suite"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {112, "unrecognized_name: it does not serve this host name"},
    {113, "bad_certificate_status_response"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required: it wants a client certificate"},
    {120, "no_application_protocol: it does not offer http/1.1"},
};

/* In the order of what to look at first. */
static const struct sentence verdicts[] = {
    {(int)MBEDTLS_X509_BADCERT_REVOKED, "the server's certificate was revoked"},
    {(int)MBEDTLS_X509_BADCERT_MISSING, "the server sent no certificate"},
    {(int)MBEDTLS_X509_BADCERT_BAD_MD,
     "the server's certificate chain is signed with a digest that is too weak; "
     "SHA-256 or better is needed"},
    {(int)MBEDTLS_X509_BADCERT_BAD_KEY,
     "the server's certificate chain has a key that is too weak; RSA of 2048 "
     "bits or more, P-256, P-384 or P-521 is needed"},
    {(int)MBEDTLS_X509_BADCERT_BAD_PK,
     "the server's certificate chain has a kind of key that is not accepted; "
     "RSA or ECDSA is needed"},
    {(int)(MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
           MBEDTLS_X509_BADCERT_NS_CERT_TYPE),
     "the server's certificate is not meant for a TLS server (its key usage "
     "says so)"},
};

static const struct sentence failures[] = {
    {MBEDTLS_ERR_SSL_INVALID_MAC, "a TLS record was damaged on its way"},
    {MBEDTLS_ERR_SSL_INVALID_RECORD, "the peer sent a malformed TLS record"},
    {MBEDTLS_ERR_SSL_DECODE_ERROR, "the peer sent a malformed TLS message"},
    {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER,
     "the peer sent a TLS message with an illegal value"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE,
     "the peer sent a TLS message that does not belong there, or a TLS 1.3 key "
     "update, which is not supported"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_RECORD,
     "the peer sent a TLS record that does not belong there"},
    {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION,
     "the peer answered with a TLS extension that was not offered"},
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION,
     "the peer does not speak TLS 1.2 or 1.3"},
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE,
     "the TLS handshake failed: nothing that both sides accept (cipher suite, "
     "group or signature)"},
    {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL,
     "the peer does not offer the protocol http/1.1 (ALPN)"},
    {MBEDTLS_ERR_SSL_COUNTER_WRAPPING,
     "the TLS connection has carried too many records"},
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static const char* find(const struct sentence* table, size_t count,
                        int number) {
  for (size_t i = 0; i < count; i++) {
    if (table[i].number == number) return table[i].text;
  }
  return NULL;
}

bool gcn__tls_out_of_memory(int detail) {
  if (detail >= 0) return false;
  int low = -detail & LOW_MASK;
  if (low == -MBEDTLS_ERR_MPI_ALLOC_FAILED) return true;
  if (low == -MBEDTLS_ERR_ASN1_ALLOC_FAILED) return true;
  switch (detail + low) {
  case MBEDTLS_ERR_SSL_ALLOC_FAILED:
  case MBEDTLS_ERR_X509_ALLOC_FAILED:
  case MBEDTLS_ERR_PK_ALLOC_FAILED:
  case MBEDTLS_ERR_PEM_ALLOC_FAILED:
  case MBEDTLS_ERR_ECP_ALLOC_FAILED:
  case MBEDTLS_ERR_MD_ALLOC_FAILED:
  case MBEDTLS_ERR_CIPHER_ALLOC_FAILED: return true;
  default: return false;
  }
}

void gcn__tls_text_clean(char* to, size_t size, struct gcn__span from) {
  size_t length = from.size < size - 1 ? from.size : size - 1;
  for (size_t i = 0; i < length; i++) {
    char c = from.data[i];
    to[i] = c;
    if (c < ' ' || c > '~' || c == '\'') to[i] = '?';
  }
  to[length] = '\0';
}

static void say(char* text, const char* sentence) {
  snprintf(text, GCN__TLS_TEXT_SIZE, "%s", sentence);
}

static void say_distrust(const struct gcn__tls_verify* verify, char* text) {
  if (verify->self_issued) {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the server's certificate is self-signed by '%s', which is not "
             "trusted; name a CA file that holds it if this is intended",
             verify->issuer);
    return;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate was issued by '%s', which is not trusted; "
           "name a CA file that holds the issuer",
           verify->issuer);
}

static void say_date(const struct gcn__tls_verify* verify, bool expired,
                     char* text) {
  const mbedtls_x509_time* date = &verify->date;
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate %s %04d-%02d-%02d; check the local clock, "
           "or have the certificate renewed",
           expired ? "expired on" : "is not valid before", date->year,
           date->mon, date->day);
}

static void say_name(const struct gcn__tls_verify* verify, char* text) {
  if (!verify->has_san) {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the server's certificate has no subjectAltName, so it does not "
             "prove host '%.100s'; a common name is not enough",
             verify->host);
    return;
  }
  if (verify->ip_size > 0) {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the server's certificate is not for host '%.100s': it has no "
             "iPAddress entry with this address",
             verify->host);
    return;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate is not for host '%.100s'%s%.60s%s",
           verify->host, verify->san_name[0] == '\0' ? "" : " but for '",
           verify->san_name, verify->san_name[0] == '\0' ? "" : "'");
}

/* The clock and the trust anchors come first: they are what the user can
 * change, and nothing else in an untrusted certificate means much. */
static void say_verdict(const struct gcn__tls_fault* fault, char* text) {
  const struct gcn__tls_verify* verify = fault->verify;
  uint32_t flags = verify->flags;
  if (fault->flags != VERDICT_NONE) flags |= fault->flags;
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
    say_distrust(verify, text);
    return;
  }
  uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
  if ((flags & dates) != 0) {
    say_date(verify, (flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0, text);
    return;
  }
  for (size_t i = 0; i < COUNT(verdicts); i++) {
    if ((flags & (uint32_t)verdicts[i].number) == 0) continue;
    say(text, verdicts[i].text);
    return;
  }
  if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
    say_name(verify, text);
    return;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate cannot be read or has an unsupported "
           "critical extension or key (Mbed TLS -0x%04x)",
           (unsigned)-fault->detail);
}

/* A certificate that Mbed TLS cannot read because it does not know the kind of
 * its key or of its signature; sometimes it then goes on with an empty one. */
static bool is_unknown_kind(const struct gcn__tls_fault* fault) {
  if (fault->open || fault->detail >= 0) return false;
  if (fault->verify->unreadable) return true;
  switch (fault->detail + (-fault->detail & LOW_MASK)) {
  case MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG:
  case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
  case MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE:
  case MBEDTLS_ERR_PK_INVALID_ALG: return true;
  default: return false;
  }
}

/* Every code of Mbed TLS's X.509 module, and the two by which the TLS module
 * reports its own checks of a certificate. */
static bool about_certificate(int detail) {
  if (detail == MBEDTLS_ERR_SSL_BAD_CERTIFICATE) return true;
  return detail <= MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE &&
         detail > MBEDTLS_ERR_X509_FATAL_ERROR - LOW_MASK - 1;
}

static void say_alert(const struct gcn__tls_fault* fault, char* text) {
  const char* name = find(alerts, COUNT(alerts), fault->alert);
  if (name == NULL) {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the peer ended the TLS %s with alert %d",
             fault->open ? "connection" : "handshake", fault->alert);
    return;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the peer ended the TLS %s with alert %d, %s",
           fault->open ? "connection" : "handshake", fault->alert, name);
}

static bool is_plain_text(struct gcn__span first) {
  for (size_t i = 0; i < first.size; i++) {
    char c = first.data[i];
    bool space = c == '\r' || c == '\n' || c == '\t';
    if (!space && (c < ' ' || c > '~')) return false;
  }
  return first.size == GCN__TLS_FIRST_SIZE;
}

/* Mbed TLS has one number for several faults here; during the handshake only
 * the certificate is ever that large. */
static bool is_oversize(const struct gcn__tls_fault* fault) {
  if (fault->open) return false;
  return fault->detail == MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE ||
         fault->detail == MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL ||
         fault->detail == MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
}

/* What can be told without a look at the number; NULL if nothing. */
static const char* special_case(const struct gcn__tls_fault* fault) {
  if (gcn__span_starts(fault->first, "HTTP/")) {
    return "the server answered in plain HTTP, not TLS; check the port and the "
           "scheme of the address";
  }
  if (is_plain_text(fault->first)) {
    return "the peer answered in plain text, not TLS; check the port of the "
           "address";
  }
  if (fault->detail == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
    return "the peer closed the connection during the TLS handshake";
  }
  if (fault->record_size > RECORD_SIZE_MAX) {
    return "the peer sent an oversize TLS record";
  }
  if (is_oversize(fault)) {
    return "the server's TLS handshake message is too large; certificates are "
           "limited to 16 KiB";
  }
  return NULL;
}

int gcn__tls_judge(const struct gcn__tls_fault* fault,
                   char text[GCN__TLS_TEXT_SIZE]) {
  if (gcn__tls_out_of_memory(fault->detail)) {
    say(text, "out of memory in the TLS layer");
    return GCN__ENOMEM;
  }
  if (is_unknown_kind(fault)) {
    say(text, "the server's certificate is of a kind, or signed in a way, that "
              "is not supported (Ed25519 is one); RSA, or ECDSA with P-256, "
              "P-384 or P-521, is needed");
    return GCN_ETLSVERIFY;
  }
  if (about_certificate(fault->detail)) {
    say_verdict(fault, text);
    return GCN_ETLSVERIFY;
  }
  if (fault->detail == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    say_alert(fault, text);
    return GCN_ETLS;
  }
  const char* sentence = special_case(fault);
  if (sentence == NULL) {
    sentence = find(failures, COUNT(failures), fault->detail);
  }
  if (sentence != NULL) {
    say(text, sentence);
  } else {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the TLS layer failed (Mbed TLS -0x%04x)",
             (unsigned)-fault->detail);
  }
  return GCN_ETLS;
}
