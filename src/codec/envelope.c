/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner: a loop over tokens with a bit for every open bracket.
 *
 * It does not know what a topic means or what is inside a body.  Invariant:
 * the text is not touched before all of it was found good, so an error leaves
 * it as it was.
 */
#include "codec/envelope.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/lex.h"

enum container { ARRAY, OBJECT };

/* What may come next. */
enum expect {
  EXPECT_KEY_OR_END,   /* behind { */
  EXPECT_KEY,          /* behind a comma in an object */
  EXPECT_VALUE_OR_END, /* behind [ */
  EXPECT_VALUE,        /* behind a colon, or a comma in an array */
  EXPECT_COMMA_OR_END, /* behind a value */
  EXPECT_NOTHING,      /* behind the whole document */
};

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

struct scan {
  struct gcn__lex lex;
  enum expect expect;
  unsigned depth;
  uint32_t objects;   /* bit d - 1: the container at depth d is an object */
  enum slot slots[3]; /* of the current member at depth 1 and at depth 2 */
  uint32_t seen;      /* bit per slot */
  const char* body_begin;
  struct gcn__span body;
  struct gcn__lex_string values[SLOT_COUNT]; /* absent: raw.data == NULL */
};

_Static_assert(GCN__ENVELOPE_DEPTH_MAX <= 32, "one bit per level");

static enum slot slot_of_member(const struct gcn__lex_string* key) {
  static const struct {
    const char* name;
    enum slot slot;
  } members[] = {
      {"topicName", SLOT_TOPIC}, {"eventBody", SLOT_BODY},
      {"version", SLOT_VERSION}, {"metadata", SLOT_METADATA},
      {"result", SLOT_RESULT},
  };
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (gcn__lex_string_is(key, members[i].name)) return members[i].slot;
  }
  return SLOT_NONE;
}

static enum slot slot_of_key(const struct scan* scan,
                             const struct gcn__lex_string* key) {
  if (scan->depth == 1) return slot_of_member(key);
  GCN__ASSERT(scan->depth == 2);
  if (scan->slots[1] == SLOT_BODY) {
    return gcn__lex_string_is(key, "message") ? SLOT_MESSAGE : SLOT_NONE;
  }
  if (scan->slots[1] == SLOT_METADATA) {
    bool found = gcn__lex_string_is(key, "CorrelationId");
    return found ? SLOT_CORRELATION : SLOT_NONE;
  }
  return SLOT_NONE;
}

static enum slot current_slot(const struct scan* scan) {
  return scan->depth <= 2 ? scan->slots[scan->depth] : SLOT_NONE;
}

static bool in_object(const struct scan* scan) {
  return (scan->objects >> (scan->depth - 1) & 1) == OBJECT;
}

static bool open_container(struct scan* scan, enum container container) {
  if (scan->depth == GCN__ENVELOPE_DEPTH_MAX) return false;
  scan->lex.at++;
  scan->depth++;
  uint32_t bit = UINT32_C(1) << (scan->depth - 1);
  if (container == OBJECT) {
    scan->objects |= bit;
    scan->expect = EXPECT_KEY_OR_END;
  } else {
    scan->objects &= ~bit;
    scan->expect = EXPECT_VALUE_OR_END;
  }
  if (scan->depth <= 2) scan->slots[scan->depth] = SLOT_NONE;
  return true;
}

static void end_value(struct scan* scan) {
  scan->expect = scan->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
  if (scan->depth != 1 || scan->slots[1] != SLOT_BODY) return;
  size_t size = (size_t)(scan->lex.at - scan->body_begin);
  scan->body = gcn__span(scan->body_begin, size);
}

static bool close_container(struct scan* scan) {
  if (!gcn__lex_take(&scan->lex, in_object(scan) ? '}' : ']')) return false;
  scan->depth--;
  end_value(scan);
  return true;
}

static bool take_key(struct scan* scan) {
  struct gcn__lex_string key;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_string(&scan->lex, &key)) return false;
  if (scan->depth <= 2) {
    enum slot slot = slot_of_key(scan, &key);
    uint32_t bit = UINT32_C(1) << slot;
    if (slot != SLOT_NONE && (scan->seen & bit) != 0) {
      scan->lex.at = begin;
      return false;
    }
    scan->seen |= bit;
    scan->slots[scan->depth] = slot;
  }
  gcn__lex_skip_space(&scan->lex);
  scan->expect = EXPECT_VALUE;
  return gcn__lex_take(&scan->lex, ':');
}

static bool take_string(struct scan* scan) {
  struct gcn__lex_string string;
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_string(&scan->lex, &string)) return false;
  enum slot slot = current_slot(scan);
  bool decoded = slot != SLOT_NONE && slot != SLOT_BODY &&
                 slot != SLOT_METADATA && slot != SLOT_MESSAGE;
  if (decoded && !gcn__lex_decodable(&string)) {
    scan->lex.at = begin;
    return false;
  }
  scan->values[slot] = string;
  end_value(scan);
  return true;
}

static bool take_number(struct scan* scan) {
  const char* begin = scan->lex.at;
  if (!gcn__lex_take_number(&scan->lex)) return false;
  enum slot slot = current_slot(scan);
  if (slot == SLOT_VERSION || slot == SLOT_RESULT) {
    size_t size = (size_t)(scan->lex.at - begin);
    scan->values[slot].raw = gcn__span(begin, size);
    scan->values[slot].escaped = false;
  }
  end_value(scan);
  return true;
}

static bool take_literal(struct scan* scan, const char* literal) {
  if (!gcn__lex_take_literal(&scan->lex, literal)) return false;
  end_value(scan);
  return true;
}

static bool take_value(struct scan* scan) {
  if (scan->depth == 1) scan->body_begin = scan->lex.at;
  switch (*scan->lex.at) {
  case '{': return open_container(scan, OBJECT);
  case '[': return open_container(scan, ARRAY);
  case '"': return take_string(scan);
  case 't': return take_literal(scan, "true");
  case 'f': return take_literal(scan, "false");
  case 'n': return take_literal(scan, "null");
  default: return take_number(scan);
  }
}

static bool take_comma(struct scan* scan) {
  if (!gcn__lex_take(&scan->lex, ',')) return false;
  scan->expect = in_object(scan) ? EXPECT_KEY : EXPECT_VALUE;
  return true;
}

static bool take_next(struct scan* scan) {
  switch (scan->expect) {
  case EXPECT_KEY_OR_END:
    return gcn__lex_is(&scan->lex, '}') ? close_container(scan)
                                        : take_key(scan);
  case EXPECT_KEY: return take_key(scan);
  case EXPECT_VALUE_OR_END:
    return gcn__lex_is(&scan->lex, ']') ? close_container(scan)
                                        : take_value(scan);
  case EXPECT_VALUE: return take_value(scan);
  case EXPECT_COMMA_OR_END:
    return gcn__lex_is(&scan->lex, ',') ? take_comma(scan)
                                        : close_container(scan);
  case EXPECT_NOTHING: return false;
  }
  return false;
}

static bool take_document(struct scan* scan) {
  gcn__lex_skip_space(&scan->lex);
  if (!gcn__lex_is(&scan->lex, '{')) return false;
  while (scan->expect != EXPECT_NOTHING) {
    gcn__lex_skip_space(&scan->lex);
    if (scan->lex.at == scan->lex.end || !take_next(scan)) return false;
  }
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

int gcn__envelope_scan(char* text, size_t size, struct gcn__envelope* envelope,
                       size_t* offset) {
  struct scan scan = {.lex = {text, text + size}, .expect = EXPECT_VALUE};
  *envelope = (struct gcn__envelope){.topic = {NULL, 0}};
  if (!take_document(&scan)) {
    if (offset != NULL) *offset = (size_t)(scan.lex.at - text);
    return GCN_EPROTO;
  }
  envelope->topic = decoded(text, &scan, SLOT_TOPIC);
  envelope->version = decoded(text, &scan, SLOT_VERSION);
  envelope->result = decoded(text, &scan, SLOT_RESULT);
  envelope->correlation_id = decoded(text, &scan, SLOT_CORRELATION);
  envelope->body_message = scan.values[SLOT_MESSAGE].raw;
  envelope->body = scan.body;
  return 0;
}
