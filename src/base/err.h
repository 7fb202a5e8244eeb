/* SPDX-License-Identifier: MIT */
/*
 * Error numbers for the layers that do not know libuv.
 *
 * On the platforms we support a UV_E* code is the negated errno value, so these
 * are the same numbers under a name of ours; src/loop checks that at compile
 * time.
 */
#ifndef GCN_BASE_ERR_H
#define GCN_BASE_ERR_H

#include "gcnotify/errno.h"

#include <errno.h>

#define GCN__EINVAL        (-EINVAL)
#define GCN__ENOMEM        (-ENOMEM)
#define GCN__ECANCELED     (-ECANCELED)
#define GCN__ETIMEDOUT     (-ETIMEDOUT)
#define GCN__ECONNRESET    (-ECONNRESET)
#define GCN__EPIPE         (-EPIPE)
#define GCN__EEXIST        (-EEXIST)
#define GCN__ENOENT        (-ENOENT)
#define GCN__EOF           (-4095) /* UV_EOF */
/* This machine is short of something. */
#define GCN__EMFILE        (-EMFILE)
#define GCN__ENFILE        (-ENFILE)
#define GCN__ENOBUFS       (-ENOBUFS)
#define GCN__EADDRNOTAVAIL (-EADDRNOTAVAIL)

#endif
