/* SPDX-License-Identifier: MIT */
/*
 * Made-up and recorded events: every family's form and size, padding, replay,
 * and the same bytes for the same seed.
 */
#include "sim-peer.h"

#include "codec/envelope.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "sim/service-state.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODIES = 200 };

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  world.options.events_per_ks = 10000;
  return 0;
}

static void begin(const char* topic) {
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
  sim_stream(&rest, &stream, topic);
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

/* Sizes of bodies; PROTOCOL §9 has those of whole messages. */
struct family {
  size_t size_min;
  size_t size_max;
  const char* member;
};

static const struct family families[GCN__FAMILIES] = {
    [GCN__FAMILY_PRESENCE] = {150, 400, "presenceDefinition"},
    [GCN__FAMILY_ROUTING_STATUS] = {80, 300, "routingStatus"},
    [GCN__FAMILY_GEOLOCATION] = {80, 300, "country"},
    [GCN__FAMILY_ACTIVITY] = {300, 800, "activeQueueIds"},
    [GCN__FAMILY_CONVERSATION_SUMMARY] = {400, 750, "socialExpression"},
    [GCN__FAMILY_QUEUE_USERS] = {150, 400, "joined"},
    [GCN__FAMILY_QUEUE_OBSERVATIONS] = {200, 4000, "group"},
    [GCN__FAMILY_QUEUE_ACTIVITY] = {150, 400, "results"},
    [GCN__FAMILY_CALLS] = {1200, 15000, "participants"},
    [GCN__FAMILY_CONVERSATIONS] = {3000, 30000, "participants"},
    [GCN__FAMILY_ACD_START] = {300, 600, "eventTime"},
    [GCN__FAMILY_USER_END] = {450, 800, "interactingDurationMs"},
    [GCN__FAMILY_TRANSCRIPTION] = {700, 7000, "transcripts"},
    [GCN__FAMILY_TOKENS] = {200, 520, "tokenHash"},
    [GCN__FAMILY_AGENT_STATE] = {250, 560, "requestedSkillIds"},
    [GCN__FAMILY_OTHER] = {60, 300, "id"},
};

static void check_body(struct gcn__span body, const struct family* family) {
  struct gcn__json* json = gcn__json_parse(body, NULL);
  assert_true(gcn__json_is_object(json));
  assert_non_null(gcn__json_get(json, family->member));
  gcn__json_free(json, false);
  assert_true(gcn__utf8_valid(body));
  assert_in_range(body.size, family->size_min, family->size_max);
}

static void bodies_have_form_and_size(void** state) {
  (void)state;
  struct gcn__sim_text text;
  struct gcn__rng rng;
  unsigned seen = 0;
  bool multibyte = false;
  gcn__rng_seed(&rng, 3);
  gcn__sim_text_init(&text, &gcn__mem_libc, 1 << 20);
  for (size_t i = 0; i < gcn__sim_template_count(); i++) {
    const struct gcn__sim_template* template = gcn__sim_template_at(i);
    char topic[GCN__SIM_TOPIC_SIZE_MAX];
    gcn__sim_topic(1, i, topic);
    for (int j = 0; j < BODIES; j++) {
      gcn__sim_text_clear(&text);
      gcn__sim_generate(&text, template, gcn__span_str(topic), &rng,
                        UINT64_C(1932970524000));
      assert_int_equal(text.error, 0);
      struct gcn__span body = gcn__buf_span(&text.buf);
      check_body(body, &families[template->family]);
      multibyte = multibyte || memchr(body.data, 0xc3, body.size) != NULL;
    }
    seen |= 1u << template->family;
  }
  gcn__sim_text_deinit(&text);
  assert_int_equal(seen, (1u << GCN__FAMILIES) - 1);
  assert_true(multibyte);
}

static void flow_keeps_its_rate(void** state) {
  (void)state;
  world.options.events_per_ks = 333;
  begin("v2.users.u.presence");
  sim_world_advance(&world, 1000000);
  assert_int_equal(sim_world_counters(&world).events, 333);
}

static void flow_catches_up_within_bounds(void** state) {
  (void)state;
  world.options.events_per_ks = 100000000;
  begin("v2.users.u.presence");
  world.now_ms += 3600000;
  gcn__sim_tick(world.sim, world.now_ms);
  assert_int_equal(sim_world_counters(&world).events, 10000);
  assert_true(gcn__sim_deadline(world.sim) > world.now_ms);
}

static void events_are_envelopes(void** state) {
  (void)state;
  struct gcn__ws_message message;
  struct gcn__envelope envelope;
  uint64_t last = 0;
  uint64_t sequence;
  begin("v2.users.u?presence&routingStatus&conversations&activity");
  sim_world_advance(&world, 10000);
  for (unsigned i = 0; i < 100; i++) {
    assert_true(sim_next(&stream, &message));
    assert_int_equal(gcn__envelope_scan(message.data, message.size,
                                        GCN__SCRUTINY_STRICT, &envelope, NULL),
                     0);
    assert_true(gcn__span_starts(envelope.topic, "v2.users.u."));
    assert_true(gcn__span_is(envelope.version, "2"));
    assert_true(gcn__sim_sequence(envelope.correlation_id, &sequence));
    assert_int_equal(sequence, ++last);
  }
  assert_false(sim_next(&stream, &message));
}

static void bodies_are_padded(void** state) {
  (void)state;
  struct gcn__ws_message message;
  struct gcn__envelope envelope;
  world.options.payload_size = 5000;
  begin("v2.users.u.presence");
  sim_world_advance(&world, 100);
  assert_true(sim_next(&stream, &message));
  assert_int_equal(gcn__envelope_scan(message.data, message.size,
                                      GCN__SCRUTINY_STRICT, &envelope, NULL),
                   0);
  assert_int_equal(envelope.body.size, 5000);
}

/* What a client sees in a second of a seed's life. */
static struct gcn__buf life_of(uint64_t seed, size_t cut) {
  struct gcn__buf seen;
  sim_world_init(&world);
  world.options.seed = seed;
  world.options.events_per_ks = 100000;
  world.cut = cut;
  begin("v2.users.u?presence&conversations");
  sim_world_advance(&world, 1000);
  seen = stream.in;
  gcn__buf_init(&stream.in, &gcn__mem_libc, 1024);
  tear_down(NULL);
  return seen;
}

static void same_seed_same_bytes(void** state) {
  (void)state;
  struct gcn__buf first = life_of(1, 0);
  struct gcn__buf again = life_of(1, 0);
  struct gcn__buf bytewise = life_of(1, 1);
  struct gcn__buf other = life_of(2, 0);
  assert_true(gcn__buf_size(&first) > 10000);
  assert_true(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&again)));
  assert_true(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&bytewise)));
  assert_false(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&other)));
  gcn__buf_deinit(&first);
  gcn__buf_deinit(&again);
  gcn__buf_deinit(&bytewise);
  gcn__buf_deinit(&other);
}

#define CORPUS                                                                 \
  "{\"topicName\":\"v2.a\",\"version\":\"2\",\"eventBody\":{\"x\": 0.914},"    \
  "\"metadata\":{\"CorrelationId\":\"c\"}}\n"                                  \
  "\n"                                                                         \
  "{\"topic\":\"v2.b\",\"body\":[1, 2]}\r\n"                                   \
  "{\"v\":1,\"type\":\"event\",\"topic\":\"v2.a\",\"body\":\"two\"}"

static void replays_recorded_events(void** state) {
  (void)state;
  world.options.corpus = GCN__SPAN(CORPUS);
  begin("v2.a");
  assert_int_equal(gcn__sim_corpus_error(world.sim), 0);
  sim_world_advance(&world, 300);
  assert_true(sim_next_has(&stream, "{\"topicName\":\"v2.a\",\"version\":\"2\","
                                    "\"eventBody\":{\"x\": 0.914},"));
  assert_true(sim_next_has(&stream, "\"eventBody\":\"two\""));
  assert_true(sim_next_has(&stream, "0.914"));
  assert_false(sim_next_has(&stream, ""));
}

static void replays_once_if_told_so(void** state) {
  (void)state;
  world.options.corpus = GCN__SPAN(CORPUS);
  world.options.corpus_once = true;
  begin("v2.b");
  sim_world_advance(&world, 10000);
  assert_true(sim_next_has(&stream, "\"eventBody\":[1,2]"));
  assert_false(sim_next_has(&stream, ""));
}

static void names_the_bad_line(void** state) {
  (void)state;
  world.options.corpus = GCN__SPAN("{\"topic\":\"v2.a\",\"body\":1}\n\n{}\nx");
  begin("v2.a");
  assert_int_equal(gcn__sim_corpus_error(world.sim), 3);
}

static void writes_moments(void** state) {
  (void)state;
  static const struct {
    uint64_t wall_ms;
    const char* text;
  } moments[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {UINT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
      {UINT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
      {UINT64_C(1709251200000), "2024-03-01T00:00:00.000Z"},
      {UINT64_C(1932970524007), "2031-04-03T08:15:24.007Z"},
      {UINT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
  };
  char text[GCN__SIM_ISO_SIZE];
  for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
    gcn__sim_iso(moments[i].wall_ms, text);
    assert_string_equal(text, moments[i].text);
  }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_have_form_and_size),
      CASE(flow_keeps_its_rate),
      CASE(flow_catches_up_within_bounds),
      CASE(events_are_envelopes),
      CASE(bodies_are_padded),
      cmocka_unit_test(same_seed_same_bytes),
      CASE(replays_recorded_events),
      CASE(replays_once_if_told_so),
      CASE(names_the_bad_line),
      cmocka_unit_test(writes_moments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
