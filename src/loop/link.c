/* SPDX-License-Identifier: MIT */
/*
 * References: one for the owner, one for a look-up under way, one per handle on
 * the loop.  Every path that ends one of these goes through release().
 */
#include "loop/link.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "loop/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#  define MSG_NOSIGNAL 0 /* libuv sets SO_NOSIGPIPE where this is missing */
#endif

enum {
  /* A failed write waits this long for the read side to tell the end. */
  BROKEN_GRACE_MS = 1000,
  TEXT_SIZE = 160,
};

struct gcn__link {
  struct gcn__list entry;
  const struct gcn__mem* mem;
  uv_loop_t* loop;
  const struct gcn__link_listener* listener;
  void* owner; /* NULL: mute */
  void (*gone)(void* keeper);
  void* keeper;
  enum gcn__wire_index wire;
  unsigned reference_count;
  bool referenced;
  bool reading;
  bool waiting;            /* for writability */
  int start_error;         /* to be told at the next wake */
  int write_error;         /* the first one; nothing is written any more */
  uint64_t broken_ms;      /* when write_error is told, if reading tells none */
  struct gcn__attempt* up; /* the connection; NULL while dialling */
  int fd;                  /* of the connection */
  uv_poll_t poll;          /* waits for writability on `poll_fd` */
  int poll_fd;             /* a dup: libuv itself watches `fd`; or -1 */
  struct gcn__resolver resolver;
  struct gcn__dial dial;
};

static void acquire(void* ctx) {
  struct gcn__link* link = ctx;
  link->reference_count++;
}

static void release(void* ctx) {
  struct gcn__link* link = ctx;
  GCN__ASSERT(link->reference_count > 0);
  if (--link->reference_count > 0) return;
  void (*gone)(void* keeper) = link->gone;
  void* keeper = link->keeper;
  gcn__list_remove(&link->entry);
  gcn__free(link->mem, link, sizeof *link);
  gone(keeper);
}

static void on_poll_closed(uv_handle_t* handle) {
  release(handle->data);
}

static void close_poll(struct gcn__link* link) {
  if (link->poll_fd < 0) return;
  uv_close((uv_handle_t*)&link->poll, on_poll_closed);
  /* libuv has stopped polling it by now, see uv_poll_stop's documentation. */
  close(link->poll_fd);
  link->poll_fd = -1;
}

void gcn__link_drop(struct gcn__link* link, bool abort) {
  GCN__ASSERT(link->owner != NULL);
  link->owner = NULL;
  gcn__resolver_drop(&link->resolver);
  close_poll(link);
  if (link->up != NULL) gcn__attempt_close(link->up, abort);
  gcn__dial_drop(&link->dial);
  release(link);
}

/* Drops first, so that the owner may do anything when it hears of it. */
static void end(struct gcn__link* link, int error, enum gcn__layer layer,
                const char* text) {
  void* owner = link->owner;
  const struct gcn__link_listener* listener = link->listener;
  acquire(link);
  gcn__link_drop(link, false);
  listener->ended(owner, link, error, layer, text);
  release(link);
}

static void end_by(struct gcn__link* link, int error, enum gcn__layer layer,
                   const char* what) {
  char reason[TEXT_SIZE / 2];
  char text[TEXT_SIZE];
  uv_strerror_r(error, reason, sizeof reason);
  snprintf(text, sizeof text, "%s: %s", what, reason);
  end(link, error, layer, text);
}

static void on_connected(void* ctx, struct gcn__attempt* winner) {
  struct gcn__link* link = ctx;
  uv_os_fd_t fd;
  int error = uv_fileno((const uv_handle_t*)&winner->tcp, &fd);
  link->up = winner;
  if (error != 0) {
    end_by(link, error, GCN__LAYER_TCP, "connect");
    return;
  }
  link->fd = fd;
  link->listener->linked(link->owner, link);
}

static void on_dial_failed(void* ctx, int error) {
  struct gcn__link* link = ctx;
  end_by(link, error, GCN__LAYER_TCP, "connect");
}

static void on_resolved(void* ctx, int error,
                        const struct gcn__addresses* found) {
  struct gcn__link* link = ctx;
  if (error != 0) {
    end_by(link, error, GCN__LAYER_DNS, "host name look-up");
    return;
  }
  gcn__dial_start(&link->dial, found, gcn__loop_now_ms(link->loop));
  link->listener->hurried(link->owner, link);
}

static void begin(struct gcn__link* link, const char* host, uint64_t now_ms) {
  struct gcn__addresses literal;
  if (gcn__resolver_literal(host, link->resolver.port, &literal)) {
    gcn__dial_start(&link->dial, &literal, now_ms);
    return;
  }
  link->start_error = gcn__resolver_start(&link->resolver, link->loop, host);
  if (link->start_error == 0) acquire(link);
}

int gcn__link_open(const struct gcn__link_options* options, uint64_t now_ms,
                   struct gcn__link** out) {
  struct gcn__link* link = gcn__alloc_zero(options->mem, sizeof *link);
  if (link == NULL) return GCN__ENOMEM;
  link->mem = options->mem;
  link->loop = options->loop;
  link->listener = options->listener;
  link->owner = options->owner;
  link->gone = options->gone;
  link->keeper = options->keeper;
  link->wire = options->wire;
  link->referenced = options->referenced;
  link->reference_count = 1;
  link->broken_ms = GCN__NEVER;
  link->fd = -1;
  link->poll_fd = -1;
  link->resolver.api = options->resolver;
  link->resolver.port = options->port;
  link->resolver.resolved = on_resolved;
  link->resolver.released = release;
  link->resolver.ctx = link;
  link->dial.loop = options->loop;
  link->dial.referenced = options->referenced;
  link->dial.connected = on_connected;
  link->dial.failed = on_dial_failed;
  link->dial.acquired = acquire;
  link->dial.released = release;
  link->dial.ctx = link;
  gcn__list_append(options->list, &link->entry);
  begin(link, options->host, now_ms);
  *out = link;
  return 0;
}

static struct gcn__link* link_of_stream(const uv_handle_t* handle) {
  const struct gcn__attempt* attempt = handle->data;
  return attempt->dial->ctx;
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct gcn__link* link = link_of_stream(handle);
  (void)size;
  link->listener->lend(link->owner, buf);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct gcn__link* link = link_of_stream((const uv_handle_t*)stream);
  if (size > 0) {
    link->listener->received(link->owner, link,
                             gcn__span(buf->base, (size_t)size));
    return;
  }
  if (size == 0) return; /* libuv's word for "try again" */
  /* After a failed write the kernel may say "end of file" where it means the
   * error that it has already told to the writer. */
  bool told = link->write_error != 0;
  int error = told ? link->write_error : (int)size;
  if (error == UV_EOF) {
    end(link, GCN__EOF, GCN__LAYER_TCP, "the peer closed the connection");
  } else {
    end_by(link, error, GCN__LAYER_TCP, told ? "write" : "read");
  }
}

void gcn__link_read(struct gcn__link* link, bool wanted) {
  if (link->up == NULL || link->reading == wanted) return;
  uv_stream_t* stream = (uv_stream_t*)&link->up->tcp;
  link->reading = wanted;
  if (!wanted) {
    uv_read_stop(stream);
    return;
  }
  /* Fails only on a stream that is closing; ours then has no owner. */
  (void)uv_read_start(stream, on_alloc, on_read);
}

static void on_writable(uv_poll_t* poll, int status, int events) {
  struct gcn__link* link = poll->data;
  (void)status; /* the next send tells the same, better */
  (void)events;
  uv_poll_stop(poll);
  link->waiting = false;
  link->listener->writable(link->owner, link);
}

static int open_poll(struct gcn__link* link) {
  int fd = fcntl(link->fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return uv_translate_sys_error(errno);
  int error = uv_poll_init(link->loop, &link->poll, fd);
  if (error != 0) {
    close(fd);
    return error;
  }
  link->poll_fd = fd;
  link->poll.data = link;
  if (!link->referenced) uv_unref((uv_handle_t*)&link->poll);
  acquire(link);
  return 0;
}

static void await_writability(struct gcn__link* link) {
  int error = link->poll_fd < 0 ? open_poll(link) : 0;
  if (error == 0) error = uv_poll_start(&link->poll, UV_WRITABLE, on_writable);
  link->waiting = error == 0;
  if (error != 0) link->write_error = error;
}

size_t gcn__link_write(struct gcn__link* link, struct gcn__span bytes) {
  if (link->up == NULL || link->write_error != 0 || link->waiting) return 0;
  if (bytes.size == 0) return 0;
  ssize_t size;
  do {
    size = send(link->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size >= 0) return (size_t)size;
  bool full = errno == EAGAIN; /* the same as EWOULDBLOCK where we run */
  if (full) {
    await_writability(link);
  } else {
    link->write_error = uv_translate_sys_error(errno);
  }
  if (link->write_error != 0) {
    link->broken_ms = gcn__time_add(uv_now(link->loop), BROKEN_GRACE_MS);
  }
  return 0;
}

uint64_t gcn__link_deadline(const struct gcn__link* link) {
  if (link->start_error != 0) return 0;
  /* While reading is off, unread bytes may wait in the kernel. */
  if (link->write_error != 0 && link->reading) return link->broken_ms;
  return gcn__dial_deadline(&link->dial);
}

void gcn__link_woken(struct gcn__link* link, uint64_t now_ms) {
  if (now_ms < gcn__link_deadline(link)) return;
  if (link->start_error != 0) {
    end_by(link, link->start_error, GCN__LAYER_DNS, "host name look-up");
  } else if (link->write_error != 0) {
    end_by(link, link->write_error, GCN__LAYER_TCP, "write");
  } else {
    gcn__dial_woken(&link->dial, now_ms);
  }
}

void gcn__link_ref(struct gcn__link* link, bool referenced) {
  link->referenced = referenced;
  gcn__dial_ref(&link->dial, referenced);
  if (link->poll_fd < 0) return;
  if (referenced) {
    uv_ref((uv_handle_t*)&link->poll);
  } else {
    uv_unref((uv_handle_t*)&link->poll);
  }
}

enum gcn__wire_index gcn__link_wire(const struct gcn__link* link) {
  return link->wire;
}

bool gcn__link_connected(const struct gcn__link* link) {
  return link->up != NULL;
}

struct gcn__link* gcn__link_of(struct gcn__list* entry) {
  return GCN__CONTAINER_OF(entry, struct gcn__link, entry);
}

void gcn__link_abandon(struct gcn__link* link) {
  if (link->poll_fd >= 0) close(link->poll_fd);
  for (size_t i = 0; i < link->dial.next; i++) {
    uv_os_fd_t fd;
    struct gcn__attempt* attempt = &link->dial.attempts[i];
    if (!attempt->open) continue;
    if (uv_fileno((const uv_handle_t*)&attempt->tcp, &fd) == 0) close(fd);
  }
  gcn__list_remove(&link->entry);
  gcn__free(link->mem, link, sizeof *link);
}
