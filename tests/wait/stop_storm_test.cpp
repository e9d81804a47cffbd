// Stop requests against parks: every unit that was asked ends, none hangs, none is lost.
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr int rounds = sanitized ? 500 : 5'000;

enum class target { thread, coroutine, pinned, roaming };

class storms : public ::testing::TestWithParam<target> {
 protected:
  template <class F>
  static trine::handle<std::invoke_result_t<F>> start(F body) {
    switch (GetParam()) {
      case target::thread:
        return trine::spawn(trine::thread, body);
      case target::coroutine:
        return trine::spawn(trine::coroutine, body);
      case target::pinned:
        return trine::spawn(trine::coroutine({.worker = 1}), body);
      case target::roaming:
        break;
    }
    return trine::spawn(trine::coroutine({.roaming = true}), body);
  }
};
std::string name_of(const ::testing::TestParamInfo<target>& test) {
  constexpr const char* names[] = {"thread", "coroutine", "pinned", "roaming"};
  return names[static_cast<int>(test.param)];
}
INSTANTIATE_TEST_SUITE_P(each, storms,
                         ::testing::Values(target::thread, target::coroutine, target::pinned,
                                           target::roaming),
                         name_of);

// The request may come before the unit starts, while it parks, or after.
TEST_P(storms, one_request_against_one_park) {
  for (int i = 0; i < rounds; ++i) {
    auto h = start([] { trine::this_unit::sleep_for(for_ever); });
    for (int k = 0; k < i % 20; ++k) sched_yield();
    h.request_stop();
    ASSERT_THROW(h.get(), trine::cancelled);
  }
}

// Short sleeps time out all the while; the request comes at any moment of them.
TEST_P(storms, against_deadlines_that_pass) {
  for (int i = 0; i < rounds / 5; ++i) {
    auto h = start([] {
      for (;;) trine::this_unit::sleep_for(std::chrono::microseconds(3));
    });
    for (int k = 0; k < i % 50; ++k) sched_yield();
    h.request_stop();
    ASSERT_THROW(h.get(), trine::cancelled);
  }
}

TEST_P(storms, many_stoppers_of_many_units) {
  constexpr int units = 32;
  for (int i = 0; i < rounds / 100; ++i) {
    std::vector<trine::handle<void>> all;
    for (int k = 0; k < units; ++k) {
      all.push_back(start([k] {
        for (;;) trine::this_unit::sleep_for(std::chrono::microseconds(k % 2 == 0 ? 5 : 1'000'000));
      }));
    }
    {
      std::vector<std::jthread> stoppers;
      for (int t = 0; t < 3; ++t) {
        stoppers.emplace_back([&all, t] {
          for (int k = 0; k < units; ++k)
            all[static_cast<std::size_t>((k * (t + 1)) % units)].request_stop();
          for (auto& h : all) h.request_stop();
        });
      }
    }
    for (auto& h : all) ASSERT_THROW(h.get(), trine::cancelled);
  }
}

// Coroutines stop each other, from their own home and from another.
TEST_P(storms, units_that_stop_each_other) {
  for (int i = 0; i < rounds / 20; ++i) {
    auto h = start([] {
      auto inner = trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
      auto other = trine::spawn(trine::thread, [] { trine::this_unit::sleep_for(for_ever); });
      trine::this_unit::yield();
      inner.request_stop();
      other.request_stop();
      int cancelled = 0;
      try {
        inner.get();
      } catch (const trine::cancelled&) {
        ++cancelled;
      }
      try {
        other.get();
      } catch (const trine::cancelled&) {
        ++cancelled;
      }
      return cancelled;
    });
    ASSERT_EQ(h.get(), 2);
  }
}

// The request reaches a unit that waits for another, and goes on to that one by its handle.
TEST_P(storms, through_a_join) {
  for (int i = 0; i < rounds / 20; ++i) {
    auto h = start([] {
      auto inner = trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
      inner.get();
    });
    for (int k = 0; k < i % 20; ++k) sched_yield();
    h.request_stop();
    ASSERT_THROW(h.get(), trine::cancelled);
  }
}

// The unit's own deadline and a request at once: either may win, one must.
TEST_P(storms, against_the_units_deadline) {
  for (int i = 0; i < rounds / 10; ++i) {
    auto body = [] { trine::this_unit::sleep_for(for_ever); };
    auto h = GetParam() == target::thread
                 ? trine::spawn(trine::thread({.deadline = std::chrono::microseconds(30)}), body)
                 : trine::spawn(trine::coroutine({.roaming = GetParam() == target::roaming,
                                                  .deadline = std::chrono::microseconds(30)}),
                                body);
    for (int k = 0; k < i % 20; ++k) sched_yield();
    h.request_stop();
    try {
      h.get();
      FAIL();
    } catch (const trine::cancelled&) {
    } catch (const trine::timed_out&) {
    }
  }
}

// A token and its callbacks hear of it too, once.
TEST_P(storms, tokens_and_callbacks) {
  for (int i = 0; i < rounds / 10; ++i) {
    std::atomic<int> called{0};
    auto h = start([&called] {
      const std::stop_token token = trine::this_unit::stop_token();
      const std::stop_callback callback(token, [&called] { called.fetch_add(1); });
      spin_until([&] { return token.stop_requested(); });
    });
    for (int k = 0; k < i % 10; ++k) sched_yield();
    h.request_stop();
    h.get();
    ASSERT_EQ(called.load(), 1);
  }
}

// A mutex in between is never interrupted, and a later wait is.
TEST_P(storms, with_locks_in_between) {
  trine::mutex m;
  long count = 0;
  for (int i = 0; i < rounds / 20; ++i) {
    auto body = [&] {
      for (;;) {
        {
          const std::lock_guard guard(m);
          ++count;
        }
        trine::this_unit::sleep_for(std::chrono::microseconds(1));
      }
    };
    auto a = start(body);
    auto b = start(body);
    for (int k = 0; k < i % 30; ++k) sched_yield();
    a.request_stop();
    b.request_stop();
    ASSERT_THROW(a.get(), trine::cancelled);
    ASSERT_THROW(b.get(), trine::cancelled);
  }
}

}  // namespace
