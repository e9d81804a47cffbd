// Exceptions arrive as the same type with the same words.
#include <any>
#include <array>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <trine/errors.hpp>

#include "process/remote_exception.hpp"

namespace {

std::exception_ptr send(const std::exception_ptr& error) {
  trine::byte_buffer out;
  trine::detail::encode_exception(out, error);
  const std::vector<std::byte> bytes(out.bytes().begin(), out.bytes().end());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(length));
    trine::byte_reader in(cut);
    EXPECT_THROW(trine::detail::decode_exception(in), trine::wire_error) << length;
  }
  trine::byte_reader in(bytes);
  auto copy = trine::detail::decode_exception(in);
  in.expect_end();
  return copy;
}

// Runs `action`, sends what it throws, and hands what arrives to `look`.
template <class E, class Action, class Look>
void arrives(Action action, Look look) {
  SCOPED_TRACE(__PRETTY_FUNCTION__);
  std::exception_ptr original;
  try {
    action();
  } catch (...) {
    original = std::current_exception();
  }
  ASSERT_NE(original, nullptr);
  try {
    std::rethrow_exception(send(original));
  } catch (const E& e) {
    EXPECT_TRUE(typeid(e) == typeid(E)) << typeid(e).name();
    look(e);
  } catch (...) {
    FAIL() << "another type arrived";
  }
}

template <class E>
void same(const E& error) {
  arrives<E>([&] { throw error; }, [&](const E& copy) { EXPECT_STREQ(copy.what(), error.what()); });
}

// What the library itself throws.
template <class E, class Action>
void same_thrown(Action action) {
  std::string what;
  try {
    action();
  } catch (const E& e) {
    what = e.what();
  }
  arrives<E>(action, [&](const E& copy) { EXPECT_EQ(copy.what(), what); });
}

TEST(exceptions, standard_types) {
  same(std::logic_error("logic"));
  same(std::invalid_argument("argument"));
  same(std::domain_error("domain"));
  same(std::length_error(""));
  same(std::out_of_range("range"));
  same(std::runtime_error(std::string(5000, 'x')));
  same(std::range_error("range"));
  same(std::overflow_error("over"));
  same(std::underflow_error("under"));
  same(std::exception());
  same(std::bad_alloc());
  same(std::bad_array_new_length());
  same(std::bad_cast());
  same(std::bad_typeid());
  same(std::bad_exception());
  same(std::bad_function_call());
  same(std::bad_optional_access());
  same(std::bad_any_cast());
  same(std::bad_weak_ptr());
  same(std::bad_variant_access());
}

TEST(exceptions, thrown_by_the_library) {
  same_thrown<std::bad_variant_access>(
      [] { static_cast<void>(std::get<1>(std::variant<int, char>(1))); });
  same_thrown<std::bad_optional_access>([] { static_cast<void>(std::optional<int>().value()); });
  same_thrown<std::bad_any_cast>([] { static_cast<void>(std::any_cast<int>(std::any("x"))); });
  same_thrown<std::bad_function_call>([] { std::function<void()>()(); });
  same_thrown<std::bad_weak_ptr>([] { std::shared_ptr<int> p{std::weak_ptr<int>()}; });
  same_thrown<std::out_of_range>([] { static_cast<void>(std::string("x").substr(5)); });
  same_thrown<std::invalid_argument>([] { static_cast<void>(std::stoi("x")); });
  same_thrown<std::future_error>([] {
    std::promise<int> p;
    static_cast<void>(p.get_future());
    static_cast<void>(p.get_future());
  });
  same_thrown<std::filesystem::filesystem_error>(
      [] { static_cast<void>(std::filesystem::file_size("/no/such/file")); });
  same_thrown<std::filesystem::filesystem_error>(
      [] { std::filesystem::rename("/no/such/file", "/no/other"); });
  std::string what;
  const auto fail_stream = [] {
    std::istringstream in;
    in.exceptions(std::ios::failbit);
    in.setstate(std::ios::failbit);
  };
  try {
    fail_stream();
  } catch (const std::ios_base::failure& e) {
    what = e.what();
  }
  arrives<std::ios_base::failure>(fail_stream, [&](const std::ios_base::failure& e) {
    EXPECT_EQ(e.what(), what);
    EXPECT_EQ(e.code(), std::io_errc::stream);
  });
}

TEST(exceptions, codes_are_kept) {
  const auto code_of = [](const auto& error) {
    using E = std::remove_cvref_t<decltype(error)>;
    arrives<E>([&] { throw error; },
               [&](const E& copy) {
                 EXPECT_STREQ(copy.what(), error.what());
                 EXPECT_EQ(copy.code(), error.code());
               });
  };
  code_of(std::system_error(ENOENT, std::system_category()));
  code_of(std::system_error(ENOENT, std::generic_category(), "open"));
  code_of(std::system_error(std::make_error_code(std::future_errc::no_state), "x"));
  code_of(std::ios_base::failure("stream"));
  code_of(std::ios_base::failure("stream", std::make_error_code(std::errc::io_error)));
  code_of(std::future_error(std::future_errc::broken_promise));
  code_of(std::regex_error(std::regex_constants::error_brace));

  using std::filesystem::filesystem_error;
  const auto code = std::make_error_code(std::errc::permission_denied);
  for (const auto& error : {filesystem_error("none", code), filesystem_error("one", "/a", code),
                            filesystem_error("two", "/a", "/b", code)}) {
    code_of(error);
    arrives<filesystem_error>([&] { throw error; },
                              [&](const filesystem_error& copy) {
                                EXPECT_EQ(copy.path1(), error.path1());
                                EXPECT_EQ(copy.path2(), error.path2());
                              });
  }
}

TEST(exceptions, of_trine) {
  same(trine::cancelled());
  same(trine::timed_out());
  same(trine::timed_out("too late"));
  same(trine::closed());
  same(trine::usage_error("no"));
  same(trine::wire_error("bad"));
  const trine::crash_details details{"decoder", 123,         11, -1, trine::limit_kind::memory,
                                     true,      "last words"};
  arrives<trine::crashed>([&] { throw trine::crashed(details); },
                          [&](const trine::crashed& e) {
                            EXPECT_EQ(e.details(), details);
                            EXPECT_STREQ(e.what(), trine::crashed(details).what());
                          });
  arrives<trine::remote_error>([] { throw trine::remote_error("a::b", "c"); },
                               [](const trine::remote_error& e) {
                                 EXPECT_EQ(e.type_name(), "a::b");
                                 EXPECT_STREQ(e.what(), "c");
                               });
}

}  // namespace

namespace shop {
struct out_of_stock : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct plain {};
struct silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct category : std::error_category {
  const char* name() const noexcept override { return "shop"; }
  std::string message(int) const override { return "sold out"; }
};
}  // namespace shop

namespace {

template <class E>
void remote(const E& error, const std::string& type, const std::string& what) {
  arrives<trine::remote_error>([&] { throw error; },
                               [&](const trine::remote_error& e) {
                                 EXPECT_EQ(e.type_name(), type);
                                 EXPECT_EQ(e.what(), what);
                               });
}

TEST(exceptions, other_types_arrive_as_remote_error) {
  remote(shop::out_of_stock("no tea"), "shop::out_of_stock", "no tea");
  remote(shop::plain(), "shop::plain", "an exception of type shop::plain");
  remote(shop::silent(), "shop::silent", "");
  remote(42, "int", "42");
  remote(std::string("text"), "std::string", "text");
  remote("literal", "char const*", "literal");
  static const shop::category category;
  remote(std::system_error(1, category, "buy"), "std::system_error", "buy: sold out");
}

TEST(exceptions, nested_ones_are_told_in_the_message) {
  const auto nest = [](auto outer) {
    try {
      try {
        throw shop::out_of_stock("no tea");
      } catch (...) {
        std::throw_with_nested(std::invalid_argument("bad order"));
      }
    } catch (...) {
      std::throw_with_nested(outer);
    }
  };
  arrives<std::runtime_error>(
      [&] { nest(std::runtime_error("no breakfast")); },
      [](const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "no breakfast; caused by: bad order; caused by: no tea");
      });
  arrives<trine::remote_error>([&] { nest(shop::out_of_stock("no milk")); },
                               [](const trine::remote_error& e) {
                                 EXPECT_EQ(e.type_name(), "shop::out_of_stock");
                                 EXPECT_STREQ(e.what(),
                                              "no milk; caused by: bad order; caused by: no tea");
                               });
  arrives<trine::remote_error>(
      [&] { nest(shop::plain()); },
      [](const trine::remote_error& e) {
        EXPECT_EQ(e.type_name(), "shop::plain");
        EXPECT_STREQ(e.what(),
                     "an exception of type shop::plain; caused by: bad order; caused by: "
                     "no tea");
      });
}

TEST(exceptions, null_stays_null) { EXPECT_EQ(send(nullptr), nullptr); }

TEST(exceptions, a_full_buffer_is_left_as_it_was) {
  std::array<std::byte, 16> memory{};
  for (const auto& error : {std::make_exception_ptr(std::runtime_error("much too long for it")),
                            std::make_exception_ptr(std::string("much too long for it"))}) {
    trine::byte_writer out(memory);
    out.write_raw(1);
    EXPECT_THROW(trine::detail::encode_exception(out, error), trine::wire_error);
    EXPECT_EQ(out.size(), 4U);
  }
}

TEST(exceptions, as_a_value) {
  trine::byte_buffer out;
  trine::serialize_to(
      out, std::vector{std::make_exception_ptr(std::out_of_range("far")), std::exception_ptr()});
  trine::byte_reader in(out.bytes());
  const auto copy = trine::deserialize<std::vector<std::exception_ptr>>(in);
  EXPECT_THROW(std::rethrow_exception(copy.at(0)), std::out_of_range);
  EXPECT_EQ(copy.at(1), nullptr);
}

std::string sentence(const trine::crash_details& details) { return trine::crashed(details).what(); }

TEST(crashed, says_what_happened) {
  EXPECT_EQ(
      sentence({.unit_name = "decoder", .pid = 123, .signal = 11, .stderr_tail = "oh no\n"}),
      "trine: process unit 'decoder' (pid 123) was ended by signal 11 (SIGSEGV, invalid memory "
      "access); its last words: oh no");
  EXPECT_EQ(sentence({.pid = 5, .exit_code = 3}),
            "trine: process unit (pid 5) exited with code 3 before it handed back a result");
  EXPECT_EQ(sentence({.pid = 5, .signal = 9, .killed = true}),
            "trine: process unit (pid 5) was ended by kill()");
  EXPECT_EQ(sentence({.pid = 5, .signal = 9, .limit = trine::limit_kind::wall_time}),
            "trine: process unit (pid 5) reached its wall time limit and was ended by SIGKILL");
}

static_assert(std::is_nothrow_copy_constructible_v<trine::crashed>);
static_assert(std::is_nothrow_copy_constructible_v<trine::remote_error>);
static_assert(std::is_nothrow_copy_constructible_v<trine::cancelled>);
static_assert(std::is_nothrow_copy_constructible_v<trine::timed_out>);

}  // namespace
