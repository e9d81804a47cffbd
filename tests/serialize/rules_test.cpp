// Which types cross, and why the others do not.
#include <any>
#include <atomic>
#include <complex>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <mutex>
#include <ranges>
#include <source_location>
#include <span>
#include <thread>
#include <typeindex>

#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using trine::obstacle;
using trine::process_copyable;
using trine::why_not;

static_assert(why_not<int*> == obstacle::pointer);
static_assert(why_not<const char*> == obstacle::pointer);
static_assert(why_not<int* const> == obstacle::pointer);
static_assert(why_not<void*> == obstacle::pointer);
static_assert(why_not<std::nullptr_t> == obstacle::pointer);
static_assert(why_not<int samples::point::*> == obstacle::pointer);
static_assert(why_not<void (samples::point::*)()> == obstacle::pointer);
static_assert(why_not<std::coroutine_handle<>> == obstacle::pointer);
static_assert(why_not<std::source_location> == obstacle::pointer);
static_assert(why_not<std::type_index> == obstacle::pointer);
static_assert(why_not<int&> == obstacle::reference);
static_assert(why_not<int&&> == obstacle::reference);
static_assert(why_not<void (*)()> == obstacle::function);
static_assert(why_not<void()> == obstacle::function);
static_assert(why_not<std::string_view> == obstacle::string_view);
static_assert(why_not<std::wstring_view> == obstacle::string_view);
static_assert(why_not<std::span<int>> == obstacle::view);
static_assert(why_not<std::span<int, 3>> == obstacle::view);
static_assert(why_not<std::initializer_list<int>> == obstacle::view);
static_assert(why_not<std::ranges::subrange<int*>> == obstacle::view);
static_assert(why_not<std::reference_wrapper<int>> == obstacle::reference_wrapper);
static_assert(why_not<std::vector<int>::iterator> == obstacle::iterator);
static_assert(why_not<std::map<int, int>::const_iterator> == obstacle::iterator);
static_assert(why_not<std::function<void()>> == obstacle::callable);
static_assert(why_not<std::mutex> == obstacle::synchronisation);
static_assert(why_not<std::recursive_timed_mutex> == obstacle::synchronisation);
static_assert(why_not<std::thread> == obstacle::synchronisation);
static_assert(why_not<std::jthread> == obstacle::synchronisation);
static_assert(why_not<std::atomic<int>> == obstacle::synchronisation);
static_assert(why_not<std::condition_variable> == obstacle::synchronisation);
static_assert(why_not<std::unique_lock<std::mutex>> == obstacle::synchronisation);
static_assert(why_not<std::any> == obstacle::unknown);
static_assert(why_not<std::weak_ptr<int>> == obstacle::unknown);
static_assert(why_not<std::unique_ptr<int[]>> == obstacle::unknown);
static_assert(why_not<std::shared_ptr<void>> == obstacle::unknown);
static_assert(why_not<void> == obstacle::unknown);
static_assert(why_not<int[]> == obstacle::unknown);

// Through the types that hold them.
static_assert(why_not<std::pair<int, int*>> == obstacle::pointer);
static_assert(why_not<std::tuple<int, std::string_view>> == obstacle::string_view);
static_assert(why_not<std::tuple<int&>> == obstacle::reference);
static_assert(why_not<std::optional<int*>> == obstacle::pointer);
static_assert(why_not<std::variant<int, int*>> == obstacle::pointer);
static_assert(why_not<std::array<int*, 3>> == obstacle::pointer);
static_assert(why_not<int* [3]> == obstacle::pointer);
static_assert(why_not<std::vector<int*>> == obstacle::pointer);
static_assert(why_not<std::map<int, std::vector<std::span<int>>>> == obstacle::view);
static_assert(why_not<std::map<const char*, int>> == obstacle::pointer);
static_assert(why_not<std::unique_ptr<std::mutex>> == obstacle::synchronisation);
static_assert(why_not<std::shared_ptr<int*>> == obstacle::pointer);
static_assert(why_not<std::complex<double>> == obstacle::none);
static_assert(why_not<std::set<int, bool (*)(int, int)>> == obstacle::stateful);
static_assert(why_not<std::map<int, int, std::function<bool(int, int)>>> == obstacle::stateful);

// Closures.
constexpr auto plain = [n = 5] { return n; };
static_assert(process_copyable<decltype(plain)>);
inline auto with_state = [text = std::string()] { return text; };
static_assert(why_not<decltype(with_state)> == obstacle::callable);

// Hooks.
struct no_default {
  explicit no_default(int) {}
  std::string text;
  template <class Archive>
  void serialize(Archive& ar) {
    ar& text;
  }
};
static_assert(why_not<no_default> == obstacle::hook_default);

struct savings : samples::account {
  double rate = 0;
};
static_assert(why_not<savings> == obstacle::hook_inherited);
struct renamed : samples::account {};  // adds nothing, loses nothing
static_assert(process_copyable<renamed>);

struct nameless {
  std::string text;
};
static_assert(why_not<nameless> == obstacle::unknown);
static_assert(why_not<std::vector<nameless>> == obstacle::unknown);

struct derived_vector : std::vector<int> {
  int more = 0;
};
static_assert(why_not<derived_vector> == obstacle::unknown);

static_assert(process_copyable<std::exception_ptr>);
static_assert(process_copyable<int[3]>);
static_assert(process_copyable<volatile int>);

TEST(rules, results_may_be_void) {
  trine::require_process_result<void>();
  trine::require_process_result<std::vector<int>>();
  trine::require_process_copyable<int>();
}

// A hook sees which way it goes.
struct counted {
  int writes = 0, reads = 0;
  template <class Archive>
  void serialize(Archive&) {
    ++(Archive::is_writer ? writes : reads);
  }
};

TEST(rules, a_hook_knows_its_direction) {
  counted value;
  trine::byte_buffer out;
  trine::serialize_to(out, value);
  trine::byte_reader in(out.bytes());
  const auto copy = trine::deserialize<counted>(in);
  EXPECT_EQ(value.writes, 1);
  EXPECT_EQ(value.reads, 0);
  EXPECT_EQ(copy.reads, 1);
}

}  // namespace
