// Names, ids, kinds, and the unit chosen at run time.
#include <pthread.h>

#include <algorithm>
#include <set>

#include "contract/support.hpp"

namespace {

using namespace support;

class identity : public unit_test {};
TRINE_ALL_UNITS(identity);

TEST_P(identity, kind) {
  auto h = trine::spawn(unit(), [] { return trine::this_unit::kind(); });
  EXPECT_EQ(h.get(), GetParam());
  EXPECT_EQ(unit().kind(), GetParam());
}

TEST_P(identity, name) {
  auto h = trine::spawn(unit_of(GetParam(), "decoder"), [] { return trine::this_unit::name(); });
  EXPECT_EQ(h.get(), "decoder");
}

TEST_P(identity, name_of_another_unit_does_not_stay) {
  trine::spawn(unit_of(GetParam(), "a rather long name indeed"), [] {}).get();
  auto h = trine::spawn(unit_of(GetParam(), "b"), [] { return trine::this_unit::name(); });
  EXPECT_EQ(h.get(), "b");
}

TEST_P(identity, name_is_cut_at_31_bytes) {
  const std::string long_name = "0123456789012345678901234567890123456789";
  auto h = trine::spawn(unit_of(GetParam(), long_name), [] { return trine::this_unit::name(); });
  EXPECT_EQ(h.get(), long_name.substr(0, 31));
}

TEST_P(identity, name_survives_a_park) {
  auto h = trine::spawn(unit_of(GetParam(), "sleeps"), [] {
    trine::this_unit::sleep_for(100us);
    return trine::this_unit::name();
  });
  EXPECT_EQ(h.get(), "sleeps");
}

TEST_P(identity, id_is_that_of_the_handle) {
  auto h = trine::spawn(unit(), [] { return trine::this_unit::id(); });
  const std::uint64_t id = h.id();
  EXPECT_NE(id, 0U);
  EXPECT_EQ(h.get(), id);
  EXPECT_EQ(h.id(), id);
}

TEST_P(identity, ids_are_unique) {
  std::set<std::uint64_t> ids = {trine::this_unit::id()};
  for (int round = 0; round < 10; ++round) {
    std::vector<trine::handle<void>> all;
    for (int i = 0; i < 20; ++i) all.push_back(trine::spawn(unit(), [] {}));
    for (auto& h : all) EXPECT_TRUE(ids.insert(h.id()).second);
  }
  EXPECT_EQ(trine::this_unit::id(), *ids.find(trine::this_unit::id()));
}

TEST(unit_name, cuts_and_compares) {
  constexpr trine::unit_name empty;
  static_assert(empty.empty() && empty.view().empty());
  constexpr trine::unit_name name("reader");
  static_assert(name.view() == "reader");
  EXPECT_STREQ(name.c_str(), "reader");
  const std::string text(100, 'n');
  EXPECT_EQ(trine::unit_name(text).view(), text.substr(0, trine::unit_name::capacity));
  EXPECT_TRUE(trine::unit_name("").empty());
}

TEST(thread_name, is_shown_to_the_kernel_cut_at_15) {
  auto shown = [] {
    char name[32] = {};
    pthread_getname_np(pthread_self(), name, sizeof(name));
    return std::string(name);
  };
  EXPECT_EQ(trine::spawn(trine::thread({.name = "decoder"}), shown).get(), "decoder");
  EXPECT_EQ(trine::spawn(trine::thread({.name = "a name of more than fifteen"}), shown).get(),
            "a name of more ");
  const std::string other = trine::spawn(trine::thread, shown).get();
  EXPECT_NE(other, "decoder");
  EXPECT_NE(other, "a name of more ");
}

TEST(any_unit, of_each_kind) {
  EXPECT_EQ(trine::any_unit(trine::process).kind(), trine::unit_kind::process);
  EXPECT_EQ(trine::any_unit(trine::thread).kind(), trine::unit_kind::thread);
  EXPECT_EQ(trine::any_unit(trine::coroutine).kind(), trine::unit_kind::coroutine);
  const trine::any_unit named = trine::coroutine({.name = "x", .worker = 1});
  EXPECT_EQ(std::get<trine::coroutine_unit>(named.get()).options.worker, 1);
  trine::any_unit other = trine::thread;
  other = named;
  EXPECT_EQ(other.kind(), trine::unit_kind::coroutine);
}

TEST(any_unit, parsed) {
  for (const trine::unit_kind kind : all_kinds)
    EXPECT_EQ(trine::parse_unit(trine::to_string(kind)).kind(), kind);
  EXPECT_EQ(trine::spawn(trine::parse_unit("thread"), [] { return 2; }).get(), 2);
}

TEST(any_unit, bad_names_are_refused_in_a_sentence) {
  for (const char* text : {"", "Thread", "threads", "coroutine ", " process", "fiber", "proc"}) {
    try {
      std::ignore = trine::parse_unit(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& e) {
      const std::string what = e.what();
      EXPECT_NE(what.find("\"" + std::string(text) + "\""), std::string::npos) << what;
      EXPECT_NE(what.find("coroutine"), std::string::npos) << what;
    }
  }
}

TEST(cpu_set, of_numbers) {
  const trine::cpu_set none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.contains(0));
  trine::cpu_set some = {0, 63, 64, 1023};
  EXPECT_FALSE(some.empty());
  for (const unsigned cpu : {0U, 63U, 64U, 1023U}) EXPECT_TRUE(some.contains(cpu));
  for (const unsigned cpu : {1U, 62U, 65U, 1022U, 1024U, 5000U}) EXPECT_FALSE(some.contains(cpu));
  some.add(5);
  EXPECT_TRUE(some.contains(5));
  EXPECT_THROW(some.add(1024), std::out_of_range);
  EXPECT_THROW((trine::cpu_set{0, 4000}), std::out_of_range);
}

TEST(literals, sizes) {
  using namespace trine::literals;
  static_assert(64_KiB == 65536);
  static_assert(256_MiB == std::size_t{256} * 1024 * 1024);
  static_assert(2_GiB == std::size_t{2} << 30);
}

}  // namespace
