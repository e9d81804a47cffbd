// A bare round trip between two processes through shared memory: one word each way, waited for by
// futex or by spinning. The question carries a number and the answer the result of work().
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <cstring>

#include "../harness.hpp"
#include "../line_peer.hpp"
#include "peers.hpp"

namespace {

// A counter that one side raises and the other waits for. Each on its own cache line.
struct alignas(64) signal_word {
  std::atomic<std::uint32_t> count{0};
  long value = 0;
};
struct board {
  signal_word question;
  signal_word answer;
  signal_word begin;  // of a sample: a spinning child sleeps between samples
};

constexpr long last_question = -1;

board* shared = nullptr;
bool spinning = false;

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  return ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

void pause() {
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

void post(signal_word& to, long value, std::uint32_t count, bool wake) {
  to.value = value;
  // release: partner is the acquire in await; the value is seen with the count.
  to.count.store(count, std::memory_order_release);
  if (wake) futex(to.count, FUTEX_WAKE, 1);
}

long await(signal_word& from, std::uint32_t count, bool sleep) {
  while (from.count.load(std::memory_order_acquire) != count) {
    if (sleep)
      futex(from.count, FUTEX_WAIT, count - 1);
    else
      pause();
  }
  return from.value;
}

long ask(long question) {
  static std::uint32_t count = 0;
  ++count;
  post(shared->question, question, count, !spinning);
  return await(shared->answer, count, !spinning);
}

double run(long n, long& sum) {
  static std::uint32_t samples = 0;
  post(shared->begin, 0, ++samples, true);
  ask(0);  // the other side is awake
  const bench::stopwatch clock;
  for (int i = 0; i < n; ++i) sum += ask(i);
  const double each = clock.ns_each(n);
  ask(last_question);
  return each;
}

[[noreturn]] void answer_for_ever() {
  std::uint32_t count = 0;
  for (std::uint32_t sample = 1;; ++sample) {
    await(shared->begin, sample, true);
    for (long i = 0; i != last_question;) {
      i = await(shared->question, ++count, !spinning);
      post(shared->answer, bench::work(static_cast<int>(i)), count, !spinning);
    }
  }
}

bool pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof(set), &set) == 0;
}

}  // namespace

int serve_ping_pong(const char* cores, bool spin) {
  spinning = spin;
  const bool pinned = std::strcmp(cores, "any") != 0;
  const bool two = std::strcmp(cores, "two") == 0;
  void* const memory =
      ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  shared = new (memory) board;
  if (pinned && two && !pin(1)) return 1;  // there is no second CPU
  if (pinned && !pin(0)) return 1;
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (two) pin(1);
    answer_for_ever();
  }
  const int status = bench::line_peer::serve(run);
  ::kill(child, SIGKILL);
  return status;
}
