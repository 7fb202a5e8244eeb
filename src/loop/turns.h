/* SPDX-License-Identifier: MIT */
/*
 * Who of those that share a loop works when, and for how long they do together.
 *
 * In one turn of the loop all of them have one budget of time.  Who has
 * something to do when it is spent, or while somebody waits already, waits in
 * line; the line is served in the order of coming, as far as the budget of the
 * next turn goes, and so on.  A step can't be cut short, so nobody begins but
 * the first of a turn when there is less left than a dear step took lately.  So
 * a turn is as long as the budget, or as one step, however many there are, and
 * nobody is passed over.
 *
 * All of them are woken by one uv_async_t, because libuv looks at every async
 * handle of a loop whenever one of them was sent to.  It, a uv_idle_t and a
 * uv_prepare_t are on the loop from the making until gcn__turns_close.
 *
 * What the work is, it does not know.  All of it is for the loop's thread but
 * gcn__turns_call.
 */
#ifndef GCN_LOOP_TURNS_H
#define GCN_LOOP_TURNS_H

#include "base/list.h"
#include "base/mem.h"

#include <uv.h>

enum {
  GCN__TURNS_BUDGET_NS = 2000000,
  /* With more in line than this, reading is better stopped than declined: libuv
   * polls on for as long as 1,024 descriptors are ready. */
  GCN__TURNS_CROWD = 256,
};

struct gcn__turns;

/* A place in line.  All-zero but for the first two members to begin with. */
struct gcn__turn {
  /* Its turn has come; comes from the loop only.  Whoever is not done waits
   * again, and may leave. */
  void (*serve)(void* ctx);
  void* ctx;

  struct gcn__list entry;
  bool waiting;
  bool posted;     /* the call of another thread is why; for who is served */
  bool referenced; /* keeps the loop alive */
  struct gcn__list call;
  bool called; /* these two are the lock's */
};

/* 0 or an error; then nothing stays on the loop.  `mem` is copied, and its
 * context outlives the turns.  `clock` counts nanoseconds: uv_hrtime. */
int gcn__turns_new(struct gcn__turns** turns, uv_loop_t* loop,
                   const struct gcn__mem* mem, uint64_t (*clock)(void));
/* Everybody has left.  `gone` comes when the loop is free of it, and the
 * memory, too. */
void gcn__turns_close(struct gcn__turns* turns, void (*gone)(void* keeper),
                      void* keeper);

/* Referenced at first. */
void gcn__turns_join(struct gcn__turns* turns, struct gcn__turn* turn);
/* Leaves the line, too.  True: that was the last one. */
bool gcn__turns_leave(struct gcn__turns* turns, struct gcn__turn* turn);
void gcn__turns_ref(struct gcn__turns* turns, struct gcn__turn* turn,
                    bool referenced);

/* Whether somebody may work at once, outside of the line. */
bool gcn__turns_free(struct gcn__turns* turns);
/* Work begins, in line or not. */
void gcn__turns_begin(struct gcn__turns* turns);
/* Looks at the clock: whether the budget of this turn is spent.  `passed_ns`
 * (may be NULL): how long it took since the last look, or since the work of
 * this turn began: a step, so looks are needed between steps. */
bool gcn__turns_look(struct gcn__turns* turns, uint64_t* passed_ns);
/* What the last look said. */
bool gcn__turns_over(const struct gcn__turns* turns);
/* Grows with each turn of the loop. */
uint64_t gcn__turns_number(const struct gcn__turns* turns);
/* So many wait that reading should rest. */
bool gcn__turns_crowded(const struct gcn__turns* turns);

/* Waits in line, where it is already if it waits.  From inside of uv_run. */
void gcn__turns_wait(struct gcn__turns* turns, struct gcn__turn* turn);
/* The same from anywhere on the loop's thread: a loop that polls already, or is
 * polled by a host of its own, wakes. */
void gcn__turns_wake(struct gcn__turns* turns, struct gcn__turn* turn);
/* The same from any thread, until the turn leaves. */
void gcn__turns_call(struct gcn__turns* turns, struct gcn__turn* turn);

/* For a child after fork: leaves without touching the loop; the last one, who
 * may have left already while `gone` had not come, frees the memory. */
void gcn__turns_abandon(struct gcn__turns* turns);

#endif
