// The parent's end of the zygote. Used by the keeper's thread only.
//
//   none ──launch──▶ starting ──hello──▶ ready ──end of file──▶ none
//                        └─refused / end of file / too late──▶ none, with a reason
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "os/fd.hpp"
#include "os/message_socket.hpp"
#include "os/spawn_image.hpp"
#include "process/failure.hpp"
#include "process/zygote_protocol.hpp"

namespace trine::process_layer {

class zygote_link {
 public:
  enum class phase : std::uint8_t { none, starting, ready };

  // Starts the executable again with `event` as its descriptor 4. Returns why not, or nothing.
  // Throws std::bad_alloc.
  failure launch(int event, const std::vector<std::string>& environment);

  phase now() const noexcept { return phase_; }
  int socket() const noexcept { return socket_.get(); }
  pid_t pid() const noexcept { return image_.pid(); }
  std::int64_t started_at() const noexcept { return started_at_; }

  // The next message; false when there is none. A message of size 0: the zygote is gone.
  bool next(zygote_message& m, os::received& with) noexcept;
  // Checks the hello. Returns a sentence when it is not this program that answered, else "".
  std::string greet(const zygote_message& m);

  // False, with errno.
  bool fork(std::uint64_t serial, int channel, int stderr_pipe, int segments) noexcept;
  void signal(std::uint64_t serial, int number) noexcept;

  // Lets it go: it kills its workers and exits; after `patience_ms` it is killed. Returns its wait
  // status, -1 if unknown. When it returns, the zygote is dead and its workers have been sent
  // SIGKILL.
  int end(int patience_ms) noexcept;
  // In the child of a fork: closes what is the parent's.
  void forget() noexcept { socket_.reset(); }

 private:
  phase phase_ = phase::none;
  os::image image_;
  os::unique_fd socket_;
  std::int64_t started_at_ = 0;
};

}  // namespace trine::process_layer
