/* SPDX-License-Identifier: MIT */
/*
 * A look-up of the fake system ends when a test says so, from inside of that
 * call.
 */
#include "world.h"

#include "loop/system.h"

#include <stdio.h>
#include <string.h>

struct fake fake;

static int fake_get(uv_loop_t* loop, uv_getaddrinfo_t* request,
                    uv_getaddrinfo_cb done, const char* node,
                    const char* service, const struct addrinfo* hints) {
  (void)loop;
  (void)service;
  (void)hints;
  if (fake.start_error != 0) return fake.start_error;
  int at = fake.count++ % WORLD_LOOKUPS_MAX;
  fake.lookups[at].request = request;
  fake.lookups[at].done = done;
  snprintf(fake.lookups[at].name, sizeof fake.lookups[at].name, "%s", node);
  /* Makes uv_cancel refuse, as it does for a look-up that runs. */
  request->type = UV_UNKNOWN_REQ;
  return 0;
}

static void fake_free(struct addrinfo* list) {
  assert_ptr_equal(list, &fake.items[0]);
}

const struct gcn__resolver_api fake_api = {fake_get, fake_free};

void fake_fail(int at, int error) {
  fake.lookups[at % WORLD_LOOKUPS_MAX].done(
      fake.lookups[at % WORLD_LOOKUPS_MAX].request, error, NULL);
}

void fake_answer(int at, const char* digits) {
  size_t count = strlen(digits);
  assert_true(count > 0 && count <= WORLD_NAMES_MAX);
  for (size_t i = 0; i < count; i++) {
    char text[32];
    snprintf(text, sizeof text, "127.0.0.%c", digits[i]);
    uv_ip4_addr(text, 0, &fake.names[i]);
    fake.items[i] = (struct addrinfo){
        .ai_family = AF_INET,
        .ai_addrlen = sizeof fake.names[i],
        .ai_addr = (struct sockaddr*)&fake.names[i],
        .ai_next = i + 1 < count ? &fake.items[i + 1] : NULL,
    };
  }
  fake.lookups[at % WORLD_LOOKUPS_MAX].done(
      fake.lookups[at % WORLD_LOOKUPS_MAX].request, 0, &fake.items[0]);
}

static void on_ready(void* ctx) {
  struct asker* asker = ctx;
  assert_true(asker->waiter.done);
  asker->ready_count++;
}

void world_on_gone(void* keeper) {
  struct world* world = keeper;
  assert_int_equal(world->probe.live_size, 0);
  world->gone = true;
}

struct gcn__hosts_options world_options(struct world* world) {
  return (struct gcn__hosts_options){
      .loop = world->loop,
      .mem = mem_probe_mem(&world->probe),
      .api = &fake_api,
      .fresh_ms = GCN__HOSTS_FRESH_MS,
      .stale_ms = GCN__HOSTS_STALE_MS,
  };
}

void world_begin_with(struct world* world, uv_loop_t* loop,
                      const struct gcn__hosts_options* options) {
  memset(&fake, 0, sizeof fake);
  world->loop = loop;
  world->now_ms = gcn__loop_now_ms(loop);
  world->hosts = gcn__hosts_new(options);
  assert_non_null(world->hosts);
}

void world_begin(struct world* world, uv_loop_t* loop) {
  *world = (struct world){.loop = loop};
  struct gcn__hosts_options options = world_options(world);
  world_begin_with(world, loop, &options);
}

void world_end(struct world* world) {
  assert_true(gcn__hosts_release(world->hosts, world_on_gone, world));
  assert_int_equal(world->probe.live_size, 0);
  assert_false(world->gone);
}

void ask(struct world* world, struct asker* asker, const char* name,
         uint64_t later_ms) {
  memset(asker, 0, sizeof *asker);
  asker->waiter.ready = on_ready;
  asker->waiter.ctx = asker;
  gcn__hosts_ask(world->hosts, &asker->waiter, name, world->now_ms + later_ms);
  assert_int_equal(asker->ready_count, 0);
}

void assert_found(const struct asker* asker, const char* digits) {
  char found[GCN__ADDRESS_COUNT_MAX + 1] = "";
  assert_true(asker->waiter.done);
  assert_int_equal(asker->waiter.error, 0);
  for (size_t i = 0; i < asker->waiter.found.count; i++) {
    char text[32];
    uv_ip4_name(&asker->waiter.found.items[i].v4, text, sizeof text);
    assert_int_equal(asker->waiter.found.items[i].v4.sin_port, 0);
    found[i] = text[strlen(text) - 1];
  }
  assert_string_equal(found, digits);
}

void leave(struct asker* asker) {
  gcn__hosts_leave(&asker->waiter);
}

void learn(struct world* world, const char* name, const char* digits) {
  struct asker asker;
  int at = fake.count;
  ask(world, &asker, name, 0);
  assert_int_equal(fake.count, at + 1);
  fake_answer(at, digits);
  leave(&asker);
}

void assert_order(struct world* world, const char* digits) {
  struct asker asker;
  ask(world, &asker, "a.test", 0);
  assert_found(&asker, digits);
  leave(&asker);
}
