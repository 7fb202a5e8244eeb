/* SPDX-License-Identifier: MIT */
/*
 * What a client has to say, as C has it: one of the library's callbacks with
 * its arguments.
 *
 * A report views memory of the callback's.  A parcel is a report in a block of
 * its own, for the way to another thread or to a later turn of the loop.
 */
#ifndef GCN_NODE_REPORT_H
#define GCN_NODE_REPORT_H

#include "node/values.h"

struct gcn__jsclient;

enum gcn__report_kind {
  GCN__REPORT_EVENTS,
  GCN__REPORT_STATE,
  GCN__REPORT_TOPIC,
  GCN__REPORT_GAP,
  GCN__REPORT_ROTATION,
  GCN__REPORT_HEARTBEAT,
  GCN__REPORT_NOTICE,
  GCN__REPORT_LOG,
  GCN__REPORT_CREDENTIALS,
  GCN__REPORT_TOKEN,
  GCN__REPORT_REFRESH,
  GCN__REPORT_DURABLE,
  GCN__REPORT_CHECKPOINT,
  GCN__REPORT_LOAD,
  GCN__REPORT_SAVE,
  GCN__REPORT_STORE_CLOSE,
  GCN__REPORT_CLOSE
};

struct gcn__report {
  enum gcn__report_kind kind;
  union {
    struct {
      const gcn_event_t* list;
      size_t count;
    } events;
    gcn_transition_t state;
    gcn_topic_result_t topic;
    gcn_gap_t gap;
    gcn_rotation_t rotation;
    struct {
      gcn_span_t topic;
      gcn_span_t body;
    } notice;
    struct {
      gcn_log_level_t level;
      const char* line;
    } log;
    struct {
      uint64_t ticket;
      int refused;
    } ask; /* CREDENTIALS, TOKEN */
    const char* refresh_token;
    uint64_t durable;
    const gcn_failure_t* checkpoint;
    struct {
      uint64_t ticket;
      unsigned generation;
    } load;
    struct {
      uint64_t ticket;
      gcn_span_t bytes;
      const uint64_t* sequences;
      size_t sequence_count;
    } save;
  } as;
};

/* Events and bytes that wait for JavaScript because of a report. */
struct gcn__weight {
  size_t events;
  size_t bytes;
};

struct gcn__parcel {
  struct gcn__parcel* next;
  struct gcn__jsclient* client;
  struct gcn__report report; /* everything it points to lies behind */
  struct gcn__weight weight;
  size_t size; /* of the block; 0: it is part of something else */
};

/* Parcels that wait; all zero is none. */
struct gcn__parcels {
  struct gcn__parcel* first;
  struct gcn__parcel* last;
};

/* The name that JavaScript knows it by. */
const char* gcn__report_name(enum gcn__report_kind kind);
/* What JavaScript is given with it; undefined if there is nothing to say.  Not
 * for events. */
napi_value gcn__report_payload(napi_env env, const struct gcn__report* report);
/* NULL if memory is short. */
struct gcn__parcel* gcn__parcel_new(struct gcn__jsclient* client,
                                    const struct gcn__report* report);
/* Wipes it, if there is a secret in it. */
void gcn__parcel_free(struct gcn__parcel* parcel);
void gcn__parcels_append(struct gcn__parcels* parcels,
                         struct gcn__parcel* parcel);
/* The first of them; NULL: there is none. */
struct gcn__parcel* gcn__parcels_take(struct gcn__parcels* parcels);

#endif
