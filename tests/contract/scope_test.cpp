// Scopes: no unit of one is left behind, and the first failure ends the others.
#include <exception>
#include <optional>

#include "contract/support.hpp"

namespace {

using namespace support;

class scopes : public unit_test {};
TRINE_ALL_UNITS(scopes);

TEST_P(scopes, empty) {
  trine::scope s;
  s.join();
  s.join();
  EXPECT_EQ(s.running(), 0U);
  EXPECT_TRUE(s.other_errors().empty());
}

TEST_P(scopes, joins_all_and_keeps_results) {
  trine::scope s;
  std::vector<trine::unit_ref<int>> refs;
  for (int i = 0; i < 50; ++i)
    refs.push_back(s.spawn(
        unit(), [](int n) { return n * 2; }, i));
  s.join();
  EXPECT_EQ(s.running(), 0U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(refs[static_cast<std::size_t>(i)].ready());
    EXPECT_EQ(refs[static_cast<std::size_t>(i)].get(), 2 * i);
  }
  EXPECT_THROW(refs[0].get(), trine::usage_error);
}

TEST_P(scopes, a_result_may_be_asked_for_before_the_join) {
  trine::scope s;
  auto ref = s.spawn(unit(), [] { return std::string("early"); });
  EXPECT_EQ(ref.get(), "early");
  s.join();
}

TEST_P(scopes, results_may_be_ignored) {
  trine::scope s;
  for (int i = 0; i < 20; ++i) s.spawn(unit(), [] { return 1; });
  s.join();
}

TEST_P(scopes, the_first_failure_stops_the_others_and_is_thrown) {
  meeting at;
  trine::scope s;
  std::vector<trine::unit_ref<void>> sleepers;
  for (int i = 0; i < 3; ++i) sleepers.push_back(s.spawn(unit(), sleeper, at.path()));
  at.await(3);
  EXPECT_EQ(s.running(), 3U);
  auto fails = s.spawn(unit(), [] { throw std::runtime_error("boom"); });
  try {
    s.join();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_EQ(at[2], 3);
  for (auto& ref : sleepers) EXPECT_THROW(ref.get(), trine::cancelled);
  EXPECT_THROW(fails.get(), std::runtime_error);
  EXPECT_TRUE(s.other_errors().empty());  // those that were stopped did not fail
}

TEST_P(scopes, later_failures_are_kept) {
  meeting at;
  trine::scope s;
  for (int i = 0; i < 3; ++i) {
    s.spawn(
        unit(),
        [](std::string path, int n) {
          meeting inside(path);
          inside.arrive();
          inside.await(3);
          throw std::runtime_error(std::to_string(n));
        },
        at.path(), i);
  }
  int sum = 0;
  try {
    s.join();
    ADD_FAILURE();
  } catch (const std::runtime_error& e) {
    sum += 1 << std::stoi(e.what());
  }
  for (const std::exception_ptr& error : s.other_errors()) {
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& e) {
      sum += 1 << std::stoi(e.what());
    }
  }
  EXPECT_EQ(sum, 7);
  EXPECT_EQ(s.other_errors().size(), 2U);
}

TEST_P(scopes, may_be_used_again) {
  trine::scope s;
  for (int i = 0; i < 5; ++i) {
    if (i % 2 == 0) s.spawn(unit(), [] { throw std::runtime_error("this time"); });
    auto ref = s.spawn(unit(), [] { return 3; });
    if (i % 2 == 0) {
      EXPECT_THROW(s.join(), std::runtime_error);
    } else {
      s.join();
      EXPECT_EQ(ref.get(), 3);
    }
  }
}

TEST_P(scopes, destructor_stops_and_joins) {
  meeting at;
  {
    trine::scope s;
    for (int i = 0; i < 3; ++i) s.spawn(unit(), sleeper, at.path());
    at.await(3);
  }
  EXPECT_EQ(at[2], 3);
}

TEST_P(scopes, destructor_while_an_exception_unwinds) {
  meeting at;
  try {
    trine::scope s;
    s.spawn(unit(), sleeper, at.path());
    s.spawn(unit(), [] { throw std::logic_error("swallowed"); });
    at.await(1);
    throw std::runtime_error("the one that counts");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(at[2], 1);
  }
}

TEST_P(scopes, request_stop_is_no_failure) {
  meeting at;
  trine::scope s;
  for (int i = 0; i < 3; ++i) s.spawn(unit(), sleeper, at.path());
  at.await(3);
  s.request_stop();
  s.join();
  EXPECT_EQ(at[2], 3);
}

TEST_P(scopes, a_unit_that_comes_after_the_request_is_stopped_too) {
  trine::scope s;
  s.request_stop();
  auto late = s.spawn(unit(), [] { trine::this_unit::sleep_for(for_ever); });
  s.join();
  EXPECT_THROW(late.get(), trine::cancelled);
  auto later = s.spawn(unit(), [] { trine::this_unit::sleep_for(1us); });
  s.join();
  later.get();
}

TEST_P(scopes, nested) {
  trine::scope outer;
  auto ref = outer.spawn(unit(), [] {
    trine::scope inner;
    std::vector<trine::unit_ref<int>> refs;
    for (const trine::unit_kind kind : all_kinds)
      refs.push_back(inner.spawn(unit_of(kind), [] { return 2; }));
    inner.join();
    int sum = 0;
    for (auto& r : refs) sum += r.get();
    return sum;
  });
  outer.join();
  EXPECT_EQ(ref.get(), 6);
}

TEST_P(scopes, a_failure_inside_stops_the_scope_around) {
  meeting at;
  trine::scope outer;
  outer.spawn(unit(), sleeper, at.path());
  at.await(1);
  outer.spawn(unit(), [] {
    trine::scope inner;
    inner.spawn(trine::coroutine, [] { throw std::out_of_range("deep down"); });
    inner.join();
  });
  EXPECT_THROW(outer.join(), std::out_of_range);
  EXPECT_EQ(at[2], 1);
}

TEST_P(scopes, a_stopped_waiter_stops_its_units_and_waits_for_them) {
  meeting at;
  auto h = trine::spawn(trine::coroutine, [&] {
    trine::scope s;
    for (int i = 0; i < 3; ++i) s.spawn(unit(), sleeper, at.path());
    s.join();
  });
  at.await(3);
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_EQ(at[2], 3);
}

TEST_P(scopes, the_waiters_deadline_does_the_same) {
  meeting at;
  auto h = trine::spawn(trine::thread({.deadline = 30ms}), [&] {
    trine::scope s;
    for (int i = 0; i < 3; ++i) s.spawn(unit(), sleeper, at.path());
    s.join();
  });
  EXPECT_THROW(h.get(), trine::timed_out);
  EXPECT_EQ(at[0], at[2]);
}

TEST_P(scopes, a_start_that_fails_leaves_the_scope_whole) {
  trine::scope s;
  auto before = s.spawn(unit(), [] { return 1; });
  EXPECT_THROW(s.spawn(trine::coroutine({.worker = 4000}), [] {}), std::invalid_argument);
  EXPECT_THROW(s.spawn(trine::thread({.cpus = {1023}}), [] {}), std::invalid_argument);
  auto after = s.spawn(unit(), [] { return 2; });
  s.join();
  EXPECT_EQ(before.get() + after.get(), 3);
}

TEST_P(scopes, references_outlive_the_scope_after_a_join) {
  std::optional<trine::unit_ref<std::string>> ref;
  {
    trine::scope s;
    ref.emplace(s.spawn(unit(), [] { return std::string("still there"); }));
    s.join();
  }
  EXPECT_TRUE(ref->ready());
  EXPECT_EQ(ref->get(), "still there");
}

// Failures come while the owner still spawns: nobody may be missed, whichever comes first.
TEST_P(scopes, failing_while_others_are_started) {
  const int rounds = GetParam() == trine::unit_kind::process ? 5 : sanitized ? 30 : 300;
  for (int i = 0; i < rounds; ++i) {
    trine::scope s;
    std::vector<trine::unit_ref<void>> refs;
    for (int k = 0; k < 8; ++k) {
      if (k == 2) {
        s.spawn(unit(), [] { throw std::runtime_error("early"); });
      } else {
        refs.push_back(s.spawn(unit(), [] { trine::this_unit::sleep_for(for_ever); }));
      }
    }
    ASSERT_THROW(s.join(), std::runtime_error);
    for (auto& ref : refs) ASSERT_THROW(ref.get(), trine::cancelled);
  }
}

TEST_P(scopes, many_units) {
  const int count = GetParam() == trine::unit_kind::process  ? 40
                    : GetParam() == trine::unit_kind::thread ? 200
                                                             : 5'000;
  meeting at;
  trine::scope s;
  for (int i = 0; i < count; ++i) {
    s.spawn(
        unit(), [](std::string path) { meeting(path).arrive(); }, at.path());
  }
  s.join();
  EXPECT_EQ(at[0], count);
}

}  // namespace
