/* SPDX-License-Identifier: MIT */
/*
 * The budget is counted from when the first one works in a turn, so what the
 * host does meanwhile counts as well.  A turn begins before the poll; the line
 * is served by the idle handle, which keeps the poll from waiting while there
 * is a line, and whoever comes first in a turn is served in any case.  While
 * there is a line what the poll brings is put into it, so all of the budget is
 * the line's.
 */
#include "loop/turns.h"

#include "base/assert.h"
#include "base/err.h"

enum { DEAR_FADES = 16 }; /* by this part in each turn of the loop */

struct gcn__turns {
  struct gcn__mem mem;
  uint64_t (*clock)(void);
  uv_async_t async;
  uv_idle_t idle; /* while there is a line */
  uv_prepare_t prepare;
  unsigned handle_count; /* not closed yet */
  void (*gone)(void* keeper);
  void* keeper;
  size_t member_count;
  size_t referenced_count;

  struct gcn__list line;
  size_t line_length;
  bool serving;
  uint64_t number;
  uint64_t put_off;  /* the turn since which nobody in it was served; or 0 */
  uint64_t begun_ns; /* 0: nobody has worked in this turn */
  uint64_t seen_ns;  /* the clock at the last look */
  uint64_t dear_ns;  /* what the dearest step took lately */
  bool over;

  uv_mutex_t lock;
  struct gcn__list calls;
};

static void on_closed(uv_handle_t* handle) {
  struct gcn__turns* turns = handle->data;
  if (--turns->handle_count > 0) return;
  struct gcn__mem mem = turns->mem;
  void (*gone)(void* keeper) = turns->gone;
  void* keeper = turns->keeper;
  uv_mutex_destroy(&turns->lock);
  gcn__free(&mem, turns, sizeof *turns);
  gone(keeper);
}

void gcn__turns_close(struct gcn__turns* turns, void (*gone)(void* keeper),
                      void* keeper) {
  GCN__ASSERT(turns->member_count == 0 && turns->line_length == 0);
  turns->gone = gone;
  turns->keeper = keeper;
  uv_close((uv_handle_t*)&turns->async, on_closed);
  uv_close((uv_handle_t*)&turns->idle, on_closed);
  uv_close((uv_handle_t*)&turns->prepare, on_closed);
}

static void on_idle(uv_idle_t* idle);

static void leave_line(struct gcn__turns* turns, struct gcn__turn* turn) {
  if (!turn->waiting) return;
  turn->waiting = false;
  turns->line_length--;
  gcn__list_remove(&turn->entry);
}

/* Whether one more may begin.  A step can't be cut short, so there has to be
 * time for a dear one: else a turn would be as long as the budget and a
 * handshake on top.  The first of a turn always may. */
static bool has_room(struct gcn__turns* turns) {
  if (gcn__turns_look(turns, NULL)) return false;
  if (turns->begun_ns == 0) return true;
  uint64_t end_ns = turns->begun_ns + GCN__TURNS_BUDGET_NS;
  return turns->seen_ns + turns->dear_ns <= end_ns;
}

/* Work outside of the line must not keep it back turn after turn. */
static bool may_serve(struct gcn__turns* turns) {
  if (has_room(turns)) return true;
  bool waited = turns->put_off != 0 && turns->put_off != turns->number;
  return waited && !turns->over;
}

static void note_served(struct gcn__turns* turns, size_t count) {
  if (count > 0 || turns->line_length == 0) {
    turns->put_off = 0;
  } else if (turns->put_off == 0) {
    turns->put_off = turns->number;
  }
}

static void serve_first(struct gcn__turns* turns) {
  struct gcn__turn* turn =
      GCN__CONTAINER_OF(turns->line.next, struct gcn__turn, entry);
  leave_line(turns, turn);
  turn->serve(turn->ctx);
  turn->posted = false;
}

/* Each one once, as far as the budget goes.  The last one may leave, after
 * which the handles are closing: there is no line then. */
static void serve_line(struct gcn__turns* turns) {
  size_t most = turns->line_length;
  size_t count = 0;
  turns->serving = true;
  while (count < most && turns->line_length > 0 && may_serve(turns)) {
    turns->put_off = 0;
    serve_first(turns);
    count++;
  }
  turns->serving = false;
  note_served(turns, count);
  if (turns->line_length == 0) {
    uv_idle_stop(&turns->idle);
  } else {
    uv_idle_start(&turns->idle, on_idle);
  }
}

static void on_idle(uv_idle_t* idle) {
  serve_line(idle->data);
}

static void on_prepare(uv_prepare_t* prepare) {
  struct gcn__turns* turns = prepare->data;
  turns->number++;
  turns->begun_ns = 0;
  turns->over = false;
  turns->dear_ns -= turns->dear_ns / DEAR_FADES;
}

static void join_line(struct gcn__turns* turns, struct gcn__turn* turn) {
  if (turn->waiting) return;
  turn->waiting = true;
  turns->line_length++;
  gcn__list_append(&turns->line, &turn->entry);
}

static void on_async(uv_async_t* async) {
  struct gcn__turns* turns = async->data;
  uv_mutex_lock(&turns->lock);
  while (!gcn__list_empty(&turns->calls)) {
    struct gcn__turn* turn =
        GCN__CONTAINER_OF(turns->calls.next, struct gcn__turn, call);
    gcn__list_remove(&turn->call);
    turn->called = false;
    turn->posted = true;
    join_line(turns, turn);
  }
  uv_mutex_unlock(&turns->lock);
  serve_line(turns);
}

/* The order is that in which things can fail. */
static int put_on_loop(struct gcn__turns* turns, uv_loop_t* loop) {
  int error = uv_mutex_init(&turns->lock);
  if (error != 0) return error;
  error = uv_async_init(loop, &turns->async, on_async);
  if (error != 0) {
    uv_mutex_destroy(&turns->lock);
    return error;
  }
  uv_idle_init(loop, &turns->idle); /* these cannot fail */
  uv_prepare_init(loop, &turns->prepare);
  uv_prepare_start(&turns->prepare, on_prepare);
  turns->async.data = turns->idle.data = turns->prepare.data = turns;
  turns->handle_count = 3;
  uv_unref((uv_handle_t*)&turns->async); /* until somebody joins */
  uv_unref((uv_handle_t*)&turns->idle);
  uv_unref((uv_handle_t*)&turns->prepare);
  return 0;
}

int gcn__turns_new(struct gcn__turns** out, uv_loop_t* loop,
                   const struct gcn__mem* mem, uint64_t (*clock)(void)) {
  struct gcn__turns* turns = gcn__alloc_zero(mem, sizeof *turns);
  if (turns == NULL) return GCN__ENOMEM;
  turns->mem = *mem;
  turns->clock = clock;
  turns->number = 1;
  gcn__list_init(&turns->line);
  gcn__list_init(&turns->calls);
  int error = put_on_loop(turns, loop);
  if (error != 0) {
    gcn__free(mem, turns, sizeof *turns);
    return error;
  }
  *out = turns;
  return 0;
}

void gcn__turns_join(struct gcn__turns* turns, struct gcn__turn* turn) {
  gcn__list_init(&turn->entry);
  gcn__list_init(&turn->call);
  turns->member_count++;
  gcn__turns_ref(turns, turn, true);
}

bool gcn__turns_leave(struct gcn__turns* turns, struct gcn__turn* turn) {
  GCN__ASSERT(turns->member_count > 0);
  uv_mutex_lock(&turns->lock);
  gcn__list_remove(&turn->call);
  turn->called = false;
  uv_mutex_unlock(&turns->lock);
  leave_line(turns, turn);
  gcn__turns_ref(turns, turn, false);
  return --turns->member_count == 0;
}

void gcn__turns_ref(struct gcn__turns* turns, struct gcn__turn* turn,
                    bool referenced) {
  if (turn->referenced == referenced) return;
  turn->referenced = referenced;
  if (referenced) {
    turns->referenced_count++;
    uv_ref((uv_handle_t*)&turns->async);
  } else if (--turns->referenced_count == 0) {
    uv_unref((uv_handle_t*)&turns->async);
  }
}

bool gcn__turns_free(struct gcn__turns* turns) {
  return turns->line_length == 0 && has_room(turns);
}

void gcn__turns_begin(struct gcn__turns* turns) {
  if (turns->begun_ns != 0) return;
  turns->begun_ns = turns->seen_ns = turns->clock();
}

/* One that takes all of a turn says no more than that, however long the host
 * was at work meanwhile. */
static void note_step(struct gcn__turns* turns, uint64_t step_ns) {
  uint64_t most_ns = GCN__TURNS_BUDGET_NS;
  uint64_t dear_ns = step_ns < most_ns ? step_ns : most_ns;
  if (dear_ns > turns->dear_ns) turns->dear_ns = dear_ns;
}

bool gcn__turns_look(struct gcn__turns* turns, uint64_t* passed_ns) {
  if (passed_ns != NULL) *passed_ns = 0;
  if (turns->begun_ns == 0 || turns->over) return turns->over;
  uint64_t now_ns = turns->clock();
  uint64_t step_ns = now_ns - turns->seen_ns;
  if (passed_ns != NULL) *passed_ns = step_ns;
  turns->seen_ns = now_ns;
  note_step(turns, step_ns);
  turns->over = now_ns - turns->begun_ns >= GCN__TURNS_BUDGET_NS;
  return turns->over;
}

bool gcn__turns_over(const struct gcn__turns* turns) {
  return turns->over;
}

uint64_t gcn__turns_number(const struct gcn__turns* turns) {
  return turns->number;
}

bool gcn__turns_crowded(const struct gcn__turns* turns) {
  return turns->line_length > GCN__TURNS_CROWD;
}

void gcn__turns_wait(struct gcn__turns* turns, struct gcn__turn* turn) {
  join_line(turns, turn);
  if (!turns->serving) uv_idle_start(&turns->idle, on_idle);
}

/* Not the idle handle: a loop that is about to wait has to learn of it. */
void gcn__turns_wake(struct gcn__turns* turns, struct gcn__turn* turn) {
  join_line(turns, turn);
  if (!turns->serving) uv_async_send(&turns->async);
}

void gcn__turns_call(struct gcn__turns* turns, struct gcn__turn* turn) {
  uv_mutex_lock(&turns->lock);
  bool first = gcn__list_empty(&turns->calls);
  if (!turn->called) gcn__list_append(&turns->calls, &turn->call);
  turn->called = true;
  uv_mutex_unlock(&turns->lock);
  if (first) uv_async_send(&turns->async);
}

void gcn__turns_abandon(struct gcn__turns* turns) {
  if (turns->member_count > 1) {
    turns->member_count--;
    return;
  }
  struct gcn__mem mem = turns->mem;
  /* The fork may have caught another thread with it. */
  if (uv_mutex_trylock(&turns->lock) == 0) {
    uv_mutex_unlock(&turns->lock);
    uv_mutex_destroy(&turns->lock);
  }
  gcn__free(&mem, turns, sizeof *turns);
}
