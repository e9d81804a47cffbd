// The ring of messages: each arrives once, whole, in order; no sleeper is forgotten.
#include "atomic/spsc_ring.hpp"

#include "explore/check.hpp"

namespace {

using explore::require;

// Three messages through a ring that holds two, so that the producer waits and a filler is needed.
struct ring_model {
  static constexpr std::uint32_t capacity = 32;
  static constexpr unsigned messages = 3;
  static constexpr std::uint32_t size(unsigned i) { return i == 1 ? 8 : 1; }

  trine::atomic::ring_words<explore::policy> words;
  alignas(8) std::byte bytes[capacity] = {};
  explore::cell<unsigned> payload[messages];
  explore::atomic<std::uint32_t> popped{0};  // what the producer sleeps on when the ring is full
  trine::atomic::ring_producer<explore::policy> producer{words, bytes, capacity};
  trine::atomic::ring_consumer<explore::policy> consumer{words, bytes, capacity};

  static constexpr unsigned threads = 2;
  void thread(unsigned t) { t == 0 ? produce() : consume(); }
  void produce() {
    for (unsigned i = 0; i < messages; ++i) {
      std::byte* room;
      while ((room = producer.reserve(size(i))) == nullptr) {
        require(!producer.broken(), "the consumer publishes what it may");
        explore::relax();
      }
      payload[i].set(i + 1);
      for (std::uint32_t b = 0; b < size(i); ++b) room[b] = std::byte(i + 1);
      if (producer.publish() != 0) explore::futex_wake(&words.tail, 1);
    }
  }
  void consume() {
    for (unsigned i = 0; i < messages;) {
      std::span<const std::byte> message;
      const trine::atomic::ring_poll found = consumer.poll(message);
      require(found != trine::atomic::ring_poll::broken, "the ring is sound");
      if (found == trine::atomic::ring_poll::empty) {
        const std::uint32_t seen = consumer.position();
        if (consumer.announce(1)) explore::futex_wait(consumer.word(), seen);
        consumer.awake();
        continue;
      }
      require(message.size() == size(i), "its size");
      require(payload[i].get() == i + 1, "its payload is seen");
      popped.store(i, explore::order::relaxed);  // a point at which the producer may go on
      for (const std::byte b : message) require(b == std::byte(i + 1), "its bytes");
      consumer.pop();
      ++i;
    }
  }
  void after() { require(consumer.empty(), "empty in the end"); }
};

TEST(spsc_ring, each_message_once_whole_and_in_order) {
  explore::expect_sound<ring_model>("spsc_ring", 30'000);
}

TEST(spsc_ring, orders_are_needed) {
  explore::expect_orders_needed<ring_model>("spsc_ring", "spsc_ring.hpp", 4);
}

}  // namespace
