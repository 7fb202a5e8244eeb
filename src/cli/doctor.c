/* SPDX-License-Identifier: MIT */
/*
 * `gcn doctor`: walks the way to the service and stops at the first step that
 * fails.  The hosts are probed by hand, the rest is done by a client.
 */
#include "cli/doctor.h"

#include "cli/cli.h"
#include "cli/failure.h"
#include "cli/probe.h"
#include "cli/text.h"
#include "codec/noproxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 4096, URL_SIZE = 320 };

static const char usage[] =
    "Usage: gcn doctor [OPTION]... [TOPIC]...\n"
    "Checks the way to the Genesys Cloud Notification service step by step:\n"
    "name, connection, proxy and TLS of login and API host, whether TLS\n"
    "sessions are resumed, then token, channel, WebSocket, topics (if any are\n"
    "named), and an answer over the socket.  Stops at the first step that\n"
    "fails, and says what to do.\n"
    "\n"
    "  -e, --environment NAME      AWS region or domain\n"
    "  -p, --profile NAME          section of ~/.gc/config.toml [DEFAULT]\n"
    "      --client-id ID\n"
    "      --client-secret-file F  file whose first line is the secret\n"
    "      --login-url URL         instead of https://login.DOMAIN\n"
    "      --api-url URL           instead of https://api.DOMAIN\n"
    "      --ca FILE               trust these certificates instead of the\n"
    "                              system's\n"
    "      --client-cert FILE, --client-key FILE,\n"
    "      --client-key-password-file F\n"
    "                              a certificate for servers that ask for one\n"
    "      --proxy URL, --no-proxy LIST\n"
    "      --grant NAME, --refresh-token-file F, --assertion-file FILE,\n"
    "      --org-name NAME         as those of gcn tail\n"
    "      --dialect NAME, --preset NAME, --token-in WHERE,\n"
    "      --subscriptions-in W, --stream-path PATH, --batch-size N,\n"
    "      --max-latency TIME      as those of gcn tail: with the stream "
    "dialect\n"
    "                              TOPICs are SUBSCRIPTIONs, and no channel "
    "is\n"
    "                              made\n"
    "  -T, --topics-file FILE      one topic per line\n"
    "  -h, --help                  this text\n"
    "\n"
    "Environment variables are those of gcn tail.  Exit codes: 0 all is well,\n"
    "1 a step failed, 2 usage, 3 credentials or permission refused.\n";

enum { ARG_HELP = 'h', ARG_TOPICS_FILE = 'T' };

static const struct gcn__arg table[] = {
    GCN__TARGET_ARGS,
    {'T', true, ARG_TOPICS_FILE, "topics-file"},
    {'h', false, ARG_HELP, "help"},
    GCN__DIALECT_ARGS};

static void print(const char* verdict, const char* name, const char* text,
                  const char* after) {
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
  bool good = gcn__buf_printf(&line, "%-4s  %-12s  ", verdict, name) == 0 &&
              gcn__text_clean(&line, gcn__span_str(text)) == 0 &&
              gcn__buf_printf(&line, "%s\n", after) == 0;
  struct gcn__span span = gcn__buf_span(&line);
  if (good) fwrite(span.data, 1, span.size, stdout);
  gcn__buf_deinit(&line);
  fflush(stdout);
}

void gcn__doctor_passed(const char* name, const char* text, uint64_t took_ns) {
  char took[32];
  snprintf(took, sizeof took, " (%" PRIu64 " ms)", took_ns / 1000000);
  print("ok", name, text, took);
}

void gcn__doctor_failed(const char* name, const char* text,
                        const char* remedy) {
  print("FAIL", name, text, "");
  while (*remedy == ';' || *remedy == ' ')
    remedy++;
  if (*remedy != '\0') print("", "->", remedy, "");
}

static const char* remedy_of(const struct gcn__probe* probe) {
  gcn_failure_t failure = {.error = probe->error, .text = probe->text};
  const char* remedy = gcn__failure_remedy(&failure);
  if (remedy[0] != '\0') return remedy;
  return probe->error == UV_ETIMEDOUT
             ? "check route and firewall: outgoing connections to this port "
               "have to be allowed"
             : "";
}

/* A host on its way to be checked. */
struct visit {
  struct gcn__doctor* doctor;
  struct gcn__probe probe;
  const char* role; /* "login", "api" */
  uint64_t begin_ns;
};

/* One step of a host: tells it and says whether to go on. */
static bool tell(struct visit* visit, const char* step, const char* host,
                 bool good) {
  const struct gcn__probe* probe = &visit->probe;
  bool proxy = host != probe->url.host;
  char name[32];
  char text[GCN__PROBE_TEXT_SIZE + GCN__HOST_SIZE_MAX + 16];
  snprintf(name, sizeof name, "%s %s", step, visit->role);
  snprintf(text, sizeof text, "%s%s: %s", proxy ? "proxy " : "", host,
           probe->text);
  uint64_t took_ns = uv_hrtime() - visit->begin_ns;
  visit->begin_ns += took_ns;
  if (good) {
    gcn__doctor_passed(name, text, took_ns);
    return true;
  }
  gcn__doctor_failed(name, text, remedy_of(probe));
  visit->doctor->exit_code = GCN__EXIT_FAILURE;
  return false;
}

/* No fault if not: handshakes then cost a little more. */
static void check_resumption(struct visit* visit,
                             struct gcn__tls_config* config) {
  bool resumed = gcn__probe_resume(&visit->probe, config);
  snprintf(visit->probe.text, sizeof visit->probe.text, "%s",
           resumed ? "a second handshake resumed the first one's session"
                   : "sessions are not resumed, every handshake is a full one");
  tell(visit, "resume", visit->probe.url.host, true);
}

static bool walk(struct visit* visit, struct gcn__tls_config* config) {
  struct gcn__probe* probe = &visit->probe;
  const char* dialled = gcn__probe_host(probe);
  const char* host = probe->proxy == NULL ? probe->url.host : dialled;
  visit->begin_ns = uv_hrtime();
  if (!tell(visit, "dns", host, gcn__probe_dns(probe))) return false;
  if (!tell(visit, "tcp", host, gcn__probe_tcp(probe))) return false;
  if (probe->proxy != NULL) {
    bool good = gcn__probe_tunnel(probe);
    if (!tell(visit, "proxy", host, good)) return false;
  }
  if (!gcn__url_secure(&probe->url)) return true;
  bool good = gcn__probe_tls(probe, config);
  if (!tell(visit, "tls", probe->url.host, good)) return false;
  check_resumption(visit, config);
  return true;
}

static bool load_trust(struct gcn__doctor* doctor,
                       struct gcn__tls_config** config) {
  const struct gcn__target* target = &doctor->target;
  char text[GCN__TLS_TEXT_SIZE] = "";
  struct gcn__tls_client_options options = {
      .ca_path = target->ca_path,
      .client_cert_path = target->cert_path,
      .client_key_path = target->key_path,
      .client_key_password = target->key_password,
  };
  int error = gcn__tls_config_client(&gcn__mem_libc, &options, config, text);
  if (error == 0) return true;
  gcn__doctor_failed("trust", text, "");
  doctor->exit_code = GCN__EXIT_FAILURE;
  return false;
}

/* What is wrong with a proxy's URL has been refused before. */
static void choose_proxy(const struct gcn__doctor* doctor,
                         const struct gcn__url* url, struct gcn__proxy* proxy) {
  const struct gcn__proxy_env env = {
      .own_proxy = doctor->target.proxy,
      .own_no_proxy = doctor->target.no_proxy,
      .https_proxy = getenv("https_proxy"),
      .https_proxy_upper = getenv("HTTPS_PROXY"),
      .http_proxy = getenv("http_proxy"),
      .all_proxy = getenv("all_proxy"),
      .all_proxy_upper = getenv("ALL_PROXY"),
      .no_proxy = getenv("no_proxy"),
      .no_proxy_upper = getenv("NO_PROXY"),
  };
  const char* problem = NULL;
  const char* text = gcn__proxy_choose(&env, url);
  gcn__proxy_init(proxy, &gcn__mem_libc);
  if (text != NULL) gcn__proxy_parse(proxy, gcn__span_str(text), &problem);
}

static bool check_host(struct gcn__doctor* doctor, const struct gcn__url* url,
                       const char* role) {
  struct gcn__tls_config* config = NULL;
  if (!load_trust(doctor, &config)) return false;
  struct gcn__proxy proxy;
  choose_proxy(doctor, url, &proxy);
  bool direct = proxy.kind == GCN__PROXY_NONE;
  struct visit visit = {.doctor = doctor, .role = role};
  gcn__probe_init(&visit.probe, &doctor->loop, url, direct ? NULL : &proxy);
  bool good = walk(&visit, config);
  if (visit.probe.stuck) doctor->stuck = true;
  gcn__probe_deinit(&visit.probe);
  gcn__proxy_deinit(&proxy);
  gcn__tls_config_release(config);
  return good;
}

static bool refuse(struct gcn__doctor* doctor, const char* why) {
  gcn__console_say(&doctor->console, GCN__CONSOLE_ERROR, "%s", why);
  doctor->exit_code = GCN__EXIT_USAGE;
  return false;
}

/* gcn_options_check has read the files, and refused what does not fit. */
static void tell_certificate(const struct gcn__doctor* doctor) {
  const struct gcn__target* target = &doctor->target;
  if (target->cert_path == NULL) return;
  char text[512];
  snprintf(text, sizeof text, "%.200s and its key fit, for servers that ask",
           target->cert_path);
  gcn__doctor_passed("certificate", text, 0);
}

static void refuse_place(struct gcn__doctor* doctor, const char* topic,
                         const gcn_plan_entry_t* entry) {
  char text[GCN_SUBSCRIPTION_SIZE_MAX + 64];
  if (entry->error == 0 || entry->error == UV_EEXIST) return;
  snprintf(text, sizeof text, "%s: %s", topic,
           entry->error == GCN_ELIMIT ? "no room" : "no topic's name");
  gcn__doctor_failed("plan", text, "");
  doctor->exit_code = GCN__EXIT_FAILURE;
}

/* False: not all topics have a place. */
static bool tell_plan(struct gcn__doctor* doctor) {
  const struct gcn__topic_list* topics = &doctor->topics;
  const char* const* names = (const char* const*)topics->names;
  if (topics->count == 0) return true;
  gcn_plan_t plan;
  gcn_plan_entry_t* entries = calloc(topics->count, sizeof *entries);
  if (entries == NULL) return refuse(doctor, "out of memory");
  uint64_t begin_ns = uv_hrtime();
  gcn_options_t options;
  gcn_options_init(&options);
  gcn__dialect_apply(&doctor->dialect, &options);
  int error = gcn_plan(&options, names, topics->count, entries, &plan);
  for (size_t i = 0; error == 0 && i < topics->count; i++)
    refuse_place(doctor, names[i], &entries[i]);
  free(entries);
  if (error != 0) return refuse(doctor, gcn_strerror(error));
  if (plan.topics < topics->count) return false;
  char text[128];
  snprintf(text, sizeof text, "%zu topic%s by %zu name%s on %u connection%s",
           plan.topics, plan.topics == 1 ? "" : "s", plan.names,
           plan.names == 1 ? "" : "s", plan.connections,
           plan.connections == 1 ? "" : "s");
  gcn__doctor_passed("plan", text, uv_hrtime() - begin_ns);
  return true;
}

static void choose_url(const struct gcn__doctor* doctor, const char* given,
                       const char* prefix, struct gcn__url* url) {
  const char* region = doctor->target.region;
  const char* domain = region == NULL ? NULL : gcn_region_domain(region);
  if (domain == NULL) domain = region;
  if (domain == NULL) domain = "mypurecloud.com";
  char text[URL_SIZE];
  snprintf(text, sizeof text, "https://%s.%s", prefix, domain);
  /* gcn_options_check has accepted both already. */
  gcn__url_parse(url, gcn__span_str(given == NULL ? text : given));
}

static bool check_hosts(struct gcn__doctor* doctor) {
  struct gcn__url login;
  struct gcn__url api;
  choose_url(doctor, doctor->target.login_url, "login", &login);
  choose_url(doctor, doctor->target.api_url, "api", &api);
  if (!check_host(doctor, &login, "login")) return false;
  bool same = strcmp(login.host, api.host) == 0 && login.port == api.port;
  return same || check_host(doctor, &api, "api");
}

static bool check(struct gcn__doctor* doctor) {
  tell_certificate(doctor);
  return check_hosts(doctor) && tell_plan(doctor);
}

static const char* ask_env(const char* name) {
  return getenv(name);
}

static bool take_topic(struct gcn__doctor* doctor, const char* topic) {
  const char* why = gcn__topic_list_add(&doctor->topics, gcn__span_str(topic));
  if (why == NULL) return true;
  gcn__console_say(&doctor->console, GCN__CONSOLE_ERROR, "topic '%.60s': %s",
                   topic, why);
  doctor->exit_code = GCN__EXIT_USAGE;
  return false;
}

static bool read_topics(struct gcn__doctor* doctor, const char* path) {
  bool good = gcn__topic_list_read(&doctor->topics, path, "--topics-file",
                                   &doctor->console);
  if (!good) doctor->exit_code = GCN__EXIT_USAGE;
  return good;
}

/* What has to be known before topics are read. */
static bool take_dialect(struct gcn__doctor* doctor, int argc, char** argv) {
  struct gcn__dialect_flags flags;
  char problem[GCN__DIALECT_TEXT_SIZE];
  gcn__dialect_scan(&flags, argc, argv, table, sizeof table / sizeof table[0]);
  if (!gcn__dialect_choose(&doctor->dialect, &flags, problem)) {
    return refuse(doctor, problem);
  }
  doctor->topics.stream = doctor->dialect.dialect == GCN_DIALECT_STREAM;
  return true;
}

/* False: do not go on; the exit code is set. */
static bool parse(struct gcn__doctor* doctor, int argc, char** argv) {
  struct gcn__args args;
  if (!take_dialect(doctor, argc, argv)) return false;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id > GCN__DIALECT_ARG_FIRST) continue; /* has been looked for */
    if (id == GCN__ARGS_END) return true;
    if (id == GCN__ARGS_BAD) return refuse(doctor, args.problem);
    if (id == ARG_HELP) {
      bool good = fputs(usage, stdout) >= 0 && fflush(stdout) == 0;
      doctor->exit_code = good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
      return false;
    }
    if (id == GCN__ARGS_WORD || id == ARG_TOPICS_FILE) {
      bool good = id == GCN__ARGS_WORD ? take_topic(doctor, args.value)
                                       : read_topics(doctor, args.value);
      if (!good) return false;
      continue;
    }
    const char* why = gcn__target_flag(&doctor->flags, id, args.value);
    if (why != NULL) return refuse(doctor, why);
  }
}

static bool load(struct gcn__doctor* doctor) {
  struct gcn__target* target = &doctor->target;
  bool good = gcn__target_load(target, &doctor->flags, ask_env);
  if (target->warning[0] != '\0') {
    gcn__console_say(&doctor->console, GCN__CONSOLE_WARN, "%s",
                     target->warning);
  }
  if (!good) return refuse(doctor, target->problem);
  gcn_options_t options;
  gcn_options_init(&options);
  gcn__target_apply(target, &options);
  gcn__dialect_apply(&doctor->dialect, &options);
  char why[320] = "";
  if (gcn_options_check(&options, why, sizeof why) == 0) return true;
  char text[GCN__TARGET_TEXT_SIZE];
  gcn__target_explain(why, text);
  return refuse(doctor, text);
}

int gcn__cli_doctor(int argc, char** argv) {
  struct gcn__doctor doctor = {
      .console = {.name = "gcn doctor", .level = GCN__CONSOLE_NOTE},
  };
  bool ready = parse(&doctor, argc, argv) && load(&doctor);
  if (ready && uv_loop_init(&doctor.loop) != 0) {
    doctor.exit_code = GCN__EXIT_FAILURE;
    ready = false;
  }
  if (ready) {
    if (check(&doctor)) gcn__doctor_client(&doctor);
    /* A look-up that was given up holds a thread that exit would wait for. */
    if (doctor.stuck) _exit(doctor.exit_code);
    uv_run(&doctor.loop, UV_RUN_DEFAULT);
    uv_loop_close(&doctor.loop);
  }
  gcn__topic_list_deinit(&doctor.topics);
  gcn__target_deinit(&doctor.target);
  return doctor.exit_code;
}
