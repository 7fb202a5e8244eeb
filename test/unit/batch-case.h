/* SPDX-License-Identifier: MIT */
/*
 * Texts scanned for batches, with all their events.
 *
 * Every text lies in a block of exactly its size.  After an error it is checked
 * that the text is unchanged and that there are no events.
 */
#ifndef GCN_TEST_BATCH_CASE_H
#define GCN_TEST_BATCH_CASE_H

#include "codec/batch.h"

enum { BATCH_EVENTS_MAX = 8 };

/* A text and what was found in it; `text` is the block that was scanned, the
 * caller's to free. */
struct batch_scanned {
  char* text;
  size_t size;
  int error;
  size_t offset; /* SIZE_MAX without an error */
  struct gcn__batch batch;
  struct gcn__batch_event events[BATCH_EVENTS_MAX];
};

struct batch_scanned batch_scan(struct gcn__span text,
                                enum gcn__scrutiny scrutiny);
struct batch_scanned batch_scan_strictly(const char* text);
/* With `value` in place of the "%s" of `frame`. */
struct batch_scanned batch_scan_framed(const char* frame, const char* value);

/* Every member with a text: a message with "%s" for its value.  Other members
 * that mean the same have "x", or "y" if they come first. */
struct batch_member {
  const char* frame;
  size_t text;  /* of batch_text */
  bool numbers; /* stand as their text */
};

enum { BATCH_MEMBER_COUNT = 24 };
extern const struct batch_member batch_members[BATCH_MEMBER_COUNT];

/* What was found for a member. */
struct gcn__span batch_text(const struct batch_scanned* scanned, size_t text);

#endif
