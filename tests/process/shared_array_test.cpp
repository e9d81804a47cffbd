// shared_array: one memory for all units of all processes.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <numeric>
#include <set>

#include <trine/trine.hpp>

#include "process/process.hpp"
#include "process/segment.hpp"
#include "process/support.hpp"

namespace {

using namespace process_tests;
using namespace std::chrono_literals;
using ints = trine::shared_array<int>;
using trine::spawn;

void fill(ints a, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) a[i] = static_cast<int>(i);
}
long sum(ints a) { return std::accumulate(a.begin(), a.end(), 0L); }
ints made(int n) { return ints(static_cast<std::size_t>(n), 7); }

class shared_array_of_unit : public testing::TestWithParam<const char*> {};

TEST_P(shared_array_of_unit, is_the_same_memory) {
  const trine::any_unit unit = trine::parse_unit(GetParam());
  ints a(100'000);
  auto left = spawn(unit, fill, a, 0U, 50'000U);
  auto right = spawn(unit, fill, a, 50'000U, 100'000U);
  left.get();
  right.get();
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(a[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(spawn(unit, sum, a).get(), 4999950000);
}

TEST_P(shared_array_of_unit, can_be_a_result) {
  const trine::any_unit unit = trine::parse_unit(GetParam());
  ints a = spawn(unit, made, 1000).get();
  ASSERT_EQ(a.size(), 1000U);
  EXPECT_EQ(sum(a), 7000);
  // And go on to others.
  EXPECT_EQ(spawn(unit, sum, a).get(), 7000);
}

INSTANTIATE_TEST_SUITE_P(units, shared_array_of_unit,
                         testing::Values("process", "thread", "coroutine"),
                         [](const auto& each) { return each.param; });

TEST(shared_array, begins_as_zeros_and_has_no_size_by_default) {
  const ints none;
  EXPECT_EQ(none.size(), 0U);
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(spawn(trine::process, sum, none).get(), 0);
  const ints empty(0);
  EXPECT_EQ(spawn(trine::process, sum, empty).get(), 0);
  const ints a(5000);
  for (int each : a) ASSERT_EQ(each, 0);
}

TEST(shared_array, copies_are_the_same_array) {
  ints a(10);
  ints b = a;
  b[3] = 4;
  EXPECT_EQ(a[3], 4);
  EXPECT_EQ(a, b);
  const ints c = ints::copy_of(a);
  EXPECT_FALSE(a == c);
  EXPECT_EQ(c[3], 4);
}

TEST(shared_array, too_large_is_an_error_not_a_crash) {
  EXPECT_THROW(ints(SIZE_MAX / sizeof(int)), std::bad_alloc);
  EXPECT_THROW(ints(std::size_t{1} << 60), std::bad_alloc);
}

struct two {
  ints a, b;
  std::vector<ints> more;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& a& b& more;
  }
};
two swap_them(two t) {
  t.a[0] = 1;
  t.more.at(1)[0] = 5;
  return {t.b, t.a, {t.more.at(1)}};
}

TEST(shared_array, inside_other_values) {
  two t{ints(1, 10), ints(1, 20), {ints(1, 30), ints(1, 40)}};
  const two back = spawn(trine::process, swap_them, t).get();
  EXPECT_EQ(t.a[0], 1);
  EXPECT_EQ(t.more[1][0], 5);
  // The very arrays, not mappings beside them.
  EXPECT_EQ(back.a, t.b);
  EXPECT_EQ(back.b, t.a);
  EXPECT_EQ(back.more.at(0), t.more[1]);
}

// A worker may keep an array and hand it back when nobody else has it any more.
ints kept;
void keep(ints a) { kept = a; }
ints give_back() {
  trine::this_unit::sleep_for(1ms);  // so that several at once go to different workers
  return kept;
}

TEST(shared_array, outlives_those_who_made_it) {
  {
    const ints a(100, 3);
    spawn(trine::process, keep, a).get();
  }
  ints back;
  ASSERT_TRUE(eventually([&] {
    for (const ints& each :
         trine::map(trine::process, std::vector<int>(4), [](int) { return give_back(); }))
      if (each.size() == 100) back = each;
    return back.size() == 100;
  }));
  EXPECT_EQ(sum(back), 300);
}

pid_t touch(ints a) {
  a[0] += 1;
  return getpid();
}

// Mappings of segments of this size: other tests' may come and go meanwhile.
std::size_t segments_of(pid_t pid, std::size_t bytes) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::string line;
  std::size_t n = 0;
  while (std::getline(maps, line)) {
    unsigned long from = 0, to = 0;
    std::sscanf(line.c_str(), "%lx-%lx", &from, &to);
    if (to - from == bytes && line.find("trine-segment") != std::string::npos) ++n;
  }
  return n;
}

TEST(shared_array, a_worker_that_sleeps_keeps_no_memory_alive) {
  constexpr std::size_t bytes = 1234 * 4096;
  std::set<pid_t> workers;
  {
    const ints a(bytes / sizeof(int));
    for (int i = 0; i < 10; ++i) {
      const pid_t worker = spawn(trine::process, touch, a).get();
      workers.insert(worker);
      EXPECT_EQ(segments_of(worker, bytes), 1U);
    }
    EXPECT_EQ(a[0], 10);
  }
  EXPECT_TRUE(eventually([&] {
    std::size_t left = 0;
    for (const pid_t worker : workers) left += segments_of(worker, bytes);
    return left == 0;
  }));
}

TEST(shared_array, many_arrays_in_turn_leave_nothing_behind) {
  const auto one = [](int i) {
    const ints a(1000, i);
    return spawn(trine::process, sum, a).get();
  };
  for (int i = 0; i < 300; ++i) ASSERT_EQ(one(i), 1000L * i);
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 300; ++i) ASSERT_EQ(one(i), 1000L * i);
  EXPECT_LE(open_descriptors(), before);
  EXPECT_EQ(mappings_of("trine-segment"), 0U);
}

// More arrays than a worker holds for its parent: the oldest are dropped and come again.
TEST(shared_array, more_than_a_worker_remembers) {
  std::vector<ints> all;
  for (int i = 0; i < 300; ++i) all.emplace_back(10U, i);
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 300; ++i)
      ASSERT_EQ(spawn(trine::process, sum, all[static_cast<std::size_t>(i)]).get(), 10 * i);
}

std::size_t count_all(std::vector<ints> all) { return all.size(); }

TEST(shared_array, too_many_in_one_call) {
  std::vector<ints> all;
  for (int i = 0; i < 64; ++i) all.emplace_back(10U, i);
  EXPECT_EQ(spawn(trine::process, count_all, all).get(), 64U);
  all.push_back(all.front());  // the same again is no other
  EXPECT_EQ(spawn(trine::process, count_all, all).get(), 65U);
  all.emplace_back(10U, 64);
  try {
    (void)spawn(trine::process, count_all, all);
    FAIL();
  } catch (const trine::wire_error& e) {
    EXPECT_NE(std::string(e.what()).find("64"), std::string::npos);
  }
}

std::vector<ints> make_many(int n) {
  std::vector<ints> all;
  for (int i = 0; i < n; ++i) all.emplace_back(1U, i);
  return all;
}

TEST(shared_array, many_results) {
  const auto all = spawn(trine::process, make_many, 64).get();
  ASSERT_EQ(all.size(), 64U);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)][0], i);
  EXPECT_THROW(spawn(trine::process, make_many, 65).get(), trine::wire_error);
  EXPECT_EQ(spawn(trine::process, make_many, 3).get().size(), 3U);
}

TEST(shared_array, has_no_meaning_as_mere_bytes) {
  trine::byte_buffer out;
  EXPECT_THROW(trine::serialize_to(out, ints(3)), trine::wire_error);
  // A name nobody gave us.
  out.clear();
  out.write_raw(std::uint64_t{1});
  out.write_raw(static_cast<unsigned char>(1));
  out.write_raw(std::uint64_t{123});
  out.write_raw(std::uint64_t{456});
  trine::byte_reader in(out.bytes());
  EXPECT_THROW(trine::deserialize<ints>(in), trine::wire_error);
}

int crash_with(ints a) {
  a[0] = 1;
  std::abort();
}

TEST(shared_array, survives_a_worker) {
  const ints a(10);
  for (int i = 0; i < 20; ++i)
    EXPECT_THROW(spawn(trine::process, crash_with, a).get(), trine::crashed);
  EXPECT_EQ(a[0], 1);
  EXPECT_EQ(spawn(trine::process, sum, a).get(), 1);
}

long inner(ints a) { return spawn(trine::process, sum, a).get(); }

TEST(shared_array, goes_on_to_nested_units) {
  const ints a(10, 4);
  EXPECT_EQ(spawn(trine::process, inner, a).get(), 40);
}

void add_one(trine::shared_array<long> a) {
  for (int i = 0; i < 10'000; ++i) std::atomic_ref(a[0]).fetch_add(1);
}

TEST(shared_array, atomics_work_across_processes) {
  const trine::shared_array<long> a(1);
  std::vector<trine::handle<void>> all;
  for (int i = 0; i < 4; ++i) all.push_back(spawn(trine::process, add_one, a));
  for (auto& h : all) h.get();
  EXPECT_EQ(a[0], 40'000);
}

// A worker may say what it likes: a file that could shrink under us is refused.
TEST(segments, a_file_that_is_not_sealed_is_refused) {
  namespace layer = trine::process_layer;
  const trine::os::socket_pair pair = trine::os::make_socket_pair();
  const trine::os::unique_fd file(memfd_create("trine-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(file.get(), 8192), 0);
  std::vector<trine::detail::segment_ref> held;
  layer::segment_message m{layer::segment_verb::hold, {1, 2}, 8192};
  const int fd = file.get();
  const auto send = [&] {
    ASSERT_TRUE(trine::os::send_message(pair.there.get(), &m, sizeof m, {&fd, 1}));
  };
  send();
  EXPECT_FALSE(layer::receive_segments(pair.here.get(), held, false));
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  m.size = 8193;  // more than there is
  send();
  EXPECT_FALSE(layer::receive_segments(pair.here.get(), held, false));
  m.verb = layer::segment_verb::drop;  // not for a worker to say
  send();
  EXPECT_FALSE(layer::receive_segments(pair.here.get(), held, false));
  EXPECT_TRUE(held.empty());
  m = {layer::segment_verb::hold, {1, 2}, 8192};
  send();
  EXPECT_TRUE(layer::receive_segments(pair.here.get(), held, false));
  EXPECT_EQ(held.size(), 1U);
}

}  // namespace
