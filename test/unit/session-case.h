/* SPDX-License-Identifier: MIT */
/*
 * A session with a clock of its own, and ways to bring it somewhere.
 */
#ifndef GCN_TEST_SESSION_CASE_H
#define GCN_TEST_SESSION_CASE_H

#include "base/time.h"
#include "check.h"
#include "core/session.h"

enum { SEED = 42 };

struct fixture {
  struct gcn__settings settings;
  struct gcn__rng rng;
  struct gcn__session session;
  uint64_t now_ms;
};

static inline int session_set_up(void** state) {
  static struct fixture fixture;
  fixture.settings = GCN__SETTINGS_DEFAULT;
  fixture.now_ms = 1000000;
  gcn__rng_seed(&fixture.rng, SEED);
  gcn__session_init(&fixture.session, &fixture.settings, &fixture.rng);
  *state = &fixture;
  return 0;
}

static inline struct gcn__step feed(struct fixture* f, enum gcn__input input) {
  return gcn__session_input(&f->session, input, f->now_ms);
}

static inline uint64_t left(const struct fixture* f, enum gcn__timer timer) {
  uint64_t at_ms = f->session.deadlines_ms[timer];
  return at_ms == GCN__NEVER ? GCN__NEVER : at_ms - f->now_ms;
}

static inline void assert_state(const struct fixture* f, enum gcn__state want) {
  assert_string_equal(gcn__state_name(f->session.state), gcn__state_name(want));
}

/* Goes to the next deadline and feeds what is due there. */
static inline enum gcn__input fire(struct fixture* f) {
  enum gcn__input input = GCN__INPUT_START;
  f->now_ms = gcn__session_deadline(&f->session);
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  feed(f, input);
  return input;
}

static inline void fire_until(struct fixture* f, enum gcn__input want) {
  int count = 0;
  while (fire(f) != want)
    assert_true(++count < 100);
}

static inline void reach_streaming(struct fixture* f) {
  if (f->session.state == GCN__STATE_IDLE) feed(f, GCN__INPUT_START);
  assert_state(f, GCN__STATE_CONNECTING);
  feed(f, GCN__INPUT_LINKED);
  feed(f, GCN__INPUT_TOKEN);
  feed(f, GCN__INPUT_STEP);
  feed(f, GCN__INPUT_CONFIRMED);
  assert_state(f, GCN__STATE_STREAMING);
}

static inline void reach_proof(struct fixture* f) {
  reach_streaming(f);
  while (!f->session.stable) {
    f->now_ms += 10000;
    feed(f, GCN__INPUT_HEARTBEAT);
    enum gcn__input input;
    while (gcn__session_expire(&f->session, f->now_ms, &input))
      feed(f, input);
  }
}

#endif
