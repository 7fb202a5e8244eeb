/* SPDX-License-Identifier: MIT */
/*
 * Each is a C function with its arguments read and its result made a value.
 */
#include "node/helpers.h"

#include "base/buf.h"
#include "cli/profile.h"
#include "node/options.h"

#include <stdio.h>
#include <uv.h>

enum { WHY_SIZE = 512, ARGUMENTS_MAX = 3, PROFILE_VALUE_MAX = 65536 };

static bool read_arguments(napi_env env, napi_callback_info info,
                           napi_value* argv) {
  size_t count = ARGUMENTS_MAX;
  return napi_get_cb_info(env, info, &count, argv, NULL, NULL) == napi_ok;
}

static napi_value null_of(napi_env env) {
  napi_value value = NULL;
  return napi_get_null(env, &value) == napi_ok ? value : NULL;
}

static napi_value explain(napi_env env, napi_callback_info info,
                          const char* (*text_of)(int error)) {
  napi_value argv[ARGUMENTS_MAX];
  int code = 0;
  if (!read_arguments(env, info, argv) ||
      !gcn__js_read_int(env, argv[0], "code", &code)) {
    return NULL;
  }
  return gcn__js_str(env, text_of(code));
}

static napi_value err_name(napi_env env, napi_callback_info info) {
  return explain(env, info, gcn_err_name);
}

static napi_value error_text(napi_env env, napi_callback_info info) {
  return explain(env, info, gcn_strerror);
}

/* Hooks that JavaScript says it has; nobody calls them here. */
static void have_credentials(gcn_client_t* client, uint64_t ticket,
                             int refused) {
  (void)client;
  (void)ticket;
  (void)refused;
}

static int have_load(void* data, unsigned generation, gcn_load_t* request) {
  (void)data;
  (void)generation;
  (void)request;
  return UV_ECANCELED;
}

static int have_save(void* data, const void* bytes, size_t bytes_size,
                     const uint64_t* sequences, size_t sequence_count,
                     gcn_save_t* request) {
  (void)data;
  (void)bytes;
  (void)bytes_size;
  (void)sequences;
  (void)sequence_count;
  (void)request;
  return UV_ECANCELED;
}

static napi_value check_options(napi_env env, napi_callback_info info) {
  napi_value argv[ARGUMENTS_MAX];
  struct gcn__jsoptions asked;
  char why[WHY_SIZE] = "";
  int error = 0;
  if (!read_arguments(env, info, argv)) return NULL;
  bool good = gcn__jsoptions_read(&asked, env, argv[0]);
  if (good) {
    gcn_options_t* options = &asked.options;
    asked.store = (gcn_store_t){
        .size = sizeof asked.store, .load = have_load, .save = have_save};
    if (asked.has_store) options->store = &asked.store;
    if (asked.asks_credentials) options->credentials_cb = have_credentials;
    if (asked.asks_token) options->token_cb = have_credentials;
    error = gcn_options_check(options, why, sizeof why);
  }
  gcn__jsoptions_free(&asked);
  if (!good) return NULL;
  if (error == 0) return null_of(env);
  return gcn__js_str(env, why[0] == '\0' ? gcn_strerror(error) : why);
}

static napi_value subscription(napi_env env, napi_callback_info info) {
  napi_value argv[ARGUMENTS_MAX];
  struct gcn__scrap scrap = {NULL};
  const char* json = NULL;
  char line[GCN_SUBSCRIPTION_SIZE_MAX + 1] = "";
  napi_value value = NULL;
  if (!read_arguments(env, info, argv)) return NULL;
  if (gcn__js_read_text(env, argv[0], "json", &scrap, &json)) {
    int size = gcn_subscription(json, line, sizeof line);
    bool fits = size >= 0 && (size_t)size < sizeof line;
    if (size >= 0 && !fits) {
      snprintf(line, sizeof line, "the subscription is longer than %d bytes",
               GCN_SUBSCRIPTION_SIZE_MAX);
    }
    value = fits ? gcn__js_str(env, line)
                 : gcn__js_throw(env, size < 0 ? size : UV_EINVAL, line);
  }
  gcn__scrap_free(&scrap);
  return value;
}

static napi_value region_domain(napi_env env, napi_callback_info info) {
  napi_value argv[ARGUMENTS_MAX];
  struct gcn__scrap scrap = {NULL};
  const char* key = NULL;
  napi_value value = NULL;
  if (!read_arguments(env, info, argv)) return NULL;
  if (gcn__js_read_text(env, argv[0], "key", &scrap, &key)) {
    const char* domain = gcn_region_domain(key);
    value = domain == NULL ? null_of(env) : gcn__js_str(env, domain);
  }
  gcn__scrap_free(&scrap);
  return value;
}

static napi_value find_value(napi_env env, const char* text,
                             const char* section, const char* key) {
  struct gcn__buf found;
  char why[WHY_SIZE];
  unsigned line = 0;
  napi_value value = NULL;
  gcn__buf_init(&found, &gcn__mem_libc, PROFILE_VALUE_MAX);
  found.secret = true;
  switch (gcn__profile_find(gcn__span_str(text), section, key, &found, &line)) {
  case GCN__PROFILE_VALUE: {
    struct gcn__span span = gcn__buf_span(&found);
    value = gcn__js_string(env, (gcn_span_t){span.data, span.size});
    break;
  }
  case GCN__PROFILE_NO_KEY:
  case GCN__PROFILE_NO_SECTION: value = null_of(env); break;
  case GCN__PROFILE_BROKEN:
    snprintf(why, sizeof why, "line %u can't be read", line);
    gcn__js_throw(env, GCN_ECONFIG, why);
    break;
  case GCN__PROFILE_NO_MEMORY: gcn__js_throw(env, UV_ENOMEM, NULL); break;
  }
  gcn__buf_deinit(&found);
  return value;
}

static napi_value profile_value(napi_env env, napi_callback_info info) {
  napi_value argv[ARGUMENTS_MAX];
  struct gcn__scrap scrap = {NULL};
  const char* text = NULL;
  const char* section = NULL;
  const char* key = NULL;
  napi_value value = NULL;
  if (!read_arguments(env, info, argv)) return NULL;
  if (gcn__js_read_text(env, argv[0], "text", &scrap, &text) &&
      gcn__js_read_text(env, argv[1], "section", &scrap, &section) &&
      gcn__js_read_text(env, argv[2], "key", &scrap, &key)) {
    value = find_value(env, text, section, key);
  }
  gcn__scrap_free(&scrap);
  return value;
}

void gcn__helpers_put(napi_env env, napi_value exports) {
#define HELPER(name, function)                                                 \
  { name, NULL, function, NULL, NULL, NULL, napi_default_jsproperty, NULL }
  static const napi_property_descriptor helpers[] = {
      HELPER("errName", err_name),
      HELPER("strerror", error_text),
      HELPER("checkOptions", check_options),
      HELPER("subscription", subscription),
      HELPER("regionDomain", region_domain),
      HELPER("profileValue", profile_value),
  };
#undef HELPER
  napi_define_properties(env, exports, sizeof helpers / sizeof helpers[0],
                         helpers);
}
