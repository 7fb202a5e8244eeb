/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions of the stream dialect, here called interests: what they look
 * like in JSON, and which events they cover (PROTOCOL §6.1, §6.2).
 *
 *   {"event":"routing.queueEvents","resourceId":"abc-123",
 *    "filters":{"eventType":["QUEUE_ADD","QUEUE_REMOVE"]}}
 *   {"topic":"/api/v2/analytics/events",
 *    "filter":{"query":"event.type==\"queueEvent\" && event.state!=\"x\""}}
 *   "routing.queueEvents@abc-123"
 *
 * The last form is that of event types and topics in a POST.
 */
#ifndef GCN_SIM_STREAM_FILTER_H
#define GCN_SIM_STREAM_FILTER_H

#include "base/mem.h"
#include "base/span.h"
#include "codec/json.h"

enum {
  GCN__SIM_NAME_SIZE = 200, /* of an event or a resource, with its NUL */
  GCN__SIM_INTERESTS_MAX = 10000,
  GCN__SIM_CLAUSES_MAX = 16,
};

/* The field has one of the values, or, negated, none of them. */
struct gcn__sim_clause {
  char* text; /* owned: the field and the values, each with its NUL */
  size_t text_size;
  size_t value_count;
  bool negated;
};

struct gcn__sim_interest {
  char* event;
  char* resource; /* NULL: all */
  struct gcn__sim_clause* clauses;
  size_t clause_count; /* all of them must hold */
};

struct gcn__sim_interests {
  const struct gcn__mem* mem;
  struct gcn__sim_interest* all;
  size_t count;
  size_t capacity;
  bool reads_data; /* a clause is about a member of the data */
};

/* What is known of an event.  `data` may be NULL if no interest reads it. */
struct gcn__sim_facts {
  const char* event;
  const char* resource; /* NULL: none */
  const char* type;
  const struct gcn__json* data;
};

void gcn__sim_interests_init(struct gcn__sim_interests* interests,
                             const struct gcn__mem* mem);
void gcn__sim_interests_deinit(struct gcn__sim_interests* interests);
/* Adds an interest, or an array of them.  0; GCN__EINVAL, and `why`, a
 * constant, says what is wrong; GCN__ENOMEM.  After an error some may have
 * been added. */
int gcn__sim_interests_read(struct gcn__sim_interests* interests,
                            const struct gcn__json* value, const char** why);
/* Adds the events and resources of `from`, without its filters.  0 or
 * GCN__ENOMEM. */
int gcn__sim_interests_names(struct gcn__sim_interests* interests,
                             const struct gcn__sim_interests* from);
bool gcn__sim_interests_cover(const struct gcn__sim_interests* interests,
                              const struct gcn__sim_facts* facts);
/* "EVENT@RESOURCE" or "EVENT", what patterns of scripts are matched against;
 * NUL-terminated, and cut. */
enum { GCN__SIM_INTEREST_SIZE = 2 * GCN__SIM_NAME_SIZE };
void gcn__sim_interest_name(const char* event, const char* resource,
                            char out[GCN__SIM_INTEREST_SIZE]);

/* What there is to subscribe to. */
struct gcn__sim_kind {
  const char* pattern;  /* '*' stands for any bytes */
  const char* scope;    /* needed besides the base scope */
  const char* licence;  /* "": none */
  const char* types[4]; /* of its events; NULL behind the last */
};

/* NULL if there is no such event. */
const struct gcn__sim_kind* gcn__sim_kind_of(const char* event);
/* For events that are only accepted. */
const struct gcn__sim_kind* gcn__sim_kind_other(void);

#endif
