/* SPDX-License-Identifier: MIT */
/*
 * Lines for eyes.  Bodies are shortened to the width of the line, or printed
 * whole and indented; whatever the service says is made harmless for the
 * terminal first.
 *
 * A piece of a line is appended by `put`; the first error is kept and ends it.
 */
#include "cli/output-forms.h"

#include <inttypes.h>
#include <stdarg.h>

#include "cli/text.h"

enum { INDENT_MAX = 16, WHOLE_SIZE_MAX = 64 * 1024, CUT_MIN = 20 };

/* SGR parameters. */
#define DIM    "2"
#define BOLD   "1"
#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define CYAN   "36"

struct page {
  const struct gcn__output* output;
  struct gcn__buf* out;
  int error;
};

static void put(struct page* page, const char* text, size_t size) {
  if (page->error == 0) page->error = gcn__buf_append(page->out, text, size);
}

static void put_str(struct page* page, const char* text) {
  put(page, text, strlen(text));
}

static void put_clean(struct page* page, gcn_span_t text) {
  if (page->error != 0) return;
  page->error = gcn__text_clean(page->out, gcn__span(text.data, text.size));
}

static void put_clean_str(struct page* page, const char* text) {
  if (text == NULL) return;
  put_clean(page, (gcn_span_t){text, strlen(text)});
}

static void set_color(struct page* page, const char* color) {
  if (!page->output->colors) return;
  put_str(page, "\033[");
  put_str(page, color);
  put_str(page, "m");
}

static void put_time(struct page* page, int64_t unix_ms) {
  char time[GCN__TEXT_TIME_SIZE];
  gcn__text_time_local(time, unix_ms);
  set_color(page, DIM);
  put_str(page, time);
  set_color(page, "0");
  put_str(page, "  ");
}

static void put_label(struct page* page, const char* color, const char* label) {
  set_color(page, color);
  put_str(page, label);
  set_color(page, "0");
  put_str(page, "  ");
}

static void put_age(struct page* page, uint64_t age_ms) {
  char age[GCN__TEXT_AGE_SIZE];
  gcn__text_age(age, age_ms);
  put_str(page, age);
}

static int finish(struct page* page) {
  put(page, "\n", 1);
  return page->error;
}

/* The size of at most `count` code points of `text`. */
static size_t cut_size(gcn_span_t text, size_t count) {
  size_t size = 0;
  while (size < text.size) {
    bool starts = ((unsigned char)text.data[size] & 0xc0) != 0x80;
    if (starts && count-- == 0) break;
    size++;
  }
  return size;
}

static void put_cut(struct page* page, gcn_span_t text, size_t columns) {
  size_t size = cut_size(text, columns);
  bool cut = size < text.size;
  if (cut) size = cut_size(text, columns - 1);
  /* A line break between tokens comes out as its escape: still one line. */
  put_clean(page, (gcn_span_t){text.data, size});
  if (cut) put_str(page, "…");
}

static void put_break(struct page* page, size_t depth) {
  put(page, "\n", 1);
  size_t indent = depth > INDENT_MAX ? INDENT_MAX : depth;
  for (size_t i = 0; i <= indent; i++)
    put(page, "  ", 2);
}

/* The size of the string token at the start of `text`, with its quotes. */
static size_t string_size(const char* text, size_t size) {
  size_t at = 1;
  while (at < size && text[at] != '"')
    at += text[at] == '\\' ? 2 : 1;
  return at + 1 > size ? size : at + 1;
}

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t skip_space(gcn_span_t text, size_t at) {
  while (at < text.size && is_space(text.data[at]))
    at++;
  return at;
}

static size_t put_string(struct page* page, gcn_span_t text, size_t at) {
  size_t size = string_size(text.data + at, text.size - at);
  size_t next = skip_space(text, at + size);
  bool key = next < text.size && text.data[next] == ':';
  set_color(page, key ? CYAN : GREEN);
  put_clean(page, (gcn_span_t){text.data + at, size});
  set_color(page, "0");
  return at + size;
}

/* A number or a literal. */
static size_t put_scalar(struct page* page, gcn_span_t text, size_t at) {
  size_t size = 1;
  while (at + size < text.size &&
         memchr(",]}: \n\r\t", text.data[at + size], 8) == NULL) {
    size++;
  }
  set_color(page, YELLOW);
  put_clean(page, (gcn_span_t){text.data + at, size});
  set_color(page, "0");
  return at + size;
}

static size_t put_open(struct page* page, gcn_span_t text, size_t at,
                       size_t* depth) {
  char closer = text.data[at] == '{' ? '}' : ']';
  put(page, text.data + at, 1);
  size_t next = skip_space(text, at + 1);
  if (next < text.size && text.data[next] == closer) {
    put(page, &closer, 1);
    return next + 1;
  }
  put_break(page, ++*depth);
  return at + 1;
}

static size_t put_token(struct page* page, gcn_span_t text, size_t at,
                        size_t* depth) {
  switch (text.data[at]) {
  case '{':
  case '[': return put_open(page, text, at, depth);
  case '}':
  case ']':
    if (*depth > 0) --*depth;
    put_break(page, *depth);
    put(page, text.data + at, 1);
    return at + 1;
  case ',':
    put(page, ",", 1);
    put_break(page, *depth);
    return at + 1;
  case ':': put(page, ": ", 2); return at + 1;
  case '"': return put_string(page, text, at);
  default: return put_scalar(page, text, at);
  }
}

static void put_whole(struct page* page, gcn_span_t text) {
  if (text.size > WHOLE_SIZE_MAX) {
    put_cut(page, text, SIZE_MAX);
    return;
  }
  size_t depth = 0;
  put_break(page, depth);
  for (size_t at = skip_space(text, 0); at < text.size && page->error == 0;) {
    at = put_token(page, text, at, &depth);
    at = skip_space(text, at);
  }
}

/* What a stream's event is about and what has happened, "@abc-123 QUEUE_ADD".
 * Returns its size. */
static size_t put_subject(struct page* page, const gcn_event_t* event) {
  if (event->resource_id.size > 0) put(page, "@", 1);
  put_clean(page, event->resource_id);
  if (event->type.size > 0) put(page, " ", 1);
  put_clean(page, event->type);
  return event->resource_id.size + event->type.size + 2;
}

int gcn__output_pretty_event(const struct gcn__output* output,
                             struct gcn__buf* out, const gcn_event_t* event,
                             const char* type) {
  struct page page = {.output = output, .out = out};
  bool notice = strcmp(type, "notice") == 0;
  put_time(&page, event->received_unix_ms);
  if (notice) put_label(&page, YELLOW, "notice");
  set_color(&page, CYAN);
  put_clean(&page, event->topic);
  size_t used = sizeof "00:00:00.000    " + event->topic.size;
  if (output->stream) used += put_subject(&page, event);
  set_color(&page, "0");
  put_str(&page, "  ");
  size_t columns =
      output->width > used + CUT_MIN ? output->width - used : CUT_MIN;
  if (output->whole) {
    put_whole(&page, event->body);
  } else {
    put_cut(&page, event->body, columns);
  }
  return finish(&page);
}

int gcn__output_pretty_heartbeat(const struct gcn__output* output,
                                 struct gcn__buf* out, int64_t unix_ms) {
  struct page page = {.output = output, .out = out};
  put_time(&page, unix_ms);
  set_color(&page, DIM);
  put_str(&page, "heartbeat");
  set_color(&page, "0");
  return finish(&page);
}

static void put_failure(struct page* page, const gcn_transition_t* transition) {
  const gcn_failure_t* failure = transition->failure;
  put_clean_str(page, failure == NULL ? transition->reason : failure->text);
}

static void put_index(struct page* page, unsigned index) {
  if (!page->output->many || page->error != 0) return;
  page->error = gcn__buf_printf(page->out, " [connection %u]", index);
}

static int write_open(struct page* page, const gcn_transition_t* transition,
                      uint64_t outage_ms) {
  put_label(page, BOLD ";" GREEN, "STREAMING");
  if (outage_ms == UINT64_MAX) {
    put_str(page, "topics are confirmed");
  } else {
    put_str(page, "again, after ");
    put_age(page, outage_ms);
    put_str(page, " without a stream");
  }
  if (page->error == 0 && transition->attempt > 1) {
    page->error = gcn__buf_printf(page->out, " (attempt %" PRIu64 ")",
                                  transition->attempt);
  }
  put_index(page, transition->connection_index);
  return finish(page);
}

int gcn__output_pretty_state(const struct gcn__output* output,
                             struct gcn__buf* out, int64_t unix_ms,
                             const gcn_transition_t* transition,
                             uint64_t outage_ms) {
  struct page page = {.output = output, .out = out};
  gcn_state_t to = transition->to;
  bool lost = to == GCN_BACKING_OFF;
  if (to != GCN_STREAMING && to != GCN_REFUSED && !lost && !output->whole) {
    return 0; /* the steps in between are for -v */
  }
  put_time(&page, unix_ms);
  if (to == GCN_STREAMING) return write_open(&page, transition, outage_ms);
  if (to == GCN_REFUSED) {
    put_label(&page, BOLD ";" RED, "REFUSED");
    put_failure(&page, transition);
  } else if (lost) {
    bool was_open = transition->from == GCN_STREAMING;
    put_label(&page, BOLD ";" RED, was_open ? "LOST" : "FAILED");
    put_failure(&page, transition);
    put_str(&page, "; next attempt in ");
    put_age(&page, transition->retry_in);
  } else {
    put_label(&page, DIM, gcn_state_name(to));
    put_clean_str(&page, transition->reason);
  }
  put_index(&page, transition->connection_index);
  return finish(&page);
}

static const char* verdict_color(gcn_verdict_t verdict) {
  switch (verdict) {
  case GCN_TOPIC_PERMITTED: return GREEN;
  case GCN_TOPIC_REJECTED: return RED;
  case GCN_TOPIC_PENDING:
  case GCN_TOPIC_UNKNOWN: break;
  }
  return YELLOW;
}

int gcn__output_pretty_topic(const struct gcn__output* output,
                             struct gcn__buf* out, int64_t unix_ms,
                             const gcn_topic_result_t* result) {
  struct page page = {.output = output, .out = out};
  put_time(&page, unix_ms);
  put_label(&page, verdict_color(result->verdict),
            gcn_verdict_name(result->verdict));
  put_clean(&page, result->topic);
  if (result->reason.size > 0) {
    put_str(&page, ": ");
    put_clean(&page, result->reason);
  }
  if (result->missing_permissions.size > 0) {
    put_str(&page, " (needs ");
    put_clean(&page, result->missing_permissions);
    put_str(&page, ")");
  }
  return finish(&page);
}

/* "1 topic", "3 topics" */
static void put_count(struct page* page, const char* before, uint64_t count,
                      const char* noun) {
  if (page->error != 0) return;
  page->error = gcn__buf_printf(page->out, "%s%" PRIu64 "%s%s", before, count,
                                noun, count == 1 ? "" : "s");
}

static const char* certainty_words(gcn_certainty_t certainty) {
  switch (certainty) {
  case GCN_CERTAINTY_BLIND: return " may be missing (";
  case GCN_CERTAINTY_DROPPED: return " were dropped (";
  case GCN_CERTAINTY_POSSIBLE: break;
  }
  return " are possibly missing (";
}

int gcn__output_pretty_gap(const struct gcn__output* output,
                           struct gcn__buf* out, int64_t unix_ms,
                           const gcn_gap_t* gap) {
  struct page page = {.output = output, .out = out};
  char from[GCN__TEXT_TIME_SIZE];
  char to[GCN__TEXT_TIME_SIZE];
  gcn__text_time_local(from, gap->from_unix_ms);
  gcn__text_time_local(to, gap->to_unix_ms);
  put_time(&page, unix_ms);
  put_label(&page, BOLD ";" YELLOW, "GAP");
  put_str(&page, "events between ");
  put_str(&page, from);
  put_str(&page, " and ");
  put_str(&page, to);
  put_str(&page, certainty_words(gap->certainty));
  put_age(&page, gcn__output_gap_ms(gap));
  put_count(&page, ", ", gap->topic_count, " topic");
  put_str(&page, "): ");
  put_clean_str(&page, gap->cause);
  put_index(&page, gap->connection_index);
  return finish(&page);
}

int gcn__output_pretty_rotation(const struct gcn__output* output,
                                struct gcn__buf* out, int64_t unix_ms,
                                const gcn_rotation_t* rotation) {
  struct page page = {.output = output, .out = out};
  bool proven = rotation->proven != 0;
  put_time(&page, unix_ms);
  put_label(&page, proven ? BOLD ";" GREEN : BOLD ";" YELLOW, "ROTATED");
  put_clean_str(&page, rotation->cause);
  put_str(&page, proven ? ", nothing missed, " : ", not proven: see the gap, ");
  put_count(&page, "", rotation->duplicates, " duplicate");
  put_str(&page, " dropped, overlap ");
  put_age(&page, rotation->overlap);
  put_index(&page, rotation->connection_index);
  return finish(&page);
}

int gcn__output_pretty_checkpoint(const struct gcn__output* output,
                                  struct gcn__buf* out, int64_t unix_ms,
                                  const gcn_failure_t* failure) {
  struct page page = {.output = output, .out = out};
  put_time(&page, unix_ms);
  put_label(&page, BOLD ";" RED, "CHECKPOINT");
  put_clean_str(&page, failure->text);
  return finish(&page);
}
