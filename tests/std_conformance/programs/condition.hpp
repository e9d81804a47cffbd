// Condition variables. For the namespace S.
PROGRAM(condition_queue_of_ten) {
  S::mutex m;
  S::condition_variable not_empty, not_full;
  std::vector<int> queue;
  long sum = 0, taken = 0;
  constexpr long each = conformance::rounds / 4;
  for (int i = 0; i < 2; ++i) {
    crew.go([&] {
      for (int k = 0; k < each; ++k) {
        S::unique_lock<S::mutex> lock(m);
        not_full.wait(lock, [&] { return queue.size() < 10; });
        queue.push_back(k);
        not_empty.notify_one();
      }
    });
    crew.go([&] {
      for (int k = 0; k < each; ++k) {
        S::unique_lock<S::mutex> lock(m);
        while (queue.empty()) not_empty.wait(lock);
        sum += queue.back();
        ++taken;
        queue.pop_back();
        lock.unlock();
        not_full.notify_one();
      }
    });
  }
  crew.join();
  EXPECT_EQ(taken, 2 * each);
  EXPECT_EQ(sum, each * (each - 1));
}

PROGRAM(condition_notify_all) {
  S::mutex m;
  S::condition_variable changed;
  int waiting = 0, gone_on = 0;
  bool go = false;
  for (int i = 0; i < 5; ++i) {
    crew.go([&] {
      S::unique_lock<S::mutex> lock(m);
      ++waiting;
      changed.notify_all();
      changed.wait(lock, [&] { return go; });
      EXPECT_TRUE(lock.owns_lock());
      ++gone_on;
    });
  }
  {
    S::unique_lock<S::mutex> lock(m);
    changed.wait(lock, [&] { return waiting == 5; });
    go = true;
  }
  changed.notify_all();
  crew.join();
  EXPECT_EQ(gone_on, 5);
}

template <class Condition, class Lock>
void condition_times_out(Condition& changed, Lock& lock) {
  using clock = std::chrono::steady_clock;
  auto start = clock::now();
  EXPECT_TRUE(changed.wait_for(lock, 2ms) == S::cv_status::timeout);
  EXPECT_GE(clock::now() - start, 2ms);
  start = clock::now();
  EXPECT_TRUE(changed.wait_until(lock, start + 2ms) == S::cv_status::timeout);
  EXPECT_GE(clock::now() - start, 2ms);
  const auto wall = std::chrono::system_clock::now() + 2ms;
  while (changed.wait_until(lock, wall) != S::cv_status::timeout) {
  }
  EXPECT_GE(std::chrono::system_clock::now(), wall);
  EXPECT_FALSE(changed.wait_for(lock, 1ms, [] { return false; }));
  EXPECT_TRUE(changed.wait_for(lock, -1h, [] { return true; }));
  EXPECT_FALSE(changed.wait_until(lock, clock::time_point::min(), [] { return false; }));
  EXPECT_TRUE(changed.wait_for(lock, -1h) == S::cv_status::timeout);
  EXPECT_TRUE(changed.wait_until(lock, clock::now() - 1h) == S::cv_status::timeout);
  EXPECT_TRUE(lock.owns_lock());
}
PROGRAM(condition_variable_times_out) {
  S::mutex m;
  S::unique_lock<S::mutex> lock(m);
  S::condition_variable changed;
  condition_times_out(changed, lock);
}
PROGRAM(condition_variable_any_times_out) {
  S::shared_mutex m;
  S::shared_lock<S::shared_mutex> lock(m);
  S::condition_variable_any changed;
  condition_times_out(changed, lock);
}

// A notification goes to one that waits, however many give up meanwhile.
PROGRAM(condition_notification_is_not_lost_to_a_timeout) {
  S::mutex m;
  S::condition_variable changed;
  long tokens = 0;
  constexpr long all = conformance::rounds / 8;
  std::atomic<long> taken{0};
  for (int i = 0; i < 2; ++i) {
    crew.go([&] {
      while (taken.load() < all) {
        S::unique_lock<S::mutex> lock(m);
        if (!changed.wait_for(lock, std::chrono::microseconds(50), [&] { return tokens > 0; }))
          continue;
        --tokens;
        ++taken;
      }
    });
  }
  crew.go([&] {
    for (long k = 0; k < all; ++k) {
      {
        S::lock_guard<S::mutex> guard(m);
        ++tokens;
      }
      changed.notify_one();
      if (k % 8 == 0) conformance::crew::pause();
    }
  });
  crew.join();
  EXPECT_EQ(taken.load(), all);
  EXPECT_EQ(tokens, 0);
}

// A lock of one's own, whose unlock lets others run.
struct own_lock {
  S::mutex m;
  int locks = 0;
  void lock() {
    m.lock();
    ++locks;
  }
  void unlock() {
    --locks;
    m.unlock();
    conformance::crew::pause();
  }
};
PROGRAM(condition_variable_any_with_own_lock) {
  own_lock m;
  S::condition_variable_any turns;
  int turn = 0;
  for (int i = 0; i < 3; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 20; ++k) {
        m.lock();
        turns.wait(m, [&] { return turn % 3 == i; });
        EXPECT_EQ(m.locks, 1);
        ++turn;
        turns.notify_all();
        m.unlock();
      }
    });
  }
  crew.join();
  EXPECT_EQ(turn, 3 * (conformance::rounds / 20));
}

PROGRAM(condition_variable_any_notify_one) {
  S::recursive_mutex m;
  S::condition_variable_any changed;
  int items = 0, taken = 0;
  for (int i = 0; i < 3; ++i) {
    crew.go([&] {
      for (int k = 0; k < conformance::rounds / 10; ++k) {
        S::unique_lock<S::recursive_mutex> lock(m);
        changed.wait(lock, [&] { return items > 0; });
        --items;
        ++taken;
      }
    });
  }
  crew.go([&] {
    for (int k = 0; k < 3 * (conformance::rounds / 10); ++k) {
      S::lock_guard<S::recursive_mutex> guard(m);
      ++items;
      changed.notify_one();
    }
  });
  crew.join();
  EXPECT_EQ(taken, 3 * (conformance::rounds / 10));
}

PROGRAM(condition_variable_any_with_stop_token) {
  S::mutex m;
  S::condition_variable_any changed;
  std::stop_source source;
  S::latch there(3);
  bool ready = false;
  for (int i = 0; i < 3; ++i) {
    crew.go([&, i] {
      S::unique_lock<S::mutex> lock(m);
      there.count_down();
      if (i == 0) {
        EXPECT_FALSE(changed.wait(lock, source.get_token(), [&] { return ready; }));
      } else if (i == 1) {
        EXPECT_FALSE(changed.wait_for(lock, source.get_token(), std::chrono::hours(1),
                                      [&] { return ready; }));
      } else {
        EXPECT_FALSE(changed.wait_until(lock, source.get_token(),
                                        std::chrono::steady_clock::now() + std::chrono::hours(1),
                                        [&] { return ready; }));
      }
      EXPECT_TRUE(lock.owns_lock());
    });
  }
  there.wait();
  source.request_stop();
  crew.join();

  S::unique_lock<S::mutex> lock(m);
  // Requested before.
  EXPECT_FALSE(changed.wait(lock, source.get_token(), [] { return false; }));
  EXPECT_TRUE(changed.wait(lock, source.get_token(), [] { return true; }));
  // By time, and without a state.
  EXPECT_FALSE(changed.wait_for(lock, std::stop_source().get_token(), 1ms, [] { return false; }));
  EXPECT_FALSE(changed.wait_for(lock, std::stop_token(), 1ms, [] { return false; }));
}

PROGRAM(condition_variable_any_stop_and_notify_race) {
  S::mutex m;
  for (int k = 0; k < conformance::rounds / 20; ++k) {
    auto changed = std::make_unique<S::condition_variable_any>();
    std::stop_source source;
    bool ready = false;
    crew.go([&] {
      S::unique_lock<S::mutex> lock(m);
      const bool was_ready = changed->wait(lock, source.get_token(), [&] { return ready; });
      EXPECT_TRUE(was_ready || source.stop_requested());
    });
    crew.go([&] { source.request_stop(); });
    crew.go([&] {
      {
        S::lock_guard<S::mutex> guard(m);
        ready = true;
      }
      changed->notify_all();
    });
    crew.join();
  }
}

// All have been notified, so it may be destroyed, whether they have gone on or not.
PROGRAM(condition_destroyed_after_notify) {
  S::mutex m;
  for (int k = 0; k < conformance::rounds / 20; ++k) {
    auto changed = std::make_unique<S::condition_variable>();
    int waiting = 0;
    bool go = false;
    for (int i = 0; i < 2; ++i) {
      crew.go([&] {
        S::unique_lock<S::mutex> lock(m);
        ++waiting;
        S::condition_variable& mine = *changed;
        while (!go) mine.wait(lock);
      });
    }
    for (bool all = false; !all; conformance::crew::pause()) {
      S::lock_guard<S::mutex> guard(m);
      if (waiting < 2) continue;
      all = true;
      go = true;
      changed->notify_all();
      changed.reset();
    }
    crew.join();
  }
}

PROGRAM(condition_notify_all_at_thread_exit) {
  S::mutex m;
  S::condition_variable changed;
  bool over = false;
  crew.go([&] {
    S::unique_lock<S::mutex> lock(m);
    over = true;
    S::notify_all_at_thread_exit(changed, std::move(lock));
  });
  S::unique_lock<S::mutex> lock(m);
  changed.wait(lock, [&] { return over; });
  lock.unlock();
  crew.join();
}
