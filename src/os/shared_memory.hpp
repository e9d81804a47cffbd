// Memory that two processes share, behind a memfd of fixed size.
//
// The size is sealed: neither side can make the other fault by cutting the file off. It is much
// larger than what is used, and sparse: pages exist where they were touched. So nobody needs the
// descriptor after the first mapping, not even to use more of it: a window is extended by mremap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "os/fd.hpp"

namespace trine::os {

// A memfd of `size` bytes, or of as many as RLIMIT_FSIZE lets a file have but at least `least`;
// `size` becomes what it is. Throws std::system_error.
unique_fd make_shared_memory(const char* name, std::uint64_t& size, std::uint64_t least);

// A mapping of a part of such a file. Not inherited by children that fork makes, not dumped.
class window {
 public:
  window() noexcept = default;
  // Throws std::system_error.
  window(int fd, std::uint64_t offset, std::size_t size, std::size_t most);
  window(window&& other) noexcept;
  window& operator=(window&& other) noexcept;
  ~window();

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t most() const noexcept { return most_; }

  // Makes at least `size` bytes visible; the window may move. False, with errno, when it cannot.
  bool extend(std::size_t size) noexcept;
  // extend, and the pages exist afterwards: writing to them faults no more. False, with errno
  // (ENOMEM), when there is no memory for them.
  bool populate(std::size_t size) noexcept;
  // Gives the pages beyond `size` back to the system; they read as zeros then.
  void trim(std::size_t size) noexcept;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t most_ = 0;
  std::size_t populated_ = 0;
};

}  // namespace trine::os
