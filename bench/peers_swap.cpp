// The floor of a yield: stacks in a ring, each switching to the next in bare assembly. The switch
// is a call of its own that keeps the six callee-saved registers and ends in a jump (a `ret` would
// be mispredicted), with and without the words that control floating point.
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "figures.hpp"

#ifdef __x86_64__
// rdi: where to keep this stack pointer; rsi: the one to go on with.
asm(R"(
  .text
  .p2align 4
  .type bench_swap, @function
bench_swap:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  pop %rcx
  jmp *%rcx
  .size bench_swap, .-bench_swap

  .p2align 4
  .type bench_swap_fp, @function
bench_swap_fp:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  sub $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  add $8, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  pop %rcx
  jmp *%rcx
  .size bench_swap_fp, .-bench_swap_fp

  .p2align 4
  .type bench_swap_start, @function
bench_swap_start:
  mov %r12, %rdi
  call *%r13
  ud2
  .size bench_swap_start, .-bench_swap_start
)");
extern "C" {
void bench_swap(void** keep, void* next);
void bench_swap_fp(void** keep, void* next);
void bench_swap_start();
}

namespace bench {
namespace {

using swap_function = void (*)(void**, void*);

// Member 0 is the caller; the others turn for ever and are dropped where they stand.
class stack_ring {
 public:
  stack_ring(long members, bool keep_fp_control)
      : members_(static_cast<std::size_t>(members)),
        memory_bytes_(members_ * stack_bytes),
        tops_(members_),
        keep_fp_control_(keep_fp_control) {
    void* const got = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    memory_ = static_cast<char*>(got);
    ::madvise(memory_, memory_bytes_, MADV_HUGEPAGE);  // a floor owes nothing to the page tables
    for (std::size_t i = 1; i < members_; ++i) make_member(i);
  }
  ~stack_ring() { ::munmap(memory_, memory_bytes_); }
  stack_ring(const stack_ring&) = delete;
  stack_ring& operator=(const stack_ring&) = delete;

  double sample(long yields_wanted) {
    const long members = static_cast<long>(members_);
    const long laps = ring_laps(members, yields_wanted);
    const long before = turns_;
    const stopwatch clock;
    if (keep_fp_control_)
      turn<bench_swap_fp>(laps);
    else
      turn<bench_swap>(laps);
    const double each = clock.ns_each(laps * members);
    if (turns_ - before != laps * (members - 1)) throw wrong_result("the ring did not go round");
    return each;
  }

 private:
  static constexpr std::size_t stack_bytes = 16 * 1024;

  struct member {
    stack_ring* ring;
    std::size_t index;
  };

  template <swap_function Swap>
  void turn(long laps) {
    for (long lap = 0; lap < laps; ++lap) Swap(&tops_[0], tops_[1]);
  }

  template <swap_function Swap>
  static void run(member* who) {
    stack_ring& ring = *who->ring;
    const std::size_t mine = who->index;
    const std::size_t next = mine + 1 == ring.members_ ? 0 : mine + 1;
    for (;;) {
      ++ring.turns_;
      Swap(&ring.tops_[mine], ring.tops_[next]);
    }
  }

  void make_member(std::size_t i) {
    // Tops at the same place of a page would share few sets of the cache.
    char* const top = memory_ + (i + 1) * stack_bytes - (i % 61) * 64 - sizeof(member);
    auto* const who =
        new (reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{63}))
            member{this, i};
    auto* at = reinterpret_cast<std::uint64_t*>(who);
    const auto address = [](auto pointer) { return reinterpret_cast<std::uint64_t>(pointer); };
    at -= 5;  // what a switch saves then lies in as few cache lines as may be: measured
    *--at = address(&bench_swap_start);  // popped last, jumped to
    *--at = 0;                           // rbp
    *--at = 0;                           // rbx
    *--at = address(who);                // r12
    // r13
    *--at = keep_fp_control_ ? address(&run<bench_swap_fp>) : address(&run<bench_swap>);

    *--at = 0;  // r14
    *--at = 0;  // r15
    // The values every x86-64 process begins with.
    if (keep_fp_control_) *--at = 0x1f80 | (std::uint64_t{0x037f} << 32);
    tops_[i] = at;
  }

  std::size_t members_;
  std::size_t memory_bytes_;
  char* memory_ = nullptr;
  std::vector<void*> tops_;
  bool keep_fp_control_;
  long turns_ = 0;
};

}  // namespace

series bare_ring(long members, bool keep_fp_control, const char* against) {
  return {
      .name = keep_fp_control ? "bare swap, 6 registers + FP control" : "bare swap, 6 registers",
      .prepare =
          [members, keep_fp_control] {
            auto ring = std::make_shared<stack_ring>(members, keep_fp_control);
            return sampler([ring](long n) { return ring->sample(n); });
          },
      .against = against};
}

}  // namespace bench

#else

namespace bench {
series bare_ring(long, bool, const char* against) {
  return {.name = "bare swap",
          .prepare = []() -> sampler { throw peer_missing("the bare swap is for x86-64 only"); },
          .against = against};
}
}  // namespace bench

#endif
