// Readers and writers. For the namespace S.
template <class Mutex>
void readers_and_writers(conformance::crew& crew) {
  Mutex m;
  long value = 0, copy = 0;
  std::atomic<int> readers{0};
  for (int i = 0; i < 5; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 4; ++k) {
        if (i < 2) {
          S::unique_lock<Mutex> writing(m);
          EXPECT_EQ(readers.load(), 0);
          ++value;
          if (k % 32 == 0) conformance::crew::pause();
          ++copy;
        } else {
          S::shared_lock<Mutex> reading(m);
          ++readers;
          EXPECT_EQ(value, copy);
          if (k % 32 == 0) conformance::crew::pause();
          --readers;
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(value, 2L * (conformance::rounds / 4));
}
PROGRAM(shared_mutex_readers_and_writers) { readers_and_writers<S::shared_mutex>(crew); }
PROGRAM(shared_timed_mutex_readers_and_writers) {
  readers_and_writers<S::shared_timed_mutex>(crew);
}

PROGRAM(shared_mutex_is_shared) {
  S::shared_mutex m;
  // They are inside together, or this never ends.
  S::barrier together(4);
  for (int i = 0; i < 4; ++i) {
    crew.go([&] {
      S::shared_lock<S::shared_mutex> reading(m);
      together.arrive_and_wait();
      EXPECT_FALSE(m.try_lock());
    });
  }
  crew.join();
  EXPECT_TRUE(m.try_lock());
  crew.go([&] {
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_shared());
  });
  crew.join();
  m.unlock();
  EXPECT_TRUE(m.try_lock_shared());
  crew.go([&] {
    EXPECT_TRUE(m.try_lock_shared());
    m.unlock_shared();
    EXPECT_FALSE(m.try_lock());
  });
  crew.join();
  m.unlock_shared();
}

PROGRAM(shared_timed_mutex_times_out) {
  using clock = std::chrono::steady_clock;
  S::shared_timed_mutex m;
  m.lock();
  crew.go([&] {
    auto start = clock::now();
    EXPECT_FALSE(m.try_lock_shared_for(2ms));
    EXPECT_GE(clock::now() - start, 2ms);
    start = clock::now();
    EXPECT_FALSE(m.try_lock_until(start + 2ms));
    EXPECT_GE(clock::now() - start, 2ms);
    EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(m.try_lock_for(-1s));
    EXPECT_FALSE(m.try_lock_shared_until(clock::time_point()));
  });
  crew.join();
  m.unlock();
  m.lock_shared();
  crew.go([&] {
    EXPECT_FALSE(m.try_lock_for(2ms));
    // The writer that gave up leaves no trace.
    EXPECT_TRUE(m.try_lock_shared_for(std::chrono::hours(1)));
    m.unlock_shared();
    S::shared_lock<S::shared_timed_mutex> reading(m, std::chrono::hours(1));
    EXPECT_TRUE(reading.owns_lock());
  });
  crew.join();
  m.unlock_shared();
}

// A writer that gives up lets in the readers behind it, although readers hold the mutex all along.
PROGRAM(shared_timed_mutex_writer_gives_up) {
  S::shared_timed_mutex m;
  m.lock_shared();
  for (int k = 0; k < 5; ++k) {
    crew.go([&] { EXPECT_FALSE(m.try_lock_for(std::chrono::milliseconds(3))); });
    crew.go([&] {
      conformance::crew::pause();
      m.lock_shared();
      m.unlock_shared();
    });
    crew.go([&] {
      m.lock_shared();
      m.unlock_shared();
    });
    crew.join();
  }
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

PROGRAM(shared_timed_mutex_with_impatient_ones) {
  S::shared_timed_mutex m;
  std::atomic<int> inside{0};
  bool writing = false;
  for (int i = 0; i < 4; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 8; ++k) {
        if (i % 2 == 0) {
          if (!m.try_lock_for(std::chrono::microseconds(k % 40))) continue;
          EXPECT_EQ(inside.load(), 0);
          writing = true;
          if (k % 8 == 0) conformance::crew::pause();
          writing = false;
          m.unlock();
        } else {
          if (!m.try_lock_shared_for(std::chrono::microseconds(k % 40))) continue;
          ++inside;
          EXPECT_FALSE(writing);
          if (k % 8 == 0) conformance::crew::pause();
          --inside;
          m.unlock_shared();
        }
      }
    });
  }
  crew.join();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

PROGRAM(shared_mutex_destroyed_after_unlock) {
  for (int k = 0; k < conformance::rounds / 10; ++k) {
    auto m = std::make_unique<S::shared_mutex>();
    m->lock_shared();
    crew.go([&] {
      m->lock();
      m->unlock();
      m.reset();
    });
    m->unlock_shared();
    crew.join();
  }
}
