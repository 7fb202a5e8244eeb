/* SPDX-License-Identifier: MIT */
/*
 * A host program as most are: it sets the locale of its environment, and says
 * what the client tells it.  Nothing but the public header.
 *
 *   guest URL EVENTS [TOPIC]...
 *
 * It looks names up for each connection, and ends after so many events.
 * Credentials come from the environment.  The first line is the locale's
 * decimal point and its upper case of "i".  Exit status: 0 events came, 2 the
 * locale or an option is refused.
 */
#include <ctype.h>
#include <gcnotify.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { TEXT_SIZE = 65536 };

struct guest {
  unsigned long left; /* events to come */
  int closing;
  char text[TEXT_SIZE];
};

static void end(gcn_client_t* client) {
  struct guest* guest = gcn_client_data(client);
  guest->closing = 1;
  if (gcn_client_stats_json(client, guest->text, TEXT_SIZE) > 0) {
    printf("json %s\n", guest->text);
  }
  if (gcn_client_metrics(client, guest->text, TEXT_SIZE) > 0) {
    printf("metrics\n%s", guest->text);
  }
  gcn_client_close(client, NULL);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct guest* guest = gcn_client_data(client);
  printf("event %llu %.*s\n", (unsigned long long)event->sequence,
         (int)event->topic.size, event->topic.data);
  if (guest->left > 0) guest->left--;
  if (guest->left == 0 && !guest->closing) end(client);
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  (void)client;
  printf("topic %d %.*s\n", (int)result->verdict, (int)result->topic.size,
         result->topic.data);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  const gcn_failure_t* failure = change->failure;
  (void)client;
  printf("state %s", gcn_state_name(change->to));
  if (failure != NULL) {
    printf(" layer=%d: %s", (int)failure->layer, failure->text);
  }
  printf("\n");
}

static gcn_options_t choose(const char* url, struct guest* guest) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.login_url = url;
  options.api_url = url;
  options.allow_plaintext = 1;
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.proxy = "";
  options.dns_cache_ms = UINT64_MAX;
  options.retry_first_ms = options.retry_base_ms = 50;
  options.retry_floor_ms = 50;
  options.retry_cap_ms = 100;
  options.event_cb = on_event;
  options.topic_cb = on_topic;
  options.state_cb = on_state;
  options.data = guest;
  return options;
}

int main(int argc, char** argv) {
  struct guest guest = {.closing = 0};
  gcn_client_t* client;
  char why[256];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc < 4 || setlocale(LC_ALL, "") == NULL) return 2;
  printf("locale %s %d\n", localeconv()->decimal_point, toupper('i'));
  guest.left = strtoul(argv[2], NULL, 10);
  gcn_options_t options = choose(argv[1], &guest);
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    printf("options: %s\n", why);
    return 2;
  }
  const char* const* topics = (const char* const*)(argv + 3);
  uv_loop_t* loop = uv_default_loop();
  int error = gcn_client_new(&client, loop, &options);
  if (error == 0) {
    error = gcn_client_subscribe(client, topics, (size_t)argc - 3);
  }
  if (error == 0) error = gcn_client_start(client);
  if (error != 0) {
    printf("error: %s\n", gcn_strerror(error));
    return 2;
  }
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) == 0 ? 0 : 1;
}
