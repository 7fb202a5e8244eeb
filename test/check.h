/* SPDX-License-Identifier: MIT */
/*
 * What every test includes: cmocka, with what it wants included before it.
 */
#ifndef GCN_TEST_CHECK_H
#define GCN_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
