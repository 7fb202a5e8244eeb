/* SPDX-License-Identifier: MIT */
/*
 * Asks the store and judges what it answers.
 *
 * Nothing is stored only if the store says that there is nothing: an empty file
 * is a damaged one.  The generation before takes the place of the last one if
 * that is damaged, or missing because a save was cut short between its two
 * renames.  Everything else refuses the start and leaves the store as it is:
 * what belongs to somebody else or to a later version is not damaged, and what
 * can't be read may be whole.  Only a lack of memory passes by itself.
 */
#include "client/checkpoint-parts.h"

#include "base/err.h"
#include "client/delivery.h"
#include "loop/system.h"

#include <stdio.h>

enum {
  AGAIN_MS = 500, /* after a lack of memory */
  NAME_SHOWN_MAX = 96,
  NAME_TEXT_SIZE = NAME_SHOWN_MAX + 64,
};

static void on_loaded(struct gcn__store_request* request, int status,
                      struct gcn__span bytes) {
  struct gcn_client_s* client = request->ctx;
  struct gcn__load* load = &client->checkpointer->load;
  load->finding.status = status;
  load->finding.fault = GCN__CHECKPOINT_GOOD;
  load->finding.foreign = false;
  load->phase = GCN__LOAD_ANSWERED;
  if (status == 0) {
    load->finding.fault =
        gcn__checkpoint_read(bytes, &client->checkpointer->mem, &load->read);
  }
  gcn__client_wake(client);
}

static void forget(struct gcn__load* load) {
  gcn__checkpoint_free(load->read);
  load->read = NULL;
}

/* What is in hand goes first: a store that answered well and returned an error
 * as well has left it there. */
static void ask(struct gcn_client_s* client, unsigned generation) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__load* load = &checkpointer->load;
  forget(load);
  load->phase = GCN__LOAD_ASKED;
  load->finding.generation = generation;
  load->request = (struct gcn__store_request){on_loaded, client};
  int error = checkpointer->store.load(checkpointer->store.self, generation,
                                       &load->request);
  if (error == 0) return;
  load->finding.status = error;
  load->phase = GCN__LOAD_ANSWERED;
  gcn__client_wake(client);
}

void gcn__load_begin(struct gcn_client_s* client) {
  ask(client, 0);
}

/* The end of a long path says more than its beginning. */
static void name_store(const struct gcn__checkpointer* checkpointer,
                       unsigned generation, char* text, size_t size) {
  static const char* const kinds[] = {"file", "database", "store"};
  const char* name = checkpointer->name;
  const char* kind = kinds[checkpointer->kind];
  const char* before = generation > 0 ? " (the save before the last)" : "";
  if (name == NULL) {
    snprintf(text, size, "checkpoint %s%s", kind, before);
    return;
  }
  size_t length = strlen(name);
  bool longer = length > NAME_SHOWN_MAX;
  if (longer) name += length - NAME_SHOWN_MAX;
  snprintf(text, size, "checkpoint %s %s%s%s", kind, longer ? "..." : "", name,
           before);
}

static bool lacks_folder(const struct gcn__checkpointer* checkpointer,
                         const struct gcn__finding* finding) {
  return finding->status == UV_ENOTDIR && checkpointer->kind != GCN__STORE_USER;
}

static const char* explain(const struct gcn__checkpointer* checkpointer,
                           const struct gcn__finding* finding) {
  if (finding->foreign) {
    return "it belongs to another client id, API host or dialect";
  }
  if (lacks_folder(checkpointer, finding)) return "there is no such directory";
  if (finding->status == UV_EPERM) {
    return "others may read or write it, or it is not yours";
  }
  if (finding->status != 0) return gcn_strerror(finding->status);
  if (finding->fault == GCN__CHECKPOINT_EMPTY) {
    return "it is empty, which a checkpoint never is";
  }
  return gcn__checkpoint_fault_text(finding->fault);
}

static const char* advise(const struct gcn__checkpointer* checkpointer,
                          const struct gcn__finding* finding) {
  enum gcn__store_kind kind = checkpointer->kind;
  if (lacks_folder(checkpointer, finding)) return "make it, or name another";
  if (finding->status == UV_EPERM) return "make it yours, with mode 0600";
  if (finding->foreign && kind != GCN__STORE_USER) {
    return "name another one, or move it away to start from now";
  }
  switch (kind) {
  case GCN__STORE_FILE: return "move it and its .1 away to start from now";
  case GCN__STORE_SQLITE:
    return "empty its table gcnotify_checkpoint to start from now";
  case GCN__STORE_USER: break;
  }
  return "have it answer UV_ENOENT to start from now";
}

void gcn__finding_explain(const struct gcn__checkpointer* checkpointer,
                          const struct gcn__finding* finding, char* text,
                          size_t size) {
  char name[NAME_TEXT_SIZE];
  name_store(checkpointer, finding->generation, name, sizeof name);
  snprintf(text, size, "%s: %s; %s", name, explain(checkpointer, finding),
           advise(checkpointer, finding));
}

static void refuse(struct gcn_client_s* client,
                   const struct gcn__finding* finding, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__load* load = &checkpointer->load;
  char text[GCN__FAILURE_TEXT_SIZE];
  int error = finding->status != 0 ? finding->status : GCN_ECHECKPOINT;
  forget(load);
  load->phase = GCN__LOAD_UNREADABLE;
  load->held &= (unsigned)GCN__COMMAND_CREDENTIALS;
  gcn__finding_explain(checkpointer, finding, text, sizeof text);
  gcn__checkpointer_log(client, GCN__LOG_ERROR, "checkpoint-unreadable", text);
  gcn__engine_unreadable(client->engine, error, text, now_ms);
  gcn__client_wake(client);
  gcn__checkpointer_tell(client, error, text);
}

static void try_later(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__load* load = &client->checkpointer->load;
  forget(load);
  load->phase = GCN__LOAD_SHORT;
  load->again_ms = gcn__time_add(now_ms, AGAIN_MS);
  gcn__checkpointer_log(client, GCN__LOG_WARN, "checkpoint-later",
                        "too little memory to load it; trying again");
}

/* What waited for the load goes on. */
static void finish(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__load* load = &checkpointer->load;
  struct gcn__save* save = &checkpointer->save;
  const struct gcn__window* window = gcn__delivery_window(client);
  unsigned commands = load->held;
  forget(load);
  load->phase = GCN__LOAD_DONE;
  load->held = 0;
  save->stored_print = gcn__save_print(client->engine);
  save->stored_revision = gcn__window_revision(window);
  save->durable = gcn__window_done(window);
  save->begun_ms = now_ms;
  if (commands == 0) return;
  gcn__engine_command(client->engine, commands, now_ms);
  gcn__client_wake(client);
}

/* The events of the save that was lost may come again. */
static void tell_older(struct gcn_client_s* client) {
  const struct gcn__checkpointer* checkpointer = client->checkpointer;
  const struct gcn__finding* first = &checkpointer->load.first;
  char name[NAME_SHOWN_MAX + 32]; /* without a word on its generation */
  char text[GCN__FAILURE_TEXT_SIZE];
  name_store(checkpointer, 0, name, sizeof name);
  if (first->status == UV_ENOENT) {
    snprintf(text, sizeof text, "%s is missing; the save before it is used",
             name);
    gcn__checkpointer_log(client, GCN__LOG_WARN, "checkpoint-older", text);
    return;
  }
  snprintf(text, sizeof text,
           "%s: %s; the save before it is used, and events of the last one may "
           "come again",
           name, explain(checkpointer, first));
  gcn__checkpointer_log(client, GCN__LOG_WARN, "checkpoint-older", text);
  gcn__checkpointer_tell(client, GCN_ECHECKPOINT, text);
}

static void adopt(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__load* load = &checkpointer->load;
  const struct gcn__checkpoint* stored = &load->read->checkpoint;
  int error =
      gcn__checkpoint_restore(client, stored, now_ms, gcn__wall_now_ms());
  if (error == GCN__ENOMEM) {
    try_later(client, now_ms);
    return;
  }
  if (error != 0) {
    load->finding.fault = GCN__CHECKPOINT_CORRUPT;
    refuse(client, &load->finding, now_ms);
    return;
  }
  checkpointer->save.serial = stored->serial;
  bool older = load->finding.generation > 0;
  finish(client, now_ms);
  if (older) tell_older(client);
}

static bool is_damaged(const struct gcn__finding* finding) {
  return finding->status == 0 && (finding->fault == GCN__CHECKPOINT_EMPTY ||
                                  finding->fault == GCN__CHECKPOINT_TRUNCATED ||
                                  finding->fault == GCN__CHECKPOINT_CORRUPT);
}

static bool is_short(const struct gcn__finding* finding) {
  return finding->status == UV_ENOMEM ||
         (finding->status == 0 && finding->fault == GCN__CHECKPOINT_NO_MEMORY);
}

static bool is_usable(struct gcn__checkpointer* checkpointer) {
  struct gcn__load* load = &checkpointer->load;
  struct gcn__finding* finding = &load->finding;
  if (finding->status != 0 || load->read == NULL) return false;
  const unsigned char* owner = load->read->checkpoint.owner;
  finding->foreign =
      memcmp(owner, checkpointer->owner, sizeof checkpointer->owner) != 0;
  return !finding->foreign;
}

static void judge_first(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__load* load = &client->checkpointer->load;
  const struct gcn__finding* finding = &load->finding;
  load->first = *finding;
  if (is_damaged(finding) || finding->status == UV_ENOENT) {
    ask(client, 1);
  } else {
    refuse(client, finding, now_ms);
  }
}

static void judge_second(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__load* load = &client->checkpointer->load;
  bool missing = load->first.status == UV_ENOENT;
  if (!missing) {
    refuse(client, &load->first, now_ms);
  } else if (load->finding.status == UV_ENOENT) {
    finish(client, now_ms); /* the first run of all */
  } else {
    refuse(client, &load->finding, now_ms);
  }
}

static void judge(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__load* load = &checkpointer->load;
  if (client->closing || !load->wanted) {
    forget(load); /* the next start looks again */
    load->phase = GCN__LOAD_UNTRIED;
  } else if (is_short(&load->finding)) {
    try_later(client, now_ms);
  } else if (is_usable(checkpointer)) {
    adopt(client, now_ms);
  } else if (load->finding.generation == 0) {
    judge_first(client, now_ms);
  } else {
    judge_second(client, now_ms);
  }
}

void gcn__load_turn(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__load* load = &client->checkpointer->load;
  bool late = load->phase == GCN__LOAD_SHORT && load->again_ms <= now_ms;
  if (late && !client->closing) {
    if (load->wanted) {
      gcn__load_begin(client);
    } else {
      load->phase = GCN__LOAD_UNTRIED;
    }
  }
  /* A store may answer at once, also for the second generation. */
  while (load->phase == GCN__LOAD_ANSWERED)
    judge(client, now_ms);
}
