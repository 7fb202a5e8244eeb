/* SPDX-License-Identifier: MIT */
/*
 * Faults of packets, in network namespaces of the test's own: FAULTS §10.
 *
 *   test-net            all cases
 *   test-net T07        those whose names begin so
 *
 * Needs the right to make namespaces; where there is none, all of it is
 * skipped, and says so.  The longest cases come first.
 */
#include "runner.h"
#include "stage.h"

static const struct net_case cases[] = {
    {"T09 a round trip of 2 s delays everything and ends nothing",
     rough_distance},
    {"T07 a NAT that forgets an idle stream is found out",
     silence_after_nat_expiry},
    {"T10 64 kbit/s slow the service down, not the client", rough_narrow},
    {"T14 a link that is down for long, and comes back", silence_of_a_link},
    {"D06 fifteen of sixteen addresses are dead",
     names_fifteen_of_sixteen_dead},
    {"A01 heartbeats stop while TCP is alive", silence_of_the_service},
    {"T08 one packet in ten is lost, both ways", rough_loss},
    {"T11 packets come reordered, twice and damaged", rough_order},
    {"T13 a link that is down for 2 s", rough_short_break},
    {"T15 a peer that never reads", silence_of_a_reader},
    {"T03 no route, a forbidding route, ICMP's refusals", connect_unreachable},
    {"W18 pongs do not come", silence_of_pongs},
    {"T07 a silent black hole is found within the liveness bound",
     silence_both_ways},
    {"T07 a send into a black hole ends by TCP_USER_TIMEOUT",
     silence_with_bytes_to_send},
    {"T14 our own address is removed, and comes back",
     silence_without_an_address},
    {"D01 the resolver says that there is no such host", names_no_such_host},
    {"D02 the name server fails", names_server_fails},
    {"D02 the name server's port is closed", names_server_refuses},
    {"D03 look-ups fall into a black hole", names_black_hole},
    {"D03 close while a look-up is in a black hole",
     names_black_hole_and_close},
    {"D04 an empty answer", names_empty_answer},
    {"D04 an answer of a family that can't be reached", names_unusable_family},
    {"D05 IPv6 comes first and has no route", names_refused_family_first},
    {"D05 IPv6 comes first and is silent", names_silent_family_first},
    {"D07 the host moves to another address", names_address_changes},
    {"T01 connections are refused", connect_refused},
    {"T02 SYN packets are dropped", connect_unanswered},
    {"T04 a reset right after the handshake", connect_reset_at_once},
    {"T05 a reset in the middle of a message", break_reset_in_a_message},
    {"T06 the end of the connection without a Close frame",
     break_without_goodbye},
    {"T11 bytes are forged behind TCP's back", break_forged_bytes},
    {"T12 large packets are lost", connect_large_packets_lost},
    {"T17 the host has restarted and answers with a reset",
     break_host_restarted},
    {"T18 no local port is left", connect_no_port_left},
    {"W15 a Close frame into a black hole", silence_at_the_end},
};

int main(int argc, char** argv) {
  return run_cases(cases, sizeof cases / sizeof cases[0],
                   argc > 1 ? argv[1] : NULL);
}
