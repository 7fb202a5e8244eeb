/* SPDX-License-Identifier: MIT */
/*
 * Texts scanned for batches; see batch-case.h.
 */
#include "batch-case.h"

#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct batch_scanned batch_scan(struct gcn__span text,
                                enum gcn__scrutiny scrutiny) {
  struct batch_scanned scanned = {.size = text.size, .offset = SIZE_MAX};
  scanned.text = malloc(text.size > 0 ? text.size : 1);
  assert_non_null(scanned.text);
  if (text.size > 0) memcpy(scanned.text, text.data, text.size);
  scanned.error = gcn__batch_scan(scanned.text, text.size, scrutiny,
                                  &scanned.batch, &scanned.offset);
  struct gcn__batch_event event;
  if (scanned.error != 0) {
    assert_int_equal(scanned.error, GCN_EPROTO);
    if (text.size > 0) assert_memory_equal(scanned.text, text.data, text.size);
    assert_false(gcn__batch_next(&scanned.batch, &event));
    return scanned;
  }
  assert_in_range(scanned.batch.count, 0, BATCH_EVENTS_MAX);
  for (size_t i = 0; i < scanned.batch.count; i++)
    assert_true(gcn__batch_next(&scanned.batch, &scanned.events[i]));
  assert_false(gcn__batch_next(&scanned.batch, &event));
  return scanned;
}

struct batch_scanned batch_scan_strictly(const char* text) {
  return batch_scan(gcn__span_str(text), GCN__SCRUTINY_STRICT);
}

struct gcn__span batch_text(const struct batch_scanned* scanned, size_t text) {
  const struct gcn__batch_event* event = &scanned->events[0];
  const struct gcn__span texts[] = {event->id,
                                    event->name,
                                    event->type,
                                    event->resource_id,
                                    event->timestamp,
                                    event->correlation_id,
                                    event->version,
                                    scanned->batch.last_event_id,
                                    scanned->batch.timestamp};
  return texts[text];
}

const struct batch_member batch_members[BATCH_MEMBER_COUNT] = {
    {"[{\"id\":%s}]", 0, true},
    {"[{\"eventId\":%s}]", 0, true},
    {"[{\"eventId\":\"x\",\"id\":%s}]", 0, true},
    {"[{\"event\":%s}]", 1, false},
    {"[{\"topicName\":%s}]", 1, false},
    {"[{\"topic\":%s}]", 1, false},
    {"[{\"topic\":\"x\",\"topicName\":\"y\",\"event\":%s}]", 1, false},
    {"[{\"topic\":\"x\",\"topicName\":%s}]", 1, false},
    {"[{\"eventType\":%s}]", 2, false},
    {"[{\"resourceId\":%s}]", 3, true},
    {"[{\"timestamp\":%s}]", 4, true},
    {"[{\"eventTime\":%s}]", 4, true},
    {"[{\"eventTime\":\"x\",\"timestamp\":%s}]", 4, true},
    {"[{\"correlationId\":%s}]", 5, true},
    {"[{\"metadata\":{\"CorrelationId\":%s}}]", 5, true},
    {"[{\"correlationId\":\"x\",\"metadata\":{\"CorrelationId\":%s}}]", 5,
     true},
    {"[{\"version\":%s}]", 6, true},
    {"{\"events\":[{\"id\":%s}]}", 0, true},
    {"{\"lastEventId\":%s}", 7, true},
    {"{\"timestamp\":%s}", 8, true},
    {"{\"timestamp\":%s,\"event\":\"e\"}", 8, true},
    {"{\"timestamp\":%s,\"event\":\"e\"}", 4, true},
    {"{\"id\":%s,\"event\":\"e\"}", 0, true},
    {"{\"metadata\":{\"CorrelationId\":%s},\"event\":\"e\"}", 5, true},
};

struct batch_scanned batch_scan_framed(const char* frame, const char* value) {
  char text[512];
  const char* hole = strstr(frame, "%s");
  snprintf(text, sizeof text, "%.*s%s%s", (int)(hole - frame), frame, value,
           hole + 2);
  return batch_scan_strictly(text);
}
