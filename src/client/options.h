/* SPDX-License-Identifier: MIT */
/*
 * Options made complete: read by size, defaults filled in, everything checked.
 *
 * The texts name the field, what is wrong with it and the remedy, and never
 * repeat a secret.
 */
#ifndef GCN_CLIENT_OPTIONS_H
#define GCN_CLIENT_OPTIONS_H

#include "codec/tls.h"
#include "codec/url.h"
#include "core/settings.h"
#include "core/topics.h"
#include "core/window.h"
#include "dialect/stream.h"
#include "gcnotify.h"

enum {
  GCN__WHY_SIZE = 320,
  /* "https://login." and a domain. */
  GCN__BASE_URL_SIZE = GCN__HOST_SIZE_MAX + 16,
};

/* Deadlines and waits beyond this are slips of the unit. */
#define GCN__DURATION_MAX_MS (UINT64_C(366) * 24 * 3600 * 1000)

/* Views the user's strings; valid as long as they are. */
struct gcn__config {
  gcn_options_t options; /* of full size, unknown fields zero */
  struct gcn__settings settings;
  struct gcn__mem mem;
  const char* login_url;
  const char* api_url;
  const char* domain; /* NULL: only the URLs' own hosts are known */
  const char* user_agent;
  bool tls; /* a TLS configuration is needed */

  /* Dialect. */
  bool stream;
  struct gcn__shape shape; /* if `stream`; its texts are views, too */
  enum gcn__scrutiny scrutiny;

  /* Delivery, complete.  `windowed`: events are in flight until they are
   * acknowledged, because there is a checkpoint or the user says when. */
  bool windowed;
  struct gcn__window_limits window;
  size_t batch_count_max;
  size_t batch_size_max;
  gcn_full_t full;
  uint64_t full_ms;

  /* Checkpoint: one of the three stores, or none. */
  bool checkpoints;
  gcn_store_t store; /* if options.store is set: of full size */
  uint64_t checkpoint_ms;

  char login_text[GCN__BASE_URL_SIZE];
  char api_text[GCN__BASE_URL_SIZE];
  char domain_text[GCN__HOST_SIZE_MAX + 1];
};

/* 0, GCN_ECONFIG or UV_EINVAL; then `why` says what is wrong. */
int gcn__config_make(const gcn_options_t* options, struct gcn__config* config,
                     char why[GCN__WHY_SIZE]);
/* Loads the trust anchors if they are needed, unless `pool` has them; *tls may
 * stay NULL.  `pool` may be NULL; `mem` must outlive *tls.
 * 0, GCN_ECONFIG, GCN_EENTROPY, UV_ENOMEM; then `why` says what is wrong. */
int gcn__config_load_tls(const struct gcn__config* config,
                         struct gcn__tls_pool* pool, const struct gcn__mem* mem,
                         struct gcn__tls_config** tls, char why[GCN__WHY_SIZE]);

/* NULL, or what is wrong with a topic of the channels dialect or a subscription
 * of the stream dialect, a constant. */
const char* gcn__client_topic_check(bool stream, struct gcn__span name);
/* NULL, or what is wrong with a client's secret. */
const char* gcn__credential_check(const char* text);
/* ... with its id. */
const char* gcn__client_id_check(const char* text);
/* ... with an assertion or a refresh token. */
const char* gcn__assertion_check(const char* text);

#endif
