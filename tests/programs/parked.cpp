// parked: coroutines parked in known functions, for the debugger's tests. Says "ready" when they
// are, then computes in a last one until it is killed; `parked crash` aborts there instead, and
// `parked end` ends well.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <trine/trine.hpp>

namespace {

trine::mutex held;

[[gnu::noinline]] void inner_sleep(int seconds) {
  trine::this_unit::sleep_for(std::chrono::seconds(seconds));
  asm volatile("");
}
[[gnu::noinline]] void sleeps(int seconds) {
  volatile int local_of_sleeper = seconds * 1000;
  inner_sleep(seconds);
  local_of_sleeper = local_of_sleeper + 1;
}
[[gnu::noinline]] void locks() {
  held.lock();
  asm volatile("");
}
[[gnu::noinline]] void stops_here(const char* how) {
  std::puts("ready");
  std::fflush(stdout);
  if (std::strcmp(how, "crash") == 0) std::abort();
  if (std::strcmp(how, "wait") == 0)
    for (;;) asm volatile("");
}

}  // namespace

int main(int argc, char** argv) {
  const char* const how = argc > 1 ? argv[1] : "wait";
  trine::configure({.workers = 1});
  held.lock();
  auto a = trine::spawn(trine::coroutine({.name = "sleeper"}), sleeps, 3600);
  auto b = trine::spawn(trine::coroutine({.name = "locker"}), locks);
  auto c = trine::spawn(trine::coroutine({.name = "joiner"}), [&b] { b.wait(); });
  trine::spawn(trine::coroutine({.name = "runner"}), [how] { stops_here(how); }).get();
  held.unlock();
  a.request_stop();
}
