/* SPDX-License-Identifier: MIT */
/*
 * A model of a directory on a disk, behind the calls of the file store, that
 * knows what a power cut may leave of it.
 *
 * What is written to a file waits until the file is synced, and what changes
 * names waits until the directory is.  Of what waits, a power cut keeps any
 * part whatever: each change of a name or not; of each write nothing, its first
 * half, all of it, or only the size, with zeros.
 */
#ifndef GCN_TEST_LOOP_DISK_H
#define GCN_TEST_LOOP_DISK_H

#include "loop/filestore.h"

#include <stdbool.h>
#include <stdint.h>

/* The path that the store under test is given, and what becomes of it. */
#define DISK_PATH "/dir/state"
enum disk_name { DISK_LAST, DISK_BEFORE, DISK_DRAFT, DISK_NAME_COUNT };

enum {
  DISK_FILE_COUNT_MAX = 8,
  DISK_FILE_SIZE_MAX = 1024,
  DISK_WRITE_SIZE_MAX = 200, /* longer ones are short writes */
  DISK_WRITE_COUNT_MAX = 5,
  DISK_CHANGE_COUNT_MAX = 16,
  DISK_NO_FILE = -1,
};

/* An end of a file that is not synced. */
struct disk_write {
  size_t offset;
  size_t size;
};

struct disk_file {
  char bytes[DISK_FILE_SIZE_MAX];
  size_t size;
  struct disk_write writes[DISK_WRITE_COUNT_MAX];
  unsigned write_count;
};

/* A change of names: one gets a file, one loses its own; either may be
 * missing. */
struct disk_change {
  int set;
  int file;
  int clear;
};

/* What is on it. */
struct disk {
  struct disk_file files[DISK_FILE_COUNT_MAX];
  int file_count;
  int names[DISK_NAME_COUNT];  /* as programs see them */
  int synced[DISK_NAME_COUNT]; /* as they surely survive */
  struct disk_change changes[DISK_CHANGE_COUNT_MAX];
  unsigned change_count;
};

enum disk_fault {
  DISK_FINE,
  DISK_REFUSES, /* the call returns an error at once */
  DISK_FAILS,   /* it ends in an error and has done nothing */
  DISK_DOES_AND_FAILS,
};

/* How it behaves, and what has happened. */
struct disk_drive {
  struct disk disk;
  bool lies_of_files; /* a sync of them does nothing */
  bool lies_of_names;
  enum disk_fault fault;
  unsigned fault_at; /* the first call is 1; 0: none */
  unsigned call_count;
  int open_count;
  /* After every call. */
  void (*watch)(void* ctx, const struct disk* disk);
  void* watch_ctx;
};

extern const struct gcn__filestore_api disk_api;

void disk_init(struct disk* disk);
/* The calls go to this drive from now on; NULL: to none, and the loop is left.
 */
void disk_mount(uv_loop_t* loop, struct disk_drive* drive);
/* How many results a power cut may have, and the index-th of them. */
uint64_t disk_cut_count(const struct disk* disk);
void disk_cut(const struct disk* disk, uint64_t index, struct disk* after);

#endif
