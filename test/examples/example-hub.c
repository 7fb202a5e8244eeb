/* SPDX-License-Identifier: MIT */
/*
 * Two clients of one loop that share a hub: DNS answers, connections in the
 * making, and the budgets that the service counts per client id.
 *
 *   example-hub TOPIC-OF-THE-FIRST TOPIC-OF-THE-SECOND
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static gcn_client_t* clients[2];

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  printf("%s: %.*s %.*s\n", client == clients[0] ? "first" : "second",
         (int)event->topic.size, event->topic.data, (int)event->body.size,
         event->body.data);
  fflush(stdout);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  fprintf(stderr, "%s: %s\n", client == clients[0] ? "first" : "second",
          gcn_state_name(change->to));
}

static void on_interrupt(uv_signal_t* signal, int number) {
  (void)number;
  gcn_client_close(clients[0], NULL);
  gcn_client_close(clients[1], NULL);
  uv_close((uv_handle_t*)signal, NULL);
}

static int begin(size_t index, const gcn_options_t* options,
                 const char* const* topic) {
  gcn_client_t** client = &clients[index];
  int error = gcn_client_new(client, uv_default_loop(), options);
  if (error == 0) error = gcn_client_subscribe(*client, topic, 1);
  if (error == 0) error = gcn_client_start(*client);
  return error;
}

static int run(gcn_options_t* options, const char* const* topics) {
  uv_signal_t interrupt;
  int error = gcn_hub_new(&options->hub, uv_default_loop(), NULL);
  if (error == 0) error = begin(0, options, &topics[0]);
  if (error == 0) error = begin(1, options, &topics[1]);
  if (error != 0) {
    fprintf(stderr, "%s\n", gcn_strerror(error));
    return 1;
  }
  /* It stays until the clients are gone. */
  gcn_hub_release(options->hub);
  uv_signal_init(uv_default_loop(), &interrupt);
  uv_signal_start(&interrupt, on_interrupt, SIGINT);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return uv_loop_close(uv_default_loop()) != 0;
}

int main(int argc, char** argv) {
  gcn_options_t options;
  char why[256];
  if (argc != 3) {
    fprintf(stderr, "usage: example-hub TOPIC TOPIC\n");
    return 2;
  }
  gcn_options_init(&options);
  options.region = getenv("GENESYSCLOUD_REGION");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.ca_path = getenv("SSL_CERT_FILE");
  options.event_cb = on_event;
  options.state_cb = on_state;
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
    return 2;
  }
  return run(&options, (const char* const*)(argv + 1));
}
