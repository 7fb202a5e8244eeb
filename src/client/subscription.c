/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect's helpers for a user: presets by name, a shape to start
 * from, and the line that names a subscription.
 */
#include "dialect/subscription.h"

#include "base/err.h"
#include "dialect/stream.h"
#include "gcnotify.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

/* "" is not used, which the user knows as NULL. */
static const char* text_of(const char* text) {
  return text[0] == '\0' ? NULL : text;
}

void gcn_stream_init_sized(gcn_stream_t* stream, size_t size,
                           gcn_preset_t preset) {
  if (stream == NULL || size < sizeof stream->size) return;
  bool known = (unsigned)preset < GCN_PRESET_COUNT;
  const struct gcn__shape shape =
      gcn__shape_of(known ? (enum gcn__preset)preset : GCN__PRESET_GUIDE);
  gcn_stream_t full = {
      .size = size,
      .path = text_of(shape.path),
      .token_in = (gcn_token_in_t)shape.token_in,
      .token_param = text_of(shape.token_param),
      .subscriptions_in = (gcn_subscriptions_in_t)shape.subs_in,
      .form = (gcn_form_t)shape.form,
      .subscriptions_param = text_of(shape.subs_param),
      .subscriptions_path = text_of(shape.subs_path),
      .ticket_path = text_of(shape.ticket_path),
      .preflight_path = text_of(shape.preflight_path),
      .resume_param = text_of(shape.resume_param),
      .since_param = text_of(shape.since_param),
      .batch_param = text_of(shape.batch_param),
      .latency_param = text_of(shape.latency_param),
      .batch_count_max = shape.batch_count_max,
      .latency_ms = shape.latency_ms,
      .url_size_max = shape.url_size_max,
      .limit_is_4001 = shape.limit_is_4001 ? 1 : 0,
  };
  memset(stream, 0, size);
  memcpy(stream, &full, size < sizeof full ? size : sizeof full);
}

const char* gcn_preset_name(gcn_preset_t preset) {
  if ((unsigned)preset >= GCN_PRESET_COUNT) return NULL;
  return gcn__preset_name((enum gcn__preset)preset);
}

gcn_preset_t gcn_preset_find(const char* name) {
  if (name == NULL) return GCN_PRESET_COUNT;
  return (gcn_preset_t)gcn__preset_find(gcn__span_str(name));
}

/* Room for the NUL is in `size`. */
static int tell(struct gcn__span from, char* text, size_t size) {
  if (size == 0) return (int)from.size;
  size_t part = from.size < size ? from.size : size - 1;
  memcpy(text, from.data, part);
  text[part] = '\0';
  return (int)from.size;
}

/* 0 or a negative number; `why` says what is wrong with the JSON. */
static int convert(const char* json, struct gcn__buf* out, const char** why) {
  struct gcn__json* object = gcn__json_parse(gcn__span_str(json), why);
  if (object == NULL) return GCN__EINVAL;
  int error = gcn__subscription_from_json(object, out, why);
  gcn__json_free(object, false);
  if (error != GCN_ELIMIT) return error;
  *why = "it is longer than 1000 bytes as a line";
  return GCN__EINVAL;
}

int gcn_subscription(const char* json, char* text, size_t size) {
  if (json == NULL || (text == NULL && size > 0)) return UV_EINVAL;
  const char* why = "it is not JSON";
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, GCN__SUBSCRIPTION_SIZE_MAX);
  int error = convert(json, &line, &why);
  if (error == 0) error = tell(gcn__buf_span(&line), text, size);
  gcn__buf_deinit(&line);
  if (error == GCN__ENOMEM) return UV_ENOMEM;
  if (error >= 0) return error;
  tell(gcn__span_str(why), text, size);
  return UV_EINVAL;
}
