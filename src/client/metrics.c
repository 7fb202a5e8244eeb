/* SPDX-License-Identifier: MIT */
/*
 * OpenMetrics text exposition, version 1.0.0.
 *
 * The samples of a family stand together below its TYPE, UNIT and HELP; label
 * values come from closed sets.
 */
#include "client/metrics.h"

#include "client/metrics-out.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct gcn__metrics_row rows[] = {
#define ROW(field, kind, unit, group, key, family, label, value, help)         \
  {offsetof(struct gcn__metrics_view, field),                                  \
   GCN__METRICS_##kind,                                                        \
   GCN__METRICS_##unit,                                                        \
   GCN__METRICS_GROUP_##group,                                                 \
   key,                                                                        \
   family,                                                                     \
   label,                                                                      \
   value,                                                                      \
   help},
    GCN__METRICS_MAP(ROW)
#undef ROW
};

const struct gcn__metrics_row* gcn__metrics_row(size_t index) {
  return index < sizeof rows / sizeof rows[0] ? &rows[index] : NULL;
}

uint64_t gcn__metrics_value(const struct gcn__metrics_view* view,
                            const struct gcn__metrics_row* row) {
  uint64_t value;
  memcpy(&value, (const char*)view + row->offset, sizeof value);
  return value;
}

const char* gcn__metrics_layer(gcn_layer_t layer) {
  switch (layer) {
  case GCN_LAYER_NONE: return "none";
  case GCN_LAYER_DNS: return "dns";
  case GCN_LAYER_TCP: return "tcp";
  case GCN_LAYER_TLS: return "tls";
  case GCN_LAYER_HTTP: return "http";
  case GCN_LAYER_WS: return "ws";
  case GCN_LAYER_SERVICE: return "service";
  case GCN_LAYER_CLIENT: return "client";
  case GCN_LAYER_PROXY: return "proxy";
  }
  return "other";
}

const char* gcn__metrics_op(gcn_op_t op) {
  switch (op) {
  case GCN_OP_NONE: return "none";
  case GCN_OP_TOKEN: return "token";
  case GCN_OP_CHANNEL: return "channel";
  case GCN_OP_TOPICS: return "topics";
  case GCN_OP_UPGRADE: return "upgrade";
  case GCN_OP_STREAM: return "stream";
  case GCN_OP_AUDIT: return "audit";
  case GCN_OP_ADD: return "add";
  case GCN_OP_UNSUBSCRIBE: return "unsubscribe";
  case GCN_OP_CHECKPOINT: return "checkpoint";
  }
  return "other";
}

void gcn__failure_counts_note(struct gcn__failure_counts* counts,
                              const gcn_failure_t* failure) {
  unsigned layer = (unsigned)failure->layer;
  unsigned op = (unsigned)failure->op;
  if (layer >= GCN__METRICS_LAYER_COUNT || op >= GCN__METRICS_OP_COUNT) return;
  counts->counts[layer][op]++;
}

static const char* unit_name(enum gcn__metrics_unit unit) {
  switch (unit) {
  case GCN__METRICS_COUNT: break;
  case GCN__METRICS_BYTES: return "bytes";
  case GCN__METRICS_MS: return "seconds";
  }
  return "";
}

static void put_meta(struct gcn__metrics_out* out, const char* word,
                     const char* family, const char* text) {
  gcn__metrics_put(out, "# ");
  gcn__metrics_put(out, word);
  gcn__metrics_put(out, " ");
  gcn__metrics_put(out, family);
  gcn__metrics_put(out, " ");
  gcn__metrics_put(out, text);
  gcn__metrics_put(out, "\n");
}

static void put_family(struct gcn__metrics_out* out, const char* family,
                       const char* type, const char* unit, const char* help) {
  put_meta(out, "TYPE", family, type);
  if (unit[0] != '\0') put_meta(out, "UNIT", family, unit);
  put_meta(out, "HELP", family, help);
}

static void put_label(struct gcn__metrics_out* out, const char* before,
                      const char* name, const char* value) {
  gcn__metrics_put(out, before);
  gcn__metrics_put(out, name);
  gcn__metrics_put(out, "=");
  gcn__metrics_put_quoted(out, value);
}

static void put_row(struct gcn__metrics_out* out,
                    const struct gcn__metrics_row* row, uint64_t value) {
  gcn__metrics_put(out, row->family);
  if (row->kind == GCN__METRICS_COUNTER) gcn__metrics_put(out, "_total");
  if (row->label[0] != '\0') {
    put_label(out, "{", row->label, row->value);
    gcn__metrics_put(out, "}");
  }
  gcn__metrics_put(out, " ");
  if (row->unit == GCN__METRICS_MS) {
    gcn__metrics_put_seconds(out, value);
  } else {
    gcn__metrics_put_number(out, value);
  }
  gcn__metrics_put(out, "\n");
}

static void put_rows(struct gcn__metrics_out* out,
                     const struct gcn__metrics_view* view) {
  const char* family = "";
  const struct gcn__metrics_row* row;
  for (size_t i = 0; (row = gcn__metrics_row(i)) != NULL; i++) {
    if (strcmp(family, row->family) != 0) {
      family = row->family;
      put_family(out, family,
                 row->kind == GCN__METRICS_COUNTER ? "counter" : "gauge",
                 unit_name(row->unit), row->help);
    }
    uint64_t value = gcn__metrics_value(view, row);
    if (value != GCN__METRICS_NONE) put_row(out, row, value);
  }
}

static void put_state(struct gcn__metrics_out* out, unsigned slot,
                      gcn_state_t state, bool is_in_it) {
  char digits[16] = "";
  struct gcn__metrics_out number = {digits, sizeof digits, 0};
  gcn__metrics_put_number(&number, slot);
  gcn__metrics_end(&number);
  put_label(out, "gcn_connection_state{", "slot", digits);
  put_label(out, ",", "state", gcn_state_name(state));
  gcn__metrics_put(out, is_in_it ? "} 1\n" : "} 0\n");
}

static void put_connections(struct gcn__metrics_out* out,
                            const struct gcn__metrics_view* view) {
  put_family(out, "gcn_connection_state", "gauge", "",
             "1 for the state that the connection is in.");
  for (size_t c = 0; c < view->connection_count; c++) {
    const struct gcn__metrics_connection* connection = &view->connections[c];
    for (int s = 0; s < GCN_STATE_COUNT; s++) {
      gcn_state_t state = (gcn_state_t)s;
      put_state(out, connection->slot, state, state == connection->state);
    }
  }
}

static void put_failures(struct gcn__metrics_out* out,
                         const struct gcn__failure_counts* failures) {
  if (failures == NULL) return;
  put_family(out, "gcn_failures", "counter", "",
             "Failures, by their layer and by what was being done.");
  for (int l = GCN_LAYER_NONE + 1; l < GCN__METRICS_LAYER_COUNT; l++) {
    for (int o = 0; o < GCN__METRICS_OP_COUNT; o++) {
      put_label(out, "gcn_failures_total{", "layer",
                gcn__metrics_layer((gcn_layer_t)l));
      put_label(out, ",", "op", gcn__metrics_op((gcn_op_t)o));
      gcn__metrics_put(out, "} ");
      gcn__metrics_put_number(out, failures->counts[l][o]);
      gcn__metrics_put(out, "\n");
    }
  }
}

static void put_build(struct gcn__metrics_out* out,
                      const struct gcn__metrics_view* view) {
  put_family(out, "gcn_build", "info", "", "Versions of what is running.");
  put_label(out, "gcn_build_info{", "version", view->version);
  put_label(out, ",", "libuv", view->libuv_version);
  gcn__metrics_put(out, "} 1\n");
}

int gcn__metrics_text(const struct gcn__metrics_view* view, char* text,
                      size_t size) {
  struct gcn__metrics_out out = {text, size, 0};
  put_rows(&out, view);
  put_connections(&out, view);
  put_failures(&out, view->failures_by);
  put_build(&out, view);
  gcn__metrics_put(&out, "# EOF\n");
  return gcn__metrics_end(&out);
}
