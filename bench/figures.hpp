// The figures, by unit, and the peers they are compared with.
#pragma once

#include <vector>

#include "harness.hpp"

namespace bench {

std::vector<figure> channel_figures();
std::vector<figure> coroutine_figures();
std::vector<figure> thread_figures();
std::vector<figure> process_figures();
std::vector<figure> sync_figures();

// Boost.Fiber: one thread, its default scheduler, pooled stacks. Each throws peer_missing in
// prepare() when the build had no Boost.Fiber.
enum class fiber_body { returns, returns_dispatched, yields, parks, sleeps };
series boost_fiber(fiber_body body, const char* against);
series boost_fiber_ring(long members, const char* against);

// Channels: Boost.Fiber's on one thread, oneTBB's bounded queue between threads.
series fiber_channel(int senders, int receivers, std::size_t capacity, const char* against);
series fiber_rendezvous(const char* against);
series tbb_queue(int senders, int receivers, std::size_t capacity, const char* against);
// Its mutex and condition variable, among fibres of one thread or of two.
series boost_fiber_mutex(const char* against);
series boost_fiber_contended(int threads, bool yields, const char* against);
series boost_fiber_condition(int threads, const char* against);

// A ring of stacks around which bare assembly switches.
series bare_ring(long members, bool keep_fp_control, const char* against);

// Programs of their own, by line_peer: bench/peers/.
series small_process(const char* name, std::vector<const char*> arguments, const char* against);
series go_channel(int processors, int senders, int receivers, std::size_t capacity,
                  const char* against);
series go_select(const char* against);
series python_pool(int workers, const char* against);

// The warm round trip in a process of its own that may use CPU 0 only; main() answers
// `trine_bench host-one-core` with serve_one_core().
series trine_on_one_core();
int serve_one_core();

// Laps of a ring that make at least so many yields. Enough that the first, in which each stack is
// fetched from wherever it lay, say little.
inline long ring_laps(long members, long yields) { return yields / members + 20; }

// How many contend for a mutex.
inline constexpr int sync_users = 4;

// How long the sleeping coroutine and its peer sleep.
inline constexpr std::chrono::microseconds nap{10};

}  // namespace bench
