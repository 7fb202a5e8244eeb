/* SPDX-License-Identifier: MIT */
/*
 * What the user wants, and looking in: the engine's plain accessors.
 */
#include "engine/internal.h"

#include "base/err.h"

int gcn__engine_topic_add(struct gcn__engine* engine, struct gcn__span name) {
  return gcn__topics_add(&engine->topics, name);
}

int gcn__engine_topic_remove(struct gcn__engine* engine,
                             struct gcn__span name) {
  return gcn__topics_remove(&engine->topics, name);
}

size_t gcn__engine_topic_count(const struct gcn__engine* engine) {
  return engine->topics.count;
}

bool gcn__engine_topic_wanted(const struct gcn__engine* engine,
                              struct gcn__span name) {
  return gcn__topics_find(&engine->topics, name) != NULL;
}

int gcn__engine_credentials(struct gcn__engine* engine, const char* client_id,
                            const char* client_secret) {
  char* id = gcn__str_copy(&engine->mem, client_id);
  char* secret = gcn__str_copy(&engine->mem, client_secret);
  if (id == NULL || secret == NULL) {
    gcn__str_free(&engine->mem, id);
    gcn__secret_free(&engine->mem, secret);
    return GCN__ENOMEM;
  }
  gcn__str_free(&engine->mem, engine->client_id);
  gcn__secret_free(&engine->mem, engine->client_secret);
  engine->client_id = id;
  engine->client_secret = secret;
  return 0;
}

enum gcn__state gcn__engine_state(const struct gcn__engine* engine) {
  return engine->session.state;
}

const struct gcn__session*
gcn__engine_session(const struct gcn__engine* engine) {
  return &engine->session;
}

const struct gcn__engine_counters*
gcn__engine_counters(const struct gcn__engine* engine) {
  return &engine->counters;
}

bool gcn__engine_wired(const struct gcn__engine* engine,
                       enum gcn__wire_index wire) {
  return engine->wires[wire].phase != GCN__WIRE_ABSENT;
}
