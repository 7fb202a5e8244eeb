/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner: a loop over the members, and one over those of the body
 * or of the metadata.
 *
 * It does not know what a topic means or what is inside a body.  Invariant:
 * the text is not touched before all of it was found good, so an error leaves
 * it as it was.
 */
#include "codec/envelope.h"

#include "base/err.h"
#include "codec/lex-find.h"

/* The members we take out. */
enum slot {
  SLOT_NONE,
  SLOT_TOPIC,
  SLOT_VERSION,
  SLOT_RESULT,
  SLOT_BODY,
  SLOT_METADATA,
  SLOT_MESSAGE,     /* in the body */
  SLOT_CORRELATION, /* in the metadata */
  SLOT_COUNT,
};

/* Containers that are open around a value. */
enum { DEPTH_MEMBER = 1, DEPTH_INNER = 2 };

struct scan {
  struct gcn__lex lex;
  enum gcn__scrutiny scrutiny; /* of the body */
  uint32_t seen;               /* bit per slot */
  struct gcn__span body;
  struct gcn__lex_string values[SLOT_COUNT]; /* absent: raw.data == NULL */
};

_Static_assert((int)GCN__ENVELOPE_DEPTH_MAX <= (int)GCN__LEX_DEPTH_MAX,
               "the lexer can go as deep");

/* `name` is a literal. */
#define IS(key, name) gcn__lex_key_is(key, name, sizeof(name) - 1)

static enum slot slot_of_member(const struct gcn__lex_string* key) {
  if (IS(key, "topicName")) return SLOT_TOPIC;
  if (IS(key, "eventBody")) return SLOT_BODY;
  if (IS(key, "version")) return SLOT_VERSION;
  if (IS(key, "metadata")) return SLOT_METADATA;
  return IS(key, "result") ? SLOT_RESULT : SLOT_NONE;
}

/* `outer` is SLOT_NONE for a member of the message itself. */
static enum slot slot_of_key(enum slot outer,
                             const struct gcn__lex_string* key) {
  if (outer == SLOT_BODY) return IS(key, "message") ? SLOT_MESSAGE : SLOT_NONE;
  if (outer == SLOT_METADATA) {
    return IS(key, "CorrelationId") ? SLOT_CORRELATION : SLOT_NONE;
  }
  return slot_of_member(key);
}

static bool take_key(struct scan* scan, enum slot outer, enum slot* slot) {
  struct gcn__lex_string key;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_key(&scan->lex, &key)) return false;
  *slot = slot_of_key(outer, &key);
  uint32_t bit = UINT32_C(1) << *slot;
  if (*slot != SLOT_NONE && (scan->seen & bit) != 0) {
    scan->lex.at = begin;
    return false;
  }
  scan->seen |= bit;
  return true;
}

static bool take_string(struct scan* scan, enum slot slot) {
  struct gcn__lex_string string;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_string(&scan->lex, &string)) return false;
  bool decoded = slot == SLOT_TOPIC || slot == SLOT_VERSION ||
                 slot == SLOT_RESULT || slot == SLOT_CORRELATION;
  if (string.escaped && decoded && !gcn__lex_decodable(&string)) {
    scan->lex.at = begin;
    return false;
  }
  scan->values[slot] = string;
  return true;
}

static bool take_value(struct scan* scan, enum slot slot, unsigned depth,
                       enum gcn__scrutiny scrutiny) {
  if (gcn__lex_is(&scan->lex, '"')) return take_string(scan, slot);
  const char* begin = scan->lex.at;
  unsigned room = GCN__ENVELOPE_DEPTH_MAX - depth;
  if (!gcn__lex_take_value(&scan->lex, room, scrutiny)) return false;
  bool number = *begin == '-' || (*begin >= '0' && *begin <= '9');
  if (number && (slot == SLOT_VERSION || slot == SLOT_RESULT)) {
    size_t size = (size_t)(scan->lex.at - begin);
    scan->values[slot].raw = gcn__span(begin, size);
  }
  return true;
}

/* The members of an object that is the value of `outer`. */
static bool take_inner(struct scan* scan, enum slot outer,
                       enum gcn__scrutiny scrutiny) {
  bool more;
  if (!gcn__lex_open(&scan->lex, '{', '}', &more)) return false;
  while (more) {
    enum slot slot;
    if (!take_key(scan, outer, &slot)) return false;
    if (!take_value(scan, slot, DEPTH_INNER, scrutiny)) return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  return true;
}

/* By the bits: the message of a body is all that is wanted of it. */
static bool find_body(struct scan* scan) {
  const char* message;
  unsigned room = GCN__ENVELOPE_DEPTH_MAX - DEPTH_MEMBER;
  if (scan->lex.scan == NULL ||
      !gcn__lex_find_object(&scan->lex, room, scan->scrutiny,
                            GCN__SPAN("message"), &message)) {
    return false;
  }
  if (message == NULL || *message != '"') return true;
  struct gcn__lex value = {message, scan->lex.at, NULL};
  return gcn__lex_take_string(&value, &scan->values[SLOT_MESSAGE]);
}

static bool take_object(struct scan* scan, enum slot slot) {
  if (slot != SLOT_BODY) return take_inner(scan, slot, GCN__SCRUTINY_STRICT);
  return find_body(scan) || take_inner(scan, slot, scan->scrutiny);
}

static bool take_member(struct scan* scan, enum slot slot) {
  const char* begin = scan->lex.at;
  bool body = slot == SLOT_BODY;
  enum gcn__scrutiny scrutiny = body ? scan->scrutiny : GCN__SCRUTINY_STRICT;
  bool inner = (body || slot == SLOT_METADATA) && gcn__lex_is(&scan->lex, '{');
  bool ok = inner ? take_object(scan, slot)
                  : take_value(scan, slot, DEPTH_MEMBER, scrutiny);
  if (ok && body) {
    scan->body = gcn__span(begin, (size_t)(scan->lex.at - begin));
  }
  return ok;
}

/* How a member begins that is as members nearly always are, and the slot. */
#define BEGIN(key, value) "\"" key "\":" value
#define BEGINS(at, key, value)                                                 \
  (memcmp(at, BEGIN(key, value), sizeof BEGIN(key, value) - 1) == 0)

/* SLOT_NONE: it may be one of ours still, written otherwise.  `value` is set to
 * the first byte of its value. */
static inline enum slot see_member(const char** value) {
  const char* at = *value;
#define SEE(key, value_begin, slot)                                            \
  if (!BEGINS(at, key, value_begin)) return SLOT_NONE;                         \
  *value += sizeof BEGIN(key, "") - 1;                                         \
  return slot
  switch (at[1]) {
  case 't': SEE("topicName", "\"", SLOT_TOPIC);
  case 'v': SEE("version", "\"", SLOT_VERSION);
  case 'e': SEE("eventBody", "{", SLOT_BODY);
  case 'm': SEE("metadata", "{\"CorrelationId\":\"", SLOT_METADATA);
  default: return SLOT_NONE;
  }
#undef SEE
}

/* Without a string or a body that is out of the ordinary; returns what is
 * behind the value, or NULL. */
static inline const char* take_usual_value(struct scan* scan, enum slot slot,
                                           const char* at) {
  if (slot == SLOT_BODY) {
    scan->lex.at = at;
    if (!find_body(scan)) return NULL;
    scan->body = gcn__span(at, (size_t)(scan->lex.at - at));
    return scan->lex.at;
  }
  bool metadata = slot == SLOT_METADATA;
  if (metadata) at += sizeof "{\"CorrelationId\":" - 1;
  const char* quote = gcn__lex_closing_quote(scan->lex.scan, at);
  if (quote == NULL || quote + 1 == scan->lex.end) return NULL;
  if (metadata && quote[1] != '}') return NULL;
  struct gcn__span raw = gcn__span(at + 1, (size_t)(quote - at - 1));
  scan->values[metadata ? SLOT_CORRELATION : slot].raw = raw;
  return quote + 1 + metadata;
}

/* As many members as are as usual.  What is not, is left to those that take
 * any; `more` is whether there is a next one. */
static void take_usual_members(struct scan* scan, bool* more) {
  enum { BEGIN_MAX = sizeof BEGIN("metadata", "{\"CorrelationId\":\"") };
  const char* at = scan->lex.at;
  if (at == scan->lex.end || !gcn__scan_has(scan->lex.scan, at)) return;
  while (scan->lex.end - at > BEGIN_MAX) {
    const char* value = at;
    enum slot slot = see_member(&value);
    uint32_t bits = UINT32_C(1) << slot;
    if (slot == SLOT_METADATA) bits |= UINT32_C(1) << SLOT_CORRELATION;
    if (slot == SLOT_NONE || (scan->seen & bits) != 0) break;
    value = take_usual_value(scan, slot, value);
    if (value == NULL || value == scan->lex.end) break;
    if (*value != ',' && *value != '}') break;
    scan->seen |= bits;
    *more = *value == ',';
    at = value + 1;
    if (!*more) break;
  }
  scan->lex.at = at;
  if (*more) gcn__lex_skip_space(&scan->lex);
}

static bool take_message(struct scan* scan) {
  bool more;
  if (!gcn__lex_open(&scan->lex, '{', '}', &more)) return false;
  if (more) take_usual_members(scan, &more);
  while (more) {
    enum slot slot;
    if (!take_key(scan, SLOT_NONE, &slot)) return false;
    if (!take_member(scan, slot)) return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  return true;
}

static bool take_document(struct scan* scan) {
  gcn__lex_skip_space(&scan->lex);
  if (!take_message(scan)) return false;
  gcn__lex_skip_space(&scan->lex);
  return scan->lex.at == scan->lex.end;
}

static struct gcn__span decoded(char* text, const struct scan* scan,
                                enum slot slot) {
  const struct gcn__lex_string* value = &scan->values[slot];
  if (!value->escaped) return value->raw;
  /* The same bytes through the pointer that may write. */
  char* out = text + (value->raw.data - text);
  return gcn__span(out, gcn__lex_decode(value, out));
}

/* What the callers want to know besides; NULL: they do not. */
struct verdict {
  size_t* offset;
  bool* utf8;
};

static int scan_text(char* text, size_t size, enum gcn__scrutiny scrutiny,
                     struct gcn__envelope* envelope, struct verdict verdict) {
  *envelope = (struct gcn__envelope){.topic = {NULL, 0}};
  struct gcn__scan ahead;
  gcn__scan_begin(&ahead, gcn__span(text, size));
  struct scan scan = {.lex = {text, text + size, &ahead}, .scrutiny = scrutiny};
  bool good = take_document(&scan);
  bool utf8 = verdict.utf8 == NULL || gcn__scan_utf8(&ahead);
  if (verdict.utf8 != NULL) *verdict.utf8 = utf8;
  if (verdict.offset != NULL && !good)
    *verdict.offset = (size_t)(scan.lex.at - text);
  if (!good || !utf8) return GCN_EPROTO;
  envelope->topic = decoded(text, &scan, SLOT_TOPIC);
  envelope->version = decoded(text, &scan, SLOT_VERSION);
  envelope->result = decoded(text, &scan, SLOT_RESULT);
  envelope->correlation_id = decoded(text, &scan, SLOT_CORRELATION);
  envelope->body_message = scan.values[SLOT_MESSAGE].raw;
  envelope->body = scan.body;
  return 0;
}

int gcn__envelope_scan(char* text, size_t size, enum gcn__scrutiny scrutiny,
                       struct gcn__envelope* envelope, size_t* offset) {
  struct verdict verdict = {.offset = offset};
  return scan_text(text, size, scrutiny, envelope, verdict);
}

int gcn__envelope_scan_bytes(char* bytes, size_t size,
                             enum gcn__scrutiny scrutiny,
                             struct gcn__envelope* envelope, bool* utf8) {
  struct verdict verdict = {.utf8 = utf8};
  return scan_text(bytes, size, scrutiny, envelope, verdict);
}
