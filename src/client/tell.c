/* SPDX-License-Identifier: MIT */
/*
 * Field by field on purpose: the public structs may grow in another order than
 * the internal ones.
 */
#include "client/tell.h"

#include "base/assert.h"
#include "client/delivery.h"
#include "client/gap.h"
#include "loop/system.h"

#define SAME_STATE(name, value, spoken)                                        \
  _Static_assert((int)GCN_##name == (int)GCN__STATE_##name &&                  \
                     (int)GCN_##name == (value),                               \
                 "public and internal states agree");
GCN_STATE_MAP(SAME_STATE)
#undef SAME_STATE
_Static_assert((int)GCN_STATE_COUNT == (int)GCN__STATE_COUNT, "all of them");

_Static_assert((int)GCN_LAYER_NONE == (int)GCN__LAYER_NONE &&
                   (int)GCN_LAYER_DNS == (int)GCN__LAYER_DNS &&
                   (int)GCN_LAYER_TCP == (int)GCN__LAYER_TCP &&
                   (int)GCN_LAYER_TLS == (int)GCN__LAYER_TLS &&
                   (int)GCN_LAYER_HTTP == (int)GCN__LAYER_HTTP &&
                   (int)GCN_LAYER_WS == (int)GCN__LAYER_WS &&
                   (int)GCN_LAYER_SERVICE == (int)GCN__LAYER_SERVICE &&
                   (int)GCN_LAYER_CLIENT == (int)GCN__LAYER_CLIENT &&
                   (int)GCN_LAYER_PROXY == (int)GCN__LAYER_PROXY,
               "public and internal layers agree");
_Static_assert((int)GCN_OP_NONE == (int)GCN__OP_NONE &&
                   (int)GCN_OP_TOKEN == (int)GCN__OP_TOKEN &&
                   (int)GCN_OP_CHANNEL == (int)GCN__OP_CHANNEL &&
                   (int)GCN_OP_TOPICS == (int)GCN__OP_TOPICS &&
                   (int)GCN_OP_UPGRADE == (int)GCN__OP_UPGRADE &&
                   (int)GCN_OP_STREAM == (int)GCN__OP_STREAM &&
                   (int)GCN_OP_AUDIT == (int)GCN__OP_AUDIT &&
                   (int)GCN_OP_ADD == (int)GCN__OP_ADD &&
                   (int)GCN_OP_UNSUBSCRIBE == (int)GCN__OP_UNSUBSCRIBE &&
                   (int)GCN_OP_CHECKPOINT == (int)GCN__OP_CHECKPOINT,
               "public and internal operations agree");
_Static_assert((int)GCN_TOPIC_PENDING == (int)GCN__VERDICT_PENDING &&
                   (int)GCN_TOPIC_PERMITTED == (int)GCN__VERDICT_PERMITTED &&
                   (int)GCN_TOPIC_REJECTED == (int)GCN__VERDICT_REJECTED &&
                   (int)GCN_TOPIC_UNKNOWN == (int)GCN__VERDICT_UNKNOWN,
               "public and internal verdicts agree");
_Static_assert((int)GCN_LOG_ERROR == (int)GCN__LOG_ERROR &&
                   (int)GCN_LOG_WARN == (int)GCN__LOG_WARN &&
                   (int)GCN_LOG_INFO == (int)GCN__LOG_INFO &&
                   (int)GCN_LOG_DEBUG == (int)GCN__LOG_DEBUG,
               "public and internal log levels agree");
_Static_assert((int)GCN_FAILURE_TEXT_SIZE == (int)GCN__FAILURE_TEXT_SIZE,
               "failure texts fit");

static gcn_span_t span_of(struct gcn__span span) {
  return (gcn_span_t){.data = span.data, .size = span.size};
}

static gcn_failure_t failure_of(const struct gcn__failure* failure) {
  return (gcn_failure_t){
      .error = failure->error,
      .layer = (gcn_layer_t)failure->layer,
      .op = (gcn_op_t)failure->op,
      .detail = failure->detail,
      .http_status = failure->http_status,
      .close_code = failure->close_code,
      .retry_after = failure->retry_after_ms,
      .correlation_id = failure->correlation_id,
      .text = failure->text,
  };
}

static bool acts_by_itself(gcn_state_t state) {
  return state != GCN_IDLE && state != GCN_REFUSED && state != GCN_CLOSED;
}

/* A connection that waits for its turn to start is on its way, too. */
void gcn__tell_sum(struct gcn_client_s* client, uint64_t now_ms) {
  gcn_state_t state = client->shard_states[0];
  bool waits = false;
  for (unsigned i = 1; i < GCN__SHARD_COUNT_MAX; i++) {
    if (gcn__engine_session(client->engine, i) == NULL) continue;
    gcn_state_t other = client->shard_states[i];
    int further =
        gcn__engine_compare((enum gcn__state)other, (enum gcn__state)state);
    if (further > 0) state = other;
    waits = waits || other == GCN_IDLE;
  }
  waits = waits && gcn__engine_wanted(client->engine);
  if (waits && state == GCN_STREAMING) state = GCN_CONNECTING;
  if (state == client->state) return;
  client->state = state;
  client->state_since_ms = now_ms;
}

static void tell_state(struct gcn_client_s* client,
                       const struct gcn__effect* effect, uint64_t now_ms) {
  const struct gcn__transition* from = &effect->transition;
  /* Copied: the engine uses its record again when the user calls it. */
  struct gcn__failure record;
  gcn_failure_t failure;
  gcn_transition_t transition = {
      .from = (gcn_state_t)from->from,
      .to = (gcn_state_t)from->to,
      .reason = gcn__input_meaning(from->input),
      .failure = NULL,
      .attempt = from->attempt,
      .failures = from->failures,
      .will_retry = acts_by_itself((gcn_state_t)from->to),
      .retry_in = from->to == GCN__STATE_BACKING_OFF ? from->retry_in_ms : 0,
      .connection_index = from->shard,
  };
  if (from->failure != NULL && from->failure->error != 0) {
    record = *from->failure;
    failure = failure_of(&record);
    transition.failure = &failure;
    client->failure_count++;
    gcn__failure_counts_note(&client->failures_by, &failure);
  }
  if (transition.from == GCN_STREAMING) {
    client->losses[from->shard] = client->reads[effect->wire];
  }
  client->shard_states[from->shard] = transition.to;
  client->shard_since_ms[from->shard] = now_ms;
  gcn__tell_sum(client, now_ms);
  if (client->closing || client->call.state == NULL) return;
  client->call.state(client, &transition);
}

static void tell_notice(struct gcn_client_s* client,
                        const struct gcn__effect* effect) {
  const struct gcn__moment* read = &client->reads[effect->wire];
  if (client->call.notice == NULL) return;
  gcn_event_t notice = gcn__delivery_view(client, &effect->event, read);
  /* It is not in flight, and has no number by which an event would be. */
  if (gcn__delivery_window(client) != NULL) notice.sequence = 0;
  client->call.notice(client, &notice);
}

static void tell_topic(struct gcn_client_s* client,
                       const struct gcn__topic_result* from) {
  char name[GCN_SUBSCRIPTION_SIZE_MAX];
  gcn_span_t topic = span_of(from->topic);
  if (client->call.topic == NULL) return;
  /* A name out of our own set is copied: the user may end interest in this very
   * topic.  A longer one is the service's and stays where it is. */
  if (topic.size <= sizeof name) {
    memcpy(name, topic.data, topic.size);
    topic.data = name;
  }
  const gcn_topic_result_t result = {
      .topic = topic,
      .verdict = (gcn_verdict_t)from->verdict,
      .reason = span_of(from->reason),
      .missing_permissions = span_of(from->missing),
  };
  client->call.topic(client, &result);
}

static void tell_rotation(struct gcn_client_s* client,
                          const struct gcn__rotation* from) {
  if (client->call.rotation == NULL) return;
  const gcn_rotation_t rotation = {
      .cause = gcn__input_meaning(from->cause),
      .proven = from->proven,
      .overlap = from->overlap_ms,
      .duplicates = from->duplicates,
      .connection_index = from->shard,
  };
  client->call.rotation(client, &rotation);
}

/* The user may replace the original from inside of the call. */
static void tell_refresh(struct gcn_client_s* client, struct gcn__span text) {
  if (client->call.refresh == NULL) return;
  const struct gcn__mem mem = client->mem;
  char* copy = gcn__str_copy_n(&mem, text.data, text.size);
  if (copy == NULL) return;
  client->call.refresh(client, copy);
  gcn__secret_free(&mem, copy);
}

static void tell_ask(struct gcn_client_s* client,
                     const struct gcn__effect* effect) {
  uint64_t ticket = effect->ask.ticket;
  int refused = effect->ask.refused;
  if (effect->ask.kind == GCN__ASK_TOKEN) {
    client->call.token(client, ticket, refused);
  } else {
    client->call.credentials(client, ticket, refused);
  }
}

void gcn__tell(struct gcn_client_s* client, const struct gcn__effect* effect,
               uint64_t now_ms) {
  gcn__delivery_flush(client); /* no callback overtakes an event */
  if (effect->kind == GCN__EFFECT_STATE) {
    tell_state(client, effect, now_ms);
    return;
  }
  if (client->closing) return;
  switch (effect->kind) {
  case GCN__EFFECT_NOTICE: tell_notice(client, effect); break;
  case GCN__EFFECT_HEARTBEAT:
    if (client->call.heartbeat != NULL) client->call.heartbeat(client);
    break;
  case GCN__EFFECT_TOPIC: tell_topic(client, &effect->topic); break;
  case GCN__EFFECT_GAP: gcn__tell_gap(client, &effect->gap, now_ms); break;
  case GCN__EFFECT_ROTATION: tell_rotation(client, &effect->rotation); break;
  case GCN__EFFECT_ASK: tell_ask(client, effect); break;
  case GCN__EFFECT_REFRESHED:
    tell_refresh(client, effect->refresh_token);
    break;
  case GCN__EFFECT_EVENT:
  case GCN__EFFECT_MARK:
  case GCN__EFFECT_OPEN:
  case GCN__EFFECT_DROP:
  case GCN__EFFECT_MOVE:
  case GCN__EFFECT_STATE: GCN__ASSERT(false); break;
  }
}
