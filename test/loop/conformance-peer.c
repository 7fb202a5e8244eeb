/* SPDX-License-Identifier: MIT */
/*
 * One connection of a server that has a row to play.
 */
#include "conformance-peer.h"

#include "base/err.h"

#include <stdlib.h>

enum { OUT_SIZE_MAX = 1 << 24, PIECES = 4 };

struct piece {
  uv_write_t request;
  struct conf_peer* peer;
  char bytes[];
};

static void on_gone(uv_handle_t* handle) {
  struct conf_peer* peer = handle->data;
  peer->open_count--;
}

static void end_connection(struct conf_peer* peer) {
  uv_handle_t* tcp = (uv_handle_t*)&peer->tcp;
  if (!peer->connected || uv_is_closing(tcp)) return;
  uv_idle_stop(&peer->pacer);
  uv_close(tcp, on_gone);
}

/* The client may be gone already; then the read says so. */
static void on_sent(uv_write_t* request, int status) {
  (void)status;
  free(request->data);
}

static void send_bytes(struct conf_peer* peer, struct gcn__span bytes) {
  struct piece* piece = malloc(sizeof *piece + bytes.size);
  assert_non_null(piece);
  piece->peer = peer;
  piece->request.data = piece;
  memcpy(piece->bytes, bytes.data, bytes.size);
  uv_buf_t buf = uv_buf_init(piece->bytes, (unsigned)bytes.size);
  int error =
      uv_write(&piece->request, (uv_stream_t*)&peer->tcp, &buf, 1, on_sent);
  if (error != 0) free(piece);
}

static void flush_tls(struct conf_peer* peer) {
  if (gcn__buf_size(&peer->out) == 0) return;
  send_bytes(peer, gcn__buf_span(&peer->out));
  gcn__buf_clear(&peer->out);
}

void conf_peer_say(struct conf_peer* peer, struct gcn__span plain) {
  if (peer->tls == NULL) {
    send_bytes(peer, plain);
    return;
  }
  /* The client may have said goodbye in the middle of a row. */
  if (gcn__tls_state(peer->tls) == GCN__TLS_CLOSED) return;
  assert_int_equal(gcn__tls_write(peer->tls, plain), 0);
  flush_tls(peer);
}

static void on_shut(uv_shutdown_t* request, int status) {
  (void)status;
  free(request);
}

void conf_peer_shut(struct conf_peer* peer) {
  uv_shutdown_t* request = malloc(sizeof *request);
  assert_non_null(request);
  if (uv_shutdown(request, (uv_stream_t*)&peer->tcp, on_shut) != 0)
    free(request);
}

/* Not sooner than the last ping is answered: of pings that come together only
 * one has to be. */
static void send_mark(struct conf_peer* peer) {
  struct gcn__span ping = conf_last_ping(peer->row);
  bool due = ping.data == NULL || conf_has_pong(conf_peer_frames(peer), ping);
  if (!due) return;
  struct gcn__buf mark;
  gcn__buf_init(&mark, &gcn__mem_libc, 256);
  conf_put_mark(&mark);
  conf_peer_say(peer, gcn__buf_span(&mark));
  gcn__buf_deinit(&mark);
  peer->marked = true;
}

static void on_pace(uv_idle_t* pacer) {
  struct conf_peer* peer = pacer->data;
  struct gcn__span rest = gcn__buf_span(&peer->stream);
  if (rest.size == 0) {
    if (peer->row->end == CONF_PARTIAL) conf_peer_shut(peer);
    if (peer->row->end == CONF_STAYS) send_mark(peer);
    if (peer->row->end != CONF_STAYS || peer->marked) uv_idle_stop(pacer);
    return;
  }
  size_t most = rest.size / PIECES + 1;
  size_t size = (size_t)gcn__rng_between(&peer->rng, 1, 2 * most);
  if (peer->whole || size > rest.size) size = rest.size;
  conf_peer_say(peer, gcn__span(rest.data, size));
  gcn__buf_consume(&peer->stream, size);
}

struct gcn__span conf_peer_frames(const struct conf_peer* peer) {
  return gcn__span_skip(gcn__buf_span(&peer->heard), peer->request_size);
}

static void begin_row(struct conf_peer* peer) {
  struct gcn__span heard = gcn__buf_span(&peer->heard);
  bool whole =
      heard.size > 4 && memcmp(heard.data + heard.size - 4, "\r\n\r\n", 4) == 0;
  if (!whole) return;
  peer->request_size = heard.size;
  conf_stream(peer->row, heard, &peer->stream);
  uv_idle_start(&peer->pacer, on_pace);
}

static void notice(struct conf_peer* peer) {
  if (!peer->playing) return;
  if (peer->request_size == 0) begin_row(peer);
  if (peer->marked)
    peer->done = conf_has_pong(conf_peer_frames(peer), GCN__SPAN(CONF_MARK));
}

/* The client may say goodbye, or drop the connection. */
static void hear_tls(struct conf_peer* peer, struct gcn__span bytes) {
  char plain[16384];
  int error = 0;
  size_t size = 1;
  while (error == 0 && (bytes.size > 0 || size > 0)) {
    size = 0;
    error = gcn__tls_read(peer->tls, &bytes, plain, sizeof plain, &size);
    gcn__buf_append(&peer->heard, plain, size);
  }
  assert_true(error == 0 || error == GCN__EOF);
  flush_tls(peer);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  static char buffer[65536];
  (void)handle;
  (void)size;
  *buf = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct conf_peer* peer = stream->data;
  if (size == 0) return;
  if (size < 0) {
    peer->ended = true;
    peer->done = true;
    end_connection(peer);
    return;
  }
  struct gcn__span bytes = gcn__span(buf->base, (size_t)size);
  if (peer->tls != NULL) {
    hear_tls(peer, bytes);
  } else {
    gcn__buf_append(&peer->heard, bytes.data, bytes.size);
  }
  notice(peer);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct conf_peer* peer = listener->data;
  assert_int_equal(status, 0);
  assert_false(peer->connected); /* one row, one connection */
  peer->connected = true;
  uv_tcp_init(listener->loop, &peer->tcp);
  peer->tcp.data = peer;
  peer->open_count++;
  assert_int_equal(uv_accept(listener, (uv_stream_t*)&peer->tcp), 0);
  uv_tcp_nodelay(&peer->tcp, 1);
  if (peer->config != NULL) {
    assert_int_equal(gcn__tls_new(peer->config, &gcn__mem_libc, NULL,
                                  &peer->out, &peer->tls),
                     0);
  }
  uv_read_start((uv_stream_t*)&peer->tcp, on_alloc, on_read);
}

void conf_peer_open(struct conf_peer* peer, uv_loop_t* loop,
                    const struct conf_row* row,
                    struct gcn__tls_config* config) {
  struct sockaddr_in name;
  int size = sizeof name;
  *peer = (struct conf_peer){
      .row = row, .config = config, .open_count = 2, .playing = true};
  gcn__rng_seed(&peer->rng, row->number);
  gcn__buf_init(&peer->out, &gcn__mem_libc, OUT_SIZE_MAX);
  gcn__buf_init(&peer->heard, &gcn__mem_libc, OUT_SIZE_MAX);
  gcn__buf_init(&peer->stream, &gcn__mem_libc, OUT_SIZE_MAX);
  uv_idle_init(loop, &peer->pacer);
  peer->pacer.data = peer;
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &peer->listener);
  peer->listener.data = peer;
  uv_stream_t* listener = (uv_stream_t*)&peer->listener;
  assert_int_equal(
      uv_tcp_bind(&peer->listener, (const struct sockaddr*)&name, 0), 0);
  assert_int_equal(uv_listen(listener, 8, on_connection), 0);
  uv_tcp_getsockname(&peer->listener, (struct sockaddr*)&name, &size);
  peer->port = ntohs(name.sin_port);
}

void conf_peer_close(struct conf_peer* peer) {
  uv_loop_t* loop = peer->listener.loop;
  end_connection(peer);
  uv_close((uv_handle_t*)&peer->pacer, on_gone);
  uv_close((uv_handle_t*)&peer->listener, on_gone);
  while (peer->open_count > 0)
    uv_run(loop, UV_RUN_ONCE);
  gcn__tls_free(peer->tls);
  gcn__buf_deinit(&peer->out);
  gcn__buf_deinit(&peer->heard);
  gcn__buf_deinit(&peer->stream);
}
