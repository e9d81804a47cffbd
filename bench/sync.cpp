// Mutexes and condition variables among coroutines of one worker, of two, and plain threads.
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <trine/trine.hpp>
#include <vector>

#include "figures.hpp"

namespace bench {
namespace {

// Where the users of an object live.
enum class placed { one_worker, two_workers, plain_threads };

// A coroutine of the first or the second worker, or a thread that Trine did not make.
class user {
 public:
  template <class F>
  user(placed where, int i, F body) {
    if (where == placed::plain_threads) {
      thread_ = std::thread(body);
    } else {
      unit_ = trine::spawn(trine::coroutine({.worker = where == placed::two_workers ? i % 2 : 0}),
                           body);
    }
  }
  void join() {
    if (thread_.joinable()) return thread_.join();
    unit_.get();
  }

 private:
  std::thread thread_;
  trine::handle<void> unit_;
};

template <class Mutex>
double alone(long n) {
  Mutex m;
  long count = 0;
  const stopwatch clock;
  for (long i = 0; i < n; ++i) {
    m.lock();
    ++count;
    m.unlock();
  }
  const double each = clock.ns_each(n);
  if (count != n) throw wrong_result("a mutex was not locked as often as asked");
  return each;
}

double alone_in_coroutine(long n) {
  return trine::spawn(trine::coroutine({.worker = 0}), alone<trine::mutex>, n).get();
}

void yield_here(placed where) {
  if (where == placed::plain_threads) {
    std::this_thread::yield();
  } else {
    trine::this_unit::yield();
  }
}

// `sync_users` of them lock it in turns; each may let others run while it holds it, so that all of
// them wait for it.
template <class Mutex>
double contended(long n, placed where, bool yields) {
  Mutex m;
  long count = 0;
  const long rounds = n / sync_users + 1;
  std::vector<user> all;
  const stopwatch clock;
  for (int i = 0; i < sync_users; ++i) {
    all.emplace_back(where, i, [&m, &count, rounds, where, yields] {
      for (long k = 0; k < rounds; ++k) {
        m.lock();
        ++count;
        if (yields) yield_here(where);
        m.unlock();
      }
    });
  }
  for (user& one : all) one.join();
  const double each = clock.ns_each(rounds * sync_users);
  if (count != rounds * sync_users) throw wrong_result("two were inside a mutex at once");
  return each;
}

// Two pass a turn to and fro; n counts its passings.
template <class Mutex, class Condition>
double ping_pong(long n, placed where) {
  Mutex m;
  Condition changed;
  int turn = 0;
  long passed = 0;
  const long rounds = n / 2 + 1;
  std::vector<user> both;
  const stopwatch clock;
  for (int me = 0; me < 2; ++me) {
    both.emplace_back(where, me, [&, me, rounds] {
      for (long k = 0; k < rounds; ++k) {
        std::unique_lock<Mutex> lock(m);
        while (turn != me) changed.wait(lock);
        ++passed;
        turn = 1 - me;
        changed.notify_one();
      }
    });
  }
  for (user& one : both) one.join();
  const double each = clock.ns_each(2 * rounds);
  if (passed != 2 * rounds) throw wrong_result("a turn was lost");
  return each;
}

const char* const one_worker = "trine, coroutines of one worker";
const char* const two_workers = "trine, coroutines of two workers";
const char* const plain = "trine, plain threads";
const char* const of_std = "std, threads";

template <class F>
series of(const char* name, F sample, const char* against = "") {
  return {.name = name, .prepare = [sample] { return sampler(sample); }, .against = against};
}

figure contended_figure(const char* name, const char* about, bool yields) {
  const auto with = [yields](placed where) {
    return [=](long n) { return contended<trine::mutex>(n, where, yields); };
  };
  return {
      .name = name,
      .about = about,
      .all = {of(one_worker, with(placed::one_worker)), of(two_workers, with(placed::two_workers)),
              of(plain, with(placed::plain_threads)),
              of(
                  of_std,
                  [yields](long n) {
                    return contended<std::mutex>(n, placed::plain_threads, yields);
                  },
                  one_worker),
              boost_fiber_contended(1, yields, one_worker),
              boost_fiber_contended(2, yields, two_workers)},
      .marks = {{.subject = one_worker, .peer = of_std, .limit = 0.1}}};
}

}  // namespace

std::vector<figure> sync_figures() {
  const char* const thread = "trine::mutex, plain thread";
  const char* const coroutine = "trine::mutex, coroutine";
  const auto turns = [](placed where) {
    return [=](long n) { return ping_pong<trine::mutex, trine::condition_variable>(n, where); };
  };
  return {
      {.name = "sync.mutex.alone",
       .about = "lock and unlock a mutex that nobody else uses",
       .all = {of(thread, alone<trine::mutex>), of(coroutine, alone_in_coroutine),
               of("std::mutex", alone<std::mutex>, thread), boost_fiber_mutex(coroutine)},
       .marks = {{.subject = thread, .peer = "std::mutex", .limit = 1},
                 {.subject = coroutine, .peer = "std::mutex", .limit = 1}}},
      contended_figure("sync.mutex.held", "lock and unlock by four, each yields while it holds it",
                       true),
      // Coroutines of one worker never meet in it.
      contended_figure("sync.mutex.short", "lock and unlock by four, each holds it for an addition",
                       false),
      {.name = "sync.condition",
       .about = "pass a turn to another by a condition variable",
       .all = {of(one_worker, turns(placed::one_worker)),
               of(two_workers, turns(placed::two_workers)), of(plain, turns(placed::plain_threads)),
               of(
                   of_std,
                   [](long n) {
                     return ping_pong<std::mutex, std::condition_variable>(n,
                                                                           placed::plain_threads);
                   },
                   plain),
               boost_fiber_condition(1, one_worker), boost_fiber_condition(2, two_workers)}},
  };
}

}  // namespace bench
