/* SPDX-License-Identifier: MIT */
/*
 * One line of the flight recorder: what one input did to one connection.
 *
 * Numbers and names of closed sets only.  There is no field that could hold a
 * host, a token, a topic or a text, so a dump can be handed to strangers.
 */
#ifndef GCN_CORE_RECORD_H
#define GCN_CORE_RECORD_H

#include "base/span.h"
#include "core/session.h"

enum {
  GCN__RECORD_SIZE_MAX = 128,
  GCN__RECORD_VERSION = 1,
  GCN__RECORD_MAGIC_SIZE = 8,
  GCN__RECORD_HEADER_SIZE = 56, /* before settings and names */
  GCN__RECORD_CRC_SIZE = 4,
};

/* The line break in it shows a transport that changes line breaks. */
#define GCN__RECORD_MAGIC "gcnrec\r\n"

struct gcn__record {
  uint64_t at_ms;
  uint64_t count;    /* of equal inputs in a row, told as one; 1: just this */
  uint64_t since_ms; /* when the first of them came */
  uint8_t slot;      /* which connection */
  bool entered;      /* a state was entered, maybe the same one */
  enum gcn__input input;
  enum gcn__state from;
  enum gcn__state to;
  uint32_t verbs;    /* those the session left to its caller */
  uint64_t delay_ms; /* BACKING_OFF was entered: the wait that was chosen */
  uint64_t failures; /* after the input */
  uint64_t attempt;  /* likewise */
  int error;         /* of the failure; 0: nothing failed */
  int http_status;
  int close_code;
};

/* What the session says about a step it has just taken; slot and failure are
 * the caller's to add. */
struct gcn__record gcn__record_of_step(const struct gcn__session* session,
                                       enum gcn__input input,
                                       const struct gcn__step* step,
                                       uint64_t now_ms);

/* Encodes.  `clock_ms` is the latest moment written so far, from which the
 * record counts; it is moved on.  Returns the size. */
size_t gcn__record_encode(const struct gcn__record* record, uint64_t* clock_ms,
                          unsigned char out[GCN__RECORD_SIZE_MAX]);
/* Decodes what `bytes` begins with and sets `size`.  False if no encoder
 * writes such bytes.  State, input and verbs are numbers of the writer's lists:
 * the caller looks whether it knows them. */
bool gcn__record_decode(struct gcn__span bytes, uint64_t* clock_ms,
                        struct gcn__record* record, size_t* size);

/* CRC-32 as in zlib, bit by bit: it finds every burst of up to 32 bits, and
 * for one dump at a time no table is worth its kilobyte. */
uint32_t gcn__record_crc(uint32_t crc, struct gcn__span bytes);

#endif
