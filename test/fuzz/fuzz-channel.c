/* SPDX-License-Identifier: MIT */
/*
 * Answers of the API about channels and topics, from any bytes (FAULTS F6).
 *
 * The first byte says what we know of the region, the rest is the body.  A
 * connectUri that is accepted leads to a host that the plainest reading of the
 * policy allows, and by TLS unless the API itself is a plaintext one on this
 * machine; ids are of a size that has room; every topic that is named is named
 * by the answer.  The same body is also read as a message of the system.
 */
#include "base/err.h"
#include "dialect/channels.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#define DOMAIN "mypurecloud.de"

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-channel: %s\n", what);
  abort();
}

static bool ends_with(const char* text, const char* end) {
  size_t size = strlen(text);
  size_t end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_loopback(const struct gcn__url* url) {
  if (!url->ip_literal) return strcmp(url->host, "localhost") == 0;
  return strcmp(url->host, "::1") == 0 || strncmp(url->host, "127.", 4) == 0;
}

/* The policy once more, said as plainly as possible. */
static bool may_lead(const struct gcn__url* uri,
                     const struct gcn__host_policy* policy) {
  const struct gcn__url* api = policy->api;
  bool same_port = uri->port == api->port;
  bool at_api = same_port && strcmp(uri->host, api->host) == 0;
  bool at_home = same_port && is_loopback(uri) && is_loopback(api);
  if (at_api || at_home)
    return uri->scheme == GCN__SCHEME_WSS || policy->plaintext;
  if (policy->domain == NULL || uri->scheme != GCN__SCHEME_WSS) return false;
  bool inside = strcmp(uri->host, policy->domain) == 0 ||
                ends_with(uri->host, "." DOMAIN);
  return inside && uri->port == 443;
}

static void check_uri(struct gcn__span text, uint8_t kind) {
  static const char* const apis[] = {"https://api." DOMAIN,
                                     "http://127.0.0.1:8089"};
  struct gcn__url api;
  struct gcn__url uri;
  const char* where = apis[kind & 1];
  check(gcn__url_parse(&api, gcn__span_str(where)) == NULL, "the API's URL");
  if (gcn__url_parse(&uri, text) != NULL) return;
  const struct gcn__host_policy policy = {
      .domain = kind & 2 ? NULL : DOMAIN,
      .api = &api,
      .plaintext = (kind & 4) != 0,
  };
  const char* why = gcn__channels_uri_check(&uri, &policy);
  check(why == NULL || why[0] != '\0', "refused without a reason");
  if (why != NULL) return;
  bool stream = uri.scheme == GCN__SCHEME_WS || uri.scheme == GCN__SCHEME_WSS;
  check(stream, "no stream");
  check(may_lead(&uri, &policy), "leads astray");
}

static void check_channel(const struct gcn__json* body, uint8_t kind) {
  struct gcn__channel_answer answer;
  const char* why = NULL;
  int error = gcn__channels_read_channel(body, &answer, &why);
  check(error == 0 || error == GCN_EPROTO, "another error");
  check(error == 0 || (why != NULL && why[0] != '\0'), "no reason");
  if (error != 0) return;
  check(answer.id.size > 0, "a channel without an id");
  check(answer.id.size <= GCN__CHANNEL_ID_SIZE_MAX, "an id too long");
  check_uri(answer.connect_uri, kind);
}

static void check_missing(const struct gcn__json* missing) {
  if (missing == NULL) return;
  check(gcn__json_is_array(missing), "a list that is none");
  for (size_t i = 0; i < gcn__json_count(missing); i++)
    gcn__json_string(gcn__json_at(missing, i));
}

static void check_topics(const struct gcn__json* body) {
  int count = gcn__channels_topic_count(body);
  check(count >= 0 || count == GCN_EPROTO, "another error");
  for (int i = 0; i < count; i++) {
    struct gcn__topic_answer answer;
    if (!gcn__channels_read_topic(body, (size_t)i, &answer)) continue;
    check(answer.id.data != NULL, "a topic without a name");
    check_missing(answer.missing);
  }
}

static void check_system(struct gcn__span bytes, const struct gcn__json* body) {
  struct gcn__system_message message;
  gcn__channels_read_system(bytes, body, &message);
  check(message.topic.size <= bytes.size, "more of a topic than was said");
  check(message.reason.size <= bytes.size, "more of a reason than was said");
  uint64_t wait_ms = 0;
  unsigned code = bytes.size < 2 ? 1000 : (unsigned char)bytes.data[0] * 20u;
  struct gcn__judgement judgement =
      gcn__channels_judge_close(code, bytes, &wait_ms);
  bool limited = judgement.meaning == GCN__MEANING_LIMITED;
  check(limited == (wait_ms > 0), "a limit without a wait");
  check(wait_ms <= 99999 * UINT64_C(1000), "a wait beyond five digits");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  struct gcn__span text = gcn__span(data + 1, size - 1);
  struct gcn__json* body = gcn__json_parse(text, NULL);
  check_uri(text, data[0]);
  check_channel(body, data[0]);
  check_topics(body);
  check_system(text, body);
  gcn__json_free(body, false);
  return 0;
}
