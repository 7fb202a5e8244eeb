/* SPDX-License-Identifier: MIT */
/*
 * An assertion that fails in the child aborts it, so that it never goes on with
 * the tests of its parent.
 */
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_LIFE_S = 30 };

pid_t child_start(void) {
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child > 0) return child;
  setenv("CMOCKA_TEST_ABORT", "1", 1);
  alarm(CHILD_LIFE_S * harness_slowness());
  return 0;
}

void child_await(pid_t child, struct service* service) {
  int status = 1;
  int options = service == NULL ? 0 : WNOHANG;
  while (waitpid(child, &status, options) == 0)
    service_live(service, 10);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}
