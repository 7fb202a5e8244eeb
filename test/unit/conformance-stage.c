/* SPDX-License-Identifier: MIT */
/*
 * A driver for an engine that has one link.
 */
#include "conformance-stage.h"

#include "base/err.h"

/* Never a key of zeros, which the peer would take for none. */
static int fill(void* ctx, void* data, size_t size) {
  struct gcn__rng* rng = ctx;
  for (size_t i = 0; i < size; i++)
    ((char*)data)[i] = (char)gcn__rng_between(rng, 1, 255);
  return 0;
}

static void take_output(struct conf_stage* stage) {
  if (!stage->opened || stage->blocked) return;
  struct gcn__span out = gcn__engine_output(stage->engine, stage->wire);
  while (out.size > 0) {
    assert_int_equal(gcn__buf_append(&stage->sent, out.data, out.size), 0);
    gcn__engine_sent(stage->engine, stage->wire, out.size);
    out = gcn__engine_output(stage->engine, stage->wire);
  }
}

static void turn(struct conf_stage* stage) {
  struct gcn__effect effect;
  while (gcn__engine_next(stage->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_OPEN) {
      stage->wire = effect.wire;
      stage->opened = true;
    }
    if (effect.kind != GCN__EFFECT_DROP) continue;
    take_output(stage); /* the last word */
    stage->dropped = true;
  }
  gcn__engine_settle(stage->engine);
  take_output(stage);
}

void conf_stage_init(struct conf_stage* stage) {
  *stage = (struct conf_stage){.now_ms = 1};
  stage->settings = GCN__SETTINGS_DEFAULT;
  /* The stream is quiet but for what the server sends. */
  stage->settings.probe_ms = 3600000;
  stage->settings.silence_ms = 7200000;
  gcn__rng_seed(&stage->rng, 1);
  gcn__buf_init(&stage->sent, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_raw_init(&stage->raw);
}

void conf_stage_start(struct conf_stage* stage) {
  stage->mem = mem_probe_mem(&stage->probe);
  const struct gcn__engine_options options = {
      .mem = stage->mem,
      .settings = stage->settings,
      .entropy = {fill, &stage->rng},
      .login_url = "http://127.0.0.1:1",
      .api_url = "http://127.0.0.1:1",
      .client_id = "id",
      .client_secret = "secret",
      .user_agent = "test",
      .plaintext = true,
  };
  assert_int_equal(gcn__engine_new(&options, &stage->engine), 0);
  conf_raw_adopt(&stage->raw, stage->engine);
  gcn__engine_command(stage->engine, GCN__COMMAND_START, stage->now_ms);
  turn(stage);
  assert_true(stage->opened);
  gcn__engine_linked(stage->engine, stage->wire, stage->now_ms);
  turn(stage);
}

void conf_stage_open(struct conf_stage* stage) {
  const struct conf_row row = {.end = CONF_STAYS};
  struct gcn__buf answer;
  gcn__buf_init(&answer, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_stage_start(stage);
  conf_stream(&row, gcn__buf_span(&stage->sent), &answer);
  gcn__buf_clear(&stage->sent);
  conf_stage_feed(stage, gcn__buf_span(&answer));
  assert_int_equal(gcn__engine_state(stage->engine), GCN__STATE_STREAMING);
  gcn__buf_deinit(&answer);
}

void conf_stage_feed(struct conf_stage* stage, struct gcn__span bytes) {
  if (stage->dropped || bytes.size == 0) return;
  gcn__engine_received(stage->engine, stage->wire, bytes, stage->now_ms);
  turn(stage);
}

void conf_stage_frame(struct conf_stage* stage, unsigned char first,
                      struct gcn__span payload) {
  struct gcn__buf frame;
  gcn__buf_init(&frame, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_put_frame(&frame, first, payload);
  conf_stage_feed(stage, gcn__buf_span(&frame));
  gcn__buf_deinit(&frame);
}

void conf_stage_wait(struct conf_stage* stage, uint64_t delay_ms) {
  uint64_t end_ms = stage->now_ms + delay_ms;
  while (stage->now_ms < end_ms) {
    uint64_t due_ms = gcn__engine_deadline(stage->engine);
    stage->now_ms = due_ms > stage->now_ms && due_ms < end_ms ? due_ms : end_ms;
    gcn__engine_woken(stage->engine, stage->now_ms);
    turn(stage);
  }
}

void conf_stage_cut(struct conf_stage* stage) {
  gcn__engine_ended(stage->engine, stage->wire, GCN__EOF, GCN__LAYER_TCP,
                    "closed", stage->now_ms);
  turn(stage);
}

const struct gcn__failure* conf_stage_failure(const struct conf_stage* stage) {
  return &stage->engine->conns[0]->failure;
}

void conf_stage_deinit(struct conf_stage* stage) {
  gcn__engine_free(stage->engine);
  assert_int_equal(stage->probe.live_size, 0);
  gcn__buf_deinit(&stage->sent);
  conf_raw_deinit(&stage->raw);
}
