/* SPDX-License-Identifier: MIT */
/*
 * Requests live in a ring until they are answered; a waiter that leaves takes
 * nothing but its name off.
 */
#include "loop/connector.h"

#include "base/assert.h"

#include <unistd.h>

struct gcn__connector {
  struct gcn__mem mem;
  struct gcn__connector_hook hook;
  struct gcn__list requests;
  size_t request_count;
};

struct gcn__connect {
  struct gcn__list link;
  struct gcn__connector* connector;
  struct gcn__connector_waiter* waiter; /* NULL: orphaned */
};

struct gcn__connector*
gcn__connector_new(const struct gcn__mem* mem,
                   const struct gcn__connector_hook* hook) {
  struct gcn__connector* connector = gcn__alloc_zero(mem, sizeof *connector);
  if (connector == NULL) return NULL;
  connector->mem = *mem;
  connector->hook = *hook;
  gcn__list_init(&connector->requests);
  return connector;
}

static void free_request(struct gcn__connect* request) {
  struct gcn__connector* connector = request->connector;
  gcn__list_remove(&request->link);
  connector->request_count--;
  gcn__free(&connector->mem, request, sizeof *request);
}

void gcn__connector_free(struct gcn__connector* connector) {
  if (connector == NULL) return;
  while (!gcn__list_empty(&connector->requests)) {
    struct gcn__connect* request =
        GCN__CONTAINER_OF(connector->requests.next, struct gcn__connect, link);
    GCN__ASSERT(request->waiter == NULL);
    free_request(request);
  }
  struct gcn__mem mem = connector->mem;
  gcn__free(&mem, connector, sizeof *connector);
}

static struct gcn__connect* make_request(struct gcn__connector* connector,
                                         struct gcn__connector_waiter* waiter) {
  struct gcn__connect* request =
      gcn__alloc_zero(&connector->mem, sizeof *request);
  if (request == NULL) return NULL;
  request->connector = connector;
  request->waiter = waiter;
  gcn__list_append(&connector->requests, &request->link);
  connector->request_count++;
  return request;
}

static void finish(struct gcn__connector_waiter* waiter, int error,
                   uv_os_sock_t fd) {
  waiter->request = NULL;
  waiter->done = true;
  waiter->error = error;
  waiter->fd = fd;
  if (!waiter->asking) waiter->ready(waiter->ctx);
}

static void ask(struct gcn__connector* connector,
                struct gcn__connector_waiter* waiter, const char* host,
                uint16_t port) {
  if (connector->request_count == GCN__CONNECTOR_REQUESTS_MAX) {
    finish(waiter, UV_EAGAIN, -1);
    return;
  }
  struct gcn__connect* request = make_request(connector, waiter);
  if (request == NULL) {
    finish(waiter, UV_ENOMEM, -1);
    return;
  }
  waiter->request = request;
  const struct gcn__connector_hook* hook = &connector->hook;
  int error = hook->connect(hook->ctx, host, port, request);
  /* If it has answered, that counts, whatever it returned. */
  if (error == 0 || waiter->done) return;
  free_request(request);
  finish(waiter, error > 0 ? UV_EINVAL : error, -1);
}

void gcn__connector_ask(struct gcn__connector* connector,
                        struct gcn__connector_waiter* waiter, const char* host,
                        uint16_t port) {
  GCN__ASSERT(waiter->request == NULL && !waiter->done);
  waiter->asking = true;
  ask(connector, waiter, host, port);
  waiter->asking = false;
}

void gcn__connector_leave(struct gcn__connector_waiter* waiter) {
  if (waiter->request != NULL) waiter->request->waiter = NULL;
  if (waiter->done && waiter->fd >= 0) close(waiter->fd);
  waiter->request = NULL;
  waiter->done = false;
  waiter->fd = -1;
}

void gcn__connect_done(struct gcn__connect* request, int status,
                       uv_os_sock_t fd) {
  struct gcn__connector_waiter* waiter = request->waiter;
  int error = status > 0 ? UV_EINVAL : status;
  if (error == 0 && fd < 0) error = UV_EBADF;
  free_request(request);
  if (waiter != NULL) {
    finish(waiter, error, error == 0 ? fd : -1);
  } else if (error == 0) {
    close(fd);
  }
}
