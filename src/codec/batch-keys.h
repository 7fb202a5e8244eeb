/* SPDX-License-Identifier: MIT */
/*
 * The keys of a batch and of its events; for codec/batch.c alone.
 *
 * It knows how they are called and whose they are, and no value.
 */
#ifndef GCN_CODEC_BATCH_KEYS_H
#define GCN_CODEC_BATCH_KEYS_H

#include "codec/lex.h"

/* The members we take out.  Those that mean the same stand together, the one
 * that wins first. */
enum slot {
  SLOT_ID,
  SLOT_EVENT_ID,
  SLOT_EVENT,
  SLOT_TOPIC_NAME,
  SLOT_TOPIC,
  SLOT_RESOURCE_ID,
  SLOT_EVENT_TYPE,
  SLOT_TIMESTAMP,
  SLOT_EVENT_TIME,
  SLOT_METADATA_CORRELATION_ID,
  SLOT_CORRELATION_ID,
  SLOT_VERSION,
  SLOT_DATA,
  SLOT_EVENT_BODY,
  SLOT_METADATA,
  /* Of the message only. */
  SLOT_LAST_EVENT_ID,
  SLOT_EVENTS,
  SLOT_BATCH,
  SLOT_ERRORS,
  SLOT_MESSAGE,
  SLOT_CODE,
  SLOT_STATUS,
  SLOT_RESUMED,
  SLOT_NONE,
};

/* Whose members they are. */
enum owner { OWNER_EVENT, OWNER_MESSAGE, OWNER_METADATA };

/* By size, for a quick search. */
static const struct known_key {
  struct gcn__span name;
  enum slot slot;
  enum owner owner;
} known_keys[] = {
#define KEY(name, slot, owner)                                                 \
  { {name, sizeof name - 1}, slot, owner }
    KEY("id", SLOT_ID, OWNER_EVENT),
    KEY("code", SLOT_CODE, OWNER_MESSAGE),
    KEY("data", SLOT_DATA, OWNER_EVENT),
    KEY("batch", SLOT_BATCH, OWNER_MESSAGE),
    KEY("event", SLOT_EVENT, OWNER_EVENT),
    KEY("topic", SLOT_TOPIC, OWNER_EVENT),
    KEY("errors", SLOT_ERRORS, OWNER_MESSAGE),
    KEY("events", SLOT_EVENTS, OWNER_MESSAGE),
    KEY("status", SLOT_STATUS, OWNER_MESSAGE),
    KEY("eventId", SLOT_EVENT_ID, OWNER_EVENT),
    KEY("message", SLOT_MESSAGE, OWNER_MESSAGE),
    KEY("resumed", SLOT_RESUMED, OWNER_MESSAGE),
    KEY("version", SLOT_VERSION, OWNER_EVENT),
    KEY("metadata", SLOT_METADATA, OWNER_EVENT),
    KEY("eventBody", SLOT_EVENT_BODY, OWNER_EVENT),
    KEY("eventTime", SLOT_EVENT_TIME, OWNER_EVENT),
    KEY("eventType", SLOT_EVENT_TYPE, OWNER_EVENT),
    KEY("timestamp", SLOT_TIMESTAMP, OWNER_EVENT),
    KEY("topicName", SLOT_TOPIC_NAME, OWNER_EVENT),
    KEY("resourceId", SLOT_RESOURCE_ID, OWNER_EVENT),
    KEY("lastEventId", SLOT_LAST_EVENT_ID, OWNER_MESSAGE),
    KEY("CorrelationId", SLOT_METADATA_CORRELATION_ID, OWNER_METADATA),
    KEY("correlationId", SLOT_CORRELATION_ID, OWNER_EVENT),
#undef KEY
};

enum { KEY_COUNT = sizeof known_keys / sizeof known_keys[0] };

/* Where those of a size begin. */
static const unsigned char first_of_size[] = {
    [0] = 0,   [1] = 0,   [2] = 0,   [3] = 1,   [4] = 1,
    [5] = 3,   [6] = 6,   [7] = 9,   [8] = 13,  [9] = 14,
    [10] = 19, [11] = 20, [12] = 21, [13] = 21, [14] = KEY_COUNT,
};

static inline const struct known_key* find_plain(struct gcn__span key) {
  if (key.size + 1 >= sizeof first_of_size || key.size == 0) return NULL;
  const struct known_key* known = &known_keys[first_of_size[key.size]];
  const struct known_key* end = &known_keys[first_of_size[key.size + 1]];
  for (; known < end; known++) {
    const char* name = known->name.data;
    /* The ends differ more often than the beginnings. */
    if (name[key.size - 1] == key.data[key.size - 1] &&
        memcmp(name, key.data, key.size) == 0)
      return known;
  }
  return NULL;
}

static inline const struct known_key*
find_key(const struct gcn__lex_string* key) {
  if (!key->escaped) return find_plain(key->raw);
  for (size_t i = 0; i < KEY_COUNT; i++) {
    if (gcn__lex_string_is(key, known_keys[i].name.data)) return &known_keys[i];
  }
  return NULL;
}

/* A message has the members of an event, too: it may be one. */
static inline enum slot slot_of_key(enum owner owner,
                                    const struct gcn__lex_string* key) {
  const struct known_key* known = find_key(key);
  if (known == NULL) return SLOT_NONE;
  bool shared = owner == OWNER_MESSAGE && known->owner == OWNER_EVENT;
  return known->owner == owner || shared ? known->slot : SLOT_NONE;
}

#endif
