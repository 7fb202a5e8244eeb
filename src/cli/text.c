/* SPDX-License-Identifier: MIT */
/*
 * See text.h.
 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Splits so that the remainder is never negative, before 1970 too. */
static time_t split_ms(int64_t unix_ms, unsigned* ms) {
  int64_t seconds = unix_ms / 1000;
  int64_t rest = unix_ms % 1000;
  if (rest < 0) {
    rest += 1000;
    seconds -= 1;
  }
  *ms = (unsigned)rest;
  return (time_t)seconds;
}

void gcn__text_time_utc(char out[GCN__TEXT_TIME_SIZE], int64_t unix_ms) {
  unsigned ms;
  time_t seconds = split_ms(unix_ms, &ms);
  struct tm tm;
  if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900 ||
      tm.tm_year < -1900) {
    snprintf(out, GCN__TEXT_TIME_SIZE, "1970-01-01T00:00:00.000Z");
    return;
  }
  size_t size = strftime(out, GCN__TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(out + size, GCN__TEXT_TIME_SIZE - size, ".%03uZ", ms);
}

void gcn__text_time_local(char out[GCN__TEXT_TIME_SIZE], int64_t unix_ms) {
  unsigned ms;
  time_t seconds = split_ms(unix_ms, &ms);
  struct tm tm;
  if (localtime_r(&seconds, &tm) == NULL) {
    snprintf(out, GCN__TEXT_TIME_SIZE, "00:00:00.000");
    return;
  }
  size_t size = strftime(out, GCN__TEXT_TIME_SIZE, "%H:%M:%S", &tm);
  snprintf(out + size, GCN__TEXT_TIME_SIZE - size, ".%03u", ms);
}

void gcn__text_age(char out[GCN__TEXT_AGE_SIZE], uint64_t age_ms) {
  uint64_t seconds = age_ms / 1000;
  uint64_t minutes = seconds / 60;
  uint64_t hours = minutes / 60;
  if (seconds == 0) {
    snprintf(out, GCN__TEXT_AGE_SIZE, "%" PRIu64 " ms", age_ms);
  } else if (minutes == 0) {
    snprintf(out, GCN__TEXT_AGE_SIZE, "%" PRIu64 ".%" PRIu64 " s", seconds,
             age_ms % 1000 / 100);
  } else if (hours == 0) {
    snprintf(out, GCN__TEXT_AGE_SIZE, "%" PRIu64 " min %02" PRIu64 " s",
             minutes, seconds % 60);
  } else if (hours < 1000000) {
    snprintf(out, GCN__TEXT_AGE_SIZE, "%" PRIu64 " h %02" PRIu64 " min", hours,
             minutes % 60);
  } else {
    snprintf(out, GCN__TEXT_AGE_SIZE, "for ever");
  }
}

/* The number at the start of `text`; NULL if there is none or it is too large,
 * else what follows it. */
static const char* parse_digits(const char* text, uint64_t* number) {
  const char* at = text;
  uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) return NULL;
    value = value * 10 + digit;
  }
  *number = value;
  return at == text ? NULL : at;
}

bool gcn__text_number(const char* text, uint64_t* number) {
  const char* end = parse_digits(text, number);
  return end != NULL && *end == '\0';
}

bool gcn__text_duration(const char* text, uint64_t* duration_ms) {
  static const struct {
    const char* unit;
    uint64_t ms;
  } units[] = {{"", 1000},     {"ms", 1},      {"s", 1000},    {"m", 60000},
               {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
  enum { LONGEST_DAYS = 366000 };
  uint64_t number;
  const char* unit = parse_digits(text, &number);
  if (unit == NULL) return false;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strcmp(unit, units[i].unit) != 0) continue;
    if (number > LONGEST_DAYS * UINT64_C(86400000) / units[i].ms) return false;
    *duration_ms = number * units[i].ms;
    return true;
  }
  return false;
}

static bool is_c1(const unsigned char* at, const unsigned char* end) {
  return end - at >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

int gcn__text_clean(struct gcn__buf* out, struct gcn__span text) {
  if (text.size == 0) return 0;
  const unsigned char* at = (const unsigned char*)text.data;
  const unsigned char* end = at + text.size;
  const unsigned char* plain = at;
  int error = 0;
  while (at < end && error == 0) {
    bool c1 = is_c1(at, end);
    if (!c1 && *at >= ' ' && *at != 0x7f) {
      at++;
      continue;
    }
    error = gcn__buf_append(out, plain, (size_t)(at - plain));
    unsigned code = c1 ? at[1] : at[0];
    if (error == 0) error = gcn__buf_printf(out, "\\u%04x", code);
    at += c1 ? 2 : 1;
    plain = at;
  }
  if (error != 0) return error;
  return gcn__buf_append(out, plain, (size_t)(at - plain));
}

/* "streaming-3-k7m2q9x4b8t1c5v0w6z3y8r1n5" (PROTOCOL §2.1): the part behind the
 * number is the secret.  0 if none begins at `at`. */
static size_t secret_at(struct gcn__span text, size_t at) {
  static const char prefix[] = "streaming-";
  struct gcn__span rest = gcn__span_skip(text, at);
  if (!gcn__span_starts(rest, prefix)) return 0;
  size_t end = sizeof prefix - 1;
  while (end < rest.size && rest.data[end] >= '0' && rest.data[end] <= '9')
    end++;
  bool numbered = end < rest.size && rest.data[end] == '-';
  return numbered ? at + end + 1 : 0;
}

static bool is_of_id(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int gcn__text_mask_channels(struct gcn__buf* out, struct gcn__span text) {
  size_t begin = 0; /* what is not appended yet */
  for (size_t i = 0; i < text.size; i++) {
    size_t secret = secret_at(text, i);
    if (secret == 0) continue;
    int error = gcn__buf_append(out, text.data + begin, secret - begin);
    if (error == 0) error = gcn__buf_append_str(out, "***");
    if (error != 0) return error;
    begin = secret;
    while (begin < text.size && is_of_id(text.data[begin]))
      begin++;
    i = begin == 0 ? 0 : begin - 1;
  }
  return gcn__buf_append(out, text.data + begin, text.size - begin);
}

int gcn__text_one_line(struct gcn__buf* out, struct gcn__span text) {
  if (text.size == 0) return 0;
  size_t start = gcn__buf_size(out);
  int error = gcn__buf_append(out, text.data, text.size);
  if (error != 0) return error;
  char* data = out->data + out->begin + start;
  for (size_t i = 0; i < text.size; i++) {
    if (data[i] == '\n' || data[i] == '\r') data[i] = ' ';
  }
  return 0;
}
