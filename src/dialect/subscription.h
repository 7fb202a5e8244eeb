/* SPDX-License-Identifier: MIT */
/*
 * A subscription of the stream dialect as one line of text, so that it can be
 * named, compared, planned and reported like a topic:
 *
 *   EVENT[@RESOURCE][?FILTER=VALUE[,VALUE]...[&FILTER=...]...]
 *   routing.queueEvents@abc-123?eventType=QUEUE_ADD,QUEUE_REMOVE
 *
 * Bytes that would end a part, "%", and those that are not printable ASCII,
 * stand percent-encoded in it (RFC 3986 §2.1), as do "," in values.  Decoded
 * it is UTF-8 without NUL.  No part is empty, and no filter occurs twice.
 */
#ifndef GCN_DIALECT_SUBSCRIPTION_H
#define GCN_DIALECT_SUBSCRIPTION_H

#include "base/buf.h"
#include "codec/json.h"

enum { GCN__SUBSCRIPTION_SIZE_MAX = 1000 };

/* Views of a text that was checked; still encoded. */
struct gcn__subscription {
  struct gcn__span event;
  struct gcn__span resource; /* absent: none */
  struct gcn__span filters;  /* behind "?"; absent: none */
};

/* NULL, or what is wrong with the text, a constant. */
const char* gcn__subscription_check(struct gcn__span text);
/* The text must be good. */
struct gcn__subscription gcn__subscription_parse(struct gcn__span text);
/* The next filter of `*filters`, which moves behind it; its values are still
 * joined by commas.  False at the end. */
bool gcn__subscription_filter(struct gcn__span* filters, struct gcn__span* name,
                              struct gcn__span* values);
/* The next of a filter's values, in the same way. */
bool gcn__subscription_value(struct gcn__span* values, struct gcn__span* value);
/* Takes the first byte of a part that is not empty, and decodes it. */
char gcn__subscription_take(struct gcn__span* part);
/* Appends a part decoded: UTF-8 without NUL.  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__subscription_decode(struct gcn__buf* out, struct gcn__span part);
/* True if the decoded part equals `plain`. */
bool gcn__subscription_part_is(struct gcn__span part, struct gcn__span plain);

/* From the guide's JSON object {"event","resourceId","filters":{NAME:[VALUE]}}
 * (a filter may also be one string), or {"topic","filter":{"query"}}, whose
 * members may be mixed: appends the text form.  Other members are refused.
 * 0; GCN__EINVAL, and `why` (a constant) says what is wrong; GCN_ELIMIT (the
 * text is too long, or `out` is full), GCN__ENOMEM; an error has appended
 * nothing. */
int gcn__subscription_from_json(const struct gcn__json* object,
                                struct gcn__buf* out, const char** why);

#endif
