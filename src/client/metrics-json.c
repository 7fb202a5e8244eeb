/* SPDX-License-Identifier: MIT */
/*
 * The snapshot as one JSON object on one line, in the manner of librdkafka's
 * statistics: flat numbers, times in ms, an object per part.
 */
#include "client/metrics.h"

#include "client/metrics-out.h"

static void put_key(struct gcn__metrics_out* out, const char* before,
                    const char* key) {
  gcn__metrics_put(out, before);
  gcn__metrics_put_quoted(out, key);
  gcn__metrics_put(out, ":");
}

static void put_value(struct gcn__metrics_out* out, uint64_t value) {
  if (value == GCN__METRICS_NONE) {
    gcn__metrics_put(out, "null");
  } else {
    gcn__metrics_put_number(out, value);
  }
}

/* `before` the first member, a comma before the others. */
static void put_group(struct gcn__metrics_out* out,
                      const struct gcn__metrics_view* view,
                      enum gcn__metrics_group group, const char* before) {
  const struct gcn__metrics_row* row;
  for (size_t i = 0; (row = gcn__metrics_row(i)) != NULL; i++) {
    if (row->group != group) continue;
    put_key(out, before, row->key);
    put_value(out, gcn__metrics_value(view, row));
    before = ",";
  }
}

static void put_parts(struct gcn__metrics_out* out,
                      const struct gcn__metrics_view* view) {
  static const char* const keys[] = {
#define GROUP_KEY(name, key) key,
      GCN__METRICS_GROUP_MAP(GROUP_KEY)
#undef GROUP_KEY
  };
  for (int g = GCN__METRICS_GROUP_ROOT + 1; g < GCN__METRICS_GROUP_COUNT; g++) {
    put_key(out, ",", keys[g]);
    gcn__metrics_put(out, "{");
    put_group(out, view, (enum gcn__metrics_group)g, "");
    gcn__metrics_put(out, "}");
  }
}

static void put_state(struct gcn__metrics_out* out, const char* before,
                      gcn_state_t state, uint64_t state_age_ms) {
  put_key(out, before, "state");
  gcn__metrics_put_quoted(out, gcn_state_name(state));
  put_key(out, ",", "stateage");
  put_value(out, state_age_ms);
}

static void put_connections(struct gcn__metrics_out* out,
                            const struct gcn__metrics_view* view) {
  put_key(out, ",", "connections");
  gcn__metrics_put(out, "[");
  for (size_t c = 0; c < view->connection_count; c++) {
    const struct gcn__metrics_connection* connection = &view->connections[c];
    put_key(out, c == 0 ? "{" : ",{", "slot");
    gcn__metrics_put_number(out, connection->slot);
    put_state(out, ",", connection->state, connection->state_age_ms);
    gcn__metrics_put(out, "}");
  }
  gcn__metrics_put(out, "]");
}

static void put_failure(struct gcn__metrics_out* out, const char* before,
                        gcn_layer_t layer, gcn_op_t op, uint64_t count) {
  put_key(out, before, "layer");
  gcn__metrics_put_quoted(out, gcn__metrics_layer(layer));
  put_key(out, ",", "op");
  gcn__metrics_put_quoted(out, gcn__metrics_op(op));
  put_key(out, ",", "count");
  gcn__metrics_put_number(out, count);
  gcn__metrics_put(out, "}");
}

/* Only those that happened: most of the product of the lists never will. */
static void put_failures(struct gcn__metrics_out* out,
                         const struct gcn__failure_counts* failures) {
  if (failures == NULL) return;
  const char* before = "{";
  put_key(out, ",", "failures_by");
  gcn__metrics_put(out, "[");
  for (int l = 0; l < GCN__METRICS_LAYER_COUNT; l++) {
    for (int o = 0; o < GCN__METRICS_OP_COUNT; o++) {
      uint64_t count = failures->counts[l][o];
      if (count == 0) continue;
      put_failure(out, before, (gcn_layer_t)l, (gcn_op_t)o, count);
      before = ",{";
    }
  }
  gcn__metrics_put(out, "]");
}

int gcn__metrics_json(const struct gcn__metrics_view* view, char* text,
                      size_t size) {
  struct gcn__metrics_out out = {text, size, 0};
  put_key(&out, "{", "version");
  gcn__metrics_put_quoted(&out, view->version);
  put_key(&out, ",", "libuv");
  gcn__metrics_put_quoted(&out, view->libuv_version);
  put_state(&out, ",", view->state, view->state_age_ms);
  put_group(&out, view, GCN__METRICS_GROUP_ROOT, ",");
  put_parts(&out, view);
  put_connections(&out, view);
  put_failures(&out, view->failures_by);
  gcn__metrics_put(&out, "}");
  return gcn__metrics_end(&out);
}
