// Meeting points for forked bodies.
#pragma once

#include <functional>
#include <memory>

#include "contract/support.hpp"

namespace forks {

using namespace support;

// Bodies that compute (no call of Trine) until another one has begun after them: passed only when
// an idle worker can always reach what has not begun, whatever has been forked when.
class pairs {
 public:
  explicit pairs(int count) : count_(count) {}
  void body() {
    const int mine = begun_.fetch_add(1) + 1;
    compute_until([&] { return begun_.load() > mine || mine % 2 == 0 || begun_.load() == count_; });
    ended_.fetch_add(1);
  }
  int ended() const { return ended_.load(); }

 private:
  const int count_;
  std::atomic<int> begun_{0}, ended_{0};
};

// Runs what in a coroutine.
template <class F>
auto in_coroutine(F what) {
  return trine::spawn(trine::coroutine, std::move(what)).get();
}

// Until the flag is set, letting others run.
inline void wait_for(const std::atomic<bool>& flag) {
  spin_until([&] { return flag.load(); });
}
inline void compute_for(const std::atomic<bool>& flag) {
  compute_until([&] { return flag.load(); });
}

}  // namespace forks
