// Semaphores, latches, barriers. For the namespace S.
PROGRAM(semaphore_bounds) {
  S::counting_semaphore<3> slots(3);
  std::atomic<int> inside{0}, most{0};
  for (int i = 0; i < 6; ++i) {
    crew.go([&] {
      for (int k = 0; k < conformance::rounds / 8; ++k) {
        slots.acquire();
        const int now = ++inside;
        if (now > most.load()) most.store(now);
        EXPECT_LE(now, 3);
        if (k % 16 == 0) conformance::crew::pause();
        --inside;
        slots.release();
      }
    });
  }
  crew.join();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(slots.try_acquire());
  EXPECT_FALSE(slots.try_acquire());
}

PROGRAM(semaphore_hand_over) {
  S::binary_semaphore ping(0), pong(0);
  int turns = 0;
  crew.go([&] {
    for (int k = 0; k < conformance::rounds / 2; ++k) {
      ping.acquire();
      EXPECT_EQ(turns++ % 2, 0);
      pong.release();
    }
  });
  crew.go([&] {
    for (int k = 0; k < conformance::rounds / 2; ++k) {
      ping.release();
      pong.acquire();
      EXPECT_EQ(turns++ % 2, 1);
    }
  });
  crew.join();
}

PROGRAM(semaphore_release_many) {
  S::counting_semaphore<> s(0);
  S::latch got(5);
  for (int i = 0; i < 5; ++i) {
    crew.go([&] {
      s.acquire();
      got.count_down();
    });
  }
  s.release(0);
  s.release(7);
  got.wait();
  crew.join();
  EXPECT_TRUE(s.try_acquire());
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
}

PROGRAM(semaphore_times_out) {
  using clock = std::chrono::steady_clock;
  S::counting_semaphore<4> s(1);
  EXPECT_TRUE(s.try_acquire_for(-1s));
  const auto start = clock::now();
  EXPECT_FALSE(s.try_acquire_for(2ms));
  EXPECT_GE(clock::now() - start, 2ms);
  const auto wall = std::chrono::system_clock::now() + 2ms;
  EXPECT_FALSE(s.try_acquire_until(wall));
  EXPECT_GE(std::chrono::system_clock::now(), wall);
  EXPECT_FALSE(s.try_acquire_until(clock::time_point::min()));
  crew.go([&] { s.release(); });
  EXPECT_TRUE(s.try_acquire_for(std::chrono::hours(1)));
  crew.join();
  EXPECT_FALSE(s.try_acquire());
}

PROGRAM(semaphore_counts_with_impatient_ones) {
  S::counting_semaphore<100> s(0);
  std::atomic<long> taken{0}, given{0};
  std::atomic<int> left{3};
  for (int i = 0; i < 3; ++i) {
    crew.go([&] {
      for (int k = 0; k < conformance::rounds / 8; ++k)
        if (s.try_acquire_for(std::chrono::microseconds(k % 60))) ++taken;
      --left;
    });
  }
  crew.go([&] {
    while (left.load() != 0) {
      if (given.load() - taken.load() < 50) {
        ++given;
        s.release();
      }
      conformance::crew::pause();
    }
  });
  crew.join();
  while (s.try_acquire()) ++taken;
  EXPECT_EQ(taken.load(), given.load());
}

PROGRAM(semaphore_destroyed_after_acquire) {
  for (int k = 0; k < conformance::rounds / 10; ++k) {
    auto s = std::make_unique<S::binary_semaphore>(0);
    S::binary_semaphore* const raw = s.get();
    crew.go([raw] { raw->release(); });
    s->acquire();
    s.reset();
    crew.join();
  }
}

PROGRAM(latch_opens_once) {
  S::latch start(1), done(4);
  std::atomic<int> early{0};
  for (int i = 0; i < 4; ++i) {
    crew.go([&] {
      if (!start.try_wait()) ++early;
      start.wait();
      done.count_down();
    });
  }
  EXPECT_FALSE(done.try_wait());
  start.count_down();
  done.wait();
  EXPECT_TRUE(start.try_wait());
  EXPECT_TRUE(done.try_wait());
  crew.join();
  const S::latch zero(0);
  zero.wait();
  S::latch five(5);
  five.count_down(0);
  five.count_down(2);
  five.arrive_and_wait(3);
}

PROGRAM(latch_all_arrive) {
  S::latch all(5);
  int written[5] = {};
  for (int i = 0; i < 5; ++i) {
    crew.go([&, i] {
      written[i] = i + 1;
      all.arrive_and_wait();
      EXPECT_EQ(written[0] + written[1] + written[2] + written[3] + written[4], 15);
    });
  }
  crew.join();
}

PROGRAM(latch_destroyed_after_wait) {
  for (int k = 0; k < conformance::rounds / 10; ++k) {
    auto l = std::make_unique<S::latch>(2);
    S::latch* const raw = l.get();
    crew.go([raw] { raw->count_down(); });
    crew.go([raw] { raw->count_down(); });
    l->wait();
    l.reset();
    crew.join();
  }
}

PROGRAM(barrier_phases) {
  constexpr int parties = 4, phases = conformance::rounds / 20;
  int at[parties] = {};
  int completions = 0;
  auto completion = [&]() noexcept {
    ++completions;
    for (int i = 0; i < parties; ++i) EXPECT_EQ(at[i], completions);
  };
  S::barrier b(parties, completion);
  for (int i = 0; i < parties; ++i) {
    crew.go([&, i] {
      for (int p = 1; p <= phases; ++p) {
        at[i] = p;
        if (p % 3 == 0) {
          b.wait(b.arrive());
        } else {
          b.arrive_and_wait();
        }
        EXPECT_GE(completions, p);
      }
    });
  }
  crew.join();
  EXPECT_EQ(completions, phases);
}

PROGRAM(barrier_arrive_and_drop) {
  S::barrier<> b(3);
  std::atomic<int> steps{0};
  crew.go([&] {
    b.arrive_and_wait();
    ++steps;
    b.arrive_and_drop();
  });
  for (int i = 0; i < 2; ++i) {
    crew.go([&] {
      for (int k = 0; k < 10; ++k) {
        b.arrive_and_wait();
        ++steps;
      }
    });
  }
  crew.join();
  EXPECT_EQ(steps.load(), 21);
}

PROGRAM(barrier_tokens) {
  S::barrier<> b(2);
  auto first = b.arrive();
  auto second = b.arrive();
  b.wait(std::move(first));
  first = std::move(second);
  b.wait(std::move(first));
  auto both = b.arrive(2);
  b.wait(std::move(both));
}
