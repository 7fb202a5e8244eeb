/* SPDX-License-Identifier: MIT */
/*
 * Sticky text, moments and UUIDs.  No clock and no locale: the calendar is
 * computed here.
 */
#include "sim/text.h"

#include "base/err.h"
#include "codec/json.h"

#include <stdarg.h>
#include <stdio.h>

enum { PIECE_SIZE_MAX = 1024 };

void gcn__sim_text_init(struct gcn__sim_text* text, const struct gcn__mem* mem,
                        size_t size_max) {
  *text = (struct gcn__sim_text){.error = 0};
  gcn__buf_init(&text->buf, mem, size_max);
}

void gcn__sim_text_deinit(struct gcn__sim_text* text) {
  gcn__buf_deinit(&text->buf);
}

void gcn__sim_text_clear(struct gcn__sim_text* text) {
  gcn__buf_clear(&text->buf);
  text->error = 0;
}

void gcn__sim_text_span(struct gcn__sim_text* text, struct gcn__span bytes) {
  if (text->error != 0) return;
  text->error = gcn__buf_append(&text->buf, bytes.data, bytes.size);
}

void gcn__sim_text_put(struct gcn__sim_text* text, const char* format, ...) {
  if (text->error != 0) return;
  char piece[PIECE_SIZE_MAX];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(piece, sizeof(piece), format, args);
  va_end(args);
  if (size < 0 || (size_t)size >= sizeof(piece)) {
    text->error = GCN_ELIMIT;
    return;
  }
  gcn__sim_text_span(text, gcn__span(piece, (size_t)size));
}

void gcn__sim_text_fill(struct gcn__sim_text* text, char c, size_t count) {
  if (text->error != 0 || count == 0) return;
  char* to = gcn__buf_reserve(&text->buf, count);
  if (to == NULL) {
    text->error = GCN__ENOMEM;
    return;
  }
  memset(to, c, count);
  gcn__buf_commit(&text->buf, count);
}

void gcn__sim_text_json(struct gcn__sim_text* text, struct gcn__span string) {
  if (text->error != 0) return;
  text->error = gcn__json_write_string(&text->buf, string);
}

/* Days since 1970 to a date of the Gregorian calendar, by counting in
 * 400-year eras that begin on 1 March, so that the leap day comes last. */
static void date_of(uint64_t days, unsigned* year, unsigned* month,
                    unsigned* day) {
  uint64_t shifted = days + 719468;
  uint64_t era = shifted / 146097;
  uint64_t in_era = shifted % 146097;
  uint64_t year_of_era =
      (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  uint64_t in_year =
      in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  uint64_t march = (5 * in_year + 2) / 153;
  *day = (unsigned)(in_year - (153 * march + 2) / 5 + 1);
  *month = (unsigned)(march < 10 ? march + 3 : march - 9);
  *year = (unsigned)((year_of_era + era * 400 + (*month <= 2)) % 10000);
}

void gcn__sim_iso(uint64_t wall_ms, char out[GCN__SIM_ISO_SIZE]) {
  unsigned year;
  unsigned month;
  unsigned day;
  date_of(wall_ms / 86400000, &year, &month, &day);
  unsigned in_day = (unsigned)(wall_ms % 86400000);
  snprintf(out, GCN__SIM_ISO_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
           year % 10000, month % 100, day % 100, in_day / 3600000 % 100,
           in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
}

void gcn__sim_http_date(uint64_t wall_ms, char out[GCN__SIM_DATE_SIZE]) {
  static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began so */
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  unsigned year;
  unsigned month;
  unsigned day;
  date_of(wall_ms / 86400000, &year, &month, &day);
  unsigned in_day = (unsigned)(wall_ms % 86400000);
  snprintf(out, GCN__SIM_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
           days + wall_ms / 86400000 % 7 * 3, day % 100,
           months + (month - 1) % 12 * 3, year % 10000, in_day / 3600000 % 100,
           in_day / 60000 % 60, in_day / 1000 % 60);
}

void gcn__sim_uuid(struct gcn__rng* rng, char out[GCN__SIM_ID_SIZE]) {
  uint64_t high = gcn__rng_next(rng);
  uint64_t low = gcn__rng_next(rng);
  snprintf(out, GCN__SIM_ID_SIZE, "%08x-%04x-4%03x-%04x-%012llx",
           (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
           (unsigned)(high & 0xfff), (unsigned)(0x8000 | (low >> 48 & 0x3fff)),
           (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

void gcn__sim_uuid_of(uint64_t value, char out[GCN__SIM_ID_SIZE]) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, value);
  gcn__sim_uuid(&rng, out);
}
