/* SPDX-License-Identifier: MIT */
/*
 * One HTTP/1.1 request after another, out of bytes that come in any pieces.
 *
 * It knows no socket and no policy but its limits.  llhttp reads; what it finds
 * is kept here, and nothing of llhttp is under way when a call returns.
 */
#ifndef EXAMPLE_SSE_REQUEST_H
#define EXAMPLE_SSE_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>

enum {
  REQUEST_HEAD_SIZE_MAX = 8192, /* a larger one is answered 431 */
  REQUEST_TARGET_SIZE_MAX = 1024,
  REQUEST_FIELD_SIZE_MAX = 256,
};

/* A header's value; of more than one the last bytes are those of all. */
struct field {
  unsigned count; /* how often it was there */
  size_t size;    /* over the maximum: it did not fit */
  char text[REQUEST_FIELD_SIZE_MAX + 1];
};

struct request {
  llhttp_t parser;
  size_t head_size;
  int status;
  bool whole;
  bool keep_alive;
  size_t name_size;
  char name[32]; /* of the header that is being read, in lower case */
  struct field* field;
  struct field host;
  struct field last_event_id;
  size_t target_size;
  char target[REQUEST_TARGET_SIZE_MAX + 1]; /* ends with NUL */
};

void request_init(struct request* request);

/* Reads up to the end of a request.  Returns 0: the bytes were not enough; 200:
 * the request is there, `used` bytes belong to it, and the next call begins
 * the next one; else the status to refuse it with, which is the end. */
int request_read(struct request* request, const char* bytes, size_t size,
                 size_t* used);

#endif
