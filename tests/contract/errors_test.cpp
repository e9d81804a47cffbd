// What a body throws is what get() throws.
#include <cerrno>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>

#include "contract/support.hpp"

namespace shop {

struct out_of_stock : std::exception {
  const char* what() const noexcept override { return "no more of these"; }
};
struct late : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct not_an_exception {
  int code = 3;
};

}  // namespace shop

namespace {

using namespace support;

class errors : public unit_test {
 protected:
  // The same type, not one derived from it, and the same sentence.
  template <class E>
  void arrives(void (*body)(), const char* what) {
    SCOPED_TRACE(typeid(E).name());
    auto h = trine::spawn(unit(), body);
    try {
      h.get();
      FAIL() << "nothing was thrown";
    } catch (const std::exception& e) {
      EXPECT_TRUE(typeid(e) == typeid(E)) << typeid(e).name() << ": " << e.what();
      if (what != nullptr) {
        EXPECT_STREQ(e.what(), what);
      }
    }
    EXPECT_TRUE(h.ready());
  }
  bool away() const { return GetParam() == trine::unit_kind::process; }
};
TRINE_ALL_UNITS(errors);

TEST_P(errors, logic_errors_arrive_as_themselves) {
  arrives<std::logic_error>([] { throw std::logic_error("a"); }, "a");
  arrives<std::domain_error>([] { throw std::domain_error("b"); }, "b");
  arrives<std::invalid_argument>([] { throw std::invalid_argument("c"); }, "c");
  arrives<std::length_error>([] { throw std::length_error("d"); }, "d");
  arrives<std::out_of_range>([] { throw std::out_of_range("e"); }, "e");
}

TEST_P(errors, runtime_errors_arrive_as_themselves) {
  arrives<std::runtime_error>([] { throw std::runtime_error("a"); }, "a");
  arrives<std::range_error>([] { throw std::range_error("b"); }, "b");
  arrives<std::overflow_error>([] { throw std::overflow_error("c"); }, "c");
  arrives<std::underflow_error>([] { throw std::underflow_error("d"); }, "d");
}

TEST_P(errors, other_standard_exceptions_arrive_as_themselves) {
  arrives<std::bad_alloc>([] { throw std::bad_alloc(); }, std::bad_alloc().what());
  arrives<std::bad_optional_access>([] { throw std::bad_optional_access(); },
                                    std::bad_optional_access().what());
  arrives<std::exception>([] { throw std::exception(); }, std::exception().what());
}

TEST_P(errors, thrown_by_the_library_itself) {
  arrives<std::out_of_range>([] { std::ignore = std::string("abc").at(9); }, nullptr);
  arrives<std::invalid_argument>([] { std::ignore = std::stoi("x"); }, "stoi");
}

TEST_P(errors, system_error_keeps_its_code) {
  auto h = trine::spawn(
      unit(), [] { throw std::system_error(ENOENT, std::generic_category(), "opening the door"); });
  try {
    h.get();
    FAIL();
  } catch (const std::system_error& e) {
    EXPECT_TRUE(typeid(e) == typeid(std::system_error));
    EXPECT_EQ(e.code(), std::error_code(ENOENT, std::generic_category()));
    EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
    EXPECT_NE(std::string(e.what()).find("opening the door"), std::string::npos);
  }
}

TEST_P(errors, trines_own_arrive_as_themselves) {
  arrives<trine::timed_out>([] { throw trine::timed_out("too late"); }, "too late");
  arrives<trine::closed>([] { throw trine::closed(); }, trine::closed().what());
  arrives<trine::usage_error>([] { throw trine::usage_error("not so"); }, "not so");
  arrives<trine::cancelled>([] { throw trine::cancelled(); }, trine::cancelled().what());
}

TEST_P(errors, empty_and_long_sentences) {
  arrives<std::runtime_error>([] { throw std::runtime_error(""); }, "");
  auto h = trine::spawn(unit(), [] { throw std::runtime_error(std::string(100'000, 'x')); });
  try {
    h.get();
    FAIL();
  } catch (const std::runtime_error& e) {
    // A process may cut what is far beyond any sentence, but says something.
    const std::size_t length = std::string(e.what()).size();
    EXPECT_TRUE(away() ? length > 100 : length == 100'000) << length;
  }
}

TEST_P(errors, a_type_of_the_users_own) {
  auto h = trine::spawn(unit(), [] { throw shop::out_of_stock(); });
  if (away()) {
    try {
      h.get();
      FAIL();
    } catch (const trine::remote_error& e) {
      EXPECT_EQ(e.type_name(), "shop::out_of_stock");
      EXPECT_STREQ(e.what(), "no more of these");
    }
  } else {
    EXPECT_THROW(h.get(), shop::out_of_stock);
  }
}

TEST_P(errors, derived_from_a_standard_one) {
  auto h = trine::spawn(unit(), [] { throw shop::late("at noon"); });
  try {
    h.get();
    FAIL();
  } catch (const trine::remote_error& e) {
    EXPECT_TRUE(away());
    EXPECT_EQ(e.type_name(), "shop::late");
    EXPECT_STREQ(e.what(), "at noon");
  } catch (const shop::late& e) {
    EXPECT_FALSE(away());
    EXPECT_STREQ(e.what(), "at noon");
  }
}

TEST_P(errors, not_an_exception_at_all) {
  auto h = trine::spawn(unit(), [] { throw shop::not_an_exception{}; });
  if (away()) {
    try {
      h.get();
      FAIL();
    } catch (const trine::remote_error& e) {
      EXPECT_EQ(e.type_name(), "shop::not_an_exception");
      EXPECT_STRNE(e.what(), "");
    }
  } else {
    EXPECT_THROW(h.get(), shop::not_an_exception);
  }
}

TEST_P(errors, wait_does_not_throw_them) {
  auto h = trine::spawn(unit(), []() -> int { throw std::runtime_error("later"); });
  h.wait();
  EXPECT_TRUE(h.ready());
  EXPECT_TRUE(h.wait_for(0s));
  EXPECT_THROW(h.get(), std::runtime_error);
}

TEST_P(errors, an_unclaimed_error_is_dropped_by_the_handle) {
  for (int i = 0; i < 20; ++i) {
    auto h = trine::spawn(unit(), []() -> int { throw std::runtime_error("nobody asks"); });
    h.wait();
  }
}

TEST_P(errors, pass_through_every_level) {
  struct levels {
    static int descend(int left) {
      if (left == 0) throw std::out_of_range("the bottom");
      return trine::spawn(unit_of(all_kinds[static_cast<std::size_t>(left) % 3]), descend, left - 1)
          .get();
    }
  };
  auto h = trine::spawn(unit(), levels::descend, 3);
  EXPECT_THROW(h.get(), std::out_of_range);
}

TEST_P(errors, many_at_once) {
  std::vector<trine::handle<int>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(trine::spawn(
        unit(),
        [](int n) {
          if (n % 2 == 1) throw std::runtime_error(std::to_string(n));
          return n;
        },
        i));
  }
  for (int i = 0; i < 100; ++i) {
    auto& h = all[static_cast<std::size_t>(i)];
    if (i % 2 == 0) {
      EXPECT_EQ(h.get(), i);
      continue;
    }
    try {
      h.get();
      ADD_FAILURE();
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(e.what(), std::to_string(i));
    }
  }
}

}  // namespace
