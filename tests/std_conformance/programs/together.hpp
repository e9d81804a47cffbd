// Several primitives in one program. For the namespace S.

// Dining philosophers, with a bound on those at the table.
PROGRAM(philosophers) {
  constexpr int seats = 4;
  S::mutex forks[seats];
  S::counting_semaphore<seats> table(seats - 1);
  std::atomic<long> meals{0};
  for (int i = 0; i < seats; ++i) {
    crew.go([&, i] {
      for (int k = 0; k < conformance::rounds / 20; ++k) {
        table.acquire();
        S::unique_lock<S::mutex> left(forks[i]), right(forks[(i + 1) % seats]);
        ++meals;
        if (k % 8 == 0) conformance::crew::pause();
        right.unlock();
        left.unlock();
        table.release();
      }
    });
  }
  crew.join();
  EXPECT_EQ(meals.load(), static_cast<long>(seats) * (conformance::rounds / 20));
}

// A bounded buffer by two semaphores and a mutex.
PROGRAM(bounded_buffer_by_semaphores) {
  S::counting_semaphore<8> free(8), full(0);
  S::mutex m;
  std::vector<long> buffer;
  long sum = 0;
  constexpr long each = conformance::rounds / 8;
  for (int i = 0; i < 2; ++i) {
    crew.go([&] {
      for (long k = 1; k <= each; ++k) {
        free.acquire();
        {
          S::lock_guard<S::mutex> guard(m);
          buffer.push_back(k);
        }
        full.release();
      }
    });
    crew.go([&] {
      for (long k = 1; k <= each; ++k) {
        full.acquire();
        {
          S::lock_guard<S::mutex> guard(m);
          sum += buffer.back();
          buffer.pop_back();
        }
        free.release();
      }
    });
  }
  crew.join();
  EXPECT_EQ(sum, each * (each + 1));
}

// A pipeline of promises, each set by another party.
PROGRAM(chain_of_promises) {
  constexpr int links = 20;
  std::vector<S::promise<int>> promises(links);
  std::vector<S::future<int>> futures;
  for (auto& p : promises) futures.push_back(p.get_future());
  for (int i = links - 1; i > 0; --i) {
    const auto at = static_cast<std::size_t>(i);
    crew.go([&, at] { promises[at].set_value(futures[at - 1].get() + 1); });
  }
  promises[0].set_value(1);
  EXPECT_EQ(futures.back().get(), links);
  crew.join();
}

// Readers see a table that call_once filled and writers replace.
PROGRAM(table_of_readers) {
  S::once_flag filled;
  S::shared_mutex m;
  S::condition_variable_any changed;
  std::vector<int> table;
  int version = 0;
  auto fill = [&] { table.assign(4, 0); };
  for (int i = 0; i < 3; ++i) {
    crew.go([&] {
      S::call_once(filled, fill);
      S::shared_lock<S::shared_mutex> reading(m);
      changed.wait(reading, [&] { return version >= 10; });
      for (int v : table) EXPECT_EQ(v, version);
    });
  }
  crew.go([&] {
    S::call_once(filled, fill);
    for (int k = 1; k <= 10; ++k) {
      S::unique_lock<S::shared_mutex> writing(m);
      for (int& v : table) v = k;
      version = k;
      changed.notify_all();
    }
  });
  crew.join();
}
