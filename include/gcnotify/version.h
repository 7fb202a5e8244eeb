/* SPDX-License-Identifier: MIT */
/*
 * The version of the header a program is compiled with. gcn_version() and
 * gcn_version_string() in <gcnotify.h> tell that of the library it runs with.
 *
 * A change of GCN_VERSION_MAJOR may break source or binary compatibility; a
 * change of GCN_VERSION_MINOR only adds; a change of GCN_VERSION_PATCH does
 * neither. While the major version is 0 the minor version plays its part.
 */
#ifndef GCNOTIFY_VERSION_H
#define GCNOTIFY_VERSION_H

#define GCN_VERSION_MAJOR 0
#define GCN_VERSION_MINOR 1
#define GCN_VERSION_PATCH 0

/* One number that grows with every release: 0xMMmmpp. */
#define GCN_VERSION_HEX                                                    \
  ((GCN_VERSION_MAJOR << 16) | (GCN_VERSION_MINOR << 8) | GCN_VERSION_PATCH)

#define GCN_VERSION_STRING_OF_(x) #x
#define GCN_VERSION_STRING_OF(x)  GCN_VERSION_STRING_OF_(x)

/* "0.1.0" */
#define GCN_VERSION_STRING                                                 \
  GCN_VERSION_STRING_OF(GCN_VERSION_MAJOR)                                 \
  "." GCN_VERSION_STRING_OF(GCN_VERSION_MINOR) "." GCN_VERSION_STRING_OF(  \
      GCN_VERSION_PATCH)

#endif
