/* SPDX-License-Identifier: MIT */
/*
 * How a client comes and goes.
 *
 * Everything that can fail happens before anything is put on the loop, so a
 * failed gcn_client_new leaves nothing there.  The way out is one: the engine
 * reaches CLOSED, the handles are closed, and the last one to leave the loop
 * ends the client.
 */
#include "base/assert.h"
#include "base/err.h"
#include "client/options.h"
#include "client/pump.h"
#include "loop/system.h"

/* Newer than compiled against is fine within a major version. */
static bool uv_fits(unsigned version) {
  return version >> 16 == UV_VERSION_MAJOR && version >= UV_VERSION_HEX;
}

static void log_line(void* ctx, enum gcn__log_level level, const char* line) {
  struct gcn_client_s* client = ctx;
  if (client->closing) return;
  gcn__logger_write(&client->logger, client->data, (gcn_log_level_t)level, line,
                    uv_now(client->loop));
}

static int make_engine(struct gcn_client_s* client,
                       const struct gcn__config* config) {
  struct gcn__engine_options options = {
      .mem = client->mem,
      .log = {.write = log_line,
              .ctx = client,
              .level = (enum gcn__log_level)config->options.log_level},
      .settings = config->settings,
      .tls = client->tls,
      .entropy = client->tls == NULL ? gcn__system_entropy()
                                     : gcn__tls_config_entropy(client->tls),
      .seed = config->options.seed,
      .login_url = config->login_url,
      .api_url = config->api_url,
      .domain = config->domain,
      .client_id = config->options.client_id,
      .client_secret = config->options.client_secret,
      .user_agent = config->user_agent,
      .plaintext = config->options.allow_plaintext != 0,
  };
  const struct gcn__entropy* entropy = &options.entropy;
  if (options.seed == 0 &&
      entropy->fill(entropy->ctx, &options.seed, sizeof options.seed) != 0) {
    return GCN_EENTROPY;
  }
  return gcn__engine_new(&options, &client->engine);
}

static void take_options(struct gcn_client_s* client, uv_loop_t* loop,
                         const struct gcn__config* config) {
  const gcn_options_t* options = &config->options;
  client->mem = config->mem;
  client->loop = loop;
  client->thread = uv_thread_self();
  client->pid = getpid();
  client->data = options->data;
  client->call = (struct gcn__callbacks){
      .event = options->event_cb,
      .state = options->state_cb,
      .topic = options->topic_cb,
      .gap = options->gap_cb,
      .heartbeat = options->heartbeat_cb,
      .notice = options->notice_cb,
  };
  client->logger.call = options->log_cb;
  client->logger.level = options->log_level;
  client->resolver = &gcn__resolver_system;
  client->referenced = true;
  client->state = GCN_IDLE;
  client->state_since_ms = uv_now(loop);
  gcn__list_init(&client->links);
}

/* Everything but the handles and the mailbox. */
static void free_parts(struct gcn_client_s* client) {
  struct gcn__mem mem = client->mem;
  gcn__engine_free(client->engine);
  gcn__tls_config_release(client->tls);
  gcn__free(&mem, client->read_buffer, GCN__READ_BUFFER_SIZE);
  gcn__free(&mem, client, sizeof *client);
}

/* The steps that may fail; the last one puts the async handle on the loop. */
static int make_parts(struct gcn_client_s* client,
                      const struct gcn__config* config,
                      char why[GCN__WHY_SIZE]) {
  int error = gcn__config_load_tls(config, &client->mem, &client->tls, why);
  if (error != 0) return error;
  error = make_engine(client, config);
  if (error != 0) return error;
  client->read_buffer = gcn__alloc(&client->mem, GCN__READ_BUFFER_SIZE);
  if (client->read_buffer == NULL) return UV_ENOMEM;
  error = gcn__mailbox_init(&client->mailbox);
  if (error != 0) return error;
  error = uv_async_init(client->loop, &client->async, gcn__pump_wake);
  if (error != 0) gcn__mailbox_deinit(&client->mailbox);
  return error;
}

static void complain(const struct gcn__config* config, int error,
                     const char* why) {
  const gcn_options_t* options = &config->options;
  bool known = error == GCN_ECONFIG && why[0] != '\0';
  if (known && options->log_cb != NULL) {
    options->log_cb(options->data, GCN_LOG_ERROR, why);
  }
}

int gcn_client_new(gcn_client_t** out, uv_loop_t* loop,
                   const gcn_options_t* options) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  if (out == NULL || loop == NULL || options == NULL) return UV_EINVAL;
  if (!uv_fits(uv_version())) return GCN_EUVVERSION;
  int error = gcn__config_make(options, &config, why);
  if (error != 0) {
    complain(&config, error, why);
    return error;
  }
  gcn_client_t* client = gcn__alloc_zero(&config.mem, sizeof *client);
  if (client == NULL) return UV_ENOMEM;
  take_options(client, loop, &config);
  error = make_parts(client, &config, why);
  if (error != 0) {
    free_parts(client);
    complain(&config, error, why);
    return error;
  }
  client->async.data = client;
  gcn__alarm_init(&client->alarm, loop, gcn__pump_alarm, client);
  client->hold_count = 2;
  *out = client;
  return 0;
}

static void cancel_posts(struct gcn_client_s* client) {
  struct gcn__post* post = gcn__mailbox_take_posts(&client->mailbox);
  while (post != NULL) {
    struct gcn__post* next = post->next;
    post->call(client, UV_ECANCELED, post->arg);
    gcn__post_free(post);
    post = next;
  }
}

void gcn__client_release(void* ctx) {
  struct gcn_client_s* client = ctx;
  GCN__ASSERT(client->hold_count > 0);
  if (--client->hold_count > 0) return;
  GCN__ASSERT(client->leaving && gcn__list_empty(&client->links));
  cancel_posts(client);
  client->state = GCN_CLOSED;
  if (client->close_cb != NULL) client->close_cb(client);
  gcn__mailbox_deinit(&client->mailbox);
  free_parts(client);
}

static void on_async_closed(uv_handle_t* handle) {
  gcn__client_release(handle->data);
}

static void on_alarm_closed(uv_handle_t* handle) {
  const struct gcn__alarm* alarm = handle->data;
  gcn__client_release(alarm->ctx);
}

void gcn__client_leave(struct gcn_client_s* client) {
  GCN__ASSERT(client->closing && !client->leaving);
  client->leaving = true;
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    struct gcn__link* link = client->wires[i];
    client->wires[i] = NULL;
    if (link != NULL) gcn__link_drop(link, false);
  }
  uv_close((uv_handle_t*)&client->alarm.handle, on_alarm_closed);
  uv_close((uv_handle_t*)&client->async, on_async_closed);
}

static void set_handle_ref(uv_handle_t* handle, bool referenced) {
  if (referenced) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void gcn__client_set_ref(struct gcn_client_s* client, bool referenced) {
  client->referenced = referenced;
  set_handle_ref((uv_handle_t*)&client->async, referenced);
  set_handle_ref((uv_handle_t*)&client->alarm.handle, referenced);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (client->wires[i] == NULL) continue;
    gcn__link_ref(client->wires[i], referenced);
  }
}

int gcn_client_abandon(gcn_client_t* client) {
  if (client == NULL || client->pid == getpid()) return UV_EINVAL;
  while (!gcn__list_empty(&client->links)) {
    gcn__link_abandon(gcn__link_of(client->links.next));
  }
  gcn__mailbox_abandon(&client->mailbox);
  free_parts(client);
  return 0;
}
