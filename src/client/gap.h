/* SPDX-License-Identifier: MIT */
/*
 * Gaps as the user is told of them.
 */
#ifndef GCN_CLIENT_GAP_H
#define GCN_CLIENT_GAP_H

#include "client/client.h"

void gcn__tell_gap(struct gcn_client_s* client, const struct gcn__gap* from,
                   uint64_t now_ms);

#endif
