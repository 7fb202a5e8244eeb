/* SPDX-License-Identifier: MIT */
/*
 * What good answers carry: a token, a channel, verdicts on topics.
 *
 * The document of the last topics answer is kept until every verdict in it has
 * been told, one per call, so that verdicts need no memory of their own.
 */
#include "engine/internal.h"

#include "base/err.h"

static void malformed(struct gcn__engine* engine, int error, enum gcn__op op,
                      const char* why, enum gcn__input input) {
  gcn__failure_set(engine, error, GCN__LAYER_SERVICE, op, "%s", why);
  bool background = engine->session.state == GCN__STATE_STREAMING;
  gcn__engine_post(engine, background ? GCN__INPUT_UNSYNCED : input);
}

void gcn__answer_token(struct gcn__engine* engine,
                       const struct gcn__json* body) {
  struct gcn__token_answer answer;
  const char* why = "the access token has bytes that do not fit a header";
  int error = gcn__channels_read_token(body, &answer, &why);
  if (error == 0) {
    error = gcn__token_set(&engine->token, answer.token, answer.life_s,
                           engine->now_ms);
    if (error == GCN__ENOMEM) why = "out of memory";
  }
  if (error != 0) {
    malformed(engine, error, GCN__OP_TOKEN, why, GCN__INPUT_BROKEN);
  } else if (engine->session.state == GCN__STATE_STREAMING) {
    gcn__call_begin(engine, GCN__OP_TOPICS); /* what it was fetched for */
  } else {
    gcn__engine_post(engine, GCN__INPUT_TOKEN);
  }
}

void gcn__channel_forget(struct gcn__engine* engine) {
  struct gcn__channel* channel = &engine->channel;
  gcn__engine_drop(engine, GCN__WIRE_STREAM, false);
  gcn__secret_free(&engine->mem, channel->uri_text);
  uint32_t generation = channel->generation;
  gcn__wipe(channel, sizeof *channel);
  channel->generation = generation;
}

/* NULL or why the channel can't be used. */
static const char* take_channel(struct gcn__engine* engine,
                                const struct gcn__channel_answer* answer,
                                int* error) {
  struct gcn__channel* channel = &engine->channel;
  *error = GCN__ENOMEM;
  channel->uri_text = gcn__str_copy_n(&engine->mem, answer->connect_uri.data,
                                      answer->connect_uri.size);
  if (channel->uri_text == NULL) return "out of memory";
  *error = GCN_EPOLICY;
  const char* wrong =
      gcn__url_parse(&channel->uri, gcn__span_str(channel->uri_text));
  if (wrong != NULL) return "connectUri is no acceptable URL";
  const struct gcn__host_policy policy = {
      .domain = engine->domain,
      .api = &engine->api,
      .plaintext = engine->plaintext,
  };
  wrong = gcn__channels_uri_check(&channel->uri, &policy);
  if (wrong != NULL) return wrong;
  if (gcn__url_secure(&channel->uri) && engine->tls == NULL) {
    return "connectUri needs TLS, which is not configured";
  }
  memcpy(channel->id, answer->id.data, answer->id.size);
  channel->id[answer->id.size] = '\0';
  channel->generation++;
  channel->known = true;
  return NULL;
}

void gcn__answer_channel(struct gcn__engine* engine,
                         const struct gcn__json* body) {
  struct gcn__channel_answer answer;
  const char* why = "";
  int error = gcn__channels_read_channel(body, &answer, &why);
  if (error != 0) {
    malformed(engine, error, GCN__OP_CHANNEL, why, GCN__INPUT_BROKEN);
    return;
  }
  gcn__channel_forget(engine);
  why = take_channel(engine, &answer, &error);
  if (why == NULL) {
    gcn__engine_post(engine, GCN__INPUT_STEP);
    return;
  }
  gcn__channel_forget(engine);
  malformed(engine, error, GCN__OP_CHANNEL, why,
            error == GCN__ENOMEM ? GCN__INPUT_WEATHER : GCN__INPUT_STUBBORN);
}

void gcn__answer_topics(struct gcn__engine* engine, struct gcn__json* body) {
  bool streaming = engine->session.state == GCN__STATE_STREAMING;
  if (gcn__channels_topic_count(body) < 0) {
    gcn__json_free(body, false);
    malformed(engine, GCN_EPROTO, GCN__OP_TOPICS,
              "the answer to the topics request holds no list",
              GCN__INPUT_BROKEN);
    return;
  }
  gcn__json_free(engine->answer, false);
  engine->answer = body;
  engine->answer_index = 0;
  engine->answer_topic = 0;
  engine->answer_serial++;
  engine->confirmed = true;
  if (!streaming) {
    gcn__engine_post(engine, GCN__INPUT_CONFIRMED);
    return;
  }
  gcn__engine_post(engine, GCN__INPUT_SYNCED);
  bool changed = engine->topics.revision != engine->sent_revision;
  if (engine->resync || changed) {
    gcn__engine_post(engine, GCN__INPUT_TOPICS);
  }
  engine->resync = false;
}

static struct gcn__span join_missing(struct gcn__engine* engine,
                                     const struct gcn__json* list) {
  struct gcn__buf* out = &engine->missing;
  gcn__buf_clear(out);
  for (size_t i = 0; i < gcn__json_count(list); i++) {
    struct gcn__span item = gcn__json_string(gcn__json_at(list, i));
    if (item.data == NULL) continue;
    /* A list that does not fit is cut: it is only told. */
    if (gcn__buf_size(out) > 0 && gcn__buf_append_str(out, ",") != 0) break;
    if (gcn__buf_append(out, item.data, item.size) != 0) break;
  }
  if (gcn__buf_size(out) == 0) return (struct gcn__span){NULL, 0};
  return gcn__buf_span(out);
}

/* True if the entry says something that has not been told. */
static bool take_verdict(struct gcn__engine* engine,
                         const struct gcn__topic_answer* answer,
                         struct gcn__topic_result* result) {
  enum gcn__verdict verdict =
      answer->permitted ? GCN__VERDICT_PERMITTED : GCN__VERDICT_REJECTED;
  struct gcn__topic* topic = gcn__topics_find(&engine->topics, answer->id);
  if (topic != NULL) {
    topic->answered = engine->answer_serial;
    if (topic->verdict == verdict) return false;
    topic->verdict = verdict;
  } else if (answer->permitted || engine->sent_revision == engine->told) {
    return false; /* one name out of a combined topic: only a no is news */
  }
  *result = (struct gcn__topic_result){
      .topic = topic != NULL ? gcn__span_str(topic->name) : answer->id,
      .verdict = verdict,
      .reason = answer->reason,
      .missing = join_missing(engine, answer->missing),
  };
  return true;
}

static bool next_entry(struct gcn__engine* engine,
                       struct gcn__topic_result* result) {
  size_t count = (size_t)gcn__channels_topic_count(engine->answer);
  while (engine->answer_index < count) {
    struct gcn__topic_answer answer;
    size_t index = engine->answer_index++;
    if (!gcn__channels_read_topic(engine->answer, index, &answer)) continue;
    if (take_verdict(engine, &answer, result)) return true;
  }
  return false;
}

/* Topics that the answer passed over.  Those added since the request are still
 * pending, and can't be told from the others when the set has changed. */
static bool next_missing(struct gcn__engine* engine,
                         struct gcn__topic_result* result) {
  if (engine->topics.revision != engine->sent_revision) return false;
  while (engine->answer_topic < engine->topics.count) {
    struct gcn__topic* topic = &engine->topics.items[engine->answer_topic++];
    if (topic->answered == engine->answer_serial) continue;
    if (topic->verdict == GCN__VERDICT_UNKNOWN) continue;
    topic->verdict = GCN__VERDICT_UNKNOWN;
    *result = (struct gcn__topic_result){
        .topic = gcn__span_str(topic->name),
        .verdict = GCN__VERDICT_UNKNOWN,
    };
    return true;
  }
  return false;
}

static void count_rejected(struct gcn__engine* engine) {
  uint64_t count = 0;
  for (size_t i = 0; i < engine->topics.count; i++) {
    if (engine->topics.items[i].verdict == GCN__VERDICT_REJECTED) count++;
  }
  engine->counters.topics_rejected = count;
}

bool gcn__answer_next(struct gcn__engine* engine, struct gcn__effect* effect) {
  if (engine->answer == NULL) return false;
  *effect = (struct gcn__effect){.kind = GCN__EFFECT_TOPIC};
  if (next_entry(engine, &effect->topic)) return true;
  if (next_missing(engine, &effect->topic)) return true;
  gcn__json_free(engine->answer, false);
  engine->answer = NULL;
  engine->told = engine->sent_revision;
  count_rejected(engine);
  return false;
}
