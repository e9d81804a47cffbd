#include "process/zygote_link.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/clock.hpp"
#include "process/code_address.hpp"
#include "process/program_state.hpp"
#include "process/start_hook.hpp"

namespace trine::process_layer {
namespace {

failure open_self(os::unique_fd& self) {
  self.reset(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self)
    return {
        "trine: process units need to start this program's executable again, and /proc/self/exe "
        "cannot be opened; is /proc mounted?",
        errno};
  if (!is_main_program(self.get()))
    return {
        "trine: process units cannot be used here, because /proc/self/exe is not this program: "
        "it runs under an emulator, an instrumenting tool, or a loader called by hand",
        0};
  return {};
}

}  // namespace

failure zygote_link::launch(int event, const std::vector<std::string>& environment) {
  os::unique_fd self;
  if (failure why = open_self(self)) return why;
  const std::string marker = std::string(zygote_marker) + "=" +
                             std::to_string(nesting_depth() + 1) + ":" + std::to_string(getpid());
  std::vector<char*> envp;
  envp.reserve(environment.size() + 2);
  envp.push_back(const_cast<char*>(marker.c_str()));
  for (const std::string& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
  envp.push_back(nullptr);
  // As ps shows it; a worker overwrites the first word in place.
  std::string title = std::string("trine-zygote ") + program_invocation_short_name;
  char* argv[] = {title.data(), nullptr};
  os::socket_pair sockets;
  try {
    sockets = os::make_socket_pair();
    const int fds[] = {sockets.there.get(), event};
    image_ = os::image::start(
        {.executable = self.get(), .arguments = argv, .environment = envp.data(), .fds = fds});
  } catch (const std::system_error& e) {
    const int error = e.code().value();
    if (error == EPERM || error == ENOSYS || error == EACCES)
      return {
          "trine: a sandbox or a policy forbids this program to start a process, so the zygote, "
          "from which worker processes are made, cannot start; allow clone and execve in its "
          "seccomp filter, or use threads or coroutines",
          error};
    return {
        "trine: the system has no process for the zygote, from which worker processes are made; "
        "raise the limits on processes and files (ulimit -u, -n) or free memory",
        error};
  }
  socket_ = std::move(sockets.here);
  started_at_ = base::now_ns();
  phase_ = phase::starting;
  return {};
}

bool zygote_link::next(zygote_message& m, os::received& with) noexcept {
  if (phase_ == phase::none) return false;
  with = os::receive_message(socket_.get(), &m, sizeof m);
  if (with.size < 0 && errno == EAGAIN) return false;
  if (with.size != static_cast<ssize_t>(sizeof m)) with.size = 0;
  return true;
}

std::string zygote_link::greet(const zygote_message& m) {
  const std::string_view id = main_identity();
  const std::size_t length = id.size() < sizeof m.text ? id.size() : sizeof m.text;
  if (m.version != zygote_version || m.pid != static_cast<std::int32_t>(id.size()) ||
      std::memcmp(m.text, id.data(), length) != 0)
    return "trine: the executable was replaced while the program runs, so no worker process can be "
           "made from it; restart the program";
  phase_ = phase::ready;
  return {};
}

bool zygote_link::fork(std::uint64_t serial, int channel, int stderr_pipe, int segments) noexcept {
  zygote_message m{};
  m.verb = zygote_verb::fork;
  m.serial = serial;
  const int fds[] = {channel, stderr_pipe, segments};
  return os::send_message(socket_.get(), &m, sizeof m, fds);
}

void zygote_link::signal(std::uint64_t serial, int number) noexcept {
  if (phase_ != phase::ready) return;
  zygote_message m{};
  m.verb = zygote_verb::signal;
  m.serial = serial;
  m.number = number;
  os::send_message(socket_.get(), &m, sizeof m);
}

int zygote_link::end(int patience_ms) noexcept {
  if (phase_ == phase::none) return -1;
  phase_ = phase::none;
  // Its end of file. Messages it still sends are lost; whoever calls this wants none.
  socket_.reset();
  return image_.end(patience_ms);
}

}  // namespace trine::process_layer
