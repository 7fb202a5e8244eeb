/* SPDX-License-Identifier: MIT */
/*
 * What each fault does.  It draws nothing: all that is to be known stands in
 * the fault.
 */
#include "stream-world.h"

#include "base/err.h"
#include "base/time.h"

#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, YIELD_SLACK_MS = 100 };

static bool stop(struct world* world) {
  world_say(world, "stop");
  world->desire = GCN__DESIRE_STOPPED;
  world->leave_by_ms =
      world->now_ms + world->engine->settings.close_ms + YIELD_SLACK_MS;
  user_command(world, GCN__COMMAND_STOP);
  return true;
}

/* One topic or several at once. */
static bool topics(struct world* world, uint64_t chosen, bool more) {
  const char* names[WORLD_TOPICS_FICKLE];
  size_t count = 0;
  for (size_t i = WORLD_TOPICS_KEPT; i < WORLD_TOPICS; i++) {
    if ((chosen >> i & 1) == 0 || world->wanted[i] == more) continue;
    world->wanted[i] = more;
    if (world->flow != NULL) world->flow->topics[i].changed_ms = world->now_ms;
    names[count++] = world->topics[i];
  }
  if (count == 0) return false;
  world_say(world, "%zu topics %s", count, more ? "more" : "less");
  if (more) {
    int error = gcn__engine_topics_add(world->engine, names, count);
    if (error != 0) world_break(world, "a topic call failed: %d", error);
  } else if (gcn__engine_topics_remove(world->engine, names, count) != count) {
    world_break(world, "a topic was not in the set");
  }
  check_shards(world);
  user_command(world, GCN__COMMAND_TOPICS);
  return true;
}

static bool hurry(struct world* world) {
  user_overrides(world);
  user_command(world, GCN__COMMAND_HURRY);
  return true;
}

/* A pause that follows on another is one with it. */
static bool halt(struct world* world, uint64_t rest_ms) {
  bool apart = world->resume_ms == GCN__NEVER &&
               world->now_ms - world->resumed_ms > MINUTE_MS;
  gcn__engine_pause(world->engine, true, world->now_ms);
  if (apart) world->paused_ms = world->now_ms;
  world->resume_ms = world->now_ms + rest_ms;
  return true;
}

static bool credentials(struct world* world, enum fate_kind kind) {
  if (kind == FATE_OTHER) world->client = 1 - world->client;
  user_credentials(world, kind != FATE_WRONG);
  return true;
}

/* The former secret is good for a while yet. */
static bool rotate_secret(struct world* world, uint64_t until_ms) {
  if (!world->right_secret) return false;
  service_rotate_secret(world);
  world->secret_ms = world->now_ms + until_ms;
  return true;
}

/* A peer input that no byte produced: the table must be total. */
static bool post(struct world* world, unsigned slot, enum gcn__input input) {
  struct gcn__conn* conn = world->engine->conns[slot];
  if (conn == NULL) return false;
  enum gcn__state state = conn->session.state;
  bool linked = state >= GCN__STATE_CONNECTING && state <= GCN__STATE_STREAMING;
  linked = linked || state == GCN__STATE_CLOSING;
  /* A sign of life that no byte carried would be a lie about the gap. */
  bool lie = state == GCN__STATE_STREAMING &&
             (input == GCN__INPUT_HEARTBEAT || input == GCN__INPUT_GARBAGE);
  /* Only the engine's reader can say which event. */
  bool empty = input == GCN__INPUT_EVENT && state != GCN__STATE_CONNECTING &&
               state != GCN__STATE_CLOSING;
  bool pending = conn->commands != 0 || conn->inbox_count != 0 ||
                 gcn__engine_busy(world->engine);
  if (!linked || lie || empty || pending) return false;
  bool retire = input == GCN__INPUT_RETIRE && state != GCN__STATE_CLOSING;
  bool unread =
      input == GCN__INPUT_UNREADABLE && world->desire != GCN__DESIRE_STREAMING;
  if (retire || unread) return false;
  world_say(world, "out of nowhere: %s", gcn__input_name(input));
  gcn__failure_clear(&conn->failure);
  gcn__engine_woken(world->engine, world->now_ms);
  gcn__conn_post(conn, input);
  if (world->flow != NULL) flow_interrupts(world);
  if (input == GCN__INPUT_REFUSED) world->right_secret = false;
  return true;
}

/* The wait that a close asks for binds those that come after it, too. */
static void note_wish(struct world* world, const char* rule) {
  static const char limit[] = "rate.limit ";
  if (strncmp(rule, limit, sizeof limit - 1) != 0) return;
  uint64_t wait_s = strtoull(rule + sizeof limit - 1, NULL, 10);
  uint64_t until_ms = world->now_ms + MINUTE_MS + wait_s * 1200;
  world->asked_until_ms = gcn__time_max(world->asked_until_ms, until_ms);
}

static bool serve(struct world* world, const char* rule) {
  note_wish(world, rule);
  if (world->flow != NULL && strstr(rule, " 4410 ") != NULL) {
    world->flow->lied_ms = world->now_ms;
  }
  if (strcmp(rule, "event.burst 30") == 0) world->planted |= 1;
  bool stuck =
      strstr(rule, "ws.stuck") != NULL || strstr(rule, "ws.trickle") != NULL;
  if (stuck) world->stuck = true;
  service_inject(world, rule);
  return true;
}

static bool reset(struct world* world, const struct fate_fault* fault) {
  if (world->flow == NULL) return user_resets(world);
  world_say(world, "streams are reset");
  world->flow->resets++;
  if (fault->kind == FATE_RESET_ALL) {
    network_reset(world);
    return true;
  }
  enum gcn__wire_index wire = (enum gcn__wire_index)(2 + 2 * fault->a);
  struct link* link = network_link(world, wire);
  if (link != NULL) link->reset_ms = world->now_ms;
  return true;
}

static bool start(struct world* world) {
  user_start(world);
  return true;
}

static bool command(struct world* world, unsigned bits) {
  user_command(world, bits);
  return true;
}

bool fault_perform(struct world* world, const struct fate_fault* fault) {
  if (fault->kind == FATE_PAUSE) world->planted |= 2;
  switch (fault->kind) {
  case FATE_STOP: return stop(world);
  case FATE_START: return start(world);
  case FATE_MORE: return topics(world, fault->a, true);
  case FATE_LESS: return topics(world, fault->a, false);
  case FATE_HURRY: return hurry(world);
  case FATE_ROTATE: return command(world, GCN__COMMAND_ROTATE);
  case FATE_PAUSE: return halt(world, fault->b);
  case FATE_WRONG:
  case FATE_RIGHT:
  case FATE_OTHER: return credentials(world, fault->kind);
  case FATE_SECRET: return rotate_secret(world, fault->b);
  case FATE_INPUT:
    if (fault->a >= GCN__CONN_COUNT_MAX || fault->b >= GCN__INPUT_COUNT) break;
    return post(world, (unsigned)fault->a, (enum gcn__input)fault->b);
  case FATE_SERVICE: return serve(world, fault->rule);
  case FATE_UNREADABLE: return world->flow != NULL && flow_unreadable(world);
  case FATE_DEATH:
    if (world->flow == NULL || world->desire != GCN__DESIRE_STREAMING) break;
    flow_restart(world, fault->b, fault->a != 0);
    return true;
  case FATE_RESET_ALL:
  case FATE_RESET_ONE: return reset(world, fault);
  default: break; /* those of links and of the vault are not done here */
  }
  return false;
}
