/* SPDX-License-Identifier: MIT */
/*
 * A consumer that is killed with SIGKILL at random moments: while it loads its
 * checkpoint, connects, is told of events, acknowledges them in any order,
 * saves, or leaves.
 *
 * GCN_KILL_COUNT in the environment: other numbers of kills.
 */
#include "kill-stage.h"

#include "codec/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RATE = 2000, CHANNEL_KILLS = 50 };

/* A sanitizer makes a start several times as long. */
#if defined(__SANITIZE_ADDRESS__)
enum { KILLS = 250 };
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
enum { KILLS = 250 };
#  else
enum { KILLS = 1000 };
#  endif
#else
enum { KILLS = 1000 };
#endif

static int64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned kills_wanted(unsigned usual) {
  const char* text = getenv("GCN_KILL_COUNT");
  return text == NULL ? usual : (unsigned)strtoul(text, NULL, 10);
}

/* --- the judge ------------------------------------------------------------ */

static struct kill_report told(uint64_t sequence, uint64_t number) {
  struct kill_report report = {.word = KILL_TOLD, .number = sequence};
  gcn__sim_correlation_id(number, report.id);
  return report;
}

static void say(struct judge* judge, enum kill_word word, uint64_t number) {
  judge_take(judge, &(struct kill_report){.word = word, .number = number});
}

static void tell(struct judge* judge, uint64_t sequence, uint64_t number) {
  const struct kill_report report = told(sequence, number);
  judge_take(judge, &report);
}

/* Events 5, 6 and 7, of which 5 and 6 are durable. */
static struct judge* after_a_life(bool replays) {
  struct judge* judge = judge_new(replays);
  judge_begin_life(judge);
  for (uint64_t i = 1; i <= 3; i++) {
    tell(judge, i, 4 + i);
    say(judge, KILL_HANDLES, i);
  }
  say(judge, KILL_DURABLE, 2);
  judge_end_life(judge, false);
  judge_begin_life(judge);
  assert_string_equal(judge->fault, "");
  assert_int_equal(judge->begin, 5);
  return judge;
}

static void end_judge(struct judge* judge, const char* wanted) {
  judge_end(judge, 8);
  if (strstr(judge->fault, wanted) == NULL) fail_msg("%s", judge->fault);
  if (wanted[0] == '\0') assert_string_equal(judge->fault, "");
  judge_free(judge);
}

static void test_the_judge_sees_what_is_wrong(void** state) {
  (void)state;
  struct judge* judge = after_a_life(true);
  tell(judge, 1, 6);
  end_judge(judge, "event 6 was told, and durable since life 1");

  judge = after_a_life(true);
  tell(judge, 1, 7);
  say(judge, KILL_HANDLES, 1);
  assert_int_equal(judge->again, 1);
  tell(judge, 2, 8);
  end_judge(judge, "event 8 is lost");

  judge = after_a_life(true);
  tell(judge, 1, 8);
  say(judge, KILL_DURABLE, 1);
  end_judge(judge, "event 8 is durable and was not handled");

  judge = after_a_life(true);
  tell(judge, 1, 8);
  tell(judge, 2, 7);
  end_judge(judge, "event 7 was told after event 8");

  judge = after_a_life(true);
  say(judge, KILL_GAP, 0);
  end_judge(judge, "a gap");
}

static void test_the_judge_takes_what_is_right(void** state) {
  (void)state;
  struct judge* judge = after_a_life(true);
  tell(judge, 1, 7);
  tell(judge, 2, 8);
  say(judge, KILL_HANDLES, 2);
  end_judge(judge, "");

  judge = after_a_life(false);
  judge->made_unix_ms[8] = 1000;
  judge_take(judge, &(struct kill_report){.word = KILL_GAP,
                                          .from_unix_ms = 1000,
                                          .to_unix_ms = 1001});
  end_judge(judge, "");

  judge = after_a_life(false);
  judge->made_unix_ms[8] = 999;
  judge_take(judge, &(struct kill_report){.word = KILL_GAP,
                                          .from_unix_ms = 1000,
                                          .to_unix_ms = 1001});
  end_judge(judge, "event 8 is lost");
}

/* --- a past before anything is handled ------------------------------------ */

/* A store that answers its first save when it is told to, and keeps the
 * second. */
struct slow_store {
  gcn_save_t* first; /* not answered yet */
  unsigned saves;
  bool second;
  struct gcn__checkpoint_read* read; /* what was in it */
};

static int load_nothing(void* data, unsigned generation, gcn_load_t* request) {
  (void)data;
  (void)generation;
  gcn_load_done(request, UV_ENOENT, NULL, 0);
  return 0;
}

static int save_slowly(void* data, const void* bytes, size_t size,
                       const uint64_t* sequences, size_t count,
                       gcn_save_t* request) {
  struct slow_store* slow = data;
  (void)sequences;
  (void)count;
  slow->saves++;
  if (slow->saves == 1) {
    slow->first = request;
    return 0;
  }
  if (slow->saves == 2) {
    slow->second = true;
    assert_int_equal(gcn__checkpoint_read(gcn__span(bytes, size),
                                          &gcn__mem_libc, &slow->read),
                     GCN__CHECKPOINT_GOOD);
  }
  gcn_save_done(request, 0);
  return 0;
}

static void begin_slowly(struct user* user, struct service* service,
                         const gcn_store_t* store) {
  gcn_options_t options = user_options(user, service->url);
  options.ack = GCN_ACK_MANUAL;
  options.store = store;
  options.checkpoint_ms = 1;
  options.credentials_cb = user_on_ask;
  service_begin_with(user, service, &options);
  harness_until(user->loop, &user->asked);
}

static void give_credentials(const struct user* user) {
  const gcn_credentials_t known = {.client_id = "id",
                                   .client_secret = "s3cr3t"};
  assert_int_equal(
      gcn_credentials_done(user->client, user->ticket, 0, &known, 1), 0);
}

/* The first thing that is stored of a stream is stored with events in hand:
 * were the program killed now, they and all that follows would have to lie in
 * the next run's gap, which needs a beginning.  For want of credentials there
 * is no stream before a save is under way. */
static void test_a_past_with_events_in_hand(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  struct slow_store slow = {.first = NULL};
  const gcn_store_t store = {.size = sizeof store,
                             .data = &slow,
                             .load = load_nothing,
                             .save = save_slowly};
  int64_t begun_unix_ms = wall_ms();
  service_open_plain(&service, *state);
  begin_slowly(&user, &service, &store);
  while (slow.first == NULL)
    uv_run(user.loop, UV_RUN_ONCE);
  give_credentials(&user);
  harness_until(user.loop, &user.streaming);
  service_emit_many(&service, 2);
  service_await_events(&user, 2);
  assert_int_equal(slow.saves, 1);
  gcn_save_done(slow.first, 0);
  harness_until(user.loop, &slow.second);
  assert_int_equal(slow.read->checkpoint.lane_count, 1);
  assert_in_range(slow.read->checkpoint.lanes[0].good_unix_ms, begun_unix_ms,
                  wall_ms());
  gcn__checkpoint_free(slow.read);
  user_finish(&user);
  service_close(&service);
}

/* --- kills ---------------------------------------------------------------- */

static void kill_often(enum kill_mode mode, unsigned kills) {
  struct kill_stage* stage = kill_stage_open(mode, RATE);
  kill_stage_kill(stage, kills);
  kill_stage_end(stage);
  assert_true(stage->judge->streamed > kills / 3);
  kill_stage_close(stage);
}

/* The service repeats: nothing is lost, and nothing comes again that was
 * durable. */
static void test_kills_of_a_stream(void** state) {
  (void)state;
  kill_often(KILL_FILE, kills_wanted(KILLS));
}

/* It does not: what is missing lies inside the gaps that were told. */
static void test_kills_of_channels(void** state) {
  (void)state;
  kill_often(KILL_CHANNELS, kills_wanted(CHANNEL_KILLS));
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_judge_sees_what_is_wrong),
      cmocka_unit_test(test_the_judge_takes_what_is_right),
      LOOP_TEST(test_a_past_with_events_in_hand),
      cmocka_unit_test(test_kills_of_a_stream),
      cmocka_unit_test(test_kills_of_channels),
  };
  if (kill_is_consumer(argc, argv)) return kill_consume(argv, NULL);
  return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
