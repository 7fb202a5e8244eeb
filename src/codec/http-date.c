/* SPDX-License-Identifier: MIT */
/*
 * HTTP-date and Retry-After (RFC 9110 §5.6.7, §10.2.3).
 *
 * It reads no clock and no locale.  A text is parsed whole or is worth
 * nothing, so that garbage is never taken for a short wait.
 */
#include "codec/http.h"

enum {
  SECONDS_PER_MINUTE = 60,
  SECONDS_PER_HOUR = 3600,
  SECONDS_PER_DAY = 86400,
  MS_PER_SECOND = 1000,
  /* Two-digit years: the range that time_t texts of the 1990s can mean. */
  YEAR_PIVOT = 70,
};

static const int64_t retry_max_s = INT64_C(1) << 31;

static const char* const day_names[] = {
    "Sunday",   "Monday", "Tuesday",  "Wednesday",
    "Thursday", "Friday", "Saturday",
};

static const char* const month_names[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

struct date {
  int year;
  int month; /* from 0 */
  int day;   /* from 1 */
  int hour;
  int minute;
  int second; /* 60 is a leap second */
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The take functions remove what they name from the front, or say no. */
static bool take(struct gcn__span* text, const char* literal) {
  if (!gcn__span_starts(*text, literal)) return false;
  *text = gcn__span_skip(*text, strlen(literal));
  return true;
}

static bool take_number(struct gcn__span* text, size_t digit_count,
                        int* value) {
  if (text->size < digit_count) return false;
  *value = 0;
  for (size_t i = 0; i < digit_count; i++) {
    if (!is_digit(text->data[i])) return false;
    *value = *value * 10 + (text->data[i] - '0');
  }
  *text = gcn__span_skip(*text, digit_count);
  return true;
}

static bool take_month(struct gcn__span* text, int* month) {
  for (int i = 0; i < 12; i++) {
    *month = i;
    if (take(text, month_names[i])) return true;
  }
  return false;
}

/* hour ":" minute ":" second */
static bool take_time(struct gcn__span* text, struct date* date) {
  return take_number(text, 2, &date->hour) && take(text, ":") &&
         take_number(text, 2, &date->minute) && take(text, ":") &&
         take_number(text, 2, &date->second);
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool take_fixdate(struct gcn__span* text, struct date* date) {
  return take_number(text, 2, &date->day) && take(text, " ") &&
         take_month(text, &date->month) && take(text, " ") &&
         take_number(text, 4, &date->year) && take(text, " ") &&
         take_time(text, date) && take(text, " GMT");
}

/* "06-Nov-94 08:49:37 GMT" */
static bool take_rfc850(struct gcn__span* text, struct date* date) {
  int year;
  bool taken = take_number(text, 2, &date->day) && take(text, "-") &&
               take_month(text, &date->month) && take(text, "-") &&
               take_number(text, 2, &year) && take(text, " ") &&
               take_time(text, date) && take(text, " GMT");
  if (!taken) return false;
  date->year = year + (year < YEAR_PIVOT ? 2000 : 1900);
  return true;
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(struct gcn__span* text, struct date* date) {
  if (!take_month(text, &date->month) || !take(text, " ")) return false;
  size_t digit_count = take(text, " ") ? 1 : 2;
  return take_number(text, digit_count, &date->day) && take(text, " ") &&
         take_time(text, date) && take(text, " ") &&
         take_number(text, 4, &date->year);
}

/* What stands between the day's name and the rest tells the form. */
static bool take_date(struct gcn__span* text, struct date* date) {
  for (size_t i = 0; i < sizeof day_names / sizeof day_names[0]; i++) {
    const char* name = day_names[i];
    struct gcn__span rest = *text;
    bool taken = false;
    if (take(&rest, name)) {
      taken = take(&rest, ", ") && take_rfc850(&rest, date);
    } else if (rest.size >= 3 && memcmp(rest.data, name, 3) == 0) {
      rest = gcn__span_skip(rest, 3);
      taken = take(&rest, ", ") ? take_fixdate(&rest, date)
                                : take(&rest, " ") && take_asctime(&rest, date);
    }
    if (!taken) continue;
    *text = rest;
    return true;
  }
  return false;
}

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 1 && is_leap(year) ? 29 : days[month];
}

static bool is_possible(const struct date* date) {
  return date->year >= 1970 && date->day >= 1 &&
         date->day <= days_in_month(date->year, date->month) &&
         date->hour < 24 && date->minute < 60 && date->second <= 60;
}

/* At most 8,030 years, so the loops stay short and nothing overflows. */
static int64_t to_seconds(const struct date* date) {
  int64_t days = date->day - 1;
  for (int year = 1970; year < date->year; year++) {
    days += is_leap(year) ? 366 : 365;
  }
  for (int month = 0; month < date->month; month++) {
    days += days_in_month(date->year, month);
  }
  return days * SECONDS_PER_DAY + date->hour * SECONDS_PER_HOUR +
         date->minute * SECONDS_PER_MINUTE + date->second;
}

int64_t gcn__http_date(struct gcn__span value) {
  struct date date = {0};
  if (!take_date(&value, &date) || value.size > 0) return -1;
  return is_possible(&date) ? to_seconds(&date) : -1;
}

/* Digits only; saturates.  -1 if it is anything else. */
static int64_t parse_seconds(struct gcn__span text) {
  int64_t seconds = 0;
  if (text.size == 0) return -1;
  for (size_t i = 0; i < text.size; i++) {
    if (!is_digit(text.data[i])) return -1;
    seconds = seconds * 10 + (text.data[i] - '0');
    if (seconds > retry_max_s) seconds = retry_max_s;
  }
  return seconds;
}

static int64_t seconds_until(int64_t date_s, int64_t wall_s) {
  if (date_s <= wall_s) return 0;
  if (wall_s < 0 || date_s - wall_s > retry_max_s) return retry_max_s;
  return date_s - wall_s;
}

int64_t gcn__http_retry_after(struct gcn__span value, int64_t wall_s) {
  int64_t seconds = parse_seconds(value);
  if (seconds < 0) {
    int64_t date_s = gcn__http_date(value);
    if (date_s < 0) return -1;
    seconds = seconds_until(date_s, wall_s);
  }
  return seconds * MS_PER_SECOND;
}

static int64_t asked_by(struct gcn__span value, int64_t wall_s) {
  bool number = value.size > 0 && is_digit(value.data[0]);
  if (wall_s < 0 && !number) return -1;
  return gcn__http_retry_after(value, wall_s < 0 ? 0 : wall_s);
}

int64_t gcn__http_asked_ms(const struct gcn__http* http) {
  size_t date_count = 0;
  struct gcn__span date = gcn__http_header(http, "Date", &date_count);
  int64_t wall_s = date_count == 1 ? gcn__http_date(date) : -1;
  int64_t most_ms = -1;
  for (size_t i = 0; i < gcn__http_header_count(http); i++) {
    struct gcn__span name = gcn__http_header_name(http, i);
    if (!gcn__span_iis(name, "Retry-After")) continue;
    int64_t asked_ms = asked_by(gcn__http_header_value(http, i), wall_s);
    if (most_ms < asked_ms) most_ms = asked_ms;
  }
  return most_ms;
}
