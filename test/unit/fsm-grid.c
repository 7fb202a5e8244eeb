/* SPDX-License-Identifier: MIT */
/*
 * Prints the table and finds its place in the document.
 */
#include "fsm-grid.h"

#include "core/fsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_BEGIN "<!-- grid: begin -->\n"
#define MARK_END   "<!-- grid: end -->\n"

unsigned fsm_grid_armed_by(unsigned verbs) {
  static const struct {
    unsigned verbs;
    enum gcn__timer timer;
  } arms[] = {
      {GCN__VERB_PLAN | GCN__VERB_PLAN_SLOW, GCN__TIMER_RETRY},
      {GCN__VERB_DEBOUNCE | GCN__VERB_SYNC_LATER, GCN__TIMER_SYNC},
      {GCN__VERB_ALIVE, GCN__TIMER_STABLE},
      {GCN__VERB_ALIVE, GCN__TIMER_PROBE},
      {GCN__VERB_ALIVE, GCN__TIMER_SILENCE},
      {GCN__VERB_PING, GCN__TIMER_PING},
  };
  unsigned timers = 0;
  for (size_t i = 0; i < sizeof arms / sizeof arms[0]; i++) {
    if (verbs & arms[i].verbs) timers |= 1u << arms[i].timer;
  }
  return timers;
}

static void print_verbs(FILE* out, unsigned verbs, const char* before) {
  for (int v = 0; v < GCN__VERB_COUNT; v++) {
    if (!(verbs & (1u << v))) continue;
    fprintf(out, "%s%s", before, gcn__verb_name((enum gcn__verb_index)v));
    before = " ";
  }
}

static void print_cell(FILE* out, struct gcn__cell cell) {
  switch ((enum gcn__cell_kind)cell.kind) {
  case GCN__CELL_NEVER: fprintf(out, " |"); return;
  case GCN__CELL_SKIP: fprintf(out, " skip |"); return;
  case GCN__CELL_STAY: print_verbs(out, cell.verbs, " "); break;
  case GCN__CELL_ENTER:
    fprintf(out, " **%s**", gcn__state_name((enum gcn__state)cell.next));
    print_verbs(out, cell.verbs, " ");
    break;
  }
  fprintf(out, " |");
}

/* CLOSED is left out: it takes no input. */
static void print_cells(FILE* out) {
  fprintf(out, "| input |");
  for (int s = 0; s < GCN__STATE_CLOSED; s++) {
    fprintf(out, " %s |", gcn__state_name((enum gcn__state)s));
  }
  fprintf(out, "\n|---|");
  for (int s = 0; s < GCN__STATE_CLOSED; s++)
    fprintf(out, "---|");
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    enum gcn__input input = (enum gcn__input)i;
    fprintf(out, "\n| %s |", gcn__input_name(input));
    for (int s = 0; s < GCN__STATE_CLOSED; s++) {
      print_cell(out, gcn__fsm_cell((enum gcn__state)s, input));
    }
  }
  fprintf(out, "\n");
}

static void print_timer_set(FILE* out, unsigned timers) {
  const char* before = " ";
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    if (!(timers & (1u << t))) continue;
    fprintf(out, "%s%s", before, gcn__timer_name((enum gcn__timer)t));
    before = ", ";
  }
  fprintf(out, " |");
}

static unsigned verbs_staying_in(enum gcn__state state) {
  unsigned verbs = 0;
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    struct gcn__cell cell = gcn__fsm_cell(state, (enum gcn__input)i);
    if (cell.kind == GCN__CELL_STAY) verbs |= cell.verbs;
  }
  return verbs;
}

static void print_timers(FILE* out) {
  fprintf(out, "\n| state | armed on entering | kept if armed | armed by verbs "
               "while in it |\n|---|---|---|---|\n");
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    enum gcn__state state = (enum gcn__state)s;
    struct gcn__timer_row row = gcn__fsm_timers(state);
    fprintf(out, "| %s |", gcn__state_name(state));
    print_timer_set(out, row.fresh);
    print_timer_set(out, row.kept);
    print_timer_set(out, fsm_grid_armed_by(verbs_staying_in(state)));
    fprintf(out, "\n");
  }
}

static void print_inputs(FILE* out) {
  static const char* const origins[] = {"user", "progress", "peer", "timer"};
  fprintf(out, "\n| input | from | meaning |\n|---|---|---|\n");
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    enum gcn__input input = (enum gcn__input)i;
    fprintf(out, "| %s | %s | %s |\n", gcn__input_name(input),
            origins[gcn__input_origin(input)], gcn__input_meaning(input));
  }
}

static void print_edge(FILE* out, enum gcn__state from, enum gcn__state to) {
  const char* before = " : ";
  bool any = false;
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    enum gcn__input input = (enum gcn__input)i;
    struct gcn__cell cell = gcn__fsm_cell(from, input);
    if (cell.kind != GCN__CELL_ENTER || cell.next != to) continue;
    if (!any) {
      fprintf(out, "  %s --> %s", gcn__state_name(from), gcn__state_name(to));
    }
    any = true;
    fprintf(out, "%s%s", before, gcn__input_name(input));
    before = ", ";
  }
  if (any) fprintf(out, "\n");
}

static void print_diagram(FILE* out) {
  fprintf(out, "\n```mermaid\nstateDiagram-v2\n  [*] --> IDLE\n");
  for (int from = 0; from < GCN__STATE_COUNT; from++) {
    for (int to = 0; to < GCN__STATE_COUNT; to++) {
      print_edge(out, (enum gcn__state)from, (enum gcn__state)to);
    }
  }
  fprintf(out, "  CLOSED --> [*]\n```\n");
}

char* fsm_grid_print(void) {
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  if (out == NULL) return NULL;
  print_cells(out);
  print_timers(out);
  print_inputs(out);
  print_diagram(out);
  fclose(out);
  return text;
}

static char* read_file(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  int c = getc(file);
  while (c != EOF) {
    putc(c, out);
    c = getc(file);
  }
  fclose(out);
  fclose(file);
  return text;
}

/* Sets both ends of what stands between the markers. */
static bool find_marks(char* text, char** begin, char** end) {
  char* mark = strstr(text, MARK_BEGIN);
  if (mark == NULL) return false;
  *begin = mark + strlen(MARK_BEGIN);
  *end = strstr(*begin, MARK_END);
  return *end != NULL;
}

char* fsm_grid_read(const char* path) {
  char* text = read_file(path);
  char* begin = NULL;
  char* end = NULL;
  if (text == NULL || !find_marks(text, &begin, &end)) {
    free(text);
    return NULL;
  }
  char* grid = strndup(begin, (size_t)(end - begin));
  free(text);
  return grid;
}

int fsm_grid_write(const char* path, const char* grid) {
  char* text = read_file(path);
  char* begin = NULL;
  char* end = NULL;
  if (text == NULL || !find_marks(text, &begin, &end)) {
    free(text);
    return -1;
  }
  FILE* out = fopen(path, "wb");
  if (out != NULL) {
    fwrite(text, 1, (size_t)(begin - text), out);
    fputs(grid, out);
    fputs(end, out);
  }
  free(text);
  return out == NULL || fclose(out) != 0 ? -1 : 0;
}
