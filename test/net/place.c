/* SPDX-License-Identifier: MIT */
/*
 * Commands are those of iproute2 and nftables; helpers die with the case.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMAND_SIZE = 1024 };

/* --- entering ------------------------------------------------------------- */

static int write_all(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  ssize_t size = (ssize_t)strlen(text);
  int error = write(fd, text, (size_t)size) == size ? 0 : errno;
  close(fd);
  return error;
}

void place_write(const char* path, const char* text) {
  int error = write_all(path, text);
  if (error != 0) fail_msg("%s: %s", path, strerror(error));
}

/* Who is not root becomes it where that concerns nobody else. */
static int enter_as_root(int what) {
  char map[64];
  unsigned uid = getuid();
  unsigned gid = getgid();
  if (unshare(CLONE_NEWUSER | what) != 0) return errno;
  (void)write_all("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %u 1", uid);
  int error = write_all("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "0 %u 1", gid);
  return error != 0 ? error : write_all("/proc/self/gid_map", map);
}

int place_enter(void) {
  int what = CLONE_NEWNET | CLONE_NEWNS;
  int error = unshare(what) == 0 ? 0 : errno;
  if (error != 0) error = enter_as_root(what);
  if (error != 0) return error;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return errno;
  return mount("case", PLACE_DIR, "tmpfs", 0, "size=1m") == 0 ? 0 : errno;
}

static bool has_program(const char* name) {
  char command[128];
  snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
  return system(command) == 0;
}

/* Exit status 0, or why on stdout. */
static void try_it(void) {
  static const char* const programs[] = {"ip", "nft", "tc", "ss", "dnsmasq"};
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    if (has_program(programs[i])) continue;
    printf("there is no program %s", programs[i]);
    exit(1);
  }
  int error = place_enter();
  if (error != 0) {
    printf("no namespaces can be made here: %s", strerror(error));
    exit(1);
  }
  if (system(
          "{ ip link set lo up && ip link add near type veth peer name far &&"
          " nft add table inet t; } >" PLACE_DIR "/why 2>&1") != 0) {
    printf("no veth pair or no nftables in a namespace: ");
    fflush(stdout);
    (void)!system("head -n 1 " PLACE_DIR "/why | tr -d '\\n#'");
    exit(1);
  }
  exit(0);
}

bool place_possible(char* why, size_t why_size) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    try_it();
  }
  close(ends[1]);
  size_t size = 0;
  ssize_t got;
  while (size + 1 < why_size &&
         (got = read(ends[0], why + size, why_size - 1 - size)) > 0)
    size += (size_t)got;
  why[size] = '\0';
  close(ends[0]);
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  return status == 0;
}

/* --- commands ------------------------------------------------------------- */

void place_skip(const char* why) {
  printf("SKIP %s\n", why);
  fflush(stdout);
  _exit(PLACE_SKIPPED);
}

__attribute__((format(printf, 2, 0))) static void
expand(char command[COMMAND_SIZE], const char* format, va_list args) {
  int size = vsnprintf(command, COMMAND_SIZE, format, args);
  assert_in_range(size, 1, COMMAND_SIZE - 1);
  fflush(NULL); /* what it prints comes behind what we printed */
}

static void run(const char* command) {
  int status = system(command);
  if (status != 0) fail_msg("status %d: %s", status, command);
}

void place_run(const char* format, ...) {
  char command[COMMAND_SIZE];
  va_list args;
  va_start(args, format);
  expand(command, format, args);
  va_end(args);
  run(command);
}

void place_run_far(const struct place* place, const char* format, ...) {
  char command[COMMAND_SIZE];
  va_list args;
  va_start(args, format);
  expand(command, format, args);
  va_end(args);
  place_go_far(place);
  run(command);
  place_come_back(place);
}

void place_want(const char* what, const char* format, ...) {
  char command[COMMAND_SIZE];
  va_list args;
  va_start(args, format);
  expand(command, format, args);
  va_end(args);
  if (system(command) != 0) place_skip(what);
}

void place_rule(const char* chain, const char* format, ...) {
  char rule[COMMAND_SIZE];
  va_list args;
  va_start(args, format);
  expand(rule, format, args);
  va_end(args);
  place_run("nft 'add rule inet faults %s %s'", chain, rule);
}

void place_clear(void) {
  place_run("nft 'flush chain inet faults in; flush chain inet faults out'");
}

unsigned place_counted(void) {
  unsigned count = 0;
  unsigned packets;
  char line[512];
  FILE* list = popen("nft list table inet faults", "re");
  assert_non_null(list);
  while (fgets(line, sizeof line, list) != NULL) {
    const char* at = strstr(line, "counter packets ");
    if (at != NULL && sscanf(at, "counter packets %u", &packets) == 1) {
      count += packets;
    }
  }
  pclose(list);
  return count;
}

/* --- the two sides -------------------------------------------------------- */

static int side_here(void) {
  int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  return fd;
}

void place_go_far(const struct place* place) {
  assert_int_equal(setns(place->far_fd, CLONE_NEWNET), 0);
}

void place_come_back(const struct place* place) {
  assert_int_equal(setns(place->near_fd, CLONE_NEWNET), 0);
}

/* TUN devices are made by whoever serves them. */
static void lay_cable(const struct place* place) {
  int self = (int)getpid();
  place_run(
      "ip link add name near type veth peer name far netns /proc/%d/fd/%d",
      self, place->far_fd);
}

void place_open(struct place* place, enum place_road road) {
  memset(place, 0, sizeof *place);
  place->far_fd = side_here();
  place_run("ip link set lo up");
  assert_int_equal(unshare(CLONE_NEWNET), 0);
  place->near_fd = side_here();
  place_run("ip link set lo up");
  place_run("nft 'add table inet faults;"
            " add chain inet faults in {type filter hook input priority 0;};"
            " add chain inet faults out {type filter hook output"
            " priority 0;}'");
  if (road != PLACE_CABLE) return;
  lay_cable(place);
  place_run("ip addr add " NEAR_IP "/24 dev near && ip link set near up");
  place_run_far(place, "ip addr add " FAR_IP "/24 dev far &&"
                       " ip addr add " FAR_IP_2 "/24 dev far &&"
                       " ip link set far up");
}

void place_close(struct place* place) {
  place_resolve_no_more(place);
  close(place->near_fd);
  close(place->far_fd);
}

/* --- names ---------------------------------------------------------------- */

static void put_over(const char* path, const char* own, const char* text) {
  place_write(own, text);
  if (access(path, F_OK) != 0) return; /* then the C library's defaults serve */
  if (mount(own, path, NULL, MS_BIND, NULL) != 0) {
    place_skip("nothing can be mounted over the resolver's files");
  }
}

void place_names(void) {
  if (access("/etc/resolv.conf", F_OK) != 0) {
    place_skip("there is no /etc/resolv.conf to mount over");
  }
  put_over("/etc/resolv.conf", PLACE_DIR "/resolv.conf",
           "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  put_over("/etc/hosts", PLACE_DIR "/hosts", "127.0.0.1 localhost\n");
  put_over("/etc/nsswitch.conf", PLACE_DIR "/nsswitch.conf",
           "hosts: files dns\n");
}

static void pause_ms(long delay_ms) {
  struct timespec delay = {0, delay_ms * 1000000};
  nanosleep(&delay, NULL);
}

/* Somebody has UDP port 53 of the near side. */
static bool is_served(void) {
  char line[256];
  bool found = false;
  FILE* sockets = fopen("/proc/self/net/udp", "re");
  assert_non_null(sockets);
  while (fgets(line, sizeof line, sockets) != NULL)
    found = found || strstr(line, ":0035 ") != NULL;
  fclose(sockets);
  return found;
}

static pid_t spawn(void) {
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return child;
}

static void await_server(struct place* place) {
  for (int i = 0; i < 500 && !is_served(); i++) {
    assert_int_equal(waitpid(place->resolver, NULL, WNOHANG), 0);
    pause_ms(10);
  }
  assert_true(is_served());
}

void place_resolve(struct place* place, const char* hosts, const char* option) {
  place_resolve_no_more(place);
  place_write(PLACE_DIR "/names", hosts);
  place->resolver = spawn();
  if (place->resolver == 0) {
    execlp("dnsmasq", "dnsmasq", "--no-daemon", "--conf-file=/dev/null",
           "--pid-file=", "--no-resolv", "--no-hosts", "--no-round-robin",
           "--local=/test/", "--listen-address=127.0.0.1", "--bind-interfaces",
           "--log-facility=" PLACE_DIR "/log",
           "--addn-hosts=" PLACE_DIR "/names", option, (char*)NULL);
    _exit(127);
  }
  await_server(place);
}

/* The log says when the file has been read again. */
static unsigned times_read(void) {
  unsigned count = 0;
  char line[512];
  FILE* log = fopen(PLACE_DIR "/log", "re");
  assert_non_null(log);
  while (fgets(line, sizeof line, log) != NULL)
    count += strstr(line, "read " PLACE_DIR "/names") != NULL;
  fclose(log);
  return count;
}

void place_rename(const struct place* place, const char* hosts) {
  unsigned before = times_read();
  place_write(PLACE_DIR "/names", hosts);
  assert_int_equal(kill(place->resolver, SIGHUP), 0);
  for (int i = 0; i < 500 && times_read() == before; i++)
    pause_ms(10);
  assert_true(times_read() > before);
}

static void answer_badly(int fd, unsigned rcode) {
  unsigned char question[512];
  for (;;) {
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t size = recvfrom(fd, question, sizeof question, 0,
                            (struct sockaddr*)&from, &from_size);
    if (size < 12) continue;
    question[2] = 0x81; /* an answer; recursion was desired */
    question[3] = (unsigned char)(0x80 | rcode);
    sendto(fd, question, (size_t)size, 0, (const struct sockaddr*)&from,
           from_size);
  }
}

void place_resolve_badly(struct place* place, unsigned rcode) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(53)};
  place_resolve_no_more(place);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (const struct sockaddr*)&name, sizeof name), 0);
  place->resolver = spawn();
  if (place->resolver == 0) answer_badly(fd, rcode);
  close(fd);
}

void place_resolve_no_more(struct place* place) {
  if (place->resolver == 0) return;
  kill(place->resolver, SIGKILL);
  waitpid(place->resolver, NULL, 0);
  place->resolver = 0;
}
