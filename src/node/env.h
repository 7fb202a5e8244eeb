/* SPDX-License-Identifier: MIT */
/*
 * What the addon has in one environment of the runtime: the main thread's or
 * a worker's.
 *
 * There are two sides.  On the JavaScript side lies what JavaScript calls; on
 * the loop side live the clients of the library.  With the host carrier both
 * are one thread; with the thread carrier they are two, and a member belongs
 * to one of them, as is said beside it.  JavaScript may wait for the loop
 * side, never the other way round.
 *
 * Once `closing` is set nothing enters JavaScript any more.
 */
#ifndef GCN_NODE_ENV_H
#define GCN_NODE_ENV_H

#include "base/list.h"
#include "node/values.h"

struct gcn__carrier;

struct gcn__jsenv {
  napi_env env;
  struct gcn__carrier* carrier; /* NULL before the first client */
  /* JavaScript side. */
  bool closing;
  size_t ref_count;         /* the instance data, and every client */
  struct gcn__list clients; /* that are not freed */
  size_t open_count;        /* clients whose close report is still to come */
  size_t kept_count;        /* of them, those that keep the runtime going */
  /* Loop side. */
  bool ending;           /* clients have been told to end */
  gcn_hub_t* hub;        /* NULL: no client wants it */
  size_t hub_user_count; /* clients on it that were not told to close */
};

/* Made with the module; the runtime's instance data.  NULL: it is thrown. */
struct gcn__jsenv* gcn__jsenv_new(napi_env env);
struct gcn__jsenv* gcn__jsenv_of(napi_env env);
void gcn__jsenv_release(struct gcn__jsenv* jsenv);

/* Loop side.  Ends all clients without a goodbye. */
void gcn__jsenv_close_all(struct gcn__jsenv* jsenv);

/* Loop side.  The hub that clients of the environment share; it is theirs, and
 * the environment lets go of it with the last of them, so that no look-up of
 * its outlives them.  An error of gcn_hub_new. */
int gcn__jsenv_join_hub(struct gcn__jsenv* jsenv, uv_loop_t* loop,
                        const gcn_options_t* options);
void gcn__jsenv_leave_hub(struct gcn__jsenv* jsenv);

#endif
