// The stacks virtual threads run on. One OS thread runs them all, one at a time.
//
// A stack begins by ucontext and is then switched by the compiler's setjmp and longjmp, which make
// no system call; under a sanitizer, which must see each switch, by ucontext throughout.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#if defined(TRINE_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TRINE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace explore {

class fiber {
 public:
  fiber() = default;
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber() { drop(); }

  // Makes it begin at entry(argument), which must not return, when it is next switched to.
  void start(void (*entry)(void*), void* argument) {
    drop();
    if (!stack_) stack_ = std::make_unique<std::byte[]>(size);
    entry_ = entry;
    argument_ = argument;
    started_ = false;
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = size;
    context_.uc_link = nullptr;
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(&begin), 2, static_cast<unsigned>(self),
                static_cast<unsigned>(self >> 32));
#if defined(TRINE_TSAN)
    tsan_ = __tsan_create_fiber(0);
#endif
  }

  [[gnu::noinline]] void switch_to(fiber& to) {
#if defined(TRINE_ASAN)
    __sanitizer_start_switch_fiber(&fake_, to.stack_ ? to.stack_.get() : thread_low(),
                                   to.stack_ ? size : thread_size());
    swapcontext(&context_, &to.context_);
    arrived();
#elif defined(TRINE_TSAN)
    if (tsan_ == nullptr) tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_, 0);
    swapcontext(&context_, &to.context_);
#else
    if (__builtin_setjmp(jump_) == 0) {
      if (to.started_) leap(to.jump_);
      to.started_ = true;
      setcontext(&to.context_);
    }
#endif
  }

 private:
  static constexpr std::size_t size = 128 * 1024;

  [[gnu::noinline, noreturn]] static void leap(void** to) { __builtin_longjmp(to, 1); }

  static void begin(unsigned low, unsigned high) {
    const auto address = std::uintptr_t{low} | (std::uintptr_t{high} << 32);
    auto* const self = reinterpret_cast<fiber*>(address);
#if defined(TRINE_ASAN)
    self->arrived();
#endif
    self->entry_(self->argument_);
  }

  void drop() {
#if defined(TRINE_TSAN)
    if (stack_ && tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
    tsan_ = nullptr;
#endif
  }

#if defined(TRINE_ASAN)
  void arrived() {
    const void* low = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_, &low, &bytes);
    fake_ = nullptr;
    // The first switch tells where the OS thread's own stack lies.
    if (thread_size() == 0) thread_low() = low, thread_size() = bytes;
  }
  static const void*& thread_low() {
    static const void* low = nullptr;
    return low;
  }
  static std::size_t& thread_size() {
    static std::size_t bytes = 0;
    return bytes;
  }
  void* fake_ = nullptr;
#endif
#if defined(TRINE_TSAN)
  void* tsan_ = nullptr;
#endif

  std::unique_ptr<std::byte[]> stack_;
  ucontext_t context_ = {};
  void* jump_[5] = {};
  bool started_ = true;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace explore
