/* SPDX-License-Identifier: MIT */
/*
 * A client of the simulated service for its tests: byte-level, over the
 * codecs, with a clock that is moved by hand.
 *
 * Every byte to the service goes in pieces of world.cut bytes, so that a test
 * can be run whole and byte by byte.
 */
#ifndef GCN_TEST_SIM_PEER_H
#define GCN_TEST_SIM_PEER_H

#include "codec/http.h"
#include "codec/ws.h"
#include "sim/script.h"
#include "sim/service.h"

enum { SIM_PIECES_MAX = 4096, SIM_TEXT_SIZE = 512 };

#define SIM_CLIENT "client-1"
#define SIM_SECRET "not a secret"

struct sim_world {
  struct gcn__sim_options options;
  struct gcn__sim* sim;
  struct gcn__script* script;
  uint64_t now_ms;
  size_t cut; /* 0: whole */
};

struct sim_link {
  struct sim_world* world;
  struct gcn__sim_conn* conn;
  struct gcn__buf in; /* what the service sent and nobody has read */
  size_t pieces[SIM_PIECES_MAX];
  size_t piece_count;
  enum gcn__sim_verdict verdict;
  struct gcn__http* http;
  struct gcn__ws* ws;
};

/* Two clients, SIM_CLIENT and "client-2", both with SIM_SECRET; the authority
 * is "host:1". */
void sim_world_init(struct sim_world* world);
/* Makes the service from world->options; `script` may be NULL. */
void sim_world_open(struct sim_world* world, const char* script);
void sim_world_close(struct sim_world* world);
/* Moves the clock, stopping at each deadline. */
void sim_world_advance(struct sim_world* world, uint64_t delay_ms);
struct gcn__sim_counters sim_world_counters(struct sim_world* world);
/* Takes every connection's output. */
void sim_world_pump(struct sim_world* world);

void sim_link_open(struct sim_link* link, struct sim_world* world);
void sim_link_close(struct sim_link* link);
void sim_link_send(struct sim_link* link, struct gcn__span bytes);

/* A request as its lines; "%T" in the headers is not special.  The answer is
 * in link->http; returns its status, or 0 if none came. */
unsigned sim_request(struct sim_link* link, const char* method,
                     const char* target, const char* headers, const char* body);
/* With a bearer token (NULL: none) and a JSON body (NULL: none). */
unsigned sim_call(struct sim_link* link, const char* method, const char* target,
                  const char* token, const char* body);
/* True if the answer's body contains the text. */
bool sim_answer_has(const struct sim_link* link, const char* text);
/* The string member of the answer's body, or of one of its entities; "" if it
 * is not there. */
void sim_answer_member(const struct sim_link* link, const char* name,
                       char out[SIM_TEXT_SIZE]);

/* A fresh token of SIM_CLIENT; asserts that there is one. */
void sim_token(struct sim_link* link, char token[SIM_TEXT_SIZE]);
/* A fresh channel; its id. */
void sim_channel(struct sim_link* link, const char* token,
                 char id[SIM_TEXT_SIZE]);
/* PUT of one topic; the status. */
unsigned sim_subscribe(struct sim_link* link, const char* token, const char* id,
                       const char* topic);
/* Upgrades; the status. */
unsigned sim_upgrade(struct sim_link* link, const char* id);
/* The same for any target, with a bearer token (NULL: none). */
unsigned sim_upgrade_at(struct sim_link* link, const char* target,
                        const char* token);
/* A token, a channel with one topic, and its WebSocket on `link`. */
void sim_stream(struct sim_link* rest, struct sim_link* link,
                const char* topic);

/* The next message; false if there is none. */
bool sim_next(struct sim_link* link, struct gcn__ws_message* message);
/* True if the next message is a text that contains `text`. */
bool sim_next_has(struct sim_link* link, const char* text);
/* Reads until a Close; its code, or 0 if there is none. */
unsigned sim_next_close(struct sim_link* link);
void sim_say(struct sim_link* link, enum gcn__ws_opcode opcode,
             const char* text);
void sim_say_close(struct sim_link* link, unsigned code);

#endif
