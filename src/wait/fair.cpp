#include <trine/detail/fair.hpp>

#include "wait/waiter.hpp"

namespace trine::detail {

std::atomic<std::uint32_t> overdue_workers{0};

void fair_point_slow() noexcept {
  if (wait::scheduler* const sched = wait::self().sched) sched->let_overdue_run();
}

}  // namespace trine::detail
