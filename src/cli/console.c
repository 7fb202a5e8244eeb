/* SPDX-License-Identifier: MIT */
/*
 * See console.h.
 */
#include "cli/console.h"

#include "cli/text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 2048, LINE_SIZE_MAX = 16 * 1024 };

static void write_all(struct gcn__span text) {
  while (text.size > 0) {
    ssize_t size = write(STDERR_FILENO, text.data, text.size);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return; /* nowhere left to complain */
    text = gcn__span_skip(text, (size_t)size);
  }
}

static bool has_room(void) {
  struct pollfd watch = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&watch, 1, 0) != 0;
}

bool gcn__console_wants(const struct gcn__console* console,
                        enum gcn__console_level level) {
  return level <= console->level;
}

void gcn__console_hide(struct gcn__console* console) {
  if (!console->shown) return;
  console->shown = false;
  write_all(GCN__SPAN("\r\033[K"));
}

void gcn__console_show(struct gcn__console* console) {
  if (!console->rewrites || console->shown) return;
  if (console->status[0] == '\0' || !has_room()) return;
  console->shown = true;
  write_all(gcn__span_str(console->status));
}

void gcn__console_status(struct gcn__console* console, const char* text) {
  unsigned width = gcn__console_width(STDERR_FILENO);
  if (width == 0) width = 80;
  int shown = width < sizeof console->status ? (int)width - 1
                                             : (int)sizeof console->status - 1;
  bool same = strncmp(console->status, text, (size_t)shown) == 0;
  if (same && console->shown) return;
  snprintf(console->status, sizeof console->status, "%.*s", shown, text);
  if (console->rewrites) {
    gcn__console_hide(console);
    gcn__console_show(console);
  } else if (console->format == GCN__LOG_FORMAT_TEXT) {
    gcn__console_print(console, console->status);
  } else {
    gcn__console_say(console, GCN__CONSOLE_NOTE, "%s", console->status);
  }
}

/* A line that is neither cleaned nor named. */
static void print(struct gcn__console* console, struct gcn__span line) {
  bool shown = console->shown;
  gcn__console_hide(console);
  write_all(line);
  if (shown) gcn__console_show(console);
}

void gcn__console_print(struct gcn__console* console, const char* line) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, LINE_SIZE_MAX);
  bool good = gcn__text_clean(&out, gcn__span_str(line)) == 0 &&
              gcn__buf_append(&out, "\n", 1) == 0;
  if (good) print(console, gcn__buf_span(&out));
  gcn__buf_deinit(&out);
}

static const char* label(enum gcn__console_level level) {
  switch (level) {
  case GCN__CONSOLE_ERROR: return "error: ";
  case GCN__CONSOLE_WARN: return "warning: ";
  case GCN__CONSOLE_NOTE:
  case GCN__CONSOLE_INFO:
  case GCN__CONSOLE_DEBUG: break;
  }
  return "";
}

static const char* level_word(enum gcn__console_level level) {
  switch (level) {
  case GCN__CONSOLE_ERROR: return "error";
  case GCN__CONSOLE_WARN: return "warn";
  case GCN__CONSOLE_NOTE:
  case GCN__CONSOLE_INFO: return "info";
  case GCN__CONSOLE_DEBUG: break;
  }
  return "debug";
}

static int64_t unix_ms(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A message for programs. */
static void print_record(struct gcn__console* console,
                         enum gcn__console_level level, const char* text) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, LINE_SIZE_MAX);
  int error = gcn__log_format_line(&out, console->format, unix_ms(),
                                   level_word(level), text);
  if (error == 0) print(console, gcn__buf_span(&out));
  gcn__buf_deinit(&out);
}

/* True if the message may go out. */
static bool admit(struct gcn__console* console, enum gcn__console_level level) {
  if (level == GCN__CONSOLE_ERROR || has_room()) return true;
  console->dropped++;
  return false;
}

static void confess(struct gcn__console* console) {
  if (console->dropped == 0) return;
  char line[128];
  snprintf(line, sizeof line, "%s: %llu messages were dropped here",
           console->name, (unsigned long long)console->dropped);
  console->dropped = 0;
  if (console->format == GCN__LOG_FORMAT_TEXT) {
    gcn__console_print(console, line);
  } else {
    print_record(console, GCN__CONSOLE_WARN, line);
  }
}

void gcn__console_say(struct gcn__console* console,
                      enum gcn__console_level level, const char* format, ...) {
  if (!gcn__console_wants(console, level) || !admit(console, level)) return;
  confess(console);
  char line[MESSAGE_SIZE];
  bool text = console->format == GCN__LOG_FORMAT_TEXT;
  int size = !text ? 0
                   : snprintf(line, sizeof line, "%s: %s", console->name,
                              label(level));
  if (size < 0 || (size_t)size >= sizeof line) return;
  va_list args;
  va_start(args, format);
  vsnprintf(line + size, sizeof line - (size_t)size, format, args);
  va_end(args);
  if (text) {
    gcn__console_print(console, line);
  } else {
    print_record(console, level, line);
  }
}

unsigned gcn__console_width(int fd) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}
