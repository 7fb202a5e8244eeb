/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions from any bytes, as text and as JSON.
 *
 * Oracles: a text that passes the check is written as JSON that reads back as
 * a text that is written the same; the second text is the same as the third;
 * its cost is what it takes; and no text that is made from JSON fails the
 * check.
 */
#include "base/err.h"
#include "codec/url.h"
#include "dialect/stream.h"
#include "dialect/subscription.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { JSON_SIZE_MAX = 1 << 16 };

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-subscription: %s\n", what);
  abort();
}

static void write_json(const struct gcn__shape* shape, struct gcn__span text,
                       struct gcn__buf* out) {
  gcn__buf_init(out, &gcn__mem_libc, JSON_SIZE_MAX);
  check(gcn__stream_append(shape, text, true, out) == 0, "cannot write");
  check(gcn__buf_append_str(out, "]") == 0, "cannot write the end");
}

/* False if the text is longer than a subscription may be: what stood plain in
 * the first may have to be encoded in the next. */
static bool read_json(struct gcn__span json, struct gcn__buf* text) {
  const char* why = NULL;
  struct gcn__json* root = gcn__json_parse(json, NULL);
  check(root != NULL, "writes what is not JSON");
  gcn__buf_init(text, &gcn__mem_libc, JSON_SIZE_MAX);
  int error = gcn__subscription_from_json(gcn__json_at(root, 0), text, &why);
  gcn__json_free(root, false);
  check(error == 0 || error == GCN_ELIMIT, "does not read what it wrote");
  if (error != 0) return false;
  check(gcn__subscription_check(gcn__buf_span(text)) == NULL,
        "reads a text that is not good");
  return true;
}

static void check_cost(const struct gcn__shape* shape, struct gcn__span text,
                       struct gcn__span json) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 4 * JSON_SIZE_MAX);
  /* "[" and "]" stand for the one comma that is counted. */
  struct gcn__span item = gcn__span(json.data + 1, json.size - 2);
  check(gcn__percent_encode(&out, item) == 0, "cannot encode");
  bool encoded = shape->subs_in == GCN__SUBS_IN_QUERY;
  size_t size = encoded ? gcn__buf_size(&out) + 3 : item.size + 1;
  check(gcn__stream_cost(shape, text) == size, "costs something else");
  gcn__buf_deinit(&out);
}

static void check_text(const struct gcn__shape* shape, struct gcn__span text) {
  struct gcn__buf first;
  struct gcn__buf second;
  struct gcn__buf again;
  struct gcn__buf third;
  write_json(shape, text, &first);
  check_cost(shape, text, gcn__buf_span(&first));
  if (read_json(gcn__buf_span(&first), &second)) {
    write_json(shape, gcn__buf_span(&second), &again);
    check(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&again)),
          "means something else after a round");
    check(read_json(gcn__buf_span(&again), &third), "grows in every round");
    check(gcn__span_equal(gcn__buf_span(&second), gcn__buf_span(&third)),
          "has no form of its own");
    gcn__buf_deinit(&again);
    gcn__buf_deinit(&third);
  }
  gcn__buf_deinit(&first);
  gcn__buf_deinit(&second);
}

/* Every shape has its own way to write the same. */
static void check_everywhere(struct gcn__span text) {
  for (unsigned i = 0; i < GCN__PRESET_COUNT; i++) {
    struct gcn__shape shape = gcn__shape_of((enum gcn__preset)i);
    check_text(&shape, text);
  }
}

static void check_object(struct gcn__span bytes) {
  struct gcn__json* root = gcn__json_parse(bytes, NULL);
  if (root == NULL) return;
  const char* why = NULL;
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, JSON_SIZE_MAX);
  int error = gcn__subscription_from_json(root, &text, &why);
  if (error == 0) {
    check(gcn__subscription_check(gcn__buf_span(&text)) == NULL,
          "makes a text that is not good");
    check_everywhere(gcn__buf_span(&text));
  } else {
    check(why != NULL && gcn__buf_size(&text) == 0, "leaves a part behind");
  }
  gcn__buf_deinit(&text);
  gcn__json_free(root, false);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct gcn__span bytes = gcn__span(data, size);
  if (gcn__subscription_check(bytes) == NULL) check_everywhere(bytes);
  check_object(bytes);
  return 0;
}
