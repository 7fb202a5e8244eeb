/* SPDX-License-Identifier: MIT */
/*
 * What the public calls begin and end with.
 */
#ifndef GCN_CLIENT_CHECK_H
#define GCN_CLIENT_CHECK_H

#include "client/client.h"

/* 0, UV_EINVAL, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED. */
int gcn__client_check(const gcn_client_t* client);
/* Notes commands, if any, and wakes the loop.  0. */
int gcn__client_note(gcn_client_t* client, unsigned commands);

#endif
