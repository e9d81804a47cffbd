// The exceptions a coroutine is handling belong to it, whoever runs between two of its steps.
#include <exception>
#include <string>

#include "contract/support.hpp"

namespace {

using namespace support;

constexpr int crowd = 16;
constexpr int rounds = sanitized ? 20 : 200;

// Many coroutines of one home run `body` at once, so that every park lets others throw and catch.
template <class Body>
void all_at_once(Body body) {
  trine::scope s;
  for (int i = 0; i < crowd; ++i) {
    s.spawn(trine::coroutine({.worker = 0}), [&body, i] {
      for (int k = 0; k < rounds; ++k) body(i * rounds + k);
    });
  }
  s.join();
}

void park() { trine::this_unit::yield(); }

TEST(exceptions, park_inside_a_catch_block) {
  all_at_once([](int n) {
    try {
      throw std::runtime_error(std::to_string(n));
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(std::uncaught_exceptions(), 0);
      park();
      EXPECT_EQ(e.what(), std::to_string(n));
      park();
      ASSERT_NE(std::current_exception(), nullptr);
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

TEST(exceptions, sleep_inside_a_catch_block) {
  all_at_once([](int n) {
    if (n % 10 != 0) return;
    try {
      throw n;
    } catch (const int& e) {
      trine::this_unit::sleep_for(10us);
      EXPECT_EQ(e, n);
    }
  });
}

TEST(exceptions, rethrow_after_a_switch) {
  all_at_once([](int n) {
    try {
      try {
        throw std::runtime_error(std::to_string(n));
      } catch (...) {
        park();
        throw;
      }
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(e.what(), std::to_string(n));
    }
  });
}

TEST(exceptions, nested_catch_blocks) {
  all_at_once([](int n) {
    try {
      throw n;
    } catch (int outer) {
      park();
      try {
        throw std::to_string(n);
      } catch (const std::string& inner) {
        park();
        EXPECT_EQ(inner, std::to_string(n));
        try {
          std::rethrow_exception(std::current_exception());
        } catch (const std::string& again) {
          park();
          EXPECT_EQ(again, inner);
        }
      }
      park();
      try {
        std::rethrow_exception(std::current_exception());
      } catch (int again) {
        EXPECT_EQ(again, outer);
      }
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

struct parks_in_destructor {
  int expected;
  explicit parks_in_destructor(int count) : expected(count) {}
  ~parks_in_destructor() {
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    park();
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    try {
      throw std::runtime_error("inside");
    } catch (const std::runtime_error&) {
      park();
      EXPECT_EQ(std::uncaught_exceptions(), expected);
    }
    park();
    EXPECT_EQ(std::uncaught_exceptions(), expected);
  }
};

TEST(exceptions, parks_while_unwinding) {
  all_at_once([](int n) {
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    try {
      const parks_in_destructor outer(1);
      const parks_in_destructor inner(1);
      throw n;
    } catch (int e) {
      EXPECT_EQ(e, n);
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
    { const parks_in_destructor calm(0); }
  });
}

TEST(exceptions, unwinding_inside_unwinding) {
  struct outer {
    ~outer() {
      EXPECT_EQ(std::uncaught_exceptions(), 1);
      try {
        const parks_in_destructor inside(2);
        throw std::string("second");
      } catch (const std::string& s) {
        park();
        EXPECT_EQ(s, "second");
      }
      EXPECT_EQ(std::uncaught_exceptions(), 1);
    }
  };
  all_at_once([](int n) {
    try {
      const outer unwound;
      throw n;
    } catch (int e) {
      EXPECT_EQ(e, n);
    }
  });
}

TEST(exceptions, others_do_not_see_mine) {
  all_at_once([](int n) {
    if (n % 2 == 0) {
      try {
        throw n;
      } catch (int) {
        park();
        park();
      }
    } else {
      EXPECT_EQ(std::current_exception(), nullptr);
      EXPECT_EQ(std::uncaught_exceptions(), 0);
      park();
      EXPECT_EQ(std::current_exception(), nullptr);
    }
  });
}

// A coroutine that starts while another of its home is in a catch block begins with none.
TEST(exceptions, a_fresh_coroutine_begins_with_none) {
  auto h = trine::spawn(trine::coroutine({.worker = 0}), [] {
    try {
      throw 1;
    } catch (int) {
      auto inner = trine::spawn(trine::coroutine({.worker = 0}), [] {
        const bool none = std::current_exception() == nullptr && std::uncaught_exceptions() == 0;
        try {
          throw 2;
        } catch (int n) {
          return none && n == 2;
        }
      });
      const bool result = inner.get();
      EXPECT_NE(std::current_exception(), nullptr);
      return result;
    }
  });
  EXPECT_TRUE(h.get());
}

TEST(exceptions, join_inside_a_catch_block) {
  all_at_once([](int n) {
    if (n % 20 != 0) return;
    try {
      throw n;
    } catch (int e) {
      auto h = trine::spawn(trine::coroutine, [n]() -> int { throw std::to_string(n); });
      try {
        h.get();
        ADD_FAILURE();
      } catch (const std::string& s) {
        EXPECT_EQ(s, std::to_string(n));
      }
      EXPECT_EQ(e, n);
    }
  });
}

TEST(exceptions, that_cross_homes) {
  trine::scope s;
  for (int i = 0; i < crowd; ++i) {
    s.spawn(trine::coroutine({.worker = i % 2}), [i] {
      for (int k = 0; k < rounds; ++k) {
        auto h = trine::spawn(trine::coroutine({.worker = (i + 1) % 2}),
                              [k]() -> int { throw std::out_of_range(std::to_string(k)); });
        try {
          h.get();
          ADD_FAILURE();
        } catch (const std::out_of_range& e) {
          park();
          ASSERT_EQ(e.what(), std::to_string(k));
        }
      }
    });
  }
  s.join();
}

TEST(exceptions, roaming) {
  trine::scope s;
  for (int i = 0; i < crowd; ++i) {
    s.spawn(trine::coroutine({.roaming = true}), [i] {
      for (int k = 0; k < rounds; ++k) {
        try {
          throw std::to_string(i * rounds + k);
        } catch (const std::string& e) {
          trine::this_unit::sleep_for(1us);
          ASSERT_EQ(e, std::to_string(i * rounds + k));
        }
      }
    });
  }
  s.join();
}

TEST(exceptions, out_of_the_body_after_many_parks) {
  for (int i = 0; i < 100; ++i) {
    auto h = trine::spawn(trine::coroutine, [i]() -> int {
      for (int k = 0; k < i; ++k) park();
      throw std::runtime_error(std::to_string(i));
    });
    try {
      h.get();
      FAIL();
    } catch (const std::runtime_error& e) {
      ASSERT_EQ(e.what(), std::to_string(i));
    }
  }
}

}  // namespace
