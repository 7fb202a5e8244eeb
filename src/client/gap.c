/* SPDX-License-Identifier: MIT */
/*
 * A gap's interval on both clocks, and the topics it concerns.
 */
#include "client/gap.h"

#include "loop/system.h"

_Static_assert((int)GCN_CERTAINTY_BLIND == (int)GCN__CERTAINTY_BLIND &&
                   (int)GCN_CERTAINTY_POSSIBLE == (int)GCN__CERTAINTY_POSSIBLE,
               "public and internal certainties agree");

/* By the wall clock a gap began no later than its distance from now says, and
 * no later than its distance from the last bytes of the lost stream: the
 * loop's clock stands still while the machine sleeps, and the wall clock may
 * be set. */
static int64_t unix_of_loss(const struct gcn_client_s* client,
                            const struct gcn__gap* gap, int64_t now_unix_ms,
                            uint64_t now_ms) {
  int64_t by_now = now_unix_ms - (int64_t)(now_ms - gap->from_ms);
  const struct gcn__moment* loss = &client->losses[gap->shard];
  if (loss->ms == 0) return by_now;
  int64_t by_loss = loss->unix_ms + ((int64_t)gap->from_ms - (int64_t)loss->ms);
  return by_loss < by_now ? by_loss : by_now;
}

static bool concerns(const struct gcn__gap* gap,
                     const struct gcn__topic* topic) {
  if (topic->shard != gap->shard) return false;
  if (gap->partial) return topic->missed;
  /* Since the last run: nothing is known of what that one was permitted. */
  bool restart = gap->cause == GCN__INPUT_START;
  if (restart) return topic->verdict != GCN__VERDICT_REJECTED;
  /* Permitted when the gap began, whatever has become of it since. */
  bool was = topic->permitted_ms != 0 && topic->permitted_ms < gap->to_ms &&
             (topic->permitted_ms > topic->rejected_ms ||
              topic->rejected_ms > gap->from_ms);
  return was;
}

/* The names are copied: the user may change the set meanwhile. */
struct copies {
  gcn_span_t* spans;
  size_t count;
  size_t size; /* of the block at `spans`, names behind the spans */
};

static void count_topics(const struct gcn__topics* topics,
                         const struct gcn__gap* gap, struct copies* copies) {
  for (size_t i = 0; i < topics->count; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    if (!concerns(gap, topic)) continue;
    copies->count++;
    copies->size += sizeof(gcn_span_t) + topic->name_size;
  }
}

static void copy_topics(const struct gcn__topics* topics,
                        const struct gcn__gap* gap, struct copies* copies) {
  char* text = (char*)(copies->spans + copies->count);
  size_t at = 0;
  for (size_t i = 0; i < topics->count; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    if (!concerns(gap, topic)) continue;
    memcpy(text, topic->name, topic->name_size);
    copies->spans[at++] = (gcn_span_t){.data = text, .size = topic->name_size};
    text += topic->name_size;
  }
}

void gcn__tell_gap(struct gcn_client_s* client, const struct gcn__gap* from,
                   uint64_t now_ms) {
  if (client->call.gap == NULL) return;
  int64_t unix_ms = gcn__wall_now_ms();
  const struct gcn__topics* topics = gcn__engine_topics(client->engine);
  struct copies copies = {NULL, 0, 0};
  count_topics(topics, from, &copies);
  if (copies.size > 0) copies.spans = gcn__alloc(&client->mem, copies.size);
  if (copies.spans != NULL) copy_topics(topics, from, &copies);
  const gcn_gap_t gap = {
      .from_unix_ms = unix_of_loss(client, from, unix_ms, now_ms) -
                      (int64_t)from->before_ms,
      .to_unix_ms = unix_ms - (int64_t)(now_ms - from->to_ms),
      .from_ms = from->from_ms,
      .to_ms = from->to_ms,
      .cause = gcn__input_meaning(from->cause),
      .certainty = (gcn_certainty_t)from->certainty,
      .connection_index = from->shard,
      .topics = copies.spans,
      .topic_count = copies.count,
  };
  client->losses[from->shard].ms = 0; /* it was for this gap */
  const struct gcn__mem mem = client->mem;
  client->call.gap(client, &gap);
  gcn__free(&mem, copies.spans, copies.spans == NULL ? 0 : copies.size);
}
