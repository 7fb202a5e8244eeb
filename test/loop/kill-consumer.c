/* SPDX-License-Identifier: MIT */
/*
 * Every record is written before what it speaks of: who is killed in between
 * has said too much rather than too little.
 */
#include "kill-consumer.h"

#include "kill-report.h"
#include "service.h"

#include "base/rng.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  HELD_MAX = 64,
  ONE_IN_HELD = 8, /* of how many events one is acknowledged later */
  ACK_STEP_MS = 3,
  ONE_IN_ACKED = 3, /* of those that are held, each time */
  ONE_IN_ACKED_LATE = 40,
  LATENCY_MS = 100,
  IDS_MAX = 1 << 14, /* above the window's count */
  LIFE_S_MAX = 60,   /* should the test die first */
};

const char* const kill_channels_topics[] = {topic_text, NULL};
const char* const kill_stream_topics[] = {
    "routing.queueEvents@q-1", "routing.queueEvents@q-2",
    "routing.interactionEvents@i-1", NULL};

/* Not acknowledged yet. */
struct held {
  const gcn_event_t* event; /* NULL: by its number */
  uint64_t sequence;
};

struct consumer {
  uv_loop_t loop;
  uv_timer_t acker;
  uv_signal_t term;
  gcn_client_t* client;
  gcn_stream_t stream;
  struct gcn__rng rng;
  struct held held[HELD_MAX];
  size_t held_count;
  uint64_t told;
  uint64_t leave_after;
  uint64_t one_in_acked;
  bool leaves;
  char ids[IDS_MAX][KILL_ID_SIZE];
};

static void report(const struct kill_report* said) {
  ssize_t size = write(KILL_REPORTS_FD, said, sizeof *said);
  if (size != (ssize_t)sizeof *said) _exit(3);
}

static void report_number(enum kill_word word, uint64_t number) {
  report(&(struct kill_report){.word = word, .number = number});
}

static void report_failure(int error, const char* text) {
  struct kill_report said = {.word = KILL_FAILED};
  said.number = (uint64_t)-error;
  snprintf(said.id, sizeof said.id, "%s", text);
  fprintf(stderr, "consumer: error %d: %s\n", error, text);
  report(&said);
}

static char* id_at(struct consumer* consumer, uint64_t sequence) {
  return consumer->ids[sequence % IDS_MAX];
}

const char* kill_id_of(void* data, uint64_t sequence) {
  return id_at(data, sequence);
}

static void handle(struct consumer* consumer, const struct held* held) {
  report_number(KILL_HANDLES, held->sequence);
  int error = held->event != NULL
                  ? gcn_event_ack(held->event)
                  : gcn_client_ack(consumer->client, held->sequence);
  if (error != 0) report_failure(error, "acknowledging");
}

/* --- leaving -------------------------------------------------------------- */

static void release_held(struct consumer* consumer) {
  for (size_t i = 0; i < consumer->held_count; i++) {
    if (consumer->held[i].event == NULL) continue;
    gcn_event_release(consumer->held[i].event);
  }
  consumer->held_count = 0;
}

static void on_close(gcn_client_t* client) {
  struct consumer* consumer = gcn_client_data(client);
  uv_close((uv_handle_t*)&consumer->acker, NULL);
  uv_close((uv_handle_t*)&consumer->term, NULL);
}

static void leave(struct consumer* consumer) {
  if (consumer->leaves) return;
  consumer->leaves = true;
  report_number(KILL_LEAVES, 0);
  release_held(consumer);
  gcn_client_close(consumer->client, on_close);
}

static void on_term(uv_signal_t* term, int number) {
  (void)number;
  leave(term->data);
}

/* --- what it is told ------------------------------------------------------ */

/* Keeps the event for later; false if it may not. */
static bool hold(struct consumer* consumer, const gcn_event_t* event) {
  if (consumer->held_count == HELD_MAX) return false;
  if (gcn__rng_below(&consumer->rng, ONE_IN_HELD) != 0) return false;
  struct held held = {.sequence = event->sequence};
  if (gcn__rng_below(&consumer->rng, 2) == 0) {
    held.event = gcn_event_retain(event);
  }
  consumer->held[consumer->held_count++] = held;
  return true;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct consumer* consumer = gcn_client_data(client);
  struct kill_report said = {.word = KILL_TOLD, .number = event->sequence};
  gcn_span_t id = event->id.size > 0 ? event->id : event->correlation_id;
  snprintf(said.id, sizeof said.id, "%.*s", (int)id.size,
           id.size == 0 ? "" : id.data);
  report(&said);
  memcpy(id_at(consumer, event->sequence), said.id, sizeof said.id);
  consumer->told++;
  if (!hold(consumer, event)) {
    handle(consumer, &(struct held){event, event->sequence});
  }
  bool ends = consumer->told == consumer->leave_after;
  if (ends) leave(consumer);
}

static void on_ack_time(uv_timer_t* timer) {
  struct consumer* consumer = timer->data;
  size_t left = 0;
  for (size_t i = 0; i < consumer->held_count; i++) {
    const struct held held = consumer->held[i];
    if (gcn__rng_below(&consumer->rng, consumer->one_in_acked) != 0) {
      consumer->held[left++] = held;
      continue;
    }
    handle(consumer, &held);
    if (held.event != NULL) gcn_event_release(held.event);
  }
  consumer->held_count = left;
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  (void)client;
  report_number(KILL_DURABLE, sequence);
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct kill_report said = {.word = KILL_GAP};
  (void)client;
  said.from_unix_ms = gap->from_unix_ms;
  said.to_unix_ms = gap->to_unix_ms;
  snprintf(said.id, sizeof said.id, "%s", gap->cause);
  report(&said);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  (void)client;
  if (transition->to == GCN_STREAMING) report_number(KILL_STREAMS, 0);
  if (transition->failure == NULL) return;
  report_failure(transition->failure->error, transition->failure->text);
}

static void on_checkpoint(gcn_client_t* client, const gcn_failure_t* failure) {
  (void)client;
  report_failure(failure->error, failure->text);
}

/* --- its life ------------------------------------------------------------- */

static void choose_store(gcn_options_t* options, enum kill_mode mode,
                         const char* path) {
  if (mode == KILL_SQLITE) {
    options->checkpoint_sqlite = path;
  } else {
    options->checkpoint_path = path;
  }
}

static gcn_options_t make_options(struct consumer* consumer, const char* url) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.login_url = url;
  options.api_url = url;
  options.allow_plaintext = 1;
  options.client_id = "id";
  options.client_secret = "s3cr3t";
  options.proxy = "";
  options.data = consumer;
  options.event_cb = on_event;
  options.state_cb = on_state;
  options.gap_cb = on_gap;
  options.durable_cb = on_durable;
  options.checkpoint_cb = on_checkpoint;
  options.ack = GCN_ACK_MANUAL;
  options.sync_ms = 1;
  options.stagger_ms = 1;
  options.close_ms = 200;
  options.latency_ms_max = LATENCY_MS;
  /* Saves one after another, or with pauses in between. */
  options.checkpoint_ms = gcn__rng_below(&consumer->rng, 2) == 0 ? 1 : 20;
  return options;
}

static int start(struct consumer* consumer, char** argv, gcn_effect_cb effect) {
  gcn_options_t options = make_options(consumer, argv[KILL_ARG_URL]);
  enum kill_mode mode = (enum kill_mode)atoi(argv[KILL_ARG_MODE]);
  const char* const* topics = kill_channels_topics;
  size_t count = 1;
  choose_store(&options, mode, argv[KILL_ARG_PATH]);
  options.effect_cb = effect;
  /* Where nothing is repeated, what is held must make a gap longer than the
   * latency alone does. */
  consumer->one_in_acked = ONE_IN_ACKED_LATE;
  if (mode != KILL_CHANNELS) {
    gcn_stream_init(&consumer->stream, GCN_PRESET_GUIDE);
    consumer->stream.latency_ms = 5;
    options.dialect = GCN_DIALECT_STREAM;
    options.stream = &consumer->stream;
    consumer->one_in_acked = ONE_IN_ACKED;
    topics = kill_stream_topics;
    count = 3;
  }
  int error = gcn_client_new(&consumer->client, &consumer->loop, &options);
  if (error != 0) return error;
  error = gcn_client_subscribe(consumer->client, topics, count);
  return error != 0 ? error : gcn_client_start(consumer->client);
}

bool kill_is_consumer(int argc, char** argv) {
  return argc == KILL_ARG_COUNT && strcmp(argv[KILL_ARG_WORD], "consume") == 0;
}

int kill_consume(char** argv, gcn_effect_cb effect) {
  struct consumer* consumer = calloc(1, sizeof *consumer);
  if (consumer == NULL || uv_loop_init(&consumer->loop) != 0) return 1;
  alarm(LIFE_S_MAX);
  gcn__rng_seed(&consumer->rng, strtoull(argv[KILL_ARG_SEED], NULL, 10));
  consumer->leave_after = strtoull(argv[KILL_ARG_LEAVE], NULL, 10);
  uv_timer_init(&consumer->loop, &consumer->acker);
  uv_signal_init(&consumer->loop, &consumer->term);
  consumer->acker.data = consumer->term.data = consumer;
  uv_timer_start(&consumer->acker, on_ack_time, ACK_STEP_MS, ACK_STEP_MS);
  uv_signal_start(&consumer->term, on_term, SIGTERM);
  int error = start(consumer, argv, effect);
  if (error != 0) {
    report_failure(error, "starting");
    return 1;
  }
  uv_run(&consumer->loop, UV_RUN_DEFAULT);
  error = uv_loop_close(&consumer->loop);
  if (error != 0) report_failure(error, "something stays on the loop");
  report_number(KILL_LEFT, 0);
  free(consumer);
  return error == 0 ? 0 : 1;
}
