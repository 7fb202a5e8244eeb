/* SPDX-License-Identifier: MIT */
/*
 * See delivery-case.h.
 */
#include "delivery-case.h"

#include <stdio.h>
#include <string.h>

static struct fixture* owner(gcn_client_t* client) {
  return GCN__CONTAINER_OF(client, struct fixture, client);
}

static struct told* next_told(struct fixture* f) {
  assert_true(f->told_count < TOLD_MAX);
  return &f->told[f->told_count++];
}

static void note(struct fixture* f, const gcn_event_t* event) {
  assert_ptr_equal(event->client, &f->client);
  char digits[16] = "";
  size_t size = event->version.size;
  assert_true(size < sizeof digits);
  memcpy(digits, event->version.data, size);
  *next_told(f) = (struct told){event->sequence, atoi(digits), f->batches};
  if (f->act != NULL) f->act(f, event);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  note(owner(client), event);
}

static void on_batch(gcn_client_t* client, const gcn_event_t* events,
                     size_t count) {
  struct fixture* f = owner(client);
  assert_true(count > 0);
  for (size_t i = 0; i < count; i++)
    note(f, &events[i]);
  f->batches++;
  if (f->act != NULL) f->act(f, NULL);
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct fixture* f = owner(client);
  f->gap = *gap;
  f->gaps++;
  f->gap_topics[0] = '\0';
  for (size_t i = 0; gap->topics != NULL && i < gap->topic_count; i++) {
    size_t used = strlen(f->gap_topics);
    snprintf(f->gap_topics + used, TEXT_MAX - used, "%s%.*s",
             used > 0 ? " " : "", (int)gap->topics[i].size,
             gap->topics[i].data);
  }
  *next_told(f) = (struct told){0, 0, f->batches};
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  struct fixture* f = owner(client);
  f->durable = sequence;
  f->durable_count++;
}

int delivery_set_up(void** state) {
  struct fixture* f = calloc(1, sizeof *f);
  assert_non_null(f);
  assert_int_equal(uv_loop_init(&f->loop), 0);
  f->config.options.event_cb = on_event;
  f->config.batch_count_max = 64;
  f->config.batch_size_max = 1024;
  f->config.window = (struct gcn__window_limits){8, 100000, 0};
  f->config.full_ms = 5000;
  *state = f;
  return 0;
}

int delivery_tear_down(void** state) {
  struct fixture* f = *state;
  delivery_end(f);
  assert_int_equal(uv_loop_close(&f->loop), 0);
  free(f);
  return 0;
}

void delivery_manual(struct fixture* f) {
  f->config.options.ack = GCN_ACK_MANUAL;
  f->config.windowed = true;
}

void delivery_begin(struct fixture* f) {
  const gcn_options_t* options = &f->config.options;
  f->now_ms = uv_now(&f->loop);
  f->client = (gcn_client_t){
      .mem = mem_probe_mem(&f->probe),
      .loop = &f->loop,
      .pid = getpid(),
      .thread = uv_thread_self(),
      .pumping = true, /* so that nothing is woken */
      .calls_left = 1000000,
      .call = {.event = options->event_cb, .gap = on_gap},
  };
  f->config.options.durable_cb = on_durable;
  assert_int_equal(gcn__delivery_new(&f->client, &f->config), 0);
}

void delivery_begin_batches(struct fixture* f) {
  f->config.options.event_cb = NULL;
  f->config.options.batch_cb = on_batch;
  delivery_begin(f);
}

void delivery_end(struct fixture* f) {
  if (f->client.delivery != NULL) gcn__delivery_free(&f->client);
  assert_int_equal(f->probe.live_size, 0);
}

const struct gcn__effect* delivery_effect(struct fixture* f, const char* topic,
                                          int id, size_t size) {
  int text_size = snprintf(f->text, TEXT_MAX, "%s %d", topic, id);
  assert_true(text_size > 0 && text_size < TEXT_MAX && size <= TEXT_MAX);
  size_t topic_size = strlen(topic);
  size_t id_at = topic_size + 1;
  f->effect = (struct gcn__effect){
      .kind = GCN__EFFECT_EVENT,
      .wire = GCN__WIRE_STREAM,
      .event = {
          .topic = gcn__span(f->text, topic_size),
          .version = gcn__span(f->text + id_at, (size_t)text_size - id_at),
          .message = gcn__span(f->text, size == 0 ? (size_t)text_size : size),
          .sequence = (uint64_t)id,
          .key = {{(uint64_t)id, 1}},
      }};
  return &f->effect;
}

void delivery_turn(struct fixture* f) {
  gcn__delivery_woken(&f->client, f->now_ms);
  while (gcn__delivery_drain(&f->client, f->now_ms)) {
  }
}

bool delivery_feed_sized(struct fixture* f, const char* topic, int id,
                         size_t size) {
  delivery_turn(f);
  if (gcn__delivery_holds(&f->client)) return false;
  if (gcn__delivery_rests(&f->client)) return false;
  f->client.reads[GCN__WIRE_STREAM] =
      (struct gcn__moment){(uint64_t)id * 10, id * 1000};
  gcn__delivery_event(&f->client, delivery_effect(f, topic, id, size));
  return true;
}

bool delivery_feed(struct fixture* f, const char* topic, int id) {
  return delivery_feed_sized(f, topic, id, 0);
}

void delivery_mark(struct fixture* f, const char* position) {
  const struct gcn__mark mark = {.position = gcn__span_str(position)};
  gcn__delivery_mark(&f->client, &mark);
}

int delivery_ack(struct fixture* f, uint64_t sequence) {
  return gcn_client_ack(&f->client, sequence);
}

struct gcn__delivery_counters delivery_counters(const struct fixture* f) {
  return gcn__delivery_counters(&f->client);
}

void assert_told(const struct fixture* f, const char* want) {
  static char text[8 * TOLD_MAX];
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < f->told_count; i++) {
    const struct told* told = &f->told[i];
    const char* before = i > 0 ? " " : "";
    int size = told->sequence == 0
                   ? snprintf(text + used, sizeof text - used, "%s|", before)
                   : snprintf(text + used, sizeof text - used, "%s%d", before,
                              told->id);
    used += (size_t)size;
  }
  assert_string_equal(text, want);
}

void assert_position(const struct fixture* f, const char* want) {
  const struct gcn__window* window = gcn__delivery_window(&f->client);
  struct gcn__position position = gcn__window_position(window, 0);
  if (want == NULL) {
    assert_null(position.text.data);
    return;
  }
  assert_int_equal(position.text.size, strlen(want));
  assert_memory_equal(position.text.data, want, strlen(want));
}
