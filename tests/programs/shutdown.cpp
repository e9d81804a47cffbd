// shutdown HOW FILE: ends in the way HOW while units of every kind are running, parked and queued.
// FILE holds a counter that process units raise too. tests/coroutine/serial_shutdown_test.cpp runs
// it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <trine/trine.hpp>

namespace {

using namespace std::chrono_literals;

constexpr auto for_ever = std::chrono::hours(24);

std::atomic<int>& counter_in(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  void* const p =
      mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (p == MAP_FAILED) _exit(90);
  return *static_cast<std::atomic<int>*>(p);
}

void compute() {
  for (;;) asm volatile("");
}

// Process units.
void computing_process(std::string file) {
  counter_in(file).fetch_add(1);
  compute();
}
void sleeping_process(std::string file) {
  counter_in(file).fetch_add(1);
  trine::this_unit::sleep_for(for_ever);
}
void fleeting_process() {}

// The destructors of globals run on `return` and exit() only, and once. No coroutine runs beside
// them, even when they wait.
std::atomic<bool> globals_are_gone{false};
struct last_words {
  const char* text;
  ~last_words() {
    globals_are_gone.store(true);
    if (write(2, text, std::strlen(text)) < 0) _exit(91);
    trine::this_unit::yield();
    trine::this_unit::sleep_for(1ms);
  }
} const globals{"destructors of globals\n"};

// Joined by its destructor, after main: it must not wait for what will never run again.
trine::handle<void> global_handle;
trine::mutex held_for_ever;

void leave_units_of_every_state(const std::string& file) {
  std::atomic<int>& arrived = counter_in(file);
  int expected = 0;
  for (int i = 0; i < 50; ++i, ++expected) {  // parked by a timer, by a mutex, by a join
    trine::spawn(trine::coroutine({.roaming = i % 5 == 0}), [&arrived, i] {
      arrived.fetch_add(1);
      if (i % 3 == 0) trine::this_unit::sleep_for(for_ever);
      if (i % 3 == 1) held_for_ever.lock();
      trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); }).get();
    }).detach();
  }
  for (int i = 0; i < 6; ++i, ++expected) {  // always ready
    trine::spawn(trine::coroutine({.roaming = i % 2 == 0}), [&arrived] {
      arrived.fetch_add(1);
      for (;;) {
        trine::this_unit::yield();
        if (globals_are_gone.load()) _exit(95);
      }
    }).detach();
  }
  for (int i = 0; i < 4; ++i, ++expected) {  // threads: parked, and calling Trine without end
    trine::spawn(trine::thread, [&arrived, i] {
      arrived.fetch_add(1);
      if (i % 2 == 0) trine::this_unit::sleep_for(for_ever);
      for (;;) {
        trine::this_unit::sleep_for(10us);
        trine::this_unit::yield();
      }
    }).detach();
  }
  // Processes that compute, sleep, and come and go; more than there are workers for, so that some
  // are queued.
  trine::spawn(trine::process, computing_process, file).detach();
  trine::spawn(trine::process, sleeping_process, file).detach();
  expected += 2;
  for (int i = 0; i < 3; ++i) trine::spawn(trine::process, fleeting_process).detach();
  global_handle = trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
  while (arrived.load() < expected) trine::this_unit::sleep_for(100us);
  // Worker 1 computes and makes no call of Trine; worker 0 spawns without end; more are queued.
  trine::spawn(trine::coroutine({.worker = 1}), [&arrived] {
    arrived.fetch_add(1);
    compute();
  }).detach();
  trine::spawn(trine::thread, [&arrived] {
    arrived.fetch_add(1);
    compute();
  }).detach();
  while (arrived.load() < expected + 2) trine::this_unit::sleep_for(100us);
  trine::spawn(trine::coroutine({.worker = 0}), [] {
    for (;;) {
      trine::spawn(trine::coroutine, [] {}).detach();
      trine::this_unit::yield();
    }
  }).detach();
  for (int i = 0; i < 500; ++i)
    trine::spawn(trine::coroutine({.worker = 1}), [] { _exit(92); }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 93;
  const std::string how = argv[1];
  trine::configure({.workers = 2});
  held_for_ever.lock();
  leave_units_of_every_state(argv[2]);
  if (how == "return") return 7;
  if (how == "exit") std::exit(7);
  if (how == "exit_in_coroutine")
    trine::spawn(trine::coroutine({.worker = 0}), [] { std::exit(7); }).get();
  if (how == "exit_in_parked_coroutine") {
    trine::spawn(trine::coroutine({.worker = 0}), [] {
      trine::this_unit::yield();
      // A handler that waits while the others still run.
      std::atexit([] {
        trine::this_unit::yield();
        trine::this_unit::sleep_for(1ms);
      });
      std::exit(7);
    }).get();
  }
  if (how == "exit_in_thread") trine::spawn(trine::thread, [] { std::exit(7); }).get();
  if (how == "throw") throw std::runtime_error("out of main");
  if (how == "quick_exit") std::quick_exit(7);
  if (how == "_exit") _exit(7);
  return 94;
}
