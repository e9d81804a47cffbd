// What belongs to a coroutine across a switch, and what belongs to its home.
#include <execinfo.h>
#include <locale.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cfenv>
#include <clocale>
#include <cmath>

#include <mutex>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr auto home = [](int w = 0) { return trine::coroutine({.worker = w}); };

// Every way to park once; another coroutine of the home runs meanwhile.
enum class way { yield, sleep, join, semaphore };
void park(way how) {
  switch (how) {
    case way::yield:
      return trine::this_unit::yield();
    case way::sleep:
      return trine::this_unit::sleep_for(50us);
    case way::join:
      return trine::spawn(home(1), [] { trine::this_unit::yield(); }).get();
    case way::semaphore: {
      trine::binary_semaphore s(0);
      auto other = trine::spawn(home(1), [&s] { s.release(); });
      s.acquire();
      return other.get();
    }
  }
}

class kept : public ::testing::TestWithParam<way> {
 protected:
  // Runs `one` and `other` on home 0, each with parks between its steps.
  template <class F>
  static void side_by_side(F body) {
    trine::scope s;
    for (int i = 0; i < 4; ++i) s.spawn(home(), body, i);
    s.join();
  }
};
std::string name_of(const ::testing::TestParamInfo<way>& test) {
  constexpr const char* names[] = {"yield", "sleep", "join", "semaphore"};
  return names[static_cast<int>(test.param)];
}
INSTANTIATE_TEST_SUITE_P(each, kept,
                         ::testing::Values(way::yield, way::sleep, way::join, way::semaphore),
                         name_of);

// Out of line: the address of errno must not be kept from before the park.
[[gnu::noinline]] int get_errno() { return errno; }
[[gnu::noinline]] void set_errno(int value) { errno = value; }

TEST_P(kept, errno_of_each) {
  side_by_side([](int mine) {
    for (int k = 0; k < 50; ++k) {
      set_errno(1000 + mine);
      park(GetParam());
      ASSERT_EQ(get_errno(), 1000 + mine);
    }
  });
}

TEST_P(kept, errno_of_a_thread) {
  auto h = trine::spawn(trine::thread, [] {
    set_errno(1234);
    if (GetParam() != way::join) park(GetParam());
    return get_errno();
  });
  EXPECT_EQ(h.get(), 1234);
}

// At run time, in the rounding mode of the moment.
[[gnu::noinline]] double divide(double a, double b) {
  volatile double numerator = a, denominator = b;
  volatile double quotient = numerator / denominator;
  return quotient;
}

TEST_P(kept, rounding_of_each) {
  constexpr int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  side_by_side([&modes](int mine) {
    std::fesetround(modes[mine]);
    const double third = divide(1, 3);
    for (int k = 0; k < 50; ++k) {
      park(GetParam());
      ASSERT_EQ(std::fegetround(), modes[mine]);
      ASSERT_EQ(divide(1, 3), third);
    }
  });
}

// uselocale() sets a thread's in the C library; Trine makes it the unit's. Locales that differ in
// nothing but themselves: the test needs none that may not be installed.
struct locales {
  locale_t of[4];
  locales() {
    for (locale_t& l : of) {
      const locale_t c = newlocale(LC_ALL_MASK, "C", nullptr);
      l = duplocale(c);
      freelocale(c);
    }
  }
  ~locales() {
    for (const locale_t l : of) freelocale(l);
  }
  locales(const locales&) = delete;
  locales& operator=(const locales&) = delete;
};

TEST_P(kept, locale_of_each) {
  const locales some;
  side_by_side([&some](int mine) {
    ASSERT_EQ(uselocale(nullptr), LC_GLOBAL_LOCALE);
    park(GetParam());
    ASSERT_EQ(uselocale(nullptr), LC_GLOBAL_LOCALE);
    if (mine != 0) uselocale(some.of[mine]);
    const locale_t set = uselocale(nullptr);
    for (int k = 0; k < 50; ++k) {
      park(GetParam());
      ASSERT_EQ(uselocale(nullptr), set);
      ASSERT_NE(MB_CUR_MAX, 0U);
    }
  });
}

TEST_P(kept, locale_of_a_roaming_one) {
  const locales some;
  trine::scope s;
  for (int i = 0; i < 4; ++i) {
    s.spawn(trine::coroutine({.roaming = true}), [&some, i] {
      if (i != 0) uselocale(some.of[i]);
      const locale_t set = uselocale(nullptr);
      for (int k = 0; k < 50; ++k) {
        park(GetParam());
        ASSERT_EQ(uselocale(nullptr), set);
      }
    });
  }
  s.join();
}

TEST_P(kept, home_of_each) {
  for (int w = 0; w < 2; ++w) {
    auto h = trine::spawn(home(w), [] {
      const auto tid = syscall(SYS_gettid);
      const auto self = pthread_self();
      int* const address = &errno;
      for (int k = 0; k < 20; ++k) {
        park(GetParam());
        if (syscall(SYS_gettid) != tid || pthread_equal(pthread_self(), self) == 0 ||
            &errno != address)
          return false;
      }
      return true;
    });
    EXPECT_TRUE(h.get());
  }
}

// A coroutine that changed the rounding and ended must not leave it to the next one.
TEST(fresh, begins_with_the_default_rounding) {
  for (int i = 0; i < 20; ++i) {
    trine::spawn(home(), [] { std::fesetround(FE_UPWARD); }).get();
    EXPECT_EQ(trine::spawn(home(), [] { return std::fegetround(); }).get(), FE_TONEAREST);
    trine::spawn(home(), [] {
      std::fesetround(FE_DOWNWARD);
      trine::this_unit::yield();
    }).get();
    EXPECT_EQ(trine::spawn(home(), [] { return std::fegetround(); }).get(), FE_TONEAREST);
  }
}

// Nor does the next unit of a thread that is used again.
TEST(fresh, thread_begins_with_the_default_rounding) {
  trine::spawn(trine::thread, [] { std::fesetround(FE_UPWARD); }).get();
  EXPECT_EQ(trine::spawn(trine::thread, [] { return std::fegetround(); }).get(), FE_TONEAREST);
}

// Whoever begins after a unit that changed its locale, or goes on then, has its own.
TEST(fresh, begins_with_the_programs_locale) {
  const locales some;
  const auto now = [] { return uselocale(nullptr); };
  for (int i = 0; i < 20; ++i) {
    trine::binary_semaphore go(0);
    auto parked = trine::spawn(home(), [&] {
      go.acquire();
      return now();
    });
    trine::spawn(home(), [&] { uselocale(some.of[0]); }).get();
    EXPECT_EQ(trine::spawn(home(), now).get(), LC_GLOBAL_LOCALE);
    // It ends while the other is ready: the home goes from the end of one to the other.
    trine::spawn(home(), [&] {
      uselocale(some.of[1]);
      trine::this_unit::yield();
      go.release();
    }).get();
    EXPECT_EQ(parked.get(), LC_GLOBAL_LOCALE);
    EXPECT_EQ(trine::spawn(home(), now).get(), LC_GLOBAL_LOCALE);
    trine::spawn(trine::thread, [&] { uselocale(some.of[2]); }).get();
    EXPECT_EQ(trine::spawn(trine::thread, now).get(), LC_GLOBAL_LOCALE);
  }
}

// Beginning and end of a coroutine that parks while it has one, seen by one that has none.
TEST(fresh, is_not_told_of_the_locale_of_who_is_parked) {
  const locales some;
  trine::binary_semaphore go(0);
  auto holder = trine::spawn(home(), [&] {
    uselocale(some.of[0]);
    go.acquire();
    return uselocale(nullptr);
  });
  EXPECT_EQ(trine::spawn(home(), [] { return uselocale(nullptr); }).get(), LC_GLOBAL_LOCALE);
  go.release();
  EXPECT_EQ(holder.get(), some.of[0]);
}

// thread_local values belong to the home: the coroutines of one see the same object.
thread_local int shared_by_a_home = 0;
[[gnu::noinline]] int& of_this_home() {
  int* p = &shared_by_a_home;
  asm volatile("" : "+r"(p));
  return *p;
}

TEST(thread_locals, are_shared_by_the_coroutines_of_a_home) {
  auto h = trine::spawn(home(), [] {
    of_this_home() = 5;
    int* const mine = &of_this_home();
    auto other = trine::spawn(home(), [mine] {
      const bool same = &of_this_home() == mine;
      of_this_home() = 6;
      return same;
    });
    auto elsewhere = trine::spawn(home(1), [mine] { return &of_this_home() != mine; });
    return other.get() && elsewhere.get() && &of_this_home() == mine && of_this_home() == 6;
  });
  EXPECT_TRUE(h.get());
}

// Homes stay under the pressure of thieves: only what has not started moves.
TEST(home_rule, holds_while_work_is_stolen) {
  std::atomic<int> moved{0};
  std::atomic<int> ran_on[2] = {};
  trine::scope s;
  for (int round = 0; round < (sanitized ? 4 : 40); ++round) {
    for (int i = 0; i < 200; ++i) {
      s.spawn(trine::coroutine, [&] {
        const auto tid = syscall(SYS_gettid);
        int* const address = &errno;
        for (int k = 0; k < 10; ++k) {
          if (k % 3 == 0) {
            trine::this_unit::sleep_for(1us);
          } else {
            trine::this_unit::yield();
          }
          if (syscall(SYS_gettid) != tid || &errno != address) moved.fetch_add(1);
        }
        char name[16];
        pthread_getname_np(pthread_self(), name, sizeof(name));
        ran_on[name[13] == '0' ? 0 : 1].fetch_add(1);
      });
    }
    s.join();
  }
  EXPECT_EQ(moved.load(), 0);
  EXPECT_GT(ran_on[0].load(), 0);
  EXPECT_GT(ran_on[1].load(), 0);
}

[[gnu::noinline]] int depth_of_backtrace(int deeper) {
  if (deeper > 0) {
    const int n = depth_of_backtrace(deeper - 1);
    asm volatile("");
    return n;
  }
  void* frames[256];
  return backtrace(frames, 256);
}

TEST(backtraces, end_at_the_coroutines_entry) {
  auto body = [] {
    const int before = depth_of_backtrace(5);
    trine::this_unit::yield();
    const int after = depth_of_backtrace(5);
    return std::pair(before, after);
  };
  for (int i = 0; i < 10; ++i) {
    const auto [before, after] = trine::spawn(home(), body).get();
    EXPECT_GT(before, 5);
    EXPECT_LT(before, 100);
    EXPECT_EQ(before, after);
  }
}

// Registers that the ABI keeps, and vector values that it does not, in many frames at once.
TEST(registers, survive) {
  trine::scope s;
  for (int i = 0; i < 8; ++i) {
    s.spawn(home(i % 2), [i] {
      double sum = 0, check = 0;
      long a = i, b = 2 * i, c = 3 * i, d = 5 * i, e = 7 * i, f = 11 * i;
      for (int k = 0; k < 1000; ++k) {
        sum += std::sqrt(static_cast<double>(k + i));
        a += k, b += a, c ^= b, d += c, e ^= d, f += e;
        trine::this_unit::yield();
      }
      long a2 = i, b2 = 2 * i, c2 = 3 * i, d2 = 5 * i, e2 = 7 * i, f2 = 11 * i;
      for (int k = 0; k < 1000; ++k) {
        check += std::sqrt(static_cast<double>(k + i));
        a2 += k, b2 += a2, c2 ^= b2, d2 += c2, e2 ^= d2, f2 += e2;
      }
      EXPECT_EQ(sum, check);
      EXPECT_EQ(std::tuple(a, b, c, d, e, f), std::tuple(a2, b2, c2, d2, e2, f2));
    });
  }
  s.join();
}

}  // namespace
