/* SPDX-License-Identifier: MIT */
/*
 * A report is packed twice by the same code: first to learn how much room it
 * takes, then into a block of that size.
 */
#include "node/report.h"

#include "base/mem.h"

#include <string.h>

struct packer {
  char* base; /* NULL: measuring */
  size_t size;
};

/* A copy, NUL-terminated in case it is a text; NULL of NULL. */
static void* pack(struct packer* packer, const void* data, size_t size) {
  const size_t step = sizeof(max_align_t);
  if (data == NULL) return NULL;
  size_t place = packer->size;
  packer->size += (size + step) / step * step;
  if (packer->base == NULL) return NULL;
  char* copy = packer->base + place;
  memcpy(copy, data, size);
  copy[size] = '\0';
  return copy;
}

static const char* pack_str(struct packer* packer, const char* text) {
  return pack(packer, text, text == NULL ? 0 : strlen(text));
}

static gcn_span_t pack_span(struct packer* packer, gcn_span_t span) {
  return (gcn_span_t){pack(packer, span.data, span.size), span.size};
}

static const gcn_failure_t* pack_failure(struct packer* packer,
                                         const gcn_failure_t* from) {
  if (from == NULL) return NULL;
  gcn_failure_t* to = pack(packer, from, sizeof *from);
  const char* correlation_id = pack_str(packer, from->correlation_id);
  const char* text = pack_str(packer, from->text);
  if (to == NULL) return NULL;
  to->correlation_id = correlation_id;
  to->text = text;
  return to;
}

static gcn_event_t pack_event(struct packer* packer, gcn_event_t event) {
  event.topic = pack_span(packer, event.topic);
  event.body = pack_span(packer, event.body);
  event.correlation_id = pack_span(packer, event.correlation_id);
  event.version = pack_span(packer, event.version);
  event.id = pack_span(packer, event.id);
  event.resource_id = pack_span(packer, event.resource_id);
  event.type = pack_span(packer, event.type);
  event.timestamp = pack_span(packer, event.timestamp);
  event.message.data = NULL;
  event.client = NULL;
  return event;
}

static const gcn_event_t* pack_events(struct packer* packer,
                                      const gcn_event_t* from, size_t count) {
  gcn_event_t* to = pack(packer, from, count * sizeof *from);
  for (size_t i = 0; i < count; i++) {
    gcn_event_t copy = pack_event(packer, from[i]);
    if (to != NULL) to[i] = copy;
  }
  return to;
}

static const gcn_span_t* pack_spans(struct packer* packer,
                                    const gcn_span_t* from, size_t count) {
  if (from == NULL) return NULL;
  gcn_span_t* to = pack(packer, from, count * sizeof *from);
  for (size_t i = 0; i < count; i++) {
    gcn_span_t copy = pack_span(packer, from[i]);
    if (to != NULL) to[i] = copy;
  }
  return to;
}

static struct gcn__report pack_report(struct packer* packer,
                                      struct gcn__report report) {
  switch (report.kind) {
  case GCN__REPORT_EVENTS:
    report.as.events.list =
        pack_events(packer, report.as.events.list, report.as.events.count);
    break;
  case GCN__REPORT_STATE:
    report.as.state.reason = pack_str(packer, report.as.state.reason);
    report.as.state.failure = pack_failure(packer, report.as.state.failure);
    break;
  case GCN__REPORT_TOPIC:
    report.as.topic.topic = pack_span(packer, report.as.topic.topic);
    report.as.topic.reason = pack_span(packer, report.as.topic.reason);
    report.as.topic.missing_permissions =
        pack_span(packer, report.as.topic.missing_permissions);
    break;
  case GCN__REPORT_GAP:
    report.as.gap.cause = pack_str(packer, report.as.gap.cause);
    report.as.gap.topics =
        pack_spans(packer, report.as.gap.topics, report.as.gap.topic_count);
    break;
  case GCN__REPORT_ROTATION:
    report.as.rotation.cause = pack_str(packer, report.as.rotation.cause);
    break;
  case GCN__REPORT_NOTICE:
    report.as.notice.topic = pack_span(packer, report.as.notice.topic);
    report.as.notice.body = pack_span(packer, report.as.notice.body);
    break;
  case GCN__REPORT_LOG:
    report.as.log.line = pack_str(packer, report.as.log.line);
    break;
  case GCN__REPORT_REFRESH:
    report.as.refresh_token = pack_str(packer, report.as.refresh_token);
    break;
  case GCN__REPORT_CHECKPOINT:
    report.as.checkpoint = pack_failure(packer, report.as.checkpoint);
    break;
  case GCN__REPORT_SAVE:
    report.as.save.bytes = pack_span(packer, report.as.save.bytes);
    report.as.save.sequences =
        pack(packer, report.as.save.sequences,
             report.as.save.sequence_count * sizeof(uint64_t));
    break;
  case GCN__REPORT_HEARTBEAT:
  case GCN__REPORT_CREDENTIALS:
  case GCN__REPORT_TOKEN:
  case GCN__REPORT_DURABLE:
  case GCN__REPORT_LOAD:
  case GCN__REPORT_STORE_CLOSE:
  case GCN__REPORT_CLOSE: break;
  }
  return report;
}

struct gcn__parcel* gcn__parcel_new(struct gcn__jsclient* client,
                                    const struct gcn__report* report) {
  struct packer packer = {NULL, 0};
  pack_report(&packer, *report);
  const size_t step = sizeof(max_align_t);
  size_t head = (sizeof(struct gcn__parcel) + step - 1) / step * step;
  size_t size = head + packer.size;
  struct gcn__parcel* parcel = gcn__alloc(&gcn__mem_libc, size);
  if (parcel == NULL) return NULL;
  packer = (struct packer){(char*)parcel + head, 0};
  *parcel = (struct gcn__parcel){
      .client = client, .report = pack_report(&packer, *report), .size = size};
  parcel->weight.bytes = size;
  parcel->weight.events =
      report->kind == GCN__REPORT_EVENTS ? report->as.events.count : 1;
  return parcel;
}

/* Notices name the channel, and who knows its id may listen. */
static bool is_secret(enum gcn__report_kind kind) {
  return kind == GCN__REPORT_REFRESH || kind == GCN__REPORT_SAVE ||
         kind == GCN__REPORT_NOTICE;
}

void gcn__parcels_append(struct gcn__parcels* parcels,
                         struct gcn__parcel* parcel) {
  parcel->next = NULL;
  if (parcels->first == NULL) {
    parcels->first = parcel;
  } else {
    parcels->last->next = parcel;
  }
  parcels->last = parcel;
}

struct gcn__parcel* gcn__parcels_take(struct gcn__parcels* parcels) {
  struct gcn__parcel* parcel = parcels->first;
  if (parcel != NULL) parcels->first = parcel->next;
  return parcel;
}

void gcn__parcel_free(struct gcn__parcel* parcel) {
  size_t size = parcel->size;
  if (size == 0) return;
  if (is_secret(parcel->report.kind)) gcn__wipe(parcel, size);
  gcn__free(&gcn__mem_libc, parcel, size);
}
