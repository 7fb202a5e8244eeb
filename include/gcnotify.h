/* SPDX-License-Identifier: MIT */
/*
 * gcnotify: a Genesys Cloud notification stream that never silently stops, on
 * somebody else's libuv loop.
 *
 * CONVENTIONS
 *
 * Errors.   int, 0 or negative.  UV_* codes pass through; ours (GCN_E*) start
 *           at -20000, see gcnotify/errno.h.  A function that returns an error
 *           has changed nothing, and a callback given to it is never called.
 * Threads.  A client belongs to one loop and its thread.  gcn_client_post is
 *           the one function that any thread may call.
 * Calls.    Any function may be called from any callback, close included.  No
 *           function calls back before it returns.  Callbacks run from the loop
 *           only, one at a time per client, never nested.  A function that
 *           returned 0 and took a callback calls it exactly once, with
 *           UV_ECANCELED at the latest before the close callback.
 * Start,    The last of start and stop since the loop last ran wins.  Close
 * stop.     wins over both, for good.
 * Close.    The close callback is the last one.  By then every handle and
 *           request of the client has left the loop; the client is freed when
 *           it returns.  A DNS look-up that already runs cannot be cancelled
 *           and may delay it, by 10 s with glibc's usual settings; so may a
 *           checkpoint that is being saved, by as long as the disk takes.
 * Memory.   Pointers given to a callback are valid until it returns.  Strings
 *           given to a function are copied.  Spans are not NUL-terminated
 *           unless said so.
 * Time.     Milliseconds, unless a name says otherwise.
 * The loop. Never run, stopped, walked or closed by the library; loop->data is
 *           left alone; no signal handler, no global state, no thread beyond
 *           libuv's own pool, which serves look-ups and checkpoints.  Handles
 *           of a client: one uv_timer_t, one uv_tcp_t per open link (to the
 *           login host, and per connection to the API and the streaming host;
 *           while addresses race, up to 16 in its place), one uv_poll_t per
 *           link whose peer reads slowly.  Handles of all clients of a hub, or
 *           of a client without one, together: one uv_async_t, one uv_idle_t,
 *           one uv_prepare_t, from the first client to the last.
 * Turns.    In one turn of the loop the clients of a hub work for about 2 ms
 *           together, your callbacks included, and one step more at most (of a
 *           handshake: 1 to 3 ms).  What is left is done in the next turns, in
 *           the order of coming.
 * SIGPIPE.  Never raised by the library, whatever its disposition.
 * Fork.     Create clients after fork.  In a child every function returns
 *           GCN_EFORKED but gcn_client_abandon, and a loop that had a client
 *           must not be used again there, not even to close it.
 * Secrets.  Client secrets, tokens, connectUri and channel ids never reach a
 *           log line, an error text or the statistics.
 * Growth.   Structs carry their size and only ever grow at the end; enums too.
 *           Tolerate values you do not know.
 *
 * PROMISES.  The simulation asserts them in these words.
 *
 * P1   STREAMING is never reported before the desired topics were confirmed on
 *      this very connection: on its channel, which keeps them when its
 *      WebSocket is opened again, or by an answer since; with the stream
 *      dialect by a sign of life behind the upgrade that carried them.
 * P2   CLOSED only if asked.
 * P3   A wanted client is never without an armed deadline or pending I/O.
 * P4   It never dials after stop or close, nor a connection after its final
 *      refusal, until told.
 * P5   Stop and close complete within the close deadline, in every state, and
 *      then nothing of ours is on the loop.
 * P6   No two attempts of one connection are ever alive together (a successor
 *      is a connection of its own); no channel is created while a usable one is
 *      known, but to replace it.
 * P7   Every wait lies between the configured bounds and never below the
 *      server's Retry-After (itself clamped to retry_after_ms_max).
 * P8   Only a proven-stable stream clears the failure count.
 * P9   At most one token request in flight; no request uses a token known to be
 *      rejected or expired.
 * P10  Every event received while subscribed is delivered once to the user in
 *      order per connection, none is invented; a duplicate across an overlap is
 *      delivered once (known by topic, correlation id and body, while the two
 *      streams are less than 8192 events apart; with the stream dialect by its
 *      id, over reconnects, too; equal events without ids may pass for one
 *      while the service goes back over what it has sent).
 * P11  Every event the service produced and we did not deliver lies inside a
 *      reported gap, and reported gap time exceeds true blind time by at most
 *      one heartbeat (and by the time for which the host itself, by a pause or
 *      a blocked loop, kept the stream from being read before it was lost).
 *      Where the service goes on at a position there is no gap.
 * P12  A planned rotation loses nothing (overlap proven by a handover
 *      certificate) or reports a gap.
 * P13  The acknowledged position never moves past an unacknowledged event, and
 *      is on disk before it is reported acknowledged.
 * P14  Memory stays under the configured bound whatever the server sends or the
 *      consumer does.
 * P15  When the world behaves again, a wanted client streams within a bounded
 *      time.
 * P16  No secret appears in any log, error text, stats or panic output.
 */
#ifndef GCNOTIFY_H
#define GCNOTIFY_H

#include "gcnotify/errno.h"
#include "gcnotify/options.h"
#include "gcnotify/types.h"
#include "gcnotify/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- client --------------------------------------------------------------- */

/* Makes a client on `loop`, stopped.  Loads the trust anchors, once (a few
 * milliseconds for a system's store).
 *
 * Ownership: the client is yours until its close callback returns.
 * Returns:   0; UV_EINVAL (NULL argument); GCN_ECONFIG (an option is not valid,
 *            the log callback is told which); GCN_EUVVERSION; UV_ENOMEM;
 *            UV_EMFILE and others from libuv.  On an error nothing stays on the
 *            loop, though a handle that began to close may need one more turn
 *            of it.
 * Thread:    the loop's. */
GCN_EXTERN int gcn_client_new(gcn_client_t** client, uv_loop_t* loop,
                              const gcn_options_t* options);

/* Wants the stream.  In REFUSED it tries again.  Harmless when already started.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_start(gcn_client_t* client);

/* Wants no stream.  Leaves politely, within close_ms; the state callback tells
 * IDLE when done.  Topics and credentials are kept.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_stop(gcn_client_t* client);

/* Leaves politely, within close_ms, and ends the client.  `close_cb` (may be
 * NULL) is its last callback; from the moment of this call no other one comes,
 * but those of pending gcn_client_post calls, with UV_ECANCELED.
 *
 * Returns: 0, GCN_ECLOSING (already closing: this `close_cb` is not called),
 *          GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_close(gcn_client_t* client, gcn_close_cb close_cb);

/* How long goodbyes may take from now on, in place of close_ms; of one that is
 * under way (stop, close, or a channel that was replaced) the time counts from
 * when it began.  0 is no time: no Close frame is waited for, connections are
 * cut.  For environments that are torn down, and for those who waited long
 * enough.  What is no goodbye is not cut short: a look-up that runs, a
 * checkpoint that is saved.
 *
 * Returns: 0, also after gcn_client_close; UV_EINVAL (NULL, or more than 366
 *          days); GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_set_close_ms(gcn_client_t* client, uint64_t close_ms);

/* After fork, in the child: frees the client's memory and closes its
 * descriptors' copies without touching the loop, the sockets or TLS; the
 * parent's stream goes on.  In the process that made the client: UV_EINVAL. */
GCN_EXTERN int gcn_client_abandon(gcn_client_t* client);

/* Declares interest in topics, until gcn_client_unsubscribe or close.  The wish
 * survives reconnects.  Changes go out together after sync_ms; verdicts come by
 * the topic callback.  More than one connection holds are spread over several
 * (gcn_plan); a rejected topic is left out and asked for again, slowly.  Topics
 * already wanted are passed over.  Names are compared without regard to ASCII
 * case; names that you combined yourself ("v2.users.ID?presence&routingStatus")
 * count once.  With the stream dialect a topic is a subscription (see
 * gcn_subscription), and every change replaces the connection.
 *
 * Limits:  GCN_TOPIC_SIZE_MAX bytes each (stream: GCN_SUBSCRIPTION_SIZE_MAX),
 *          topic_count_max in all, and room on the connections.
 * Returns: 0; UV_EINVAL (NULL, empty, or a byte that is not printable ASCII);
 *          GCN_ELIMIT; UV_ENOMEM; GCN_ECLOSING; GCN_EWRONGTHREAD; GCN_EFORKED.
 *          On an error the set is as before.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_subscribe(gcn_client_t* client,
                                    const char* const* topics, size_t count);

/* Ends interest.  Topics that are not wanted are passed over.  Events already
 * on their way may still come.
 *
 * Returns: as gcn_client_subscribe, without GCN_ELIMIT and UV_ENOMEM.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_unsubscribe(gcn_client_t* client,
                                      const char* const* topics, size_t count);

/* New credentials.  While streaming a token is fetched by them in the
 * background and the channel is replaced by a successor, without a break; if
 * they are refused, the stream goes on.  In REFUSED it tries again.  Those
 * already in use change nothing.  The old secret is wiped.
 *
 * One rule holds here, for gcn_client_set_grant, gcn_credentials_done and the
 * options: `client_id` is 1 to 1024 bytes of printable ASCII without a colon
 * (RFC 7617) and without a space at either end; `client_secret` is 1 to 1024
 * bytes; a refresh token or an assertion, where given, is 1 to 65536 bytes;
 * none has a control byte (below 0x20, or 0x7f).
 *
 * Returns: 0, UV_EINVAL (against the rule above), UV_ENOMEM,
 *          GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_set_credentials(gcn_client_t* client,
                                          const char* client_id,
                                          const char* client_secret);

/* The same for any grant: members that are NULL stay as they are, but for
 * client_id and client_secret, which must be given.
 *
 * Returns: as gcn_client_set_credentials. */
GCN_EXTERN int gcn_client_set_grant(gcn_client_t* client,
                                    const gcn_credentials_t* credentials);

/* Answers credentials_cb.  `status` 0 and up to GCN_CREDENTIALS_COUNT_MAX
 * credentials, tried in their order when the login service refuses (a vault
 * that rotates a secret offers the old and the new one); or an error: none can
 * be had now, which is tried again later.
 *
 * Returns: 0; UV_ENOENT (nobody waits for this ticket any more); UV_EINVAL
 *          (also of one that gcn_client_set_credentials would not take);
 *          GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_credentials_done(gcn_client_t* client, uint64_t ticket,
                                    int status,
                                    const gcn_credentials_t* credentials,
                                    size_t count);
/* Answers token_cb.  `expires_in`: seconds of life left; 0: not known.
 *
 * Returns: as gcn_credentials_done. */
GCN_EXTERN int gcn_token_done(gcn_client_t* client, uint64_t ticket, int status,
                              const char* token, uint64_t expires_in);
/* Answers resolve_cb with addresses, whose ports do not matter.  Thread: the
 * loop's. */
GCN_EXTERN void gcn_resolve_done(gcn_resolve_t* request, int status,
                                 const struct sockaddr* const* addresses,
                                 size_t count);
/* Answers connect_cb with a connected stream socket (TCP or AF_UNIX), which is
 * the library's from then on, whatever becomes of it.  Thread: the loop's. */
GCN_EXTERN void gcn_connect_done(gcn_connect_t* request, int status, int fd);

/* Replaces the channels, one after another, each by a successor that takes over
 * without a break.  For drills, and for knowledge from outside.  Without effect
 * on what does not stream.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_rotate(gcn_client_t* client);

/* The event is handled: with GCN_ACK_MANUAL, in any order, from inside its
 * callback or later with its number or a retained copy.  The position moves
 * over the events that are acknowledged without a hole.
 *
 * Returns: 0; UV_ENOENT (not in flight: acknowledged before, or automatically);
 *          UV_EINVAL (NULL, or its client is closed), GCN_ECLOSING,
 *          GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_event_ack(const gcn_event_t* event);
GCN_EXTERN int gcn_client_ack(gcn_client_t* client, uint64_t sequence);

/* A copy that stays valid until gcn_event_release, also beyond the close of
 * its client; of a copy: the same one, to be released once more.  It must be
 * released on the loop's thread, and before the memory of alloc_cb goes.
 *
 * Returns: NULL if memory is short. */
GCN_EXTERN const gcn_event_t* gcn_event_retain(const gcn_event_t* event);
GCN_EXTERN void gcn_event_release(const gcn_event_t* event);

/* Answers of a store (gcn_store_t).  `bytes` are copied.  Thread: the loop's.
 * A load's status: 0; UV_ENOENT: there is no such generation; or an error. */
GCN_EXTERN void gcn_load_done(gcn_load_t* request, int status,
                              const void* bytes, size_t size);
GCN_EXTERN void gcn_save_done(gcn_save_t* request, int status);

/* Ends a wait in BACKING_OFF or REFUSED at once, for knowledge from outside
 * ("the VPN is up").  Without effect elsewhere.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_reconnect_now(gcn_client_t* client);

/* Stops and resumes delivery: reading stops, TCP pushes back, nothing is
 * dropped by us.  While paused, silence is not held against the stream; the
 * service may end it.  Counts as one: a second pause needs no second resume.
 * If there is a window (GCN_ACK_MANUAL or a checkpoint) and `full` is not WAIT,
 * a pause longer than full_ms is treated like a window that is full so long:
 * reading goes on, events wait within the window's bounds, and what is dropped
 * of them is told as a gap, also while paused.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_pause(gcn_client_t* client);
GCN_EXTERN int gcn_client_resume(gcn_client_t* client);

/* Runs `post_cb` on the loop's thread soon.  Calls run in the order they were
 * posted.
 *
 * Returns:  0, UV_EINVAL, UV_ENOMEM, GCN_ECLOSING, GCN_EFORKED.
 * Callback: exactly once if 0 was returned.
 * Thread:   any.  The caller makes sure that the close callback has not
 *           returned yet. */
GCN_EXTERN int gcn_client_post(gcn_client_t* client, gcn_post_cb post_cb,
                               void* arg);

/* Whether the client, with its present and future handles, keeps uv_run going.
 * It does by default.  A look-up or a connection attempt in progress does in
 * any case, and so does a client that is closing. */
GCN_EXTERN void gcn_client_ref(gcn_client_t* client);
GCN_EXTERN void gcn_client_unref(gcn_client_t* client);

/* Fills what stats->size covers.  Returns 0, UV_EINVAL or GCN_EFORKED. */
GCN_EXTERN int gcn_client_stats(const gcn_client_t* client, gcn_stats_t* stats);
/* The statistics and more as one JSON object, or as OpenMetrics text; both with
 * closed sets of names.  As snprintf: writes what fits and a NUL, and returns
 * the size of the whole without it; UV_EINVAL or GCN_EFORKED. */
GCN_EXTERN int gcn_client_stats_json(const gcn_client_t* client, char* text,
                                     size_t size);
GCN_EXTERN int gcn_client_metrics(const gcn_client_t* client, char* text,
                                  size_t size);
/* The flight recorder: the last transitions of each connection, without a host,
 * topic, text or secret, for "gcn replay".  Writes what fits; returns the size
 * of the whole dump, 0 if recording is off; UV_EINVAL, UV_ENOMEM,
 * GCN_EFORKED. */
GCN_EXTERN int64_t gcn_client_record(const gcn_client_t* client, void* data,
                                     size_t size);
/* Of all connections together: what is furthest from streaming counts. */
GCN_EXTERN gcn_state_t gcn_client_state(const gcn_client_t* client);
GCN_EXTERN uv_loop_t* gcn_client_loop(const gcn_client_t* client);
GCN_EXTERN void* gcn_client_data(const gcn_client_t* client);
GCN_EXTERN void gcn_client_set_data(gcn_client_t* client, void* data);

/* --- hub ------------------------------------------------------------------ */

/* What clients of one loop share: DNS answers, the number of connections in the
 * making, and the budgets of attempts, REST calls and new channels, per host
 * and client id.  Every client has its own without one.
 *
 * Of `options` (may be NULL: defaults) these are used: dns_cache_ms,
 * handshakes_max, resolve_cb and data, alloc_cb and alloc_data.
 * Returns: 0, UV_EINVAL, UV_ENOMEM.  Thread: the loop's. */
GCN_EXTERN int gcn_hub_new(gcn_hub_t** hub, uv_loop_t* loop,
                           const gcn_options_t* options);
/* Ends your interest; it goes with its last client, and with the last look-up
 * that is still under way. */
GCN_EXTERN void gcn_hub_release(gcn_hub_t* hub);

/* --- helpers -------------------------------------------------------------- */

/* How topics would be spread over connections, without a client: the same as a
 * new client that is given this list.  `entries` (may be NULL) has room for
 * `count`.  Of `options` (may be NULL) these are used: connection_count_max,
 * connection_names_max, no_combining, dialect, stream, alloc_cb and alloc_data.
 * A subscription longer than GCN_TOPIC_SIZE_MAX has an empty entry.name.
 * Returns: 0, UV_EINVAL, UV_ENOMEM.  Thread: any. */
GCN_EXTERN int gcn_plan(const gcn_options_t* options,
                        const char* const* topics, size_t count,
                        gcn_plan_entry_t* entries, gcn_plan_t* plan);

/* The line that names a subscription of the stream dialect,
 *   EVENT[@RESOURCE][?FILTER=VALUE[,VALUE]...[&FILTER=...]...]
 * from its JSON, {"event":...,"resourceId":...,"filters":{NAME:[VALUE,...]}} or
 * {"topic":...,"filter":{"query":...}}.  As snprintf: writes what fits and a
 * NUL, and returns the size of the whole without it; UV_EINVAL, and `text` says
 * what is wrong with the JSON; UV_ENOMEM.  Thread: any. */
GCN_EXTERN int gcn_subscription(const char* json, char* text, size_t size);

/* "guide", "rest", "sdk", "message", "ticket"; NULL if unknown.  The inverse
 * knows "thread-a" to "thread-d", too, and returns GCN_PRESET_COUNT. */
GCN_EXTERN const char* gcn_preset_name(gcn_preset_t preset);
GCN_EXTERN gcn_preset_t gcn_preset_find(const char* name);

/* "mypurecloud.de" for "eu-central-1", "eu_central_1" or "mypurecloud.de";
 * NULL if the key is unknown.  `index` walks the table: NULL at its end. */
GCN_EXTERN const char* gcn_region_domain(const char* key);
GCN_EXTERN const char* gcn_region_key(size_t index);

/* Never NULL: "unknown" for values we do not know. */
GCN_EXTERN const char* gcn_state_name(gcn_state_t state);
GCN_EXTERN const char* gcn_verdict_name(gcn_verdict_t verdict);
/* "GCN_EAUTH", "ETIMEDOUT"; the sentence that belongs to it. */
GCN_EXTERN const char* gcn_err_name(int error);
GCN_EXTERN const char* gcn_strerror(int error);
/* Of the library in use: GCN_VERSION_HEX, "0.1.0". */
GCN_EXTERN unsigned gcn_version(void);
GCN_EXTERN const char* gcn_version_string(void);

#ifdef __cplusplus
}
#endif

#endif
