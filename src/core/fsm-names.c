/* SPDX-License-Identifier: MIT */
/*
 * Names of states, inputs, verbs and timers, from the same lists as the enums.
 */
#include "core/fsm.h"

#include "base/assert.h"

const char* gcn__state_name(enum gcn__state state) {
  static const char* const names[] = {
#define STATE_NAME(name, spoken) #name,
      GCN__STATE_MAP(STATE_NAME)
#undef STATE_NAME
  };
  GCN__ASSERT(state < GCN__STATE_COUNT);
  return names[state];
}

const char* gcn__state_spoken(enum gcn__state state) {
  static const char* const names[] = {
#define STATE_SPOKEN(name, spoken) spoken,
      GCN__STATE_MAP(STATE_SPOKEN)
#undef STATE_SPOKEN
  };
  GCN__ASSERT(state < GCN__STATE_COUNT);
  return names[state];
}

const char* gcn__input_name(enum gcn__input input) {
  static const char* const names[] = {
#define INPUT_NAME(name, origin, meaning) #name,
      GCN__INPUT_MAP(INPUT_NAME)
#undef INPUT_NAME
  };
  GCN__ASSERT(input < GCN__INPUT_COUNT);
  return names[input];
}

const char* gcn__input_meaning(enum gcn__input input) {
  static const char* const meanings[] = {
#define INPUT_MEANING(name, origin, meaning) meaning,
      GCN__INPUT_MAP(INPUT_MEANING)
#undef INPUT_MEANING
  };
  GCN__ASSERT(input < GCN__INPUT_COUNT);
  return meanings[input];
}

enum gcn__origin gcn__input_origin(enum gcn__input input) {
  static const enum gcn__origin origins[] = {
#define INPUT_ORIGIN(name, origin, meaning) GCN__ORIGIN_##origin,
      GCN__INPUT_MAP(INPUT_ORIGIN)
#undef INPUT_ORIGIN
  };
  GCN__ASSERT(input < GCN__INPUT_COUNT);
  return origins[input];
}

const char* gcn__verb_name(enum gcn__verb_index index) {
  static const char* const names[] = {
#define VERB_NAME(name, meaning) #name,
      GCN__VERB_MAP(VERB_NAME)
#undef VERB_NAME
  };
  GCN__ASSERT(index < GCN__VERB_COUNT);
  return names[index];
}

const char* gcn__timer_name(enum gcn__timer timer) {
  static const char* const names[] = {
#define TIMER_NAME(name, input) #name,
      GCN__TIMER_MAP(TIMER_NAME)
#undef TIMER_NAME
  };
  GCN__ASSERT(timer < GCN__TIMER_COUNT);
  return names[timer];
}
