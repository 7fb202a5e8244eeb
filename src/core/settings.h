/* SPDX-License-Identifier: MIT */
/*
 * Every number that policy depends on, in one plain struct.
 *
 * The client fills it from gcn_options_t; the simulation fills it directly.
 * Defaults and their reasons: gcnotify.h and DEFAULTS in src/DESIGN.md.
 */
#ifndef GCN_CORE_SETTINGS_H
#define GCN_CORE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

/* clang-format off */
/* X(name, default) */
#define GCN__SETTINGS_MAP(X)                                                   \
  X(attempt_ms, 60000)        /* DNS to confirmed topics, the whole attempt */ \
  X(phase_ms, 10000)          /* one step of it */                             \
  X(close_ms, 2000)           /* polite goodbye */                             \
  X(retry_base_ms, 1000)      /* backoff of the first failure */               \
  X(retry_floor_ms, 250)      /* added to every jittered delay */              \
  X(retry_cap_ms, 90000)      /* no delay of our own is longer */              \
  X(retry_first_ms, 1000)     /* window after a proven stream broke */         \
  X(retry_after_max_ms, 86400000) /* clamp on what a server may ask for */     \
  X(limited_min_ms, 5000)     /* 429 or 503 without a Retry-After; no port */  \
  X(stable_ms, 30000)         /* streaming this long forgives failures */      \
  X(probe_ms, 31000)          /* silence before a text ping */                 \
  X(silence_ms, 35000)        /* silence before the stream is condemned */     \
  X(audit_ms, 1800000)        /* topics are put again this often, +-20 % */    \
  X(sync_ms, 100)             /* debounce of topic changes */                  \
  X(sync_retry_ms, 10000)     /* a failed topic change is tried again */       \
  X(latency_max_ms, 2000)     /* one-way delay that gap records allow for */   \
  X(token_margin_ms, 60000)   /* a token with less life left is renewed */     \
  X(channel_refill_ms, 60000) /* one more channel creation per this time */    \
  X(channel_burst, 3)         /* channel creations in a row */                 \
  X(audit_soon_ms, 5000)      /* after a channel was taken over */             \
  X(proof_ms, 300000)         /* a text ping at least this often */            \
  X(ping_ms, 0)               /* RFC 6455 pings; 0: none */                    \
  X(ping_answer_ms, 10000)    /* how long a pong may take */                   \
  X(pings_missed_max, 3)      /* unanswered pings that end the stream */       \
  X(rotate_ms, 82800000)      /* age at which a channel is replaced, 23 h */   \
  X(rotate_jitter_ms, 3600000) /* ... less up to this */                       \
  X(rotate_spread_ms, 5000)   /* after an announcement, start within */        \
  X(overlap_ms, 30000)        /* both streams at most this long */             \
  X(reuse_max, 10)            /* streams of one channel in a row */            \
  X(channel_keeps, 0)         /* 1: a channel outlives its token */            \
  X(renew_retry_ms, 10000)    /* a failed background renewal, x2 ... */        \
  X(renew_retry_max_ms, 60000) /* ... up to this */                            \
  X(stagger_ms, 1000)         /* between the first starts of connections */    \
  X(topic_retry_ms, 5000)     /* a rejected topic is asked for again, x2 ... */\
  X(topic_retry_max_ms, 300000) /* ... up to this */                           \
  X(body_size_max, 0)         /* of one topics request; 0: no limit */         \
  X(shard_count_max, 18)      /* connections, for more topics than one holds */\
  X(shard_names_target, 950)  /* names per connection, to be reached, ... */   \
  X(shard_names_max, 1000)    /* ... and at most */                            \
  X(combine, 1)               /* topics of one prefix share a name */          \
  X(message_size_max, 1048576)                                                 \
  X(topic_count_max, 20000)                                                    \
  X(garbage_max, 100)         /* unreadable messages in a row */               \
  X(retry_jitter, 0)          /* enum gcn__jitter of core/backoff.h */         \
  X(degraded_ms, 120000)      /* without a stream: the slow tempo */           \
  X(retry_burst, 10)          /* attempts in a row, per host and client id */  \
  X(retry_refill_ms, 1000)    /* ... and one more per this time */             \
  X(rest_burst, 20)           /* REST calls in a row, likewise */              \
  X(rest_refill_ms, 250)      /* ... and one more per this time */            \
  X(spare_ms, 0)              /* a stream so old has a spare; 0: none */

/* clang-format on */
struct gcn__settings {
#define GCN__SETTINGS_FIELD(name, value) uint64_t name;
  GCN__SETTINGS_MAP(GCN__SETTINGS_FIELD)
#undef GCN__SETTINGS_FIELD
};

#define GCN__SETTINGS_DEFAULT_FIELD(name, value) .name = value,
#define GCN__SETTINGS_DEFAULT                                                  \
  ((struct gcn__settings){GCN__SETTINGS_MAP(GCN__SETTINGS_DEFAULT_FIELD)})

#endif
