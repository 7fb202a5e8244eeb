/* SPDX-License-Identifier: MIT */
/*
 * The grammar of fault scripts.
 *
 *   rule    = [trigger ["for" D]] action {"then" action}
 *           | "expect" expectation
 *   trigger = "at" T | "after" COUNTER [N] | "every" (T | N COUNTER"s")
 *           | "random" P"%" | "on" ("topic" PATTERN | COUNTER)
 *   action  = verb arguments {"times=" N | "retry-after=" S
 *           | "retry-after-date=" S | "header=" H | "body=" B | "client=" ID
 *           | "as=" VARIANT}
 *
 * A line that does not follow it is refused as a whole; the script then does
 * not exist.
 */
#include "sim/script.h"

#include "base/err.h"
#include "sim/script-stream.h"
#include "sim/script-words.h"

#include <stdio.h>

enum {
  SIZE_MAX_ANY = 4 << 20, /* of what an action makes the service send */
  COUNT_MAX = 1000000,
  RULES_MIN = 8,
};

struct gcn__script {
  const struct gcn__mem* mem;
  struct gcn__script_rule* rules;
  size_t count;
  size_t capacity;
};

struct verb {
  const char* word;
  const char* args;
};

static const struct verb verbs[GCN__VERBS] = {
#define VERB_ROW(name, word, args) [GCN__DO_##name] = {word, args},
    GCN__SCRIPT_VERB_MAP(VERB_ROW)
#undef VERB_ROW
};

static const char* const counters[GCN__COUNTERS] = {
#define COUNTER_ROW(name, word) [GCN__COUNT_##name] = word,
    GCN__SCRIPT_COUNTER_MAP(COUNTER_ROW)
#undef COUNTER_ROW
};

static const char* const handshakes[] = {
    "bad-accept",    "no-accept", "two-accepts", "no-upgrade",
    "no-connection", "extension", "subprotocol"};

/* What parsing one line needs. */
struct parser {
  struct gcn__script* script;
  struct gcn__script_line line;
};

const char* gcn__script_verb_word(enum gcn__script_verb verb) {
  return verbs[verb].word;
}

const char* gcn__script_counter_word(enum gcn__script_counter counter) {
  return counters[counter];
}

static int fail(struct parser* parser, const char* expected) {
  return gcn__script_line_fail_back(&parser->line, expected);
}

static int read_duration(struct parser* parser, uint64_t* duration_ms) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (!gcn__script_duration(word, duration_ms)) {
    return gcn__script_line_fail(&parser->line,
                                 "a duration such as 200ms, 5s or 24h");
  }
  parser->line.at++;
  return 0;
}

static int read_number(struct parser* parser, uint64_t* number) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (!gcn__script_number(word, number)) {
    return gcn__script_line_fail(&parser->line, "a number");
  }
  parser->line.at++;
  return 0;
}

static int read_text(struct parser* parser, const char** text,
                     const char* expected) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (word.data == NULL) return gcn__script_line_fail(&parser->line, expected);
  parser->line.at++;
  *text = gcn__script_text(parser->script->mem, word);
  return *text == NULL ? GCN__ENOMEM : 0;
}

/* `plural`: "events" for "event". */
static bool find_counter(struct gcn__span word, bool plural,
                         enum gcn__script_counter* counter) {
  struct gcn__span stem = word;
  if (plural && word.size > 1 && word.data[word.size - 1] == 's') stem.size--;
  for (unsigned i = 0; i < GCN__COUNTERS; i++) {
    bool same = gcn__span_is(word, counters[i]);
    if (!same && !gcn__span_is(stem, counters[i])) continue;
    *counter = (enum gcn__script_counter)i;
    return true;
  }
  return false;
}

#define COUNTER_WORDS                                                          \
  "event, subscribe, connect, token, channel, rest, request, topics, audit, "  \
  "upgrade, accept, attempt, eviction, foreign-eviction, batch, resume, "      \
  "resume-lost, preflight, ticket, invalid-loop or fast-ping"

static int read_counter(struct parser* parser, bool plural,
                        enum gcn__script_counter* counter) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (!find_counter(word, plural, counter)) {
    return gcn__script_line_fail(&parser->line, COUNTER_WORDS);
  }
  parser->line.at++;
  return 0;
}

static int read_after(struct parser* parser, struct gcn__script_rule* rule) {
  rule->when = GCN__WHEN_AFTER;
  rule->count = 1;
  int error = read_counter(parser, false, &rule->counter);
  if (error != 0) return error;
  uint64_t number;
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (!gcn__script_number(word, &number)) return 0;
  parser->line.at++;
  rule->count = number;
  return number == 0 ? fail(parser, "a number from 1") : 0;
}

static int read_every(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__span word = gcn__script_line_next(&parser->line);
  if (gcn__script_number(word, &rule->count)) {
    rule->when = GCN__WHEN_EVERY;
    if (rule->count == 0) return fail(parser, "a number from 1");
    return read_counter(parser, true, &rule->counter);
  }
  rule->when = GCN__WHEN_PERIOD;
  if (gcn__script_duration(word, &rule->at_ms) && rule->at_ms > 0) return 0;
  return fail(parser, "a number and events, or a duration");
}

static int read_random(struct parser* parser, struct gcn__script_rule* rule) {
  rule->when = GCN__WHEN_RANDOM;
  struct gcn__span word = gcn__script_line_next(&parser->line);
  if (gcn__script_percent(word, &rule->ppm)) return 0;
  return fail(parser, "a percentage such as 0.1%");
}

/* `on connect` is the same as `every 1 connect`. */
static int read_on(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (find_counter(word, false, &rule->counter)) {
    rule->when = GCN__WHEN_EVERY;
    rule->count = 1;
    parser->line.at++;
    return 0;
  }
  rule->when = GCN__WHEN_ON_TOPIC;
  if (!gcn__script_line_take(&parser->line, "topic")) {
    return gcn__script_line_fail(&parser->line, "topic, or what is counted");
  }
  return read_text(parser, &rule->pattern, "a topic pattern");
}

static int read_trigger(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__script_line* line = &parser->line;
  int error = 0;
  rule->when = GCN__WHEN_AT;
  if (gcn__script_line_take(line, "at")) {
    error = read_duration(parser, &rule->at_ms);
  } else if (gcn__script_line_take(line, "after")) {
    error = read_after(parser, rule);
  } else if (gcn__script_line_take(line, "every")) {
    error = read_every(parser, rule);
  } else if (gcn__script_line_take(line, "random")) {
    error = read_random(parser, rule);
  } else if (gcn__script_line_take(line, "on")) {
    error = read_on(parser, rule);
  }
  if (error != 0) return error;
  if (!gcn__script_line_take(line, "for")) return 0;
  error = read_duration(parser, &rule->for_ms);
  if (error == 0 && rule->for_ms == 0) error = fail(parser, "more than 0");
  return error;
}

static bool find_verb(struct gcn__span word, enum gcn__script_verb* verb) {
  for (unsigned i = 0; i < GCN__VERBS; i++) {
    if (!gcn__span_is(word, verbs[i].word)) continue;
    *verb = (enum gcn__script_verb)i;
    return true;
  }
  return false;
}

static int read_route(struct parser* parser,
                      struct gcn__script_action* action) {
  int error = read_text(parser, &action->method, "a method such as POST, or *");
  if (error != 0) return error;
  return read_text(parser, &action->path, "a path such as /oauth/token");
}

/* Reads one argument; a word that does not fit an optional one is left. */
static int read_arg(struct parser* parser, char kind, bool optional,
                    struct gcn__script_action* action) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  switch (kind) {
  case 'R': return read_route(parser, action);
  case 'n':
    if (optional && !gcn__script_number(word, &action->number)) return 0;
    action->numbered = true;
    return read_number(parser, &action->number);
  case 'd':
    if (optional && !gcn__script_duration(word, &action->delay_ms)) return 0;
    action->delayed = true;
    return read_duration(parser, &action->delay_ms);
  default:
    if (optional && (word.data == NULL || word.data[0] != '"')) return 0;
    return read_text(parser, &action->text, "a text");
  }
}

static int read_args(struct parser* parser, struct gcn__script_action* action) {
  bool optional = false;
  for (const char* form = verbs[action->verb].args; *form != '\0'; form++) {
    if (*form == '[' || *form == ']') {
      optional = *form == '[';
      continue;
    }
    int error = read_arg(parser, *form, optional, action);
    if (error != 0) return error;
  }
  return 0;
}

/* True if the next word is `key`=...; `value` is then the rest of it. */
static bool take_key(struct parser* parser, const char* key,
                     struct gcn__span* value) {
  struct gcn__span word = gcn__script_line_peek(&parser->line);
  if (word.data == NULL || !gcn__span_starts(word, key)) return false;
  *value = gcn__span_skip(word, strlen(key));
  parser->line.at++;
  return true;
}

static int read_option_text(struct parser* parser, struct gcn__span value,
                            const char** text) {
  if (*text != NULL) return fail(parser, "it only once");
  *text = gcn__script_text(parser->script->mem, value);
  return *text == NULL ? GCN__ENOMEM : 0;
}

static int read_retry_after(struct parser* parser, struct gcn__span value,
                            bool date, struct gcn__script_action* action) {
  action->retry_after_date = date;
  if (gcn__script_number(value, &action->retry_after_s)) return 0;
  return fail(parser, "seconds");
}

static int read_options(struct parser* parser,
                        struct gcn__script_action* action) {
  struct gcn__span value;
  int error = 0;
  while (error == 0) {
    if (take_key(parser, "times=", &value)) {
      if (!gcn__script_number(value, &action->times) || action->times == 0) {
        error = fail(parser, "a number from 1");
      }
    } else if (take_key(parser, "retry-after=", &value)) {
      error = read_retry_after(parser, value, false, action);
    } else if (take_key(parser, "retry-after-date=", &value)) {
      error = read_retry_after(parser, value, true, action);
    } else if (take_key(parser, "client=", &value)) {
      error = read_option_text(parser, value, &action->client);
    } else if (take_key(parser, "as=", &value)) {
      error = read_option_text(parser, value, &action->as);
    } else if (take_key(parser, "header=", &value)) {
      error = read_option_text(parser, value, &action->header);
      if (error == 0 && strchr(action->header, ':') == NULL) {
        error = fail(parser, "header=\"Name: value\"");
      }
    } else if (take_key(parser, "body=", &value)) {
      error = read_option_text(parser, value, &action->body);
    } else {
      return 0;
    }
  }
  return error;
}

static bool is_handshake(const char* text) {
  for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++) {
    if (strcmp(text, handshakes[i]) == 0) return true;
  }
  return false;
}

static bool is_hex(const char* text) {
  size_t size = strlen(text);
  return size > 0 && size % 2 == 0 &&
         strspn(text, "0123456789abcdefABCDEF") == size;
}

/* What an argument must be; NULL if it is. */
static const char* check_value(const struct gcn__script_action* action) {
  uint64_t n = action->number;
  switch (action->verb) {
  case GCN__DO_HTTP_STATUS:
    return n < 200 || n > 599 ? "a status from 200 to 599" : NULL;
  case GCN__DO_WS_CLOSE: return n > 65535 ? "a close code up to 65535" : NULL;
  case GCN__DO_WS_SPLIT:
  case GCN__DO_WS_FRAGMENT:
  case GCN__DO_WS_COALESCE:
  case GCN__DO_TOPIC_DRIFT:
  case GCN__DO_LIMIT_CHANNELS:
  case GCN__DO_LIMIT_TOPICS:
  case GCN__DO_EVENT_BURST:
    return n == 0 || n > COUNT_MAX ? "a number from 1 to 1000000" : NULL;
  case GCN__DO_DUP:
  case GCN__DO_WS_PING: return n > 1000 ? "a number up to 1000" : NULL;
  case GCN__DO_TOKEN_LIFE:
  case GCN__DO_CHANNEL_LIFE:
    return action->delay_ms < 1000 ? "at least 1s" : NULL;
  case GCN__DO_SECRET_ROTATE:
    return action->text[0] == '\0' ? "a secret" : NULL;
  case GCN__DO_TOPIC_REJECT: return n != 400 && n != 403 ? "400 or 403" : NULL;
  case GCN__DO_HTTP_HUGE_HEADER:
  case GCN__DO_HTTP_HUGE_BODY:
  case GCN__DO_WS_BINARY:
    return n > SIZE_MAX_ANY ? "at most 4194304 bytes" : NULL;
  default: return gcn__script_check_stream(action);
  }
}

static int check_action(struct parser* parser,
                        const struct gcn__script_rule* rule,
                        const struct gcn__script_action* action) {
  const char* expected = check_value(action);
  if (expected == NULL) expected = gcn__script_check_variant(action);
  if (expected != NULL) return fail(parser, expected);
  if (action->verb == GCN__DO_WS_HANDSHAKE && !is_handshake(action->text)) {
    return fail(parser, "bad-accept, no-accept, two-accepts, no-upgrade, "
                        "no-connection, extension or subprotocol");
  }
  if (action->verb == GCN__DO_WS_RAW && !is_hex(action->text)) {
    return fail(parser, "pairs of hexadecimal digits");
  }
  bool on_topic = rule->when == GCN__WHEN_ON_TOPIC;
  if (action->verb == GCN__DO_TOPIC_REJECT && !on_topic) {
    return fail(parser, "`on topic PATTERN` before reject");
  }
  return 0;
}

static int read_action(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__script_line* line = &parser->line;
  if (rule->action_count == GCN__SCRIPT_ACTIONS_MAX) {
    return gcn__script_line_fail(line, "at most 16 actions");
  }
  struct gcn__script_action* action = &rule->actions[rule->action_count];
  if (!find_verb(gcn__script_line_peek(line), &action->verb)) {
    return gcn__script_line_fail(line, "an action such as ws.close");
  }
  rule->action_count++;
  line->at++;
  int error = read_args(parser, action);
  if (error == 0) error = read_options(parser, action);
  if (error != 0) return error;
  return check_action(parser, rule, action);
}

static int read_no_more(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__script_line* line = &parser->line;
  rule->expect = GCN__EXPECT_NO_MORE;
  if (!gcn__script_line_take(line, "more-than")) {
    return gcn__script_line_fail(line, "more-than");
  }
  int error = read_number(parser, &rule->count);
  if (error == 0) error = read_counter(parser, true, &rule->counter);
  if (error != 0) return error;
  gcn__script_line_take(line, "calls");
  if (rule->count > COUNT_MAX) return fail(parser, "at most 1000000");
  if (!gcn__script_line_take(line, "per")) {
    return gcn__script_line_fail(line, "per");
  }
  return read_duration(parser, &rule->within_ms);
}

static int read_within(struct parser* parser, struct gcn__script_rule* rule,
                       enum gcn__script_expect expect) {
  rule->expect = expect;
  if (!gcn__script_line_take(&parser->line, "within")) {
    return gcn__script_line_fail(&parser->line, "within");
  }
  return read_duration(parser, &rule->within_ms);
}

static int read_expect(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__script_line* line = &parser->line;
  rule->when = GCN__WHEN_EXPECT;
  if (gcn__script_line_take(line, "reconnect")) {
    return read_within(parser, rule, GCN__EXPECT_RECONNECT);
  }
  if (gcn__script_line_take(line, "connect")) {
    return read_within(parser, rule, GCN__EXPECT_CONNECT);
  }
  if (gcn__script_line_take(line, "subscribe")) {
    return read_within(parser, rule, GCN__EXPECT_SUBSCRIBE);
  }
  if (gcn__script_line_take(line, "pong")) {
    return read_within(parser, rule, GCN__EXPECT_PONG);
  }
  if (gcn__script_line_take(line, "no")) return read_no_more(parser, rule);
  if (gcn__script_line_take(line, "retry-after")) {
    rule->expect = GCN__EXPECT_RETRY_AFTER;
    if (gcn__script_line_take(line, "honoured")) return 0;
    rule->expect = GCN__EXPECT_SINGLE;
    if (gcn__script_line_take(line, "single")) return 0;
    return gcn__script_line_fail(line, "honoured or single");
  }
  return gcn__script_line_fail(
      line, "reconnect, connect, subscribe, pong, no more-than or retry-after");
}

static int read_rule(struct parser* parser, struct gcn__script_rule* rule) {
  struct gcn__script_line* line = &parser->line;
  int error;
  if (gcn__script_line_take(line, "expect")) {
    error = read_expect(parser, rule);
  } else {
    error = read_trigger(parser, rule);
    if (error == 0) error = read_action(parser, rule);
    while (error == 0 && gcn__script_line_take(line, "then")) {
      error = read_action(parser, rule);
    }
  }
  if (error != 0) return error;
  if (line->at == line->count) return 0;
  return gcn__script_line_fail(line, "then, or the end of the line");
}

static void free_text(const struct gcn__mem* mem, const char* text) {
  if (text == NULL) return;
  gcn__free(mem, (char*)(uintptr_t)text, strlen(text) + 1);
}

static void clear_rule(const struct gcn__mem* mem,
                       struct gcn__script_rule* rule) {
  free_text(mem, rule->pattern);
  for (size_t i = 0; i < rule->action_count; i++) {
    const struct gcn__script_action* action = &rule->actions[i];
    free_text(mem, action->method);
    free_text(mem, action->path);
    free_text(mem, action->text);
    free_text(mem, action->header);
    free_text(mem, action->body);
    free_text(mem, action->client);
    free_text(mem, action->as);
  }
}

static int add_rule(struct gcn__script* script,
                    struct gcn__script_rule** rule) {
  if (script->count == script->capacity) {
    size_t capacity = script->capacity == 0 ? RULES_MIN : script->capacity * 2;
    void* rules = gcn__resize(script->mem, script->rules,
                              script->capacity * sizeof(*script->rules),
                              capacity * sizeof(*script->rules));
    if (rules == NULL) return GCN__ENOMEM;
    script->rules = rules;
    script->capacity = capacity;
  }
  *rule = &script->rules[script->count++];
  **rule = (struct gcn__script_rule){.line = 0};
  return 0;
}

static int parse_line(struct parser* parser, struct gcn__span text) {
  struct gcn__script_line* line = &parser->line;
  int error = gcn__script_line_cut(line, text);
  if (error != 0 || line->count == 0) return error;
  if (parser->script->count == GCN__SCRIPT_RULES_MAX) {
    return gcn__script_line_fail(line, "at most 1000 rules");
  }
  struct gcn__script_rule* rule;
  error = add_rule(parser->script, &rule);
  if (error != 0) return error;
  rule->line = line->number;
  return read_rule(parser, rule);
}

static int parse_lines(struct parser* parser, struct gcn__span text) {
  while (text.size > 0) {
    const char* end = memchr(text.data, '\n', text.size);
    size_t size = end == NULL ? text.size : (size_t)(end - text.data);
    parser->line.number++;
    int error = parse_line(parser, gcn__span(text.data, size));
    if (error != 0) return error;
    text = gcn__span_skip(text, end == NULL ? size : size + 1);
  }
  return 0;
}

int gcn__script_parse(const struct gcn__mem* mem, struct gcn__span text,
                      const char* name, struct gcn__script** script,
                      char error[GCN__SCRIPT_TEXT_SIZE]) {
  *script = NULL;
  error[0] = '\0';
  if (text.size > GCN__SCRIPT_SIZE_MAX) {
    snprintf(error, GCN__SCRIPT_TEXT_SIZE, "%s: larger than 1 MiB", name);
    return GCN__EINVAL;
  }
  struct gcn__script* made = gcn__alloc_zero(mem, sizeof(*made));
  if (made == NULL) return GCN__ENOMEM;
  made->mem = mem;
  struct parser parser = {.script = made,
                          .line = {.name = name, .error = error}};
  int result = parse_lines(&parser, text);
  if (result == 0) {
    *script = made;
  } else {
    gcn__script_free(made);
  }
  return result;
}

void gcn__script_free(struct gcn__script* script) {
  if (script == NULL) return;
  const struct gcn__mem* mem = script->mem;
  for (size_t i = 0; i < script->count; i++) {
    clear_rule(mem, &script->rules[i]);
  }
  gcn__free(mem, script->rules, script->capacity * sizeof(*script->rules));
  gcn__free(mem, script, sizeof(*script));
}

size_t gcn__script_count(const struct gcn__script* script) {
  return script == NULL ? 0 : script->count;
}

const struct gcn__script_rule*
gcn__script_rule(const struct gcn__script* script, size_t index) {
  return &script->rules[index];
}
