/* SPDX-License-Identifier: MIT */
/*
 * The own certificate with its key, and where they come from.
 *
 * Every complaint begins with the name of the option it is about; none holds a
 * word of the key or of its password.
 */
#include "codec/tls-config.h"

#include "base/err.h"
#include "codec/tls-text.h"

#include <mbedtls/pem.h>
#include <mbedtls/pkcs5.h>
#include <stdio.h>

/* One of the two, or the password: which option, and what it holds. */
struct part {
  const char* option;
  const char* noun;
  const char* pem;  /* if this is NULL ... */
  const char* path; /* ... this */
};

struct complaint {
  int number;
  const char* text;
};

#define UNKNOWN_KIND                                                           \
  "is of a kind, or signed in a way, that is not supported (Ed25519 is one); " \
  "RSA or ECDSA with P-256, P-384 or P-521 is needed"
#define UNKNOWN_CIPHER                                                         \
  "is encrypted in a way that is not supported; convert it with openssl "      \
  "pkcs8 "                                                                     \
  "-topk8 -v2 aes-256-cbc"

static const struct complaint complaints[] = {
    {MBEDTLS_ERR_PK_FILE_IO_ERROR, "cannot be read; check its permissions"},
    {MBEDTLS_ERR_PK_UNKNOWN_PK_ALG, UNKNOWN_KIND},
    {MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE, UNKNOWN_KIND},
    {MBEDTLS_ERR_PK_INVALID_ALG, UNKNOWN_KIND},
    {MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG, UNKNOWN_KIND},
    {MBEDTLS_ERR_PK_PASSWORD_REQUIRED,
     "is encrypted, and there is no client_key_password"},
    {MBEDTLS_ERR_PK_PASSWORD_MISMATCH,
     "is encrypted with another password than client_key_password"},
    {MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE, UNKNOWN_CIPHER},
    {MBEDTLS_ERR_PEM_FEATURE_UNAVAILABLE, UNKNOWN_CIPHER},
    {MBEDTLS_ERR_PEM_UNKNOWN_ENC_ALG, UNKNOWN_CIPHER},
    {MBEDTLS_ERR_PKCS5_FEATURE_UNAVAILABLE, UNKNOWN_CIPHER},
};

enum {
  COMPLAINT_COUNT = sizeof(complaints) / sizeof(*complaints),
  LOW_MASK = 0x7f, /* Mbed TLS adds a lower layer's number below this one */
};

static char* copy_if(const struct gcn__mem* mem, const char* text,
                     bool* complete) {
  char* copy = gcn__str_copy(mem, text);
  if (text != NULL && copy == NULL) *complete = false;
  return copy;
}

int gcn__tls_sources_copy(const struct gcn__mem* mem,
                          const struct gcn__tls_client_options* options,
                          struct gcn__tls_sources* sources) {
  struct gcn__span ca = options->ca_pem;
  sources->ca_pem = gcn__str_copy_n(mem, ca.data, ca.size);
  sources->ca_pem_size = ca.size;
  bool complete = ca.data == NULL || sources->ca_pem != NULL;
  sources->ca_path = copy_if(mem, options->ca_path, &complete);
  sources->cert_pem = copy_if(mem, options->client_cert_pem, &complete);
  sources->cert_path = copy_if(mem, options->client_cert_path, &complete);
  sources->key_pem = copy_if(mem, options->client_key_pem, &complete);
  sources->key_path = copy_if(mem, options->client_key_path, &complete);
  sources->key_password = copy_if(mem, options->client_key_password, &complete);
  return complete ? 0 : GCN__ENOMEM;
}

void gcn__tls_sources_free(const struct gcn__mem* mem,
                           struct gcn__tls_sources* sources) {
  gcn__free(mem, sources->ca_pem, sources->ca_pem_size + 1);
  gcn__str_free(mem, sources->ca_path);
  gcn__str_free(mem, sources->cert_pem);
  gcn__str_free(mem, sources->cert_path);
  gcn__secret_free(mem, sources->key_pem);
  gcn__str_free(mem, sources->key_path);
  gcn__secret_free(mem, sources->key_password);
  *sources = (struct gcn__tls_sources){.ca_pem = NULL};
}

static bool same_text(const char* one, const char* other) {
  if (one == NULL || other == NULL) return one == other;
  return strcmp(one, other) == 0;
}

bool gcn__tls_sources_equal(const struct gcn__tls_sources* sources,
                            const struct gcn__tls_client_options* options) {
  struct gcn__span ca = options->ca_pem;
  bool has_ca = sources->ca_pem != NULL;
  if (has_ca != (ca.data != NULL) || sources->ca_pem_size != ca.size) {
    return false;
  }
  return (!has_ca || memcmp(sources->ca_pem, ca.data, ca.size) == 0) &&
         same_text(sources->ca_path, options->ca_path) &&
         same_text(sources->cert_pem, options->client_cert_pem) &&
         same_text(sources->cert_path, options->client_cert_path) &&
         same_text(sources->key_pem, options->client_key_pem) &&
         same_text(sources->key_path, options->client_key_path) &&
         same_text(sources->key_password, options->client_key_password);
}

static int refuse(const struct part* part, const char* what, char* text) {
  if (part->pem != NULL) {
    snprintf(text, GCN__TLS_TEXT_SIZE, "%s: the %s %s", part->option,
             part->noun, what);
  } else {
    snprintf(text, GCN__TLS_TEXT_SIZE, "%s: the %s '%.80s' %s", part->option,
             part->noun, part->path, what);
  }
  return GCN_ECONFIG;
}

/* `otherwise` is for what the numbers do not tell. */
static int refuse_number(const struct part* part, int rc, const char* otherwise,
                         char* text) {
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  int number = rc < 0 ? rc + (-rc & LOW_MASK) : rc;
  for (size_t i = 0; i < COMPLAINT_COUNT; i++) {
    if (complaints[i].number == number) otherwise = complaints[i].text;
  }
  return refuse(part, otherwise, text);
}

static int refuse_expired(const struct part* part,
                          const mbedtls_x509_time* until, char* text) {
  char what[80];
  snprintf(what, sizeof(what), "expired on %04d-%02d-%02d; have it renewed",
           until->year, until->mon, until->day);
  return refuse(part, what, text);
}

/* Unlike a store of anchors, a chain has to be readable as a whole: a positive
 * number counts the certificates that are not. */
static int parse_certificate(const struct part* part, mbedtls_x509_crt* chain,
                             char* text) {
  int rc = part->pem == NULL
               ? mbedtls_x509_crt_parse_file(chain, part->path)
               : mbedtls_x509_crt_parse(chain, (const unsigned char*)part->pem,
                                        strlen(part->pem) + 1);
  if (rc == 0) return 0;
  return refuse_number(
      part, rc, rc > 0 ? "is PEM, but not all of it" : "is not PEM", text);
}

static int parse_key(const struct part* part, const char* password,
                     struct gcn__tls_base* base, mbedtls_pk_context* key,
                     char* text) {
  int rc;
  if (part->pem == NULL) {
    rc = mbedtls_pk_parse_keyfile(key, part->path, password,
                                  mbedtls_ctr_drbg_random, &base->random);
  } else {
    size_t password_size = password == NULL ? 0 : strlen(password);
    rc = mbedtls_pk_parse_key(key, (const unsigned char*)part->pem,
                              strlen(part->pem) + 1,
                              (const unsigned char*)password, password_size,
                              mbedtls_ctr_drbg_random, &base->random);
  }
  return rc == 0 ? 0 : refuse_number(part, rc, "is not PEM", text);
}

static int look_at(const struct part* part, struct gcn__tls_material* material,
                   char* text) {
  if (part->pem != NULL) return 0;
  gcn__tls_file_note(material, part->path);
  const char* problem = gcn__tls_file_problem(part->path);
  return problem == NULL ? 0 : refuse(part, problem, text);
}

static int load_pair(const struct part* certificate, const struct part* key,
                     struct gcn__tls_base* base,
                     struct gcn__tls_material* material, char* text) {
  int rc = look_at(certificate, material, text);
  if (rc != 0) return rc;
  rc = parse_certificate(certificate, &material->certificates, text);
  if (rc != 0) return rc;
  rc = look_at(key, material, text);
  if (rc != 0) return rc;
  rc = parse_key(key, base->sources.key_password, base, &material->key, text);
  if (rc != 0) return rc;
  rc = mbedtls_pk_check_pair(&material->certificates.pk, &material->key,
                             mbedtls_ctr_drbg_random, &base->random);
  if (rc == 0) return 0;
  return refuse_number(key, rc, "does not belong to the certificate", text);
}

static bool is_absent(const struct part* part) {
  return part->pem == NULL && part->path == NULL;
}

int gcn__tls_identity_load(struct gcn__tls_base* base,
                           struct gcn__tls_material* material,
                           char text[GCN__TLS_TEXT_SIZE]) {
  const struct gcn__tls_sources* from = &base->sources;
  struct part certificate = {"client_cert_path", "certificate", from->cert_pem,
                             from->cert_path};
  struct part key = {"client_key_path", "key", from->key_pem, from->key_path};
  if (certificate.pem != NULL) certificate.option = "client_cert_pem";
  if (key.pem != NULL) key.option = "client_key_pem";
  if (base->server) certificate.option = key.option = "server";

  if (is_absent(&certificate) && is_absent(&key)) return 0;
  if (is_absent(&certificate) || is_absent(&key)) {
    bool no_key = is_absent(&key);
    snprintf(text, GCN__TLS_TEXT_SIZE, "%s: a client's %s needs its %s, too",
             no_key ? certificate.option : key.option,
             no_key ? certificate.noun : key.noun,
             no_key ? key.noun : certificate.noun);
    return GCN_ECONFIG;
  }
  int rc = load_pair(&certificate, &key, base, material, text);
  if (rc != 0 || base->server) return rc;
  const mbedtls_x509_time* until = &material->certificates.valid_to;
  if (!mbedtls_x509_time_is_past(until)) return 0;
  return refuse_expired(&certificate, until, text);
}
