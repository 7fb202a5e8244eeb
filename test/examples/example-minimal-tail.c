/* SPDX-License-Identifier: MIT */
/* The smallest useful program: prints the events of the topics it is given.
 * Credentials come from the environment. */
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

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  (void)client;
  fprintf(stderr, "events may be missing for %.1f s after: %s\n",
          (double)(gap->to_ms - gap->from_ms) / 1000, gap->cause);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  (void)data, (void)level;
  fprintf(stderr, "%s\n", line);
}

static void on_signal(uv_signal_t* signal, int number) {
  (void)number;
  gcn_client_close(signal->data, NULL);
  uv_close((uv_handle_t*)signal, NULL);
}

int main(int argc, char** argv) {
  gcn_options_t options;
  gcn_client_t* client;
  gcn_options_init(&options);
  options.region = getenv("GENESYSCLOUD_REGION");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.ca_path = getenv("SSL_CERT_FILE");
  options.event_cb = on_event;
  options.gap_cb = on_gap;
  options.log_cb = on_log; /* says what is wrong with options, too */
  if (gcn_client_new(&client, uv_default_loop(), &options) != 0) return 2;
  const char* const* topics = (const char* const*)(argv + 1);
  int error = gcn_client_subscribe(client, topics, (size_t)(argc - 1));
  if (error == 0) error = gcn_client_start(client);
  if (error != 0) fprintf(stderr, "%s\n", gcn_strerror(error));
  uv_signal_t signal;
  uv_signal_init(uv_default_loop(), &signal);
  signal.data = client;
  uv_signal_start(&signal, on_signal, SIGINT);
  if (error == 0) uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return error != 0 || uv_loop_close(uv_default_loop()) != 0;
}
