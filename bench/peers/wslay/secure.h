/* SPDX-License-Identifier: MIT */
/*
 * TLS as the wslay peer needs it, once by OpenSSL and once by Mbed TLS, each in
 * the way that its documentation shows: it reads the socket itself.
 */
#ifndef GCN_BENCH_PEERS_SECURE_H
#define GCN_BENCH_PEERS_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct secure;

/* The name of the peer that this makes. */
extern const char secure_peer[];

/* A PEM file; ends the program if it is none. */
void secure_trust(const char* ca);
/* On a socket that does not block. */
struct secure* secure_new(int fd, const char* host);
/* True: the handshake is over; ends the program if it failed. */
bool secure_open(struct secure* secure);
/* Bytes; 0: none at present; -1: the connection is of no use any more. */
ssize_t secure_read(struct secure* secure, void* data, size_t size);
ssize_t secure_write(struct secure* secure, const void* data, size_t size);

#endif
