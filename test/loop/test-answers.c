/* SPDX-License-Identifier: MIT */
/*
 * Hostile answers on real sockets: FAULTS H and O, one case a row.
 *
 * Each is given once by a service that is friendly otherwise.  The client has
 * to tell what was wrong, to end the connection, to wait, and to ask no more
 * than once meanwhile.
 */
#include "liar.h"
#include "user.h"

#include "gcnotify/errno.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_MS = 100000 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OK    "HTTP/1.1 200 OK\r\n"
#define TE    "Transfer-Encoding: chunked\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"

struct row {
  const char* name;
  struct liar_lie lie;
  int error;
  gcn_op_t op;
  uint64_t least_ms; /* of the wait that follows */
};

static const struct row rows[] = {
    {.name = "H01 topics refused as malformed",
     .lie = {.ask = LIAR_TOPICS, .head = "HTTP/1.1 400 .\r\n" EMPTY},
     .error = GCN_ESTATUS,
     .op = GCN_OP_TOPICS,
     .least_ms = LONG_MS / 2},
    {.name = "H03 a forbidden call",
     .lie = {.ask = LIAR_CHANNEL, .head = "HTTP/1.1 403 .\r\n" EMPTY},
     .error = GCN_EFORBIDDEN,
     .op = GCN_OP_CHANNEL,
     .least_ms = LONG_MS / 2},
    {.name = "H05 a 500 with a wish",
     .lie = {.ask = LIAR_CHANNEL,
             .head = "HTTP/1.1 500 .\r\nRetry-After: 200\r\n" EMPTY},
     .error = GCN_ESTATUS,
     .op = GCN_OP_CHANNEL,
     .least_ms = 200000},
    {.name = "H06 ten hours",
     .lie = {.ask = LIAR_CHANNEL,
             .head = "HTTP/1.1 429 .\r\nRetry-After: 36000\r\n" EMPTY},
     .error = GCN_ERATELIMITED,
     .op = GCN_OP_CHANNEL,
     .least_ms = 36000000},
    {.name = "H06 two wishes",
     .lie = {.ask = LIAR_CHANNEL,
             .head = "HTTP/1.1 429 .\r\nRetry-After: 1\r\n"
                     "Retry-After: 300\r\n" EMPTY},
     .error = GCN_ERATELIMITED,
     .op = GCN_OP_CHANNEL,
     .least_ms = 300000},
    {.name = "H06 a date by a wrong clock",
     .lie = {.ask = LIAR_TOKEN,
             .head = "HTTP/1.1 429 .\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                     "Retry-After: Thu, 01 Jan 1970 01:00:00 GMT\r\n" EMPTY},
     .error = GCN_ERATELIMITED,
     .op = GCN_OP_TOKEN,
     .least_ms = 3600000},
    {.name = "H07 a redirect",
     .lie = {.ask = LIAR_CHANNEL,
             .head = "HTTP/1.1 302 .\r\nLocation: http://127.0.0.2/\r\n" EMPTY},
     .error = GCN_EREDIRECT,
     .op = GCN_OP_CHANNEL,
     .least_ms = LONG_MS / 2},
    {.name = "H08 nine interim answers",
     .lie = {.ask = LIAR_CHANNEL,
             .head = "",
             .more = "HTTP/1.1 103 .\r\n\r\n",
             .more_count = 9},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_CHANNEL},
    {.name = "H09 a length and a coding",
     .lie = {.ask = LIAR_CHANNEL,
             .head = OK "Content-Length: 2\r\n" TE "\r\n2\r\n{}\r\n0\r\n\r\n"},
     .error = GCN_EHTTP,
     .op = GCN_OP_CHANNEL},
    {.name = "H09 two lengths",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
     .error = GCN_EHTTP,
     .op = GCN_OP_TOKEN},
    {.name = "H09 a folded header",
     .lie = {.ask = LIAR_TOPICS,
             .head = OK "A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}"},
     .error = GCN_EHTTP,
     .op = GCN_OP_TOPICS},
    {.name = "H10 gzip, chunked",
     .lie = {.ask = LIAR_CHANNEL,
             .head = OK
             "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
     .error = GCN_EHTTP,
     .op = GCN_OP_CHANNEL},
    {.name = "H10 chunked and a tab",
     .lie = {.ask = LIAR_CHANNEL,
             .head =
                 OK "Transfer-Encoding: chunked\t\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
     .error = GCN_EHTTP,
     .op = GCN_OP_CHANNEL},
    {.name = "H11 headers without an end",
     .lie = {.ask = LIAR_CHANNEL,
             .head = OK,
             .more = "X: y\r\n",
             .more_count = 200000},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_CHANNEL},
    {.name = "H11 a header line without an end",
     .lie = {.ask = LIAR_UPGRADE,
             .head = OK "X: ",
             .more = "yyyyyyyyyyyyyyyy",
             .more_count = 60000},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_UPGRADE},
    {.name = "H12 a body over the limit",
     .lie = {.ask = LIAR_CHANNEL,
             .head = OK "Content-Length: 99999999\r\n\r\n",
             .more = "xxxxxxxxxxxxxxxx",
             .more_count = 60000},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_CHANNEL},
    {.name = "H12 a token over its limit",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "Content-Length: 65537\r\n\r\n",
             .more = "x",
             .more_count = 65537},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_TOKEN},
    {.name = "S5-04 an answer of 4 MiB and a byte",
     .lie = {.ask = LIAR_TOPICS,
             .head = OK "Content-Length: 4194305\r\n\r\n{}",
             .more = "                ",
             .more_count = 262144},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_TOPICS},
    {.name = "S5-05 a token's answer of 64 KiB and a byte",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "Connection: close\r\n\r\n{\"access_token\":\"t\"}",
             .more = " ",
             .more_count = 65537 - 20,
             .hangs_up = true},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_TOKEN},
    {.name = "H12 chunks without an end",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK TE "\r\n",
             .more = "1\r\nx\r\n",
             .more_count = 1000000},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_TOKEN},
    {.name = "H12 a body whose end does not come",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "\r\n",
             .more = "xxxxxxxxxxxxxxxx",
             .more_count = 60000},
     .error = GCN_EMSGSIZE,
     .op = GCN_OP_TOKEN},
    {.name = "H13 a body cut off behind its JSON",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "Content-Length: 99\r\n\r\n{\"access_token\":\"t\"}",
             .hangs_up = true},
     .error = UV_EOF,
     .op = GCN_OP_TOKEN},
    {.name = "H13 chunks cut off behind their JSON",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK TE "\r\n14\r\n{\"access_token\":\"t\"}\r\n",
             .hangs_up = true},
     .error = UV_EOF,
     .op = GCN_OP_TOKEN},
    {.name = "H15 a second answer",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK
             "Content-Length: 20\r\n\r\n{\"access_token\":\"t\"}" OK EMPTY},
     .error = GCN_EHTTP,
     .op = GCN_OP_TOKEN},
    {.name = "H15 a byte behind an answer that closes",
     .lie = {.ask = LIAR_CHANNEL,
             .head =
                 OK "Connection: close\r\nContent-Length: 44\r\n\r\n"
                    "{\"id\":\"c\",\"connectUri\":\"ws://127.0.0.1:1/c\"}!"},
     .error = GCN_EHTTP,
     .op = GCN_OP_CHANNEL},
    {.name = "H17 a coded content",
     .lie = {.ask = LIAR_CHANNEL,
             .head =
                 OK "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"},
     .error = GCN_EHTTP,
     .op = GCN_OP_CHANNEL},
    {.name = "H18 a login page",
     .lie = {.ask = LIAR_TOKEN, .body = "<html>please log in</html>"},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "H18 an empty body",
     .lie = {.ask = LIAR_CHANNEL, .body = ""},
     .error = GCN_EPROTO,
     .op = GCN_OP_CHANNEL},
    {.name = "H19 a key that occurs twice",
     .lie = {.ask = LIAR_TOKEN,
             .body = "{\"access_token\":\"a\",\"access_token\":\"b\"}"},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "H19 a depth of 10,000",
     .lie = {.ask = LIAR_TOKEN,
             .head =
                 OK "Connection: close\r\n\r\n{\"access_token\":\"t\",\"x\":",
             .more = "[",
             .more_count = 10000,
             .hangs_up = true},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "H20 a streaming host elsewhere",
     .lie = {.ask = LIAR_CHANNEL,
             .body = "{\"id\":\"c\",\"connectUri\":\"wss://evil.test/c\"}"},
     .error = GCN_EPOLICY,
     .op = GCN_OP_CHANNEL,
     .least_ms = LONG_MS / 2},
    {.name = "O02 the login service is overloaded",
     .lie = {.ask = LIAR_TOKEN,
             .head = "HTTP/1.1 503 .\r\nRetry-After: 500\r\n" EMPTY},
     .error = GCN_ERATELIMITED,
     .op = GCN_OP_TOKEN,
     .least_ms = 500000},
    {.name = "O04 a token that is no bearer token",
     .lie = {.ask = LIAR_TOKEN,
             .body = "{\"access_token\":\"t\",\"token_type\":\"mac\"}"},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "O05 a token with a line end",
     .lie = {.ask = LIAR_TOKEN, .body = "{\"access_token\":\"t\\r\\nX: y\"}"},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "O05 an empty token",
     .lie = {.ask = LIAR_TOKEN, .body = "{\"access_token\":\"\"}"},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
    {.name = "O05 a token of 8 KiB and a byte",
     .lie = {.ask = LIAR_TOKEN,
             .head = OK "Connection: close\r\n\r\n{\"access_token\":\"",
             .more = "x",
             .more_count = 8193,
             .tail = "\"}",
             .hangs_up = true},
     .error = GCN_EPROTO,
     .op = GCN_OP_TOKEN},
};

/* Waits that outlast the test. */
static gcn_options_t patient_options(struct user* user,
                                     const struct liar* liar) {
  gcn_options_t options = user_options(user, liar->url);
  options.retry_base_ms = options.retry_cap_ms = LONG_MS;
  options.retry_floor_ms = LONG_MS / 2;
  options.phase_ms = 25000; /* slow machines read, too */
  return options;
}

static void begin(struct user* user, uv_loop_t* loop,
                  const gcn_options_t* options) {
  user_new(user, loop, options);
  const char* const topics[] = {"v2.a.b"};
  assert_int_equal(gcn_client_subscribe(user->client, topics, 1), 0);
  assert_int_equal(gcn_client_start(user->client), 0);
}

/* A row and the loop that it is tried on. */
struct trial {
  const struct row* row;
  uv_loop_t* loop;
};

static int set_up(void** state) {
  struct trial* trial = malloc(sizeof *trial);
  if (trial == NULL) return -1;
  trial->row = *state;
  void* loop = NULL;
  int error = harness_setup(&loop);
  trial->loop = loop;
  *state = trial;
  return error;
}

static int tear_down(void** state) {
  struct trial* trial = *state;
  void* loop = trial->loop;
  int error = harness_teardown(&loop);
  free(trial);
  return error;
}

static void refuses_the_answer(void** state) {
  const struct trial* trial = *state;
  const struct row* row = trial->row;
  struct liar liar;
  struct user user = {.client = NULL};
  liar_open(&liar, trial->loop, &row->lie);
  gcn_options_t options = patient_options(&user, &liar);
  begin(&user, trial->loop, &options);
  harness_until(trial->loop, &user.backing_off);
  if (user.failure != row->error) fail_msg("%s", user.failure_text);
  assert_int_equal(user.failure_op, row->op);
  assert_true(user.retry_in >= row->least_ms);
  /* Nothing of that attempt is left, whatever else would come. */
  while (liar.open > 0)
    uv_run(trial->loop, UV_RUN_ONCE);
  assert_int_equal(liar.counts[row->lie.ask], 1);
  assert_int_equal(user.seen & 1u << GCN_STREAMING, 0);
  user_finish(&user);
  liar_close(&liar);
}

/* The answer, and white space behind it up to `size`. */
static void check_size(uv_loop_t* loop, enum liar_ask ask, const char* body,
                       size_t size) {
  struct liar liar;
  struct user user = {.client = NULL};
  char head[256];
  snprintf(head, sizeof head, OK "Content-Length: %zu\r\n\r\n%s", size, body);
  const struct liar_lie lie = {
      .ask = ask, .head = head, .more = " ", .more_count = size - strlen(body)};
  liar_open(&liar, loop, &lie);
  gcn_options_t options = patient_options(&user, &liar);
  begin(&user, loop, &options);
  harness_until(loop, &user.streaming);
  assert_int_equal(liar.counts[ask], 1);
  user_finish(&user);
  liar_close(&liar);
}

static void the_largest_answer(void** state) {
  check_size(*state, LIAR_TOPICS,
             "{\"entities\":[{\"id\":\"v2.a.b\",\"state\":\"Permitted\"}]}",
             4 * 1024 * 1024);
}

static void the_largest_token_answer(void** state) {
  check_size(*state, LIAR_TOKEN,
             "{\"access_token\":\"t\",\"token_type\":\"bearer\"}", 64 * 1024);
}

/* H16: the kept-alive connection is closed as the request comes, `times` times
 * (0: always). */
static void topics_die(uv_loop_t* loop, unsigned times, struct liar* liar,
                       struct user* user) {
  const struct liar_lie lie = {
      .ask = LIAR_TOPICS, .times = times, .hangs_up = true};
  liar_open(liar, loop, &lie);
  gcn_options_t options = patient_options(user, liar);
  begin(user, loop, &options);
}

static void a_put_is_repeated(void** state) {
  struct liar liar;
  struct user user = {.client = NULL};
  topics_die(*state, 1, &liar, &user);
  harness_until(*state, &user.streaming);
  assert_int_equal(liar.counts[LIAR_TOPICS], 2);
  assert_int_equal(liar.counts[LIAR_CHANNEL], 1);
  assert_int_equal(user.seen & 1u << GCN_BACKING_OFF, 0);
  user_finish(&user);
  liar_close(&liar);
}

static void a_put_is_repeated_once(void** state) {
  struct liar liar;
  struct user user = {.client = NULL};
  topics_die(*state, 0, &liar, &user);
  harness_until(*state, &user.backing_off);
  assert_int_equal(liar.counts[LIAR_TOPICS], 2);
  user_finish(&user);
  liar_close(&liar);
}

/* The upgrade is refused like that of a channel that is gone, once over the
 * early connection and once more, so a second channel is asked for, over the
 * connection that was used for the first. */
static void a_post_is_not_repeated(void** state) {
  struct liar liar;
  struct user user = {.client = NULL};
  const struct liar_lie lie = {.ask = LIAR_UPGRADE,
                               .head = "HTTP/1.1 404 .\r\n" EMPTY,
                               .dies = LIAR_CHANNEL};
  liar_open(&liar, *state, &lie);
  gcn_options_t options = patient_options(&user, &liar);
  begin(&user, *state, &options);
  harness_until(*state, &user.backing_off);
  assert_int_equal(user.failure_op, GCN_OP_CHANNEL);
  assert_int_equal(liar.counts[LIAR_UPGRADE], 2);
  assert_int_equal(liar.counts[LIAR_CHANNEL], 2);
  user_finish(&user);
  liar_close(&liar);
}

int main(void) {
  enum { OTHERS = 5 };
  static struct CMUnitTest tests[COUNT(rows) + OTHERS];
  size_t count = 0;
  for (; count < COUNT(rows); count++) {
    union {
      const void* from;
      void* to;
    } row = {.from = &rows[count]};
    tests[count] = (struct CMUnitTest){.name = rows[count].name,
                                       .test_func = refuses_the_answer,
                                       .setup_func = set_up,
                                       .teardown_func = tear_down,
                                       .initial_state = row.to};
  }
  const struct CMUnitTest others[OTHERS] = {
      LOOP_TEST(a_put_is_repeated), LOOP_TEST(a_put_is_repeated_once),
      LOOP_TEST(a_post_is_not_repeated), LOOP_TEST(the_largest_answer),
      LOOP_TEST(the_largest_token_answer)};
  memcpy(tests + count, others, sizeof others);
  return _cmocka_run_group_tests("answers", tests, COUNT(tests), NULL, NULL);
}
