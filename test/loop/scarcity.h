/* SPDX-License-Identifier: MIT */
/*
 * What a client lives on, and what of it is refused: its own allocations, those
 * of Mbed TLS, and the calls by which it asks libuv and the system for things.
 *
 * One of the three may be made scarce: its n-th request is refused, once or
 * from then on.  All three are process-wide, so the service has to live in
 * another process.
 */
#ifndef GCN_TEST_LOOP_SCARCITY_H
#define GCN_TEST_LOOP_SCARCITY_H

#include <stdbool.h>
#include <stddef.h>

enum scarcity_kind {
  SCARCITY_OURS,  /* options.alloc_cb = scarcity_resize */
  SCARCITY_TLS,   /* Mbed TLS's calloc */
  SCARCITY_CALLS, /* of --wrap, see scarcity.c */
  SCARCITY_KINDS
};

/* Puts Mbed TLS's allocations under it; before anything of Mbed TLS is used. */
void scarcity_init(void);
/* From now on the `n`-th request of the kind from now on is refused (1 is the
 * next), and with `on` all behind it; counts begin anew. */
void scarcity_begin(enum scarcity_kind kind, size_t n, bool on);
/* Nothing is refused any more. */
void scarcity_end(void);
/* Requests of the kind since scarcity_begin. */
size_t scarcity_count(enum scarcity_kind kind);
/* Something has been refused since then. */
bool scarcity_struck(void);
/* What the last refused request was for: "send", "uv_tcp_connect", ... */
const char* scarcity_refused(void);

/* Bytes of ours that live; blocks of Mbed TLS's. */
size_t scarcity_ours(void);
long scarcity_blocks(void);
/* Frees the one block that Mbed TLS itself leaks, if there is one more than
 * `blocks`. */
void scarcity_forgive(long blocks);

/* For options.alloc_cb; its data is not used. */
void* scarcity_resize(void* data, void* ptr, size_t old_size, size_t new_size);

#endif
