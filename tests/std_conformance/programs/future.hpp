// Promises, futures, tasks and async. For the namespace S.
template <class F>
void expect_future_error(S::future_errc code, F&& f) {
  try {
    f();
    ADD_FAILURE() << "no exception";
  } catch (const S::future_error& e) {
    EXPECT_EQ(e.code(), code);
  }
}

PROGRAM(promise_value) {
  S::promise<std::string> p;
  S::future<std::string> f = p.get_future();
  EXPECT_TRUE(f.valid());
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::timeout);
  crew.go([&] { p.set_value("done"); });
  f.wait();
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::ready);
  EXPECT_TRUE(f.wait_until(std::chrono::system_clock::now()) == S::future_status::ready);
  EXPECT_EQ(f.get(), "done");
  EXPECT_FALSE(f.valid());
  crew.join();
}

PROGRAM(promise_of_each_kind) {
  int x = 0;
  S::promise<int&> r;
  S::promise<void> v;
  S::promise<std::unique_ptr<int>> u;
  auto fr = r.get_future();
  auto fv = v.get_future();
  auto fu = u.get_future();
  crew.go([&] {
    r.set_value(x);
    v.set_value();
    u.set_value(std::make_unique<int>(5));
  });
  EXPECT_EQ(&fr.get(), &x);
  fv.get();
  EXPECT_EQ(*fu.get(), 5);
  crew.join();
}

PROGRAM(promise_exception) {
  S::promise<int> p;
  auto f = p.get_future();
  crew.go([&] { p.set_exception(std::make_exception_ptr(std::out_of_range("far"))); });
  EXPECT_THROW(f.get(), std::out_of_range);
  EXPECT_FALSE(f.valid());
  crew.join();
}

PROGRAM(promise_errors) {
  using S::future_errc;
  S::promise<int> p;
  auto f = p.get_future();
  expect_future_error(future_errc::future_already_retrieved, [&] { p.get_future(); });
  p.set_value(1);
  expect_future_error(future_errc::promise_already_satisfied, [&] { p.set_value(2); });
  expect_future_error(future_errc::promise_already_satisfied,
                      [&] { p.set_exception(std::make_exception_ptr(1)); });
  EXPECT_EQ(f.get(), 1);
  S::promise<int> moved = std::move(p);
  expect_future_error(future_errc::no_state, [&] { p.get_future(); });
  expect_future_error(future_errc::no_state, [&] { p.set_value(1); });
  S::future<int> none;
  expect_future_error(future_errc::no_state, [&] { none.get(); });
  expect_future_error(future_errc::no_state, [&] { none.wait(); });
  expect_future_error(future_errc::no_state, [&] { none.wait_for(1s); });
  {
    S::promise<void> lost;
    S::future<void> waits = lost.get_future();
    crew.go([late = std::move(lost)] { conformance::crew::pause(); });
    expect_future_error(future_errc::broken_promise, [&] { waits.get(); });
    crew.join();
  }
  // An assignment abandons as well.
  S::promise<int> a, b;
  auto fa = a.get_future();
  a = std::move(b);
  expect_future_error(future_errc::broken_promise, [&] { fa.get(); });
  swap(a, moved);
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw std::domain_error("no copies"); }
  throws_when_copied(throws_when_copied&&) = default;
};
PROGRAM(promise_value_that_throws) {
  S::promise<throws_when_copied> p;
  auto f = p.get_future();
  const throws_when_copied x;
  EXPECT_THROW(p.set_value(x), std::domain_error);
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::timeout);
  p.set_value(throws_when_copied());
  f.get();
}

PROGRAM(promise_at_thread_exit) {
  S::promise<int> p;
  S::promise<int> q;
  auto f = p.get_future();
  auto g = q.get_future();
  S::latch set(1), looked(1);
  crew.go([&] {
    p.set_value_at_thread_exit(4);
    q.set_exception_at_thread_exit(std::make_exception_ptr(5));
    EXPECT_THROW(p.set_value(1), S::future_error);
    set.count_down();
    looked.wait();
  });
  set.wait();
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::timeout);
  looked.count_down();
  EXPECT_EQ(f.get(), 4);
  EXPECT_THROW(g.get(), int);
  crew.join();
}

PROGRAM(promise_destroyed_after_set_value) {
  for (int k = 0; k < conformance::rounds / 10; ++k) {
    auto p = std::make_unique<S::promise<int>>();
    auto f = p->get_future();
    crew.go([raw = p.get(), k] { raw->set_value(k); });
    EXPECT_EQ(f.get(), k);
    crew.join();
    p.reset();
  }
}

PROGRAM(shared_future_of_many) {
  S::promise<std::string> p;
  S::shared_future<std::string> f = p.get_future().share();
  std::atomic<int> seen{0};
  for (int i = 0; i < 4; ++i) {
    crew.go([&seen, mine = f] {
      if (mine.get() == "all") ++seen;
      EXPECT_TRUE(mine.valid());
    });
  }
  p.set_value("all");
  crew.join();
  EXPECT_EQ(seen.load(), 4);
  S::shared_future<std::string> copy = f, none;
  EXPECT_EQ(&copy.get(), &f.get());
  copy = none;
  EXPECT_FALSE(copy.valid());
  copy = std::move(f);
  EXPECT_FALSE(f.valid());
  EXPECT_EQ(copy.get(), "all");
  expect_future_error(S::future_errc::no_state, [&] { none.get(); });
}

PROGRAM(future_times_out) {
  using clock = std::chrono::steady_clock;
  S::promise<int> p;
  auto f = p.get_future();
  const auto start = clock::now();
  EXPECT_TRUE(f.wait_for(2ms) == S::future_status::timeout);
  EXPECT_GE(clock::now() - start, 2ms);
  const auto wall = std::chrono::system_clock::now() + 2ms;
  EXPECT_TRUE(f.wait_until(wall) == S::future_status::timeout);
  EXPECT_GE(std::chrono::system_clock::now(), wall);
  EXPECT_TRUE(f.wait_until(clock::time_point::min()) == S::future_status::timeout);
  crew.go([&] { p.set_value(1); });
  EXPECT_TRUE(f.wait_for(std::chrono::hours(1)) == S::future_status::ready);
  crew.join();
}

PROGRAM(task_of_each_kind) {
  S::packaged_task<int(int, int)> add([](int a, int b) { return a + b; });
  auto sum = add.get_future();
  crew.go([task = std::move(add)]() mutable { task(2, 3); });
  EXPECT_EQ(sum.get(), 5);
  EXPECT_FALSE(add.valid());
  expect_future_error(S::future_errc::no_state, [&] { add(1, 2); });
  int x = 1;
  S::packaged_task<int&(int&)> same([](int& i) -> int& { return i; });
  auto ref = same.get_future();
  same(x);
  EXPECT_EQ(&ref.get(), &x);
  S::packaged_task<void()> fails([] { throw std::range_error("task"); });
  auto failed = fails.get_future();
  fails();
  EXPECT_THROW(failed.get(), std::range_error);
  expect_future_error(S::future_errc::promise_already_satisfied, [&] { fails(); });
  struct only_moves {
    std::unique_ptr<int> p = std::make_unique<int>(7);
    int operator()() { return *p; }
  };
  S::packaged_task<int()> moved{only_moves()};
  auto seven = moved.get_future();
  moved();
  EXPECT_EQ(seven.get(), 7);
  moved.reset();
  auto again = moved.get_future();
  moved();
  EXPECT_EQ(again.get(), 7);
  S::future<int> broken;
  {
    S::packaged_task<int()> never([] { return 1; });
    broken = never.get_future();
    swap(never, moved);
  }
  moved.reset();
  expect_future_error(S::future_errc::broken_promise, [&] { broken.get(); });
  crew.join();
  crew.go([&] {
    S::packaged_task<int()> late([] { return 9; });
    seven = late.get_future();
    late.make_ready_at_thread_exit();
    EXPECT_TRUE(seven.wait_for(0s) == S::future_status::timeout);
  });
  crew.join();
  EXPECT_EQ(seven.get(), 9);
}

int twice(int n) { return 2 * n; }
PROGRAM(task_deduces) {
  S::packaged_task from_function(twice);
  S::packaged_task from_lambda([](const std::string& s) { return s.size(); });
  static_assert(std::is_same_v<decltype(from_function), S::packaged_task<int(int)>>);
  static_assert(
      std::is_same_v<decltype(from_lambda), S::packaged_task<std::size_t(const std::string&)>>);
  auto f = from_lambda.get_future();
  from_lambda("four");
  EXPECT_EQ(f.get(), 4U);
}

PROGRAM(async_runs) {
  auto a = S::async(S::launch::async, twice, 4);
  auto b = S::async([](std::unique_ptr<int> p) { return *p + 1; }, std::make_unique<int>(2));
  int x = 0;
  auto c = S::async(S::launch::async, [&]() -> int& { return x; });
  auto d = S::async(S::launch::async, []() -> int { throw std::logic_error("async"); });
  struct counter {
    int n = 3;
    int add(int m) { return n + m; }
  } object;
  auto e = S::async(S::launch::async, &counter::add, &object, 4);
  EXPECT_EQ(a.get(), 8);
  EXPECT_EQ(b.get(), 3);
  EXPECT_EQ(&c.get(), &x);
  EXPECT_THROW(d.get(), std::logic_error);
  EXPECT_EQ(e.get(), 7);
}

PROGRAM(async_runs_apart) {
  S::latch both(2);
  auto a = S::async(S::launch::async, [&] { both.arrive_and_wait(); });
  auto b = S::async(S::launch::async, [&] { both.arrive_and_wait(); });
  a.get();
  b.get();
}

PROGRAM(async_destructor_waits) {
  bool done = false;
  {
    auto f = S::async(S::launch::async, [&] { conformance::crew::pause(), done = true; });
  }
  EXPECT_TRUE(done);
}

PROGRAM(async_deferred) {
  int calls = 0;
  auto f = S::async(S::launch::deferred, [&] { return ++calls; });
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::deferred);
  EXPECT_TRUE(f.wait_until(std::chrono::steady_clock::now()) == S::future_status::deferred);
  EXPECT_EQ(calls, 0);
  f.wait();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(f.wait_for(0s) == S::future_status::ready);
  EXPECT_EQ(f.get(), 1);
  {
    auto never = S::async(S::launch::deferred, [&] { return ++calls; });
  }
  EXPECT_EQ(calls, 1);
  auto many = S::async(S::launch::deferred, [&] { return ++calls; }).share();
  for (int i = 0; i < 3; ++i) crew.go([many] { EXPECT_EQ(many.get(), 2); });
  crew.join();
}

template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int* count) : count_(count) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : count_(other.count_) {}
  T* allocate(std::size_t n) {
    ++*count_;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    --*count_;
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  bool operator==(const counting_allocator<U>& other) const {
    return count_ == other.count_;
  }
  int* count_;
};
PROGRAM(promise_with_allocator) {
  int count = 0;
  {
    const counting_allocator<int> with(&count);
    S::promise<std::string> p(std::allocator_arg, with);
    S::promise<void> v(std::allocator_arg, with);
    S::promise<int&> r(std::allocator_arg, with);
    EXPECT_GE(count, 3);
    auto f = p.get_future();
    p.set_value("kept by the state");
    EXPECT_EQ(f.get(), "kept by the state");
  }
  EXPECT_EQ(count, 0);
}
