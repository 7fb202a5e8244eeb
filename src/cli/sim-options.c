/* SPDX-License-Identifier: MIT */
/*
 * See sim-options.h.
 */
#include "cli/sim-options.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/sim-inputs.h"
#include "cli/sim-toxics.h"
#include "cli/text.h"

enum {
  CORPUS_SIZE_MAX = 256 << 20,
  PAYLOAD_SIZE_MAX = 4 << 20,
  CHANNELS_MAX = 100000,
  TOPICS_MAX = 100000,
  REFRESH_SIZE_MAX = 86, /* what the service keeps */
  HISTORY_MAX = 10000000,
  REPEAT_MAX = 10000,
  CODE_MAX = 65535,
};

#define SEED_DEFAULT          1
#define EVENTS_PER_KS_DEFAULT 1000

static const char usage[] =
    "Usage: gcn sim [OPTION]...\n"
    "A local simulator of the Genesys Cloud Notification API: login, REST API\n"
    "and streaming host on one port, with the limits and error answers of the\n"
    "real ones, and faults on demand.\n"
    "\n"
    "Where:\n"
    "      --listen ADDR[:PORT]    address to listen on [127.0.0.1:0: the\n"
    "                              system chooses the port]\n"
    "      --port-file FILE        write the port there once it is open\n"
    "      --tls, --no-tls         with or without TLS [with]\n"
    "      --ca-out FILE           write the certificate to trust there [a\n"
    "                              temporary file]\n"
    "      --cert-flaw KIND        expired, future, no-san, self-signed or\n"
    "                              client-only: what clients must refuse\n"
    "      --authority AUTH        what answers call the streaming host:\n"
    "                              HOST[:PORT], or with ws:// or wss:// if a\n"
    "                              TLS front stands before [what is listened\n"
    "                              on]\n"
    "\n"
    "What clients get:\n"
    "      --rate N/s              events over all topics, or N/m [1/s]\n"
    "      --payload-size BYTES    pad event bodies to it\n"
    "      --topics N              print the names of N topics\n"
    "      --topics-out FILE       write them there instead\n"
    "      --any-topic             accept topics that the service has not\n"
    "      --corpus FILE           replay recorded events, one JSON object a\n"
    "                              line\n"
    "      --corpus-once           only once\n"
    "      --record FILE           write what was sent, one envelope a line\n"
    "      --report FILE           write figures about clients there, as "
    "JSON:\n"
    "                              at the end, and at each USR1\n"
    "      --seed N                other made-up events, ids and topics [1]\n"
    "\n"
    "Who, and how much (all made up; nothing here needs a real secret):\n"
    "      --client-id ID          followed by its secret; may be repeated [a\n"
    "                              pair is made up and printed]\n"
    "      --client-secret S\n"
    "      --client-secret-file F  file whose first line is the secret\n"
    "      --token-life TIME       [24h]\n"
    "      --heartbeat TIME        between heartbeats, 0 for none [30s]\n"
    "      --channel-ttl TIME      [24h]\n"
    "      --max-channels N        per client [20]\n"
    "      --max-topics N          per channel [1000]\n"
    "      --rest-limit N          REST calls per minute and token, 0 for no\n"
    "                              limit [300]\n"
    "      --body-limit BYTES      of topics in one request, 0 for no limit "
    "[0]\n"
    "      --refresh-token T       a first one, for the refresh_token grant\n"
    "      --forbid 'PATTERN=PERMISSION'\n"
    "                              topics that need a permission nobody has\n"
    "\n";

/* Compilers need not take a string of both. */
static const char usage_end[] =
    "The stream dialect, served beside the channels:\n"
    "      --stream-retention TIME how long events can be resumed at [10m]\n"
    "      --stream-history N      and how many of them [200000]\n"
    "      --stream-on-lost WHAT   a position that is not there: close (4410) "
    "or\n"
    "                              live [close]\n"
    "      --stream-repeat N       events that a resume sends again [0]\n"
    "      --stream-resumed        the first batch tells that it went on\n"
    "      --stream-ping TIME      between pings, 0 for none [30s]\n"
    "      --stream-ping-gap TIME  clients that ping more often are closed "
    "[0:\n"
    "                              none]\n"
    "      --slow-consumer TIME    those that are so far behind too [0: none]\n"
    "      --expiry-code CODE      closes streams whose token ended [4001]\n"
    "      --ticket-life TIME      of subscription tokens [24h]\n"
    "      --scope LIST            granted ones, with commas between [all]\n"
    "      --licence LIST          the same, e.g. 'CX 1,CX 2' [all]\n"
    "\n"
    "Faults (see gcn-sim(1) for the language):\n"
    "      --fault FILE            one rule a line\n"
    "      --fault-line RULE       one more, e.g. 'after event 100 tcp.reset'\n"
    "\n"
    "A fault proxy instead of it (see gcn-sim(1) for the rules):\n"
    "      --proxy ADDR:PORT       only forward connections there\n"
    "      --toxic RULE            and do this to them, e.g. 'down reset\n"
    "                              at=100 conn=2'; may be repeated\n"
    "\n"
    "      --for TIME              end after TIME (250ms, 30s, 10m, 2h, 1d)\n"
    "  -q, --quiet                 errors only on standard error\n"
    "  -v, --verbose               requests too on standard error\n"
    "  -h, --help                  this text\n"
    "\n"
    "Signals: INT and TERM end; USR1 writes the report, to standard error if\n"
    "there is no --report.\n"
    "\n"
    "Exit codes: 0 ended as asked, 1 unexpected failure, 2 usage, 8 an\n"
    "expectation of the fault script was not met.\n";

enum {
  ARG_QUIET = 'q',
  ARG_VERBOSE = 'v',
  ARG_HELP = 'h',
  ARG_LISTEN = 256,
  ARG_PORT_FILE,
  ARG_TLS,
  ARG_NO_TLS,
  ARG_CA_OUT,
  ARG_CERT_FLAW,
  ARG_AUTHORITY,
  ARG_RATE,
  ARG_PAYLOAD_SIZE,
  ARG_TOPICS,
  ARG_TOPICS_OUT,
  ARG_ANY_TOPIC,
  ARG_CORPUS,
  ARG_CORPUS_ONCE,
  ARG_RECORD,
  ARG_REPORT,
  ARG_SEED,
  ARG_CLIENT_ID,
  ARG_CLIENT_SECRET,
  ARG_CLIENT_SECRET_FILE,
  ARG_TOKEN_LIFE,
  ARG_HEARTBEAT,
  ARG_CHANNEL_TTL,
  ARG_MAX_CHANNELS,
  ARG_MAX_TOPICS,
  ARG_REST_LIMIT,
  ARG_BODY_LIMIT,
  ARG_REFRESH_TOKEN,
  ARG_FORBID,
  ARG_STREAM_RETENTION,
  ARG_STREAM_HISTORY,
  ARG_STREAM_ON_LOST,
  ARG_STREAM_REPEAT,
  ARG_STREAM_RESUMED,
  ARG_STREAM_PING,
  ARG_STREAM_PING_GAP,
  ARG_SLOW_CONSUMER,
  ARG_EXPIRY_CODE,
  ARG_TICKET_LIFE,
  ARG_SCOPE,
  ARG_LICENCE,
  ARG_FAULT,
  ARG_FAULT_LINE,
  ARG_FOR,
  ARG_PROXY,
  ARG_TOXIC,
};

static const struct gcn__arg table[] = {
    {0, true, ARG_LISTEN, "listen"},
    {0, true, ARG_PORT_FILE, "port-file"},
    {0, false, ARG_TLS, "tls"},
    {0, false, ARG_NO_TLS, "no-tls"},
    {0, true, ARG_CA_OUT, "ca-out"},
    {0, true, ARG_CERT_FLAW, "cert-flaw"},
    {0, true, ARG_AUTHORITY, "authority"},
    {0, true, ARG_RATE, "rate"},
    {0, true, ARG_PAYLOAD_SIZE, "payload-size"},
    {0, true, ARG_TOPICS, "topics"},
    {0, true, ARG_TOPICS_OUT, "topics-out"},
    {0, false, ARG_ANY_TOPIC, "any-topic"},
    {0, true, ARG_CORPUS, "corpus"},
    {0, false, ARG_CORPUS_ONCE, "corpus-once"},
    {0, true, ARG_RECORD, "record"},
    {0, true, ARG_REPORT, "report"},
    {0, true, ARG_SEED, "seed"},
    {0, true, ARG_CLIENT_ID, "client-id"},
    {0, true, ARG_CLIENT_SECRET, "client-secret"},
    {0, true, ARG_CLIENT_SECRET_FILE, "client-secret-file"},
    {0, true, ARG_TOKEN_LIFE, "token-life"},
    {0, true, ARG_HEARTBEAT, "heartbeat"},
    {0, true, ARG_CHANNEL_TTL, "channel-ttl"},
    {0, true, ARG_MAX_CHANNELS, "max-channels"},
    {0, true, ARG_MAX_TOPICS, "max-topics"},
    {0, true, ARG_REST_LIMIT, "rest-limit"},
    {0, true, ARG_BODY_LIMIT, "body-limit"},
    {0, true, ARG_REFRESH_TOKEN, "refresh-token"},
    {0, true, ARG_FORBID, "forbid"},
    {0, true, ARG_STREAM_RETENTION, "stream-retention"},
    {0, true, ARG_STREAM_HISTORY, "stream-history"},
    {0, true, ARG_STREAM_ON_LOST, "stream-on-lost"},
    {0, true, ARG_STREAM_REPEAT, "stream-repeat"},
    {0, false, ARG_STREAM_RESUMED, "stream-resumed"},
    {0, true, ARG_STREAM_PING, "stream-ping"},
    {0, true, ARG_STREAM_PING_GAP, "stream-ping-gap"},
    {0, true, ARG_SLOW_CONSUMER, "slow-consumer"},
    {0, true, ARG_EXPIRY_CODE, "expiry-code"},
    {0, true, ARG_TICKET_LIFE, "ticket-life"},
    {0, true, ARG_SCOPE, "scope"},
    {0, true, ARG_LICENCE, "licence"},
    {0, true, ARG_FAULT, "fault"},
    {0, true, ARG_FAULT_LINE, "fault-line"},
    {0, true, ARG_PROXY, "proxy"},
    {0, true, ARG_TOXIC, "toxic"},
    {0, true, ARG_FOR, "for"},
    {'q', false, ARG_QUIET, "quiet"},
    {'v', false, ARG_VERBOSE, "verbose"},
    {'h', false, ARG_HELP, "help"},
};

/* Each returns NULL, or what the option's value has to be. */

static const char* take_seed(const char* value, uint64_t* out) {
  return gcn__text_number(value, out) ? NULL : "a number";
}

static const char* take_count(const char* value, size_t max, size_t* out) {
  uint64_t number;
  bool good = gcn__text_number(value, &number) && number >= 1 && number <= max;
  if (!good) return "a number from 1 to 100000";
  *out = (size_t)number;
  return NULL;
}

static const char* take_payload_size(const char* value, size_t* out) {
  uint64_t number;
  bool good = gcn__text_number(value, &number) && number <= PAYLOAD_SIZE_MAX;
  if (!good) return "a number of bytes up to 4194304";
  *out = (size_t)number;
  return NULL;
}

/* To the service 0 is the default. */
static const char* take_limit(const char* value, uint64_t* out) {
  if (!gcn__text_number(value, out)) return "a number, 0 for no limit";
  if (*out == 0) *out = GCN__NEVER;
  return NULL;
}

static const char* take_body_limit(const char* value, uint64_t* out) {
  return gcn__text_number(value, out) ? NULL : "bytes, 0 for no limit";
}

static const char* take_refresh(const char* value, const char** out) {
  size_t size = strlen(value);
  *out = value;
  return size >= 1 && size <= REFRESH_SIZE_MAX ? NULL : "1 to 86 characters";
}

static const char* take_time(const char* value, uint64_t* out) {
  bool good = gcn__text_duration(value, out) && *out > 0;
  return good ? NULL : "a duration like 250ms, 30s, 10m or 2h";
}

static const char* take_heartbeat(const char* value, uint64_t* out) {
  if (!gcn__text_duration(value, out)) return "a duration like 30s, 0 for none";
  if (*out == 0) *out = GCN__NEVER;
  return NULL;
}

static const char* take_life(const char* value, uint64_t* out_s) {
  uint64_t life_ms;
  bool good = gcn__text_duration(value, &life_ms) && life_ms >= 1000;
  if (!good) return "a duration of one second or more";
  *out_s = life_ms / 1000;
  return NULL;
}

static const char* take_path(const char* value, const char** out) {
  *out = value;
  return value[0] != '\0' ? NULL : "the name of a file";
}

static const char* take_up_to(const char* value, size_t min, size_t max,
                              const char* want, size_t* out) {
  uint64_t number;
  bool good =
      gcn__text_number(value, &number) && number >= min && number <= max;
  if (good) *out = (size_t)number;
  return good ? NULL : want;
}

static const char* take_on_lost(const char* value, bool* goes_on) {
  *goes_on = strcmp(value, "live") == 0;
  return *goes_on || strcmp(value, "close") == 0 ? NULL : "close or live";
}

static const char* take_code(const char* value, unsigned* out) {
  size_t code = 0;
  const char* why =
      take_up_to(value, 1, CODE_MAX, "a close code from 1 to 65535", &code);
  *out = (unsigned)code;
  return why;
}

/* 0 is off, as it is to the service. */
static const char* take_patience(const char* value, uint64_t* out) {
  return gcn__text_duration(value, out) ? NULL
                                        : "a duration like 30s, 0 for none";
}

static const char* take_stream(struct gcn__sim_options* service, int id,
                               const char* value) {
  switch (id) {
  case ARG_STREAM_RETENTION:
    return take_time(value, &service->stream_retention_ms);
  case ARG_STREAM_HISTORY:
    return take_up_to(value, 1, HISTORY_MAX, "a number from 1 to 10000000",
                      &service->stream_history_max);
  case ARG_STREAM_ON_LOST:
    return take_on_lost(value, &service->stream_lost_goes_on);
  case ARG_STREAM_REPEAT:
    return take_up_to(value, 0, REPEAT_MAX, "a number up to 10000",
                      &service->stream_repeat);
  case ARG_STREAM_RESUMED: service->stream_tells_resumed = true; return NULL;
  case ARG_STREAM_PING: return take_heartbeat(value, &service->stream_ping_ms);
  case ARG_STREAM_PING_GAP:
    return take_patience(value, &service->stream_ping_gap_ms);
  case ARG_SLOW_CONSUMER: return take_patience(value, &service->stream_slow_ms);
  case ARG_EXPIRY_CODE: return take_code(value, &service->stream_expiry_code);
  case ARG_TICKET_LIFE: return take_life(value, &service->stream_ticket_life_s);
  case ARG_SCOPE: service->stream_scopes = value; return NULL;
  case ARG_LICENCE: service->stream_licences = value; return NULL;
  default: return "known here";
  }
}

static const char* take_service(struct gcn__sim_options* service, int id,
                                const char* value) {
  switch (id) {
  case ARG_ANY_TOPIC: service->any_topic = true; return NULL;
  case ARG_CORPUS_ONCE: service->corpus_once = true; return NULL;
  case ARG_RATE: return gcn__cli_sim_rate_of(value, &service->events_per_ks);
  case ARG_PAYLOAD_SIZE:
    return take_payload_size(value, &service->payload_size);
  case ARG_SEED: return take_seed(value, &service->seed);
  case ARG_TOKEN_LIFE: return take_life(value, &service->token_life_s);
  case ARG_HEARTBEAT: return take_heartbeat(value, &service->heartbeat_ms);
  case ARG_CHANNEL_TTL: return take_time(value, &service->channel_ttl_ms);
  case ARG_MAX_CHANNELS:
    return take_count(value, CHANNELS_MAX, &service->channels_max);
  case ARG_MAX_TOPICS:
    return take_count(value, TOPICS_MAX, &service->topics_max);
  case ARG_REST_LIMIT: return take_limit(value, &service->rest_per_min_max);
  case ARG_BODY_LIMIT: return take_body_limit(value, &service->body_size_max);
  case ARG_REFRESH_TOKEN: return take_refresh(value, &service->refresh_token);
  default: return take_stream(service, id, value);
  }
}

static const char* take_option(struct gcn__cli_sim_options* options, int id,
                               const char* value) {
  switch (id) {
  case ARG_TLS: options->plain = false; return NULL;
  case ARG_NO_TLS: options->plain = true; return NULL;
  case ARG_QUIET: options->quiet = true; return NULL;
  case ARG_VERBOSE: options->verbose++; return NULL;
  case ARG_LISTEN:
    return gcn__cli_sim_listen_of(value, options->address, &options->port);
  case ARG_AUTHORITY:
    return gcn__cli_sim_authority_of(value, &options->authority);
  case ARG_CERT_FLAW: return gcn__cli_sim_flaw_of(value, &options->flaw);
  case ARG_PORT_FILE: return take_path(value, &options->port_path);
  case ARG_CA_OUT: return take_path(value, &options->ca_path);
  case ARG_TOPICS_OUT: return take_path(value, &options->topics_path);
  case ARG_RECORD: return take_path(value, &options->record_path);
  case ARG_REPORT: return take_path(value, &options->report_path);
  case ARG_TOPICS:
    return take_count(value, GCN__CLI_SIM_TOPICS_MAX, &options->topic_count);
  case ARG_FOR: return take_time(value, &options->for_ms);
  case ARG_PROXY:
    options->proxied = true;
    return gcn__cli_sim_upstream_of(value, options->upstream,
                                    &options->upstream_port);
  default: return take_service(&options->service, id, value);
  }
}

static const char* name_of(int id) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].id == id) return table[i].name;
  }
  return "";
}

/* Those that make sense for a fault proxy, too. */
static bool is_shared(int id) {
  static const int ids[] = {ARG_LISTEN, ARG_PORT_FILE, ARG_SEED,  ARG_FOR,
                            ARG_PROXY,  ARG_TOXIC,     ARG_QUIET, ARG_VERBOSE};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    if (ids[i] == id) return true;
  }
  return false;
}

static bool take(struct gcn__cli_sim_options* options, int id,
                 const char* value, struct gcn__console* console) {
  switch (id) {
  case ARG_CLIENT_ID: return gcn__cli_sim_take_id(options, value, console);
  case ARG_CLIENT_SECRET:
    return gcn__cli_sim_take_secret(options, value, console);
  case ARG_CLIENT_SECRET_FILE:
    return gcn__cli_sim_take_secret_file(options, value, console);
  case ARG_FORBID: return gcn__cli_sim_take_forbid(options, value, console);
  case ARG_FAULT: return gcn__cli_sim_take_fault(options, value, console);
  case ARG_FAULT_LINE:
    return gcn__cli_sim_take_fault_line(options, value, console);
  case ARG_CORPUS: return gcn__cli_sim_take_corpus(options, value, console);
  case ARG_TOXIC: return gcn__cli_sim_take_toxic(options, value, console);
  case GCN__ARGS_WORD:
    gcn__console_say(console, GCN__CONSOLE_ERROR,
                     "'%.60s' is not an option; topics are named by those who "
                     "subscribe",
                     value);
    return false;
  default: break;
  }
  const char* why = take_option(options, id, value);
  if (why == NULL) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "--%s '%.40s' has to be %s",
                   name_of(id), value, why);
  return false;
}

/* What does not go together. */
static const char* check(const struct gcn__cli_sim_options* options) {
  bool flawed = options->flaw != GCN__PKI_SOUND;
  if (options->plain && options->ca_path != NULL) {
    return "--ca-out needs TLS: without it there is no certificate; leave out "
           "one of --ca-out and --no-tls";
  }
  if (options->plain && flawed) {
    return "--cert-flaw needs TLS; leave out one of --cert-flaw and --no-tls";
  }
  if (options->topics_path != NULL && options->topic_count == 0) {
    return "--topics-out needs --topics N: how many";
  }
  if (options->service.corpus_once && options->corpus_path == NULL) {
    return "--corpus-once needs --corpus FILE: what to replay";
  }
  return NULL;
}

static bool check_proxy(const struct gcn__cli_sim_options* options,
                        struct gcn__console* console) {
  const char* name = options->own_name;
  const char* why = gcn__cli_sim_check_proxy(options, name);
  if (why == NULL) return true;
  bool named = options->proxied;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s%s%s%s", named ? "--" : "",
                   named ? name : "", named ? " " : "", why);
  return false;
}

static bool refuse(struct gcn__console* console, const char* why) {
  if (why != NULL) gcn__console_say(console, GCN__CONSOLE_ERROR, "%s", why);
  gcn__console_print(console, "Try 'gcn sim --help'.");
  return false;
}

static void set_defaults(struct gcn__cli_sim_options* options) {
  static const struct gcn__mem* const mem = &gcn__mem_libc;
  *options = (struct gcn__cli_sim_options){
      .address = "127.0.0.1",
      .service = {.seed = SEED_DEFAULT, .events_per_ks = EVENTS_PER_KS_DEFAULT},
  };
  gcn__buf_init(&options->corpus, mem, CORPUS_SIZE_MAX);
  gcn__buf_init(&options->fault_file, mem, GCN__SCRIPT_SIZE_MAX);
  gcn__buf_init(&options->fault_lines, mem, GCN__SCRIPT_SIZE_MAX);
}

bool gcn__cli_sim_options_parse(struct gcn__cli_sim_options* options, int argc,
                                char** argv, struct gcn__console* console,
                                int* exit_code) {
  set_defaults(options);
  *exit_code = GCN__EXIT_USAGE;
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id == GCN__ARGS_END) break;
    if (id == GCN__ARGS_BAD) return refuse(console, args.problem);
    if (id == ARG_HELP) {
      bool good = fputs(usage, stdout) >= 0 && fputs(usage_end, stdout) >= 0 &&
                  fflush(stdout) == 0;
      *exit_code = good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
      return false;
    }
    if (!take(options, id, args.value, console)) return refuse(console, NULL);
    bool first = options->own_name == NULL;
    if (first && !is_shared(id)) options->own_name = name_of(id);
  }
  if (!check_proxy(options, console)) return refuse(console, NULL);
  const char* why = check(options);
  if (why != NULL) return refuse(console, why);
  if (!options->proxied && !gcn__cli_sim_finish_inputs(options, console)) {
    return refuse(console, NULL);
  }
  return true;
}

void gcn__cli_sim_options_deinit(struct gcn__cli_sim_options* options) {
  gcn__cli_sim_inputs_deinit(options);
}
