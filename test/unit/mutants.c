/* SPDX-License-Identifier: MIT */
/*
 * Test programs that live once per mutant of the state table.
 *
 * Linked into a test with fsm-mutable.c, it takes over before main() if
 * GCN_MUTANTS names a file: for each mutant that the file asks for, a child
 * goes on into main() with that one change; the parent notes how it ended.
 * A child that fails an assertion, crashes or hangs has killed its mutant.
 *
 * One called "none" changes nothing, and has to live.  The others are made from
 * the table itself: of every cell each other next state, each other kind, each
 * verb left out, replaced and added; of every state each timer in another set.
 *
 *   GCN_MUTANTS       one name a line; "*" asks for all, "*N K" for every N-th
 *                     from the K-th on
 *   GCN_MUTANTS_OUT   where "killed NAME" and "lived NAME" are written
 */
#define GCN_FSM_MUTABLE

#include "check.h"
#include "core/fsm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  NAME_SIZE = 96,
  HANG_S = 20,
  WISHES_MAX = 4096,
};

struct mutant {
  char name[NAME_SIZE];
  bool of_timers;
  enum gcn__state state;
  enum gcn__input input;
  struct gcn__cell cell;
  struct gcn__timer_row row;
};

/* What was asked for. */
static struct {
  FILE* out;
  char names[WISHES_MAX][NAME_SIZE];
  unsigned name_count;
  unsigned long stride; /* 0: by name */
  unsigned long offset;
  unsigned long seen;
} wishes;

static bool is_wanted(const char* name) {
  if (wishes.stride > 0) {
    return wishes.seen++ % wishes.stride == wishes.offset;
  }
  for (unsigned i = 0; i < wishes.name_count; i++) {
    if (strcmp(wishes.names[i], name) == 0) return true;
  }
  return false;
}

/* In the child: never returns to the parent's loop. */
static void become(const struct mutant* mutant) {
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
  if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
  if (mutant->of_timers) {
    gcn__fsm_mutate_timers(mutant->state, mutant->row);
  } else {
    gcn__fsm_mutate(mutant->state, mutant->input, mutant->cell);
  }
  /* It compares the table with a print of it: that would kill everything. */
  cmocka_set_skip_filter("document_shows_the_table");
  const struct itimerval limit = {.it_value = {.tv_sec = HANG_S}};
  setitimer(ITIMER_REAL, &limit, NULL);
}

/* True in the child, which goes on. */
static bool try_mutant(const struct mutant* mutant) {
  if (!is_wanted(mutant->name)) return false;
  fflush(wishes.out);
  pid_t child = fork();
  if (child == 0) {
    become(mutant);
    return true;
  }
  int status = 0;
  bool ended = child > 0 && waitpid(child, &status, 0) == child;
  if (!ended) abort();
  bool lived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  fprintf(wishes.out, "%s %s\n", lived ? "lived" : "killed", mutant->name);
  return false;
}

/* --- cells ---------------------------------------------------------------- */

static struct mutant of_cell(enum gcn__state state, enum gcn__input input,
                             const char* how, const char* what) {
  struct mutant mutant = {.state = state, .input = input};
  mutant.cell = gcn__fsm_cell(state, input);
  snprintf(mutant.name, sizeof mutant.name, "%s x %s: %s %s",
           gcn__state_name(state), gcn__input_name(input), how, what);
  return mutant;
}

static bool try_states(enum gcn__state state, enum gcn__input input) {
  struct gcn__cell cell = gcn__fsm_cell(state, input);
  for (int next = 0; next < GCN__STATE_COUNT; next++) {
    bool same = cell.kind == GCN__CELL_ENTER && cell.next == next;
    if (same) continue;
    const char* name = gcn__state_name((enum gcn__state)next);
    struct mutant mutant = of_cell(state, input, "enter", name);
    mutant.cell.kind = GCN__CELL_ENTER;
    mutant.cell.next = (uint8_t)next;
    if (try_mutant(&mutant)) return true;
  }
  return false;
}

static bool try_kinds(enum gcn__state state, enum gcn__input input) {
  static const char* const names[] = {"never", "skip", "stay"};
  struct gcn__cell cell = gcn__fsm_cell(state, input);
  for (unsigned kind = GCN__CELL_NEVER; kind <= GCN__CELL_STAY; kind++) {
    bool bare = kind == GCN__CELL_STAY && cell.verbs == 0;
    if (cell.kind == kind || bare) continue;
    struct mutant mutant = of_cell(state, input, "make it", names[kind]);
    mutant.cell.kind = (uint8_t)kind;
    mutant.cell.next = 0;
    if (kind != GCN__CELL_STAY) mutant.cell.verbs = 0;
    if (try_mutant(&mutant)) return true;
  }
  return false;
}

/* One verb out, one verb in, or one for another. */
static bool try_verb(enum gcn__state state, enum gcn__input input,
                     unsigned index) {
  struct gcn__cell cell = gcn__fsm_cell(state, input);
  const char* name = gcn__verb_name((enum gcn__verb_index)index);
  uint32_t bit = 1u << index;
  bool held = (cell.verbs & bit) != 0;
  struct mutant mutant = of_cell(state, input, held ? "drop" : "add", name);
  mutant.cell.verbs ^= bit;
  bool bare = cell.kind == GCN__CELL_SKIP || cell.kind == GCN__CELL_NEVER;
  if (bare) mutant.cell.kind = GCN__CELL_STAY;
  if (try_mutant(&mutant)) return true;
  if (!held) return false;
  struct mutant other = of_cell(state, input, "replace", name);
  unsigned next = (index + 1) % GCN__VERB_COUNT;
  while (cell.verbs & (1u << next))
    next = (next + 1) % GCN__VERB_COUNT;
  other.cell.verbs = (cell.verbs ^ bit) | 1u << next;
  return try_mutant(&other);
}

static bool try_cell(enum gcn__state state, enum gcn__input input) {
  if (try_states(state, input) || try_kinds(state, input)) return true;
  for (unsigned verb = 0; verb < GCN__VERB_COUNT; verb++) {
    if (try_verb(state, input, verb)) return true;
  }
  return false;
}

/* --- timers --------------------------------------------------------------- */

/* Each timer into each of the three sets that it is not in: started anew, kept,
 * neither. */
static bool try_timer(enum gcn__state state, unsigned timer) {
  static const char* const sets[] = {"neither", "fresh", "kept"};
  struct gcn__timer_row row = gcn__fsm_timers(state);
  unsigned bit = 1u << timer;
  unsigned now = (row.fresh & bit) != 0 ? 1 : (row.kept & bit) != 0 ? 2 : 0;
  for (unsigned set = 0; set < 3; set++) {
    if (set == now) continue;
    struct mutant mutant = {.of_timers = true, .state = state, .row = row};
    mutant.row.fresh = (uint16_t)(row.fresh & ~bit);
    mutant.row.kept = (uint16_t)(row.kept & ~bit);
    if (set == 1) mutant.row.fresh = (uint16_t)(mutant.row.fresh | bit);
    if (set == 2) mutant.row.kept = (uint16_t)(mutant.row.kept | bit);
    snprintf(mutant.name, sizeof mutant.name, "%s: timer %s %s",
             gcn__state_name(state), gcn__timer_name((enum gcn__timer)timer),
             sets[set]);
    if (try_mutant(&mutant)) return true;
  }
  return false;
}

/* The table as it is: a program that kills this one kills everything. */
static bool try_nothing(void) {
  struct mutant mutant = {.name = "none", .of_timers = true};
  mutant.row = gcn__fsm_timers(mutant.state);
  return wishes.stride == 0 && try_mutant(&mutant);
}

static bool try_state(enum gcn__state state) {
  for (int input = 0; input < GCN__INPUT_COUNT; input++) {
    if (try_cell(state, (enum gcn__input)input)) return true;
  }
  for (unsigned timer = 0; timer < GCN__TIMER_COUNT; timer++) {
    if (try_timer(state, timer)) return true;
  }
  return false;
}

/* --- what is asked for ---------------------------------------------------- */

static void take_wish(const char* line) {
  if (line[0] == '*') {
    wishes.stride = 1;
    if (line[1] != '\0') {
      char* end = NULL;
      wishes.stride = strtoul(line + 1, &end, 10);
      wishes.offset = strtoul(end, NULL, 10);
    }
    return;
  }
  if (wishes.name_count == WISHES_MAX) abort();
  snprintf(wishes.names[wishes.name_count++], NAME_SIZE, "%s", line);
}

static void read_wishes(const char* path) {
  char line[NAME_SIZE];
  FILE* in = fopen(path, "r");
  if (in == NULL) abort();
  while (fgets(line, sizeof line, in) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] != '\0') take_wish(line);
  }
  fclose(in);
}

__attribute__((constructor)) static void live_as_mutants(void) {
  const char* in = getenv("GCN_MUTANTS");
  const char* out = getenv("GCN_MUTANTS_OUT");
  if (in == NULL || out == NULL) return;
  read_wishes(in);
  wishes.out = fopen(out, "w");
  if (wishes.out == NULL) abort();
  if (try_nothing()) return;
  for (int state = 0; state < GCN__STATE_COUNT; state++) {
    if (try_state((enum gcn__state)state)) return;
  }
  fclose(wishes.out);
  _exit(0);
}
