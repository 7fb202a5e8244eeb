/* SPDX-License-Identifier: MIT */
/*
 * What a client may subscribe to: scopes, licences, permissions, and resources
 * that a script has deleted (PROTOCOL §6.1).
 *
 * The pre-flight and the upgrade ask here, so that they agree.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

#include <stdio.h>

bool gcn__sim_is_named(const char* pattern, const char* event,
                       const char* resource) {
  char name[GCN__SIM_INTEREST_SIZE];
  gcn__sim_interest_name(event, resource, name);
  if (gcn__script_match(pattern, gcn__span_str(name))) return true;
  return resource != NULL &&
         gcn__script_match(pattern, gcn__span_str(resource));
}

static struct gcn__sim_lack* lack_at(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_lack, link);
}

int gcn__sim_lack_add(struct gcn__sim* sim, const struct gcn__sim_lack* lack) {
  struct gcn__sim_lack* made = gcn__alloc_zero(sim->mem, sizeof(*made));
  char* pattern = gcn__str_copy(sim->mem, lack->pattern);
  if (made == NULL || pattern == NULL) {
    gcn__free(sim->mem, made, sizeof(*made));
    gcn__str_free(sim->mem, pattern);
    return GCN__ENOMEM;
  }
  *made = *lack;
  made->pattern = pattern;
  gcn__list_append(&sim->streams->lacks, &made->link);
  return 0;
}

void gcn__sim_lack_drop(struct gcn__sim* sim, enum gcn__sim_lack_of of,
                        const char* pattern) {
  struct gcn__list* at = sim->streams->lacks.next;
  while (at != &sim->streams->lacks) {
    struct gcn__sim_lack* lack = lack_at(at);
    at = at->next;
    if (of != GCN__SIM_LACK_ANY && lack->of != of) continue;
    if (pattern != NULL && strcmp(lack->pattern, pattern) != 0) continue;
    gcn__list_remove(&lack->link);
    gcn__str_free(sim->mem, (char*)(uintptr_t)lack->pattern);
    gcn__free(sim->mem, lack, sizeof(*lack));
  }
}

/* True if the list, with commas between, has the word; NULL has all. */
static bool lists(const char* list, const char* word) {
  if (list == NULL || word[0] == '\0') return true;
  struct gcn__span left = gcn__span_str(list);
  for (;;) {
    const char* comma = memchr(left.data, ',', left.size);
    size_t size = comma == NULL ? left.size : (size_t)(comma - left.data);
    if (gcn__span_is(gcn__span(left.data, size), word)) return true;
    if (comma == NULL) return false;
    left = gcn__span_skip(left, size + 1);
  }
}

static const struct gcn__sim_lack* find_scope(const struct gcn__sim* sim,
                                              const char* scope) {
  struct gcn__list* at = sim->streams->lacks.next;
  for (; at != &sim->streams->lacks; at = at->next) {
    const struct gcn__sim_lack* lack = lack_at(at);
    if (lack->of != GCN__SIM_LACK_SCOPE) continue;
    if (gcn__script_match(lack->pattern, gcn__span_str(scope))) return lack;
  }
  return NULL;
}

static const struct gcn__sim_lack*
find_lack(const struct gcn__sim* sim, enum gcn__sim_lack_of of,
          const struct gcn__sim_interest* interest) {
  struct gcn__list* at = sim->streams->lacks.next;
  for (; at != &sim->streams->lacks; at = at->next) {
    const struct gcn__sim_lack* lack = lack_at(at);
    if (lack->of != of) continue;
    if (gcn__sim_is_named(lack->pattern, interest->event, interest->resource) ||
        gcn__script_match(lack->pattern, gcn__span_str(interest->event))) {
      return lack;
    }
  }
  return NULL;
}

static void find(struct gcn__sim_verdict_on* verdict,
                 enum gcn__sim_finding finding, const char* what,
                 const char* which) {
  verdict->finding = finding;
  snprintf(verdict->why, sizeof(verdict->why), "%s%s", what, which);
}

bool gcn__sim_check_scope(struct gcn__sim* sim, const char* scope,
                          struct gcn__sim_verdict_on* verdict) {
  *verdict = (struct gcn__sim_verdict_on){.lack = find_scope(sim, scope)};
  bool granted = lists(sim->options.stream_scopes, scope);
  if (granted && verdict->lack == NULL) return true;
  find(verdict, GCN__SIM_UNSCOPED, "missing scope ", scope);
  return false;
}

static void check_licence(struct gcn__sim* sim,
                          const struct gcn__sim_interest* interest,
                          const char* licence,
                          struct gcn__sim_verdict_on* verdict) {
  verdict->lack = find_lack(sim, GCN__SIM_LACK_LICENCE, interest);
  if (verdict->lack == NULL && lists(sim->options.stream_licences, licence)) {
    return;
  }
  const char* needed = licence[0] == '\0' ? "for " : licence;
  find(verdict, GCN__SIM_UNLICENSED, "missing licence ", needed);
  if (licence[0] != '\0') return;
  find(verdict, GCN__SIM_UNLICENSED, "missing licence for ", interest->event);
}

/* What the script and the options refuse by name. */
static void check_permission(struct gcn__sim* sim,
                             const struct gcn__sim_interest* interest,
                             struct gcn__sim_verdict_on* verdict) {
  char name[GCN__SIM_INTEREST_SIZE];
  unsigned status = 0;
  const char* permission = "";
  gcn__sim_interest_name(interest->event, interest->resource, name);
  struct gcn__span span = gcn__span_str(name);
  if (gcn__sim_fault_rejects(sim, span, &status, &permission)) {
    if (status == 403) {
      find(verdict, GCN__SIM_FORBIDDEN, "missing permission ", permission);
    } else {
      find(verdict, GCN__SIM_UNKNOWN, "unknown subscription ", name);
    }
    return;
  }
  for (size_t i = 0; i < sim->options.forbidden_count; i++) {
    const struct gcn__sim_forbidden* forbidden = &sim->options.forbidden[i];
    if (!gcn__script_match(forbidden->pattern, span)) continue;
    find(verdict, GCN__SIM_FORBIDDEN, "missing permission ",
         forbidden->permission);
    return;
  }
}

void gcn__sim_check_interest(struct gcn__sim* sim,
                             const struct gcn__sim_interest* interest,
                             struct gcn__sim_verdict_on* verdict) {
  const struct gcn__sim_kind* kind = gcn__sim_kind_of(interest->event);
  if (kind == NULL) kind = gcn__sim_kind_other();
  *verdict = (struct gcn__sim_verdict_on){.finding = GCN__SIM_FINE};
  bool known = kind != gcn__sim_kind_other() || sim->options.any_topic;
  if (!known)
    find(verdict, GCN__SIM_UNKNOWN, "unknown event ", interest->event);
  if (verdict->finding == GCN__SIM_FINE && kind->scope[0] != '\0') {
    gcn__sim_check_scope(sim, kind->scope, verdict);
  }
  if (verdict->finding == GCN__SIM_FINE) {
    check_licence(sim, interest, kind->licence, verdict);
  }
  if (verdict->finding == GCN__SIM_FINE) {
    check_permission(sim, interest, verdict);
  }
  if (verdict->finding == GCN__SIM_FINE) {
    verdict->lack = find_lack(sim, GCN__SIM_LACK_RESOURCE, interest);
    if (verdict->lack != NULL) {
      find(verdict, GCN__SIM_GONE,
           "resource not found or insufficient permissions", "");
    }
  }
  verdict->interest = interest;
}

/* A resource that is gone is found out after the 101, so all else is told
 * first. */
void gcn__sim_check_all(struct gcn__sim* sim,
                        const struct gcn__sim_interests* interests,
                        struct gcn__sim_verdict_on* verdict) {
  *verdict = (struct gcn__sim_verdict_on){.finding = GCN__SIM_FINE};
  for (size_t i = 0; i < interests->count; i++) {
    struct gcn__sim_verdict_on one;
    gcn__sim_check_interest(sim, &interests->all[i], &one);
    if (one.finding == GCN__SIM_FINE) continue;
    if (one.finding != GCN__SIM_GONE) {
      *verdict = one;
      return;
    }
    if (verdict->finding == GCN__SIM_FINE) *verdict = one;
  }
}

void gcn__sim_refuse_stream(struct gcn__sim_call* call,
                            const struct gcn__sim_verdict_on* verdict) {
  bool masked = verdict->lack != NULL && verdict->lack->masked;
  if (masked) {
    char text[GCN__SIM_LINE_SIZE + 32];
    snprintf(text, sizeof(text), "403 Forbidden: %s", verdict->why);
    gcn__sim_reply_payload(call, text);
    return;
  }
  switch (verdict->finding) {
  case GCN__SIM_UNSCOPED:
    gcn__sim_reply_listed(call, 403, "missing.scope",
                          "The token lacks a scope.", verdict->why);
    return;
  case GCN__SIM_UNLICENSED:
    gcn__sim_reply_listed(call, 403, "missing.licence",
                          "The organization lacks a licence.", verdict->why);
    return;
  case GCN__SIM_FORBIDDEN:
    gcn__sim_reply_listed(call, 403, "not.authorized",
                          "You are not authorized to perform the requested "
                          "action.",
                          verdict->why);
    return;
  default:
    gcn__sim_reply_listed(call, 400, "bad.request", "Bad Request",
                          verdict->why);
    return;
  }
}

static uint32_t hash_of(const struct gcn__sim_interest* interest) {
  char name[GCN__SIM_INTEREST_SIZE];
  gcn__sim_interest_name(interest->event, interest->resource, name);
  uint32_t hash = 2166136261u;
  for (const char* at = name; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 16777619u;
  }
  return hash == 0 ? 1 : hash;
}

void gcn__sim_count_refusal(struct gcn__sim_call* call,
                            const struct gcn__sim_interest* interest) {
  struct gcn__sim* sim = call->sim;
  struct gcn__sim_streams* streams = sim->streams;
  uint32_t hash = interest == NULL ? 0 : hash_of(interest);
  size_t instance = call->conn->instance;
  bool again = false;
  for (size_t i = 0; i < GCN__SIM_REFUSALS; i++) {
    struct gcn__sim_refusal* refusal = &streams->refusals[i];
    if (refusal->instance != instance || refusal->hash == 0) continue;
    if (refusal->hash == hash) again = true;
    if (interest == NULL) refusal->hash = 0;
  }
  if (interest == NULL) return;
  if (again) {
    sim->counters.invalid_loops++;
    gcn__sim_fault_count(sim, GCN__COUNT_INVALID_LOOP, NULL, call->now_ms);
    return;
  }
  size_t slot = streams->refusal_next++ % GCN__SIM_REFUSALS;
  streams->refusals[slot] = (struct gcn__sim_refusal){instance, hash};
}
