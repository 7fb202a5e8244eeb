/* SPDX-License-Identifier: MIT */
/*
 * Secrets of whole runs (FAULTS §9.2): what is said, and what is left behind in
 * memory.
 *
 * The client lives on an arena that gives every block a place of its own and
 * never uses one again, so what a block held when it was freed can be looked at
 * for as long as the test likes. The service's own copies are elsewhere.
 */
#include "service.h"

#include "client/client.h"
#include "codec/digest.h"
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 48 << 20, SAID_SIZE = 1 << 18, BLOCK_ALIGN = 16 };

/* With characters that forms and URLs have to escape, and JSON, too. */
#define SECRET         "s3cr3t+/&=% \""
#define SECRET_ENCODED "s3cr3t%2B%2F%26%3D%25%20%22"
#define SECRET_FORM    "s3cr3t%2B%2F%26%3D%25+%22"
#define SECRET_JSON    "s3cr3t+/&=% \\\""
#define SECRET_BEGUN   "s3cr3t" /* whatever became of the rest */

static const struct gcn__sim_client clients[] = {{"id", SECRET}};

struct vault {
  struct user user; /* first: the callbacks find it by the client's data */
  struct service service;
  gcn_options_t options;
  char* arena;
  size_t used;
  char* said; /* every line of the log and every sentence of a failure */
  size_t said_size;
  char first_token[256];
  char token[256]; /* the last one seen */
  char channel[256];
  gcn_state_cb state_cb;
};

static void* arena_resize(void* data, void* ptr, size_t old_size,
                          size_t new_size) {
  struct vault* vault = data;
  if (new_size == 0) return NULL;
  if (ptr != NULL && new_size <= old_size) return ptr;
  size_t size = (new_size + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
  assert_true(vault->used + size <= ARENA_SIZE);
  char* block = vault->arena + vault->used;
  vault->used += size;
  if (ptr != NULL) memcpy(block, ptr, old_size);
  return block;
}

static bool holds(const char* text, size_t size, const char* wanted) {
  return memmem(text, size, wanted, strlen(wanted)) != NULL;
}

static bool arena_holds(const struct vault* vault, const char* wanted) {
  assert_true(strlen(wanted) > 0);
  return holds(vault->arena, vault->used, wanted);
}

static void say(struct vault* vault, const char* text) {
  size_t size = strlen(text);
  if (vault->said_size + size + 1 > SAID_SIZE) return;
  memcpy(vault->said + vault->said_size, text, size);
  vault->said_size += size;
  vault->said[vault->said_size++] = '\n';
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  (void)level;
  say(data, line);
}

static void note(char out[256], const char* text) {
  if (text != NULL && text[0] != '\0') snprintf(out, 256, "%s", text);
}

/* What only the engine knows. */
static void peep(struct vault* vault) {
  const struct gcn__engine* engine = vault->user.client->engine;
  note(vault->token, engine->keeper.token.text);
  if (vault->first_token[0] == '\0') note(vault->first_token, vault->token);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL)
    note(vault->channel, conn->channel.id);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  struct vault* vault = gcn_client_data(client);
  vault->state_cb(client, change);
  peep(vault);
  if (change->failure != NULL) say(vault, change->failure->text);
}

static int set_up(void** state) {
  if (harness_setup(state) != 0) return -1;
  struct vault* vault = calloc(1, sizeof *vault);
  assert_non_null(vault);
  vault->arena = calloc(1, ARENA_SIZE);
  vault->said = calloc(1, SAID_SIZE);
  assert_non_null(vault->arena);
  assert_non_null(vault->said);
  struct gcn__sim_listen_options sim = service_options();
  sim.sim.clients = clients;
  service_open(&vault->service, *state, &sim);
  vault->options = user_options(&vault->user, vault->service.url);
  vault->state_cb = vault->options.state_cb;
  vault->options.state_cb = on_state;
  vault->options.client_secret = SECRET;
  vault->options.log_cb = on_log;
  vault->options.alloc_cb = arena_resize;
  vault->options.alloc_data = vault;
  vault->options.data = vault;
  *state = vault;
  return 0;
}

static int tear_down(void** state) {
  struct vault* vault = *state;
  void* loop = vault->service.loop;
  service_close(&vault->service);
  free(vault->arena);
  free(vault->said);
  free(vault);
  *state = loop;
  return harness_teardown(state);
}

/* A run with trouble: a refused token, a reset, a change of topics. */
static void live(struct vault* vault) {
  struct user* user = &vault->user;
  service_do(&vault->service,
             "http.status POST /api/v2/notifications/channels 401 times=1");
  service_stream_with(user, &vault->service, &vault->options);
  service_emit_many(&vault->service, 3);
  service_await_events(user, 3);
  user->streaming = false;
  service_do(&vault->service, "tcp.reset");
  harness_until(vault->service.loop, &user->streaming);
  assert_true(vault->token[0] != '\0' && vault->channel[0] != '\0');
}

static void never_holds(const char* text, size_t size,
                        const struct vault* vault) {
  struct gcn__buf basic;
  gcn__buf_init(&basic, &gcn__mem_libc, 1024);
  assert_int_equal(gcn__base64_encode(&basic, GCN__SPAN("id:" SECRET)), 0);
  assert_int_equal(gcn__buf_append(&basic, "", 1), 0);
  const char* const wanted[] = {
      SECRET,       SECRET_ENCODED,     SECRET_FORM,
      SECRET_JSON,  SECRET_BEGUN,       gcn__buf_span(&basic).data,
      vault->token, vault->first_token, vault->channel};
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    assert_true(wanted[i][0] != '\0');
    assert_false(holds(text, size, wanted[i]));
  }
  gcn__buf_deinit(&basic);
}

static void logs(void** state) {
  struct vault* vault = *state;
  live(vault);
  user_finish(&vault->user);
  assert_true(holds(vault->said, vault->said_size, "401"));
  never_holds(vault->said, vault->said_size, vault);
}

static void error_texts(void** state) {
  struct vault* vault = *state;
  vault->options.client_secret = "wr0ng-" SECRET;
  service_begin_with(&vault->user, &vault->service, &vault->options);
  while (vault->user.failure == 0)
    uv_run(vault->service.loop, UV_RUN_ONCE);
  assert_true(strlen(vault->user.failure_text) > 0);
  assert_false(holds(vault->said, vault->said_size, SECRET_BEGUN));
  assert_null(strstr(vault->user.failure_text, SECRET_BEGUN));
  user_finish(&vault->user);
}

static void memory_after_release(void** state) {
  struct vault* vault = *state;
  live(vault);
  assert_true(arena_holds(vault, SECRET));
  assert_true(arena_holds(vault, vault->token));
  user_finish(&vault->user);
  assert_false(arena_holds(vault, SECRET_BEGUN));
  assert_false(arena_holds(vault, vault->token));
  assert_false(arena_holds(vault, vault->first_token));
  assert_false(arena_holds(vault, vault->channel));
}

static void memory_after_another_token(void** state) {
  struct vault* vault = *state;
  live(vault);
  assert_string_not_equal(vault->first_token, vault->token);
  assert_false(arena_holds(vault, vault->first_token));
  assert_true(arena_holds(vault, vault->token));
  user_finish(&vault->user);
}

static void statistics(void** state) {
  struct vault* vault = *state;
  live(vault);
  char* text = calloc(1, SAID_SIZE);
  assert_non_null(text);
  gcn_client_t* client = vault->user.client;
  int size = gcn_client_stats_json(client, text, SAID_SIZE);
  assert_in_range(size, 1, SAID_SIZE - 1);
  never_holds(text, (size_t)size, vault);
  size = gcn_client_metrics(client, text, SAID_SIZE);
  assert_in_range(size, 1, SAID_SIZE - 1);
  never_holds(text, (size_t)size, vault);
  int64_t recorded = gcn_client_record(client, text, SAID_SIZE);
  assert_in_range(recorded, 0, SAID_SIZE);
  never_holds(text, (size_t)recorded, vault);
  free(text);
  user_finish(&vault->user);
}

/* The user's own copies may go as soon as a call returns. */
static void the_users_copies(void** state) {
  struct vault* vault = *state;
  char* secret = strdup(SECRET);
  assert_non_null(secret);
  vault->options.client_secret = secret;
  user_new(&vault->user, vault->service.loop, &vault->options);
  memset(secret, 'x', strlen(secret));
  free(secret);
  service_subscribe(&vault->user, topic_text);
  gcn_client_start(vault->user.client);
  harness_until(vault->service.loop, &vault->user.streaming);
  char* again = strdup(SECRET);
  assert_non_null(again);
  assert_int_equal(gcn_client_set_credentials(vault->user.client, "id", again),
                   0);
  memset(again, 'x', strlen(again));
  free(again);
  gcn_client_stop(vault->user.client);
  harness_until(vault->service.loop, &vault->user.idle);
  vault->user.streaming = false;
  gcn_client_start(vault->user.client);
  harness_until(vault->service.loop, &vault->user.streaming);
  user_finish(&vault->user);
}

#define VAULT_TEST(text, test)                                                 \
  { text, test, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      VAULT_TEST("S2-01 no log line of a whole run holds a secret", logs),
      VAULT_TEST("S2-02 no error text holds a secret", error_texts),
      VAULT_TEST("S2-03 nothing is left in memory after the release",
                 memory_after_release),
      VAULT_TEST("S2-04 nothing is left of a token that was replaced",
                 memory_after_another_token),
      VAULT_TEST("S2-11 statistics, metrics and the recorder hold no secret",
                 statistics),
      VAULT_TEST("S2-14 the user's copies may go when a call returns",
                 the_users_copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
