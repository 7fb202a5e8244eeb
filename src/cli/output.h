/* SPDX-License-Identifier: MIT */
/*
 * What goes to standard output: one line per event, and with --meta one per
 * thing that happens to the stream.
 *
 * JSON lines have stable keys in stable order; "v" changes if one is ever taken
 * away.  Bodies and raw messages pass through byte for byte, but for line
 * breaks between tokens, which become spaces so that a line is an event.  It
 * reads no clock and writes to a buffer only.
 */
#ifndef GCN_CLI_OUTPUT_H
#define GCN_CLI_OUTPUT_H

#include "base/buf.h"
#include "gcnotify.h"

enum gcn__output_form {
  GCN__OUTPUT_JSON,
  GCN__OUTPUT_BODY,
  GCN__OUTPUT_RAW,
  GCN__OUTPUT_PRETTY,
};

struct gcn__output {
  enum gcn__output_form form;
  bool stream;  /* the stream dialect: events have ids, and more */
  bool many;    /* connections: PRETTY lines say which, as JSON always does */
  bool colors;  /* PRETTY only, as are those below */
  bool whole;   /* bodies in full and indented, else cut to the width */
  size_t width; /* columns */
};

/* "json", "body", "raw" or "pretty". */
bool gcn__output_form_of(const char* word, enum gcn__output_form* form);

/* All return 0, GCN_ELIMIT or GCN__ENOMEM; then part of a line may have been
 * written.  Those about the stream write nothing in BODY and RAW. */
int gcn__output_event(const struct gcn__output* output, struct gcn__buf* out,
                      const gcn_event_t* event);
int gcn__output_notice(const struct gcn__output* output, struct gcn__buf* out,
                       const gcn_event_t* notice);
int gcn__output_heartbeat(const struct gcn__output* output,
                          struct gcn__buf* out, int64_t unix_ms);
/* `outage_ms`: how long there was no stream before this change to STREAMING;
 * UINT64_MAX if there was none before. */
int gcn__output_state(const struct gcn__output* output, struct gcn__buf* out,
                      int64_t unix_ms, const gcn_transition_t* transition,
                      uint64_t outage_ms);
int gcn__output_topic(const struct gcn__output* output, struct gcn__buf* out,
                      int64_t unix_ms, const gcn_topic_result_t* result);
int gcn__output_gap(const struct gcn__output* output, struct gcn__buf* out,
                    int64_t unix_ms, const gcn_gap_t* gap);
int gcn__output_rotation(const struct gcn__output* output, struct gcn__buf* out,
                         int64_t unix_ms, const gcn_rotation_t* rotation);
/* The checkpoint can't be read or written. */
int gcn__output_checkpoint(const struct gcn__output* output,
                           struct gcn__buf* out, int64_t unix_ms,
                           const gcn_failure_t* failure);
/* One JSON line whatever the form. */
int gcn__output_stats(struct gcn__buf* out, int64_t unix_ms,
                      const gcn_stats_t* stats);

/* "blind", "possible", "dropped" */
const char* gcn__output_certainty_name(gcn_certainty_t certainty);
/* How long a gap is; also one that began before the loop did. */
uint64_t gcn__output_gap_ms(const gcn_gap_t* gap);
/* "DNS", "TCP", ...; "token request", "channel request", ... */
const char* gcn__output_layer_name(gcn_layer_t layer);
const char* gcn__output_op_name(gcn_op_t op);

#endif
