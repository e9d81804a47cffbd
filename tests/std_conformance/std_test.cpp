// The programs for std, on plain threads: so it is known that they are correct.
#include <barrier>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>

#include "std_conformance/crew.hpp"

namespace of_std {
namespace {
namespace S = std;
using namespace std::chrono_literals;
conformance::program_list& programs() {
  static conformance::program_list list;
  return list;
}
#include "std_conformance/programs.hpp"
}  // namespace
}  // namespace of_std

namespace {

class standard : public ::testing::TestWithParam<conformance::program> {};
INSTANTIATE_TEST_SUITE_P(each, standard, ::testing::ValuesIn(of_std::programs()),
                         [](const auto& p) { return std::string(p.param.name); });

TEST_P(standard, on_plain_threads) { conformance::run_as(conformance::kind::plain, GetParam()); }

}  // namespace
