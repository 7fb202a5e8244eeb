/* SPDX-License-Identifier: MIT */
/*
 * A libuv server that has a client beside its own work, on one loop.
 *
 *   example-metrics PORT-FILE TOPIC...
 *
 * The server answers GET /metrics with the client's OpenMetrics text, on a port
 * of 127.0.0.1 that is written to PORT-FILE.  Its own work is a timer of 10 ms
 * that must keep its time whatever the client goes through; GET /timer says how
 * often it came since the last time that was asked, and how late at most.
 */
#include <gcnotify.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { TICK_MS = 10, INPUT_SIZE = 2048, PATH_SIZE = 64, HEAD_SIZE = 256 };

static struct {
  gcn_client_t* client;
  uv_tcp_t listener;
  uv_timer_t timer;
  uv_signal_t interrupt;
  uint64_t last_ns;
  uint64_t late_ns_max;
  unsigned long ticks;
} server;

/* One request: each connection is closed behind its answer. */
struct visit {
  uv_tcp_t tcp;
  uv_write_t write;
  llhttp_t parser;
  llhttp_settings_t settings;
  char path[PATH_SIZE];
  size_t path_size;
  char input[INPUT_SIZE];
  char* answer;
};

/* --- the timer ------------------------------------------------------------ */

static void on_tick(uv_timer_t* timer) {
  uint64_t now_ns = uv_hrtime();
  uint64_t due_ns = server.last_ns + (uint64_t)TICK_MS * 1000000;
  (void)timer;
  if (now_ns > due_ns && now_ns - due_ns > server.late_ns_max) {
    server.late_ns_max = now_ns - due_ns;
  }
  server.last_ns = now_ns;
  server.ticks++;
}

/* --- answers -------------------------------------------------------------- */

static void on_visit_closed(uv_handle_t* handle) {
  struct visit* visit = handle->data;
  free(visit->answer);
  free(visit);
}

static void on_written(uv_write_t* write, int status) {
  (void)status;
  uv_close((uv_handle_t*)write->handle, on_visit_closed);
}

static void send_text(struct visit* visit, int status, const char* kind,
                      const char* text) {
  size_t size = strlen(text);
  visit->answer = malloc(HEAD_SIZE + size);
  if (visit->answer == NULL) {
    uv_close((uv_handle_t*)&visit->tcp, on_visit_closed);
    return;
  }
  int head = snprintf(visit->answer, HEAD_SIZE,
                      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
                      "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                      status, status == 200 ? "OK" : "No", kind, size);
  memcpy(visit->answer + head, text, size);
  uv_buf_t buf = uv_buf_init(visit->answer, (unsigned)((size_t)head + size));
  uv_read_stop((uv_stream_t*)&visit->tcp);
  uv_write(&visit->write, (uv_stream_t*)&visit->tcp, &buf, 1, on_written);
}

static void send_metrics(struct visit* visit) {
  int size = gcn_client_metrics(server.client, NULL, 0);
  char* text = size < 0 ? NULL : malloc((size_t)size + 1);
  if (text == NULL) {
    send_text(visit, 503, "text/plain", "no metrics now\n");
    return;
  }
  gcn_client_metrics(server.client, text, (size_t)size + 1);
  send_text(visit, 200,
            "application/openmetrics-text; version=1.0.0; charset=utf-8", text);
  free(text);
}

static void send_timer(struct visit* visit) {
  char text[80];
  snprintf(text, sizeof text, "ticks %lu\nlate_ms %.3f\n", server.ticks,
           (double)server.late_ns_max / 1e6);
  server.ticks = 0;
  server.late_ns_max = 0;
  send_text(visit, 200, "text/plain", text);
}

static int asks_for(const struct visit* visit, const char* path) {
  return visit->parser.method == HTTP_GET && strcmp(visit->path, path) == 0;
}

static void answer(struct visit* visit) {
  if (asks_for(visit, "/metrics")) {
    send_metrics(visit);
  } else if (asks_for(visit, "/timer")) {
    send_timer(visit);
  } else {
    send_text(visit, 404, "text/plain", "GET /metrics or /timer\n");
  }
}

/* --- requests ------------------------------------------------------------- */

static int on_path(llhttp_t* parser, const char* bytes, size_t size) {
  struct visit* visit = parser->data;
  if (size >= PATH_SIZE - visit->path_size) return -1;
  memcpy(visit->path + visit->path_size, bytes, size);
  visit->path_size += size;
  return 0;
}

/* What follows the first request is not read. */
static int on_request(llhttp_t* parser) {
  (void)parser;
  return HPE_PAUSED;
}

static void on_room(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct visit* visit = handle->data;
  (void)size;
  *buf = uv_buf_init(visit->input, sizeof visit->input);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct visit* visit = stream->data;
  llhttp_errno_t error = HPE_CLOSED_CONNECTION;
  if (size == 0) return;
  if (size > 0) error = llhttp_execute(&visit->parser, buf->base, (size_t)size);
  if (error == HPE_PAUSED) {
    answer(visit);
  } else if (error != HPE_OK) {
    uv_close((uv_handle_t*)stream, on_visit_closed);
  }
}

static void on_visit(uv_stream_t* listener, int status) {
  struct visit* visit = status == 0 ? calloc(1, sizeof *visit) : NULL;
  if (visit == NULL) return;
  uv_tcp_init(listener->loop, &visit->tcp);
  visit->tcp.data = visit;
  llhttp_settings_init(&visit->settings);
  visit->settings.on_url = on_path;
  visit->settings.on_message_complete = on_request;
  llhttp_init(&visit->parser, HTTP_REQUEST, &visit->settings);
  visit->parser.data = visit;
  if (uv_accept(listener, (uv_stream_t*)&visit->tcp) != 0 ||
      uv_read_start((uv_stream_t*)&visit->tcp, on_room, on_read) != 0) {
    uv_close((uv_handle_t*)&visit->tcp, on_visit_closed);
  }
}

/* --- the whole ------------------------------------------------------------ */

static void on_interrupt(uv_signal_t* signal, int number) {
  (void)number;
  gcn_client_close(server.client, NULL);
  uv_close((uv_handle_t*)signal, NULL);
  uv_close((uv_handle_t*)&server.timer, NULL);
  uv_close((uv_handle_t*)&server.listener, NULL);
}

static int write_port(const char* path) {
  struct sockaddr_in address;
  int size = sizeof address;
  FILE* file = fopen(path, "w");
  if (file == NULL) return UV_EIO;
  uv_tcp_getsockname(&server.listener, (struct sockaddr*)&address, &size);
  fprintf(file, "%u\n", (unsigned)ntohs(address.sin_port));
  return fclose(file) == 0 ? 0 : UV_EIO;
}

static int serve(uv_loop_t* loop, const char* port_file) {
  struct sockaddr_in address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop, &server.listener);
  uv_timer_init(loop, &server.timer);
  uv_signal_init(loop, &server.interrupt);
  int error =
      uv_tcp_bind(&server.listener, (const struct sockaddr*)&address, 0);
  if (error == 0) {
    error = uv_listen((uv_stream_t*)&server.listener, 16, on_visit);
  }
  if (error == 0) error = write_port(port_file);
  uv_signal_start(&server.interrupt, on_interrupt, SIGINT);
  server.last_ns = uv_hrtime();
  uv_timer_start(&server.timer, on_tick, TICK_MS, TICK_MS);
  return error;
}

static int begin(uv_loop_t* loop, const char* const* topics, size_t count) {
  gcn_options_t options;
  char why[256];
  gcn_options_init(&options);
  options.region = getenv("GENESYSCLOUD_REGION");
  options.api_url = getenv("GENESYSCLOUD_API_URL");
  options.login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options.client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.ca_path = getenv("SSL_CERT_FILE");
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
  }
  int error = gcn_client_new(&server.client, loop, &options);
  if (error != 0) return error;
  error = gcn_client_subscribe(server.client, topics, count);
  return error != 0 ? error : gcn_client_start(server.client);
}

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  if (argc < 3) {
    fprintf(stderr, "usage: example-metrics PORT-FILE TOPIC...\n");
    return 2;
  }
  int error = begin(loop, (const char* const*)(argv + 2), (size_t)argc - 2);
  if (error == 0) error = serve(loop, argv[1]);
  if (error != 0) {
    fprintf(stderr, "%s\n", gcn_strerror(error));
    return 1;
  }
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) != 0;
}
