/* SPDX-License-Identifier: MIT */
/*
 * The class Client: one client of the library and the object that stands for
 * it.
 *
 * From its making to its close report it holds the object and the listener, so
 * that neither is collected while the client lives.  The struct goes when the
 * object is collected and the client is closed, whichever is later.
 */
#ifndef GCN_NODE_CLIENT_H
#define GCN_NODE_CLIENT_H

#include "node/env.h"
#include "node/options.h"
#include "node/report.h"

enum { GCN__SENTENCE_SIZE = 512 };

enum gcn__pause {
  GCN__PAUSE_USER = 1,
  GCN__PAUSE_BACKLOG = 2 /* JavaScript has not taken what lies there */
};

struct gcn__jsclient {
  struct gcn__list link; /* in the environment's */
  struct gcn__jsenv* jsenv;
  /* JavaScript side. */
  napi_ref object;
  napi_ref listener;
  napi_ref numbers; /* see report-events.h */
  napi_async_context context;
  bool open;           /* until its close report */
  bool closing;        /* close was called */
  bool kept;           /* it counts in kept_count */
  bool orphan;         /* the object is gone */
  uint64_t last_heard; /* the highest sequence number told to the listener */
  /* Set once, when it is made. */
  bool acks_by_hand; /* it was asked for with ack: 'manual' */
  /* Loop side. */
  gcn_client_t* client; /* NULL: not made, or closed */
  bool on_hub;
  bool hears_log;
  bool acks_late; /* what the library could do at once, after JavaScript */
  uint64_t acks_unknown; /* queued for events that are not in flight */
  unsigned pauses;
  uint64_t last_ticket; /* of the store's */
  uint64_t load_ticket; /* 0: nothing is asked */
  uint64_t save_ticket;
  gcn_load_t* load;
  gcn_save_t* save;
  char sentence[GCN__SENTENCE_SIZE]; /* why it could not be made */
  /* The carrier's. */
  struct gcn__weight backlog; /* reports that JavaScript has not taken */
  struct gcn__list clogged;
  struct gcn__parcel loss; /* that events were lost */
  struct gcn__parcel last; /* the close report; neither needs memory */
};

/* The class itself. */
napi_value gcn__jsclient_class(napi_env env);
/* new Client(options, listener) */
napi_value gcn__jsclient_construct(napi_env env, napi_callback_info info);

/* The struct of `object`; NULL: a TypeError is thrown. */
struct gcn__jsclient* gcn__jsclient_of(napi_env env, napi_value object);

/* What is to be done on the loop side with a client that is there. */
typedef int (*gcn__work_fn)(struct gcn__jsclient* client, void* arg);
/* JavaScript side.  Does it, and returns what it returned; GCN_ECLOSING if the
 * client is closed. */
int gcn__jsclient_call(struct gcn__jsclient* client, gcn__work_fn work,
                       void* arg);

/* JavaScript side: gives the report to the listener.  From the loop only. */
void gcn__jsclient_tell(struct gcn__jsclient* client,
                        const struct gcn__report* report);
/* JavaScript side: after the close report has been given. */
void gcn__jsclient_end(struct gcn__jsclient* client);
void gcn__jsclient_set_kept(struct gcn__jsclient* client, bool kept);

/* Sets the callbacks in the options. */
void gcn__jsclient_hear(struct gcn__jsclient* client,
                        struct gcn__jsoptions* asked);
/* Loop side. */
int gcn__jsclient_close(struct gcn__jsclient* client);
int gcn__jsclient_pause(struct gcn__jsclient* client, enum gcn__pause pause);
int gcn__jsclient_resume(struct gcn__jsclient* client, enum gcn__pause pause);
/* For a store that nobody will hear of any more. */
void gcn__jsclient_cancel_store(struct gcn__jsclient* client);

#endif
