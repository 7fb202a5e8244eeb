/* SPDX-License-Identifier: MIT */
/*
 * Tokens from a source of one's own: here a command that is named on the
 * command line and prints one, as a vault's or a company's own tool would do.
 *
 *   example-own-token COMMAND TOPIC...
 *
 * The command runs beside the loop; the answer comes when it has ended.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* One run of the command. */
struct run {
  uv_process_t process;
  uv_pipe_t pipe;
  gcn_client_t* client;
  uint64_t ticket;
  int handles;
  char token[4096];
  size_t size;
};

static char* command;
static uv_signal_t interrupt;

static void on_run_closed(uv_handle_t* handle) {
  struct run* run = handle->data;
  if (--run->handles == 0) free(run);
}

/* The client may be closed, or ask anew, before the command is through: then
 * the ticket is refused, and that is all. */
static void answer(struct run* run) {
  while (run->size > 0 && run->token[run->size - 1] == '\n')
    run->size--;
  run->token[run->size] = '\0';
  int status = run->size == 0 ? UV_EIO : 0;
  gcn_token_done(run->client, run->ticket, status, run->token, 0);
  memset(run->token, 0, sizeof run->token);
}

static void on_room(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct run* run = handle->data;
  (void)size;
  *buf = uv_buf_init(run->token + run->size,
                     (unsigned)(sizeof run->token - 1 - run->size));
}

static void on_output(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct run* run = stream->data;
  (void)buf;
  if (size >= 0) {
    run->size += (size_t)size;
    return;
  }
  answer(run);
  uv_close((uv_handle_t*)stream, on_run_closed);
}

static void on_child_exit(uv_process_t* process, int64_t status, int signal) {
  (void)status;
  (void)signal;
  uv_close((uv_handle_t*)process, on_run_closed);
}

static void start(struct run* run) {
  char shell[] = "sh";
  char flag[] = "-c";
  char* words[] = {shell, flag, command, NULL};
  uv_stdio_container_t files[2] = {{.flags = UV_IGNORE},
                                   {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                    .data.stream = (uv_stream_t*)&run->pipe}};
  uv_process_options_t options = {
      .file = "sh",
      .args = words,
      .exit_cb = on_child_exit,
      .stdio = files,
      .stdio_count = 2,
  };
  int error = uv_spawn(uv_default_loop(), &run->process, &options);
  if (error == 0) {
    uv_read_start((uv_stream_t*)&run->pipe, on_room, on_output);
    return;
  }
  gcn_token_done(run->client, run->ticket, error, NULL, 0);
  uv_close((uv_handle_t*)&run->process, on_run_closed);
  uv_close((uv_handle_t*)&run->pipe, on_run_closed);
}

static void on_token(gcn_client_t* client, uint64_t ticket, int refused) {
  struct run* run = calloc(1, sizeof *run);
  if (refused) fprintf(stderr, "the last token was refused\n");
  if (run == NULL) {
    gcn_token_done(client, ticket, UV_ENOMEM, NULL, 0);
    return;
  }
  run->client = client;
  run->ticket = ticket;
  run->handles = 2;
  run->process.data = run;
  uv_pipe_init(uv_default_loop(), &run->pipe, 0);
  run->pipe.data = run;
  start(run);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  (void)client;
  printf("%.*s %.*s\n", (int)event->topic.size, event->topic.data,
         (int)event->body.size, event->body.data);
  fflush(stdout);
}

static void on_interrupt(uv_signal_t* signal, int number) {
  (void)number;
  gcn_client_close(signal->data, NULL);
  uv_close((uv_handle_t*)signal, NULL);
}

static int stream(const gcn_options_t* options, const char* const* topics,
                  size_t count) {
  gcn_client_t* client;
  int error = gcn_client_new(&client, uv_default_loop(), options);
  if (error == 0) error = gcn_client_subscribe(client, topics, count);
  if (error == 0) error = gcn_client_start(client);
  if (error != 0) {
    fprintf(stderr, "%s\n", gcn_strerror(error));
    return 1;
  }
  uv_signal_init(uv_default_loop(), &interrupt);
  interrupt.data = client;
  uv_signal_start(&interrupt, on_interrupt, SIGINT);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return uv_loop_close(uv_default_loop()) != 0;
}

int main(int argc, char** argv) {
  gcn_options_t options;
  char why[256];
  if (argc < 3) {
    fprintf(stderr, "usage: example-own-token COMMAND TOPIC...\n");
    return 2;
  }
  command = argv[1];
  gcn_options_init(&options);
  options.region = getenv("GENESYSCLOUD_REGION");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.ca_path = getenv("SSL_CERT_FILE");
  options.token_cb = on_token;
  options.event_cb = on_event;
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
    return 2;
  }
  return stream(&options, (const char* const*)(argv + 2), (size_t)argc - 2);
}
