/* SPDX-License-Identifier: MIT */
/*
 * The conformance table over TLS.
 */
#include "conformance-peer.h"

int main(void) {
  return conf_peer_main("conformance-tls", true);
}
