/* SPDX-License-Identifier: MIT */
/*
 * The two forms that have lines for everything.  Private to the output files;
 * contracts are in output.h.
 */
#ifndef GCN_CLI_OUTPUT_FORMS_H
#define GCN_CLI_OUTPUT_FORMS_H

#include "cli/output.h"

/* output-json.c.  `type` is "event" or "notice". */
int gcn__output_json_event(const struct gcn__output* output,
                           struct gcn__buf* out, const gcn_event_t* event,
                           const char* type);
int gcn__output_json_heartbeat(struct gcn__buf* out, int64_t unix_ms);
int gcn__output_json_state(struct gcn__buf* out, int64_t unix_ms,
                           const gcn_transition_t* transition,
                           uint64_t outage_ms);
int gcn__output_json_topic(struct gcn__buf* out, int64_t unix_ms,
                           const gcn_topic_result_t* result);
int gcn__output_json_gap(struct gcn__buf* out, int64_t unix_ms,
                         const gcn_gap_t* gap);
int gcn__output_json_rotation(struct gcn__buf* out, int64_t unix_ms,
                              const gcn_rotation_t* rotation);
int gcn__output_json_checkpoint(struct gcn__buf* out, int64_t unix_ms,
                                const gcn_failure_t* failure);

/* output-stream.c, without the end of the line. */
int gcn__output_stream_raw(struct gcn__buf* out, const gcn_event_t* event);
int gcn__output_stream_body(struct gcn__buf* out, const gcn_event_t* event);

/* output-pretty.c */
int gcn__output_pretty_event(const struct gcn__output* output,
                             struct gcn__buf* out, const gcn_event_t* event,
                             const char* type);
int gcn__output_pretty_heartbeat(const struct gcn__output* output,
                                 struct gcn__buf* out, int64_t unix_ms);
int gcn__output_pretty_state(const struct gcn__output* output,
                             struct gcn__buf* out, int64_t unix_ms,
                             const gcn_transition_t* transition,
                             uint64_t outage_ms);
int gcn__output_pretty_topic(const struct gcn__output* output,
                             struct gcn__buf* out, int64_t unix_ms,
                             const gcn_topic_result_t* result);
int gcn__output_pretty_gap(const struct gcn__output* output,
                           struct gcn__buf* out, int64_t unix_ms,
                           const gcn_gap_t* gap);
int gcn__output_pretty_rotation(const struct gcn__output* output,
                                struct gcn__buf* out, int64_t unix_ms,
                                const gcn_rotation_t* rotation);
int gcn__output_pretty_checkpoint(const struct gcn__output* output,
                                  struct gcn__buf* out, int64_t unix_ms,
                                  const gcn_failure_t* failure);

#endif
