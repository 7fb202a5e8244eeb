/* SPDX-License-Identifier: MIT */
/*
 * What a client measures, as JSON for programs and as OpenMetrics text for
 * monitoring.
 *
 * Both forms are pure functions of a view, and every name in them is in a list
 * of this file: no topic, host, id or text of a server can reach a label.  A
 * number that is not known is absent (OpenMetrics) or null (JSON), never 0.
 */
#ifndef GCN_CLIENT_METRICS_H
#define GCN_CLIENT_METRICS_H

#include "gcnotify.h"

/* A value that there is none of, e.g. the age of an event that never came. */
#define GCN__METRICS_NONE UINT64_MAX

/* clang-format off */
/* X(field, kind, unit, JSON group, JSON key, family, label, value, help)
 *
 * Rows of one family stand together; the help is that of the first.  Counters
 * get their "_total" in the text; a family with a unit ends in its name. */
#define GCN__METRICS_MAP(X)                                                    \
  X(events, COUNTER, COUNT, ROOT, "events",                                    \
    "gcn_events_received", "", "", "Events received.")                         \
  X(event_bytes, COUNTER, BYTES, ROOT, "event_bytes",                          \
    "gcn_event_bytes", "", "", "Size of the messages that carried events.")    \
  X(heartbeats, COUNTER, COUNT, ROOT, "heartbeats",                            \
    "gcn_heartbeats", "", "", "Heartbeats and other signs of life.")           \
  X(notices, COUNTER, COUNT, ROOT, "notices",                                  \
    "gcn_notices", "", "", "System messages of the service.")                  \
  X(garbage, COUNTER, COUNT, ROOT, "garbage",                                  \
    "gcn_unreadable_messages", "", "", "Messages of no known form.")           \
  X(received_bytes, COUNTER, BYTES, ROOT, "rx_bytes",                          \
    "gcn_received_bytes", "", "", "Read from the network, TLS included.")      \
  X(sent_bytes, COUNTER, BYTES, ROOT, "tx_bytes",                              \
    "gcn_sent_bytes", "", "", "Written to the network, TLS included.")         \
  X(attempts, COUNTER, COUNT, ROOT, "attempts",                                \
    "gcn_attempts", "", "", "Attempts to reach the stream.")                   \
  X(streams, COUNTER, COUNT, ROOT, "streams",                                  \
    "gcn_streams", "", "", "Attempts that reached it.")                        \
  X(failures, COUNTER, COUNT, ROOT, "failures",                                \
    "gcn_stream_failures", "", "", "Failed attempts and broken streams.")      \
  X(gaps, COUNTER, COUNT, ROOT, "gaps",                                        \
    "gcn_gaps", "", "", "Intervals in which events may have been missed.")     \
  X(gap_ms, COUNTER, MS, ROOT, "gap_ms",                                       \
    "gcn_gap_seconds", "", "", "Length of these intervals.")                   \
  X(token_requests, COUNTER, COUNT, TOKEN, "requests",                         \
    "gcn_http_requests", "op", "token", "Requests, by what they are for.")     \
  X(channel_requests, COUNTER, COUNT, CHANNEL, "requests",                     \
    "gcn_http_requests", "op", "channel", "")                                  \
  X(topic_requests, COUNTER, COUNT, CHANNEL, "topic_requests",                 \
    "gcn_http_requests", "op", "topics", "")                                   \
  X(upgrades, COUNTER, COUNT, CHANNEL, "upgrades",                             \
    "gcn_http_requests", "op", "upgrade", "")                                  \
  X(preflights, COUNTER, COUNT, STREAM, "preflights",                          \
    "gcn_http_requests", "op", "preflight", "")                                \
  X(limited, COUNTER, COUNT, ROOT, "limited",                                  \
    "gcn_rate_limited", "", "", "Answers that asked to slow down.")            \
  X(nevers, COUNTER, COUNT, ROOT, "nevers",                                    \
    "gcn_internal_errors", "", "", "Internal errors survived; report them.")   \
  X(topics, GAUGE, COUNT, ROOT, "topics",                                      \
    "gcn_subscriptions", "", "", "Topics that are wanted.")                    \
  X(topics_rejected, GAUGE, COUNT, ROOT, "topics_rejected",                    \
    "gcn_topics_rejected", "", "", "Topics that the service rejected.")        \
  X(last_event_age_ms, GAUGE, MS, ROOT, "last_event_age",                      \
    "gcn_last_event_age_seconds", "", "", "Since the last event.")             \
  X(last_frame_age_ms, GAUGE, MS, ROOT, "last_frame_age",                      \
    "gcn_last_frame_age_seconds", "", "", "Since the last sign of life.")      \
  X(last_outage_ms, GAUGE, MS, ROOT, "last_outage",                            \
    "gcn_last_outage_seconds", "", "",                                         \
    "From the last loss of the stream to its return.")                         \
  X(reused, COUNTER, COUNT, ROOT, "reused",                                    \
    "gcn_streams_reused", "", "",                                              \
    "Streams over a channel that had its topics.")                             \
  X(rotations, COUNTER, COUNT, ROTATION, "proven",                             \
    "gcn_rotations", "proof", "proven", "Successors that took over.")          \
  X(rotations_unproven, COUNTER, COUNT, ROTATION, "unproven",                  \
    "gcn_rotations", "proof", "unproven", "")                                  \
  X(duplicates, COUNTER, COUNT, ROTATION, "duplicates",                        \
    "gcn_duplicates", "", "", "Events that came twice, told once.")            \
  X(audits, COUNTER, COUNT, CHANNEL, "audits",                                 \
    "gcn_audits", "", "", "Questions which topics a channel has.")             \
  X(drifts, COUNTER, COUNT, CHANNEL, "drifts",                                 \
    "gcn_drifts", "", "", "Audits that found topics missing.")                 \
  X(renewals, COUNTER, COUNT, TOKEN, "renewals",                               \
    "gcn_token_renewals", "", "", "Tokens fetched in the background.")         \
  X(token_life_ms, GAUGE, MS, TOKEN, "life",                                   \
    "gcn_token_life_seconds", "", "", "Until the token ends; 0: none.")        \
  X(tls_full, COUNTER, COUNT, TLS, "full",                                     \
    "gcn_tls_handshakes", "kind", "full", "TLS handshakes, by their kind.")    \
  X(tls_resumed, COUNTER, COUNT, TLS, "resumed",                               \
    "gcn_tls_handshakes", "kind", "resumed", "")                               \
  X(sleeps, COUNTER, COUNT, ROOT, "sleeps",                                    \
    "gcn_sleeps", "", "", "Times that the machine was found to have slept.")   \
  X(batches, COUNTER, COUNT, STREAM, "batches",                                \
    "gcn_batches", "", "", "Messages with events, stream dialect.")            \
  X(resumed, COUNTER, COUNT, STREAM, "resumed",                                \
    "gcn_resumes", "result", "ok", "Streams that went on at a position.")      \
  X(resumes_lost, COUNTER, COUNT, STREAM, "resumes_lost",                      \
    "gcn_resumes", "result", "lost", "")                                       \
  X(repeated, COUNTER, COUNT, STREAM, "repeated",                              \
    "gcn_events_duplicate", "", "", "Events with a known id, not told again.") \
  X(acked, COUNTER, COUNT, DELIVERY, "acked",                                  \
    "gcn_events_acknowledged", "", "", "Events that are done with.")           \
  X(dropped, COUNTER, COUNT, DELIVERY, "dropped",                              \
    "gcn_events_dropped", "reason", "full",                                    \
    "Events that were not told because the consumer was too slow.")            \
  X(in_flight, GAUGE, COUNT, DELIVERY, "in_flight",                            \
    "gcn_queue_events", "", "", "Events that are not acknowledged.")           \
  X(in_flight_size, GAUGE, BYTES, DELIVERY, "in_flight_bytes",                 \
    "gcn_queue_bytes", "", "", "Size of their messages.")                      \
  X(full_age_ms, GAUGE, MS, DELIVERY, "full_age",                              \
    "gcn_queue_full_seconds", "", "", "Since it is full; 0: it is not.")       \
  X(read_paused, GAUGE, COUNT, DELIVERY, "read_paused",                        \
    "gcn_read_paused", "", "", "1 while reading rests.")                       \
  X(saves, COUNTER, COUNT, CHECKPOINT, "saves",                                \
    "gcn_checkpoint_writes", "result", "ok", "Saves of the checkpoint.")       \
  X(saves_failed, COUNTER, COUNT, CHECKPOINT, "saves_failed",                  \
    "gcn_checkpoint_writes", "result", "failed", "")                           \
  X(save_age_ms, GAUGE, MS, CHECKPOINT, "save_age",                            \
    "gcn_checkpoint_age_seconds", "", "", "Since the last good save.")         \
  X(spares, COUNTER, COUNT, SPARE, "made",                                     \
    "gcn_spares", "fate", "made", "Connections that were kept warm.")          \
  X(spares_used, COUNTER, COUNT, SPARE, "used",                                \
    "gcn_spares", "fate", "used", "")                                          \
  X(spares_lost, COUNTER, COUNT, SPARE, "lost",                                \
    "gcn_spares", "fate", "lost", "")

/* X(name, JSON key): objects of their own in JSON, in this order. */
#define GCN__METRICS_GROUP_MAP(X) \
  X(ROOT, "")                     \
  X(TOKEN, "token")               \
  X(CHANNEL, "channel")           \
  X(ROTATION, "rotation")         \
  X(TLS, "tls")                   \
  X(STREAM, "stream")             \
  X(DELIVERY, "delivery")         \
  X(CHECKPOINT, "checkpoint")     \
  X(SPARE, "spare")

/* clang-format on */
enum gcn__metrics_kind {
  GCN__METRICS_COUNTER,
  GCN__METRICS_GAUGE,
};

enum gcn__metrics_unit {
  GCN__METRICS_COUNT,
  GCN__METRICS_BYTES,
  GCN__METRICS_MS, /* milliseconds here, seconds in the text */
};

enum gcn__metrics_group {
#define GCN__METRICS_GROUP_ENUM(name, key) GCN__METRICS_GROUP_##name,
  GCN__METRICS_GROUP_MAP(GCN__METRICS_GROUP_ENUM)
#undef GCN__METRICS_GROUP_ENUM
      GCN__METRICS_GROUP_COUNT
};

enum {
  GCN__METRICS_CONNECTION_COUNT_MAX = 64,
  /* The compiler complains of names that metrics.c lacks; these go along. */
  GCN__METRICS_LAYER_COUNT = GCN_LAYER_PROXY + 1,
  GCN__METRICS_OP_COUNT = GCN_OP_CHECKPOINT + 1,
};

struct gcn__metrics_connection {
  unsigned slot;
  gcn_state_t state;
  uint64_t state_age_ms;
};

/* Failures by where they came from and what was being done. */
struct gcn__failure_counts {
  uint64_t counts[GCN__METRICS_LAYER_COUNT][GCN__METRICS_OP_COUNT];
};

struct gcn__metrics_view {
#define GCN__METRICS_FIELD(field, ...) uint64_t field;
  GCN__METRICS_MAP(GCN__METRICS_FIELD)
#undef GCN__METRICS_FIELD
  gcn_state_t state; /* of the client as a whole */
  uint64_t state_age_ms;
  size_t connection_count;
  struct gcn__metrics_connection connections[GCN__METRICS_CONNECTION_COUNT_MAX];
  const struct gcn__failure_counts* failures_by; /* NULL: not counted */
  const char* version;
  const char* libuv_version;
};

/* What a row of the map says about its field. */
struct gcn__metrics_row {
  size_t offset; /* in the view */
  enum gcn__metrics_kind kind;
  enum gcn__metrics_unit unit;
  enum gcn__metrics_group group;
  const char* key;
  const char* family;
  const char* label; /* "": none */
  const char* value;
  const char* help;
};

/* The index-th row; NULL at the end. */
const struct gcn__metrics_row* gcn__metrics_row(size_t index);
uint64_t gcn__metrics_value(const struct gcn__metrics_view* view,
                            const struct gcn__metrics_row* row);
/* Label values: "tls", "upgrade"; "other" for numbers we do not know. */
const char* gcn__metrics_layer(gcn_layer_t layer);
const char* gcn__metrics_op(gcn_op_t op);

void gcn__failure_counts_note(struct gcn__failure_counts* counts,
                              const gcn_failure_t* failure);

/* As snprintf: writes what fits and a NUL, returns the size of the whole
 * without it. */
int gcn__metrics_json(const struct gcn__metrics_view* view, char* text,
                      size_t size);
int gcn__metrics_text(const struct gcn__metrics_view* view, char* text,
                      size_t size);

/* 0 or GCN_EFORKED. */
int gcn__metrics_fill(const gcn_client_t* client,
                      struct gcn__metrics_view* view);

#endif
