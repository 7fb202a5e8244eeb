/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect's shapes: presets, what is wrong with one, and that the
 * room it says there is, is there.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "codec/url.h"
#include "dialect/subscription.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { OUT_SIZE_MAX = 1 << 20 };

static void presets_have_names(void** state) {
  (void)state;
  static const char* const aliases[] = {NULL, "thread-a", "thread-b",
                                        "thread-c", "thread-d"};
  for (unsigned i = 0; i < GCN__PRESET_COUNT; i++) {
    enum gcn__preset preset = (enum gcn__preset)i;
    struct gcn__shape shape = gcn__shape_of(preset);
    assert_null(gcn__shape_check(&shape));
    struct gcn__span name = gcn__span_str(gcn__preset_name(preset));
    assert_int_equal(gcn__preset_find(name), preset);
    if (aliases[i] == NULL) continue;
    assert_int_equal(gcn__preset_find(gcn__span_str(aliases[i])), preset);
  }
  assert_null(gcn__preset_name(GCN__PRESET_COUNT));
  assert_int_equal(gcn__preset_find(GCN__SPAN("")), GCN__PRESET_COUNT);
  assert_int_equal(gcn__preset_find(GCN__SPAN("thread-e")), GCN__PRESET_COUNT);
}

static void a_shape_is_checked(void** state) {
  (void)state;
#define WRONG(change, word)                                                    \
  do {                                                                         \
    struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);                \
    shape.change;                                                              \
    const char* wrong = gcn__shape_check(&shape);                              \
    assert_non_null(wrong);                                                    \
    assert_non_null(strstr(wrong, word));                                      \
  } while (0)
  char name[66];
  char path[502];
  memset(name, 'x', sizeof name - 1);
  memset(path, '/', sizeof path - 1);
  name[65] = '\0';
  path[501] = '\0';
  WRONG(path = "", "empty");
  WRONG(path = "x", "begin");
  WRONG(path = path, "500 bytes");
  WRONG(path = "/x?y=z", "query");
  WRONG(path = "/x y", "byte");
  WRONG(path = "/x\r\n", "byte");
  WRONG(path = "/x#", "byte");
  WRONG(preflight_path = "x", "begin");
  WRONG(ticket_path = "x", "begin");
  WRONG(subs_path = "x", "begin");
  WRONG(subs_in = GCN__SUBS_IN_POST, "POST");
  WRONG(token_param = "", "token_param");
  WRONG(subs_param = "", "subscriptions_param");
  WRONG(subs_param = "access_token", "one name");
  WRONG(since_param = "maxLatency", "one name");
  WRONG(resume_param = "a&b", "byte");
  WRONG(batch_param = name, "64 bytes");
  WRONG(url_size_max = 65537, "65536");
  WRONG(url_size_max = 300, "no room");
  WRONG(token_in = (enum gcn__token_in)2, "token_in");
  WRONG(subs_in = (enum gcn__subs_in)3, "subscriptions_in");
  WRONG(form = (enum gcn__subs_form)3, "form");
#undef WRONG
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  name[64] = '\0';
  path[500] = '\0';
  shape.batch_param = name;
  shape.path = path;
  shape.since_param = shape.resume_param;
  shape.latency_param = "";
  shape.url_size_max = 65536;
  assert_null(gcn__shape_check(&shape));
}

/* A text of random bytes that passes the check, or is shortened until it
 * does. */
static struct gcn__span random_text(struct gcn__rng* rng, char* text) {
  static const char plain[] = "aZ9.-_~/!\"'()*+,:;<>[]{}|^`$#=";
  static const char* const parts[] = {
      "%25", "%22", "%5C", "%0A", "%01", "%7F", "%C3%A4", "%E2%82%AC", "%20"};
  size_t size = 0;
  size_t wanted = 1 + gcn__rng_below(rng, 120);
  size_t at = 1 + gcn__rng_below(rng, 60);
  text[size++] = 'e';
  while (size < wanted) {
    if (size >= at && memchr(text, '@', size) == NULL) {
      text[size++] = '@';
      text[size++] = 'r';
    }
    const char* part = parts[gcn__rng_below(rng, COUNT(parts))];
    char c = plain[gcn__rng_below(rng, sizeof plain - 1)];
    bool escape = gcn__rng_below(rng, 4) == 0;
    size += (size_t)snprintf(text + size, 12, "%.*s", escape ? 9 : 1,
                             escape ? part : &c);
  }
  unsigned filter_count = (unsigned)gcn__rng_below(rng, 4);
  for (unsigned i = 0; i < filter_count; i++) {
    size += (size_t)snprintf(text + size, 40, "%c%s%u=%%22v,%%C3%%A4%u",
                             i == 0 ? '?' : '&', i == 0 ? "query" : "n", i, i);
  }
  return gcn__span(text, size);
}

static size_t encoded_size(const struct gcn__shape* shape,
                           struct gcn__span json) {
  if (shape->subs_in != GCN__SUBS_IN_QUERY) return json.size;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__percent_encode(&out, json), 0);
  size_t size = gcn__buf_size(&out);
  gcn__buf_deinit(&out);
  return size;
}

/* The cost is not only a bound: it is what the text takes with its comma. */
static void a_cost_is_what_a_subscription_takes(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 11);
  for (unsigned round = 0; round < 2000; round++) {
    struct gcn__shape shape =
        gcn__shape_of((enum gcn__preset)(round % GCN__PRESET_COUNT));
    char text[400];
    struct gcn__span span = random_text(&rng, text);
    assert_null(gcn__subscription_check(span));
    struct gcn__buf array;
    gcn__buf_init(&array, &gcn__mem_libc, OUT_SIZE_MAX);
    assert_int_equal(gcn__stream_append(&shape, span, false, &array), 0);
    size_t cost = gcn__stream_cost(&shape, span);
    assert_int_equal(encoded_size(&shape, gcn__buf_span(&array)), cost);
    gcn__buf_deinit(&array);
  }
}

/* Texts whose costs fit into the room, with all else as long as it may be. */
static void fill(const struct gcn__shape* shape, struct gcn__rng* rng,
                 struct gcn__buf* array) {
  size_t room = gcn__stream_room(shape);
  bool first = true;
  for (unsigned tries = 0; tries < 200; tries++) {
    char text[400];
    struct gcn__span span = random_text(rng, text);
    size_t cost = gcn__stream_cost(shape, span);
    if (cost > room) continue;
    room -= cost;
    assert_int_equal(gcn__stream_append(shape, span, first, array), 0);
    first = false;
  }
  assert_int_equal(gcn__buf_append_str(array, first ? "[]" : "]"), 0);
}

static const char* repeat(char* out, char c, size_t count) {
  memset(out, c, count);
  out[count] = '\0';
  return out;
}

static void what_fits_into_the_room_fits_into_the_url(void** state) {
  (void)state;
  static char token[20000];
  static char position[20000];
  static char base[20000];
  char session[GCN__SESSION_SIZE_MAX + 1];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 12);
  for (unsigned round = 0; round < 300; round++) {
    struct gcn__shape shape =
        gcn__shape_of((enum gcn__preset)(round % GCN__PRESET_COUNT));
    size_t url_size = 2000 + gcn__rng_below(&rng, 8000);
    shape.url_size_max = url_size;
    if (gcn__rng_below(&rng, 4) == 0) shape.form = GCN__FORM_NAMED;
    assert_null(gcn__shape_check(&shape));
    struct gcn__stream_ask ask = {.shape = &shape};
    struct gcn__buf array;
    struct gcn__buf out;
    gcn__buf_init(&array, &gcn__mem_libc, OUT_SIZE_MAX);
    gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
    fill(&shape, &rng, &array);
    ask.subscriptions = gcn__buf_span(&array);
    ask.token = repeat(token, 't', url_size / 4);
    ask.base_path = repeat(base, '/', url_size / 16);
    ask.resume = gcn__span_str(repeat(position, '%', url_size / 8 / 3));
    ask.resume_is_time = gcn__rng_below(&rng, 2) == 0;
    ask.session = repeat(session, '/', GCN__SESSION_SIZE_MAX);
    assert_int_equal(gcn__stream_target(&ask, &out), 0);
    assert_true(gcn__buf_size(&out) <= url_size);
    gcn__buf_clear(&out);
    assert_int_equal(gcn__stream_message(&ask, &out), 0);
    if (shape.subs_in != GCN__SUBS_IN_QUERY)
      assert_true(gcn__buf_size(&out) <= url_size);
    gcn__buf_deinit(&array);
    gcn__buf_deinit(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(presets_have_names),
      cmocka_unit_test(a_shape_is_checked),
      cmocka_unit_test(a_cost_is_what_a_subscription_takes),
      cmocka_unit_test(what_fits_into_the_room_fits_into_the_url),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
