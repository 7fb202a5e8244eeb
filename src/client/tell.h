/* SPDX-License-Identifier: MIT */
/*
 * Calls the user: the engine's records put into the public ones.
 *
 * Only the pump comes here.  What a call of the user's could change under our
 * feet is copied first.
 */
#ifndef GCN_CLIENT_TELL_H
#define GCN_CLIENT_TELL_H

#include "client/client.h"

/* `effect` is one of those that tell something. */
void gcn__tell(struct gcn_client_s* client, const struct gcn__effect* effect,
               uint64_t now_ms);

/* The state of all connections together, by what the user has been told. */
void gcn__tell_sum(struct gcn_client_s* client, uint64_t now_ms);

#endif
