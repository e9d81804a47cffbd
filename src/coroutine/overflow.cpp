#include "coroutine/overflow.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "coroutine/worker.hpp"

namespace trine::coroutines {
namespace {

#if defined(TRINE_ASAN)
constexpr bool ours_to_report = false;  // AddressSanitizer has a handler and stacks for it
#else
constexpr bool ours_to_report = true;
#endif

// Also for a host's handler that takes a backtrace there.
constexpr std::size_t handler_stack = 128 * 1024;

struct sigaction before;            // written once, before the handler can run
std::atomic<bool> reported{false};  // an overflow: if the host's handler returns, it was the end

// One line, put together without the heap; what does not fit is left out.
class line {
 public:
  line& operator<<(const char* text) noexcept {
    while (*text != '\0' && size_ < sizeof(text_)) text_[size_++] = *text++;
    return *this;
  }
  line& operator<<(std::uint64_t number) noexcept {
    char digits[20];
    char* at = digits + sizeof(digits);
    char* const end = at;
    do *--at = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (at != end && size_ < sizeof(text_)) text_[size_++] = *at++;
    return *this;
  }
  void write() const noexcept {
    for (std::size_t done = 0; done < size_;) {
      const ssize_t n = ::write(STDERR_FILENO, text_ + done, size_ - done);
      if (n <= 0 && errno != EINTR) return;
      if (n > 0) done += static_cast<std::size_t>(n);
    }
  }

 private:
  char text_[1024];
  std::size_t size_ = 0;
};

bool in_guard(const stack& s, const void* address) noexcept {
  const auto* const at = static_cast<const char*>(address);
  return at >= s.low - guard_size && at < s.low;
}

void report(const worker& w, const stack& s) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  line text;
  text << "trine: the stack of ";
  const observe::slot* const slot = w.running();
  const std::uint64_t id = slot != nullptr ? slot->id.load(relaxed) : 0;
  if (id == 0) {
    text << "a coroutine";
  } else {
    char name[32];
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t word = slot->name[i].load(relaxed);
      std::memcpy(name + 8 * i, &word, 8);
    }
    name[31] = '\0';
    text << "coroutine ";
    if (name[0] != '\0') text << "'" << name << "' ";
    text << "(unit " << (id & 0xffffff) << ")";
  }
  text << " has overflowed; it has " << class_size(s.stack_class) / 1024 << " KiB";
  if (const char* const file = id != 0 ? slot->file.load(relaxed) : nullptr)
    text << "; spawned at " << file << ":" << slot->line.load(relaxed);
  text << "; give it more with trine::coroutine({.stack_size = ...}), 64 MiB at most\n";
  text.write();
}

void by_default() noexcept {
  struct sigaction normal {};
  normal.sa_handler = SIG_DFL;
  sigaction(SIGSEGV, &normal, nullptr);
}

void on_fault(int number, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  const worker* const w = worker::here();
  const bool by_kernel = info->si_code > 0;
  bool overflow = false;
  if (w != nullptr && by_kernel) {
    const stack* const s = w->standing_on();
    overflow = s != nullptr && in_guard(*s, info->si_addr);
    if (overflow) {
      if (reported.exchange(true)) {
        by_default();  // the host's handler came back from the first
        return;
      }
      report(*w, *s);
    }
  }
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    errno = error;
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler == SIG_DFL || (before.sa_handler == SIG_IGN && by_kernel)) {
    by_default();
    // Not from a fault that comes again: it was sent, and is sent once more.
    if (!by_kernel) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
  } else if (before.sa_handler != SIG_IGN) {
    errno = error;
    before.sa_handler(number);
  }
  errno = error;
}

}  // namespace

void report_overflows() noexcept {
  if (!ours_to_report || sigaction(SIGSEGV, nullptr, &before) != 0) return;
  struct sigaction ours {};
  ours.sa_sigaction = &on_fault;
  ours.sa_mask = before.sa_mask;
  ours.sa_flags =
      SA_SIGINFO | SA_ONSTACK | (before.sa_flags & (SA_NODEFER | SA_RESTART | SA_RESETHAND));
  sigaction(SIGSEGV, &ours, nullptr);
}

void equip_for_overflow() noexcept {
  if (!ours_to_report) return;
  void* const p = mmap(nullptr, handler_stack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (p == MAP_FAILED) return;  // an overflow then ends without words
  stack_t mine{};
  mine.ss_sp = p;
  mine.ss_size = handler_stack;
  sigaltstack(&mine, nullptr);
}

}  // namespace trine::coroutines
