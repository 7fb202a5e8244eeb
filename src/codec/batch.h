/* SPDX-License-Identifier: MIT */
/*
 * A message of the stream dialect: a batch of events, scanned in place without
 * a DOM.
 *
 *   {"lastEventId":"...","timestamp":"...","events":[
 *     {"id":"...","event":"routing.queueEvents","resourceId":"...",
 *      "timestamp":"...","eventType":"QUEUE_ADD","data":{...}}]}
 *                                                    PROTOCOL §6.1 and §6.3
 *
 * Accepted too: "batch" or "data" as the key of the array, a bare array, and a
 * single event: an object with a name, an "eventBody", or an id with "data".
 * An array "data" is the batch's only where nothing else says event.  Keys
 * come in any order; unknown ones are skipped.  The text must be valid UTF-8.
 *
 * Invariant: the text is not touched before all of it was found good, so an
 * error leaves it as it was.
 */
#ifndef GCN_CODEC_BATCH_H
#define GCN_CODEC_BATCH_H

#include "base/span.h"
#include "codec/scrutiny.h"

enum { GCN__BATCH_DEPTH_MAX = 32 };

enum gcn__batch_kind {
  GCN__BATCH_EVENTS, /* maybe none: a sign of life with a position */
  /* No event, but "errors" (an array with something in it); or a "message" with
   * a "code" or a "status", where there is neither an array of events nor a
   * type, a resource or data of one. */
  GCN__BATCH_ERROR,
  GCN__BATCH_OTHER, /* an object without any member that tells us something */
};

/* Absent where the event lacks the member, it is of another type, or it is
 * empty.  Strings are decoded.  A number stands as its text, except in place of
 * a name or type. */
struct gcn__batch_event {
  struct gcn__span id;             /* "id" or "eventId" */
  struct gcn__span name;           /* "event", "topicName" or "topic" */
  struct gcn__span resource_id;    /* "resourceId" */
  struct gcn__span type;           /* "eventType" */
  struct gcn__span timestamp;      /* "timestamp" or "eventTime" */
  struct gcn__span correlation_id; /* "metadata"."CorrelationId" or
                                      "correlationId" */
  struct gcn__span version;        /* "version" */
  /* Raw JSON value of "data" or "eventBody", unless it is null; else the whole
   * event. */
  struct gcn__span body;
  /* The whole event, raw but for decoded strings.  It is still the same JSON,
   * unless such a string has a quote, a backslash or a control character. */
  struct gcn__span text;
};

struct gcn__batch {
  enum gcn__batch_kind kind;
  /* Absent as above; the three of an error also where the message is a single
   * event, whose own they are. */
  struct gcn__span last_event_id; /* "lastEventId" */
  struct gcn__span timestamp;     /* "timestamp" of the batch */
  struct gcn__span errors;        /* raw JSON array "errors" */
  struct gcn__span error_message; /* "message", no number */
  struct gcn__span error_code;    /* "code", else "status" */
  /* "resumed": whether the service went on where it was asked to.  -1: it did
   * not say. */
  int resumed;
  size_t count; /* of events; known from the start */

  /* For gcn__batch_next only: where the next event is, or, if the message is a
   * single event, the event itself. */
  char* at;
  char* end;
  size_t left;
  struct gcn__batch_event single;
};

/* Spans point into `text`, which is changed only by decoding strings with
 * escapes in place.  Of two members that mean the same the first named above
 * wins, if it is not absent.  Refused are: one of our keys twice in one object,
 * nesting deeper than GCN__BATCH_DEPTH_MAX, events that are no objects, and a
 * lone surrogate or U+0000 in a string that is decoded.
 *
 * Shallow scrutiny looks less closely at the values of "data" and "eventBody":
 * of what is inside arrays and objects, only at strings, and how many brackets
 * open and close.
 *
 * Returns 0 or GCN_EPROTO; `offset` (may be NULL) is then where, and `text` is
 * unchanged. */
int gcn__batch_scan(char* text, size_t size, enum gcn__scrutiny scrutiny,
                    struct gcn__batch* batch, size_t* offset);
/* The same for bytes of which nobody knows yet whether they are UTF-8.  `utf8`
 * is set to whether they are, all of them, also where they are no batch; if
 * they are not, that is GCN_EPROTO, too. */
int gcn__batch_scan_bytes(char* bytes, size_t size, enum gcn__scrutiny scrutiny,
                          struct gcn__batch* batch, bool* utf8);
/* The next event, in order; false at the end.  Decodes its strings in place.
 * The text must not have moved. */
bool gcn__batch_next(struct gcn__batch* batch, struct gcn__batch_event* event);

#endif
