/* SPDX-License-Identifier: MIT */
/*
 * Assertions about our own code; never about what a peer or a user says.
 *
 * They are on in every build but release (NDEBUG).  A guest must not abort its
 * host, so release builds do not even evaluate the condition.
 */
#ifndef GCN_BASE_ASSERT_H
#define GCN_BASE_ASSERT_H

#include <assert.h>

#ifdef NDEBUG
#  define GCN__ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#else
#  define GCN__ASSERT(condition) assert(condition)
#endif

#endif
