/* SPDX-License-Identifier: MIT */
/*
 * One connection: its state, what is wanted of it, its timers and its memory of
 * failures.
 *
 * The session knows no bytes.  It looks an input up in the table, enters the
 * next state, runs the verbs that are about numbers (backoff, timers) and hands
 * the others to its caller as a set.
 */
#ifndef GCN_CORE_SESSION_H
#define GCN_CORE_SESSION_H

#include "base/rng.h"
#include "base/time.h"
#include "core/fsm.h"
#include "core/pace.h"
#include "core/settings.h"

#include <stdbool.h>

enum gcn__desire {
  GCN__DESIRE_STOPPED,
  GCN__DESIRE_STREAMING,
  GCN__DESIRE_CLOSED,
};

/* Told of every input with the state it met, before anything is done: for
 * recorders and for tests of coverage. */
struct gcn__watch {
  void (*seen)(void* ctx, enum gcn__state state, enum gcn__input input);
  void* ctx;
};

/* The user's own choice of a wait; clamped afterwards. */
struct gcn__override {
  uint64_t (*choose)(void* ctx, uint64_t failures, uint64_t delay_ms);
  void* ctx;
};

struct gcn__session {
  struct gcn__rng* rng;
  uint64_t failures; /* attempts that failed since the last proof */
  uint64_t confirmed_ms;
  uint64_t leaving_ms;    /* when CLOSING was entered last */
  uint64_t doubt_ms;      /* since when reading goes on again */
  uint64_t delay_ms;      /* the wait that PLAN chose last */
  uint64_t asked_ms;      /* the server's Retry-After for the next PLAN */
  uint64_t not_before_ms; /* until when the server asked us to wait */
  uint64_t sync_failures; /* background calls that failed in a row */
  uint64_t attempt_count; /* generation: grows with every DIAL */
  uint64_t never_count;   /* NEVER cells met, release builds only */
  uint64_t rotate_ms;     /* when the channel is due to be replaced */
  bool reused;            /* the attempt took over a channel with its topics */
  bool overtaken;         /* the topics were there before the socket was */
  struct gcn__pace* pace; /* shared with other sessions; NULL: none */
  uint64_t pace_key;
  struct gcn__override override; /* `choose` may be NULL */

  /* What each event looks at, side by side: thousands of sessions do not fit
   * into a cache. */
  uint64_t deadlines_ms[GCN__TIMER_COUNT]; /* GCN__NEVER: not armed */
  struct gcn__watch watch;                 /* `seen` may be NULL */
  const struct gcn__settings* settings;
  uint64_t proof_ms;    /* all that was produced before it has come */
  uint64_t heard_ms;    /* when the bytes of the present input were read */
  uint64_t streamed_ms; /* when it was wanted, or streaming, last */
  enum gcn__state state;
  enum gcn__desire desire;
  bool stable;   /* the present stream has proven itself */
  bool alive;    /* a frame came since the confirmation */
  bool doubtful; /* what comes may have waited unread: no proof */
};

/* What one input did. */
struct gcn__step {
  enum gcn__state from;
  enum gcn__state to;
  uint32_t verbs; /* for the caller, in the order of the bits */
  bool entered;   /* a state was entered, maybe the same one */
};

void gcn__session_init(struct gcn__session* session,
                       const struct gcn__settings* settings,
                       struct gcn__rng* rng);

/* Feeds one input.  A NEVER cell asserts; in release builds it is counted and
 * changes nothing. */
struct gcn__step gcn__session_input(struct gcn__session* session,
                                    enum gcn__input input, uint64_t now_ms);

/* An event on a stream that has shown another one before, the short way: what
 * gcn__session_input would do, of which only DELIVER is left to the caller.
 * False: nothing was done, this one has to go the long way. */
bool gcn__session_event(struct gcn__session* session, uint64_t now_ms);

/* The earliest armed deadline; GCN__NEVER if there is none. */
uint64_t gcn__session_deadline(const struct gcn__session* session);
/* The same but for the two that every sign of life puts off, ... */
uint64_t gcn__session_deadline_beside(const struct gcn__session* session);
/* ... and of these two. */
static inline uint64_t
gcn__session_quiet_deadline(const struct gcn__session* session) {
  return gcn__time_min(session->deadlines_ms[GCN__TIMER_PROBE],
                       session->deadlines_ms[GCN__TIMER_SILENCE]);
}
/* True, and `input` is set, if a timer is due; it is disarmed.  The earliest
 * first, ties in the order of GCN__TIMER_MAP. */
bool gcn__session_expire(struct gcn__session* session, uint64_t now_ms,
                         enum gcn__input* input);
/* IDLE acts on what was wanted meanwhile.  True, and `input` is set, if the
 * state and the desire differ. */
bool gcn__session_wish(const struct gcn__session* session,
                       enum gcn__input* input);

/* The host kept the stream from being read: nothing may be concluded from
 * silence that began earlier. */
void gcn__session_excuse(struct gcn__session* session, uint64_t now_ms);
/* ... and what comes next may be old. */
void gcn__session_doubt(struct gcn__session* session, uint64_t now_ms);
/* Nothing is left unread, in the engine or in the kernel. */
void gcn__session_caught_up(struct gcn__session* session, uint64_t now_ms);
/* The server asked to wait; a floor under every wait until then. */
void gcn__session_ask(struct gcn__session* session, uint64_t asked_ms,
                      uint64_t now_ms);
/* Settings say anew how long a goodbye may take: one that is under way, too,
 * from when it began. */
void gcn__session_limit_close(struct gcn__session* session);
/* The service answered what was asked at `asked_ms`: everything it produced
 * before that has come. */
void gcn__session_trust(struct gcn__session* session, uint64_t asked_ms);

#endif
