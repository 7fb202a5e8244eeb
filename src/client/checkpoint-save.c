/* SPDX-License-Identifier: MIT */
/*
 * When a checkpoint is saved, and who is told.
 *
 * A save is a snapshot: what is told to be durable when it is done is what was
 * acknowledged when it was taken, and not what has been since.  After a failure
 * the next one holds all of it and more, and until then nothing is durable.
 *
 * A snapshot is taken on the loop's thread.  So that a large one does not take
 * the loop from its host, the next rests ten times as long as the last took.
 */
#include "client/checkpoint-parts.h"

#include "base/assert.h"
#include "client/delivery.h"
#include "loop/system.h"

#include <stdio.h>

enum {
  ALIVE_MS = 60000, /* how old a stored sign of life may become */
  RETRY_MS = 100,
  RETRY_MAX_MS = 5000,
  DOUBLINGS_MAX = 6, /* 100 ms becomes more than 5 s */
  REST_FACTOR = 10,
  REST_MAX_MS = 2000, /* a process that was stopped meanwhile took longer */
  NS_PER_MS = 1000000,
};

static void forget_text(struct gcn__save* save) {
  gcn__buf_clear(&save->text);
  gcn__buf_clear(&save->channels);
}

static void fail(struct gcn_client_s* client, int error, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__save* save = &checkpointer->save;
  char text[GCN__FAILURE_TEXT_SIZE];
  unsigned doublings = save->failures;
  if (doublings > DOUBLINGS_MAX) doublings = DOUBLINGS_MAX;
  uint64_t delay_ms =
      gcn__time_min((uint64_t)RETRY_MS << doublings, RETRY_MAX_MS);
  forget_text(save);
  save->changed = true;
  save->failures++;
  save->not_before_ms = gcn__time_add(now_ms, delay_ms);
  checkpointer->counters.saves_failed++;
  snprintf(text, sizeof text, "saving the checkpoint: %s", gcn_strerror(error));
  gcn__checkpointer_log(client, GCN__LOG_ERROR, "checkpoint-failed", text);
  if (save->failures == 1) gcn__checkpointer_tell(client, error, text);
}

static void tell_durable(struct gcn_client_s* client) {
  struct gcn__save* save = &client->checkpointer->save;
  if (save->done <= save->durable) return;
  save->durable = save->done;
  if (client->closing || client->call.durable == NULL) return;
  gcn__delivery_flush(client); /* no callback overtakes an event */
  if (client->closing) return; /* by that callback */
  client->call.durable(client, save->durable);
}

static void succeed(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__save* save = &checkpointer->save;
  forget_text(save);
  if (save->failures > 0) {
    gcn__checkpointer_log(client, GCN__LOG_INFO, "checkpoint-saved",
                          "saving works again");
  }
  save->failures = 0;
  save->not_before_ms = 0;
  save->serial++;
  save->stored_revision = save->revision;
  save->stored_print = save->print;
  checkpointer->counters.saves++;
  checkpointer->counters.saved_ms = now_ms;
  gcn__delivery_taken(client, save->sequence_count);
  tell_durable(client);
}

static void on_saved(struct gcn__store_request* request, int status,
                     struct gcn__span bytes) {
  struct gcn_client_s* client = request->ctx;
  struct gcn__save* save = &client->checkpointer->save;
  (void)bytes;
  save->status = status;
  save->answered = true;
  gcn__client_wake(client);
}

/* The snapshot, and how long the loop may rest from it. */
static int take(struct gcn_client_s* client, bool last, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  uint64_t begun_ns = checkpointer->clock_ns();
  int error = gcn__save_snapshot(client, last, now_ms);
  uint64_t cost_ns = checkpointer->clock_ns() - begun_ns;
  checkpointer->save.rest_ms =
      gcn__time_min(cost_ns / (NS_PER_MS / REST_FACTOR), REST_MAX_MS);
  return error;
}

void gcn__save_begin(struct gcn_client_s* client, bool last, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__save* save = &checkpointer->save;
  GCN__ASSERT(!save->active);
  save->begun_ms = now_ms;
  save->last = last;
  int error = take(client, last, now_ms);
  if (error == 0) {
    save->acks =
        (struct gcn__store_acks){save->sequences, save->sequence_count};
    save->active = true;
    save->answered = false;
    save->request = (struct gcn__store_request){on_saved, client};
    error = checkpointer->store.save(checkpointer->store.self,
                                     gcn__buf_span(&save->text), &save->acks,
                                     &save->request);
  }
  if (error == 0) return;
  save->active = save->answered = false;
  save->ended_ms = now_ms;
  fail(client, error, now_ms);
}

static bool is_changed(const struct gcn_client_s* client) {
  const struct gcn__save* save = &client->checkpointer->save;
  const struct gcn__window* window = gcn__delivery_window(client);
  return save->changed || save->print_now != save->stored_print ||
         gcn__window_revision(window) != save->stored_revision;
}

uint64_t gcn__save_due(const struct gcn_client_s* client) {
  const struct gcn__checkpointer* checkpointer = client->checkpointer;
  const struct gcn__save* save = &checkpointer->save;
  if (save->active || client->closing) return GCN__NEVER;
  if (is_changed(client)) {
    uint64_t due_ms =
        gcn__time_max(gcn__time_add(save->begun_ms, checkpointer->step_ms),
                      gcn__time_add(save->ended_ms, save->rest_ms));
    return gcn__time_max(due_ms, save->not_before_ms);
  }
  bool alive = gcn__engine_state(client->engine) == GCN__STATE_STREAMING;
  return alive ? gcn__time_add(save->begun_ms, ALIVE_MS) : GCN__NEVER;
}

/* A lane of which nothing is known from before was good when it began to
 * stream; but what is in hand by then may have come before.  Without this a
 * program that always has something in hand would die without a past. */
static void note_streams(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  bool idle = gcn__delivery_counters(client).in_flight == 0;
  if (idle) checkpointer->idle_ms = now_ms;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__past* past = &checkpointer->past[i];
    if (past->streamed || !gcn__save_streams(client->engine, i)) continue;
    past->streamed = true;
    if (past->good_unix_ms != 0) continue;
    past->good_unix_ms =
        gcn__wall_now_ms() - (int64_t)(now_ms - checkpointer->idle_ms);
  }
}

void gcn__save_turn(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__save* save = &client->checkpointer->save;
  if (save->active && save->answered) {
    save->active = save->answered = false;
    save->ended_ms = now_ms;
    if (save->status == 0) {
      succeed(client, now_ms);
    } else {
      fail(client, save->status, now_ms);
    }
  }
  note_streams(client, now_ms);
  if (save->active || client->closing) return;
  save->print_now = gcn__save_print(client->engine);
  if (gcn__save_due(client) <= now_ms) gcn__save_begin(client, false, now_ms);
}
