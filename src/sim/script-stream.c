/* SPDX-License-Identifier: MIT */
/*
 * Arguments of the stream dialect's actions.  It knows no line and no word but
 * those of the action.
 */
#include "sim/script-stream.h"

enum { CODE_MAX = 65535, REPEAT_MAX = 10000 };

static const char* const form_words[] = {"events", "batch",  "data",
                                         "bare",   "single", NULL};

const char* gcn__script_form_word(unsigned index) {
  return form_words[index];
}

static bool is_form(const char* text) {
  for (unsigned i = 0; form_words[i] != NULL; i++) {
    if (strcmp(text, form_words[i]) == 0) return true;
  }
  return false;
}

const char* gcn__script_check_stream(const struct gcn__script_action* action) {
  uint64_t n = action->number;
  switch (action->verb) {
  case GCN__DO_STREAM_CLOSE:
    return n > CODE_MAX ? "a close code up to 65535" : NULL;
  case GCN__DO_BATCH_FORM:
    return is_form(action->text) ? NULL : "events, batch, data, bare or single";
  case GCN__DO_BATCH_REPEAT:
    return n == 0 || n > REPEAT_MAX ? "a number from 1 to 10000" : NULL;
  case GCN__DO_SUBSCRIPTION_DELETE:
  case GCN__DO_SUBSCRIPTION_RESTORE:
  case GCN__DO_SCOPE_MISSING:
  case GCN__DO_LICENCE_MISSING:
    return action->text[0] == '\0' ? "a pattern" : NULL;
  default: return NULL;
  }
}

static bool is_code(struct gcn__span word) {
  uint64_t code;
  return gcn__script_number(word, &code) && code <= CODE_MAX;
}

static bool is_variant(enum gcn__script_verb verb, struct gcn__span word) {
  switch (verb) {
  case GCN__DO_TOKEN_EXPIRE:
  case GCN__DO_RATE_LIMIT: return is_code(word);
  case GCN__DO_SUBSCRIPTION_DELETE:
    return is_code(word) || gcn__span_is(word, "stay") ||
           gcn__span_is(word, "close") || gcn__span_is(word, "http");
  case GCN__DO_IP_BLOCK: return gcn__span_is(word, "reset");
  case GCN__DO_SCOPE_MISSING: return gcn__span_is(word, "400");
  default: return false;
  }
}

static const char* expected_of(enum gcn__script_verb verb) {
  switch (verb) {
  case GCN__DO_TOKEN_EXPIRE:
  case GCN__DO_RATE_LIMIT: return "as=CODE, a close code";
  case GCN__DO_SUBSCRIPTION_DELETE:
    return "as= with stay, close, http or a close code";
  case GCN__DO_IP_BLOCK: return "as=reset";
  case GCN__DO_SCOPE_MISSING: return "as=400";
  default: return "no as= here";
  }
}

const char* gcn__script_check_variant(const struct gcn__script_action* action) {
  if (action->as == NULL) return NULL;
  struct gcn__span left = gcn__span_str(action->as);
  for (;;) {
    const char* comma = memchr(left.data, ',', left.size);
    size_t size = comma == NULL ? left.size : (size_t)(comma - left.data);
    if (!is_variant(action->verb, gcn__span(left.data, size))) {
      return expected_of(action->verb);
    }
    if (comma == NULL) return NULL;
    left = gcn__span_skip(left, size + 1);
  }
}
