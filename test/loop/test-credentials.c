/* SPDX-License-Identifier: MIT */
/*
 * Where tokens come from: the user's own sources of credentials and of tokens,
 * and the grants.
 */
#include "service.h"

#include "client/client.h"
#include "engine/internal.h"

#include <string.h>

static const gcn_credentials_t good = {.client_id = "id",
                                       .client_secret = "s3cr3t"};
static const gcn_credentials_t bad = {.client_id = "id",
                                      .client_secret = "s3cr3t-old"};

static gcn_options_t asking_options(struct user* user,
                                    const struct service* service) {
  gcn_options_t options = user_options(user, service->url);
  options.client_id = options.client_secret = NULL;
  options.credentials_cb = user_on_ask;
  return options;
}

/* --- a source of credentials ---------------------------------------------- */

static void answer_at_once(struct user* user, enum user_moment moment) {
  if (moment != USER_ASK) return;
  gcn_client_t* client = user->client;
  assert_int_equal(gcn_credentials_done(client, user->ticket, 0, &good, 1), 0);
  /* Once is enough. */
  assert_int_equal(gcn_credentials_done(client, user->ticket, 0, &good, 1),
                   UV_ENOENT);
}

static void test_answer_in_the_callback(void** state) {
  struct service service;
  struct user user = {.act = answer_at_once};
  service_open_plain(&service, *state);
  gcn_options_t options = asking_options(&user, &service);
  service_stream_with(&user, &service, &options);
  assert_int_equal(user.counts[USER_ASK], 1);
  assert_int_equal(user.refused, 0);
  user_finish(&user);
  service_close(&service);
}

static void test_answer_later(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  service_begin_with(&user, &service, &options);
  harness_until(loop, &user.asked);
  service_live(&service, 50);
  assert_int_equal(service_counters(&service).token_calls, 0);
  assert_int_equal(
      gcn_credentials_done(user.client, user.ticket + 1, 0, &good, 1),
      UV_ENOENT);
  assert_int_equal(gcn_credentials_done(user.client, user.ticket, 0, &good, 1),
                   0);
  harness_until(loop, &user.streaming);
  assert_int_equal(gcn_credentials_done(user.client, user.ticket, 0, &good, 1),
                   UV_ENOENT);
  user_finish(&user);
  service_close(&service);
}

static void test_bad_answers(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  const gcn_credentials_t incomplete = {.client_id = "id"};
  const gcn_credentials_t broken = {.client_id = "id",
                                    .client_secret = "s3cr3t\n"};
  const gcn_credentials_t half[] = {good, broken};
  const gcn_credentials_t many[] = {good, good, good};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  service_begin_with(&user, &service, &options);
  harness_until(loop, &user.asked);
  gcn_client_t* client = user.client;
  uint64_t ticket = user.ticket;
  assert_int_equal(gcn_credentials_done(NULL, ticket, 0, &good, 1), UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, &good, 0),
                   UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, &incomplete, 1),
                   UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, &broken, 1),
                   UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, half, 2), UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 0, many, 3), UV_EINVAL);
  assert_int_equal(gcn_credentials_done(client, ticket, 7, &good, 1),
                   UV_EINVAL);
  assert_int_equal(gcn_token_done(client, ticket, 0, NULL, 1), UV_EINVAL);
  /* An error changes nothing: the ticket is still good. */
  assert_int_equal(gcn_credentials_done(client, ticket, 0, &good, 1), 0);
  harness_until(loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
}

static void test_no_answer(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  options.phase_ms = 100;
  options.retry_base_ms = options.retry_floor_ms = options.retry_cap_ms = 300;
  service_begin_with(&user, &service, &options);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  harness_until(loop, &user.backing_off);
  assert_in_range(gcn__loop_now_ms(loop) - begun_ms, 100, 700);
  assert_int_equal(user.counts[USER_ASK], 1);
  uint64_t ticket = user.ticket;
  assert_int_equal(gcn_credentials_done(user.client, ticket, 0, &good, 1),
                   UV_ENOENT);
  user.act = answer_at_once; /* it is asked again */
  harness_until(loop, &user.streaming);
  assert_int_not_equal(user.ticket, ticket);
  user_finish(&user);
  service_close(&service);
}

static void answer_with_an_error(struct user* user, enum user_moment moment) {
  if (moment != USER_ASK) return;
  int error = gcn_credentials_done(user->client, user->ticket, UV_EIO, NULL, 0);
  assert_int_equal(error, 0);
}

static void test_the_source_is_down(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = answer_with_an_error};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  service_begin_with(&user, &service, &options);
  while (user.counts[USER_ASK] < 3)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure_op, GCN_OP_TOKEN);
  assert_int_equal(user.refused, 0);
  assert_int_equal(service_counters(&service).token_calls, 0);
  user.act = answer_at_once;
  harness_until(loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
}

static void answer_old_and_new(struct user* user, enum user_moment moment) {
  const gcn_credentials_t both[] = {bad, good};
  if (moment != USER_ASK) return;
  int error = gcn_credentials_done(user->client, user->ticket, 0, both, 2);
  assert_int_equal(error, 0);
}

/* A vault that rotates a secret offers both; they are tried in order. */
static void test_two_secrets(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = answer_old_and_new};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  service_stream_with(&user, &service, &options);
  assert_int_equal(user.counts[USER_ASK], 1);
  assert_int_equal(service_counters(&service).secrets_refused, 1);
  assert_int_equal(service_counters(&service).token_calls, 2);
  assert_int_equal(service_stats(&user).failures, 0);
  user_finish(&user);
  service_close(&service);
}

static void answer_worse_then_better(struct user* user,
                                     enum user_moment moment) {
  if (moment != USER_ASK) return;
  const gcn_credentials_t* offer = user->refused ? &good : &bad;
  int error = gcn_credentials_done(user->client, user->ticket, 0, offer, 1);
  assert_int_equal(error, 0);
}

/* A refusal is not final where there is somebody to be asked. */
static void test_refused_is_told(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = answer_worse_then_better};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  options.retry_cap_ms = 100;
  service_begin_with(&user, &service, &options);
  harness_until(loop, &user.streaming);
  assert_int_equal(user.seen & 1u << GCN_REFUSED, 0);
  assert_int_equal(user.counts[USER_ASK], 2);
  assert_int_equal(user.refused, 1);
  user_finish(&user);
  service_close(&service);
}

/* Stop takes the question back, and close too. */
static void test_stop_and_close_while_asking(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  service_begin_with(&user, &service, &options);
  harness_until(loop, &user.asked);
  uint64_t ticket = user.ticket;
  gcn_client_stop(user.client);
  harness_until(loop, &user.idle);
  assert_int_equal(gcn_credentials_done(user.client, ticket, 0, &good, 1),
                   UV_ENOENT);
  user.asked = false;
  gcn_client_start(user.client);
  harness_until(loop, &user.asked);
  user_close(&user);
  assert_int_equal(gcn_credentials_done(user.client, user.ticket, 0, &good, 1),
                   GCN_ECLOSING);
  user_finish(&user);
  service_close(&service);
}

static void close_when_asked(struct user* user, enum user_moment moment) {
  if (moment == USER_ASK) user_close(user);
}

static void test_close_in_the_callback(void** state) {
  struct service service;
  struct user user = {.act = close_when_asked};
  service_open_plain(&service, *state);
  gcn_options_t options = asking_options(&user, &service);
  service_begin_with(&user, &service, &options);
  harness_until(*state, &user.closed);
  assert_int_equal(user.counts[USER_ASK], 1);
  service_close(&service);
}

/* Also in the background, when the token is about to end. */
static void test_asked_again_for_a_renewal(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = answer_at_once};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  options.token_margin_ms = 100;
  options.latency_ms_max = 50;
  options.overlap_ms = 1000;
  service_do(&service, "token.life 2s");
  service_stream_with(&user, &service, &options);
  service_do(&service, "token.life 1h");
  harness_until(loop, &user.rotated);
  assert_int_equal(user.counts[USER_ASK], 2);
  assert_int_equal(user.counts[USER_GAP], 0);
  assert_int_equal(user.last_rotation.proven, 1);
  user_finish(&user);
  service_close(&service);
}

/* --- a source of tokens --------------------------------------------------- */

static void give_a_bad_token(struct user* user, enum user_moment moment) {
  if (moment != USER_ASK) return;
  gcn_client_t* client = user->client;
  uint64_t ticket = user->ticket;
  const gcn_credentials_t offer = good;
  assert_int_equal(gcn_credentials_done(client, ticket + 1, 0, &offer, 1),
                   UV_ENOENT);
  assert_int_equal(gcn_token_done(client, ticket, 0, "not-a-token", 0), 0);
  assert_int_equal(gcn_token_done(client, ticket, 0, "not-a-token", 0),
                   UV_ENOENT);
}

static void test_tokens_of_the_user(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = give_a_bad_token};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  options.credentials_cb = NULL;
  options.token_cb = user_on_ask;
  service_begin_with(&user, &service, &options);
  /* The API refuses it, so the source is asked again, and again. */
  while (user.counts[USER_ASK] < 3)
    uv_run(loop, UV_RUN_ONCE);
  struct gcn__sim_counters counters = service_counters(&service);
  assert_int_equal(counters.token_calls, 0);
  assert_true(counters.rest_calls >= 2);
  assert_int_equal(counters.channels, 0);
  user_finish(&user);
  service_close(&service);
}

/* Answers with the token that another client was given. */
struct borrower {
  struct user user;
  struct user* lender;
  uint64_t life_s;
};

static void borrow(struct user* user, enum user_moment moment) {
  struct borrower* borrower = (struct borrower*)(void*)user;
  if (moment != USER_ASK) return;
  const char* token = borrower->lender->client->engine->keeper.token.text;
  int error =
      gcn_token_done(user->client, user->ticket, 0, token, borrower->life_s);
  assert_int_equal(error, 0);
}

static void test_a_good_token(void** state) {
  uv_loop_t* loop = *state;
  static const uint64_t lives_s[] = {0, 2, 3600};
  for (size_t i = 0; i < 3; i++) {
    struct service service;
    struct user lender = {.client = NULL};
    struct borrower borrower = {
        .user = {.act = borrow}, .lender = &lender, .life_s = lives_s[i]};
    service_open_plain(&service, loop);
    service_stream(&lender, &service);
    gcn_options_t options = asking_options(&borrower.user, &service);
    options.credentials_cb = NULL;
    options.token_cb = user_on_ask;
    options.token_margin_ms = 100;
    options.latency_ms_max = 50;
    options.overlap_ms = 1000;
    service_stream_with(&borrower.user, &service, &options);
    assert_int_equal(borrower.user.counts[USER_ASK], 1);
    if (lives_s[i] == 2) {
      /* It ends: another one is asked for before, and takes over. */
      borrower.life_s = 3600;
      harness_until(loop, &borrower.user.rotated);
      assert_int_equal(borrower.user.counts[USER_ASK], 2);
      assert_int_equal(borrower.user.counts[USER_GAP], 0);
    }
    assert_int_equal(service_counters(&service).token_calls, 1);
    user_finish(&borrower.user);
    user_finish(&lender);
    service_close(&service);
  }
}

static void test_no_token(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = asking_options(&user, &service);
  options.credentials_cb = NULL;
  options.token_cb = user_on_ask;
  options.phase_ms = 100;
  service_begin_with(&user, &service, &options);
  harness_until(loop, &user.asked);
  gcn_client_t* client = user.client;
  assert_int_equal(gcn_token_done(client, user.ticket, 0, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_token_done(client, user.ticket, 5, "t", 1), UV_EINVAL);
  assert_int_equal(gcn_token_done(client, user.ticket, UV_EIO, NULL, 0), 0);
  harness_until(loop, &user.backing_off);
  assert_int_equal(user.failure_op, GCN_OP_TOKEN);
  user.asked = user.backing_off = false;
  harness_until(loop, &user.asked);
  /* A token that would break the request's header is none. */
  assert_int_equal(gcn_token_done(client, user.ticket, 0, "a\r\nb", 60), 0);
  harness_until(loop, &user.backing_off);
  assert_int_equal(service_counters(&service).rest_calls, 0);
  user.asked = user.backing_off = false;
  harness_until(loop, &user.asked);
  harness_until(loop, &user.backing_off); /* nothing is said at all */
  user_finish(&user);
  service_close(&service);
}

/* --- grants --------------------------------------------------------------- */

static gcn_options_t grant_options(struct user* user,
                                   const struct service* service,
                                   gcn_grant_t grant) {
  gcn_options_t options = user_options(user, service->url);
  options.grant = grant;
  options.token_margin_ms = 100;
  options.latency_ms_max = 50;
  options.overlap_ms = 1000;
  return options;
}

/* Each answer replaces the refresh token; the next request uses the new one. */
static void test_refresh_tokens_rotate(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct user user = {.client = NULL};
  sim.sim.refresh_token = "s3cr3t-refresh";
  service_open(&service, loop, &sim);
  gcn_options_t options =
      grant_options(&user, &service, GCN_GRANT_REFRESH_TOKEN);
  options.refresh_token = "s3cr3t-refresh";
  service_do(&service, "token.life 2s");
  service_stream_with(&user, &service, &options);
  assert_int_equal(user.counts[USER_REFRESH], 1);
  assert_string_not_equal(user.refresh_token, "s3cr3t-refresh");
  service_do(&service, "token.life 1h");
  harness_until(loop, &user.rotated);
  assert_int_equal(user.counts[USER_REFRESH], 2);
  struct gcn__sim_counters counters = service_counters(&service);
  assert_int_equal(counters.refreshes, 2);
  assert_int_equal(counters.refresh_reused, 0);
  user_finish(&user);
  /* What was stored serves the next life. */
  char stored[128];
  memcpy(stored, user.refresh_token, sizeof stored);
  struct user next = {.client = NULL};
  gcn_options_t again = grant_options(&next, &service, GCN_GRANT_REFRESH_TOKEN);
  again.refresh_token = stored;
  service_stream_with(&next, &service, &again);
  assert_int_equal(service_counters(&service).refresh_reused, 0);
  user_finish(&next);
  service_close(&service);
}

/* A spent one is refused for good, until set_grant brings another. */
static void test_set_grant(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct user user = {.client = NULL};
  sim.sim.refresh_token = "s3cr3t-refresh";
  service_open(&service, loop, &sim);
  gcn_options_t options =
      grant_options(&user, &service, GCN_GRANT_REFRESH_TOKEN);
  options.refresh_token = "s3cr3t-spent";
  service_begin_with(&user, &service, &options);
  while (user.state != GCN_REFUSED)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure, GCN_EAUTH);
  gcn_client_t* client = user.client;
  gcn_credentials_t offer = good;
  assert_int_equal(gcn_client_set_grant(client, NULL), UV_EINVAL);
  offer.refresh_token = "";
  assert_int_equal(gcn_client_set_grant(client, &offer), UV_EINVAL);
  offer.refresh_token = "s3cr3t-refresh";
  offer.client_secret = NULL;
  assert_int_equal(gcn_client_set_grant(client, &offer), UV_EINVAL);
  offer.client_secret = "s3cr3t";
  assert_int_equal(gcn_client_set_grant(client, &offer), 0);
  harness_until(loop, &user.streaming);
  assert_int_equal(user.counts[USER_REFRESH], 1);
  user_finish(&user);
  service_close(&service);
}

static void stream_once(uv_loop_t* loop, gcn_grant_t grant,
                        const char* assertion, bool accepted) {
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct user user = {.client = NULL};
  sim.sim.assertion = "czNjcjN0LWFzc2VydGlvbg==";
  sim.sim.org_name = "acme";
  service_open(&service, loop, &sim);
  gcn_options_t options = grant_options(&user, &service, grant);
  options.assertion = assertion;
  options.org_name = "acme";
  service_begin_with(&user, &service, &options);
  while (!user.streaming && user.state != GCN_REFUSED)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.streaming, accepted);
  assert_int_equal(user.counts[USER_REFRESH], 0);
  user_finish(&user);
  service_close(&service);
}

static void test_bearer_assertions(void** state) {
  const char* right = "czNjcjN0LWFzc2VydGlvbg==";
  const char* wrong = "czNjcjN0LW90aGVy";
  stream_once(*state, GCN_GRANT_SAML2_BEARER, right, true);
  stream_once(*state, GCN_GRANT_SAML2_BEARER, wrong, false);
  stream_once(*state, GCN_GRANT_JWT_BEARER, right, true);
  stream_once(*state, GCN_GRANT_JWT_BEARER, wrong, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_answer_in_the_callback),
      LOOP_TEST(test_answer_later),
      LOOP_TEST(test_bad_answers),
      LOOP_TEST(test_no_answer),
      LOOP_TEST(test_the_source_is_down),
      LOOP_TEST(test_two_secrets),
      LOOP_TEST(test_refused_is_told),
      LOOP_TEST(test_stop_and_close_while_asking),
      LOOP_TEST(test_close_in_the_callback),
      LOOP_TEST(test_asked_again_for_a_renewal),
      LOOP_TEST(test_tokens_of_the_user),
      LOOP_TEST(test_a_good_token),
      LOOP_TEST(test_no_token),
      LOOP_TEST(test_refresh_tokens_rotate),
      LOOP_TEST(test_set_grant),
      LOOP_TEST(test_bearer_assertions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
