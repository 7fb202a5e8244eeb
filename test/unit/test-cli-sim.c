/* SPDX-License-Identifier: MIT */
/*
 * cli/sim-options, -inputs, -values: what command lines of `gcn sim` come to.
 */
#include "cli/sim-options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "cli/cli.h"

enum { WORDS_MAX = 80, TEXT_SIZE = 4096, PATH_SIZE = 64 };

/* A command line and what came of it. */
struct line {
  struct gcn__cli_sim_options options;
  char* text; /* the options keep views of it */
  int exit_code;
  bool good;
};

/* The arguments are split at '|'. */
static void parse(struct line* line, const char* arguments) {
  struct gcn__console console = {.name = "test"};
  char name[] = "sim";
  char* argv[WORDS_MAX + 1] = {name};
  int argc = 1;
  line->text = strdup(arguments);
  assert_non_null(line->text);
  char* rest = arguments[0] == '\0' ? NULL : line->text;
  while (rest != NULL && argc < WORDS_MAX)
    argv[argc++] = strsep(&rest, "|");
  line->exit_code = -1;
  line->good = gcn__cli_sim_options_parse(&line->options, argc, argv, &console,
                                          &line->exit_code);
}

static void drop(struct line* line) {
  gcn__cli_sim_options_deinit(&line->options);
  free(line->text);
}

/* Runs `parse` with standard error in a file; `said` is what stood there. */
static void parse_and_listen(struct line* line, const char* arguments,
                             char said[TEXT_SIZE]) {
  FILE* file = tmpfile();
  assert_non_null(file);
  int kept = dup(STDERR_FILENO);
  assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
  parse(line, arguments);
  dup2(kept, STDERR_FILENO);
  close(kept);
  rewind(file);
  said[fread(said, 1, TEXT_SIZE - 1, file)] = '\0';
  fclose(file);
}

static void make_file(char path[PATH_SIZE], const char* text) {
  snprintf(path, PATH_SIZE, "/tmp/gcn-test-sim-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

/* --- what is accepted ---------------------------------------------------- */

static void test_defaults(void** state) {
  (void)state;
  struct line line;
  parse(&line, "");
  assert_true(line.good);
  const struct gcn__cli_sim_options* options = &line.options;
  assert_string_equal(options->address, "127.0.0.1");
  assert_int_equal(options->port, 0);
  assert_false(options->plain);
  assert_int_equal(options->flaw, GCN__PKI_SOUND);
  assert_false(options->authority.given);
  assert_int_equal(options->service.events_per_ks, 1000);
  assert_int_equal(options->service.seed, 1);
  assert_false(options->service.any_topic);
  assert_null(options->service.script);
  assert_null(options->service.corpus.data);
  assert_int_equal(options->service.heartbeat_ms, 0); /* the service's own */
  assert_int_equal(options->for_ms, 0);
  assert_true(strncmp(options->topic, "v2.", 3) == 0);
  drop(&line);
}

static void test_everything(void** state) {
  (void)state;
  struct line line;
  parse(&line,
        "--listen|[::1]:8443|--port-file=p|--no-tls|--tls|--ca-out|ca.pem|"
        "--cert-flaw|expired|--authority|wss://sim.example:9|--rate|30/m|"
        "--topics|7|--topics-out|t|--any-topic|--payload-size|600|--record|r|"
        "--seed|18446744073709551615|--token-life|90s|--heartbeat|250ms|"
        "--channel-ttl|2h|--max-channels|3|--max-topics|4|--rest-limit|5|"
        "--for|10m|-qvv");
  assert_true(line.good);
  const struct gcn__cli_sim_options* options = &line.options;
  assert_string_equal(options->address, "::1");
  assert_int_equal(options->port, 8443);
  assert_false(options->plain);
  assert_string_equal(options->port_path, "p");
  assert_string_equal(options->ca_path, "ca.pem");
  assert_string_equal(options->topics_path, "t");
  assert_string_equal(options->record_path, "r");
  assert_int_equal(options->flaw, GCN__PKI_EXPIRED);
  assert_true(options->authority.schemed && options->authority.ported);
  assert_string_equal(options->authority.url.host, "sim.example");
  assert_int_equal(options->authority.url.port, 9);
  assert_int_equal(options->topic_count, 7);
  assert_int_equal(options->for_ms, 600000);
  assert_true(options->quiet);
  assert_int_equal(options->verbose, 2);
  const struct gcn__sim_options* service = &options->service;
  assert_int_equal(service->events_per_ks, 500);
  assert_true(service->any_topic);
  assert_int_equal(service->payload_size, 600);
  assert_true(service->seed == UINT64_MAX);
  assert_int_equal(service->token_life_s, 90);
  assert_int_equal(service->heartbeat_ms, 250);
  assert_int_equal(service->channel_ttl_ms, 7200000);
  assert_int_equal(service->channels_max, 3);
  assert_int_equal(service->topics_max, 4);
  assert_int_equal(service->rest_per_min_max, 5);
  drop(&line);
}

static void test_streams(void** state) {
  (void)state;
  struct line line;
  parse(&line, "--stream-retention|5m|--stream-history|9|--stream-on-lost|live|"
               "--stream-repeat|3|--stream-resumed|--stream-ping|0|"
               "--stream-ping-gap|10s|--slow-consumer|20s|--expiry-code|1008|"
               "--ticket-life|2h|--scope|a:b,c:d|--licence|CX 1");
  assert_true(line.good);
  const struct gcn__sim_options* service = &line.options.service;
  assert_int_equal(service->stream_retention_ms, 300000);
  assert_int_equal(service->stream_history_max, 9);
  assert_true(service->stream_lost_goes_on);
  assert_int_equal(service->stream_repeat, 3);
  assert_true(service->stream_tells_resumed);
  assert_true(service->stream_ping_ms == GCN__NEVER);
  assert_int_equal(service->stream_ping_gap_ms, 10000);
  assert_int_equal(service->stream_slow_ms, 20000);
  assert_int_equal(service->stream_expiry_code, 1008);
  assert_int_equal(service->stream_ticket_life_s, 7200);
  assert_string_equal(service->stream_scopes, "a:b,c:d");
  assert_string_equal(service->stream_licences, "CX 1");
  drop(&line);
}

/* To the service 0 stands for its default; on the command line for "none". */
static void test_none(void** state) {
  (void)state;
  struct line line;
  parse(&line, "--heartbeat|0|--rest-limit|0|--rate|0");
  assert_true(line.good);
  assert_true(line.options.service.heartbeat_ms == GCN__NEVER);
  assert_true(line.options.service.rest_per_min_max == GCN__NEVER);
  assert_int_equal(line.options.service.events_per_ks, 0);
  drop(&line);
}

static const char* const refused[] = {
    "--nonsense",
    "-x",
    "v2.users.a.presence",
    "--tls=yes",
    "--listen",
    "--listen|localhost",
    "--listen|127.0.0.1:65536",
    "--listen|:80",
    "--port-file|",
    "--cert-flaw|ugly",
    "--no-tls|--ca-out|ca.pem",
    "--no-tls|--cert-flaw|expired",
    "--authority|ftp://a",
    "--rate|fast",
    "--topics|0",
    "--topics|100001",
    "--topics-out|t",
    "--payload-size|4194305",
    "--corpus-once",
    "--corpus|/nonexistent/corpus",
    "--seed|-1",
    "--token-life|999ms",
    "--heartbeat|soon",
    "--channel-ttl|0",
    "--max-channels|0",
    "--max-topics|x",
    "--rest-limit|x",
    "--for|0s",
    "--stream-retention|0",
    "--stream-history|0",
    "--stream-on-lost|sleep",
    "--stream-repeat|10001",
    "--stream-ping|x",
    "--stream-ping-gap|x",
    "--slow-consumer|x",
    "--expiry-code|0",
    "--ticket-life|1ms",
    "--client-id|a",
    "--client-id|a|--client-id|b",
    "--client-secret|s",
    "--client-id|a|--client-secret|",
    "--client-id|a|--client-secret|s|--client-secret|s",
    "--client-id|a|--client-secret|s|--client-id|a|--client-secret|s",
    "--client-id|a:b|--client-secret|s",
    "--client-id|a|--client-secret-file|/nonexistent/secret",
    "--forbid|v2.bad",
    "--forbid|=routing:queue:view",
    "--forbid|v2.bad=",
    "--fault|/nonexistent/faults",
    "--fault-line|at noon tcp.reset",
    "--fault-line|at 1s tcp.reset\nat 2s tcp.reset",
};

static void test_refused(void** state) {
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    struct line line;
    char said[TEXT_SIZE];
    parse_and_listen(&line, refused[i], said);
    if (line.good) fail_msg("accepted: %s", refused[i]);
    assert_int_equal(line.exit_code, GCN__EXIT_USAGE);
    assert_non_null(strstr(said, "test: error: "));
    assert_non_null(strstr(said, "Try 'gcn sim --help'."));
    drop(&line);
  }
}

/* A complaint names the flag and what would be right. */
static void test_complaints(void** state) {
  (void)state;
  struct line line;
  char said[TEXT_SIZE];
  parse_and_listen(&line, "--rate|fast", said);
  assert_non_null(strstr(said, "--rate 'fast' has to be a rate like 50/s"));
  drop(&line);
  parse_and_listen(&line, "--client-id|a|--client-id|b", said);
  assert_non_null(strstr(said, "--client-id 'a': its secret is missing"));
  drop(&line);
  parse_and_listen(&line, "--client-secret|hush-hush", said);
  assert_non_null(strstr(said, "--client-secret: no --client-id"));
  assert_null(strstr(said, "hush"));
  drop(&line);
}

/* --- values -------------------------------------------------------------- */

static void test_listen(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* address;
    uint16_t port;
  } good[] = {
      {"127.0.0.1", "127.0.0.1", 0},
      {"0.0.0.0:80", "0.0.0.0", 80},
      {"[::1]:0", "::1", 0},
      {"[::1]", "::1", 0},
      {"::1", "::1", 0},
      {"::", "::", 0},
      {"[::]:65535", "::", 65535},
  };
  static const char* const bad[] = {
      "",
      "localhost",
      "127.0.0.1:",
      "127.0.0.1:x",
      "127.1",
      "[::1",
      "[::1]8",
      "[::1]:",
      "[127.0.0.1]:1",
      "1.2.3.4:65536",
      "127.0.0.1:-1",
      "[]:1",
  };
  char address[GCN__CLI_SIM_ADDRESS_SIZE];
  uint16_t port = 1;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_null(gcn__cli_sim_listen_of(good[i].text, address, &port));
    assert_string_equal(address, good[i].address);
    assert_int_equal(port, good[i].port);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (gcn__cli_sim_listen_of(bad[i], address, &port) != NULL) continue;
    fail_msg("accepted: %s", bad[i]);
  }
}

static void test_rate(void** state) {
  (void)state;
  static const struct {
    const char* text;
    uint64_t per_ks;
  } good[] = {
      {"50/s", 50000},
      {"50", 50000},
      {"1/m", 17},
      {"30/m", 500},
      {"600/min", 10000},
      {"0", 0},
      {"1000000/s", UINT64_C(1000000000)},
  };
  static const char* const bad[] = {"",     "/s",        "x/s",   "1/h", "1/",
                                    "-1/s", "1000001/s", "1.5/s", "1 /s"};
  uint64_t rate = 1;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_null(gcn__cli_sim_rate_of(good[i].text, &rate));
    assert_true(rate == good[i].per_ks);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (gcn__cli_sim_rate_of(bad[i], &rate) != NULL) continue;
    fail_msg("accepted: %s", bad[i]);
  }
}

static void test_authority(void** state) {
  (void)state;
  struct gcn__cli_sim_authority it;
  assert_null(gcn__cli_sim_authority_of("localhost", &it));
  assert_false(it.schemed || it.ported);
  assert_null(gcn__cli_sim_authority_of("localhost:8443", &it));
  assert_true(!it.schemed && it.ported && it.url.port == 8443);
  assert_null(gcn__cli_sim_authority_of("[::1]", &it));
  assert_true(!it.ported && it.url.ip_literal);
  assert_null(gcn__cli_sim_authority_of("[::1]:443", &it));
  assert_true(it.ported && it.url.port == 443);
  assert_null(gcn__cli_sim_authority_of("ws://a.example", &it));
  assert_true(it.schemed && it.ported && it.url.port == 80);
  assert_false(gcn__url_secure(&it.url));
  assert_null(gcn__cli_sim_authority_of("wss://a.example/", &it));
  assert_true(gcn__url_secure(&it.url) && it.url.port == 443);
  static const char* const bad[] = {
      "",       "a b", "https://a", "a/path",   "a?query", "user@a",
      "wss://", "a:0", "a:x",       "ws://a/x", "://a"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (gcn__cli_sim_authority_of(bad[i], &it) != NULL) continue;
    fail_msg("accepted: %s", bad[i]);
  }
}

static void test_flaws(void** state) {
  (void)state;
  enum gcn__pki_flaw flaw = GCN__PKI_SOUND;
  assert_null(gcn__cli_sim_flaw_of("client-only", &flaw));
  assert_int_equal(flaw, GCN__PKI_CLIENT_ONLY);
  assert_null(gcn__cli_sim_flaw_of("no-san", &flaw));
  assert_int_equal(flaw, GCN__PKI_NO_SAN);
  assert_non_null(gcn__cli_sim_flaw_of("sound", &flaw));
  assert_non_null(gcn__cli_sim_flaw_of("", &flaw));
}

static void test_log_lines(void** state) {
  (void)state;
  assert_true(gcn__cli_sim_is_request("#1 GET /api/v2/x: 200 for me"));
  assert_true(gcn__cli_sim_is_request("#12 POST /oauth/token: 200"));
  assert_true(gcn__cli_sim_is_request("#3 GET /channels/{id}: 404"));
  assert_false(gcn__cli_sim_is_request("#3 GET /channels/{id}: 101"));
  assert_false(gcn__cli_sim_is_request(
      "#3 GET /api/v2/notifications/stream: 101 for me"));
  assert_false(gcn__cli_sim_is_request("#3 stream closed by us: 4001 x"));
  assert_false(gcn__cli_sim_is_request("#3 WebSocket ended by the client"));
  assert_false(gcn__cli_sim_is_request("#3 was replaced on its channel by #4"));
  assert_false(gcn__cli_sim_is_request("a channel of me expired"));
  assert_false(gcn__cli_sim_is_request("#"));
  assert_false(gcn__cli_sim_is_request("#3"));
  assert_false(gcn__cli_sim_is_request(""));
}

/* --- what brings text along ---------------------------------------------- */

static void test_clients(void** state) {
  (void)state;
  char path[PATH_SIZE];
  make_file(path, "from-a-file\r\nsecond line\n");
  char arguments[256];
  snprintf(arguments, sizeof arguments,
           "--client-id|a|--client-secret|one|--client-id=b|"
           "--client-secret-file|%s",
           path);
  struct line line;
  parse(&line, arguments);
  unlink(path);
  assert_true(line.good);
  const struct gcn__sim_options* service = &line.options.service;
  assert_int_equal(service->client_count, 2);
  assert_string_equal(service->clients[0].id, "a");
  assert_string_equal(service->clients[0].secret, "one");
  assert_string_equal(service->clients[1].id, "b");
  assert_string_equal(service->clients[1].secret, "from-a-file");
  assert_null(line.options.logins[0].path);
  assert_string_equal(line.options.logins[1].path, path);
  drop(&line);
}

/* The same seed, the same pair; another seed, another one. */
static void test_made_up_client(void** state) {
  (void)state;
  struct line first;
  struct line same;
  struct line other;
  parse(&first, "--seed|5");
  parse(&same, "--seed|5");
  parse(&other, "--seed|6");
  const struct gcn__sim_client* client = first.options.service.clients;
  assert_int_equal(first.options.service.client_count, 1);
  assert_int_equal(strlen(client->id), 36);
  assert_int_equal(strlen(client->secret), 32);
  assert_string_equal(client->id, same.options.clients[0].id);
  assert_string_equal(client->secret, same.options.clients[0].secret);
  assert_string_not_equal(client->id, other.options.clients[0].id);
  assert_string_not_equal(client->secret, other.options.clients[0].secret);
  drop(&first);
  drop(&same);
  drop(&other);
}

static void test_too_many_clients(void** state) {
  (void)state;
  char arguments[4096] = "--any-topic";
  size_t size = strlen(arguments);
  for (int i = 0; i < GCN__CLI_SIM_CLIENTS_MAX; i++) {
    size += (size_t)snprintf(arguments + size, sizeof arguments - size,
                             "|--client-id=c%d|--client-secret=s", i);
  }
  struct line line;
  parse(&line, arguments);
  assert_true(line.good);
  assert_int_equal(line.options.client_count, GCN__CLI_SIM_CLIENTS_MAX);
  drop(&line);
  snprintf(arguments + size, sizeof arguments - size,
           "|--client-id=more|--client-secret=s");
  char said[TEXT_SIZE];
  parse_and_listen(&line, arguments, said);
  assert_false(line.good);
  assert_non_null(strstr(said, "at most 32 clients"));
  drop(&line);
}

static void test_forbid(void** state) {
  (void)state;
  struct line line;
  parse(&line, "--forbid|v2.a.*=x:y:view|--forbid=v2.b=p=q");
  assert_true(line.good);
  const struct gcn__sim_options* service = &line.options.service;
  assert_int_equal(service->forbidden_count, 2);
  assert_string_equal(service->forbidden[0].pattern, "v2.a.*");
  assert_string_equal(service->forbidden[0].permission, "x:y:view");
  assert_string_equal(service->forbidden[1].pattern, "v2.b");
  assert_string_equal(service->forbidden[1].permission, "p=q");
  drop(&line);
}

/* Rules of the file keep their line numbers, wherever single ones stand. */
static void test_faults(void** state) {
  (void)state;
  char path[PATH_SIZE];
  make_file(path, "# first\n\nat 1s tcp.reset\nexpect reconnect within 5s");
  char arguments[256];
  snprintf(arguments, sizeof arguments,
           "--fault-line|at 2s token.expire|--fault|%s|--fault-line|"
           "every 5 events dup 1",
           path);
  struct line line;
  parse(&line, arguments);
  unlink(path);
  assert_true(line.good);
  const struct gcn__script* script = line.options.service.script;
  assert_int_equal(gcn__script_count(script), 4);
  assert_int_equal(gcn__script_rule(script, 0)->line, 3);
  assert_int_equal(gcn__script_rule(script, 1)->line, 4);
  assert_int_equal(gcn__script_rule(script, 2)->at_ms, 2000);
  assert_int_equal(gcn__script_rule(script, 3)->when, GCN__WHEN_EVERY);
  drop(&line);
}

static void test_bad_faults(void** state) {
  (void)state;
  char path[PATH_SIZE];
  make_file(path, "at 1s tcp.reset\nat 2s tcp.rest\n");
  char arguments[256];
  snprintf(arguments, sizeof arguments, "--fault|%s", path);
  struct line line;
  char said[TEXT_SIZE];
  char place[PATH_SIZE + 16];
  parse_and_listen(&line, arguments, said);
  assert_false(line.good);
  assert_int_equal(line.exit_code, GCN__EXIT_USAGE);
  snprintf(place, sizeof place, "%s:2: 'tcp.rest'", path);
  assert_non_null(strstr(said, place));
  drop(&line);
  snprintf(arguments, sizeof arguments, "--fault|%s|--fault|%s", "/dev/null",
           path);
  parse_and_listen(&line, arguments, said);
  assert_non_null(strstr(said, "one file is enough"));
  drop(&line);
  unlink(path);
}

/* Each by itself is fine, together they are more than a script may have. */
static void test_too_many_faults(void** state) {
  (void)state;
  static char text[GCN__SCRIPT_RULES_MAX * 16 + 1];
  size_t size = 0;
  for (int i = 0; i < GCN__SCRIPT_RULES_MAX; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "tcp.reset\n");
  }
  char path[PATH_SIZE];
  make_file(path, text);
  char arguments[256];
  snprintf(arguments, sizeof arguments, "--fault|%s|--fault-line|tcp.close",
           path);
  struct line line;
  char said[TEXT_SIZE];
  parse_and_listen(&line, arguments, said);
  unlink(path);
  assert_false(line.good);
  assert_non_null(strstr(said, "1000 rules"));
  drop(&line);
}

static void parse_corpus(struct line* line, const char* text,
                         char said[TEXT_SIZE]) {
  char path[PATH_SIZE];
  make_file(path, text);
  char arguments[256];
  snprintf(arguments, sizeof arguments, "--corpus-once|--corpus|%s", path);
  parse_and_listen(line, arguments, said);
  unlink(path);
}

static void test_corpus(void** state) {
  (void)state;
  struct line line;
  char said[TEXT_SIZE];
  parse_corpus(&line,
               "\n{\"topicName\":\"v2.a\",\"eventBody\":{}}\n"
               "{\"topic\":\"v2.b\",\"body\":1}\n",
               said);
  assert_true(line.good);
  assert_true(line.options.service.corpus.size > 0);
  assert_true(line.options.service.corpus_once);
  assert_string_equal(line.options.topic, "v2.a");
  drop(&line);
  parse_corpus(&line, "{\"topic\":\"v2.b\",\"body\":1}", said);
  assert_true(line.good);
  assert_string_equal(line.options.topic, "v2.b");
  drop(&line);
  parse_corpus(&line, "{\"topic\":\"v2.b\",\"body\":1}\n\n{\"a\":1}\n", said);
  assert_false(line.good);
  assert_non_null(strstr(said, ":3: not an event"));
  drop(&line);
  parse_corpus(&line, " \n\n", said);
  assert_false(line.good);
  assert_non_null(strstr(said, "there is no event in it"));
  drop(&line);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_everything),
      cmocka_unit_test(test_streams),
      cmocka_unit_test(test_none),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_complaints),
      cmocka_unit_test(test_listen),
      cmocka_unit_test(test_rate),
      cmocka_unit_test(test_authority),
      cmocka_unit_test(test_flaws),
      cmocka_unit_test(test_log_lines),
      cmocka_unit_test(test_clients),
      cmocka_unit_test(test_made_up_client),
      cmocka_unit_test(test_too_many_clients),
      cmocka_unit_test(test_forbid),
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_bad_faults),
      cmocka_unit_test(test_too_many_faults),
      cmocka_unit_test(test_corpus),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
