/* SPDX-License-Identifier: MIT */
/*
 * A channel's subscriptions: the REST resource and the in-socket commands
 * (PROTOCOL §3).
 *
 * Without ignoreErrors a request changes all or nothing.  Only topics that the
 * client may have are stored; a combined id is stored if one of its topics is.
 */
#include "base/err.h"
#include "codec/json.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

#include <stdio.h>

#define NO_SUCH_TOPIC      "Unknown topic"
#define MISSING_PERMISSION "Missing permission(s)"

void gcn__sim_entries_free(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel) {
  for (size_t i = 0; i < channel->entry_count; i++) {
    gcn__str_free(sim->mem, channel->entries[i]);
  }
  gcn__free(sim->mem, channel->entries,
            channel->entry_capacity * sizeof(char*));
  channel->entries = NULL;
  channel->entry_count = 0;
  channel->entry_capacity = 0;
}

unsigned gcn__sim_topic_refusal(struct gcn__sim* sim, const char* topic,
                                const char** permission) {
  struct gcn__span name = gcn__span_str(topic);
  *permission = "";
  unsigned status = 0;
  if (gcn__sim_fault_rejects(sim, name, &status, permission)) return status;
  const struct gcn__sim_options* options = &sim->options;
  for (size_t i = 0; i < options->forbidden_count; i++) {
    if (!gcn__script_match(options->forbidden[i].pattern, name)) continue;
    *permission = options->forbidden[i].permission;
    return 403;
  }
  if (gcn__sim_template_of(name) != NULL) return 0;
  if (options->any_topic || gcn__sim_corpus_knows(sim, name)) return 0;
  return 400;
}

/* The worst thing about an id: 0 if all its topics are fine. */
struct finding {
  unsigned status;
  const char* permission;
  size_t good; /* topics of the id that are fine */
};

static struct finding inspect(struct gcn__sim* sim, struct gcn__span id) {
  struct finding finding = {.permission = ""};
  char name[GCN__SIM_TOPIC_SIZE_MAX];
  if (!gcn__sim_topic_valid(id)) finding.status = 400;
  for (size_t i = 0; gcn__sim_topic_part(id, i, name); i++) {
    const char* permission;
    unsigned status = gcn__sim_topic_refusal(sim, name, &permission);
    if (status == 0) {
      finding.good++;
    } else if (status > finding.status) {
      finding.status = status;
      finding.permission = permission;
    }
  }
  return finding;
}

static bool has_entry(const struct gcn__sim_channel* channel,
                      struct gcn__span id) {
  for (size_t i = 0; i < channel->entry_count; i++) {
    if (gcn__span_iequal(gcn__span_str(channel->entries[i]), id)) return true;
  }
  return false;
}

static bool add_entry(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                      struct gcn__span id) {
  if (has_entry(channel, id)) return true;
  if (channel->entry_count == channel->entry_capacity) {
    size_t capacity =
        channel->entry_capacity == 0 ? 16 : channel->entry_capacity * 2;
    void* entries = gcn__resize(sim->mem, channel->entries,
                                channel->entry_capacity * sizeof(char*),
                                capacity * sizeof(char*));
    if (entries == NULL) return false;
    channel->entries = entries;
    channel->entry_capacity = capacity;
  }
  char* entry = gcn__str_copy_n(sim->mem, id.data, id.size);
  if (entry == NULL) return false;
  channel->entries[channel->entry_count++] = entry;
  return true;
}

static void write_topic(struct gcn__sim_text* text, struct gcn__span id,
                        const struct gcn__sim_channel* channel,
                        const struct finding* finding) {
  gcn__sim_text_put(text, "{\"id\":");
  gcn__sim_text_json(text, id);
  if (finding->status == 0 || finding->good > 0) {
    gcn__sim_text_put(text,
                      ",\"state\":\"Permitted\",\"selfUri\":\"/api/v2/"
                      "notifications/channels/%s/subscriptions\"}",
                      channel->id);
    return;
  }
  bool forbidden = finding->permission[0] != '\0';
  gcn__sim_text_put(text, ",\"state\":\"Rejected\",\"rejectionReason\":\"%s\"",
                    forbidden ? MISSING_PERMISSION : NO_SUCH_TOPIC);
  gcn__sim_text_put(text, ",\"missingPermissions\":[");
  if (forbidden) {
    gcn__sim_text_json(text, gcn__span_str(finding->permission));
  }
  gcn__sim_text_put(text, "]}");
}

/* The entry itself, and one more for each refused topic of a combined id whose
 * other topics are fine. */
static void write_entry(struct gcn__sim* sim, struct gcn__sim_text* text,
                        struct gcn__span id,
                        const struct gcn__sim_channel* channel) {
  struct finding whole = inspect(sim, id);
  write_topic(text, id, channel, &whole);
  if (whole.status == 0 || whole.good == 0) return;
  char name[GCN__SIM_TOPIC_SIZE_MAX];
  for (size_t i = 0; gcn__sim_topic_part(id, i, name); i++) {
    struct finding part = {.permission = ""};
    part.status = gcn__sim_topic_refusal(sim, name, &part.permission);
    if (part.status == 0) continue;
    gcn__sim_text_put(text, ",");
    write_topic(text, gcn__span_str(name), channel, &part);
  }
}

static void begin_listing(struct gcn__sim_text* text) {
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"entities\":[");
}

static void end_listing(struct gcn__sim_call* call) {
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

static void list_entries(struct gcn__sim_call* call,
                         const struct gcn__sim_channel* channel) {
  struct gcn__sim_text* text = &call->sim->scratch;
  begin_listing(text);
  for (size_t i = 0; i < channel->entry_count; i++) {
    if (i > 0) gcn__sim_text_put(text, ",");
    write_entry(call->sim, text, gcn__span_str(channel->entries[i]), channel);
  }
  end_listing(call);
}

/* One wish of a request body. */
static struct gcn__span wish_at(const struct gcn__json* wishes, size_t index) {
  return gcn__json_member(gcn__json_at(wishes, index), "id");
}

static void refuse_forbidden(struct gcn__sim_call* call,
                             const char* permission) {
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text),
           "Unable to perform the requested action. You are missing the "
           "following permission(s): %s",
           permission);
  gcn__sim_reply_error(call, 403, "missing.permissions", text);
}

/* Answers and returns false if the request must not change anything. */
static bool check_wishes(struct gcn__sim_call* call,
                         const struct gcn__json* wishes, bool lenient) {
  for (size_t i = 0; i < gcn__json_count(wishes); i++) {
    struct gcn__span id = wish_at(wishes, i);
    if (id.data == NULL) {
      gcn__sim_reply_error(call, 400, "bad.request",
                           "Each subscription needs an id.");
      return false;
    }
    if (id.size >= GCN__SIM_TOPIC_SIZE_MAX) {
      gcn__sim_reply_error(call, 400, "invalid.value",
                           "A topic is longer than 199 characters.");
      return false;
    }
    struct finding finding = inspect(call->sim, id);
    if (finding.status == 0 || lenient) continue;
    if (finding.status == 403) {
      refuse_forbidden(call, finding.permission);
    } else {
      gcn__sim_reply_error(call, finding.status, "bad.request", NO_SUCH_TOPIC);
    }
    return false;
  }
  return true;
}

/* How many entries the channel would have. */
static size_t total_after(const struct gcn__sim_channel* channel,
                          const struct gcn__json* wishes, bool replace) {
  size_t total = replace ? 0 : channel->entry_count;
  for (size_t i = 0; i < gcn__json_count(wishes); i++) {
    if (replace || !has_entry(channel, wish_at(wishes, i))) total++;
  }
  return total;
}

static bool store_wishes(struct gcn__sim_call* call,
                         struct gcn__sim_channel* channel,
                         const struct gcn__json* wishes, bool replace) {
  struct gcn__sim* sim = call->sim;
  if (replace) gcn__sim_entries_free(sim, channel);
  for (size_t i = 0; i < gcn__json_count(wishes); i++) {
    struct gcn__span id = wish_at(wishes, i);
    if (inspect(sim, id).good == 0) continue;
    if (!add_entry(sim, channel, id)) return false;
  }
  return gcn__sim_topics_relink(sim, channel, call->now_ms);
}

/* What was asked for with its outcome; after a POST the older entries too. */
static void list_outcome(struct gcn__sim_call* call,
                         const struct gcn__sim_channel* channel,
                         const struct gcn__json* wishes) {
  struct gcn__sim_text* text = &call->sim->scratch;
  begin_listing(text);
  for (size_t i = 0; i < channel->entry_count; i++) {
    if (i > 0) gcn__sim_text_put(text, ",");
    write_entry(call->sim, text, gcn__span_str(channel->entries[i]), channel);
  }
  bool first = channel->entry_count == 0;
  for (size_t i = 0; i < gcn__json_count(wishes); i++) {
    struct gcn__span id = wish_at(wishes, i);
    if (has_entry(channel, id)) continue;
    if (!first) gcn__sim_text_put(text, ",");
    first = false;
    write_entry(call->sim, text, id, channel);
  }
  end_listing(call);
}

static void subscribed(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                       uint64_t now_ms) {
  gcn__sim_channel_extend(sim, channel, now_ms);
  channel->subscribe_by_ms = GCN__NEVER;
  sim->counters.subscribes++;
  gcn__sim_log(sim, now_ms, "a channel has %zu subscriptions",
               channel->entry_count);
  gcn__sim_fault_count(sim, GCN__COUNT_SUBSCRIBE, channel->conn, now_ms);
}

static bool is_lenient(struct gcn__span query) {
  static const char yes[] = "ignoreErrors=true";
  while (query.size > 0) {
    const char* end = memchr(query.data, '&', query.size);
    size_t size = end == NULL ? query.size : (size_t)(end - query.data);
    if (gcn__span_iis(gcn__span(query.data, size), yes)) return true;
    query = gcn__span_skip(query, end == NULL ? size : size + 1);
  }
  return false;
}

static void change(struct gcn__sim_call* call, struct gcn__sim_channel* channel,
                   const struct gcn__json* wishes) {
  struct gcn__sim* sim = call->sim;
  bool replace = gcn__span_is(call->method, "PUT");
  if (!check_wishes(call, wishes, is_lenient(call->query))) return;
  if (total_after(channel, wishes, replace) > sim->options.topics_max) {
    gcn__sim_reply_error(call, 400, "bad.request",
                         "The channel would have too many topics.");
    return;
  }
  if (!store_wishes(call, channel, wishes, replace)) {
    call->conn->failed = true;
    return;
  }
  list_outcome(call, channel, wishes);
  subscribed(sim, channel, call->now_ms);
}

static bool has_json_type(const struct gcn__sim_call* call) {
  static const char json[] = "application/json";
  struct gcn__span type =
      gcn__http_header(call->conn->http, "Content-Type", NULL);
  size_t size = sizeof(json) - 1;
  if (type.data == NULL || type.size < size) return false;
  return gcn__span_iis(gcn__span(type.data, size), json) &&
         (type.size == size || type.data[size] == ';');
}

static bool is_too_large(const struct gcn__sim_call* call) {
  uint64_t size_max = call->sim->options.body_size_max;
  return size_max > 0 && gcn__http_body(call->conn->http).size > size_max;
}

static void change_from_body(struct gcn__sim_call* call,
                             struct gcn__sim_channel* channel) {
  if (is_too_large(call)) {
    gcn__sim_reply_error(call, 413, "request.entity.too.large",
                         "The request is too large.");
    return;
  }
  if (!has_json_type(call)) {
    gcn__sim_reply_error(call, 415, "unsupported.media.type",
                         "The media type is not supported.");
    return;
  }
  struct gcn__json* body =
      gcn__json_parse(gcn__http_body(call->conn->http), NULL);
  if (gcn__json_is_array(body)) {
    change(call, channel, body);
  } else {
    gcn__sim_reply_error(call, 400, "bad.request",
                         "The body is not an array of topics.");
  }
  gcn__json_free(body, false);
}

void gcn__sim_subs_call(struct gcn__sim_call* call,
                        struct gcn__sim_channel* channel) {
  if (gcn__span_is(call->method, "GET")) {
    list_entries(call, channel);
  } else if (gcn__span_is(call->method, "DELETE")) {
    gcn__sim_entries_free(call->sim, channel);
    gcn__sim_topics_relink(call->sim, channel, call->now_ms);
    gcn__sim_channel_use(call->sim, channel);
    gcn__sim_reply(call, 200, (struct gcn__span){NULL, 0});
  } else {
    change_from_body(call, channel);
  }
}

unsigned gcn__sim_subs_add(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel,
                           const struct gcn__span* ids, size_t count,
                           uint64_t now_ms) {
  size_t total = channel->entry_count;
  for (size_t i = 0; i < count; i++) {
    struct finding finding = inspect(sim, ids[i]);
    if (finding.status != 0) return finding.status;
    if (!has_entry(channel, ids[i])) total++;
  }
  if (total > sim->options.topics_max) return 400;
  for (size_t i = 0; i < count; i++) {
    if (!add_entry(sim, channel, ids[i])) return 500;
  }
  if (!gcn__sim_topics_relink(sim, channel, now_ms)) return 500;
  subscribed(sim, channel, now_ms);
  return 200;
}

static void remove_entry(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                         struct gcn__span id) {
  size_t kept = 0;
  for (size_t i = 0; i < channel->entry_count; i++) {
    char* entry = channel->entries[i];
    if (gcn__span_iequal(gcn__span_str(entry), id)) {
      gcn__str_free(sim->mem, entry);
    } else {
      channel->entries[kept++] = entry;
    }
  }
  channel->entry_count = kept;
}

unsigned gcn__sim_subs_remove(struct gcn__sim* sim,
                              struct gcn__sim_channel* channel,
                              const struct gcn__span* ids, size_t count,
                              uint64_t now_ms) {
  for (size_t i = 0; i < count; i++)
    remove_entry(sim, channel, ids[i]);
  if (!gcn__sim_topics_relink(sim, channel, now_ms)) return 500;
  gcn__sim_channel_use(sim, channel);
  return 200;
}

size_t gcn__sim_subs_drift(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel, uint64_t count,
                           const char* pattern) {
  size_t kept = 0;
  size_t gone = 0;
  for (size_t i = 0; i < channel->entry_count; i++) {
    char* entry = channel->entries[i];
    bool hit = gone < count && gcn__script_match(pattern, gcn__span_str(entry));
    if (hit) gone++;
    if (hit) gcn__str_free(sim->mem, entry);
    if (!hit) channel->entries[kept++] = entry;
  }
  channel->entry_count = kept;
  if (gone > 0) gcn__sim_topics_prune(channel, sim->mem);
  sim->counters.subscriptions_drifted += gone;
  return gone;
}
