// The inbox: many producers push linked nodes, one consumer takes them all at once, oldest first.
//
// A stack whose consumer only ever takes the whole (Treiber 1986, without its ABA: nothing is
// popped singly). A node belongs to its producer until the swap in push succeeds, then to the
// inbox, then to the consumer; the producer must not touch it after push.
#pragma once

#include <cstdint>

#include "atomic/policy.hpp"

namespace trine::atomic {

// Node needs a member `Node* next`.
template <class Node, class Policy = std_policy>
class inbox {
 public:
  // Any thread. Returns true when it was empty.
  bool push(Node* node) noexcept {
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      node->next = head;
      // seq_cst: release for the consumer's acquire in take_all; and ordered with the flag by which
      // a sleeping consumer announces itself (push, then look at the flag ∥ set the flag, then look
      // at the inbox): weaker, both could miss.
    } while (!head_.compare_exchange_weak(head, node, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    return head == nullptr;
  }

  // The consumer. Oldest first; null when empty.
  Node* take_all() noexcept {
    if (head_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    // acquire: partner is the release in push.
    Node* node = head_.exchange(nullptr, std::memory_order_acquire);
    Node* oldest_first = nullptr;
    while (node != nullptr) {
      Node* const next = node->next;
      node->next = oldest_first;
      oldest_first = node;
      node = next;
    }
    return oldest_first;
  }

  // The consumer, at a glance: 0 when it looks empty; what is just being pushed may be missed.
  std::uintptr_t glance() const noexcept {
    return reinterpret_cast<std::uintptr_t>(head_.load(std::memory_order_relaxed));
  }
  // For the consumer before it sleeps: seq_cst, see push.
  bool empty() const noexcept { return head_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  typename Policy::template atomic<Node*> head_{nullptr};
};

}  // namespace trine::atomic
