/* SPDX-License-Identifier: MIT */
/*
 * From the engine's events to the user's callback, and back by way of
 * acknowledgements.
 *
 * Without a checkpoint and with automatic acknowledgement an event is told in
 * place and forgotten: no copy, no memory.  Otherwise it is numbered and put in
 * the window until it is acknowledged.  When the window is full, reading rests;
 * after full_ms the options may say to read on, and then events wait here,
 * within the window's bounds, and what is dropped is told as a gap.  Other
 * callbacks do not wait for events that do.
 *
 * An event that can't be numbered for want of memory is not lost: it stays
 * where the engine has it, and the engine is asked for nothing else until the
 * memory is there.
 */
#ifndef GCN_CLIENT_DELIVERY_H
#define GCN_CLIENT_DELIVERY_H

#include "core/window.h"
#include "engine/effect.h"
#include "gcnotify.h"

struct gcn__config;
struct gcn__delivery;
struct gcn__moment;

/* 0 or UV_ENOMEM.  Sets client->delivery, the dialect, and the callbacks for
 * batches and for what is durable. */
int gcn__delivery_new(struct gcn_client_s* client,
                      const struct gcn__config* config);
/* NULL is fine.  Retained events live on, without their client. */
void gcn__delivery_free(struct gcn_client_s* client);

/* The public form of an event whose bytes were read at that moment; a view,
 * too. */
gcn_event_t gcn__delivery_view(struct gcn_client_s* client,
                               const struct gcn__event* event,
                               const struct gcn__moment* read);

/* An event, told now or later. */
void gcn__delivery_event(struct gcn_client_s* client,
                         const struct gcn__effect* effect);
void gcn__delivery_mark(struct gcn_client_s* client,
                        const struct gcn__mark* mark);
/* Calls the batch callback for what was collected: before any other callback,
 * and when the turn ends. */
void gcn__delivery_flush(struct gcn_client_s* client);
/* Tells one thing that waits, before anything else is taken from the engine;
 * false if nothing waits or may be told now. */
bool gcn__delivery_drain(struct gcn_client_s* client, uint64_t now_ms);
/* More waits and could be told in another turn. */
bool gcn__delivery_busy(const struct gcn_client_s* client);
/* Something waits that came before all that is still in the engine, or that is
 * still where the engine has it: gcn__engine_next must not be called before
 * gcn__delivery_drain has taken it. */
bool gcn__delivery_holds(const struct gcn_client_s* client);
/* The connections (a bit for each) whose next event is taken over at once: for
 * any other it may turn out that memory is short, and the event stays where the
 * engine has it. */
uint32_t gcn__delivery_ready(const struct gcn_client_s* client);
/* Whether reading has to rest: because the user has paused, or because of
 * us. */
bool gcn__delivery_rests(const struct gcn_client_s* client);
/* Time to act by the options on a window that is full for too long.  At the
 * beginning and at the end of each turn. */
void gcn__delivery_woken(struct gcn_client_s* client, uint64_t now_ms);
/* gcn__delivery_woken would find nothing to do. */
bool gcn__delivery_calm(const struct gcn_client_s* client, uint64_t now_ms);
uint64_t gcn__delivery_deadline(const struct gcn_client_s* client);
/* Once at the end of each turn: how far everything is acknowledged, where no
 * checkpoint says so. */
void gcn__delivery_report(struct gcn_client_s* client);

/* 0, UV_ENOENT; notes that the checkpoint has changed. */
int gcn__delivery_ack(struct gcn_client_s* client, uint64_t sequence);

/* For the checkpoint; NULL if there is no window. */
struct gcn__window* gcn__delivery_window(const struct gcn_client_s* client);
/* Sequence numbers of events acknowledged since the last call of taken.  The
 * array moves with the next event and the next call of taken. */
void gcn__delivery_acks(const struct gcn_client_s* client,
                        const uint64_t** sequences, size_t* count);
/* The first `count` of them are durable. */
void gcn__delivery_taken(struct gcn_client_s* client, size_t count);

struct gcn__delivery_counters {
  /* With those that wait, those given up at close, and one for each gap that
   * has to be told of what was dropped: 0 if nothing is in hand. */
  uint64_t in_flight;
  uint64_t in_flight_size;
  uint64_t acked; /* with a checkpoint: on disk */
  uint64_t dropped;
  uint64_t gaps; /* told of what was dropped */
  uint64_t gap_ms;
  bool full;
  uint64_t full_since_ms; /* if `full` */
};
struct gcn__delivery_counters
gcn__delivery_counters(const struct gcn_client_s* client);

#endif
