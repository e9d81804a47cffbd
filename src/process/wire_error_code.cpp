// Error categories across processes: the standard's four have a number.
#include <array>
#include <future>
#include <ios>
#include <string>
#include <system_error>

#include <trine/serialize.hpp>

namespace trine::detail {
namespace {

const std::array<const std::error_category*, 4>& categories() {
  static const std::array<const std::error_category*, 4> all{
      &std::generic_category(), &std::system_category(), &std::iostream_category(),
      &std::future_category()};
  return all;
}

}  // namespace

void write_error_code(byte_writer& out, int value, const std::error_category& category) {
  for (std::size_t i = 0; i < categories().size(); ++i) {
    if (*categories()[i] == category) {
      out.write_raw(static_cast<unsigned char>(i));
      out.write_raw(value);
      return;
    }
  }
  throw wire_error(std::string("trine: a std::error_code of category '") + category.name() +
                   "' cannot cross to a process, for its category is an object of this one; send "
                   "its value() and make the code again there");
}

const std::error_category& read_error_category(byte_reader& in, int& value) {
  const auto index = in.read_raw<unsigned char>();
  if (index >= categories().size()) throw_wire("trine: an error category on the wire is unknown");
  value = in.read_raw<int>();
  return *categories()[index];
}

}  // namespace trine::detail
