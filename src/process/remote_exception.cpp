#include "process/remote_exception.hpp"

#include <cxxabi.h>

#include <any>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <variant>

namespace trine::detail {
namespace {

struct codec {
  const std::type_info* type;
  // `what` is what() with the nested exceptions added.
  void (*write)(byte_writer& out, const std::exception& error, const std::string& what);
  std::exception_ptr (*read)(byte_reader& in);
};

std::string demangled(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  return status == 0 && name != nullptr ? name.get() : mangled;
}

std::string message_of(const std::exception& error) {
  const char* text = error.what();
  return text != nullptr ? text : "";
}

// Types that are made from their message.
template <class E>
constexpr codec with_message() {
  return {&typeid(E),
          [](byte_writer& out, const std::exception&, const std::string& what) {
            out.write_string(what);
          },
          [](byte_reader& in) { return std::make_exception_ptr(E(in.read_string())); }};
}

// Types whose message is fixed.
template <class E>
constexpr codec fixed() {
  return {&typeid(E), [](byte_writer&, const std::exception&, const std::string&) {},
          [](byte_reader&) { return std::make_exception_ptr(E()); }};
}

// Types that make their message from a code. Base's assignment then sets the message alone, to
// what it was: this process's locale, or a nested exception, would have changed it.
template <class E, class Base>
std::exception_ptr with_exact_message(E error, const std::string& what) {
  static_cast<Base&>(error) = Base(what);
  return std::make_exception_ptr(std::move(error));
}

template <class E, class Code>
constexpr codec with_code() {
  return {&typeid(E),
          [](byte_writer& out, const std::exception& error, const std::string& what) {
            serialize_to(out, static_cast<const E&>(error).code());
            out.write_string(what);
          },
          [](byte_reader& in) {
            const auto code = deserialize<Code>(in);
            const std::string what = in.read_string();
            if constexpr (std::is_same_v<E, std::future_error>)
              return with_exact_message<E, std::logic_error>(
                  E(static_cast<std::future_errc>(code.value())), what);
            else if constexpr (std::is_same_v<E, std::ios_base::failure>)
              return with_exact_message<E, std::runtime_error>(E("", code), what);
            else
              return with_exact_message<E, std::runtime_error>(E(code), what);
          }};
}

constexpr codec filesystem() {
  using std::filesystem::filesystem_error;
  return {&typeid(filesystem_error),
          [](byte_writer& out, const std::exception& error, const std::string&) {
            const auto& e = static_cast<const filesystem_error&>(error);
            serialize_to(out, e.code());
            serialize_to(out, e.path1());
            serialize_to(out, e.path2());
            // Its what() is made anew from the rest; send what it was constructed with.
            std::string given = e.std::system_error::what();
            const std::string suffix = ": " + e.code().message();
            if (given.ends_with(suffix)) given.resize(given.size() - suffix.size());
            out.write_string(given);
          },
          [](byte_reader& in) {
            const auto code = deserialize<std::error_code>(in);
            const auto path1 = deserialize<std::filesystem::path>(in);
            const auto path2 = deserialize<std::filesystem::path>(in);
            const std::string given = in.read_string();
            // The number of paths shows in what().
            if (path1.empty() && path2.empty())
              return std::make_exception_ptr(filesystem_error(given, code));
            if (path2.empty()) return std::make_exception_ptr(filesystem_error(given, path1, code));
            return std::make_exception_ptr(filesystem_error(given, path1, path2, code));
          }};
}

constexpr codec variant_access() {
  return {&typeid(std::bad_variant_access),
          [](byte_writer& out, const std::exception& error, const std::string&) {
            const std::string_view what = error.what();
            serialize_to(out, what == std::bad_variant_access().what());
          },
          [](byte_reader& in) {
            if (deserialize<bool>(in)) return std::make_exception_ptr(std::bad_variant_access());
            // Only the library can make one that says "wrong index".
            try {
              static_cast<void>(std::get<1>(std::variant<int, char>(0)));
            } catch (...) {
              return std::current_exception();
            }
            return std::exception_ptr();
          }};
}

constexpr codec crash() {
  return {&typeid(crashed),
          [](byte_writer& out, const std::exception& error, const std::string&) {
            const crash_details& d = static_cast<const crashed&>(error).details();
            write_archive(out) &
                d.unit_name& d.pid& d.signal& d.exit_code& d.limit& d.killed& d.stderr_tail;
          },
          [](byte_reader& in) {
            crash_details d;
            read_archive(in) &
                d.unit_name& d.pid& d.signal& d.exit_code& d.limit& d.killed& d.stderr_tail;
            if (d.limit > limit_kind::wall_time)
              throw_wire("trine: the limit of a crash on the wire is unknown");
            return std::make_exception_ptr(crashed(std::move(d)));
          }};
}

constexpr codec remote() {
  return {&typeid(remote_error),
          [](byte_writer& out, const std::exception& error, const std::string& what) {
            out.write_string(static_cast<const remote_error&>(error).type_name());
            out.write_string(what);
          },
          [](byte_reader& in) {
            std::string type = in.read_string();
            return std::make_exception_ptr(remote_error(std::move(type), in.read_string()));
          }};
}

constexpr codec regex() {
  return {&typeid(std::regex_error),
          [](byte_writer& out, const std::exception& error, const std::string& what) {
            out.write_raw(static_cast<int>(static_cast<const std::regex_error&>(error).code()));
            out.write_string(what);
          },
          [](byte_reader& in) {
            const int code = in.read_raw<int>();
            // An enum without a fixed type: only what its enumerators' bits can hold.
            if (code < 0 || code > 15) throw_wire("trine: the code of a regex_error is unknown");
            const std::string what = in.read_string();
            return with_exact_message<std::regex_error, std::runtime_error>(
                std::regex_error(static_cast<std::regex_constants::error_type>(code)), what);
          }};
}

// The index is what goes over the wire, after those of special_entries.
const codec codecs[] = {
    with_message<std::runtime_error>(),
    with_message<std::range_error>(),
    with_message<std::overflow_error>(),
    with_message<std::underflow_error>(),
    with_message<std::logic_error>(),
    with_message<std::invalid_argument>(),
    with_message<std::domain_error>(),
    with_message<std::length_error>(),
    with_message<std::out_of_range>(),
    with_code<std::system_error, std::error_code>(),
    with_code<std::ios_base::failure, std::error_code>(),
    with_code<std::future_error, std::error_code>(),
    filesystem(),
    regex(),
    variant_access(),
    fixed<std::exception>(),
    fixed<std::bad_alloc>(),
    fixed<std::bad_array_new_length>(),
    fixed<std::bad_cast>(),
    fixed<std::bad_any_cast>(),
    fixed<std::bad_typeid>(),
    fixed<std::bad_exception>(),
    fixed<std::bad_function_call>(),
    fixed<std::bad_optional_access>(),
    fixed<std::bad_weak_ptr>(),
    fixed<cancelled>(),
    with_message<timed_out>(),
    with_message<closed>(),
    with_message<usage_error>(),
    with_message<wire_error>(),
    crash(),
    remote(),
};

enum special_entries : unsigned char { no_exception, other_type, first_codec };

// The type that was thrown, without the wrapper std::throw_with_nested puts around it.
std::string thrown_name(const std::type_info& type) {
  std::string name = demangled(type.name());
  for (const std::string_view wrapper : {"std::_Nested_exception<", "std::__nested<"}) {
    if (name.starts_with(wrapper) && name.ends_with('>')) {
      name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
      while (name.ends_with(' ')) name.pop_back();  // before another '>'
      break;
    }
  }
  return name;
}

const codec* find_codec(const std::exception& error) {
  const std::type_info& type = typeid(error);
  for (const codec& each : codecs)
    if (*each.type == type) return &each;
  // What libstdc++'s streams throw, to serve both of its ABIs.
  if (std::string_view(type.name()) == "St13__ios_failure") {
    for (const codec& each : codecs)
      if (*each.type == typeid(std::ios_base::failure)) return &each;
  }
  if (dynamic_cast<const std::nested_exception*>(&error) != nullptr) {
    const std::string name = thrown_name(type);
    for (const codec& each : codecs)
      if (demangled(each.type->name()) == name) return &each;
  }
  return nullptr;
}

// "; caused by: …" for each exception nested in the one that is being handled.
template <class E>
std::string causes_of(const E& error) {
  constexpr int most_causes = 16;
  std::string text;
  const auto* nested = dynamic_cast<const std::nested_exception*>(std::addressof(error));
  std::exception_ptr next = nested != nullptr ? nested->nested_ptr() : nullptr;
  for (int depth = 0; next != nullptr && depth < most_causes; ++depth) {
    const std::exception_ptr current = std::move(next);
    next = nullptr;
    try {
      std::rethrow_exception(current);
    } catch (const std::exception& inner) {
      text += "; caused by: " + message_of(inner);
      if (const auto* more = dynamic_cast<const std::nested_exception*>(&inner))
        next = more->nested_ptr();
    } catch (...) {
      const std::type_info* type = abi::__cxa_current_exception_type();
      text += "; caused by: " + (type != nullptr ? thrown_name(*type) : "an exception");
    }
  }
  return text;
}

void encode_other(byte_writer& out, std::string_view type, std::string_view what) {
  out.write_raw(other_type);
  out.write_string(type);
  out.write_string(what);
}

void encode_standard(byte_writer& out, const std::exception& error) {
  const std::size_t start = out.size();
  const std::string what = message_of(error) + causes_of(error);
  if (const codec* found = find_codec(error)) {
    try {
      out.write_raw(static_cast<unsigned char>(first_codec + (found - codecs)));
      found->write(out, error, what);
      return;
    } catch (const wire_error&) {
      // Its error_code may be of a category that does not cross. (If it was the buffer that was
      // full, this throws again.)
      out.truncate(start);
    }
  }
  encode_other(out, thrown_name(typeid(error)), what);
}

// For exceptions that do not derive from std::exception: the few that say something by themselves.
void encode_current(byte_writer& out) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const std::string name = type != nullptr ? thrown_name(*type) : "unknown";
  try {
    throw;
  } catch (const std::string& text) {
    encode_other(out, "std::string", text);
  } catch (const char* text) {
    encode_other(out, name, text != nullptr ? text : "");
  } catch (int number) {
    encode_other(out, name, std::to_string(number));
  } catch (const std::error_code& code) {
    encode_other(out, name, code.message());
  } catch (const std::nested_exception& nested) {
    encode_other(out, name, "an exception of type " + name + causes_of(nested));
  } catch (...) {
    encode_other(out, name, "an exception of type " + name);
  }
}

}  // namespace

void encode_exception(byte_writer& out, const std::exception_ptr& error) {
  const std::size_t start = out.size();
  if (error == nullptr) {
    out.write_raw(no_exception);
    return;
  }
  std::exception_ptr failure;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    try {
      encode_standard(out, e);
    } catch (...) {
      failure = std::current_exception();
    }
  } catch (...) {
    try {
      encode_current(out);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure != nullptr) {
    out.truncate(start);
    std::rethrow_exception(failure);
  }
}

std::exception_ptr decode_exception(byte_reader& in) {
  const auto entry = in.read_raw<unsigned char>();
  if (entry == no_exception) return nullptr;
  if (entry == other_type) {
    std::string type = in.read_string();
    return std::make_exception_ptr(remote_error(std::move(type), in.read_string()));
  }
  if (entry - first_codec >= static_cast<int>(std::size(codecs)))
    throw_wire("trine: the type of an exception on the wire is unknown");
  return codecs[entry - first_codec].read(in);
}

}  // namespace trine::detail
