/* SPDX-License-Identifier: MIT */
/*
 * Drawing, writing down and reading back; what a fault does is in faults.c.
 */
#include "stream-world.h"

#include "base/time.h"

#include <inttypes.h>
#include <string.h>

struct fate_tally fate_tallies[2];
static struct fate_fault pool[FATE_MAX]; /* of the life that is lived */

static const char* const words[FATE_KINDS] = {
#define FATE_WORD(name, word) [FATE_##name] = word,
    FATE_MAP(FATE_WORD)
#undef FATE_WORD
};

const char* fate_word(enum fate_kind kind) {
  return words[kind];
}

static void set(uint64_t bits[FATE_WORDS], size_t index) {
  bits[index / 64] |= UINT64_C(1) << index % 64;
}

static bool has(const uint64_t bits[FATE_WORDS], size_t index) {
  return (bits[index / 64] >> index % 64 & 1) != 0;
}

static struct fate_tally* tally_of(const struct world* world) {
  return &fate_tallies[world->flow != NULL];
}

/* Half of all seeds know most kinds, some know a few only: what is rare has
 * whole lives to itself. */
void fate_birth(struct world* world) {
  static const unsigned known_per_8[] = {8, 7, 6, 4, 2, 1};
  static const unsigned percents[] = {50, 100, 100, 100, 150, 250};
  struct fate* fate = &world->fate;
  gcn__rng_seed(&fate->rng, world->seed * UINT64_C(0xd1342543de82ef95) + 7);
  uint64_t share = known_per_8[fate_below(world, 6)];
  fate->pace = percents[fate_below(world, 6)];
  fate->rate = percents[5 - fate_below(world, 6)];
  for (size_t i = 0; i < FATE_IDS_MAX; i++) {
    if (fate_below(world, 8) < share) set(fate->known, i);
  }
  fate->faults = pool;
  if (fate->script == NULL) return;
  for (size_t i = 0; i < fate->script->count; i++) {
    fate->script->faults[i].spent = false;
  }
}

void fate_death(struct world* world) {
  struct fate* fate = &world->fate;
  struct fate_tally* tally = tally_of(world);
  for (size_t i = 0; i < FATE_IDS_MAX; i++) {
    if (!has(fate->met, i)) continue;
    for (int k = 0; k < FATE_WORDS; k++) {
      tally->pairs[i][k] |= fate->met[k];
    }
  }
  for (int k = 0; k < FATE_WORDS; k++) {
    tally->met[k] |= fate->met[k];
  }
}

uint64_t fate_below(struct world* world, uint64_t bound) {
  return gcn__rng_below(&world->fate.rng, bound);
}

uint64_t fate_between(struct world* world, uint64_t low, uint64_t high) {
  return gcn__rng_between(&world->fate.rng, low, high);
}

bool fate_chance(struct world* world, unsigned per_mille) {
  return fate_below(world, 100000) < (uint64_t)per_mille * world->fate.rate;
}

bool fate_knows(const struct world* world, enum fate_kind kind) {
  return has(world->fate.known, kind);
}

size_t fate_rule(struct world* world, size_t first, size_t count) {
  size_t known = 0;
  for (size_t i = 0; i < count; i++) {
    set(tally_of(world)->known, first + i);
    known += has(world->fate.known, first + i);
  }
  if (known == 0) return count;
  uint64_t at = fate_below(world, known);
  size_t i = 0;
  while (!has(world->fate.known, first + i) || at-- > 0)
    i++;
  return i;
}

uint64_t fate_pause(const struct world* world, uint64_t ms) {
  return ms * 100 / world->fate.pace;
}

/* Writing down. */

static struct fate_fault* next_fault(struct world* world, enum fate_kind kind) {
  struct fate* fate = &world->fate;
  set(tally_of(world)->known, kind);
  if (fate->count == FATE_MAX) return NULL;
  struct fate_fault* fault = &fate->faults[fate->count++];
  *fault = (struct fate_fault){
      .at_ms = world->now_ms,
      .nth = fate->in_callback ? fate->effects : 0,
      .joined = fate->open && !fate->in_callback,
      .kind = kind,
  };
  return fault;
}

static bool perform(struct world* world, struct fate_fault* fault, size_t id) {
  struct fate* fate = &world->fate;
  size_t index = (size_t)(fault - fate->faults);
  bool done = fault_perform(world, fault);
  if (!done) {
    /* Nothing came of it, so nothing was written down behind it. */
    fate->count = index;
    return false;
  }
  if (!fate->in_callback) fate->open = true;
  set(fate->met, id);
  return true;
}

bool fate_do(struct world* world, enum fate_kind kind, uint64_t a, uint64_t b) {
  struct fate_fault* fault = next_fault(world, kind);
  if (fault == NULL) return false;
  fault->a = a;
  fault->b = b;
  return perform(world, fault, kind);
}

bool fate_service(struct world* world, size_t id, const char* rule) {
  struct fate_fault* fault = next_fault(world, FATE_SERVICE);
  if (fault == NULL) return false;
  snprintf(fault->rule, sizeof fault->rule, "%s", rule);
  set(world->fate.met, FATE_SERVICE);
  return perform(world, fault, id);
}

void fate_note(struct world* world, enum fate_kind kind, uint64_t a,
               uint64_t b) {
  struct fate_fault* fault = next_fault(world, kind);
  if (fault == NULL) return;
  fault->a = a;
  fault->b = b;
  fault->nth = 0;
  fault->joined = false;
  set(world->fate.met, kind);
}

size_t fate_begin(struct world* world) {
  world->fate.open = false;
  return world->fate.count;
}

bool fate_acted(const struct world* world, size_t before) {
  return world->fate.count != before;
}

/* Led. */

bool fate_is_led(const struct world* world) {
  return world->fate.script != NULL;
}

static bool is_link(enum fate_kind kind) {
  return kind >= FATE_REFUSED && kind <= FATE_HOLES;
}

static bool is_vault(enum fate_kind kind) {
  return kind >= FATE_MUTE && kind <= FATE_OLD;
}

static bool is_act(const struct fate_fault* fault) {
  return !fault->spent && !is_link(fault->kind) && !is_vault(fault->kind);
}

uint64_t fate_deadline(const struct world* world) {
  const struct fate_script* script = world->fate.script;
  for (size_t i = world->fate.next; i < script->count; i++) {
    const struct fate_fault* fault = &script->faults[i];
    if (is_act(fault) && fault->nth == 0) return fault->at_ms;
  }
  return GCN__NEVER;
}

static struct fate_fault* next_act(struct world* world) {
  struct fate* fate = &world->fate;
  while (fate->next < fate->script->count &&
         !is_act(&fate->script->faults[fate->next]))
    fate->next++;
  for (size_t i = fate->next; i < fate->script->count; i++) {
    struct fate_fault* fault = &fate->script->faults[i];
    if (fault->at_ms > world->now_ms) return NULL;
    if (is_act(fault) && (fault->nth != 0) == fate->in_callback) return fault;
  }
  return NULL;
}

static void lead(struct world* world, struct fate_fault* fault) {
  fault->spent = true;
  (void)fault_perform(world, fault);
}

bool fate_leads(struct world* world) {
  struct fate_fault* fault = next_act(world);
  if (fault == NULL) return false;
  lead(world, fault);
  for (fault = next_act(world); fault != NULL && fault->joined;
       fault = next_act(world)) {
    lead(world, fault);
  }
  return true;
}

void fate_leads_callback(struct world* world) {
  for (;;) {
    struct fate_fault* fault = next_act(world);
    bool late = fault != NULL && fault->at_ms < world->now_ms;
    bool due = fault != NULL && fault->nth <= world->fate.effects;
    if (!late && !due) return;
    lead(world, fault);
  }
}

static struct fate_fault* take(struct world* world, bool links, uint64_t wire,
                               uint64_t at_ms) {
  struct fate_script* script = world->fate.script;
  for (size_t i = 0; i < script->count; i++) {
    struct fate_fault* fault = &script->faults[i];
    if (fault->at_ms > world->now_ms) return NULL;
    if (fault->spent) continue;
    bool fits = links ? is_link(fault->kind) && fault->a == wire
                      : is_vault(fault->kind);
    if (!fits || (at_ms != 0 && fault->at_ms != at_ms)) continue;
    fault->spent = true;
    return fault;
  }
  return NULL;
}

struct fate_fault* fate_link(struct world* world, uint64_t wire,
                             uint64_t at_ms) {
  return take(world, true, wire, at_ms);
}

struct fate_fault* fate_vault(struct world* world) {
  return take(world, false, 0, 0);
}

/* As text. */

void fate_write(const struct fate_fault* fault, char* line, size_t size) {
  int at = snprintf(line, size, "%s %" PRIu64 ".%u %s",
                    fault->joined ? "with" : "at", fault->at_ms, fault->nth,
                    fate_word(fault->kind));
  if (at < 0 || (size_t)at >= size) return;
  if (fault->kind == FATE_SERVICE) {
    snprintf(line + at, size - (size_t)at, " %s", fault->rule);
  } else {
    snprintf(line + at, size - (size_t)at, " %" PRIu64 " %" PRIu64, fault->a,
             fault->b);
  }
}

static bool find_kind(const char* word, enum fate_kind* kind) {
  for (int i = 0; i < FATE_KINDS; i++) {
    if (strcmp(words[i], word) != 0) continue;
    *kind = (enum fate_kind)i;
    return true;
  }
  return false;
}

bool fate_read(const char* line, struct fate_fault* fault) {
  char first[8];
  char word[32];
  int at = 0;
  *fault = (struct fate_fault){0};
  int count = sscanf(line, "%7s %" SCNu64 ".%" SCNu32 " %31s %n", first,
                     &fault->at_ms, &fault->nth, word, &at);
  if (count != 4 || !find_kind(word, &fault->kind)) return false;
  fault->joined = strcmp(first, "with") == 0;
  if (fault->kind != FATE_SERVICE) {
    return sscanf(line + at, "%" SCNu64 " %" SCNu64, &fault->a, &fault->b) == 2;
  }
  snprintf(fault->rule, sizeof fault->rule, "%.*s",
           (int)strcspn(line + at, "\n"), line + at);
  return fault->rule[0] != '\0';
}
