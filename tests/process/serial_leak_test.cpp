// Ten thousand process units leave nothing behind. Alone on the machine: it counts.
#include <gtest/gtest.h>
#include <unistd.h>

#include "process/process.hpp"
#include "process/support.hpp"

namespace {

using namespace process_tests;
using trine::spawn;

int twice(int n) { return 2 * n; }
int die(int n) { _exit(n); }

struct census {
  std::size_t descriptors, channels, below_zygote;
  static census now() {
    std::size_t below = 0;
    for (pid_t guardian : children_of(getpid()))
      for (pid_t zygote : children_of(guardian)) below += children_of(zygote).size();
    return {open_descriptors(), mappings_of("trine-channel"), below};
  }
  bool operator==(const census&) const = default;
};

void expect_back(const census& before) {
  const bool back = eventually([&] {
    const census now = census::now();
    return now.descriptors <= before.descriptors && now.channels <= before.channels &&
           now.below_zygote <= before.below_zygote;
  });
  const census now = census::now();
  EXPECT_TRUE(back) << "descriptors " << before.descriptors << " -> " << now.descriptors
                    << ", channels " << before.channels << " -> " << now.channels << ", workers "
                    << before.below_zygote << " -> " << now.below_zygote;
}

// All warm workers exist.
void warm_up() {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 2000; ++i) all.push_back(spawn(trine::process, twice, i));
  for (auto& h : all) h.get();
  eventually([] {
    const auto n = trine::process_layer::count();
    return n.idle == n.warm;
  });
}

TEST(process_leaks, ten_thousand_warm) {
  warm_up();
  const census before = census::now();
  for (int round = 0; round < 10; ++round) {
    std::vector<trine::handle<int>> all;
    for (int i = 0; i < 1000; ++i) all.push_back(spawn(trine::process, twice, i));
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), 2 * i);
  }
  expect_back(before);
}

TEST(process_leaks, ten_thousand_fresh) {
  const int n = sanitized ? 500 : 10'000;
  warm_up();
  const census before = census::now();
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < n; ++i) all.push_back(spawn(trine::process({.fresh = true}), twice, i));
  for (int i = 0; i < n; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), 2 * i);
  expect_back(before);
}

TEST(process_leaks, two_thousand_crashes) {
  const int n = sanitized ? 200 : 2'000;
  warm_up();
  const census before = census::now();
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < n; ++i) all.push_back(spawn(trine::process, die, i % 7));
  for (auto& h : all) EXPECT_THROW(h.get(), trine::crashed);
  warm_up();
  expect_back(before);
}

}  // namespace
