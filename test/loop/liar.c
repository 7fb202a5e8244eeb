/* SPDX-License-Identifier: MIT */
/*
 * Requests are read by the library's own reader: what is on trial is the other
 * side.
 */
#include "liar.h"

#include "codec/http.h"
#include "codec/ws.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct caller {
  struct gcn__list link; /* first: a link is a caller */
  uv_tcp_t tcp;
  struct liar* liar;
  struct gcn__http* http;
  char buffer[65536];
  bool upgraded;
};

struct saying {
  uv_write_t request;
  struct caller* caller;
  bool last;
  char bytes[];
};

static void on_closed(uv_handle_t* handle) {
  struct caller* caller = handle->data;
  caller->liar->handles--;
  gcn__http_free(caller->http);
  free(caller);
}

static void end_caller(struct caller* caller) {
  if (uv_is_closing((uv_handle_t*)&caller->tcp)) return;
  caller->liar->open--;
  gcn__list_remove(&caller->link);
  uv_close((uv_handle_t*)&caller->tcp, on_closed);
}

static void on_said(uv_write_t* request, int status) {
  struct saying* saying = request->data;
  if (status == 0 && saying->last) end_caller(saying->caller);
  free(saying);
}

static size_t size_of(const char* text) {
  return text == NULL ? 0 : strlen(text);
}

static void say(struct caller* caller, const struct liar_lie* lie) {
  size_t head_size = size_of(lie->head);
  size_t more_size = size_of(lie->more);
  size_t tail_size = size_of(lie->tail);
  size_t size = head_size + more_size * lie->more_count + tail_size;
  struct saying* saying = malloc(sizeof *saying + size);
  assert_non_null(saying);
  saying->caller = caller;
  saying->last = lie->hangs_up;
  saying->request.data = saying;
  char* to = saying->bytes;
  memcpy(to, lie->head, head_size);
  to += head_size;
  for (size_t i = 0; i < lie->more_count; i++, to += more_size)
    memcpy(to, lie->more, more_size);
  if (tail_size > 0) memcpy(to, lie->tail, tail_size);
  uv_buf_t buf = uv_buf_init(saying->bytes, (unsigned)size);
  int error =
      uv_write(&saying->request, (uv_stream_t*)&caller->tcp, &buf, 1, on_said);
  assert_int_equal(error, 0);
}

static void say_text(struct caller* caller, const char* text) {
  say(caller, &(const struct liar_lie){.head = text});
}

static enum liar_ask ask_of(const struct gcn__http* http) {
  struct gcn__span method = gcn__http_method(http);
  struct gcn__span target = gcn__http_target(http);
  if (gcn__span_is(target, "/oauth/token")) return LIAR_TOKEN;
  if (gcn__span_is(method, "POST")) return LIAR_CHANNEL;
  if (gcn__span_is(method, "PUT")) return LIAR_TOPICS;
  return gcn__span_starts(target, "/api/") ? LIAR_AUDIT : LIAR_UPGRADE;
}

static void say_json(struct caller* caller, const char* body) {
  char text[512];
  snprintf(text, sizeof text,
           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           "Content-Length: %zu\r\n\r\n%s",
           strlen(body), body);
  say_text(caller, text);
}

static void upgrade(struct caller* caller) {
  char accept[GCN__WS_ACCEPT_SIZE + 1];
  char text[256];
  struct gcn__span key =
      gcn__http_header(caller->http, "Sec-WebSocket-Key", NULL);
  gcn__ws_make_accept(key, accept);
  snprintf(text, sizeof text,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
           accept);
  caller->upgraded = true;
  caller->liar->upgraded = true;
  say_text(caller, text);
}

static void answer_honestly(struct caller* caller, enum liar_ask ask) {
  char body[128];
  switch (ask) {
  case LIAR_TOKEN:
    say_json(caller, "{\"access_token\":\"t0ken\",\"token_type\":\"bearer\","
                     "\"expires_in\":86399}");
    return;
  case LIAR_CHANNEL:
    snprintf(body, sizeof body,
             "{\"id\":\"c%u\",\"connectUri\":\"ws://127.0.0.1:%u/channels/c\"}",
             caller->liar->counts[ask], (unsigned)caller->liar->port);
    say_json(caller, body);
    return;
  case LIAR_UPGRADE: upgrade(caller); return;
  case LIAR_TOPICS:
  case LIAR_AUDIT:
    say_json(caller,
             "{\"entities\":[{\"id\":\"v2.a.b\",\"state\":\"Permitted\"}]}");
    return;
  case LIAR_ASKS: break;
  }
}

static void answer(struct caller* caller) {
  struct liar* liar = caller->liar;
  const struct liar_lie* lie = &liar->lie;
  enum liar_ask ask = ask_of(caller->http);
  unsigned index = liar->counts[ask]++;
  bool lies = ask == lie->ask && (lie->times == 0 || index < lie->times);
  if (ask == lie->dies && ask != LIAR_TOKEN && index == 1) {
    end_caller(caller);
  } else if (!lies) {
    answer_honestly(caller, ask);
  } else if (lie->body != NULL) {
    say_json(caller, lie->body);
  } else if (lie->head != NULL) {
    say(caller, lie);
  } else if (lie->hangs_up) {
    end_caller(caller);
  }
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct caller* caller = handle->data;
  (void)size;
  *buf = uv_buf_init(caller->buffer, sizeof caller->buffer);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct caller* caller = stream->data;
  if (size < 0) {
    end_caller(caller);
    return;
  }
  if (caller->upgraded) return;
  struct gcn__span in = gcn__span(buf->base, (size_t)size);
  while (in.size > 0 && !caller->upgraded) {
    if (gcn__http_read(caller->http, &in) != GCN__HTTP_DONE) break;
    answer(caller);
    gcn__http_next(caller->http, false, false);
  }
}

static void on_connection(uv_stream_t* listener, int status) {
  struct liar* liar = listener->data;
  struct caller* caller = calloc(1, sizeof *caller);
  assert_int_equal(status, 0);
  assert_non_null(caller);
  caller->liar = liar;
  caller->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_REQUESTS,
                               &gcn__http_limits_default);
  assert_non_null(caller->http);
  gcn__http_next(caller->http, false, false);
  uv_tcp_init(liar->loop, &caller->tcp);
  caller->tcp.data = caller;
  assert_int_equal(uv_accept(listener, (uv_stream_t*)&caller->tcp), 0);
  gcn__list_append(&liar->callers, &caller->link);
  liar->accepted++;
  liar->open++;
  liar->handles++;
  uv_read_start((uv_stream_t*)&caller->tcp, on_alloc, on_read);
}

void liar_open(struct liar* liar, uv_loop_t* loop, const struct liar_lie* lie) {
  struct sockaddr_in name;
  int size = sizeof name;
  *liar = (struct liar){.loop = loop, .lie = *lie};
  gcn__list_init(&liar->callers);
  signal(SIGPIPE, SIG_IGN); /* libuv's own writes raise it */
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &liar->listener);
  liar->listener.data = liar;
  assert_int_equal(
      uv_tcp_bind(&liar->listener, (const struct sockaddr*)&name, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*)&liar->listener, 64, on_connection),
                   0);
  uv_tcp_getsockname(&liar->listener, (struct sockaddr*)&name, &size);
  liar->port = ntohs(name.sin_port);
  snprintf(liar->url, sizeof liar->url, "http://127.0.0.1:%u",
           (unsigned)liar->port);
}

void liar_close(struct liar* liar) {
  while (!gcn__list_empty(&liar->callers))
    end_caller((struct caller*)(void*)liar->callers.next);
  harness_close((uv_handle_t*)&liar->listener);
  while (liar->handles > 0)
    uv_run(liar->loop, UV_RUN_ONCE);
}
