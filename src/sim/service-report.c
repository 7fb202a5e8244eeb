/* SPDX-License-Identifier: MIT */
/*
 * The ledger and the counters as one JSON object.
 *
 * Its members are stable: new ones are added, none is renamed.
 */
#include "base/err.h"
#include "sim/ledger.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

enum { REPORT_SIZE_MAX = 16 << 20 };

struct figure {
  const char* name;
  uint64_t value;
};

static void put_figures(struct gcn__sim_text* text,
                        const struct figure* figures, size_t count) {
  for (size_t i = 0; i < count; i++) {
    gcn__sim_text_put(text, "%s\"%s\":%llu", i == 0 ? "" : ",", figures[i].name,
                      (unsigned long long)figures[i].value);
  }
}

static void put_traffic(struct gcn__sim_text* text,
                        const struct gcn__sim_counters* c) {
  const struct figure figures[] = {
      {"requests", c->requests},
      {"token_calls", c->token_calls},
      {"tokens", c->tokens},
      {"refreshes", c->refreshes},
      {"refresh_reused", c->refresh_reused},
      {"secrets_refused", c->secrets_refused},
      {"rest_calls", c->rest_calls},
      {"rate_limited", c->rate_limited},
      {"accepts", c->accepts},
      {"attempts", c->attempts},
      {"upgrades", c->upgrades},
      {"sockets", c->sockets},
      {"sockets_open", c->sockets_open},
      {"sockets_replaced", c->sockets_replaced},
  };
  put_figures(text, figures, sizeof(figures) / sizeof(figures[0]));
}

static void put_outcome(struct gcn__sim_text* text,
                        const struct gcn__sim_counters* c) {
  const struct figure figures[] = {
      {"channels", c->channels},
      {"channels_live", c->channels_live},
      {"channels_live_max", c->channels_live_max},
      {"channels_expired", c->channels_expired},
      {"channels_evicted", c->channels_evicted},
      {"channels_evicted_open", c->channels_evicted_open},
      {"channels_evicted_foreign", c->channels_evicted_foreign},
      {"subscribes", c->subscribes},
      {"subscriptions_drifted", c->subscriptions_drifted},
      {"events", c->events},
      {"events_sent", c->events_sent},
      {"faults", c->faults},
      {"expects_failed", c->expects_failed},
  };
  put_figures(text, figures, sizeof(figures) / sizeof(figures[0]));
}

static void put_streams(struct gcn__sim_text* text,
                        const struct gcn__sim_counters* c) {
  const struct figure figures[] = {
      {"streams", c->streams},
      {"streams_resumed", c->streams_resumed},
      {"resumes_lost", c->resumes_lost},
      {"streams_expired", c->streams_expired},
      {"streams_slow", c->streams_slow},
      {"batches", c->batches},
      {"batches_empty", c->batches_empty},
      {"events_repeated", c->events_repeated},
      {"preflights", c->preflights},
      {"tickets", c->tickets},
      {"upgrades_blocked", c->upgrades_blocked},
      {"invalid_loops", c->invalid_loops},
      {"pings_too_fast", c->pings_too_fast},
      {"unsent_max", c->unsent_max},
  };
  put_figures(text, figures, sizeof(figures) / sizeof(figures[0]));
}

static void put_endpoint(const struct gcn__sim* sim, struct gcn__sim_text* text,
                         enum gcn__sim_endpoint endpoint) {
  struct gcn__sim_visits visits;
  gcn__sim_visits(sim, endpoint, &visits);
  uint64_t start_ms = sim->options.start_ms;
  bool any = visits.count > 0;
  const struct figure figures[] = {
      {"count", visits.count},
      {"first_ms", any ? visits.first_ms - start_ms : 0},
      {"last_ms", any ? visits.last_ms - start_ms : 0},
      {"gap_min_ms", visits.gap_min_ms},
      {"gap_max_ms", visits.gap_max_ms},
      {"per_s_max", visits.per_s_max},
      {"limited", visits.limited},
      {"early", visits.early},
      {"early_max_ms", visits.early_max_ms},
      {"crowded", visits.crowded},
      {"resumed", visits.resumed},
      {"resume_max_ms", visits.resume_max_ms},
  };
  gcn__sim_text_put(text, "%s\"%s\":{", endpoint == 0 ? "" : ",",
                    gcn__sim_endpoint_word(endpoint));
  put_figures(text, figures, sizeof(figures) / sizeof(figures[0]));
  gcn__sim_text_put(text, "}");
}

static void put_instance(const struct gcn__sim* sim, struct gcn__sim_text* text,
                         size_t index) {
  struct gcn__sim_instance instance;
  gcn__sim_instance(sim, index, &instance);
  const struct figure figures[] = {
      {"requests", instance.requests},
      {"channels", instance.channels},
      {"evictions", instance.evictions},
      {"evicted", instance.evicted},
  };
  gcn__sim_text_put(text, "%s{\"name\":", index == 0 ? "" : ",");
  gcn__sim_text_json(text, gcn__span_str(instance.name));
  gcn__sim_text_put(text, ",");
  put_figures(text, figures, sizeof(figures) / sizeof(figures[0]));
  gcn__sim_text_put(text, "}");
}

static void put_report(const struct gcn__sim* sim, struct gcn__sim_text* text,
                       uint64_t now_ms) {
  const char* failure = gcn__sim_failure(sim);
  gcn__sim_text_put(text, "{\"v\":1,\"at_ms\":%llu,\"counters\":{",
                    (unsigned long long)(now_ms - sim->options.start_ms));
  put_traffic(text, &sim->counters);
  gcn__sim_text_put(text, ",");
  put_outcome(text, &sim->counters);
  gcn__sim_text_put(text, ",");
  put_streams(text, &sim->counters);
  gcn__sim_text_put(text, "},\"endpoints\":{");
  for (unsigned i = 0; i < GCN__SIM_ENDPOINTS; i++) {
    put_endpoint(sim, text, (enum gcn__sim_endpoint)i);
  }
  gcn__sim_text_put(text, "},\"instances\":[");
  for (size_t i = 0; i < gcn__sim_instances(sim); i++) {
    put_instance(sim, text, i);
  }
  gcn__sim_text_put(text, "],\"failure\":");
  if (failure == NULL) gcn__sim_text_put(text, "null");
  if (failure != NULL) gcn__sim_text_json(text, gcn__span_str(failure));
  gcn__sim_text_put(text, "}");
}

int gcn__sim_report(const struct gcn__sim* sim, uint64_t now_ms,
                    struct gcn__buf* out) {
  struct gcn__sim_text text;
  gcn__sim_text_init(&text, sim->mem, REPORT_SIZE_MAX);
  put_report(sim, &text, now_ms);
  int error = text.error;
  if (error == 0) {
    struct gcn__span span = gcn__buf_span(&text.buf);
    error = gcn__buf_append(out, span.data, span.size);
  }
  gcn__sim_text_deinit(&text);
  return error;
}
