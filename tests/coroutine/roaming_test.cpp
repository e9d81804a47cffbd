// Roaming coroutines may go on elsewhere after a park; what they hold goes with them.
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr unsigned scale = sanitized ? 1 : 10;
const auto roaming = trine::coroutine({.roaming = true});

// Sums in locals, on a stack that several threads touch in turn.
unsigned long wander(unsigned seed, unsigned steps) {
  unsigned long sum = seed;
  char frame[512];
  for (char& c : frame) c = static_cast<char>(seed);
  for (unsigned k = 0; k < steps; ++k) {
    sum = sum * 31 + k;
    if (k % 7 == 0) {
      trine::this_unit::sleep_for(1us);
    } else {
      trine::this_unit::yield();
    }
    for (const char c : frame)
      if (c != static_cast<char>(seed)) return 0;
  }
  return sum;
}
unsigned long stay(unsigned seed, unsigned steps) {
  unsigned long sum = seed;
  for (unsigned k = 0; k < steps; ++k) sum = sum * 31 + k;
  return sum;
}

TEST(roaming, values_go_with_it) {
  trine::scope s;
  std::vector<trine::unit_ref<unsigned long>> refs;
  for (unsigned i = 0; i < 64; ++i) refs.push_back(s.spawn(roaming, wander, i, 50 * scale));
  s.join();
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(refs[i].get(), stay(i, 50 * scale));
}

// A timer or a waker may come while it is still leaving its stack, with thieves looking.
TEST(roaming, woken_while_it_parks) {
  for (unsigned round = 0; round < 10 * scale; ++round) {
    trine::scope s;
    for (int i = 0; i < 32; ++i) {
      s.spawn(roaming, [] {
        for (int k = 0; k < 100; ++k) trine::this_unit::sleep_for(std::chrono::nanoseconds(k));
      });
    }
    s.join();
  }
}

TEST(roaming, woken_by_threads_through_a_mutex) {
  trine::mutex m;
  long count = 0;
  trine::scope s;
  auto body = [&] {
    for (unsigned k = 0; k < 500 * scale; ++k) {
      const std::lock_guard guard(m);
      ++count;
      if (k % 8 == 0) trine::this_unit::yield();
    }
  };
  for (int i = 0; i < 16; ++i) s.spawn(roaming, body);
  for (int i = 0; i < 2; ++i) s.spawn(trine::thread, body);
  s.join();
  EXPECT_EQ(count, long{18} * 500 * scale);
}

TEST(roaming, joined_by_roaming) {
  struct tree {
    static int grow(int depth) {
      if (depth == 0) return 1;
      auto a = trine::spawn(roaming, grow, depth - 1);
      auto b = trine::spawn(roaming, grow, depth - 1);
      return a.get() + b.get();
    }
  };
  for (unsigned i = 0; i < scale; ++i)
    EXPECT_EQ(trine::spawn(roaming, tree::grow, sanitized ? 6 : 10).get(), sanitized ? 64 : 1024);
}

TEST(roaming, beside_those_that_stay) {
  trine::scope s;
  for (unsigned i = 0; i < 40; ++i) {
    if (i % 2 == 0) {
      s.spawn(roaming, wander, i, 20 * scale);
    } else {
      s.spawn(trine::coroutine, [i] {
        const auto before = std::this_thread::get_id();
        wander(i, 20 * scale);
        EXPECT_EQ(std::this_thread::get_id(), before);
      });
    }
  }
  s.join();
}

TEST(roaming, exceptions_and_stops_reach_it) {
  for (unsigned i = 0; i < 60; ++i) {
    auto h = trine::spawn(roaming, [] {
      for (;;) {
        trine::this_unit::yield();
        trine::this_unit::sleep_for(1us);
      }
    });
    for (unsigned k = 0; k < i % 30; ++k) trine::this_unit::yield();
    h.request_stop();
    ASSERT_THROW(h.get(), trine::cancelled);
  }
}

}  // namespace
