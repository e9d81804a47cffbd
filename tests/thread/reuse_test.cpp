// Threads are kept for the next unit, within a bound, and nothing of the last unit stays on them.
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <tuple>

#include "contract/support.hpp"
#include "thread/submit.hpp"

namespace {

using namespace support;
using namespace trine::literals;
using trine::threads::made_count;
using trine::threads::spare_count;

long tid() { return syscall(SYS_gettid); }
std::string kernel_name() {
  char name[16];
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}
// How many CPUs the calling thread may use.
int cpus() {
  ::cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : -1;
}

// Handles that are kept: who drops the last reference to a unit destroys what it left, and a thread
// that has to do so is no spare meanwhile.
class kept_handles {
 public:
  template <class F>
  auto run(const trine::thread_options& options, F body) {
    auto h = trine::spawn(trine::thread(options), [body, this] { results_.push_back(body()); });
    h.get();
    all_.push_back(std::move(h));
    return results_.back();
  }

 private:
  std::vector<long> results_;
  std::vector<trine::handle<void>> all_;
};

TEST(reuse, one_after_the_other_needs_one_thread) {
  kept_handles units;
  units.run({}, tid);
  const std::size_t made = made_count();
  for (int i = 0; i < 500; ++i) units.run({}, tid);
  EXPECT_EQ(made_count(), made);
}

TEST(reuse, as_many_as_run_at_once) {
  std::vector<trine::handle<void>> all;
  const auto round = [&all] {
    std::atomic<int> arrived{0};
    const std::size_t before = all.size();
    for (int i = 0; i < 10; ++i) {
      all.push_back(trine::spawn(trine::thread, [&] {
        arrived.fetch_add(1);
        spin_until([&] { return arrived.load() == 10; });
      }));
    }
    for (std::size_t i = before; i < all.size(); ++i) all[i].get();
  };
  round();
  const std::size_t made = made_count();
  for (int i = 0; i < 30; ++i) round();
  EXPECT_EQ(made_count(), made);
}

TEST(reuse, not_across_stack_sizes) {
  kept_handles units;
  static std::size_t size = 256_KiB;  // a new one each time the test is repeated
  const std::size_t first = size, second = size + 64_KiB;
  size += 128_KiB;
  units.run({.stack_size = first}, tid);
  const std::size_t made = made_count();
  units.run({.stack_size = second}, tid);
  EXPECT_EQ(made_count(), made + 1);
  units.run({.stack_size = first}, tid);
  units.run({.stack_size = second}, tid);
  // The same number of pages is the same size.
  units.run({.stack_size = first - 1}, tid);
  EXPECT_EQ(made_count(), made + 1);
}

TEST(reuse, of_threads_whose_unit_threw) {
  std::vector<trine::handle<void>> all;
  std::size_t made = 0;
  for (int i = 0; i < 50; ++i) {
    all.push_back(trine::spawn(trine::thread, [] { throw std::runtime_error("x"); }));
    EXPECT_THROW(all.back().get(), std::runtime_error);
    if (i == 0) made = made_count();
  }
  EXPECT_EQ(made_count(), made);
}

TEST(reuse, at_most_64_are_kept) {
  constexpr int count = 100;
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> arrived{0};
    trine::scope s;
    for (int i = 0; i < count; ++i) {
      s.spawn(trine::thread, [&] {
        arrived.fetch_add(1);
        spin_until([&] { return arrived.load() == count; });
      });
    }
    s.join();
    EXPECT_LE(spare_count(), 64U);
    EXPECT_GE(spare_count(), 32U);
  }
}

// Fills the list of spares with threads of that stack size.
void leave_64_spares(std::size_t stack_size) {
  constexpr int count = 80;
  std::atomic<int> arrived{0};
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    s.spawn(trine::thread({.stack_size = stack_size}), [&] {
      arrived.fetch_add(1);
      spin_until([&] { return arrived.load() == count; });
    });
  }
  s.join();
}

TEST(reuse, no_stack_size_crowds_out_another) {
  static std::size_t rare = 320_KiB;  // a new one each time the test is repeated
  rare += 4_KiB;
  leave_64_spares(0);
  kept_handles units;
  units.run({.stack_size = rare}, tid);
  const std::size_t made = made_count();
  for (int i = 0; i < 20; ++i) units.run({.stack_size = rare}, tid);
  EXPECT_EQ(made_count(), made);
  // Nor do many who come later crowd out the one that is there.
  leave_64_spares(0);
  const std::size_t made_later = made_count();
  units.run({.stack_size = rare}, tid);
  EXPECT_EQ(made_count(), made_later);
  EXPECT_LE(spare_count(), 64U);
}

TEST(reuse, names_do_not_stay) {
  const std::string plain = trine::spawn(trine::thread, kernel_name).get();
  EXPECT_EQ(trine::spawn(trine::thread({.name = "first"}), kernel_name).get(), "first");
  EXPECT_EQ(trine::spawn(trine::thread, kernel_name).get(), plain);
  EXPECT_EQ(trine::spawn(trine::thread({.name = "second"}), kernel_name).get(), "second");
}

TEST(reuse, cpu_sets_do_not_stay) {
  const int all = cpus();
  for (const unsigned cpu : usable_cpus()) {
    EXPECT_EQ(trine::spawn(trine::thread({.cpus = {cpu}}), cpus).get(), 1);
    EXPECT_EQ(trine::spawn(trine::thread, cpus).get(), all);
  }
}

TEST(reuse, stop_requests_do_not_stay) {
  auto stopped = trine::spawn(trine::thread, [] { trine::this_unit::sleep_for(for_ever); });
  stopped.request_stop();
  EXPECT_THROW(stopped.get(), trine::cancelled);
  trine::spawn(trine::thread, [] {
    trine::this_unit::sleep_for(1us);
    EXPECT_FALSE(trine::this_unit::stop_token().stop_requested());
  }).get();
}

TEST(affinity, invalid_sets_are_refused_before_a_thread_is_made) {
  const std::size_t made = made_count();
  for (const unsigned cpu : {1023U, 1000U})
    EXPECT_THROW(std::ignore = trine::spawn(trine::thread({.cpus = {cpu}}), [] {}),
                 std::invalid_argument);
  EXPECT_EQ(made_count(), made);
}

// Spares are taken and given back by many at once.
TEST(reuse, under_pressure) {
  std::atomic<int> ended{0};
  trine::scope s;
  for (int i = 0; i < 8; ++i) {
    s.spawn(trine::thread, [&ended, i] {
      for (int k = 0; k < (sanitized ? 50 : 300); ++k) {
        trine::spawn(trine::thread({.stack_size = static_cast<std::size_t>(i % 2 + 1) * 256_KiB}),
                     [&ended] { ended.fetch_add(1); })
            .get();
      }
    });
  }
  s.join();
  EXPECT_EQ(ended.load(), 8 * (sanitized ? 50 : 300));
  EXPECT_LE(spare_count(), 64U);
}

}  // namespace
