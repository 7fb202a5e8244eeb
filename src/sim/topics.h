/* SPDX-License-Identifier: MIT */
/*
 * The catalogue of topics and the shape of their names (PROTOCOL §3.2, §3.3).
 *
 * Names are matched with ASCII case ignored, as the service does.
 */
#ifndef GCN_SIM_TOPICS_H
#define GCN_SIM_TOPICS_H

#include "base/span.h"
#include "sim/service.h"

/* Topics of one family have bodies of one form. */
enum gcn__sim_family {
  GCN__FAMILY_PRESENCE,
  GCN__FAMILY_ROUTING_STATUS,
  GCN__FAMILY_GEOLOCATION,
  GCN__FAMILY_ACTIVITY,
  GCN__FAMILY_CONVERSATION_SUMMARY,
  GCN__FAMILY_QUEUE_USERS,
  GCN__FAMILY_QUEUE_OBSERVATIONS,
  GCN__FAMILY_QUEUE_ACTIVITY,
  GCN__FAMILY_CALLS,
  GCN__FAMILY_CONVERSATIONS,
  GCN__FAMILY_ACD_START,
  GCN__FAMILY_USER_END,
  GCN__FAMILY_TRANSCRIPTION,
  GCN__FAMILY_TOKENS,
  GCN__FAMILY_AGENT_STATE,
  GCN__FAMILY_OTHER, /* known by name only */
  GCN__FAMILIES
};

struct gcn__sim_template {
  const char* name; /* "v2.users.{id}.presence" */
  enum gcn__sim_family family;
  const char* permission; /* "" if none is needed */
  const char* description;
};

size_t gcn__sim_template_count(void);
const struct gcn__sim_template* gcn__sim_template_at(size_t index);
/* The template that an individual topic name follows, or NULL. */
const struct gcn__sim_template* gcn__sim_template_of(struct gcn__span topic);

/* Writes the index-th individual name of a subscription id:
 * "a.b?c&d" stands for "a.b.c" and "a.b.d".  False past the last one, or if
 * the id is malformed or too long; `id` is 0...199 bytes. */
bool gcn__sim_topic_part(struct gcn__span id, size_t index,
                         char out[GCN__SIM_TOPIC_SIZE_MAX]);
/* Well formed: 1...199 visible ASCII bytes, no empty segment or suffix. */
bool gcn__sim_topic_valid(struct gcn__span id);
/* The first variable segment of a topic's name, e.g. the user's id; "" if it
 * has none. */
struct gcn__span gcn__sim_topic_id(struct gcn__span topic);

#endif
