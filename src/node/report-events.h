/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to JavaScript: the only thing that comes by the thousand.
 */
#ifndef GCN_NODE_REPORT_EVENTS_H
#define GCN_NODE_REPORT_EVENTS_H

#include "node/values.h"

enum {
  GCN__EVENTS_MAX = 64,  /* of one call */
  GCN__EVENT_TEXTS = 8,  /* topic, body, correlation id, version, id, resource
                            id, type, timestamp */
  GCN__EVENT_NUMBERS = 5 /* sequence, generation, connection, received,
                            connection index */
};

/* A Float64Array for the numbers of one call; NULL if it can't be made. */
napi_value gcn__events_numbers(napi_env env);

/* Writes `count` events, at most GCN__EVENTS_MAX, to `numbers` and as values
 * to `texts`.  false: the runtime does not give the values. */
bool gcn__events_put(napi_env env, const gcn_event_t* list, size_t count,
                     napi_value numbers, napi_value* texts);

#endif
