/* SPDX-License-Identifier: MIT */
/*
 * A libuv server that shows a notification stream to browsers: the client and
 * an HTTP server on one loop, and each event as a Server-Sent Event.
 *
 *   example-sse [OPTION]... TOPIC...
 *
 * Then open the address that it prints.  example-sse-feed.c makes the events,
 * example-sse-request.c reads HTTP, example-sse-server.c has the browsers; here
 * they meet the client.  Credentials come from the environment.
 */
#include "example-sse-server.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ring may be as large as a browser's queue, so what it has missed always
 * fits. */
enum { RING_COUNT_MAX = 1000, QUEUE_SIZE_MAX = 1024 * 1024 };

struct program {
  uv_loop_t loop;
  uv_signal_t signals[2];
  struct feed feed;
  struct server server;
  gcn_client_t* client;
  bool ending;
};

struct arguments {
  struct server_options server;
  size_t ring_count_max;
  const char* const* topics;
  size_t topic_count;
};

static void send_and_release(struct program* program, struct message* message) {
  server_send(&program->server, message);
  message_release(message);
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct program* program = gcn_client_data(client);
  send_and_release(program, feed_notify(&program->feed, event));
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct program* program = gcn_client_data(client);
  send_and_release(program, feed_gap(&program->feed, gap));
}

static void on_state(gcn_client_t* client, const gcn_transition_t* change) {
  struct program* program = gcn_client_data(client);
  gcn_state_t state = gcn_client_state(client);
  fprintf(stderr, "%s%s%s\n", gcn_state_name(state),
          change->failure != NULL ? ": " : "",
          change->failure != NULL ? change->failure->text : "");
  send_and_release(program, feed_state(&program->feed, state, change));
}

static void on_topic(gcn_client_t* client, const gcn_topic_result_t* result) {
  (void)client;
  if (result->verdict != GCN_TOPIC_REJECTED) return;
  fprintf(stderr, "%.*s: rejected, %.*s\n", (int)result->topic.size,
          result->topic.data, (int)result->reason.size, result->reason.data);
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  (void)data;
  (void)level;
  fprintf(stderr, "%s\n", line);
}

/* The signals stay until here: a second one means that we are too slow. */
static void close_signals(struct program* program) {
  for (size_t i = 0; i < 2; i++)
    uv_close((uv_handle_t*)&program->signals[i], NULL);
}

static void on_client_closed(gcn_client_t* client) {
  close_signals(gcn_client_data(client));
}

static void finish(struct program* program) {
  if (program->ending) {
    gcn_client_set_close_ms(program->client, 0);
    return;
  }
  program->ending = true;
  fprintf(stderr, "ending with %zu open streams\n",
          program->server.stream_count);
  server_close(&program->server);
  gcn_client_close(program->client, on_client_closed);
}

static void on_signal(uv_signal_t* signal, int number) {
  (void)number;
  finish(signal->data);
}

static void read_environment(gcn_options_t* options) {
  gcn_options_init(options);
  options->region = getenv("GENESYSCLOUD_REGION");
  options->api_url = getenv("GENESYSCLOUD_API_URL");
  options->login_url = getenv("GENESYSCLOUD_LOGIN_URL");
  options->client_id = getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options->client_secret = getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options->ca_path = getenv("SSL_CERT_FILE");
  options->event_cb = on_event;
  options->gap_cb = on_gap;
  options->state_cb = on_state;
  options->topic_cb = on_topic;
  options->log_cb = on_log;
}

/* A client that streams, or an error and none. */
static int begin_client(struct program* program, const gcn_options_t* options,
                        const struct arguments* arguments) {
  int error = gcn_client_new(&program->client, &program->loop, options);
  if (error != 0) return error;
  error = gcn_client_subscribe(program->client, arguments->topics,
                               arguments->topic_count);
  if (error == 0) error = gcn_client_start(program->client);
  if (error != 0) gcn_client_close(program->client, NULL);
  return error;
}

static void begin_signals(struct program* program) {
  static const int numbers[2] = {SIGINT, SIGTERM};
  for (size_t i = 0; i < 2; i++) {
    uv_signal_init(&program->loop, &program->signals[i]);
    program->signals[i].data = program;
    uv_signal_start(&program->signals[i], on_signal, numbers[i]);
  }
}

static int begin(struct program* program, const gcn_options_t* options,
                 const struct arguments* arguments) {
  message_release(feed_state(&program->feed, GCN_IDLE, NULL));
  int error = server_listen(&program->server, &program->loop);
  if (error == 0) error = begin_client(program, options, arguments);
  if (error != 0) {
    server_close(&program->server);
    return error;
  }
  begin_signals(program);
  printf("http://%s/\n", program->server.name);
  fflush(stdout);
  return 0;
}

static int run(gcn_options_t* options, const struct arguments* arguments) {
  static struct program program;
  uint64_t number;
  uv_loop_init(&program.loop);
  options->data = &program;
  int error = uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
  if (error == 0 && !feed_init(&program.feed, number, arguments->ring_count_max,
                               arguments->server.queue_size_max)) {
    error = UV_ENOMEM;
  }
  if (error == 0)
    error = server_load(&program.server, &arguments->server, &program.feed);
  if (error == 0) error = begin(&program, options, arguments);
  if (error != 0) fprintf(stderr, "%s\n", gcn_strerror(error));
  uv_run(&program.loop, UV_RUN_DEFAULT);
  server_unload(&program.server);
  feed_deinit(&program.feed);
  int left = uv_loop_close(&program.loop);
  if (left != 0) fprintf(stderr, "the loop: %s\n", uv_strerror(left));
  return error != 0 || left != 0;
}

/* "127.0.0.1", "127.0.0.1:8080", "[::1]:8080". */
static int parse_address(const char* text, struct sockaddr_storage* address) {
  char host[64];
  size_t bracket = text[0] == '[';
  size_t size = strcspn(text + bracket, bracket ? "]" : ":");
  const char* rest = text + bracket + size;
  if (size >= sizeof host || (bracket && *rest++ != ']')) return UV_EINVAL;
  memcpy(host, text + bracket, size);
  host[size] = '\0';
  char* end = NULL;
  unsigned long port = *rest == ':' ? strtoul(rest + 1, &end, 10) : 0;
  if ((*rest != '\0' && (*rest != ':' || *end != '\0')) || port > 65535)
    return UV_EINVAL;
  memset(address, 0, sizeof *address);
  if (bracket) return uv_ip6_addr(host, (int)port, (void*)address);
  return uv_ip4_addr(host, (int)port, (void*)address);
}

static int is_loopback(const struct sockaddr_storage* address) {
  const struct sockaddr_in* four = (const void*)address;
  const struct sockaddr_in6* six = (const void*)address;
  if (address->ss_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
  return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

/* From 1 to a billion; 0: it is not. */
static uint64_t parse_number(const char* text) {
  char* end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  int good = errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
  return good && number <= 1000000000 ? number : 0;
}

static const char usage[] =
    "usage: example-sse [OPTION]... TOPIC...\n"
    "  --listen ADDRESS[:PORT]  default: 127.0.0.1:8080; port 0: any\n"
    "  --host NAME              what a proxy in front asks for\n"
    "  --pages FOLDER           of index.html, live.js and live.css\n"
    "  --ring N                 events kept for browsers that come back\n"
    "  --queue BYTES            that may wait for one browser\n"
    "  --connections N          at most\n"
    "  --heartbeat-ms N  --request-ms N  --retry-ms N\n";

enum { OPTION_LISTEN, OPTION_HOST, OPTION_PAGES, OPTION_NUMBERS };

static const struct option options_known[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"host", required_argument, NULL, OPTION_HOST},
    {"pages", required_argument, NULL, OPTION_PAGES},
    {"ring", required_argument, NULL, OPTION_NUMBERS},
    {"queue", required_argument, NULL, OPTION_NUMBERS + 1},
    {"connections", required_argument, NULL, OPTION_NUMBERS + 2},
    {"heartbeat-ms", required_argument, NULL, OPTION_NUMBERS + 3},
    {"request-ms", required_argument, NULL, OPTION_NUMBERS + 4},
    {"retry-ms", required_argument, NULL, OPTION_NUMBERS + 5},
    {0},
};

static int set_number(struct arguments* arguments, int index,
                      const char* text) {
  struct server_options* server = &arguments->server;
  uint64_t number = parse_number(text);
  switch (index) {
  case 0: arguments->ring_count_max = (size_t)number; break;
  case 1: server->queue_size_max = (size_t)number; break;
  case 2: server->connection_count_max = (size_t)number; break;
  case 3: server->heartbeat_ms = number; break;
  case 4: server->request_ms = number; break;
  default: server->retry_ms = number; break;
  }
  return number == 0 ? UV_EINVAL : 0;
}

static int set_option(struct arguments* arguments, int option,
                      const char* text) {
  switch (option) {
  case OPTION_LISTEN: return parse_address(text, &arguments->server.address);
  case OPTION_HOST: arguments->server.host = text; return 0;
  case OPTION_PAGES: arguments->server.page_folder = text; return 0;
  default: break;
  }
  if (option < OPTION_NUMBERS) return UV_EINVAL;
  return set_number(arguments, option - OPTION_NUMBERS, text);
}

static int parse_arguments(struct arguments* arguments, int argc, char** argv) {
  *arguments = (struct arguments){
      .ring_count_max = RING_COUNT_MAX,
      .server = {.page_folder = EXAMPLE_SSE_PAGES,
                 /* Below the usual limit of 1024 files: the client needs some,
                  * to come back as well. */
                 .connection_count_max = 900,
                 .queue_size_max = QUEUE_SIZE_MAX,
                 .request_ms = 15000,
                 .heartbeat_ms = 15000,
                 .retry_ms = 2000},
  };
  parse_address("127.0.0.1:8080", &arguments->server.address);
  for (;;) {
    int option = getopt_long(argc, argv, "", options_known, NULL);
    if (option == -1) break;
    bool known = option != '?';
    if (!known || set_option(arguments, option, optarg) != 0) return UV_EINVAL;
  }
  arguments->topics = (const char* const*)(argv + optind);
  arguments->topic_count = (size_t)(argc - optind);
  return arguments->topic_count == 0 ? UV_EINVAL : 0;
}

int main(int argc, char** argv) {
  struct arguments arguments;
  gcn_options_t options;
  char why[256];
  if (parse_arguments(&arguments, argc, argv) != 0) {
    fputs(usage, stderr);
    return 2;
  }
  if (!is_loopback(&arguments.server.address))
    fprintf(stderr, "whoever reaches this address can read the events\n");
  read_environment(&options);
  if (gcn_options_check(&options, why, sizeof why) != 0) {
    fprintf(stderr, "%s\n", why);
    return 2;
  }
  /* libuv's writes raise it when a browser is gone. */
  signal(SIGPIPE, SIG_IGN);
  return run(&options, &arguments);
}
