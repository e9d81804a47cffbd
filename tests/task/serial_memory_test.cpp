// What a task that waits costs, all included: its frame, the wait, its slot of the registry.
#include "support.hpp"

#include <fstream>

namespace {

using namespace support;
using trine::task;

std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t here = 0;
  file >> all >> here;
  return here * static_cast<std::size_t>(getpagesize());
}

task<void> sleeps(std::chrono::steady_clock::time_point until) {
  co_await trine::co::sleep_until(until);
}
task<void> gets(trine::handle<void>& unit) {
  try {
    co_await unit;
  } catch (const trine::usage_error&) {  // the result is taken once; the others waited all the same
  }
}

constexpr std::size_t count = 100'000;

template <class Make, class End>
double bytes_each(Make make, End end) {
  const std::size_t before = resident();
  std::size_t parked = 0;
  std::vector<task<void>> tasks;
  tasks.reserve(count + 1);
  for (std::size_t i = 0; i < count; ++i) tasks.push_back(make());
  auto looks = [&]() -> task<void> {
    parked = resident();
    EXPECT_EQ(parked_tasks(), count);
    end();
    co_return;
  };
  tasks.push_back(looks());
  trine::when_all(std::move(tasks)).get();
  return static_cast<double>(parked - before) / static_cast<double>(count);
}

TEST(memory, of_a_task_that_waits) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is not ours";
  gate g;
  auto unit = trine::spawn(trine::thread, [&] { compute_until([&] { return g.open.load(); }); });
  const double get = bytes_each([&] { return gets(unit); }, [&] { g.open = true; });
  const auto soon = std::chrono::steady_clock::now() + 300ms;
  const double sleep = bytes_each([&] { return sleeps(soon); }, [] {});
  // The mark is 300 bytes at -O2; a debug build keeps some more in the frame.
  EXPECT_LE(get, 340);
  EXPECT_LE(sleep, 340);
  RecordProperty("bytes_of_a_join", static_cast<int>(get));
  RecordProperty("bytes_of_a_sleep", static_cast<int>(sleep));
}

}  // namespace
