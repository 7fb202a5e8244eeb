/* SPDX-License-Identifier: MIT */
/*
 * The library's functions that need no client.
 */
#ifndef GCN_NODE_HELPERS_H
#define GCN_NODE_HELPERS_H

#include "node/values.h"

/* As members of `exports`. */
void gcn__helpers_put(napi_env env, napi_value exports);

#endif
