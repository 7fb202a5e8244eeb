/* SPDX-License-Identifier: MIT */
/*
 * Bytes are changed as they come in and lie in one queue; when they may leave
 * is told by packets beside it.  An end stands behind the queue, so that what
 * came before it arrives; one that the time brings drops the queue instead.
 */
#include "sim/toxic-flow.h"

#include "base/err.h"
#include "base/time.h"

#include <string.h>

enum {
  /* The window, every copy and every injection. */
  QUEUE_SIZE_MAX = 4 * 1024 * 1024,
  BAND_STEPS = 50, /* pieces a second that a bandwidth is cut into */
  US_PER_S = 1000000,
  US_PER_MS = 1000,
};

static const struct gcn__toxic* rule(const struct gcn__toxic_flow* flow,
                                     size_t i) {
  return &flow->toxics->items[i];
}

static bool is_mine(const struct gcn__toxic_flow* flow, size_t i) {
  return (flow->mine & UINT32_C(1) << i) != 0;
}

static bool is(const struct gcn__toxic_flow* flow, size_t i,
               enum gcn__toxic_kind kind) {
  return is_mine(flow, i) && rule(flow, i)->kind == kind;
}

static bool is_done(const struct gcn__toxic_flow* flow, size_t i) {
  return (flow->done & UINT32_C(1) << i) != 0;
}

static void note(struct gcn__toxic_flow* flow, size_t i) {
  flow->fired |= UINT32_C(1) << i;
}

static uint64_t begin_of(const struct gcn__toxic_flow* flow, size_t i) {
  return flow->base_in[i] + rule(flow, i)->at;
}

static bool is_end(enum gcn__toxic_kind kind) {
  return kind >= GCN__TOXIC_LIMIT;
}

static bool is_slice(enum gcn__toxic_kind kind) {
  return kind == GCN__TOXIC_SLICE || kind == GCN__TOXIC_TRICKLE;
}

void gcn__toxic_flow_init(struct gcn__toxic_flow* flow,
                          const struct gcn__mem* mem,
                          const struct gcn__toxics* toxics, bool up,
                          uint64_t number) {
  memset(flow, 0, sizeof *flow);
  flow->mem = mem;
  flow->toxics = toxics;
  flow->up = up;
  flow->number = number;
  gcn__buf_init(&flow->queue, mem, QUEUE_SIZE_MAX);
  gcn__toxic_flow_seed(flow, 0);
}

void gcn__toxic_flow_seed(struct gcn__toxic_flow* flow, uint64_t seed) {
  gcn__rng_seed(&flow->rng, seed + flow->number * 2 + (flow->up ? 1 : 0));
}

void gcn__toxic_flow_deinit(struct gcn__toxic_flow* flow) {
  gcn__buf_deinit(&flow->queue);
  for (size_t i = 0; i < GCN__TOXICS_MAX; i++)
    gcn__buf_deinit(&flow->copies[i]);
}

static void fall_apart(struct gcn__toxic_flow* flow) {
  flow->error = GCN__ENOMEM;
  flow->end = GCN__TOXIC_ENDS_RESET;
  flow->end_due_ms = 0;
  gcn__buf_clear(&flow->queue);
  flow->packet_count = 0;
}

/* The last packet takes what is due with it. */
static void add_packet(struct gcn__toxic_flow* flow, uint64_t due_ms) {
  uint64_t end = flow->out_total + gcn__buf_size(&flow->queue);
  size_t last =
      (flow->packet_begin + flow->packet_count + GCN__TOXIC_PACKETS_MAX - 1) %
      GCN__TOXIC_PACKETS_MAX;
  bool joins =
      flow->packet_count > 0 && (flow->packets[last].due_ms >= due_ms ||
                                 flow->packet_count == GCN__TOXIC_PACKETS_MAX);
  if (!joins) {
    last = (last + 1) % GCN__TOXIC_PACKETS_MAX;
    flow->packet_count++;
    flow->packets[last].due_ms = due_ms;
  }
  flow->packets[last].end = end;
}

static void put(struct gcn__toxic_flow* flow, const void* data, size_t size,
                uint64_t due_ms) {
  if (size == 0 || flow->broken || flow->error != 0) return;
  if (gcn__buf_append(&flow->queue, data, size) != 0) {
    fall_apart(flow);
    return;
  }
  add_packet(flow, due_ms);
}

/* The delay of everything that came in together. */
static uint64_t due_of(struct gcn__toxic_flow* flow, uint64_t now_ms) {
  uint64_t due_ms = now_ms;
  for (size_t i = 0; i < flow->count; i++) {
    if (!is(flow, i, GCN__TOXIC_LATENCY)) continue;
    const struct gcn__toxic* toxic = rule(flow, i);
    uint64_t low_ms = toxic->delay_ms - toxic->jitter_ms;
    uint64_t high_ms = toxic->delay_ms + toxic->jitter_ms;
    due_ms += gcn__rng_between(&flow->rng, low_ms, high_ms);
    note(flow, i);
  }
  return due_ms;
}

static enum gcn__toxic_end end_of(enum gcn__toxic_kind kind) {
  switch (kind) {
  case GCN__TOXIC_LIMIT: return GCN__TOXIC_ENDS_LIMIT;
  case GCN__TOXIC_BLACKHOLE: return GCN__TOXIC_ENDS_HOLE;
  case GCN__TOXIC_HALF_CLOSE: return GCN__TOXIC_ENDS_FIN;
  case GCN__TOXIC_CUT: return GCN__TOXIC_ENDS_CUT;
  default: return GCN__TOXIC_ENDS_RESET;
  }
}

static uint64_t end_ms_of(const struct gcn__toxic_flow* flow, size_t i) {
  return gcn__time_add(flow->base_ms[i], rule(flow, i)->after_ms);
}

/* The direction ends here if a rule says so. */
static void stop_here(struct gcn__toxic_flow* flow, uint64_t now_ms) {
  for (size_t i = 0; i < flow->count; i++) {
    bool due = is_mine(flow, i) && is_end(rule(flow, i)->kind) &&
               begin_of(flow, i) <= flow->in_total &&
               end_ms_of(flow, i) <= now_ms;
    if (!due || flow->end != GCN__TOXIC_GOES_ON) continue;
    flow->end = end_of(rule(flow, i)->kind);
    flow->end_due_ms = 0;
    note(flow, i);
  }
}

static void put_copy(struct gcn__toxic_flow* flow, size_t i, uint64_t due_ms) {
  struct gcn__span copy = gcn__buf_span(&flow->copies[i]);
  bool whole = copy.size == rule(flow, i)->size;
  if (!is(flow, i, GCN__TOXIC_DUPLICATE) || is_done(flow, i) || !whole) return;
  put(flow, copy.data, copy.size, due_ms);
  flow->done |= UINT32_C(1) << i;
  gcn__buf_deinit(&flow->copies[i]);
  note(flow, i);
}

static void put_injection(struct gcn__toxic_flow* flow, size_t i,
                          uint64_t due_ms) {
  bool due = is(flow, i, GCN__TOXIC_INJECT) && !is_done(flow, i) &&
             begin_of(flow, i) <= flow->in_total;
  if (!due) return;
  put(flow, rule(flow, i)->bytes, rule(flow, i)->byte_count, due_ms);
  flow->done |= UINT32_C(1) << i;
  note(flow, i);
}

/* Everything that belongs between the byte that came last and the next one. */
static void put_between(struct gcn__toxic_flow* flow, uint64_t due_ms,
                        uint64_t now_ms) {
  if (flow->end != GCN__TOXIC_GOES_ON) return;
  for (size_t i = 0; i < flow->count; i++)
    put_copy(flow, i, due_ms);
  for (size_t i = 0; i < flow->count; i++)
    put_injection(flow, i, due_ms);
  stop_here(flow, now_ms);
}

static uint64_t nearer(uint64_t best, uint64_t position, uint64_t from) {
  return position > from && position < best ? position : best;
}

/* Where something happens next, behind the byte that comes next. */
static uint64_t next_position(const struct gcn__toxic_flow* flow) {
  uint64_t best = UINT64_MAX;
  for (size_t i = 0; i < flow->count; i++) {
    enum gcn__toxic_kind kind = rule(flow, i)->kind;
    if (!is_mine(flow, i) || kind < GCN__TOXIC_CORRUPT) continue;
    uint64_t begin = begin_of(flow, i);
    best = nearer(best, begin, flow->in_total);
    if (kind == GCN__TOXIC_CORRUPT) {
      best = nearer(best, begin + 1, flow->in_total);
    }
    if (kind == GCN__TOXIC_DUPLICATE) {
      best = nearer(best, begin + rule(flow, i)->size, flow->in_total);
    }
  }
  return best;
}

static void keep_copies(struct gcn__toxic_flow* flow, struct gcn__span piece) {
  for (size_t i = 0; i < flow->count; i++) {
    bool inside = is(flow, i, GCN__TOXIC_DUPLICATE) && !is_done(flow, i) &&
                  begin_of(flow, i) <= flow->in_total;
    if (!inside) continue;
    int error = gcn__buf_append(&flow->copies[i], piece.data, piece.size);
    if (error != 0) fall_apart(flow);
  }
}

/* A piece that nothing happens inside of. */
static void take_piece(struct gcn__toxic_flow* flow, struct gcn__span piece,
                       uint64_t due_ms) {
  unsigned char mask = 0;
  for (size_t i = 0; i < flow->count; i++) {
    bool here =
        is(flow, i, GCN__TOXIC_CORRUPT) && begin_of(flow, i) == flow->in_total;
    if (!here) continue;
    mask ^= rule(flow, i)->mask;
    note(flow, i);
  }
  char changed = (char)((unsigned char)piece.data[0] ^ mask);
  if (mask != 0) piece = gcn__span(&changed, 1);
  put(flow, piece.data, piece.size, due_ms);
  keep_copies(flow, piece);
  flow->in_total += piece.size;
}

static bool is_for(const struct gcn__toxic_flow* flow, size_t i) {
  const struct gcn__toxic* toxic = rule(flow, i);
  bool direction = flow->up ? toxic->up : toxic->down;
  return direction && (toxic->number == 0 || toxic->number == flow->number);
}

void gcn__toxic_flow_begin(struct gcn__toxic_flow* flow, uint64_t now_ms) {
  for (; flow->count < flow->toxics->count; flow->count++) {
    size_t i = flow->count;
    if (is_for(flow, i)) flow->mine |= UINT32_C(1) << i;
    flow->base_in[i] = flow->in_total;
    flow->base_out[i] = flow->out_total;
    flow->base_ms[i] = now_ms;
    gcn__buf_init(&flow->copies[i], flow->mem, GCN__TOXIC_COPY_SIZE_MAX);
  }
  put_between(flow, due_of(flow, now_ms), now_ms);
}

size_t gcn__toxic_flow_room(const struct gcn__toxic_flow* flow) {
  size_t held = gcn__buf_size(&flow->queue);
  if (flow->end == GCN__TOXIC_ENDS_LIMIT) return 0;
  /* What is dropped needs no room. */
  if (flow->end != GCN__TOXIC_GOES_ON || flow->broken) return GCN__TOXIC_WINDOW;
  if (flow->packet_count >= GCN__TOXIC_PACKETS_MAX - 1) return 0;
  return held < GCN__TOXIC_WINDOW ? GCN__TOXIC_WINDOW - held : 0;
}

void gcn__toxic_flow_take(struct gcn__toxic_flow* flow, struct gcn__span bytes,
                          uint64_t now_ms) {
  uint64_t due_ms = due_of(flow, now_ms);
  put_between(flow, due_ms, now_ms);
  while (bytes.size > 0 && flow->end == GCN__TOXIC_GOES_ON) {
    uint64_t room = next_position(flow) - flow->in_total;
    size_t size = room < bytes.size ? (size_t)room : bytes.size;
    take_piece(flow, gcn__span(bytes.data, size), due_ms);
    bytes = gcn__span_skip(bytes, size);
    put_between(flow, due_ms, now_ms);
  }
  flow->in_total += bytes.size;
}

void gcn__toxic_flow_eof(struct gcn__toxic_flow* flow, bool reset,
                         uint64_t now_ms) {
  if (flow->end != GCN__TOXIC_GOES_ON) return;
  flow->end = reset ? GCN__TOXIC_ENDS_RESET : GCN__TOXIC_ENDS_FIN;
  flow->end_due_ms = due_of(flow, now_ms);
  for (size_t i = 0; i < flow->count; i++) {
    if (reset || !is(flow, i, GCN__TOXIC_SLOW_CLOSE)) continue;
    flow->end_due_ms += rule(flow, i)->delay_ms;
    note(flow, i);
  }
}

static void drop_all(struct gcn__toxic_flow* flow) {
  flow->out_total += gcn__buf_size(&flow->queue);
  gcn__buf_clear(&flow->queue);
  flow->packet_count = 0;
}

void gcn__toxic_flow_break(struct gcn__toxic_flow* flow) {
  flow->broken = true;
  drop_all(flow);
}

void gcn__toxic_flow_tick(struct gcn__toxic_flow* flow, uint64_t now_ms) {
  if (flow->end != GCN__TOXIC_GOES_ON) return;
  stop_here(flow, now_ms);
  /* An end that is waited for takes what has not got through along. */
  if (flow->end != GCN__TOXIC_GOES_ON) drop_all(flow);
}

/* The slicing rule that holds here, plus 1; 0: none.  A later one wins. */
static size_t slicing(const struct gcn__toxic_flow* flow) {
  size_t best = 0;
  uint64_t best_at = 0;
  for (size_t i = 0; i < flow->count; i++) {
    if (!is_mine(flow, i) || !is_slice(rule(flow, i)->kind)) continue;
    uint64_t at = flow->base_out[i] + rule(flow, i)->at;
    if (at > flow->out_total || (best != 0 && at < best_at)) continue;
    best = i + 1;
    best_at = at;
  }
  return best;
}

/* Where the next slicing rule begins to hold. */
static uint64_t next_slicing(const struct gcn__toxic_flow* flow) {
  uint64_t best = UINT64_MAX;
  for (size_t i = 0; i < flow->count; i++) {
    if (!is_mine(flow, i) || !is_slice(rule(flow, i)->kind)) continue;
    best = nearer(best, flow->base_out[i] + rule(flow, i)->at, flow->out_total);
  }
  return best;
}

/* Bytes a second; 0: as many as there are. */
static uint64_t rate_of(struct gcn__toxic_flow* flow) {
  uint64_t rate = 0;
  for (size_t i = 0; i < flow->count; i++) {
    if (!is(flow, i, GCN__TOXIC_BANDWIDTH)) continue;
    uint64_t own = rule(flow, i)->rate;
    if (rate == 0 || own < rate) rate = own;
    note(flow, i);
  }
  return rate;
}

static uint64_t due_bytes(const struct gcn__toxic_flow* flow, uint64_t now_ms) {
  uint64_t end = flow->out_total;
  for (size_t k = 0; k < flow->packet_count; k++) {
    const struct gcn__toxic_packet* packet =
        &flow->packets[(flow->packet_begin + k) % GCN__TOXIC_PACKETS_MAX];
    if (packet->due_ms > now_ms) break;
    end = packet->end;
  }
  return end - flow->out_total;
}

static void draw_slice(struct gcn__toxic_flow* flow, size_t which) {
  const struct gcn__toxic* toxic = rule(flow, which - 1);
  if (flow->slice_of == which && flow->slice_size > 0) return;
  /* Another rule: its own first piece goes at once. */
  if (flow->slice_of != which) flow->slice_ms = 0;
  flow->slice_of = which;
  flow->slice_size = gcn__rng_between(&flow->rng, toxic->size - toxic->vary,
                                      toxic->size + toxic->vary);
  note(flow, which - 1);
}

struct gcn__span gcn__toxic_flow_output(struct gcn__toxic_flow* flow,
                                        uint64_t now_ms) {
  struct gcn__span all = gcn__buf_span(&flow->queue);
  uint64_t size = due_bytes(flow, now_ms);
  uint64_t rate = rate_of(flow);
  size_t which = slicing(flow);
  size = gcn__time_min(size, next_slicing(flow) - flow->out_total);
  if (rate > 0) {
    if (flow->band_us > now_ms * US_PER_MS) size = 0;
    uint64_t step = rate < BAND_STEPS ? 1 : rate / BAND_STEPS;
    size = gcn__time_min(size, step);
  }
  if (which != 0 && size > 0) {
    draw_slice(flow, which);
    if (flow->slice_ms > now_ms) size = 0;
    size = gcn__time_min(size, flow->slice_size);
  }
  return gcn__span(all.data, (size_t)size);
}

void gcn__toxic_flow_sent(struct gcn__toxic_flow* flow, size_t size,
                          uint64_t now_ms) {
  uint64_t rate = rate_of(flow);
  size_t which = slicing(flow);
  flow->out_total += size;
  gcn__buf_consume(&flow->queue, size);
  while (flow->packet_count > 0 &&
         flow->packets[flow->packet_begin].end <= flow->out_total) {
    flow->packet_begin = (flow->packet_begin + 1) % GCN__TOXIC_PACKETS_MAX;
    flow->packet_count--;
  }
  if (rate > 0) {
    uint64_t from_us = gcn__time_max(flow->band_us, now_ms * US_PER_MS);
    flow->band_us = from_us + size * US_PER_S / rate;
  }
  if (which == 0) return;
  flow->slice_size = 0;
  flow->slice_ms = gcn__time_add(now_ms, rule(flow, which - 1)->delay_ms);
}

bool gcn__toxic_flow_slices(const struct gcn__toxic_flow* flow) {
  return slicing(flow) != 0;
}

enum gcn__toxic_end gcn__toxic_flow_verdict(const struct gcn__toxic_flow* flow,
                                            uint64_t now_ms) {
  bool waits = gcn__buf_size(&flow->queue) > 0 || flow->end_due_ms > now_ms;
  return waits ? GCN__TOXIC_GOES_ON : flow->end;
}

static uint64_t end_deadline(const struct gcn__toxic_flow* flow) {
  uint64_t due_ms = GCN__NEVER;
  for (size_t i = 0; i < flow->count; i++) {
    bool waits = is_mine(flow, i) && is_end(rule(flow, i)->kind) &&
                 begin_of(flow, i) <= flow->in_total;
    if (waits) due_ms = gcn__time_min(due_ms, end_ms_of(flow, i));
  }
  return due_ms;
}

/* When the first byte in the queue may go. */
static uint64_t output_deadline(const struct gcn__toxic_flow* flow) {
  if (flow->packet_count == 0) return GCN__NEVER;
  uint64_t due_ms = flow->packets[flow->packet_begin].due_ms;
  uint64_t band_ms = (flow->band_us + US_PER_MS - 1) / US_PER_MS;
  due_ms = gcn__time_max(due_ms, band_ms);
  size_t which = slicing(flow);
  bool sliced = which != 0 && which == flow->slice_of;
  return sliced ? gcn__time_max(due_ms, flow->slice_ms) : due_ms;
}

uint64_t gcn__toxic_flow_deadline(const struct gcn__toxic_flow* flow,
                                  uint64_t now_ms) {
  uint64_t due_ms = GCN__NEVER;
  if (flow->end == GCN__TOXIC_GOES_ON) {
    due_ms = end_deadline(flow);
  } else if (flow->end_due_ms > now_ms) {
    due_ms = flow->end_due_ms;
  }
  uint64_t output_ms = output_deadline(flow);
  /* What may go now waits for the socket, not for the time. */
  if (output_ms > now_ms) due_ms = gcn__time_min(due_ms, output_ms);
  return due_ms;
}
