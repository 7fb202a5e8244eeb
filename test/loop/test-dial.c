/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses, and the race of addresses.
 */
#include "owner.h"

#include "loop/dial.h"

#include <stdio.h>
#include <string.h>

/* --- a resolver that does as it is told ----------------------------------- */

static struct {
  uv_getaddrinfo_t* request; /* the one that waits */
  uv_getaddrinfo_cb done;
  int start_error;
  struct addrinfo items[20];
  struct sockaddr_in names[20];
  bool freed;
} fake;

static int fake_get(uv_loop_t* loop, uv_getaddrinfo_t* request,
                    uv_getaddrinfo_cb done, const char* node,
                    const char* service, const struct addrinfo* hints) {
  (void)loop;
  (void)service;
  assert_string_equal(node, "name.test");
  assert_int_equal(hints->ai_socktype, SOCK_STREAM);
  if (fake.start_error != 0) return fake.start_error;
  fake.request = request;
  fake.done = done;
  /* Makes uv_cancel refuse, as it does for a look-up that runs. */
  request->type = UV_UNKNOWN_REQ;
  return 0;
}

static void fake_free(struct addrinfo* list) {
  assert_ptr_equal(list, &fake.items[0]);
  fake.freed = true;
}

static const struct gcn__resolver_api fake_resolver = {fake_get, fake_free};

static void fake_open(struct owner* owner, uint16_t port) {
  memset(&fake, 0, sizeof fake);
  struct gcn__link_options options = owner_options(owner, "name.test", port);
  options.resolver = &fake_resolver;
  owner_open_with(owner, &options);
}

/* Answers with these IPv4 addresses, up to a NULL. */
static void fake_answer(const char* const* addresses) {
  size_t count = 0;
  for (; addresses[count] != NULL; count++) {
    uv_ip4_addr(addresses[count], 0, &fake.names[count]);
    fake.items[count] = (struct addrinfo){
        .ai_family = AF_INET,
        .ai_addrlen = sizeof fake.names[count],
        .ai_addr = (struct sockaddr*)&fake.names[count],
    };
    if (count > 0) fake.items[count - 1].ai_next = &fake.items[count];
  }
  fake.done(fake.request, 0, count == 0 ? NULL : &fake.items[0]);
}

/* --- resolving ------------------------------------------------------------ */

static void test_unknown_name(void** state) {
  struct owner* owner = owner_new(*state);
  fake_open(owner, 1);
  fake.done(fake.request, UV_EAI_NONAME, NULL);
  assert_true(owner->ended);
  assert_int_equal(owner->error, UV_EAI_NONAME);
  assert_int_equal(owner->layer, GCN__LAYER_DNS);
  assert_string_equal(owner->text,
                      "host name look-up: unknown node or service");
  owner_free(owner);
}

static void test_empty_answer(void** state) {
  struct owner* owner = owner_new(*state);
  const char* const none[] = {NULL};
  fake_open(owner, 1);
  fake_answer(none);
  assert_int_equal(owner->error, UV_EAI_NODATA);
  assert_int_equal(owner->layer, GCN__LAYER_DNS);
  owner_free(owner);
}

static void test_look_up_does_not_start(void** state) {
  uv_loop_t* loop = *state;
  struct owner* owner = owner_new(loop);
  memset(&fake, 0, sizeof fake);
  fake.start_error = UV_ENOMEM;
  struct gcn__link_options options = owner_options(owner, "name.test", 1);
  options.resolver = &fake_resolver;
  owner_open_with(owner, &options);
  assert_false(owner->ended);
  harness_until(loop, &owner->ended);
  assert_int_equal(owner->error, UV_ENOMEM);
  owner_free(owner);
}

/* An orphaned look-up keeps its memory until libuv returns it, and is mute. */
static void test_drop_while_resolving(void** state) {
  uv_loop_t* loop = *state;
  struct owner* owner = owner_new(loop);
  const char* const answer[] = {"127.0.0.1", NULL};
  fake_open(owner, 1);
  owner_drop(owner, false);
  harness_settle(loop);
  assert_false(owner->gone);
  fake_answer(answer);
  assert_true(fake.freed);
  assert_true(owner->gone);
  assert_int_equal(owner->told_count, 0);
  owner_free(owner);
}

struct blocker {
  uv_work_t work[8];
  uv_sem_t sem;
};

static void block(uv_work_t* work) {
  struct blocker* blocker = work->data;
  uv_sem_wait(&blocker->sem);
}

static void unblocked(uv_work_t* work, int status) {
  (void)work;
  (void)status;
}

/* The host keeps all of libuv's threads busy: a drop still ends at once, since
 * a look-up that waits for a thread can be cancelled. */
static void test_saturated_pool(void** state) {
  uv_loop_t* loop = *state;
  struct blocker blocker;
  uv_sem_init(&blocker.sem, 0);
  for (int i = 0; i < 8; i++) {
    blocker.work[i].data = &blocker;
    uv_queue_work(loop, &blocker.work[i], block, unblocked);
  }
  struct owner* owner = owner_new(loop);
  owner_open(owner, "localhost", 1);
  harness_settle(loop);
  assert_int_equal(owner->told_count, 0);
  owner_drop(owner, false);
  harness_until(loop, &owner->gone);
  assert_int_equal(owner->told_count, 0);
  for (int i = 0; i < 8; i++)
    uv_sem_post(&blocker.sem);
  owner_free(owner);
  harness_drain(loop);
  uv_sem_destroy(&blocker.sem);
}

/* --- the race ------------------------------------------------------------- */

static void test_refused_address_yields_at_once(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  const char* const answer[] = {"127.0.0.3", "127.0.0.1", NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  fake_open(owner, peer.port);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  fake_answer(answer);
  harness_until(loop, &owner->linked);
  assert_true(gcn__loop_now_ms(loop) - begun_ms < GCN__DIAL_STEP_MS);
  owner_free(owner);
  peer_close(&peer);
}

static void test_slow_address_is_overtaken(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  const char* const answer[] = {"127.0.0.2", "127.0.0.1", NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  struct owner* owner = owner_new(loop);
  fake_open(owner, peer.port);
  unsigned before = harness_handles(loop);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  fake_answer(answer);
  assert_int_equal(harness_handles(loop), before + 1);
  harness_until(loop, &owner->linked);
  assert_true(gcn__loop_now_ms(loop) - begun_ms >= GCN__DIAL_STEP_MS);
  assert_int_equal(owner->linked_count, 1);
  harness_settle(loop);
  harness_until(loop, &peer.connected);
  /* The loser is gone: one handle of ours and one of the peer's. */
  assert_int_equal(harness_handles(loop), before + 2);
  owner_free(owner);
  peer_close(&peer);
  black_hole_close(&hole);
}

static void test_all_addresses_fail(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  char texts[GCN__ADDRESS_COUNT_MAX][16];
  const char* answer[GCN__ADDRESS_COUNT_MAX + 2] = {NULL};
  for (int i = 0; i < GCN__ADDRESS_COUNT_MAX; i++) {
    snprintf(texts[i], sizeof texts[i], "127.0.0.%d", 3 + i);
    answer[i] = texts[i];
  }
  answer[GCN__ADDRESS_COUNT_MAX] = "127.0.0.1";
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  struct owner* owner = owner_new(loop);
  fake_open(owner, peer.port);
  fake_answer(answer);
  harness_until(loop, &owner->ended);
  /* The seventeenth would have answered: sixteen are the most. */
  assert_int_equal(owner->error, UV_ECONNREFUSED);
  assert_int_equal(owner->linked_count, 0);
  owner_free(owner);
  peer_close(&peer);
}

static void test_drop_in_mid_race(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  const char* const answer[] = {"127.0.0.2", "127.0.0.2", "127.0.0.3", NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  struct owner* owner = owner_new(loop);
  fake_open(owner, peer.port);
  fake_answer(answer);
  harness_settle(loop);
  owner_drop(owner, true);
  harness_until(loop, &owner->gone);
  assert_int_equal(owner->told_count, 0);
  owner_free(owner);
  peer_close(&peer);
  black_hole_close(&hole);
}

static void test_telling_errors(void** state) {
  (void)state;
  assert_true(gcn__dial_error_tells_more(UV_ENETUNREACH, 0));
  assert_false(gcn__dial_error_tells_more(UV_ENETUNREACH, UV_ECONNREFUSED));
  assert_true(gcn__dial_error_tells_more(UV_ECONNREFUSED, UV_ENETUNREACH));
  assert_true(gcn__dial_error_tells_more(UV_ETIMEDOUT, UV_ECONNREFUSED));
}

static void add_v4(struct addrinfo* info, struct sockaddr_in* name,
                   const char* text) {
  uv_ip4_addr(text, 0, name);
  *info = (struct addrinfo){.ai_family = AF_INET,
                            .ai_addrlen = sizeof *name,
                            .ai_addr = (struct sockaddr*)name};
}

static void add_v6(struct addrinfo* info, struct sockaddr_in6* name,
                   const char* text) {
  uv_ip6_addr(text, 0, name);
  *info = (struct addrinfo){.ai_family = AF_INET6,
                            .ai_addrlen = sizeof *name,
                            .ai_addr = (struct sockaddr*)name};
}

static void test_families_alternate(void** state) {
  (void)state;
  struct addrinfo list[7];
  struct sockaddr_in v4[2];
  struct sockaddr_in6 v6[4];
  struct gcn__addresses found;
  list[0] = (struct addrinfo){.ai_family = AF_UNIX};
  add_v6(&list[1], &v6[0], "2001:db8::1");
  add_v6(&list[2], &v6[1], "2001:db8::2");
  add_v6(&list[3], &v6[2], "2001:db8::1");
  add_v6(&list[4], &v6[3], "2001:db8::3");
  add_v4(&list[5], &v4[0], "192.0.2.1");
  add_v4(&list[6], &v4[1], "192.0.2.2");
  for (int i = 0; i < 6; i++)
    list[i].ai_next = &list[i + 1];
  gcn__resolver_sort(list, 443, &found);
  assert_int_equal(found.count, 5);
  const int families[] = {AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET6};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(found.items[i].any.sa_family, families[i]);
  }
  assert_int_equal(found.items[0].v6.sin6_port, htons(443));
  assert_int_equal(found.items[4].v6.sin6_addr.s6_addr[15], 3);
  assert_int_equal(found.items[1].v4.sin_port, htons(443));
  gcn__resolver_sort(&list[5], 1, &found);
  assert_int_equal(found.count, 2);
  assert_int_equal(found.items[0].any.sa_family, AF_INET);
  gcn__resolver_sort(NULL, 1, &found);
  assert_int_equal(found.count, 0);
}

static void test_literals(void** state) {
  (void)state;
  struct gcn__addresses found;
  assert_true(gcn__resolver_literal("127.0.0.1", 80, &found));
  assert_int_equal(found.items[0].v4.sin_port, htons(80));
  assert_true(gcn__resolver_literal("::1", 443, &found));
  assert_int_equal(found.items[0].any.sa_family, AF_INET6);
  assert_int_equal(found.count, 1);
  assert_false(gcn__resolver_literal("localhost", 80, &found));
  assert_int_equal(found.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_unknown_name),
      LOOP_TEST(test_empty_answer),
      LOOP_TEST(test_look_up_does_not_start),
      LOOP_TEST(test_drop_while_resolving),
      LOOP_TEST(test_saturated_pool),
      LOOP_TEST(test_refused_address_yields_at_once),
      LOOP_TEST(test_slow_address_is_overtaken),
      LOOP_TEST(test_all_addresses_fail),
      LOOP_TEST(test_drop_in_mid_race),
      cmocka_unit_test(test_telling_errors),
      cmocka_unit_test(test_families_alternate),
      cmocka_unit_test(test_literals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
