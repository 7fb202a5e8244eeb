/* SPDX-License-Identifier: MIT */
/*
 * Feeds a fuzz target the files of a directory, once each, in name order.
 *
 * This makes every input that a fuzzer ever found a regression test that runs
 * with any compiler. It prints TAP, one case per file, and knows nothing of
 * the target but its entry point. A crash ends the program before the line of
 * its case, which the test runner reports as a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static int is_visible(const struct dirent* entry) {
  return entry->d_name[0] != '.';
}

/* The whole file in a block of exactly its size, so that a sanitizer sees
 * every read past the end. NULL if it cannot be read. */
static uint8_t* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    return NULL;
  }
  uint8_t* data = NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    const long end = ftell(file);
    rewind(file);
    *size = end < 0 ? 0 : (size_t)end;
    data = end < 0 ? NULL : malloc(*size > 0 ? *size : 1);
  }
  if (data != NULL && fread(data, 1, *size, file) != *size) {
    free(data);
    data = NULL;
  }
  fclose(file);
  return data;
}

static int replay(const char* directory, const char* name, int number) {
  char path[4096];
  const int length = snprintf(path, sizeof(path), "%s/%s", directory, name);
  size_t size = 0;
  uint8_t* data = length > 0 && (size_t)length < sizeof(path)
                      ? read_file(path, &size)
                      : NULL;
  if (data == NULL) {
    printf("not ok %d - %s (cannot be read)\n", number, name);
    return 1;
  }
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  printf("ok %d - %s\n", number, name);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  /* A crash must not swallow the lines before it. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct dirent** entries = NULL;
  const int count = scandir(argv[1], &entries, is_visible, alphasort);
  if (count <= 0) {
    printf("1..1\nnot ok 1 - %s (no corpus)\n", argv[1]);
    return 1;
  }
  printf("1..%d\n", count);
  int failed = 0;
  for (int i = 0; i < count; i++) {
    failed += replay(argv[1], entries[i]->d_name, i + 1);
    free(entries[i]);
  }
  free(entries);
  return failed > 0;
}
