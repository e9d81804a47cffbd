#include "process/worker_limits.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "os/fd.hpp"

namespace trine::process_layer {
namespace {

channel_words* the_words = nullptr;
void (*the_next_handler)() = nullptr;

// Called by operator new when malloc has nothing.
void note_out_of_memory() {
  the_words->memory_hit.store(1, std::memory_order_relaxed);
  if (the_next_handler != nullptr)
    the_next_handler();
  else
    throw std::bad_alloc();
}

// What RLIMIT_DATA counts, now.
std::uint64_t data_bytes() {
  const os::unique_fd file(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t n = file ? read(file.get(), text, sizeof text - 1) : -1;
  if (n <= 0)
    throw std::system_error(errno, std::generic_category(),
                            "trine: a memory limit needs /proc/self/status");
  text[n] = '\0';
  const char* at = std::strstr(text, "VmData:");
  return at == nullptr ? 0 : std::strtoull(at + 7, nullptr, 10) * 1024;
}

}  // namespace

memory_limit::memory_limit(std::uint64_t bytes, channel_words& words) {
  if (bytes == 0) return;
  rlimit now{};
  if (getrlimit(RLIMIT_DATA, &now) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: cannot set a memory limit");
  soft_before_ = now.rlim_cur;
  hard_ = now.rlim_max;
  const std::uint64_t used = data_bytes();
  std::uint64_t wanted = bytes > RLIM_INFINITY - used - 1 ? RLIM_INFINITY - 1 : used + bytes;
  // Never more than the job would have had without.
  if (wanted > now.rlim_cur) wanted = now.rlim_cur;
  now.rlim_cur = wanted;
  if (setrlimit(RLIMIT_DATA, &now) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: cannot set a memory limit");
  active_ = true;
  the_words = &words;
  words.memory_hit.store(0, std::memory_order_relaxed);
  handler_before_ = std::set_new_handler(note_out_of_memory);
  the_next_handler = handler_before_;
}

memory_limit::~memory_limit() {
  if (!active_) return;
  const rlimit before{soft_before_, hard_};
  setrlimit(RLIMIT_DATA, &before);
  // Unless the job has set one of its own.
  if (std::get_new_handler() == note_out_of_memory) std::set_new_handler(handler_before_);
}

}  // namespace trine::process_layer
