/* SPDX-License-Identifier: MIT */
/*
 * Two network namespaces of the calling process and a road between them: a
 * service on the far side, a client on the near one.
 *
 * They have no names: the kernel takes them away with the last process in them,
 * so nothing is left behind however a test ends.  The process lives on the near
 * side; a socket belongs to the side on which it was made.  All of it asserts,
 * or skips the case where the machine has no such thing.
 */
#ifndef GCN_TEST_NET_PLACE_H
#define GCN_TEST_NET_PLACE_H

#include "check.h"

#include <stdbool.h>
#include <sys/types.h>

#define FAR_IP    "10.77.0.1"
#define FAR_IP_2  "10.77.0.129" /* glibc sorts it behind its neighbours */
#define FAR_IP6   "fd77::1"
#define NEAR_IP   "10.77.0.2"
#define FAR_NAME  "service.test"
#define FAR_PORT  443
#define PLACE_DIR "/mnt" /* a file system of the case's own */

enum { PLACE_SKIPPED = 77 }; /* exit status */

enum place_road {
  PLACE_CABLE, /* a veth pair: "near" and "far" */
  PLACE_WIRE,  /* two TUN devices of these names, and test/net/wire between */
};

struct place {
  int near_fd;
  int far_fd;
  pid_t resolver; /* of the near side; 0: none */
};

/* Enters namespaces of its own, of a user namespace if need be.  0 or an errno;
 * for a process with one thread. */
int place_enter(void);
/* False, and `why`, if this machine does not do what every case needs.  Tries
 * it in a process of its own. */
bool place_possible(char* why, size_t why_size);

void place_open(struct place* place, enum place_road road);
void place_close(struct place* place);
/* Between these two sockets are made on the far side. */
void place_go_far(const struct place* place);
void place_come_back(const struct place* place);

/* Runs a command of the shell on the near side; it has to succeed. */
__attribute__((format(printf, 1, 2))) void place_run(const char* format, ...);
__attribute__((format(printf, 2, 3))) void
place_run_far(const struct place* place, const char* format, ...);
/* The same where failing means that the machine does not have it. */
__attribute__((format(printf, 2, 3))) void place_want(const char* what,
                                                      const char* format, ...);
/* Ends the process: the case is counted as skipped, with this reason. */
__attribute__((noreturn)) void place_skip(const char* why);
void place_write(const char* path, const char* text);

/* A rule of nftables for what leaves ("out") or reaches ("in") the near side.
 * place_clear forgets all of them. */
__attribute__((format(printf, 2, 3))) void place_rule(const char* chain,
                                                      const char* format, ...);
void place_clear(void);
/* How many packets the rules with a counter have met. */
unsigned place_counted(void);

/* Names are looked up at 127.0.0.1 of the near side from now on, where nobody
 * answers yet; look-ups wait 1 s for it, once. */
void place_names(void);
/* dnsmasq answers: with `hosts` (lines of a hosts file) for what ends in .test,
 * and with NXDOMAIN for the rest of that.  `option` is one more of its options,
 * or NULL. */
void place_resolve(struct place* place, const char* hosts, const char* option);
/* Other hosts from now on. */
void place_rename(const struct place* place, const char* hosts);
/* A server that answers everything with this rcode. */
void place_resolve_badly(struct place* place, unsigned rcode);
void place_resolve_no_more(struct place* place);

#endif
