/* SPDX-License-Identifier: MIT */
/*
 * What single options of `gcn sim` mean: addresses, authorities, rates, flaws,
 * and what a file of recorded events is good for.
 *
 * Each reader returns NULL, or what the value has to be; then what it would
 * have filled in is unspecified.  It opens no file.
 */
#ifndef GCN_CLI_SIM_VALUES_H
#define GCN_CLI_SIM_VALUES_H

#include "codec/url.h"
#include "sim/pki.h"
#include "sim/service.h"

enum {
  GCN__CLI_SIM_ADDRESS_SIZE = 46,  /* the longest IPv6 literal and a NUL */
  GCN__CLI_SIM_RATE_MAX = 1000000, /* events per second */
};

/* What connectUri is to name.  All-zero: what is listened on. */
struct gcn__cli_sim_authority {
  bool given;
  bool schemed; /* "ws://" or "wss://" stood before it */
  bool ported;  /* it names a port; always true if schemed */
  struct gcn__url url;
};

/* "127.0.0.1", "127.0.0.1:8443", "[::1]:8443", "::1"; without a port: 0. */
const char* gcn__cli_sim_listen_of(const char* value,
                                   char address[GCN__CLI_SIM_ADDRESS_SIZE],
                                   uint16_t* port);
/* "localhost", "localhost:8443", "wss://sim.example:8443", "ws://[::1]" */
const char* gcn__cli_sim_authority_of(const char* value,
                                      struct gcn__cli_sim_authority* out);
/* "50/s", "30/m", "50" for seconds; as events per 1,000 s. */
const char* gcn__cli_sim_rate_of(const char* value, uint64_t* events_per_ks);
/* "expired", "future", "no-san", "self-signed", "client-only" */
const char* gcn__cli_sim_flaw_of(const char* value, enum gcn__pki_flaw* flaw);

/* The topic of the first event; NUL-terminated.  False if there is none. */
bool gcn__cli_sim_first_topic(struct gcn__span corpus,
                              char out[GCN__SIM_TOPIC_SIZE_MAX]);
/* True for the service's log lines about requests, which `gcn sim` tells with
 * -v only; false for those about sockets (an upgrade is about one), channels,
 * tokens and faults. */
bool gcn__cli_sim_is_request(const char* line);

#endif
