/* SPDX-License-Identifier: MIT */
/*
 * A user of one client: counts what it is told, checks what it was promised,
 * and acts from inside callbacks if asked to.
 */
#ifndef GCN_TEST_LOOP_USER_H
#define GCN_TEST_LOOP_USER_H

#include "harness.h"

#include "gcnotify.h"

/* Which callback is running. */
enum user_moment {
  USER_STATE,
  USER_EVENT,
  USER_TOPIC,
  USER_GAP,
  USER_HEARTBEAT,
  USER_NOTICE,
  USER_POST,
  USER_ROTATION,
  USER_ASK, /* for credentials or a token */
  USER_REFRESH,
  USER_MOMENTS
};

struct user {
  gcn_client_t* client;
  uv_loop_t* loop;
  unsigned counts[USER_MOMENTS];
  unsigned told; /* all of them */
  bool calling;  /* a callback is running: nesting is an error */
  bool closing;  /* gcn_client_close returned 0 */
  bool closed;
  unsigned late; /* callbacks after close, posts not counted */

  gcn_state_t state;
  unsigned seen; /* states told so far, one bit each */
  bool streaming;
  /* Told BACKING_OFF, and neither STREAMING nor IDLE since: a machine that has
   * other work to do can be through with a wait in the pass of the loop that
   * told of it. */
  bool backing_off;
  bool idle; /* told IDLE */
  bool posted;
  /* Several connections: told one by one; the members above and below are about
   * what was told last. */
  gcn_state_t states[GCN_CONNECTION_COUNT_MAX];
  bool several;         /* a second one was told of, or will be */
  unsigned connections; /* how many of them stream by what was told */
  int failure;          /* of the last transition that had one */
  gcn_layer_t failure_layer;
  gcn_op_t failure_op;
  int64_t retry_after;
  uint64_t retry_in; /* when it was told BACKING_OFF last */
  char failure_text[GCN_FAILURE_TEXT_SIZE];
  char last_id[64]; /* CorrelationId of the last event */
  uint32_t last_generation;
  bool any_event;
  uint64_t last_sequence;
  bool any_topic;
  gcn_verdict_t last_verdict;
  bool any_gap;
  gcn_gap_t last_gap;
  size_t gap_topics; /* of the last gap */
  int post_status;
  bool rotated;
  unsigned unproven;
  gcn_rotation_t last_rotation;
  bool asked;
  uint64_t ticket;
  int refused;
  bool refreshed;
  char refresh_token[128];

  /* Called at the end of every callback but the close callback. */
  void (*act)(struct user* user, enum user_moment moment);
  unsigned act_seed; /* for act */
  unsigned log_lines;
  const char* log_wanted; /* NULL, or text that a line may hold */
  bool log_seen;
  char log_line[512];
};

/* Plaintext options for a service at `url`, with short waits. */
gcn_options_t user_options(struct user* user, const char* url);
/* For options.credentials_cb and options.token_cb: only notes the ticket. */
void user_on_ask(gcn_client_t* client, uint64_t ticket, int refused);
/* Makes the client; it must work. */
void user_new(struct user* user, uv_loop_t* loop, const gcn_options_t* options);
/* A client of whoever listens at this port of 127.0.0.1. */
void user_new_at(struct user* user, uv_loop_t* loop, uint16_t port);
int user_close(struct user* user);
/* Closes if that was not done, and waits for the close callback. */
void user_finish(struct user* user);
void user_post(struct user* user);

#endif
