/* SPDX-License-Identifier: MIT */
/*
 * One run: begin, feed one fact, turn.
 *
 * begin() and turn() bracket everything; between them `pumping` is set.  User
 * calls made meanwhile only leave a note, which turn() obeys before it asks the
 * engine for more, so that a stop takes effect before the next dial and a pause
 * before the next event.
 *
 * A fact that comes while the clients of the hub have no time left, or wait
 * already, is not fed but noted: bytes and ends are left where they are, in the
 * kernel.  All that was noted is done when the client is served.
 */
#include "client/pump.h"

#include "base/assert.h"
#include "base/err.h"
#include "client/checkpoint.h"
#include "client/delivery.h"
#include "client/tell.h"
#include "client/wires.h"
#include "loop/system.h"

enum {
  /* Per turn of the loop, besides the time that all share: enough to be fast,
   * little enough to be a good guest of the loop.  What is told besides events
   * counts for many of them. */
  BUDGET_CALLS = 2048,
  TOLD_CALLS = 32,
  /* The clock is looked at after each step, and after this many while they are
   * events and take less than that on average. */
  QUICK_STEPS = 8,
  QUICK_NS = 5000,
  /* A timer this late means that the loop stood still, so silence may be
   * unread data.  Forgiven once per minute: a host that stands still all the
   * time must not keep a dead stream. */
  STALL_MS = 2000,
  EXCUSE_STEP_MS = 60000,
  /* So long without a call of the loop, it may have slept or been blocked. */
  LOOK_MS = 50,
  LOOKS_MAX = 3,
};

static bool noted(const struct gcn_client_s* client) {
  return client->mailbox.commands != 0 ||
         gcn__delivery_rests(client) != client->paused;
}

static void obey(struct gcn_client_s* client, uint64_t now_ms) {
  bool rests = gcn__delivery_rests(client);
  if (rests != client->paused) {
    client->paused = rests;
    gcn__engine_pause(client->engine, rests, now_ms);
  }
  /* Also without commands: those that were kept back may go now. */
  unsigned commands = gcn__mailbox_take(&client->mailbox);
  commands = gcn__checkpointer_filter(client, commands, now_ms);
  if (commands == 0) return;
  gcn__engine_command(client->engine, commands, now_ms);
}

static void excuse(struct gcn_client_s* client, uint64_t now_ms) {
  bool recent =
      client->excused_ms != 0 && now_ms - client->excused_ms < EXCUSE_STEP_MS;
  if (recent) return;
  client->excused_ms = now_ms;
  gcn__engine_excuse(client->engine, now_ms);
}

/* The machine has, and the engine was not told yet. */
static bool has_slept(const struct gcn_client_s* client, uint64_t now_ms) {
  gcn__hub_look(client->hub, now_ms);
  return client->hub->sleeps.count != client->slept_count;
}

static void notice_sleep(struct gcn_client_s* client, uint64_t now_ms) {
  if (!has_slept(client, now_ms)) return;
  struct gcn__sleeps sleeps = client->hub->sleeps;
  uint64_t uncounted_ms = sleeps.uncounted_ms - client->uncounted_ms;
  client->sleep_count += sleeps.count - client->slept_count;
  client->slept_count = sleeps.count;
  client->uncounted_ms = sleeps.uncounted_ms;
  gcn__engine_slept(client->engine, uncounted_ms, now_ms);
}

static void refill(struct gcn_client_s* client) {
  uint64_t number = gcn__turns_number(client->turns);
  if (client->turn_number == number) return;
  client->turn_number = number;
  client->calls_left = BUDGET_CALLS;
}

static bool spent(const struct gcn_client_s* client) {
  return client->calls_left == 0 || gcn__turns_over(client->turns);
}

/* What is late is the alarm's to judge, before which all that has come is read:
 * it did not ring in time, looks first, or waits for its turn. */
static bool is_late(const struct gcn_client_s* client, uint64_t now_ms) {
  return now_ms >= client->alarm.due_ms || client->looks > 0 || client->rung;
}

static void hold(struct gcn_client_s* client, bool held) {
  if (client->held == held) return;
  client->held = held;
  gcn__engine_hold(client->engine, held);
}

static uint64_t begin(struct gcn_client_s* client) {
  GCN__ASSERT(!client->pumping && !client->leaving);
  client->pumping = true;
  uint64_t now_ms = gcn__loop_now_ms(client->loop);
  /* The host blocked the loop within this very turn. */
  if (now_ms > gcn__time_add(client->alarm.due_ms, STALL_MS)) {
    excuse(client, now_ms);
  }
  hold(client, is_late(client, now_ms));
  client->awake_ms = now_ms;
  gcn__turns_begin(client->turns);
  refill(client);
  notice_sleep(client, now_ms);
  gcn__delivery_woken(client, now_ms);
  obey(client, now_ms);
  return now_ms;
}

/* What it was decides how soon the clock is looked at. */
enum pace { NOTHING, QUICK, SLOW };

static enum pace perform(struct gcn_client_s* client,
                         const struct gcn__effect* effect, uint64_t now_ms) {
  switch (effect->kind) {
  case GCN__EFFECT_OPEN: gcn__wires_open(client, effect, now_ms); break;
  case GCN__EFFECT_DROP:
    gcn__wires_drop(client, effect->wire, effect->abort);
    break;
  case GCN__EFFECT_MOVE: gcn__wires_move_spare(client, effect->wire); break;
  case GCN__EFFECT_EVENT: gcn__delivery_event(client, effect); return QUICK;
  case GCN__EFFECT_MARK:
    gcn__delivery_mark(client, &effect->mark);
    return QUICK;
  case GCN__EFFECT_STATE:
  case GCN__EFFECT_NOTICE:
  case GCN__EFFECT_HEARTBEAT:
  case GCN__EFFECT_TOPIC:
  case GCN__EFFECT_GAP:
  case GCN__EFFECT_ROTATION:
  case GCN__EFFECT_ASK:
  case GCN__EFFECT_REFRESHED:
    gcn__tell(client, effect, now_ms);
    client->calls_left -=
        client->calls_left < TOLD_CALLS ? client->calls_left : TOLD_CALLS;
    break;
  }
  return SLOW;
}

/* One thing, in the order of arrival: what waits comes before what the engine
 * has. */
static enum pace step(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__effect effect;
  if (gcn__delivery_drain(client, now_ms)) return QUICK;
  if (gcn__delivery_holds(client)) return NOTHING;
  gcn__engine_keep(client->engine, ~gcn__delivery_ready(client));
  if (!gcn__engine_next(client->engine, &effect)) return NOTHING;
  return perform(client, &effect, now_ms);
}

/* How many events may be told before the clock is looked at again. */
static unsigned look(struct gcn_client_s* client, unsigned taken) {
  uint64_t passed_ns;
  gcn__turns_look(client->turns, &passed_ns);
  return passed_ns < taken * (uint64_t)QUICK_NS ? QUICK_STEPS : 1;
}

/* Ends early if the budget is spent or the user has called. */
static void drain(struct gcn_client_s* client, uint64_t now_ms) {
  unsigned taken = 0; /* steps since the clock was looked at */
  unsigned most = 2;  /* a single event is not worth it */
  while (!spent(client) && !noted(client)) {
    enum pace pace = step(client, now_ms);
    if (pace == NOTHING) break;
    if (++taken < most && pace == QUICK) continue;
    most = look(client, taken);
    taken = 0;
  }
  gcn__engine_settle(client->engine);
  /* An event that was in hand when the user paused stays where it is. */
  if (!client->pause_wanted) gcn__delivery_flush(client);
}

static uint64_t deadline_of(const struct gcn_client_s* client) {
  uint64_t due_ms = GCN__NEVER;
  /* Else the engine is not asked, and its deadlines wait. */
  if (!gcn__delivery_holds(client)) {
    due_ms = gcn__engine_deadline(client->engine);
  }
  due_ms = gcn__time_min(due_ms, gcn__wires_deadline(client));
  due_ms = gcn__time_min(due_ms, gcn__delivery_deadline(client));
  return gcn__time_min(due_ms, gcn__checkpointer_deadline(client));
}

static void arm(struct gcn_client_s* client) {
  gcn__alarm_arm(&client->alarm, deadline_of(client));
}

/* There is something to do without a new fact. */
static bool busy(const struct gcn_client_s* client) {
  if (noted(client) || gcn__delivery_busy(client)) return true;
  return !gcn__delivery_holds(client) && gcn__engine_busy(client->engine);
}

/* Whether the client may go: nothing is left to be done. */
static bool is_over(struct gcn_client_s* client, uint64_t now_ms) {
  if (!client->closing || busy(client)) return false;
  if (gcn__engine_state(client->engine) != GCN__STATE_CLOSED) return false;
  return gcn__checkpointer_quit(client, now_ms);
}

/* A change of the only connection's state is summed when it is told. */
static void sum(struct gcn_client_s* client, uint64_t now_ms) {
  bool alone = gcn__engine_wire_count(client->engine) <= GCN__WIRE_STREAM + 1;
  bool known = alone && client->alone;
  client->alone = alone;
  if (!known) gcn__tell_sum(client, now_ms);
}

/* What follows from all that was told. */
static void conclude(struct gcn_client_s* client, uint64_t now_ms) {
  sum(client, now_ms);
  gcn__delivery_report(client);
  gcn__checkpointer_turn(client, now_ms);
  gcn__delivery_woken(client, now_ms);
}

/* Nothing is late after all: what moves away arms no alarm anew. */
static void release(struct gcn_client_s* client, uint64_t now_ms) {
  if (!client->held || spent(client)) return;
  if (client->rung || deadline_of(client) <= now_ms) return;
  hold(client, false);
  drain(client, now_ms);
}

static void turn(struct gcn_client_s* client, uint64_t now_ms) {
  drain(client, now_ms);
  release(client, now_ms);
  while (noted(client) && !spent(client)) {
    obey(client, now_ms);
    drain(client, now_ms);
  }
  gcn__wires_write(client);
  conclude(client, now_ms);
  client->pumping = false;
  if (is_over(client, now_ms)) {
    gcn__client_leave(client);
    return;
  }
  if (busy(client) || client->unopened > 0) {
    client->woken = true;
    gcn__turns_wait(client->turns, &client->turn);
  }
  gcn__wires_read(client);
  arm(client);
}

static void run_posts(struct gcn_client_s* client) {
  struct gcn__post* post = gcn__mailbox_take_posts(&client->mailbox);
  while (post != NULL) {
    struct gcn__post* next = post->next;
    post->call(client, client->closing ? UV_ECANCELED : 0, post->arg);
    gcn__post_free(post);
    post = next;
  }
}

/* What has an end that is not read yet is not judged. */
static void wake_links(struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    if (client->wires[i] == NULL) continue;
    if (client->facts[i] & GCN__FACT_UNREAD) continue;
    gcn__link_woken(client->wires[i], gcn__loop_now_ms(client->loop));
  }
}

/* What is due was due by a clock; what it waits for may lie in the kernel, if
 * the host blocked the loop up to now.  So nothing is judged before the loop
 * has polled once: libuv runs timers before it polls.  A host that blocks it
 * every time must not keep everything from being due, either. */
static bool stood_still(struct gcn_client_s* client, uint64_t late_ms) {
  uint64_t now_ms = gcn__loop_now_ms(client->loop);
  bool late = late_ms > STALL_MS;
  bool unread = late || now_ms - client->awake_ms > LOOK_MS;
  client->awake_ms = now_ms;
  if (late) excuse(client, now_ms); /* once a minute at most */
  client->looks = unread && client->looks < LOOKS_MAX ? client->looks + 1 : 0;
  return client->looks > 0;
}

/* Whether a fact may be fed at once. */
static bool may_work(const struct gcn_client_s* client) {
  return client->serving || gcn__turns_free(client->turns);
}

static void ring(struct gcn_client_s* client) {
  wake_links(client);
  if (client->leaving) return;
  uint64_t now_ms = begin(client);
  hold(client, false);
  gcn__engine_woken(client->engine, now_ms);
  turn(client, now_ms);
}

/* What lies unread by now is read before anything is judged; what comes later
 * is not waited for. */
static void note_alarm(struct gcn_client_s* client) {
  gcn__turns_wait(client->turns, &client->turn);
  if (client->rung) return;
  client->rung = true;
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    bool unread = (client->facts[i] & GCN__FACT_UNREAD) != 0;
    if (unread) client->facts[i] |= GCN__FACT_AWAITED;
  }
}

/* Deadlines move away with what comes, and the alarm is not armed anew for it.
 * Then there is nothing to do but that, unless something else is done by the
 * way at every wake-up. */
static bool came_early(struct gcn_client_s* client, uint64_t late_ms) {
  uint64_t now_ms = gcn__loop_now_ms(client->loop);
  uint64_t due_ms = deadline_of(client);
  if (late_ms > STALL_MS || due_ms <= now_ms) return false;
  if (client->woken || client->rung) return false;
  if (has_slept(client, now_ms)) return false;
  if (!gcn__delivery_calm(client, now_ms)) return false;
  client->awake_ms = now_ms;
  client->looks = 0;
  gcn__alarm_arm(&client->alarm, due_ms);
  return true;
}

void gcn__pump_alarm(void* ctx, uint64_t late_ms) {
  struct gcn_client_s* client = ctx;
  if (came_early(client, late_ms)) return;
  if (stood_still(client, late_ms)) {
    gcn__alarm_arm(&client->alarm, 0);
    return;
  }
  if (may_work(client)) {
    ring(client);
    return;
  }
  note_alarm(client);
}

static enum gcn__wire_index wire_of(const struct gcn_client_s* client,
                                    const struct gcn__link* link) {
  enum gcn__wire_index wire = gcn__link_wire(link);
  GCN__ASSERT(client->wires[wire] == link);
  (void)client;
  return wire;
}

static void note_fact(struct gcn_client_s* client, const struct gcn__link* link,
                      enum gcn__fact fact) {
  client->facts[wire_of(client, link)] |= (unsigned char)fact;
  gcn__turns_wait(client->turns, &client->turn);
}

static void on_linked(void* owner, struct gcn__link* link) {
  struct gcn_client_s* client = owner;
  enum gcn__wire_index wire = wire_of(client, link);
  if (!may_work(client)) {
    note_fact(client, link, GCN__FACT_LINKED);
    return;
  }
  uint64_t now_ms = begin(client);
  gcn__engine_linked(client->engine, wire, now_ms);
  turn(client, now_ms);
}

static void on_lend(void* owner, uv_buf_t* buf) {
  const struct gcn_client_s* client = owner;
  bool good = may_work(client);
  *buf = good ? gcn__hub_lend(client->hub) : uv_buf_init(NULL, 0);
}

static void on_unread(void* owner, struct gcn__link* link) {
  struct gcn_client_s* client = owner;
  note_fact(client, link, GCN__FACT_UNREAD);
  if (gcn__turns_crowded(client->turns)) gcn__link_read(link, false);
}

static void receive(struct gcn_client_s* client, enum gcn__wire_index wire,
                    struct gcn__span bytes) {
  uint64_t now_ms = begin(client);
  if (gcn__wire_role(wire) == GCN__WIRE_STREAM) {
    client->reads[wire] = (struct gcn__moment){now_ms, gcn__wall_now_ms()};
  }
  gcn__engine_received(client->engine, wire, bytes, now_ms);
  turn(client, now_ms);
}

/* One read counts for as many as the engine knows of: from the last one it sees
 * whether there was more. */
static void on_received(void* owner, struct gcn__link* link,
                        struct gcn__span bytes) {
  struct gcn_client_s* client = owner;
  enum gcn__wire_index wire = wire_of(client, link);
  gcn__hub_note_read(client->hub, bytes.size);
  while (bytes.size > GCN__READ_BUFFER_SIZE) {
    receive(client, wire, gcn__span(bytes.data, GCN__READ_BUFFER_SIZE));
    wire = gcn__link_wire(link); /* it may have another name now */
    if (client->leaving || client->wires[wire] != link) return;
    bytes = gcn__span_skip(bytes, GCN__READ_BUFFER_SIZE);
  }
  receive(client, wire, bytes);
}

static void on_writable(void* owner, struct gcn__link* link) {
  struct gcn_client_s* client = owner;
  (void)wire_of(client, link);
  if (may_work(client)) {
    turn(client, begin(client));
    return;
  }
  client->woken = true;
  gcn__turns_wait(client->turns, &client->turn);
}

/* Told at once: the end of a stream is read, so it came in time or was left
 * unread, and of connections that are not made yet there are few, as many as
 * there are permits. */
static void on_ended(void* owner, struct gcn__link* link, int error,
                     enum gcn__layer layer, const char* text) {
  struct gcn_client_s* client = owner;
  enum gcn__wire_index wire = wire_of(client, link);
  client->wires[wire] = NULL;
  client->facts[wire] = 0;
  uint64_t now_ms = begin(client);
  gcn__engine_ended(client->engine, wire, error, layer, text, now_ms);
  turn(client, now_ms);
}

/* The end of the run that is under way arms the timer. */
static void on_hurried(void* owner, struct gcn__link* link) {
  struct gcn_client_s* client = owner;
  if (!client->pumping) note_fact(client, link, GCN__FACT_HURRIED);
}

const struct gcn__link_listener gcn__pump_listener = {
    .linked = on_linked,
    .lend = on_lend,
    .received = on_received,
    .unread = on_unread,
    .writable = on_writable,
    .ended = on_ended,
    .hurried = on_hurried,
};

static bool take_fact(struct gcn_client_s* client, unsigned wire,
                      enum gcn__fact fact) {
  bool noted = (client->facts[wire] & fact) != 0;
  client->facts[wire] &= (unsigned char)~(unsigned)fact;
  return noted && client->wires[wire] != NULL;
}

/* What became of dialling; what was begun by it has deadlines of its own. */
static void serve_dialling(struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  bool hurried = false;
  for (unsigned i = 0; i < count && !client->leaving; i++) {
    if (take_fact(client, i, GCN__FACT_HURRIED)) {
      gcn__link_woken(client->wires[i], gcn__loop_now_ms(client->loop));
      hurried = true;
    }
    if (take_fact(client, i, GCN__FACT_LINKED)) {
      on_linked(client, client->wires[i]);
    }
  }
  if (hurried && !client->leaving) arm(client);
}

static void serve_wake(struct gcn_client_s* client) {
  if (client->leaving || !(client->woken || client->turn.posted)) return;
  client->woken = false;
  uint64_t now_ms = begin(client);
  run_posts(client);
  gcn__wires_fail(client, now_ms);
  turn(client, now_ms);
}

/* Reads until nothing is left, but no more than may be told in this turn. */
static void serve_wire(struct gcn_client_s* client, unsigned wire) {
  while (!client->woken && take_fact(client, wire, GCN__FACT_UNREAD)) {
    enum gcn__wire_index index = (enum gcn__wire_index)wire;
    struct gcn__link* link = client->wires[wire];
    take_fact(client, wire, GCN__FACT_AWAITED);
    if (gcn__engine_full(client->engine, index)) return;
    client->first_wire = wire + 1;
    bool more = gcn__link_pull(link);
    if (client->wires[wire] != link) return;
    /* It may have been stopped for a crowd, and there was nothing after all. */
    gcn__link_read(link, !gcn__engine_full(client->engine, index));
    if (!more) return;
    client->facts[wire] |= GCN__FACT_UNREAD;
    if (gcn__turns_look(client->turns, NULL)) return;
  }
}

/* The one that was read last comes last: it may always have more than may be
 * told in a turn. */
static void serve_wires(struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  unsigned first = client->first_wire;
  for (unsigned i = 0; i < count && !client->leaving; i++) {
    serve_wire(client, (first + i) % count);
  }
}

static bool may_judge(const struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    if (client->facts[i] & GCN__FACT_AWAITED) return false;
  }
  return true;
}

static bool waits(const struct gcn_client_s* client) {
  unsigned count = gcn__engine_wire_count(client->engine);
  for (unsigned i = 0; i < count; i++) {
    if (client->facts[i] != 0) return true;
  }
  return client->woken || client->rung;
}

/* What can be read is read before it is judged what is late. */
void gcn__pump_serve(void* ctx) {
  struct gcn_client_s* client = ctx;
  client->serving = true;
  serve_dialling(client);
  serve_wake(client);
  serve_wires(client);
  if (client->rung && !client->leaving && may_judge(client)) {
    client->rung = false;
    ring(client);
  }
  client->serving = false;
  if (client->leaving || !waits(client)) return;
  gcn__turns_wait(client->turns, &client->turn);
}

void gcn__client_wake(struct gcn_client_s* client) {
  if (client->leaving) return;
  client->woken = true;
  gcn__turns_wake(client->turns, &client->turn);
}
