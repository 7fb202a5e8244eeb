/* SPDX-License-Identifier: MIT */
/*
 * What is told beside the data: statistics, metrics, the flight record.
 *
 * A file that cannot be written is said once, and tried again.
 */
#include "cli/tail.h"

enum {
  STATS_SIZE_MAX = 8192,
  /* 64 KiB of records in their printed form, and some. */
  RECORD_SIZE_MAX = 16 << 20,
  METRICS_SIZE_MAX = 4 << 20,
};

/* As the library's functions: returns the size of the whole. */
typedef int64_t (*fill_fn)(const gcn_client_t* client, char* text, size_t size);

static int64_t fill_metrics(const gcn_client_t* client, char* text,
                            size_t size) {
  return gcn_client_metrics(client, text, size);
}

static int64_t fill_record(const gcn_client_t* client, char* text,
                           size_t size) {
  return gcn_client_record(client, text, size);
}

/* Room for a NUL is made, too. */
static int gather(const gcn_client_t* client, fill_fn fill,
                  struct gcn__buf* out) {
  int64_t size = fill(client, NULL, 0);
  if (size < 0) return (int)size;
  char* room = gcn__buf_reserve(out, (size_t)size + 1);
  if (room == NULL) return UV_ENOMEM;
  int64_t again = fill(client, room, (size_t)size + 1);
  if (again < 0) return (int)again;
  gcn__buf_commit(out, (size_t)(again < size ? again : size));
  return 0;
}

static void tell(struct gcn__tail* tail, const char* flag, const char* path,
                 int error, bool* told) {
  if (error != 0 && !*told) {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN, "%s %s: %s", flag, path,
                     gcn_strerror(error));
  }
  *told = error != 0;
}

static int write_file(const struct gcn__tail* tail, fill_fn fill,
                      size_t size_max, const char* path) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, size_max);
  int error = gather(tail->client, fill, &text);
  if (error == 0) {
    error = gcn__file_replace(path, gcn__buf_span(&text), GCN__FILE_PUBLIC);
  }
  gcn__buf_deinit(&text);
  return error;
}

void gcn__tail_write_metrics(struct gcn__tail* tail) {
  const char* path = tail->options->metrics_path;
  if (path == NULL || tail->client == NULL) return;
  int error = write_file(tail, fill_metrics, METRICS_SIZE_MAX, path);
  tell(tail, "--metrics", path, error, &tail->told_metrics);
}

void gcn__tail_write_record(struct gcn__tail* tail) {
  const char* path = tail->options->record_path;
  if (path == NULL || tail->client == NULL) return;
  int error = write_file(tail, fill_record, RECORD_SIZE_MAX, path);
  tell(tail, "--record", path, error, &tail->told_record);
}

int gcn__tail_put_stats(const struct gcn__tail* tail, struct gcn__buf* out) {
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(tail->client, &stats);
  return gcn__output_stats(out, gcn__tail_unix_ms(), &stats);
}

void gcn__tail_print_stats(struct gcn__tail* tail) {
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, STATS_SIZE_MAX);
  if (gcn__tail_put_stats(tail, &line) == 0) {
    line.data[line.end - 1] = '\0'; /* in place of the line's end */
    gcn__console_print(&tail->console, line.data + line.begin);
  }
  gcn__buf_deinit(&line);
}
