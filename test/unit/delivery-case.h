/* SPDX-License-Identifier: MIT */
/*
 * A client that is nothing but its delivery, fed as the pump does it, and a
 * user who notes what he is told.
 */
#ifndef GCN_TEST_DELIVERY_CASE_H
#define GCN_TEST_DELIVERY_CASE_H

#include "check.h"
#include "mem-probe.h"

#include "client/delivery-parts.h"
#include "client/options.h"

enum { TOLD_MAX = 4096, TEXT_MAX = 256 };

/* One event as the user saw it; 0 as its number: a gap. */
struct told {
  uint64_t sequence;
  int id; /* what the test calls it */
  unsigned batch;
};

struct fixture {
  uv_loop_t loop;
  struct mem_probe probe;
  struct gcn__config config;
  gcn_client_t client;
  uint64_t now_ms;
  struct told told[TOLD_MAX];
  size_t told_count;
  unsigned batches;
  gcn_gap_t gap; /* the last one */
  char gap_topics[TEXT_MAX];
  unsigned gaps;
  uint64_t durable;
  unsigned durable_count;
  /* Called for each event that is told, and after a batch with NULL. */
  void (*act)(struct fixture* f, const gcn_event_t* event);
  const gcn_event_t* kept;
  int result;
  char text[TEXT_MAX]; /* of the event that is fed */
  struct gcn__effect effect;
};

/* Before delivery_begin the config may be changed. */
int delivery_set_up(void** state);
int delivery_tear_down(void** state);
#define DELIVERY_TEST(name)                                                    \
  cmocka_unit_test_setup_teardown(name, delivery_set_up, delivery_tear_down)

/* A window of 8 events, acknowledged by hand. */
void delivery_manual(struct fixture* f);
void delivery_begin(struct fixture* f);
/* The same with a batch callback. */
void delivery_begin_batches(struct fixture* f);
void delivery_end(struct fixture* f);

/* An event on its way: topic, its number as the test has it, and its size in
 * bytes; kept in `f->text`. */
const struct gcn__effect* delivery_effect(struct fixture* f, const char* topic,
                                          int id, size_t size);
/* What the pump does before it asks the engine. */
void delivery_turn(struct fixture* f);
/* The engine has this event.  False: it was not asked, because reading rests or
 * something else comes first. */
bool delivery_feed(struct fixture* f, const char* topic, int id);
bool delivery_feed_sized(struct fixture* f, const char* topic, int id,
                         size_t size);
void delivery_mark(struct fixture* f, const char* position);
int delivery_ack(struct fixture* f, uint64_t sequence);

struct gcn__delivery_counters delivery_counters(const struct fixture* f);
/* As "1 2 3": the test's names of all events told so far, "|" for a gap. */
void assert_told(const struct fixture* f, const char* want);
void assert_position(const struct fixture* f, const char* want);

#endif
