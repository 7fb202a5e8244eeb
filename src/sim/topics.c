/* SPDX-License-Identifier: MIT */
/*
 * Names of topics: templates, combined ids and made-up ones.
 */
#include "sim/topics.h"

#include "sim/text.h"

#include <stdio.h>

#define ID_SEGMENT "{id}"

static const struct gcn__sim_template templates[] = {
    {"v2.users.{id}.presence", GCN__FAMILY_PRESENCE, "", "Presence of a user"},
    {"v2.users.{id}.routingStatus", GCN__FAMILY_ROUTING_STATUS, "",
     "Routing status of a user"},
    {"v2.users.{id}.geolocation", GCN__FAMILY_GEOLOCATION,
     "directory:userGeolocation:view", "Geolocation of a user"},
    {"v2.users.{id}.activity", GCN__FAMILY_ACTIVITY, "",
     "Presence, routing status and queues of a user"},
    {"v2.users.{id}.conversationsummary", GCN__FAMILY_CONVERSATION_SUMMARY,
     "conversation:communication:view", "Counts of a user's conversations"},
    {"v2.users.{id}.conversations", GCN__FAMILY_CONVERSATIONS,
     "conversation:communication:view", "All conversations of a user"},
    {"v2.users.{id}.conversations.calls", GCN__FAMILY_CALLS,
     "conversation:communication:view", "Calls of a user"},
    {"v2.users.{id}.tokens", GCN__FAMILY_TOKENS, "oauth:token:view",
     "Tokens issued to a user"},
    {"v2.users.{id}.station", GCN__FAMILY_OTHER, "", "Station of a user"},
    {"v2.users.{id}.outofoffice", GCN__FAMILY_OTHER, "",
     "Out-of-office state of a user"},
    {"v2.users.{id}.callforwarding", GCN__FAMILY_OTHER, "",
     "Call forwarding of a user"},
    {"v2.users.{id}.voicemail.messages", GCN__FAMILY_OTHER, "",
     "Voicemail messages of a user"},
    {"v2.routing.queues.{id}.users", GCN__FAMILY_QUEUE_USERS,
     "routing:queue:view", "Members of a queue"},
    {"v2.routing.queues.{id}.conversations", GCN__FAMILY_CONVERSATIONS,
     "conversation:communication:view", "All conversations of a queue"},
    {"v2.routing.queues.{id}.conversations.calls", GCN__FAMILY_CALLS,
     "conversation:communication:view", "Calls of a queue"},
    {"v2.routing.queues.{id}.conversations.callbacks", GCN__FAMILY_OTHER,
     "conversation:communication:view", "Callbacks of a queue"},
    {"v2.routing.queues.{id}.conversations.chats", GCN__FAMILY_OTHER,
     "conversation:communication:view", "Chats of a queue"},
    {"v2.routing.queues.{id}.conversations.emails", GCN__FAMILY_OTHER,
     "conversation:communication:view", "E-mails of a queue"},
    {"v2.routing.queues.{id}.conversations.messages", GCN__FAMILY_OTHER,
     "conversation:communication:view", "Messages of a queue"},
    {"v2.analytics.queues.{id}.observations", GCN__FAMILY_QUEUE_OBSERVATIONS,
     "analytics:queueObservation:view", "Half-hour statistics of a queue"},
    {"v2.analytics.queues.{id}.activity", GCN__FAMILY_QUEUE_ACTIVITY,
     "analytics:queueObservation:view", "Current activity of a queue"},
    {"v2.detail.events.conversation.{id}.acd.start", GCN__FAMILY_ACD_START,
     "analytics:conversationDetail:view", "A queue took a conversation"},
    {"v2.detail.events.conversation.{id}.acd.end", GCN__FAMILY_ACD_START,
     "analytics:conversationDetail:view", "A conversation left a queue"},
    {"v2.detail.events.conversation.{id}.user.start", GCN__FAMILY_ACD_START,
     "analytics:conversationDetail:view", "A user joined a conversation"},
    {"v2.detail.events.conversation.{id}.user.end", GCN__FAMILY_USER_END,
     "analytics:conversationDetail:view", "A user left a conversation"},
    {"v2.detail.events.conversation.{id}.customer.start", GCN__FAMILY_ACD_START,
     "analytics:conversationDetail:view", "A customer joined a conversation"},
    {"v2.detail.events.conversation.{id}.customer.end", GCN__FAMILY_USER_END,
     "analytics:conversationDetail:view", "A customer left a conversation"},
    {"v2.detail.events.conversation.{id}.wrapup", GCN__FAMILY_OTHER,
     "analytics:conversationDetail:view", "A wrap-up code was set"},
    {"v2.detail.events.agent.{id}.state", GCN__FAMILY_AGENT_STATE,
     "analytics:agentState:view", "State of an agent's interaction"},
    {"v2.conversations.{id}.transcription", GCN__FAMILY_TRANSCRIPTION,
     "conversation:transcription:view", "Live transcription"},
    {"v2.outbound.campaigns.{id}", GCN__FAMILY_OTHER, "outbound:campaign:view",
     "Changes of a campaign"},
    {"v2.telephony.providers.edges.{id}", GCN__FAMILY_OTHER,
     "telephony:plugin:all", "Changes of an edge"},
};

size_t gcn__sim_template_count(void) {
  return sizeof(templates) / sizeof(templates[0]);
}

const struct gcn__sim_template* gcn__sim_template_at(size_t index) {
  return index < gcn__sim_template_count() ? &templates[index] : NULL;
}

/* The bytes before the next dot; `rest` is what comes after it, absent at the
 * end. */
static struct gcn__span segment_of(struct gcn__span text,
                                   struct gcn__span* rest) {
  const char* dot = memchr(text.data, '.', text.size);
  *rest = (struct gcn__span){NULL, 0};
  if (dot == NULL) return text;
  size_t size = (size_t)(dot - text.data);
  *rest = gcn__span_skip(text, size + 1);
  return gcn__span(text.data, size);
}

/* `id` (may be NULL) becomes the first segment that stands for "{id}". */
static bool follows(const char* template, struct gcn__span topic,
                    struct gcn__span* id) {
  struct gcn__span wanted = gcn__span_str(template);
  while (wanted.data != NULL && topic.data != NULL) {
    struct gcn__span form = segment_of(wanted, &wanted);
    struct gcn__span have = segment_of(topic, &topic);
    bool variable = gcn__span_is(form, ID_SEGMENT);
    if (have.size == 0) return false;
    if (!variable && !gcn__span_iequal(form, have)) return false;
    if (variable && id != NULL && id->data == NULL) *id = have;
  }
  return wanted.data == NULL && topic.data == NULL;
}

const struct gcn__sim_template* gcn__sim_template_of(struct gcn__span topic) {
  if (topic.data == NULL) return NULL;
  for (size_t i = 0; i < gcn__sim_template_count(); i++) {
    if (follows(templates[i].name, topic, NULL)) return &templates[i];
  }
  return NULL;
}

struct gcn__span gcn__sim_topic_id(struct gcn__span topic) {
  const struct gcn__sim_template* template = gcn__sim_template_of(topic);
  struct gcn__span id = {NULL, 0};
  if (template == NULL) return GCN__SPAN("");
  return follows(template->name, topic, &id) ? id : GCN__SPAN("");
}

bool gcn__sim_topic_valid(struct gcn__span id) {
  if (id.size == 0 || id.size >= GCN__SIM_TOPIC_SIZE_MAX) return false;
  char before = '.';
  bool combined = false;
  for (size_t i = 0; i < id.size; i++) {
    char c = id.data[i];
    bool separator = c == '.' || c == '?' || c == '&';
    if (c <= ' ' || c > '~') return false;
    if (separator && (before == '.' || before == '?' || before == '&')) {
      return false;
    }
    if (c == '&' && !combined) return false;
    if (c == '?' && combined) return false;
    if (c == '?') combined = true;
    before = c;
  }
  return before != '.' && before != '?' && before != '&';
}

bool gcn__sim_topic_part(struct gcn__span id, size_t index,
                         char out[GCN__SIM_TOPIC_SIZE_MAX]) {
  if (!gcn__sim_topic_valid(id)) return false;
  const char* mark = memchr(id.data, '?', id.size);
  if (mark == NULL) {
    if (index > 0) return false;
    memcpy(out, id.data, id.size);
    out[id.size] = '\0';
    return true;
  }
  size_t prefix = (size_t)(mark - id.data);
  struct gcn__span suffix = gcn__span_skip(id, prefix + 1);
  for (; index > 0; index--) {
    const char* next = memchr(suffix.data, '&', suffix.size);
    if (next == NULL) return false;
    suffix = gcn__span_skip(suffix, (size_t)(next - suffix.data) + 1);
  }
  const char* end = memchr(suffix.data, '&', suffix.size);
  if (end != NULL) suffix.size = (size_t)(end - suffix.data);
  snprintf(out, GCN__SIM_TOPIC_SIZE_MAX, "%.*s.%.*s", (int)prefix, id.data,
           (int)suffix.size, suffix.data);
  return true;
}

void gcn__sim_topic(uint64_t seed, size_t index,
                    char out[GCN__SIM_TOPIC_SIZE_MAX]) {
  const char* template = templates[index % gcn__sim_template_count()].name;
  const char* id = strstr(template, ID_SEGMENT);
  char uuid[GCN__SIM_ID_SIZE];
  gcn__sim_uuid_of(seed ^ (index * UINT64_C(0x9e3779b97f4a7c15)), uuid);
  int prefix = (int)(id - template);
  snprintf(out, GCN__SIM_TOPIC_SIZE_MAX, "%.*s%s%s", prefix, template, uuid,
           id + strlen(ID_SEGMENT));
}
