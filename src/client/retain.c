/* SPDX-License-Identifier: MIT */
/*
 * See retain.h.
 *
 * What tells a copy from an event in its callback's hands is the place of its
 * bytes: a copy's message begins right behind its record, and nobody else's
 * does (what a batch is collected in begins with bytes of no event).
 */
#include "client/retain.h"

#include "base/assert.h"
#include "client/client.h"
#include "client/delivery-parts.h"

/* The spans besides the message. */
static const size_t places[] = {
    offsetof(gcn_event_t, topic),
    offsetof(gcn_event_t, body),
    offsetof(gcn_event_t, correlation_id),
    offsetof(gcn_event_t, version),
    offsetof(gcn_event_t, id),
    offsetof(gcn_event_t, resource_id),
    offsetof(gcn_event_t, type),
    offsetof(gcn_event_t, timestamp),
};

enum { SPAN_COUNT = sizeof places / sizeof places[0] };

static gcn_span_t* span_at(gcn_event_t* event, int index) {
  return (gcn_span_t*)(void*)((char*)event + places[index]);
}

static gcn_span_t span_of(const gcn_event_t* event, int index) {
  return *(const gcn_span_t*)(const void*)((const char*)event + places[index]);
}

static bool inside(gcn_span_t whole, gcn_span_t part) {
  uintptr_t begin = (uintptr_t)whole.data;
  uintptr_t at = (uintptr_t)part.data;
  return whole.data != NULL && at >= begin && at - begin <= whole.size &&
         part.size <= whole.size - (at - begin);
}

size_t gcn__event_size(const gcn_event_t* event) {
  size_t size = event->message.size;
  for (int i = 0; i < SPAN_COUNT; i++) {
    gcn_span_t span = span_of(event, i);
    if (span.data != NULL && !inside(event->message, span)) size += span.size;
  }
  return size;
}

static char* put(char* at, gcn_span_t* span) {
  if (span->size > 0) memcpy(at, span->data, span->size);
  span->data = at;
  return at + span->size;
}

void gcn__event_copy(gcn_event_t* to, const gcn_event_t* from, char* bytes) {
  *to = *from;
  char* at = put(bytes, &to->message);
  for (int i = 0; i < SPAN_COUNT; i++) {
    gcn_span_t* span = span_at(to, i);
    if (span->data == NULL) continue;
    if (inside(from->message, *span)) {
      span->data = bytes + (span->data - from->message.data);
    } else {
      at = put(at, span);
    }
  }
}

void gcn__event_move(gcn_event_t* event, const char* old_bytes, char* bytes) {
  event->message.data = bytes + (event->message.data - old_bytes);
  for (int i = 0; i < SPAN_COUNT; i++) {
    gcn_span_t* span = span_at(event, i);
    if (span->data == NULL) continue;
    span->data = bytes + (span->data - old_bytes);
  }
}

struct gcn__copy* gcn__copy_new(const struct gcn__mem* mem,
                                struct gcn__list* copies,
                                const gcn_event_t* event) {
  size_t size = sizeof(struct gcn__copy) + gcn__event_size(event);
  struct gcn__copy* copy = gcn__alloc(mem, size);
  if (copy == NULL) return NULL;
  copy->mem = *mem;
  copy->size = size;
  copy->references = 1;
  gcn__list_append(copies, &copy->link);
  gcn__event_copy(&copy->event, event, (char*)(&copy->event + 1));
  return copy;
}

_Static_assert(offsetof(struct gcn__copy, event) + sizeof(gcn_event_t) ==
                   sizeof(struct gcn__copy),
               "the bytes begin right behind the record");

struct gcn__copy* gcn__copy_of(const gcn_event_t* event) {
  if (event->message.data != (const char*)(event + 1)) return NULL;
  const char* at = (const char*)event - offsetof(struct gcn__copy, event);
  return (struct gcn__copy*)(uintptr_t)at;
}

void gcn__copy_release(struct gcn__copy* copy) {
  GCN__ASSERT(copy->references > 0);
  if (--copy->references > 0) return;
  const struct gcn__mem mem = copy->mem;
  gcn__list_remove(&copy->link);
  gcn__free(&mem, copy, copy->size);
}

void gcn__copies_orphan(struct gcn__list* copies) {
  while (!gcn__list_empty(copies)) {
    struct gcn__copy* copy =
        GCN__CONTAINER_OF(copies->next, struct gcn__copy, link);
    copy->event.client = NULL;
    gcn__list_remove(&copy->link);
  }
}

const gcn_event_t* gcn_event_retain(const gcn_event_t* event) {
  if (event == NULL) return NULL;
  struct gcn__copy* copy = gcn__copy_of(event);
  if (copy != NULL) {
    copy->references++;
    return event;
  }
  struct gcn_client_s* client = event->client;
  if (client == NULL || client->pid != getpid()) return NULL;
  copy = gcn__copy_new(&client->mem, &client->delivery->copies, event);
  return copy == NULL ? NULL : &copy->event;
}

void gcn_event_release(const gcn_event_t* event) {
  struct gcn__copy* copy = event == NULL ? NULL : gcn__copy_of(event);
  if (copy != NULL) gcn__copy_release(copy);
}
