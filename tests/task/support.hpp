// What the tests of tasks share.
#pragma once

#include "../contract/support.hpp"

#include <trine/generator.hpp>
#include <trine/task.hpp>
#include <trine/when.hpp>

namespace support {

// One that counts how many of it live; not copied.
struct counted {
  explicit counted(int& of) : alive(&of) { std::atomic_ref(*alive)++; }
  counted(counted&& other) noexcept : alive(other.alive) { std::atomic_ref(*alive)++; }
  counted(const counted& other) noexcept : alive(other.alive) { std::atomic_ref(*alive)++; }
  ~counted() { std::atomic_ref(*alive)--; }
  int* alive;
};

// A unit that ends when it is told to.
struct gate {
  std::atomic<bool> open{false};
  trine::handle<int> unit(int value) {
    return trine::spawn(trine::thread, [this, value] {
      compute_until([this] { return open.load(); });
      return value;
    });
  }
};

inline std::size_t parked_tasks() {
  std::size_t count = 0;
  for (const trine::unit_info& u : trine::units())
    if (u.name == "task" && u.state == "parked") ++count;
  return count;
}

}  // namespace support
