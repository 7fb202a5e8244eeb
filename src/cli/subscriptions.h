/* SPDX-License-Identifier: MIT */
/*
 * A file of subscriptions in JSON, cut into its objects.
 *
 * An array of objects, or one object after another, with nothing but white
 * space between them.  It finds where each begins and ends, and on which line;
 * what is in them is for others.
 */
#ifndef GCN_CLI_SUBSCRIPTIONS_H
#define GCN_CLI_SUBSCRIPTIONS_H

#include "base/span.h"

struct gcn__subscriptions {
  struct gcn__span rest;
  unsigned line;   /* of what was returned last, or of what is wrong; from 1 */
  unsigned behind; /* line breaks inside of that */
  bool array;
  bool begun;      /* an object of the array was seen */
  const char* why; /* what is wrong, a constant; NULL: nothing */
};

void gcn__subscriptions_init(struct gcn__subscriptions* reader,
                             struct gcn__span text);
/* False at the end, and if something is wrong. */
bool gcn__subscriptions_next(struct gcn__subscriptions* reader,
                             struct gcn__span* object);

#endif
