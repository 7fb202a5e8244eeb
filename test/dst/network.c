/* SPDX-License-Identifier: MIT */
/*
 * The network: links with two queues of chunks, in order, with arrival times.
 */
#include "stream-world.h"

#include "base/err.h"
#include "base/time.h"

#include <string.h>

/* What is under way to a consumer of streams at most, in bytes: behind that the
 * service feels that nobody reads. */
enum { UNREAD_MAX = 16 * 1024, CUT_PER_MILLE = 300 };

struct chunk {
  uint64_t due_ms;
  uint32_t size;
  uint32_t reserved;
};

static bool chance(struct world* world, unsigned per_mille) {
  return world_below(world, 1000) < per_mille;
}

struct link* network_link(struct world* world, enum gcn__wire_index wire) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (link->used && !link->gone && link->wire == wire) return link;
  }
  return NULL;
}

struct link* network_serial(struct world* world, uint64_t serial) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (!link->used || link->conn == NULL) continue;
    if (gcn__sim_serial(link->conn) == serial) return link;
  }
  return NULL;
}

static void end_link(struct world* world, struct link* link) {
  if (link->conn != NULL) gcn__sim_drop(link->conn, world->now_ms);
  gcn__buf_deinit(&link->up);
  gcn__buf_deinit(&link->down);
  link->used = false;
  link->conn = NULL;
  while (world->link_end > 0 && !world->links[world->link_end - 1].used)
    world->link_end--;
}

static struct link* new_link(struct world* world) {
  int i = 0;
  while (i < WORLD_LINKS_MAX && world->links[i].used)
    i++;
  if (i == WORLD_LINKS_MAX) return NULL;
  if (i >= world->link_end) world->link_end = i + 1;
  memset(&world->links[i], 0, sizeof world->links[i]);
  return &world->links[i];
}

static void spoil(struct link* link, enum fate_kind kind, uint64_t after_ms) {
  uint64_t at_ms = link->ready_ms - link->latency_ms + after_ms;
  if (kind == FATE_REFUSED) link->refused = true;
  if (kind == FATE_HANG) link->ready_ms = GCN__NEVER;
  if (kind == FATE_RESET) link->reset_ms = at_ms;
  if (kind == FATE_HOLE || kind == FATE_HOLES) link->hole_down_ms = at_ms;
  if (kind == FATE_HOLES) link->hole_up_ms = at_ms;
}

/* Of all faults of one link the one that says when it is ready is the last. */
static void draw_fate(struct world* world, struct link* link) {
  static const struct {
    unsigned trouble;
    enum fate_kind kind;
    unsigned per_mille;
  } all[] = {
      {WORLD_REFUSALS, FATE_REFUSED, 200}, {WORLD_RESETS, FATE_RESET, 400},
      {WORLD_HOLES, FATE_HOLE, 150},       {WORLD_HOLES, FATE_HOLES, 150},
      {WORLD_HANGS, FATE_HANG, 100},
  };
  uint64_t life_ms = fate_between(world, 0, world->tempo * 3600 * 1000);
  if (fate_below(world, 2) == 0) life_ms /= 1000;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    bool known =
        world_has(world, all[i].trouble) && fate_knows(world, all[i].kind);
    if (!known || !fate_chance(world, all[i].per_mille)) continue;
    fate_note(world, all[i].kind, link->wire, life_ms);
    spoil(link, all[i].kind, life_ms);
  }
}

/* What the list has for one link was written down in one moment. */
static void follow_fate(struct world* world, struct link* link) {
  const struct fate_fault* first = fate_link(world, link->wire, 0);
  const struct fate_fault* fault = first;
  while (fault != NULL) {
    spoil(link, fault->kind, fault->b);
    fault = fate_link(world, link->wire, first->at_ms);
  }
}

void network_open(struct world* world, enum gcn__wire_index wire) {
  struct link* link = new_link(world);
  if (link == NULL) {
    world_break(world, "the world ran out of links");
    return;
  }
  link->used = true;
  link->wire = wire;
  gcn__buf_init(&link->up, &gcn__mem_libc, 64 * 1024 * 1024);
  gcn__buf_init(&link->down, &gcn__mem_libc, 64 * 1024 * 1024);
  /* Where attempts are counted, what one of them dials comes together. */
  link->latency_ms = world_between(world, 1, world->plan.manners ? 100 : 400);
  link->ready_ms = world->now_ms + link->latency_ms;
  link->reset_ms = GCN__NEVER;
  link->hole_up_ms = GCN__NEVER;
  link->hole_down_ms = GCN__NEVER;
  if (fate_is_led(world)) {
    follow_fate(world, link);
  } else {
    draw_fate(world, link);
  }
}

/* The link the engine dropped lives on for its bytes under way; nobody hears
 * of it again. */
void network_drop(struct world* world, enum gcn__wire_index wire, bool abort) {
  struct link* link = network_link(world, wire);
  if (link == NULL) {
    /* It ended by itself before a yielding driver came to the DROP. */
    bool late = (world->trouble & WORLD_YIELDS) != 0;
    if (!late) world_break(world, "DROP of a wire without a link");
    return;
  }
  link->gone = true;
  link->fin_up = true;
  if (abort || !link->connected) end_link(world, link);
}

void network_move(struct world* world, enum gcn__wire_index from,
                  enum gcn__wire_index to) {
  struct link* link = network_link(world, from);
  if (link == NULL || network_link(world, to) != NULL) {
    world_break(world, "MOVE of no link, or to a wire that has one");
    return;
  }
  link->wire = to;
  world->wires[to] = (struct wire_view){0};
  if (world->flow != NULL) flow_open(world, to);
}

static uint64_t arrival(struct world* world, struct link* link,
                        uint64_t* free_ms) {
  uint64_t due_ms = world->now_ms + link->latency_ms;
  if (world_has(world, WORLD_STALLS) && chance(world, 30)) {
    due_ms += world_between(world, 0, 1000);
  }
  if (due_ms < *free_ms) due_ms = *free_ms;
  *free_ms = due_ms;
  return due_ms;
}

static void queue(struct world* world, struct link* link, struct gcn__buf* to,
                  uint64_t* free_ms, struct gcn__span bytes) {
  while (bytes.size > 0) {
    size_t size = bytes.size;
    bool cut = gcn__rng_below(&world->shears, 1000) < CUT_PER_MILLE;
    if (cut && !world->plan.whole) {
      size = (size_t)gcn__rng_between(&world->shears, 1, bytes.size);
    }
    struct chunk chunk = {.due_ms = arrival(world, link, free_ms),
                          .size = (uint32_t)size};
    gcn__buf_append(to, &chunk, sizeof chunk);
    gcn__buf_append(to, bytes.data, size);
    bytes = gcn__span_skip(bytes, size);
  }
}

void network_upload(struct world* world, enum gcn__wire_index wire,
                    struct gcn__span bytes) {
  struct link* link = network_link(world, wire);
  if (link == NULL || !link->connected) {
    world_break(world, "output on a wire without a connected link");
    return;
  }
  check_upload(world, link, bytes);
  queue(world, link, &link->up, &link->up_free_ms, bytes);
}

static struct link* link_of(struct world* world, struct gcn__sim_conn* conn) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (link->used && link->conn == conn) return link;
  }
  return NULL;
}

static bool has_room(const struct world* world, const struct link* link) {
  return world->flow == NULL || gcn__buf_size(&link->down) < UNREAD_MAX;
}

static void collect_from(struct world* world, struct gcn__sim_conn* conn) {
  struct link* link = link_of(world, conn);
  if (link == NULL) return;
  while (has_room(world, link)) {
    struct gcn__span piece = gcn__sim_output(conn, world->now_ms);
    if (piece.size == 0) break;
    queue(world, link, &link->down, &link->down_free_ms, piece);
    gcn__sim_sent(conn, piece.size, world->now_ms);
  }
  enum gcn__sim_verdict verdict = gcn__sim_verdict(conn);
  if (verdict == GCN__SIM_OPEN) return;
  link->eof_down = true;
  link->reset_down = verdict == GCN__SIM_RESET;
  gcn__sim_drop(conn, world->now_ms);
  link->conn = NULL;
  if (link->gone) end_link(world, link);
}

void network_collect(struct world* world) {
  for (;;) {
    struct gcn__sim_conn* conn = gcn__sim_next_ready(world->sim);
    if (conn == NULL) return;
    collect_from(world, conn);
  }
}

static uint64_t head_due(const struct gcn__buf* queue) {
  if (gcn__buf_size(queue) == 0) return GCN__NEVER;
  struct chunk chunk;
  memcpy(&chunk, gcn__buf_span(queue).data, sizeof chunk);
  return chunk.due_ms;
}

/* The engine does not want to read: bytes wait, as in a socket's buffer. */
static bool held(const struct world* world, const struct link* link) {
  return !link->gone && gcn__engine_full(world->engine, link->wire);
}

/* The service does not want to read. */
static bool stalled(const struct link* link) {
  return link->conn != NULL && !gcn__sim_reading(link->conn);
}

static uint64_t link_deadline(const struct world* world,
                              const struct link* link) {
  if (!link->used) return GCN__NEVER;
  uint64_t due_ms = link->reset_ms;
  if (!link->connected) return gcn__time_min(due_ms, link->ready_ms);
  if (!stalled(link)) due_ms = gcn__time_min(due_ms, head_due(&link->up));
  if (!held(world, link)) {
    due_ms = gcn__time_min(due_ms, head_due(&link->down));
  }
  if (link->eof_down && gcn__buf_size(&link->down) == 0) {
    due_ms = gcn__time_min(due_ms, link->down_free_ms);
  }
  if (link->fin_up && gcn__buf_size(&link->up) == 0) {
    due_ms = gcn__time_min(due_ms, link->up_free_ms);
  }
  return due_ms;
}

uint64_t network_deadline(const struct world* world) {
  uint64_t due_ms = GCN__NEVER;
  for (int i = 0; i < world->link_end; i++) {
    due_ms = gcn__time_min(due_ms, link_deadline(world, &world->links[i]));
  }
  return due_ms;
}

/* Takes one chunk off a queue into `to`. */
static struct gcn__span take(struct gcn__buf* queue, struct gcn__buf* to) {
  struct chunk chunk;
  memcpy(&chunk, gcn__buf_span(queue).data, sizeof chunk);
  gcn__buf_consume(queue, sizeof chunk);
  gcn__buf_clear(to);
  gcn__buf_append(to, gcn__buf_span(queue).data, chunk.size);
  gcn__buf_consume(queue, chunk.size);
  return gcn__buf_span(to);
}

static void tell_end(struct world* world, struct link* link, int error,
                     const char* text) {
  enum gcn__wire_index wire = link->wire;
  bool gone = link->gone;
  end_link(world, link);
  if (gone) return;
  world_say(world, "wire %d ended: %s", (int)wire, text);
  gcn__engine_ended(world->engine, wire, error, GCN__LAYER_TCP, text,
                    world->now_ms);
  world_turn(world);
}

static void connect_link(struct world* world, struct link* link) {
  if (link->refused) {
    tell_end(world, link, -ECONNREFUSED, "connection refused");
    return;
  }
  link->connected = true;
  link->conn = gcn__sim_accept(world->sim, link, world->now_ms);
  network_collect(world);
  gcn__engine_linked(world->engine, link->wire, world->now_ms);
  world_turn(world);
}

static void deliver_down(struct world* world, struct link* link) {
  struct gcn__buf bytes;
  gcn__buf_init(&bytes, &gcn__mem_libc, 64 * 1024 * 1024);
  struct gcn__span piece = take(&link->down, &bytes);
  bool swallowed = world->now_ms >= link->hole_down_ms || link->gone;
  if (!swallowed) {
    check_download(world, link, piece);
    gcn__engine_received(world->engine, link->wire, piece, world->now_ms);
    world_turn(world);
  }
  gcn__buf_deinit(&bytes);
  bool more = world->flow != NULL && link->used && link->conn != NULL;
  if (more) collect_from(world, link->conn);
}

static void deliver_up(struct world* world, struct link* link) {
  struct gcn__buf bytes;
  gcn__buf_init(&bytes, &gcn__mem_libc, 64 * 1024 * 1024);
  struct gcn__span piece = take(&link->up, &bytes);
  bool swallowed = world->now_ms >= link->hole_up_ms || link->conn == NULL;
  if (!swallowed && world->flow != NULL) {
    flow_receive(world, link, piece);
  } else if (!swallowed) {
    gcn__sim_receive(link->conn, piece, world->now_ms);
  }
  if (!swallowed) network_collect(world);
  gcn__buf_deinit(&bytes);
}

static void end_in_order(struct world* world, struct link* link) {
  if (world->now_ms >= link->hole_down_ms) {
    link->eof_down = false; /* nobody hears of it */
  } else if (link->reset_down) {
    tell_end(world, link, GCN__ECONNRESET, "connection reset by peer");
  } else {
    tell_end(world, link, GCN__EOF, "end of file");
  }
}

static bool step_link(struct world* world, struct link* link) {
  uint64_t now_ms = world->now_ms;
  if (link->reset_ms <= now_ms) {
    tell_end(world, link, GCN__ECONNRESET, "connection reset by peer");
  } else if (!link->connected) {
    connect_link(world, link);
  } else if (!stalled(link) && head_due(&link->up) <= now_ms) {
    deliver_up(world, link);
  } else if (!held(world, link) && head_due(&link->down) <= now_ms) {
    deliver_down(world, link);
  } else if (link->eof_down && gcn__buf_size(&link->down) == 0) {
    end_in_order(world, link);
  } else {
    end_link(world, link); /* the engine's FIN arrived */
    network_collect(world);
  }
  return true;
}

bool network_step(struct world* world) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (link_deadline(world, link) <= world->now_ms)
      return step_link(world, link);
  }
  return false;
}

/* Good weather: what hangs is refused, what swallows breaks. */
void network_heal(struct world* world) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (!link->used) continue;
    if (link->ready_ms == GCN__NEVER) link->ready_ms = world->now_ms;
    link->refused = false;
    if (link->hole_down_ms != GCN__NEVER || link->hole_up_ms != GCN__NEVER) {
      link->reset_ms = world->now_ms + 1;
    }
  }
}

void network_reset(struct world* world) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    bool stream = gcn__wire_role(link->wire) == GCN__WIRE_STREAM;
    if (link->used && stream && !link->gone) link->reset_ms = world->now_ms;
  }
}

void network_free(struct world* world) {
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (link->used) end_link(world, link);
  }
}
