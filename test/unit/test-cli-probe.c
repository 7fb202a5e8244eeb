/* SPDX-License-Identifier: MIT */
/*
 * cli/probe: a look-up that takes too long is given up, and a proxy is spoken
 * to before the host.
 *
 * The C library's resolver is replaced by one that answers when it is told to.
 */
#include "cli/probe.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gcnotify/errno.h"

enum { SHORT_MS = 50 };

static uv_sem_t answer;
static bool replaced;

/* Instead of the C library's, also for libuv. */
int getaddrinfo(const char* node, const char* service,
                const struct addrinfo* hints, struct addrinfo** out) {
  (void)node;
  (void)service;
  (void)hints;
  *out = NULL;
  replaced = true;
  uv_sem_wait(&answer);
  return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo* info) {
  assert_null(info);
}

static struct gcn__url url_of(const char* text) {
  struct gcn__url url;
  assert_null(gcn__url_parse(&url, gcn__span_str(text)));
  return url;
}

static void test_look_up_is_given_up(void** state) {
  (void)state;
  uv_loop_t loop;
  struct gcn__probe probe;
  struct gcn__url url = url_of("https://slow.example");
  assert_int_equal(uv_loop_init(&loop), 0);
  gcn__probe_init(&probe, &loop, &url, NULL);
  assert_int_equal(probe.dns_ms, 5000);
  probe.dns_ms = SHORT_MS;
  assert_false(gcn__probe_dns(&probe));
  assert_true(probe.stuck);
  assert_int_equal(probe.error, UV_EAI_AGAIN);
  assert_non_null(strstr(probe.text, "no answer within 50 ms"));
  gcn__probe_deinit(&probe);
  /* Its answer comes to nobody, and frees what is left. */
  uv_sem_post(&answer);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_true(replaced);
}

/* The time is over before anything could be waited for. */
static void test_no_time_at_all(void** state) {
  (void)state;
  uv_loop_t loop;
  struct gcn__probe probe;
  struct gcn__url url = url_of("https://slow.example");
  assert_int_equal(uv_loop_init(&loop), 0);
  gcn__probe_init(&probe, &loop, &url, NULL);
  probe.dns_ms = 0;
  assert_false(gcn__probe_dns(&probe));
  assert_true(probe.stuck);
  gcn__probe_deinit(&probe);
  uv_sem_post(&answer);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_unknown_name(void** state) {
  (void)state;
  uv_loop_t loop;
  struct gcn__probe probe;
  struct gcn__url url = url_of("https://none.example");
  assert_int_equal(uv_loop_init(&loop), 0);
  uv_sem_post(&answer);
  gcn__probe_init(&probe, &loop, &url, NULL);
  assert_false(gcn__probe_dns(&probe));
  assert_false(probe.stuck);
  assert_int_equal(probe.error, UV_EAI_NONAME);
  gcn__probe_deinit(&probe);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

/* A proxy that says the one thing it was told to say. */
struct proxy {
  uv_tcp_t server;
  uv_tcp_t peer;
  const char* words;
  char heard[512];
  size_t heard_size;
};

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct proxy* proxy = handle->data;
  (void)size;
  *buf = uv_buf_init(proxy->heard + proxy->heard_size,
                     (unsigned)(sizeof proxy->heard - 1 - proxy->heard_size));
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct proxy* proxy = stream->data;
  (void)buf;
  if (size <= 0) {
    if (size < 0) uv_read_stop(stream);
    return;
  }
  proxy->heard_size += (size_t)size;
  if (strstr(proxy->heard, "\r\n\r\n") == NULL) return;
  uv_buf_t words = uv_buf_init((char*)(uintptr_t)proxy->words,
                               (unsigned)strlen(proxy->words));
  assert_int_equal(uv_try_write(stream, &words, 1), strlen(proxy->words));
}

static void on_connection(uv_stream_t* server, int status) {
  struct proxy* proxy = server->data;
  assert_int_equal(status, 0);
  uv_tcp_init(server->loop, &proxy->peer);
  proxy->peer.data = proxy;
  assert_int_equal(uv_accept(server, (uv_stream_t*)&proxy->peer), 0);
  uv_read_start((uv_stream_t*)&proxy->peer, on_alloc, on_read);
}

static uint16_t open_proxy(uv_loop_t* loop, struct proxy* proxy) {
  struct sockaddr_in address;
  struct sockaddr_storage bound;
  int size = sizeof bound;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop, &proxy->server);
  proxy->server.data = proxy;
  uv_tcp_bind(&proxy->server, (const struct sockaddr*)&address, 0);
  assert_int_equal(uv_listen((uv_stream_t*)&proxy->server, 1, on_connection),
                   0);
  uv_tcp_getsockname(&proxy->server, (struct sockaddr*)&bound, &size);
  memcpy(&address, &bound, sizeof address);
  return ntohs(address.sin_port);
}

/* True if the tunnel opened. */
static bool dig(const char* words, struct gcn__probe* probe, char* heard) {
  uv_loop_t loop;
  struct proxy server = {.words = words};
  struct gcn__proxy proxy = {.kind = GCN__PROXY_HTTP, .host = "127.0.0.1"};
  struct gcn__url url = url_of("https://api.example");
  struct sockaddr_in address;
  assert_int_equal(uv_loop_init(&loop), 0);
  proxy.port = open_proxy(&loop, &server);
  gcn__probe_init(probe, &loop, &url, &proxy);
  assert_string_equal(gcn__probe_host(probe), "127.0.0.1");
  uv_ip4_addr("127.0.0.1", proxy.port, &address);
  memcpy(&probe->addresses[0], &address, sizeof address);
  probe->address_count = 1;
  assert_true(gcn__probe_tcp(probe));
  bool open = gcn__probe_tunnel(probe);
  gcn__probe_deinit(probe);
  memcpy(heard, server.heard, sizeof server.heard);
  uv_close((uv_handle_t*)&server.server, NULL);
  uv_close((uv_handle_t*)&server.peer, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  return open;
}

static void test_tunnel(void** state) {
  (void)state;
  struct gcn__probe probe;
  char heard[512];
  assert_true(dig("HTTP/1.1 200 go on\r\n\r\n", &probe, heard));
  assert_int_equal(strncmp(heard, "CONNECT api.example:443 HTTP/1.1\r\n", 34),
                   0);
  assert_non_null(strstr(probe.text, "a tunnel to api.example port 443"));
}

static void test_tunnel_refused(void** state) {
  (void)state;
  struct gcn__probe probe;
  char heard[512];
  assert_false(
      dig("HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n", &probe, heard));
  assert_int_equal(probe.error, GCN_EPROXYAUTH);
  assert_false(
      dig("HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n", &probe, heard));
  assert_int_equal(probe.error, GCN_EPROXY);
  /* Bytes that nobody can have sent yet. */
  assert_false(dig("HTTP/1.1 200 ok\r\n\r\nX", &probe, heard));
  assert_int_equal(probe.error, GCN_EPROXY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_look_up_is_given_up),
      cmocka_unit_test(test_no_time_at_all),
      cmocka_unit_test(test_unknown_name),
      cmocka_unit_test(test_tunnel),
      cmocka_unit_test(test_tunnel_refused),
  };
  uv_sem_init(&answer, 0);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  uv_sem_destroy(&answer);
  return failed;
}
