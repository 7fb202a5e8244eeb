/* SPDX-License-Identifier: MIT */
/*
 * What users asked for and the loop has not done yet.
 *
 * Commands are bits, so they cannot overflow and take no memory.  Posts are a
 * queue, the only thing here that other threads touch; it is what the mutex
 * guards.
 */
#ifndef GCN_CLIENT_MAILBOX_H
#define GCN_CLIENT_MAILBOX_H

#include "engine/engine.h"
#include "gcnotify.h"
#include "loop/turns.h"

#include <uv.h>

struct gcn__post {
  struct gcn__post* next;
  gcn_post_cb call;
  void* arg;
};

struct gcn__mailbox {
  uv_mutex_t mutex;
  struct gcn__post* first;
  struct gcn__post* last;
  bool shut;         /* no more posts */
  unsigned commands; /* the loop's thread only */
};

/* 0 or an error of uv_mutex_init. */
int gcn__mailbox_init(struct gcn__mailbox* mailbox);
/* The posts must have been taken. */
void gcn__mailbox_deinit(struct gcn__mailbox* mailbox);

/* The last of START and STOP wins; CLOSE wins over all, for good. */
void gcn__mailbox_put(struct gcn__mailbox* mailbox, unsigned commands);
/* The commands since the last call. */
unsigned gcn__mailbox_take(struct gcn__mailbox* mailbox);

/* Any thread; `turn` is called.  0, UV_ENOMEM, GCN_ECLOSING. */
int gcn__mailbox_post(struct gcn__mailbox* mailbox, struct gcn__turns* turns,
                      struct gcn__turn* turn, gcn_post_cb call, void* arg);
/* From now on posts are refused. */
void gcn__mailbox_shut(struct gcn__mailbox* mailbox);
/* The posts so far, first one first; NULL if none.  Free each one. */
struct gcn__post* gcn__mailbox_take_posts(struct gcn__mailbox* mailbox);
void gcn__post_free(struct gcn__post* post);

/* For a child after fork: frees the posts unless the fork caught another thread
 * in the middle of one. */
void gcn__mailbox_abandon(struct gcn__mailbox* mailbox);

#endif
