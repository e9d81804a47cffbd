// task<T>: results, exceptions, laziness, who drives it, what it awaits.
#include "support.hpp"

#include <memory>
#include <string>

namespace {

using namespace support;
using trine::task;
namespace co = trine::co;

task<int> number(int n) { co_return n; }
task<int> number_later(int n) {
  co_await co::sleep_for(1ms);
  co_return n;
}
task<int> sum(int a, int b) { co_return co_await number_later(a) + co_await number(b); }
task<void> fails() {
  co_await co::yield();
  throw std::runtime_error("no");
}

TEST(task, gives_its_result) {
  EXPECT_EQ(number(3).get(), 3);
  EXPECT_EQ(sum(3, 4).get(), 7);
}

TEST(task, is_lazy) {
  bool began = false;
  auto body = [&]() -> task<void> {
    began = true;
    co_return;
  };
  {
    const auto never = body();
    EXPECT_TRUE(never.valid());
    EXPECT_FALSE(never.done());
  }
  EXPECT_FALSE(began);
  auto once = body();
  once.get();
  EXPECT_TRUE(began);
  EXPECT_TRUE(once.done());
}

TEST(task, arguments_of_one_that_never_began_are_destroyed) {
  int alive = 0;
  auto body = [](counted) -> task<void> { co_return; };
  { const auto never = body(counted(alive)); }
  EXPECT_EQ(alive, 0);
}

TEST(task, results_of_every_type) {
  static int place = 5;
  auto reference = []() -> task<int&> { co_return place; };
  EXPECT_EQ(&reference().get(), &place);
  auto awaits_reference = [&]() -> task<int*> { co_return &co_await reference(); };
  EXPECT_EQ(awaits_reference().get(), &place);
  auto move_only = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
  EXPECT_EQ(*move_only().get(), 6);
  auto text = []() -> task<std::string> { co_return "text"; };
  EXPECT_EQ(text().get(), "text");
  struct no_default {
    explicit no_default(int n) : value(n) {}
    int value;
  };
  auto odd = []() -> task<no_default> { co_return no_default(7); };
  EXPECT_EQ(odd().get().value, 7);
  auto braces = []() -> task<std::pair<int, int>> { co_return {1, 2}; };
  EXPECT_EQ(braces().get().second, 2);
}

TEST(task, results_are_destroyed_once) {
  int alive = 0;
  auto body = [](int& of) -> task<counted> { co_return counted(of); };
  {
    auto t = body(alive);
    const counted c = t.get();
    EXPECT_GE(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(task, exceptions_come_out) {
  EXPECT_THROW(fails().get(), std::runtime_error);
  auto catches = []() -> task<int> {
    int caught = 0;
    for (int i = 0; i < 3; ++i) {
      try {
        co_await fails();
      } catch (const std::runtime_error& e) {
        if (std::string(e.what()) == "no") ++caught;
      }
    }
    co_return caught;
  };
  EXPECT_EQ(catches().get(), 3);
}

TEST(task, an_exception_after_the_result_wins) {
  struct throws_when_it_goes {
    ~throws_when_it_goes() noexcept(false) { throw std::runtime_error("late"); }
  };
  int alive = 0;
  auto body = [](int& of) -> task<counted> {
    throws_when_it_goes last;
    co_return counted(of);
  };
  EXPECT_THROW(body(alive).get(), std::runtime_error);
  EXPECT_EQ(alive, 0);
}

TEST(task, misuse_is_said_in_words) {
  task<int> empty;
  EXPECT_THROW(empty.get(), trine::usage_error);
  auto t = number(1);
  EXPECT_EQ(t.get(), 1);
  EXPECT_THROW(t.get(), trine::usage_error);
  auto awaits_twice = []() -> task<int> {
    auto once = number(1);
    co_await once;
    co_return co_await once;
  };
  EXPECT_THROW(awaits_twice().get(), trine::usage_error);
  auto awaits_empty = []() -> task<int> { co_return co_await task<int>(); };
  EXPECT_THROW(awaits_empty().get(), trine::usage_error);
}

TEST(task, stays_on_its_home) {
  auto body = []() -> task<bool> {
    const auto tid = gettid();
    const auto id = trine::this_unit::id();
    bool same = true;
    for (int i = 0; i < 20; ++i) {
      auto h = trine::spawn(trine::thread, [] { return gettid(); });
      const auto other = co_await h;
      same = same && other != tid && gettid() == tid && trine::this_unit::id() == id;
      co_await co::yield();
      co_await co::sleep_for(100us);
    }
    co_return same;
  };
  EXPECT_TRUE(body().get());
  EXPECT_TRUE(trine::spawn(trine::coroutine, body).get());
}

TEST(task, awaits_handles) {
  auto body = []() -> task<int> {
    auto a = trine::spawn(trine::coroutine, [] { return 1; });
    auto b = trine::spawn(trine::thread, [] { return 2; });
    const int c = co_await trine::spawn(trine::process, [] { return 4; });
    co_await trine::spawn(trine::coroutine, [] {});
    co_return co_await a + co_await std::move(b) + c;
  };
  EXPECT_EQ(body().get(), 7);
  EXPECT_EQ(trine::spawn(trine::coroutine, body).get(), 7);
}

TEST(task, awaits_units_of_a_scope) {
  auto body = []() -> task<int> {
    trine::scope s;
    auto a = s.spawn(trine::coroutine, [] { return 1; });
    auto b = s.spawn(trine::thread, [] { return 2; });
    const int both = co_await a + co_await b;
    s.join();
    co_return both;
  };
  EXPECT_EQ(body().get(), 3);
}

TEST(task, awaits_the_exception_of_a_unit) {
  auto body = []() -> task<void> {
    co_await trine::spawn(trine::coroutine, [] { throw std::out_of_range("far"); });
  };
  EXPECT_THROW(body().get(), std::out_of_range);
}

TEST(task, waits_for_a_unit_with_a_bound) {
  gate g;
  auto body = [&]() -> task<int> {
    auto h = g.unit(8);
    if (co_await co::wait_for(h, 1ms)) co_return -1;
    if (co_await co::wait_until(h, std::chrono::steady_clock::now() + 1ms)) co_return -2;
    g.open = true;
    if (!co_await co::wait_for(h, for_ever)) co_return -3;
    co_await co::wait(h);
    co_return co_await h;
  };
  EXPECT_EQ(body().get(), 8);
}

TEST(task, an_empty_handle_is_said_in_words) {
  auto body = []() -> task<int> {
    trine::handle<int> none;
    co_return co_await none;
  };
  EXPECT_THROW(body().get(), trine::usage_error);
}

TEST(task, sleeps_long_enough_and_in_order) {
  std::vector<int> order;
  auto one = [&](int n, std::chrono::milliseconds span) -> task<void> {
    const auto before = std::chrono::steady_clock::now();
    co_await co::sleep_for(span);
    if (std::chrono::steady_clock::now() - before < span) order.push_back(-1);
    order.push_back(n);
  };
  trine::when_all(one(3, 30ms), one(1, 1ms), one(2, 15ms), one(0, -5ms)).get();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(task, yield_lets_the_others_go_first) {
  std::string order;
  auto one = [&](char letter) -> task<void> {
    for (int i = 0; i < 3; ++i) {
      order += letter;
      co_await co::yield();
    }
  };
  trine::when_all(one('a'), one('b'), one('c')).get();
  EXPECT_EQ(order, "abcabcabc");
}

TEST(task, yield_lets_other_units_of_the_home_run) {
  std::atomic<bool> ran{false};
  auto body = [&]() -> task<void> {
    auto h = trine::spawn(trine::coroutine({.worker = 0}), [&] { ran = true; });
    while (!ran) co_await co::yield();
    co_await h;
  };
  trine::spawn(trine::coroutine({.worker = 0}), body).get();
}

TEST(task, tasks_that_are_always_ready_let_other_units_run) {
  std::atomic<bool> ran{false};
  auto ready = []() -> task<void> { co_return; };
  auto body = [&]() -> task<void> {
    auto other = trine::spawn(trine::coroutine({.worker = 0}), [&] { ran = true; });
    while (!ran) {
      // Ends at once each time: nothing ever waits.
      std::vector<task<void>> some;
      for (int i = 0; i < 10; ++i) some.push_back(ready());
      co_await trine::when_all(std::move(some));
      co_await co::sleep_for(0ns);
    }
    co_await other;
  };
  trine::spawn(trine::coroutine({.worker = 0}), body).get();
}

TEST(task, a_blocking_call_inside_parks_the_unit) {
  gate g;
  auto body = [&]() -> task<int> {
    auto h = g.unit(9);
    auto opens = trine::spawn(trine::coroutine, [&] { g.open = true; });
    co_await co::yield();
    const int value = h.get();  // blocks: no co_await
    co_return value + number_later(1).get();
  };
  EXPECT_EQ(trine::spawn(trine::coroutine({.worker = 0}), body).get(), 10);
  g.open = false;
  EXPECT_EQ(body().get(), 10);
}

TEST(task, enters_the_registry_only_while_it_waits) {
  gate g;
  auto waits = [&](trine::handle<int>& h) -> task<int> { co_return co_await h; };
  auto looks = [&]() -> task<void> {
    EXPECT_EQ(parked_tasks(), 1U);
    for (const trine::unit_info& u : trine::units()) {
      if (u.name != "task") continue;
      EXPECT_EQ(u.waiting_for, "join");
      EXPECT_NE(u.object, nullptr);
      EXPECT_EQ(u.parent, trine::this_unit::id());
      EXPECT_NE(u.file.find("task_test.cpp"), std::string::npos);
      EXPECT_NE(u.line, 0U);
      EXPECT_NE(u.since.time_since_epoch().count(), 0);
    }
    g.open = true;
    co_return;
  };
  auto h = g.unit(1);
  trine::when_all(waits(h), looks()).get();
  EXPECT_EQ(parked_tasks(), 0U);
}

// ---- units whose function is a task -------------------------------------------------------------

class task_unit : public unit_test {};
TRINE_ALL_UNITS(task_unit);

TEST_P(task_unit, runs_to_the_end_of_its_task) {
  trine::handle<int> h = trine::spawn(unit(), sum, 1, 2);
  EXPECT_EQ(h.get(), 3);
  EXPECT_THROW(trine::spawn(unit(), fails).get(), std::runtime_error);
  EXPECT_EQ(trine::map(unit(), std::vector<int>{1, 2, 3}, number_later),
            (std::vector<int>{1, 2, 3}));
}

TEST_P(task_unit, awaits_units_inside) {
  auto body = []() -> task<int> {
    auto inner = trine::spawn(trine::coroutine, sum, 1, 2);
    co_return co_await inner + co_await trine::spawn(trine::thread, sum, 3, 4);
  };
  EXPECT_EQ(trine::spawn(unit(), body).get(), 10);
}

TEST(task_unit, arguments_and_captures_live_as_long_as_the_task) {
  int alive = 0;
  {
    auto text = std::make_unique<std::string>("captured");
    auto h = trine::spawn(
        trine::coroutine,
        [text = std::move(text)](const counted& c, const std::string& by_reference) -> task<int> {
          co_await co::sleep_for(1ms);
          co_return static_cast<int>(text->size() + by_reference.size()) +
              (std::atomic_ref(*c.alive).load() > 0 ? 1 : 0);
        },
        counted(alive), "argument");
    EXPECT_EQ(h.get(), 1 + 8 + 8);
  }
  EXPECT_EQ(alive, 0);
}

// ---- what g++ has got wrong ---------------------------------------------------------------------

// Parameters by value, copied into the frame, and temporaries of a co_await expression: each is
// destroyed once, and lives until the end of the full expression.
TEST(compiler, parameters_and_temporaries) {
  int alive = 0;
  auto by_value = [](counted a, counted b) -> task<int> {
    co_await co::yield();
    co_return *a.alive + 0 * *b.alive;
  };
  auto caller = [&]() -> task<int> {
    const int first = co_await by_value(counted(alive), counted(alive));
    if (alive != 0) co_return -1;
    const int second = co_await by_value(counted(alive), counted(alive)) + first;
    if (alive != 0) co_return -2;
    co_return second;
  };
  EXPECT_GE(caller().get(), 4);
  EXPECT_EQ(alive, 0);
}

// (A braced list of strings in a co_await expression g++ 12 does not compile.)
TEST(compiler, a_temporary_lives_to_the_end_of_the_expression) {
  auto length = [](const std::string& s, std::vector<std::string> more) -> task<std::size_t> {
    co_await co::sleep_for(0ns);
    co_return s.size() + more.size() + more.back().size();
  };
  auto caller = [&]() -> task<std::size_t> {
    std::size_t n = 0;
    for (int i = 0; i < 10; ++i)
      n += co_await length(std::string(100, 'x') + "y",
                           std::vector<std::string>(3, std::string(50, 'z')));
    const bool both = co_await length("ab", std::vector<std::string>(1, "c")) == 4 &&
                      co_await length("", std::vector<std::string>(1, "d")) == 2;
    co_return both ? n : 0;
  };
  EXPECT_EQ(caller().get(), 10U * (101 + 3 + 50));
}

TEST(compiler, exceptions_while_a_temporary_is_alive) {
  int alive = 0;
  auto throws = [](counted) -> task<int> {
    co_await co::yield();
    throw std::runtime_error("no");
  };
  auto caller = [&]() -> task<int> {
    try {
      co_return co_await throws(counted(alive)) + co_await throws(counted(alive));
    } catch (const std::runtime_error&) {
    }
    co_return alive;
  };
  EXPECT_EQ(caller().get(), 0);
}

}  // namespace
