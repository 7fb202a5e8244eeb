/* SPDX-License-Identifier: MIT */
/*
 * The simulator's stream dialect and one who follows it, on one loop: what was
 * produced is compared with what was told, by the service's own numbers, and
 * every log line is searched for the secrets that the service has given out.
 *
 * It knows nothing of how the client tells repetitions or where it goes on.
 */
#ifndef GCN_TEST_LOOP_STREAM_STAGE_H
#define GCN_TEST_LOOP_STREAM_STAGE_H

#include "service.h"

enum {
  STAGE_EVENTS_MAX = 1 << 16,
  STAGE_SOURCES_MAX = 80,
  STAGE_TEXT_SIZE = 256,
};

/* The subscriptions that go with a preset. */
struct variant {
  gcn_preset_t preset;
  bool tls;
  const char* topic; /* what followers begin with */
  const char* other;
  const char* filtered; /* the topic, but one type of it only */
  const char* type;     /* that one */
};

/* Of a preset, plain or with TLS. */
const struct variant* variant_of(gcn_preset_t preset, bool tls);

/* One EVENT@RESOURCE. */
struct stage_source {
  char name[STAGE_TEXT_SIZE];
  uint64_t from;  /* events behind this number are expected; ... */
  uint64_t until; /* ... up to this one */
  uint64_t last_told;
};

struct stage_topic {
  char name[STAGE_TEXT_SIZE];
  gcn_verdict_t verdict;
  char reason[STAGE_TEXT_SIZE];
  unsigned count; /* verdicts told */
};

struct stage {
  struct user user;
  struct service service;
  struct secure secure;
  const struct variant* variant;
  struct gcn__sim_listen_options serving; /* to be changed before stage_serve */
  gcn_options_t options;                  /* to be changed before stage_begin */
  gcn_stream_t stream;
  gcn_options_t plain; /* the callbacks of user.h */
  /* By the number of an event: 1 + the index of its source, and how often it
   * was told. */
  unsigned char made[STAGE_EVENTS_MAX];
  unsigned char told[STAGE_EVENTS_MAX];
  uint64_t made_ms[STAGE_EVENTS_MAX]; /* on the loop's clock */
  uint64_t last_made;
  uint64_t told_count;
  struct stage_source sources[STAGE_SOURCES_MAX];
  size_t source_count;
  struct stage_topic topics[STAGE_SOURCES_MAX];
  size_t topic_count;
  unsigned calls; /* of the callback for events */
  size_t call_most;
  unsigned gaps;
  gcn_gap_t gap;
  unsigned notices;
  char notice[1024];       /* body of the last one */
  char failures[4096];     /* all texts, with line feeds between */
  const char* text_wanted; /* a part of a log line, or NULL */
  bool text_seen;
  gcn_event_t last; /* its spans are gone */
  void (*on_event)(struct stage* stage, const gcn_event_t* event);
};

/* Serves nothing yet. */
struct stage* stage_new(uv_loop_t* loop, const struct variant* variant);
void stage_serve(struct stage* stage);
/* Both, at that many events a second. */
struct stage* stage_open(uv_loop_t* loop, const struct variant* variant,
                         uint64_t rate);
/* Makes the client of stage->options, subscribes, starts. */
void stage_begin(struct stage* stage, const char* const* topics, size_t count);
/* The same for the variant's topic, up to STREAMING. */
void stage_stream(struct stage* stage);
void stage_await_streaming(struct stage* stage);
/* Closes the client; another one may begin. */
void stage_leave(struct stage* stage);
/* Closes both, the client if that was not done; nothing may be left. */
void stage_close(struct stage* stage);

/* One event of a topic (EVENT[@RESOURCE]); `type` NULL: any.  Its number. */
uint64_t stage_emit(struct stage* stage, const char* topic, const char* type);
void stage_emit_many(struct stage* stage, const char* topic, unsigned count);
void stage_await_told(struct stage* stage, uint64_t count);
/* Lets time pass until the service has taken so many requests at the
 * endpoint. */
void stage_await_visits(struct stage* stage, enum gcn__sim_endpoint endpoint,
                        uint64_t count);
/* Events of the topic are expected from now on, or no more. */
void stage_expect(struct stage* stage, const char* topic);
void stage_expect_no_more(struct stage* stage, const char* topic);
/* Ends the events and waits for those that are on their way; asserts that each
 * expected one was told, none twice and none invented, in order. */
void stage_assert_whole(struct stage* stage);
/* Asserts that what lacks lies inside the last gap, and expects it no more. */
void stage_forgive(struct stage* stage);
/* Events that were expected and not told so far. */
uint64_t stage_lacking(const struct stage* stage);
/* NULL if no verdict was told. */
const struct stage_topic* stage_topic_of(const struct stage* stage,
                                         const char* name);
struct gcn__sim* stage_sim(struct stage* stage);
gcn_stats_t stage_stats(struct stage* stage);
struct gcn__sim_counters stage_counters(struct stage* stage);
/* Waits for the next rotation, which must be proven. */
void stage_await_rotation(struct stage* stage);

#endif
