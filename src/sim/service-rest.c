/* SPDX-License-Identifier: MIT */
/*
 * The REST API's resources: which path means which, and which methods it has.
 */
#include "codec/json.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

#define CHANNELS_PATH "/api/v2/notifications/channels"
#define TOPICS_PATH   "/api/v2/notifications/availabletopics"
#define ME_PATH       "/api/v2/tokens/me"
#define SUBSCRIPTIONS "/subscriptions"

enum resource {
  RESOURCE_CHANNELS,
  RESOURCE_CHANNEL,
  RESOURCE_SUBSCRIPTIONS,
  RESOURCE_TOPICS,
  RESOURCE_ME,
  RESOURCE_NONE,
};

struct form {
  const char* route;
  const char* allow;
  enum gcn__sim_resource kind;
};

static const struct form forms[] = {
    [RESOURCE_CHANNELS] = {CHANNELS_PATH, "GET, POST",
                           GCN__SIM_RESOURCE_CHANNELS},
    [RESOURCE_CHANNEL] = {CHANNELS_PATH "/{id}", "HEAD",
                          GCN__SIM_RESOURCE_CHANNEL},
    [RESOURCE_SUBSCRIPTIONS] = {CHANNELS_PATH "/{id}" SUBSCRIPTIONS,
                                "DELETE, GET, POST, PUT",
                                GCN__SIM_RESOURCE_SUBSCRIPTIONS},
    [RESOURCE_TOPICS] = {TOPICS_PATH, "GET", GCN__SIM_RESOURCE_OTHER},
    [RESOURCE_ME] = {ME_PATH, "DELETE, GET, HEAD", GCN__SIM_RESOURCE_OTHER},
    [RESOURCE_NONE] = {"/api/v2/(unknown)", "", GCN__SIM_RESOURCE_OTHER},
};

/* `id` becomes the channel's. */
static enum resource find_resource(struct gcn__span path,
                                   struct gcn__span* id) {
  if (gcn__span_is(path, CHANNELS_PATH)) return RESOURCE_CHANNELS;
  if (gcn__span_is(path, TOPICS_PATH)) return RESOURCE_TOPICS;
  if (gcn__span_is(path, ME_PATH)) return RESOURCE_ME;
  if (!gcn__span_starts(path, CHANNELS_PATH "/")) return RESOURCE_NONE;
  *id = gcn__span_skip(path, sizeof(CHANNELS_PATH "/") - 1);
  const char* slash = memchr(id->data, '/', id->size);
  if (slash == NULL) return RESOURCE_CHANNEL;
  size_t size = (size_t)(slash - id->data);
  struct gcn__span rest = gcn__span_skip(*id, size);
  id->size = size;
  bool known = gcn__span_is(rest, SUBSCRIPTIONS);
  return known ? RESOURCE_SUBSCRIPTIONS : RESOURCE_NONE;
}

/* True if the method is in the comma-separated list. */
static bool allows(const char* allow, struct gcn__span method) {
  struct gcn__span list = gcn__span_str(allow);
  while (list.size > 0 && method.size > 0) {
    const char* comma = memchr(list.data, ',', list.size);
    size_t size = comma == NULL ? list.size : (size_t)(comma - list.data);
    if (gcn__span_equal(gcn__span(list.data, size), method)) return true;
    list = gcn__span_skip(list, comma == NULL ? size : size + 2);
  }
  return false;
}

static void list_topics(struct gcn__sim_call* call) {
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"entities\":[");
  for (size_t i = 0; i < gcn__sim_template_count(); i++) {
    const struct gcn__sim_template* topic = gcn__sim_template_at(i);
    bool free_for_all = topic->permission[0] == '\0';
    gcn__sim_text_put(
        text,
        "%s{\"id\":\"%s\",\"description\":\"%s\","
        "\"requiresPermissions\":[%s%s%s],"
        "\"requiresDivisionPermissions\":false,\"requiresCurrentUser\":false,"
        "\"requiresCurrentUserOrPermission\":false,"
        "\"requiresAnyValidator\":false,\"enforced\":true,"
        "\"visibility\":\"Public\",\"transports\":[\"All\"],"
        "\"topicParameters\":[\"id\"]}",
        i == 0 ? "" : ",", topic->name, topic->description,
        free_for_all ? "" : "\"", topic->permission, free_for_all ? "" : "\"");
  }
  gcn__sim_text_put(text, "]}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

static void tokens_me(struct gcn__sim_call* call) {
  if (gcn__span_is(call->method, "DELETE")) {
    struct gcn__sim_token* token = call->token;
    gcn__sim_reply(call, 200, GCN__SPAN("{}"));
    gcn__sim_token_revoke(call->sim, token, call->now_ms);
    return;
  }
  struct gcn__sim_text* text = &call->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"OAuthClient\":{\"id\":");
  gcn__sim_text_json(text, gcn__span_str(call->client_id));
  gcn__sim_text_put(text, "}}");
  if (text->error != 0) call->conn->failed = true;
  gcn__sim_reply(call, 200, gcn__buf_span(&text->buf));
}

/* A channel of another client is as unknown as one that never was. */
static struct gcn__sim_channel* own_channel(struct gcn__sim_call* call,
                                            struct gcn__span id) {
  struct gcn__sim_channel* channel = gcn__sim_channel_find(call->sim, id);
  if (channel != NULL && channel->client == call->token->client) {
    return channel;
  }
  gcn__sim_reply_error(call, 404, "not.found",
                       "The requested channel was not found.");
  return NULL;
}

static void serve_channel(struct gcn__sim_call* call, enum resource resource,
                          struct gcn__span id) {
  struct gcn__sim_channel* channel = own_channel(call, id);
  if (channel == NULL) return;
  if (resource == RESOURCE_SUBSCRIPTIONS) {
    gcn__sim_subs_call(call, channel);
    return;
  }
  gcn__sim_reply(call, 200, (struct gcn__span){NULL, 0});
}

static void serve(struct gcn__sim_call* call, enum resource resource,
                  struct gcn__span id) {
  switch (resource) {
  case RESOURCE_CHANNELS:
    if (gcn__span_is(call->method, "POST")) {
      gcn__sim_channels_create(call);
    } else {
      gcn__sim_channels_list(call);
    }
    return;
  case RESOURCE_CHANNEL:
  case RESOURCE_SUBSCRIPTIONS: serve_channel(call, resource, id); return;
  case RESOURCE_TOPICS: list_topics(call); return;
  case RESOURCE_ME: tokens_me(call); return;
  case RESOURCE_NONE:
    gcn__sim_reply_error(call, 404, "not.found", "No such resource.");
    return;
  }
}

static void count(struct gcn__sim_call* call, enum resource resource) {
  call->sim->counters.rest_calls++;
  gcn__sim_fault_count(call->sim, GCN__COUNT_REST, NULL, call->now_ms);
  if (resource == RESOURCE_CHANNELS && gcn__span_is(call->method, "POST")) {
    gcn__sim_fault_count(call->sim, GCN__COUNT_CHANNEL, NULL, call->now_ms);
  }
}

void gcn__sim_rest(struct gcn__sim_call* call) {
  struct gcn__span id = GCN__SPAN("");
  enum resource resource = find_resource(call->path, &id);
  const struct form* form = &forms[resource];
  call->route = form->route;
  call->resource = form->kind;
  count(call, resource);
  if (gcn__sim_spoil(call)) return;
  if (!gcn__sim_authenticate(call)) return;
  if (resource != RESOURCE_NONE && !allows(form->allow, call->method)) {
    call->allow = form->allow;
    gcn__sim_reply_error(call, 405, "method.not.allowed",
                         "The method is not allowed here.");
    return;
  }
  serve(call, resource, id);
}
