// channel by its own source: what is sent arrives once, and what is not stays with its sender.
#include "atomic/waiter_models.hpp"

namespace {

using namespace models;

// An element that finds races: whoever reads it must be ordered after who wrote it.
struct element {
  explore::cell<int> value;
  explicit element(int v) : value(v) {}
  element(element&& other) : value(other.value.get()) { other.value.set(-1); }
};

struct tally {
  int sent[4] = {};
  int received[4] = {};
  void check(int in_channel) const {
    int all = 0, got = 0;
    for (int i = 0; i < 4; ++i) {
      require(sent[i] <= 1 && received[i] <= sent[i], "an element arrives once");
      all += sent[i];
      got += received[i];
    }
    require(all == got + in_channel, "none is lost");
  }
};

// Two senders and a receiver; the receiver takes all.
template <std::size_t Capacity>
struct two_senders {
  channel<element> c{Capacity};
  tally t;
  static constexpr unsigned threads = 3;
  void thread(unsigned n) {
    explore::become(nullptr);
    if (n != 0) {
      element e(static_cast<int>(n));
      c.send(std::move(e));
      require(e.value.get() == -1, "it was moved");
      t.sent[n] = 1;
      return;
    }
    for (int i = 0; i < 2; ++i) {
      const auto e = c.receive();
      require(e.has_value(), "there is one");
      ++t.received[e->value.get()];
    }
  }
  void after() {
    t.check(0);
    require(c.empty() && !c.try_receive(), "nothing is left");
  }
};

// A sender that closes, and two receivers.
template <std::size_t Capacity>
struct closed_after_one {
  channel<element> c{Capacity};
  tally t;
  static constexpr unsigned threads = 3;
  void thread(unsigned n) {
    explore::become(nullptr);
    if (n == 0) {
      c.send(element(1));
      t.sent[1] = 1;
      c.close();
    } else if (const auto e = c.receive()) {
      ++t.received[e->value.get()];
    }
  }
  void after() { t.check(0); }
};

// The waits on both sides may end by a timer at any moment, one by a stop request too.
template <std::size_t Capacity>
struct given_up {
  channel<element> c{Capacity};
  explored::detail::core unit{&no_ops};
  tally t;
  static constexpr unsigned threads = 3;
  void thread(unsigned n) {
    explore::become(n == 1 ? &unit : nullptr);
    // The explorer's futex may report the end of it at any time; the clock has passed it.
    constexpr auto soon = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(1));
    if (n == 0) {
      element e(1);
      t.sent[1] = c.send_until(std::move(e), soon) ? 1 : 0;
      require(e.value.get() == (t.sent[1] == 1 ? -1 : 1), "the sender has it or has not");
    } else if (n == 1) {
      try {
        if (const auto e = c.receive_until(soon)) ++t.received[e->value.get()];
      } catch (const cancelled&) {
      }
    } else {
      wait::request_stop(unit, wait::stop_requested);
      if (const auto e = c.try_receive()) ++t.received[e->value.get()];
    }
  }
  void after() {
    int left = 0;
    while (c.try_receive()) ++left;
    t.check(left);
  }
};

// The receiver ends the channel as soon as it has the element.
template <std::size_t Capacity>
struct ended_by_receiver {
  alignas(channel<element>) std::byte memory[sizeof(channel<element>)];
  channel<element>* c = ::new (memory) channel<element>(Capacity);
  static constexpr unsigned threads = 2;
  void thread(unsigned n) {
    explore::become(nullptr);
    if (n == 0) return c->send(element(1));
    require(c->receive()->value.get() == 1, "the element");
    c->~channel();
  }
  void after() {}
};

// ---- select -------------------------------------------------------------------------------------

// Two selects over the same two channels, in opposite orders, and a third party that sends to one.
struct selects_meet {
  channel<element> a, b;
  tally t;
  static constexpr unsigned threads = 3;
  void thread(unsigned n) {
    explore::become(nullptr);
    const auto take = [&](std::optional<element> e) {
      if (e) ++t.received[e->value.get()];
    };
    try {
      if (n == 0) {
        element e(1);
        if (select(on_send(a, std::move(e)), on_receive(b, take)) == 0) t.sent[1] = 1;
        require(e.value.get() == (t.sent[1] == 1 ? -1 : 1), "moved if and only if it was sent");
      } else if (n == 1) {
        element e(2);
        if (select(on_send(b, std::move(e)), on_receive(a, take)) == 0) t.sent[2] = 1;
      } else {
        if (a.try_send(element(3))) t.sent[3] = 1;
        if (const auto e = a.try_receive()) ++t.received[e->value.get()];
      }
    } catch (const closed&) {
    }
    // Whoever was met by the third lets the other go on.
    if (n != 2) a.close(), b.close();
  }
  void after() { t.check(0); }
};

// A select that may time out or be stopped, on one channel twice, against a sender and a closer.
struct select_given_up {
  channel<element> a{1}, b;
  explored::detail::core unit{&no_ops};
  tally t;
  static constexpr unsigned threads = 3;
  void thread(unsigned n) {
    explore::become(n == 0 ? &unit : nullptr);
    const auto take = [&](std::optional<element> e) {
      if (e) ++t.received[e->value.get()];
    };
    if (n == 0) {
      try {
        select(on_receive(b, take), on_receive(a, take), on_receive(b, take),
               at_time(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(1))));
      } catch (const cancelled&) {
      }
    } else if (n == 1) {
      t.sent[1] = b.try_send(element(1)) ? 1 : 0;
      a.send(element(2));
      t.sent[2] = 1;
    } else {
      wait::request_stop(unit, wait::stop_requested);
    }
  }
  void after() {
    int left = 0;
    while (a.try_receive()) ++left;
    t.check(left);
    require(!b.try_send(element(3)), "nobody is in the line");
  }
};

// All schedules within it, in each memory model.
constexpr explore::bounds bound{.preemptions = 2};
// Three channels' worth of locks: fewer late accesses.
constexpr explore::bounds select_bound{.preemptions = 2, .late = 1};

TEST(channel, each_element_arrives_once) {
  explore::expect_sound<two_senders<0>>("channel_rendezvous", 430'000, bound);
  explore::expect_sound<two_senders<1>>("channel_one", 210'000, bound);
}

TEST(channel, close_ends_all_waits) {
  explore::expect_sound<closed_after_one<0>>("channel_close_rendezvous", 240'000, bound);
  explore::expect_sound<closed_after_one<1>>("channel_close", 370'000, bound);
}

TEST(channel, who_gives_up_loses_nothing) {
  explore::expect_sound<given_up<0>>("channel_given_up_rendezvous", 1'190'000, bound);
  explore::expect_sound<given_up<1>>("channel_given_up", 340'000, bound);
}

TEST(channel, who_has_received_may_end_it) {
  explore::expect_sound<ended_by_receiver<0>>("channel_ended_rendezvous", 21'000, bound);
  explore::expect_sound<ended_by_receiver<1>>("channel_ended", 20'700, bound);
}

TEST(select, one_case_happens_once) {
  explore::expect_sound<selects_meet>("select_meet", 320'000, select_bound);
  explore::expect_sound<select_given_up>("select_given_up", 84'000, select_bound);
}

TEST(select, locks_in_any_order_deadlock) {
  explore::seeded_order = true;
  explore::expect_found<selects_meet>("select_order", "deadlock", select_bound);
  explore::seeded_order = false;
}

TEST(channel, a_gap_before_the_line_is_found) {
  explore::seeded_gap = true;
  explore::expect_found<two_senders<0>>("channel_gap", "deadlock", bound);
  explore::seeded_gap = false;
}

TEST(channel, orders_are_needed) {
  explore::expect_orders_needed<two_senders<0>>("channel", "channel", 5, bound);
}

}  // namespace
