/* SPDX-License-Identifier: MIT */
/*
 * Text under construction: a buffer whose first error sticks, so that a long
 * answer is written as straight-line code and checked once.
 *
 * Also the two notations the service uses everywhere: ISO 8601 moments and
 * UUIDs.
 */
#ifndef GCN_SIM_TEXT_H
#define GCN_SIM_TEXT_H

#include "base/buf.h"
#include "base/rng.h"
#include "base/span.h"

enum {
  GCN__SIM_ISO_SIZE = 25,  /* "2031-04-02T08:15:30.123Z" and a NUL */
  GCN__SIM_DATE_SIZE = 30, /* "Wed, 02 Apr 2031 08:15:30 GMT" and a NUL */
  GCN__SIM_ID_SIZE = 37,   /* a UUID and a NUL */
};

struct gcn__sim_text {
  struct gcn__buf buf;
  int error; /* the first failure; 0 if none */
};

void gcn__sim_text_init(struct gcn__sim_text* text, const struct gcn__mem* mem,
                        size_t size_max);
void gcn__sim_text_deinit(struct gcn__sim_text* text);
/* Empties it and forgets the error. */
void gcn__sim_text_clear(struct gcn__sim_text* text);
void gcn__sim_text_put(struct gcn__sim_text* text, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void gcn__sim_text_span(struct gcn__sim_text* text, struct gcn__span bytes);
/* `count` times the byte `c`. */
void gcn__sim_text_fill(struct gcn__sim_text* text, char c, size_t count);
/* As a JSON string with its quotes. */
void gcn__sim_text_json(struct gcn__sim_text* text, struct gcn__span string);

/* `wall_ms` since 1970, UTC; NUL-terminated. */
void gcn__sim_iso(uint64_t wall_ms, char out[GCN__SIM_ISO_SIZE]);
/* The same as HTTP writes it (RFC 9110 5.6.7), without parts of a second. */
void gcn__sim_http_date(uint64_t wall_ms, char out[GCN__SIM_DATE_SIZE]);
/* A random (version 4) UUID; NUL-terminated. */
void gcn__sim_uuid(struct gcn__rng* rng, char out[GCN__SIM_ID_SIZE]);
/* One that depends on `value` only. */
void gcn__sim_uuid_of(uint64_t value, char out[GCN__SIM_ID_SIZE]);

#endif
