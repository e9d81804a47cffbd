// Stop requests, deadlines and destruction of tasks that wait.
#include "support.hpp"

#include <thread>

namespace {

using namespace support;
using trine::task;
namespace co = trine::co;

// Each way to wait that a stop request ends.
task<void> sleeps(meeting&) { co_await co::sleep_for(for_ever); }
task<void> joins(meeting& at) {
  auto h = trine::spawn(trine::thread, [&] { at.await(1, 1); });
  const departure leaves(at, 3);
  try {
    co_await h;
  } catch (...) {
    at.arrive(1);
    throw;
  }
}
task<void> joins_with_a_bound(meeting& at) {
  auto h = trine::spawn(trine::coroutine, [&] { at.await(1, 1); });
  try {
    co_await co::wait_for(h, for_ever);
  } catch (...) {
    at.arrive(1);
    throw;
  }
}
task<void> nests(meeting& at) { co_await sleeps(at); }
task<void> waits_for_all(meeting& at) { co_await trine::when_all(sleeps(at), nests(at)); }
task<void> waits_for_any(meeting& at) { co_await trine::when_any(sleeps(at), nests(at)); }

using body = task<void> (*)(meeting&);
constexpr body ways[] = {sleeps, joins, joins_with_a_bound, nests, waits_for_all, waits_for_any};

task<void> driven(body way, meeting& at) {
  const departure leaves(at, 2);
  at.arrive();
  co_await way(at);
}

TEST(cancel, a_stop_request_ends_every_wait) {
  for (const body way : ways) {
    for (const trine::unit_kind kind : local_kinds) {
      meeting at;
      with_local(kind, [&](auto unit) {
        auto h = trine::spawn(unit, driven, way, std::ref(at));
        at.await(1);
        h.request_stop();
        EXPECT_THROW(h.get(), trine::cancelled);
        EXPECT_EQ(at[2].load(), 1);
      });
    }
  }
}

TEST(cancel, a_stop_that_came_before_ends_the_first_wait) {
  for (const body way : ways) {
    meeting at;
    auto h = trine::spawn(trine::coroutine, [&] {
      at.arrive();
      at.await(1, 4);
      driven(way, at).get();
    });
    at.await(1);
    h.request_stop();
    at.arrive(4);
    EXPECT_THROW(h.get(), trine::cancelled);
  }
}

TEST(cancel, a_deadline_of_the_unit_is_timed_out) {
  for (const body way : ways) {
    for (const trine::unit_kind kind : local_kinds) {
      meeting at;
      if (kind == trine::unit_kind::thread) {
        EXPECT_THROW(
            trine::spawn(trine::thread({.deadline = 5ms}), driven, way, std::ref(at)).get(),
            trine::timed_out);
      } else {
        EXPECT_THROW(
            trine::spawn(trine::coroutine({.deadline = 5ms}), driven, way, std::ref(at)).get(),
            trine::timed_out);
      }
      EXPECT_EQ(at[2].load(), 1);
    }
  }
}

TEST(cancel, in_a_process_too) {
  auto sleep = [](std::string path) -> task<void> {
    meeting at(path);
    at.arrive();
    co_await co::sleep_for(for_ever);
  };
  meeting at;
  auto h = trine::spawn(trine::process, sleep, at.path());
  at.await(1);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
}

TEST(cancel, a_stopped_task_may_clean_up_without_waiting) {
  meeting at;
  auto tidy = [](meeting& m) -> task<int> {
    int stops = 0;
    m.arrive();
    for (int i = 0; i < 3; ++i) {
      try {
        co_await co::sleep_for(for_ever);
      } catch (const trine::cancelled&) {
        ++stops;  // every wait of a stopped unit ends, as its blocking calls do
      }
      co_await co::yield();
    }
    co_return stops;
  };
  auto h = trine::spawn(trine::coroutine, tidy, std::ref(at));
  at.await(1);
  h.request_stop();
  EXPECT_EQ(h.get(), 3);
}

TEST(cancel, many_tasks_of_one_unit_all_hear) {
  meeting at;
  auto many = [](meeting& m) -> task<void> {
    auto one = [](meeting& where) -> task<void> {
      const departure leaves(where, 2);
      co_await co::sleep_for(for_ever);
    };
    std::vector<task<void>> all;
    for (int i = 0; i < 1000; ++i) all.push_back(one(m));
    auto tells = [](meeting& where) -> task<void> {
      where.arrive();
      co_return;
    };
    all.push_back(tells(m));
    co_await trine::when_all(std::move(all));
  };
  auto h = trine::spawn(trine::coroutine, many, std::ref(at));
  at.await(1);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_EQ(at[2].load(), 1000);
}

// A stop and an end at the same time: the wait ends by one of them, and nothing is lost.
TEST(cancel, races_with_the_end_of_what_it_waits_for) {
  int ended = 0;
  int stopped = 0;
  for (int i = 0; i < 300; ++i) {
    meeting at;
    auto waits = [](meeting& m) -> task<int> {
      auto inner = trine::spawn(trine::thread, [&] {
        compute_until([&] { return m[1].load() != 0; });
        return 1;
      });
      m.arrive();
      co_return co_await inner;
    };
    auto h = trine::spawn(trine::coroutine, waits, std::ref(at));
    at.await(1);
    std::thread stopper([&] {
      compute_until([&] { return at[1].load() != 0; });
      h.request_stop();
    });
    at.arrive(1);
    stopper.join();
    try {
      ended += h.get();
    } catch (const trine::cancelled&) {
      ++stopped;
    }
  }
  EXPECT_EQ(ended + stopped, 300);
}

// ---- destruction --------------------------------------------------------------------------------

// Destroyed by another task of its home while it waits, in each way: what it holds is destroyed,
// and what would have woken it finds nobody.
TEST(destruction, of_a_task_that_waits) {
  int alive = 0;
  gate g;
  auto h = g.unit(1);
  {
    auto holds_sleep = [](counted) -> task<void> { co_await co::sleep_for(for_ever); };
    auto holds_join = [](counted, trine::handle<int>& of) -> task<void> { co_await of; };
    auto holds_bound = [](counted, trine::handle<int>& of) -> task<void> {
      co_await co::wait_for(of, for_ever);
    };
    auto holds_yield = [](counted) -> task<void> { co_await co::yield(); };
    auto holds_group = [&](counted) -> task<void> {
      co_await trine::when_all(holds_sleep(counted(alive)), holds_join(counted(alive), h));
    };
    std::vector<task<void>> victims;
    victims.push_back(holds_sleep(counted(alive)));
    victims.push_back(holds_join(counted(alive), h));
    victims.push_back(holds_bound(counted(alive), h));
    victims.push_back(holds_yield(counted(alive)));
    victims.push_back(holds_group(counted(alive)));
    const std::size_t count = victims.size();
    auto starts = [&](std::size_t i) -> task<void> { co_await victims[i]; };
    auto destroys = [&]() -> task<void> {
      EXPECT_EQ(parked_tasks(), 5U);
      victims.clear();
      EXPECT_EQ(alive, 0);
      EXPECT_EQ(parked_tasks(), 0U);
      co_return;
    };
    auto all = [&]() -> task<void> {
      std::vector<task<void>> each;
      for (std::size_t i = 0; i < count; ++i) each.push_back(starts(i));
      each.push_back(destroys());
      co_await trine::when_all(std::move(each));
    };
    // Those that awaited them can never go on, which is said.
    EXPECT_THROW(all().get(), trine::usage_error);
  }
  EXPECT_EQ(alive, 0);
  g.open = true;
  EXPECT_EQ(h.get(), 1);
}

// The same while what it waits for ends on another thread.
TEST(destruction, races_with_the_waker) {
  for (int i = 0; i < 300; ++i) {
    gate g;
    auto h = g.unit(1);
    auto waits = [&]() -> task<void> { co_await co::wait(h); };
    task<void> victim = waits();
    auto starts = [&]() -> task<void> { co_await victim; };
    auto destroys = [&]() -> task<void> {
      g.open = true;
      for (int k = 0; k < i % 50; ++k) sched_yield();
      victim = {};
      co_return;
    };
    EXPECT_THROW(trine::when_all(starts(), destroys()).get(), trine::usage_error);
    EXPECT_EQ(h.get(), 1);
  }
}

}  // namespace
