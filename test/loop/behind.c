/* SPDX-License-Identifier: MIT */
/*
 * The service names the proxy's port as the streaming host's, so that nothing
 * goes past the proxy.
 */
#include "behind.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void note(struct behind* behind, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct behind* behind, const char* format, ...) {
  va_list arguments;
  size_t room = BEHIND_TRACE_SIZE - behind->trace_size;
  va_start(arguments, format);
  int size =
      vsnprintf(behind->trace + behind->trace_size, room, format, arguments);
  va_end(arguments);
  assert_in_range(size, 0, room - 1);
  behind->trace_size += (size_t)size;
}

static void act(struct user* user, enum user_moment moment) {
  struct behind* behind = (struct behind*)(void*)user;
  switch (moment) {
  case USER_STATE:
    note(behind, "state %d after error %d\n", (int)user->state, user->failure);
    break;
  case USER_EVENT:
    note(behind, "event %d %s\n", (int)user->last_sequence, user->last_id);
    break;
  case USER_TOPIC: note(behind, "topic %d\n", (int)user->last_verdict); break;
  case USER_GAP: note(behind, "gap\n"); break;
  case USER_NOTICE: note(behind, "notice\n"); break;
  default: break;
  }
}

void behind_open(struct behind* behind, uv_loop_t* loop, bool tls) {
  struct gcn__sim_listen_options sim = service_options();
  char authority[64];
  memset(behind, 0, sizeof *behind);
  behind->loop = loop;
  behind->tls = tls;
  sim.sim.seed = 7;
  sim.sim.heartbeat_ms = GCN__NEVER;
  if (tls) secure_open(&behind->secure);
  if (tls) sim.tls = behind->secure.tls;
  service_open(&behind->service, loop, &sim);
  fault_open(&behind->fault, loop,
             gcn__sim_listen_port(behind->service.listen));
  snprintf(authority, sizeof authority, "127.0.0.1:%u",
           (unsigned)behind->fault.port);
  gcn__sim_set_authority(gcn__sim_listen_service(behind->service.listen),
                         authority);
  behind->options = user_options(&behind->user, tls ? behind->fault.secure
                                                    : behind->fault.url);
  if (tls) behind->options.allow_plaintext = 0;
  if (tls) behind->options.ca_pem = gcn__pki_ca(behind->secure.pki);
  behind->user.act = act;
}

void behind_begin(struct behind* behind) {
  service_begin_with(&behind->user, &behind->service, &behind->options);
}

void behind_stream(struct behind* behind) {
  behind_begin(behind);
  harness_until(behind->loop, &behind->user.streaming);
}

void behind_close(struct behind* behind) {
  user_finish(&behind->user);
  fault_close(&behind->fault);
  service_close(&behind->service);
  if (behind->tls) secure_close(&behind->secure);
}

int behind_await_failure(struct behind* behind) {
  harness_until(behind->loop, &behind->user.backing_off);
  return behind->user.failure;
}

void behind_await_stream(struct behind* behind) {
  harness_until(behind->loop, &behind->user.streaming);
}

void behind_rule_now(struct behind* behind, const char* rule) {
  struct gcn__faultproxy_counters counters = fault_counters(&behind->fault);
  for (uint64_t i = 1; i <= counters.connections; i++) {
    char text[128];
    snprintf(text, sizeof text, "%s conn=%u", rule, (unsigned)i);
    fault_rule(&behind->fault, text);
  }
}

void behind_emit(struct behind* behind, unsigned count) {
  service_emit_many(&behind->service, count);
}

void behind_live(struct behind* behind, uint64_t duration_ms) {
  service_live(&behind->service, duration_ms);
}
