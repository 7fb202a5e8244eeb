/* SPDX-License-Identifier: MIT */
/*
 * Options from any bytes (FAULTS F14).
 *
 * The input is a list of settings: which option, and a number or a text for it.
 * Options are taken or refused, never half of them: a refusal has a sentence,
 * in printable letters, that holds no secret; what is taken is complete and
 * within bounds. The same texts also go through the subscription reader and
 * the proxies' check.
 */
#include "base/err.h"
#include "client/options.h"
#include "client/proxies.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { TEXT_COUNT = 14, TEXT_SIZE_MAX = 300 };

#define SECRET "sEcReT-"

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-options: %s\n", what);
  abort();
}

static const size_t texts[] = {
    offsetof(gcn_options_t, region),        offsetof(gcn_options_t, login_url),
    offsetof(gcn_options_t, api_url),       offsetof(gcn_options_t, user_agent),
    offsetof(gcn_options_t, client_id),     offsetof(gcn_options_t, org_name),
    offsetof(gcn_options_t, proxy),         offsetof(gcn_options_t, no_proxy),
    offsetof(gcn_options_t, client_secret), offsetof(gcn_options_t, assertion),
    offsetof(gcn_options_t, refresh_token),
};

/* From here on a text is a secret. */
enum { FIRST_SECRET = 8 };

static const size_t numbers[] = {
    offsetof(gcn_options_t, attempt_ms),
    offsetof(gcn_options_t, phase_ms),
    offsetof(gcn_options_t, close_ms),
    offsetof(gcn_options_t, probe_ms),
    offsetof(gcn_options_t, silence_ms),
    offsetof(gcn_options_t, stable_ms),
    offsetof(gcn_options_t, retry_base_ms),
    offsetof(gcn_options_t, retry_floor_ms),
    offsetof(gcn_options_t, retry_cap_ms),
    offsetof(gcn_options_t, retry_after_ms_max),
    offsetof(gcn_options_t, message_size_max),
    offsetof(gcn_options_t, topic_count_max),
    offsetof(gcn_options_t, ping_ms),
    offsetof(gcn_options_t, ping_answer_ms),
    offsetof(gcn_options_t, pings_missed_max),
    offsetof(gcn_options_t, user_timeout_ms),
    offsetof(gcn_options_t, keepalive_s),
    offsetof(gcn_options_t, rotate_ms),
    offsetof(gcn_options_t, rotate_jitter_ms),
    offsetof(gcn_options_t, connection_count_max),
    offsetof(gcn_options_t, connection_names_max),
    offsetof(gcn_options_t, dns_ms),
    offsetof(gcn_options_t, dns_cache_ms),
};

struct given {
  gcn_options_t options;
  char texts[TEXT_COUNT][TEXT_SIZE_MAX];
};

static uint8_t take(struct gcn__span* input) {
  if (input->size == 0) return 0;
  uint8_t byte = (uint8_t)input->data[0];
  *input = gcn__span_skip(*input, 1);
  return byte;
}

static void set_text(struct given* given, size_t which,
                     struct gcn__span* input) {
  char* text = given->texts[which];
  size_t prefix = which >= FIRST_SECRET ? strlen(SECRET) : 0;
  size_t size = take(input);
  if (size > input->size) size = input->size;
  memcpy(text, SECRET, prefix);
  memcpy(text + prefix, input->data, size);
  text[prefix + size] = '\0';
  *input = gcn__span_skip(*input, size);
  const char* view = text;
  memcpy((char*)&given->options + texts[which], &view, sizeof view);
}

/* Powers of two and their neighbours reach every bound. */
static void set_number(struct given* given, size_t which,
                       struct gcn__span* input) {
  uint64_t value = UINT64_C(1) << take(input) % 64;
  value += (uint64_t)take(input) - 128;
  memcpy((char*)&given->options + numbers[which], &value, sizeof value);
}

static void set_flags(gcn_options_t* options, uint8_t bits) {
  options->allow_plaintext = bits & 1;
  options->no_combining = bits >> 1 & 1;
  options->keep_channel = bits >> 2 & 1;
  options->grant = (gcn_grant_t)(bits >> 3 & 7);
  options->log_level = (gcn_log_level_t)(bits >> 6);
}

static void set_up(struct given* given, struct gcn__span input) {
  size_t text_count = sizeof texts / sizeof texts[0];
  size_t number_count = sizeof numbers / sizeof numbers[0];
  gcn_options_init(&given->options);
  while (input.size > 0) {
    uint8_t which = take(&input);
    if (which == UINT8_MAX) {
      set_flags(&given->options, take(&input));
    } else if (which % 2 == 0) {
      set_text(given, which / 2 % text_count, &input);
    } else {
      set_number(given, which / 2 % number_count, &input);
    }
  }
}

static void check_sentence(const char* why) {
  check(why[0] != '\0', "refused without a sentence");
  check(strstr(why, SECRET) == NULL, "tells a secret");
  for (const char* c = why; *c != '\0'; c++)
    check((unsigned char)*c >= ' ' && *c != 0x7f, "control bytes in a text");
}

static void check_config(const struct gcn__config* config) {
  struct gcn__url url;
  const char* urls[] = {config->login_url, config->api_url};
  for (size_t i = 0; i < 2; i++) {
    struct gcn__span text = gcn__span_str(urls[i]);
    check(gcn__url_parse(&url, text) == NULL, "a URL that is none");
    check(gcn__url_secure(&url) || config->options.allow_plaintext == 1,
          "plaintext unasked");
  }
  const struct gcn__settings* settings = &config->settings;
  check(settings->attempt_ms > 0 && settings->phase_ms > 0, "no deadline");
  check(settings->retry_floor_ms <= settings->retry_cap_ms, "floor over cap");
  check(settings->message_size_max > 0, "no message fits");
  check(settings->message_size_max <= 16 << 20, "a message without bounds");
  check(config->user_agent != NULL, "no user agent");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct given* given = calloc(1, sizeof *given);
  check(given != NULL, "out of memory");
  char why[GCN__WHY_SIZE] = "";
  struct gcn__config config;
  set_up(given, gcn__span(data, size));
  int error = gcn__config_make(&given->options, &config, why);
  check(error == 0 || error == GCN_ECONFIG || error == UV_EINVAL, "what?");
  if (error == 0) {
    check_config(&config);
    error = gcn__config_check_proxies(&config, why);
    check(error == 0 || error == GCN_ECONFIG, "another error of a proxy");
  }
  if (error != 0) check_sentence(why);
  char text[4 * TEXT_SIZE_MAX];
  int taken = gcn_subscription(given->texts[0], text, sizeof text);
  check(taken != 0 && text[0] != '\0', "a subscription to nothing");
  check(taken < 0 || (size_t)taken == strlen(text), "of another size");
  free(given);
  return 0;
}
