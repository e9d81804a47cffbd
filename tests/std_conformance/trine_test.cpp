// The programs with std replaced by trine, by every kind of unit and mixed.
#include <trine/barrier.hpp>
#include <trine/condition_variable.hpp>
#include <trine/future.hpp>
#include <trine/latch.hpp>
#include <trine/mutex.hpp>
#include <trine/semaphore.hpp>
#include <trine/shared_mutex.hpp>

#include "std_conformance/crew.hpp"

namespace of_trine {
namespace {
namespace S = trine;
using namespace std::chrono_literals;
conformance::program_list& programs() {
  static conformance::program_list list;
  return list;
}
#include "std_conformance/programs.hpp"
}  // namespace
}  // namespace of_trine

namespace {

// "not larger than std's" is a promise of the headers only where it says so; these are the sizes.
static_assert(sizeof(trine::mutex) == 24 && sizeof(trine::timed_mutex) == 24);
static_assert(sizeof(trine::recursive_mutex) == 40);
static_assert(sizeof(trine::shared_mutex) == 24 && sizeof(trine::shared_timed_mutex) == 24);
static_assert(sizeof(trine::condition_variable) == 24);
static_assert(sizeof(trine::binary_semaphore) == 24);
static_assert(sizeof(trine::latch) == 24 && sizeof(trine::once_flag) == 24);
static_assert(sizeof(trine::barrier<>) <= 40);

// The standard asks for these; libstdc++ 12 does not have them yet.
constinit trine::counting_semaphore<9> constant_semaphore(4);
constinit trine::barrier<> constant_barrier(2);
static_assert(std::is_nothrow_copy_assignable_v<trine::shared_future<int>> &&
              std::is_nothrow_copy_assignable_v<trine::shared_future<int&>> &&
              std::is_nothrow_copy_assignable_v<trine::shared_future<void>>);

class replaced : public ::testing::TestWithParam<conformance::program> {};
INSTANTIATE_TEST_SUITE_P(each, replaced, ::testing::ValuesIn(of_trine::programs()),
                         [](const auto& p) { return std::string(p.param.name); });

TEST_P(replaced, on_plain_threads) { conformance::run_as(conformance::kind::plain, GetParam()); }
TEST_P(replaced, on_thread_units) { conformance::run_as(conformance::kind::thread, GetParam()); }
TEST_P(replaced, on_coroutines) { conformance::run_as(conformance::kind::coroutine, GetParam()); }
TEST_P(replaced, on_coroutines_of_one_home) {
  conformance::run_as(conformance::kind::one_home, GetParam());
}
TEST_P(replaced, mixed) { conformance::run_as(conformance::kind::mixed, GetParam()); }

}  // namespace
