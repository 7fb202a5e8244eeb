/* SPDX-License-Identifier: MIT */
/*
 * References: one for the owner, one for a look-up of its own under way, one
 * per handle on the loop.  Every path that ends one of these goes through
 * release().
 */
#include "loop/link.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "loop/approach.h"
#include "loop/system.h"

#include <fcntl.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#  define MSG_NOSIGNAL 0 /* libuv sets SO_NOSIGPIPE where this is missing */
#endif

enum {
  /* A failed write waits this long for the read side to tell the end. */
  BROKEN_GRACE_MS = 1000,
  TEXT_SIZE = 160,
};

/* What reading and writing look at comes first, in one line of the cache. */
struct gcn__link {
  const struct gcn__link_listener* listener;
  void* owner;                    /* NULL: mute */
  struct gcn__attempt* up;        /* the connection; NULL while dialling */
  struct gcn__approach* approach; /* NULL: `up` is made for good */
  int fd;                         /* of the connection */
  int write_error; /* the first one; nothing is written any more */
  enum gcn__wire_index wire;
  bool referenced;
  bool reading;
  bool waiting; /* for writability */

  struct gcn__list entry;
  const struct gcn__mem* mem;
  uv_loop_t* loop;
  void (*gone)(void* keeper);
  void* keeper;
  unsigned reference_count;
  uint64_t broken_ms; /* when write_error is told, if reading tells none */
  int poll_fd;        /* a dup: libuv itself watches `fd`; or -1 */
  uv_poll_t poll;     /* waits for writability on `poll_fd` */
};

static void acquire(void* ctx) {
  struct gcn__link* link = ctx;
  link->reference_count++;
}

static void free_approach(struct gcn__link* link) {
  gcn__free(link->mem, link->approach, sizeof *link->approach);
  link->approach = NULL;
}

static void release(void* ctx);

static void on_up_released(void* ctx) {
  struct gcn__link* link = ctx;
  link->up = NULL;
  release(link);
}

/* What it took to make a connection is several times what it needs. */
static void shed_approach(struct gcn__link* link) {
  struct gcn__approach* approach = link->approach;
  if (approach == NULL || link->owner == NULL || link->up == NULL) return;
  if (!gcn__approach_is_done(approach, link->up)) return;
  gcn__approach_part(approach, link->up, on_up_released);
  free_approach(link);
}

static void release(void* ctx) {
  struct gcn__link* link = ctx;
  GCN__ASSERT(link->reference_count > 0);
  if (--link->reference_count > 0) {
    shed_approach(link);
    return;
  }
  void (*gone)(void* keeper) = link->gone;
  void* keeper = link->keeper;
  gcn__list_remove(&link->entry);
  free_approach(link);
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
  close_poll(link);
  if (link->up != NULL) gcn__attempt_close(link->up, abort);
  if (link->approach != NULL) gcn__approach_drop(link->approach);
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

static void end_by(struct gcn__link* link, int error, const char* what) {
  char text[TEXT_SIZE];
  gcn__system_explain(what, error, text, sizeof text);
  end(link, error, GCN__LAYER_TCP, text);
}

static void on_connected(void* ctx, struct gcn__attempt* winner) {
  struct gcn__link* link = ctx;
  uv_os_fd_t fd;
  int error = uv_fileno(&winner->handle, &fd);
  link->up = winner;
  winner->owner = link;
  if (error != 0) {
    end_by(link, error, "connect");
    return;
  }
  link->fd = fd;
  link->listener->linked(link->owner, link);
}

static void on_failed(void* ctx, int error, enum gcn__layer layer,
                      const char* text) {
  end(ctx, error, layer, text);
}

static void on_hurried(void* ctx) {
  struct gcn__link* link = ctx;
  link->listener->hurried(link->owner, link);
}

static void set_up_approach(struct gcn__link* link,
                            const struct gcn__link_options* options) {
  struct gcn__approach* approach = link->approach;
  approach->mem = options->mem;
  approach->loop = options->loop;
  approach->api = options->resolver;
  approach->hosts = options->hosts;
  approach->permits = options->permits;
  approach->permit.patient = options->patient;
  approach->connector = options->connector;
  approach->dns_ms = options->dns_ms;
  approach->connect_ms = options->connect_ms;
  approach->port = options->port;
  approach->connected = on_connected;
  approach->failed = on_failed;
  approach->hurried = on_hurried;
  approach->acquired = acquire;
  approach->released = release;
  approach->ctx = link;
  approach->dial.referenced = options->referenced;
  approach->dial.socket =
      options->socket == NULL ? gcn__socket_defaults : *options->socket;
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
  link->approach = gcn__alloc_zero(options->mem, sizeof *link->approach);
  int error = GCN__ENOMEM;
  if (link->approach != NULL) {
    set_up_approach(link, options);
    error = gcn__approach_begin(link->approach, options->host, now_ms);
  }
  if (error != 0) {
    free_approach(link);
    gcn__free(options->mem, link, sizeof *link);
    return error;
  }
  gcn__list_append(options->list, &link->entry);
  *out = link;
  return 0;
}

static struct gcn__link* link_of_stream(const uv_handle_t* handle) {
  const struct gcn__attempt* attempt = handle->data;
  return attempt->owner;
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct gcn__link* link = link_of_stream(handle);
  (void)size;
  link->listener->lend(link->owner, buf);
}

/* What a read gave: bytes, or a negative code. */
static void take(struct gcn__link* link, ssize_t size, const char* bytes) {
  if (size > 0) {
    link->listener->received(link->owner, link, gcn__span(bytes, (size_t)size));
    return;
  }
  /* After a failed write the kernel may say "end of file" where it means the
   * error that it has already told to the writer. */
  bool told = link->write_error != 0;
  int error = told ? link->write_error : (int)size;
  if (error == UV_EOF) {
    end(link, GCN__EOF, GCN__LAYER_TCP, "the peer closed the connection");
  } else {
    end_by(link, error, told ? "write" : "read");
  }
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct gcn__link* link = link_of_stream((const uv_handle_t*)stream);
  if (size == 0) return; /* libuv's word for "try again" */
  if (size == UV_ENOBUFS && buf->len == 0) {
    link->listener->unread(link->owner, link);
    return;
  }
  take(link, size, buf->base);
}

bool gcn__link_pull(struct gcn__link* link) {
  uv_buf_t buf = uv_buf_init(NULL, 0);
  if (link->up == NULL) return false;
  link->listener->lend(link->owner, &buf);
  if (buf.len == 0) return false;
  ssize_t size;
  do {
    size = read(link->fd, buf.base, buf.len);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return false; /* as in gcn__link_write */
  if (size < 0) size = uv_translate_sys_error(errno);
  if (size == 0) size = UV_EOF;
  take(link, size, buf.base); /* after which the link may be gone */
  return size == (ssize_t)buf.len;
}

void gcn__link_read(struct gcn__link* link, bool wanted) {
  if (link->up == NULL || link->reading == wanted) return;
  uv_stream_t* stream = &link->up->stream;
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
  /* While reading is off, unread bytes may wait in the kernel. */
  if (link->write_error != 0 && link->reading) return link->broken_ms;
  return link->approach == NULL ? GCN__NEVER
                                : gcn__approach_deadline(link->approach);
}

void gcn__link_woken(struct gcn__link* link, uint64_t now_ms) {
  if (now_ms < gcn__link_deadline(link)) return;
  if (link->write_error != 0) {
    end_by(link, link->write_error, "write");
  } else {
    gcn__approach_woken(link->approach, now_ms);
  }
}

void gcn__link_settled(struct gcn__link* link) {
  if (link->approach == NULL) return;
  gcn__approach_settle(link->approach);
  shed_approach(link);
}

void gcn__link_ref(struct gcn__link* link, bool referenced) {
  link->referenced = referenced;
  if (link->approach != NULL) {
    gcn__dial_ref(&link->approach->dial, referenced);
  } else if (link->up != NULL) {
    gcn__attempt_ref(link->up, referenced);
  }
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

void gcn__link_rename(struct gcn__link* link, enum gcn__wire_index wire) {
  link->wire = wire;
}

bool gcn__link_connected(const struct gcn__link* link) {
  return link->up != NULL;
}

unsigned gcn__link_refused_options(const struct gcn__link* link) {
  return link->up == NULL ? 0 : link->up->refused;
}

struct gcn__link* gcn__link_of(struct gcn__list* entry) {
  return GCN__CONTAINER_OF(entry, struct gcn__link, entry);
}

void gcn__link_abandon(struct gcn__link* link) {
  if (link->poll_fd >= 0) close(link->poll_fd);
  if (link->approach != NULL) {
    gcn__approach_abandon(link->approach);
  } else if (link->up != NULL) {
    gcn__attempt_abandon(link->up);
  }
  free_approach(link);
  gcn__list_remove(&link->entry);
  gcn__free(link->mem, link, sizeof *link);
}
