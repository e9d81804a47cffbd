// overflow MODE: a coroutine that overflows its stack, or faults otherwise. Run by
// tests/coroutine/overflow.sh.
#include <alloca.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <trine/trine.hpp>

namespace {

using namespace trine::literals;

std::atomic<long> depth{0};

__attribute__((noinline)) long recurses(long n) {
  volatile char frame[512];
  frame[0] = static_cast<char>(n);
  depth.fetch_add(1, std::memory_order_relaxed);
  if (n < 0) return 0;                 // never
  const long below = recurses(n + 1);  // faults here
  return below + frame[0];
}

// The lowest byte lies deep in the guard.
__attribute__((noinline)) int allocates(std::size_t bytes) {
  volatile char* const p = static_cast<volatile char*>(alloca(bytes));
  p[0] = 1;
  return p[0];
}

int* volatile nowhere = nullptr;

void host_handler(int, siginfo_t* info, void*) {
  const char text[] = "the host's handler\n";
  if (write(2, text, sizeof(text) - 1) < 0 || info->si_signo != SIGSEGV) _exit(1);
  _exit(42);
}
void host_handler_that_returns(int) {
  const char text[] = "returns\n";
  if (write(2, text, sizeof(text) - 1) < 0) _exit(1);
}

auto small() { return trine::coroutine({.name = "too deep", .stack_size = 16_KiB}); }

void overflow() {
  // Neighbours on both sides, whose stacks must not be touched before the end.
  trine::scope s;
  for (int i = 0; i < 50; ++i)
    s.spawn(trine::coroutine({.stack_size = 16_KiB}),
            [] { trine::this_unit::sleep_for(std::chrono::hours(1)); });
  trine::spawn(small(), recurses, 0L).get();
}

}  // namespace

int main(int argc, char** argv) {
#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
  (void)argc;
  (void)argv;
  (void)overflow;
  (void)host_handler;
  (void)host_handler_that_returns;
  (void)allocates;
  return 77;
#else
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "recursion") {
    overflow();
  } else if (mode == "alloca") {
    trine::spawn(small(), allocates, std::size_t{60_KiB}).get();
  } else if (mode == "after-park") {
    trine::spawn(small(), [] {
      trine::this_unit::yield();
      return recurses(0);
    }).get();
  } else if (mode == "default-size") {
    trine::spawn(trine::coroutine, recurses, 0L).get();
  } else if (mode == "host") {
    struct sigaction action {};
    action.sa_sigaction = &host_handler;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    overflow();
  } else if (mode == "host-returns") {
    struct sigaction action {};
    action.sa_handler = &host_handler_that_returns;
    sigaction(SIGSEGV, &action, nullptr);
    overflow();
  } else if (mode == "other") {
    trine::spawn(small(), [] { return *nowhere; }).get();
  } else if (mode == "other-thread") {
    trine::spawn(trine::coroutine, [] {}).get();
    return *nowhere;
  } else if (mode == "sent") {
    trine::spawn(trine::coroutine, [] { kill(getpid(), SIGSEGV); }).get();
    for (;;) pause();
  } else if (mode == "process") {
    auto h = trine::spawn(trine::process({.name = "away"}), [] { overflow(); });
    try {
      h.get();
    } catch (const trine::crashed& e) {
      std::printf("%s\n", e.what());
      return 0;
    }
  }
  return 1;
#endif
}
