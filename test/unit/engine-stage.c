/* SPDX-License-Identifier: MIT */
/*
 * Facts and looks, made short.
 */
#include "engine-stage.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 4096, SHORT_MAX = 125 };

void stage_hear(struct player* player, const char* wire, const char* bytes) {
  player_received(player, player_wire(wire), gcn__span_str(bytes));
}

void stage_answer(struct player* player, const char* wire, const char* body) {
  char text[TEXT_SIZE];
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                      strlen(body), body);
  assert_in_range(size, 1, sizeof text - 1);
  stage_hear(player, wire, text);
}

void stage_upgrade(struct player* player, const char* wire) {
  /* The answer to the key that zeros make. */
  stage_hear(player, wire,
             "HTTP/1.1 101 Switching Protocols\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n");
}

void stage_say(struct player* player, const char* wire, const char* text) {
  char frame[2 + SHORT_MAX];
  size_t size = strlen(text);
  assert_in_range(size, 1, SHORT_MAX);
  frame[0] = (char)0x81;
  frame[1] = (char)size;
  memcpy(frame + 2, text, size);
  player_received(player, player_wire(wire), gcn__span(frame, 2 + size));
}

void stage_expect(struct player* player, const char* notes) {
  char* got = player_notes(player);
  bool same = strcmp(got, notes) == 0;
  if (!same) print_message("# expected:\n%s# got:\n%s", notes, got);
  free(got);
  assert_true(same);
}

void stage_expect_part(struct player* player, const char* part) {
  char* got = player_notes(player);
  bool there = strstr(got, part) != NULL;
  if (!there) print_message("# expected: %s\n# got:\n%s", part, got);
  free(got);
  assert_true(there);
}

void stage_forget(struct player* player) {
  free(player_notes(player));
}

void stage_stream(struct player* player) {
  const char* name = "v2.a";
  player_begin(player);
  assert_int_equal(gcn__engine_topics_add(player->engine, &name, 1), 0);
  player_command(player, GCN__COMMAND_START | GCN__COMMAND_TOPICS);
  player_linked(player, GCN__WIRE_LOGIN);
  stage_answer(player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(player, GCN__WIRE_API);
  stage_answer(player, "api",
               "{\"connectUri\":\"ws://gc.test:82/channels/CHANNEL-1\","
               "\"id\":\"CHANNEL-1\"}");
  player_linked(player, GCN__WIRE_STREAM);
  stage_upgrade(player, "stream");
  stage_answer(player, "api",
               "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"}]}");
  stage_expect_part(player, "SUBSCRIBING -> STREAMING by CONFIRMED");
}
