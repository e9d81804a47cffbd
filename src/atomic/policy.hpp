// The atomics a lock-free structure is built on. Structures here are templates over this policy,
// so that tests can run the same source on atomics that a deterministic scheduler controls.
#pragma once

#include <atomic>

namespace trine::atomic {

struct std_policy {
  template <class T>
  using atomic = std::atomic<T>;
};

}  // namespace trine::atomic
