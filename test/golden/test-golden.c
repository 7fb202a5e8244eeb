/* SPDX-License-Identifier: MIT */
/*
 * Plays every transcript of this directory, with its bytes whole, one by one
 * and in random pieces: the same must happen each time, and it must be what the
 * transcript says.  Nothing that is said or logged may hold a secret.
 *
 * To accept what happens now: test-golden --write, then read the difference.
 */
#include "transcript.h"

#include "check.h"

#include <dirent.h>
#include <stdlib.h>

enum { PATH_SIZE = 4096, NAME_SIZE = 300, COUNT_MAX = 1200 };

struct scenario {
  char directory[PATH_SIZE];
  char name[NAME_SIZE];
  char title[NAME_SIZE + 20];
  enum cut cut;
};

static struct scenario scenarios[COUNT_MAX];
static size_t scenario_count;

/* Tokens, secrets and channel ids of the transcripts begin with these. */
static void assert_no_secret(const char* log) {
  static const char* const secrets[] = {"SECRET-", "TOKEN-", "CHANNEL-"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    if (strstr(log, secrets[i]) != NULL)
      fail_msg("P16: %s in %s", secrets[i], log);
  }
}

static void show_difference(const char* want, const char* got) {
  while (*want != '\0' || *got != '\0') {
    size_t want_size = strcspn(want, "\n");
    size_t got_size = strcspn(got, "\n");
    bool same = want_size == got_size && memcmp(want, got, got_size) == 0;
    if (!same) {
      print_message("# expected: %.*s\n#      got: %.*s\n", (int)want_size,
                    want, (int)got_size, got);
      return;
    }
    want += want_size + (want[want_size] != '\0');
    got += got_size + (got[got_size] != '\0');
  }
}

static void plays_as_written(void** state) {
  const struct scenario* scenario = *state;
  struct player player;
  player_init(&player, scenario->cut);
  char* got = transcript_play(&player, scenario->directory, scenario->name);
  char* want = transcript_read(scenario->directory, scenario->name);
  bool same = strcmp(got, want) == 0;
  if (!same) show_difference(want, got);
  assert_no_secret(player_log(&player));
  player_deinit(&player);
  free(got);
  free(want);
  assert_true(same);
}

static int compare_names(const void* a, const void* b) {
  const struct scenario* x = a;
  const struct scenario* y = b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : (int)x->cut - (int)y->cut;
}

static void add_scenario(const char* directory, const char* name, int cut) {
  static const char* const cuts[] = {"whole", "by bytes", "in pieces"};
  assert_true(scenario_count < COUNT_MAX);
  struct scenario* scenario = &scenarios[scenario_count++];
  snprintf(scenario->directory, PATH_SIZE, "%s", directory);
  snprintf(scenario->name, NAME_SIZE, "%s", name);
  snprintf(scenario->title, sizeof scenario->title, "%s %s", name, cuts[cut]);
  scenario->cut = (enum cut)cut;
}

static void find_scenarios(void) {
  const char* root = getenv("GCN_SOURCE_ROOT");
  char directory[PATH_SIZE];
  snprintf(directory, sizeof directory, "%s/test/golden",
           root == NULL ? "." : root);
  DIR* listing = opendir(directory);
  if (listing == NULL) return;
  for (struct dirent* e = readdir(listing); e != NULL; e = readdir(listing)) {
    char* dot = strrchr(e->d_name, '.');
    if (dot == NULL || strcmp(dot, ".txt") != 0) continue;
    *dot = '\0';
    for (int cut = 0; cut < CUT_COUNT; cut++) {
      add_scenario(directory, e->d_name, cut);
    }
  }
  closedir(listing);
  qsort(scenarios, scenario_count, sizeof scenarios[0], compare_names);
}

/* In the order of names: a transcript plays only those before it. */
static void writes_what_happens(void** state) {
  const struct scenario* scenario = *state;
  if (scenario->cut != CUT_WHOLE) return;
  struct player player;
  player_init(&player, CUT_WHOLE);
  char* got = transcript_play(&player, scenario->directory, scenario->name);
  char path[PATH_SIZE + NAME_SIZE + 8];
  snprintf(path, sizeof path, "%s/%s.txt", scenario->directory, scenario->name);
  FILE* file = fopen(path, "wb");
  assert_non_null(file);
  fputs(got, file);
  fclose(file);
  player_deinit(&player);
  free(got);
}

int main(int argc, char** argv) {
  find_scenarios();
  if (scenario_count == 0) {
    fprintf(stderr, "no transcripts: run from the root of the tree, or set "
                    "GCN_SOURCE_ROOT\n");
    return EXIT_FAILURE;
  }
  bool write = argc == 2 && strcmp(argv[1], "--write") == 0;
  static struct CMUnitTest tests[COUNT_MAX];
  for (size_t i = 0; i < scenario_count; i++) {
    tests[i] = (struct CMUnitTest){
        .name = scenarios[i].title,
        .test_func = write ? writes_what_happens : plays_as_written,
        .initial_state = &scenarios[i],
    };
  }
  return _cmocka_run_group_tests("golden", tests, scenario_count, NULL, NULL);
}
