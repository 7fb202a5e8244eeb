/* SPDX-License-Identifier: MIT */
/*
 * What every peer in C or C++ has in common: its five arguments, and the
 * counting of what it did.
 *
 *   PEER URL CA COUNT CONNECTIONS MODE
 *
 * It knows no socket and no protocol.  A peer calls tally_start before its
 * first connect, tally_open for each connection that was upgraded, tally_event
 * for each text message, and leaves by tally_leave once tally_done says so; the
 * one line of JSON is printed there and nowhere else.
 */
#ifndef GCN_BENCH_PEERS_TALLY_H
#define GCN_BENCH_PEERS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tally_mode {
  TALLY_COUNT,
  TALLY_JSON,
  TALLY_PINGPONG,
  TALLY_IDLE,
  TALLY_CUT, /* each connection twice, for its events: the second is counted */
};

enum {
  TALLY_WINDOW = 16,     /* connections that a peer opens at a time */
  TALLY_SETTLE_MS = 200, /* from the last connection to the look at memory */
  TALLY_CANNOT_RUN = 77, /* exit status */
  TALLY_MESSAGE_MAX = 1 << 20,
};

struct tally_plan {
  const char* url;
  const char* ca; /* a PEM file; "-" if it is not TLS */
  char host[64];
  char port[8];
  const char* path;
  bool tls;
  enum tally_mode mode;
  uint64_t count; /* events on each connection */
  unsigned connections;
};

/* What a peer sends for an event of TALLY_PINGPONG. */
#define TALLY_PING "{\"message\":\"ping\"}"

/* Ends the program if the arguments are not understood. */
const struct tally_plan* tally_begin(int argc, char** argv);
void tally_start(void);
/* True: that was the last connection. */
bool tally_open(void);
/* Just before a TALLY_PING is sent. */
void tally_sent(void);
/* `data` needs no end; it is parsed if the mode says so. */
void tally_event(const void* data, size_t size);
/* True: every event is here; in TALLY_IDLE never. */
bool tally_done(void);
uint64_t tally_events(void);
/* Prints what was counted; the exit status. */
int tally_leave(const char* peer, const char* version);
/* Ends the program with `status`, saying `what` on stderr. */
void tally_die(int status, const char* what);

#ifdef __cplusplus
}
#endif

#endif
