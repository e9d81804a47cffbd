// Many who join one unit, some with deadlines, while it ends.
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr int rounds = sanitized ? 300 : 2'000;

class joins : public local_test {};
TRINE_LOCAL_UNITS(joins);

// handle::wait() is const and may be called by several at once here: nobody moves the handle.
TEST_P(joins, by_many_with_and_without_deadline) {
  with_local(GetParam(), [](auto unit) {
    for (int i = 0; i < rounds; ++i) {
      std::atomic<bool> go{false};
      auto h = trine::spawn(unit, [&] {
        spin_until([&] { return go.load(); });
        return 5;
      });
      std::atomic<int> ready{0};
      trine::scope s;
      for (int k = 0; k < 4; ++k) {
        auto waits = [&h, &ready, k] {
          ready.fetch_add(1);
          if (k % 2 == 0) {
            h.wait();
          } else {
            while (!h.wait_for(std::chrono::microseconds(k * 10))) {
            }
          }
          EXPECT_TRUE(h.ready());
        };
        if (k < 2) {
          s.spawn(trine::coroutine, waits);
        } else {
          s.spawn(trine::thread, waits);
        }
      }
      if (i % 2 == 0) spin_until([&] { return ready.load() == 4; });
      go.store(true);
      s.join();
      ASSERT_EQ(h.get(), 5);
    }
  });
}

TEST_P(joins, a_deadline_that_races_with_the_end) {
  with_local(GetParam(), [](auto unit) {
    int late = 0, in_time = 0;
    for (int i = 0; i < 4 * rounds; ++i) {
      auto h = trine::spawn(unit, [i] {
        for (int k = 0; k < i % 64; ++k) trine::this_unit::yield();
        return i;
      });
      (h.wait_for(std::chrono::microseconds(i % 50)) ? in_time : late) += 1;
      ASSERT_EQ(h.get(), i);
    }
    EXPECT_EQ(late + in_time, 4 * rounds);
  });
}

TEST_P(joins, from_coroutines_with_a_deadline_that_races_with_the_end) {
  with_local(GetParam(), [](auto unit) {
    trine::scope s;
    for (int c = 0; c < 4; ++c) {
      s.spawn(trine::coroutine, [unit] {
        for (int i = 0; i < rounds; ++i) {
          auto h = trine::spawn(unit, [i] {
            for (int k = 0; k < i % 16; ++k) trine::this_unit::yield();
            return i;
          });
          std::ignore = h.wait_for(std::chrono::microseconds(i % 40));
          ASSERT_EQ(h.get(), i);
        }
      });
    }
    s.join();
  });
}

// The unit ends while its last handle lets go.
TEST_P(joins, destructor_against_end) {
  with_local(GetParam(), [](auto unit) {
    std::atomic<int> ended{0};
    for (int i = 0; i < 4 * rounds; ++i) {
      auto h = trine::spawn(unit, [&ended] { ended.fetch_add(1); });
      if (i % 3 == 0) h.detach();
    }
    spin_until([&] { return ended.load() == 4 * rounds; });
  });
}

}  // namespace
