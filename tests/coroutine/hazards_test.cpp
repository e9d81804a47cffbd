// What has bitten other runtimes of this kind: initialisers that park, backtraces through the
// entry, addresses of thread-locals, what sanitizers see of parked stacks.
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "contract/support.hpp"

#if defined(TRINE_ASAN)
#include <sanitizer/lsan_interface.h>
#endif

namespace {

using namespace support;

constexpr auto home = [](int w = 0) { return trine::coroutine({.worker = w}); };

// ---- backtraces ---------------------------------------------------------------------------------

// External linkage and not inlined, so that the address says the name.
struct frames {
  void* at[128];
  int count = 0;
};

}  // namespace

// The two functions that must be seen, one calling the other on a known line.
[[gnu::noinline]] void hazards_collect(frames& f) {
  f.count = backtrace(f.at, 128);
  asm volatile("" : : "r"(&f) : "memory");
}
constexpr int outer_line = __LINE__ + 3;
[[gnu::noinline]] void hazards_outer(frames& f, bool park_first) {
  if (park_first) trine::this_unit::yield();
  hazards_collect(f);
  asm volatile("" : : "r"(&f) : "memory");
}

namespace {

// Functions and lines of the return addresses, one pair of lines for each.
std::string symbolise(const frames& f) {
  Dl_info module{};
  dladdr(reinterpret_cast<void*>(&hazards_collect), &module);
  std::string command = "addr2line -f -C -e /proc/" + std::to_string(getpid()) + "/exe";
  for (int i = 0; i < f.count; ++i) {
    char word[32];
    // One before the return address, which may belong to the next line.
    std::snprintf(word, sizeof(word), " %#lx",
                  reinterpret_cast<unsigned long>(f.at[i]) -
                      reinterpret_cast<unsigned long>(module.dli_fbase) - 1);
    command += word;
  }
  std::string text;
  if (FILE* const out = popen((command + " 2>/dev/null").c_str(), "r")) {
    char buffer[512];
    while (std::fgets(buffer, sizeof(buffer), out) != nullptr) text += buffer;
    pclose(out);
  }
  return text;
}

TEST(backtraces, name_function_and_line_and_end_at_the_entry) {
  for (const bool park_first : {false, true}) {
    const frames f = trine::spawn(home(), [park_first] {
                       frames mine;
                       hazards_outer(mine, park_first);
                       return mine;
                     }).get();
    ASSERT_GT(f.count, 3);
    ASSERT_LT(f.count, 100);
#if defined(TRINE_EMULATED)
    continue;  // this machine's addr2line knows other programs
#endif
    const std::string text = symbolise(f);
    if (text.empty()) GTEST_SKIP() << "addr2line is not installed";
    const auto inner = text.find("hazards_collect");
    const auto outer = text.find("hazards_outer");
    ASSERT_NE(inner, std::string::npos) << text;
    ASSERT_NE(outer, std::string::npos) << text;
    EXPECT_LT(inner, outer);
    const std::string place = "hazards_test.cpp:" + std::to_string(outer_line);
    EXPECT_NE(text.find(place, outer), std::string::npos) << "no " << place << " in\n" << text;
    // The last frame is the entry: nothing is made up behind it.
    const std::size_t last = text.rfind("trine_context_entry");
    ASSERT_NE(last, std::string::npos) << text;
    const std::string rest = text.substr(last);
    EXPECT_EQ(std::count(rest.begin(), rest.end(), '\n'), 2) << text;
  }
}

// ---- initialisers of function-local statics -----------------------------------------------------

std::atomic<int> constructed{0};
struct slow_to_make {
  int value;
  slow_to_make() : value(0) {
    constructed.fetch_add(1);
    for (int i = 0; i < 20; ++i) trine::this_unit::yield();
    trine::this_unit::sleep_for(1ms);
    value = 5;
  }
};

template <int>
[[gnu::noinline]] slow_to_make& made_once() {
  static slow_to_make object;
  return object;
}

// The guard of a static is the thread's (__cxa_guard_acquire): who comes second waits on a futex,
// thread and all. From another home or thread that works, for the first goes on meanwhile.
TEST(static_initialiser, that_parks_is_waited_for_from_other_threads) {
  constructed.store(0);
  auto first = trine::spawn(home(0), [] { return made_once<1>().value; });
  spin_until([] { return constructed.load() == 1; });
  auto second = trine::spawn(home(1), [] { return made_once<1>().value; });
  auto third = trine::spawn(trine::thread, [] { return made_once<1>().value; });
  EXPECT_EQ(first.get(), 5);
  EXPECT_EQ(second.get(), 5);
  EXPECT_EQ(third.get(), 5);
  EXPECT_EQ(constructed.load(), 1);
}

// Two coroutines of one home would block it for good; trine::call_once and a mutex do not. What
// works with the static: it was made before, or nobody else of the home asks meanwhile.
TEST(static_initialiser, that_parks_lets_others_of_the_home_run) {
  constructed.store(0);
  std::atomic<int> ran{0};
  trine::scope s;
  s.spawn(home(0), [] { EXPECT_EQ(made_once<2>().value, 5); });
  for (int i = 0; i < 10; ++i) s.spawn(home(0), [&ran] { ran.fetch_add(1); });
  s.join();
  EXPECT_EQ(ran.load(), 10);
  trine::spawn(home(0), [] { EXPECT_EQ(made_once<2>().value, 5); }).get();
  EXPECT_EQ(constructed.load(), 1);
}

TEST(static_initialiser, that_throws_after_a_park_is_tried_again) {
  static std::atomic<int> tries{0};
  struct fails_once {
    fails_once() {
      trine::this_unit::yield();
      if (tries.fetch_add(1) == 0) throw std::runtime_error("not yet");
    }
  };
  constexpr auto ask = [] { static fails_once object; };
  EXPECT_THROW(trine::spawn(home(0), ask).get(), std::runtime_error);
  trine::spawn(home(0), ask).get();
  EXPECT_EQ(tries.load(), 2);
}

// ---- sanitizers ---------------------------------------------------------------------------------

#if defined(TRINE_ASAN)

[[gnu::noinline]] void scrub_registers() {
  volatile char waste[4096];
  for (volatile char& c : waste) c = 0;
}

// A block that only the stack of a parked coroutine refers to is not lost.
TEST(leak_sanitizer, sees_parked_stacks) {
  std::atomic<int> holding{0};
  std::atomic<bool> over{false};
  trine::scope s;
  for (int i = 0; i < 20; ++i) {
    s.spawn(home(i % 2), [&] {
      auto* volatile block = new char[1000];
      holding.fetch_add(1);
      while (!over.load()) trine::this_unit::sleep_for(1ms);
      delete[] block;
    });
  }
  spin_until([&] { return holding.load() == 20; });
  scrub_registers();
  EXPECT_EQ(__lsan_do_recoverable_leak_check(), 0);
  over.store(true);
  s.join();
}

#endif

// With detect_stack_use_after_return=1 locals live on a heap of AddressSanitizer's, which belongs
// to the coroutine: their addresses stay across parks, and those of others do not change them.
TEST(address_sanitizer, keeps_the_fake_stack_of_each) {
  trine::scope s;
  for (int i = 0; i < 16; ++i) {
    s.spawn(home(i % 2), [i] {
      char text[256];
      char* volatile outside = text;
      for (int k = 0; k < 100; ++k) {
        for (char& c : text) c = static_cast<char>(i);
        struct deeper {
          static int dig(int depth, int mine) {
            volatile int local = mine + depth;
            if (depth == 0) {
              trine::this_unit::yield();
              return 0;
            }
            return dig(depth - 1, mine) + (local - mine - depth);
          }
        };
        ASSERT_EQ(deeper::dig(10, i), 0);
        ASSERT_EQ(static_cast<char*>(outside), text);
        for (const char c : text) ASSERT_EQ(c, static_cast<char>(i));
      }
    });
  }
  s.join();
}

}  // namespace
