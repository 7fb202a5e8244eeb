/* SPDX-License-Identifier: MIT */
/*
 * Several clients of one loop that share a hub: DNS answers, connections in the
 * making, and the budgets that the service counts per client id.
 *
 *   example-hub [--apart] TOPIC...
 *
 * One client for each topic.  With --apart each has its own hub, as clients
 * have that are given none.  Standard error says what is looked up, when a
 * client begins an attempt and when it streams.
 */
#include <gcnotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { CLIENTS_MAX = 32 };

static gcn_client_t* clients[CLIENTS_MAX];
static size_t client_count;
static uv_signal_t interrupt;

static size_t number_of(const gcn_client_t* client) {
  size_t index = 0;
  while (clients[index] != client)
    index++;
  return index + 1;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  printf("client %zu: %.*s %.*s\n", number_of(client), (int)event->topic.size,
         event->topic.data, (int)event->body.size, event->body.data);
  fflush(stdout);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  fprintf(stderr, "client %zu: %s\n", number_of(client),
          gcn_state_name(change->to));
}

/* --- look-ups ------------------------------------------------------------- */

/* What the library would do by itself, with a line about it. */
struct look_up {
  uv_getaddrinfo_t request;
  gcn_resolve_t* asked;
};

enum { ADDRESSES_MAX = 8 };

static void on_looked_up(uv_getaddrinfo_t* request, int status,
                         struct addrinfo* list) {
  struct look_up* look_up = request->data;
  const struct sockaddr* addresses[ADDRESSES_MAX];
  size_t count = 0;
  for (struct addrinfo* it = list; it != NULL; it = it->ai_next) {
    if (count < ADDRESSES_MAX) addresses[count++] = it->ai_addr;
  }
  gcn_resolve_done(look_up->asked, status, addresses, count);
  uv_freeaddrinfo(list);
  free(look_up);
}

static int look_up(void* data, const char* host, gcn_resolve_t* asked) {
  static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct look_up* look_up = calloc(1, sizeof *look_up);
  (void)data;
  if (look_up == NULL) return UV_ENOMEM;
  look_up->asked = asked;
  look_up->request.data = look_up;
  fprintf(stderr, "looking up %s\n", host);
  int error = uv_getaddrinfo(uv_default_loop(), &look_up->request, on_looked_up,
                             host, NULL, &hints);
  if (error != 0) free(look_up);
  return error;
}

/* --- clients -------------------------------------------------------------- */

static void on_interrupt(uv_signal_t* signal, int number) {
  (void)number;
  for (size_t i = 0; i < client_count; i++)
    gcn_client_close(clients[i], NULL);
  uv_close((uv_handle_t*)signal, NULL);
}

static int begin(const gcn_options_t* options, const char* const* topic) {
  gcn_client_t** client = &clients[client_count];
  int error = gcn_client_new(client, uv_default_loop(), options);
  if (error != 0) return error;
  client_count++;
  error = gcn_client_subscribe(*client, topic, 1);
  return error != 0 ? error : gcn_client_start(*client);
}

static gcn_hub_t* make_hub(void) {
  gcn_hub_t* hub = NULL;
  gcn_options_t options;
  gcn_options_init(&options);
  options.resolve_cb = look_up;
  int error = gcn_hub_new(&hub, uv_default_loop(), &options);
  if (error != 0) fprintf(stderr, "%s\n", gcn_strerror(error));
  return hub;
}

static int begin_all(gcn_options_t* options, const char* const* topics,
                     size_t count, int apart) {
  int error = 0;
  for (size_t i = 0; i < count && error == 0; i++) {
    if (options->hub == NULL) options->hub = make_hub();
    error = begin(options, &topics[i]);
    if (!apart && i + 1 < count) continue;
    /* It stays until its clients are gone. */
    gcn_hub_release(options->hub);
    options->hub = NULL;
  }
  if (error != 0) fprintf(stderr, "%s\n", gcn_strerror(error));
  return error;
}

static void fill(gcn_options_t* options) {
  gcn_options_init(options);
  options->region = getenv("GENESYSCLOUD_REGION");
  options->api_url = getenv("GENESYSCLOUD_API_URL");
  options->login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options->client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options->client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options->ca_path = getenv("SSL_CERT_FILE");
  options->event_cb = on_event;
  options->state_cb = on_state;
}

int main(int argc, char** argv) {
  gcn_options_t options;
  char why[256];
  int apart = argc > 1 && strcmp(argv[1], "--apart") == 0;
  int first = apart ? 2 : 1;
  if (argc <= first || argc - first > CLIENTS_MAX) {
    fprintf(stderr, "usage: example-hub [--apart] TOPIC...\n");
    return 2;
  }
  fill(&options);
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
    return 2;
  }
  uv_signal_init(uv_default_loop(), &interrupt);
  uv_signal_start(&interrupt, on_interrupt, SIGINT);
  int error = begin_all(&options, (const char* const*)(argv + first),
                        (size_t)(argc - first), apart);
  if (error != 0) on_interrupt(&interrupt, SIGINT);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return error != 0 || uv_loop_close(uv_default_loop()) != 0;
}
