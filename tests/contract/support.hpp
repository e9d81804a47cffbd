// What the tests of units share: the three kinds as test parameters, and meeting points that work
// across processes, so that nothing is ever proved by a clock or waited for by a sleep.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <trine/trine.hpp>

#if defined(TRINE_ASAN) || defined(TRINE_TSAN)
#define SUPPORT_SANITIZED 1
#else
#define SUPPORT_SANITIZED 0
#endif

#if defined(TRINE_TSAN)
// The count of an exception's owners is kept by libstdc++, whose code ThreadSanitizer does not see:
// the last owner's destructor seems to race with whoever read what() before.
extern "C" [[gnu::used]] inline const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n"
         "race:std::runtime_error::~runtime_error\n"
         "race:std::logic_error::~logic_error\n";
}
#endif

namespace support {

using namespace std::chrono_literals;

inline constexpr bool sanitized = SUPPORT_SANITIZED != 0;
// A span that no test survives: what must end earlier ends by something else.
inline constexpr auto for_ever = std::chrono::hours(24);

inline constexpr std::array<trine::unit_kind, 3> all_kinds = {
    trine::unit_kind::process, trine::unit_kind::thread, trine::unit_kind::coroutine};
inline constexpr std::array<trine::unit_kind, 2> local_kinds = {trine::unit_kind::thread,
                                                                trine::unit_kind::coroutine};

// A unit of that kind with the options that all kinds have.
inline trine::any_unit unit_of(trine::unit_kind kind, trine::unit_name name = {},
                               std::chrono::nanoseconds deadline = {}) {
  switch (kind) {
    case trine::unit_kind::process:
      return trine::process({.name = name, .deadline = deadline});
    case trine::unit_kind::thread:
      return trine::thread({.name = name, .deadline = deadline});
    case trine::unit_kind::coroutine:
      break;
  }
  return trine::coroutine({.name = name, .deadline = deadline});
}

// Calls what(unit) with the constant of a local kind, which takes callables with captures.
template <class What>
decltype(auto) with_local(trine::unit_kind kind, What&& what) {
  if (kind == trine::unit_kind::thread) return what(trine::thread_unit{});
  return what(trine::coroutine_unit{});
}

struct kind_name {
  template <class Info>
  std::string operator()(const Info& info) const {
    return trine::to_string(info.param);
  }
};

class unit_test : public ::testing::TestWithParam<trine::unit_kind> {
 protected:
  trine::any_unit unit() const { return unit_of(GetParam()); }
};
class local_test : public ::testing::TestWithParam<trine::unit_kind> {};

// Lets whoever else must move do so: in a unit, the others of its home; else other threads.
template <class Condition>
void spin_until(Condition done) {
  while (!done()) {
    trine::this_unit::yield();
    sched_yield();
  }
}
// The same without any call of Trine.
template <class Condition>
void compute_until(Condition done) {
  while (!done()) sched_yield();
}

// Counters in memory that every kind of unit can reach: a file by name, mapped by each.
class meeting {
 public:
  static constexpr std::size_t places = 64;

  meeting() : path_("/dev/shm/trine-test-XXXXXX") {
    const int fd = mkstemp(path_.data());
    if (fd < 0) throw std::runtime_error("no file in /dev/shm");
    if (ftruncate(fd, sizeof(std::atomic<int>) * places) != 0)
      throw std::runtime_error("no room in /dev/shm");
    counters_ = map(fd);
    owner_ = true;
  }
  explicit meeting(const std::string& path) : path_(path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) throw std::runtime_error("no meeting at " + path);
    counters_ = map(fd);
  }
  meeting(const meeting&) = delete;
  meeting& operator=(const meeting&) = delete;
  ~meeting() {
    munmap(counters_, sizeof(std::atomic<int>) * places);
    if (owner_) unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }
  std::atomic<int>& operator[](std::size_t place) { return counters_[place]; }
  void arrive(std::size_t place = 0) { counters_[place].fetch_add(1); }
  void await(int count, std::size_t place = 0) {
    spin_until([&] { return counters_[place].load() >= count; });
  }

 private:
  static std::atomic<int>* map(int fd) {
    void* p =
        mmap(nullptr, sizeof(std::atomic<int>) * places, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED) throw std::runtime_error("the meeting cannot be mapped");
    return static_cast<std::atomic<int>*>(p);
  }

  std::string path_;
  std::atomic<int>* counters_ = nullptr;
  bool owner_ = false;
};

// Counts at its place when it is destroyed, as by unwinding.
class departure {
 public:
  departure(meeting& at, std::size_t place) : at_(at), place_(place) {}
  departure(const departure&) = delete;
  departure& operator=(const departure&) = delete;
  ~departure() { at_.arrive(place_); }

 private:
  meeting& at_;
  std::size_t place_;
};

// Bodies that several tests use. Place 0: arrived; 1: may go on; 2: has left.
inline void sleeper(std::string path) {
  meeting at(path);
  const departure leaves(at, 2);
  at.arrive();
  trine::this_unit::sleep_for(for_ever);
}
inline int held(std::string path) {
  meeting at(path);
  const departure leaves(at, 2);
  at.arrive();
  at.await(1, 1);
  return 7;
}

// Tests count on two workers wherever they run, unless the environment says more.
class two_workers : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("TRINE_WORKERS") == nullptr) trine::configure({.workers = 2});
  }
};
inline ::testing::Environment* const two_workers_set =
    ::testing::AddGlobalTestEnvironment(new two_workers);

// CPUs the program may use.
inline std::vector<unsigned> usable_cpus() {
  ::cpu_set_t set;
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  return cpus;
}

}  // namespace support

#define TRINE_ALL_UNITS(fixture)                                                   \
  INSTANTIATE_TEST_SUITE_P(each, fixture, ::testing::ValuesIn(support::all_kinds), \
                           support::kind_name())
#define TRINE_LOCAL_UNITS(fixture)                                                   \
  INSTANTIATE_TEST_SUITE_P(each, fixture, ::testing::ValuesIn(support::local_kinds), \
                           support::kind_name())
