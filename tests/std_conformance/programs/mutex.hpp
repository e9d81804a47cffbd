// Mutexes: exclusion, order, timed forms, the locks of the standard library. For the namespace S.
template <class Mutex>
void excludes(conformance::crew& crew) {
  Mutex m;
  long count = 0;
  bool inside = false;
  for (int i = 0; i < 4; ++i) {
    crew.go([&] {
      for (int k = 0; k < conformance::rounds; ++k) {
        S::lock_guard<Mutex> guard(m);
        EXPECT_FALSE(inside);
        inside = true;
        ++count;
        if (k % 64 == 0) conformance::crew::pause();
        inside = false;
      }
    });
  }
  crew.join();
  EXPECT_EQ(count, 4L * conformance::rounds);
}
PROGRAM(mutex_excludes) { excludes<S::mutex>(crew); }
PROGRAM(timed_mutex_excludes) { excludes<S::timed_mutex>(crew); }
PROGRAM(recursive_mutex_excludes) { excludes<S::recursive_mutex>(crew); }
PROGRAM(recursive_timed_mutex_excludes) { excludes<S::recursive_timed_mutex>(crew); }

template <class Mutex>
void tries(conformance::crew& crew) {
  Mutex m;
  m.lock();
  crew.go([&] { EXPECT_FALSE(m.try_lock()); });
  crew.join();
  m.unlock();
  crew.go([&] {
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
  crew.join();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}
PROGRAM(mutex_tries) { tries<S::mutex>(crew); }
PROGRAM(timed_mutex_tries) { tries<S::timed_mutex>(crew); }
PROGRAM(recursive_mutex_tries) { tries<S::recursive_mutex>(crew); }
PROGRAM(recursive_timed_mutex_tries) { tries<S::recursive_timed_mutex>(crew); }

template <class Mutex>
void times_out(conformance::crew& crew) {
  using clock = std::chrono::steady_clock;
  Mutex m;
  m.lock();
  crew.go([&] {
    auto start = clock::now();
    EXPECT_FALSE(m.try_lock_for(2ms));
    EXPECT_GE(clock::now() - start, 2ms);
    start = clock::now();
    EXPECT_FALSE(m.try_lock_until(start + 2ms));
    EXPECT_GE(clock::now() - start, 2ms);
    const auto wall = std::chrono::system_clock::now() + 2ms;
    EXPECT_FALSE(m.try_lock_until(wall));
    EXPECT_GE(std::chrono::system_clock::now(), wall);
    // Only tries.
    EXPECT_FALSE(m.try_lock_for(0s));
    EXPECT_FALSE(m.try_lock_for(-1h));
    EXPECT_FALSE(m.try_lock_until(clock::time_point::min()));
    EXPECT_FALSE(m.try_lock_until(clock::now() - 1h));
    EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::time_point()));
  });
  crew.join();
  m.unlock();
  EXPECT_TRUE(m.try_lock_for(-1ms));
  m.unlock();
  EXPECT_TRUE(m.try_lock_until(clock::now() - 1h));
  m.unlock();
}
PROGRAM(timed_mutex_times_out) { times_out<S::timed_mutex>(crew); }
PROGRAM(recursive_timed_mutex_times_out) { times_out<S::recursive_timed_mutex>(crew); }

PROGRAM(timed_mutex_is_had_in_time) {
  S::timed_mutex m;
  S::latch held(1);
  crew.go([&] {
    m.lock();
    held.count_down();
    for (int i = 0; i < 20; ++i) conformance::crew::pause();
    m.unlock();
  });
  crew.go([&] {
    held.wait();
    S::unique_lock<S::timed_mutex> lock(m, std::chrono::hours(1));
    EXPECT_TRUE(lock.owns_lock());
  });
  crew.join();
}

// Waiters that give up disturb nobody else.
PROGRAM(timed_mutex_with_impatient_ones) {
  S::timed_mutex m;
  long had = 0, count = 0;
  for (int i = 0; i < 4; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 4; ++k) {
        bool mine;
        if (i % 2 == 0) {
          m.lock();
          mine = true;
        } else {
          mine = m.try_lock_for(std::chrono::microseconds(k % 50));
        }
        if (!mine) continue;
        ++had;
        if (k % 16 == 0) conformance::crew::pause();
        ++count;
        m.unlock();
      }
    });
  }
  crew.join();
  EXPECT_EQ(had, count);
  EXPECT_GE(had, 2L * (conformance::rounds / 4));
}

template <class Mutex>
void is_recursive(conformance::crew& crew) {
  Mutex m;
  m.lock();
  EXPECT_TRUE(m.try_lock());
  m.lock();
  S::latch tried(1);
  crew.go([&] {
    EXPECT_FALSE(m.try_lock());
    tried.count_down();
    m.lock();
    m.lock();
    m.unlock();
    m.unlock();
  });
  tried.wait();
  m.unlock();
  m.unlock();
  conformance::crew::pause();
  m.unlock();
  crew.join();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}
PROGRAM(recursive_mutex_is_recursive) { is_recursive<S::recursive_mutex>(crew); }
PROGRAM(recursive_timed_mutex_is_recursive) { is_recursive<S::recursive_timed_mutex>(crew); }

PROGRAM(unique_lock_of_a_mutex) {
  S::mutex m, other;
  S::unique_lock<S::mutex> none;
  EXPECT_FALSE(none.owns_lock());
  EXPECT_THROW(none.lock(), std::system_error);
  S::unique_lock<S::mutex> a(m);
  EXPECT_TRUE(a.owns_lock());
  EXPECT_EQ(a.mutex(), &m);
  EXPECT_THROW(a.lock(), std::system_error);
  a.unlock();
  EXPECT_THROW(a.unlock(), std::system_error);
  S::unique_lock<S::mutex> b(m, S::try_to_lock);
  EXPECT_TRUE(b.owns_lock());
  S::unique_lock<S::mutex> c(other, S::defer_lock);
  EXPECT_FALSE(c.owns_lock());
  c = std::move(b);
  EXPECT_EQ(c.mutex(), &m);
  EXPECT_EQ(b.mutex(), nullptr);
  c.release()->unlock();
  m.lock();
  S::unique_lock<S::mutex> d(m, S::adopt_lock);
  EXPECT_TRUE(static_cast<bool>(d));
}

PROGRAM(several_mutexes_without_deadlock) {
  S::mutex a;
  S::recursive_mutex b;
  S::timed_mutex c;
  long count = 0;
  for (int i = 0; i < 3; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 4; ++k) {
        if (i == 0) {
          S::scoped_lock all(a, b, c);
          ++count;
        } else if (i == 1) {
          S::scoped_lock all(c, b, a);
          ++count;
        } else {
          S::lock(b, c, a);
          ++count;
          a.unlock();
          b.unlock();
          c.unlock();
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(count, 3L * (conformance::rounds / 4));
  EXPECT_EQ(S::try_lock(a, b, c), -1);
  a.unlock();
  b.unlock();
  c.unlock();
}

// Whoever holds it last destroys it, while the one before is just leaving unlock().
PROGRAM(mutex_destroyed_after_unlock) {
  for (int k = 0; k < conformance::rounds / 10; ++k) {
    auto m = std::make_unique<S::mutex>();
    m->lock();
    crew.go([&] {
      m->lock();
      m->unlock();
      m.reset();
    });
    m->unlock();
    crew.join();
  }
}
