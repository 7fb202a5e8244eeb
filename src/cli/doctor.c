/* SPDX-License-Identifier: MIT */
/*
 * `gcn doctor`: walks the way to the service and stops at the first step that
 * fails.  The hosts are probed by hand, the rest is done by a client.
 */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/failure.h"
#include "cli/probe.h"
#include "cli/text.h"

enum { LINE_SIZE_MAX = 4096, URL_SIZE = 320 };

static const char usage[] =
    "Usage: gcn doctor [OPTION]... [TOPIC]...\n"
    "Checks the way to the Genesys Cloud Notification service step by step:\n"
    "name, connection and TLS of login and API host, then token, channel,\n"
    "WebSocket, topics (if any are named), and an answer over the socket.\n"
    "Stops at the first step that fails, and says what to do.\n"
    "\n"
    "  -e, --environment NAME      AWS region or domain\n"
    "  -p, --profile NAME          section of ~/.gc/config.toml [DEFAULT]\n"
    "      --client-id ID\n"
    "      --client-secret-file F  file whose first line is the secret\n"
    "      --login-url URL         instead of https://login.DOMAIN\n"
    "      --api-url URL           instead of https://api.DOMAIN\n"
    "      --ca FILE               trust these certificates instead of the\n"
    "                              system's\n"
    "  -h, --help                  this text\n"
    "\n"
    "Environment variables are those of gcn tail.  Exit codes: 0 all is well,\n"
    "1 a step failed, 2 usage, 3 credentials or permission refused.\n";

enum { ARG_HELP = 'h' };

static const struct gcn__arg table[] = {
    GCN__TARGET_ARGS,
    {'h', false, ARG_HELP, "help"},
};

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

/* One step of a host: tells it and says whether to go on. */
static bool tell(struct gcn__doctor* doctor, const struct gcn__probe* probe,
                 const char* step, const char* role, uint64_t begin_ns,
                 bool good) {
  char name[32];
  char text[GCN__PROBE_TEXT_SIZE + GCN__HOST_SIZE_MAX + 8];
  snprintf(name, sizeof name, "%s %s", step, role);
  snprintf(text, sizeof text, "%s: %s", probe->url.host, probe->text);
  if (good) {
    gcn__doctor_passed(name, text, uv_hrtime() - begin_ns);
    return true;
  }
  gcn__doctor_failed(name, text, remedy_of(probe));
  doctor->exit_code = GCN__EXIT_FAILURE;
  return false;
}

static bool walk(struct gcn__doctor* doctor, struct gcn__probe* probe,
                 const char* role, struct gcn__tls_config* config) {
  uint64_t begin_ns = uv_hrtime();
  bool good = gcn__probe_dns(probe);
  if (!tell(doctor, probe, "dns", role, begin_ns, good)) return false;
  begin_ns = uv_hrtime();
  good = gcn__probe_tcp(probe);
  if (!tell(doctor, probe, "tcp", role, begin_ns, good)) return false;
  if (!gcn__url_secure(&probe->url)) return true;
  begin_ns = uv_hrtime();
  good = gcn__probe_tls(probe, config);
  return tell(doctor, probe, "tls", role, begin_ns, good);
}

static bool check_host(struct gcn__doctor* doctor, const struct gcn__url* url,
                       const char* role) {
  struct gcn__tls_config* config = NULL;
  char text[GCN__TLS_TEXT_SIZE] = "";
  struct gcn__tls_client_options options = {.ca_path = doctor->target.ca_path};
  int error = gcn__tls_config_client(&gcn__mem_libc, &options, &config, text);
  if (error != 0) {
    gcn__doctor_failed("trust", text, "");
    doctor->exit_code = GCN__EXIT_FAILURE;
    return false;
  }
  struct gcn__probe probe;
  gcn__probe_init(&probe, &doctor->loop, url);
  bool good = walk(doctor, &probe, role, config);
  gcn__probe_deinit(&probe);
  gcn__tls_config_release(config);
  return good;
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

static const char* ask_env(const char* name) {
  return getenv(name);
}

static bool refuse(struct gcn__doctor* doctor, const char* why) {
  gcn__console_say(&doctor->console, GCN__CONSOLE_ERROR, "%s", why);
  doctor->exit_code = GCN__EXIT_USAGE;
  return false;
}

static bool take_topic(struct gcn__doctor* doctor, const char* topic) {
  if (doctor->topic_count == GCN_TOPIC_COUNT_MAX) {
    return refuse(doctor, "a channel has room for 1000 topics");
  }
  doctor->topics[doctor->topic_count++] = topic;
  return true;
}

/* False: do not go on; the exit code is set. */
static bool parse(struct gcn__doctor* doctor, int argc, char** argv) {
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id == GCN__ARGS_END) return true;
    if (id == GCN__ARGS_BAD) return refuse(doctor, args.problem);
    if (id == ARG_HELP) {
      bool good = fputs(usage, stdout) >= 0 && fflush(stdout) == 0;
      doctor->exit_code = good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
      return false;
    }
    if (id == GCN__ARGS_WORD) {
      if (!take_topic(doctor, args.value)) return false;
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
  char why[320] = "";
  if (gcn_options_check(&options, why, sizeof why) == 0) return true;
  return refuse(doctor, why);
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
    if (check_hosts(&doctor)) gcn__doctor_client(&doctor);
    uv_run(&doctor.loop, UV_RUN_DEFAULT);
    uv_loop_close(&doctor.loop);
  }
  gcn__target_deinit(&doctor.target);
  return doctor.exit_code;
}
