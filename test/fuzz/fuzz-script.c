/* SPDX-License-Identifier: MIT */
/*
 * Fault scripts against arbitrary text.
 *
 * A text is refused with a message that names it, or it is a script whose every
 * line is a script of its own, and a service that runs it neither crashes nor
 * forgets when to be woken.
 */
#include "sim/script.h"
#include "sim/service.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { TICKS_MAX = 50, INPUT_MAX = 4096 };

static void require(bool holds) {
  if (!holds) abort();
}

static void check_rule(const struct gcn__script_rule* rule, size_t index) {
  require(rule->line > index);
  bool expects = rule->when == GCN__WHEN_EXPECT;
  require(expects == (rule->action_count == 0));
  require(rule->action_count <= GCN__SCRIPT_ACTIONS_MAX);
  require(rule->counter < GCN__COUNTERS && rule->ppm <= 1000000);
  for (size_t i = 0; i < rule->action_count; i++) {
    require(rule->actions[i].verb < GCN__VERBS);
    require(gcn__script_verb_word(rule->actions[i].verb)[0] != '\0');
  }
}

/* The lines of a script, each alone, make as many rules as all together. */
static size_t count_alone(struct gcn__span text) {
  size_t count = 0;
  while (text.size > 0) {
    char error[GCN__SCRIPT_TEXT_SIZE];
    struct gcn__script* script;
    const char* end = memchr(text.data, '\n', text.size);
    size_t size = end == NULL ? text.size : (size_t)(end - text.data);
    require(gcn__script_parse(&gcn__mem_libc, gcn__span(text.data, size),
                              "line", &script, error) == 0);
    count += gcn__script_count(script);
    gcn__script_free(script);
    text = gcn__span_skip(text, end == NULL ? size : size + 1);
  }
  return count;
}

static void run(const struct gcn__script* script) {
  static const struct gcn__sim_client clients[] = {{"id", "secret"}};
  struct gcn__sim_options options = {
      .clients = clients, .client_count = 1, .script = script};
  struct gcn__sim* sim = gcn__sim_new(&options);
  struct gcn__sim_conn* conn = gcn__sim_accept(sim, NULL, 0);
  uint64_t now_ms = 0;
  for (int i = 0; i < TICKS_MAX; i++) {
    uint64_t due_ms = gcn__sim_deadline(sim);
    if (due_ms == GCN__NEVER) break;
    if (due_ms > now_ms) now_ms = due_ms;
    gcn__sim_tick(sim, now_ms);
    gcn__sim_receive(conn,
                     GCN__SPAN("GET /oauth/token HTTP/1.1\r\n"
                               "Host: a\r\n\r\n"),
                     now_ms);
    while (gcn__sim_next_ready(sim) != NULL) {
      struct gcn__span piece = gcn__sim_output(conn, now_ms);
      gcn__sim_sent(conn, piece.size, now_ms);
    }
  }
  gcn__sim_drop(conn, now_ms);
  gcn__sim_free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  char error[GCN__SCRIPT_TEXT_SIZE];
  struct gcn__script* script = NULL;
  struct gcn__span text = gcn__span(data, size);
  if (size > INPUT_MAX) return 0;
  int result = gcn__script_parse(&gcn__mem_libc, text, "fuzz", &script, error);
  if (result != 0) {
    require(result == GCN__EINVAL && script == NULL);
    require(strncmp(error, "fuzz:", 5) == 0);
    return 0;
  }
  for (size_t i = 0; i < gcn__script_count(script); i++) {
    check_rule(gcn__script_rule(script, i), i);
  }
  require(count_alone(text) == gcn__script_count(script));
  run(script);
  gcn__script_free(script);
  return 0;
}
