/* SPDX-License-Identifier: MIT */
/*
 * The smallest user of the library: built from what an installation offers, it
 * streams from the service that the environment names until an event has come,
 * and leaves nothing on its loop.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PATIENCE_MS = 20000 };

static unsigned long events;
static int closed;
static uv_timer_t patience;

static void on_close(gcn_client_t* client) {
  (void)client;
  closed = 1;
  uv_close((uv_handle_t*)&patience, NULL);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  if (event->topic.size > 0) events++;
  gcn_client_close(client, on_close);
}

static void on_late(uv_timer_t* timer) {
  fprintf(stderr, "no event came\n");
  gcn_client_close(timer->data, on_close);
}

/* 0, or what failed. */
static int stream(uv_loop_t* loop) {
  static const char* const topics[] = {"v2.users.1.presence"};
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.ca_path = getenv("SSL_CERT_FILE");
  options.event_cb = on_event;

  gcn_client_t* client = NULL;
  int error = gcn_client_new(&client, loop, &options);
  if (error != 0) return error;
  uv_timer_init(loop, &patience);
  patience.data = client;
  uv_timer_start(&patience, on_late, PATIENCE_MS, 0);
  error = gcn_client_subscribe(client, topics, 1);
  if (error == 0) error = gcn_client_start(client);
  if (error != 0) gcn_client_close(client, on_close);
  uv_run(loop, UV_RUN_DEFAULT);
  return error;
}

int main(void) {
  if (gcn_version() != GCN_VERSION_HEX ||
      strcmp(gcn_version_string(), GCN_VERSION_STRING) != 0) {
    fprintf(stderr, "header %s, library %s\n", GCN_VERSION_STRING,
            gcn_version_string());
    return 1;
  }
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return 1;
  int error = stream(&loop);
  if (error != 0) fprintf(stderr, "%s\n", gcn_strerror(error));
  int left = uv_loop_close(&loop);
  printf("%lu events\n", events);
  return error != 0 || !closed || left != 0 || events == 0;
}
