/* SPDX-License-Identifier: MIT */
/*
 * The engine where transcripts have no words: options that are refused, facts
 * that come too late or about nobody, and what it shows of itself.
 */
#include "engine-stage.h"

#include "base/err.h"
#include "check.h"
#include "codec/digest.h"
#include "mem-probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_MS = 1000000 };

/* --- how it is made ------------------------------------------------------- */

static int make_with(const struct gcn__engine_options* options) {
  struct mem_probe probe = {.fail_at = 0};
  struct gcn__engine_options own = *options;
  own.mem = mem_probe_mem(&probe);
  struct gcn__engine* engine = NULL;
  int error = gcn__engine_new(&own, &engine);
  if (error != 0) assert_null(engine);
  gcn__engine_free(engine);
  assert_int_equal(probe.live_size, 0);
  return error;
}

static void urls_that_do_not_do_are_refused(void** state) {
  static const struct {
    const char* login;
    const char* api;
    bool plaintext;
    int error;
  } cases[] = {
      {"http://gc.test:81", "http://gc.test:82", true, 0},
      {"http://gc.test:81", "http://gc.test:82", false, GCN_ECONFIG},
      {"http://", "http://gc.test:82", true, GCN_ECONFIG},
      {"http://gc.test:81", "nothing", true, GCN_ECONFIG},
      {"https://gc.test:81", "http://gc.test:82", true, GCN_ECONFIG},
      {"http://gc.test:81", "https://gc.test:82", true, GCN_ECONFIG},
      {"ws://gc.test:81", "http://gc.test:82", true, GCN_ECONFIG},
      {"http://gc.test:81", "ws://gc.test:82", true, GCN_ECONFIG},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct player player;
    player_init(&player, CUT_WHOLE);
    player.options.login_url = cases[i].login;
    player.options.api_url = cases[i].api;
    player.options.plaintext = cases[i].plaintext;
    assert_int_equal(make_with(&player.options), cases[i].error);
    player_deinit(&player);
  }
}

static void a_proxy_that_is_none_is_refused(void** state) {
  static const struct {
    const char* proxy;
    const char* exempt;
  } cases[] = {
      {"ftp://proxy.test:3128", NULL},
      /* Only the way to the API needs it. */
      {"ftp://proxy.test:3128", "login.test"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct player player;
    player_init(&player, CUT_WHOLE);
    player.options.login_url = "http://login.test:81";
    player.proxies.own_proxy = cases[i].proxy;
    player.proxies.own_no_proxy = cases[i].exempt;
    player.options.proxies = &player.proxies;
    assert_int_not_equal(make_with(&player.options), 0);
    player.proxies.own_no_proxy = "*";
    assert_int_equal(make_with(&player.options), 0);
    player_deinit(&player);
  }
}

static int no_entropy(void* ctx, void* data, size_t size) {
  (void)ctx;
  (void)data;
  (void)size;
  return -1;
}

static void without_entropy_there_is_no_engine(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.entropy.fill = no_entropy;
  assert_int_equal(make_with(&player.options), GCN_EENTROPY);
  player_deinit(&player);
}

static int late_refusal(void* ctx, void* data, size_t size) {
  unsigned* left = ctx;
  if (*left == 0) return -1;
  --*left;
  memset(data, 0, size);
  return 0;
}

/* The salt was had; the key of the upgrade is not. */
static void without_entropy_no_upgrade_is_sent(void** state) {
  (void)state;
  unsigned left = 1;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.entropy = (struct gcn__entropy){late_refusal, &left};
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(&player, GCN__WIRE_API);
  stage_answer(&player, "api",
               "{\"connectUri\":\"ws://gc.test:82/channels/CHANNEL-1\","
               "\"id\":\"CHANNEL-1\"}");
  stage_forget(&player);
  player_linked(&player, GCN__WIRE_STREAM);
  stage_expect_part(&player, "SUBSCRIBING -> BACKING_OFF by WEATHER");
  assert_non_null(strstr(player_log(&player),
                         "the WebSocket upgrade could not be written"));
  player_deinit(&player);
}

static void paths_of_a_gateway_end_before_their_slashes(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.login_url = "http://gc.test:81/gate/login//";
  player.options.api_url = "http://gc.test:82/gate";
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_expect_part(&player, "> send login POST /gate/login/oauth/token ");
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(&player, GCN__WIRE_API);
  stage_expect_part(&player,
                    "> send api POST /gate/api/v2/notifications/channels ");
  player_deinit(&player);
}

static void freeing_none_is_legal(void** state) {
  (void)state;
  gcn__engine_free(NULL);
}

/* --- facts that come too late --------------------------------------------- */

/* The driver's own queue may hold a fact about a link that has gone. */
static void assert_deaf(struct player* player, enum gcn__wire_index wire) {
  struct gcn__engine* engine = player->engine;
  struct gcn__effect effect;
  const struct gcn__engine_counters* counters = gcn__engine_counters(engine);
  uint64_t received = counters->received_bytes;
  enum gcn__state state = gcn__engine_state(engine);
  bool wired = gcn__engine_wired(engine, wire);
  gcn__engine_linked(engine, wire, NOW_MS);
  assert_false(gcn__engine_next(engine, &effect));
  gcn__engine_received(engine, wire, gcn__span_str("late"), NOW_MS);
  assert_false(gcn__engine_next(engine, &effect));
  gcn__engine_settle(engine);
  assert_false(gcn__engine_full(engine, wire));
  assert_int_equal(counters->received_bytes, received);
  assert_int_equal(gcn__engine_output(engine, wire).size, 0);
  assert_int_equal(gcn__engine_state(engine), state);
  assert_int_equal(gcn__engine_wired(engine, wire), wired);
}

static void facts_about_no_wire_change_nothing(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  const enum gcn__wire_index nobodys =
      (enum gcn__wire_index)(GCN__WIRE_STREAM + 2);
  assert_deaf(&player, nobodys);
  assert_deaf(&player, GCN__WIRE_API);
  for (int i = 0; i < 2; i++) {
    enum gcn__wire_index wire = i == 0 ? nobodys : GCN__WIRE_API;
    gcn__engine_ended(player.engine, wire, GCN__EOF, GCN__LAYER_TCP, "late",
                      NOW_MS);
    assert_false(gcn__engine_wired(player.engine, wire));
    assert_false(gcn__engine_settled(player.engine, wire));
  }
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  stage_forget(&player);
  /* Bytes before the link is up can only be somebody else's. */
  struct gcn__effect effect;
  gcn__engine_received(player.engine, GCN__WIRE_API, gcn__span_str("early"),
                       NOW_MS);
  assert_false(gcn__engine_next(player.engine, &effect));
  assert_int_equal(gcn__engine_counters(player.engine)->received_bytes, 0);
  player_linked(&player, GCN__WIRE_API);
  assert_true(gcn__engine_settled(player.engine, GCN__WIRE_API));
  stage_forget(&player);
  /* Told twice. */
  gcn__engine_linked(player.engine, GCN__WIRE_API, NOW_MS);
  assert_false(gcn__engine_next(player.engine, &effect));
  player_deinit(&player);
}

/* Between two turns: the link that is to be opened is not there yet. */
static void facts_before_the_open_change_nothing(void** state) {
  (void)state;
  struct player player;
  struct gcn__effect effect;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  struct gcn__engine* engine = player.engine;
  gcn__engine_command(engine, GCN__COMMAND_START, NOW_MS);
  assert_true(gcn__engine_next(engine, &effect));
  assert_int_equal(effect.kind, GCN__EFFECT_OPEN);
  assert_int_equal(effect.wire, GCN__WIRE_LOGIN);
  assert_true(gcn__engine_wired(engine, GCN__WIRE_API));
  gcn__engine_linked(engine, GCN__WIRE_API, NOW_MS);
  gcn__engine_received(engine, GCN__WIRE_API, gcn__span_str("x"), NOW_MS);
  gcn__engine_ended(engine, GCN__WIRE_API, GCN__EOF, GCN__LAYER_TCP, "x",
                    NOW_MS);
  assert_true(gcn__engine_next(engine, &effect));
  assert_int_equal(effect.kind, GCN__EFFECT_OPEN);
  assert_int_equal(effect.wire, GCN__WIRE_API);
  player_deinit(&player);
}

/* A stop while opens are on their way to the driver: they are withdrawn, and
 * what was told before them is still told. */
static void opens_on_their_way_are_withdrawn(void** state) {
  (void)state;
  struct player player;
  struct gcn__effect effect;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  struct gcn__engine* engine = player.engine;
  gcn__engine_command(engine, GCN__COMMAND_START, NOW_MS);
  assert_true(gcn__engine_next(engine, &effect));
  assert_int_equal(effect.wire, GCN__WIRE_LOGIN);
  gcn__engine_command(engine, GCN__COMMAND_STOP, NOW_MS);
  gcn__engine_command(engine, GCN__COMMAND_START, NOW_MS);
  /* The API's is still there, once. */
  assert_true(gcn__engine_next(engine, &effect));
  assert_int_equal(effect.kind, GCN__EFFECT_OPEN);
  assert_int_equal(effect.wire, GCN__WIRE_API);
  while (gcn__engine_next(engine, &effect))
    assert_int_not_equal(effect.kind, GCN__EFFECT_OPEN);
  player_deinit(&player);
}

static void the_text_of_an_end_has_its_limit(void** state) {
  (void)state;
  char text[2000];
  struct player player;
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  stage_forget(&player);
  player_ended(&player, GCN__WIRE_API, GCN__ECONNRESET, text);
  stage_expect_part(&player, "port 82: xxxxxxxx");
  player_deinit(&player);
}

/* --- what it shows -------------------------------------------------------- */

static void unread_bytes_fill_a_wire(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  stage_stream(&player);
  assert_true(gcn__engine_settled(player.engine, GCN__WIRE_STREAM));
  assert_true(gcn__engine_wired(player.engine, GCN__WIRE_STREAM));
  assert_false(gcn__engine_full(player.engine, GCN__WIRE_STREAM));
  player_pause(&player, true);
  stage_say(&player, "stream", "{\"topicName\":\"v2.a\",\"eventBody\":1}");
  stage_expect(&player, "");
  assert_true(gcn__engine_full(player.engine, GCN__WIRE_STREAM));
  player_pause(&player, false);
  stage_expect(&player, "> event 1 v2.a 1 (channel 1, stream 1)\n");
  assert_false(gcn__engine_full(player.engine, GCN__WIRE_STREAM));
  player_deinit(&player);
}

static void states_are_compared_by_their_distance(void** state) {
  static const enum gcn__state order[] = {
      GCN__STATE_CLOSED,      GCN__STATE_IDLE,           GCN__STATE_STREAMING,
      GCN__STATE_SUBSCRIBING, GCN__STATE_AUTHENTICATING, GCN__STATE_CONNECTING,
      GCN__STATE_BACKING_OFF, GCN__STATE_REFUSED,        GCN__STATE_CLOSING};
  (void)state;
  for (size_t i = 0; i + 1 < sizeof order / sizeof order[0]; i++) {
    assert_true(gcn__engine_compare(order[i + 1], order[i]) > 0);
    assert_true(gcn__engine_compare(order[i], order[i + 1]) < 0);
    assert_int_equal(gcn__engine_compare(order[i], order[i]), 0);
  }
}

/* --- the refresh token ---------------------------------------------------- */

static void ask_again(struct player* player, const char* answer) {
  const struct gcn__offer offer = {.client_id = "id",
                                   .client_secret = "SECRET-2"};
  assert_int_equal(gcn__engine_credentials(player->engine, &offer), 0);
  stage_forget(player);
  player_command(player, GCN__COMMAND_CREDENTIALS);
  player_linked(player, GCN__WIRE_API); /* it is needed now */
  stage_expect_part(player, "> open login");
  player_linked(player, GCN__WIRE_LOGIN);
  stage_expect_part(player, "refresh_token=SECRET-R2");
  stage_answer(player, "login", answer);
}

static void a_new_refresh_token_replaces_the_last(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.grant = GCN__GRANT_REFRESH_TOKEN;
  player.options.refresh_token = "SECRET-R1";
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_expect_part(&player, "refresh_token=SECRET-R1");
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"refresh_token\":\"SECRET-R2\",\"expires_in\":86399}");
  stage_expect_part(&player, "> refreshed SECRET-R2\n");
  /* An offer that names none leaves it as it is; so does an answer. */
  ask_again(&player, "{\"access_token\":\"TOKEN-2\",\"token_type\":\"bearer\","
                     "\"expires_in\":86399}");
  char* notes = player_notes(&player);
  assert_null(strstr(notes, "refreshed"));
  free(notes);
  player_deinit(&player);
}

/* The same as before is no change, whatever of it is said again. */
static void what_is_offered_again_is_no_change(void** state) {
  static const struct {
    struct gcn__offer offer;
    bool same;
  } cases[] = {
      {{"id", "SECRET-1", NULL, NULL}, true},
      {{"id", "SECRET-1", "SECRET-R1", "SECRET-A1"}, true},
      {{"id", "SECRET-1", "SECRET-R2", NULL}, false},
      {{"id", "SECRET-1", NULL, "SECRET-A2"}, false},
      {{"id", "SECRET-2", NULL, NULL}, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct player player;
    player_init(&player, CUT_WHOLE);
    player.options.grant = GCN__GRANT_REFRESH_TOKEN;
    player.options.refresh_token = "SECRET-R1";
    player.options.assertion = "SECRET-A1";
    player_begin(&player);
    player_command(&player, GCN__COMMAND_START);
    player_linked(&player, GCN__WIRE_LOGIN);
    assert_int_equal(gcn__engine_credentials(player.engine, &cases[i].offer),
                     0);
    stage_forget(&player);
    player_command(&player, GCN__COMMAND_CREDENTIALS);
    /* A change drops the request that is under way, and asks anew. */
    stage_expect(&player, cases[i].same ? ""
                                        : "> drop login\n"
                                          "> open login gc.test:81\n");
    player_deinit(&player);
  }
}

/* What was not held before is one, though. */
static void what_is_offered_for_the_first_time_is_a_change(void** state) {
  (void)state;
  const struct gcn__offer offer = {"id", "SECRET-1", NULL, "SECRET-A1"};
  struct player player;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_LOGIN);
  assert_int_equal(gcn__engine_credentials(player.engine, &offer), 0);
  stage_forget(&player);
  player_command(&player, GCN__COMMAND_CREDENTIALS);
  stage_expect(&player, "> drop login\n"
                        "> open login gc.test:81\n");
  player_deinit(&player);
}

/* --- answers -------------------------------------------------------------- */

/* The end came in one turn with the answer, which counts; the next request
 * finds another connection. */
static void an_answer_and_the_end_behind_it(void** state) {
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Length: 68\r\n\r\n"
      "{\"connectUri\":\"ws://gc.test:82/channels/CHANNEL-1\","
      "\"id\":\"CHANNEL-1\"}";
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(&player, GCN__WIRE_API);
  stage_forget(&player);
  gcn__engine_received(player.engine, GCN__WIRE_API, gcn__span_str(answer),
                       NOW_MS);
  player_ended(&player, GCN__WIRE_API, GCN__EOF, "end of file");
  stage_expect(&player, "> open stream gc.test:82\n");
  player_linked(&player, GCN__WIRE_STREAM);
  stage_expect_part(&player, "> open api gc.test:82\n");
  player_deinit(&player);
}

/* --- held ----------------------------------------------------------------- */

/* The channel is there; its upgrade and its topics are asked for, and more time
 * has passed than either may take. */
static void ask_and_be_late(struct player* player) {
  const char* name = "v2.a";
  player_init(player, CUT_WHOLE);
  player_begin(player);
  assert_int_equal(gcn__engine_topics_add(player->engine, &name, 1), 0);
  player_command(player, GCN__COMMAND_START | GCN__COMMAND_TOPICS);
  player_linked(player, GCN__WIRE_LOGIN);
  stage_answer(player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(player, GCN__WIRE_API);
  stage_answer(player, "api",
               "{\"connectUri\":\"ws://gc.test:82/channels/CHANNEL-1\","
               "\"id\":\"CHANNEL-1\"}");
  player_linked(player, GCN__WIRE_STREAM);
  stage_forget(player);
  player->now_ms += 60000;
  gcn__engine_hold(player->engine, true);
  stage_answer(player, "api",
               "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"}]}");
  stage_expect(player, "> topic v2.a permitted\n");
}

static void what_lies_unread_is_not_late(void** state) {
  (void)state;
  struct player player;
  ask_and_be_late(&player);
  stage_upgrade(&player, "stream");
  stage_expect_part(&player, "SUBSCRIBING -> STREAMING by CONFIRMED");
  player_deinit(&player);
}

static void what_was_held_is_judged_then(void** state) {
  (void)state;
  struct player player;
  ask_and_be_late(&player);
  gcn__engine_hold(player.engine, false);
  player_wait(&player, 0);
  stage_expect_part(&player, "SUBSCRIBING -> BACKING_OFF by PHASE_DUE");
  player_deinit(&player);
}

/* --- what events are known by --------------------------------------------- */

struct choice {
  const char* id;
  size_t size; /* as claimed */
};

static size_t choose(void* ctx, const struct gcn__event* event, char* id,
                     size_t size) {
  const struct choice* choice = ctx;
  assert_true(event->topic.size > 0);
  size_t own = strlen(choice->id);
  if (own > 0) memcpy(id, choice->id, own < size ? own : size);
  return choice->size;
}

static struct gcn__key key_of(struct player* player, const char* text) {
  struct gcn__effect effect;
  struct gcn__key key = {{0, 0}};
  char frame[128] = {(char)0x81, (char)strlen(text)};
  memcpy(frame + 2, text, strlen(text));
  gcn__engine_received(player->engine, GCN__WIRE_STREAM,
                       gcn__span(frame, 2 + strlen(text)), player->now_ms);
  while (gcn__engine_next(player->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_EVENT) key = effect.event.key;
  }
  gcn__engine_settle(player->engine);
  assert_true(gcn__key_is(&key));
  return key;
}

static void events_are_known_by_the_users_choice(void** state) {
  (void)state;
  struct choice choice = {"mine", 4};
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.keys = true;
  player.options.id_choice.choose = choose;
  player.options.id_choice.ctx = &choice;
  stage_stream(&player);
  static const char one[] = "{\"topicName\":\"v2.a\",\"eventBody\":1}";
  static const char two[] = "{\"topicName\":\"v2.a\",\"eventBody\":2}";
  struct gcn__key mine = key_of(&player, one);
  struct gcn__key again = key_of(&player, two);
  assert_true(gcn__key_same(&mine, &again));
  /* By salt and id, so that a checkpoint of another build knows it. */
  char text[GCN__ENGINE_SALT_SIZE + 4] = {0};
  unsigned char digest[GCN__SHA256_SIZE];
  memcpy(text + GCN__ENGINE_SALT_SIZE, "mine", 4);
  assert_true(gcn__sha256(gcn__span(text, sizeof text), digest));
  assert_memory_equal(mine.words, digest, sizeof mine.words);
  /* No idea, and one that says it is longer than its room: the event itself. */
  choice = (struct choice){"", 0};
  struct gcn__key own = key_of(&player, one);
  choice = (struct choice){"mine", 100000};
  struct gcn__key too_long = key_of(&player, one);
  struct gcn__key other = key_of(&player, two);
  assert_true(gcn__key_same(&own, &too_long));
  assert_false(gcn__key_same(&own, &mine));
  assert_false(gcn__key_same(&own, &other));
  player_deinit(&player);
}

/* With the stream dialect the choice tells what is a repetition. */
static void a_known_choice_is_a_repetition(void** state) {
  (void)state;
  struct choice choice = {"mine", 4};
  const char* name = "a.one";
  struct player player;
  player_init(&player, CUT_WHOLE);
  player_preset(&player, "guide");
  player.options.id_choice.choose = choose;
  player.options.id_choice.ctx = &choice;
  player_begin(&player);
  assert_int_equal(gcn__engine_topics_add(player.engine, &name, 1), 0);
  player_command(&player, GCN__COMMAND_START | GCN__COMMAND_TOPICS);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(&player, GCN__WIRE_STREAM);
  stage_upgrade(&player, "stream");
  stage_say(&player, "stream", "{\"events\":[{\"event\":\"a\",\"data\":1}]}");
  stage_expect_part(&player, "> event 1 a 1 ");
  stage_say(&player, "stream", "{\"events\":[{\"event\":\"a\",\"data\":2}]}");
  stage_expect(&player, "");
  choice = (struct choice){"other", 5};
  stage_say(&player, "stream", "{\"events\":[{\"event\":\"a\",\"data\":2}]}");
  stage_expect_part(&player, "> event 2 a 2 ");
  player_deinit(&player);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_that_do_not_do_are_refused),
      cmocka_unit_test(a_proxy_that_is_none_is_refused),
      cmocka_unit_test(without_entropy_there_is_no_engine),
      cmocka_unit_test(without_entropy_no_upgrade_is_sent),
      cmocka_unit_test(paths_of_a_gateway_end_before_their_slashes),
      cmocka_unit_test(freeing_none_is_legal),
      cmocka_unit_test(facts_about_no_wire_change_nothing),
      cmocka_unit_test(facts_before_the_open_change_nothing),
      cmocka_unit_test(opens_on_their_way_are_withdrawn),
      cmocka_unit_test(the_text_of_an_end_has_its_limit),
      cmocka_unit_test(unread_bytes_fill_a_wire),
      cmocka_unit_test(states_are_compared_by_their_distance),
      cmocka_unit_test(a_new_refresh_token_replaces_the_last),
      cmocka_unit_test(what_is_offered_again_is_no_change),
      cmocka_unit_test(what_is_offered_for_the_first_time_is_a_change),
      cmocka_unit_test(an_answer_and_the_end_behind_it),
      cmocka_unit_test(what_lies_unread_is_not_late),
      cmocka_unit_test(what_was_held_is_judged_then),
      cmocka_unit_test(events_are_known_by_the_users_choice),
      cmocka_unit_test(a_known_choice_is_a_repetition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
