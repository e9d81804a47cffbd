// No work stays out of an idle worker's reach, for each way of forking and spawning. Proved by
// rendezvous: see forks::pairs.
#include "fork/support.hpp"

namespace {

using namespace forks;
using body = std::function<void()>;

void halves(int count, const body& b) {
  if (count == 0) return;
  if (count == 1) return b();
  trine::parallel_invoke([&] { halves(count / 2, b); }, [&] { halves(count - count / 2, b); });
}
// Each pushes the rest and runs one.
void one_and_rest(int count, const body& b) {
  if (count == 0) return;
  if (count == 1) return b();
  trine::parallel_invoke(b, [&] { one_and_rest(count - 1, b); });
}
void rest_and_one(int count, const body& b) {
  if (count == 0) return;
  if (count == 1) return b();
  trine::parallel_invoke([&] { rest_and_one(count - 1, b); }, b);
}
void eights(int count, const body& b) {
  for (; count >= 8; count -= 8) trine::parallel_invoke(b, b, b, b, b, b, b, b);
  halves(count, b);
}
void index_loop(int count, const body& b) {
  trine::parallel_for(0, count, [&](int) { b(); });
}
void part_loop(int count, const body& b) {
  trine::parallel_for(0, 3 * count, 3, [&](int begin, int end) {
    ASSERT_EQ(end, begin + 3);
    b();
  });
}
void timed_loop(int count, const body& b) {
  // A call is a body; where several numbers are in one call they count as begun with it.
  trine::parallel_for(0, count, 0, [&](int begin, int end) {
    while (begin++ != end) b();
  });
}
void reduction(int count, const body& b) {
  const int sum = trine::parallel_reduce(
      0, count, 0,
      [&](int) {
        b();
        return 1;
      },
      std::plus<>());
  ASSERT_EQ(sum, count);
}
void spawns(int count, const body& b) {
  std::vector<trine::handle<void>> all;
  for (int i = 0; i < count; ++i) all.push_back(trine::spawn(trine::coroutine, std::cref(b)));
  for (auto& one : all) one.get();
}
void scope(int count, const body& b) {
  trine::scope s;
  for (int i = 0; i < count; ++i) s.spawn(trine::coroutine, std::cref(b));
  s.join();
}
void map(int count, const body& b) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  trine::map(trine::coroutine, numbers, [&](int) {
    b();
    return 0;
  });
}

struct way {
  const char* name;
  void (*run)(int, const body&);
};
// Not among the pairs: a call of timed_loop that has begun is one body however long it is.
constexpr way ways[] = {{"halves", halves},
                        {"one_and_rest", one_and_rest},
                        {"rest_and_one", rest_and_one},
                        {"eights", eights},
                        {"index_loop", index_loop},
                        {"part_loop", part_loop},
                        {"reduction", reduction},
                        {"spawns", spawns},
                        {"scope", scope},
                        {"map", map}};

struct way_name {
  template <class Info>
  std::string operator()(const Info& info) const {
    return info.param.name;
  }
};

class reach : public ::testing::TestWithParam<way> {};
INSTANTIATE_TEST_SUITE_P(by, reach, ::testing::ValuesIn(ways), way_name());

void run_pairs(const way& w, int count) {
  pairs meet(count);
  in_coroutine([&] { w.run(count, [&] { meet.body(); }); });
  EXPECT_EQ(meet.ended(), count);
}

TEST_P(reach, eight_long_bodies) {
  for (int round = 0; round < 20; ++round) run_pairs(GetParam(), 8);
}
TEST_P(reach, a_thousand_long_bodies) {
  for (int round = 0; round < 3; ++round) run_pairs(GetParam(), 1000);
}
TEST_P(reach, after_the_workers_slept) {
  for (int round = 0; round < 10; ++round) {
    trine::this_unit::sleep_for(std::chrono::milliseconds(3 * round));
    run_pairs(GetParam(), 8);
  }
}

TEST_P(reach, nested_in_every_other) {
  for (const way& outer : ways) {
    pairs meet(8 * 6);
    in_coroutine([&] { outer.run(8, [&] { GetParam().run(6, [&] { meet.body(); }); }); });
    EXPECT_EQ(meet.ended(), 8 * 6) << outer.name;
  }
}

TEST_P(reach, from_a_thread) {
  pairs meet(40);
  GetParam().run(40, [&] { meet.body(); });
  EXPECT_EQ(meet.ended(), 40);
}

// With lengths chosen by time, what has begun is one call.
TEST(reach_timed, calls_begin_one_by_one_while_they_are_long) {
  std::atomic<int> begun{0}, sum{0};
  in_coroutine([&] {
    trine::parallel_for(0, 1000, 0, [&](int begin, int end) {
      const int mine = begun.fetch_add(end - begin) + end - begin;
      if (mine < 1000) compute_until([&] { return begun.load() > mine; });
      for (int i = begin; i < end; ++i) sum.fetch_add(i);
    });
  });
  EXPECT_EQ(sum.load(), 999 * 1000 / 2);
  pairs meet(8);
  in_coroutine([&] { timed_loop(8, [&] { meet.body(); }); });
  EXPECT_EQ(meet.ended(), 8);
}

}  // namespace
