/* SPDX-License-Identifier: MIT */
/*
 * A second process of a test's, whose exit code 0 means that all went well.
 */
#ifndef GCN_TEST_LOOP_CHILD_H
#define GCN_TEST_LOOP_CHILD_H

#include "service.h"

#include <sys/types.h>

/* 0 in the child, which must end with _exit and does not live for ever. */
pid_t child_start(void);
/* The service lives on until the child has ended, well; NULL: there is none. */
void child_await(pid_t child, struct service* service);

#endif
