/* SPDX-License-Identifier: MIT */
/*
 * Names and sentences for error codes, ours and libuv's.
 *
 * uv_strerror and uv_err_name allocate, and leak, for codes they do not know;
 * these never do.
 */
#include "base/err.h"
#include "gcnotify.h"

#include <uv.h>

_Static_assert(GCN__EINVAL == UV_EINVAL && GCN__ENOMEM == UV_ENOMEM &&
                   GCN__ECANCELED == UV_ECANCELED &&
                   GCN__ETIMEDOUT == UV_ETIMEDOUT &&
                   GCN__ECONNRESET == UV_ECONNRESET &&
                   GCN__EEXIST == UV_EEXIST && GCN__ENOENT == UV_ENOENT &&
                   GCN__EOF == UV_EOF && GCN__EMFILE == UV_EMFILE &&
                   GCN__ENFILE == UV_ENFILE && GCN__ENOBUFS == UV_ENOBUFS &&
                   GCN__EADDRNOTAVAIL == UV_EADDRNOTAVAIL &&
                   GCN__EPIPE == UV_EPIPE,
               "the lower layers use libuv's numbers");

const char* gcn_err_name(int error) {
  switch (error) {
  case 0: return "OK";
#define OUR_NAME(name, value, text)                                            \
  case GCN_##name: return "GCN_" #name;
    GCN_ERRNO_MAP(OUR_NAME)
#undef OUR_NAME
#define UV_NAME(name, text)                                                    \
  case UV_##name: return #name;
    UV_ERRNO_MAP(UV_NAME)
#undef UV_NAME
  default: return "unknown";
  }
}

const char* gcn_strerror(int error) {
  switch (error) {
  case 0: return "no error";
#define OUR_TEXT(name, value, text)                                            \
  case GCN_##name: return text;
    GCN_ERRNO_MAP(OUR_TEXT)
#undef OUR_TEXT
#define UV_TEXT(name, text)                                                    \
  case UV_##name: return text;
    UV_ERRNO_MAP(UV_TEXT)
#undef UV_TEXT
  default: return "unknown";
  }
}
