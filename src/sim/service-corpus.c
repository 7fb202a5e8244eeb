/* SPDX-License-Identifier: MIT */
/*
 * Recorded events to replay: JSON lines with an envelope (topicName, eventBody)
 * or with topic and body, as gcn tail and gcn sim --record write them.
 *
 * Bodies of envelopes are replayed byte for byte.
 */
#include "base/err.h"
#include "codec/envelope.h"
#include "codec/json.h"
#include "sim/service-state.h"

enum { LINE_SIZE_MAX = 4 << 20, BODY_MAX = 4 << 20 };

struct recorded {
  char* topic; /* NUL-terminated */
  char* body;
  size_t body_size;
};

struct gcn__sim_corpus {
  struct recorded* events;
  size_t count;
  size_t capacity;
  size_t at;         /* the next one to replay */
  size_t error_line; /* the first that was not usable; 0: none */
};

static void drop_recorded(const struct gcn__mem* mem, struct recorded* event) {
  gcn__str_free(mem, event->topic);
  gcn__free(mem, event->body, event->body_size + 1);
}

static struct recorded* add_recorded(const struct gcn__mem* mem,
                                     struct gcn__sim_corpus* corpus) {
  if (corpus->count == corpus->capacity) {
    size_t capacity = corpus->capacity == 0 ? 64 : corpus->capacity * 2;
    void* events = gcn__resize(mem, corpus->events,
                               corpus->capacity * sizeof(*corpus->events),
                               capacity * sizeof(*corpus->events));
    if (events == NULL) return NULL;
    corpus->events = events;
    corpus->capacity = capacity;
  }
  struct recorded* event = &corpus->events[corpus->count];
  *event = (struct recorded){NULL, NULL, 0};
  return event;
}

static int keep(const struct gcn__mem* mem, struct gcn__sim_corpus* corpus,
                struct gcn__span topic, struct gcn__span body) {
  struct recorded* event = add_recorded(mem, corpus);
  if (event == NULL) return GCN__ENOMEM;
  event->topic = gcn__str_copy_n(mem, topic.data, topic.size);
  event->body = gcn__str_copy_n(mem, body.data, body.size);
  event->body_size = body.size;
  if (event->topic != NULL && event->body != NULL) {
    corpus->count++;
    return 0;
  }
  drop_recorded(mem, event);
  return GCN__ENOMEM;
}

/* A {"topic","body"} line; its body is written anew in compact form. */
static int keep_plain(const struct gcn__mem* mem,
                      struct gcn__sim_corpus* corpus, struct gcn__span line) {
  struct gcn__json* json = gcn__json_parse(line, NULL);
  struct gcn__span topic = gcn__json_member(json, "topic");
  const struct gcn__json* body = gcn__json_get(json, "body");
  struct gcn__buf text;
  gcn__buf_init(&text, mem, BODY_MAX);
  int error = GCN_EPROTO;
  if (body != NULL && gcn__sim_topic_valid(topic)) {
    error = gcn__json_write(&text, body);
    if (error == 0) error = keep(mem, corpus, topic, gcn__buf_span(&text));
  }
  gcn__buf_deinit(&text);
  gcn__json_free(json, false);
  return error;
}

/* 0, GCN_EPROTO (unusable) or GCN__ENOMEM. */
static int take_line(const struct gcn__mem* mem, struct gcn__sim_corpus* corpus,
                     struct gcn__span line) {
  if (line.size > LINE_SIZE_MAX) return GCN_EPROTO;
  char* copy = gcn__str_copy_n(mem, line.data, line.size);
  if (copy == NULL) return GCN__ENOMEM;
  struct gcn__envelope envelope;
  int error = gcn__envelope_scan(copy, line.size, GCN__SCRUTINY_STRICT,
                                 &envelope, NULL);
  bool whole = error == 0 && envelope.body.data != NULL &&
               gcn__sim_topic_valid(envelope.topic);
  error = whole ? keep(mem, corpus, envelope.topic, envelope.body)
                : keep_plain(mem, corpus, line);
  gcn__free(mem, copy, line.size + 1);
  return error;
}

static bool blank(struct gcn__span line) {
  for (size_t i = 0; i < line.size; i++) {
    if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') {
      return false;
    }
  }
  return true;
}

int gcn__sim_corpus_load(struct gcn__sim* sim) {
  struct gcn__span rest = sim->options.corpus;
  if (rest.data == NULL) return 0;
  sim->corpus = gcn__alloc_zero(sim->mem, sizeof(*sim->corpus));
  if (sim->corpus == NULL) return GCN__ENOMEM;
  for (size_t number = 1; rest.size > 0; number++) {
    const char* end = memchr(rest.data, '\n', rest.size);
    size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
    struct gcn__span line = gcn__span(rest.data, size);
    rest = gcn__span_skip(rest, end == NULL ? size : size + 1);
    if (blank(line)) continue;
    int error = take_line(sim->mem, sim->corpus, line);
    if (error == GCN__ENOMEM) return error;
    if (error != 0 && sim->corpus->error_line == 0) {
      sim->corpus->error_line = number;
    }
  }
  return 0;
}

size_t gcn__sim_corpus_error(const struct gcn__sim* sim) {
  return sim->corpus == NULL ? 0 : sim->corpus->error_line;
}

void gcn__sim_corpus_free(struct gcn__sim* sim) {
  struct gcn__sim_corpus* corpus = sim->corpus;
  if (corpus == NULL) return;
  for (size_t i = 0; i < corpus->count; i++) {
    drop_recorded(sim->mem, &corpus->events[i]);
  }
  gcn__free(sim->mem, corpus->events,
            corpus->capacity * sizeof(*corpus->events));
  gcn__free(sim->mem, corpus, sizeof(*corpus));
  sim->corpus = NULL;
}

bool gcn__sim_corpus_knows(const struct gcn__sim* sim, struct gcn__span topic) {
  const struct gcn__sim_corpus* corpus = sim->corpus;
  for (size_t i = 0; corpus != NULL && i < corpus->count; i++) {
    struct gcn__span known = gcn__span_str(corpus->events[i].topic);
    if (gcn__span_iequal(known, topic)) return true;
  }
  return false;
}

bool gcn__sim_corpus_next(struct gcn__sim* sim, struct gcn__sim_topic** topic,
                          struct gcn__span* body) {
  struct gcn__sim_corpus* corpus = sim->corpus;
  for (size_t tried = 0; tried < corpus->count; tried++) {
    if (corpus->at == corpus->count && sim->options.corpus_once) return false;
    if (corpus->at == corpus->count) corpus->at = 0;
    const struct recorded* event = &corpus->events[corpus->at++];
    *topic = gcn__sim_topic_lookup(sim, gcn__span_str(event->topic));
    if (*topic == NULL || (*topic)->live_index == SIZE_MAX) continue;
    *body = gcn__span(event->body, event->body_size);
    return true;
  }
  return false;
}
