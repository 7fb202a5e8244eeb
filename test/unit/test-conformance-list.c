/* SPDX-License-Identifier: MIT */
/*
 * test/proof/rows/C1.txt lists the conformance table, all of it and nothing
 * else.  --write prints what it should be.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>

static void write_list(struct gcn__buf* to) {
  struct conf_table table;
  conf_init(&table);
  gcn__buf_init(to, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_append_str(to, "# What a server may do to a WebSocket client. The "
                          "table is test/unit/conformance-*.c,\n# and this "
                          "list is what test-unit-conformance-list --write "
                          "makes of it.\n");
  for (size_t i = 0; i < table.count; i++) {
    const char* name = table.rows[i].name;
    gcn__buf_printf(to, "%s\n", name);
    gcn__buf_printf(to, "  unit/conformance: %s\n", name);
    gcn__buf_printf(to, "  loop/conformance: %s\n", name);
    gcn__buf_printf(to, "  loop/conformance-tls: %s\n", name);
  }
  conf_deinit(&table);
}

static void read_list(struct gcn__buf* to) {
  char path[4096];
  const char* root = getenv("GCN_SOURCE_ROOT");
  assert_non_null(root);
  snprintf(path, sizeof path, "%s/test/proof/rows/C1.txt", root);
  FILE* file = fopen(path, "r");
  assert_non_null(file);
  gcn__buf_init(to, &gcn__mem_libc, CONF_SIZE_MAX);
  char part[4096];
  for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
    gcn__buf_append(to, part, size);
  fclose(file);
}

static void the_list_is_the_table(void** state) {
  (void)state;
  struct gcn__buf wanted;
  struct gcn__buf got;
  write_list(&wanted);
  read_list(&got);
  if (!gcn__span_equal(gcn__buf_span(&wanted), gcn__buf_span(&got)))
    fail_msg("C1.txt is out of date: write it anew");
  gcn__buf_deinit(&wanted);
  gcn__buf_deinit(&got);
}

static void the_table_is_long_enough(void** state) {
  (void)state;
  struct conf_table table;
  conf_init(&table);
  assert_true(table.count >= CONF_ROWS_MIN);
  conf_deinit(&table);
}

/* Rows of one name would hide each other. */
static void no_two_rows_are_alike(void** state) {
  (void)state;
  struct conf_table table;
  conf_init(&table);
  for (size_t i = 0; i < table.count; i++) {
    size_t id = strcspn(table.rows[i].name, " ");
    for (size_t j = 0; j < i; j++) {
      assert_true(strncmp(table.rows[i].name, table.rows[j].name, id + 1) != 0);
    }
  }
  conf_deinit(&table);
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_list_is_the_table),
      cmocka_unit_test(the_table_is_long_enough),
      cmocka_unit_test(no_two_rows_are_alike),
  };
  bool write = argc > 1 && strcmp(argv[1], "--write") == 0;
  if (!write)
    return cmocka_run_group_tests_name("conformance-list", tests, NULL, NULL);
  struct gcn__buf list;
  write_list(&list);
  fwrite(gcn__buf_span(&list).data, 1, gcn__buf_size(&list), stdout);
  gcn__buf_deinit(&list);
  return 0;
}
