/* SPDX-License-Identifier: MIT */
/*
 * Delta debugging over the list of faults, then over the traits of the world.
 *
 * A part is taken for the whole if it breaks a promise of the same number;
 * where the life went on differently this may be another way to break it,
 * which is as good.
 */
#include "shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  LINE_SIZE = 320,
  CLASS_SIZE = 24,
  LIVES_MAX = 2000,
  LONG_LIVES_MAX = 100
};

void shrink_take(struct shrink_case* from, const struct world* world) {
  size_t count = world->fate.count;
  *from = (struct shrink_case){
      .seed = world->seed,
      .plan = world->plan,
      .script = {.trouble = world->trouble, .count = count},
  };
  size_t room = count == 0 ? 1 : count;
  from->script.faults = malloc(room * sizeof *from->script.faults);
  if (from->script.faults == NULL) abort();
  memcpy(from->script.faults, world->fate.faults,
         count * sizeof *from->script.faults);
}

void shrink_free(struct shrink_case* from) {
  free(from->script.faults);
  from->script.faults = NULL;
}

int shrink_live(struct shrink_case* from, struct world* world, FILE* trace) {
  from->plan.script = &from->script;
  return world_run(world, &from->plan, from->seed, trace);
}

void shrink_class(const char* fault, char* word, size_t size) {
  const char* at = strstr(fault, " s: ");
  at = at == NULL ? fault : at + strlen(" s: ");
  snprintf(word, size, "%.*s", (int)strcspn(at, ",: "), at);
}

/* The search. */

struct search {
  struct shrink_case* best;
  struct world* world;
  char class[CLASS_SIZE];
  unsigned lives;
  unsigned lives_max; /* long ones are not lived that often */
};

static bool still_breaks(struct search* search, struct fate_script script) {
  char word[CLASS_SIZE];
  struct shrink_case part = *search->best;
  part.script = script;
  search->lives++;
  if (shrink_live(&part, search->world, NULL) == 0) return false;
  shrink_class(search->world->fault, word, sizeof word);
  return strcmp(word, search->class) == 0;
}

/* Without [from, to): true if these were not needed, and are gone. */
static bool drop(struct search* search, size_t from, size_t to) {
  struct fate_script* best = &search->best->script;
  size_t count = best->count - (to - from);
  struct fate_script part = {.trouble = best->trouble, .count = count};
  part.faults = malloc((count + 1) * sizeof *part.faults);
  if (part.faults == NULL) abort();
  memcpy(part.faults, best->faults, from * sizeof *part.faults);
  memcpy(part.faults + from, best->faults + to,
         (best->count - to) * sizeof *part.faults);
  bool breaks = still_breaks(search, part);
  if (breaks) {
    free(best->faults);
    *best = part;
  } else {
    free(part.faults);
  }
  return breaks;
}

/* One pass with pieces of one size. */
static bool drop_pieces(struct search* search, size_t size) {
  bool any = false;
  for (size_t at = 0; at < search->best->script.count;) {
    size_t left = search->best->script.count - at;
    size_t piece = size < left ? size : left;
    if (search->lives >= search->lives_max) return any;
    if (drop(search, at, at + piece)) {
      any = true;
    } else {
      at += piece;
    }
  }
  return any;
}

static void drop_traits(struct search* search) {
  for (int i = 0; i < WORLD_TROUBLE_COUNT; i++) {
    struct fate_script part = search->best->script;
    if ((part.trouble >> i & 1) == 0) continue;
    part.trouble &= ~(1u << i);
    if (still_breaks(search, part)) search->best->script.trouble = part.trouble;
  }
}

unsigned shrink_reduce(struct shrink_case* from, struct world* world) {
  struct search search = {
      .best = from,
      .world = world,
      .lives_max = from->plan.days > 0 ? LONG_LIVES_MAX : LIVES_MAX,
  };
  shrink_class(world->fault, search.class, sizeof search.class);
  size_t size = from->script.count / 2 + 1;
  for (;;) {
    bool any = drop_pieces(&search, size);
    if (size > 1) {
      size /= 2;
    } else if (!any || search.lives >= search.lives_max) {
      break;
    }
  }
  drop_traits(&search);
  (void)drop_pieces(&search, 1);
  (void)shrink_live(from, world, NULL);
  return search.lives;
}

/* As text. */

static void print_plan(const struct world_plan* plan, FILE* out) {
  fprintf(out, "plan");
  if (plan->calm) fprintf(out, " calm");
  if (plan->drift) fprintf(out, " drift");
  if (plan->resets) fprintf(out, " resets");
  if (plan->manners) fprintf(out, " manners");
  if (plan->stream) fprintf(out, " stream");
  if (plan->expiry) fprintf(out, " expiry");
  if (plan->planted) fprintf(out, " planted");
  if (plan->spare) fprintf(out, " spare");
  fprintf(out, " days=%" PRIu64 "\n", plan->days);
}

void shrink_print(const struct shrink_case* from, FILE* out) {
  char line[LINE_SIZE];
  fprintf(out, "seed %" PRIu64 "\n", from->seed);
  print_plan(&from->plan, out);
  fprintf(out, "traits %x\n", from->script.trouble);
  for (size_t i = 0; i < from->script.count; i++) {
    fate_write(&from->script.faults[i], line, sizeof line);
    fprintf(out, "%s\n", line);
  }
}

static bool read_plan(const char* line, struct world_plan* plan) {
  const char* days = strstr(line, "days=");
  if (strncmp(line, "plan", 4) != 0 || days == NULL) return false;
  *plan = (struct world_plan){
      .calm = strstr(line, " calm") != NULL,
      .drift = strstr(line, " drift") != NULL,
      .resets = strstr(line, " resets") != NULL,
      .manners = strstr(line, " manners") != NULL,
      .stream = strstr(line, " stream") != NULL,
      .expiry = strstr(line, " expiry") != NULL,
      .planted = strstr(line, " planted") != NULL,
      .spare = strstr(line, " spare") != NULL,
      .days = strtoull(days + 5, NULL, 10),
  };
  return true;
}

static bool read_head(struct shrink_case* to, FILE* in) {
  char line[LINE_SIZE];
  if (fgets(line, sizeof line, in) == NULL) return false;
  if (sscanf(line, "seed %" SCNu64, &to->seed) != 1) return false;
  if (fgets(line, sizeof line, in) == NULL) return false;
  if (!read_plan(line, &to->plan)) return false;
  if (fgets(line, sizeof line, in) == NULL) return false;
  return sscanf(line, "traits %x", &to->script.trouble) == 1;
}

bool shrink_read(struct shrink_case* to, FILE* in) {
  char line[LINE_SIZE];
  *to = (struct shrink_case){0};
  if (!read_head(to, in)) return false;
  to->script.faults = malloc(FATE_MAX * sizeof *to->script.faults);
  if (to->script.faults == NULL) abort();
  while (fgets(line, sizeof line, in) != NULL && to->script.count < FATE_MAX) {
    if (line[0] == '\n' || line[0] == '#') continue;
    if (fate_read(line, &to->script.faults[to->script.count++])) continue;
    shrink_free(to);
    return false;
  }
  return true;
}
