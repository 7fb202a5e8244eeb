/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP/1.1 server for one page and its stream of events.
 *
 * It knows nothing of the service.  Whoever is slow waits for itself only: what
 * waits for one browser is bounded, and a browser beyond the bound is dropped.
 * There is no login: it is for loopback, or behind a proxy that has one.
 */
#ifndef EXAMPLE_SSE_SERVER_H
#define EXAMPLE_SSE_SERVER_H

#include "example-sse-feed.h"

#include <uv.h>

enum { SERVER_PAGE_COUNT = 3, SERVER_NAME_SIZE_MAX = 64 };

struct server_options {
  struct sockaddr_storage address;
  const char* host; /* one more name to be asked for by; may be NULL */
  const char* page_folder;
  size_t connection_count_max;
  size_t queue_size_max; /* bytes that wait for one browser */
  uint64_t request_ms;   /* time for each request */
  uint64_t heartbeat_ms; /* between comments on a stream */
  uint64_t retry_ms;     /* after which a browser comes back */
};

struct connection;

struct server {
  struct server_options options;
  struct feed* feed;
  uv_tcp_t listener;
  uv_timer_t heartbeat;
  uv_timer_t sweep;
  struct connection* connections;
  size_t connection_count;
  size_t stream_count;
  struct message* comment;
  struct message* pages[SERVER_PAGE_COUNT];
  char name[SERVER_NAME_SIZE_MAX]; /* ADDRESS:PORT, as in a URL */
  size_t name_host_size;           /* the part before the colon */
};

/* Returns 0 or an error of libuv's; then server_close is still to be called,
 * and the loop to be run, if `loop` was reached: it is not if pages lack. */
int server_load(struct server* server, const struct server_options* options,
                struct feed* feed);
int server_listen(struct server* server, uv_loop_t* loop);
/* To every stream.  NULL: memory was short, and all have to come back. */
void server_send(struct server* server, struct message* message);
/* Ends all streams and connections; the handles are gone a turn later. */
void server_close(struct server* server);
void server_unload(struct server* server);

#endif
