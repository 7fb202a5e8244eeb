/* SPDX-License-Identifier: MIT */
/*
 * The shapes of the stream dialect: its descriptions as presets, the check of
 * one that a user changed, and what room it has for subscriptions.
 *
 * It writes nothing.  What the sources leave open is settled here (PROTOCOL
 * §6.3), so that no other file knows a path or the name of a parameter.
 */
#include "dialect/stream.h"

#include "dialect/stream-parts.h"

enum {
  NAME_SIZE_MAX = 64,
  PATH_SIZE_MAX = 500,
  URL_SIZE_MAX = 65536,
  NUMBER_SIZE_MAX = 20, /* of a uint64_t in decimal */
  ENCODED_MAX = 3,      /* a byte in a query: %XX */
  /* What may be as long as the service likes gets a share of the URL. */
  TOKEN_SHARE = 4,
  POSITION_SHARE = 8, /* or the id of POSTed subscriptions */
  BASE_PATH_SHARE = 16,
};

#define STREAM_PATH "/api/v2/notifications/stream"

/* Only the guide names these; no description denies them, and without them
 * neither resume nor signs of life can be had. */
#define COMMON                                                                 \
  .subs_param = "subscriptions", .resume_param = "lastEventId",                \
  .since_param = "since", .batch_param = "maxBatchSize",                       \
  .latency_param = "maxLatency", .batch_count_max = 100, .latency_ms = 5000,   \
  .url_size_max = 8000

static const struct gcn__shape shapes[GCN__PRESET_COUNT] = {
    [GCN__PRESET_GUIDE] =
        {
            COMMON,
            .path = STREAM_PATH,
            .token_in = GCN__TOKEN_IN_QUERY,
            .token_param = "access_token",
            .subs_in = GCN__SUBS_IN_QUERY,
            .form = GCN__FORM_EVENT,
            .subs_path = "",
            .ticket_path = "",
            .preflight_path = STREAM_PATH "/subscriptions",
        },
    [GCN__PRESET_REST] =
        {
            COMMON,
            .path = "/api/v2/notifications",
            .token_in = GCN__TOKEN_IN_HEADER,
            .token_param = "",
            .subs_in = GCN__SUBS_IN_POST,
            .form = GCN__FORM_NAMED,
            .subs_path = "/api/v2/notifications/subscriptions",
            .ticket_path = "",
            .preflight_path = "",
        },
    [GCN__PRESET_SDK] =
        {
            COMMON,
            .path = STREAM_PATH,
            .token_in = GCN__TOKEN_IN_QUERY,
            .token_param = "access_token",
            .subs_in = GCN__SUBS_IN_QUERY,
            .form = GCN__FORM_TOPIC,
            .subs_path = "",
            .ticket_path = "",
            .preflight_path = STREAM_PATH "/subscriptions",
        },
    [GCN__PRESET_MESSAGE] =
        {
            COMMON,
            .path = "/api/v2/notification/events",
            .token_in = GCN__TOKEN_IN_HEADER,
            .token_param = "",
            .subs_in = GCN__SUBS_IN_MESSAGE,
            .form = GCN__FORM_EVENT,
            .subs_path = "",
            .ticket_path = "",
            .preflight_path = "",
            .limit_is_4001 = true,
        },
    [GCN__PRESET_TICKET] =
        {
            COMMON,
            .path = "/api/v2/notifications",
            .token_in = GCN__TOKEN_IN_QUERY,
            .token_param = "token",
            .subs_in = GCN__SUBS_IN_QUERY,
            .form = GCN__FORM_EVENT,
            .subs_path = "",
            .ticket_path = "/api/v2/notifications/subscription",
            .preflight_path = "",
        },
};

/* The alias is where PROTOCOL §6.2 has it from. */
static const struct {
  const char* name;
  const char* alias;
} names[GCN__PRESET_COUNT] = {
    [GCN__PRESET_GUIDE] = {"guide", "guide"},
    [GCN__PRESET_REST] = {"rest", "thread-a"},
    [GCN__PRESET_SDK] = {"sdk", "thread-b"},
    [GCN__PRESET_MESSAGE] = {"message", "thread-c"},
    [GCN__PRESET_TICKET] = {"ticket", "thread-d"},
};

struct gcn__shape gcn__shape_of(enum gcn__preset preset) {
  return shapes[preset];
}

const char* gcn__preset_name(enum gcn__preset preset) {
  return (unsigned)preset < GCN__PRESET_COUNT ? names[preset].name : NULL;
}

enum gcn__preset gcn__preset_find(struct gcn__span name) {
  for (unsigned i = 0; i < GCN__PRESET_COUNT; i++) {
    if (gcn__span_is(name, names[i].name) ||
        gcn__span_is(name, names[i].alias)) {
      return (enum gcn__preset)i;
    }
  }
  return GCN__PRESET_COUNT;
}

bool gcn__stream_is_plain(const char* text) {
  for (; *text != '\0'; text++) {
    char lower = gcn__ascii_lower(*text);
    bool letter = lower >= 'a' && lower <= 'z';
    bool digit = lower >= '0' && lower <= '9';
    if (!letter && !digit && strchr("-._~/:$@!*'()[]", lower) == NULL) {
      return false;
    }
  }
  return true;
}

static const char* check_path(const char* path) {
  if (path[0] == '\0') return NULL;
  if (path[0] != '/') return "a path does not begin with \"/\"";
  if (strlen(path) > PATH_SIZE_MAX) return "a path is over 500 bytes";
  if (gcn__stream_is_plain(path)) return NULL;
  return "a path holds a byte that is no letter, digit or one of "
         "-._~/:$@!*'()[]; a query is made of the parameters";
}

static const char* check_paths(const struct gcn__shape* shape) {
  const char* const paths[] = {shape->path, shape->subs_path,
                               shape->ticket_path, shape->preflight_path};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    const char* wrong = check_path(paths[i]);
    if (wrong != NULL) return wrong;
  }
  if (shape->path[0] == '\0') return "path is empty";
  if (shape->subs_in == GCN__SUBS_IN_POST && shape->subs_path[0] == '\0') {
    return "subscriptions are to be POSTed, but subscriptions_path is empty";
  }
  return NULL;
}

/* The two that are never sent together may have one name. */
static const char* check_names(const struct gcn__shape* shape) {
  const char* const params[] = {shape->since_param,   shape->resume_param,
                                shape->token_param,   shape->subs_param,
                                shape->latency_param, shape->batch_param};
  size_t count = sizeof params / sizeof params[0];
  for (size_t i = 0; i < count; i++) {
    if (strlen(params[i]) > NAME_SIZE_MAX) {
      return "a parameter's name is over 64 bytes";
    }
    if (!gcn__stream_is_plain(params[i])) {
      return "a parameter's name holds a byte that is no letter, digit or one "
             "of -._~/:$@!*'()[]";
    }
    for (size_t j = i < 2 ? 2 : i + 1; j < count; j++) {
      if (params[i][0] != '\0' && strcmp(params[i], params[j]) == 0) {
        return "two parameters have one name";
      }
    }
  }
  return NULL;
}

const char* gcn__shape_check(const struct gcn__shape* shape) {
  if ((unsigned)shape->token_in > GCN__TOKEN_IN_HEADER) {
    return "token_in is unknown";
  }
  if ((unsigned)shape->subs_in > GCN__SUBS_IN_POST) {
    return "subscriptions_in is unknown";
  }
  if ((unsigned)shape->form > GCN__FORM_NAMED) return "form is unknown";
  const char* wrong = check_paths(shape);
  if (wrong == NULL) wrong = check_names(shape);
  if (wrong != NULL) return wrong;
  if (shape->token_in == GCN__TOKEN_IN_QUERY && shape->token_param[0] == '\0') {
    return "the token is to be in the query, but token_param is empty";
  }
  if (shape->subs_param[0] == '\0') return "subscriptions_param is empty";
  if (shape->url_size_max > URL_SIZE_MAX) return "url_size_max is over 65536";
  if (gcn__stream_room(shape) == 0) {
    return "url_size_max leaves no room for subscriptions";
  }
  return NULL;
}

/* "&name=value"; nothing if the shape does not use it. */
static size_t param_size(const char* name, size_t value_size) {
  size_t size = strlen(name);
  return size == 0 ? 0 : size * ENCODED_MAX + value_size + 2;
}

/* What is in JSON around the subscriptions, before it is encoded. */
static size_t frame_size(const struct gcn__shape* shape) {
  size_t size = sizeof "{\"\":[]}" + strlen(shape->subs_param);
  if (shape->form != GCN__FORM_NAMED) return size;
  return size + sizeof GCN__NAMED_NAME + sizeof "\"\"," +
         GCN__SESSION_SIZE_MAX + sizeof GCN__NAMED_ENDPOINT + sizeof "\"\"" +
         strlen(shape->path) + sizeof GCN__NAMED_SCOPE;
}

/* What is in the upgrade's target besides subscriptions. */
static size_t target_size(const struct gcn__shape* shape) {
  size_t url_size = (size_t)shape->url_size_max;
  size_t position_size = url_size / POSITION_SHARE;
  size_t resume_size = param_size(shape->resume_param, position_size);
  size_t since_size = param_size(shape->since_param, position_size);
  size_t size = url_size / BASE_PATH_SHARE + strlen(shape->path);
  if (shape->token_in == GCN__TOKEN_IN_QUERY) {
    size += param_size(shape->token_param, url_size / TOKEN_SHARE);
  }
  size += param_size(shape->batch_param, NUMBER_SIZE_MAX);
  size += param_size(shape->latency_param, NUMBER_SIZE_MAX);
  size += resume_size > since_size ? resume_size : since_size;
  return size + param_size(shape->subs_param, 0) +
         frame_size(shape) * ENCODED_MAX;
}

size_t gcn__stream_room(const struct gcn__shape* shape) {
  bool in_query = shape->subs_in == GCN__SUBS_IN_QUERY;
  size_t used = in_query ? target_size(shape) : frame_size(shape);
  size_t url_size = (size_t)shape->url_size_max;
  return url_size > used ? url_size - used : 0;
}
