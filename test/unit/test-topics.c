/* SPDX-License-Identifier: MIT */
/*
 * The set of desired topics, against a naive model, at its limits, many at once
 * and with an allocator that fails; and when rejected ones are asked for again.
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

/* The set takes what the stream dialect has for topics. */
static void sizes_are_limited_at_n_and_beyond(void** state) {
  (void)state;
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, 5);
  char name[GCN__TOPIC_TEXT_SIZE_MAX + 2];
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  const char* const names[] = {"a", name};
  struct gcn__span span = gcn__span_str(name);
  assert_int_equal(gcn__topics_add(&topics, span), GCN_ELIMIT);
  assert_int_equal(gcn__topics_add(&topics, gcn__span(name, 0)), GCN_ELIMIT);
  assert_int_equal(gcn__topics_add_many(&topics, names, 2), GCN_ELIMIT);
  assert_int_equal(topics.count, 0);
  assert_true(topics.revision == 0);
  name[sizeof name - 2] = '\0';
  assert_int_equal(gcn__topics_add_many(&topics, names, 2), 0);
  memcpy(name, "v2.queues.Q.", 12); /* a prefix, and a long last segment */
  span = gcn__span_str(name);
  assert_int_equal(gcn__topics_add(&topics, span), 0);
  assert_int_equal(gcn__topics_find(&topics, span)->name_size, 1000);
  assert_int_equal(gcn__topics_find(&topics, span)->prefix_size, 11);
  memset(name + 12, 'p', 900);
  name[912] = '.';
  span = gcn__span_str(name);
  assert_int_equal(gcn__topics_add(&topics, span), 0);
  assert_int_equal(gcn__topics_find(&topics, span)->prefix_size, 912);
  gcn__topics_deinit(&topics);
}

/* --- order ---------------------------------------------------------------- */

static void only_words_are_combinable(void** state) {
  (void)state;
  static const struct {
    const char* name;
    size_t prefix_size;
  } cases[] = {
      {"v2.users.U.presence", 10},
      {"v2.users.U.routingStatus", 10},
      {"v2.detail.events.conversation.C.acd.start", 35},
      {"a.b.c.d", 5},
      /* No entity. */
      {"a.b.c", 5},
      {"v2.b", 4},
      /* The last segment is an id, or may be one. */
      {"v2.outbound.campaigns.0f8f", 26},
      {"v2.users.U.presence-x", 21},
      /* Combined already. */
      {"v2.users.U?presence&routingStatus", 33},
      {"v2.users.U?user.start", 21},
      {"v2.users.U?presence", 19},
      /* No prefix, no last segment. */
      {"presence", 8},
      {".presence", 9},
      {"v2.users.", 9},
      {"v2.users.U.", 11},
      {"", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t size = gcn__topic_prefix_size(gcn__span_str(cases[i].name));
    if (size == cases[i].prefix_size) continue;
    fail_msg("%s: %u", cases[i].name, (unsigned)size);
  }
}

/* In plain order the calls would stand between the other two. */
static void siblings_stand_side_by_side(void** state) {
  (void)state;
  static const char* const names[] = {
      "v2.users.U.presence",      "v2.users.U.conversations.calls",
      "v2.users.u.conversations", "v2.users.U",
      "v2.users.U-1.presence",
  };
  static const char* const want[] = {
      "v2.users.U",
      "v2.users.u.conversations",
      "v2.users.U.presence",
      "v2.users.U-1.presence",
      "v2.users.U.conversations.calls",
  };
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(gcn__topics_add(&topics, gcn__span_str(names[i])), 0);
  }
  /* "v2.users.U" is not one of those that it is the prefix of. */
  for (size_t i = 0; i < 5; i++) {
    assert_string_equal(topics.items[i].name, want[i]);
    assert_int_equal(topics.items[i].name_size, strlen(want[i]));
    assert_int_equal(topics.items[i].shard, GCN__SHARD_NONE);
    size_t behind = gcn__topics_behind(&topics, gcn__span_str(want[i]));
    assert_int_equal(behind, i + 1);
  }
  size_t behind = gcn__topics_behind(&topics, GCN__SPAN("V2.USERS.U.D"));
  assert_int_equal(behind, 2);
  behind = gcn__topics_behind(&topics, GCN__SPAN("a"));
  assert_int_equal(behind, 0);
  behind = gcn__topics_behind(&topics, GCN__SPAN("z.z"));
  assert_int_equal(behind, 5);
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

/* --- many at once --------------------------------------------------------- */

enum { BATCH_MAX = 50, BATCH_NAME_SIZE = 40 };

struct batch {
  char text[BATCH_MAX][BATCH_NAME_SIZE];
  const char* names[BATCH_MAX];
  size_t count;
};

/* Names of a small world, so that some are repeated, in either case. */
static void make_batch(struct batch* batch, struct gcn__rng* rng) {
  static const char* const words[] = {"presence", "Presence", "station", "1",
                                      "conversations.calls"};
  batch->count = (size_t)gcn__rng_below(rng, BATCH_MAX + 1);
  for (size_t i = 0; i < batch->count; i++) {
    snprintf(batch->text[i], BATCH_NAME_SIZE, "v2.%s.%u.%s",
             gcn__rng_below(rng, 2) == 0 ? "users" : "USERS",
             (unsigned)gcn__rng_below(rng, 20), words[gcn__rng_below(rng, 5)]);
    batch->names[i] = batch->text[i];
  }
}

static size_t add_singly(struct gcn__topics* topics,
                         const struct batch* batch) {
  size_t count = 0;
  for (size_t i = 0; i < batch->count; i++) {
    int error = gcn__topics_add(topics, gcn__span_str(batch->names[i]));
    assert_true(error == 0 || error == GCN__EEXIST);
    if (error == 0) count++;
  }
  return count;
}

/* The same topics in the same spelling and order; unmarks them. */
static size_t assert_same_set(struct gcn__topics* a,
                              const struct gcn__topics* b) {
  size_t marked_count = 0;
  assert_int_equal(a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    assert_string_equal(a->items[i].name, b->items[i].name);
    assert_int_equal(a->items[i].prefix_size, b->items[i].prefix_size);
    assert_true(a->items[i].answered == 0);
    if (a->items[i].marked) marked_count++;
    a->items[i].marked = false;
  }
  return marked_count;
}

static void many_at_once_are_as_many_one_by_one(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 21);
  for (int round = 0; round < 300; round++) {
    struct mem_probe probe = {0};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__topics a;
    struct gcn__topics b;
    gcn__topics_init(&a, &mem, 1000);
    gcn__topics_init(&b, &mem, 1000);
    for (int i = 0; i < 4; i++) {
      static struct batch batch;
      make_batch(&batch, &rng);
      uint64_t revision = a.revision;
      int error = gcn__topics_add_many(&a, batch.names, batch.count);
      assert_int_equal(error, 0);
      size_t count = add_singly(&b, &batch);
      assert_int_equal(assert_same_set(&a, &b), count);
      assert_true(a.revision == revision + (count > 0 ? 1 : 0));
    }
    gcn__topics_deinit(&a);
    gcn__topics_deinit(&b);
    assert_int_equal(probe.live_size, 0);
  }
}

static void too_many_at_once_change_nothing(void** state) {
  (void)state;
  static const char* const names[] = {"v2.c", "v2.a", "V2.C", "v2.b"};
  struct gcn__topics topics;
  gcn__topics_init(&topics, &gcn__mem_libc, 3);
  assert_int_equal(gcn__topics_add(&topics, GCN__SPAN("v2.x")), 0);
  assert_int_equal(gcn__topics_add_many(&topics, names, 4), GCN_ELIMIT);
  assert_int_equal(topics.count, 1);
  assert_true(topics.revision == 1);
  topics.count_max = 4; /* one of them is there twice */
  assert_int_equal(gcn__topics_add_many(&topics, names, 4), 0);
  assert_int_equal(topics.count, 4);
  assert_string_equal(topics.items[2].name, "v2.c");
  assert_int_equal(gcn__topics_add_many(&topics, names, 4), 0);
  assert_true(topics.revision == 2);
  gcn__topics_deinit(&topics);
}

static void what_is_marked_is_swept(void** state) {
  (void)state;
  static const char* const names[] = {"a.a", "a.b", "a.c", "a.d"};
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__topics topics;
  gcn__topics_init(&topics, &mem, 10);
  assert_int_equal(gcn__topics_add_many(&topics, names, 4), 0);
  topics.items[1].marked = false;
  topics.items[3].marked = false;
  assert_int_equal(gcn__topics_sweep(&topics), 2);
  assert_true(topics.revision == 2);
  assert_int_equal(topics.count, 2);
  assert_string_equal(topics.items[0].name, "a.b");
  assert_string_equal(topics.items[1].name, "a.d");
  assert_int_equal(gcn__topics_sweep(&topics), 0);
  assert_true(topics.revision == 2);
  gcn__topics_deinit(&topics);
  assert_int_equal(probe.live_size, 0);
}

/* --- verdicts and retries ------------------------------------------------- */

static const struct gcn__topic_pace pace = {5000, 300000};

static void rejections_wait_longer_and_longer(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 31);
  for (int round = 0; round < 200; round++) {
    struct gcn__topic topic = {.name = NULL};
    uint64_t now_ms = gcn__rng_below(&rng, 1000000);
    uint64_t wait_ms = pace.base_ms;
    for (int i = 0; i < 300; i++) { /* past the end of the counter, too */
      gcn__topic_rejected(&topic, &pace, &rng, now_ms);
      assert_int_equal(topic.verdict, GCN__VERDICT_REJECTED);
      assert_true(topic.retry_from_ms == now_ms + wait_ms / 5 * 4);
      assert_true(topic.retry_at_ms >= now_ms + wait_ms / 5 * 4);
      assert_true(topic.retry_at_ms <= now_ms + wait_ms / 5 * 6);
      now_ms = topic.retry_at_ms;
      wait_ms = wait_ms * 2 > pace.cap_ms ? pace.cap_ms : wait_ms * 2;
    }
    gcn__topic_permitted(&topic);
    assert_int_equal(topic.verdict, GCN__VERDICT_PERMITTED);
    gcn__topic_rejected(&topic, &pace, &rng, now_ms);
    assert_true(topic.retry_at_ms <= now_ms + pace.base_ms / 5 * 6);
  }
}

static void a_wait_has_jitter(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 32);
  uint64_t low_ms = UINT64_MAX;
  uint64_t high_ms = 0;
  for (int i = 0; i < 1000; i++) {
    struct gcn__topic topic = {.name = NULL};
    gcn__topic_rejected(&topic, &pace, &rng, 0);
    if (topic.retry_at_ms < low_ms) low_ms = topic.retry_at_ms;
    if (topic.retry_at_ms > high_ms) high_ms = topic.retry_at_ms;
  }
  assert_true(low_ms < 4100 && high_ms > 5900);
}

static void extreme_paces_do_not_overflow(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 33);
  static const struct gcn__topic_pace paces[] = {
      {0, 0}, {1, 1}, {UINT64_MAX, UINT64_MAX}, {5000, 1}, {1, UINT64_MAX}};
  for (size_t i = 0; i < sizeof paces / sizeof paces[0]; i++) {
    struct gcn__topic topic = {.name = NULL};
    for (int n = 0; n < 300; n++) {
      gcn__topic_rejected(&topic, &paces[i], &rng, UINT64_MAX / 2);
      assert_true(topic.retry_from_ms >= UINT64_MAX / 2);
      assert_true(topic.retry_at_ms >= topic.retry_from_ms);
    }
  }
}

static void fill_shards(struct gcn__topics* topics, size_t count) {
  gcn__topics_init(topics, &gcn__mem_libc, count);
  for (size_t i = 0; i < count; i++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "v2.t.%03u", (unsigned)i);
    assert_int_equal(gcn__topics_add(topics, gcn__span_str(name)), 0);
    topics->items[i].shard = i % 3 == 0;
  }
}

/* 0, 3, 6 ... are on shard 1, all others on shard 0. */
static void rejected_topics_are_left_out_and_return_together(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 34);
  struct gcn__topics topics;
  fill_shards(&topics, 90);
  assert_int_equal(gcn__topics_ask(&topics, 0, 0), 60);
  assert_false(topics.items[0].asked);
  assert_true(topics.items[1].asked);
  assert_true(gcn__topics_next_due(&topics, 0) == UINT64_MAX);
  for (size_t i = 0; i < 60; i++) {
    gcn__topic_rejected(&topics.items[i], &pace, &rng, 1000);
  }
  assert_int_equal(gcn__topics_ask(&topics, 0, 4999), 20);
  assert_int_equal(gcn__topics_ask(&topics, 1, 4999), 10);
  assert_false(topics.items[1].asked);
  assert_true(topics.items[61].asked);

  uint64_t due_ms = gcn__topics_next_due(&topics, 0);
  assert_true(due_ms >= 5000 && due_ms <= 7000);
  assert_int_equal(gcn__topics_due(&topics, 0, due_ms - 1), 0);
  size_t due = gcn__topics_due(&topics, 0, due_ms);
  assert_true(due >= 1 && due < 40);
  assert_int_equal(gcn__topics_ask(&topics, 0, due_ms), 60);
  assert_int_equal(gcn__topics_due(&topics, 0, 7000), 40);
  assert_int_equal(gcn__topics_due(&topics, 1, 7000), 20);
  gcn__topics_deinit(&topics);
}

static void new_credentials_end_all_waits(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 35);
  struct gcn__topics topics;
  fill_shards(&topics, 9);
  for (size_t i = 0; i < 9; i++) {
    for (int n = 0; n < 5; n++) {
      gcn__topic_rejected(&topics.items[i], &pace, &rng, 1000000);
    }
  }
  gcn__topics_retry_now(&topics);
  assert_true(gcn__topics_next_due(&topics, 0) == 0);
  assert_int_equal(gcn__topics_due(&topics, 0, 0), 6);
  assert_int_equal(gcn__topics_ask(&topics, 1, 0), 3);
  gcn__topic_rejected(&topics.items[0], &pace, &rng, 0);
  assert_true(topics.items[0].retry_at_ms <= 6000);
  gcn__topics_deinit(&topics);
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

static void every_failed_allocation_of_many_changes_nothing(void** state) {
  (void)state;
  static const char* const names[] = {"v2.b.x", "v2.b.y", "v2.B.X", "v2.a.x",
                                      "v2.c.x", "v2.c.y", "v2.c.z"};
  int error = GCN__ENOMEM;
  size_t fail_at = 1;
  for (; error != 0; fail_at++) {
    struct mem_probe probe = {0};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__topics topics;
    gcn__topics_init(&topics, &mem, 100);
    fill(&topics, 14);
    probe.count = 0;
    probe.fail_at = fail_at;
    error = gcn__topics_add_many(&topics, names, 7);
    assert_true(error == 0 || error == GCN__ENOMEM);
    assert_int_equal(topics.count, error == 0 ? 20 : 14);
    assert_true(topics.revision == (error == 0 ? 15 : 14));
    gcn__topics_deinit(&topics);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(fail_at > 9); /* the batch, seven names, a larger array */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_checked_at_n_and_beyond),
      cmocka_unit_test(names_are_printable_ascii),
      cmocka_unit_test(case_is_ignored_and_kept),
      cmocka_unit_test(revision_follows_changes_only),
      cmocka_unit_test(limit_is_exact),
      cmocka_unit_test(sizes_are_limited_at_n_and_beyond),
      cmocka_unit_test(only_words_are_combinable),
      cmocka_unit_test(siblings_stand_side_by_side),
      cmocka_unit_test(agrees_with_a_model),
      cmocka_unit_test(many_at_once_are_as_many_one_by_one),
      cmocka_unit_test(too_many_at_once_change_nothing),
      cmocka_unit_test(what_is_marked_is_swept),
      cmocka_unit_test(rejections_wait_longer_and_longer),
      cmocka_unit_test(a_wait_has_jitter),
      cmocka_unit_test(extreme_paces_do_not_overflow),
      cmocka_unit_test(rejected_topics_are_left_out_and_return_together),
      cmocka_unit_test(new_credentials_end_all_waits),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
      cmocka_unit_test(every_failed_allocation_of_many_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
