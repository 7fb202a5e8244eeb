/* SPDX-License-Identifier: MIT */
/*
 * The upgrade and the frames' headers.  The key of the upgrade is that of RFC
 * 6455, so that its accept value can be compared without SHA-1.
 */
#include "common/wire.h"

#include <stdio.h>
#include <string.h>

size_t wire_request(char out[WIRE_REQUEST_MAX], const struct tally_plan* plan) {
  int size = snprintf(out, WIRE_REQUEST_MAX,
                      "GET %s HTTP/1.1\r\n"
                      "Host: %s:%s\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      "Sec-WebSocket-Version: 13\r\n\r\n",
                      plan->path, plan->host, plan->port);
  if (size < 0 || size >= WIRE_REQUEST_MAX) tally_die(2, "a long URL");
  return (size_t)size;
}

size_t wire_answer(const char* data, size_t size) {
  static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  const char* end = memmem(data, size, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  size_t head = (size_t)(end - data) + 4;
  if (head < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
    tally_die(1, "the source did not upgrade");
  }
  if (memmem(data, head, accept, sizeof accept - 1) == NULL) {
    tally_die(1, "a wrong Sec-WebSocket-Accept");
  }
  return head;
}

/* How many bytes the header has, as far as its first two tell. */
static size_t header_need(const struct wire_frames* frames) {
  if (frames->header_size < 2) return 2;
  unsigned length = frames->header[1] & 127;
  return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static uint64_t header_payload(const unsigned char* header) {
  uint64_t length = header[1] & 127;
  if (length < 126) return length;
  size_t size = length == 126 ? 2 : 8;
  length = 0;
  for (size_t i = 0; i < size; i++)
    length = length << 8 | header[2 + i];
  return length;
}

static void frame_ends(struct wire_frames* frames) {
  bool text = (frames->header[0] & 15) == 1;
  frames->inside = false;
  frames->header_size = 0;
  if (text) tally_event(NULL, frames->payload);
}

void wire_count(struct wire_frames* frames, const unsigned char* data,
                size_t size) {
  const unsigned char* end = data + size;
  while (data < end || (frames->inside && frames->rest == 0)) {
    if (frames->inside) {
      uint64_t left = (uint64_t)(end - data);
      uint64_t step = frames->rest < left ? frames->rest : left;
      data += step;
      frames->rest -= step;
      if (frames->rest == 0) frame_ends(frames);
      continue;
    }
    frames->header[frames->header_size++] = *data++;
    if (frames->header_size < header_need(frames)) continue;
    frames->payload = frames->rest = header_payload(frames->header);
    frames->inside = true;
  }
}

size_t wire_ping(unsigned char out[64]) {
  static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
  static const char text[] = TALLY_PING;
  size_t size = sizeof text - 1;
  out[0] = 0x81;
  out[1] = (unsigned char)(0x80 | size);
  memcpy(out + 2, mask, sizeof mask);
  for (size_t i = 0; i < size; i++) {
    out[6 + i] = (unsigned char)text[i] ^ mask[i % 4];
  }
  return 6 + size;
}
