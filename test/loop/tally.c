/* SPDX-License-Identifier: MIT */
/*
 * See tally.h.
 */
#include "tally.h"

static void on_made(void* ctx, const struct gcn__sim_event* event) {
  struct tally* tally = ctx;
  assert_in_range(event->sequence, 1, TALLY_EVENTS_MAX - 1);
  if (!tally->made[event->sequence]) tally->made_count++;
  tally->made[event->sequence] = true;
  tally->last_made = event->sequence;
}

void tally_watch(struct tally* tally, struct gcn__sim_listen_options* options) {
  options->sim.events_per_ks = 50000;
  options->sim.hooks.event = on_made;
  options->sim.hooks.ctx = tally;
}

void tally_note(struct tally* tally, const struct user* user,
                enum user_moment moment) {
  uint64_t sequence = 0;
  if (moment != USER_EVENT) return;
  assert_true(gcn__sim_sequence(gcn__span_str(user->last_id), &sequence));
  assert_in_range(sequence, 1, TALLY_EVENTS_MAX - 1);
  if (tally->told[sequence]++ == 0) tally->told_count++;
}

void tally_end(struct tally* tally, struct service* service,
               uint64_t patience_ms) {
  service_do(service, "event.stop");
  uint64_t begun_ms = gcn__loop_now_ms(service->loop);
  while (tally->told_count < tally->made_count &&
         gcn__loop_now_ms(service->loop) - begun_ms < patience_ms) {
    service_live(service, 5);
  }
  for (size_t i = 0; i < TALLY_EVENTS_MAX; i++) {
    if (tally->made[i] && tally->told[i] == 0) tally->lost++;
    if (tally->told[i] > 1) tally->duplicated += tally->told[i] - 1u;
    if (!tally->made[i] && tally->told[i] > 0) tally->invented++;
  }
}
