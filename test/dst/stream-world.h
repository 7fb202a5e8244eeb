/* SPDX-License-Identifier: MIT */
/*
 * What a world of the stream dialect has besides: positions, acknowledgements
 * and restarts.
 *
 * The consumer is a durable one: what it has acknowledged is on its disk, and
 * so is the position of its window.  Now and then it dies, and another engine
 * goes on with nothing but that.
 */
#ifndef GCN_TEST_DST_STREAM_WORLD_H
#define GCN_TEST_DST_STREAM_WORLD_H

#include "world.h"

#include "core/window.h"

enum {
  /* Troubles of the other dialect that have no meaning in this one. */
  FLOW_RESTARTS = WORLD_CHANNELS, /* the consumer dies and starts again */
  FLOW_DELETIONS = WORLD_QUOTAS,  /* what is subscribed to goes away */
  FLOW_NAME_SIZE = 64,
  FLOW_PENDING_MAX = 8192,
  FLOW_HANDLED_MAX = 8192,
  /* Of two streams, and longer than a pause or a full window. */
  FLOW_DISORDER_MS = 5 * 60 * 1000,
};

/* Stands beside world->sent. */
struct flow_event {
  unsigned topic; /* WORLD_TOPICS: nobody asked for it */
  bool due;       /* must come, or lie inside a gap */
  bool acked;
  unsigned shard; /* that it was delivered by */
  bool repeated;  /* the service sent it again on purpose */
};

/* One subscription. */
struct flow_topic {
  char event[FLOW_NAME_SIZE];
  char resource[FLOW_NAME_SIZE];
  const char* type;     /* the only one that passes its filter; NULL: all */
  bool rejected;        /* as the user was told */
  uint64_t changed_ms;  /* when it was last wanted or not any more */
  uint64_t served_ms;   /* since when it must come; 0: not yet */
  uint64_t sequence;    /* of the last event */
  uint64_t disorder_ms; /* until then an older one may follow */
};

/* The latest connection of a stream's wire. */
struct flow_wire {
  bool accepted;       /* the service took all its subscriptions ... */
  uint32_t topics;     /* ... these, a set */
  bool resumed;        /* ... and goes on at the position */
  uint64_t sent_ms;    /* when it was asked for them */
  uint64_t ping_ms;    /* the client's last ping; 0: none */
  bool refused;        /* an upgrade, for one of the subscriptions, ... */
  uint64_t refused_at; /* ... by this attempt of the engine */
  const struct gcn__conn* refused_of;
};

struct flow_gap {
  uint64_t from_ms;
  uint64_t to_ms;
  uint32_t topics;
};

/* On the consumer's disk. */
struct flow_lane {
  bool used;
  bool stale; /* its shard was gone: others may have served its topics since */
  unsigned char topics[GCN__ENGINE_SALT_SIZE];
  char position[GCN__POSITION_SIZE_MAX];
  size_t position_size;
  bool is_time;
  struct gcn__key handled[FLOW_HANDLED_MAX];
  size_t handled_count;
  uint64_t good_ms;
};

struct flow_pending {
  uint64_t sequence; /* of the window */
  size_t event;      /* of world->sent */
};

struct flow {
  enum gcn__preset preset;
  struct gcn__shape shape;
  struct gcn__settings settings;
  bool mute;    /* the user has no whims: the store is being read */
  bool goes_on; /* where a position is lost the service begins with now */
  bool asks_token;
  bool asks_secret;
  struct flow_topic topics[WORLD_TOPICS];
  struct flow_wire wires[GCN__WIRE_COUNT];
  struct flow_event* events;
  struct flow_gap* gaps;
  size_t gap_count;

  struct gcn__window window;
  struct flow_pending pending[FLOW_PENDING_MAX];
  size_t pending_count;
  uint64_t ack_ms; /* the next acknowledgements */
  bool full;       /* the window is: nothing is read */
  /* Until when each shard was good, when nothing was in hand. */
  uint64_t good_ms[GCN__SHARD_COUNT_MAX];
  struct flow_lane lanes[GCN__SHARD_COUNT_MAX];
  unsigned char salt[GCN__ENGINE_SALT_SIZE];
  /* Topics whose shard was not stored as it is: what one of its lanes has
   * handled may come again. */
  uint32_t loose;
  uint32_t loose_shards; /* topics that come to them later are loose, too */
  uint64_t lied_ms;      /* when the service said without reason that a position
                     * is lost; 0: never */
  uint64_t restarts;
  uint64_t resets;
  uint64_t acks;
};

/* stream-birth.c */
/* The world knows its seed, its plan and its troubles. */
int flow_birth(struct world* world);
void flow_name_topics(struct world* world);
void flow_service(struct world* world, struct gcn__sim_options* options);
int flow_engine(struct world* world);
void flow_death(struct world* world);
bool flow_knows(const struct world* world, unsigned trouble);

/* stream-consumer.c */
void flow_give(struct world* world, const struct gcn__event* event,
               size_t index);
void flow_mark(struct world* world, const struct gcn__mark* mark);
uint64_t flow_deadline(const struct world* world);
void flow_tick(struct world* world);
/* Nothing may be in hand. */
void flow_weigh(struct world* world);
/* What must be known again after the consumer's death, to its disk. */
void flow_store(struct world* world);
int flow_restore(struct world* world);

/* stream-user.c: whims, faults, restarts. */
void flow_begin(struct world* world);
void flow_acts(struct world* world);
void flow_final(struct world* world);
void flow_restart(struct world* world, uint64_t away_ms, bool unreadable);
bool flow_unreadable(struct world* world);

/* stream-check.c */
void flow_happens(struct world* world, const struct gcn__sim_event* event);
void flow_event(struct world* world, const struct gcn__event* event);
void flow_gap(struct world* world, const struct gcn__gap* gap);
void flow_topic(struct world* world, const struct gcn__topic_result* result);
void flow_state(struct world* world, const struct gcn__effect* effect);
void flow_end(struct world* world);

/* stream-wire.c */
void flow_open(struct world* world, enum gcn__wire_index wire);
void flow_frames(struct world* world, const struct link* link,
                 struct gcn__span bytes);
void flow_request(struct world* world, struct link* link,
                  struct gcn__span bytes);
/* The service reads it. */
void flow_receive(struct world* world, struct link* link,
                  struct gcn__span bytes);
/* What the service has answered last is not known to the engine. */
void flow_interrupts(struct world* world);
void flow_streaming(struct world* world, unsigned shard);
/* Which of our topics the service sends over the connection, a set. */
uint32_t flow_served(const struct world* world,
                     const struct gcn__sim_conn* conn);
/* Those of a shard. */
uint32_t flow_topics_of(const struct world* world, unsigned shard);

#endif
