// The handle: who owns a unit, and what it answers to misuse.
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "contract/support.hpp"

namespace {

using namespace support;

class handles : public unit_test {};
TRINE_ALL_UNITS(handles);

static_assert(!std::is_copy_constructible_v<trine::handle<int>>);
static_assert(!std::is_copy_assignable_v<trine::handle<int>>);
static_assert(std::is_nothrow_move_constructible_v<trine::handle<int>>);
static_assert(std::is_nothrow_move_assignable_v<trine::handle<int>>);
static_assert(std::is_nothrow_default_constructible_v<trine::handle<int>>);

// What stderr is given, line by line; reading a line waits for it.
class read_stderr {
 public:
  read_stderr() {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    from_ = fdopen(ends[0], "r");
    saved_ = dup(2);
    dup2(ends[1], 2);
    close(ends[1]);
  }
  ~read_stderr() {
    dup2(saved_, 2);
    close(saved_);
    fclose(from_);
  }
  std::string line() {
    char text[1000];
    return fgets(text, sizeof(text), from_) != nullptr ? text : "";
  }

 private:
  FILE* from_;
  int saved_;
};

TEST_P(handles, get_twice) {
  auto h = trine::spawn(unit(), [] { return 3; });
  EXPECT_EQ(h.get(), 3);
  EXPECT_THROW(h.get(), trine::usage_error);
  EXPECT_TRUE(h.valid());
  EXPECT_TRUE(h.ready());
}

// The same for a result that is nothing, a reference or an exception.
TEST_P(handles, get_twice_whatever_the_first_gave) {
  auto nothing = trine::spawn(unit(), [] {});
  nothing.get();
  EXPECT_THROW(nothing.get(), trine::usage_error);
  auto failed = trine::spawn(unit(), []() -> int { throw std::out_of_range("far"); });
  EXPECT_THROW(failed.get(), std::out_of_range);
  EXPECT_THROW(failed.get(), trine::usage_error);
  trine::scope s;
  auto of_scope = s.spawn(unit(), [] {});
  of_scope.get();
  EXPECT_THROW(of_scope.get(), trine::usage_error);
  s.join();
}

TEST(handle, get_twice_of_a_reference) {
  int n = 0;
  auto h = trine::spawn(trine::thread, [&n]() -> int& { return n; });
  EXPECT_EQ(&h.get(), &n);
  EXPECT_THROW(h.get(), trine::usage_error);
}

TEST_P(handles, empty) {
  trine::handle<int> h;
  EXPECT_FALSE(h.valid());
  EXPECT_THROW(h.get(), trine::usage_error);
  EXPECT_THROW(h.wait(), trine::usage_error);
  EXPECT_THROW(std::ignore = h.wait_for(0s), trine::usage_error);
  EXPECT_THROW(std::ignore = h.wait_until(std::chrono::steady_clock::now()), trine::usage_error);
  EXPECT_THROW(std::ignore = h.ready(), trine::usage_error);
  EXPECT_THROW(h.request_stop(), trine::usage_error);
  EXPECT_THROW(h.kill(), trine::usage_error);
  EXPECT_THROW(std::ignore = h.id(), trine::usage_error);
  EXPECT_THROW(std::ignore = h.stats(), trine::usage_error);
  EXPECT_THROW(h.detach(), trine::usage_error);
  h = trine::spawn(unit(), [] { return 4; });
  EXPECT_TRUE(h.valid());
  EXPECT_EQ(h.get(), 4);
}

TEST_P(handles, moved_from) {
  auto a = trine::spawn(unit(), [] { return 5; });
  auto b = std::move(a);
  EXPECT_FALSE(a.valid());  // NOLINT: that is what is tested
  EXPECT_THROW(a.get(), trine::usage_error);
  EXPECT_EQ(b.get(), 5);
  a = std::move(b);
  EXPECT_THROW(a.get(), trine::usage_error);  // that it was taken moves with it
  auto& same = a;
  a = std::move(same);
  EXPECT_TRUE(a.valid());
}

TEST_P(handles, detach_lets_it_go_on) {
  meeting at;
  auto h = trine::spawn(unit(), held, at.path());
  at.await(1);
  h.detach();
  EXPECT_FALSE(h.valid());
  EXPECT_THROW(h.wait(), trine::usage_error);
  EXPECT_EQ(at[2], 0);
  at.arrive(1);
  at.await(1, 2);
}

TEST_P(handles, detached_error_is_one_line_and_the_program_goes_on) {
  meeting at;
  read_stderr err;
  auto h = trine::spawn(
      unit(),
      [](std::string path) {
        meeting inside(path);
        inside.await(1);
        throw std::runtime_error("nobody will catch this");
      },
      at.path());
  h.detach();
  at.arrive();
  const std::string line = err.line();
  EXPECT_NE(line.find("trine: "), std::string::npos) << line;
  EXPECT_NE(line.find(trine::to_string(GetParam())), std::string::npos) << line;
  EXPECT_NE(line.find("nobody will catch this"), std::string::npos) << line;
  EXPECT_EQ(trine::spawn(unit(), [] { return 1; }).get(), 1);
}

// detach() comes at any moment of the end: the line must be printed whichever was first.
TEST_P(handles, detached_error_is_never_lost) {
  read_stderr err;
  for (int i = 0; i < 200; ++i) {
    auto h = trine::spawn(
        unit(), [](int n) { throw std::runtime_error("number " + std::to_string(n) + "."); }, i);
    for (int k = 0; k < i % 40; ++k) sched_yield();
    h.detach();
    const std::string line = err.line();
    ASSERT_NE(line.find("number " + std::to_string(i) + "."), std::string::npos) << line;
  }
}

TEST_P(handles, kill_is_for_processes) {
  meeting at;
  auto h = trine::spawn(unit(), sleeper, at.path());
  at.await(1);
  if (GetParam() == trine::unit_kind::process) {
    h.kill();
    try {
      h.get();
      FAIL();
    } catch (const trine::crashed& e) {
      EXPECT_TRUE(e.killed());
      EXPECT_EQ(e.signal(), SIGKILL);
    }
    EXPECT_EQ(at[2], 0);  // nothing was unwound
  } else {
    EXPECT_THROW(h.kill(), trine::usage_error);
    EXPECT_FALSE(h.ready());
    h.request_stop();
    EXPECT_THROW(h.get(), trine::cancelled);
  }
}

TEST_P(handles, ready_never_blocks) {
  meeting at;
  auto h = trine::spawn(unit(), held, at.path());
  at.await(1);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(h.ready());
  at.arrive(1);
  h.wait();
  EXPECT_TRUE(h.ready());
  h.wait();
}

TEST_P(handles, stats) {
  auto h = trine::spawn(unit(), [] {
    trine::this_unit::sleep_for(1us);
    trine::this_unit::sleep_for(1us);
  });
  h.get();
  const trine::unit_stats s = h.stats();
  EXPECT_EQ(s.id, h.id());
  EXPECT_EQ(s.kind, GetParam());
  if (GetParam() != trine::unit_kind::process) {
    EXPECT_EQ(s.parks, 2U);
  }
  if (GetParam() == trine::unit_kind::thread) {
    ASSERT_TRUE(s.cpu_time && s.wall_time);
    EXPECT_GE(*s.wall_time, 2us);
    EXPECT_GT(s.ran_at, 0);
  }
}

// The caller is asked to stop while it waits: it keeps the unit and may wait again.
TEST_P(handles, a_stopped_wait_keeps_the_unit) {
  meeting at;
  auto outer = trine::spawn(trine::coroutine, [&] {
    auto h = trine::spawn(unit(), held, at.path());
    try {
      h.get();
      ADD_FAILURE();
    } catch (const trine::cancelled&) {
    }
    EXPECT_TRUE(h.valid());
    EXPECT_THROW(std::ignore = h.wait_for(for_ever), trine::cancelled);
    at.arrive(1);
    spin_until([&] { return h.ready(); });
    return h.get();
  });
  at.await(1);
  outer.request_stop();
  EXPECT_EQ(outer.get(), 7);
}

TEST_P(handles, joined_while_an_exception_unwinds) {
  meeting at;
  try {
    auto h = trine::spawn(unit(), sleeper, at.path());
    at.await(1);
    throw std::runtime_error("on its way");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(at[2], 1);
  }
}

// A unit that was itself asked to stop still joins what it owns.
TEST_P(handles, destructor_of_a_stopped_unit_joins) {
  meeting at;
  auto outer = trine::spawn(trine::thread, [&] {
    auto h = trine::spawn(unit(), sleeper, at.path());
    at.await(1);
    trine::this_unit::sleep_for(for_ever);
  });
  at.await(1);
  outer.request_stop();
  EXPECT_THROW(outer.get(), trine::cancelled);
  EXPECT_EQ(at[2], 1);
}

}  // namespace
