/* SPDX-License-Identifier: MIT */
/*
 * The smallest useful program: prints every event of the topics named on the
 * command line.  Credentials come from the environment.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  (void)client;
  printf("%.*s %.*s\n", (int)event->topic.size, event->topic.data,
         (int)event->body.size, event->body.data);
  fflush(stdout);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  (void)client;
  fprintf(stderr, "%s%s%s\n", gcn_state_name(change->to),
          change->failure != NULL ? ": " : "",
          change->failure != NULL ? change->failure->text : "");
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  (void)client;
  fprintf(stderr, "events may be missing for %.1f s after: %s\n",
          (double)(gap->to_ms - gap->from_ms) / 1000, gap->cause);
}

static void on_signal(uv_signal_t* signal, int number) {
  (void)number;
  gcn_client_close(signal->data, NULL);
  uv_close((uv_handle_t*)signal, NULL);
}

int main(int argc, char** argv) {
  gcn_options_t options;
  gcn_client_t* client;
  char why[256];
  gcn_options_init(&options);
  options.region = getenv("GENESYSCLOUD_REGION");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.ca_path = getenv("SSL_CERT_FILE");
  options.event_cb = on_event;
  options.state_cb = on_state;
  options.gap_cb = on_gap;
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
    return 2;
  }
  int error = gcn_client_new(&client, uv_default_loop(), &options);
  if (error == 0) {
    const char* const* topics = (const char* const*)(argv + 1);
    error = gcn_client_subscribe(client, topics, (size_t)(argc - 1));
    if (error == 0) error = gcn_client_start(client);
  }
  if (error != 0) {
    fprintf(stderr, "%s\n", gcn_strerror(error));
    return 1;
  }
  uv_signal_t signal;
  uv_signal_init(uv_default_loop(), &signal);
  signal.data = client;
  uv_signal_start(&signal, on_signal, SIGINT);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return uv_loop_close(uv_default_loop());
}
