/* SPDX-License-Identifier: MIT */
/*
 * The sentences.
 *
 * What a user can act on comes first; Mbed TLS's number is only shown where
 * there is nothing better to say.  Every text fits or is cut.
 */
#include "codec/tls-text.h"

#include "base/err.h"
#include "codec/tls-config.h"
#include "codec/tls-constraints.h"

#include <mbedtls/asn1.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_time.h>
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

enum { ALERT_HANDSHAKE_FAILURE = 40 };

/* Those about a certificate, of which it is ours that the peer has seen. */
static const int unwelcome[] = {42, 43, 44, 45, 46, 48, 49, 116};

/* In the order of what to look at first. */
static const struct sentence verdicts[] = {
    {(int)MBEDTLS_X509_BADCERT_REVOKED,
     "a certificate in the server's chain was revoked by its issuer (the list "
     "of revoked certificates beside the CA certificates says so)"},
    {(int)(MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE),
     "the list of revoked certificates beside the CA certificates is out of "
     "date; get a new one, or check the local clock"},
    {(int)(MBEDTLS_X509_BADCRL_NOT_TRUSTED | MBEDTLS_X509_BADCRL_BAD_MD |
           MBEDTLS_X509_BADCRL_BAD_PK | MBEDTLS_X509_BADCRL_BAD_KEY),
     "the list of revoked certificates beside the CA certificates is not "
     "properly signed by their issuer; get a new one"},
    {(int)MBEDTLS_X509_BADCERT_MISSING, "the server sent no certificate"},
    {(int)MBEDTLS_X509_BADCERT_BAD_MD,
     "the server's certificate chain is signed with a digest that is too weak; "
     "SHA-256 or better is needed"},
    {(int)MBEDTLS_X509_BADCERT_BAD_PK,
     "the server's certificate chain has a kind of key that is not accepted; "
     "RSA or ECDSA is needed"},
    {(int)MBEDTLS_X509_BADCERT_KEY_USAGE,
     "the server's certificate is not meant for a TLS server (its key usage "
     "lacks digitalSignature)"},
    {(int)(MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
           MBEDTLS_X509_BADCERT_NS_CERT_TYPE),
     "the server's certificate is not meant for a TLS server (its extended key "
     "usage does not name serverAuth)"},
    {(int)MBEDTLS_X509_BADCERT_OTHER,
     "the issuer of the server's certificate may not issue it for this name "
     "(its name constraints say so)"},
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
     "group, signature or ALPN protocol)"},
    {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL,
     "the peer does not offer the protocol http/1.1 (ALPN)"},
    {MBEDTLS_ERR_SSL_COUNTER_WRAPPING,
     "the TLS connection has carried too many records"},
};

static const struct sentence versions[] = {
    {0x0002, "SSL 2.0"},
    {0x0300, "SSL 3.0"},
    {0x0301, "TLS 1.0"},
    {0x0302, "TLS 1.1"},
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

/* One of several sentences about the issuer; `%s` is its name. */
static void say_issuer(const struct gcn__tls_verify* verify, const char* before,
                       const char* after, char* text) {
  snprintf(text, GCN__TLS_TEXT_SIZE, "the server's certificate %s '%s'%s",
           before, verify->issuer, after);
}

static void say_distrust(const struct gcn__tls_verify* verify, char* text) {
  bool leaf = verify->distrusted_depth == 0;
  switch (verify->distrust) {
  case GCN__TLS_ISSUER_ITSELF:
    say_issuer(verify, leaf ? "is self-signed by" : "chain ends at",
               ", which is not trusted; name a CA file that holds it if this "
               "is intended",
               text);
    return;
  case GCN__TLS_ISSUER_NO_CA:
    say_issuer(verify, "chain is not trusted:",
               " is no certificate authority (it lacks CA:TRUE)", text);
    return;
  case GCN__TLS_ISSUER_NO_SIGNER:
    say_issuer(verify, "chain is not trusted:",
               " may not sign certificates (its key usage says so)", text);
    return;
  case GCN__TLS_ISSUER_TOO_HIGH:
    say_issuer(verify, "chain is not trusted:",
               " may not stand so far above it (its path length says so)",
               text);
    return;
  case GCN__TLS_ISSUER_OTHER_KEY:
    say_issuer(verify, "was issued by",
               ", which is not trusted; name a CA file that holds the issuer "
               "(the one known by this name has another key)",
               text);
    return;
  case GCN__TLS_ISSUER_UNKNOWN: break;
  }
  say_issuer(verify, "was issued by",
             ", which is not trusted; name a CA file that holds the issuer, or "
             "have the server send its whole chain",
             text);
}

static void say_key(const struct gcn__tls_verify* verify, char* text) {
  char size[48] = "";
  if (verify->rsa_bits > 0) {
    snprintf(size, sizeof(size), " (RSA of %zu bits)", verify->rsa_bits);
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate chain has a key that is too weak%s; RSA "
           "of 2048 bits or more, P-256, P-384 or P-521 is needed",
           size);
}

/* Of the clock that Mbed TLS has compared the dates with. */
static void print_local_time(char* to, size_t size) {
  mbedtls_x509_time now = {.year = 0};
  if (mbedtls_x509_time_gmtime(mbedtls_time(NULL), &now) != 0) now.year = 0;
  snprintf(to, size, "%04d-%02d-%02d %02d:%02d UTC", now.year, now.mon, now.day,
           now.hour, now.min);
}

static void say_date(const struct gcn__tls_verify* verify, bool expired,
                     char* text) {
  const mbedtls_x509_time* date = &verify->date;
  char now[80];
  print_local_time(now, sizeof(now));
  bool leaf = verify->dated[0] == '\0';
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate %s%s%s%s %04d-%02d-%02d; check the local "
           "clock (local time %.20s), or have it renewed",
           leaf ? "" : "chain holds '", verify->dated, leaf ? "" : "', which ",
           expired ? "expired on" : "is not valid before", date->year,
           date->mon, date->day, now);
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

static void say_unreadable(const struct gcn__tls_fault* fault, char* text) {
  int low = -fault->detail & LOW_MASK;
  if (gcn__tls_constraints_critical(fault->message)) {
    say(text, "the server's certificate chain has critical name constraints, "
              "which are not supported; only those that are not critical are");
    return;
  }
  if (fault->detail + low == MBEDTLS_ERR_X509_INVALID_EXTENSIONS) {
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the server's certificate has an unsupported critical extension, "
             "or one that cannot be read (Mbed TLS -0x%04x)",
             (unsigned)-fault->detail);
    return;
  }
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server's certificate cannot be read (Mbed TLS -0x%04x)",
           (unsigned)-fault->detail);
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
  if ((flags & MBEDTLS_X509_BADCERT_BAD_KEY) != 0) {
    say_key(verify, text);
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
  say_unreadable(fault, text);
}

static bool is_unknown_curve(const struct gcn__tls_fault* fault) {
  if (fault->open || fault->detail >= 0) return false;
  int number = fault->detail + (-fault->detail & LOW_MASK);
  return number == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE;
}

/* A certificate that Mbed TLS cannot read because it does not know the kind of
 * its key or of its signature; sometimes it then goes on with an empty one. */
static bool is_unknown_kind(const struct gcn__tls_fault* fault) {
  if (fault->open || fault->detail >= 0) return false;
  if (fault->verify->unreadable) return true;
  switch (fault->detail + (-fault->detail & LOW_MASK)) {
  case MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG:
  case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
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

/* A server of TLS 1.2 has no alert of its own for it, but with the suite and
 * the rest agreed upon there is little else left. */
static bool misses_certificate(const struct gcn__tls_fault* fault) {
  bool late = !fault->open && fault->verify->seen;
  return late && fault->alert == ALERT_HANDSHAKE_FAILURE;
}

bool gcn__tls_unwelcome(const struct gcn__tls_fault* fault) {
  if (fault->detail != MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) return false;
  if (misses_certificate(fault)) return true;
  for (size_t i = 0; i < COUNT(unwelcome); i++) {
    if (unwelcome[i] == fault->alert) return true;
  }
  return false;
}

static void say_alert(const struct gcn__tls_fault* fault, char* text) {
  const char* name = find(alerts, COUNT(alerts), fault->alert);
  if (misses_certificate(fault)) {
    name = "handshake_failure: it may want a client certificate";
  }
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

enum {
  HELLO_VERSION_AT = 4, /* RFC 5246 §7.4.1.3: type, length, version, random */
  HELLO_ID_AT = 38,
  TYPE_SERVER_HELLO = 2,
};

static unsigned byte_at(struct gcn__span bytes, size_t at) {
  return at < bytes.size ? (unsigned char)bytes.data[at] : 0;
}

/* What the server has chosen, if that is what is wrong with its hello; Mbed TLS
 * has one number or another for it. */
static bool say_choice(const struct gcn__tls_fault* fault, char* text) {
  struct gcn__span hello = fault->message;
  if (byte_at(hello, 0) != TYPE_SERVER_HELLO) return false;
  unsigned version = byte_at(hello, HELLO_VERSION_AT) << 8 |
                     byte_at(hello, HELLO_VERSION_AT + 1);
  if (version != MBEDTLS_SSL_VERSION_TLS1_2) {
    const char* name = find(versions, COUNT(versions), (int)version);
    snprintf(text, GCN__TLS_TEXT_SIZE,
             "the server wants %s; TLS 1.2 or 1.3 is needed",
             name == NULL ? "a version that does not exist" : name);
    return true;
  }
  size_t suite_at = HELLO_ID_AT + 1 + byte_at(hello, HELLO_ID_AT);
  unsigned suite = byte_at(hello, suite_at) << 8 | byte_at(hello, suite_at + 1);
  if (suite_at + 1 >= hello.size || gcn__tls_suite_offered(suite)) return false;
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the server wants the cipher suite 0x%04x, which was not offered: "
           "it is not secure, or unknown",
           suite);
  return true;
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

/* Mbed TLS has no random numbers for us. */
static bool lacks_entropy(int detail) {
  switch (detail + (-detail & LOW_MASK)) {
  case 0: break; /* a lower layer's number alone */
  case MBEDTLS_ERR_SSL_NO_RNG: return true;
  default: return false;
  }
  switch (detail) {
  case MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED:
  case MBEDTLS_ERR_ENTROPY_SOURCE_FAILED:
  case MBEDTLS_ERR_ENTROPY_NO_SOURCES_DEFINED:
  case MBEDTLS_ERR_ENTROPY_NO_STRONG_SOURCE: return true;
  default: return false;
  }
}

int gcn__tls_judge(const struct gcn__tls_fault* fault,
                   char text[GCN__TLS_TEXT_SIZE]) {
  if (gcn__tls_out_of_memory(fault->detail)) {
    say(text, "out of memory in the TLS layer");
    return GCN__ENOMEM;
  }
  if (lacks_entropy(fault->detail)) {
    say(text, "the system's source of random numbers failed");
    return GCN_EENTROPY;
  }
  if (is_unknown_curve(fault)) {
    say(text, "the server's certificate has a key on a curve that is not "
              "supported; P-256, P-384 or P-521 is needed");
    return GCN_ETLSVERIFY;
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
  if (say_choice(fault, text)) return GCN_ETLS;
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
