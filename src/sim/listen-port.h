/* SPDX-License-Identifier: MIT */
/*
 * Addresses as numbers, and ports to listen on.
 *
 * It knows no loop; descriptors are non-blocking and closed on exec.
 */
#ifndef GCN_SIM_LISTEN_PORT_H
#define GCN_SIM_LISTEN_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 literal; NULL: 127.0.0.1.  0 or GCN__EINVAL. */
int gcn__listen_port_parse(const char* text, uint16_t port,
                           struct sockaddr_storage* out, socklen_t* size);
/* Listens there; port 0 takes any, and `*bound` says which.  0, GCN__EINVAL or
 * the system's error; then `*fd` is -1. */
int gcn__listen_port_open(const char* address, uint16_t port, int* fd,
                          uint16_t* bound);
/* What accept() said, `error`, is want of descriptors or memory: a poll would
 * spin until some are given back. */
bool gcn__listen_port_exhausted(int error);
/* Closes a connection; `reset`: the peer is told so by RST. */
void gcn__listen_port_hang_up(int fd, bool reset);

#endif
