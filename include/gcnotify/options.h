/* SPDX-License-Identifier: MIT */
/*
 * What a client is made of.  Include gcnotify.h, which has the conventions that
 * hold for all of it.
 */
#ifndef GCNOTIFY_OPTIONS_H
#define GCNOTIFY_OPTIONS_H

#include "gcnotify/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero means the default, unless said otherwise.  Fill with gcn_options_init.
 * Strings are copied by gcn_client_new. */
typedef struct {
  size_t size; /* set by gcn_options_init */

  /* Who and where.  `region` is an AWS region ("eu-central-1",
   * "eu_central_1"), or any API domain ("mypurecloud.de").  The URLs override
   * the hosts that follow from it, e.g. for a gateway or the simulator; then
   * region may be NULL.  Default region: mypurecloud.com. */
  const char* region;
  const char* login_url; /* "https://login.DOMAIN" */
  const char* api_url;   /* "https://api.DOMAIN" */
  /* See gcn_client_set_credentials for what is accepted. */
  const char* client_id;
  const char* client_secret;
  /* Default (also for ""): "gcnotify/VERSION".  At most 256 bytes of printable
   * ASCII, no space at either end. */
  const char* user_agent;

  /* TLS.  Trust anchors: a PEM text, else a file or directory, else the
   * system's store.  Verification cannot be switched off.
   * Lists of revoked certificates (CRLs, PEM) among them, in any place and
   * order, are heeded; none is fetched.  A list counts for its issuer only.
   * One that has expired refuses every chain of its issuer until there is a new
   * one; one that cannot be read is GCN_ECONFIG.  Files (64 MiB at most) are
   * looked at again before handshakes, but of a directory only the list of its
   * files: put a new one there by rename, not by writing into the old one. */
  const char* ca_pem;
  const char* ca_path;

  /* 1: permit http:// in the URLs above and ws:// for the stream.  For
   * simulators on loopback; refused for any other address. */
  int allow_plaintext;

  gcn_event_cb event_cb;
  gcn_state_cb state_cb;
  gcn_topic_cb topic_cb;
  gcn_gap_cb gap_cb;
  gcn_heartbeat_cb heartbeat_cb;
  gcn_notice_cb notice_cb;
  gcn_log_cb log_cb;
  gcn_log_level_t log_level; /* lines above it are not made; ERROR is 0 */
  void* data;     /* gcn_client_data, and the log callback's data */
  gcn_alloc_cb alloc_cb;
  void* alloc_data;

  /* Deadlines, ms. */
  uint64_t attempt_ms;  /* 60000: one attempt, DNS to confirmed topics */
  uint64_t phase_ms;    /* 10000: one step of it */
  uint64_t close_ms;    /* 2000: the polite goodbye */
  uint64_t probe_ms;    /* 31000: silence before a text ping */
  uint64_t silence_ms;  /* 35000: silence before the stream is condemned; the
                           service's heartbeats come every 30 s */
  uint64_t stable_ms;   /* 30000: streaming this long forgives failures */

  /* Backoff, ms: min(cap, floor + U(0, base * 2^n)). */
  uint64_t retry_base_ms;      /* 1000 */
  uint64_t retry_floor_ms;     /* 250 */
  uint64_t retry_cap_ms;       /* 90000 */
  uint64_t retry_first_ms;     /* 1000: window after a proven stream broke */
  uint64_t retry_after_ms_max; /* 86400000: clamp on the server's wish */

  /* Topics, ms. */
  uint64_t sync_ms;  /* 100: changes within this time go out together */
  uint64_t audit_ms; /* 1800000: the service is asked this often which topics
                        the channel has; what is missing is put again */

  /* Limits. */
  uint64_t message_size_max; /* 1048576 bytes, 16 MiB at most; stream dialect:
                                16 MiB */
  uint64_t topic_count_max;  /* 20000, GCN_TOPIC_COUNT_MAX at most */
  uint64_t token_margin_ms;  /* 60000: renew a token with less life left */
  uint64_t latency_ms_max;   /* 2000: one-way delay that gaps allow for; stream
                                dialect: plus the batch's latency_ms */
  uint64_t seed;             /* of jitter; 0: from the system */

  /* Token.  With credentials_cb the credentials above may be left out; with
   * token_cb they are neither used nor checked.  Else a refresh token or
   * assertion that is given is checked, needed or not. */
  gcn_grant_t grant;
  const char* refresh_token;
  const char* assertion;
  const char* org_name;
  gcn_credentials_cb credentials_cb;
  gcn_token_cb token_cb;
  gcn_refresh_cb refresh_cb;

  /* More callbacks. */
  gcn_rotation_cb rotation_cb;
  gcn_retry_cb retry_cb;

  /* TLS: a client certificate with its chain, and its key, each a PEM text or
   * a file.  Files are looked at again before each handshake. */
  const char* client_cert_pem;
  const char* client_cert_path;
  const char* client_key_pem;
  const char* client_key_path;
  const char* client_key_password;
  int no_tls_resume; /* 1: every handshake is a full one */

  /* Proxy: "http://[USER:PASSWORD@]HOST:PORT" or "socks5://...".  NULL: by the
   * environment (https_proxy, all_proxy, no_proxy, by curl's rules), which is
   * read once; "": none. */
  const char* proxy;
  const char* no_proxy; /* hosts to be reached directly; NULL: environment */

  /* What clients of one loop share; NULL: nothing. */
  gcn_hub_t* hub;
  gcn_resolve_cb resolve_cb; /* not with a hub: it has its own */
  gcn_connect_cb connect_cb;

  /* Backoff. */
  gcn_jitter_t retry_jitter;
  uint64_t degraded_ms; /* 120000: without a stream for so long, go slow */

  /* Liveness, ms. */
  uint64_t proof_ms;          /* 300000: a text ping at least this often */
  uint64_t ping_ms;           /* 0: no RFC 6455 pings; e.g. 30000 */
  uint64_t ping_answer_ms;    /* 10000: time for a pong before the next ping */
  uint64_t pings_missed_max;  /* 3: so many in a row end the stream */
  uint64_t user_timeout_ms;   /* 30000: TCP_USER_TIMEOUT; UINT64_MAX: off */
  uint64_t keepalive_s;       /* 30: idle seconds; UINT64_MAX: no keepalive */

  /* Rotation, ms. */
  uint64_t rotate_ms;        /* 82800000: age at which a channel is replaced */
  uint64_t rotate_jitter_ms; /* 3600000: earlier by up to this */
  uint64_t rotate_spread_ms; /* 5000: after an announcement, start within */
  uint64_t overlap_ms;       /* 30000: both streams at most this long */
  int keep_channel; /* 1: a channel is kept when the token it was made with
                       ends */

  /* Topics and connections. */
  uint64_t topic_retry_ms;     /* 5000: a rejected topic is asked for again,
                                  doubled ... */
  uint64_t topic_retry_ms_max; /* 300000: ... up to this */
  uint64_t body_size_max;      /* 0: no limit; bytes of one topics request */
  uint64_t connection_count_max; /* 18, which is also the most */
  uint64_t connection_names_max; /* 1000: names per connection; 950 are aimed
                                    at, or 95 % */
  uint64_t stagger_ms; /* 1000: between the starts of connections */
  int no_combining;    /* 1: topics of one prefix do not share a name */

  /* Network, ms. */
  uint64_t dns_ms;       /* 5000: for a look-up */
  uint64_t dns_cache_ms; /* 30000: answers are used so long, and up to an hour
                            if look-ups fail; UINT64_MAX: not at all */
  uint64_t handshakes_max; /* 4: connections in the making, per hub */

  uint64_t record_size; /* 65536 bytes of flight recorder; UINT64_MAX: off */

  /* Dialect. */
  gcn_dialect_t dialect;
  const gcn_stream_t* stream; /* STREAM; NULL: GCN_PRESET_GUIDE */

  /* Delivery.  `window_*` count events that were given out and are not
   * acknowledged, and those that wait for it; at 75 % of either reading rests,
   * and goes on at 25 % of both.  They hold while there is a checkpoint or
   * ack is MANUAL. */
  gcn_batch_cb batch_cb;     /* instead of event_cb */
  uint64_t batch_count_max;  /* 64 events of one call */
  uint64_t batch_size_max;   /* 1048576 bytes of one call */
  gcn_ack_t ack;
  uint64_t window_count;     /* 8192 events */
  uint64_t window_size;      /* 16777216 bytes of messages */
  gcn_full_t full;
  uint64_t full_ms;          /* 10000: full so long, then as `full` says */
  gcn_id_cb id_cb;
  gcn_validate_t validate;

  /* Checkpoint: at most one of the three.  The file is made with mode 0600,
   * with PATH.1 (the one before) and PATH.tmp beside it. */
  const char* checkpoint_path;
  const char* checkpoint_sqlite; /* a database's path */
  const gcn_store_t* store;      /* copied */
  gcn_effect_cb effect_cb;       /* with checkpoint_sqlite */
  uint64_t checkpoint_ms;        /* 20: between two saves */
  gcn_durable_cb durable_cb;
  gcn_checkpoint_cb checkpoint_cb;

  /* 0: none; else, e.g. with 5000: while all streams are well and one of them
   * is so many ms old, one more connection to its host is kept, through TLS and
   * not upgraded.  A stream that the service or a reset ends is then there
   * again one round trip after the wait, instead of three.  There is one spare
   * per client, whatever number of connections serves its topics: the first of
   * them that loses its stream takes it.  It costs the service and this machine
   * a connection, some 8 KiB of heap with TLS, and a handshake each time it is
   * made: when it was used, when the other end has closed it
   * (once a minute where idle connections are closed after a minute; in the end
   * every quarter of an hour where they do not last 30 s), and after ten
   * minutes at the latest.  It waits for its permit behind every other
   * connection of the hub.  What becomes of it is told in the log (DEBUG) and
   * in the statistics only.  It is no help where a stream is lost by silence or
   * with the network, because it is not trusted then, and none where a new
   * channel has to be made. */
  uint64_t spare_ms;
} gcn_options_t;

/* Zeroes the options, sets log_level to GCN_LOG_WARN, and notes the size your
 * program was compiled with. */
#define gcn_options_init(options) \
  gcn_options_init_sized((options), sizeof(*(options)))
GCN_EXTERN void gcn_options_init_sized(gcn_options_t* options, size_t size);

/* Sets every member as the preset has it. */
#define gcn_stream_init(stream, preset) \
  gcn_stream_init_sized((stream), sizeof(*(stream)), (preset))
GCN_EXTERN void gcn_stream_init_sized(gcn_stream_t* stream, size_t size,
                                      gcn_preset_t preset);

/* Checks everything gcn_client_new would refuse, without a loop.
 *
 * Returns: 0, GCN_ECONFIG or UV_EINVAL; `why` (may be NULL, of `why_size`
 *          bytes) then names the field, what is wrong with it, and the remedy.
 * Thread:  any. */
GCN_EXTERN int gcn_options_check(const gcn_options_t* options, char* why,
                                 size_t why_size);

#ifdef __cplusplus
}
#endif

#endif
