/* SPDX-License-Identifier: MIT */
/*
 * What a case plays on: a place, a loop, a host on the far side and a guest on
 * the near one.  And the cases, by file.
 */
#ifndef GCN_TEST_NET_STAGE_H
#define GCN_TEST_NET_STAGE_H

#include "guest.h"
#include "wire.h"

struct stage {
  struct place place;
  struct wire wire; /* with PLACE_WIRE */
  bool wired;
  uv_loop_t loop;
  struct host host;
  struct guest guest;
};

/* A host by this name, FAR_IP or FAR_NAME; then the near side has a resolver's
 * files of its own. */
void stage_open(struct stage* stage, enum place_road road, const char* name);
/* The same with a heartbeat every so often. */
void stage_open_beating(struct stage* stage, const char* name,
                        uint64_t heartbeat_ms);
/* The same with a host whose sockets take in 4 kB and no more. */
void stage_open_small(struct stage* stage, const char* name);
/* A guest with guest_options that streams. */
void stage_stream(struct stage* stage);
/* Ends the guest, the host and the loop, on which nothing may be left. */
void stage_close(struct stage* stage);
uint64_t stage_now_ms(struct stage* stage);
/* With GCN_NET_LONG in the environment as long as FAULTS.md has it. */
bool stage_is_long(void);
uint64_t stage_duration_ms(uint64_t usual_ms, uint64_t long_ms);

/* The stream is back, works, and of what was emitted nothing is missing that
 * is not inside of a gap. */
void stage_recovered(struct stage* stage, unsigned gaps);

void names_no_such_host(void);
void names_server_fails(void);
void names_server_refuses(void);
void names_black_hole(void);
void names_black_hole_and_close(void);
void names_empty_answer(void);
void names_unusable_family(void);
void names_refused_family_first(void);
void names_silent_family_first(void);
void names_fifteen_of_sixteen_dead(void);
void names_address_changes(void);

void connect_refused(void);
void connect_unanswered(void);
void connect_unreachable(void);
void connect_reset_at_once(void);
void connect_no_port_left(void);
void connect_large_packets_lost(void);

void break_reset_in_a_message(void);
void break_without_goodbye(void);
void break_host_restarted(void);
void break_forged_bytes(void);

void silence_both_ways(void);
void silence_with_bytes_to_send(void);
void silence_after_nat_expiry(void);
void silence_of_the_service(void);
void silence_of_pongs(void);
void silence_of_a_reader(void);
void silence_at_the_end(void);
void silence_of_a_link(void);
void silence_without_an_address(void);

void rough_loss(void);
void rough_distance(void);
void rough_narrow(void);
void rough_order(void);
void rough_short_break(void);

#endif
