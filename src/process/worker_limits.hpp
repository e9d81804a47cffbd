// The memory limit of one job, in the worker that runs it.
#pragma once

#include <cstdint>

#include "process/channel.hpp"

namespace trine::process_layer {

// While it lives, the process may have `bytes` more of private writable memory than now
// (RLIMIT_DATA; the soft limit is put back afterwards). When operator new fails meanwhile, that is
// noted in the channel, so that a job that dies of it is told apart from one that just dies.
class memory_limit {
 public:
  // 0: no limit. Throws std::system_error when the system refuses.
  memory_limit(std::uint64_t bytes, channel_words& words);
  ~memory_limit();
  memory_limit(const memory_limit&) = delete;
  memory_limit& operator=(const memory_limit&) = delete;

 private:
  bool active_ = false;
  std::uint64_t soft_before_ = 0, hard_ = 0;
  void (*handler_before_)() = nullptr;
};

}  // namespace trine::process_layer
