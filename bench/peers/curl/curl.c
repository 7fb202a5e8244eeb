/* SPDX-License-Identifier: MIT */
/*
 * libcurl's WebSocket interface in its CONNECT_ONLY form, one easy handle for
 * each connection; it waits in poll.  libcurl checks no UTF-8.  Where libcurl
 * was built without ws (it is an experiment before 8.11), it says so.
 */
#include "common/tally.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if LIBCURL_VERSION_NUM < 0x080000
typedef struct curl_ws_frame* frame_info;
#else
typedef const struct curl_ws_frame* frame_info;
#endif

struct stream {
  CURL* curl;
  size_t size; /* of the message so far */
  char text[TALLY_MESSAGE_MAX];
};

static void check(CURLcode code) {
  if (code != CURLE_OK) tally_die(1, curl_easy_strerror(code));
}

static bool speaks_ws(void) {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  for (const char* const* name = info->protocols; *name != NULL; name++) {
    if (strcmp(*name, "wss") == 0) return true;
  }
  return false;
}

static void dial(struct stream* stream, const struct tally_plan* plan) {
  stream->curl = curl_easy_init();
  if (stream->curl == NULL) tally_die(1, "no handle");
  check(curl_easy_setopt(stream->curl, CURLOPT_URL, plan->url));
  check(curl_easy_setopt(stream->curl, CURLOPT_CONNECT_ONLY, 2L));
  if (plan->tls) {
    check(curl_easy_setopt(stream->curl, CURLOPT_CAINFO, plan->ca));
  }
  check(curl_easy_perform(stream->curl));
}

/* Until there is nothing more to read. */
static void drain(struct stream* stream) {
  while (!tally_done()) {
    frame_info frame = NULL;
    size_t got = 0;
    CURLcode code =
        curl_ws_recv(stream->curl, stream->text + stream->size,
                     sizeof stream->text - stream->size, &got, &frame);
    if (code == CURLE_AGAIN) return;
    check(code);
    if (frame == NULL || !(frame->flags & CURLWS_TEXT)) continue;
    stream->size += got;
    if (frame->bytesleft > 0) continue;
    tally_event(stream->text, stream->size);
    stream->size = 0;
  }
}

static void ping(struct stream* stream) {
  size_t sent = 0;
  tally_sent();
  check(curl_ws_send(stream->curl, TALLY_PING, sizeof TALLY_PING - 1, &sent, 0,
                     CURLWS_TEXT));
}

static void serve(struct stream* stream, const struct tally_plan* plan) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  check(curl_easy_getinfo(stream->curl, CURLINFO_ACTIVESOCKET, &fd));
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  drain(stream);
  while (!tally_done()) {
    if (plan->mode == TALLY_PINGPONG) ping(stream);
    poll(&wait, 1, -1);
    drain(stream);
  }
}

int main(int argc, char** argv) {
  const struct tally_plan* plan = tally_begin(argc, argv);
  if (!speaks_ws()) {
    fprintf(stderr, "%s was built without ws\n", curl_version());
    return TALLY_CANNOT_RUN;
  }
  bool idle = plan->mode == TALLY_IDLE;
  if (plan->connections != 1 && !idle) {
    tally_die(TALLY_CANNOT_RUN, "it reads from one connection only");
  }
  struct stream* stream = calloc(1, sizeof *stream);
  if (stream == NULL) tally_die(1, "no memory");
  check(curl_global_init(CURL_GLOBAL_DEFAULT));
  tally_start();
  for (unsigned i = 0; i < plan->connections; i++) {
    dial(stream, plan);
    tally_open();
  }
  if (idle) {
    usleep(TALLY_SETTLE_MS * 1000);
  } else {
    serve(stream, plan);
  }
  return tally_leave("curl", curl_version_info(CURLVERSION_NOW)->version);
}
