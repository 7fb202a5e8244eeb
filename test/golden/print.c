/* SPDX-License-Identifier: MIT */
/*
 * One line per effect, per request, per frame.  Requests are shown by their
 * method, target, authorization and body: their exact bytes are the business of
 * the dialect's own test.
 */
#include "print.h"

#include "base/err.h"
#include "check.h"
#include "codec/ws.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BODY_SHOWN_SIZE = 1000 };

static void put(FILE* out, const char* before, struct gcn__span span) {
  if (span.data == NULL) return;
  fprintf(out, "%s%.*s", before, (int)span.size, span.data);
}

static const char* error_name(int error) {
  switch (error) {
#define ERROR_CASE(name, value, text)                                          \
  case value: return #name;
    GCN_ERRNO_MAP(ERROR_CASE)
#undef ERROR_CASE
  case GCN__EOF: return "EOF";
  case GCN__ENOMEM: return "ENOMEM";
  case GCN__EINVAL: return "EINVAL";
  case GCN__ECONNRESET: return "ECONNRESET";
  case GCN__EADDRNOTAVAIL: return "EADDRNOTAVAIL";
  case GCN__EMFILE: return "EMFILE";
  case -ECONNREFUSED: return "ECONNREFUSED";
  default: return "?";
  }
}

static void print_failure(FILE* out, const struct gcn__failure* failure) {
  static const char* const layers[] = {
      "NONE", "DNS", "TCP", "TLS", "HTTP", "WS", "SERVICE", "CLIENT", "PROXY"};
  fprintf(out, ">   failure %s %s", error_name(failure->error),
          layers[failure->layer]);
  if (failure->http_status != 0) {
    fprintf(out, " status %d", failure->http_status);
  }
  if (failure->close_code != 0) fprintf(out, " code %d", failure->close_code);
  if (failure->retry_after_ms >= 0) {
    fprintf(out, " asked %" PRId64, failure->retry_after_ms);
  }
  if (failure->correlation_id[0] != '\0') {
    fprintf(out, " id %s", failure->correlation_id);
  }
  fprintf(out, ": %s\n", failure->text);
}

/* Most transcripts have one only. */
static void print_shard(FILE* out, unsigned shard) {
  if (shard > 0) fprintf(out, ", shard %u", shard);
}

static void print_transition(FILE* out, const struct gcn__transition* t) {
  fprintf(out, "> state %s -> %s by %s", gcn__state_name(t->from),
          gcn__state_name(t->to), gcn__input_name(t->input));
  print_shard(out, t->shard);
  if (t->to == GCN__STATE_CONNECTING) {
    fprintf(out, ", attempt %" PRIu64, t->attempt);
  }
  if (t->failures > 0) fprintf(out, ", failures %" PRIu64, t->failures);
  if (t->to == GCN__STATE_BACKING_OFF) {
    fprintf(out, ", retry in %" PRIu64, t->retry_in_ms);
  }
  fprintf(out, "\n");
  if (t->failure != NULL) print_failure(out, t->failure);
}

/* What only the stream dialect has. */
static void print_names(FILE* out, const struct gcn__event* event) {
  put(out, " at ", event->resource_id);
  put(out, " type ", event->type);
  put(out, " named ", event->id);
}

static void print_event(FILE* out, const char* kind,
                        const struct gcn__event* event) {
  fprintf(out, "> %s %" PRIu64, kind, event->sequence);
  put(out, " ", event->topic);
  put(out, " ", event->body);
  put(out, " id ", event->correlation_id);
  put(out, " version ", event->version);
  print_names(out, event);
  fprintf(out, " (channel %u, stream %" PRIu64 ")\n", event->generation,
          event->connection);
}

static const char* const verdicts[] = {"pending", "permitted", "rejected",
                                       "unknown"};

void print_more(FILE* out, enum gcn__verdict verdict, unsigned count) {
  fprintf(out, "> and %u more %s\n", count, verdicts[verdict]);
}

static void print_topic(FILE* out, const struct gcn__topic_result* result) {
  put(out, "> topic ", result->topic);
  fprintf(out, " %s", verdicts[result->verdict]);
  put(out, ": ", result->reason);
  put(out, ", missing ", result->missing);
  fprintf(out, "\n");
}

static void print_gap(FILE* out, const struct gcn__gap* gap) {
  fprintf(out, "> gap from %" PRIu64 " to %" PRIu64 " by %s", gap->from_ms,
          gap->to_ms, gcn__input_name(gap->cause));
  print_shard(out, gap->shard);
  if (gap->certainty == GCN__CERTAINTY_POSSIBLE) fprintf(out, ", possible");
  if (gap->before_ms > 0) fprintf(out, ", %" PRIu64 " before", gap->before_ms);
  fprintf(out, "%s\n", gap->partial ? ", partial" : "");
}

static void print_rotation(FILE* out, const struct gcn__rotation* rotation) {
  fprintf(out, "> rotation by %s", gcn__input_name(rotation->cause));
  print_shard(out, rotation->shard);
  fprintf(out, ", %s, overlap %" PRIu64 ", duplicates %" PRIu64 "\n",
          rotation->proven ? "proven" : "not proven", rotation->overlap_ms,
          rotation->duplicates);
}

void print_effect(FILE* out, const char* wire,
                  const struct gcn__effect* effect) {
  switch (effect->kind) {
  case GCN__EFFECT_OPEN:
    fprintf(out, "> open %s %s:%u\n", wire, effect->open.host,
            (unsigned)effect->open.port);
    return;
  case GCN__EFFECT_DROP:
    fprintf(out, "> %s %s\n", effect->abort ? "abort" : "drop", wire);
    return;
  case GCN__EFFECT_MOVE: fprintf(out, "> move spare to %s\n", wire); return;
  case GCN__EFFECT_STATE: print_transition(out, &effect->transition); return;
  case GCN__EFFECT_EVENT: print_event(out, "event", &effect->event); return;
  case GCN__EFFECT_NOTICE: print_event(out, "notice", &effect->event); return;
  case GCN__EFFECT_HEARTBEAT: fprintf(out, "> heartbeat\n"); return;
  case GCN__EFFECT_TOPIC: print_topic(out, &effect->topic); return;
  case GCN__EFFECT_GAP: print_gap(out, &effect->gap); return;
  case GCN__EFFECT_ROTATION: print_rotation(out, &effect->rotation); return;
  case GCN__EFFECT_ASK:
    fprintf(out, "> ask %s%s\n",
            effect->ask.kind == GCN__ASK_TOKEN ? "token" : "credentials",
            effect->ask.refused ? ", the last was refused" : "");
    return;
  case GCN__EFFECT_REFRESHED:
    put(out, "> refreshed ", effect->refresh_token);
    fprintf(out, "\n");
    return;
  case GCN__EFFECT_MARK:
    fprintf(out, "> position %.*s%s", (int)effect->mark.position.size,
            effect->mark.position.data, effect->mark.is_time ? ", a time" : "");
    print_shard(out, effect->mark.shard);
    fprintf(out, "\n");
    return;
  }
}

/* The end of `text` in `bytes`; fails if it is not there. */
static const char* after(struct gcn__span bytes, const char* text) {
  const char* found = memmem(bytes.data, bytes.size, text, strlen(text));
  if (found == NULL) fail_msg("no \"%s\" in what was sent", text);
  return found + strlen(text);
}

static struct gcn__span header(struct gcn__span head, const char* name) {
  const char* found = memmem(head.data, head.size, name, strlen(name));
  if (found == NULL) return (struct gcn__span){NULL, 0};
  const char* value = found + strlen(name);
  const char* end = strchr(value, '\r');
  return gcn__span(value, (size_t)(end - value));
}

/* Of a long list of topics the number is enough. */
static void put_body(FILE* out, struct gcn__span body) {
  if (body.size <= BODY_SHOWN_SIZE) {
    put(out, " ", body);
    return;
  }
  unsigned count = 0;
  for (size_t i = 0; i < body.size; i++)
    count += body.data[i] == '{';
  fprintf(out, " [%u names, %zu bytes]", count, body.size);
}

static size_t print_request(FILE* out, const char* wire,
                            struct gcn__span bytes) {
  size_t head_size = (size_t)(after(bytes, "\r\n\r\n") - bytes.data);
  struct gcn__span head = gcn__span(bytes.data, head_size);
  size_t line_size = (size_t)(after(head, " HTTP/1.1\r\n") - bytes.data) - 11;
  fprintf(out, "> send %s %.*s", wire, (int)line_size, bytes.data);
  put(out, " ", header(head, "Authorization: "));
  struct gcn__span length = header(head, "Content-Length: ");
  size_t body_size =
      length.data == NULL ? 0 : (size_t)strtoul(length.data, NULL, 10);
  assert_true(head_size + body_size <= bytes.size);
  struct gcn__span body = gcn__span(bytes.data + head_size, body_size);
  if (body_size > 0) put_body(out, body);
  fprintf(out, "\n");
  return head_size + body_size;
}

static const char* opcode_name(unsigned opcode) {
  switch (opcode) {
  case GCN__WS_TEXT: return "text";
  case GCN__WS_CLOSE: return "close";
  case GCN__WS_PING: return "ping";
  case GCN__WS_PONG: return "pong";
  default: return "odd";
  }
}

/* RFC 6455 §5.2, for short masked frames. */
static size_t print_frame(FILE* out, const char* wire, struct gcn__span bytes) {
  const unsigned char* at = (const unsigned char*)bytes.data;
  assert_true(bytes.size >= 6);
  size_t size = at[1] & 0x7fu;
  assert_true((at[0] & 0x80) != 0 && (at[1] & 0x80) != 0 && size < 126);
  assert_true(bytes.size >= 6 + size);
  unsigned opcode = at[0] & 0x0fu;
  fprintf(out, "> send %s %s", wire, opcode_name(opcode));
  char payload[126];
  for (size_t i = 0; i < size; i++) {
    payload[i] = (char)(at[6 + i] ^ at[2 + i % 4]);
  }
  struct gcn__span text = gcn__span(payload, size);
  if (opcode == GCN__WS_CLOSE && size >= 2) {
    unsigned high = (unsigned char)payload[0];
    fprintf(out, " %u", high << 8 | (unsigned char)payload[1]);
    text = gcn__span_skip(text, 2);
  }
  if (text.size > 0) put(out, " ", text);
  fprintf(out, "\n");
  return 6 + size;
}

void print_sent(FILE* out, const char* wire, struct gcn__span bytes) {
  while (bytes.size > 0) {
    bool frame = (bytes.data[0] & 0x80) != 0;
    size_t size =
        frame ? print_frame(out, wire, bytes) : print_request(out, wire, bytes);
    bytes = gcn__span_skip(bytes, size);
  }
}
