/* SPDX-License-Identifier: MIT */
/*
 * It knows nothing of what the bytes mean.  At most one request waits for each
 * kind of answer, and every answer is handed on at most once.  What the user
 * holds is one of several requests that take turns, so that a second answer
 * which comes late finds its own request, where nobody waits any more.
 */
#include "client/store-adapter.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/checkpoint.h"

#include <uv.h>

/* How many requests later a request's turn comes again. */
enum { TURN_COUNT = 64 };

struct gcn_load_s {
  struct gcn__store_request* waiter; /* NULL: nobody waits */
};

struct gcn_save_s {
  struct gcn__store_request* waiter;
};

struct adapter {
  const struct gcn__mem* mem;
  gcn_store_t user;
  struct gcn_load_s loads[TURN_COUNT];
  struct gcn_save_s saves[TURN_COUNT];
  unsigned load_turn; /* the last one's */
  unsigned save_turn;
};

static int adapter_load(void* self, unsigned generation,
                        struct gcn__store_request* request) {
  struct adapter* adapter = self;
  GCN__ASSERT(adapter->loads[adapter->load_turn].waiter == NULL);
  adapter->load_turn = (adapter->load_turn + 1) % TURN_COUNT;
  struct gcn_load_s* turn = &adapter->loads[adapter->load_turn];
  turn->waiter = request;
  int error = adapter->user.load(adapter->user.data, generation, turn);
  if (error == 0) return 0;
  turn->waiter = NULL;
  return error < 0 ? error : UV_EINVAL;
}

static int adapter_save(void* self, struct gcn__span bytes,
                        const struct gcn__store_acks* acks,
                        struct gcn__store_request* request) {
  struct adapter* adapter = self;
  GCN__ASSERT(adapter->saves[adapter->save_turn].waiter == NULL);
  adapter->save_turn = (adapter->save_turn + 1) % TURN_COUNT;
  struct gcn_save_s* turn = &adapter->saves[adapter->save_turn];
  turn->waiter = request;
  int error = adapter->user.save(adapter->user.data, bytes.data, bytes.size,
                                 acks->sequences, acks->count, turn);
  if (error == 0) return 0;
  turn->waiter = NULL;
  return error < 0 ? error : UV_EINVAL;
}

static void adapter_close(void* self, void (*gone)(void* ctx), void* ctx) {
  struct adapter* adapter = self;
  const struct gcn__mem* mem = adapter->mem;
  if (adapter->user.close != NULL) adapter->user.close(adapter->user.data);
  gcn__free(mem, adapter, sizeof *adapter);
  gone(ctx);
}

int gcn__store_adapter_new(const struct gcn__mem* mem, const gcn_store_t* user,
                           struct gcn__store* store) {
  struct adapter* adapter = gcn__alloc_zero(mem, sizeof *adapter);
  if (adapter == NULL) return UV_ENOMEM;
  adapter->mem = mem;
  adapter->user = *user;
  *store = (struct gcn__store){.self = adapter,
                               .load = adapter_load,
                               .save = adapter_save,
                               .close = adapter_close};
  return 0;
}

void gcn__store_adapter_abandon(struct gcn__store* store) {
  struct adapter* adapter = store->self;
  gcn__free(adapter->mem, adapter, sizeof *adapter);
}

/* 0, what the user said, or what is wrong with it. */
static int judge_load(int status, const void* bytes, size_t size) {
  if (status < 0) return status;
  if (status > 0 || (bytes == NULL && size > 0)) return UV_EINVAL;
  return size > GCN__CHECKPOINT_SIZE_MAX ? UV_EFBIG : 0;
}

void gcn_load_done(gcn_load_t* request, int status, const void* bytes,
                   size_t size) {
  if (request == NULL || request->waiter == NULL) return;
  struct gcn__store_request* waiter = request->waiter;
  request->waiter = NULL;
  status = judge_load(status, bytes, size);
  struct gcn__span text = {NULL, 0};
  if (status == 0) text = gcn__span(bytes == NULL ? "" : bytes, size);
  waiter->done(waiter, status, text);
}

void gcn_save_done(gcn_save_t* request, int status) {
  if (request == NULL || request->waiter == NULL) return;
  struct gcn__store_request* waiter = request->waiter;
  request->waiter = NULL;
  if (status > 0) status = UV_EINVAL;
  waiter->done(waiter, status, (struct gcn__span){NULL, 0});
}
