// A FIFO of waiters, as a primitive holds it; the primitive guards it. No promises to users.
#pragma once

namespace trine::wait {
class waiter;
}

namespace trine::detail {

// How co_await (trine/detail/sync_awaiter.hpp) reaches what the primitives keep to themselves.
struct wait_access;

class waiter_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  wait::waiter* front() const noexcept { return first_; }
  void push_back(wait::waiter& w) noexcept;
  void push_front(wait::waiter& w) noexcept;
  // Null: at the front.
  void insert_after(wait::waiter* before, wait::waiter& w) noexcept;
  wait::waiter* pop_front() noexcept;
  void erase(wait::waiter& w) noexcept;

 private:
  wait::waiter* first_ = nullptr;
  wait::waiter* last_ = nullptr;
};

}  // namespace trine::detail
