/* SPDX-License-Identifier: MIT */
/*
 * wslay's own allocation fails: its frame context, which is made when a frame
 * first needs it, is the one block of a stream that no allocator of ours gives.
 *
 * The linker catches the call (--wrap), so that it is refused as wslay refuses
 * it.  A frame is then read or written whole, or not at all; nothing leaks, and
 * the engine recovers.
 */
#include "engine-peer.h"

#include "base/err.h"
#include "check.h"
#include "codec/ws.h"
#include "mem-probe.h"

#include <wslay/wslay.h>

enum { EVENT_COUNT = 5, RECOVER_MS = 300000, CLOSE_MS = 5000 };

#define HELLO_IN_PARTS "\x01\x03hel\x80\x02lo"
#define EVENT_IN_PARTS                                                         \
  "\x01\x10{\"topicName\":\"v2"                                                \
  "\x80\x13.a\",\"eventBody\":{}}"
#define PING "\x89\x02hi"

/* The linker's wrapping has no context. */
static struct {
  size_t count;      /* contexts asked for so far */
  size_t refused_at; /* this one is refused (1 is the first), and so are all
                        behind it if `go_on`; 0: none */
  bool go_on;
} contexts;

int __real_wslay_frame_context_init(
    wslay_frame_context_ptr* context,
    const struct wslay_frame_callbacks* callbacks, void* user);
int __wrap_wslay_frame_context_init(
    wslay_frame_context_ptr* context,
    const struct wslay_frame_callbacks* callbacks, void* user);

int __wrap_wslay_frame_context_init(
    wslay_frame_context_ptr* context,
    const struct wslay_frame_callbacks* callbacks, void* user) {
  size_t nth = ++contexts.count;
  bool behind = contexts.go_on && nth > contexts.refused_at;
  if (contexts.refused_at != 0 && (nth == contexts.refused_at || behind)) {
    *context = NULL;
    return -1;
  }
  return __real_wslay_frame_context_init(context, callbacks, user);
}

static void refuse(size_t nth, bool go_on) {
  contexts.count = 0;
  contexts.refused_at = nth;
  contexts.go_on = go_on;
}

static int fill_zeros(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0, size);
  return 0;
}

static const struct gcn__entropy zeros = {fill_zeros, NULL};

struct fixture {
  struct mem_probe probe;
  struct gcn__mem mem;
  struct gcn__ws* ws;
  struct gcn__buf out;
};

static void begin(struct fixture* f) {
  *f = (struct fixture){.ws = NULL};
  f->mem = mem_probe_mem(&f->probe);
  f->ws = gcn__ws_new(&f->mem, GCN__WS_CLIENT, NULL, &zeros);
  assert_non_null(f->ws);
  gcn__buf_init(&f->out, &f->mem, 1000);
}

static void end(struct fixture* f) {
  refuse(0, false);
  gcn__ws_free(f->ws);
  gcn__buf_deinit(&f->out);
  assert_int_equal(f->probe.live_size, 0);
}

static void a_message_in_parts_needs_it(void** state) {
  (void)state;
  struct fixture f;
  struct gcn__ws_message message;
  struct gcn__span in = GCN__SPAN(HELLO_IN_PARTS);
  begin(&f);
  refuse(1, false);
  assert_int_equal(gcn__ws_read(f.ws, &in, &message), GCN__ENOMEM);
  assert_int_equal(contexts.count, 1);
  assert_int_equal(gcn__ws_error_code(f.ws), GCN__WS_CLOSE_INTERNAL);
  assert_string_equal(gcn__ws_error(f.ws), "out of memory");
  /* It stays so: bytes are missing from then on. */
  assert_int_equal(gcn__ws_read(f.ws, &in, &message), GCN__ENOMEM);
  end(&f);
}

static void it_is_asked_for_again_after_a_rest(void** state) {
  (void)state;
  struct fixture f;
  struct gcn__ws_message message;
  struct gcn__span in = GCN__SPAN(HELLO_IN_PARTS HELLO_IN_PARTS);
  begin(&f);
  refuse(2, false);
  assert_int_equal(gcn__ws_read(f.ws, &in, &message), GCN__WS_MESSAGE);
  assert_true(gcn__span_is(gcn__span(message.data, message.size), "hello"));
  gcn__ws_shrink(f.ws, 0);
  gcn__ws_shrink(f.ws, 0); /* it was not used since */
  assert_int_equal(gcn__ws_read(f.ws, &in, &message), GCN__ENOMEM);
  assert_int_equal(contexts.count, 2);
  end(&f);
}

/* Nothing of it is written, and the next one is whole. */
static void a_pong_is_written_whole_or_not_at_all(void** state) {
  (void)state;
  struct fixture f;
  begin(&f);
  refuse(1, false);
  struct gcn__span text = GCN__SPAN("hi");
  assert_int_equal(gcn__ws_write(f.ws, &f.out, GCN__WS_PONG, text),
                   GCN__ENOMEM);
  assert_int_equal(gcn__buf_size(&f.out), 0);
  assert_int_equal(gcn__ws_write(f.ws, &f.out, GCN__WS_PONG, text), 0);
  assert_int_equal(gcn__buf_size(&f.out), 8);
  assert_memory_equal(gcn__buf_span(&f.out).data, "\x8a\x82\0\0\0\0hi", 8);
  end(&f);
}

static void send_all_kinds(struct peer* peer) {
  peer_send_frames(peer, GCN__SPAN(EVENT_IN_PARTS));
  peer_send_frames(peer, GCN__SPAN(PING));
  peer_wait(peer, 33000); /* and a probe */
  peer_send_frames(peer, GCN__SPAN(PING EVENT_IN_PARTS));
}

/* Parts and pings, a rotation, a goodbye, and all of it once more. */
static void live(struct peer* peer) {
  const char* name = "v2.a";
  assert_int_equal(gcn__engine_topics_add(peer->engine, &name, 1), 0);
  peer_command(peer, GCN__COMMAND_START);
  peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS);
  send_all_kinds(peer);
  peer_command(peer, GCN__COMMAND_ROTATE);
  peer_wait(peer, 10000);
  peer_command(peer, GCN__COMMAND_STOP);
  assert_true(peer_reach(peer, GCN__STATE_IDLE, CLOSE_MS)); /* P5 */
  peer_command(peer, GCN__COMMAND_START);
  peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS);
  send_all_kinds(peer);
}

/* P15: memory is back. */
static void assert_recovers(struct peer* peer) {
  refuse(0, false);
  assert_true(peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS));
  uint64_t before = peer->event_count;
  peer_send_frames(peer, GCN__SPAN(EVENT_IN_PARTS));
  peer_send_events(peer, EVENT_COUNT);
  assert_int_equal(peer->event_count, before + 1 + EVENT_COUNT);
}

/* True if the n-th context was asked for.  With `go_on` the end comes without
 * memory for a goodbye. */
static bool live_through(size_t n, bool go_on) {
  struct mem_probe probe = {.live_size = 0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct peer peer;
  refuse(0, false);
  assert_int_equal(peer_init(&peer, &mem), 0);
  refuse(n, go_on);
  live(&peer);
  bool reached = contexts.count >= n;
  if (!go_on) assert_recovers(&peer);
  peer_command(&peer, GCN__COMMAND_CLOSE);
  assert_true(peer_reach(&peer, GCN__STATE_CLOSED, CLOSE_MS));
  assert_int_equal(gcn__engine_counters(peer.engine)->nevers, 0);
  peer_deinit(&peer);
  refuse(0, false);
  assert_int_equal(probe.live_size, 0);
  return reached;
}

static void one_refusal_anywhere_is_survived(void** state) {
  (void)state;
  size_t n = 1;
  while (live_through(n, false))
    n++;
  print_message("# %zu contexts\n", n - 1);
  assert_true(n > 6);
}

static void refusals_from_anywhere_on_are_survived(void** state) {
  (void)state;
  size_t n = 1;
  while (live_through(n, true))
    n++;
  assert_true(n > 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_in_parts_needs_it),
      cmocka_unit_test(it_is_asked_for_again_after_a_rest),
      cmocka_unit_test(a_pong_is_written_whole_or_not_at_all),
      cmocka_unit_test(one_refusal_anywhere_is_survived),
      cmocka_unit_test(refusals_from_anywhere_on_are_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
