/* SPDX-License-Identifier: MIT */
/*
 * Credentials of the simulated service: secrets that rotate, refresh tokens
 * that do, assertions, and lifetimes that scripts change.
 */
#include "sim-peer.h"

#include "base/err.h"
#include "codec/digest.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CHANNELS "/api/v2/notifications/channels"
#define TOPIC    "v2.users.u.presence"
#define URN      "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
#define FORM     "Content-Type: application/x-www-form-urlencoded\r\n"

static struct sim_world world;
static struct sim_link rest;

static void begin(void) {
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
}

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_world_close(&world);
  return 0;
}

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

/* Asks for a token with this body; the status. */
static unsigned ask(const char* client, const char* secret, const char* body) {
  char pair[SIM_TEXT_SIZE];
  char headers[2 * SIM_TEXT_SIZE];
  struct gcn__buf basic;
  gcn__buf_init(&basic, &gcn__mem_libc, SIM_TEXT_SIZE);
  snprintf(pair, sizeof pair, "%s:%s", client, secret);
  assert_int_equal(gcn__base64_encode(&basic, gcn__span_str(pair)), 0);
  snprintf(headers, sizeof headers, "%sAuthorization: Basic %.*s\r\n", FORM,
           (int)gcn__buf_size(&basic), gcn__buf_span(&basic).data);
  gcn__buf_deinit(&basic);
  return sim_request(&rest, "POST", "/oauth/token", headers, body);
}

static unsigned ask_with(const char* secret) {
  return ask(SIM_CLIENT, secret, "grant_type=client_credentials");
}

/* Whether the service still takes the token. */
static unsigned use(const char* token) {
  return sim_call(&rest, "GET", CHANNELS, token, NULL);
}

static void both_secrets_are_good_for_the_overlap(void** state) {
  (void)state;
  begin();
  inject("secret.rotate next 10s client=" SIM_CLIENT);
  assert_int_equal(ask_with(SIM_SECRET), 200);
  assert_int_equal(ask_with("next"), 200);
  sim_world_advance(&world, 9999);
  assert_int_equal(ask_with(SIM_SECRET), 200);
  sim_world_advance(&world, 1);
  assert_int_equal(ask_with(SIM_SECRET), 401);
  assert_true(sim_answer_has(&rest, "\"error\":\"invalid_client\""));
  assert_int_equal(ask_with("next"), 200);
  assert_int_equal(sim_world_counters(&world).secrets_refused, 1);
  /* The other client was not concerned. */
  assert_int_equal(ask("client-2", SIM_SECRET, "grant_type=client_credentials"),
                   200);
}

static void without_an_overlap_the_old_one_ends_at_once(void** state) {
  (void)state;
  begin();
  inject("secret.rotate \"the next\"");
  assert_int_equal(ask_with(SIM_SECRET), 401);
  assert_int_equal(ask_with("the next"), 200);
  assert_int_equal(ask("client-2", "the next", "grant_type=client_credentials"),
                   200);
}

static void a_second_rotation_ends_the_oldest(void** state) {
  (void)state;
  begin();
  inject("secret.rotate second 1h");
  inject("secret.rotate third 1h");
  assert_int_equal(ask_with(SIM_SECRET), 401);
  assert_int_equal(ask_with("second"), 200);
  assert_int_equal(ask_with("third"), 200);
}

static void only_known_clients_have_secrets(void** state) {
  (void)state;
  begin();
  assert_int_equal(gcn__sim_rotate_secret(world.sim, "nobody", "x", 0, 1000),
                   GCN__EINVAL);
  assert_int_equal(gcn__sim_rotate_secret(world.sim, SIM_CLIENT, "x", 0, 1000),
                   0);
  assert_int_equal(ask_with("x"), 200);
}

static void tokens_of_old_secrets_can_be_revoked(void** state) {
  (void)state;
  char old[SIM_TEXT_SIZE];
  char overlapping[SIM_TEXT_SIZE];
  char fresh[SIM_TEXT_SIZE];
  begin();
  sim_token(&rest, old);
  inject("secret.rotate next 1m");
  assert_int_equal(ask_with(SIM_SECRET), 200);
  sim_answer_member(&rest, "access_token", overlapping);
  assert_int_equal(ask_with("next"), 200);
  sim_answer_member(&rest, "access_token", fresh);
  assert_int_equal(use(old), 200);
  inject("token.revoke-old");
  assert_int_equal(use(old), 401);
  assert_true(sim_answer_has(&rest, "bad.credentials"));
  assert_int_equal(use(overlapping), 401);
  assert_int_equal(use(fresh), 200);
}

static void revocation_is_told_and_closes(void** state) {
  (void)state;
  struct sim_link stream;
  begin();
  sim_link_open(&stream, &world);
  sim_stream(&rest, &stream, TOPIC);
  inject("secret.rotate next then token.revoke-old");
  assert_true(sim_next_has(&stream, "v2.system.token_revoked.streaming-"));
  assert_int_equal(sim_next_close(&stream), 1001);
  sim_link_close(&stream);
}

static void lifetimes_change_and_come_back(void** state) {
  (void)state;
  char brief[SIM_TEXT_SIZE];
  begin();
  inject("at 0s for 10s token.life 300s");
  assert_int_equal(ask_with(SIM_SECRET), 200);
  assert_true(sim_answer_has(&rest, "\"expires_in\":299"));
  sim_answer_member(&rest, "access_token", brief);
  sim_world_advance(&world, 10000);
  assert_int_equal(ask_with(SIM_SECRET), 200);
  assert_true(sim_answer_has(&rest, "\"expires_in\":86399"));
  sim_world_advance(&world, 289999);
  assert_int_equal(use(brief), 200);
  sim_world_advance(&world, 1);
  assert_int_equal(use(brief), 401);
}

#define REFRESH "grant_type=refresh_token&refresh_token="

static unsigned refresh(const char* value) {
  char body[2 * SIM_TEXT_SIZE];
  snprintf(body, sizeof body, REFRESH "%s", value);
  return ask(SIM_CLIENT, SIM_SECRET, body);
}

static void refresh_tokens_rotate(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char next[SIM_TEXT_SIZE];
  world.options.refresh_token = "first/1";
  begin();
  assert_int_equal(refresh("first%2F1"), 200);
  sim_answer_member(&rest, "access_token", token);
  sim_answer_member(&rest, "refresh_token", next);
  assert_int_equal(use(token), 200);
  assert_true(strlen(next) > 16);
  assert_int_equal(refresh("first%2F1"), 400);
  assert_true(sim_answer_has(&rest, "\"error\":\"invalid_grant\""));
  assert_int_equal(refresh(next), 200);
  assert_int_equal(refresh("unheard-of"), 400);
  assert_int_equal(sim_world_counters(&world).refreshes, 2);
  assert_int_equal(sim_world_counters(&world).refresh_reused, 1);
}

static void a_refresh_token_is_its_clients_own(void** state) {
  (void)state;
  char next[SIM_TEXT_SIZE];
  char body[2 * SIM_TEXT_SIZE];
  world.options.refresh_token = "first";
  begin();
  assert_int_equal(refresh("first"), 200);
  sim_answer_member(&rest, "refresh_token", next);
  snprintf(body, sizeof body, REFRESH "%s", next);
  assert_int_equal(ask("client-2", SIM_SECRET, body), 400);
  assert_int_equal(refresh(next), 200);
}

static void kept_refresh_tokens_do_not_rotate(void** state) {
  (void)state;
  world.options.refresh_token = "for ever";
  world.options.refresh_kept = true;
  begin();
  assert_int_equal(refresh("for+ever"), 200);
  assert_false(sim_answer_has(&rest, "refresh_token"));
  assert_int_equal(refresh("for+ever"), 200);
  inject("refresh.revoke");
  assert_int_equal(refresh("for+ever"), 400);
  assert_true(sim_answer_has(&rest, "invalid_grant"));
}

static void a_refresh_needs_its_token(void** state) {
  (void)state;
  begin();
  assert_int_equal(
      ask(SIM_CLIENT, SIM_SECRET, "grant_type=refresh_token&refresh_token="),
      400);
  assert_true(sim_answer_has(&rest, "\"error\":\"invalid_request\""));
  assert_int_equal(refresh("anything"), 400);
  assert_true(sim_answer_has(&rest, "\"error\":\"invalid_grant\""));
}

struct assertion_case {
  const char* body;
  unsigned status;
  const char* error;
};

static void run_assertions(const struct assertion_case* cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned status = ask(SIM_CLIENT, SIM_SECRET, cases[i].body);
    if (status != cases[i].status) {
      fail_msg("%s: %u", cases[i].body, status);
    }
    if (cases[i].error == NULL) continue;
    assert_true(sim_answer_has(&rest, cases[i].error));
  }
}

static void assertions_have_a_form(void** state) {
  (void)state;
  static const struct assertion_case cases[] = {
      {"grant_type=" URN "saml2-bearer&orgName=o&assertion=YWJj", 200, NULL},
      {"assertion=Pz8%2FPg%3D%3D&orgName=o&grant_type=" URN "saml2-bearer", 200,
       NULL},
      {"grant_type=" URN "saml2-bearer&orgName=o&assertion=a.b", 400,
       "invalid_grant"},
      {"grant_type=" URN "saml2-bearer&assertion=YWJj", 400, "invalid_request"},
      {"grant_type=" URN "saml2-bearer&orgName=o", 400, "invalid_request"},
      {"grant_type=" URN "jwt-bearer&assertion=a-1.b_2.C", 200, NULL},
      {"grant_type=" URN "jwt-bearer&assertion=a.b", 400, "invalid_grant"},
      {"grant_type=" URN "jwt-bearer&assertion=a.b.c.d", 400, "invalid_grant"},
      {"grant_type=" URN "jwt-bearer&assertion=a..c", 400, "invalid_grant"},
      {"grant_type=" URN "jwt-bearer", 400, "invalid_request"},
      {"grant_type=password", 400, "unsupported_grant_type"},
  };
  begin();
  run_assertions(cases, sizeof cases / sizeof cases[0]);
}

static void assertions_can_be_prescribed(void** state) {
  (void)state;
  static const struct assertion_case cases[] = {
      {"grant_type=" URN "saml2-bearer&orgName=acme&assertion=YWJj", 200, NULL},
      {"grant_type=" URN "saml2-bearer&orgName=other&assertion=YWJj", 400,
       "invalid_grant"},
      {"grant_type=" URN "saml2-bearer&orgName=acme&assertion=ZGVm", 400,
       "invalid_grant"},
      {"grant_type=" URN "jwt-bearer&assertion=YWJj", 200, NULL},
      {"grant_type=" URN "jwt-bearer&assertion=a.b.c", 400, "invalid_grant"},
  };
  world.options.org_name = "acme";
  world.options.assertion = "YWJj";
  begin();
  run_assertions(cases, sizeof cases / sizeof cases[0]);
}

static void an_overlong_first_refresh_token_is_refused(void** state) {
  (void)state;
  char text[100];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  world.options.refresh_token = text;
  assert_null(gcn__sim_new(&world.options));
  world.options.refresh_token = NULL;
  begin();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(both_secrets_are_good_for_the_overlap),
      TEST(without_an_overlap_the_old_one_ends_at_once),
      TEST(a_second_rotation_ends_the_oldest),
      TEST(only_known_clients_have_secrets),
      TEST(tokens_of_old_secrets_can_be_revoked),
      TEST(revocation_is_told_and_closes),
      TEST(lifetimes_change_and_come_back),
      TEST(refresh_tokens_rotate),
      TEST(a_refresh_token_is_its_clients_own),
      TEST(kept_refresh_tokens_do_not_rotate),
      TEST(a_refresh_needs_its_token),
      TEST(assertions_have_a_form),
      TEST(assertions_can_be_prescribed),
      TEST(an_overlong_first_refresh_token_is_refused),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
