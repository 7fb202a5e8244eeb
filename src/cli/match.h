/* SPDX-License-Identifier: MIT */
/*
 * One condition on events: `path op value`.
 *
 *   topic match ^v2\.users\.
 *   body.routingStatus.status == IDLE
 *   body.participants.0.purpose contains cust
 *   eventType == QUEUE_ADD
 *
 * A path names what `-o json` prints: topic, correlationId, with the stream
 * dialect id, resourceId, eventType and eventTime, or body and members of it; a
 * number is an index.  Operators: == != < <= > >= contains match.
 * Numbers are compared as numbers if both sides are, else as text.  Of a value
 * that is not there only != is true.
 */
#ifndef GCN_CLI_MATCH_H
#define GCN_CLI_MATCH_H

#include "base/span.h"
#include "gcnotify.h"

struct gcn__match;

/* NULL if the expression is not one; `why` is then a constant text. */
struct gcn__match* gcn__match_new(const char* expression, const char** why);
void gcn__match_free(struct gcn__match* match); /* NULL is fine */
/* NULL matches everything. */
bool gcn__match_test(const struct gcn__match* match, const gcn_event_t* event);

#endif
