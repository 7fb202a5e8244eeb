/* SPDX-License-Identifier: MIT */
/*
 * The life of a configuration: made of options, brought up to date with its
 * files, held by its connections.
 *
 * A configuration that was returned is complete; a failed one leaves nothing
 * behind.  Whatever is wrong with new files, the last good material stays.
 */
#include "codec/tls-config.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "codec/tls-text.h"

#include <psa/crypto.h>
#include <stdio.h>

enum {
  TICKET_LIFE_S = 86400,
  LOOK_EVERY_MS = 1000,
};

static void destroy(struct gcn__tls_config* config) {
  gcn__tls_sessions_clear(&config->sessions);
  gcn__tls_material_release(config->material);
  gcn__tls_sources_free(config->mem, &config->sources);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_free(&config->tickets);
#endif
  mbedtls_ctr_drbg_free(&config->random);
  mbedtls_entropy_free(&config->entropy);
  gcn__free(config->mem, config, sizeof(*config));
}

static struct gcn__tls_config* create(const struct gcn__mem* mem, bool server) {
  struct gcn__tls_config* config = gcn__alloc_zero(mem, sizeof(*config));
  if (config == NULL) return NULL;
  config->mem = mem;
  config->ref_count = 1;
  config->server = server;
  config->alpn[0] = "http/1.1";
  gcn__tls_sessions_init(&config->sessions, mem);
  mbedtls_entropy_init(&config->entropy);
  mbedtls_ctr_drbg_init(&config->random);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_init(&config->tickets);
#endif
  return config;
}

static int entropy_failed(char* text) {
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the system's source of random numbers failed");
  return GCN_EENTROPY;
}

/* PSA's state belongs to the process and is never torn down by us, as the host
 * may use it too; initialising it again does nothing. */
static int seed(struct gcn__tls_config* config, char* text) {
  psa_status_t status = psa_crypto_init();
  if (status == PSA_ERROR_INSUFFICIENT_MEMORY) return GCN__ENOMEM;
  if (status != PSA_SUCCESS) return entropy_failed(text);
  int rc = mbedtls_ctr_drbg_seed(&config->random, mbedtls_entropy_func,
                                 &config->entropy, NULL, 0);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  return rc == 0 ? 0 : entropy_failed(text);
}

/* What no file can change needs not be made again. */
static void forget_idle_sources(struct gcn__tls_config* config) {
  if (config->server || config->material->file_count == 0) {
    gcn__tls_sources_free(config->mem, &config->sources);
  }
}

static int build(struct gcn__tls_config* config,
                 const struct gcn__tls_client_options* options, char* text) {
  int rc = seed(config, text);
  if (rc != 0) return rc;
#if defined(GCN__TLS_TICKETS)
  if (config->server) {
    rc = mbedtls_ssl_ticket_setup(&config->tickets, mbedtls_ctr_drbg_random,
                                  &config->random, MBEDTLS_CIPHER_AES_256_GCM,
                                  TICKET_LIFE_S);
  }
  if (rc != 0) return GCN__ENOMEM;
#endif
  config->tls12_only = options->tls12_only;
  config->resume = !options->no_resume;
  rc = gcn__tls_sources_copy(config->mem, options, &config->sources);
  if (rc != 0) return rc;
  rc = gcn__tls_material_make(config, &config->material, text);
  if (rc == 0) forget_idle_sources(config);
  return rc;
}

static int make(const struct gcn__mem* mem, bool server,
                const struct gcn__tls_client_options* options,
                struct gcn__tls_config** config, char* text) {
  *config = NULL;
  text[0] = '\0';
  struct gcn__tls_config* made = create(mem, server);
  int rc = made == NULL ? GCN__ENOMEM : build(made, options, text);
  if (rc == 0) {
    text[0] = '\0'; /* of a system store that another one stood in for */
    *config = made;
    return 0;
  }
  if (rc == GCN__ENOMEM) snprintf(text, GCN__TLS_TEXT_SIZE, "out of memory");
  if (made != NULL) destroy(made);
  return rc;
}

int gcn__tls_config_client(const struct gcn__mem* mem,
                           const struct gcn__tls_client_options* options,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]) {
  return make(mem, false, options, config, text);
}

int gcn__tls_config_server(const struct gcn__mem* mem,
                           struct gcn__span certificate_pem,
                           struct gcn__span key_pem,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]) {
  *config = NULL;
  char* certificate =
      gcn__str_copy_n(mem, certificate_pem.data, certificate_pem.size);
  char* key = gcn__str_copy_n(mem, key_pem.data, key_pem.size);
  const struct gcn__tls_client_options options = {
      .client_cert_pem = certificate, .client_key_pem = key};
  int rc = GCN__ENOMEM;
  if (certificate != NULL && key != NULL) {
    rc = make(mem, true, &options, config, text);
  } else {
    snprintf(text, GCN__TLS_TEXT_SIZE, "out of memory");
  }
  gcn__free(mem, certificate, certificate_pem.size + 1);
  if (key != NULL) gcn__wipe(key, key_pem.size);
  gcn__free(mem, key, key_pem.size + 1);
  return rc;
}

struct gcn__tls_config* gcn__tls_config_hold(struct gcn__tls_config* config) {
  config->ref_count++;
  return config;
}

void gcn__tls_config_release(struct gcn__tls_config* config) {
  if (config == NULL) return;
  GCN__ASSERT(config->ref_count > 0);
  if (--config->ref_count == 0) destroy(config);
}

/* Sessions were verified by the old anchors and for the old certificate. */
static void replace(struct gcn__tls_config* config,
                    struct gcn__tls_material* material) {
  gcn__tls_material_release(config->material);
  config->material = material;
  config->problem[0] = '\0';
  gcn__tls_sessions_clear(&config->sessions);
}

/* While there is a problem, each look tries again: what was in the way need
 * not have been the file itself. */
static int reload(struct gcn__tls_config* config, char* why) {
  struct gcn__tls_material* material = NULL;
  char text[GCN__TLS_TEXT_SIZE] = "";
  int rc = gcn__tls_material_make(config, &material, text);
  if (rc == 0) {
    replace(config, material);
    return 1;
  }
  if (rc == GCN__ENOMEM) snprintf(text, sizeof(text), "out of memory");
  if (strcmp(text, config->problem) == 0) return 0;
  memcpy(config->problem, text, sizeof(text));
  memcpy(why, text, sizeof(text));
  return rc;
}

int gcn__tls_config_refresh(struct gcn__tls_config* config, uint64_t now_ms,
                            char why[GCN__TLS_TEXT_SIZE]) {
  why[0] = '\0';
  config->now_ms = now_ms;
  if (config->server || config->material->file_count == 0) return 0;
  if (now_ms < config->look_ms) return 0;
  config->look_ms = gcn__time_add(now_ms, LOOK_EVERY_MS);
  bool fine = config->problem[0] == '\0';
  if (fine && !gcn__tls_files_changed(config->material)) return 0;
  return reload(config, why);
}

struct gcn__tls_counts
gcn__tls_config_counts(const struct gcn__tls_config* config) {
  return config->counts;
}

static int fill(void* ctx, void* data, size_t size) {
  struct gcn__tls_config* config = ctx;
  unsigned char* to = data;
  while (size > 0) {
    size_t step = size;
    if (step > MBEDTLS_CTR_DRBG_MAX_REQUEST)
      step = MBEDTLS_CTR_DRBG_MAX_REQUEST;
    if (mbedtls_ctr_drbg_random(&config->random, to, step) != 0) {
      return GCN_EENTROPY;
    }
    to += step;
    size -= step;
  }
  return 0;
}

struct gcn__entropy gcn__tls_config_entropy(struct gcn__tls_config* config) {
  return (struct gcn__entropy){.fill = fill, .ctx = config};
}
