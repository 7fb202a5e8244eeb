/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's login host and channels: grants, refusals, limits,
 * the rule of 20, and the ends of tokens and channels.
 */
#include "sim-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CHANNELS "/api/v2/notifications/channels"
#define FORM     "Content-Type: application/x-www-form-urlencoded\r\n"
#define GRANT    "grant_type=client_credentials"
#define RIGHT    "Authorization: Basic Y2xpZW50LTE6bm90IGEgc2VjcmV0\r\n"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  return 0;
}

static void begin(const char* script) {
  sim_world_open(&world, script);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

/* Whole and byte by byte. */
static void grants_token(void** state) {
  (void)state;
  begin(NULL);
  for (world.cut = 0; world.cut < 3; world.cut++) {
    char token[SIM_TEXT_SIZE];
    sim_token(&rest, token);
    assert_true(sim_answer_has(&rest, "\"token_type\":\"bearer\""));
    assert_true(sim_answer_has(&rest, "\"expires_in\":86399"));
    assert_int_equal(sim_call(&rest, "HEAD", "/api/v2/tokens/me", token, NULL),
                     200);
  }
  assert_int_equal(sim_world_counters(&world).tokens, 3);
  assert_int_equal(sim_world_counters(&world).token_calls, 3);
}

struct refusal {
  const char* method;
  const char* headers;
  const char* body;
  unsigned status;
  const char* error;
};

static void refuses_grants(void** state) {
  (void)state;
  static const struct refusal refusals[] = {
      {"GET", "", NULL, 405, "invalid_request"},
      {"POST", RIGHT, GRANT, 415, "invalid_request"},
      {"POST", FORM, GRANT, 400, "invalid_client"},
      /* nobody:x */
      {"POST", FORM "Authorization: Basic bm9ib2R5Ong=\r\n", GRANT, 400,
       "\"description\":\"client not found: invalid_client\""},
      /* client-1:x */
      {"POST", FORM "Authorization: Basic Y2xpZW50LTE6eA==\r\n", GRANT, 401,
       "invalid_client"},
      {"POST", FORM "Authorization: Basic !!!!\r\n", GRANT, 400,
       "invalid_client"},
      {"POST", FORM "Authorization: Bearer x\r\n", GRANT, 400,
       "invalid_client"},
      {"POST", FORM RIGHT, "", 400, "invalid_request"},
      {"POST", FORM RIGHT, "grant=client_credentials", 400, "invalid_request"},
      {"POST", FORM RIGHT, "grant_type=%zz", 400, "invalid_request"},
      {"POST", FORM RIGHT, "grant_type=password", 400,
       "unsupported_grant_type"},
  };
  begin(NULL);
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    const struct refusal* r = &refusals[i];
    assert_int_equal(
        sim_request(&rest, r->method, "/oauth/token", r->headers, r->body),
        r->status);
    assert_true(sim_answer_has(&rest, r->error));
  }
  assert_int_equal(sim_world_counters(&world).tokens, 0);
}

static void takes_form_variants(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(sim_request(&rest, "POST", "/oauth/token",
                               RIGHT "Content-Type: application/x-www-form-"
                                     "urlencoded; charset=utf-8\r\n",
                               "scope=&grant_type=client%5Fcredentials"),
                   200);
}

static void names_kinds_of_401(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  world.options.token_life_s = 300;
  begin(NULL);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, NULL, NULL), 401);
  assert_true(sim_answer_has(&rest, "\"code\":\"authentication.required\""));
  assert_true(sim_answer_has(&rest, "\"status\":401"));
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, "unknown", NULL), 401);
  assert_true(sim_answer_has(&rest, "bad.credentials"));
  sim_token(&rest, token);
  sim_world_advance(&world, 299999);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 401);
  assert_true(sim_answer_has(&rest, "credentials.expired"));
}

static void revokes_own_token(void** state) {
  (void)state;
  char first[SIM_TEXT_SIZE];
  char second[SIM_TEXT_SIZE];
  begin(NULL);
  sim_token(&rest, first);
  sim_token(&rest, second);
  assert_int_equal(sim_call(&rest, "DELETE", "/api/v2/tokens/me", first, NULL),
                   200);
  assert_int_equal(sim_call(&rest, "GET", "/api/v2/tokens/me", first, NULL),
                   401);
  assert_true(sim_answer_has(&rest, "bad.credentials"));
  assert_int_equal(sim_call(&rest, "GET", "/api/v2/tokens/me", second, NULL),
                   200);
  assert_true(sim_answer_has(&rest, SIM_CLIENT));
}

static void errors_carry_their_trace(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, NULL, NULL), 401);
  char context[SIM_TEXT_SIZE];
  sim_answer_member(&rest, "contextId", context);
  struct gcn__span header =
      gcn__http_header(rest.http, "ININ-Correlation-Id", NULL);
  assert_int_equal(strlen(context), 36);
  assert_true(gcn__span_is(header, context));
}

static void limits_calls_per_minute(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char other[SIM_TEXT_SIZE];
  world.options.rest_per_min_max = 3;
  begin(NULL);
  sim_token(&rest, token);
  sim_token(&rest, other);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  }
  assert_true(gcn__span_is(
      gcn__http_header(rest.http, "inin-ratelimit-count", NULL), "3"));
  assert_true(gcn__span_is(
      gcn__http_header(rest.http, "inin-ratelimit-allowed", NULL), "3"));
  assert_true(gcn__span_is(
      gcn__http_header(rest.http, "inin-ratelimit-reset", NULL), "61"));
  sim_world_advance(&world, 18000);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 429);
  assert_true(sim_answer_has(&rest, "too.many.requests.retry.after"));
  assert_true(sim_answer_has(&rest, "in [42] seconds"));
  assert_true(
      gcn__span_is(gcn__http_header(rest.http, "Retry-After", NULL), "42"));
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, other, NULL), 200);
  sim_world_advance(&world, 42000);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  assert_int_equal(sim_world_counters(&world).rate_limited, 1);
}

static void makes_and_lists_channels(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char other[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  char uri[SIM_TEXT_SIZE];
  char want[2 * SIM_TEXT_SIZE];
  begin(NULL);
  sim_token(&rest, token);
  sim_token(&rest, other);
  sim_channel(&rest, token, id);
  assert_int_equal(strlen(id), strlen("streaming-3-") + 26);
  sim_answer_member(&rest, "connectUri", uri);
  snprintf(want, sizeof want, "wss://host:1/channels/%s", id);
  assert_string_equal(uri, want);
  assert_true(
      sim_answer_has(&rest, "\"expires\":\"2031-04-04T08:15:25.000Z\""));
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  assert_true(sim_answer_has(&rest, id));
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, other, NULL), 200);
  assert_false(sim_answer_has(&rest, "expires"));
  assert_int_equal(sim_call(&rest, "GET",
                            CHANNELS "?a=b&includechannels=oauthclient", other,
                            NULL),
                   200);
  assert_true(sim_answer_has(&rest, "expires"));
  assert_false(sim_answer_has(&rest, id));
  snprintf(want, sizeof want, CHANNELS "/%s", id);
  assert_int_equal(sim_call(&rest, "HEAD", want, token, NULL), 200);
  assert_int_equal(sim_call(&rest, "HEAD", CHANNELS "/x", token, NULL), 404);
}

static void says_what_it_does_not_have(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  char target[2 * SIM_TEXT_SIZE];
  begin(NULL);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_call(&rest, "GET", "/", token, NULL), 404);
  assert_int_equal(sim_call(&rest, "GET", "/api/v2/x", token, NULL), 404);
  snprintf(target, sizeof target, CHANNELS "/%s/x", id);
  assert_int_equal(sim_call(&rest, "GET", target, token, NULL), 404);
  snprintf(target, sizeof target, CHANNELS "/%s", id);
  assert_int_equal(sim_call(&rest, "DELETE", target, token, NULL), 405);
  assert_true(gcn__span_is(gcn__http_header(rest.http, "Allow", NULL), "HEAD"));
  assert_int_equal(sim_call(&rest, "PATCH", CHANNELS, token, NULL), 405);
  assert_int_equal(sim_request(&rest, "POST", CHANNELS, "", NULL), 401);
  assert_int_equal(sim_call(&rest, "POST", CHANNELS, token, "{}"), 200);
  char headers[2 * SIM_TEXT_SIZE];
  snprintf(headers, sizeof headers,
           "Authorization: Bearer %s\r\nContent-Type: text/plain\r\n", token);
  assert_int_equal(sim_request(&rest, "POST", CHANNELS, headers, "{}"), 415);
}

static void refuses_what_is_not_http(void** state) {
  (void)state;
  begin(NULL);
  sim_link_send(&rest, GCN__SPAN("GET / HTTP/1.1\r\nHost : x\r\n\r\n"));
  struct gcn__span in = gcn__buf_span(&rest.in);
  assert_true(gcn__span_starts(in, "HTTP/1.1 400 "));
  assert_int_equal(rest.verdict, GCN__SIM_CLOSE);
  size_t size = in.size;
  sim_link_send(&rest, GCN__SPAN("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  assert_int_equal(gcn__buf_size(&rest.in), size);
}

static void refuses_what_is_too_large(void** state) {
  (void)state;
  begin(NULL);
  sim_link_send(&rest, GCN__SPAN("POST /oauth/token HTTP/1.1\r\nHost: x\r\n"
                                 "Content-Length: 999999999\r\n\r\n"));
  assert_true(gcn__span_starts(gcn__buf_span(&rest.in), "HTTP/1.1 413 "));
  assert_int_equal(rest.verdict, GCN__SIM_CLOSE);
}

static void closes_when_asked(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(
      sim_request(&rest, "GET", "/", "Connection: close\r\n", NULL), 404);
  assert_int_equal(rest.verdict, GCN__SIM_CLOSE);
  gcn__sim_eof(stream.conn, world.now_ms);
  sim_world_pump(&world);
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
}

static void answers_pipelined_requests(void** state) {
  (void)state;
  begin(NULL);
  sim_link_send(&rest, GCN__SPAN("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                                 "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
  struct gcn__span in = gcn__buf_span(&rest.in);
  const char* first = memmem(in.data, in.size, "HTTP/1.1 404", 12);
  assert_ptr_equal(first, in.data);
  assert_non_null(memmem(first + 1, in.size - 1, "HTTP/1.1 404", 12));
  gcn__buf_clear(&rest.in);
}

static bool exists(const char* token, const char* id) {
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target, CHANNELS "/%s", id);
  return sim_call(&rest, "HEAD", target, token, NULL) == 200;
}

static void evicts_unconnected_first(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char ids[4][SIM_TEXT_SIZE];
  world.options.channels_max = 3;
  begin(NULL);
  sim_token(&rest, token);
  for (int i = 0; i < 3; i++)
    sim_channel(&rest, token, ids[i]);
  assert_int_equal(sim_upgrade(&stream, ids[0]), 101);
  /* The second has been used since; the third has not. */
  assert_int_equal(sim_subscribe(&rest, token, ids[1], "v2.users.u.presence"),
                   200);
  sim_channel(&rest, token, ids[3]);
  assert_true(exists(token, ids[0]));
  assert_true(exists(token, ids[1]));
  assert_false(exists(token, ids[2]));
  assert_int_equal(sim_world_counters(&world).channels_evicted, 1);
  assert_int_equal(sim_world_counters(&world).channels_live, 3);
  assert_int_equal(sim_world_counters(&world).channels_live_max, 3);
}

static void eviction_closes_the_socket(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char old[SIM_TEXT_SIZE];
  char fresh[SIM_TEXT_SIZE];
  world.options.channels_max = 1;
  begin(NULL);
  sim_token(&rest, token);
  sim_channel(&rest, token, old);
  assert_int_equal(sim_upgrade(&stream, old), 101);
  sim_channel(&rest, token, fresh);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(sim_subscribe(&rest, token, old, "v2.users.u.presence"),
                   404);
  assert_true(exists(token, fresh));
  struct sim_link late;
  sim_link_open(&late, &world);
  assert_int_equal(sim_upgrade(&late, old), 404);
  sim_link_close(&late);
}

static void channels_are_private(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  char other[SIM_TEXT_SIZE];
  begin(NULL);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  /* client-2:not a secret */
  assert_int_equal(
      sim_request(&rest, "POST", "/oauth/token",
                  FORM "Authorization: Basic Y2xpZW50LTI6bm90IGEgc2VjcmV0\r\n",
                  GRANT),
      200);
  sim_answer_member(&rest, "access_token", other);
  assert_true(exists(token, id));
  assert_false(exists(other, id));
}

static void channel_lives_a_day_from_its_last_use(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  world.options.token_life_s = 172800;
  world.options.rest_per_min_max = GCN__NEVER;
  begin(NULL);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_world_advance(&world, 80000000);
  assert_int_equal(sim_subscribe(&rest, token, id, "v2.users.u.presence"), 200);
  sim_world_advance(&world, 86399999);
  assert_true(exists(token, id));
  assert_int_equal(sim_next_close(&stream), 0);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_false(exists(token, id));
  /* Nobody answered the Close. */
  sim_world_advance(&world, 5000);
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
}

static void channel_ends_with_its_token(void** state) {
  (void)state;
  world.options.token_life_s = 300;
  begin(NULL);
  sim_stream(&rest, &stream, "v2.users.u.presence");
  sim_world_advance(&world, 299999);
  assert_int_equal(sim_world_counters(&world).channels_live, 1);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_world_counters(&world).channels_live, 0);
  assert_int_equal(sim_next_close(&stream), 1001);
}

static void channel_may_outlive_its_token(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  world.options.token_life_s = 300;
  world.options.channel_outlives_token = true;
  begin(NULL);
  sim_stream(&rest, &stream, "v2.users.u.presence");
  sim_world_advance(&world, 400000);
  assert_int_equal(sim_world_counters(&world).channels_live, 1);
  assert_int_equal(sim_next_close(&stream), 0);
  sim_token(&rest, token);
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
}

static void revocation_is_announced(void** state) {
  (void)state;
  begin("at 10s token.revoke");
  sim_stream(&rest, &stream, "v2.users.u.presence");
  sim_world_advance(&world, 10000);
  assert_true(sim_next_has(&stream, "\"topicName\":\"v2.system.token_revoked."
                                    "streaming-"));
  assert_int_equal(sim_next_close(&stream), 1001);
}

static void lists_topics(void** state) {
  (void)state;
  char token[SIM_TEXT_SIZE];
  begin(NULL);
  sim_token(&rest, token);
  assert_int_equal(sim_call(&rest, "GET",
                            "/api/v2/notifications/availabletopics?expand="
                            "description",
                            token, NULL),
                   200);
  assert_true(sim_answer_has(&rest, "\"v2.users.{id}.presence\""));
  assert_true(sim_answer_has(&rest, "[\"oauth:token:view\"]"));
}

struct told {
  unsigned count;
  unsigned last_status;
  char route[64];
  char line[256];
};

static void on_request(void* ctx, const struct gcn__sim_request* request) {
  struct told* told = ctx;
  told->count++;
  told->last_status = request->status;
  snprintf(told->route, sizeof told->route, "%s", request->route);
}

static void on_log(void* ctx, uint64_t now_ms, const char* line) {
  struct told* told = ctx;
  (void)now_ms;
  assert_null(strstr(line, SIM_SECRET));
  assert_null(strstr(line, "streaming-"));
  snprintf(told->line, sizeof told->line, "%s", line);
}

static void tells_of_requests(void** state) {
  (void)state;
  static struct told told; /* the tear-down still logs */
  char token[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  world.options.hooks = (struct gcn__sim_hooks){
      .ctx = &told, .request = on_request, .log = on_log};
  begin(NULL);
  sim_token(&rest, token);
  assert_string_equal(told.line, "#1 POST /oauth/token: 200 for " SIM_CLIENT);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_string_equal(told.route, "/channels/{id}");
  assert_int_equal(told.last_status, 101);
  assert_int_equal(told.count, 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(grants_token),
      CASE(refuses_grants),
      CASE(takes_form_variants),
      CASE(names_kinds_of_401),
      CASE(revokes_own_token),
      CASE(errors_carry_their_trace),
      CASE(limits_calls_per_minute),
      CASE(makes_and_lists_channels),
      CASE(says_what_it_does_not_have),
      CASE(refuses_what_is_not_http),
      CASE(refuses_what_is_too_large),
      CASE(closes_when_asked),
      CASE(answers_pipelined_requests),
      CASE(evicts_unconnected_first),
      CASE(eviction_closes_the_socket),
      CASE(channels_are_private),
      CASE(channel_lives_a_day_from_its_last_use),
      CASE(channel_ends_with_its_token),
      CASE(channel_may_outlive_its_token),
      CASE(revocation_is_announced),
      CASE(lists_topics),
      CASE(tells_of_requests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
