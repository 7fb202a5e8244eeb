/* SPDX-License-Identifier: MIT */
/*
 * The parts of a request that both dialects write alike.
 *
 * It knows no path and no operation.  The token stands in scratch memory that
 * is wiped.
 */
#include "dialect/request.h"

#include "base/err.h"
#include "codec/http.h"
#include "codec/url.h"

int gcn__request_common(struct gcn__buf* out, const char* authority,
                        const char* user_agent) {
  int error = gcn__http_write_header(out, "Host", gcn__span_str(authority));
  if (error != 0) return error;
  return gcn__http_write_header(out, "User-Agent", gcn__span_str(user_agent));
}

int gcn__request_bearer(struct gcn__buf* out, const char* token) {
  if (token == NULL || token[0] == '\0') return GCN__EINVAL;
  struct gcn__buf value;
  gcn__buf_init(&value, out->mem, 2 * GCN__URL_SIZE_MAX);
  value.secret = true;
  int error = gcn__buf_append_str(&value, "Bearer ");
  if (error == 0) error = gcn__buf_append_str(&value, token);
  if (error == 0) {
    error = gcn__http_write_header(out, "Authorization", gcn__buf_span(&value));
  }
  gcn__buf_deinit(&value);
  return error;
}

int gcn__request_accept_json(struct gcn__buf* out) {
  return gcn__http_write_header(out, "Accept", GCN__SPAN("application/json"));
}

int gcn__request_json_end(struct gcn__buf* out, struct gcn__span body) {
  int error = gcn__http_write_header(out, "Content-Type",
                                     GCN__SPAN("application/json"));
  return error == 0 ? gcn__http_write_end(out, body, false) : error;
}

int gcn__request_upgrade_end(struct gcn__buf* out, const char* ws_key) {
  int error = gcn__http_write_header(out, "Upgrade", GCN__SPAN("websocket"));
  if (error == 0) {
    error = gcn__http_write_header(out, "Connection", GCN__SPAN("Upgrade"));
  }
  if (error == 0) {
    error =
        gcn__http_write_header(out, "Sec-WebSocket-Version", GCN__SPAN("13"));
  }
  if (error == 0) {
    error =
        gcn__http_write_header(out, "Sec-WebSocket-Key", gcn__span_str(ws_key));
  }
  if (error != 0) return error;
  return gcn__http_write_end(out, GCN__SPAN(""), true);
}
