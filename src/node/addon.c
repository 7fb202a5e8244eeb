/* SPDX-License-Identifier: MIT */
/*
 * What `require` of the addon returns.
 *
 * It is loaded once per process and initialised once per environment; nothing
 * here or below is static but constants.
 */
#include "node/carrier.h"
#include "node/client.h"
#include "node/helpers.h"
#include "node/report-events.h"

#include <uv.h>

static napi_value errors_of(napi_env env) {
  static const struct {
    const char* name;
    int error;
  } rows[] = {
#define ROW(name, value, text) {"GCN_" #name, value},
      GCN_ERRNO_MAP(ROW)
#undef ROW
  };
  napi_value object = NULL;
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    gcn__js_put_number(env, object, rows[i].name, rows[i].error);
  }
  return object;
}

/* Defined by the header, without a prototype. */
NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION(void);

/* The runtime looks for it, and for the version of Node-API, by name. */
NAPI_MODULE_INIT() {
  if (gcn__jsenv_new(env) == NULL) return NULL;
  gcn__js_put_str(env, exports, "version", gcn_version_string());
  gcn__js_put_str(env, exports, "uvVersion", uv_version_string());
  gcn__js_put_str(env, exports, "kind", gcn__carrier_kind);
  gcn__js_put_number(env, exports, "eventTexts", GCN__EVENT_TEXTS);
  gcn__js_put_number(env, exports, "eventNumbers", GCN__EVENT_NUMBERS);
  gcn__js_put(env, exports, "errors", errors_of(env));
  gcn__js_put(env, exports, "Client", gcn__jsclient_class(env));
  gcn__helpers_put(env, exports);
  return exports;
}
