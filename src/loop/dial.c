/* SPDX-License-Identifier: MIT */
/*
 * An attempt for which there is no memory has failed like any other: the next
 * address is tried.
 */
#include "loop/dial.h"

#include "base/assert.h"
#include "base/time.h"

#include <unistd.h>

bool gcn__dial_error_tells_more(int error, int other) {
  if (other == 0) return true;
  switch (error) {
  /* These only say that this machine has no way to that address, typically
   * IPv6 without a route. */
  case UV_ENETUNREACH:
  case UV_EHOSTUNREACH:
  case UV_EADDRNOTAVAIL:
  case UV_EAFNOSUPPORT:
  case UV_EINVAL: return false;
  default: return true;
  }
}

static struct gcn__attempt* make_attempt(struct gcn__dial* dial, size_t index) {
  struct gcn__attempt* attempt = gcn__alloc_zero(dial->mem, sizeof *attempt);
  if (attempt == NULL) return NULL;
  attempt->dial = dial;
  attempt->mem = dial->mem;
  attempt->index = index;
  dial->attempts[index] = attempt;
  return attempt;
}

/* It is not on the loop. */
static void free_attempt(struct gcn__attempt* attempt) {
  if (attempt->dial != NULL) attempt->dial->attempts[attempt->index] = NULL;
  gcn__free(attempt->mem, attempt, sizeof *attempt);
}

static void on_closed(uv_handle_t* handle) {
  struct gcn__attempt* attempt = handle->data;
  const struct gcn__dial* dial = attempt->dial;
  void (*released)(void* ctx) =
      dial == NULL ? attempt->released : dial->released;
  void* ctx = dial == NULL ? attempt->ctx : dial->ctx;
  free_attempt(attempt);
  released(ctx);
}

void gcn__attempt_close(struct gcn__attempt* attempt, bool abort) {
  if (!attempt->open) return;
  attempt->open = false;
  /* The reset fails on a socket that never connected. */
  bool reset = abort && attempt->handle.type == UV_TCP &&
               uv_tcp_close_reset(&attempt->tcp, on_closed) == 0;
  if (!reset) uv_close(&attempt->handle, on_closed);
}

static void note_error(struct gcn__dial* dial, int error) {
  if (gcn__dial_error_tells_more(error, dial->error)) dial->error = error;
}

static void close_attempts(struct gcn__dial* dial,
                           const struct gcn__attempt* winner) {
  for (size_t i = 0; i < dial->next; i++) {
    struct gcn__attempt* attempt = dial->attempts[i];
    bool lost = attempt != NULL && attempt != winner;
    if (lost) gcn__attempt_close(attempt, false);
  }
}

static void on_connect(uv_connect_t* request, int status) {
  struct gcn__attempt* attempt = request->data;
  struct gcn__dial* dial = attempt->dial;
  if (!attempt->open) return; /* closed: a loser or a dropped race */
  dial->open_count--;
  if (status == 0) {
    dial->over = true;
    close_attempts(dial, attempt);
    dial->connected(dial->ctx, attempt);
    return;
  }
  note_error(dial, status);
  gcn__attempt_close(attempt, false);
  dial->next_ms = uv_now(dial->loop);
  gcn__dial_woken(dial, dial->next_ms);
}

/* The handle is initialised. */
static void put_on_loop(struct gcn__attempt* attempt) {
  struct gcn__dial* dial = attempt->dial;
  attempt->open = true;
  attempt->handle.data = attempt;
  dial->acquired(dial->ctx);
  if (!dial->referenced) uv_unref(&attempt->handle);
}

static int open_attempt(struct gcn__dial* dial, size_t index) {
  const union gcn__address* address = &dial->addresses.items[index];
  struct gcn__attempt* attempt = make_attempt(dial, index);
  if (attempt == NULL) return UV_ENOMEM;
  int error = uv_tcp_init_ex(dial->loop, &attempt->tcp, address->any.sa_family);
  if (error != 0) { /* then the handle is not on the loop */
    free_attempt(attempt);
    return error;
  }
  put_on_loop(attempt);
  attempt->request.data = attempt;
  attempt->refused = gcn__socket_tune(&attempt->tcp, &dial->socket);
  error = uv_tcp_connect(&attempt->request, &attempt->tcp, &address->any,
                         on_connect);
  if (error != 0) gcn__attempt_close(attempt, false);
  return error;
}

/* Tries the next address; goes on while attempts fail at once. */
static void try_addresses(struct gcn__dial* dial, uint64_t now_ms) {
  while (dial->next < dial->addresses.count) {
    int error = open_attempt(dial, dial->next++);
    if (error != 0) {
      note_error(dial, error);
      continue;
    }
    dial->open_count++;
    break;
  }
  bool more = dial->next < dial->addresses.count;
  if (more) {
    dial->next_ms = gcn__time_add(now_ms, GCN__DIAL_STEP_MS);
  } else {
    dial->next_ms = dial->open_count > 0 ? GCN__NEVER : now_ms;
  }
}

void gcn__dial_start(struct gcn__dial* dial,
                     const struct gcn__addresses* addresses, uint64_t now_ms) {
  GCN__ASSERT(addresses->count > 0);
  dial->addresses = *addresses;
  dial->next = 0;
  dial->open_count = 0;
  dial->error = 0;
  dial->over = false;
  try_addresses(dial, now_ms);
}

/* libuv has stream handles of two types for them; a pipe is what it calls an
 * AF_UNIX socket. */
static int init_adopted(struct gcn__attempt* attempt, int family) {
  uv_loop_t* loop = attempt->dial->loop;
  return family == AF_UNIX ? uv_pipe_init(loop, &attempt->pipe, 0)
                           : uv_tcp_init(loop, &attempt->tcp);
}

static int open_adopted(struct gcn__attempt* attempt, uv_os_sock_t fd) {
  if (attempt->handle.type != UV_TCP) return uv_pipe_open(&attempt->pipe, fd);
  int error = uv_tcp_open(&attempt->tcp, fd);
  if (error != 0) return error;
  attempt->refused = gcn__socket_tune(&attempt->tcp, &attempt->dial->socket);
  return 0;
}

int gcn__dial_adopt(struct gcn__dial* dial, uv_os_sock_t fd,
                    struct gcn__attempt** out) {
  GCN__ASSERT(dial->next == 0);
  struct gcn__attempt* attempt = make_attempt(dial, 0);
  int family;
  int error = attempt == NULL ? UV_ENOMEM : gcn__socket_check(fd, &family);
  if (error == 0) error = init_adopted(attempt, family);
  if (error != 0) {
    if (attempt != NULL) free_attempt(attempt);
    close(fd);
    return error;
  }
  dial->next = 1;
  dial->over = true;
  put_on_loop(attempt);
  error = open_adopted(attempt, fd);
  if (error != 0) {
    /* A handle that did not take the descriptor does not close it. */
    gcn__attempt_close(attempt, false);
    if (error != UV_EEXIST) close(fd);
    return error;
  }
  *out = attempt;
  return 0;
}

uint64_t gcn__dial_deadline(const struct gcn__dial* dial) {
  bool idle = dial->over || dial->addresses.count == 0;
  return idle ? GCN__NEVER : dial->next_ms;
}

void gcn__dial_woken(struct gcn__dial* dial, uint64_t now_ms) {
  if (now_ms < gcn__dial_deadline(dial)) return;
  if (dial->next < dial->addresses.count) try_addresses(dial, now_ms);
  bool left = dial->next < dial->addresses.count || dial->open_count > 0;
  if (left) return;
  dial->over = true;
  dial->failed(dial->ctx, dial->error);
}

void gcn__dial_drop(struct gcn__dial* dial) {
  dial->over = true;
  close_attempts(dial, NULL);
}

void gcn__dial_ref(struct gcn__dial* dial, bool referenced) {
  dial->referenced = referenced;
  for (size_t i = 0; i < dial->next; i++) {
    struct gcn__attempt* attempt = dial->attempts[i];
    if (attempt != NULL) gcn__attempt_ref(attempt, referenced);
  }
}

void gcn__attempt_ref(struct gcn__attempt* attempt, bool referenced) {
  if (!attempt->open) return;
  if (referenced) {
    uv_ref(&attempt->handle);
  } else {
    uv_unref(&attempt->handle);
  }
}

bool gcn__dial_is_left_to(const struct gcn__dial* dial,
                          const struct gcn__attempt* winner) {
  if (!dial->over) return false;
  for (size_t i = 0; i < dial->next; i++) {
    const struct gcn__attempt* attempt = dial->attempts[i];
    if (attempt != NULL && attempt != winner) return false;
  }
  return true;
}

void gcn__attempt_detach(struct gcn__attempt* attempt,
                         void (*released)(void* ctx), void* ctx) {
  GCN__ASSERT(gcn__dial_is_left_to(attempt->dial, attempt));
  attempt->dial->attempts[attempt->index] = NULL;
  attempt->dial = NULL;
  attempt->released = released;
  attempt->ctx = ctx;
}

void gcn__attempt_abandon(struct gcn__attempt* attempt) {
  uv_os_fd_t fd;
  if (attempt->open && uv_fileno(&attempt->handle, &fd) == 0) close(fd);
  free_attempt(attempt);
}

void gcn__dial_abandon(struct gcn__dial* dial) {
  for (size_t i = 0; i < dial->next; i++) {
    struct gcn__attempt* attempt = dial->attempts[i];
    if (attempt != NULL) gcn__attempt_abandon(attempt);
  }
}
