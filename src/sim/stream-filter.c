/* SPDX-License-Identifier: MIT */
/*
 * Interests: reading and matching.  Names are compared as they are; the
 * service's own names are not matched with case ignored.
 */
#include "sim/stream-filter.h"

#include "base/err.h"
#include "sim/script.h"
#include "sim/text.h"

#include <stdio.h>

enum {
  INTERESTS_MIN = 8,
  CLAUSE_SIZE_MAX = 64 << 10,
  FACT_SIZE_MAX = 64 << 10
};

#define BAD_FORM   "a subscription must be an object with an event or a topic"
#define BAD_NAME   "event and resourceId must be 1 to 199 printable characters"
#define BAD_FILTER "a filter must be a string or an array of strings"
#define BAD_QUERY  "the filter's query is not understood"
#define TOO_MANY   "too many subscriptions or filters"

void gcn__sim_interests_init(struct gcn__sim_interests* interests,
                             const struct gcn__mem* mem) {
  *interests = (struct gcn__sim_interests){.mem = mem};
}

static void clear(const struct gcn__mem* mem,
                  struct gcn__sim_interest* interest) {
  gcn__str_free(mem, interest->event);
  gcn__str_free(mem, interest->resource);
  for (size_t i = 0; i < interest->clause_count; i++) {
    gcn__free(mem, interest->clauses[i].text, interest->clauses[i].text_size);
  }
  gcn__free(mem, interest->clauses,
            interest->clause_count * sizeof(*interest->clauses));
}

void gcn__sim_interests_deinit(struct gcn__sim_interests* interests) {
  const struct gcn__mem* mem = interests->mem;
  for (size_t i = 0; i < interests->count; i++) {
    clear(mem, &interests->all[i]);
  }
  gcn__free(mem, interests->all, interests->capacity * sizeof(*interests->all));
  *interests = (struct gcn__sim_interests){.mem = mem};
}

static bool is_name(struct gcn__span name) {
  if (name.size == 0 || name.size >= GCN__SIM_NAME_SIZE) return false;
  for (size_t i = 0; i < name.size; i++) {
    if (name.data[i] <= ' ' || name.data[i] > '~') return false;
  }
  return true;
}

/* What is known without a look at the data; NULL for its members. */
static const char* known_field(const struct gcn__sim_facts* facts,
                               const char* field) {
  if (strcmp(field, "eventType") == 0 || strcmp(field, "type") == 0) {
    return facts->type;
  }
  if (strcmp(field, "resourceId") == 0) {
    return facts->resource == NULL ? "" : facts->resource;
  }
  if (strcmp(field, "event") == 0 || strcmp(field, "topic") == 0) {
    return facts->event;
  }
  return NULL;
}

/* Copies what a clause was written as; the interest owns it then. */
static int add_clause(struct gcn__sim_interests* interests,
                      struct gcn__sim_interest* interest,
                      const struct gcn__sim_text* text, size_t value_count,
                      bool negated) {
  static const struct gcn__sim_facts none = {"", "", "", NULL};
  if (text->error != 0) return text->error;
  const struct gcn__mem* mem = interests->mem;
  struct gcn__span span = gcn__buf_span(&text->buf);
  size_t count = interest->clause_count;
  struct gcn__sim_clause made = {.text = gcn__alloc(mem, span.size),
                                 .text_size = span.size,
                                 .value_count = value_count,
                                 .negated = negated};
  if (made.text == NULL) return GCN__ENOMEM;
  memcpy(made.text, span.data, span.size);
  void* clauses = gcn__resize(mem, interest->clauses, count * sizeof(made),
                              (count + 1) * sizeof(made));
  if (clauses == NULL) {
    gcn__free(mem, made.text, made.text_size);
    return GCN__ENOMEM;
  }
  interest->clauses = clauses;
  interest->clauses[interest->clause_count++] = made;
  if (known_field(&none, made.text) == NULL) interests->reads_data = true;
  return 0;
}

static void put_value(struct gcn__sim_text* text, struct gcn__span value) {
  gcn__sim_text_span(text, value);
  gcn__sim_text_span(text, gcn__span("", 1));
}

/* "eventType":["A","B"] or "eventType":"A" */
static int read_filter(struct gcn__sim_interests* interests,
                       struct gcn__sim_interest* interest, const char* field,
                       const struct gcn__json* value, const char** why) {
  struct gcn__sim_text text;
  gcn__sim_text_init(&text, interests->mem, CLAUSE_SIZE_MAX);
  bool list = gcn__json_is_array(value);
  size_t count = list ? gcn__json_count(value) : 1;
  int error = count == 0 ? GCN__EINVAL : 0;
  put_value(&text, gcn__span_str(field));
  for (size_t i = 0; i < count && error == 0; i++) {
    struct gcn__span one =
        gcn__json_string(list ? gcn__json_at(value, i) : value);
    if (one.data == NULL) error = GCN__EINVAL;
    if (error == 0) put_value(&text, one);
  }
  if (error == 0) error = add_clause(interests, interest, &text, count, false);
  if (error == GCN__EINVAL) *why = BAD_FILTER;
  gcn__sim_text_deinit(&text);
  return error;
}

static int read_filters(struct gcn__sim_interests* interests,
                        struct gcn__sim_interest* interest,
                        const struct gcn__json* filters, const char** why) {
  *why = BAD_FILTER;
  if (filters == NULL) return 0;
  if (!gcn__json_is_object(filters)) return GCN__EINVAL;
  for (size_t i = 0; gcn__json_key(filters, i) != NULL; i++) {
    const char* field = gcn__json_key(filters, i);
    *why = TOO_MANY;
    if (i == GCN__SIM_CLAUSES_MAX) return GCN__EINVAL;
    int error = read_filter(interests, interest, field,
                            gcn__json_get(filters, field), why);
    if (error != 0) return error;
  }
  return 0;
}

static struct gcn__span skip_blanks(struct gcn__span text) {
  while (text.size > 0 && text.data[0] == ' ')
    text = gcn__span_skip(text, 1);
  return text;
}

static bool take(struct gcn__span* text, const char* word) {
  *text = skip_blanks(*text);
  if (!gcn__span_starts(*text, word)) return false;
  *text = gcn__span_skip(*text, strlen(word));
  return true;
}

static struct gcn__span take_field(struct gcn__span* text) {
  static const char letters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  size_t size = 0;
  while (size < text->size && text->data[size] != '\0' &&
         strchr(letters, text->data[size]) != NULL) {
    size++;
  }
  struct gcn__span field = gcn__span(text->data, size);
  *text = gcn__span_skip(*text, size);
  return field;
}

/* event.FIELD=="VALUE" or event.FIELD!='VALUE'; false if it is neither. */
static bool take_term(struct gcn__span* text, struct gcn__span* field,
                      struct gcn__span* value, bool* negated) {
  if (!take(text, "event.")) return false;
  *field = take_field(text);
  *negated = take(text, "!=");
  if (field->size == 0 || (!*negated && !take(text, "=="))) return false;
  *text = skip_blanks(*text);
  if (text->size < 2 || strchr("\"'", text->data[0]) == NULL) return false;
  char quote = text->data[0];
  *text = gcn__span_skip(*text, 1);
  const char* end = memchr(text->data, quote, text->size);
  if (end == NULL) return false;
  *value = gcn__span(text->data, (size_t)(end - text->data));
  *text = gcn__span_skip(*text, value->size + 1);
  return true;
}

static int read_query(struct gcn__sim_interests* interests,
                      struct gcn__sim_interest* interest,
                      struct gcn__span query, const char** why) {
  *why = BAD_QUERY;
  if (query.data == NULL) return GCN__EINVAL;
  for (size_t i = 0; i < GCN__SIM_CLAUSES_MAX; i++) {
    struct gcn__span field;
    struct gcn__span value;
    bool negated = false;
    if (!take_term(&query, &field, &value, &negated)) return GCN__EINVAL;
    struct gcn__sim_text text;
    gcn__sim_text_init(&text, interests->mem, CLAUSE_SIZE_MAX);
    put_value(&text, field);
    put_value(&text, value);
    int error = add_clause(interests, interest, &text, 1, negated);
    gcn__sim_text_deinit(&text);
    if (error != 0) return error;
    if (skip_blanks(query).size == 0) return 0;
    if (!take(&query, "&&")) return GCN__EINVAL;
  }
  return GCN__EINVAL;
}

static int set_names(struct gcn__sim_interests* interests,
                     struct gcn__sim_interest* interest, struct gcn__span event,
                     struct gcn__span resource, const char** why) {
  *why = BAD_NAME;
  if (!is_name(event)) return GCN__EINVAL;
  if (resource.data != NULL && !is_name(resource)) return GCN__EINVAL;
  interest->event = gcn__str_copy_n(interests->mem, event.data, event.size);
  if (interest->event == NULL) return GCN__ENOMEM;
  if (resource.data == NULL) return 0;
  interest->resource =
      gcn__str_copy_n(interests->mem, resource.data, resource.size);
  return interest->resource == NULL ? GCN__ENOMEM : 0;
}

static int read_word(struct gcn__sim_interests* interests,
                     struct gcn__sim_interest* interest, struct gcn__span word,
                     const char** why) {
  struct gcn__span resource = {NULL, 0};
  const char* at = memchr(word.data, '@', word.size);
  if (at != NULL) {
    resource = gcn__span_skip(word, (size_t)(at - word.data) + 1);
    word.size = (size_t)(at - word.data);
  }
  return set_names(interests, interest, word, resource, why);
}

static int read_object(struct gcn__sim_interests* interests,
                       struct gcn__sim_interest* interest,
                       const struct gcn__json* object, const char** why) {
  const struct gcn__json* resource = gcn__json_get(object, "resourceId");
  struct gcn__span topic = gcn__json_member(object, "topic");
  struct gcn__span event = gcn__json_member(object, "event");
  if (topic.data != NULL) event = topic;
  *why = BAD_FORM;
  if (event.data == NULL) return GCN__EINVAL;
  *why = BAD_NAME;
  if (resource != NULL && gcn__json_string(resource).data == NULL) {
    return GCN__EINVAL;
  }
  int error =
      set_names(interests, interest, event, gcn__json_string(resource), why);
  if (error != 0) return error;
  const struct gcn__json* filter = gcn__json_get(object, "filter");
  if (gcn__json_get(filter, "query") != NULL) {
    return read_query(interests, interest, gcn__json_member(filter, "query"),
                      why);
  }
  error = read_filters(interests, interest, filter, why);
  if (error != 0) return error;
  return read_filters(interests, interest, gcn__json_get(object, "filters"),
                      why);
}

static bool make_room(struct gcn__sim_interests* interests) {
  if (interests->count < interests->capacity) return true;
  size_t capacity =
      interests->capacity == 0 ? INTERESTS_MIN : interests->capacity * 2;
  void* all = gcn__resize(interests->mem, interests->all,
                          interests->capacity * sizeof(*interests->all),
                          capacity * sizeof(*interests->all));
  if (all == NULL) return false;
  interests->all = all;
  interests->capacity = capacity;
  return true;
}

static int read_one(struct gcn__sim_interests* interests,
                    const struct gcn__json* value, const char** why) {
  *why = TOO_MANY;
  if (interests->count == GCN__SIM_INTERESTS_MAX) return GCN__EINVAL;
  if (!make_room(interests)) return GCN__ENOMEM;
  struct gcn__sim_interest made = {.event = NULL};
  struct gcn__span word = gcn__json_string(value);
  *why = BAD_FORM;
  int error = GCN__EINVAL;
  if (word.data != NULL) {
    error = read_word(interests, &made, word, why);
  } else if (gcn__json_is_object(value)) {
    error = read_object(interests, &made, value, why);
  }
  if (error != 0) {
    clear(interests->mem, &made);
    return error;
  }
  interests->all[interests->count++] = made;
  return 0;
}

int gcn__sim_interests_read(struct gcn__sim_interests* interests,
                            const struct gcn__json* value, const char** why) {
  if (!gcn__json_is_array(value)) return read_one(interests, value, why);
  for (size_t i = 0; i < gcn__json_count(value); i++) {
    int error = read_one(interests, gcn__json_at(value, i), why);
    if (error != 0) return error;
  }
  return 0;
}

int gcn__sim_interests_names(struct gcn__sim_interests* interests,
                             const struct gcn__sim_interests* from) {
  const char* why;
  for (size_t i = 0; i < from->count; i++) {
    struct gcn__sim_interest made = {.event = NULL};
    const struct gcn__sim_interest* one = &from->all[i];
    int error = make_room(interests) ? 0 : GCN__ENOMEM;
    if (error == 0) {
      error = set_names(interests, &made, gcn__span_str(one->event),
                        gcn__span_str(one->resource), &why);
    }
    if (error != 0) {
      clear(interests->mem, &made);
      return error;
    }
    interests->all[interests->count++] = made;
  }
  return 0;
}

static bool has_value(const struct gcn__sim_clause* clause,
                      struct gcn__span value) {
  const char* wanted = clause->text + strlen(clause->text) + 1;
  for (size_t i = 0; i < clause->value_count; i++) {
    if (gcn__span_is(value, wanted)) return true;
    wanted += strlen(wanted) + 1;
  }
  return false;
}

/* Strings as they are, all else as JSON writes it. */
static bool has_member(const struct gcn__sim_clause* clause,
                       const struct gcn__json* member) {
  struct gcn__span string = gcn__json_string(member);
  if (member == NULL) return false;
  if (string.data != NULL) return has_value(clause, string);
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, FACT_SIZE_MAX);
  bool has = gcn__json_write(&text, member) == 0 &&
             has_value(clause, gcn__buf_span(&text));
  gcn__buf_deinit(&text);
  return has;
}

static bool holds(const struct gcn__sim_clause* clause,
                  const struct gcn__sim_facts* facts) {
  const char* known = known_field(facts, clause->text);
  bool has = known != NULL
                 ? has_value(clause, gcn__span_str(known))
                 : has_member(clause, gcn__json_get(facts->data, clause->text));
  return has != clause->negated;
}

static bool covers(const struct gcn__sim_interest* interest,
                   const struct gcn__sim_facts* facts) {
  if (strcmp(interest->event, facts->event) != 0) return false;
  if (interest->resource != NULL) {
    if (facts->resource == NULL) return false;
    if (strcmp(interest->resource, facts->resource) != 0) return false;
  }
  for (size_t i = 0; i < interest->clause_count; i++) {
    if (!holds(&interest->clauses[i], facts)) return false;
  }
  return true;
}

bool gcn__sim_interests_cover(const struct gcn__sim_interests* interests,
                              const struct gcn__sim_facts* facts) {
  for (size_t i = 0; i < interests->count; i++) {
    if (covers(&interests->all[i], facts)) return true;
  }
  return false;
}

void gcn__sim_interest_name(const char* event, const char* resource,
                            char out[GCN__SIM_INTEREST_SIZE]) {
  snprintf(out, GCN__SIM_INTEREST_SIZE, "%s%s%s", event,
           resource == NULL ? "" : "@", resource == NULL ? "" : resource);
}

static const struct gcn__sim_kind kinds[] = {
    {"routing.queueEvents",
     "routing:queue:read",
     "",
     {"QUEUE_ADD", "QUEUE_REMOVE", "QUEUE_UPDATE", NULL}},
    {"routing.interactionEvents",
     "conversation:read",
     "",
     {"INTERACTION_START", "INTERACTION_TRANSFER", "INTERACTION_END", NULL}},
    {"telephony.callEvents",
     "telephony:read",
     "CX 2",
     {"CALL_ALERTING", "CALL_CONNECTED", "CALL_ENDED", NULL}},
    {"routing.conversations",
     "conversation:read",
     "",
     {"CONVERSATION_START", "CONVERSATION_END", NULL}},
    {"routing.users.*.events",
     "user:read",
     "",
     {"USER_JOIN", "USER_LEAVE", NULL}},
    {"routing:queue:stats:updated",
     "routing:queue:read",
     "",
     {"QUEUE_STATS", NULL}},
    {"/api/v2/analytics/events",
     "analytics:read",
     "",
     {"queueEvent", "userEvent", "conversationEvent", NULL}},
};

static const struct gcn__sim_kind other = {"*", "", "", {"CHANGE", NULL}};

const struct gcn__sim_kind* gcn__sim_kind_of(const char* event) {
  struct gcn__span name = gcn__span_str(event);
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (gcn__script_match(kinds[i].pattern, name)) return &kinds[i];
  }
  return NULL;
}

const struct gcn__sim_kind* gcn__sim_kind_other(void) {
  return &other;
}
