/* SPDX-License-Identifier: MIT */
/*
 * Links on a real loop: connecting, reading, writing, and above all going away
 * at every moment.
 */
#include "owner.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* --- connecting ----------------------------------------------------------- */

static void test_literal_echo(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_ECHOES);
  gcn__link_read(owner->link, true);
  assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("hello")), 5);
  harness_until(loop, &owner->received);
  assert_int_equal(owner->received_size, 5);
  assert_int_equal(owner->first_byte, 'h');
  assert_int_equal(owner->linked_count, 1);
  owner_free(owner);
  peer_close(&peer);
}

static void test_name_of_this_machine(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  owner_open(owner, "localhost", peer.port);
  harness_until(loop, &owner->linked);
  owner_free(owner);
  peer_close(&peer);
}

static void test_refused(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  /* Nobody listens at this port of another loopback address. */
  owner_open(owner, "127.0.0.3", peer.port);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ECONNREFUSED);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  assert_string_equal(owner->text, "connect: connection refused");
  owner_free(owner);
  peer_close(&peer);
}

static void test_drop_in_black_hole(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  struct owner* owner = owner_new(loop);
  owner_open(owner, "127.0.0.2", peer.port);
  harness_settle(loop);
  assert_int_equal(owner->told_count, 0);
  assert_false(gcn__link_connected(owner->link));
  owner_drop(owner, true);
  harness_until(loop, &owner->gone);
  assert_int_equal(owner->told_count, 0);
  owner_free(owner);
  peer_close(&peer);
  black_hole_close(&hole);
}

static void test_drop_at_once(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  owner_open(owner, "127.0.0.1", peer.port);
  owner_drop(owner, false);
  harness_until(loop, &owner->gone);
  assert_int_equal(owner->told_count, 0);
  owner_free(owner);
  peer_close(&peer);
}

/* Memory that is counted, and ends after some blocks. */
struct meter {
  size_t size;
  size_t blocks_left;
};

static void* metered_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct meter* meter = ctx;
  if (ptr == NULL && meter->blocks_left-- == 0) return NULL;
  meter->size += new_size;
  meter->size -= ptr == NULL ? 0 : old_size;
  return gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
}

static void test_no_memory(void** state) {
  uv_loop_t* loop = *state;
  for (size_t blocks = 0; blocks < 2; blocks++) {
    struct meter meter = {.blocks_left = blocks};
    struct owner* owner = owner_new(loop);
    owner->mem = (struct gcn__mem){metered_resize, &meter};
    struct gcn__link_options options = owner_options(owner, "127.0.0.1", 1);
    assert_int_equal(gcn__link_open(&options, 0, &owner->link), GCN__ENOMEM);
    assert_null(owner->link);
    assert_int_equal(meter.size, 0);
    owner->gone = true; /* there never was one */
    owner_free(owner);
  }
}

/* --- once it is made ------------------------------------------------------ */

/* Beside the handle that is libuv's. */
enum { LINK_SIZE_MAX = 1024 };

static void test_what_made_it_is_given_back(void** state) {
  uv_loop_t* loop = *state;
  for (int abort = 0; abort < 2; abort++) {
    struct meter meter = {.blocks_left = SIZE_MAX};
    struct peer peer;
    peer_listen(&peer, loop, "127.0.0.1", 0, PEER_ECHOES);
    struct owner* owner = owner_new(loop);
    owner->mem = (struct gcn__mem){metered_resize, &meter};
    owner_open(owner, "127.0.0.1", peer.port);
    harness_until(loop, &owner->linked);
    size_t before = meter.size;
    gcn__link_settled(owner->link);
    assert_true(meter.size < before);
    assert_in_range(meter.size, 1, sizeof(uv_tcp_t) + LINK_SIZE_MAX);
    gcn__link_settled(owner->link);
    assert_int_equal(gcn__link_deadline(owner->link), GCN__NEVER);
    assert_int_equal(gcn__link_refused_options(owner->link), 0);
    gcn__link_read(owner->link, true);
    assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("hello")), 5);
    harness_until(loop, &owner->received);
    assert_int_equal(owner->received_size, 5);
    owner_drop(owner, abort == 1);
    /* Whoever walks a ring of links meets those that are on their way, too. */
    gcn__link_ref(gcn__link_of(owner->links.next), true);
    harness_until(loop, &owner->gone);
    assert_int_equal(meter.size, 0);
    owner_free(owner);
    peer_close(&peer);
  }
}

static void test_settled_link_hears_of_the_end(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  gcn__link_settled(owner->link);
  gcn__link_read(owner->link, true);
  peer_reset(&peer);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ECONNRESET);
  assert_string_equal(owner->text, "read: connection reset by peer");
  owner_free(owner);
  peer_close(&peer);
}

/* --- ends ----------------------------------------------------------------- */

static void test_peer_hangs_up(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  peer_send(&peer, "bye", 3);
  peer_hang_up(&peer);
  gcn__link_read(owner->link, true);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->received_size, 3);
  assert_int_equal(owner->error, GCN__EOF);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  owner_free(owner);
  peer_close(&peer);
}

static void test_peer_resets(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  gcn__link_read(owner->link, true);
  peer_reset(&peer);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ECONNRESET);
  assert_string_equal(owner->text, "read: connection reset by peer");
  owner_free(owner);
  peer_close(&peer);
}

static void test_our_reset_and_our_goodbye(void** state) {
  uv_loop_t* loop = *state;
  for (int abort = 0; abort < 2; abort++) {
    struct peer peer;
    struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
    owner_drop(owner, abort == 1);
    harness_until(loop, &peer.ended);
    assert_int_equal(peer.end_error, abort == 1 ? UV_ECONNRESET : UV_EOF);
    owner_free(owner);
    peer_close(&peer);
  }
}

/* SIGPIPE stays at its default disposition, which ends the process. */
static void test_write_to_the_dead(void** state) {
  uv_loop_t* loop = *state;
  struct sigaction action;
  struct peer peer;
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  peer_send(&peer, "last words", 10);
  harness_settle(loop);
  peer_reset(&peer);
  harness_settle(loop);
  /* The first meets the error, the next ones a socket that is shut. */
  for (int i = 0; i < 5; i++) {
    assert_int_equal(gcn__link_write(owner->link, GCN__SPAN("x")), 0);
  }
  assert_false(owner->ended);
  /* What came before is read first. */
  gcn__link_read(owner->link, true);
  owner_rearm(owner);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->received_size, 10);
  assert_int_equal(owner->error, UV_ECONNRESET);
  owner_free(owner);
  peer_close(&peer);
}

/* --- back-pressure -------------------------------------------------------- */

enum { FLOOD_SIZE = 16 * 1024 * 1024 };

static char* flood_new(uint64_t* sum) {
  char* flood = malloc(FLOOD_SIZE);
  assert_non_null(flood);
  *sum = 0;
  for (size_t i = 0; i < FLOOD_SIZE; i++) {
    flood[i] = (char)(i * 31 % 251);
    *sum += (unsigned char)flood[i];
  }
  return flood;
}

static void test_peer_that_does_not_read(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  uint64_t sum;
  char* flood = flood_new(&sum);
  struct owner* owner = owner_connect(loop, &peer, PEER_DEAF);
  unsigned before = harness_handles(loop);
  owner->backlog = gcn__span(flood, FLOOD_SIZE);
  owner_write(owner);
  assert_true(owner->backlog.size > 0);
  assert_int_equal(harness_handles(loop), before + 1); /* the poll */
  harness_settle(loop);
  size_t left = owner->backlog.size;
  assert_true(left > 0);
  assert_int_equal(gcn__link_write(owner->link, owner->backlog), 0);
  peer_hear(&peer);
  while (peer.received < FLOOD_SIZE)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(owner->backlog.size, 0);
  assert_true(owner->writable);
  assert_int_equal(peer.sum, sum);
  owner_free(owner);
  peer_close(&peer);
  free(flood);
}

static void on_signal(int number) {
  (void)number;
}

/* A signal every millisecond changes nothing. */
static void test_interruptions(void** state) {
  uv_loop_t* loop = *state;
  struct sigaction action = {.sa_handler = on_signal};
  struct sigaction before;
  struct itimerval tick = {{0, 1000}, {0, 1000}};
  const struct itimerval none = {{0, 0}, {0, 0}};
  struct peer peer;
  uint64_t sum;
  char* flood = flood_new(&sum);
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  sigaction(SIGALRM, &action, &before);
  setitimer(ITIMER_REAL, &tick, NULL);
  owner->backlog = gcn__span(flood, FLOOD_SIZE);
  owner_write(owner);
  while (peer.received < FLOOD_SIZE)
    uv_run(loop, UV_RUN_ONCE);
  setitimer(ITIMER_REAL, &none, NULL);
  signal(SIGALRM, SIG_IGN); /* one that is still under way is lost */
  sigaction(SIGALRM, &before, NULL);
  assert_int_equal(peer.sum, sum);
  assert_false(owner->ended);
  owner_free(owner);
  peer_close(&peer);
  free(flood);
}

static void test_no_descriptor_for_a_socket(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  struct no_descriptors none;
  harness_take_descriptors(&none);
  owner_open(owner, "127.0.0.1", peer.port);
  harness_until(loop, &owner->ended);
  harness_return_descriptors(&none);
  assert_int_equal(owner->error, UV_EMFILE);
  assert_int_equal(owner->layer, GCN__LAYER_TCP);
  owner_free(owner);
  peer_close(&peer);
}

/* Waiting for writability needs one descriptor. */
static void test_no_descriptor_for_a_poll(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  uint64_t sum;
  char* flood = flood_new(&sum);
  struct owner* owner = owner_connect(loop, &peer, PEER_DEAF);
  gcn__link_read(owner->link, true);
  struct no_descriptors none;
  harness_take_descriptors(&none);
  owner->backlog = gcn__span(flood, FLOOD_SIZE);
  owner_write(owner);
  harness_return_descriptors(&none);
  assert_false(owner->ended);
  uint64_t due_ms = gcn__link_deadline(owner->link);
  assert_true(due_ms != GCN__NEVER);
  gcn__link_woken(owner->link, due_ms);
  assert_true(owner->ended);
  assert_int_equal(owner->error, UV_EMFILE);
  owner_free(owner);
  peer_close(&peer);
  free(flood);
}

static void test_drop_with_a_full_socket(void** state) {
  uv_loop_t* loop = *state;
  for (int abort = 0; abort < 2; abort++) {
    struct peer peer;
    uint64_t sum;
    char* flood = flood_new(&sum);
    struct owner* owner = owner_connect(loop, &peer, PEER_DEAF);
    owner->backlog = gcn__span(flood, FLOOD_SIZE);
    owner_write(owner);
    unsigned told = owner->told_count;
    uint64_t written = FLOOD_SIZE - owner->backlog.size;
    owner_drop(owner, abort == 1);
    peer_hear(&peer);
    harness_until(loop, &owner->gone);
    harness_until(loop, &peer.ended);
    /* A goodbye still delivers what the kernel took; a reset throws it away. */
    if (abort == 1) {
      assert_true(peer.received < written);
    } else {
      assert_int_equal(peer.received, written);
    }
    assert_int_equal(owner->told_count, told);
    owner_free(owner);
    peer_close(&peer);
    free(flood);
  }
}

static void test_reading_rests(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  peer_send(&peer, "abc", 3);
  harness_settle(loop);
  assert_int_equal(owner->received_size, 0);
  gcn__link_read(owner->link, true);
  harness_until(loop, &owner->received);
  gcn__link_read(owner->link, false);
  owner->received = false;
  peer_send(&peer, "def", 3);
  harness_settle(loop);
  assert_false(owner->received);
  gcn__link_read(owner->link, true);
  harness_until(loop, &owner->received);
  assert_int_equal(owner->received_size, 6);
  owner_free(owner);
  peer_close(&peer);
}

/* --- references and time -------------------------------------------------- */

static void test_unreferenced_link_lets_the_loop_end(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct owner* owner = owner_connect(loop, &peer, PEER_LISTENS);
  uv_unref((uv_handle_t*)&peer.listener);
  uv_unref((uv_handle_t*)&peer.connections[0].tcp);
  gcn__link_read(owner->link, true);
  assert_int_not_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn__link_ref(owner->link, false);
  assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn__link_ref(owner->link, true);
  assert_int_not_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn__link_settled(owner->link);
  gcn__link_ref(owner->link, false);
  assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
  gcn__link_ref(owner->link, true);
  owner_free(owner);
  peer_close(&peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_literal_echo),
      LOOP_TEST(test_name_of_this_machine),
      LOOP_TEST(test_refused),
      LOOP_TEST(test_drop_in_black_hole),
      LOOP_TEST(test_drop_at_once),
      LOOP_TEST(test_no_memory),
      LOOP_TEST(test_what_made_it_is_given_back),
      LOOP_TEST(test_settled_link_hears_of_the_end),
      LOOP_TEST(test_peer_hangs_up),
      LOOP_TEST(test_peer_resets),
      LOOP_TEST(test_our_reset_and_our_goodbye),
      LOOP_TEST(test_write_to_the_dead),
      LOOP_TEST(test_peer_that_does_not_read),
      LOOP_TEST(test_interruptions),
      LOOP_TEST(test_no_descriptor_for_a_socket),
      LOOP_TEST(test_no_descriptor_for_a_poll),
      LOOP_TEST(test_drop_with_a_full_socket),
      LOOP_TEST(test_reading_rests),
      LOOP_TEST(test_unreferenced_link_lets_the_loop_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
