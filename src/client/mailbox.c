/* SPDX-License-Identifier: MIT */
/*
 * A post's record comes from the C library, not from the client's allocator:
 * that one is only ever called on the loop's thread.
 */
#include "client/mailbox.h"

#include "base/assert.h"
#include "base/err.h"

int gcn__mailbox_init(struct gcn__mailbox* mailbox) {
  *mailbox = (struct gcn__mailbox){.commands = 0};
  return uv_mutex_init(&mailbox->mutex);
}

void gcn__mailbox_deinit(struct gcn__mailbox* mailbox) {
  GCN__ASSERT(mailbox->first == NULL);
  uv_mutex_destroy(&mailbox->mutex);
}

void gcn__mailbox_put(struct gcn__mailbox* mailbox, unsigned commands) {
  const unsigned either = GCN__COMMAND_START | GCN__COMMAND_STOP;
  if (mailbox->commands & GCN__COMMAND_CLOSE) return;
  if (commands & GCN__COMMAND_CLOSE) mailbox->commands = 0;
  if (commands & either) mailbox->commands &= ~either;
  mailbox->commands |= commands;
}

unsigned gcn__mailbox_take(struct gcn__mailbox* mailbox) {
  unsigned commands = mailbox->commands;
  mailbox->commands = 0;
  return commands;
}

static void append(struct gcn__mailbox* mailbox, struct gcn__post* post) {
  if (mailbox->last == NULL) {
    mailbox->first = post;
  } else {
    mailbox->last->next = post;
  }
  mailbox->last = post;
}

int gcn__mailbox_post(struct gcn__mailbox* mailbox, struct gcn__turns* turns,
                      struct gcn__turn* turn, gcn_post_cb call, void* arg) {
  struct gcn__post* post = gcn__alloc(&gcn__mem_libc, sizeof *post);
  if (post == NULL) return UV_ENOMEM;
  *post = (struct gcn__post){.next = NULL, .call = call, .arg = arg};
  uv_mutex_lock(&mailbox->mutex);
  bool shut = mailbox->shut;
  if (!shut) {
    append(mailbox, post);
    /* Inside the lock: whoever has shut his mailbox is never called. */
    gcn__turns_call(turns, turn);
  }
  uv_mutex_unlock(&mailbox->mutex);
  if (!shut) return 0;
  gcn__post_free(post);
  return GCN_ECLOSING;
}

void gcn__mailbox_shut(struct gcn__mailbox* mailbox) {
  uv_mutex_lock(&mailbox->mutex);
  mailbox->shut = true;
  uv_mutex_unlock(&mailbox->mutex);
}

struct gcn__post* gcn__mailbox_take_posts(struct gcn__mailbox* mailbox) {
  uv_mutex_lock(&mailbox->mutex);
  struct gcn__post* first = mailbox->first;
  mailbox->first = NULL;
  mailbox->last = NULL;
  uv_mutex_unlock(&mailbox->mutex);
  return first;
}

void gcn__post_free(struct gcn__post* post) {
  gcn__free(&gcn__mem_libc, post, sizeof *post);
}

void gcn__mailbox_abandon(struct gcn__mailbox* mailbox) {
  if (uv_mutex_trylock(&mailbox->mutex) != 0) return;
  struct gcn__post* post = mailbox->first;
  while (post != NULL) {
    struct gcn__post* next = post->next;
    gcn__post_free(post);
    post = next;
  }
  uv_mutex_unlock(&mailbox->mutex);
  uv_mutex_destroy(&mailbox->mutex);
}
