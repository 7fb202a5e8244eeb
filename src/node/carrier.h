/* SPDX-License-Identifier: MIT */
/*
 * Where clients live, and how calls and reports get there and back: the one
 * thing in which the two files of the addon differ.
 *
 * host     on the runtime's own loop; calls are calls and reports are calls.
 * thread   on a loop of our own that runs on a thread of our own; JavaScript
 *          waits for its calls, and reports lie in a queue for it.
 */
#ifndef GCN_NODE_CARRIER_H
#define GCN_NODE_CARRIER_H

#include "node/client.h"

extern const char gcn__carrier_kind[];
/* A report has been heard only some time after its callback has returned. */
extern const bool gcn__carrier_is_apart;

/* JavaScript side, before anything else: makes what clients of the environment
 * need.  Harmless if it is there.  0 or an error. */
int gcn__carrier_open(struct gcn__jsenv* jsenv);
/* Loop side. */
uv_loop_t* gcn__carrier_loop(struct gcn__jsenv* jsenv);

/* JavaScript side: runs `work` on the loop side and returns when it has. */
void gcn__carrier_call(struct gcn__jsenv* jsenv, void (*work)(void* arg),
                       void* arg);
/* JavaScript side.  0, or an error where that is known at once. */
int gcn__carrier_ack(struct gcn__jsclient* client, uint64_t sequence);
/* JavaScript side: kept_count has changed. */
void gcn__carrier_keep(struct gcn__jsenv* jsenv);

/* Loop side, from a callback in which the user may call anything. */
void gcn__carrier_tell(struct gcn__jsclient* client,
                       const struct gcn__report* report);
/* Loop side, from any other place, also from inside of a call.  0 or UV_ENOMEM:
 * it is not told. */
int gcn__carrier_tell_later(struct gcn__jsclient* client,
                            const struct gcn__report* report);
/* Loop side, from the close callback. */
void gcn__carrier_tell_closed(struct gcn__jsclient* client);

#endif
