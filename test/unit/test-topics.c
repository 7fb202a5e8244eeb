/* SPDX-License-Identifier: MIT */
/*
 * The set of desired topics, against a naive model, at its limits, and with an
 * allocator that fails.
 */
#include "core/topics.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "mem-probe.h"

#include <stdio.h>
#include <strings.h>

enum { NAME_COUNT = 60, NAME_SIZE = 24, ROUND_COUNT = 20000, COUNT_MAX = 40 };

/* --- names ---------------------------------------------------------------- */

static void names_are_checked_at_n_and_beyond(void** state) {
  (void)state;
  char name[GCN__TOPIC_SIZE_MAX + 1];
  memset(name, 'x', sizeof name);
  assert_null(gcn__topic_check(gcn__span(name, 1)));
  assert_null(gcn__topic_check(gcn__span(name, GCN__TOPIC_SIZE_MAX)));
  assert_non_null(gcn__topic_check(gcn__span(name, GCN__TOPIC_SIZE_MAX + 1)));
  assert_non_null(gcn__topic_check(gcn__span(name, 0)));
  assert_non_null(gcn__topic_check(gcn__span(NULL, 0)));
}

static void names_are_printable_ascii(void** state) {
  (void)state;
  for (int c = 0; c < 256; c++) {
    char name[3] = {'v', (char)c, '2'};
    bool good = c > 0x20 && c < 0x7f && c != '"' && c != '\\';
    const char* wrong = gcn__topic_check(gcn__span(name, 3));
    assert_int_equal(good, wrong == NULL);
  }
  assert_null(
      gcn__topic_check(GCN__SPAN("v2.users.1bcd-ef?presence&routingStatus")));
}

/* --- the set -------------------------------------------------------------- */

static void case_is_ignored_and_kept(void** state) {
  (void)state;
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, 10);
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("v2.Users.A")), 0);
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("V2.uSERS.a")),
                   GCN__EEXIST);
  assert_int_equal(topics.count, 1);
  struct gcn__topic* topic = gcn__topics_find(&topics, GCN__SPAN("v2.users.a"));
  assert_non_null(topic);
  assert_string_equal(topic->name, "v2.Users.A");
  assert_int_equal(topic->verdict, GCN__VERDICT_PENDING);
  assert_null(gcn__topics_find(&topics, GCN__SPAN("v2.users.")));
  assert_null(gcn__topics_find(&topics, GCN__SPAN("v2.users.a.")));
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.users.A")), 0);
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.users.A")),
                   GCN__ENOENT);
  gcn__topics_deinit(&topics);
}

static void revision_follows_changes_only(void** state) {
  (void)state;
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, 1);
  assert_int_equal(topics.revision, 0);
  gcn__topics_add(&topics, GCN__SPAN("a"));
  assert_int_equal(topics.revision, 1);
  gcn__topics_add(&topics, GCN__SPAN("A")); /* there already */
  gcn__topics_add(&topics, GCN__SPAN("b")); /* one too many */
  gcn__topics_remove(&topics, GCN__SPAN("c"));
  assert_int_equal(topics.revision, 1);
  gcn__topics_remove(&topics, GCN__SPAN("a"));
  assert_int_equal(topics.revision, 2);
  gcn__topics_deinit(&topics);
  gcn__topics_deinit(&topics);
}

static void limit_is_exact(void** state) {
  (void)state;
  enum { LIMIT = 1000 };
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, LIMIT);
  char name[NAME_SIZE];
  for (int i = 0; i < LIMIT; i++) {
    snprintf(name, sizeof name, "v2.t.%d", i * 7919 % LIMIT);
    assert_int_equal(gcn__topics_add(&topics, gcn__span_str(name)), 0);
  }
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("v2.x")), GCN_ELIMIT);
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("V2.T.5")), GCN__EEXIST);
  assert_int_equal(topics.count, LIMIT);
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.t.5")), 0);
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("v2.x")), 0);
  gcn__topics_deinit(&topics);
}

/* --- against a model ------------------------------------------------------ */

struct model {
  char names[NAME_COUNT][NAME_SIZE];
  bool held[NAME_COUNT];
  size_t count;
};

/* Names that are prefixes of each other and differ in case only. */
static void name_all(struct model* model) {
  for (int i = 0; i < NAME_COUNT; i++) {
    char* name = model->names[i];
    snprintf(name, NAME_SIZE, "v2.%.*s%d", i % 5, "aAaA", i / 5);
  }
}

static size_t model_find(const struct model* model, const char* name) {
  size_t i = 0;
  while (i < NAME_COUNT) {
    if (model->held[i] && strcasecmp(model->names[i], name) == 0) break;
    i++;
  }
  return i;
}

static void assert_agrees(const struct gcn__topics* topics,
                          const struct model* model) {
  assert_int_equal(topics->count, model->count);
  for (size_t i = 0; i < topics->count; i++) {
    assert_true(model_find(model, topics->items[i].name) < NAME_COUNT);
    if (i == 0) continue;
    int order = strcasecmp(topics->items[i - 1].name, topics->items[i].name);
    assert_true(order < 0); /* sorted, none twice */
  }
}

static void act(struct gcn__topics* topics, struct model* model,
                struct gcn__rng* rng) {
  size_t pick = (size_t)gcn__rng_below(rng, NAME_COUNT);
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s", model->names[pick]);
  if (gcn__rng_below(rng, 2) == 0) name[0] = 'V';
  size_t at = model_find(model, name);
  struct gcn__span span = gcn__span_str(name);
  if (gcn__rng_below(rng, 3) > 0) {
    bool full = model->count == COUNT_MAX;
    int want = at < NAME_COUNT ? GCN__EEXIST : full ? GCN_ELIMIT : 0;
    assert_int_equal(gcn__topics_add(topics, span), want);
    if (want != 0) return;
    model->held[pick] = true;
    model->count++;
  } else {
    int want = at < NAME_COUNT ? 0 : GCN__ENOENT;
    assert_int_equal(gcn__topics_remove(topics, span), want);
    if (want != 0) return;
    model->held[at] = false;
    model->count--;
  }
}

static void agrees_with_a_model(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__topics topics;
  gcn__topics_init(&topics, &mem, COUNT_MAX);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 11);
  static struct model model;
  name_all(&model);
  for (int i = 0; i < ROUND_COUNT; i++) {
    act(&topics, &model, &rng);
    assert_agrees(&topics, &model);
  }
  gcn__topics_deinit(&topics);
  assert_int_equal(probe.live_size, 0);
}

/* --- with an allocator that fails ----------------------------------------- */

static unsigned fill(struct gcn__topics* topics, unsigned count) {
  unsigned error_count = 0;
  for (unsigned i = 0; i < count; i++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "v2.t.%02u", i);
    uint64_t revision = topics->revision;
    int error = gcn__topics_add(topics, gcn__span_str(name));
    if (error == 0) continue;
    assert_int_equal(error, GCN__ENOMEM);
    assert_true(topics->revision == revision);
    assert_null(gcn__topics_find(topics, gcn__span_str(name)));
    error_count++;
    assert_int_equal(gcn__topics_add(topics, gcn__span_str(name)), 0);
  }
  return error_count;
}

static void every_failed_allocation_changes_nothing(void** state) {
  (void)state;
  enum { COUNT = 40 };
  size_t fail_at = 1;
  unsigned error_count = 1;
  while (error_count > 0) {
    struct mem_probe probe = {.fail_at = fail_at++};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__topics topics;
    gcn__topics_init(&topics, &mem, COUNT);
    error_count = fill(&topics, COUNT);
    assert_int_equal(topics.count, COUNT);
    gcn__topics_deinit(&topics);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(fail_at > COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_checked_at_n_and_beyond),
      cmocka_unit_test(names_are_printable_ascii),
      cmocka_unit_test(case_is_ignored_and_kept),
      cmocka_unit_test(revision_follows_changes_only),
      cmocka_unit_test(limit_is_exact),
      cmocka_unit_test(agrees_with_a_model),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
