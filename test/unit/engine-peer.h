/* SPDX-License-Identifier: MIT */
/*
 * A service and a driver in one, for an engine over plaintext wires.
 *
 * It answers every request as a friendly service would, links every link, and
 * lets time pass when there is nothing else to do.  A second topic is one too
 * many for a connection.  It allocates nothing, so
 * that a failing allocator is the engine's matter alone.
 */
#ifndef GCN_TEST_ENGINE_PEER_H
#define GCN_TEST_ENGINE_PEER_H

#include "engine/engine.h"

#define PEER_SECRET       "SECRET-1"
#define PEER_OTHER_SECRET "SECRET-2"
#define PEER_TOKEN        "TOKEN-1"
#define PEER_CHANNEL      "CHANNEL-1"

enum { PEER_ANSWER_SIZE = 1024 };

struct peer_link {
  bool open;
  bool up;
  bool upgraded;
  bool closing;                  /* the engine has said goodbye */
  char answer[PEER_ANSWER_SIZE]; /* still to be sent */
  size_t answer_size;
};

struct peer {
  struct gcn__engine* engine;
  /* Told of every effect after it was performed; NULL: nobody. */
  void (*act)(struct peer* peer, const struct gcn__effect* effect);
  const char* held;   /* requests that begin so are not answered; NULL: none */
  const char* denied; /* those are, by `status` */
  unsigned status;
  uint64_t now_ms;
  struct peer_link links[GCN__WIRE_COUNT];
  uint64_t event_count;  /* told by the engine */
  uint64_t stream_count; /* changes to STREAMING */
  uint64_t rotation_count;
};

/* 0, GCN__ENOMEM. */
int peer_init(struct peer* peer, const struct gcn__mem* mem);
/* The engine asks for its credentials, and `act` has to answer. */
int peer_init_asking(struct peer* peer, const struct gcn__mem* mem);
/* A connection is kept warm beside a stream that is so old. */
int peer_init_sparing(struct peer* peer, const struct gcn__mem* mem,
                      uint64_t spare_ms);
void peer_deinit(struct peer* peer);

void peer_command(struct peer* peer, unsigned commands);
/* Goes on until the engine is in `state`; false if that takes more than
 * `limit_ms`. */
bool peer_reach(struct peer* peer, enum gcn__state state, uint64_t limit_ms);
/* Sends events, one by one, on one of the streams; stops early if it ends. */
void peer_send_events(struct peer* peer, unsigned count);
/* One event on each of the streams: a topic may have gone from one to
 * another. */
void peer_send_everywhere(struct peer* peer);
/* Frames, whole or in part, on one of the streams, if there is one. */
void peer_send_frames(struct peer* peer, struct gcn__span frames);
/* One message on one of the streams, if there is one. */
void peer_say(struct peer* peer, const char* text);
/* A link of this role is lost: GCN__ECONNRESET. */
void peer_lose(struct peer* peer, enum gcn__wire_index role);
/* Lets time pass and answers what is asked. */
void peer_wait(struct peer* peer, uint64_t delay_ms);

#endif
