// The choices of one execution, and the next execution's: depth first, at random, or replayed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace explore {

enum class memory : std::uint8_t {
  tso,   // store buffers, as x86 has them
  weak,  // loads may return old values, as far as happens-before and coherence allow
  both
};

struct bounds {
  memory model = memory::weak;
  unsigned preemptions = 3;         // switches away from a thread that could have gone on
  unsigned late = 2;                // accesses that do not see the newest store
  std::uint64_t limit = 2'000'000;  // executions
  std::uint64_t seed = 0;           // not 0: that many random executions as the limit says
};

inline std::string to_string(const bounds& b) {
  const char* const name = b.model == memory::tso    ? "tso"
                           : b.model == memory::weak ? "weak"
                                                     : "both";
  return std::string(name) + ".p" + std::to_string(b.preemptions) + ".l" + std::to_string(b.late);
}

class schedule {
 public:
  // Begins a random one.
  void randomise(std::uint64_t seed) {
    made_.clear();
    state_ = seed * 0x9e3779b97f4a7c15 + 1;
    random_ = true;
  }
  void replay(const std::string& text) {
    made_.clear();
    random_ = false;
    for (const char c : text)
      made_.push_back({static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10), 36});
  }
  void rewind() noexcept { at_ = 0; }

  // One of n > 1. Mostly 0 when random: `rare`, else evenly.
  unsigned choose(unsigned n, bool rare) {
    if (at_ < made_.size()) {
      made_[at_].count = static_cast<std::uint8_t>(n);
      return made_[at_].chosen < n ? made_[at_++].chosen : (made_[at_++].chosen = 0);
    }
    std::uint8_t chosen = 0;
    if (random_ && (!rare || next() % 4 == 0)) chosen = static_cast<std::uint8_t>(next() % n);
    made_.push_back({chosen, static_cast<std::uint8_t>(n)});
    ++at_;
    return chosen;
  }

  // Depth first: to the next one. False when there is none.
  bool advance() {
    made_.resize(at_);
    while (!made_.empty() && made_.back().chosen + 1 >= made_.back().count) made_.pop_back();
    if (made_.empty()) return false;
    ++made_.back().chosen;
    return true;
  }

  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < at_; ++i)
      out += "0123456789abcdefghijklmnopqrstuvwxyz"[made_[i].chosen % 36];
    out.erase(out.find_last_not_of('0') + 1);
    return out;
  }

 private:
  struct choice {
    std::uint8_t chosen;
    std::uint8_t count;
  };
  std::uint64_t next() noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ >> 16;
  }

  std::vector<choice> made_;
  std::size_t at_ = 0;
  std::uint64_t state_ = 1;
  bool random_ = false;
};

}  // namespace explore
