/* SPDX-License-Identifier: MIT */
/*
 * The ways to scan against reading byte by byte, over the fuzz targets' corpora
 * (the arguments are their directories) as they are, at every place in a block,
 * and spoilt at random.  The seed is fixed; the fuzzers look further.
 */
#include "json-random.h"
#include "scan-oracle.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { MUTATIONS = 100000, FILES_MAX = 200, FILE_SIZE_MAX = 2048 };

static struct {
  char data[FILE_SIZE_MAX];
  size_t size;
} files[FILES_MAX];
static size_t file_count;

static int is_visible(const struct dirent* entry) {
  return entry->d_name[0] != '.';
}

/* Files that are larger are cut off, which makes them no worse. */
static void load_file(const char* directory, const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE* file = fopen(path, "rb");
  if (file == NULL || file_count == FILES_MAX) abort();
  files[file_count].size =
      fread(files[file_count].data, 1, FILE_SIZE_MAX, file);
  file_count++;
  fclose(file);
}

static void load_directory(const char* directory) {
  struct dirent** entries;
  int count = scandir(directory, &entries, is_visible, alphasort);
  if (count <= 0) abort();
  for (int i = 0; i < count; i++) {
    load_file(directory, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
}

static void check(const struct writer* writer, unsigned kinds) {
  struct gcn__span text = gcn__buf_span(&writer->out);
  const char* found = scan_disagreement(text.data, text.size, kinds);
  if (found == NULL) return;
  fail_msg("%s: %.*s", found, (int)text.size, text.data);
}

static void begin(struct writer* writer, size_t file, size_t lead) {
  gcn__buf_clear(&writer->out);
  for (size_t i = 0; i < lead; i++)
    writer_put(writer, " ");
  assert_int_equal(
      gcn__buf_append(&writer->out, files[file].data, files[file].size), 0);
}

static void open_writer(struct writer* writer, uint64_t seed) {
  gcn__rng_seed(&writer->rng, seed);
  gcn__buf_init(&writer->out, &gcn__mem_libc, 1 << 20);
}

static void test_corpora(void** state) {
  (void)state;
  struct writer writer;
  open_writer(&writer, 0);
  assert_true(file_count > 50);
  for (size_t i = 0; i < file_count; i++) {
    for (size_t lead = 0; lead <= 64; lead++) {
      begin(&writer, i, lead);
      check(&writer, SCAN_ORACLE_ALL);
    }
  }
  gcn__buf_deinit(&writer.out);
}

static void test_mutations(void** state) {
  (void)state;
  struct writer writer;
  open_writer(&writer, 1);
  for (size_t done = 0; done < MUTATIONS;) {
    size_t lead = writer_below(&writer, 3) > 0 ? 0 : writer_below(&writer, 130);
    begin(&writer, writer_below(&writer, file_count), lead);
    for (size_t faults = 1 + writer_below(&writer, 3); faults > 0; faults--) {
      if (gcn__buf_size(&writer.out) == 0) break;
      writer_spoil(&writer);
      check(&writer, 1u << writer_below(&writer, SCAN_ORACLE_KINDS));
      done++;
    }
  }
  gcn__buf_deinit(&writer.out);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++)
    load_directory(argv[i]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_corpora),
      cmocka_unit_test(test_mutations),
  };
  return cmocka_run_group_tests_name("scan-random", tests, NULL, NULL);
}
