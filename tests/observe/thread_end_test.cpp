// What destructors of thread_locals do after their thread has left the registry.
#include <functional>
#include <set>
#include <thread>

#include "contract/support.hpp"
#include "observe/registry.hpp"

namespace {

using namespace support;

// Runs `first` and then, after every thread_local that came into being in it has ended, `last`.
void on_a_thread_with_an_end(const std::function<void()>& first, std::function<void()> last) {
  struct end {
    std::function<void()> call;
    ~end() { call(); }
  };
  std::thread([&] {
    thread_local end at_last;
    at_last.call = std::move(last);
    first();
  }).join();
}

trine::observe::slot* enter() {
  return trine::observe::enter(trine::unit_kind::thread, 0, {}, nullptr);
}

// The slot it had is another unit's by then: it must not write into it.
TEST(thread_end, a_thread_waits_after_it_has_left_the_registry) {
  trine::timed_mutex held;
  held.lock();
  trine::binary_semaphore never(0);
  trine::scope waiting;
  constexpr std::size_t count = 1'000;
  const auto parked = [&] {
    std::size_t all = 0;
    for (const trine::unit_info& u : trine::units())
      all += u.kind == trine::unit_kind::coroutine && u.object != nullptr && u.state == "parked" &&
             u.waiting_for == "semaphore";
    return all;
  };
  std::uint64_t was = 0;
  on_a_thread_with_an_end([&] { was = trine::this_unit::id(); },
                          [&] {
                            for (std::size_t i = 0; i < count; ++i)
                              waiting.spawn(trine::coroutine, [&] { never.acquire(); });
                            spin_until([&] { return parked() == count; });
                            EXPECT_FALSE(held.try_lock_for(1ms));
                          });
  EXPECT_NE(was, 0U);
  EXPECT_EQ(parked(), count);
  held.unlock();
  waiting.request_stop();
  waiting.join();
}

// What the thread had kept for itself was given back: it is not its own any more.
TEST(thread_end, a_slot_is_one_units) {
  std::set<trine::observe::slot*> taken;
  trine::observe::slot* late = nullptr;
  on_a_thread_with_an_end([&] { trine::observe::leave(enter()); },
                          [&] {
                            std::thread([&] {
                              for (int i = 0; i < 1'000; ++i) taken.insert(enter());
                            }).join();
                            late = enter();
                          });
  EXPECT_EQ(taken.size(), 1'000U);
  EXPECT_FALSE(taken.contains(late));
  trine::observe::leave(late);
  for (trine::observe::slot* s : taken) trine::observe::leave(s);
}

TEST(thread_end, no_slot_is_lost) {
  const auto occupied = [] {
    std::uint32_t count = 0;
    for (std::uint32_t g = 0; g < trine::observe::used_groups(); ++g)
      count += trine::observe::occupied(g) ? 1 : 0;
    return count;
  };
  const std::uint32_t before = occupied();
  constexpr int threads = 16 * trine::observe::group_slots;
  for (int i = 0; i < threads; ++i)
    std::thread([] { EXPECT_NE(trine::this_unit::id(), 0U); }).join();
  EXPECT_LE(occupied(), before + 1);
}

}  // namespace
