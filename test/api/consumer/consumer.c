/* SPDX-License-Identifier: MIT */
/*
 * The smallest user of the library: built from what an installation offers, it
 * makes a client on a loop of its own and closes it.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static void note_closed(gcn_client_t* client) {
  *(int*)gcn_client_data(client) = 1;
}

/* 0, or what failed. */
static int make_and_close(uv_loop_t* loop) {
  int closed = 0;
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = "0f3e5a52-5b1c-4d6e-9c38-6f3d6a6f0001";
  options.client_secret = "not-a-secret";
  options.login_url = "http://127.0.0.1:9";
  options.api_url = "http://127.0.0.1:9";
  options.allow_plaintext = 1;
  options.data = &closed;

  gcn_client_t* client = NULL;
  int rc = gcn_client_new(&client, loop, &options);
  if (rc == 0) rc = gcn_client_close(client, note_closed);
  uv_run(loop, UV_RUN_DEFAULT);
  if (rc != 0) fprintf(stderr, "%s\n", gcn_strerror(rc));
  return rc != 0 || !closed || uv_loop_alive(loop);
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
  const int failed = make_and_close(&loop);
  return uv_loop_close(&loop) != 0 || failed;
}
