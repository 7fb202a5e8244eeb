/* SPDX-License-Identifier: MIT */
/*
 * See metrics-out.h.
 */
#include "client/metrics-out.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

static void put(struct gcn__metrics_out* out, char c) {
  if (out->used + 1 < out->size) out->text[out->used] = c;
  out->used++;
}

void gcn__metrics_put(struct gcn__metrics_out* out, const char* text) {
  while (*text != '\0')
    put(out, *text++);
}

void gcn__metrics_put_number(struct gcn__metrics_out* out, uint64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRIu64, number);
  gcn__metrics_put(out, digits);
}

void gcn__metrics_put_seconds(struct gcn__metrics_out* out, uint64_t ms) {
  char digits[32];
  snprintf(digits, sizeof digits, "%" PRIu64 ".%03u", ms / 1000,
           (unsigned)(ms % 1000));
  gcn__metrics_put(out, digits);
}

void gcn__metrics_put_quoted(struct gcn__metrics_out* out, const char* text) {
  put(out, '"');
  for (; *text != '\0'; text++) {
    char c = *text;
    if (c == '\\' || c == '"' || c == '\n') put(out, '\\');
    if (c == '\n') c = 'n';
    put(out, (unsigned char)c < ' ' || c == '\x7f' ? '?' : c);
  }
  put(out, '"');
}

int gcn__metrics_end(struct gcn__metrics_out* out) {
  if (out->size > 0) {
    size_t end = out->used < out->size ? out->used : out->size - 1;
    out->text[end] = '\0';
  }
  return out->used > INT_MAX ? INT_MAX : (int)out->used;
}
