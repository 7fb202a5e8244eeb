/* SPDX-License-Identifier: MIT */
/*
 * Configurations: a client's view of a base, of its own or of a pool.
 *
 * What happens to a base is told to each of its configurations once.
 */
#include "codec/tls-config.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdio.h>

/* Takes over the hold on the base; NULL: no memory. */
static struct gcn__tls_config* view(const struct gcn__mem* mem,
                                    struct gcn__tls_base* base) {
  struct gcn__tls_config* config = gcn__alloc_zero(mem, sizeof(*config));
  if (config == NULL) {
    gcn__tls_base_release(base);
    return NULL;
  }
  config->mem = mem;
  config->ref_count = 1;
  config->base = base;
  config->change_count = base->change_count;
  config->problem_count = base->problem_count;
  return config;
}

/* Of a base that was made or joined with the result `rc`. */
static int finish(const struct gcn__mem* mem, int rc,
                  struct gcn__tls_base* base, struct gcn__tls_config** config,
                  char* text) {
  *config = NULL;
  if (rc == 0) *config = view(mem, base);
  if (rc == 0 && *config == NULL) rc = GCN__ENOMEM;
  if (rc == GCN__ENOMEM) snprintf(text, GCN__TLS_TEXT_SIZE, "out of memory");
  return rc;
}

/* What no file can change needs not be made again. */
static void forget_idle_sources(struct gcn__tls_base* base) {
  if (base->server || base->material->file_count == 0) {
    gcn__tls_sources_free(&base->mem, &base->sources);
  }
}

static int make(const struct gcn__mem* mem, bool server,
                const struct gcn__tls_client_options* options,
                struct gcn__tls_config** config, char* text) {
  struct gcn__tls_base* base;
  int rc = gcn__tls_base_make(mem, server, options, &base, text);
  if (rc == 0) forget_idle_sources(base);
  return finish(mem, rc, base, config, text);
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

void gcn__tls_pool_init(struct gcn__tls_pool* pool,
                        const struct gcn__mem* mem) {
  pool->mem = *mem;
  gcn__list_init(&pool->bases);
}

void gcn__tls_pool_deinit(struct gcn__tls_pool* pool) {
  while (!gcn__list_empty(&pool->bases))
    gcn__list_remove(pool->bases.next);
}

static struct gcn__tls_base*
find(const struct gcn__tls_pool* pool,
     const struct gcn__tls_client_options* options) {
  struct gcn__list* at = pool->bases.next;
  for (; at != &pool->bases; at = at->next) {
    struct gcn__tls_base* base =
        GCN__CONTAINER_OF(at, struct gcn__tls_base, link);
    if (gcn__tls_base_fits(base, options)) return base;
  }
  return NULL;
}

int gcn__tls_config_pooled(struct gcn__tls_pool* pool,
                           const struct gcn__mem* mem,
                           const struct gcn__tls_client_options* options,
                           struct gcn__tls_config** config,
                           char text[GCN__TLS_TEXT_SIZE]) {
  struct gcn__tls_base* base = find(pool, options);
  if (base != NULL) {
    return finish(mem, gcn__tls_base_join(base, text), base, config, text);
  }
  int rc = gcn__tls_base_make(&pool->mem, false, options, &base, text);
  if (rc == 0) gcn__list_append(&pool->bases, &base->link);
  return finish(mem, rc, base, config, text);
}

struct gcn__tls_config* gcn__tls_config_hold(struct gcn__tls_config* config) {
  config->ref_count++;
  return config;
}

void gcn__tls_config_release(struct gcn__tls_config* config) {
  if (config == NULL) return;
  GCN__ASSERT(config->ref_count > 0);
  if (--config->ref_count > 0) return;
  gcn__tls_base_release(config->base);
  gcn__free(config->mem, config, sizeof(*config));
}

int gcn__tls_config_refresh(struct gcn__tls_config* config, uint64_t now_ms,
                            char why[GCN__TLS_TEXT_SIZE]) {
  struct gcn__tls_base* base = config->base;
  why[0] = '\0';
  gcn__tls_base_look(base, now_ms);
  bool changed = config->change_count != base->change_count;
  bool troubled =
      config->problem_count != base->problem_count && base->problem[0] != '\0';
  config->change_count = base->change_count;
  config->problem_count = base->problem_count;
  if (troubled) {
    memcpy(why, base->problem, sizeof(base->problem));
    return base->problem_error;
  }
  return changed ? 1 : 0;
}

struct gcn__tls_counts
gcn__tls_config_counts(const struct gcn__tls_config* config) {
  return config->counts;
}

struct gcn__entropy gcn__tls_config_entropy(struct gcn__tls_config* config) {
  return gcn__tls_base_entropy(config->base);
}
