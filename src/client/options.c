/* SPDX-License-Identifier: MIT */
/*
 * Nothing is copied here but the numbers; the engine copies the texts.
 */
#include "client/options.h"

#include "base/err.h"
#include "client/options-parts.h"
#include "client/proxies.h"
#include "core/backoff.h"
#include "core/planner.h"
#include "dialect/regions.h"
#include "engine/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

enum {
  USER_AGENT_SIZE_MAX = 256,
  CREDENTIAL_SIZE_MAX = 1024,
  ASSERTION_SIZE_MAX = 65536,
  CONNECTION_NAMES_MIN = 1,
  RECORD_SIZE_MIN = 1024,
  RECORD_SIZE_MAX = 16 * 1024 * 1024,
  HANDSHAKES_MAX = 1024,
  KEEPALIVE_MAX_S = 32767, /* Linux takes no more */
  MESSAGE_SIZE_MIN = 1024,
  MESSAGE_SIZE_MAX = 16 * 1024 * 1024,
};

#define DEFAULT_DOMAIN "mypurecloud.com"

/* Where each duration stands in the options and in the settings. */
static const struct {
  const char* name;
  size_t option;
  size_t setting;
} durations[] = {
#define DURATION(option, setting)                                              \
  {                                                                            \
#    option, offsetof(gcn_options_t, option),                                  \
        offsetof(struct gcn__settings, setting)                                \
  }
    DURATION(attempt_ms, attempt_ms),
    DURATION(phase_ms, phase_ms),
    DURATION(close_ms, close_ms),
    DURATION(probe_ms, probe_ms),
    DURATION(silence_ms, silence_ms),
    DURATION(stable_ms, stable_ms),
    DURATION(retry_base_ms, retry_base_ms),
    DURATION(retry_floor_ms, retry_floor_ms),
    DURATION(retry_cap_ms, retry_cap_ms),
    DURATION(retry_first_ms, retry_first_ms),
    DURATION(retry_after_ms_max, retry_after_max_ms),
    DURATION(sync_ms, sync_ms),
    DURATION(audit_ms, audit_ms),
    DURATION(token_margin_ms, token_margin_ms),
    DURATION(latency_ms_max, latency_max_ms),
    DURATION(degraded_ms, degraded_ms),
    DURATION(proof_ms, proof_ms),
    DURATION(ping_ms, ping_ms),
    DURATION(ping_answer_ms, ping_answer_ms),
    DURATION(rotate_ms, rotate_ms),
    DURATION(rotate_jitter_ms, rotate_jitter_ms),
    DURATION(rotate_spread_ms, rotate_spread_ms),
    DURATION(overlap_ms, overlap_ms),
    DURATION(topic_retry_ms, topic_retry_ms),
    DURATION(topic_retry_ms_max, topic_retry_max_ms),
    DURATION(stagger_ms, stagger_ms),
    DURATION(spare_ms, spare_ms),
#undef DURATION
};

_Static_assert(GCN_TOPIC_SIZE_MAX == GCN__TOPIC_SIZE_MAX &&
                   GCN_CONNECTION_NAMES_MAX == GCN__SHARD_NAMES_MAX &&
                   GCN_CONNECTION_COUNT_MAX == GCN__SHARD_COUNT_MAX &&
                   GCN_CREDENTIALS_COUNT_MAX == GCN__OFFER_COUNT_MAX,
               "the limits of the service, public and internal");
_Static_assert(
    (int)GCN_GRANT_CLIENT_CREDENTIALS == (int)GCN__GRANT_CLIENT_CREDENTIALS &&
        (int)GCN_GRANT_REFRESH_TOKEN == (int)GCN__GRANT_REFRESH_TOKEN &&
        (int)GCN_GRANT_SAML2_BEARER == (int)GCN__GRANT_SAML2_BEARER &&
        (int)GCN_GRANT_JWT_BEARER == (int)GCN__GRANT_JWT_BEARER,
    "public and internal grants agree");
_Static_assert((int)GCN_JITTER_FULL == (int)GCN__JITTER_FULL &&
                   (int)GCN_JITTER_NONE == (int)GCN__JITTER_NONE &&
                   (int)GCN_JITTER_EQUAL == (int)GCN__JITTER_EQUAL &&
                   (int)GCN_JITTER_DECORRELATED ==
                       (int)GCN__JITTER_DECORRELATED,
               "public and internal jitters agree");

void gcn_options_init_sized(gcn_options_t* options, size_t size) {
  size_t level_end =
      offsetof(gcn_options_t, log_level) + sizeof options->log_level;
  if (options == NULL || size < sizeof options->size) return;
  memset(options, 0, size);
  options->size = size;
  if (size >= level_end) options->log_level = GCN_LOG_WARN;
}

int gcn__config_refuse(char why[GCN__WHY_SIZE], const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, GCN__WHY_SIZE, format, args);
  va_end(args);
  return GCN_ECONFIG;
}

int gcn__config_take(void* to, size_t to_size, const void* from,
                     const char* name, char why[GCN__WHY_SIZE]) {
  size_t size;
  memcpy(&size, from, sizeof size);
  memcpy(to, from, size < to_size ? size : to_size);
  const unsigned char* bytes = from;
  for (size_t i = to_size; i < size; i++) {
    if (bytes[i] == 0) continue;
    return gcn__config_refuse(
        why,
        "%s: a field is set that this library (%s) does not know; use a newer "
        "library or clear the field",
        name, GCN_VERSION_STRING);
  }
  return 0;
}

static int take_options(const gcn_options_t* options,
                        struct gcn__config* config, char* why) {
  if (options == NULL || options->size < sizeof options->size) {
    gcn__config_refuse(why,
                       "options: size is not set; call gcn_options_init first");
    return UV_EINVAL;
  }
  return gcn__config_take(&config->options, sizeof config->options, options,
                          "options", why);
}

const char* gcn__credential_check(const char* text) {
  if (text == NULL || text[0] == '\0') return "is missing";
  size_t size = 0;
  for (; text[size] != '\0'; size++) {
    unsigned char byte = (unsigned char)text[size];
    if (byte < 0x20 || byte == 0x7f) return "has a control character";
  }
  return size > CREDENTIAL_SIZE_MAX ? "is longer than 1024 bytes" : NULL;
}

/* RFC 7617 §2: what stands before the colon of a Basic login.  White space at
 * an end comes of copying. */
const char* gcn__client_id_check(const char* text) {
  const char* wrong = gcn__credential_check(text);
  if (wrong != NULL) return wrong;
  size_t size = strlen(text);
  if (text[0] == ' ' || text[size - 1] == ' ') {
    return "begins or ends with a space";
  }
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)text[i] > 0x7e) return "has a byte that is not ASCII";
    if (text[i] == ':') return "has a colon";
  }
  return NULL;
}

/* Assertions are documents; the request has to hold them. */
const char* gcn__assertion_check(const char* text) {
  if (text == NULL || text[0] == '\0') return "is missing";
  size_t size = 0;
  for (; text[size] != '\0'; size++) {
    unsigned char byte = (unsigned char)text[size];
    if (byte < 0x20 || byte == 0x7f) return "has a control character";
  }
  return size > ASSERTION_SIZE_MAX ? "is longer than 65536 bytes" : NULL;
}

/* One that is given has to be good also where the grant needs none: the rule of
 * gcn_client_set_grant. */
static int check_document(const char* field, const char* text, bool needed,
                          char* why) {
  if (text == NULL && !needed) return 0;
  const char* wrong = gcn__assertion_check(text);
  if (wrong == NULL) return 0;
  return gcn__config_refuse(why, "%s %s; %s", field, wrong,
                            needed ? "the grant needs one"
                                   : "give a good one or NULL");
}

static int check_grant(const gcn_options_t* options, char* why) {
  bool asked = options->credentials_cb != NULL;
  bool bearer = options->grant == GCN_GRANT_SAML2_BEARER ||
                options->grant == GCN_GRANT_JWT_BEARER;
  if ((unsigned)options->grant > GCN_GRANT_JWT_BEARER) {
    return gcn__config_refuse(
        why, "grant is not one of GCN_GRANT_CLIENT_CREDENTIALS to "
             "GCN_GRANT_JWT_BEARER");
  }
  bool refresh = options->grant == GCN_GRANT_REFRESH_TOKEN;
  int error = check_document("refresh_token", options->refresh_token,
                             refresh && !asked, why);
  if (error != 0) return error;
  error =
      check_document("assertion", options->assertion, bearer && !asked, why);
  if (error != 0) return error;
  const char* wrong = gcn__credential_check(options->org_name);
  if (options->grant == GCN_GRANT_SAML2_BEARER && wrong != NULL) {
    return gcn__config_refuse(why, "org_name %s; the grant needs one", wrong);
  }
  return 0;
}

static int check_credentials(const gcn_options_t* options, char* why) {
  if (options->token_cb != NULL) return 0;
  int error = check_grant(options, why);
  if (error != 0) return error;
  if (options->credentials_cb != NULL && options->client_id == NULL) return 0;
  const char* wrong = gcn__client_id_check(options->client_id);
  if (wrong != NULL) {
    return gcn__config_refuse(
        why,
        "client_id %s; it is that of an OAuth client with the "
        "grant type Client Credentials",
        wrong);
  }
  wrong = gcn__credential_check(options->client_secret);
  if (wrong == NULL) return 0;
  return gcn__config_refuse(
      why, "client_secret %s; it is shown with the OAuth client", wrong);
}

static int check_user_agent(struct gcn__config* config, char* why) {
  const char* text = config->options.user_agent;
  config->user_agent = "gcnotify/" GCN_VERSION_STRING;
  if (text == NULL || text[0] == '\0') return 0;
  size_t size = 0;
  for (; text[size] != '\0'; size++) {
    unsigned char byte = (unsigned char)text[size];
    if (byte >= 0x20 && byte < 0x7f) continue;
    return gcn__config_refuse(
        why, "user_agent has a byte that is not printable ASCII");
  }
  if (text[0] == ' ' || text[size - 1] == ' ') {
    return gcn__config_refuse(why, "user_agent begins or ends with a space");
  }
  if (size > USER_AGENT_SIZE_MAX) {
    return gcn__config_refuse(why, "user_agent is longer than %d bytes",
                              USER_AGENT_SIZE_MAX);
  }
  config->user_agent = text;
  return 0;
}

static bool is_loopback(const struct gcn__url* url) {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  if (!url->ip_literal) return strcmp(url->host, "localhost") == 0;
  if (uv_ip4_addr(url->host, 0, &v4) == 0) {
    return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
  }
  if (uv_ip6_addr(url->host, 0, &v6) != 0) return false;
  return memcmp(&v6.sin6_addr, &in6addr_loopback, sizeof v6.sin6_addr) == 0;
}

static int check_url(const struct gcn__config* config, const char* field,
                     const char* text, struct gcn__url* url, char* why) {
  const char* wrong = gcn__url_parse(url, gcn__span_str(text));
  if (wrong != NULL) {
    return gcn__config_refuse(
        why, "%s: %s; it looks like https://HOST[:PORT][/PATH]", field, wrong);
  }
  if (memchr(url->target.data, '?', url->target.size) != NULL) {
    return gcn__config_refuse(why, "%s has a query; leave it out", field);
  }
  if (url->scheme == GCN__SCHEME_HTTPS) return 0;
  if (url->scheme != GCN__SCHEME_HTTP) {
    return gcn__config_refuse(why, "%s does not begin with https://", field);
  }
  if (!config->options.allow_plaintext) {
    return gcn__config_refuse(
        why,
        "%s is plaintext; use https://, or allow_plaintext for "
        "a simulator on this machine",
        field);
  }
  if (!is_loopback(url)) {
    return gcn__config_refuse(
        why,
        "%s is plaintext to another machine; allow_plaintext "
        "permits 127.0.0.0/8, ::1 and localhost only",
        field);
  }
  return 0;
}

static int check_region(struct gcn__config* config, char* why) {
  const char* region = config->options.region;
  const char* known = gcn__region_domain(region);
  if (known != NULL) {
    config->domain = known;
    return 0;
  }
  struct gcn__span text = gcn__span_str(region);
  bool dotted = memchr(region, '.', text.size) != NULL;
  const char* wrong = dotted ? gcn__host_check(text) : "is not known";
  if (wrong != NULL) {
    return gcn__config_refuse(
        why,
        "region: %s; give an AWS region like eu-central-1 or a "
        "domain like mypurecloud.de",
        wrong);
  }
  for (size_t i = 0; i < text.size; i++) {
    config->domain_text[i] = gcn__ascii_lower(region[i]);
  }
  config->domain_text[text.size] = '\0';
  config->domain = config->domain_text;
  return 0;
}

/* Without a region the service's domain follows from api.DOMAIN, and is
 * unknown for any other host. */
static void derive_domain(struct gcn__config* config,
                          const struct gcn__url* api) {
  const char* rest = api->host + 4;
  bool named = !api->ip_literal && strncmp(api->host, "api.", 4) == 0;
  if (!named || strchr(rest, '.') == NULL) return;
  memcpy(config->domain_text, rest, strlen(rest) + 1);
  config->domain = config->domain_text;
}

static const char* base_url(const char* given, const char* prefix,
                            const char* domain, char* text) {
  if (given != NULL) return given;
  snprintf(text, GCN__BASE_URL_SIZE, "https://%s.%s", prefix, domain);
  return text;
}

static int place(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  if (options->region != NULL) {
    int error = check_region(config, why);
    if (error != 0) return error;
  }
  const char* domain = config->domain == NULL ? DEFAULT_DOMAIN : config->domain;
  if (options->api_url == NULL) config->domain = domain;
  config->login_url =
      base_url(options->login_url, "login", domain, config->login_text);
  config->api_url = base_url(options->api_url, "api", domain, config->api_text);
  struct gcn__url login;
  struct gcn__url api;
  int error = check_url(config, "login_url", config->login_url, &login, why);
  if (error == 0) {
    error = check_url(config, "api_url", config->api_url, &api, why);
  }
  if (error != 0) return error;
  if (config->domain == NULL) derive_domain(config, &api);
  config->tls =
      gcn__url_secure(&login) || gcn__url_secure(&api) ||
      options->ca_pem != NULL || options->ca_path != NULL ||
      options->client_cert_pem != NULL || options->client_cert_path != NULL ||
      options->client_key_pem != NULL || options->client_key_path != NULL;
  return 0;
}

static int take_duration(struct gcn__config* config, size_t index, char* why) {
  uint64_t value;
  const char* from = (const char*)&config->options;
  char* to = (char*)&config->settings;
  memcpy(&value, from + durations[index].option, sizeof value);
  if (value == 0) return 0;
  if (value > GCN__DURATION_MAX_MS) {
    return gcn__config_refuse(why, "%s is over a year; it is in milliseconds",
                              durations[index].name);
  }
  memcpy(to + durations[index].setting, &value, sizeof value);
  return 0;
}

static int check_durations(struct gcn__config* config, char* why) {
  struct gcn__settings* settings = &config->settings;
  *settings = GCN__SETTINGS_DEFAULT;
  for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
    int error = take_duration(config, i, why);
    if (error != 0) return error;
  }
  if (settings->probe_ms >= settings->silence_ms) {
    return gcn__config_refuse(
        why, "probe_ms is not below silence_ms; the answer to a "
             "probe needs the time between them");
  }
  if (settings->retry_floor_ms > settings->retry_cap_ms) {
    return gcn__config_refuse(why, "retry_floor_ms is above retry_cap_ms");
  }
  if (settings->rotate_jitter_ms >= settings->rotate_ms &&
      config->options.rotate_jitter_ms != 0) {
    return gcn__config_refuse(why, "rotate_jitter_ms is not below rotate_ms");
  }
  if (settings->overlap_ms <= settings->latency_max_ms) {
    return gcn__config_refuse(
        why, "overlap_ms is not above latency_ms_max; a handover "
             "can't be proven sooner");
  }
  if (settings->topic_retry_ms > settings->topic_retry_max_ms) {
    return gcn__config_refuse(why,
                              "topic_retry_ms is above topic_retry_ms_max");
  }
  return 0;
}

static int check_network(const gcn_options_t* options, char* why) {
  const struct {
    const char* name;
    uint64_t value;
    uint64_t value_max;
    bool may_be_off;
  } rows[] = {
      {"dns_ms", options->dns_ms, GCN__DURATION_MAX_MS, false},
      {"dns_cache_ms", options->dns_cache_ms, GCN__DURATION_MAX_MS, true},
      {"user_timeout_ms", options->user_timeout_ms, INT32_MAX, true},
      {"keepalive_s", options->keepalive_s, KEEPALIVE_MAX_S, true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    bool off = rows[i].may_be_off && rows[i].value == UINT64_MAX;
    if (off || rows[i].value <= rows[i].value_max) continue;
    return gcn__config_refuse(
        why, "%s is above %llu%s", rows[i].name,
        (unsigned long long)rows[i].value_max,
        rows[i].may_be_off ? "; UINT64_MAX switches it off" : "");
  }
  if (options->hub == NULL || options->resolve_cb == NULL) return 0;
  return gcn__config_refuse(
      why, "resolve_cb is set beside hub, which does the look-ups; "
           "give it to gcn_hub_new");
}

static int check_connections(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  struct gcn__settings* settings = &config->settings;
  uint64_t count = options->connection_count_max;
  uint64_t names = options->connection_names_max;
  uint64_t missed = options->pings_missed_max;
  if (count > GCN_CONNECTION_COUNT_MAX) {
    return gcn__config_refuse(
        why,
        "connection_count_max is above %d; a client id has 20 "
        "channels",
        GCN_CONNECTION_COUNT_MAX);
  }
  if (names > GCN_CONNECTION_NAMES_MAX) {
    return gcn__config_refuse(
        why, "connection_names_max is above %d, the service's limit",
        GCN_CONNECTION_NAMES_MAX);
  }
  if ((unsigned)options->retry_jitter > GCN_JITTER_DECORRELATED) {
    return gcn__config_refuse(why,
                              "retry_jitter is not one of GCN_JITTER_FULL to "
                              "GCN_JITTER_DECORRELATED");
  }
  if (options->handshakes_max > HANDSHAKES_MAX) {
    return gcn__config_refuse(why, "handshakes_max is above %d",
                              HANDSHAKES_MAX);
  }
  if (count != 0) settings->shard_count_max = count;
  if (names != 0) {
    settings->shard_names_max = names;
    settings->shard_names_target = names < 20 ? names : names - names / 20;
  }
  if (missed != 0) settings->pings_missed_max = missed;
  settings->retry_jitter = (uint64_t)options->retry_jitter;
  settings->channel_keeps = options->keep_channel != 0;
  settings->combine = options->no_combining == 0;
  settings->body_size_max = options->body_size_max;
  return 0;
}

static int check_record(const gcn_options_t* options, char* why) {
  uint64_t size = options->record_size;
  bool good = size == 0 || size == UINT64_MAX ||
              (size >= RECORD_SIZE_MIN && size <= RECORD_SIZE_MAX);
  if (good) return 0;
  return gcn__config_refuse(why,
                            "record_size is not between %d and %d; UINT64_MAX "
                            "switches the flight recorder off",
                            RECORD_SIZE_MIN, RECORD_SIZE_MAX);
}

static int check_limits(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  uint64_t size = options->message_size_max;
  uint64_t count = options->topic_count_max;
  if (size != 0 && (size < MESSAGE_SIZE_MIN || size > MESSAGE_SIZE_MAX)) {
    return gcn__config_refuse(why, "message_size_max is not between %d and %d",
                              MESSAGE_SIZE_MIN, MESSAGE_SIZE_MAX);
  }
  if (count > GCN_TOPIC_COUNT_MAX) {
    return gcn__config_refuse(why, "topic_count_max is above %d",
                              GCN_TOPIC_COUNT_MAX);
  }
  if ((unsigned)options->log_level > GCN_LOG_DEBUG) {
    return gcn__config_refuse(why, "log_level is not one of GCN_LOG_ERROR to "
                                   "GCN_LOG_DEBUG");
  }
  if (size != 0) config->settings.message_size_max = size;
  if (count != 0) config->settings.topic_count_max = count;
  return 0;
}

int gcn__config_make(const gcn_options_t* options, struct gcn__config* config,
                     char why[GCN__WHY_SIZE]) {
  memset(config, 0, sizeof *config);
  why[0] = '\0';
  int error = take_options(options, config, why);
  if (error == 0) error = check_credentials(&config->options, why);
  if (error == 0) error = check_user_agent(config, why);
  if (error == 0) error = place(config, why);
  if (error == 0) error = check_durations(config, why);
  if (error == 0) error = check_limits(config, why);
  if (error == 0) error = check_connections(config, why);
  if (error == 0) error = check_network(&config->options, why);
  if (error == 0) error = check_record(&config->options, why);
  if (error == 0) error = gcn__config_stream(config, why);
  if (error == 0) error = gcn__config_delivery(config, why);
  if (error != 0) return error;
  config->mem = gcn__mem_libc;
  if (config->options.alloc_cb != NULL) {
    config->mem.resize = config->options.alloc_cb;
    config->mem.ctx = config->options.alloc_data;
  }
  return 0;
}

int gcn__config_load_tls(const struct gcn__config* config,
                         struct gcn__tls_pool* pool, const struct gcn__mem* mem,
                         struct gcn__tls_config** tls,
                         char why[GCN__WHY_SIZE]) {
  char text[GCN__TLS_TEXT_SIZE] = "";
  const char* field = config->options.ca_pem != NULL ? "ca_pem" : "ca_path";
  struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(config->options.ca_pem),
      .ca_path = config->options.ca_path,
      .client_cert_pem = config->options.client_cert_pem,
      .client_cert_path = config->options.client_cert_path,
      .client_key_pem = config->options.client_key_pem,
      .client_key_path = config->options.client_key_path,
      .client_key_password = config->options.client_key_password,
      .no_resume = config->options.no_tls_resume != 0,
  };
  *tls = NULL;
  if (!config->tls) return 0;
  int error = pool == NULL
                  ? gcn__tls_config_client(mem, &options, tls, text)
                  : gcn__tls_config_pooled(pool, mem, &options, tls, text);
  bool named = strncmp(text, "client_", strlen("client_")) == 0;
  if (error != 0 && named) snprintf(why, GCN__WHY_SIZE, "%s", text);
  if (error != 0 && !named) snprintf(why, GCN__WHY_SIZE, "%s: %s", field, text);
  return error;
}

int gcn_options_check(const gcn_options_t* options, char* why,
                      size_t why_size) {
  struct gcn__config config;
  struct gcn__tls_config* tls = NULL;
  char text[GCN__WHY_SIZE];
  int error = gcn__config_make(options, &config, text);
  if (error == 0) error = gcn__config_check_proxies(&config, text);
  if (error == 0)
    error = gcn__config_load_tls(&config, NULL, &config.mem, &tls, text);
  gcn__tls_config_release(tls);
  if (why != NULL && why_size > 0) snprintf(why, why_size, "%s", text);
  return error;
}
