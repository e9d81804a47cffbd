// The registry of units: what it says of a unit in each state, and under churn.
#include <algorithm>
#include <mutex>
#include <optional>
#include <source_location>
#include <thread>
#include <tuple>

#include "contract/support.hpp"

namespace {

using namespace support;

std::optional<trine::unit_info> find(std::uint64_t id) {
  for (trine::unit_info& u : trine::units())
    if (u.id == id) return u;
  return std::nullopt;
}
// Waits until the unit is in that state.
trine::unit_info await_state(std::uint64_t id, const std::string& state) {
  std::optional<trine::unit_info> u;
  spin_until([&] {
    u = find(id);
    return u && u->state == state;
  });
  return *u;
}

class seen : public local_test {};
TRINE_LOCAL_UNITS(seen);

TEST_P(seen, asleep) {
  const auto before = std::chrono::steady_clock::now();
  auto h =
      trine::spawn(unit_of(GetParam(), "sleeper"), [] { trine::this_unit::sleep_for(for_ever); });
  const unsigned line = std::source_location::current().line() - 2;
  const trine::unit_info u = await_state(h.id(), "parked");
  EXPECT_EQ(u.kind, GetParam());
  EXPECT_EQ(u.name, "sleeper");
  EXPECT_EQ(u.waiting_for, "sleep");
  EXPECT_EQ(u.parks, 1U);
  EXPECT_FALSE(u.foreign);
  EXPECT_EQ(u.parent, trine::this_unit::id());
  EXPECT_NE(u.file.find("units_test.cpp"), std::string::npos) << u.file;
  EXPECT_NEAR(static_cast<double>(u.line), line, 1);
  EXPECT_NE(u.function.find("asleep"), std::string::npos) << u.function;
  // A coroutine's is the worker's last look at the clock, which may lie a little before the park.
  EXPECT_GT(u.since, before - 1s);
  EXPECT_LE(u.since, std::chrono::steady_clock::now());
  h.request_stop();
  EXPECT_THROW(h.get(), trine::cancelled);
  EXPECT_FALSE(find(h.id()));
}

TEST_P(seen, in_a_join) {
  std::atomic<std::uint64_t> inner{0};
  with_local(GetParam(), [&](auto unit) {
    auto h = trine::spawn(unit, [&] {
      auto waited_for =
          trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
      inner.store(waited_for.id());
      waited_for.get();
    });
    const trine::unit_info u = await_state(h.id(), "parked");
    EXPECT_EQ(u.waiting_for, "join");
    EXPECT_NE(u.object, nullptr);
    EXPECT_EQ(await_state(inner.load(), "parked").parent, h.id());
  });
}

TEST_P(seen, at_a_mutex) {
  trine::mutex m;
  m.lock();
  with_local(GetParam(), [&](auto unit) {
    auto h = trine::spawn(unit, [&] { const std::lock_guard guard(m); });
    const trine::unit_info u = await_state(h.id(), "parked");
    EXPECT_EQ(u.waiting_for, "mutex");
    EXPECT_EQ(u.object, &m);
    m.unlock();
    h.get();
  });
}

TEST_P(seen, running) {
  std::atomic<bool> over{false};
  with_local(GetParam(), [&](auto unit) {
    auto h = trine::spawn(unit, [&] { compute_until([&] { return over.load(); }); });
    const trine::unit_info u = await_state(h.id(), "running");
    EXPECT_EQ(u.waiting_for, "");
    EXPECT_EQ(u.object, nullptr);
    over.store(true);
    h.get();
    EXPECT_EQ(h.stats().ran_at, u.where);
  });
}

TEST(seen_coroutine, queued_behind_others_of_its_home) {
  std::atomic<bool> over{false}, started{false};
  const auto home = trine::coroutine({.worker = 0});
  auto busy = trine::spawn(home, [&] {
    started.store(true);
    compute_until([&] { return over.load(); });
  });
  compute_until([&] { return started.load(); });
  auto waits = trine::spawn(home, [] {});
  EXPECT_EQ(find(waits.id()).value().state, "queued");
  EXPECT_EQ(find(waits.id()).value().parks, 0U);
  over.store(true);
  waits.get();
  EXPECT_FALSE(find(waits.id()));
}

TEST(seen_coroutine, parents_make_a_chain) {
  auto outer = trine::spawn(trine::coroutine, [] {
    auto middle = trine::spawn(trine::thread, [] {
      auto inner = trine::spawn(trine::coroutine, [] {
        std::vector<std::uint64_t> chain;
        for (std::uint64_t id = trine::this_unit::id(); id != 0;) {
          chain.push_back(id);
          const auto u = find(id);
          id = u ? u->parent : 0;
        }
        return chain;
      });
      auto chain = inner.get();
      EXPECT_EQ(chain.at(0), inner.id());
      return chain;
    });
    auto chain = middle.get();
    EXPECT_EQ(chain.at(1), middle.id());
    return chain;
  });
  const auto chain = outer.get();
  ASSERT_EQ(chain.size(), 4U);
  EXPECT_EQ(chain[2], outer.id());
  EXPECT_EQ(chain[3], trine::this_unit::id());
}

TEST(seen_thread, that_trine_did_not_make) {
  const auto h = trine::spawn(trine::thread, [] {});  // this thread is a parent now
  std::uint64_t id = 0;
  std::thread([&] {
    id = trine::this_unit::id();
    const auto u = find(id);
    ASSERT_TRUE(u);
    EXPECT_TRUE(u->foreign);
    EXPECT_EQ(u->kind, trine::unit_kind::thread);
    EXPECT_EQ(u->file, "");
  }).join();
  EXPECT_FALSE(find(id));
}

TEST_P(seen, since_never_goes_back) {
  with_local(GetParam(), [](auto unit) {
    std::atomic<bool> over{false};
    auto h = trine::spawn(unit, [&] {
      while (!over.load()) trine::this_unit::sleep_for(1us);
    });
    std::chrono::steady_clock::time_point last{};
    std::uint32_t parks = 0;
    for (int i = 0; i < 2'000 || parks < 20; ++i) {
      const auto u = find(h.id()).value();
      ASSERT_GE(u.since, last);
      ASSERT_GE(u.parks, parks);
      last = u.since;
      parks = u.parks;
    }
    over.store(true);
    h.get();
  });
}

TEST(dump, says_it_for_people) {
  auto h = trine::spawn(trine::coroutine({.name = "waits here"}),
                        [] { trine::this_unit::sleep_for(for_ever); });
  await_state(h.id(), "parked");
  const std::string text = trine::dump();
  EXPECT_EQ(text.rfind("trine: ", 0), 0U) << text;
  const std::size_t at = text.find("waits here");
  ASSERT_NE(at, std::string::npos) << text;
  const std::string line = text.substr(at, text.find('\n', at) - at);
  EXPECT_NE(line.find("parked"), std::string::npos) << line;
  EXPECT_NE(line.find("waits for sleep"), std::string::npos) << line;
  EXPECT_NE(line.find("units_test.cpp:"), std::string::npos) << line;
  EXPECT_EQ(text.back(), '\n');
}

TEST(units, are_sorted_and_each_listed_once) {
  trine::scope s;
  for (int i = 0; i < 200; ++i)
    s.spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
  const auto all = trine::units();
  EXPECT_GE(all.size(), 200U);
  for (std::size_t i = 1; i < all.size(); ++i) ASSERT_LT(all[i - 1].id, all[i].id);
}

TEST(units, none_stay_behind) {
  trine::this_unit::id();
  const std::size_t before = trine::units().size();
  for (int i = 0; i < 20; ++i) {
    trine::map(trine::coroutine, std::vector<int>(200), [](int n) {
      trine::this_unit::yield();
      return n;
    });
    trine::map(trine::thread, std::vector<int>(10), [](int n) { return n; });
    EXPECT_THROW(std::ignore = trine::spawn(trine::coroutine({.worker = 999}), [] {}),
                 std::invalid_argument);
  }
  EXPECT_EQ(trine::units().size(), before);
  EXPECT_EQ(trine::units_refused(), 0U);
}

// Every field of a line belongs to one unit. Each unit's name says its kind, its parent and its
// line; slots change hands all the time.
TEST(units, a_reader_under_churn_never_mixes_two) {
  std::atomic<bool> over{false};
  trine::scope s;
  for (int i = 0; i < 4; ++i) {
    auto churn = [&over, i] {
      const std::string parent = std::to_string(trine::this_unit::id() & 0xffffff);
      while (!over.load()) {
        auto a = trine::spawn(trine::coroutine({.name = "c/" + parent}), [i] {
          if (i % 2 == 0) trine::this_unit::yield();
        });
        auto b = trine::spawn(trine::thread({.name = "t/" + parent}), [] {});
        a.get();
        b.get();
      }
    };
    if (i % 2 == 0) {
      s.spawn(trine::coroutine, churn);
    } else {
      s.spawn(trine::thread, churn);
    }
  }
  int looked_at = 0;
  for (int round = 0; round < 200 || looked_at < 1'000; ++round) {
    for (const trine::unit_info& u : trine::units()) {
      if (u.name.size() < 2 || u.name[1] != '/') continue;
      ++looked_at;
      ASSERT_EQ(u.kind, u.name[0] == 'c' ? trine::unit_kind::coroutine : trine::unit_kind::thread);
      ASSERT_EQ(u.name.substr(2), std::to_string(u.parent & 0xffffff));
      ASSERT_NE(u.file.find("units_test.cpp"), std::string::npos);
    }
    std::ignore = trine::dump();
  }
  over.store(true);
  s.join();
}

}  // namespace
