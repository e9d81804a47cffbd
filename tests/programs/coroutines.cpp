// coroutines: many of them doing what coroutines do, ending well. Valgrind's test runs it.
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <trine/trine.hpp>

namespace {

using namespace trine::literals;

int dig(int depth) {
  volatile int frame[64];
  for (int i = 0; i < 64; ++i) frame[i] = depth + i;
  if (depth == 0) {
    trine::this_unit::yield();
    return 0;
  }
  const int below = dig(depth - 1);
  int wrong = below;
  for (int i = 0; i < 64; ++i) wrong += frame[i] != depth + i ? 1 : 0;
  return wrong;
}

int throws_inside_catch(int n) {
  try {
    throw std::runtime_error(std::to_string(n));
  } catch (const std::runtime_error& outer) {
    trine::this_unit::yield();
    try {
      throw n;
    } catch (int inner) {
      trine::this_unit::yield();
      return inner == n && outer.what() == std::to_string(n) ? 0 : 1;
    }
  }
}

}  // namespace

int main() {
  trine::configure({.workers = 2});
  std::atomic<int> wrong{0};
  trine::mutex m;
  long counted = 0;
  trine::scope s;
  for (int i = 0; i < 40; ++i) {
    const auto unit =
        trine::coroutine({.stack_size = i % 2 == 0 ? 64_KiB : 1_MiB, .roaming = i % 4 == 0});
    s.spawn(unit, [&, i] {
      wrong += dig(40);
      wrong += throws_inside_catch(i);
      for (int k = 0; k < 10; ++k) {
        const std::lock_guard guard(m);
        ++counted;
        trine::this_unit::yield();
      }
      trine::this_unit::sleep_for(std::chrono::microseconds(i));
      const std::string text(100, static_cast<char>('a' + i % 26));
      if (trine::spawn(trine::coroutine, [text] { return text; }).get() != text) ++wrong;
    });
  }
  s.join();
  for (int round = 0; round < 20; ++round) {  // stacks are used again
    std::vector<trine::handle<int>> all;
    for (int i = 0; i < 20; ++i) all.push_back(trine::spawn(trine::coroutine, dig, 5));
    for (auto& h : all) wrong += h.get();
  }
  if (trine::spawn(trine::thread, [] { return 3; }).get() != 3) ++wrong;
  return wrong == 0 && counted == 400 ? 0 : 1;
}
