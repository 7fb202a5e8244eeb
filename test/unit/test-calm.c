/* SPDX-License-Identifier: MIT */
/*
 * The short way of an ordinary wake-up does what the long way does.
 *
 * The same life is lived by two engines: one goes the short way where it may,
 * the other one is made to forget after everything that it could.  Events, cut
 * and whole, alone and beside pings, heartbeats and messages of other kinds,
 * calls of the user's, timers that are due with an event, rests and losses come
 * in an order that a seed decides.  What is told, what is written, what is due,
 * what is known of the stream and what the recorder holds is the same after
 * each of them.
 */
#include "engine-peer.h"

#include "base/rng.h"
#include "check.h"
#include "core/recorder.h"
#include "engine/internal.h"

#include <stdio.h>
#include <string.h>

enum {
  SEEDS = 80,
  STEPS = 150,
  LOG_SIZE_MAX = 1 << 24,
  RECORD_SIZE = 2048, /* so small that it is overwritten, too */
  REACH_MS = 900000,
};

/* One of the two lives. */
struct life {
  struct peer peer; /* comes first: it is what the peer hands to act() */
  struct gcn__recorder recorder;
  struct gcn__rng rng;
  struct gcn__buf log;
  bool forgets;
  unsigned number; /* of the next event */
  unsigned calm_count;
};

static void say(struct life* life, const char* text) {
  assert_int_equal(gcn__buf_append_str(&life->log, text), 0);
}

static void say_number(struct life* life, const char* name, uint64_t number) {
  char text[64];
  snprintf(text, sizeof text, " %s %llu", name, (unsigned long long)number);
  say(life, text);
}

static void say_span(struct life* life, struct gcn__span span) {
  say(life, " '");
  assert_int_equal(gcn__buf_append(&life->log, span.data, span.size), 0);
  say(life, "'");
}

static void forget(struct life* life) {
  if (life->forgets) life->peer.engine->calm = NULL;
}

static void say_event(struct life* life, const struct gcn__event* event) {
  say_span(life, event->topic);
  say_span(life, event->body);
  say_span(life, event->correlation_id);
  say_span(life, event->message);
  say_number(life, "sequence", event->sequence);
  say_number(life, "generation", event->generation);
  say_number(life, "connection", event->connection);
  say_number(life, "shard", event->shard);
  say_number(life, "key", event->key.words[0]);
}

static void act(struct peer* peer, const struct gcn__effect* effect) {
  struct life* life = (struct life*)peer;
  forget(life);
  if (gcn__engine_calm(peer->engine)) life->calm_count++;
  say_number(life, "\neffect", effect->kind);
  say_number(life, "wire", effect->wire);
  bool event = effect->kind == GCN__EFFECT_EVENT;
  if (event || effect->kind == GCN__EFFECT_NOTICE)
    say_event(life, &effect->event);
  if (effect->kind == GCN__EFFECT_STATE)
    say_number(life, "to", effect->transition.to);
  if (effect->kind != GCN__EFFECT_GAP) return;
  say_number(life, "from", effect->gap.from_ms);
  say_number(life, "until", effect->gap.to_ms);
}

/* Known by all that it is told with: the number, too. */
static size_t choose_id(void* ctx, const struct gcn__event* event, char* id,
                        size_t size) {
  (void)ctx;
  int used =
      snprintf(id, size, "%llu-%.*s", (unsigned long long)event->sequence,
               (int)event->body.size, event->body.data);
  return (size_t)used;
}

static uint64_t below(struct life* life, uint64_t limit) {
  return gcn__rng_below(&life->rng, limit);
}

static void begin(struct life* life, unsigned seed, bool forgets) {
  static const char* const topics[] = {"v2.a"};
  const struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  *life = (struct life){.forgets = forgets};
  gcn__rng_seed(&life->rng, seed);
  gcn__buf_init(&life->log, &gcn__mem_libc, LOG_SIZE_MAX);
  gcn__recorder_init(&life->recorder, &gcn__mem_libc, RECORD_SIZE, &settings);
  uint64_t spare_ms = seed % 3 == 0 ? 5000 : 0;
  assert_int_equal(peer_init_sparing(&life->peer, &gcn__mem_libc, spare_ms), 0);
  struct gcn__engine* engine = life->peer.engine;
  life->peer.act = act;
  engine->recorder = seed % 4 == 1 ? NULL : &life->recorder;
  engine->keys = seed % 2 == 0;
  engine->id_choice = (struct gcn__id_choice){choose_id, NULL};
  assert_int_equal(gcn__engine_topics_add(engine, topics, 1), 0);
  peer_command(&life->peer, GCN__COMMAND_START);
  assert_true(peer_reach(&life->peer, GCN__STATE_STREAMING, REACH_MS));
}

static void end(struct life* life) {
  peer_deinit(&life->peer);
  gcn__recorder_deinit(&life->recorder);
  gcn__buf_deinit(&life->log);
}

static void put_frame(struct gcn__buf* to, unsigned char first,
                      const char* text) {
  char head[2] = {(char)first, (char)strlen(text)};
  assert_in_range(strlen(text), 0, 125);
  assert_int_equal(gcn__buf_append(to, head, sizeof head), 0);
  assert_int_equal(gcn__buf_append_str(to, text), 0);
}

static void put_event(struct life* life, struct gcn__buf* to) {
  char text[100];
  snprintf(text, sizeof text,
           "{\"topicName\":\"v2.a\",\"eventBody\":{\"n\":%u}}", life->number++);
  put_frame(to, 0x81, text);
}

/* What is no event, or none that comes in one piece. */
static void put_other(struct life* life, struct gcn__buf* to) {
  switch (below(life, 8)) {
  case 0: put_frame(to, 0x89, "ping"); return;
  case 1: put_frame(to, 0x8a, "pong"); return;
  case 2:
    put_frame(to, 0x81,
              "{\"topicName\":\"channel.metadata\",\"eventBody\":"
              "{\"message\":\"WebSocket Heartbeat\"}}");
    return;
  case 3: put_frame(to, 0x81, "{\"nothing\":1}"); return;
  case 4: put_frame(to, 0x81, "no JSON"); return;
  case 5: put_frame(to, 0x81, "{\"topicName\":\"v2.system.x\"}"); return;
  case 6: put_frame(to, 0x82, "binary"); return;
  default:
    put_frame(to, 0x01, "{\"topicName\":\"v2.a\",");
    if (below(life, 2) == 0) put_frame(to, 0x89, "between");
    put_frame(to, 0x80, "\"eventBody\":{}}");
    return;
  }
}

/* In one read, or in two with a rest between them. */
static void send(struct life* life, const struct gcn__buf* frames) {
  struct gcn__span all = gcn__buf_span(frames);
  size_t first = all.size;
  if (below(life, 4) == 0) first = 1 + (size_t)below(life, all.size);
  forget(life);
  peer_send_frames(&life->peer, gcn__span(all.data, first));
  if (first == all.size) return;
  uint64_t rest_ms = below(life, 3) == 0 ? below(life, 20000) : 0;
  if (below(life, 2) == 0)
    life->peer.now_ms += rest_ms;
  else
    peer_wait(&life->peer, rest_ms);
  forget(life);
  peer_send_frames(&life->peer, gcn__span_skip(all, first));
}

static void send_some(struct life* life, bool others) {
  struct gcn__buf frames;
  char room[256];
  gcn__buf_init(&frames, &gcn__mem_libc, sizeof room);
  bool before = others && below(life, 2) == 0;
  if (before) put_other(life, &frames);
  for (uint64_t i = below(life, 3) + !before; i > 0; i--)
    put_event(life, &frames);
  if (others && !before) put_other(life, &frames);
  send(life, &frames);
  gcn__buf_deinit(&frames);
}

/* Events come with what is due. */
static void send_when_due(struct life* life) {
  uint64_t due_ms = gcn__engine_deadline(life->peer.engine);
  if (due_ms == GCN__NEVER) return;
  life->peer.now_ms = gcn__time_max(life->peer.now_ms, due_ms);
  for (int i = 0; i < 3; i++)
    send_some(life, false);
}

/* A turn that ends before all that was read has been told. */
static void send_and_stop(struct life* life) {
  struct gcn__engine* engine = life->peer.engine;
  const struct peer_link* link = &life->peer.links[GCN__WIRE_STREAM];
  struct gcn__buf frames;
  struct gcn__effect effect;
  bool open = gcn__conn_streams(engine->conns[0]) && link->upgraded &&
              !link->closing && !engine->paused;
  /* Else something besides the events is told. */
  bool idle = !gcn__engine_busy(engine) &&
              gcn__engine_deadline(engine) > life->peer.now_ms;
  if (!open || !idle || gcn__engine_full(engine, GCN__WIRE_STREAM)) return;
  if (gcn__ws_partial(engine->conns[0]->stream.wire.ws)) return;
  gcn__buf_init(&frames, &gcn__mem_libc, 256);
  for (int i = 0; i < 3; i++)
    put_event(life, &frames);
  forget(life);
  gcn__engine_received(engine, GCN__WIRE_STREAM, gcn__buf_span(&frames),
                       life->peer.now_ms);
  for (uint64_t i = below(life, 3); i > 0; i--) {
    if (!gcn__engine_next(engine, &effect)) break; /* another shard's */
    assert_int_equal(effect.kind, GCN__EFFECT_EVENT);
    act(&life->peer, &effect);
  }
  gcn__engine_settle(engine);
  gcn__buf_deinit(&frames);
  send_some(life, false);
}

static void change_topics(struct life* life) {
  static const char* const more[] = {"v2.b"};
  struct gcn__engine* engine = life->peer.engine;
  if (gcn__engine_topic_count(engine) == 1) {
    assert_int_equal(gcn__engine_topics_add(engine, more, 1), 0);
  } else {
    (void)gcn__engine_topics_remove(engine, more, 1);
  }
  if (below(life, 2) == 0) send_some(life, false);
  peer_command(&life->peer, GCN__COMMAND_TOPICS);
}

static void call(struct life* life) {
  struct gcn__engine* engine = life->peer.engine;
  uint64_t now_ms = life->peer.now_ms;
  switch (below(life, 7)) {
  case 0: gcn__engine_pause(engine, true, now_ms); return;
  case 1: gcn__engine_excuse(engine, now_ms); return;
  case 2: gcn__engine_slept(engine, below(life, 100000), now_ms); return;
  case 3: gcn__engine_limit_close(engine, 1000, now_ms); return;
  case 4: peer_command(&life->peer, GCN__COMMAND_HURRY); return;
  case 5: peer_command(&life->peer, GCN__COMMAND_ROTATE); return;
  default: change_topics(life); return;
  }
}

static void step(struct life* life) {
  struct gcn__engine* engine = life->peer.engine;
  forget(life);
  gcn__engine_keep(engine, below(life, 8) == 0);
  switch (below(life, 16)) {
  case 0: call(life); break;
  case 1:
    gcn__engine_pause(engine, false, life->peer.now_ms);
    if (gcn__engine_topic_count(engine) > 1) change_topics(life);
    break;
  case 2: peer_wait(&life->peer, below(life, 2000)); break;
  case 3:
    peer_wait(&life->peer, below(life, below(life, 9) == 0 ? 600000 : 50000));
    break;
  case 4: life->peer.now_ms -= below(life, 3); break; /* a clock that is set */
  case 5: send_when_due(life); break;
  case 6: send_and_stop(life); break;
  case 7:
    /* Else an effect could wait that is about this link. */
    if (gcn__engine_busy(engine)) break;
    if (below(life, 8) == 0) peer_lose(&life->peer, GCN__WIRE_STREAM);
    break;
  case 8:
  case 9: send_some(life, true); break;
  default:
    for (uint64_t i = below(life, 6); i > 0; i--)
      send_some(life, false);
    break;
  }
  if (below(life, 2) == 0) peer_wait(&life->peer, 1);
  life->peer.now_ms += below(life, 30);
}

static void say_conn(struct life* life, const struct gcn__conn* conn) {
  const struct gcn__session* session = &conn->session;
  say_number(life, "\n conn", conn->slot);
  say_number(life, "state", session->state);
  for (int t = 0; t < GCN__TIMER_COUNT; t++)
    say_number(life, "t", session->deadlines_ms[t]);
  say_number(life, "proof", session->proof_ms);
  say_number(life, "streamed", session->streamed_ms);
  say_number(life, "doubtful", session->doubtful);
  say_number(life, "message", conn->patience.message_due_ms);
  say_number(life, "begun", conn->patience.message_ms);
  say_number(life, "garbage", conn->garbage_run);
  say_number(life, "read", conn->stream.wire.read_ms);
  say_number(life, "pings", conn->pings);
}

static void say_record(struct life* life) {
  struct gcn__buf dump;
  uint64_t hash = 14695981039346656037u;
  gcn__buf_init(&dump, &gcn__mem_libc, 1 << 20);
  assert_int_equal(
      gcn__recorder_dump(&life->recorder, life->peer.now_ms, 0, &dump), 0);
  struct gcn__span bytes = gcn__buf_span(&dump);
  for (size_t i = 0; i < bytes.size; i++)
    hash = (hash ^ (unsigned char)bytes.data[i]) * 1099511628211u;
  say_number(life, "record", hash);
  gcn__buf_deinit(&dump);
}

static void say_all(struct life* life) {
  const struct gcn__engine* engine = life->peer.engine;
  const struct gcn__engine_counters* counters = &engine->counters;
  say_number(life, "\nafter: due", gcn__engine_deadline(engine));
  say_number(life, "now", engine->now_ms);
  say_number(life, "busy", gcn__engine_busy(engine));
  say_number(life, "events", counters->events);
  say_number(life, "bytes", counters->event_bytes);
  say_number(life, "received", counters->received_bytes);
  say_number(life, "sent", counters->sent_bytes);
  say_number(life, "last", counters->last_event_ms);
  say_number(life, "heartbeats", counters->heartbeats);
  say_number(life, "garbage", counters->garbage);
  say_record(life);
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL)
    say_conn(life, conn);
}

/* The last lines before the difference. */
static void show(const struct life* life, const char* who, size_t at) {
  struct gcn__span log = gcn__buf_span(&life->log);
  size_t from = at > 1500 ? at - 1500 : 0;
  size_t size = log.size - from < 2200 ? log.size - from : 2200;
  print_error("%s:\n%.*s\n", who, (int)size, log.data + from);
}

static void compare(unsigned seed, const struct life* one,
                    const struct life* other) {
  struct gcn__span a = gcn__buf_span(&one->log);
  struct gcn__span b = gcn__buf_span(&other->log);
  if (a.size == b.size && memcmp(a.data, b.data, a.size) == 0) return;
  size_t at = 0;
  while (at < a.size && at < b.size && a.data[at] == b.data[at])
    at++;
  show(one, "the short way", at);
  show(other, "the long way", at);
  fail_msg("seed %u: they differ", seed);
}

static void both_ways_do_the_same(void** state) {
  (void)state;
  uint64_t events = 0;
  unsigned calm_count = 0;
  for (unsigned seed = 0; seed < SEEDS; seed++) {
    struct life lives[2];
    for (int i = 0; i < 2; i++)
      begin(&lives[i], seed, i == 1);
    for (int n = 0; n < STEPS; n++) {
      for (int i = 0; i < 2; i++) {
        say_number(&lives[i], "\nstep", (uint64_t)n);
        step(&lives[i]);
        say_all(&lives[i]);
      }
      compare(seed, &lives[0], &lives[1]);
      gcn__buf_clear(&lives[0].log);
      gcn__buf_clear(&lives[1].log);
    }
    assert_int_equal(lives[1].calm_count, 0);
    calm_count += lives[0].calm_count;
    events += lives[0].peer.event_count;
    for (int i = 0; i < 2; i++)
      end(&lives[i]);
  }
  /* It was about something. */
  assert_true(events > (uint64_t)SEEDS * STEPS / 2);
  assert_true(calm_count > SEEDS * STEPS / 10);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_ways_do_the_same),
  };
  return cmocka_run_group_tests_name("calm", tests, NULL, NULL);
}
