/* SPDX-License-Identifier: MIT */
/*
 * What callers may answer themselves: names, and connections.  They answer at
 * once, later, too late, wrongly or never.
 */
#include "world.h"

#include "loop/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- a resolver ----------------------------------------------------------- */

static struct {
  struct gcn__resolver* request;
  int count;
  int error;          /* returned */
  bool answers;       /* from inside */
  bool answers_twice; /* from inside */
} resolver;

static void answer_v4(struct gcn__resolver* request, const char* text) {
  struct sockaddr_in name;
  uv_ip4_addr(text, 4711, &name);
  const struct sockaddr* const names[] = {(const struct sockaddr*)&name};
  gcn__resolver_answer(request, 0, names, 1);
}

static int on_ask(void* ctx, const char* host, struct gcn__resolver* request) {
  assert_ptr_equal(ctx, &resolver);
  assert_string_equal(host, "a.test");
  resolver.request = request;
  resolver.count++;
  if (resolver.answers) answer_v4(request, "192.0.2.1");
  if (resolver.answers_twice) answer_v4(request, "192.0.2.2");
  return resolver.error;
}

static void begin_with_hook(struct world* world, uv_loop_t* loop) {
  *world = (struct world){.loop = loop};
  memset(&resolver, 0, sizeof resolver);
  struct gcn__hosts_options options = world_options(world);
  options.api = NULL;
  options.hook = (struct gcn__resolver_hook){on_ask, &resolver};
  world_begin_with(world, loop, &options);
}

static void test_name_answered_later(void** state) {
  struct world world;
  struct asker askers[2];
  begin_with_hook(&world, *state);
  ask(&world, &askers[0], "a.test", 0);
  ask(&world, &askers[1], "a.test", 0);
  assert_int_equal(resolver.count, 1);
  answer_v4(resolver.request, "192.0.2.7");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(askers[i].ready_count, 1);
    assert_found(&askers[i], "7");
    leave(&askers[i]);
  }
  assert_order(&world, "7");
  assert_int_equal(resolver.count, 1);
  world_end(&world);
}

/* Nobody is called from inside of the asking; the answer is simply there. */
static void test_name_answered_at_once(void** state) {
  struct world world;
  struct asker asker;
  begin_with_hook(&world, *state);
  resolver.answers = true;
  resolver.answers_twice = true;
  resolver.error = UV_EIO; /* contradicts the answer, which counts */
  ask(&world, &asker, "a.test", 0);
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_name_refused(void** state) {
  struct world world;
  struct asker asker;
  begin_with_hook(&world, *state);
  resolver.error = UV_EIO;
  ask(&world, &asker, "a.test", 0);
  assert_true(asker.waiter.done);
  assert_int_equal(asker.waiter.error, UV_EIO);
  leave(&asker);
  resolver.error = 5; /* not an error code */
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(asker.waiter.error, UV_EINVAL);
  leave(&asker);
  world_end(&world);
}

static void test_name_answered_with_an_error(void** state) {
  const int answers[] = {UV_EAI_NONAME, 5, 0};
  const int errors[] = {UV_EAI_NONAME, UV_EINVAL, UV_EAI_NODATA};
  for (int i = 0; i < 3; i++) {
    struct world world;
    struct asker asker;
    begin_with_hook(&world, *state);
    ask(&world, &asker, "a.test", 0);
    gcn__resolver_answer(resolver.request, answers[i], NULL, 0);
    assert_int_equal(asker.ready_count, 1);
    assert_int_equal(asker.waiter.error, errors[i]);
    leave(&asker);
    world_end(&world);
  }
}

/* What is no IP address is left out; families alternate; ports are ours. */
static void test_name_answered_with_all_sorts(void** state) {
  struct world world;
  struct asker asker;
  struct sockaddr_in6 v6[2];
  struct sockaddr_in v4[2];
  const struct sockaddr_un local = {.sun_family = AF_UNIX};
  uv_ip6_addr("2001:db8::1", 1, &v6[0]);
  uv_ip6_addr("2001:db8::2", 1, &v6[1]);
  uv_ip4_addr("192.0.2.1", 1, &v4[0]);
  uv_ip4_addr("192.0.2.1", 2, &v4[1]);
  const struct sockaddr* const names[] = {
      (const struct sockaddr*)&local, (const struct sockaddr*)&v6[0],
      (const struct sockaddr*)&v6[1], NULL,
      (const struct sockaddr*)&v4[0], (const struct sockaddr*)&v4[1],
  };
  begin_with_hook(&world, *state);
  ask(&world, &asker, "a.test", 0);
  gcn__resolver_answer(resolver.request, 0, names, 6);
  const struct gcn__addresses* found = &asker.waiter.found;
  assert_int_equal(asker.waiter.error, 0);
  assert_int_equal(found->count, 3);
  assert_int_equal(found->items[0].any.sa_family, AF_INET6);
  assert_int_equal(found->items[1].any.sa_family, AF_INET);
  assert_int_equal(found->items[2].v6.sin6_addr.s6_addr[15], 2);
  assert_int_equal(found->items[2].v6.sin6_port, 0);
  leave(&asker);
  world_end(&world);
}

static void test_name_answered_too_late_or_never(void** state) {
  struct world world;
  struct asker asker;
  begin_with_hook(&world, *state);
  ask(&world, &asker, "a.test", 0);
  struct gcn__resolver* old = resolver.request;
  gcn__hosts_give_up(&asker.waiter, world.now_ms + 5000);
  leave(&asker);
  ask(&world, &asker, "a.test", GCN__HOSTS_OLD_MS);
  assert_ptr_not_equal(resolver.request, old);
  answer_v4(old, "192.0.2.9");
  assert_false(asker.waiter.done);
  leave(&asker);
  world_end(&world); /* frees what was never answered */
}

static void test_lost_names_cost_bounded_memory(void** state) {
  struct world world;
  struct asker asker;
  begin_with_hook(&world, *state);
  for (uint64_t i = 0; i <= GCN__HOSTS_LOOKUPS_MAX; i++) {
    ask(&world, &asker, "a.test", i * GCN__HOSTS_OLD_MS);
    bool full = i == GCN__HOSTS_LOOKUPS_MAX;
    assert_int_equal(asker.waiter.done, full);
    if (full) assert_int_equal(asker.waiter.error, UV_EAI_AGAIN);
    leave(&asker);
  }
  assert_int_equal(resolver.count, GCN__HOSTS_LOOKUPS_MAX);
  /* One answer makes room for one. */
  answer_v4(resolver.request, "192.0.2.9");
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(resolver.count, GCN__HOSTS_LOOKUPS_MAX + 1);
  leave(&asker);
  world_end(&world);
}

/* --- a connector ---------------------------------------------------------- */

static struct {
  struct gcn__connect* request;
  int count;
  int error;     /* returned */
  int answer_fd; /* given from inside, if >= 0 */
} dialler;

static int on_connect(void* ctx, const char* host, uint16_t port,
                      struct gcn__connect* request) {
  assert_ptr_equal(ctx, &dialler);
  assert_string_equal(host, "a.test");
  assert_int_equal(port, 443);
  dialler.request = request;
  dialler.count++;
  if (dialler.answer_fd >= 0) gcn__connect_done(request, 0, dialler.answer_fd);
  return dialler.error;
}

struct buyer {
  struct gcn__connector_waiter waiter;
  unsigned ready_count;
};

static void on_ready(void* ctx) {
  struct buyer* buyer = ctx;
  assert_true(buyer->waiter.done);
  buyer->ready_count++;
}

static struct gcn__connector* connector_begin(struct mem_probe* probe) {
  const struct gcn__mem mem = mem_probe_mem(probe);
  const struct gcn__connector_hook hook = {on_connect, &dialler};
  memset(&dialler, 0, sizeof dialler);
  dialler.answer_fd = -1;
  return gcn__connector_new(&mem, &hook);
}

static void connector_end(struct gcn__connector* connector,
                          const struct mem_probe* probe) {
  gcn__connector_free(connector);
  assert_int_equal(probe->live_size, 0);
}

static void buy(struct gcn__connector* connector, struct buyer* buyer) {
  memset(buyer, 0, sizeof *buyer);
  buyer->waiter.ready = on_ready;
  buyer->waiter.ctx = buyer;
  buyer->waiter.fd = -1;
  gcn__connector_ask(connector, &buyer->waiter, "a.test", 443);
  assert_int_equal(buyer->ready_count, 0);
}

static int open_something(void) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  return fd;
}

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

static void test_connection_answered_later(void** state) {
  struct mem_probe probe = {0};
  struct buyer buyer;
  (void)state;
  struct gcn__connector* connector = connector_begin(&probe);
  buy(connector, &buyer);
  assert_false(buyer.waiter.done);
  int fd = open_something();
  gcn__connect_done(dialler.request, 0, fd);
  assert_int_equal(buyer.ready_count, 1);
  assert_int_equal(buyer.waiter.error, 0);
  assert_int_equal(buyer.waiter.fd, fd);
  assert_true(is_open(fd));
  gcn__connector_leave(&buyer.waiter); /* nobody has taken it */
  assert_false(is_open(fd));
  gcn__connector_leave(&buyer.waiter);
  connector_end(connector, &probe);
}

static void test_connection_answered_at_once(void** state) {
  struct mem_probe probe = {0};
  struct buyer buyer;
  (void)state;
  struct gcn__connector* connector = connector_begin(&probe);
  dialler.answer_fd = open_something();
  dialler.error = UV_EIO; /* contradicts the answer, which counts */
  buy(connector, &buyer);
  assert_true(buyer.waiter.done);
  assert_int_equal(buyer.waiter.error, 0);
  assert_int_equal(buyer.ready_count, 0);
  /* Taken: it is the taker's to close. */
  int fd = buyer.waiter.fd;
  buyer.waiter.fd = -1;
  gcn__connector_leave(&buyer.waiter);
  assert_true(is_open(fd));
  close(fd);
  connector_end(connector, &probe);
}

static void test_connection_refused(void** state) {
  const int answers[] = {UV_ECONNREFUSED, 5, 0};
  const int errors[] = {UV_ECONNREFUSED, UV_EINVAL, UV_EBADF};
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct mem_probe probe = {0};
    struct buyer buyer;
    struct gcn__connector* connector = connector_begin(&probe);
    buy(connector, &buyer);
    gcn__connect_done(dialler.request, answers[i], -1);
    assert_int_equal(buyer.waiter.error, errors[i]);
    assert_int_equal(buyer.waiter.fd, -1);
    gcn__connector_leave(&buyer.waiter);
    dialler.error = UV_ENOTSUP; /* returned, not answered */
    buy(connector, &buyer);
    assert_true(buyer.waiter.done);
    assert_int_equal(buyer.waiter.error, UV_ENOTSUP);
    gcn__connector_leave(&buyer.waiter);
    connector_end(connector, &probe);
  }
}

static void test_connection_answered_too_late_or_never(void** state) {
  struct mem_probe probe = {0};
  struct buyer buyer;
  (void)state;
  struct gcn__connector* connector = connector_begin(&probe);
  buy(connector, &buyer);
  struct gcn__connect* old = dialler.request;
  gcn__connector_leave(&buyer.waiter);
  buy(connector, &buyer);
  int fd = open_something();
  gcn__connect_done(old, 0, fd);
  assert_false(is_open(fd));
  assert_false(buyer.waiter.done);
  gcn__connector_leave(&buyer.waiter);
  connector_end(connector, &probe);
}

static void test_lost_connections_cost_bounded_memory(void** state) {
  struct mem_probe probe = {0};
  struct buyer buyer;
  (void)state;
  struct gcn__connector* connector = connector_begin(&probe);
  for (int i = 0; i < GCN__CONNECTOR_REQUESTS_MAX; i++) {
    buy(connector, &buyer);
    assert_false(buyer.waiter.done);
    gcn__connector_leave(&buyer.waiter);
  }
  buy(connector, &buyer);
  assert_int_equal(buyer.waiter.error, UV_EAGAIN);
  assert_int_equal(dialler.count, GCN__CONNECTOR_REQUESTS_MAX);
  gcn__connector_leave(&buyer.waiter);
  connector_end(connector, &probe);
}

static void test_every_allocation_may_fail(void** state) {
  (void)state;
  for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
    struct mem_probe probe = {.fail_at = fail_at};
    struct buyer buyer;
    struct gcn__connector* connector = connector_begin(&probe);
    assert_int_equal(connector == NULL, fail_at == 1);
    if (connector != NULL) {
      buy(connector, &buyer);
      assert_int_equal(buyer.waiter.done, fail_at == 2);
      if (fail_at == 2) assert_int_equal(buyer.waiter.error, UV_ENOMEM);
      gcn__connector_leave(&buyer.waiter);
    }
    connector_end(connector, &probe);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_name_answered_later),
      LOOP_TEST(test_name_answered_at_once),
      LOOP_TEST(test_name_refused),
      LOOP_TEST(test_name_answered_with_an_error),
      LOOP_TEST(test_name_answered_with_all_sorts),
      LOOP_TEST(test_name_answered_too_late_or_never),
      LOOP_TEST(test_lost_names_cost_bounded_memory),
      cmocka_unit_test(test_connection_answered_later),
      cmocka_unit_test(test_connection_answered_at_once),
      cmocka_unit_test(test_connection_refused),
      cmocka_unit_test(test_connection_answered_too_late_or_never),
      cmocka_unit_test(test_lost_connections_cost_bounded_memory),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
