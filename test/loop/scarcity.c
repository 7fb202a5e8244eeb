/* SPDX-License-Identifier: MIT */
/*
 * The calls are caught by the linker: --wrap=NAME for each one of CALLS in the
 * program's link_args (test/loop/meson.build).
 *
 * Caught is what may really fail and what the client may not take for granted;
 * each fails as the system would let it, before it has had any effect.
 */
#include "scarcity.h"

#include "unit/mem-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include <mbedtls/platform.h>

static struct {
  enum scarcity_kind kind;
  size_t fail_at; /* 0: nothing is refused */
  bool on;
  size_t counts[SCARCITY_KINDS];
  const char* refused;
  bool struck;
  struct mem_probe ours;
  long blocks;
} scarcity;

static bool is_refused(enum scarcity_kind kind, const char* what) {
  size_t count = ++scarcity.counts[kind];
  if (scarcity.fail_at == 0 || scarcity.kind != kind) return false;
  bool now = count == scarcity.fail_at;
  bool later = scarcity.on && count > scarcity.fail_at;
  if (now || later) scarcity.refused = what;
  if (now || later) scarcity.struck = true;
  return now || later;
}

void scarcity_begin(enum scarcity_kind kind, size_t n, bool on) {
  for (int i = 0; i < SCARCITY_KINDS; i++)
    scarcity.counts[i] = 0;
  scarcity.kind = kind;
  scarcity.fail_at = n;
  scarcity.on = on;
  scarcity.refused = "nothing";
  scarcity.struck = false;
}

bool scarcity_struck(void) {
  return scarcity.struck;
}

void scarcity_end(void) {
  scarcity.fail_at = 0;
}

size_t scarcity_count(enum scarcity_kind kind) {
  return scarcity.counts[kind];
}

const char* scarcity_refused(void) {
  return scarcity.refused;
}

size_t scarcity_ours(void) {
  return scarcity.ours.live_size;
}

long scarcity_blocks(void) {
  return scarcity.blocks;
}

void* scarcity_resize(void* data, void* ptr, size_t old_size, size_t new_size) {
  (void)data;
  bool asks = new_size > 0;
  if (asks && is_refused(SCARCITY_OURS, "memory of ours")) return NULL;
  return mem_probe_resize(&scarcity.ours, ptr, old_size, new_size);
}

/* --- Mbed TLS ------------------------------------------------------------- */

/*
 * Mbed TLS 3.6 has one leak of its own: where the second of a TLS 1.3
 * transform's two cipher contexts cannot be allocated, the transform is freed
 * without the first (ssl_tls13_keys.c).  That one is the block that came right
 * before the refused one and has its size; nothing else is forgiven.
 */
static struct block {
  void* ptr;
  size_t size;
} newest, suspect;

static void* scarce_calloc(size_t count, size_t size) {
  size_t whole = count * size;
  bool first = scarcity.counts[SCARCITY_TLS] + 1 == scarcity.fail_at;
  if (is_refused(SCARCITY_TLS, "memory of Mbed TLS")) {
    if (first && newest.size == whole) suspect = newest;
    return NULL;
  }
  newest = (struct block){.ptr = calloc(count, size), .size = whole};
  scarcity.blocks += newest.ptr != NULL;
  return newest.ptr;
}

static void scarce_free(void* ptr) {
  if (ptr == newest.ptr) newest = (struct block){.ptr = NULL};
  if (ptr == suspect.ptr) suspect = (struct block){.ptr = NULL};
  scarcity.blocks -= ptr != NULL;
  free(ptr);
}

void scarcity_forgive(long blocks) {
  if (scarcity.blocks == blocks + 1) scarce_free(suspect.ptr);
  suspect = (struct block){.ptr = NULL};
}

void scarcity_init(void) {
  mbedtls_platform_set_calloc_free(scarce_calloc, scarce_free);
}

/* --- calls ---------------------------------------------------------------- */

/* X(name, error, (parameters), (arguments)) */
#define CALLS(X)                                                               \
  X(uv_async_init, UV_EMFILE,                                                  \
    (uv_loop_t * loop, uv_async_t * async, uv_async_cb async_cb),              \
    (loop, async, async_cb))                                                   \
  X(uv_mutex_init, UV_ENOMEM, (uv_mutex_t * mutex), (mutex))                   \
  X(uv_getaddrinfo, UV_ENOMEM,                                                 \
    (uv_loop_t * loop, uv_getaddrinfo_t * request, uv_getaddrinfo_cb done_cb,  \
     const char* node, const char* service, const struct addrinfo* hints),     \
    (loop, request, done_cb, node, service, hints))                            \
  X(uv_tcp_init_ex, UV_EMFILE,                                                 \
    (uv_loop_t * loop, uv_tcp_t * tcp, unsigned flags), (loop, tcp, flags))    \
  X(uv_tcp_connect, UV_EADDRNOTAVAIL,                                          \
    (uv_connect_t * request, uv_tcp_t * tcp, const struct sockaddr* address,   \
     uv_connect_cb connect_cb),                                                \
    (request, tcp, address, connect_cb))                                       \
  X(uv_tcp_nodelay, UV_ENOBUFS, (uv_tcp_t * tcp, int enable), (tcp, enable))   \
  X(uv_tcp_keepalive, UV_ENOBUFS,                                              \
    (uv_tcp_t * tcp, int enable, unsigned delay), (tcp, enable, delay))        \
  X(uv_fileno, UV_EBADF, (const uv_handle_t* handle, uv_os_fd_t* fd),          \
    (handle, fd))                                                              \
  X(uv_poll_init, UV_ENOMEM, (uv_loop_t * loop, uv_poll_t * poll, int fd),     \
    (loop, poll, fd))                                                          \
  X(uv_poll_start, UV_ENOMEM,                                                  \
    (uv_poll_t * poll, int events, uv_poll_cb poll_cb),                        \
    (poll, events, poll_cb))

#define CATCH(name, error, parameters, arguments)                              \
  int __real_##name parameters;                                                \
  int __wrap_##name parameters;                                                \
  int __wrap_##name parameters {                                               \
    if (is_refused(SCARCITY_CALLS, #name)) return error;                       \
    return __real_##name arguments;                                            \
  }
/* The names are the linker's. NOLINTNEXTLINE(bugprone-reserved-identifier) */
CALLS(CATCH)

ssize_t __real_send(int fd, const void* bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, size_t size, int flags) {
  if (is_refused(SCARCITY_CALLS, "send")) {
    errno = ENOBUFS;
    return -1;
  }
  return __real_send(fd, bytes, size, flags);
}

int __real_setsockopt(int fd, int level, int name, const void* value,
                      socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void* value,
                      socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void* value,
                      socklen_t size) {
  if (is_refused(SCARCITY_CALLS, "setsockopt")) {
    errno = ENOBUFS;
    return -1;
  }
  return __real_setsockopt(fd, level, name, value, size);
}

/* The client uses it for duplicates only. */
int __real_fcntl64(int fd, int what, int number);
int __wrap_fcntl64(int fd, int what, int number);
int __wrap_fcntl64(int fd, int what, int number) {
  if (is_refused(SCARCITY_CALLS, "fcntl")) {
    errno = EMFILE;
    return -1;
  }
  return __real_fcntl64(fd, what, number);
}
