/* SPDX-License-Identifier: MIT */
/*
 * What an event is known by.
 *
 * The caller's own idea of it, else the id that the service gave, else the
 * event itself.  Always by a digest with a salt of the client, so that what is
 * kept of an event says nothing about it.
 */
#include "engine/internal.h"

#include "codec/digest.h"

enum { ID_SIZE_MAX = 512 };

static struct gcn__key key_of(const unsigned char digest[GCN__SHA256_SIZE]) {
  struct gcn__key key;
  memcpy(key.words, digest, sizeof key.words);
  if (!gcn__key_is(&key)) key.words[0] = 1;
  return key;
}

/* One digest of all of them.  Each stands behind its size, so that none can
 * pass for another. */
static struct gcn__key digest_parts(const struct gcn__engine* engine,
                                    const struct gcn__span* parts,
                                    size_t count) {
  enum { PART_COUNT_MAX = 6 };
  const struct gcn__key none = {{0, 0}};
  struct gcn__span salted[1 + PART_COUNT_MAX];
  unsigned char digest[GCN__SHA256_SIZE];
  salted[0] = gcn__span(engine->salt, sizeof engine->salt);
  memcpy(salted + 1, parts, count * sizeof *parts);
  bool good = gcn__sha256_parts(salted, count + 1, digest);
  return good ? key_of(digest) : none;
}

/* An id is short: one digest over salt and id. */
static struct gcn__key digest_id(const struct gcn__engine* engine,
                                 struct gcn__span id) {
  unsigned char text[sizeof engine->salt + ID_SIZE_MAX];
  unsigned char digest[GCN__SHA256_SIZE];
  const struct gcn__key none = {{0, 0}};
  if (id.size > ID_SIZE_MAX) return digest_parts(engine, &id, 1);
  memcpy(text, engine->salt, sizeof engine->salt);
  memcpy(text + sizeof engine->salt, id.data, id.size);
  size_t size = sizeof engine->salt + id.size;
  bool good = gcn__sha256(gcn__span((const char*)text, size), digest);
  return good ? key_of(digest) : none;
}

struct gcn__key gcn__event_key(const struct gcn__conn* conn,
                               const struct gcn__event* event) {
  const struct gcn__engine* engine = conn->engine;
  const struct gcn__id_choice* choice = &engine->id_choice;
  char id[ID_SIZE_MAX];
  size_t size = 0;
  if (choice->choose != NULL) {
    size = choice->choose(choice->ctx, event, id, sizeof id);
  }
  if (size > 0 && size <= sizeof id) {
    return digest_id(engine, gcn__span(id, size));
  }
  if (event->id.size > 0) return digest_id(engine, event->id);
  const struct gcn__span parts[] = {event->topic,       event->correlation_id,
                                    event->body,        event->timestamp,
                                    event->resource_id, event->type};
  return digest_parts(engine, parts, sizeof parts / sizeof parts[0]);
}

/* A topic that was removed and came again may have gone to another shard while
 * the channel of the former one could not be told: both would show it. */
bool gcn__event_elsewhere(const struct gcn__conn* conn,
                          const struct gcn__event* event) {
  const struct gcn__engine* engine = conn->engine;
  if (engine->shard_end < 2 || gcn__engine_shard_count(engine) < 2) {
    return false;
  }
  const struct gcn__topic* topic =
      gcn__topics_find(gcn__engine_topics(engine), event->topic);
  return topic != NULL && topic->shard != GCN__SHARD_NONE &&
         topic->shard != conn->shard;
}
