/* SPDX-License-Identifier: MIT */
/*
 * A client for the interop tests that says what happens to it, a line each, and
 * outlives a refusal: what it does not do then is the point.
 *
 *   watch [NAME=VALUE]... TOPIC...
 *
 * url, ca, proxy, no_proxy, cert, key: as the options of the library; events:
 * ends after so many (1); ping: milliseconds between WebSocket pings (0: none);
 * hold: milliseconds it stays after a refusal (3000); for: in all (30000).
 * Credentials come from the environment.
 * Exit status: 0 events came, 3 refused, 1 anything else.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct watch {
  gcn_client_t* client;
  uv_timer_t timer;
  uint64_t events;
  uint64_t events_wanted;
  uint64_t hold_ms;
  uint64_t for_ms;
  int status;
  int closing;
};

static void on_closed(gcn_client_t* client) {
  struct watch* watch = gcn_client_data(client);
  uv_close((uv_handle_t*)&watch->timer, NULL);
}

static void end(struct watch* watch) {
  gcn_stats_t stats = {.size = sizeof stats};
  if (watch->closing) return;
  watch->closing = 1;
  gcn_client_stats(watch->client, &stats);
  printf("end attempts=%llu streams=%llu full=%llu resumed=%llu\n",
         (unsigned long long)stats.attempts, (unsigned long long)stats.streams,
         (unsigned long long)stats.tls_full,
         (unsigned long long)stats.tls_resumed);
  gcn_client_close(watch->client, on_closed);
}

static void on_timer(uv_timer_t* timer) {
  end(timer->data);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct watch* watch = gcn_client_data(client);
  printf("event %llu\n", (unsigned long long)event->sequence);
  watch->events++;
  if (watch->events < watch->events_wanted) return;
  watch->status = 0;
  end(watch);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  struct watch* watch = gcn_client_data(client);
  const gcn_failure_t* failure = change->failure;
  printf("state %s retry=%d", gcn_state_name(change->to), change->will_retry);
  if (failure != NULL) {
    printf(" %s layer=%d http=%d: %s", gcn_err_name(failure->error),
           (int)failure->layer, failure->http_status, failure->text);
  }
  printf("\n");
  if (change->to != GCN_REFUSED) return;
  watch->status = 3;
  uv_timer_start(&watch->timer, on_timer, watch->hold_ms, 0);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  (void)data;
  printf("log %d %s\n", (int)level, line);
}

/* Whether `text` is an argument "name=value"; then it is taken. */
static int take(struct watch* watch, gcn_options_t* options, const char* text) {
  const struct {
    const char* name;
    const char** text;
    uint64_t* number;
  } table[] = {
      {"url=", &options->api_url, NULL},
      {"ca=", &options->ca_path, NULL},
      {"proxy=", &options->proxy, NULL},
      {"no_proxy=", &options->no_proxy, NULL},
      {"cert=", &options->client_cert_path, NULL},
      {"key=", &options->client_key_path, NULL},
      {"events=", NULL, &watch->events_wanted},
      {"ping=", NULL, &options->ping_ms},
      {"hold=", NULL, &watch->hold_ms},
      {"for=", NULL, &watch->for_ms},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    size_t size = strlen(table[i].name);
    if (strncmp(text, table[i].name, size) != 0) continue;
    if (table[i].text != NULL) *table[i].text = text + size;
    if (table[i].number != NULL) {
      *table[i].number = strtoull(text + size, NULL, 10);
    }
    return 1;
  }
  return 0;
}

static int begin(struct watch* watch, const gcn_options_t* options,
                 const char* const* topics, size_t count) {
  char why[256];
  if (gcn_options_check(options, why, sizeof why) != 0) {
    printf("options: %s\n", why);
    return -1;
  }
  int error = gcn_client_new(&watch->client, uv_default_loop(), options);
  if (error == 0) error = gcn_client_subscribe(watch->client, topics, count);
  if (error == 0) error = gcn_client_start(watch->client);
  if (error != 0) printf("error: %s\n", gcn_strerror(error));
  return error;
}

int main(int argc, char** argv) {
  struct watch watch = {
      .events_wanted = 1, .hold_ms = 3000, .for_ms = 30000, .status = 1};
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.event_cb = on_event;
  options.state_cb = on_state;
  options.log_cb = on_log;
  options.log_level = GCN_LOG_DEBUG;
  options.data = &watch;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int first = 1;
  while (first < argc && take(&watch, &options, argv[first]))
    first++;
  options.login_url = options.api_url;
  uv_loop_t* loop = uv_default_loop();
  uv_timer_init(loop, &watch.timer);
  watch.timer.data = &watch;
  const char* const* topics = (const char* const*)(argv + first);
  if (begin(&watch, &options, topics, (size_t)(argc - first)) != 0) return 2;
  uv_timer_start(&watch.timer, on_timer, watch.for_ms, 0);
  uv_run(loop, UV_RUN_DEFAULT);
  uv_loop_close(loop);
  return watch.status;
}
