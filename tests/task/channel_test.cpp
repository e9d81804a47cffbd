// Channels between tasks, stackful coroutines and threads.
#include "support.hpp"

#include <memory>
#include <thread>

namespace {

using namespace support;
using trine::channel;
using trine::task;
namespace co = trine::co;

task<long> sums(channel<int>& from) {
  long sum = 0;
  while (const std::optional<int> n = co_await co::receive(from)) sum += *n;
  co_return sum;
}
task<void> sends(channel<int>& to, int first, int last) {
  for (int i = first; i < last; ++i) co_await co::send(to, i);
}
task<void> sends_and_closes(channel<int>& to, int last) {
  co_await sends(to, 0, last);
  to.close();
}

TEST(task_channel, between_two_tasks_of_one_home) {
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
    channel<int> c(capacity);
    auto [sum, nothing] = trine::when_all(sums(c), sends_and_closes(c, 1000)).get();
    EXPECT_EQ(sum, 499500);
  }
}

TEST(task_channel, many_tasks_at_both_ends) {
  channel<int> c(3);
  auto all = [&]() -> task<long> {
    auto producers = [](channel<int>& to) -> task<void> {
      std::vector<task<void>> each;
      for (int i = 0; i < 10; ++i) each.push_back(sends(to, i * 100, i * 100 + 100));
      co_await trine::when_all(std::move(each));
      to.close();
    };
    auto [sum, other, third, nothing] =
        co_await trine::when_all(sums(c), sums(c), sums(c), producers(c));
    co_return sum + other + third;
  };
  EXPECT_EQ(trine::spawn(trine::coroutine, all).get(), 499500);
}

// Tasks, stackful coroutines and threads on one channel.
TEST(task_channel, with_every_kind_of_unit) {
  for (int round = 0; round < (sanitized ? 3 : 20); ++round) {
    channel<int> c(static_cast<std::size_t>(round % 4));
    std::atomic<long> sum{0};
    trine::scope receivers;
    auto blocking = [&] {
      while (const std::optional<int> n = c.receive()) sum += *n;
    };
    receivers.spawn(trine::coroutine, blocking);
    receivers.spawn(trine::thread, blocking);
    receivers.spawn(trine::coroutine, [&] {
      auto [a, b] = trine::when_all(sums(c), sums(c)).get();
      sum += a + b;
    });
    trine::scope senders;
    auto blocking_sender = [&](int first) {
      for (int i = first; i < first + 250; ++i) c.send(i);
    };
    senders.spawn(trine::coroutine, blocking_sender, 0);
    senders.spawn(trine::thread, blocking_sender, 250);
    senders.spawn(trine::thread,
                  [&] { trine::when_all(sends(c, 500, 750), sends(c, 750, 1000)).get(); });
    senders.join();
    c.close();
    receivers.join();
    EXPECT_EQ(sum.load(), 499500);
  }
}

TEST(task_channel, closing_wakes_who_waits) {
  channel<int> full(1);
  full.send(1);
  auto closes = [](channel<int>& c) -> task<void> {
    c.close();
    co_return;
  };
  EXPECT_THROW(trine::when_all(sends(full, 2, 3), closes(full)).get(), trine::closed);
  channel<int> empty(1);
  auto [sum, nothing] = trine::when_all(sums(empty), closes(empty)).get();
  EXPECT_EQ(sum, 0);
  EXPECT_THROW(sends(empty, 0, 1).get(), trine::closed);
}

TEST(task_channel, bounds) {
  channel<int> c(1);
  EXPECT_FALSE(co::receive_for(c, 1ms).get().has_value());
  int value = 4;
  EXPECT_TRUE(co::send_for(c, value, 1ms).get());
  EXPECT_FALSE(co::send_for(c, value, 1ms).get());
  EXPECT_EQ(co::receive_for(c, for_ever).get(), 4);
}

TEST(task_channel, what_can_only_be_moved_and_without_a_bound) {
  auto c = channel<std::unique_ptr<int>>::unbounded(100000);
  auto fills = [](channel<std::unique_ptr<int>>& to) -> task<void> {
    for (int i = 0; i < 1000; ++i) co_await co::send(to, std::make_unique<int>(i));
    to.close();
  };
  auto drains = [](channel<std::unique_ptr<int>>& from) -> task<int> {
    int sum = 0;
    while (const auto p = co_await co::receive(from)) sum += **p;
    co_return sum;
  };
  fills(c).get();
  EXPECT_EQ(drains(c).get(), 499500);
}

TEST(task_channel, a_stop_request_ends_the_wait_and_loses_nothing) {
  channel<int> c(0);
  meeting at;
  auto waits = [](channel<int>& from, meeting& m) -> task<void> {
    auto arrives = [](meeting& where) -> task<void> {
      where.arrive();
      co_return;
    };
    co_await trine::when_all(sums(from), arrives(m));
  };
  auto h = trine::spawn(trine::coroutine, waits, std::ref(c), std::ref(at));
  at.await(1);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_FALSE(c.try_send(1));  // nobody is in the line any more
}

TEST(task_channel, the_loser_of_a_choice_takes_no_element) {
  channel<int> c(4);
  auto soon = []() -> task<void> { co_await co::sleep_for(1ms); };
  for (int i = 0; i < 50; ++i) {
    auto first = trine::when_any(co::receive(c), soon()).get();
    EXPECT_EQ(first.index(), 1U);
    c.send(i);
    EXPECT_EQ(c.receive(), i);
  }
}

TEST(task_channel, of_a_task_that_is_destroyed) {
  channel<int> c(0);
  auto victim = co::receive(c);
  auto starts = [&]() -> task<void> { co_await victim; };
  auto destroys = [&]() -> task<void> {
    victim = {};
    co_return;
  };
  EXPECT_THROW(trine::when_all(starts(), destroys()).get(), trine::usage_error);
  EXPECT_FALSE(c.try_send(1));
}

}  // namespace
