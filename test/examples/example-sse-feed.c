/* SPDX-License-Identifier: MIT */
/*
 * Server-Sent Events (WHATWG HTML §9.2): "id:", "event:" and one "data:" line
 * of JSON each.
 *
 * The service's JSON goes out as it came, but for line ends: in JSON they can
 * only be white space, and in a "data:" line they would end it.
 */
#include "example-sse-feed.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A gap that concerns more topics names none of them. */
enum { GAP_TOPIC_COUNT_MAX = 100 };

/* A message in the making.  An error sticks: only the end asks for it. */
struct draft {
  struct message* message;
  size_t capacity;
  bool failed;
};

struct message* message_new(size_t size) {
  struct message* message = malloc(sizeof *message + size);
  if (message == NULL) return NULL;
  message->users = 1;
  message->size = size;
  return message;
}

struct message* message_retain(struct message* message) {
  message->users++;
  return message;
}

void message_release(struct message* message) {
  if (message != NULL && --message->users == 0) free(message);
}

static bool make_room(struct draft* draft, size_t size) {
  size_t used = draft->message == NULL ? 0 : draft->message->size;
  if (draft->failed) return false;
  if (draft->capacity - used >= size) return true;
  size_t capacity = 2 * (used + size);
  struct message* message = realloc(draft->message, sizeof *message + capacity);
  if (message == NULL) {
    draft->failed = true;
    return false;
  }
  if (draft->message == NULL) *message = (struct message){.users = 1};
  draft->message = message;
  draft->capacity = capacity;
  return true;
}

static void add(struct draft* draft, const char* bytes, size_t size) {
  if (size == 0 || !make_room(draft, size)) return;
  memcpy(draft->message->bytes + draft->message->size, bytes, size);
  draft->message->size += size;
}

static void add_text(struct draft* draft, const char* text) {
  add(draft, text, strlen(text));
}

/* For numbers: what is longer than the buffer is no number. */
__attribute__((format(printf, 2, 3))) static void
add_format(struct draft* draft, const char* format, ...) {
  char text[128];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (size > 0 && (size_t)size < sizeof text) add(draft, text, (size_t)size);
}

/* A JSON string. */
static void add_string(struct draft* draft, const char* text, size_t size) {
  add_text(draft, "\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      add_format(draft, "\\u%04x", (unsigned)byte);
    } else {
      add(draft, &text[i], 1);
    }
  }
  add_text(draft, "\"");
}

/* A member of an object behind others, if there is a value. */
static void add_member(struct draft* draft, const char* name,
                       gcn_span_t value) {
  if (value.data == NULL) return;
  add_text(draft, ",\"");
  add_text(draft, name);
  add_text(draft, "\":");
  add_string(draft, value.data, value.size);
}

static gcn_span_t span(const char* text) {
  return (gcn_span_t){.data = text, .size = strlen(text)};
}

/* JSON as it came, on one line. */
static void add_json(struct draft* draft, gcn_span_t json) {
  if (json.data == NULL || json.size == 0) {
    add_text(draft, "null");
    return;
  }
  add(draft, json.data, json.size);
  if (draft->failed) return;
  char* copy = draft->message->bytes + draft->message->size - json.size;
  for (size_t i = 0; i < json.size; i++) {
    if ((unsigned char)copy[i] < 0x20) copy[i] = ' ';
  }
}

static void add_id(struct draft* draft, const struct feed* feed,
                   uint64_t number) {
  add_format(draft, "id: %016" PRIx64 "-%" PRIu64 "\n", feed->run, number);
}

static struct message* end(struct draft* draft) {
  add_text(draft, "\n\n");
  if (!draft->failed) return draft->message;
  free(draft->message);
  return NULL;
}

bool feed_init(struct feed* feed, uint64_t run, size_t count_max,
               size_t size_max) {
  *feed =
      (struct feed){.run = run, .count_max = count_max, .size_max = size_max};
  feed->ring = calloc(count_max, sizeof *feed->ring);
  return feed->ring != NULL;
}

struct message* feed_at(const struct feed* feed, uint64_t number) {
  return feed->ring[number % feed->count_max];
}

static void drop_oldest(struct feed* feed) {
  struct message* oldest = feed_at(feed, feed->newest - feed->count + 1);
  feed->size -= oldest->size;
  feed->count--;
  message_release(oldest);
}

static void empty(struct feed* feed) {
  while (feed->count > 0)
    drop_oldest(feed);
}

void feed_deinit(struct feed* feed) {
  empty(feed);
  message_release(feed->state);
  free(feed->ring);
}

/* Gives the message the number that it was made with, also if it is too large
 * for the ring, or NULL. */
static struct message* keep(struct feed* feed, struct message* message) {
  bool fits = message != NULL && message->size <= feed->size_max;
  if (!fits) empty(feed);
  while (fits && feed->count > 0 &&
         (feed->count == feed->count_max ||
          feed->size_max - feed->size < message->size)) {
    drop_oldest(feed);
  }
  feed->newest++;
  if (!fits) return message;
  feed->ring[feed->newest % feed->count_max] = message_retain(message);
  feed->count++;
  feed->size += message->size;
  return message;
}

struct message* feed_notify(struct feed* feed, const gcn_event_t* event) {
  struct draft draft = {0};
  add_id(&draft, feed, feed->newest + 1);
  add_text(&draft, "event: notify\ndata: {\"topic\":");
  add_string(&draft, event->topic.data, event->topic.size);
  add_format(&draft, ",\"sequence\":%" PRIu64 ",\"received\":%" PRId64,
             event->sequence, event->received_unix_ms);
  add_member(&draft, "correlationId", event->correlation_id);
  add_member(&draft, "id", event->id);
  add_text(&draft, ",\"body\":");
  add_json(&draft, event->body);
  add_text(&draft, "}");
  return keep(feed, end(&draft));
}

static const char* certainty_name(gcn_certainty_t certainty) {
  switch (certainty) {
  case GCN_CERTAINTY_BLIND: return "blind";
  case GCN_CERTAINTY_DROPPED: return "dropped";
  case GCN_CERTAINTY_POSSIBLE: return "possible";
  }
  return "possible";
}

static void add_topics(struct draft* draft, const gcn_gap_t* gap) {
  if (gap->topics == NULL || gap->topic_count > GAP_TOPIC_COUNT_MAX) {
    add_text(draft, ",\"topics\":null");
    return;
  }
  add_text(draft, ",\"topics\":[");
  for (size_t i = 0; i < gap->topic_count; i++) {
    if (i > 0) add_text(draft, ",");
    add_string(draft, gap->topics[i].data, gap->topics[i].size);
  }
  add_text(draft, "]");
}

struct message* feed_gap(struct feed* feed, const gcn_gap_t* gap) {
  struct draft draft = {0};
  add_id(&draft, feed, feed->newest + 1);
  add_text(&draft, "event: gap\ndata: {");
  add_format(&draft, "\"from\":%" PRId64 ",\"to\":%" PRId64, gap->from_unix_ms,
             gap->to_unix_ms);
  add_member(&draft, "cause", span(gap->cause));
  add_member(&draft, "certainty", span(certainty_name(gap->certainty)));
  add_topics(&draft, gap);
  add_text(&draft, "}");
  return keep(feed, end(&draft));
}

struct message* feed_state(struct feed* feed, gcn_state_t state,
                           const gcn_transition_t* change) {
  struct draft draft = {0};
  add_text(&draft, "event: state\ndata: {");
  add_format(&draft, "\"retryIn\":%" PRIu64,
             change == NULL ? 0 : change->retry_in);
  add_member(&draft, "state", span(gcn_state_name(state)));
  if (change != NULL) add_member(&draft, "reason", span(change->reason));
  if (change != NULL && change->failure != NULL)
    add_member(&draft, "failure", span(change->failure->text));
  add_text(&draft, "}");
  struct message* message = end(&draft);
  message_release(feed->state);
  feed->state = message == NULL ? NULL : message_retain(message);
  return message;
}

struct message* feed_hello(const struct feed* feed, uint64_t retry_ms,
                           bool came_back) {
  struct draft draft = {0};
  if (!came_back) add_id(&draft, feed, feed->newest);
  add_format(&draft, "retry: %" PRIu64, retry_ms);
  return end(&draft);
}

struct message* feed_reset(const struct feed* feed) {
  struct draft draft = {0};
  add_id(&draft, feed, feed->newest);
  add_text(&draft, "event: reset\ndata: {\"reason\":"
                   "\"events since your last one are not kept here\"}");
  return end(&draft);
}

/* Only what add_id wrote is an id: nothing before, between or behind. */
uint64_t feed_after(const struct feed* feed, const char* id) {
  char canonical[64];
  const char* dash = strchr(id, '-');
  if (dash == NULL) return 0;
  uint64_t number = strtoull(dash + 1, NULL, 10);
  snprintf(canonical, sizeof canonical, "%016" PRIx64 "-%" PRIu64, feed->run,
           number);
  if (strcmp(id, canonical) != 0 || number > feed->newest) return 0;
  bool whole = number >= feed->newest - feed->count;
  return whole ? number + 1 : 0;
}
