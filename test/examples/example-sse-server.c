/* SPDX-License-Identifier: MIT */
/*
 * Connections: reading, a request for a stream or anything else, writing.
 *
 * A connection is freed by its close callback and by nothing else, so that a
 * walk over the list may close what it meets.
 */
#include "example-sse-server.h"

#include "example-sse-request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
  INPUT_SIZE = 4096,
  SEND_BUFFER_SIZE = 128 * 1024, /* the kernel's part of what may wait */
  SWEEP_MS = 250,
  FAREWELL_MS = 2000,
  BACKLOG = 128,
  KEEPALIVE_S = 60,
};

enum phase {
  PHASE_REQUESTS,
  PHASE_STREAM,   /* what the browser says is passed over */
  PHASE_FAREWELL, /* the last answer goes out, then its end is waited for */
  PHASE_CLOSED,
};

struct connection {
  uv_tcp_t tcp;
  uv_shutdown_t shutdown;
  struct server* server;
  struct connection* next;
  struct connection* previous;
  enum phase phase;
  bool heard_all; /* the peer has ended its side */
  bool is_overdue;
  uint64_t deadline_ms;
  struct request request;
  char name[SERVER_NAME_SIZE_MAX];
  char input[INPUT_SIZE];
};

struct write {
  uv_write_t request;
  struct connection* connection;
  struct message* message;
};

struct page {
  const char* target;
  const char* file;
  const char* type;
};

static const struct page pages[SERVER_PAGE_COUNT] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/live.js", "live.js", "text/javascript; charset=utf-8"},
    {"/live.css", "live.css", "text/css; charset=utf-8"},
};

/* Nothing from elsewhere, nothing inline; other sites may not frame it. */
static const char common[] =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; connect-src 'self'; "
    "script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n";

static uv_stream_t* stream_of(struct connection* connection) {
  return (uv_stream_t*)&connection->tcp;
}

static void on_connection_closed(uv_handle_t* handle) {
  struct connection* connection = handle->data;
  struct server* server = connection->server;
  struct connection* next = connection->next;
  struct connection* previous = connection->previous;
  if (next != NULL) next->previous = previous;
  if (previous != NULL) previous->next = next;
  if (previous == NULL) server->connections = next;
  server->connection_count--;
  free(connection);
}

static void close_connection(struct connection* connection) {
  if (connection->phase == PHASE_CLOSED) return;
  if (connection->phase == PHASE_STREAM) connection->server->stream_count--;
  connection->phase = PHASE_CLOSED;
  uv_close((uv_handle_t*)&connection->tcp, on_connection_closed);
}

static void drop(struct connection* connection, const char* why) {
  if (connection->phase == PHASE_CLOSED) return;
  size_t size = uv_stream_get_write_queue_size(stream_of(connection));
  fprintf(stderr, "%s: dropped, %s; %zu bytes waited\n", connection->name, why,
          size);
  close_connection(connection);
}

static void on_written(uv_write_t* request, int status) {
  struct write* write = request->data;
  if (status != 0) close_connection(write->connection);
  message_release(write->message);
  free(write);
}

/* libuv writes what the kernel takes at once and keeps the rest: this is the
 * queue that is looked at before it grows. */
static void send_message(struct connection* connection,
                         struct message* message) {
  if (connection->phase == PHASE_CLOSED) return;
  size_t waits = uv_stream_get_write_queue_size(stream_of(connection));
  if (waits > connection->server->options.queue_size_max) {
    drop(connection, "it does not read");
    return;
  }
  struct write* write = malloc(sizeof *write);
  if (message == NULL || write == NULL) {
    free(write);
    drop(connection, "out of memory");
    return;
  }
  write->connection = connection;
  write->message = message_retain(message);
  write->request.data = write;
  uv_buf_t buf = uv_buf_init(message->bytes, (unsigned)message->size);
  int error =
      uv_write(&write->request, stream_of(connection), &buf, 1, on_written);
  if (error == 0) return;
  message_release(message);
  free(write);
  close_connection(connection);
}

static void send_and_release(struct connection* connection,
                             struct message* message) {
  send_message(connection, message);
  message_release(message);
}

static void on_shutdown(uv_shutdown_t* request, int status) {
  struct connection* connection = request->data;
  if (status != 0 || connection->heard_all) close_connection(connection);
}

/* The peer may still be sending, and a close now would be a reset that takes
 * our last answer with it: so we end our side and wait for it to end its. */
static void say_farewell(struct connection* connection) {
  if (connection->phase != PHASE_REQUESTS) return;
  connection->phase = PHASE_FAREWELL;
  connection->deadline_ms = uv_now(connection->tcp.loop) + FAREWELL_MS;
  connection->shutdown.data = connection;
  int error =
      uv_shutdown(&connection->shutdown, stream_of(connection), on_shutdown);
  if (error != 0) close_connection(connection);
}

static const char* status_text(int status) {
  switch (status) {
  case 200: return "OK";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 413: return "Content Too Large";
  case 414: return "URI Too Long";
  case 421: return "Misdirected Request";
  case 431: return "Request Header Fields Too Large";
  default: return "Bad Request";
  }
}

/* `body` is left out for HEAD, its size is not. */
static void answer(struct connection* connection, int status, const char* type,
                   const char* body, size_t body_size) {
  bool is_head = connection->request.parser.method == HTTP_HEAD;
  bool goes_on = status == 200 && connection->request.keep_alive;
  char head[1024];
  int size = snprintf(head, sizeof head,
                      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
                      "Content-Length: %zu\r\n%s%s%s\r\n",
                      status, status_text(status), type, body_size, common,
                      status == 405 ? "Allow: GET, HEAD\r\n" : "",
                      goes_on ? "" : "Connection: close\r\n");
  size_t head_size = (size_t)size;
  struct message* message = message_new(head_size + body_size);
  if (message != NULL) {
    memcpy(message->bytes, head, head_size);
    memcpy(message->bytes + head_size, body, body_size);
    if (is_head) message->size = head_size;
  }
  send_and_release(connection, message);
  connection->deadline_ms =
      uv_now(connection->tcp.loop) + connection->server->options.request_ms;
  if (!goes_on) say_farewell(connection);
}

static void answer_error(struct connection* connection, int status) {
  char text[64];
  int size =
      snprintf(text, sizeof text, "%d %s\n", status, status_text(status));
  answer(connection, status, "text/plain; charset=utf-8", text, (size_t)size);
}

/* What the browser missed, if the ring has all of it. */
static void catch_up(struct connection* connection) {
  struct feed* feed = connection->server->feed;
  const char* id = connection->request.last_event_id.text;
  uint64_t number = feed_after(feed, id);
  if (number == 0) {
    send_and_release(connection, feed_reset(feed));
    return;
  }
  for (; number <= feed->newest; number++)
    send_message(connection, feed_at(feed, number));
}

static void begin_stream(struct connection* connection) {
  struct server* server = connection->server;
  bool came_back = connection->request.last_event_id.count > 0;
  char head[1024];
  int size = snprintf(head, sizeof head,
                      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      "X-Accel-Buffering: no\r\nConnection: close\r\n%s\r\n",
                      common);
  struct message* message = message_new((size_t)size);
  if (message != NULL) memcpy(message->bytes, head, (size_t)size);
  send_and_release(connection, message);
  if (connection->request.parser.method == HTTP_HEAD) {
    say_farewell(connection);
    return;
  }
  if (connection->phase == PHASE_CLOSED) return;
  connection->phase = PHASE_STREAM;
  server->stream_count++;
  struct feed* feed = server->feed;
  send_and_release(connection,
                   feed_hello(feed, server->options.retry_ms, came_back));
  send_message(connection, feed->state);
  if (came_back) catch_up(connection);
}

static bool is_host(const char* host, const char* name, size_t name_size) {
  if (strncasecmp(host, name, name_size) != 0) return false;
  const char* rest = host + name_size;
  if (*rest == '\0') return true;
  return *rest == ':' && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
}

/* A page of another site may have a name that leads to our address ("DNS
 * rebinding"); but then its browser asks for that name. */
static int check_host(const struct connection* connection) {
  const struct server* server = connection->server;
  const struct field* host = &connection->request.host;
  const char* more = server->options.host;
  if (host->count != 1 || host->size == 0) return 400;
  if (strlen(host->text) != host->size) return 421;
  if (is_host(host->text, server->name, server->name_host_size)) return 200;
  if (is_host(host->text, "localhost", strlen("localhost"))) return 200;
  if (more != NULL && is_host(host->text, more, strlen(more))) return 200;
  return 421;
}

static void answer_request(struct connection* connection) {
  const struct request* request = &connection->request;
  struct server* server = connection->server;
  uint8_t method = request->parser.method;
  int status = check_host(connection);
  if (status == 200 && method != HTTP_GET && method != HTTP_HEAD) status = 405;
  if (status != 200) {
    answer_error(connection, status);
    return;
  }
  size_t path_size = strcspn(request->target, "?");
  for (size_t i = 0; i < SERVER_PAGE_COUNT; i++) {
    const struct page* page = &pages[i];
    if (strlen(page->target) != path_size ||
        memcmp(page->target, request->target, path_size) != 0) {
      continue;
    }
    answer(connection, 200, page->type, server->pages[i]->bytes,
           server->pages[i]->size);
    return;
  }
  static const char events[] = "/events";
  if (path_size == sizeof events - 1 &&
      memcmp(request->target, events, path_size) == 0) {
    begin_stream(connection);
    return;
  }
  answer_error(connection, 404);
}

/* As many requests as there are: each is answered before the next is read. */
static void take_in(struct connection* connection, const char* bytes,
                    size_t size) {
  while (size > 0 && connection->phase == PHASE_REQUESTS) {
    size_t used = 0;
    int status = request_read(&connection->request, bytes, size, &used);
    if (status == 0) return;
    if (status != 200) {
      answer_error(connection, status);
      return;
    }
    bytes += used;
    size -= used;
    answer_request(connection);
  }
}

static void hear_end(struct connection* connection) {
  size_t waits = uv_stream_get_write_queue_size(stream_of(connection));
  connection->heard_all = true;
  if (connection->phase == PHASE_REQUESTS && waits > 0) {
    say_farewell(connection);
  } else if (connection->phase != PHASE_FAREWELL || waits == 0) {
    close_connection(connection);
  }
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct connection* connection = stream->data;
  if (size > 0) {
    take_in(connection, buf->base, (size_t)size);
  } else if (size == UV_EOF) {
    hear_end(connection);
  } else if (size < 0) {
    close_connection(connection);
  }
}

static void on_room(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct connection* connection = handle->data;
  (void)size;
  *buf = uv_buf_init(connection->input, INPUT_SIZE);
}

/* "127.0.0.1:8080", "[::1]:8080"; returns the size of the part before the
 * port. */
static size_t name_address(const struct sockaddr_storage* address, char* name,
                           size_t size) {
  const struct sockaddr_in* four = (const void*)address;
  const struct sockaddr_in6* six = (const void*)address;
  char host[INET6_ADDRSTRLEN] = "";
  bool is_six = address->ss_family == AF_INET6;
  if (is_six) {
    uv_ip6_name(six, host, sizeof host);
  } else {
    uv_ip4_name(four, host, sizeof host);
  }
  snprintf(name, size, is_six ? "[%s]:%d" : "%s:%d", host,
           ntohs(is_six ? six->sin6_port : four->sin_port));
  return strlen(host) + (is_six ? 2 : 0);
}

static void name_connection(struct connection* connection) {
  struct sockaddr_storage address = {0};
  int size = sizeof address;
  uv_tcp_getpeername(&connection->tcp, (struct sockaddr*)&address, &size);
  name_address(&address, connection->name, sizeof connection->name);
}

static void begin_connection(struct connection* connection) {
  struct server* server = connection->server;
  int send_size = SEND_BUFFER_SIZE;
  name_connection(connection);
  uv_tcp_nodelay(&connection->tcp, 1);
  uv_tcp_keepalive(&connection->tcp, 1, KEEPALIVE_S);
  uv_send_buffer_size((uv_handle_t*)&connection->tcp, &send_size);
  connection->deadline_ms =
      uv_now(connection->tcp.loop) + server->options.request_ms;
  request_init(&connection->request);
  if (server->connection_count > server->options.connection_count_max) {
    /* An error's status would keep a browser's EventSource from coming back. */
    drop(connection, "there are enough");
    return;
  }
  int error = uv_read_start(stream_of(connection), on_room, on_read);
  if (error != 0) close_connection(connection);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct server* server = listener->data;
  if (status != 0) {
    fprintf(stderr, "a browser can't be accepted: %s\n", uv_strerror(status));
    return;
  }
  struct connection* connection = malloc(sizeof *connection);
  if (connection == NULL) return;
  memset(connection, 0, offsetof(struct connection, input));
  uv_tcp_init(listener->loop, &connection->tcp);
  connection->tcp.data = connection;
  connection->server = server;
  connection->next = server->connections;
  if (connection->next != NULL) connection->next->previous = connection;
  server->connections = connection;
  server->connection_count++;
  if (uv_accept(listener, stream_of(connection)) == 0) {
    begin_connection(connection);
  } else {
    close_connection(connection);
  }
}

static void on_heartbeat(uv_timer_t* timer) {
  struct server* server = timer->data;
  server_send(server, server->comment);
}

/* A sweep that comes late comes before the reads of its turn, which may bring
 * what was waited for: so the second look counts. */
static void on_sweep(uv_timer_t* timer) {
  struct server* server = timer->data;
  uint64_t now_ms = uv_now(timer->loop);
  struct connection* connection = server->connections;
  for (; connection != NULL; connection = connection->next) {
    bool was_overdue = connection->is_overdue;
    connection->is_overdue =
        connection->phase != PHASE_STREAM && now_ms >= connection->deadline_ms;
    if (was_overdue && connection->is_overdue) close_connection(connection);
  }
}

static struct message* load_file(FILE* file) {
  if (fseek(file, 0, SEEK_END) != 0) return NULL;
  long size = ftell(file);
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) return NULL;
  struct message* message = message_new((size_t)size);
  if (message == NULL) return NULL;
  if (fread(message->bytes, 1, (size_t)size, file) == (size_t)size)
    return message;
  message_release(message);
  return NULL;
}

static struct message* load_page(const char* folder, const char* name) {
  char path[1024];
  int size = snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* file = size < (int)sizeof path ? fopen(path, "rb") : NULL;
  struct message* message = file == NULL ? NULL : load_file(file);
  if (message == NULL) fprintf(stderr, "%s can't be read\n", path);
  if (file != NULL) fclose(file);
  return message;
}

int server_load(struct server* server, const struct server_options* options,
                struct feed* feed) {
  static const char comment[] = ":\n\n";
  *server = (struct server){.options = *options, .feed = feed};
  server->comment = message_new(sizeof comment - 1);
  if (server->comment == NULL) return UV_ENOMEM;
  memcpy(server->comment->bytes, comment, sizeof comment - 1);
  for (size_t i = 0; i < SERVER_PAGE_COUNT; i++) {
    server->pages[i] = load_page(options->page_folder, pages[i].file);
    if (server->pages[i] == NULL) return UV_ENOENT;
  }
  return 0;
}

void server_unload(struct server* server) {
  message_release(server->comment);
  for (size_t i = 0; i < SERVER_PAGE_COUNT; i++)
    message_release(server->pages[i]);
}

int server_listen(struct server* server, uv_loop_t* loop) {
  const struct sockaddr* address = (const void*)&server->options.address;
  struct sockaddr_storage bound = {0};
  int size = sizeof bound;
  uv_timer_init(loop, &server->heartbeat);
  uv_timer_init(loop, &server->sweep);
  uv_tcp_init(loop, &server->listener);
  server->heartbeat.data = server;
  server->sweep.data = server;
  server->listener.data = server;
  int error = uv_tcp_bind(&server->listener, address, 0);
  if (error == 0) {
    error = uv_listen((uv_stream_t*)&server->listener, BACKLOG, on_connection);
  }
  if (error == 0) {
    error =
        uv_tcp_getsockname(&server->listener, (struct sockaddr*)&bound, &size);
  }
  if (error != 0) return error;
  server->name_host_size =
      name_address(&bound, server->name, sizeof server->name);
  uint64_t beat_ms = server->options.heartbeat_ms;
  uv_timer_start(&server->heartbeat, on_heartbeat, beat_ms, beat_ms);
  uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
  return 0;
}

void server_send(struct server* server, struct message* message) {
  struct connection* connection = server->connections;
  for (; connection != NULL; connection = connection->next) {
    if (connection->phase == PHASE_STREAM) send_message(connection, message);
  }
}

void server_close(struct server* server) {
  struct connection* connection = server->connections;
  for (; connection != NULL; connection = connection->next)
    close_connection(connection);
  uv_close((uv_handle_t*)&server->listener, NULL);
  uv_close((uv_handle_t*)&server->heartbeat, NULL);
  uv_close((uv_handle_t*)&server->sweep, NULL);
}
