/* SPDX-License-Identifier: MIT */
/*
 * See sim-values.h.
 */
#include "cli/sim-values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "codec/envelope.h"
#include "codec/json.h"
#include "sim/topics.h"

enum { NUMBER_SIZE = 24, AUTHORITY_TEXT_SIZE = 320 };

static const struct gcn__mem* const mem = &gcn__mem_libc;

/* False unless all of `text` is a number up to `max`. */
static bool read_number(struct gcn__span text, uint64_t max, uint64_t* out) {
  char digits[NUMBER_SIZE];
  if (text.size >= sizeof digits) return false;
  memcpy(digits, text.data, text.size);
  digits[text.size] = '\0';
  return gcn__text_number(digits, out) && *out <= max;
}

/* The colon before a port; NULL if there is none.  A bare IPv6 literal has
 * colons of its own. */
static const char* find_port(const char* text) {
  const char* bracket = strrchr(text, ']');
  if (bracket != NULL) return bracket[1] == ':' ? bracket + 1 : NULL;
  const char* first = strchr(text, ':');
  bool single = first != NULL && strchr(first + 1, ':') == NULL;
  return single ? first : NULL;
}

static bool read_address(struct gcn__span text,
                         char address[GCN__CLI_SIM_ADDRESS_SIZE]) {
  bool bracketed =
      text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']';
  if (bracketed) text = gcn__span(text.data + 1, text.size - 2);
  if (text.size >= GCN__CLI_SIM_ADDRESS_SIZE) return false;
  memcpy(address, text.data, text.size);
  address[text.size] = '\0';
  unsigned char binary[sizeof(struct in6_addr)];
  if (inet_pton(AF_INET6, address, binary) == 1) return true;
  return !bracketed && inet_pton(AF_INET, address, binary) == 1;
}

const char* gcn__cli_sim_listen_of(const char* value,
                                   char address[GCN__CLI_SIM_ADDRESS_SIZE],
                                   uint16_t* port) {
  static const char want[] =
      "an IPv4 or IPv6 address with or without a port, like 127.0.0.1, "
      "127.0.0.1:8443 or [::1]:8443";
  const char* colon = find_port(value);
  size_t size = colon == NULL ? strlen(value) : (size_t)(colon - value);
  uint64_t number = 0;
  if (!read_address(gcn__span(value, size), address)) return want;
  if (colon != NULL &&
      !read_number(gcn__span_str(colon + 1), UINT16_MAX, &number)) {
    return want;
  }
  *port = (uint16_t)number;
  return NULL;
}

const char* gcn__cli_sim_authority_of(const char* value,
                                      struct gcn__cli_sim_authority* out) {
  static const char want[] =
      "HOST, HOST:PORT, ws://HOST:PORT or wss://HOST:PORT";
  char text[AUTHORITY_TEXT_SIZE];
  *out = (struct gcn__cli_sim_authority){.given = true};
  out->schemed = strstr(value, "://") != NULL;
  const char* bare = out->schemed ? strstr(value, "://") + 3 : value;
  int size =
      snprintf(text, sizeof text, "%s%s", out->schemed ? "" : "wss://", value);
  if (size < 0 || (size_t)size >= sizeof text) return want;
  if (gcn__url_parse(&out->url, gcn__span_str(text)) != NULL) return want;
  if (out->url.target.size > 1) return want;
  out->url.target = GCN__SPAN("/"); /* else it would point to `text` */
  bool web =
      out->url.scheme == GCN__SCHEME_WS || out->url.scheme == GCN__SCHEME_WSS;
  out->ported = out->schemed || find_port(bare) != NULL;
  return web ? NULL : want;
}

const char* gcn__cli_sim_rate_of(const char* value, uint64_t* events_per_ks) {
  static const char want[] = "a rate like 50/s or 30/m, at most 1000000/s";
  const char* slash = strchr(value, '/');
  const char* unit = slash == NULL ? "/s" : slash;
  size_t size = slash == NULL ? strlen(value) : (size_t)(slash - value);
  bool per_minute = strcmp(unit, "/m") == 0 || strcmp(unit, "/min") == 0;
  if (!per_minute && strcmp(unit, "/s") != 0) return want;
  uint64_t most = GCN__CLI_SIM_RATE_MAX * UINT64_C(1) * (per_minute ? 60 : 1);
  uint64_t number;
  if (!read_number(gcn__span(value, size), most, &number)) return want;
  *events_per_ks = per_minute ? (number * 1000 + 30) / 60 : number * 1000;
  return NULL;
}

const char* gcn__cli_sim_flaw_of(const char* value, enum gcn__pki_flaw* flaw) {
  static const struct {
    const char* word;
    enum gcn__pki_flaw flaw;
  } words[] = {
      {"expired", GCN__PKI_EXPIRED},
      {"future", GCN__PKI_FUTURE},
      {"no-san", GCN__PKI_NO_SAN},
      {"self-signed", GCN__PKI_SELF_SIGNED},
      {"client-only", GCN__PKI_CLIENT_ONLY},
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(value, words[i].word) != 0) continue;
    *flaw = words[i].flaw;
    return NULL;
  }
  return "expired|future|no-san|self-signed|client-only";
}

static bool keep_topic(struct gcn__span topic,
                       char out[GCN__SIM_TOPIC_SIZE_MAX]) {
  if (!gcn__sim_topic_valid(topic)) return false;
  memcpy(out, topic.data, topic.size);
  out[topic.size] = '\0';
  return true;
}

/* An envelope, or a line of `gcn tail -o json`. */
static bool topic_of_line(struct gcn__span line,
                          char out[GCN__SIM_TOPIC_SIZE_MAX]) {
  char* copy = gcn__str_copy_n(mem, line.data, line.size);
  if (copy == NULL) return false;
  struct gcn__envelope envelope;
  bool found = gcn__envelope_scan(copy, line.size, GCN__SCRUTINY_STRICT,
                                  &envelope, NULL) == 0 &&
               envelope.topic.data != NULL && keep_topic(envelope.topic, out);
  gcn__free(mem, copy, line.size + 1);
  if (found) return true;
  struct gcn__json* json = gcn__json_parse(line, NULL);
  struct gcn__span topic = gcn__json_member(json, "topic");
  found = topic.data != NULL && keep_topic(topic, out);
  gcn__json_free(json, false);
  return found;
}

bool gcn__cli_sim_first_topic(struct gcn__span corpus,
                              char out[GCN__SIM_TOPIC_SIZE_MAX]) {
  while (corpus.size > 0) {
    const char* end = memchr(corpus.data, '\n', corpus.size);
    size_t size = end == NULL ? corpus.size : (size_t)(end - corpus.data);
    if (size > 0 && topic_of_line(gcn__span(corpus.data, size), out)) {
      return true;
    }
    corpus = gcn__span_skip(corpus, end == NULL ? size : size + 1);
  }
  return false;
}

/* "#12 GET /route: 200 for me": a connection's number and a method. */
bool gcn__cli_sim_is_request(const char* line) {
  if (line[0] != '#') return false;
  const char* method = line + 1 + strspn(line + 1, "0123456789");
  if (*method++ != ' ') return false;
  size_t size = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
  if (size < 2 || method[size] != ' ') return false;
  return strstr(method, ": 101") == NULL;
}
