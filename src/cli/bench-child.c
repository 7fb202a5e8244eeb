/* SPDX-License-Identifier: MIT */
/*
 * A child process with pipes.
 */
#include "cli/bench-child.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_SIZE_MAX = 1 << 16, PATH_SIZE = 4096, ENV_MAX = 1024 };

void gcn__child_arg(struct gcn__child_args* args, const char* format, ...) {
  if (args->count == GCN__CHILD_ARGS_MAX) abort(); /* a case too long */
  char* text = args->text[args->count];
  va_list list;
  va_start(list, format);
  vsnprintf(text, GCN__CHILD_ARG_SIZE, format, list);
  va_end(list);
  args->argv[args->count++] = text;
  args->argv[args->count] = NULL;
}

static void on_ended(uv_process_t* process, int64_t code, int signal) {
  struct gcn__child* child = process->data;
  child->running = false;
  child->code = signal != 0 ? 128 + signal : (int)code;
  child->ended(child);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct gcn__child* child = handle->data;
  (void)size;
  *buf = uv_buf_init(child->bytes, sizeof child->bytes);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct gcn__child* child = stream->data;
  if (size <= 0) {
    if (size < 0) uv_read_stop(stream);
    return;
  }
  if (gcn__buf_append(&child->lines, buf->base, (size_t)size) != 0) return;
  for (;;) {
    struct gcn__span all = gcn__buf_span(&child->lines);
    const char* end = memchr(all.data, '\n', all.size);
    if (end == NULL) return;
    size_t line_size = (size_t)(end - all.data);
    child->line(child, gcn__span(all.data, line_size));
    gcn__buf_consume(&child->lines, line_size + 1);
  }
}

struct environment {
  char preload[PATH_SIZE];
  char* list[ENV_MAX];
};

/* Ours, with the library in front of all. */
static char** fill(struct environment* out, const char* preload) {
  static const char name[] = "LD_PRELOAD=";
  size_t count = 0;
  snprintf(out->preload, sizeof out->preload, "%s%s", name, preload);
  out->list[count++] = out->preload;
  for (char** at = environ; *at != NULL && count + 1 < ENV_MAX; at++) {
    if (strncmp(*at, name, sizeof name - 1) != 0) out->list[count++] = *at;
  }
  out->list[count] = NULL;
  return out->list;
}

static void open_pipe(struct gcn__child* child, uv_loop_t* loop,
                      uv_pipe_t* pipe) {
  uv_pipe_init(loop, pipe, 0);
  pipe->data = child;
}

int gcn__child_start(struct gcn__child* child, uv_loop_t* loop,
                     struct gcn__child_args* args) {
  char path[PATH_SIZE];
  struct environment environment;
  size_t path_size = sizeof path;
  int error = uv_exepath(path, &path_size);
  if (error != 0) return error;
  gcn__buf_init(&child->lines, &gcn__mem_libc, LINES_SIZE_MAX);
  open_pipe(child, loop, &child->in);
  open_pipe(child, loop, &child->out);
  child->process.data = child;
  child->open = true;
  uv_stdio_container_t stdio[] = {
      {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
       .data.stream = (uv_stream_t*)&child->in},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
       .data.stream = (uv_stream_t*)&child->out},
      {.flags = UV_INHERIT_FD, .data.fd = 2},
  };
  uv_process_options_t options = {
      .file = path,
      .args = args->argv,
      .exit_cb = on_ended,
      .stdio = stdio,
      .stdio_count = 3,
  };
  if (args->preload != NULL) {
    options.env = fill(&environment, args->preload);
  }
  error = uv_spawn(loop, &child->process, &options);
  if (error != 0) return error;
  child->running = true;
  return uv_read_start((uv_stream_t*)&child->out, on_alloc, on_read);
}

void gcn__child_say(struct gcn__child* child, const char* text) {
  char copy[64];
  int size = snprintf(copy, sizeof copy, "%s", text);
  uv_buf_t buf = uv_buf_init(copy, (unsigned)size);
  if (child->running) uv_try_write((uv_stream_t*)&child->in, &buf, 1);
}

static void close_handle(uv_handle_t* handle) {
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void gcn__child_dismiss(struct gcn__child* child) {
  if (child->open) close_handle((uv_handle_t*)&child->in);
}

void gcn__child_kill(struct gcn__child* child, int signal) {
  if (child->running) uv_process_kill(&child->process, signal);
}

void gcn__child_close(struct gcn__child* child) {
  if (!child->open) return;
  child->open = false;
  close_handle((uv_handle_t*)&child->in);
  close_handle((uv_handle_t*)&child->out);
  close_handle((uv_handle_t*)&child->process);
}

void gcn__child_deinit(struct gcn__child* child) {
  gcn__buf_deinit(&child->lines);
}
