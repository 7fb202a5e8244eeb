/* SPDX-License-Identifier: MIT */
/*
 * Every row of the conformance table against a whole client over sockets: once
 * in one piece with the 101, once in pieces; over TLS either so or so.
 */
#include "conformance-peer.h"

#include "client/client.h"

#include <stdio.h>

/* What all rows share; the certificates are made once. */
static struct {
  bool secure;
  struct secure site;
} shared;

static gcn_options_t options_at(struct user* user, uint16_t port,
                                char url[64]) {
  snprintf(url, 64, "%s://127.0.0.1:%u", shared.secure ? "https" : "http",
           (unsigned)port);
  gcn_options_t options = user_options(user, url);
  /* One attempt is all that a row has. */
  options.retry_base_ms = options.retry_floor_ms = 20000;
  options.retry_first_ms = options.retry_cap_ms = 20000;
  if (!shared.secure) return options;
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(shared.site.pki);
  return options;
}

static void await_row(struct conf_peer* peer, const struct user* user) {
  uv_loop_t* loop = peer->listener.loop;
  harness_until(loop, peer->row->end == CONF_STAYS ? &peer->done
                                                   : &user->backing_off);
  if (peer->row->end != CONF_STAYS) harness_until(loop, &peer->ended);
}

static void play(uv_loop_t* loop, const struct conf_row* row, bool whole) {
  struct conf_peer peer;
  struct conf_raw raw;
  struct user user = {.client = NULL};
  char url[64];
  conf_peer_open(&peer, loop, row, shared.secure ? shared.site.tls : NULL);
  peer.whole = whole;
  conf_raw_init(&raw);
  gcn_options_t options = options_at(&user, peer.port, url);
  user_new(&user, loop, &options);
  conf_raw_adopt(&raw, user.client->engine);
  gcn_client_start(user.client);
  await_row(&peer, &user);
  conf_assert_frames(row, conf_peer_frames(&peer), CONF_PONGS_SOME);
  conf_assert_engine(row, &raw, user.client->engine);
  conf_peer_close(&peer);
  user_finish(&user);
  conf_raw_deinit(&raw);
}

static void run_row(void** state) {
  const struct conf_row* row = *state;
  void* loop = NULL;
  for (int whole = 0; whole < 2; whole++) {
    /* Handshakes are dear: by turns. */
    if (shared.secure && row->number % 2 != (unsigned)whole) continue;
    assert_int_equal(harness_setup(&loop), 0);
    play(loop, row, whole != 0);
    assert_int_equal(harness_teardown(&loop), 0);
  }
}

int conf_peer_main(const char* group, bool secure) {
  struct conf_table table;
  conf_init(&table);
  shared.secure = secure;
  if (secure) secure_open(&shared.site);
  int result = conf_run(group, &table, run_row);
  if (secure) secure_close(&shared.site);
  conf_deinit(&table);
  return result;
}
