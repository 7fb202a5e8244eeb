/* SPDX-License-Identifier: MIT */
/*
 * The process has one queue for both directions, ordered by nothing: the next
 * packet is the one that is due first.
 */
#include "wire.h"

#include "base/rng.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  PACKET_SIZE_MAX = 2048,
  PACKETS_MAX = 1024, /* more than these are lost, as in any router */
  IP_HEAD_MIN = 20,
  TCP_HEAD_MIN = 20,
  TCP_NUMBER = 6,
};

struct packet {
  bool waits;
  unsigned to; /* which end */
  uint64_t due_ms;
  size_t size;
  unsigned char bytes[PACKET_SIZE_MAX];
};

struct road {
  int fds[2];
  const volatile struct wire_terms* terms;
  struct gcn__rng rng;
  struct packet packets[PACKETS_MAX];
};

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- changing a packet ---------------------------------------------------- */

static uint32_t sum_words(uint32_t sum, const unsigned char* bytes,
                          size_t size) {
  for (size_t i = 0; i < size; i++)
    sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
  return sum;
}

static void fix_checksum(unsigned char* ip, unsigned char* tcp, size_t size) {
  tcp[16] = tcp[17] = 0;
  uint32_t sum = TCP_NUMBER + (uint32_t)size;
  sum = sum_words(sum, ip + 12, 8); /* both addresses */
  sum = sum_words(sum, tcp, size);
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  tcp[16] = (unsigned char)(~sum >> 8 & 0xff);
  tcp[17] = (unsigned char)(~sum & 0xff);
}

/* Changes the last byte of what TCP carries; nothing if it carries nothing. */
static void change(struct packet* packet, bool forge) {
  unsigned char* ip = packet->bytes;
  if (packet->size < IP_HEAD_MIN + TCP_HEAD_MIN) return;
  if (ip[0] >> 4 != 4 || ip[9] != TCP_NUMBER) return;
  size_t ip_head = (ip[0] & 15u) * 4u;
  unsigned char* tcp = ip + ip_head;
  size_t tcp_size = packet->size - ip_head;
  size_t tcp_head = (tcp[12] >> 4) * 4u;
  if (tcp_size <= tcp_head) return;
  tcp[tcp_size - 1] ^= 0x5a;
  if (forge) fix_checksum(ip, tcp, tcp_size);
}

/* --- the road ------------------------------------------------------------- */

static bool happens(struct road* road, uint32_t chance) {
  return gcn__rng_below(&road->rng, 1000) < chance;
}

static void queue(struct road* road, const struct packet* from) {
  const volatile struct wire_terms* terms = road->terms;
  size_t i = 0;
  while (i < PACKETS_MAX && road->packets[i].waits)
    i++;
  if (i == PACKETS_MAX) return;
  struct packet* packet = &road->packets[i];
  *packet = *from;
  packet->waits = true;
  packet->due_ms = now_ms() + terms->delay_ms +
                   gcn__rng_below(&road->rng, terms->jitter_ms + 1);
  if (happens(road, terms->damaged)) change(packet, false);
  if (happens(road, terms->forged)) change(packet, true);
}

static void take(struct road* road, unsigned end) {
  static struct packet packet;
  ssize_t size = read(road->fds[end], packet.bytes, PACKET_SIZE_MAX);
  if (size <= 0) return;
  packet.size = (size_t)size;
  packet.to = 1 - end;
  if (happens(road, road->terms->lost)) return;
  queue(road, &packet);
  if (happens(road, road->terms->doubled)) queue(road, &packet);
}

static struct packet* next_packet(struct road* road) {
  struct packet* next = NULL;
  for (size_t i = 0; i < PACKETS_MAX; i++) {
    struct packet* packet = &road->packets[i];
    if (!packet->waits) continue;
    if (next == NULL || packet->due_ms < next->due_ms) next = packet;
  }
  return next;
}

/* Puts out what is due; returns how long nothing is, -1: until something comes.
 */
static int give(struct road* road) {
  for (;;) {
    struct packet* packet = next_packet(road);
    if (packet == NULL) return -1;
    uint64_t now = now_ms();
    if (packet->due_ms > now) return (int)(packet->due_ms - now);
    /* A link that is down takes nothing: then it is lost. */
    (void)!write(road->fds[packet->to], packet->bytes, packet->size);
    packet->waits = false;
  }
}

__attribute__((noreturn)) static void
serve(const int fds[2], const volatile struct wire_terms* terms) {
  static struct road road;
  road.terms = terms;
  gcn__rng_seed(&road.rng, 77);
  for (unsigned i = 0; i < 2; i++)
    road.fds[i] = fds[i];
  for (;;) {
    struct pollfd polls[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
    int wait_ms = give(&road);
    if (poll(polls, 2, wait_ms) <= 0) continue;
    for (unsigned i = 0; i < 2; i++) {
      if (polls[i].revents != 0) take(&road, i);
    }
  }
}

/* --- for the test --------------------------------------------------------- */

static int open_end(const char* name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) place_skip("no /dev/net/tun that may be opened");
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    place_skip("no TUN device can be made");
  }
  return fd;
}

void wire_open(struct wire* wire, const struct place* place) {
  int fds[2];
  void* shared = mmap(NULL, sizeof *wire->terms, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  wire->terms = shared;
  place_go_far(place);
  fds[0] = open_end("far");
  place_run("ip addr add " FAR_IP "/24 dev far && ip link set far up mtu 1500");
  place_come_back(place);
  fds[1] = open_end("near");
  place_run("ip addr add " NEAR_IP
            "/24 dev near && ip link set near up mtu 1500");
  wire->pid = fork();
  assert_true(wire->pid >= 0);
  if (wire->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(fds, wire->terms);
  }
  close(fds[0]);
  close(fds[1]);
}

void wire_close(struct wire* wire) {
  kill(wire->pid, SIGKILL);
  waitpid(wire->pid, NULL, 0);
  munmap((void*)(uintptr_t)wire->terms, sizeof *wire->terms);
}
