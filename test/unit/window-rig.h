/* SPDX-License-Identifier: MIT */
/*
 * An in-flight window on a counting allocator.
 */
#ifndef GCN_TEST_WINDOW_RIG_H
#define GCN_TEST_WINDOW_RIG_H

#include "check.h"
#include "core/window.h"
#include "mem-probe.h"

enum { COUNT_MAX = 32, SIZE_MAX_BYTES = 1000, FIRST = 101 };

struct rig {
  struct mem_probe probe;
  struct gcn__mem mem;
  struct gcn__window window;
};

static inline void rig_init_sized(struct rig* rig, size_t count_max) {
  *rig = (struct rig){.probe = {.live_size = 0}};
  rig->mem = mem_probe_mem(&rig->probe);
  const struct gcn__window_limits limits = {.count_max = count_max,
                                            .size_max = SIZE_MAX_BYTES};
  assert_int_equal(gcn__window_init(&rig->window, &rig->mem, &limits, FIRST),
                   0);
}

static inline void rig_init(struct rig* rig) {
  rig_init_sized(rig, COUNT_MAX);
}

static inline void rig_deinit(struct rig* rig) {
  gcn__window_deinit(&rig->window);
  gcn__window_deinit(&rig->window);
  assert_int_equal(rig->probe.live_size, 0);
}

static inline struct gcn__key key(uint64_t number) {
  return (struct gcn__key){{number, 5}};
}

/* The event's key is its sequence. */
static inline uint64_t give(struct rig* rig, unsigned lane) {
  uint64_t sequence = rig->window.next;
  int error = gcn__window_give(&rig->window, lane, 1, key(sequence));
  assert_int_equal(error, 0);
  assert_true(rig->window.next == sequence + 1);
  return sequence;
}

static inline void ack(struct rig* rig, uint64_t sequence) {
  assert_int_equal(gcn__window_ack(&rig->window, sequence), 0);
}

static inline int try_mark(struct rig* rig, unsigned lane, const char* text) {
  const struct gcn__position position = {gcn__span_str(text), false};
  return gcn__window_mark(&rig->window, lane, &position);
}

static inline void mark(struct rig* rig, unsigned lane, const char* text) {
  assert_int_equal(try_mark(rig, lane, text), 0);
}

static inline void assert_at(const struct rig* rig, unsigned lane,
                             const char* text) {
  struct gcn__position position = gcn__window_position(&rig->window, lane);
  assert_int_equal(position.text.data == NULL, text == NULL);
  assert_true(gcn__span_equal(position.text, gcn__span_str(text)));
}

static inline void assert_handled(const struct rig* rig, unsigned lane,
                                  const uint64_t* want, size_t count) {
  assert_int_equal(gcn__window_handled_count(&rig->window, lane), count);
  for (size_t i = 0; i < count; i++) {
    struct gcn__key got = gcn__window_handled(&rig->window, lane, i);
    struct gcn__key wanted = key(want[i]);
    assert_true(gcn__key_same(&got, &wanted));
  }
}

#endif
