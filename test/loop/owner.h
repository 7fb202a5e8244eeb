/* SPDX-License-Identifier: MIT */
/*
 * The owner of one link: notes what it is told and checks that it is told
 * nothing it should not be.
 */
#ifndef GCN_TEST_LOOP_OWNER_H
#define GCN_TEST_LOOP_OWNER_H

#include "harness.h"

#include "base/err.h"
#include "loop/link.h"
#include "loop/system.h"
#include "loop/timer.h"

struct owner {
  uv_loop_t* loop;
  struct gcn__alarm alarm;
  struct gcn__list links;
  struct gcn__mem mem;
  struct gcn__link* link;
  char buffer[65536];
  unsigned linked_count;
  unsigned told_count; /* calls of any kind */
  unsigned unread_count;
  bool declines; /* has no place for what could be read */
  bool linked;
  bool received;
  bool writable;
  bool ended;
  bool gone;
  bool closed;
  uint64_t received_size;
  char first_byte;
  int error;
  enum gcn__layer layer;
  char text[256];
  struct gcn__span backlog; /* written whenever possible */
};

struct owner* owner_new(uv_loop_t* loop);
/* Drops the link if there is one; a link that came and went leaves nothing. */
void owner_free(struct owner* owner);

struct gcn__link_options owner_options(struct owner* owner, const char* host,
                                       uint16_t port);
/* Opening tells nothing; whatever comes, comes from the loop. */
void owner_open_with(struct owner* owner,
                     const struct gcn__link_options* options);
void owner_open(struct owner* owner, const char* host, uint16_t port);
void owner_drop(struct owner* owner, bool abort);
/* Listens with `peer` and returns an owner that is connected to it. */
struct owner* owner_connect(uv_loop_t* loop, struct peer* peer,
                            enum peer_mood mood);
/* Writes what the link takes of the backlog. */
void owner_write(struct owner* owner);
void owner_rearm(struct owner* owner);

#endif
