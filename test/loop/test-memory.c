/* SPDX-License-Identifier: MIT */
/*
 * What an idle client keeps: the heap of one whose stream is over TLS, counted
 * by the library's allocator hook and by Mbed TLS's.
 *
 * The source of events is a process of its own, because it has Mbed TLS's
 * memory, too.  What clients share (the hub and what hangs on it) is paid for
 * by the first one, which does not count.
 */
#include "child.h"

#include "sim/listen-source.h"
#include "unit/mem-probe.h"

#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  CLIENTS = 9,
  KIB = 1024,
#if defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH)
  /* Where memory goes is said in src/DESIGN.md; Mbed TLS's own context alone
   * has 42. */
  CLIENT_SIZE_MAX = 33 * KIB,
#else
  CLIENT_SIZE_MAX = 69 * KIB, /* Mbed TLS keeps both of its buffers */
#endif
  CLIENT_SIZE_MIN = 8 * KIB, /* else the hooks do not count */
};

/* --- what is counted ------------------------------------------------------ */

/* In front of each block, with the alignment of malloc. */
union head {
  size_t size;
  max_align_t align;
};

static size_t tls_size; /* Mbed TLS's blocks */

static void* tls_calloc(size_t count, size_t size) {
  size_t wanted = count * size; /* the library never asks for that much */
  union head* head = calloc(1, sizeof *head + wanted);
  if (head == NULL) return NULL;
  head->size = wanted;
  tls_size += wanted;
  return head + 1;
}

static void tls_free(void* block) {
  if (block == NULL) return;
  union head* head = (union head*)block - 1;
  tls_size -= head->size;
  free(head);
}

static size_t live_size(const struct mem_probe* ours) {
  return ours->live_size + tls_size;
}

/* --- the source ----------------------------------------------------------- */

struct far {
  struct gcn__pki* pki;
  pid_t pid;
  uint16_t port;
};

static void serve(const struct far* far, int ready) {
  static const char* const names[] = {"127.0.0.1"};
  const struct gcn__pki_names leaf = {.ip = names, .ip_count = 1};
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  assert_int_equal(
      gcn__pki_issue(far->pki, &leaf, GCN__PKI_SOUND, certificate, key), 0);
  const struct gcn__simtls_options tls = {
      .resume = true, .certificate_pem = certificate, .key_pem = key};
  const struct gcn__source_options options = {
      .tls = gcn__simtls_config_new(&tls), .size = KIB, .hold = true};
  struct gcn__source* source;
  uv_loop_t loop;
  assert_non_null(options.tls);
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(gcn__source_new(&loop, &options, &source), 0);
  uint16_t port = gcn__source_port(source);
  assert_int_equal(write(ready, &port, sizeof port), sizeof port);
  uv_run(&loop, UV_RUN_DEFAULT); /* until it is ended */
}

static void far_begin(struct far* far) {
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  far->pki = gcn__pki_new();
  assert_non_null(far->pki);
  far->pid = child_start();
  if (far->pid == 0) {
    serve(far, ready[1]);
    _exit(0);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &far->port, sizeof far->port),
                   sizeof far->port);
  close(ready[0]);
}

static void far_end(struct far* far) {
  kill(far->pid, SIGKILL);
  assert_int_equal(waitpid(far->pid, NULL, 0), far->pid);
  gcn__pki_free(far->pki);
}

/* --- the clients ---------------------------------------------------------- */

struct fleet {
  uv_loop_t* loop;
  struct far far;
  struct mem_probe ours;
  gcn_hub_t* hub;
  struct user users[CLIENTS];
};

static void fleet_begin(struct fleet* fleet, uv_loop_t* loop) {
  memset(fleet, 0, sizeof *fleet);
  fleet->loop = loop;
  far_begin(&fleet->far);
  gcn_options_t options;
  gcn_options_init(&options);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &fleet->ours;
  assert_int_equal(gcn_hub_new(&fleet->hub, loop, &options), 0);
}

/* Only the stream is encrypted: the API's connection is closed at once, but
 * with TLS its session would be among what is shared. */
static void join(struct fleet* fleet, struct user* user) {
  char url[64];
  char id[24];
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)fleet->far.port);
  snprintf(id, sizeof id, "client-%d", (int)(user - fleet->users));
  gcn_options_t options = user_options(user, url);
  options.ca_pem = gcn__pki_ca(fleet->far.pki);
  options.client_id = id;
  options.hub = fleet->hub;
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &fleet->ours;
  user_new(user, fleet->loop, &options);
  service_subscribe(user, gcn__source_topic);
  assert_int_equal(gcn_client_start(user->client), 0);
  harness_until(fleet->loop, &user->streaming);
  harness_settle(fleet->loop);
}

static void fleet_end(struct fleet* fleet) {
  for (int i = 0; i < CLIENTS; i++) {
    gcn_client_set_close_ms(fleet->users[i].client, 0);
    user_finish(&fleet->users[i]);
  }
  gcn_hub_release(fleet->hub);
  harness_drain(fleet->loop);
  assert_int_equal(fleet->ours.live_size, 0);
  far_end(&fleet->far);
}

static void test_an_idle_client_is_small(void** state) {
  static struct fleet fleet;
  fleet_begin(&fleet, *state);
  join(&fleet, &fleet.users[0]);
  size_t first = live_size(&fleet.ours);
  size_t first_tls = tls_size;
  for (int i = 1; i < CLIENTS; i++)
    join(&fleet, &fleet.users[i]);
  size_t each = (live_size(&fleet.ours) - first) / (CLIENTS - 1);
  size_t each_tls = (tls_size - first_tls) / (CLIENTS - 1);
  print_message("# %zu bytes for each client, %zu of them Mbed TLS's\n", each,
                each_tls);
  assert_in_range(each, CLIENT_SIZE_MIN, CLIENT_SIZE_MAX);
  fleet_end(&fleet);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_an_idle_client_is_small),
  };
  if (mbedtls_platform_set_calloc_free(tls_calloc, tls_free) != 0) return 1;
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
