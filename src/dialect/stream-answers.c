/* SPDX-License-Identifier: MIT */
/*
 * What is taken from answers and messages of the stream dialect: errors for
 * the user's eyes, the pre-flight's verdicts, tickets and ids.
 *
 * It decides nothing.  No word that could be a secret gets into a text: what is
 * long, or looks like a parameter, or follows the name of a secret is left out.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "dialect/stream-parts.h"
#include "dialect/subscription.h"

enum { WORD_SIZE_MAX = 40 };

struct gcn__span gcn__stream_error_at(const struct gcn__json* errors,
                                      size_t index) {
  static const char* const members[] = {"message", "reason", "detail", "error",
                                        "code"};
  const struct gcn__json* error = gcn__json_at(errors, index);
  struct gcn__span text = gcn__json_string(error);
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (text.size > 0) break;
    text = gcn__json_member(error, members[i]);
  }
  return text;
}

/* A text in the making, always ended by a NUL. */
struct line {
  char* text;
  size_t size; /* with the NUL */
  size_t used;
};

static void put(struct line* line, struct gcn__span text) {
  for (size_t i = 0; i < text.size && line->used + 1 < line->size; i++) {
    char c = text.data[i];
    line->text[line->used++] = c >= ' ' && c <= '~' ? c : '.';
  }
  if (line->size > 0) line->text[line->used] = '\0';
}

/* The next word; false at the end.  White space and control bytes part them. */
static bool take_word(struct gcn__span* text, struct gcn__span* word) {
  while (text->size > 0 && (unsigned char)text->data[0] <= ' ')
    *text = gcn__span_skip(*text, 1);
  size_t size = 0;
  while (size < text->size && (unsigned char)text->data[size] > ' ')
    size++;
  if (size == 0) return false;
  *word = gcn__span(text->data, size);
  *text = gcn__span_skip(*text, size);
  return true;
}

static bool holds(struct gcn__span text, const char* part) {
  size_t size = strlen(part);
  for (size_t at = 0; at + size <= text.size; at++) {
    if (gcn__span_iis(gcn__span(text.data + at, size), part)) return true;
  }
  return false;
}

static bool names_secret(struct gcn__span word) {
  static const char* const names[] = {"token", "secret", "password", "bearer",
                                      "authorization"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (holds(word, names[i])) return true;
  }
  return false;
}

/* `announced`: the word before said that a secret follows. */
static bool is_doubtful(struct gcn__span word, bool announced) {
  if (announced || word.size > WORD_SIZE_MAX) return true;
  for (size_t i = 0; i < word.size; i++) {
    if (strchr("?=%", word.data[i]) != NULL) return true;
  }
  /* "token:abc" */
  bool inside = memchr(word.data, ':', word.size - 1) != NULL;
  return inside && names_secret(word);
}

/* "token: abc", "Bearer abc" */
static bool announces_secret(struct gcn__span word) {
  if (gcn__span_iis(word, "bearer")) return true;
  return word.data[word.size - 1] == ':' && names_secret(word);
}

/* Appends what of an error a user may see, behind those before it. */
static void put_error(struct line* line, struct gcn__span text) {
  struct gcn__span word;
  bool announced = false;
  bool first = true;
  while (take_word(&text, &word)) {
    bool doubtful = is_doubtful(word, announced);
    announced = announces_secret(word);
    if (first && line->used > 0) put(line, GCN__SPAN("; "));
    if (!first) put(line, GCN__SPAN(" "));
    put(line, doubtful ? GCN__SPAN("...") : word);
    first = false;
  }
}

static struct line begin_line(char* text, size_t size) {
  struct line line = {text, size, 0};
  put(&line, GCN__SPAN(""));
  return line;
}

static void put_errors(struct line* line, const struct gcn__json* errors) {
  for (size_t i = 0; i < gcn__json_count(errors); i++) {
    if (line->used + 1 >= line->size) return;
    put_error(line, gcn__stream_error_at(errors, i));
  }
}

void gcn__stream_errors(const struct gcn__json* body, char* text, size_t size) {
  struct line line = begin_line(text, size);
  put_errors(&line, gcn__json_get(body, "errors"));
  if (line.used == 0) put_error(&line, gcn__json_member(body, "message"));
}

void gcn__stream_message_errors(const struct gcn__batch* batch, char* text,
                                size_t size) {
  struct line line = begin_line(text, size);
  struct gcn__json* errors = gcn__json_parse(batch->errors, NULL);
  put_errors(&line, errors);
  gcn__json_free(errors, true);
  if (line.used == 0) put_error(&line, batch->error_message);
}

static const struct gcn__json* list_of(const struct gcn__json* body) {
  if (gcn__json_is_array(body)) return body;
  const struct gcn__json* list = gcn__json_get(body, "subscriptions");
  return list != NULL ? list : gcn__json_get(body, "entities");
}

/* Of two names for one thing. */
static struct gcn__span either(const struct gcn__json* object, const char* name,
                               const char* other) {
  struct gcn__span value = gcn__json_member(object, name);
  return value.size > 0 ? value : gcn__json_member(object, other);
}

int gcn__preflight_count(const struct gcn__json* body) {
  const struct gcn__json* list = list_of(body);
  return gcn__json_is_array(list) ? (int)gcn__json_count(list) : GCN_EPROTO;
}

/* An entry without a status is one of a list of what is active, unless it
 * comes with a reason. */
static bool is_active(struct gcn__span status, struct gcn__span reason) {
  static const char* const good[] = {"active", "valid", "ok", "permitted"};
  if (status.size == 0) return reason.size == 0;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    if (gcn__span_iis(status, good[i])) return true;
  }
  return false;
}

bool gcn__preflight_read(const struct gcn__json* body, size_t index,
                         struct gcn__preflight_entry* entry) {
  const struct gcn__json* item = gcn__json_at(list_of(body), index);
  entry->event = either(item, "event", "topic");
  if (entry->event.size == 0) return false;
  entry->resource = gcn__json_member(item, "resourceId");
  if (entry->resource.size == 0) entry->resource = (struct gcn__span){NULL, 0};
  entry->reason = either(item, "reason", "rejectionReason");
  entry->active = is_active(either(item, "status", "state"), entry->reason);
  return true;
}

bool gcn__preflight_covers(const struct gcn__preflight_entry* entry,
                           struct gcn__span text) {
  struct gcn__subscription parts = gcn__subscription_parse(text);
  return gcn__subscription_part_is(parts.event, entry->event) &&
         gcn__subscription_part_is(parts.resource, entry->resource);
}

int gcn__stream_read_ticket(const struct gcn__json* body,
                            struct gcn__span* ticket, double* life_s,
                            const char** why) {
  *life_s = 0;
  *ticket = either(body, "accessToken", "access_token");
  if (ticket->size == 0) *ticket = gcn__json_member(body, "token");
  if (ticket->size == 0) {
    *why = "the answer holds no subscription token";
    return GCN_EPROTO;
  }
  double number = 0;
  if (gcn__json_number(gcn__json_get(body, "expiresIn"), &number) ||
      gcn__json_number(gcn__json_get(body, "expires_in"), &number)) {
    *life_s = number;
  }
  return 0;
}

struct gcn__span gcn__stream_read_subscription(const struct gcn__json* body) {
  struct gcn__span id = either(body, "subscriptionId", "id");
  return id.size > 0 ? id : (struct gcn__span){NULL, 0};
}
