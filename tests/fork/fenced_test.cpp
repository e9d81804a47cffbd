// Where the kernel refuses membarrier, as some containers do: every pop takes the lock.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <cstddef>

#include "fork/support.hpp"
#include "os/asymmetric_fence.hpp"

namespace {

using namespace forks;

void refuse_membarrier() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw std::runtime_error("no seccomp");
}

int fib(int n) {
  if (n < 2) return n;
  int a, b;
  trine::parallel_invoke([&] { a = fib(n - 1); }, [&] { b = fib(n - 2); });
  return a + b;
}

// How much of it went right, of 5.
int without_membarrier() {
  refuse_membarrier();
  int right = 0;
  in_coroutine([&] {
    right += trine::os::fences_are_asymmetric.load() ? 0 : 1;
    right += fib(20) == 6765 ? 1 : 0;
    pairs invoked(8);
    const auto body = [&] { invoked.body(); };
    trine::parallel_invoke(body, body, body, body, body, body, body, body);
    right += invoked.ended() == 8 ? 1 : 0;
    pairs looped(200);
    trine::parallel_for(0, 200, [&](int) { looped.body(); });
    right += looped.ended() == 200 ? 1 : 0;
    std::atomic<long> sum{0};
    for (int i = 0; i < 200; ++i)
      trine::parallel_for(0, 100, 0, [&](int begin, int end) {
        for (int k = begin; k < end; ++k) sum += k;
      });
    right += sum.load() == 200 * 4950 ? 1 : 0;
  });
  return right;
}

TEST(fork_fenced, works_without_membarrier) {
  EXPECT_EQ(trine::spawn(trine::process({.fresh = true}), without_membarrier).get(), 5);
}

}  // namespace
