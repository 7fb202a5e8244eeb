/* SPDX-License-Identifier: MIT */
/*
 * The batch scanner against jansson over generated documents: sound ones of
 * every form with our keys in any place, and the same with bytes changed, cut
 * out and cut off.  The seed is fixed; the fuzzer looks further.
 */
#include "batch-oracle.h"
#include "json-random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whose members are written: nobody's, or of what the scanner looks at. */
enum place { PLACE_OTHER, PLACE_MESSAGE, PLACE_EVENT, PLACE_METADATA };

static const char* const event_keys[] = {
    "id",        "eventId",   "event",     "topicName",     "topic",
    "eventType", "timestamp", "eventTime", "resourceId",    "data",
    "eventBody", "metadata",  "version",   "correlationId", "i\\u0064",
};
static const char* const message_keys[] = {
    "lastEventId", "events",  "batch",  "errors",      "message",
    "code",        "status",  "data",   "resumed",     "timestamp",
    "id",          "eventId", "event",  "eventBody",   "metadata",
    "resourceId",  "topic",   "events", "e\\u0076ents"};

/* Every key once at most: duplicates are for the faults. */
static const char* choose_key(struct writer* writer, enum place place,
                              uint32_t* used) {
  bool message = place == PLACE_MESSAGE;
  if (place == PLACE_METADATA)
    return (*used)++ == 0 ? "CorrelationId" : "correlationId";
  if (place == PLACE_OTHER || writer_below(writer, 6) == 0) {
    static const char* const others[] = {"a", "CorrelationId", "x\\n", "Id"};
    size_t index = writer_below(writer, COUNT(others));
    return others[index];
  }
  size_t count = message ? COUNT(message_keys) : COUNT(event_keys);
  size_t index = writer_below(writer, count);
  if ((*used >> index & 1) != 0) return "b";
  *used |= UINT32_C(1) << index;
  return message ? message_keys[index] : event_keys[index];
}

static bool is_one_of(const char* key, const char* names) {
  size_t size = strlen(key);
  const char* found = strstr(names, key);
  return found != NULL && found[size] == ' ';
}

static void put_any(struct writer* writer, size_t depth);
static void put_object(struct writer* writer, enum place place, size_t depth);

static void put_events(struct writer* writer, size_t depth) {
  writer_put(writer, "[");
  for (size_t i = writer_below(writer, 4); i > 0; i--) {
    writer_put_space(writer);
    if (writer_below(writer, 40) == 0)
      writer_put_scalar(writer);
    else
      put_object(writer, PLACE_EVENT, depth + 1);
    writer_put_space(writer);
    if (i > 1) writer_put(writer, ",");
  }
  writer_put(writer, "]");
}

static void put_value(struct writer* writer, enum place place, const char* key,
                      size_t depth) {
  static const char* const bools[] = {"true", "false", "null", "\"\""};
  bool rare = writer_below(writer, 8) == 0;
  bool array = is_one_of(key, "events e\\u0076ents batch data ");
  if (place == PLACE_MESSAGE && array && !rare)
    put_events(writer, depth);
  else if (is_one_of(key, "metadata ") && !rare)
    put_object(writer, PLACE_METADATA, depth);
  else if (is_one_of(key, "data eventBody errors ") || place == PLACE_OTHER)
    put_any(writer, depth);
  else if (rare || is_one_of(key, "resumed "))
    writer_put_one_of(writer, bools, COUNT(bools));
  else
    writer_put_scalar(writer);
}

static void put_object(struct writer* writer, enum place place, size_t depth) {
  uint32_t used = 0;
  writer_put(writer, "{");
  size_t bound = place == PLACE_MESSAGE || place == PLACE_EVENT ? 7 : 3;
  for (size_t i = writer_below(writer, bound); i > 0; i--) {
    const char* key = choose_key(writer, place, &used);
    writer_put_space(writer);
    writer_put(writer, "\"");
    writer_put(writer, key);
    writer_put(writer, "\"");
    writer_put_space(writer);
    writer_put(writer, ":");
    writer_put_space(writer);
    put_value(writer, place, key, depth + 1);
    writer_put_space(writer);
    if (i > 1) writer_put(writer, ",");
  }
  writer_put(writer, "}");
}

static void put_any(struct writer* writer, size_t depth) {
  size_t kind = writer_below(writer, depth > 6 ? 1 : 4);
  if (kind == 3) {
    put_object(writer, PLACE_OTHER, depth);
    return;
  }
  if (kind < 2) {
    writer_put_scalar(writer);
    return;
  }
  writer_put(writer, "[");
  for (size_t i = writer_below(writer, 4); i > 0; i--) {
    put_any(writer, depth + 1);
    if (i > 1) writer_put(writer, " ,");
  }
  writer_put(writer, "]");
}

static void check(struct gcn__span text, unsigned seed) {
  const char* found = batch_disagreement(text.data, text.size);
  if (found == NULL) return;
  fail_msg("document %u: %s: %.*s", seed, found, (int)text.size, text.data);
}

static void put_document(struct writer* writer) {
  writer_put_space(writer);
  if (writer_below(writer, 6) == 0)
    put_events(writer, 0);
  else
    put_object(writer, PLACE_MESSAGE, 0);
  writer_put_space(writer);
}

static void test_documents(void** state) {
  (void)state;
  for (unsigned seed = 0; seed < 40000; seed++) {
    struct writer writer;
    gcn__rng_seed(&writer.rng, seed);
    gcn__buf_init(&writer.out, &gcn__mem_libc, 1 << 20);
    put_document(&writer);
    check(gcn__buf_span(&writer.out), seed);
    for (size_t faults = writer_below(&writer, 3); faults > 0; faults--) {
      if (gcn__buf_size(&writer.out) == 0) break;
      writer_spoil(&writer);
      check(gcn__buf_span(&writer.out), seed);
    }
    gcn__buf_deinit(&writer.out);
  }
}

/* As many events as a message can hold, and none is lost. */
static void test_many_events(void** state) {
  (void)state;
  struct writer writer;
  gcn__rng_seed(&writer.rng, 1);
  gcn__buf_init(&writer.out, &gcn__mem_libc, 4 << 20);
  writer_put(&writer, "{\"events\":[{}");
  for (int i = 0; i < 20000; i++) {
    writer_put(&writer, ",");
    put_object(&writer, PLACE_EVENT, 1);
  }
  writer_put(&writer, "]}");
  check(gcn__buf_span(&writer.out), 0);
  gcn__buf_deinit(&writer.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_documents),
      cmocka_unit_test(test_many_events),
  };
  return cmocka_run_group_tests_name("batch-random", tests, NULL, NULL);
}
