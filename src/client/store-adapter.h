/* SPDX-License-Identifier: MIT */
/*
 * The user's own store (gcn_store_t) as one of ours.
 *
 * One thing is looser than loop/store.h promises: a user may answer from inside
 * of load or save, and then `done` comes from there.  Whoever asks takes only a
 * note in `done`.  A second answer to the same request is passed over,
 * also if it comes when the next request is under way.
 */
#ifndef GCN_CLIENT_STORE_ADAPTER_H
#define GCN_CLIENT_STORE_ADAPTER_H

#include "base/mem.h"
#include "gcnotify.h"
#include "loop/store.h"

/* `user` is of full size and copied; `mem` must outlive the store.  0 or
 * UV_ENOMEM. */
int gcn__store_adapter_new(const struct gcn__mem* mem, const gcn_store_t* user,
                           struct gcn__store* store);
/* Frees it without the user's close: after a fork, or if nothing came of it. */
void gcn__store_adapter_abandon(struct gcn__store* store);

#endif
