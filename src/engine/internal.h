/* SPDX-License-Identifier: MIT */
/*
 * The engine's inside, shared by the files of this directory only; its objects
 * are in objects.h.
 *
 *   making.c     made and freed
 *   engine.c     facts in, the order of work, effects out
 *   calm.c       ... and the short way of the ordinary wake-up
 *   line.c       a wire in its place: open, drop
 *   conn.c       one connection: inputs, timers, its end
 *   verbs.c      what each verb of the table does with bytes
 *   steps.c      the channels dialect: the steps of an attempt, its requests
 *   channel.c    ... the channel of a connection
 *   early.c      ... its host, dialled before it is known
 *   spare.c      a connection for the next stream, kept warm
 *   shard.c      who serves which topics: gaps, handover, duplicates
 *   keeper.c     the token that all connections share
 *   calls.c      REST calls and the upgrade: begin, send
 *   answer.c     what came back: judge, take what it carries
 *   verdict.c    ... topics asked for, and the verdicts on them
 *   audit.c      ... whether the channel still has its topics
 *   naming.c     ... what a message on the stream is
 *   flow.c       the stream dialect: the steps of an attempt, its requests
 *   batches.c    ... what a message on the stream is
 *   preflight.c  ... which subscriptions are valid
 *   cursor.c     ... where the service is asked to go on
 *   event.c      what an event is known by, and whether it is new
 *   restore.c    what the last run of the program left
 *   inbound.c    reading the wires
 *   patience.c   ... what a peer may not do for ever
 *   rest.c       ... what memory stays when all has been read
 *   failure.c    failure records and their texts
 *   wishes.c     what the user wants, and looking in
 *   wire.c       the bytes of one connection
 */
#ifndef GCN_ENGINE_INTERNAL_H
#define GCN_ENGINE_INTERNAL_H

#include "engine/objects.h"

/* engine.c */
struct gcn__effect* gcn__engine_emit(struct gcn__engine* engine,
                                     enum gcn__effect_kind kind);
/* The same for EFFECT_EVENT, all of whose event is to be set. */
struct gcn__effect* gcn__engine_emit_event(struct gcn__engine* engine);
/* Which proxy, if any, is on the way to a URL: 0, GCN_ECONFIG, GCN__ENOMEM. */
int gcn__engine_choose_proxy(struct gcn__engine* engine,
                             const struct gcn__url* url,
                             struct gcn__proxy* proxy);
/* NULL if no connection has this wire. */
struct gcn__line* gcn__engine_line(const struct gcn__engine* engine,
                                   enum gcn__wire_index index);
/* The next connection from slot `*slot` on, which moves behind it; NULL at the
 * end. */
struct gcn__conn* gcn__engine_conn(const struct gcn__engine* engine,
                                   unsigned* slot);

/* The earliest deadline, but for those that a sign of life on the stream of
 * `but` (may be NULL) puts off. */
uint64_t gcn__engine_deadline_beside(const struct gcn__engine* engine,
                                     const struct gcn__conn* but);

/* calm.c */
/* A stream has just become calm: whether its next events are plain. */
void gcn__calm_begin(struct gcn__engine* engine);
/* Everything has been acted on, and all that was borrowed given back: whether
 * the next bytes may go the short way. */
void gcn__calm_rest(struct gcn__engine* engine);
/* Since it came to rest nothing has come but bytes of one stream: what other
 * wires offer, whether one is full, settled or there is as it was then, and no
 * deadline is earlier. */
static inline bool gcn__engine_calm(const struct gcn__engine* engine) {
  return engine->calm != NULL && engine->rested;
}
/* Nothing of a rested engine is due. */
static inline bool gcn__calm_lasts(const struct gcn__engine* engine,
                                   uint64_t now_ms) {
  return now_ms < engine->calm_due_ms && now_ms < engine->trim_ms &&
         now_ms < gcn__session_quiet_deadline(&engine->calm->session);
}
enum gcn__calm {
  GCN__CALM_NONE,  /* there is no more */
  GCN__CALM_EVENT, /* it is in `effect` */
  GCN__CALM_OTHER, /* something was read that goes the long way from here */
};
/* The next thing that the calm stream holds, whose events are plain. */
enum gcn__calm gcn__calm_read(struct gcn__engine* engine,
                              struct gcn__effect* effect);

/* line.c */
void gcn__line_init(struct gcn__line* line, struct gcn__engine* engine,
                    struct gcn__conn* conn, enum gcn__wire_index index);
/* To the host that the line is for. */
void gcn__line_open(struct gcn__line* line);
/* The driver was not asked after all, because the user did not want it for a
 * moment: asks again. */
void gcn__line_reopen(struct gcn__line* line);
const struct gcn__url* gcn__line_url(const struct gcn__line* line);
void gcn__line_drop(struct gcn__line* line, bool abort);
/* The spare connection goes on as that of `to`, which has none. */
void gcn__line_move(struct gcn__line* from, struct gcn__line* to);
/* The failure record of its owner. */
struct gcn__failure* gcn__line_failure(const struct gcn__line* line);
const char* gcn__line_spoken(const struct gcn__line* line); /* "login host" */

/* conn.c */
/* NULL if there is no memory or no slot. */
struct gcn__conn* gcn__conn_new(struct gcn__engine* engine, unsigned shard);
void gcn__conn_free(struct gcn__conn* conn);
void gcn__conn_post(struct gcn__conn* conn, enum gcn__input input);
/* Feeds the input and does what the table says. */
void gcn__conn_act(struct gcn__conn* conn, enum gcn__input input);
/* Acts on an event that was just read, if nothing but that came of it; false
 * if something else waits now. */
bool gcn__conn_event(struct gcn__conn* conn);
/* Does one thing that waits in it; false if there is none. */
bool gcn__conn_work(struct gcn__conn* conn);
bool gcn__conn_expire(struct gcn__conn* conn);
uint64_t gcn__conn_deadline(const struct gcn__conn* conn);
/* But for what a sign of life puts off. */
uint64_t gcn__conn_deadline_beside(const struct gcn__conn* conn);
/* Whose record it is, and what failed. */
void gcn__conn_describe(const struct gcn__conn* conn,
                        struct gcn__record* record);
bool gcn__conn_streams(const struct gcn__conn* conn);

/* steps.c */
/* What was asked before is moot: the credentials, the token or the channel that
 * it was asked with are not the present ones.  Its answer must not be taken for
 * the next one's. */
void gcn__steps_cancel(struct gcn__conn* conn);
/* CONNECTING waits for the line. */
void gcn__steps_await(struct gcn__line* line);

/* naming.c: the channels dialect's messages. */
void gcn__naming_text(struct gcn__conn* conn,
                      const struct gcn__ws_message* message);
/* The same in parts: looks at the text where it is (0, GCN_EPROTO for garbage,
 * else the reader is broken); acts on conn->message, of which that was said;
 * and what an event tells of it, but for its number and key. */
int gcn__naming_scan(struct gcn__conn* conn, const struct gcn__ws_message* text,
                     struct gcn__envelope* message);
void gcn__naming_take(struct gcn__conn* conn, int error);
void gcn__naming_event(const struct gcn__conn* conn,
                       const struct gcn__envelope* message,
                       struct gcn__span text, struct gcn__event* event);

/* batches.c: the stream dialect's. */
void gcn__batches_text(struct gcn__conn* conn,
                       const struct gcn__ws_message* message);
bool gcn__batches_more(struct gcn__conn* conn);
struct gcn__event gcn__batches_event(const struct gcn__conn* conn);

/* flow.c */
/* The stream is open and its subscriptions sent: the next sign of life counts
 * as the confirmation. */
void gcn__flow_alive(struct gcn__conn* conn);
void gcn__flow_inherit(const struct gcn__conn* old, struct gcn__conn* next);
void gcn__flow_deinit(struct gcn__conn* conn);
/* The service ended the stream over the token. */
enum gcn__input gcn__flow_stale(struct gcn__conn* conn);
/* Empties a text of the service that holds a secret of ours. */
void gcn__flow_hide(const struct gcn__conn* conn, char* text);
/* What a refusal is now: it calls for one pre-flight, then it stands. */
enum gcn__meaning gcn__flow_sober(const struct gcn__conn* conn,
                                  struct gcn__judgement judgement);
/* The lines are dropped: what was in hand is gone. */
void gcn__flow_drop(struct gcn__conn* conn);
/* The token of the attempt is of no use any more. */
void gcn__flow_reject(struct gcn__conn* conn);
static inline bool gcn__engine_flows(const struct gcn__engine* engine) {
  return engine->dialect == &gcn__dialect_stream;
}

/* preflight.c */
/* The request holds those that are not refused: notes which they are. */
void gcn__preflight_ask(struct gcn__conn* conn);
/* How many they would be. */
size_t gcn__preflight_askable(const struct gcn__conn* conn);
/* How many there are, refused ones too. */
size_t gcn__preflight_wanted(const struct gcn__conn* conn);
/* The array of those, or of all that are wanted. */
int gcn__preflight_write(struct gcn__conn* conn, bool all,
                         struct gcn__buf* body);
/* Takes the document over. */
void gcn__preflight_take(struct gcn__conn* conn, struct gcn__json* body);
/* What was asked for is permitted. */
void gcn__preflight_grant(struct gcn__conn* conn);
bool gcn__preflight_next(struct gcn__conn* conn, struct gcn__effect* effect);

/* cursor.c */
/* Before the first batch is through there is no position but its first event's
 * id ("lastProcessedEventId", PROTOCOL §6.1).  True if it is now one. */
bool gcn__cursor_begin(struct gcn__conn* conn);
/* A message has been handed on in full. */
void gcn__cursor_advance(struct gcn__conn* conn);
/* An event was new on this stream. */
void gcn__cursor_lead(struct gcn__conn* conn);
/* The service has confirmed the stream with the topics it was asked for. */
void gcn__cursor_serve(struct gcn__conn* conn);
/* The stream is no more. */
void gcn__cursor_leave(struct gcn__conn* conn);
/* 0 or GCN__ENOMEM; an error has changed nothing. */
int gcn__cursor_set(struct gcn__shard* shard, const struct gcn__mem* mem,
                    struct gcn__span text, bool is_time);
void gcn__cursor_clear(struct gcn__shard* shard, const struct gcn__mem* mem);
/* A stream that went on at a position has missed nothing, unless the service
 * says otherwise: then the gap is in doubt until events follow.  False: it is a
 * gap. */
bool gcn__cursor_went_on(struct gcn__shard* shard, const struct gcn__conn* conn,
                         const struct gcn__gap* gap);
/* The stream is no more, or no longer the shard's: what is in doubt stays so
 * for the next one. */
void gcn__cursor_pass_doubt(struct gcn__shard* shard,
                            const struct gcn__conn* conn);
/* The service does not have the position: what was in doubt is a gap. */
void gcn__cursor_lost(struct gcn__conn* conn);

/* event.c */
/* Words both 0 if none could be made. */
struct gcn__key gcn__event_key(const struct gcn__conn* conn,
                               const struct gcn__event* event);
/* Another shard serves its topic now. */
bool gcn__event_elsewhere(const struct gcn__conn* conn,
                          const struct gcn__event* event);

/* channel.c */
void gcn__channel_forget(struct gcn__conn* conn);
/* By its backing: whose it is, and when it has to be replaced. */
void gcn__channel_date(struct gcn__conn* conn);
/* When what was made with this backing has to be replaced. */
uint64_t gcn__channel_due(struct gcn__engine* engine,
                          const struct gcn__backing* backing);
/* The channel of the last run.  0, or an error that has changed nothing. */
int gcn__channel_restore(struct gcn__conn* conn,
                         const struct gcn__restored* restored);
/* Its host was not reached. */
void gcn__channel_missed(struct gcn__conn* conn);
/* The request for one goes out. */
void gcn__channel_asked(struct gcn__conn* conn);
/* The service made one. */
void gcn__channel_take(struct gcn__conn* conn, const struct gcn__json* body);

/* making.c */
/* Makes room for so many effects, if there is not; those that wait keep their
 * order.  False: out of memory. */
bool gcn__engine_widen(struct gcn__engine* engine, unsigned size);
/* The shard of that index, which is there from now on.  NULL: out of memory. */
struct gcn__shard* gcn__shard_make(struct gcn__engine* engine, unsigned index);
/* It is made, and begins, maybe once more. */
void gcn__shard_init(struct gcn__engine* engine, unsigned index);
void gcn__shard_deinit(struct gcn__shard* shard, const struct gcn__mem* mem);

/* early.c */
/* The attempt has to make a channel: opens a connection to the host that it is
 * likely to have, if nothing speaks against it. */
void gcn__early_dial(struct gcn__conn* conn);
/* The channel is known: the line goes on as that to its host, or is dropped. */
void gcn__early_settle(struct gcn__conn* conn);
/* False if the line is no early one; else it is gone, and that is all. */
bool gcn__early_failed(struct gcn__line* line);
/* Likewise, by our own will. */
void gcn__early_drop(struct gcn__line* line);
/* When it is given up, if it is not there by then; GCN__NEVER. */
uint64_t gcn__early_deadline(const struct gcn__conn* conn);
/* True: it was given up just now. */
bool gcn__early_expire(struct gcn__conn* conn);
/* The service has named a streaming host. */
void gcn__early_learn(struct gcn__engine* engine, const struct gcn__url* uri);

/* spare.c */
/* 0 or GCN__ENOMEM. */
int gcn__spare_new(struct gcn__engine* engine);
void gcn__spare_free(struct gcn__engine* engine);
/* Dials, watches and drops it: one thing; false if there is none to do. */
bool gcn__spare_work(struct gcn__engine* engine);
uint64_t gcn__spare_deadline(const struct gcn__engine* engine);
/* A stream is lost by this input; the failure record is filled. */
void gcn__spare_judge(const struct gcn__conn* conn, enum gcn__input input);
void gcn__spare_slept(struct gcn__engine* engine);
/* The attempt has nothing to do but the upgrade.  True: it goes over the spare
 * connection, which is up. */
bool gcn__spare_take(struct gcn__conn* conn);
/* False if the line is no spare one, or an upgrade was sent over it; else it is
 * gone, and that is all. */
bool gcn__spare_failed(struct gcn__line* line);
/* What was sent over the line is about to be sent over another one. */
void gcn__spare_dead(const struct gcn__line* line);
/* When an upgrade over the spare connection should have been answered; NEVER */
uint64_t gcn__spare_answer_deadline(const struct gcn__conn* conn);
/* True: it has not been, and another connection is opened for it. */
bool gcn__spare_expire(struct gcn__conn* conn);

/* shard.c */
/* The next shard in use from `*index` on, which moves behind it; NULL at the
 * end. */
struct gcn__shard* gcn__shard_next(const struct gcn__engine* engine,
                                   unsigned* index);
/* After a change of the topics: opens and gives up shards. */
void gcn__shard_replan(struct gcn__engine* engine);
/* Its first attempt may begin when its turn comes. */
void gcn__shard_start(struct gcn__engine* engine, struct gcn__shard* shard);
/* The streams are not wanted any more: nobody takes over from anybody. */
void gcn__shard_stop(struct gcn__engine* engine);
struct gcn__shard* gcn__shard_of(const struct gcn__conn* conn);
/* Whether what this connection does is the shard's own story. */
bool gcn__shard_leads(const struct gcn__conn* conn);
void gcn__shard_rotate(struct gcn__conn* conn, enum gcn__input cause);
/* The stream counts; a gap ends. */
void gcn__shard_confirmed(struct gcn__conn* conn);
/* The stream is lost, with verb LOSE.  A successor that streams takes over. */
void gcn__shard_lost(struct gcn__conn* conn, enum gcn__input cause);
/* After a connection's step was told: a successor on its way takes over from
 * one that is broken, or is given up. */
void gcn__shard_stepped(struct gcn__conn* conn);
/* The stream is about to be opened.  0 or GCN__ENOMEM. */
int gcn__shard_opens(struct gcn__conn* conn);
/* False: the event has been delivered by the other stream. */
bool gcn__shard_first(struct gcn__conn* conn, const struct gcn__event* event);
/* The attempt begins: whether the channel has to be a new one. */
bool gcn__shard_renews(struct gcn__conn* conn);
/* How long until the next attempt, as far as the user is concerned. */
uint64_t gcn__shard_retry_in(const struct gcn__conn* conn);
void gcn__shard_tell_gap(struct gcn__conn* conn, const struct gcn__gap* gap);
void gcn__shard_resumed(struct gcn__engine* engine);
/* One thing to do about rotations and starts; false if there is none. */
bool gcn__shard_work(struct gcn__engine* engine);
uint64_t gcn__shard_deadline(const struct gcn__engine* engine);

/* keeper.c */
void gcn__keeper_init(struct gcn__engine* engine);
void gcn__keeper_deinit(struct gcn__keeper* keeper);
bool gcn__keeper_usable(const struct gcn__engine* engine);
/* A connection needs a token: told by gcn__conn_token or a failure. */
void gcn__keeper_want(struct gcn__conn* conn);
/* Gets a token by the present credentials, unless the one held is theirs. */
void gcn__keeper_renew(struct gcn__engine* engine);
/* Nothing is wanted any more. */
void gcn__keeper_rest(struct gcn__engine* engine);
void gcn__keeper_answered(struct gcn__engine* engine, struct gcn__json* body);
/* The failure record is filled. */
void gcn__keeper_failed(struct gcn__engine* engine, enum gcn__input input);
bool gcn__keeper_work(struct gcn__engine* engine);
uint64_t gcn__keeper_deadline(const struct gcn__engine* engine);
/* After a change of the client id: budgets belong to it. */
void gcn__engine_repace(struct gcn__engine* engine);
int gcn__keeper_credentials(struct gcn__engine* engine,
                            const struct gcn__offer* offer);
/* The machine slept. */
void gcn__keeper_slept(struct gcn__engine* engine, uint64_t slept_ms);
void gcn__shard_slept(struct gcn__engine* engine, uint64_t slept_ms);
void gcn__conn_slept(struct gcn__conn* conn, uint64_t slept_ms);

/* doubt.c */
/* Bytes come from a read of `size` bytes after a rest that began at
 * `rest_ms` (0: there was none). */
void gcn__doubt_read(struct gcn__conn* conn, size_t size, uint64_t rest_ms);
/* Everything has been read and acted on. */
void gcn__doubt_drained(struct gcn__conn* conn);
/* What is produced from now on is proven by an answer to a ping; an urgent one
 * is sent even if the last was of late. */
void gcn__doubt_begin(struct gcn__conn* conn, bool urgent);

/* verbs.c */
/* Hands on the event in hand, unless it has been delivered. */
void gcn__conn_deliver(struct gcn__conn* conn);
void gcn__conn_perform(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step);
/* What the channel has lost is known, up to a few seconds. */
bool gcn__conn_sure(const struct gcn__conn* conn);
/* Pings in a row were not answered: the stream is given up. */
void gcn__conn_unanswered(struct gcn__conn* conn);
/* Asks for an answer on the open stream, unless one was asked for of late. */
void gcn__conn_probe(struct gcn__conn* conn, bool urgent);
/* CONNECTING: posts LINKED when every awaited line is ready. */
void gcn__conn_ready(struct gcn__conn* conn);
/* The token that was waited for is held. */
void gcn__conn_token(struct gcn__conn* conn);
/* The token that was waited for can't be had; `conn->failure` says why. */
void gcn__conn_no_token(struct gcn__conn* conn, enum gcn__input input);

/* calls.c */
void gcn__call_begin(struct gcn__line* line, enum gcn__op op);
/* The line is READY: sends what waits, if it is due. */
void gcn__call_ready(struct gcn__line* line);
/* An early connection brings the upgrade sooner after the channel was made than
 * any other client does: a channel that the streaming host does not know yet is
 * asked for once more over a connection of the usual kind.  False: it was one
 * already. */
bool gcn__call_repeat_upgrade(struct gcn__line* line, struct gcn__call call);
/* The wire broke; the failure record is filled. */
void gcn__call_failed(struct gcn__line* line, enum gcn__input input);
/* The call is over, and its owner learns how. */
void gcn__call_settle(struct gcn__line* line, struct gcn__call call,
                      enum gcn__input input);

/* answer.c */
/* The reader holds a whole answer. */
void gcn__call_answered(struct gcn__line* line);
/* A floor under the next requests to the host. */
void gcn__answer_ask(struct gcn__line* line, uint64_t floor_ms);
/* What the answer carries is not usable. */
void gcn__answer_malformed(struct gcn__conn* conn, int error, enum gcn__op op,
                           const char* why, enum gcn__input input);

/* verdict.c */
/* A sync begins: decides which topics are asked for. */
void gcn__verdict_begin(struct gcn__conn* conn);
/* It is over, or has been given up. */
void gcn__verdict_end(struct gcn__conn* conn);
/* The body of the sync's part in hand. */
int gcn__verdict_write(struct gcn__conn* conn, struct gcn__buf* body);
/* Takes the document over. */
void gcn__verdict_take(struct gcn__conn* conn, enum gcn__op op,
                       struct gcn__json* body);
/* The next verdict worth telling. */
bool gcn__verdict_next(struct gcn__conn* conn, struct gcn__effect* effect);

/* audit.c */
/* Compares what the service holds with what it should. */
void gcn__audit_take(struct gcn__conn* conn, const struct gcn__json* body);
/* The next topic worth telling that the service took away. */
bool gcn__audit_next(struct gcn__conn* conn, struct gcn__effect* effect);
/* The topics are whole again: a gap may have been. */
void gcn__audit_repaired(struct gcn__conn* conn);

/* inbound.c.  True if something happened: look at inbox and ring again. */
bool gcn__inbound_read(struct gcn__line* line);
/* Acts on what a read of the stream gave; false if that was nothing. */
bool gcn__inbound_take(struct gcn__conn* conn, int result,
                       const struct gcn__ws_message* message, int end);
/* A message on the stream is of no form we know. */
void gcn__inbound_garbage(struct gcn__conn* conn);
/* The reader of the stream has failed with this. */
void gcn__inbound_broken(struct gcn__conn* conn, int error);

/* rest.c */
/* Nothing is to be done until the next fact, and nothing is viewed any more. */
void gcn__engine_rest(struct gcn__engine* engine);

/* patience.c */
/* A stream is open. */
void gcn__patience_begin(struct gcn__conn* conn);
/* Bytes of it were read; with them a text or binary message ended, or not. */
void gcn__patience_read(struct gcn__conn* conn, bool message_ended);
/* A ping or pong came.  False: it was one too many, and the stream is over. */
bool gcn__patience_control(struct gcn__conn* conn);
/* A message was over a limit: the input that this is.  It will not heal by
 * itself if it happens again and again. */
enum gcn__input gcn__patience_oversize(struct gcn__conn* conn);
/* We have not read for a while. */
void gcn__patience_excuse(struct gcn__conn* conn);
uint64_t gcn__patience_deadline(const struct gcn__conn* conn);
/* True if the deadline has passed: the stream is over. */
bool gcn__patience_expire(struct gcn__conn* conn);

/* failure.c */
void gcn__failure_clear(struct gcn__failure* failure);
void gcn__failure_set(struct gcn__failure* failure, int error,
                      enum gcn__layer layer, enum gcn__op op,
                      const char* format, ...)
    __attribute__((format(printf, 5, 6)));
/* What the line was doing took longer than `limit_ms`. */
void gcn__failure_of_timeout(struct gcn__failure* failure,
                             const struct gcn__line* line, uint64_t limit_ms);
/* A timer ended what was being done; says what that was. */
void gcn__failure_of_timer(struct gcn__conn* conn, enum gcn__input input);
/* A wire broke: an error of gcn__wire_peek or gcn__wire_shake. */
void gcn__failure_of_wire(struct gcn__line* line, int error);
/* As an event for the log. */
void gcn__failure_log(const struct gcn__log* log, const char* event,
                      const struct gcn__failure* failure);
const char* gcn__op_spoken(enum gcn__op op);

#endif
