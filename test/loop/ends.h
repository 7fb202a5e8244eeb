/* SPDX-License-Identifier: MIT */
/*
 * Two raw ends with a fault proxy between them, which keep every byte they get:
 * to compare exactly what came through.
 */
#ifndef GCN_TEST_LOOP_ENDS_H
#define GCN_TEST_LOOP_ENDS_H

#include "fault.h"

enum { END_SIZE_MAX = 1 << 20, END_READS_MAX = 4096 };

struct end {
  uv_tcp_t tcp;
  bool open;
  bool reads;
  bool connected;
  bool ended;
  int error; /* UV_EOF or what else ended it */
  size_t size;
  size_t reads_count;
  size_t sizes[END_READS_MAX]; /* of single reads */
  uint64_t times[END_READS_MAX];
  char bytes[END_SIZE_MAX];
};

struct ends {
  uv_loop_t* loop;
  uv_tcp_t listener;
  uint16_t port;
  struct fault fault;
  struct end* client;
  struct end* server;
  unsigned handles;
  bool served; /* the server's end is there */
  bool deaf;   /* the server's end does not read */
};

/* A listener and the proxy; rules come next. */
void ends_open(struct ends* ends, uv_loop_t* loop);
/* Connects the client's end. */
void ends_dial(struct ends* ends);
void ends_close(struct ends* ends);
/* Waits for the server's end. */
void ends_meet(struct ends* ends);

/* Bytes by a formula, from position `from` on. */
void end_fill(char* out, size_t from, size_t size);
/* Writes so many bytes of the formula, which continue over calls. */
void end_send(struct end* end, size_t from, size_t size);
void end_send_text(struct end* end, const char* text);
void end_shut(struct end* end);
void end_reset(struct end* end);
void end_await(struct ends* ends, const struct end* end, size_t size);
void end_await_end(struct ends* ends, const struct end* end);
/* What it got is the first `size` bytes of the formula. */
void end_expect(const struct end* end, size_t size);

#endif
