/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner: a loop over the members, and one over those of the
 * metadata.
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
  SLOT_TOPIC,
  SLOT_VERSION,
  SLOT_RESULT,
  SLOT_CORRELATION, /* in the metadata */
  SLOT_DECODED_END,
  SLOT_BODY = SLOT_DECODED_END,
  SLOT_KEPT_END,
  SLOT_METADATA = SLOT_KEPT_END,
  SLOT_NONE,
};

/* Containers that are open around a value. */
enum { DEPTH_MEMBER = 1, DEPTH_INNER = 2 };

/* How far is looked ahead where bodies are skipped, so that little is behind
 * where one begins: about as far as to there from the begin of a message. */
enum { SHALLOW_WINDOW_SIZE = 4 * GCN__SCAN_BLOCK_SIZE };

struct scan {
  struct gcn__lex lex;
  enum gcn__scrutiny scrutiny; /* of the body */
  uint32_t seen;               /* bit per slot */
  uint32_t escaped;
  struct gcn__span values[SLOT_KEPT_END]; /* absent: data == NULL */
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

/* `inner`: of the metadata. */
static enum slot slot_of_key(bool inner, const struct gcn__lex_string* key) {
  if (!inner) return slot_of_member(key);
  return IS(key, "CorrelationId") ? SLOT_CORRELATION : SLOT_NONE;
}

static bool take_key(struct scan* scan, bool inner, enum slot* slot) {
  struct gcn__lex_string key;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_key(&scan->lex, &key)) return false;
  *slot = slot_of_key(inner, &key);
  uint32_t bit = UINT32_C(1) << *slot;
  if (*slot != SLOT_NONE && (scan->seen & bit) != 0) {
    scan->lex.at = begin;
    return false;
  }
  if (*slot != SLOT_NONE) scan->seen |= bit;
  return true;
}

static bool take_string(struct scan* scan, enum slot slot) {
  struct gcn__lex_string string;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_string(&scan->lex, &string)) return false;
  if (slot >= SLOT_DECODED_END) return true;
  if (string.escaped && !gcn__lex_decodable(&string)) {
    scan->lex.at = begin;
    return false;
  }
  scan->values[slot] = string.raw;
  scan->escaped |= (uint32_t)string.escaped << slot;
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
    scan->values[slot] = gcn__span(begin, size);
  }
  return true;
}

static bool take_metadata(struct scan* scan) {
  bool more;
  if (!gcn__lex_open(&scan->lex, '{', '}', &more)) return false;
  while (more) {
    enum slot slot;
    if (!take_key(scan, true, &slot)) return false;
    if (!take_value(scan, slot, DEPTH_INNER, GCN__SCRUTINY_STRICT))
      return false;
    if (!gcn__lex_go_on(&scan->lex, '}', &more)) return false;
  }
  return true;
}

static bool take_member(struct scan* scan, enum slot slot) {
  const char* begin = scan->lex.at;
  bool body = slot == SLOT_BODY;
  enum gcn__scrutiny scrutiny = body ? scan->scrutiny : GCN__SCRUTINY_STRICT;
  bool inner = slot == SLOT_METADATA && gcn__lex_is(&scan->lex, '{');
  bool ok = inner ? take_metadata(scan)
                  : take_value(scan, slot, DEPTH_MEMBER, scrutiny);
  if (ok && body) {
    size_t size = (size_t)(scan->lex.at - begin);
    scan->values[SLOT_BODY] = gcn__span(begin, size);
  }
  return ok;
}

/* How a member begins that is as members nearly always are, and the slot. */
#define BEGIN(key, value) "\"" key "\":" value
#define CORRELATION       "\"CorrelationId\":"
#define BEGINS(at, key, value)                                                 \
  (memcmp(at, BEGIN(key, value), sizeof BEGIN(key, value) - 1) == 0)

/* SLOT_NONE: it may be one of ours still, written otherwise.  `value` is set to
 * the first byte of its value. */
static inline enum slot see_member(const char** value) {
  const char* at = *value;
  enum { METADATA_SIZE = sizeof BEGIN("metadata", "{") - 1 };
#define SEE(key, value_begin, slot)                                            \
  if (!BEGINS(at, key, value_begin)) return SLOT_NONE;                         \
  *value += sizeof BEGIN(key, "") - 1;                                         \
  return slot
  switch (at[1]) {
  case 't': SEE("topicName", "\"", SLOT_TOPIC);
  case 'v': SEE("version", "\"", SLOT_VERSION);
  case 'e': SEE("eventBody", "{", SLOT_BODY);
  case 'm':
    /* In two, which compilers do without a call. */
    if (memcmp(at + METADATA_SIZE, CORRELATION, sizeof CORRELATION - 1) != 0)
      return SLOT_NONE;
    SEE("metadata", "{", SLOT_METADATA);
  default: return SLOT_NONE;
  }
#undef SEE
}

/* Without a string or a body that is out of the ordinary; returns what is
 * behind the value, or NULL. */
static inline const char* take_usual_value(struct scan* scan, enum slot slot,
                                           const char* at) {
  if (slot == SLOT_BODY) {
    unsigned room = GCN__ENVELOPE_DEPTH_MAX - DEPTH_MEMBER;
    scan->lex.at = at;
    if (!gcn__lex_find_container(&scan->lex, room, scan->scrutiny)) return NULL;
    size_t size = (size_t)(scan->lex.at - at);
    scan->values[SLOT_BODY] = gcn__span(at, size);
    return scan->lex.at;
  }
  bool metadata = slot == SLOT_METADATA;
  if (metadata) at += sizeof "{\"CorrelationId\":" - 1;
  scan->lex.at = at;
  struct gcn__lex_string string;
  const char* quote = gcn__lex_closing_quote(scan->lex.scan, at);
  if (quote == NULL) {
    if (!gcn__lex_find_string(&scan->lex, &string)) return NULL;
    if (string.escaped) return NULL;
    quote = scan->lex.at - 1;
  }
  if (quote + 1 == scan->lex.end || (metadata && quote[1] != '}')) return NULL;
  struct gcn__span raw = gcn__span(at + 1, (size_t)(quote - at - 1));
  scan->values[metadata ? SLOT_CORRELATION : slot] = raw;
  return quote + 1 + metadata;
}

/* As many members as are as usual.  What is not, is left to those that take
 * any; `more` is whether there is a next one. */
static void take_usual_members(struct scan* scan, bool* more) {
  enum { BEGIN_MAX = sizeof BEGIN("metadata", "{" CORRELATION) };
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
    if (!take_key(scan, false, &slot)) return false;
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

/* The same bytes through the pointer that may write. */
static void decode(char* text, struct scan* scan) {
  for (unsigned slot = 0; slot < SLOT_DECODED_END; slot++) {
    if ((scan->escaped >> slot & 1) == 0) continue;
    struct gcn__span* raw = &scan->values[slot];
    struct gcn__lex_string string = {.raw = *raw, .escaped = true};
    char* out = text + (raw->data - text);
    *raw = gcn__span(out, gcn__lex_decode(&string, out));
  }
}

/* What the callers want to know besides; NULL: they do not. */
struct verdict {
  size_t* offset;
  bool* utf8;
};

static int scan_text(char* text, size_t size, enum gcn__scrutiny scrutiny,
                     struct gcn__envelope* envelope, struct verdict verdict) {
  struct gcn__scan ahead;
  gcn__scan_begin(&ahead, gcn__span(text, size));
  if (scrutiny == GCN__SCRUTINY_SHALLOW)
    ahead.window_size = SHALLOW_WINDOW_SIZE;
  struct scan scan;
  scan.lex = (struct gcn__lex){text, text + size, &ahead};
  scan.scrutiny = scrutiny;
  scan.seen = 0;
  scan.escaped = 0;
  for (unsigned slot = 0; slot < SLOT_KEPT_END; slot++)
    scan.values[slot] = (struct gcn__span){NULL, 0};
  bool good = take_document(&scan);
  bool utf8 = verdict.utf8 == NULL || gcn__scan_utf8(&ahead);
  if (verdict.utf8 != NULL) *verdict.utf8 = utf8;
  if (verdict.offset != NULL && !good)
    *verdict.offset = (size_t)(scan.lex.at - text);
  if (!good || !utf8) {
    *envelope = (struct gcn__envelope){.topic = {NULL, 0}};
    return GCN_EPROTO;
  }
  if (scan.escaped != 0) decode(text, &scan);
  *envelope = (struct gcn__envelope){
      .topic = scan.values[SLOT_TOPIC],
      .version = scan.values[SLOT_VERSION],
      .result = scan.values[SLOT_RESULT],
      .correlation_id = scan.values[SLOT_CORRELATION],
      .body = scan.values[SLOT_BODY],
  };
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

struct gcn__span gcn__envelope_message(struct gcn__span body) {
  const struct gcn__span none = {NULL, 0};
  if (body.size == 0) return none;
  struct gcn__lex lex = {body.data, body.data + body.size, NULL};
  struct gcn__lex_string message = {.raw = none};
  bool more;
  if (!gcn__lex_open(&lex, '{', '}', &more)) return none;
  while (more) {
    struct gcn__lex_string key;
    if (!gcn__lex_take_key(&lex, &key)) return none;
    struct gcn__lex value = lex;
    if (!gcn__lex_take_value(&lex, GCN__ENVELOPE_DEPTH_MAX,
                             GCN__SCRUTINY_SHALLOW))
      return none;
    bool found = IS(&key, "message");
    if (found && !gcn__lex_take_string(&value, &message)) message.raw = none;
    if (!gcn__lex_go_on(&lex, '}', &more)) return none;
  }
  return message.raw;
}
