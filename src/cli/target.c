/* SPDX-License-Identifier: MIT */
/*
 * See target.h.
 */
#include "cli/target.h"

#include "base/err.h"
#include "cli/file.h"
#include "cli/profile.h"
#include "cli/secret.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
  SECRET_SIZE_MAX = 4096,
  PROFILE_SIZE_MAX = 1 << 20,
  PATH_SIZE = 4096,
};

static const struct gcn__mem* const mem = &gcn__mem_libc;

/* What is known while loading. */
struct sources {
  const struct gcn__target_flags* flags;
  gcn__target_env_fn env;
  const char* section;
  struct gcn__buf profile; /* the file's text; empty if there is none */
  char path[PATH_SIZE];
};

const char* gcn__target_flag(struct gcn__target_flags* flags, int id,
                             const char* value) {
  if (id == GCN__TARGET_ARG_PROXY && gcn__secret_in_url(value)) {
    return "a password does not belong on the command line, where every user "
           "of the machine can read it: set https_proxy, or "
           "GENESYSCLOUD_PROXY_AUTH_PASSWORD";
  }
  switch (id) {
#define CASE(name, field, letter, text)                                        \
  case GCN__TARGET_ARG_##name: flags->field = value; return NULL;
    GCN__TARGET_ARG_MAP(CASE)
#undef CASE
  case GCN__TARGET_ARG_SECRET:
    return "a secret does not belong on the command line, where every user of "
           "the machine can read it: set GENESYSCLOUD_OAUTHCLIENT_SECRET, or "
           "use --client-secret-file FILE";
  default: return "option is not known here";
  }
}

__attribute__((format(printf, 2, 3))) static bool
fail(struct gcn__target* target, const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(target->problem, sizeof target->problem, format, args);
  va_end(args);
  return false;
}

__attribute__((format(printf, 2, 3))) static void
warn(struct gcn__target* target, const char* format, ...) {
  size_t used = strlen(target->warning);
  size_t room = sizeof target->warning - used;
  if (used > 0 && room > 2) {
    used += (size_t)snprintf(target->warning + used, room, "; ");
    room = sizeof target->warning - used;
  }
  va_list args;
  va_start(args, format);
  vsnprintf(target->warning + used, room, format, args);
  va_end(args);
}

/* NULL if unset or empty. */
static const char* ask_env(const struct sources* sources, const char* name) {
  const char* value = sources->env(name);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char* error_text(int error) {
  return error == GCN_ELIMIT ? "it is too large" : gcn_strerror(error);
}

static void warn_exposed(struct gcn__target* target, const char* path) {
  warn(target, "%s can be read by others: chmod 600 %s", path, path);
}

static void read_profile(struct sources* sources, struct gcn__target* target) {
  const char* home = ask_env(sources, "HOME");
  if (home == NULL) return;
  int size =
      snprintf(sources->path, sizeof sources->path, "%s/.gc/config.toml", home);
  if (size < 0 || (size_t)size >= sizeof sources->path) return;
  bool exposed = false;
  int error = gcn__file_read(sources->path, &sources->profile, &exposed);
  if (error == 0 && exposed) warn_exposed(target, sources->path);
  if (error == 0) return;
  gcn__buf_clear(&sources->profile);
  bool expected = sources->flags->profile != NULL;
  if (error == GCN__ENOENT && !expected) return;
  warn(target, "%s cannot be read (%s) and is ignored", sources->path,
       error_text(error));
}

/* Warns once about a file or section that is of no use. */
static void check_profile(struct sources* sources, struct gcn__target* target) {
  if (gcn__buf_size(&sources->profile) == 0) return;
  unsigned line = 0;
  enum gcn__profile_found found = gcn__profile_find(
      gcn__buf_span(&sources->profile), sources->section, "", NULL, &line);
  if (found == GCN__PROFILE_BROKEN) {
    warn(target, "%s: line %u is not understood, the file is ignored",
         sources->path, line);
    gcn__buf_clear(&sources->profile);
  } else if (found == GCN__PROFILE_NO_SECTION &&
             sources->flags->profile != NULL) {
    warn(target, "%s has no section [%.100s]", sources->path, sources->section);
  }
}

static bool ask_profile(const struct sources* sources, const char* key,
                        struct gcn__buf* value) {
  unsigned line = 0;
  gcn__buf_clear(value);
  enum gcn__profile_found found = gcn__profile_find(
      gcn__buf_span(&sources->profile), sources->section, key, value, &line);
  return found == GCN__PROFILE_VALUE && gcn__buf_size(value) > 0;
}

/* The first that is given: flag, variable, profile.  False: out of memory. */
static bool choose(const struct sources* sources, const char* flag,
                   const char* variable, const char* key, char** out) {
  const char* text = flag;
  if (text == NULL) text = ask_env(sources, variable);
  if (text != NULL) return (*out = gcn__str_copy(mem, text)) != NULL;
  struct gcn__buf value;
  gcn__buf_init(&value, mem, SECRET_SIZE_MAX);
  value.secret = true;
  bool good = true;
  if (key != NULL && ask_profile(sources, key, &value)) {
    struct gcn__span span = gcn__buf_span(&value);
    good = (*out = gcn__str_copy_n(mem, span.data, span.size)) != NULL;
  }
  gcn__buf_deinit(&value);
  return good;
}

/* `path` NULL: not given.  `flag` is what it was given by. */
static bool read_secret(struct gcn__target* target, const char* flag,
                        const char* path, enum gcn__secret_form form,
                        char** out) {
  bool exposed = false;
  if (path == NULL) return true;
  int error = gcn__secret_read(path, form, out, &exposed);
  if (error == 0 && exposed) warn_exposed(target, path);
  if (error == 0) return true;
  if (error != GCN__EINVAL) {
    return fail(target, "%s %s: %s", flag, path, error_text(error));
  }
  return fail(target, "%s: %s", path,
              form == GCN__SECRET_LINE ? "the first line is empty"
                                       : "there is nothing in it");
}

static bool choose_secret(const struct sources* sources,
                          struct gcn__target* target) {
  if (sources->flags->secret_path != NULL) {
    return read_secret(target, "--client-secret-file",
                       sources->flags->secret_path, GCN__SECRET_LINE,
                       &target->client_secret);
  }
  return choose(sources, NULL, "GENESYSCLOUD_OAUTHCLIENT_SECRET",
                "client_secret", &target->client_secret);
}

/* A gateway stands in for both hosts, as in the vendor's other tools. */
static const char* gateway_url(const struct sources* sources, char* out,
                               size_t size) {
  const char* host = ask_env(sources, "GENESYSCLOUD_GATEWAY_HOST");
  if (host == NULL) return NULL;
  const char* port = ask_env(sources, "GENESYSCLOUD_GATEWAY_PORT");
  const char* protocol = ask_env(sources, "GENESYSCLOUD_GATEWAY_PROTOCOL");
  snprintf(out, size, "%s://%s%s%s", protocol == NULL ? "https" : protocol,
           host, port == NULL ? "" : ":", port == NULL ? "" : port);
  return out;
}

static bool is_plain(const char* url) {
  return url != NULL && strncmp(url, "http://", 7) == 0;
}

static bool choose_urls(const struct sources* sources,
                        struct gcn__target* target) {
  char url[GCN__TARGET_TEXT_SIZE];
  const char* gateway = gateway_url(sources, url, sizeof url);
  const char* login = sources->flags->login_url;
  const char* api = sources->flags->api_url;
  if (login == NULL) login = gateway;
  if (api == NULL) api = gateway;
  target->login_url = gcn__str_copy(mem, login);
  target->api_url = gcn__str_copy(mem, api);
  target->plaintext = is_plain(login) || is_plain(api);
  return (login == NULL) == (target->login_url == NULL) &&
         (api == NULL) == (target->api_url == NULL);
}

/* The names are those of the vendor's Terraform provider. */
static bool choose_proxy(const struct sources* sources,
                         struct gcn__target* target) {
  const char* flag = sources->flags->proxy;
  if (flag != NULL) return (target->proxy = gcn__str_copy(mem, flag)) != NULL;
  const char* host = ask_env(sources, "GENESYSCLOUD_PROXY_HOST");
  if (host == NULL) return true;
  const struct gcn__secret_proxy proxy = {
      .protocol = ask_env(sources, "GENESYSCLOUD_PROXY_PROTOCOL"),
      .host = host,
      .port = ask_env(sources, "GENESYSCLOUD_PROXY_PORT"),
      .user = ask_env(sources, "GENESYSCLOUD_PROXY_AUTH_USERNAME"),
      .password = ask_env(sources, "GENESYSCLOUD_PROXY_AUTH_PASSWORD"),
  };
  return (target->proxy = gcn__secret_proxy_url(&proxy)) != NULL;
}

static bool copy(const char* text, char** out) {
  return text == NULL || (*out = gcn__str_copy(mem, text)) != NULL;
}

static bool choose_way(const struct sources* sources,
                       struct gcn__target* target) {
  const struct gcn__target_flags* flags = sources->flags;
  return copy(flags->cert_path, &target->cert_path) &&
         copy(flags->key_path, &target->key_path) &&
         copy(flags->no_proxy, &target->no_proxy) &&
         choose_proxy(sources, target) &&
         read_secret(target, "--client-key-password-file",
                     flags->key_password_path, GCN__SECRET_LINE,
                     &target->key_password);
}

static bool choose_grant(const struct gcn__target_flags* flags,
                         struct gcn__target* target) {
  static const char* const names[] = {"client-credentials", "refresh-token",
                                      "saml2", "jwt"};
  const char* name = flags->grant == NULL ? names[0] : flags->grant;
  int grant = 0;
  while (grant < 4 && strcmp(names[grant], name) != 0)
    grant++;
  target->grant = (gcn_grant_t)grant;
  if (grant < 4) return true;
  return fail(target,
              "--grant '%.40s' has to be client-credentials|refresh-token|"
              "saml2|jwt",
              name);
}

/* What a grant needs, and that nothing is said which it has no use for. */
static bool check_grant(const struct gcn__target_flags* flags,
                        struct gcn__target* target) {
  gcn_grant_t grant = target->grant;
  bool refreshes = grant == GCN_GRANT_REFRESH_TOKEN;
  bool saml = grant == GCN_GRANT_SAML2_BEARER;
  bool bearer = saml || grant == GCN_GRANT_JWT_BEARER;
  if (refreshes != (flags->refresh_path != NULL)) {
    return fail(target, "--grant refresh-token and --refresh-token-file FILE "
                        "need each other");
  }
  if (bearer != (flags->assertion_path != NULL)) {
    return fail(target, "--grant saml2 or jwt and --assertion-file FILE need "
                        "each other");
  }
  if (saml == (flags->org_name != NULL)) return true;
  return fail(target, "--grant saml2 and --org-name NAME need each other");
}

static bool choose_token(const struct sources* sources,
                         struct gcn__target* target) {
  const struct gcn__target_flags* flags = sources->flags;
  return choose_grant(flags, target) && check_grant(flags, target) &&
         copy(flags->org_name, &target->org_name) &&
         read_secret(target, "--refresh-token-file", flags->refresh_path,
                     GCN__SECRET_LINE, &target->refresh_token) &&
         read_secret(target, "--assertion-file", flags->assertion_path,
                     GCN__SECRET_DOCUMENT, &target->assertion);
}

static bool require(struct gcn__target* target) {
  if (target->client_id == NULL) {
    return fail(target, "no client id: set GENESYSCLOUD_OAUTHCLIENT_ID, pass "
                        "--client-id ID, or put client_credentials into "
                        "~/.gc/config.toml");
  }
  if (target->client_secret == NULL) {
    return fail(target,
                "no client secret: set GENESYSCLOUD_OAUTHCLIENT_SECRET, pass "
                "--client-secret-file FILE, or put client_secret into "
                "~/.gc/config.toml");
  }
  return true;
}

static bool choose_all(const struct sources* sources,
                       struct gcn__target* target) {
  const struct gcn__target_flags* flags = sources->flags;
  bool good = choose(sources, flags->environment, "GENESYSCLOUD_REGION",
                     "environment", &target->region) &&
              choose(sources, flags->client_id, "GENESYSCLOUD_OAUTHCLIENT_ID",
                     "client_credentials", &target->client_id) &&
              choose(sources, flags->ca_path, "SSL_CERT_FILE", NULL,
                     &target->ca_path) &&
              choose_urls(sources, target) && choose_secret(sources, target) &&
              choose_way(sources, target) && choose_token(sources, target);
  if (good) return require(target);
  return target->problem[0] != '\0' ? false : fail(target, "out of memory");
}

bool gcn__target_load(struct gcn__target* target,
                      const struct gcn__target_flags* flags,
                      gcn__target_env_fn env) {
  *target = (struct gcn__target){0};
  struct sources sources = {.flags = flags, .env = env};
  sources.section = flags->profile == NULL ? "DEFAULT" : flags->profile;
  gcn__buf_init(&sources.profile, mem, PROFILE_SIZE_MAX);
  sources.profile.secret = true;
  read_profile(&sources, target);
  check_profile(&sources, target);
  bool good = choose_all(&sources, target);
  gcn__buf_deinit(&sources.profile);
  return good;
}

void gcn__target_deinit(struct gcn__target* target) {
  gcn__str_free(mem, target->region);
  gcn__str_free(mem, target->login_url);
  gcn__str_free(mem, target->api_url);
  gcn__str_free(mem, target->client_id);
  gcn__secret_free(mem, target->client_secret);
  gcn__str_free(mem, target->ca_path);
  gcn__str_free(mem, target->cert_path);
  gcn__str_free(mem, target->key_path);
  gcn__secret_free(mem, target->key_password);
  gcn__secret_free(mem, target->proxy);
  gcn__str_free(mem, target->no_proxy);
  gcn__secret_free(mem, target->refresh_token);
  gcn__secret_free(mem, target->assertion);
  gcn__str_free(mem, target->org_name);
  *target = (struct gcn__target){0};
}

void gcn__target_apply(const struct gcn__target* target,
                       gcn_options_t* options) {
  options->region = target->region;
  options->login_url = target->login_url;
  options->api_url = target->api_url;
  options->client_id = target->client_id;
  options->client_secret = target->client_secret;
  options->ca_path = target->ca_path;
  options->client_cert_path = target->cert_path;
  options->client_key_path = target->key_path;
  options->client_key_password = target->key_password;
  options->proxy = target->proxy;
  options->no_proxy = target->no_proxy;
  options->grant = target->grant;
  options->refresh_token = target->refresh_token;
  options->assertion = target->assertion;
  options->org_name = target->org_name;
  options->allow_plaintext = target->plaintext ? 1 : 0;
}

void gcn__target_explain(const char* why, char out[GCN__TARGET_TEXT_SIZE]) {
  static const struct {
    const char* field;
    const char* flag;
  } rows[] = {
      {"region", "--environment"},
      {"login_url", "--login-url"},
      {"api_url", "--api-url"},
      {"ca_path", "--ca"},
      {"client_cert_path", "--client-cert"},
      {"client_key_path", "--client-key"},
      {"client_key_password", "--client-key-password-file"},
      {"proxy", "--proxy"},
      {"refresh_token", "--refresh-token-file"},
      {"assertion", "--assertion-file"},
      {"org_name", "--org-name"},
      {"checkpoint_path", "--checkpoint"},
      {"stream", "stream dialect"},
  };
  size_t size = strcspn(why, ": ");
  const char* name = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct gcn__span field = gcn__span(why, size);
    if (gcn__span_is(field, rows[i].field)) name = rows[i].flag;
  }
  snprintf(out, GCN__TARGET_TEXT_SIZE, "%s%s", name == NULL ? "" : name,
           name == NULL ? why : why + size);
}

gcn_credentials_t gcn__target_credentials(const struct gcn__target* target) {
  return (gcn_credentials_t){
      .client_id = target->client_id,
      .client_secret = target->client_secret,
      .refresh_token = target->refresh_token,
      .assertion = target->assertion,
  };
}

int gcn__target_keep_refresh(const struct gcn__target_flags* flags,
                             const char* refresh_token) {
  if (flags->refresh_path == NULL) return GCN__ENOENT;
  if (!gcn__file_lasts(flags->refresh_path)) return GCN__ENOENT;
  struct gcn__buf text;
  gcn__buf_init(&text, mem, SECRET_SIZE_MAX * 32);
  text.secret = true;
  int error = gcn__buf_append_str(&text, refresh_token);
  if (error == 0) error = gcn__buf_append_str(&text, "\n");
  if (error == 0) {
    error = gcn__file_replace(flags->refresh_path, gcn__buf_span(&text),
                              GCN__FILE_SECRET);
  }
  gcn__buf_deinit(&text);
  return error;
}
