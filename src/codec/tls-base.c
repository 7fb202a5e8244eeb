/* SPDX-License-Identifier: MIT */
/*
 * The life of a base: made of options, brought up to date with its files, held
 * by the configurations that view it.
 *
 * A base that was returned is complete; a failed one leaves nothing behind.
 * Whatever is wrong with new files, the last good material stays.
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

static void destroy(struct gcn__tls_base* base) {
  struct gcn__mem mem = base->mem;
  gcn__list_remove(&base->link);
  gcn__tls_sessions_clear(&base->sessions);
  gcn__tls_material_release(base->material);
  gcn__tls_sources_free(&mem, &base->sources);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_free(&base->tickets);
#endif
  mbedtls_ctr_drbg_free(&base->random);
  mbedtls_entropy_free(&base->entropy);
  gcn__free(&mem, base, sizeof(*base));
}

static struct gcn__tls_base* create(const struct gcn__mem* mem, bool server) {
  struct gcn__tls_base* base = gcn__alloc_zero(mem, sizeof(*base));
  if (base == NULL) return NULL;
  gcn__list_init(&base->link);
  base->mem = *mem;
  base->ref_count = 1;
  base->server = server;
  base->alpn[0] = "http/1.1";
  gcn__tls_sessions_init(&base->sessions, &base->mem);
  mbedtls_entropy_init(&base->entropy);
  mbedtls_ctr_drbg_init(&base->random);
#if defined(GCN__TLS_TICKETS)
  mbedtls_ssl_ticket_init(&base->tickets);
#endif
  return base;
}

static int entropy_failed(char* text) {
  snprintf(text, GCN__TLS_TEXT_SIZE,
           "the system's source of random numbers failed");
  return GCN_EENTROPY;
}

/* PSA's state belongs to the process and is never torn down by us, as the host
 * may use it too; initialising it again does nothing. */
static int seed(struct gcn__tls_base* base, char* text) {
  psa_status_t status = psa_crypto_init();
  if (status == PSA_ERROR_INSUFFICIENT_MEMORY) return GCN__ENOMEM;
  if (status != PSA_SUCCESS) return entropy_failed(text);
  int rc = mbedtls_ctr_drbg_seed(&base->random, mbedtls_entropy_func,
                                 &base->entropy, NULL, 0);
  if (gcn__tls_out_of_memory(rc)) return GCN__ENOMEM;
  return rc == 0 ? 0 : entropy_failed(text);
}

static int build(struct gcn__tls_base* base,
                 const struct gcn__tls_client_options* options, char* text) {
  int rc = seed(base, text);
  if (rc != 0) return rc;
#if defined(GCN__TLS_TICKETS)
  if (base->server) {
    rc = mbedtls_ssl_ticket_setup(&base->tickets, mbedtls_ctr_drbg_random,
                                  &base->random, MBEDTLS_CIPHER_AES_256_GCM,
                                  TICKET_LIFE_S);
  }
  if (rc != 0) return GCN__ENOMEM;
#endif
  base->tls12_only = options->tls12_only;
  base->resume = !options->no_resume;
  rc = gcn__tls_sources_copy(&base->mem, options, &base->sources);
  if (rc != 0) return rc;
  return gcn__tls_material_make(base, &base->material, text);
}

int gcn__tls_base_make(const struct gcn__mem* mem, bool server,
                       const struct gcn__tls_client_options* options,
                       struct gcn__tls_base** base,
                       char text[GCN__TLS_TEXT_SIZE]) {
  *base = NULL;
  text[0] = '\0';
  struct gcn__tls_base* made = create(mem, server);
  int rc = made == NULL ? GCN__ENOMEM : build(made, options, text);
  if (rc == 0) {
    text[0] = '\0'; /* of a system store that another one stood in for */
    *base = made;
    return 0;
  }
  if (made != NULL) destroy(made);
  return rc;
}

void gcn__tls_base_release(struct gcn__tls_base* base) {
  GCN__ASSERT(base->ref_count > 0);
  if (--base->ref_count == 0) {
    destroy(base);
  } else {
    gcn__tls_sessions_serve(&base->sessions, base->ref_count);
  }
}

bool gcn__tls_base_fits(const struct gcn__tls_base* base,
                        const struct gcn__tls_client_options* options) {
  if (base->server || base->material->unwatched) return false;
  return base->resume == !options->no_resume &&
         base->tls12_only == options->tls12_only &&
         gcn__tls_sources_equal(&base->sources, options);
}

/* Sessions were verified by the old anchors and for the old certificate. */
static void replace(struct gcn__tls_base* base,
                    struct gcn__tls_material* material) {
  gcn__tls_material_release(base->material);
  base->material = material;
  base->problem[0] = '\0';
  base->change_count++;
  gcn__tls_sessions_clear(&base->sessions);
}

/* While there is a problem, each look tries again: what was in the way need
 * not have been the file itself. */
static void reload(struct gcn__tls_base* base) {
  struct gcn__tls_material* material = NULL;
  char text[GCN__TLS_TEXT_SIZE] = "";
  int rc = gcn__tls_material_make(base, &material, text);
  if (rc == 0) {
    replace(base, material);
    return;
  }
  if (rc == GCN__ENOMEM) snprintf(text, sizeof(text), "out of memory");
  if (strcmp(text, base->problem) == 0) return;
  memcpy(base->problem, text, sizeof(text));
  base->problem_error = rc;
  base->problem_count++;
}

static bool has_news(const struct gcn__tls_base* base) {
  return base->problem[0] != '\0' || gcn__tls_files_changed(base->material);
}

void gcn__tls_base_look(struct gcn__tls_base* base, uint64_t now_ms) {
  base->now_ms = now_ms;
  if (base->server || base->material->file_count == 0) return;
  if (now_ms < base->look_ms) return;
  base->look_ms = gcn__time_add(now_ms, LOOK_EVERY_MS);
  if (has_news(base)) reload(base);
}

/* A certificate that has expired is refused to whoever comes with it now. */
static bool is_worn(const struct gcn__tls_base* base) {
  const mbedtls_x509_crt* own = &base->material->certificates;
  return own->raw.p != NULL && mbedtls_x509_time_is_past(&own->valid_to) != 0;
}

int gcn__tls_base_join(struct gcn__tls_base* base,
                       char text[GCN__TLS_TEXT_SIZE]) {
  text[0] = '\0';
  if (has_news(base) || is_worn(base)) {
    struct gcn__tls_material* material = NULL;
    int rc = gcn__tls_material_make(base, &material, text);
    if (rc != 0) return rc;
    text[0] = '\0';
    replace(base, material);
  }
  base->ref_count++;
  gcn__tls_sessions_serve(&base->sessions, base->ref_count);
  return 0;
}

static int fill(void* ctx, void* data, size_t size) {
  struct gcn__tls_base* base = ctx;
  unsigned char* to = data;
  while (size > 0) {
    size_t step = size;
    if (step > MBEDTLS_CTR_DRBG_MAX_REQUEST)
      step = MBEDTLS_CTR_DRBG_MAX_REQUEST;
    if (mbedtls_ctr_drbg_random(&base->random, to, step) != 0) {
      return GCN_EENTROPY;
    }
    to += step;
    size -= step;
  }
  return 0;
}

struct gcn__entropy gcn__tls_base_entropy(struct gcn__tls_base* base) {
  return (struct gcn__entropy){.fill = fill, .ctx = base};
}
