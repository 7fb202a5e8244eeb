/* SPDX-License-Identifier: MIT */
/*
 * See sim-say.h.
 */
#include "cli/sim-say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Four numbers and their words. */
enum { STREAMS_SIZE = 160 };

/* As a shell takes it for one word. */
static int put_word(struct gcn__buf* out, const char* word) {
  static const char harmless[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "-_./:@%+,";
  if (word[0] != '\0' && word[strspn(word, harmless)] == '\0') {
    return gcn__buf_append_str(out, word);
  }
  int error = gcn__buf_append_str(out, "'");
  while (*word != '\0' && error == 0) {
    size_t size = strcspn(word, "'");
    error = gcn__buf_append(out, word, size);
    word += size;
    if (*word != '\'' || error != 0) continue;
    error = gcn__buf_append_str(out, "'\\''");
    word++;
  }
  return error != 0 ? error : gcn__buf_append_str(out, "'");
}

static int put_option(struct gcn__buf* out, const char* option,
                      const char* value) {
  int error = gcn__buf_printf(out, " %s ", option);
  return error != 0 ? error : put_word(out, value);
}

/* What a client on this machine dials to reach `address`. */
static const char* reachable(const char* address) {
  if (strcmp(address, "0.0.0.0") == 0) return "127.0.0.1";
  if (strcmp(address, "::") == 0) return "::1";
  return address;
}

static void describe(const struct gcn__cli_sim_options* options,
                     const char* host, uint16_t port, struct gcn__url* out) {
  *out = (struct gcn__url){
      .scheme = options->plain ? GCN__SCHEME_WS : GCN__SCHEME_WSS,
      .ip_literal = true,
      .port = port,
      .target = GCN__SPAN("/"),
  };
  snprintf(out->host, sizeof out->host, "%s", host);
}

void gcn__cli_sim_public(const struct gcn__cli_sim_options* options,
                         uint16_t port, struct gcn__url* out) {
  const struct gcn__cli_sim_authority* authority = &options->authority;
  if (!authority->given) {
    describe(options, reachable(options->address), port, out);
    return;
  }
  *out = authority->url;
  if (!authority->ported) out->port = port;
  if (authority->schemed) return;
  out->scheme = options->plain ? GCN__SCHEME_WS : GCN__SCHEME_WSS;
}

/* For login and API, which share the port. */
static void write_url(const struct gcn__url* url, char* out, size_t size) {
  char authority[GCN__AUTHORITY_SIZE_MAX];
  gcn__url_authority(url, authority);
  snprintf(out, size, "%s://%s", gcn__url_secure(url) ? "https" : "http",
           authority);
}

/* True if a front has the certificate, which we then do not know. */
static bool is_fronted(const struct gcn__cli_sim_options* options,
                       const struct gcn__url* url) {
  return gcn__url_secure(url) && options->plain;
}

static int put_login(const struct gcn__cli_sim_options* options,
                     struct gcn__buf* out) {
  if (options->logins[0].path != NULL) return 0;
  int error = gcn__buf_append_str(out, "GENESYSCLOUD_OAUTHCLIENT_SECRET=");
  if (error == 0) error = put_word(out, options->clients[0].secret);
  return error != 0 ? error : gcn__buf_append_str(out, " ");
}

static int put_command(const struct gcn__cli_sim_options* options,
                       const char* url, const char* ca_path,
                       struct gcn__buf* out) {
  int error = put_login(options, out);
  if (error == 0) error = gcn__buf_append_str(out, "gcn tail");
  if (error == 0) error = put_option(out, "--login-url", url);
  if (error == 0) error = put_option(out, "--api-url", url);
  if (error == 0 && ca_path != NULL) {
    error = put_option(out, "--ca", ca_path);
  }
  if (error == 0) {
    error = put_option(out, "--client-id", options->clients[0].id);
  }
  if (error == 0 && options->logins[0].path != NULL) {
    error = put_option(out, "--client-secret-file", options->logins[0].path);
  }
  if (error == 0) error = gcn__buf_append_str(out, " ");
  return error != 0 ? error : put_word(out, options->topic);
}

int gcn__cli_sim_say_start(const struct gcn__cli_sim_options* options,
                           uint16_t port, const char* ca_path,
                           struct gcn__buf* out) {
  struct gcn__url bound;
  struct gcn__url public;
  char here[GCN__AUTHORITY_SIZE_MAX + 8];
  char url[GCN__AUTHORITY_SIZE_MAX + 8];
  describe(options, options->address, port, &bound);
  gcn__cli_sim_public(options, port, &public);
  write_url(&bound, here, sizeof here);
  write_url(&public, url, sizeof url);
  if (!gcn__url_secure(&public) || is_fronted(options, &public)) {
    ca_path = NULL;
  }
  int error = gcn__buf_printf(out, "listening on %s", here);
  if (error == 0 && strcmp(here, url) != 0) {
    error = gcn__buf_printf(out, ", clients use %s", url);
  }
  if (error == 0 && ca_path != NULL) {
    error = gcn__buf_printf(out, ", certificates by %s", ca_path);
  }
  if (error == 0) error = gcn__buf_append_str(out, "\n");
  if (error == 0) error = put_command(options, url, ca_path, out);
  return error != 0 ? error : gcn__buf_append_str(out, "\n");
}

int gcn__cli_sim_say_topics(const struct gcn__cli_sim_options* options,
                            struct gcn__buf* out) {
  for (size_t i = 0; i < options->topic_count; i++) {
    char name[GCN__SIM_TOPIC_SIZE_MAX];
    gcn__sim_topic(options->service.seed, i, name);
    int error = gcn__buf_printf(out, "%s\n", name);
    if (error != 0) return error;
  }
  return 0;
}

void gcn__cli_sim_summary(const struct gcn__sim_counters* counters,
                          char out[GCN__CLI_SIM_SUMMARY_SIZE]) {
  char streams[STREAMS_SIZE] = "";
  if (counters->streams > 0) {
    snprintf(streams, sizeof streams,
             ", streams: %" PRIu64 " (resumed: %" PRIu64 ", lost: %" PRIu64
             "), batches: %" PRIu64,
             counters->streams, counters->streams_resumed,
             counters->resumes_lost, counters->batches);
  }
  snprintf(out, GCN__CLI_SIM_SUMMARY_SIZE,
           "requests: %" PRIu64 ", tokens: %" PRIu64 ", channels: %" PRIu64
           ", sockets: %" PRIu64 "%s, events: %" PRIu64 " (sent: %" PRIu64
           "), faults: %" PRIu64 ", expectations not met: %" PRIu64,
           counters->requests, counters->tokens, counters->channels,
           counters->sockets, streams, counters->events, counters->events_sent,
           counters->faults, counters->expects_failed);
}
