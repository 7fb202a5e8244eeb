/* SPDX-License-Identifier: MIT */
/*
 * When the checkpoint is loaded, what goes into it, and when it is saved.
 *
 * The first start waits for the load; what can't be read refuses the start.
 * From then on at most one save is under way, and the next one begins when
 * something has changed and checkpoint_ms have passed.  An acknowledgement is
 * reported when the save that holds it is done.  Close waits for a last save.
 */
#ifndef GCN_CLIENT_CHECKPOINT_H
#define GCN_CLIENT_CHECKPOINT_H

#include "gcnotify.h"

#include <stdbool.h>

struct gcn__config;
struct gcn__checkpointer;

/* Sets client->checkpointer, to NULL if the options name no store.  Nothing is
 * on the loop yet.  0, UV_ENOMEM, UV_ENOSYS, UV_EINVAL, GCN_ECONFIG. */
int gcn__checkpointer_new(struct gcn_client_s* client,
                          const struct gcn__config* config);
/* After gcn__checkpointer_quit has said true, or if no start was ever wanted;
 * NULL is fine. */
void gcn__checkpointer_free(struct gcn_client_s* client);
/* For a child after fork: frees memory and touches nothing else.  What the
 * store itself holds stays, because it may be half-way through a request that
 * only the parent will end. */
void gcn__checkpointer_abandon(struct gcn_client_s* client);

/* A set of gcn__command on its way to the engine: START is kept back until the
 * checkpoint is loaded, which it begins, and with it what else would dial. */
unsigned gcn__checkpointer_filter(struct gcn_client_s* client,
                                  unsigned commands, uint64_t now_ms);
/* What would be stored has changed. */
void gcn__checkpointer_note(struct gcn_client_s* client);
/* From now on channels are made with this client id. */
void gcn__checkpointer_identify(struct gcn_client_s* client,
                                const char* client_id);
/* Once per turn, and when its deadline has come: acts upon what the store has
 * answered, begins a save that is due, and calls the user. */
void gcn__checkpointer_turn(struct gcn_client_s* client, uint64_t now_ms);
uint64_t gcn__checkpointer_deadline(const struct gcn_client_s* client);
/* The engine is CLOSED.  True: nothing is left to be done and the client may
 * leave; false: a last save or the store's end is under way, after which it
 * wakes the client. */
bool gcn__checkpointer_quit(struct gcn_client_s* client, uint64_t now_ms);

struct gcn__checkpoint_counters {
  uint64_t saves;
  uint64_t saves_failed;
  uint64_t saved_ms; /* when the last good one was done; 0: never */
};
struct gcn__checkpoint_counters
gcn__checkpointer_counters(const struct gcn_client_s* client);

#endif
