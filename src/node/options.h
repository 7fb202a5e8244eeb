/* SPDX-License-Identifier: MIT */
/*
 * An object of JavaScript as gcn_options_t.
 *
 * It does not judge what the library judges: here names and types are looked
 * at, and what stands in them goes to gcn_client_new.  Callbacks are not set.
 */
#ifndef GCN_NODE_OPTIONS_H
#define GCN_NODE_OPTIONS_H

#include "node/values.h"

struct gcn__jsoptions {
  gcn_options_t options;
  gcn_stream_t stream; /* used if options.stream is set */
  gcn_store_t store;   /* likewise */
  int asks_credentials;
  int asks_token;
  int has_store;
  int hears_heartbeats;
  int hears_log;
  int own_hub;
  struct gcn__scrap scrap; /* the texts */
};

/* false: a TypeError is thrown.  Free it in any case. */
bool gcn__jsoptions_read(struct gcn__jsoptions* to, napi_env env,
                         napi_value from);
void gcn__jsoptions_free(struct gcn__jsoptions* options);

#endif
