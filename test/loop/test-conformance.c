/* SPDX-License-Identifier: MIT */
/*
 * The conformance table over TCP.
 */
#include "conformance-peer.h"

int main(void) {
  return conf_peer_main("conformance", false);
}
