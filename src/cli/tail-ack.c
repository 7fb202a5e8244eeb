/* SPDX-License-Identifier: MIT */
/*
 * What is handled, and the checkpoint.
 *
 * With --checkpoint or --on-full an event counts as handled when the system has
 * taken the last byte of its line, so that what a killed process did not write
 * comes again.  A line may be written and its event not be remembered yet: then
 * it is written twice, never lost.
 */
#include "cli/tail.h"

#include "cli/cli.h"

#include <stdio.h>

enum {
  /* What may wait for standard output when it is not to be waited for. */
  WINDOW_SIZE = 4 << 20,
};

void gcn__tail_pay(struct gcn__tail* tail) {
  uint64_t sequence;
  if (tail->sink.error != 0 || tail->client == NULL || tail->closing) return;
  uint64_t taken = tail->appended - gcn__sink_waiting(&tail->sink);
  while (gcn__acks_pop(&tail->debts, taken, &sequence)) {
    gcn_client_ack(tail->client, sequence);
  }
}

void gcn__tail_owe(struct gcn__tail* tail, const gcn_event_t* event) {
  if (!tail->acks) return;
  int error = gcn__acks_push(&tail->debts, tail->appended, event->sequence);
  if (error == 0) {
    gcn__tail_pay(tail);
    return;
  }
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s",
                   gcn_strerror(error));
  gcn__tail_finish(tail, GCN__EXIT_FAILURE);
}

void gcn__tail_unreadable(struct gcn__tail* tail,
                          const gcn_failure_t* failure) {
  const char* path = tail->options->checkpoint_path;
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR,
                   "--checkpoint %s: %s; to begin without it, move it and "
                   "%s.1 away",
                   path, failure->text, path);
  gcn__tail_finish(tail, GCN__EXIT_USAGE);
}

void gcn__tail_moved(struct gcn__tail* tail) {
  if (!tail->moved && tail->load_trouble[0] != '\0') {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN, "--checkpoint %s: %s",
                     tail->options->checkpoint_path, tail->load_trouble);
  }
  tail->moved = true;
}

static void tell_unsaved(struct gcn__tail* tail, const gcn_failure_t* failure) {
  if (!tail->told_save) {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                     "--checkpoint %s: %s; it is tried again, and what is "
                     "written meanwhile would come again after a restart",
                     tail->options->checkpoint_path, failure->text);
  }
  tail->told_save = true;
}

static void on_checkpoint(gcn_client_t* client, const gcn_failure_t* failure) {
  struct gcn__tail* tail = gcn_client_data(client);
  if (tail->finishing) return;
  if (tail->options->meta) {
    struct gcn__buf* out = &tail->sink.waiting;
    size_t before = gcn__buf_size(out);
    gcn__tail_sent(tail, before,
                   gcn__output_checkpoint(&tail->output, out,
                                          gcn__tail_unix_ms(), failure));
  }
  if (tail->moved) {
    tell_unsaved(tail, failure);
  } else {
    /* Whether there is another generation shows by what comes next. */
    snprintf(tail->load_trouble, sizeof tail->load_trouble, "%s",
             failure->text);
  }
}

/* The next trouble is news again. */
static void on_durable(gcn_client_t* client, uint64_t sequence) {
  struct gcn__tail* tail = gcn_client_data(client);
  (void)sequence;
  if (tail->told_save) {
    gcn__console_say(&tail->console, GCN__CONSOLE_NOTE,
                     "--checkpoint %s: written again",
                     tail->options->checkpoint_path);
  }
  tail->told_save = false;
}

void gcn__tail_ack_callbacks(struct gcn__tail* tail, gcn_options_t* options) {
  const struct gcn__tail_options* from = tail->options;
  bool keeps = from->checkpoint_path != NULL;
  tail->acks = keeps || from->full_given;
  if (!tail->acks) return;
  options->ack = GCN_ACK_MANUAL;
  options->full = from->full;
  if (from->full != GCN_FULL_WAIT) options->window_size = WINDOW_SIZE;
  if (!keeps) return;
  options->checkpoint_path = from->checkpoint_path;
  options->checkpoint_cb = on_checkpoint;
  options->durable_cb = on_durable;
}
