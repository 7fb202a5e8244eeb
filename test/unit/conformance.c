/* SPDX-License-Identifier: MIT */
/*
 * Rows of the conformance table: made, named, compared.  What they hold is in
 * conformance-*.c.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>

struct conf_row* conf_last(struct conf_table* table) {
  assert_true(table->count > 0);
  return &table->rows[table->count - 1];
}

void conf_init(struct conf_table* table) {
  *table = (struct conf_table){.number = 0};
  conf_add_frames(table);
  conf_add_fragments(table);
  conf_add_text(table);
  conf_add_closes(table);
  conf_add_limits(table);
  conf_add_upgrades(table);
}

void conf_deinit(struct conf_table* table) {
  for (size_t i = 0; i < table->count; i++) {
    gcn__buf_deinit(&table->rows[i].in);
    gcn__buf_deinit(&table->rows[i].told);
    gcn__buf_deinit(&table->rows[i].handed);
    gcn__buf_deinit(&table->rows[i].pings);
  }
  free(table->rows);
  *table = (struct conf_table){.number = 0};
}

int conf_run(const char* group, const struct conf_table* table,
             CMUnitTestFunction test) {
  struct CMUnitTest* cases = calloc(table->count + 1, sizeof *cases);
  assert_non_null(cases);
  for (size_t i = 0; i < table->count; i++) {
    cases[i] = (struct CMUnitTest){.name = table->rows[i].name,
                                   .test_func = test,
                                   .initial_state = &table->rows[i]};
  }
  int failed = _cmocka_run_group_tests(group, cases, table->count, NULL, NULL);
  free(cases);
  return failed;
}

void conf_group(struct conf_table* table, const char* group) {
  snprintf(table->group, sizeof table->group, "%s", group);
  table->number = 0;
}

void conf_row(struct conf_table* table, const char* format, ...) {
  if (table->count == table->capacity) {
    table->capacity = 2 * table->capacity + 64;
    table->rows = realloc(table->rows, table->capacity * sizeof *table->rows);
    assert_non_null(table->rows);
  }
  struct conf_row* row = &table->rows[table->count++];
  *row = (struct conf_row){.end = CONF_STAYS, .number = table->count};
  gcn__buf_init(&row->in, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&row->told, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&row->handed, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&row->pings, &gcn__mem_libc, CONF_SIZE_MAX);
  int size = snprintf(row->name, sizeof row->name, "C1-%s.%u ", table->group,
                      ++table->number);
  va_list words;
  va_start(words, format);
  int more = vsnprintf(row->name + size, sizeof row->name - (size_t)size,
                       format, words);
  va_end(words);
  assert_true((size_t)(size + more) < sizeof row->name);
}

static void put(struct gcn__buf* to, const void* data, size_t size) {
  if (size > 0) assert_int_equal(gcn__buf_append(to, data, size), 0);
}

void conf_bytes(struct conf_table* table, const void* data, size_t size) {
  put(&conf_last(table)->in, data, size);
}

void conf_put_frame(struct gcn__buf* to, unsigned char first,
                    struct gcn__span payload) {
  unsigned char header[10] = {first};
  size_t extra = payload.size > 0xffff ? 8 : payload.size > 125 ? 2 : 0;
  header[1] = extra == 8 ? 127 : extra == 2 ? 126 : (unsigned char)payload.size;
  for (size_t i = 0; i < extra; i++)
    header[2 + i] = (unsigned char)(payload.size >> 8 * (extra - 1 - i));
  put(to, header, 2 + extra);
  put(to, payload.data, payload.size);
}

void conf_frame(struct conf_table* table, unsigned first, const void* data,
                size_t size) {
  conf_put_frame(&conf_last(table)->in, (unsigned char)first,
                 gcn__span(data, size));
}

void conf_record(struct gcn__buf* to, enum gcn__ws_opcode opcode, unsigned code,
                 bool legal, struct gcn__span payload) {
  const unsigned char head[] = {
      (unsigned char)opcode,
      (unsigned char)(code >> 8),
      (unsigned char)code,
      legal,
      (unsigned char)(payload.size >> 16),
      (unsigned char)(payload.size >> 8),
      (unsigned char)payload.size,
  };
  put(to, head, sizeof head);
  put(to, payload.data, payload.size);
}

void conf_tell(struct conf_table* table, enum gcn__ws_opcode opcode,
               const void* data, size_t size) {
  struct conf_row* row = conf_last(table);
  struct gcn__span payload = gcn__span(data, size);
  conf_record(&row->told, opcode, 0, false, payload);
  if (opcode == GCN__WS_BINARY) {
    row->binary_count++;
  } else if (opcode == GCN__WS_PING) {
    const unsigned char count = (unsigned char)size;
    row->ping_count++;
    put(&row->pings, &count, 1);
    put(&row->pings, data, size);
  } else {
    conf_record(&row->handed, opcode, 0, false, payload);
  }
}

void conf_message(struct conf_table* table, enum gcn__ws_opcode opcode,
                  const void* data, size_t size) {
  conf_frame(table, 0x80u | (unsigned)opcode, data, size);
  conf_tell(table, opcode, data, size);
}

void conf_fails(struct conf_table* table, unsigned code) {
  conf_last(table)->end = CONF_FAILS;
  conf_last(table)->code = code;
}

void conf_partial(struct conf_table* table) {
  conf_last(table)->end = CONF_PARTIAL;
}

void conf_closes(struct conf_table* table, unsigned code, bool legal,
                 struct gcn__span reason, unsigned answer) {
  struct conf_row* row = conf_last(table);
  char payload[GCN__WS_CONTROL_SIZE_MAX] = {(char)(code >> 8), (char)code};
  assert_true(reason.size <= GCN__WS_REASON_SIZE_MAX);
  memcpy(payload + 2, reason.data, reason.size);
  conf_frame(table, 0x88, payload, 2 + reason.size);
  conf_record(&row->told, GCN__WS_CLOSE, code, legal, reason);
  conf_record(&row->handed, GCN__WS_CLOSE, code, legal, reason);
  row->end = CONF_CLOSES;
  row->code = answer;
}

void conf_assert_same(const struct conf_row* row, const char* how,
                      struct gcn__span got, struct gcn__span wanted) {
  if (gcn__span_equal(got, wanted)) return;
  print_error("%s, %s: %zu bytes of records instead of %zu\n", row->name, how,
              got.size, wanted.size);
  size_t same = 0;
  while (same < got.size && same < wanted.size &&
         got.data[same] == wanted.data[same])
    same++;
  fail_msg("%s, %s: they differ at byte %zu", row->name, how, same);
}
