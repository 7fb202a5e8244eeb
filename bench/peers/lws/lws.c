/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets with its defaults: its own poll loop, or libuv if compiled with
 * PEER_ON_LIBUV.  It hands out messages in pieces; they are put together only
 * where they are parsed.
 */
#include "common/tally.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#ifdef PEER_ON_LIBUV
#  define PEER_NAME "lws-uv"
#  define PEER_LOOP LWS_SERVER_OPTION_LIBUV
#else
#  define PEER_NAME "lws"
#  define PEER_LOOP 0
#endif

/* Of a connection; libwebsockets zeroes it. */
struct stream {
  size_t size; /* of the message so far */
  char* text;  /* TALLY_JSON only */
  size_t room;
};

static struct {
  const struct tally_plan* plan;
  struct lws_context* context;
  unsigned dialled;
  lws_sorted_usec_list_t settle;
} run;

static void dial(void) {
  if (run.dialled == run.plan->connections) return;
  run.dialled++;
  bool numeric = strcmp(run.plan->host, "127.0.0.1") == 0;
  struct lws_client_connect_info info = {
      .context = run.context,
      .address = run.plan->host,
      .port = atoi(run.plan->port),
      .path = run.plan->path,
      /* It compares the certificate with DNS names only. */
      .host = numeric ? "localhost" : run.plan->host,
      .origin = run.plan->host,
      .local_protocol_name = "peer",
      .ssl_connection = run.plan->tls ? LCCSCF_USE_SSL : 0,
  };
  if (lws_client_connect_via_info(&info) == NULL) {
    tally_die(1, "no connection");
  }
}

/* Here, and not after lws_service: on libuv that does not return. */
static void stop(void) {
  exit(tally_leave(PEER_NAME, PACKAGE_VERSION));
}

static void on_settled(lws_sorted_usec_list_t* settle) {
  (void)settle;
  stop();
}

static void ping(struct lws* wsi) {
  tally_sent();
  lws_callback_on_writable(wsi);
}

static int opened(struct lws* wsi) {
  bool last = tally_open();
  if (run.plan->mode == TALLY_PINGPONG) ping(wsi);
  if (last && run.plan->mode == TALLY_IDLE) {
    lws_sul_schedule(run.context, 0, &run.settle, on_settled,
                     TALLY_SETTLE_MS * LWS_US_PER_MS);
  }
  dial();
  return 0;
}

static int writable(struct lws* wsi) {
  static const char text[] = TALLY_PING;
  unsigned char frame[LWS_PRE + sizeof text];
  if (run.plan->mode != TALLY_PINGPONG) return 0;
  memcpy(frame + LWS_PRE, text, sizeof text - 1);
  int sent = lws_write(wsi, frame + LWS_PRE, sizeof text - 1, LWS_WRITE_TEXT);
  return sent < (int)sizeof text - 1 ? -1 : 0;
}

static void append(struct stream* stream, const void* data, size_t size) {
  size_t wanted = stream->size + size;
  if (wanted > stream->room) {
    stream->room = wanted > 2 * stream->room ? wanted : 2 * stream->room;
    stream->text = realloc(stream->text, stream->room);
    if (stream->text == NULL) tally_die(1, "no memory");
  }
  memcpy(stream->text + stream->size, data, size);
}

static int received(struct lws* wsi, struct stream* stream, const void* data,
                    size_t size) {
  if (run.plan->mode == TALLY_JSON) append(stream, data, size);
  stream->size += size;
  if (lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi)) {
    return 0;
  }
  tally_event(stream->text, stream->size);
  stream->size = 0;
  if (tally_done()) {
    stop();
  } else if (run.plan->mode == TALLY_PINGPONG) {
    ping(wsi);
  }
  return 0;
}

static int on_event(struct lws* wsi, enum lws_callback_reasons reason,
                    void* user, void* data, size_t size) {
  switch (reason) {
  case LWS_CALLBACK_CLIENT_ESTABLISHED: return opened(wsi);
  case LWS_CALLBACK_CLIENT_RECEIVE: return received(wsi, user, data, size);
  case LWS_CALLBACK_CLIENT_WRITEABLE: return writable(wsi);
  case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    tally_die(1, data != NULL ? data : "no connection");
    return -1;
  default: return 0;
  }
}

int main(int argc, char** argv) {
  static const struct lws_protocols protocols[] = {
      {.name = "peer",
       .callback = on_event,
       .per_session_data_size = sizeof(struct stream)},
      {.name = NULL},
  };
  run.plan = tally_begin(argc, argv);
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      .protocols = protocols,
      .gid = -1,
      .uid = -1,
      .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | PEER_LOOP,
      .client_ssl_ca_filepath = run.plan->tls ? run.plan->ca : NULL,
  };
  run.context = lws_create_context(&info);
  if (run.context == NULL) tally_die(TALLY_CANNOT_RUN, "no such event loop");
  tally_start();
  for (int i = 0; i < TALLY_WINDOW; i++)
    dial();
  while (lws_service(run.context, 0) >= 0) {
  }
  return 1;
}
