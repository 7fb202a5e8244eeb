/* SPDX-License-Identifier: MIT */
/*
 * What is missing here on purpose: the C callbacks that are asked for an answer
 * at once (id, retry, resolve, connect, alloc), which JavaScript on another
 * thread could not give, and SQLite, which the addon does not carry.
 */
#include "node/options-table.h"

#include <string.h>

static const char* const log_levels[] = {"error", "warn", "info", "debug",
                                         NULL};
static const char* const grants[] = {"client_credentials", "refresh_token",
                                     "saml2_bearer", "jwt_bearer", NULL};
static const char* const jitters[] = {"full", "none", "equal", "decorrelated",
                                      NULL};
static const char* const dialects[] = {"channels", "stream", NULL};
static const char* const acks[] = {"auto", "manual", NULL};
static const char* const fulls[] = {"wait", "drop_oldest", "keep_latest", NULL};
static const char* const validates[] = {"strict", "shallow", NULL};
static const char* const token_ins[] = {"query", "header", NULL};
static const char* const subscriptions_ins[] = {"query", "message", "post",
                                                NULL};
static const char* const forms[] = {"event", "topic", "named", NULL};

/* They are written as int. */
_Static_assert(sizeof(gcn_log_level_t) == sizeof(int) &&
                   sizeof(gcn_grant_t) == sizeof(int) &&
                   sizeof(gcn_jitter_t) == sizeof(int) &&
                   sizeof(gcn_form_t) == sizeof(int),
               "an enum is as large as an int");

#define AT(member) offsetof(struct gcn__jsoptions, member)
#define TEXT(name, member)                                                     \
  { name, GCN__OPTION_TEXT, AT(options.member), NULL }
#define COUNT(name, member)                                                    \
  { name, GCN__OPTION_COUNT, AT(options.member), NULL }
#define FLAG(name, member)                                                     \
  { name, GCN__OPTION_FLAG, AT(options.member), NULL }
#define CHOICE(name, member, choices)                                          \
  { name, GCN__OPTION_CHOICE, AT(options.member), choices }

static const struct gcn__option rows[] = {
    TEXT("region", region),
    TEXT("loginUrl", login_url),
    TEXT("apiUrl", api_url),
    TEXT("clientId", client_id),
    TEXT("clientSecret", client_secret),
    TEXT("userAgent", user_agent),
    TEXT("caPem", ca_pem),
    TEXT("caPath", ca_path),
    FLAG("allowPlaintext", allow_plaintext),
    CHOICE("logLevel", log_level, log_levels),
    COUNT("attemptMs", attempt_ms),
    COUNT("phaseMs", phase_ms),
    COUNT("closeMs", close_ms),
    COUNT("probeMs", probe_ms),
    COUNT("silenceMs", silence_ms),
    COUNT("stableMs", stable_ms),
    COUNT("retryBaseMs", retry_base_ms),
    COUNT("retryFloorMs", retry_floor_ms),
    COUNT("retryCapMs", retry_cap_ms),
    COUNT("retryFirstMs", retry_first_ms),
    COUNT("retryAfterMsMax", retry_after_ms_max),
    COUNT("syncMs", sync_ms),
    COUNT("auditMs", audit_ms),
    COUNT("messageSizeMax", message_size_max),
    COUNT("topicCountMax", topic_count_max),
    COUNT("tokenMarginMs", token_margin_ms),
    COUNT("latencyMsMax", latency_ms_max),
    COUNT("seed", seed),
    CHOICE("grant", grant, grants),
    TEXT("refreshToken", refresh_token),
    TEXT("assertion", assertion),
    TEXT("orgName", org_name),
    TEXT("clientCertPem", client_cert_pem),
    TEXT("clientCertPath", client_cert_path),
    TEXT("clientKeyPem", client_key_pem),
    TEXT("clientKeyPath", client_key_path),
    TEXT("clientKeyPassword", client_key_password),
    FLAG("noTlsResume", no_tls_resume),
    TEXT("proxy", proxy),
    TEXT("noProxy", no_proxy),
    CHOICE("retryJitter", retry_jitter, jitters),
    COUNT("degradedMs", degraded_ms),
    COUNT("proofMs", proof_ms),
    COUNT("pingMs", ping_ms),
    COUNT("pingAnswerMs", ping_answer_ms),
    COUNT("pingsMissedMax", pings_missed_max),
    COUNT("userTimeoutMs", user_timeout_ms),
    COUNT("keepaliveS", keepalive_s),
    COUNT("rotateMs", rotate_ms),
    COUNT("rotateJitterMs", rotate_jitter_ms),
    COUNT("rotateSpreadMs", rotate_spread_ms),
    COUNT("overlapMs", overlap_ms),
    FLAG("keepChannel", keep_channel),
    COUNT("topicRetryMs", topic_retry_ms),
    COUNT("topicRetryMsMax", topic_retry_ms_max),
    COUNT("bodySizeMax", body_size_max),
    COUNT("connectionCountMax", connection_count_max),
    COUNT("connectionNamesMax", connection_names_max),
    COUNT("staggerMs", stagger_ms),
    COUNT("spareMs", spare_ms),
    FLAG("noCombining", no_combining),
    COUNT("dnsMs", dns_ms),
    COUNT("dnsCacheMs", dns_cache_ms),
    COUNT("handshakesMax", handshakes_max),
    COUNT("recordSize", record_size),
    CHOICE("dialect", dialect, dialects),
    COUNT("batchCountMax", batch_count_max),
    COUNT("batchSizeMax", batch_size_max),
    CHOICE("ack", ack, acks),
    COUNT("windowCount", window_count),
    COUNT("windowSize", window_size),
    CHOICE("full", full, fulls),
    COUNT("fullMs", full_ms),
    CHOICE("validate", validate, validates),
    TEXT("checkpointPath", checkpoint_path),
    COUNT("checkpointMs", checkpoint_ms),
    {"asksCredentials", GCN__OPTION_FLAG, AT(asks_credentials), NULL},
    {"asksToken", GCN__OPTION_FLAG, AT(asks_token), NULL},
    {"hasStore", GCN__OPTION_FLAG, AT(has_store), NULL},
    {"hearsHeartbeats", GCN__OPTION_FLAG, AT(hears_heartbeats), NULL},
    {"hearsLog", GCN__OPTION_FLAG, AT(hears_log), NULL},
    {"ownHub", GCN__OPTION_FLAG, AT(own_hub), NULL},
};

#define OF_STREAM(name, type, member)                                          \
  { name, GCN__OPTION_##type, AT(stream.member), NULL }

static const struct gcn__option stream_rows[] = {
    OF_STREAM("path", TEXT_OR_NULL, path),
    {"tokenIn", GCN__OPTION_CHOICE, AT(stream.token_in), token_ins},
    OF_STREAM("tokenParam", TEXT_OR_NULL, token_param),
    {"subscriptionsIn", GCN__OPTION_CHOICE, AT(stream.subscriptions_in),
     subscriptions_ins},
    {"form", GCN__OPTION_CHOICE, AT(stream.form), forms},
    OF_STREAM("subscriptionsParam", TEXT_OR_NULL, subscriptions_param),
    OF_STREAM("subscriptionsPath", TEXT_OR_NULL, subscriptions_path),
    OF_STREAM("ticketPath", TEXT_OR_NULL, ticket_path),
    OF_STREAM("preflightPath", TEXT_OR_NULL, preflight_path),
    OF_STREAM("resumeParam", TEXT_OR_NULL, resume_param),
    OF_STREAM("sinceParam", TEXT_OR_NULL, since_param),
    OF_STREAM("batchParam", TEXT_OR_NULL, batch_param),
    OF_STREAM("latencyParam", TEXT_OR_NULL, latency_param),
    OF_STREAM("batchCountMax", COUNT, batch_count_max),
    OF_STREAM("latencyMs", COUNT, latency_ms),
    OF_STREAM("urlSizeMax", COUNT, url_size_max),
    OF_STREAM("limitIs4001", FLAG, limit_is_4001),
};

const struct gcn__option* gcn__option_find(const char* name, bool stream) {
  const struct gcn__option* table = stream ? stream_rows : rows;
  size_t count = stream ? sizeof stream_rows / sizeof stream_rows[0]
                        : sizeof rows / sizeof rows[0];
  for (size_t i = 0; i < count; i++) {
    if (strcmp(table[i].name, name) == 0) return &table[i];
  }
  return NULL;
}
