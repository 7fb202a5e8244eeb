/* SPDX-License-Identifier: MIT */
/*
 * The public functions in any order, on a real loop (FAULTS F13).
 *
 * The input is a list of calls, made from outside and from inside of callbacks,
 * with turns of the loop in between; connections are made by a callback that
 * fails, refuses, or never answers. Whatever the order: no callback comes from
 * inside of a call or behind the close callback, which comes once; errors are
 * the documented ones; and in the end the loop is empty and no memory is left.
 */
#include "gcnotify.h"

#include "base/span.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { CONNECTS_MAX = 64, TURNS_MAX = 100000, CALLS_INSIDE_MAX = 2 };

enum call {
  START,
  STOP,
  CLOSE,
  SUBSCRIBE,
  UNSUBSCRIBE,
  CREDENTIALS,
  GRANT,
  OFFER,
  TOKEN,
  ROTATE,
  ACK,
  HURRY,
  PAUSE,
  RESUME,
  POST,
  REF,
  UNREF,
  LOOK,
  ANSWER,
  TURN,
  HASTEN,
  CALL_COUNT,
};

struct play {
  gcn_client_t* client;
  uv_loop_t loop;
  struct gcn__span input;
  gcn_connect_t* connects[CONNECTS_MAX];
  size_t connect_count;
  size_t live_size;
  uint64_t ticket;
  unsigned inside; /* callbacks that run, one in the other: 0 or 1 */
  bool calling;    /* a public function runs */
  bool closed;
  unsigned posts;
  unsigned post_calls;
};

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-calls: %s\n", what);
  abort();
}

static uint8_t take(struct play* play) {
  if (play->input.size == 0) return 0;
  uint8_t byte = (uint8_t)play->input.data[0];
  play->input = gcn__span_skip(play->input, 1);
  return byte;
}

static void* counted(void* data, void* ptr, size_t old_size, size_t new_size) {
  struct play* play = data;
  play->live_size += new_size - old_size;
  if (new_size > 0) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

static void call(struct play* play);

static void enter(struct play* play) {
  check(!play->calling, "a callback from inside of a call");
  check(!play->closed, "a callback behind the last one");
  check(play->inside++ == 0, "a callback in a callback");
}

/* The user acts, too. */
static void leave(struct play* play) {
  for (int i = 0; i < CALLS_INSIDE_MAX && play->input.size > 0; i++)
    call(play);
  play->inside--;
}

static struct play* play_of(const gcn_client_t* client) {
  return gcn_client_data(client);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  (void)change;
  enter(play_of(client));
  leave(play_of(client));
}

static void on_ask(gcn_client_t* client, uint64_t ticket, int refused) {
  (void)refused;
  struct play* play = play_of(client);
  enter(play);
  play->ticket = ticket;
  leave(play);
}

static void on_post(gcn_client_t* client, int status, void* arg) {
  struct play* play = arg;
  check(status == 0 || status == UV_ECANCELED, "a post with a fault");
  check(!play->calling, "a post from inside of a call");
  check(gcn_client_data(client) == play, "somebody else's post");
  play->post_calls++;
}

static void on_close(gcn_client_t* client) {
  struct play* play = play_of(client);
  check(!play->closed, "closed twice");
  check(!play->calling, "closed from inside of a call");
  play->closed = true;
}

static int on_connect(void* data, const char* host, uint16_t port,
                      gcn_connect_t* request) {
  struct play* play = data;
  (void)port;
  check(host[0] != '\0', "a connection to nowhere");
  bool full = play->connect_count == CONNECTS_MAX;
  if (full || take(play) % 3 == 0) return UV_ECONNREFUSED;
  play->connects[play->connect_count++] = request;
  return 0;
}

/* With an error, or with a socket whose other end is gone. */
static void answer_connect(struct play* play, uint8_t how) {
  int fds[2] = {-1, -1};
  if (play->connect_count == 0) return;
  gcn_connect_t* request = play->connects[--play->connect_count];
  if (how % 2 == 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) {
    gcn_connect_done(request, UV_ETIMEDOUT, -1);
    return;
  }
  close(fds[1]);
  gcn_connect_done(request, 0, fds[0]);
}

static void look(const gcn_client_t* client) {
  char text[256];
  gcn_stats_t stats = {.size = sizeof stats};
  check(gcn_client_stats(client, &stats) == 0, "no statistics");
  gcn_client_stats_json(client, text, sizeof text);
  gcn_client_metrics(client, text, sizeof text);
  gcn_client_record(client, text, sizeof text);
  check(gcn_client_state(client) < GCN_STATE_COUNT, "no state");
}

static int change_topics(struct play* play, bool add) {
  static const char* const names[] = {"v2.a", "v2.b", "v2.b.c", "", "v2. x"};
  const char* some[2];
  uint8_t which = take(play);
  size_t count = which % 3;
  some[0] = names[which / 3 % 5];
  some[1] = names[which / 15 % 5];
  if (add) return gcn_client_subscribe(play->client, some, count);
  return gcn_client_unsubscribe(play->client, some, count);
}

static int give(struct play* play, enum call what) {
  gcn_client_t* client = play->client;
  uint64_t ticket = play->ticket - take(play) % 2;
  const char* secret = take(play) % 2 ? "s" : NULL;
  const gcn_credentials_t pairs[] = {
      {.client_id = "id", .client_secret = secret},
      {.client_id = "other", .client_secret = "s"},
  };
  if (what == GRANT) return gcn_client_set_grant(client, pairs);
  if (what == OFFER)
    return gcn_credentials_done(client, ticket, 0, pairs, take(play) % 3);
  if (what == TOKEN)
    return gcn_token_done(client, ticket, 0, take(play) % 2 ? "t" : "", 60);
  return gcn_client_set_credentials(client, "id", take(play) % 2 ? "s" : "");
}

static int perform(struct play* play, enum call what) {
  gcn_client_t* client = play->client;
  switch (what) {
  case START: return gcn_client_start(client);
  case STOP: return gcn_client_stop(client);
  case CLOSE: return gcn_client_close(client, on_close);
  case SUBSCRIBE: return change_topics(play, true);
  case UNSUBSCRIBE: return change_topics(play, false);
  case CREDENTIALS:
  case GRANT:
  case OFFER:
  case TOKEN: return give(play, what);
  case ROTATE: return gcn_client_rotate(client);
  case ACK: return gcn_client_ack(client, take(play));
  case HURRY: return gcn_client_reconnect_now(client);
  case PAUSE: return gcn_client_pause(client);
  case RESUME: return gcn_client_resume(client);
  case REF: gcn_client_ref(client); return 0;
  case UNREF: gcn_client_unref(client); return 0;
  case HASTEN: return gcn_client_set_close_ms(client, take(play));
  case LOOK: look(client); return 0;
  case POST:
  case ANSWER:
  case TURN:
  case CALL_COUNT: break;
  }
  return 0;
}

static void post(struct play* play) {
  if (gcn_client_post(play->client, on_post, play) == 0) play->posts++;
}

static bool is_documented(int error) {
  return error == 0 || error == UV_EINVAL || error == UV_EALREADY ||
         error == UV_ENOENT || error == GCN_ECLOSING || error == GCN_ELIMIT;
}

static void call(struct play* play) {
  enum call what = (enum call)(take(play) % CALL_COUNT);
  if (play->closed) return;
  if (what == TURN) {
    if (play->inside == 0) uv_run(&play->loop, UV_RUN_NOWAIT);
    return;
  }
  bool outer = play->calling;
  play->calling = true;
  if (what == POST) post(play);
  if (what == ANSWER) answer_connect(play, take(play));
  int error = perform(play, what);
  play->calling = outer;
  if (!is_documented(error))
    fprintf(stderr, "call %d: %s\n", what, gcn_err_name(error));
  check(is_documented(error), "another error than is documented");
}

static bool begin(struct play* play) {
  gcn_options_t options;
  uint8_t kind = take(play);
  gcn_options_init(&options);
  options.login_url = "http://127.0.0.1:1";
  options.api_url = "http://127.0.0.1:1";
  options.allow_plaintext = 1;
  options.proxy = "";
  options.client_id = "id";
  options.client_secret = "secret";
  options.state_cb = on_state;
  options.connect_cb = on_connect;
  options.data = play;
  options.alloc_cb = counted;
  options.alloc_data = play;
  options.retry_floor_ms = 1;
  options.retry_base_ms = 1;
  options.close_ms = 10;
  options.seed = 1;
  if (kind & 1) options.credentials_cb = on_ask;
  if (kind & 2) options.token_cb = on_ask;
  return gcn_client_new(&play->client, &play->loop, &options) == 0;
}

static void end(struct play* play) {
  if (!play->closed) {
    if (take(play) == 0) answer_connect(play, 0);
    int error = gcn_client_close(play->client, on_close);
    check(error == 0 || error == GCN_ECLOSING, "can't be closed");
  }
  /* Whoever made the loop may not wait. */
  if (!play->closed) gcn_client_ref(play->client);
  for (int turn = 0; !play->closed; turn++) {
    check(turn < TURNS_MAX, "never closes");
    uv_run(&play->loop, UV_RUN_ONCE);
  }
  check(play->post_calls == play->posts, "a post was lost");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct play* play = calloc(1, sizeof *play);
  check(play != NULL && uv_loop_init(&play->loop) == 0, "no loop");
  play->input = gcn__span(data, size);
  if (begin(play)) {
    while (play->input.size > 0)
      call(play);
    end(play);
  }
  uv_run(&play->loop, UV_RUN_DEFAULT);
  check(uv_loop_close(&play->loop) == 0, "something is left on the loop");
  check(play->live_size == 0, "memory is left");
  free(play);
  return 0;
}
