/* SPDX-License-Identifier: MIT */
/*
 * The client's side of the service tests.  It asserts only what every test
 * relies on.
 */
#include "sim-peer.h"

#include "base/err.h"
#include "codec/json.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

enum { IN_SIZE_MAX = 64 << 20, REQUEST_SIZE = 1 << 20 };

#define UPGRADE_HEADERS                                                        \
  "Upgrade: websocket\r\nConnection: Upgrade\r\n"                              \
  "Sec-WebSocket-Version: 13\r\n"                                              \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static const struct gcn__sim_client clients[] = {
    {SIM_CLIENT, SIM_SECRET},
    {"client-2", SIM_SECRET},
};

static int fill_mask(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0x5a, size);
  return 0;
}

void sim_world_init(struct sim_world* world) {
  *world = (struct sim_world){.now_ms = 1000};
  world->options = (struct gcn__sim_options){
      .seed = 7,
      .start_ms = 1000,
      .wall_base_ms = UINT64_C(1932970524000),
      .clients = clients,
      .client_count = 2,
      .authority = "host:1",
  };
}

void sim_world_open(struct sim_world* world, const char* script) {
  char error[GCN__SCRIPT_TEXT_SIZE];
  if (script != NULL) {
    assert_int_equal(gcn__script_parse(&gcn__mem_libc, gcn__span_str(script),
                                       "test", &world->script, error),
                     0);
    world->options.script = world->script;
  }
  world->sim = gcn__sim_new(&world->options);
  assert_non_null(world->sim);
}

void sim_world_close(struct sim_world* world) {
  gcn__sim_free(world->sim);
  gcn__script_free(world->script);
}

static void take_output(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct sim_link* link = gcn__sim_user(conn);
  for (;;) {
    struct gcn__span piece = gcn__sim_output(conn, now_ms);
    if (piece.size == 0) break;
    assert_int_equal(gcn__buf_append(&link->in, piece.data, piece.size), 0);
    if (link->piece_count < SIM_PIECES_MAX) {
      link->pieces[link->piece_count++] = piece.size;
    }
    gcn__sim_sent(conn, piece.size, now_ms);
  }
  link->verdict = gcn__sim_verdict(conn);
}

void sim_world_pump(struct sim_world* world) {
  struct gcn__sim_conn* conn = gcn__sim_next_ready(world->sim);
  for (; conn != NULL; conn = gcn__sim_next_ready(world->sim)) {
    take_output(conn, world->now_ms);
  }
}

void sim_world_advance(struct sim_world* world, uint64_t delay_ms) {
  uint64_t end_ms = world->now_ms + delay_ms;
  sim_world_pump(world);
  while (gcn__sim_deadline(world->sim) <= end_ms) {
    uint64_t due_ms = gcn__sim_deadline(world->sim);
    if (due_ms > world->now_ms) world->now_ms = due_ms;
    gcn__sim_tick(world->sim, world->now_ms);
    sim_world_pump(world);
  }
  world->now_ms = end_ms;
  gcn__sim_tick(world->sim, world->now_ms);
  sim_world_pump(world);
}

struct gcn__sim_counters sim_world_counters(struct sim_world* world) {
  struct gcn__sim_counters counters;
  gcn__sim_counters(world->sim, &counters);
  return counters;
}

void sim_link_open(struct sim_link* link, struct sim_world* world) {
  struct gcn__http_limits limits = gcn__http_limits_default;
  memset(link, 0, sizeof *link);
  limits.body_size_max = 8 << 20;
  link->world = world;
  gcn__buf_init(&link->in, &gcn__mem_libc, IN_SIZE_MAX);
  link->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES, &limits);
  link->conn = gcn__sim_accept(world->sim, link, world->now_ms);
  assert_non_null(link->http);
  assert_non_null(link->conn);
}

void sim_link_close(struct sim_link* link) {
  gcn__sim_drop(link->conn, link->world->now_ms);
  gcn__http_free(link->http);
  gcn__ws_free(link->ws);
  gcn__buf_deinit(&link->in);
  sim_world_pump(link->world);
}

void sim_link_send(struct sim_link* link, struct gcn__span bytes) {
  size_t cut = link->world->cut == 0 ? bytes.size : link->world->cut;
  while (bytes.size > 0) {
    size_t size = bytes.size < cut ? bytes.size : cut;
    gcn__sim_receive(link->conn, gcn__span(bytes.data, size),
                     link->world->now_ms);
    bytes = gcn__span_skip(bytes, size);
  }
  sim_world_pump(link->world);
}

/* The answer's status; 0 if it is not whole or not well formed. */
static unsigned read_answer(struct sim_link* link) {
  struct gcn__span in = gcn__buf_span(&link->in);
  size_t size = in.size;
  int progress = size == 0 ? GCN__HTTP_MORE : gcn__http_read(link->http, &in);
  gcn__buf_consume(&link->in, size - in.size);
  return progress == GCN__HTTP_DONE ? gcn__http_status(link->http) : 0;
}

unsigned sim_request(struct sim_link* link, const char* method,
                     const char* target, const char* headers,
                     const char* body) {
  struct gcn__buf request;
  gcn__buf_init(&request, &gcn__mem_libc, REQUEST_SIZE);
  struct gcn__span content = gcn__span_str(body == NULL ? "" : body);
  int error = gcn__buf_printf(&request,
                              "%s %s HTTP/1.1\r\nHost: host:1\r\n%s"
                              "Content-Length: %zu\r\n\r\n",
                              method, target, headers, content.size);
  if (error == 0) {
    error = gcn__buf_append(&request, content.data, content.size);
  }
  assert_int_equal(error, 0);
  bool upgrade = strstr(headers, "Sec-WebSocket-Key") != NULL;
  gcn__http_next(link->http, strcmp(method, "HEAD") == 0, upgrade);
  sim_link_send(link, gcn__buf_span(&request));
  gcn__buf_deinit(&request);
  return read_answer(link);
}

unsigned sim_call(struct sim_link* link, const char* method, const char* target,
                  const char* token, const char* body) {
  char headers[2 * SIM_TEXT_SIZE] = "";
  size_t size = 0;
  if (token != NULL) {
    size = (size_t)snprintf(headers, sizeof headers,
                            "Authorization: Bearer %s\r\n", token);
  }
  if (body != NULL) {
    snprintf(headers + size, sizeof headers - size,
             "Content-Type: application/json\r\n");
  }
  return sim_request(link, method, target, headers, body);
}

bool sim_answer_has(const struct sim_link* link, const char* text) {
  struct gcn__span body = gcn__http_body(link->http);
  return body.size > 0 &&
         memmem(body.data, body.size, text, strlen(text)) != NULL;
}

void sim_answer_member(const struct sim_link* link, const char* name,
                       char out[SIM_TEXT_SIZE]) {
  struct gcn__json* json = gcn__json_parse(gcn__http_body(link->http), NULL);
  struct gcn__span value = gcn__json_member(json, name);
  if (value.data == NULL) {
    const struct gcn__json* entities = gcn__json_get(json, "entities");
    value = gcn__json_member(gcn__json_at(entities, 0), name);
  }
  snprintf(out, SIM_TEXT_SIZE, "%.*s", (int)value.size,
           value.data == NULL ? "" : value.data);
  gcn__json_free(json, false);
}

void sim_token(struct sim_link* link, char token[SIM_TEXT_SIZE]) {
  /* base64 of SIM_CLIENT ":" SIM_SECRET */
  unsigned status =
      sim_request(link, "POST", "/oauth/token",
                  "Authorization: Basic Y2xpZW50LTE6bm90IGEgc2VjcmV0\r\n"
                  "Content-Type: application/x-www-form-urlencoded\r\n",
                  "grant_type=client_credentials");
  assert_int_equal(status, 200);
  sim_answer_member(link, "access_token", token);
  assert_true(strlen(token) > 16);
}

void sim_channel(struct sim_link* link, const char* token,
                 char id[SIM_TEXT_SIZE]) {
  assert_int_equal(
      sim_call(link, "POST", "/api/v2/notifications/channels", token, NULL),
      200);
  sim_answer_member(link, "id", id);
  assert_true(strncmp(id, "streaming-", 10) == 0);
}

unsigned sim_subscribe(struct sim_link* link, const char* token, const char* id,
                       const char* topic) {
  char target[2 * SIM_TEXT_SIZE];
  char body[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target,
           "/api/v2/notifications/channels/%s/subscriptions", id);
  snprintf(body, sizeof body, "[{\"id\":\"%s\"}]", topic);
  return sim_call(link, "PUT", target, token, body);
}

unsigned sim_upgrade_at(struct sim_link* link, const char* target,
                        const char* token) {
  struct gcn__entropy entropy = {fill_mask, NULL};
  struct gcn__ws_limits limits = {8 << 20, 1 << 20};
  char headers[2 * SIM_TEXT_SIZE];
  snprintf(headers, sizeof headers, "%s%s%s%s", UPGRADE_HEADERS,
           token == NULL ? "" : "Authorization: Bearer ",
           token == NULL ? "" : token, token == NULL ? "" : "\r\n");
  unsigned status = sim_request(link, "GET", target, headers, NULL);
  if (status != 101) return status;
  link->ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, &limits, &entropy);
  assert_non_null(link->ws);
  return status;
}

unsigned sim_upgrade(struct sim_link* link, const char* id) {
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target, "/channels/%s", id);
  return sim_upgrade_at(link, target, NULL);
}

void sim_stream(struct sim_link* rest, struct sim_link* link,
                const char* topic) {
  char token[SIM_TEXT_SIZE];
  char id[SIM_TEXT_SIZE];
  sim_token(rest, token);
  sim_channel(rest, token, id);
  assert_int_equal(sim_subscribe(rest, token, id, topic), 200);
  assert_int_equal(sim_upgrade(link, id), 101);
}

bool sim_next(struct sim_link* link, struct gcn__ws_message* message) {
  struct gcn__span in = gcn__buf_span(&link->in);
  size_t size = in.size;
  if (size == 0) return false;
  int progress = gcn__ws_read(link->ws, &in, message);
  gcn__buf_consume(&link->in, size - in.size);
  return progress == GCN__WS_MESSAGE;
}

bool sim_next_has(struct sim_link* link, const char* text) {
  struct gcn__ws_message message;
  if (!sim_next(link, &message) || message.opcode != GCN__WS_TEXT) return false;
  return memmem(message.data, message.size, text, strlen(text)) != NULL;
}

unsigned sim_next_close(struct sim_link* link) {
  struct gcn__ws_message message;
  while (sim_next(link, &message)) {
    if (message.opcode == GCN__WS_CLOSE) return message.code;
  }
  return 0;
}

void sim_say(struct sim_link* link, enum gcn__ws_opcode opcode,
             const char* text) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, REQUEST_SIZE);
  assert_int_equal(gcn__ws_write(link->ws, &out, opcode, gcn__span_str(text)),
                   0);
  sim_link_send(link, gcn__buf_span(&out));
  gcn__buf_deinit(&out);
}

void sim_say_close(struct sim_link* link, unsigned code) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, REQUEST_SIZE);
  assert_int_equal(gcn__ws_write_close(link->ws, &out, code, GCN__SPAN("bye")),
                   0);
  sim_link_send(link, gcn__buf_span(&out));
  gcn__buf_deinit(&out);
}
