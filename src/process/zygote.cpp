#include "process/zygote.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "os/message_socket.hpp"
#include "os/pidfd.hpp"
#include "process/code_address.hpp"
#include "process/worker.hpp"
#include "process/zygote_protocol.hpp"

namespace trine::process_layer {
namespace {

// Threads that a sanitizer's runtime starts by itself.
#if defined(__SANITIZE_THREAD__)
#define TRINE_OWN_THREADS 2
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRINE_OWN_THREADS 2
#endif
#endif
#ifndef TRINE_OWN_THREADS
#define TRINE_OWN_THREADS 1
#endif

struct live_worker {
  std::uint64_t serial;
  pid_t pid;
};

class zygote {
 public:
  zygote(char* title, int owner) : title_(title), owner_(owner) {}
  int run();

 private:
  bool greet();
  void serve_requests();
  void fork_worker(const zygote_message& request, os::received& with);
  void reap();
  void end();
  bool send(const zygote_message& m, std::span<const int> fds = {});

  char* title_;  // argv[0], as ps shows it
  int owner_;
  int signals_ = -1;
  bool parent_gone_ = false;
  std::vector<live_worker> workers_;
};

int count_threads() {
  DIR* dir = opendir("/proc/self/task");
  if (dir == nullptr) return 1;
  int n = 0;
  while (const dirent* e = readdir(dir))
    if (e->d_name[0] != '.') ++n;
  closedir(dir);
  return n;
}

bool zygote::send(const zygote_message& m, std::span<const int> fds) {
  while (!os::send_message(zygote_socket, &m, sizeof m, fds)) {
    if (errno != EAGAIN && errno != ENOBUFS && errno != ETOOMANYREFS) {
      parent_gone_ = true;
      return false;
    }
    // The parent is slow to read; it will, or it will die.
    pollfd p{zygote_socket, POLLOUT, 0};
    poll(&p, 1, 10);
  }
  return true;
}

bool zygote::greet() {
  zygote_message m{};
  if (count_threads() > TRINE_OWN_THREADS) {
    m.verb = zygote_verb::refused;
    std::snprintf(m.text, sizeof m.text,
                  "trine: process units cannot be used in this program, because its static "
                  "constructors start threads, which a forked worker would lack; start them from "
                  "main");
    send(m);
    return false;
  }
  m.verb = zygote_verb::hello;
  m.version = zygote_version;
  const std::string_view id = main_identity();
  m.pid = static_cast<std::int32_t>(id.size());
  std::memcpy(m.text, id.data(), id.size() < sizeof m.text ? id.size() : sizeof m.text);
  return send(m);
}

int zygote::run() {
  // Whoever sets the marker by hand gets a sentence, not a program that hangs.
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(zygote_socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
      peer.pid != owner_) {
    std::fprintf(stderr,
                 "trine: the environment variable TRINE_ZYGOTE is set, which only Trine itself may "
                 "do; unset it\n");
    return 2;
  }
  prctl(PR_SET_NAME, "trine-zygote");
  fcntl(zygote_socket, F_SETFD, FD_CLOEXEC);
  fcntl(reply_event, F_SETFD, FD_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return 1;
  // Static constructors may have asked that children vanish unseen.
  struct sigaction normal {};
  normal.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &normal, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  signals_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0 || !greet()) return 1;
  // What constructors have printed must not be printed by each worker again.
  std::fflush(nullptr);
  while (!parent_gone_) {
    pollfd p[2] = {{zygote_socket, POLLIN, 0}, {signals_, POLLIN, 0}};
    if (poll(p, 2, -1) < 0 && errno != EINTR) break;
    if (p[1].revents != 0) reap();
    if (p[0].revents != 0) serve_requests();
  }
  end();
  return 0;
}

void zygote::serve_requests() {
  zygote_message m;
  // A few at a time, so that deaths are reported meanwhile.
  for (int i = 0; i < 8; ++i) {
    os::received got = os::receive_message(zygote_socket, &m, sizeof m);
    if (got.size < 0 && errno == EAGAIN) return;
    if (got.size != sizeof m) {
      parent_gone_ = true;
      return;
    }
    if (m.verb == zygote_verb::fork) {
      fork_worker(m, got);
    } else if (m.verb == zygote_verb::signal) {
      for (const live_worker& w : workers_)
        if (w.serial == m.serial) kill(w.pid, m.number);
    }
  }
}

void zygote::fork_worker(const zygote_message& request, os::received& with) {
  zygote_message answer{};
  answer.serial = request.serial;
  answer.verb = zygote_verb::failed;
  answer.number = EMFILE;  // descriptors that did not fit were dropped by the kernel
  pid_t pid = -1;
  if (with.fds[0] && with.fds[1] && with.fds[2]) {
    workers_.reserve(workers_.size() + 1);
    const pid_t me = getpid();
    pid = fork();
    if (pid == 0) {
      close(zygote_socket);
      close(signals_);
      worker_main({.parent = me,
                   .channel = with.fds[0].release(),
                   .stderr_pipe = with.fds[1].release(),
                   .segments = with.fds[2].release(),
                   .title = title_});
    }
    answer.number = errno;
  }
  if (pid < 0) {
    send(answer);
    return;
  }
  workers_.push_back({request.serial, pid});
  answer.verb = zygote_verb::forked;
  answer.pid = pid;
  answer.number = 0;
  // Before anyone can reap it: the pidfd is this worker's for certain.
  const os::unique_fd pidfd = os::open_pidfd(pid);
  const int fds[] = {pidfd.get()};
  send(answer, std::span<const int>(fds, pidfd ? 1U : 0U));
}

void zygote::reap() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) > 0) {
  }
  for (;;) {
    int status;
    rusage used{};
    const pid_t pid = wait4(-1, &status, WNOHANG, &used);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;
    for (live_worker& w : workers_) {
      if (w.pid != pid) continue;
      zygote_message m{};
      m.verb = zygote_verb::exited;
      m.serial = w.serial;
      m.pid = pid;
      m.number = status;
      m.cpu_ns = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000'000LL +
                 (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1'000LL;
      m.peak_bytes = used.ru_maxrss * 1024LL;
      w = workers_.back();
      workers_.pop_back();
      if (!parent_gone_) send(m);
      break;
    }
  }
}

void zygote::end() {
  for (const live_worker& w : workers_) kill(w.pid, SIGKILL);
  for (const live_worker& w : workers_) {
    int status;
    while (waitpid(w.pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace

int zygote_main(char** argv, int owner) {
  const int code = zygote(argv[0], owner).run();
  // Static destructors of the program are not the zygote's to run.
  std::fflush(nullptr);
  _exit(code);
}

}  // namespace trine::process_layer
