/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the stream dialect's tests.
 */
#include "stream-peer.h"

#include "base/err.h"
#include "codec/url.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

void stream_add_param(char* out, const char* name, const char* value) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, STREAM_TARGET_SIZE);
  size_t size = strlen(out);
  bool first = strchr(out, '?') == NULL;
  assert_int_equal(gcn__percent_encode(&text, gcn__span_str(value)), 0);
  struct gcn__span span = gcn__buf_span(&text);
  int more = snprintf(out + size, STREAM_TARGET_SIZE - size, "%s%s=%.*s",
                      first ? "?" : "&", name, (int)span.size, span.data);
  assert_true(more > 0 && (size_t)more < STREAM_TARGET_SIZE - size);
  gcn__buf_deinit(&text);
}

unsigned stream_open(struct sim_link* link, const char* token,
                     const char* subscriptions, const char* more) {
  char target[STREAM_TARGET_SIZE] = STREAM_PATH;
  stream_add_param(target, "access_token", token);
  stream_add_param(target, "subscriptions", subscriptions);
  size_t size = strlen(target);
  snprintf(target + size, sizeof target - size, "%s", more);
  return sim_upgrade_at(link, target, NULL);
}

static void copy(char* out, size_t size, struct gcn__span text) {
  snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : text.data);
}

static void add_event(struct stream_batch* batch,
                      const struct gcn__json* event) {
  uint64_t sequence = 0;
  assert_true(
      gcn__sim_stream_sequence(gcn__json_member(event, "id"), &sequence));
  assert_true(batch->count < STREAM_EVENTS_MAX);
  batch->sequences[batch->count++] = sequence;
}

static void read_batch(struct stream_batch* batch,
                       const struct gcn__json* json) {
  static const char* const keys[] = {"events", "batch", "data"};
  const struct gcn__json* events = json;
  copy(batch->last, sizeof batch->last, gcn__json_member(json, "lastEventId"));
  copy(batch->timestamp, sizeof batch->timestamp,
       gcn__json_member(json, "timestamp"));
  const struct gcn__json* resumed = gcn__json_get(json, "resumed");
  batch->resumed = resumed == NULL ? "" : "false";
  if (gcn__json_true(resumed)) batch->resumed = "true";
  for (size_t i = 0; i < 3 && !gcn__json_is_array(events); i++) {
    events = gcn__json_get(json, keys[i]);
  }
  if (!gcn__json_is_array(events)) {
    add_event(batch, json);
    return;
  }
  for (size_t i = 0; i < gcn__json_count(events); i++) {
    add_event(batch, gcn__json_at(events, i));
  }
}

bool stream_next(struct sim_link* link, struct stream_batch* batch) {
  struct gcn__ws_message message;
  do {
    if (!sim_next(link, &message)) return false;
  } while (message.opcode == GCN__WS_PING);
  if (message.opcode != GCN__WS_TEXT) return false;
  memset(batch, 0, sizeof *batch);
  struct gcn__span text = gcn__span(message.data, message.size);
  struct gcn__json* json = gcn__json_parse(text, NULL);
  assert_non_null(json);
  batch->size = text.size;
  copy(batch->text, sizeof batch->text, text);
  read_batch(batch, json);
  gcn__json_free(json, false);
  return true;
}

size_t stream_count(struct sim_link* link, struct stream_batch* batch) {
  static struct stream_batch next;
  size_t count = 0;
  while (stream_next(link, &next)) {
    count += next.count;
    *batch = next;
  }
  return count;
}

uint64_t stream_emit(struct sim_world* world, size_t count) {
  uint64_t sequence = 0;
  for (size_t i = 0; i < count; i++) {
    sequence = gcn__sim_stream_emit(world->sim, "routing.queueEvents", "q",
                                    NULL, GCN__SPAN(""), world->now_ms);
  }
  sim_world_pump(world);
  return sequence;
}
