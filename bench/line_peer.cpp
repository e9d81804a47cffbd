#include "line_peer.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <system_error>
#include <utility>

#include "harness.hpp"

namespace bench {
namespace {

constexpr int ready_seconds = 30;
constexpr int sample_seconds = 120;

}  // namespace

line_peer::line_peer(const std::vector<std::string>& command, const std::string& hint)
    : name_(command.front()) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  fd_ = ends[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    pid_ = -1;
    close();
    throw peer_missing(fmt::format("{} cannot be started: {}; {}", name_,
                                   std::generic_category().message(error), hint));
  }
  std::string line;
  try {
    line = read_line(ready_seconds);
  } catch (const std::exception&) {
  }
  if (line != "ready") {
    close();
    throw peer_missing(fmt::format("{} did not get ready; {}", name_, hint));
  }
}

line_peer::~line_peer() { close(); }

void line_peer::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (pid_ < 0) return;
  // The end of its input ends it; a peer that hangs is ended.
  for (int i = 0; i < 200; ++i) {
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR)) {
      pid_ = -1;
      return;
    }
    ::usleep(10'000);
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

std::string line_peer::read_line(int seconds) {
  for (;;) {
    const std::size_t end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    pollfd one{fd_, POLLIN, 0};
    const int ready = ::poll(&one, 1, seconds * 1000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) throw std::runtime_error(fmt::format("no answer for {} s", seconds));
    char bytes[256];
    const ssize_t got = ::read(fd_, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("it ended instead of answering");
    buffered_.append(bytes, static_cast<std::size_t>(got));
  }
}

double line_peer::sample(long n) {
  const std::string question = fmt::format("{}\n", n);
  if (::send(fd_, question.data(), question.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(question.size()))
    throw std::runtime_error("it has ended");
  const std::string answer = read_line(sample_seconds);
  double each = 0;
  long sum = 0;
  if (std::sscanf(answer.c_str(), "%lf %ld", &each, &sum) != 2)
    throw std::runtime_error(fmt::format("it answered '{}'", answer));
  require_sum(sum, n, name_.c_str());
  return each;
}

int line_peer::serve(double (*run)(long n, long& sum)) {
  std::puts("ready");
  std::fflush(stdout);
  for (long n = 0; std::scanf("%ld", &n) == 1;) {
    long sum = 0;
    const double each = run(n, sum);
    std::printf("%.17g %ld\n", each, sum);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace bench
