#include "coroutine/submit.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "coroutine/runtime.hpp"

namespace trine::coroutines {

void submit(detail::core& c, const coroutine_options& options) {
  // What most are: default options, from a coroutine.
  if (options.stack_size == 0 && options.worker == -1) [[likely]] {
    if (worker* const here = worker::here(); here != nullptr && !here->crowded()) [[likely]] {
      c.stack_class = default_class;
      return here->push_own(c);
    }
  }
  const std::size_t wanted = options.stack_size != 0 ? options.stack_size : default_stack_size;
  const unsigned stack_class = class_for(wanted);
  if (stack_class == stack_classes)
    throw std::invalid_argument("trine: a coroutine's stack_size of " + std::to_string(wanted) +
                                " bytes is too large; at most 64 MiB");
  c.stack_class = static_cast<std::uint8_t>(stack_class);
  runtime& pool = runtime::get();
  if (options.worker < -1 || options.worker >= static_cast<int>(pool.size()))
    throw std::invalid_argument("trine: there is no coroutine worker " +
                                std::to_string(options.worker) + "; workers are 0 to " +
                                std::to_string(pool.size() - 1) + " (set TRINE_WORKERS for more)");
  if (pool.crowded())
    throw std::system_error(EAGAIN, std::generic_category(),
                            "trine: 67 million coroutines wait to start; let some run first");
  if (options.worker >= 0) {
    c.flags.fetch_or(detail::flag_pinned, std::memory_order_relaxed);
    pool.at(static_cast<unsigned>(options.worker)).push_pinned(c);
  } else if (worker* here = worker::here()) {
    here->push_own(c);
  } else {
    pool.inject(reinterpret_cast<runnable>(&c));
  }
}

void yield() noexcept { worker::yield_here(); }

bool on_worker() noexcept { return worker::here() != nullptr; }

}  // namespace trine::coroutines
