/* SPDX-License-Identifier: MIT */
/*
 * The batch scanner: a loop over the members of the message, in it one over
 * events, their members and those of their metadata.
 *
 * It does not know what an event means or what is inside a body.  Whether an
 * array is the batch's may show behind it, so what is wrong with its elements
 * is kept until that is known.  Invariants: gcn__batch_scan does not touch the
 * text before all of it was found good; gcn__batch_next never looks at a string
 * again that was decoded.
 */
#include "codec/batch.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/batch-keys.h"
#include "codec/lex.h"

/* What is picked from the slots as text. */
enum text {
  TEXT_ID,
  TEXT_NAME,
  TEXT_RESOURCE_ID,
  TEXT_TYPE,
  TEXT_TIMESTAMP,
  TEXT_CORRELATION_ID,
  TEXT_VERSION,
  /* Of the message only. */
  TEXT_LAST_EVENT_ID,
  TEXT_BATCH_TIMESTAMP,
  TEXT_MESSAGE,
  TEXT_CODE,
};

static const struct range {
  enum slot first;
  enum slot last;
} ranges[] = {
    [TEXT_ID] = {SLOT_ID, SLOT_EVENT_ID},
    [TEXT_NAME] = {SLOT_EVENT, SLOT_TOPIC},
    [TEXT_RESOURCE_ID] = {SLOT_RESOURCE_ID, SLOT_RESOURCE_ID},
    [TEXT_TYPE] = {SLOT_EVENT_TYPE, SLOT_EVENT_TYPE},
    [TEXT_TIMESTAMP] = {SLOT_TIMESTAMP, SLOT_EVENT_TIME},
    [TEXT_CORRELATION_ID] = {SLOT_METADATA_CORRELATION_ID, SLOT_CORRELATION_ID},
    [TEXT_VERSION] = {SLOT_VERSION, SLOT_VERSION},
    [TEXT_LAST_EVENT_ID] = {SLOT_LAST_EVENT_ID, SLOT_LAST_EVENT_ID},
    [TEXT_BATCH_TIMESTAMP] = {SLOT_TIMESTAMP, SLOT_TIMESTAMP},
    [TEXT_MESSAGE] = {SLOT_MESSAGE, SLOT_MESSAGE},
    [TEXT_CODE] = {SLOT_CODE, SLOT_STATUS},
};

struct value {
  struct gcn__span text; /* as it stands, a string with its quotes */
  bool escaped;
};

struct members {
  uint32_t seen; /* bit per slot; the values of others are not set */
  bool escaped;  /* one of the values is */
  struct value values[SLOT_NONE];
};

/* What may be the array of events. */
struct array {
  const char* begin; /* NULL: there is none */
  const char* fault; /* what is no event, or not a sound one; NULL: nothing */
  size_t count;
};

struct scan {
  struct gcn__lex lex;
  unsigned depth; /* of containers that are open */
  enum gcn__scrutiny body_scrutiny;
  enum gcn__scrutiny other_scrutiny;
};

/* The message as a whole. */
struct message {
  struct members members;
  struct gcn__span object; /* absent: it is a bare array */
  struct array bare;
  struct array events;
  struct array batch;
  struct array data;
};

/* How far is looked ahead from within an event, whose end is not known: what is
 * behind that is looked at again for the next one. */
enum { EVENT_WINDOW_SIZE = 8 * GCN__SCAN_BLOCK_SIZE };

_Static_assert((int)GCN__BATCH_DEPTH_MAX <= (int)GCN__LEX_DEPTH_MAX,
               "the lexer can go as deep");
_Static_assert(SLOT_NONE < 32, "a bit per slot");

static bool has(const struct members* members, enum slot slot) {
  return (members->seen >> slot & 1) != 0;
}

static bool take_key(struct scan* scan, enum owner owner,
                     struct members* members, enum slot* slot) {
  struct gcn__lex_string key;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_key(&scan->lex, &key)) return false;
  *slot = slot_of_key(owner, &key);
  if (*slot == SLOT_NONE) return true;
  if (has(members, *slot)) {
    scan->lex.at = begin;
    return false;
  }
  members->seen |= UINT32_C(1) << *slot;
  return true;
}

static bool take_any(struct scan* scan, enum gcn__scrutiny scrutiny) {
  unsigned room = GCN__BATCH_DEPTH_MAX - scan->depth;
  return gcn__lex_take_value(&scan->lex, room, scrutiny);
}

static bool take_value(struct scan* scan, enum slot slot,
                       struct members* members) {
  const char* begin = scan->lex.at;
  struct gcn__lex_string string = {.escaped = false};
  if (gcn__lex_is(&scan->lex, '"')) {
    if (!gcn__lex_take_string(&scan->lex, &string)) return false;
  } else {
    bool body = slot == SLOT_DATA || slot == SLOT_EVENT_BODY;
    if (!take_any(scan, body ? scan->body_scrutiny : scan->other_scrutiny))
      return false;
  }
  if (slot == SLOT_NONE) return true;
  size_t size = (size_t)(scan->lex.at - begin);
  members->values[slot].text = gcn__span(begin, size);
  members->values[slot].escaped = string.escaped;
  members->escaped |= string.escaped;
  return true;
}

static bool open_container(struct scan* scan, char open, char close,
                           bool* more) {
  if (!gcn__lex_open(&scan->lex, open, close, more)) return false;
  scan->depth++;
  return true;
}

static bool take_metadata(struct scan* scan, struct members* members) {
  bool more;
  if (!open_container(scan, '{', '}', &more)) return false;
  while (more) {
    enum slot slot;
    if (!take_key(scan, OWNER_METADATA, members, &slot)) return false;
    if (!take_value(scan, slot, members)) return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  scan->depth--;
  return true;
}

/* A member that an event may have. */
static bool take_member(struct scan* scan, enum slot slot,
                        struct members* members) {
  if (slot == SLOT_METADATA && gcn__lex_is(&scan->lex, '{')) {
    members->values[slot].text = gcn__span(scan->lex.at, 1);
    return take_metadata(scan, members);
  }
  return take_value(scan, slot, members);
}

static bool take_event(struct scan* scan, struct members* members) {
  bool more;
  members->seen = 0;
  members->escaped = false;
  if (!open_container(scan, '{', '}', &more)) return false;
  while (more) {
    enum slot slot;
    if (!take_key(scan, OWNER_EVENT, members, &slot)) return false;
    if (!take_member(scan, slot, members)) return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  scan->depth--;
  return true;
}

static char first_of(const struct members* members, enum slot slot) {
  return has(members, slot) ? members->values[slot].text.data[0] : '\0';
}

/* There, and not null. */
static bool has_any(const struct members* members, enum slot slot) {
  char first = first_of(members, slot);
  return first != '\0' && first != 'n';
}

static bool takes_number(enum slot slot) {
  switch (slot) {
  case SLOT_EVENT:
  case SLOT_TOPIC_NAME:
  case SLOT_TOPIC:
  case SLOT_EVENT_TYPE:
  case SLOT_MESSAGE: return false;
  default: return true;
  }
}

/* Text that is not empty, or a number in its place. */
static bool has_text(const struct members* members, enum slot slot) {
  char first = first_of(members, slot);
  if (first == '"') return members->values[slot].text.size > 2;
  bool number = first == '-' || (first >= '0' && first <= '9');
  return number && takes_number(slot);
}

/* SLOT_NONE if the text is absent. */
static enum slot pick_text(const struct members* members, enum text text) {
  for (unsigned i = ranges[text].first; i <= ranges[text].last; i++) {
    enum slot slot = (enum slot)i;
    if (has_text(members, slot)) return slot;
  }
  return SLOT_NONE;
}

/* SLOT_NONE if there is no body of its own. */
static enum slot pick_body(const struct members* members) {
  if (has_any(members, SLOT_DATA)) return SLOT_DATA;
  return has_any(members, SLOT_EVENT_BODY) ? SLOT_EVENT_BODY : SLOT_NONE;
}

static struct gcn__lex_string content(const struct value* value) {
  struct gcn__span raw = gcn__span_skip(value->text, 1);
  raw.size--;
  return (struct gcn__lex_string){.raw = raw, .escaped = value->escaped};
}

/* Where a text begins that is wanted and cannot be decoded; NULL if all can. */
static const char* find_undecodable(const struct members* members,
                                    enum text first, enum text last) {
  if (!members->escaped) return NULL;
  for (unsigned i = first; i <= last; i++) {
    enum slot slot = pick_text(members, (enum text)i);
    if (slot == SLOT_NONE || !members->values[slot].escaped) continue;
    struct gcn__lex_string string = content(&members->values[slot]);
    if (!gcn__lex_decodable(&string)) return members->values[slot].text.data;
  }
  return NULL;
}

static bool take_events(struct scan* scan, struct array* array) {
  bool more;
  if (!open_container(scan, '[', ']', &more)) return false;
  while (more) {
    struct members members;
    if (!take_event(scan, &members)) return false;
    const char* bad = find_undecodable(&members, TEXT_ID, TEXT_VERSION);
    if (bad != NULL) {
      scan->lex.at = bad;
      return false;
    }
    array->count++;
    if (!gcn__lex_go_on(&scan->lex, ']', &more)) return false;
  }
  scan->depth--;
  return true;
}

/* What is no array of events may still be an array that is not the batch's. */
static bool take_array(struct scan* scan, struct array* array,
                       enum gcn__scrutiny scrutiny) {
  const struct scan begin = *scan;
  array->begin = scan->lex.at;
  if (take_events(scan, array)) return true;
  array->fault = scan->lex.at;
  *scan = begin;
  return take_any(scan, scrutiny);
}

/* NULL for a member that cannot be the batch's array. */
static struct array* array_of(struct message* message, enum slot slot) {
  switch (slot) {
  case SLOT_EVENTS: return &message->events;
  case SLOT_BATCH: return &message->batch;
  case SLOT_DATA: return &message->data;
  default: return NULL;
  }
}

static bool take_message_member(struct scan* scan, enum slot slot,
                                struct message* message) {
  struct array* array = array_of(message, slot);
  if (array == NULL || !gcn__lex_is(&scan->lex, '[')) {
    return take_member(scan, slot, &message->members);
  }
  const char* begin = scan->lex.at;
  bool body = slot == SLOT_DATA;
  if (!take_array(scan, array,
                  body ? scan->body_scrutiny : scan->other_scrutiny))
    return false;
  size_t size = (size_t)(scan->lex.at - begin);
  message->members.values[slot].text = gcn__span(begin, size);
  return true;
}

static bool take_object(struct scan* scan, struct message* message) {
  bool more;
  const char* begin = scan->lex.at;
  if (!open_container(scan, '{', '}', &more)) return false;
  while (more) {
    enum slot slot;
    if (!take_key(scan, OWNER_MESSAGE, &message->members, &slot)) return false;
    if (!take_message_member(scan, slot, message)) return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  scan->depth--;
  message->object = gcn__span(begin, (size_t)(scan->lex.at - begin));
  return true;
}

static bool take_document(struct scan* scan, struct message* message) {
  gcn__lex_skip_space(&scan->lex);
  bool ok = gcn__lex_is(&scan->lex, '[')
                ? take_array(scan, &message->bare, scan->other_scrutiny)
                : take_object(scan, message);
  if (!ok) return false;
  gcn__lex_skip_space(&scan->lex);
  return scan->lex.at == scan->lex.end;
}

static bool is_event(const struct members* members) {
  if (pick_text(members, TEXT_NAME) != SLOT_NONE) return true;
  if (has_any(members, SLOT_EVENT_BODY)) return true;
  return pick_text(members, TEXT_ID) != SLOT_NONE &&
         has_any(members, SLOT_DATA) && first_of(members, SLOT_DATA) != '[';
}

/* The batch's; NULL if there is none. */
static const struct array* find_array(const struct message* message) {
  if (message->bare.begin != NULL) return &message->bare;
  if (message->events.begin != NULL) return &message->events;
  if (message->batch.begin != NULL) return &message->batch;
  bool data = message->data.begin != NULL && !is_event(&message->members);
  return data ? &message->data : NULL;
}

/* What is wrong with a message that is sound JSON; NULL if nothing is. */
static const char* find_fault(const struct message* message,
                              const struct array* array) {
  if (array != NULL && array->fault != NULL) return array->fault;
  const struct members* members = &message->members;
  bool single = array == NULL && is_event(members);
  const char* bad = find_undecodable(members, TEXT_LAST_EVENT_ID,
                                     single ? TEXT_BATCH_TIMESTAMP : TEXT_CODE);
  if (bad != NULL || !single) return bad;
  return find_undecodable(members, TEXT_ID, TEXT_VERSION);
}

/* Decodes what is between the quotes, moves the closing one up, and fills the
 * rest with space: so it is the same JSON still, unless the text itself has
 * what needs an escape. */
static void decode(char* text, struct value* value) {
  struct gcn__lex_string string = content(value);
  char* out = text + (string.raw.data - text);
  size_t size = gcn__lex_decode(&string, out);
  out[size] = '"';
  memset(out + size + 1, ' ', string.raw.size - size);
  value->text.size = size + 2;
  value->escaped = false;
}

/* `text` is where the value may be written: the same bytes as it has. */
static struct gcn__span take_text(char* text, struct members* members,
                                  enum text which) {
  enum slot slot = pick_text(members, which);
  if (slot == SLOT_NONE) return (struct gcn__span){NULL, 0};
  struct value* value = &members->values[slot];
  if (value->text.data[0] != '"') return value->text;
  if (value->escaped) decode(text, value);
  return content(value).raw;
}

static void fill_event(char* text, struct members* members,
                       struct gcn__span whole, struct gcn__batch_event* event) {
  enum slot body = pick_body(members);
  *event = (struct gcn__batch_event){
      .id = take_text(text, members, TEXT_ID),
      .name = take_text(text, members, TEXT_NAME),
      .resource_id = take_text(text, members, TEXT_RESOURCE_ID),
      .type = take_text(text, members, TEXT_TYPE),
      .timestamp = take_text(text, members, TEXT_TIMESTAMP),
      .correlation_id = take_text(text, members, TEXT_CORRELATION_ID),
      .version = take_text(text, members, TEXT_VERSION),
      .body = body == SLOT_NONE ? whole : members->values[body].text,
      .text = whole,
  };
}

/* "errors", if it is an array that is not empty. */
static struct gcn__span errors_of(const struct members* members) {
  const struct gcn__span none = {NULL, 0};
  if (first_of(members, SLOT_ERRORS) != '[') return none;
  struct gcn__span array = members->values[SLOT_ERRORS].text;
  struct gcn__lex lex = {array.data + 1, array.data + array.size, NULL};
  gcn__lex_skip_space(&lex);
  return gcn__lex_is(&lex, ']') ? none : array;
}

static int resumed_of(const struct members* members) {
  char first = first_of(members, SLOT_RESUMED);
  if (first == 't') return 1;
  return first == 'f' ? 0 : -1;
}

static enum gcn__batch_kind name_message(const struct members* members,
                                         const struct array* array,
                                         const struct gcn__batch* batch) {
  if (batch->count > 0) return GCN__BATCH_EVENTS;
  if (batch->errors.data != NULL) return GCN__BATCH_ERROR;
  if (array != NULL) return GCN__BATCH_EVENTS;
  bool of_event = has_text(members, SLOT_RESOURCE_ID) ||
                  has_text(members, SLOT_EVENT_TYPE) ||
                  has_any(members, SLOT_DATA);
  bool complaint =
      batch->error_message.data != NULL && batch->error_code.data != NULL;
  if (complaint && !of_event) return GCN__BATCH_ERROR;
  bool alive = batch->last_event_id.data != NULL ||
               batch->timestamp.data != NULL || batch->resumed >= 0;
  return alive ? GCN__BATCH_EVENTS : GCN__BATCH_OTHER;
}

static void fill_batch(char* text, struct message* message,
                       const struct array* array, struct gcn__batch* batch) {
  struct members* members = &message->members;
  batch->last_event_id = take_text(text, members, TEXT_LAST_EVENT_ID);
  batch->timestamp = take_text(text, members, TEXT_BATCH_TIMESTAMP);
  batch->resumed = resumed_of(members);
  if (array == NULL && is_event(members)) {
    fill_event(text, members, message->object, &batch->single);
    batch->count = 1;
  } else {
    batch->errors = errors_of(members);
    batch->error_message = take_text(text, members, TEXT_MESSAGE);
    batch->error_code = take_text(text, members, TEXT_CODE);
  }
  if (array != NULL) {
    batch->at = text + (array->begin + 1 - text);
    batch->count = array->count;
  }
  batch->left = batch->count;
  batch->kind = name_message(members, array, batch);
}

/* What the callers want to know besides; NULL: they do not. */
struct verdict {
  size_t* offset;
  bool* utf8;
};

static int scan_text(char* text, size_t size, enum gcn__scrutiny scrutiny,
                     struct gcn__batch* batch, struct verdict verdict) {
  *batch = (struct gcn__batch){.resumed = -1, .end = text + size};
  struct gcn__scan ahead;
  gcn__scan_begin(&ahead, gcn__span(text, size));
  struct scan scan = {.lex = {text, text + size, &ahead},
                      .body_scrutiny = scrutiny,
                      .other_scrutiny = GCN__SCRUTINY_STRICT};
  struct message message = {.members = {.seen = 0}};
  const char* fault = take_document(&scan, &message)
                          ? find_fault(&message, find_array(&message))
                          : scan.lex.at;
  bool utf8 = verdict.utf8 == NULL || gcn__scan_utf8(&ahead);
  if (verdict.utf8 != NULL) *verdict.utf8 = utf8;
  if (verdict.offset != NULL && fault != NULL)
    *verdict.offset = (size_t)(fault - text);
  if (fault != NULL || !utf8) return GCN_EPROTO;
  fill_batch(text, &message, find_array(&message), batch);
  return 0;
}

int gcn__batch_scan(char* text, size_t size, enum gcn__scrutiny scrutiny,
                    struct gcn__batch* batch, size_t* offset) {
  struct verdict verdict = {.offset = offset};
  return scan_text(text, size, scrutiny, batch, verdict);
}

int gcn__batch_scan_bytes(char* bytes, size_t size, enum gcn__scrutiny scrutiny,
                          struct gcn__batch* batch, bool* utf8) {
  struct verdict verdict = {.utf8 = utf8};
  return scan_text(bytes, size, scrutiny, batch, verdict);
}

bool gcn__batch_next(struct gcn__batch* batch, struct gcn__batch_event* event) {
  if (batch->left == 0) return false;
  batch->left--;
  if (batch->at == NULL) {
    *event = batch->single;
    return true;
  }
  size_t left = (size_t)(batch->end - batch->at);
  struct gcn__scan ahead;
  gcn__scan_begin(&ahead, gcn__span(batch->at, left));
  ahead.window_size = EVENT_WINDOW_SIZE;
  /* The text is known to be good: ends are all there is to find. */
  struct scan scan = {.lex = {batch->at, batch->end, &ahead},
                      .body_scrutiny = GCN__SCRUTINY_SHALLOW,
                      .other_scrutiny = GCN__SCRUTINY_SHALLOW};
  gcn__lex_skip_space(&scan.lex);
  (void)gcn__lex_take(&scan.lex, ',');
  gcn__lex_skip_space(&scan.lex);
  const char* begin = scan.lex.at;
  struct members members;
  bool good = take_event(&scan, &members);
  GCN__ASSERT(good);
  size_t size = (size_t)(scan.lex.at - begin);
  char* text = batch->at;
  batch->at += scan.lex.at - batch->at;
  fill_event(text, &members, gcn__span(begin, size), event);
  return good;
}
