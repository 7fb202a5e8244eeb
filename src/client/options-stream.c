/* SPDX-License-Identifier: MIT */
/*
 * The options of the dialect: which one, and the shape of the stream dialect.
 *
 * What a shape has to be like is the dialect's to say; here its texts are
 * viewed, and the numbers that are usual with it are set.
 */
#include "base/err.h"
#include "client/options-parts.h"
#include "dialect/subscription.h"

enum {
  URL_SIZE_MAX = 8000,
  MESSAGE_SIZE_MAX = 16 * 1024 * 1024,
  PING_MS = 30000, /* the guide's; pings are how it is kept alive */
};

_Static_assert((int)GCN_PRESET_GUIDE == (int)GCN__PRESET_GUIDE &&
                   (int)GCN_PRESET_REST == (int)GCN__PRESET_REST &&
                   (int)GCN_PRESET_SDK == (int)GCN__PRESET_SDK &&
                   (int)GCN_PRESET_MESSAGE == (int)GCN__PRESET_MESSAGE &&
                   (int)GCN_PRESET_TICKET == (int)GCN__PRESET_TICKET &&
                   (int)GCN_PRESET_COUNT == (int)GCN__PRESET_COUNT,
               "public and internal presets agree");
_Static_assert((int)GCN_TOKEN_IN_QUERY == (int)GCN__TOKEN_IN_QUERY &&
                   (int)GCN_TOKEN_IN_HEADER == (int)GCN__TOKEN_IN_HEADER,
               "public and internal places of the token agree");
_Static_assert((int)GCN_SUBSCRIPTIONS_IN_QUERY == (int)GCN__SUBS_IN_QUERY &&
                   (int)GCN_SUBSCRIPTIONS_IN_MESSAGE ==
                       (int)GCN__SUBS_IN_MESSAGE &&
                   (int)GCN_SUBSCRIPTIONS_IN_POST == (int)GCN__SUBS_IN_POST,
               "public and internal places of the subscriptions agree");
_Static_assert((int)GCN_FORM_EVENT == (int)GCN__FORM_EVENT &&
                   (int)GCN_FORM_TOPIC == (int)GCN__FORM_TOPIC &&
                   (int)GCN_FORM_NAMED == (int)GCN__FORM_NAMED,
               "public and internal forms agree");
_Static_assert((int)GCN_VALIDATE_STRICT == (int)GCN__SCRUTINY_STRICT &&
                   (int)GCN_VALIDATE_SHALLOW == (int)GCN__SCRUTINY_SHALLOW,
               "public and internal validation agree");
_Static_assert((int)GCN_SUBSCRIPTION_SIZE_MAX == GCN__SUBSCRIPTION_SIZE_MAX,
               "public and internal sizes of a subscription agree");

const char* gcn__client_topic_check(bool stream, struct gcn__span name) {
  return stream ? gcn__subscription_check(name) : gcn__topic_check(name);
}

static const char* text_of(const char* text) {
  return text == NULL ? "" : text;
}

static struct gcn__shape shape_of(const gcn_stream_t* stream) {
  uint64_t size_max = stream->url_size_max;
  return (struct gcn__shape){
      .path = text_of(stream->path),
      .token_in = (enum gcn__token_in)stream->token_in,
      .token_param = text_of(stream->token_param),
      .subs_in = (enum gcn__subs_in)stream->subscriptions_in,
      .form = (enum gcn__subs_form)stream->form,
      .subs_param = text_of(stream->subscriptions_param),
      .subs_path = text_of(stream->subscriptions_path),
      .ticket_path = text_of(stream->ticket_path),
      .preflight_path = text_of(stream->preflight_path),
      .resume_param = text_of(stream->resume_param),
      .since_param = text_of(stream->since_param),
      .batch_param = text_of(stream->batch_param),
      .latency_param = text_of(stream->latency_param),
      .batch_count_max = stream->batch_count_max,
      .latency_ms = stream->latency_ms,
      .url_size_max = size_max == 0 ? URL_SIZE_MAX : size_max,
      .limit_is_4001 = stream->limit_is_4001 != 0,
  };
}

static int check_choices(const gcn_stream_t* stream, char* why) {
  const struct {
    const char* name;
    unsigned value;
    unsigned last;
    const char* words;
  } rows[] = {
      {"token_in", (unsigned)stream->token_in, GCN_TOKEN_IN_HEADER,
       "GCN_TOKEN_IN_QUERY or GCN_TOKEN_IN_HEADER"},
      {"subscriptions_in", (unsigned)stream->subscriptions_in,
       GCN_SUBSCRIPTIONS_IN_POST,
       "one of GCN_SUBSCRIPTIONS_IN_QUERY to GCN_SUBSCRIPTIONS_IN_POST"},
      {"form", (unsigned)stream->form, GCN_FORM_NAMED,
       "one of GCN_FORM_EVENT to GCN_FORM_NAMED"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].value <= rows[i].last) continue;
    return gcn__config_refuse(why, "stream: %s is not %s", rows[i].name,
                              rows[i].words);
  }
  return 0;
}

int gcn__config_take_stream(const gcn_stream_t* from, struct gcn__shape* shape,
                            char why[GCN__WHY_SIZE]) {
  gcn_stream_t stream = {0};
  *shape = gcn__shape_of(GCN__PRESET_GUIDE);
  if (from == NULL) return 0;
  if (from->size < sizeof from->size) {
    return gcn__config_refuse(
        why, "stream: size is not set; call gcn_stream_init first");
  }
  int error = gcn__config_take(&stream, sizeof stream, from, "stream", why);
  if (error == 0) error = check_choices(&stream, why);
  if (error != 0) return error;
  if (stream.latency_ms > GCN__DURATION_MAX_MS) {
    return gcn__config_refuse(why, "stream: latency_ms is over a year; it is "
                                   "in milliseconds");
  }
  *shape = shape_of(&stream);
  const char* wrong = gcn__shape_check(shape);
  return wrong == NULL ? 0 : gcn__config_refuse(why, "stream: %s", wrong);
}

/* A batch of many events is one message, and an event may wait in it. */
static void settle_batches(struct gcn__config* config) {
  const gcn_options_t* options = &config->options;
  struct gcn__settings* settings = &config->settings;
  if (options->message_size_max == 0) {
    settings->message_size_max = MESSAGE_SIZE_MAX;
  }
  uint64_t latency_ms = settings->latency_max_ms + config->shape.latency_ms;
  bool brief = settings->overlap_ms <= latency_ms;
  if (brief && options->overlap_ms == 0) settings->overlap_ms = 2 * latency_ms;
}

int gcn__config_stream(struct gcn__config* config, char why[GCN__WHY_SIZE]) {
  const gcn_options_t* options = &config->options;
  struct gcn__settings* settings = &config->settings;
  if ((unsigned)options->dialect > GCN_DIALECT_STREAM) {
    return gcn__config_refuse(why, "dialect is not GCN_DIALECT_CHANNELS or "
                                   "GCN_DIALECT_STREAM");
  }
  if ((unsigned)options->validate > GCN_VALIDATE_SHALLOW) {
    return gcn__config_refuse(why, "validate is not GCN_VALIDATE_STRICT or "
                                   "GCN_VALIDATE_SHALLOW");
  }
  config->scrutiny = (enum gcn__scrutiny)options->validate;
  config->stream = options->dialect == GCN_DIALECT_STREAM;
  if (!config->stream && options->stream != NULL) {
    return gcn__config_refuse(why, "stream is set, but dialect is "
                                   "GCN_DIALECT_CHANNELS; clear the one or set "
                                   "the other to GCN_DIALECT_STREAM");
  }
  if (!config->stream) return 0;
  /* A subscription stands for itself, and one connection has no channel. */
  settings->combine = 0;
  if (options->ping_ms == 0) settings->ping_ms = PING_MS;
  int error = gcn__config_take_stream(options->stream, &config->shape, why);
  if (error != 0) return error;
  settle_batches(config);
  return 0;
}
