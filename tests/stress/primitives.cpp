// The standard's primitives under stress.
#include <memory>

#include "stress/stress.hpp"

namespace {

using stress::below;
using stress::engine;
constexpr int times = support::sanitized ? 20 : 60;

std::chrono::microseconds moment(engine& random) {
  return std::chrono::microseconds(below(random, 80));
}

// No two inside; every lock is counted; the last one ends the mutex.
const stress::add mutexes("mutex", [](engine& random) {
  trine::timed_mutex m;
  long count = 0;
  std::atomic<long> locked{0};
  {
    stress::swarm all(random);
    for (int i = 0; i < 6; ++i) {
      all.go([&](engine& own) {
        for (int k = 0; k < times; ++k) {
          const unsigned how = below(own, 3);
          if (how == 0) {
            m.lock();
          } else if (how == 1 ? !m.try_lock() : !m.try_lock_for(moment(own))) {
            continue;
          }
          ++count;
          ++locked;
          if (below(own, 8) == 0) trine::this_unit::yield();
          m.unlock();
        }
      });
    }
  }
  EXPECT_EQ(count, locked.load());
  EXPECT_TRUE(m.try_lock());
  m.unlock();
});

// As often unlocked as locked, by who holds it.
const stress::add recursive_mutexes("recursive_mutex", [](engine& random) {
  trine::recursive_timed_mutex m;
  long count = 0;
  std::atomic<long> locked{0};
  {
    stress::swarm all(random);
    for (int i = 0; i < 6; ++i) {
      all.go([&](engine& own) {
        for (int k = 0; k < times; ++k) {
          const unsigned depth = 1 + below(own, 3);
          if (below(own, 2) == 0) {
            m.lock();
          } else if (!m.try_lock_for(moment(own))) {
            continue;
          }
          for (unsigned d = 1; d < depth; ++d) EXPECT_TRUE(m.try_lock());
          ++count;
          ++locked;
          if (below(own, 8) == 0) trine::this_unit::yield();
          for (unsigned d = 0; d < depth; ++d) m.unlock();
        }
      });
    }
  }
  EXPECT_EQ(count, locked.load());
  EXPECT_TRUE(m.try_lock());
  m.unlock();
});

// No reader beside a writer.
const stress::add shared_mutexes("shared_mutex", [](engine& random) {
  trine::shared_timed_mutex m;
  std::atomic<int> readers{0}, writers{0};
  {
    stress::swarm all(random);
    for (int i = 0; i < 6; ++i) {
      all.go([&](engine& own) {
        for (int k = 0; k < times; ++k) {
          const bool timed = below(own, 2) == 0;
          if (below(own, 3) == 0) {
            if (!timed) m.lock();
            if (timed && !m.try_lock_for(moment(own))) continue;
            EXPECT_EQ(++writers, 1);
            EXPECT_EQ(readers.load(), 0);
            if (below(own, 8) == 0) trine::this_unit::yield();
            --writers;
            m.unlock();
          } else {
            if (!timed) m.lock_shared();
            if (timed && !m.try_lock_shared_for(moment(own))) continue;
            ++readers;
            EXPECT_EQ(writers.load(), 0);
            if (below(own, 8) == 0) trine::this_unit::yield();
            --readers;
            m.unlock_shared();
          }
        }
      });
    }
  }
  EXPECT_TRUE(m.try_lock());
  m.unlock();
});

// Tokens are neither lost nor made.
const stress::add semaphores("semaphore", [](engine& random) {
  trine::counting_semaphore<1000> s(3);
  std::atomic<int> inside{0};
  {
    stress::swarm all(random);
    for (int i = 0; i < 6; ++i) {
      all.go([&](engine& own) {
        for (int k = 0; k < times; ++k) {
          const unsigned how = below(own, 3);
          if (how == 0) {
            s.acquire();
          } else if (how == 1 ? !s.try_acquire() : !s.try_acquire_for(moment(own))) {
            continue;
          }
          EXPECT_LE(++inside, 3);
          if (below(own, 8) == 0) trine::this_unit::yield();
          --inside;
          s.release();
        }
      });
    }
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
});

// What is put in by some is taken out by others, once; a stop leaves all with the mutex.
const stress::add conditions("condition_variable", [](engine& random) {
  trine::mutex m;
  trine::condition_variable changed;
  trine::condition_variable_any any;
  std::stop_source enough;
  long items = 0, put = 0, taken = 0;
  int producers = 3;
  {
    stress::swarm all(random);
    for (int i = 0; i < 3; ++i) {
      all.go(
          [&](engine& own) {
            for (int k = 0; k < times; ++k) {
              {
                const std::lock_guard guard(m);
                ++items;
                ++put;
              }
              below(own, 2) == 0 ? changed.notify_one() : changed.notify_all();
              any.notify_one();
            }
            const std::lock_guard guard(m);
            if (--producers == 0) {
              changed.notify_all();
              enough.request_stop();
            }
          },
          false);
      all.go([&](engine& own) {
        std::unique_lock lock(m);
        while (producers != 0 || items != 0) {
          auto ready = [&] { return items > 0 || producers == 0; };
          const unsigned how = below(own, 4);
          if (how == 0) {
            changed.wait(lock, ready);
          } else if (how == 1) {
            changed.wait_for(lock, moment(own), ready);
          } else if (how == 2) {
            any.wait_for(lock, moment(own), ready);
          } else {
            any.wait(lock, enough.get_token(), ready);
          }
          EXPECT_TRUE(lock.owns_lock());
          if (items > 0) --items, ++taken;
        }
      });
    }
  }
  EXPECT_EQ(put, taken + items);
  EXPECT_TRUE(m.try_lock());
  m.unlock();
});

const stress::add counts("latch and barrier", [](engine& random) {
  constexpr int parties = 5;
  auto start = std::make_unique<trine::latch>(parties);
  std::atomic<int> step{0};
  int completed = 0;
  trine::barrier b(parties, [&]() noexcept {
    EXPECT_EQ(step.exchange(0), parties);
    ++completed;
  });
  {
    stress::swarm all(random);
    for (int i = 0; i < parties; ++i) {
      all.go([&](engine&) {
        start->arrive_and_wait();
        for (int k = 0; k < times / 4; ++k) {
          ++step;
          b.arrive_and_wait();
        }
      });
    }
  }
  EXPECT_EQ(completed, times / 4);
});

const stress::add onces("call_once", [](engine& random) {
  trine::once_flag flag;
  int attempts = 0, made = 0;
  const int failures = static_cast<int>(below(random, 4));
  {
    stress::swarm all(random);
    for (int i = 0; i < 5; ++i) {
      all.go([&](engine&) {
        try {
          trine::call_once(flag, [&] {
            trine::this_unit::yield();
            if (++attempts <= failures) throw attempts;
            ++made;
          });
          EXPECT_EQ(made, 1);
        } catch (int) {
        }
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(attempts, failures + 1);
});

const stress::add futures("future", [](engine& random) {
  constexpr int links = 12;
  std::vector<std::unique_ptr<trine::promise<long>>> promises;
  std::vector<trine::shared_future<long>> results;
  for (int i = 0; i < links; ++i) {
    promises.push_back(std::make_unique<trine::promise<long>>());
    results.push_back(promises.back()->get_future().share());
  }
  std::atomic<int> seen{0}, gone{0};
  {
    stress::swarm all(random);
    for (std::size_t i = 0; i < links; ++i) {
      all.go([&, i](engine&) { promises[i]->set_value(static_cast<long>(i)), promises[i].reset(); },
             false);
      all.go([&, i, mine = results[(i * 5) % links]](engine& own) {
        try {
          while (below(own, 2) == 0 && mine.wait_for(moment(own)) != std::future_status::ready) {
          }
          EXPECT_EQ(mine.get(), static_cast<long>((i * 5) % links));
          ++seen;
        } catch (const trine::cancelled&) {
          ++gone;
        }
      });
    }
  }
  EXPECT_EQ(seen.load() + gone.load(), links);
});

}  // namespace
