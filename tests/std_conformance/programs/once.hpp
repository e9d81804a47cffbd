// call_once. For the namespace S.
PROGRAM(once_is_once) {
  S::once_flag flag;
  int calls = 0;
  for (int i = 0; i < 5; ++i) {
    crew.go([&] {
      S::call_once(
          flag,
          [&](int by) {
            conformance::crew::pause();
            calls += by;
          },
          1);
      EXPECT_EQ(calls, 1);
    });
  }
  crew.join();
  EXPECT_EQ(calls, 1);
}

PROGRAM(once_until_it_succeeds) {
  S::once_flag flag;
  int calls = 0, failures = 0;
  std::atomic<int> caught{0};
  for (int i = 0; i < 5; ++i) {
    crew.go([&] {
      try {
        S::call_once(flag, [&] {
          conformance::crew::pause();
          if (++calls <= 3) {
            ++failures;
            throw calls;
          }
        });
      } catch (int) {
        ++caught;
      }
    });
  }
  crew.join();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(failures, 3);
  EXPECT_EQ(caught.load(), 3);
}

PROGRAM(once_forwards) {
  S::once_flag flag;
  std::unique_ptr<int> out;
  S::call_once(
      flag, [&](std::unique_ptr<int> in) { out = std::move(in); }, std::make_unique<int>(3));
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, 3);
  S::call_once(flag, [] { ADD_FAILURE() << "again"; });
}
