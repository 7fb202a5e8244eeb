/* SPDX-License-Identifier: MIT */
/*
 * The simulator on a real port, against a client made of nothing but a socket
 * and the codecs: pieces, resets, TLS, IPv6, pressure, and a clean end.
 */
#include "harness.h"

#include "base/err.h"
#include "codec/http.h"
#include "codec/tls.h"
#include "codec/ws.h"
#include "sim/listen.h"
#include "sim/pki.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FORM  "Content-Type: application/x-www-form-urlencoded\r\n"
/* id:secret */
#define RIGHT "Authorization: Basic aWQ6c2VjcmV0\r\n"
#define TOPIC "v2.users.u.presence"

enum { IN_SIZE_MAX = 64 << 20, FLOOD_EVENTS = 2000, FLOOD_SIZE = 4000 };

static const struct gcn__sim_client clients[] = {{"id", "secret"}};

/* One TCP connection to the simulator. */
struct caller {
  uv_tcp_t tcp;
  uv_connect_t connect;
  struct gcn__buf in; /* plain bytes */
  struct gcn__buf out;
  struct gcn__tls* tls;
  struct gcn__http* http;
  struct gcn__ws* ws;
  bool connected;
  bool open; /* TLS too */
  bool answered;
  bool ended;
  int error;
  size_t wanted; /* `enough` becomes true with so many bytes in `in` */
  bool enough;
  char bytes[65536];
};

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct caller* caller = handle->data;
  (void)size;
  *buf = uv_buf_init(caller->bytes, sizeof caller->bytes);
}

static void flush(struct caller* caller) {
  while (gcn__buf_size(&caller->out) > 0) {
    struct gcn__span bytes = gcn__buf_span(&caller->out);
    uv_buf_t buf =
        uv_buf_init((char*)(uintptr_t)bytes.data, (unsigned)bytes.size);
    int size = uv_try_write((uv_stream_t*)&caller->tcp, &buf, 1);
    assert_true(size > 0);
    gcn__buf_consume(&caller->out, (size_t)size);
  }
}

static void take_cipher(struct caller* caller, struct gcn__span bytes) {
  char plain[16384];
  size_t used = 0;
  do {
    int error = gcn__tls_read(caller->tls, &bytes, plain, sizeof plain, &used);
    assert_int_equal(gcn__buf_append(&caller->in, plain, used), 0);
    if (error == GCN__EOF) caller->ended = true;
    if (error < 0) break;
  } while (used > 0 || bytes.size > 0);
  caller->open = gcn__tls_state(caller->tls) == GCN__TLS_OPEN;
  flush(caller);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct caller* caller = stream->data;
  if (size < 0) {
    caller->ended = true;
    caller->error = (int)size;
    uv_read_stop(stream);
  } else if (caller->tls != NULL) {
    take_cipher(caller, gcn__span(buf->base, (size_t)size));
  } else {
    assert_int_equal(gcn__buf_append(&caller->in, buf->base, (size_t)size), 0);
  }
  caller->answered = gcn__buf_size(&caller->in) > 0;
  caller->enough = gcn__buf_size(&caller->in) >= caller->wanted;
}

static void on_connect(uv_connect_t* connect, int status) {
  struct caller* caller = connect->data;
  assert_int_equal(status, 0);
  caller->connected = true;
}

static void caller_open(struct caller* caller, uv_loop_t* loop,
                        const char* address, uint16_t port) {
  struct sockaddr_storage to;
  memset(caller, 0, sizeof *caller);
  gcn__buf_init(&caller->in, &gcn__mem_libc, IN_SIZE_MAX);
  gcn__buf_init(&caller->out, &gcn__mem_libc, IN_SIZE_MAX);
  caller->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                               &gcn__http_limits_default);
  assert_non_null(caller->http);
  uv_tcp_init(loop, &caller->tcp);
  caller->tcp.data = caller;
  caller->connect.data = caller;
  int error = strchr(address, ':') == NULL
                  ? uv_ip4_addr(address, port, (struct sockaddr_in*)&to)
                  : uv_ip6_addr(address, port, (struct sockaddr_in6*)&to);
  assert_int_equal(error, 0);
  assert_int_equal(uv_tcp_connect(&caller->connect, &caller->tcp,
                                  (const struct sockaddr*)&to, on_connect),
                   0);
  harness_until(loop, &caller->connected);
  uv_read_start((uv_stream_t*)&caller->tcp, on_alloc, on_read);
}

static void caller_close(struct caller* caller) {
  harness_close((uv_handle_t*)&caller->tcp);
  gcn__buf_deinit(&caller->in);
  gcn__buf_deinit(&caller->out);
  gcn__http_free(caller->http);
  gcn__ws_free(caller->ws);
  gcn__tls_free(caller->tls);
}

static void caller_send(struct caller* caller, struct gcn__span bytes) {
  int error = caller->tls != NULL
                  ? gcn__tls_write(caller->tls, bytes)
                  : gcn__buf_append(&caller->out, bytes.data, bytes.size);
  assert_int_equal(error, 0);
  flush(caller);
}

/* The answer's status; the answer itself is in caller->http. */
static unsigned caller_ask(struct caller* caller, const char* method,
                           const char* target, const char* headers,
                           const char* body) {
  char request[4096];
  int size = snprintf(request, sizeof request,
                      "%s %s HTTP/1.1\r\nHost: sim\r\n%sContent-Length: %zu"
                      "\r\n\r\n%s",
                      method, target, headers, strlen(body), body);
  gcn__http_next(caller->http, false, strstr(headers, "Key") != NULL);
  caller->answered = false;
  caller_send(caller, gcn__span(request, (size_t)size));
  for (;;) {
    harness_until(caller->tcp.loop, &caller->answered);
    struct gcn__span in = gcn__buf_span(&caller->in);
    size_t before = in.size;
    int progress = gcn__http_read(caller->http, &in);
    gcn__buf_consume(&caller->in, before - in.size);
    assert_true(progress >= 0);
    if (progress == GCN__HTTP_DONE) return gcn__http_status(caller->http);
    caller->answered = false;
  }
}

/* The string after "name":" in the answer. */
static void caller_member(struct caller* caller, const char* name, char* out,
                          size_t size) {
  char key[64];
  struct gcn__span body = gcn__http_body(caller->http);
  snprintf(key, sizeof key, "\"%s\":\"", name);
  const char* at = memmem(body.data, body.size, key, strlen(key));
  assert_non_null(at);
  at += strlen(key);
  const char* end = memchr(at, '"', (size_t)(body.data + body.size - at));
  assert_non_null(end);
  snprintf(out, size, "%.*s", (int)(end - at), at);
}

static unsigned caller_log_in(struct caller* caller) {
  return caller_ask(caller, "POST", "/oauth/token", FORM RIGHT,
                    "grant_type=client_credentials");
}

/* From nothing to a WebSocket on `caller` with TOPIC. */
static void caller_stream(struct caller* caller) {
  char token[200];
  char headers[400];
  char id[100];
  char target[200];
  assert_int_equal(caller_log_in(caller), 200);
  caller_member(caller, "access_token", token, sizeof token);
  snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
  assert_int_equal(
      caller_ask(caller, "POST", "/api/v2/notifications/channels", headers, ""),
      200);
  caller_member(caller, "id", id, sizeof id);
  snprintf(target, sizeof target,
           "/api/v2/notifications/channels/%s/subscriptions", id);
  snprintf(headers, sizeof headers,
           "Authorization: Bearer %s\r\nContent-Type: application/json\r\n",
           token);
  assert_int_equal(
      caller_ask(caller, "PUT", target, headers, "[{\"id\":\"" TOPIC "\"}]"),
      200);
  snprintf(target, sizeof target, "/channels/%s", id);
  assert_int_equal(caller_ask(caller, "GET", target,
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                              ""),
                   101);
  caller->ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  assert_non_null(caller->ws);
}

/* Reads the messages that came; how many were events on TOPIC. */
static unsigned caller_events(struct caller* caller) {
  struct gcn__ws_message message;
  struct gcn__span in = gcn__buf_span(&caller->in);
  unsigned count = 0;
  while (gcn__ws_read(caller->ws, &in, &message) == GCN__WS_MESSAGE) {
    if (memmem(message.data, message.size, TOPIC, strlen(TOPIC))) count++;
  }
  gcn__buf_clear(&caller->in);
  return count;
}

static struct gcn__sim_listen* open_sim(uv_loop_t* loop, const char* address,
                                        struct gcn__tls_config* tls) {
  struct gcn__sim_listen_options options = {
      .address = address,
      .tls = tls,
      .sim = {.seed = 1,
              .clients = clients,
              .client_count = 1,
              .heartbeat_ms = GCN__NEVER},
  };
  struct gcn__sim_listen* sim = NULL;
  assert_int_equal(gcn__sim_listen_new(loop, &options, &sim), 0);
  return sim;
}

static void on_closed(void* ctx) {
  *(bool*)ctx = true;
}

static void close_sim(uv_loop_t* loop, struct gcn__sim_listen* sim) {
  bool closed = false;
  gcn__sim_listen_close(sim, on_closed, &closed);
  assert_false(closed);
  harness_until(loop, &closed);
}

static void inject(struct gcn__sim_listen* sim, const char* rule) {
  assert_int_equal(gcn__sim_inject(gcn__sim_listen_service(sim), rule,
                                   gcn__sim_listen_now(sim), NULL),
                   0);
  gcn__sim_listen_flush(sim);
}

static void emit(struct gcn__sim_listen* sim, struct gcn__span body) {
  gcn__sim_emit(gcn__sim_listen_service(sim), TOPIC, body,
                gcn__sim_listen_now(sim));
  gcn__sim_listen_flush(sim);
}

static void listens_and_answers(void** state) {
  uv_loop_t* loop = *state;
  struct caller caller;
  char authority[64];
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  uint16_t port = gcn__sim_listen_port(sim);
  assert_int_not_equal(port, 0);
  snprintf(authority, sizeof authority, "127.0.0.1:%u", (unsigned)port);
  assert_string_equal(gcn__sim_listen_authority(sim), authority);
  caller_open(&caller, loop, "127.0.0.1", port);
  assert_int_equal(caller_log_in(&caller), 200);
  assert_int_equal(gcn__sim_listen_connections(sim), 1);
  caller_close(&caller);
  while (gcn__sim_listen_connections(sim) > 0)
    uv_run(loop, UV_RUN_ONCE);
  close_sim(loop, sim);
}

static void listens_on_ipv6(void** state) {
  uv_loop_t* loop = *state;
  struct caller caller;
  char uri[200];
  char want[64];
  struct gcn__sim_listen* sim = open_sim(loop, "::1", NULL);
  snprintf(want, sizeof want, "ws://[::1]:%u/channels/",
           (unsigned)gcn__sim_listen_port(sim));
  caller_open(&caller, loop, "::1", gcn__sim_listen_port(sim));
  char token[200];
  char headers[300];
  assert_int_equal(caller_log_in(&caller), 200);
  caller_member(&caller, "access_token", token, sizeof token);
  snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
  assert_int_equal(caller_ask(&caller, "POST", "/api/v2/notifications/channels",
                              headers, ""),
                   200);
  caller_member(&caller, "connectUri", uri, sizeof uri);
  assert_memory_equal(uri, want, strlen(want));
  caller_close(&caller);
  close_sim(loop, sim);
}

static void streams_over_tls(void** state) {
  uv_loop_t* loop = *state;
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  static const char* const ip[] = {"127.0.0.1"};
  struct gcn__pki_names names = {.ip = ip, .ip_count = 1};
  struct gcn__tls_config* server = NULL;
  struct gcn__tls_config* client = NULL;
  struct gcn__pki* pki = gcn__pki_new();
  assert_non_null(pki);
  assert_int_equal(
      gcn__pki_issue(pki, &names, GCN__PKI_SOUND, certificate, key), 0);
  assert_int_equal(gcn__tls_config_server(&gcn__mem_libc,
                                          gcn__span_str(certificate),
                                          gcn__span_str(key), &server, text),
                   0);
  struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__pki_ca(pki))};
  assert_int_equal(
      gcn__tls_config_client(&gcn__mem_libc, &options, &client, text), 0);
  struct gcn__sim_listen* sim = open_sim(loop, NULL, server);
  struct caller caller;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  assert_int_equal(gcn__tls_new(client, &gcn__mem_libc, "127.0.0.1",
                                &caller.out, &caller.tls),
                   0);
  take_cipher(&caller, GCN__SPAN(""));
  harness_until(loop, &caller.open);
  caller_stream(&caller);
  caller.answered = false;
  emit(sim, GCN__SPAN("{}"));
  harness_until(loop, &caller.answered);
  assert_int_equal(caller_events(&caller), 1);
  inject(sim, "tcp.close");
  harness_until(loop, &caller.ended);
  caller_close(&caller);
  close_sim(loop, sim);
  gcn__tls_config_release(client);
  gcn__tls_config_release(server);
  gcn__pki_free(pki);
}

static void resets_and_closes(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller caller;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  caller_stream(&caller);
  inject(sim, "tcp.reset");
  harness_until(loop, &caller.ended);
  assert_int_equal(caller.error, UV_ECONNRESET);
  caller_close(&caller);
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  caller_stream(&caller);
  inject(sim, "tcp.close");
  harness_until(loop, &caller.ended);
  assert_int_equal(caller.error, UV_EOF);
  caller_close(&caller);
  close_sim(loop, sim);
}

static void keeps_its_moments(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller caller;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  inject(sim, "http.slow POST /oauth/token 50ms");
  uint64_t begin_ms = gcn__sim_listen_now(sim);
  assert_int_equal(caller_log_in(&caller), 200);
  assert_true(gcn__sim_listen_now(sim) - begin_ms >= 50);
  caller_close(&caller);
  close_sim(loop, sim);
}

/* A flood that the caller does not read at first waits in the service and
 * arrives whole. */
static void waits_for_slow_readers(void** state) {
  uv_loop_t* loop = *state;
  static char body[FLOOD_SIZE];
  memset(body, '1', sizeof body);
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller caller;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  caller_stream(&caller);
  uv_read_stop((uv_stream_t*)&caller.tcp);
  caller.wanted = (size_t)FLOOD_EVENTS * FLOOD_SIZE;
  caller.enough = false;
  for (int i = 0; i < FLOOD_EVENTS; i++) {
    emit(sim, gcn__span(body, sizeof body));
  }
  harness_settle(loop);
  assert_false(caller.answered && caller.enough);
  uv_read_start((uv_stream_t*)&caller.tcp, on_alloc, on_read);
  while (!caller.enough) {
    uv_run(loop, UV_RUN_ONCE);
    assert_false(caller.ended);
  }
  harness_settle(loop);
  assert_int_equal(caller_events(&caller), FLOOD_EVENTS);
  caller_close(&caller);
  close_sim(loop, sim);
}

/* With the default disposition a write to a dead peer would end the process.
 */
static void survives_dead_peers(void** state) {
  uv_loop_t* loop = *state;
  signal(SIGPIPE, SIG_DFL);
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller caller;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  caller_stream(&caller);
  caller_close(&caller);
  for (int i = 0; i < 10; i++)
    emit(sim, GCN__SPAN("{}"));
  while (gcn__sim_listen_connections(sim) > 0) {
    emit(sim, GCN__SPAN("{}"));
    uv_run(loop, UV_RUN_NOWAIT);
  }
  close_sim(loop, sim);
}

static void closes_with_callers_inside(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller callers[3];
  for (size_t i = 0; i < 3; i++) {
    caller_open(&callers[i], loop, "127.0.0.1", gcn__sim_listen_port(sim));
  }
  caller_stream(&callers[0]);
  close_sim(loop, sim);
  for (size_t i = 0; i < 3; i++) {
    harness_until(loop, &callers[i].ended);
    caller_close(&callers[i]);
  }
}

/* Connected, as the kernel does it: nobody has accepted it. */
static int knock(int fd, uint16_t port) {
  struct sockaddr_in to;
  assert_int_equal(uv_ip4_addr("127.0.0.1", port, &to), 0);
  return connect(fd, (const struct sockaddr*)&to, sizeof to);
}

static uint64_t accepted(struct gcn__sim_listen* sim) {
  struct gcn__sim_counters counters;
  gcn__sim_counters(gcn__sim_listen_service(sim), &counters);
  return counters.accepts;
}

static bool busy(uv_loop_t* loop) {
  struct pollfd backend = {.fd = uv_backend_fd(loop), .events = POLLIN};
  return poll(&backend, 1, 0) > 0;
}

/* The descriptors are gone while somebody knocks: the loop sleeps until a
 * connection has ended, and the one who waited is let in. */
static void sleeps_without_descriptors(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  struct caller caller;
  struct no_descriptors none;
  caller_open(&caller, loop, "127.0.0.1", gcn__sim_listen_port(sim));
  while (gcn__sim_listen_connections(sim) == 0)
    uv_run(loop, UV_RUN_ONCE);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  harness_take_descriptors(&none);
  assert_int_equal(knock(fd, gcn__sim_listen_port(sim)), 0);
  assert_true(busy(loop));
  uv_run(loop, UV_RUN_NOWAIT);
  assert_false(busy(loop));
  harness_return_descriptors(&none);
  assert_int_equal(gcn__sim_listen_connections(sim), 1);
  caller_close(&caller);
  while (accepted(sim) < 2)
    uv_run(loop, UV_RUN_ONCE);
  close(fd);
  close_sim(loop, sim);
}

static void fails_without_a_trace(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen* sim = open_sim(loop, NULL, NULL);
  unsigned handles = harness_handles(loop);
  struct gcn__sim_listen_options options = {
      .port = gcn__sim_listen_port(sim),
      .sim = {.clients = clients, .client_count = 1},
  };
  struct gcn__sim_listen* other = NULL;
  assert_int_equal(gcn__sim_listen_new(loop, &options, &other), UV_EADDRINUSE);
  options.address = "localhost";
  assert_int_equal(gcn__sim_listen_new(loop, &options, &other), UV_EINVAL);
  options.address = "192.0.2.1"; /* nobody's: RFC 5737 */
  assert_int_equal(gcn__sim_listen_new(loop, &options, &other),
                   UV_EADDRNOTAVAIL);
  assert_null(other);
  assert_int_equal(harness_handles(loop), handles);
  close_sim(loop, sim);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(listens_and_answers),
      LOOP_TEST(listens_on_ipv6),
      LOOP_TEST(streams_over_tls),
      LOOP_TEST(resets_and_closes),
      LOOP_TEST(keeps_its_moments),
      LOOP_TEST(waits_for_slow_readers),
      LOOP_TEST(survives_dead_peers),
      LOOP_TEST(closes_with_callers_inside),
      LOOP_TEST(sleeps_without_descriptors),
      LOOP_TEST(fails_without_a_trace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
